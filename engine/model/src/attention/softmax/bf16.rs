//! Many query rows against one cache block in bf16, with `vdpbf16ps`: two products at once, sums in f32. Twice as fast as
//! f32; for caches that keep keys and values in fewer than 32 bits anyway.
//!
//! Two neighbours of the inner axis lie in one u32, the first in its low half: dimensions for scores, positions for sums.

#![expect(unsafe_code, reason = "loads and stores through pointers; each says why it stays inside its slice")]

use std::arch::x86_64::*;

use super::Running;
use crate::layers::kernels::{exp, vectorized};
use crate::layers::strips::STRIP;
use crate::state::{HeadBlock, KV_BLOCK};

/// Columns of a result that are made at once: two strips.
const COLUMNS: usize = 2 * STRIP;
/// Rows whose sums stay in registers, two vectors each.
const ROWS: usize = 8;

/// Whether heads of `dim` dimensions can be attended to this way: the processor has the instructions, and dimensions fill
/// pairs of strips.
pub(super) fn available(dim: usize) -> bool {
    dim > 0
        && dim.is_multiple_of(COLUMNS)
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512bf16")
        && pulp::x86::V4::is_available()
}

/// Query rows of one key/value head, and room for what stands between its products.
pub(super) struct Tile {
    dim: usize,
    /// `[R, D / 2]`.
    queries: Vec<u32>,
    /// Two strips of keys, `[D / 2, STRIP]` each, or of values, `[positions / 2, STRIP]`.
    strips: Vec<u32>,
    /// `[R, KV_BLOCK]`.
    scores: Vec<f32>,
    /// `[R, KV_BLOCK / 2]`.
    weights: Vec<u32>,
}

impl Tile {
    /// From queries `[R, D]`, rotated and scaled.
    ///
    /// # Panics
    /// [`available`] is false for D.
    pub(super) fn new(queries: &[f32], dim: usize) -> Tile {
        assert!(available(dim), "attention in bf16 was chosen where it cannot run");
        let rows = queries.len() / dim;
        let mut pairs = vec![0; queries.len() / 2];
        vectorized(
            #[inline(always)]
            || pairs.iter_mut().zip(queries.as_chunks().0).for_each(|(to, [low, high])| *to = pair(*low, *high)),
        );
        Tile {
            dim,
            queries: pairs,
            strips: vec![0; STRIP * dim.max(KV_BLOCK)],
            scores: vec![0.0; rows * KV_BLOCK],
            weights: vec![0; rows * KV_BLOCK / 2],
        }
    }

    /// Folds the first `columns` positions of a block into `running`, of which row r sees the first `seen(r)`.
    pub(super) fn attend(
        &mut self,
        block: HeadBlock<'_>,
        columns: usize,
        seen: impl Fn(usize) -> usize,
        running: &mut Running,
    ) {
        let dim = self.dim;
        for first in (0..columns.div_ceil(STRIP)).step_by(2) {
            join(&mut self.strips, dim / 2, |strip| block.key_strip(first + strip));
            product(&self.queries, &self.strips, dim / 2, &mut self.scores[first * STRIP..], KV_BLOCK, false);
        }
        let rows = self.scores.chunks_exact(KV_BLOCK).zip(self.weights.chunks_exact_mut(KV_BLOCK / 2));
        for (row, (scores, weights)) in rows.enumerate() {
            let seen = seen(row).min(columns);
            if seen == 0 {
                weights.fill(0);
                continue;
            }
            // SAFETY: `Tile::new` has asked for the instructions.
            let largest = unsafe { maximum(scores, seen) }.max(running.largest[row]);
            let shrink = exp(running.largest[row] - largest);
            // SAFETY: as above.
            let total = unsafe { weigh(scores, seen, largest, weights) };
            running.largest[row] = largest;
            running.total[row] = running.total[row] * shrink + total;
            if shrink != 1.0 {
                running.sums[row * dim..(row + 1) * dim].iter_mut().for_each(|sum| *sum *= shrink);
            }
        }
        let pairs = columns.div_ceil(2);
        for first in (0..dim / STRIP).step_by(2) {
            join(&mut self.strips, pairs, |strip| block.value_strip(first + strip, pairs * 2).0);
            product(&self.weights, &self.strips, pairs, &mut running.sums[first * STRIP..], dim, true);
        }
    }
}

/// Two values in bf16, rounded to nearest, ties to even; both are finite.
#[inline(always)]
fn pair(low: f32, high: f32) -> u32 {
    let rounded = |value: f32| {
        let bits = value.to_bits();
        bits.wrapping_add(0x7fff + ((bits >> 16) & 1))
    };
    rounded(low) >> 16 | rounded(high) & 0xffff_0000
}

/// Writes two strips `[2 * inner, STRIP]` as pairs of rows, `[inner, STRIP]` each, one behind the other.
fn join<'a>(to: &mut [u32], inner: usize, strip: impl Fn(usize) -> std::borrow::Cow<'a, [f32]>) {
    for (index, to) in to.chunks_exact_mut(inner * STRIP).take(2).enumerate() {
        let rows = strip(index);
        vectorized(
            #[inline(always)]
            || {
                for (rows, to) in rows.chunks_exact(2 * STRIP).zip(to.chunks_exact_mut(STRIP)) {
                    for lane in 0..STRIP {
                        to[lane] = pair(rows[lane], rows[STRIP + lane]);
                    }
                }
            },
        );
    }
}

/// The largest of the first `seen` scores, of which there is at least one.
///
/// # Safety
/// The processor has AVX-512 F.
#[target_feature(enable = "avx512f")]
unsafe fn maximum(scores: &[f32], seen: usize) -> f32 {
    let mut largest = _mm512_set1_ps(f32::NEG_INFINITY);
    for (index, scores) in scores.as_chunks::<STRIP>().0.iter().enumerate().take(seen.div_ceil(STRIP)) {
        // SAFETY: a chunk holds as many values as a vector.
        let scores = unsafe { _mm512_loadu_ps(scores.as_ptr()) };
        largest = _mm512_mask_max_ps(largest, seen_of(seen - index * STRIP), largest, scores);
    }
    _mm512_reduce_max_ps(largest)
}

/// A bit for each lane of a vector whose value counts, where `seen` are left.
fn seen_of(seen: usize) -> u16 {
    if seen >= STRIP { u16::MAX } else { (1 << seen) - 1 }
}

/// `exp(score - largest)` of the first `seen` of [`KV_BLOCK`] scores in pairs, zero for the others; the sum of all.
///
/// With x = score - largest, `x / ln 2 = n + r`, |r| <= 1/2, and 2^r by its Taylor sum, which is off by 6e-5 at most: far
/// less than what bf16 rounds away.
///
/// # Safety
/// The processor has AVX-512 F, BW and BF16.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn weigh(scores: &[f32], seen: usize, largest: f32, weights: &mut [u32]) -> f32 {
    use std::f32::consts::LN_2;
    const TWO_TO_R: [f32; 5] =
        [1.0, LN_2, LN_2 * LN_2 / 2.0, LN_2 * LN_2 * LN_2 / 6.0, LN_2 * LN_2 * LN_2 * LN_2 / 24.0];
    let per_ln2 = _mm512_set1_ps(std::f32::consts::LOG2_E);
    let largest = _mm512_mul_ps(_mm512_set1_ps(largest), per_ln2);
    let mut total = _mm512_setzero_ps();
    let both = scores.as_chunks::<COLUMNS>().0.iter().zip(weights.as_chunks_mut::<STRIP>().0);
    for (index, (scores, weights)) in both.enumerate() {
        let left = seen.saturating_sub(index * COLUMNS);
        let mut halves = [_mm512_setzero_ps(); 2];
        for (half, value) in halves.iter_mut().enumerate().take(left.div_ceil(STRIP)) {
            // SAFETY: a chunk holds as many values as two vectors.
            let score = unsafe { _mm512_loadu_ps(scores.as_ptr().add(half * STRIP)) };
            let x = _mm512_fmsub_ps(score, per_ln2, largest);
            let n = _mm512_roundscale_ps::<0>(x);
            let r = _mm512_sub_ps(x, n);
            let mut power = _mm512_set1_ps(TWO_TO_R[4]);
            for coefficient in [TWO_TO_R[3], TWO_TO_R[2], TWO_TO_R[1], TWO_TO_R[0]] {
                power = _mm512_fmadd_ps(power, r, _mm512_set1_ps(coefficient));
            }
            *value = _mm512_maskz_scalef_ps(seen_of(left - half * STRIP), power, n);
            total = _mm512_add_ps(total, *value);
        }
        let pairs = _mm512_cvtne2ps_pbh(halves[1], halves[0]);
        // SAFETY: a chunk holds as many pairs as a vector; bf16 has no invalid bits.
        unsafe { _mm512_storeu_si512(weights.as_mut_ptr().cast(), std::mem::transmute::<__m512bh, __m512i>(pairs)) };
    }
    _mm512_reduce_add_ps(total)
}

/// `out[r, c] = sum_k left[r, k] * right[k, c]` over pairs, or added to it; rows of `out` are `stride` apart.
///
/// `left`: `[R, stride of its own]` pairs, of which `inner` count; `right`: two strips `[inner, STRIP]`.
fn product(left: &[u32], right: &[u32], inner: usize, out: &mut [f32], stride: usize, add: bool) {
    let rows = out.len().div_ceil(stride);
    let left_stride = left.len() / rows.max(1);
    assert!(
        rows == 0
            || inner <= left_stride
                && inner * COLUMNS <= right.len()
                && (rows - 1) * stride + COLUMNS <= out.len()
                && COLUMNS <= stride,
        "a product of slices that do not hold {rows} rows over {inner} pairs"
    );
    let mut row = 0;
    while row < rows {
        // SAFETY: `row` and the rows behind it that a tile takes are below `rows`; the sizes are checked above, and the
        // instructions are there, since there is a `Tile`.
        row += unsafe {
            let (left, out) = (left.as_ptr().add(row * left_stride), out.as_mut_ptr().add(row * stride));
            let sizes = (left_stride, inner, stride);
            match rows - row {
                ROWS.. => tile::<ROWS>(left, right.as_ptr(), sizes, out, add),
                4.. => tile::<4>(left, right.as_ptr(), sizes, out, add),
                _ => tile::<1>(left, right.as_ptr(), sizes, out, add),
            }
        };
    }
}

/// `R` rows by [`COLUMNS`] of a product; returns `R`. `sizes`: stride of `left`, pairs, stride of `out`.
///
/// # Safety
/// The slices behind the pointers hold `R` rows and all pairs; the processor has AVX-512 F and BF16.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn tile<const R: usize>(
    left: *const u32,
    right: *const u32,
    (left_stride, inner, stride): (usize, usize, usize),
    out: *mut f32,
    add: bool,
) -> usize {
    let mut sums = [[_mm512_setzero_ps(); 2]; R];
    // SAFETY: promised by the caller; loads and stores need no alignment.
    unsafe {
        for k in 0..inner {
            let strip = |index: usize| _mm512_loadu_si512(right.add((index * inner + k) * STRIP).cast());
            let [low, high] = [strip(0), strip(1)].map(|v| std::mem::transmute::<__m512i, __m512bh>(v));
            for (r, sums) in sums.iter_mut().enumerate() {
                let value = _mm512_set1_epi32(left.add(r * left_stride + k).cast::<i32>().read());
                let value = std::mem::transmute::<__m512i, __m512bh>(value);
                sums[0] = _mm512_dpbf16_ps(sums[0], value, low);
                sums[1] = _mm512_dpbf16_ps(sums[1], value, high);
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (half, sum) in sums.iter().enumerate() {
                let to = out.add(r * stride + half * STRIP);
                let sum = if add { _mm512_add_ps(_mm512_loadu_ps(to), *sum) } else { *sum };
                _mm512_storeu_ps(to, sum);
            }
        }
    }
    R
}
