//! How far results may lie from what they are held to. One place, so that a loosened gate is seen.

/// Logits against the reference, absolute; the arg-max must be the same besides.
pub(crate) const LOGITS: f32 = 5e-4;
/// Hidden states, router logits and states against the reference, relative to the largest value of the tensor.
pub(crate) const TENSORS: f32 = 1e-4;
/// Logits of the same tokens cut into other chunks, absolute.
pub(crate) const CHUNKS: f32 = 2e-4;
/// A fast kernel against its plain twin, relative to the largest value.
pub(crate) const TWINS: f32 = 2e-5;
/// Attention made in bf16 against its twin in f32, relative to the largest value: queries, keys, weights and values are rounded
/// by up to 1 in 512 each.
pub(crate) const TWINS_IN_BF16: f32 = 1e-2;
/// Mean Kullback-Leibler divergence of a quantised model's next-token distributions from those of the same weights in
/// f32, in nats, and the share of positions whose likeliest token is the same: for eight bits, and for four.
pub(crate) const EIGHT_BITS: (f64, f64) = (0.01, 0.93);
pub(crate) const FOUR_BITS: (f64, f64) = (0.1, 0.8);
/// The same for a tiny model of random weights, whose distributions are flat.
pub(crate) const RANDOM_EIGHT_BITS: (f64, f64) = (0.002, 0.9);
pub(crate) const RANDOM_FOUR_BITS: (f64, f64) = (0.02, 0.7);
/// The same between two ways of cutting a text: inputs that lie between two integers can fall either way where sums were
/// added up in another order.
pub(crate) const RECUT: (f64, f64) = (2e-3, 0.96);
/// The same between keys and values in 32 bits and in 16, which a processor may attend to in bf16. Rounding them alone makes
/// 2.8e-3 of a quantised model, whose inputs fall either way.
pub(crate) const HALF_ATTENTION: (f64, f64) = (5e-3, 0.95);
/// Logits (of up to 7) with keys and values in 16 bits, which round by 1 in 2,048, against 32, absolute.
pub(crate) const HALF_KEYS_AND_VALUES: f32 = 2e-2;
/// The same (of logits of up to 7) in 8 bits, which round by up to 1 in 254 of the largest of 16 neighbours.
pub(crate) const EIGHT_BIT_KEYS_AND_VALUES: f32 = 2e-2;
