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

use serde::{Deserialize, Serialize};

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
