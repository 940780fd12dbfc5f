//! The parties as the first lines of an agreement introduce them: "by and between Ann Lee ("Tenant") and the Town of
//! Ellmar, a municipal corporation (the "Landlord")". The name is what stands before what a party is called; it needs no
//! legal form, which is all that the pieces of sentences know a name by.

use super::called::{defined, open_beside, open_in};
use super::cover::cover;
use super::labelled::by_label;
use super::name::{END, HEAD, couple, ends_with_form, is_person, is_same, name_in};
use super::roles::{QUOTES, called_in, next_party, word_ends};
use crate::text::{DocText, Span};
use crate::values::find_dates;

/// How far into a document an introduction may begin, and its greatest length, in bytes.
const WITHIN: usize = 12_000;
const LONGEST: usize = 2_400;
/// How far into a document a paragraph may introduce parties without a word that leads into it, in bytes.
pub(super) const OPENING: usize = 3_000;
/// How much may stand between two names that only an "and" joins, in bytes.
pub(super) const JOINED: usize = 300;
/// How much of a date may stand between "entered into" and "by", in bytes.
const DATED: usize = 60;
/// Words that lead into an introduction.
const LEADS: [&str; 6] = ["between", "among", "amongst", "b e t w e e n", "into by", "made by"];
/// Where an introduction ends at the latest, in lower case.
const ENDS: [&str; 10] = [
    "whereas",
    "witnesseth",
    "recital",
    "background",
    "now, therefore",
    "now therefore",
    "in consideration",
    "agree as follows",
    "agrees as follows",
    "it is agreed",
];
/// How the first clause of an agreement begins.
const CLAUSES: [&str; 4] = ["1. ", "1 ", "1.1", "Article "];

/// The names of an introduction.
pub(super) struct Introduction {
    /// In order.
    pub(super) names: Vec<Span>,
    /// Whether words, labels or the form of a paragraph or a cover say that they are parties, which are at least two then; else
    /// they are names that the first lines give something to be called by, and may be spoken of only.
    pub(super) led: bool,
}

/// The names in the first introduction of `document` that names at least two parties, in order: before what they are called,
/// or two names with an "and" between, one of them with a legal form. Where there is none: the names after "Party A:" or
/// "Licensor:" and so on; those of a paragraph that begins with one; the two of the cover; or those with a legal form anywhere
/// before what parties are called in the first lines.
pub(super) fn introduced(document: &DocText) -> Introduction {
    introduced_in(&with_ends(document))
}

/// Whether `names`, which nothing leads to, are those of companies that `document` speaks of and that do not sign: of a joint
/// filing, where those who file are named at their signatures, `signed`.
pub(super) fn only_spoken_of(document: &DocText, names: &[Span], signed: &[Span]) -> bool {
    let signs = |name: &Span| signed.iter().any(|s| is_same(&document.text, *name, *s));
    signed.len() > names.len() && !names.iter().all(signs)
}

/// What an introduction of `document` that names one party calls the other, which it leaves open: "between Orion Inc. and the
/// person named below (the "Agent")".
pub(super) fn left_open(document: &DocText) -> Option<Span> {
    let text = with_ends(document);
    let head = text.get(..text.floor_char_boundary(WITHIN)).unwrap_or(&text);
    leads(head).into_iter().find_map(|from| open_in(&text, from)).or_else(|| open_beside(head))
}

/// The first lines of `document` with [`END`] for the line break after each block: every place stays where it is.
fn with_ends(document: &DocText) -> String {
    let text = &document.text;
    let head = text.get(..text.floor_char_boundary(WITHIN + LONGEST)).unwrap_or(text);
    let mut bytes = head.as_bytes().to_vec();
    for block in &document.blocks {
        if let Some(after) = bytes.get_mut(block.span.end()).filter(|b| **b == b'\n') {
            *after = END as u8;
        }
    }
    // One ASCII character took the place of another, so it is UTF-8 as before.
    String::from_utf8(bytes).unwrap_or_default()
}

/// The same in a text with [`END`] after its blocks.
fn introduced_in(text: &str) -> Introduction {
    let head = text.get(..text.floor_char_boundary(WITHIN)).unwrap_or(text);
    let leads = leads(head);
    let two = |names: &Vec<Span>| names.len() >= 2;
    // Without what they are called, names later on may be those of another agreement.
    let led = |from: &usize| {
        let names = names_in(text, region(text, *from));
        let early = *from < OPENING;
        let parted = parted(text, &names).filter(|_| early);
        Some(names).filter(two).or_else(|| Some(joined(text, *from)).filter(|n| early && two(n))).or(parted)
    };
    let introduced = leads.iter().find_map(led);
    let labelled = || Some(by_label(head)).filter(two);
    // Without a word that leads to names, they must look like some.
    let beginning =
        || paragraphs(head).map(|paragraph| names_in(text, paragraph)).find(|n| two(n) && look_like_names(text, n));
    let cover = || Some(cover(head)).filter(two);
    if let Some(names) = introduced.or_else(labelled).or_else(beginning).or_else(cover) {
        return Introduction { names, led: true };
    }
    let mut names = defined(head);
    if names.len() < 2 {
        // "Sponsor:" alone has its label, the other signs.
        let several = |name: &Span| text.get(name.range()).is_some_and(|t| t.contains([' ', '.']));
        let other = |name: &Span| !names.iter().any(|f| is_same(text, *f, *name)) && several(name);
        let apart = by_label(head).into_iter().filter(other);
        names.extend(apart.collect::<Vec<_>>());
    }
    Introduction { names, led: false }
}

/// Where the words that lead into an introduction end in `head`, in order.
fn leads(head: &str) -> Vec<usize> {
    // A line may end inside a lead: "entered into\nby".
    let lower = head.to_ascii_lowercase().replace('\n', " ");
    // "Parties: (1) Ann Lee": a heading, not a word of a sentence.
    let listed = |at: &usize| head.get(*at..).is_some_and(|t| t.trim_start().starts_with([':', '(', '1']));
    let leads = LEADS.iter().flat_map(|lead| word_ends(&lower, lead));
    // "entered into as of May 1, 2011 by Ann Lee".
    let dated = |by: &usize| {
        let before = head.get(head.floor_char_boundary(by.saturating_sub(DATED))..*by).unwrap_or_default();
        let made = ["into ", "made ", "given "].iter().filter_map(|made| Some(before.rfind(made)? + made.len())).max();
        let between = made.and_then(|made| before.get(made..)).unwrap_or_default();
        let named = head.get(*by..).is_some_and(|t| t.trim_start().starts_with(char::is_uppercase));
        named && !find_dates(between).is_empty() && !between.contains(['.', ';'])
    };
    let leads = leads.chain(word_ends(&lower, "by").filter(dated));
    let mut leads: Vec<usize> = leads.chain(word_ends(&lower, HEAD).filter(listed)).collect();
    leads.sort_unstable();
    leads
}

/// Two names after `from` with nothing but an "and" and what describes the first between them; at least one has a legal
/// form, or anything could be two names.
fn joined(text: &str, from: usize) -> Vec<Span> {
    let region = region(text, from);
    let piece = text.get(region.range()).unwrap_or_default();
    // "between Ellmar and Hillside Inc.": without a form the first ends with the "and"; in capitals it may be of one name.
    let and = word_ends(piece, "and").next().unwrap_or(piece.len());
    let short = || name_in(piece.get(..and.saturating_sub("and".len()))?);
    let formed = |name: &Span| ends_with_form(piece, *name);
    let whole = name_in(piece).filter(formed);
    let pair = |first: Option<Span>| {
        let first = first.filter(|n| n.start() <= "\r\rthe ".len())?;
        let rest = piece.get(first.end()..)?;
        let at = next_party(rest)?;
        let second = name_in(rest.get(at..)?)?.shifted(first.end() + at);
        // What describes the first may hold an "and" too: "under the laws of England and Wales".
        let between = piece.get(first.end()..second.start())?;
        let text_of = |name: Span| piece.get(name.range()).unwrap_or_default().to_lowercase();
        // The same party, named again.
        let same = text_of(first).starts_with(&text_of(second)) || text_of(second).starts_with(&text_of(first));
        let bare = between.len() <= ",\r\rand the ".len();
        // "among Elm Corp., the Banks listed below and Oak Bank, as Agent".
        let acting = piece
            .get(second.end()..)
            .and_then(|t| t.split_once(", as "))
            .is_some_and(|(gap, role)| gap.is_empty() && role.starts_with(char::is_uppercase));
        let forms = usize::from(formed(&first)) + usize::from(acting || formed(&second));
        let enough =
            forms >= if bare { 1 } else { 2 } || (formed(&first) && is_person(piece, second) && !between.contains(END));
        let close = between.len() <= JOINED && enough && !same;
        close.then(|| vec![first.shifted(from), second.shifted(from)])
    };
    pair(whole).or_else(|| pair(short())).unwrap_or_default()
}

/// The two names that the only one of `names` is made of: "Elm Records and Ben Ode (the "Artist")".
fn parted(text: &str, names: &[Span]) -> Option<Vec<Span>> {
    let [name] = names else { return None };
    let (first, second) = text.get(name.range())?.split_once(" and ")?;
    let long = |name: &str| name.split_whitespace().count() >= 2;
    let start = name.end() - second.len();
    let two = || vec![Span::new(name.start(), name.start() + first.len()), Span::new(start, name.end())];
    (long(first) && long(second) && !second.contains(" and ")).then(two)
}

/// Whether the first of `names` or the second has a legal form, and each has one or is no more than a few words in capitals.
fn look_like_names(text: &str, names: &[Span]) -> bool {
    let quoted = |name: &Span| text.get(name.range()).is_some_and(|t| t.ends_with(['"', '”', '»']));
    let formed = |name: &Span| ends_with_form(text, *name) || quoted(name);
    let person = |name: &Span| {
        let name = text.get(name.range()).unwrap_or_default();
        name.split_whitespace().count() <= 4
            && name.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '.' | '-' | '\n' | '\''))
    };
    names.iter().take(2).any(formed) && names.iter().all(|name| formed(name) || person(name))
}

/// The paragraphs of the first lines that begin with a capital, each also from where a column or a recital begins in it.
fn paragraphs(head: &str) -> impl Iterator<Item = Span> + '_ {
    let opening = head.get(..head.floor_char_boundary(OPENING)).unwrap_or(head);
    let breaks = opening.match_indices(END).chain(opening.match_indices("   "));
    let recitals = opening.match_indices("\nWHEREAS").map(|(at, _)| at + 1);
    let mut starts: Vec<usize> = breaks.map(|(at, mark)| at + mark.len()).chain(recitals).chain([0]).collect();
    starts.sort_unstable();
    let rest = |at: usize| head.get(at..).unwrap_or_default();
    let begins = move |at: &usize| rest(*at).trim_start().starts_with(|c: char| !c.is_lowercase());
    let end = move |at: usize| {
        let ends = [rest(at).find(END), rest(at).find("\nWHEREAS")];
        at + ends.into_iter().flatten().min().unwrap_or(rest(at).len())
    };
    starts.into_iter().filter(begins).map(move |at| Span::new(at, end(at)))
}

/// The names before what parties are called in `region`.
fn names_in(text: &str, region: Span) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    for called in called_in(text, region) {
        // The clauses begin.
        let clause = |line: &str| CLAUSES.iter().any(|mark| line.starts_with(mark));
        let before = text.get(called.before.range()).unwrap_or_default();
        if !found.is_empty() && before.split(['\n', END]).skip(1).any(clause) {
            break;
        }
        // A heading that names one party, and then the introduction does.
        let again = |name: &Span| found.iter().any(|f| is_same(text, *f, *name));
        // A list of defined terms has quotation marks too.
        let quoted = text.get(called.role.range()).is_some_and(|t| t.starts_with(QUOTES));
        let fits = |name: &Span| !again(name) && (!quoted || ends_with_form(text, *name));
        let Some(name) = called.name.filter(fits) else { continue };
        match couple(text, name) {
            Some(both) => found.extend(both),
            None => found.push(name),
        }
    }
    found
}

/// What may belong to the introduction that begins at `from`.
pub(super) fn region(text: &str, from: usize) -> Span {
    let end = text.floor_char_boundary((from + LONGEST).min(text.len()));
    let lower = text.get(from..end).unwrap_or_default().to_ascii_lowercase();
    let stop = ENDS.iter().filter_map(|word| lower.find(word)).min().unwrap_or(lower.len());
    Span::new(from, from + stop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let marked = text.replace("\n\n", "\r\r");
        introduced_in(&marked).names.into_iter().map(|s| &text[s.range()]).collect()
    }

    #[test]
    fn names_stand_before_what_parties_are_called() {
        assert_eq!(
            found(
                "This lease is made this 3rd day of May, 2015, by and between the TOWN OF ELLMAR, OHIO, an Ohio \
                   municipal corporation (\"Grantor\"), and HILLSIDE GAS COMPANY, an Ohio corporation (\"Grantee\").\n\nWHEREAS"
            ),
            ["TOWN OF ELLMAR, OHIO", "HILLSIDE GAS COMPANY"]
        );
        assert_eq!(
            found(
                "AGREEMENT dated as of June 24, 2020, between Lilac Funds (the \"Trust\"), a Maine business trust, and \
                   Poplar Fund Management, Inc. (the \"Adviser\"), a Florida Corporation."
            ),
            ["Lilac Funds", "Poplar Fund Management, Inc."]
        );
        assert_eq!(
            found(
                "by and between qPhase Technologies Inc., a Utah corporation located at 5 Elm Road, Provo (\"qPhase\") and \
                   R.T. Watson, Inc., with its principal place of business at 33 High Street, York (\"RTW\")."
            ),
            ["qPhase Technologies Inc.", "R.T. Watson, Inc."]
        );
    }

    #[test]
    fn people_need_no_legal_form_and_a_description_is_no_name() {
        assert_eq!(
            found(
                "SERVICES AGREEMENT, dated as of April 1, 2019 (the \"Agreement\"), between Ida Maron (\"Maron\") and \
                   Hillside Solutions, Inc., a Nevada corporation (the \"Company\")."
            ),
            ["Ida Maron", "Hillside Solutions, Inc."]
        );
        assert_eq!(
            found(
                "by and between Orion Metals Ltd, a company organized and existing under the laws of England and Wales \
                   (\"Orion\") and _______________ (\"Buyer\")"
            ),
            ["Orion Metals Ltd"],
            "one name and a blank"
        );
    }

    #[test]
    fn names_without_brackets_and_lines_of_their_own() {
        assert_eq!(
            found(
                "SUPPLY AGREEMENT\n\nbetween\n\nELBE OLEO GmbH & Co KG, Hafenwall 3, 20095 Hamburg\n\n— hereinafter \
                   referred to as Elbe —\n\nand\n\nUltra Pharmaceutical Inc, 60 Elm Court, Novato\n\n— hereinafter referred to \
                   as Ultra —\n"
            ),
            ["ELBE OLEO GmbH & Co KG", "Ultra Pharmaceutical Inc"]
        );
    }

    #[test]
    fn a_place_in_brackets_is_part_of_a_name_and_a_cover_has_names_too() {
        assert_eq!(
            found(
                "by and between Elm Laboratories, (Bermuda) Ltd., a company of Bermuda (\"Elm\"), and Fleet Works Limited, \
                   of 94 High Road, Leeds (\"Fleet\") is made"
            ),
            ["Elm Laboratories, (Bermuda) Ltd.", "Fleet Works Limited"]
        );
        assert_eq!(
            found("among Elm Works (Delaware), Inc., a company (the \"Company\"), and Ann Lee (\"Ann\")."),
            ["Elm Works (Delaware), Inc.", "Ann Lee"]
        );
        assert_eq!(
            found(
                "SERVICE AGREEMENT\n\n1 OCTOBER 2019\n\nHILL 2005 LIMITED\n\nand\n\nJOHN WEAVER\n\nTable of Contents"
            ),
            ["HILL 2005 LIMITED", "JOHN WEAVER"]
        );
        assert!(found("we met\nand\nthey spoke").is_empty());
        assert_eq!(
            found(
                "Dated 8 October 2010\n\n(1) ELM GROUP LIMITED\n(2) ANN LEE\n(3) OAK FUND, L.P.\n\nSHAREHOLDERS' AGREEMENT"
            ),
            ["ELM GROUP LIMITED", "ANN LEE", "OAK FUND, L.P."]
        );
    }

    #[test]
    fn a_place_without_a_form_after_it_letters_and_spaced_words() {
        assert_eq!(
            found(
                "by and between:\n\nParty A: Rose (Elmar) Consulting Co., Ltd. (\"Provider\")\n\nParty B: Ann Lee (\"Client\")"
            ),
            ["Rose (Elmar) Consulting Co., Ltd.", "Ann Lee"]
        );
        assert_eq!(
            found("B E T W E E N:\n\nELM COURIER LTD. (\"Elm\")\n\nand\n\nFLEET SYSTEMS LTD. (\"Fleet\")"),
            ["ELM COURIER LTD.", "FLEET SYSTEMS LTD."]
        );
    }

    #[test]
    fn a_heading_before_the_first_name_is_no_part_of_it() {
        assert_eq!(
            found(
                "is made between:\n\nParties\n\n(1) Orion Works A/S, a company (the \"Client\"); and\n\n(2) Elm Soft OÜ, a \
                   company (the \"Supplier\")."
            ),
            ["Orion Works A/S", "Elm Soft OÜ"]
        );
    }

    #[test]
    fn lists_of_parties_and_what_follows_and_in_capitals() {
        assert_eq!(
            found(
                "PARTIES (1) Hillside UK Limited is a company registered in England (the \"Employer\"); and (2) Bret Hauer of \
                   [address removed] (the \"Executive\").\n\nAGREED TERMS"
            ),
            ["Hillside UK Limited", "Bret Hauer"]
        );
        assert_eq!(
            found(
                "BETWEEN:\n\nELM NATURALS, INC., a company having its office at 7 Elm Street\n\n(\"Elm\" or the \
                   \"Company\")\n\nAND:\n\nC.M. OLIVE & COMPANY LIMITED, a company amalgamated here\n\n(the \"Contractor\")"
            ),
            ["ELM NATURALS, INC.", "C.M. OLIVE & COMPANY LIMITED"]
        );
        assert_eq!(
            found(
                "between ELM GAS COMPANY, hereinafter referred to as \"Transporter\" and OAK GAS AND ELECTRIC COMPANY, a \
                   Kentucky Corporation, hereinafter referred to as \"Shipper\"."
            ),
            ["ELM GAS COMPANY", "OAK GAS AND ELECTRIC COMPANY"]
        );
        assert_eq!(
            found("Party A: People's Government of Elm County Party B: Oak New Energy Co., Ltd.   Party A welcomes"),
            ["People's Government of Elm County", "Oak New Energy Co., Ltd."]
        );
        assert_eq!(
            found(
                "between Ann Lee (\"Ann\"), and The University of Elm, located at 2 Hall (\"University\" and, together with \
                   Ann, the \"Parties\")"
            ),
            ["Ann Lee", "The University of Elm"]
        );
    }

    #[test]
    fn a_recital_may_introduce_the_parties() {
        assert_eq!(
            found(
                "AMENDMENT\nWHEREAS, Elm Industries, LLC (“Company”) and John Ode (“Executive”) made an agreement;\nWHEREAS, they"
            ),
            ["Elm Industries, LLC", "John Ode"]
        );
    }

    #[test]
    fn a_party_may_be_of_one_part_and_another_of_the_other() {
        assert_eq!(
            found(
                "BETWEEN\n\nOf the one part,\n\nELM MARINE, S.A., a company (the \"Client\").\n\nAnd, of the other part,\n\n\
                 OAK WAVES LIMITED, a company of Wales (the \"Contractor\")."
            ),
            ["ELM MARINE, S.A.", "OAK WAVES LIMITED"]
        );
    }

    #[test]
    fn names_without_roles_are_joined_by_an_and() {
        assert_eq!(
            found("AGREEMENT among ELM SOFTWARE CORP., the BANKS listed below and OAK BANK OF ELMAR, as Agent.\n\nThe"),
            ["ELM SOFTWARE CORP.", "OAK BANK OF ELMAR"]
        );
        assert_eq!(
            found("agreement between Elmcom and Oak Entertainment Inc.\n\nNo fees are paid."),
            ["Elmcom", "Oak Entertainment Inc."]
        );
        assert_eq!(
            found(
                "between Ben Ode, director of Elm Bakery (the \"Client\") and Ann Lee, director of Oak Web Ltd (the \"Company\")"
            ),
            ["Elm Bakery", "Oak Web Ltd"]
        );
        assert_eq!(
            found("entered into as of May 1, 2011 by Elm Group (\"Elm\") and Oak Resort, hereafter \"Oak\"."),
            ["Elm Group", "Oak Resort"]
        );
        assert_eq!(
            found(
                "between ELM SYSTEMS hereinafter called the CONTRACTOR, and OAK CENTER hereinafter called the CUSTOMER."
            ),
            ["ELM SYSTEMS", "OAK CENTER"]
        );
        assert_eq!(
            found("between Elm Vacations Ltd. (hereafter EV) and Oak Cruises Inc. (hereafter OC)."),
            ["Elm Vacations Ltd.", "Oak Cruises Inc."]
        );
        assert_eq!(
            found("The parties hereto, ELM INSTITUTE (\"Elm\") and OAK, INC. (\"Oak\"), agree as follows:"),
            ["ELM INSTITUTE", "OAK, INC."]
        );
        assert_eq!(
            found("agreement between Elm Records and Ben Ode p/k/a \"Odey\" (herein called \"Artist\")."),
            ["Elm Records", "Ben Ode"]
        );
        assert_eq!(
            found("between Elm Technology, Inc. (\"Elm\"), and\n\nOak Corporation 780 High Street\n\nElm sells."),
            ["Elm Technology, Inc.", "Oak Corporation"]
        );
        assert_eq!(
            found(
                "by and between Elm Fiber Corp. (\"EF\"), having its address in Ellmar, and Kung Ming Kuo.\n\nWHEREAS"
            ),
            ["Elm Fiber Corp.", "Kung Ming Kuo"]
        );
        assert_eq!(
            found("between Elm Works, LLC and Oak Capital Page 1 of 10\n\nmade between Oak Capital and Elm (\"E\")"),
            ["Elm Works, LLC", "Oak Capital"]
        );
        assert!(found("between ELM OIL AND CHEMICAL COMPANY").is_empty(), "one name");
        assert!(found("between Elm Ltd, under the laws of England and Wales").is_empty(), "a place");
    }

    #[test]
    fn a_party_may_follow_a_comma_or_be_called_in_quotes_alone() {
        assert_eq!(
            found(
                "among the persons listed (the \"Elm Group\"), Oak Holdings, Inc. (the \"Company\") and Ann P. Lee, in her \
                 own capacity (the \"Designee\")."
            ),
            ["Oak Holdings, Inc.", "Ann P. Lee"]
        );
        assert_eq!(
            found(
                "between Elm Pharma AG, High Street 2, Ellmar \"Licensor\" / \"Elm\" and Oak Labs S.A. \"Licensee\" / \"Oak\""
            ),
            ["Elm Pharma AG", "Oak Labs S.A."]
        );
        assert_eq!(
            found(
                "between\n\n1)   THE ELM FACTORY OF ELMLAND\n(hereinafter called 'the Employer') and\n2)   OAK & ASSOCIATES INC. \
                 registered here (hereinafter called 'the Contractor')"
            ),
            ["THE ELM FACTORY OF ELMLAND", "OAK & ASSOCIATES INC."]
        );
        assert_eq!(
            found(
                "B E T W E E N:\n\nElm Industries, Inc.\n\n(\"the Company\")\n\nPatrick Ode\n\n(\"the Employee\")\n\nThe"
            ),
            ["Elm Industries, Inc.", "Patrick Ode"]
        );
        assert_eq!(
            found(
                "BETWEEN: ELM MEDICAL INC., a company of Ontario (hereinafter referred to as \"Customer\") - and - OAK SYSTEMS B.V., a \
                 company of Utrecht (hereinafter referred to as \"Oak\")"
            ),
            ["ELM MEDICAL INC.", "OAK SYSTEMS B.V."]
        );
        assert_eq!(
            found("among ELM, INC. (The \"Company\"), JAMES W. ODE III (\"Ode\") and ODE WORKS, INC. (\"Ode Works\")."),
            ["ELM, INC.", "JAMES W. ODE III", "ODE WORKS, INC."]
        );
        assert_eq!(
            found(
                "(a) Elm Limited (\"Elm\"), listed on the Elmar Market and the Growth Market of Oakville; and (b) Oak Limited \
                 (\"Oak\"), parties"
            ),
            ["Elm Limited", "Oak Limited"]
        );
        let terms = "among those named.\n\nTerms: \"Loan\" Preamble and Commitments and \"Lender\" Section 2";
        assert!(found(terms).is_empty(), "a list of terms");
        assert_eq!(
            found("BETWEEN:\n\n(1) ELM LIMITED (the \"Company\"); and\n\n(2) ANN LEE of (the ''Employee\")."),
            ["ELM LIMITED", "ANN LEE"]
        );
    }

    #[test]
    fn numbers_broken_lines_and_parts_of_a_deal() {
        assert_eq!(
            found(
                "made between:\n\n1. ELM LIMITED, a company (\"Elm\"); and\n\n2. OAK UK LIMITED, a company (\"Oak\")"
            ),
            ["ELM LIMITED", "OAK UK LIMITED"]
        );
        assert_eq!(
            found("entered into\nby Max Ode (\"Employee\") and Elm\nSystems Corp. (the \"Released\nParty\")."),
            ["Max Ode", "Elm\nSystems Corp."]
        );
        assert_eq!(
            found(
                "between Elm Inc. as debtor in possession (the \"Disclosing Party\"), and Oak 1, LLC (the \"Receiving Party\")"
            ),
            ["Elm Inc.", "Oak 1, LLC"]
        );
    }

    #[test]
    fn labels_and_paragraphs_introduce_too() {
        assert_eq!(found("Licensor: Elm Works\n\nLicensee: Oak Tools\n\nTerm: one year"), ["Elm Works", "Oak Tools"]);
        assert_eq!(
            found(
                "Elm, a California corporation (the \"Investor\"), and Oak Ltd., a company of Ellmar (the \"Company\")"
            ),
            ["Elm", "Oak Ltd."]
        );
        let clauses = "between Elm Inc. (\"Elm\") and others.\n\n1. Goods and Services (\"Deliverables\") are sold.";
        assert_eq!(found(clauses), ["Elm Inc."], "what a clause defines is no party");
    }

    #[test]
    fn nothing_is_introduced_where_nobody_is_called_anything() {
        assert!(found("The meeting was held between noon and three. Ann and Ben spoke.").is_empty());
        assert!(found("").is_empty());
    }
}
