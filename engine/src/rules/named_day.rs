//! The day on which an agreement takes effect where it names that day in one place and dates it in another: "shall come into
//! force on the Commencement Date", and "“Commencement Date” means 1 April 2002".

use super::stated::{BEGIN, BETWEEN, WHAT};
use crate::text::Span;
use crate::values::find_dates;
use crate::values::tokens::{Kind, Token, tokens};

/// More words that make the day after them a beginning.
const EFFECT: [&str; 3] = ["effective", "effect", "force"];
/// How many tokens before such a word say what begins.
const WHAT_REACH: usize = 12;
/// Words between the name of a day and its date.
const LINKS: [&str; 6] = ["means", "mean", "is", "be", "being", ":"];
/// How many tokens may stand between the name and the date after it, and between a date and the name after it.
const AFTER: usize = 14;
const BEFORE: usize = 6;

/// The name of the day on which `sentence` lets the agreement or its term begin: "Commencement Date".
pub(super) fn begins_on_named(sentence: &str) -> Option<String> {
    let tokens = tokens(sentence);
    let last = tokens.iter().position(|t| t.text == "Date" || t.text == "DATE")?;
    let capital = |t: &&Token<'_>| t.kind == Kind::Word && t.text.starts_with(char::is_uppercase);
    let words = tokens.get(..last)?.iter().rev().take_while(capital).count();
    let first = last - words;
    let before = tokens.get(..first).filter(|_| (1..=3).contains(&words))?;
    let at = before.iter().rposition(|t| !t.is_one_of(&BETWEEN) && t.kind == Kind::Word)?;
    let begins = before.get(at).is_some_and(|t| t.is_one_of(&BEGIN) || t.is_one_of(&EFFECT));
    let of = before.get(at.saturating_sub(WHAT_REACH)..at)?;
    let name = sentence.get(tokens.get(first)?.span.union(tokens.get(last)?.span).range())?;
    (begins && of.iter().any(|t| t.is_one_of(&WHAT))).then(|| name.to_owned())
}

/// The date that `sentence` gives the day called `name`: before the name in quotation marks or brackets, or after it.
pub(super) fn dated(sentence: &str, name: &str) -> Option<Span> {
    let at = sentence.find(name)?;
    let name = Span::new(at, at + name.len());
    let tokens = tokens(sentence);
    let between = |from: usize, to: usize| {
        tokens.iter().filter(|t| t.span.start() >= from && t.span.end() <= to).collect::<Vec<_>>()
    };
    let marked = sentence.get(..at).is_some_and(|t| t.ends_with(['"', '“', '‘', '\'', '(']));
    find_dates(sentence).into_iter().map(|date| date.span).find(|date| {
        if date.start() >= name.end() {
            let links = between(name.end(), date.start());
            links.len() <= AFTER && links.iter().any(|t| t.is_one_of(&LINKS))
        } else {
            marked && between(date.end(), name.start()).len() <= BEFORE
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_named_in_one_place_and_dated_in_another() {
        let named = |s: &str| begins_on_named(s);
        assert_eq!(
            named("This Agreement shall come into force on the Commencement Date.").as_deref(),
            Some("Commencement Date")
        );
        assert_eq!(named("Payments shall begin on the Closing Date."), None);
        assert_eq!(named("This Agreement shall commence on the date hereof."), None);
        let day = |s: &'static str, name: &str| dated(s, name).map(|span| &s[span.range()]);
        assert_eq!(day("\"Commencement Date\" means 1st April 2002.", "Commencement Date"), Some("1st April 2002"));
        assert_eq!(day("on October 1, 1997 (the \"Start Date\") and", "Start Date"), Some("October 1, 1997"));
        assert_eq!(day("on the Commencement Date, being 2 April 2007.", "Commencement Date"), Some("2 April 2007"));
        assert_eq!(day("from the Start Date until May 1, 2002", "Start Date"), None);
    }
}
