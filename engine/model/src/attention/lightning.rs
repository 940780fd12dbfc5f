//! Lightning attention: linear attention with a scalar decay per head and a state of fixed size (spec 1.3, 3.1).
//!
//! `S_t = lambda S_{t-1} + k_t v_t^T`, `o_t = q_t^T S_t`, with `lambda = exp(-s_h f_l)`, or another one for each token.
//! Three ways compute the same: [`naive`] token by token as written, [`chunked`] with matrix products over blocks,
//! [`step`] for few tokens.

mod decay;

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use crate::layers::kernels::{sigmoid, vectorized};
use crate::layers::strips::{Fill, Sizes, View, product};
use crate::layers::{FEW_ROWS, Linear, RmsNorm, multiply_activated, with_values};
use crate::quant::Activation;
use crate::state::LinearState;
use decay::Fading;
pub use decay::{Decay, FixedDecay, TokenDecay, layer_factor, slopes};

/// Tokens of a block. Any size gives the same result; this one keeps the work inside a block below the projections.
pub const BLOCK: usize = 64;
/// Tokens up to which going token by token beats blocks; not fewer than speculation feeds ([`FEW_ROWS`]).
const FEW_TOKENS: usize = 8;
const _: () = assert!(FEW_ROWS <= FEW_TOKENS);

/// Fused queries, keys and values of T tokens after their activation: `[T, H, 3, D]`, so that the row of a token
/// holds `q_h | k_h | v_h` head by head (not all queries first).
#[derive(Clone, Copy, Debug)]
pub struct Fused<'a> {
    values: &'a [f32],
    heads: usize,
    dim: usize,
}

impl<'a> Fused<'a> {
    /// `values`: `[T, H, 3, D]`.
    #[must_use]
    pub fn new(values: &'a [f32], heads: usize, dim: usize) -> Fused<'a> {
        debug_assert_eq!(values.len() % (3 * heads * dim), 0);
        Fused { values, heads, dim }
    }

    /// T.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.values.len() / (3 * self.heads * self.dim)
    }

    /// Query, key and value of one head at one token, `[D]` each.
    #[inline(always)]
    fn at(&self, token: usize, head: usize) -> (&'a [f32], &'a [f32], &'a [f32]) {
        let from = (token * self.heads + head) * 3 * self.dim;
        let (q, rest) = self.values[from..from + 3 * self.dim].split_at(self.dim);
        let (k, v) = rest.split_at(self.dim);
        (q, k, v)
    }
}

/// The recurrence exactly as written, in plain loops: the twin the fast ways are held to.
///
/// `state`: `[H, Dk, Dv]`, updated; the result is `[T, H, D]`.
#[must_use]
pub fn naive(fused: Fused<'_>, decay: Decay<'_>, state: &mut [f32]) -> Vec<f32> {
    let (heads, dim) = (fused.heads, fused.dim);
    let mut out = vec![0f32; fused.tokens() * heads * dim];
    for t in 0..fused.tokens() {
        for h in 0..heads {
            let (q, k, v) = fused.at(t, h);
            let lambda = decay.factor(t, h);
            for i in 0..dim {
                for j in 0..dim {
                    let s = &mut state[(h * dim + i) * dim + j];
                    *s = lambda * *s + k[i] * v[j];
                    out[(t * heads + h) * dim + j] += q[i] * *s;
                }
            }
        }
    }
    out
}

/// The recurrence for few tokens: heads in parallel, update and query in one pass over the state.
///
/// `state`: `[H, Dk, Dv]`, updated; the result is `[T, H, D]`.
#[must_use]
pub fn step(fused: Fused<'_>, decay: Decay<'_>, state: &mut [f32]) -> Vec<f32> {
    let (heads, dim, tokens) = (fused.heads, fused.dim, fused.tokens());
    let per_head: Vec<Vec<f32>> = state
        .par_chunks_exact_mut(dim * dim)
        .enumerate()
        .map(|(h, state)| {
            let mut out = vec![0f32; tokens * dim];
            vectorized(
                #[inline(always)]
                || {
                    for (t, out) in out.chunks_exact_mut(dim).enumerate() {
                        let (q, k, v) = fused.at(t, h);
                        let lambda = decay.factor(t, h);
                        for ((row, &k), &q) in state.chunks_exact_mut(dim).zip(k).zip(q) {
                            for ((s, &v), out) in row.iter_mut().zip(v).zip(out.iter_mut()) {
                                *s = lambda * *s + k * v;
                                *out += q * *s;
                            }
                        }
                    }
                },
            );
            out
        })
        .collect();
    interleave(&per_head, tokens, heads, dim)
}

/// Blocks of at most `decay`'s size: inside a block a masked product, between blocks the state (spec 1.3, step 5).
///
/// `state`: `[H, Dk, Dv]`, updated; the result is `[T, H, D]`.
#[must_use]
pub fn chunked(fused: Fused<'_>, decay: Decay<'_>, state: &mut [f32]) -> Vec<f32> {
    let (heads, dim, tokens) = (fused.heads, fused.dim, fused.tokens());
    let per_head: Vec<Vec<f32>> = state
        .par_chunks_exact_mut(dim * dim)
        .enumerate()
        .map(|(h, state)| {
            let mut out = vec![0f32; tokens * dim];
            for start in (0..tokens).step_by(decay.block()) {
                let size = decay.block().min(tokens - start);
                let out = &mut out[start * dim..(start + size) * dim];
                one_block(fused, h, start, size, &decay.over(h, start, size), state, out);
            }
            out
        })
        .collect();
    interleave(&per_head, tokens, heads, dim)
}

/// One head over tokens `start..start + size`. Adds `[size, D]` to `out`, which holds zeros.
fn one_block(
    fused: Fused<'_>,
    head: usize,
    start: usize,
    size: usize,
    fading: &Fading<'_>,
    state: &mut [f32],
    out: &mut [f32],
) {
    let dim = fused.dim;
    let mut scores = vec![0f32; size * size];
    let mut keys = vec![0f32; dim * size];
    let mut gathered = [(); 4].map(|()| Vec::with_capacity(size * dim));
    let [q, v, q_decayed, k_decayed] = &mut gathered;
    for i in 0..size {
        let (query, key, value) = fused.at(start + i, head);
        q.extend_from_slice(query);
        v.extend_from_slice(value);
        let (of_state, until_end) = (fading.of_state(i), fading.between(i, size - 1));
        q_decayed.extend(query.iter().map(|x| x * of_state));
        k_decayed.extend(key.iter().map(|x| x * until_end));
        key.iter().enumerate().for_each(|(d, x)| keys[d * size + i] = *x);
    }
    let [q, v, q_decayed, k_decayed] = gathered.each_ref().map(|values| View::of_rows(values, dim));
    let within = Sizes { rows: size, inner: dim, columns: size };
    product(q, View::of_rows(&keys, size), within, &mut scores, size, Fill::Replace);
    for (i, row) in scores.chunks_exact_mut(size).enumerate() {
        let (seen, hidden) = row.split_at_mut(i + 1);
        fading.fade(i, seen);
        hidden.fill(0.0);
    }
    let to_values = Sizes { rows: size, inner: size, columns: dim };
    product(View::of_rows(&scores, size), v, to_values, out, dim, Fill::Add);
    let before = Sizes { rows: size, inner: dim, columns: dim };
    product(q_decayed, View::of_rows(state, dim), before, out, dim, Fill::Add);
    let left = fading.of_state(size - 1);
    state.iter_mut().for_each(|s| *s *= left);
    let update = Sizes { rows: dim, inner: size, columns: dim };
    product(k_decayed.turned(), v, update, state, dim, Fill::Add);
}

/// `H` times `[T, D]` to `[T, H, D]`.
fn interleave(per_head: &[Vec<f32>], tokens: usize, heads: usize, dim: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(tokens * heads * dim);
    for t in 0..tokens {
        for head in per_head {
            out.extend_from_slice(&head[t * dim..(t + 1) * dim]);
        }
    }
    out
}

/// One lightning attention layer.
#[derive(Clone, Debug)]
pub struct LightningAttention {
    qkv_proj: Linear,
    output_gate: Linear,
    norm: RmsNorm,
    out_proj: Linear,
    decay: FixedDecay,
    dim: usize,
}

impl LightningAttention {
    /// From `qkv_proj` `[H*3*D, C]`, `output_gate` `[H*D, C]`, `norm` over `H*D`, `out_proj` `[C, H*D]`.
    #[must_use]
    pub fn new(
        qkv_proj: Linear,
        output_gate: Linear,
        norm: RmsNorm,
        out_proj: Linear,
        decay: FixedDecay,
        dim: usize,
    ) -> LightningAttention {
        LightningAttention { qkv_proj, output_gate, norm, out_proj, decay, dim }
    }

    /// Attention of T tokens that follow those in `state`. `x`: `[T, C]`, the result likewise.
    ///
    /// # Errors
    /// The numeric library refused.
    pub fn forward(&self, x: &Tensor, state: &mut LinearState) -> Result<Tensor> {
        let heads = self.decay.heads();
        let maps = [(&self.qkv_proj, Activation::Silu), (&self.output_gate, Activation::Identity)];
        let [fused, gate] = Linear::forward_all(maps, x)?;
        let tokens = fused.dim(0)?;
        let attended = with_values(&fused, |values| {
            let fused = Fused::new(values, heads, self.dim);
            let attend = if tokens <= FEW_TOKENS { step } else { chunked };
            attend(fused, Decay::Fixed(&self.decay), state.values_mut())
        })?;
        drop(fused); // as wide as all that follows
        let normed = self.norm.forward(&Tensor::from_vec(attended, (tokens, heads * self.dim), x.device())?)?;
        multiply_activated(&gate, &normed, sigmoid)?;
        self.out_proj.forward(&gate)
    }
}
