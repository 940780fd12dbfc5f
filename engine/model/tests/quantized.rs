//! Whole models in few bits: near the same weights in f32, alike however they are cut, the same from a converted folder.

mod golden;

use std::path::Path;

use golden::random::{SMALL, divergence, ids, random_model};
use golden::tolerances::{EIGHT_BITS, FOUR_BITS, RANDOM_EIGHT_BITS, RANDOM_FOUR_BITS, RECUT};
use lectern_model::convert::{ConvertError, convert};
use lectern_model::error::LoadError;
use lectern_model::model::{LoadOptions, Logits, Model, ModelOptions, Want};
use lectern_model::quant::Scheme;
use lectern_model::state::{State, StateIdentity};
use lectern_model::tokenizer::Tokenizer;

fn load(folder: &Path, scheme: Scheme) -> Model {
    Model::load_with(folder, LoadOptions { quantize: Some(scheme), ..LoadOptions::default() }).unwrap()
}

fn read(model: &Model, ids: &[u32]) -> Logits {
    model.forward(ids, &mut model.new_state(), Want::All).unwrap()
}

#[test]
fn a_model_with_experts_in_few_bits_says_nearly_the_same() {
    let folder = tempfile::tempdir().unwrap();
    random_model(folder.path(), SMALL);
    let plain = Model::load(folder.path()).unwrap();
    let exact = read(&plain, &ids(120));
    for (scheme, (most_nats, least_same)) in
        [(Scheme::Q8_0, RANDOM_EIGHT_BITS), (Scheme::Q4K, RANDOM_FOUR_BITS), (Scheme::Q4_0, RANDOM_FOUR_BITS)]
    {
        let few = load(folder.path(), scheme);
        let (nats, same) = divergence(&exact, &read(&few, &ids(120)));
        eprintln!("random, {}: {nats:.4} nats, {same:.3} alike", scheme.name());
        assert!(nats < most_nats && same > least_same, "{}: {nats} nats, {same} alike", scheme.name());
        assert!(few.weights_bytes() < plain.weights_bytes() / 3, "{}", few.weights_bytes());
        assert_ne!(few.digest(), plain.digest(), "their states must not be taken for one another");
    }
}

#[test]
fn however_a_text_is_cut_a_quantized_model_reads_the_same() {
    let folder = tempfile::tempdir().unwrap();
    random_model(folder.path(), SMALL);
    for scheme in Scheme::all() {
        let model = load(folder.path(), scheme);
        let whole = read(&model, &ids(150));
        for chunk in [1, 7, 64] {
            let (nats, same) = divergence(&whole, &read(&model.with_options(ModelOptions { chunk }), &ids(150)));
            assert!(nats < RECUT.0 && same > RECUT.1, "{scheme:?}, chunks of {chunk}: {nats} nats, {same} alike");
        }
    }
}

#[test]
fn a_converted_folder_is_the_model_quantized_on_load() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("plain");
    std::fs::create_dir(&from).unwrap();
    random_model(&from, SMALL);
    for (scheme, file_bytes) in [(Scheme::Q8_0, u64::MAX), (Scheme::Q4K, 40_000)] {
        let to = folder.path().join(scheme.name());
        let mut told = Vec::new();
        let made = convert(&from, &to, scheme, file_bytes, &mut |done, all| told.push((done, all))).unwrap();
        assert!(made.bytes_after < made.bytes_before && made.packed > 0 && (made.files > 1) == (file_bytes < u64::MAX));
        assert_eq!(told.len(), made.files);
        assert_eq!(told.last(), Some(&(made.packed + made.kept, made.packed + made.kept)));
        let (on_load, stored) = (load(&from, scheme), Model::load(&to).unwrap());
        let ids = ids(60);
        assert_eq!(read(&on_load, &ids), read(&stored, &ids));
        // A state goes on from a file, and is refused by another quantisation of the same weights.
        let (path, mut state) = (folder.path().join("state"), stored.new_state());
        stored.forward(&ids[..40], &mut state, Want::None).unwrap();
        let identity = StateIdentity::of(&stored, &ids[..40]);
        state.save(&path, &identity).unwrap();
        let mut back = State::restore(&path, &stored, &identity).unwrap();
        let goes_on = |state: &mut State| stored.forward(&ids[40..], state, Want::All).unwrap();
        assert_eq!(goes_on(&mut back), goes_on(&mut state));
        assert!(State::restore(&path, &on_load, &StateIdentity::of(&on_load, &ids[..40])).is_err());
    }
    let taken = convert(&from, &folder.path().join("q8_0"), Scheme::Q8_0, u64::MAX, &mut |_, _| ());
    assert!(matches!(taken, Err(ConvertError::Exists { .. })));
    let nothing = convert(folder.path(), &folder.path().join("new"), Scheme::Q8_0, u64::MAX, &mut |_, _| ());
    assert!(nothing.is_err() && !folder.path().join("new").exists() && !folder.path().join("new.part").exists());
}

#[test]
fn a_packed_matrix_of_another_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("packed");
    random_model(folder.path(), SMALL);
    convert(folder.path(), &to, Scheme::Q4_0, u64::MAX, &mut |_, _| ()).unwrap();
    let config = std::fs::read_to_string(to.join("config.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
    config["intermediate_size"] = (config["intermediate_size"].as_u64().unwrap() + 32).into();
    std::fs::write(to.join("config.json"), config.to_string()).unwrap();
    let Err(LoadError::Mismatch { misfits, .. }) = Model::load(&to) else { panic!("it was accepted") };
    assert!(misfits.iter().all(|m| m.name.contains("experts")) && !misfits.is_empty(), "{misfits:?}");
}

/// Real weights, real text.
#[test]
fn the_interim_model_in_few_bits_says_nearly_the_same() {
    let Some(folder) = golden::interim() else { return };
    let text = include_str!("../../../ARCHITECTURE.md");
    let mut ids = Tokenizer::load(&folder).unwrap().encode(text).unwrap();
    ids.truncate(256);
    let plain = read(&Model::load(&folder).unwrap(), &ids);
    for (scheme, (most_nats, least_same)) in [(Scheme::Q8_0, EIGHT_BITS), (Scheme::Q4K, FOUR_BITS)] {
        let (nats, same) = divergence(&plain, &read(&load(&folder, scheme), &ids));
        eprintln!("{}: {nats:.5} nats, {same:.3} alike", scheme.name());
        assert!(nats < most_nats && same > least_same, "{}: {nats} nats, {same} alike", scheme.name());
    }
}
