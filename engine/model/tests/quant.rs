//! Quantised products against their twins, on every kernel of this processor, at awkward sizes.

use lectern_model::quant::{
    Activation, Activations, Bits, Expert, Kernel, Packed, Scheme, experts, experts_naive, multiply, multiply_all,
    multiply_naive,
};
use proptest::prelude::*;

const SCHEMES: [Scheme; 3] = [Scheme::Q8_0, Scheme::Q4_0, Scheme::Q4K];

/// Reproducible values in -1..1, a few of them large as in real weights.
fn values(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % 2_000_001) as f32 / 1_000_000.0 - 1.0
    };
    (0..count).map(|i| if i % 97 == 5 { next() * 6.0 } else { next() }).collect()
}

fn close(ours: &[f32], exact: &[f32]) {
    assert_eq!(ours.len(), exact.len());
    let size = (exact.iter().map(|v| v * v).sum::<f32>() / exact.len().max(1) as f32).sqrt();
    for (i, (a, b)) in ours.iter().zip(exact).enumerate() {
        assert!((a - b).abs() <= 1e-5 * (size + b.abs()), "{i}: {a} against {b}");
    }
}

#[test]
fn this_processor_uses_its_fastest_kernel() {
    let fastest = Kernel::all().into_iter().find(|k| k.is_available()).unwrap();
    assert_eq!(Kernel::best(), fastest, "a kernel that is available disagrees with the portable one");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn products_are_those_of_the_widened_weights(
        rows in 1usize..140, outputs in 1usize..70, groups in 1usize..9, seed in any::<u64>(), scheme in 0usize..3,
    ) {
        let inputs = groups * 32;
        let packed = Packed::quantize(&values(outputs * inputs, seed), inputs, SCHEMES[scheme]);
        let x = Activations::quantize(&values(rows * inputs, seed ^ 1), inputs);
        close(&multiply(&x, &packed), &multiply_naive(&x, &packed));
    }

    /// To the last bit: drafts rest on it, and a single row has an inner loop of its own.
    #[test]
    fn a_row_by_itself_is_the_row_among_others(
        rows in 1usize..70, outputs in 1usize..70, groups in 1usize..9, seed in any::<u64>(), scheme in 0usize..3,
    ) {
        let inputs = groups * 32;
        let packed = Packed::quantize(&values(outputs * inputs, seed), inputs, SCHEMES[scheme]);
        let x = Activations::quantize(&values(rows * inputs, seed ^ 1), inputs);
        let together = multiply(&x, &packed);
        for (t, row) in together.chunks_exact(outputs).enumerate() {
            prop_assert_eq!(&multiply(&x.gather(&[t]), &packed), row);
        }
    }

    /// Threads share the results of several maps; each is what it is by itself, and its activation that of its values.
    #[test]
    fn maps_made_together_are_those_made_alone(
        rows in 1usize..140, outputs in proptest::collection::vec(1usize..70, 1..4), groups in 1usize..9,
        seed in any::<u64>(), silu: bool,
    ) {
        let inputs = groups * 32;
        let pack = |(i, n): (usize, &usize)| Packed::quantize(&values(n * inputs, seed ^ i as u64), inputs, SCHEMES[i]);
        let packed: Vec<Packed> = outputs.iter().enumerate().map(pack).collect();
        let x = Activations::quantize(&values(rows * inputs, seed ^ 9), inputs);
        let activation = if silu { Activation::Silu } else { Activation::Identity };
        let maps: Vec<_> = packed.iter().map(|p| (p, activation)).collect();
        for (together, alone) in multiply_all(&x, &maps).iter().zip(&packed) {
            let alone = multiply(&x, alone);
            let exact: Vec<f32> = if silu { alone.iter().map(|v| v / (1.0 + (-v).exp())).collect() } else { alone };
            close(together, &exact);
        }
    }

    #[test]
    fn experts_are_those_of_the_widened_weights(
        tokens in 1usize..90, count in 1usize..6, width in 1usize..4, inner in 1usize..5, seed in any::<u64>(),
    ) {
        let (width, inner) = (width * 32, inner * 32);
        let packed = |n: usize, k: usize, s: u64| Packed::quantize(&values(n * k, seed ^ s), k, SCHEMES[(s % 3) as usize]);
        let all: Vec<Expert> = (0..count as u64)
            .map(|e| Expert::new(packed(inner, width, 3 * e), packed(inner, width, 3 * e + 1), packed(width, inner, 3 * e + 2)).unwrap())
            .collect();
        let mut chosen = vec![Vec::new(); count];
        for t in 0..tokens {
            let first = (seed as usize).wrapping_add(t * 7) % count;
            chosen[first].push((t, 0.75));
            // Some tokens have one expert only, some experts no token.
            if t % 3 > 0 && count > 1 {
                chosen[(first + 1) % count].push((t, 0.25));
            }
        }
        let x = Activations::quantize(&values(tokens * width, seed ^ 99), width);
        let all: Vec<&Expert> = all.iter().collect();
        let (ours, exact) = (experts(&x, &all, &chosen), experts_naive(&x, &all, &chosen));
        // The inner values are rounded to eight bits again: one that lies between two may fall either way.
        let size = (exact.iter().map(|v| v * v).sum::<f32>() / exact.len() as f32).sqrt();
        for (a, b) in ours.iter().zip(&exact) {
            prop_assert!((a - b).abs() <= 0.02 * (size + b.abs()), "{a} against {b}");
        }
    }

    #[test]
    fn rows_gathered_are_the_rows(tokens in 1usize..150, picks in proptest::collection::vec(any::<usize>(), 0..80)) {
        let x = Activations::quantize(&values(tokens * 64, 5), 64);
        let picks: Vec<usize> = picks.iter().map(|p| p % tokens).collect();
        let some = x.gather(&picks);
        for (to, from) in picks.iter().enumerate() {
            prop_assert_eq!(some.row(to), x.row(*from));
        }
    }
}

#[test]
fn what_is_packed_is_near_what_it_was() {
    let (outputs, inputs) = (50, 256);
    let weight = values(outputs * inputs, 11);
    let error = |scheme: Scheme| {
        let packed = Packed::quantize(&weight, inputs, scheme);
        assert_eq!((packed.outputs(), packed.inputs(), packed.bits()), (outputs, inputs, scheme.bits()));
        let wide: Vec<f32> = (0..outputs).flat_map(|n| packed.row(n)).collect();
        let (mut off, mut all) = (0f64, 0f64);
        for (w, q) in weight.iter().zip(&wide) {
            off += f64::from(w - q).powi(2);
            all += f64::from(*w).powi(2);
        }
        (off / all).sqrt()
    };
    let (eight, four, affine) = (error(Scheme::Q8_0), error(Scheme::Q4_0), error(Scheme::Q4K));
    assert!(eight < 0.008 && four < 0.13 && affine < four * 0.95, "{eight} {four} {affine}");
}

#[test]
fn zeros_constants_and_tiny_values_survive() {
    for scheme in SCHEMES {
        for value in [0.0f32, 0.25, -3.0, 1e-12] {
            let packed = Packed::quantize(&vec![value; 64], 32, scheme);
            for w in packed.row(1) {
                assert!((w - value).abs() <= 0.02 * value.abs() + 1e-6, "{scheme:?} {value}: {w}");
            }
        }
    }
    let x = Activations::quantize(&[vec![0.0; 32], vec![1e-38; 32]].concat(), 32);
    assert!(x.row(0).iter().chain(&x.row(1)).all(|v| v.abs() < 1e-30));
}

#[test]
fn a_mapped_matrix_must_be_as_long_as_it_says() {
    let packed = Packed::quantize(&values(40 * 64, 2), 64, Scheme::Q4_0);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [vec![0u8; 8], packed.bytes().to_vec()].concat()).unwrap();
    // SAFETY: the file is this test's own.
    let map = std::sync::Arc::new(unsafe { memmap2::Mmap::map(file.as_file()) }.unwrap());
    let mapped = Packed::mapped(Bits::Four, 40, 64, &map, 8..map.len()).unwrap();
    assert!((0..40).all(|n| mapped.row(n) == packed.row(n)));
    for (outputs, inputs, range) in
        [(49, 64, 8..map.len()), (40, 32, 8..map.len()), (40, 64, 9..map.len()), (40, 64, 9..map.len() + 1)]
    {
        assert!(Packed::mapped(Bits::Four, outputs, inputs, &map, range).is_none());
    }
}
