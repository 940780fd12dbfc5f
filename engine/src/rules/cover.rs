//! The parties as covers have them, each on a line of its own: "ELM LIMITED", "and", "ANN LEE"; or counted, "(1) Elm Limited".

use super::name::{END, ends_with_form, name_in};
use crate::text::Span;

/// The names above and below a line that is only "and", as covers of agreements have them, or those of a numbered list.
pub(super) fn cover(head: &str) -> Vec<Span> {
    let lines: Vec<Span> = lines(head, Span::new(0, head.len())).collect();
    let listed = numbered(head, &lines);
    if listed.len() >= 2 && listed.iter().any(|name| ends_with_form(head, *name)) {
        return listed;
    }
    let alone = |line: &Span| head.get(line.range()).is_some_and(|t| t.eq_ignore_ascii_case("and"));
    let around = lines.windows(3).filter_map(|w| match w {
        [above, and, below] if alone(and) => Some([name_at(head, *above)?, name_at(head, *below)?]),
        _ => None,
    });
    around.take(1).flatten().collect()
}

/// The names of lines that are counted one after the other: "(1) Elm Limited", "(2) Ann Lee".
fn numbered(head: &str, lines: &[Span]) -> Vec<Span> {
    let mut found = Vec::new();
    for line in lines {
        let mark = format!("({})", found.len() + 1);
        let text = head.get(line.range()).unwrap_or_default();
        match text.strip_prefix(&mark).and_then(|rest| Some(name_in(rest)?.shifted(line.start() + mark.len()))) {
            Some(name) => found.push(name),
            None if found.len() >= 2 => break,
            None => found.clear(),
        }
    }
    found
}

/// The lines of `within` that are not blank, without white space around them.
pub(super) fn lines(text: &str, within: Span) -> impl Iterator<Item = Span> {
    let mut at = within.start();
    let piece = text.get(within.range()).unwrap_or_default();
    piece.split_inclusive(['\n', END]).filter_map(move |line| {
        let start = at + (line.len() - line.trim_start().len());
        at += line.len();
        (!line.trim().is_empty()).then(|| Span::new(start, start + line.trim().len()))
    })
}

/// The name that the line at `line` begins with: of several columns the first, without the same name in other letters.
pub(super) fn name_at(text: &str, line: Span) -> Option<Span> {
    let line_text = text.get(line.range())?;
    let foreign =
        |(at, _): &(usize, &str)| line_text.get(at + 1..).is_some_and(|t| !t.starts_with(|c: char| c.is_ascii()));
    let end = line_text.match_indices('(').find(foreign).map(|(at, _)| at);
    let column = ["   ", " |"].iter().filter_map(|mark| line_text.find(mark));
    let end = column.chain(end).min().unwrap_or(line_text.len());
    Some(name_in(line_text.get(..end)?)?.shifted(line.start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        cover(text).into_iter().map(|s| &text[s.range()]).collect()
    }

    #[test]
    fn lines_of_a_cover_are_names() {
        assert_eq!(found("LEASE\n\nELM LIMITED   7 Oak Lane\n\nAND\n\nANN LEE\n"), ["ELM LIMITED", "ANN LEE"]);
        assert_eq!(found("(1) ELM LIMITED\n(2) ANN LEE\n\nDEED"), ["ELM LIMITED", "ANN LEE"]);
        assert!(found("(1) Definitions\n(2) Term\n").is_empty(), "headings have no legal form");
        assert!(found("ELM LIMITED\n\nANN LEE\n").is_empty());
    }
}
