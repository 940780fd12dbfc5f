//! Loading: configurations and weights that do not fit are refused by name; every storage type and sharding loads.
#![allow(clippy::type_complexity, clippy::cloned_ref_to_slice_refs, reason = "tables of cases read best as they are")]

mod golden;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use golden::folder;
use half::{bf16, f16};
use lectern_model::config::{AttentionKind, Config};
use lectern_model::error::{ConfigError, LoadError};
use lectern_model::model::{Model, Want};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

const CASE: &str = "m1_variant_one_layer";

type Tensors = HashMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

fn tensors() -> Tensors {
    let bytes = fs::read(folder(CASE).join("model.safetensors")).unwrap();
    let parsed = SafeTensors::deserialize(&bytes).unwrap();
    parsed.iter().map(|(n, v)| (n.to_owned(), (v.dtype(), v.shape().to_vec(), v.data().to_vec()))).collect()
}

fn write(path: &Path, tensors: &Tensors) {
    let views = tensors
        .iter()
        .map(|(name, (dtype, shape, bytes))| (name.clone(), TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

fn with_config() -> tempfile::TempDir {
    let into = tempfile::tempdir().unwrap();
    fs::copy(folder(CASE).join("config.json"), into.path().join("config.json")).unwrap();
    into
}

fn load(tensors: &Tensors) -> Result<Model, LoadError> {
    let into = with_config();
    write(&into.path().join("model.safetensors"), tensors);
    Model::load(into.path())
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b))
}

fn answer(model: &Model) -> Vec<f32> {
    model.forward(&[1, 2, 3, 200], &mut model.new_state(), Want::All).unwrap().values
}

#[test]
fn everything_that_does_not_fit_is_named_at_once() {
    let mut tensors = tensors();
    tensors.remove("model.norm.weight").unwrap();
    tensors.remove("model.layers.0.block_sparse_moe.experts.2.w3.weight").unwrap();
    tensors.insert("model.layers.0.mlp.weight".to_owned(), (Dtype::F32, vec![1], vec![0; 4]));
    let gate = tensors.get_mut("model.layers.0.block_sparse_moe.gate.weight").unwrap();
    gate.1.reverse();
    let head = tensors.get_mut("lm_head.weight").unwrap();
    head.0 = Dtype::I32;
    match load(&tensors).unwrap_err() {
        LoadError::Mismatch { missing, extra, misfits, .. } => {
            assert_eq!(missing, ["model.layers.0.block_sparse_moe.experts.2.w3.weight", "model.norm.weight"]);
            assert_eq!(extra, ["model.layers.0.mlp.weight"]);
            let names: Vec<_> = misfits.iter().map(|m| m.name.as_str()).collect();
            assert_eq!(names, ["lm_head.weight", "model.layers.0.block_sparse_moe.gate.weight"]);
            assert_eq!(misfits[0].found, "[256, 32] of I32");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn one_missing_tensor_is_enough_to_refuse() {
    let all = tensors();
    for name in all.keys() {
        let mut fewer = all.clone();
        fewer.remove(name);
        match load(&fewer) {
            Err(LoadError::Mismatch { missing, .. }) => assert_eq!(missing, [name.clone()]),
            other => panic!("without {name}: {other:?}"),
        }
    }
}

#[test]
fn derived_buffers_of_transformers_are_ignored() {
    let mut tensors = tensors();
    let plain = answer(&load(&tensors).unwrap());
    for name in ["slope_rate", "query_decay", "key_decay", "diagonal_decay"] {
        let name = format!("model.layers.0.self_attn.{name}");
        tensors.insert(name, (Dtype::F32, vec![2], vec![0; 8]));
    }
    assert_eq!(answer(&load(&tensors).unwrap()), plain);
    tensors.insert("slope_rate".to_owned(), (Dtype::F32, vec![2], vec![0; 8]));
    assert!(matches!(load(&tensors), Err(LoadError::Mismatch { .. })), "only those of a layer are derived");
}

#[test]
fn sixteen_bit_weights_are_widened_exactly() {
    // Rounded to 16 bits first, so that both files hold the same numbers.
    let round: [(Dtype, fn(f32) -> [u8; 2], fn(f32) -> f32); 2] = [
        (Dtype::F16, |x| f16::from_f32(x).to_le_bytes(), |x| f16::from_f32(x).to_f32()),
        (Dtype::BF16, |x| bf16::from_f32(x).to_le_bytes(), |x| bf16::from_f32(x).to_f32()),
    ];
    for (dtype, narrow, wide) in round {
        let (mut narrowed, mut widened) = (tensors(), tensors());
        for (name, (_, _, bytes)) in tensors() {
            let tensor = narrowed.get_mut(&name).unwrap();
            (tensor.0, tensor.2) = (dtype, floats(&bytes).flat_map(narrow).collect());
            widened.get_mut(&name).unwrap().2 = floats(&bytes).flat_map(|x| wide(x).to_le_bytes()).collect();
        }
        assert_eq!(answer(&load(&narrowed).unwrap()), answer(&load(&widened).unwrap()), "{dtype:?}");
    }
}

#[test]
fn shards_load_as_one_file_does() {
    let all = tensors();
    let plain = load(&all).unwrap();
    let into = with_config();
    let mut names: Vec<_> = all.keys().cloned().collect();
    names.sort();
    let mut map = serde_json::Map::new();
    for (index, names) in names.chunks(5).enumerate() {
        let file = format!("model-{index}.safetensors");
        let part = names.iter().map(|name| (name.clone(), all[name].clone())).collect();
        write(&into.path().join(&file), &part);
        map.extend(names.iter().map(|name| (name.clone(), json!(file))));
    }
    let index = into.path().join("model.safetensors.index.json");
    let write_index = |map: &serde_json::Map<String, Value>| {
        fs::write(&index, json!({"metadata": {"total_size": 1}, "weight_map": map}).to_string()).unwrap();
    };
    write_index(&map);
    assert_eq!(answer(&Model::load(into.path()).unwrap()), answer(&plain));

    let mut wrong = map.clone();
    wrong.insert("model.norm.weight".to_owned(), json!("model-0.safetensors"));
    write_index(&wrong);
    assert!(matches!(Model::load(into.path()), Err(LoadError::Damaged { .. })), "a tensor elsewhere than indexed");
    wrong.insert("model.norm.weight".to_owned(), json!("../model-0.safetensors"));
    write_index(&wrong);
    assert!(matches!(Model::load(into.path()), Err(LoadError::Damaged { .. })), "an index that leads out");
    write_index(&map);
    fs::remove_file(into.path().join("model-1.safetensors")).unwrap();
    assert!(matches!(Model::load(into.path()), Err(LoadError::Read { .. })), "a shard not there");
}

#[test]
fn folders_without_or_with_damaged_weights_are_refused() {
    let into = with_config();
    assert!(matches!(Model::load(into.path()), Err(LoadError::NoWeights { .. })));
    let path = into.path().join("model.safetensors");
    let whole = fs::read(folder(CASE).join("model.safetensors")).unwrap();
    for damaged in [&whole[..whole.len() - 5], &whole[..100], b"not a model"] {
        fs::write(&path, damaged).unwrap();
        assert!(matches!(Model::load(into.path()), Err(LoadError::Damaged { .. })));
    }
    let nowhere = Model::load(Path::new("/nonexistent"));
    assert!(matches!(nowhere, Err(LoadError::Config(ConfigError::Read { .. }))));
}

#[test]
fn the_digest_tells_weights_and_configurations_apart() {
    let mut tensors = tensors();
    let digest = load(&tensors).unwrap().digest().to_owned();
    assert_eq!(digest.len(), 64);
    let into = with_config();
    write(&into.path().join("model.safetensors"), &tensors);
    let first = Model::load(into.path()).unwrap().digest().to_owned();
    assert_eq!(Model::load(into.path()).unwrap().digest(), first);
    tensors.get_mut("model.norm.weight").unwrap().2[0] ^= 1;
    write(&into.path().join("model.safetensors"), &tensors);
    assert_ne!(Model::load(into.path()).unwrap().digest(), first);
    write(&into.path().join("model.safetensors"), &self::tensors());
    let config = fs::read_to_string(into.path().join("config.json")).unwrap();
    fs::write(into.path().join("config.json"), config.replace("4096", "4095")).unwrap();
    assert_ne!(Model::load(into.path()).unwrap().digest(), first);
}

/// The keys of the released M1 with its values (spec 1.1).
fn release() -> Value {
    let kinds: Vec<u8> = (0..80).map(|layer| u8::from(layer % 8 == 7)).collect();
    let alpha = 160f64.powf(0.25);
    json!({
        "architectures": ["MiniMaxM1ForCausalLM"], "attention_dropout": 0.0, "attn_type_list": kinds,
        "auto_map": {"AutoConfig": "configuration_minimax_m1.MiniMaxM1Config"}, "bos_token_id": null,
        "eos_token_id": null, "head_dim": 128, "hidden_act": "silu", "hidden_size": 6144, "initializer_range": 0.02,
        "intermediate_size": 9216, "layernorm_full_attention_alpha": alpha, "layernorm_full_attention_beta": 1.0,
        "layernorm_linear_attention_alpha": alpha, "layernorm_linear_attention_beta": 1.0,
        "layernorm_mlp_alpha": alpha, "layernorm_mlp_beta": 1.0, "max_position_embeddings": 10_240_000,
        "model_type": "minimax_m1", "num_attention_heads": 64, "num_experts_per_tok": 2, "num_hidden_layers": 80,
        "num_key_value_heads": 8, "num_local_experts": 32, "output_router_logits": false, "postnorm": true,
        "rms_norm_eps": 1e-5, "rope_theta": 10_000_000, "rotary_dim": 64, "router_aux_loss_coef": 0.001,
        "router_jitter_noise": 0.0, "shared_intermediate_size": 0, "shared_moe_mode": "sigmoid",
        "sliding_window": null, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
        "transformers_version": "4.45.2", "use_cache": true, "vocab_size": 200_064
    })
}

#[test]
fn the_release_is_understood_and_its_sizes_come_out() {
    let config = Config::from_json(&release().to_string()).unwrap();
    assert_eq!(config.layers_of(AttentionKind::Lightning), 70);
    assert_eq!(config.layers_of(AttentionKind::Softmax), 10);
    assert_eq!((config.rotary_dim, config.head_dim, config.attention_width()), (64, 128, 8192));
    assert_eq!(config.shared_intermediate_size, None);
    assert!((config.linear_norm_eps - 1e-6).abs() < 1e-18);
    assert!(config.eos_token_ids.is_empty());
    // To the byte the release's index: two bytes a weight, and two more for the weights of its f32 routers.
    assert_eq!(2 * config.parameters() + 2 * 80 * 32 * 6144, 912_210_767_872);
    assert_eq!(config.active_parameters() / 10_000_000, 4_594, "45.94B, not ten times less");
    assert_eq!(config.state_bytes_fixed(), 280 << 20);
    assert_eq!(config.state_bytes_per_token(lectern_model::state::KvPrecision::F16), 40 << 10);
}

#[test]
fn defaults_follow_the_reference() {
    let mut raw = release();
    let keys = raw.as_object_mut().unwrap();
    for key in ["rotary_dim", "head_dim", "num_key_value_heads", "postnorm", "layernorm_mlp_alpha"] {
        keys.remove(key);
    }
    keys.insert("eos_token_id".to_owned(), json!([1, 2]));
    let config = Config::from_json(&raw.to_string()).unwrap();
    assert_eq!((config.head_dim, config.rotary_dim, config.num_key_value_heads), (96, 96, 64));
    assert!(!config.postnorm);
    assert!((config.mlp.alpha - 1.0).abs() < f32::EPSILON);
    assert_eq!(config.eos_token_ids, [1, 2]);
}

#[test]
fn each_value_that_cannot_be_is_refused_by_its_key() {
    let wrong = [
        ("model_type", json!("minimax_m2")),
        ("architectures", json!(["LlamaForCausalLM"])),
        ("hidden_act", json!("gelu")),
        ("shared_moe_mode", json!("softmax")),
        ("sliding_window", json!(4096)),
        ("rope_scaling", json!({"type": "yarn"})),
        ("quantization_config", json!({"bits": 4})),
        ("num_hidden_layers", json!(0)),
        ("attn_type_list", json!([0, 1])),
        ("attn_type_list", json!(vec![2; 80])),
        ("num_attention_heads", json!(0)),
        ("num_key_value_heads", json!(7)),
        ("num_key_value_heads", json!(0)),
        ("head_dim", json!(0)),
        ("rotary_dim", json!(0)),
        ("rotary_dim", json!(63)),
        ("rotary_dim", json!(130)),
        ("num_local_experts", json!(0)),
        ("num_experts_per_tok", json!(33)),
        ("num_experts_per_tok", json!(0)),
        ("rope_theta", json!(0.0)),
        ("rms_norm_eps", json!(0.0)),
        ("linear_norm_eps", json!(-1.0)),
        ("vocab_size", json!(0)),
        ("intermediate_size", json!(0)),
        ("max_position_embeddings", json!(0)),
        ("layernorm_mlp_beta", json!(1e300)),
    ];
    for (key, value) in wrong {
        let mut raw = release();
        raw.as_object_mut().unwrap().insert(key.to_owned(), value.clone());
        match Config::from_json(&raw.to_string()) {
            Err(ConfigError::Value { key: named, .. }) => assert_eq!(named, key, "{value}"),
            other => panic!("{key} = {value}: {other:?}"),
        }
    }
}

#[test]
fn unknown_absent_and_ill_typed_keys_are_refused() {
    let mut unknown = release();
    unknown.as_object_mut().unwrap().insert("use_qk_norm".to_owned(), json!(true));
    let mut absent = release();
    absent.as_object_mut().unwrap().remove("rope_theta");
    let mut ill_typed = release();
    ill_typed["hidden_size"] = json!("6144");
    for (raw, word) in [(unknown, "use_qk_norm"), (absent, "rope_theta"), (ill_typed, "6144")] {
        match Config::from_json(&raw.to_string()) {
            Err(error @ ConfigError::Parse { .. }) => assert!(error.to_string().contains(word), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}
