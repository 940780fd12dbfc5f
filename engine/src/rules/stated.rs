//! The days on which an agreement takes effect and ends, where they are said in so many words: "is effective June 9, 2014",
//! "“Effective Date” means 7 March 2005", "Term: May 1, 2011 to April 30, 2013". What is learned of dates and sentences
//! misses some of these, because each form is rare.

use crate::text::Span;
use crate::values::tokens::{Kind, Token, tokens};
use crate::values::{find_dates, find_durations};

/// Words that may stand between "effective" or "commence" and the date.
const BETWEEN: [&str; 16] =
    ["as", "of", "on", "from", "the", "date", "is", "shall", "be", "upon", "and", "this", "dated", "at", ",", ":"];
/// Words that make what follows them a beginning.
const BEGIN: [&str; 5] = ["commence", "commences", "commencing", "begin", "begins"];
/// The last words by which an agreement says that it is made.
const MADE: [&str; 3] = ["made", "into", "executed"];
/// What a "Date:" is called that a term begins on, and one that it ends on.
const STARTS: [&str; 2] = ["commencement", "start"];
const ENDS: [&str; 4] = ["expiration", "expiry", "termination", "end"];
/// What begins: a sentence about a delivery or a payment begins something else.
const WHAT: [&str; 4] = ["term", "agreement", "contract", "appointment"];

/// Words for law, and those by which it applies.
const LAWS: [&str; 4] = ["law", "laws", "legislation", "regulations"];
const GOVERNS: [&str; 7] = ["govern", "governs", "governed", "construed", "interpreted", "controlled", "application"];
/// What a law does at the head of a sentence: "Ohio law shall control".
const RULES: [&str; 6] = ["govern", "governs", "control", "controls", "apply", "applies"];
/// Words that lead to a law named by an adjective ("under English law"), and those that name none.
const UNDER: [&str; 5] = ["by", "under", "with", "the", "to"];
const NO_COUNTRY: [&str; 6] = ["applicable", "the", "governing", "such", "federal", "all"];
/// Words that lead to the last day, and what may run until then.
const UNTIL: [&str; 10] =
    ["ending", "ends", "until", "through", "expire", "expires", "expiring", "terminate", "terminates", "terminating"];
const RUNS: [&str; 8] = ["term", "terms", "period", "agreement", "contract", "rights", "appointment", "engagement"];
/// Most tokens of a line that only names the law.
const LABEL: usize = 12;
/// How many tokens may stand between such a word and the anniversary on which something ends.
const UNTIL_REACH: usize = 20;
/// How many tokens may count a point of a list, at most, and how soon in it the anniversary must come.
const ITEM: usize = 4;
const ITEM_REACH: usize = 10;
/// Whose anniversary it may be.
const WHAT_OF: [&str; 3] = ["agreement", "contract", "effective"];
/// What lasts as long as an agreement.
const TERMS: [&str; 3] = ["term", "engagement", "appointment"];
/// Words before the length of a renewal.
const RENEWED: [&str; 9] =
    ["renew", "renews", "renewed", "renewal", "extend", "extended", "additional", "successive", "further"];
/// Words between a term or an agreement and how long it lasts.
const LASTING: [&str; 48] = [
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

/// What of `sentence` says on which day the agreement takes effect: the date after "effective", and all of a sentence that
/// defines the day or lets a term begin on it, as people mark them.
pub(super) fn takes_effect(sentence: &str) -> Option<Span> {
    let tokens = tokens(sentence);
    // What came before the agreement took effect too.
    if tokens.first().is_some_and(|t| t.is("whereas")) {
        return None;
    }
    find_dates(sentence).into_iter().find_map(|date| {
        let before: Vec<&Token<'_>> = tokens.iter().take_while(|t| t.span.end() <= date.span.start()).collect();
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
    let on = |date: &Span| begins(&tokens.iter().take_while(|t| t.span.end() <= date.start()).collect::<Vec<_>>());
    find_dates(sentence).iter().map(|date| date.span).find(|date| on(date) || is_label(&tokens, *date, &STARTS))
}

/// Whether the date at `date` stands after a label of one of `kinds`: "Commencement Date: May 1, 2011".
fn is_label(tokens: &[Token<'_>], date: Span, kinds: &[&str]) -> bool {
    let before: Vec<&Token<'_>> = tokens.iter().take_while(|t| t.span.end() <= date.start()).collect();
    let kind = |t: &Token<'_>| kinds.iter().any(|w| t.is(w));
    matches!(before.as_slice(), [.., of, date, mark] if kind(of) && date.is("date") && mark.text == ":")
}

/// The date of `sentence` that the agreement itself calls its day of effect: "May 1, 2011 (the “Effective Date”)", or
/// "Effective Date: May 1, 2011".
pub(super) fn called_effective(sentence: &str) -> Option<Span> {
    if !sentence.to_ascii_lowercase().contains("effective") {
        return None;
    }
    let tokens = tokens(sentence);
    let after = |date: Span| tokens.iter().skip_while(move |t| t.span.start() < date.end());
    let called = |date: &Span| is_called_effective(after(*date)) || is_label(&tokens, *date, &["effective"]);
    find_dates(sentence).into_iter().map(|date| date.span).find(called)
}

/// The date of `sentence` on which it says that this agreement is made: "This Lease is entered into on May 1, 2011".
pub(super) fn made_on(sentence: &str) -> Option<Span> {
    let tokens = tokens(sentence);
    let made = |date: &Span| {
        let before: Vec<&Token<'_>> = tokens.iter().take_while(|t| t.span.end() <= date.start()).collect();
        let said = before.iter().rposition(|t| !BETWEEN.iter().any(|w| t.is(w)));
        let says = said.and_then(|at| before.get(at)).is_some_and(|t| MADE.iter().any(|w| t.is(w)));
        says && before.iter().any(|t| t.is("this"))
    };
    find_dates(sentence).into_iter().map(|date| date.span).find(made)
}

/// Whether `sentence` says in so many words which law governs: "The laws of Ohio shall govern this Agreement".
pub(super) fn governs(sentence: &str) -> Option<Span> {
    let tokens = tokens(sentence);
    let is_law = |t: &Token<'_>| LAWS.iter().any(|w| t.is(w));
    let of = tokens.windows(2).any(|w| matches!(w, [a, b] if is_law(a) && b.is("of")));
    let adjective = || (0..tokens.len()).any(|i| tokens.get(i).is_some_and(is_law) && by_adjective(&tokens, i));
    // Not "exports are subject to the laws of Ohio".
    let subject = tokens.windows(3).any(|w| {
        let what = |t: &Token<'_>| t.is("agreement") || t.is("contract");
        matches!(w, [of, is, subject] if what(of) && (is.is("is") || is.is("are")) && subject.is("subject"))
    });
    let under = tokens.windows(2).any(|w| match w {
        [word, next] => {
            ((word.is("enforced") || word.is("determined")) && next.is("under"))
                || (word.is("proper") && next.is("law"))
        }
        _ => false,
    });
    let governs = subject || under || tokens.iter().any(|t| GOVERNS.iter().any(|w| t.is(w)));
    let heads = || law_rules(&tokens) || is_law_label(&tokens);
    // "The laws in force in Alberta apply to this Agreement".
    let to_this = || {
        let applied = |w: &[Token<'_>]| match w {
            [apply, to, this] => (apply.is("apply") || apply.is("applies")) && to.is("to") && this.is("this"),
            _ => false,
        };
        tokens.iter().any(is_law) && tokens.windows(3).any(applied)
    };
    let applies =
        || to_this() || of && tokens.windows(2).any(|w| matches!(w, [a, b] if a.is("applies") && b.text == "."));
    ((of || adjective()) && governs || applies() || heads()).then(|| Span::new(0, sentence.len()))
}

/// "Ohio law applies", "New York law shall govern this Agreement", "and Oregon state law governs".
fn law_rules(tokens: &[Token<'_>]) -> bool {
    let named = |t: &Token<'_>| t.text.starts_with(char::is_uppercase) && !NO_COUNTRY.iter().any(|w| t.is(w));
    let rules = |at: usize| {
        let before = tokens.get(..at).unwrap_or_default();
        let name = before.iter().rev().find(|t| !t.is("state"));
        let mut after = tokens.iter().skip(at + 1).filter(|t| !t.is("shall") && !t.is("will"));
        name.is_some_and(named) && after.next().is_some_and(|t| RULES.iter().any(|w| t.is(w)))
    };
    (1..tokens.len()).any(|at| tokens.get(at).is_some_and(|t| t.is("law")) && rules(at))
}

/// "Governing Law: Ohio".
fn is_law_label(tokens: &[Token<'_>]) -> bool {
    let label = |w: &[Token<'_>]| match w {
        [of, law, mark, name] => {
            (of.is("governing") || of.is("applicable")) && law.is("law") && mark.text == ":" && named_place(name)
        }
        _ => false,
    };
    tokens.windows(4).any(label) && tokens.len() <= LABEL
}

fn named_place(token: &Token<'_>) -> bool {
    token.kind == Kind::Word && token.text.starts_with(char::is_uppercase) && !token.is("this") && !token.is("the")
}

/// Whether words in capitals that follow "by", "under" or "with" stand before the law at `law`: "under English law".
fn by_adjective(tokens: &[Token<'_>], law: usize) -> bool {
    let before = tokens.get(..law).unwrap_or_default();
    let capital = |t: &&Token<'_>| t.kind == Kind::Word && t.text.starts_with(char::is_uppercase);
    let named = before.iter().rev().take_while(capital).count();
    let led = before.len().checked_sub(named + 1).and_then(|at| before.get(at));
    let names = before.iter().rev().take(named);
    (1..=3).contains(&named)
        && led.is_some_and(|t| UNDER.iter().any(|w| t.is(w)))
        && !names.clone().any(|t| NO_COUNTRY.iter().any(|w| t.is(w)))
}

/// Whether `sentence` says how long the agreement lasts: "The term of this Agreement is two years".
pub(super) fn lasts(sentence: &str) -> Option<Span> {
    let tokens = tokens(sentence);
    let dates: Vec<Span> = find_dates(sentence).into_iter().map(|date| date.span).collect();
    let long = |length: Span| {
        let before: Vec<&Token<'_>> = tokens.iter().take_while(|t| t.span.end() <= length.start()).collect();
        // "begins on May 1, 2011 and runs for".
        let dated = |t: &Token<'_>| dates.iter().any(|d| d.covers(t.span));
        let run = before.iter().rev().take_while(|t| LASTING.iter().any(|w| t.is(w)) || dated(t));
        let is = |words: &[&str]| run.clone().any(|t| words.iter().any(|w| t.is(w)));
        // "the term of this Agreement is", "this Agreement shall remain in effect for".
        // "during the term and for two years".
        let last = before.len().checked_sub(2).and_then(|at| before.get(at..));
        let thereafter = matches!(last, Some([and, after]) if and.is("and") && (after.is("for") || after.is("a")));
        is_term(&tokens, length)
            || !thereafter && is(&TERMS) && is(&["is", "be", "for", ":"])
            || (is(&["agreement", "contract"]) && is(&["effect", "force", "valid"]))
    };
    let whole = Span::new(0, sentence.len());
    let lasts = find_durations(sentence).into_iter().any(|found| long(found.span));
    (lasts || runs_from(sentence, &tokens) || until_anniversary(&tokens) || is_item_anniversary(&tokens))
        .then_some(whole)
}

/// "this Agreement shall remain in effect until the fifth anniversary".
fn until_anniversary(tokens: &[Token<'_>]) -> bool {
    let Some(at) = tokens.iter().position(|t| t.is("anniversary")) else { return false };
    let before = tokens.get(..at).unwrap_or_default();
    let Some(until) = before.iter().rposition(|t| UNTIL.iter().any(|w| t.is(w))) else { return false };
    let mut run = before.iter().take(until).rev().take_while(|t| LASTING.iter().any(|w| t.is(w)));
    // "commencing on the date of this agreement and ending on": a period of something else.
    let other = before.get(..until).and_then(<[_]>::last).is_some_and(|t| t.is("and"));
    !other && at - until <= UNTIL_REACH && run.any(|t| WHAT.iter().any(|w| t.is(w)))
}

/// Whether the length at `length` is one of a term and not of its renewal: "agree to a 24 month term".
fn is_term(tokens: &[Token<'_>], length: Span) -> bool {
    let term = tokens.iter().find(|t| t.span.start() >= length.end()).is_some_and(|t| t.is("term"));
    let what = tokens.iter().any(|t| t.is("agreement") || t.is("contract") || t.is("parties"));
    let renewed = |t: &Token<'_>| RENEWED.iter().any(|w| t.is(w));
    term && what && !tokens.iter().take_while(|t| t.span.end() <= length.start()).any(renewed)
}

/// "Two (2) years from the Effective Date", below a heading that says of what.
fn runs_from(sentence: &str, tokens: &[Token<'_>]) -> bool {
    let Some(length) = find_durations(sentence).into_iter().next().filter(|found| found.span.start() == 0) else {
        return false;
    };
    let after: Vec<&Token<'_>> = tokens.iter().skip_while(|t| t.span.start() < length.span.end()).take(4).collect();
    let day = |t: &Token<'_>| ["effective", "commencement"].iter().any(|w| t.is(w));
    matches!(after.as_slice(), [from, the, of, date] if (from.is("from") || from.is("after")) && the.is("the") && day(of) && date.is("date"))
}

/// "(a) the fifth (5th) anniversary of this Agreement": of several days on which a term may end, listed below the sentence.
fn is_item_anniversary(tokens: &[Token<'_>]) -> bool {
    let item =
        tokens.iter().position(|t| t.is("the")).is_some_and(|the| the <= ITEM && tokens.iter().take(the).all(is_mark));
    let at = tokens.iter().position(|t| t.is("anniversary")).filter(|at| item && *at <= ITEM_REACH);
    let of = at.and_then(|at| tokens.get(at + 1..at + 4));
    matches!(of, Some([of, this, agreement]) if of.is("of") && (this.is("this") || this.is("the")) && WHAT_OF.iter().any(|w| agreement.is(w)))
}

/// Whether a token can be part of what counts the points of a list: "(a)", "ii.".
fn is_mark(token: &Token<'_>) -> bool {
    token.kind == Kind::Mark || token.text.len() <= 3
}

/// What of `sentence` says on which day a term ends: all of a sentence that lets a term or a period run to a date.
pub(super) fn ends(sentence: &str) -> Option<Span> {
    let tokens = tokens(sentence);
    let dates = find_dates(sentence);
    let ends = |date: &Span| {
        let before: Vec<&Token<'_>> = tokens.iter().take_while(|t| t.span.end() <= date.start()).collect();
        let Some(at) = before.iter().rposition(|t| !BETWEEN.iter().any(|w| t.is(w))) else { return false };
        // "to" leads to an end only where a beginning stands before it: "from May 1 to June 1".
        let word = before.get(at);
        let begun = |t: &&&Token<'_>| dates.iter().any(|d| d.span.end() <= t.span.start());
        let to = word.filter(|t| t.is("to") || t.is("-") || t.is("–")).is_some_and(|t| begun(&t));
        let ends = to || word.is_some_and(|t| UNTIL.iter().any(|w| t.is(w)));
        ends && before.iter().take(at).any(|t| RUNS.iter().any(|w| t.is(w)))
    };
    let ends = dates.iter().any(|d| ends(&d.span) || is_label(&tokens, d.span, &ENDS));
    ends.then(|| Span::new(0, sentence.len()))
}

/// "effective as of DATE", "made effective DATE".
fn is_effective(before: &[&Token<'_>]) -> bool {
    let last = before.iter().rev().find(|t| !BETWEEN.iter().any(|w| t.is(w)));
    last.is_some_and(|t| t.is("effective"))
}

/// "DATE (the “Effective Date”)".
fn is_called_effective<'t>(after: impl Iterator<Item = &'t Token<'t>>) -> bool {
    let words: Vec<&Token<'_>> = after.take(6).skip_while(|t| t.kind == Kind::Mark || t.is("the")).collect();
    matches!(words.as_slice(), [a, b, ..] if a.is("effective") && b.is("date"))
        || words.first().is_some_and(|t| t.is("effectivedate"))
}

/// "“Effective Date” means … DATE".
fn is_defined(before: &[&Token<'_>]) -> bool {
    let means = before.iter().rposition(|t| t.is("means") || t.is("mean"));
    let Some(means) = means.filter(|at| before.len() - at <= 14) else { return false };
    let defined = before.get(means.saturating_sub(5)..means).unwrap_or_default();
    defined.windows(2).any(|w| matches!(w, [a, b] if a.is("effective") && b.is("date")))
}

/// "the term shall commence on DATE".
fn begins(before: &[&Token<'_>]) -> bool {
    let Some(at) = before.iter().rposition(|t| !BETWEEN.iter().any(|w| t.is(w))) else { return false };
    // "shall come into force on", not "that went into effect on".
    let comes = |word: &Token<'_>| {
        let led = at.checked_sub(2).and_then(|from| before.get(from..at));
        let comes = |t: &Token<'_>| ["come", "comes", "enter", "enters"].iter().any(|w| t.is(w));
        (word.is("force") || word.is("effect")) && matches!(led, Some([first, into]) if comes(first) && into.is("into"))
    };
    let begins = before.get(at).is_some_and(|t| BEGIN.iter().any(|w| t.is(w)) || comes(t));
    let of = before.get(at.saturating_sub(12)..at).unwrap_or_default();
    begins && of.iter().any(|t| WHAT.iter().any(|w| t.is(w)))
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
        assert_eq!(called("made on May 1, 2011, effective June 2, 2011"), None);
        let label = "Commencement Date: 1 July 2016";
        assert_eq!(begins_on(label).map(|span| &label[span.range()]), Some("1 July 2016"));
        let force = "This Agreement shall come into force on 1 April 2013.";
        assert_eq!(begins_on(force).map(|span| &force[span.range()]), Some("1 April 2013"));
        assert_eq!(begins_on("The agreement that went into effect on 1 April 2013 ends."), None);
        let made = "This Lease is entered into on October 1, 2019 and is effective as of November 1, 2019.";
        assert_eq!(made_on(made).map(|span| &made[span.range()]), Some("October 1, 2019"));
        assert_eq!(found("WHEREAS, the plan was effective as of May 1, 2009;"), None);
        let began = "This Agreement shall commence on 1 January 1998.";
        assert_eq!(begins_on(began).map(|span| &began[span.range()]), Some("1 January 1998"));
        assert!(governs("The laws of Ohio shall govern this Agreement.").is_some());
        assert!(governs("A company under the laws of Ohio.").is_none());
    }

    #[test]
    fn what_says_the_day_of_the_end_is_found() {
        for whole in [
            "Expiration Date: June 30, 2015",
            "The rights granted herein expire on 31 March 2016.",
            "TERM: November 01, 2014 to October 31, 2017",
            "Terms of the project: 12 weeks from May 8, 2018 to July 3, 2018",
            "“CONTRACT PERIOD” means the time commencing on signature and terminating on May 31, 2016.",
            "This Agreement shall be in effect until March 18. 2021, unless ended before.",
        ] {
            assert_eq!(ends(whole), Some(Span::new(0, whole.len())), "{whole}");
        }
        for other in
            ["The term begins on May 1, 2011.", "Goods were sold from May 1, 2011 to June 1, 2011.", "until May 2"]
        {
            assert_eq!(ends(other), None, "{other}");
        }
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
        for other in ["The warranty is two years.", "During the term, either party may end it on two months' notice."] {
            assert_eq!(lasts(other), None, "{other}");
        }
    }

    #[test]
    fn a_law_may_be_named_by_its_country() {
        for law in [
            "This Agreement shall be governed by PRC Law.",
            "It is construed in accordance with English law.",
            "The law of the Republic of Elmland applies.",
            "Ohio law governs this lease.",
            "New York law shall control.",
            "It is deemed made in Ohio, and Ohio state law will apply to it.",
            "The laws in force in the Province of Elmar apply to this Agreement.",
            "The proper law of this Agreement is the law of Elmland.",
            "This Agreement shall be enforced under the laws of Ohio.",
            "Governing Law: New Jersey",
            "It will be interpreted according to Delaware law.",
            "This Agreement is subject to German law.",
        ] {
            assert!(governs(law).is_some(), "{law}");
        }
        assert!(governs("It is governed by Applicable Law.").is_none());
        assert!(governs("Applicable law shall control.").is_none());
        assert!(governs("Sales are subject to English law.").is_none());
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
