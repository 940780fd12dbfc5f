//! Choosing the next token from logits: greedy or random, reproducible by seed, with a stop for endless repetition.

use toktrie::SimpleVob;

/// How tokens are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// 0 is greedy: the most likely token, of equals the one with the lowest id.
    pub temperature: f32,
    /// Keep the most likely tokens that together have this share; 1 keeps all.
    pub top_p: f32,
    /// Keep this many of the most likely; 0 keeps all.
    pub top_k: usize,
    /// Keep tokens at least this many times as likely as the most likely; 0 keeps all.
    pub min_p: f32,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Stop after this many tokens in a row that were each nearly certain; 0 never stops.
    pub repetition_limit: usize,
}

/// M1's rule against endless repetition: 3,000 tokens in a row, each with more than 0.99 (spec section 2).
pub const REPETITION_LIMIT: usize = 3000;
const NEAR_CERTAINTY: f64 = 0.99;

impl Default for Sampling {
    fn default() -> Self {
        Sampling {
            temperature: 0.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            seed: 0,
            repetition_limit: REPETITION_LIMIT,
        }
    }
}

/// A chosen token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Its id.
    pub token: u32,
    /// Its log-probability in the model's own distribution: before temperature, cuts and grammar.
    pub logprob: f64,
}

/// Chooses tokens one after another.
#[derive(Debug, Clone)]
pub struct Sampler {
    sampling: Sampling,
    random: Random,
    certain_in_a_row: usize,
}

impl Sampler {
    /// A sampler at its first token.
    #[must_use]
    pub fn new(sampling: Sampling) -> Sampler {
        Sampler { sampling, random: Random::new(sampling.seed), certain_in_a_row: 0 }
    }

    /// Chooses among `allowed` tokens (ids beyond its length are not allowed). `None` where none is allowed, or none
    /// has a logit that is a number.
    ///
    /// `logits` is `[V]` and left as it is.
    pub fn choose(&mut self, logits: &[f32], allowed: &SimpleVob) -> Option<Choice> {
        let mut candidates: Vec<(u32, f32)> = Vec::new();
        allowed.iter_set_entries(|id| {
            if let Some(logit) = logits.get(id).filter(|l| l.is_finite()) {
                candidates.push((id as u32, *logit));
            }
        });
        let token = if self.sampling.temperature <= 0.0 {
            candidates.iter().copied().reduce(|best, c| if c.1 > best.1 { c } else { best })?.0
        } else {
            self.draw(&mut candidates)?
        };
        let logprob = f64::from(logits[token as usize]) - log_sum_exp(logits);
        self.certain_in_a_row = if logprob.exp() > NEAR_CERTAINTY { self.certain_in_a_row + 1 } else { 0 };
        Some(Choice { token, logprob })
    }

    /// Whether the model has been nearly certain for so long that it is repeating itself.
    #[must_use]
    pub fn is_repeating(&self) -> bool {
        self.sampling.repetition_limit > 0 && self.certain_in_a_row >= self.sampling.repetition_limit
    }

    fn draw(&mut self, candidates: &mut Vec<(u32, f32)>) -> Option<u32> {
        candidates.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if self.sampling.top_k > 0 {
            candidates.truncate(self.sampling.top_k);
        }
        let top = f64::from(candidates.first()?.1);
        let temperature = f64::from(self.sampling.temperature);
        let mut weights: Vec<f64> =
            candidates.iter().map(|c| ((f64::from(c.1) - top) / temperature).exp()).collect();
        let total: f64 = weights.iter().sum();
        let mut share = 0.0;
        let mut keep = 0;
        for weight in &weights {
            // The first token always stays; weights are relative to its own, which is 1.
            if keep > 0 && (share >= f64::from(self.sampling.top_p) || *weight < f64::from(self.sampling.min_p)) {
                break;
            }
            share += weight / total;
            keep += 1;
        }
        weights.truncate(keep);
        let mut left = self.random.unit() * weights.iter().sum::<f64>();
        for (candidate, weight) in candidates.iter().zip(&weights) {
            left -= weight;
            if left < 0.0 {
                return Some(candidate.0);
            }
        }
        candidates.get(keep - 1).map(|c| c.0)
    }
}

fn log_sum_exp(logits: &[f32]) -> f64 {
    let finite = || logits.iter().filter(|l| l.is_finite()).map(|l| f64::from(*l));
    let top = finite().fold(f64::NEG_INFINITY, f64::max);
    top + finite().map(|l| (l - top).exp()).sum::<f64>().ln()
}

/// SplitMix64: small, seedable, the same on every machine. Not for secrets.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A generator that starts from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next number in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose_many(sampling: Sampling, logits: &[f32], allowed: &SimpleVob) -> Vec<u32> {
        let mut sampler = Sampler::new(sampling);
        (0..400).map(|_| sampler.choose(logits, allowed).unwrap().token).collect()
    }

    fn seen(mut tokens: Vec<u32>) -> Vec<u32> {
        tokens.sort_unstable();
        tokens.dedup();
        tokens
    }

    #[test]
    fn greedy_takes_the_lowest_of_equals_and_obeys_the_mask() {
        let logits = [1.0, 5.0, 5.0, 9.0];
        let mut all = SimpleVob::alloc_ones(4);
        assert_eq!(choose_many(Sampling::default(), &logits, &all)[0], 3);
        all.disallow_token(3);
        assert_eq!(choose_many(Sampling::default(), &logits, &all)[0], 1);
        assert!(Sampler::new(Sampling::default()).choose(&logits, &SimpleVob::alloc(4)).is_none());
    }

    #[test]
    fn a_token_without_a_number_is_never_taken() {
        let logits = [f32::NAN, f32::INFINITY, 0.5, f32::NEG_INFINITY];
        let all = SimpleVob::alloc_ones(4);
        let choice = Sampler::new(Sampling::default()).choose(&logits, &all).unwrap();
        assert_eq!((choice.token, choice.logprob), (2, 0.0));
    }

    #[test]
    fn cuts_keep_what_they_say() {
        let logits: Vec<f32> = [0.5f32, 0.3, 0.15, 0.05].iter().map(|p| p.ln()).collect();
        let all = SimpleVob::alloc_ones(4);
        let hot = Sampling { temperature: 1.0, seed: 7, ..Sampling::default() };
        assert_eq!(seen(choose_many(hot, &logits, &all)), [0, 1, 2, 3]);
        assert_eq!(seen(choose_many(Sampling { top_k: 2, ..hot }, &logits, &all)), [0, 1]);
        assert_eq!(seen(choose_many(Sampling { top_p: 0.75, ..hot }, &logits, &all)), [0, 1]);
        assert_eq!(seen(choose_many(Sampling { top_p: 0.0, ..hot }, &logits, &all)), [0]);
        assert_eq!(seen(choose_many(Sampling { min_p: 0.2, ..hot }, &logits, &all)), [0, 1, 2]);
    }

    #[test]
    fn shares_follow_the_distribution_and_the_seed_decides() {
        let logits: Vec<f32> = [0.8f32, 0.2].iter().map(|p| p.ln()).collect();
        let all = SimpleVob::alloc_ones(2);
        let hot = Sampling { temperature: 1.0, seed: 11, ..Sampling::default() };
        let ones = choose_many(hot, &logits, &all).iter().filter(|t| **t == 1).count();
        assert!((50..110).contains(&ones), "{ones} of 400, about 80 expected");
        assert_eq!(choose_many(hot, &logits, &all), choose_many(hot, &logits, &all));
        assert_ne!(choose_many(hot, &logits, &all), choose_many(Sampling { seed: 12, ..hot }, &logits, &all));
    }

    #[test]
    fn certainty_in_a_row_stops_and_one_doubt_starts_over() {
        let (certain, doubtful) = ([20.0, 0.0], [0.1, 0.0]);
        let all = SimpleVob::alloc_ones(2);
        let mut sampler = Sampler::new(Sampling { repetition_limit: 5, ..Sampling::default() });
        for logits in [certain, certain, certain, certain, doubtful, certain, certain, certain, certain] {
            sampler.choose(&logits, &all).unwrap();
            assert!(!sampler.is_repeating());
        }
        sampler.choose(&certain, &all).unwrap();
        assert!(sampler.is_repeating());
    }
}
