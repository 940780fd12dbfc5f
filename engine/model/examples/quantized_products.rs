//! Compares quantised products with candle's own on the same shapes in one run: `quantized_products [ROWS]...`.
//!
//! Prints the best of several rounds, ours and candle's in turn, as products (multiply and add) a second.

use std::time::Instant;

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{Device, Module, Tensor};
use lectern_model::quant::{Activations, Kernel, Packed, Scheme, multiply};

fn main() -> candle_core::Result<()> {
    let rows: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let rows = if rows.is_empty() { vec![1, 8, 64, 512] } else { rows };
    println!("kernel {}, {} threads", Kernel::best().name(), rayon::current_num_threads());
    for (outputs, inputs) in [(1024, 1024), (3072, 1024), (1024, 768), (768, 1024), (8192, 1024)] {
        for &rows in &rows {
            compare(rows, outputs, inputs)?;
        }
    }
    Ok(())
}

/// Seconds of the fastest of several rounds. The pause lets the other's threads, which may still spin, go to sleep.
fn fastest(rounds: usize, mut work: impl FnMut()) -> f64 {
    std::thread::sleep(std::time::Duration::from_millis(30));
    let mut best = f64::INFINITY;
    for _ in 0..rounds {
        let started = Instant::now();
        work();
        best = best.min(started.elapsed().as_secs_f64());
    }
    best
}

fn compare(rows: usize, outputs: usize, inputs: usize) -> candle_core::Result<()> {
    let value = |i: usize| ((i * 2_654_435_761) % 2003) as f32 / 1001.0 - 1.0;
    let weight: Vec<f32> = (0..outputs * inputs).map(value).collect();
    let x: Vec<f32> = (0..rows * inputs).map(|i| value(i + 99_991)).collect();
    let tensor = Tensor::from_slice(&weight, (outputs, inputs), &Device::Cpu)?;
    let input = Tensor::from_slice(&x, (rows, inputs), &Device::Cpu)?;
    for (scheme, dtype) in [(Scheme::Q4K, GgmlDType::Q4K), (Scheme::Q8_0, GgmlDType::Q8_0)] {
        let packed = Packed::quantize(&weight, inputs, scheme);
        let theirs = QMatMul::from_qtensor(QTensor::quantize(&tensor, dtype)?)?;
        let rounds = (2_000_000_000 / (rows * outputs * inputs)).clamp(3, 200);
        let best =
            fastest(rounds, || drop(std::hint::black_box(multiply(&Activations::quantize(&x, inputs), &packed))));
        let peer = fastest(rounds, || drop(std::hint::black_box(theirs.forward(&input))));
        let giga = (2 * rows * outputs * inputs) as f64 / 1e9;
        let bytes = packed.bytes().len() as f64 / 1e9;
        println!(
            "{rows:4} x [{outputs}, {inputs}] {dtype:?}: ours {:6.1} GFLOP/s ({:5.1} GB/s), candle {:6.1}, ratio {:.2}",
            giga / best,
            bytes / best,
            giga / peer,
            peer / best
        );
    }
    Ok(())
}
