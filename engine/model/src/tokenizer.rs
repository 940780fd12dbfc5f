//! Text to token ids and back. Text never becomes a special token; those are asked for by name.
//!
//! Byte-level BPE from a `tokenizer.json` (spec section 1.7). Offsets are computed from the bytes of the tokens rather
//! than taken from the tokenizer library, so that they are exact even where a token ends inside a character.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde_json::Value;
use toktrie::{TokRxInfo, TokTrie};

/// Names of tokens that end a text or a turn in the tokenizers this program meets. M1 names its own only here: its
/// `config.json` has no `eos_token_id` (spec section 1.7).
const END_NAMES: [&str; 5] = ["<|im_end|>", "<|endoftext|>", "<end_of_sentence>", "[e~[", "</s>"];

/// A tokenizer that cannot be loaded or used.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a tokenizer this program understands.
    #[error("{path} is not a usable tokenizer: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A text that could not be encoded.
    #[error("the text cannot be tokenised: {reason}")]
    Encode {
        /// What the library said.
        reason: String,
    },
    /// A special token that the tokenizer lacks.
    #[error("the tokenizer has no token named {name}")]
    NoSuchToken {
        /// The name asked for.
        name: String,
    },
}

/// A loaded tokenizer. Cloning shares everything.
#[derive(Clone)]
pub struct Tokenizer {
    inner: Arc<Inner>,
}

struct Inner {
    /// Knows no special tokens, so that no text can become one.
    text: tokenizers::Tokenizer,
    /// Bytes of each token; empty for special tokens and ids without a token.
    bytes: Vec<Vec<u8>>,
    special: BTreeMap<String, u32>,
    eos: Vec<u32>,
    trie: TokTrie,
    digest: String,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("tokens", &self.vocab_len()).field("eos", &self.inner.eos).finish()
    }
}

impl Tokenizer {
    /// Loads `tokenizer.json` of a model folder, and the ids that end a turn from `generation_config.json`,
    /// `lectern.json` and `config.json` where they are there, and from the names of special tokens.
    ///
    /// # Errors
    /// The file cannot be read, or is not a byte-level tokenizer.
    pub fn load(dir: &Path) -> Result<Tokenizer, TokenizerError> {
        let path = dir.join("tokenizer.json");
        let text =
            std::fs::read_to_string(&path).map_err(|source| TokenizerError::Read { path: path.clone(), source })?;
        let mut eos = Vec::new();
        for name in ["generation_config.json", "lectern.json", "config.json"] {
            eos.extend(eos_ids(&dir.join(name)));
        }
        Tokenizer::from_json(&text, &eos, &path)
    }

    /// A tokenizer from the text of a `tokenizer.json`; `eos` are ids known to end a turn, `path` is for messages.
    ///
    /// # Errors
    /// As [`Tokenizer::load`].
    pub fn from_json(text: &str, eos: &[u32], path: &Path) -> Result<Tokenizer, TokenizerError> {
        let wrong = |reason: String| TokenizerError::Format { path: path.to_owned(), reason };
        let mut json: Value = serde_json::from_str(text).map_err(|e| wrong(e.to_string()))?;
        let mut bytes = llguidance::token_bytes_from_tokenizer_json(&json).map_err(|e| wrong(e.to_string()))?;
        let special = take_special(&mut json, &mut bytes);
        // Neither may add or drop anything: the document's offsets hang on it.
        for key in ["post_processor", "truncation", "padding"] {
            if let Some(field) = json.get_mut(key) {
                *field = Value::Null;
            }
        }
        let text_only = tokenizers::Tokenizer::from_str(&json.to_string()).map_err(|e| wrong(e.to_string()))?;
        let mut eos: Vec<u32> = eos.to_vec();
        eos.extend(END_NAMES.iter().filter_map(|name| special.get(*name)));
        eos.sort_unstable();
        eos.dedup();
        let first_eos = eos.first().copied().unwrap_or(0);
        let trie = TokTrie::from(&TokRxInfo::new(bytes.len() as u32, first_eos), &bytes);
        let digest = blake3::hash(text.as_bytes()).to_hex().to_string();
        Ok(Tokenizer { inner: Arc::new(Inner { text: text_only, bytes, special, eos, trie, digest }) })
    }

    /// Number of ids, special tokens and gaps included. Ids from here on have no meaning and must not be sampled.
    #[must_use]
    pub fn vocab_len(&self) -> usize {
        self.inner.bytes.len()
    }

    /// Hash of `tokenizer.json`, as hex.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.inner.digest
    }

    /// Ids that end a turn or a text, sorted.
    #[must_use]
    pub fn eos(&self) -> &[u32] {
        &self.inner.eos
    }

    /// Whether `token` is special: structure, never text.
    #[must_use]
    pub fn is_special(&self, token: u32) -> bool {
        self.inner.special.values().any(|id| *id == token)
    }

    /// Id of the special token `name`.
    #[must_use]
    pub fn special(&self, name: &str) -> Option<u32> {
        self.inner.special.get(name).copied()
    }

    /// As [`Tokenizer::special`], for templates that cannot do without it.
    ///
    /// # Errors
    /// The tokenizer has no such token.
    pub fn require(&self, name: &str) -> Result<u32, TokenizerError> {
        self.special(name).ok_or_else(|| TokenizerError::NoSuchToken { name: name.to_owned() })
    }

    /// Whether `token` stands for text. The others are special tokens and rows of the embedding that no token uses.
    #[must_use]
    pub fn is_text(&self, token: u32) -> bool {
        !self.bytes(token).is_empty()
    }

    /// Bytes of a text token; empty for all others.
    #[must_use]
    pub fn bytes(&self, token: u32) -> &[u8] {
        self.inner.bytes.get(token as usize).map_or(&[], Vec::as_slice)
    }

    /// All text tokens as a prefix tree over bytes.
    #[must_use]
    pub fn trie(&self) -> &TokTrie {
        &self.inner.trie
    }

    /// Tokens of `text`. Whatever it holds stays text: `<|im_end|>` in a document is ten characters.
    ///
    /// # Errors
    /// The library refuses the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let encoding = self
            .inner
            .text
            .encode_fast(text, false)
            .map_err(|e| TokenizerError::Encode { reason: e.to_string() })?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Tokens of `text`, each with the bytes of `text` it stands for. The ranges follow each other without gaps and
    /// cover all of `text`; one may end inside a character.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`], or the tokenizer changes the text so that its tokens do not spell it.
    pub fn encode_with_offsets(&self, text: &str) -> Result<Vec<(u32, Range<usize>)>, TokenizerError> {
        let mut at = 0;
        let mut out = Vec::new();
        for token in self.encode(text)? {
            let bytes = self.bytes(token);
            let end = at + bytes.len();
            if text.as_bytes().get(at..end) != Some(bytes) {
                let reason = format!("the tokenizer does not keep it as it is (byte {at})");
                return Err(TokenizerError::Encode { reason });
            }
            out.push((token, at..end));
            at = end;
        }
        if at != text.len() {
            return Err(TokenizerError::Encode { reason: format!("the tokenizer drops what follows byte {at}") });
        }
        Ok(out)
    }

    /// Tokens of `text` in which names of special tokens become those tokens. Only for prompts written by the person
    /// at the command line and for parity tests; never for a document or an instruction.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_markup(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let mut out = Vec::new();
        let mut rest = text;
        loop {
            let next = self
                .inner
                .special
                .iter()
                .filter_map(|(name, id)| rest.find(name.as_str()).map(|at| (at, name.len(), *id)))
                .min_by_key(|(at, length, _)| (*at, std::cmp::Reverse(*length)));
            let Some((at, length, id)) = next else {
                if !rest.is_empty() {
                    out.extend(self.encode(rest)?);
                }
                return Ok(out);
            };
            if at > 0 {
                out.extend(self.encode(&rest[..at])?);
            }
            out.push(id);
            rest = &rest[at + length..];
        }
    }

    /// Text of `tokens` without special ones; bytes that are no UTF-8 become U+FFFD.
    #[must_use]
    pub fn decode(&self, tokens: &[u32]) -> String {
        let bytes: Vec<u8> = tokens.iter().flat_map(|t| self.bytes(*t)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Takes the special tokens out of the tokenizer's description and out of the table of bytes, and returns them by name.
///
/// Everything in `added_tokens` counts as special but runs of white space, which some tokenizers add as text.
fn take_special(json: &mut Value, bytes: &mut [Vec<u8>]) -> BTreeMap<String, u32> {
    let mut special = BTreeMap::new();
    if let Some(added) = json.get_mut("added_tokens").and_then(Value::as_array_mut) {
        added.retain(|token| {
            let content = token["content"].as_str().unwrap_or_default();
            let Some(id) = token["id"].as_u64().and_then(|id| u32::try_from(id).ok()) else { return false };
            if token["special"] != true && content.chars().all(char::is_whitespace) {
                return true;
            }
            special.insert(content.to_owned(), id);
            if let Some(spelled) = bytes.get_mut(id as usize) {
                spelled.clear();
            }
            false
        });
    }
    special
}

fn eos_ids(path: &Path) -> Vec<u32> {
    let Some(json) = std::fs::read_to_string(path).ok().and_then(|t| serde_json::from_str::<Value>(&t).ok()) else {
        return Vec::new();
    };
    let ids = |value: &Value| -> Vec<u32> {
        let many = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        many.iter().filter_map(|id| id.as_u64().and_then(|id| u32::try_from(id).ok())).collect()
    };
    let mut out = ids(&json["eos_token_id"]);
    out.extend(ids(&json["eos_token_ids"]));
    out
}

/// Turns tokens into text as they come, without ever giving out half a character.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    pending: Vec<u8>,
}

impl Decoder {
    /// Takes the bytes of the next token and returns the characters that are complete now.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut out = String::new();
        loop {
            match std::str::from_utf8(&self.pending) {
                Ok(text) => {
                    out.push_str(text);
                    self.pending.clear();
                    return out;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    out.push_str(&String::from_utf8_lossy(&self.pending[..valid]));
                    let Some(bad) = error.error_len() else {
                        self.pending.drain(..valid);
                        return out;
                    };
                    out.push('\u{fffd}');
                    self.pending.drain(..valid + bad);
                }
            }
        }
    }

    /// What is left at the end: nothing, or a replacement character for half a character.
    pub fn finish(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.pending).into_owned();
        self.pending.clear();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_of_bytes_decode_to_the_whole(text in "\\PC{0,40}", cuts in prop::collection::vec(0usize..200, 0..9)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c % (bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut decoder = Decoder::default();
            let mut out = String::new();
            for pair in cuts.windows(2) {
                let piece = decoder.push(&bytes[pair[0]..pair[1]]);
                let half = piece.contains(char::REPLACEMENT_CHARACTER) && !text.contains(char::REPLACEMENT_CHARACTER);
                prop_assert!(!half);
                out.push_str(&piece);
            }
            out.push_str(&decoder.finish());
            prop_assert_eq!(out, text);
        }

        #[test]
        fn any_bytes_decode_as_the_standard_library_does(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
            let mut decoder = Decoder::default();
            let mut out = String::new();
            for byte in &bytes {
                out.push_str(&decoder.push(&[*byte]));
            }
            out.push_str(&decoder.finish());
            prop_assert_eq!(out, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}
