//! The model and the rules together: whose passage stands, who is named for it, how sure it is, and what is never lost.

use lectern_engine::generate::GenerateError;
use lectern_engine::generate::scripted::Scripted;
use lectern_engine::ground::PlainScan;
use lectern_engine::progress::Silent;
use lectern_engine::tasks::{
    self, Claim, FieldSpec, FoundBy, Method, Pack, RunOptions, RunResult, Status, TaskSpec, TooLong,
};
use lectern_engine::text::{DocText, Extractor};
use proptest::prelude::*;
use serde_json::json;

const CONTRACT: &str = "SUPPLY AGREEMENT\n\nThis Supply Agreement is entered into as of March 3, 2021 by and between Orion \
    Metals, Inc., a Delaware corporation (\"Supplier\"), and Baltic Works Ltd. (\"Buyer\").\n\nThe Buyer pays within thirty \
    days of the invoice.\n\nGoverning Law. This Agreement shall be governed by and construed in accordance with the laws of \
    the State of New York, without regard to its conflict of laws principles.\n\nThe goods are packed in wooden boxes.\n";
const LAW: &str = "This Agreement shall be governed by and construed in accordance with the laws of the State of New York, \
    without regard to its conflict of laws principles.";
const BOXES: &str = "The goods are packed in wooden boxes.";

fn document() -> DocText {
    let extractor = Extractor { name: "test".into(), version: "0".into() };
    let text = CONTRACT.to_owned();
    let (pages, sections, blocks, cues, notes) = (vec![], vec![], vec![], vec![], vec![]);
    DocText { text, pages, sections, blocks, cues, extractor, notes, title: None }
}

/// Asks for the fields of the cuad pack with these names, and one that the rules do not know; the model answers every
/// field with the same quotes.
fn run(names: &[&str], quotes: &[&str], method: Method) -> RunResult {
    run_as(names, quotes, method, false)
}

/// `interim`: with a model for trying the program.
fn run_as(names: &[&str], quotes: &[&str], method: Method, interim: bool) -> RunResult {
    let mut pack = Pack::built_in("cuad").unwrap();
    pack.fields.retain(|f| names.contains(&f.name.as_str()));
    let own: FieldSpec = serde_json::from_value(json!({"name": "Packing", "keywords": ["packed"]})).unwrap();
    pack.fields.push(own);
    let listed: Vec<String> = pack.fields.iter().map(|f| f.name.clone()).collect();
    let given = if quotes.is_empty() { json!("none") } else { json!(quotes) };
    let mut model = Scripted::new(Box::new(move |_, request| {
        let asked = listed.iter().find(|name| request.instruction.contains(name.as_str()));
        let name = asked.ok_or_else(|| GenerateError::Model { reason: "no such field".into() })?;
        Ok(json!({ name: { "quotes": given } }).to_string())
    }))
    .with_interim(interim);
    let (text, spec) = (document(), TaskSpec::Fields { pack, method });
    let options = RunOptions { too_long: TooLong::Refuse, seed: 7, state_dir: None };
    tasks::run(&mut model, &text, "test.txt", &spec, &options, &PlainScan::new(&text), &mut Silent).unwrap()
}

fn one<'r>(result: &'r RunResult, label: &str) -> &'r Claim {
    let of: Vec<&Claim> = result.claims.iter().filter(|c| c.label == label).collect();
    assert_eq!(of.len(), 1, "{of:#?}");
    of[0]
}

#[test]
fn what_both_point_at_is_one_line_with_the_rules_passage_and_its_score() {
    let result = run(&["Governing Law"], &["governed by and construed in accordance with the laws"], Method::Both);
    let law = one(&result, "Governing Law");
    assert_eq!((law.found_by, law.status), (Some(FoundBy::Both), Status::Verified));
    assert_eq!(law.evidence[0].quote, LAW);
    assert!(law.confidence.is_some_and(|c| (0.5..=1.0).contains(&c)), "{law:?}");
    assert!(result.provenance.rules_digest.is_some());
    assert_ne!(result.provenance.model, "rules and search");
}

#[test]
fn what_the_model_missed_is_found_by_the_rules() {
    let result = run(&["Governing Law"], &[], Method::Both);
    let law = one(&result, "Governing Law");
    assert_eq!((law.found_by, law.evidence[0].quote.as_str()), (Some(FoundBy::Rules), LAW));
    assert_eq!(one(&result, "Packing").status, Status::NotFound, "no rules for it: the model's word stands");
}

#[test]
fn a_model_for_trying_is_asked_only_for_what_the_rules_do_not_find() {
    let names = ["Governing Law", "Source Code Escrow"];
    let words = |result: &RunResult| result.provenance.generated_tokens;
    let (proven, trying) = (run(&names, &[BOXES], Method::Both), run_as(&names, &[BOXES], Method::Both, true));
    assert_eq!(2 * words(&proven), 3 * words(&trying), "three fields, and two of them");
    let law = one(&trying, "Governing Law");
    assert_eq!((law.found_by, law.evidence[0].quote.as_str()), (Some(FoundBy::Rules), LAW));
    assert_eq!(one(&trying, "Source Code Escrow").searched.as_ref().unwrap().contrary[0].quote, BOXES);
    assert_eq!(one(&trying, "Packing").found_by, Some(FoundBy::Model));
    assert_eq!(words(&run_as(&names, &[BOXES], Method::Model, true)), words(&proven), "alone it is asked for all");
}

#[test]
fn a_passage_that_is_of_something_else_is_not_found_and_still_shown() {
    let result = run(&["Source Code Escrow"], &[BOXES], Method::Both);
    let escrow = one(&result, "Source Code Escrow");
    assert_eq!((escrow.status, escrow.found_by), (Status::NotFound, None));
    assert_eq!(escrow.searched.as_ref().unwrap().contrary[0].quote, BOXES);
    assert!(escrow.confidence.is_some_and(|c| c > 0.5), "{escrow:?}");
}

#[test]
fn a_field_that_no_rules_know_is_the_models_alone_and_has_no_measured_confidence() {
    let result = run(&["Governing Law"], &[BOXES], Method::Both);
    let packing = one(&result, "Packing");
    assert_eq!((packing.found_by, packing.confidence), (Some(FoundBy::Model), None));
    assert_eq!(packing.evidence[0].quote, BOXES);
}

#[test]
fn the_model_alone_is_left_as_it_was() {
    let result = run(&["Governing Law"], &[BOXES], Method::Model);
    assert!(result.claims.iter().all(|c| c.found_by.is_none() && c.confidence.is_none()));
    assert_eq!(one(&result, "Governing Law").evidence[0].quote, BOXES);
    assert!(result.provenance.rules_digest.is_none());
}

#[test]
fn stored_specs_and_results_of_earlier_versions_still_read() {
    let pack = json!({"id": "t", "name": "T", "fields": [{"name": "Law"}]});
    let spec: TaskSpec = serde_json::from_value(json!({"task": "fields", "pack": pack})).unwrap();
    assert!(matches!(spec, TaskSpec::Fields { method: Method::Model, .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever the model quotes: every field has a line, every passage stands in the text, every confidence is a
    /// probability, and a field with one answer has one line.
    #[test]
    fn nothing_is_lost_whatever_the_model_quotes(pieces in prop::collection::vec((0..CONTRACT.len(), 1_usize..160), 0..4)) {
        let quotes: Vec<&str> = pieces
            .iter()
            .filter_map(|(start, length)| CONTRACT.get(*start..(start + length).min(CONTRACT.len())))
            .collect();
        let names = ["Governing Law", "Effective Date", "Parties", "Exclusivity", "Document Name"];
        let result = run(&names, &quotes, Method::Both);
        let pack = Pack::built_in("cuad").unwrap();
        for name in names.iter().chain(&["Packing"]) {
            let of: Vec<&Claim> = result.claims.iter().filter(|c| c.label == *name).collect();
            prop_assert!(!of.is_empty(), "{name}");
            let many = pack.fields.iter().any(|f| f.name == *name && f.many);
            prop_assert!(many || of.len() == 1 || *name == "Packing", "{name}: {of:?}");
        }
        for claim in &result.claims {
            prop_assert!(claim.confidence.is_none_or(|c| (0.0..=1.0).contains(&c)));
            prop_assert_eq!(claim.found_by.is_some(), !claim.evidence.is_empty());
            for e in &claim.evidence {
                prop_assert_eq!(CONTRACT.get(e.span.range()), Some(e.quote.as_str()));
            }
        }
    }
}
