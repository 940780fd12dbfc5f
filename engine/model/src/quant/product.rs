//! Products of quantised matrices over all threads: dense, and grouped by expert.
//!
//! A piece of work is some panels of one matrix times all rows that need it. The pieces of all experts make one list, so
//! that an expert with few tokens keeps no thread waiting.

#![expect(unsafe_code, reason = "threads write columns of one result side by side; each use says why they do not meet")]

use std::borrow::Cow;
use std::ops::Range;

use rayon::prelude::*;

use super::PANEL;
use super::activations::{Activations, TILE};
use super::kernel::Kernel;
use super::pack::Packed;
use crate::layers::FEW_ROWS;
use crate::layers::kernels::{add_scaled, silu, vectorized};

/// Multiplications that one thread does before another can have helped.
const SERIAL: usize = 300_000;
/// Pieces of work for each thread: the last to finish keeps the others waiting for one piece at most.
const PIECES: usize = 8;

/// What is made of each value of a product while it is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing: `W x`.
    Identity,
    /// `silu(W x)`.
    Silu,
}

/// What becomes of the values of a product.
#[derive(Clone, Copy, Debug)]
enum Then<'a> {
    Activate(Activation),
    /// `silu(weights x) .* (gated x)`, the second matrix being of the same shape.
    Gate(&'a Packed),
}

/// A result `[T, N]` in the making. Threads write it side by side, each the columns of its own panels, and nobody reads
/// before all are done.
#[derive(Clone, Copy)]
struct Rows {
    start: *mut f32,
    columns: usize,
}

// SAFETY: a plain address; what is done with it is argued where it is done.
unsafe impl Send for Rows {}
// SAFETY: as above.
unsafe impl Sync for Rows {}

impl Rows {
    /// Writes the columns of one panel into rows `first..`: `values` is `[rows, PANEL]`.
    ///
    /// # Safety
    /// The rows lie in the allocation, the panel has columns in it, and no other thread writes this panel.
    unsafe fn write(self, first: usize, panel: usize, values: &[f32]) {
        let width = PANEL.min(self.columns - panel * PANEL);
        for (row, values) in values.as_chunks::<PANEL>().0.iter().enumerate() {
            // SAFETY: the caller promises that the row is there; `width` columns are left of it from the panel's first on.
            unsafe {
                let to = self.start.add((first + row) * self.columns + panel * PANEL);
                if width == PANEL {
                    to.cast::<[f32; PANEL]>().write(*values);
                } else {
                    to.copy_from_nonoverlapping(values.as_ptr(), width);
                }
            }
        }
    }
}

/// One matrix times some rows.
struct Job<'a> {
    x: &'a Activations,
    weights: &'a Packed,
    then: Then<'a>,
    /// As many rows as `x` has, as many columns as `weights` has outputs.
    out: Rows,
}

/// Some panels of a job.
struct Piece<'a> {
    job: &'a Job<'a>,
    panels: Range<usize>,
}

impl Job<'_> {
    fn work(&self) -> usize {
        let matrices = 1 + usize::from(matches!(self.then, Then::Gate(_)));
        self.x.rows() * self.weights.outputs() * self.weights.inputs() * matrices
    }

    fn pieces(&self, panels: usize) -> impl Iterator<Item = Piece<'_>> {
        let all = self.weights.panels();
        (0..all).step_by(panels).map(move |first| Piece { job: self, panels: first..all.min(first + panels) })
    }
}

impl Piece<'_> {
    /// # Safety
    /// The job's result has room for all its rows, and no two pieces that run have a panel in common.
    unsafe fn run(self, kernel: Kernel) {
        let Job { x, weights, then, out } = self.job;
        let mut first = 0;
        let mut room = [0f32; 2 * TILE * PANEL];
        let (sums, gate) = room.split_at_mut(TILE * PANEL);
        for tile in x.tiles() {
            let (sums, gate) = (&mut sums[..tile.rows * PANEL], &mut gate[..tile.rows * PANEL]);
            for panel in self.panels.clone() {
                sums.fill(0.0);
                kernel.panel(weights.bits(), weights.panel(panel), tile, sums);
                match then {
                    Then::Activate(Activation::Identity) => {}
                    Then::Activate(Activation::Silu) => vectorized(
                        #[inline(always)]
                        || sums.iter_mut().for_each(|s| *s = silu(*s)),
                    ),
                    Then::Gate(gated) => {
                        gate.fill(0.0);
                        kernel.panel(gated.bits(), gated.panel(panel), tile, gate);
                        vectorized(
                            #[inline(always)]
                            || sums.iter_mut().zip(gate.iter()).for_each(|(s, g)| *s = silu(*s) * g),
                        );
                    }
                }
                // SAFETY: promised by the caller; `first` counts the rows of the tiles before.
                unsafe { out.write(first, panel, sums) };
            }
            first += tile.rows;
        }
    }
}

/// Runs jobs over all threads.
///
/// # Safety
/// The jobs' results have room for all their rows and share nothing.
unsafe fn run(jobs: &[Job<'_>]) {
    let kernel = Kernel::best();
    let work: usize = jobs.iter().map(Job::work).sum();
    if work <= SERIAL {
        for job in jobs {
            // SAFETY: promised by the caller; there is one piece.
            job.pieces(job.weights.panels().max(1)).for_each(|piece| unsafe { piece.run(kernel) });
        }
        return;
    }
    let panels: usize = jobs.iter().map(|job| job.weights.panels()).sum();
    let each = panels.div_ceil(rayon::current_num_threads() * PIECES).max(1);
    let pieces: Vec<Piece<'_>> = jobs.iter().flat_map(|job| job.pieces(each)).collect();
    // SAFETY: promised by the caller; the pieces of a job part its panels among them.
    pieces.into_par_iter().for_each(|piece| unsafe { piece.run(kernel) });
}

/// Lists of `counts` values that jobs write; `jobs` is given the address of the first of each.
///
/// # Safety
/// Together the jobs write every value and share none.
unsafe fn made_by<'a>(counts: &[usize], jobs: impl FnOnce(&[*mut f32]) -> Vec<Job<'a>>) -> Vec<Vec<f32>> {
    let mut out: Vec<Vec<f32>> = counts.iter().map(|count| Vec::with_capacity(*count)).collect();
    let starts: Vec<*mut f32> = out.iter_mut().map(Vec::as_mut_ptr).collect();
    // SAFETY: there is room for what the jobs write, and they share nothing, as the caller promises. Every panel of every
    // row has been written once they are done, so all values are there.
    unsafe {
        run(&jobs(&starts));
        out.iter_mut().zip(counts).for_each(|(out, count)| out.set_len(*count));
    }
    out
}

/// `x W^T`: `[T, K]` and `[N, K]` to `[T, N]`.
///
/// # Panics
/// The two differ in K; [`crate::layers::Linear`] refuses that with an error.
#[must_use]
pub fn multiply(x: &Activations, weights: &Packed) -> Vec<f32> {
    multiply_all(x, &[(weights, Activation::Identity)]).pop().unwrap_or_default()
}

/// [`multiply`] with several matrices at once, so that threads meet once for all of them.
///
/// # Panics
/// As [`multiply`].
#[must_use]
pub fn multiply_all(x: &Activations, maps: &[(&Packed, Activation)]) -> Vec<Vec<f32>> {
    let counts: Vec<usize> = maps.iter().map(|(weights, _)| x.rows() * weights.outputs()).collect();
    let jobs = |starts: &[*mut f32]| {
        let jobs = maps.iter().zip(starts).map(|(&(weights, activation), &start)| {
            let out = Rows { start, columns: weights.outputs() };
            Job { x, weights, then: Then::Activate(activation), out }
        });
        jobs.collect()
    };
    // SAFETY: each job has a list of its own, of the rows of `x`.
    unsafe { made_by(&counts, jobs) }
}

/// The same from widened weights in plain loops: the twin [`multiply`] is held to.
#[must_use]
pub fn multiply_naive(x: &Activations, weights: &Packed) -> Vec<f32> {
    let wide: Vec<Vec<f32>> = (0..weights.outputs()).map(|n| weights.row(n)).collect();
    let rows = (0..x.rows()).map(|t| x.row(t));
    let dot = |x: &[f32], w: &[f32]| x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>() as f32;
    rows.flat_map(|x| wide.iter().map(|w| dot(&x, w)).collect::<Vec<_>>()).collect()
}

/// One expert in quantised form: `down( silu(gate x) .* up x )`.
#[derive(Clone, Debug)]
pub struct Expert {
    gate: Packed,
    up: Packed,
    down: Packed,
}

impl Expert {
    /// From `gate`, `up` `[I, C]` and `down` `[C, I]`; `None` where the shapes do not fit together.
    #[must_use]
    pub fn new(gate: Packed, up: Packed, down: Packed) -> Option<Expert> {
        let shape = |p: &Packed| (p.outputs(), p.inputs());
        let turned = (gate.inputs(), gate.outputs());
        let fits = shape(&gate) == shape(&up) && shape(&down) == turned && Packed::fits(gate.outputs());
        fits.then_some(Expert { gate, up, down })
    }

    /// C.
    #[must_use]
    pub fn width(&self) -> usize {
        self.gate.inputs()
    }
}

/// Tokens of one expert and their weights.
pub type Chosen = Vec<(usize, f32)>;

/// An expert that some token goes through, and these tokens.
type Used<'a> = (&'a Expert, &'a Chosen);

/// A mixture: each token's output is the sum of those of its experts, weighted.
///
/// `x`: `[T, C]`; `chosen[e]`: tokens and weights of expert e; the result is `[T, C]`.
///
/// # Panics
/// The experts are of another C, or a token is not in `x`; the loader and the router keep both.
#[must_use]
pub fn experts(x: &Activations, experts: &[&Expert], chosen: &[Chosen]) -> Vec<f32> {
    let used: Vec<Used<'_>> = experts.iter().copied().zip(chosen).filter(|(_, c)| !c.is_empty()).collect();
    let alone = x.rows() <= FEW_ROWS; // little work: sooner done than handed over
    let inputs: Vec<Cow<'_, Activations>> = over(&used, alone, |(_, chosen)| gather(x, chosen));
    let hidden = together(&used, &inputs, |expert| (&expert.gate, Then::Gate(&expert.up)));
    let parts: Vec<(&Expert, &[f32])> = split(&used, &hidden, |expert| expert.gate.outputs());
    let inner = over(&parts, alone, |(expert, part)| Cow::Owned(Activations::quantize(part, expert.gate.outputs())));
    let outputs = together(&used, &inner, |expert| (&expert.down, Then::Activate(Activation::Identity)));
    combine(x, &used, &outputs)
}

/// `make` of each item, over all threads unless `alone`.
fn over<T: Sync, R: Send>(items: &[T], alone: bool, make: impl Fn(&T) -> R + Send + Sync) -> Vec<R> {
    if alone { items.iter().map(make).collect() } else { items.par_iter().map(make).collect() }
}

/// The rows of some tokens.
fn gather<'a>(x: &'a Activations, chosen: &Chosen) -> Cow<'a, Activations> {
    let all = chosen.len() == x.rows() && chosen.iter().enumerate().all(|(row, (t, _))| row == *t);
    if all { Cow::Borrowed(x) } else { Cow::Owned(x.gather(&chosen.iter().map(|(t, _)| *t).collect::<Vec<_>>())) }
}

/// One product of every expert, `[tokens of it, N]` each, one behind the other.
fn together<'a>(
    used: &'a [Used<'a>],
    inputs: &'a [Cow<'_, Activations>],
    product: impl Fn(&'a Expert) -> (&'a Packed, Then<'a>),
) -> Vec<f32> {
    let columns = |expert: &'a Expert| product(expert).0.outputs();
    let count: usize = used.iter().map(|(expert, chosen)| chosen.len() * columns(expert)).sum();
    let jobs = |starts: &[*mut f32]| {
        let mut next = starts.first().copied().unwrap_or(std::ptr::null_mut());
        let job = |((expert, chosen), x): (&'a Used<'a>, &'a Cow<'_, Activations>)| {
            let ((weights, then), columns) = (product(expert), columns(expert));
            let out = Rows { start: next, columns };
            // Only an address here, and never past what all experts take together.
            next = next.wrapping_add(chosen.len() * columns);
            Job { x, weights, then, out }
        };
        used.iter().zip(inputs).map(job).collect()
    };
    // SAFETY: each expert has the rows of its own tokens, right behind those of the one before.
    unsafe { made_by(&[count], jobs).pop().unwrap_or_default() }
}

/// What [`together`] made, expert by expert.
fn split<'a>(used: &[Used<'a>], values: &'a [f32], columns: impl Fn(&Expert) -> usize) -> Vec<(&'a Expert, &'a [f32])> {
    let mut rest = values;
    let part = |(expert, chosen): &Used<'a>| {
        let (part, behind) = rest.split_at(chosen.len() * columns(expert));
        rest = behind;
        (*expert, part)
    };
    used.iter().map(part).collect()
}

/// Adds up each token's rows of `outputs`, which are `[tokens of an expert, C]`, one expert behind the other.
fn combine(x: &Activations, used: &[Used<'_>], outputs: &[f32]) -> Vec<f32> {
    let width = x.inputs();
    // For each token its rows and their weights, in the order of the experts.
    let mut parts: Vec<Vec<(usize, f32)>> = vec![Vec::with_capacity(2); x.rows()];
    for (row, (t, weight)) in used.iter().flat_map(|(_, chosen)| chosen.iter()).enumerate() {
        parts[*t].push((row, *weight));
    }
    let mut out = vec![0f32; x.rows() * width];
    let add = |(out, parts): (&mut [f32], &Vec<(usize, f32)>)| {
        vectorized(
            #[inline(always)]
            || parts.iter().for_each(|(row, weight)| add_scaled(out, *weight, &outputs[row * width..][..width])),
        )
    };
    out.par_chunks_mut(width).zip(&parts).with_min_len(16).for_each(add);
    out
}

/// The same token by token with widened weights: the twin [`experts`] is held to. The rounding of the inner values to
/// eight bits is part of what is computed.
#[must_use]
pub fn experts_naive(x: &Activations, experts: &[&Expert], chosen: &[Chosen]) -> Vec<f32> {
    let width = x.inputs();
    let mut out = vec![0f32; x.rows() * width];
    for (expert, rows) in experts.iter().zip(chosen) {
        for (t, weight) in rows {
            let token = x.gather(&[*t]);
            let (gate, up) = (multiply_naive(&token, &expert.gate), multiply_naive(&token, &expert.up));
            let inner: Vec<f32> = gate.iter().zip(&up).map(|(g, u)| silu(*g) * u).collect();
            let result = multiply_naive(&Activations::quantize(&inner, inner.len()), &expert.down);
            for (out, value) in out[t * width..(t + 1) * width].iter_mut().zip(result) {
                *out += weight * value;
            }
        }
    }
    out
}
