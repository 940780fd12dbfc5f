//! A model with an adapter beside it is the model with the adapter merged into its weights, on every way through it.

mod golden;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use golden::Golden;
use golden::random::{SMALL, divergence, ids, noise, random_model};
use golden::tolerances::{LOGITS, RANDOM_EIGHT_BITS};
use lectern_model::adapter::{Adapter, AdapterError};
use lectern_model::convert::convert;
use lectern_model::decision::DecisionWeights;
use lectern_model::error::{LoadError, StateError};
use lectern_model::model::{LoadOptions, Logits, Model, ModelOptions, Want};
use lectern_model::quant::{Packed, Scheme};
use lectern_model::state::{State, StateIdentity};
use lectern_model::weights::scheme_of;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

const RANK: usize = 4;
const ALPHA: f32 = 8.0;

/// Tensors by name: shape and values.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;
/// What is done to an adapter's weights.
type Change<'a> = Box<dyn Fn(&mut Tensors) + 'a>;

fn read(path: &Path) -> Tensors {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let values = |data: &[u8]| data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    file.tensors().into_iter().map(|(name, t)| (name, (t.shape().to_vec(), values(t.data())))).collect()
}

fn write(path: &Path, tensors: &Tensors) {
    let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, (shape, values))| (name, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let views =
        bytes.iter().map(|(name, shape, b)| (name.as_str(), TensorView::new(Dtype::F32, (*shape).clone(), b).unwrap()));
    safetensors::serialize_to_file(views, None, path).unwrap();
}

/// A random model, an adapter on all its maps of attention, and the model with that merged.
struct Three {
    folder: tempfile::TempDir,
}

impl Three {
    fn new() -> Self {
        let three = Self { folder: tempfile::tempdir().unwrap() };
        for folder in [three.base(), three.adapter(), three.merged()] {
            std::fs::create_dir(folder).unwrap();
        }
        random_model(&three.base(), SMALL);
        let mut weights = read(&three.base().join("model.safetensors"));
        let mut low_rank = Tensors::new();
        let mut seed = 0;
        let mut random = |count: usize| -> Vec<f32> {
            seed += 1;
            noise(count, seed).into_iter().map(|value| value * 0.1).collect()
        };
        for (name, (shape, values)) in
            weights.iter_mut().filter(|(name, (shape, _))| name.contains("_attn.") && shape.len() == 2)
        {
            let (outputs, inputs) = (shape[0], shape[1]);
            let (a, b) = (random(RANK * inputs), random(outputs * RANK));
            for (o, row) in values.chunks_exact_mut(inputs).enumerate() {
                for (i, value) in row.iter_mut().enumerate() {
                    let sum: f32 = (0..RANK).map(|r| b[o * RANK + r] * a[r * inputs + i]).sum();
                    *value += ALPHA / RANK as f32 * sum;
                }
            }
            let module = name.strip_suffix(".weight").unwrap();
            low_rank.insert(format!("{module}.lora_A.weight"), (vec![RANK, inputs], a));
            low_rank.insert(format!("{module}.lora_B.weight"), (vec![outputs, RANK], b));
        }
        assert_eq!(low_rank.len(), 2 * (3 * 3 + 4), "three lightning layers and one of softmax");
        write(&three.merged().join("model.safetensors"), &weights);
        std::fs::copy(three.base().join("config.json"), three.merged().join("config.json")).unwrap();
        write(&three.adapter().join("adapter.safetensors"), &low_rank);
        three.describe(&[]);
        three
    }

    fn base(&self) -> PathBuf {
        self.folder.path().join("base")
    }

    fn adapter(&self) -> PathBuf {
        self.folder.path().join("tuned")
    }

    fn merged(&self) -> PathBuf {
        self.folder.path().join("merged")
    }

    /// Writes the description anew, with these keys changed.
    fn describe(&self, changed: &[(&str, serde_json::Value)]) {
        let base = Model::load(&self.base()).unwrap().digest().to_owned();
        let tensors = read(&self.adapter().join("adapter.safetensors"));
        let modules: Vec<&str> = tensors.keys().filter_map(|name| name.strip_suffix(".lora_A.weight")).collect();
        let mut said = serde_json::json!({
            "format": 1, "rank": RANK, "alpha": ALPHA, "modules": modules, "base_digest": base, "steps": 7});
        for (key, value) in changed {
            said[key] = value.clone();
        }
        std::fs::write(self.adapter().join("adapter.json"), said.to_string()).unwrap();
    }

    /// Writes the adapter's weights anew, changed.
    fn change(&self, change: impl FnOnce(&mut Tensors)) {
        let path = self.adapter().join("adapter.safetensors");
        let mut tensors = read(&path);
        change(&mut tensors);
        write(&path, &tensors);
    }

    fn load(&self, quantize: Option<Scheme>) -> Result<Model, LoadError> {
        let adapter = Adapter::open(&self.adapter())?;
        Model::load_adapted(&self.base(), LoadOptions { quantize, ..LoadOptions::default() }, Some(&adapter))
    }

    fn refusal(&self) -> String {
        self.load(None).map(|_| ()).expect_err("it was accepted").to_string()
    }
}

fn all(model: &Model, ids: &[u32], state: &mut State) -> Logits {
    model.forward(ids, state, Want::All).unwrap()
}

fn apart(a: &Logits, b: &Logits) -> f32 {
    golden::worst(&a.values, &b.values)
}

#[test]
fn beside_the_weights_is_the_same_as_merged_into_them() {
    let three = Three::new();
    let (beside, merged) = (three.load(None).unwrap(), Model::load(&three.merged()).unwrap());
    let base = Model::load(&three.base()).unwrap();
    let ids = ids(150);
    let wanted = all(&merged, &ids, &mut merged.new_state());
    assert!(apart(&wanted, &all(&base, &ids, &mut base.new_state())) > 100.0 * LOGITS, "the adapter changes nothing");
    for chunk in [1, 7, 64, 512] {
        let model = beside.with_options(ModelOptions { chunk });
        let found = all(&model, &ids, &mut model.new_state());
        assert!(apart(&found, &wanted) < LOGITS, "chunks of {chunk}: {}", apart(&found, &wanted));
    }
    // From a state that is not empty, token by token and a few at once.
    let (mut one, mut other) = (beside.new_state(), merged.new_state());
    for part in [&ids[..97], &ids[97..98], &ids[98..99], &ids[99..103], &ids[103..]] {
        let (found, wanted) = (all(&beside, part, &mut one), all(&merged, part, &mut other));
        assert!(apart(&found, &wanted) < LOGITS, "{} tokens: {}", part.len(), apart(&found, &wanted));
    }
}

#[test]
fn beside_quantised_weights_it_is_as_near_to_the_merged_ones_as_they_are() {
    let three = Three::new();
    let merged = Model::load(&three.merged()).unwrap();
    let ids = ids(120);
    let wanted = all(&merged, &ids, &mut merged.new_state());
    let few = three.load(Some(Scheme::Q8_0)).unwrap();
    let (nats, same) = divergence(&wanted, &all(&few, &ids, &mut few.new_state()));
    assert!(nats < RANDOM_EIGHT_BITS.0 && same > RANDOM_EIGHT_BITS.1, "{nats} nats, {same} alike");
    let adapter = Adapter::open(&three.adapter()).unwrap();
    let bare = LoadOptions { quantize: Some(Scheme::Q8_0), ..LoadOptions::default() };
    let bare = Model::load_with(&three.base(), bare).unwrap();
    assert_eq!(few.weights_bytes(), bare.weights_bytes() + adapter.bytes(), "the weights stay in few bits");
    let (away, _) = divergence(&wanted, &all(&bare, &ids, &mut bare.new_state()));
    assert!(away > 10.0 * nats, "{away} nats without it, {nats} with it");
}

/// The values that a tensor keeps once it is packed in four bits (embedding and head: eight), widened again.
fn widened(name: &str, shape: &[usize], values: &[f32]) -> Vec<f32> {
    let Some(scheme) = scheme_of(name, shape, Scheme::Q4K) else { return values.to_vec() };
    let packed = Packed::quantize(values, shape[1], scheme);
    (0..shape[0]).flat_map(|row| packed.row(row)).collect()
}

#[test]
fn beside_mapped_weights_in_four_bits_it_is_the_same_as_merged_into_these_weights_widened() {
    let three = Three::new();
    // Twin: what the packed weights stand for, and what the adapter adds to the exact ones, in f32.
    let (base, mut both) =
        (read(&three.base().join("model.safetensors")), read(&three.merged().join("model.safetensors")));
    for (name, (shape, values)) in &mut both {
        let exact = &base[name].1;
        let packed = widened(name, shape, exact);
        values.iter_mut().zip(exact.iter().zip(&packed)).for_each(|(v, (exact, packed))| *v += packed - exact);
    }
    write(&three.merged().join("model.safetensors"), &both);
    let merged = Model::load(&three.merged()).unwrap();
    let packed = three.folder.path().join("packed");
    convert(&three.base(), &packed, Scheme::Q4K, 1 << 20, &mut |_, _| ()).unwrap();
    let bare = Model::load(&packed).unwrap();
    three.describe(&[("base_digest", bare.digest().into())]);
    let adapter = Adapter::open(&three.adapter()).unwrap();
    let few = Model::load_adapted(&packed, LoadOptions::default(), Some(&adapter)).unwrap();
    assert_eq!(
        few.weights_bytes(),
        bare.weights_bytes() + adapter.bytes(),
        "the weights stay in few bits, where they lie"
    );
    let ids = ids(120);
    let wanted = all(&merged, &ids, &mut merged.new_state());
    // In awkward chunks, then token by token.
    let few = few.with_options(ModelOptions { chunk: 17 });
    let (mut state, mut found) = (few.new_state(), Vec::new());
    for part in [&ids[..83]].into_iter().chain(ids[83..].chunks(1)) {
        found.extend(all(&few, part, &mut state).values);
    }
    let (nats, same) = divergence(&wanted, &Logits { values: found, ..wanted.clone() });
    assert!(nats < RANDOM_EIGHT_BITS.0 && same > RANDOM_EIGHT_BITS.1, "{nats} nats, {same} alike");
    let (away, _) = divergence(&wanted, &all(&bare, &ids, &mut bare.new_state()));
    assert!(away > 10.0 * nats, "{away} nats without it, {nats} with it");
    // Its own base was converted: it is another one now.
    three.describe(&[]);
    let adapter = Adapter::open(&three.adapter()).unwrap();
    let refused = Model::load_adapted(&packed, LoadOptions::default(), Some(&adapter));
    assert!(matches!(refused, Err(LoadError::Adapter(AdapterError::OtherBase { .. }))));
}

#[test]
fn drafted_tokens_are_computed_as_if_each_had_come_alone() {
    let three = Three::new();
    for quantize in [None, Some(Scheme::Q8_0)] {
        let model = three.load(quantize).unwrap();
        let ids = ids(60);
        let (mut together, mut alone) = (model.new_state(), model.new_state());
        all(&model, &ids[..41], &mut together);
        all(&model, &ids[..41], &mut alone);
        let found = all(&model, &ids[41..47], &mut together).values;
        let one_by_one: Vec<f32> = ids[41..47].iter().flat_map(|id| all(&model, &[*id], &mut alone).values).collect();
        assert_eq!(found, one_by_one, "to the last bit");
        assert_eq!(all(&model, &ids[47..48], &mut together), all(&model, &ids[47..48], &mut alone), "and the states");
    }
}

#[test]
fn how_none_is_decided_comes_with_the_adapter_and_makes_another_model() {
    let three = Three::new();
    let plain = three.load(None).unwrap();
    assert_eq!(Adapter::open(&three.adapter()).unwrap().decision(), None);
    let weights = |bias: f64| serde_json::json!({"lean": 0.5, "evidence": 2.0, "bias": bias});
    three.describe(&[("decision", weights(-1.0))]);
    let said = Adapter::open(&three.adapter()).unwrap().decision();
    assert_eq!(said, Some(DecisionWeights { lean: 0.5, evidence: 2.0, bias: -1.0 }));
    assert_ne!(three.load(None).unwrap().digest(), plain.digest());
    three.describe(&[("decision", weights(1e300))]);
    assert!(three.refusal().contains("not all numbers"), "{}", three.refusal());
    three.describe(&[("decision", serde_json::json!({"lean": 1.0}))]);
    assert!(three.refusal().contains("evidence"), "{}", three.refusal());
}

#[test]
fn a_state_of_the_bare_model_is_not_taken_for_one_of_the_adapted() {
    let three = Three::new();
    let (bare, adapted) = (Model::load(&three.base()).unwrap(), three.load(None).unwrap());
    assert_ne!(bare.digest(), adapted.digest());
    assert_eq!(adapted.digest(), three.load(None).unwrap().digest());
    let path = three.folder.path().join("read.state");
    let mut state = bare.new_state();
    bare.forward(&ids(20), &mut state, Want::None).unwrap();
    state.save(&path, &StateIdentity::of(&bare, &ids(20))).unwrap();
    let refused = State::restore(&path, &adapted, &StateIdentity::of(&adapted, &ids(20)));
    assert!(matches!(refused, Err(StateError::Model { .. })), "{refused:?}");
    let mut state = adapted.new_state();
    adapted.forward(&ids(20), &mut state, Want::None).unwrap();
    state.save(&path, &StateIdentity::of(&adapted, &ids(20))).unwrap();
    assert!(State::restore(&path, &adapted, &StateIdentity::of(&adapted, &ids(20))).is_ok());
    let refused = State::restore(&path, &bare, &StateIdentity::of(&bare, &ids(20)));
    assert!(matches!(refused, Err(StateError::Model { .. })), "{refused:?}");
    // Twice as much of the same is another adapter.
    let once = adapted.digest().to_owned();
    three.describe(&[("alpha", (2.0 * ALPHA).into())]);
    assert_ne!(three.load(None).unwrap().digest(), once);
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    let three = Three::new();
    let adapter = Adapter::open(&three.adapter()).unwrap();
    assert_eq!((adapter.name(), adapter.rank(), adapter.modules().count()), ("tuned", RANK, 13));
    three.describe(&[("base_digest", "another".into())]);
    assert!(matches!(three.load(None), Err(LoadError::Adapter(AdapterError::OtherBase { .. }))));
    assert!(three.refusal().contains("trained on the model another"));
    three.describe(&[("format", 2.into())]);
    assert!(three.refusal().contains("format is 2"));
    three.describe(&[("rank", 8.into())]);
    assert!(three.refusal().contains("have rank 4 and 4, not 8"));
    three.describe(&[("modules", serde_json::json!(["model.layers.0.self_attn.qkv_proj"]))]);
    assert!(three.refusal().contains("of its 1 modules and the 13"), "{}", three.refusal());
    three.describe(&[]);

    const Q: &str = "model.layers.1.self_attn.q_proj";
    let (a, b) = (format!("{Q}.lora_A.weight"), format!("{Q}.lora_B.weight"));
    let whole = std::fs::read(three.adapter().join("adapter.safetensors")).unwrap();
    let cases: [(&str, Change<'_>); 7] = [
        ("times alpha / rank", Box::new(|t| t.get_mut(&b).unwrap().1[0] = 3e38)),
        ("belong to no pair", Box::new(|t| drop(t.insert("stray".into(), (vec![1], vec![1.0]))))),
        ("lora_B.weight", Box::new(|t| drop(t.remove(&b)))),
        ("not finite", Box::new(|t| t.get_mut(&a).unwrap().1[5] = f32::NAN)),
        (
            "is [128, 64], the adapter is for [128, 32]",
            Box::new(|t| *t.get_mut(&a).unwrap() = (vec![RANK, 32], vec![0.0; RANK * 32])),
        ),
        (
            "the model has no model.layers.9.self_attn.q_proj",
            Box::new(|t| {
                for part in [&a, &b] {
                    let moved = t.remove(part).unwrap();
                    t.insert(part.replace("layers.1.", "layers.9."), moved);
                }
            }),
        ),
        (
            "only maps of attention",
            Box::new(|t| {
                let moved = t.remove(&a).unwrap();
                t.insert("lm_head.lora_A.weight".into(), moved);
            }),
        ),
    ];
    for (reason, change) in cases {
        three.change(change);
        three.describe(&[]);
        assert!(three.refusal().contains(reason), "{reason}: {}", three.refusal());
        std::fs::write(three.adapter().join("adapter.safetensors"), &whole).unwrap();
    }
    std::fs::write(three.adapter().join("adapter.safetensors"), &whole[..whole.len() - 100]).unwrap();
    assert!(three.refusal().contains("adapter.safetensors is damaged"), "{}", three.refusal());
    std::fs::remove_file(three.adapter().join("adapter.safetensors")).unwrap();
    assert!(three.refusal().contains("cannot read"));
}

#[test]
fn an_adapter_that_the_training_code_wrote_gives_the_logits_that_it_gave() {
    let folder = golden::folder("m1_tiny_adapter");
    let adapter = Adapter::open(&folder).unwrap();
    assert_eq!((adapter.name(), adapter.rank()), ("tiny-tuned", 4));
    let model = Model::load_adapted(&golden::folder("m1_tiny"), LoadOptions::default(), Some(&adapter)).unwrap();
    let golden = Golden::read(&folder.join("golden.safetensors"));
    let ids = golden.ids("input_ids");
    let found = all(&model, &ids, &mut model.new_state());
    let wanted = Logits { values: golden.floats("logits"), ..found.clone() };
    golden::assert_logits("base and adapter", &found.values, &wanted.values, wanted.vocab, LOGITS);
    let bare = golden::model("m1_tiny");
    assert!(apart(&wanted, &all(&bare, &ids, &mut bare.new_state())) > 100.0 * LOGITS, "the adapter changes nothing");
}
