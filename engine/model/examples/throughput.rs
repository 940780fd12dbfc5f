//! Prints how fast a model reads and writes: `throughput MODEL_DIR [PREFILL_TOKENS]... [--chunk N] [--decode N] [--quantize SCHEME]`.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use lectern_model::model::{LoadOptions, Model, ModelOptions, Want};
use lectern_model::quant::Scheme;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or("usage: throughput MODEL_DIR [PREFILL_TOKENS]... [--chunk N] [--decode N] [--quantize SCHEME]")?;
    let (mut lengths, mut options, mut load, mut decode) =
        (Vec::new(), ModelOptions::default(), LoadOptions::default(), 32);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--chunk" => options.chunk = arguments.next().ok_or("--chunk needs a number")?.parse()?,
            "--quantize" => {
                let name = arguments.next().ok_or("--quantize needs a scheme")?;
                load.quantize = Some(Scheme::by_name(&name).ok_or("no such scheme")?);
            }
            "--decode" => decode = arguments.next().ok_or("--decode needs a number")?.parse()?,
            length => lengths.push(length.parse::<usize>()?),
        }
    }
    let started = Instant::now();
    let model = Model::load_with(Path::new(&folder), load)?.with_options(options);
    let millions = model.parameters() as f64 / 1e6;
    println!("loaded {millions:.1}M parameters in {:.2} s", started.elapsed().as_secs_f64());
    for tokens in lengths {
        measure(&model, tokens, decode)?;
    }
    Ok(())
}

/// One reading of `tokens` tokens, then `decode` single steps.
fn measure(model: &Model, tokens: usize, decode: usize) -> Result<(), Box<dyn std::error::Error>> {
    let vocabulary = u32::try_from(model.config().vocab_size)?;
    // Spread over the vocabulary, so that no row of a table stays in a cache that real text would not keep there.
    let token = |i: usize| (i as u32).wrapping_mul(2_654_435_761) % vocabulary;
    let prompt: Vec<u32> = (0..tokens).map(token).collect();
    let mut state = model.new_state();
    let started = Instant::now();
    model.forward(&prompt, &mut state, Want::Last)?;
    let reading = started.elapsed().as_secs_f64();
    let started = Instant::now();
    for i in 0..decode {
        model.forward(&[token(tokens + i)], &mut state, Want::Last)?;
    }
    let writing = started.elapsed().as_secs_f64();
    println!(
        "{tokens} tokens: prefill {:.0} tokens/s ({reading:.2} s), decode {:.1} tokens/s, state {:.1} MB",
        tokens as f64 / reading,
        decode as f64 / writing,
        state.bytes() as f64 / 1e6
    );
    Ok(())
}
