//! The seam to a language model: something that reads text once and answers many times from what it read.
//!
//! Implementors: [`native`] (the model in this process), [`local`] (a child process of this binary that serves one), and
//! [`scripted`] (a deterministic double for tests). Blocking; callers run it on a thread of its own.

pub mod frames;
pub mod framing;
pub mod local;
pub mod locate;
pub mod native;
pub mod scripted;
pub mod serve;

use crate::progress::Sink;
pub use lectern_model::decision::Decided;
use serde::{Deserialize, Serialize};

/// A model that can be asked. One call at a time; dropping it ends its process.
///
/// Laws: `read(a)` then `read(b)` leaves the same state as reading their concatenated tokens; `answer` never changes
/// what was read (it works on a fork); after an error of kind `Cancelled` what was read before the call still stands.
pub trait Generator: Send {
    /// What it is; stored with every result.
    fn card(&self) -> &ModelCard;

    /// Number of tokens of `text` by the model's own tokenizer, without special tokens.
    fn count_tokens(&mut self, text: &str) -> Result<usize, GenerateError>;

    /// Forgets what was read and reads `document` as the document of a conversation (the generator wraps it in its
    /// chat template and in the framing that marks it as data). Reports `Progress` in tokens. A saved state of exactly
    /// this text, model and settings under `state_dir` is used instead of reading, and one is saved there when done;
    /// interrupted reading leaves checkpoints there from which the next call goes on.
    fn read(&mut self, document: &Reading<'_>, sink: &mut dyn Sink) -> Result<ReadReport, GenerateError>;

    /// Answers `request` from what was read, on a fork of the state. Pieces go to `sink` as [`crate::progress::Event::Text`].
    fn answer(&mut self, request: &Request, sink: &mut dyn Sink) -> Result<Answer, GenerateError>;
}

/// What to read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The part of the canonical text to read (usually all of it), exactly as it stands.
    pub text: &'a str,
    /// One line that tells the model what the document is: file name, kind. Data, never instruction.
    pub label: &'a str,
    /// Folder of saved states; `None` keeps nothing.
    pub state_dir: Option<&'a std::path::Path>,
}

/// What reading did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadReport {
    /// Tokens of the text itself.
    pub text_tokens: usize,
    /// Tokens in the state, framing included.
    pub state_tokens: usize,
    /// Tokens that came from a saved state rather than being read now.
    pub restored_tokens: usize,
    /// Wall time in milliseconds.
    pub elapsed_ms: u64,
    /// Bytes of the saved state on disk, 0 where none was saved.
    pub state_bytes: u64,
}

/// One question to the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Passages of the document, verbatim, shown between it and the instruction. Data, never instruction.
    pub passages: Vec<String>,
    /// The instruction, put as the user's turn after the document.
    pub instruction: String,
    /// Log-odds, by rules and search, that no passage answers; counts where the model has weights for it.
    #[serde(default)]
    pub evidence: Option<f32>,
    /// What the answer must look like.
    pub shape: Shape,
    /// Most tokens to generate.
    pub max_tokens: usize,
    /// 0 is greedy.
    pub temperature: f32,
    /// Nucleus share; 1 leaves all.
    pub top_p: f32,
    /// Seed for sampling.
    pub seed: u64,
}

/// What an answer must look like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Shape {
    /// Free text.
    Text,
    /// JSON that obeys `schema`. A string schema with `"x-lectern-quote": true` may only hold a contiguous piece of
    /// the document that was read (whole words; 20 to 400 characters where `minLength` and `maxLength` say nothing else),
    /// or where `minLength` is 0 the empty string.
    Json {
        /// JSON Schema (the subset llguidance supports) with that one extension.
        schema: serde_json::Value,
    },
}

/// An answer and how it came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The generated text (JSON where the shape asks for it; it is complete only if `stop` is `EndOfTurn`).
    pub text: String,
    /// Thinking, parsed apart; empty for models that do not think aloud.
    pub thinking: String,
    /// Tokens of passages and instruction with their framing.
    pub prompt_tokens: usize,
    /// Tokens generated.
    pub generated_tokens: usize,
    /// Why it ended.
    pub stop: StopReason,
    /// Mean log-probability of the generated tokens that were not forced by the grammar; `None` where none was free.
    pub mean_logprob: Option<f64>,
    /// What was decided at each place where the shape leaves passages or "none".
    #[serde(default)]
    pub decisions: Vec<Decided>,
    /// Wall time in milliseconds.
    pub elapsed_ms: u64,
}

/// Why generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The model ended its turn, or the grammar was complete.
    EndOfTurn,
    /// `max_tokens` was reached: the answer is cut.
    MaxTokens,
    /// The context is full: the answer is cut.
    ContextFull,
    /// The model repeated itself with near certainty and was stopped.
    Repetition,
    /// The person stopped it.
    Cancelled,
}

/// A model's identity and limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Name for people.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// SPDX identifier of the weights' licence.
    pub license: String,
    /// Hex digest over weights, config, tokenizer and template: results of different digests are not comparable.
    pub digest: String,
    /// Most tokens it can hold.
    pub context_length: usize,
    /// Parameters in all.
    pub parameters: u64,
    /// Bytes of state for a text of n tokens: `state_bytes_fixed + n * state_bytes_per_token`.
    pub state_bytes_fixed: u64,
    /// See `state_bytes_fixed`.
    pub state_bytes_per_token: u64,
    /// Bytes the weights take in memory.
    pub weights_bytes: u64,
    /// A stand-in until Lectern's own model is trained; results are for trying the program, not for relying on.
    pub interim: bool,
}

/// What can go wrong with a model.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum GenerateError {
    /// No model folder was found.
    #[error("No language model was found. Looked in: {looked_in}. Run `./dev setup`, or give a folder with --model.")]
    NoModel {
        /// The places, comma-separated.
        looked_in: String,
    },
    /// The model folder cannot be loaded.
    #[error("The model in {path} cannot be loaded: {reason}")]
    Load {
        /// The folder.
        path: std::path::PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The text does not fit.
    #[error("The text has {needed} tokens with its framing, but the model {model} holds {available}.")]
    TooLong {
        /// Tokens needed.
        needed: usize,
        /// Tokens available.
        available: usize,
        /// The model's name.
        model: String,
    },
    /// There would not be enough memory.
    #[error("Reading this would take about {needed_mb} MB of memory; {available_mb} MB are free.")]
    Memory {
        /// Megabytes needed.
        needed_mb: u64,
        /// Megabytes free.
        available_mb: u64,
    },
    /// `answer` before `read`.
    #[error("No document has been read yet.")]
    NothingRead,
    /// A schema the grammar cannot express.
    #[error("The answer's schema cannot be turned into a grammar: {reason}")]
    Schema {
        /// What is wrong.
        reason: String,
    },
    /// The child process ended unexpectedly.
    #[error("The model process ended unexpectedly ({reason}). Nothing that was stored is lost; run the task again.")]
    Process {
        /// Exit status or I/O error.
        reason: String,
    },
    /// The person stopped it.
    #[error("Stopped.")]
    Cancelled,
    /// A failure inside the model.
    #[error("The model failed: {reason}")]
    Model {
        /// What happened.
        reason: String,
    },
}
