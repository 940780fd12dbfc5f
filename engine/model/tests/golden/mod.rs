//! The committed golden cases: tiny models with the activations a reference computed (tests/golden/README.md).
#![allow(dead_code, reason = "each test binary uses a part")]

pub(crate) mod gguf;
pub(crate) mod random;
pub(crate) mod spelling;
pub(crate) mod tolerances;

use std::path::{Path, PathBuf};

use lectern_model::model::Model;
use lectern_model::state::{LayerState, State};
use safetensors::{Dtype, SafeTensors};

pub(crate) const CASES: [&str; 5] = [
    "m1_tiny",
    "m1_variant_prenorm_shared",
    "m1_variant_single_expert",
    "m1_variant_postnorm_scaled",
    "m1_variant_one_layer",
];

/// The interim model's folder; `None`, loudly, where it is not there and nobody insists.
pub(crate) fn interim() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/interim");
    if folder.join("model.safetensors").exists() {
        return Some(folder);
    }
    assert!(std::env::var_os("LECTERN_REQUIRE_MODEL").is_none(), "{} is missing: run ./dev setup", folder.display());
    eprintln!("SKIPPED: {} is missing; run ./dev setup", folder.display());
    None
}

/// The folder of a committed case.
pub(crate) fn folder(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(case)
}

pub(crate) fn model(case: &str) -> Model {
    Model::load(&folder(case)).unwrap()
}

/// What the reference computed.
pub(crate) struct Golden {
    bytes: Vec<u8>,
}

impl Golden {
    pub(crate) fn read(path: &Path) -> Golden {
        Golden { bytes: std::fs::read(path).unwrap() }
    }

    pub(crate) fn of(case: &str) -> Golden {
        Golden::read(&folder(case).join("golden.safetensors"))
    }

    fn parsed(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).unwrap()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.parsed().names().into_iter().map(str::to_owned).collect()
    }

    pub(crate) fn floats(&self, name: &str) -> Vec<f32> {
        let parsed = self.parsed();
        let view = parsed.tensor(name).unwrap();
        assert_eq!(view.dtype(), Dtype::F32, "{name}");
        view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    pub(crate) fn ids(&self, name: &str) -> Vec<u32> {
        let parsed = self.parsed();
        let view = parsed.tensor(name).unwrap();
        assert_eq!(view.dtype(), Dtype::I64, "{name}");
        view.data().as_chunks::<8>().0.iter().map(|b| u32::try_from(i64::from_le_bytes(*b)).unwrap()).collect()
    }

    /// `(tokens read, layer, state)` of every recurrent state kept.
    pub(crate) fn states(&self) -> Vec<(usize, usize, Vec<f32>)> {
        let mut found: Vec<_> = self
            .names()
            .into_iter()
            .filter_map(|name| {
                let (left, layer) = name.split_once('.')?;
                let tokens = left.strip_prefix("state_after_").or_else(|| left.strip_prefix("kv_state_after_"))?;
                Some((tokens.parse().unwrap(), layer.parse().unwrap(), self.floats(&name)))
            })
            .collect();
        found.sort_by_key(|(tokens, layer, _)| (*tokens, *layer));
        found
    }
}

/// The recurrent state of a lightning layer.
pub(crate) fn linear_state(state: &State, layer: usize) -> &[f32] {
    match &state.layers()[layer] {
        LayerState::Lightning(state) => state.values(),
        LayerState::Softmax(_) => panic!("layer {layer} is a softmax layer"),
    }
}

pub(crate) fn argmax(row: &[f32]) -> usize {
    row.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap().0
}

pub(crate) fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0f32, |m, v| m.max(v.abs()))
}

pub(crate) fn worst(left: &[f32], right: &[f32]) -> f32 {
    assert_eq!(left.len(), right.len());
    // Infinite for a value that is no number: `max` alone would lose it.
    let distance = |(a, b): (&f32, &f32)| if (a - b).is_nan() { f32::INFINITY } else { (a - b).abs() };
    left.iter().zip(right).map(distance).fold(0f32, f32::max)
}

/// All values within `tolerance` of the largest expected one.
pub(crate) fn assert_close(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    let (worst, scale) = (worst(found, expected), largest(expected));
    assert!(worst <= tolerance * scale, "{what}: off by {worst:e} where values reach {scale:e}");
}

/// All values within `tolerance` of the largest sum of magnitudes: `added` is what the same computation gives where nothing
/// cancels. Rounding is a share of what was added, not of what is left of it.
pub(crate) fn assert_close_to_sum(what: &str, found: &[f32], expected: &[f32], added: &[f32], tolerance: f32) {
    let (worst, scale) = (worst(found, expected), largest(added));
    assert!(worst <= tolerance * scale, "{what}: off by {worst:e} where {scale:e} was added up");
}

/// Logits within an absolute tolerance, the best token the same in every row.
pub(crate) fn assert_logits(what: &str, found: &[f32], expected: &[f32], vocab: usize, tolerance: f32) {
    let worst = worst(found, expected);
    assert!(worst <= tolerance, "{what}: logits off by {worst:e}");
    for (row, (found, expected)) in found.chunks_exact(vocab).zip(expected.chunks_exact(vocab)).enumerate() {
        assert_eq!(argmax(found), argmax(expected), "{what}: another token is best in row {row}");
    }
}
