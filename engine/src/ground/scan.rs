//! Search within one document by looking at every sentence: needs no index, and is what tests use.

use super::{fold::fold, sentences::sentences};
use crate::tasks::Search;
use crate::text::{DocText, Span, words};

/// Sentences of a document with their words, folded once.
pub struct PlainScan {
    sentences: Vec<(Span, String)>,
}

impl PlainScan {
    /// Splits and folds `document`.
    pub fn new(document: &DocText) -> Self {
        let fold_one = |s: Span| (s, fold(document.slice(s).unwrap_or_default()));
        Self { sentences: sentences(document).into_iter().map(fold_one).collect() }
    }
}

impl Search for PlainScan {
    /// Sentences that hold every word of `query`, in order of the text.
    fn find(&self, query: &str, limit: usize) -> Vec<Span> {
        let hits = self.sentences.iter().filter(|(_, s)| has_words(s, query));
        hits.map(|(span, _)| *span).take(limit).collect()
    }
}

/// Whether `folded` (a folded text) holds every word of `query`, in any order. A word of four letters or more also
/// matches longer forms of itself ("terminate", "terminated") and its own form without a plural `s`.
pub fn has_words(folded: &str, query: &str) -> bool {
    let held: Vec<&str> = words(folded).collect();
    let query = fold(query);
    let mut wanted = words(&query).peekable();
    wanted.peek().is_some() && wanted.all(|q| held.iter().any(|w| matches_word(w, q)))
}

fn matches_word(word: &str, query: &str) -> bool {
    let stem = if query.chars().count() > 4 { query.strip_suffix('s').unwrap_or(query) } else { query };
    let short = stem.chars().count() < 4;
    if short { word == stem || word.strip_suffix('s') == Some(stem) } else { word.starts_with(stem) }
}
