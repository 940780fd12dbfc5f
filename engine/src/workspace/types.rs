//! What goes in and out of a workspace: options, hits, and one error type per kind of operation.

use crate::generate::{GenerateError, Generator};
use crate::index::IndexError;
use crate::store::documents::Document;
use crate::store::{DocumentId, JobId, StoreError};
use crate::text::Span;
use crate::worker::WorkerProgram;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// Where a library is and what it works with. Nothing below this reads the environment.
#[derive(Debug, Clone)]
pub struct Options {
    /// The library folder; made if it does not exist.
    pub library: PathBuf,
    /// The program that runs parsers and the model as child processes.
    pub worker: WorkerProgram,
    /// The model's folder; `None` where none was found (tasks then fail with `no_model`).
    pub model_dir: Option<PathBuf>,
    /// The folder of an adapter to be used instead of the model's own; `None` leaves the model as its folder says.
    pub adapter: Option<PathBuf>,
    /// The pdfium library; `None` leaves the built-in extractor.
    pub pdfium: Option<PathBuf>,
    /// Milliseconds since 1970.
    pub clock: fn() -> i64,
}

/// Makes the generator that tasks use.
pub type MakeGenerator = Arc<dyn Fn() -> Result<Box<dyn Generator>, GenerateError> + Send + Sync>;

/// A library cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error(
        "The library {library} is in use by {holder}. Close that program, or choose another folder with --library."
    )]
    Locked {
        /// The folder.
        library: PathBuf,
        /// What holds it.
        holder: String,
    },
    /// It was written by a newer Lectern.
    #[error(
        "The library {library} was written by a newer Lectern (format {found}; this one knows up to {supported}). Nothing was changed. Update Lectern to open it."
    )]
    NewerSchema {
        /// The folder.
        library: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format known here.
        supported: i64,
    },
    /// The database file belongs to another program.
    #[error("{path} is not a Lectern library. Choose another folder with --library.")]
    NotALibrary {
        /// The file.
        path: PathBuf,
    },
    /// The database cannot be brought to the present format.
    #[error("The library {library} could not be brought to the present format: {reason}. Its database was left as it was{}.", backup.as_ref().map(|b| format!("; a copy is {}", b.display())).unwrap_or_default())]
    Migration {
        /// The folder.
        library: PathBuf,
        /// What happened.
        reason: String,
        /// The copy made before.
        backup: Option<PathBuf>,
    },
    /// A file or folder cannot be used.
    #[error("{path} cannot be used: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A thread of this program ended unexpectedly.
    #[error("Opening the library was interrupted: {reason}")]
    Interrupted {
        /// What happened.
        reason: String,
    },
}

/// An operation on an open library failed.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The database failed, or there is no such thing.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The search index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A file of the library cannot be used.
    #[error("{path} cannot be used: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A thread of this program ended unexpectedly.
    #[error("An inner step of Lectern ended unexpectedly: {reason}. Nothing that was stored is lost.")]
    Thread {
        /// What happened.
        reason: String,
    },
    /// The person stopped it.
    #[error("Stopped.")]
    Cancelled,
}

/// An import failed for a reason that lies in the library or the disk, not in the file's content.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file to import cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The person stopped it; nothing was kept.
    #[error("The import of {name} was stopped. Nothing was kept.")]
    Cancelled {
        /// The file's name.
        name: String,
    },
    /// The library failed.
    #[error(transparent)]
    Library(#[from] LibraryError),
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportOutcome {
    /// The document, whatever its status.
    pub document: Document,
    /// Whether the same bytes were in the library before.
    pub already_there: bool,
}

/// How to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchOptions {
    /// Most hits.
    pub limit: usize,
    /// Only in this document.
    pub document: Option<DocumentId>,
}

/// A place that matches a search: a page, or a piece of an unpaged document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchHit {
    /// The document.
    pub document: DocumentId,
    /// Its file name.
    pub name: String,
    /// The page, from 1; `None` for formats without pages.
    pub page: Option<u32>,
    /// The heading it stands under.
    pub section: Option<String>,
    /// The whole unit.
    pub span: Span,
    /// Text around the first match, exactly as it stands.
    pub excerpt: String,
    /// Where the excerpt stands.
    pub excerpt_span: Span,
    /// Matches in the unit, spans of the canonical text, in order.
    pub highlights: Vec<Span>,
    /// Higher is better; comparable only within one search.
    pub score: f32,
}

/// A job could not be run. A job that ran and failed is not this: it is a [`Job`] whose state says so.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The job is running or done.
    #[error("Job {id} is {state}; it cannot be started.")]
    NotRunnable {
        /// The job.
        id: JobId,
        /// Its state.
        state: &'static str,
    },
    /// The library failed.
    #[error(transparent)]
    Library(#[from] LibraryError),
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self::Library(error.into())
    }
}

/// A task gave no result.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzeError {
    /// The text is longer than the model holds and nothing was chosen.
    #[error("{message}")]
    NeedsChoice {
        /// The job that waits for the choice.
        job: JobId,
        /// How long the text is and what can be chosen.
        message: String,
    },
    /// The task failed; the failed job is kept.
    #[error("{message}")]
    Failed {
        /// The job.
        job: JobId,
        /// A stable word: `no_text`, `no_model`, `process` ...
        code: String,
        /// What happened and what to do.
        message: String,
    },
    /// The person stopped it.
    #[error("Stopped. Nothing was stored; what was read of the document is kept.")]
    Cancelled {
        /// The job.
        job: JobId,
    },
    /// The job could not be run.
    #[error(transparent)]
    Job(#[from] JobError),
}

/// How a document fits the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fit {
    /// Tokens of the text by the model's tokenizer.
    pub tokens: usize,
    /// Most tokens the model holds.
    pub context: usize,
    /// Whether the text fits with room for instruction and answer.
    pub fits: bool,
    /// Weights and state in memory while it is read.
    pub memory_estimate_bytes: u64,
}

/// A document's tokens cannot be counted.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// The library failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The model failed.
    #[error(transparent)]
    Generate(#[from] GenerateError),
}

/// One line of `doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// Whether it is as it must be.
    pub ok: bool,
    /// What was found, and what to do where it is not ok.
    pub detail: String,
}
