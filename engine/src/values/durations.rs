//! Lengths of time: "thirty (30) days", "two years", "12-month".

use super::decimal::number_words;
use super::tokens::{Kind, Token, tokens};
use super::{Found, Value};
use crate::text::Span;

/// Words that may stand between the number and the unit.
const BETWEEN: &[&str] =
    &["calendar", "consecutive", "successive", "additional", "full", "further", "more", "contract", "-", "day's"];

/// All lengths of time in `text`, in order, not overlapping. Where words and digits disagree, the digits are taken and
/// a note says so.
pub fn find_durations(text: &str) -> Vec<Found> {
    let mut tokens = tokens(text);
    // A form that was filled in: "__one (1)__ year".
    tokens.retain(|t| t.text != "_");
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let rest = tokens.get(i..).unwrap_or_default();
        match duration_at(rest) {
            Some((value, note, used)) => {
                let span = rest.iter().take(used).map(|t| t.span).reduce(Span::union).unwrap_or(Span::new(0, 0));
                found.push(Found { span, value, note });
                i += used.max(1);
            }
            None => i += 1,
        }
    }
    found
}

fn duration_at(tokens: &[Token<'_>]) -> Option<(Value, Option<String>, usize)> {
    let counted = count(tokens)?;
    let mut used = counted.used;
    while tokens.get(used).is_some_and(|t| t.is_one_of(BETWEEN)) {
        used += 1;
    }
    let (unit, more) = unit(tokens.get(used..)?)?;
    Some((Value::Duration { count: counted.n, unit: unit.to_owned() }, counted.note, used + more))
}

/// A count as written.
pub(super) struct Count {
    pub(super) n: u32,
    pub(super) note: Option<String>,
    pub(super) used: usize,
}

/// `30`, `thirty`, `thirty (30)`, `30 (thirty)`.
fn count(tokens: &[Token<'_>]) -> Option<Count> {
    let (n, mut used) = plain_count(tokens)?;
    let mut note = None;
    let mut taken = n;
    if tokens.get(used).is_some_and(|t| t.text == "(")
        && let Some((inner, more)) = tokens.get(used + 1..).and_then(plain_count)
        && tokens.get(used + 1 + more).is_some_and(|t| t.text == ")")
    {
        let digits_first = tokens.first().is_some_and(|t| t.kind == Kind::Number);
        taken = if digits_first { n } else { inner };
        if n != inner {
            let (words, digits) = if digits_first { (inner, n) } else { (n, inner) };
            note = Some(format!("The words say {words}, the digits say {digits}; the digits were taken."));
        }
        used += more + 2;
    }
    Some(Count { n: taken, note, used })
}

fn plain_count(tokens: &[Token<'_>]) -> Option<(u32, usize)> {
    let first = tokens.first()?;
    if first.kind == Kind::Number {
        let digits = first.text.replace(',', "");
        return digits.parse().ok().map(|n| (n, 1));
    }
    if first.kind != Kind::Word {
        return None;
    }
    let words: Vec<&str> = tokens.iter().take(8).map(|t| t.text).collect();
    let (n, used) = number_words(&words)?;
    u32::try_from(n).ok().map(|n| (n, used))
}

fn unit(tokens: &[Token<'_>]) -> Option<(&'static str, usize)> {
    let plain = |t: &Token<'_>| match t.text.to_lowercase().trim_end_matches(['\'', '’']) {
        "day" | "days" | "day's" => Some("day"),
        "week" | "weeks" => Some("week"),
        "month" | "months" | "month's" => Some("month"),
        "year" | "years" | "year's" => Some("year"),
        _ => None,
    };
    let first = tokens.first()?;
    if first.is_one_of(&["business", "working", "banking", "trading"]) {
        return tokens.get(1).and_then(plain).filter(|u| *u == "day").map(|_| ("business_day", 2));
    }
    plain(first).map(|u| (u, 1))
}
