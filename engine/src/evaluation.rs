//! Measuring the product on labelled documents: the real path (import, extract, ground) and what came out beside the
//! labels.
//!
//! Convention, as in CUAD's own evaluation: a given passage is right where it overlaps a labelled one by a Jaccard index
//! of 0.5 or more, here over the characters that are not white space; precision counts labelled passages found against
//! given passages that are none, recall counts labelled passages. Where the words of a labelled passage stand in several
//! places, each of them counts.

pub mod align;
pub mod answers;
pub mod labels;
pub mod meetings;
pub mod metrics;
pub mod plot;
pub mod questions;
pub mod report;
pub mod rouge;
pub mod written;

use crate::ground::interruptions::{interruptions, parts};
use crate::progress::{Event, Silent, Sink};
use crate::rules::{Candidate, Ruled, RulesError, Table};
use crate::tasks::{Claim, Evidence, FieldSpec, Method, Pack, PackError, TaskSpec, TooLong};
use crate::text::DocText;
use crate::workspace::{DocumentId, ImportError, LibraryError, StoreError, StoredRun, Workspace};
use align::Bare;
use labels::{Contract, DataError};
use metrics::{Given, Gold, Matched, Ruler};
use report::{Failure, Tally, WrongValue};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Candidates below this score take no part in a curve.
const LEAST_SCORE: f64 = 0.02;

/// What the text is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The text in the labelled data, imported as a text file.
    Text,
    /// The PDF files beside it; contracts without one are left out.
    Pdf,
}

/// Which of the labelled documents are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choice {
    /// Most documents; `None` takes all.
    pub limit: Option<usize>,
    /// Documents whose text in the labelled data has more characters are left out.
    pub most_characters: Option<usize>,
}

impl Choice {
    /// Whether `text` is not too long.
    fn fits(self, text: &str) -> bool {
        self.most_characters.is_none_or(|most| text.chars().count() <= most)
    }

    /// The documents to take, in their order; `text` says what a document's text is.
    fn of<T>(self, documents: Vec<T>, text: impl Fn(&T) -> &str) -> Vec<T> {
        let fitting = documents.into_iter().filter(|document| self.fits(text(document)));
        fitting.take(self.limit.unwrap_or(usize::MAX)).collect()
    }
}

/// What to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The folder of the labelled data.
    pub data: PathBuf,
    /// Which documents.
    pub choice: Choice,
    /// Who extracts.
    pub method: Method,
    /// Where the text comes from.
    pub from: Source,
}

/// An evaluation cannot be made. That single documents fail is part of its result.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// The labelled data cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The pack cannot be used.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The tables of the rules cannot be used.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The library failed.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// A file for import cannot be written.
    #[error("{path} cannot be written: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// None of the labelled documents could be used.
    #[error("None of the {documents} labelled documents gave a result. The first failure: {reason}")]
    Nothing {
        /// How many there are.
        documents: usize,
        /// What was said of the first.
        reason: String,
    },
    /// The person stopped it.
    #[error("Stopped.")]
    Cancelled,
}

impl From<StoreError> for EvaluationError {
    fn from(error: StoreError) -> Self {
        Self::Library(error.into())
    }
}

/// Imports the labelled contracts into `workspace`, which must be empty, extracts the cuad pack from each, and counts.
/// `folder` takes the files that are imported.
pub async fn cuad(
    workspace: &Workspace,
    folder: &Path,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<Tally, EvaluationError> {
    let pack = Pack::built_in("cuad")?;
    let table = Table::built_in()?;
    let files = files(folder, options)?;
    let mut tally = Tally::new(&pack);
    let total = files.len() as u64;
    for (done, (contract, path)) in (0..).zip(&files) {
        let stage =
            Event::Stage { stage: "eval".to_owned(), message: format!("{} of {total}: {}", done + 1, contract.id) };
        if sink.event(stage).is_break() {
            return Err(EvaluationError::Cancelled);
        }
        let begun = Instant::now();
        let spec = TaskSpec::Fields { pack: pack.clone(), method: options.method };
        match analysed(workspace, path, spec).await? {
            Ok((text, run)) => {
                tally.time(begun.elapsed());
                count(&mut tally, &pack, contract, &text, &run, (options.method != Method::Model).then_some(&table));
            }
            Err(reason) => tally.fail(&pack, contract, Failure { document: contract.id.clone(), reason }),
        }
    }
    match tally.failures.first() {
        Some(first) if tally.documents == 0 => {
            Err(EvaluationError::Nothing { documents: files.len(), reason: first.reason.clone() })
        }
        _ => Ok(tally),
    }
}

/// Writes the contracts to measure as files; those for which there is no file of the kind asked for are left out.
fn files(folder: &Path, options: &Options) -> Result<Vec<(Contract, PathBuf)>, EvaluationError> {
    let mut contracts = labels::contracts(&options.data)?;
    contracts.retain(|c| options.choice.fits(&c.text));
    let mut pdfs = match options.from {
        Source::Pdf => labels::pdfs(&options.data)?,
        Source::Text => Default::default(),
    };
    let mut files = Vec::new();
    for contract in contracts {
        if options.choice.limit.is_some_and(|limit| files.len() >= limit) {
            break;
        }
        let (bytes, ending) = match (options.from, &contract.pdf) {
            (Source::Text, _) => (contract.text.clone().into_bytes(), "txt"),
            (Source::Pdf, Some(name)) => match pdfs.remove(name) {
                Some(bytes) => (bytes, "pdf"),
                None => continue,
            },
            (Source::Pdf, None) => continue,
        };
        let path = folder.join(format!("{:04}.{ending}", files.len()));
        std::fs::write(&path, bytes).map_err(|source| EvaluationError::Io { path: path.clone(), source })?;
        files.push((contract, path));
    }
    Ok(files)
}

/// Imports one file and puts `spec` to it, as `lectern import` and the commands of tasks do. The inner error is this
/// document's own.
async fn analysed(
    workspace: &Workspace,
    path: &Path,
    spec: TaskSpec,
) -> Result<Result<(std::sync::Arc<DocText>, StoredRun), String>, EvaluationError> {
    let id = match imported(workspace, path).await? {
        Ok(id) => id,
        Err(reason) => return Ok(Err(reason)),
    };
    match workspace.analyze(id, spec, TooLong::ReadInParts, 0, Box::new(Silent)).await {
        Ok(run) => Ok(Ok((workspace.text(id).await?, run))),
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// Imports one file. The inner error is this document's own.
async fn imported(workspace: &Workspace, path: &Path) -> Result<Result<DocumentId, String>, EvaluationError> {
    match workspace.import(path, None, Box::new(Silent)).await {
        Ok(outcome) => Ok(Ok(outcome.document.id)),
        Err(ImportError::Library(error)) => Err(error.into()),
        Err(ImportError::Cancelled { .. }) => Err(EvaluationError::Cancelled),
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// Compares one result with its labels.
fn count(tally: &mut Tally, pack: &Pack, contract: &Contract, text: &DocText, run: &StoredRun, rules: Option<&Table>) {
    let (ruler, bare) = (Ruler::new(&text.text), Bare::new(&text.text));
    let (gaps, ruled) = (interruptions(text), rules.map(|table| (Ruled::new(text), table)));
    tally.documents += 1;
    tally.model.clone_from(&run.result.provenance.model);
    tally.model_digest.clone_from(&run.result.provenance.model_digest);
    tally.begin_document();
    for (i, field) in pack.fields.iter().enumerate() {
        let gold: Vec<Gold> = passages(contract, &field.name).map(|quote| bare.places(quote)).collect();
        tally.unaligned += gold.iter().filter(|places| places.is_empty()).count();
        let given = given(run, field);
        if let Some(noted) = contract.labels.get(&field.name).and_then(|l| l.answer.as_deref()) {
            let claims: Vec<&Claim> = claims_of(run, field).collect();
            let right = answers::right(field.kind, noted, &claims);
            tally.answer(i, right);
            if right == Some(false) {
                tally.wrong_value(wrong_value(contract, field, noted, &claims));
            }
        }
        tally.quotes(&given, text);
        let operating: Vec<Given> = given.iter().map(|e| Given { span: e.span, score: 1.0 }).collect();
        let weighed = ruled.as_ref().map(|(ruled, table)| ruled.candidates(table, field, LEAST_SCORE));
        // What a page's end parts is cited in parts.
        let parted = |c: Candidate| parts(&gaps, c.span).into_iter().map(move |span| Candidate { span, ..c });
        let weighed: Vec<Candidate> = weighed.unwrap_or_default().into_iter().flat_map(parted).collect();
        let ranked = ranked(weighed, run, field);
        for claim in claims_of(run, field).filter(|c| !c.evidence.is_empty()) {
            let right = claim.evidence.iter().any(|e| metrics::is_labelled(&ruler, &gold, e.span));
            tally.judge(claim.confidence, right);
        }
        tally.add(i, &Matched::new(&ruler, &gold, &operating), &Matched::new(&ruler, &gold, &ranked));
    }
}

fn wrong_value(contract: &Contract, field: &FieldSpec, noted: &str, claims: &[&Claim]) -> WrongValue {
    let given = claims.iter().filter(|c| !c.evidence.is_empty());
    WrongValue {
        document: contract.id.clone(),
        field: field.name.clone(),
        noted: noted.to_owned(),
        given: given.map(|c| c.value.as_ref().map_or_else(|| c.text.clone(), ToString::to_string)).collect(),
    }
}

/// The labelled passages of a category, each once.
fn passages<'c>(contract: &'c Contract, category: &str) -> impl Iterator<Item = &'c str> + use<'c> {
    let spans = contract.labels.get(category).map(|l| l.spans.as_slice()).unwrap_or_default();
    let repeated = |i: usize| spans.iter().take(i).any(|s| spans.get(i).is_some_and(|own| own.text == s.text));
    let first: Vec<&str> =
        spans.iter().enumerate().filter(|(i, _)| !repeated(*i)).map(|(_, s)| s.text.as_str()).collect();
    first.into_iter()
}

/// The passages of `field` that stand on its curve: all that the rules weighed, by their scores, and what else was given,
/// by its confidence; without one it comes first, since nothing says that it is less sure.
fn ranked(weighed: Vec<Candidate>, run: &StoredRun, field: &FieldSpec) -> Vec<Given> {
    let mut ranked: Vec<Given> = weighed.iter().map(|c| Given { span: c.span, score: c.score }).collect();
    for claim in claims_of(run, field) {
        for evidence in &claim.evidence {
            if !ranked.iter().any(|given| given.span == evidence.span) {
                ranked.push(Given { span: evidence.span, score: claim.confidence.unwrap_or(1.0) });
            }
        }
    }
    ranked
}

fn claims_of<'r>(run: &'r StoredRun, field: &FieldSpec) -> impl Iterator<Item = &'r Claim> {
    run.result.claims.iter().filter(|c| c.label == field.name)
}

/// The passages a result gives for `field`, each once.
fn given<'r>(run: &'r StoredRun, field: &FieldSpec) -> Vec<&'r Evidence> {
    let mut given: Vec<&Evidence> = Vec::new();
    for evidence in claims_of(run, field).flat_map(|c| &c.evidence) {
        if !given.iter().any(|e| e.span == evidence.span) {
            given.push(evidence);
        }
    }
    given
}
