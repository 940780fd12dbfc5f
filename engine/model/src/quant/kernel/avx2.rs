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
#[target_feature(enable = "avx2,f16c")]
unsafe fn factors(block: &[u8], at: usize) -> __m256 {
    // SAFETY: promised by the caller; the load needs no alignment.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(block.as_ptr().add(at).cast()) })
}

/// Four neighbouring inputs of a row, in every lane.
///
/// # Safety
/// 4 bytes can be read at `x + 4 * step`.
#[target_feature(enable = "avx2")]
unsafe fn inputs(x: *const i8, step: usize) -> __m256i {
    // SAFETY: promised by the caller.
    _mm256_set1_epi32(unsafe { x.add(step * LANE).cast::<i32>().read_unaligned() })
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
        let scales = factors(block, integers + half * HALF * 2);
        let offsets = factors(block, integers + (PANEL + half * HALF) * 2);
        for row in 0..tile.rows {
            let slot = g * tile.stride + row;
            let x = tile.integers.as_ptr().add(slot * GROUP);
            let mut sums = _mm256_maddubs_epi16(weights[0], inputs(x, 0));
            for (step, w) in weights.iter().enumerate().skip(1) {
                sums = _mm256_add_epi16(sums, _mm256_maddubs_epi16(*w, inputs(x, step)));
            }
            let dots = _mm256_cvtepi32_ps(_mm256_madd_epi16(sums, ones));
            let scale = *tile.scales.get_unchecked(slot);
            let sum = scale * *tile.sums.get_unchecked(slot) as f32;
            let to = out.as_mut_ptr().add(row * PANEL + half * HALF);
            let value = _mm256_fmadd_ps(dots, _mm256_mul_ps(scales, _mm256_set1_ps(scale)), _mm256_loadu_ps(to));
            _mm256_storeu_ps(to, _mm256_fnmadd_ps(offsets, _mm256_set1_ps(sum), value));
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn eight(block: &[u8], half: usize, tile: Tile<'_>, g: usize, out: &mut [f32]) {
    let ones = _mm256_set1_epi16(1);
    // SAFETY: the integers of a block are 8 steps of 64 bytes, of which each half is 32; the scales are 32 bytes behind
    // them, of which each half is 16. Rows and `out` as in `four`.
    unsafe {
        let scales = factors(block, Bits::Eight.integers() + half * HALF * 2);
        // In two rounds, so that the weights and their magnitudes stay in registers.
        for round in 0..2 {
            let mut weights = [_mm256_setzero_si256(); STEPS / 2];
            for (i, w) in weights.iter_mut().enumerate() {
                let step = round * STEPS / 2 + i;
                *w = _mm256_loadu_si256(block.as_ptr().add(step * STEP + half * HALF * LANE).cast());
            }
            let sizes = weights.map(|w| _mm256_abs_epi8(w));
            for row in 0..tile.rows {
                let slot = g * tile.stride + row;
                let x = tile.integers.as_ptr().add(slot * GROUP);
                let mut sums = _mm256_setzero_si256();
                for (i, (w, size)) in weights.iter().zip(sizes).enumerate() {
                    // |w| times x with the sign of w: a pair is at most 2 * 127 * 127 < 2^15.
                    let signed = _mm256_sign_epi8(inputs(x, round * STEPS / 2 + i), *w);
                    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_maddubs_epi16(size, signed), ones));
                }
                let scale = _mm256_mul_ps(scales, _mm256_set1_ps(*tile.scales.get_unchecked(slot)));
                let to = out.as_mut_ptr().add(row * PANEL + half * HALF);
                _mm256_storeu_ps(to, _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums), scale, _mm256_loadu_ps(to)));
            }
        }
    }
}
