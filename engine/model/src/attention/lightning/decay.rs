//! How a lightning state fades: by one factor of each head (spec 1.3), or by one of each token and head as in Mamba-2
//! (spec 3.1, family A).

use crate::layers::kernels::{exp, vectorized};

/// ALiBi slopes `s_h` of H heads: `2^(-8h/H)` for a power of two, else those of the next lower power followed by
/// every second slope of the next higher one (spec 1.3, step 3).
#[must_use]
pub fn slopes(heads: usize) -> Vec<f64> {
    if heads.is_power_of_two() {
        return (1..=heads).map(|h| (-8.0 * h as f64 / heads as f64).exp2()).collect();
    }
    let higher = heads.next_power_of_two();
    let lower = higher / 2;
    let mut all = slopes(lower);
    all.extend(slopes(higher).into_iter().step_by(2).take(heads - lower));
    all
}

/// Layer factor `f_l = 1 - l/(L-1) + 1e-5`, counted over all layers; `1 + 1e-5` for a single layer.
#[must_use]
pub fn layer_factor(layer: usize, layers: usize) -> f64 {
    if layers <= 1 { 1.0 + 1e-5 } else { 1.0 - layer as f64 / (layers - 1) as f64 + 1e-5 }
}

/// What the state of each head is multiplied by before a token is added.
#[derive(Clone, Copy, Debug)]
pub enum Decay<'a> {
    /// The same for all tokens.
    Fixed(&'a FixedDecay),
    /// Another one for each token.
    PerToken(TokenDecay<'a>),
}

impl<'a> Decay<'a> {
    /// The factor of one head at one token.
    #[inline(always)]
    pub(super) fn factor(self, token: usize, head: usize) -> f32 {
        match self {
            Decay::Fixed(decay) => decay.powers[head][1],
            Decay::PerToken(decay) => f64::from(decay.log(token, head)).exp() as f32,
        }
    }

    /// Most tokens of a block.
    pub(super) fn block(self) -> usize {
        match self {
            Decay::Fixed(decay) => decay.block,
            Decay::PerToken(decay) => decay.block,
        }
    }

    /// One head's decay over the tokens `start..start + size` of a block.
    pub(super) fn over(self, head: usize, start: usize, size: usize) -> Fading<'a> {
        match self {
            Decay::Fixed(decay) => Fading::Powers(&decay.powers[head]),
            Decay::PerToken(decay) => Fading::Sums(Sums::new((start..start + size).map(|t| decay.log(t, head)))),
        }
    }
}

/// Powers of each head's decay `lambda = exp(-s_h f_l)`.
///
/// The mask inside a block is `lambda^(i-j)`, read from here by difference. It is never made as
/// `exp(-g i) * exp(+g j)`: at layer 0, head 1 and 256 tokens the second factor overflows f32.
#[derive(Clone, Debug)]
pub struct FixedDecay {
    powers: Vec<Vec<f32>>,
    block: usize,
}

impl FixedDecay {
    /// Decay of layer `layer` of `layers`, for blocks of at most `block` tokens.
    #[must_use]
    pub fn new(heads: usize, layer: usize, layers: usize, block: usize) -> FixedDecay {
        let factor = layer_factor(layer, layers);
        let powers = slopes(heads)
            .into_iter()
            .map(|slope| (0..=block).map(|n| (-slope * factor * n as f64).exp() as f32).collect())
            .collect();
        FixedDecay { powers, block }
    }

    /// Number of heads.
    #[must_use]
    pub fn heads(&self) -> usize {
        self.powers.len()
    }
}

/// Logarithms of the decay of T tokens, `[T, H]`, none above zero: `S_t = exp(log[t, h]) S_{t-1} + k_t v_t^T`. Minus
/// infinity empties the state before its token is added.
#[derive(Clone, Copy, Debug)]
pub struct TokenDecay<'a> {
    logs: &'a [f32],
    heads: usize,
    block: usize,
}

impl<'a> TokenDecay<'a> {
    /// From `logs`, `[T, H]`, for blocks of at most `block` tokens (at least one).
    #[must_use]
    pub fn new(logs: &'a [f32], heads: usize, block: usize) -> TokenDecay<'a> {
        debug_assert!(logs.len().is_multiple_of(heads) && logs.iter().all(|log| *log <= 0.0));
        TokenDecay { logs, heads, block: block.max(1) }
    }

    #[inline(always)]
    fn log(&self, token: usize, head: usize) -> f32 {
        self.logs[token * self.heads + head]
    }
}

/// What is left of earlier tokens at later ones, within one block of one head.
pub(super) enum Fading<'a> {
    /// `lambda^0, lambda^1, ...`.
    Powers(&'a [f32]),
    /// From sums of logarithms.
    Sums(Sums),
}

impl Fading<'_> {
    /// What is left at token `i` of the state before the block; `i` is below the block's size.
    pub(super) fn of_state(&self, i: usize) -> f32 {
        match self {
            Fading::Powers(powers) => powers[i + 1],
            Fading::Sums(sums) => sums.of_state(i),
        }
    }

    /// What is left of token `j` at token `i`, which is not before it.
    pub(super) fn between(&self, j: usize, i: usize) -> f32 {
        match self {
            Fading::Powers(powers) => powers[i - j],
            Fading::Sums(sums) if j < sums.first[i] => 0.0,
            Fading::Sums(sums) => factor(sums.logs[i] - sums.logs[j]),
        }
    }

    /// Multiplies the scores of token `i`, of which there is one for each token up to it, by what is left of these.
    pub(super) fn fade(&self, i: usize, scores: &mut [f32]) {
        match self {
            Fading::Powers(powers) => {
                for (score, power) in scores.iter_mut().zip(powers[..=i].iter().rev()) {
                    *score *= power;
                }
            }
            Fading::Sums(sums) => sums.fade(i, scores),
        }
    }
}

/// Sums of a block's logarithms, taken by difference as the powers are, so that no exponent is above zero.
///
/// Where a factor is zero in f32 everything before is gone, and the sums begin anew: after minus infinity, or -1e30, a
/// difference would say nothing. So no step is below -104, and in f64 even long sums keep eleven decimals.
pub(super) struct Sums {
    /// At each token, the sum up to and with it since the last empty state.
    logs: Vec<f64>,
    /// The first token of which something is left at each token.
    first: Vec<usize>,
    /// Tokens before the state was emptied: all, if it never was.
    with_state: usize,
}

impl Sums {
    fn new(steps: impl ExactSizeIterator<Item = f32>) -> Sums {
        let size = steps.len();
        let mut sums = Sums { logs: Vec::with_capacity(size), first: Vec::with_capacity(size), with_state: size };
        let (mut sum, mut first) = (0f64, 0);
        for (i, step) in steps.map(f64::from).enumerate() {
            sum += step;
            if step.exp() as f32 == 0.0 {
                (sum, first) = (0.0, i);
                sums.with_state = sums.with_state.min(i);
            }
            sums.logs.push(sum);
            sums.first.push(first);
        }
        sums
    }

    fn of_state(&self, i: usize) -> f32 {
        if i < self.with_state { factor(self.logs[i]) } else { 0.0 }
    }

    fn fade(&self, i: usize, scores: &mut [f32]) {
        let (gone, left) = scores.split_at_mut(self.first[i]);
        gone.fill(0.0);
        let (now, logs) = (self.logs[i], &self.logs[self.first[i]..=i]);
        vectorized(
            #[inline(always)]
            || {
                for (score, log) in left.iter_mut().zip(logs) {
                    *score *= factor(now - log);
                }
            },
        );
    }
}

/// `e^log` for `log <= 0`; zero where it would be below the smallest normal number.
#[inline(always)]
fn factor(log: f64) -> f32 {
    let value = exp(log as f32);
    if log < -87.0 { 0.0 } else { value }
}
