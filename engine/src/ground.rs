//! Where a quote stands in a document: byte for byte, or after folding white space, case and typography.

use crate::text::{DocText, Span};

/// Where a quote was located.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Located {
    /// `text[span]` is the quote, byte for byte; and in how many places it stands.
    Exact(Span, u32),
    /// `text[span]` is the quote after folding; and in how many places it stands.
    Folded(Span, u32),
    /// Nowhere.
    NotFound,
}

/// Locates one quote; see [`Grounder::locate`]. For several quotes build one [`Grounder`].
pub fn locate(document: &DocText, quote: &str, after: usize) -> Located {
    let spot = document.text.get(after..).and_then(|t| t.find(quote)).map(|i| i + after);
    match spot {
        Some(i) => Located::Exact(Span::new(i, i + quote.len()), 1),
        None => Located::NotFound,
    }
}
