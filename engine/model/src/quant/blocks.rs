//! Blocks of the GGUF format (ggml's `block_*` types), taken over without going through f32 where our groups can hold
//! them: both formats have 32 inputs to a scale.

use candle_core::quantized::{GgmlDType, ggml_file::qtensor_from_ggml};
use candle_core::{Device, Result};
use half::f16;

use super::pack::{Bits, Group, Packed, Scheme};
use super::{GROUP, PANEL};

/// Inputs of a K-type block.
const SUPER: usize = 256;
/// Outputs that are quantised anew at once.
const BAND: usize = 64 * PANEL;

/// Bytes of `count` values of a type; `None` where they fill no whole number of blocks.
pub(crate) fn bytes_of(kind: GgmlDType, count: usize) -> Option<usize> {
    count.is_multiple_of(kind.block_size()).then_some(count / kind.block_size())?.checked_mul(kind.type_size())
}

/// Bits of what [`pack`] makes of a type.
pub(crate) fn bits_of(kind: GgmlDType) -> Bits {
    match kind {
        GgmlDType::Q4_0 | GgmlDType::Q4_1 | GgmlDType::Q4K => Bits::Four,
        _ => Bits::Eight,
    }
}

/// A matrix `[outputs, inputs]` from its blocks, `bytes` being as long as [`bytes_of`] says. Q8_0, Q4_0 and Q4_1 stay
/// exactly what they are; of Q4_K the products of two scales are rounded to f16; all others, which have five bits or more
/// or another grouping, are quantised anew with eight bits. `None` where a row fills no whole number of groups or blocks.
///
/// # Errors
/// The numeric library does not know the type.
pub(crate) fn pack(kind: GgmlDType, bytes: &[u8], outputs: usize, inputs: usize) -> Result<Option<Packed>> {
    if !Packed::fits(inputs) || bytes_of(kind, outputs * inputs) != Some(bytes.len()) {
        return Ok(None);
    }
    let row = bytes.len() / outputs.max(1);
    let group: fn(&[u8], usize) -> Group = match kind {
        GgmlDType::Q8_0 => q8_0,
        GgmlDType::Q4_0 => q4_0,
        GgmlDType::Q4_1 => q4_1,
        GgmlDType::Q4K if inputs.is_multiple_of(SUPER) => q4_k,
        GgmlDType::Q4K => return Ok(None),
        _ => return anew(kind, bytes, outputs, inputs, row),
    };
    Ok(Some(Packed::from_groups(bits_of(kind), outputs, inputs, |n, g| group(&bytes[n * row..(n + 1) * row], g))))
}

/// A matrix quantised anew with eight bits, band by band: a large table in f32 would weigh several times its file.
fn anew(kind: GgmlDType, bytes: &[u8], outputs: usize, inputs: usize, row: usize) -> Result<Option<Packed>> {
    let mut packed = Vec::new();
    for band in bytes.chunks((BAND * row).max(1)) {
        let wide = widen(kind, band, &[band.len() / row, inputs])?;
        packed.extend_from_slice(Packed::quantize(&wide, inputs, Scheme::Q8_0).bytes());
    }
    Ok(Packed::owned(Bits::Eight, outputs, inputs, packed))
}

/// The values of blocks, by the numeric library.
///
/// # Errors
/// It does not know the type, or `bytes` is shorter than `shape` asks for.
pub(crate) fn widen(kind: GgmlDType, bytes: &[u8], shape: &[usize]) -> Result<Vec<f32>> {
    qtensor_from_ggml(kind, bytes, shape.to_vec(), &Device::Cpu)?.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1()
}

/// The f16 that lies at `at`.
fn half(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// `d | 32 integers`: `d * q`.
fn q8_0(row: &[u8], g: usize) -> Group {
    let block = &row[g * 34..(g + 1) * 34];
    // -128 is never written (the largest of a block becomes 127), and our integers have no such number.
    let integers = std::array::from_fn(|k| (block[2 + k] as i8).max(-127));
    Group { scale: half(block, 0), offset: 0.0, integers }
}

/// Sixteen bytes: inputs 0..16 in the lower halves, 16..32 in the upper.
fn nibbles(bytes: &[u8]) -> [i8; GROUP] {
    std::array::from_fn(|k| {
        let byte = bytes[k % 16];
        (if k < 16 { byte & 15 } else { byte >> 4 }) as i8
    })
}

/// `d | 16 bytes`: `d * (q - 8)`.
fn q4_0(row: &[u8], g: usize) -> Group {
    let block = &row[g * 18..(g + 1) * 18];
    let scale = half(block, 0);
    Group { scale, offset: 8.0 * scale, integers: nibbles(&block[2..]) }
}

/// `d | m | 16 bytes`: `d * q + m`.
fn q4_1(row: &[u8], g: usize) -> Group {
    let block = &row[g * 20..(g + 1) * 20];
    Group { scale: half(block, 0), offset: -half(block, 2), integers: nibbles(&block[4..]) }
}

/// `d | dmin | 12 bytes of 6-bit scales and minima | 128 bytes`: eight groups, `d * scale * q - dmin * minimum`. Groups
/// 2j and 2j + 1 are the lower and upper halves of 32 bytes.
fn q4_k(row: &[u8], g: usize) -> Group {
    let block = &row[g / 8 * 144..(g / 8 + 1) * 144];
    let (j, packed) = (g % 8, &block[4..16]);
    let (scale, minimum) = if j < 4 {
        (packed[j] & 63, packed[j + 4] & 63)
    } else {
        (packed[j + 4] & 15 | packed[j - 4] >> 6 << 4, packed[j + 4] >> 4 | packed[j] >> 6 << 4)
    };
    let bytes = &block[16 + j / 2 * 32..][..32];
    let integers = std::array::from_fn(|k| (if j % 2 == 0 { bytes[k] & 15 } else { bytes[k] >> 4 }) as i8);
    Group { scale: half(block, 0) * f32::from(scale), offset: half(block, 2) * f32::from(minimum), integers }
}

#[cfg(test)]
mod tests {
    use super::super::nearest;
    use super::*;
    use candle_core::Tensor;
    use candle_core::quantized::QTensor;

    #[test]
    fn blocks_become_what_the_library_reads_in_them() {
        let (outputs, inputs) = (37, 2 * SUPER);
        let noise = |i: usize| nearest(((i * 2_654_435_761) % 20_011) as f32 / 7.0) / 1000.0 - 1.4;
        let values: Vec<f32> = (0..outputs * inputs).map(noise).collect();
        let weight = Tensor::from_vec(values, (outputs, inputs), &Device::Cpu).unwrap();
        // Beside each type, how far a value may be off: nothing, the rounding of a scale, half a step of eight bits.
        for (kind, off) in [
            (GgmlDType::Q8_0, 0.0),
            (GgmlDType::Q4_0, 0.0),
            (GgmlDType::Q4_1, 0.0),
            (GgmlDType::Q4K, 2e-3),
            (GgmlDType::Q5_0, 8e-3),
            (GgmlDType::Q5_1, 8e-3),
            (GgmlDType::Q5K, 8e-3),
            (GgmlDType::Q6K, 8e-3),
        ] {
            let quantized = QTensor::quantize(&weight, kind).unwrap();
            let bytes = quantized.data().unwrap();
            let expected: Vec<f32> =
                quantized.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            let packed = pack(kind, &bytes, outputs, inputs).unwrap().unwrap();
            let found: Vec<f32> = (0..outputs).flat_map(|n| packed.row(n)).collect();
            let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
            assert!(worst <= off, "{kind:?} is off by {worst}");
            assert!(pack(kind, &bytes[1..], outputs, inputs).unwrap().is_none());
        }
    }
}
