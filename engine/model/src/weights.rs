//! The weights on disk: safetensors, in one file or in shards, taken out by name under a strict ledger.
//!
//! Every tensor a model needs is asked for by name and shape; at the end whatever is missing, unknown or of another
//! shape is refused, all of it named at once. A checkpoint that merely almost fits computes nonsense quietly.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Tensor};
use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::error::{LoadError, Misfit};
use crate::layers::Linear;
use crate::quant::{Bits, GROUP, PANEL, Packed, Scheme};

pub(crate) const SINGLE: &str = "model.safetensors";
pub(crate) const INDEX: &str = "model.safetensors.index.json";
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
    map: Arc<Mmap>,
}

impl Shard {
    fn open(path: PathBuf) -> Result<Shard, LoadError> {
        let unread = |source| LoadError::Read { path: path.clone(), source };
        let file = File::open(&path).map_err(unread)?;
        // SAFETY: the map is only read. A process that shortens the file while it is used would end ours with SIGBUS;
        // the model folder is the user's own, and Lectern writes a converted model beside it and renames.
        #[expect(unsafe_code, reason = "reading weights through a map spares a second copy of them in memory")]
        let map = unsafe { Mmap::map(&file) }.map_err(unread)?;
        Ok(Shard { path, map: Arc::new(map) })
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
                hasher.update(&shard.map[..]);
            } else {
                for piece in shard.map.chunks(SAMPLE_EVERY) {
                    hasher.update(&piece[..SAMPLE.min(piece.len())]);
                }
                hasher.update(&shard.map[..header_end(&shard.map)]);
            }
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Every tensor by its name, derived ones left out.
    ///
    /// # Errors
    /// A file is damaged.
    pub(crate) fn views(&self) -> Result<BTreeMap<String, TensorView<'_>>, LoadError> {
        let mut views = BTreeMap::new();
        for shard in &self.shards {
            let tensors = shard.parse()?;
            views.extend(tensors.tensors().into_iter().filter(|(name, _)| !is_derived(name)));
        }
        Ok(views)
    }

    /// Opens the ledger, lets `build` take tensors out of it, and settles it. Linear maps in floating point are quantised
    /// by `scheme`, if any; those that the file holds packed are used as they lie there.
    ///
    /// # Errors
    /// What `build` returns, or [`LoadError::Mismatch`] with everything that does not fit.
    pub fn load<T>(
        &self,
        scheme: Option<Scheme>,
        build: impl FnOnce(&mut Ledger<'_>) -> Result<T, LoadError>,
    ) -> Result<T, LoadError> {
        let parsed = self.shards.iter().map(Shard::parse).collect::<Result<Vec<_>, _>>()?;
        let mut ledger = Ledger {
            tensors: HashMap::new(),
            scheme,
            bytes: 0,
            expert_bytes: 0,
            missing: Vec::new(),
            misfits: Vec::new(),
        };
        for (shard, tensors) in self.shards.iter().zip(&parsed) {
            for (name, view) in tensors.iter() {
                self.check_place(name, &shard.path)?;
                if ledger.tensors.insert(name.to_owned(), Entry { view, map: &shard.map }).is_some() {
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

struct Entry<'a> {
    view: TensorView<'a>,
    map: &'a Arc<Mmap>,
}

/// The tensors not yet taken, and what went wrong so far.
pub struct Ledger<'a> {
    tensors: HashMap<String, Entry<'a>>,
    scheme: Option<Scheme>,
    /// Bytes of what was taken, in the form in which it is kept.
    bytes: u64,
    /// Of these, bytes of routed experts.
    expert_bytes: u64,
    missing: Vec<String>,
    misfits: Vec<Misfit>,
}

impl Ledger<'_> {
    /// Bytes of what was taken so far, in the form in which it is kept.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Of these, bytes of routed experts.
    #[must_use]
    pub fn expert_bytes(&self) -> u64 {
        self.expert_bytes
    }

    fn count(&mut self, name: &str, bytes: usize) {
        self.bytes += bytes as u64;
        if name.contains(".experts.") {
            self.expert_bytes += bytes as u64;
        }
    }

    /// Takes a tensor out, widened to f32. One that is missing or misfit is noted and zeros are given in its place,
    /// so that all that is wrong is found in one go; [`WeightFiles::load`] then fails.
    ///
    /// # Errors
    /// The numeric library refused.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, LoadError> {
        let Some(values) = self.values(name, shape) else { return self.stand_in(shape) };
        self.count(name, size_of_val(values.as_slice()));
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }

    /// Takes a linear map out, `[N, K]`: packed if the file holds it so or if it is to be quantised, else in f32.
    ///
    /// # Errors
    /// As [`Ledger::take`].
    pub fn linear(&mut self, name: &str, shape: [usize; 2]) -> Result<Linear, LoadError> {
        let scheme = self.scheme.and_then(|scheme| scheme_of(name, &shape, scheme));
        let packed = match (self.stored(name, shape), scheme) {
            (Some(packed), _) => packed,
            (None, None) => return Ok(Linear::new(self.take(name, &shape)?)?),
            (None, Some(scheme)) => match self.values(name, &shape) {
                Some(values) => Packed::quantize(&values, shape[1], scheme),
                None => return Ok(Linear::new(self.stand_in(&shape)?)?),
            },
        };
        self.count(name, packed.bytes().len());
        Ok(Linear::packed(packed))
    }

    /// Takes the values of a tensor out. `None` where it is missing or misfit, which is noted, or where another was:
    /// the model is lost then and no time is spent on copying.
    fn values(&mut self, name: &str, shape: &[usize]) -> Option<Vec<f32>> {
        let Some(Entry { view, .. }) = self.tensors.remove(name) else {
            self.missing.push(name.to_owned());
            return None;
        };
        if view.shape() != shape || !is_float(view.dtype()) {
            self.misfits.push(Misfit {
                name: name.to_owned(),
                found: format!("{:?} of {:?}", view.shape(), view.dtype()),
                expected: format!("{shape:?} of F32, F16 or BF16"),
            });
        }
        let lost = !self.missing.is_empty() || !self.misfits.is_empty();
        (!lost).then(|| widen(view.dtype(), view.data()))
    }

    /// A linear map that the file holds packed, used where it lies.
    fn stored(&mut self, name: &str, [outputs, inputs]: [usize; 2]) -> Option<Packed> {
        let Entry { view, map } = self.tensors.get(name).filter(|e| e.view.dtype() == Dtype::U8)?;
        let bits = [Bits::Four, Bits::Eight].into_iter().find(|b| view.shape() == packed_shape(*b, outputs, inputs))?;
        // Views borrow from the map, so the distance is inside it.
        let start = (view.data().as_ptr() as usize).checked_sub(map.as_ptr() as usize)?;
        let packed = Packed::mapped(bits, outputs, inputs, map, start..start + view.data().len())?;
        self.tensors.remove(name);
        Some(packed)
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

/// Shape of a packed matrix in a file: panels, groups, bytes of a block. The last tells the bits.
#[must_use]
pub fn packed_shape(bits: Bits, outputs: usize, inputs: usize) -> [usize; 3] {
    [outputs.div_ceil(PANEL), inputs / GROUP, bits.block()]
}

/// How a tensor is quantised when the model is quantised by `scheme`; `None`: not at all. Routers and the coefficient of
/// the shared expert decide much and weigh little; the head, and the embedding it may be tied to, keep eight bits.
#[must_use]
pub fn scheme_of(name: &str, shape: &[usize], scheme: Scheme) -> Option<Scheme> {
    let &[_, inputs] = shape else { return None };
    let decides = name.ends_with("block_sparse_moe.gate.weight") || name.ends_with("coefficient.weight");
    let named = ["model.embed_tokens.weight", "lm_head.weight"].contains(&name);
    (Packed::fits(inputs) && !decides).then_some(if named { Scheme::Q8_0 } else { scheme })
}

/// Whether [`widen`] understands values of this type.
pub(crate) fn is_float(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16)
}

/// Little-endian bytes to f32.
pub(crate) fn widen(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
    match dtype {
        Dtype::F16 => bytes.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::BF16 => bytes.as_chunks::<2>().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        _ => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
    }
}
