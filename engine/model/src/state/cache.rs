//! Keys and values of a softmax layer: in blocks that forks share, cut into strips as attention reads them.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::Result;
use half::f16;

use super::KvPrecision;
use super::numbers::{Numbers, SHARING, Scales};
use crate::layers::strips::STRIP;

/// Positions of one cache block.
pub const KV_BLOCK: usize = 256;
/// Strips of keys in a block.
const KEY_STRIPS: usize = KV_BLOCK / STRIP;

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

/// Keys lie in strips of [`STRIP`] positions, `[G, KEY_STRIPS, D, STRIP]`, so that scores of consecutive positions are
/// made from consecutive memory; values in strips of as many dimensions, `[G, ceil(D / STRIP), KV_BLOCK, STRIP]`, of which
/// the last is as narrow as what is left of D.
#[derive(Clone, Debug)]
struct KvBlock {
    keys: Numbers,
    values: Numbers,
}

/// Keys and values of one head in one block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadBlock<'a> {
    block: &'a KvBlock,
    head: usize,
    dim: usize,
}

impl<'a> HeadBlock<'a> {
    /// Keys `[D, STRIP]` of the positions of one strip. Places beyond [`KvCache::len`] are meaningless.
    pub(crate) fn key_strip(&self, strip: usize) -> Cow<'a, [f32]> {
        let (at, long, scales) = (self.head * KEY_STRIPS + strip, self.dim * STRIP, self.dim.div_ceil(SHARING) * STRIP);
        self.block.keys.widened(at * long..(at + 1) * long, (at * scales..(at + 1) * scales, Scales::Columns))
    }

    /// [`HeadBlock::key_strip`] as it is kept, where that is in f16.
    pub(crate) fn key_halves(&self, strip: usize) -> Option<&'a [f16]> {
        let (at, long) = (self.head * KEY_STRIPS + strip, self.dim * STRIP);
        self.block.keys.halves(at * long..(at + 1) * long)
    }

    /// Values of one whole strip of dimensions, `[positions, STRIP]`, as they are kept, where that is in f16.
    pub(crate) fn value_halves(&self, strip: usize, positions: usize) -> Option<&'a [f16]> {
        let at = (self.head * self.dim + strip * STRIP) * KV_BLOCK;
        let whole = (strip + 1) * STRIP <= self.dim;
        self.block.values.halves(at..at + positions * STRIP).filter(|_| whole)
    }

    /// Values `[positions, width]` of one strip of dimensions, and the width.
    pub(crate) fn value_strip(&self, strip: usize, positions: usize) -> (Cow<'a, [f32]>, usize) {
        let width = STRIP.min(self.dim - strip * STRIP);
        let at = (self.head * self.dim + strip * STRIP) * KV_BLOCK;
        let scales = (self.head * self.dim.div_ceil(STRIP) + strip) * KV_BLOCK;
        let scales = (scales..scales + positions, Scales::Rows(width));
        (self.block.values.widened(at..at + positions * width, scales), width)
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
        (self.blocks.len() * 2 * self.heads * KV_BLOCK * self.precision.bytes(self.dim)) as u64
    }

    /// Adds positions. `keys`, `values`: `[T, G, D]`.
    pub fn append(&mut self, keys: &[f32], values: &[f32]) {
        let width = self.heads * self.dim;
        let (mut keys, mut values) = (keys, values);
        while !keys.is_empty() {
            let filled = self.len % KV_BLOCK;
            if filled == 0 {
                let scales = self.heads * self.dim.div_ceil(SHARING) * KV_BLOCK;
                let numbers = Numbers::zeros(self.precision, width * KV_BLOCK, scales);
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
        let groups = dim.div_ceil(SHARING);
        for (p, token) in (filled..).zip(keys.chunks_exact(heads * dim)) {
            for (head, key) in token.chunks_exact(dim).enumerate() {
                let strip = head * KEY_STRIPS + p / STRIP;
                for (g, group) in key.chunks(SHARING).enumerate() {
                    let place = |d| (strip * dim + g * SHARING + d) * STRIP + p % STRIP;
                    block.keys.put(group, place, (strip * groups + g) * STRIP + p % STRIP);
                }
            }
        }
        for (p, token) in (filled..).zip(values.chunks_exact(heads * dim)) {
            for (head, value) in token.chunks_exact(dim).enumerate() {
                for (g, group) in value.chunks(SHARING).enumerate() {
                    let place = |d| (head * dim + g * SHARING) * KV_BLOCK + p * group.len() + d;
                    block.values.put(group, place, (head * groups + g) * KV_BLOCK + p);
                }
            }
        }
    }

    /// One head of one block.
    pub(crate) fn block(&self, index: usize, head: usize) -> Result<HeadBlock<'_>> {
        match self.blocks.get(index) {
            Some(block) if head < self.heads => Ok(HeadBlock { block, head, dim: self.dim }),
            _ => candle_core::bail!("the cache has no head {head} in a block {index}"),
        }
    }

    /// Keys and values as they were appended, `[len, G, D]` each, rounded to the precision kept.
    #[must_use]
    pub fn to_rows(&self) -> (Vec<f32>, Vec<f32>) {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (new_keys, new_values) in self.rows_by_block() {
            keys.extend(new_keys);
            values.extend(new_values);
        }
        (keys, values)
    }

    /// [`KvCache::to_rows`], [`KV_BLOCK`] positions at a time.
    pub(super) fn rows_by_block(&self) -> impl Iterator<Item = (Vec<f32>, Vec<f32>)> + '_ {
        let (heads, dim) = (self.heads, self.dim);
        self.blocks.iter().enumerate().map(move |(index, block)| {
            let filled = (self.len - index * KV_BLOCK).min(KV_BLOCK);
            let [mut keys, mut values] = [(); 2].map(|()| vec![0f32; filled * heads * dim]);
            for head in 0..heads {
                let block = HeadBlock { block, head, dim };
                let at = |p: usize| (p * heads + head) * dim;
                for strip in 0..filled.div_ceil(STRIP) {
                    for (d, row) in block.key_strip(strip).chunks_exact(STRIP).enumerate() {
                        let positions = (strip * STRIP..filled).zip(row);
                        positions.for_each(|(p, key)| keys[at(p) + d] = *key);
                    }
                }
                for strip in 0..dim.div_ceil(STRIP) {
                    let (rows, width) = block.value_strip(strip, filled);
                    for (p, row) in rows.chunks_exact(width).enumerate() {
                        values[at(p) + strip * STRIP..][..width].copy_from_slice(row);
                    }
                }
            }
            (keys, values)
        })
    }
}
