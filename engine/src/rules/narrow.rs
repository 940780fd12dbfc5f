//! From a sentence to what is asked for in it: the date, the names, the title, or the sentence itself.

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
        FieldType::Text if length < VALUE_CHARS => titles(text).into_iter().map(inside).collect(),
        _ => vec![sentence],
    }
}

/// Words that a contract's title holds, in lower case.
const TITLE_WORDS: [&str; 9] =
    ["agreement", "contract", "lease", "license", "amendment", "addendum", "plan", "policy", "terms"];
/// Small words inside a title.
const SMALL_WORDS: [&str; 8] = ["and", "of", "for", "to", "the", "on", "in", "a"];

/// Runs of words with capital letters that hold a word of titles and at least one other.
fn titles(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut run: Vec<(Span, &str)> = Vec::new();
    let mut at = 0;
    for piece in text.split_inclusive(|c: char| c.is_whitespace()) {
        let bare = piece.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '(' | ')' | '&'));
        let start = at + piece.find(bare).unwrap_or_default();
        at += piece.len();
        let small = SMALL_WORDS.contains(&bare) && !run.is_empty();
        let joins = small || bare.starts_with(char::is_uppercase) || matches!(bare, "&" | "-");
        if joins {
            run.push((Span::new(start, start + bare.len()), bare));
        }
        let ends = piece.trim_end().ends_with([',', '.', ';', ':', '"', '”']);
        if !joins && !bare.is_empty() || ends {
            found.extend(title(&run));
            run.clear();
        }
    }
    found.extend(title(&run));
    found
}

/// The title in a run of words: up to its last word of titles.
fn title(run: &[(Span, &str)]) -> Option<Span> {
    let word = |w: &str| TITLE_WORDS.contains(&w.to_lowercase().as_str());
    let last = run.iter().rposition(|(_, w)| word(w)).filter(|last| *last > 0)?;
    // "This Supply Agreement": the title has no "this".
    let lead = |w: &str| matches!(w.to_lowercase().as_str(), "this" | "the" | "exhibit" | "whereas");
    let first = run.iter().position(|(_, w)| !lead(w)).filter(|first| *first < last)?;
    let span = run.get(first)?.0.union(run.get(last)?.0);
    (span.len() <= VALUE_CHARS * 2).then_some(span)
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
