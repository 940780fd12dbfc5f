//! Questions as `lectern ask` answers them: whether a passage that people labelled is given where there is one, and
//! whether "not in the document" is said where there is none.

use super::align::Bare;
use super::labels::{self, Contract, DataError};
use super::meetings::{Meeting, Query};
use super::metrics::{Ruler, share};
use super::report::{About, Failure};
use super::rouge::rouge;
use super::written::{Measured, Written, drawn};
use super::{Choice, EvaluationError, imported, passages};
use crate::progress::{Event, Silent, Sink};
use crate::tasks::{Claim, Method, ModelDecision, Status, TaskSpec, TooLong};
use crate::text::{DocText, Span};
use crate::workspace::Workspace;
use std::path::Path;
use std::time::Instant;

/// A question with what people say to it.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    question: String,
    /// The passages that answer it, in their own words; none where the document does not.
    labels: Vec<String>,
    /// The answer as a person wrote it.
    answer: Option<String>,
}

struct Document {
    id: String,
    text: String,
    questions: Vec<Asked>,
}

/// Imports the labelled documents of `data` (contracts with `categories.csv`, or QMSum's meetings) into `workspace`,
/// which must be empty, asks, and compares: at most `each` questions to a document that it answers, and as many that it
/// does not. `folder` takes the files that are imported.
pub async fn questions(
    workspace: &Workspace,
    folder: &Path,
    data: &Path,
    choice: Choice,
    (each, method): (usize, Method),
    about: About,
    sink: &mut dyn Sink,
) -> Result<Written, EvaluationError> {
    let documents = choice.of(documents(data, each)?, |d| &d.text);
    let total = documents.len();
    let mut report = Written::new(about, CONVENTION);
    for (i, document) in documents.iter().enumerate() {
        let message = format!("{} of {total}: {}", i + 1, document.id);
        if sink.event(Event::Stage { stage: "eval".to_owned(), message }).is_break() {
            return Err(EvaluationError::Cancelled);
        }
        let path = folder.join(format!("{i:04}.txt"));
        std::fs::write(&path, &document.text).map_err(|source| EvaluationError::Io { path: path.clone(), source })?;
        match put(workspace, &path, document, method, &mut report).await? {
            Ok(()) => report.documents += 1,
            Err(reason) => report.failures.push(Failure { document: document.id.clone(), reason }),
        }
    }
    report.finish(total)
}

/// Asks one document everything. The inner error is this document's own.
async fn put(
    workspace: &Workspace,
    path: &Path,
    document: &Document,
    method: Method,
    report: &mut Written,
) -> Result<Result<(), String>, EvaluationError> {
    let id = match imported(workspace, path).await? {
        Ok(id) => id,
        Err(reason) => return Ok(Err(reason)),
    };
    let text = workspace.text(id).await?;
    for asked in &document.questions {
        let begun = Instant::now();
        let spec = TaskSpec::Question { question: asked.question.clone(), method };
        let run = match workspace.analyze(id, spec, TooLong::ReadInParts, 0, Box::new(Silent)).await {
            Ok(run) => run,
            Err(error) => return Ok(Err(error.to_string())),
        };
        report.model.clone_from(&run.result.provenance.model);
        report.model_digest.clone_from(&run.result.provenance.model_digest);
        if let Some(mut measured) = measured(document, asked, &text, &run.result.claims) {
            put_decision(&mut measured, asked.labels.is_empty(), &run.result.provenance.decisions);
            let cut_short = run.result.provenance.cut_short.len();
            measured.put("answers cut short or failed", Some(cut_short as f64));
            measured.put("seconds", Some(begun.elapsed().as_secs_f64()));
            report.each.push(measured);
        }
    }
    Ok(Ok(()))
}

/// The measures of one answer; nothing where the labelled passages do not stand in the text that was read.
fn measured(document: &Document, asked: &Asked, text: &DocText, claims: &[Claim]) -> Option<Measured> {
    let (ruler, bare) = (Ruler::new(&text.text), Bare::new(&text.text));
    let gold: Vec<Span> = asked.labels.iter().flat_map(|label| bare.places(label)).collect();
    if gold.is_empty() != asked.labels.is_empty() {
        return None;
    }
    let given: Vec<&Claim> = claims.iter().filter(|c| c.status != Status::NotFound && !c.evidence.is_empty()).collect();
    let evidence = || given.iter().flat_map(|c| &c.evidence);
    let mut made = Measured::new(format!("{}: {}", document.id, asked.question));
    made.said = given.iter().map(|c| c.text.clone()).chain(evidence().map(|e| format!("“{}”", e.quote))).collect();
    made.put(
        "quotes verified",
        share(evidence().filter(|e| text.text.get(e.span.range()) == Some(&*e.quote)).count(), evidence().count()),
    );
    if gold.is_empty() {
        let held_back = claims.iter().all(|c| c.status == Status::NotFound);
        made.put("absent: said not in the document", Some(f64::from(u8::from(held_back))));
        return Some(made);
    }
    let right = evidence().filter(|e| gold.iter().any(|g| touches(&ruler, *g, e.span))).count();
    made.put("present: answered with a passage", Some(f64::from(u8::from(!given.is_empty()))));
    made.put("present: a labelled passage given", Some(f64::from(u8::from(right > 0))));
    made.put("present: passages given that are labelled", share(right, evidence().count()));
    made.put(
        "present: share of the text that is labelled",
        share(covered(&ruler, gold), ruler.length(Span::new(0, text.text.len()))),
    );
    if let (Some(reference), false) = (&asked.answer, given.is_empty()) {
        let own: Vec<&str> = given.iter().map(|c| c.text.as_str()).collect();
        made.put("present: ROUGE-L of the answer", Some(rouge(&own.join(" "), reference).longest));
    }
    Some(made)
}

/// The log-odds of "none", the model's own and those of rules and search; of several parts those of the surest for an answer.
fn put_decision(measured: &mut Measured, absent: bool, decisions: &[ModelDecision]) {
    let side = if absent { "absent" } else { "present" };
    let surest = decisions.iter().min_by(|a, b| a.log_odds.total_cmp(&b.log_odds));
    measured.put(&format!("{side}: the model's log-odds of none"), surest.map(|d| f64::from(d.lean)));
    measured
        .put(&format!("{side}: log-odds of none by rules and search"), surest.and_then(|d| d.evidence).map(f64::from));
}

/// Whether the two share half of the shorter one: a question is answered by a part of a long label as well.
fn touches(ruler: &Ruler, label: Span, given: Span) -> bool {
    let (start, end) = (label.start().max(given.start()), label.end().min(given.end()));
    let shorter = ruler.length(label).min(ruler.length(given));
    start < end && shorter > 0 && 2 * ruler.length(Span::new(start, end)) >= shorter
}

/// Characters that any of the spans covers.
fn covered(ruler: &Ruler, mut spans: Vec<Span>) -> usize {
    spans.sort_by_key(|s| s.start());
    let (mut sum, mut reached) = (0, 0);
    for span in spans {
        if span.end() > reached {
            sum += ruler.length(Span::new(span.start().max(reached), span.end()));
            reached = span.end();
        }
    }
    sum
}

fn documents(data: &Path, each: usize) -> Result<Vec<Document>, DataError> {
    match labels::contracts(data) {
        Ok(contracts) => {
            let questions = labels::category_questions(data)?;
            Ok(contracts.into_iter().map(|contract| of_contract(contract, &questions, each)).collect())
        }
        Err(DataError::Missing { .. }) => {
            let meetings: Vec<Meeting> = labels::records(data, &["qmsum-val.jsonl.xz", "qmsum-val.jsonl"])?;
            Ok((0..meetings.len()).filter_map(|i| of_meeting(&meetings, i, each)).collect())
        }
        Err(error) => Err(error),
    }
}

/// The data's own questions for the categories of a contract, by lot: some that are labelled, as many that are not.
fn of_contract(contract: Contract, questions: &[(String, String)], each: usize) -> Document {
    let mut asked: Vec<(f64, Asked)> = questions
        .iter()
        .map(|(category, question)| {
            let labels = passages(&contract, category).map(str::to_owned).collect();
            let lot = drawn(&format!("question {} {category}", contract.id));
            (lot, Asked { question: question.clone(), labels, answer: None })
        })
        .collect();
    asked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let of = |present: bool| asked.iter().filter(move |(_, a)| a.labels.is_empty() != present).take(each);
    let questions = of(true).chain(of(false)).map(|(_, a)| a.clone()).collect();
    Document { id: contract.id, text: contract.text, questions }
}

/// Questions about a meeting, and as many about meetings of another kind; meetings of one kind speak of the same things.
fn of_meeting(meetings: &[Meeting], index: usize, each: usize) -> Option<Document> {
    let meeting = meetings.get(index)?;
    let lines = meeting.lines();
    let known = meeting.specific_query_list.iter().filter_map(|query| {
        let labels: Vec<String> = query.relevant_text_span.iter().filter_map(|pair| turns(&lines, pair)).collect();
        let question = one_line(&query.query);
        (!labels.is_empty()).then(|| Asked { question, labels, answer: Some(one_line(&query.answer)) })
    });
    let mut questions: Vec<Asked> = known.take(each).collect();
    let foreign: Vec<&Query> = meetings
        .iter()
        .filter(|other| family(&other.id) != family(&meeting.id))
        .flat_map(|other| &other.specific_query_list)
        .collect();
    for n in 0..questions.len() {
        let lot = drawn(&format!("foreign {} {n}", meeting.id)) * foreign.len() as f64;
        questions.extend(foreign.get(lot as usize).map(|query| Asked {
            question: one_line(&query.query),
            labels: Vec::new(),
            answer: None,
        }));
    }
    Some(Document { id: meeting.id.clone(), text: lines.join("\n"), questions })
}

/// The lines from the first to the last turn that a pair names, both included.
fn turns(lines: &[String], pair: &[String]) -> Option<String> {
    let [first, last] = pair else { return None };
    let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    Some(lines.get(first..=last.min(lines.len().checked_sub(1)?))?.join("\n"))
}

/// Kinds of QMSum meetings, by their names: academic (B..), product (ES, IS, TS), committees (the rest).
fn family(id: &str) -> char {
    match id.chars().next() {
        Some('B') => 'a',
        Some('E' | 'I' | 'T') => 'p',
        _ => 'c',
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const CONVENTION: &str = "A given passage is a labelled one where they share half of the shorter, in characters that are not white space; of \
     meetings the turns that people marked for the question are labelled. Absent: contracts without a label of the \
     category asked for, and questions about a meeting of another kind. Means over questions; a measure that does not \
     apply to a question is left out of its mean.";

#[cfg(test)]
mod tests {
    use super::super::meetings::Turn;
    use super::*;

    #[test]
    fn half_of_the_shorter_is_enough_and_what_is_covered_counts_once() {
        let ruler = Ruler::new("aaaa bbbb cccc dddd");
        let (label, inside, beside) = (Span::new(0, 14), Span::new(5, 9), Span::new(12, 19));
        assert!(touches(&ruler, label, inside) && touches(&ruler, inside, label));
        assert!(!touches(&ruler, label, beside) && !touches(&ruler, label, Span::new(9, 9)));
        assert_eq!(covered(&ruler, vec![beside, inside, label]), 16);
        assert_eq!(covered(&ruler, Vec::new()), 0);
    }

    #[test]
    fn a_meeting_is_asked_its_own_questions_and_those_of_another_kind() {
        let meeting = |id: &str, query: &str| Meeting {
            id: id.to_owned(),
            general_query_list: Vec::new(),
            specific_query_list: vec![Query {
                query: format!("{query} ?"),
                answer: "Yes .".to_owned(),
                relevant_text_span: vec![vec!["1".to_owned(), "9".to_owned()], vec!["x".to_owned()]],
            }],
            meeting_transcripts: ["a", "b {um} .", "c"]
                .map(|content| Turn { speaker: "S".to_owned(), content: content.to_owned() })
                .into(),
        };
        let all = [meeting("Bro1", "Mel scale"), meeting("Bmr2", "Noise"), meeting("ES3", "Remote")];
        let made = of_meeting(&all, 0, 4).unwrap();
        assert_eq!(made.text, "S: a\nS: b.\nS: c");
        let [own, foreign] = made.questions.as_slice() else { panic!("{:?}", made.questions) };
        assert_eq!((own.labels.as_slice(), own.question.as_str()), (&["S: b.\nS: c".to_owned()][..], "Mel scale ?"));
        assert!(foreign.labels.is_empty() && foreign.question == "Remote ?");
    }

    #[test]
    fn a_contract_is_asked_as_much_of_what_it_has_as_of_what_it_has_not() {
        let label =
            |words: &str| labels::Label { spans: vec![labels::Passage { text: words.to_owned() }], answer: None };
        let contract = Contract {
            id: "c".to_owned(),
            text: "T".to_owned(),
            pdf: None,
            labels: [("Law".to_owned(), label("Danish law"))].into(),
        };
        let questions: Vec<(String, String)> =
            ["Law", "Cap", "Term"].map(|name| (name.to_owned(), format!("{name}?"))).into();
        let made = of_contract(contract, &questions, 1);
        assert_eq!(made.questions.len(), 2);
        assert!(made.questions[0].question == "Law?" && made.questions[0].labels == ["Danish law"]);
        assert!(made.questions[1].labels.is_empty());
    }
}
