//! From a sentence to what is asked for in it: the date, the names, or the sentence itself.

use crate::tasks::FieldType;
use crate::text::{DocText, Span};
use crate::values;

/// Fields whose passages in the training split are longer than this are answered with the whole sentence.
const VALUE_CHARS: usize = 60;
/// Longest name of a party given in quotes, as in (the "Company").
const MOST_NAME: usize = 40;

/// The passages of `sentence` for a field of kind `kind` whose passages are usually `length` characters long. A
/// sentence without a value of that kind is no answer where the value itself is asked for.
pub(super) fn passages(document: &DocText, sentence: Span, kind: FieldType, length: usize) -> Vec<Span> {
    let text = document.slice(sentence).unwrap_or_default();
    let inside = |s: Span| s.shifted(sentence.start());
    match kind {
        FieldType::Date if length < VALUE_CHARS => values::find_dates(text).iter().map(|f| inside(f.span)).collect(),
        FieldType::Party => {
            let names = values::find_parties(text).into_iter().map(|f| f.span);
            names.chain(quoted_names(text)).map(inside).collect()
        }
        _ => vec![sentence],
    }
}

/// Names in quotes and round brackets: (the "Company"), (“Licensor”).
fn quoted_names(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (open, _) in text.match_indices('(') {
        let Some(close) = text.get(open..).and_then(|t| t.find(')')).map(|i| open + i) else { continue };
        let mut quotes = text.get(open..close).unwrap_or_default().match_indices(['"', '“', '”']);
        while let (Some((from, mark)), Some((to, _))) = (quotes.next(), quotes.next()) {
            let span = Span::new(open + from + mark.len(), open + to);
            if !span.is_empty() && span.len() <= MOST_NAME {
                found.push(span);
            }
        }
    }
    found
}
