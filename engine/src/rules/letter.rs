//! A letter's form: where it greets, and to whom it is written. Letters that are agreements introduce nobody: one party
//! writes and signs, the other is the one who is written to.

use super::cover::{lines, name_at};
use super::dateline::at_line_start;
use super::name::ends_with_form;
use crate::text::Span;

/// How far into a letter its salutation may stand, in bytes, and how it may begin.
const WITHIN: usize = 4_000;
const SALUTATIONS: [&str; 4] = [DEAR, "ladies and gentlemen", "gentlemen:", "re:"];
const DEAR: &str = "dear ";
/// How many lines above the salutation the address may have, and the fewest and most words of a person's name.
const ADDRESS: usize = 12;
const PERSON: std::ops::RangeInclusive<usize> = 2..=6;
/// What a salutation has before a name, in lower case.
const TITLES: [&str; 9] = ["mr", "mrs", "ms", "miss", "dr", "prof", "sir", "sirs", "madam"];

/// Where `text` greets, if it is a letter.
pub(super) fn greeted(text: &str) -> Option<usize> {
    let lower = head(text).to_ascii_lowercase();
    SALUTATIONS.iter().filter_map(|word| line_at(&lower, word)).min()
}

/// To whom a letter is written: the line of its address with the name that it greets, or a company below it ("Ann Lee,
/// President, Elm Works Inc."), for which that person reads it.
pub(super) fn addressee(text: &str) -> Option<Span> {
    let head = head(text);
    let dear = line_at(&head.to_ascii_lowercase(), DEAR)?;
    let line = head.get(dear + DEAR.len()..)?.lines().next()?;
    let greeted: Vec<&str> = words(line).filter(|w| !TITLES.contains(&w.to_lowercase().as_str())).collect();
    let above: Vec<Span> = lines(head, Span::new(0, dear)).collect();
    let address = above.get(above.len().saturating_sub(ADDRESS)..)?;
    let named = |line: &Span| {
        let text = head.get(line.range()).unwrap_or_default();
        let fits = PERSON.contains(&text.split_whitespace().count()) && !text.contains(':');
        // "Dear Ed" is to Edward.
        let is = |word: &str| greeted.iter().any(|g| word.get(..g.len()).is_some_and(|w| w.eq_ignore_ascii_case(g)));
        fits && words(text).any(is)
    };
    let at = address.iter().rposition(named)?;
    let mut company = address.get(at + 1..)?.iter().filter_map(|line| name_at(head, *line));
    let company = company.find(|name| ends_with_form(head, *name));
    company.or_else(|| name_at(head, *address.get(at)?))
}

/// Where a letter may greet.
fn head(text: &str) -> &str {
    text.get(..text.floor_char_boundary(WITHIN)).unwrap_or(text)
}

/// Where the first line begins that begins with `word`.
fn line_at(lower: &str, word: &str) -> Option<usize> {
    lower.match_indices(word).map(|(at, _)| at).find(|at| at_line_start(lower, *at))
}

/// The words of a line in letters that begin with a capital and are no initials.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split(|c: char| !c.is_alphabetic());
    words.filter(|word| word.chars().count() > 1 && word.starts_with(char::is_uppercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<&str> {
        addressee(text).map(|span| &text[span.range()])
    }

    #[test]
    fn a_letter_is_to_whom_it_greets() {
        assert_eq!(
            found("ELM INC.\n\nMay 1, 2011\n\nJohn R. Ode\n7 Oak Lane\n\nDear John:\n\nWe offer"),
            Some("John R. Ode")
        );
        assert_eq!(found("May 1, 2011\n\nMs. Ann Lee\nEllmar\n\nRe: Loan\n\nDear Ms. Lee,\n"), Some("Ms. Ann Lee"));
        assert_eq!(
            found("Ann Lee, President\nOak Works, Inc.\n7 Oak Lane\n\nDear Ann:\n\nThis letter"),
            Some("Oak Works, Inc.")
        );
        assert_eq!(found("May 1, 2011\n\nMr. Edward D. Ode\n5 Oak Court\n\nDear Ed:\n"), Some("Mr. Edward D. Ode"));
        assert_eq!(found("Elm Inc.\n\nDear Sirs:\n\nWe write"), None);
        assert_eq!(found("My dear Ann Lee came."), None);
    }
}
