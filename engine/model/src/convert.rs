//! Writes a model folder anew with quantised weights, so that it loads by mapping the file, without a second copy.
//!
//! Tensors are read, quantised and written one at a time. The folder is made beside its place and then renamed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, View};

use crate::config::Config;
use crate::error::{ConfigError, LoadError};
use crate::quant::{Packed, Scheme};
use crate::weights::{INDEX, SINGLE, WeightFiles, is_float, packed_shape, scheme_of, widen};

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
    view: safetensors::tensor::TensorView<'a>,
    scheme: Option<Scheme>,
    shape: Vec<usize>,
}

impl View for &Tensor<'_> {
    fn dtype(&self) -> Dtype {
        if self.scheme.is_some() { Dtype::U8 } else { self.view.dtype() }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let inputs = self.view.shape().last().copied().unwrap_or(0);
        match self.scheme {
            None => Cow::Borrowed(self.view.data()),
            Some(scheme) => {
                let wide = widen(self.view.dtype(), self.view.data());
                Cow::Owned(Packed::quantize(&wide, inputs, scheme).bytes().to_vec())
            }
        }
    }

    fn data_len(&self) -> usize {
        if self.scheme.is_some() { self.shape.iter().product() } else { self.view.data().len() }
    }
}

/// Converts the model in `from` into a new folder `to`, in weight files of at most `file_bytes` (one tensor at least).
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
    let path = from.join("config.json");
    let text = std::fs::read_to_string(&path)
        .map_err(|source| LoadError::from(ConfigError::Read { path: path.clone(), source }))?;
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
    copy_rest(from, to)?;
    let files = WeightFiles::open(from)?;
    let views = files.views()?;
    let tensors: BTreeMap<&String, Tensor<'_>> = views
        .iter()
        .map(|(name, view)| {
            let chosen = scheme_of(name, view.shape(), scheme).filter(|_| is_float(view.dtype()));
            let shape = match (chosen, view.shape()) {
                (Some(chosen), &[outputs, inputs]) => packed_shape(chosen.bits(), outputs, inputs).to_vec(),
                (_, shape) => shape.to_vec(),
            };
            (name, Tensor { view: view.clone(), scheme: chosen, shape })
        })
        .collect();
    let groups = grouped(&tensors, file_bytes);
    let mut places = BTreeMap::new();
    for (i, group) in groups.iter().enumerate() {
        let name = match groups.len() {
            1 => SINGLE.to_owned(),
            all => format!("model-{:05}-of-{all:05}.safetensors", i + 1),
        };
        let path = to.join(&name);
        let data = group.iter().filter_map(|n| tensors.get(n).map(|t| (n.as_str(), t)));
        safetensors::serialize_to_file(data, None, &path).map_err(|e| failed(&path, e))?;
        places.extend(group.iter().map(|n| ((*n).clone(), name.clone())));
        progress(places.len(), tensors.len());
    }
    let bytes_after = tensors.values().map(|t| (&t).data_len() as u64).sum();
    if groups.len() > 1 {
        let index = serde_json::json!({ "metadata": { "total_size": bytes_after }, "weight_map": places });
        let path = to.join(INDEX);
        std::fs::write(&path, format!("{index:#}\n")).map_err(|e| failed(&path, e))?;
    }
    let packed = tensors.values().filter(|t| t.scheme.is_some()).count();
    let bytes_before = views.values().map(|v| v.data().len() as u64).sum();
    Ok(Converted { packed, kept: tensors.len() - packed, bytes_before, bytes_after, files: groups.len() })
}

/// Names by file, in order, each file as full as it may be.
fn grouped<'a>(tensors: &BTreeMap<&'a String, Tensor<'_>>, file_bytes: u64) -> Vec<Vec<&'a String>> {
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

/// Everything of the folder but its weights. What says how to quantise when loading has been done.
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
            card.as_object_mut().and_then(|card| card.remove("quantize"));
            std::fs::write(&target, format!("{card:#}\n")).map_err(|e| failed(&target, e))?;
        } else {
            std::fs::copy(&path, &target).map_err(|e| failed(&target, e))?;
        }
    }
    Ok(())
}
