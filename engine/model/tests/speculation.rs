//! Answers drafted from the text read are the answers that come without it, bit for bit.

mod golden;

use std::ops::ControlFlow;
use std::sync::Arc;

use golden::random::{SMALL, random_model};
use lectern_model::constraint::{Constraints, Vocabulary};
use lectern_model::model::{LoadOptions, Model, Want};
use lectern_model::quant::Scheme;
use lectern_model::sample::Sampling;
use lectern_model::session::{Generated, Generation, Lookup, Session};
use lectern_model::state::KvPrecision;
use lectern_model::tokenizer::Tokenizer;
use proptest::prelude::*;

fn models() -> Vec<(&'static str, Model)> {
    let folder = tempfile::tempdir().unwrap();
    random_model(folder.path(), SMALL);
    let load =
        |quantize, keys_and_values| Model::load_with(folder.path(), LoadOptions { quantize, keys_and_values }).unwrap();
    vec![
        ("golden", golden::model("m1_tiny")),
        ("f32", load(None, KvPrecision::F32)),
        ("q8_0", load(Some(Scheme::Q8_0), KvPrecision::F16)),
        ("q4_k", load(Some(Scheme::Q4K), KvPrecision::Q8)),
    ]
}

/// What speculation rests on.
#[test]
fn a_few_tokens_at_once_are_computed_as_one_by_one() {
    for (name, model) in models() {
        for before in [0, 1, 250, 255, 700] {
            let prefix: Vec<u32> = (0..before as u32).map(|i| i * 7 % 150).collect();
            let mut state = model.new_state();
            if before > 0 {
                model.forward(&prefix, &mut state, Want::None).unwrap();
            }
            let tokens = [3, 1, 4, 1, 5, 9];
            for count in 2..=tokens.len() {
                let (mut together, mut apart) = (state.clone(), state.clone());
                let rows = model.forward(&tokens[..count], &mut together, Want::All).unwrap();
                for (i, token) in tokens[..count].iter().enumerate() {
                    let row = model.forward(&[*token], &mut apart, Want::Last).unwrap();
                    assert!(rows.row(i) == row.row(0), "{name}: token {i} of {count} after {before}");
                }
                let next = |state: &mut _| model.forward(&[2], state, Want::Last).unwrap();
                assert!(next(&mut together) == next(&mut apart), "{name}: the state after {count} after {before}");
            }
        }
    }
}

/// A tokenizer of single bytes and some that no text has.
fn tokenizer() -> Tokenizer {
    let level =
        serde_json::json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let mut vocab = serde_json::Map::new();
    for id in 0..384u32 {
        let name = char::from_u32(33 + id).filter(|c| c.is_ascii_graphic()).map_or(format!("w{id}"), String::from);
        vocab.insert(name, id.into());
    }
    let json = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
        "added_tokens": [], "pre_tokenizer": level, "decoder": level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": []},
    });
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("tokenizer.json"), json.to_string()).unwrap();
    Tokenizer::load(dir.path()).unwrap()
}

fn generate(
    model: &Model,
    tokenizer: &Tokenizer,
    prompt: &[u32],
    text: Option<&[u32]>,
    how: &Generation,
) -> (Generated, Vec<f32>) {
    let mut session = Session::new(model);
    if let Some(text) = text {
        session.follow(&Arc::new(Lookup::new(text)));
    }
    session.feed(prompt, &mut |_, _| ControlFlow::Continue(())).unwrap();
    let made = session.generate(tokenizer, how, None, &mut |_| ControlFlow::Continue(())).unwrap();
    let next = model.forward(&[1], &mut session.into_state(), Want::Last).unwrap();
    (made, next.values)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The text to follow is what the model will write, with some of it changed: drafts that hold, fail half-way, or lead
    /// past the end, wherever the answer is stopped.
    #[test]
    fn answers_and_states_are_the_same(seed: u64, wrong in 2usize..9, length in 1usize..60, temperature in prop::sample::select(vec![0.0f32, 0.7])) {
        let tokenizer = tokenizer();
        for (name, model) in models() {
            let how = Generation {
                max_tokens: length,
                sampling: Sampling { temperature, seed, ..Sampling::default() },
                stop_at_eos: false,
                ..Generation::default()
            };
            let prompt: Vec<u32> = (0..20).map(|i| (seed.rotate_left(i) % 150) as u32).collect();
            let (plain, state) = generate(&model, &tokenizer, &prompt, None, &how);
            let mut text = plain.ids.clone();
            text.iter_mut().skip(wrong - 1).step_by(wrong).for_each(|id| *id = (*id + 1) % 150);
            for text in [&plain.ids, &text] {
                let (found, after) = generate(&model, &tokenizer, &prompt, Some(text), &how);
                prop_assert_eq!(&found.ids, &plain.ids, "{}", name);
                prop_assert_eq!(found.stop, plain.stop);
                prop_assert!(after == state, "{}: the state after the answer", name);
            }
            if length > 12 {
                let (found, _) = generate(&model, &tokenizer, &prompt, Some(&plain.ids), &how);
                prop_assert!(found.speculated * 2 > length, "{name}: {} of {length} were drafted", found.speculated);
            }
        }
    }
}

#[test]
fn a_quote_that_is_held_to_the_text_is_drafted_from_it() {
    let Some(folder) = golden::interim() else { return };
    let model =
        Model::load_with(&folder, LoadOptions { quantize: Some(Scheme::Q4K), ..LoadOptions::default() }).unwrap();
    let tokenizer = Tokenizer::load(&folder).unwrap();
    let text = "The Tenant shall pay a monthly rent of EUR 1,250.00 in advance on the first working day of each month. \
                This agreement is governed by the laws of the Republic of Austria, without its rules on conflicts of law.";
    let read = tokenizer.encode(text).unwrap();
    let constraints = Constraints::new(&Arc::new(Vocabulary::new(&tokenizer).unwrap()), text);
    let schema = serde_json::json!({"type": "object", "required": ["quote"], "additionalProperties": false,
        "properties": {"quote": {"type": "string", "x-lectern-quote": true}}});
    let answer = |follow: bool| {
        let mut session = Session::new(&model);
        if follow {
            session.follow(&Arc::new(Lookup::new(&read)));
        }
        let question = tokenizer.encode("\nQuote the sentence about the governing law as JSON: ").unwrap();
        session.feed(&[read.clone(), question].concat(), &mut |_, _| ControlFlow::Continue(())).unwrap();
        let how = Generation { max_tokens: 80, ..Generation::default() };
        let constraint = constraints.json(&schema).unwrap();
        session.generate(&tokenizer, &how, Some(constraint), &mut |_| ControlFlow::Continue(())).unwrap()
    };
    let (plain, drafted) = (answer(false), answer(true));
    assert_eq!((&drafted.ids, &drafted.text), (&plain.ids, &plain.text));
    eprintln!("{} of {} tokens were drafted: {}", drafted.speculated, drafted.ids.len(), drafted.text);
    assert!(drafted.speculated > 0 && plain.speculated == 0);
}
