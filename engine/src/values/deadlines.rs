//! By when something is to be done, as it is said: "by Friday", "before the end of the month", "next week", "by 3 May".

use super::dates::{find_dates, is_month, ordinal};
use crate::ground::standing;
use crate::text::Span;

const DAYS: [&str; 11] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "tomorrow",
    "today",
    "tonight",
    "end of day",
];
/// What leads to a deadline; a day that none of these leads to is one only at the end of what is said.
const LEADS: [&str; 9] = ["by", "until", "till", "before", "on", "for", "due", "this", "next"];
/// What a time of these is counted from now: "next week", "this afternoon".
const UNITS: [&str; 8] = ["week", "month", "quarter", "year", "meeting", "call", "morning", "afternoon"];

/// The first deadline in `text`, without the word that leads to it ("by").
pub fn find_deadline(text: &str) -> Option<Span> {
    let lower = text.to_lowercase();
    // Only where lower case keeps every offset is a place in it one of the text.
    let relative = (lower.len() == text.len()).then(|| relative(&lower)).flatten();
    let dated = find_dates(text).first().map(|found| found.span);
    match (relative, dated) {
        (Some(a), Some(b)) => Some(if a.start() <= b.start() { a } else { b }),
        (a, b) => a.or(b),
    }
}

fn relative(lower: &str) -> Option<Span> {
    let ends = DAYS.iter().flat_map(|day| [(*day).to_owned(), format!("next {day}")]);
    let units = UNITS.iter().flat_map(|unit| {
        let forms = ["next", "this", "the end of the", "the end of this", "end of the", "end of this", "end of"];
        forms.map(|form| format!("{form} {unit}"))
    });
    let phrases: Vec<String> = ends.chain(units).collect();
    let named = phrases.iter().flat_map(|words| standing(lower, words)).filter(|span| led_to(lower, *span));
    let spoken = standing(lower, "the").filter(|the| led_to(lower, *the)).filter_map(|the| day_of_month(lower, the));
    // The longest of those that begin first: "next friday", not "friday".
    let first = named.chain(spoken).min_by_key(|span| (span.start(), std::cmp::Reverse(span.len())))?;
    Some(day_of_month(lower, Span::new(first.end(), first.end())).map_or(first, |day| first.union(day)))
}

/// Whether a word stands before `span` that leads to a deadline, or nothing stands after it.
fn led_to(lower: &str, span: Span) -> bool {
    let before = lower.get(..span.start()).unwrap_or_default();
    let lead = before.split_whitespace().next_back().unwrap_or_default();
    let after = lower.get(span.end()..).unwrap_or_default().trim_start();
    LEADS.contains(&lead)
        || after.is_empty()
        || after.starts_with(|c: char| c.is_ascii_punctuation())
        || lower.get(span.range()).is_some_and(|words| words.contains(' '))
}

/// "the twenty-fourth of October" where it begins at or right after `at`.
fn day_of_month(lower: &str, at: Span) -> Option<Span> {
    let rest = lower.get(at.start()..)?;
    let start = at.start() + (rest.len() - rest.trim_start().len());
    let mut words = rest.split_whitespace();
    let bare = |word: &str| word.trim_matches(|c: char| c.is_ascii_punctuation()).to_owned();
    let written = words.next().filter(|word| *word == "the").and(words.next())?;
    let day = bare(written);
    ordinal(day.rsplit('-').next()?)?;
    let mut length = lower.get(start..)?.find(&day)? + day.len();
    if day.len() == written.len() && words.next() == Some("of") {
        let month = words.next().map(bare).filter(|month| is_month(month));
        length = month.and_then(|m| Some(lower.get(start..)?.find(&m)? + m.len())).unwrap_or(length);
    }
    Some(Span::new(start, start + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_found_as_they_are_said() {
        for (text, due) in [
            ("I'll send it by Friday.", Some("Friday")),
            ("Can you do that before the end of the month?", Some("the end of the month")),
            ("We'll look at it next Tuesday, or next week.", Some("next Tuesday")),
            ("Please deliver by 3 May 2026, not tomorrow.", Some("3 May 2026")),
            ("I'll show it by Friday the tenth.", Some("Friday the tenth")),
            (
                "I'll draft the Saturday rota by Friday the twenty-fourth of October.",
                Some("Friday the twenty-fourth of October"),
            ),
            ("We sign it by the fifteenth of October.", Some("the fifteenth of October")),
            ("I'll send it Monday.", Some("Monday")),
            ("I'll draft the Saturday rota.", None),
            ("By the way, I'll send it.", None),
            ("I'll send it.", None),
            ("The callous weekender.", None),
        ] {
            assert_eq!(find_deadline(text).and_then(|s| text.get(s.range())), due, "{text}");
        }
    }
}
