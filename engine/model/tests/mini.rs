//! The model that the program ships: a hybrid mixture of experts, whole, small, and no stranger to English meetings.

mod golden;

use golden::random::divergence;
use golden::tolerances::HALF_ATTENTION;
use lectern_model::config::AttentionKind;
use lectern_model::model::{LoadOptions, Model, Want};
use lectern_model::state::KvPrecision;
use lectern_model::tokenizer::Tokenizer;
use std::path::{Path, PathBuf};

/// Bytes of all its files, and of each, at most: the project's word on what it ships.
const MOST: u64 = 140_000_000;
const MOST_EACH: u64 = 50_000_000;
/// Nats a token of the sample meeting, at most: it needs 2.59, the model it was made from 2.56.
const MOST_NATS: f64 = 3.0;
/// Tokens of the meeting that are read.
const READ: usize = 1_500;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/lectern-mini")
}

#[test]
fn it_is_whole_small_and_of_both_kinds_of_attention() {
    let sizes: Vec<u64> = std::fs::read_dir(folder()).unwrap().map(|f| f.unwrap().metadata().unwrap().len()).collect();
    assert!(sizes.iter().sum::<u64>() <= MOST && sizes.iter().all(|size| *size < MOST_EACH), "{sizes:?}");
    assert!(folder().join("LICENSE").is_file() && folder().join("MODEL_CARD.md").is_file());
    let model = Model::load(&folder()).unwrap();
    let config = model.config();
    let (lightning, softmax) = (config.layers_of(AttentionKind::Lightning), config.layers_of(AttentionKind::Softmax));
    assert!(lightning > 0 && softmax > 0, "{lightning} lightning, {softmax} softmax");
    assert!(config.active_parameters() < config.parameters());
}

#[test]
fn it_is_no_stranger_to_a_meeting() {
    let nats = loss(&meeting());
    assert!(nats < MOST_NATS, "{nats} nats a token");
}

/// Keys and values in 16 bits, as the program keeps them, are attended to in bf16 where the processor can: what the model
/// expects next stays what it is.
#[test]
fn it_expects_the_same_with_keys_and_values_in_16_bits() {
    let ids = meeting();
    let of = |keys_and_values| {
        let model = Model::load_with(&folder(), LoadOptions { quantize: None, keys_and_values }).unwrap();
        model.forward(&ids, &mut model.new_state(), Want::All).unwrap()
    };
    let (nats, same) = divergence(&of(KvPrecision::F32), &of(KvPrecision::F16));
    eprintln!("{nats:.5} nats, {same:.3} alike");
    assert!(nats < HALF_ATTENTION.0 && same > HALF_ATTENTION.1, "{nats} nats, {same} alike");
}

/// The first [`READ`] tokens of the sample meeting.
fn meeting() -> Vec<u32> {
    let text = include_str!("../../../tests/samples/weekly-meeting.vtt");
    let said = text.lines().filter_map(|line| line.strip_prefix("<v ")?.strip_suffix("</v>"));
    let said: Vec<String> = said.map(|line| line.replacen('>', ": ", 1)).collect();
    let mut ids = Tokenizer::load(&folder()).unwrap().encode(&said.join("\n")).unwrap();
    ids.truncate(READ);
    ids
}

/// Mean nats a token.
fn loss(ids: &[u32]) -> f64 {
    let model = Model::load(&folder()).unwrap();
    let logits = model.forward(ids, &mut model.new_state(), Want::All).unwrap();
    let nats = ids.iter().skip(1).enumerate().map(|(i, next)| {
        let row = logits.row(i).unwrap();
        let most = row.iter().copied().fold(f32::MIN, f32::max);
        let sum: f64 = row.iter().map(|x| f64::from(x - most).exp()).sum();
        f64::from(most - row[*next as usize]) + sum.ln()
    });
    nats.sum::<f64>() / (ids.len() - 1) as f64
}
