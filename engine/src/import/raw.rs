//! What a parser hands over: blocks of text with pages and boxes, before normalisation. Crosses the worker's pipe.

use crate::text::{BlockKind, Extractor, ImportNote, PageStatus, Rect};
use serde::{Deserialize, Serialize};

/// A parsed file before normalisation. `pages` is empty for formats without pages; then `flow` holds the blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RawDocument {
    /// The format that was recognised.
    pub format: Format,
    /// What parsed it.
    pub extractor: Extractor,
    /// The title the file states.
    pub title: Option<String>,
    /// Pages in order, for paged formats.
    pub pages: Vec<RawPage>,
    /// Blocks in reading order, for formats without pages.
    pub flow: Vec<RawBlock>,
    /// What the person should know.
    pub notes: Vec<ImportNote>,
}

/// A format Lectern reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Portable Document Format.
    Pdf,
    /// Office Open XML text document.
    Docx,
    /// Plain text.
    Text,
    /// Markdown.
    Markdown,
    /// HTML.
    Html,
    /// WebVTT transcript.
    Vtt,
    /// SubRip transcript.
    Srt,
    /// Transcript in `Speaker: text` form.
    Speakers,
}

/// One page of raw lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RawPage {
    /// From 1, in file order.
    pub number: u32,
    /// Width in points after rotation.
    pub width: f32,
    /// Height in points after rotation.
    pub height: f32,
    /// Whether the text can be relied on.
    pub status: PageStatus,
    /// What produced the lines of this page.
    pub extractor: Extractor,
    /// Score in 0..=1.
    pub quality: f32,
    /// Lines in reading order.
    pub lines: Vec<RawLine>,
}

/// One line of a page as the extractor saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RawLine {
    /// Characters in order; spaces included, without a box where the extractor inferred them.
    pub glyphs: Vec<RawGlyph>,
    /// Font size in points, the median over the line; 0 where unknown. Used to find headings.
    pub font_size: f32,
    /// Whether most of the line is set bold.
    pub bold: bool,
}

/// One character (or ligature, as the file's text layer gives it) and its box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RawGlyph {
    /// Its text, usually one character.
    pub text: String,
    /// Its box in points, origin top left of the page as shown. `None` where the extractor gave none.
    pub rect: Option<Rect>,
}

/// A block of a format without pages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RawBlock {
    /// What it is.
    pub kind: BlockKind,
    /// Its text, numbering included; may hold `\n` for line breaks inside the block.
    pub text: String,
    /// For cues of a transcript.
    pub cue: Option<RawCue>,
}

/// Speaker and times of a transcript cue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawCue {
    /// Who speaks.
    pub speaker: Option<String>,
    /// Start in milliseconds.
    pub start_ms: Option<u64>,
    /// End in milliseconds.
    pub end_ms: Option<u64>,
}
