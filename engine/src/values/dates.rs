//! Dates in the forms contracts and reports use, in normal form `YYYY-MM-DD`, `YYYY-MM` or `YYYY`.

use super::decimal::number_words;
use super::tokens::{Kind, Token, tokens};
use super::{Found, Value};
use crate::text::Span;
use chrono::NaiveDate;

/// The names of the months: the English one, then what else stands for it.
const MONTHS: [&[&str]; 12] = [
    &["January", "Jan", "Januar", "Jänner"],
    &["February", "Feb", "Februar", "Feburary", "Febuary"],
    &["March", "Mar", "März"],
    &["April", "Apr"],
    &["May", "Mai"],
    &["June", "Jun", "Juni"],
    &["July", "Jul", "Juli"],
    &["August", "Aug"],
    &["September", "Sept", "Sep"],
    &["October", "Oct", "Oktober", "Okt"],
    &["November", "Nov"],
    &["December", "Dec", "Dezember", "Dez"],
];

/// Whether `word` is the English name of a month.
pub(crate) fn is_month(word: &str) -> bool {
    MONTHS.iter().filter_map(|names| names.first()).any(|name| name.eq_ignore_ascii_case(word))
}

/// All dates of `text`, in order, not overlapping. A number alone ("2024") is no date here, but "the end of 2024" is its last
/// day, as "the end of June 2024" is. Dates in digits whose day
/// and month could be swapped carry a note: with full stops the day is taken first, with slashes the month.
pub fn find_dates(text: &str) -> Vec<Found> {
    let mut tokens = tokens(text);
    // A form that was filled in: "__27th__ day of __October__, 2003".
    tokens.retain(|t| t.text != "_");
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let rest = tokens.get(i..).unwrap_or_default();
        match date_at(rest) {
            // "30 February 2024" is no date, and not its month either.
            Some((date, _)) if date.iso.len() == 7 && after_day(&tokens, i) => i += 1,
            Some((date, used)) => {
                let iso = if said_to_end(&tokens, i) { last_day(&date.iso).unwrap_or(date.iso) } else { date.iso };
                let span = rest.iter().take(used).map(|t| t.span).reduce(Span::union).unwrap_or(Span::new(0, 0));
                found.push(Found { span, value: Value::Date { iso }, note: date.note });
                i += used.max(1);
            }
            None => {
                let alone = rest.first().filter(|t| t.kind == Kind::Number && !next_is_glued(rest));
                if let Some(t) = alone.filter(|t| year(t.text).is_some() && said_to_end(&tokens, i)) {
                    found.extend(last_day(t.text).map(|iso| Found {
                        span: t.span,
                        value: Value::Date { iso },
                        note: None,
                    }));
                }
                i += 1;
            }
        }
    }
    found
}

/// Whether something is written right behind the first of `tokens`: "2024%", "2024/25".
fn next_is_glued(tokens: &[Token<'_>]) -> bool {
    tokens.get(1).is_some_and(|t| t.glued && !matches!(t.text, "." | "," | ";" | ")"))
}

/// Whether the words before the token at `i` speak of the end of what it names: "the end of", "the last day of", "in".
fn said_to_end(tokens: &[Token<'_>], i: usize) -> bool {
    // "the end of calendar year 2013".
    let year = |at: usize| tokens.get(at).is_some_and(|t| t.is_one_of(&["year", "calendar", "the"]));
    let skipped = (0..i).rev().take_while(|at| year(*at)).count();
    let before = |n: usize| i.checked_sub(n + skipped).and_then(|at| tokens.get(at));
    let is = |n: usize, word: &str| before(n).is_some_and(|t| t.is(word));
    let of = is(1, "of") || is(1, "in");
    of && (is(2, "end") || (is(2, "day") && is(3, "last")))
}

/// The last day of `2024` or `2024-06`; nothing of a whole date.
fn last_day(iso: &str) -> Option<String> {
    let mut parts = iso.split('-');
    let (year, month) = (parts.next()?.parse().ok()?, parts.next().map_or(Some(12), |m| m.parse().ok())?);
    if parts.next().is_some() {
        return None;
    }
    let next =
        if month == 12 { NaiveDate::from_ymd_opt(year + 1, 1, 1) } else { NaiveDate::from_ymd_opt(year, month + 1, 1) };
    next?.pred_opt().map(|d| d.format("%Y-%m-%d").to_string())
}

/// Whether the token before `i` looks like a day of the month.
fn after_day(tokens: &[Token<'_>], i: usize) -> bool {
    let before = i.checked_sub(1).and_then(|p| tokens.get(p));
    before.is_some_and(|t| t.kind == Kind::Number && number(t.text, 2).is_some())
}

struct Date {
    iso: String,
    note: Option<String>,
}

/// A date that begins with the first of `tokens`, and how many tokens it takes.
fn date_at(tokens: &[Token<'_>]) -> Option<(Date, usize)> {
    let first = tokens.first()?;
    match first.kind {
        Kind::Number => iso(tokens)
            .or_else(|| dashed(tokens))
            .or_else(|| dotted(first))
            .or_else(|| slashed(tokens))
            .or_else(|| day_month(tokens)),
        Kind::Word => month_day(tokens).or_else(|| day_month(tokens)),
        Kind::Mark => None,
    }
}

/// `2024-03-15`, `2024/03/15`.
fn iso(tokens: &[Token<'_>]) -> Option<(Date, usize)> {
    let [y, s1, m, s2, d, ..] = tokens else { return None };
    let sep = s1.text == s2.text && matches!(s1.text, "-" | "/") && [s1, m, s2, d].iter().all(|t| t.glued);
    let (y, m, d) = (year(y.text)?, number(m.text, 2)?, number(d.text, 2)?);
    sep.then(|| full(y, m, d)).flatten().map(|iso| (Date { iso, note: None }, 5))
}

/// `15-Mar-2024`, `15-MAR-24`.
fn dashed(tokens: &[Token<'_>]) -> Option<(Date, usize)> {
    let [d, s1, m, s2, y, ..] = tokens else { return None };
    let glued = s1.text == "-" && s2.text == "-" && [s1, m, s2, y].iter().all(|t| t.glued);
    let short = || number(y.text, 2).filter(|_| y.text.len() == 2).map(|y| if y < 50 { 2000 } else { 1900 } + y as i32);
    let iso = full(year(y.text).or_else(short)?, month(m)?, number(d.text, 2)?)?;
    glued.then_some((Date { iso, note: None }, 5))
}

/// `15.03.2024`: one number token.
fn dotted(token: &Token<'_>) -> Option<(Date, usize)> {
    let mut parts = token.text.split('.');
    let (a, b, y) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?, year(parts.next()?)?);
    if parts.next().is_some() {
        return None;
    }
    let (iso, swapped) = match full(y, b, a) {
        Some(iso) => (iso, full(y, a, b)),
        None => (full(y, a, b)?, None),
    };
    Some((Date { note: ambiguity(token.text, &iso, swapped.as_deref()), iso }, 1))
}

/// `3/15/2024`, `15/3/2024`, `3-15-2024`, `03/15/24`.
fn slashed(tokens: &[Token<'_>]) -> Option<(Date, usize)> {
    let [a, s1, b, s2, y, ..] = tokens else { return None };
    if s1.text != s2.text || !matches!(s1.text, "/" | "-") || ![s1, b, s2, y].iter().all(|t| t.glued) {
        return None;
    }
    // A further part (1/2/2024/7, a file number) makes it something else.
    // "03/20/2009-03/19/2012" is two dates.
    let further = tokens.get(5).filter(|t| t.glued && matches!(t.text, "/" | "-"));
    let range =
        further.is_some_and(|t| t.text != s1.text) && tokens.get(6..).is_some_and(|next| slashed(next).is_some());
    if further.is_some() && !range {
        return None;
    }
    let short = y.text.len() == 2;
    let y = if short {
        number(y.text, 2).map(|n| if n < 50 { 2000 + n as i32 } else { 1900 + n as i32 })?
    } else {
        year(y.text)?
    };
    let (a, b) = (number(a.text, 2)?, number(b.text, 2)?);
    let (iso, swapped) = match full(y, a, b) {
        Some(iso) => (iso, full(y, b, a)),
        None => (full(y, b, a)?, None),
    };
    let written: String = tokens.iter().take(5).map(|t| t.text).collect();
    let century = short.then(|| format!("“{written}” gives the year in two digits; read as {iso}."));
    Some((Date { note: ambiguity(&written, &iso, swapped.as_deref()).or(century), iso }, 5))
}

/// `15 March 2024`, `15th day of March, 2024`, `fifth day of May 2023`.
fn day_month(tokens: &[Token<'_>]) -> Option<(Date, usize)> {
    let (day, mut used) = day(tokens)?;
    // "16" April 2007: the day in quotation marks.
    used += usize::from(tokens.get(used).is_some_and(|t| t.glued && matches!(t.text, "\"" | "”" | "»")));
    for word in ["day", "of"] {
        used += usize::from(tokens.get(used).is_some_and(|t| t.is(word)));
    }
    let month = month(tokens.get(used)?)?;
    used += 1;
    let (y, more) = year_after(tokens.get(used..)?)?;
    Some((Date { iso: full(y, month, day)?, note: None }, used + more))
}

/// `March 15th, 2024`, `March 2024`.
fn month_day(tokens: &[Token<'_>]) -> Option<(Date, usize)> {
    let month = month(tokens.first()?)?;
    let dot = usize::from(tokens.get(1).is_some_and(|t| t.text == "." && t.glued));
    let rest = tokens.get(1 + dot..)?;
    if let Some((day, used)) = day(rest)
        && let Some((y, more)) = year_after(rest.get(used..)?)
    {
        return Some((Date { iso: full(y, month, day)?, note: None }, 1 + dot + used + more));
    }
    if let Some(iso) = rest.first().and_then(|t| glued_year(t, month)) {
        return Some((Date { iso, note: None }, 2 + dot));
    }
    let (y, used) = year_after(rest)?;
    Some((Date { iso: format!("{y:04}-{month:02}"), note: None }, 1 + dot + used))
}

/// The day of `month` and the year that a missing space makes one number of: "4,1998".
fn glued_year(token: &Token<'_>, month: u32) -> Option<String> {
    let (day, y) = token.text.split_once([',', '.'])?;
    full(year(y)?, month, number(day, 2)?)
}

/// A day: `15`, `15th`, `fifteenth`, `twenty-first`.
fn day(tokens: &[Token<'_>]) -> Option<(u32, usize)> {
    let first = tokens.first()?;
    if let Some(day) = scanned_first(tokens) {
        return Some((day, 2));
    }
    if first.kind == Kind::Number {
        let day = number(first.text, 2).filter(|d| (1..=31).contains(d))?;
        // "15 th day of July": a raised suffix that stands apart.
        let suffix = tokens.get(1).is_some_and(|t| ["st", "nd", "rd", "th"].iter().any(|s| t.is(s)));
        let dot = tokens.get(1).is_some_and(|t| t.glued && t.text == ".");
        return Some((day, if torn_suffix(tokens) { 3 } else { 1 + usize::from(suffix || dot) }));
    }
    if let [tens, dash, ones, ..] = tokens
        && dash.text == "-"
        && let Some(base) = ["twenty", "thirty"].iter().position(|w| tens.is(w))
        && let Some(n) = ordinal(ones.text).filter(|n| *n < 10)
    {
        return Some((20 + base as u32 * 10 + n, 3));
    }
    // "first (1st) day of April".
    let again = match tokens {
        [_, open, digits, suffix, close, ..] if open.text == "(" && close.text == ")" => {
            digits.kind == Kind::Number && suffix.glued && suffix.kind == Kind::Word
        }
        _ => false,
    };
    ordinal(first.text).map(|n| (n, if again { 5 } else { 1 }))
}

/// "315t", "1.5t": the "st" of a day that a scan shows as "5t".
fn scanned_first(tokens: &[Token<'_>]) -> Option<u32> {
    let [digits, t, next, ..] = tokens else { return None };
    let day = digits.text.strip_suffix('5')?.trim_end_matches('.');
    // "15t h" is a torn "15th".
    let read = t.glued && t.text == "t" && next.text != "h" && ["1", "21", "31"].contains(&day);
    read.then(|| day.parse().ok()).flatten()
}

/// "27t h": a raised suffix that a PDF's text tears apart.
fn torn_suffix(tokens: &[Token<'_>]) -> bool {
    let [_, first, second, ..] = tokens else { return false };
    let pairs = [("s", "t"), ("n", "d"), ("r", "d"), ("t", "h")];
    first.glued && !second.glued && pairs.iter().any(|(a, b)| first.text == *a && second.text == *b)
}

/// The number that a word like "third" names, up to 20, and 30.
pub(crate) fn ordinal(word: &str) -> Option<u32> {
    const ORDINALS: [&str; 20] = [
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
        "twentieth",
    ];
    let word = word.to_lowercase();
    let n = ORDINALS.iter().position(|w| *w == word).map(|i| i as u32 + 1);
    n.or((word == "thirtieth").then_some(30))
}

/// The year after a month: `2024`, `, 2024`, `of 2024`, `in the year 2024`, `Two Thousand Eleven`.
fn year_after(tokens: &[Token<'_>]) -> Option<(i32, usize)> {
    let mut skip = usize::from(tokens.first().is_some_and(|t| t.text == "," || t.text == "." || t.is("of")));
    if let Some([i, the, y]) = tokens.get(skip..skip + 3)
        && i.is("in")
        && the.is("the")
        && y.is("year")
    {
        skip += 3 + usize::from(tokens.get(skip + 3).is_some_and(|t| t.is("of")));
    }
    let token = tokens.get(skip)?;
    if token.kind == Kind::Word {
        let words: Vec<&str> = tokens.iter().skip(skip).take(YEAR_WORDS).map(|t| t.text).collect();
        let (n, used) = number_words(&words)?;
        // "Two Thousand", "nineteen hundred ninety-six", but "on March 15 two thousand units".
        if !token.text.starts_with(char::is_uppercase) && used < 3 {
            return None;
        }
        return i32::try_from(n).ok().filter(|y| SPELLED.contains(y)).map(|y| (y, skip + used));
    }
    // "March 15, 2,000 units": a grouped number is no year, and neither is "2024%".
    (token.kind == Kind::Number).then(|| year(token.text)).flatten().map(|y| (y, skip + 1))
}

/// How many words a year may take, and which years contracts spell.
const YEAR_WORDS: usize = 8;
const SPELLED: std::ops::RangeInclusive<i32> = 1901..=2099;

fn year(text: &str) -> Option<i32> {
    (text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
        .filter(|y| (1500..=2500).contains(y))
}

fn number(text: &str, most_digits: usize) -> Option<u32> {
    (!text.is_empty() && text.len() <= most_digits && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// A month's name, English or German, also cut short. English names need their capital: "may" and "march" are words.
fn month(token: &Token<'_>) -> Option<u32> {
    if token.kind != Kind::Word || !token.text.starts_with(char::is_uppercase) {
        return None;
    }
    let wanted = token.text.to_lowercase();
    MONTHS.iter().position(|names| names.iter().any(|n| n.to_lowercase() == wanted)).map(|i| i as u32 + 1)
}

fn full(year: i32, month: u32, day: u32) -> Option<String> {
    NaiveDate::from_ymd_opt(year, month, day).map(|d| d.format("%Y-%m-%d").to_string())
}

fn ambiguity(written: &str, taken: &str, other: Option<&str>) -> Option<String> {
    other.filter(|o| *o != taken).map(|o| format!("“{written}” can also be read as {o}; read as {taken}."))
}
