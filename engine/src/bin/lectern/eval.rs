//! `lectern eval`: the real path over labelled documents, in a library of its own that is gone afterwards.

use crate::analyze::By;
use crate::{Common, Outcome, open, print, progress};
use anyhow::Context;
use lectern_engine::evaluation::questions;
use lectern_engine::evaluation::report::{About, Report};
use lectern_engine::evaluation::written::{self, Writing, Written};
use lectern_engine::evaluation::{self, Choice, Options, Source, plot};
use lectern_engine::tasks::Method;
use lectern_engine::workspace::Workspace;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Labelled data that can be measured on.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Data {
    /// Contracts with 41 kinds of clause (The Atticus Project, CC BY 4.0): val.jsonl.xz, and val-pdf.tar
    Cuad,
    /// Minutes of meetings against a note taker's decisions and actions: ethereum-decisions.jsonl.xz
    Minutes,
    /// Summaries of reports against the authors' abstracts, pep-rfc-abstracts.jsonl.xz; or of meetings against a person's, qmsum-val.jsonl.xz
    Summary,
    /// Questions, answered with a labelled passage or with "not in the document": val.jsonl.xz with categories.csv, or
    /// qmsum-val.jsonl.xz
    Questions,
}

/// Where the text comes from.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum From {
    /// The PDF files
    Pdf,
    /// The text beside the labels
    Text,
}

#[derive(clap::Args)]
pub(crate) struct EvalArguments {
    /// What to measure on
    #[arg(value_enum)]
    on: Data,
    /// The folder of the labelled data (.jsonl.xz, or .jsonl)
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Most documents
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Who looks for the fields of contracts, answers questions, or writes
    #[arg(long, value_enum, default_value_t = By::Both)]
    method: By,
    /// Where the text of contracts comes from
    #[arg(long, value_enum, default_value_t = From::Text)]
    from: From,
    /// Leave out documents with more characters
    #[arg(long, value_name = "N")]
    most_characters: Option<usize>,
    /// Questions to a document that it answers, at most, and as many that it does not
    #[arg(long, value_name = "N", default_value_t = 3)]
    each: usize,
    /// Where to write the report (JSON); for contracts a picture with the ending .svg is written beside it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl EvalArguments {
    fn choice(&self) -> Choice {
        Choice { limit: self.limit, most_characters: self.most_characters }
    }
}

pub(crate) async fn eval(mut common: Common, arguments: EvalArguments) -> anyhow::Result<Outcome> {
    let folder = tempfile::tempdir().context("A folder for the library of the evaluation cannot be made")?;
    let inbox = folder.path().join("inbox");
    std::fs::create_dir(&inbox).with_context(|| format!("{} cannot be made", inbox.display()))?;
    common.library = Some(folder.path().join("library"));
    let workspace = open::workspace(&common).await?;
    let outcome = match arguments.on {
        Data::Cuad => contracts(&workspace, &common, &inbox, arguments).await,
        Data::Minutes => writing(&workspace, &common, &inbox, arguments, Writing::Minutes).await,
        Data::Summary => writing(&workspace, &common, &inbox, arguments, Writing::Summary).await,
        Data::Questions => asking(&workspace, &common, &inbox, arguments).await,
    };
    workspace.close().await;
    outcome
}

async fn contracts(
    workspace: &Workspace,
    common: &Common,
    inbox: &Path,
    arguments: EvalArguments,
) -> anyhow::Result<Outcome> {
    let options = Options {
        choice: arguments.choice(),
        data: arguments.data,
        method: arguments.method.method(),
        from: match arguments.from {
            From::Pdf => Source::Pdf,
            From::Text => Source::Text,
        },
    };
    let mut sink = progress::sink(common, "eval");
    let tally = evaluation::cuad(workspace, inbox, &options, &mut *sink).await;
    drop(sink);
    let (method, from) = (word(&options.method)?, if options.from == Source::Pdf { "pdf" } else { "text" });
    let report = tally?.report(about("cuad", &method, from));
    if let Some(path) = &arguments.out {
        write(path, serde_json::to_string_pretty(&report)?)?;
        write(&path.with_extension("svg"), plot::svg(&report))?;
    }
    if common.json {
        print::json(&json!(report))?;
    } else {
        show(&report);
    }
    Ok(Outcome::Done)
}

async fn writing(
    workspace: &Workspace,
    common: &Common,
    inbox: &Path,
    arguments: EvalArguments,
    what: Writing,
) -> anyhow::Result<Outcome> {
    let method = arguments.method.method();
    let about = about(if what == Writing::Minutes { "minutes" } else { "summary" }, &word(&method)?, "text");
    let mut sink = progress::sink(common, "eval");
    let choice = arguments.choice();
    let report = written::written(workspace, inbox, (what, method), &arguments.data, choice, about, &mut *sink).await;
    drop(sink);
    show_written(common, arguments.out.as_deref(), &report?)
}

async fn asking(
    workspace: &Workspace,
    common: &Common,
    inbox: &Path,
    arguments: EvalArguments,
) -> anyhow::Result<Outcome> {
    let (choice, method) = (arguments.choice(), arguments.method.method());
    let mut sink = progress::sink(common, "eval");
    let about = about("questions", &word(&method)?, "text");
    let report =
        questions::questions(workspace, inbox, &arguments.data, choice, (arguments.each, method), about, &mut *sink)
            .await;
    drop(sink);
    show_written(common, arguments.out.as_deref(), &report?)
}

/// Writes the report where it is wanted, and prints it.
fn show_written(common: &Common, out: Option<&Path>, report: &Written) -> anyhow::Result<Outcome> {
    if let Some(path) = out {
        write(path, serde_json::to_string_pretty(report)?)?;
    }
    if common.json {
        print::json(&json!(report))?;
        return Ok(Outcome::Done);
    }
    let rows: Vec<Vec<String>> =
        report.measures.iter().map(|(name, value)| vec![name.clone(), format!("{value:.3}")]).collect();
    print::table(&["MEASURE", "MEAN"], &rows);
    let digest = report.model_digest.get(..12).unwrap_or_default();
    out!("\n{} documents, {} failed, {} ({digest})", report.documents, report.failures.len(), report.model);
    for failure in &report.failures {
        out!("failed: {}: {}", failure.document, print::plain(&failure.reason));
    }
    out!("{}", report.convention);
    Ok(Outcome::Done)
}

fn write(path: &Path, content: String) -> anyhow::Result<()> {
    std::fs::write(path, content).with_context(|| format!("{} cannot be written", path.display()))
}

/// The name a value has in stored results.
fn word(method: &Method) -> anyhow::Result<String> {
    let value = serde_json::to_value(method)?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

fn about(data: &str, method: &str, from: &str) -> About {
    About {
        lectern: env!("CARGO_PKG_VERSION").to_owned(),
        data: data.to_owned(),
        method: method.to_owned(),
        from: from.to_owned(),
        date: chrono::Utc::now().format("%Y-%m-%d").to_string(),
        machine: machine(),
    }
}

/// Processor, threads and system, as far as they can be known.
fn machine() -> String {
    let known = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = known.lines().find_map(|l| l.strip_prefix("model name")?.split_once(':')).map(|(_, n)| n.trim());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (system, kind) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("{}, {threads} threads, {system} {kind}", name.unwrap_or("unknown processor"))
}

fn show(report: &Report) {
    let rows: Vec<Vec<String>> = report
        .categories
        .iter()
        .map(|c| {
            let rate = |r: Option<f64>| r.map_or("-".to_owned(), |r| format!("{r:.2}"));
            let score = |s: f64| if c.labelled > 0 { format!("{s:.2}") } else { "-".to_owned() };
            vec![
                c.name.clone(),
                c.labelled.to_string(),
                score(c.scores.precision),
                score(c.scores.recall),
                score(c.scores.f1),
                score(c.area),
                rate(c.absent_said_absent),
                rate(c.present_given),
                rate(c.answers_right),
            ]
        })
        .collect();
    print::table(&["CATEGORY", "LABELS", "PRECISION", "RECALL", "F1", "AREA", "ABSENT", "PRESENT", "VALUE"], &rows);
    out!(
        "\n{} documents, {} failed, {} with {} ({})",
        report.documents,
        report.failures.len(),
        report.about.method,
        report.model,
        report.model_digest.get(..12).unwrap_or_default()
    );
    out!("area under precision-recall     {:.3}  (mean of categories {:.3})", report.area, report.macro_area);
    out!(
        "precision at 80 % recall        {:.3}  (all candidates reach {:.3} recall)",
        report.precision_at_80_recall,
        report.most_recall
    );
    out!(
        "precision, recall, F1           {:.3}  {:.3}  {:.3}  (mean F1 of categories {:.3})",
        report.micro.precision,
        report.micro.recall,
        report.micro.f1,
        report.macro_f1
    );
    out!("absent said absent              {:.3}", report.absent_said_absent);
    out!("present: something, right given {:.3}  {:.3}", report.present_given, report.present_right);
    let rate = |r: Option<f64>| r.map_or("-".to_owned(), |r| format!("{r:.3}"));
    out!("values as noted                 {}", rate(report.answers_right));
    out!("parties, dates, law all right   {}  of the documents", rate(report.essentials_right));
    if let Some(calibration) = &report.calibration {
        let (error, given) = (calibration.error, calibration.given);
        out!("expected calibration error      {error:.3}  ({given} claims, bins: {})", calibration.bins);
    }
    out!("quotes verified                 {:.3}  of {}", report.quotes_verified, report.quotes);
    out!("labels not in the text          {} of {}", report.unaligned, report.labelled);
    out!(
        "seconds a document              {:.2} mean, {:.2} median, {:.2} most",
        report.seconds_mean,
        report.seconds_median,
        report.seconds_most
    );
    for failure in &report.failures {
        out!("failed: {}: {}", failure.document, print::plain(&failure.reason));
    }
    out!("{}", report.convention);
}
