//! f32 rows times a strip of f16, widened on the way: what few query tokens read of a cache in 16 bits, without a copy of
//! it. Sums are those of [`crate::layers::strips::product`] over the widened strip, to the last bit.

#![expect(unsafe_code, reason = "loads and stores through pointers; each says why it stays inside its slice")]

use std::arch::x86_64::*;

use half::f16;

use crate::layers::strips::{Fill, STRIP};

/// Whether the processor has the instructions.
pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx512f") && pulp::x86::V4::is_available()
}

/// `out[r, c] = sum_k left[r, k] * right[k, c]`, or added to it: `left` in rows of `left_stride` values, `right` a strip
/// `[K, STRIP]`, rows of `out` `stride` apart.
///
/// # Panics
/// The slices do not hold as many rows, or [`available`] is false.
pub(super) fn product((left, left_stride): (&[f32], usize), right: &[f16], out: &mut [f32], stride: usize, fill: Fill) {
    let (rows, inner) = (left.len() / left_stride.max(1), right.len() / STRIP);
    assert!(
        available() && inner <= left_stride && (rows == 0 || (rows - 1) * stride + STRIP <= out.len()),
        "a product with a strip of f16 that does not fit"
    );
    let mut row = 0;
    while row < rows {
        // SAFETY: `row` and the rows behind it that a tile takes are below `rows`; sizes and instructions are checked.
        row += unsafe {
            let (left, out) = (left.as_ptr().add(row * left_stride), out.as_mut_ptr().add(row * stride));
            match rows - row {
                12.. => tile::<12>(left, left_stride, right, out, stride, fill),
                4.. => tile::<4>(left, left_stride, right, out, stride, fill),
                _ => tile::<1>(left, left_stride, right, out, stride, fill),
            }
        };
    }
}

/// `R` rows; returns `R`.
///
/// # Safety
/// `left` and `out` hold `R` rows; the processor has AVX-512 F.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn tile<const R: usize>(
    left: *const f32,
    left_stride: usize,
    right: &[f16],
    out: *mut f32,
    stride: usize,
    fill: Fill,
) -> usize {
    let mut sums = [_mm512_setzero_ps(); R];
    // SAFETY: promised by the caller; a chunk of `right` holds as many numbers as are loaded.
    unsafe {
        for (k, right) in right.as_chunks::<STRIP>().0.iter().enumerate() {
            let right = _mm512_cvtph_ps(_mm256_loadu_si256(right.as_ptr().cast()));
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = _mm512_fmadd_ps(_mm512_set1_ps(*left.add(r * left_stride + k)), right, *sum);
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            let to = out.add(r * stride);
            let sum = if fill == Fill::Add { _mm512_add_ps(_mm512_loadu_ps(to), *sum) } else { *sum };
            _mm512_storeu_ps(to, sum);
        }
    }
    R
}
