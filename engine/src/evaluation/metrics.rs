//! Measures of what was found against what is labelled. Pure: no document, no file, no clock.

use crate::text::Span;
use serde::{Deserialize, Serialize};

/// From this overlap on a passage counts as the labelled one.
pub const ENOUGH: f64 = 0.5;

/// Counts the characters of a text that are not white space, so that lengths do not depend on how lines are broken.
#[derive(Debug, Clone)]
pub struct Ruler {
    /// Byte offsets of the characters that are not white space.
    places: Vec<usize>,
}

impl Ruler {
    /// Measures `text`.
    pub fn new(text: &str) -> Self {
        Self { places: text.char_indices().filter(|(_, c)| !c.is_whitespace()).map(|(i, _)| i).collect() }
    }

    /// Characters of `span` that are not white space.
    pub fn length(&self, span: Span) -> usize {
        let before = |offset: usize| self.places.partition_point(|p| *p < offset);
        before(span.end()).saturating_sub(before(span.start()))
    }

    /// Jaccard overlap of two spans over those characters: 0 where they share none, 1 where they are the same.
    pub fn overlap(&self, a: Span, b: Span) -> f64 {
        let (start, end) = (a.start().max(b.start()), a.end().min(b.end()));
        if start >= end {
            return 0.0;
        }
        let both = self.length(Span::new(start, end));
        let all = self.length(a) + self.length(b) - both;
        if all == 0 { 0.0 } else { both as f64 / all as f64 }
    }
}

/// A labelled passage: all places where its words stand. Any of them counts.
pub type Gold = Vec<Span>;

/// A passage that was given, with how sure the method was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Given {
    /// Where.
    pub span: Span,
    /// 0 to 1.
    pub score: f64,
}

/// One field of one document: what is labelled against what was given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matched {
    /// For each labelled passage the best score of a given one that is it; `None` where none is.
    pub gold: Vec<Option<f64>>,
    /// Scores of given passages that are none of the labelled ones.
    pub wrong: Vec<f64>,
}

impl Matched {
    /// Compares `given` with `gold`.
    pub fn new(ruler: &Ruler, gold: &[Gold], given: &[Given]) -> Self {
        let is = |g: &Gold, p: &Given| g.iter().any(|place| ruler.overlap(*place, p.span) >= ENOUGH);
        let best = |g: &Gold| given.iter().filter(|p| is(g, p)).map(|p| p.score).reduce(f64::max);
        let wrong = given.iter().filter(|p| !gold.iter().any(|g| is(g, p)));
        Self { gold: gold.iter().map(best).collect(), wrong: wrong.map(|p| p.score).collect() }
    }

    /// Adds what another document gave.
    pub fn add(&mut self, other: &Matched) {
        self.gold.extend(&other.gold);
        self.wrong.extend(&other.wrong);
    }

    /// Counts over everything given.
    pub fn counts(&self) -> Counts {
        let found = self.gold.iter().flatten().count();
        Counts { found, missed: self.gold.len() - found, wrong: self.wrong.len() }
    }
}

/// How many labelled passages were found and missed, and how many given ones are not labelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Labelled passages that were given.
    pub found: usize,
    /// Labelled passages that were not.
    pub missed: usize,
    /// Given passages that are not labelled.
    pub wrong: usize,
}

impl Counts {
    /// Share of what was given that is right; 1 where nothing was given and nothing is labelled, else 0.
    pub fn precision(self) -> f64 {
        share(self.found, self.found + self.wrong).unwrap_or(if self.missed == 0 { 1.0 } else { 0.0 })
    }

    /// Share of what is labelled that was given; 1 where nothing is labelled.
    pub fn recall(self) -> f64 {
        share(self.found, self.found + self.missed).unwrap_or(1.0)
    }

    /// The harmonic mean of both.
    pub fn f1(self) -> f64 {
        share(2 * self.found, 2 * self.found + self.missed + self.wrong).unwrap_or(1.0)
    }
}

/// `part / whole`; `None` where there is no whole.
pub fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A point of a precision-recall curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Everything with this score or more is taken.
    pub score: f64,
    /// Precision there.
    pub precision: f64,
    /// Recall there.
    pub recall: f64,
}

/// The curve over all scores, from the highest to the lowest. Empty where nothing was given or nothing is labelled.
pub fn curve(matched: &Matched) -> Vec<Point> {
    let mut right: Vec<f64> = matched.gold.iter().flatten().copied().collect();
    let mut wrong = matched.wrong.clone();
    right.sort_by(|a, b| b.total_cmp(a));
    wrong.sort_by(|a, b| b.total_cmp(a));
    let mut scores: Vec<f64> = right.iter().chain(&wrong).copied().collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    scores.dedup();
    let taken = |sorted: &[f64], least: f64| sorted.partition_point(|s| *s >= least);
    let all = matched.gold.len();
    let point = |score: f64| {
        let (found, wrong) = (taken(&right, score), taken(&wrong, score));
        Some(Point { score, precision: share(found, found + wrong)?, recall: share(found, all)? })
    };
    scores.into_iter().filter_map(point).collect()
}

/// The best precision at `recall` or more; 0 where the curve never comes there.
pub fn precision_at(curve: &[Point], recall: f64) -> f64 {
    curve.iter().filter(|p| p.recall >= recall).map(|p| p.precision).fold(0.0, f64::max)
}

/// The area under the curve, precision taken as the best at that recall or more; recall that is never reached adds
/// nothing.
pub fn area(curve: &[Point]) -> f64 {
    let mut best: f64 = 0.0;
    let mut sum = 0.0;
    for (i, point) in curve.iter().enumerate().rev() {
        best = best.max(point.precision);
        let before = i.checked_sub(1).and_then(|j| curve.get(j)).map_or(0.0, |p| p.recall);
        sum += (point.recall - before) * best;
    }
    sum
}

/// Whether `span` is one of the labelled passages.
pub fn is_labelled(ruler: &Ruler, gold: &[Gold], span: Span) -> bool {
    gold.iter().flatten().any(|place| ruler.overlap(*place, span) >= ENOUGH)
}

/// Bins of equal width that scores are sorted into for their reliability.
pub const BINS: usize = 10;

/// What was given with scores of one bin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// How many passages.
    pub count: usize,
    /// Their mean score.
    pub score: f64,
    /// The share of them that is right.
    pub right: f64,
}

/// Scores beside what came of them: for each of [`BINS`] bins of equal width that is not empty, from low to high. Scores
/// outside 0 to 1 count in the first or last.
pub fn reliability(judged: &[(f64, bool)]) -> Vec<Bin> {
    let of = |score: f64| ((score * BINS as f64).max(0.0) as usize).min(BINS - 1);
    let bin = |number: usize| {
        let own: Vec<&(f64, bool)> = judged.iter().filter(|(score, _)| of(*score) == number).collect();
        let right = share(own.iter().filter(|(_, right)| *right).count(), own.len())?;
        Some(Bin { count: own.len(), score: mean(own.iter().map(|(score, _)| *score)), right })
    };
    (0..BINS).filter_map(bin).collect()
}

/// The expected calibration error: how far scores are from the share that is right, over all bins by their counts. 0 of
/// nothing.
pub fn calibration_error(bins: &[Bin]) -> f64 {
    let all: usize = bins.iter().map(|b| b.count).sum();
    bins.iter().filter_map(|b| Some(share(b.count, all)? * (b.score - b.right).abs())).sum()
}

/// Mean; 0 of nothing.
pub fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, n) = values.into_iter().fold((0.0, 0_usize), |(sum, n), v| (sum + v, n + 1));
    if n == 0 { 0.0 } else { sum / n as f64 }
}
