//! Errors as the window sees them: a code to act on, a message to read.

use lectern_engine::generate::GenerateError;
use lectern_engine::store::StoreError;
use lectern_engine::workspace::{
    AnalyzeError, FitError, ImportError, Job, JobError, JobState, LibraryError, OpenError, RunId,
};
use serde::Serialize;
use specta::Type;

/// An error on the wire.
#[derive(Debug, Clone, Serialize, Type)]
pub struct WireError {
    /// What the window may act on: `cancelled`, `too_long`, `no_model`, `locked`; else `failed`.
    pub code: String,
    /// What happened and what to do.
    pub message: String,
}

impl WireError {
    /// An error of that code.
    pub fn new(code: &str, message: impl std::fmt::Display) -> Self {
        Self { code: code.to_string(), message: message.to_string() }
    }

    /// The result of a job that ended with one.
    ///
    /// # Errors
    /// The job ended otherwise: how, and why.
    pub fn unless_done(job: &Job) -> Result<RunId, Self> {
        let code = match (job.state, job.run) {
            (JobState::Done, Some(run)) => return Ok(run),
            (JobState::NeedsChoice, _) => "too_long",
            (JobState::Cancelled | JobState::Queued, _) => "cancelled",
            _ => "failed",
        };
        Err(Self::new(code, job.message.as_deref().unwrap_or("The task gave no result.")))
    }
}

macro_rules! failed {
    ($($kind:ty),*) => { $(impl From<$kind> for WireError {
        fn from(error: $kind) -> Self {
            Self::new("failed", error)
        }
    })* };
}
failed!(StoreError, LibraryError, JobError, std::io::Error);

impl From<OpenError> for WireError {
    fn from(error: OpenError) -> Self {
        Self::new(if matches!(error, OpenError::Locked { .. }) { "locked" } else { "failed" }, error)
    }
}

impl From<ImportError> for WireError {
    fn from(error: ImportError) -> Self {
        Self::new(if matches!(error, ImportError::Cancelled { .. }) { "cancelled" } else { "failed" }, error)
    }
}

impl From<GenerateError> for WireError {
    fn from(error: GenerateError) -> Self {
        Self::new(if matches!(error, GenerateError::NoModel { .. }) { "no_model" } else { "failed" }, error)
    }
}

impl From<FitError> for WireError {
    fn from(error: FitError) -> Self {
        match error {
            FitError::Generate(error) => error.into(),
            other => Self::new("failed", other),
        }
    }
}

impl From<AnalyzeError> for WireError {
    fn from(error: AnalyzeError) -> Self {
        let code = match &error {
            AnalyzeError::NeedsChoice { .. } => "too_long",
            AnalyzeError::Cancelled { .. } => "cancelled",
            _ => "failed",
        };
        Self::new(code, error)
    }
}
