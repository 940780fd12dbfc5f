//! Parties known by what the first lines call them, where nothing introduces two by name: names with a legal form anywhere
//! before it ("Orion Inc. ("Supplier"), licenses Elm Inc. ("Licensee") to"), and a party that a form leaves open ("the person
//! named below (the "Agent")").

use super::introduced::{JOINED, OPENING, region};
use super::name::{CALLED, END, ROLES, begins_with_brand, ends_with_form, is_same, name_in};
use super::roles::{QUOTES, called_in, quoted, roles, word_ends};
use crate::text::Span;
use crate::values::is_form;

/// Words in capitals beside the names of companies, in lower case.
const ABOUT: [&str; 13] = [
    "exhibit",
    "agreement",
    "amendment",
    "of the company",
    "of the bank",
    "officer of",
    "directors of",
    "board of",
    "committee of",
    "meeting of",
    "chairman of",
    "plan of",
    "president of",
];

/// Words of what stands for a party that a form leaves open.
const OPEN: [&str; 11] = [
    "undersigned",
    "person",
    "persons",
    "individual",
    "entity",
    "identified",
    "named",
    "listed",
    "you",
    "signing",
    "below",
];

/// Those of them that point at where its name is to be.
const POINTED: [&str; 4] = ["identified", "named", "listed", "undersigned"];

/// What somebody is called that no word ending in "er", "or" or "ee" says.
const DOERS: [&str; 6] = ["affiliate", "registrant", "applicant", "assistant", "representative", "recipient"];

/// What the introduction after `from`, which names one party, calls another that it leaves open.
pub(super) fn open_in(text: &str, from: usize) -> Option<Span> {
    let (mut names, mut open, mut last) = (0, None, from);
    for called in called_in(text, region(text, from)) {
        last = called.role.end();
        names += usize::from(called.name.is_some());
        // "Elm Inc., a company, and the person named below (the "Agent")": what the first is called does not follow it.
        let described = Span::new(called.name.map_or(called.before.start(), |name| name.end()), called.before.end());
        open = open.or_else(|| open_party(text, described, called.role));
    }
    open.or_else(|| bare_role(text, last)).filter(|_| names == 1)
}

/// The party that follows the last name at `from` by what it is alone: "and the Franchisee.".
fn bare_role(text: &str, from: usize) -> Option<Span> {
    let rest = text.get(from..)?;
    let and = rest.trim_start_matches([',', ' ', '\n']).strip_prefix("and ")?;
    let bare = and.strip_prefix("the ").unwrap_or(and);
    let role = bare.get(..bare.find(|c: char| !c.is_alphabetic()).unwrap_or(bare.len()))?;
    let known = role.starts_with(char::is_uppercase) && ROLES.contains(&role.to_lowercase().as_str());
    let start = from + (rest.len() - bare.len());
    known.then(|| Span::new(start, start + role.len()))
}

/// What the first lines, which name one party, call another that they leave open: "Elm Inc. (the "Company") engages the agent
/// identified below (the "Agent")".
pub(super) fn open_beside(head: &str) -> Option<Span> {
    let opening = Span::new(0, head.floor_char_boundary(OPENING.min(head.len())));
    let mut called = named_in(head, opening).skip_while(|(name, _)| name.is_none());
    let (_, first) = called.next()?;
    let mut rest = first.end();
    called.find_map(|(name, role)| {
        let before = Span::new(rest, role.start());
        rest = role.end();
        let described = head.get(before.range())?.rsplit(END).next()?.to_ascii_lowercase();
        let open = name.is_none() && POINTED.iter().any(|word| word_ends(&described, word).next().is_some());
        open.then(|| doer_in(head, role)).flatten()
    })
}

/// What a party is called in the brackets `role` that no name stands before, but what `before` says of somebody.
fn open_party(text: &str, before: Span, role: Span) -> Option<Span> {
    let piece = text.get(before.range())?;
    let lower = piece.to_ascii_lowercase();
    // "between you (the "Affiliate") and Elm Inc.".
    if lower.trim() == "you" {
        return doer_in(text, role);
    }
    let from = word_ends(&lower, "and").next()?;
    let described = lower.get(from..)?.trim();
    // "and you as an "Affiliate"".
    if described.starts_with("you as a") {
        return doer_in(text, Span::new(before.start() + from, before.end()));
    }
    let bare = described.strip_prefix("the ").unwrap_or(described);
    let said = |words: &[&str]| words.iter().any(|word| word_ends(described, word).next().is_some());
    let is_role = ROLES.contains(&bare) || CALLED.contains(&bare);
    // A form may leave its place empty: "and , whose address is".
    if !(is_role || described.is_empty() || described.starts_with(',') || described.contains(['_', '[']) || said(&OPEN))
    {
        return None;
    }
    if is_role {
        let end = before.start() + piece.trim_end().len();
        return Some(Span::new(end - bare.len(), end));
    }
    doer_in(text, role)
}

/// The first thing in quotation marks in `within` that somebody is called.
fn doer_in(text: &str, within: Span) -> Option<Span> {
    let inner = text.get(within.range())?;
    let called = quoted(inner, &QUOTES).into_iter().find_map(|(_, at)| {
        let term = inner.get(at.range())?.trim_end_matches([',', '.']);
        (term.starts_with(char::is_uppercase) && is_doer(term)).then(|| Span::new(at.start(), at.start() + term.len()))
    })?;
    Some(called.shifted(within.start()))
}

/// Whether `term` is what somebody is called, not something: "Agent", "Master Franchisee", not "Services" or "Plan".
fn is_doer(term: &str) -> bool {
    let words: Vec<String> = term.split_whitespace().map(str::to_lowercase).collect();
    let Some(last) = words.last().filter(|_| words.len() <= 2) else { return false };
    let last = last.trim_end_matches('s');
    let known = ROLES.contains(&last) || CALLED.contains(&last) || DOERS.contains(&last);
    known || ["er", "or", "ee"].iter().any(|end| last.len() > 4 && last.ends_with(end))
}

/// The names with a legal form before what parties are called in the first lines, with any words between: "Orion Inc.
/// ("Supplier"), licenses Elm Inc. ("Licensee") to".
pub(super) fn defined(head: &str) -> Vec<Span> {
    let opening = Span::new(0, head.floor_char_boundary(OPENING.min(head.len())));
    let mut found: Vec<Span> = Vec::new();
    for name in named_in(head, opening).filter_map(|(name, _)| name) {
        if !found.iter().any(|f| is_same(head, *f, name)) {
            found.push(name);
        }
    }
    found
}

/// What parties are called in `within`, each with the name with a legal form before it, if there is one.
fn named_in(head: &str, within: Span) -> impl Iterator<Item = (Option<Span>, Span)> + '_ {
    let mut rest = within.start();
    roles(head, within).into_iter().map(move |role| {
        let before = Span::new(rest.max(head.floor_char_boundary(role.start().saturating_sub(JOINED))), role.start());
        rest = role.end();
        (formed_in(head, before), role)
    })
}

/// The first name with a legal form in the last paragraph of `within`, where a word in capitals begins.
fn formed_in(head: &str, within: Span) -> Option<Span> {
    let piece = head.get(within.range())?;
    let begin = piece.trim_end_matches([END, '\n', ' ']).rfind(END).map_or(0, |at| at + 1);
    let capital = |c: char| c.is_uppercase() || c.is_ascii_digit();
    let begins = |at: &usize| piece.get(*at..).is_some_and(|t| t.starts_with(capital) || begins_with_brand(t));
    let starts = piece.match_indices(char::is_alphanumeric).map(|(at, _)| at).filter(begins);
    let whole = |at: &usize| {
        *at >= begin && !piece.get(..*at).is_some_and(|t| t.ends_with(|c: char| c.is_alphanumeric() || c == '-'))
    };
    let named = |at: usize| Some(name_in(piece.get(at..)?).filter(|n| n.start() == 0)?.shifted(at));
    let formed = |name: &Span| {
        let form = ends_with_form(piece, *name) || is_described(piece.get(name.end()..).unwrap_or_default());
        form && piece.get(name.range()).is_some_and(is_one_company)
    };
    starts.filter(whole).filter_map(named).find(formed).map(|name| name.shifted(within.start()))
}

/// Whether what follows a name says of what kind its company is: ", a Hawaii corporation".
fn is_described(after: &str) -> bool {
    const BODIES: [&str; 6] =
        ["corporation", "limited liability company", "limited partnership", "banking association", "company", "trust"];
    let near = after.get(..after.floor_char_boundary(DESCRIPTION)).unwrap_or(after);
    let near = near.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some(kind) = [", a ", ", an "].iter().find_map(|lead| near.strip_prefix(lead)) else { return false };
    let kind = kind.split([',', '(']).next().unwrap_or_default();
    kind.starts_with(char::is_uppercase) && BODIES.iter().any(|body| kind.contains(body))
}

/// How long such a description may be, in bytes.
const DESCRIPTION: usize = 60;

/// How long a word with a full stop may be that is short for another, in bytes: "St.", "Bros.".
const LONGEST_SHORT: usize = 4;

/// Whether `name`, which ends with a legal form, is all of one company's: no "WHEREAS, Orion Inc.", "Board of the Company".
fn is_one_company(name: &str) -> bool {
    let words: Vec<&str> = name.split([' ', '\n']).filter(|w| !w.is_empty()).collect();
    // A comma inside stands before the form: "Orion, Inc.", not "2006, Orion Inc.".
    let goes_on = |next: &str| is_form(next) || next.eq_ignore_ascii_case("national");
    let list = words.windows(2).any(|w| matches!(w, [before, next] if before.ends_with(',') && !goes_on(next)));
    // "Elm, Oak & Ash, Inc.".
    let list = list && !words.contains(&"&");
    let lower = name.to_lowercase();
    let about = ABOUT.iter().any(|word| word_ends(&lower, word).next().is_some());
    // "2 Orion Inc." is on page two.
    let number = |w: &&str| !w.contains(char::is_alphabetic);
    let leads = words.first().is_some_and(|w| ["TO", "OF", "AND", "FOR", "BY"].contains(w) || number(w));
    let bare = words.iter().all(|w| is_form(w.trim_end_matches(',')) || w.eq_ignore_ascii_case("the"));
    // "The Offering. The Company": a heading, and what follows it.
    let stops = |w: &&&str| {
        let bare = w.trim_end_matches('.');
        bare.len() > LONGEST_SHORT && bare.len() < w.len() && !bare.contains('.') && !is_form(bare)
    };
    let sentence = words.iter().rev().skip(1).any(|w| stops(&w));
    !list && !sentence && !about && !leads && !bare && !name.contains(QUOTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&str> {
        defined(text).into_iter().map(|s| &text[s.range()]).collect()
    }

    #[test]
    fn names_may_stand_anywhere_before_what_parties_are_called() {
        assert_eq!(
            names(
                "Elm Financial, Inc., an Elmar corporation (\"Supplier\"), licenses Elm Mortgage, Inc. (\"Licensee\") to copy."
            ),
            ["Elm Financial, Inc.", "Elm Mortgage, Inc."]
        );
        assert_eq!(
            names(
                "Gentlemen:\r\rElmar Bank, N.A. (the \"Bank\") is pleased to lend to The Oak Corporation (the \"Borrower\")."
            ),
            ["Elmar Bank, N.A.", "The Oak Corporation"]
        );
        assert_eq!(
            names(
                "FOR VALUE RECEIVED, ELM COMPANY (the \"Borrower\") promises to pay to the order of OAK\nBANK, NATIONAL \
                 ASSOCIATION (the \"Bank\"),"
            ),
            ["ELM COMPANY", "OAK\nBANK, NATIONAL ASSOCIATION"]
        );
        assert_eq!(
            names(
                "By this Agreement, dated May 1, 2007, BANK OF ELLMAR, an  Ohio\ncorporation, of 7 Oak Lane (the \"Bank\") \
                 and OAK MATERIALS, INC., a company (the \"Borrower\") agree"
            ),
            ["BANK OF ELLMAR", "OAK MATERIALS, INC."]
        );
        assert_eq!(
            names(
                "WHEREAS, Elm Works Inc. (the \"Company\") and the Board of Directors of the Company (the \"Board\")"
            ),
            ["Elm Works Inc."]
        );
    }

    #[test]
    fn a_party_may_be_left_open() {
        for (text, called) in [
            (
                "Elm Pizza, Inc. (\"we\") and the individual or legal entity identified on the cover page (\"Franchisee\").",
                Some("Franchisee"),
            ),
            ("Elm Inns LLC (\"we\") and the Franchisee (\"you\") set forth below", Some("Franchisee")),
            ("Elm Inc. (\"Elm\"), and ______ (the \"Agent\").", Some("Agent")),
            ("Elm Inc. (\"Elm\") and , whose address is (\"Franchisee\").", Some("Franchisee")),
            ("Elm Inc. (\"Elm\") and the party signing below (\"Recipient\").", Some("Recipient")),
            ("Elm Fitness, LLC (\"Elm\") and the Franchisee.", Some("Franchisee")),
            ("you (the \"Affiliate\") and Elm Inc. (\"Elm\").", Some("Affiliate")),
            ("Elm Inc., an Elmar company, and the person named below (\"Tenant\").", Some("Tenant")),
            (
                "Elm Bank, N.A. (\"Elm\") and you as an \"Affiliate\" in our program (the \"Program\").",
                Some("Affiliate"),
            ),
            ("Elm Inc. (\"Elm\"), and the services listed below (the \"Services\").", None),
            ("Elm Inc. (\"Elm\") and its affiliates (\"Affiliates\").", None),
            ("Elm Inc. (\"Elm\"), Oak Inc. (\"Oak\") and each person named below (\"Agent\").", None),
        ] {
            assert_eq!(open_in(text, 0).map(|s| &text[s.range()]), called, "{text}");
        }
        let letter = "Dear Sirs:\r\rElm Financial Corporation (the \"Company\") engages the agent identified below (the \"Agent\" or \
                      \"you\") to sell its stock (the \"Shares\").";
        assert_eq!(open_beside(letter).map(|s| &letter[s.range()]), Some("Agent"));
        let things = "Elm Financial Corporation (the \"Company\") sells the goods listed below (the \"Goods\").";
        assert_eq!(open_beside(things), None);
    }
}
