//! Bytes to canonical text: sniff the format, parse in a child process, normalise once.

pub mod docx;
pub mod html;
pub mod markdown;
pub mod normalize;
pub mod pdf;
pub mod plain;
pub mod raw;
mod sniff;
pub mod transcript;
pub mod wire;
pub mod worker;

pub use sniff::sniff;

use raw::{Format, RawDocument};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Why a file could not be turned into text. Crosses the worker's pipe as JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ParseError {
    /// The file is encrypted.
    #[error("{}", password_message(*wrong))]
    Password {
        /// A password was given and did not open it.
        wrong: bool,
    },
    /// The file is not what its format promises, beyond what can be repaired.
    #[error("The file is damaged: {reason}. Open it in its own program and save it again, then import the new file.")]
    Damaged {
        /// What was found.
        reason: String,
    },
    /// Nothing is in the file.
    #[error("The file is empty.")]
    Empty,
    /// A format that is not read.
    #[error("The file is {what}. Lectern reads PDF, DOCX, text, Markdown, HTML, WebVTT and SubRip files.")]
    Unsupported {
        /// What the file seems to be, to follow "The file is".
        what: String,
    },
    /// Parsing took longer than allowed.
    #[error("Reading the file was stopped after {seconds} seconds without a result.")]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// Parsing needed more memory than allowed.
    #[error("Reading the file needs more than the {limit_mb} MB of memory that are allowed.")]
    OutOfMemory {
        /// The limit in MiB.
        limit_mb: u64,
    },
    /// The parser ended without an answer.
    #[error("The parser broke down on this file ({reason}). No other document is touched.")]
    Crashed {
        /// Signal, exit status or the last line of its error output.
        reason: String,
    },
    /// The person stopped it.
    #[error("Stopped.")]
    Cancelled,
    /// The file or the pipe to the parser could not be read.
    #[error("{path} cannot be read: {reason}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        reason: String,
    },
}

fn password_message(wrong: bool) -> &'static str {
    match wrong {
        true => "The password does not open this file. Try another one.",
        false => "The file is protected by a password. Give the password to import it.",
    }
}

impl ParseError {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            ParseError::Password { .. } => "password",
            ParseError::Damaged { .. } => "damaged",
            ParseError::Empty => "empty",
            ParseError::Unsupported { .. } => "unsupported",
            ParseError::TimedOut { .. } => "timeout",
            ParseError::OutOfMemory { .. } => "memory",
            ParseError::Crashed { .. } => "crashed",
            ParseError::Cancelled => "cancelled",
            ParseError::Io { .. } => "io",
        }
    }
}

/// Parses `bytes` in this process. Untrusted files go through [`worker::Parser`], whose child calls this.
///
/// `password` and `pdfium` (the path of `libpdfium`) concern PDF only; without `pdfium` pdf-extract reads alone.
pub fn parse(
    format: Format,
    bytes: &[u8],
    password: Option<&str>,
    pdfium: Option<&Path>,
) -> Result<RawDocument, ParseError> {
    if bytes.is_empty() {
        return Err(ParseError::Empty);
    }
    match format {
        Format::Pdf => pdf::parse(bytes, password, pdfium),
        Format::Docx => docx::parse(bytes),
        Format::Text => plain::parse(bytes),
        Format::Markdown => markdown::parse(bytes),
        Format::Html => html::parse(bytes),
        Format::Vtt => transcript::parse_vtt(bytes),
        Format::Srt => transcript::parse_srt(bytes),
        Format::Speakers => transcript::parse_speakers(bytes),
    }
}

/// The mark of the next item of the innermost open list: its number, counted on here, or a bullet.
fn list_mark(lists: &mut [Option<u64>]) -> String {
    match lists.last_mut() {
        Some(Some(next)) => {
            let mark = format!("{next}. ");
            *next = next.saturating_add(1);
            mark
        }
        _ => "• ".to_string(),
    }
}
