//! Folding: the copy of a text in which spellings that mean the same are the same, with the way back to the original.

use crate::text::Span;
use unicode_normalization::{UnicodeNormalization, char::canonical_combining_class};

/// A folded text. Each piece of it comes from one span of the original: a character with its combining marks, or a
/// whole run of white space. Only whole pieces are ever matched, so a span that is handed out lies on character
/// boundaries and never cuts a mark off its letter.
pub struct Folded {
    text: String,
    /// Per piece: where it starts in `text`, and its original span. Sorted by both.
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy)]
struct Piece {
    at: usize,
    original: Span,
}

/// The folded form alone, for a quote: white space at its ends is dropped.
pub fn fold(text: &str) -> String {
    Folded::new(text).text.trim_matches(' ').to_owned()
}

impl Folded {
    /// Folds `text`: linear in its length.
    pub fn new(text: &str) -> Self {
        let mut folded = Self { text: String::with_capacity(text.len()), pieces: Vec::with_capacity(text.len()) };
        let mut chars = text.char_indices().peekable();
        while let Some((start, c)) = chars.next() {
            let mut end = start + c.len_utf8();
            if is_ignored(c) {
                continue;
            }
            if is_space(c) {
                folded.push_space(Span::new(start, end));
                continue;
            }
            while let Some((i, mark)) = chars.next_if(|&(_, m)| canonical_combining_class(m) != 0) {
                end = i + mark.len_utf8();
            }
            folded.push_cluster(text.get(start..end).unwrap_or_default(), Span::new(start, end));
        }
        folded
    }

    /// The folded text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The original spans of the places where `wanted` (already folded) stands, from first to last, not overlapping.
    pub fn occurrences<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = Span> + 'a {
        let matches = (!wanted.is_empty()).then(|| self.text.match_indices(wanted)).into_iter().flatten();
        matches.filter_map(|(at, found)| self.original(at, at + found.len()))
    }

    /// The original span of `text[from..to]`; `None` where that does not consist of whole pieces.
    fn original(&self, from: usize, to: usize) -> Option<Span> {
        let first = self.pieces.binary_search_by_key(&from, |p| p.at).ok()?;
        let behind = if to == self.text.len() {
            self.pieces.len()
        } else {
            self.pieces.binary_search_by_key(&to, |p| p.at).ok()?
        };
        let last = self.pieces.get(behind.checked_sub(1)?)?;
        Some(Span::new(self.pieces.get(first)?.original.start(), last.original.end()))
    }

    fn push_space(&mut self, span: Span) {
        if self.text.ends_with(' ') {
            if let Some(last) = self.pieces.last_mut() {
                last.original = last.original.union(span);
            }
        } else {
            self.pieces.push(Piece { at: self.text.len(), original: span });
            self.text.push(' ');
        }
    }

    fn push_cluster(&mut self, cluster: &str, span: Span) {
        let at = self.text.len();
        // Lower-casing may compose and decomposing may yield capitals, so both are done on decomposed text.
        let lower = cluster.nfkd().flat_map(char::to_lowercase).nfkd();
        for c in lower.filter(|&c| !is_ignored(c)) {
            // A compatibility form may hold a space of its own (U+00B4 is space and acute): it is no white space here.
            self.text.push(if is_space(c) { '\u{1}' } else { plain(c) });
        }
        if self.text.len() > at {
            self.pieces.push(Piece { at, original: span });
        }
    }
}

/// White space, page separators and the characters that look like it.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// Characters that are not seen: soft hyphen, zero-width characters, directional marks, variation selectors.
fn is_ignored(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}')
}

/// The plain form of a typographic character.
fn plain(c: char) -> char {
    match c {
        '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{2035}' | '\u{2bc}' | '`' => '\'',
        '\u{201c}'..='\u{201f}' | '\u{2033}' | '\u{2036}' | '\u{ab}' | '\u{bb}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2043}' | '\u{fe58}' => '-',
        '\u{3c2}' => '\u{3c3}', // final sigma: lower-casing a capital gives the other one
        c => c,
    }
}
