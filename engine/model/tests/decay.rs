//! Lightning attention with another decay at each token: blocks and single steps are the recurrence as written.

mod golden;

use golden::random::noise;
use golden::{assert_close, tolerances};
use lectern_model::attention::lightning::{self, Decay, FixedDecay, Fused, TokenDecay, layer_factor, slopes};
use proptest::prelude::*;

const BLOCKS: [usize; 5] = [1, 7, 16, 64, 256];

/// Logarithms of all sizes: none, hardly any, as a trained model has them, steep, beyond f32's exponents, and all gone.
fn logs(count: usize, seed: u64, steep: bool) -> Vec<f32> {
    let kind = |v: f32| ((v + 1.0) * 6.0) as usize;
    let pairs = noise(2 * count, seed);
    let log = |pair: &[f32]| match kind(pair[0]) {
        0 => -0.0,
        1 => -1e-6 * pair[1].abs(),
        2..=6 => -0.2 * pair[1].abs(),
        7 | 8 => -4.0 * pair[1].abs(),
        9 if steep => -200.0 * pair[1].abs(),
        10 if steep => -1e30,
        11 if steep => f32::NEG_INFINITY,
        _ => -0.01,
    };
    pairs.chunks_exact(2).map(log).collect()
}

type Attend = fn(Fused<'_>, Decay<'_>, &mut [f32]) -> Vec<f32>;

/// Holds blocks, single steps and steps in one call to the plain recurrence, from a state that is not zero.
fn hold(tokens: usize, heads: usize, dim: usize, logs: &[f32], seed: u64) {
    let values = noise(tokens * heads * 3 * dim, seed);
    let start = noise(heads * dim * dim, seed + 1);
    let mut expected_state = start.clone();
    let fused = Fused::new(&values, heads, dim);
    let decay = |logs, block| Decay::PerToken(TokenDecay::new(logs, heads, block));
    let expected = lightning::naive(fused, decay(logs, 1), &mut expected_state);
    let check = |what: &str, found: &[f32], state: &[f32]| {
        let what = format!("{what}, T={tokens} H={heads} D={dim}");
        assert_close(&format!("output of {what}"), found, &expected, tolerances::TWINS);
        assert_close(&format!("state of {what}"), state, &expected_state, tolerances::TWINS);
    };
    for block in BLOCKS {
        let mut state = start.clone();
        let found = lightning::chunked(fused, decay(logs, block), &mut state);
        check(&format!("blocks of {block}"), &found, &state);
    }
    let mut state = start.clone();
    let found = lightning::step(fused, decay(logs, 1), &mut state);
    check("steps", &found, &state);
    let (mut state, mut found) = (start, Vec::new());
    for (values, logs) in values.chunks_exact(heads * 3 * dim).zip(logs.chunks_exact(heads)) {
        found.extend(lightning::step(Fused::new(values, heads, dim), decay(logs, 1), &mut state));
    }
    check("one step at a time", &found, &state);
}

#[test]
fn blocks_and_steps_are_the_recurrence_at_awkward_lengths() {
    for tokens in [1, 2, 6, 7, 8, 63, 64, 65, 129, 255, 257, 520] {
        for steep in [false, true] {
            hold(tokens, 6, 12, &logs(tokens * 6, tokens as u64, steep), 3);
        }
    }
    hold(70, 1, 1, &logs(70, 1, true), 4);
    hold(130, 3, 20, &logs(390, 2, true), 5);
}

/// Sums from the block's start would be minus infinity less minus infinity there, and 1e30 would swallow what follows.
#[test]
fn an_emptied_state_forgets_everything_and_what_follows_is_kept() {
    for gone in [f32::NEG_INFINITY, -1e30, -104.5, f32::MIN] {
        for at in [0, 1, 5, 63, 64, 100, 149] {
            let mut logs = vec![-0.03; 150];
            logs[at] = gone;
            hold(150, 1, 8, &logs, 9);
            // Nothing before it is left, to the last bit.
            let values = noise(150 * 3 * 8, 1);
            let after = |start: f32, from: usize| {
                let mut state = vec![start; 64];
                let fused = Fused::new(&values[from * 24..], 1, 8);
                let decay = Decay::PerToken(TokenDecay::new(&logs[from..], 1, 64));
                let out = lightning::chunked(fused, decay, &mut state);
                (out[(at - from) * 8..].to_vec(), state)
            };
            assert_eq!(after(1e30, 0), after(-1.0, 0), "{gone} at {at}");
            assert_close("the last output", &after(7.0, at).0, &after(0.0, 0).0, tolerances::TWINS);
        }
    }
}

/// Every token empties the state, and none does.
#[test]
fn the_two_ends_of_decay_are_exact() {
    let (tokens, heads, dim) = (100, 2, 4);
    hold(tokens, heads, dim, &vec![f32::NEG_INFINITY; tokens * heads], 1);
    hold(tokens, heads, dim, &vec![0.0; tokens * heads], 2);
    let values = noise(tokens * heads * 3 * dim, 3);
    let mut state = noise(heads * dim * dim, 4);
    let logs = vec![f32::NEG_INFINITY; tokens * heads];
    let decay = Decay::PerToken(TokenDecay::new(&logs, heads, 64));
    let out = lightning::chunked(Fused::new(&values, heads, dim), decay, &mut state);
    let last = &values[values.len() - 3 * dim..];
    let dot: f32 = (0..dim).map(|i| last[i] * last[dim + i]).sum();
    let expected: Vec<f32> = last[2 * dim..].iter().map(|v| dot * v).collect();
    assert_close("q (k v)", &out[out.len() - dim..], &expected, tolerances::TWINS);
}

/// A block as long as the text: the sums reach -20,000 while neighbours differ by a thousandth.
#[test]
fn long_blocks_lose_nothing() {
    let (tokens, heads, dim) = (4000, 2, 8);
    let logs: Vec<f32> = (0..tokens * heads).map(|i| if i % 40 < 4 { -50.0 } else { -1e-3 }).collect();
    let values = noise(tokens * heads * 3 * dim, 5);
    let fused = Fused::new(&values, heads, dim);
    let run = |attend: Attend, block| {
        let mut state = noise(heads * dim * dim, 6);
        let out = attend(fused, Decay::PerToken(TokenDecay::new(&logs, heads, block)), &mut state);
        (out, state)
    };
    let (expected, expected_state) = run(lightning::naive, 1);
    let (found, state) = run(lightning::chunked, tokens);
    assert_close("output", &found, &expected, tolerances::TWINS);
    assert_close("state", &state, &expected_state, tolerances::TWINS);
}

#[test]
fn the_same_decay_at_every_token_is_the_fixed_one() {
    let (tokens, dim) = (300, 8);
    for (heads, layer, layers) in [(6, 0, 80), (8, 40, 80), (64, 0, 80), (6, 78, 80)] {
        let row = slopes(heads).into_iter().map(|slope| (-slope * layer_factor(layer, layers)) as f32);
        let logs: Vec<f32> = row.cycle().take(tokens * heads).collect();
        let values = noise(tokens * heads * 3 * dim, 7);
        let fused = Fused::new(&values, heads, dim);
        for (name, attend) in
            [("naive", lightning::naive as Attend), ("step", lightning::step), ("chunked", lightning::chunked)]
        {
            for block in BLOCKS {
                let fixed = FixedDecay::new(heads, layer, layers, block);
                let start = noise(heads * dim * dim, 8);
                let (mut state, mut expected_state) = (start.clone(), start);
                let expected = attend(fused, Decay::Fixed(&fixed), &mut expected_state);
                let found = attend(fused, Decay::PerToken(TokenDecay::new(&logs, heads, block)), &mut state);
                let what = format!("{name} in blocks of {block}, {heads} heads, layer {layer}");
                assert_close(&what, &found, &expected, tolerances::TWINS);
                assert_close(&format!("state, {what}"), &state, &expected_state, tolerances::TWINS);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_decay_at_any_size(tokens in 1usize..300, heads in 1usize..8, dim in 1usize..20, steep: bool, seed: u32) {
        let seed = u64::from(seed);
        hold(tokens, heads, dim, &logs(tokens * heads, seed + 2, steep), seed);
    }

    #[test]
    fn two_parts_are_one(first in 1usize..150, second in 1usize..150, heads in 1usize..6, block in 1usize..80, seed: u32) {
        let (dim, seed) = (9, u64::from(seed));
        let logs = logs((first + second) * heads, seed, true);
        let values = noise((first + second) * heads * 3 * dim, seed + 1);
        let start = noise(heads * dim * dim, seed + 2);
        let run = |values: &[f32], logs: &[f32], state: &mut [f32]| {
            let decay = Decay::PerToken(TokenDecay::new(logs, heads, block));
            lightning::chunked(Fused::new(values, heads, dim), decay, state)
        };
        let (mut whole_state, mut state) = (start.clone(), start);
        let whole = run(&values, &logs, &mut whole_state);
        let (at, log_at) = (first * heads * 3 * dim, first * heads);
        let mut parts = run(&values[..at], &logs[..log_at], &mut state);
        parts.extend(run(&values[at..], &logs[log_at..], &mut state));
        assert_close("output", &parts, &whole, tolerances::TWINS);
        assert_close("state", &state, &whole_state, tolerances::TWINS);
    }
}
