//! Importing: copy and hash, list, put in place, parse in a child process, store, index.
//!
//! The order makes every moment safe to die in: the copy is synced before the document is listed, the document is
//! listed (`importing`) before the copy gets its name, and text and status are stored in one transaction.

use super::{
    Document, DocumentId, DocumentStatus, Guarded, ImportError, ImportOutcome, JobId, LibraryError, StoreError,
    Workspace,
};
use crate::import::{ParseError, raw::Format, sniff};
use crate::progress::{Event, Sink};
use crate::store::documents::Parsed;
use crate::text::{DocText, PageStatus};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError};
use tempfile::NamedTempFile;

/// Bytes from the beginning that decide the format, as many as the parser looks at.
const SNIFFED: u64 = 64 << 10;

/// A file's bytes, in the library folder but not yet part of the library.
struct Incoming {
    /// `None` where the file is the library's own.
    copy: Option<NamedTempFile>,
    sha256: String,
    bytes: u64,
}

/// Who asked for an import.
#[derive(Default, Clone)]
pub(super) struct Origin {
    pub(super) job: Option<JobId>,
    pub(super) cancelled: Option<Arc<AtomicBool>>,
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Library(error.into())
    }
}

impl Workspace {
    /// Imports a file. A file that cannot be parsed still gives a document whose status says why.
    pub async fn import(
        &self,
        path: &Path,
        password: Option<String>,
        sink: Box<dyn Sink>,
    ) -> Result<ImportOutcome, ImportError> {
        self.import_from(path, password, sink, Origin::default()).await
    }

    pub(super) async fn import_from(
        &self,
        path: &Path,
        password: Option<String>,
        sink: Box<dyn Sink>,
        origin: Origin,
    ) -> Result<ImportOutcome, ImportError> {
        let guarded = Guarded { sink, workspace: self.clone(), cancelled: origin.cancelled.clone() };
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let owned = path.to_owned();
        let (incoming, sink) = self.blocking(move |w| w.copy_in(&owned, guarded)).await??;
        let one = self.import_lock(&incoming.sha256);
        let _one = one.lock().await;
        let known = self.inner.store.document_by_hash(&incoming.sha256).await?;
        let is_known = known.is_some();
        let document = match known {
            Some(document) => document,
            None => {
                let (sha256, bytes) = (&incoming.sha256, incoming.bytes);
                let id = self.inner.store.add_importing(sha256, &name, bytes, self.now_ms()).await?;
                self.inner.store.document(id).await?
            }
        };
        if let Some(job) = origin.job {
            self.inner.store.set_job_document(job, Some(document.id)).await?;
        }
        self.put_in_place(incoming).await?;
        let unfinished = document.status == DocumentStatus::Importing;
        if !unfinished && (document.status.has_text() || password.is_none()) {
            return Ok(ImportOutcome { document, already_there: true });
        }
        match self.parse_and_store(&document, password, sink).await {
            Err(ImportError::Cancelled { name }) if unfinished && !self.keeps_unfinished(&origin) => {
                if let Some(job) = origin.job {
                    self.inner.store.set_job_document(job, None).await?;
                }
                self.inner.store.begin_removal(document.id).await?;
                self.finish_removal(document.id, &document.sha256).await?;
                Err(ImportError::Cancelled { name })
            }
            Err(error) => Err(error),
            Ok(document) => Ok(ImportOutcome { document, already_there: is_known && !unfinished }),
        }
    }

    /// A job that stops because the program closes goes on at the next start; one that was cancelled leaves nothing.
    fn keeps_unfinished(&self, origin: &Origin) -> bool {
        use std::sync::atomic::Ordering::SeqCst;
        let cancelled = origin.cancelled.as_ref().is_some_and(|flag| flag.load(SeqCst));
        origin.job.is_some() && !cancelled && self.inner.closing.load(SeqCst)
    }

    /// Parses a document without text again: with a password, or after a failure. A document that has text is
    /// returned as it is, since its results point into that text.
    pub async fn retry(
        &self,
        id: DocumentId,
        password: Option<String>,
        sink: Box<dyn Sink>,
    ) -> Result<Document, ImportError> {
        let sha256 = self.document(id).await?.sha256;
        let one = self.import_lock(&sha256);
        let _one = one.lock().await;
        let document = self.document(id).await?;
        if document.status.has_text() || !self.inner.store.runs(id).await?.is_empty() {
            return Ok(document);
        }
        self.parse_and_store(&document, password, Guarded { sink, workspace: self.clone(), cancelled: None }).await
    }

    /// Parses the bytes in the library, stores what came of it, and indexes it.
    async fn parse_and_store(
        &self,
        document: &Document,
        password: Option<String>,
        mut sink: Guarded,
    ) -> Result<Document, ImportError> {
        let cancelled = || ImportError::Cancelled { name: document.name.clone() };
        // The semaphore is never closed.
        let _permit = self.inner.parsers.acquire().await.ok();
        let (path, name) = (self.source_of(&document.sha256), document.name.clone());
        let (parsed, format, mut sink) = self
            .blocking(move |w| {
                let format = sniff_file(&path, &name);
                let message = format!("Reading {name}");
                let parsed = match sink.event(Event::Stage { stage: "import".to_owned(), message }) {
                    ControlFlow::Break(()) => Err(ParseError::Cancelled),
                    ControlFlow::Continue(()) => {
                        w.inner.parser.parse_file(&path, &name, password.as_deref(), &mut sink)
                    }
                };
                (parsed, format, sink)
            })
            .await?;
        let id = document.id;
        match &parsed {
            Err(ParseError::Cancelled) => return Err(cancelled()),
            Err(error) => {
                let message = error.to_string();
                let parsed = Parsed { format, status: status_of(error), message: Some(&message), text: None };
                self.inner.store.finish_import(id, parsed).await?;
            }
            Ok(text) => {
                let (status, message) = (DocumentStatus::of(text), message_for(text));
                let parsed = Parsed { format, status, message: message.as_deref(), text: Some(text) };
                self.inner.store.finish_import(id, parsed).await?;
                if status.has_text() {
                    // The import is safe already; what is not indexed now is indexed at the next open.
                    let _ = sink.event(Event::Stage { stage: "index".to_owned(), message: "Indexing".to_owned() });
                    if let Err(error) = self.index_document(id).await {
                        let _ = sink.event(Event::Warning { message: error.to_string() });
                    }
                }
            }
        }
        Ok(self.document(id).await?)
    }

    /// Puts a document's text into the index and notes that it is there.
    pub(super) async fn index_document(&self, id: DocumentId) -> Result<(), LibraryError> {
        let (document, text) = (self.document(id).await?, self.text(id).await?);
        self.blocking(move |w| w.inner.index.put(id, &document.name, &text)).await??;
        Ok(self.inner.store.set_indexed(id, true).await?)
    }

    /// Copies a file into the library folder under a name of no meaning, hashing on the way, and syncs it.
    fn copy_in(&self, path: &Path, mut sink: Guarded) -> Result<(Incoming, Guarded), ImportError> {
        let folder = self.library().join("sources");
        let unreadable = |source| ImportError::Unreadable { path: path.to_owned(), source };
        let ours = |source| LibraryError::Io { path: folder.clone(), source };
        if let Some(sha256) =
            path.file_name().and_then(|n| n.to_str()).filter(|n| path.parent() == Some(&folder) && is_sha256(n))
        {
            let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
            return Ok((Incoming { copy: None, sha256: sha256.to_owned(), bytes }, sink));
        }
        let mut file = File::open(path).map_err(unreadable)?;
        let total = file.metadata().map_err(unreadable).and_then(|m| match m.is_dir() {
            true => Err(unreadable(std::io::ErrorKind::IsADirectory.into())),
            false => Ok(m.len()),
        })?;
        let mut copy = tempfile::Builder::new().prefix("incoming-").tempfile_in(&folder).map_err(ours)?;
        let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0u64, vec![0u8; 1 << 18]);
        loop {
            let read = match file.read(&mut piece) {
                Ok(0) => break,
                Ok(n) => piece.get(..n).unwrap_or_default(),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error)),
            };
            hash.update(read);
            copy.write_all(read).map_err(ours)?;
            bytes += read.len() as u64;
            let event = Event::Progress { done: bytes, total: Some(total), unit: "bytes".to_owned() };
            if sink.event(event).is_break() {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
                return Err(ImportError::Cancelled { name });
            }
        }
        copy.as_file().sync_all().map_err(ours)?;
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((Incoming { copy: Some(copy), sha256, bytes }, sink))
    }

    /// Gives a copy its place, unless the library has the file already.
    async fn put_in_place(&self, incoming: Incoming) -> Result<(), ImportError> {
        let Some(copy) = incoming.copy else { return Ok(()) };
        let (folder, target) = (self.library().join("sources"), self.source_of(&incoming.sha256));
        let put = move || -> std::io::Result<()> {
            if !target.exists() {
                copy.persist(&target)?;
                File::open(&folder)?.sync_all()?;
            }
            Ok(())
        };
        let path = self.source_of(&incoming.sha256);
        self.blocking(move |_| put()).await?.map_err(|source| LibraryError::Io { path, source }.into())
    }

    /// The lock that imports, retries and deletions of the same bytes share.
    pub(super) fn import_lock(&self, sha256: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.inner.importing.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        locks.entry(sha256.to_owned()).or_default().clone()
    }
}

/// Whether a file name is one that the library gives to imported files.
pub(super) fn is_sha256(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn sniff_file(path: &Path, name: &str) -> Option<Format> {
    let mut head = Vec::new();
    // An unreadable file is reported by the parser.
    let _ = File::open(path).and_then(|f| f.take(SNIFFED).read_to_end(&mut head));
    sniff(name, &head)
}

fn status_of(error: &ParseError) -> DocumentStatus {
    match error {
        ParseError::Password { .. } => DocumentStatus::NeedsPassword,
        ParseError::Damaged { .. } => DocumentStatus::Damaged,
        ParseError::Empty => DocumentStatus::Empty,
        ParseError::Unsupported { .. } => DocumentStatus::Unsupported,
        _ => DocumentStatus::Failed,
    }
}

/// What the person should know about a file that was parsed but whose text is not all there.
fn message_for(text: &DocText) -> Option<String> {
    let count = |status: PageStatus| text.pages.iter().filter(|p| p.status == status).count();
    let (all, scans, failed) = (text.pages.len(), count(PageStatus::NeedsOcr), count(PageStatus::Failed));
    let advice = "Run text recognition (OCR) on the file and import the new file.";
    match DocumentStatus::of(text) {
        DocumentStatus::NeedsOcr => Some(format!("This is a scan: no page of {all} holds text. {advice}")),
        DocumentStatus::Empty => Some("The file could be read, but there is no text in it.".to_owned()),
        DocumentStatus::Damaged => Some(format!("No page of {all} could be read.")),
        DocumentStatus::Partial => {
            let scans = (scans > 0).then(|| format!("Pictures without text: {scans} of {all} pages. {advice}"));
            let failed = (failed > 0).then(|| format!("Could not be read: {failed} of {all} pages."));
            Some(scans.into_iter().chain(failed).collect::<Vec<_>>().join(" "))
        }
        _ => None,
    }
}
