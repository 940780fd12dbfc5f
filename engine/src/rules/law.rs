//! Which law governs, where a sentence says so in so many words: "The laws of Ohio shall govern this Agreement", "Governing
//! Law: Ohio". What is learned of sentences misses some of these, because each form is rare.

use crate::text::Span;
use crate::values::tokens::{Kind, Token, tokens};

/// Words for law, and those by which it applies.
const LAWS: [&str; 4] = ["law", "laws", "legislation", "regulations"];
const GOVERNS: [&str; 11] = [
    "ruled",
    "decide",
    "decides",
    "decided",
    "govern",
    "governs",
    "governed",
    "construed",
    "interpreted",
    "controlled",
    "application",
];
/// What a law does at the head of a sentence: "Ohio law shall control".
const RULES: [&str; 6] = ["govern", "governs", "control", "controls", "apply", "applies"];
/// Words that lead to a law named by an adjective ("under English law"), and those that name none.
const UNDER: [&str; 8] = ["by", "under", "with", "the", "to", "applicable", "internal", "substantive"];
const NO_COUNTRY: [&str; 6] = ["applicable", "the", "governing", "such", "federal", "all"];
/// Most tokens of a line that only names the law.
const LABEL: usize = 16;

/// Whether `sentence` says in so many words which law governs: "The laws of Ohio shall govern this Agreement".
pub(super) fn governs(sentence: &str) -> Option<Span> {
    let tokens = tokens(sentence);
    let is_law = |t: &Token<'_>| t.is_one_of(&LAWS);
    let of = (0..tokens.len())
        .any(|at| tokens.get(at).is_some_and(is_law) && is_of_place(tokens.get(at + 1..).unwrap_or_default()));
    let adjective = || (0..tokens.len()).any(|i| tokens.get(i).is_some_and(is_law) && by_adjective(&tokens, i));
    // Not "exports are subject to the laws of Ohio".
    let subject = tokens.windows(3).any(|w| {
        let what = |t: &Token<'_>| t.is("agreement") || t.is("contract");
        matches!(w, [of, is, subject] if what(of) && (is.is("is") || is.is("are")) && subject.is("subject"))
    });
    let under = tokens.windows(2).any(|w| match w {
        [word, next] => {
            (word.is("enforced") && next.is("under"))
                || (word.is("determined") && (next.is("under") || next.is("by")))
                || (word.is("proper") && next.is("law"))
        }
        _ => false,
    });
    // "the arbitrator shall decide in accordance with the substantive law of Elmland".
    let substantive = tokens.windows(2).any(|w| matches!(w, [word, law] if word.is("substantive") && is_law(law)));
    let governs = subject || under || substantive || tokens.iter().any(|t| t.is_one_of(&GOVERNS));
    let heads = || law_rules(&tokens) || is_law_label(&tokens) || its_laws(&tokens);
    // "The laws in force in Alberta apply to this Agreement".
    let to_this = || {
        let applied = |w: &[Token<'_>]| match w {
            [apply, to, this] => (apply.is("apply") || apply.is("applies")) && to.is("to") && this.is("this"),
            _ => false,
        };
        tokens.iter().any(is_law) && tokens.windows(3).any(applied)
    };
    let applies = || {
        let ends = tokens.windows(2).any(|w| matches!(w, [a, b] if a.is("applies") && b.text == "."));
        to_this() || of && (ends || shall_apply(&tokens))
    };
    ((of || adjective()) && governs || applies() || heads()).then(|| Span::new(0, sentence.len()))
}

/// "The substantive law of Ohio shall apply", "the arbitrators shall apply the law of Ohio", "the laws of Elmland are to be applied".
fn shall_apply(tokens: &[Token<'_>]) -> bool {
    tokens.windows(3).any(|w| match w {
        [shall, apply, _] if shall.is("shall") || shall.is("will") => apply.is("apply"),
        _ => false,
    }) || tokens.windows(3).any(|w| match w {
        [apply, the, law] => apply.is("apply") && the.is("the") && law.is_one_of(&LAWS),
        _ => false,
    }) || tokens.windows(2).any(|w| matches!(w, [be, applied] if be.is("be") && applied.is("applied")))
}

/// Whether a place follows: "of Ohio", "(other than its conflicts rules) of Ohio", "in force in Ohio".
fn is_of_place(after: &[Token<'_>]) -> bool {
    let close = after.iter().position(|t| t.text == ")").filter(|at| *at <= BRACKET);
    let after = match (after.first(), close) {
        (Some(open), Some(close)) if open.text == "(" => after.get(close + 1..).unwrap_or_default(),
        _ => after,
    };
    match after {
        [of, ..] if of.is("of") => true,
        [i, force, n, ..] => i.is("in") && force.is("force") && n.is("in"),
        _ => false,
    }
}

/// How many tokens may stand in brackets between "laws" and "of".
const BRACKET: usize = 14;

/// "Ohio law applies", "New York law shall govern this Agreement", "and Oregon state law governs".
fn law_rules(tokens: &[Token<'_>]) -> bool {
    let named = |t: &Token<'_>| t.text.starts_with(char::is_uppercase) && !t.is_one_of(&NO_COUNTRY);
    let rules = |at: usize| {
        let before = tokens.get(..at).unwrap_or_default();
        let name = before.iter().rev().find(|t| !t.is("state"));
        let mut after = tokens.iter().skip(at + 1).filter(|t| !t.is("shall") && !t.is("will"));
        name.is_some_and(named) && after.next().is_some_and(|t| t.is_one_of(&RULES))
    };
    (1..tokens.len()).any(|at| tokens.get(at).is_some_and(|t| t.is("law")) && rules(at))
}

/// "It has been made in Ohio and its laws shall control", "This is an Ohio contract, and the law of that State shall".
fn its_laws(tokens: &[Token<'_>]) -> bool {
    let of_it = tokens.windows(4).any(|w| match w {
        [its, laws, shall, control] => {
            its.is("its") && laws.is_one_of(&LAWS) && shall.is("shall") && control.is_one_of(&RULES)
        }
        _ => false,
    });
    let capital = |t: &Token<'_>| t.kind == Kind::Word && t.text.starts_with(char::is_uppercase);
    let contract = tokens.windows(2).any(|w| matches!(w, [name, what] if capital(name) && what.text == "contract"));
    of_it
        || contract
            && tokens
                .windows(3)
                .any(|w| matches!(w, [law, of, that] if law.is_one_of(&LAWS) && of.is("of") && that.is("that")))
}

/// "Governing Law: Ohio", "8. CONTROLLING LAW. Ohio, whatever its conflict rules", "Governing Law" and "Ohio" below it.
fn is_law_label(tokens: &[Token<'_>]) -> bool {
    let named = |of: &Token<'_>| of.is_one_of(&["governing", "applicable", "controlling"]);
    let label = |w: &[Token<'_>]| match w {
        [of, law, mark, name] if mark.text == ":" || mark.text == "." || mark.text == "|" => {
            named(of) && law.is("law") && named_place(name)
        }
        [of, law, name, _] => named(of) && (law.text == "Law" || law.text == "law") && named_place(name),
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
        && led.is_some_and(|t| t.is_one_of(&UNDER))
        && !names.clone().any(|t| t.is_one_of(&NO_COUNTRY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_may_be_named_by_its_country() {
        for law in [
            "The laws of Ohio shall govern this Agreement.",
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
            "It shall be construed in accordance with the laws (other than the conflict of laws rules) of the State of Ohio.",
            "It shall be governed by and enforced in accordance with the Laws in force in the State of Ohio",
            "This Contract shall be governed by generally applicable Elmish legislation.",
            "This Agreement is subject to German law.",
            "The substantive law of the State of Ohio shall apply except where federal law does.",
            "The tribunal shall decide according to Elmish law and its award shall be final.",
            "All questions about its meaning are to be decided by Ohio law.",
            "The validity and effect hereof shall be determined by the internal laws of Ohio.",
            "It has been made in Ohio and its laws shall control.",
            "This contract is an Ohio contract and the law of that State shall be looked to for its meaning.",
            "This Agreement shall be construed in accordance with and governed by internal Ohio law.",
            "The substantive law of Elmland shall be applied.",
            "The arbitrator shall decide in accordance with the substantive law of Elmland.",
            "8. CONTROLLING LAW. Ohio, regardless of its conflict rules.",
            "Governing law\nVictoria, Australia",
            "This Agreement shall be ruled in each part by the laws of Elmland.",
            "The arbitrators shall in all matters of law apply the law of the State of Ohio.",
        ] {
            assert!(governs(law).is_some(), "{law}");
        }
        assert!(governs("A company under the laws of Ohio.").is_none());
        assert!(governs("It is governed by Applicable Law.").is_none());
        assert!(governs("Applicable law shall control.").is_none());
        assert!(governs("Sales are subject to English law.").is_none());
    }
}
