//! The day that an agreement bears by its form: after a label ("Date of Agreement: May 1, 2011"), or on a line of its own where
//! it is a letter.

use super::letter;
use crate::text::Span;
use crate::values::find_dates;

/// How far into a document such a label may stand, one that says no more than "Date", and the date of a letter, in bytes.
const LABELS_WITHIN: usize = 6_000;
const DATE_WITHIN: usize = 1_500;
/// What the day of an agreement is labelled, in lower case.
const LABELS: [&str; 11] = [
    "date of signing",
    "signing date",
    "order date",
    "date of agreement",
    "date of this agreement",
    "date of the agreement",
    "agreement date",
    "date of contract",
    "contract date",
    "date of execution",
    "date of lease",
];
const DATE_LABELS: [&str; 2] = ["date", "dated"];
/// Words that may stand between the label and the date, in lower case.
const LEADS: [&str; 5] = ["as of", "the", "this", "day", ":"];
/// How long a place before the date may be, in bytes.
const PLACE: usize = 40;
/// How far after its label the date may go, in bytes.
const REACH: usize = 60;

/// The date that `text` bears by its form.
pub(super) fn borne(text: &str) -> Option<Span> {
    let lower = text.get(..text.floor_char_boundary(LABELS_WITHIN)).unwrap_or(text).to_ascii_lowercase();
    let labelled = |label: &&str| -> Option<Span> {
        let within = if DATE_LABELS.contains(label) { DATE_WITHIN } else { LABELS_WITHIN };
        let places = lower.match_indices(*label).map(|(at, label)| (at, at + label.len()));
        // "the trust\ndated May 1, 1991" goes on with a sentence.
        let capital = |at: usize| text.get(at..).is_some_and(|t| t.starts_with(char::is_uppercase));
        let mut begins = places.filter(|(at, _)| *at < within && capital(*at) && at_line_start(&lower, *at));
        // "dated June 30, 2000 between" is the end of a sentence.
        let ends =
            |date: &Span| text.get(date.end()..).is_none_or(|t| t.trim_start_matches([' ', '.']).starts_with('\n'));
        let own = |date: &Span| !DATE_LABELS.contains(label) || ends(date);
        begins.find_map(|(_, end)| date_after(text, end).filter(own))
    };
    LABELS.iter().chain(&DATE_LABELS).find_map(labelled).or_else(|| of_letter(text))
}

/// Whether only white space stands between the line break before `at` and it, or what numbers the points of a form.
pub(super) fn at_line_start(text: &str, at: usize) -> bool {
    let line = text.get(..at).and_then(|t| t.rsplit('\n').next()).unwrap_or_default();
    let numbered = line.trim_start().strip_prefix("item ").is_some_and(|n| n.trim().parse::<u8>().is_ok());
    line.trim().is_empty() || line.ends_with("   ") || numbered
}

/// The date that follows a label that ends at `end`.
fn date_after(text: &str, end: usize) -> Option<Span> {
    let near = text.get(end..text.floor_char_boundary((end + REACH).min(text.len())))?;
    let date = find_dates(near).into_iter().next()?;
    let mut between = near.get(..date.span.start())?.trim().to_ascii_lowercase();
    // A colon may stand before such words and after them: "DATE: As of", "Dated the day:".
    for lead in [":"].iter().chain(&LEADS) {
        between = between.strip_prefix(lead).unwrap_or(&between).trim_start().to_owned();
    }
    between.is_empty().then(|| date.span.shifted(end))
}

/// The date that is a line of a letter, before whom it greets.
fn of_letter(text: &str) -> Option<Span> {
    let head = text.get(..letter::greeted(text)?.min(text.floor_char_boundary(DATE_WITHIN)))?;
    let mut from = 0;
    head.split_inclusive('\n').find_map(|line| {
        let start = from;
        from += line.len();
        let date = find_dates(line).into_iter().next()?;
        let rest = |part: Option<&str>| part.unwrap_or_default().trim().trim_matches(['.', ',']).to_ascii_lowercase();
        let (before, after) = (rest(line.get(..date.span.start())), rest(line.get(date.span.end()..)));
        // "Ellmar, June 24, 2014".
        let place = || line.get(..date.span.start()).is_some_and(|t| t.trim_end().ends_with(',') && t.len() <= PLACE);
        let led = before.is_empty() || before == "as of" || before == "dated" || place();
        let alone = after.is_empty() && led;
        alone.then(|| date.span.shifted(start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<&str> {
        borne(text).map(|span| &text[span.range()])
    }

    #[test]
    fn a_label_says_which_day_it_is() {
        assert_eq!(found("DEAL MEMO\nDATE:   As of March 22, 2005\nLENDER: Elm Inc."), Some("March 22, 2005"));
        assert_eq!(found("Item 3\nDate of Agreement\n11 August 2006\nItem 4"), Some("11 August 2006"));
        assert_eq!(found("Commencement Date: May 1, 2005"), None);
    }

    #[test]
    fn a_letter_has_a_line_with_its_date() {
        let letter =
            "ELM FOODS\n  June 24, 2014\nOak Inc.\nRe: Extension of the Agreement dated July 1, 2009\nDear Ann:";
        assert_eq!(found(letter), Some("June 24, 2014"));
        assert_eq!(found("ELM FOODS\nJune 24, 2014\nThis is no letter."), None);
        assert_eq!(found("Under the lease of\nJune 24, 2014 we write.\nDear Ann:"), None);
    }
}
