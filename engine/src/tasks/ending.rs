//! The day a term ends, for fields that ask for it: which of several dates of a passage is the end, and the day itself
//! where the passage gives a length of time and a start instead ("four years from the Effective Date").
//!
//! What is counted is counted in the open: the line keeps the passage as its words, the day is its value, and a note says
//! from which date it was counted, how long, and where that date stands.

use super::evidence::{Grounds, says};
use super::fields::no_value;
use super::pack::{FieldSpec, FieldType, Pack};
use super::{Claim, Status};
use crate::text::{DocText, Span};
use crate::values::dates::ordinal;
use crate::values::tokens::{Kind, Token, tokens};
use crate::values::{Found, Value, find_dates, find_durations};
use chrono::{Days, Months, NaiveDate};

/// Words before a date that make it the last day of a term, and those that make it the first.
const ENDING: [&str; 15] = [
    "until",
    "till",
    "through",
    "thru",
    "ending",
    "end",
    "ends",
    "expire",
    "expires",
    "expiring",
    "expiration",
    "terminate",
    "terminates",
    "terminating",
    "conclude",
];
const BEGINNING: [&str; 13] = [
    "commence",
    "commences",
    "commencing",
    "commencement",
    "begin",
    "begins",
    "beginning",
    "starting",
    "start",
    "effective",
    "from",
    "dated",
    "entered",
];
/// How many tokens before a date are looked at for such a word.
const REACH: usize = 12;
/// Words for the day a contract was made.
const MADE: [&str; 16] = [
    "date of the agreement",
    "date signed",
    "date hereof",
    "date above",
    "above date",
    "date set forth above",
    "date first stated above",
    "day and year first above written",
    "date of this agreement",
    "date first above written",
    "date first written above",
    "date first set forth above",
    "date of execution",
    "date of its execution",
    "execution of this agreement",
    "date of signature",
];
/// Words by which a term says from when it runs, besides those of `BEGINNING`.
const RUNNING_FROM: [&str; 6] = ["after", "following", "date", "since", "upon", "notice"];
/// Fields that hold the day a contract was made, and the day it takes effect.
const AGREEMENT_DATE: &str = "Agreement Date";
pub(crate) const EFFECTIVE_DATE: &str = "Effective Date";

/// Whether `field` asks for the day on which something ends.
pub(super) fn asked(field: &FieldSpec) -> bool {
    const NAMES: [&str; 5] = ["expiration", "expiry", "expires", "end", "ends"];
    field.kind == FieldType::Date && tokens(&field.name).iter().any(|t| NAMES.iter().any(|n| t.is(n)))
}

/// What a word before a date makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    First,
    Last,
    Either,
}

/// The dates of `quote` that may be the day a term ends: those said to be first, those that begin it left out.
pub(super) fn last_days(quote: &str) -> Vec<Found> {
    let mut days = with_roles(quote);
    days.retain(|(_, role)| *role != Role::First);
    days.sort_by_key(|(_, role)| *role == Role::Either);
    days.into_iter().map(|(found, _)| found).collect()
}

/// Whether `field` asks for the day on which a contract takes effect.
pub(super) fn asked_for_effect(field: &FieldSpec) -> bool {
    field.kind == FieldType::Date && field.name == EFFECTIVE_DATE
}

/// The dates of `quote` that may be the day a contract takes effect: those said to be last left out.
pub(super) fn first_days(quote: &str) -> Vec<Found> {
    with_roles(quote).into_iter().filter(|(_, role)| *role != Role::Last).map(|(found, _)| found).collect()
}

fn with_roles(quote: &str) -> Vec<(Found, Role)> {
    let tokens = tokens(quote);
    let mut from = 0;
    let with_role = |found: Found| {
        let between = |t: &&Token<'_>| t.span.start() >= from && t.span.end() <= found.span.start();
        let role = role(&tokens.iter().filter(between).collect::<Vec<_>>());
        from = found.span.end();
        (found, role)
    };
    find_dates(quote).into_iter().map(with_role).collect()
}

/// By the nearest word of either kind; "to" only where it stands next to the date.
fn role(before: &[&Token<'_>]) -> Role {
    if before.last().is_some_and(|t| t.is("to")) {
        return Role::Last;
    }
    let mut near = before.iter().rev().take(REACH);
    let nearest = near.find_map(|t| match t {
        t if ENDING.iter().any(|w| t.is(w)) => Some(Role::Last),
        t if BEGINNING.iter().any(|w| t.is(w)) => Some(Role::First),
        _ => None,
    });
    nearest.unwrap_or(Role::Either)
}

/// Gives each line of a field that asks for an end, and whose passages name no such day, the day that can be counted; and
/// a line that says a contract takes effect on the day it was made that day.
pub(super) fn count(grounds: &Grounds<'_>, pack: &Pack, claims: &mut [Claim]) {
    let starts = Starts::new(grounds, claims);
    for field in pack.fields.iter().filter(|f| asked(f)) {
        for claim in claims.iter_mut().filter(|c| c.label == field.name && c.value.is_none()) {
            let counted = claim.evidence.iter().find_map(|e| starts.end(&e.quote));
            if let Some((iso, note)) = counted {
                claim.value = Some(Value::Date { iso });
                claim.checks.retain(|c| *c != no_value(field.kind));
                claim.checks.push(note);
            }
        }
    }
    let Some(made) = starts.made.clone() else { return };
    for field in pack.fields.iter().filter(|f| asked_for_effect(f)) {
        let on_that_day = |c: &&mut Claim| {
            c.label == field.name && c.value.is_none() && c.evidence.iter().any(|e| says_made(&e.quote))
        };
        for claim in claims.iter_mut().filter(on_that_day) {
            claim.value = Some(Value::Date { iso: made.day.to_string() });
            claim.checks.retain(|c| *c != no_value(field.kind));
            claim.checks.push(format!("The text refers to {}, {} ({}).", made.named, made.day, made.place));
        }
    }
}

/// Whether `quote` refers to the day the contract was made.
fn says_made(quote: &str) -> bool {
    MADE.iter().any(|words| says(quote, words))
}

/// Whether `quote` speaks of a term and not of when it begins: then it begins with the contract.
fn begins_with_contract(quote: &str) -> bool {
    let tokens = tokens(quote);
    let any = |words: &[&str]| tokens.iter().any(|t| words.iter().any(|w| t.is(w)));
    any(&["term"]) && !any(&BEGINNING) && !any(&RUNNING_FROM)
}

/// Where terms of a document begin.
struct Starts<'a> {
    grounds: &'a Grounds<'a>,
    /// The day the contract was made, and the day it takes effect, where these fields were found.
    made: Option<Start>,
    effective: Option<Start>,
}

/// A day, the words it goes by, and where it stands.
#[derive(Clone)]
struct Start {
    day: NaiveDate,
    named: String,
    place: String,
}

impl<'a> Starts<'a> {
    fn new(grounds: &'a Grounds<'a>, claims: &[Claim]) -> Self {
        let found = |label: &str| {
            let of_field = |c: &&Claim| c.label == label && matches!(c.status, Status::Verified | Status::Fuzzy);
            let claim = claims.iter().find(of_field)?;
            let Some(Value::Date { iso }) = &claim.value else { return None };
            let place = grounds.place(claim.evidence.first()?.span);
            Some(Start { day: day(iso)?, named: format!("the {label}"), place })
        };
        let made = found(AGREEMENT_DATE).or_else(|| opening_day(grounds));
        Self { grounds, made, effective: found(EFFECTIVE_DATE) }
    }

    /// The day on which the term of `quote` ends, and how it was counted.
    fn end(&self, quote: &str) -> Option<(String, String)> {
        let (count, unit) = length(quote)?;
        let start = self.start(quote)?;
        let end = match unit.as_str() {
            "day" => start.day.checked_add_days(Days::new(u64::from(count))),
            "week" => start.day.checked_add_days(Days::new(7 * u64::from(count))),
            "month" => start.day.checked_add_months(Months::new(count)),
            "year" => start.day.checked_add_months(Months::new(count.checked_mul(12)?)),
            _ => None,
        }?;
        let length = Value::Duration { count, unit };
        let note = format!(
            "Counted, the text does not name this day: {length} from {}, {} ({}).",
            start.day, start.named, start.place
        );
        Some((end.to_string(), note))
    }

    /// Where the term of `quote` begins: a date in it, a date that the document defines, or the day it was made.
    fn start(&self, quote: &str) -> Option<Start> {
        let named = with_roles(quote).into_iter().find(|(_, role)| *role == Role::First);
        if let Some((found, _)) = named {
            let Value::Date { iso } = &found.value else { return None };
            let named = quote.get(found.span.range()).unwrap_or_default();
            return Some(Start { day: day(iso)?, named: format!("“{named}”"), place: "same passage".to_owned() });
        }
        match defined_term(quote) {
            Some(term) if term == EFFECTIVE_DATE => {
                self.defined(&term).or_else(|| self.effective.clone()).or_else(|| self.made.clone())
            }
            Some(term) => self.defined(&term).or_else(|| self.made.clone().filter(|_| says_made(quote))),
            None if says_made(quote) => self.made.clone(),
            None if begins_with_contract(quote) => self.effective.clone().or_else(|| self.made.clone()),
            None => None,
        }
    }

    /// The date that the document gives where it puts `term` in quotation marks: the one before it, else after.
    fn defined(&self, term: &str) -> Option<Start> {
        let document: &DocText = self.grounds.document;
        for (open, close) in [('“', '”'), ('"', '"')] {
            let marked = format!("{open}{term}{close}");
            for (at, _) in document.text.match_indices(&marked) {
                let sentence = self.grounds.sentences.iter().find(|s| s.start() <= at && at < s.end());
                let Some(text) = sentence.and_then(|s| document.slice(*s)) else { continue };
                let inside = at - sentence.map_or(0, |s| s.start());
                let dates = find_dates(text);
                let before = dates.iter().rev().find(|d| d.span.end() <= inside);
                let Some(found) = before.or_else(|| dates.iter().find(|d| d.span.start() > inside)) else { continue };
                let Value::Date { iso } = &found.value else { continue };
                if let Some(day) = day(iso) {
                    let place = self.grounds.place(Span::new(at, at + marked.len()));
                    return Some(Start { day, named: format!("the {term}"), place });
                }
            }
        }
        None
    }
}

/// The first day that a document's first lines name as the one it was made on or begins with.
fn opening_day(grounds: &Grounds<'_>) -> Option<Start> {
    const OPENING: usize = 2_500;
    let text = &grounds.document.text;
    let head = text.get(..text.floor_char_boundary(OPENING))?;
    let (found, day) = with_roles(head).into_iter().find_map(|(found, role)| {
        let Value::Date { iso } = &found.value else { return None };
        let before = head.get(head.floor_char_boundary(found.span.start().saturating_sub(60))..found.span.start())?;
        let made = ["made", "executed", "signed", "dated"].iter().any(|word| says(before, word));
        (role == Role::First || made).then_some(())?;
        Some((found.span, day(iso)?))
    })?;
    Some(Start { day, named: "the date in its first lines".to_owned(), place: grounds.place(found) })
}

fn day(iso: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(iso, "%Y-%m-%d").ok()
}

/// The first "… Date" in capitals: "Effective Date", "Promotion Commencement Date".
fn defined_term(quote: &str) -> Option<String> {
    let tokens = tokens(quote);
    let last = tokens.iter().position(|t| t.text == "Date")?;
    let capital = |t: &&Token<'_>| t.kind == Kind::Word && t.text.starts_with(char::is_uppercase);
    let words = tokens.get(..last)?.iter().rev().take_while(capital).count();
    let first = tokens.get(last.checked_sub(words)?).filter(|_| words > 0)?;
    // "The Effective Date" at the head of a sentence.
    let first = if first.is("the") { tokens.get(last - words + 1)? } else { first };
    let span = first.span.union(tokens.get(last)?.span);
    let term = quote.get(span.range())?;
    (term != "Date").then(|| term.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// How long the term of `quote` lasts: its first length of time, or "third anniversary".
fn length(quote: &str) -> Option<(u32, String)> {
    let said = find_durations(quote).into_iter().next().and_then(|found| match found.value {
        Value::Duration { count, unit } if count > 0 => Some((found.span.start(), count, unit)),
        _ => None,
    });
    let counted = anniversary(quote).map(|(at, years)| (at, years, "year".to_owned()));
    let first = said.into_iter().chain(counted).min_by_key(|(at, _, _)| *at);
    first.map(|(_, count, unit)| (count, unit))
}

/// "the third (3rd) anniversary": where, and which.
fn anniversary(quote: &str) -> Option<(usize, u32)> {
    let tokens = tokens(quote);
    let at = tokens.iter().position(|t| t.is("anniversary"))?;
    let before = tokens.get(at.saturating_sub(6)..at)?;
    before.iter().find_map(|t| Some((t.span.start(), ordinal(t.text)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::scan::PlainScan;
    use crate::import::{normalize::normalize, plain};
    use crate::tasks::ClaimKind;
    use crate::values;

    fn isos(quote: &str) -> Vec<String> {
        last_days(quote).into_iter().map(|f| f.value.to_string()).collect()
    }

    #[test]
    fn of_two_dates_the_end_is_taken_and_a_start_is_never_an_end() {
        let both = "shall commence effective June 1, 1998, and continue for three (3) years expiring May 31, 2001";
        assert_eq!(isos(both), ["2001-05-31"]);
        assert_eq!(isos("two years from May 1, 2013 to April 30, 2015."), ["2015-04-30"]);
        assert_eq!(isos("shall commence on September 10, 2015 and shall continue for One (1) Year"), [""; 0]);
        assert_eq!(
            isos("will begin on 15 December 1997 and will end the later of (i) December 15, 1999"),
            ["1999-12-15"]
        );
        assert_eq!(isos("the term is 31 December 2028"), ["2028-12-31"]);
    }

    /// The value and the note for a line of "Expiration Date" that rests on `quote`, in a document that begins with `head`.
    fn counted(head: &str, quote: &str) -> Option<(String, String)> {
        let document = normalize(plain::parse(format!("{head}\n\n{quote}").as_bytes()).unwrap());
        let search = PlainScan::new(&document);
        let grounds = Grounds::new(&document, &search);
        let pack = Pack::built_in("cuad").unwrap();
        let line = |label: &str, quote: &str, kind| {
            let found = grounds.ground([quote], 0);
            assert!(!found.evidence.is_empty(), "{quote}");
            let value = values::normalise(kind, quote).map(|f| f.value);
            let mut claim = found.claim(ClaimKind::Field, label, quote.to_owned());
            claim.value = value;
            claim
        };
        let mut claims = vec![line("Expiration Date", quote, FieldType::Text)];
        if head.contains("3 March 2017") {
            claims.push(line("Agreement Date", "3 March 2017", FieldType::Date));
        }
        count(&grounds, &pack, &mut claims);
        let first = claims.swap_remove(0);
        Some((first.value?.to_string(), first.checks.join(" ")))
    }

    #[test]
    fn a_term_is_counted_from_the_date_that_the_document_defines() {
        let head =
            "This Agreement is made as of March 27, 2017 (the “Effective Date”) by and between A Inc. and B Inc.";
        let quote = "It shall continue until the four-year anniversary of the Effective Date.";
        let (day, note) = counted(head, quote).unwrap();
        assert_eq!(day, "2021-03-27");
        assert!(note.contains("4 years from 2017-03-27, the Effective Date"), "{note}");
        let ordinal = "It will terminate on the third anniversary of the Effective Date unless ended before.";
        assert_eq!(counted(head, ordinal).unwrap().0, "2020-03-27");
        let renewed = "The initial term is one (1) year from the Effective Date and renews for two (2) year periods.";
        assert_eq!(counted(head, renewed).unwrap().0, "2018-03-27");
    }

    #[test]
    fn a_term_is_counted_from_the_day_the_contract_was_made_or_a_day_in_the_passage() {
        let head = "Dated 3 March 2017 between A Inc. and B Inc.";
        assert_eq!(counted(head, "It runs for 18 months from the date hereof.").unwrap().0, "2018-09-03");
        let own = "It shall commence on September 10, 2015 and shall continue for One (1) Year.";
        assert_eq!(counted("Nothing here.", own).unwrap().0, "2016-09-10");
    }

    #[test]
    fn the_end_of_a_term_is_not_the_day_it_takes_effect() {
        let quote = "The term begins on the date hereof and runs until June 30, 2024.";
        assert!(first_days(quote).is_empty());
        let both = "The term is from May 1, 2013 to April 30, 2015.";
        assert_eq!(first_days(both).into_iter().map(|f| f.value.to_string()).collect::<Vec<_>>(), ["2013-05-01"]);
    }

    #[test]
    fn a_term_without_a_beginning_begins_with_the_contract() {
        let head = "Dated 3 March 2017 between A Inc. and B Inc.";
        let quote = "The initial term of this Agreement is seven (7) years and renews thereafter.";
        assert_eq!(counted(head, quote).unwrap().0, "2024-03-03");
        let named = "The initial term is 3 years commencing on the date first set forth above (the “Starting Date”).";
        assert_eq!(counted(head, named).unwrap().0, "2020-03-03");
        assert_eq!(counted(head, "The term ends sixty days after notice."), None);
    }

    #[test]
    fn an_effect_on_the_day_of_the_contract_has_that_day() {
        let quote = "This Agreement shall become effective upon the date first written above and stay in force.";
        let document = normalize(plain::parse(format!("Dated 3 March 2017.\n\n{quote}").as_bytes()).unwrap());
        let search = PlainScan::new(&document);
        let grounds = Grounds::new(&document, &search);
        let pack = Pack::built_in("cuad").unwrap();
        let line = |label: &str, quote: &str| grounds.ground([quote], 0).claim(ClaimKind::Field, label, quote.into());
        let mut made = line("Agreement Date", "3 March 2017");
        made.value = Some(Value::Date { iso: "2017-03-03".into() });
        let mut claims = vec![line("Effective Date", quote)];
        claims.push(made);
        count(&grounds, &pack, &mut claims);
        assert_eq!(claims[0].value.as_ref().unwrap().to_string(), "2017-03-03");
        assert!(
            claims[0].checks.iter().any(|c| c.contains("the Agreement Date, 2017-03-03")),
            "{:?}",
            claims[0].checks
        );
    }

    #[test]
    fn the_first_lines_say_when_a_contract_was_made_where_no_field_does() {
        let head = "THIS LEASE is made as of the 12th day of April 2004, by and between A Inc. and B Inc.";
        let (day, note) =
            counted(head, "The term shall be three years, commencing on the date of this Agreement.").unwrap();
        assert_eq!(day, "2007-04-12");
        assert!(note.contains("the date in its first lines"), "{note}");
        let other = "A law of 12 April 2004 applies.";
        assert_eq!(counted(other, "The term shall be three years, commencing on the date of this Agreement."), None);
    }

    #[test]
    fn where_the_start_is_not_known_nothing_is_counted() {
        assert_eq!(counted("Nothing here.", "It runs for 18 months from the date hereof."), None);
        assert_eq!(counted("Nothing here.", "It runs for 3 years from the Completion Date."), None);
        assert_eq!(counted("Dated 3 March 2017.", "It ends when both parties agree in writing."), None);
        assert_eq!(counted("Dated 3 March 2017.", "It ends ninety days after notice was given."), None);
    }
}
