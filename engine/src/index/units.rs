//! The units of search: a page each, or where there are no pages, pieces of about two thousand bytes between blocks.

use crate::text::{DocText, Span};

/// Size that pieces of unpaged text are brought to, in bytes.
const TARGET: usize = 2000;

/// A new section begins a new piece if the present one has at least this many bytes.
const SECTION_BREAK: usize = 400;

/// One entry of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// Where it stands.
    pub span: Span,
    /// Its page.
    pub page: Option<u32>,
}

/// The units of a text in order: disjoint, and nothing but white space and page separators lies outside them.
pub fn units(text: &DocText) -> Vec<Unit> {
    if text.pages.is_empty() {
        return pieces(text).into_iter().map(|span| Unit { span, page: None }).collect();
    }
    let pages = text.pages.iter().filter(|p| text.slice(p.span).is_some_and(|t| !t.trim().is_empty()));
    pages.map(|p| Unit { span: p.span, page: Some(p.number) }).collect()
}

fn pieces(text: &DocText) -> Vec<Span> {
    let sections: Vec<usize> = text.sections.iter().map(|s| s.span.start()).collect();
    let blocks = text.blocks.iter().map(|b| b.span.start()).chain(text.cues.iter().map(|c| c.span.start()));
    let mut cuts: Vec<usize> = blocks.chain(sections.iter().copied()).chain([text.text.len()]).collect();
    cuts.retain(|cut| text.text.is_char_boundary(*cut));
    cuts.sort_unstable();
    cuts.dedup();

    let (mut spans, mut start, mut last) = (Vec::new(), 0, 0);
    for cut in cuts {
        if cut - start > TARGET && last > start {
            push(&text.text, Span::new(start, last), &mut spans);
            start = last;
        }
        if cut - start >= SECTION_BREAK && sections.binary_search(&cut).is_ok() {
            push(&text.text, Span::new(start, cut), &mut spans);
            start = cut;
        }
        last = cut;
    }
    push(&text.text, Span::new(start, text.text.len()), &mut spans);
    spans
}

/// Adds a piece, cut further at white space where a single block is very long.
fn push(text: &str, span: Span, spans: &mut Vec<Span>) {
    let mut start = span.start();
    while span.end() - start > 2 * TARGET {
        let limit = text.floor_char_boundary(start + TARGET);
        let head = text.get(start..limit).unwrap_or_default();
        let cut = head.rfind(char::is_whitespace).filter(|i| *i > TARGET / 2).map_or(limit, |i| start + i);
        spans.push(Span::new(start, cut));
        start = cut;
    }
    spans.push(Span::new(start, span.end()));
    spans.retain(|s| text.get(s.range()).is_some_and(|t| !t.trim().is_empty()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Block, BlockKind, Extractor, Section};
    use proptest::prelude::*;

    fn unpaged(paragraphs: &[String], headings: &[bool]) -> DocText {
        let (mut text, mut blocks, mut sections) = (String::new(), Vec::new(), Vec::new());
        for (paragraph, heading) in paragraphs.iter().zip(headings) {
            let span = Span::new(text.len(), text.len() + paragraph.len());
            blocks.push(Block { kind: BlockKind::Paragraph, span });
            if *heading {
                sections.push(Section { level: 1, heading: span, span });
            }
            text.push_str(paragraph);
            text.push('\n');
        }
        let extractor = Extractor { name: "test".into(), version: "1".into() };
        DocText { text, pages: vec![], sections, blocks, cues: vec![], extractor, notes: vec![], title: None }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_letter_is_in_exactly_one_unit(
            paragraphs in prop::collection::vec("[a-z合é ]{0,900}|[a-z]{4000,6000}", 0..14),
            headings in prop::collection::vec(any::<bool>(), 14),
        ) {
            let text = unpaged(&paragraphs, &headings);
            let units = units(&text);
            let mut end = 0;
            for unit in &units {
                prop_assert!(unit.span.start() >= end);
                prop_assert!(text.text[end..unit.span.start()].trim().is_empty());
                prop_assert!(text.slice(unit.span).is_some());
                prop_assert!(unit.span.len() <= 2 * TARGET);
                end = unit.span.end();
            }
            prop_assert!(text.text[end..].trim().is_empty());
        }
    }
}
