//! Many query rows against one cache block in bf16, with `vdpbf16ps`: two products at once, sums in f32. Twice as fast as
//! f32; for caches that keep keys and values in fewer than 32 bits anyway.
//!
//! Two neighbours of the inner axis lie in one u32, the first in its low half: dimensions for scores, positions for sums.

#![expect(unsafe_code, reason = "loads and stores through pointers; each says why it stays inside its slice")]

use std::arch::x86_64::*;

use half::f16;

use super::Running;
use crate::layers::kernels::{exp, vectorized};
use crate::layers::strips::STRIP;
use crate::state::{HeadBlock, KV_BLOCK};

/// Columns of a result that are made at once: two strips.
const COLUMNS: usize = 2 * STRIP;
/// Rows whose sums stay in registers, two vectors each.
const ROWS: usize = 8;
/// Rows whose scores exist at a time: they stay in the first cache levels beside the block's keys and values.
const ROWS_AT_A_TIME: usize = 48;

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
    /// Keys of a block in strips, `[KV_BLOCK / STRIP, D / 2, STRIP]`.
    keys: Vec<u32>,
    /// Its values in strips, `[D / STRIP, positions / 2, STRIP]`.
    values: Vec<u32>,
    /// `[ROWS_AT_A_TIME, KV_BLOCK]`.
    scores: Vec<f32>,
    /// `[ROWS_AT_A_TIME, KV_BLOCK / 2]`.
    weights: Vec<u32>,
}

impl Tile {
    /// From queries `[R, D]`, rotated and scaled.
    ///
    /// # Panics
    /// [`available`] is false for D.
    pub(super) fn new(queries: &[f32], dim: usize) -> Tile {
        assert!(available(dim), "attention in bf16 was chosen where it cannot run");
        let mut pairs = vec![0; queries.len() / 2];
        vectorized(
            #[inline(always)]
            || pairs.iter_mut().zip(queries.as_chunks().0).for_each(|(to, [low, high])| *to = pair(*low, *high)),
        );
        let [keys, values] = [(); 2].map(|()| vec![0; KV_BLOCK * dim / 2]);
        let (scores, weights) = (vec![0.0; ROWS_AT_A_TIME * KV_BLOCK], vec![0; ROWS_AT_A_TIME * KV_BLOCK / 2]);
        Tile { dim, queries: pairs, keys, values, scores, weights }
    }

    /// Folds the first `columns` positions of a block into `running`, of which row r sees the first `seen(r)`.
    pub(super) fn attend(
        &mut self,
        block: HeadBlock<'_>,
        columns: usize,
        seen: impl Fn(usize) -> usize,
        running: &mut Running,
    ) {
        let (dim, positions) = (self.dim, columns.div_ceil(2) * 2);
        for (strip, to) in self.keys.chunks_exact_mut(dim / 2 * STRIP).enumerate().take(columns.div_ceil(COLUMNS) * 2) {
            match block.key_halves(strip) {
                Some(halves) => join_halves(halves, to),
                None => join(&block.key_strip(strip), to),
            }
        }
        for (strip, to) in self.values.chunks_exact_mut(positions / 2 * STRIP).enumerate().take(dim / STRIP) {
            match block.value_halves(strip, positions) {
                Some(halves) => join_halves(halves, to),
                None => join(&block.value_strip(strip, positions).0, to),
            }
        }
        for first in (0..running.largest.len()).step_by(ROWS_AT_A_TIME) {
            let rows = ROWS_AT_A_TIME.min(running.largest.len() - first);
            self.attend_rows(first, rows, columns, &seen, running);
        }
    }

    /// [`Tile::attend`] for some rows, once keys and values lie in pairs.
    fn attend_rows(
        &mut self,
        first: usize,
        rows: usize,
        columns: usize,
        seen: &impl Fn(usize) -> usize,
        running: &mut Running,
    ) {
        let (dim, inner, pairs) = (self.dim, self.dim / 2, columns.div_ceil(2));
        let queries = &self.queries[first * inner..(first + rows) * inner];
        let scores = &mut self.scores[..rows * KV_BLOCK];
        for (index, strips) in self.keys.chunks_exact(inner * COLUMNS).enumerate().take(columns.div_ceil(COLUMNS)) {
            product(queries, strips, inner, &mut scores[index * COLUMNS..], KV_BLOCK, false);
        }
        let weights = &mut self.weights[..rows * KV_BLOCK / 2];
        let pieces = scores.chunks_exact(KV_BLOCK).zip(weights.chunks_exact_mut(KV_BLOCK / 2));
        for (row, (scores, weights)) in (first..).zip(pieces) {
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
        let sums = &mut running.sums[first * dim..(first + rows) * dim];
        for (index, strips) in self.values.chunks_exact(pairs * COLUMNS).enumerate().take(dim / COLUMNS) {
            product(weights, strips, pairs, &mut sums[index * COLUMNS..], dim, true);
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

/// Rows of a strip `[2 * n, STRIP]` in pairs, `[n, STRIP]`.
fn join(rows: &[f32], to: &mut [u32]) {
    vectorized(
        #[inline(always)]
        || {
            for (rows, to) in rows.as_chunks::<{ 2 * STRIP }>().0.iter().zip(to.as_chunks_mut::<STRIP>().0) {
                for lane in 0..STRIP {
                    to[lane] = pair(rows[lane], rows[STRIP + lane]);
                }
            }
        },
    );
}

/// [`join`] for rows in f16.
fn join_halves(rows: &[f16], to: &mut [u32]) {
    // SAFETY: there is a `Tile`, so the instructions are there.
    unsafe { join_halves_512(rows, to) }
}

/// # Safety
/// The processor has AVX-512 F, BW and BF16.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn join_halves_512(rows: &[f16], to: &mut [u32]) {
    // Lane i of the first row, then lane i of the second, which lies 16 places behind.
    let places: [u16; 2 * STRIP] = std::array::from_fn(|i| (i / 2 + i % 2 * STRIP) as u16);
    // SAFETY: an array as large as a vector; each chunk below holds as many numbers as are loaded and stored, and bf16
    // has no invalid bits.
    unsafe {
        let places = _mm512_loadu_si512(places.as_ptr().cast());
        for (rows, to) in rows.as_chunks::<{ 2 * STRIP }>().0.iter().zip(to.as_chunks_mut::<STRIP>().0) {
            let [low, high] = [0, STRIP].map(|at| _mm512_cvtph_ps(_mm256_loadu_si256(rows.as_ptr().add(at).cast())));
            let both = std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low));
            _mm512_storeu_si512(to.as_mut_ptr().cast(), _mm512_permutexvar_epi16(places, both));
        }
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
