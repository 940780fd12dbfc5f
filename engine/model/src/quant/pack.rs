//! Quantised weight matrices: made from f32 or from the blocks of other formats, kept in memory or in a mapped file.

use std::ops::Range;
use std::sync::Arc;

use half::f16;
use memmap2::Mmap;
use rayon::prelude::*;

use super::{GROUP, LANE, PANEL, nearest};

/// Bits of a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// 0..=15, with a scale and an offset for each group: 5 bits a weight in all.
    Four,
    /// -127..=127, with a scale for each group: 8.5 bits a weight in all.
    Eight,
}

impl Bits {
    /// Bytes of the integers of one block.
    pub(super) const fn integers(self) -> usize {
        match self {
            Bits::Four => PANEL * GROUP / 2,
            Bits::Eight => PANEL * GROUP,
        }
    }

    /// Bytes of one block: integers, scales and, for four bits, offsets.
    pub(crate) const fn block(self) -> usize {
        match self {
            Bits::Four => self.integers() + 2 * PANEL * size_of::<f16>(),
            Bits::Eight => self.integers() + PANEL * size_of::<f16>(),
        }
    }
}

/// How f32 weights become integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Eight bits.
    Q8_0,
    /// Four bits, symmetric about zero.
    Q4_0,
    /// Four bits with an offset for each group, scales chosen by least squares, as Q4_K does.
    Q4K,
}

impl Scheme {
    /// All schemes.
    #[must_use]
    pub fn all() -> [Scheme; 3] {
        [Scheme::Q8_0, Scheme::Q4K, Scheme::Q4_0]
    }

    /// Its name on the command line and in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Q8_0 => "q8_0",
            Scheme::Q4_0 => "q4_0",
            Scheme::Q4K => "q4_k",
        }
    }

    /// Its bits.
    #[must_use]
    pub fn bits(self) -> Bits {
        match self {
            Scheme::Q8_0 => Bits::Eight,
            Scheme::Q4_0 | Scheme::Q4K => Bits::Four,
        }
    }
}

/// A name that is no scheme's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the quantisation `{name}` is not known; there are {}", Scheme::all().map(Scheme::name).join(", "))]
pub struct UnknownScheme {
    /// The name.
    pub name: String,
}

impl std::str::FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::all().into_iter().find(|scheme| scheme.name() == name);
        found.ok_or_else(|| UnknownScheme { name: name.to_owned() })
    }
}

/// One output's weights of one group: `scale * q - offset`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) scale: f32,
    pub(super) offset: f32,
    pub(super) integers: [i8; GROUP],
}

/// Where the blocks lie.
#[derive(Clone)]
enum Bytes {
    Owned(Arc<Vec<u8>>),
    Mapped(Arc<Mmap>, Range<usize>),
}

/// A quantised weight matrix `[N, K]`. Cloning shares it.
#[derive(Clone)]
pub struct Packed {
    bits: Bits,
    outputs: usize,
    inputs: usize,
    bytes: Bytes,
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Packed({:?} [{}, {}])", self.bits, self.outputs, self.inputs)
    }
}

impl Packed {
    /// Whether a matrix with that many inputs can be packed.
    #[must_use]
    pub fn fits(inputs: usize) -> bool {
        inputs > 0 && inputs.is_multiple_of(GROUP)
    }

    /// Quantises `weight`, `[N, K]` with K a multiple of [`GROUP`] (see [`Packed::fits`]).
    ///
    /// # Panics
    /// K is 0.
    #[must_use]
    pub fn quantize(weight: &[f32], inputs: usize, scheme: Scheme) -> Packed {
        let outputs = weight.len() / inputs;
        Self::from_groups(scheme.bits(), outputs, inputs, |n, g| {
            let at = n * inputs + g * GROUP;
            let values: [f32; GROUP] = std::array::from_fn(|k| weight[at + k]);
            match scheme {
                Scheme::Q8_0 => symmetric_eight(&values),
                Scheme::Q4_0 => symmetric_four(&values),
                Scheme::Q4K => affine_four(&values),
            }
        })
    }

    /// Packs groups that are quantised already; `group(n, g)` is called once for each.
    pub(super) fn from_groups(
        bits: Bits,
        outputs: usize,
        inputs: usize,
        group: impl Fn(usize, usize) -> Group + Sync,
    ) -> Packed {
        let groups = inputs / GROUP;
        let mut bytes = vec![0u8; outputs.div_ceil(PANEL) * groups * bits.block()];
        bytes.par_chunks_exact_mut(groups * bits.block()).enumerate().for_each(|(panel, bytes)| {
            for (g, block) in bytes.chunks_exact_mut(bits.block()).enumerate() {
                for lane in 0..PANEL.min(outputs - panel * PANEL) {
                    write_group(bits, block, lane, &group(panel * PANEL + lane, g));
                }
            }
        });
        Packed { bits, outputs, inputs, bytes: Bytes::Owned(Arc::new(bytes)) }
    }

    /// A matrix of blocks that are made already. `None` where `bytes` is not as long as such a matrix.
    pub(super) fn owned(bits: Bits, outputs: usize, inputs: usize, bytes: Vec<u8>) -> Option<Packed> {
        let fits = Self::fits(inputs) && Some(bytes.len()) == Self::long(bits, outputs, inputs);
        fits.then(|| Packed { bits, outputs, inputs, bytes: Bytes::Owned(Arc::new(bytes)) })
    }

    /// Bytes of all blocks.
    fn long(bits: Bits, outputs: usize, inputs: usize) -> Option<usize> {
        outputs.div_ceil(PANEL).checked_mul(inputs / GROUP)?.checked_mul(bits.block())
    }

    /// A matrix whose blocks lie in a mapped file. `None` where `range` is not as long as such a matrix.
    #[must_use]
    pub fn mapped(bits: Bits, outputs: usize, inputs: usize, map: &Arc<Mmap>, range: Range<usize>) -> Option<Packed> {
        let fits =
            Self::fits(inputs) && Some(range.len()) == Self::long(bits, outputs, inputs) && range.end <= map.len();
        fits.then(|| Packed { bits, outputs, inputs, bytes: Bytes::Mapped(Arc::clone(map), range) })
    }

    /// Bits of a weight.
    #[must_use]
    pub fn bits(&self) -> Bits {
        self.bits
    }

    /// N.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// K.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// All blocks, panel by panel, in each panel group by group.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Owned(bytes) => bytes,
            Bytes::Mapped(map, range) => map.get(range.clone()).unwrap_or_default(),
        }
    }

    pub(super) fn groups(&self) -> usize {
        self.inputs / GROUP
    }

    pub(super) fn panels(&self) -> usize {
        self.outputs.div_ceil(PANEL)
    }

    /// The blocks of one panel.
    pub(super) fn panel(&self, index: usize) -> &[u8] {
        let long = self.groups() * self.bits.block();
        &self.bytes()[index * long..(index + 1) * long]
    }

    /// The weights of one output, `[K]`, widened.
    ///
    /// # Panics
    /// There is no such output.
    #[must_use]
    pub fn row(&self, output: usize) -> Vec<f32> {
        let blocks = self.panel(output / PANEL).chunks_exact(self.bits.block());
        blocks.flat_map(|block| read_group(self.bits, block, output % PANEL)).collect()
    }
}

/// Place of an integer in its block, and whether it is the upper half of its byte. Of four bits, a byte holds the inputs
/// k and k + 16.
fn place(bits: Bits, lane: usize, k: usize) -> (usize, bool) {
    let (step, within) = (k / LANE, k % LANE);
    let at = |step: usize| (step * PANEL + lane) * LANE + within;
    match bits {
        Bits::Four => (at(step % LANE), step >= LANE),
        Bits::Eight => (at(step), false),
    }
}

fn write_group(bits: Bits, block: &mut [u8], lane: usize, group: &Group) {
    for (k, &q) in group.integers.iter().enumerate() {
        let (at, upper) = place(bits, lane, k);
        match bits {
            Bits::Four => block[at] |= (q as u8 & 15) << if upper { 4 } else { 0 },
            Bits::Eight => block[at] = q as u8,
        }
    }
    let mut write = |index: usize, value: f32| {
        let at = bits.integers() + (index * PANEL + lane) * 2;
        block[at..at + 2].copy_from_slice(&f16::from_f32(value).to_le_bytes());
    };
    write(0, group.scale);
    if bits == Bits::Four {
        write(1, group.offset);
    }
}

/// The `index`-th f16 behind the integers of a block: scales first, then offsets.
pub(super) fn factor(bits: Bits, block: &[u8], index: usize) -> f32 {
    let at = bits.integers() + index * 2;
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// One integer of a block.
pub(super) fn integer(bits: Bits, block: &[u8], lane: usize, k: usize) -> i32 {
    let (at, upper) = place(bits, lane, k);
    match bits {
        Bits::Four => i32::from(if upper { block[at] >> 4 } else { block[at] & 15 }),
        Bits::Eight => i32::from(block[at] as i8),
    }
}

fn read_group(bits: Bits, block: &[u8], lane: usize) -> impl Iterator<Item = f32> {
    let scale = factor(bits, block, lane);
    let offset = if bits == Bits::Four { factor(bits, block, PANEL + lane) } else { 0.0 };
    (0..GROUP).map(move |k| scale * integer(bits, block, lane, k) as f32 - offset)
}

fn symmetric_eight(values: &[f32; GROUP]) -> Group {
    let largest = values.iter().fold(0f32, |m, v| m.max(v.abs()));
    let scale = f16::from_f32(largest / 127.0).to_f32();
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    Group { scale, offset: 0.0, integers: values.map(|v| (v * inverse).round().clamp(-127.0, 127.0) as i8) }
}

fn symmetric_four(values: &[f32; GROUP]) -> Group {
    // The value farthest from zero becomes -8 exactly, as in Q4_0.
    let farthest = values.iter().copied().fold(0f32, |m, v| if v.abs() > m.abs() { v } else { m });
    let scale = f16::from_f32(farthest / -8.0).to_f32();
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    let integers = values.map(|v| (v * inverse + 8.0).round().clamp(0.0, 15.0) as i8);
    Group { scale, offset: scale * 8.0, integers }
}

/// The best of several ranges: for each, integers by rounding, then scale and offset by least squares.
fn affine_four(values: &[f32; GROUP]) -> Group {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut best: Option<(f32, Group)> = None;
    // The whole range first: weights that were on a grid of sixteen steps are found on it again. Cutting off the ends a
    // little often serves the many values in the middle.
    for levels in [15.0, 15.35, 14.65, 15.7, 16.05, 16.4, 16.75, 17.1] {
        let scale = (high - low) / levels;
        let integers = quantized(values, scale, -low);
        let (scale, offset) = least_squares(values, &integers).unwrap_or((scale, -low));
        let group = rounded(values, scale, offset);
        let error: f32 = (values.iter().zip(&group.integers))
            .map(|(v, q)| (group.scale * f32::from(*q) - group.offset - v).powi(2))
            .sum();
        if best.as_ref().is_none_or(|(least, _)| error < *least) {
            best = Some((error, group));
        }
        if error <= 1e-7 * (high - low).powi(2) {
            break;
        }
    }
    best.map_or_else(|| rounded(values, 0.0, -low), |(_, group)| group)
}

/// With scale and offset as they will be stored.
fn rounded(values: &[f32; GROUP], scale: f32, offset: f32) -> Group {
    let (scale, offset) = (f16::from_f32(scale).to_f32(), f16::from_f32(offset).to_f32());
    Group { scale, offset, integers: quantized(values, scale, offset) }
}

fn quantized(values: &[f32; GROUP], scale: f32, offset: f32) -> [i8; GROUP] {
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    values.map(|v| nearest(((v + offset) * inverse).clamp(0.0, 15.0)) as i8)
}

/// Scale and offset that bring `scale * q - offset` nearest to the values; `None` where all q are equal.
fn least_squares(values: &[f32; GROUP], integers: &[i8; GROUP]) -> Option<(f32, f32)> {
    let n = GROUP as f32;
    let (mut q1, mut q2, mut v1, mut qv) = (0f32, 0f32, 0f32, 0f32);
    for (v, q) in values.iter().zip(integers) {
        let q = f32::from(*q);
        q1 += q;
        q2 += q * q;
        v1 += v;
        qv += q * v;
    }
    let spread = n * q2 - q1 * q1;
    (spread > 0.0).then(|| {
        let scale = (n * qv - q1 * v1) / spread;
        (scale, (scale * q1 - v1) / n)
    })
}
