//! Measures a model on this machine: tokens a second, beside what the machine could do at most.
//!
//! Ceilings are measured in the same run, over all threads: reading memory, and multiplying and adding in f32.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use rayon::prelude::*;
use serde::Serialize;

use crate::error::{ModelError, StateError};
use crate::model::{Model, Want};
use crate::quant::Kernel;
use crate::session::{Session, SessionError};
use crate::state::{State, StateIdentity};

/// Bytes read to measure memory: far more than any cache holds.
const READ_BYTES: usize = 256 << 20;
/// Rounds of the f32 loop in each thread.
const ROUNDS: usize = 2_000_000;
/// Independent sums of one thread: enough to hide the latency of fused operations.
const SUMS: usize = 10;

/// What a machine can do at most.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ceilings {
    /// Threads used.
    pub threads: usize,
    /// The kernel for quantised products.
    pub kernel: &'static str,
    /// Memory read in a second, in GB.
    pub read_gb_s: f64,
    /// Multiplications and additions in f32 in a second, in billions.
    pub f32_gflop_s: f64,
}

/// A model at one length.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Measure {
    /// Tokens read.
    pub tokens: usize,
    /// Tokens read in a second.
    pub prefill_tokens_s: f64,
    /// Share of the machine's f32 operations that reading amounts to; quantised products may pass 1.
    pub prefill_share_of_f32: f64,
    /// Tokens written in a second, after that many read.
    pub decode_tokens_s: f64,
    /// Bytes of weights and state that one written token touches.
    pub decode_bytes: u64,
    /// Share of the machine's memory bandwidth that writing amounts to.
    pub decode_share_of_memory: f64,
    /// Bytes of the state.
    pub state_bytes: u64,
    /// Seconds to write the state to a file.
    pub save_s: f64,
    /// Seconds to read it back.
    pub restore_s: f64,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Reading failed, or the caller asked to stop.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A state could not be saved or restored.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Measures the machine; takes about a second.
#[must_use]
pub fn ceilings() -> Ceilings {
    let threads = rayon::current_num_threads();
    let memory = vec![1u64; READ_BYTES / size_of::<u64>()];
    let read =
        || memory.par_chunks(1 << 16).map(|part| part.iter().fold(0u64, |a, b| a ^ b)).reduce(|| 0, |a, b| a ^ b);
    let seconds = fastest(3, read);
    // The sums are looked at, so that nobody skips making them.
    let lanes = |t| std::hint::black_box(fused(t as f32)).1;
    let compute = || (0..threads).into_par_iter().map(lanes).sum::<usize>();
    let busy = fastest(3, compute);
    let flops = (compute() * ROUNDS * SUMS * 2) as f64;
    Ceilings {
        threads,
        kernel: Kernel::best().name(),
        read_gb_s: READ_BYTES as f64 / seconds / 1e9,
        f32_gflop_s: flops / busy / 1e9,
    }
}

/// A loop of fused multiplications and additions in registers: a sum that keeps it alive, and the values of one vector.
fn fused(seed: f32) -> (f32, usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return pulp::Simd::vectorize(simd, || fused_with(simd, seed));
    }
    #[cfg(target_arch = "aarch64")]
    if let Some(simd) = pulp::aarch64::Neon::try_new() {
        return pulp::Simd::vectorize(simd, || fused_with(simd, seed));
    }
    fused_with(pulp::Scalar::new(), seed)
}

#[inline(always)]
fn fused_with<S: pulp::Simd>(simd: S, seed: f32) -> (f32, usize) {
    let mut sums = [simd.splat_f32s(seed); SUMS];
    let (a, b) = (simd.splat_f32s(std::hint::black_box(0.999)), simd.splat_f32s(std::hint::black_box(0.001)));
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            *sum = simd.mul_add_f32s(*sum, a, b);
        }
    }
    let total = sums.iter().fold(0.0, |all, sum| all + simd.reduce_sum_f32s(*sum));
    (total, size_of::<S::f32s>() / size_of::<f32>())
}

/// Measures `model` at one length: reads that many tokens, then writes `decode` one by one; `folder` is for a file of its
/// state. `progress` is told how many tokens are read.
///
/// # Errors
/// See [`BenchError`].
pub fn measure(
    model: &Model,
    ceilings: &Ceilings,
    tokens: usize,
    decode: usize,
    folder: &Path,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Measure, BenchError> {
    let vocabulary = model.config().vocab_size as u64;
    // Spread over the vocabulary, so that no row of a table stays in a cache that real text would not keep there.
    let token = |i: usize| (i as u64 * 2_654_435_761 % vocabulary) as u32;
    let prompt: Vec<u32> = (0..tokens).map(token).collect();
    let mut session = Session::new(model);
    let started = Instant::now();
    session.feed(&prompt, &mut |_, done| progress(done))?;
    let reading = started.elapsed().as_secs_f64();
    let mut state = session.into_state();
    let (save_s, restore_s) = over_disk(model, &mut state, &prompt, folder)?;
    let started = Instant::now();
    for i in 0..decode {
        model.forward(&[token(tokens + i)], &mut state, Want::Last)?;
    }
    let writing = started.elapsed().as_secs_f64() / decode.max(1) as f64;
    // On average over the text, half of it is before a token.
    let flops = model.config().flops_per_token(tokens / 2) as f64 * tokens as f64;
    let decode_bytes = model.bytes_per_token() + state.bytes();
    Ok(Measure {
        tokens,
        prefill_tokens_s: tokens as f64 / reading,
        prefill_share_of_f32: flops / reading / 1e9 / ceilings.f32_gflop_s,
        decode_tokens_s: 1.0 / writing,
        decode_bytes,
        decode_share_of_memory: decode_bytes as f64 / writing / 1e9 / ceilings.read_gb_s,
        state_bytes: state.bytes(),
        save_s,
        restore_s,
    })
}

/// Writes a state to a file and reads it back in its place: seconds for each.
fn over_disk(model: &Model, state: &mut State, prompt: &[u32], folder: &Path) -> Result<(f64, f64), StateError> {
    let path = folder.join("bench.state");
    let identity = StateIdentity::of(model, prompt);
    let started = Instant::now();
    state.save(&path, &identity)?;
    let save = started.elapsed().as_secs_f64();
    *state = model.new_state();
    let started = Instant::now();
    *state = State::restore(&path, model, &identity)?;
    Ok((save, started.elapsed().as_secs_f64()))
}

/// Seconds of the fastest of several rounds.
fn fastest<T>(rounds: usize, work: impl Fn() -> T) -> f64 {
    let time = |_| {
        let started = Instant::now();
        std::hint::black_box(work());
        started.elapsed().as_secs_f64()
    };
    (0..rounds).map(time).fold(f64::INFINITY, f64::min)
}
