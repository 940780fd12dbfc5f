//! Constrained decoding: whatever the model prefers, what it generates is JSON of the schema asked for, and its quotes
//! are verbatim pieces of the document.
//!
//! A byte machine follows the JSON ([`machine`]); one walk over the tokenizer's prefix tree (`toktrie`, the tree of
//! llguidance) gives the allowed tokens. Quotes are followed in a suffix array of the document ([`quote`]), built once
//! per document and shared by all schemas. llguidance's own substring rule is compiled anew for each schema (2.7 s for
//! 0.9 MB), works under limits that can run out in mid-answer, and would cut `EUR 1,000` to `EUR 1`.

mod machine;
mod quote;
mod schema;

use std::sync::Arc;

use llguidance::toktrie::{SimpleVob, TokRxInfo, TokTrie};
use serde_json::Value;

use crate::tokenizer::Tokenizer;
use machine::Machine;
use quote::QuoteSource;

/// Shortest quote in characters, unless the schema's `minLength` says otherwise: shorter ones prove nothing.
pub const QUOTE_MIN: u32 = 20;
/// Longest quote in characters; the schema's `maxLength` may ask for less.
pub const QUOTE_MAX: u32 = 400;
/// Longest free string in characters, unless the schema's `maxLength` says otherwise.
pub const STRING_MAX: u32 = 300;

/// Most bytes forced at once.
const FORCED_MAX: usize = 512;

/// What can go wrong with a constraint.
#[derive(Debug, thiserror::Error)]
pub enum ConstraintError {
    /// The schema asks for something that cannot be kept.
    #[error("the schema at {place} cannot be expressed: {reason}")]
    Schema {
        /// Path in the schema.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// A token was chosen that the grammar forbids.
    #[error("token {token} does not fit the answer's grammar here")]
    Forbidden {
        /// The token.
        token: u32,
    },
    /// No token of the vocabulary fits: the tokenizer cannot spell a character of the document.
    #[error("no token of this model can spell what must come next in the answer")]
    DeadEnd,
}

/// Makes constraints for one document.
#[derive(Debug, Clone)]
pub struct Constraints {
    vocabulary: Arc<Vocabulary>,
    source: QuoteSource,
}

struct Vocabulary {
    trie: TokTrie,
    tokenizer: Tokenizer,
}

impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.tokenizer.fmt(f)
    }
}

/// A grammar in progress: which tokens may come next. Cloning keeps the place.
#[derive(Debug, Clone)]
pub struct Constraint {
    machine: Machine,
    vocabulary: Arc<Vocabulary>,
    ended: bool,
}

impl Constraints {
    /// Constraints over `document` for a model with that tokenizer.
    #[must_use]
    pub fn new(tokenizer: &Tokenizer, document: &str) -> Self {
        let eos = tokenizer.eos_ids().first().copied().unwrap_or(0);
        let info = TokRxInfo::new(tokenizer.vocab_len() as u32, eos);
        let trie = TokTrie::from(&info, tokenizer.token_bytes());
        let vocabulary = Arc::new(Vocabulary { trie, tokenizer: tokenizer.clone() });
        Self { vocabulary, source: QuoteSource::new(document) }
    }

    /// The constraint for `schema`, at its start.
    ///
    /// Understood: `object` (all properties, in order), `array` with `maxItems`, `string` with `minLength` and
    /// `maxLength`, `enum`, `const`, `boolean`, `null`, `integer`, `number`, lists of types, and `anyOf`/`oneOf` whose
    /// options begin with different characters. A string with `"x-lectern-quote": true` is a piece of the document,
    /// whole words, [`QUOTE_MIN`] to [`QUOTE_MAX`] characters or as `minLength` and `maxLength` say; it may be empty
    /// where `minLength` is 0 or `"x-lectern-optional"` is true. A shorter document can be quoted whole.
    ///
    /// # Errors
    /// `Schema`: it asks for something else.
    pub fn json(&self, schema: &Value) -> Result<Constraint, ConstraintError> {
        let grammar = schema::compile(schema, &self.source)?;
        let machine = Machine::new(Arc::new(grammar));
        Ok(Constraint { machine, vocabulary: Arc::clone(&self.vocabulary), ended: false })
    }
}

impl Constraint {
    /// Tokens that the grammar forces now, already taken: the bytes that come next can only be these, so they need no
    /// choice and can be fed in one batch.
    ///
    /// The last token of a forced stretch is left to the model where text may follow it: a longer token may be the
    /// usual way to write both.
    pub fn forced(&mut self) -> Vec<u32> {
        let mut bytes = Vec::new();
        while let Some(byte) = self.machine.forced_byte().filter(|_| bytes.len() < FORCED_MAX) {
            self.machine.push(byte);
            bytes.push(byte);
        }
        let ends = self.machine.is_closed();
        self.machine.pop(bytes.len());
        let whole = std::str::from_utf8(&bytes).map_or_else(|e| e.valid_up_to(), str::len);
        let text = String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default());
        // A text that cannot be encoded is left to the model, token by token.
        let mut tokens = self.vocabulary.tokenizer.encode(&text).unwrap_or_default();
        if !ends || whole < bytes.len() {
            tokens.pop();
        }
        let fitting = tokens.iter().take_while(|token| self.take(**token).is_ok()).count();
        tokens.truncate(fitting);
        tokens
    }

    /// Whether nothing more may come.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.ended
    }

    /// Whether the answer could end here.
    #[must_use]
    pub fn may_end(&self) -> bool {
        self.machine.is_complete()
    }

    /// The tokens allowed next; those that end a turn are among them where the answer may end.
    ///
    /// # Errors
    /// `DeadEnd`.
    pub fn mask(&mut self) -> Result<Mask, ConstraintError> {
        let trie = &self.vocabulary.trie;
        let mut set = trie.alloc_token_set();
        trie.add_bias(&mut self.machine, &mut set, &[]);
        if self.may_end() {
            let eos = self.vocabulary.tokenizer.eos_ids().iter();
            eos.filter(|id| (**id as usize) < trie.vocab_size()).for_each(|id| set.allow_token(*id));
        }
        if set.is_zero() { Err(ConstraintError::DeadEnd) } else { Ok(Mask(set)) }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// `Forbidden`; the constraint is as it was.
    pub fn take(&mut self, token: u32) -> Result<(), ConstraintError> {
        let bytes = self.vocabulary.tokenizer.bytes_of(token);
        if bytes.is_empty() {
            let ends = self.may_end() && self.vocabulary.tokenizer.eos_ids().contains(&token);
            self.ended |= ends;
            return if ends { Ok(()) } else { Err(ConstraintError::Forbidden { token }) };
        }
        for (taken, byte) in bytes.iter().enumerate() {
            if !self.machine.push(*byte) {
                self.machine.pop(taken);
                return Err(ConstraintError::Forbidden { token });
            }
        }
        self.ended = self.machine.is_closed();
        Ok(())
    }
}

/// A set of allowed tokens.
#[derive(Debug, Clone)]
pub struct Mask(SimpleVob);

impl Mask {
    /// Whether `id` is in it.
    #[must_use]
    pub fn allows(&self, id: u32) -> bool {
        (id as usize) < self.0.len() && self.0.is_allowed(id)
    }
}
