//! `config.json` as transformers writes it for its own class `MiniMaxForCausalLM` (spec 1.6 b), in the keys of the
//! release. The tensors carry the release's names.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{RawConfig, TokenIds, refuse};
use crate::error::ConfigError;

/// Its `model_type`.
pub(super) const MODEL_TYPE: &str = "minimax";

/// Key for key; unknown ones are refused as in the release's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "keys without influence on inference are named so that they are not taken for unknown")]
pub(super) struct NativeConfig {
    architectures: Option<Vec<String>>,
    model_type: String,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    hidden_act: String,
    max_position_embeddings: usize,
    rms_norm_eps: f64,
    tie_word_embeddings: bool,
    num_local_experts: usize,
    num_experts_per_tok: usize,
    /// `full_attention` or `linear_attention`; absent, layers take turns and the first is full.
    layer_types: Option<Vec<String>>,
    #[serde(default = "super::one")]
    full_attn_alpha_factor: f64,
    #[serde(default = "super::one")]
    full_attn_beta_factor: f64,
    #[serde(default = "super::one")]
    linear_attn_alpha_factor: f64,
    #[serde(default = "super::one")]
    linear_attn_beta_factor: f64,
    #[serde(default = "super::one")]
    mlp_alpha_factor: f64,
    #[serde(default = "super::one")]
    mlp_beta_factor: f64,
    /// Since version 5.
    rope_parameters: Option<Rope>,
    /// Before version 5.
    rope_theta: Option<f64>,
    rope_scaling: Option<Value>,
    sliding_window: Option<Value>,
    bos_token_id: Option<u32>,
    eos_token_id: Option<TokenIds>,
    pad_token_id: Option<i64>,
    /// Changes how lightning attention is cut, and nothing else.
    block_size: Option<usize>,
    attention_dropout: Option<f64>,
    initializer_range: Option<f64>,
    output_router_logits: Option<bool>,
    router_aux_loss_coef: Option<f64>,
    router_jitter_noise: Option<f64>,
    use_cache: Option<bool>,
    torch_dtype: Option<String>,
    dtype: Option<String>,
    transformers_version: Option<String>,
    #[serde(rename = "_name_or_path")]
    name_or_path: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rope {
    rope_theta: f64,
    rope_type: Option<String>,
    partial_rotary_factor: Option<f64>,
}

impl NativeConfig {
    /// The same in the release's keys.
    ///
    /// # Errors
    /// A value that this engine does not run.
    pub(super) fn released(self) -> Result<RawConfig, ConfigError> {
        if self.num_attention_heads == 0 {
            return Err(refuse("num_attention_heads", 0, "it must be at least 1"));
        }
        let head_dim = self.head_dim.unwrap_or(self.hidden_size / self.num_attention_heads);
        let rotary_dim = self.rotary_dim(head_dim);
        if let Some(kind) = self.rope_parameters.as_ref().and_then(|rope| rope.rope_type.as_deref())
            && kind != "default"
        {
            return Err(refuse("rope_type", kind, "only \"default\" is supported"));
        }
        let theta = self.rope_parameters.as_ref().map(|rope| rope.rope_theta).or(self.rope_theta);
        let theta = theta.ok_or_else(|| refuse("rope_parameters", (), "the base of the rotation must be given"))?;
        let raw = json!({
            "model_type": "minimax_text_01",
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "head_dim": head_dim,
            "rotary_dim": rotary_dim,
            "rope_theta": theta,
            "rope_scaling": self.rope_scaling,
            "sliding_window": self.sliding_window,
            "max_position_embeddings": self.max_position_embeddings,
            "rms_norm_eps": self.rms_norm_eps,
            "num_local_experts": self.num_local_experts,
            "num_experts_per_tok": self.num_experts_per_tok,
            "attn_type_list": self.attention()?,
            "postnorm": true,
            "layernorm_full_attention_alpha": self.full_attn_alpha_factor,
            "layernorm_full_attention_beta": self.full_attn_beta_factor,
            "layernorm_linear_attention_alpha": self.linear_attn_alpha_factor,
            "layernorm_linear_attention_beta": self.linear_attn_beta_factor,
            "layernorm_mlp_alpha": self.mlp_alpha_factor,
            "layernorm_mlp_beta": self.mlp_beta_factor,
            "hidden_act": self.hidden_act,
            "tie_word_embeddings": self.tie_word_embeddings,
            "bos_token_id": self.bos_token_id,
        });
        let path = std::path::PathBuf::from("config");
        let mut raw: RawConfig = serde_json::from_value(raw).map_err(|source| ConfigError::Parse { path, source })?;
        raw.eos_token_id = self.eos_token_id;
        Ok(raw)
    }

    /// What the file says; else the whole head, as this class computes it. Of the released MiniMax-Text-01 in this form,
    /// which names no part, half of a head: that is how it was trained, and transformers up to 5.23 gets it wrong (spec
    /// 1.6, trap 1).
    fn rotary_dim(&self, head_dim: usize) -> usize {
        let stated = self.rope_parameters.as_ref().and_then(|rope| rope.partial_rotary_factor);
        let released = (self.hidden_size, self.num_hidden_layers, self.vocab_size) == (6144, 80, 200_064);
        let share = stated.unwrap_or(if released { 0.5 } else { 1.0 });
        (head_dim as f64 * share) as usize
    }

    fn attention(&self) -> Result<Vec<u8>, ConfigError> {
        let Some(kinds) = &self.layer_types else {
            return Ok((0..self.num_hidden_layers).map(|layer| u8::from(layer % 2 == 0)).collect());
        };
        let kind = |name: &String| match name.as_str() {
            "full_attention" => Ok(1),
            "linear_attention" => Ok(0),
            _ => Err(refuse("layer_types", name, "each is \"full_attention\" or \"linear_attention\"")),
        };
        kinds.iter().map(kind).collect()
    }
}
