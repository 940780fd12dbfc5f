//! Weighed phrases, and what they say of all sentences or pieces of a document at once.

use super::features::Features;
use std::collections::{BTreeMap, HashMap};

/// What is looked at, by what it holds: for each feature the rows that have it.
#[derive(Debug, Default)]
pub(super) struct Held {
    rows: usize,
    places: HashMap<String, Vec<u32>>,
}

impl Held {
    /// Adds a row with what it holds.
    pub(super) fn push(&mut self, features: Features) {
        let row = u32::try_from(self.rows).unwrap_or(u32::MAX);
        features.into_iter().for_each(|f| self.places.entry(f).or_default().push(row));
        self.rows += 1;
    }
}

/// A logistic model of phrases, and how its log-odds become a probability.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weights {
    /// Log-odds of what holds none of the phrases.
    pub bias: f64,
    /// What the log-odds are multiplied with and moved by before they become a probability.
    pub line: (f64, f64),
    /// Rising points of the curve that corrects it; empty where nothing was measured.
    pub curve: Vec<(f64, f64)>,
    /// What each phrase adds to the log-odds.
    pub phrases: BTreeMap<String, f64>,
}

impl Weights {
    /// The probability of each row of `held`.
    pub(super) fn scores(&self, held: &Held) -> Vec<f64> {
        let mut odds = vec![self.bias; held.rows];
        // In the phrases' order: sums are the same to the last bit on every run.
        for (phrase, weight) in &self.phrases {
            add(&mut odds, held.places.get(phrase), *weight);
        }
        odds.into_iter().map(|x| self.probability(x)).collect()
    }

    fn probability(&self, odds: f64) -> f64 {
        let (slope, shift) = self.line;
        let straight = 1.0 / (1.0 + (-(slope * odds + shift)).exp());
        let after = self.curve.partition_point(|(x, _)| *x <= straight);
        match (after.checked_sub(1).and_then(|i| self.curve.get(i)), self.curve.get(after)) {
            (Some((x, y)), Some((u, v))) => y + (v - y) * (straight - x) / (u - x),
            (Some((_, y)), None) => *y,
            _ => straight,
        }
    }
}

fn add(odds: &mut [f64], rows: Option<&Vec<u32>>, weight: f64) {
    for row in rows.into_iter().flatten() {
        // Rows are counted from the same list that made `odds`.
        if let Some(odds) = usize::try_from(*row).ok().and_then(|row| odds.get_mut(row)) {
            *odds += weight;
        }
    }
}
