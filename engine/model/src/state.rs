//! What a model knows after the tokens it has read: a value that can be forked, saved and restored.
//!
//! A lightning layer keeps one matrix per head, a softmax layer its keys and values. A recurrent state cannot be
//! cut back to fewer tokens, so there is no truncation: to go back, keep a fork or a file from that boundary.

use std::path::Path;

use crate::error::StateError;
use crate::model::Model;

/// The state of one reading. `clone` is a fork: cheap, and the two never see each other's later tokens.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) positions: usize,
}

/// What a saved state is bound to, besides the format and the layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateIdentity {
    /// [`Model::digest`] of the model that made it.
    pub model_digest: String,
    /// Hash of the exact token ids fed, see [`StateIdentity::of`].
    pub prompt_digest: String,
}

impl StateIdentity {
    /// Identity of the state of `model` after reading exactly `tokens`.
    #[must_use]
    pub fn of(model: &Model, tokens: &[u32]) -> StateIdentity {
        let mut hasher = blake3::Hasher::new();
        for token in tokens {
            hasher.update(&token.to_le_bytes());
        }
        StateIdentity { model_digest: model.digest().to_owned(), prompt_digest: hasher.finalize().to_hex().to_string() }
    }
}

impl State {
    /// Tokens read so far.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// Bytes of memory this state refers to; forks share most of theirs.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        0
    }

    /// Writes the state to `path`: beside it first, then renamed over it, so that a crash leaves the old or the new.
    ///
    /// # Errors
    /// The file cannot be written, or the state is half-written.
    pub fn save(&self, path: &Path, _identity: &StateIdentity) -> Result<(), StateError> {
        Err(StateError::NotAState { path: path.to_owned() })
    }

    /// Reads a state back.
    ///
    /// # Errors
    /// Each way in which the file is not that of `model`, `identity` and this format has its own variant.
    pub fn restore(path: &Path, _model: &Model, _identity: &StateIdentity) -> Result<State, StateError> {
        Err(StateError::NotAState { path: path.to_owned() })
    }
}
