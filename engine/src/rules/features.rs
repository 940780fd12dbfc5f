//! What the rules look at in a sentence and in a piece of it: words, phrases of two and three, the heading it stands under,
//! its form and its place; of a piece also what stands beside it.
//!
//! `engine/model/training/features.py` has the same definition for learning; change them together. The test in
//! `parity.rs` compares them.

use super::pieces::Piece;
use crate::text::Span;
use crate::values::is_form;
use std::collections::{HashMap, HashSet};
use unicode_normalization::UnicodeNormalization;

/// Longest line that counts as a heading, in words.
const HEADING_WORDS: usize = 8;
/// Marks around a legal form.
const AROUND_FORMS: [char; 8] = [',', ';', ':', '(', ')', '"', '“', '”'];
/// For how many sentences a heading is in force.
pub(super) const HEADING_REACH: usize = 12;

/// What one sentence or piece holds.
pub(super) type Features = HashSet<String>;

/// The words of `text` in lower case and without compatibility forms; numbers are all `0`.
pub(super) fn words(text: &str) -> Vec<String> {
    let folded: String = text.nfkd().flat_map(char::to_lowercase).collect();
    let words = crate::text::words(&folded);
    words.map(|w| if w.chars().all(|c| c.is_ascii_digit()) { "0".to_owned() } else { w.to_owned() }).collect()
}

/// The features of each of a document's sentences, in their order. `own` are their words.
pub(super) fn of_sentences(texts: &[&str], own: &[Vec<String>]) -> Vec<Features> {
    let mut all = Vec::with_capacity(texts.len());
    let (mut heading, mut age): (&[String], usize) = (&[], 0);
    let mut before: &[String] = &[];
    for (index, (text, own)) in texts.iter().zip(own).enumerate() {
        let mut found = marks(text, own, index, texts.len());
        found.extend(own.iter().cloned());
        for length in [2, 3] {
            found.extend(own.windows(length).map(|phrase| phrase.join(" ")));
        }
        found.extend([1, 2].iter().filter_map(|n| own.get(..*n)).map(|first| format!("^{}", first.join(" "))));
        if before.len() <= HEADING_WORDS {
            found.extend(before.iter().map(|w| format!("before:{w}")));
        }
        found.extend(heading.iter().map(|w| format!("under:{w}")));
        all.push(found);
        before = own;
        age += 1;
        if is_heading(text, own) {
            (heading, age) = (own, 0);
        } else if age > HEADING_REACH {
            heading = &[];
        }
    }
    all
}

/// Whether a sentence is a line of a few words, as headings are.
pub(super) fn is_heading(text: &str, own: &[String]) -> bool {
    let begins = text.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
    begins && own.len() <= HEADING_WORDS && own.iter().any(|w| w != "0")
}

/// Marks of a sentence's form and of its place among `count`.
fn marks(text: &str, own: &[String], index: usize, count: usize) -> Features {
    let marks = [
        ("@first", index < 4),
        ("@opening", index < 15),
        ("@end", count - index <= 20),
        ("@capitals", !text.contains(char::is_lowercase)),
        ("@short", own.len() <= 10),
        ("@year", holds_year(text)),
        ("@money", text.contains(['$', '%'])),
    ];
    let mut found: Features = marks.iter().filter(|(_, holds)| *holds).map(|(mark, _)| (*mark).to_owned()).collect();
    found.insert(format!("@tenth {}", 10 * index / count.max(1)));
    found.insert(format!("@dozens {}", (own.len() / 12).min(9)));
    found
}

/// Whether a number of four digits stands in `text` that can be a year.
fn holds_year(text: &str) -> bool {
    let numbers = text.split(|c: char| !c.is_ascii_digit());
    numbers.filter(|n| n.len() == 4).any(|n| n.starts_with("19") || n.starts_with("20"))
}

/// The features of pieces, sentence after sentence, in the order of `pieces`: for each sentence the pieces in it, places
/// counted from its start.
pub(super) fn of_pieces(texts: &[&str], own: &[Vec<String>], pieces: &[Vec<(Piece, Span)>]) -> Vec<Features> {
    let mut counts: HashMap<&str, u32> = HashMap::new();
    own.iter().flatten().for_each(|w| *counts.entry(w).or_default() += 1);
    let mut seen: HashSet<(Piece, String)> = HashSet::new();
    let mut all = Vec::new();
    for (index, (text, inside)) in texts.iter().zip(pieces).enumerate() {
        let Some(own) = own.get(index).filter(|_| !inside.is_empty()) else { continue };
        let mut shared = marks(text, own, index, texts.len());
        shared.extend(own.iter().map(|w| format!("in:{w}")));
        let mut order: HashMap<Piece, usize> = HashMap::new();
        for (kind, span) in inside {
            let place = order.entry(*kind).or_default();
            let (name, mut found) = of_piece(text, *span, &counts);
            found.insert(format!("@order {}", (*place).min(5)));
            found.insert(if seen.insert((*kind, name)) { "@new" } else { "@again" }.to_owned());
            found.extend(shared.iter().cloned());
            *place += 1;
            all.push(found);
        }
    }
    all
}

/// What a piece itself holds and what stands beside it; its words as one text, too.
fn of_piece(text: &str, span: Span, counts: &HashMap<&str, u32>) -> (String, Features) {
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let (before, inner, after) = (part(0..span.start()), part(span.range()), part(span.end()..text.len()));
    let (left, own, right) = (words(before), words(inner), words(after));
    let left = left.get(left.len().saturating_sub(3)..).unwrap_or_default();
    let rarest = own.iter().map(|w| counts.get(w.as_str()).copied().unwrap_or_default()).min().unwrap_or_default();
    // Contracts of one country teach the legal forms of that country: here all forms are one.
    let form = |(i, word): &(usize, &str)| *i > 0 && is_form(word.trim_matches(AROUND_FORMS));
    let (forms, plain): (Vec<_>, Vec<_>) = inner.split_whitespace().enumerate().partition(form);
    let mut found: Features = plain.into_iter().flat_map(|(_, word)| words(word)).collect();
    if !forms.is_empty() {
        found.insert("@form".to_owned());
    }
    found.insert(format!("@size {}", own.len().min(9)));
    found.insert(format!("@often {}", (u32::BITS - rarest.leading_zeros()).min(9)));
    for length in [1, 2] {
        found.extend(left.len().checked_sub(length).and_then(|i| left.get(i..)).map(|w| format!("< {}", w.join(" "))));
        found.extend(right.get(..length).map(|w| format!("> {}", w.join(" "))));
    }
    found.extend(left.iter().map(|w| format!("<< {w}")));
    found.insert(format!("<{}", sign(before.trim().chars().next_back())));
    found.insert(format!(">{}", sign(after.trim().chars().next())));
    if !inner.contains(char::is_lowercase) {
        found.insert("@upper".to_owned());
    }
    (own.join(" "), found)
}

/// The sign next to a piece: `a` for letters and figures, `|` where nothing stands.
fn sign(beside: Option<char>) -> char {
    match beside {
        None => '|',
        Some(c) if c.is_alphanumeric() => 'a',
        Some(c) => c,
    }
}
