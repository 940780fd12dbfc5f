//! Headings of pages, by numbering, size and weight. Also the heading that runs into its paragraph, as contracts have it.

/// What is known of a paragraph.
pub(super) struct Candidate<'t> {
    /// Its text.
    pub(super) text: &'t str,
    /// Its font size over the document's usual one.
    pub(super) relative_size: f32,
    /// It is bold while the usual text is not.
    pub(super) bold: bool,
    /// Its number of lines.
    pub(super) lines: usize,
}

/// Longest heading in characters.
const MAX_HEADING: usize = 160;
/// Text this much larger than usual is a heading.
const LARGER: f32 = 1.12;

/// Level of the heading that a paragraph is, if it is one.
pub(super) fn level(candidate: &Candidate<'_>) -> Option<u8> {
    let text = candidate.text;
    let length = text.chars().count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    if letters < 2 || length > MAX_HEADING || candidate.lines > 3 || letters * 2 < length || is_contents_line(text) {
        return None;
    }
    let ends_like_prose = text.ends_with([',', ';']) || text.ends_with('.') && text.split_whitespace().count() > 8;
    let numbering = numbering(text);
    let capitals = is_capitals(text);
    let larger = candidate.relative_size >= LARGER;
    if ends_like_prose || !(larger || candidate.bold || capitals) && !numbering.is_some_and(|n| n.word) {
        return None;
    }
    if let Some(Numbering { depth, word, end }) = numbering {
        let short = text.get(end..).unwrap_or_default().split_whitespace().count() <= 14;
        let starts_upper =
            text.get(end..).unwrap_or_default().chars().find(|c| c.is_alphabetic()).is_none_or(|c| !c.is_lowercase());
        // "Section 4 of the Act provides ..." is prose: a bare word needs another sign or a short line.
        let sign = larger || candidate.bold || capitals || word && length <= 60;
        return (short && starts_upper && sign).then_some(depth);
    }
    match candidate.relative_size {
        size if size >= 1.6 => Some(1),
        size if size >= 1.3 => Some(2),
        size if size >= LARGER => Some(3),
        // Capitals alone are a heading only where they are a line of words of their own.
        _ if candidate.bold && length <= 100 || capitals && length <= 80 && letters >= 4 && candidate.lines <= 2 => {
            Some(3)
        }
        _ => None,
    }
}

/// End (in bytes) and level of a heading that runs into its paragraph: "4.2 Term of Payment. The buyer shall ...".
pub(super) fn run_in(text: &str) -> Option<(u8, usize)> {
    let Numbering { depth, end, .. } = numbering(text)?;
    let rest = text.get(end..)?;
    let mut words = 0;
    let mut at = end + rest.len() - rest.trim_start().len();
    for word in rest.split_whitespace() {
        words += 1;
        at = at + text.get(at..)?.find(word)? + word.len();
        let bare = word.trim_end_matches(['.', ':']);
        let capital = bare.chars().find(|c| c.is_alphabetic()).is_some_and(char::is_uppercase);
        let small = matches!(
            bare,
            "of" | "and"
                | "the"
                | "to"
                | "for"
                | "in"
                | "by"
                | "with"
                | "or"
                | "on"
                | "from"
                | "a"
                | "an"
                | "at"
                | "&"
                | "as"
        );
        if words > 10 || !(capital || small) || words == 1 && small {
            return None;
        }
        if word.ends_with(['.', ':']) {
            let more = text.get(at..).is_some_and(|r| r.trim().len() > 20);
            return (bare.chars().count() > 2 && more).then(|| (depth, at - (word.len() - bare.len())));
        }
    }
    None
}

/// A number at a paragraph's start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Numbering {
    /// Levels: `2.1.3` has 3.
    pub(super) depth: u8,
    /// A word names it: Article, Section, Chapter.
    pub(super) word: bool,
    /// Where the heading's own words begin, in bytes.
    pub(super) end: usize,
}

/// The number a paragraph starts with: `1.`, `2.1`, `Section 4.2`, `ARTICLE IV`, `Schedule A`.
pub(super) fn numbering(text: &str) -> Option<Numbering> {
    let first = text.split_whitespace().next()?;
    let word = matches!(
        first.to_lowercase().as_str(),
        "article" | "section" | "chapter" | "part" | "schedule" | "exhibit" | "annex" | "appendix" | "title" | "§"
    );
    let after = text.find(first)? + first.len();
    let number = if word { text.get(after..)?.split_whitespace().next()? } else { unglued(first) };
    let start = if word { after + text.get(after..)?.find(number)? } else { 0 };
    let core = number.trim_end_matches(['.', ':', ')', '—', '–', '-', ',']);
    let parts: Vec<&str> = core.split(['.', '-']).collect();
    let digits = |p: &str| !p.is_empty() && p.len() <= 3 && p.bytes().all(|b| b.is_ascii_digit());
    let roman = |p: &str| !p.is_empty() && p.len() <= 7 && p.bytes().all(|b| b"IVXLC".contains(&b));
    let letter = |p: &str| p.len() == 1 && p.bytes().all(|b| b.is_ascii_uppercase());
    let numeric = parts.iter().all(|p| digits(p));
    let named = word && parts.iter().all(|p| digits(p) || roman(p) || letter(p));
    // A bare number without a dot is a number: "12 months after".
    let marked = parts.len() > 1 || number.len() > core.len();
    if !(named || (numeric || roman(core)) && marked && !word) {
        return None;
    }
    let depth = match (first.to_lowercase().as_str(), parts.len()) {
        ("section" | "§", 1) => 2,
        (_, n) => n.min(6) as u8,
    };
    Some(Numbering { depth, word, end: start + number.len() })
}

/// The number of a word like `1.Grant`, where the space was left out.
fn unglued(word: &str) -> &str {
    let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
    let (number, rest) = word.split_at(end);
    if number.ends_with('.') && rest.chars().next().is_some_and(char::is_uppercase) { number } else { word }
}

/// Whether a line is a number named by a word and nothing else: `ARTICLE IV`. Exhibit numbers are those of a filing and
/// stand above a title without being part of it.
pub(super) fn is_bare_number(text: &str) -> bool {
    !text.to_lowercase().starts_with("exhibit")
        && numbering(text).is_some_and(|n| n.word && text.get(n.end..).is_some_and(|rest| rest.trim().is_empty()))
}

/// Whether every longer word begins with a capital, as titles have it.
pub(super) fn is_title_like(text: &str) -> bool {
    !text.ends_with(['.', ',', ';'])
        && text.split_whitespace().filter(|w| w.chars().count() > 4).all(|w| !w.starts_with(char::is_lowercase))
}

/// Whether a heading can be a document's title, and how well its words fit one: lower is better.
pub(super) fn title_rank(text: &str) -> Option<u8> {
    let lower = text.to_lowercase();
    if numbering(text).is_some() || lower.len() > 150 || text.chars().filter(|c| c.is_alphabetic()).count() < 4 {
        return None;
    }
    let stamp = ["execution", "confidential", "table of contents", "draft", "exhibit", "page "]
        .iter()
        .any(|w| lower.starts_with(w));
    let kind = [
        "agreement",
        "contract",
        "report",
        "minutes",
        "lease",
        "plan",
        "policy",
        "statement",
        "amendment",
        "deed",
        "license",
        "licence",
        "act",
        "addendum",
        "guide",
        "manual",
    ];
    let names_kind = lower.split(|c: char| !c.is_alphanumeric()).any(|w| kind.contains(&w));
    Some(if names_kind {
        0
    } else if stamp {
        2
    } else {
        1
    })
}

/// Whether a line of a table of contents: dots that lead to a number.
pub(super) fn is_contents_line(text: &str) -> bool {
    let text = text.trim_end();
    let body = text.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ' || c == '-');
    body.len() < text.len() && (body.ends_with("...") || body.ends_with(". .") || body.ends_with("…"))
}

/// At least one word of two letters and no small letter.
fn is_capitals(text: &str) -> bool {
    !text.chars().any(char::is_lowercase)
        && text.split_whitespace().any(|w| w.chars().filter(|c| c.is_uppercase()).count() >= 2)
}

/// Whether a line begins an item of a list or a numbered clause.
pub(crate) fn starts_item(text: &str) -> bool {
    let Some(first) = text.split_whitespace().next() else { return false };
    if matches!(
        first,
        "•" | "◦"
            | "▪"
            | "■"
            | "●"
            | "○"
            | "–"
            | "—"
            | "-"
            | "*"
            | "·"
            | "‣"
            | "\u{f0b7}"
            | "\u{f0a7}"
            | "\u{f0d8}"
            | "o"
    ) {
        return true;
    }
    let bracketed = first.strip_prefix('(').and_then(|f| f.split_once(')')).is_some_and(|(inner, rest)| {
        inner.len() <= 4 && !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_alphanumeric()) && rest.len() <= 1
    });
    let lettered = first.len() >= 2
        && first.len() <= 3
        && first.ends_with(')')
        && first.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    bracketed || lettered || numbering(text).is_some_and(|n| !n.word || text.len() < 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, relative_size: f32, bold: bool) -> Option<u8> {
        level(&Candidate { text, relative_size, bold, lines: 1 })
    }

    #[test]
    fn numbers_give_the_depth() {
        assert_eq!(at("ARTICLE IV PAYMENT", 1.0, false), Some(1));
        assert_eq!(at("1. DEFINITIONS", 1.0, false), Some(1));
        assert_eq!(at("4.2 Term of Payment", 1.0, true), Some(2));
        assert_eq!(at("Section 7.1.2 Notices", 1.0, false), Some(3));
        assert_eq!(at("Exhibit B", 1.0, false), Some(1));
    }

    #[test]
    fn size_gives_the_level_where_there_is_no_number() {
        assert_eq!(at("Annual Report", 2.0, false), Some(1));
        assert_eq!(at("Overview", 1.35, false), Some(2));
        assert_eq!(at("Risk factors", 1.0, true), Some(3));
    }

    #[test]
    fn prose_is_no_heading() {
        assert_eq!(
            at("1. the buyer shall pay the price within thirty days of delivery of the goods.", 1.0, false),
            None
        );
        assert_eq!(at("The buyer shall pay.", 1.0, false), None);
        assert_eq!(at("12 months after the date", 1.0, false), None);
        assert_eq!(at("Definitions ........ 12", 1.0, true), None);
        assert_eq!(at("$ 1,234 5,678", 1.0, true), None);
    }

    #[test]
    fn a_heading_that_runs_into_its_paragraph() {
        let text = "4.2 Term of Payment. The buyer shall pay within thirty days.";
        assert_eq!(run_in(text).map(|(l, end)| (l, &text[..end])), Some((2, "4.2 Term of Payment")));
        assert_eq!(run_in("4.2 The buyer shall pay. Then the goods are delivered to him."), None);
        assert_eq!(run_in("Payment. The buyer shall pay within thirty days."), None);
    }

    #[test]
    fn a_number_without_its_space_still_counts() {
        assert_eq!(numbering("1.Grant of Rights").map(|n| n.end), Some(2));
        assert_eq!(numbering("1.5million"), None);
    }

    #[test]
    fn the_title_is_the_heading_that_names_the_document() {
        let best = |headings: &[&'static str]| {
            headings.iter().copied().filter(|h| title_rank(h).is_some()).min_by_key(|h| title_rank(h))
        };
        assert_eq!(
            best(&["Execution Version", "CO-DEVELOPMENT AGREEMENT", "ARTICLE 1"]),
            Some("CO-DEVELOPMENT AGREEMENT")
        );
        assert_eq!(best(&["Attention", "1. Introduction"]), Some("Attention"));
    }

    #[test]
    fn items_of_lists() {
        for text in ["(a) first", "• first", "1. first", "b) first", "2.1 first", "(iii) first"] {
            assert!(starts_item(text), "{text}");
        }
        for text in ["(see below) first", "first", "2019 was", "and (a)"] {
            assert!(!starts_item(text), "{text}");
        }
    }
}
