//! Lines of pages to paragraphs, with each character's box carried along.

use super::Writer;
use super::characters::{Glyph, clean_line, is_unspaced_script};
use super::headings::{Candidate, is_bare_number, is_contents_line, is_title_like, level, run_in, starts_item};
use crate::import::raw::RawPage;
use crate::text::{Block, BlockKind, GlyphBoxes, Page, Rect, Span};
use std::collections::{HashMap, HashSet};

/// Share of a page's height at its top and bottom in which running headers stand.
const MARGIN_ZONE: f32 = 0.14;
/// A repeated line is a running header if three of five pages in a row have it.
const REPEATS: (usize, usize) = (3, 5);
/// A step to the next line of more than this many usual steps ends a paragraph.
const PARAGRAPH_STEP: f32 = 1.35;

struct Line {
    glyphs: Vec<Glyph>,
    text: String,
    rect: Option<Rect>,
    size: f32,
    bold: bool,
    running: bool,
}

/// Writes all pages into `writer` and returns their map.
pub(super) fn write(raw: &[RawPage], writer: &mut Writer) -> Vec<Page> {
    let mut pages: Vec<Vec<Line>> = raw.iter().map(lines_of).collect();
    mark_running(raw, &mut pages);
    let usual = Usual::of(&pages);
    let words = Words::of(&pages);
    let mut map = Vec::with_capacity(raw.len());
    for (raw, lines) in raw.iter().zip(&pages) {
        if !map.is_empty() {
            writer.text.push_str("\u{c}\n");
        }
        let start = writer.text.len();
        let mut boxes = GlyphBoxes::default();
        for paragraph in paragraphs(lines, &usual) {
            write_paragraph(paragraph, &usual, &words, writer, &mut boxes, start);
        }
        map.push(Page {
            number: raw.number,
            span: Span::new(start, writer.text.len()),
            width: raw.width,
            height: raw.height,
            status: raw.status,
            extractor: raw.extractor.clone(),
            quality: raw.quality,
            boxes,
        });
    }
    map
}

fn lines_of(page: &RawPage) -> Vec<Line> {
    let clean = page.lines.iter().filter_map(|line| {
        let glyphs = clean_line(line);
        let text: String = glyphs.iter().map(|g| g.character).collect();
        let rect = glyphs.iter().filter_map(|g| g.rect).reduce(|a, b| a.merged(&b));
        (!text.is_empty()).then_some(Line { glyphs, text, rect, size: line.font_size, bold: line.bold, running: false })
    });
    clean.collect()
}

/// Lines near the top or bottom edge that repeat from page to page, numbers aside, are running headers.
fn mark_running(raw: &[RawPage], pages: &mut [Vec<Line>]) {
    let mut seen: HashMap<(bool, String), Vec<usize>> = HashMap::new();
    let key = |page: &RawPage, line: &Line| -> Option<(bool, String)> {
        let rect = line.rect?;
        let middle = (rect.y + rect.h / 2.0) / page.height.max(1.0);
        let top = middle < MARGIN_ZONE;
        let same: String = line.text.chars().map(|c| if c.is_numeric() { '#' } else { c }).collect();
        let same = same.replace("####", "#").replace("###", "#").replace("##", "#");
        // Page numbers in Roman figures.
        let roman = !line.text.is_empty() && line.text.len() < 7 && line.text.bytes().all(|b| b"ivxlc".contains(&b));
        (top || middle > 1.0 - MARGIN_ZONE).then_some((top, if roman { "#".to_string() } else { same }))
    };
    for (i, (page, lines)) in raw.iter().zip(pages.iter()).enumerate() {
        let keys: HashSet<_> = lines.iter().filter_map(|l| key(page, l)).collect();
        keys.into_iter().for_each(|k| seen.entry(k).or_default().push(i));
    }
    let (times, window) = REPEATS;
    seen.retain(|_, at| {
        at.windows(times).any(|w| matches!((w.first(), w.last()), (Some(a), Some(b)) if b - a < window))
    });
    for (page, lines) in raw.iter().zip(pages.iter_mut()) {
        for line in lines {
            line.running = key(page, line).is_some_and(|k| seen.contains_key(&k));
        }
    }
}

/// What is usual in this document.
struct Usual {
    size: f32,
    bold: bool,
    /// Usual step from line to line, by size in half points; falls back on 1.2 times the size.
    steps: HashMap<i32, f32>,
}

fn half_points(size: f32) -> i32 {
    (size * 2.0).round() as i32
}

impl Usual {
    fn of(pages: &[Vec<Line>]) -> Self {
        let mut sizes: HashMap<i32, usize> = HashMap::new();
        let mut steps: HashMap<i32, Vec<f32>> = HashMap::new();
        let (mut bold, mut all) = (0usize, 0usize);
        for lines in pages {
            for line in lines.iter().filter(|l| !l.running) {
                *sizes.entry(half_points(line.size)).or_default() += line.glyphs.len();
                all += line.glyphs.len();
                bold += if line.bold { line.glyphs.len() } else { 0 };
            }
            for pair in lines.windows(2) {
                if let [a, b] = pair
                    && half_points(a.size) == half_points(b.size)
                    && let Some(step) = step(a, b)
                    && step > 0.5 * a.size
                    && step < 4.0 * a.size.max(4.0)
                {
                    steps.entry(half_points(a.size)).or_default().push(step);
                }
            }
        }
        let size = sizes.into_iter().max_by_key(|(size, n)| (*n, *size)).map_or(0.0, |(s, _)| s as f32 / 2.0);
        let quarter = |mut v: Vec<f32>| {
            // Below the middle: steps between paragraphs are among them, and lines of one paragraph are the smaller ones.
            let at = v.len() * 2 / 5;
            *v.select_nth_unstable_by(at, f32::total_cmp).1
        };
        Self { size, bold: bold * 2 > all, steps: steps.into_iter().map(|(k, v)| (k, quarter(v))).collect() }
    }

    fn step(&self, line: &Line) -> f32 {
        let fallback = 1.2 * if line.size > 0.0 { line.size } else { line.rect.map_or(10.0, |r| r.h) };
        self.steps.get(&half_points(line.size)).copied().unwrap_or(fallback)
    }
}

/// From one line's bottom to the next line's bottom.
fn step(a: &Line, b: &Line) -> Option<f32> {
    let (a, b) = (a.rect?, b.rect?);
    Some(b.y + b.h - a.y - a.h)
}

fn paragraphs<'l>(lines: &'l [Line], usual: &Usual) -> Vec<&'l [Line]> {
    // The right edge of the text: lines that end well before it are last lines. Not the very longest line, which may be
    // a header or a row of a table.
    let mut edges: Vec<f32> = lines.iter().filter(|l| !l.running).filter_map(|l| l.rect).map(|r| r.x + r.w).collect();
    edges.sort_unstable_by(f32::total_cmp);
    let right = edges.get(edges.len() * 17 / 20).copied().unwrap_or(0.0);
    lines.chunk_by(|a, b| !ends_between(a, b, usual, right)).collect()
}

fn ends_between(a: &Line, b: &Line, usual: &Usual, right: f32) -> bool {
    if a.running || b.running {
        return true;
    }
    let size = a.size.max(b.size).max(1.0);
    let (Some(ra), Some(rb), Some(step)) = (a.rect, b.rect, step(a, b)) else {
        return starts_item(&b.text) || ends_sentence(&a.text);
    };
    // Pieces of one row that the extractor gave as two lines.
    if step.abs() < 0.35 * size && rb.x > ra.x {
        return false;
    }
    let goes_on =
        breaks_word(&a.text) || !ends_sentence(&a.text) && b.text.chars().next().is_some_and(char::is_lowercase);
    if step < 0.0 {
        // A new column: the sentence may go on there.
        return !goes_on;
    }
    let other_style = (a.size - b.size).abs() > 0.12 * size || a.bold != b.bold && !goes_on;
    let far = step > PARAGRAPH_STEP * usual.step(a);
    // "ARTICLE I" over "DEFINITIONS" is one heading.
    if is_bare_number(&a.text)
        && !starts_item(&b.text)
        && b.text.len() < 90
        && step < 3.0 * usual.step(a)
        && is_title_like(&b.text)
    {
        return false;
    }
    if other_style || starts_item(&b.text) || is_contents_line(&a.text) {
        return true;
    }
    if far {
        return !(goes_on && step < 2.2 * usual.step(a));
    }
    let short = ra.x + ra.w < right - 0.2 * (right - ra.x).max(1.0);
    let indented = rb.x > ra.x + 1.2 * size;
    ends_sentence(&a.text) && (short || indented) || short && !goes_on && ra.x + ra.w < right - 0.35 * (right - ra.x)
}

/// Whether a line ends inside a word: with a hyphen right after a letter or digit.
fn breaks_word(text: &str) -> bool {
    let mut end = text.chars().rev();
    matches!(end.next(), Some('-' | '\u{2010}' | '\u{ad}')) && end.next().is_some_and(char::is_alphanumeric)
}

fn ends_sentence(text: &str) -> bool {
    text.trim_end_matches(['"', '”', '’', ')', ']', '»'])
        .ends_with(['.', ':', ';', '!', '?', '。', '！', '？', '；', '：'])
}

fn write_paragraph(
    lines: &[Line],
    usual: &Usual,
    words: &Words,
    writer: &mut Writer,
    boxes: &mut GlyphBoxes,
    page_start: usize,
) {
    if writer.text.len() > page_start {
        writer.text.push('\n');
    }
    let start = writer.text.len();
    for (i, line) in lines.iter().enumerate() {
        let joint = i.checked_sub(1).and_then(|i| lines.get(i)).map(|before| joint(before, line, words));
        match joint {
            Some(Joint::DropHyphen) => {
                let cut = writer.text.chars().next_back().map_or(0, char::len_utf8);
                writer.text.truncate(writer.text.len() - cut);
                if boxes.0.last().is_some_and(|(s, _)| s.end() > writer.text.len()) {
                    boxes.0.pop();
                }
            }
            Some(Joint::Space) => writer.text.push(' '),
            Some(Joint::Nothing) | None => {}
        }
        for glyph in &line.glyphs {
            // A soft hyphen at the end of the paragraph joins nothing.
            if glyph.character == '\u{ad}' && i + 1 == lines.len() {
                continue;
            }
            let at = writer.text.len();
            writer.text.push(glyph.character);
            if let Some(rect) = glyph.rect {
                boxes.0.push((Span::new(at, writer.text.len()), rect));
            }
        }
    }
    let span = Span::new(start, writer.text.len());
    if span.is_empty() {
        // Only a soft hyphen was there.
        if start > page_start {
            writer.text.pop();
        }
        return;
    }
    let kind = classify(lines, span, usual, writer);
    writer.blocks.push(Block { kind, span });
}

fn classify(lines: &[Line], span: Span, usual: &Usual, writer: &mut Writer) -> BlockKind {
    let text = writer.text.get(span.range()).unwrap_or_default();
    if lines.iter().any(|l| l.running) {
        return BlockKind::RunningHeader;
    }
    let size = lines.iter().map(|l| l.size).fold(0.0, f32::max);
    let bold = !usual.bold && lines.iter().all(|l| l.bold);
    let relative_size = if usual.size > 0.0 { size / usual.size } else { 1.0 };
    if let Some(level) = level(&Candidate { text, relative_size, bold, lines: lines.len() }) {
        writer.headings.push((level, span));
        return BlockKind::Heading(level);
    }
    let item = starts_item(text);
    if let Some((level, end)) = run_in(text) {
        writer.headings.push((level, Span::new(span.start(), span.start() + end)));
        return BlockKind::Paragraph;
    }
    if item { BlockKind::ListItem } else { BlockKind::Paragraph }
}

enum Joint {
    Space,
    Nothing,
    DropHyphen,
}

/// How the end of a line and the start of the next belong together.
fn joint(before: &Line, after: &Line, words: &Words) -> Joint {
    let mut end = before.text.chars().rev();
    let (Some(last), Some(first)) = (end.next(), after.text.chars().next()) else { return Joint::Space };
    let before_last = end.next();
    if last == '\u{ad}' {
        return Joint::DropHyphen;
    }
    if matches!(last, '-' | '\u{2010}') && before_last.is_some_and(char::is_alphanumeric) {
        if before_last.is_some_and(char::is_alphabetic) && first.is_lowercase() {
            return if words.keeps_hyphen(&before.text, &after.text) { Joint::Nothing } else { Joint::DropHyphen };
        }
        return if first.is_alphanumeric() { Joint::Nothing } else { Joint::Space };
    }
    if is_unspaced_script(last) && is_unspaced_script(first) { Joint::Nothing } else { Joint::Space }
}

/// The words of the document that stand whole inside a line, with their counts: they decide whether a hyphen is real.
struct Words(HashMap<String, u32>);

fn is_word_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '\u{2010}' | '\'' | '’')
}

fn folded(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric()).replace('\u{2010}', "-").to_lowercase()
}

impl Words {
    fn of(pages: &[Vec<Line>]) -> Self {
        let ends_open = |l: &Line| l.text.ends_with(['-', '\u{2010}', '\u{ad}']);
        // Most documents have no hyphen at a line's end; then no word is needed.
        let mut counts = HashMap::new();
        if !pages.iter().flatten().any(ends_open) {
            return Self(counts);
        }
        for lines in pages {
            let mut continued = false;
            for line in lines {
                let mut words: Vec<&str> = line.text.split(|c| !is_word_part(c)).filter(|w| !w.is_empty()).collect();
                if std::mem::replace(&mut continued, ends_open(line)) && !words.is_empty() {
                    words.remove(0);
                }
                if continued {
                    words.pop();
                }
                for word in words {
                    *counts.entry(folded(word)).or_insert(0) += 1;
                }
            }
        }
        Self(counts)
    }

    fn count(&self, word: &str) -> u32 {
        self.0.get(word).copied().unwrap_or(0)
    }

    /// The more frequent spelling elsewhere wins; where neither occurs, a hyphen between two words of the document is real.
    fn keeps_hyphen(&self, before: &str, after: &str) -> bool {
        let tail = before.trim_end_matches(['-', '\u{2010}']).rsplit(|c| !is_word_part(c)).next().unwrap_or_default();
        let head = after.split(|c| !is_word_part(c)).next().unwrap_or_default();
        let (tail, head) = (folded(tail), folded(head));
        let (joined, hyphenated) = (self.count(&format!("{tail}{head}")), self.count(&format!("{tail}-{head}")));
        if joined + hyphenated > 0 {
            return hyphenated > joined;
        }
        let stem = tail.rsplit('-').next().unwrap_or_default();
        stem.chars().count() >= 3 && head.chars().count() >= 3 && self.count(stem) > 0 && self.count(&head) > 0
    }
}
