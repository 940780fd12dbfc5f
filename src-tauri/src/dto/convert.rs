//! From engine types to wire types. The only place where byte spans become UTF-16 ranges.

use super::{
    WireBlock, WireClaim, WireDocument, WireDocumentView, WireFit, WireHit, WireJob, WireModel, WirePack, WirePage,
    WirePassage, WireRange, WireRect, WireReview, WireRun, WireSearched, WireSection, WireVerdict,
};
use lectern_engine::generate::ModelCard;
use lectern_engine::import::raw::Format;
use lectern_engine::store::runs::{Review, StoredRun, Verdict};
use lectern_engine::tasks::{Claim, ClaimKind, Evidence, FoundBy, MatchKind, Pack, Status, TaskSpec};
use lectern_engine::text::utf16::Utf16Map;
use lectern_engine::text::{BlockKind, DocText, PageStatus, Span};
use lectern_engine::values::Value;
use lectern_engine::workspace::{Document, DocumentStatus, Fit, Job, JobSpec, SearchHit};

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
            TaskSpec::Summary { .. } => "Summary".to_string(),
            TaskSpec::Minutes { .. } => "Minutes".to_string(),
            TaskSpec::Fields { pack, .. } => pack.name.clone(),
            TaskSpec::Question { question, .. } => question.clone(),
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
            found_by: claim.found_by.map(|by| found_by(by).to_string()),
            confidence: claim.confidence,
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
        TaskSpec::Summary { .. } => "summary",
        TaskSpec::Minutes { .. } => "minutes",
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

fn found_by(by: FoundBy) -> &'static str {
    match by {
        FoundBy::Model => "model",
        FoundBy::Rules => "rules",
        FoundBy::Both => "both",
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
