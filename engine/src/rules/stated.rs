//! The day on which an agreement is made or takes effect, where it is said in so many words: "is effective June 9, 2014",
//! "“Effective Date” means 7 March 2005". What is learned of dates and sentences misses some of these, because each form is
//! rare.

use super::elsewhere::is_elsewhere;
use crate::text::Span;
use crate::values::find_dates;
use crate::values::tokens::{Kind, Token, before, tokens};

/// Words that may stand between "effective" or "commence" and the date.
pub(super) const BETWEEN: [&str; 16] =
    ["as", "of", "on", "from", "the", "date", "is", "shall", "be", "upon", "and", "this", "dated", "at", ",", ":"];
/// Words that make what follows them a beginning.
pub(super) const BEGIN: [&str; 5] = ["commence", "commences", "commencing", "begin", "begins"];
/// The last words by which an agreement says that it is made.
const MADE: [&str; 6] = ["made", "into", "executed", "follows", "agreed", "concluded"];
/// How many tokens may lead from "by these presents" to the date.
const PRESENTS: usize = 8;
/// Words of a time of day.
const TIMES: [&str; 18] = [
    "clock",
    "a.m",
    "p.m",
    "am",
    "pm",
    "o'clock",
    "noon",
    "midnight",
    "eastern",
    "central",
    "mountain",
    "pacific",
    "standard",
    "daylight",
    "prevailing",
    "greenwich",
    "local",
    "time",
];
/// What a "Date:" is called that a term begins on.
const STARTS: [&str; 2] = ["commencement", "start"];
/// What begins: a sentence about a delivery or a payment begins something else.
pub(super) const WHAT: [&str; 9] =
    ["term", "agreement", "contract", "appointment", "deed", "lease", "amendment", "addendum", "covenant"];

/// What of `sentence` says on which day the agreement takes effect: the date after "effective", and all of a sentence that
/// defines the day or lets a term begin on it, as people mark them.
pub(super) fn takes_effect(sentence: &str) -> Option<Span> {
    let tokens = tokens(sentence);
    // What came before the agreement took effect too.
    if tokens.first().is_some_and(|t| t.is("whereas")) {
        return None;
    }
    find_dates(sentence).into_iter().find_map(|date| {
        let before = before(&tokens, date.span.start());
        let after = tokens.iter().skip_while(|t| t.span.start() < date.span.end());
        if is_effective(&before) || is_called_effective(after) {
            return Some(date.span);
        }
        (is_defined(&before) || begins(&before)).then_some(Span::new(0, sentence.len()))
    })
}

/// The date of `sentence` on which it lets the agreement or its term begin: "This Agreement shall commence on May 1, 2011".
pub(super) fn begins_on(sentence: &str) -> Option<Span> {
    let tokens = tokens(sentence);
    let on = |date: &Span| {
        let before = before(&tokens, date.start());
        // "its rules effective as of May 1, 2005" are not the agreement's.
        let this = || tokens.iter().skip_while(|t| t.span.start() < date.end()).take(3).any(|t| t.is("this"));
        // "Amended and Restated Effective May 1, 2011": a title. "Effective as of May 1, 2011": a line of a cover.
        let restated =
            || before.iter().any(|t| t.is("restated")) || before.first().is_some_and(|t| t.text == "Effective");
        let own = || (before.iter().any(|t| t.is("this")) || this() || restated()) && !is_elsewhere(&tokens, *date);
        begins(&before) || (is_effective(&before) && own())
    };
    find_dates(sentence).iter().map(|date| date.span).find(|date| on(date) || is_label(&tokens, *date, &STARTS))
}

/// Whether the date at `date` stands after a label of one of `kinds`: "Commencement Date: May 1, 2011".
pub(super) fn is_label(tokens: &[Token<'_>], date: Span, kinds: &[&str]) -> bool {
    let before = before(tokens, date.start());
    let kind = |t: &Token<'_>| t.is_one_of(kinds);
    match before.as_slice() {
        [.., of, date, mark] if mark.text == ":" || mark.text == "|" => kind(of) && date.is("date"),
        // The line below it: "Commencement Date", and then "2 October 2006".
        [.., of, date] => kind(of) && date.text == "Date",
        _ => false,
    }
}

/// The date of `sentence` that the agreement itself calls its day of effect: "May 1, 2011 (the “Effective Date”)", or
/// "Effective Date: May 1, 2011".
pub(super) fn called_effective(sentence: &str) -> Option<Span> {
    if !sentence.to_ascii_lowercase().contains("effective") {
        return None;
    }
    let tokens = tokens(sentence);
    let after = |date: Span| tokens.iter().skip_while(move |t| t.span.start() < date.end());
    let called = |date: &Span| {
        let called = is_called_effective(after(*date)) || is_label(&tokens, *date, &["effective"]);
        called || is_defined(&before(&tokens, date.start()))
    };
    find_dates(sentence).into_iter().map(|date| date.span).find(called)
}

/// The date of `sentence` on which it says that this agreement is made: "This Lease is entered into on May 1, 2011".
pub(super) fn made_on(sentence: &str) -> Option<Span> {
    let tokens = tokens(sentence);
    let made = |date: &Span| {
        let before = before(&tokens, date.start());
        let Some(said) = before.iter().rposition(|t| !t.is_one_of(&BETWEEN)) else { return false };
        let is =
            |at: Option<usize>, words: &[&str]| at.and_then(|at| before.get(at)).is_some_and(|t| t.is_one_of(words));
        // "is made effective May 1, 2011".
        let says = is(Some(said), &MADE) || (is(Some(said), &["effective"]) && is(said.checked_sub(1), &MADE));
        // "This Amendment (the “Amendment”), dated May 1, 2011 but effective".
        let led = |word: &str| before.iter().skip(said).any(|t| t.is(word));
        let dated = || led("dated") && !is_elsewhere(&tokens, *date);
        // "entered into by and between Elm Inc. (“Elm”) and Oak Inc. (“Oak”) on May 1, 2011".
        let closes = || {
            let agreed = before.iter().any(|t| t.is_one_of(&MADE));
            let after_names = before.get(said).is_some_and(|t| t.text == ")");
            let between = before.iter().any(|t| t.is("between") || t.is("among"));
            agreed && between && after_names && (led("on") || led("this") || led("as"))
        };
        let own = before.iter().any(|t| t.is("this") || t.is("concluded"));
        // "Know all men by these presents, that on this 2nd day of October, 1995,".
        let presents = before.iter().position(|t| t.is("presents")).is_some_and(|at| before.len() - at <= PRESENTS);
        presents || closes() || own && (says || dated()) || titled(&before) && introduces(&tokens, *date)
    };
    find_dates(sentence).into_iter().map(|date| date.span).find(made)
}

/// "CREDIT AGREEMENT dated as of": nothing but a title stands before the date.
fn titled(before: &[&Token<'_>]) -> bool {
    let Some(dated) = before.iter().position(|t| t.is("dated")) else { return false };
    let title: Vec<&&Token<'_>> = before.iter().take(dated).filter(|t| t.kind == Kind::Word).collect();
    let capital = |t: &&&Token<'_>| t.text.starts_with(char::is_uppercase) || t.is_one_of(&["and", "of", "to"]);
    let bare = before.iter().skip(dated + 1).all(|t| t.is_one_of(&BETWEEN));
    (1..=TITLE).contains(&title.len())
        && title.iter().all(capital)
        && title.last().is_some_and(|t| t.is_one_of(&WHAT))
        && bare
}

/// The most words of such a title.
const TITLE: usize = 8;

/// Whether the parties follow `date`: "March 7, 1997 (this “Agreement”), among".
fn introduces(tokens: &[Token<'_>], date: Span) -> bool {
    let after = tokens.iter().skip_while(|t| t.span.start() < date.end()).take(INTRODUCED);
    after.into_iter().any(|t| t.is_one_of(&["between", "among", "by"]))
}

/// How many tokens may stand between the date and that word.
const INTRODUCED: usize = 12;

/// Whether a token may stand between what begins and the date: a small word, a time of day.
pub(super) fn is_filler(token: &Token<'_>) -> bool {
    let word = || token.is_one_of(&BETWEEN) || token.is_one_of(&TIMES);
    token.kind == Kind::Number || token.text == "." || word()
}

/// "effective as of DATE", "made effective DATE".
fn is_effective(before: &[&Token<'_>]) -> bool {
    let Some(at) = before.iter().rposition(|t| !is_filler(t)) else { return false };
    let with = || at.checked_sub(1).and_then(|led| before.get(led)).is_some_and(|t| t.is("with"));
    before.get(at).is_some_and(|t| t.is("effective") || (t.is("effect") && with()))
}

/// How many tokens may stand from a date to the end of what it is called.
const CALLED_WITHIN: usize = 13;

/// "DATE (the “Effective Date”)".
pub(super) fn is_called_effective<'t>(after: impl Iterator<Item = &'t Token<'t>>) -> bool {
    // "(such date, the “Effective Date”)", "which date also shall be the effective date of".
    // "or such later date, shall be considered the Effective Date".
    const LEADS: [&str; 11] =
        ["the", "such", "which", "also", "shall", "be", "is", "or", "later", "considered", "deemed"];
    let leads = |t: &Token<'_>| t.text == "date" || t.is_one_of(&LEADS);
    let words: Vec<&Token<'_>> = after.take(CALLED_WITHIN).skip_while(|t| t.kind == Kind::Mark || leads(t)).collect();
    matches!(words.as_slice(), [a, b, ..] if a.is("effective") && b.is("date"))
        || words.first().is_some_and(|t| t.is("effectivedate"))
}

/// "“Effective Date” means … DATE", "The Effective Date of this Amendment is DATE".
fn is_defined(before: &[&Token<'_>]) -> bool {
    let named = |w: &[&Token<'_>]| matches!(w, [a, b] if a.is("effective") && b.is("date"));
    let means = before.iter().rposition(|t| t.is("means") || t.is("mean"));
    let means = means.filter(|at| before.len() - at <= 14).is_some_and(|means| {
        before.get(means.saturating_sub(5)..means).is_some_and(|defined| defined.windows(2).any(named))
    });
    let is = before.last().is_some_and(|t| t.is_one_of(&["is", "be", "was"]));
    let near = before.get(before.len().saturating_sub(DEFINED)..).unwrap_or_default();
    let of_this =
        near.windows(2).rposition(named).and_then(|at| near.get(at + 2)).is_some_and(|t| t.is("of") || t.is("shall"));
    means || (is && of_this)
}

/// How many tokens before its date such a definition may begin.
const DEFINED: usize = 12;

/// "the term shall commence on DATE".
fn begins(before: &[&Token<'_>]) -> bool {
    let Some(at) = before.iter().rposition(|t| !is_filler(t)) else { return false };
    // "shall come into force on", not "that went into effect on".
    let comes = |word: &Token<'_>| {
        let led = at.checked_sub(2).and_then(|from| before.get(from..at));
        let comes = |t: &Token<'_>| t.is_one_of(&["come", "comes", "enter", "enters"]);
        let takes = |t: &Token<'_>| t.is("take") || t.is("takes");
        match led {
            Some([first, into]) if into.is("into") => comes(first) && (word.is("force") || word.is("effect")),
            Some([_, led]) => takes(led) && word.is("effect"),
            _ => false,
        }
    };
    let begins = before.get(at).is_some_and(|t| t.is_one_of(&BEGIN) || comes(t));
    let of = before.get(at.saturating_sub(12)..at).unwrap_or_default();
    // "It takes effect".
    let it = of.first().is_some_and(|t| t.is("it")) && of.len() <= 3;
    begins && (it || of.iter().any(|t| t.is_one_of(&WHAT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sentence: &str) -> Option<&str> {
        takes_effect(sentence).map(|s| &sentence[s.range()])
    }

    #[test]
    fn what_says_the_day_of_effect_is_found() {
        assert_eq!(found("This Agreement is effective June 9, 2014 (the “Effective Date”)."), Some("June 9, 2014"));
        assert_eq!(
            found("This amendment is made effective as of October 3, 1997 by A and B."),
            Some("October 3, 1997")
        );
        assert_eq!(found("This lease, dated 09/24/2018 (the “Effective Date”), is made."), Some("09/24/2018"));
        for whole in [
            "“EFFECTIVE DATE” means noon, local time, on March 7, 2005.",
            "The term (the “Term”) shall commence on May 1, 2011 and end on April 30, 2013.",
        ] {
            assert_eq!(found(whole), Some(whole));
        }
    }

    #[test]
    fn what_an_agreement_calls_its_day_of_effect_is_found() {
        let called = |s: &'static str| called_effective(s).map(|span| &s[span.range()]);
        assert_eq!(
            called("made on May 1, 2011 (\"EffectiveDate\"), replacing that of June 2, 2009"),
            Some("May 1, 2011")
        );
        assert_eq!(called("Number: CW 25 Effective Date: 11/4/10 Company: Elm"), Some("11/4/10"));
        assert_eq!(called("| Order Effective Date | April 1, 2015 |"), Some("April 1, 2015"));
        assert_eq!(
            called("August 20, 2004, or such later date, shall be considered the Effective Date of this Agreement."),
            Some("August 20, 2004")
        );
        let amended = "This Amendment takes effect on October 1, 2008.";
        assert_eq!(begins_on(amended).map(|span| &amended[span.range()]), Some("October 1, 2008"));
        assert_eq!(
            called("The Effective Date of this Amendment No. 1 is December 17, 2008."),
            Some("December 17, 2008")
        );
        assert_eq!(called("made on May 1, 2011, effective June 2, 2011"), None);
        let label = "Commencement Date: 1 July 2016";
        assert_eq!(begins_on(label).map(|span| &label[span.range()]), Some("1 July 2016"));
        let force = "This Agreement shall come into force on 1 April 2013.";
        assert_eq!(begins_on(force).map(|span| &force[span.range()]), Some("1 April 2013"));
        let amended = "Amendment effective as of May 1, 2013 (this “Amendment”) to the Agreement dated June 2, 2012.";
        assert_eq!(begins_on(amended).map(|span| &amended[span.range()]), Some("May 1, 2013"));
        let plan = "ELM PLAN Amended and Restated Effective October 1, 2004";
        assert_eq!(begins_on(plan).map(|span| &plan[span.range()]), Some("October 1, 2004"));
        let cover = "Effective as of July 1, 2011";
        assert_eq!(begins_on(cover).map(|span| &cover[span.range()]), Some("July 1, 2011"));
        let which = "the Agreement dated June 2, 2012, which date shall also be the effective date of this one";
        assert_eq!(called(which), Some("June 2, 2012"));
        assert_eq!(begins_on("The agreement that went into effect on 1 April 2013 ends."), None);
        for (closing, date) in [
            (
                "Agreement entered into by and between Elm Corp. (the \"Company\") and Ben Ode (the \"Agent\") on May 1, 2011.",
                "May 1, 2011",
            ),
            (
                "This Agreement by and between Elm and Oak, an Ohio company, is made effective May 1, 2011.",
                "May 1, 2011",
            ),
            (
                "Know all men by these presents, that on this 2nd day of October, 1995, Elm Inc. gave",
                "2nd day of October, 1995",
            ),
            (
                "FIVE-YEAR CREDIT AGREEMENT dated as of March 7, 1997 (this “Agreement”), among ELM RADIO, INC.",
                "March 7, 1997",
            ),
            ("The undersigned hereby agree as follows, this 5 day of July, 2002:", "5 day of July, 2002"),
        ] {
            assert_eq!(made_on(closing).map(|span| &closing[span.range()]), Some(date));
        }
        let made = "This Lease is entered into on October 1, 2019 and is effective as of November 1, 2019.";
        assert_eq!(made_on(made).map(|span| &made[span.range()]), Some("October 1, 2019"));
        assert_eq!(found("WHEREAS, the plan was effective as of May 1, 2009;"), None);
        let began = "This Agreement shall commence on 1 January 1998.";
        assert_eq!(begins_on(began).map(|span| &began[span.range()]), Some("1 January 1998"));
    }

    #[test]
    fn other_dates_are_not() {
        for other in [
            "The agreement ends on March 3, 2003.",
            "Deliveries begin on March 3, 2003.",
            "Dated March 3, 2003; effective upon signature by both parties, who met in May 2002.",
        ] {
            assert_eq!(found(other), None, "{other}");
        }
    }
}
