//! Constrained decoding: whatever the model prefers, what it generates is JSON of the schema asked for, and its quotes
//! are verbatim pieces of the document.
//!
//! Two automata follow the same bytes and both must agree: llguidance keeps the JSON, and [`quotes`] keeps the quotes
//! inside it, over a suffix array of the document ([`quote`]) that is built once and shared by all schemas. A substring
//! rule of llguidance would be compiled anew for each schema (2.7 s for 0.9 MB of text), works under limits that can run
//! out in mid-answer, and would cut `EUR 1,000` to `EUR 1`.

mod quote;
mod quotes;
mod schema;

use std::sync::Arc;

use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{InferenceCapabilities, SimpleVob, TokEnv, TokRxInfo, TokTrie, TokenizerEnv};
use llguidance::{Matcher, ParserFactory};
use serde_json::Value;

use crate::tokenizer::Tokenizer;
use quote::QuoteSource;
use quotes::QuoteMachine;

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
    /// llguidance refuses the schema, or ran into its limits.
    #[error("the answer's grammar cannot be kept: {reason}")]
    Grammar {
        /// Its message.
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

/// A tokenizer as the automata see it: made once for a model, used for all its documents.
pub struct Vocabulary {
    factory: ParserFactory,
    env: TokEnv,
    tokenizer: Tokenizer,
    /// Tokens that hold a quotation mark: only these can lead into a quote.
    marks: Vec<u32>,
}

impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.tokenizer.fmt(f)
    }
}

/// A grammar in progress: which tokens may come next. Cloning keeps the place.
#[derive(Clone)]
pub struct Constraint {
    matcher: Matcher,
    quotes: QuoteMachine,
    vocabulary: Arc<Vocabulary>,
    ended: bool,
}

impl std::fmt::Debug for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Constraint").field("quotes", &self.quotes).field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Constraints {
    /// Constraints over `document` for a model with that vocabulary.
    #[must_use]
    pub fn new(vocabulary: &Arc<Vocabulary>, document: &str) -> Self {
        Self { vocabulary: Arc::clone(vocabulary), source: QuoteSource::new(document) }
    }

    /// The constraint for `schema`, at its start.
    ///
    /// Understood is what llguidance understands of JSON schema, with all properties of an object there and in order,
    /// `maxItems` for every array, strings of at most [`STRING_MAX`] printable characters and numbers of fifteen digits
    /// unless the schema says otherwise. A string with `"x-lectern-quote": true` is a piece of the document, whole
    /// words from where a sentence or a line begins, [`QUOTE_MIN`] to [`QUOTE_MAX`] characters or as `minLength` and `maxLength` say; it may be empty where
    /// `minLength` is 0 or `"x-lectern-optional"` is true. A shorter document can be quoted whole.
    ///
    /// # Errors
    /// `Schema`: it asks for something else. `Grammar`: llguidance refuses it.
    pub fn json(&self, schema: &Value) -> Result<Constraint, ConstraintError> {
        let (plain, places) = schema::prepare(schema, &self.source)?;
        let mut matcher = Matcher::new(self.vocabulary.factory.create_parser(TopLevelGrammar::from_json_schema(plain)));
        // A keyword that llguidance does not keep is a warning there; here the answer must obey the whole schema.
        let refused = matcher.get_error();
        if let Some(reason) = refused.or_else(|| matcher.grammar_warnings().into_iter().next()) {
            return Err(ConstraintError::Grammar { reason });
        }
        let quotes = QuoteMachine::new(places, self.source.clone());
        Ok(Constraint { matcher, quotes, vocabulary: Arc::clone(&self.vocabulary), ended: false })
    }
}

impl Constraint {
    /// Tokens that the grammar forces now, already taken: the bytes that come next can only be these, so they need no
    /// choice and can be fed in one batch.
    ///
    /// The last token of a forced stretch is left to the model where text may follow it: a longer token may be the
    /// usual way to write both.
    pub fn forced(&mut self) -> Vec<u32> {
        let bytes = if self.quotes.in_quote() { self.forced_in_quote() } else { self.matcher.compute_ff_bytes() };
        let pushed = self.quotes.push_all(&bytes);
        let ends = self.quotes.is_closed();
        self.quotes.pop(pushed);
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
    ///
    /// # Errors
    /// `Grammar`.
    pub fn may_end(&mut self) -> Result<bool, ConstraintError> {
        self.matcher.is_accepting().map_err(grammar)
    }

    /// The tokens allowed next; those that end a turn are among them where the answer may end.
    ///
    /// # Errors
    /// `DeadEnd`, or `Grammar`.
    pub fn mask(&mut self) -> Result<Mask, ConstraintError> {
        let mut set = self.matcher.compute_mask_or_eos().map_err(grammar)?;
        let vocabulary = Arc::clone(&self.vocabulary);
        let mut abstaining = Vec::new();
        if self.quotes.in_quote() {
            let trie = vocabulary.env.tok_trie();
            let mut own = trie.alloc_token_set();
            trie.add_bias(&mut self.quotes, &mut own, &[]);
            set.and(&own);
        } else {
            for &token in &vocabulary.marks {
                if !set.is_allowed(token) {
                    continue;
                }
                match self.quotes.follow(vocabulary.tokenizer.bytes_of(token)) {
                    None => set.disallow_token(token),
                    Some(true) => abstaining.push(token),
                    Some(false) => {}
                }
            }
        }
        if self.may_end()? {
            let eos = vocabulary.tokenizer.eos_ids().iter();
            eos.filter(|id| (**id as usize) < vocabulary.env.tok_trie().vocab_size())
                .for_each(|id| set.allow_token(*id));
        }
        if set.is_zero() { Err(ConstraintError::DeadEnd) } else { Ok(Mask { allowed: set, abstaining }) }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// `Forbidden`; the constraint is as it was. `Grammar`: llguidance ran into its limits.
    pub fn take(&mut self, token: u32) -> Result<(), ConstraintError> {
        let bytes = self.vocabulary.tokenizer.bytes_of(token);
        if bytes.is_empty() {
            let ends = self.may_end()? && self.vocabulary.tokenizer.eos_ids().contains(&token);
            self.ended |= ends;
            return if ends { Ok(()) } else { Err(ConstraintError::Forbidden { token }) };
        }
        let taken = self.quotes.push_all(bytes);
        let fits = taken == bytes.len() && self.matcher.try_consume_tokens(&[token]).map_err(grammar)? == 1;
        if !fits {
            self.quotes.pop(taken);
            return Err(ConstraintError::Forbidden { token });
        }
        self.ended = self.quotes.is_closed();
        Ok(())
    }

    /// The bytes that a quote can only go on with.
    fn forced_in_quote(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(byte) = self.quotes.forced_byte().filter(|_| bytes.len() < FORCED_MAX) {
            self.quotes.push(byte);
            bytes.push(byte);
        }
        self.quotes.pop(bytes.len());
        bytes
    }
}

impl Vocabulary {
    /// From the model's tokenizer.
    ///
    /// # Errors
    /// `Grammar`: llguidance cannot use it.
    pub fn new(tokenizer: &Tokenizer) -> Result<Self, ConstraintError> {
        let eos = tokenizer.eos_ids().first().copied().unwrap_or(0);
        let info = TokRxInfo::new(tokenizer.vocab_len() as u32, eos);
        let trie = TokTrie::from(&info, tokenizer.token_bytes());
        let holds_mark = |id: &u32| tokenizer.bytes_of(*id).contains(&b'"');
        let marks = (0..tokenizer.vocab_len() as u32).filter(holds_mark).collect();
        let env: TokEnv = Arc::new(Env { trie, tokenizer: tokenizer.clone() });
        let capabilities = InferenceCapabilities { ff_tokens: true, ..InferenceCapabilities::default() };
        let mut factory = ParserFactory::new(&env, capabilities, &[]).map_err(grammar)?;
        factory.quiet();
        Ok(Self { factory, env, tokenizer: tokenizer.clone(), marks })
    }
}

/// llguidance's view of a tokenizer.
struct Env {
    trie: TokTrie,
    tokenizer: Tokenizer,
}

impl TokenizerEnv for Env {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        // A text that cannot be encoded is left to the trie's greedy fallback.
        self.trie.tokenize_with_greedy_fallback(bytes, |text| self.tokenizer.encode(text).unwrap_or_default())
    }
}

fn grammar(error: impl std::fmt::Display) -> ConstraintError {
    ConstraintError::Grammar { reason: error.to_string() }
}

/// A set of allowed tokens.
#[derive(Debug, Clone)]
pub struct Mask {
    allowed: SimpleVob,
    abstaining: Vec<u32>,
}

impl Mask {
    /// Whether `id` is in it.
    #[must_use]
    pub fn allows(&self, id: u32) -> bool {
        (id as usize) < self.allowed.len() && self.allowed.is_allowed(id)
    }

    /// The allowed tokens that begin a word where a list of quotes could stand instead ("none"); most often there are none.
    #[must_use]
    pub fn abstaining(&self) -> &[u32] {
        &self.abstaining
    }
}
