//! A workspace: a library folder and everything that can be done with it. The one door for the window and the command
//! line.
//!
//! ```text
//! LIBRARY/lectern.db       the truth (with -wal and -shm while open)
//! LIBRARY/sources/SHA256   the files as they were imported
//! LIBRARY/index/           search index, a cache
//! LIBRARY/states/SHA256/   saved model states, a cache
//! LIBRARY/backups/         copies of the database from before each migration
//! LIBRARY/lock             held while a process has the library open
//! ```

pub use crate::store::documents::{Document, DocumentStatus};
pub use crate::store::jobs::{Job, JobSpec, JobState};
pub use crate::store::runs::{Edit, Review, StoredRun, Verdict};
pub use crate::store::{ClaimId, DocumentId, JobId, RunId, StoreError};

use crate::generate::{GenerateError, Generator, ModelCard};
use crate::index::IndexError;
use crate::progress::Sink;
use crate::tasks::{TaskSpec, TooLong};
use crate::text::{DocText, Span};
use crate::worker::WorkerProgram;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
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
    /// The pdfium library; `None` leaves the built-in extractor.
    pub pdfium: Option<PathBuf>,
    /// Milliseconds since 1970.
    pub clock: fn() -> i64,
}

/// Makes the generator that tasks use.
pub type MakeGenerator = Arc<dyn Fn() -> Result<Box<dyn Generator>, GenerateError> + Send + Sync>;

/// An open library. Cloning shares it; it closes with [`Workspace::close`] or when the last clone is dropped.
#[derive(Clone)]
pub struct Workspace {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
}

/// A library cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("The library {library} is in use by {holder}. Close that program, or choose another folder with --library.")]
    Locked {
        /// The folder.
        library: PathBuf,
        /// What holds it.
        holder: String,
    },
    /// It was written by a newer Lectern.
    #[error("The library {library} was written by a newer Lectern (format {found}; this one knows up to {supported}). Nothing was changed. Update Lectern to open it.")]
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

impl Workspace {
    /// Opens the library with the model of `options.model_dir`. Takes the lock, backs up and migrates, requeues what a
    /// dead process left running, and brings the index up to date. Needs a tokio runtime.
    pub async fn open(options: Options) -> Result<Workspace, OpenError> {
        let _ = options;
        todo!()
    }

    /// As [`Workspace::open`], with another source of generators.
    pub async fn open_with(options: Options, generators: MakeGenerator) -> Result<Workspace, OpenError> {
        let _ = (options, generators);
        todo!()
    }

    /// Ends running work at its next safe boundary, ends the model process, and gives the library back.
    pub async fn close(&self) {
        todo!()
    }

    /// The library folder.
    pub fn library(&self) -> &Path {
        &self.inner.options.library
    }

    /// Imports a file. A file that cannot be parsed still gives a document whose status says why.
    pub async fn import(
        &self,
        path: &Path,
        password: Option<String>,
        sink: Box<dyn Sink>,
    ) -> Result<ImportOutcome, ImportError> {
        let _ = (path, password, sink);
        todo!()
    }

    /// Parses a document without text again: with a password, or after a failure. A document that has text is
    /// returned as it is, since its results point into that text.
    pub async fn retry(
        &self,
        id: DocumentId,
        password: Option<String>,
        sink: Box<dyn Sink>,
    ) -> Result<Document, ImportError> {
        let _ = (id, password, sink);
        todo!()
    }

    /// All documents, newest first.
    pub async fn documents(&self) -> Result<Vec<Document>, StoreError> {
        todo!()
    }

    /// One document.
    pub async fn document(&self, id: DocumentId) -> Result<Document, StoreError> {
        let _ = id;
        todo!()
    }

    /// The canonical text. Empty where the document has none.
    pub async fn text(&self, id: DocumentId) -> Result<Arc<DocText>, StoreError> {
        let _ = id;
        todo!()
    }

    /// The file as it was imported, in the library.
    pub async fn source_path(&self, id: DocumentId) -> Result<PathBuf, StoreError> {
        let _ = id;
        todo!()
    }

    /// Deletes a document and all that came of it: file, text, results, jobs, index entries, saved states, and its
    /// traces in backups. Running work on it is stopped first.
    pub async fn delete(&self, id: DocumentId) -> Result<(), LibraryError> {
        let _ = id;
        todo!()
    }

    /// Searches the library. Words must all occur (where none has all, any); `"..."` is a phrase; `title:`, `name:`,
    /// `section:` and `page:` restrict. No input is an error.
    pub async fn search(&self, query: &str, options: SearchOptions) -> Result<Vec<SearchHit>, LibraryError> {
        let _ = (query, options);
        todo!()
    }

    /// Writes a job down; it runs with [`Workspace::run_job`] or [`Workspace::run_pending`].
    pub async fn submit(&self, spec: JobSpec) -> Result<JobId, StoreError> {
        let _ = spec;
        todo!()
    }

    /// All jobs, newest first.
    pub async fn jobs(&self) -> Result<Vec<Job>, StoreError> {
        todo!()
    }

    /// One job.
    pub async fn job(&self, id: JobId) -> Result<Job, StoreError> {
        let _ = id;
        todo!()
    }

    /// Cancels a job: at once where it waits, at its next safe boundary where it runs. An ended job stays as it is.
    pub async fn cancel(&self, id: JobId) -> Result<(), StoreError> {
        let _ = id;
        todo!()
    }

    /// Answers a job that needs a choice (or changes one that waits) and queues it again.
    pub async fn choose(&self, id: JobId, too_long: TooLong) -> Result<(), StoreError> {
        let _ = (id, too_long);
        todo!()
    }

    /// Runs a job that waits or ended without a result, and gives it back as it ended. One task runs at a time.
    pub async fn run_job(&self, id: JobId, sink: Box<dyn Sink>) -> Result<Job, JobError> {
        let _ = (id, sink);
        todo!()
    }

    /// Runs the waiting jobs one after the other, oldest first, until none waits. A failed one does not stop the rest.
    pub async fn run_pending<F>(&self, make_sink: F) -> Result<Vec<Job>, JobError>
    where
        F: Fn(&Job) -> Box<dyn Sink> + Send + Sync,
    {
        let _ = make_sink;
        todo!()
    }

    /// Submits a task, runs it and loads its result.
    pub async fn analyze(
        &self,
        document: DocumentId,
        spec: TaskSpec,
        too_long: TooLong,
        seed: u64,
        sink: Box<dyn Sink>,
    ) -> Result<StoredRun, AnalyzeError> {
        let _ = (document, spec, too_long, seed, sink);
        todo!()
    }

    /// The results of a document, newest first.
    pub async fn runs(&self, document: DocumentId) -> Result<Vec<StoredRun>, StoreError> {
        let _ = document;
        todo!()
    }

    /// One result.
    pub async fn run(&self, id: RunId) -> Result<StoredRun, StoreError> {
        let _ = id;
        todo!()
    }

    /// Records what a person says about a claim. Earlier reviews are kept.
    pub async fn review(&self, claim: ClaimId, review: Review) -> Result<(), StoreError> {
        let _ = (claim, review);
        todo!()
    }

    /// Every review of a claim, oldest first.
    pub async fn edits(&self, claim: ClaimId) -> Result<Vec<Edit>, StoreError> {
        let _ = claim;
        todo!()
    }

    /// Builds the search index anew from the database; returns the number of documents.
    pub async fn reindex(&self, sink: Box<dyn Sink>) -> Result<u64, LibraryError> {
        let _ = sink;
        todo!()
    }

    /// Looks at everything that can be wrong.
    pub async fn doctor(&self) -> Vec<Check> {
        todo!()
    }

    /// The model's card. Starts the model the first time.
    pub async fn model_card(&self) -> Result<ModelCard, GenerateError> {
        todo!()
    }

    /// Counts a document's tokens and compares with what the model holds.
    pub async fn fit(&self, document: DocumentId) -> Result<Fit, FitError> {
        let _ = document;
        todo!()
    }
}
