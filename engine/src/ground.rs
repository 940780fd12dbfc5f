//! Where a quote stands in a document: byte for byte, or after folding white space, case and typography.
//!
//! The model is never asked for positions; the program finds its words. A located quote proves that the words stand
//! there, not that they support what is claimed.

pub mod fold;
pub mod interruptions;
pub mod scan;
pub mod sentences;

use crate::text::{DocText, Span};
use fold::Folded;
pub use scan::PlainScan;

/// Where a quote was located.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Located {
    /// `text[span]` is the quote, byte for byte (white space around the quote apart); and in how many places it stands.
    Exact(Span, u32),
    /// `text[span]` is the quote after folding; and in how many places it stands.
    Folded(Span, u32),
    /// Nowhere.
    NotFound,
}

/// Locates one quote; see [`Grounder::locate`]. For several quotes build one [`Grounder`].
pub fn locate(document: &DocText, quote: &str, after: usize) -> Located {
    Grounder::new(document).locate(quote, after)
}

/// A document made ready for locating quotes: its folded copy is built once, in linear time and space.
pub struct Grounder<'a> {
    text: &'a str,
    folded: Folded,
}

impl<'a> Grounder<'a> {
    /// Folds the text of `document`.
    pub fn new(document: &'a DocText) -> Self {
        Self { text: &document.text, folded: Folded::new(&document.text) }
    }

    /// Where `quote` stands. Of several places the first at or after the byte offset `after` is taken, else the first
    /// of all; places where the quote is a whole word (or more) go before places inside a word. Linear in the text.
    ///
    /// Folding makes equal: runs of white space (page breaks too), case, typographic quotes and dashes, ligatures and
    /// other compatibility forms (NFKD), soft hyphens and zero-width characters. Nothing else: a different letter,
    /// number or word is not found.
    pub fn locate(&self, quote: &str, after: usize) -> Located {
        let wanted = quote.trim();
        if wanted.is_empty() {
            return Located::NotFound;
        }
        let exact = self.text.match_indices(wanted).map(|(i, m)| Span::new(i, i + m.len()));
        if let Some((span, occurrences)) = choose(self.text, exact, after) {
            return Located::Exact(span, occurrences);
        }
        match choose(self.text, self.folded.occurrences(&fold::fold(wanted)), after) {
            Some((span, occurrences)) => Located::Folded(span, occurrences),
            None => Located::NotFound,
        }
    }
}

/// The occurrence to take and how many there are, whole words before parts of words.
fn choose(text: &str, spans: impl Iterator<Item = Span>, after: usize) -> Option<(Span, u32)> {
    let mut whole = Pick::default();
    let mut part = Pick::default();
    for span in spans {
        if stands_on_words(text, span) { whole.add(span, after) } else { part.add(span, after) }
    }
    whole.taken().or_else(|| part.taken())
}

#[derive(Default)]
struct Pick {
    first: Option<Span>,
    later: Option<Span>,
    count: u32,
}

impl Pick {
    fn add(&mut self, span: Span, after: usize) {
        self.count = self.count.saturating_add(1);
        self.first.get_or_insert(span);
        if span.start() >= after {
            self.later.get_or_insert(span);
        }
    }

    fn taken(self) -> Option<(Span, u32)> {
        self.later.or(self.first).map(|span| (span, self.count))
    }
}

/// Where `words` stand in `text` as whole words.
pub(crate) fn standing<'t>(text: &'t str, words: &'t str) -> impl Iterator<Item = Span> + 't {
    let spans = text.match_indices(words).map(|(i, m)| Span::new(i, i + m.len()));
    spans.filter(move |span| stands_on_words(text, *span))
}

/// Whether `span` neither begins nor ends inside a word of `text`.
pub(crate) fn stands_on_words(text: &str, span: Span) -> bool {
    let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let inside = text.get(span.range()).unwrap_or_default();
    let before = text.get(..span.start()).and_then(|t| t.chars().next_back());
    let behind = text.get(span.end()..).and_then(|t| t.chars().next());
    !(word(before) && word(inside.chars().next())) && !(word(inside.chars().next_back()) && word(behind))
}
