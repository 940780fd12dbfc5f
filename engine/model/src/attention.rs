//! How tokens see earlier tokens: softmax attention with a key/value cache, or lightning attention with a state.

pub mod lightning;
pub mod softmax;

use candle_core::{Result, Tensor};

use crate::state::LayerState;
use lightning::LightningAttention;
use softmax::{Rotations, SoftmaxAttention};

/// The attention of one layer.
#[derive(Clone, Debug)]
pub enum Attention {
    /// With a state of fixed size.
    Lightning(LightningAttention),
    /// With a cache that grows.
    Softmax(SoftmaxAttention),
}

impl Attention {
    /// Attention of T tokens that follow those in `state`. `x`: `[T, C]`, the result likewise. `rotations` are those
    /// of the tokens' positions.
    ///
    /// # Errors
    /// `state` is of the other kind, or the numeric library refused.
    pub fn forward(&self, x: &Tensor, rotations: &Rotations, state: &mut LayerState) -> Result<Tensor> {
        match (self, state) {
            (Attention::Lightning(attention), LayerState::Lightning(state)) => attention.forward(x, state),
            (Attention::Softmax(attention), LayerState::Softmax(cache)) => attention.forward(x, rotations, cache),
            _ => candle_core::bail!("the state of a layer is of the other kind of attention"),
        }
    }
}
