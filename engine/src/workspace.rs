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

mod checks;
mod import;
mod jobs;
mod model;
mod open;
mod search;
mod types;

pub use crate::store::documents::{Document, DocumentStatus};
pub use crate::store::jobs::{Job, JobSpec, JobState};
pub use crate::store::runs::{Edit, Review, StoredRun, Verdict};
pub use crate::store::{ClaimId, DocumentId, JobId, RunId, StoreError};
pub use types::*;

use crate::import::worker::Parser;
use crate::index::Index;
use crate::progress::{Event, Sink};
use crate::store::Store;
use crate::text::DocText;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long closing and deleting wait for running work to reach a safe boundary.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// Parsers that may run at the same time.
const PARSERS: usize = 2;

/// An open library. Cloning shares it; it closes with [`Workspace::close`] or when the last clone is dropped.
#[derive(Clone)]
pub struct Workspace {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    store: Store,
    index: Index,
    parser: Parser,
    /// Permits for parsers.
    parsers: tokio::sync::Semaphore,
    /// One import at a time for the same bytes.
    importing: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    model: model::Slot,
    running: Mutex<HashMap<JobId, Arc<AtomicBool>>>,
    closing: AtomicBool,
}

impl Workspace {
    /// The library folder.
    pub fn library(&self) -> &Path {
        &self.inner.options.library
    }

    /// Ends running work at its next safe boundary (jobs are queued again), ends the model process, and gives the
    /// library back. Further calls fail.
    pub async fn close(&self) {
        self.inner.closing.store(true, Ordering::SeqCst);
        self.wait_for(|running| running.is_empty()).await;
        let inner = self.inner.clone();
        // A panic in the generator's own drop is no reason to keep the library.
        let _ = tokio::task::spawn_blocking(move || inner.model.release()).await;
        self.inner.store.close().await;
    }

    /// All documents, newest first.
    pub async fn documents(&self) -> Result<Vec<Document>, StoreError> {
        self.inner.store.documents().await
    }

    /// One document.
    pub async fn document(&self, id: DocumentId) -> Result<Document, StoreError> {
        self.inner.store.document(id).await
    }

    /// The canonical text. Empty where the document has none.
    pub async fn text(&self, id: DocumentId) -> Result<Arc<DocText>, StoreError> {
        self.inner.store.text(id).await
    }

    /// The file as it was imported, in the library.
    pub async fn source_path(&self, id: DocumentId) -> Result<PathBuf, StoreError> {
        Ok(self.source_of(&self.document(id).await?.sha256))
    }

    /// Deletes a document and all that came of it: file, text, results, jobs, index entries, saved states, and its
    /// traces in backups. Running work on it is stopped first.
    pub async fn delete(&self, id: DocumentId) -> Result<(), LibraryError> {
        let document = self.document(id).await?;
        let jobs: Vec<JobId> = self.inner.store.open_jobs(id).await?.into_iter().map(|job| job.id).collect();
        for job in &jobs {
            self.cancel(*job).await?;
        }
        self.wait_for(|running| jobs.iter().all(|job| !running.contains_key(job))).await;
        let one = self.import_lock(&document.sha256);
        let _one = one.lock().await;
        // The model may hold the text.
        self.blocking(|workspace| workspace.inner.model.release_if_idle()).await?;
        self.inner.store.begin_removal(id).await?;
        self.finish_removal(id, &document.sha256).await
    }

    /// Second half of a deletion; repeatable, and repeated at open if the process died in between.
    async fn finish_removal(&self, id: DocumentId, sha256: &str) -> Result<(), LibraryError> {
        let (source, states) = (self.source_of(sha256), self.states_of(sha256));
        self.blocking(move |workspace| {
            remove(&source, std::fs::remove_file(&source))?;
            remove(&states, std::fs::remove_dir_all(&states))?;
            Ok::<_, LibraryError>(workspace.inner.index.remove(id)?)
        })
        .await??;
        Ok(self.inner.store.finish_removal(id, sha256).await?)
    }

    /// The results of a document, newest first.
    pub async fn runs(&self, document: DocumentId) -> Result<Vec<StoredRun>, StoreError> {
        self.inner.store.runs(document).await
    }

    /// One result.
    pub async fn run(&self, id: RunId) -> Result<StoredRun, StoreError> {
        self.inner.store.run(id).await
    }

    /// Records what a person says about a claim. Earlier reviews are kept.
    pub async fn review(&self, claim: ClaimId, review: Review) -> Result<(), StoreError> {
        self.inner.store.review(claim, &review, self.now_ms()).await
    }

    /// Every review of a claim, oldest first.
    pub async fn edits(&self, claim: ClaimId) -> Result<Vec<Edit>, StoreError> {
        self.inner.store.edits(claim).await
    }

    fn now_ms(&self) -> i64 {
        (self.inner.options.clock)()
    }

    fn source_of(&self, sha256: &str) -> PathBuf {
        self.library().join("sources").join(sha256)
    }

    fn states_of(&self, sha256: &str) -> PathBuf {
        self.library().join("states").join(sha256)
    }

    /// Runs blocking work on a thread of its own.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Workspace) -> T + Send + 'static,
    ) -> Result<T, LibraryError> {
        let workspace = self.clone();
        let thread = tokio::task::spawn_blocking(move || work(&workspace));
        thread.await.map_err(|error| LibraryError::Thread { reason: error.to_string() })
    }

    /// Waits until `done` holds of the running jobs, or patience ends.
    async fn wait_for(&self, done: impl Fn(&HashMap<JobId, Arc<AtomicBool>>) -> bool) {
        let end = tokio::time::Instant::now() + STOP_PATIENCE;
        while !done(&self.running()) && tokio::time::Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<JobId, Arc<AtomicBool>>> {
        self.inner.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that is already gone is as good as removed.
fn remove(path: &Path, result: std::io::Result<()>) -> Result<(), LibraryError> {
    match result {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(LibraryError::Io { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// A sink that also stops when the job is cancelled or the workspace closes.
struct Guarded {
    sink: Box<dyn Sink>,
    workspace: Workspace,
    cancelled: Option<Arc<AtomicBool>>,
}

impl Sink for Guarded {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        let cancelled = self.cancelled.as_ref().is_some_and(|flag| flag.load(Ordering::SeqCst));
        if cancelled || self.workspace.inner.closing.load(Ordering::SeqCst) {
            return ControlFlow::Break(());
        }
        self.sink.event(event)
    }
}
