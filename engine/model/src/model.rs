//! The whole model: embedding, layers, final norm, head. Weights are shared and read-only; state is passed in.

mod build;

use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};

use crate::adapter::Adapter;
use crate::attention::softmax::Rotations;
use crate::block::Block;
use crate::config::Config;
use crate::error::{LoadError, ModelError};
use crate::layers::{Embedding, Linear, RmsNorm, to_values};
use crate::quant::Scheme;
use crate::state::{KV_BLOCK, KvPrecision, LayerState, State};
use crate::weights::WeightFiles;

/// Code, threads, tokenizer and logits: what a process takes whatever the model.
const PROGRAM_BYTES: u64 = 96 << 20;

/// How weights are loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Quantise linear maps that the files hold in floating point.
    pub quantize: Option<Scheme>,
    /// How its states keep keys and values.
    pub keys_and_values: KvPrecision,
}

/// How a forward pass is made; never what it computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelOptions {
    /// Most tokens computed at once; 0 counts as 1. More is faster and takes more memory.
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
    options: ModelOptions,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    digest: String,
    precision: KvPrecision,
    weights_bytes: u64,
    bytes_per_token: u64,
    /// Rows `[V, C]`.
    embedding: Embedding,
    blocks: Vec<Block>,
    norm: RmsNorm,
    /// `[V, C]`; the embedding itself where the two are tied.
    head: Linear,
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

impl Logits {
    /// One row, `[V]`.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<&[f32]> {
        self.values.chunks_exact(self.vocab.max(1)).nth(index)
    }
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
    /// Loads the model of a folder, `config.json` and `model.safetensors` (or its index and shards), or a GGUF file.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(dir: &Path) -> Result<Model, LoadError> {
        Model::load_with(dir, LoadOptions::default())
    }

    /// [`Model::load`] with options.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load_with(dir: &Path, options: LoadOptions) -> Result<Model, LoadError> {
        Model::load_adapted(dir, options, None)
    }

    /// [`Model::load_with`], with an adapter beside the weights.
    ///
    /// # Errors
    /// See [`LoadError`]; `Adapter` where it does not belong to this model.
    pub fn load_adapted(dir: &Path, options: LoadOptions, adapter: Option<&Adapter>) -> Result<Model, LoadError> {
        let files = WeightFiles::open(dir)?;
        let (text, path) = files.config()?;
        let config = Config::parse(&text, &path)?;
        let of_files = files.digest(text.as_bytes());
        if let Some(adapter) = adapter {
            adapter.check_base(&of_files)?;
        }
        // Quantised or adapted, the same files compute something else.
        let changes = [options.quantize.map(Scheme::name), adapter.map(Adapter::digest)];
        let digest = changes.into_iter().flatten().fold(of_files, |digest, change| {
            blake3::hash(format!("{digest} {change}").as_bytes()).to_hex().to_string()
        });
        let inner = files.load(options.quantize, |ledger| {
            let Some(adapter) = adapter else { return build::inner(config, digest, options.keys_and_values, ledger) };
            ledger.adapt(adapter);
            let inner = build::inner(config, digest, options.keys_and_values, ledger)?;
            match ledger.unfit() {
                faults if faults.is_empty() => Ok(inner),
                faults => Err(adapter.misfit(faults).into()),
            }
        })?;
        Ok(Model { inner: Arc::new(inner), options: ModelOptions::default() })
    }

    /// The digest that the model of a folder or GGUF file has as its files are, neither quantised nor adapted: what an
    /// adapter is bound to. The weights are hashed, not loaded.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn digest_of(dir: &Path) -> Result<String, LoadError> {
        let files = WeightFiles::open(dir)?;
        Ok(files.digest(files.config()?.0.as_bytes()))
    }

    /// The same weights, used with other options.
    #[must_use]
    pub fn with_options(&self, options: ModelOptions) -> Model {
        Model { inner: Arc::clone(&self.inner), options }
    }

    /// The model's description.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Hash of configuration, weights and adapter, as hex: two models with the same digest compute the same.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.inner.digest
    }

    /// Number of weights.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.inner.config.parameters()
    }

    /// Bytes of the weights as they are kept: in memory, or mapped from their file.
    #[must_use]
    pub fn weights_bytes(&self) -> u64 {
        self.inner.weights_bytes
    }

    /// Bytes of weights that one token touches: those of its experts and of everything that all tokens pass.
    #[must_use]
    pub fn bytes_per_token(&self) -> u64 {
        self.inner.bytes_per_token
    }

    /// Bytes by which a state grows with each token.
    #[must_use]
    pub fn state_bytes_per_token(&self) -> u64 {
        self.inner.config.state_bytes_per_token(self.inner.precision)
    }

    /// Bytes of memory that reading `tokens` takes at most: weights, the state after them, what one chunk passes through
    /// on its way (a dozen rows as wide as the widest map), and the program itself.
    #[must_use]
    pub fn memory_estimate(&self, tokens: usize) -> u64 {
        let config = &self.inner.config;
        let positions = tokens.next_multiple_of(KV_BLOCK) as u64;
        let state = config.state_bytes_fixed() + positions * self.state_bytes_per_token();
        let experts = config.num_experts_per_tok * config.intermediate_size;
        let widest = config.hidden_size.max(3 * config.attention_width()).max(2 * experts);
        let chunk = self.options.chunk.min(tokens) * 12 * widest * size_of::<f32>();
        self.inner.weights_bytes + state + chunk as u64 + PROGRAM_BYTES
    }

    /// The state before the first token.
    #[must_use]
    pub fn new_state(&self) -> State {
        State::new(&self.inner.config, self.inner.precision)
    }

    /// Reads `tokens` (at least one) into `state` and computes the logits wanted. Long inputs are read in chunks;
    /// how they are cut changes the result by rounding only.
    ///
    /// # Errors
    /// See [`ModelError`]; all but the last variant leave the state as it was.
    pub fn forward(&self, tokens: &[u32], state: &mut State, want: Want) -> Result<Logits, ModelError> {
        self.check(tokens, state)?;
        // Inside the thread pool, so that its other threads stay awake from one product to the next.
        rayon::scope(|_| self.forward_checked(tokens, state, want))
    }

    fn forward_checked(&self, tokens: &[u32], state: &mut State, want: Want) -> Result<Logits, ModelError> {
        state.half_written = true;
        let mut values = Vec::new();
        let chunks = tokens.chunks(self.options.chunk.max(1));
        let last = chunks.len() - 1;
        for (index, chunk) in chunks.enumerate() {
            let hidden = self.inner.embed(chunk)?;
            let hidden = self.inner.read(hidden, state, |_, _| Ok(()), false)?;
            match want {
                Want::All => values.extend(self.inner.logits(&hidden)?),
                Want::Last if index == last => {
                    let row = hidden.narrow(0, chunk.len() - 1, 1)?;
                    values = self.inner.logits(&row)?;
                }
                Want::Last | Want::None => {}
            }
        }
        state.half_written = false;
        let vocab = self.inner.config.vocab_size;
        Ok(Logits { rows: values.len() / vocab, vocab, values })
    }

    /// [`Model::forward`] in one piece, with everything kept that parity tests look at.
    ///
    /// # Errors
    /// As [`Model::forward`].
    pub fn forward_traced(&self, tokens: &[u32], state: &mut State) -> Result<Trace, ModelError> {
        self.check(tokens, state)?;
        state.half_written = true;
        let embedded = self.inner.embed(tokens)?;
        let mut hidden = vec![to_values(&embedded)?];
        let mut router_logits = Vec::new();
        let keep = |output: &Tensor, router: &Tensor| {
            hidden.push(to_values(output)?);
            router_logits.push(to_values(router)?);
            Ok(())
        };
        let output = self.inner.read(embedded, state, keep, true)?;
        if let Some(last) = hidden.last_mut() {
            *last = to_values(&self.inner.norm.forward(&output)?)?;
        }
        let values = self.inner.logits(&output)?;
        state.half_written = false;
        let logits = Logits { rows: tokens.len(), vocab: self.inner.config.vocab_size, values };
        Ok(Trace { logits, hidden, router_logits })
    }

    /// Everything that can be refused before the state is touched.
    fn check(&self, tokens: &[u32], state: &State) -> Result<(), ModelError> {
        let config = &self.inner.config;
        if tokens.is_empty() {
            return Err(ModelError::NoTokens);
        }
        let known = |&token: &u32| usize::try_from(token).is_ok_and(|token| token < config.vocab_size);
        if let Some((index, &token)) = tokens.iter().enumerate().find(|(_, token)| !known(token)) {
            return Err(ModelError::UnknownToken { token, index, vocab_size: config.vocab_size });
        }
        if state.half_written {
            return Err(ModelError::HalfWrittenState);
        }
        if !state.fits(config) {
            return Err(ModelError::ForeignState);
        }
        if tokens.len() > config.context_length.saturating_sub(state.positions) {
            let (positions, context_length) = (state.positions, config.context_length);
            return Err(ModelError::ContextExceeded { positions, tokens: tokens.len(), context_length });
        }
        Ok(())
    }
}

impl Inner {
    /// Rows of the embedding, `[T, C]`. Tokens are known to be in the vocabulary.
    fn embed(&self, tokens: &[u32]) -> candle_core::Result<Tensor> {
        self.embedding.forward(tokens)
    }

    /// All layers over the next T tokens, `[T, C]` to `[T, C]`, and the state moved on by T. `keep` is given the
    /// output and (if `trace`) the router logits of each layer.
    fn read(
        &self,
        mut hidden: Tensor,
        state: &mut State,
        mut keep: impl FnMut(&Tensor, &Tensor) -> candle_core::Result<()>,
        trace: bool,
    ) -> candle_core::Result<Tensor> {
        let config = &self.config;
        let tokens = hidden.dim(0)?;
        let rotations = if state.layers.iter().any(|layer| matches!(layer, LayerState::Softmax(_))) {
            Rotations::new(config.rotary_dim, config.rope_theta, state.positions, tokens)
        } else {
            Rotations::new(config.rotary_dim, config.rope_theta, 0, 0)
        };
        let mut router_logits = Tensor::zeros(0, candle_core::DType::F32, &Device::Cpu)?;
        for (block, layer) in self.blocks.iter().zip(&mut state.layers) {
            hidden = block.forward(&hidden, &rotations, layer, trace.then_some(&mut router_logits))?;
            keep(&hidden, &router_logits)?;
        }
        state.positions += tokens;
        Ok(hidden)
    }

    /// Final norm and head, `[T, C]` to `T * V` values.
    fn logits(&self, hidden: &Tensor) -> candle_core::Result<Vec<f32>> {
        to_values(&self.head.forward(&self.norm.forward(hidden)?)?)
    }
}
