//! Parity with the reference: the same tiny model, the same tokens, the same numbers (spec section 5).

mod golden;

use std::path::Path;

use golden::{CASES, Golden, argmax, assert_close, assert_logits, linear_state, tolerances};
use lectern_model::model::{Model, ModelOptions, Want};

fn hold(case: &str, model: &Model, golden: &Golden) {
    let ids = golden.ids("input_ids");
    let vocab = model.config().vocab_size;
    let mut state = model.new_state();
    let trace = model.forward_traced(&ids, &mut state).unwrap();
    assert_eq!(state.positions(), ids.len());
    assert_logits(case, &trace.logits.values, &golden.floats("logits"), vocab, tolerances::LOGITS);
    let layers = model.config().num_hidden_layers();
    assert_eq!(trace.hidden.len(), layers + 1);
    for (index, hidden) in trace.hidden.iter().enumerate() {
        let name = format!("hidden.{index}");
        assert_close(&format!("{case} {name}"), hidden, &golden.floats(&name), tolerances::TENSORS);
    }
    for (layer, logits) in trace.router_logits.iter().enumerate() {
        let name = format!("router_logits.{layer}");
        assert_close(&format!("{case} {name}"), logits, &golden.floats(&name), tolerances::TENSORS);
    }
    let states = golden.states();
    assert!(!states.is_empty(), "{case} keeps no state to compare");
    for (tokens, layer, expected) in states {
        let mut state = model.new_state();
        model.forward(&ids[..tokens], &mut state, Want::None).unwrap();
        let what = format!("{case} state of layer {layer} after {tokens}");
        assert_close(&what, linear_state(&state, layer), &expected, tolerances::TENSORS);
    }
}

/// Prefill of the prompt, then one token at a time.
fn hold_greedy(case: &str, model: &Model, golden: &Golden) {
    let expected = golden.ids("greedy_ids");
    let prompt = golden.states().first().unwrap().0;
    let mut ids = expected[..prompt].to_vec();
    let mut state = model.new_state();
    let mut logits = model.forward(&ids, &mut state, Want::Last).unwrap();
    while ids.len() < expected.len() {
        assert_eq!(logits.rows, 1);
        let next = u32::try_from(argmax(&logits.values)).unwrap();
        ids.push(next);
        logits = model.forward(&[next], &mut state, Want::Last).unwrap();
    }
    assert_eq!(ids, expected, "{case}");
}

#[test]
fn every_committed_case_agrees() {
    for case in CASES {
        let (model, golden) = (golden::model(case), Golden::of(case));
        hold(case, &model, &golden);
        hold_greedy(case, &model, &golden);
    }
}

#[test]
fn every_chunk_size_agrees() {
    for case in CASES {
        let (model, golden) = (golden::model(case), Golden::of(case));
        let ids = golden.ids("input_ids");
        for chunk in [1, 7, 16, 64, 256] {
            let what = format!("{case} in chunks of {chunk}");
            let model = model.with_options(ModelOptions { chunk });
            let mut state = model.new_state();
            let found = model.forward(&ids, &mut state, Want::All).unwrap();
            assert_eq!((found.rows, found.vocab), (ids.len(), model.config().vocab_size));
            assert_logits(&what, &found.values, &golden.floats("logits"), found.vocab, tolerances::LOGITS);
            let whole = model.with_options(ModelOptions::default());
            let whole = whole.forward(&ids, &mut whole.new_state(), Want::All).unwrap();
            assert_logits(&what, &found.values, &whole.values, found.vocab, tolerances::CHUNKS);
        }
    }
}

#[test]
fn only_the_rows_wanted_are_computed() {
    let (model, golden) = (golden::model("m1_tiny"), Golden::of("m1_tiny"));
    let ids = golden.ids("input_ids");
    let all = model.forward(&ids, &mut model.new_state(), Want::All).unwrap();
    let last = model.forward(&ids, &mut model.new_state(), Want::Last).unwrap();
    let none = model.forward(&ids, &mut model.new_state(), Want::None).unwrap();
    assert_eq!((all.rows, last.rows, none.rows), (ids.len(), 1, 0));
    let row = all.row(ids.len() - 1).unwrap();
    assert_logits("last row", &last.values, row, all.vocab, tolerances::CHUNKS);
}

/// Development only: a second oracle (MiniMaxAI's own code and transformers) that is not part of the repository.
#[test]
fn the_research_golden_agrees_where_it_is_present() {
    let folder = Path::new("/work/shared/golden");
    if !folder.join("golden.safetensors").exists() {
        eprintln!("SKIPPED: {} is not on this machine", folder.display());
        return;
    }
    let (model, golden) = (Model::load(folder).unwrap(), Golden::read(&folder.join("golden.safetensors")));
    hold("research", &model, &golden);
    hold_greedy("research", &model, &golden);
}
