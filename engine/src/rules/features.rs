//! What the rules look at in a sentence: its words, phrases of two and three, the words of a heading before it, its form.
//!
//! `engine/model/training/phrases.py` learns with the same features; change them together.

use std::collections::HashSet;
use unicode_normalization::UnicodeNormalization;

/// Longest line before a sentence, in words, that counts as its heading.
const HEADING_WORDS: usize = 8;

/// The features of each of `sentences`, in their order.
pub(super) fn of_sentences(sentences: &[&str]) -> Vec<HashSet<String>> {
    let mut before: Vec<String> = Vec::new();
    let mut all = Vec::with_capacity(sentences.len());
    for (index, text) in sentences.iter().enumerate() {
        let own = words(text);
        all.push(of_one(text, &own, &before, index));
        before = own;
    }
    all
}

fn of_one(text: &str, own: &[String], before: &[String], index: usize) -> HashSet<String> {
    let mut found: HashSet<String> = own.iter().cloned().collect();
    for length in [2, 3] {
        found.extend(own.windows(length).map(|phrase| phrase.join(" ")));
    }
    if before.len() <= HEADING_WORDS {
        found.extend(before.iter().map(|w| format!("before:{w}")));
    }
    let marks = [
        ("@first", index < 4),
        ("@opening", index < 15),
        ("@capitals", !text.contains(char::is_lowercase)),
        ("@short", own.len() <= 10),
        ("@long", own.len() >= 80),
        ("@year", holds_year(text)),
    ];
    found.extend(marks.iter().filter(|(_, holds)| *holds).map(|(mark, _)| (*mark).to_owned()));
    found
}

/// The words of `text` in lower case and without compatibility forms; numbers are all `0`.
pub(super) fn words(text: &str) -> Vec<String> {
    let folded: String = text.nfkd().flat_map(char::to_lowercase).collect();
    let words = folded.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    words.map(|w| if w.chars().all(|c| c.is_ascii_digit()) { "0".to_owned() } else { w.to_owned() }).collect()
}

/// Whether a number of four digits stands in `text` that can be a year.
fn holds_year(text: &str) -> bool {
    let numbers = text.split(|c: char| !c.is_ascii_digit());
    numbers.filter(|n| n.len() == 4).any(|n| n.starts_with("19") || n.starts_with("20"))
}
