//! `lectern model`: look at a model, let it write, and write out its logits for comparison with other engines.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use lectern_engine::generate::locate::{find_adapter, folder_card};
use lectern_engine::generate::native::KEYS_AND_VALUES;
use lectern_engine::import::normalize::normalize;
use lectern_engine::import::{parse, sniff};
use lectern_engine::tasks::{Pack, prompt, shown_passages};
use lectern_model::adapter::Adapter;
use lectern_model::bench;
use lectern_model::chat::{ChatTemplate, Role};
use lectern_model::config::deepseek_r1_flops_per_token;
use lectern_model::model::{LoadOptions, Model, Want};
use lectern_model::quant::Scheme;
use lectern_model::sample::Sampling;
use lectern_model::session::{Generation, Session, save_logits};
use lectern_model::state::KvPrecision;
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
        #[command(flatten)]
        model: Loaded,
    },
    /// Print the hash of the model's files: what an adapter is bound to
    Digest {
        /// Folder of the model
        #[arg(id = "model", long, value_name = "DIR")]
        folder: PathBuf,
    },
    /// Measure how fast the model reads and writes here, beside what this machine can do at most
    Bench(BenchArgs),
    /// Let the model write on from a prompt
    Generate(GenerateArgs),
    /// Write the model anew with quantised weights, to be mapped from its file instead of copied
    Convert {
        /// Folder of the model
        #[arg(long, value_name = "DIR")]
        model: PathBuf,
        /// q8_0, q4_k or q4_0
        #[arg(long)]
        quantize: Scheme,
        /// Folder to make
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Most megabytes of a weight file
        #[arg(long, value_name = "MB", default_value_t = 4096)]
        file_mb: u64,
    },
    /// Write the logits after each of the given tokens to a safetensors file (tensor `logits`, f32, [T, V])
    Logits {
        #[command(flatten)]
        model: Loaded,
        /// JSON file with a list of token ids
        #[arg(long, value_name = "FILE")]
        ids: PathBuf,
        /// File to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print everything that is put to a model, as JSON: what code that trains one must use
    Prompts {
        /// The built-in pack whose fields are asked for
        #[arg(long, value_name = "PACK", default_value = "cuad")]
        pack: String,
        /// The model's way of marking turns
        #[arg(long, value_name = "NAME", default_value = "chatml")]
        chat_template: String,
    },
    /// Print the passages that are shown beside requests, for code that trains a model: of each line of standard input,
    /// {"text": …, "requests": […]}, a line with a list of passages for each request
    Passages,
}

/// A line of standard input of `lectern model passages`.
#[derive(Debug, serde::Deserialize)]
struct Requests {
    text: String,
    requests: Vec<String>,
}

#[derive(Debug, Args)]
struct BenchArgs {
    #[command(flatten)]
    model: Loaded,
    /// Tokens to read, one measurement for each
    #[arg(long, value_delimiter = ',', default_value = "128,512,2048")]
    lengths: Vec<usize>,
    /// Tokens to write after each
    #[arg(long, default_value_t = 32)]
    decode: usize,
    /// How the state keeps keys and values: f32, f16 or q8
    #[arg(long, default_value = "f16")]
    keys_and_values: KvPrecision,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// A model and how it is loaded.
#[derive(Debug, Args)]
struct Loaded {
    /// Folder of the model
    #[arg(id = "model", long, value_name = "DIR")]
    folder: PathBuf,
    /// Quantise weights that are in floating point: q8_0, q4_k or q4_0
    #[arg(long)]
    quantize: Option<Scheme>,
    /// Folder of an adapter, instead of the model's own
    #[arg(id = "adapter", long, value_name = "DIR")]
    adapter: Option<PathBuf>,
}

impl Loaded {
    fn load(&self) -> anyhow::Result<Model> {
        self.load_keeping(KvPrecision::F32)
    }

    fn load_keeping(&self, keys_and_values: KvPrecision) -> anyhow::Result<Model> {
        self.load_with(self.adapter()?.as_ref(), keys_and_values)
    }

    fn load_with(&self, adapter: Option<&Adapter>, keys_and_values: KvPrecision) -> anyhow::Result<Model> {
        let options = LoadOptions { quantize: self.quantize, keys_and_values };
        Ok(Model::load_adapted(&self.folder, options, adapter)?)
    }

    /// What the model was tuned with, if anything.
    fn adapter(&self) -> anyhow::Result<Option<Adapter>> {
        let found = find_adapter(self.adapter.as_deref(), &self.folder, &folder_card(&self.folder)?)?;
        Ok(found.map(|folder| Adapter::open(&folder)).transpose()?)
    }
}

#[derive(Debug, Args)]
struct GenerateArgs {
    #[command(flatten)]
    model: Loaded,
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
        What::Digest { folder } => out!("{}", Model::digest_of(&folder)?),
        What::Bench(args) => bench(&args)?,
        What::Generate(args) => generate(&args)?,
        What::Convert { model, quantize, out, file_mb } => convert(&model, quantize, &out, file_mb)?,
        What::Logits { model, ids, out } => logits(&model, &ids, &out)?,
        What::Prompts { pack, chat_template } => prompts(&pack, &chat_template)?,
        What::Passages => passages()?,
    }
    Ok(ExitCode::SUCCESS)
}

fn prompts(pack: &str, chat_template: &str) -> anyhow::Result<()> {
    let template = ChatTemplate::by_name(chat_template)
        .with_context(|| format!("the chat template `{chat_template}` is not known"))?;
    crate::print::json(&prompt::catalogue(template, &Pack::built_in(pack)?))
}

fn passages() -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for (number, line) in (1..).zip(std::io::stdin().lock().lines()) {
        let of_line = || format!("line {number} of standard input");
        let asked: Requests = serde_json::from_str(&line.with_context(of_line)?).with_context(of_line)?;
        let bytes = asked.text.as_bytes();
        let format = sniff("document.txt", bytes).with_context(|| format!("{}: not a text", of_line()))?;
        let document = normalize(parse(format, bytes, None, None).with_context(of_line)?);
        serde_json::to_writer(&mut out, &shown_passages(&document, &asked.requests)?)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

fn template(folder: &Path) -> anyhow::Result<ChatTemplate> {
    let name = folder_card(folder)?.chat_template.unwrap_or_else(|| ChatTemplate::MiniMaxM1Vllm.name().to_string());
    ChatTemplate::by_name(&name).with_context(|| format!("the chat template `{name}` is not known"))
}

fn info(loaded: &Loaded) -> anyhow::Result<()> {
    let folder = &loaded.folder;
    let card = folder_card(folder)?;
    let adapter = loaded.adapter()?;
    let model = loaded.load_with(adapter.as_ref(), KvPrecision::F32)?;
    let tokenizer = Tokenizer::load(folder)?;
    let config = model.config();
    out!("name            {}", card.name);
    for (label, text) in [("description", &card.description), ("licence", &card.license), ("source", &card.source)] {
        if !text.is_empty() {
            out!("{label:<15} {text}");
        }
    }
    if let Some(adapter) = adapter {
        let (name, rank, maps) = (adapter.name(), adapter.rank(), adapter.modules().count());
        out!("adapter         {name}: rank {rank} on {maps} maps, {:.2} MB", adapter.bytes() as f64 / 1e6);
    }
    out!("parameters      {}", model.parameters());
    out!("  of these used {} per token", config.active_parameters());
    out!("weights         {:.1} MB in memory or mapped", model.weights_bytes() as f64 / 1e6);
    let lightning = config.layers_of(lectern_model::config::AttentionKind::Lightning);
    out!("layers          {} ({lightning} lightning attention)", config.num_hidden_layers());
    out!("context         {} tokens", card.context_length.unwrap_or(usize::MAX).min(config.context_length));
    let (fixed, per_token) = (config.state_bytes_fixed(), config.state_bytes_per_token(KEYS_AND_VALUES));
    out!("state           {fixed} bytes and {per_token} per token");
    let at = 100_000;
    let billions = |flops: u64| flops as f64 / 1e9;
    out!(
        "work            {:.2} GFLOP for a token after {at}; {:.2} if all layers were softmax; DeepSeek-R1 {:.0}",
        billions(config.flops_per_token(at)),
        billions(config.flops_per_token_all_softmax(at)),
        billions(deepseek_r1_flops_per_token(at))
    );
    out!("vocabulary      {} ids, {} rows", tokenizer.vocab_len(), config.vocab_size);
    out!("ends of a turn  {:?}", tokenizer.eos_ids());
    out!("chat template   {}", template(folder)?.name());
    out!("digest          {}", model.digest());
    if card.interim {
        out!("This model is for trying the program, not for relying on.");
    }
    Ok(())
}

fn bench(args: &BenchArgs) -> anyhow::Result<()> {
    // First, and then forgotten, so that what it reads is not counted as the model's memory.
    let ceilings = bench::ceilings();
    forget_peak();
    let started = Instant::now();
    let model = args.model.load_keeping(args.keys_and_values)?;
    let load_s = started.elapsed().as_secs_f64();
    let longest = args.lengths.iter().copied().max().unwrap_or(0);
    let estimate = model.memory_estimate(longest);
    eprintln!("{} tokens and what they need take about {:.0} MB of memory.", longest, estimate as f64 / 1e6);
    let folder = tempfile::tempdir().context("Cannot make a temporary folder.")?;
    let mut measures = Vec::new();
    // States that are saved and reopened afterwards take their room a second time.
    let mut reading_peak = None;
    for &tokens in &args.lengths {
        let mut said = |done: usize| {
            if done == tokens {
                reading_peak = reading_peak.max(peak_memory());
            }
            if !args.json && std::io::stderr().is_terminal() {
                eprint!("\r{done} of {tokens} tokens read");
            }
            ControlFlow::Continue(())
        };
        measures.push(bench::measure(&model, &ceilings, tokens, args.decode, folder.path(), &mut said)?);
    }
    let peak = peak_memory();
    if args.json {
        let report = serde_json::json!({ "digest": model.digest(), "parameters": model.parameters(),
            "weights_bytes": model.weights_bytes(), "load_s": load_s, "machine": ceilings, "measures": measures,
            "peak_memory_bytes": peak, "reading_peak_memory_bytes": reading_peak, "estimated_memory_bytes": estimate });
        out!("{report:#}");
        return Ok(());
    }
    out!(
        "\nkernel {}, {} threads; this machine reads {:.1} GB/s and makes {:.0} GFLOP/s in f32",
        ceilings.kernel,
        ceilings.threads,
        ceilings.read_gb_s,
        ceilings.f32_gflop_s
    );
    out!("{:.1} MB of weights, loaded in {load_s:.2} s", model.weights_bytes() as f64 / 1e6);
    out!(" tokens  read/s  of f32  written/s  MB a token  of memory  state MB  save s  reopen s");
    for m in &measures {
        out!(
            "{:7} {:7.0} {:6.0}% {:10.1} {:11.1} {:9.0}% {:9.1} {:7.2} {:9.2}",
            m.tokens,
            m.prefill_tokens_s,
            100.0 * m.prefill_share_of_f32,
            m.decode_tokens_s,
            m.decode_bytes as f64 / 1e6,
            100.0 * m.decode_share_of_memory,
            m.state_bytes as f64 / 1e6,
            m.save_s,
            m.restore_s
        );
    }
    if let (Some(reading), Some(all)) = (reading_peak, peak) {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        out!(
            "peak memory {:.0} MB while reading, estimated {:.0} MB; {:.0} MB with the state reopened",
            mb(reading),
            mb(estimate),
            mb(all)
        );
    }
    Ok(())
}

/// Lets the system count the most memory held from here on.
fn forget_peak() {
    // Where it is not Linux, or forbids it, the peak stays that of the whole run: too high, never too low.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Most memory this process has held, where the system says so.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kb| kb * 1024)
}

fn generate(args: &GenerateArgs) -> anyhow::Result<()> {
    let model = args.model.load()?;
    let tokenizer = Tokenizer::load(&args.model.folder)?;
    let prompt = if args.chat {
        let turns = [(Role::User, args.prompt.as_str())];
        tokenizer.encode_pieces(&template(&args.model.folder)?.render(&turns))?
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

fn convert(from: &Path, quantize: Scheme, to: &Path, file_mb: u64) -> anyhow::Result<()> {
    let mut said = |done, all| eprintln!("{done} of {all} tensors");
    let made = lectern_model::convert::convert(from, to, quantize, file_mb * 1_000_000, &mut said)?;
    let mb = |bytes: u64| bytes as f64 / 1e6;
    out!(
        "{}: {:.1} MB of weights became {:.1} MB in {} file{}; {} tensors in {}, {} left as they were.",
        to.display(),
        mb(made.bytes_before),
        mb(made.bytes_after),
        made.files,
        if made.files == 1 { "" } else { "s" },
        made.packed,
        quantize.name(),
        made.kept
    );
    if let Some(adapter) = folder_card(from)?.adapter {
        out!("Its adapter {} is bound to the weights as they were: it was left out.", adapter.display());
    }
    Ok(())
}

fn logits(loaded: &Loaded, ids: &Path, out: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(ids).with_context(|| format!("Cannot read {}.", ids.display()))?;
    let tokens: Vec<u32> = serde_json::from_str(&text)
        .with_context(|| format!("{} must hold a JSON list of token ids, such as [1, 2, 3].", ids.display()))?;
    let model = loaded.load()?;
    let mut state = model.new_state();
    let logits = model.forward(&tokens, &mut state, Want::All)?;
    save_logits(&logits, out).with_context(|| format!("Cannot write {}.", out.display()))?;
    eprintln!("wrote {} rows of {} logits to {}", logits.rows, logits.vocab, out.display());
    Ok(())
}
