//! What a person types, as clauses; and where a text matches them.
//!
//! ```text
//! word word            all words (where no unit has them all: any)
//! "some words"         in this order, next to each other
//! title:word  name:word  section:"two words"    in the title, the file name, a heading
//! page:12  page:3-5    on these pages
//! ```
//! Nothing is an error: a quote without its partner, an unknown prefix or stray signs are read as words.

use super::tokenize::{Token, TokenKind, tokens};
use crate::text::Span;
use std::collections::HashSet;
use std::ops::RangeInclusive;

/// A query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// What the text must hold.
    pub text: Vec<Part>,
    /// What other fields must hold.
    pub fields: Vec<(Field, Part)>,
    /// Pages, any of which it must be on.
    pub pages: Vec<RangeInclusive<u64>>,
}

/// A field besides the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The document's title.
    Title,
    /// The file's name.
    Name,
    /// The headings over the unit.
    Section,
}

/// One thing to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A term.
    Term(String),
    /// Terms at these distances.
    Phrase(Vec<(usize, String)>),
}

impl Query {
    /// Reads what a person typed.
    pub fn parse(input: &str) -> Self {
        let mut query = Self::default();
        let mut rest = input.trim_start();
        while !rest.is_empty() {
            let (prefix, body) = match rest.split_once(':') {
                Some((prefix, body)) if is_prefix(prefix) && !body.starts_with(char::is_whitespace) => {
                    (prefix.to_lowercase(), body)
                }
                _ => (String::new(), rest),
            };
            let (value, phrase, after) = value(body);
            query.add(&prefix, value, phrase);
            rest = after.trim_start();
        }
        query
    }

    fn add(&mut self, prefix: &str, value: &str, phrase: bool) {
        let parts = if phrase { phrase_of(value) } else { terms_of(value) };
        let field = match prefix {
            "title" => Field::Title,
            "name" => Field::Name,
            "section" => Field::Section,
            "page" => match pages(value) {
                Some(range) => return self.pages.push(range),
                None => return self.text.extend(terms_of("page").into_iter().chain(parts)),
            },
            _ => return self.text.extend(parts),
        };
        self.fields.extend(parts.into_iter().map(|part| (field, part)));
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.fields.is_empty() && self.pages.is_empty()
    }

    /// Where `text` holds what is looked for, as spans shifted by `offset`: in order, disjoint.
    pub fn highlights(&self, text: &str, offset: usize) -> Vec<Span> {
        let tokens = tokens(text);
        let terms: HashSet<&str> = self.text.iter().filter_map(Part::term).collect();
        let mut spans: Vec<Span> =
            tokens.iter().filter(|t| terms.contains(t.term.as_str())).map(|t| Span::new(t.start, t.end)).collect();
        let singles: Vec<&Token> = tokens.iter().filter(|t| t.kind != TokenKind::Pair).collect();
        for part in &self.text {
            if let Part::Phrase(phrase) = part {
                spans.extend(phrase_spans(&singles, phrase));
            }
        }
        spans.sort_unstable();
        let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match joined.last_mut() {
                Some(last) if last.overlaps(span) => *last = last.union(span),
                _ => joined.push(span),
            }
        }
        joined.into_iter().map(|s| s.shifted(offset)).collect()
    }
}

impl Part {
    fn term(&self) -> Option<&str> {
        match self {
            Part::Term(term) => Some(term),
            Part::Phrase(_) => None,
        }
    }
}

fn is_prefix(prefix: &str) -> bool {
    ["title", "name", "section", "page"].iter().any(|known| prefix.eq_ignore_ascii_case(known))
}

/// The next value: quoted or up to white space (a quote begins a new value); whether it was quoted; what follows.
fn value(body: &str) -> (&str, bool, &str) {
    let quote = |c: char| matches!(c, '"' | '\u{201c}' | '\u{201d}' | '\u{201e}' | '«' | '»');
    let mut chars = body.chars();
    if chars.next().is_some_and(quote) {
        let inner = chars.as_str();
        if let Some(close) = inner.find(quote) {
            let after = inner.get(close..).map(|r| r.trim_start_matches(quote)).unwrap_or_default();
            return (inner.get(..close).unwrap_or_default(), true, after);
        }
        return (inner, false, "");
    }
    let end = body.find(|c: char| c.is_whitespace() || quote(c)).unwrap_or(body.len());
    let (value, after) = body.split_at(end);
    (value, false, after)
}

fn pages(value: &str) -> Option<RangeInclusive<u64>> {
    let (first, last) = value.split_once(['-', '–']).unwrap_or((value, value));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

/// Terms of plain words: words, pairs of characters, and lone characters.
fn terms_of(value: &str) -> Vec<Part> {
    let wanted = tokens(value).into_iter().filter(|t| t.kind != TokenKind::Character);
    wanted.map(|t| Part::Term(t.term)).collect()
}

fn phrase_of(value: &str) -> Vec<Part> {
    let singles = tokens(value).into_iter().filter(|t| t.kind != TokenKind::Pair);
    let mut terms: Vec<(usize, String)> = singles.map(|t| (t.position, t.term)).collect();
    match terms.len() {
        0 => Vec::new(),
        1 => terms.drain(..).map(|(_, term)| Part::Term(term)).collect(),
        _ => vec![Part::Phrase(terms)],
    }
}

/// `singles` have consecutive positions from 0, one each, so a phrase is a window.
fn phrase_spans<'a>(singles: &'a [&'a Token], phrase: &'a [(usize, String)]) -> impl Iterator<Item = Span> + 'a {
    let fits = move |window: &&[&Token]| window.iter().zip(phrase).all(|(token, (_, term))| token.term == *term);
    let windows = singles.windows(phrase.len().max(1)).filter(fits);
    windows.filter_map(|w| Some(Span::new(w.first()?.start, w.last()?.end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found<'a>(query: &str, text: &'a str) -> Vec<&'a str> {
        Query::parse(query).highlights(text, 0).into_iter().map(|s| &text[s.range()]).collect()
    }

    #[test]
    fn words_phrases_and_fields() {
        let query = Query::parse(r#"title:Lease section:"Notice Period" page:3-5 "thirty (30) days" tenant"#);
        assert_eq!(query.pages, [3..=5]);
        assert_eq!(query.fields.len(), 2);
        assert_eq!(query.text.len(), 2);
    }

    #[test]
    fn highlights_are_pieces_of_the_text() {
        assert_eq!(found("\"thirty (30) days\"", "within thirty (30) days, thirty days"), ["thirty (30) days"]);
        assert_eq!(found("договор", "Договор и ДОГОВОР"), ["Договор", "ДОГОВОР"]);
        assert_eq!(found("合同期限", "本合同期限为三年"), ["合同期限"]);
        assert_eq!(found("\"合同期限\"", "本合同期限为三年；合同的期限"), ["合同期限"]);
        assert_eq!(found("合", "本合同"), ["合"]);
        assert_eq!(found("✅ done", "✅️ Done."), ["✅️", "Done"]);
        assert_eq!(found("office", "the of\u{fb01}ce"), ["of\u{fb01}ce"]);
        assert_eq!(found("resume", "re\u{301}sume\u{301}"), ["re\u{301}sume\u{301}"]);
    }

    #[test]
    fn a_lone_character_finds_characters_with_neighbours() {
        assert_eq!(found("限", "期限"), ["限"]);
    }

    #[test]
    fn a_quote_without_its_partner_is_read_as_words() {
        assert_eq!(found("\"governing law", "law of governing"), ["law", "governing"]);
    }

    proptest! {
        #[test]
        fn any_input_is_a_query_and_highlights_lie_on_boundaries(input in "\\PC{0,40}", text in "\\PC{0,80}") {
            let query = Query::parse(&input);
            let mut end = 7;
            for span in query.highlights(&text, 7) {
                prop_assert!(span.start() >= end && !span.is_empty());
                prop_assert!(text.get(span.start() - 7..span.end() - 7).is_some());
                end = span.end();
            }
        }

        #[test]
        fn signs_are_never_an_error(input in "[\"':()\\[\\]{}*?~^+\\-\\\\/!&| a-c0-9]{0,30}|(title|page|name|section):[\":a1 -]{0,9}") {
            let _ = Query::parse(&input);
        }

        #[test]
        fn every_word_of_a_text_finds_itself(text in "[a-zé合同期а-я0-9]{1,12}") {
            prop_assert!(!Query::parse(&text).highlights(&text, 0).is_empty());
            let quoted = format!("\"{text}\"");
            prop_assert!(!Query::parse(&quoted).highlights(&text, 0).is_empty());
        }
    }
}
