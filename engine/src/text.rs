//! The canonical text of a document: one immutable string, and everything that is known about places in it.
//!
//! All offsets are half-open byte ranges ([`Span`]) of [`DocText::text`]. Nothing here changes characters: that happens
//! once, in [`crate::import::normalize`], before a `DocText` exists.

pub mod boxes;
pub mod span;
pub mod utf16;

pub use boxes::{GlyphBoxes, PageRect, Rect};
use serde::{Deserialize, Serialize};
pub use span::Span;

/// The canonical text with its page map, structure and provenance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocText {
    /// The text. Pages are separated by a form feed and a newline (`"\u{c}\n"`) that belong to neither page.
    pub text: String,
    /// Pages in order: sorted, disjoint, on character boundaries. Empty for formats that have no pages.
    pub pages: Vec<Page>,
    /// Headings in order of their position; `span` of a section runs to the next heading of the same or a higher level.
    pub sections: Vec<Section>,
    /// Blocks (paragraphs, headings, table rows, cues ...) in order: sorted and disjoint.
    pub blocks: Vec<Block>,
    /// Cues of a transcript in order, with speaker and times. Empty for other formats.
    pub cues: Vec<Cue>,
    /// What wrote this text.
    pub extractor: Extractor,
    /// What the person should know about this import (tracked changes, skipped parts, pages that need OCR).
    pub notes: Vec<ImportNote>,
    /// The title the file states, or its first heading. `None` where neither exists.
    pub title: Option<String>,
}

/// One page of a paged document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Number from 1, in file order.
    pub number: u32,
    /// Where its text stands. Empty (`start == end`) where the page has no usable text.
    pub span: Span,
    /// Width in points (1/72 inch), after rotation.
    pub width: f32,
    /// Height in points, after rotation.
    pub height: f32,
    /// Whether the text can be relied on.
    pub status: PageStatus,
    /// The extractor whose text of this page was taken.
    pub extractor: Extractor,
    /// Quality in 0..=1 by [`crate::import::pdf::quality`]; 1 is clean text.
    pub quality: f32,
    /// Boxes of the page's characters, in the order of the text.
    pub boxes: GlyphBoxes,
}

/// Whether a page's text can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageStatus {
    /// Text was found and scores well.
    Ok,
    /// Text was found but scores badly: wrong characters, split words.
    Poor,
    /// Pictures but no usable text: a scan.
    NeedsOcr,
    /// Neither text nor pictures.
    Blank,
    /// The page could not be read; the reason is in [`DocText::notes`].
    Failed,
}

/// A heading and the part of the text it governs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// 1 is the highest level.
    pub level: u8,
    /// The heading itself.
    pub heading: Span,
    /// From the heading's start to the start of the next heading of the same or a higher level, or the end.
    pub span: Span,
}

/// A block of text: what a reader would call a paragraph, a heading, a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Where it stands.
    pub span: Span,
}

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// A paragraph, or a run of lines taken as one.
    Paragraph,
    /// A heading of the given level, 1 is the highest.
    Heading(u8),
    /// An item of a list, its number or bullet included in the text.
    ListItem,
    /// A row of a table: cells separated by `" | "`.
    TableRow,
    /// A footnote or endnote, its mark included.
    Footnote,
    /// A line that repeats at the top or bottom of pages. Kept in the text, marked here.
    RunningHeader,
    /// A cue of a transcript.
    Cue,
    /// A review comment, with its author.
    Comment,
    /// Preformatted text or code.
    Code,
}

/// One cue of a transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cue {
    /// Where the cue's text stands (the speaker's name as written before it included).
    pub span: Span,
    /// Who speaks, where the file says so.
    pub speaker: Option<String>,
    /// Start in milliseconds from the beginning, where the file says so.
    pub start_ms: Option<u64>,
    /// End in milliseconds from the beginning, where the file says so.
    pub end_ms: Option<u64>,
}

/// A program that produced text, with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extractor {
    /// For instance `pdfium`, `pdf-extract`, `lectern-docx`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Something the person should know about an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportNote {
    /// A stable word for programs, for instance `needs_ocr`, `tracked_changes`, `page_failed`, `encoding_guessed`.
    pub code: String,
    /// What happened and what to do, in one or two sentences.
    pub message: String,
    /// The page it concerns, from 1.
    pub page: Option<u32>,
}

impl DocText {
    /// The text of `span`; `None` where the span does not lie in the text on character boundaries.
    pub fn slice(&self, span: Span) -> Option<&str> {
        self.text.get(span.range())
    }

    /// The number of the page that holds `offset`; `None` between pages and in formats without pages.
    pub fn page_at(&self, offset: usize) -> Option<u32> {
        let i = self.pages.partition_point(|p| p.span.end() <= offset);
        self.pages.get(i).filter(|p| p.span.start() <= offset).map(|p| p.number)
    }

    /// The rectangles that cover `span`, one for each line on each page it touches. Empty where there are no boxes.
    pub fn rects(&self, span: Span) -> Vec<PageRect> {
        self.pages
            .iter()
            .filter(|p| p.span.overlaps(span))
            .flat_map(|p| p.boxes.rects(span).into_iter().map(|rect| PageRect { page: p.number, rect }))
            .collect()
    }

    /// The cue that holds `offset`.
    pub fn cue_at(&self, offset: usize) -> Option<&Cue> {
        let i = self.cues.partition_point(|c| c.span.end() <= offset);
        self.cues.get(i).filter(|c| c.span.start() <= offset)
    }

    /// The block that holds all of `span`.
    pub fn block_of(&self, span: Span) -> Option<&Block> {
        let i = self.blocks.partition_point(|b| b.span.end() <= span.start());
        self.blocks.get(i).filter(|b| b.span.covers(span))
    }

    /// The innermost section that holds `offset`.
    pub fn section_at(&self, offset: usize) -> Option<&Section> {
        self.sections.iter().rev().find(|s| s.span.start() <= offset && offset < s.span.end())
    }
}

/// The words of a text: runs of letters and digits, as they are written.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty())
}
