//! The interim model against transformers: the same tokens for twenty prompts, greedily (tests/golden/README.md).

mod golden;

use std::ops::ControlFlow;
use std::path::Path;

use lectern_model::model::{Model, Want};
use lectern_model::session::{Generation, Session, Stop};
use lectern_model::tokenizer::Tokenizer;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    weights_sha256: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    prompt: String,
    prompt_ids: Vec<u32>,
    new_ids: Vec<u32>,
}

fn reference() -> Reference {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/smollm2_greedy.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The reference ran past ends of turns, so this does too.
fn past_ends(max_tokens: usize) -> Generation {
    Generation { max_tokens, stop_at_eos: false, ..Generation::default() }
}

#[test]
fn twenty_prompts_give_the_tokens_of_the_reference() {
    let Some(folder) = golden::interim() else { return };
    let golden = reference();
    let conversion: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("conversion.json")).unwrap()).unwrap();
    assert_eq!(conversion["weights_sha256"], golden.weights_sha256, "the reference is of other weights");
    assert_eq!(golden.cases.len(), 20);
    let (model, tokenizer) = (Model::load(&folder).unwrap(), Tokenizer::load(&folder).unwrap());
    for case in &golden.cases {
        let ids = tokenizer.encode_raw(&case.prompt).unwrap();
        assert_eq!(ids, case.prompt_ids, "tokens of {:?}", case.prompt);
        let mut session = Session::new(&model);
        session.feed(&ids, &mut |_, _| ControlFlow::Continue(())).unwrap();
        let how = past_ends(case.new_ids.len());
        let made = session.generate(&tokenizer, &how, None, &mut |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(made.ids, case.new_ids, "after {:?}", case.prompt);
        assert_eq!(made.stop, Stop::MaxTokens);
    }
}

#[test]
fn a_forked_session_answers_as_one_that_read_it_all() {
    let Some(folder) = golden::interim() else { return };
    let golden = reference();
    let (model, tokenizer) = (Model::load(&folder).unwrap(), Tokenizer::load(&folder).unwrap());
    let case = &golden.cases[1];
    let (head, tail) = case.prompt_ids.split_at(5);
    let mut session = Session::new(&model);
    session.feed(head, &mut |_, _| ControlFlow::Continue(())).unwrap();
    let mut other = session.clone();
    other.feed(&golden.cases[2].prompt_ids, &mut |_, _| ControlFlow::Continue(())).unwrap();
    let mut fork = session.clone();
    fork.feed(tail, &mut |_, _| ControlFlow::Continue(())).unwrap();
    let made = fork.generate(&tokenizer, &past_ends(8), None, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(made.ids, case.new_ids[..8]);
    assert_eq!(session.state().positions(), head.len(), "the original saw what its forks read");
}

#[test]
fn an_end_of_turn_ends_the_answer_and_is_no_part_of_it() {
    let Some(folder) = golden::interim() else { return };
    let (model, tokenizer) = (Model::load(&folder).unwrap(), Tokenizer::load(&folder).unwrap());
    let ended = |case: &&Case| case.new_ids.iter().any(|id| tokenizer.eos_ids().contains(id));
    let golden = reference();
    let case = golden.cases.iter().find(ended).expect("some reference ran past an end");
    let at = case.new_ids.iter().position(|id| tokenizer.eos_ids().contains(id)).unwrap();
    let mut session = Session::new(&model);
    session.feed(&case.prompt_ids, &mut |_, _| ControlFlow::Continue(())).unwrap();
    let how = Generation { max_tokens: 64, ..Generation::default() };
    let made = session.generate(&tokenizer, &how, None, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((made.ids.as_slice(), made.stop), (&case.new_ids[..at], Stop::EndOfTurn));
}

#[test]
fn logits_written_out_are_those_computed() {
    let Some(folder) = golden::interim() else { return };
    let model = Model::load(&folder).unwrap();
    let logits = model.forward(&[504, 3575, 282], &mut model.new_state(), Want::All).unwrap();
    let path = tempfile::tempdir().unwrap().keep().join("logits.safetensors");
    lectern_model::session::save_logits(&logits, &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor("logits").unwrap();
    assert_eq!(view.shape(), [3, 49152]);
    let read: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    assert_eq!(read, logits.values);
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}
