//! Which sentences sum a document up: a linear score over what can be seen of a sentence without knowing its subject, one
//! for written documents and one for what is spoken in a meeting.
//!
//! The weights are learned by `engine/model/training/salience.py` from features that `examples/salient_sentences.rs`
//! prints, so this file is their only definition. The score only ranks the sentences of one document.

use super::features::{HEADING_REACH, is_heading, words};
use super::table::RulesError;
use crate::index::nearest;
use crate::text::{BlockKind, DocText, Span};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

pub(super) const LEARNED: &str = include_str!("salience.json");

/// What is looked at, in the order of [`features`].
pub const FEATURES: [&str; 24] = [
    "place",
    "late",
    "opening",
    "begins_block",
    "begins_document",
    "words",
    "short",
    "long",
    "carrying",
    "central",
    "frequent",
    "of_title",
    "title_share",
    "of_heading",
    "names_itself",
    "announces",
    "leans",
    "figures",
    "signs",
    "colon",
    "question",
    "filler",
    "turn",
    "first_person",
];

/// Fewest words, and fewest words that carry meaning, of a sentence that can stand for others.
const LEAST_WORDS: (usize, usize) = (6, 3);
/// A text with more figures among its characters is a row of a table that was read as a sentence.
const MOST_FIGURES: f64 = 0.15;
/// A text with fewer words that begin with a small letter is a title.
const LEAST_SMALL: f64 = 0.4;
/// What a sentence ends with, where it is a whole one.
const ENDS: [char; 8] = ['.', '!', '?', '…', '”', '"', '’', ')'];
/// Headings under which a document says itself what it comes to, and what standing there adds to a score, in standard
/// deviations of the scores of the document. By hand: the learned documents have these sections cut out.
const SUMMING: [&str; 7] = ["abstract", "summary", "overview", "conclusion", "conclusions", "purpose", "highlights"];
const SUMMING_BONUS: f64 = 1.0;

/// Sounds and words that fill speech.
pub(crate) const SOUNDS: [&str; 8] = ["um", "uh", "mm", "hmm", "er", "erm", "ah", "oh"];
pub(crate) const FILLERS: [&str; 8] = ["yeah", "okay", "ok", "like", "mean", "know", "basically", "well"];
const ITSELF: [&str; 14] = [
    "agreement",
    "act",
    "chapter",
    "contract",
    "document",
    "guide",
    "memorandum",
    "notice",
    "paper",
    "pep",
    "policy",
    "proposal",
    "report",
    "rfc",
];
const ANNOUNCING: [&str; 12] = [
    "propos",
    "describ",
    "introduc",
    "specifi",
    "provid",
    "aim",
    "purpos",
    "goal",
    "summar",
    "present",
    "recommend",
    "conclud",
];
const LEANING: [&str; 14] =
    ["it", "they", "he", "she", "these", "those", "but", "and", "so", "however", "then", "thus", "therefore", "also"];

/// A linear score.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    weights: HashMap<String, f64>,
}

/// The scores of sentences.
pub struct Salience {
    written: [f64; FEATURES.len()],
    spoken: [f64; FEATURES.len()],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "note")]
    _note: String,
    written: Line,
    spoken: Line,
}

impl Salience {
    /// The weights that come with the program.
    pub fn built_in() -> Result<Self, RulesError> {
        let wrong = |reason: String| RulesError { file: "salience.json", reason };
        let file: File = serde_json::from_str(LEARNED).map_err(|e| wrong(e.to_string()))?;
        let row = |line: &Line| {
            let known = line.weights.keys().all(|name| FEATURES.contains(&name.as_str()));
            let row = FEATURES.map(|name| line.weights.get(name).copied().unwrap_or_default());
            if known { Ok(row) } else { Err(wrong("it weighs a feature that is not looked at".to_owned())) }
        };
        Ok(Self { written: row(&file.written)?, spoken: row(&file.spoken)? })
    }

    /// How well each of `sentences` stands for `document`; nothing for those that cannot: headings, rows, code, scraps.
    /// `stems` are those of the sentences, as [`stems`] gives them.
    pub fn scores(&self, document: &DocText, sentences: &[Span], stems: &[HashSet<String>]) -> Vec<Option<f64>> {
        let weights = if document.cues.is_empty() { &self.written } else { &self.spoken };
        let looked = look(document, sentences, stems);
        let of = |row: &Row| row.can_stand.then(|| row.values.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>());
        let mut scores: Vec<Option<f64>> = looked.iter().map(of).collect();
        let deviation = deviation(&scores);
        for (score, row) in scores.iter_mut().zip(&looked) {
            if let Some(score) = score.as_mut().filter(|_| row.under_summing) {
                *score += SUMMING_BONUS * deviation;
            }
        }
        scores
    }
}

fn deviation(scores: &[Option<f64>]) -> f64 {
    let all: Vec<f64> = scores.iter().flatten().copied().collect();
    let mean = all.iter().sum::<f64>() / all.len().max(1) as f64;
    (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / all.len().max(1) as f64).sqrt()
}

/// What is seen of one sentence.
struct Row {
    values: [f64; FEATURES.len()],
    can_stand: bool,
    under_summing: bool,
}

/// The features of each of `sentences`, and whether it can stand for others: for learning.
pub fn features(document: &DocText, sentences: &[Span]) -> Vec<(bool, [f64; FEATURES.len()])> {
    look(document, sentences, &stems(document, sentences)).into_iter().map(|row| (row.can_stand, row.values)).collect()
}

/// The stems of the carrying words of each of `sentences`, without the speaker's name.
pub(crate) fn stems(document: &DocText, sentences: &[Span]) -> Vec<HashSet<String>> {
    nearest::stems_of(sentences.iter().map(|s| said(document, *s).1))
}

fn look(document: &DocText, sentences: &[Span], stems: &[HashSet<String>]) -> Vec<Row> {
    let texts: Vec<&str> = sentences.iter().map(|s| said(document, *s).1).collect();
    let own: Vec<Vec<String>> = texts.iter().map(|t| words(t)).collect();
    let mut holding: HashMap<&str, f64> = HashMap::new();
    stems.iter().flatten().for_each(|stem| *holding.entry(stem).or_default() += 1.0);
    let whole = holding.values().map(|n| n * n).sum::<f64>().sqrt().max(1.0);
    let title = stems_of_one(document.title.as_deref().unwrap_or_default());
    let headings = headings(document, sentences, &texts, &own);
    let (mut first, mut rows) = (0, Vec::with_capacity(sentences.len()));
    for (i, (span, text)) in sentences.iter().zip(&texts).enumerate() {
        let (Some(own), Some(stems), Some(heading)) = (own.get(i), stems.get(i), headings.get(i)) else { continue };
        let block = document.block_of(*span);
        if block.is_none_or(|b| sentences.get(first).is_none_or(|s| !b.span.covers(*s))) {
            first = i;
        }
        let at = Place { index: i, count: sentences.len(), in_block: i - first, block: block.map(|b| b.kind) };
        let shared = Shared { holding: &holding, whole, title: &title, heading };
        rows.push(row(text, own, stems, &at, &shared));
    }
    rows
}

/// Where a sentence stands.
struct Place {
    index: usize,
    count: usize,
    in_block: usize,
    block: Option<BlockKind>,
}

/// What the sentences of a document have in common.
struct Shared<'a> {
    /// In how many sentences each stem stands.
    holding: &'a HashMap<&'a str, f64>,
    whole: f64,
    title: &'a HashSet<String>,
    heading: &'a Heading,
}

fn row(text: &str, own: &[String], stems: &HashSet<String>, at: &Place, shared: &Shared<'_>) -> Row {
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    let yes = |holds: bool| f64::from(u8::from(holds));
    let count = |list: &[&str]| own.iter().filter(|w| list.contains(&w.as_str())).count();
    let frequency = |stem: &String| shared.holding.get(stem.as_str()).copied().unwrap_or_default();
    let common = |other: &HashSet<String>| stems.intersection(other).count();
    let chars = text.chars().count();
    let figures = share(text.chars().filter(char::is_ascii_digit).count(), chars);
    let signs = text.chars().filter(|c| !c.is_alphanumeric() && !c.is_whitespace() && !".,;'’\"“”-()".contains(*c));
    let itself = own.windows(2).any(|w| matches!(w, [a, b] if a == "this" && ITSELF.contains(&b.as_str())));
    let announces = own.iter().any(|w| ANNOUNCING.iter().any(|stem| w.starts_with(stem)));
    let central = stems.iter().map(frequency).sum::<f64>() / shared.whole / (stems.len().max(1) as f64).sqrt();
    let frequent = stems.iter().map(|s| frequency(s).ln_1p()).sum::<f64>() / stems.len().max(1) as f64;
    let values = [
        share(at.index, at.count),
        (at.index as f64).ln_1p(),
        yes(at.index < 5),
        yes(at.in_block == 0),
        yes(at.index == 0),
        (own.len() as f64).ln_1p(),
        yes(own.len() < 10),
        yes(own.len() > 40),
        (stems.len() as f64).ln_1p(),
        central,
        frequent,
        share(common(shared.title), shared.title.len()),
        share(common(shared.title), stems.len()),
        share(common(&shared.heading.stems), shared.heading.stems.len()),
        yes(itself),
        yes(announces),
        yes(own.first().is_some_and(|w| LEANING.contains(&w.as_str()))),
        figures,
        share(signs.count(), chars),
        yes(text.ends_with(':')),
        yes(text.ends_with('?')),
        share(count(&SOUNDS) + count(&FILLERS), own.len()),
        (at.in_block as f64).ln_1p(),
        yes(count(&["i", "my", "me"]) > 0),
    ];
    let prose = !matches!(
        at.block,
        Some(
            BlockKind::Heading(_)
                | BlockKind::TableRow
                | BlockKind::Footnote
                | BlockKind::RunningHeader
                | BlockKind::Comment
                | BlockKind::Code
        )
    );
    let small = text.split_whitespace().filter(|w| w.starts_with(char::is_lowercase)).count();
    let whole = at.block == Some(BlockKind::Cue) || text.ends_with(ENDS);
    let can_stand = prose
        && whole
        && own.len() >= LEAST_WORDS.0
        && stems.len() >= LEAST_WORDS.1
        && share(small, own.len()) >= LEAST_SMALL
        && figures <= MOST_FIGURES;
    Row { values, can_stand, under_summing: shared.heading.summing }
}

/// A heading in force.
struct Heading {
    stems: Rc<HashSet<String>>,
    summing: bool,
}

/// The heading each sentence stands under: that of its section, else the last line that looks like one.
fn headings(document: &DocText, sentences: &[Span], texts: &[&str], own: &[Vec<String>]) -> Vec<Heading> {
    let (mut last, mut age) = ("", 0);
    let mut stems: HashMap<&str, Rc<HashSet<String>>> = HashMap::new();
    let mut found = Vec::with_capacity(sentences.len());
    for ((span, text), own) in sentences.iter().zip(texts).zip(own) {
        let section = document.section_at(span.start()).and_then(|s| document.slice(s.heading));
        let heading = section.unwrap_or(if age <= HEADING_REACH { last } else { "" });
        let summing = words(heading).iter().any(|w| SUMMING.contains(&w.as_str()));
        let stems = Rc::clone(stems.entry(heading).or_insert_with(|| Rc::new(stems_of_one(heading))));
        found.push(Heading { stems, summing });
        age += 1;
        if is_heading(text, own) {
            (last, age) = (text, 0);
        }
    }
    found
}

fn stems_of_one(text: &str) -> HashSet<String> {
    nearest::stems_of([text]).pop().unwrap_or_default()
}

/// Where `span` of a transcript goes on after the speaker's name, and its words.
pub(crate) fn said(document: &DocText, span: Span) -> (Span, &str) {
    let text = document.slice(span).unwrap_or_default();
    let cue = document.cue_at(span.start()).filter(|c| c.span.start() == span.start());
    let named = cue.and_then(|c| c.speaker.as_deref()).and_then(|name| text.strip_prefix(name)?.strip_prefix(':'));
    let words = named.map_or(text, str::trim_start);
    (Span::new(span.end() - words.len(), span.end()), words)
}
