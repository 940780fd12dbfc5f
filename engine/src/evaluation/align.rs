//! Where labelled passages stand in a text that was read from another file than the one that was labelled.

use crate::ground::stands_on_words;
use crate::text::Span;
use unicode_normalization::UnicodeNormalization;

/// Most places kept for one passage: a short name may stand in hundreds.
const MOST_PLACES: usize = 500;
/// Letters at either end by which a passage is found that something interrupts: a page number, a running header.
const END_LETTERS: usize = 36;
/// How much longer an interrupted passage may be than its label, in letters.
const INTERRUPTION: usize = 400;

/// A text without white space, case, quotes' shapes and hyphens, with the way back.
#[derive(Debug)]
pub struct Bare<'a> {
    written: &'a str,
    text: String,
    /// For each byte of `text` the span of the character it came from.
    origin: Vec<Span>,
}

impl<'a> Bare<'a> {
    /// Strips `text`: linear.
    pub fn new(text: &'a str) -> Self {
        let mut bare =
            Self { written: text, text: String::with_capacity(text.len()), origin: Vec::with_capacity(text.len()) };
        for (i, c) in text.char_indices() {
            let span = Span::new(i, i + c.len_utf8());
            if c.is_ascii() {
                bare.push(c.to_ascii_lowercase(), span);
            } else {
                c.nfkd().flat_map(char::to_lowercase).for_each(|c| bare.push(c, span));
            }
        }
        bare
    }

    fn push(&mut self, c: char, span: Span) {
        // Hyphens come and go with line breaks; typographic signs differ between extractors.
        if c.is_alphanumeric() || matches!(c, '$' | '%' | '(' | ')' | '[' | ']' | '.' | ',' | ';') {
            self.text.push(c);
            self.origin.extend(std::iter::repeat_n(span, c.len_utf8()));
        }
    }

    fn original(&self, from: usize, to: usize) -> Option<Span> {
        Some(Span::new(self.origin.get(from)?.start(), self.origin.get(to.checked_sub(1)?)?.end()))
    }

    /// All places where the words of `quote` stand; where something interrupts them, the place from their first to
    /// their last letters. Empty where they do not stand there.
    pub fn places(&self, quote: &str) -> Vec<Span> {
        let wanted = Bare::new(quote).text;
        if wanted.is_empty() {
            return Vec::new();
        }
        let whole = self.text.match_indices(&wanted).filter_map(|(i, m)| self.original(i, i + m.len()));
        let words = whole.filter(|span| stands_on_words(self.written, *span));
        let found: Vec<Span> = words.take(MOST_PLACES).collect();
        if found.is_empty() { self.interrupted(&wanted).into_iter().collect() } else { found }
    }

    fn interrupted(&self, wanted: &str) -> Option<Span> {
        if wanted.len() < 2 * END_LETTERS {
            return None;
        }
        let head = wanted.get(..wanted.floor_char_boundary(END_LETTERS))?;
        let tail = wanted.get(wanted.ceil_char_boundary(wanted.len() - END_LETTERS)..)?;
        let longest = wanted.len() + INTERRUPTION + wanted.len() / 4;
        self.text.match_indices(head).find_map(|(from, _)| {
            let within = self.text.get(from..self.text.floor_char_boundary(from + longest))?;
            let last = within.match_indices(tail).map(|(i, t)| from + i + t.len());
            // Of several ends the one that fits the length of the label.
            let end = last.min_by_key(|end| (end - from).abs_diff(wanted.len()))?;
            ((end - from) * 2 > wanted.len()).then(|| self.original(from, end)).flatten()
        })
    }
}
