//! Where the terms of a contract begin: the day it was made, signed or takes effect, and days that it calls by a name
//! ("Effective Date", "the commencement date").

use super::ending::{AGREEMENT_DATE, BEGINNING, EFFECTIVE_DATE, Role, with_roles};
use super::evidence::{Grounds, says};
use super::signature::{last_signed, says_signed};
use super::{Claim, Status};
use crate::ground::sentences;
use crate::rules::elsewhere;
use crate::text::Span;
use crate::values::tokens::{Kind, Token, tokens};
use crate::values::{Found, Value, find_dates, find_durations};
use chrono::NaiveDate;

/// Words for the day a contract was made.
const MADE: [&str; 37] = [
    "date of this letter",
    "date of this contract",
    "date of this lease",
    "date first set forth",
    "date of conclusion",
    "date of its conclusion",
    "date of this document",
    "from its date",
    "date and year first above written",
    "date on which the parties sign",
    "date of the agreement",
    "date signed",
    "date hereof",
    "date above",
    "date first set out above",
    "date set out above",
    "date stated above",
    "date written above",
    "date indicated above",
    "date first mentioned above",
    "date mentioned above",
    "date appearing above",
    "date on the first page",
    "above date",
    "date set forth above",
    "date first stated above",
    "date first listed above",
    "day and year first above written",
    "date of this agreement",
    "date first above written",
    "date first written above",
    "date first set forth above",
    "date of execution",
    "date of its execution",
    "execution of this agreement",
    "date of signature",
    "anniversary of this agreement",
];
/// Words that make it the day after that.
const DAY_AFTER: [&str; 3] = [
    "on the day after the date of last signature",
    "on the day after the date of signature",
    "on the day after signature",
];
/// Words by which a term says from when it runs, besides those of [`BEGINNING`].
const RUNNING_FROM: [&str; 6] = ["after", "following", "date", "since", "upon", "notice"];
/// Days that contracts call by a name without putting it in quotation marks: those that begin a term, and those that end
/// it.
const BEGINNING_NAMES: [&str; 3] = ["commencement date", "start date", "starting date"];
const ENDING_NAMES: [&str; 4] = ["expiration date", "expiry date", "termination date", "end date"];
/// What contracts call their own time.
pub(super) const TERM: &str = "Term";
/// Words that may stand between such a name and its day.
const LINKS: [&str; 19] = [
    "|",
    "means",
    "mean",
    "shall",
    "will",
    "is",
    "be",
    "the",
    "of",
    "for",
    "this",
    "contract",
    "agreement",
    ":",
    "”",
    "\"",
    ",",
    ")",
    "on",
];
/// Words before a date that say what day it is.
const DATES: [&str; 3] = ["be", "is", "means"];
/// Words that end the name of such a day, what ends rather than begins, and how many tokens the name may have.
const EVENTS: [&str; 6] = ["date", "release", "launch", "opening", "delivery", "shipment"];
const NO_EVENT: [&str; 6] = ["notice", "termination", "expiration", "expiry", "terminates", "end"];
const EVENT_REACH: usize = 7;
/// How far after such a name its day may stand, in bytes.
const NAME_REACH: usize = 70;
/// How much may stand after the label of a day, in bytes.
const LABELLED: usize = 160;
/// How far around a length of time its own words are looked for, before and after it, in bytes.
const AROUND: (usize, usize) = (60, 40);

/// A day, the words it goes by, and where it stands.
#[derive(Clone)]
pub(super) struct Start {
    pub(super) day: NaiveDate,
    pub(super) named: String,
    pub(super) place: String,
    /// Where the day is written; nothing where that is in the passage that was asked about.
    pub(super) span: Option<Span>,
    /// The day that the text counts from instead, whose date it does not say ("the Launch Date"): it may be later.
    pub(super) instead_of: Option<String>,
}

/// Where terms of a document begin.
pub(super) struct Starts<'a> {
    grounds: &'a Grounds<'a>,
    /// The day the contract was made: by its field, by its first lines, by its signatures.
    pub(super) made: Option<Start>,
    /// The first day that its first lines let something begin on.
    pub(super) begun: Option<Start>,
    /// The day of the last signature.
    signed: Option<Start>,
    /// The day it takes effect, where that field was found.
    effective: Option<Start>,
}

impl<'a> Starts<'a> {
    pub(super) fn new(grounds: &'a Grounds<'a>, claims: &[Claim]) -> Self {
        let found = |label: &str| {
            let of_field = |c: &&Claim| c.label == label && matches!(c.status, Status::Verified | Status::Fuzzy);
            let claim = claims.iter().find(of_field)?;
            let Some(Value::Date { iso }) = &claim.value else { return None };
            at(grounds, claim.evidence.first()?.span, iso, format!("the {label}"))
        };
        let signed = last_signed(grounds);
        let (opening_made, opening_begun) = opening_days(grounds);
        let made = found(AGREEMENT_DATE).or(opening_made).or_else(|| signed.clone()).or_else(|| opening_begun.clone());
        Self { grounds, made, begun: opening_begun, signed, effective: found(EFFECTIVE_DATE) }
    }

    /// The day on which `quote` says that the contract was made or signed.
    pub(super) fn contract_day(&self, quote: &str) -> Option<Start> {
        let says_any = |all: &[&str]| all.iter().any(|words| says(quote, words));
        if says_signed(quote) {
            let mut signed = self.signed.clone().or_else(|| self.made.clone())?;
            if DAY_AFTER.iter().any(|words| says(quote, words)) {
                signed.named = format!("the day after {}", signed.named);
                signed.day = signed.day.succ_opt()?;
            }
            return Some(signed);
        }
        says_any(&MADE).then(|| self.made.clone()).flatten()
    }

    /// Where a term of `quote` begins, whose length stands `within` it: a date in the passage, a date that the document
    /// defines, or the day it was made.
    pub(super) fn of(&self, quote: &str, within: Span) -> Option<Start> {
        let named = with_roles(quote).into_iter().find(|(_, role)| *role == Role::First);
        if let Some((found, _)) = named {
            let Value::Date { iso } = &found.value else { return None };
            let named = format!("“{}”", quote.get(found.span.range()).unwrap_or_default());
            return Some(Start {
                day: day(iso)?,
                named,
                place: "same passage".to_owned(),
                span: None,
                instead_of: None,
            });
        }
        // "commencing on the Effective Date and ending on the eighth anniversary of the Commencement Date".
        let term = quote.get(within.start()..).and_then(defined_term).or_else(|| defined_term(quote));
        match term {
            Some(term) if term == EFFECTIVE_DATE => self.defined(&term).or_else(|| self.own()),
            Some(term) => {
                let called = || self.called(&term.to_ascii_lowercase());
                self.defined(&term).or_else(|| self.contract_day(quote)).or_else(called).or_else(|| self.earliest(term))
            }
            None if says(quote, "effective date") || says(quote, "entry into force") => self.own(),
            None => self.contract_day(quote).or_else(|| {
                let lower = BEGINNING_NAMES.iter().filter(|name| says(quote, name)).find_map(|name| self.called(name));
                lower
                    .or_else(|| {
                        let own = begins_with_contract(quote, within);
                        own.then(|| self.own()).flatten()
                    })
                    .or_else(|| self.earliest(event_after(quote, within)?))
            }),
        }
    }

    /// The day on which the contract takes effect, else that on which it was made.
    fn own(&self) -> Option<Start> {
        let labelled = || self.called(&EFFECTIVE_DATE.to_ascii_lowercase());
        self.effective.clone().or_else(labelled).or_else(|| self.made.clone())
    }

    /// The first day that `term`, of which the document gives no date, can be: nothing begins before the contract does.
    fn earliest(&self, term: String) -> Option<Start> {
        Some(Start { instead_of: Some(term), ..self.own()? })
    }

    /// The sentences that define what `quote` runs until ("the Scheduled End of Supply"), the period that it names ("the Initial
    /// Term"), or the term where it names none.
    pub(super) fn said_of(&self, quote: &str) -> Vec<&'a str> {
        let period = defined_period(quote).unwrap_or_else(|| TERM.to_owned());
        let labelled = self.labelled_length(&period);
        let terms = defined_end(quote).into_iter().chain([period]);
        let defined = terms.flat_map(|term| self.definitions(&term)).map(|(_, text, _)| text);
        defined.chain(labelled).collect()
    }

    /// A line that is the name of a period as a label and how long it is: "Initial Term: 36 months from the Start Date".
    fn labelled_length(&self, period: &str) -> Option<&'a str> {
        let text = &self.grounds.document.text;
        text.match_indices(period).find_map(|(at, label)| {
            let from = at + label.len();
            let rest = text.get(from..text.floor_char_boundary((from + LABELLED).min(text.len())))?;
            // What it says may stand on the line below.
            let said = rest.trim_start_matches([':', '|', ' ', '\n', '\t']);
            let line = said.get(..said.find('\n').unwrap_or(said.len()))?;
            let begins = find_durations(line).first().is_some_and(|length| length.span.start() == 0);
            let end = from + (rest.len() - said.len()) + line.len();
            text.get(at..end).filter(|_| begins)
        })
    }

    /// The day that the document calls by the name that `quote` lets a term end on ("the Expiration Date"), or the last day
    /// of the period it names ("the Initial Term").
    pub(super) fn called_end(&self, quote: &str) -> Option<Start> {
        let by_name = ENDING_NAMES.iter().filter(|name| says(quote, name)).find_map(|name| self.called(name));
        by_name.or_else(|| self.period_end(&defined_period(quote)?))
    }

    /// What the document says of the day that `quote` lets a term end on, after its name as a label and of some length of time:
    /// "Expiration Date: ten years from the Effective Date".
    pub(super) fn labelled_end(&self, quote: &str) -> Option<&'a str> {
        let document = &self.grounds.document;
        let name = ENDING_NAMES.iter().find(|name| says(quote, name))?;
        let lower = document.text.to_ascii_lowercase();
        lower.match_indices(&format!("{name}:")).find_map(|(at, label)| {
            let from = at + label.len();
            let rest = document.text.get(from..document.text.floor_char_boundary(from + LABELLED))?;
            let said = rest.get(..rest.find(['\n', ':']).unwrap_or(rest.len()))?;
            // The passage may be that label itself.
            (!find_durations(said).is_empty() && !quote.contains(said)).then_some(said)
        })
    }

    /// The day that follows `name` in the document: "Expiration Date: March 1, 2020".
    fn called(&self, name: &str) -> Option<Start> {
        let text = &self.grounds.document.text;
        text.to_ascii_lowercase().match_indices(name).find_map(|(from, name)| {
            let from = from + name.len();
            let after = text.get(from..text.floor_char_boundary((from + NAME_REACH).min(text.len())))?;
            let mut dates = find_dates(after).into_iter();
            let first = dates.next()?;
            let between = tokens(after.get(..first.span.start())?);
            // "Start Date", "End Date", and then "May 1, 2011", "April 30, 2013".
            let beside =
                |next: &Found| after.get(first.span.end()..next.span.start()).is_some_and(|t| t.trim().is_empty());
            let line = text.get(..from).and_then(|t| t.rfind('\n')).unwrap_or(0);
            let column = text.get(..line).is_some_and(|above| above.trim_end().ends_with(" Date"));
            let found = if column { dates.next().filter(beside).unwrap_or(first) } else { first };
            let linked = between.iter().all(|t| t.is_one_of(&LINKS)) || is_dated(&between);
            let Value::Date { iso } = &found.value else { return None };
            at(self.grounds, found.span.shifted(from), iso, format!("the {name}")).filter(|_| linked)
        })
    }

    /// The sentences in which the document puts `term` in quotation marks: their text, and where in it the mark stands.
    fn definitions(&self, term: &str) -> Vec<(Span, &'a str, usize)> {
        let document = &self.grounds.document;
        let mut found = Vec::new();
        for (open, close) in [('“', '”'), ('"', '"')] {
            for (at, _) in document.text.match_indices(&format!("{open}{term}{close}")) {
                let sentence = sentences::at(&self.grounds.sentences, at);
                found.extend(sentence.and_then(|s| Some((s, document.slice(s)?, at - s.start()))));
            }
        }
        found
    }

    /// The date that the document gives where it puts `term` in quotation marks: the one before it, else after, else the
    /// day the contract was made where it says so.
    fn defined(&self, term: &str) -> Option<Start> {
        let definitions = self.definitions(term);
        let dated = definitions.iter().find_map(|(sentence, text, inside)| {
            let dates = find_dates(text);
            let before = dates.iter().rev().find(|d| d.span.end() <= *inside);
            let found = before.or_else(|| dates.iter().find(|d| d.span.start() > *inside))?;
            let Value::Date { iso } = &found.value else { return None };
            at(self.grounds, found.span.shifted(sentence.start()), iso, format!("the {term}"))
        });
        let as_made = || definitions.iter().find_map(|(_, text, _)| self.contract_day(text));
        dated.or_else(as_made)
    }

    /// The last day of the period that the document calls `term`.
    pub(super) fn period_end(&self, term: &str) -> Option<Start> {
        self.definitions(term).into_iter().find_map(|(sentence, text, _)| {
            let (found, _) = with_roles(text).into_iter().find(|(_, role)| *role == Role::Last)?;
            let Value::Date { iso } = &found.value else { return None };
            at(self.grounds, found.span.shifted(sentence.start()), iso, format!("the end of the {term}"))
        })
    }
}

/// The day `iso`, written at `span`; nothing where it is only a month or a year.
pub(super) fn at(grounds: &Grounds<'_>, span: Span, iso: &str, named: String) -> Option<Start> {
    Some(Start { day: day(iso)?, named, place: grounds.place(span), span: Some(span), instead_of: None })
}

fn day(iso: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(iso, "%Y-%m-%d").ok()
}

/// Whether `quote` speaks of a term and not, near its length, of when it begins: then it begins with the contract.
fn begins_with_contract(quote: &str, within: Span) -> bool {
    let from = quote.floor_char_boundary(within.start().saturating_sub(AROUND.0));
    let to = quote.floor_char_boundary((within.end() + AROUND.1).min(quote.len()));
    let near = tokens(quote.get(from..to).unwrap_or_default());
    let any = |tokens: &[Token<'_>], words: &[&str]| tokens.iter().any(|t| t.is_one_of(words));
    let all = tokens(quote);
    let lasts = any(&all, &["agreement", "contract"]) && any(&all, &["effect", "force"]);
    (lasts || any(&all, &["term"])) && !any(&near, &BEGINNING) && !any(&near, &RUNNING_FROM)
}

/// What a length of time at `within` runs from, where that is a day that no words date: "project's in-service date" of "fifteen
/// years after the project's in-service date".
fn event_after(quote: &str, within: Span) -> Option<String> {
    let after = quote.get(within.end()..)?;
    let tokens = tokens(after);
    let mut words = tokens.iter().skip_while(|t| t.kind == Kind::Mark);
    words.next().filter(|t| t.is_one_of(&["from", "after", "following"]))?;
    let words: Vec<&Token<'_>> = words.skip_while(|t| t.is("the")).take(EVENT_REACH).collect();
    let day = words.iter().position(|t| t.is_one_of(&EVENTS))?;
    let ended = words.iter().any(|t| t.is_one_of(&NO_EVENT));
    let words = words.get(..=day)?;
    let span = words.first()?.span.union(words.last()?.span);
    after.get(span.range()).filter(|_| !ended).map(str::to_owned)
}

/// The first day that a document's first lines name as the one it was made on, and the first that they let something begin on.
fn opening_days(grounds: &Grounds<'_>) -> (Option<Start>, Option<Start>) {
    const OPENING: usize = 2_500;
    let text = &grounds.document.text;
    let head = text.get(..text.floor_char_boundary(OPENING)).unwrap_or(text);
    let (mut made, mut begun) = (None, None);
    for (found, role) in with_roles(head).into_iter().filter(|(found, _)| own(grounds, found.span)) {
        let Value::Date { iso } = &found.value else { continue };
        let before = head.get(head.floor_char_boundary(found.span.start().saturating_sub(60))..found.span.start());
        let said = |word| before.is_some_and(|before| says(before, word));
        let named = ["made", "executed", "signed", "dated"].into_iter().any(said) || entered(grounds, found.span);
        let day = || at(grounds, found.span, iso, "the date in its first lines".to_owned());
        if named {
            made = made.or_else(day);
        } else if role == Role::First {
            begun = begun.or_else(day);
        }
    }
    (made, begun)
}

/// Whether the date at `date` is not one of something else than the contract.
pub(super) fn own(grounds: &Grounds<'_>, date: Span) -> bool {
    let sentence = sentences::at(&grounds.sentences, date.start());
    let text = |s: Span| grounds.document.text.get(s.range()).unwrap_or_default();
    sentence.is_none_or(|s| elsewhere::own_dates(text(s)).iter().any(|d| d.span.shifted(s.start()) == date))
}

/// Whether the sentence in which the date at `date` stands says before it that the contract is entered into: "is entered into
/// by Elm Inc. and Oak Inc. on May 1, 2011".
fn entered(grounds: &Grounds<'_>, date: Span) -> bool {
    let Some(sentence) = sentences::at(&grounds.sentences, date.start()) else { return false };
    let before = grounds.document.text.get(sentence.start()..date.start()).unwrap_or_default();
    let on = ["on", "as of", "dated"].iter().any(|word| before.trim_end().ends_with(word));
    on && says(before, "entered into")
}

/// Whether what stands between the name of a day and a date makes the date that day: "launch date of the site shall be".
fn is_dated(between: &[Token<'_>]) -> bool {
    let ends = [".", ";", ",", ":"];
    between.last().is_some_and(|t| t.is_one_of(&DATES)) && !between.iter().any(|t| ends.contains(&t.text))
}

/// What `quote` runs until, where that is a term in capitals: "Scheduled End of Supply".
fn defined_end(quote: &str) -> Option<String> {
    let tokens = tokens(quote);
    let until = |w: &[Token<'_>]| matches!(w, [until, the, ..] if ["until", "through", "upon"].iter().any(|u| until.is(u)) && the.is("the"));
    let from = tokens.windows(2).position(until)? + 2;
    let of_term = |t: &&Token<'_>| t.is("of") || (t.kind == Kind::Word && t.text.starts_with(char::is_uppercase));
    let last = tokens.iter().skip(from).take_while(of_term).last()?;
    let term = quote.get(tokens.get(from)?.span.union(last.span).range())?;
    Some(term.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The first "… Date" in capitals: "Effective Date", "Promotion Commencement Date".
pub(super) fn defined_term(quote: &str) -> Option<String> {
    capital_term(quote, &["Date"])
}

/// The first "… Term" or "… Period" in capitals: "Initial Term".
fn defined_period(quote: &str) -> Option<String> {
    capital_term(quote, &["Term", "Period"])
}

/// The first words in capitals that end with one of `heads` and are more than it.
fn capital_term(quote: &str, heads: &[&str]) -> Option<String> {
    let tokens = tokens(quote);
    let capital = |t: &&Token<'_>| t.kind == Kind::Word && t.text.starts_with(char::is_uppercase);
    let ends = (0..tokens.len()).filter(|i| tokens.get(*i).is_some_and(|t| heads.contains(&t.text)));
    ends.filter_map(|last| {
        let words = tokens.get(..last)?.iter().rev().take_while(capital).count();
        let first = tokens.get(last.checked_sub(words)?).filter(|_| words > 0)?;
        // "The Effective Date" at the head of a sentence.
        let first = if first.is("the") { tokens.get(last - words + 1)? } else { first };
        let term = quote.get(first.span.union(tokens.get(last)?.span).range())?;
        (!heads.contains(&term)).then(|| term.split_whitespace().collect::<Vec<_>>().join(" "))
    })
    .next()
}
