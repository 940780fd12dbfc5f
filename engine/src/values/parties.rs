//! Parties: a name without its role, its address and its law of incorporation.

use super::{Found, Value};
use crate::text::Span;

/// What follows a name and does not belong to it, in lower case. The first that occurs ends the name.
const AFTER_NAME: &[&str] = &[
    " (\"",
    " (“",
    " (the ",
    " ('",
    " (‘",
    " (hereinafter",
    " (together",
    " (as ",
    " (collectively",
    " (each",
    " (formerly",
    " (registered",
    " (company",
    " (a ",
    " (an ",
    ", jointly",
    ", a ",
    ", an ",
    ", having ",
    ", with ",
    ", located ",
    ", incorporated ",
    ", organized ",
    ", organised ",
    ", duly ",
    ", whose ",
    ", acting ",
    ", registered ",
    ", established ",
    ", and its ",
    " and its ",
    " together with its ",
    ", hereinafter",
    ", as ",
    ", on behalf",
    ", together with",
    " hereinafter",
    " located at",
    " having its",
    " with its",
    " with a principal",
    ", by and through",
    ", the ",
    ", in his ",
    ", in her ",
    ", in its ",
    ", in the ",
    " of the one part",
    " of the other part",
    " of the first part",
    " of the second part",
    " of the city of",
    " of the county of",
    " abn ",
    " acn ",
    ", aged ",
    ", son of ",
    ", daughter of ",
    ", wife of ",
    ", husband ",
    " and wife,",
    " u/t/d ",
    " u/d/t ",
    ", resident ",
    ", residing ",
    " residing at",
    ", domiciled ",
    " an individual",
    ", of ",
    ", chief ",
    ", senior ",
    ", president",
    ", ceo",
    ", chairman",
    " whose ",
    " f/k/a ",
    " d/b/a ",
    " p/k/a ",
    " a/k/a ",
    " f/s/o ",
    " formerly known as",
    " doing business as",
    " or \"",
    " or “",
    ", solely ",
    ", individually",
    " (and ",
    " a corporation",
    " a company",
];
/// What stands before a name and does not belong to it, in lower case.
const BEFORE_NAME: &[&str] = &[
    "by and between",
    "by and among",
    "by and amongst",
    "between",
    "among",
    "amongst",
    "and",
    "by",
    "with",
    "the parties:",
    "parties:",
];
/// Legal forms, in lower case and without full stops. `features.py` of the training scripts has the same.
pub(crate) const FORMS: &[&str] = &[
    "inc",
    "incorporated",
    "ltd",
    "limited",
    "llc",
    "llp",
    "lllp",
    "lp",
    "ulc",
    "corp",
    "corporation",
    "company",
    "co",
    "plc",
    "na",
    "fsb",
    "gmbh",
    "mbh",
    "ag",
    "kg",
    "kgaa",
    "ug",
    "ohg",
    "se",
    "sa",
    "sas",
    "sarl",
    "rl",
    "snc",
    "sca",
    "spa",
    "srl",
    "sl",
    "slu",
    "ltda",
    "lda",
    "bv",
    "nv",
    "bvba",
    "cv",
    "a/s",
    "aps",
    "ab",
    "as",
    "asa",
    "ans",
    "oy",
    "oyj",
    "oü",
    "jsc",
    "ojsc",
    "pjsc",
    "hf",
    "ehf",
    "sro",
    "kft",
    "zrt",
    "doo",
    "ood",
    "ead",
    "sia",
    "uab",
    "pty",
    "pte",
    "sdn",
    "bhd",
    "berhad",
    "tbk",
    "kk",
    "foundation",
    "bank",
    "trust",
    "university",
    "association",
    "partnership",
    "fund",
];

/// Forms that names go on after: "Bank of Ellmar", "Trust and Savings Bank".
const OPEN_FORMS: [&str; 8] =
    ["bank", "trust", "university", "foundation", "association", "partnership", "fund", "national"];
/// Small words inside names.
const LINKS: [&str; 6] = ["and", "of", "the", "for", "de", "&"];
/// Longest name, in words.
const MOST_WORDS: usize = 12;

/// The name of a party from the words that introduce it: role, address and law of incorporation are taken away.
/// `None` where nothing like a name is left.
pub fn party_name(text: &str) -> Option<&str> {
    let mut name = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':'));
    loop {
        let numbered = name.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '(' | ')' | '.' | ' '));
        if numbered.len() < name.len()
            && name.starts_with(['(', '1', '2', '3', '4'])
            && starts_like_name(numbered)
            && name.len() - numbered.len() >= 2
        {
            name = numbered;
        }
        // `get` also guards the boundary: a lower-cased prefix is only compared with as many bytes of the name.
        let prefix = BEFORE_NAME.iter().find(|p| {
            name.get(..p.len()).is_some_and(|n| n.eq_ignore_ascii_case(p))
                && name
                    .get(p.len()..)
                    .is_some_and(|r| r.starts_with(|c: char| c.is_whitespace() || matches!(c, ':' | '(')))
        });
        match prefix {
            Some(p) => {
                name =
                    name.get(p.len()..).unwrap_or_default().trim_start_matches(|c: char| c.is_whitespace() || c == ':')
            }
            None => break,
        }
    }
    let lower = name.to_ascii_lowercase();
    let lower = lower.replace(['\n', '\t'], " ");
    let cut = AFTER_NAME.iter().filter_map(|mark| lower.find(mark)).min().unwrap_or(name.len());
    let name = name.get(..cut)?.trim().trim_end_matches([',', ';', ':', '(']).trim_end();
    let name = if name.ends_with("..") { name.trim_end_matches('.') } else { name };
    (starts_like_name(name) && name.len() <= 120).then_some(name)
}

/// Parties that `text` introduces: names with a legal form, or names given a role in brackets (`… ("Provider")`), in
/// order, each name once.
pub fn find_parties(text: &str) -> Vec<Found> {
    if let Some(name) = one_name(text) {
        return vec![name];
    }
    let mut found: Vec<Found> = Vec::new();
    for piece in pieces(text) {
        let Some(raw) = text.get(piece.range()) else { continue };
        let Some(name) = party_name(raw) else { continue };
        let role = has_role(raw);
        if begins_a_clause(name) || !(has_form(name) || (role && person_or_body(raw))) {
            continue;
        }
        let at = piece.start() + raw.find(name).unwrap_or_default();
        let value = Value::Party { name: one_line(name) };
        if !found.iter().any(|f| f.value == value) {
            found.push(Found { span: Span::new(at, at + name.len()), value, note: None });
        }
    }
    found
}

/// The only name that `text` is, whatever stands inside it: "Elm Bank and Trust Company", "St. Elm Hospital Inc."; nothing
/// of two names or of more than a name.
fn one_name(text: &str) -> Option<Found> {
    let name = text.trim();
    let words: Vec<&str> = name.split_whitespace().collect();
    let (last, before) = words.split_last().filter(|(_, before)| (1..MOST_WORDS).contains(&before.len()))?;
    let small = |word: &str| LINKS.contains(&word.to_lowercase().as_str());
    let named = |word: &&str| small(word) || word.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
    // "5. Company", and "Ann Lee, Jr. Elm Inc.".
    let listed = before.first().is_some_and(|word| word.ends_with('.') && !word.contains(char::is_alphabetic))
        || words
            .windows(2)
            .any(|w| matches!(w, [of, next] if of.ends_with(',') && !is_form(next.trim_end_matches(','))));
    // "Elm Inc. and Oak Inc.", "You and Elm Inc.".
    let parted = before.iter().position(|word| word.eq_ignore_ascii_case("and"));
    let two = parted.is_some_and(|and| match before.get(..and).unwrap_or_default() {
        [] | [_] => true,
        [.., form] => is_form(form.trim_end_matches(',')) && !goes_on(form),
    });
    let whole = before.iter().all(named) && is_form(last) && party_name(name) == Some(name);
    let start = text.len() - text.trim_start().len();
    let found = || Found {
        span: Span::new(start, start + name.len()),
        value: Value::Party { name: one_line(name) },
        note: None,
    };
    (whole && !listed && !two && !name.contains([';', ':', '"', '“', '('])).then(found)
}

/// Whether a name may go on after the legal form `form`: "Bank of Ellmar", "Trust and Savings Bank".
pub(crate) fn goes_on(form: &str) -> bool {
    OPEN_FORMS.contains(&form.trim_end_matches([',', '.']).to_lowercase().as_str())
}

/// The text cut where one party's introduction ends and the next begins.
fn pieces(text: &str) -> Vec<Span> {
    const CUTS: [&str; 9] = ["\n\n", ";", " and ", "\nand ", " between ", " among ", "), and", "\nbetween ", ". "];
    let mut cuts: Vec<(usize, usize)> =
        CUTS.iter().flat_map(|c| text.match_indices(c).map(|(i, m)| (i, i + m.len()))).collect();
    // A full stop after a legal form ("Inc. ") or an initial ("U.S. Treasury Fund", "R. C. Boyd") ends no piece.
    let names = |word: &str| has_form(word) || is_initials(word);
    cuts.retain(|&(i, end)| {
        text.get(i..end).is_none_or(|c| c != ". ")
            || !text.get(..i).is_some_and(|t| names(t.rsplit([' ', ',', '(', '\n']).next().unwrap_or_default()))
    });
    cuts.sort_unstable();
    let mut start = 0;
    let mut found = Vec::new();
    for (from, to) in cuts.into_iter().chain([(text.len(), text.len())]) {
        if from > start {
            found.push(Span::new(start, from));
        }
        start = to.max(start);
    }
    found
}

/// Whether a role in brackets follows: `("Provider")`, `(the “Company”)`.
fn has_role(raw: &str) -> bool {
    raw.split('(').skip(1).any(|b| b.chars().take(30).any(|c| matches!(c, '"' | '“' | '”' | '\'' | '‘')))
}

/// Whether the introduction says that it is a person or a body: a defined term like ("Agreement") alone says nothing.
fn person_or_body(raw: &str) -> bool {
    let lower = raw.to_lowercase();
    [
        ", an individual",
        " a corporation",
        "corporation",
        "company",
        "organized under",
        "incorporated",
        "organised under",
        "partnership",
        "residing at",
        "with its registered",
    ]
    .iter()
    .any(|w| lower.contains(w))
}

fn has_form(name: &str) -> bool {
    let words = name.split(|c: char| c.is_whitespace() || c == ',').filter(|w| !w.is_empty());
    words.skip(usize::from(name.contains(char::is_whitespace))).any(is_form)
}

/// Whether `word` is a legal form as names have it: with a capital letter, with or without full stops.
pub(crate) fn is_form(word: &str) -> bool {
    word.starts_with(char::is_uppercase) && FORMS.contains(&word.replace('.', "").to_lowercase().as_str())
}

/// Whether `word`, without the full stop after it, is one capital letter or several with full stops between: "R", "U.S".
fn is_initials(word: &str) -> bool {
    word.split('.').all(|part| part.chars().count() == 1 && part.starts_with(char::is_uppercase))
}

/// Whether `name` begins as clauses do, "If the Company", or points at parties that are named elsewhere, "Each Bank".
fn begins_a_clause(name: &str) -> bool {
    const WORDS: [&str; 13] = [
        "If", "Although", "While", "Neither", "Either", "No", "Each", "Any", "Such", "Every", "Upon", "Without",
        "Unless",
    ];
    name.split_whitespace().next().is_some_and(|word| WORDS.contains(&word)) && name.contains(' ')
}

fn starts_like_name(name: &str) -> bool {
    name.chars()
        .next()
        .is_some_and(|c| c.is_uppercase() || c.is_ascii_digit() || (c.is_alphabetic() && !c.is_lowercase()))
}

fn one_line(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}
