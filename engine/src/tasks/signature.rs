//! The day on which a contract was signed: beside "Date:", in the clause by which the parties sign, or at a signature.

use super::evidence::{Grounds, says};
use super::start::{Start, at, own};
use crate::text::Span;
use crate::values::tokens::{Kind, Token, tokens};
use crate::values::{Found, Value, find_dates};

/// Words for the day the last party signed.
const SIGNED: [&str; 27] = [
    "when signed by",
    "last date signed below",
    "last signature",
    "date of signature",
    "date of its signature",
    "date of signed acceptance",
    "from its signature",
    "from the signature",
    "date of signing",
    "date we sign",
    "upon the signatures",
    "upon signature",
    "last written below",
    "date set forth below",
    "date noted below",
    "date written below",
    "parties sign hereon",
    "dates that it is executed",
    "date on which it is executed",
    "date that it is executed",
    "last party to sign",
    "last party signs",
    "executed by both parties",
    "signed by both parties",
    "execution by both parties",
    "signature by both parties",
    "last signing party",
];
/// How many tokens "the last of the parties signs" may have from "last" on.
const LAST_TO_SIGN: usize = 6;
/// Words of the clause by which the parties sign, words that such a sentence may begin with, and the mark of a signature.
const WITNESS: [&str; 2] = ["in witness whereof", "as witness"];
const SIGNING: [&str; 5] = ["signed", "executed", "dated", "done", "agreed and signed"];
const SIGNATURE: &str = "/s/";
/// Words of the label of a signature's date: "Date of signing".
const SIGNED_ON: [&str; 4] = ["of", "signing", "signature", "execution"];
/// Words that make a "Date:" one of something else than a signature.
const OTHER_DATES: [&str; 14] = [
    "effective",
    "expiration",
    "expiry",
    "termination",
    "commencement",
    "start",
    "end",
    "due",
    "delivery",
    "release",
    "renewal",
    "closing",
    "payment",
    "invoice",
];
/// How far below a signature its day may stand, in bytes.
const BELOW: usize = 240;
/// How far from such a mark or clause its day may stand, in bytes.
const NEAR: usize = 70;

/// Whether `quote` names the day on which the last party signs.
pub(super) fn says_signed(quote: &str) -> bool {
    SIGNED.iter().any(|words| says(quote, words)) || signs_last(quote)
}

/// Whether `quote` speaks of who signs last: "as of the date on which the last of them signs".
fn signs_last(quote: &str) -> bool {
    const SIGNS: [&str; 6] = ["sign", "signs", "signed", "signing", "signature", "signatures"];
    let tokens = tokens(quote);
    let after = |last: usize| tokens.iter().skip(last).take(LAST_TO_SIGN);
    let lasts = tokens.iter().enumerate().filter(|(_, t)| t.is("last"));
    lasts.into_iter().any(|(last, _)| after(last).any(|t| t.is_one_of(&SIGNS)))
}

/// The day of the last signature: the latest of those beside "Date", else the day that the witnessing clause names, else the
/// latest that stands alone above a signature: "Ellmar, May 1, 2011", and then "/s/".
pub(super) fn last_signed(grounds: &Grounds<'_>) -> Option<Start> {
    beside_signatures(grounds).or_else(|| witnessed(grounds)).or_else(|| above_signatures(grounds))
}

/// The day of the clause that says that the parties signed.
fn witnessed(grounds: &Grounds<'_>) -> Option<Start> {
    let text = &grounds.document.text;
    // The opening is where "Dated" says the same of a contract without such a clause.
    let later = grounds.sentences.iter().rev().take_while(|s| s.start() > text.len() / 3);
    later.filter_map(|s| Some((*s, text.get(s.range())?))).find_map(|(sentence, said)| {
        let lower = said.to_ascii_lowercase();
        let signs = WITNESS.iter().any(|words| lower.contains(words));
        if !signs && !SIGNING.iter().any(|word| lower.starts_with(word)) {
            return None;
        }
        let found = find_dates(said).into_iter().next()?;
        let near = signs || found.span.start() <= NEAR;
        let Value::Date { iso } = &found.value else { return None };
        let named = "the day on which the parties signed".to_owned();
        at(grounds, found.span.shifted(sentence.start()), iso, named).filter(|_| near)
    })
}

/// The latest day that ends a line above a signature or its own line, or is a line below one.
fn above_signatures(grounds: &Grounds<'_>) -> Option<Start> {
    let text = &grounds.document.text;
    let days = text.match_indices(SIGNATURE).filter_map(|(sign, _)| {
        let from = text.floor_char_boundary(sign.saturating_sub(NEAR));
        let near = text.get(from..sign)?;
        let above = || {
            let found = find_dates(near).pop()?;
            let rest = near.get(found.span.end()..)?;
            (rest.contains('\n') && rest.trim().is_empty()).then(|| (found.span.shifted(from), found))
        };
        let (span, found) = above().or_else(|| line_end(text, sign)).or_else(|| line_below(text, sign))?;
        let Value::Date { iso } = &found.value else { return None };
        at(grounds, span, iso, "the last date at a signature".to_owned())
    });
    days.max_by_key(|start| start.day)
}

/// The date that ends the line of the signature at `sign`: "/s/ Ann Lee   January 8, 1999".
fn line_end(text: &str, sign: usize) -> Option<(Span, Found)> {
    let line = text.get(sign..)?.split('\n').next()?;
    let last = find_dates(line).pop()?;
    let ends = line.get(last.span.end()..)?.trim().is_empty();
    ends.then(|| (last.span.shifted(sign), last))
}

/// The date of the first line below the signature at `sign` that has nothing but dates.
fn line_below(text: &str, sign: usize) -> Option<(Span, Found)> {
    let below = text.get(sign..text.floor_char_boundary((sign + BELOW).min(text.len())))?;
    let mut from = sign;
    below.split_inclusive('\n').find_map(|line| {
        let start = from;
        from += line.len();
        let found = find_dates(line);
        let written: usize = found.iter().map(|f| f.span.len()).sum();
        let alone = line.chars().filter(|c| !c.is_whitespace()).count() <= written;
        let first = found.into_iter().next().filter(|_| alone)?;
        Some((first.span.shifted(start), first))
    })
}

/// The latest of the days that stand beside "Date", as with signatures. "Delivery Date:" dates something else.
fn beside_signatures(grounds: &Grounds<'_>) -> Option<Start> {
    let text = &grounds.document.text;
    let lower = text.to_ascii_lowercase();
    let labels = ["date", "dated"].iter().flat_map(|label| lower.match_indices(label));
    let beside = labels.flat_map(|(from, label)| {
        let label = Span::new(from, from + label.len());
        dated_after(text, label).into_iter().chain(dated_above(text, label))
    });
    // "the Facility dated May 1, 1995".
    let days = beside.filter(|found| own(grounds, found.span)).filter_map(|found| {
        let Value::Date { iso } = &found.value else { return None };
        at(grounds, found.span, iso, "the last date beside a signature".to_owned())
    });
    days.max_by_key(|start| start.day)
}

/// The date right after the label at `label`: "Date: May 1, 2011".
fn dated_after(text: &str, label: Span) -> Option<Found> {
    let before = tokens(text.get(text.floor_char_boundary(label.start().saturating_sub(30))..label.start())?);
    let own = !before.last().is_some_and(|t| t.is_one_of(&OTHER_DATES));
    let near = text.get(label.end()..text.floor_char_boundary((label.end() + 40).min(text.len())))?;
    let found = find_dates(near).into_iter().next().filter(|_| own)?;
    // "Date of signing: May 1, 2011", "Place, date: Ellmar, May 1, 2011".
    let place = before.iter().rev().take(3).any(|t| t.is("place"));
    let fits = |t: &Token<'_>| {
        let of_place = place && t.text.starts_with(char::is_uppercase);
        t.kind == Kind::Mark || of_place || t.is_one_of(&SIGNED_ON)
    };
    let blank = tokens(near.get(..found.span.start())?).iter().all(fits);
    blank.then(|| Found { span: found.span.shifted(label.end()), ..found })
}

/// The date above or before the label at `label`, as forms have it below the line: "5/1/2011", and then "Date".
fn dated_above(text: &str, label: Span) -> Option<Found> {
    let after = text.get(label.end()..).unwrap_or_default().trim_start_matches([' ', '\t', '_']);
    let alone = after.is_empty() || after.starts_with('\n') || after.starts_with("Date");
    let from = text.floor_char_boundary(label.start().saturating_sub(30));
    let near = text.get(from..label.start()).filter(|_| alone)?;
    let found = find_dates(near).pop()?;
    let between = near.get(found.span.end()..)?;
    let apart = between.contains('\n') || text.get(label.range()).is_some_and(|l| l.starts_with('D'));
    (apart && tokens(between).iter().all(|t| t.kind == Kind::Mark))
        .then(|| Found { span: found.span.shifted(from), ..found })
}
