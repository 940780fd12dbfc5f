//! The parties as the first lines of an agreement introduce them: "by and between Ann Lee ("Tenant") and the Town of
//! Ellmar, a municipal corporation (the "Landlord")". The name is what stands before what a party is called; it needs no
//! legal form, which is all that the pieces of sentences know a name by.

use crate::ground::stands_on_words;
use crate::text::Span;
use crate::values::{is_form, party_name};

/// How far into a document an introduction may begin, and its greatest length, in bytes.
const WITHIN: usize = 12_000;
const LONGEST: usize = 2_400;
/// Longest name, in words; longer ones are descriptions.
const MOST_WORDS: usize = 12;
/// Marks around what a party is called.
const QUOTES: [char; 5] = ['"', '“', '”', '‘', '’'];
/// Words that lead into an introduction.
const LEADS: [&str; 4] = ["between", "among", "amongst", "b e t w e e n"];
/// The word that does where a list follows.
const HEAD: &str = "parties";
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
/// Words of defined terms that name no party.
const NO_PARTY: [&str; 12] = [
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

/// The names in the first introduction of `text` that names at least two parties, in order; where there is none, the
/// names after "Party A:" and so on, or the two of its cover.
pub(super) fn introduced(text: &str) -> Vec<Span> {
    let head = text.get(..text.floor_char_boundary(WITHIN)).unwrap_or(text);
    let lower = head.to_ascii_lowercase();
    // "Parties: (1) Ann Lee": a heading, not a word of a sentence.
    let listed = |at: &usize| head.get(*at..).is_some_and(|t| t.trim_start().starts_with([':', '(', '1']));
    let leads = LEADS.iter().flat_map(|lead| word_ends(&lower, lead));
    let mut leads: Vec<usize> = leads.chain(word_ends(&lower, HEAD).filter(listed)).collect();
    leads.sort_unstable();
    let mut found = leads.into_iter().map(|from| names(text, from));
    let named = found.find(|names| names.len() >= 2).unwrap_or_else(|| by_letter(head));
    if named.is_empty() { cover(head) } else { named }
}

/// The names after "Party A:" and "Party B:", and so on.
fn by_letter(head: &str) -> Vec<Span> {
    let label = |letter: char| {
        let label = format!("Party {letter}:");
        head.find(&label).map(|at| Span::new(at, at + label.len()))
    };
    let labels: Vec<Span> = ('A'..='F').map_while(label).collect();
    let ends = labels.iter().skip(1).map(|l| l.start()).chain([head.len()]);
    let pieces = labels.iter().zip(ends).map(|(label, end)| Span::new(label.end(), end.max(label.end())));
    let names: Vec<Span> = pieces.filter_map(|piece| name_at(head, lines(head, piece).next()?)).collect();
    if names.len() >= 2 { names } else { Vec::new() }
}

/// The names above and below a line that is only "and", as covers of agreements have them.
fn cover(head: &str) -> Vec<Span> {
    let lines: Vec<Span> = lines(head, Span::new(0, head.len())).collect();
    let alone = |line: &Span| head.get(line.range()).is_some_and(|t| t.eq_ignore_ascii_case("and"));
    let around = lines.windows(3).filter_map(|w| match w {
        [above, and, below] if alone(and) => Some([name_at(head, *above)?, name_at(head, *below)?]),
        _ => None,
    });
    around.take(1).flatten().collect()
}

/// The lines of `within` that are not blank, without white space around them.
fn lines(text: &str, within: Span) -> impl Iterator<Item = Span> {
    let mut at = within.start();
    let piece = text.get(within.range()).unwrap_or_default();
    piece.split_inclusive('\n').filter_map(move |line| {
        let start = at + (line.len() - line.trim_start().len());
        at += line.len();
        (!line.trim().is_empty()).then(|| Span::new(start, start + line.trim().len()))
    })
}

/// The name that the line at `line` begins with.
fn name_at(text: &str, line: Span) -> Option<Span> {
    Some(name_in(text.get(line.range())?)?.shifted(line.start()))
}

/// Where `word` ends in `lower` (a text in lower case) as a word of its own.
fn word_ends<'t>(lower: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    let places = lower.match_indices(word).map(|(at, word)| Span::new(at, at + word.len()));
    places.filter(|place| stands_on_words(lower, *place)).map(Span::end)
}

/// The names between `from` and the end of the introduction that begins there.
fn names(text: &str, from: usize) -> Vec<Span> {
    let region = region(text, from);
    let mut found: Vec<Span> = Vec::new();
    let mut rest = region.start();
    for role in roles(text, region) {
        let before = text.get(rest..role.start()).unwrap_or_default();
        let begin = if rest == region.start() { 0 } else { next_party(before).unwrap_or(before.len()) };
        if let Some(name) = name_in(before.get(begin..).unwrap_or_default()) {
            found.push(name.shifted(rest + begin));
        }
        rest = role.end();
    }
    found
}

/// What may belong to the introduction that begins at `from`.
fn region(text: &str, from: usize) -> Span {
    let end = text.floor_char_boundary((from + LONGEST).min(text.len()));
    let lower = text.get(from..end).unwrap_or_default().to_ascii_lowercase();
    let stop = ENDS.iter().filter_map(|word| lower.find(word)).min().unwrap_or(lower.len());
    Span::new(from, from + stop)
}

/// What parties are called in `region`, with its brackets: `(the "Company")`, `(hereinafter referred to as "X")`,
/// `(ACME)`, and without brackets `hereinafter referred to as X`.
fn roles(text: &str, region: Span) -> Vec<Span> {
    let piece = text.get(region.range()).unwrap_or_default();
    let mut found = Vec::new();
    for (open, _) in piece.match_indices('(') {
        let Some(close) = piece.get(open..).and_then(|t| t.find(')')).map(|i| open + i) else { break };
        // "Orion Metals (Oslo) Ltd": inside a name.
        let next = piece.get(close + 1..).unwrap_or_default().split_whitespace().next().unwrap_or_default();
        let goes_on = piece.get(close + 1..).is_some_and(|t| t.strip_prefix(' ').is_some_and(starts_in_capital));
        let bare = !piece.get(open..close).unwrap_or_default().contains(QUOTES);
        let inside_name = is_form(next.trim_matches(['(', ')', ',', '.', ';'])) || (goes_on && bare);
        if !inside_name && calls_a_party(piece.get(open + 1..close).unwrap_or_default()) {
            found.push(Span::new(open, close + 1));
        }
    }
    for (at, _) in piece.to_ascii_lowercase().match_indices("hereinafter") {
        let inside = found.iter().any(|s| s.start() <= at && at < s.end());
        let line = piece.get(at..).unwrap_or_default();
        // Without brackets it ends with what is in quotes, with its line, or after a few words.
        let quoted = line.match_indices(['"', '“', '”']).nth(1).map(|(i, mark)| i + mark.len());
        let end = line.find(['\n', ';', '(']).unwrap_or(line.len()).min(line.floor_char_boundary(60));
        let end = quoted.unwrap_or(end).min(end);
        if !inside && line.get(..end).is_some_and(|l| l.contains("called") || l.contains("referred to as")) {
            found.push(Span::new(at, at + end));
        }
    }
    found.sort_unstable();
    found.into_iter().map(|s| s.shifted(region.start())).collect()
}

fn starts_in_capital(text: &str) -> bool {
    text.starts_with(char::is_uppercase)
}

/// Whether what stands in brackets is what a party is called: the first thing in quotes, or all of it.
fn calls_a_party(inner: &str) -> bool {
    let quoted = inner.split(QUOTES).nth(1).filter(|_| inner.contains(QUOTES));
    let called = quoted.unwrap_or_else(|| inner.strip_prefix("the ").unwrap_or(inner)).trim();
    let lower = called.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).peekable();
    if inner.len() > 160 || words.peek().is_none() || words.clone().any(|w| NO_PARTY.contains(&w)) {
        return false;
    }
    let short = called.starts_with(char::is_uppercase) && words.count() <= 4;
    quoted.is_some() || (short && !called.contains(|c: char| c.is_ascii_digit()))
}

/// Where the next party begins in what follows one: after an "and" or a semicolon that a capital follows and no word
/// that goes on with the description ("organized and existing under", "France and Spain").
fn next_party(between: &str) -> Option<usize> {
    let lower = between.to_ascii_lowercase();
    let mut starts: Vec<usize> =
        word_ends(&lower, "and").chain(lower.match_indices(';').map(|(at, _)| at + 1)).collect();
    starts.sort_unstable();
    let begins = |&&at: &&usize| {
        let next = between.get(at..).unwrap_or_default();
        let next = next.trim_start_matches(|c: char| c.is_whitespace() || c == ':');
        let next = next.strip_prefix("the ").unwrap_or(next);
        // After "(2)".
        let next =
            if next.starts_with('(') { next.split_once(')').map_or(next, |(_, n)| n.trim_start()) } else { next };
        let named = name_in(next).is_some_and(|n| n.start() == 0);
        named && next.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit() || brand(next, c))
    };
    starts.iter().find(begins).copied()
}

/// "qPhase", "e3": a small letter and then a capital or a digit.
fn brand(word: &str, first: char) -> bool {
    first.is_lowercase() && word.chars().nth(1).is_some_and(|c| c.is_uppercase() || c.is_ascii_digit())
}

/// The name that `text` begins with, after "the", numbers and marks.
fn name_in(text: &str) -> Option<Span> {
    let mut start = text.len() - text.trim_start_matches(|c: char| !c.is_alphanumeric()).len();
    for lead in ["and ", "the "] {
        if text.get(start..).is_some_and(|t| t.starts_with(lead)) {
            start += lead.len();
        }
    }
    // "Parties (1) Orion Works": a heading and a number.
    if text.get(start..start + HEAD.len()).is_some_and(|t| t.eq_ignore_ascii_case(HEAD)) {
        let listed = text.get(start + HEAD.len()..)?;
        let name = listed.trim_start_matches(|c: char| !c.is_alphabetic());
        // "Parties to this agreement" goes on with a small letter.
        if name.starts_with(char::is_uppercase) {
            start = text.len() - name.len();
        }
    }
    // "Party A: Orion Works".
    if let Some(("Party", labelled)) = text.get(start..).and_then(|t| t.split_once(' '))
        && let Some((label, name)) = labelled.split_once(':').filter(|(label, _)| label.len() == 1)
    {
        start += "Party ".len() + label.len() + 1 + (name.len() - name.trim_start().len());
    }
    let rest = text.get(start..)?;
    let shown = if rest.chars().next().is_some_and(|c| brand(rest, c)) { rest.get(1..)? } else { rest };
    let skipped = rest.len() - shown.len();
    let name = party_name(shown)?;
    let at = start + skipped + shown.find(name)?;
    let span = Span::new(at - skipped, at + name.len());
    let span = Span::new(span.start(), span.start() + without_address(text.get(span.range())?).len());
    let name = text.get(span.range())?;
    let words: Vec<&str> = name.split_whitespace().collect();
    let small = words.iter().filter(|w| w.starts_with(char::is_lowercase) && !SMALL.contains(w)).count();
    (words.len() <= MOST_WORDS && small <= usize::from(skipped > 0) && !name.contains('_')).then_some(span)
}

/// A name without the address after it: it ends with its line, and with a comma after its legal form or before a number.
fn without_address(name: &str) -> &str {
    let ends = ["\n\n", "   ", " ["].iter().filter_map(|mark| name.find(mark)).min();
    let line = name.get(..ends.unwrap_or(name.len())).unwrap_or(name).trim_end_matches(" of").trim_end_matches(" is");
    let (mut end, mut form_before) = (0, false);
    for word in line.split_inclusive([' ', '\n']) {
        let bare = word.trim_end().trim_end_matches([',', ';', ':']);
        let form = is_form(bare.trim_end_matches('.'));
        let comma = line.get(..end).unwrap_or_default().trim_end().ends_with(',');
        if comma && ((form_before && !form) || bare.starts_with(|c: char| c.is_ascii_digit())) {
            break;
        }
        form_before = form;
        end += word.len();
    }
    line.get(..end).unwrap_or_default().trim_end().trim_end_matches([',', ';', ':'])
}

/// Small words inside names.
const SMALL: [&str; 8] = ["of", "the", "and", "for", "de", "la", "plc", "dba"];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        introduced(text).into_iter().map(|s| &text[s.range()]).collect()
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
            Vec::<&str>::new(),
            "one name and a blank are no introduction of two"
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
            found(
                "SERVICE AGREEMENT\n\n1 OCTOBER 2019\n\nHILL 2005 LIMITED\n\nand\n\nJOHN WEAVER\n\nTable of Contents"
            ),
            ["HILL 2005 LIMITED", "JOHN WEAVER"]
        );
        assert!(found("we met\nand\nthey spoke").is_empty());
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
    fn nothing_is_introduced_where_nobody_is_called_anything() {
        assert!(found("The meeting was held between noon and three. Ann and Ben spoke.").is_empty());
        assert!(found("").is_empty());
    }
}
