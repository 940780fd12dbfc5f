//! Numbers in 32, 16 or 8 bits: how keys and values are kept, and how they lie in a file.

use std::borrow::Cow;
use std::ops::Range;

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

/// Dimensions of a head at one position that share a scale where numbers are kept in 8 bits.
pub(super) const SHARING: usize = 16;

/// How keys and values are kept. Scores and sums are made in f32 either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KvPrecision {
    /// As computed.
    #[default]
    F32,
    /// Half the memory, for a rounding of 1 in 2,048.
    F16,
    /// Little more than a quarter of the memory: whole numbers up to 127 in either direction, with a scale in bf16 for
    /// each 16 dimensions.
    Q8,
}

impl KvPrecision {
    /// All of them, the most exact first.
    #[must_use]
    pub fn all() -> [KvPrecision; 3] {
        [KvPrecision::F32, KvPrecision::F16, KvPrecision::Q8]
    }

    /// Its name on the command line and in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            KvPrecision::F32 => "f32",
            KvPrecision::F16 => "f16",
            KvPrecision::Q8 => "q8",
        }
    }

    /// Bytes of the `dim` numbers of one head at one position.
    #[must_use]
    pub fn bytes(self, dim: usize) -> usize {
        match self {
            KvPrecision::F32 => dim * size_of::<f32>(),
            KvPrecision::F16 => dim * size_of::<f16>(),
            KvPrecision::Q8 => dim + dim.div_ceil(SHARING) * size_of::<bf16>(),
        }
    }

    /// Appends rows of `dim` values to `bytes`, little-endian. Values that were kept in this precision lose nothing.
    pub(super) fn encode(self, rows: &[f32], dim: usize, bytes: &mut Vec<u8>) {
        match self {
            KvPrecision::F32 => bytes.extend(rows.iter().flat_map(|value| value.to_le_bytes())),
            KvPrecision::F16 => bytes.extend(rows.iter().flat_map(|value| narrow(*value).to_le_bytes())),
            KvPrecision::Q8 => {
                for group in rows.chunks_exact(dim).flat_map(|row| row.chunks(SHARING)) {
                    let scale = scale_of(group);
                    bytes.extend(scale.to_le_bytes());
                    bytes.extend(group.iter().map(|value| integer(*value, scale) as u8));
                }
            }
        }
    }

    /// Appends to `rows` what [`KvPrecision::encode`] made of whole rows of `dim` values.
    pub(super) fn decode(self, bytes: &[u8], dim: usize, rows: &mut Vec<f32>) {
        match self {
            KvPrecision::F32 => rows.extend(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b))),
            KvPrecision::F16 => rows.extend(bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32())),
            KvPrecision::Q8 => {
                for row in bytes.chunks_exact(self.bytes(dim)) {
                    for group in row.chunks(size_of::<bf16>() + SHARING) {
                        let Some((scale, integers)) = group.split_first_chunk() else { continue };
                        let scale = bf16::from_le_bytes(*scale).to_f32();
                        rows.extend(integers.iter().map(|q| f32::from(*q as i8) * scale));
                    }
                }
            }
        }
    }
}

/// A name that is no precision's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the precision `{name}` is not known; there are {}", KvPrecision::all().map(KvPrecision::name).join(", "))]
pub struct UnknownPrecision {
    /// The name.
    pub name: String,
}

impl std::str::FromStr for KvPrecision {
    type Err = UnknownPrecision;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::all().into_iter().find(|precision| precision.name() == name);
        found.ok_or_else(|| UnknownPrecision { name: name.to_owned() })
    }
}

/// A value beyond f16's range would become infinite and poison every later score.
fn narrow(value: f32) -> f16 {
    f16::from_f32(value.clamp(-65_504.0, 65_504.0))
}

/// Scale that makes the largest of a group 127; in bf16, whose precision is the same for small scales and large. The
/// rounded scale is off by less than 1 in 512, so the largest still becomes 127, and from what it stands for then, the
/// same scale is found again.
fn scale_of(group: &[f32]) -> bf16 {
    bf16::from_f32(group.iter().fold(0f32, |m, v| m.max(v.abs())) / 127.0)
}

fn integer(value: f32, scale: bf16) -> i8 {
    let scale = scale.to_f32();
    if scale == 0.0 { 0 } else { (value / scale).round().clamp(-127.0, 127.0) as i8 }
}

/// Numbers of one cache block, by place.
#[derive(Clone, Debug)]
pub(super) enum Numbers {
    F32(Vec<f32>),
    F16(Vec<f16>),
    Q8 { integers: Vec<i8>, scales: Vec<bf16> },
}

/// Which of a block's scales belong to which of a strip's numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scales {
    /// `[_, 16]` numbers and a scale for each column and each [`SHARING`] rows: a strip of keys.
    Columns,
    /// `[_, width]` numbers and a scale for each row: a strip of values.
    Rows(usize),
}

impl Numbers {
    /// `scales`: how many groups share a scale.
    pub(super) fn zeros(precision: KvPrecision, count: usize, scales: usize) -> Self {
        match precision {
            KvPrecision::F32 => Numbers::F32(vec![0.0; count]),
            KvPrecision::F16 => Numbers::F16(vec![f16::ZERO; count]),
            KvPrecision::Q8 => Numbers::Q8 { integers: vec![0; count], scales: vec![bf16::ZERO; scales] },
        }
    }

    /// Writes up to [`SHARING`] numbers, the d-th at `place(d)`, and the scale they share.
    pub(super) fn put(&mut self, group: &[f32], place: impl Fn(usize) -> usize, scale_place: usize) {
        let places = group.iter().enumerate().map(|(d, value)| (place(d), *value));
        match self {
            Numbers::F32(values) => places.for_each(|(at, value)| values[at] = value),
            Numbers::F16(values) => places.for_each(|(at, value)| values[at] = narrow(value)),
            Numbers::Q8 { integers, scales } => {
                let scale = scale_of(group);
                scales[scale_place] = scale;
                places.for_each(|(at, value)| integers[at] = integer(value, scale));
            }
        }
    }

    /// The numbers in `range`, where they are kept in f16.
    pub(super) fn halves(&self, range: Range<usize>) -> Option<&[f16]> {
        match self {
            Numbers::F16(values) => values.get(range),
            Numbers::F32(_) | Numbers::Q8 { .. } => None,
        }
    }

    /// The numbers in `range`, widened where they are not in f32. `scales`: where their scales lie and how they apply.
    pub(super) fn widened(&self, range: Range<usize>, scales: (Range<usize>, Scales)) -> Cow<'_, [f32]> {
        match self {
            Numbers::F32(values) => values[range].into(),
            Numbers::F16(values) => {
                let mut wide = vec![0f32; range.len()];
                values[range].convert_to_f32_slice(&mut wide);
                wide.into()
            }
            Numbers::Q8 { integers, scales: all } => {
                let mut wide: Vec<f32> = integers[range].iter().map(|q| f32::from(*q)).collect();
                scale(&mut wide, &all[scales.0], scales.1);
                wide.into()
            }
        }
    }
}

fn scale(wide: &mut [f32], scales: &[bf16], how: Scales) {
    let mut factors = vec![0f32; scales.len()];
    scales.convert_to_f32_slice(&mut factors);
    match how {
        Scales::Columns => {
            for (rows, factors) in wide.chunks_mut(SHARING * SHARING).zip(factors.chunks_exact(SHARING)) {
                for row in rows.chunks_exact_mut(SHARING) {
                    row.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
                }
            }
        }
        Scales::Rows(width) => {
            for (row, factor) in wide.chunks_exact_mut(width).zip(factors) {
                row.iter_mut().for_each(|value| *value *= factor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_decoded_is_encoded_to_the_same_bytes(
            values in proptest::collection::vec(-300f32..300.0, 1..40), size in -20i32..8, repeat in 1usize..4,
        ) {
            let values: Vec<f32> = values.iter().map(|v| v * 2f32.powi(size)).collect();
            let (rows, dim) = (values.repeat(repeat), values.len());
            for precision in KvPrecision::all() {
                let (mut bytes, mut back, mut again) = (Vec::new(), Vec::new(), Vec::new());
                precision.encode(&rows, dim, &mut bytes);
                prop_assert_eq!(bytes.len(), repeat * precision.bytes(dim));
                precision.decode(&bytes, dim, &mut back);
                precision.encode(&back, dim, &mut again);
                prop_assert_eq!(&bytes, &again);
                let largest = values.iter().fold(0f32, |m, v| m.max(v.abs()));
                for (value, back) in rows.iter().zip(&back) {
                    // Half a step of 1/127, and of the rounded scale.
                    prop_assert!((value - back).abs() <= largest * 0.005 + 1e-7, "{value} became {back}");
                }
            }
        }
    }
}
