//! Where an answer may give quotes or say "none", that is one decision, whichever tokens spell it, and it can be weighed.

mod golden;

use std::ops::ControlFlow;
use std::sync::Arc;

use golden::random::{SMALL, random_model};
use golden::spelling::{TEXT, tokenizer};
use lectern_model::constraint::{Constraint, Constraints, Vocabulary};
use lectern_model::decision::{Decision, DecisionWeights};
use lectern_model::model::{LoadOptions, Model};
use lectern_model::sample::Sampling;
use lectern_model::session::{Generated, Generation, Session};
use lectern_model::tokenizer::Tokenizer;
use serde_json::{Value, json};

/// Quotes or "none".
fn quotes_or_none() -> Value {
    let some =
        json!({"type": "array", "minItems": 1, "maxItems": 1, "items": {"type": "string", "x-lectern-quote": true}});
    json!({"anyOf": [some, {"const": "none"}]})
}

fn schema() -> Value {
    json!({"type": "object", "properties": {
        "rent": quotes_or_none(), "law": quotes_or_none(), "note": {"type": "string", "maxLength": 9}}})
}

/// A random model that has read the document.
struct Asked {
    session: Session,
    tokenizer: Tokenizer,
    constraints: Constraints,
}

impl Asked {
    fn new() -> Self {
        let (folder, tokenizer) = (tempfile::tempdir().unwrap(), tokenizer());
        random_model(folder.path(), SMALL);
        let model = Model::load_with(folder.path(), LoadOptions::default()).unwrap();
        let constraints = Constraints::new(&Arc::new(Vocabulary::new(&tokenizer).unwrap()), TEXT);
        let mut session = Session::new(&model);
        session.feed(&tokenizer.encode(TEXT).unwrap(), &mut |_, _| ControlFlow::Continue(())).unwrap();
        Self { session, tokenizer, constraints }
    }

    fn constraint(&self, schema: &Value) -> Constraint {
        self.constraints.json(schema).unwrap()
    }

    fn answer(&self, decision: Decision, sampling: Sampling) -> (Generated, Value) {
        let how = Generation { max_tokens: 900, decision, sampling, ..Generation::default() };
        let constraint = Some(self.constraint(&schema()));
        let go_on = &mut |_: &str| ControlFlow::Continue(());
        let made = self.session.clone().generate(&self.tokenizer, &how, constraint, go_on).unwrap();
        let value = serde_json::from_str(&made.text).unwrap();
        (made, value)
    }
}

fn greedy() -> Sampling {
    Sampling::default()
}

#[test]
fn every_place_is_decided_once_and_as_it_was_weighed() {
    let asked = Asked::new();
    for (shift, none) in [(40.0, true), (-40.0, false)] {
        let (made, value) = asked.answer(Decision { lean: 0.0, shift }, greedy());
        for field in ["rent", "law"] {
            assert_eq!(value[field] == "none", none, "{}", made.text);
            assert_eq!(value[field][0].as_str().is_some_and(|quote| TEXT.contains(quote)), !none);
        }
        let log_odds: Vec<f32> = made.decisions.iter().map(|d| d.log_odds).collect();
        assert_eq!(log_odds, [shift, shift]);
    }
}

#[test]
fn weights_without_measure_still_give_numbers() {
    let (made, value) = Asked::new().answer(Decision { lean: 0.0, shift: f32::MAX }, greedy());
    assert_eq!((&value["rent"], &value["law"]), (&json!("none"), &json!("none")));
    assert!(made.decisions.iter().all(|decided| decided.log_odds.is_finite()));
}

#[test]
fn unweighed_it_is_the_models_own() {
    let asked = Asked::new();
    let (own, _) = asked.answer(Decision::default(), greedy());
    let (weighed, _) = asked.answer(DecisionWeights { lean: 1.0, evidence: 0.0, bias: 0.0 }.decision(7.0), greedy());
    assert_eq!(own, weighed);
    assert_eq!(own.decisions.len(), 2);
    for decided in &own.decisions {
        assert!(decided.log_odds == decided.lean && decided.lean.is_finite());
    }
    let (moved, _) = asked.answer(Decision { lean: 2.0, shift: 1.0 }, greedy());
    let decided = moved.decisions[0];
    assert_eq!(decided.log_odds, 2.0 * decided.lean + 1.0);
}

/// Regression: a bare model was made to quote wherever its first token did not say "none" already, and never said it.
#[test]
fn a_model_that_decides_alone_may_still_say_none_after_a_token_that_goes_past_it() {
    let asked = Asked::new();
    let sampled = |seed| Sampling { temperature: 1.5, seed, ..greedy() };
    let spelt_late = |made: &Generated| {
        let name = asked.tokenizer.encode("\":").unwrap()[0];
        made.text.starts_with(r#"{"rent":"none""#) && made.ids.get(r#"{"rent"#.len()) == Some(&name)
    };
    let late = (0..60).map(|seed| asked.answer(Decision::default(), sampled(seed)).0).find(spelt_late);
    assert!(late.is_some_and(|made| made.decisions.len() == 2), "and it is noted as one decision for each field");
}

#[test]
fn what_is_drawn_follows_the_log_odds() {
    let asked = Asked::new();
    let draws = 300;
    let drawn =
        |seed| asked.answer(Decision { lean: 0.0, shift: 1.0 }, Sampling { temperature: 1.0, seed, ..greedy() });
    let none = (0..draws).filter(|seed| drawn(*seed).1["rent"] == "none").count() as f64 / f64::from(draws as u32);
    let wanted = 1.0 / (1.0 + (-1f64).exp());
    // Three standard errors of a share of 300.
    assert!((none - wanted).abs() < 0.077, "{none} drawn, {wanted} wanted");
}

#[test]
fn a_mask_tells_which_tokens_abstain_and_only_at_the_choice() {
    let asked = Asked::new();
    let text = |ids: &[u32]| -> Vec<String> {
        ids.iter().map(|id| String::from_utf8(asked.tokenizer.bytes_of(*id).to_vec()).unwrap()).collect()
    };
    let mut constraint = asked.constraint(&json!({"type": "object", "properties": {"rent": quotes_or_none()}}));
    // The last of the forced tokens is left open: one that goes further may be the usual way to write it.
    constraint.forced();
    let spelt = text(constraint.mask().unwrap().abstaining());
    assert_eq!(spelt, ["\":\""], "the token that ends the name and begins the word");
    for (token, abstaining) in [("\":", &["\""][..]), ("[\"", &[]), ("T", &[])] {
        constraint.take(asked.tokenizer.encode(token).unwrap()[0]).unwrap();
        assert_eq!(text(constraint.mask().unwrap().abstaining()), abstaining, "after {token}");
    }
    for other in
        [json!({"enum": ["none", "some"]}), json!({"type": "array", "maxItems": 1, "items": {"type": "string"}})]
    {
        let mut constraint = asked.constraint(&json!({"type": "object", "properties": {"rent": other}}));
        constraint.forced();
        assert_eq!(constraint.mask().unwrap().abstaining(), [0u32; 0], "nothing to quote, nothing to decide");
    }
}
