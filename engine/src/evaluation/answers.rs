//! Whether a field's value is the one that people noted: dates by the calendar, lengths of time by count and unit,
//! parties and the rest by their words.
//!
//! CUAD's notes are typed by hand ("1/9/20", "successive 1 year", `Orion, Inc. ("Orion")`) and hold slips; what cannot be
//! read as a value of the field's kind is not compared.

use super::rouge::words;
use crate::index::tokenize::fold;
use crate::tasks::{Claim, FieldType};
use crate::values::{self, Value, is_form, party_name};
use chrono::{Datelike, NaiveDate};

/// Words that name a party's role or legal form, not the party.
const FORMS: [&str; 20] = [
    "inc",
    "llc",
    "ltd",
    "limited",
    "corp",
    "corporation",
    "company",
    "co",
    "lp",
    "llp",
    "plc",
    "gmbh",
    "ag",
    "sa",
    "nv",
    "bv",
    "the",
    "and",
    "of",
    "fsb",
];

/// What notes add to a name, in lower case.
const BESIDE_NAMES: [&str; 8] = [
    " d/b/a ",
    " dba ",
    "(dba ",
    " f/k/a ",
    " doing business as ",
    " including ",
    " and all of its ",
    " a subsidiary of ",
];
/// Countries whose law contracts name otherwise ("Swiss law").
const COUNTRIES: [(&str, &str); 22] = [
    ("spain", "spanish"),
    ("italy", "italian"),
    ("austria", "austrian"),
    ("belgium", "belgian"),
    ("denmark", "danish"),
    ("norway", "norwegian"),
    ("finland", "finnish"),
    ("korea", "korean"),
    ("canada", "canadian"),
    ("australia", "australian"),
    ("india", "indian"),
    ("england", "english"),
    ("switzerland", "swiss"),
    ("germany", "german"),
    ("france", "french"),
    ("netherlands", "dutch"),
    ("israel", "israeli"),
    ("japan", "japanese"),
    ("ireland", "irish"),
    ("sweden", "swedish"),
    ("china", "chinese"),
    ("china", "prc"),
];

/// Whether `claims`, those of one field, give what `noted` says; nothing where the two cannot be compared.
pub fn right(kind: FieldType, noted: &str, claims: &[&Claim]) -> Option<bool> {
    match kind {
        FieldType::Date => {
            let wanted = date(noted)?;
            let dates = || claims.iter().filter_map(|c| c.value.as_ref());
            Some(dates().any(|v| matches!(v, Value::Date { iso } if *iso == wanted)))
        }
        FieldType::Duration => {
            let wanted = values::find(FieldType::Duration, noted).into_iter().next()?.value;
            let quoted = || claims.iter().flat_map(|c| &c.evidence);
            let stands =
                |text: &str| values::find(FieldType::Duration, text).iter().any(|f| same_time(&f.value, &wanted));
            let valued = claims.iter().filter_map(|c| c.value.as_ref()).any(|v| same_time(v, &wanted));
            Some(valued || quoted().any(|e| stands(&e.quote)))
        }
        FieldType::Party => {
            let wanted = parties(noted);
            let texts: Vec<Vec<String>> = claims.iter().map(|c| folded_words(&c.text)).collect();
            let named = |names: &&Vec<Vec<String>>| names.iter().any(|name| texts.iter().any(|t| is_named(name, t)));
            // Notes list groups and defined terms too; two parties, or the only one, make an agreement.
            let enough = wanted.len().min(2);
            (enough > 0).then(|| wanted.iter().filter(named).count() >= enough)
        }
        FieldType::Text => {
            let wanted = words(noted.split([',', ';']).next().unwrap_or_default());
            let said = |c: &Claim| {
                let quotes: Vec<&str> = c.evidence.iter().map(|e| e.quote.as_str()).collect();
                let own = words(&format!("{} {}", c.text, quotes.join(" ")));
                let otherwise = |(country, name): &(&str, &str)| {
                    wanted.last().is_some_and(|w| w == country) && own.iter().any(|o| o == name)
                };
                wanted.iter().all(|w| own.contains(w)) || COUNTRIES.iter().any(otherwise)
            };
            (!wanted.is_empty()).then(|| claims.iter().any(|c| said(c)))
        }
        _ => None,
    }
}

/// "9/13/19" or "9/13/2019" as an ISO date. Two digits mean this century up to 50.
fn date(noted: &str) -> Option<String> {
    let mut parts = noted.trim().split('/').map(str::trim);
    let (month, day, year) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
    let century = if year.len() == 4 { 0 } else { 1900 };
    let year: i32 = year.parse::<i32>().ok()? + century;
    let year = if century > 0 && year <= 1950 { year + 100 } else { year };
    let date = NaiveDate::from_ymd_opt(year, month, day).filter(|_| parts.next().is_none())?;
    Some(format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()))
}

fn same_time(a: &Value, b: &Value) -> bool {
    let length = |v: &Value| match v {
        Value::Duration { count, unit } if unit == "year" => Some((count.saturating_mul(12), "month".to_owned())),
        Value::Duration { count, unit } if unit == "week" => Some((count.saturating_mul(7), "day".to_owned())),
        Value::Duration { count, unit } => Some((*count, unit.clone())),
        _ => None,
    };
    length(a).is_some() && length(a) == length(b)
}

/// The words of a name as search folds them: notes leave accents out.
fn folded_words(name: &str) -> Vec<String> {
    words(name).iter().map(|word| fold(word)).collect()
}

/// Whether a noted name, as [`parties`] gives it, is one of `text`, by words in any order or by letters: notes set spaces
/// otherwise ("Nord Living"), and of eight letters one may be a slip ("Zipfler"), from six on; two neighbours that swapped
/// places are one.
fn is_named(name: &[String], text: &[String]) -> bool {
    if name.iter().all(|w| text.contains(w)) {
        return true;
    }
    let letters =
        |words: &[String]| -> String { words.iter().map(String::as_str).filter(|w| !FORMS.contains(w)).collect() };
    let (name, text) = (letters(name), letters(text));
    strsim::osa_distance(&name, &text) <= (name.chars().count() + 2) / 8
}

/// The names in a note of parties, each as the words that tell it from others; for a party that the document leaves open
/// (`an individual ("Developer")`, `you (the "Affiliate")`) also what it is called there, the only name it has.
fn parties(noted: &str) -> Vec<Vec<Vec<String>>> {
    let roles = |entry: &str| -> Vec<Vec<String>> {
        let name = entry.split(['(', '“', '"']).next().unwrap_or_default().trim();
        let open = name.eq_ignore_ascii_case("you") || !name.contains(char::is_uppercase);
        let called = entry.split(['“', '"', '”']).skip(1).step_by(2).map(folded_words);
        called.filter(|words| open && !name.is_empty() && !words.is_empty()).collect()
    };
    let name = |entry: &str| -> Vec<String> {
        let entry = entry.split(['“', '"']).next().unwrap_or_default();
        let lower = entry.to_ascii_lowercase();
        let end = BESIDE_NAMES.iter().filter_map(|words| lower.find(words)).min().unwrap_or(entry.len());
        let entry = entry.get(..end).unwrap_or(entry);
        let bare = party_name(entry).unwrap_or_else(|| entry.split('(').next().unwrap_or_default());
        // "Elm Insurance Corporation (ELMCO)": what it is called is no part of its name.
        let bare =
            if bare.trim_end().ends_with(')') { bare.rsplit_once('(').map_or(bare, |(name, _)| name) } else { bare };
        folded_words(bare).into_iter().filter(|w| !FORMS.contains(&w.as_str())).collect()
    };
    let names = |entry: &str| -> Vec<Vec<String>> {
        let own = name(entry);
        if own.is_empty() { Vec::new() } else { [vec![own], roles(entry)].concat() }
    };
    noted.split(';').flat_map(parted).map(names).filter(|n| !n.is_empty()).collect()
}

/// The parties of an entry of a note: two where an "and" parts two names with legal forms ("Elm Inc. and Oak LLC", not "Elm Oil
/// and Gas Company").
fn parted(entry: &str) -> Vec<&str> {
    let formed = |name: &str| {
        let last = name.split_whitespace().next_back().unwrap_or_default();
        is_form(last.trim_end_matches([',', ')']).trim_start_matches('('))
    };
    let bare = |name: &str| -> String { name.split(['(', '“', '"']).next().unwrap_or_default().trim().to_owned() };
    match entry.split_once(" and ").filter(|(one, other)| formed(&bare(one)) && formed(&bare(other))) {
        Some((one, other)) => vec![one, other],
        None => vec![entry],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{ClaimKind, Evidence, MatchKind, Status};
    use crate::text::Span;

    fn claim(text: &str, value: Option<Value>) -> Claim {
        let quote = text.to_owned();
        let span = Span::new(0, quote.len());
        Claim {
            kind: ClaimKind::Field,
            label: "f".to_owned(),
            text: text.to_owned(),
            value,
            status: Status::Verified,
            evidence: vec![Evidence { span, quote, matched: MatchKind::Exact, occurrences: 1 }],
            unlocated: Vec::new(),
            owner: None,
            due: None,
            searched: None,
            checks: Vec::new(),
            found_by: None,
            confidence: None,
        }
    }

    #[test]
    fn an_and_in_a_note_parts_two_names_with_forms() {
        let given = [claim("Elm Petroleum Company LP", None), claim("Oak Pipe Line LLC", None)];
        let both: Vec<&Claim> = given.iter().collect();
        let noted = "Elm Petroleum Company LP and Oak Pipe Line LLC (\"Shipper\")";
        assert_eq!(right(FieldType::Party, noted, &both), Some(true));
        assert_eq!(right(FieldType::Party, noted, &both[..1]), Some(false));
        let one = claim("Elm Oil and Gas Company", None);
        assert_eq!(right(FieldType::Party, "Elm Oil and Gas Company", &[&one]), Some(true));
    }

    #[test]
    fn dates_are_compared_by_the_calendar() {
        let given = claim("January 9, 2020", Some(Value::Date { iso: "2020-01-09".into() }));
        assert_eq!(right(FieldType::Date, "1/9/20", &[&given]), Some(true));
        assert_eq!(right(FieldType::Date, "1/9/2020", &[&given]), Some(true));
        assert_eq!(right(FieldType::Date, "9/1/20", &[&given]), Some(false));
        assert_eq!(date("3/15/98").as_deref(), Some("1998-03-15"));
        for no_date in ["perpetual", "", "2/30/20", "1/2/3/4"] {
            assert_eq!(right(FieldType::Date, no_date, &[&given]), None, "{no_date}");
        }
        assert_eq!(right(FieldType::Date, "1/9/20", &[]), Some(false), "nothing given is not right");
    }

    #[test]
    fn lengths_of_time_are_compared_across_units() {
        let given = claim("renewed for further periods of twelve (12) months", None);
        assert_eq!(right(FieldType::Duration, "successive 1 year", &[&given]), Some(true));
        assert_eq!(right(FieldType::Duration, "60 days", &[&given]), Some(false));
        assert_eq!(right(FieldType::Duration, "perpetual", &[&given]), None);
    }

    #[test]
    fn parties_are_compared_by_the_words_that_tell_them_apart() {
        let noted = "Orion Metals, Inc. (\"Orion\"); Baltic Works Ltd. (“Buyer”); (collectively the \"Parties\")";
        let (orion, baltic) = (claim("ORION METALS INC", None), claim("Baltic Works Limited", None));
        assert_eq!(right(FieldType::Party, noted, &[&orion, &baltic]), Some(true));
        assert_eq!(right(FieldType::Party, noted, &[&orion]), Some(false));
        assert_eq!(right(FieldType::Party, "(\"Parties\")", &[&orion]), None);
        let open = "Orion Metals, Inc.; an individual (\"Developer\" or \"you\")";
        assert_eq!(right(FieldType::Party, open, &[&orion, &claim("Developer", None)]), Some(true));
        assert_eq!(right(FieldType::Party, open, &[&orion]), Some(false));
        let named = "Orion Metals, Inc.; Ann Lee (\"Developer\")";
        assert_eq!(right(FieldType::Party, named, &[&orion, &claim("Developer", None)]), Some(false));
        assert_eq!(right(FieldType::Party, "Orion Metals, Inc. (ORM)", &[&orion]), Some(true));
        let noted = "Nuvem Laboratorios S.A. and its Affiliates (\"Nuvem\"); Orion Metals (Oslo) Ltd";
        let (nuvem, oslo) = (claim("Nuvem Laboratórios S.A", None), claim("Orion Metals (Oslo) Ltd", None));
        assert_eq!(right(FieldType::Party, noted, &[&nuvem, &oslo]), Some(true));
        assert_eq!(right(FieldType::Party, noted, &[&nuvem, &orion]), Some(false), "another company of the name");
        for (noted, given, same) in [
            ("Zipfler Inc.", "Zifpler Inc.", true),
            ("Nordliving Holdings, Inc.", "Nord Living Holdings, Inc.", true),
            ("Elm Works Ltd", "Elk Works Ltd", true),
            ("Elm Ltd", "Elk Ltd", false),
            ("Elm Works Ltd d/b/a Elm Tools", "Elm Works Ltd", true),
            ("Elm Works Ltd a subsidiary of Oak Tools Inc. (\"Oak\")", "Elm Works Ltd", true),
            ("Elm Works East Ltd", "Elm Works West Ltd", false),
        ] {
            assert_eq!(right(FieldType::Party, noted, &[&claim(given, None)]), Some(same), "{noted}");
        }
    }

    #[test]
    fn text_is_compared_by_its_words() {
        let given = claim("governed by the laws of the Province of Ontario", None);
        assert_eq!(right(FieldType::Text, "Ontario, Canada", &[&given]), Some(true));
        assert_eq!(right(FieldType::Text, "Delaware", &[&given]), Some(false));
        assert_eq!(right(FieldType::Text, "Ontario; Ohio", &[&given]), Some(true));
        assert_eq!(right(FieldType::Text, "England", &[&claim("under English law", None)]), Some(true));
    }
}
