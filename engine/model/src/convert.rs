//! Writes a model folder anew with quantised weights, so that it loads by mapping the file, without a second copy.
//!
//! Tensors are read, quantised and written one at a time. The folder is made beside its place and then renamed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, View};

use crate::config::Config;
use crate::error::LoadError;
use crate::gguf::Header;
use crate::quant::{Packed, Scheme, blocks};
use crate::weights::{Encoding, INDEX, SINGLE, Stored, WeightFiles, packed_shape, scheme_of};

/// Why a model was not converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The model cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There is something where the new model should be.
    #[error("{path} is there already; give a folder that does not exist yet")]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A file cannot be copied or written.
    #[error("cannot write {path}: {reason}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Converted {
    /// Tensors in few bits.
    pub packed: usize,
    /// Tensors left as they were.
    pub kept: usize,
    /// Bytes of weights before.
    pub bytes_before: u64,
    /// Bytes of weights now.
    pub bytes_after: u64,
    /// Weight files written.
    pub files: usize,
}

/// One tensor of the new model, made when it is written.
struct Tensor<'a> {
    stored: Stored<'a>,
    /// What becomes of it.
    target: Target,
    shape: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// Written as it is: in floating point, or in few bits already.
    AsIs(Dtype),
    /// Quantised.
    Quantized(Scheme),
    /// Taken over from another format's blocks.
    Repacked,
}

impl<'a> Tensor<'a> {
    /// `None` where it is in blocks that our groups cannot hold.
    fn of(name: &str, stored: Stored<'a>, scheme: Scheme) -> Option<Tensor<'a>> {
        let (target, bits) = match stored.encoding {
            Encoding::Float(dtype) => match scheme_of(name, &stored.shape, scheme) {
                Some(scheme) => (Target::Quantized(scheme), Some(scheme.bits())),
                None => (Target::AsIs(dtype), None),
            },
            Encoding::Packed => (Target::AsIs(Dtype::U8), None),
            Encoding::Blocks(kind) => (Target::Repacked, Some(blocks::bits_of(kind))),
            Encoding::Other(dtype) => (Target::AsIs(dtype), None),
        };
        let shape = match (bits, stored.shape.as_slice()) {
            (Some(bits), &[outputs, inputs]) if Packed::fits(inputs) => packed_shape(bits, outputs, inputs).to_vec(),
            (Some(_), _) => return None,
            (None, shape) => shape.to_vec(),
        };
        Some(Tensor { stored, target, shape })
    }

    fn packed(&self) -> Result<Option<Packed>, LoadError> {
        let &[outputs, inputs] = self.stored.shape.as_slice() else { return Ok(None) };
        match self.target {
            Target::Quantized(scheme) => Ok(self.stored.widened().map(|wide| Packed::quantize(&wide, inputs, scheme))),
            _ => self.stored.packed([outputs, inputs]),
        }
    }
}

impl View for &Tensor<'_> {
    fn dtype(&self) -> Dtype {
        if let Target::AsIs(dtype) = self.target { dtype } else { Dtype::U8 }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self.target {
            Target::AsIs(_) => Cow::Borrowed(self.stored.bytes),
            // A tensor that cannot be packed after all leaves its bytes out, and `write` finds its file too short.
            _ => Cow::Owned(self.packed().ok().flatten().map(|packed| packed.bytes().to_vec()).unwrap_or_default()),
        }
    }

    fn data_len(&self) -> usize {
        if let Target::AsIs(_) = self.target { self.stored.bytes.len() } else { self.shape.iter().product() }
    }
}

/// Converts the model in `from`, a folder or a GGUF file, into a new folder `to`, in weight files of at most `file_bytes` (one tensor at least).
/// `progress` is told how many of how many tensors are done, after each file.
///
/// # Errors
/// See [`ConvertError`]; nothing is left behind.
pub fn convert(
    from: &Path,
    to: &Path,
    scheme: Scheme,
    file_bytes: u64,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Converted, ConvertError> {
    if to.exists() {
        return Err(ConvertError::Exists { path: to.to_owned() });
    }
    let (text, path) = WeightFiles::open(from)?.config()?;
    Config::parse(&text, &path).map_err(LoadError::from)?;
    let part = to.with_extension("part");
    let made = write(from, &part, scheme, file_bytes, progress)
        .and_then(|made| std::fs::rename(&part, to).map(|()| made).map_err(|e| failed(to, e)));
    if made.is_err() {
        let _ = std::fs::remove_dir_all(&part);
    }
    made
}

fn failed(path: &Path, error: impl std::fmt::Display) -> ConvertError {
    ConvertError::Write { path: path.to_owned(), reason: error.to_string() }
}

fn write(
    from: &Path,
    to: &Path,
    scheme: Scheme,
    file_bytes: u64,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Converted, ConvertError> {
    std::fs::create_dir_all(to).map_err(|e| failed(to, e))?;
    let files = WeightFiles::open(from)?;
    match files.gguf() {
        Some(header) => write_rest(header, from, to)?,
        None => copy_rest(from, to)?,
    }
    let stored = files.stored()?;
    let bytes_before = stored.values().map(|tensor| tensor.bytes.len() as u64).sum();
    let mut tensors = BTreeMap::new();
    for (name, stored) in stored {
        let shape = format!("{:?}", stored.shape);
        let tensor = Tensor::of(&name, stored, scheme).ok_or_else(|| LoadError::Damaged {
            path: from.to_owned(),
            reason: format!("{name} {shape} is in blocks that do not fill its rows"),
        })?;
        tensors.insert(name, tensor);
    }
    let groups = grouped(&tensors, file_bytes);
    let mut places = BTreeMap::new();
    for (i, group) in groups.iter().enumerate() {
        let name = match groups.len() {
            1 => SINGLE.to_owned(),
            all => format!("model-{:05}-of-{all:05}.safetensors", i + 1),
        };
        let path = to.join(&name);
        let data = group.iter().filter_map(|n| tensors.get(*n).map(|t| (n.as_str(), t)));
        safetensors::serialize_to_file(data, None, &path).map_err(|e| failed(&path, e))?;
        let long = std::fs::metadata(&path).map_err(|e| failed(&path, e))?.len();
        if long < group.iter().filter_map(|n| tensors.get(*n)).map(|t| t.data_len() as u64).sum() {
            return Err(failed(&path, "a tensor could not be taken over from its blocks"));
        }
        places.extend(group.iter().map(|n| ((*n).clone(), name.clone())));
        progress(places.len(), tensors.len());
    }
    let bytes_after = tensors.values().map(|t| (&t).data_len() as u64).sum();
    if groups.len() > 1 {
        let index = serde_json::json!({ "metadata": { "total_size": bytes_after }, "weight_map": places });
        let path = to.join(INDEX);
        std::fs::write(&path, format!("{index:#}\n")).map_err(|e| failed(&path, e))?;
    }
    let packed = tensors.values().filter(|t| !matches!(t.target, Target::AsIs(_))).count();
    Ok(Converted { packed, kept: tensors.len() - packed, bytes_before, bytes_after, files: groups.len() })
}

/// Names by file, in order, each file as full as it may be.
fn grouped<'a>(tensors: &'a BTreeMap<String, Tensor<'_>>, file_bytes: u64) -> Vec<Vec<&'a String>> {
    let mut groups: Vec<Vec<&String>> = vec![Vec::new()];
    let mut filled = 0;
    for (name, tensor) in tensors {
        let bytes = tensor.data_len() as u64;
        if filled > 0 && filled + bytes > file_bytes {
            groups.push(Vec::new());
            filled = 0;
        }
        filled += bytes;
        if let Some(group) = groups.last_mut() {
            group.push(name);
        }
    }
    groups
}

/// What a GGUF file says beside its weights, as the files of a folder.
fn write_rest(header: &Header, from: &Path, to: &Path) -> Result<(), ConvertError> {
    let tokenizer = header.tokenizer().map_err(|reason| LoadError::Damaged { path: from.to_owned(), reason })?;
    let generation = serde_json::json!({ "eos_token_id": header.eos_token_ids() });
    let texts = [
        ("config.json", header.config().map_err(LoadError::from)?),
        ("tokenizer.json", tokenizer),
        ("generation_config.json", format!("{generation:#}\n")),
    ];
    for (name, text) in texts {
        let path = to.join(name);
        std::fs::write(&path, text).map_err(|e| failed(&path, e))?;
    }
    Ok(())
}

/// Everything of the folder but its weights. What says how to quantise when loading has been done; what names an adapter
/// goes, because that is bound to the weights as they were.
fn copy_rest(from: &Path, to: &Path) -> Result<(), ConvertError> {
    for entry in std::fs::read_dir(from).map_err(|e| failed(from, e))? {
        let path = entry.map_err(|e| failed(from, e))?.path();
        let Some(name) = path.file_name().filter(|_| path.is_file()) else { continue };
        let weights = path.extension().is_some_and(|e| e == "safetensors") || name == INDEX;
        if weights {
            continue;
        }
        let target = to.join(name);
        if name == "lectern.json" {
            let text = std::fs::read_to_string(&path).map_err(|e| failed(&path, e))?;
            let mut card: serde_json::Value = serde_json::from_str(&text).map_err(|e| failed(&path, e))?;
            for done in ["quantize", "adapter"] {
                card.as_object_mut().and_then(|card| card.remove(done));
            }
            std::fs::write(&target, format!("{card:#}\n")).map_err(|e| failed(&target, e))?;
        } else {
            std::fs::copy(&path, &target).map_err(|e| failed(&target, e))?;
        }
    }
    Ok(())
}
