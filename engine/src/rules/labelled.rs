//! The parties after labels, as forms and cover sheets have them: "Party A: Orion Works", "BETWEEN the Owner: (Name and
//! address) Orion Works".

use super::cover::{lines, name_at};
use super::name::{CALLED, END, ROLES, ends_with_form, name_in};
use super::roles::QUOTES;
use crate::text::Span;

/// What a form asks for after a role, where it has no colon.
const ASKED: [&str; 2] = ["Full Legal Name ", "Legal Name "];
/// A name this short, in bytes, is no more than a legal form.
const SHORT: usize = 4;

/// The names after "Party A:" and "Party B:", and so on, or after "Licensor:" and "Licensee:".
pub(super) fn by_label(head: &str) -> Vec<Span> {
    let letter = |letter: char| {
        let label = format!("Party {letter}:");
        // "Representative of Party A:" names somebody else.
        let own = |at: &usize| !head.get(..*at).is_some_and(|t| t.trim_end().ends_with(" of"));
        head.match_indices(&label).map(|(at, _)| at).find(own).map(|at| Span::new(at, at + label.len()))
    };
    let letters: Vec<Span> = ('A'..='F').map_while(letter).collect();
    let by_letter = after_labels(head, &letters);
    if by_letter.len() >= 2 {
        return by_letter;
    }
    let mut called: Vec<String> = Vec::new();
    let mut roles: Vec<Span> = Vec::new();
    for line in lines(head, Span::new(0, head.len())) {
        for (label, role) in labels(head, line) {
            if !called.contains(&role) {
                called.push(role);
                roles.push(label);
            }
        }
    }
    after_labels(head, &roles)
}

/// A line without what counts the points of a form, or the edge of a table: "Item 2 Licensor Elm Inc.", "| Licensor | Elm Inc. |".
fn after_item(head: &str, line: Span) -> Span {
    let text = head.get(line.range()).unwrap_or_default();
    let item = text.strip_prefix("Item ").map(|t| t.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' '));
    let rest = item.unwrap_or(text).trim_start_matches(['|', ' ']);
    Span::new(line.end() - rest.len(), line.end())
}

/// The labels of a line, each with the role it names: the first at its beginning, and another after a name: "Licensor: Orion
/// Works Licensee: Elm Inc.".
fn labels(head: &str, line: Span) -> Vec<(Span, String)> {
    let line = after_item(head, line);
    let text = head.get(line.range()).unwrap_or_default();
    let first = |text: &str| {
        let (label, _) = text.split_once([':', '|'])?;
        Some((label.len() + 1, labelled_role(label)?))
    };
    // "LICENSOR", and the name below it.
    let alone = || {
        let lower = text.to_lowercase();
        // "Owner", and "(Full name): Elm Works" below it.
        let hinted = || head.get(line.end()..).is_some_and(|t| t.trim_start_matches([' ', '\n', END]).starts_with('('));
        // "Borrower" alone may be a line of an index.
        let shouted = || !text.contains(char::is_lowercase) || hinted();
        let known = (ROLES.contains(&lower.as_str()) && shouted()) || (CALLED.contains(&lower.as_str()) && hinted());
        known.then_some((text.len(), lower))
    };
    let label = first(text).or_else(|| without_colon(text)).or_else(alone);
    let Some((end, role)) = label else { return Vec::new() };
    let mut found = vec![(Span::new(line.start(), line.start() + end), role)];
    let next = text.match_indices(' ').map(|(at, _)| at + 1).filter(|at| *at > end).find_map(|at| {
        let (own, role) = without_colon(text.get(at..)?)?;
        Some((Span::new(line.start() + at, line.start() + at + own), role))
    });
    found.extend(next);
    found
}

/// How long the label is that `text` begins with, a role that only its name follows, with a legal form, to the end of its
/// line ("SHIPPER ELM S.A."), or that asks for a name ("Reseller Full Legal Name Elm Works"), and the role.
fn without_colon(text: &str) -> Option<(usize, String)> {
    let (label, rest) = text.split_once(' ')?;
    let role = label.trim_end_matches(':').to_lowercase();
    if !label.starts_with(char::is_uppercase) || !ROLES.contains(&role.as_str()) {
        return None;
    }
    if let Some(asked) = ASKED.iter().find(|asked| rest.starts_with(**asked)) {
        return Some((label.len() + 1 + asked.len(), role));
    }
    let name = name_in(rest).filter(|n| n.start() == 0 && ends_with_form(rest, *n))?;
    let after = rest.get(name.end()..)?.trim_start_matches(['.', ' ']);
    let alone = after.is_empty() || rest.get(name.end()..)?.trim_start_matches('.').starts_with("  ");
    (alone && name.len() > SHORT).then_some((label.len() + 1, role))
}

/// What a party is called by the label of a line: "owner" of "BETWEEN the Owner", "pledgor" of "Pledgor (Party A)".
fn labelled_role(label: &str) -> Option<String> {
    let (role, bracket) = label.split_once('(').unwrap_or((label, ""));
    let mut role = role.trim().to_lowercase();
    for lead in ["between ", "and ", "the ", "name of "] {
        role = role.strip_prefix(lead).unwrap_or(&role).trim_start().to_owned();
    }
    // "Customer Name", "Reseller full legal name".
    for asked in [" full legal name", " legal name", " name"] {
        role = role.strip_suffix(asked).unwrap_or(&role).trim_end().to_owned();
    }
    let words: Vec<&str> = role.split_whitespace().collect();
    let by_letter = matches!(words.as_slice(), ["party", letter] if letter.len() == 1);
    // Whatever it is: "Pledgor (Party A)".
    let bracket = bracket.trim_start().to_lowercase();
    let said = words.len() == 1 && (bracket.starts_with("party ") || bracket.starts_with("legal name"));
    let known = said || ROLES.contains(&role.as_str()) || CALLED.contains(&role.as_str());
    (by_letter || known).then_some(role)
}

/// The names that stand right after each of `labels`, each up to the next one.
fn after_labels(head: &str, labels: &[Span]) -> Vec<Span> {
    let ends = labels.iter().skip(1).map(|l| l.start()).chain([head.len()]);
    let pieces = labels.iter().zip(ends).map(|(label, end)| Span::new(label.end(), end.max(label.end())));
    pieces.filter_map(|piece| first_name(head, after_hint(head, piece))).collect()
}

/// The name at the beginning of `piece`: of its first line, or of two where its legal form stands on the second.
fn first_name(head: &str, piece: Span) -> Option<Span> {
    let mut lines = lines(head, piece);
    let first = before_label(head, lines.next()?);
    let name = name_at(head, first)?;
    let mut whole = || {
        let second = before_label(head, lines.next()?);
        // "Elm Energy,", and then "LLC".
        let ended = head.get(name.end()..first.end()).is_some_and(|t| t.trim_matches([',', ' ']).is_empty());
        let next = head.get(first.end()..second.start()) == Some("\n") && ended;
        let both = name_in(head.get(first.start()..second.end())?)?.shifted(first.start());
        (next && both.start() == name.start() && ends_with_form(head, both)).then_some(both)
    };
    Some(if ends_with_form(head, name) { name } else { whole().unwrap_or(name) })
}

/// A line up to the word of the next label on it: "Elm Works Phone: 555".
fn before_label(head: &str, line: Span) -> Span {
    let text = head.get(line.range()).unwrap_or_default();
    let label = text.find(": ").and_then(|colon| text.get(..colon)?.rfind(' ')).filter(|at| *at > 0);
    Span::new(line.start(), line.start() + label.unwrap_or(text.len()))
}

/// A piece without what a form asks for: "(Name, legal status and address) Orion Works".
fn after_hint(head: &str, piece: Span) -> Span {
    let text = head.get(piece.range()).unwrap_or_default();
    if let Some(rest) = text.trim_start().strip_prefix("Name:") {
        return Span::new(piece.end() - rest.len(), piece.end());
    }
    let hint = text.trim_start().strip_prefix('(').and_then(|t| t.split_once(')'));
    match hint.filter(|(asked, _)| asked.to_lowercase().contains("name") && !asked.contains(QUOTES)) {
        Some((_, rest)) => Span::new(piece.end() - rest.len(), piece.end()),
        None => piece,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let marked = text.replace("\n\n", "\r\r");
        by_label(&marked).into_iter().map(|s| &text[s.range()]).collect()
    }

    #[test]
    fn labels_of_forms_may_say_more_than_a_role() {
        assert_eq!(
            found(
                "AGREEMENT\n\nBETWEEN the Owner:\n(Name, legal status and address)\nElm Metals Company\n14 Oak Road\n\nand the \
                 Contractor:\n(Name and address)\nOak Building, Ltd.\n2 Elm Lane"
            ),
            ["Elm Metals Company", "Oak Building, Ltd."]
        );
        assert_eq!(
            found(
                "Pledgor (Party A): Elm Plastics Co., Ltd.\n\nPledgee (Party B): Elmar Construction Bank\n\nArticle 1"
            ),
            ["Elm Plastics Co., Ltd.", "Elmar Construction Bank"]
        );
        assert_eq!(
            found("SENDER ELM PETROLEUM LIMITED\n\nTAX ID 1\n\nSHIPPER OAK S.A.   TAX ID 2\n\nShipper shall pay."),
            ["ELM PETROLEUM LIMITED", "OAK S.A."]
        );
        assert_eq!(
            found(
                "Item 1 Date May 1, 2011\nItem 2 Licensor Elm Park Limited\nABN 00 618\nItem 3 Licensee Oak Sweets Pty Ltd\n"
            ),
            ["Elm Park Limited", "Oak Sweets Pty Ltd"]
        );
        assert_eq!(
            found("| Subscriber | Elm Portals B.V. |\n| Street | Oak Lane |\n| Publisher | Oak News, Inc. |\n"),
            ["Elm Portals B.V.", "Oak News, Inc."]
        );
        assert_eq!(found("Affiliate (legal name): Elm Bank, FSB\nAddress: Ellmar"), ["Elm Bank, FSB"]);
        assert_eq!(
            found("Licensor: ELM PICTURES Licensee THE OAK FILM CORPORATION\n\nTHIS AGREEMENT"),
            ["ELM PICTURES", "THE OAK FILM CORPORATION"]
        );
        assert_eq!(
            found("SPONSOR:  Name: Elm's Fresh Grill Phone: 760/602   Address: 1 Elm Place\n\nCustomer Name: Oak Park"),
            ["Elm's Fresh Grill", "Oak Park"]
        );
        assert_eq!(
            found("Name of Licensor: Elm Foods Company\n\nName of Licensee: Oak Snacks"),
            ["Elm Foods Company", "Oak Snacks"]
        );
        assert_eq!(
            found(
                "PARTY A: Elm University\n\nPARTY B: Oak Construction Decoration\nEngineering Co., Ltd.\n\nThey agree"
            ),
            ["Elm University", "Oak Construction Decoration\nEngineering Co., Ltd."]
        );
        assert_eq!(
            found(
                "Owner\n(Full name): Elm Juice Co., Ltd.\n\nContractor\n(Full name):  Oak Group Co., Ltd.\n\nAccording"
            ),
            ["Elm Juice Co., Ltd.", "Oak Group Co., Ltd."]
        );
        assert_eq!(
            found("BETWEEN THE OWNER: ELM CORPORATION\n\nAND THE\n\nCONSTRUCTION MANAGER: THE OAK COMPANY\n\nFOR:"),
            ["ELM CORPORATION", "THE OAK COMPANY"]
        );
        assert_eq!(found("CLIENT\nOak Bakery\n\nDEVELOPER\nElm Web, LLC\n\nThe"), ["Oak Bakery", "Elm Web, LLC"]);
        assert_eq!(found("Reseller Full Legal Name Elm.org, a nonprofit corporation"), ["Elm.org"]);
        assert_eq!(
            found("Lender (Party A): Elmar Bank\n\nBorrower (Party B): Oak Plastics Co., Ltd.\n\nArticle 1"),
            ["Elmar Bank", "Oak Plastics Co., Ltd."]
        );
    }
}
