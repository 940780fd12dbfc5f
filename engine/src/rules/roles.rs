//! What parties are called: `(the "Company")`, `(ACME)`, `hereinafter referred to as X`, the marks around it, and the name that
//! stands before it.

use super::name::{END, NO_PARTY, acting_for, begins_with_brand, ends_with_form, name_in, side};
use crate::ground::stands_on_words;
use crate::text::Span;
use crate::values::is_form;

/// Marks around what a party is called.
pub(super) const QUOTES: [char; 7] = ['"', '“', '”', '‘', '’', '«', '»'];
/// Words before what a party is called from then on.
const HEREAFTER: [&str; 2] = ["hereinafter", "hereafter"];

/// What parties are called in `region`, with its brackets: `(the "Company")`, `(hereinafter referred to as "X")`,
/// `(ACME)`, and without brackets `hereinafter referred to as X`.
pub(super) fn roles(text: &str, region: Span) -> Vec<Span> {
    let piece = text.get(region.range()).unwrap_or_default();
    let mut found = Vec::new();
    for (open, _) in piece.match_indices('(') {
        let Some(close) = piece.get(open..).and_then(|t| t.find(')')).map(|i| open + i) else { break };
        // "Orion Metals (Oslo) Ltd": inside a name.
        let next = piece.get(close + 1..).unwrap_or_default().trim_start_matches([',', ' ']);
        let next = next.split_whitespace().next().unwrap_or_default();
        // "Elm Care (EC) A Texas Corporation": a description in capitals.
        let goes_on = piece.get(close + 1..).is_some_and(|t| t.strip_prefix(' ').is_some_and(starts_in_capital));
        let goes_on = goes_on && !["A", "An"].contains(&next);
        let bare = !piece.get(open..close).unwrap_or_default().contains(QUOTES);
        // "Elm Bank (USA), National Association".
        let national =
            || piece.get(close + 1..).is_some_and(|t| t.starts_with(", National") || t.starts_with(", N.A."));
        let inside_name = is_form(next.trim_matches(['(', ')', ',', '.', ';'])) || (bare && (goes_on || national()));
        if !inside_name && calls_a_party(piece.get(open + 1..close).unwrap_or_default()) {
            found.push(Span::new(open, close + 1));
        }
    }
    let lower = piece.to_ascii_lowercase();
    for (at, word) in HEREAFTER.iter().flat_map(|word| lower.match_indices(word)) {
        let inside = found.iter().any(|s| s.start() <= at && at < s.end());
        let line = piece.get(at..).unwrap_or_default();
        // Without brackets it ends with what is in quotes, with its line, or after a few words.
        let quoted = line.match_indices(['"', '“', '”']).nth(1).map(|(i, mark)| i + mark.len());
        let end = line.find(['\n', ';', '(']).unwrap_or(line.len()).min(line.floor_char_boundary(60));
        let comma = line.find("called").and_then(|from| Some(from + line.get(from..)?.find(',')?));
        let end = comma.filter(|_| quoted.is_none()).map_or(end, |comma| comma.min(end));
        let end = quoted.unwrap_or(end).min(end);
        let called = |l: &str| {
            let next = l.get(word.len()..).unwrap_or_default().trim_start();
            l.contains("called") || l.contains("referred to") || next.starts_with(['"', '“'])
        };
        if !inside && line.get(..end).is_some_and(called) {
            found.push(Span::new(at, at + end));
        }
    }
    if found.is_empty() {
        found = quoted_roles(piece);
    }
    found.sort_unstable();
    found.into_iter().map(|s| s.shifted(region.start())).collect()
}

/// What parties are called in quotes alone, as covers have it: `"Licensor" / "Elm"`.
fn quoted_roles(piece: &str) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    for (span, term) in quoted(piece, &['"', '“', '”']) {
        if !calls_a_party(piece.get(term.range()).unwrap_or_default()) {
            continue;
        }
        // A second name of the same party.
        let next_to =
            |last: &Span| piece.get(last.end()..span.start()).is_some_and(|t| t.trim() == "/" || t.trim() == "or");
        match found.last_mut().filter(|last| next_to(last)) {
            Some(last) => *last = last.union(span),
            None => found.push(span),
        }
    }
    found
}

/// What stands between each two of `marks` in `piece`: its place with the marks, and without.
pub(super) fn quoted(piece: &str, marks: &[char]) -> Vec<(Span, Span)> {
    let found: Vec<(usize, &str)> = piece.match_indices(marks).collect();
    let pairs = found.chunks_exact(2).filter_map(|pair| match pair {
        [(from, open), (to, close)] => Some((Span::new(*from, to + close.len()), Span::new(from + open.len(), *to))),
        _ => None,
    });
    pairs.collect()
}

fn starts_in_capital(text: &str) -> bool {
    text.starts_with(char::is_uppercase)
}

/// Whether what stands in brackets is what a party is called: the first thing in quotes, or all of it.
fn calls_a_party(inner: &str) -> bool {
    // "(hereinafter called 'the Employer')".
    let straight = || inner.split(" '").nth(1).and_then(|term| term.split_once('\'')).map(|(term, _)| term);
    let quoted = inner.split(QUOTES).nth(1).filter(|_| inner.contains(QUOTES)).or_else(straight);
    let quoted = quoted.filter(|q| q.contains(char::is_alphabetic));
    let bare = HEREAFTER.iter().find_map(|word| inner.strip_prefix(word)).unwrap_or(inner).trim_start();
    let bare = bare.strip_prefix("the ").unwrap_or(bare).trim_matches(|c: char| !c.is_alphanumeric());
    let called = quoted.unwrap_or(bare).trim();
    let lower = called.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    // "Party A" is one, "the Parties" and "each Party" are none.
    let by_letter = matches!(words.as_slice(), ["party", letter] if letter.len() == 1);
    // "Disclosing Party", "Released Party".
    let by_part = matches!(words.as_slice(), [part, "party"] if part.ends_with("ing") || part.ends_with("ed"));
    let none = !by_letter && !by_part && words.iter().any(|w| NO_PARTY.contains(w));
    if inner.len() > 160 || words.is_empty() || none {
        return false;
    }
    let short = called.starts_with(char::is_uppercase) && words.len() <= 4;
    quoted.is_some() || (short && !called.contains(|c: char| c.is_ascii_digit()))
}

/// What one party is called, what stands before it since the party before, and the name in that, if one is.
pub(super) struct Called {
    pub(super) role: Span,
    pub(super) before: Span,
    pub(super) name: Option<Span>,
}

/// What parties are called in `region`, in order, each with the name before it: the first at once, the others after what
/// leads to a next party.
pub(super) fn called_in(text: &str, region: Span) -> impl Iterator<Item = Called> + '_ {
    let mut rest = region.start();
    roles(text, region).into_iter().map(move |role| {
        let before = Span::new(rest, role.start());
        let piece = text.get(before.range()).unwrap_or_default();
        let next = || next_party(piece).or_else(|| own_block(piece));
        let begin = if rest == region.start() { Some(0) } else { next() };
        let name = begin.and_then(|at| Some(name_in(piece.get(at..)?)?.shifted(rest + at)));
        rest = role.end();
        Called { role, before, name }
    })
}

/// Where the next party begins in what follows one: after an "and" or a semicolon that a capital follows and no word
/// that goes on with the description ("organized and existing under", "France and Spain").
pub(super) fn next_party(between: &str) -> Option<usize> {
    let lower = between.to_ascii_lowercase();
    let mut starts: Vec<usize> = word_ends(&lower, "and")
        .chain(word_ends(&lower, "in favor of"))
        .chain(word_ends(&lower, "for the benefit of"))
        .chain(lower.match_indices(';').map(|(at, _)| at + 1))
        .collect();
    starts.sort_unstable();
    let begins = |&&at: &&usize| {
        let next = between.get(at..).unwrap_or_default();
        // "- and -".
        let next = next.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '_' | '-' | '–' | '—'));
        let next = next.get(side(next)..).unwrap_or(next);
        let next = ["the ", "each of "].iter().find_map(|lead| next.strip_prefix(lead)).unwrap_or(next);
        // After "(2)".
        let next =
            if next.starts_with('(') { next.split_once(')').map_or(next, |(_, n)| n.trim_start()) } else { next };
        // After "2." or "2)".
        let number = next.split_once([')', '.']).filter(|(_, n)| n.starts_with(' '));
        let number = number.filter(|(n, _)| n.len() == 1 && n.starts_with(|c: char| c.is_ascii_digit()));
        let next = number.map_or(next, |(_, n)| n.trim_start());
        let named = name_in(next).is_some_and(|n| n.start() == 0 || acting_for(next) > 0);
        let capital = next.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
        named && (capital || begins_with_brand(next))
    };
    // "listed on Nasdaq and the Growth Market of Elmar; and (e) Oak Limited": the list goes on with its numbers.
    let listed = || list_marks(&lower).find(|at| begins(&at));
    listed().or_else(|| starts.iter().find(begins).copied()).or_else(|| after_comma(between))
}

/// Where the points of a list in brackets begin in `lower`: "(2)", "(e)".
fn list_marks(lower: &str) -> impl Iterator<Item = usize> + '_ {
    let is_mark = |at: &usize| {
        let inner = lower.get(at + 1..).and_then(|t| t.split_once(')')).map_or("", |(inner, _)| inner);
        inner.len() == 1 && inner.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    let starts =
        move |at: &usize| lower.get(..*at).is_some_and(|t| t.ends_with(|c: char| c.is_whitespace() || c == END));
    lower.match_indices('(').map(|(at, _)| at).filter(starts).filter(is_mark)
}

/// Where the name begins that is a block of its own in `between`: "Elm Inc. ("the Company")", and below it "Ann Lee".
fn own_block(between: &str) -> Option<usize> {
    let block = between.trim_start_matches([' ', '.', ',']).strip_prefix(END)?;
    let name = name_in(block)?;
    let rest = block.get(name.end()..)?;
    let alone = |text: &str| text.chars().all(|c| c.is_whitespace() || c == END || c == ',');
    let whole = alone(rest) && block.get(..name.start()).is_some_and(alone);
    whole.then(|| between.len() - block.len() + name.start())
}

/// Where the next party begins in what goes on with a comma: the last of several has the "and". Only a name with a legal
/// form or one that nothing follows, or any description could be one.
fn after_comma(between: &str) -> Option<usize> {
    let next = between.trim_start().strip_prefix(',')?.trim_start();
    let alone = |name: Span| {
        let words = next.get(name.range()).map_or(0, |name| name.split_whitespace().count());
        words >= 2 && next.get(name.end()..).is_some_and(|rest| rest.trim().is_empty())
    };
    let name = name_in(next).filter(|n| n.start() == 0 && (ends_with_form(next, *n) || alone(*n)))?;
    (name.len() > 4).then(|| between.len() - next.len())
}

/// Where `word` ends in `lower` (a text in lower case) as a word of its own.
pub(super) fn word_ends<'t>(lower: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    let places = lower.match_indices(word).map(|(at, word)| Span::new(at, at + word.len()));
    places.filter(|place| stands_on_words(lower, *place)).map(Span::end)
}
