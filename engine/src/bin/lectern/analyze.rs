//! Commands that ask the model: summarize, minutes, extract, ask; and export of what came out.

use crate::{Common, Outcome, open, print, progress};
use anyhow::{Context, bail};
use lectern_engine::export::{self, ExportFormat, ExportOptions};
use lectern_engine::tasks::{Method, Pack, Status, TaskSpec, TooLong};
use lectern_engine::workspace::{AnalyzeError, RunId, Workspace};
use serde_json::json;
use std::path::PathBuf;

/// What to do with a document longer than the model can read at once.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Longer {
    /// Say so and do nothing
    Refuse,
    /// Read only the beginning
    Beginning,
    /// Read in parts that do not see each other
    Parts,
}

#[derive(clap::Args)]
pub(crate) struct TaskArguments {
    /// Number, file name, or beginning of the hash
    document: String,
    /// What to do with a document longer than the model can read at once
    #[arg(long, value_enum, default_value_t = Longer::Refuse)]
    too_long: Longer,
    /// Seed for sampling
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(clap::Args)]
pub(crate) struct ExtractArguments {
    #[command(flatten)]
    task: TaskArguments,
    /// A built-in pack: cuad, nda, report, minutes
    #[arg(long, value_name = "NAME", required_unless_present = "schema", conflicts_with = "schema")]
    pack: Option<String>,
    /// A pack of your own: JSON with "fields": [{"name", "type", "description", "many", "keywords"}]
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Who looks for the fields
    #[arg(long, value_enum, default_value_t = By::Both)]
    method: By,
}

/// Who looks for fields, answers, or writes.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum By {
    /// The language model and the rules, put together
    Both,
    /// The language model, which reads the document
    Model,
    /// Weighed phrases and search; needs no model
    Rules,
}

impl By {
    pub(crate) fn method(self) -> Method {
        match self {
            By::Both => Method::Both,
            By::Model => Method::Model,
            By::Rules => Method::Rules,
        }
    }
}

#[derive(clap::Args)]
pub(crate) struct WritingArguments {
    #[command(flatten)]
    task: TaskArguments,
    /// Who writes
    #[arg(long, value_enum, default_value_t = By::Both)]
    method: By,
}

#[derive(clap::Args)]
pub(crate) struct AskArguments {
    #[command(flatten)]
    task: TaskArguments,
    /// The question
    question: String,
    /// Who answers
    #[arg(long, value_enum, default_value_t = By::Both)]
    method: By,
}

/// Formats to export to.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// Everything, for programs
    Json,
    /// Markdown, for reading
    Md,
    /// For a spreadsheet
    Csv,
}

#[derive(clap::Args)]
pub(crate) struct ExportArguments {
    /// Number, file name, or beginning of the hash
    document: String,
    /// The format
    #[arg(long, value_enum)]
    format: Format,
    /// The number of a result [default: the latest]
    #[arg(long, value_name = "N")]
    run: Option<i64>,
    /// The file to write; standard output where absent
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Also lines without a located quote, marked as such
    #[arg(long)]
    include_unsupported: bool,
}

pub(crate) async fn summarize(
    workspace: &Workspace,
    common: &Common,
    arguments: WritingArguments,
) -> anyhow::Result<Outcome> {
    task(workspace, common, &arguments.task, TaskSpec::Summary { method: arguments.method.method() }).await
}

pub(crate) async fn minutes(
    workspace: &Workspace,
    common: &Common,
    arguments: WritingArguments,
) -> anyhow::Result<Outcome> {
    task(workspace, common, &arguments.task, TaskSpec::Minutes { method: arguments.method.method() }).await
}

pub(crate) async fn ask(workspace: &Workspace, common: &Common, arguments: AskArguments) -> anyhow::Result<Outcome> {
    task(
        workspace,
        common,
        &arguments.task,
        TaskSpec::Question { question: arguments.question, method: arguments.method.method() },
    )
    .await
}

pub(crate) async fn extract(
    workspace: &Workspace,
    common: &Common,
    arguments: ExtractArguments,
) -> anyhow::Result<Outcome> {
    let pack = match (&arguments.pack, &arguments.schema) {
        (Some(name), _) => Pack::built_in(name)?,
        (None, Some(file)) => {
            let json = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
            Pack::parse(&json, &file.display().to_string())?
        }
        (None, None) => bail!("Name a pack with --pack or a file with --schema."),
    };
    task(workspace, common, &arguments.task, TaskSpec::Fields { pack, method: arguments.method.method() }).await
}

async fn task(
    workspace: &Workspace,
    common: &Common,
    arguments: &TaskArguments,
    spec: TaskSpec,
) -> anyhow::Result<Outcome> {
    let document = open::document(workspace, &arguments.document).await?;
    let too_long = match arguments.too_long {
        Longer::Refuse => TooLong::Refuse,
        Longer::Beginning => TooLong::ReadBeginning,
        Longer::Parts => TooLong::ReadInParts,
    };
    let sink = progress::sink(common, &document.name);
    let run = match workspace.analyze(document.id, spec, too_long, arguments.seed, sink).await {
        Ok(run) => run,
        Err(AnalyzeError::NeedsChoice { job, message }) => {
            // The choice is made by giving the command again; the waiting job would only stand in the list.
            workspace.cancel(job).await?;
            fail(
                common,
                "too_long",
                &format!("{message} Give the command again with --too-long beginning or --too-long parts."),
            )?;
            return Ok(Outcome::NeedsChoice);
        }
        Err(AnalyzeError::Failed { code, message, .. }) => {
            fail(common, &code, &message)?;
            return Ok(Outcome::Failed);
        }
        Err(error @ AnalyzeError::Cancelled { .. }) => {
            fail(common, "cancelled", &error.to_string())?;
            return Ok(Outcome::Cancelled);
        }
        Err(AnalyzeError::Job(error)) => return Err(error.into()),
    };
    if common.json {
        print::json(&run)?;
    } else {
        print::run(&run, &*workspace.text(document.id).await?);
    }
    let grounded = run.result.claims.iter().any(|c| matches!(c.status, Status::Verified | Status::Fuzzy));
    Ok(if grounded { Outcome::Done } else { Outcome::NothingFound })
}

fn fail(common: &Common, code: &str, message: &str) -> anyhow::Result<()> {
    if common.json {
        print::json(&json!({ "error": code, "message": message }))?;
    } else {
        eprintln!("lectern: {message}");
    }
    Ok(())
}

pub(crate) async fn export(
    workspace: &Workspace,
    common: &Common,
    arguments: ExportArguments,
) -> anyhow::Result<Outcome> {
    let document = open::document(workspace, &arguments.document).await?;
    let run = match arguments.run {
        Some(id) => workspace.run(RunId(id)).await?,
        None => match workspace.runs(document.id).await?.into_iter().next() {
            Some(run) => run,
            None => bail!("{} has no results yet. Run summarize, minutes, extract or ask first.", document.name),
        },
    };
    if run.document != document.id {
        bail!("Result {} belongs to document {}, not to {}.", run.id.0, run.document.0, document.name);
    }
    let format = match arguments.format {
        Format::Json => ExportFormat::Json,
        Format::Md => ExportFormat::Markdown,
        Format::Csv => ExportFormat::Csv,
    };
    let text = workspace.text(document.id).await?;
    let options = ExportOptions { include_unsupported: arguments.include_unsupported };
    let content = export::write(&run, &document, &text, format, options);
    match &arguments.output {
        None => print::write(format_args!("{content}")),
        Some(path) => {
            std::fs::write(path, content).with_context(|| format!("{} cannot be written", path.display()))?;
            if common.json {
                print::json(&json!({ "written": path }))?;
            } else {
                out!("Written to {}.", path.display());
            }
        }
    }
    Ok(Outcome::Done)
}
