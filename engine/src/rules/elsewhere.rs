//! Dates that belong to something else than the agreement: to another document ("under the License Agreement dated May 1,
//! 1998"), to an end ("which expires on June 30, 2012"), to what came before it or is still to come.

use super::lasting::is_named_end;
use super::stated::{BEGIN, is_called_effective, is_filler};
use crate::text::Span;
use crate::values::tokens::{Kind, Token, before, tokens};
use crate::values::{Found, find_dates};

/// What bears a date of its own.
const DOCUMENTS: [&str; 36] = [
    "facility",
    "quotation",
    "bid",
    "instrument",
    "trust",
    "declaration",
    "agreement",
    "agreements",
    "contract",
    "letter",
    "lease",
    "license",
    "licence",
    "plan",
    "deed",
    "attorney",
    "intent",
    "credit",
    "understanding",
    "note",
    "order",
    "proposal",
    "report",
    "statement",
    "notice",
    "indenture",
    "memorandum",
    "permit",
    "certificate",
    "prospectus",
    "policy",
    "patent",
    "schedule",
    "specification",
    "resolution",
    "request",
];
/// Words before such a document that make it another one, and those that make it this one.
const ANOTHER: [&str; 16] = [
    "to", "the", "a", "an", "that", "certain", "its", "their", "our", "your", "by", "under", "prior", "previous",
    "said", "per",
];
const THIS: [&str; 4] = ["this", "these", "present", "hereby"];
/// What takes effect on a day of its own.
const RULES: [&str; 7] = ["rules", "regulations", "act", "law", "laws", "tariff", "schedule"];
/// How many tokens may name its parties before the date: "between the parties".
const PARTIES: usize = 4;
/// How many tokens the name of a document may have before its date.
const NAME_REACH: usize = 12;
/// Words right before a date by which something ended, was there already, or is still to be done.
const OTHER_DAYS: [&str; 27] = [
    "expire",
    "expires",
    "expired",
    "expiring",
    "expiry",
    "until",
    "till",
    "through",
    "since",
    "before",
    "than",
    "by",
    "ended",
    "ending",
    "issued",
    "filed",
    "granted",
    "obtained",
    "acquired",
    "founded",
    "adopted",
    "published",
    "approved",
    "enacted",
    "registered",
    "recorded",
    "revised",
];

/// Words by which a date before which they stand can be the agreement's own.
const OWN: [&str; 27] = [
    "presents",
    "execute",
    "sign",
    "witness",
    "agreement",
    "contract",
    "made",
    "entered",
    "dated",
    "date",
    "executed",
    "effective",
    "signed",
    "day",
    "commence",
    "commences",
    "commencing",
    "commencement",
    "begin",
    "begins",
    "beginning",
    "start",
    "starts",
    "starting",
    "concluded",
    "effect",
    "force",
];
/// In how many tokens before the date they are looked for.
const OWN_REACH: usize = 30;

/// Words of what is paid or counted from a date on, and in how many tokens before it they are looked for.
const PAID: [&str; 10] = [
    "payable",
    "installment",
    "installments",
    "instalments",
    "payment",
    "payments",
    "interest",
    "quarter",
    "quarterly",
    "shipments",
];
const PAID_REACH: usize = 8;

/// Whether the date at `date` of a sentence with `tokens` is that of something else than the agreement itself.
pub(super) fn is_elsewhere(tokens: &[Token<'_>], date: Span) -> bool {
    let before = before(tokens, date.start());
    let says = |t: &Token<'_>| t.is("dated") || !is_filler(t);
    let Some(at) = before.iter().rposition(|t| says(t)) else { return false };
    let after = || tokens.iter().skip_while(|t| t.span.start() < date.end());
    // "Amendment to Supply Agreement dated May 1, 2011 (this “Amendment”)".
    let this =
        matches!(after().take(2).collect::<Vec<_>>().as_slice(), [open, this] if open.text == "(" && this.is("this"));
    if this || is_called_effective(after()) {
        return false;
    }
    if is_named_end(&before) {
        return true;
    }
    let word = before.get(at);
    if word.is_some_and(|t| t.is_one_of(&OTHER_DAYS)) {
        return true;
    }
    // "the License Agreement dated May 1, 1998", "the agreement of May 1, 1998".
    let of = before.get(at + 1).is_some_and(|t| t.is("of")) && before.len() == at + 2;
    // "which it bought on May 1, 1998": a date on a line of its own follows no small letters.
    let as_of = before.windows(2).rev().take(3).any(|w| matches!(w, [first, of] if first.is("as") && of.is("of")));
    let told = !as_of && before.last().is_some_and(|t| t.text.starts_with(char::is_lowercase));
    let mut near = before.iter().rev().take(OWN_REACH);
    if told && !near.any(|t| t.is_one_of(&OWN)) {
        return true;
    }
    // "payable quarterly, commencing March 31, 1997".
    let begins = word.is_some_and(|t| t.is_one_of(&BEGIN));
    let paid = || before.iter().rev().take(PAID_REACH).any(|t| t.is_one_of(&PAID));
    if begins && paid() {
        return true;
    }
    // "which came into force on October 1, 1999".
    let took = |t: &&Token<'_>| t.is_one_of(&["came", "went", "took"]);
    if before.get(at.saturating_sub(2)..at).is_some_and(|led| led.iter().any(took)) {
        return true;
    }
    // "its rules effective as of May 1, 2005".
    let of_rules = at.checked_sub(1).and_then(|of| before.get(of)).is_some_and(|t| t.is_one_of(&RULES));
    match word {
        Some(t) if t.is("effective") => of_rules || of_another(before.get(..at).unwrap_or_default()),
        Some(t) if t.is("dated") => of_another(before.get(..at).unwrap_or_default()),
        Some(_) if of => of_another(before.get(..=at).unwrap_or_default()),
        _ => false,
    }
}

/// The dates of `text` that can be the agreement's own.
pub(crate) fn own_dates(text: &str) -> Vec<Found> {
    let tokens = tokens(text);
    find_dates(text).into_iter().filter(|date| !is_elsewhere(&tokens, date.span)).collect()
}

/// `before` without the brackets at its end, and these: "the Employment Agreement", "(the “Agreement”),".
fn parted<'t, 'a>(before: &'t [&'t Token<'a>]) -> (&'t [&'t Token<'a>], &'t [&'t Token<'a>]) {
    let end = before.iter().rposition(|t| t.text != ",").map_or(0, |at| at + 1);
    let closed = end.checked_sub(1).and_then(|at| before.get(at)).is_some_and(|t| t.text == ")");
    let open = before.iter().rposition(|t| t.text == "(").filter(|_| closed);
    before.split_at(open.unwrap_or(end))
}

/// Whether `before` ends with the name of another document.
fn of_another(before: &[&Token<'_>]) -> bool {
    let (name, bracket) = parted(before);
    // "This Amendment to the Supply Agreement (this “Amendment”), dated May 1, 1998".
    if bracket.get(1).is_some_and(|t| t.is("this")) {
        return false;
    }
    // "the Agreement between the parties dated May 1, 1999".
    let between = name.iter().rposition(|t| t.is("between") || t.is("among")).filter(|at| name.len() - at <= PARTIES);
    let name = name.get(..between.unwrap_or(name.len())).unwrap_or(name);
    let mut name = name.iter().rev().skip_while(|t| t.text == "," || t.is("(") || t.text == ")");
    if !name.next().is_some_and(|t| t.is_one_of(&DOCUMENTS)) {
        return false;
    }
    let named = |t: &&&Token<'_>| t.kind != Kind::Mark || ["&", "-", "/", ",", "."].contains(&t.text);
    let names: Vec<&&Token<'_>> = name.take_while(named).take(NAME_REACH).collect();
    let Some(at) = names.iter().position(|t| t.is_one_of(&THIS) || t.is_one_of(&ANOTHER)) else { return false };
    let is = |at: usize, word: &str| names.get(at).is_some_and(|t| t.is(word));
    // "This is an agreement dated May 1, 1998", "THIS AMENDMENT TO SUPPLY AGREEMENT, dated May 1, 1998".
    let marked = before.last().is_some_and(|t| t.text == ",");
    let titled = || marked && is(at, "to") && names.iter().skip(at).any(|t| t.is_one_of(&THIS));
    let itself = (is(at + 1, "is") && is(at + 2, "this")) || titled();
    !itself && names.get(at).is_some_and(|t| t.is_one_of(&ANOTHER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elsewhere(sentence: &str) -> Vec<bool> {
        let tokens = tokens(sentence);
        find_dates(sentence).iter().map(|date| is_elsewhere(&tokens, date.span)).collect()
    }

    #[test]
    fn a_date_of_another_document_or_of_an_end_is_not_the_agreements() {
        for sentence in [
            "Under a Software License Agreement dated December 28, 1998 (the “License”), Elm licensed it.",
            "which has retained us under a letter dated September 5, 2006",
            "including the agency agreement of August 15, 1987",
            "The letter of credit expires on May 20, 2012.",
            "THIS AMENDMENT to that certain Employment Agreement (the “Agreement”), effective as of May 1, 2011, is made",
            "as to the Facility dated July 24, 1995 as amended",
            "The Mutual Agreement between the parties dated May 18, 1999 remains in effect.",
            "It is in effect until 9:00 a.m. Central Time on July 1, 2026.",
            "Interest is payable at the end of each quarter, commencing March 31, 1997.",
            "“Stated Maturity Date” means December 31, 2000.",
            "An ICP licence obtained on April 9, 2008 is needed.",
        ] {
            assert_eq!(elsewhere(sentence), [true], "{sentence}");
        }
    }

    #[test]
    fn its_own_date_is_its_own() {
        for sentence in [
            "This Supply Agreement dated as of May 17, 2013 is made by Elm Inc.",
            "SUPPLY AGREEMENT, dated May 17, 2013, between Elm Inc. and Oak Inc.",
            "THIS PURCHASE AGREEMENT, effective as of May 9, 2003 (the \"Agreement\"), is by and among them",
            "This AMENDMENT NO. 2 TO EMPLOYMENT AGREEMENT (this “Amendment”), dated as of November 23, 2015, is between",
            "This AMENDMENT NO. 2 TO EMPLOYMENT AGREEMENT, dated as of November 23, 2015, is between",
            "Dated May 17, 2013",
            "THIS SECOND AMENDMENT TO CREDIT AGREEMENT, dated as of July 25, 2014 (this “Agreement”), is made",
            "THIS SECOND AMENDMENT TO CREDIT AGREEMENT, dated as of July 25, 2014, is made",
            "THIS AGREEMENT is made the 14th day of March, 2002",
        ] {
            assert_eq!(elsewhere(sentence), [false], "{sentence}");
        }
    }
}
