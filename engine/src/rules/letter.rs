//! A letter's form: where it greets, and to whom it is written. Letters that are agreements introduce nobody: one party
//! writes and signs, the other is the one who is written to.

use super::cover::{lines, name_at};
use super::dateline::at_line_start;
use super::name::{can_be_person, ends_with_form};
use crate::text::Span;
use crate::values::find_dates;

/// How far into a letter its salutation may stand, in bytes, and how it may begin.
const WITHIN: usize = 4_000;
const SALUTATIONS: [&str; 4] = [DEAR, "ladies and gentlemen", "gentlemen:", "re:"];
const DEAR: &str = "dear ";
/// How many lines above the salutation the address may have, and the fewest and most words of a person's name.
const ADDRESS: usize = 12;
const PERSON: std::ops::RangeInclusive<usize> = 2..=6;
/// What lines of an address end with that are streets.
const STREETS: [&str; 8] = ["street", "drive", "avenue", "road", "lane", "court", "place", "boulevard"];
/// What a salutation has before a name, in lower case.
const TITLES: [&str; 9] = ["mr", "mrs", "ms", "miss", "dr", "prof", "sir", "sirs", "madam"];

/// Where `text` greets, if it is a letter.
pub(super) fn greeted(text: &str) -> Option<usize> {
    let lower = head(text).to_ascii_lowercase();
    SALUTATIONS.iter().filter_map(|word| line_at(&lower, word)).min()
}

/// To whom a letter is written: the company in its address, which comes below its date, or else the person whom it greets,
/// as the greeting has it where no address does: "Mr. Ode".
pub(super) fn addressee(text: &str) -> Option<Span> {
    let (head, at) = (head(text), greeted(text)?);
    // "Re: Employment" may stand before "Dear John".
    let dear = line_at(&head.to_ascii_lowercase(), DEAR).unwrap_or(at);
    addressed(head, at, dear).or_else(|| titled(head, dear))
}

/// The company in the address above `at`, or the person in it whom the letter greets at `dear`.
fn addressed(head: &str, at: usize, dear: usize) -> Option<Span> {
    let above: Vec<Span> = lines(head, Span::new(0, at)).collect();
    let near = above.get(above.len().saturating_sub(ADDRESS)..)?;
    let line_of = |line: &Span| head.get(line.range()).unwrap_or_default();
    let dated = near.iter().rposition(|line| !find_dates(line_of(line)).is_empty());
    let address = near.get(dated.map_or(0, |at| at + 1)..)?;
    let names = names_greeted(head, dear);
    let person = address.iter().rposition(|line| is_greeted(line_of(line), &names));
    // Without a date or a person the company may be that of the letterhead.
    let company_lines = if dated.is_some() { address } else { address.get(person? + 1..)? };
    let mut companies = company_lines.iter().filter_map(|line| name_at(head, *line));
    let company = companies.find(|name| ends_with_form(head, *name));
    // "Dear Bob" is to Robert, whose name the address begins with.
    let street =
        |line: &str| line.split_whitespace().next_back().is_some_and(|w| STREETS.contains(&&*w.to_lowercase()));
    let is_name = |line: &str| can_be_person(line) && !street(line);
    let first = address.iter().position(|line| dated.is_some() && is_name(line_of(line)));
    // "Carl" and "Ode" below it, where the lines are torn.
    let torn = address.windows(2).find_map(|pair| {
        let [given, family] = pair else { return None };
        let alone = |line: &Span| line_of(line).split_whitespace().count() == 1;
        (alone(given) && alone(family) && names.contains(&line_of(family))).then(|| given.union(*family))
    });
    company.or(torn).or_else(|| name_at(head, *address.get(person.or(first)?)?))
}

/// "Mr. Ode" of "Dear Mr. Ode:".
fn titled(head: &str, greeted: usize) -> Option<Span> {
    let named = after_dear(head, greeted)?.trim_end_matches([':', ',', ' ']);
    let (title, name) = named.split_once(' ')?;
    let title = title.trim_end_matches('.').to_lowercase();
    let holds = TITLES.contains(&title.as_str()) && !name.contains(' ') && name.starts_with(char::is_uppercase);
    let from = greeted + DEAR.len();
    (holds && name.chars().all(char::is_alphabetic)).then(|| Span::new(from, from + named.len()))
}

/// The names that the salutation at `greeted` has: "Dear Mr. Ode".
fn names_greeted(head: &str, greeted: usize) -> Vec<&str> {
    let named = after_dear(head, greeted).unwrap_or_default();
    words(named).filter(|w| !TITLES.contains(&w.to_lowercase().as_str())).collect()
}

/// The rest of the line of the salutation at `greeted` if it begins with "Dear".
fn after_dear(head: &str, greeted: usize) -> Option<&str> {
    let line = head.get(greeted..)?.lines().next()?;
    let (dear, rest) = line.split_at_checked(DEAR.len())?;
    dear.eq_ignore_ascii_case(DEAR).then_some(rest)
}

/// Whether a line of an address is the name of one of `greeted`: "Edward Ode", where it greets "Dear Ed".
fn is_greeted(line: &str, greeted: &[&str]) -> bool {
    let fits = PERSON.contains(&line.split_whitespace().count()) && !line.contains(':');
    let is = |word: &str| greeted.iter().any(|g| word.get(..g.len()).is_some_and(|w| w.eq_ignore_ascii_case(g)));
    fits && words(line).any(is)
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
        let company = "ELM LIMITED\n2 Oak Lane\n\n3 May 2012\n\nAgro Oak Ltda.\nAv. Elm 7\nFor the attention of Mr. Ode\n\nDear Ben\n\nWe";
        assert_eq!(found(company), Some("Agro Oak Ltda."));
        assert_eq!(found("ELM LLC\n\nMay 1, 2011\n\nOak Works plc\n7 Lane\n\nGentlemen:\n\nIn"), Some("Oak Works plc"));
        assert_eq!(
            found("May 1, 2011\n\nMr. John J. Ode\n6 Oak Place\n\nRe: Employment\n\nDear John,\n"),
            Some("Mr. John J. Ode")
        );
        assert_eq!(
            found("August 23, 1999\n\nRobert Ode\n12 Oak Road\nEllmar, NY 11530\n\nDear Bob:\n"),
            Some("Robert Ode")
        );
        assert_eq!(found("May 1, 2011\nCarl\nOde\n26\nOak Drive\n\nDear Mr. Ode:\n"), Some("Carl\nOde"));
        assert_eq!(found("Re: Severance\nDear Mr. Ode:\nThis letter"), Some("Mr. Ode"));
        assert_eq!(found("Elm Inc.\n\nDear Sirs:\n\nWe write"), None);
        assert_eq!(found("My dear Ann Lee came."), None);
    }
}
