//! Words, numbers and marks of a text with their places: what the rules for values look at.

use crate::text::Span;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Letters (with inner apostrophes, and inner full stops as in `U.S.`).
    Word,
    /// Digits, with inner `.` and `,` where digits follow.
    Number,
    /// Any other single character.
    Mark,
}

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its characters.
    pub text: &'a str,
    /// Where it stands.
    pub span: Span,
    /// Whether it follows the token before it with nothing between.
    pub glued: bool,
}

impl Token<'_> {
    /// Whether it is this word, in any case.
    pub fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it is one of these words, in any case.
    pub fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }
}

/// The tokens of `text` in order; white space belongs to none.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found: Vec<Token<'_>> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let at = text.len() - rest.len();
        let (kind, len) = match first {
            c if c.is_whitespace() => {
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
                continue;
            }
            c if c.is_ascii_digit() => (Kind::Number, number_len(rest)),
            c if c.is_alphabetic() => (Kind::Word, word_len(rest)),
            c => (Kind::Mark, c.len_utf8()),
        };
        let (token, tail) = rest.split_at_checked(len).unwrap_or((rest, ""));
        let glued = found.last().is_some_and(|t| t.span.end() == at);
        found.push(Token { kind, text: token, span: Span::new(at, at + token.len()), glued });
        rest = tail;
    }
    found
}

/// Those of `tokens` that end before `at`.
pub fn before<'t, 'a>(tokens: &'t [Token<'a>], at: usize) -> Vec<&'t Token<'a>> {
    tokens.iter().take_while(|t| t.span.end() <= at).collect()
}

fn number_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let mut i = 0;
    while digit(i) || (i > 0 && matches!(bytes.get(i), Some(b'.' | b',')) && digit(i + 1)) {
        i += 1;
    }
    i.max(1)
}

fn word_len(text: &str) -> usize {
    let mut end = 0usize;
    let mut chars = text.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        let inner = matches!(c, '.' | '\'' | '’') && chars.peek().is_some_and(|(_, n)| n.is_alphabetic());
        // "U.S." keeps its stops; "end.Next" (a missing space) is two words.
        let letters = text.get(..i).and_then(|t| t.rsplit('.').next()).map_or(0, |t| t.chars().count());
        let stop_fits = c != '.' || letters == 1;
        if !(c.is_alphabetic() || is_mark(c) || (inner && stop_fits)) {
            break;
        }
        end = i + c.len_utf8();
    }
    end.max(text.chars().next().map_or(1, char::len_utf8))
}

fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}
