//! Mixture of experts: each token goes through the few experts its router chooses (spec 1.5).

use candle_core::{Result, Tensor};

use crate::layers::kernels::{add_scaled, sigmoid, zip};
use crate::layers::{GatedMlp, Linear, modify, to_values, with_values};
use crate::quant::{self, Activations, Chosen, Expert};

/// The experts chosen for one token and their weights, which sum to 1; best first.
pub type Choice = Vec<(usize, f32)>;

/// Softmax over all experts, then the best `count`, renormalised. Of equal logits the lower index wins.
///
/// `logits`: `[T, E]`.
#[must_use]
pub fn choose(logits: &[f32], experts: usize, count: usize) -> Vec<Choice> {
    logits.chunks_exact(experts).map(|row| choose_one(row, count)).collect()
}

fn choose_one(logits: &[f32], count: usize) -> Choice {
    let mut chosen = Choice::with_capacity(count);
    for _ in 0..count.min(logits.len()) {
        let free = logits.iter().copied().enumerate().filter(|(e, _)| chosen.iter().all(|(c, _)| c != e));
        chosen.extend(free.max_by(|(i, a), (j, b)| a.total_cmp(b).then(j.cmp(i))));
    }
    let largest = chosen.first().map_or(0.0, |(_, logit)| *logit);
    chosen.iter_mut().for_each(|(_, logit)| *logit = (*logit - largest).exp());
    // The denominator of the softmax over all experts cancels in the renormalisation.
    let total: f32 = chosen.iter().map(|(_, p)| p).sum();
    chosen.iter_mut().for_each(|(_, p)| *p /= total);
    chosen
}

/// A dense expert that every token passes, mixed in by a sigmoid coefficient.
#[derive(Clone, Debug)]
pub struct SharedExpert {
    mlp: GatedMlp,
    coefficient: Linear,
}

impl SharedExpert {
    /// From the MLP and `coefficient` `[1, C]`.
    #[must_use]
    pub fn new(mlp: GatedMlp, coefficient: Linear) -> SharedExpert {
        SharedExpert { mlp, coefficient }
    }

    /// `routed * (1 - c) + mlp(y) * c` with `c = sigmoid(coefficient(y))`, written over `routed`.
    fn mix_into(&self, y: &Tensor, routed: &Tensor) -> Result<()> {
        let coefficients = to_values(&self.coefficient.forward(y)?)?;
        let width = y.dim(1)?;
        with_values(&self.mlp.forward(y)?, |shared| {
            modify(routed, |routed| {
                let rows = routed.chunks_exact_mut(width).zip(shared.chunks_exact(width));
                for ((routed, shared), coefficient) in rows.zip(&coefficients) {
                    let share = sigmoid(*coefficient);
                    zip(routed, shared, |r, s| r * (1.0 - share) + s * share);
                }
            })
        })?
    }
}

/// Router, experts and, in some models, the shared expert.
#[derive(Clone, Debug)]
pub struct MixtureOfExperts {
    router: Linear,
    experts: Vec<GatedMlp>,
    experts_per_token: usize,
    shared: Option<SharedExpert>,
}

impl MixtureOfExperts {
    /// From `router` `[E, C]` and E experts.
    #[must_use]
    pub fn new(
        router: Linear,
        experts: Vec<GatedMlp>,
        experts_per_token: usize,
        shared: Option<SharedExpert>,
    ) -> MixtureOfExperts {
        MixtureOfExperts { router, experts, experts_per_token, shared }
    }

    /// Logits `[T, E]` of the router for `y` `[T, C]`.
    ///
    /// # Errors
    /// The numeric library refused.
    pub fn router_logits(&self, y: &Tensor) -> Result<Tensor> {
        self.router.forward(y)
    }

    /// `[T, C]` to `[T, C]`, the tokens of each expert together.
    ///
    /// # Errors
    /// The numeric library refused.
    pub fn forward(&self, y: &Tensor) -> Result<Tensor> {
        let packed: Option<Vec<&Expert>> = self.experts.iter().map(GatedMlp::as_packed).collect();
        let routed = match (self.experts.as_slice(), packed) {
            // The weight of the only expert is 1, whatever the router says.
            ([only], _) => only.forward(y)?,
            (_, Some(packed)) => self.quantized(y, &packed)?,
            (_, None) => self.grouped(y)?,
        };
        self.with_shared(y, routed)
    }

    /// The same, token by token and expert by expert: the twin [`MixtureOfExperts::forward`] is held to.
    ///
    /// # Errors
    /// The numeric library refused.
    pub fn forward_naive(&self, y: &Tensor) -> Result<Tensor> {
        let logits = to_values(&self.router_logits(y)?)?;
        let mut rows = Vec::new();
        for (t, choice) in choose(&logits, self.experts.len(), self.experts_per_token).iter().enumerate() {
            let token = y.narrow(0, t, 1)?.contiguous()?;
            let mut sum = token.zeros_like()?;
            for &(expert, weight) in choice {
                let Some(expert) = self.experts.get(expert) else { candle_core::bail!("no expert {expert}") };
                sum = (sum + (expert.forward(&token)? * f64::from(weight))?)?;
            }
            rows.push(sum);
        }
        self.with_shared(y, Tensor::cat(&rows, 0)?)
    }

    fn with_shared(&self, y: &Tensor, routed: Tensor) -> Result<Tensor> {
        if let Some(shared) = &self.shared {
            shared.mix_into(y, &routed)?;
        }
        Ok(routed)
    }

    /// Tokens and weights of each expert.
    fn buckets(&self, y: &Tensor) -> Result<Vec<Chosen>> {
        let logits = to_values(&self.router_logits(y)?)?;
        let mut buckets: Vec<Chosen> = vec![Vec::new(); self.experts.len()];
        for (t, choice) in choose(&logits, self.experts.len(), self.experts_per_token).into_iter().enumerate() {
            for (expert, weight) in choice {
                buckets[expert].push((t, weight));
            }
        }
        Ok(buckets)
    }

    fn quantized(&self, y: &Tensor, packed: &[&Expert]) -> Result<Tensor> {
        let buckets = self.buckets(y)?;
        let width = y.dim(1)?;
        let out = with_values(y, |y| quant::experts(&Activations::quantize(y, width), packed, &buckets))?;
        Tensor::from_vec(out, y.shape(), y.device())
    }

    fn grouped(&self, y: &Tensor) -> Result<Tensor> {
        let (tokens, width) = y.dims2()?;
        let buckets = self.buckets(y)?;
        let mut out = vec![0f32; tokens * width];
        for (expert, bucket) in self.experts.iter().zip(&buckets).filter(|(_, bucket)| !bucket.is_empty()) {
            let mut gathered = Vec::with_capacity(bucket.len() * width);
            with_values(y, |y| {
                for (t, _) in bucket {
                    gathered.extend_from_slice(&y[t * width..(t + 1) * width]);
                }
            })?;
            let result = expert.forward(&Tensor::from_vec(gathered, (bucket.len(), width), y.device())?)?;
            with_values(&result, |result| {
                for ((t, weight), row) in bucket.iter().zip(result.chunks_exact(width)) {
                    add_scaled(&mut out[t * width..(t + 1) * width], *weight, row);
                }
            })?;
        }
        Tensor::from_vec(out, (tokens, width), y.device())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use proptest::prelude::*;

    fn linear(rows: usize, columns: usize, seed: usize) -> Linear {
        let values: Vec<f32> =
            (0..rows * columns).map(|i| ((i * 37 + seed * 101 + 11) % 97) as f32 / 97.0 - 0.5).collect();
        Linear::new(Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap()).unwrap()
    }

    fn mlp(width: usize, inner: usize, seed: usize) -> GatedMlp {
        GatedMlp::new(linear(inner, width, seed), linear(inner, width, seed + 1), linear(width, inner, seed + 2))
    }

    #[test]
    fn ties_go_to_the_lower_index_and_weights_sum_to_one() {
        let chosen = choose(&[1.0, 2.0, 2.0, 2.0], 4, 2);
        assert_eq!(chosen, vec![vec![(1, 0.5), (2, 0.5)]]);
    }

    #[test]
    fn far_apart_logits_do_not_overflow() {
        let chosen = choose(&[-1000.0, 1000.0, 999.0], 3, 2);
        assert_eq!(chosen[0].iter().map(|c| c.0).collect::<Vec<_>>(), [1, 2]);
        assert!((chosen[0][0].1 - 1.0 / (1.0 + (-1f32).exp())).abs() < 1e-6);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn grouping_tokens_by_expert_changes_nothing(
            tokens in 1usize..70, experts in 1usize..6, chosen in 1usize..4, shared: bool, seed in 0usize..1000,
        ) {
            let (width, inner) = (20, 12);
            let shared = shared.then(|| SharedExpert::new(mlp(width, inner, seed + 5), linear(1, width, seed + 9)));
            let all = (0..experts).map(|e| mlp(width, inner, seed + 10 * e)).collect();
            let moe = MixtureOfExperts::new(linear(experts, width, seed), all, chosen.min(experts), shared);
            let y: Vec<f32> = (0..tokens * width).map(|i| ((i * 29 + seed * 7) % 83) as f32 / 20.0 - 2.0).collect();
            let y = Tensor::from_vec(y, (tokens, width), &Device::Cpu).unwrap();
            let (fast, slow) = (moe.forward(&y).unwrap(), moe.forward_naive(&y).unwrap());
            for (a, b) in to_values(&fast).unwrap().iter().zip(to_values(&slow).unwrap()) {
                prop_assert!((a - b).abs() < 1e-5, "{a} against {b}");
            }
        }
    }
}
