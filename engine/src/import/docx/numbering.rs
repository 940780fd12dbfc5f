//! Automatic numbering: the numbers and bullets that Word shows but does not store.

use super::xml::Element;
use std::collections::HashMap;

/// Definitions of a document's lists, and the counters while its paragraphs go by.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    lists: HashMap<String, List>,
    /// Counters by abstract list and level; lists that share an abstract definition count on.
    counters: HashMap<String, [u32; 9]>,
    /// Start overrides that were already applied, by list and level.
    overridden: HashMap<(String, usize), bool>,
}

#[derive(Debug, Default, Clone)]
struct List {
    abstract_id: String,
    levels: HashMap<usize, Level>,
    overrides: HashMap<usize, u32>,
}

#[derive(Debug, Default, Clone)]
struct Level {
    start: u32,
    format: String,
    text: String,
    restart: Option<usize>,
}

impl Numbering {
    /// Reads the part `numbering.xml`.
    pub(super) fn read(root: &Element) -> Self {
        let abstracts: HashMap<&str, &Element> = root
            .elements()
            .filter(|e| e.name == "abstractNum")
            .filter_map(|e| Some((e.attribute("abstractNumId")?, e)))
            .collect();
        // A list may point at a style's list instead of defining levels of its own.
        let by_style: HashMap<&str, &Element> =
            abstracts.values().filter_map(|e| Some((e.value("styleLink")?, *e))).collect();
        let mut lists = HashMap::new();
        for num in root.elements().filter(|e| e.name == "num") {
            let (Some(id), Some(abstract_id)) = (num.attribute("numId"), num.value("abstractNumId")) else { continue };
            let definition = abstracts.get(abstract_id).copied();
            let linked = definition.and_then(|d| d.value("numStyleLink")).and_then(|s| by_style.get(s).copied());
            let mut list = List { abstract_id: abstract_id.to_string(), ..List::default() };
            if let Some(definition) = linked.or(definition) {
                list.levels = levels(definition);
            }
            for change in num.elements().filter(|e| e.name == "lvlOverride") {
                let Some(index) = change.attribute("ilvl").and_then(|v| v.parse().ok()) else { continue };
                if let Some(level) = change.child("lvl") {
                    list.levels.insert(index, read_level(level));
                }
                if let Some(start) = change.value("startOverride").and_then(|v| v.parse().ok()) {
                    list.overrides.insert(index, start);
                }
            }
            lists.insert(id.to_string(), list);
        }
        Self { lists, ..Self::default() }
    }

    /// Counts one paragraph of list `id` at `level` (from 0) and gives the mark that Word shows, if any.
    pub(super) fn next(&mut self, id: &str, level: usize) -> Option<String> {
        let level = level.min(8);
        let list = self.lists.get(id)?;
        let definition = list.levels.get(&level)?;
        let counters = self.counters.entry(list.abstract_id.clone()).or_insert([0; 9]);
        let start_over = list.overrides.get(&level).copied();
        if let Some(start) = start_over
            && self.overridden.insert((id.to_string(), level), true).is_none()
        {
            counters[level] = start;
        } else {
            counters[level] = if counters[level] == 0 { definition.start } else { counters[level].saturating_add(1) };
        }
        for (deeper, counter) in counters.iter_mut().enumerate().skip(level + 1) {
            let restart = list.levels.get(&deeper).and_then(|l| l.restart);
            if restart.is_none_or(|after| after != 0 && level < after) {
                *counter = 0;
            }
        }
        mark(definition, list, counters)
    }
}

fn levels(definition: &Element) -> HashMap<usize, Level> {
    definition
        .elements()
        .filter(|e| e.name == "lvl")
        .filter_map(|e| Some((e.attribute("ilvl")?.parse().ok()?, read_level(e))))
        .collect()
}

fn read_level(e: &Element) -> Level {
    Level {
        start: e.value("start").and_then(|v| v.parse().ok()).unwrap_or(1),
        format: e.value("numFmt").unwrap_or("decimal").to_string(),
        text: e.value("lvlText").unwrap_or_default().to_string(),
        restart: e.value("lvlRestart").and_then(|v| v.parse().ok()),
    }
}

/// `lvlText` with `%1` to `%9` replaced by the counters in their own formats.
fn mark(definition: &Level, list: &List, counters: &[u32; 9]) -> Option<String> {
    match definition.format.as_str() {
        "none" => return None,
        "bullet" => return Some("•".to_string()),
        _ => {}
    }
    let mut out = String::new();
    let mut chars = definition.text.chars().peekable();
    while let Some(c) = chars.next() {
        let digit = chars.peek().and_then(|d| d.to_digit(10)).filter(|d| (1..=9).contains(d));
        match (c, digit) {
            ('%', Some(d)) => {
                chars.next();
                let index = d as usize - 1;
                let format = list.levels.get(&index).map_or("decimal", |l| l.format.as_str());
                let start = list.levels.get(&index).map_or(1, |l| l.start);
                let value = counters.get(index).copied().filter(|v| *v > 0).unwrap_or(start);
                out.push_str(&number(value, format));
            }
            _ => out.push(c),
        }
    }
    (!out.trim().is_empty()).then(|| out.trim().to_string())
}

/// A counter in one of Word's formats; unknown ones as decimal.
fn number(value: u32, format: &str) -> String {
    match format {
        "lowerLetter" => letters(value).to_lowercase(),
        "upperLetter" => letters(value),
        "lowerRoman" => roman(value).to_lowercase(),
        "upperRoman" => roman(value),
        "decimalZero" => format!("{value:02}"),
        "ordinal" => format!("{value}{}", ordinal_suffix(value)),
        _ => value.to_string(),
    }
}

fn ordinal_suffix(value: u32) -> &'static str {
    match (value % 10, value % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

/// A, B ... Z, AA, BB ... as Word counts: the letter repeats.
fn letters(value: u32) -> String {
    let index = value.saturating_sub(1);
    let letter = char::from(b'A' + (index % 26) as u8);
    std::iter::repeat_n(letter, (index / 26 + 1).min(40) as usize).collect()
}

fn roman(value: u32) -> String {
    const STEPS: [(u32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    if value > 3999 {
        return value.to_string();
    }
    let mut rest = value;
    let mut out = String::new();
    for (step, sign) in STEPS {
        while rest >= step {
            out.push_str(sign);
            rest -= step;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::xml::parse;
    use super::*;

    const PART: &str = r#"<numbering>
      <abstractNum abstractNumId="7">
        <lvl ilvl="0"><start val="1"/><numFmt val="decimal"/><lvlText val="%1."/></lvl>
        <lvl ilvl="1"><start val="1"/><numFmt val="decimal"/><lvlText val="%1.%2"/></lvl>
        <lvl ilvl="2"><start val="1"/><numFmt val="lowerLetter"/><lvlText val="(%3)"/></lvl>
      </abstractNum>
      <num numId="1"><abstractNumId val="7"/></num>
      <num numId="2"><abstractNumId val="7"/><lvlOverride ilvl="0"><startOverride val="1"/></lvlOverride></num>
    </numbering>"#;

    #[test]
    fn levels_count_restart_and_combine() {
        let mut n = Numbering::read(&parse(PART).0);
        let shown: Vec<_> =
            [0, 1, 1, 2, 2, 0, 1].iter().map(|l| n.next("1", *l).expect("every level has a mark")).collect();
        assert_eq!(shown, ["1.", "1.1", "1.2", "(a)", "(b)", "2.", "2.1"]);
        assert_eq!(n.next("2", 0).as_deref(), Some("1."), "an override starts again");
        assert_eq!(n.next("2", 0).as_deref(), Some("2."), "but only once");
        assert_eq!(n.next("99", 0), None);
    }

    #[test]
    fn formats() {
        assert_eq!((roman(1994), letters(28), number(12, "ordinal")), ("MCMXCIV".into(), "BB".into(), "12th".into()));
    }
}
