//! Sixteen outputs at once with `vpdpbusd`, which multiplies four unsigned by four signed bytes and adds them up in 32
//! bits.

#![expect(unsafe_code, reason = "loads and stores through pointers; each says why it stays inside its slice")]

use std::arch::x86_64::*;

use super::super::activations::Tile;
use super::super::pack::Bits;
use super::super::{GROUP, LANE, PANEL};

/// Bytes of the integers of one step of [`LANE`] inputs: one vector.
const STEP: usize = PANEL * LANE;
/// Vectors of a group's inputs: 32 / 4.
const STEPS: usize = GROUP / LANE;

pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni")
}

/// See [`super::Kernel::panel`].
///
/// # Safety
/// The processor has AVX-512 F, BW and VNNI; the sizes are those that `Kernel::panel` checks.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn panel(bits: Bits, panel: &[u8], tile: Tile<'_>, out: &mut [f32]) {
    if tile.rows == 1 {
        // SAFETY: as promised by the caller.
        return unsafe { single(bits, panel, tile, out) };
    }
    let integers = bits.integers();
    for (g, block) in panel.chunks_exact(bits.block()).enumerate() {
        // SAFETY: `block` is one block: 64 bytes for each step (four bits: for each two), then 32 bytes of scales and,
        // for four bits, 32 of offsets. Rows of the tile have GROUP inputs in every group, `out` PANEL values a row.
        unsafe {
            prefetch(block, panel.len());
            let weights = match bits {
                Bits::Four => unpacked(block),
                Bits::Eight => shifted(block),
            };
            let scales = factors(block, integers);
            let offsets = if bits == Bits::Four { factors(block, integers + PANEL * 2) } else { _mm512_setzero_ps() };
            for row in 0..tile.rows {
                let slot = g * tile.stride + row;
                let x = tile.integers.as_ptr().add(slot * GROUP);
                let sum = *tile.sums.get_unchecked(slot);
                // Eight-bit weights were made unsigned by adding 128: take 128 times the inputs away again.
                let start = if bits == Bits::Eight { -128 * sum } else { 0 };
                let (mut even, mut odd) = (_mm512_set1_epi32(start), _mm512_setzero_si512());
                for step in (0..STEPS).step_by(2) {
                    even = _mm512_dpbusd_epi32(even, weights[step], inputs(x, step));
                    odd = _mm512_dpbusd_epi32(odd, weights[step + 1], inputs(x, step + 1));
                }
                let dots = _mm512_cvtepi32_ps(_mm512_add_epi32(even, odd));
                let scale = *tile.scales.get_unchecked(slot);
                let to = out.as_mut_ptr().add(row * PANEL);
                let value = _mm512_fmadd_ps(dots, _mm512_mul_ps(scales, _mm512_set1_ps(scale)), _mm512_loadu_ps(to));
                let value = _mm512_fnmadd_ps(offsets, _mm512_set1_ps(*tile.weighted_sums.get_unchecked(slot)), value);
                _mm512_storeu_ps(to, value);
            }
        }
    }
}

/// [`panel`] for a single row: nothing is unpacked for another row, and the result stays in a register.
///
/// # Safety
/// See [`panel`]; the tile has one row.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn single(bits: Bits, panel: &[u8], tile: Tile<'_>, out: &mut [f32]) {
    let (low, sign) = (_mm512_set1_epi8(15), _mm512_set1_epi8(-128));
    let integers = bits.integers();
    // SAFETY: as in `panel`.
    unsafe {
        let mut value = _mm512_loadu_ps(out.as_ptr());
        for (g, block) in panel.chunks_exact(bits.block()).enumerate() {
            prefetch(block, panel.len());
            let slot = g * tile.stride;
            let x = tile.integers.as_ptr().add(slot * GROUP);
            let step = |step: usize| _mm512_loadu_si512(block.as_ptr().add(step * STEP).cast());
            let (mut even, mut odd) = (_mm512_setzero_si512(), _mm512_setzero_si512());
            match bits {
                Bits::Four => {
                    for s in 0..STEPS / 2 {
                        let both = step(s);
                        even = _mm512_dpbusd_epi32(even, _mm512_and_si512(both, low), inputs(x, s));
                        let upper = _mm512_and_si512(_mm512_srli_epi16::<4>(both), low);
                        odd = _mm512_dpbusd_epi32(odd, upper, inputs(x, s + STEPS / 2));
                    }
                }
                Bits::Eight => {
                    even = _mm512_set1_epi32(-128 * *tile.sums.get_unchecked(slot));
                    for s in (0..STEPS).step_by(2) {
                        even = _mm512_dpbusd_epi32(even, _mm512_xor_si512(step(s), sign), inputs(x, s));
                        odd = _mm512_dpbusd_epi32(odd, _mm512_xor_si512(step(s + 1), sign), inputs(x, s + 1));
                    }
                }
            }
            let dots = _mm512_cvtepi32_ps(_mm512_add_epi32(even, odd));
            let scale = _mm512_mul_ps(factors(block, integers), _mm512_set1_ps(*tile.scales.get_unchecked(slot)));
            value = _mm512_fmadd_ps(dots, scale, value);
            if bits == Bits::Four {
                let sum = _mm512_set1_ps(*tile.weighted_sums.get_unchecked(slot));
                value = _mm512_fnmadd_ps(factors(block, integers + PANEL * 2), sum, value);
            }
        }
        _mm512_storeu_ps(out.as_mut_ptr(), value);
    }
}

/// Asks for the bytes `ahead` of a block: the same block of the next panel. The processor's own prefetching stops at each
/// page, and a panel is three of them.
#[inline]
#[target_feature(enable = "avx512f")]
fn prefetch(block: &[u8], ahead: usize) {
    for line in (0..block.len()).step_by(64) {
        // Never read, so it need not be there: behind the last panel nothing happens.
        _mm_prefetch::<_MM_HINT_T1>(block.as_ptr().wrapping_add(ahead + line).cast());
    }
}

/// Sixteen f16 as f32.
///
/// # Safety
/// `block` has 32 bytes from `at` on.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn factors(block: &[u8], at: usize) -> __m512 {
    // SAFETY: promised by the caller; the load needs no alignment.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(block.as_ptr().add(at).cast()) })
}

/// Four neighbouring inputs of a row, in every lane.
///
/// # Safety
/// 4 bytes can be read at `x + 4 * step`.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn inputs(x: *const i8, step: usize) -> __m512i {
    // SAFETY: promised by the caller.
    _mm512_set1_epi32(unsafe { x.add(step * LANE).cast::<i32>().read_unaligned() })
}

/// # Safety
/// `block` begins with 256 bytes of integers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn unpacked(block: &[u8]) -> [__m512i; STEPS] {
    let low = _mm512_set1_epi8(15);
    let mut weights = [_mm512_setzero_si512(); STEPS];
    for step in 0..STEPS / 2 {
        // SAFETY: promised by the caller.
        let both = unsafe { _mm512_loadu_si512(block.as_ptr().add(step * STEP).cast()) };
        weights[step] = _mm512_and_si512(both, low);
        weights[step + STEPS / 2] = _mm512_and_si512(_mm512_srli_epi16::<4>(both), low);
    }
    weights
}

/// # Safety
/// `block` begins with 512 bytes of integers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn shifted(block: &[u8]) -> [__m512i; STEPS] {
    let sign = _mm512_set1_epi8(-128);
    let mut weights = [_mm512_setzero_si512(); STEPS];
    for (step, w) in weights.iter_mut().enumerate() {
        // SAFETY: promised by the caller.
        *w = _mm512_xor_si512(unsafe { _mm512_loadu_si512(block.as_ptr().add(step * STEP).cast()) }, sign);
    }
    weights
}
