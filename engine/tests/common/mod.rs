//! A library in a temporary folder, and generators for it.
#![allow(dead_code, reason = "each test binary uses its own part")]

use lectern_engine::generate::GenerateError;
use lectern_engine::generate::scripted::Scripted;
use lectern_engine::progress::Silent;
use lectern_engine::text::{Block, BlockKind, DocText, Extractor, Span};
use lectern_engine::worker::WorkerProgram;
use lectern_engine::workspace::{DocumentId, MakeGenerator, OpenError, Options, Workspace};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A contract in which the rules find clauses, dates and parties.
pub(crate) const SUPPLY_AGREEMENT: &str = "SUPPLY AGREEMENT\n\nThis Supply Agreement is entered into as of March 3, 2021 by and between Orion \
    Metals, Inc., a Delaware corporation (\"Supplier\"), and Baltic Works Ltd. (\"Buyer\").\n\nThe Buyer pays within thirty \
    days.\n\nGoverning Law. This Agreement shall be governed by and construed in accordance with the laws of the State of \
    New York, without regard to its conflict of laws principles.\n\nAssignment. Neither party may assign this Agreement \
    without the prior written consent of the other party.\n\nDuring the term the Buyer shall maintain commercial general \
    liability insurance with limits of not less than $1,000,000 per occurrence.\n";

/// A library and, beside it, a folder for files to import.
pub(crate) struct Library {
    folder: TempDir,
}

impl Library {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inbox")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("library")
    }

    pub(crate) fn options(&self) -> Options {
        options(&self.path())
    }

    pub(crate) async fn open(&self) -> Workspace {
        self.try_open().await.unwrap()
    }

    pub(crate) async fn try_open(&self) -> Result<Workspace, OpenError> {
        Workspace::open_with(self.options(), scripted()).await
    }

    pub(crate) async fn open_with(&self, generators: MakeGenerator) -> Workspace {
        Workspace::open_with(self.options(), generators).await.unwrap()
    }

    /// Writes a file to import.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join("inbox").join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) async fn import(&self, workspace: &Workspace, name: &str, content: impl AsRef<[u8]>) -> DocumentId {
        let outcome = workspace.import(&self.file(name, content), None, Box::new(Silent)).await.unwrap();
        assert!(outcome.document.status.has_text(), "{:?}", outcome.document);
        outcome.document.id
    }

    /// Files of the library whose bytes or name hold `marker`.
    pub(crate) fn files_with(&self, marker: &str) -> Vec<PathBuf> {
        let (mut found, mut folders) = (Vec::new(), vec![self.path()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = std::fs::read(&path).unwrap_or_default();
                    let inside = bytes.windows(marker.len()).any(|w| w.eq_ignore_ascii_case(marker.as_bytes()));
                    if inside || path.to_string_lossy().contains(marker) {
                        found.push(path);
                    }
                }
            }
        }
        found
    }
}

pub(crate) fn options(library: &Path) -> Options {
    Options {
        library: library.to_owned(),
        worker: WorkerProgram { program: env!("CARGO_BIN_EXE_lectern").into(), env: Vec::new() },
        model_dir: None,
        adapter: None,
        pdfium: None,
        clock: || 1_700_000_000_000,
    }
}

pub(crate) fn scripted() -> MakeGenerator {
    Arc::new(|| Ok(Box::new(Scripted::quoting())))
}

/// A model whose every answer fails.
pub(crate) fn broken() -> MakeGenerator {
    Arc::new(|| {
        let fail =
            |_: &str, _: &lectern_engine::generate::Request| Err(GenerateError::Model { reason: "broken".into() });
        Ok(Box::new(Scripted::new(Box::new(fail))))
    })
}

/// Text without pages, a paragraph a line.
pub(crate) fn plain(text: &str) -> DocText {
    let (mut at, mut blocks) = (0, Vec::new());
    for line in text.split_inclusive('\n') {
        blocks.push(Block { kind: BlockKind::Paragraph, span: Span::new(at, at + line.trim_end().len()) });
        at += line.len();
    }
    let extractor = Extractor { name: "test".into(), version: "1".into() };
    DocText {
        text: text.into(),
        pages: vec![],
        sections: vec![],
        blocks,
        cues: vec![],
        extractor,
        notes: vec![],
        title: None,
    }
}
