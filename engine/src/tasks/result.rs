//! What a task produces: claims with evidence, what was read, and how it came about. Stored as it is.

use crate::generate::Decided;
use crate::text::Span;
use serde::{Deserialize, Serialize};

/// The result of one task on one document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// Claims in the order a person should read them.
    pub claims: Vec<Claim>,
    /// What was read.
    pub coverage: Coverage,
    /// How it came about.
    pub provenance: Provenance,
}

/// One line of a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// What kind of line.
    pub kind: ClaimKind,
    /// The field's name, the section's heading, the topic; empty where the kind says all.
    pub label: String,
    /// The line itself. For a field: the value as found. Empty for a field that was not found.
    pub text: String,
    /// The value in normal form (ISO date, duration, amount with currency, party), where there is one.
    pub value: Option<crate::values::Value>,
    /// How it stands with the evidence.
    pub status: Status,
    /// Passages it points at; each satisfies `text[span] == quote`.
    pub evidence: Vec<Evidence>,
    /// Quotes the model gave that do not stand in the document. Shown as such, never as evidence.
    pub unlocated: Vec<String>,
    /// Owner of an action item, only if said.
    pub owner: Option<String>,
    /// Due date of an action item as said.
    pub due: Option<String>,
    /// For what was not found: what was searched and what speaks against it.
    pub searched: Option<SearchedNote>,
    /// Notes of the cross-check, for a person: "the date also occurs at …", "no rule confirms this amount".
    pub checks: Vec<String>,
    /// Who pointed at the passages of a field or an answer; nothing for other kinds of lines.
    #[serde(default)]
    pub found_by: Option<FoundBy>,
    /// How likely the passages of a field or a question answer it, 0 to 1; where nothing was found, how likely the document
    /// does not have it. By the scores of rules and search, which are measured on labelled documents; nothing where they
    /// know no such field.
    #[serde(default)]
    pub confidence: Option<f64>,
}

/// Who pointed at the passages of a field or an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    /// The language model alone.
    Model,
    /// Rules and search alone.
    Rules,
    /// Both of them.
    Both,
}

/// What kind of line a claim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// The document in one line.
    Headline,
    /// A key point.
    KeyPoint,
    /// A point of one section; `label` is its heading.
    SectionPoint,
    /// Someone who took part.
    Attendee,
    /// A topic of a meeting.
    Topic,
    /// A decision of a meeting.
    Decision,
    /// An action item.
    Action,
    /// A field; `label` is its name.
    Field,
    /// An answer to a question.
    Answer,
}

impl ClaimKind {
    /// The heading above lines of this kind, where a person reads them.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Headline => "In one line",
            Self::KeyPoint => "Key points",
            Self::SectionPoint => "By section",
            Self::Attendee => "Attendees",
            Self::Topic => "Topics",
            Self::Decision => "Decisions",
            Self::Action => "Action items",
            Self::Field => "Fields",
            Self::Answer => "Answer",
        }
    }
}

/// How a claim stands with its evidence. A located quote proves presence, not support.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every quote stands in the document, character for character.
    Verified,
    /// A quote was located only after folding white space, case or punctuation; the stored quote is the document's.
    Fuzzy,
    /// No quote could be located: shown, left out of exports by default.
    Unsupported,
    /// The model says that the document does not have it.
    NotFound,
}

/// A passage of the canonical text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Where it stands.
    pub span: Span,
    /// Exactly `text[span]`.
    pub quote: String,
    /// How it was located.
    pub matched: MatchKind,
    /// In how many places the same words stand; above 1 the first that fits the order of the claims was taken.
    pub occurrences: u32,
}

/// How a quote was located.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchKind {
    /// Byte for byte.
    Exact,
    /// After folding.
    Folded,
}

/// What was searched for something that was not found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchedNote {
    /// Tokens of the document that the model had read when it said so.
    pub read_tokens: usize,
    /// Words looked for in the index.
    pub queries: Vec<String>,
    /// Passages that hold those words, or of a question share most with it, and may speak against "not found".
    pub contrary: Vec<Evidence>,
}

/// What part of a document was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Bytes of the canonical text.
    pub text_bytes: usize,
    /// Tokens of the canonical text by the model's tokenizer.
    pub text_tokens: usize,
    /// The spans that were read, in order. One span that covers the text means: whole.
    pub read: Vec<Span>,
    /// Whether everything was read in one piece.
    pub whole: bool,
    /// One sentence for the person.
    pub statement: String,
    /// Pages (from 1) that hold no usable text and so were not read.
    pub unread_pages: Vec<u32>,
}

impl Coverage {
    /// Says one sentence more.
    pub(crate) fn add(&mut self, sentence: &str) {
        self.statement = format!("{} {sentence}", self.statement);
    }
}

/// How a result came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Name of the model.
    pub model: String,
    /// Digest of weights, config, tokenizer and template.
    pub model_digest: String,
    /// Whether the model is a stand-in.
    pub interim: bool,
    /// [`crate::tasks::prompt::PROMPT_VERSION`].
    pub prompt_version: u32,
    /// Seed.
    pub seed: u64,
    /// Temperature.
    pub temperature: f32,
    /// Tokens put in, over all requests of the task, the document not counted.
    pub prompt_tokens: usize,
    /// Tokens generated over all requests.
    pub generated_tokens: usize,
    /// Requests whose answer was cut (`max_tokens`, `context_full`, `repetition`), as `label: reason`.
    pub cut_short: Vec<String>,
    /// Where the model could give passages or say that there are none, how that was decided, request by request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<ModelDecision>,
    /// Reading time in milliseconds.
    pub read_ms: u64,
    /// Answering time in milliseconds.
    pub answer_ms: u64,
    /// Digest of the tables of rules that took part beside the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules_digest: Option<String>,
}

/// Whether the model was to give passages or to say that there are none. All figures are log-odds of "none".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelDecision {
    /// What was asked for, as in `cut_short`.
    pub asked: String,
    /// To which side the model leant.
    pub lean: f32,
    /// What rules and search say of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<f32>,
    /// What counted: the lean, or both together where the model's adapter has weights for that.
    pub log_odds: f32,
}

impl ModelDecision {
    pub(crate) fn new(asked: &str, decided: Decided, evidence: Option<f32>) -> Self {
        Self { asked: asked.to_owned(), lean: decided.lean, evidence, log_odds: decided.log_odds }
    }
}
