//! Hybrid-attention mixture-of-experts models in the MiniMax-M1 architecture: tokens in, tokens out.
//!
//! Axes used throughout: B batch (always 1 here), T tokens, H query heads, G key/value heads, D head dimension,
//! C hidden size, E experts, V vocabulary. Formulas are those of `ARCHITECTURE.md`, section "The model".

#![deny(unsafe_code)]

pub mod adapter;
pub mod attention;
pub mod bench;
pub mod block;
pub mod chat;
pub mod config;
pub mod constraint;
pub mod convert;
pub mod decision;
pub mod error;
mod gguf;
pub mod layers;
pub mod model;
pub mod moe;
pub mod quant;
pub mod sample;
pub mod session;
pub mod state;
pub mod tokenizer;
pub mod tools;
pub mod weights;
