//! Names of parties: where one ends, what is none. A name needs no legal form here; where it stands tells that it is one.

use super::name_end::without_address;
use crate::text::Span;
use crate::values::dates::is_month;
use crate::values::{FORMS, find_dates, is_form, party_name};

/// Longest name, in words; longer ones are descriptions.
pub(super) const MOST_WORDS: usize = 12;
/// How far a date may go that stands before a name, in bytes.
const DATED: usize = 40;
/// The word that does where a list follows.
pub(super) const HEAD: &str = "parties";
/// What stands before the names of parties that are listed by what they are: "Licensor: Orion Works".
pub(super) const ROLES: [&str; 49] = [
    "construction manager",
    "general contractor",
    "subcontractor",
    "design-builder",
    "service provider",
    "subscriber",
    "collaborator",
    "affiliate",
    "licensor",
    "licensee",
    "franchisor",
    "franchisee",
    "client",
    "customer",
    "supplier",
    "seller",
    "buyer",
    "vendor",
    "purchaser",
    "consultant",
    "contractor",
    "distributor",
    "sponsor",
    "lessor",
    "lessee",
    "landlord",
    "tenant",
    "employer",
    "borrower",
    "lender",
    "sender",
    "shipper",
    "carrier",
    "transporter",
    "reseller",
    "manufacturer",
    "provider",
    "publisher",
    "advertiser",
    "developer",
    "operator",
    "promoter",
    "investor",
    "pledgor",
    "pledgee",
    "assignor",
    "assignee",
    "grantor",
    "grantee",
];
/// More words for what a party is, none of them a name.
pub(super) const CALLED: [&str; 16] = [
    "company",
    "bank",
    "agent",
    "guarantor",
    "guarantors",
    "borrowers",
    "lenders",
    "executive",
    "employee",
    "employer",
    "issuer",
    "trustee",
    "participant",
    "committee",
    "owner",
    "party",
];
/// Words of defined terms that name no party.
pub(super) const NO_PARTY: [&str; 12] = [
    "party",
    "parties",
    "agreement",
    "date",
    "act",
    "contract",
    "term",
    "amendment",
    "lease",
    "exhibit",
    "signatory",
    "collectively",
];

/// What ends a block in the text that is looked through here: a line break inside a block may stand in a name.
pub(super) const END: char = '\r';

/// "qPhase", "inPhase", "e3", "e-lumen", "elm-3", "elm.com": names that begin with a small letter.
pub(super) fn begins_with_brand(text: &str) -> bool {
    let word = text.split([' ', '\n', ',', ';', '(']).next().unwrap_or_default();
    let second = word.chars().nth(1);
    let numbered = word.contains('-') && word.ends_with(|c: char| c.is_ascii_digit());
    let marked =
        word.contains(char::is_uppercase) || numbered || second.is_some_and(|c| c.is_ascii_digit() || c == '-');
    let domain = word.rsplit_once('.').is_some_and(|(name, end)| name.len() > 1 && end.len() > 1);
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && (marked || (domain && !word.contains("..") && !word.starts_with("www")))
}

/// The name that `text` begins with, after "the", numbers and marks.
pub(super) fn name_in(text: &str) -> Option<Span> {
    let start = beginning(text);
    let start = start + acting_for(text.get(start..)?);
    let rest = text.get(start..)?;
    if let Some(end) = quoted_name(rest) {
        return Some(Span::new(start, start + end));
    }
    let rest = rest.get(..rest.find(END).unwrap_or(rest.len()))?;
    let brand = begins_with_brand(rest);
    // "___Elm Works Inc.______": a form that was filled in. Of one byte each, so every place stays where it is.
    let mut shown = rest.replace('_', " ");
    if brand && let Some(first) = shown.get_mut(..1) {
        // Read as any name; of one byte, so every place stays where it is.
        first.make_ascii_uppercase();
    }
    // Before the name is judged by its length: a description may go on for lines.
    let name = party_name(without_address(without_number(&shown)))?;
    let at = start + shown.find(name)?;
    let name = without_address(text.get(at..at + name.len())?);
    // "and Ann Lee." ends a sentence, "Elm Works Inc." and "Ben Ode Jr." do not.
    let last = name.split_whitespace().next_back()?;
    let stop = last
        .strip_suffix('.')
        .is_some_and(|w| !FORMS.contains(&w.to_lowercase().as_str()) && w.len() > 2 && !w.contains('.'));
    let name = if stop { name.trim_end_matches('.') } else { name };
    is_name(name, brand).then(|| Span::new(at, at + name.len()))
}

/// How long a name is that stands in quotation marks after its legal form: `OAO "Elm Titan"`.
fn quoted_name(text: &str) -> Option<usize> {
    const FORMS_BEFORE: [&str; 9] = ["OAO", "OOO", "ZAO", "PAO", "JSC", "OJSC", "CJSC", "PJSC", "LLC"];
    let (form, name) = text.split_once(' ')?;
    let open = name.chars().next().filter(|c| matches!(c, '"' | '“' | '«'))?;
    let close = name.get(open.len_utf8()..)?.find(['"', '”', '»'])? + open.len_utf8();
    let end = close + name.get(close..)?.chars().next()?.len_utf8();
    let capital = name.get(open.len_utf8()..).is_some_and(|t| t.starts_with(char::is_uppercase));
    (FORMS_BEFORE.contains(&form) && capital && end <= QUOTED).then_some(form.len() + 1 + end)
}

/// Longest name in quotation marks, in bytes.
const QUOTED: usize = 80;

/// A name without the number of a register or a passport after it, and whatever follows: "Ann Lee (I.D. 290925)".
fn without_number(text: &str) -> &str {
    let numbered = |(at, _): &(usize, &str)| {
        let (inner, after) = text.get(at + 1..).and_then(|t| t.split_once(')')).unwrap_or_default();
        // "Elm Systems (1994) Ltd.", "Elm Water (2007) Limited Partnership": a year inside a name.
        let form = after.split_whitespace().next().is_some_and(|w| is_form(w.trim_end_matches([',', ';'])));
        inner.chars().filter(char::is_ascii_digit).count() >= 4 && !(form && inner.len() == 4)
    };
    text.match_indices('(').find(numbered).and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

/// How long the words are that `text` begins with and that say on which side a party is: "of the one part, ".
pub(super) fn side(text: &str) -> usize {
    const SIDES: [&str; 8] = [
        "of the one part",
        "of the other part",
        "on the one hand",
        "on the other hand",
        "of one part",
        "for the one part",
        "for the other part",
        "for the other",
    ];
    let rest = text.trim_start_matches([',', ' ']);
    let led = SIDES.iter().find(|side| rest.get(..side.len()).is_some_and(|t| t.eq_ignore_ascii_case(side)));
    let after = led.and_then(|side| rest.get(side.len()..)?.strip_prefix([',', ':']));
    after.map_or(0, |after| text.len() - after.trim_start().len())
}

/// Where a name begins in `text` that stands after "the", marks, a number or a label.
fn beginning(text: &str) -> usize {
    let mut start = text.len() - text.trim_start_matches(|c: char| !c.is_alphanumeric()).len();
    start += side(text.get(start..).unwrap_or_default());
    start += heading(text.get(start..).unwrap_or_default());
    // "(i) Orion Works".
    if let Some((number, name)) = text.get(start..).and_then(|t| t.split_once(") ")).filter(|(n, _)| is_small_number(n))
    {
        start += number.len() + ") ".len() + (name.len() - name.trim_start().len());
    }
    start += dated(text.get(start..).unwrap_or_default());
    for lead in
        ["The parties hereto, ", "each of ", "WHEREAS ", "WHEREAS, ", "and ", "the ", "undersigned, ", "undersigned "]
    {
        if text.get(start..).is_some_and(|t| t.starts_with(lead)) {
            start += lead.len();
        }
    }
    // "Parties (1) Orion Works": a heading and a number.
    if text.get(start..start + HEAD.len()).is_some_and(|t| t.eq_ignore_ascii_case(HEAD)) {
        let listed = text.get(start + HEAD.len()..).unwrap_or_default();
        let name = listed.trim_start_matches(|c: char| !c.is_alphabetic());
        // "Parties to this agreement" goes on with a small letter.
        if name.starts_with(char::is_uppercase) {
            start = text.len() - name.len();
        }
    }
    // "ELM: Elm Works, S.A. (“ELM”)".
    if let Some((label, name)) = text.get(start..).and_then(|t| t.split_once(':')) {
        let called = (2..=SHORT_NAME).contains(&label.len()) && label.chars().all(|c| c.is_ascii_uppercase());
        let name = name.trim_start();
        if called && !SHOUTED.contains(&label) && name.starts_with(char::is_uppercase) {
            start = text.len() - name.len();
        }
    }
    // "Party A: Orion Works".
    if let Some(("Party", labelled)) = text.get(start..).and_then(|t| t.split_once(' '))
        && let Some((label, name)) = labelled.split_once(':').filter(|(label, _)| label.len() == 1)
    {
        start += "Party ".len() + label.len() + 1 + (name.len() - name.trim_start().len());
    }
    start
}

/// Longest name of one word that may stand before a party as its label, in bytes, and words in capitals that are none.
const SHORT_NAME: usize = 12;
const SHOUTED: [&str; 6] = ["BY", "TO", "FROM", "RE", "ATTEST", "WITNESS"];

/// How long the date is that `text` begins with: "Effective May 1, 2008, Elm Works".
fn dated(text: &str) -> usize {
    if !["Effective", "As of", "On ", "Dated"].iter().any(|word| text.starts_with(word)) {
        return 0;
    }
    let near = text.get(..text.floor_char_boundary(DATED)).unwrap_or_default();
    let end = find_dates(near).first().map_or(0, |date| date.span.end());
    text.get(end..).filter(|rest| end > 0 && rest.starts_with(", ")).map_or(0, |_| end + ", ".len())
}

/// How much stands before the company in `text` that begins with who acts for it: "Ann Lee, director of Elm Works".
pub(super) fn acting_for(text: &str) -> usize {
    let company = text.split_once(", ").and_then(|(person, rest)| {
        let (office, company) = rest.split_once(" of ")?;
        let named = (2..=4).contains(&person.split_whitespace().count()) && company.starts_with(char::is_uppercase);
        (named && OFFICES.contains(&office.to_lowercase().as_str())).then_some(company)
    });
    company.map_or(0, |company| text.len() - company.len())
}

/// How long the heading is that `text` begins with, where a name with small letters follows it on the same line: "SUPPLY AGREEMENT
/// Orion".
fn heading(text: &str) -> usize {
    let mut at = 0;
    for word in text.split_inclusive([' ', '\n']) {
        if word.contains(char::is_lowercase) {
            return 0;
        }
        at += word.len();
        if KINDS.contains(&word.trim()) {
            let next = text.get(at..).unwrap_or_default();
            let named = next.split_whitespace().next().is_some_and(|w| w.contains(char::is_lowercase));
            return if named && next.starts_with(char::is_uppercase) { at } else { 0 };
        }
    }
    0
}

/// What a heading ends with.
const KINDS: [&str; 6] = ["AGREEMENT", "CONTRACT", "LEASE", "ADDENDUM", "AMENDMENT", "LICENSE"];

/// Whether `number` counts the points of a list: "i", "iv", "b", "1".
fn is_small_number(number: &str) -> bool {
    let roman = !number.is_empty() && number.len() <= 4 && number.chars().all(|c| matches!(c, 'i' | 'v' | 'x'));
    roman || (number.len() == 1 && number.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()))
}

/// Whether `name` can be one: of words in capitals (but for the first of a `brand`), and nothing that agreements name too.
fn is_name(name: &str, brand: bool) -> bool {
    let words: Vec<&str> = name.split_whitespace().collect();
    // "elm.com, inc.", "Elm, s.r.o.", "The viaElm Company".
    let form = |w: &str| FORMS.contains(&w.replace(['.', ','], "").as_str()) && words.last() == Some(&w);
    let small = |w: &&str| {
        w.starts_with(char::is_lowercase) && !w.contains(char::is_uppercase) && !SMALL.contains(w) && !form(w)
    };
    let last = words.last().map(|w| w.trim_end_matches('.').to_lowercase()).unwrap_or_default();
    let last = last.as_str();
    // "SUPPLY AGREEMENT" is what they make, "WHEREAS" what comes next, "the Company" what one of them is called.
    let thing = NO_PARTY.contains(&last) || NO_NAME.contains(&last);
    let role = words.len() == 1 && (ROLES.contains(&last) || CALLED.contains(&last));
    // "401(a)(1) of the Act", "Liability Act of 1980".
    let numbered = name.starts_with(|c: char| c.is_ascii_digit());
    // "December 1".
    let day =
        matches!(words.as_slice(), [month, day] if is_month(month) && day.starts_with(|c: char| c.is_ascii_digit()));
    let law = day || name.contains(" Act of ") || (numbered && (name.contains('(') || name.contains(" of ")));
    const POINTED: [&str; 7] = ["this", "these", "such", "each", "its", "their", "his"];
    let pointed = words.first().is_some_and(|w| POINTED.contains(&w.to_lowercase().as_str()));
    // "elm.com networks, L.L.C.": a brand goes on in small letters up to its form.
    let formed = brand && words.last().is_some_and(|w| is_form(w));
    let words_fit = words.len() <= MOST_WORDS && (formed || !words.iter().skip(usize::from(brand)).any(small));
    let letters = name.contains(char::is_alphabetic) && !name.contains(['_', ':', ';']);
    words_fit && letters && !thing && !role && !law && !pointed
}

/// Words that end no name, in lower case.
const NO_NAME: [&str; 11] = [
    "commission",
    "tariff",
    "dollars",
    "and",
    "whereas",
    "witnesseth",
    "recitals",
    "purpose",
    "offer",
    "witness",
    "undersigned",
];
/// Small words inside names.
pub(super) const SMALL: [&str; 15] =
    ["of", "the", "and", "for", "de", "la", "plc", "dba", "von", "van", "der", "den", "di", "del", "du"];

/// Words of headings and covers that no person is called, in lower case.
const NO_PERSON: [&str; 10] =
    ["terms", "party", "parties", "hereto", "agent", "lenders", "banks", "documentation", "definitions", "the"];

/// Whether two names of `text` are one, in other letters or with "the" before it.
pub(super) fn is_same(text: &str, one: Span, other: Span) -> bool {
    let bare = |name: Span| {
        let name = text.get(name.range()).unwrap_or_default().to_lowercase();
        name.strip_prefix("the ").map(str::to_owned).unwrap_or(name)
    };
    bare(one) == bare(other)
}

/// Whether the name at `name` is that of a person: two to four words in capitals, and the sentence or a description goes on.
pub(super) fn is_person(text: &str, name: Span) -> bool {
    let words = text.get(name.range()).unwrap_or_default();
    let next = text.get(name.end()..).unwrap_or_default().trim_start_matches([' ', '\n']);
    let ends = next.starts_with(['.', ',', ';', '(', END])
        || ["whose", "residing", "an individual"].iter().any(|w| next.starts_with(w));
    let thing = |word: &str| NO_PERSON.contains(&word.to_lowercase().as_str());
    can_be_person(words) && !words.split_whitespace().any(thing) && ends
}

/// Whether `words` have the form of a person's name: two to four in letters, each with a capital.
pub(super) fn can_be_person(words: &str) -> bool {
    let capital = |word: &str| {
        word.starts_with(char::is_uppercase)
            && word.chars().all(|c| c.is_alphabetic() || matches!(c, '.' | '-' | '\'' | '’'))
    };
    (2..=4).contains(&words.split_whitespace().count()) && words.split_whitespace().all(capital)
}

/// The names of two people of whom `name` is the first or both: "Ben Ode and Ann Ode, husband and wife", "Ben Ode and wife, Ann Ode".
pub(super) fn couple(text: &str, name: Span) -> Option<[Span; 2]> {
    const TOGETHER: [&str; 4] = [", husband and wife", ", his wife", ", her husband", ", wife and husband"];
    let rest = text.get(name.end()..)?;
    let one_line = |t: &str| t.get(..t.floor_char_boundary(30)).unwrap_or_default().replace('\n', " ").to_lowercase();
    if let Some(wife) = one_line(rest).find("and wife, ").map(|at| at + "and wife, ".len()).filter(|at| *at <= 12) {
        let second = name_in(rest.get(wife..)?)?.shifted(name.end() + wife);
        return Some([name, second]);
    }
    let both = text.get(name.range())?;
    let at = both.find(" and ").or_else(|| both.find("\nand ")).filter(|_| {
        let next = one_line(rest);
        TOGETHER.iter().any(|words| next.starts_with(words))
    })?;
    let second = name.start() + at + " and ".len();
    Some([Span::new(name.start(), name.start() + at), Span::new(second, name.end())])
}

/// Offices whose holders sign for a company.
const OFFICES: [&str; 8] =
    ["director", "the director", "managing director", "manager", "president", "owner", "the owner", "ceo"];

/// Whether the name at `name` ends with a legal form.
pub(super) fn ends_with_form(text: &str, name: Span) -> bool {
    let last = text.get(name.range()).and_then(|n| n.split([' ', '\n', ',']).next_back());
    last.is_some_and(|word| is_form(word) || word == "plc")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<&str> {
        name_in(text).and_then(|span| text.get(span.range()))
    }

    #[test]
    fn a_name_ends_where_an_address_or_a_description_begins() {
        for (text, found) in [
            ("ELM A/S of 5 High Street, Ellmar", "ELM A/S"),
            ("Bank of Ellmar, N.A., a bank", "Bank of Ellmar, N.A."),
            ("Elm Radio Company of Tulsa, Oklahoma (\"Elm\")", "Elm Radio Company"),
            ("ELM LABORATORIES Dated as of May 1, 2005", "ELM LABORATORIES"),
            ("Elm Works plc of the other part.", "Elm Works plc"),
            ("Oak Inc. regarding the supply of resin.", "Oak Inc."),
            ("Effective May 1, 2008, Elm Rail Company (\"Elm\")", "Elm Rail Company"),
            ("each of ANN LEE (\"Ann\")", "ANN LEE"),
            ("Ben Ode p/k/a \"Odey\" (the \"Artist\")", "Ben Ode"),
            ("Elm Company of Tulsa, Inc. (\"Elm\")", "Elm Company of Tulsa, Inc."),
            ("ANN LEE and BEN ODE, jointly and severally (\"you\")", "ANN LEE and BEN ODE"),
            ("Elm Wireless (an Ohio corporation) (\"Elm\")", "Elm Wireless"),
            ("ELM WORKS LIMITED of 2 Oak Lane, Leeds", "ELM WORKS LIMITED"),
            ("elm.com networks, L.L.C., with offices here", "elm.com networks, L.L.C."),
            ("undersigned, ELM TRUST II, a trust", "ELM TRUST II"),
            ("WHEREAS Elm Inc (\"Seller\")", "Elm Inc"),
            ("Elm Trust and Savings Bank (\"Elm\")", "Elm Trust and Savings Bank"),
            ("Elm Works Corporation 780 High Street", "Elm Works Corporation"),
            ("551 FX Associates, LLC a Delaware company", "551 FX Associates, LLC"),
            ("ROBERT G. MILLER\n305 Elm Street", "ROBERT G. MILLER"),
            ("ELM CORP.\nMay 5", "ELM CORP."),
            ("Elm, Inc.  111 W. Oak Ave.", "Elm, Inc."),
            ("ELM GROUP AG January 5, 2012 (the “Elm”)", "ELM GROUP AG"),
            ("Elm International GmbH Oaker Strasse 173, Elmar", "Elm International GmbH"),
            ("Elm Corp of the West (“Elm”)", "Elm Corp of the West"),
            ("Elm Statutory Trust 2001A (the “Trust”)", "Elm Statutory Trust 2001A"),
            ("VOLCANO:   VOLCANO ELMAR, S.A. (“VOLCANO”)", "VOLCANO ELMAR, S.A."),
            ("ELM BANK, NATIONAL ASSOCIATION (the \"Bank\")", "ELM BANK, NATIONAL ASSOCIATION"),
            ("Elmar Bank Stock Co., Ltd, Oakville Branch\n\n", "Elmar Bank Stock Co., Ltd, Oakville Branch"),
            ("Ann Lee.", "Ann Lee"),
            ("Ben Ode Jr. (\"Ben\")", "Ben Ode Jr."),
            ("elm.com, inc., a company", "elm.com, inc."),
            ("e-lumen, Inc. (\"Lumen\")", "e-lumen, Inc."),
            ("elm-3 SYSTEMS, INC. an Ohio corporation", "elm-3 SYSTEMS, INC."),
            ("(ii) ELM GRILL, INC., a company", "ELM GRILL, INC."),
            ("Ann Lee (I.D. Number: 029092509), an individual whose address is here", "Ann Lee"),
            ("ANN LEE of the City of Ellmar, in the Province", "ANN LEE"),
            ("Ben L.\nOde, residing at 14 Elm Street", "Ben L.\nOde"),
            ("The viaElm Company, an Ellmar corporation", "The viaElm Company"),
            ("inPhase, Inc. (\"inPhase\")", "inPhase, Inc."),
            ("ELM PUBLISHING, s.r.o. (\"Licensor\")", "ELM PUBLISHING, s.r.o."),
            ("AZZ incorporated (hereinafter \"Company\")", "AZZ incorporated"),
            ("Elm Bank f/k/a Elm Savings Bank, a bank", "Elm Bank"),
            ("Joseph L. von Ode III (the \"Executive\")", "Joseph L. von Ode III"),
            ("GARY LEE, of Ellmar, Ohio", "GARY LEE"),
            ("SUPPLY AGREEMENT Elm, a company of Ellmar", "Elm"),
            ("Elm Energy Co., Ltd. Party A welcomes Party B", "Elm Energy Co., Ltd."),
            ("Ben Ode, director of Elm Bakery (hereinafter \"Client\")", "Elm Bakery"),
            ("Susan Ode, Senior Vice President - Education", "Susan Ode"),
            ("___Elm Resorts, Inc.______ (the \"Client\")", "Elm Resorts, Inc."),
            ("OAO \"Elm Titan\", Ellmar, Russia", "OAO \"Elm Titan\""),
            ("Elm Systems (1994) Ltd.\nCompany No. 51-298", "Elm Systems (1994) Ltd."),
            ("ELM PUMPS LTD.\nCompany No. 51-298", "ELM PUMPS LTD."),
            ("Elm Energy Pty Ltd ABN 41 084 553 207", "Elm Energy Pty Ltd"),
            ("MR. BEN ODE, aged about 52 years, residing at Ellmar", "MR. BEN ODE"),
            ("TIM S. LEE an individual with his home in Ellmar", "TIM S. LEE"),
        ] {
            assert_eq!(name(text), Some(found), "{text}");
        }
    }

    #[test]
    fn a_couple_is_two_parties() {
        let two = |text: &'static str| {
            let both = couple(text, name_in(text)?)?;
            Some(both.map(|name| &text[name.range()]))
        };
        assert_eq!(two("Ben Ode and Ann Ode, husband and wife (\"Grantors\")"), Some(["Ben Ode", "Ann Ode"]));
        assert_eq!(two("BEN ODE\nand wife, ANN ODE (\"Grantors\")"), Some(["BEN ODE", "ANN ODE"]));
        assert_eq!(two("Elm and Oak Company, an Ohio corporation (\"Elm\")"), None);
    }

    #[test]
    fn what_agreements_speak_of_is_no_name() {
        for text in [
            "SUPPLY AGREEMENT",
            "WHEREAS, they met",
            "Company (\"Elm\")",
            "1.3, 2",
            "401(a)(1) of the Act",
            "This Agreement and the Other Loan Documents",
            "Liability Act of 1980",
            "December 1, 2006",
            "ITS SUBSIDIARIES",
            "98 of the Standards Board",
            "organized and existing",
            "www.elm.com)",
        ] {
            assert_eq!(name(text), None, "{text}");
        }
    }

    #[test]
    fn persons_have_two_to_four_words_and_no_heading_is_one() {
        let person = |text: &str| name_in(text).is_some_and(|name| is_person(text, name));
        assert!(person("Ann Lee, an individual") && person("Kung Ming Kuo."));
        assert!(!person("Wales.") && !person("ACCOUNTING TERMS.") && !person("Ann Lee Works well"));
    }
}
