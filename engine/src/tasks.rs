//! What can be asked of a document that was read: summary, minutes, fields, a question. Every line carries evidence.

pub mod fields;
pub mod minutes;
pub mod pack;
pub mod prompt;
pub mod question;
pub mod result;
pub mod summary;

pub use pack::{FieldSpec, FieldType, Pack};
pub use result::{Claim, ClaimKind, Coverage, Evidence, MatchKind, Provenance, RunResult, SearchedNote, Status};

use crate::generate::{GenerateError, Generator};
use crate::progress::Sink;
use crate::text::{DocText, Span};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A task with its parameters, as stored with a job and a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum TaskSpec {
    /// One line, key points, and one point for each section.
    Summary,
    /// Attendees, topics, decisions, action items.
    Minutes,
    /// The fields of a pack.
    Fields {
        /// The pack itself, so that a stored run says exactly what was asked.
        pack: Pack,
    },
    /// A question in the person's words.
    Question {
        /// The question.
        question: String,
    },
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
            TaskError::Generate(_) => "model",
            TaskError::Cancelled => "cancelled",
        }
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
    let _ = (generator, document, label, spec, options, search, sink);
    Err(TaskError::NoText { reason: "tasks are not built yet".into() })
}
