//! How long an agreement lasts and when it ends, where a sentence says so in so many words: "The term of this Agreement is two
//! years", "Term: May 1, 2011 to April 30, 2013". What is learned of sentences misses some of these, because each form is
//! rare.

use super::stated::{BETWEEN, WHAT, is_label};
use crate::text::Span;
use crate::values::tokens::{Kind, Token, before, tokens};
use crate::values::{find_dates, find_durations};

/// What a "Date:" is called that a term ends on.
const ENDS: [&str; 4] = ["expiration", "expiry", "termination", "end"];
/// What the day is called on which a contract ends, and words between that name and its date.
const END_DAYS: [&str; 6] = ["expiration", "expiry", "termination", "maturity", "end", "ending"];
const MEANS: [&str; 6] = ["means", "mean", "is", "be", "being", ":"];
/// How soon after the name such a word must come, how many tokens may stand between the name and the date, and words by
/// which another day is counted from that date.
const MEANS_WITHIN: usize = 3;
const MEANS_REACH: usize = 26;
const COUNTED: [&str; 7] = ["after", "following", "before", "prior", "anniversary", "from", "dated"];
/// Days of the agreement from which its end is counted, in lower case, and how soon after the length they must stand, in bytes.
const OWN_DAYS: [&str; 5] = ["date hereof", "date of this agreement", "effective date", "commencement date", "closing"];
const OWN_DAY_WITHIN: usize = 30;
/// Words that lead to the last day, and what may run until then.
const UNTIL: [&str; 15] = [
    "conclude",
    "concluding",
    "thru",
    "end",
    "ending",
    "ends",
    "until",
    "till",
    "through",
    "expire",
    "expires",
    "expiring",
    "terminate",
    "terminates",
    "terminating",
];
const RUNS: [&str; 24] = [
    "conditions",
    "validity",
    "services",
    "consulting",
    "arrangement",
    "employment",
    "facility",
    "commitment",
    "commitments",
    "loan",
    "term",
    "terms",
    "period",
    "agreement",
    "agreements",
    "contract",
    "rights",
    "appointment",
    "engagement",
    "deed",
    "lease",
    "license",
    "licence",
    "letter",
];
/// How many tokens may stand between such a word and the anniversary on which something ends.
const UNTIL_REACH: usize = 20;
/// How many tokens may count a point of a list, at most, and how soon in it the anniversary must come.
const ITEM: usize = 4;
const ITEM_REACH: usize = 10;
/// Whose anniversary it may be.
const WHAT_OF: [&str; 3] = ["agreement", "contract", "effective"];
/// Which term it is that a label names, and the most words of such a label.
const KINDS: [&str; 12] = [
    "service",
    "services",
    "subscription",
    "initial",
    "order",
    "primary",
    "contract",
    "agreement",
    "license",
    "lease",
    "original",
    "fixed",
];
const LABEL: usize = 5;
/// What lasts as long as an agreement.
const TERMS: [&str; 6] = ["term", "engagement", "appointment", "services", "consulting", "arrangement"];
/// Words before the length of a renewal.
const RENEWED: [&str; 9] =
    ["renew", "renews", "renewed", "renewal", "extend", "extended", "additional", "successive", "further"];
/// Words between a term or an agreement and how long it lasts.
const LASTING: [&str; 67] = [
    "services",
    "consulting",
    "arrangement",
    "commence",
    "commences",
    "commencing",
    "begin",
    "start",
    "starts",
    "effective",
    "primary",
    "has",
    "ends",
    "end",
    "expire",
    "expires",
    "until",
    "date",
    "that",
    "valid",
    "hereunder",
    "engagement",
    "appointment",
    "employment",
    "begins",
    "on",
    "runs",
    "the",
    "term",
    "of",
    "this",
    "agreement",
    "contract",
    "is",
    "shall",
    "will",
    "be",
    "for",
    "a",
    "an",
    "initial",
    "period",
    "continue",
    "continues",
    "remain",
    "remains",
    "in",
    "effect",
    "full",
    "force",
    "and",
    "to",
    "run",
    "last",
    "have",
    "hereof",
    "duration",
    "fixed",
    "total",
    "not",
    "less",
    "than",
    ":",
    ",",
    "(",
    ")",
    "\"",
];

/// "End of Initial Term | 18-Feb-2002".
fn is_end_label(before: &[&Token<'_>]) -> bool {
    let words: Vec<&&Token<'_>> = before.iter().filter(|t| t.kind == Kind::Word && !t.is("initial")).collect();
    matches!(words.as_slice(), [.., end, of, term] if end.text == "End" && of.is("of") && term.is("term"))
}

/// Whether `sentence` is a recital: "WHEREAS, the lease will expire on June 30, 1996".
pub(super) fn is_recital(sentence: &str) -> bool {
    // "W I T N E S S E T H: THAT WHEREAS, Elm".
    let head = sentence.get(..sentence.floor_char_boundary(RECITAL)).unwrap_or(sentence);
    head.trim_start().to_ascii_lowercase().starts_with("whereas") || head.contains("WHEREAS")
}

/// How far into a sentence that word may stand, in bytes.
const RECITAL: usize = 45;

/// Whether `heading`, a short line, is the name of the day on which an agreement ends: "1.32  Termination Date".
pub(super) fn is_end_heading(heading: &str) -> bool {
    let tokens = tokens(heading);
    let words: Vec<&Token<'_>> = tokens.iter().filter(|t| t.kind == Kind::Word).collect();
    // "2.08 Required Payments; Maturity Date".
    ends_with_end_day(&words) && words.len() <= LABEL && !tokens.iter().any(|t| t.text == ";")
}

/// The whole of a `sentence` that says by its name which day ends it: "“Termination Date” means January 31, 2009", or "means the
/// date 364 days after the date hereof".
pub(super) fn names_its_end(sentence: &str) -> Option<Span> {
    let tokens = tokens(sentence);
    let named = |span: Span| is_named_end(&before(&tokens, span.start()));
    // A length must be counted from the agreement.
    let own = |length: Span| {
        let after = sentence.get(length.end()..).unwrap_or_default().to_ascii_lowercase();
        OWN_DAYS.iter().any(|day| after.find(day).is_some_and(|at| at <= OWN_DAY_WITHIN))
    };
    // "the “Extended Maturity Date” shall be": a day that only comes where nothing names another.
    if tokens.windows(2).any(|w| matches!(w, [extended, day] if extended.is("extended") && day.is_one_of(&END_DAYS))) {
        return None;
    }
    let dated = find_dates(sentence).iter().any(|date| named(date.span));
    let counted = || find_durations(sentence).iter().any(|length| named(length.span) && own(length.span));
    // "the 12th monthly anniversary of the date hereof".
    let yearly = || tokens.iter().filter(|t| t.is("anniversary")).any(|t| named(t.span) && own(t.span));
    (dated || called_end(sentence, &tokens) || counted() || yearly()).then(|| Span::new(0, sentence.len()))
}

/// Whether `words` end with the name of the day on which a contract ends: "Expiration Date".
fn ends_with_end_day(words: &[&Token<'_>]) -> bool {
    matches!(words, [.., day, date] if date.is("date") && day.is_one_of(&END_DAYS))
}

/// Whether a date of `sentence` is called its end: "loans are made until December 4, 1995 (the “Commitment Expiration Date”)".
fn called_end(sentence: &str, tokens: &[Token<'_>]) -> bool {
    find_dates(sentence).iter().any(|date| ends_with_end_day(&called(tokens, date.span)))
}

/// The words of what is said at `span` is called, in brackets after it: "(the “Expiration Date”)" without "the".
fn called<'t>(tokens: &'t [Token<'t>], span: Span) -> Vec<&'t Token<'t>> {
    let mut after = tokens.iter().skip_while(|t| t.span.start() < span.end());
    if !after.next().is_some_and(|t| t.text == "(") {
        return Vec::new();
    }
    let words: Vec<&Token<'_>> = after.take_while(|t| t.text != ")").filter(|t| t.kind == Kind::Word).collect();
    match words.as_slice() {
        [the, called @ ..] if the.is("the") && called.len() <= CALLED => called.to_vec(),
        _ => Vec::new(),
    }
}

/// The most words of what a day is called, in brackets.
const CALLED: usize = 5;

/// "Expiration Date" and words by which the date after `before` is that day.
pub(crate) fn is_named_end(before: &[&Token<'_>]) -> bool {
    let Some(links) = before.windows(2).rposition(ends_with_end_day).and_then(|at| before.get(at + 2..)) else {
        return false;
    };
    let means = links.iter().position(|t| t.is_one_of(&MEANS)).filter(|at| *at <= MEANS_WITHIN);
    // Between may stand "the earliest to occur of (a)" or "with respect to any Lender,"; "11:00 A.M. on" does not end the
    // sentence, "any of the following:" counts nothing.
    let stops = |w: &[&Token<'_>]| matches!(w, [of, stop] if stop.text == "." && !of.text.contains('.'));
    let counts = |w: &[&Token<'_>]| matches!(w, [word, next] if word.is_one_of(&COUNTED) && next.text != ":");
    let last = links.last().is_some_and(|t| t.is_one_of(&COUNTED));
    let straight = links.len() <= MEANS_REACH && !last && !links.windows(2).any(|w| stops(w) || counts(w));
    means.is_some() && straight
}

/// Whether `sentence` says how long the agreement lasts: "The term of this Agreement is two years".
pub(super) fn lasts(sentence: &str) -> Option<Span> {
    let tokens = tokens(sentence);
    let dates: Vec<Span> = find_dates(sentence).into_iter().map(|date| date.span).collect();
    let long = |length: Span| {
        let before = before(&tokens, length.start());
        // "begins on May 1, 2011 and runs for".
        let dated = |t: &Token<'_>| dates.iter().any(|d| d.covers(t.span));
        // "the term of this Charter is".
        let this = |at: usize| at.checked_sub(1).and_then(|led| before.get(led)).is_some_and(|led| led.is("this"));
        let run = before.iter().enumerate().rev();
        let run = run.take_while(|(at, t)| t.is_one_of(&LASTING) || dated(t) || this(*at));
        let is = |words: &[&str]| run.clone().any(|(_, t)| t.is_one_of(words));
        // "the term of this Agreement is", "this Agreement shall remain in effect for".
        // "during the term and for two years".
        let last = before.len().checked_sub(2).and_then(|at| before.get(at..));
        let thereafter = matches!(last, Some([and, after]) if and.is("and") && (after.is("for") || after.is("a")));
        // "It shall have a duration of seven years".
        let it = || before.first().is_some_and(|t| t.is("it")) || is(&["this"]);
        is_term(&tokens, length)
            || ends_after(&tokens, length)
            || is_labelled(&before)
            || !thereafter
                && is(&TERMS)
                && is(&["is", "be", "for", "has", "have", "end", "ends", "expire", "expires", ":"])
            || is(&["duration"]) && is(&["has", "have"]) && it()
            || (is(&["agreement", "contract", "this"]) && is(&["effect", "force", "valid", "effective"]))
    };
    let whole = Span::new(0, sentence.len());
    let lasts = find_durations(sentence).into_iter().any(|found| long(found.span));
    (lasts || runs_from(sentence, &tokens) || until_anniversary(&tokens) || is_item_anniversary(&tokens))
        .then_some(whole)
}

/// Whether `before` a length of time is a label that says it is the one of a term: "4. Initial Term", "Order Term |".
fn is_labelled(before: &[&Token<'_>]) -> bool {
    let words: Vec<&&Token<'_>> = before.iter().filter(|t| t.kind == Kind::Word).collect();
    let kind = |t: &Token<'_>| t.is_one_of(&KINDS);
    let capital = |t: &Token<'_>| t.text.starts_with(char::is_uppercase);
    match words.as_slice() {
        [term, of, .., what] if term.is("term") && of.is("of") && words.len() <= LABEL => {
            capital(term) && what.is_one_of(&WHAT)
        }
        [.., of, term] if words.len() <= LABEL => {
            kind(of) && capital(of) && term.is_one_of(&["term", "period", "duration"])
        }
        [term] => before.len() <= LABEL && capital(term) && (term.is("term") || term.is("duration")),
        _ => false,
    }
}

/// "this Agreement shall remain in effect until the fifth anniversary".
fn until_anniversary(tokens: &[Token<'_>]) -> bool {
    let Some(at) = tokens.iter().position(|t| t.is("anniversary")) else { return false };
    let before = tokens.get(..at).unwrap_or_default();
    let Some(until) = before.iter().rposition(|t| t.is_one_of(&UNTIL)) else { return false };
    let mut run = before.iter().take(until).rev().take_while(|t| t.is_one_of(&LASTING));
    // "commencing on the date of this agreement and ending on": a period of something else.
    let other = before.get(..until).and_then(<[_]>::last).is_some_and(|t| t.is("and"));
    !other && at - until <= UNTIL_REACH && run.any(|t| t.is_one_of(&WHAT))
}

/// Whether the length at `length` is one of a term and not of its renewal: "agree to a 24 month term".
fn is_term(tokens: &[Token<'_>], length: Span) -> bool {
    let term = tokens.iter().find(|t| t.span.start() >= length.end()).is_some_and(|t| t.is("term"));
    let what = tokens.iter().any(|t| t.is("agreement") || t.is("contract") || t.is("parties"));
    let renewed = |t: &Token<'_>| t.is_one_of(&RENEWED);
    term && what && !before(tokens, length.start()).into_iter().any(renewed)
}

/// "your obligations hereunder shall terminate two years from the date of this letter".
fn ends_after(tokens: &[Token<'_>], length: Span) -> bool {
    const ENDS: [&str; 8] = ["terminate", "terminates", "expire", "expires", "end", "ends", "cease", "lapse"];
    let before = before(tokens, length.start());
    let ends = before.last().is_some_and(|t| t.is_one_of(&ENDS));
    let near = before.get(before.len().saturating_sub(ENDED_REACH)..).unwrap_or_default();
    let what = near.iter().any(|t| t.is_one_of(&WHAT) || t.is_one_of(&["obligations", "undertakings", "facility"]));
    let after: Vec<&Token<'_>> = tokens.iter().skip_while(|t| t.span.start() < length.end()).take(3).collect();
    let from = |w: &[&Token<'_>]| match w {
        [from, the, date] => (from.is("from") || from.is("after")) && the.is("the") && date.is("date"),
        _ => false,
    };
    ends && what && from(&after)
}

/// How many tokens before such a word say what ends.
const ENDED_REACH: usize = 8;

/// "Two (2) years from the Effective Date", below a heading that says of what.
fn runs_from(sentence: &str, tokens: &[Token<'_>]) -> bool {
    let Some(length) = find_durations(sentence).into_iter().next().filter(|found| found.span.start() == 0) else {
        return false;
    };
    let after = tokens.iter().skip_while(|t| t.span.start() < length.span.end());
    let mut after = after.skip_while(|t| t.is("commencing") || t.is("beginning"));
    let from = after.next().is_some_and(|t| t.is_one_of(&["from", "after", "on"]));
    let day = |t: &Token<'_>| t.is_one_of(&["effective", "commencement", "start", "closing"]);
    let named: Vec<&Token<'_>> = after.skip_while(|t| t.is("the")).take(3).collect();
    from && named.windows(2).any(|w| matches!(w, [of, date] if day(of) && date.is("date")))
}

/// "(a) the fifth (5th) anniversary of this Agreement": of several days on which a term may end, listed below the sentence.
fn is_item_anniversary(tokens: &[Token<'_>]) -> bool {
    let item =
        tokens.iter().position(|t| t.is("the")).is_some_and(|the| the <= ITEM && tokens.iter().take(the).all(is_mark));
    let at = tokens.iter().position(|t| t.is("anniversary")).filter(|at| item && *at <= ITEM_REACH);
    let of = at.and_then(|at| tokens.get(at + 1..at + 4));
    matches!(of, Some([of, this, agreement]) if of.is("of") && (this.is("this") || this.is("the")) && agreement.is_one_of(&WHAT_OF))
}

/// Whether a token can be part of what counts the points of a list: "(a)", "ii.".
fn is_mark(token: &Token<'_>) -> bool {
    token.kind == Kind::Mark || token.text.len() <= 3
}

/// Whether a token may stand between "until" and a date: "until the earlier of (a)".
fn is_filler(token: &Token<'_>) -> bool {
    const ONE_OF: [&str; 12] =
        ["midnight", "close", "business", "earlier", "earliest", "later", "(", ")", "a", "i", "therefore", "occur"];
    token.is_one_of(&BETWEEN) || token.is_one_of(&ONE_OF)
}

/// What of `sentence` says on which day a term ends: all of a sentence that lets a term or a period run to a date.
pub(super) fn ends(sentence: &str) -> Option<Span> {
    let tokens = tokens(sentence);
    let dates = find_dates(sentence);
    let ends = |date: &Span| {
        let before = before(&tokens, date.start());
        let Some(at) = before.iter().rposition(|t| !is_filler(t)) else { return false };
        // "until and including", "up to and including", "to but excluding".
        let including = before.get(at).is_some_and(|t| t.is("including") || t.is("excluding"));
        let at = if including { at.saturating_sub(2) } else { at };
        // "to" leads to an end only where a beginning stands before it: "from May 1 to June 1".
        let word = before.get(at);
        let begun = |t: &&&Token<'_>| dates.iter().any(|d| d.span.end() <= t.span.start());
        let to = word.filter(|t| t.is("to") || t.is("-") || t.is("–")).is_some_and(|t| begun(&t));
        // "up to", "extended to".
        let led = at.checked_sub(1).and_then(|i| before.get(i));
        let up = word.is_some_and(|t| t.is("to")) && led.is_some_and(|t| t.is("up") || t.is("extended"));
        // "The Facility shall terminate and all is due at the earlier of (i)".
        let skipped = before.get(at..).unwrap_or_default();
        let earlier = skipped.iter().any(|t| t.is("earlier") || t.is("earliest"));
        let earlier = earlier && before.iter().any(|t| t.is_one_of(&UNTIL));
        // "their farm lease, which expires on May 1, 2011".
        let which = at.checked_sub(1).and_then(|i| before.get(i)).is_some_and(|t| t.is("which"));
        let other = which && before.iter().rev().find(|t| t.is_one_of(&RUNS)).is_some_and(|t| !t.is_one_of(&TERMS));
        let ends = to || up || earlier || (!other && word.is_some_and(|t| t.is_one_of(&UNTIL)));
        // "from the date hereof through May 1, 2011 (the “Employment Period”)".
        let runs = before.iter().take(at).any(|t| t.is_one_of(&RUNS))
            || called(&tokens, *date).last().is_some_and(|t| t.is("period") || t.is("term"));
        is_end_label(&before) || is_named_end(&before) || ends && runs
    };
    let ends = dates.iter().any(|d| ends(&d.span) || is_label(&tokens, d.span, &ENDS));
    ends.then(|| Span::new(0, sentence.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_day_of_the_end_is_found() {
        for whole in [
            "Expiration Date: June 30, 2015",
            "The rights granted herein expire on 31 March 2016.",
            "TERM: November 01, 2014 to October 31, 2017",
            "Terms of the project: 12 weeks from May 8, 2018 to July 3, 2018",
            "“CONTRACT PERIOD” means the time commencing on signature and terminating on May 31, 2016.",
            "This Agreement shall be in effect until March 18. 2021, unless ended before.",
            "The Contract is valid till December 31, 2009.",
            "This Agreement shall be in force from 1.2.2013 up to 31.1.2018.",
            "The Term is hereby extended from July 1, 2014 to and including December 31, 2015.",
            "| End of Initial Term | 18 February 2002 |",
            "the Term of Employment is hereby extended to December 31, 2005.",
            "The Facility shall terminate and all shall be due at the earlier of (i) April 1, 1998, (ii) its end.",
            "These conditions shall be in force for two years commencing January 1, 2005 and ending, therefore, on May 1, 2007.",
            "“Extended Maturity Date” means September 20, 2013.",
            "“Contract Period” shall mean the time commencing as of May 31, 1999 and concluding May 31, 2000.",
            "This Agreement shall remain in force until the close of business on September 30, 1997.",
            "We pay your salary from the date hereof through December 31, 2007 (the “Employment Period”).",
            "Order Validity: 01/01/2009 thru 12/31/2010",
            "Your consulting will start on the day after it and will run through May 31, 2015.",
            "“License Period” means the period commencing on May 1, 2005 and expiring on the earlier of May 1, 2009 or its end.",
        ] {
            assert_eq!(ends(whole), Some(Span::new(0, whole.len())), "{whole}");
        }
        for other in [
            "They receive rent under their farm lease, which expires on May 1, 2011.",
            "The term begins on May 1, 2011.",
            "Goods were sold from May 1, 2011 to June 1, 2011.",
            "until May 2",
        ] {
            assert_eq!(ends(other), None, "{other}");
        }
    }

    #[test]
    fn an_end_may_be_dated_by_its_name() {
        for whole in [
            "“Termination Date” means January 31, 2009, or such earlier date as follows from Section 2.",
            "The \"Expiration Date\" shall mean December 19, 2002.",
            "The Bank agrees to make loans to and including December 4, 1995 (the \"COMMITMENT EXPIRATION DATE\").",
            "\"Revolving Commitment Ending Date\": September 27, 2001.",
            "Revolving Credit Termination Date:  May 15, 2000.",
            "“Maturity Date” shall mean the earliest to occur of (a) December 31, 2026, and (b) the date of termination.",
            "“Termination Date” means the earlier of (a) the date 364 days after the date hereof or (b) its end.",
            "“Loan Maturity Date” means the earlier of (i) the acceleration under Section 6.3 or (ii) December 31, 2012.",
            "\"Termination Date\" means 11:00 A.M. Ellmar time on December 29, 2000, or an earlier date.",
            "\"Loan End Date\" means the earliest of the following: (i) as to the Note, April 16, 2007, or (ii) its end.",
            "\"PERIOD TERMINATION DATE\" shall mean the date which is the 12th monthly anniversary of the date hereof.",
            "“Commitment Termination Date” means, with respect to any Lender, August 23, 2011, or a later date.",
        ] {
            assert_eq!(names_its_end(whole), Some(Span::new(0, whole.len())), "{whole}");
        }
        for other in [
            "Until the Termination Date. May 1, 2011 is a holiday.",
            "\"Closing Date\" means May 1, 2011.",
            "“Termination Date” means two years from May 1, 2011.",
            "the “Extended Maturity Date” shall be May 29, 2012.",
        ] {
            assert_eq!(names_its_end(other), None, "{other}");
        }
    }

    #[test]
    fn a_recital_and_a_heading_are_known() {
        assert!(is_recital("W I T N E S S E T H : WHEREAS, the lease will expire on June 30, 1996;"));
        assert!(!is_recital("It expires on June 30, 1996."));
        assert!(is_end_heading("1.32  Termination Date") && is_end_heading("MATURITY DATE."));
        assert!(
            !is_end_heading("Effective Date")
                && !is_end_heading("Until the date on which it reaches its Termination Date")
        );
    }

    #[test]
    fn what_says_how_long_an_agreement_lasts_is_found() {
        for whole in [
            "Term: twelve (12) months from the date of the Agreement.",
            "The term of this Agreement is twenty-four (24) months.",
            "This Agreement shall continue in effect for a period of one year from its execution.",
            "The initial term of this Agreement begins on May 1, 2011 and runs for a 36-month period.",
            "The parties agree to a 24-month term, beginning on October 15, 2010.",
            "Two (2) years from the Effective Date, renewable.",
            "(a) The fifth (5th) anniversary of this Agreement; and",
            "This Agreement shall be valid for three years from the date of signing.",
            "Your services will commence on January 15, 2002 and will continue for six months.",
            "This facility shall expire twelve (12) months from the date hereof, and no loans are made then.",
            "Except as stated, your obligations hereunder shall terminate two years from the date of this letter.",
            "2. Term of Agreement 1 year(s) commencing December 1, 1998.",
            "4. Initial Term Three (3) years from the Commencement Date",
            "36 months from Commencement Date",
            "It shall have a duration of seven (7) years from its entry into force.",
            "This Basic Agreement shall be effective for one (1) year from the date of its conclusion.",
            "The term of this Charter is four (4) years from the Effective Date.",
            "His appointment shall be for one (1) year from the date hereof.",
            "This Agreement shall remain in effect until the earlier of these: (a) The fifth (5th) anniversary of it.",
        ] {
            assert_eq!(lasts(whole), Some(Span::new(0, whole.len())), "{whole}");
        }
        for other in [
            "During the term and for two years thereafter he keeps secrets.",
            "A further 2-year term of this Agreement",
        ] {
            assert_eq!(lasts(other), None, "{other}");
        }
        for other in [
            "The warranty shall have a duration of two years.",
            "The warranty is two years.",
            "During the term, either party may end it on two months' notice.",
        ] {
            assert_eq!(lasts(other), None, "{other}");
        }
    }
}
