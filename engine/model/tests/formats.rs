//! Other forms of the same model: GGUF files, folders of transformers' own class, many shards.

mod golden;

use std::fs;

use candle_core::Device;
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Value;
use golden::gguf::{metadata, write_gguf};
use golden::random::{BLOCKS, divergence, ids, random_model};
use golden::tolerances::{RANDOM_EIGHT_BITS, RANDOM_FOUR_BITS, TENSORS};
use golden::{Golden, assert_close};
use lectern_model::config::Config;
use lectern_model::convert::convert;
use lectern_model::error::{ConfigError, LoadError};
use lectern_model::model::{LoadOptions, Logits, Model, Want};
use lectern_model::quant::Scheme;
use lectern_model::tokenizer::Tokenizer;
use serde_json::{Value as Json, json};

fn read(model: &Model) -> Logits {
    model.forward(&ids(90), &mut model.new_state(), Want::All).unwrap()
}

#[test]
fn a_gguf_file_of_each_type_is_the_model_of_its_weights() {
    for kind in [
        GgmlDType::F32,
        GgmlDType::F16,
        GgmlDType::BF16,
        GgmlDType::Q8_0,
        GgmlDType::Q4_0,
        GgmlDType::Q4_1,
        GgmlDType::Q4K,
        GgmlDType::Q5K,
        GgmlDType::Q6K,
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (dense, file) = (folder.path().join("dense"), folder.path().join("model.gguf"));
        fs::create_dir(&dense).unwrap();
        random_model(&dense, BLOCKS);
        write_gguf(&dense, &file, kind, &metadata(BLOCKS));
        let expected = read(&Model::load(&dense).unwrap());
        let model = Model::load(&file).unwrap();
        let found = read(&model);
        match kind {
            GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16 => {
                assert_close(&format!("{kind:?}"), &found.values, &expected.values, TENSORS);
            }
            GgmlDType::Q8_0 => {
                let options = LoadOptions { quantize: Some(Scheme::Q8_0), ..LoadOptions::default() };
                assert_eq!(found, read(&Model::load_with(&dense, options).unwrap()), "the very integers of the file");
            }
            _ => {
                let four = matches!(kind, GgmlDType::Q4_0 | GgmlDType::Q4_1 | GgmlDType::Q4K);
                let (most_nats, least_same) = if four { RANDOM_FOUR_BITS } else { RANDOM_EIGHT_BITS };
                let (nats, same) = divergence(&expected, &found);
                assert!(nats < most_nats && same >= least_same, "{kind:?}: {nats} nats, {same} alike");
            }
        }
        let converted = folder.path().join("converted");
        convert(&file, &converted, Scheme::Q8_0, u64::MAX, &mut |_, _| {}).unwrap();
        if !matches!(kind, GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16) {
            assert_eq!(read(&Model::load(&converted).unwrap()), found, "{kind:?} converted");
        }
        let (of_file, of_folder) = (Tokenizer::load(&file).unwrap(), Tokenizer::load(&converted).unwrap());
        assert_eq!(of_file.digest(), of_folder.digest());
        assert_eq!(of_folder.eos_ids(), [95]);
    }
}

#[test]
fn the_vocabulary_of_a_gguf_file_is_a_tokenizer() {
    let folder = tempfile::tempdir().unwrap();
    random_model(folder.path(), BLOCKS);
    let file = folder.path().join("model.gguf");
    write_gguf(folder.path(), &file, GgmlDType::Q8_0, &metadata(BLOCKS));
    let tokenizer = Tokenizer::load(&file).unwrap();
    assert_eq!(tokenizer.encode("th").unwrap(), [94]);
    assert_eq!(tokenizer.decode(&tokenizer.encode("This-thing").unwrap()).unwrap(), "This-thing");
    assert_eq!(tokenizer.special_id("<end_of_sentence>").unwrap(), 95);
    assert_eq!(tokenizer.encode("<end_of_sentence>").unwrap().len(), 17, "text of a document is never special");
    assert_eq!(tokenizer.vocab_len(), 96, "what pads the vocabulary is no token");
}

#[test]
fn gguf_files_that_are_something_else_are_refused_by_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    random_model(folder.path(), BLOCKS);
    let file = folder.path().join("model.gguf");
    let with = |key: &'static str, value: Value| {
        let mut changed: Vec<_> = metadata(BLOCKS).into_iter().filter(|(k, _)| *k != key).collect();
        changed.push((key, value));
        write_gguf(folder.path(), &file, GgmlDType::F16, &changed);
        Model::load(&file).unwrap_err().to_string()
    };
    for (key, value, part) in [
        ("general.architecture", Value::String("llama".to_owned()), "minimax-01"),
        ("minimax-01.expert_weights_scale", Value::F32(2.5), "expert_weights_scale"),
        ("minimax-01.attention.value_length", Value::U32(32), "value_length"),
        ("minimax-01.attention.recurrent_layers", Value::Array(vec![Value::Bool(true)]), "recurrent_layers"),
        ("minimax-01.rope.scaling.type", Value::String("yarn".to_owned()), "yarn"),
        ("minimax-01.block_count", Value::U32(3), "recurrent_layers"),
    ] {
        let said = with(key, value);
        assert!(said.contains(part), "{key}: {said}");
    }
    write_gguf(folder.path(), &file, GgmlDType::F16, &metadata(BLOCKS));
    let whole = fs::read(&file).unwrap();
    for damaged in [&whole[..whole.len() - 100], &whole[..700], &whole[..3], b"GGUF is not this"] {
        fs::write(&file, damaged).unwrap();
        assert!(matches!(Model::load(&file), Err(LoadError::Damaged { .. })));
    }
}

/// What transformers 5.23 writes for the golden case `m1_tiny`, which it computed itself.
fn native() -> Json {
    let factor = 8f64.powf(0.25);
    json!({
        "architectures": ["MiniMaxForCausalLM"], "attention_dropout": 0.0, "block_size": 256, "bos_token_id": null,
        "dtype": "float32", "eos_token_id": 2, "full_attn_alpha_factor": factor, "full_attn_beta_factor": 1,
        "head_dim": 16, "hidden_act": "silu", "hidden_size": 48, "initializer_range": 0.02, "intermediate_size": 80,
        "layer_types": ["linear_attention", "linear_attention", "linear_attention", "full_attention"],
        "linear_attn_alpha_factor": factor, "linear_attn_beta_factor": 1, "max_position_embeddings": 4096,
        "mlp_alpha_factor": factor, "mlp_beta_factor": 1, "model_type": "minimax", "num_attention_heads": 8,
        "num_experts_per_tok": 2, "num_hidden_layers": 4, "num_key_value_heads": 2, "num_local_experts": 4,
        "output_router_logits": false, "pad_token_id": null, "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_theta": 10_000_000.0, "rope_type": "default", "partial_rotary_factor": 0.5},
        "router_aux_loss_coef": 0.001, "router_jitter_noise": 0.0, "sliding_window": null,
        "tie_word_embeddings": false, "transformers_version": "5.23.0", "use_cache": true, "vocab_size": 384
    })
}

#[test]
fn a_folder_of_transformers_own_class_is_the_same_model() {
    let (folder, released) = (tempfile::tempdir().unwrap(), golden::folder("m1_tiny"));
    fs::copy(released.join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();
    fs::write(folder.path().join("config.json"), native().to_string()).unwrap();
    let (model, expected) = (Model::load(folder.path()).unwrap(), golden::model("m1_tiny"));
    let ids = Golden::of("m1_tiny").ids("input_ids");
    let read = |model: &Model| model.forward(&ids, &mut model.new_state(), Want::All).unwrap();
    assert_eq!(read(&model), read(&expected));
    assert_eq!(model.config().eos_token_ids, [2]);
}

#[test]
fn keys_of_transformers_own_class_are_understood_or_refused() {
    let parse = |change: &dyn Fn(&mut serde_json::Map<String, Json>)| {
        let mut keys = native();
        change(keys.as_object_mut().unwrap());
        Config::from_json(&keys.to_string())
    };
    let rope = |rope: Json| {
        move |keys: &mut serde_json::Map<String, Json>| drop(keys.insert("rope_parameters".into(), rope.clone()))
    };
    let whole = parse(&rope(json!({"rope_theta": 1e6, "rope_type": "default"}))).unwrap();
    assert_eq!(whole.rotary_dim, 16, "its class rotates whole heads unless told otherwise");
    let old = parse(&|keys| {
        keys.remove("rope_parameters");
        keys.insert("rope_theta".into(), json!(5000.0));
    });
    assert!((old.unwrap().rope_theta - 5000.0).abs() < f64::EPSILON);
    let turns = parse(&|keys| drop(keys.remove("layer_types"))).unwrap();
    assert_eq!(turns.attention[0], lectern_model::config::AttentionKind::Softmax);
    assert_eq!(turns.attention[1], lectern_model::config::AttentionKind::Lightning);
    let released = parse(&|keys| {
        keys.insert("rope_parameters".into(), json!({"rope_theta": 1e7, "rope_type": "default"}));
        for (key, value) in
            [("hidden_size", 6144), ("num_hidden_layers", 80), ("vocab_size", 200_064), ("head_dim", 128)]
        {
            keys.insert(key.into(), json!(value));
        }
        keys.remove("layer_types");
    });
    assert_eq!(released.unwrap().rotary_dim, 64, "as the released weights were trained");
    assert!(matches!(parse(&rope(json!({"rope_theta": 1e6, "rope_type": "yarn"}))), Err(ConfigError::Value { .. })));
    assert!(matches!(
        parse(&|keys| drop(keys.insert("layer_types".into(), json!(["sliding"])))),
        Err(ConfigError::Value { .. })
    ));
    assert!(matches!(parse(&|keys| drop(keys.insert("qk_norm".into(), json!(true)))), Err(ConfigError::Parse { .. })));
    assert!(matches!(
        parse(&|keys| drop(keys.insert("num_attention_heads".into(), json!(0)))),
        Err(ConfigError::Value { .. })
    ));
}

/// The release has 413 shards; a process may often hold 256 files open, or fewer.
#[test]
fn many_shards_are_never_open_at_once() {
    let (folder, one) = (tempfile::tempdir().unwrap(), golden::folder("m1_tiny"));
    fs::copy(one.join("config.json"), folder.path().join("config.json")).unwrap();
    let tensors = candle_core::safetensors::load(one.join("model.safetensors"), &Device::Cpu).unwrap();
    let mut map = serde_json::Map::new();
    for (index, (name, tensor)) in tensors.iter().enumerate() {
        let file = format!("model-{index:05}.safetensors");
        candle_core::safetensors::save(&[(name.clone(), tensor.clone())].into(), folder.path().join(&file)).unwrap();
        map.insert(name.clone(), json!(file));
    }
    assert!(map.len() > 60);
    fs::write(folder.path().join("model.safetensors.index.json"), json!({ "weight_map": map }).to_string()).unwrap();
    let before = open_files();
    let model = Model::load(folder.path()).unwrap();
    // Other tests of this program run meanwhile and open a few of their own.
    assert!(open_files() < before + 20, "{} files stay open", open_files() - before);
    let ids = Golden::of("m1_tiny").ids("input_ids");
    let read = |model: &Model| model.forward(&ids, &mut model.new_state(), Want::All).unwrap();
    assert_eq!(read(&model), read(&golden::model("m1_tiny")));
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
