//! The durable job table: what was asked for, how far it is, how it ended.
//!
//! A job is written before its work begins and its end is written in the same transaction as its result, so a process
//! killed at any point leaves either a job to resume or a finished one, never half a result.

use super::{DocumentId, JobId, RunId, StoreError};
use crate::tasks::{TaskSpec, TooLong};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What a job does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum JobSpec {
    /// Imports a file. Running it twice finds the same document again.
    Import {
        /// The file.
        path: PathBuf,
    },
    /// Runs a task on a document.
    Task {
        /// The document.
        document: DocumentId,
        /// The task.
        spec: TaskSpec,
        /// What to do where the text is longer than the model holds.
        too_long: TooLong,
        /// Seed for sampling.
        seed: u64,
    },
}

/// A job as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// What it does.
    pub spec: JobSpec,
    /// Where it stands.
    pub state: JobState,
    /// Units done, of the stage it is in; kept across a restart only for showing.
    pub done: u64,
    /// Units in all, where known.
    pub total: Option<u64>,
    /// What is counted: `tokens`, `pages`, `fields`, `bytes`; empty before work began.
    pub unit: String,
    /// The stage it is in, or, for an ended job, what happened and what to do.
    pub message: Option<String>,
    /// A stable word for a failure: `too_long`, `no_text`, `process`, `no_model` ...
    pub error_code: Option<String>,
    /// How often it was started.
    pub attempts: u32,
    /// When it was submitted, milliseconds since 1970.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// The document it is about: of a task, or of an import once the document is listed.
    pub document: Option<DocumentId>,
    /// The result of a task that is done.
    pub run: Option<RunId>,
}

/// Where a job stands.
///
/// ```text
/// Queued -> Running -> Done | Failed | Cancelled | NeedsChoice
/// Running -> Queued                          (its process ended: found at open)
/// Queued | NeedsChoice -> Cancelled          (cancel)
/// Failed | Cancelled | NeedsChoice -> Running   (run again)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits.
    Queued,
    /// Works.
    Running,
    /// Ended with a result.
    Done,
    /// Ended without one.
    Failed,
    /// Stopped by the person.
    Cancelled,
    /// The text is longer than the model holds, and the person has to choose; see `Workspace::choose`.
    NeedsChoice,
}

impl JobState {
    /// The stable word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::NeedsChoice => "needs_choice",
        }
    }
}
