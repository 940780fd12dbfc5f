//! Softmax attention with grouped key/value heads, partial rotation and a cache in blocks (spec 1.4).
//!
//! Scores are made one cache block at a time and folded into a running softmax, so memory does not grow with the
//! square of the text. [`naive`] is the twin that makes all scores of a row at once.

#[cfg(target_arch = "x86_64")]
mod bf16;
#[cfg(target_arch = "x86_64")]
mod f16;

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use crate::layers::kernels::{add_scaled, dot, exp, maximum, vectorized};
use crate::layers::strips::{Fill, STRIP, Sizes, View, product};
use crate::layers::{FEW_ROWS, Linear, modify, to_values, with_values};
use crate::quant::Activation;
use crate::state::{HeadBlock, KV_BLOCK, KvCache, KvPrecision};

/// Query rows (tokens times the heads that share a key) one task handles: its scores against a block stay in the
/// second-level cache beside the block itself.
const ROWS: usize = 192;
/// The same in bf16, where rows come in smaller parts: many share the work of bringing a block's keys and values into pairs.
const ROWS_ROUNDED: usize = 512;
/// Query tokens up to which one task handles [`SPAN`] cache blocks only, so that there is work for all threads. The cut
/// decides in which order sums are made, so it is the same for all counts that speculation feeds ([`FEW_ROWS`]).
const FEW_TOKENS: usize = 8;
const _: () = assert!(FEW_ROWS <= FEW_TOKENS);
/// Cache blocks one task handles when there are few query tokens.
const SPAN: usize = 4;

/// Cosines and sines for consecutive positions, `[T, rotary_dim / 2]` each.
///
/// Made for the positions at hand: a table of all 10 million the release allows would be larger than the model.
#[derive(Clone, Debug)]
pub struct Rotations {
    cos: Vec<f32>,
    sin: Vec<f32>,
    half: usize,
}

impl Rotations {
    /// For positions `start..start + tokens`; angle of pair i at position p is `p * theta^(-2i/rotary_dim)`.
    #[must_use]
    pub fn new(rotary_dim: usize, theta: f64, start: usize, tokens: usize) -> Rotations {
        let half = rotary_dim / 2;
        let inverse: Vec<f64> = (0..half).map(|i| theta.powf(-2.0 * i as f64 / rotary_dim as f64)).collect();
        let (mut cos, mut sin) = (Vec::with_capacity(tokens * half), Vec::with_capacity(tokens * half));
        for position in start..start + tokens {
            for inverse in &inverse {
                let angle = position as f64 * inverse;
                cos.push(angle.cos() as f32);
                sin.push(angle.sin() as f32);
            }
        }
        Rotations { cos, sin, half }
    }

    /// Rotates the first `rotary_dim` dimensions of every head in place, pairs `(i, i + rotary_dim/2)`, and
    /// multiplies all dimensions by `scale`. `x`: `[T, heads, D]`.
    fn apply(&self, x: &mut [f32], heads: usize, dim: usize, scale: f32) {
        let rows = self.cos.chunks_exact(self.half).zip(self.sin.chunks_exact(self.half));
        vectorized(
            #[inline(always)]
            || {
                for (token, (cos, sin)) in x.chunks_exact_mut(heads * dim).zip(rows) {
                    for head in token.chunks_exact_mut(dim) {
                        let (low, rest) = head.split_at_mut(self.half);
                        for (((a, b), cos), sin) in low.iter_mut().zip(rest).zip(cos).zip(sin) {
                            (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
                        }
                        if scale != 1.0 {
                            head.iter_mut().for_each(|x| *x *= scale);
                        }
                    }
                }
            },
        );
    }
}

/// Heads of a softmax layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// H.
    pub query: usize,
    /// G, a divisor of H.
    pub key_value: usize,
    /// D.
    pub dim: usize,
}

impl Heads {
    /// Query heads that share one key/value head.
    #[must_use]
    pub fn group(&self) -> usize {
        self.query / self.key_value
    }
}

/// A running softmax of R query rows: what has been seen so far, for any order of blocks.
#[derive(Clone, Debug)]
struct Running {
    dim: usize,
    /// Largest score so far, `[R]`.
    largest: Vec<f32>,
    /// Sum of `exp(score - largest)`, `[R]`.
    total: Vec<f32>,
    /// Sum of `exp(score - largest) * value`, `[R, D]`.
    sums: Vec<f32>,
}

impl Running {
    fn new(rows: usize, dim: usize) -> Running {
        Running { dim, largest: vec![f32::NEG_INFINITY; rows], total: vec![0.0; rows], sums: vec![0.0; rows * dim] }
    }

    /// Turns a block's scores `[R, KV_BLOCK]`, of which `columns` were made, into weights in place, `seen(row)` of which
    /// count, and brings the sums to the new largest score.
    #[inline(always)]
    fn weigh(&mut self, scores: &mut [f32], columns: usize, seen: impl Fn(usize) -> usize) {
        for (row, scores) in scores.chunks_exact_mut(KV_BLOCK).enumerate() {
            let (scores, hidden) = scores[..columns].split_at_mut(seen(row));
            hidden.fill(0.0);
            if scores.is_empty() {
                continue;
            }
            let largest = self.largest[row].max(maximum(scores));
            let shrink = exp(self.largest[row] - largest);
            let mut sum = [0f32; 8];
            let mut blocks = scores.chunks_exact_mut(8);
            for block in &mut blocks {
                for (score, sum) in block.iter_mut().zip(&mut sum) {
                    *score = exp(*score - largest);
                    *sum += *score;
                }
            }
            for (score, sum) in blocks.into_remainder().iter_mut().zip(&mut sum) {
                *score = exp(*score - largest);
                *sum += *score;
            }
            self.largest[row] = largest;
            self.total[row] = self.total[row] * shrink + sum.iter().sum::<f32>();
            self.sums[row * self.dim..(row + 1) * self.dim].iter_mut().for_each(|s| *s *= shrink);
        }
    }

    /// Adds what another saw of other blocks.
    fn merge(&mut self, other: &Running) {
        for row in 0..self.largest.len() {
            let largest = self.largest[row].max(other.largest[row]);
            if largest == f32::NEG_INFINITY {
                continue;
            }
            let (ours, theirs) = (exp(self.largest[row] - largest), exp(other.largest[row] - largest));
            let range = row * self.dim..(row + 1) * self.dim;
            for (s, o) in self.sums[range.clone()].iter_mut().zip(&other.sums[range]) {
                *s = *s * ours + o * theirs;
            }
            self.total[row] = self.total[row] * ours + other.total[row] * theirs;
            self.largest[row] = largest;
        }
    }

    /// The attention result, `[R, D]`.
    fn finish(mut self) -> Vec<f32> {
        for (row, total) in self.sums.chunks_exact_mut(self.dim).zip(&self.total) {
            row.iter_mut().for_each(|s| *s /= total);
        }
        self.sums
    }
}

/// Every score of a row at once, in plain loops: the twin [`streaming`] is held to.
///
/// `queries`: `[T, H, D]`, rotated and scaled, at positions `cache.len() - T ..`; the result is `[T, H, D]`.
///
/// # Errors
/// The numeric library refused.
pub fn naive(queries: &[f32], cache: &KvCache, heads: Heads) -> Result<Vec<f32>> {
    let (keys, values) = cache.to_rows();
    let Heads { query, key_value, dim } = heads;
    let tokens = queries.len() / (query * dim);
    let start = cache.len() - tokens;
    let mut out = vec![0f32; queries.len()];
    for (row, (q, out)) in queries.chunks_exact(dim).zip(out.chunks_exact_mut(dim)).enumerate() {
        let (t, g) = (row / query, row % query / heads.group());
        let at = |p: usize| (p * key_value + g) * dim..(p * key_value + g + 1) * dim;
        let scores: Vec<f32> = (0..=start + t).map(|p| dot(q, &keys[at(p)])).collect();
        let largest = maximum(&scores);
        let weights: Vec<f32> = scores.iter().map(|score| (score - largest).exp()).collect();
        let total: f32 = weights.iter().sum();
        for (p, weight) in weights.iter().enumerate() {
            add_scaled(out, weight / total, &values[at(p)]);
        }
    }
    Ok(out)
}

/// Attention of the last T tokens in `cache` to all tokens up to themselves, block by block.
///
/// `queries`: `[T, H, D]`, rotated and scaled, at positions `cache.len() - T ..`; the result is `[T, H, D]`.
///
/// # Errors
/// The numeric library refused.
pub fn streaming(queries: &[f32], cache: &KvCache, heads: Heads) -> Result<Vec<f32>> {
    let tokens = queries.len() / (heads.query * heads.dim);
    // What a cache in 32 bits promises is not rounded away; few tokens gain nothing.
    let rounded = tokens > FEW_TOKENS && cache.precision() != KvPrecision::F32 && can_round(heads.dim);
    let rows = if rounded { ROWS_ROUNDED } else { ROWS };
    let tile = if tokens <= FEW_TOKENS { tokens } else { (rows / heads.group()).max(1) };
    let blocks = cache.len().div_ceil(KV_BLOCK);
    let span = if tokens <= FEW_TOKENS { SPAN } else { blocks };
    let tasks: Vec<Task> = (0..tokens.div_ceil(tile))
        .rev() // later tiles see more blocks; the longest tasks go first
        .flat_map(|i| (0..heads.key_value).map(move |head| (i * tile, head)))
        .flat_map(|(from, head)| {
            (0..blocks).step_by(span).map(move |b| Task {
                from,
                to: tokens.min(from + tile),
                head,
                blocks: b..blocks.min(b + span),
                rounded,
            })
        })
        .collect();
    let parts: Vec<Running> =
        tasks.par_iter().map(|task| task.run(queries, tokens, cache, heads)).collect::<Result<_>>()?;
    let mut out = vec![0f32; queries.len()];
    let mut parts = tasks.iter().zip(parts).peekable();
    while let Some((task, mut running)) = parts.next() {
        while let Some((_, part)) = parts.next_if(|(next, _)| next.from == task.from && next.head == task.head) {
            running.merge(&part);
        }
        scatter(&running.finish(), &mut out, task, heads);
    }
    Ok(out)
}

/// Whether heads of `dim` dimensions can be attended to in bf16 here.
fn can_round(dim: usize) -> bool {
    #[cfg(target_arch = "x86_64")]
    return bf16::available(dim);
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = dim;
        false
    }
}

/// Query tokens `from..to` of the group of one key/value head, against some blocks of the cache.
#[derive(Clone, Debug)]
struct Task {
    from: usize,
    to: usize,
    head: usize,
    blocks: std::ops::Range<usize>,
    /// Whether products are made in bf16.
    rounded: bool,
}

impl Task {
    fn run(&self, queries: &[f32], tokens: usize, cache: &KvCache, heads: Heads) -> Result<Running> {
        let Heads { query, dim, .. } = heads;
        let group = heads.group();
        let rows = (self.to - self.from) * group;
        let mut gathered = Vec::with_capacity(rows * dim);
        for t in self.from..self.to {
            let at = (t * query + self.head * group) * dim;
            gathered.extend_from_slice(&queries[at..at + group * dim]);
        }
        let first = cache.len() - tokens + self.from; // position of the first row
        let last = first + (self.to - self.from) - 1;
        let mut running = Running::new(rows, dim);
        let mut tile = Tile::new(gathered, dim, self.rounded);
        for block in self.blocks.clone() {
            let from = block * KV_BLOCK;
            if from > last {
                break;
            }
            let columns = (last + 1 - from).min(KV_BLOCK);
            // A row sees its own position and those before it.
            let seen = |row: usize| (first + row / group + 1).saturating_sub(from).min(columns);
            tile.attend(cache.block(block, self.head)?, columns, seen, &mut running);
        }
        Ok(running)
    }
}

/// The query rows of a task, and how they meet a block of the cache.
enum Tile {
    /// In f32.
    Exact(ExactTile),
    /// In bf16, where the processor has instructions for it.
    #[cfg(target_arch = "x86_64")]
    Rounded(bf16::Tile),
}

impl Tile {
    /// From queries `[R, D]`. `rounded`: in bf16, which [`can_round`] allows.
    fn new(queries: Vec<f32>, dim: usize, rounded: bool) -> Tile {
        #[cfg(target_arch = "x86_64")]
        if rounded {
            return Tile::Rounded(bf16::Tile::new(&queries, dim));
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = rounded;
        let scores = vec![0f32; queries.len() / dim * KV_BLOCK];
        Tile::Exact(ExactTile { dim, queries, scores })
    }

    /// Folds the first `columns` positions of a block into `running`, of which row r sees the first `seen(r)`.
    fn attend(&mut self, block: HeadBlock<'_>, columns: usize, seen: impl Fn(usize) -> usize, running: &mut Running) {
        match self {
            Tile::Exact(tile) => tile.attend(block, columns, seen, running),
            #[cfg(target_arch = "x86_64")]
            Tile::Rounded(tile) => tile.attend(block, columns, seen, running),
        }
    }
}

struct ExactTile {
    dim: usize,
    /// `[R, D]`.
    queries: Vec<f32>,
    /// `[R, KV_BLOCK]`.
    scores: Vec<f32>,
}

impl ExactTile {
    /// See [`Tile::attend`].
    fn attend(&mut self, block: HeadBlock<'_>, columns: usize, seen: impl Fn(usize) -> usize, running: &mut Running) {
        let ExactTile { dim, queries, scores } = self;
        let (dim, rows) = (*dim, queries.len() / *dim);
        let left = View::of_rows(queries, dim);
        for strip in 0..columns.div_ceil(STRIP) {
            let sizes = Sizes { rows, inner: dim, columns: STRIP };
            let scores = &mut scores[strip * STRIP..];
            #[cfg(target_arch = "x86_64")]
            if let Some(keys) = block.key_halves(strip).filter(|_| f16::available()) {
                f16::product((queries, dim), keys, scores, KV_BLOCK, Fill::Replace);
                continue;
            }
            product(left, View::of_rows(&block.key_strip(strip), STRIP), sizes, scores, KV_BLOCK, Fill::Replace);
        }
        vectorized(
            #[inline(always)]
            || running.weigh(scores, columns, seen),
        );
        for strip in 0..dim.div_ceil(STRIP) {
            #[cfg(target_arch = "x86_64")]
            if let Some(values) = block.value_halves(strip, columns).filter(|_| f16::available()) {
                f16::product((scores, KV_BLOCK), values, &mut running.sums[strip * STRIP..], dim, Fill::Add);
                continue;
            }
            let (values, width) = block.value_strip(strip, columns);
            let sizes = Sizes { rows, inner: columns, columns: width };
            let (left, right) = (View::of_rows(scores, KV_BLOCK), View::of_rows(&values, width));
            product(left, right, sizes, &mut running.sums[strip * STRIP..], dim, Fill::Add);
        }
    }
}

/// Writes a task's rows to their places in `[T, H, D]`.
fn scatter(rows: &[f32], out: &mut [f32], task: &Task, heads: Heads) {
    let width = heads.group() * heads.dim;
    for (t, row) in (task.from..task.to).zip(rows.chunks_exact(width)) {
        let at = t * heads.query * heads.dim + task.head * width;
        out[at..at + width].copy_from_slice(row);
    }
}

/// One softmax attention layer.
#[derive(Clone, Debug)]
pub struct SoftmaxAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    heads: Heads,
}

impl SoftmaxAttention {
    /// From `q_proj` `[H*D, C]`, `k_proj`, `v_proj` `[G*D, C]` and `o_proj` `[C, H*D]`.
    #[must_use]
    pub fn new(q_proj: Linear, k_proj: Linear, v_proj: Linear, o_proj: Linear, heads: Heads) -> SoftmaxAttention {
        SoftmaxAttention { q_proj, k_proj, v_proj, o_proj, heads }
    }

    /// Attention of T tokens that follow those in `cache`; `rotations` are those of their positions.
    /// `x`: `[T, C]`, the result likewise.
    ///
    /// # Errors
    /// The numeric library refused.
    pub fn forward(&self, x: &Tensor, rotations: &Rotations, cache: &mut KvCache) -> Result<Tensor> {
        let Heads { query, key_value, dim } = self.heads;
        let maps = [&self.q_proj, &self.k_proj, &self.v_proj].map(|map| (map, Activation::Identity));
        let [queries, keys, values] = Linear::forward_all(maps, x)?;
        modify(&queries, |q| rotations.apply(q, query, dim, 1.0 / (dim as f32).sqrt()))?;
        modify(&keys, |k| rotations.apply(k, key_value, dim, 1.0))?;
        cache.append(&to_values(&keys)?, &to_values(&values)?);
        let attended = with_values(&queries, |queries| streaming(queries, cache, self.heads))??;
        self.o_proj.forward(&Tensor::from_vec(attended, (x.dim(0)?, query * dim), x.device())?)
    }
}
