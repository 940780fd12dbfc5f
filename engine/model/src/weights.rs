//! The weights on disk: safetensors, in one file or in shards, taken out by name under a strict ledger.
//!
//! Every tensor a model needs is asked for by name and shape; at the end whatever is missing, unknown or of another
//! shape is refused, all of it named at once. A checkpoint that merely almost fits computes nonsense quietly.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::error::{LoadError, Misfit};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// What transformers saves beside the weights of a lightning layer though it follows from the configuration
/// (spec 1.6 b).
const DERIVED: [&str; 4] = ["slope_rate", "query_decay", "key_decay", "diagonal_decay"];
/// Weights up to this many bytes are hashed whole; of larger ones, samples.
const HASHED_WHOLE: usize = 4 << 30;
const SAMPLE: usize = 64 << 10;
const SAMPLE_EVERY: usize = 16 << 20;

/// Only the part of the index we use; the metadata beside it is free-form.
#[derive(Debug, Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

struct Shard {
    path: PathBuf,
    map: Mmap,
}

impl Shard {
    fn open(path: PathBuf) -> Result<Shard, LoadError> {
        let unread = |source| LoadError::Read { path: path.clone(), source };
        let file = File::open(&path).map_err(unread)?;
        // SAFETY: the map is only read, and it lives as long as loading does. A process that shortens the file during
        // that time would end ours with SIGBUS; the model folder is the user's own and is not written to by Lectern.
        #[expect(unsafe_code, reason = "reading weights through a map spares a second copy of them in memory")]
        let map = unsafe { Mmap::map(&file) }.map_err(unread)?;
        Ok(Shard { path, map })
    }

    fn parse(&self) -> Result<SafeTensors<'_>, LoadError> {
        SafeTensors::deserialize(&self.map)
            .map_err(|error| LoadError::Damaged { path: self.path.clone(), reason: error.to_string() })
    }
}

/// The weight files of a model folder, open and mapped.
pub struct WeightFiles {
    folder: PathBuf,
    shards: Vec<Shard>,
    /// Where the index says each tensor is; empty for a single file.
    places: HashMap<String, PathBuf>,
}

impl WeightFiles {
    /// Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names.
    ///
    /// # Errors
    /// A file is absent, unreadable or not what it should be.
    pub fn open(folder: &Path) -> Result<WeightFiles, LoadError> {
        let (single, index) = (folder.join(SINGLE), folder.join(INDEX));
        let folder = folder.to_owned();
        if index.exists() {
            let places = read_index(&folder, &index)?;
            let names: BTreeSet<PathBuf> = places.values().cloned().collect();
            let shards = names.into_iter().map(Shard::open).collect::<Result<_, _>>()?;
            return Ok(WeightFiles { folder, shards, places });
        }
        if !single.exists() {
            return Err(LoadError::NoWeights { folder });
        }
        Ok(WeightFiles { folder, shards: vec![Shard::open(single)?], places: HashMap::new() })
    }

    /// BLAKE3 over `config` (the text of `config.json`) and the weights, as hex. Weights of more than 4 GiB are
    /// sampled: header, length, and 64 KiB out of every 16 MiB.
    #[must_use]
    pub fn digest(&self, config: &[u8]) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(config.len() as u64).to_le_bytes()).update(config);
        let whole = self.shards.iter().map(|shard| shard.map.len()).sum::<usize>() <= HASHED_WHOLE;
        for shard in &self.shards {
            hasher.update(&(shard.map.len() as u64).to_le_bytes());
            if whole {
                hasher.update(&shard.map);
            } else {
                for piece in shard.map.chunks(SAMPLE_EVERY) {
                    hasher.update(&piece[..SAMPLE.min(piece.len())]);
                }
                hasher.update(&shard.map[..header_end(&shard.map)]);
            }
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Opens the ledger, lets `build` take tensors out of it, and settles it.
    ///
    /// # Errors
    /// What `build` returns, or [`LoadError::Mismatch`] with everything that does not fit.
    pub fn load<T>(&self, build: impl FnOnce(&mut Ledger<'_>) -> Result<T, LoadError>) -> Result<T, LoadError> {
        let parsed = self.shards.iter().map(Shard::parse).collect::<Result<Vec<_>, _>>()?;
        let mut ledger = Ledger { tensors: HashMap::new(), missing: Vec::new(), misfits: Vec::new() };
        for (shard, tensors) in self.shards.iter().zip(&parsed) {
            for (name, view) in tensors.iter() {
                self.check_place(name, &shard.path)?;
                if ledger.tensors.insert(name.to_owned(), view).is_some() {
                    let reason = format!("it holds {name}, which another file holds as well");
                    return Err(LoadError::Damaged { path: shard.path.clone(), reason });
                }
            }
        }
        if let Some((name, path)) = self.places.iter().find(|(name, _)| !ledger.tensors.contains_key(*name)) {
            let reason = format!("the index places {name} in it, but it is not there");
            return Err(LoadError::Damaged { path: path.clone(), reason });
        }
        let built = build(&mut ledger)?;
        ledger.settle(&self.folder)?;
        Ok(built)
    }

    fn check_place(&self, name: &str, path: &Path) -> Result<(), LoadError> {
        if self.places.is_empty() || self.places.get(name).is_some_and(|place| place == path) || is_derived(name) {
            return Ok(());
        }
        let reason = format!("it holds {name}, which the index does not place there");
        Err(LoadError::Damaged { path: path.to_owned(), reason })
    }
}

/// Where the header of a safetensors file ends, as far as the file is long enough.
fn header_end(map: &[u8]) -> usize {
    let length = map.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    usize::try_from(length).unwrap_or(usize::MAX).saturating_add(8).min(map.len())
}

fn read_index(folder: &Path, path: &Path) -> Result<HashMap<String, PathBuf>, LoadError> {
    let damaged = |reason: String| LoadError::Damaged { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let index: Index = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    if index.weight_map.is_empty() {
        return Err(damaged("its weight_map is empty".to_owned()));
    }
    let mut places = HashMap::new();
    for (name, file) in index.weight_map {
        // A downloaded index must not lead out of its folder.
        if Path::new(&file).file_name() != Some(file.as_ref()) {
            return Err(damaged(format!("it places {name} in {file:?}, which is not a plain file name")));
        }
        places.insert(name, folder.join(file));
    }
    Ok(places)
}

fn is_derived(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(owner, last)| owner.ends_with(".self_attn") && DERIVED.contains(&last))
}

/// The tensors not yet taken, and what went wrong so far.
pub struct Ledger<'a> {
    tensors: HashMap<String, safetensors::tensor::TensorView<'a>>,
    missing: Vec<String>,
    misfits: Vec<Misfit>,
}

impl Ledger<'_> {
    /// Takes a tensor out, widened to f32. One that is missing or misfit is noted and zeros are given in its place,
    /// so that all that is wrong is found in one go; [`WeightFiles::load`] then fails.
    ///
    /// # Errors
    /// The numeric library refused.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, LoadError> {
        let Some(view) = self.tensors.remove(name) else {
            self.missing.push(name.to_owned());
            return self.stand_in(shape);
        };
        if view.shape() != shape || !matches!(view.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            self.misfits.push(Misfit {
                name: name.to_owned(),
                found: format!("{:?} of {:?}", view.shape(), view.dtype()),
                expected: format!("{shape:?} of F32, F16 or BF16"),
            });
            return self.stand_in(shape);
        }
        if !self.missing.is_empty() || !self.misfits.is_empty() {
            return self.stand_in(shape); // the model is lost already; do not spend time on copying
        }
        Ok(Tensor::from_vec(widen(view.dtype(), view.data()), shape, &Device::Cpu)?)
    }

    /// A tensor of the shape without memory behind most of it.
    fn stand_in(&self, shape: &[usize]) -> Result<Tensor, LoadError> {
        Ok(Tensor::zeros(1, candle_core::DType::F32, &Device::Cpu)?.broadcast_as(shape)?)
    }

    fn settle(mut self, folder: &Path) -> Result<(), LoadError> {
        let mut extra: Vec<String> = self.tensors.into_keys().filter(|name| !is_derived(name)).collect();
        if extra.is_empty() && self.missing.is_empty() && self.misfits.is_empty() {
            return Ok(());
        }
        extra.sort();
        self.missing.sort();
        self.misfits.sort_by(|a, b| a.name.cmp(&b.name));
        Err(LoadError::Mismatch { folder: folder.to_owned(), missing: self.missing, extra, misfits: self.misfits })
    }
}

/// Little-endian bytes to f32.
fn widen(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
    match dtype {
        Dtype::F16 => bytes.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::BF16 => bytes.as_chunks::<2>().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        _ => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
    }
}
