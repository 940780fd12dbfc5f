//! What a model knows after the tokens it has read: a value that can be forked, saved and restored.
//!
//! A lightning layer keeps one matrix per head, a softmax layer its keys and values. A recurrent state cannot be
//! cut back to fewer tokens, so there is no truncation: to go back, keep a fork or a file from that boundary.

mod file;

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor};

use crate::config::{AttentionKind, Config};
use crate::error::StateError;
use crate::layers::{modify, with_values};
use crate::model::Model;

pub use file::FORMAT_VERSION;

/// Positions of one cache block.
pub const KV_BLOCK: usize = 256;

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

/// Keys and values of a softmax layer in blocks of [`KV_BLOCK`] positions. Full blocks are shared between forks for
/// good, the last one until one of them writes.
#[derive(Clone, Debug)]
pub struct KvCache {
    heads: usize,
    dim: usize,
    len: usize,
    blocks: Vec<Arc<KvBlock>>,
}

#[derive(Debug)]
struct KvBlock {
    /// `[G, D, KV_BLOCK]`: turned, so that scores of consecutive positions are made from consecutive memory.
    keys: Tensor,
    /// `[G, KV_BLOCK, D]`.
    values: Tensor,
}

impl KvBlock {
    fn new(heads: usize, dim: usize) -> Result<KvBlock> {
        Ok(KvBlock {
            keys: Tensor::zeros((heads, dim, KV_BLOCK), DType::F32, &Device::Cpu)?,
            values: Tensor::zeros((heads, KV_BLOCK, dim), DType::F32, &Device::Cpu)?,
        })
    }
}

impl KvCache {
    /// Without positions. `heads`: G, `dim`: D.
    #[must_use]
    pub fn new(heads: usize, dim: usize) -> KvCache {
        KvCache { heads, dim, len: 0, blocks: Vec::new() }
    }

    /// Positions held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no position is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes referred to.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (self.blocks.len() * 2 * self.heads * self.dim * KV_BLOCK * size_of::<f32>()) as u64
    }

    /// Adds positions. `keys`, `values`: `[T, G, D]`.
    ///
    /// # Errors
    /// The numeric library refused.
    pub fn append(&mut self, keys: &[f32], values: &[f32]) -> Result<()> {
        let width = self.heads * self.dim;
        let (mut keys, mut values) = (keys, values);
        while !keys.is_empty() {
            let filled = self.len % KV_BLOCK;
            if filled == 0 {
                self.blocks.push(Arc::new(KvBlock::new(self.heads, self.dim)?));
            }
            let take = (KV_BLOCK - filled).min(keys.len() / width);
            let (new_keys, later_keys) = keys.split_at(take * width);
            let (new_values, later_values) = values.split_at(take * width);
            self.write(filled, new_keys, new_values)?;
            self.len += take;
            (keys, values) = (later_keys, later_values);
        }
        Ok(())
    }

    /// Writes into the last block from place `filled` on.
    fn write(&mut self, filled: usize, keys: &[f32], values: &[f32]) -> Result<()> {
        let (heads, dim) = (self.heads, self.dim);
        let Some(block) = self.blocks.last_mut() else { candle_core::bail!("the cache has no block to write to") };
        if Arc::get_mut(block).is_none() {
            // A fork still reads this block.
            *block = Arc::new(KvBlock { keys: block.keys.copy()?, values: block.values.copy()? });
        }
        let width = heads * dim;
        modify(&block.keys, |stored| {
            for (p, token) in keys.chunks_exact(width).enumerate() {
                for (row, &key) in token.iter().enumerate() {
                    stored[row * KV_BLOCK + filled + p] = key;
                }
            }
        })?;
        modify(&block.values, |stored| {
            for (p, token) in values.chunks_exact(width).enumerate() {
                for (head, value) in token.chunks_exact(dim).enumerate() {
                    let at = (head * KV_BLOCK + filled + p) * dim;
                    stored[at..at + dim].copy_from_slice(value);
                }
            }
        })
    }

    /// Keys `[D, KV_BLOCK]` and values `[KV_BLOCK, D]` of one head in one block, without copying. Places beyond
    /// [`KvCache::len`] are meaningless.
    pub(crate) fn block(&self, index: usize, head: usize) -> Result<(Tensor, Tensor)> {
        let Some(block) = self.blocks.get(index) else { candle_core::bail!("the cache has no block {index}") };
        Ok((block.keys.get(head)?, block.values.get(head)?))
    }

    /// Keys and values as they were appended, `[len, G, D]` each.
    ///
    /// # Errors
    /// The numeric library refused.
    pub fn to_rows(&self) -> Result<(Vec<f32>, Vec<f32>)> {
        let (heads, dim) = (self.heads, self.dim);
        let mut keys = Vec::with_capacity(self.len * heads * dim);
        let mut values = Vec::with_capacity(self.len * heads * dim);
        for (index, block) in self.blocks.iter().enumerate() {
            let filled = (self.len - index * KV_BLOCK).min(KV_BLOCK);
            with_values(&block.keys, |stored| {
                for p in 0..filled {
                    keys.extend((0..heads * dim).map(|row| stored[row * KV_BLOCK + p]));
                }
            })?;
            with_values(&block.values, |stored| {
                for p in 0..filled {
                    for head in 0..heads {
                        let at = (head * KV_BLOCK + p) * dim;
                        values.extend_from_slice(&stored[at..at + dim]);
                    }
                }
            })?;
        }
        Ok((keys, values))
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
    /// The state before the first token.
    #[must_use]
    pub fn new(config: &Config) -> State {
        let layers = config
            .attention
            .iter()
            .map(|kind| match kind {
                AttentionKind::Lightning => {
                    LayerState::Lightning(LinearState::new(config.num_attention_heads, config.head_dim))
                }
                AttentionKind::Softmax => {
                    LayerState::Softmax(KvCache::new(config.num_key_value_heads, config.head_dim))
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
                (LayerState::Softmax(cache), AttentionKind::Softmax) => (cache.heads, cache.dim) == (groups, dim),
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
