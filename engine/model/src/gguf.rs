//! GGUF files of the architecture `minimax-01`, as llama.cpp writes them: shown as the folder they could have been, that
//! is as `config.json`, `tokenizer.json` and tensors under the names of the release (spec 1.6 c).
//!
//! The header is read by candle's reader, which bounds what a damaged file can make it allocate; tensors stay where they
//! lie in the mapped file.

mod layout;
mod vocabulary;

use std::collections::HashMap;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use candle_core::quantized::gguf_file::{Content, TensorInfo, Value};
use memmap2::Mmap;

use crate::error::{ConfigError, LoadError};
use crate::quant::blocks::bytes_of;
use crate::weights::{Encoding, Stored};

/// The only architecture understood, as `general.architecture` names it.
const ARCHITECTURE: &str = "minimax-01";

/// Whether a path is named like a GGUF file.
pub(crate) fn is_gguf(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
}

/// What a GGUF file says beside its tensors.
#[derive(Debug)]
pub(crate) struct Header {
    metadata: HashMap<String, Value>,
    tensors: HashMap<String, TensorInfo>,
    data: u64,
}

impl Header {
    /// Reads the header of the file at `path`, whose bytes are `map`.
    ///
    /// # Errors
    /// The file is damaged, or of another architecture.
    pub(crate) fn parse(map: &[u8], path: &Path) -> Result<Header, LoadError> {
        let damaged = |reason: String| LoadError::Damaged { path: path.to_owned(), reason };
        let content = Content::read(&mut Cursor::new(map)).map_err(|error| damaged(error.to_string()))?;
        let header =
            Header { metadata: content.metadata, tensors: content.tensor_infos, data: content.tensor_data_offset };
        match header.text("general.architecture") {
            Some(ARCHITECTURE) => Ok(header),
            other => Err(ConfigError::Value {
                key: "general.architecture",
                value: format!("{other:?}"),
                expected: format!("only \"{ARCHITECTURE}\" is supported"),
            }
            .into()),
        }
    }

    /// `config.json` of the same model.
    ///
    /// # Errors
    /// A key that is needed is absent, or there is one that nobody knows.
    pub(crate) fn config(&self) -> Result<String, ConfigError> {
        layout::config(self).map(|config| format!("{config:#}\n"))
    }

    /// `tokenizer.json` of the same model.
    ///
    /// # Errors
    /// What is missing or not understood, as a sentence.
    pub(crate) fn tokenizer(&self) -> Result<String, String> {
        vocabulary::tokenizer(self).map(|tokenizer| tokenizer.to_string())
    }

    /// Ids that end a turn, as far as the file names them.
    pub(crate) fn eos_token_ids(&self) -> Vec<u32> {
        let ids = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"];
        ids.iter().filter_map(|key| u32::try_from(self.number(key)?).ok()).collect()
    }

    /// Every tensor by the name it has in the release, stacked experts apart.
    ///
    /// # Errors
    /// A tensor lies outside the file, or has a name that is not known.
    pub(crate) fn stored<'a>(&self, map: &'a Arc<Mmap>, path: &Path) -> Result<HashMap<String, Stored<'a>>, LoadError> {
        let damaged = |reason: String| LoadError::Damaged { path: path.to_owned(), reason };
        let mut stored = HashMap::new();
        for (name, info) in &self.tensors {
            let shape = info.shape.dims();
            let bytes = bytes_of(info.ggml_dtype, shape.iter().product())
                .and_then(|long| {
                    let start = usize::try_from(self.data.checked_add(info.offset)?).ok()?;
                    map.get(start..start.checked_add(long)?)
                })
                .ok_or_else(|| damaged(format!("the tensor {name} does not lie inside it")))?;
            let encoding = Encoding::of_ggml(info.ggml_dtype);
            let parts =
                layout::released(name, shape, |layer| self.tensors.contains_key(&format!("blk.{layer}.attn_q.weight")))
                    .ok_or_else(|| damaged(format!("the tensor {name} {shape:?} is not known")))?;
            let long = bytes.len() / parts.names.len().max(1);
            for (part, name) in parts.names.into_iter().enumerate() {
                let bytes = &bytes[part * long..(part + 1) * long];
                stored.insert(name, Stored { encoding, shape: parts.shape.clone(), bytes, map });
            }
        }
        Ok(stored)
    }

    /// Whether a tensor of that name is there.
    fn has_tensor(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Rows and columns of a matrix.
    fn matrix(&self, name: &str) -> Option<(usize, usize)> {
        self.tensors.get(name)?.shape.dims2().ok()
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.metadata.get(key)?.to_string().ok().map(String::as_str)
    }

    fn number(&self, key: &str) -> Option<u64> {
        match self.metadata.get(key)? {
            Value::I32(value) => u64::try_from(*value).ok(),
            Value::I64(value) => u64::try_from(*value).ok(),
            value => value.to_u64().ok(),
        }
    }

    /// A number of f32, as the shortest decimal that stands for it: 1e-5 and not 0.00000999999974.
    fn real(&self, key: &str) -> Option<f64> {
        self.metadata.get(key)?.to_f32().ok()?.to_string().parse().ok()
    }

    fn list(&self, key: &str) -> Option<&[Value]> {
        self.metadata.get(key)?.to_vec().ok().map(Vec::as_slice)
    }
}
