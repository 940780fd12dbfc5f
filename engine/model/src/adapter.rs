//! Low-rank adapters (Hu et al. 2021, "LoRA", eq. 3): what tuning adds to some maps of a model, kept beside its weights.
//!
//! An adapter is a folder of two files, as `engine/model/training/lora.py` writes them. `adapter.json` says its form
//! (`format`, 1), `rank`, `alpha`, the maps it adapts (`modules`), on which model it was trained (`base_digest`, the
//! engine's digest of that model's files) and perhaps its `name` and how "none" is decided with it (`decision`, see
//! [`DecisionWeights`]); more keys are for people and for training.
//! `adapter.safetensors` holds `<module>.lora_A.weight` `[rank, in]` and `<module>.lora_B.weight` `[out, rank]` for each
//! adapted map of attention, by the map's name in the MiniMaxAI layout. It is applied, never merged: weights in four bits
//! stay as they are and stay mapped.

use crate::decision::DecisionWeights;
use crate::layers::Beside;
use crate::weights::widen;
use candle_core::{Device, Tensor};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DESCRIPTION: &str = "adapter.json";
const WEIGHTS: &str = "adapter.safetensors";

/// An adapter that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// A file could not be read.
    #[error(
        "cannot read the adapter's file {path}: {source}. An adapter is a folder that holds adapter.json and \
         adapter.safetensors: give that, or none"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what its name says.
    #[error("{path} is damaged: {reason}. Make or fetch the adapter again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It was trained on another model.
    #[error(
        "{path}: the adapter was trained on the model {wanted}, but this is {found}. Use it with its own model, or train \
         it anew (`lectern model digest` prints what a model is)"
    )]
    OtherBase {
        /// The file that says so.
        path: PathBuf,
        /// Digest of the model that it was trained on.
        wanted: String,
        /// Digest of the model it was to be used with.
        found: String,
    },
    /// It adapts maps that this model does not have, or has in other widths.
    #[error("{path} does not fit the model: {}. Use the adapter with the model it was trained on", faults.join("; "))]
    Misfit {
        /// The file that holds it.
        path: PathBuf,
        /// What is wrong, map by map.
        faults: Vec<String>,
    },
}

#[derive(Deserialize)]
struct Description {
    format: u32,
    rank: usize,
    alpha: f32,
    modules: BTreeSet<String>,
    base_digest: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    decision: Option<DecisionWeights>,
}

/// What an adapter adds to one map: `up (down x)`, `alpha / rank` already in `up`.
#[derive(Debug)]
pub(crate) struct LowRank {
    /// `[rank, in]`.
    pub(crate) down: Vec<f32>,
    /// `[out, rank]`.
    pub(crate) up: Vec<f32>,
    /// `[out, in]` of the map.
    pub(crate) shape: [usize; 2],
    rank: usize,
}

impl LowRank {
    /// As it is applied.
    pub(crate) fn beside(&self) -> candle_core::Result<Beside> {
        let [outputs, inputs] = self.shape;
        let matrix = |values: &[f32], rows, columns| Tensor::from_slice(values, (rows, columns), &Device::Cpu);
        Beside::new(matrix(&self.down, self.rank, inputs)?, &matrix(&self.up, outputs, self.rank)?)
    }
}

/// An adapter as its files hold it, checked but for the model it is used with.
#[derive(Clone, Debug)]
pub struct Adapter {
    folder: PathBuf,
    name: String,
    rank: usize,
    base_digest: String,
    digest: String,
    decision: Option<DecisionWeights>,
    maps: BTreeMap<String, Arc<LowRank>>,
}

impl Adapter {
    /// Reads an adapter's folder.
    ///
    /// # Errors
    /// See [`AdapterError`]; whether it fits a model is found out when that is loaded.
    pub fn open(folder: &Path) -> Result<Adapter, AdapterError> {
        let (path, weights) = (folder.join(DESCRIPTION), folder.join(WEIGHTS));
        let read =
            |path: &Path| std::fs::read(path).map_err(|source| AdapterError::Read { path: path.to_owned(), source });
        let (said, held) = (read(&path)?, read(&weights)?);
        let damaged = |reason: String| AdapterError::Damaged { path: path.clone(), reason };
        let said: Description = serde_json::from_slice(&said).map_err(|e| damaged(e.to_string()))?;
        if said.format != 1 {
            return Err(damaged(format!("its format is {}, this program reads 1", said.format)));
        }
        if said.rank == 0 || !said.alpha.is_finite() {
            return Err(damaged(format!("rank {} and alpha {} say nothing", said.rank, said.alpha)));
        }
        if said.decision.is_some_and(|weights| !weights.are_finite()) {
            return Err(damaged("its weights of decisions are not all numbers".to_owned()));
        }
        let scale = said.alpha / said.rank as f32;
        let maps = maps(&held, said.rank, scale).map_err(|reason| AdapterError::Damaged { path: weights, reason })?;
        if !said.modules.iter().eq(maps.keys()) {
            let (stated, held) = (said.modules.len(), maps.len());
            return Err(damaged(format!("of its {stated} modules and the {held} of {WEIGHTS} some differ")));
        }
        let own = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&held).update(&scale.to_le_bytes());
        if let Some(DecisionWeights { lean, evidence, bias }) = said.decision {
            for weight in [lean, evidence, bias] {
                hasher.update(&weight.to_le_bytes());
            }
        }
        Ok(Adapter {
            folder: folder.to_owned(),
            name: said.name.unwrap_or(own),
            rank: said.rank,
            base_digest: said.base_digest,
            decision: said.decision,
            digest: hasher.finalize().to_hex().to_string(),
            maps,
        })
    }

    /// Its name, that of its folder where it says none.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Rank of what it adds to each map.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Names of the maps that it adapts, in alphabetical order.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.maps.keys().map(String::as_str)
    }

    /// Bytes that it takes in memory.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.maps.values().map(|m| (size_of_val(m.down.as_slice()) + size_of_val(m.up.as_slice())) as u64).sum()
    }

    /// How "none" is decided with it, where it says so.
    #[must_use]
    pub fn decision(&self) -> Option<DecisionWeights> {
        self.decision
    }

    /// Hash of what it adds and how it decides, as hex.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether it was trained on the model of this digest.
    ///
    /// # Errors
    /// `OtherBase` where it was not.
    pub(crate) fn check_base(&self, digest: &str) -> Result<(), AdapterError> {
        if self.base_digest == digest {
            return Ok(());
        }
        let (wanted, found) = (self.base_digest.clone(), digest.to_owned());
        Err(AdapterError::OtherBase { path: self.folder.join(DESCRIPTION), wanted, found })
    }

    /// What it adds, by the name of the map.
    pub(crate) fn maps(&self) -> BTreeMap<String, Arc<LowRank>> {
        self.maps.clone()
    }

    /// What is to be said where maps of it fit none of the model's.
    pub(crate) fn misfit(&self, faults: Vec<String>) -> AdapterError {
        AdapterError::Misfit { path: self.folder.join(WEIGHTS), faults }
    }
}

/// The maps in the bytes of a weight file, or what is wrong with it.
fn maps(held: &[u8], rank: usize, scale: f32) -> Result<BTreeMap<String, Arc<LowRank>>, String> {
    let file = SafeTensors::deserialize(held).map_err(|e| e.to_string())?;
    let mut maps = BTreeMap::new();
    let mut known = 0;
    for name in file.names() {
        let Some(module) = name.strip_suffix(".lora_A.weight") else { continue };
        if !module.contains(".self_attn.") {
            return Err(format!("it adapts {module}; only maps of attention can be adapted"));
        }
        let (down, [rows, inputs]) = values(&file, name)?;
        let (mut up, [outputs, columns]) = values(&file, &format!("{module}.lora_B.weight"))?;
        if (rows, columns) != (rank, rank) {
            return Err(format!("the maps beside {module} have rank {rows} and {columns}, not {rank}"));
        }
        up.iter_mut().for_each(|value| *value *= scale);
        if !up.iter().all(|value| value.is_finite()) {
            return Err(format!(
                "the map up beside {module}, times alpha / rank ({scale}), holds values that are no numbers"
            ));
        }
        maps.insert(module.to_owned(), Arc::new(LowRank { down, up, shape: [outputs, inputs], rank }));
        known += 2;
    }
    match file.len() {
        0 => Err("it holds nothing".to_owned()),
        all if all == known => Ok(maps),
        all => Err(format!("{} of its {all} tensors belong to no pair of lora_A and lora_B", all - known)),
    }
}

/// The values of a matrix, widened, with its shape.
fn values(file: &SafeTensors<'_>, name: &str) -> Result<(Vec<f32>, [usize; 2]), String> {
    let tensor = file.tensor(name).map_err(|e| format!("{name}: {e}"))?;
    let [rows, columns] = *tensor.shape() else { return Err(format!("{name} is no matrix: {:?}", tensor.shape())) };
    if !matches!(tensor.dtype(), Dtype::F16 | Dtype::BF16 | Dtype::F32) {
        return Err(format!("{name} is of {:?}, not of F16, BF16 or F32", tensor.dtype()));
    }
    let wide = widen(tensor.dtype(), tensor.data());
    match wide.iter().all(|value| value.is_finite()) {
        true => Ok((wide, [rows, columns])),
        false => Err(format!("{name} holds values that are not finite")),
    }
}
