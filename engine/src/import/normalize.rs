//! Raw blocks and lines to the canonical text: the only code that changes characters, and it runs once for a document.
//!
//! What changes: white space of all kinds becomes a plain space and runs of it one; control, zero-width and non-characters
//! go; presentation ligatures are spelled out; on pages, a word hyphenated at a line's end is joined and the lines of a
//! paragraph are joined by one space. Everything else stays as the file has it. In particular there is no NFC: composing
//! would merge characters that have boxes of their own, so searching folds instead.
//!
//! Blocks are separated by `"\n"`, pages by `"\u{c}\n"`. No character is invented except those and the space.

mod characters;
mod headings;
mod pages;

use super::raw::{RawBlock, RawDocument};
use crate::text::{Block, BlockKind, Cue, DocText, ImportNote, Page, PageStatus, Section, Span};

pub(crate) use characters::clean_text;
pub(crate) use headings::starts_item;

/// How far into a text its title may stand, in bytes.
const TITLE_WINDOW: usize = 4_000;

/// Turns what a parser found into the canonical text.
pub fn normalize(raw: RawDocument) -> DocText {
    let mut writer = Writer::default();
    let mut pages = Vec::new();
    let paged = !raw.pages.is_empty();
    let mut notes = raw.notes;
    if paged {
        pages = pages::write(&raw.pages, &mut writer);
        notes.extend(ocr_note(&pages));
    }
    for block in &raw.flow {
        writer.flow_block(block);
    }
    let sections = sections(&writer.headings, writer.text.len());
    let title = raw.title.as_deref().and_then(|t| stated_title(t, paged)).or_else(|| {
        let heading = |s: &Section| writer.text.get(s.heading.range());
        let early = sections.iter().filter(|s| s.heading.start() < TITLE_WINDOW);
        let rank = |s: &&Section| Some((headings::title_rank(heading(s)?)?, s.level, s.heading.start()));
        let named = early.filter(|s| paged && rank(s).is_some()).min_by_key(rank);
        let first = || sections.iter().min_by_key(|s| (s.heading.start() >= TITLE_WINDOW, s.level, s.heading.start()));
        named.or_else(first).and_then(heading).map(|t| t.replace('\n', " "))
    });
    DocText {
        text: writer.text,
        pages,
        sections,
        blocks: writer.blocks,
        cues: writer.cues,
        extractor: raw.extractor,
        notes,
        title,
    }
}

/// The text under construction.
#[derive(Default)]
struct Writer {
    text: String,
    blocks: Vec<Block>,
    cues: Vec<Cue>,
    /// Level and place of each heading, in order.
    headings: Vec<(u8, Span)>,
}

impl Writer {
    fn flow_block(&mut self, raw: &RawBlock) {
        let text = clean_text(&raw.text, raw.kind == BlockKind::Code);
        if text.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let span = Span::new(self.text.len(), self.text.len() + text.len());
        self.text.push_str(&text);
        self.blocks.push(Block { kind: raw.kind, span });
        if let BlockKind::Heading(level) = raw.kind {
            self.headings.push((level.max(1), span));
        }
        if let Some(cue) = &raw.cue {
            self.cues.push(Cue { span, speaker: cue.speaker.clone(), start_ms: cue.start_ms, end_ms: cue.end_ms });
        }
    }
}

/// Each heading governs the text up to the next heading of its level or a higher one: sections nest.
fn sections(headings: &[(u8, Span)], end: usize) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::with_capacity(headings.len());
    let mut open: Vec<usize> = Vec::new();
    for (level, heading) in headings {
        while let Some(section) = open.last().and_then(|i| sections.get_mut(*i)).filter(|s| s.level >= *level) {
            section.span = Span::new(section.span.start(), heading.start());
            open.pop();
        }
        open.push(sections.len());
        sections.push(Section { level: *level, heading: *heading, span: Span::new(heading.start(), end) });
    }
    sections
}

/// A title worth showing: programs write file names and their own names there.
fn stated_title(title: &str, paged: bool) -> Option<String> {
    let title = clean_text(title, false).replace('\n', " ");
    let title = title.strip_prefix("Microsoft Word - ").unwrap_or(&title).trim();
    let lower = title.to_lowercase();
    let junk = lower.is_empty()
        || title.contains('\u{fffd}')
        || paged
            && (lower.starts_with("untitled")
                || [".doc", ".docx", ".dvi", ".pdf", ".tex", ".htm", ".html", ".indd", ".qxd", ".rtf", ".txt"]
                    .iter()
                    .any(|e| lower.ends_with(e)));
    (!junk).then(|| title.to_string())
}

/// One note for all pages that are pictures.
fn ocr_note(pages: &[Page]) -> Option<ImportNote> {
    let numbers: Vec<u32> = pages.iter().filter(|p| p.status == PageStatus::NeedsOcr).map(|p| p.number).collect();
    let first = *numbers.first()?;
    let (subject, verb) = if numbers.len() == 1 { ("Page", "is a picture") } else { ("Pages", "are pictures") };
    let message = format!(
        "{subject} {} {verb} without usable text. Run OCR on the file and import it again to have them read.",
        ranges(&numbers)
    );
    Some(ImportNote { code: "needs_ocr".to_string(), message, page: (numbers.len() == 1).then_some(first) })
}

/// `1-3, 7`: sorted numbers as ranges.
fn ranges(numbers: &[u32]) -> String {
    numbers
        .chunk_by(|a, b| *b == a + 1)
        .filter_map(|run| match (run.first()?, run.last()?) {
            (a, b) if a == b => Some(a.to_string()),
            (a, b) => Some(format!("{a}-{b}")),
        })
        .collect::<Vec<_>>()
        .join(", ")
}
