//! What interrupts a sentence: the end of a page with its number, and the lines that every page has. A sentence that goes on
//! after it is one sentence, and is read without it.

use crate::import::normalize::starts_item;
use crate::text::{Block, BlockKind, DocText, GlyphBoxes, Page, Span};
use crate::values::dates::is_month;
use std::borrow::Cow;
use std::collections::HashMap;

/// Shortest paragraph, in bytes, that can break off: shorter ones are labels, and cells of tables.
const SHORTEST: usize = 40;
/// A short line, in bytes, that a text without pages has so many times stands on each of its pages.
const RUNNING: usize = 100;
const REPEATS: usize = 3;
/// Words after which a sentence cannot end, so that it goes on with a capital as well.
const LEADING: [&str; 29] = [
    "the",
    "of",
    "this",
    "to",
    "in",
    "by",
    "with",
    "for",
    "from",
    "under",
    "between",
    "its",
    "their",
    "any",
    "such",
    "until",
    "through",
    "on",
    "at",
    "upon",
    "as",
    "that",
    "than",
    "shall",
    "be",
    "dated",
    "ending",
    "commencing",
    "beginning",
];

/// What interrupts sentences of `document`, in order: each span reaches from the end of a sentence's first part to the
/// beginning of the next.
pub fn interruptions(document: &DocText) -> Vec<Span> {
    if !document.cues.is_empty() {
        return Vec::new();
    }
    let text = |block: &Block| document.slice(block.span).unwrap_or_default();
    let running = Running::of(document);
    let said = |block: &&Block| block.kind != BlockKind::RunningHeader && !running.holds(text(block));
    let said: Vec<&Block> = document.blocks.iter().filter(said).collect();
    let pairs = said.windows(2).filter_map(|pair| {
        let [before, after] = pair else { return None };
        let prose = matches!(before.kind, BlockKind::Paragraph | BlockKind::ListItem);
        let turned =
            document.pages.is_empty() || document.page_at(before.span.start()) != document.page_at(after.span.start());
        let first = without_number(text(before));
        let goes_on = prose && turned && after.kind == BlockKind::Paragraph && goes_on(first, text(after));
        goes_on.then(|| Span::new(before.span.start() + first.len(), after.span.start()))
    });
    pairs.collect()
}

/// `document` as it is read: what interrupts its sentences, `gaps`, is blank, and every place is where it was. Its pages have
/// no boxes.
pub fn uninterrupted<'d>(document: &'d DocText, gaps: &[Span]) -> Cow<'d, DocText> {
    if gaps.is_empty() {
        return Cow::Borrowed(document);
    }
    let mut text = String::with_capacity(document.text.len());
    for gap in gaps {
        text.push_str(document.slice(Span::new(text.len(), gap.start())).unwrap_or_default());
        text.extend(std::iter::repeat_n(' ', gap.len()));
    }
    text.push_str(document.text.get(text.len()..).unwrap_or_default());
    Cow::Owned(DocText {
        text,
        pages: document.pages.iter().map(without_boxes).collect(),
        sections: document.sections.clone(),
        blocks: document.blocks.clone(),
        cues: Vec::new(),
        extractor: document.extractor.clone(),
        notes: Vec::new(),
        title: document.title.clone(),
    })
}

/// The pieces of `span` between `gaps`, which are in order: what stands on each page. A span inside a gap is one piece.
pub fn parts(gaps: &[Span], span: Span) -> Vec<Span> {
    let (mut found, mut start) = (Vec::new(), span.start());
    for gap in gaps.iter().filter(|gap| gap.overlaps(span)) {
        found.push(Span::new(start, gap.start()));
        start = gap.end();
    }
    found.push(Span::new(start, span.end()));
    found.retain(|part| !part.is_empty());
    if found.is_empty() { vec![span] } else { found }
}

fn without_boxes(page: &Page) -> Page {
    Page {
        number: page.number,
        span: page.span,
        width: page.width,
        height: page.height,
        status: page.status,
        extractor: page.extractor.clone(),
        quality: page.quality,
        boxes: GlyphBoxes::default(),
    }
}

/// Whether the sentence that `before` breaks off in goes on in `after`.
fn goes_on(before: &str, after: &str) -> bool {
    let open = before
        .trim_end_matches(['"', '”', '’', ')', ']', '»'])
        .ends_with(|c: char| c.is_alphanumeric() || matches!(c, ',' | '-' | '\u{2010}'));
    if !open || before.len() < SHORTEST {
        return false;
    }
    let last = before.split_whitespace().next_back().unwrap_or_default();
    // "December" and "31, 2010".
    if is_month(last) && after.starts_with(|c: char| c.is_ascii_digit()) {
        return true;
    }
    if starts_item(after) {
        return false;
    }
    let lower = after.starts_with(char::is_lowercase);
    lower || (LEADING.contains(&last) && after.starts_with(char::is_uppercase) && after.contains(char::is_lowercase))
}

/// The lines that a document repeats, figures aside, and numbers of pages.
struct Running(HashMap<String, usize>);

impl Running {
    fn of(document: &DocText) -> Self {
        let mut counts = HashMap::new();
        for block in &document.blocks {
            if let Some(key) = Self::key(document.slice(block.span).unwrap_or_default()) {
                *counts.entry(key).or_default() += 1;
            }
        }
        Self(counts)
    }

    /// What all occurrences of a running line share; `None` where a line is too long for one, or can be the rest of a sentence.
    fn key(line: &str) -> Option<String> {
        let rest = line.starts_with(char::is_lowercase) && !line.contains(char::is_numeric);
        let can = line.len() <= RUNNING && !rest;
        can.then(|| line.chars().map(|c| if c.is_numeric() { '#' } else { c }).collect())
    }

    fn holds(&self, line: &str) -> bool {
        is_page_number(line) || Self::key(line).and_then(|key| self.0.get(&key)).is_some_and(|n| *n >= REPEATS)
    }
}

/// `text` without the number of a page on its last line.
fn without_number(text: &str) -> &str {
    match text.rsplit_once('\n') {
        Some((before, last)) if is_page_number(last) => before.trim_end(),
        _ => text,
    }
}

/// Whether a line is the number of a page: "12", "- 12 -", "A-3", "iv", "Page 12 of 30", "<PAGE> 12".
fn is_page_number(line: &str) -> bool {
    let lower = line.trim().to_lowercase();
    let mut numbers = 0;
    let words = lower.split(|c: char| c.is_whitespace() || matches!(c, '-' | '–' | '—' | '/' | '<' | '>'));
    let known = words.filter(|w| !w.is_empty()).all(|word| {
        let number = word.len() <= 3 && word.bytes().all(|b| b.is_ascii_digit());
        let roman = word.len() <= 6 && word.bytes().all(|b| b"ivxlc".contains(&b));
        numbers += usize::from(number || roman);
        number
            || roman
            || matches!(word, "page" | "of")
            || (word.len() == 1 && word.bytes().all(|b| b.is_ascii_lowercase()))
    });
    known && numbers <= 2 && (numbers > 0 || lower.contains("page"))
}
