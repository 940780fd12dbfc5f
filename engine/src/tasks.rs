//! What can be asked of a document that was read: summary, minutes, fields, a question. Every line carries evidence.

pub mod asking;
pub(crate) mod combine;
pub(crate) mod contract;
pub(crate) mod ending;
pub(crate) mod evidence;
pub mod fields;
mod length;
pub mod minutes;
pub mod pack;
pub mod prompt;
pub mod question;
pub mod result;
pub(crate) mod ruled;
pub(crate) mod salient;
pub(crate) mod signature;
mod sought;
pub(crate) mod spoken;
pub(crate) mod start;
pub mod summary;

pub use pack::{FieldSpec, FieldType, Pack, PackError};
pub use result::{
    Claim, ClaimKind, Coverage, Evidence, FoundBy, MatchKind, ModelDecision, Provenance, RunResult, SearchedNote,
    Status,
};

use crate::generate::{GenerateError, Generator, ModelCard, Reading};
use crate::progress::Sink;
use crate::reading;
use crate::text::{DocText, Span};
use asking::Asking;
use evidence::Grounds;
use question::Question;
use serde::{Deserialize, Serialize};
use sought::Seeker;
use std::path::PathBuf;

/// Longer questions do not fit beside the room kept for instructions.
const MOST_QUESTION_CHARS: usize = 1_000;

/// A task with its parameters, as stored with a job and a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum TaskSpec {
    /// One line, key points, and one point for each section.
    Summary {
        /// Who writes it.
        #[serde(default)]
        method: Method,
    },
    /// Attendees, topics, decisions, action items.
    Minutes {
        /// Who takes them.
        #[serde(default)]
        method: Method,
    },
    /// The fields of a pack.
    Fields {
        /// The pack itself, so that a stored run says exactly what was asked.
        pack: Pack,
        /// Who looks for them.
        #[serde(default)]
        method: Method,
    },
    /// A question in the person's words.
    Question {
        /// The question.
        question: String,
        /// Who answers it.
        #[serde(default)]
        method: Method,
    },
}

/// Who looks for the fields of a pack, answers a question, or writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The language model, which reads the document. What stored runs of earlier versions mean where they say nothing.
    #[default]
    Model,
    /// Both, put together: each line with whoever found it, and of fields and answers how likely it is. A model for trying
    /// writes no summaries or minutes so: what the rules take out of a document is better.
    Both,
    /// Weighed phrases and search ([`crate::rules`]); needs no model.
    Rules,
}

impl TaskSpec {
    /// Whether a language model is needed.
    pub fn needs_model(&self) -> bool {
        self.method() != Method::Rules
    }

    /// Who does it.
    pub fn method(&self) -> Method {
        match self {
            TaskSpec::Summary { method }
            | TaskSpec::Minutes { method }
            | TaskSpec::Fields { method, .. }
            | TaskSpec::Question { method, .. } => *method,
        }
    }
}

/// What to do with a document that is longer than the model holds. There is no default: the person chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TooLong {
    /// Do nothing and say so.
    Refuse,
    /// Read as much of the beginning as fits; the result says what was not read.
    ReadBeginning,
    /// Read in parts that fit, run the task on each, and join; the result says that no part saw the others.
    ReadInParts,
}

/// How a task is run, apart from what it asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOptions {
    /// What to do where the document is longer than the model holds.
    pub too_long: TooLong,
    /// Seed for sampling; kept in the provenance.
    pub seed: u64,
    /// Folder of saved model states of this document; `None` keeps none.
    pub state_dir: Option<PathBuf>,
}

/// Search within the one document a task runs on.
pub trait Search {
    /// At most `limit` passages of the canonical text that hold the words of `query`, best first.
    fn find(&self, query: &str, limit: usize) -> Vec<Span>;
}

/// Why a task gave no result. Nothing of it is stored as a result.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The document is longer than the model holds and nobody has chosen what to do.
    #[error(
        "The document has {tokens} tokens; the model {model} can read {available} at once. \
         Choose: read the beginning only, or read it in parts."
    )]
    TooLong {
        /// Tokens of the document.
        tokens: usize,
        /// Tokens of document text the model can hold beside instructions and answers.
        available: usize,
        /// The model's name.
        model: String,
    },
    /// There is no text to read.
    #[error("There is no text to read in this document: {reason}")]
    NoText {
        /// Why.
        reason: String,
    },
    /// The task itself asks for nothing: an empty question, a pack without fields.
    #[error("The task cannot be run: {reason}")]
    BadRequest {
        /// What is wrong and what to give.
        reason: String,
    },
    /// Every request to the model failed, so there is nothing to show.
    #[error("None of the {requests} requests to the model gave a usable answer. The last said: {reason}")]
    AllFailed {
        /// Requests made.
        requests: usize,
        /// What the last one said.
        reason: String,
    },
    /// The tables of the rules cannot be used.
    #[error(transparent)]
    Rules(#[from] crate::rules::RulesError),
    /// The model could not be used.
    #[error(transparent)]
    Generate(GenerateError),
    /// The person stopped it.
    #[error("Stopped.")]
    Cancelled,
}

impl TaskError {
    /// A stable word for programs and the job table.
    pub fn code(&self) -> &'static str {
        match self {
            TaskError::TooLong { .. } => "too_long",
            TaskError::NoText { .. } => "no_text",
            TaskError::BadRequest { .. } => "bad_request",
            TaskError::AllFailed { .. } => "all_failed",
            TaskError::Generate(GenerateError::NoModel { .. }) => "no_model",
            TaskError::Generate(GenerateError::Memory { .. }) => "memory",
            TaskError::Rules(_) => "rules",
            TaskError::Generate(_) => "model",
            TaskError::Cancelled => "cancelled",
        }
    }
}

/// Runs `spec` on `document` without a model, whatever its method: by rules and search.
pub fn run_rules(
    document: &DocText,
    spec: &TaskSpec,
    search: &dyn Search,
    sink: &mut dyn Sink,
) -> Result<RunResult, TaskError> {
    check_request(spec)?;
    if document.text.trim().is_empty() {
        return Err(TaskError::NoText { reason: "its pages have no text that could be searched.".to_owned() });
    }
    match spec {
        TaskSpec::Summary { .. } => ruled::summary(document, search, sink),
        TaskSpec::Minutes { .. } => ruled::minutes(document, search, sink),
        TaskSpec::Fields { pack, .. } => ruled::run(document, pack, search, sink),
        TaskSpec::Question { question, .. } => ruled::answer(document, question, search, sink),
    }
}

/// Runs `spec` on `document`: reads it (once, or in parts if so chosen), asks, grounds every line. `label` is the
/// document's name. Blocking; cancelled at the next boundary between requests when `sink` breaks.
pub fn run(
    generator: &mut dyn Generator,
    document: &DocText,
    label: &str,
    spec: &TaskSpec,
    options: &RunOptions,
    search: &dyn Search,
    sink: &mut dyn Sink,
) -> Result<RunResult, TaskError> {
    check_request(spec)?;
    let card = generator.card().clone();
    let writes = matches!(spec, TaskSpec::Summary { .. } | TaskSpec::Minutes { .. });
    if writes && card.interim && spec.method() == Method::Both {
        let mut result = run_rules(document, spec, search, sink)?;
        result.coverage.add(&format!("{} is only for trying the program and was not asked.", card.name));
        return Ok(result);
    }
    let plan = reading::plan(generator, document, options.too_long)?;
    let grounds = Grounds::new(document, search);
    let seeker = Seeker::new(&grounds)?;
    let mut asking = Asking::new(generator, sink, options.seed);
    let mut coverage = plan.coverage;
    let mut claims = Vec::new();
    for (i, part) in plan.parts.iter().enumerate() {
        let text = document.slice(part.span).unwrap_or_default();
        asking.read(&Reading { text, label, state_dir: options.state_dir.as_deref() })?;
        let mut found = match spec {
            TaskSpec::Summary { .. } => {
                let summary = summary::run(&mut asking, &grounds, part.span)?;
                if let Some(left_out) = summary.left_out {
                    coverage.add(&left_out);
                }
                summary.claims
            }
            TaskSpec::Minutes { .. } => minutes::run(&mut asking, &grounds, part.span)?,
            TaskSpec::Fields { pack, method } => {
                // A model for trying could only confirm what the rules find: it is asked for the rest.
                let rest = (card.interim && *method == Method::Both).then(|| seeker.unfound(pack));
                let pack = rest.as_ref().unwrap_or(pack);
                fields::run(&mut asking, &grounds, &seeker, pack, part.span, part.tokens)?
            }
            TaskSpec::Question { question, method } => {
                let question = Question { words: question, method: *method, doubted: card.interim };
                question::run(&mut asking, &grounds, &seeker, &question, part.span, part.tokens)?
            }
        };
        if plan.parts.len() > 1 {
            let name = format!("Part {} of {}", i + 1, plan.parts.len());
            found.iter_mut().filter(|c| c.kind == ClaimKind::Headline).for_each(|c| c.label.clone_from(&name));
        }
        claims.extend(found);
    }
    let tally = asking.tally;
    if tally.requests > 0 && tally.failed == tally.requests {
        return Err(TaskError::AllFailed { requests: tally.requests, reason: tally.last_failure });
    }
    if plan.parts.len() > 1 {
        claims = join(spec, claims);
    }
    let mut provenance = provenance(&card, options.seed, tally);
    if spec.method() == Method::Both || provenance.decisions.iter().any(|d| d.evidence.is_some()) {
        provenance.rules_digest = Some(seeker.table().digest().to_owned());
    }
    if spec.method() == Method::Both {
        claims = match spec {
            TaskSpec::Summary { .. } => summary::confirmed(claims, &summary::by_rules(&grounds, &seeker)?.claims),
            TaskSpec::Minutes { .. } => minutes::combine(claims, spoken::minutes(&grounds, &seeker)?),
            TaskSpec::Fields { pack, .. } => combine::combine(&grounds, &seeker, pack, &claims),
            TaskSpec::Question { .. } => claims,
        };
    }
    if let TaskSpec::Fields { pack, .. } = spec {
        ending::count(&grounds, pack, &mut claims);
    }
    grounds.part(&mut claims);
    Ok(RunResult { claims, coverage, provenance })
}

/// The passages of `document` that are shown to a model beside each of `requests`, each with how probable it is that it
/// answers, for code that trains one.
pub fn shown_passages(document: &DocText, requests: &[String]) -> Result<Vec<Vec<(String, f64)>>, TaskError> {
    let grounds = Grounds::new(document, &NoSearch);
    let seeker = Seeker::new(&grounds)?;
    let all = Span::new(0, document.text.len());
    let shown = |request: &String| {
        let found = seeker.seek(request, all).into_iter();
        found.filter_map(|s| Some((document.slice(s.span)?.to_owned(), s.score))).collect()
    };
    Ok(requests.iter().map(shown).collect())
}

struct NoSearch;

impl Search for NoSearch {
    fn find(&self, _query: &str, _limit: usize) -> Vec<Span> {
        Vec::new()
    }
}

/// Refuses a task that asks for nothing before anything is read.
fn check_request(spec: &TaskSpec) -> Result<(), TaskError> {
    match spec {
        TaskSpec::Question { question, .. } if question.trim().is_empty() => {
            Err(TaskError::BadRequest { reason: "the question is empty".into() })
        }
        TaskSpec::Question { question, .. } if question.chars().count() > MOST_QUESTION_CHARS => {
            Err(TaskError::BadRequest {
                reason: format!("the question is longer than {MOST_QUESTION_CHARS} characters"),
            })
        }
        TaskSpec::Fields { pack, .. } if pack.fields.is_empty() => {
            Err(TaskError::BadRequest { reason: format!("the pack “{}” has no fields", pack.name) })
        }
        _ => Ok(()),
    }
}

/// Joins what several parts gave, by the rule of each task. Summaries stand part by part.
fn join(spec: &TaskSpec, claims: Vec<Claim>) -> Vec<Claim> {
    match spec {
        TaskSpec::Summary { .. } => claims,
        TaskSpec::Minutes { .. } => minutes::join(claims),
        TaskSpec::Fields { pack, .. } => fields::join(pack, claims),
        TaskSpec::Question { .. } => question::join(claims),
    }
}

fn provenance(card: &ModelCard, seed: u64, tally: asking::Tally) -> Provenance {
    Provenance {
        model: card.name.clone(),
        model_digest: card.digest.clone(),
        interim: card.interim,
        prompt_version: prompt::PROMPT_VERSION,
        seed,
        temperature: asking::TEMPERATURE,
        prompt_tokens: tally.prompt_tokens,
        generated_tokens: tally.generated_tokens,
        cut_short: tally.cut_short,
        decisions: tally.decisions,
        read_ms: tally.read_ms,
        answer_ms: tally.answer_ms,
        rules_digest: None,
    }
}
