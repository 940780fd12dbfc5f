//! Four outputs at once with `sdot`, which multiplies four signed by four signed bytes and adds them up in 32 bits. The
//! bytes of a panel lie as it wants them: one vector of weights is four outputs at the same four inputs.

#![expect(unsafe_code, reason = "loads and stores through pointers; each says why it stays inside its slice")]

use std::arch::aarch64::*;
use std::arch::asm;

use super::super::activations::Tile;
use super::super::pack::Bits;
use super::super::{GROUP, LANE, PANEL};

/// Outputs of one vector.
const QUARTER: usize = PANEL / 4;
/// Bytes of the integers of one step of [`LANE`] inputs.
const STEP: usize = PANEL * LANE;
/// Steps of a group's inputs: 32 / 4.
const STEPS: usize = GROUP / LANE;

pub(super) fn available() -> bool {
    std::arch::is_aarch64_feature_detected!("dotprod")
}

/// See [`super::Kernel::panel`].
///
/// # Safety
/// The processor has the dot products of ARMv8.2; the sizes are those that `Kernel::panel` checks.
#[target_feature(enable = "neon,dotprod")]
pub(super) unsafe fn panel(bits: Bits, panel: &[u8], tile: Tile<'_>, out: &mut [f32]) {
    for (g, block) in panel.chunks_exact(bits.block()).enumerate() {
        for quarter in 0..PANEL / QUARTER {
            // SAFETY: `block` is one block, `quarter` is below 4, and `g` is a group of the tile (sizes checked above).
            unsafe { part(bits, block, quarter, tile, g, out) }
        }
    }
}

/// A quarter of a block's outputs for all rows.
///
/// # Safety
/// As [`panel`]; `quarter` is below 4 and `g` a group of the tile.
#[target_feature(enable = "neon,dotprod")]
unsafe fn part(bits: Bits, block: &[u8], quarter: usize, tile: Tile<'_>, g: usize, out: &mut [f32]) {
    // SAFETY: 64 bytes for each step (four bits: for each two), 16 of them for each quarter; then 32 bytes of scales and,
    // for four bits, 32 of offsets, 8 of them for each quarter. Rows of the tile have GROUP inputs in every group, `out`
    // PANEL values a row.
    unsafe {
        let w = weights(bits, block.as_ptr().add(quarter * QUARTER * LANE));
        let scales = factors(block, bits.integers() + quarter * QUARTER * 2);
        let offsets = match bits {
            Bits::Four => factors(block, bits.integers() + (PANEL + quarter * QUARTER) * 2),
            Bits::Eight => vdupq_n_f32(0.0),
        };
        for row in 0..tile.rows {
            let slot = g * tile.stride + row;
            let x = tile.integers.as_ptr().add(slot * GROUP);
            let (x0, x1) = (vld1q_s8(x), vld1q_s8(x.add(GROUP / 2)));
            let (mut even, mut odd) = (vdupq_n_s32(0), vdupq_n_s32(0));
            even = dots::<0>(even, w[0], x0);
            odd = dots::<1>(odd, w[1], x0);
            even = dots::<2>(even, w[2], x0);
            odd = dots::<3>(odd, w[3], x0);
            even = dots::<0>(even, w[4], x1);
            odd = dots::<1>(odd, w[5], x1);
            even = dots::<2>(even, w[6], x1);
            odd = dots::<3>(odd, w[7], x1);
            let sums = vcvtq_f32_s32(vaddq_s32(even, odd));
            let scale = *tile.scales.get_unchecked(slot);
            let sum = *tile.weighted_sums.get_unchecked(slot);
            let to = out.as_mut_ptr().add(row * PANEL + quarter * QUARTER);
            let value = vfmaq_f32(vld1q_f32(to), sums, vmulq_f32(scales, vdupq_n_f32(scale)));
            vst1q_f32(to, vfmsq_f32(value, offsets, vdupq_n_f32(sum)));
        }
    }
}

/// The weights of four outputs, step by step.
///
/// # Safety
/// `block` is a block from a quarter on.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn weights(bits: Bits, block: *const u8) -> [int8x16_t; STEPS] {
    let mut weights = [vdupq_n_s8(0); STEPS];
    match bits {
        Bits::Four => {
            for step in 0..STEPS / 2 {
                // SAFETY: four steps of 64 bytes hold two inputs a byte.
                let both = unsafe { vld1q_u8(block.add(step * STEP)) };
                weights[step] = vreinterpretq_s8_u8(vandq_u8(both, vdupq_n_u8(15)));
                weights[step + STEPS / 2] = vreinterpretq_s8_u8(vshrq_n_u8::<4>(both));
            }
        }
        Bits::Eight => {
            for (step, w) in weights.iter_mut().enumerate() {
                // SAFETY: eight steps of 64 bytes.
                *w = unsafe { vld1q_s8(block.add(step * STEP).cast()) };
            }
        }
    }
    weights
}

/// Four f16 as f32.
///
/// # Safety
/// `block` has 8 bytes from `at` on.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn factors(block: &[u8], at: usize) -> float32x4_t {
    // SAFETY: promised by the caller; the load needs no alignment.
    unsafe {
        let half = vld1_u8(block.as_ptr().add(at));
        let wide: float32x4_t;
        // As an instruction: the standard library has it for a type of its own that is not settled yet.
        asm!("fcvtl {0:v}.4s, {1:v}.4h", lateout(vreg) wide, in(vreg) half, options(pure, nomem, nostack, preserves_flags));
        wide
    }
}

/// Adds to each of four sums the product of four weights with the four inputs at `AT` of `x`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn dots<const AT: usize>(sums: int32x4_t, weights: int8x16_t, x: int8x16_t) -> int32x4_t {
    let mut sums = sums;
    // SAFETY: nothing but registers; the instruction is enabled here. As an instruction, since the standard library does
    // not offer it in its stable part.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {weights:v}.16b, {x:v}.4b[{at}]",
            sums = inout(vreg) sums, weights = in(vreg) weights, x = in(vreg) x, at = const AT,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}
