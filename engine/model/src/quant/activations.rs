//! Inputs of a product, quantised to eight bits by groups, in the order in which kernels read them.

use rayon::prelude::*;

use super::{GROUP, SHIFT};
use crate::layers::kernels::{LANES, fold, vectorized};

/// Rows that a kernel sweeps with one unpacked block: their inputs stay in the second-level cache.
pub(super) const TILE: usize = 64;

/// Rows `[T, K]` in eight bits: for each tile of rows, group by group, row by row, [`GROUP`] integers.
#[derive(Clone, Debug)]
pub struct Activations {
    rows: usize,
    groups: usize,
    /// Rows of a tile; the last tile may hold fewer.
    tile: usize,
    integers: Vec<i8>,
    /// `x = scale * integer`.
    scales: Vec<f32>,
    /// Sum of a group's integers.
    sums: Vec<i32>,
    /// `scale * sum`: what an offset of the weights is multiplied with.
    weighted_sums: Vec<f32>,
}

/// One tile: the first `rows` of each `stride` rows are used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tile<'a> {
    pub(super) rows: usize,
    pub(super) stride: usize,
    /// `[G, stride, GROUP]`.
    pub(super) integers: &'a [i8],
    /// `[G, stride]`.
    pub(super) scales: &'a [f32],
    /// `[G, stride]`.
    pub(super) sums: &'a [i32],
    /// `[G, stride]`.
    pub(super) weighted_sums: &'a [f32],
}

/// One tile in the making.
struct TileMut<'a> {
    /// Rows there is room for.
    tile: usize,
    integers: &'a mut [i8],
    scales: &'a mut [f32],
    sums: &'a mut [i32],
    weighted_sums: &'a mut [f32],
}

impl TileMut<'_> {
    #[inline(always)]
    fn quantize(&mut self, row: usize, values: &[f32]) {
        for (group, values) in values.as_chunks::<GROUP>().0.iter().enumerate() {
            let slot = group * self.tile + row;
            let Some(integers) = self.integers.as_chunks_mut::<GROUP>().0.get_mut(slot) else { return };
            let (scale, sum) = quantize_group(values, integers);
            (self.scales[slot], self.sums[slot], self.weighted_sums[slot]) = (scale, sum, scale * sum as f32);
        }
    }
}

impl Activations {
    fn zeros(rows: usize, groups: usize) -> Self {
        let tile = rows.clamp(1, TILE);
        let slots = rows.div_ceil(tile) * tile * groups;
        let [scales, weighted_sums] = [(); 2].map(|()| vec![0.0; slots]);
        Self { rows, groups, tile, integers: vec![0; slots * GROUP], scales, sums: vec![0; slots], weighted_sums }
    }

    /// Quantises rows, `[T, K]`.
    #[must_use]
    pub fn quantize(x: &[f32], inputs: usize) -> Self {
        let mut out = Self::zeros(x.len() / inputs, inputs / GROUP);
        let (tile, slots) = (out.tile, (out.tile * out.groups).max(1));
        let tiles: Vec<(TileMut<'_>, &[f32])> = (out.integers.chunks_mut(slots * GROUP))
            .zip(out.scales.chunks_mut(slots))
            .zip(out.sums.chunks_mut(slots))
            .zip(out.weighted_sums.chunks_mut(slots))
            .map(|(((integers, scales), sums), weighted_sums)| TileMut { tile, integers, scales, sums, weighted_sums })
            .zip(x.chunks(tile * inputs))
            .collect();
        let fill = |(mut part, rows): (TileMut<'_>, &[f32])| {
            vectorized(
                #[inline(always)]
                || rows.chunks_exact(inputs).enumerate().for_each(|(row, values)| part.quantize(row, values)),
            )
        };
        // One tile is quantised sooner than a second thread wakes.
        if tiles.len() <= 1 {
            tiles.into_iter().for_each(fill)
        } else {
            tiles.into_par_iter().for_each(fill)
        }
        out
    }

    /// Some of the rows, in the order named.
    ///
    /// # Panics
    /// A row is not there.
    #[must_use]
    pub fn gather(&self, rows: &[usize]) -> Self {
        let mut out = Self::zeros(rows.len(), self.groups);
        for (to, &from) in rows.iter().enumerate() {
            for g in 0..self.groups {
                let (from, to) = (self.slot(from, g), out.slot(to, g));
                out.integers[to * GROUP..(to + 1) * GROUP]
                    .copy_from_slice(&self.integers[from * GROUP..(from + 1) * GROUP]);
                out.scales[to] = self.scales[from];
                out.sums[to] = self.sums[from];
                out.weighted_sums[to] = self.weighted_sums[from];
            }
        }
        out
    }

    fn slot(&self, row: usize, group: usize) -> usize {
        (row / self.tile * self.groups + group) * self.tile + row % self.tile
    }

    /// T.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// K.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.groups * GROUP
    }

    /// What the integers of one row stand for, `[K]`.
    #[must_use]
    pub fn row(&self, row: usize) -> Vec<f32> {
        let slots = (0..self.groups).map(|g| self.slot(row, g));
        let values = slots.flat_map(|slot| {
            let integers = &self.integers[slot * GROUP..(slot + 1) * GROUP];
            integers.iter().map(move |q| self.scales[slot] * f32::from(*q))
        });
        values.collect()
    }

    pub(super) fn tiles(&self) -> impl Iterator<Item = Tile<'_>> {
        let slots = self.tile * self.groups;
        (0..self.rows.div_ceil(self.tile)).map(move |t| Tile {
            rows: self.tile.min(self.rows - t * self.tile),
            stride: self.tile,
            integers: &self.integers[t * slots * GROUP..(t + 1) * slots * GROUP],
            scales: &self.scales[t * slots..(t + 1) * slots],
            sums: &self.sums[t * slots..(t + 1) * slots],
            weighted_sums: &self.weighted_sums[t * slots..(t + 1) * slots],
        })
    }
}

/// Scale, and sum of the integers.
#[inline(always)]
fn quantize_group(values: &[f32; GROUP], integers: &mut [i8; GROUP]) -> (f32, i32) {
    let mut largest = [0f32; LANES];
    for half in values.as_chunks::<LANES>().0 {
        for (largest, value) in largest.iter_mut().zip(half) {
            let size = value.abs();
            *largest = if size > *largest { size } else { *largest };
        }
    }
    let largest = fold(largest, |a, b| if b > a { b } else { a });
    // What is smaller counts as zero: its inverse would overflow.
    let inverse = if largest > 1e-30 { 127.0 / largest } else { 0.0 };
    let mut sums = [0i32; LANES];
    for (half, values) in integers.as_chunks_mut::<LANES>().0.iter_mut().zip(values.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            let integer = (values[lane] * inverse + SHIFT).to_bits().wrapping_sub(SHIFT.to_bits()) as i32;
            half[lane] = integer as i8;
            sums[lane] = sums[lane].wrapping_add(integer); // what is not finite gives anything
        }
    }
    (largest / 127.0, fold(sums, i32::wrapping_add))
}
