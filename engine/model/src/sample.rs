//! Choosing the next token from logits: greedy or by temperature, top-k, top-p, min-p; and when to stop for repetition.

/// How tokens are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// 0 is greedy.
    pub temperature: f32,
    /// Keep the k most likely; 0 keeps all.
    pub top_k: usize,
    /// Keep the most likely tokens up to this share; 1 keeps all.
    pub top_p: f32,
    /// Keep tokens at least this share as likely as the most likely; 0 keeps all.
    pub min_p: f32,
    /// Seed.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed: 0 }
    }
}

/// A chosen token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Its id.
    pub id: u32,
    /// Natural logarithm of its probability among the allowed tokens, before temperature and cuts.
    pub logprob: f32,
}

/// A sampler with its random state.
#[derive(Debug, Clone)]
pub struct Sampler {
    sampling: Sampling,
    random: u64,
    /// Candidates `(logit, id)`, kept to spare allocations.
    candidates: Vec<(f32, u32)>,
}

impl Sampler {
    /// A sampler at the beginning of its random sequence.
    pub fn new(sampling: Sampling) -> Self {
        Self { sampling, random: sampling.seed, candidates: Vec::new() }
    }

    /// Chooses among the ids for which `allowed` says yes; `None` where there is none. Ties go to the lower id.
    pub fn choose(&mut self, logits: &[f32], allowed: impl Fn(u32) -> bool) -> Option<Choice> {
        self.candidates.clear();
        for (id, logit) in logits.iter().enumerate() {
            let id = id as u32;
            if logit.is_finite() && allowed(id) {
                self.candidates.push((*logit, id));
            }
        }
        let best = *self.candidates.iter().max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
        let total: f64 = self.candidates.iter().map(|(l, _)| f64::from(l - best.0).exp()).sum();
        let logprob = |logit: f32| (f64::from(logit - best.0) - total.ln()) as f32;
        if self.sampling.temperature <= 0.0 {
            return Some(Choice { id: best.1, logprob: logprob(best.0) });
        }
        let drawn = self.draw(best.0);
        Some(Choice { id: drawn.1, logprob: logprob(drawn.0) })
    }

    fn draw(&mut self, best: f32) -> (f32, u32) {
        let Sampling { temperature, top_k, top_p, min_p, .. } = self.sampling;
        self.candidates.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        if top_k > 0 {
            self.candidates.truncate(top_k);
        }
        let weight = |logit: f32| f64::from((logit - best) / temperature).exp();
        let total: f64 = self.candidates.iter().map(|(l, _)| weight(*l)).sum();
        let mut kept = 0;
        let mut mass = 0.0;
        for (logit, _) in &self.candidates {
            let w = weight(*logit);
            // The token that passes the share is kept: the set is never empty.
            if kept > 0 && (mass >= f64::from(top_p) * total || w < f64::from(min_p)) {
                break;
            }
            kept += 1;
            mass += w;
        }
        let mut point = self.next_random() * mass;
        let kept = &self.candidates[..kept];
        for (logit, id) in kept {
            point -= weight(*logit);
            if point <= 0.0 {
                return (*logit, *id);
            }
        }
        // Rounding can leave a crumb of `point`; the last kept token takes it. `kept` holds the best at least.
        kept.last().copied().unwrap_or((best, 0))
    }

    /// Uniform in [0, 1): SplitMix64 (Steele, Lea and Flood 2014), top 53 bits.
    fn next_random(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Notices a model that repeats itself: that many freely chosen tokens in a row, each nearly certain (spec section 2:
/// 3,000 tokens with p > 0.99).
#[derive(Debug, Clone, Copy)]
pub struct RepetitionStop {
    /// Tokens in a row.
    pub limit: usize,
    /// Probability above which a token counts.
    pub probability: f32,
    run: usize,
}

impl Default for RepetitionStop {
    fn default() -> Self {
        Self { limit: 3000, probability: 0.99, run: 0 }
    }
}

impl RepetitionStop {
    /// Takes a chosen token's log-probability; whether to stop now.
    pub fn push(&mut self, logprob: f32) -> bool {
        self.run = if logprob.exp() > self.probability { self.run + 1 } else { 0 };
        self.run >= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn greedy_takes_the_best_allowed_and_the_lower_of_a_tie() {
        let mut s = Sampler::new(Sampling::default());
        assert_eq!(s.choose(&[1.0, 3.0, 3.0, 9.0], |id| id != 3).unwrap().id, 1);
        assert_eq!(s.choose(&[1.0], |_| false), None);
        let c = s.choose(&[0.0, 0.0], |_| true).unwrap();
        assert!((c.logprob - 0.5f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn the_same_seed_draws_the_same_and_frequencies_follow_the_weights() {
        let sampling = Sampling { temperature: 1.0, seed: 7, ..Sampling::default() };
        let draw = |n: usize| {
            let mut s = Sampler::new(sampling);
            (0..n)
                .map(|_| s.choose(&[0.0, 1.0f32.exp().ln(), f32::NEG_INFINITY], |_| true).unwrap().id)
                .collect::<Vec<_>>()
        };
        let drawn = draw(4000);
        assert_eq!(drawn, draw(4000));
        let share = drawn.iter().filter(|id| **id == 1).count() as f64 / 4000.0;
        let expected = 1.0f64.exp() / (1.0 + 1.0f64.exp());
        assert!((share - expected).abs() < 0.03, "{share} against {expected}");
    }

    #[test]
    fn repetition_counts_only_unbroken_runs() {
        let mut stop = RepetitionStop { limit: 3, ..RepetitionStop::default() };
        let sure = 0.999f32.ln();
        assert!(!stop.push(sure) && !stop.push(sure) && !stop.push(-1.0) && !stop.push(sure) && !stop.push(sure));
        assert!(stop.push(sure));
    }

    proptest! {
        #[test]
        fn cuts_only_remove_the_less_likely(logits in prop::collection::vec(-5.0f32..5.0, 1..40), k in 1usize..5, p in 0.05f32..1.0, seed: u64) {
            let mut s = Sampler::new(Sampling { temperature: 0.8, top_k: k, top_p: p, min_p: 0.0, seed });
            let chosen = s.choose(&logits, |_| true).unwrap().id as usize;
            let better = logits.iter().filter(|l| **l > logits[chosen]).count();
            prop_assert!(better < k);
        }
    }
}
