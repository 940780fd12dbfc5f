//! Text to search terms, for any script: what is indexed, what a query is cut into, and what is highlighted are the
//! same tokens.
//!
//! * Words of scripts with spaces: a run of letters and digits, folded ([`fold`]). Hyphens and apostrophes separate;
//!   a point or comma between digits joins (`1,250.00` is one word). Soft hyphens and zero-width characters inside a
//!   word are passed over.
//! * Scripts without spaces, and Korean: every character alone, and every two neighbours as a pair at the position of
//!   the first. A plain query asks for the pairs, a phrase for the characters in order.
//! * An emoji, with all that belongs to it, is a word.

use tantivy::tokenizer::{Token as IndexToken, TokenStream, Tokenizer};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Name under which the tokenizer is registered with tantivy.
pub const NAME: &str = "lectern";

/// Terms longer than this are cut on a character boundary: they are noise, and tantivy has a limit.
const LONGEST_TERM: usize = 200;

/// A search term and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The folded term.
    pub term: String,
    /// First byte in the text that was cut.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// Words and single characters count from 0; a pair has the position of its first character.
    pub position: usize,
    /// What kind of token.
    pub kind: TokenKind,
}

/// What kind of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A word or an emoji.
    Word,
    /// A character of a script without spaces that has such neighbours.
    Character,
    /// Such a character without neighbours of its kind.
    Lone,
    /// Two neighbouring characters.
    Pair,
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Class {
    Letter,
    Character,
    Emoji,
    Joiner,
    Ignored,
    Other,
}

/// Cuts `text` into tokens, in order of position.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut cutter = Cutter::default();
    let mut graphemes = text.grapheme_indices(true).peekable();
    while let Some((start, grapheme)) = graphemes.next() {
        let end = start + grapheme.len();
        match class(grapheme) {
            Class::Letter => cutter.letter(start, end, grapheme),
            Class::Joiner
                if cutter.ends_in_digit() && graphemes.peek().is_some_and(|(_, next)| starts_with_digit(next)) =>
            {
                cutter.letter(start, end, grapheme);
            }
            Class::Character => cutter.character(start, end, grapheme),
            Class::Emoji => cutter.emoji(start, end, grapheme),
            Class::Ignored => {}
            Class::Joiner | Class::Other => cutter.flush(),
        }
    }
    cutter.flush();
    cutter.tokens
}

#[derive(Default)]
struct Cutter {
    tokens: Vec<Token>,
    position: usize,
    word: Option<(usize, usize, String)>,
    characters: Vec<(usize, usize, String)>,
}

impl Cutter {
    fn letter(&mut self, start: usize, end: usize, grapheme: &str) {
        self.flush_characters();
        let word = self.word.get_or_insert_with(|| (start, end, String::new()));
        word.1 = end;
        fold_into(grapheme, &mut word.2);
    }

    fn ends_in_digit(&self) -> bool {
        self.word.as_ref().and_then(|(_, _, term)| term.chars().last()).is_some_and(|c| c.is_ascii_digit())
    }

    fn character(&mut self, start: usize, end: usize, grapheme: &str) {
        self.flush_word();
        let mut term = String::new();
        fold_into(grapheme, &mut term);
        self.characters.push((start, end, term));
    }

    fn emoji(&mut self, start: usize, end: usize, grapheme: &str) {
        self.flush();
        // U+FE0F only asks for the coloured form.
        let term: String = grapheme.chars().filter(|c| *c != '\u{fe0f}').collect();
        self.push(term, start, end, TokenKind::Word);
        self.position += 1;
    }

    fn flush(&mut self) {
        self.flush_word();
        self.flush_characters();
    }

    fn flush_word(&mut self) {
        if let Some((start, end, term)) = self.word.take().filter(|(_, _, term)| !term.is_empty()) {
            self.push(term, start, end, TokenKind::Word);
            self.position += 1;
        }
    }

    fn flush_characters(&mut self) {
        let run = std::mem::take(&mut self.characters);
        let kind = if run.len() > 1 { TokenKind::Character } else { TokenKind::Lone };
        let mut following = run.iter().skip(1);
        for (start, end, term) in &run {
            self.push(term.clone(), *start, *end, kind);
            if let Some((_, next_end, next)) = following.next() {
                self.push(format!("{term}{next}"), *start, *next_end, TokenKind::Pair);
            }
            self.position += 1;
        }
    }

    fn push(&mut self, mut term: String, start: usize, end: usize, kind: TokenKind) {
        term.truncate(term.floor_char_boundary(LONGEST_TERM));
        self.tokens.push(Token { term, start, end, position: self.position, kind });
    }
}

fn class(grapheme: &str) -> Class {
    let mut chars = grapheme.chars();
    let Some(first) = chars.next() else { return Class::Other };
    match first {
        '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => Class::Ignored,
        '.' | ',' => Class::Joiner,
        // A keycap: a digit with U+20E3.
        '0'..='9' | '#' | '*' if chars.any(|c| c == '\u{20e3}') => Class::Emoji,
        _ if is_emoji(first) => Class::Emoji,
        _ if has_no_spaces(first) => Class::Character,
        _ if first.is_alphanumeric() => Class::Letter,
        _ => Class::Other,
    }
}

fn starts_with_digit(grapheme: &str) -> bool {
    grapheme.starts_with(|c: char| c.is_ascii_digit())
}

fn is_emoji(c: char) -> bool {
    matches!(c, '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{231a}'..='\u{23ff}')
}

/// Scripts written without spaces between words, and Hangul, whose words carry endings.
fn has_no_spaces(c: char) -> bool {
    matches!(c,
        '\u{2e80}'..='\u{2fdf}'      // radicals
        | '\u{3005}'..='\u{3007}'    // iteration mark, closing mark, zero
        | '\u{3021}'..='\u{3029}'
        | '\u{3041}'..='\u{30ff}'    // kana
        | '\u{3105}'..='\u{318e}'    // bopomofo, Hangul jamo
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' // Han
        | '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}' // Hangul
        | '\u{ff66}'..='\u{ff9f}'    // half-width kana
        | '\u{0e01}'..='\u{0eff}'    // Thai, Lao
        | '\u{1000}'..='\u{109f}'    // Myanmar
        | '\u{1780}'..='\u{17ff}'    // Khmer
    ) && c.is_alphanumeric()
}

/// A word in the form in which it is compared: compatibility forms resolved (ligatures, full width), lower case, and
/// marks that do not make another letter removed. Latin and Greek lose their diacritics; `й` stays, `ё` becomes `е`.
pub fn fold(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    fold_into(word, &mut out);
    out
}

fn fold_into(text: &str, out: &mut String) {
    if text.len() == 1 {
        out.push_str(&text.to_ascii_lowercase());
        return;
    }
    for c in text.nfkc().flat_map(char::to_lowercase).filter(|c| !is_loose_mark(*c)) {
        match c {
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'þ' => out.push_str("th"),
            'ø' => out.push('o'),
            'ł' => out.push('l'),
            'đ' | 'ð' => out.push('d'),
            'ı' => out.push('i'),
            'ς' => out.push('σ'),
            'ё' => out.push('е'),
            'ſ' => out.push('s'),
            '\u{c0}'..='\u{24f}' | '\u{370}'..='\u{3ff}' | '\u{1e00}'..='\u{1fff}' => {
                out.extend(std::iter::once(c).nfd().filter(|c| !is_loose_mark(*c)));
            }
            c if c.is_alphanumeric() || matches!(c, '.' | ',') || is_needed_mark(c) => out.push(c),
            _ => {}
        }
    }
}

/// Marks that are written or left out at will: accents set apart, stress marks, Hebrew points, Arabic vowel signs.
fn is_loose_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{640}' | '\u{fe00}'..='\u{fe0f}')
}

/// Combining marks that make another letter (vowel signs of Indic scripts, tone marks of Thai, kana voicing).
fn is_needed_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// The tokenizer as tantivy calls it.
#[derive(Debug, Clone, Default)]
pub struct LecternTokenizer;

/// The tokens of one text, as tantivy walks them.
#[derive(Debug)]
pub struct LecternTokens {
    rest: std::vec::IntoIter<Token>,
    current: IndexToken,
}

impl Tokenizer for LecternTokenizer {
    type TokenStream<'a> = LecternTokens;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> LecternTokens {
        LecternTokens { rest: tokens(text).into_iter(), current: IndexToken::default() }
    }
}

impl TokenStream for LecternTokens {
    fn advance(&mut self) -> bool {
        let Some(token) = self.rest.next() else { return false };
        self.current = IndexToken {
            offset_from: token.start,
            offset_to: token.end,
            position: token.position,
            text: token.term,
            position_length: 1,
        };
        true
    }

    fn token(&self) -> &IndexToken {
        &self.current
    }

    fn token_mut(&mut self) -> &mut IndexToken {
        &mut self.current
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn terms(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|t| t.term).collect()
    }

    #[test]
    fn words_are_folded() {
        assert_eq!(terms("Ünïted KINGDOM’s Straße e-mail"), ["united", "kingdom", "s", "strasse", "e", "mail"]);
        assert_eq!(terms("Договор заключён ЕЁ й"), ["договор", "заключен", "ее", "й"]);
        assert_eq!(terms("of\u{fb01}ce ﬁrst co\u{ad}operate"), ["office", "first", "cooperate"]);
        assert_eq!(terms("cafe\u{301} CAFÉ"), ["cafe", "cafe"]);
        assert_eq!(terms("ΛΌΓΟΣ λόγος"), ["λογοσ", "λογοσ"]);
    }

    #[test]
    fn numbers_keep_their_points_and_sentences_do_not() {
        assert_eq!(terms("USD 1,250.00, or 3. Next"), ["usd", "1,250.00", "or", "3", "next"]);
    }

    #[test]
    fn a_long_run_of_chinese_is_not_one_giant_word() {
        assert_eq!(terms("合同期限"), ["合", "合同", "同", "同期", "期", "期限", "限"]);
        let positions: Vec<usize> = tokens("合同A").into_iter().map(|t| t.position).collect();
        assert_eq!(positions, [0, 0, 1, 2]);
    }

    #[test]
    fn kana_keeps_its_voicing_and_hangul_its_syllables() {
        assert_eq!(terms("が"), ["が"]);
        assert_eq!(terms("ｶﾞ"), ["ガ"]);
        assert_eq!(terms("계약"), ["계", "계약", "약"]);
    }

    #[test]
    fn an_emoji_with_all_its_parts_is_one_word() {
        assert_eq!(terms("ok👩‍👩‍👧 ✔️ 1️⃣").len(), 4);
        assert_eq!(terms("✔️"), terms("✔"));
    }

    proptest! {
        #[test]
        fn tokens_stand_on_boundaries_in_order_and_fold_to_their_term(text in "\\PC{0,60}") {
            let mut position = 0;
            for token in tokens(&text) {
                let piece = text.get(token.start..token.end);
                prop_assert!(piece.is_some_and(|p| !p.is_empty()));
                prop_assert!(!token.term.is_empty());
                prop_assert!(token.position >= position && token.position <= position + 1);
                position = token.position;
            }
        }

        #[test]
        fn case_does_not_matter(text in "[a-zA-Zäöüßéñа-яА-Я0-9 ]{0,40}") {
            prop_assert_eq!(terms(&text.to_lowercase()), terms(&text));
        }

        #[test]
        fn composed_and_decomposed_text_have_the_same_terms(text in "[a-zA-Zäöüßéñőа-яёй 合同が]{0,30}") {
            let decomposed: String = text.nfd().collect();
            prop_assert_eq!(terms(&decomposed), terms(&text));
        }
    }
}
