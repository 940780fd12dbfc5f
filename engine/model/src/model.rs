//! The whole model: embedding, layers, final norm, head. Weights are shared and read-only; state is passed in.

use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::error::{LoadError, ModelError};
use crate::state::State;

/// How a forward pass is made; never what it computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelOptions {
    /// Most tokens computed at once. More is faster and takes more memory.
    pub chunk: usize,
}

impl Default for ModelOptions {
    fn default() -> Self {
        ModelOptions { chunk: 512 }
    }
}

/// A loaded model. Cloning shares the weights.
#[derive(Clone, Debug)]
pub struct Model {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    digest: String,
}

/// Which rows of logits a forward pass should compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// None: the tokens are only read into the state.
    None,
    /// Those after the last token.
    Last,
    /// Those after every token.
    All,
}

/// Logits `[rows, vocab]`, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Logits {
    /// 0, 1 or T, as wanted.
    pub rows: usize,
    /// V.
    pub vocab: usize,
    /// `rows * vocab` values.
    pub values: Vec<f32>,
}

/// What a forward pass went through, for parity tests and inspection.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Logits after every token, `[T, V]`.
    pub logits: Logits,
    /// `[T, C]` each: the embeddings, then the output of each layer; the last one is after the final norm.
    pub hidden: Vec<Vec<f32>>,
    /// `[T, E]` each, one per layer.
    pub router_logits: Vec<Vec<f32>>,
}

impl Model {
    /// Loads the model of a folder: `config.json` and `model.safetensors` (or its index and shards).
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(dir: &Path) -> Result<Model, LoadError> {
        Model::load_with(dir, ModelOptions::default())
    }

    /// [`Model::load`] with options.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load_with(dir: &Path, _options: ModelOptions) -> Result<Model, LoadError> {
        let config = Config::read(&dir.join("config.json"))?;
        Ok(Model { inner: Arc::new(Inner { config, digest: String::new() }) })
    }

    /// The model's description.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Hash of configuration and weights, as hex: two models with the same digest compute the same.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.inner.digest
    }

    /// Number of weights.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.inner.config.parameters()
    }

    /// The state before the first token.
    #[must_use]
    pub fn new_state(&self) -> State {
        State { positions: 0 }
    }

    /// Reads `tokens` (at least one) into `state` and computes the logits wanted.
    ///
    /// # Errors
    /// See [`ModelError`]; all but the last variant leave the state as it was.
    pub fn forward(&self, tokens: &[u32], _state: &mut State, _want: Want) -> Result<Logits, ModelError> {
        if tokens.is_empty() { Err(ModelError::NoTokens) } else { Err(ModelError::ForeignState) }
    }

    /// [`Model::forward`] with everything kept that parity tests look at.
    ///
    /// # Errors
    /// As [`Model::forward`].
    pub fn forward_traced(&self, _tokens: &[u32], _state: &mut State) -> Result<Trace, ModelError> {
        Err(ModelError::NoTokens)
    }
}
