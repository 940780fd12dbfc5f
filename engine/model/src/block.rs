//! One decoder layer: norm, attention, norm, experts, each half mixed with its residual (spec 1.2).

use candle_core::{Result, Tensor};

use crate::attention::Attention;
use crate::attention::softmax::Rotations;
use crate::config::Mixing;
use crate::layers::{RmsNorm, mix};
use crate::moe::MixtureOfExperts;
use crate::state::LayerState;

/// A decoder layer.
#[derive(Clone, Debug)]
pub struct Block {
    /// Norm before the attention.
    pub input_norm: RmsNorm,
    /// Lightning or softmax.
    pub attention: Attention,
    /// Mixing of the attention's half; it depends on the kind of attention.
    pub attention_mixing: Mixing,
    /// Norm before the experts.
    pub post_attention_norm: RmsNorm,
    /// The experts.
    pub moe: MixtureOfExperts,
    /// Mixing of the experts' half.
    pub mlp_mixing: Mixing,
    /// Whether the residual is taken after the norm.
    pub postnorm: bool,
}

impl Block {
    /// `hidden` `[T, C]` to `[T, C]`. With `router_logits`, the router's `[T, E]` are put there.
    ///
    /// # Errors
    /// The numeric library refused.
    pub fn forward(
        &self,
        hidden: &Tensor,
        rotations: &Rotations,
        state: &mut LayerState,
        router_logits: Option<&mut Tensor>,
    ) -> Result<Tensor> {
        let x = self.input_norm.forward(hidden)?;
        let attended = self.attention.forward(&x, rotations, state)?;
        let residual = if self.postnorm { &x } else { hidden };
        let middle = mix(residual, attended, self.attention_mixing.alpha, self.attention_mixing.beta)?;
        drop(x);
        let y = self.post_attention_norm.forward(&middle)?;
        if let Some(logits) = router_logits {
            *logits = self.moe.router_logits(&y)?;
        }
        // What is not needed any more makes room for the experts, which take the most.
        let residual = if self.postnorm { y.clone() } else { middle };
        let routed = self.moe.forward(&y)?;
        mix(&residual, routed, self.mlp_mixing.alpha, self.mlp_mixing.beta)
    }
}
