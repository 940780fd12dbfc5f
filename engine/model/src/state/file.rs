//! A state on disk: `magic | version | header length | header (JSON) | values | checksum`, little-endian.
//!
//! The header states what the values are bound to (model, tokens read) and how they lie (layers, positions, bytes);
//! each is compared on its own before any value is used, and a BLAKE3 checksum over everything before it closes the
//! file. Values: for a lightning layer `[H, Dk, Dv]` in f32, for a softmax layer and each 256 positions keys and then
//! values `[positions, G, D]` in the precision they are kept in.

use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{KV_BLOCK, KvCache, KvPrecision, LayerState, LinearState, State, StateIdentity};
use crate::error::StateError;
use crate::model::Model;

/// Version of the file format. A change of layout or meaning raises it; older files are then read again from text.
pub const FORMAT_VERSION: u32 = 3;
const MAGIC: &[u8; 8] = b"LECSTATE";
const CHECKSUM_BYTES: u64 = 32;
/// A header longer than this is not ours; it bounds what a damaged length can make us allocate.
const LONGEST_HEADER: u32 = 1 << 20;
/// Rows of values converted at a time.
const ROWS_AT_ONCE: usize = 256;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    model_digest: String,
    prompt_digest: String,
    positions: usize,
    layers: Vec<LayerShape>,
    value_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LayerShape {
    /// `[H, D, D]`.
    Lightning { heads: usize, dim: usize },
    /// `[positions, G, D]` twice.
    Softmax { heads: usize, dim: usize, precision: KvPrecision },
}

impl LayerShape {
    fn of(layer: &LayerState) -> LayerShape {
        match layer {
            LayerState::Lightning(state) => LayerShape::Lightning { heads: state.heads, dim: state.dim },
            LayerState::Softmax(cache) => {
                LayerShape::Softmax { heads: cache.heads(), dim: cache.dim(), precision: cache.precision() }
            }
        }
    }

    /// Bytes of its values, or `None` if they do not fit.
    fn bytes(self, positions: usize) -> Option<usize> {
        match self {
            LayerShape::Lightning { heads, dim } => {
                heads.checked_mul(dim)?.checked_mul(dim)?.checked_mul(size_of::<f32>())
            }
            LayerShape::Softmax { heads, dim, precision } => {
                heads.checked_mul(positions)?.checked_mul(precision.bytes(dim))?.checked_mul(2)
            }
        }
    }
}

fn layout(state: &State) -> Vec<LayerShape> {
    state.layers.iter().map(LayerShape::of).collect()
}

fn value_bytes(layers: &[LayerShape], positions: usize) -> Option<u64> {
    let bytes = layers.iter().try_fold(0usize, |sum, layer| sum.checked_add(layer.bytes(positions)?))?;
    u64::try_from(bytes).ok()
}

/// Sends what passes through to a hasher as well.
struct Hashed<T> {
    inner: T,
    hasher: blake3::Hasher,
}

impl<T: Write> Hashed<T> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hasher.update(bytes);
        self.inner.write_all(bytes)
    }

    /// Rows of `dim` values.
    fn write_rows(&mut self, values: &[f32], dim: usize, precision: KvPrecision) -> std::io::Result<()> {
        let mut bytes = Vec::with_capacity(ROWS_AT_ONCE * precision.bytes(dim));
        for values in values.chunks(ROWS_AT_ONCE * dim) {
            bytes.clear();
            precision.encode(values, dim, &mut bytes);
            self.write(&bytes)?;
        }
        Ok(())
    }
}

impl<T: Read> Hashed<T> {
    fn read<const N: usize>(&mut self) -> std::io::Result<[u8; N]> {
        let mut bytes = [0u8; N];
        self.inner.read_exact(&mut bytes)?;
        self.hasher.update(&bytes);
        Ok(bytes)
    }

    fn read_bytes(&mut self, count: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0u8; count];
        self.inner.read_exact(&mut bytes)?;
        self.hasher.update(&bytes);
        Ok(bytes)
    }

    fn read_rows(&mut self, rows: usize, dim: usize, precision: KvPrecision) -> std::io::Result<Vec<f32>> {
        let mut values = Vec::with_capacity(rows * dim);
        let mut left = rows;
        while left > 0 {
            let now = left.min(ROWS_AT_ONCE);
            precision.decode(&self.read_bytes(now * precision.bytes(dim))?, dim, &mut values);
            left -= now;
        }
        Ok(values)
    }
}

/// Writes beside `path`, flushes to the disk, renames.
pub(super) fn save(state: &State, path: &Path, identity: &StateIdentity) -> Result<(), StateError> {
    if state.half_written {
        return Err(StateError::HalfWrittenState);
    }
    let unwritten = |source| StateError::Io { action: "write", path: path.to_owned(), source };
    let partial = partial_path(path);
    let written = write_file(state, &partial, identity);
    let renamed = written.and_then(|()| std::fs::rename(&partial, path));
    match renamed {
        Ok(()) => sync_folder(path).map_err(unwritten),
        Err(error) => {
            // The error at hand says more than one about a left-over would.
            let _ = std::fs::remove_file(&partial);
            Err(unwritten(error))
        }
    }
}

fn partial_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}

/// Makes the rename itself durable.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        #[cfg(unix)]
        Some(parent) => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

fn write_file(state: &State, path: &Path, identity: &StateIdentity) -> std::io::Result<()> {
    let layers = layout(state);
    let too_large = || std::io::Error::new(ErrorKind::InvalidData, "the state is too large for a file");
    let header = Header {
        model_digest: identity.model_digest.clone(),
        prompt_digest: identity.prompt_digest.clone(),
        positions: state.positions,
        value_bytes: value_bytes(&layers, state.positions).ok_or_else(too_large)?,
        layers,
    };
    let header = serde_json::to_vec(&header)?;
    let header_bytes = u32::try_from(header.len()).ok().filter(|&n| n <= LONGEST_HEADER).ok_or_else(too_large)?;
    let mut out = Hashed { inner: BufWriter::new(File::create(path)?), hasher: blake3::Hasher::new() };
    out.write(MAGIC)?;
    out.write(&FORMAT_VERSION.to_le_bytes())?;
    out.write(&header_bytes.to_le_bytes())?;
    out.write(&header)?;
    for layer in &state.layers {
        match layer {
            LayerState::Lightning(linear) => out.write_rows(linear.values(), linear.dim, KvPrecision::F32)?,
            LayerState::Softmax(cache) => {
                for (keys, values) in cache.rows_by_block() {
                    out.write_rows(&keys, cache.dim(), cache.precision())?;
                    out.write_rows(&values, cache.dim(), cache.precision())?;
                }
            }
        }
    }
    let checksum = out.hasher.finalize();
    out.inner.write_all(checksum.as_bytes())?;
    let file = out.inner.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all()
}

/// Reads and compares, first the header field by field, then length and checksum.
pub(super) fn restore(path: &Path, model: &Model, identity: &StateIdentity) -> Result<State, StateError> {
    let unread = |source| StateError::Io { action: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(unread)?;
    let found = file.metadata().map_err(unread)?.len();
    let mut input = Hashed { inner: BufReader::with_capacity(1 << 16, file), hasher: blake3::Hasher::new() };
    let header_end = |source: std::io::Error| match source.kind() {
        ErrorKind::UnexpectedEof => StateError::NotAState { path: path.to_owned() },
        _ => unread(source),
    };
    if input.read::<8>().map_err(header_end)? != *MAGIC {
        return Err(StateError::NotAState { path: path.to_owned() });
    }
    let version = u32::from_le_bytes(input.read().map_err(header_end)?);
    if version != FORMAT_VERSION {
        return Err(StateError::Version { path: path.to_owned(), found: version, expected: FORMAT_VERSION });
    }
    let header_bytes = u32::from_le_bytes(input.read().map_err(header_end)?);
    if header_bytes > LONGEST_HEADER {
        return Err(StateError::Checksum { path: path.to_owned() });
    }
    let header = input.read_bytes(header_bytes as usize).map_err(header_end)?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| StateError::Checksum { path: path.to_owned() })?;
    let mut state = model.new_state();
    compare(&header, &state, model, path, identity)?;
    let expected = 16 + u64::from(header_bytes) + header.value_bytes + CHECKSUM_BYTES;
    if found != expected {
        return Err(StateError::Length { path: path.to_owned(), found, expected });
    }
    for layer in &mut state.layers {
        read_layer(&mut input, layer, header.positions, path)?;
    }
    let computed = input.hasher.finalize();
    let mut stored = [0u8; CHECKSUM_BYTES as usize];
    input.inner.read_exact(&mut stored).map_err(unread)?;
    if computed != stored {
        return Err(StateError::Checksum { path: path.to_owned() });
    }
    state.positions = header.positions;
    Ok(state)
}

fn compare(
    header: &Header,
    fresh: &State,
    model: &Model,
    path: &Path,
    identity: &StateIdentity,
) -> Result<(), StateError> {
    let path = || path.to_owned();
    for expected in [&identity.model_digest, model.digest()] {
        if header.model_digest != *expected {
            let found = header.model_digest.clone();
            return Err(StateError::Model { path: path(), found, expected: expected.to_owned() });
        }
    }
    if header.prompt_digest != identity.prompt_digest {
        return Err(StateError::Prompt {
            path: path(),
            found: header.prompt_digest.clone(),
            expected: identity.prompt_digest.clone(),
        });
    }
    let expected = layout(fresh);
    if header.layers.len() != expected.len() {
        let reason = format!("{} layers, not {}", header.layers.len(), expected.len());
        return Err(StateError::Layout { path: path(), reason });
    }
    for (index, (found, expected)) in header.layers.iter().zip(&expected).enumerate() {
        if found != expected {
            let reason = format!("layer {index} is {found:?}, not {expected:?}");
            return Err(StateError::Layout { path: path(), reason });
        }
    }
    let limit = model.config().context_length;
    if header.positions > limit {
        let reason = format!("{} positions where the model takes {limit}", header.positions);
        return Err(StateError::Layout { path: path(), reason });
    }
    if value_bytes(&header.layers, header.positions) != Some(header.value_bytes) {
        let reason = format!("{} bytes of values do not fit its layers", header.value_bytes);
        return Err(StateError::Layout { path: path(), reason });
    }
    Ok(())
}

fn read_layer(
    input: &mut Hashed<impl Read>,
    layer: &mut LayerState,
    positions: usize,
    path: &Path,
) -> Result<(), StateError> {
    let unread = |source| StateError::Io { action: "read", path: path.to_owned(), source };
    match layer {
        LayerState::Lightning(LinearState { heads, dim, values }) => {
            *values = std::sync::Arc::new(input.read_rows(*heads * *dim, *dim, KvPrecision::F32).map_err(unread)?);
        }
        LayerState::Softmax(cache) => {
            let (heads, dim, precision) = (cache.heads(), cache.dim(), cache.precision());
            *cache = KvCache::new(heads, dim, precision);
            for from in (0..positions).step_by(KV_BLOCK) {
                let rows = KV_BLOCK.min(positions - from) * heads;
                let keys = input.read_rows(rows, dim, precision).map_err(unread)?;
                let values = input.read_rows(rows, dim, precision).map_err(unread)?;
                cache.append(&keys, &values);
            }
        }
    }
    Ok(())
}
