//! Byte offsets of one text to UTF-16 offsets and back, for the window, whose strings are UTF-16.

use super::Span;

/// Bytes between two remembered offsets: a query walks at most this far.
const STRIDE: usize = 256;

/// The map of one text. Building reads the text once; a query takes constant time.
#[derive(Debug, Clone)]
pub struct Utf16Map<'t> {
    text: &'t str,
    /// For each stride the first character boundary at or after it: its byte and its UTF-16 offset.
    marks: Vec<(usize, usize)>,
    units: usize,
}

impl<'t> Utf16Map<'t> {
    /// The map of `text`.
    pub fn new(text: &'t str) -> Self {
        let mut marks = Vec::with_capacity(text.len() / STRIDE + 1);
        let mut units = 0;
        for (byte, character) in text.char_indices() {
            if byte >= marks.len() * STRIDE {
                marks.push((byte, units));
            }
            units += character.len_utf16();
        }
        Self { text, marks, units }
    }

    /// Length of the text in UTF-16 units.
    pub fn units(&self) -> usize {
        self.units
    }

    /// The UTF-16 offset of a byte offset. Inside a character it is that of the character's start; past the end, the end.
    pub fn to_utf16(&self, byte: usize) -> usize {
        if byte >= self.text.len() {
            return self.units;
        }
        let i = self.marks.partition_point(|(b, _)| *b <= byte);
        let (from, mut units) = self.mark_before(i);
        for (offset, character) in self.text.get(from..).unwrap_or_default().char_indices() {
            if from + offset + character.len_utf8() > byte {
                break;
            }
            units += character.len_utf16();
        }
        units
    }

    /// The byte offset of a UTF-16 offset. Inside a surrogate pair it is that of the character's start; past the end,
    /// the end.
    pub fn to_byte(&self, unit: usize) -> usize {
        if unit >= self.units {
            return self.text.len();
        }
        let i = self.marks.partition_point(|(_, u)| *u <= unit);
        let (from, mut units) = self.mark_before(i);
        for (offset, character) in self.text.get(from..).unwrap_or_default().char_indices() {
            units += character.len_utf16();
            if units > unit {
                return from + offset;
            }
        }
        self.text.len()
    }

    /// A byte span as UTF-16 `(start, end)`.
    pub fn span_to_utf16(&self, span: Span) -> (usize, usize) {
        (self.to_utf16(span.start()), self.to_utf16(span.end()))
    }

    /// UTF-16 `(start, end)` as a byte span.
    pub fn span_to_bytes(&self, start: usize, end: usize) -> Span {
        Span::new(self.to_byte(start), self.to_byte(end))
    }

    fn mark_before(&self, i: usize) -> (usize, usize) {
        i.checked_sub(1).and_then(|i| self.marks.get(i)).copied().unwrap_or((0, 0))
    }
}
