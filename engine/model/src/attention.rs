//! How tokens see earlier tokens: softmax attention with a key/value cache, or lightning attention with a state.

pub mod lightning;
pub mod softmax;
