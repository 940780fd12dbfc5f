//! What stands beside a linear map and adds to its result: `y += (x A^T) B^T`, of low rank and in f32.
//!
//! Each row is computed as it is by itself, however many there are; speculation depends on it.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::strips::{Fill, STRIP, Sizes, View, product};
use super::{FEW_ROWS, Linear, modify, with_values};

/// Rows that one task raises: what it reads of `up` is used for all of them while it is in the cache.
const ROWS: usize = 64;

/// Two maps, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Beside {
    /// `[r, K]`.
    down: Linear,
    /// `[N, r]` turned and cut into strips of [`STRIP`] outputs, the last perhaps narrower: `[r, STRIP]` each, so that one
    /// token reads it from front to back.
    up: Vec<f32>,
    rank: usize,
    columns: usize,
}

impl Beside {
    /// From `down` `[r, K]` and `up` `[N, r]`.
    ///
    /// # Errors
    /// One of them is no matrix, or their ranks differ.
    pub(crate) fn new(down: Tensor, up: &Tensor) -> Result<Beside> {
        let ((rank, _), (columns, inner)) = (down.dims2()?, up.dims2()?);
        if rank == 0 || rank != inner {
            candle_core::bail!("a map down to {rank} does not go with one up from {inner}");
        }
        let up = with_values(up, |up| {
            let strips = up.chunks(rank * STRIP);
            strips.flat_map(|strip| (0..rank).flat_map(move |k| strip.iter().skip(k).step_by(rank))).copied().collect()
        })?;
        Ok(Beside { down: Linear::new(down)?, up, rank, columns })
    }

    /// Adds to `out`, `[T, N]`, what this makes of `x`, `[T, K]`.
    ///
    /// # Errors
    /// `x` or `out` has another shape.
    pub(crate) fn add(&self, x: &Tensor, out: &Tensor) -> Result<()> {
        let within = self.down.forward(x)?;
        if out.dims2()? != (within.dim(0)?, self.columns) {
            candle_core::bail!("a result of {:?} cannot be added to", out.shape());
        }
        with_values(&within, |within| modify(out, |out| self.raise(within, out)))?
    }

    /// `out += within up^T`; `within`: `[T, r]`.
    fn raise(&self, within: &[f32], out: &mut [f32]) {
        let some = |(within, out): (&[f32], &mut [f32])| {
            let rows = out.len() / self.columns;
            for (index, strip) in self.up.chunks(self.rank * STRIP).enumerate() {
                let columns = strip.len() / self.rank;
                let sizes = Sizes { rows, inner: self.rank, columns };
                // A strip begins before the last column of the first row, which `out` has.
                let out = &mut out[index * STRIP..];
                product(
                    View::of_rows(within, self.rank),
                    View::of_rows(strip, columns),
                    sizes,
                    out,
                    self.columns,
                    Fill::Add,
                );
            }
        };
        if out.len() <= FEW_ROWS * self.columns {
            some((within, out));
        } else {
            within.par_chunks(ROWS * self.rank).zip(out.par_chunks_mut(ROWS * self.columns)).for_each(some);
        }
    }
}
