//! Eight outputs at once. Four-bit weights times eight-bit inputs are added up in 16 bits without overflow for a whole
//! group (8 * 2 * 15 * 127 < 2^15), so that each 32 products cost one multiplication and one addition.

#![expect(unsafe_code, reason = "loads and stores through pointers; each says why it stays inside its slice")]

use std::arch::x86_64::*;

use super::super::activations::Tile;
use super::super::pack::Bits;
use super::super::{GROUP, LANE, PANEL};

/// Outputs of one vector.
const HALF: usize = PANEL / 2;
/// Bytes of the integers that one vector takes from each step of [`LANE`] inputs.
const STEP: usize = PANEL * LANE;
/// Vectors of a group's inputs: 32 / 4.
const STEPS: usize = GROUP / LANE;

pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
}

/// See [`super::Kernel::panel`].
///
/// # Safety
/// The processor has AVX2, FMA and F16C; the sizes are those that `Kernel::panel` checks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn panel(bits: Bits, panel: &[u8], tile: Tile<'_>, out: &mut [f32]) {
    if (bits, tile.rows) == (Bits::Four, 1) {
        // SAFETY: as promised by the caller.
        return unsafe { four_single(panel, tile, out) };
    }
    for (g, block) in panel.chunks_exact(bits.block()).enumerate() {
        for half in 0..2 {
            // SAFETY: `block` is one block, `half` is 0 or 1, and `g` is a group of the tile (sizes checked above).
            unsafe {
                match bits {
                    Bits::Four => four(block, half, tile, g, out),
                    Bits::Eight => eight(block, half, tile, g, out),
                }
            }
        }
    }
}

/// Eight f16 as f32.
///
/// # Safety
/// `block` has 16 bytes from `at` on.
#[inline]
#[target_feature(enable = "avx2,f16c")]
unsafe fn factors(block: &[u8], at: usize) -> __m256 {
    // SAFETY: promised by the caller; the load needs no alignment.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(block.as_ptr().add(at).cast()) })
}

/// Four neighbouring inputs of a row, in every lane.
///
/// # Safety
/// 4 bytes can be read at `x + 4 * STEP`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn inputs<const STEP: usize>(x: *const i8) -> __m256i {
    // SAFETY: promised by the caller.
    _mm256_set1_epi32(unsafe { x.add(STEP * LANE).cast::<i32>().read_unaligned() })
}

#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn four(block: &[u8], half: usize, tile: Tile<'_>, g: usize, out: &mut [f32]) {
    let low = _mm256_set1_epi8(15);
    let ones = _mm256_set1_epi16(1);
    let mut weights = [_mm256_setzero_si256(); STEPS];
    let integers = Bits::Four.integers();
    // SAFETY: the integers of a block are 4 steps of 64 bytes, of which each half is 32; scales and offsets are 32
    // bytes each behind them, of which each half is 16. Rows of the tile have GROUP inputs in every group, and `out`
    // has PANEL values for each row.
    unsafe {
        for step in 0..STEPS / 2 {
            let both = _mm256_loadu_si256(block.as_ptr().add(step * STEP + half * HALF * LANE).cast());
            weights[step] = _mm256_and_si256(both, low);
            weights[step + STEPS / 2] = _mm256_and_si256(_mm256_srli_epi16(both, 4), low);
        }
        let [w0, w1, w2, w3, w4, w5, w6, w7] = weights;
        let scales = factors(block, integers + half * HALF * 2);
        let offsets = factors(block, integers + (PANEL + half * HALF) * 2);
        for row in 0..tile.rows {
            let slot = g * tile.stride + row;
            let x = tile.integers.as_ptr().add(slot * GROUP);
            let (mut even, mut odd) =
                (_mm256_maddubs_epi16(w0, inputs::<0>(x)), _mm256_maddubs_epi16(w1, inputs::<1>(x)));
            even = _mm256_add_epi16(even, _mm256_maddubs_epi16(w2, inputs::<2>(x)));
            odd = _mm256_add_epi16(odd, _mm256_maddubs_epi16(w3, inputs::<3>(x)));
            even = _mm256_add_epi16(even, _mm256_maddubs_epi16(w4, inputs::<4>(x)));
            odd = _mm256_add_epi16(odd, _mm256_maddubs_epi16(w5, inputs::<5>(x)));
            even = _mm256_add_epi16(even, _mm256_maddubs_epi16(w6, inputs::<6>(x)));
            odd = _mm256_add_epi16(odd, _mm256_maddubs_epi16(w7, inputs::<7>(x)));
            let dots = _mm256_cvtepi32_ps(_mm256_madd_epi16(_mm256_add_epi16(even, odd), ones));
            let scale = *tile.scales.get_unchecked(slot);
            let sum = *tile.weighted_sums.get_unchecked(slot);
            let to = out.as_mut_ptr().add(row * PANEL + half * HALF);
            let value = _mm256_fmadd_ps(dots, _mm256_mul_ps(scales, _mm256_set1_ps(scale)), _mm256_loadu_ps(to));
            _mm256_storeu_ps(to, _mm256_fnmadd_ps(offsets, _mm256_set1_ps(sum), value));
        }
    }
}

/// [`four`] over all groups of a single row, to the same bits: results stay in registers, and what belongs to the row
/// is made once for both halves.
///
/// # Safety
/// As [`panel`].
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn four_single(panel: &[u8], tile: Tile<'_>, out: &mut [f32]) {
    let to = out.as_mut_ptr();
    // SAFETY: `out` has PANEL values, and `g` is a group of the tile (sizes checked by `Kernel::panel`).
    unsafe {
        let mut values = [_mm256_loadu_ps(to), _mm256_loadu_ps(to.add(HALF))];
        for (g, block) in panel.chunks_exact(Bits::Four.block()).enumerate() {
            let slot = g * tile.stride;
            let x = tile.integers.as_ptr().add(slot * GROUP);
            let x = [
                inputs::<0>(x),
                inputs::<1>(x),
                inputs::<2>(x),
                inputs::<3>(x),
                inputs::<4>(x),
                inputs::<5>(x),
                inputs::<6>(x),
                inputs::<7>(x),
            ];
            let scale = _mm256_set1_ps(*tile.scales.get_unchecked(slot));
            let sum = _mm256_set1_ps(*tile.weighted_sums.get_unchecked(slot));
            values[0] = four_half::<0>(block, &x, scale, sum, values[0]);
            values[1] = four_half::<1>(block, &x, scale, sum, values[1]);
        }
        _mm256_storeu_ps(to, values[0]);
        _mm256_storeu_ps(to.add(HALF), values[1]);
    }
}

/// `value` and what one half of a block adds to it for a row's `x`, in steps.
///
/// # Safety
/// `block` is a block of four bits.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn four_half<const SIDE: usize>(
    block: &[u8],
    x: &[__m256i; STEPS],
    scale: __m256,
    sum: __m256,
    value: __m256,
) -> __m256 {
    let low = _mm256_set1_epi8(15);
    let mut dots = [_mm256_setzero_si256(); 2];
    let integers = Bits::Four.integers();
    // SAFETY: the places are those of `four`.
    unsafe {
        for step in 0..STEPS / 2 {
            let both = _mm256_loadu_si256(block.as_ptr().add(step * STEP + SIDE * HALF * LANE).cast());
            let lower = _mm256_maddubs_epi16(_mm256_and_si256(both, low), x[step]);
            let upper = _mm256_and_si256(_mm256_srli_epi16(both, 4), low);
            dots[0] = _mm256_add_epi16(dots[0], lower);
            dots[1] = _mm256_add_epi16(dots[1], _mm256_maddubs_epi16(upper, x[step + STEPS / 2]));
        }
        let dots = _mm256_madd_epi16(_mm256_add_epi16(dots[0], dots[1]), _mm256_set1_epi16(1));
        let scales = factors(block, integers + SIDE * HALF * 2);
        let offsets = factors(block, integers + (PANEL + SIDE * HALF) * 2);
        let value = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots), _mm256_mul_ps(scales, scale), value);
        _mm256_fnmadd_ps(offsets, sum, value)
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn eight(block: &[u8], half: usize, tile: Tile<'_>, g: usize, out: &mut [f32]) {
    // SAFETY: the integers of a block are 8 steps of 64 bytes, of which each half is 32; the scales are 32 bytes behind
    // them, of which each half is 16. Rows and `out` as in `four`.
    unsafe {
        let scales = factors(block, Bits::Eight.integers() + half * HALF * 2);
        // In two rounds, so that the weights and their magnitudes stay in registers.
        eight_round::<0, 1, 2, 3>(block, half, scales, tile, g, out);
        eight_round::<4, 5, 6, 7>(block, half, scales, tile, g, out);
    }
}

/// Four steps of a group of eight-bit weights.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn eight_round<const A: usize, const B: usize, const C: usize, const D: usize>(
    block: &[u8],
    half: usize,
    scales: __m256,
    tile: Tile<'_>,
    g: usize,
    out: &mut [f32],
) {
    let ones = _mm256_set1_epi16(1);
    // SAFETY: as in `eight`, whose pieces these are.
    unsafe {
        let [wa, wb, wc, wd] =
            [A, B, C, D].map(|step| _mm256_loadu_si256(block.as_ptr().add(step * STEP + half * HALF * LANE).cast()));
        let (sa, sb, sc, sd) = (_mm256_abs_epi8(wa), _mm256_abs_epi8(wb), _mm256_abs_epi8(wc), _mm256_abs_epi8(wd));
        for row in 0..tile.rows {
            let slot = g * tile.stride + row;
            let x = tile.integers.as_ptr().add(slot * GROUP);
            // |w| times x with the sign of w: a pair is at most 2 * 127 * 127 < 2^15.
            let a = _mm256_maddubs_epi16(sa, _mm256_sign_epi8(inputs::<A>(x), wa));
            let b = _mm256_maddubs_epi16(sb, _mm256_sign_epi8(inputs::<B>(x), wb));
            let c = _mm256_maddubs_epi16(sc, _mm256_sign_epi8(inputs::<C>(x), wc));
            let d = _mm256_maddubs_epi16(sd, _mm256_sign_epi8(inputs::<D>(x), wd));
            let (ab, cd) = (
                _mm256_add_epi32(_mm256_madd_epi16(a, ones), _mm256_madd_epi16(b, ones)),
                _mm256_add_epi32(_mm256_madd_epi16(c, ones), _mm256_madd_epi16(d, ones)),
            );
            let dots = _mm256_cvtepi32_ps(_mm256_add_epi32(ab, cd));
            let scale = _mm256_mul_ps(scales, _mm256_set1_ps(*tile.scales.get_unchecked(slot)));
            let to = out.as_mut_ptr().add(row * PANEL + half * HALF);
            _mm256_storeu_ps(to, _mm256_fmadd_ps(dots, scale, _mm256_loadu_ps(to)));
        }
    }
}
