//! Opening a library: lock, migrate, finish what a dead process left half done, bring the index up to date.

use super::{Inner, JobSpec, LibraryError, MakeGenerator, OpenError, Options, PARSERS, Workspace, model::Slot, remove};
use crate::generate::GenerateError;
use crate::generate::local::LocalGenerator;
use crate::import::worker::{Limits, Parser};
use crate::index::Index;
use crate::store::Store;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

impl From<LibraryError> for OpenError {
    fn from(error: LibraryError) -> Self {
        match error {
            LibraryError::Store(error) => Self::Store(error),
            LibraryError::Index(error) => Self::Index(error),
            LibraryError::Io { path, source } => Self::Io { path, source },
            LibraryError::Thread { .. } | LibraryError::Cancelled => Self::Interrupted { reason: error.to_string() },
        }
    }
}

impl Workspace {
    /// Opens the library with the model of `options.model_dir` and `options.adapter`. Takes the lock, backs up and migrates, requeues what a
    /// dead process left running, and brings the index up to date. Needs a tokio runtime.
    pub async fn open(options: Options) -> Result<Workspace, OpenError> {
        let (worker, model_dir, adapter) = (options.worker.clone(), options.model_dir.clone(), options.adapter.clone());
        let make: MakeGenerator = Arc::new(move || match &model_dir {
            Some(folder) => Ok(Box::new(LocalGenerator::start(&worker, folder, adapter.as_deref())?)),
            None => Err(GenerateError::NoModel { looked_in: "no model folder was given".to_owned() }),
        });
        Self::open_with(options, make).await
    }

    /// As [`Workspace::open`], with another source of generators.
    pub async fn open_with(options: Options, generators: MakeGenerator) -> Result<Workspace, OpenError> {
        let library = options.library.clone();
        let store = Store::open(&library, (options.clock)()).await?;
        for folder in ["sources", "states"] {
            let path = library.join(folder);
            std::fs::create_dir_all(&path).map_err(|source| OpenError::Io { path, source })?;
        }
        let index = open_index(&store, &library.join("index")).await?;
        let parser =
            Parser { program: options.worker.clone(), pdfium: options.pdfium.clone(), limits: Limits::default() };
        let workspace = Workspace {
            inner: Arc::new(Inner {
                options,
                store,
                index,
                parser,
                parsers: tokio::sync::Semaphore::new(PARSERS),
                importing: Default::default(),
                model: Slot::new(generators),
                running: Default::default(),
                closing: Default::default(),
            }),
        };
        workspace.recover().await?;
        Ok(workspace)
    }

    /// Finishes what a process that died left half done.
    async fn recover(&self) -> Result<(), LibraryError> {
        self.inner.store.requeue_running(self.now_ms()).await?;
        for (id, sha256) in self.inner.store.removals().await? {
            self.finish_removal(id, &sha256).await?;
        }
        self.recover_sources().await?;
        self.recover_index().await
    }

    /// Copies that were never finished go. A listed document without its bytes goes too: it was listed a moment before
    /// the process died, and whoever asked was not told it was there. Bytes of an unfinished import are queued.
    async fn recover_sources(&self) -> Result<(), LibraryError> {
        let folder = self.library().join("sources");
        let mut present = BTreeSet::new();
        let io = |source| LibraryError::Io { path: folder.clone(), source };
        for entry in std::fs::read_dir(&folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            match entry.file_name().into_string() {
                Ok(name) if super::import::is_sha256(&name) => _ = present.insert(name),
                _ => remove(&entry.path(), std::fs::remove_file(entry.path()))?,
            }
        }
        let documents = self.inner.store.documents().await?;
        for document in documents.iter().filter(|d| d.status == super::DocumentStatus::Importing) {
            if !present.contains(&document.sha256) {
                self.inner.store.forget_import(document.id).await?;
            } else if self.inner.store.open_jobs(document.id).await?.is_empty() {
                let spec = JobSpec::Import { path: self.source_of(&document.sha256) };
                self.inner.store.add_job(&spec, Some(document.id), self.now_ms()).await?;
            }
        }
        // Files without a row come from a database put back from a copy; they are listed again rather than lost.
        for sha256 in documents.iter().fold(present, |mut rest, d| {
            rest.remove(&d.sha256);
            rest
        }) {
            let path = self.source_of(&sha256);
            let bytes = std::fs::metadata(&path).map_err(io)?.len();
            let name = format!("recovered-{}", sha256.get(..12).unwrap_or(&sha256));
            let id = self.inner.store.add_importing(&sha256, &name, bytes, self.now_ms()).await?;
            self.inner.store.add_job(&JobSpec::Import { path }, Some(id), self.now_ms()).await?;
        }
        Ok(())
    }

    /// Makes the index hold what the database says it holds, and then the rest.
    async fn recover_index(&self) -> Result<(), LibraryError> {
        let held = self.blocking(|w| w.inner.index.documents()).await??;
        let documents = self.inner.store.documents().await?;
        for document in documents.iter().filter(|d| d.indexed && !held.contains(&d.id)) {
            self.inner.store.set_indexed(document.id, false).await?;
        }
        for stray in held.into_iter().filter(|id| !documents.iter().any(|d| d.id == *id)) {
            self.blocking(move |w| w.inner.index.remove(stray)).await??;
        }
        for id in self.inner.store.unindexed().await? {
            self.index_document(id).await?;
        }
        Ok(())
    }
}

/// The index in `path`, made anew where it is missing, damaged or of another version.
async fn open_index(store: &Store, path: &Path) -> Result<Index, OpenError> {
    let thread = |error: tokio::task::JoinError| OpenError::Interrupted { reason: error.to_string() };
    let owned = path.to_owned();
    if let Some(index) = tokio::task::spawn_blocking(move || Index::open(&owned)).await.map_err(thread)? {
        return Ok(index);
    }
    // First the database says that nothing is indexed, so that a crash in between costs work, not entries.
    store.reset_indexed().await?;
    let owned = path.to_owned();
    Ok(tokio::task::spawn_blocking(move || Index::create(&owned)).await.map_err(thread)??)
}
