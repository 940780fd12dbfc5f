//! Wire types: what the window is told. The only place where byte spans become UTF-16 ranges.

use lectern_engine::generate::ModelCard;
use lectern_engine::import::raw::Format;
use lectern_engine::store::runs::{Review, StoredRun, Verdict};
use lectern_engine::tasks::{Claim, ClaimKind, Evidence, MatchKind, Pack, Status, TaskSpec};
use lectern_engine::text::utf16::Utf16Map;
use lectern_engine::text::{BlockKind, DocText, PageStatus, Span};
use lectern_engine::values::Value;
use lectern_engine::workspace::{Document, DocumentStatus, Fit, Job, JobSpec, SearchHit};
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
    Summary,
    /// Minutes.
    Minutes,
    /// The fields of a built-in pack, or of one written as JSON.
    Fields {
        /// Identifier of a built-in pack, or JSON of one.
        pack: String,
    },
    /// A question.
    Question {
        /// The question.
        question: String,
    },
}

/// One document's text with its UTF-16 map: turns engine types into wire types.
pub struct Places<'t> {
    text: &'t DocText,
    map: Utf16Map<'t>,
}

impl<'t> Places<'t> {
    /// Over one text.
    pub fn new(text: &'t DocText) -> Self {
        Self { text, map: Utf16Map::new(&text.text) }
    }

    fn range(&self, span: Span) -> WireRange {
        let (start, end) = self.map.span_to_utf16(span);
        WireRange { start: small(start), end: small(end) }
    }

    /// A span as a passage.
    pub fn passage(&self, span: Span) -> WirePassage {
        let rects = self.text.rects(span);
        WirePassage {
            quote: self.text.slice(span).unwrap_or_default().to_string(),
            page: self.text.page_at(span.start()),
            range: self.range(span),
            rects: rects
                .iter()
                .map(|r| WireRect { page: r.page, x: r.rect.x, y: r.rect.y, w: r.rect.w, h: r.rect.h })
                .collect(),
            occurrences: 1,
            folded: false,
            time_ms: self.text.cue_at(span.start()).and_then(|c| c.start_ms).map(|ms| small(ms as usize)),
        }
    }

    fn evidence(&self, evidence: &Evidence) -> WirePassage {
        WirePassage {
            occurrences: evidence.occurrences,
            folded: evidence.matched == MatchKind::Folded,
            ..self.passage(evidence.span)
        }
    }

    /// A search hit.
    pub fn hit(&self, hit: &SearchHit) -> WireHit {
        let excerpt = hit.excerpt_span;
        let mut pieces = Vec::new();
        let mut at = excerpt.start();
        for mark in hit.highlights.iter().filter_map(|h| h.intersect(excerpt)).filter(|h| h.start() >= excerpt.start())
        {
            if mark.start() < at {
                continue;
            }
            pieces.push(self.slice(Span::new(at, mark.start())));
            pieces.push(self.slice(mark));
            at = mark.end();
        }
        pieces.push(self.slice(Span::new(at, excerpt.end())));
        WireHit {
            document: number(hit.document.0),
            name: hit.name.clone(),
            page: hit.page,
            section: hit.section.clone(),
            pieces,
            passage: self.passage(hit.highlights.first().copied().unwrap_or(excerpt)),
        }
    }

    fn slice(&self, span: Span) -> String {
        self.text.slice(span).unwrap_or_default().to_string()
    }

    /// A stored result.
    pub fn run(&self, run: &StoredRun) -> WireRun {
        let title = match &run.spec {
            TaskSpec::Summary => "Summary".to_string(),
            TaskSpec::Minutes => "Minutes".to_string(),
            TaskSpec::Fields { pack, .. } => pack.name.clone(),
            TaskSpec::Question { question } => question.clone(),
        };
        let result = &run.result;
        let claims = result.claims.iter().zip(&run.claim_ids).zip(&run.reviews);
        WireRun {
            id: number(run.id.0),
            task: task_name(&run.spec).to_string(),
            title,
            created_s: seconds(run.created_ms),
            coverage: result.coverage.statement.clone(),
            whole: result.coverage.whole,
            unread_pages: result.coverage.unread_pages.clone(),
            cut_short: result.provenance.cut_short.clone(),
            model: result.provenance.model.clone(),
            interim: result.provenance.interim,
            claims: claims.map(|((claim, id), review)| self.claim(claim, id.0, review.as_ref())).collect(),
        }
    }

    fn claim(&self, claim: &Claim, id: i64, review: Option<&Review>) -> WireClaim {
        WireClaim {
            id: number(id),
            kind: kind(claim.kind).to_string(),
            label: claim.label.clone(),
            text: claim.text.clone(),
            value: claim.value.as_ref().map(value),
            status: status(claim.status).to_string(),
            evidence: claim.evidence.iter().map(|e| self.evidence(e)).collect(),
            unlocated: claim.unlocated.clone(),
            owner: claim.owner.clone(),
            due: claim.due.clone(),
            searched: claim.searched.as_ref().map(|s| WireSearched {
                read_tokens: small(s.read_tokens),
                queries: s.queries.clone(),
                contrary: s.contrary.iter().map(|e| self.evidence(e)).collect(),
            }),
            checks: claim.checks.clone(),
            review: review.map(WireReview::from),
        }
    }

    /// The document opened for reading.
    pub fn view(&self, document: &Document) -> WireDocumentView {
        let text = self.text;
        WireDocumentView {
            document: document.into(),
            text: text.text.clone(),
            pages: text
                .pages
                .iter()
                .map(|p| WirePage {
                    number: p.number,
                    range: self.range(p.span),
                    width: p.width,
                    height: p.height,
                    status: page_status(p.status).to_string(),
                })
                .collect(),
            sections: text
                .sections
                .iter()
                .map(|s| WireSection {
                    level: u32::from(s.level),
                    heading: self.slice(s.heading),
                    range: self.range(s.heading),
                })
                .collect(),
            blocks: text.blocks.iter().map(|b| self.block(b.kind, b.span)).collect(),
            extractor: format!("{} {}", text.extractor.name, text.extractor.version),
        }
    }

    fn block(&self, kind: BlockKind, span: Span) -> WireBlock {
        let (name, level) = match kind {
            BlockKind::Paragraph => ("paragraph", 0),
            BlockKind::Heading(level) => ("heading", u32::from(level)),
            BlockKind::ListItem => ("list_item", 0),
            BlockKind::TableRow => ("table_row", 0),
            BlockKind::Footnote => ("footnote", 0),
            BlockKind::RunningHeader => ("running_header", 0),
            BlockKind::Cue => ("cue", 0),
            BlockKind::Comment => ("comment", 0),
            BlockKind::Code => ("code", 0),
        };
        let cue = if kind == BlockKind::Cue { self.text.cue_at(span.start()) } else { None };
        WireBlock {
            kind: name.to_string(),
            level,
            range: self.range(span),
            speaker: cue.and_then(|c| c.speaker.clone()),
            time_ms: cue.and_then(|c| c.start_ms).map(|ms| small(ms as usize)),
        }
    }
}

impl WireJob {
    /// A job that is a task; imports are none.
    pub fn of(job: &Job) -> Option<Self> {
        match &job.spec {
            JobSpec::Task { document, spec, .. } => {
                Some(Self { id: number(job.id.0), document: number(document.0), task: task_name(spec).to_string() })
            }
            JobSpec::Import { .. } => None,
        }
    }
}

fn task_name(spec: &TaskSpec) -> &'static str {
    match spec {
        TaskSpec::Summary => "summary",
        TaskSpec::Minutes => "minutes",
        TaskSpec::Fields { .. } => "fields",
        TaskSpec::Question { .. } => "question",
    }
}

impl From<&Document> for WireDocument {
    fn from(d: &Document) -> Self {
        Self {
            id: number(d.id.0),
            name: d.name.clone(),
            title: d.title.clone(),
            format: d.format.map(|f| format_name(f).to_string()),
            status: document_status(d.status).to_string(),
            message: d.message.clone(),
            kilobytes: u32::try_from(d.bytes.div_ceil(1000)).unwrap_or(u32::MAX),
            pages: d.pages,
            pages_need_ocr: d.pages_need_ocr,
            imported_s: seconds(d.imported_ms),
            notes: d.notes.iter().map(|n| n.message.clone()).collect(),
        }
    }
}

impl From<&Review> for WireReview {
    fn from(r: &Review) -> Self {
        let verdict = match r.verdict {
            Verdict::Accepted => WireVerdict::Accepted,
            Verdict::Edited => WireVerdict::Edited,
            Verdict::Rejected => WireVerdict::Rejected,
        };
        Self { verdict, text: r.text.clone(), note: r.note.clone() }
    }
}

impl From<WireReview> for Review {
    fn from(r: WireReview) -> Self {
        let verdict = match r.verdict {
            WireVerdict::Accepted => Verdict::Accepted,
            WireVerdict::Edited => Verdict::Edited,
            WireVerdict::Rejected => Verdict::Rejected,
        };
        Self { verdict, text: r.text, note: r.note }
    }
}

impl From<&Pack> for WirePack {
    fn from(p: &Pack) -> Self {
        Self {
            id: p.id.clone(),
            name: p.name.clone(),
            description: p.description.clone(),
            fields: p.fields.iter().map(|f| f.name.clone()).collect(),
        }
    }
}

impl From<&ModelCard> for WireModel {
    fn from(c: &ModelCard) -> Self {
        Self {
            name: c.name.clone(),
            description: c.description.clone(),
            license: c.license.clone(),
            interim: c.interim,
            context_length: small(c.context_length),
        }
    }
}

impl From<Fit> for WireFit {
    fn from(f: Fit) -> Self {
        Self {
            tokens: small(f.tokens),
            context: small(f.context),
            fits: f.fits,
            memory_mb: u32::try_from(f.memory_estimate_bytes / 1_000_000).unwrap_or(u32::MAX),
        }
    }
}

/// Numbers on the wire are 32 bits wide: a document of 4 GB or a library of 4 billion lines is beyond the window.
fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn number(id: i64) -> u32 {
    u32::try_from(id).unwrap_or(u32::MAX)
}

fn seconds(ms: i64) -> u32 {
    u32::try_from(ms / 1000).unwrap_or(0)
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Pdf => "pdf",
        Format::Docx => "docx",
        Format::Text => "text",
        Format::Markdown => "markdown",
        Format::Html => "html",
        Format::Vtt => "vtt",
        Format::Srt => "srt",
        Format::Speakers => "speakers",
    }
}

fn document_status(status: DocumentStatus) -> &'static str {
    status.as_str()
}

fn page_status(status: PageStatus) -> &'static str {
    match status {
        PageStatus::Ok => "ok",
        PageStatus::Poor => "poor",
        PageStatus::NeedsOcr => "needs_ocr",
        PageStatus::Blank => "blank",
        PageStatus::Failed => "failed",
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Verified => "verified",
        Status::Fuzzy => "fuzzy",
        Status::Unsupported => "unsupported",
        Status::NotFound => "not_found",
    }
}

fn kind(kind: ClaimKind) -> &'static str {
    match kind {
        ClaimKind::Headline => "headline",
        ClaimKind::KeyPoint => "key_point",
        ClaimKind::SectionPoint => "section_point",
        ClaimKind::Attendee => "attendee",
        ClaimKind::Topic => "topic",
        ClaimKind::Decision => "decision",
        ClaimKind::Action => "action",
        ClaimKind::Field => "field",
        ClaimKind::Answer => "answer",
    }
}

/// A value as a person writes it.
fn value(value: &Value) -> String {
    match value {
        Value::Date { iso } => iso.clone(),
        Value::Duration { count, unit } => {
            format!("{count} {}{}", unit.replace('_', " "), if *count == 1 { "" } else { "s" })
        }
        Value::Money { amount, currency } => format!("{currency} {amount}"),
        Value::Percent { amount } => format!("{amount}%"),
        Value::Number { amount } => amount.clone(),
        Value::Party { name } => name.clone(),
        Value::Flag { yes } => if *yes { "yes" } else { "no" }.to_string(),
        Value::Text { text } => text.clone(),
    }
}
