//! Documents and their texts: what was imported, how it went, and the canonical text with its map.

use super::{DocumentId, StoreError};
use crate::import::raw::Format;
use crate::text::{DocText, ImportNote, PageStatus};
use serde::{Deserialize, Serialize};

/// A document of the library, without its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Its identity in this library.
    pub id: DocumentId,
    /// File name at import.
    pub name: String,
    /// Recognised format; `None` where the file is of no known kind.
    pub format: Option<Format>,
    /// How the import went.
    pub status: DocumentStatus,
    /// For a status other than `Ready`: what happened and what to do.
    pub message: Option<String>,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Number of pages; `None` for formats without pages and where nothing was parsed.
    pub pages: Option<u32>,
    /// Pages that hold a picture of text but no text.
    pub pages_need_ocr: u32,
    /// Size of the canonical text in bytes, 0 where there is none.
    pub text_bytes: u64,
    /// The title the file states.
    pub title: Option<String>,
    /// When it was imported, milliseconds since 1970.
    pub imported_ms: i64,
    /// Whether the search index holds it.
    pub indexed: bool,
    /// What the person should know about this import.
    pub notes: Vec<ImportNote>,
}

/// How an import went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentStatus {
    /// Its bytes are in the library; parsing has not ended.
    Importing,
    /// Its whole text is there.
    Ready,
    /// Text is there, but some pages have none or could not be read.
    Partial,
    /// No page has text: a scan.
    NeedsOcr,
    /// It is encrypted; `retry` with a password.
    NeedsPassword,
    /// It cannot be parsed: the file is broken.
    Damaged,
    /// It holds no text and no picture.
    Empty,
    /// Its format is not one Lectern reads.
    Unsupported,
    /// Parsing failed for another reason (time, memory, crash); `retry` may help.
    Failed,
}

impl DocumentStatus {
    /// The status of a file that could be parsed: by what its text and pages hold.
    pub fn of(text: &DocText) -> Self {
        let needs = |status: PageStatus| text.pages.iter().any(|p| p.status == status);
        let lacking = needs(PageStatus::NeedsOcr) || needs(PageStatus::Failed);
        match (text.text.trim().is_empty(), lacking) {
            (false, false) => Self::Ready,
            (false, true) => Self::Partial,
            (true, _) if needs(PageStatus::NeedsOcr) => Self::NeedsOcr,
            (true, true) => Self::Damaged,
            (true, false) => Self::Empty,
        }
    }

    /// The stable word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Importing => "importing",
            Self::Ready => "ready",
            Self::Partial => "partial",
            Self::NeedsOcr => "needs_ocr",
            Self::NeedsPassword => "needs_password",
            Self::Damaged => "damaged",
            Self::Empty => "empty",
            Self::Unsupported => "unsupported",
            Self::Failed => "failed",
        }
    }

    /// Whether there is text to search and to read.
    pub fn has_text(self) -> bool {
        matches!(self, Self::Ready | Self::Partial)
    }
}
