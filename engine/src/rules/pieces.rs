//! Short passages inside a sentence: dates, names of parties, titles. More are found than are right; what is learned of
//! them chooses.

use crate::text::Span;
use crate::values::{self, is_form};
use serde::{Deserialize, Serialize};

/// A kind of short passage inside a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// A calendar date, or the form of one that is not filled in.
    Date,
    /// The name of a party, or what it is called in the contract.
    Party,
    /// The title of a document.
    Title,
}

/// Longest piece, in bytes.
const LONGEST: usize = 140;
/// Longest name given in quotes or brackets, as in (the "Company").
const MOST_NAME: usize = 60;

/// The pieces of `text`, each once, by kind and place.
pub(super) fn pieces(text: &str) -> Vec<(Piece, Span)> {
    let words = Word::of(text);
    let of = |piece: Piece, spans: Vec<Span>| spans.into_iter().map(move |s| (piece, s));
    let mut found: Vec<(Piece, Span)> = values::find_dates(text).iter().map(|f| (Piece::Date, f.span)).collect();
    let mut open = open_dates(&words);
    open.retain(|s| !found.iter().any(|(_, whole)| whole != s && whole.covers(*s)));
    found.extend(of(Piece::Date, open));
    found.extend(values::find_parties(text).iter().map(|f| (Piece::Party, f.span)));
    found.extend(of(Piece::Party, names(&words)));
    found.extend(of(Piece::Party, called(text)));
    found.extend(of(Piece::Title, titles(&words)));
    found.retain(|(_, s)| !s.is_empty() && s.len() <= LONGEST);
    found.sort_unstable();
    found.dedup();
    found
}

/// A word between white space: what is left without punctuation around it.
struct Word<'t> {
    whole: &'t str,
    bare: &'t str,
    span: Span,
    lower: String,
}

impl<'t> Word<'t> {
    fn of(text: &'t str) -> Vec<Self> {
        let mut at = 0;
        let mut words = Vec::new();
        for whole in text.split_inclusive(char::is_whitespace) {
            let bare = whole.trim_matches(|c: char| !(c.is_alphanumeric() || matches!(c, '&' | '_' | '●' | '•')));
            let start = at + whole.find(bare).unwrap_or_default();
            at += whole.len();
            if !whole.trim().is_empty() {
                let span = Span::new(start, start + bare.len());
                words.push(Self { whole: whole.trim_end(), bare, span, lower: bare.to_lowercase() });
            }
        }
        words
    }

    fn is_capital(&self) -> bool {
        self.bare.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit()) || self.bare == "&"
    }

    /// Whether punctuation after it ends a run of words; a full stop does after a word of some length.
    fn closes(&self) -> bool {
        let long_stop = self.whole.ends_with('.') && self.bare.len() > 3;
        long_stop || self.whole.ends_with([',', ';', ':', '"', '”', ')', '’'])
    }

    fn opens(&self) -> bool {
        self.whole.starts_with(['(', '"', '“'])
    }

    fn is_one_of(&self, list: &[&str]) -> bool {
        list.contains(&self.lower.as_str())
    }
}

fn union(run: &[Word<'_>]) -> Option<Span> {
    Some(run.first()?.span.union(run.last()?.span))
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// Words around the parts of a date.
const AROUND_DATES: [&str; 4] = ["day", "of", "this", "the"];

/// Runs of a date's parts: also "this ___ day of March, 2020" and "[●], 2019".
fn open_dates(words: &[Word<'_>]) -> Vec<Span> {
    let month = |w: &Word<'_>| MONTHS.iter().any(|m| w.lower.starts_with(m)) && w.lower.len() <= 9 && w.is_capital();
    let year = |w: &Word<'_>| w.bare.len() == 4 && w.bare.parse::<u16>().is_ok_and(|y| (1900..2100).contains(&y));
    let blank = |w: &Word<'_>| !w.bare.is_empty() && w.bare.chars().all(|c| matches!(c, '_' | '●' | '•'));
    let day = |w: &Word<'_>| {
        let digits = w.lower.trim_end_matches(|c: char| c.is_ascii_lowercase());
        (1..=2).contains(&digits.len()) && w.lower.len() <= 4 && digits.parse::<u8>().is_ok()
    };
    let part = |w: &Word<'_>| month(w) || year(w) || blank(w) || day(w);
    let mut found = Vec::new();
    for mut run in words.split(|w| !(part(w) || w.is_one_of(&AROUND_DATES))) {
        while let [first, rest @ ..] = run
            && first.is_one_of(&AROUND_DATES)
        {
            run = rest;
        }
        while let [rest @ .., last] = run
            && last.is_one_of(&["of", "this", "the"])
        {
            run = rest;
        }
        let parts = run.iter().filter(|w| part(w)).count();
        let says = run.iter().any(|w| month(w) || w.lower == "day") || run.iter().any(year);
        if says && (parts >= 2 || run.iter().any(year)) {
            found.extend(union(run));
        }
    }
    found
}

/// Words that stand before a name and are none of it.
const BEFORE_NAMES: [&str; 14] = [
    "between",
    "among",
    "and",
    "by",
    "with",
    "the",
    "this",
    "to",
    "for",
    "agreement",
    "exhibit",
    "of",
    "parties",
    "party",
];
/// Words after which a name without a legal form may stand.
const INTRODUCE: [&str; 6] = ["between", "among", "and", "by", "with", "parties"];

/// Names by their capital letters: up to a legal form, or introduced and followed by a comma or a bracket.
fn names(words: &[Word<'_>]) -> Vec<Span> {
    let mut found = Vec::new();
    let form = |w: &Word<'_>| is_form(w.bare);
    let mut i = 0;
    while i < words.len() {
        let begins = |w: &Word<'_>| w.is_capital() && !w.is_one_of(&BEFORE_NAMES);
        if !words.get(i).is_some_and(begins) {
            i += 1;
            continue;
        }
        let mut end = i;
        while let Some(word) = words.get(end) {
            let inside = word.is_capital() || word.is_one_of(&["of", "de", "the"]);
            let next_is_form = words.get(end + 1).is_some_and(form);
            if !inside || (end > i && word.opens()) || (word.is_one_of(&INTRODUCE) && end > i) {
                break;
            }
            end += 1;
            if word.closes() && !next_is_form {
                break;
            }
        }
        let run = words.get(i..end).unwrap_or_default();
        let last = run.iter().rposition(form).filter(|last| *last > 0);
        let introduced = i == 0 || words.get(i - 1).is_some_and(|w| w.is_one_of(&INTRODUCE) || w.closes());
        let closed = run.last().is_some_and(Word::closes) || words.get(end).is_none_or(Word::opens);
        if let Some(last) = last {
            found.extend(run.get(..=last).and_then(union));
        } else if introduced && closed && run.len() <= 8 {
            found.extend(union(run));
        }
        i = end.max(i + 1);
    }
    found
}

/// What a party is called: in quotes, or alone in round brackets: (the "Company"), (Shipper), ("we," "us" or "Seller").
fn called(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut keep = |from: usize, to: usize| {
        let inner = text.get(from..to).unwrap_or_default();
        let bare = inner.trim_matches(|c: char| c.is_whitespace() || matches!(c, ',' | '.'));
        let start = from + inner.find(bare).unwrap_or_default();
        if bare.len() <= MOST_NAME && bare.contains(char::is_alphabetic) {
            found.push(Span::new(start, start + bare.len()));
        }
    };
    let marks: Vec<(usize, &str)> = text.match_indices(['"', '“', '”']).collect();
    for pair in marks.chunks_exact(2) {
        if let [(from, mark), (to, _)] = pair {
            keep(from + mark.len(), *to);
        }
    }
    for (open, _) in text.match_indices('(') {
        let Some(close) = text.get(open..).and_then(|t| t.find(')')).map(|i| open + i) else { continue };
        let within = |at: &usize| (open..close).contains(at);
        let quotes: Vec<&(usize, &str)> = marks.iter().filter(|(at, _)| within(at)).collect();
        match quotes.as_slice() {
            [] => {
                let inner = text.get(open + 1..close).unwrap_or_default();
                let name = inner.strip_prefix("the ").unwrap_or(inner);
                if name.starts_with(char::is_uppercase) && name.split(' ').count() <= 4 {
                    keep(close - name.len(), close);
                }
            }
            [(first, mark), .., (last, _)] if quotes.len() > 2 => keep(first + mark.len(), *last),
            _ => {}
        }
    }
    found
}

/// Words that a contract's title holds.
const TITLE_WORDS: [&str; 13] = [
    "agreement",
    "contract",
    "lease",
    "license",
    "amendment",
    "addendum",
    "plan",
    "policy",
    "terms",
    "deed",
    "undertaking",
    "guaranty",
    "memorandum",
];
/// Small words inside a title.
const SMALL_WORDS: [&str; 8] = ["and", "of", "for", "to", "the", "on", "in", "a"];
/// Words before a title that are none of it.
const BEFORE_TITLES: [&str; 6] = ["this", "the", "exhibit", "whereas", "form", "of"];

/// Runs of words with capital letters that hold a word of titles and at least one other.
fn titles(words: &[Word<'_>]) -> Vec<Span> {
    let mut found = Vec::new();
    let mut from = 0;
    for (i, word) in words.iter().enumerate() {
        let capital = word.is_capital() || matches!(word.whole, "-" | "–" | "/");
        let joins = capital || word.is_one_of(&SMALL_WORDS);
        // "SUPPLY AGREEMENT This Supply Agreement": a new run begins.
        let anew = (word.lower == "this" && word.is_capital()) || word.opens();
        if anew || !joins {
            found.extend(words.get(from..i).and_then(title));
            from = if joins { i } else { i + 1 };
        } else if word.closes() {
            found.extend(words.get(from..=i).and_then(title));
            from = i + 1;
        }
    }
    found.extend(words.get(from..).and_then(title));
    found
}

/// The title in a run of words: up to its last word of titles, after what leads to it.
fn title(run: &[Word<'_>]) -> Option<Span> {
    let last = run.iter().rposition(|w| w.is_one_of(&TITLE_WORDS))?;
    let leads = |w: &Word<'_>| {
        w.is_one_of(&BEFORE_TITLES) || w.bare.is_empty() || w.bare.starts_with(|c: char| c.is_ascii_digit())
    };
    // What stands before the number of an exhibit is none of the title either.
    let number = |w: &Word<'_>| w.bare.contains('.') && w.bare.starts_with(|c: char| c.is_ascii_digit());
    let after = run.get(..last)?.iter().rposition(number).map_or(0, |n| n + 1);
    let first = after + run.get(after..)?.iter().position(|w| !leads(w))?;
    (first < last).then(|| run.get(first..=last).and_then(union)).flatten()
}
