//! Constrained decoding: whatever the model prefers, what it generates is JSON of the schema asked for, and its quotes
//! are verbatim pieces of the document.
//!
//! A byte machine follows the JSON ([`machine`]); one walk over the tokenizer's prefix tree (`toktrie`, the tree of
//! llguidance) gives the allowed tokens. Quotes are followed in a suffix array of the document ([`quote`]), built once
//! and shared by all requests: llguidance's own substring rule would be compiled anew for each schema (2.6 s and
//! 180 MB for 1 MB of text, spec section 4.5) and works under limits that a long document can hit in mid-answer.

mod machine;
mod quote;
mod schema;

use std::sync::Arc;

use serde_json::Value;
use toktrie::SimpleVob;

use crate::tokenizer::{Tokenizer, TokenizerError};
use machine::{Grammar, Machine};
pub use quote::QuoteSource;

/// Most bytes forced at once.
const MAX_FORCED: usize = 512;

/// A constraint that cannot be made or kept.
#[derive(Debug, thiserror::Error)]
pub enum ConstraintError {
    /// A schema with something that could not be kept.
    #[error("at {path}: {reason}")]
    Schema {
        /// Place in the schema, as a JSON pointer.
        path: String,
        /// What cannot be kept.
        reason: String,
    },
    /// A token that the grammar does not allow here.
    #[error("token {token} does not fit the grammar here")]
    NotAllowed {
        /// The token.
        token: u32,
    },
    /// No token of the vocabulary fits: the tokenizer cannot spell what the grammar asks for.
    #[error("no token of this model can spell what must come next")]
    DeadEnd,
    /// The tokenizer failed.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// A place in the JSON of one answer.
#[derive(Clone, Debug)]
pub struct Constraint {
    machine: Machine,
    tokenizer: Tokenizer,
}

impl Constraint {
    /// A constraint for `schema` over the tokens of `tokenizer`; quotes come from `source`.
    ///
    /// Understood: `object` (all properties, in order), `array` with `minItems` and `maxItems`, `string` with
    /// `minLength` and `maxLength`, `enum`, `const`, `boolean`, `null`, `integer`, `number`, lists of types, and
    /// `anyOf`/`oneOf` whose options begin with different characters; `x-lectern-quote` and `x-lectern-optional`.
    ///
    /// # Errors
    /// The schema asks for something else, or for quotes where there is no `source`.
    pub fn new(
        schema: &Value,
        source: Option<&QuoteSource>,
        tokenizer: &Tokenizer,
    ) -> Result<Constraint, ConstraintError> {
        let grammar: Grammar = schema::compile(schema, source)?;
        Ok(Constraint { machine: Machine::new(Arc::new(grammar)), tokenizer: tokenizer.clone() })
    }

    /// Whether `schema` has quotes, so that a [`QuoteSource`] is needed.
    #[must_use]
    pub fn wants_quotes(schema: &Value) -> bool {
        schema::wants_quotes(schema)
    }

    /// Tokens that may come next. Where the answer may end here, the tokens that end a turn are among them.
    ///
    /// # Errors
    /// [`ConstraintError::DeadEnd`].
    pub fn allowed(&mut self) -> Result<SimpleVob, ConstraintError> {
        let trie = self.tokenizer.trie();
        let mut set = trie.alloc_token_set();
        trie.add_bias(&mut self.machine, &mut set, &[]);
        if self.machine.is_complete() {
            for id in self.tokenizer.eos() {
                if (*id as usize) < trie.vocab_size() {
                    set.allow_token(*id);
                }
            }
        }
        if set.is_zero() { Err(ConstraintError::DeadEnd) } else { Ok(set) }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// It is not among the allowed ones; the constraint is as it was.
    pub fn take(&mut self, token: u32) -> Result<(), ConstraintError> {
        let bytes = self.tokenizer.bytes(token);
        for (taken, byte) in bytes.iter().enumerate() {
            if !self.machine.push(*byte) {
                self.machine.pop(taken);
                return Err(ConstraintError::NotAllowed { token });
            }
        }
        if bytes.is_empty() { Err(ConstraintError::NotAllowed { token }) } else { Ok(()) }
    }

    /// Takes and returns tokens that are certain, because the bytes that come next can only be these. They need no
    /// sampling and can be fed to the model in one batch.
    ///
    /// The last token of a forced stretch is left to the model where text may follow it: a longer token may be the
    /// usual way to write both.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub fn take_forced(&mut self) -> Result<Vec<u32>, ConstraintError> {
        let mut bytes = Vec::new();
        while let Some(byte) = self.machine.forced_byte().filter(|_| bytes.len() < MAX_FORCED) {
            self.machine.push(byte);
            bytes.push(byte);
        }
        let ends = self.machine.is_closed();
        self.machine.pop(bytes.len());
        let whole = std::str::from_utf8(&bytes).map_or_else(|e| e.valid_up_to(), str::len);
        let text = String::from_utf8_lossy(&bytes[..whole]);
        let mut tokens = if text.is_empty() { Vec::new() } else { self.tokenizer.encode(&text)? };
        if !ends || whole < bytes.len() {
            tokens.pop();
        }
        for token in &tokens {
            self.take(*token)?;
        }
        Ok(tokens)
    }

    /// Whether the answer may end here.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.machine.is_complete()
    }

    /// Whether the answer is complete and nothing can follow.
    pub fn is_closed(&mut self) -> bool {
        self.machine.is_closed()
    }
}
