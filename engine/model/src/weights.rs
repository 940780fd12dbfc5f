//! The weights on disk: safetensors, in one file or in shards, or a GGUF file; taken out by name under a strict ledger.
//!
//! Every tensor a model needs is asked for by name and shape; at the end whatever is missing, unknown or of another
//! shape is refused, all of it named at once. A checkpoint that merely almost fits computes nonsense quietly.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::quantized::GgmlDType;
use candle_core::{Device, Tensor};
use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::adapter::{Adapter, LowRank};
use crate::error::{ConfigError, LoadError, Misfit};
use crate::gguf::{self, Header};
use crate::layers::Linear;
use crate::quant::{Bits, GROUP, PANEL, Packed, Scheme, blocks};

pub(crate) const SINGLE: &str = "model.safetensors";
pub(crate) const INDEX: &str = "model.safetensors.index.json";
/// What transformers saves beside the weights of a lightning layer though it follows from the configuration
/// (spec 1.6 b).
const DERIVED: [&str; 4] = ["slope_rate", "query_decay", "key_decay", "diagonal_decay"];
/// Weights up to this many bytes are hashed whole; of larger ones, samples.
const HASHED_WHOLE: usize = 4 << 30;
const HASHED_AT_ONCE: usize = 1 << 20;
/// How far around a page that is read others are mapped: the largest pieces of Linux's file cache.
#[cfg(unix)]
const READ_AROUND: usize = 2 << 20;
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

/// How the values of a tensor are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// In floating point: F32, F16 or BF16.
    Float(Dtype),
    /// As [`Packed`] keeps them.
    Packed,
    /// In blocks of the GGUF format.
    Blocks(GgmlDType),
    /// In a type that no weight has.
    Other(Dtype),
}

impl Encoding {
    fn of(dtype: Dtype) -> Encoding {
        match dtype {
            Dtype::F32 | Dtype::F16 | Dtype::BF16 => Encoding::Float(dtype),
            Dtype::U8 => Encoding::Packed,
            other => Encoding::Other(other),
        }
    }

    pub(crate) fn of_ggml(kind: GgmlDType) -> Encoding {
        match kind {
            GgmlDType::F32 => Encoding::Float(Dtype::F32),
            GgmlDType::F16 => Encoding::Float(Dtype::F16),
            GgmlDType::BF16 => Encoding::Float(Dtype::BF16),
            kind => Encoding::Blocks(kind),
        }
    }
}

impl std::fmt::Display for Encoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Encoding::Float(dtype) | Encoding::Other(dtype) => write!(f, "{dtype:?}"),
            Encoding::Packed => write!(f, "U8"),
            Encoding::Blocks(kind) => write!(f, "{kind:?}"),
        }
    }
}

/// A tensor where it lies in a mapped file.
#[derive(Clone, Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) encoding: Encoding,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: &'a [u8],
    pub(crate) map: &'a Arc<Mmap>,
}

impl Stored<'_> {
    /// A matrix in few bits, if it is written so: used where it lies, or taken over from another format's blocks, whose
    /// pages are then let go.
    pub(crate) fn packed(&self, [outputs, inputs]: [usize; 2]) -> Result<Option<Packed>, LoadError> {
        match self.encoding {
            Encoding::Packed => {
                let fits = |bits: &Bits| self.shape == packed_shape(*bits, outputs, inputs);
                let bits = [Bits::Four, Bits::Eight].into_iter().find(fits);
                // The bytes are borrowed from the map, so the distance is inside it.
                let start = (self.bytes.as_ptr() as usize).checked_sub(self.map.as_ptr() as usize);
                let range = start.map(|start| start..start + self.bytes.len());
                Ok(bits.zip(range).and_then(|(bits, range)| Packed::mapped(bits, outputs, inputs, self.map, range)))
            }
            Encoding::Blocks(kind) if self.shape == [outputs, inputs] => {
                let packed = blocks::pack(kind, self.bytes, outputs, inputs)?;
                release(self.map, self.bytes);
                Ok(packed)
            }
            _ => Ok(None),
        }
    }

    /// A copy of its values in f32, for which its pages are let go; `None` where they are in few bits or in a type that
    /// no weight has.
    pub(crate) fn widened(&self) -> Option<Vec<f32>> {
        let Encoding::Float(dtype) = self.encoding else { return None };
        let values = widen(dtype, self.bytes);
        release(self.map, self.bytes);
        Some(values)
    }
}

/// The weight files of a model, open and mapped.
pub struct WeightFiles {
    folder: PathBuf,
    shards: Vec<Shard>,
    format: Format,
}

enum Format {
    /// One file, or shards and where the index says each tensor is.
    Safetensors(HashMap<String, PathBuf>),
    /// One file with its header.
    Gguf(Header),
}

impl WeightFiles {
    /// Opens the weights of a folder (`model.safetensors`, or the shards that `model.safetensors.index.json` names) or a
    /// GGUF file.
    ///
    /// # Errors
    /// A file is absent, unreadable or not what it should be.
    pub fn open(folder: &Path) -> Result<WeightFiles, LoadError> {
        if gguf::is_gguf(folder) {
            let shard = Shard::open(folder.to_owned())?;
            let format = Format::Gguf(Header::parse(&shard.map, folder)?);
            return Ok(WeightFiles { folder: folder.to_owned(), shards: vec![shard], format });
        }
        let (single, index) = (folder.join(SINGLE), folder.join(INDEX));
        let folder = folder.to_owned();
        if index.exists() {
            let places = read_index(&folder, &index)?;
            let names: BTreeSet<PathBuf> = places.values().cloned().collect();
            let shards = names.into_iter().map(Shard::open).collect::<Result<_, _>>()?;
            return Ok(WeightFiles { folder, shards, format: Format::Safetensors(places) });
        }
        if !single.exists() {
            // Of a folder that is no model at all, its description is what a person should hear of.
            let path = folder.join("config.json");
            return Err(match std::fs::metadata(&path) {
                Ok(_) => LoadError::NoWeights { folder },
                Err(source) => ConfigError::Read { path, source }.into(),
            });
        }
        let format = Format::Safetensors(HashMap::new());
        Ok(WeightFiles { folder, shards: vec![Shard::open(single)?], format })
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
                for piece in shard.map.chunks(HASHED_AT_ONCE) {
                    hasher.update(piece);
                    release(&shard.map, piece);
                }
            } else {
                for piece in shard.map.chunks(SAMPLE_EVERY) {
                    hasher.update(&piece[..SAMPLE.min(piece.len())]);
                }
                hasher.update(&shard.map[..header_end(&shard.map)]);
            }
        }
        hasher.finalize().to_hex().to_string()
    }

    /// The text of `config.json`, and the file it comes from.
    ///
    /// # Errors
    /// It cannot be read, or made from what a GGUF file says.
    pub(crate) fn config(&self) -> Result<(String, PathBuf), LoadError> {
        let path = match &self.format {
            Format::Safetensors(_) => self.folder.join("config.json"),
            Format::Gguf(header) => return Ok((header.config()?, self.folder.clone())),
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok((text, path)),
            Err(source) => Err(ConfigError::Read { path, source }.into()),
        }
    }

    /// What a GGUF file says beside its tensors.
    pub(crate) fn gguf(&self) -> Option<&Header> {
        match &self.format {
            Format::Safetensors(_) => None,
            Format::Gguf(header) => Some(header),
        }
    }

    /// Every tensor by its name, derived ones left out.
    ///
    /// # Errors
    /// A file is damaged, or the index and the files say different things.
    pub(crate) fn stored(&self) -> Result<HashMap<String, Stored<'_>>, LoadError> {
        let places = match (&self.format, self.shards.first()) {
            (Format::Safetensors(places), _) => places,
            (Format::Gguf(header), Some(shard)) => return header.stored(&shard.map, &shard.path),
            (Format::Gguf(_), None) => return Ok(HashMap::new()),
        };
        let mut stored = HashMap::new();
        for shard in &self.shards {
            for (name, view) in shard.parse()?.tensors() {
                check_place(places, &name, &shard.path)?;
                let encoding = Encoding::of(view.dtype());
                let shape = view.shape().to_vec();
                let tensor = Stored { encoding, shape, bytes: view.data(), map: &shard.map };
                if stored.insert(name.clone(), tensor).is_some() {
                    let reason = format!("it holds {name}, which another file holds as well");
                    return Err(LoadError::Damaged { path: shard.path.clone(), reason });
                }
            }
        }
        if let Some((name, path)) = places.iter().find(|(name, _)| !stored.contains_key(*name)) {
            let reason = format!("the index places {name} in it, but it is not there");
            return Err(LoadError::Damaged { path: path.clone(), reason });
        }
        stored.retain(|name, _| !is_derived(name));
        Ok(stored)
    }

    /// Opens the ledger, lets `build` take tensors out of it, and settles it. Linear maps in floating point are quantised
    /// by `scheme`, if any; those that the file holds in few bits stay so.
    ///
    /// # Errors
    /// What `build` returns, or [`LoadError::Mismatch`] with everything that does not fit.
    pub fn load<T>(
        &self,
        scheme: Option<Scheme>,
        build: impl FnOnce(&mut Ledger<'_>) -> Result<T, LoadError>,
    ) -> Result<T, LoadError> {
        let mut ledger = Ledger {
            tensors: self.stored()?,
            scheme,
            bytes: 0,
            expert_bytes: 0,
            missing: Vec::new(),
            misfits: Vec::new(),
            beside: BTreeMap::new(),
            unfit: Vec::new(),
        };
        let built = build(&mut ledger)?;
        ledger.settle(&self.folder)?;
        Ok(built)
    }
}

fn check_place(places: &HashMap<String, PathBuf>, name: &str, path: &Path) -> Result<(), LoadError> {
    if places.is_empty() || places.get(name).is_some_and(|place| place == path) || is_derived(name) {
        return Ok(());
    }
    let reason = format!("it holds {name}, which the index does not place there");
    Err(LoadError::Damaged { path: path.to_owned(), reason })
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
    tensors: HashMap<String, Stored<'a>>,
    scheme: Option<Scheme>,
    /// Bytes of what was taken, in the form in which it is kept.
    bytes: u64,
    /// Of these, bytes of routed experts.
    expert_bytes: u64,
    missing: Vec<String>,
    misfits: Vec<Misfit>,
    /// What an adapter adds to maps not yet taken, by the map's name.
    beside: BTreeMap<String, Arc<LowRank>>,
    /// Where that does not fit its map.
    unfit: Vec<String>,
}

impl Ledger<'_> {
    /// Lets maps that are taken from here on have beside them what `adapter` adds.
    pub(crate) fn adapt(&mut self, adapter: &Adapter) {
        self.beside = adapter.maps();
    }

    /// Once all is taken: what of the adapter fits no map, in words.
    pub(crate) fn unfit(&mut self) -> Vec<String> {
        let unknown = std::mem::take(&mut self.beside).into_keys().map(|name| format!("the model has no {name}"));
        self.unfit.drain(..).chain(unknown).collect()
    }

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

    /// Takes a linear map out, `[N, K]`: packed if the file holds it so or if it is to be quantised, else in f32; with
    /// what an adapter adds to it.
    ///
    /// # Errors
    /// As [`Ledger::take`].
    pub fn linear(&mut self, name: &str, shape: [usize; 2]) -> Result<Linear, LoadError> {
        let map = self.bare_linear(name, shape)?;
        let module = name.strip_suffix(".weight").unwrap_or(name);
        let Some(low_rank) = self.beside.remove(module) else { return Ok(map) };
        if low_rank.shape != shape {
            self.unfit.push(format!("{module} is {shape:?}, the adapter is for {:?}", low_rank.shape));
            return Ok(map);
        }
        self.count(name, size_of_val(low_rank.down.as_slice()) + size_of_val(low_rank.up.as_slice()));
        Ok(map.beside(low_rank.beside()?))
    }

    fn bare_linear(&mut self, name: &str, shape: [usize; 2]) -> Result<Linear, LoadError> {
        let scheme = self.scheme.and_then(|scheme| scheme_of(name, &shape, scheme));
        let stored = match self.tensors.get(name) {
            Some(stored) => stored.packed(shape)?,
            None => None,
        };
        if stored.is_some() {
            self.tensors.remove(name);
        }
        let packed = match (stored, scheme) {
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
        let Some(stored) = self.tensors.remove(name) else {
            self.missing.push(name.to_owned());
            return None;
        };
        if stored.shape != shape || !matches!(stored.encoding, Encoding::Float(_)) {
            self.misfits.push(Misfit {
                name: name.to_owned(),
                found: format!("{:?} of {}", stored.shape, stored.encoding),
                expected: format!("{shape:?} of F32, F16 or BF16"),
            });
        }
        let lost = !self.missing.is_empty() || !self.misfits.is_empty();
        if lost { None } else { stored.widened() }
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

/// Lets the pages of `part` of a map go from this process: what was copied from them would be there twice. Who reads
/// them again gets them from the file, or from the system's cache of it.
///
/// A page that is read brings its neighbours with it, those of parts already let go among them, so these go as well.
fn release(map: &Mmap, part: &[u8]) {
    #[cfg(unix)]
    if let Some(from) = (part.as_ptr() as usize).checked_sub(map.as_ptr() as usize) {
        let end = (from + part.len() + READ_AROUND).min(map.len());
        let from = from.saturating_sub(READ_AROUND).min(end);
        // SAFETY: the range lies in the map, which is shared, read-only and of a file: a page that is let go comes back
        // with the same bytes, as any page does that the system took.
        #[expect(unsafe_code, reason = "for private or changed pages this advice would lose what they hold")]
        // It is advice: where the system takes none, more memory is used and nothing else.
        let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, from, end - from) };
    }
    #[cfg(not(unix))]
    let _ = (map, part);
}

/// Little-endian bytes of F16, BF16 or F32 to f32.
pub(crate) fn widen(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
    match dtype {
        Dtype::F16 => bytes.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::BF16 => bytes.as_chunks::<2>().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        _ => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
    }
}
