//! `lectern model`: look at a model, let it write, and write out its logits for comparison with other engines.

use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use lectern_engine::generate::locate::folder_card;
use lectern_model::chat::{ChatTemplate, Role};
use lectern_model::model::{Model, Want};
use lectern_model::sample::Sampling;
use lectern_model::session::{Generation, Session, save_logits};
use lectern_model::tokenizer::Tokenizer;

/// Arguments of `lectern model`.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say what the model is and what it takes to run it
    Info {
        /// Folder of the model
        #[arg(long, value_name = "DIR")]
        model: PathBuf,
    },
    /// Let the model write on from a prompt
    Generate(GenerateArgs),
    /// Write the logits after each of the given tokens to a safetensors file (tensor `logits`, f32, [T, V])
    Logits {
        /// Folder of the model
        #[arg(long, value_name = "DIR")]
        model: PathBuf,
        /// JSON file with a list of token ids
        #[arg(long, value_name = "FILE")]
        ids: PathBuf,
        /// File to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Debug, Args)]
struct GenerateArgs {
    /// Folder of the model
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// What to go on from. Without --chat, names of special tokens in it count as these tokens
    #[arg(long)]
    prompt: String,
    /// Most tokens to write
    #[arg(long, default_value_t = 128)]
    max_tokens: usize,
    /// 0 always takes the most likely token
    #[arg(long, default_value_t = 0.0)]
    temperature: f32,
    /// Keep the most likely tokens up to this share
    #[arg(long, default_value_t = 1.0)]
    top_p: f32,
    /// Keep this many of the most likely tokens; 0 keeps all
    #[arg(long, default_value_t = 0)]
    top_k: usize,
    /// Keep tokens at least this share as likely as the most likely
    #[arg(long, default_value_t = 0.0)]
    min_p: f32,
    /// Seed of the random numbers
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Put the prompt as a person's turn of a conversation
    #[arg(long)]
    chat: bool,
    /// Go on after the model has ended its turn
    #[arg(long)]
    ignore_eos: bool,
    /// Most tokens of thinking aloud before the program ends it
    #[arg(long, value_name = "TOKENS")]
    thinking_budget: Option<usize>,
}

/// Runs `lectern model`.
///
/// # Errors
/// The model or a file cannot be read or written, or the model fails; the message names it.
pub(crate) fn run(args: ModelArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Info { model } => info(&model)?,
        What::Generate(args) => generate(&args)?,
        What::Logits { model, ids, out } => logits(&model, &ids, &out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn template(folder: &Path) -> anyhow::Result<ChatTemplate> {
    let name = folder_card(folder)?.chat_template.unwrap_or_else(|| ChatTemplate::MiniMaxM1Vllm.name().to_string());
    ChatTemplate::by_name(&name).with_context(|| format!("the chat template `{name}` is not known"))
}

fn info(folder: &Path) -> anyhow::Result<()> {
    let card = folder_card(folder)?;
    let model = Model::load(folder)?;
    let tokenizer = Tokenizer::load(folder)?;
    let config = model.config();
    let mut out = std::io::stdout().lock();
    writeln!(out, "name            {}", card.name)?;
    for (label, text) in [("description", &card.description), ("licence", &card.license), ("source", &card.source)] {
        if !text.is_empty() {
            writeln!(out, "{label:<15} {text}")?;
        }
    }
    writeln!(out, "parameters      {}", model.parameters())?;
    writeln!(out, "  of these used {} per token", config.active_parameters())?;
    let lightning = config.layers_of(lectern_model::config::AttentionKind::Lightning);
    writeln!(out, "layers          {} ({lightning} lightning attention)", config.num_hidden_layers())?;
    writeln!(out, "context         {} tokens", card.context_length.unwrap_or(usize::MAX).min(config.context_length))?;
    let (fixed, per_token) = (config.state_bytes_fixed(), config.state_bytes_per_token());
    writeln!(out, "state           {fixed} bytes and {per_token} per token")?;
    writeln!(out, "vocabulary      {} ids, {} rows", tokenizer.vocab_len(), config.vocab_size)?;
    writeln!(out, "ends of a turn  {:?}", tokenizer.eos_ids())?;
    writeln!(out, "chat template   {}", template(folder)?.name())?;
    writeln!(out, "digest          {}", model.digest())?;
    if card.interim {
        writeln!(out, "This model stands in until Lectern's own is trained: for trying the program, not for relying on.")?;
    }
    Ok(())
}

fn generate(args: &GenerateArgs) -> anyhow::Result<()> {
    let model = Model::load(&args.model)?;
    let tokenizer = Tokenizer::load(&args.model)?;
    let prompt = if args.chat {
        let turns = [(Role::User, args.prompt.as_str())];
        tokenizer.encode_pieces(&template(&args.model)?.render(&turns))?
    } else {
        tokenizer.encode_raw(&args.prompt)?
    };
    anyhow::ensure!(!prompt.is_empty(), "The prompt is empty: give at least one character with --prompt.");
    let how = Generation {
        max_tokens: args.max_tokens,
        sampling: Sampling {
            temperature: args.temperature,
            top_p: args.top_p,
            top_k: args.top_k,
            min_p: args.min_p,
            seed: args.seed,
        },
        stop_at_eos: !args.ignore_eos,
        thinking_budget: args.thinking_budget,
        ..Generation::default()
    };
    let mut session = Session::new(&model);
    let started = Instant::now();
    session.feed(&prompt, &mut |_, _| ControlFlow::Continue(()))?;
    let read = started.elapsed();
    let started = Instant::now();
    let mut out = std::io::stdout().lock();
    let made = session.generate(&tokenizer, &how, None, &mut |piece| {
        // A closed pipe ends the work: nobody reads on.
        match out.write_all(piece.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    writeln!(out)?;
    let speed = |tokens: usize, seconds: f64| tokens as f64 / seconds.max(1e-9);
    eprintln!(
        "read {} tokens ({:.0}/s), wrote {} ({:.1}/s), ended by {:?}, mean log-probability {}",
        prompt.len(),
        speed(prompt.len(), read.as_secs_f64()),
        made.ids.len(),
        speed(made.ids.len(), started.elapsed().as_secs_f64()),
        made.stop,
        made.mean_logprob.map_or_else(|| "none".to_string(), |p| format!("{p:.3}")),
    );
    Ok(())
}

fn logits(folder: &Path, ids: &Path, out: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(ids).with_context(|| format!("Cannot read {}.", ids.display()))?;
    let tokens: Vec<u32> = serde_json::from_str(&text)
        .with_context(|| format!("{} must hold a JSON list of token ids, such as [1, 2, 3].", ids.display()))?;
    let model = Model::load(folder)?;
    let mut state = model.new_state();
    let logits = model.forward(&tokens, &mut state, Want::All)?;
    save_logits(&logits, out).with_context(|| format!("Cannot write {}.", out.display()))?;
    eprintln!("wrote {} rows of {} logits to {}", logits.rows, logits.vocab, out.display());
    Ok(())
}
