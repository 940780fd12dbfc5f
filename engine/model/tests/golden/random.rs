//! Tiny models of random weights, and how far two models' predictions lie apart.

use std::path::Path;

use lectern_model::model::Logits;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// Mean divergence of `b` from `a` in nats, and the share of rows with the same arg-max.
pub(crate) fn divergence(a: &Logits, b: &Logits) -> (f64, f64) {
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

pub(crate) fn ids(count: usize) -> Vec<u32> {
    (0..count as u32).map(|i| i.wrapping_mul(2_654_435_761) / 7 % 160).collect()
}

/// Values in -1..1 that repeat for the same seed.
pub(crate) fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..count)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

/// Widths of a random model.
#[derive(Clone, Copy)]
pub(crate) struct Widths {
    pub(crate) hidden: usize,
    pub(crate) inner: usize,
    pub(crate) dim: usize,
    /// Of the shared expert; 0 for none.
    pub(crate) shared: usize,
}

/// Every width can be packed.
pub(crate) const SMALL: Widths = Widths { hidden: 64, inner: 96, dim: 32, shared: 64 };
/// Every width holds whole blocks of 256, and there is nothing that GGUF has no name for.
pub(crate) const BLOCKS: Widths = Widths { hidden: 256, inner: 256, dim: 64, shared: 0 };

/// Writes a model of random weights: lightning and softmax attention, four experts.
pub(crate) fn random_model(folder: &Path, widths: Widths) {
    let Widths { hidden, inner, dim, shared } = widths;
    let (vocab, heads, groups) = (160, 4, 2);
    let kinds = [0, 1, 0, 0];
    let config = serde_json::json!({
        "architectures": ["MiniMaxM1ForCausalLM"], "model_type": "minimax_m1", "vocab_size": vocab, "hidden_size": hidden,
        "intermediate_size": inner, "num_hidden_layers": kinds.len(), "num_attention_heads": heads,
        "num_key_value_heads": groups, "head_dim": dim, "rotary_dim": 16, "rope_theta": 10000, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 4096, "num_local_experts": 4, "num_experts_per_tok": 2, "attn_type_list": kinds,
        "postnorm": true, "layernorm_full_attention_alpha": 1.5, "layernorm_full_attention_beta": 1.0,
        "layernorm_linear_attention_alpha": 1.5, "layernorm_linear_attention_beta": 1.0, "layernorm_mlp_alpha": 1.5,
        "layernorm_mlp_beta": 1.0, "shared_intermediate_size": shared, "shared_moe_mode": "sigmoid", "hidden_act": "silu",
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
        if shared > 0 {
            add("shared_mlp.gate_proj", &[shared, hidden]);
            add("shared_mlp.up_proj", &[shared, hidden]);
            add("shared_mlp.down_proj", &[hidden, shared]);
            add("coefficient", &[1, hidden]);
        }
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
