//! The table of phrases: what is learned, what is written by hand, and what keywords give.

use super::features::words;
use super::pieces::Piece;
use super::salience;
use super::weights::Weights;
use crate::tasks::FieldSpec;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Learned from CUAD's training split (The Atticus Project, CC BY 4.0).
const LEARNED: &str = include_str!("phrases.json");
/// Written by hand for fields without labels.
const WRITTEN: &str = include_str!("written.json");

/// Bias and threshold where a field has only keywords: one keyword of two words, or two of one word, are enough.
const KEYWORDS: (f64, f64) = (-2.0, 0.5);
/// Weight of a keyword for each of its words.
const KEYWORD_WEIGHT: f64 = 1.05;
/// Most passages of a field where the table says nothing.
const MOST: usize = 5;

/// A table of phrases that cannot be read: a defect of the program, never of a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The table of phrases {file} cannot be read: {reason}")]
pub struct RulesError {
    /// Which of the tables.
    pub file: &'static str,
    /// Line, column and cause.
    pub reason: String,
}

/// What is known of one field.
#[derive(Debug, Clone, PartialEq)]
pub struct Category {
    /// A passage of this probability or more is given.
    pub threshold: f64,
    /// Most passages given for one document.
    pub most: usize,
    pub(super) sentence: Weights,
    /// Where the field is asked for in a few words: which pieces of sentences may be it as well.
    pub(super) piece: Option<(Piece, Weights)>,
}

impl Category {
    /// All its phrases. Besides words: `before:` and `under:` a word of the line before and of the heading, `^` the
    /// beginning of a sentence, `in:`, `<` and `>` what stands around a piece, `@` a mark of form or place.
    pub fn phrases(&self) -> impl Iterator<Item = &str> {
        let pieces = self.piece.iter().flat_map(|(_, weights)| weights.phrases.keys());
        self.sentence.phrases.keys().chain(pieces).map(String::as_str)
    }

    /// The category of a field that has no phrases but its keywords.
    fn of_keywords(field: &FieldSpec) -> Self {
        let mut phrases = BTreeMap::new();
        for keyword in field.queries() {
            let words = words(&keyword);
            for phrase in words.chunks(3).filter(|p| !p.is_empty()) {
                phrases.insert(phrase.join(" "), KEYWORD_WEIGHT * phrase.len() as f64);
            }
        }
        Self::by_hand(KEYWORDS.0, KEYWORDS.1, MOST, phrases)
    }

    fn by_hand(bias: f64, threshold: f64, most: usize, phrases: BTreeMap<String, f64>) -> Self {
        let sentence = Weights { bias, line: (1.0, 0.0), curve: Vec::new(), phrases };
        Self { threshold, most, sentence, piece: None }
    }
}

/// `written.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile {
    #[serde(rename = "note")]
    _note: String,
    like: HashMap<String, String>,
    categories: HashMap<String, Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    bias: f64,
    threshold: f64,
    most: usize,
    phrases: BTreeMap<String, f64>,
}

/// `phrases.json`: each phrase once, with the numbers of its categories (in alphabetical order) and hundredths.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LearnedFile {
    #[serde(rename = "note")]
    _note: String,
    curves: ByKind<Vec<(f64, f64)>>,
    categories: BTreeMap<String, Learned>,
    phrases: ByKind<HashMap<String, Vec<i32>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByKind<T> {
    sentence: T,
    date: T,
    party: T,
    title: T,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Learned {
    threshold: f64,
    most: usize,
    sentence: Line,
    date: Option<Line>,
    party: Option<Line>,
    title: Option<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    bias: f64,
    slope: f64,
    shift: f64,
}

impl LearnedFile {
    fn categories(self) -> HashMap<String, Category> {
        let of = |list: HashMap<String, Vec<i32>>| by_category(list, self.categories.len());
        let mut sentences = of(self.phrases.sentence);
        let (mut dates, mut parties, mut titles) =
            (of(self.phrases.date), of(self.phrases.party), of(self.phrases.title));
        let mut found = HashMap::new();
        for (i, (name, learned)) in self.categories.into_iter().enumerate() {
            let weights = |line: Line, curve: &Vec<(f64, f64)>, phrases: &mut Vec<BTreeMap<String, f64>>| Weights {
                bias: line.bias,
                line: (line.slope, line.shift),
                curve: curve.clone(),
                phrases: phrases.get_mut(i).map(std::mem::take).unwrap_or_default(),
            };
            let sentence = weights(learned.sentence, &self.curves.sentence, &mut sentences);
            let date = learned.date.map(|l| (Piece::Date, weights(l, &self.curves.date, &mut dates)));
            let party = learned.party.map(|l| (Piece::Party, weights(l, &self.curves.party, &mut parties)));
            let title = learned.title.map(|l| (Piece::Title, weights(l, &self.curves.title, &mut titles)));
            let piece = date.or(party).or(title);
            found.insert(name, Category { threshold: learned.threshold, most: learned.most, sentence, piece });
        }
        found
    }
}

/// The phrases of each of `count` categories.
fn by_category(list: HashMap<String, Vec<i32>>, count: usize) -> Vec<BTreeMap<String, f64>> {
    let mut found = vec![BTreeMap::new(); count];
    for (phrase, pairs) in list {
        for pair in pairs.chunks_exact(2) {
            let [number, hundredths] = pair else { continue };
            if let Some(phrases) = usize::try_from(*number).ok().and_then(|n| found.get_mut(n)) {
                phrases.insert(phrase.clone(), f64::from(*hundredths) / 100.0);
            }
        }
    }
    found
}

/// The phrases of all fields that have some.
#[derive(Debug, Clone)]
pub struct Table {
    categories: HashMap<String, Category>,
    /// Those whose phrases were learned from labels of this very field.
    measured: HashSet<String>,
    digest: String,
}

impl Table {
    /// The tables that come with the program.
    pub fn built_in() -> Result<Self, RulesError> {
        let mut categories = read::<LearnedFile>("phrases.json", LEARNED)?.categories();
        let written: WrittenFile = read("written.json", WRITTEN)?;
        let measured = categories.keys().cloned().collect();
        for (field, category) in written.like {
            let known = categories.get(&category).cloned();
            let known = known.ok_or_else(|| RulesError {
                file: "written.json",
                reason: format!("{field} is to be like {category}, which is not in phrases.json"),
            })?;
            categories.insert(field, known);
        }
        let by_hand = |w: Written| Category::by_hand(w.bias, w.threshold, w.most, w.phrases);
        categories.extend(written.categories.into_iter().map(|(name, w)| (name, by_hand(w))));
        let mut hasher = blake3::Hasher::new();
        hasher.update(LEARNED.as_bytes()).update(WRITTEN.as_bytes()).update(salience::LEARNED.as_bytes());
        Ok(Self { categories, measured, digest: hasher.finalize().to_hex().to_string() })
    }

    /// Hex digest over all tables, those of sentences that sum up included: results of different digests are not comparable.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Names of the fields that have phrases, in alphabetical order.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.categories.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The name that the tables have for `field`: people write "Governing law" where the packs have "Governing Law".
    fn known(&self, field: &FieldSpec) -> Option<(&str, &Category)> {
        let exact = self.categories.get_key_value(&field.name);
        let name = field.name.trim().to_lowercase();
        let same = || self.categories.iter().filter(|(n, _)| n.to_lowercase() == name).min_by_key(|(n, _)| n.as_str());
        exact.or_else(same).map(|(name, category)| (name.as_str(), category))
    }

    /// Whether the tables have phrases for `field`, beyond its keywords.
    pub fn knows(&self, field: &FieldSpec) -> bool {
        self.known(field).is_some()
    }

    /// Whether scores for `field` were measured on labelled documents, so that they can be told as a probability.
    pub fn measures(&self, field: &FieldSpec) -> bool {
        self.known(field).is_some_and(|(name, _)| self.measured.contains(name))
    }

    /// The phrases of `field`, by its name; its keywords where the tables do not know it.
    pub fn category(&self, field: &FieldSpec) -> Cow<'_, Category> {
        match self.known(field) {
            Some((_, category)) => Cow::Borrowed(category),
            None => Cow::Owned(Category::of_keywords(field)),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(file: &'static str, json: &str) -> Result<T, RulesError> {
    serde_json::from_str(json).map_err(|e| RulesError { file, reason: e.to_string() })
}
