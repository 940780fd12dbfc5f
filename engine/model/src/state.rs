//! What a model knows after the tokens it has read: a value that can be forked, saved and restored.
//!
//! A lightning layer keeps one matrix per head, a softmax layer its keys and values. A recurrent state cannot be
//! cut back to fewer tokens, so there is no truncation: to go back, keep a fork or a file from that boundary.

mod cache;
mod file;
mod numbers;

use std::path::Path;
use std::sync::Arc;

use crate::config::{AttentionKind, Config};
use crate::error::StateError;
use crate::model::Model;

pub(crate) use cache::HeadBlock;
pub use cache::{KV_BLOCK, KvCache};
pub use file::FORMAT_VERSION;
pub use numbers::{KvPrecision, UnknownPrecision};

/// The state of one reading. `clone` is a fork: cheap, and the two never see each other's later tokens.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) positions: usize,
    pub(crate) layers: Vec<LayerState>,
    /// True while a forward pass is under way; one that fails leaves it so.
    pub(crate) half_written: bool,
}

/// What one layer keeps.
#[derive(Clone, Debug)]
pub enum LayerState {
    /// Of a lightning layer.
    Lightning(LinearState),
    /// Of a softmax layer.
    Softmax(KvCache),
}

/// The recurrent state of a lightning layer, `[H, Dk, Dv]`, in f32: 16 bits lose what a slow decay should keep
/// (spec 1.3, "State precision"). Shared between forks until one of them writes.
#[derive(Clone, Debug)]
pub struct LinearState {
    heads: usize,
    dim: usize,
    values: Arc<Vec<f32>>,
}

impl LinearState {
    /// All zero.
    #[must_use]
    pub fn new(heads: usize, dim: usize) -> LinearState {
        LinearState { heads, dim, values: Arc::new(vec![0.0; heads * dim * dim]) }
    }

    /// `[H, Dk, Dv]`.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// To be changed; copied first if a fork shares it.
    pub fn values_mut(&mut self) -> &mut [f32] {
        Arc::make_mut(&mut self.values).as_mut_slice()
    }
}

/// What a saved state is bound to, besides the format and the layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateIdentity {
    /// [`Model::digest`] of the model that made it.
    pub model_digest: String,
    /// Hash of the exact token ids fed, see [`StateIdentity::of`].
    pub prompt_digest: String,
}

impl StateIdentity {
    /// Identity of the state of `model` after reading exactly `tokens`.
    #[must_use]
    pub fn of(model: &Model, tokens: &[u32]) -> StateIdentity {
        let mut hasher = blake3::Hasher::new();
        for token in tokens {
            hasher.update(&token.to_le_bytes());
        }
        StateIdentity { model_digest: model.digest().to_owned(), prompt_digest: hasher.finalize().to_hex().to_string() }
    }
}

impl State {
    /// The state before the first token, keys and values to be kept in `precision`.
    #[must_use]
    pub fn new(config: &Config, precision: KvPrecision) -> State {
        let layers = config
            .attention
            .iter()
            .map(|kind| match kind {
                AttentionKind::Lightning => {
                    LayerState::Lightning(LinearState::new(config.num_attention_heads, config.head_dim))
                }
                AttentionKind::Softmax => {
                    LayerState::Softmax(KvCache::new(config.num_key_value_heads, config.head_dim, precision))
                }
            })
            .collect();
        State { positions: 0, layers, half_written: false }
    }

    /// Whether the layers are those of such a model.
    pub(crate) fn fits(&self, config: &Config) -> bool {
        let (heads, groups, dim) = (config.num_attention_heads, config.num_key_value_heads, config.head_dim);
        self.layers.len() == config.attention.len()
            && self.layers.iter().zip(&config.attention).all(|(layer, kind)| match (layer, kind) {
                (LayerState::Lightning(state), AttentionKind::Lightning) => (state.heads, state.dim) == (heads, dim),
                (LayerState::Softmax(cache), AttentionKind::Softmax) => (cache.heads(), cache.dim()) == (groups, dim),
                _ => false,
            })
    }

    /// Tokens read so far.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// Layer by layer.
    #[must_use]
    pub fn layers(&self) -> &[LayerState] {
        &self.layers
    }

    /// Bytes of memory this state refers to; forks share most of theirs.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.layers
            .iter()
            .map(|layer| match layer {
                LayerState::Lightning(state) => size_of_val(state.values()) as u64,
                LayerState::Softmax(cache) => cache.bytes(),
            })
            .sum()
    }

    /// Writes the state to `path`: beside it first, then renamed over it, so that a crash leaves the old or the new.
    ///
    /// # Errors
    /// The file cannot be written, or the state is half-written.
    pub fn save(&self, path: &Path, identity: &StateIdentity) -> std::result::Result<(), StateError> {
        file::save(self, path, identity)
    }

    /// Reads a state back.
    ///
    /// # Errors
    /// Each way in which the file is not that of `model`, `identity` and this format has its own variant.
    pub fn restore(path: &Path, model: &Model, identity: &StateIdentity) -> std::result::Result<State, StateError> {
        file::restore(path, model, identity)
    }
}
