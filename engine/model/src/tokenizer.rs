//! Text to token ids and back, over a model folder's `tokenizer.json`.

use crate::chat::Piece;
use crate::gguf;
use crate::weights::WeightFiles;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What can go wrong with a tokenizer.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file is absent or cannot be understood.
    #[error("the tokenizer {path} cannot be loaded: {reason}")]
    Load {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Text could not be encoded.
    #[error("the text could not be turned into tokens: {reason}")]
    Encode {
        /// What the tokenizer says.
        reason: String,
    },
    /// Ids could not be decoded.
    #[error("the tokens could not be turned into text: {reason}")]
    Decode {
        /// What the tokenizer says.
        reason: String,
    },
    /// The chat template needs a special token that the vocabulary lacks.
    #[error("the tokenizer has no special token {token}, which the chat template needs")]
    NoSpecialToken {
        /// The token.
        token: String,
    },
}

/// A tokenizer. Plain text never becomes a special token; only [`Piece::Special`] does.
#[derive(Clone)]
pub struct Tokenizer {
    /// Takes special tokens in text for text.
    plain: tokenizers::Tokenizer,
    /// Takes special tokens in text for what they say; for prompts written by a developer.
    raw: tokenizers::Tokenizer,
    token_bytes: Vec<Vec<u8>>,
    special: Vec<u32>,
    eos: Vec<u32>,
    digest: String,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenizer({} ids)", self.token_bytes.len())
    }
}

impl Tokenizer {
    /// Loads `tokenizer.json` of a model folder, or the same from a GGUF file. Ids that end a turn come from `generation_config.json`
    /// (`eos_token_id`), else from the known names of such tokens: the real M1 states them nowhere else (spec 1.1).
    ///
    /// # Errors
    /// `Load` where a file is absent or malformed.
    pub fn load(folder: &Path) -> Result<Self, TokenizerError> {
        let (path, bytes, mut eos) = if gguf::is_gguf(folder) {
            let (tokenizer, eos) = of_gguf(folder)?;
            (folder.to_owned(), tokenizer.into_bytes(), eos)
        } else {
            let path = folder.join("tokenizer.json");
            let read = std::fs::read(&path);
            let bytes = read.map_err(|e| TokenizerError::Load { path: path.clone(), reason: e.to_string() })?;
            (path, bytes, stated_eos(folder)?)
        };
        let failed = |reason: String| TokenizerError::Load { path: path.clone(), reason };
        let json: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| failed(e.to_string()))?;
        let raw = tokenizers::Tokenizer::from_bytes(&bytes).map_err(|e| failed(e.to_string()))?;
        let mut plain = raw.clone();
        plain.set_encode_special_tokens(true);
        let token_bytes = llguidance::token_bytes_from_tokenizer_json(&json).map_err(|e| failed(e.to_string()))?;
        let mut special: Vec<u32> =
            raw.get_added_tokens_decoder().iter().filter(|(_, t)| t.special).map(|(id, _)| *id).collect();
        special.sort_unstable();
        if eos.is_empty() {
            eos = ["<end_of_sentence>", "[e~[", "<|im_end|>", "</s>", "<|endoftext|>"]
                .iter()
                .filter_map(|t| raw.token_to_id(t))
                .collect();
        }
        let digest = blake3::hash(&bytes).to_hex().to_string();
        Ok(Self { plain, raw, token_bytes, special, eos, digest })
    }

    /// Token ids of plain text; what looks like a special token in it is text.
    ///
    /// # Errors
    /// `Encode`.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        Ok(self.encoding(&self.plain, text)?.get_ids().to_vec())
    }

    /// Token ids of plain text with the byte range that each covers.
    ///
    /// # Errors
    /// `Encode`.
    pub fn encode_with_offsets(&self, text: &str) -> Result<Vec<(u32, Range<usize>)>, TokenizerError> {
        let encoding = self.encoding(&self.plain, text)?;
        Ok(encoding.get_ids().iter().copied().zip(encoding.get_offsets().iter().map(|(a, b)| *a..*b)).collect())
    }

    /// Token ids of text in which special tokens may be written out. Never for text that comes from a document.
    ///
    /// # Errors
    /// `Encode`.
    pub fn encode_raw(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        Ok(self.encoding(&self.raw, text)?.get_ids().to_vec())
    }

    /// Token ids of rendered chat pieces.
    ///
    /// # Errors
    /// `NoSpecialToken` where the vocabulary lacks one, `Encode`.
    pub fn encode_pieces(&self, pieces: &[Piece]) -> Result<Vec<u32>, TokenizerError> {
        let mut ids = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Special(token) => ids.push(self.special_id(token)?),
                Piece::Text(text) => ids.extend(self.encode(text)?),
            }
        }
        Ok(ids)
    }

    /// The id of a special token.
    ///
    /// # Errors
    /// `NoSpecialToken`.
    pub fn special_id(&self, token: &str) -> Result<u32, TokenizerError> {
        self.raw.token_to_id(token).ok_or_else(|| TokenizerError::NoSpecialToken { token: token.to_string() })
    }

    /// The text of `ids`, special tokens left out.
    ///
    /// # Errors
    /// `Decode`.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.raw.decode(ids, true).map_err(|e| TokenizerError::Decode { reason: e.to_string() })
    }

    /// Bytes of one token; empty for special and unknown ids.
    pub fn bytes_of(&self, id: u32) -> &[u8] {
        let known = self.token_bytes.get(id as usize).map_or(&[][..], Vec::as_slice);
        if self.special.binary_search(&id).is_ok() { &[] } else { known }
    }

    /// Bytes of every token by id, special ones marked as llguidance marks them.
    pub(crate) fn token_bytes(&self) -> &[Vec<u8>] {
        &self.token_bytes
    }

    /// Ids that end a turn.
    pub fn eos_ids(&self) -> &[u32] {
        &self.eos
    }

    /// One past the largest id that the tokenizer knows. Logits of ids beyond it are of untrained rows: never sample
    /// them (spec 1.7).
    pub fn vocab_len(&self) -> usize {
        self.token_bytes.len()
    }

    /// Digest of `tokenizer.json`.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    fn encoding(&self, with: &tokenizers::Tokenizer, text: &str) -> Result<tokenizers::Encoding, TokenizerError> {
        with.encode(text, false).map_err(|e| TokenizerError::Encode { reason: e.to_string() })
    }
}

/// The tokenizer of a GGUF file, and the ids that end a turn.
fn of_gguf(path: &Path) -> Result<(String, Vec<u32>), TokenizerError> {
    let failed = |reason: String| TokenizerError::Load { path: path.to_owned(), reason };
    let files = WeightFiles::open(path).map_err(|e| failed(e.to_string()))?;
    let header = files.gguf().ok_or_else(|| failed("it is no GGUF file".to_owned()))?;
    Ok((header.tokenizer().map_err(failed)?, header.eos_token_ids()))
}

/// `eos_token_id` of `generation_config.json`, a number or a list; nothing where the file is absent.
fn stated_eos(folder: &Path) -> Result<Vec<u32>, TokenizerError> {
    let path = folder.join("generation_config.json");
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(Vec::new()) };
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|e| TokenizerError::Load { path, reason: e.to_string() })?;
    let field = &json["eos_token_id"];
    let ids = field.as_array().cloned().unwrap_or_else(|| vec![field.clone()]);
    Ok(ids.iter().filter_map(|v| v.as_u64().and_then(|n| u32::try_from(n).ok())).collect())
}

/// Turns ids into text piece by piece, never half a character.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    pending: Vec<u8>,
}

impl Decoder {
    /// Takes one token; returns what is complete. Bytes that can never become a character are shown as U+FFFD.
    pub fn push(&mut self, tokenizer: &Tokenizer, id: u32) -> String {
        self.pending.extend_from_slice(tokenizer.bytes_of(id));
        let mut out = String::new();
        loop {
            match std::str::from_utf8(&self.pending) {
                Ok(text) => {
                    out.push_str(text);
                    self.pending.clear();
                    return out;
                }
                Err(e) => {
                    let valid = e.valid_up_to();
                    out.push_str(&String::from_utf8_lossy(self.pending.get(..valid).unwrap_or_default()));
                    match e.error_len() {
                        // The start of a character that is still to come.
                        None => {
                            self.pending.drain(..valid);
                            return out;
                        }
                        Some(bad) => {
                            out.push('\u{fffd}');
                            self.pending.drain(..valid + bad);
                        }
                    }
                }
            }
        }
    }

    /// What is left at the end: U+FFFD for an unfinished character.
    pub fn finish(&mut self) -> String {
        let rest = String::from_utf8_lossy(&self.pending).into_owned();
        self.pending.clear();
        rest
    }
}
