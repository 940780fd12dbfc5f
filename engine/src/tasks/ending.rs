//! The day a term ends, for fields that ask for it: which of several dates of a passage is the end, and the day itself
//! where the passage gives a length of time and a start instead ("four years from the Effective Date").
//!
//! What is counted is counted in the open: the line keeps the passage as its words, the day is its value, and a note says
//! from which date it was counted, how long, and where that date stands.

use super::evidence::{Grounded, Grounds, one_line, says};
use super::fields::no_value;
use super::length::length;
use super::pack::{FieldSpec, FieldType, Pack};
use super::start::{Start, Starts, TERM, defined_term};
use super::{Claim, ClaimKind, FoundBy, MatchKind, Status};
use crate::rules::lasting::is_named_end;
use crate::values::tokens::{Token, tokens};
use crate::values::{Found, Value, find_dates};
use chrono::{Datelike, Days, Months, NaiveDate};
use std::cmp::Reverse;

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
pub(super) const BEGINNING: [&str; 13] = [
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
/// Words by which a term that is counted goes on to the end of its last month.
const MONTHS_END: &str = "last day of the month";
/// How probable it is that people note an inferred day as the day a contract was made, and as its day of effect.
const INFERRED: (f64, f64) = (0.3, 0.25);
/// The field that holds the day a contract was made.
pub(crate) const AGREEMENT_DATE: &str = "Agreement Date";
/// The field that holds the day a contract takes effect.
pub(crate) const EFFECTIVE_DATE: &str = "Effective Date";
/// The learned field that holds the day it ends.
pub(crate) const EXPIRATION_DATE: &str = "Expiration Date";

/// Whether `field` asks for the day on which something ends.
pub(super) fn asked(field: &FieldSpec) -> bool {
    const NAMES: [&str; 5] = ["expiration", "expiry", "expires", "end", "ends"];
    field.kind == FieldType::Date && tokens(&field.name).iter().any(|t| NAMES.iter().any(|n| t.is(n)))
}

/// What a word before a date makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    First,
    Last,
    Either,
}

/// The dates of `quote` that may be the day a term ends: those said to be first, those that begin it left out.
pub(super) fn last_days(quote: &str) -> Vec<Found> {
    let mut days = with_roles(quote);
    days.retain(|(_, role)| *role != Role::First);
    days.sort_by_key(|(_, role)| *role == Role::Either);
    // "the term (ending March 11, 2004) is extended to end on March 11, 2005".
    if ["hereby extended", "is extended", "are extended"].iter().any(|words| says(quote, words)) {
        days.sort_by_key(|(found, role)| (*role == Role::Either, Reverse(found.value.to_string())));
    }
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

/// All dates of `quote`, each with what the words before it make of it.
pub(super) fn with_roles(quote: &str) -> Vec<(Found, Role)> {
    let tokens = tokens(quote);
    let mut from = 0;
    let with_role = |found: Found| {
        let between = |t: &&Token<'_>| t.span.start() >= from && t.span.end() <= found.span.start();
        let role = role(&tokens.iter().filter(between).collect::<Vec<_>>());
        from = found.span.end();
        (found, role)
    };
    let mut roles: Vec<(Found, Role)> = find_dates(quote).into_iter().map(with_role).collect();
    // "Start Date End Date May 1, 2011 April 30, 2013": two columns of a table.
    for at in 1..roles.len() {
        if let Some([(first, begins), (second, ends)]) = roles.get_mut(at - 1..=at)
            && quote.get(first.span.end()..second.span.start()).is_some_and(|between| between.trim().is_empty())
        {
            (*begins, *ends) = (Role::First, Role::Last);
        }
    }
    roles
}

/// By the nearest word of either kind; "to" only where it stands next to the date.
fn role(before: &[&Token<'_>]) -> Role {
    // "from May 1, 2011 to", "up to and including", "to but excluding", but "from and including".
    let begins = matches!(before, [.., from, and, _] if from.is("from") && and.is("and"));
    let including = !begins && before.last().is_some_and(|t| t.is("including") || t.is("excluding"));
    if including || before.last().is_some_and(|t| t.is("to")) || is_named_end(before) {
        return Role::Last;
    }
    // "on December 31, 2013 instead of on December 31, 2012".
    let mut led = before.iter().rev().take(3).zip(before.iter().rev().skip(1));
    if led.any(|(of, word)| of.is("of") && word.is("instead")) {
        return Role::First;
    }
    let ends = |t: &&Token<'_>| t.is_one_of(&ENDING);
    // "shall terminate effective May 1".
    let next = before.iter().rev().skip(1).map(Some).chain([None]);
    let mut near = before.iter().rev().zip(next).take(REACH);
    let nearest = near.find_map(|(t, earlier)| match t {
        t if ends(t) || (t.is("effective") && earlier.is_some_and(ends)) => Some(Role::Last),
        t if t.is_one_of(&BEGINNING) || takes_effect(t, earlier) => Some(Role::First),
        _ => None,
    });
    nearest.unwrap_or(Role::Either)
}

/// Whether `word` after `earlier` ends "come into force" or "takes effect".
fn takes_effect(word: &Token<'_>, earlier: Option<&&Token<'_>>) -> bool {
    let led = earlier.is_some_and(|t| t.is("into") || t.is("take") || t.is("takes"));
    led && (word.is("force") || word.is("effect"))
}

/// Gives each line of a field that asks for an end, and whose passages name no such day, the day that can be counted; a
/// line that says a contract takes effect on the day it was made or signed that day. Where neither the day a contract was
/// made nor its day of effect is found, both are inferred: from its signatures, and from the day it was made.
pub(super) fn count(grounds: &Grounds<'_>, pack: &Pack, claims: &mut [Claim]) {
    let starts = Starts::new(grounds, claims);
    for field in pack.fields.iter().filter(|f| asked(f)) {
        for claim in claims.iter_mut().filter(|c| c.label == field.name && c.value.is_none()) {
            if let Some((iso, note)) = claim.evidence.iter().find_map(|e| end(&starts, grounds.said(e))) {
                give(claim, field.kind, iso, note);
            }
        }
    }
    let made_or_effective =
        |f: &&FieldSpec| asked_for_effect(f) || (f.kind == FieldType::Date && f.name == AGREEMENT_DATE);
    for field in pack.fields.iter().filter(made_or_effective) {
        for claim in claims.iter_mut().filter(|c| c.label == field.name && c.value.is_none()) {
            if claim.status == Status::NotFound {
                let begun = starts.begun.as_ref().filter(|_| asked_for_effect(field));
                if let Some(inferred) = begun.or(starts.made.as_ref()).and_then(|day| inferred(grounds, field, day)) {
                    *claim = inferred;
                }
            } else if let Some(made) = claim.evidence.iter().find_map(|e| starts.contract_day(grounds.said(e))) {
                let note = format!("The text refers to {}, {} ({}).", made.named, made.day, made.place);
                give(claim, field.kind, made.day.to_string(), note);
            }
        }
    }
}

/// Gives a line its day, and the note that says where it comes from.
fn give(claim: &mut Claim, kind: FieldType, iso: String, note: String) {
    claim.value = Some(Value::Date { iso });
    claim.checks.retain(|c| *c != no_value(kind));
    claim.checks.push(note);
}

/// The day of a field for which none was found: the day the contract was made, as far as that is known.
fn inferred(grounds: &Grounds<'_>, field: &FieldSpec, made: &Start) -> Option<Claim> {
    let evidence = grounds.evidence(made.span?, MatchKind::Exact, 1)?;
    let said = one_line(grounds.said(&evidence));
    let grounded = Grounded { evidence: vec![evidence], unlocated: Vec::new() };
    let mut claim = grounded.claim(ClaimKind::Field, &field.name, said);
    let note = "Inferred, the text does not say so: this is";
    give(
        &mut claim,
        field.kind,
        made.day.to_string(),
        format!("{note} {}, {} ({}).", made.named, made.day, made.place),
    );
    claim.found_by = Some(FoundBy::Rules);
    claim.confidence = Some(if field.name == AGREEMENT_DATE { INFERRED.0 } else { INFERRED.1 });
    Some(claim)
}

/// The day on which the term of `quote` ends, and how it was found.
fn end(starts: &Starts<'_>, quote: &str) -> Option<(String, String)> {
    let referred = |last: Start| {
        let note = format!("The text refers to {}, {} ({}).", last.named, last.day, last.place);
        (last.day.to_string(), note)
    };
    if let Some(last) = starts.called_end(quote) {
        return Some(referred(last));
    }
    // "on the Expiration Date", which is "Expiration Date: fifteen years from the Effective Date" elsewhere.
    if let Some(labelled) = starts.labelled_end(quote) {
        return counted_end(starts, labelled);
    }
    if length(quote).is_some() {
        return counted_end(starts, quote);
    }
    // "for the Initial Term": how long that is, or when it ends, stands elsewhere.
    let counted = starts.said_of(quote).into_iter().filter(|text| length(text).is_some());
    // "starts on the Service Date and goes on for the Initial Term", and "Initial Term: 24 months".
    let begun = |text: &str| {
        let bare = defined_term(text).is_none() && find_dates(text).is_empty();
        let begins = defined_term(quote).is_some() && bare;
        begins.then(|| counted_end(starts, &format!("{quote} {text}"))).flatten()
    };
    let named = || starts.period_end(TERM).filter(|_| tokens(quote).iter().any(|t| t.text == TERM));
    counted.into_iter().find_map(|text| begun(text).or_else(|| end(starts, text))).or_else(|| named().map(referred))
}

/// The day on which the term of `quote` ends by its length, and how it was counted.
fn counted_end(starts: &Starts<'_>, quote: &str) -> Option<(String, String)> {
    let length = length(quote)?;
    let start = starts.of(quote, length.span)?;
    let after = |day: NaiveDate, (count, unit): &(u32, String)| match unit.as_str() {
        "day" => day.checked_add_days(Days::new(u64::from(*count))),
        "week" => day.checked_add_days(Days::new(7 * u64::from(*count))),
        "month" => day.checked_add_months(Months::new(*count)),
        "year" => day.checked_add_months(Months::new(count.checked_mul(12)?)),
        _ => None,
    };
    let end = length.parts.iter().try_fold(start.day, after)?;
    let end = if says(quote, MONTHS_END) { last_of_month(end)? } else { end };
    let parts = length.parts.into_iter().map(|(count, unit)| Value::Duration { count, unit }.to_string());
    let length = parts.collect::<Vec<_>>().join(" and ");
    let mut note = format!(
        "Counted, the text does not name this day: {length} from {}, {} ({}).",
        start.day, start.named, start.place
    );
    if let Some(term) = &start.instead_of {
        note.push_str(&format!(" At the earliest: the text counts from the {term}, whose day it does not say."));
    }
    Some((end.to_string(), note))
}

/// The last day of the month of `day`.
fn last_of_month(day: NaiveDate) -> Option<NaiveDate> {
    day.with_day(1)?.checked_add_months(Months::new(1))?.pred_opt()
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
        let extended = "the Term (ending March 11, 2004) is extended for a year to end on March 11, 2005";
        assert_eq!(isos(extended).first().map(String::as_str), Some("2005-03-11"));
        assert_eq!(isos("it ends on December 31, 2013 instead of on December 31, 2012"), ["2013-12-31"]);
        assert_eq!(isos("from and including May 1, 2011 to but excluding May 31, 2013"), ["2013-05-31"]);
        let named = "“Termination Date” means May 31, 2000; on May 31, 1998, it may be extended to May 31, 2001.";
        assert_eq!(isos(named).first().map(String::as_str), Some("2000-05-31"));
        assert_eq!(isos("Term Start Date Term End Date November 17, 2006 November 17, 2009"), ["2009-11-17"]);
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
    fn a_term_ends_on_the_day_that_the_document_calls_its_end() {
        let quote = "It shall expire on the Expiration Date set forth above unless sixty (60) days' notice is given.";
        let (day, note) = counted("Expiration Date: August 31, 2006", quote).unwrap();
        assert_eq!(day, "2006-08-31");
        assert!(note.contains("the expiration date, 2006-08-31"), "{note}");
        assert_eq!(counted("The Expiration Date is agreed upon later.", quote), None);
        let period = "The Term of this Agreement shall be for the Contract Period unless ended before.";
        let head = "“Contract Period” means the time from February 21, 2011 through December 31, 2012.";
        assert_eq!(counted(head, period).unwrap().0, "2012-12-31");
    }

    #[test]
    fn a_term_begins_where_its_length_says_and_by_a_name_without_marks() {
        let head = "Made 3 March 2017. “Effective Date” means May 1, 2017. “Opening Date” means June 1, 2018.";
        let quote = "It begins on the Effective Date and ends on the second anniversary of the Opening Date.";
        assert_eq!(counted(head, quote).unwrap().0, "2020-06-01");
        let named = "The commencement date for this contract will be 16th June 2004.";
        assert_eq!(counted(named, "The term is 5 years from the commencement date.").unwrap().0, "2009-06-16");
        let made = "Dated 3 March 2017. “Commencement Date” means the date of this Agreement.";
        let quote = "It commences on the Commencement Date and goes on for a term of ten (10) years.";
        assert_eq!(counted(made, quote).unwrap().0, "2027-03-03");
    }

    /// The lines of both fields for a document in which neither was found.
    fn inferred_from(text: &str) -> Vec<Claim> {
        let document = normalize(plain::parse(text.as_bytes()).unwrap());
        let search = PlainScan::new(&document);
        let grounds = Grounds::new(&document, &search);
        let pack = Pack::built_in("cuad").unwrap();
        let none = |label: &str| Grounded::default().claim(ClaimKind::Field, label, String::new());
        let mut claims = vec![none(AGREEMENT_DATE), none(EFFECTIVE_DATE)];
        claims.iter_mut().for_each(|c| c.status = Status::NotFound);
        count(&grounds, &pack, &mut claims);
        claims
    }

    #[test]
    fn days_that_are_not_found_are_inferred_and_say_so() {
        let signed = "Ann Lee and Ben Ode agree as follows.\n\nAnn Lee  Date: 3/4/2011\n\nBen Ode  Date: 3/7/2011\n\n\
                      Delivery Date: 5/1/2012";
        for claim in inferred_from(signed) {
            assert_eq!(claim.value, Some(Value::Date { iso: "2011-03-07".into() }));
            assert_eq!((claim.status, claim.evidence[0].quote.as_str()), (Status::Verified, "3/7/2011"));
            assert!(
                claim.checks.iter().any(|c| c.contains("Inferred") && c.contains("signature")),
                "{:?}",
                claim.checks
            );
            assert!(claim.confidence.is_some_and(|c| c < 0.5));
        }
        assert!(inferred_from("Nothing is dated here.").iter().all(|c| c.status == Status::NotFound));
    }

    #[test]
    fn an_effect_on_the_day_of_the_last_signature_has_that_day() {
        let quote = "This Agreement is effective as of the last date signed below.";
        let text = format!("Dated 3 March 2017.\n\n{quote}\n\nAnn Lee Date 3/20/2017\n\nBen Ode Date: 3/19/2017");
        let document = normalize(plain::parse(text.as_bytes()).unwrap());
        let search = PlainScan::new(&document);
        let grounds = Grounds::new(&document, &search);
        let pack = Pack::built_in("cuad").unwrap();
        let mut claims = vec![grounds.ground([quote], 0).claim(ClaimKind::Field, EFFECTIVE_DATE, quote.into())];
        count(&grounds, &pack, &mut claims);
        assert_eq!(claims[0].value.as_ref().unwrap().to_string(), "2017-03-20");
    }

    #[test]
    fn a_term_from_a_day_that_the_text_does_not_date_ends_at_the_earliest_counted_from_the_contract() {
        let quote = "It shall continue for an initial term of three (3) years from the Launch Date.";
        let (day, note) = counted("Dated 3 March 2017.", quote).unwrap();
        assert_eq!(day, "2020-03-03");
        assert!(note.contains("At the earliest") && note.contains("the Launch Date"), "{note}");
    }

    #[test]
    fn a_term_may_end_with_a_numbered_year() {
        let head = "Dated 3 March 2017.";
        for (quote, day) in [
            ("The term begins on the date hereof and will end upon the end of Year 3.", "2020-03-03"),
            ("The term continues until the end of the fifteenth (15th) Contract Year.", "2032-03-03"),
            ("Its term is five (5) years after the project's in-service date (\"Initial Term\").", "2022-03-03"),
        ] {
            assert_eq!(counted(head, quote).map(|(day, _)| day).as_deref(), Some(day), "{quote}");
        }
        for other in
            ["The term continues until the end of Year 2019.", "Its term ends one year after its termination date."]
        {
            assert_eq!(counted(head, other), None, "{other}");
        }
        assert_eq!(isos("This Agreement shall terminate effective December 31, 2009."), ["2009-12-31"]);
    }

    #[test]
    fn what_a_term_runs_until_may_be_defined_elsewhere() {
        let head = "Dated 3 March 2017. “Planned End of Supply” means the seventh (7th) anniversary of this Agreement.";
        let quote = "This Agreement shall continue until the Planned End of Supply, unless ended before.";
        assert_eq!(counted(head, quote).map(|(day, _)| day).as_deref(), Some("2024-03-03"));
        let dated = "“Term” means: 1 January 2013 to 31 December 2013 or until ended before.";
        let quote = "This Agreement terminates upon the end of the Term or the dissolution of the Company.";
        assert_eq!(counted(dated, quote).map(|(day, _)| day).as_deref(), Some("2013-12-31"));
    }

    #[test]
    fn a_form_may_have_the_date_of_a_signature_above_its_label() {
        let head = "“Effective Date” means the date of last signature.";
        let quote = "It continues for a period of twelve (12) months from the Effective Date.";
        for signed in ["Title\n\n4/24/2018 04/25/2018 Date Date\n\nTerms", "4/25/2018\nDate\n\n4/24/2018\nDate"] {
            assert_eq!(counted(&format!("{head}\n\n{signed}"), quote).unwrap().0, "2019-04-25", "{signed}");
        }
        for signed in [
            "Place, date: Ellmar, 23.04.2018   Place, date: Oakville NH, 25 April 2018",
            "Date of signing: 25 April 2018",
        ] {
            assert_eq!(counted(&format!("{head}\n\n{signed}"), quote).unwrap().0, "2019-04-25", "{signed}");
        }
        let beside = "/s/ Ann Lee January 8, 2018\nDirector\n\n/s/ Ben Ode April 25, 2018\nPresident";
        assert_eq!(counted(&format!("{head}\n\n{beside}"), quote).unwrap().0, "2019-04-25");
        let last = "“Effective Date” means the date on which the last of them signs below, as stated.";
        assert_eq!(counted(&format!("{last}\n\nDate: 4/25/2018"), quote).unwrap().0, "2019-04-25");
        let next_day = "“Effective Date” means noon on the day after the date of last signature.\n\nDate: 4/25/2018";
        let (day, note) = counted(next_day, quote).unwrap();
        assert_eq!(day, "2019-04-26");
        assert!(note.contains("the day after the last date beside a signature"), "{note}");
    }

    #[test]
    fn how_long_a_term_is_may_stand_where_it_is_defined_and_a_notice_is_no_term() {
        let head = "Dated 3 March 2017. “Term” means the period of two (2) years from the date of this Agreement.";
        assert_eq!(counted(head, "The initial term shall be the Term, unless ended before.").unwrap().0, "2019-03-03");
        let day = "It ends on the 30th day after the effective date of this contract.";
        assert_eq!(counted("Dated 3 March 2017.", day).unwrap().0, "2017-04-02");
        let notice = "It remains in effect until ended by one (1) year advance written notice; its term is open.";
        assert_eq!(counted("Dated 3 March 2017.", notice), None);
    }

    #[test]
    fn a_start_or_an_end_may_be_said_in_another_sentence_or_after_a_label() {
        let head = "Dated 3 March 2017. The launch date of the site shall be September 1st, 2017.";
        let quote = "The term is two (2) years from the Launch Date.";
        assert_eq!(counted(head, quote).unwrap().0, "2019-09-01");
        let label = "“Effective Date” means March 21, 2014.\n\nExpiration Date: at midnight on the last day of the month fifteen \
                     (15) years from the Effective Date\n\nTerritory: Ohio";
        let quote = "The term ends on the Expiration Date set forth in the Addendum.";
        assert_eq!(counted(label, quote).unwrap().0, "2029-03-31");
        let month = "It will expire on the last day of the twenty-fourth month following the date of this Agreement.";
        assert_eq!(counted("Dated 3 March 2017.", month).unwrap().0, "2019-03-03");
        assert_eq!(isos("It comes into force on May 1, 2013 and continues for 36 months."), [""; 0]);
    }

    #[test]
    fn a_contract_may_be_dated_where_it_is_signed_only() {
        let quote = "It remains in force for three years from the date of its execution.";
        for signed in [
            "IN WITNESS WHEREOF the parties have signed this Contract in Ellmar on November 8, 2002.",
            "Ellmar, November 8, 2002\n\n/s/ Ann Lee",
        ] {
            assert_eq!(counted(&format!("{quote}\n\n{signed}"), quote).unwrap().0, "2005-11-08", "{signed}");
        }
        let entered = "This is entered into by Elm Inc. (\"Elm\") and Oak Inc. (\"Oak\") on February 28, 2011.";
        assert_eq!(counted(entered, quote).unwrap().0, "2014-02-28");
    }

    #[test]
    fn a_form_says_how_long_its_term_is_after_a_label() {
        let form = "Effective Date: September 1, 1999\nInitial Term: 2 years\nTerritory: Ohio\n\nDated 3 March 1999.";
        let quote =
            "This Agreement starts on the Effective Date and remains in force for the Initial Term shown above.";
        assert_eq!(counted(form, quote).unwrap().0, "2001-09-01");
        let row = "Service Commencement Date: April 1, 2011\nRenewal: 12 months";
        let quote = "Initial Term: 36 months from the Service Commencement Date";
        assert_eq!(counted(row, quote).unwrap().0, "2014-04-01");
        let order = "Dated 3 March 1999.\n\nService Date: April 1, 2011\nInitial Term: 24 months";
        let quote = "Service starts on the Service Date and goes on for the Initial Term, as above.";
        assert_eq!(counted(order, quote).unwrap().0, "2013-04-01");
        let columns = "Term Start Date\n\nTerm End Date\n\nMay 1, 2006\n\nMay 1, 2009";
        let quote = "It shall continue until the Term End Date set forth on the cover.";
        assert_eq!(counted(columns, quote).unwrap().0, "2009-05-01");
        let years = "This Agreement shall remain in effect for five Contract Years.";
        assert_eq!(counted("Dated 3 March 2017.", years).unwrap().0, "2022-03-03");
        let force = "It has a fixed term of sixty (60) months from its entry into force.";
        assert_eq!(counted("Dated 3 March 2017.", force).unwrap().0, "2022-03-03");
        assert_eq!(isos("It is extended from July 1, 2014 to and including December 31, 2015."), ["2015-12-31"]);
    }

    #[test]
    fn where_the_start_is_not_known_nothing_is_counted() {
        assert_eq!(counted("Nothing here.", "It runs for 18 months from the date hereof."), None);
        assert_eq!(counted("Nothing here.", "It runs for 3 years from the Completion Date."), None);
        assert_eq!(counted("Dated 3 March 2017.", "It ends when both parties agree in writing."), None);
        assert_eq!(counted("Dated 3 March 2017.", "It ends ninety days after notice was given."), None);
    }
}
