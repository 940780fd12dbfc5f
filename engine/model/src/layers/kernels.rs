//! Inner loops over f32 slices, written so that the compiler turns them into vector code.
//!
//! The program is built for the oldest x86-64, so each hot loop runs inside [`vectorized`], which compiles it
//! again for AVX2 and for AVX-512 and picks at run time. The closure given to it, and functions called from there, must be
//! `#[inline(always)]`: what the compiler leaves as a function of its own is compiled for the oldest processor. Every
//! 64-bit ARM has NEON, so there is nothing to pick there.

use rayon::prelude::*;

/// Partial sums kept side by side in [`dot`] and [`maximum`]; a multiple of every vector width in use.
pub(crate) const LANES: usize = 16;
/// Elements one task of an element-wise loop handles: large enough to hide the cost of handing it over.
const ELEMENTS_PER_TASK: usize = 16 * 1024;
/// Multiplications below which a product stays on the calling thread.
const SERIAL_PRODUCT: usize = 32 * 1024;

/// Runs `body` with the best instruction set this processor has.
#[inline]
pub(crate) fn vectorized<R>(body: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(simd) = pulp::x86::V4::try_new() {
            return pulp::Simd::vectorize(simd, body);
        }
        if let Some(simd) = pulp::x86::V3::try_new() {
            return pulp::Simd::vectorize(simd, body);
        }
    }
    body()
}

/// Runs `body`, which is written for vectors of any width, with the widest this processor has.
#[inline]
pub(crate) fn with_instructions<W: pulp::WithSimd>(body: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(simd) = pulp::x86::V4::try_new() {
            return pulp::Simd::vectorize(simd, body);
        }
        if let Some(simd) = pulp::x86::V3::try_new() {
            return pulp::Simd::vectorize(simd, body);
        }
    }
    #[cfg(target_arch = "aarch64")]
    if let Some(simd) = pulp::aarch64::Neon::try_new() {
        return pulp::Simd::vectorize(simd, body);
    }
    body.with_simd(pulp::Scalar128b)
}

/// Sum of `a[i] * b[i]` over the shorter of the two.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let (a_blocks, b_blocks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f32 = a_blocks.remainder().iter().zip(b_blocks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_blocks.zip(b_blocks) {
        for lane in 0..LANES {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    fold(lanes, |x, y| x + y) + tail
}

/// The largest value, or minus infinity for none.
#[inline(always)]
pub(crate) fn maximum(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let blocks = values.chunks_exact(LANES);
    let tail = blocks.remainder().iter().fold(f32::NEG_INFINITY, |x, &y| if y > x { y } else { x });
    for block in blocks {
        for lane in 0..LANES {
            lanes[lane] = if block[lane] > lanes[lane] { block[lane] } else { lanes[lane] };
        }
    }
    fold(lanes, f32::max).max(tail)
}

/// All lanes joined into one value, in halves.
#[inline(always)]
pub(crate) fn fold<T: Copy>(mut lanes: [T; LANES], join: impl Fn(T, T) -> T) -> T {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] = join(lanes[lane], lanes[lane + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// `y += a * x`.
#[inline(always)]
pub(crate) fn add_scaled(y: &mut [f32], a: f32, x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

/// e^x, within 2e-7 of the true value (relative); arguments are held to -87..88 so that nothing overflows.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2; e^r is its Taylor sum, 2^n goes straight into the exponent bits.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it leaves the rounded integer in the low bits
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * r + coefficient;
    }
    f32::from_bits(sum.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// x / (1 + e^-x).
#[inline(always)]
pub(crate) fn silu(x: f32) -> f32 {
    x * sigmoid(x)
}

/// `out = x / rms(x) * weight` for each row, `rms(x) = sqrt(mean(x^2) + eps)` (spec 1.2). `x`, `out`: `[T, N]`, `weight`:
/// `[N]`.
pub(crate) fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let width = weight.len().max(1);
    let run = |(x, out): (&[f32], &mut [f32])| {
        vectorized(
            #[inline(always)]
            || {
                for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                    let scale = 1.0 / (dot(x, x) / width as f32 + eps).sqrt();
                    for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
                        *out = x * scale * weight;
                    }
                }
            },
        );
    };
    let rows = (ELEMENTS_PER_TASK / width).max(1);
    if x.len() <= rows * width {
        run((x, out));
    } else {
        x.par_chunks(rows * width).zip(out.par_chunks_mut(rows * width)).for_each(run);
    }
}

/// `values[i] = change(values[i])`, over all threads.
pub(crate) fn map(values: &mut [f32], change: impl Fn(f32) -> f32 + Send + Sync) {
    for_tasks(values, |values| {
        vectorized(
            #[inline(always)]
            || {
                for value in values {
                    *value = change(*value);
                }
            },
        );
    });
}

/// `left[i] = join(left[i], right[i])`, over all threads. Both have the same length.
pub(crate) fn zip(left: &mut [f32], right: &[f32], join: impl Fn(f32, f32) -> f32 + Sync) {
    let run = |left: &mut [f32], right: &[f32]| {
        vectorized(
            #[inline(always)]
            || {
                for (l, r) in left.iter_mut().zip(right) {
                    *l = join(*l, *r);
                }
            },
        );
    };
    if left.len() <= ELEMENTS_PER_TASK {
        run(left, right);
    } else {
        left.par_chunks_mut(ELEMENTS_PER_TASK)
            .zip(right.par_chunks(ELEMENTS_PER_TASK))
            .for_each(|(left, right)| run(left, right));
    }
}

fn for_tasks(values: &mut [f32], run: impl Fn(&mut [f32]) + Send + Sync) {
    if values.len() <= ELEMENTS_PER_TASK {
        run(values);
    } else {
        values.par_chunks_mut(ELEMENTS_PER_TASK).for_each(run);
    }
}

/// `out[t, n] = sum_k x[t, k] * weight[n, k]` for few rows. `x`: `[T, K]`, `weight`: `[N, K]`, `out`: `[T, N]`.
///
/// Bound by reading the weights once; with many rows a blocked matrix product is faster.
pub(crate) fn few_rows(x: &[f32], weight: &[f32], inner: usize, out: &mut [f32]) {
    let rows = x.len() / inner;
    let columns = weight.len() / inner;
    if rows == 1 {
        product(x, weight, inner, out);
        return;
    }
    // Column-major while computing, so that tasks write to disjoint pieces.
    let mut turned = vec![0f32; out.len()];
    product(x, weight, inner, &mut turned);
    for (t, out) in out.chunks_exact_mut(columns).enumerate() {
        for (n, value) in out.iter_mut().enumerate() {
            *value = turned[n * rows + t];
        }
    }
}

/// `out[n, t]`, the transpose of what [`few_rows`] gives.
fn product(x: &[f32], weight: &[f32], inner: usize, out: &mut [f32]) {
    let rows = x.len() / inner;
    let run = |(weight, out): (&[f32], &mut [f32])| {
        vectorized(
            #[inline(always)]
            || {
                for (weight, out) in weight.chunks_exact(inner).zip(out.chunks_exact_mut(rows)) {
                    for (x, out) in x.chunks_exact(inner).zip(out) {
                        *out = dot(x, weight);
                    }
                }
            },
        );
    };
    let columns = weight.len() / inner;
    if rows * weight.len() <= SERIAL_PRODUCT || columns < 2 {
        run((weight, out));
    } else {
        let tasks = rayon::current_num_threads() * 2;
        let per_task = columns.div_ceil(tasks).max(1);
        weight.par_chunks(per_task * inner).zip(out.par_chunks_mut(per_task * rows)).for_each(run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Tensor};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exp_is_close_everywhere(x in -86.9f32..87.9) {
            let (ours, exact) = (f64::from(exp(x)), f64::from(x).exp());
            prop_assert!((ours / exact - 1.0).abs() < 3e-7, "exp({x}) = {ours}, exactly {exact}");
        }

        #[test]
        fn dot_and_maximum_do_not_depend_on_length(values in proptest::collection::vec(-4f32..4.0, 0..70)) {
            let exact: f64 = values.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
            prop_assert!((f64::from(dot(&values, &values)) - exact).abs() < 1e-3);
            let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            prop_assert_eq!(maximum(&values), largest);
        }

        #[test]
        fn the_norm_is_that_of_candle(rows in 1usize..70, width in 1usize..600, size in -3i32..4, seed in 0usize..1000) {
            let value = |i: usize| (((i + seed) * 7919) % 2003) as f32 / 1001.0 - 1.0;
            let x: Vec<f32> = (0..rows * width).map(|i| value(i) * 10f32.powi(size)).collect();
            let weight: Vec<f32> = (0..width).map(|i| value(i + 77)).collect();
            let mut out = vec![0f32; x.len()];
            rms_norm(&x, &weight, 1e-6, &mut out);
            let tensor = |values: &[f32], shape: (usize, usize)| Tensor::from_slice(values, shape, &Device::Cpu).unwrap();
            let weight = tensor(&weight, (1, width)).flatten_all().unwrap();
            let exact = candle_nn::ops::rms_norm(&tensor(&x, (rows, width)), &weight, 1e-6).unwrap();
            for (a, b) in out.iter().zip(exact.flatten_all().unwrap().to_vec1::<f32>().unwrap()) {
                prop_assert!((a - b).abs() < 2e-6 * (1.0 + b.abs()), "{a} against {b}");
            }
        }

        #[test]
        fn few_rows_is_a_matrix_product(rows in 1usize..5, columns in 1usize..40, inner in 1usize..40) {
            let x: Vec<f32> = (0..rows * inner).map(|i| (i % 7) as f32 - 3.0).collect();
            let weight: Vec<f32> = (0..columns * inner).map(|i| (i % 5) as f32 - 2.0).collect();
            let mut out = vec![0f32; rows * columns];
            few_rows(&x, &weight, inner, &mut out);
            for t in 0..rows {
                for n in 0..columns {
                    let exact: f32 = (0..inner).map(|k| x[t * inner + k] * weight[n * inner + k]).sum();
                    prop_assert_eq!(out[t * columns + n], exact);
                }
            }
        }
    }

    #[test]
    fn exp_neither_overflows_nor_vanishes_beyond_its_range() {
        assert!(exp(f32::NEG_INFINITY) < 2e-38);
        assert!(exp(1e9).is_finite());
        assert!((silu(-1000.0)).abs() < 1e-30);
        assert!((silu(1000.0) - 1000.0).abs() < 1e-3);
    }
}
