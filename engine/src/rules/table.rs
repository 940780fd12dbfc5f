//! The table of phrases: what is learned, what is written by hand, and what keywords give.

use super::features::words;
use crate::tasks::FieldSpec;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

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

/// The phrases of one field.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Log-odds of a sentence that holds none of the phrases.
    pub bias: f64,
    /// A sentence with this score or more is taken.
    pub threshold: f64,
    /// Most passages given for one document.
    #[serde(default = "most")]
    pub most: usize,
    /// Usual length of a passage in characters.
    #[serde(default = "long")]
    pub length: usize,
    /// What each phrase adds to the log-odds. Besides words: `before:` a word of the heading, `@` a mark of its form.
    pub phrases: HashMap<String, f64>,
}

fn most() -> usize {
    MOST
}

fn long() -> usize {
    usize::MAX
}

impl Category {
    /// The score of a sentence with these features, 0 to 1.
    pub(super) fn score(&self, features: &HashSet<String>) -> f64 {
        // A table has fewer phrases than a long sentence has features.
        let held: f64 = self.phrases.iter().filter(|(phrase, _)| features.contains(*phrase)).map(|(_, w)| w).sum();
        1.0 / (1.0 + (-(self.bias + held)).exp())
    }

    /// The category of a field that has no phrases but its keywords.
    fn of_keywords(field: &FieldSpec) -> Self {
        let mut phrases = HashMap::new();
        for keyword in field.queries() {
            let words = words(&keyword);
            for phrase in words.chunks(3).filter(|p| !p.is_empty()) {
                phrases.insert(phrase.join(" "), KEYWORD_WEIGHT * phrase.len() as f64);
            }
        }
        Self { bias: KEYWORDS.0, threshold: KEYWORDS.1, most: MOST, length: long(), phrases }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "note")]
    _note: String,
    #[serde(default)]
    like: HashMap<String, String>,
    categories: HashMap<String, Category>,
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
        let mut learned = read("phrases.json", LEARNED)?;
        let written = read("written.json", WRITTEN)?;
        let measured = learned.categories.keys().cloned().collect();
        for (field, category) in written.like {
            let known = learned.categories.get(&category).cloned();
            let known = known.ok_or_else(|| RulesError {
                file: "written.json",
                reason: format!("{field} is to be like {category}, which is not in phrases.json"),
            })?;
            learned.categories.insert(field, known);
        }
        learned.categories.extend(written.categories);
        let mut hasher = blake3::Hasher::new();
        hasher.update(LEARNED.as_bytes()).update(WRITTEN.as_bytes());
        Ok(Self { categories: learned.categories, measured, digest: hasher.finalize().to_hex().to_string() })
    }

    /// Hex digest over the tables: results of different digests are not comparable.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Names of the fields that have phrases, in alphabetical order.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.categories.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Whether the tables have phrases for `field`, beyond its keywords.
    pub fn knows(&self, field: &FieldSpec) -> bool {
        self.categories.contains_key(&field.name)
    }

    /// Whether scores for `field` were measured on labelled documents, so that they can be told as a probability.
    pub fn measures(&self, field: &FieldSpec) -> bool {
        self.measured.contains(&field.name)
    }

    /// The phrases of `field`, by its name; its keywords where the tables do not know it.
    pub fn category(&self, field: &FieldSpec) -> Cow<'_, Category> {
        match self.categories.get(&field.name) {
            Some(category) => Cow::Borrowed(category),
            None => Cow::Owned(Category::of_keywords(field)),
        }
    }
}

fn read(file: &'static str, json: &str) -> Result<File, RulesError> {
    serde_json::from_str(json).map_err(|e| RulesError { file, reason: e.to_string() })
}
