//! Compares quantised products with candle's own on the same shapes in one run: `quantized_products [ROWS]...`.
//!
//! Prints the best of several rounds, ours and candle's in turn, as products (multiply and add) a second; then a mixture of
//! 32 experts of 768, two a token, for as many tokens, which candle 0.11.1 makes expert by expert.

use std::time::Instant;

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{Device, Module, Tensor};
use lectern_model::quant::{Activations, Chosen, Expert, Kernel, Packed, Scheme, experts, multiply};

/// Width, inner width and number of the experts.
const EXPERTS: (usize, usize, usize) = (1024, 768, 32);

fn main() -> candle_core::Result<()> {
    let rows: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let rows = if rows.is_empty() { vec![1, 8, 64, 512] } else { rows };
    println!("kernel {}, {} threads", Kernel::best().name(), rayon::current_num_threads());
    for (outputs, inputs) in [(1024, 1024), (3072, 1024), (1024, 768), (768, 1024), (8192, 1024)] {
        for &rows in &rows {
            compare(rows, outputs, inputs)?;
        }
    }
    for &rows in &rows {
        compare_experts(rows)?;
    }
    Ok(())
}

fn value(i: usize) -> f32 {
    ((i * 2_654_435_761) % 2003) as f32 / 1001.0 - 1.0
}

/// [`fastest`] from inside our thread pool, where the engine makes all its products.
fn fastest_in_pool(rounds: usize, work: impl FnMut() + Send) -> f64 {
    rayon::scope(|_| fastest(rounds, work))
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
    let weight: Vec<f32> = (0..outputs * inputs).map(value).collect();
    let x: Vec<f32> = (0..rows * inputs).map(|i| value(i + 99_991)).collect();
    let tensor = Tensor::from_slice(&weight, (outputs, inputs), &Device::Cpu)?;
    let input = Tensor::from_slice(&x, (rows, inputs), &Device::Cpu)?;
    for (scheme, dtype) in [(Scheme::Q4K, GgmlDType::Q4K), (Scheme::Q8_0, GgmlDType::Q8_0)] {
        let packed = Packed::quantize(&weight, inputs, scheme);
        let theirs = QMatMul::from_qtensor(QTensor::quantize(&tensor, dtype)?)?;
        let rounds = (2_000_000_000 / (rows * outputs * inputs)).clamp(3, 200);
        let best = fastest_in_pool(rounds, || {
            drop(std::hint::black_box(multiply(&Activations::quantize(&x, inputs), &packed)))
        });
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

fn compare_experts(tokens: usize) -> candle_core::Result<()> {
    let (width, inner, count) = EXPERTS;
    let (mut ours, mut theirs): (Vec<Expert>, Vec<[QMatMul; 3]>) = (Vec::new(), Vec::new());
    for expert in 0..count {
        let weights = [(inner, width, 0), (inner, width, 1), (width, inner, 2)].map(|(n, k, which)| {
            (n, k, (0..n * k).map(|i| value(i + 7 * expert + which) / 16.0).collect::<Vec<f32>>())
        });
        let [gate, up, down] = weights.each_ref().map(|(_, k, weight)| Packed::quantize(weight, *k, Scheme::Q4K));
        ours.extend(Expert::new(gate, up, down));
        let mut maps = Vec::new();
        for (n, k, weight) in &weights {
            let weight = Tensor::from_slice(weight, (*n, *k), &Device::Cpu)?;
            maps.push(QMatMul::from_qtensor(QTensor::quantize(&weight, GgmlDType::Q4K)?)?);
        }
        theirs.extend(<[QMatMul; 3]>::try_from(maps));
    }
    let x: Vec<f32> = (0..tokens * width).map(value).collect();
    let input = Tensor::from_slice(&x, (tokens, width), &Device::Cpu)?;
    let mut chosen: Vec<Chosen> = vec![Vec::new(); count];
    for t in 0..tokens {
        chosen[t * 7 % count].push((t, 0.75));
        chosen[(t * 7 + 1 + t % 5) % count].push((t, 0.25));
    }
    let refs: Vec<&Expert> = ours.iter().collect();
    let rounds = (200 / tokens.max(1)).clamp(3, 50);
    let best = fastest_in_pool(rounds, || {
        drop(std::hint::black_box(experts(&Activations::quantize(&x, width), &refs, &chosen)))
    });
    let peer = fastest(rounds, || drop(std::hint::black_box(one_by_one(&input, &theirs, &chosen))));
    let giga = (2 * tokens * 2 * 3 * width * inner) as f64 / 1e9;
    println!(
        "{tokens:4} tokens, 2 of {count} experts of {inner}, Q4K: ours {:6.1} GFLOP/s, candle {:6.1}, ratio {:.2}",
        giga / best,
        giga / peer,
        peer / best
    );
    Ok(())
}

/// A mixture through candle's quantised products: the rows of each expert gathered, its three maps, and the rows added.
fn one_by_one(x: &Tensor, experts: &[[QMatMul; 3]], chosen: &[Chosen]) -> candle_core::Result<Tensor> {
    let mut out = x.zeros_like()?;
    for ([gate, up, down], chosen) in experts.iter().zip(chosen).filter(|(_, chosen)| !chosen.is_empty()) {
        let rows: Vec<u32> = chosen.iter().map(|(t, _)| *t as u32).collect();
        let weights: Vec<f32> = chosen.iter().map(|(_, weight)| *weight).collect();
        let rows = Tensor::new(rows, &Device::Cpu)?;
        let some = x.index_select(&rows, 0)?;
        let inner = (gate.forward(&some)?.silu()? * up.forward(&some)?)?;
        let made = down.forward(&inner)?.broadcast_mul(&Tensor::from_vec(weights, (chosen.len(), 1), &Device::Cpu)?)?;
        out = out.index_add(&rows, &made, 0)?;
    }
    Ok(out)
}
