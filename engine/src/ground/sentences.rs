//! Sentences of a document as spans: what is shown around a search hit, and where an owner or a date may be said.

use super::interruptions::interruptions;
use crate::text::{BlockKind, DocText, Span};
use crate::values::dates::is_month;

/// Words before a full stop that do not end a sentence, in lower case.
const ABBREVIATIONS: &[&str] = &[
    "inc", "ltd", "co", "corp", "no", "nos", "sec", "art", "mr", "mrs", "ms", "dr", "prof", "st", "vs", "v", "e.g",
    "i.e", "cf", "al", "jr", "sr", "fig", "para", "cl", "approx", "dept", "est", "u.s", "u.k", "u.s.a", "p", "pp",
    "vol", "ed", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "bros", "gen",
    "gov", "hon", "rev", "s.a", "b.v", "n.v", "a.m", "p.m",
];

/// The sentences of `document` in order: disjoint, trimmed, none empty, none across two blocks unless the end of a page
/// interrupts it ([`interruptions`]). Running headers are left out, since they interrupt what they stand in.
pub fn sentences(document: &DocText) -> Vec<Span> {
    between(document, &interruptions(document))
}

/// The same where the [`interruptions`] of `document` are known: `gaps`.
pub fn between(document: &DocText, gaps: &[Span]) -> Vec<Span> {
    if document.blocks.is_empty() {
        return in_span(&document.text, Span::new(0, document.text.len()));
    }
    let mut found: Vec<Span> = Vec::new();
    for block in document.blocks.iter().filter(|b| b.kind != BlockKind::RunningHeader) {
        let next = gaps.partition_point(|g| g.end() <= block.span.start());
        let piece = match gaps.get(next) {
            Some(gap) if gap.covers(block.span) => continue,
            Some(gap) => Span::new(block.span.start(), block.span.end().min(gap.start())),
            None => block.span,
        };
        let mut inside = in_span(&document.text, piece).into_iter();
        let gap = next.checked_sub(1).and_then(|i| gaps.get(i)).filter(|g| g.end() == block.span.start());
        if let Some(open) = found.last_mut().filter(|s| gap.is_some_and(|g| g.start() == s.end())) {
            *open = inside.next().map_or(*open, |rest| open.union(rest));
        }
        found.extend(inside);
    }
    found
}

/// The sentences of the piece `span` of `text`. Blank lines, page breaks and the lines of a form end a sentence too.
pub fn in_span(text: &str, span: Span) -> Vec<Span> {
    let Some(piece) = text.get(span.range()) else { return Vec::new() };
    let mut found = Vec::new();
    let mut start = 0;
    let mut chars = piece.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        let end = i + c.len_utf8();
        let ends = match c {
            '。' | '！' | '？' | '\u{c}' => true,
            '.' | '!' | '?' | '…' => ends_sentence(piece, i, c),
            '\n' => piece.get(end..).is_some_and(starts_with_blank_line) || parts_form_lines(piece, end),
            _ => false,
        };
        if ends {
            let mut close = end;
            while let Some((j, q)) = chars.next_if(|&(_, q)| matches!(q, '"' | '\'' | '”' | '’' | ')' | ']' | '»'))
            {
                close = j + q.len_utf8();
            }
            found.extend(trimmed(piece, start, close));
            start = close;
        }
    }
    found.extend(trimmed(piece, start, piece.len()));
    found.into_iter().map(|s| s.shifted(span.start())).collect()
}

/// The sentence of `sentences` (sorted) that holds `offset`.
pub fn at(sentences: &[Span], offset: usize) -> Option<Span> {
    let i = sentences.partition_point(|s| s.end() <= offset);
    sentences.get(i).copied().filter(|s| s.contains(offset))
}

/// Whether the mark `c` at `i` ends a sentence: white space and a beginning follow, and no abbreviation or number of a
/// clause ("1.", "A.") stands before it.
fn ends_sentence(piece: &str, i: usize, c: char) -> bool {
    let rest = piece.get(i + c.len_utf8()..).unwrap_or_default();
    let rest = rest.trim_start_matches(['"', '\'', '”', '’', ')', ']', '»']);
    let next = rest.trim_start();
    if next.is_empty() {
        return true;
    }
    if next.len() == rest.len() || next.starts_with(char::is_lowercase) {
        return false;
    }
    if c != '.' {
        return true;
    }
    let before = piece.get(..i).unwrap_or_default();
    let word =
        before.rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '"' | '“' | ',')).next().unwrap_or_default();
    if inside_date(before, word, next) {
        return false;
    }
    let alone = before.len() == word.len() || before.trim_end_matches(word).ends_with('\n');
    let numbering = word.chars().all(|c| c.is_ascii_digit() || c == '.') || word.chars().count() == 1;
    !(ABBREVIATIONS.contains(&word.to_lowercase().as_str())
        || (numbering && (alone || word.chars().all(char::is_uppercase))))
}

/// Whether the full stop after `word`, the last of `before`, stands in a date that goes on with `next`: after the month
/// ("April. 1st 2019"), or after the day that follows it ("March 18. 2021").
fn inside_date(before: &str, word: &str, next: &str) -> bool {
    let digits = next.len() - next.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let day = matches!(word.len(), 1 | 2) && word.bytes().all(|b| b.is_ascii_digit());
    let before_day = || before.trim_end_matches(word).split_whitespace().next_back().unwrap_or_default();
    (is_month(word) && digits > 0) || (day && digits == 4 && is_month(before_day()))
}

fn starts_with_blank_line(rest: &str) -> bool {
    rest.trim_start_matches([' ', '\t', '\r']).starts_with('\n')
}

/// Longest label of a form's line, in bytes and in words.
const LABEL: usize = 40;
const LABEL_WORDS: usize = 5;

/// Whether the line break before `end` parts two lines of a form ("Service Date: March 1, 2001", "Initial Term: 24 months"), or
/// one of a table that is drawn with characters from what stands above it.
fn parts_form_lines(piece: &str, end: usize) -> bool {
    let next = piece.get(end..).and_then(|t| t.split('\n').next()).unwrap_or_default().trim();
    let drawn =
        |line: &str| line.starts_with('|') || ["-----", "=====", "+---"].iter().any(|rule| line.starts_with(rule));
    let before = piece.get(..end.saturating_sub(1)).and_then(|t| t.rsplit('\n').next()).unwrap_or_default().trim();
    drawn(next) || (is_labelled(next) && (is_labelled(before) || drawn(before)))
}

/// Whether a line begins with a label and a colon, and says something after it.
fn is_labelled(line: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '/' | '&' | '(' | ')' | '\'' | '’' | '#');
    line.split_once(": ").is_some_and(|(label, said)| {
        let words = label.split_whitespace().count();
        let short = label.len() <= LABEL && (1..=LABEL_WORDS).contains(&words);
        short && label.starts_with(char::is_uppercase) && label.chars().all(plain) && !said.trim().is_empty()
    })
}

fn trimmed(piece: &str, start: usize, end: usize) -> Option<Span> {
    let raw = piece.get(start..end)?;
    let from = start + (raw.len() - raw.trim_start().len());
    let text = raw.trim();
    (!text.is_empty()).then(|| Span::new(from, from + text.len()))
}
