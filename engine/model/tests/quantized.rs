//! Whole models in few bits: near the same weights in f32, alike however they are cut, the same from a converted folder.

mod golden;

use std::path::{Path, PathBuf};

use golden::tolerances::{EIGHT_BITS, FOUR_BITS, RANDOM_EIGHT_BITS, RANDOM_FOUR_BITS, RECUT};
use lectern_model::convert::{ConvertError, convert};
use lectern_model::error::LoadError;
use lectern_model::model::{LoadOptions, Logits, Model, ModelOptions, Want};
use lectern_model::quant::Scheme;
use lectern_model::state::{State, StateIdentity};
use lectern_model::tokenizer::Tokenizer;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

fn load(folder: &Path, scheme: Scheme) -> Model {
    Model::load_with(folder, LoadOptions { quantize: Some(scheme), ..LoadOptions::default() }).unwrap()
}

fn read(model: &Model, ids: &[u32]) -> Logits {
    model.forward(ids, &mut model.new_state(), Want::All).unwrap()
}

/// Mean divergence of `b` from `a` in nats, and the share of rows with the same arg-max.
fn divergence(a: &Logits, b: &Logits) -> (f64, f64) {
    let (mut nats, mut same) = (0.0, 0usize);
    for t in 0..a.rows {
        let (a, b) = (log_softmax(a.row(t).unwrap()), log_softmax(b.row(t).unwrap()));
        nats += a.iter().zip(&b).map(|(p, q)| p.exp() * (p - q)).sum::<f64>();
        let best = |l: &[f64]| (0..l.len()).max_by(|i, j| l[*i].total_cmp(&l[*j]));
        same += usize::from(best(&a) == best(&b));
    }
    (nats / a.rows as f64, same as f64 / a.rows as f64)
}

fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = logits.iter().map(|l| f64::from(l - largest).exp()).sum();
    logits.iter().map(|l| f64::from(l - largest) - total.ln()).collect()
}

fn ids(count: usize) -> Vec<u32> {
    (0..count as u32).map(|i| i.wrapping_mul(2_654_435_761) / 7 % 160).collect()
}

/// Writes a model of random weights whose every width can be packed: lightning and softmax attention, four experts.
fn random_model(folder: &Path) {
    let (vocab, hidden, inner, heads, groups, dim) = (160, 64, 96, 4, 2, 32);
    let kinds = [0, 1, 0, 0];
    let config = serde_json::json!({
        "architectures": ["MiniMaxM1ForCausalLM"], "model_type": "minimax_m1", "vocab_size": vocab, "hidden_size": hidden,
        "intermediate_size": inner, "num_hidden_layers": kinds.len(), "num_attention_heads": heads,
        "num_key_value_heads": groups, "head_dim": dim, "rotary_dim": 16, "rope_theta": 10000, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 4096, "num_local_experts": 4, "num_experts_per_tok": 2, "attn_type_list": kinds,
        "postnorm": true, "layernorm_full_attention_alpha": 1.5, "layernorm_full_attention_beta": 1.0,
        "layernorm_linear_attention_alpha": 1.5, "layernorm_linear_attention_beta": 1.0, "layernorm_mlp_alpha": 1.5,
        "layernorm_mlp_beta": 1.0, "shared_intermediate_size": 64, "shared_moe_mode": "sigmoid", "hidden_act": "silu",
        "tie_word_embeddings": false, "torch_dtype": "float32"});
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let mut shapes = vec![("model.embed_tokens.weight".to_owned(), vec![vocab, hidden])];
    shapes.push(("lm_head.weight".to_owned(), vec![vocab, hidden]));
    shapes.push(("model.norm.weight".to_owned(), vec![hidden]));
    for (layer, kind) in kinds.iter().enumerate() {
        let at = format!("model.layers.{layer}");
        let wide = heads * dim;
        let mut add = |name: &str, shape: &[usize]| shapes.push((format!("{at}.{name}.weight"), shape.to_vec()));
        add("input_layernorm", &[hidden]);
        add("post_attention_layernorm", &[hidden]);
        if *kind == 0 {
            add("self_attn.qkv_proj", &[3 * wide, hidden]);
            add("self_attn.output_gate", &[wide, hidden]);
            add("self_attn.norm", &[wide]);
            add("self_attn.out_proj", &[hidden, wide]);
        } else {
            add("self_attn.q_proj", &[wide, hidden]);
            add("self_attn.k_proj", &[groups * dim, hidden]);
            add("self_attn.v_proj", &[groups * dim, hidden]);
            add("self_attn.o_proj", &[hidden, wide]);
        }
        add("block_sparse_moe.gate", &[4, hidden]);
        for expert in 0..4 {
            add(&format!("block_sparse_moe.experts.{expert}.w1"), &[inner, hidden]);
            add(&format!("block_sparse_moe.experts.{expert}.w3"), &[inner, hidden]);
            add(&format!("block_sparse_moe.experts.{expert}.w2"), &[hidden, inner]);
        }
        add("shared_mlp.gate_proj", &[64, hidden]);
        add("shared_mlp.up_proj", &[64, hidden]);
        add("shared_mlp.down_proj", &[hidden, 64]);
        add("coefficient", &[1, hidden]);
    }
    let mut noise = 0x9E37_79B9_7F4A_7C15u64;
    let mut random = |size: f32| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        ((noise % 2_000_001) as f32 / 1_000_000.0 - 1.0) * size
    };
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = shapes
        .into_iter()
        .map(|(name, shape)| {
            let count: usize = shape.iter().product();
            let value = |r: &mut dyn FnMut(f32) -> f32| match shape.len() {
                1 => 1.0 + r(0.2),
                _ => r(3f32.sqrt() / (shape[1] as f32).sqrt()),
            };
            let bytes = (0..count).flat_map(|_| value(&mut random).to_le_bytes()).collect();
            (name, shape, bytes)
        })
        .collect();
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    safetensors::serialize_to_file(views, None, &folder.join("model.safetensors")).unwrap();
}

#[test]
fn a_model_with_experts_in_few_bits_says_nearly_the_same() {
    let folder = tempfile::tempdir().unwrap();
    random_model(folder.path());
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
    random_model(folder.path());
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
    random_model(&from);
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
    random_model(folder.path());
    convert(folder.path(), &to, Scheme::Q4_0, u64::MAX, &mut |_, _| ()).unwrap();
    let config = std::fs::read_to_string(to.join("config.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
    config["intermediate_size"] = (config["intermediate_size"].as_u64().unwrap() + 32).into();
    std::fs::write(to.join("config.json"), config.to_string()).unwrap();
    let Err(LoadError::Mismatch { misfits, .. }) = Model::load(&to) else { panic!("it was accepted") };
    assert!(misfits.iter().all(|m| m.name.contains("experts")) && !misfits.is_empty(), "{misfits:?}");
}

fn interim() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/interim");
    if folder.join("model.safetensors").exists() {
        return Some(folder);
    }
    assert!(std::env::var_os("LECTERN_REQUIRE_MODEL").is_none(), "no interim model; run ./dev setup");
    eprintln!("SKIPPED: no interim model; run ./dev setup");
    None
}

/// Real weights, real text.
#[test]
fn the_interim_model_in_few_bits_says_nearly_the_same() {
    let Some(folder) = interim() else { return };
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
