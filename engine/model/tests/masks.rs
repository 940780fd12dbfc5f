//! Masks that are computed beside the model: the same answers, and what they cost.

mod golden;

use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use golden::random::{SMALL, random_model};
use golden::spelling::{TEXT, tokenizer};
use lectern_model::constraint::{Constraint, Constraints, Vocabulary};
use lectern_model::model::{LoadOptions, Model, Want};
use lectern_model::quant::Scheme;
use lectern_model::sample::Sampling;
use lectern_model::session::{Generated, Generation, Lookup, Session, SessionError};
use lectern_model::state::KvPrecision;
use lectern_model::tokenizer::Tokenizer;
use proptest::prelude::*;
use serde_json::json;

fn schema() -> serde_json::Value {
    json!({"type": "object", "properties": {
        "found": {"type": "boolean"}, "a_name_that_is_forced": {"enum": ["one kind", "one more", "another"]},
        "quotes": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string", "x-lectern-quote": true}},
        "note": {"type": "string", "maxLength": 12}, "last": {"const": "always the same"}}})
}

/// What came of an answer: itself or why there is none, the pieces it was shown in, and what the model would say next.
type Outcome = (Result<Generated, String>, Vec<String>, Vec<f32>);

type Generate = fn(
    &mut Session,
    &Tokenizer,
    &Generation,
    Option<Constraint>,
    &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Generated, SessionError>;

fn answer(
    generate: Generate,
    model: &Model,
    session: &Session,
    tokenizer: &Tokenizer,
    how: &Generation,
    constraint: Option<Constraint>,
) -> Outcome {
    let (mut session, mut pieces) = (session.clone(), Vec::new());
    let made = generate(&mut session, tokenizer, how, constraint, &mut |piece| {
        pieces.push(piece.to_owned());
        ControlFlow::Continue(())
    });
    let next = match &made {
        Ok(_) => model.forward(&[1], &mut session.into_state(), Want::Last).unwrap().values,
        Err(_) => Vec::new(),
    };
    (made.map_err(|e| e.to_string()), pieces, next)
}

/// The same either way, to the last bit.
fn hold(
    model: &Model,
    session: &Session,
    tokenizer: &Tokenizer,
    how: &Generation,
    constraint: Option<&Constraint>,
) -> Result<Generated, String> {
    // Threads enough for the model and the grammar, however few cores there are.
    static POOL: LazyLock<rayon::ThreadPool> =
        LazyLock::new(|| rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap());
    let own = constraint.cloned();
    let beside = POOL.install(move || answer(Session::generate, model, session, tokenizer, how, own));
    let in_turn = answer(Session::generate_in_turn, model, session, tokenizer, how, constraint.cloned());
    assert!(beside.2 == in_turn.2, "the state after the answer");
    assert_eq!((&beside.0, &beside.1), (&in_turn.0, &in_turn.1));
    beside.0
}

fn model(quantize: Option<Scheme>) -> Model {
    let folder = tempfile::tempdir().unwrap();
    random_model(folder.path(), SMALL);
    Model::load_with(folder.path(), LoadOptions { quantize, keys_and_values: KvPrecision::F32 }).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn answers_are_those_that_come_in_turn(
        seed: u64, max_tokens in 1usize..160, follow: bool, constrained in prop::bool::weighted(0.9),
        temperature in prop::sample::select(vec![0.0f32, 1.0]), stop in prop::sample::select(vec!["", "kind", "rent"]),
    ) {
        let tokenizer = tokenizer();
        let constraints = Constraints::new(&Arc::new(Vocabulary::new(&tokenizer).unwrap()), TEXT);
        let constraint = constrained.then(|| constraints.json(&schema()).unwrap());
        let read = tokenizer.encode(TEXT).unwrap();
        let how = Generation {
            max_tokens,
            sampling: Sampling { temperature, seed, ..Sampling::default() },
            stop: vec![stop.to_owned()],
            ..Generation::default()
        };
        for model in [model(None), model(Some(Scheme::Q4K))] {
            let mut session = Session::new(&model);
            if follow {
                session.follow(&Arc::new(Lookup::new(&read)));
            }
            session.feed(&read, &mut |_, _| ControlFlow::Continue(())).unwrap();
            hold(&model, &session, &tokenizer, &how, constraint.as_ref()).unwrap();
        }
    }
}

#[test]
fn whole_answers_end_where_the_grammar_does() {
    let (model, tokenizer) = (model(Some(Scheme::Q8_0)), tokenizer());
    let constraints = Constraints::new(&Arc::new(Vocabulary::new(&tokenizer).unwrap()), TEXT);
    let constraint = constraints.json(&schema()).unwrap();
    let mut session = Session::new(&model);
    session.feed(&tokenizer.encode(TEXT).unwrap(), &mut |_, _| ControlFlow::Continue(())).unwrap();
    let how = Generation { max_tokens: 2000, ..Generation::default() };
    let made = hold(&model, &session, &tokenizer, &how, Some(&constraint)).unwrap();
    let value: serde_json::Value = serde_json::from_str(&made.text).unwrap();
    assert_eq!(value["last"], "always the same");
    assert!(made.mean_logprob.is_some());
}

/// A failure that was found while the model computed is reported where it would have been found in turn.
#[test]
fn a_grammar_that_cannot_go_on_says_so_at_the_same_place() {
    let (model, tokenizer) = (model(None), tokenizer());
    let constraints = Constraints::new(&Arc::new(Vocabulary::new(&tokenizer).unwrap()), "a №№№ №№№ №№№ №№№ №№№ №№№");
    let constraint = constraints.json(&json!({"type": "string", "x-lectern-quote": true})).unwrap();
    let mut session = Session::new(&model);
    session.feed(&[1, 2, 3], &mut |_, _| ControlFlow::Continue(())).unwrap();
    let most = |max_tokens| Generation { max_tokens, ..Generation::default() };
    let refused = hold(&model, &session, &tokenizer, &most(50), Some(&constraint)).unwrap_err();
    assert!(refused.contains("no token of this model"), "{refused}");
    hold(&model, &session, &tokenizer, &most(1), Some(&constraint)).unwrap();
}

/// A measurement: `cargo test -p lectern-model --test masks -- --ignored --nocapture` on an idle machine. With two threads
/// on two cores both take turns; `RAYON_NUM_THREADS=1` spares one.
#[test]
#[ignore = "a measurement, not a check"]
fn what_masks_cost_beside_the_model() {
    let Some(folder) = golden::interim() else { return };
    let options = LoadOptions { quantize: Some(Scheme::Q4K), ..LoadOptions::default() };
    let (model, tokenizer) = (Model::load_with(&folder, options).unwrap(), Tokenizer::load(&folder).unwrap());
    let text = (0..400).map(|i| format!("Clause {i}. {TEXT} ")).collect::<String>();
    let constraints = Constraints::new(&Arc::new(Vocabulary::new(&tokenizer).unwrap()), &text);
    let constraint = constraints.json(&schema()).unwrap();
    let mut session = Session::new(&model);
    session.feed(&tokenizer.encode(TEXT).unwrap(), &mut |_, _| ControlFlow::Continue(())).unwrap();
    let how = Generation { max_tokens: 400, ..Generation::default() };
    let mut best = [Duration::MAX; 2];
    let mut tokens = 0;
    for _ in 0..12 {
        for (best, generate) in best.iter_mut().zip([Session::generate as Generate, Session::generate_in_turn]) {
            let (mut session, constraint) = (session.clone(), Some(constraint.clone()));
            let started = Instant::now();
            let made = generate(&mut session, &tokenizer, &how, constraint, &mut |_| ControlFlow::Continue(()));
            *best = started.elapsed().min(*best);
            tokens = made.unwrap().ids.len();
        }
    }
    let grammar = masks_alone(&constraint, &session, &tokenizer, &how);
    let each = |all: Duration| all.as_secs_f64() * 1e3 / tokens as f64;
    let [beside, in_turn] = best.map(each);
    eprintln!(
        "{tokens} tokens, ms for each: in turn {in_turn:.3}, beside {beside:.3}, of these masks {:.3}",
        each(grammar)
    );
}

/// The time that the grammar takes over an answer, without a model.
fn masks_alone(constraint: &Constraint, session: &Session, tokenizer: &Tokenizer, how: &Generation) -> Duration {
    let made = session.clone().generate(tokenizer, how, Some(constraint.clone()), &mut |_| ControlFlow::Continue(()));
    let ids = made.unwrap().ids;
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let (mut constraint, mut rest) = (constraint.clone(), ids.as_slice());
        let started = Instant::now();
        while !rest.is_empty() && !constraint.is_complete() {
            let forced = constraint.forced();
            rest = rest.get(forced.len()..).unwrap_or_default();
            if let (true, Some((id, later))) = (forced.is_empty(), rest.split_first()) {
                assert!(constraint.mask().unwrap().allows(*id));
                constraint.take(*id).unwrap();
                rest = later;
            }
        }
        best = best.min(started.elapsed());
    }
    best
}
