//! Counting over documents, and the report that is written.

use super::labels::Contract;
use super::metrics::{
    BINS, Bin, Counts, Matched, Point, area, calibration_error, curve, mean, precision_at, reliability, share,
};
use crate::tasks::{Evidence, Pack};
use crate::text::DocText;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a report says about how it counts.
pub const CONVENTION: &str = "A given passage is right where it overlaps a labelled one by a Jaccard index of 0.5 or more over the characters \
     that are not white space; where the words of a labelled passage stand in several places, each counts. Precision: \
     labelled passages found, against given passages that are none. Curve: interpolated precision; recall that is \
     never reached adds no area. A document that failed counts as nothing given.";
/// The fields that a person looks for first in an agreement.
const ESSENTIALS: [&str; 4] = ["Parties", "Effective Date", "Expiration Date", "Governing Law"];
/// Most points of a curve in a report.
const POINTS: usize = 200;

/// A document that gave no result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its identifier in the data.
    pub document: String,
    /// What was said.
    pub reason: String,
}

/// A value that is not the one people noted, for whoever wants to know why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrongValue {
    /// The document's identifier in the data.
    pub document: String,
    /// The field.
    pub field: String,
    /// What people noted.
    pub noted: String,
    /// What was given, in words; empty where nothing was.
    pub given: Vec<String>,
}

/// Counts while documents are measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Documents that gave a result.
    pub documents: usize,
    /// Those that did not.
    pub failures: Vec<Failure>,
    /// Labelled passages whose words do not stand in the text that was read.
    pub unaligned: usize,
    /// What extracted.
    pub model: String,
    /// Its digest.
    pub model_digest: String,
    fields: Vec<FieldTally>,
    quotes: usize,
    verified: usize,
    seconds: Vec<f64>,
    /// For each document whether every essential that could be compared is right; nothing where none could.
    essentials: Vec<Option<bool>>,
    judged: Vec<(f64, bool)>,
    wrong_values: Vec<WrongValue>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct FieldTally {
    name: String,
    operating: Matched,
    ranked: Matched,
    /// Documents without the category, and those of them for which nothing was given.
    absent: (usize, usize),
    /// Documents with it, those of them for which something was given, and for which something right was.
    present: (usize, usize, usize),
    /// Values that could be compared with the noted one, and those that are it.
    answers: (usize, usize),
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(pack: &Pack) -> Self {
        let fields = pack.fields.iter().map(|f| FieldTally { name: f.name.clone(), ..FieldTally::default() });
        Self { fields: fields.collect(), ..Self::default() }
    }

    /// Notes how long a document took.
    pub(super) fn time(&mut self, took: Duration) {
        self.seconds.push(took.as_secs_f64());
    }

    /// Notes which quotes stand in the document.
    pub(super) fn quotes(&mut self, given: &[&Evidence], text: &DocText) {
        self.quotes += given.len();
        self.verified += given.iter().filter(|e| text.slice(e.span) == Some(e.quote.as_str())).count();
    }

    /// The next document's answers follow.
    pub(super) fn begin_document(&mut self) {
        self.essentials.push(None);
    }

    /// Notes whether a field's value is the one people noted; nothing where the two cannot be compared.
    pub(super) fn answer(&mut self, field: usize, right: Option<bool>) {
        let (Some(tally), Some(right)) = (self.fields.get_mut(field), right) else { return };
        tally.answers.0 += 1;
        tally.answers.1 += usize::from(right);
        if let Some(all) = self.essentials.last_mut().filter(|_| ESSENTIALS.contains(&tally.name.as_str())) {
            *all = Some(all.unwrap_or(true) && right);
        }
    }

    /// Notes a value that is not the one people noted.
    pub(super) fn wrong_value(&mut self, wrong: WrongValue) {
        self.wrong_values.push(wrong);
    }

    /// Notes how sure a result was of what it gave, where it said so, and whether that is right.
    pub(super) fn judge(&mut self, confidence: Option<f64>, right: bool) {
        self.judged.extend(confidence.map(|confidence| (confidence, right)));
    }

    /// Counts one field of one document: what the result gave, and the ranked candidates for the curve.
    pub(super) fn add(&mut self, field: usize, operating: &Matched, ranked: &Matched) {
        let Some(tally) = self.fields.get_mut(field) else { return };
        tally.operating.add(operating);
        tally.ranked.add(ranked);
        let counts = operating.counts();
        let anything = counts.found + counts.wrong > 0;
        if operating.gold.is_empty() {
            tally.absent.0 += 1;
            tally.absent.1 += usize::from(!anything);
        } else {
            tally.present.0 += 1;
            tally.present.1 += usize::from(anything);
            tally.present.2 += usize::from(counts.found > 0);
        }
    }

    /// Counts a document that failed: everything labelled in it is missed.
    pub(super) fn fail(&mut self, pack: &Pack, contract: &Contract, failure: Failure) {
        for (i, field) in pack.fields.iter().enumerate() {
            let labelled = contract.labels.get(&field.name).map_or(0, |l| l.spans.len());
            if labelled > 0 {
                let missed = Matched { gold: vec![None; labelled], wrong: Vec::new() };
                self.add(i, &missed, &missed);
            }
        }
        self.failures.push(failure);
    }

    /// The report of what was counted.
    pub fn report(&self, about: About) -> Report {
        let categories: Vec<Category> = self.fields.iter().map(FieldTally::category).collect();
        let (mut operating, mut ranked) = (Matched::default(), Matched::default());
        for field in &self.fields {
            operating.add(&field.operating);
            ranked.add(&field.ranked);
        }
        let points = curve(&ranked);
        let sum = |of: fn(&FieldTally) -> usize| self.fields.iter().map(of).sum::<usize>();
        let rate = |part: usize, whole: usize| share(part, whole).unwrap_or(1.0);
        let (absent, present) = (sum(|f| f.absent.0), sum(|f| f.present.0));
        let labelled = || categories.iter().filter(|c| c.labelled > 0);
        let mut seconds = self.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        Report {
            about,
            model: self.model.clone(),
            model_digest: self.model_digest.clone(),
            convention: CONVENTION.to_owned(),
            documents: self.documents,
            failures: self.failures.clone(),
            labelled: operating.gold.len(),
            unaligned: self.unaligned,
            micro: Scores::of(operating.counts()),
            macro_f1: mean(labelled().map(|c| c.scores.f1)),
            area: area(&points),
            macro_area: mean(labelled().map(|c| c.area)),
            precision_at_80_recall: precision_at(&points, 0.8),
            most_recall: points.last().map_or(0.0, |p| p.recall),
            absent_said_absent: rate(sum(|f| f.absent.1), absent),
            present_given: rate(sum(|f| f.present.1), present),
            present_right: rate(sum(|f| f.present.2), present),
            essentials_right: {
                let compared = || self.essentials.iter().flatten();
                share(compared().filter(|right| **right).count(), compared().count())
            },
            answers_right: share(sum(|f| f.answers.1), sum(|f| f.answers.0)),
            wrong_values: self.wrong_values.clone(),
            calibration: Calibration::of(&self.judged),
            quotes: self.quotes,
            quotes_verified: rate(self.verified, self.quotes),
            seconds_mean: mean(seconds.iter().copied()),
            seconds_median: seconds.get(seconds.len() / 2).copied().unwrap_or_default(),
            seconds_most: seconds.last().copied().unwrap_or_default(),
            categories,
            curve: thinned(points),
        }
    }
}

impl FieldTally {
    fn category(&self) -> Category {
        let points = curve(&self.ranked);
        Category {
            name: self.name.clone(),
            labelled: self.operating.gold.len(),
            present: self.present.0,
            scores: Scores::of(self.operating.counts()),
            area: area(&points),
            precision_at_80_recall: precision_at(&points, 0.8),
            absent_said_absent: share(self.absent.1, self.absent.0),
            present_given: share(self.present.1, self.present.0),
            answers: self.answers.0,
            answers_right: share(self.answers.1, self.answers.0),
        }
    }
}

/// At most [`POINTS`] of a curve, evenly taken, the last one kept.
fn thinned(points: Vec<Point>) -> Vec<Point> {
    let step = points.len().div_ceil(POINTS).max(1);
    let last = points.len().saturating_sub(1);
    points.into_iter().enumerate().filter(|(i, _)| i % step == 0 || *i == last).map(|(_, p)| p).collect()
}

/// What was measured, with what, when and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Version of Lectern.
    pub lectern: String,
    /// The labelled data: `cuad`, `minutes`, `summary`.
    pub data: String,
    /// `both`, `model` or `rules`.
    pub method: String,
    /// `text` or `pdf`.
    pub from: String,
    /// Day, `YYYY-MM-DD`.
    pub date: String,
    /// Processor, threads, system.
    pub machine: String,
}

/// Precision, recall and F1 with their counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The counts.
    #[serde(flatten)]
    pub counts: Counts,
    /// Precision.
    pub precision: f64,
    /// Recall.
    pub recall: f64,
    /// F1.
    pub f1: f64,
}

impl Scores {
    fn of(counts: Counts) -> Self {
        Self { counts, precision: counts.precision(), recall: counts.recall(), f1: counts.f1() }
    }
}

/// One category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Category {
    /// Its name.
    pub name: String,
    /// Labelled passages.
    pub labelled: usize,
    /// Documents that have it.
    pub present: usize,
    /// At the operating point: what the product showed.
    #[serde(flatten)]
    pub scores: Scores,
    /// Area under the precision-recall curve.
    pub area: f64,
    /// Precision at 80 % recall.
    pub precision_at_80_recall: f64,
    /// Of documents without it, for how many nothing was given.
    pub absent_said_absent: Option<f64>,
    /// Of documents with it, for how many something was given.
    pub present_given: Option<f64>,
    /// Documents whose noted value could be compared.
    pub answers: usize,
    /// Share of those in which the value given is the noted one.
    pub answers_right: Option<f64>,
}

/// How far the confidence of claims can be taken as the probability of being right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Claims with a confidence.
    pub given: usize,
    /// How they are sorted into bins.
    pub bins: String,
    /// The expected calibration error.
    pub error: f64,
    /// Mean score and share right of each bin that is not empty.
    pub points: Vec<Bin>,
}

impl Calibration {
    /// `None` where nothing has a score.
    fn of(judged: &[(f64, bool)]) -> Option<Self> {
        let points = reliability(judged);
        (!judged.is_empty()).then(|| Self {
            given: judged.len(),
            bins: format!("{BINS} of equal width"),
            error: calibration_error(&points),
            points,
        })
    }
}

/// The result of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was measured.
    #[serde(flatten)]
    pub about: About,
    /// Name of the model, or of the rules.
    pub model: String,
    /// Its digest.
    pub model_digest: String,
    /// How it is counted.
    pub convention: String,
    /// Documents that gave a result.
    pub documents: usize,
    /// Those that did not.
    pub failures: Vec<Failure>,
    /// Labelled passages.
    pub labelled: usize,
    /// Labelled passages whose words do not stand in the text that was read; they count as missed.
    pub unaligned: usize,
    /// Over all passages.
    pub micro: Scores,
    /// Mean F1 of the categories that are labelled anywhere.
    pub macro_f1: f64,
    /// Area under the precision-recall curve over all passages.
    pub area: f64,
    /// Mean area of the categories that are labelled anywhere.
    pub macro_area: f64,
    /// Precision at 80 % recall over all passages; 0 where that recall is never reached.
    pub precision_at_80_recall: f64,
    /// The recall that all candidates together reach.
    pub most_recall: f64,
    /// Of all absent categories of all documents, for how many nothing was given.
    pub absent_said_absent: f64,
    /// Of all present ones, for how many something was given.
    pub present_given: f64,
    /// Of all present ones, for how many a labelled passage was given.
    pub present_right: f64,
    /// Share of documents in which the parties, the effective and the expiration date and the governing law are those
    /// that people noted, as far as they noted any.
    pub essentials_right: Option<f64>,
    /// Share of all values that could be compared which are the noted ones.
    pub answers_right: Option<f64>,
    /// The other values, in the order of documents and fields.
    #[serde(default)]
    pub wrong_values: Vec<WrongValue>,
    /// How well confidence says what is right, over all claims that have one; right is a claim with a labelled passage.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// Quotes given.
    pub quotes: usize,
    /// Share of them that stand in the document, character for character.
    pub quotes_verified: f64,
    /// Seconds from file to result, mean.
    pub seconds_mean: f64,
    /// The same, median.
    pub seconds_median: f64,
    /// The same, longest.
    pub seconds_most: f64,
    /// Per category, in the pack's order.
    pub categories: Vec<Category>,
    /// The curve over all passages.
    pub curve: Vec<Point>,
}
