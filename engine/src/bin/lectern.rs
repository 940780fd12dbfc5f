//! The command line `lectern`: everything a library can do, without a window.

/// A line on stdout, as `println!`; a reader that went away (`lectern list | head`) ends the program quietly.
macro_rules! out {
    () => { $crate::print::write(format_args!("\n")) };
    ($($part:tt)*) => { $crate::print::write(format_args!("{}\n", format_args!($($part)*))) };
}

#[path = "lectern/analyze.rs"]
mod analyze;
#[path = "lectern/documents.rs"]
mod documents;
#[path = "lectern/eval.rs"]
mod eval;
#[path = "lectern/jobs.rs"]
mod jobs;
#[path = "lectern/model.rs"]
mod model;
#[path = "lectern/open.rs"]
mod open;
#[path = "lectern/print.rs"]
mod print;
#[path = "lectern/progress.rs"]
mod progress;

use clap::{Parser, Subcommand};
use lectern_engine::worker;
use std::path::PathBuf;
use std::process::ExitCode;

/// How a command ended; the codes are part of the command line's contract and listed in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What was asked for is there.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// Some files could not be read; the others are there.
    SomeUnreadable = 3,
    /// The document is longer than the model holds and nothing was chosen.
    NeedsChoice = 4,
    /// It ran, and there is nothing to show for it: no hit, not found, or no line with a located quote.
    NothingFound = 5,
    /// Stopped by the person.
    Cancelled = 130,
}

const EXIT_CODES: &str = "Exit codes:
  0    done
  1    failed
  2    wrong usage
  3    some files could not be read; the others are in the library
  4    the document is longer than the model can read at once: choose with --too-long
  5    nothing found: no hit, not in the document, or no line with a located quote
  130  stopped with Ctrl-C

Environment:
  LECTERN_LIBRARY  the library folder, where --library is not given
  LECTERN_MODEL    the model folder, where --model is not given
  LECTERN_ADAPTER  the folder of an adapter, where --adapter is not given
  LECTERN_PDFIUM   the pdfium library file

Nothing leaves this machine.";

/// Reads long documents whole and proves every line.
#[derive(Parser)]
#[command(name = "lectern", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(clap::Args)]
pub(crate) struct Common {
    /// The library folder [default: the user's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) library: Option<PathBuf>,
    /// Print JSON for programs; no progress
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The model's folder
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) model: Option<PathBuf>,
    /// The folder of an adapter, what the model was tuned with, instead of the model's own
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) adapter: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Put files or folders into the library
    Import(documents::ImportArguments),
    /// List the documents
    List,
    /// Show a document: what is known about it, its text, its results
    Show(documents::ShowArguments),
    /// Search the library
    Search(documents::SearchArguments),
    /// Summarize a document: one line, key points, sections
    Summarize(analyze::WritingArguments),
    /// Take minutes of a meeting: attendees, topics, decisions, action items
    Minutes(analyze::WritingArguments),
    /// Extract the fields of a pack
    Extract(analyze::ExtractArguments),
    /// Ask a document a question
    Ask(analyze::AskArguments),
    /// Write a result to a file
    Export(analyze::ExportArguments),
    /// List, run or cancel jobs
    Jobs(jobs::JobsArguments),
    /// Delete a document with everything that came of it
    Delete(documents::DeleteArguments),
    /// Build the search index anew
    Reindex,
    /// Look at everything that can be wrong
    Doctor,
    /// Measure extraction on labelled documents
    Eval(eval::EvalArguments),
    /// Look at a model, let it write, or write out its logits
    Model(model::ModelArgs),
}

fn main() -> ExitCode {
    progress::ignore_interrupt_in_workers();
    if let Some(code) = worker::run_if_worker(std::env::args_os()) {
        return code;
    }
    let arguments = Arguments::parse();
    if let Command::Model(args) = arguments.command {
        // Needs no library, and Ctrl-C may simply end it.
        return model::run(args).unwrap_or_else(|error| {
            eprintln!("lectern: {error:#}");
            ExitCode::FAILURE
        });
    }
    progress::catch_interrupt();
    let outcome = tokio::runtime::Runtime::new()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(arguments)));
    let outcome = outcome.unwrap_or_else(|error| {
        if !progress::interrupted() {
            eprintln!("lectern: {error:#}");
        }
        Outcome::Failed
    });
    // A child that died of the same Ctrl-C may have made this look like a failure.
    let outcome = if progress::interrupted() { Outcome::Cancelled } else { outcome };
    ExitCode::from(outcome as u8)
}

async fn run(arguments: Arguments) -> anyhow::Result<Outcome> {
    let common = arguments.common;
    let command = match arguments.command {
        // Has a library of its own.
        Command::Eval(a) => return eval::eval(common, a).await,
        command => command,
    };
    let workspace = open::workspace(&common).await?;
    let outcome = match command {
        Command::Import(a) => documents::import(&workspace, &common, a).await,
        Command::List => documents::list(&workspace, &common).await,
        Command::Show(a) => documents::show(&workspace, &common, a).await,
        Command::Search(a) => documents::search(&workspace, &common, a).await,
        Command::Summarize(a) => analyze::summarize(&workspace, &common, a).await,
        Command::Minutes(a) => analyze::minutes(&workspace, &common, a).await,
        Command::Extract(a) => analyze::extract(&workspace, &common, a).await,
        Command::Ask(a) => analyze::ask(&workspace, &common, a).await,
        Command::Export(a) => analyze::export(&workspace, &common, a).await,
        Command::Jobs(a) => jobs::jobs(&workspace, &common, a).await,
        Command::Delete(a) => documents::delete(&workspace, &common, a).await,
        Command::Reindex => documents::reindex(&workspace, &common).await,
        Command::Doctor => documents::doctor(&workspace, &common).await,
        // Run before, without this library.
        Command::Model(_) | Command::Eval(_) => Ok(Outcome::Done),
    };
    workspace.close().await;
    outcome
}
