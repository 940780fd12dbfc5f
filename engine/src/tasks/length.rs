//! How long a term lasts, in the ways contracts say it: "two years", "the third anniversary", "the end of Year 3", "the 30th day
//! after".

use crate::text::Span;
use crate::values::dates::ordinal;
use crate::values::tokens::{Token, tokens};
use crate::values::{Value, find_durations};

/// How many tokens after a length of time say that it is one of a notice.
const OF_NOTICE: usize = 5;
/// How many tokens after "end of" a year may stand, and the number that is no count of years but one of the calendar's.
const YEAR_REACH: usize = 9;
const FIRST_DATE: u32 = 100;

/// How long something lasts, and where that stands.
pub(super) struct Length {
    pub(super) span: Span,
    /// Counts with their units, which are added: "five years, six weeks".
    pub(super) parts: Vec<(u32, String)>,
}

/// How long the term of `quote` lasts: its first length of time, "third anniversary", "end of the third Contract Year", or
/// "30th day after".
pub(super) fn length(quote: &str) -> Option<Length> {
    let whole = |(span, count, unit): (Span, u32, String)| Length { span, parts: vec![(count, unit)] };
    let numbered = || numbered_year(quote).map(|(at, years)| (at, years, "year".to_owned()));
    let counted = anniversary(quote).or_else(numbered);
    let day = day_after(quote).or_else(|| month_after(quote));
    let others = counted.into_iter().chain(day).map(whole);
    said(quote).into_iter().chain(others).min_by_key(|length| length.span.start())
}

/// The first length of time of `quote` that is not one of a notice, with those that are added to it.
fn said(quote: &str) -> Option<Length> {
    let lengths = find_durations(quote).into_iter().filter_map(|found| match found.value {
        Value::Duration { count, unit } if count > 0 => Some((found.span, (count, unit))),
        _ => None,
    });
    let mut lengths = lengths.skip_while(|(span, _)| is_of_notice(quote, *span));
    let (span, first) = lengths.next()?;
    let mut length = Length { span, parts: vec![first] };
    for (next, part) in lengths {
        let between = quote.get(length.span.end()..next.start()).unwrap_or_default().trim();
        if ![",", "and", ", and", "plus"].contains(&between) {
            break;
        }
        length.span = length.span.union(next);
        length.parts.push(part);
    }
    Some(length)
}

/// Whether the length at `length` is one of a notice: "at least one (1) year advance written notice".
fn is_of_notice(quote: &str, length: Span) -> bool {
    let after = tokens(quote.get(length.end()..).unwrap_or_default());
    after.iter().take(OF_NOTICE).any(|t| t.is("notice"))
}

/// "the 30th day after": where, and how long after.
fn day_after(quote: &str) -> Option<(Span, u32, String)> {
    let tokens = tokens(quote);
    tokens.windows(4).find_map(|w| match w {
        [n, th, day, after] if th.is("th") && day.is("day") && (after.is("after") || after.is("following")) => {
            Some((n.span.union(after.span), n.text.parse().ok()?, "day".to_owned()))
        }
        _ => None,
    })
}

/// "the twenty-fourth month after", "the sixth month following": where, and how long after.
fn month_after(quote: &str) -> Option<(Span, u32, String)> {
    let tokens = tokens(quote);
    let at = tokens.windows(2).position(
        |w| matches!(w, [month, after] if month.is("month") && (after.is("after") || after.is("following"))),
    )?;
    let nth = at.checked_sub(1)?;
    let count = ordinal_at(&tokens, nth)?;
    Some((tokens.get(nth)?.span.union(tokens.get(at + 1)?.span), count, "month".to_owned()))
}

/// The number that the token at `at` names, with the tens before it: "twenty-fourth".
fn ordinal_at(tokens: &[Token<'_>], at: usize) -> Option<u32> {
    let ones = ordinal(tokens.get(at)?.text)?;
    let dash = at.checked_sub(1).and_then(|dash| tokens.get(dash)).is_some_and(|t| t.text == "-");
    let tens = at.checked_sub(2).and_then(|tens| tokens.get(tens)).filter(|_| dash && ones < 10);
    let base = match tens {
        Some(t) if t.is("twenty") => 20,
        Some(t) if t.is("thirty") => 30,
        _ => 0,
    };
    Some(base + ones)
}

/// "the third (3rd) anniversary", "the 12th monthly anniversary": where, how long after, and its unit.
fn anniversary(quote: &str) -> Option<(Span, u32, String)> {
    let tokens = tokens(quote);
    let at = tokens.iter().position(|t| t.is("anniversary"))?;
    let end = tokens.get(at)?.span;
    let monthly = at.checked_sub(1).and_then(|led| tokens.get(led)).is_some_and(|t| t.is("monthly"));
    let unit = if monthly { "month" } else { "year" };
    let nth = |i: usize| {
        let digits = || matches!(tokens.get(i + 1), Some(th) if th.glued && th.is_one_of(&["st", "nd", "rd", "th"]));
        ordinal_at(&tokens, i).or_else(|| tokens.get(i).filter(|_| digits())?.text.parse().ok())
    };
    (at.saturating_sub(6)..at).find_map(|i| Some((tokens.get(i)?.span.union(end), nth(i)?, unit.to_owned())))
}

/// "the end of the third (3rd) Contract Year", "the end of Year 3": where, and which.
fn numbered_year(quote: &str) -> Option<(Span, u32)> {
    let tokens = tokens(quote);
    let ends = |i: &usize| matches!(tokens.get(*i..*i + 2), Some([end, of]) if end.is("end") && of.is("of"));
    let from = (0..tokens.len()).find(ends)?;
    let near = tokens.iter().skip(from + 2).take(YEAR_REACH);
    let year = near.clone().position(|t| t.is("year"))?;
    let at = |t: &Token<'_>| tokens.get(from).map(|end| end.span.union(t.span));
    let after = near.clone().nth(year + 1).and_then(|t| Some((at(t)?, t.text.parse().ok()?)));
    // "the end of the calendar year" has no number.
    let before = || near.clone().take(year).find_map(|t| Some((at(t)?, ordinal(t.text)?)));
    before().or(after.filter(|(_, years)| (1..FIRST_DATE).contains(years)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_may_be_counted_in_anniversaries_months_and_days() {
        let of = |quote: &str| length(quote).and_then(|length| length.parts.into_iter().next());
        let years = |n: u32| Some((n, "year".to_owned()));
        assert_eq!(of("on the twenty-fifth (25th) anniversary of it"), years(25));
        assert_eq!(of("on the fifth anniversary of it"), years(5));
        assert_eq!(of("on the 10th anniversary of it"), years(10));
        assert_eq!(of("the date which is the 12th monthly anniversary of it"), Some((12, "month".to_owned())));
        assert_eq!(of("until the end of the third (3rd) Contract Year"), years(3));
        assert_eq!(of("in the twenty-fourth month after it"), Some((24, "month".to_owned())));
        assert_eq!(of("for a term of __one (1)__ year from it"), years(1));
        assert_eq!(of("upon one (1) year advance written notice"), None);
        let both = length("a term of five (5) years, six (6) weeks from it, and two years more").unwrap();
        assert_eq!(both.parts, [(5, "year".to_owned()), (6, "week".to_owned())]);
    }
}
