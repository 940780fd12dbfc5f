//! Where a name ends: before an address, a description or the next line, and what of that still belongs to it.

use super::name::{MOST_WORDS, SMALL};
use crate::values::dates::is_month;
use crate::values::{find_dates, goes_on, is_form};

/// Words after a legal form that begin a description or the next name.
const DESCRIBES: [&str; 20] = [
    "as", "a", "an", "A", "An", "and", "AND", "whose", "located", "having", "with", "is", "Party", "Address", "Legal",
    "The", "This", "In", "On", "WHEREAS",
];
/// Longest legal form that no name goes on after with "of", in bytes: "GmbH", "A/S".
const SHORT_FORM: usize = 4;

/// A name without the address after it: it ends with its line, and with a comma after its legal form or before a number.
pub(super) fn without_address(name: &str) -> &str {
    let numbered = |(at, of): (usize, &str)| {
        name.get(at + of.len()..).is_some_and(|t| t.starts_with(|c: char| c.is_ascii_digit())).then_some(at)
    };
    let street = name.match_indices(" of ").find_map(|of| numbered(of).or_else(|| town(name, of.0)));
    let ends =
        ["   ", " [", " Page 1", " Dated ", " DATED "].iter().filter_map(|mark| name.find(mark)).chain(street).min();
    let line = name.get(..ends.unwrap_or(name.len())).unwrap_or(name).trim_end_matches(" of").trim_end_matches(" is");
    if let Some(whole) = with_branch(line) {
        return whole;
    }
    let (mut end, mut form_before) = (0, false);
    for word in line.split_inclusive([' ', '\n']) {
        let bare = word.trim_end().trim_end_matches([',', ';', ':']);
        let form = is_form(bare);
        let before = line.get(..end).unwrap_or_default();
        if !bare.is_empty() {
            // "Elm AG January 5", "Elm GmbH Oakstrasse 173".
            let rest = line.get(end..).unwrap_or_default();
            let dated =
                form_before && is_month(bare) && find_dates(rest).first().is_some_and(|date| date.span.start() == 0);
            if dated || (form_before && !form && ends_short(before) && is_street(rest)) {
                break;
            }
            let goes_on = is_series(before, bare) || of_the(rest);
            if form_before && !goes_on && ends_after_form(before, bare, form) || ends_before(before, bare) {
                break;
            }
            form_before = form;
        }
        end += word.len();
    }
    let name = line.get(..end).unwrap_or_default().trim_end().trim_end_matches([',', ';', ':']);
    // "Elm Inc. and (the "Participant")": the other name is left blank.
    name.strip_suffix(" and").unwrap_or(name)
}

/// Where a name ends before the town and state that stand `at` "of": "Elm Works Company of Tulsa, Oklahoma", but "Elm Insurance
/// Company of Tulsa, Inc.".
fn town(name: &str, at: usize) -> Option<usize> {
    let (before, after) = (name.get(..at)?, name.get(at..)?);
    let form = before.split([' ', '\n']).next_back().is_some_and(|w| is_form(w.trim_end_matches(',')));
    let (_, state) = after.split_once(", ")?;
    let formed = state.split([' ', '\n']).next().is_some_and(|w| is_form(w.trim_end_matches(',')));
    (form && ends_closed(before) && !formed && state.starts_with(char::is_uppercase)).then_some(at)
}

/// The name of a company and of its branch, where `line` begins with both: "Elm Bank Co., Ltd, Oakville Branch".
fn with_branch(line: &str) -> Option<&str> {
    let (whole, after) = line.split_once(" Branch").or_else(|| line.split_once(" Sub-branch"))?;
    let (company, branch) = whole.rsplit_once(", ")?;
    let formed = company.split_whitespace().next_back().is_some_and(is_form);
    let capital = |word: &str| word.starts_with(char::is_uppercase);
    let named = company.split_whitespace().chain(branch.split_whitespace()).all(capital);
    let ends = !after.starts_with(char::is_alphanumeric) && whole.split_whitespace().count() < MOST_WORDS;
    (formed && named && ends).then(|| line.get(..line.len() - after.len())).flatten()
}

/// Whether a name ends with `before`, the last word of which is a legal form, where `next` follows.
fn ends_after_form(before: &str, next: &str, next_is_form: bool) -> bool {
    let closed = ends_closed(before);
    // "ELM A/S of 5 High Street", but "Bank of Ellmar" and "Elm Trust and Savings Bank".
    let place = next == "of" && closed && ends_short(before);
    // "Elm Inc. regarding the supply".
    let goes_on = next.starts_with(|c: char| c.is_ascii_lowercase()) && !SMALL.contains(&next) && !next_is_form;
    let described = closed && (DESCRIBES.contains(&next) || goes_on);
    // "ELM CORP.\nMay 5, 2011", "ELM CORP.\nCompany No. 51".
    let own_line = !next_is_form || next.eq_ignore_ascii_case("company");
    let line = before.ends_with('\n') && closed && own_line && !next.eq_ignore_ascii_case("of");
    // "Elm Works Corporation 780 High Street".
    let street = next.starts_with(|c: char| c.is_ascii_digit());
    // "Elm Bank, National Association".
    let comma = before.trim_end().ends_with(',') && !next_is_form && !next.eq_ignore_ascii_case("national");
    place || described || line || street || comma
}

/// Whether `rest` begins with a street and its number: "Oakstrasse 173", "Elm Road 7,".
fn is_street(rest: &str) -> bool {
    let words: Vec<&str> = rest.split([' ', '\n', ',']).filter(|w| !w.is_empty()).take(STREET).collect();
    let number = words.iter().position(|w| w.bytes().all(|b| b.is_ascii_digit()));
    number.is_some_and(|at| at > 0 && words.iter().take(at).all(|w| w.starts_with(char::is_uppercase)))
}

/// How many words the name of a street and its number may have.
const STREET: usize = 3;

/// Whether `next` counts the trusts or funds of one name: "Elm Trust 2001A", "Elm Fund 2005-1".
fn is_series(before: &str, next: &str) -> bool {
    let year = next.get(..4).is_some_and(|y| y.starts_with(['1', '2']) && y.bytes().all(|b| b.is_ascii_digit()));
    let same_line = !before.ends_with('\n') && !before.trim_end().ends_with(',');
    let fund = before
        .split_whitespace()
        .next_back()
        .is_some_and(|form| form.eq_ignore_ascii_case("trust") || form.eq_ignore_ascii_case("fund"));
    year && same_line && fund && next.len() <= "2005-12".len()
}

/// Whether a name goes on with `rest`: "Elm Corp" with "of the West", not with "of the State of Ohio" or "of the first part".
fn of_the(rest: &str) -> bool {
    const PLACES: [&str; 7] = ["State", "City", "County", "Province", "Republic", "Commonwealth", "Town"];
    let named = rest.strip_prefix("of the ").and_then(|t| t.split([' ', '\n', ',']).next()).unwrap_or_default();
    named.starts_with(char::is_uppercase) && named.contains(char::is_lowercase) && !PLACES.contains(&named)
}

/// Whether an address begins with `next`: a number after a comma or on a line of its own.
fn ends_before(before: &str, next: &str) -> bool {
    next.starts_with(|c: char| c.is_ascii_digit()) && (before.trim_end().ends_with(',') || before.ends_with('\n'))
}

/// Whether the last word of `name` is a legal form that nothing of the name follows: not a bank or a trust.
fn ends_closed(name: &str) -> bool {
    let last = name.split_whitespace().next_back().unwrap_or_default();
    !goes_on(last)
}

/// Whether the last word of `name` is a legal form of a few letters ("Ltd", "A/S").
fn ends_short(name: &str) -> bool {
    name.split_whitespace().next_back().is_some_and(|form| form.trim_end_matches([',', '.']).len() <= SHORT_FORM)
}
