//! Wire types: what the window is told.

mod convert;

pub use convert::Places;
use serde::{Deserialize, Serialize};
use specta::Type;

/// Half-open range of UTF-16 units of the document's text.
#[derive(Debug, Clone, Copy, Serialize, Type)]
pub struct WireRange {
    /// First unit.
    pub start: u32,
    /// One past the last unit.
    pub end: u32,
}

/// A rectangle on a page in points, origin top left.
#[derive(Debug, Clone, Copy, Serialize, Type)]
pub struct WireRect {
    /// Page from 1.
    pub page: u32,
    /// Left edge.
    #[specta(type = i32)]
    pub x: f32,
    /// Top edge.
    #[specta(type = i32)]
    pub y: f32,
    /// Width.
    #[specta(type = i32)]
    pub w: f32,
    /// Height.
    #[specta(type = i32)]
    pub h: f32,
}

/// A passage: where to scroll, what to mark.
#[derive(Debug, Clone, Serialize, Type)]
pub struct WirePassage {
    /// The words as they stand.
    pub quote: String,
    /// Page from 1; none for formats without pages.
    pub page: Option<u32>,
    /// Range of the text.
    pub range: WireRange,
    /// Rectangles to mark.
    pub rects: Vec<WireRect>,
    /// In how many places the same words stand.
    pub occurrences: u32,
    /// Whether it was found only after folding white space, case or punctuation.
    pub folded: bool,
    /// Start of the transcript cue it stands in, in milliseconds.
    pub time_ms: Option<u32>,
}

/// A document in the library.
#[derive(Debug, Clone, Serialize, Type)]
pub struct WireDocument {
    /// Its number.
    pub id: u32,
    /// File name.
    pub name: String,
    /// The title it states.
    pub title: Option<String>,
    /// `pdf`, `docx`, `text`, `markdown`, `html`, `vtt`, `srt`, `speakers`, or none where it was not recognised.
    pub format: Option<String>,
    /// `importing`, `ready`, `partial`, `needs_ocr`, `needs_password`, `damaged`, `empty`, `unsupported`, `failed`.
    pub status: String,
    /// What is wrong and what to do, where something is.
    pub message: Option<String>,
    /// Size of the file in kilobytes, at least 1.
    pub kilobytes: u32,
    /// Number of pages, for formats that have them.
    pub pages: Option<u32>,
    /// Pages without a usable text layer.
    pub pages_need_ocr: u32,
    /// Seconds since 1970.
    pub imported_s: u32,
    /// What the person should know about the import.
    pub notes: Vec<String>,
}

/// A document opened for reading.
#[derive(Debug, Clone, Serialize, Type)]
pub struct WireDocumentView {
    /// The document.
    pub document: WireDocument,
    /// Its canonical text.
    pub text: String,
    /// Its pages.
    pub pages: Vec<WirePage>,
    /// Its headings.
    pub sections: Vec<WireSection>,
    /// Its blocks.
    pub blocks: Vec<WireBlock>,
    /// What read it, for instance `pdfium 159.0`.
    pub extractor: String,
}

/// A page.
#[derive(Debug, Clone, Serialize, Type)]
pub struct WirePage {
    /// From 1.
    pub number: u32,
    /// Its part of the text.
    pub range: WireRange,
    /// Width in points.
    #[specta(type = i32)]
    pub width: f32,
    /// Height in points.
    #[specta(type = i32)]
    pub height: f32,
    /// `ok`, `poor`, `needs_ocr`, `blank`, `failed`.
    pub status: String,
}

/// A heading.
#[derive(Debug, Clone, Serialize, Type)]
pub struct WireSection {
    /// 1 is the highest.
    pub level: u32,
    /// The heading's words.
    pub heading: String,
    /// Where the heading stands.
    pub range: WireRange,
}

/// A block of text.
#[derive(Debug, Clone, Serialize, Type)]
pub struct WireBlock {
    /// `paragraph`, `heading`, `list_item`, `table_row`, `footnote`, `running_header`, `cue`, `comment`, `code`.
    pub kind: String,
    /// Level of a heading, else 0.
    pub level: u32,
    /// Where it stands.
    pub range: WireRange,
    /// Who speaks, for a cue.
    pub speaker: Option<String>,
    /// When, for a cue, in milliseconds.
    pub time_ms: Option<u32>,
}

/// A search hit.
#[derive(Debug, Clone, Serialize, Type)]
pub struct WireHit {
    /// The document's number.
    pub document: u32,
    /// Its file name.
    pub name: String,
    /// Page from 1.
    pub page: Option<u32>,
    /// Heading it stands under.
    pub section: Option<String>,
    /// The excerpt in pieces; every second one, from the second on, is a hit.
    pub pieces: Vec<String>,
    /// Where to go.
    pub passage: WirePassage,
}

/// A stored result.
#[derive(Debug, Clone, Serialize, Type)]
pub struct WireRun {
    /// Its number.
    pub id: u32,
    /// `summary`, `minutes`, `fields`, `question`.
    pub task: String,
    /// The pack's name or the question.
    pub title: String,
    /// Seconds since 1970.
    pub created_s: u32,
    /// What was read, in a sentence.
    pub coverage: String,
    /// Whether all of it was read in one piece.
    pub whole: bool,
    /// Pages that hold no usable text.
    pub unread_pages: Vec<u32>,
    /// Answers that were cut.
    pub cut_short: Vec<String>,
    /// The model's name.
    pub model: String,
    /// Whether the model is a stand-in.
    pub interim: bool,
    /// The lines.
    pub claims: Vec<WireClaim>,
}

/// One line of a result.
#[derive(Debug, Clone, Serialize, Type)]
pub struct WireClaim {
    /// Its number.
    pub id: u32,
    /// `headline`, `key_point`, `section_point`, `attendee`, `topic`, `decision`, `action`, `field`, `answer`.
    pub kind: String,
    /// The field's name, the section's heading, the topic.
    pub label: String,
    /// The line.
    pub text: String,
    /// The value in normal form.
    pub value: Option<String>,
    /// `verified`, `fuzzy`, `unsupported`, `not_found`.
    pub status: String,
    /// The passages.
    pub evidence: Vec<WirePassage>,
    /// Quotes that do not stand in the document.
    pub unlocated: Vec<String>,
    /// Owner of an action.
    pub owner: Option<String>,
    /// Due date of an action.
    pub due: Option<String>,
    /// What was searched for something not found.
    pub searched: Option<WireSearched>,
    /// Notes of the cross-check.
    pub checks: Vec<String>,
    /// Who pointed at a field's passages: `model`, `rules`, `both`.
    pub found_by: Option<String>,
    /// How likely they answer the field, 0 to 1; for one that was not found, how likely the document lacks it.
    pub confidence: Option<f64>,
    /// The person's verdict.
    pub review: Option<WireReview>,
}

/// What was searched.
#[derive(Debug, Clone, Serialize, Type)]
pub struct WireSearched {
    /// Tokens read.
    pub read_tokens: u32,
    /// Words looked for.
    pub queries: Vec<String>,
    /// Passages that may speak against "not found".
    pub contrary: Vec<WirePassage>,
}

/// A person's verdict on a line.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct WireReview {
    /// `accepted`, `edited`, `rejected`.
    pub verdict: WireVerdict,
    /// The edited text.
    pub text: Option<String>,
    /// A note.
    pub note: Option<String>,
}

/// A verdict.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum WireVerdict {
    /// Right as it is.
    Accepted,
    /// Right as edited.
    Edited,
    /// Wrong.
    Rejected,
}

/// A pack of fields.
#[derive(Debug, Clone, Serialize, Type)]
pub struct WirePack {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Names of its fields.
    pub fields: Vec<String>,
}

/// The model.
#[derive(Debug, Clone, Serialize, Type)]
pub struct WireModel {
    /// Its name.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// Its licence.
    pub license: String,
    /// Whether it stands in for a model to come.
    pub interim: bool,
    /// Tokens it holds.
    pub context_length: u32,
}

/// How a document fits the model.
#[derive(Debug, Clone, Serialize, Type)]
pub struct WireFit {
    /// Tokens of the document.
    pub tokens: u32,
    /// Tokens the model holds.
    pub context: u32,
    /// Whether it fits with room for answers.
    pub fits: bool,
    /// Memory for reading it, in megabytes.
    pub memory_mb: u32,
}

/// A task that waits to be carried on with.
#[derive(Debug, Clone, Serialize, Type)]
pub struct WireJob {
    /// Its number.
    pub id: u32,
    /// The document's number.
    pub document: u32,
    /// `summary`, `minutes`, `fields`, `question`.
    pub task: String,
}

/// What to run.
#[derive(Debug, Clone, Deserialize, Type)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum WireTask {
    /// A summary.
    Summary {
        /// Whether rules write it alone, without the model.
        rules_only: bool,
    },
    /// Minutes.
    Minutes {
        /// Whether rules take them alone, without the model.
        rules_only: bool,
    },
    /// The fields of a built-in pack, or of one written as JSON.
    Fields {
        /// Identifier of a built-in pack, or JSON of one.
        pack: String,
        /// Whether rules look for them alone, without the model.
        rules_only: bool,
    },
    /// A question.
    Question {
        /// The question.
        question: String,
        /// Whether rules and search answer it alone, without the model.
        rules_only: bool,
    },
}
