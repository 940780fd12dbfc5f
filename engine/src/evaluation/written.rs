//! What is written, by a model or by rules, beside what people wrote: minutes against a note taker's decisions and actions,
//! summaries against the author's own abstract. Lines are measured as a person gets them, after grounding.

use super::labels::{self, DataError};
use super::meetings;
use super::metrics::{mean, share};
use super::report::{About, Failure};
use super::rouge::{rouge, words};
use super::{Choice, EvaluationError, analysed};
use crate::progress::{Event, Sink};
use crate::tasks::{Claim, ClaimKind, Method, Status, TaskSpec};
use crate::text::DocText;
use crate::workspace::{StoredRun, Workspace};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// From this share of common words on (F1, words that carry meaning) a line says what a labelled line says.
const SAME_LINE: f64 = 0.4;
/// Share of the abstracts that training holds out, and how a document is drawn: as `training/data.py` does.
const HELD_OUT: f64 = 0.04;
/// Words that carry no meaning of their own.
const SMALL_WORDS: [&str; 34] = [
    "a", "an", "and", "are", "as", "at", "be", "been", "by", "for", "from", "has", "have", "in", "is", "it", "its",
    "of", "on", "or", "should", "shall", "that", "the", "this", "to", "was", "we", "were", "which", "will", "with",
    "would", "not",
];

/// What is written and measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// Minutes of meetings: `ethereum-decisions.jsonl.xz`.
    Minutes,
    /// Summaries: of the held-out reports of `pep-rfc-abstracts.jsonl.xz`, or of the meetings of `qmsum-val.jsonl.xz`.
    Summary,
}

/// The result of measuring what a model writes or answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// What was measured.
    #[serde(flatten)]
    pub about: About,
    /// Name of the model.
    pub model: String,
    /// Its digest.
    pub model_digest: String,
    /// How it is counted.
    pub convention: String,
    /// Documents that gave a result.
    pub documents: usize,
    /// Those that did not.
    pub failures: Vec<Failure>,
    /// Means over documents, or over questions, by name.
    pub measures: BTreeMap<String, f64>,
    /// The measures of each document, or of each question.
    pub each: Vec<Measured>,
}

/// The measures of one document, or of one question to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Its identifier in the data, with the question where one is asked.
    pub document: String,
    /// By name; what does not apply is left out, and of the mean too.
    pub measures: BTreeMap<String, f64>,
    /// What was written, for whoever wants to know why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<String>,
}

impl Measured {
    /// Nothing measured of `document` yet.
    pub(super) fn new(document: String) -> Self {
        Self { document, measures: BTreeMap::new(), said: Vec::new() }
    }

    /// Sets a measure, where it applies.
    pub(super) fn put(&mut self, name: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.measures.insert(name.to_owned(), value);
        }
    }
}

impl Written {
    /// A report of nothing yet.
    pub(super) fn new(about: About, convention: &str) -> Self {
        Self {
            about,
            model: String::new(),
            model_digest: String::new(),
            convention: convention.to_owned(),
            documents: 0,
            failures: Vec::new(),
            measures: BTreeMap::new(),
            each: Vec::new(),
        }
    }

    /// The report with its means; an error where none of the `total` documents gave a result.
    pub(super) fn finish(mut self, total: usize) -> Result<Self, EvaluationError> {
        if let (0, Some(first)) = (self.documents, self.failures.first()) {
            return Err(EvaluationError::Nothing { documents: total, reason: first.reason.clone() });
        }
        self.measures = means(&self.each);
        Ok(self)
    }
}

/// A text with what people wrote about it.
struct Labelled {
    id: String,
    text: String,
    ending: &'static str,
    gold: Gold,
}

enum Gold {
    Meeting { decisions: Vec<String>, actions: Vec<String> },
    Abstract(String),
}

#[derive(Deserialize)]
struct Call {
    id: String,
    discussion: String,
    decisions: Vec<String>,
    actions: Vec<String>,
    caution: Vec<String>,
}

/// A report with its author's abstract, which is cut out of the text.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Report {
    /// A stable identifier: `pep-...` or `rfc-...`.
    pub id: String,
    /// The text.
    pub text: String,
    /// The abstract.
    pub summary: String,
}

impl Report {
    /// Whether it is written in Markdown: Rust's proposals are, Python's are not.
    pub fn is_markdown(&self) -> bool {
        self.id.starts_with("rfc")
    }
}

/// Whether training leaves `report` out.
pub fn held_out(report: &Report) -> bool {
    drawn(&format!("pep-rfc {}", report.id)) < HELD_OUT
}

/// Imports the labelled documents of `data` into `workspace`, which must be empty, lets the model, the rules or both write,
/// and compares. `folder` takes the files that are imported; `about` goes into the report as it is.
pub async fn written(
    workspace: &Workspace,
    folder: &Path,
    (what, method): (Writing, Method),
    data: &Path,
    choice: Choice,
    about: About,
    sink: &mut dyn Sink,
) -> Result<Written, EvaluationError> {
    let documents = choice.of(labelled(what, data)?, |d| &d.text);
    let total = documents.len();
    let mut report = Written::new(about, convention(what));
    for (i, document) in documents.iter().enumerate() {
        let message = format!("{} of {total}: {}", i + 1, document.id);
        if sink.event(Event::Stage { stage: "eval".to_owned(), message }).is_break() {
            return Err(EvaluationError::Cancelled);
        }
        let begun = Instant::now();
        match run(workspace, folder, i, (what, method), document).await? {
            Ok((text, run)) => {
                report.model.clone_from(&run.result.provenance.model);
                report.model_digest.clone_from(&run.result.provenance.model_digest);
                let mut measured = Measured::new(document.id.clone());
                measured.measures = measures(&document.gold, &text, &run);
                measured.put("seconds", Some(begun.elapsed().as_secs_f64()));
                measured.said = run.result.claims.iter().map(|c| c.text.clone()).collect();
                report.each.push(measured);
            }
            Err(reason) => report.failures.push(Failure { document: document.id.clone(), reason }),
        }
    }
    report.documents = report.each.len();
    report.finish(total)
}

fn labelled(what: Writing, data: &Path) -> Result<Vec<Labelled>, DataError> {
    match what {
        Writing::Minutes => calls(data),
        Writing::Summary => match reports(data) {
            Err(DataError::Missing { .. }) => meetings(data),
            found => found,
        },
    }
}

/// Calls with the decisions and actions that a note taker wrote down.
fn calls(data: &Path) -> Result<Vec<Labelled>, DataError> {
    let calls: Vec<Call> = labels::records(data, &["ethereum-decisions.jsonl.xz", "ethereum-decisions.jsonl"])?;
    // The source marks rows whose labels it doubts.
    let sure = calls.into_iter().filter(|m| m.caution.is_empty());
    let labelled = sure.map(|m| Labelled {
        id: m.id,
        text: m.discussion,
        ending: "md",
        gold: Gold::Meeting { decisions: lines(m.decisions), actions: lines(m.actions) },
    });
    let said = |l: &Labelled| !matches!(&l.gold, Gold::Meeting { decisions, actions } if decisions.is_empty() && actions.is_empty());
    Ok(labelled.filter(said).collect())
}

/// Reports with their authors' abstracts.
fn reports(data: &Path) -> Result<Vec<Labelled>, DataError> {
    let reports: Vec<Report> = labels::records(data, &["pep-rfc-abstracts.jsonl.xz", "pep-rfc-abstracts.jsonl"])?;
    let labelled = |r: Report| {
        let ending = if r.is_markdown() { "md" } else { "txt" };
        Labelled { id: r.id, text: r.text, ending, gold: Gold::Abstract(r.summary) }
    };
    Ok(reports.into_iter().filter(held_out).map(labelled).collect())
}

/// Meetings with what a person said who was asked to sum them up.
fn meetings(data: &Path) -> Result<Vec<Labelled>, DataError> {
    let meetings: Vec<meetings::Meeting> = labels::records(data, &["qmsum-val.jsonl.xz", "qmsum-val.jsonl"])?;
    let labelled = |m: &meetings::Meeting| {
        let gold = Gold::Abstract(m.summary()?.to_owned());
        Some(Labelled { id: m.id.clone(), text: m.lines().join("\n"), ending: "txt", gold })
    };
    Ok(meetings.iter().filter_map(labelled).collect())
}

/// Labelled lines that say something: a bare reference to another call does not.
fn lines(given: Vec<String>) -> Vec<String> {
    given.into_iter().filter(|l| !l.trim_start().starts_with("[Call ") && meaning(l).len() > 1).collect()
}

/// A number in [0, 1) that depends on `key` alone: the draw of `training/data.py`.
pub(super) fn drawn(key: &str) -> f64 {
    let digest = Sha256::digest(key.as_bytes());
    let number = digest.iter().take(7).fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
    number as f64 / (1_u64 << 56) as f64
}

async fn run(
    workspace: &Workspace,
    folder: &Path,
    index: usize,
    (what, method): (Writing, Method),
    document: &Labelled,
) -> Result<Result<(std::sync::Arc<DocText>, StoredRun), String>, EvaluationError> {
    let path: PathBuf = folder.join(format!("{index:04}.{}", document.ending));
    std::fs::write(&path, &document.text).map_err(|source| EvaluationError::Io { path: path.clone(), source })?;
    let spec = match what {
        Writing::Minutes => TaskSpec::Minutes { method },
        Writing::Summary => TaskSpec::Summary { method },
    };
    analysed(workspace, &path, spec).await
}

/// Everything measured of one document.
fn measures(gold: &Gold, text: &DocText, run: &StoredRun) -> BTreeMap<String, f64> {
    let claims = &run.result.claims;
    let mut found = BTreeMap::new();
    let mut put = |name: &str, value: Option<f64>| {
        if let Some(value) = value {
            found.insert(name.to_owned(), value);
        }
    };
    let supported = |c: &&Claim| matches!(c.status, Status::Verified | Status::Fuzzy);
    put("lines", Some(claims.len() as f64));
    put("lines with a located passage", share(claims.iter().filter(supported).count(), claims.len()));
    put("answers cut short or failed", Some(run.result.provenance.cut_short.len() as f64));
    let said = |kinds: &[ClaimKind]| -> Vec<&str> {
        // What no passage stands for is marked as such and left out of exports: it is not measured as said.
        claims.iter().filter(|c| kinds.contains(&c.kind)).filter(supported).map(|c| c.text.as_str()).collect()
    };
    match gold {
        Gold::Meeting { decisions, actions } => {
            let all = |name: &str, given: &[&str], gold: &[String], put: &mut dyn FnMut(&str, Option<f64>)| {
                let hits = matching(given, gold);
                put(&format!("{name} precision"), share(hits, given.len()).or((!gold.is_empty()).then_some(0.0)));
                put(&format!("{name} recall"), share(hits, gold.len()));
            };
            all("decision", &said(&[ClaimKind::Decision]), decisions, &mut put);
            all("action", &said(&[ClaimKind::Action]), actions, &mut put);
            let (own, reference) = (
                said(&[ClaimKind::Decision, ClaimKind::Action]).join("\n"),
                decisions.iter().chain(actions).map(String::as_str).collect::<Vec<_>>().join("\n"),
            );
            put("ROUGE-L", Some(rouge(&own, &reference).longest));
        }
        Gold::Abstract(reference) => {
            let own = said(&[ClaimKind::Headline, ClaimKind::KeyPoint]).join("\n");
            let scores = rouge(&own, reference);
            put("ROUGE-1", Some(scores.one));
            put("ROUGE-2", Some(scores.two));
            put("ROUGE-L", Some(scores.longest));
            put("sections covered", sections_covered(text, claims));
        }
    }
    found
}

/// Share of the sections, of any level, in which a passage of a line stands; nothing where there are none.
fn sections_covered(text: &DocText, claims: &[Claim]) -> Option<f64> {
    let passages = || claims.iter().flat_map(|c| &c.evidence);
    let holds = |s: &&crate::text::Section| passages().any(|e| s.span.covers(e.span));
    share(text.sections.iter().filter(holds).count(), text.sections.len())
}

/// How many of `gold` are said by one of `given`; each of either counts once, the best pairs first.
pub(super) fn matching(given: &[&str], gold: &[String]) -> usize {
    let (own, wanted): (Vec<_>, Vec<_>) =
        (given.iter().map(|l| meaning(l)).collect(), gold.iter().map(|l| meaning(l)).collect());
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (i, a) in own.iter().enumerate() {
        for (j, b) in wanted.iter().enumerate() {
            let both = a.intersection(b).count();
            let alike = share(2 * both, a.len() + b.len()).unwrap_or(0.0);
            if alike >= SAME_LINE {
                pairs.push((alike, i, j));
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut used, mut said) = (HashSet::new(), HashSet::new());
    for (_, i, j) in pairs {
        if !used.contains(&i) && !said.contains(&j) {
            used.insert(i);
            said.insert(j);
        }
    }
    said.len()
}

/// The words of a line that carry meaning.
fn meaning(line: &str) -> HashSet<String> {
    words(line).into_iter().filter(|w| !SMALL_WORDS.contains(&w.as_str())).collect()
}

fn means(each: &[Measured]) -> BTreeMap<String, f64> {
    let names: HashSet<&String> = each.iter().flat_map(|m| m.measures.keys()).collect();
    let of = |name: &String| mean(each.iter().filter_map(|m| m.measures.get(name).copied()));
    names.into_iter().map(|name| (name.clone(), of(name))).collect()
}

fn convention(what: Writing) -> &'static str {
    match what {
        Writing::Minutes => {
            "A line says what a labelled line says where the words that carry meaning have an F1 of 0.4 or more; each line \
             counts once. Lines without a located passage are not counted as said. Means over meetings; a measure that \
             does not apply to a meeting is left out of its mean."
        }
        Writing::Summary => {
            "The one-line statement and the key points, those with a located passage, against the author's abstract, which \
             is cut out of the text, or a person's summary of the meeting. ROUGE is F1 over words in lower case. Only \
             documents that training holds out. Means over documents."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_matched_one_to_one_by_the_words_that_carry_meaning() {
        let gold = vec!["Take July off for Berlin.".to_owned(), "EIP-2565 is moved to accepted".to_owned()];
        assert_eq!(
            matching(&["We take July off for Berlin", "Berlin takes July off"], &gold),
            1,
            "a label counts once"
        );
        assert_eq!(matching(&["EIP 2565 moved to accepted", "take July off, Berlin"], &gold), 2);
        assert_eq!(matching(&["the to of and is it"], &gold), 0);
        assert_eq!(matching(&[], &gold), 0);
    }

    #[test]
    fn the_draw_is_that_of_the_training_code() {
        // python: data.draw("pep-rfc pep-0215"), data.draw("")
        assert!((drawn("pep-rfc pep-0215") - 0.765_883_009_005_291).abs() < 1e-12);
        assert!((drawn("") - 0.889_415_994_891_337_4).abs() < 1e-12);
    }

    #[test]
    fn means_leave_out_what_does_not_apply() {
        let of = |value: Option<f64>| Measured {
            document: "d".to_owned(),
            measures: value.map(|v| ("recall".to_owned(), v)).into_iter().collect(),
            said: Vec::new(),
        };
        assert_eq!(means(&[of(Some(1.0)), of(None), of(Some(0.0))])["recall"], 0.5);
    }
}
