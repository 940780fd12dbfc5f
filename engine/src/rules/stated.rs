//! The day an agreement takes effect, where it is said in so many words: "is effective June 9, 2014", "“Effective Date”
//! means 7 March 2005", "the term shall commence on May 1, 2011". What is learned of dates misses some of these,
//! because each form is rare.

use crate::text::Span;
use crate::values::find_dates;
use crate::values::tokens::{Token, tokens};

/// Words that may stand between "effective" or "commence" and the date.
const BETWEEN: [&str; 16] =
    ["as", "of", "on", "from", "the", "date", "is", "shall", "be", "upon", "and", "this", "dated", "at", ",", ":"];
/// Words that make what follows them a beginning.
const BEGIN: [&str; 5] = ["commence", "commences", "commencing", "begin", "begins"];
/// What begins: a sentence about a delivery or a payment begins something else.
const WHAT: [&str; 4] = ["term", "agreement", "contract", "appointment"];

/// What of `sentence` says on which day the agreement takes effect: the date after "effective", and all of a sentence that
/// defines the day or lets a term begin on it, as people mark them.
pub(super) fn takes_effect(sentence: &str) -> Option<Span> {
    let tokens = tokens(sentence);
    find_dates(sentence).into_iter().find_map(|date| {
        let before: Vec<&Token<'_>> = tokens.iter().take_while(|t| t.span.end() <= date.span.start()).collect();
        if is_effective(&before) {
            return Some(date.span);
        }
        (is_defined(&before) || begins(&before)).then_some(Span::new(0, sentence.len()))
    })
}

/// "effective as of DATE", "made effective DATE".
fn is_effective(before: &[&Token<'_>]) -> bool {
    let last = before.iter().rev().find(|t| !BETWEEN.iter().any(|w| t.is(w)));
    last.is_some_and(|t| t.is("effective"))
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
    let begins = before.get(at).is_some_and(|t| BEGIN.iter().any(|w| t.is(w)));
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
        for whole in [
            "“EFFECTIVE DATE” means noon, local time, on March 7, 2005.",
            "The term (the “Term”) shall commence on May 1, 2011 and end on April 30, 2013.",
        ] {
            assert_eq!(found(whole), Some(whole));
        }
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
