//! Amounts of money, shares and plain numbers.

use super::decimal::{Decimal, number_words, scale_zeros};
use super::tokens::{Kind, Token, tokens};
use super::{Found, Value};
use crate::text::Span;

/// ISO 4217 codes that are recognised beside an amount.
const CODES: &[&str] = &[
    "USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "NZD", "CNY", "RMB", "HKD", "SGD", "INR", "SEK", "NOK", "DKK",
    "PLN", "CZK", "HUF", "RON", "BGN", "RUB", "UAH", "TRY", "ILS", "AED", "SAR", "ZAR", "BRL", "MXN", "ARS", "CLP",
    "COP", "KRW", "TWD", "THB", "MYR", "IDR", "PHP", "VND", "ISK",
];
/// Currencies whose amounts are usually grouped with full stops.
const DOT_GROUPED: &[&str] = &["EUR", "DKK", "BRL", "TRY", "IDR", "ISK", "ARS", "CLP", "COP", "VND", "RON"];

/// All amounts of money in `text`, in order, not overlapping: "EUR 1,500,000", "US$ 2.5 million", "€2.000.000,00",
/// "One Million Dollars ($1,000,000)". A bare `$` stays `$`, since many countries have one.
pub fn find_money(text: &str) -> Vec<Found> {
    scan(text, money_at)
}

/// All shares in `text`: "5%", "5.25 per cent", "five percent (5%)".
pub fn find_percents(text: &str) -> Vec<Found> {
    scan(text, |tokens| {
        let (n, mut used) = amount(tokens, false)?;
        used += percent_sign(tokens.get(used..)?)?;
        let (mut taken, mut note) = (n, None);
        if tokens.get(used).is_some_and(|t| t.text == "(")
            && let Some((inner, more)) = tokens.get(used + 1..).and_then(|t| amount(t, false))
            && let Some(sign) = tokens.get(used + 1 + more..).and_then(percent_sign)
            && tokens.get(used + 1 + more + sign).is_some_and(|t| t.text == ")")
        {
            note = disagreement(&taken, &inner);
            taken = inner;
            used += more + sign + 2;
        }
        Some((Value::Percent { amount: taken.to_string() }, note, used))
    })
}

/// All plain numbers of `text`, in digits or words.
pub fn find_numbers(text: &str) -> Vec<Found> {
    scan(text, |tokens| {
        let (n, used) = amount(tokens, false)?;
        let note = n.ambiguous.then(|| format!("The full stop in “{n}” may group thousands; read as a decimal point."));
        Some((Value::Number { amount: n.to_string() }, note, used))
    })
}

type Hit = (Value, Option<String>, usize);

fn scan(text: &str, at: impl Fn(&[Token<'_>]) -> Option<Hit>) -> Vec<Found> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut i = 0;
    while let Some(rest) = tokens.get(i..).filter(|r| !r.is_empty()) {
        // "Q4", "v2": digits glued to letters are names, not amounts ("US$5" has its sign between).
        let inside = rest.first().is_some_and(|t| t.glued && t.kind != Kind::Mark)
            && i.checked_sub(1).and_then(|p| tokens.get(p)).is_some_and(|p| p.kind != Kind::Mark);
        match at(rest).filter(|_| !inside) {
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

fn money_at(tokens: &[Token<'_>]) -> Option<Hit> {
    if let Some((currency, sign)) = currency_before(tokens) {
        let (n, used) = amount(tokens.get(sign..)?, DOT_GROUPED.contains(&currency.as_str()))?;
        let note = n
            .ambiguous
            .then(|| format!("The full stop in this amount can be a decimal point or grouping; read as {n}."));
        return Some((Value::Money { amount: n.to_string(), currency }, note, sign + used));
    }
    let (n, mut used) = amount(tokens, false)?;
    let (currency, more) = currency_after(tokens.get(used..)?)?;
    used += more;
    // Words first, digits in brackets: the digits are taken, a disagreement is said.
    if tokens.get(used).is_some_and(|t| t.text == "(")
        && let Some((Value::Money { amount: inner, currency: sign }, _, more)) =
            tokens.get(used + 1..).and_then(money_in_brackets)
    {
        let note = (inner != n.to_string())
            .then(|| format!("The words say {n}, the digits say {inner}; the digits were taken."));
        let currency = if sign == "$" { currency } else { sign };
        return Some((Value::Money { amount: inner, currency }, note, used + 1 + more));
    }
    let (n, note) = match tokens.first() {
        Some(t) if n.ambiguous && DOT_GROUPED.contains(&currency.as_str()) => {
            let grouped = Decimal::parse(t.text, true).unwrap_or(n);
            let note = format!("The full stop in this amount can be a decimal point or grouping; read as {grouped}.");
            (grouped, Some(note))
        }
        _ => (n, None),
    };
    Some((Value::Money { amount: n.to_string(), currency }, note, used))
}

/// An amount and its closing bracket.
fn money_in_brackets(tokens: &[Token<'_>]) -> Option<Hit> {
    let (currency, sign) = currency_before(tokens)?;
    let (n, used) = amount(tokens.get(sign..)?, DOT_GROUPED.contains(&currency.as_str()))?;
    let close = sign + used;
    tokens
        .get(close)
        .filter(|t| t.text == ")")
        .map(|_| (Value::Money { amount: n.to_string(), currency }, None, close + 1))
}

/// `$`, `US$`, `€`, `EUR`, `Rs.` before an amount.
fn currency_before(tokens: &[Token<'_>]) -> Option<(String, usize)> {
    let first = tokens.first()?;
    let second = tokens.get(1);
    if first.kind == Kind::Word && second.is_some_and(|t| t.text == "$" && t.glued) {
        let code = match first.text.trim_end_matches('.').to_uppercase().as_str() {
            "US" | "U.S" => "USD",
            "A" | "AU" => "AUD",
            "C" | "CA" | "CDN" => "CAD",
            "NZ" => "NZD",
            "HK" => "HKD",
            "S" | "SG" => "SGD",
            _ => return None,
        };
        return Some((code.to_owned(), 2));
    }
    let code = match first.text {
        "$" | "¥" => first.text,
        "€" => "EUR",
        "£" => "GBP",
        "₹" => "INR",
        "₽" => "RUB",
        "₩" => "KRW",
        "RMB" => "CNY",
        c => *CODES.iter().find(|known| **known == c)?,
    };
    // "USD $5": code and sign together.
    let sign = second.is_some_and(|t| matches!(t.text, "$" | "€" | "£"));
    Some((code.to_owned(), 1 + usize::from(sign && first.kind == Kind::Word)))
}

/// `EUR`, `€`, `dollars`, `U.S. Dollars` after an amount.
fn currency_after(tokens: &[Token<'_>]) -> Option<(String, usize)> {
    let first = tokens.first()?;
    let word = |i: usize| tokens.get(i).map(|t| t.text.to_lowercase()).unwrap_or_default();
    let dollars = |i: usize| matches!(word(i).as_str(), "dollar" | "dollars");
    let code = match word(0).as_str() {
        "dollar" | "dollars" => return Some(("$".to_owned(), 1)),
        "us" | "u.s" | "united" | "canadian" | "australian" => {
            let code = if word(0).starts_with('c') {
                "CAD"
            } else if word(0).starts_with('a') {
                "AUD"
            } else {
                "USD"
            };
            let skip = (1..=3).find(|&i| dollars(i))?;
            return Some((code.to_owned(), skip + 1));
        }
        "pound" | "pounds" if word(1) == "sterling" => return Some(("GBP".to_owned(), 2)),
        "euro" | "euros" | "€" => "EUR",
        "£" => "GBP",
        "$" => "$",
        _ if first.text == "RMB" => "CNY",
        _ => *CODES.iter().find(|known| **known == first.text)?,
    };
    Some((code.to_owned(), 1))
}

/// An amount in digits or words, with `thousand`, `million`, `m`, `bn` after it.
fn amount(tokens: &[Token<'_>], dot_groups: bool) -> Option<(Decimal, usize)> {
    let first = tokens.first()?;
    if first.kind == Kind::Number {
        let n = Decimal::parse(first.text, dot_groups)?;
        let next = tokens.get(1);
        let scale = next.and_then(|t| {
            let word = t.text.to_lowercase();
            let short = match word.as_str() {
                "k" if t.glued => Some(3),
                "m" | "mm" if t.glued || word == "mm" => Some(6),
                "b" if t.glued => Some(9),
                _ => None,
            };
            short.or_else(|| scale_zeros(&word))
        });
        return Some(match scale {
            Some(zeros) => (n.scaled(zeros as usize), 2),
            None => (n, 1),
        });
    }
    if first.kind != Kind::Word {
        return None;
    }
    let words: Vec<&str> = tokens.iter().take(14).map(|t| t.text).collect();
    number_words(&words).map(|(n, used)| (Decimal::whole(n), used))
}

fn percent_sign(tokens: &[Token<'_>]) -> Option<usize> {
    match tokens {
        [t, ..] if t.text == "%" || t.is("percent") || t.is("percentage") => Some(1),
        [per, cent, ..] if per.is("per") && cent.is("cent") => Some(2),
        _ => None,
    }
}

fn disagreement(words: &Decimal, digits: &Decimal) -> Option<String> {
    (words.to_string() != digits.to_string())
        .then(|| format!("The words say {words}, the digits say {digits}; the digits were taken."))
}
