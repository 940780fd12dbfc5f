//! Questions: what rules and search answer without a model, and what a model adds to that or is held against.

use lectern_engine::generate::scripted::Scripted;
use lectern_engine::generate::{
    Answer, Decided, GenerateError, Generator, ModelCard, ReadReport, Reading, Request, StopReason,
};
use lectern_engine::ground::PlainScan;
use lectern_engine::progress::{Silent, Sink};
use lectern_engine::tasks::{self, Claim, FoundBy, Method, RunOptions, RunResult, Status, TaskSpec, TooLong};
use lectern_engine::text::{DocText, Extractor};
use serde_json::json;

const LAW: &str = "This Agreement shall be governed by and construed in accordance with the laws of the State of New York, \
    without regard to its conflict of laws principles.";
const BOXES: &str = "The goods are packed in wooden boxes.";

fn document() -> DocText {
    let text = format!(
        "SUPPLY AGREEMENT\n\nThis Supply Agreement is entered into as of March 3, 2021 by and between Orion Metals, Inc., a \
         Delaware corporation (\"Supplier\"), and Baltic Works Ltd. (\"Buyer\").\n\nThe Buyer pays within thirty days of the \
         invoice.\n\nGoverning Law. {LAW}\n\n{BOXES}\n"
    );
    let extractor = Extractor { name: "test".into(), version: "0".into() };
    let (pages, sections, blocks, cues, notes) = (vec![], vec![], vec![], vec![], vec![]);
    DocText { text, pages, sections, blocks, cues, extractor, notes, title: None }
}

fn spec(question: &str, method: Method) -> TaskSpec {
    TaskSpec::Question { question: question.into(), method }
}

fn by_rules(question: &str) -> RunResult {
    let text = document();
    tasks::run_rules(&text, &spec(question, Method::Rules), &PlainScan::new(&text), &mut Silent).unwrap()
}

/// Asks a model that quotes `quotes` and answers in its own words; `interim`: one for trying the program.
fn ask(question: &str, quotes: &[&str], interim: bool) -> RunResult {
    let given = if quotes.is_empty() { json!("none") } else { json!(quotes) };
    let answer = json!({"quotes": given, "answer": if quotes.is_empty() { "" } else { "In its own words." }});
    let mut model = Scripted::new(Box::new(move |_, _| Ok(answer.to_string()))).with_interim(interim);
    let options = RunOptions { too_long: TooLong::Refuse, seed: 7, state_dir: None };
    let (text, spec) = (document(), spec(question, Method::Both));
    tasks::run(&mut model, &text, "test.txt", &spec, &options, &PlainScan::new(&text), &mut Silent).unwrap()
}

fn one(result: &RunResult) -> &Claim {
    assert_eq!(result.claims.len(), 1, "{:#?}", result.claims);
    &result.claims[0]
}

#[test]
fn a_question_for_a_learned_kind_of_clause_is_answered_without_a_model() {
    for question in ["Which law governs the contract?", "Whose law applies?", "What is the governing law?"] {
        let result = by_rules(question);
        let law = one(&result);
        assert_eq!(
            (law.status, law.found_by, law.evidence[0].quote.as_str()),
            (Status::Verified, Some(FoundBy::Rules), LAW)
        );
        assert!(law.confidence.is_some_and(|c| c > 0.5), "{law:?}");
    }
    let result = by_rules("Is the source code in escrow?");
    let escrow = one(&result);
    assert_eq!((escrow.status, escrow.found_by), (Status::NotFound, None));
    assert!(escrow.confidence.is_some_and(|c| c > 0.5), "{escrow:?}");
    assert_eq!(result.provenance.model, "rules and search");
}

#[test]
fn an_answer_has_the_values_that_the_field_has() {
    let result = by_rules("Who are the parties?");
    let parties = one(&result);
    for name in ["Orion Metals, Inc.", "Baltic Works Ltd."] {
        assert!(parties.text.contains(name) && parties.evidence.iter().any(|e| e.quote == name), "{parties:?}");
    }
    let result = by_rules("What is the effective date?");
    let effective = one(&result);
    assert_eq!(effective.value.as_ref().unwrap().to_string(), "2021-03-03");
    assert!(effective.checks.iter().any(|c| c.contains("Inferred")), "{effective:?}");
    assert!(effective.confidence.is_some_and(|c| c < 0.5));
}

#[test]
fn any_other_question_is_answered_by_a_passage_with_its_words_or_not_at_all() {
    assert_eq!(one(&by_rules("How are the goods packed, in boxes?")).evidence[0].quote, BOXES);
    let result = by_rules("What did the committee say about football players on Monday?");
    assert_eq!(one(&result).status, Status::NotFound);
}

#[test]
fn a_model_for_trying_only_confirms() {
    let question = "Which law governs the contract?";
    let confirmed = ask(question, &["governed by and construed in accordance with the laws"], true);
    assert_eq!((one(&confirmed).found_by, one(&confirmed).text.as_str()), (Some(FoundBy::Both), LAW));
    for quotes in [&[][..], &[BOXES][..]] {
        let result = ask(question, quotes, true);
        assert_eq!((one(&result).found_by, one(&result).evidence[0].quote.as_str()), (Some(FoundBy::Rules), LAW));
        assert!(result.provenance.rules_digest.is_some());
    }
    let wrong = ask("Is the source code in escrow?", &[BOXES], true);
    assert_eq!(one(&wrong).status, Status::NotFound);
    assert_eq!(one(&wrong).searched.as_ref().unwrap().contrary[0].quote, BOXES);
}

#[test]
fn what_a_proven_model_says_stands_beside_what_is_found() {
    let question = "Which law governs the contract?";
    let result = ask(question, &["governed by and construed in accordance with the laws"], false);
    let same = one(&result);
    assert_eq!((same.found_by, same.text.as_str()), (Some(FoundBy::Both), "In its own words."));
    assert!(same.confidence.is_some_and(|c| c > 0.5), "{same:?}");
    let other = ask(question, &[BOXES], false);
    let by: Vec<_> = other.claims.iter().map(|c| (c.found_by, c.checks.len())).collect();
    assert_eq!(by, [(Some(FoundBy::Rules), 0), (Some(FoundBy::Model), 1)]);
    assert!(other.claims[1].checks[0].contains("Neither the rules nor the search"), "{:?}", other.claims[1].checks);
    assert_eq!(one(&ask("Is the source code in escrow?", &[], false)).status, Status::NotFound);
}

/// Answers "none", notes what it is given to decide by, and says that it leant the other way.
struct Leaning {
    card: ModelCard,
    evidence: Vec<Option<f32>>,
}

impl Generator for Leaning {
    fn card(&self) -> &ModelCard {
        &self.card
    }
    fn count_tokens(&mut self, text: &str) -> Result<usize, GenerateError> {
        Ok(text.len())
    }
    fn read(&mut self, d: &Reading<'_>, _: &mut dyn Sink) -> Result<ReadReport, GenerateError> {
        Ok(ReadReport { text_tokens: d.text.len(), state_tokens: 0, restored_tokens: 0, elapsed_ms: 1, state_bytes: 0 })
    }
    fn answer(&mut self, request: &Request, _: &mut dyn Sink) -> Result<Answer, GenerateError> {
        self.evidence.push(request.evidence);
        Ok(Answer {
            text: json!({"quotes": "none", "answer": ""}).to_string(),
            thinking: String::new(),
            prompt_tokens: 1,
            generated_tokens: 1,
            stop: StopReason::EndOfTurn,
            mean_logprob: None,
            decisions: vec![Decided { lean: -0.5, log_odds: 3.0 }],
            elapsed_ms: 1,
        })
    }
}

#[test]
fn a_model_gets_the_evidence_and_the_result_tells_how_it_was_decided() {
    let mut model = Leaning { card: Scripted::quoting().card().clone(), evidence: Vec::new() };
    let options = RunOptions { too_long: TooLong::Refuse, seed: 7, state_dir: None };
    let text = document();
    let mut ask = |question: &str| {
        let spec = spec(question, Method::Model);
        tasks::run(&mut model, &text, "test.txt", &spec, &options, &PlainScan::new(&text), &mut Silent).unwrap()
    };
    let found = ask("Which law governs the contract?");
    let absent = ask("What did the committee say about football players on Monday?");
    let of = |result: &RunResult| match &result.provenance.decisions[..] {
        [one] => (one.asked.clone(), one.lean, one.evidence, one.log_odds),
        other => panic!("{other:?}"),
    };
    let (asked, lean, evidence, log_odds) = of(&found);
    assert_eq!((asked.as_str(), lean, log_odds), ("Answer", -0.5, 3.0));
    assert!(evidence.is_some_and(|e| e < 0.0), "{evidence:?}: a clause is found");
    assert!(of(&absent).2.is_some_and(|e| e > 2.0), "{:?}: nothing is found", of(&absent));
    assert_eq!(model.evidence, [evidence, of(&absent).2]);
    assert!(found.provenance.rules_digest.is_some(), "the rules took part");
}

#[test]
fn stored_questions_of_earlier_versions_are_the_models_alone() {
    let stored: TaskSpec = serde_json::from_value(json!({"task": "question", "question": "Why?"})).unwrap();
    assert_eq!(stored, spec("Why?", Method::Model));
}
