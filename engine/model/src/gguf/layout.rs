//! Keys and tensor names of GGUF in those of the release.

use serde_json::{Value as Json, json};

use super::{ARCHITECTURE, Header};
use crate::error::ConfigError;
use candle_core::quantized::gguf_file::Value;

/// Every `full_attention_interval`-th layer is softmax where the file does not say which; llama.cpp's default.
const DEFAULT_INTERVAL: u64 = 8;
/// Keys of the architecture that are read, or say nothing that changes a result.
const KNOWN: [&str; 19] = [
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "vocab_size",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.layer_norm_rms_epsilon",
    "attention.recurrent_layers",
    "full_attention_interval",
    "rope.freq_base",
    "rope.dimension_count",
    "expert_count",
    "expert_used_count",
    "expert_feed_forward_length",
    "residual_scale",
    "rope.scaling.type",
];

fn refused(key: &'static str, value: impl std::fmt::Debug, expected: &str) -> ConfigError {
    ConfigError::Value { key, value: format!("{value:?}"), expected: expected.to_owned() }
}

/// `config.json` as JSON. The norm inside lightning attention keeps the reference's epsilon: llama.cpp uses the one of
/// the other norms there, and the file does not say which was trained with.
pub(super) fn config(header: &Header) -> Result<Json, ConfigError> {
    let prefix = format!("{ARCHITECTURE}.");
    let foreign = |key: &&String| key.strip_prefix(&prefix).is_some_and(|key| !KNOWN.contains(&key));
    if let Some(key) = header.metadata.keys().find(foreign) {
        return Err(refused("GGUF metadata", key, "no key of that name is known, and none is left aside"));
    }
    let key = |name: &str| format!("{prefix}{name}");
    if let Some(scaling) = header.text(&key("rope.scaling.type")).filter(|kind| *kind != "none") {
        return Err(refused("rope.scaling.type", scaling, "only \"none\" is supported"));
    }
    let number = |name: &'static str| {
        header.number(&key(name)).ok_or_else(|| refused(name, (), "the file must have it, as a whole number"))
    };
    let real = |name: &'static str| header.real(&key(name)).ok_or_else(|| refused(name, (), "the file must have it"));
    let table = header.matrix("token_embd.weight");
    let (vocab_size, hidden) = table.ok_or_else(|| refused("token_embd.weight", (), "the file must have it"))?;
    let (layers, heads) = (number("block_count")?, number("attention.head_count")?);
    let head_dim = header.number(&key("attention.key_length")).unwrap_or(hidden as u64 / heads.max(1));
    let value_dim = header.number(&key("attention.value_length")).unwrap_or(head_dim);
    if value_dim != head_dim {
        return Err(refused("attention.value_length", value_dim, "keys and values must be equally wide"));
    }
    let scale = header.real(&key("residual_scale")).unwrap_or(1.0);
    let inner = header.number(&key("expert_feed_forward_length")).map_or_else(|| number("feed_forward_length"), Ok)?;
    Ok(json!({
        "architectures": ["MiniMaxM1ForCausalLM"],
        "model_type": "minimax_m1",
        "vocab_size": vocab_size,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": header.number(&key("attention.head_count_kv")).unwrap_or(heads),
        "head_dim": head_dim,
        "rotary_dim": header.number(&key("rope.dimension_count")).unwrap_or(head_dim),
        "rope_theta": real("rope.freq_base")?,
        "max_position_embeddings": number("context_length")?,
        "rms_norm_eps": real("attention.layer_norm_rms_epsilon")?,
        "num_local_experts": number("expert_count")?,
        "num_experts_per_tok": number("expert_used_count")?,
        "attn_type_list": attention(header, &key, layers)?,
        "postnorm": true,
        "layernorm_full_attention_alpha": scale,
        "layernorm_linear_attention_alpha": scale,
        "layernorm_mlp_alpha": scale,
        "tie_word_embeddings": !header.has_tensor("output.weight"),
        "bos_token_id": header.number("tokenizer.ggml.bos_token_id"),
        "eos_token_id": header.eos_token_ids(),
    }))
}

/// 1 for softmax and 0 for lightning, a layer each, in llama.cpp's order of precedence.
fn attention(header: &Header, key: &impl Fn(&str) -> String, layers: u64) -> Result<Vec<u8>, ConfigError> {
    let recurrent = key("attention.recurrent_layers");
    let truth = |value: &Value| match value {
        Value::Bool(value) => Some(*value),
        Value::I32(value) => Some(*value != 0),
        value => value.to_u64().ok().map(|value| value != 0),
    };
    if let Some(list) = header.list(&recurrent) {
        let kinds: Option<Vec<u8>> = list.iter().map(|value| truth(value).map(|linear| u8::from(!linear))).collect();
        return kinds
            .filter(|kinds| kinds.len() as u64 == layers)
            .ok_or_else(|| refused("attention.recurrent_layers", list.len(), "one truth value for each layer"));
    }
    if let Some(linear) = header.metadata.get(&recurrent).and_then(truth) {
        return Ok(vec![u8::from(!linear); usize::try_from(layers).unwrap_or(0)]);
    }
    let interval = header.number(&key("full_attention_interval")).unwrap_or(DEFAULT_INTERVAL);
    Ok((1..=layers).map(|layer| u8::from(interval > 0 && layer % interval == 0)).collect())
}

/// The tensors of the release that one tensor of a GGUF file holds, one after the other, and the shape of each.
pub(super) struct Parts {
    pub(super) names: Vec<String>,
    pub(super) shape: Vec<usize>,
}

/// `shape` has the outermost dimension first. `softmax` tells of a layer whether it has softmax attention. `None` for a
/// name that is not known.
pub(super) fn released(name: &str, shape: &[usize], softmax: impl Fn(&str) -> bool) -> Option<Parts> {
    let one = |name: String| Some(Parts { names: vec![name], shape: shape.to_vec() });
    match name {
        "token_embd.weight" => return one("model.embed_tokens.weight".to_owned()),
        "output_norm.weight" => return one("model.norm.weight".to_owned()),
        "output.weight" => return one("lm_head.weight".to_owned()),
        _ => {}
    }
    let (layer, part) = name.strip_prefix("blk.")?.strip_suffix(".weight")?.split_once('.')?;
    let at = format!("model.layers.{layer}");
    let attention = |part: &str| one(format!("{at}.self_attn.{part}.weight"));
    let experts = |part: &str| {
        let &[count, rows, columns] = shape else { return None };
        let names = (0..count).map(|e| format!("{at}.block_sparse_moe.experts.{e}.{part}.weight")).collect();
        Some(Parts { names, shape: vec![rows, columns] })
    };
    match part {
        "attn_norm" => one(format!("{at}.input_layernorm.weight")),
        "ffn_norm" => one(format!("{at}.post_attention_layernorm.weight")),
        "attn_qkv" => attention("qkv_proj"),
        "attn_gate" => attention("output_gate"),
        "attn_norm_2" => attention("norm"),
        "attn_output" if softmax(layer) => attention("o_proj"),
        "attn_output" => attention("out_proj"),
        "attn_q" => attention("q_proj"),
        "attn_k" => attention("k_proj"),
        "attn_v" => attention("v_proj"),
        "ffn_gate_inp" => one(format!("{at}.block_sparse_moe.gate.weight")),
        "ffn_gate_exps" => experts("w1"),
        "ffn_up_exps" => experts("w3"),
        "ffn_down_exps" => experts("w2"),
        _ => None,
    }
}
