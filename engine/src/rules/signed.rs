//! The parties as they sign: the names above "By:" and "/s/". They are what is left where nothing introduces the parties,
//! as in joint filings, addenda and letters.

use crate::index::tokenize::fold;
use crate::text::Span;
use crate::values::is_form;

/// What stands after the name of one who signs.
const MARKS: [&str; 4] = ["By:", "By :", "/s/", "By /s/"];
/// Such a mark before the name of a person, the longest such name in words, and how offices below it begin.
const SIGNATURE: &str = "/s/";
const PERSON: usize = 4;
const OFFICES: [&str; 24] = [
    "attorney",
    "evp",
    "svp",
    "coo",
    "vp",
    "member",
    "title",
    "its",
    "president",
    "chief",
    "vice",
    "director",
    "secretary",
    "treasurer",
    "manager",
    "managing",
    "chair",
    "ceo",
    "cfo",
    "senior",
    "executive",
    "authorized",
    "general",
    "partner",
];
/// How far before it the name is looked for, in bytes.
const REACH: usize = 160;
/// Longest name, in words.
const MOST_WORDS: usize = 10;
/// Words inside names that no name begins with.
const LINKS: [&str; 6] = ["of", "and", "the", "THE", "&", "-"];
/// Blanks in a row that part columns.
const COLUMN: &str = "   ";

/// The names with a legal form that stand right before the marks of a signature, in order, each once.
pub(super) fn signed(text: &str) -> Vec<Span> {
    let mut marks: Vec<usize> = MARKS.iter().flat_map(|mark| text.match_indices(mark)).map(|(at, _)| at).collect();
    marks.sort_unstable();
    let mut found: Vec<Span> = Vec::new();
    for name in marks.into_iter().filter_map(|at| name_before(text, at).or_else(|| person_at(text, at))) {
        let same = |other: &Span| text.get(other.range()) == text.get(name.range());
        if !found.iter().any(same) {
            found.push(name);
        }
    }
    found
}

/// The name that ends right before `at`: a run of words in capitals up to a legal form.
fn name_before(text: &str, at: usize) -> Option<Span> {
    let from = text.floor_char_boundary(at.saturating_sub(REACH));
    let before =
        text.get(from..at)?.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ':' | ',' | '_' | '-'));
    // A line, a column, or what follows a label.
    let begin_in =
        |piece: &str| ["\n", COLUMN, ": ", ":\t"].iter().filter_map(|mark| Some(piece.rfind(mark)? + mark.len())).max();
    let mut begin = begin_in(before);
    // "OAK BANK OF ELMAR," and "NATIONAL ASSOCIATION" below it.
    if before.get(begin.unwrap_or(0)..).is_some_and(is_form_alone) {
        begin = begin_in(before.get(..begin?)?.trim_end());
    }
    let line = before.get(begin.unwrap_or(0)..)?;
    let start = from + begin.unwrap_or(0) + (line.len() - line.trim_start().len());
    let line = line.trim_start();
    let last = line.split_whitespace().next_back()?.trim_end_matches([',', ';']);
    if !is_form(last) {
        return None;
    }
    let shouting = |word: &str| !word.contains(char::is_lowercase);
    // By the last word that is not short: "Elm Partners I, LLC" is none in capitals.
    let mut long = line.split_whitespace().rev().skip(1).filter(|word| word.len() > 3);
    let all_capitals = long.next().is_none_or(shouting);
    let belongs = |word: &str| {
        LINKS.contains(&word)
            || (word.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit() || c == '(')
                && (!all_capitals || shouting(word)))
    };
    let words = words_of(line);
    let run = words.iter().rev().take_while(|(_, word)| belongs(word)).count();
    // "/s/ Ann Lee Company:" is a person who signed, and what the next one is.
    let before_run = words.len().checked_sub(run + 1).and_then(|i| words.get(i));
    if before_run.is_some_and(|(_, word)| *word == "/s/") {
        return None;
    }
    let (skipped, _) = words
        .iter()
        .skip(words.len() - run)
        .find(|(_, word)| word.starts_with(char::is_uppercase) && !LINKS.contains(word))?;
    let (skipped, run) = said_once(&words, *skipped, run);
    let name = Span::new(start + skipped, start + line.trim_end_matches([',', ';']).len());
    (2..=MOST_WORDS).contains(&run).then_some(name)
}

/// Whether a line is a legal form and no name.
fn is_form_alone(line: &str) -> bool {
    line.split_whitespace().all(|word| is_form(word.trim_matches([',', ';'])) || word.eq_ignore_ascii_case("national"))
}

/// The person who signs at `at` for nobody else: "/s/ Ann Lee", and the name again below it.
fn person_at(text: &str, at: usize) -> Option<Span> {
    let signature = text.get(at..)?.strip_prefix(SIGNATURE)?;
    let for_company = text.get(..at)?.trim_end().ends_with("By:");
    let mut words = words_of(signature.get(..signature.floor_char_boundary(REACH))?);
    // The line that is signed on.
    words.retain(|(_, word)| word.contains(char::is_alphanumeric));
    let name = |from: usize, n: usize| words.get(from..from + n).map(|w| w.iter().map(|(_, word)| *word));
    if !for_company && let Some(above) = printed_above(text, at, &words) {
        return Some(above);
    }
    // "/s/ Ann Lee" and "ANN LEE, individually" below it.
    let same = |(a, b): (&str, &str)| fold(a.trim_end_matches(',')) == fold(b.trim_end_matches(','));
    let twice = |n: &usize| Some(name(0, *n)?.zip(name(*n, *n)?).all(same));
    let named = (2..=PERSON).find(|n| twice(n) == Some(true))?;
    let capital = name(0, named)?.all(|word| word.starts_with(char::is_uppercase));
    let (start, end) =
        (words.get(named)?.0, words.get(2 * named - 1).map(|(at, word)| at + word.trim_end_matches(',').len())?);
    // An office after the name: who holds it signs for a company.
    let after = signature.get(end..)?.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
    let next = after.split([' ', '\n', ':', ',']).next().unwrap_or_default().to_lowercase();
    let office = OFFICES.iter().any(|office| next.starts_with(office));
    let from = at + SIGNATURE.len();
    (capital && !for_company && !office).then(|| Span::new(from + start, from + end))
}

/// The name of the person who signs at `at` on the line above: "ANN LEE", and then "/s/ Ann Lee".
fn printed_above(text: &str, at: usize, signature: &[(usize, &str)]) -> Option<Span> {
    let above = text.get(..at)?.trim_end();
    let line = above.get(above.rfind('\n').map_or(0, |end| end + 1)..)?.trim();
    let printed: Vec<&str> = line.split_whitespace().collect();
    let signed = signature.iter().map(|(_, word)| *word);
    let same = signed.zip(&printed).filter(|(a, b)| fold(a) == fold(b)).count();
    let start = above.len() - line.len();
    ((2..=PERSON).contains(&printed.len()) && same == printed.len()).then(|| Span::new(start, start + line.len()))
}

/// Where the name of the last `run` of `words` begins if it is said twice in a row, "ELM SA ELM SA", and how many words it then
/// has; else `skipped` and `run`.
fn said_once(words: &[(usize, &str)], skipped: usize, run: usize) -> (usize, usize) {
    let of_name = words.iter().skip(words.len() - run).map(|(_, word)| *word).collect::<Vec<_>>();
    let twice = (2..=run / 2).find(|n| of_name.iter().rev().take(*n).eq(of_name.iter().rev().skip(*n).take(*n)));
    twice.and_then(|n| Some((words.get(words.len() - n)?.0, n))).unwrap_or((skipped, run))
}

/// The words of `line` with where each begins.
fn words_of(line: &str) -> Vec<(usize, &str)> {
    let mut at = 0;
    let mut found = Vec::new();
    for piece in line.split_inclusive(char::is_whitespace) {
        let word = piece.trim();
        if !word.is_empty() {
            found.push((at, word));
        }
        at += piece.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        signed(text).into_iter().map(|s| &text[s.range()]).collect()
    }

    #[test]
    fn names_stand_above_signatures() {
        assert_eq!(
            found("ELM INC.\nBy: /s/\nTitle:\n\nOAK BANK OF ELMAR,\nNATIONAL ASSOCIATION\n\nBy: /s/\nTitle:"),
            ["ELM INC.", "OAK BANK OF ELMAR,\nNATIONAL ASSOCIATION"]
        );
        assert_eq!(
            found(
                "IN WITNESS WHEREOF\n\nELM HOLDINGS S.A.\n\nBy: /s/ Ann Lee\n\nOak Fund, L.P.\nBy: Oak Partners LLC\n/s/ Ben Ode"
            ),
            ["ELM HOLDINGS S.A.", "Oak Fund, L.P.", "Oak Partners LLC"]
        );
        assert_eq!(
            found("Title: Authorized Signatory ELM INVESTMENT S.A. /s/ Ann Lee By: Ann Lee"),
            ["ELM INVESTMENT S.A."]
        );
        assert_eq!(
            found("ATTEST   ELM CONCEPTS, INC.:          By: ____   FRANCHISEE: THE OAK TRUCK, INC.        By: ___"),
            ["ELM CONCEPTS, INC.", "OAK TRUCK, INC."]
        );
    }

    #[test]
    fn a_person_signs_for_himself_where_no_company_and_no_office_is_named() {
        assert_eq!(
            found("/s/ Ann P. Lee Ann P. Lee\n\nELM FAMILY TRUST\n\nBy: /s/ Ann P. Lee Ann P. Lee Co-Trustee"),
            ["Ann P. Lee", "ELM FAMILY TRUST"]
        );
        assert_eq!(found("ELM FUND, L.P.\n\nBy: /s/ Ann Lee\n\nBEN ODÉ\n\n/s/ Ben Ode"), ["ELM FUND, L.P.", "BEN ODÉ"]);
        assert_eq!(found("/s/ Ben Ode\n_____\nBEN ODE, individually, and as trustee"), ["BEN ODE"]);
        assert!(found("/s/ Ben Ode\nBen Ode, Attorney-in-fact").is_empty());
        assert_eq!(found("/s/ Ben Ode\n---------\nBen Ode\n\nDate: May 1, 2011"), ["Ben Ode"]);
        assert!(found("/s/ Ben Ode\nBen Ode\nPresident and Chief Executive Officer").is_empty());
    }

    #[test]
    fn what_is_no_name_with_a_form_is_left_out() {
        assert!(found("as agreed.\n\nBy: /s/ Ann Lee\n\n/s/ Ben Ode").is_empty());
        assert!(found("Client: /s/ Ann Lee Company: /s/ Ben Ode").is_empty());
        assert!(found("").is_empty());
    }
}
