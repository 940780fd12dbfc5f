//! Whether an answer gives passages or says that there are none: one choice between two tokens, and what may be known of it
//! besides the model.
//!
//! A model leans to one side by some log-odds. Tuning teaches it what to quote long before it teaches it when not to, so an
//! adapter may carry weights, fitted on labelled documents that are asked whole, that put the model's lean together with
//! evidence from outside, here the scores of rules and search (stacking, Wolpert 1992; the model of the second level is a
//! logistic regression).

use crate::constraint::Mask;
use serde::{Deserialize, Serialize};

/// Largest log-odds either way: as good as certain, and still a number in JSON and among logits.
const MOST: f32 = 1e4;

/// How "none" is decided: its log-odds are `lean` times the model's, plus `evidence` times those from outside, plus `bias`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionWeights {
    /// Of the model's own log-odds.
    pub lean: f32,
    /// Of the log-odds that come with the request.
    pub evidence: f32,
    /// In log-odds.
    pub bias: f32,
}

impl DecisionWeights {
    /// The decision of a request that comes with `evidence`, the log-odds from outside that no passage answers it.
    #[must_use]
    pub fn decision(&self, evidence: f32) -> Decision {
        Decision { lean: self.lean, shift: self.evidence * evidence + self.bias }
    }

    /// Whether all are numbers.
    pub(crate) fn are_finite(&self) -> bool {
        [self.lean, self.evidence, self.bias].iter().all(|weight| weight.is_finite())
    }
}

/// How "none" is decided in one answer: its log-odds are `lean` times the model's, plus `shift`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// Of the model's own log-odds.
    pub lean: f32,
    /// In log-odds.
    pub shift: f32,
}

impl Default for Decision {
    /// The model's own.
    fn default() -> Self {
        Self { lean: 1.0, shift: 0.0 }
    }
}

/// A decision that was made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// The model's log-odds of "none": where they were weighed, at the first token that decides; where it decided alone, over
    /// both tokens that can.
    pub lean: f32,
    /// The log-odds that counted.
    pub log_odds: f32,
}

impl Decided {
    /// One decision that the model makes alone in two steps: "none" at once, or else at the `later` place.
    pub(crate) fn or(self, later: Decided) -> Decided {
        let probability = |log_odds: f32| 1.0 / (1.0 + (-f64::from(log_odds)).exp());
        // What is left for the list; as 1 - none it would round to nothing where "none" is nearly sure.
        let list = probability(-self.lean) * probability(-later.lean);
        let none = probability(self.lean) + probability(-self.lean) * probability(later.lean);
        let lean = ((none / list).ln() as f32).clamp(-MOST, MOST);
        Decided { lean, log_odds: lean }
    }
}

impl Decision {
    /// Moves the logits `[V]` of the tokens that begin "none" so that it has the log-odds it is to have among what `mask`
    /// allows; nothing where there is nothing to decide, or nothing but "none".
    pub(crate) fn weigh(&self, logits: &[f32], mask: &Mask) -> Option<(Vec<f32>, Decided)> {
        let abstaining = mask.abstaining();
        let others = (0..logits.len() as u32).filter(|id| mask.allows(*id) && !abstaining.contains(id));
        let none = log_sum(abstaining.iter().filter_map(|id| logits.get(*id as usize).copied()))?;
        let lean = none - log_sum(others.filter_map(|id| logits.get(id as usize).copied()))?;
        let log_odds = (self.lean * lean + self.shift).clamp(-MOST, MOST);
        let mut moved = logits.to_vec();
        for id in abstaining {
            if let Some(logit) = moved.get_mut(*id as usize) {
                *logit += log_odds - lean;
            }
        }
        Some((moved, Decided { lean, log_odds }))
    }
}

/// ln of the sum of exp; nothing of nothing.
fn log_sum(logits: impl Iterator<Item = f32> + Clone) -> Option<f32> {
    let most = logits.clone().reduce(f32::max).filter(|most| most.is_finite())?;
    Some(most + logits.map(|logit| (logit - most).exp()).sum::<f32>().ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_exponentials_neither_overflows_nor_is_one_of_nothing() {
        assert_eq!(log_sum([].into_iter()), None);
        assert_eq!(log_sum([f32::NEG_INFINITY].into_iter()), None);
        let found = log_sum([500.0, 500.0, f32::NEG_INFINITY].into_iter()).unwrap();
        assert!((found - (500.0 + 2f32.ln())).abs() < 1e-3, "{found}");
    }

    #[test]
    fn two_steps_are_one_decision() {
        let decided = |lean: f32| Decided { lean, log_odds: lean };
        let either = decided(0.0).or(decided(0.0));
        assert!((either.lean - 3f32.ln()).abs() < 1e-6, "three in four: {either:?}");
        assert!((decided(-40.0).or(decided(2.0)).lean - 2.0).abs() < 1e-5);
        assert!((decided(2.0).or(decided(-40.0)).lean - 2.0).abs() < 1e-5);
        assert!(decided(30.0).or(decided(5.0)).lean > 30.0);
        assert!((decided(60.0).or(decided(40.0)).lean - 100.0).abs() < 1e-3, "beyond what 1 - p can tell from 1");
        assert!(decided(900.0).or(decided(900.0)).lean.is_finite(), "JSON knows no infinity");
    }

    #[test]
    fn weights_put_the_lean_and_the_evidence_together() {
        let weights = DecisionWeights { lean: 0.5, evidence: 2.0, bias: -1.0 };
        assert_eq!(weights.decision(3.0), Decision { lean: 0.5, shift: 5.0 });
        assert!(weights.are_finite() && !DecisionWeights { bias: f32::NAN, ..weights }.are_finite());
    }
}
