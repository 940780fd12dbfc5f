//! Products of small f32 matrices that lie in the cache: what attention is made of.
//!
//! The right matrix is read in strips of [`STRIP`] columns; a tile of the result, a few rows by a strip, stays in
//! registers while all inner positions pass. Whoever calls keeps both operands small enough for the caches, so nothing
//! is copied or rearranged here.

use pulp::{Simd, WithSimd};

use super::kernels::with_instructions;

/// Columns of a tile of the result; a multiple of every vector width in use.
pub(crate) const STRIP: usize = 16;

/// A matrix inside a slice: element `(row, column)` lies at `row * rows + column * columns`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
}

impl<'a> View<'a> {
    /// Rows of `stride` values, of which the first are used.
    pub(crate) fn of_rows(values: &'a [f32], stride: usize) -> View<'a> {
        View { values, rows: stride, columns: 1 }
    }

    /// The same matrix with rows and columns exchanged.
    pub(crate) fn turned(self) -> View<'a> {
        View { values: self.values, rows: self.columns, columns: self.rows }
    }

    /// One past the place of the last element of `rows` by `columns`.
    fn end(&self, rows: usize, columns: usize) -> usize {
        (rows - 1) * self.rows + (columns - 1) * self.columns + 1
    }
}

/// What becomes of the result's old values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// They are replaced.
    Replace,
    /// They are added to.
    Add,
}

/// Rows, inner positions and columns of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) rows: usize,
    pub(crate) inner: usize,
    pub(crate) columns: usize,
}

/// `out[r, c] = sum_k left[r, k] * right[k, c]`, rows of `out` being `stride` apart. `right` has rows of consecutive
/// values. Runs on the calling thread.
///
/// # Panics
/// A slice is too short for `sizes`: callers in this crate make them from the same numbers.
pub(crate) fn product(left: View<'_>, right: View<'_>, sizes: Sizes, out: &mut [f32], stride: usize, fill: Fill) {
    let Sizes { rows, inner, columns } = sizes;
    if rows == 0 || columns == 0 {
        return;
    }
    let result = View { values: out, rows: stride, columns: 1 };
    assert!(
        right.columns == 1
            && stride >= columns
            && result.end(rows, columns) <= out.len()
            && (inner == 0 || left.end(rows, inner) <= left.values.len())
            && (inner == 0 || right.end(inner, columns) <= right.values.len()),
        "a product of slices that do not hold {sizes:?}"
    );
    with_instructions(Product { left, right, sizes, out, stride, fill });
}

struct Product<'a> {
    left: View<'a>,
    right: View<'a>,
    sizes: Sizes,
    out: &'a mut [f32],
    stride: usize,
    fill: Fill,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let whole = self.sizes.columns - self.sizes.columns % STRIP;
        for column in (0..whole).step_by(STRIP) {
            // Registers decide how many rows fit: of 16 with AVX2, 12 hold sums; of 32 with AVX-512, 12 are enough; of 32
            // with NEON, 24 do.
            match S::F32_LANES {
                16 => self.strip::<S, 1, 12, 4>(simd, column),
                8 => self.strip::<S, 2, 6, 3>(simd, column),
                4 if cfg!(target_arch = "aarch64") => self.strip::<S, 4, 6, 3>(simd, column),
                4 => self.strip::<S, 4, 3, 2>(simd, column),
                _ => self.rest(column, column + STRIP),
            }
        }
        self.rest(whole, self.sizes.columns);
    }
}

impl Product<'_> {
    /// All rows of one strip: `MANY` at a time, then `FEW`, then one by one. `WIDE` vectors make a strip.
    #[inline(always)]
    fn strip<S: Simd, const WIDE: usize, const MANY: usize, const FEW: usize>(&mut self, simd: S, column: usize) {
        let mut row = 0;
        while row < self.sizes.rows {
            row += match self.sizes.rows - row {
                left if left >= MANY => self.tile::<S, WIDE, MANY>(simd, row, column),
                left if left >= FEW => self.tile::<S, WIDE, FEW>(simd, row, column),
                _ => self.tile::<S, WIDE, 1>(simd, row, column),
            };
        }
    }

    /// `ROWS` rows of one strip; returns `ROWS`. Plain loops only: a closure or an iterator that the compiler leaves as
    /// a function of its own would not have the instructions that `simd` stands for.
    #[inline(always)]
    #[expect(unsafe_code, reason = "bounds checks inside would cost more than the products; each access is explained")]
    #[expect(clippy::needless_range_loop, reason = "see above")]
    fn tile<S: Simd, const WIDE: usize, const ROWS: usize>(&mut self, simd: S, row: usize, column: usize) -> usize {
        let mut sums = [[simd.splat_f32s(0.0); WIDE]; ROWS];
        let (next_right, next_left, next_row) = (self.right.rows, self.left.columns, self.left.rows);
        // SAFETY: `row + ROWS <= rows` and `column + STRIP <= columns`, and `product` has checked that both slices and
        // the result hold their last element; no pointer is read after the last `k`, and the vectors are read and
        // written without regard to alignment.
        unsafe {
            let mut right = self.right.values.as_ptr().add(column);
            let mut left = self.left.values.as_ptr().add(row * next_row);
            for _ in 0..self.sizes.inner {
                let mut vectors = [simd.splat_f32s(0.0); WIDE];
                for w in 0..WIDE {
                    vectors[w] = right.cast::<S::f32s>().add(w).read_unaligned();
                }
                for r in 0..ROWS {
                    let value = simd.splat_f32s(*left.add(r * next_row));
                    for w in 0..WIDE {
                        sums[r][w] = simd.mul_add_e_f32s(value, vectors[w], sums[r][w]);
                    }
                }
                right = right.wrapping_add(next_right);
                left = left.wrapping_add(next_left);
            }
            for r in 0..ROWS {
                let out = self.out.as_mut_ptr().add((row + r) * self.stride + column).cast::<S::f32s>();
                for w in 0..WIDE {
                    let sum = sums[r][w];
                    let sum =
                        if self.fill == Fill::Add { simd.add_f32s(out.add(w).read_unaligned(), sum) } else { sum };
                    out.add(w).write_unaligned(sum);
                }
            }
        }
        ROWS
    }

    /// Columns that fill no strip, one element at a time.
    #[inline(always)]
    fn rest(&mut self, from: usize, to: usize) {
        for row in 0..self.sizes.rows {
            for column in from..to {
                let sum: f32 = (0..self.sizes.inner)
                    .map(|k| {
                        self.left.values[row * self.left.rows + k * self.left.columns]
                            * self.right.values[k * self.right.rows + column]
                    })
                    .sum();
                let out = &mut self.out[row * self.stride + column];
                *out = if self.fill == Fill::Add { *out + sum } else { sum };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 7919 + seed * 31) % 17) as f32 - 8.0).collect()
    }

    proptest! {
        #[test]
        fn every_element_is_its_sum_and_nothing_else_is_touched(
            rows in 0usize..20, inner in 0usize..9, columns in 0usize..50, gap in 0usize..5, turned: bool, sum: bool,
        ) {
            let sizes = Sizes { rows, inner, columns };
            let (left_stride, right_stride, stride) =
                (if turned { rows } else { inner } + gap, columns + gap, columns + gap);
            let left = numbers(if turned { inner } else { rows } * left_stride, 1);
            let right = numbers(inner * right_stride, 2);
            let before = numbers(rows * stride, 3);
            let view = View::of_rows(&left, left_stride);
            let (view, at): (_, fn(usize, usize, usize) -> usize) =
                if turned { (view.turned(), |r, k, s| k * s + r) } else { (view, |r, k, s| r * s + k) };
            let mut out = before.clone();
            let fill = if sum { Fill::Add } else { Fill::Replace };
            product(view, View::of_rows(&right, right_stride), sizes, &mut out, stride, fill);
            for (place, (found, before)) in out.iter().zip(&before).enumerate() {
                let (r, c) = (place / stride, place % stride);
                let expected = if c >= columns {
                    *before
                } else {
                    let product: f32 = (0..inner).map(|k| left[at(r, k, left_stride)] * right[k * right_stride + c]).sum();
                    product + if sum { *before } else { 0.0 }
                };
                // Small whole numbers: exact in any order.
                prop_assert_eq!(*found, expected);
            }
        }
    }
}
