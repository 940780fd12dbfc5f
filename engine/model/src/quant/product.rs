//! Products of quantised matrices over all threads: dense, and grouped by expert.
//!
//! A piece of work is some panels of one matrix times all rows that need it. The pieces of all experts make one list, so
//! that an expert with few tokens keeps no thread waiting.

use std::borrow::Cow;

use rayon::prelude::*;

use super::activations::Activations;
use super::kernel::Kernel;
use super::pack::Packed;
use super::{GROUP, PANEL};
use crate::layers::kernels::{add_scaled, silu, vectorized};

/// Multiplications that one thread does before another can have helped.
const SERIAL: usize = 300_000;

/// One matrix times some rows; `gated` is a second matrix of the same shape: then the result is
/// `silu(weights x) .* (gated x)`.
struct Job<'a> {
    x: &'a Activations,
    weights: &'a Packed,
    gated: Option<&'a Packed>,
    /// `[panels, T, PANEL]`.
    out: &'a mut [f32],
}

/// Some panels of a job.
struct Piece<'a> {
    x: &'a Activations,
    weights: &'a Packed,
    gated: Option<&'a Packed>,
    first: usize,
    out: &'a mut [f32],
}

impl<'a> Job<'a> {
    fn work(&self) -> usize {
        let matrices = 1 + usize::from(self.gated.is_some());
        self.x.rows() * self.weights.outputs() * self.weights.inputs() * matrices
    }

    fn pieces(self, panels: usize) -> impl Iterator<Item = Piece<'a>> {
        let Job { x, weights, gated, out } = self;
        let pieces = out.chunks_mut((panels * x.rows() * PANEL).max(1)).enumerate();
        pieces.map(move |(i, out)| Piece { x, weights, gated, first: i * panels, out })
    }
}

impl Piece<'_> {
    fn run(self, kernel: Kernel) {
        let rows = self.x.rows();
        let mut gate = Vec::new();
        let mut from = 0;
        for tile in self.x.tiles() {
            for (i, out) in self.out.chunks_exact_mut(rows * PANEL).enumerate() {
                let out = &mut out[from * PANEL..(from + tile.rows) * PANEL];
                let index = self.first + i;
                kernel.panel(self.weights.bits(), self.weights.panel(index), tile, out);
                let Some(gated) = self.gated else { continue };
                gate.clear();
                gate.resize(out.len(), 0f32);
                kernel.panel(gated.bits(), gated.panel(index), tile, &mut gate);
                vectorized(
                    #[inline(always)]
                    || out.iter_mut().zip(&gate).for_each(|(o, g)| *o = silu(*o) * g),
                );
            }
            from += tile.rows;
        }
    }
}

fn run(jobs: Vec<Job<'_>>) {
    let kernel = Kernel::best();
    let work: usize = jobs.iter().map(Job::work).sum();
    if work <= SERIAL {
        for job in jobs {
            let all = job.weights.panels();
            job.pieces(all).for_each(|piece| piece.run(kernel));
        }
        return;
    }
    let panels: usize = jobs.iter().map(|job| job.weights.panels()).sum();
    let each = panels.div_ceil(rayon::current_num_threads() * 4).max(1);
    let pieces: Vec<Piece<'_>> = jobs.into_iter().flat_map(|job| job.pieces(each)).collect();
    pieces.into_par_iter().for_each(|piece| piece.run(kernel));
}

/// `x W^T`: `[T, K]` and `[N, K]` to `[T, N]`.
///
/// # Panics
/// The two differ in K; [`crate::layers::Linear`] refuses that with an error.
#[must_use]
pub fn multiply(x: &Activations, weights: &Packed) -> Vec<f32> {
    let rows = x.rows();
    let mut panels = vec![0f32; weights.panels() * rows * PANEL];
    run(vec![Job { x, weights, gated: None, out: &mut panels }]);
    to_rows(&panels, rows, weights.outputs())
}

/// The same from widened weights in plain loops: the twin [`multiply`] is held to.
#[must_use]
pub fn multiply_naive(x: &Activations, weights: &Packed) -> Vec<f32> {
    let wide: Vec<Vec<f32>> = (0..weights.outputs()).map(|n| weights.row(n)).collect();
    let rows = (0..x.rows()).map(|t| x.row(t));
    let dot = |x: &[f32], w: &[f32]| x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>() as f32;
    rows.flat_map(|x| wide.iter().map(|w| dot(&x, w)).collect::<Vec<_>>()).collect()
}

/// `[panels, T, PANEL]` to `[T, N]`.
fn to_rows(panels: &[f32], rows: usize, outputs: usize) -> Vec<f32> {
    if rows == 1 {
        return panels[..outputs].to_vec();
    }
    let mut out = vec![0f32; rows * outputs];
    let write = |(t, out): (usize, &mut [f32])| {
        for (panel, out) in out.chunks_mut(PANEL).enumerate() {
            let at = (panel * rows + t) * PANEL;
            out.copy_from_slice(&panels[at..at + out.len()]);
        }
    };
    out.par_chunks_mut(outputs).with_min_len(16).enumerate().for_each(write);
    out
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
    let gather = |rows: &[(usize, f32)]| {
        let all = rows.len() == x.rows() && rows.iter().enumerate().all(|(i, (t, _))| i == *t);
        if all { Cow::Borrowed(x) } else { Cow::Owned(x.gather(&rows.iter().map(|(t, _)| *t).collect::<Vec<_>>())) }
    };
    let inputs: Vec<Cow<'_, Activations>> = used.iter().map(|(_, rows)| gather(rows)).collect();
    let sizes = |of: fn(&Expert) -> &Packed| -> Vec<Vec<f32>> {
        used.iter().map(|(e, rows)| vec![0f32; of(e).panels() * rows.len() * PANEL]).collect()
    };
    let mut hidden = sizes(|e| &e.gate);
    let jobs = used.iter().zip(&inputs).zip(&mut hidden);
    run(jobs.map(|(((e, _), x), out)| Job { x, weights: &e.gate, gated: Some(&e.up), out }).collect());
    let inner: Vec<Activations> = (used.iter().zip(&hidden))
        .map(|((e, rows), hidden)| Activations::from_panels(hidden, rows.len(), e.gate.outputs()))
        .collect();
    let mut outputs = sizes(|e| &e.down);
    let jobs = used.iter().zip(&inner).zip(&mut outputs);
    run(jobs.map(|(((e, _), x), out)| Job { x, weights: &e.down, gated: None, out }).collect());
    combine(x, &used, &outputs)
}

fn combine(x: &Activations, used: &[Used<'_>], outputs: &[Vec<f32>]) -> Vec<f32> {
    let width = x.inputs();
    // For each token: which of the used experts, its row there, and the weight, in the order of the experts.
    let mut parts: Vec<Vec<(usize, usize, f32)>> = vec![Vec::new(); x.rows()];
    for (e, (_, rows)) in used.iter().enumerate() {
        for (row, (t, weight)) in rows.iter().enumerate() {
            parts[*t].push((e, row, *weight));
        }
    }
    let mut out = vec![0f32; x.rows() * width];
    let add = |(out, parts): (&mut [f32], &Vec<(usize, usize, f32)>)| {
        for (e, row, weight) in parts {
            let rows = used[*e].1.len();
            for (panel, out) in out.chunks_mut(PANEL).enumerate() {
                let at = (panel * rows + row) * PANEL;
                add_scaled(out, *weight, &outputs[*e][at..at + out.len()]);
            }
        }
    };
    out.par_chunks_mut(width).zip(&parts).with_min_len(16).for_each(|piece| {
        vectorized(
            #[inline(always)]
            || add(piece),
        )
    });
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

const _: () = assert!(GROUP.is_multiple_of(PANEL), "a group is made of whole panels");
