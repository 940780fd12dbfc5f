//! Keys and values of a softmax layer: in blocks that forks share, in 32 or 16 bits.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::Result;
use half::f16;
use half::slice::HalfFloatSliceExt;

/// Positions of one cache block.
pub const KV_BLOCK: usize = 256;

/// How keys and values are kept. Scores and sums are made in f32 either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KvPrecision {
    /// As computed.
    #[default]
    F32,
    /// Half the memory, for a rounding of 1 in 2,048.
    F16,
}

impl KvPrecision {
    /// Bytes of one value.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            KvPrecision::F32 => size_of::<f32>(),
            KvPrecision::F16 => size_of::<f16>(),
        }
    }
}

/// Keys and values of a softmax layer in blocks of [`KV_BLOCK`] positions. Full blocks are shared between forks for
/// good, the last one until one of them writes.
#[derive(Clone, Debug)]
pub struct KvCache {
    heads: usize,
    dim: usize,
    len: usize,
    precision: KvPrecision,
    blocks: Vec<Arc<KvBlock>>,
}

/// Keys are turned, `[G, D, KV_BLOCK]`, so that scores of consecutive positions are made from consecutive memory;
/// values lie as they came, `[G, KV_BLOCK, D]`.
#[derive(Clone, Debug)]
struct KvBlock {
    keys: Numbers,
    values: Numbers,
}

/// Numbers in f32: where they lie, or widened.
type Values<'a> = Cow<'a, [f32]>;

#[derive(Clone, Debug)]
enum Numbers {
    F32(Vec<f32>),
    F16(Vec<f16>),
}

impl Numbers {
    fn zeros(precision: KvPrecision, count: usize) -> Self {
        match precision {
            KvPrecision::F32 => Numbers::F32(vec![0.0; count]),
            KvPrecision::F16 => Numbers::F16(vec![f16::ZERO; count]),
        }
    }

    fn set(&mut self, index: usize, value: f32) {
        match self {
            Numbers::F32(values) => values[index] = value,
            // A value beyond f16's range would become infinite and poison every later score.
            Numbers::F16(values) => values[index] = f16::from_f32(value.clamp(-65_504.0, 65_504.0)),
        }
    }

    /// One of `count` equal parts, widened where it is not in f32 already.
    fn part(&self, index: usize, count: usize) -> Values<'_> {
        match self {
            Numbers::F32(values) => values.chunks_exact(values.len() / count).nth(index).unwrap_or_default().into(),
            Numbers::F16(values) => {
                let part = values.chunks_exact(values.len() / count).nth(index).unwrap_or_default();
                let mut wide = vec![0f32; part.len()];
                part.convert_to_f32_slice(&mut wide);
                wide.into()
            }
        }
    }
}

impl KvCache {
    /// Without positions. `heads`: G, `dim`: D.
    #[must_use]
    pub fn new(heads: usize, dim: usize, precision: KvPrecision) -> KvCache {
        KvCache { heads, dim, len: 0, precision, blocks: Vec::new() }
    }

    /// G.
    #[must_use]
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// D.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How keys and values are kept.
    #[must_use]
    pub fn precision(&self) -> KvPrecision {
        self.precision
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
        (self.blocks.len() * 2 * self.heads * self.dim * KV_BLOCK * self.precision.bytes()) as u64
    }

    /// Adds positions. `keys`, `values`: `[T, G, D]`.
    pub fn append(&mut self, keys: &[f32], values: &[f32]) {
        let width = self.heads * self.dim;
        let (mut keys, mut values) = (keys, values);
        while !keys.is_empty() {
            let filled = self.len % KV_BLOCK;
            if filled == 0 {
                let numbers = Numbers::zeros(self.precision, width * KV_BLOCK);
                self.blocks.push(Arc::new(KvBlock { keys: numbers.clone(), values: numbers }));
            }
            let take = (KV_BLOCK - filled).min(keys.len() / width);
            let (new_keys, later_keys) = keys.split_at(take * width);
            let (new_values, later_values) = values.split_at(take * width);
            self.write(filled, new_keys, new_values);
            self.len += take;
            (keys, values) = (later_keys, later_values);
        }
    }

    /// Writes into the last block from place `filled` on; copied first if a fork still reads it.
    fn write(&mut self, filled: usize, keys: &[f32], values: &[f32]) {
        let (heads, dim) = (self.heads, self.dim);
        let Some(block) = self.blocks.last_mut().map(Arc::make_mut) else { return };
        let width = heads * dim;
        for (p, token) in keys.chunks_exact(width).enumerate() {
            for (row, &key) in token.iter().enumerate() {
                block.keys.set(row * KV_BLOCK + filled + p, key);
            }
        }
        for (p, token) in values.chunks_exact(width).enumerate() {
            for (head, value) in token.chunks_exact(dim).enumerate() {
                let at = (head * KV_BLOCK + filled + p) * dim;
                value.iter().enumerate().for_each(|(d, &value)| block.values.set(at + d, value));
            }
        }
    }

    /// Keys `[D, KV_BLOCK]` and values `[KV_BLOCK, D]` of one head in one block. Places beyond [`KvCache::len`] are
    /// meaningless.
    pub(crate) fn block(&self, index: usize, head: usize) -> Result<(Values<'_>, Values<'_>)> {
        let Some(block) = self.blocks.get(index) else { candle_core::bail!("the cache has no block {index}") };
        Ok((block.keys.part(head, self.heads), block.values.part(head, self.heads)))
    }

    /// Keys and values as they were appended, `[len, G, D]` each, rounded to the precision kept.
    #[must_use]
    pub fn to_rows(&self) -> (Vec<f32>, Vec<f32>) {
        let (heads, dim) = (self.heads, self.dim);
        let mut keys = Vec::with_capacity(self.len * heads * dim);
        let mut values = Vec::with_capacity(self.len * heads * dim);
        for (index, block) in self.blocks.iter().enumerate() {
            let filled = (self.len - index * KV_BLOCK).min(KV_BLOCK);
            let (turned, straight) = (block.keys.part(0, 1), block.values.part(0, 1));
            for p in 0..filled {
                keys.extend((0..heads * dim).map(|row| turned[row * KV_BLOCK + p]));
                for head in 0..heads {
                    let at = (head * KV_BLOCK + p) * dim;
                    values.extend_from_slice(&straight[at..at + dim]);
                }
            }
        }
        (keys, values)
    }
}
