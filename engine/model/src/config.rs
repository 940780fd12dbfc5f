//! The model's description: `config.json` as it is on disk, and the checked form everything else uses.
//!
//! Keys and defaults follow the MiniMax-M1 release (spec section 1.1); those that transformers writes for its own class
//! are turned into them. An unknown key is refused: a key that is
//! silently ignored is how a port computes something else than the model it loads.

mod native;

use std::path::Path;

use serde::Deserialize;

use crate::error::ConfigError;
use crate::state::KvPrecision;

/// Model types of this layout: the release writes `minimax_m1`, its class says `MiniMaxM1`, Text-01 has its own.
const MODEL_TYPES: [&str; 4] = ["minimax_m1", "MiniMaxM1", "minimax_text_01", "MiniMaxText01"];
const ARCHITECTURES: [&str; 2] = ["MiniMaxM1ForCausalLM", "MiniMaxText01ForCausalLM"];
/// Class default of the norm inside lightning attention in the reference; it does not follow `rms_norm_eps`.
const LINEAR_NORM_EPS: f64 = 1e-6;

/// `config.json`, key for key. Keys without influence on inference are read and left aside.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {
    /// Class names, e.g. `["MiniMaxM1ForCausalLM"]`.
    pub architectures: Option<Vec<String>>,
    /// E.g. `minimax_m1`.
    pub model_type: String,
    /// V: rows of the embedding.
    pub vocab_size: usize,
    /// C: width of the residual stream.
    pub hidden_size: usize,
    /// Inner width of one expert.
    pub intermediate_size: usize,
    /// L: number of layers.
    pub num_hidden_layers: usize,
    /// H: query heads.
    pub num_attention_heads: usize,
    /// G: key/value heads of softmax layers; H when absent.
    pub num_key_value_heads: Option<usize>,
    /// D: width of a head; `hidden_size / num_attention_heads` when absent.
    pub head_dim: Option<usize>,
    /// Dimensions of a head that are rotated; `head_dim` when absent.
    pub rotary_dim: Option<usize>,
    /// Base of the rotation.
    pub rope_theta: f64,
    /// Only `null` is understood.
    #[serde(default)]
    pub rope_scaling: Option<serde_json::Value>,
    /// Context length in tokens.
    pub max_position_embeddings: usize,
    /// Epsilon of the layer norms and the final norm.
    pub rms_norm_eps: f64,
    /// Epsilon of the norm inside lightning attention; 1e-6 when absent. Not a key of the release.
    pub linear_norm_eps: Option<f64>,
    /// E: experts per layer.
    pub num_local_experts: usize,
    /// Experts used for a token.
    pub num_experts_per_tok: usize,
    /// 0 = lightning, 1 = softmax, one per layer.
    pub attn_type_list: Vec<u8>,
    /// Whether the residual is taken after the norm.
    #[serde(default)]
    pub postnorm: bool,
    /// Residual factor around softmax attention.
    #[serde(default = "one")]
    pub layernorm_full_attention_alpha: f64,
    /// Branch factor of softmax attention.
    #[serde(default = "one")]
    pub layernorm_full_attention_beta: f64,
    /// Residual factor around lightning attention.
    #[serde(default = "one")]
    pub layernorm_linear_attention_alpha: f64,
    /// Branch factor of lightning attention.
    #[serde(default = "one")]
    pub layernorm_linear_attention_beta: f64,
    /// Residual factor around the experts.
    #[serde(default = "one")]
    pub layernorm_mlp_alpha: f64,
    /// Branch factor of the experts.
    #[serde(default = "one")]
    pub layernorm_mlp_beta: f64,
    /// Inner width of the shared expert; 0 for none.
    #[serde(default)]
    pub shared_intermediate_size: usize,
    /// Only `sigmoid` exists.
    #[serde(default = "sigmoid")]
    pub shared_moe_mode: String,
    /// Only `silu` exists.
    #[serde(default = "silu")]
    pub hidden_act: String,
    /// Whether the embedding is also the head.
    #[serde(default)]
    pub tie_word_embeddings: bool,
    /// Only `null` is understood.
    #[serde(default)]
    pub sliding_window: Option<serde_json::Value>,
    /// Only `null` is understood.
    #[serde(default)]
    pub quantization_config: Option<serde_json::Value>,
    /// Beginning of a text; `null` in the release.
    #[serde(default)]
    pub bos_token_id: Option<u32>,
    /// End of a text: one id, several, or `null` as in the release.
    #[serde(default)]
    pub eos_token_id: Option<TokenIds>,
    /// Filler of batches; unused.
    #[serde(default)]
    pub pad_token_id: Option<i64>,
    /// Type the weights were saved in; the files themselves say it.
    #[serde(default)]
    pub torch_dtype: Option<String>,
    /// Newer spelling of `torch_dtype`.
    #[serde(default)]
    pub dtype: Option<String>,
    /// Training only.
    #[serde(default)]
    pub attention_dropout: Option<f64>,
    /// Training only.
    #[serde(default)]
    pub router_aux_loss_coef: Option<f64>,
    /// Training only.
    #[serde(default)]
    pub router_jitter_noise: Option<f64>,
    /// Training only.
    #[serde(default)]
    pub initializer_range: Option<f64>,
    /// Training only.
    #[serde(default)]
    pub output_router_logits: Option<bool>,
    /// What the Python class would do; this engine always keeps a state.
    #[serde(default)]
    pub use_cache: Option<bool>,
    /// Where the Python code lies.
    #[serde(default)]
    pub auto_map: Option<serde_json::Value>,
    /// Version of the Python library that wrote the file.
    #[serde(default)]
    pub transformers_version: Option<String>,
    /// Where the file was loaded from when it was written.
    #[serde(default, rename = "_name_or_path")]
    pub name_or_path: Option<String>,
}

/// The key that says which other keys to expect.
#[derive(Deserialize)]
struct Kind {
    model_type: String,
}

/// One token id or a list of them.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum TokenIds {
    /// A single id.
    One(u32),
    /// Several.
    Many(Vec<u32>),
}

fn one() -> f64 {
    1.0
}

fn sigmoid() -> String {
    "sigmoid".to_owned()
}

fn silu() -> String {
    "silu".to_owned()
}

/// How a layer's tokens see earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionKind {
    /// Linear attention with a fixed-size state (spec 1.3).
    Lightning,
    /// Softmax attention with a key/value cache (spec 1.4).
    Softmax,
}

/// `h = alpha * residual + beta * branch` (spec 1.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixing {
    /// Factor of the residual.
    pub alpha: f32,
    /// Factor of the branch.
    pub beta: f32,
}

/// A checked model description.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// V.
    pub vocab_size: usize,
    /// C.
    pub hidden_size: usize,
    /// Inner width of one expert.
    pub intermediate_size: usize,
    /// H.
    pub num_attention_heads: usize,
    /// G; divides H.
    pub num_key_value_heads: usize,
    /// D. `H * D` need not be `C`.
    pub head_dim: usize,
    /// Rotated dimensions of a head in softmax layers; even, at most D.
    pub rotary_dim: usize,
    /// Base of the rotation.
    pub rope_theta: f64,
    /// Most tokens a state may hold (`max_position_embeddings`).
    pub context_length: usize,
    /// Epsilon of the layer norms and the final norm.
    pub rms_norm_eps: f64,
    /// Epsilon of the norm inside lightning attention.
    pub linear_norm_eps: f64,
    /// E.
    pub num_local_experts: usize,
    /// Experts used for a token, 1..=E.
    pub num_experts_per_tok: usize,
    /// Kind of each layer's attention; its length is L.
    pub attention: Vec<AttentionKind>,
    /// Whether the residual is taken after the norm.
    pub postnorm: bool,
    /// Mixing around softmax attention.
    pub full_attention: Mixing,
    /// Mixing around lightning attention.
    pub linear_attention: Mixing,
    /// Mixing around the experts.
    pub mlp: Mixing,
    /// Inner width of the shared expert; `None` for none.
    pub shared_intermediate_size: Option<usize>,
    /// Whether the embedding is also the head.
    pub tie_word_embeddings: bool,
    /// Beginning of a text, if the file names it.
    pub bos_token_id: Option<u32>,
    /// Ends of a text, as far as the file names them; the tokenizer may know more.
    pub eos_token_ids: Vec<u32>,
}

impl Config {
    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// The file cannot be read, or what [`Config::from_json`] refuses.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Config::parse(&text, path)
    }

    /// Checks the text of a `config.json`.
    ///
    /// # Errors
    /// Unknown, absent or ill-typed keys, and values that cannot be, each with key and value.
    pub fn from_json(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("config"))
    }

    pub(crate) fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
        let unread = |source| ConfigError::Parse { path: path.to_owned(), source };
        let kind: Kind = serde_json::from_str(text).map_err(unread)?;
        if kind.model_type == native::MODEL_TYPE {
            let native: native::NativeConfig = serde_json::from_str(text).map_err(unread)?;
            return native.released()?.check();
        }
        let raw: RawConfig = serde_json::from_str(text).map_err(unread)?;
        raw.check()
    }

    /// L, the number of layers.
    #[must_use]
    pub fn num_hidden_layers(&self) -> usize {
        self.attention.len()
    }

    /// `H * D`, the width of all heads together.
    #[must_use]
    pub fn attention_width(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }

    /// `G * D`, the width of all key (or value) heads together.
    #[must_use]
    pub fn key_value_width(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }

    /// Layers of one kind.
    #[must_use]
    pub fn layers_of(&self, kind: AttentionKind) -> usize {
        self.attention.iter().filter(|&&k| k == kind).count()
    }

    /// Bytes of a state that do not grow with the text: `[H, D, D]` f32 per lightning layer.
    #[must_use]
    pub fn state_bytes_fixed(&self) -> u64 {
        let per_layer = self.num_attention_heads * self.head_dim * self.head_dim * size_of::<f32>();
        (self.layers_of(AttentionKind::Lightning) * per_layer) as u64
    }

    /// Bytes of a state per token read: keys and values `[G, D]` per softmax layer.
    #[must_use]
    pub fn state_bytes_per_token(&self, precision: KvPrecision) -> u64 {
        let layers = self.layers_of(AttentionKind::Softmax);
        (layers * 2 * self.num_key_value_heads * precision.bytes(self.head_dim)) as u64
    }

    /// Weights of the whole model.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.count_parameters(self.num_local_experts) + self.embedding_parameters()
    }

    /// Weights one token passes through, embedding and head left out (the count the paper calls active).
    #[must_use]
    pub fn active_parameters(&self) -> u64 {
        self.count_parameters(self.num_experts_per_tok)
    }

    /// Floating-point operations to read one token when `positions` tokens are before it: two per active weight,
    /// plus scores and sums over the cache in softmax layers, plus update and query in lightning layers.
    #[must_use]
    pub fn flops_per_token(&self, positions: usize) -> u64 {
        let width = self.attention_width() as u64;
        let softmax = self.layers_of(AttentionKind::Softmax) as u64 * 4 * width * positions as u64;
        let lightning = self.layers_of(AttentionKind::Lightning) as u64 * 4 * width * self.head_dim as u64;
        2 * self.active_parameters() + softmax + lightning
    }

    /// The same if every layer had softmax attention, with the projections that it has.
    #[must_use]
    pub fn flops_per_token_all_softmax(&self, positions: usize) -> u64 {
        let attention = self.num_hidden_layers() as u64 * 4 * self.attention_width() as u64 * positions as u64;
        2 * self.active_parameters() + attention
    }

    fn embedding_parameters(&self) -> u64 {
        let matrices = if self.tie_word_embeddings { 1 } else { 2 };
        (matrices * self.vocab_size * self.hidden_size + self.hidden_size) as u64
    }

    fn count_parameters(&self, experts: usize) -> u64 {
        let (c, wide, kv) = (self.hidden_size, self.attention_width(), self.key_value_width());
        let attention: usize = self
            .attention
            .iter()
            .map(|kind| match kind {
                AttentionKind::Lightning => 3 * wide * c + 2 * wide * c + wide,
                AttentionKind::Softmax => 2 * wide * c + 2 * kv * c,
            })
            .sum();
        let shared = self.shared_intermediate_size.map_or(0, |inner| 3 * inner * c + c);
        let rest = experts * 3 * self.intermediate_size * c + self.num_local_experts * c + shared + 2 * c;
        (attention + self.num_hidden_layers() * rest) as u64
    }
}

/// Floating-point operations of DeepSeek-R1 to read one token after `positions` others, for comparison: two for each of
/// 37 billion active weights, and in each of 61 layers, for each of 128 heads, 192 multiplications and additions for a
/// score and 128 for a sum (multi-head latent attention with keys and values written out, as in its paper's prefill).
#[must_use]
pub fn deepseek_r1_flops_per_token(positions: usize) -> u64 {
    2 * 37_000_000_000 + 61 * 128 * 2 * (192 + 128) * positions as u64
}

/// A value that cannot be.
fn refuse(key: &'static str, value: impl std::fmt::Debug, expected: impl Into<String>) -> ConfigError {
    ConfigError::Value { key, value: format!("{value:?}"), expected: expected.into() }
}

fn positive(key: &'static str, value: usize) -> Result<usize, ConfigError> {
    if value == 0 { Err(refuse(key, value, "it must be at least 1")) } else { Ok(value) }
}

/// A finite number that also fits f32.
fn finite(key: &'static str, value: f64) -> Result<f32, ConfigError> {
    let narrow = value as f32;
    if narrow.is_finite() { Ok(narrow) } else { Err(refuse(key, value, "it must be a finite number")) }
}

fn epsilon(key: &'static str, value: f64) -> Result<f64, ConfigError> {
    if value > 0.0 && value < 1.0 { Ok(value) } else { Err(refuse(key, value, "it must lie between 0 and 1")) }
}

fn absent(key: &'static str, value: &Option<serde_json::Value>) -> Result<(), ConfigError> {
    match value {
        None => Ok(()),
        Some(value) => {
            Err(ConfigError::Value { key, value: value.to_string(), expected: "only null is supported".to_owned() })
        }
    }
}

impl RawConfig {
    /// Checks every value and works out the defaults.
    ///
    /// # Errors
    /// The first value that cannot be.
    pub fn check(&self) -> Result<Config, ConfigError> {
        self.check_kind()?;
        let hidden_size = positive("hidden_size", self.hidden_size)?;
        let (num_attention_heads, num_key_value_heads, head_dim, rotary_dim) = self.check_heads(hidden_size)?;
        let (num_local_experts, num_experts_per_tok) = self.check_experts()?;
        if !(self.rope_theta.is_finite() && self.rope_theta > 1.0) {
            return Err(refuse("rope_theta", self.rope_theta, "it must be greater than 1"));
        }
        let vocab_size = positive("vocab_size", self.vocab_size)?;
        if u32::try_from(vocab_size).is_err() {
            return Err(refuse("vocab_size", vocab_size, "token ids have 32 bits"));
        }
        Ok(Config {
            vocab_size,
            hidden_size,
            intermediate_size: positive("intermediate_size", self.intermediate_size)?,
            num_attention_heads,
            num_key_value_heads,
            head_dim,
            rotary_dim,
            rope_theta: self.rope_theta,
            context_length: positive("max_position_embeddings", self.max_position_embeddings)?,
            rms_norm_eps: epsilon("rms_norm_eps", self.rms_norm_eps)?,
            linear_norm_eps: epsilon("linear_norm_eps", self.linear_norm_eps.unwrap_or(LINEAR_NORM_EPS))?,
            num_local_experts,
            num_experts_per_tok,
            attention: self.check_layers()?,
            postnorm: self.postnorm,
            full_attention: Mixing {
                alpha: finite("layernorm_full_attention_alpha", self.layernorm_full_attention_alpha)?,
                beta: finite("layernorm_full_attention_beta", self.layernorm_full_attention_beta)?,
            },
            linear_attention: Mixing {
                alpha: finite("layernorm_linear_attention_alpha", self.layernorm_linear_attention_alpha)?,
                beta: finite("layernorm_linear_attention_beta", self.layernorm_linear_attention_beta)?,
            },
            mlp: Mixing {
                alpha: finite("layernorm_mlp_alpha", self.layernorm_mlp_alpha)?,
                beta: finite("layernorm_mlp_beta", self.layernorm_mlp_beta)?,
            },
            shared_intermediate_size: (self.shared_intermediate_size > 0).then_some(self.shared_intermediate_size),
            tie_word_embeddings: self.tie_word_embeddings,
            bos_token_id: self.bos_token_id,
            eos_token_ids: match &self.eos_token_id {
                None => Vec::new(),
                Some(TokenIds::One(id)) => vec![*id],
                Some(TokenIds::Many(ids)) => ids.clone(),
            },
        })
    }

    fn check_kind(&self) -> Result<(), ConfigError> {
        if !MODEL_TYPES.contains(&self.model_type.as_str()) {
            return Err(refuse(
                "model_type",
                &self.model_type,
                format!("one of {} is supported", MODEL_TYPES.join(", ")),
            ));
        }
        if let Some(names) = &self.architectures
            && !names.iter().any(|name| ARCHITECTURES.contains(&name.as_str()))
        {
            return Err(refuse("architectures", names, format!("one of {} is supported", ARCHITECTURES.join(", "))));
        }
        if self.hidden_act != "silu" {
            return Err(refuse("hidden_act", &self.hidden_act, "only \"silu\" is supported"));
        }
        if self.shared_moe_mode != "sigmoid" {
            return Err(refuse("shared_moe_mode", &self.shared_moe_mode, "only \"sigmoid\" is supported"));
        }
        absent("rope_scaling", &self.rope_scaling)?;
        absent("sliding_window", &self.sliding_window)?;
        absent("quantization_config", &self.quantization_config)
    }

    fn check_heads(&self, hidden_size: usize) -> Result<(usize, usize, usize, usize), ConfigError> {
        let heads = positive("num_attention_heads", self.num_attention_heads)?;
        let kv_heads = positive("num_key_value_heads", self.num_key_value_heads.unwrap_or(heads))?;
        if heads % kv_heads != 0 {
            return Err(refuse(
                "num_key_value_heads",
                kv_heads,
                format!("it must divide num_attention_heads, which is {heads}"),
            ));
        }
        let head_dim = match self.head_dim {
            Some(dim) => positive("head_dim", dim)?,
            None if hidden_size.is_multiple_of(heads) => hidden_size / heads,
            None => {
                return Err(refuse(
                    "hidden_size",
                    hidden_size,
                    format!("without head_dim it must be a multiple of num_attention_heads, which is {heads}"),
                ));
            }
        };
        let rotary_dim = self.rotary_dim.unwrap_or(head_dim);
        if rotary_dim == 0 || !rotary_dim.is_multiple_of(2) || rotary_dim > head_dim {
            return Err(refuse(
                "rotary_dim",
                rotary_dim,
                format!("it must be even, at least 2 and at most head_dim, which is {head_dim}"),
            ));
        }
        Ok((heads, kv_heads, head_dim, rotary_dim))
    }

    fn check_experts(&self) -> Result<(usize, usize), ConfigError> {
        let experts = positive("num_local_experts", self.num_local_experts)?;
        let chosen = positive("num_experts_per_tok", self.num_experts_per_tok)?;
        if chosen > experts {
            return Err(refuse(
                "num_experts_per_tok",
                chosen,
                format!("it must be at most num_local_experts, which is {experts}"),
            ));
        }
        Ok((experts, chosen))
    }

    fn check_layers(&self) -> Result<Vec<AttentionKind>, ConfigError> {
        let layers = positive("num_hidden_layers", self.num_hidden_layers)?;
        if self.attn_type_list.len() != layers {
            return Err(refuse(
                "attn_type_list",
                &self.attn_type_list,
                format!("it must have one entry for each of the {layers} layers"),
            ));
        }
        self.attn_type_list
            .iter()
            .map(|kind| match kind {
                0 => Ok(AttentionKind::Lightning),
                1 => Ok(AttentionKind::Softmax),
                _ => Err(refuse("attn_type_list", &self.attn_type_list, "each entry is 0 (lightning) or 1 (softmax)")),
            })
            .collect()
    }
}
