//! One panel of weights times one tile of rows: the innermost loop, for each instruction set, and the choice among them.
//!
//! All kernels make the same integer sums and add them up group by group in the same order; they differ by the rounding
//! of fused multiplications only.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod vnni;

use std::sync::OnceLock;

use super::activations::{Activations, Tile};
use super::pack::{Bits, Packed, Scheme, factor, integer};
use super::{GROUP, PANEL};

/// How the inner loop is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// In plain Rust: the twin the others are held to.
    Portable,
    /// Eight outputs at once, 8-bit products (x86-64 with AVX2, FMA and F16C).
    Avx2,
    /// Sixteen outputs at once with four-way dot products (x86-64 with AVX-512 VNNI).
    Avx512Vnni,
    /// Four outputs at once with four-way dot products (ARM from version 8.2 on).
    NeonDot,
}

impl Kernel {
    /// The fastest kernel of this processor that agrees with the portable one on a small product, tried once. The
    /// environment variable `LECTERN_KERNEL` (`portable`, `avx2`, `avx512vnni`, `neondot`) may ask for a slower one.
    #[must_use]
    pub fn best() -> Kernel {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        *BEST.get_or_init(|| {
            let wanted = std::env::var("LECTERN_KERNEL").unwrap_or_default();
            let usable = |k: &Kernel| k.is_available() && k.agrees();
            let named = Self::all().into_iter().find(|k| k.name() == wanted && usable(k));
            named.or_else(|| Self::all().into_iter().find(usable)).unwrap_or(Kernel::Portable)
        })
    }

    /// All kernels, the fastest first.
    #[must_use]
    pub fn all() -> [Kernel; 4] {
        [Kernel::Avx512Vnni, Kernel::Avx2, Kernel::NeonDot, Kernel::Portable]
    }

    /// Name for people and for `LECTERN_KERNEL`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kernel::Portable => "portable",
            Kernel::Avx2 => "avx2",
            Kernel::Avx512Vnni => "avx512vnni",
            Kernel::NeonDot => "neondot",
        }
    }

    /// Whether this processor has its instructions.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Kernel::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => avx2::available(),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512Vnni => vnni::available(),
            #[cfg(not(target_arch = "x86_64"))]
            Kernel::Avx2 | Kernel::Avx512Vnni => false,
            #[cfg(target_arch = "aarch64")]
            Kernel::NeonDot => neon::available(),
            #[cfg(not(target_arch = "aarch64"))]
            Kernel::NeonDot => false,
        }
    }

    /// Whether it computes what the portable kernel does: a processor or a compiler may be at fault, and nobody reads
    /// wrong weights from nonsense.
    fn agrees(self) -> bool {
        let value = |i: usize| ((i * 2_654_435_761) % 2003) as f32 / 1001.0 - 1.0;
        let (inputs, rows) = (3 * GROUP, 5);
        let weight: Vec<f32> = (0..PANEL * inputs).map(value).collect();
        let x: Vec<f32> = (0..rows * inputs).map(|i| value(i + 77_777)).collect();
        let x = Activations::quantize(&x, inputs);
        let single = x.gather(&[3]);
        [Scheme::Q8_0, Scheme::Q4K].into_iter().all(|scheme| {
            let packed = Packed::quantize(&weight, inputs, scheme);
            let run = |kernel: Kernel, x: &Activations| {
                let mut out = vec![0f32; x.rows() * PANEL];
                x.tiles().for_each(|tile| kernel.panel(packed.bits(), packed.panel(0), tile, &mut out));
                out
            };
            // A single row may have an inner loop of its own.
            let agree = |x| run(self, x).iter().zip(run(Kernel::Portable, x)).all(|(a, b)| (a - b).abs() < 1e-4);
            agree(&x) && agree(&single)
        })
    }

    /// Adds the products of a panel's weights with a tile's rows to `out`, `[rows, PANEL]`. `panel` holds as many
    /// blocks as the tile has groups.
    pub(super) fn panel(self, bits: Bits, panel: &[u8], tile: Tile<'_>, out: &mut [f32]) {
        let groups = tile.scales.len() / tile.stride;
        // What follows reads and writes through pointers: nothing but these sizes keeps it inside.
        assert!(
            panel.len() == groups * bits.block()
                && tile.rows <= tile.stride
                && tile.integers.len() == groups * tile.stride * GROUP
                && tile.sums.len() == groups * tile.stride
                && tile.weighted_sums.len() == groups * tile.stride
                && out.len() == tile.rows * PANEL,
            "a panel, a tile and a result of different sizes"
        );
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the instructions are there (checked when the kernel was chosen, and here), and the sizes fit.
            #[expect(unsafe_code, reason = "calls a function compiled for instructions that were found at run time")]
            Kernel::Avx2 if avx2::available() => unsafe { avx2::panel(bits, panel, tile, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            #[expect(unsafe_code, reason = "calls a function compiled for instructions that were found at run time")]
            Kernel::Avx512Vnni if vnni::available() => unsafe { vnni::panel(bits, panel, tile, out) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            #[expect(unsafe_code, reason = "calls a function compiled for instructions that were found at run time")]
            Kernel::NeonDot if neon::available() => unsafe { neon::panel(bits, panel, tile, out) },
            _ => portable(bits, panel, tile, out),
        }
    }
}

/// The twin in plain Rust.
fn portable(bits: Bits, panel: &[u8], tile: Tile<'_>, out: &mut [f32]) {
    for (g, block) in panel.chunks_exact(bits.block()).enumerate() {
        for (row, out) in out.chunks_exact_mut(PANEL).enumerate() {
            let slot = g * tile.stride + row;
            let x = &tile.integers[slot * GROUP..(slot + 1) * GROUP];
            for (lane, out) in out.iter_mut().enumerate() {
                let dot: i32 = x.iter().enumerate().map(|(k, x)| integer(bits, block, lane, k) * i32::from(*x)).sum();
                let mut value = dot as f32 * (factor(bits, block, lane) * tile.scales[slot]);
                if bits == Bits::Four {
                    value -= factor(bits, block, PANEL + lane) * tile.weighted_sums[slot];
                }
                *out += value;
            }
        }
    }
}
