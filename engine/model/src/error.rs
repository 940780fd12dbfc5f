//! What can go wrong with a model: its description, its weights, a forward pass, a saved state.

use std::path::PathBuf;

/// A `config.json` that is absent, unreadable or describes a model this engine does not run.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the model description {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not JSON, a key of the wrong type, a required key absent, or a key nobody knows.
    #[error("{path} does not describe a model of the MiniMax-M1 architecture: {source}")]
    Parse {
        /// The file, or `config` when the text came from memory.
        path: PathBuf,
        /// The place and the cause.
        source: serde_json::Error,
    },
    /// A key whose value cannot be.
    #[error("config key `{key}` is {value}, but {expected}")]
    Value {
        /// Name of the key.
        key: &'static str,
        /// The value found, as JSON.
        value: String,
        /// What would be right.
        expected: String,
    },
}

/// One tensor whose shape or type differs from what the configuration asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Tensor name.
    pub name: String,
    /// What the file holds, e.g. `[4, 48] of F32`.
    pub found: String,
    /// What the configuration asks for.
    pub expected: String,
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is {} but should be {}", self.name, self.found, self.expected)
    }
}

/// A model folder that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The description is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file of the folder could not be opened or read.
    #[error("cannot read the model file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Neither `model.safetensors` nor `model.safetensors.index.json` is in the folder.
    #[error("{folder} holds no weights: expected model.safetensors or model.safetensors.index.json")]
    NoWeights {
        /// The folder.
        folder: PathBuf,
    },
    /// A weight file or the index of the shards is not what its name says.
    #[error("{path} is damaged: {reason}. Fetch the model again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The tensors are not those of the configuration. All of them are named at once.
    #[error("the weights in {folder} do not fit config.json: {}", describe_mismatch(missing, extra, misfits))]
    Mismatch {
        /// The folder.
        folder: PathBuf,
        /// Tensors the configuration asks for and no file holds.
        missing: Vec<String>,
        /// Tensors a file holds and the configuration does not know.
        extra: Vec<String>,
        /// Tensors of another shape or type than asked for.
        misfits: Vec<Misfit>,
    },
    /// The adapter to be used with it cannot be.
    #[error(transparent)]
    Adapter(#[from] crate::adapter::AdapterError),
    /// The numeric library refused (out of memory, for the most part).
    #[error("cannot prepare the model's tensors: {0}")]
    Tensor(#[from] candle_core::Error),
}

fn describe_mismatch(missing: &[String], extra: &[String], misfits: &[Misfit]) -> String {
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("{} missing ({})", missing.len(), missing.join(", ")));
    }
    if !extra.is_empty() {
        parts.push(format!("{} not known ({})", extra.len(), extra.join(", ")));
    }
    if !misfits.is_empty() {
        let named: Vec<String> = misfits.iter().map(Misfit::to_string).collect();
        parts.push(format!("{} of another shape ({})", misfits.len(), named.join("; ")));
    }
    parts.join(", ")
}

/// A forward pass that could not be made. The state is unchanged unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// `forward` was called without tokens.
    #[error("there are no tokens to read")]
    NoTokens,
    /// A token id outside the vocabulary.
    #[error("token {token} at place {index} is outside the model's vocabulary of {vocab_size}")]
    UnknownToken {
        /// The id.
        token: u32,
        /// Its place among the tokens given.
        index: usize,
        /// Size of the vocabulary.
        vocab_size: usize,
    },
    /// More tokens than the model was made for.
    #[error("{positions} tokens are read and {tokens} more would pass the model's limit of {context_length}")]
    ContextExceeded {
        /// Tokens already in the state.
        positions: usize,
        /// Tokens given.
        tokens: usize,
        /// The limit.
        context_length: usize,
    },
    /// The state was made for a model of another shape.
    #[error("the reading state belongs to a model of another shape")]
    ForeignState,
    /// An earlier forward pass on this state failed half-way, so what it holds is not a prefix of anything.
    #[error("the reading state was left half-written by an earlier failure; start from a saved or new state")]
    HalfWrittenState,
    /// The numeric library refused. The state is half-written and will be refused from now on.
    #[error("the model could not compute: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// A state that could not be saved or restored.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Reading or writing failed.
    #[error("cannot {action} the saved reading state {path}: {source}")]
    Io {
        /// "read" or "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a saved state at all.
    #[error("{path} is not a saved reading state")]
    NotAState {
        /// The file.
        path: PathBuf,
    },
    /// The file was written in another format version.
    #[error("the saved reading state {path} has format {found}; this program reads format {expected}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Version in the file.
        found: u32,
        /// Version understood.
        expected: u32,
    },
    /// Made by other weights or another configuration.
    #[error("the saved reading state {path} was made by another model ({found}, wanted {expected})")]
    Model {
        /// The file.
        path: PathBuf,
        /// Digest in the file.
        found: String,
        /// Digest of the model at hand.
        expected: String,
    },
    /// Made from other tokens.
    #[error("the saved reading state {path} was made from another text ({found}, wanted {expected})")]
    Prompt {
        /// The file.
        path: PathBuf,
        /// Digest in the file.
        found: String,
        /// Digest wanted.
        expected: String,
    },
    /// The layers are not those of the model.
    #[error("the saved reading state {path} has other layers than the model: {reason}")]
    Layout {
        /// The file.
        path: PathBuf,
        /// The first difference.
        reason: String,
    },
    /// Longer or shorter than its header says.
    #[error("the saved reading state {path} should have {expected} bytes but has {found}")]
    Length {
        /// The file.
        path: PathBuf,
        /// Bytes found.
        found: u64,
        /// Bytes announced.
        expected: u64,
    },
    /// The bytes are not those that were written.
    #[error("the saved reading state {path} is damaged: its checksum does not match")]
    Checksum {
        /// The file.
        path: PathBuf,
    },
    /// A half-written state must not be kept.
    #[error("the reading state was left half-written by an earlier failure and cannot be saved")]
    HalfWrittenState,
}
