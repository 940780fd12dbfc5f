//! Weights in four or eight bits, and products with them: what makes a large model fit and run on an ordinary machine.
//!
//! A weight matrix `[N, K]` is cut into panels of [`PANEL`] outputs and groups of [`GROUP`] inputs. One block (a panel by
//! a group) holds its integers so that one vector load gives several outputs at the same four inputs, then its scales in
//! f16. Inputs are quantised to eight bits by the same groups ([`Activations`]), so that the inner loop is integer
//! arithmetic; a block is unpacked once and used for all rows of a tile.
//!
//! `w[n, k] = scale[n, g] * q[n, k] - offset[n, g]`, with q in 0..=15 and an offset for four bits, q in -127..=127 and
//! none for eight.

mod activations;
pub(crate) mod blocks;
mod kernel;
mod pack;
mod product;

pub use activations::Activations;
pub use kernel::Kernel;
pub use pack::{Bits, Packed, Scheme, UnknownScheme};
pub use product::{Activation, Chosen, Expert, experts, experts_naive, multiply, multiply_all, multiply_naive};

/// Inputs that share a scale.
pub const GROUP: usize = 32;
/// Outputs side by side in a block.
pub const PANEL: usize = 16;
/// Inputs that are neighbours in memory: one 32-bit lane of a dot product.
const LANE: usize = 4;

/// 1.5 * 2^23: added to a number below 2^22 it leaves no room for a fraction, so the low bits hold the nearest integer.
const SHIFT: f32 = 12_582_912.0;

/// The nearest integer of a number below 2^22, where `round` would be a call.
#[inline(always)]
fn nearest(value: f32) -> f32 {
    (value + SHIFT) - SHIFT
}
