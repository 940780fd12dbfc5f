//! The parties after labels, as forms and cover sheets have them: "Party A: Orion Works", "BETWEEN the Owner: (Name and
//! address) Orion Works".

use super::introduced::{QUOTES, lines, name_at};
use super::name::{CALLED, ROLES};
use crate::text::Span;

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
    let mut role = |line: Span| {
        let (label, _) = head.get(line.range())?.split_once(':')?;
        let role = labelled_role(label).filter(|role| !called.contains(role))?;
        called.push(role);
        Some(Span::new(line.start(), line.start() + label.len() + 1))
    };
    let roles: Vec<Span> = lines(head, Span::new(0, head.len())).filter_map(&mut role).collect();
    after_labels(head, &roles)
}

/// What a party is called by the label of a line: "owner" of "BETWEEN the Owner", "pledgor" of "Pledgor (Party A)".
fn labelled_role(label: &str) -> Option<String> {
    let (role, bracket) = label.split_once('(').unwrap_or((label, ""));
    let mut role = role.trim().to_lowercase();
    for lead in ["between ", "and ", "the "] {
        role = role.strip_prefix(lead).unwrap_or(&role).trim_start().to_owned();
    }
    let words: Vec<&str> = role.split_whitespace().collect();
    let by_letter = matches!(words.as_slice(), ["party", letter] if letter.len() == 1);
    // Whatever it is: "Pledgor (Party A)".
    let said = words.len() == 1 && bracket.trim_start().to_lowercase().starts_with("party ");
    let known = said || ROLES.contains(&role.as_str()) || CALLED.contains(&role.as_str());
    (by_letter || known).then_some(role)
}

/// The names that stand right after each of `labels`, each up to the next one.
fn after_labels(head: &str, labels: &[Span]) -> Vec<Span> {
    let ends = labels.iter().skip(1).map(|l| l.start()).chain([head.len()]);
    let pieces = labels.iter().zip(ends).map(|(label, end)| Span::new(label.end(), end.max(label.end())));
    pieces.filter_map(|piece| name_at(head, lines(head, after_hint(head, piece)).next()?)).collect()
}

/// A piece without what a form asks for: "(Name, legal status and address) Orion Works".
fn after_hint(head: &str, piece: Span) -> Span {
    let text = head.get(piece.range()).unwrap_or_default();
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
            found("Lender (Party A): Elmar Bank\n\nBorrower (Party B): Oak Plastics Co., Ltd.\n\nArticle 1"),
            ["Elmar Bank", "Oak Plastics Co., Ltd."]
        );
    }
}
