//! States: forks never see each other, a saved state continues where it stopped, and each wrong file is refused.

mod golden;

use std::fs;
use std::path::Path;

use golden::{CASES, Golden};
use lectern_model::error::{ModelError, StateError};
use lectern_model::model::{LoadOptions, Logits, Model, Want};
use lectern_model::state::{FORMAT_VERSION, KV_BLOCK, KvPrecision, State, StateIdentity};

/// A case with softmax and lightning layers.
const MIXED: &str = "m1_tiny";

fn tokens(count: usize, model: &Model) -> Vec<u32> {
    let vocab = model.config().vocab_size;
    (0..count).map(|i| u32::try_from((i * 131 + 7) % vocab).unwrap()).collect()
}

fn last(model: &Model, tokens: &[u32], state: &mut State) -> Logits {
    model.forward(tokens, state, Want::Last).unwrap()
}

#[test]
fn forks_are_isolated_and_share_full_blocks() {
    let model = golden::model(MIXED);
    for before in [1, 10, KV_BLOCK - 1, KV_BLOCK, KV_BLOCK + 5] {
        let prefix = tokens(before, &model);
        let mut trunk = model.new_state();
        model.forward(&prefix, &mut trunk, Want::None).unwrap();
        let (mut left, mut right) = (trunk.clone(), trunk.clone());
        let expected_left = last(&model, &[1, 2, 3], &mut trunk.clone());
        // Interleaved writes: each fork must see only its own.
        last(&model, &[9], &mut right);
        let first = last(&model, &[1], &mut left);
        last(&model, &[8, 7], &mut right);
        let found_left = last(&model, &[2, 3], &mut left);
        assert!(golden::worst(&found_left.values, &expected_left.values) < golden::tolerances::CHUNKS);
        let again = last(&model, &[1], &mut trunk.clone());
        assert_eq!(first, again, "writing to forks changed the trunk at {before}");
        assert_eq!((trunk.positions(), left.positions(), right.positions()), (before, before + 3, before + 3));
    }
}

#[test]
fn keys_and_values_in_fewer_bits_take_less_and_continue_exactly() {
    hold_precision(KvPrecision::F16, 2.0, golden::tolerances::HALF_KEYS_AND_VALUES);
    // 16 dimensions: 16 bytes and 2 of a scale, instead of 64.
    hold_precision(KvPrecision::Q8, 64.0 / 18.0, golden::tolerances::EIGHT_BIT_KEYS_AND_VALUES);
}

fn hold_precision(keys_and_values: KvPrecision, times: f64, tolerance: f32) {
    let folder = tempfile::tempdir().unwrap();
    let (exact, half) = (golden::model(MIXED), {
        let options = LoadOptions { keys_and_values, ..LoadOptions::default() };
        Model::load_with(&golden::folder(MIXED), options).unwrap()
    });
    let read = tokens(2 * KV_BLOCK + 9, &exact);
    let states = [&exact, &half].map(|model| {
        let mut state = model.new_state();
        let logits = last(model, &read, &mut state);
        let path = folder.path().join(format!("{:p}", model));
        state.save(&path, &StateIdentity::of(model, &read)).unwrap();
        (state, logits, path)
    });
    let [(full, expected, full_file), (mut state, found, file)] = states;
    let fixed = exact.config().state_bytes_fixed();
    let found_times = (full.bytes() - fixed) as f64 / (state.bytes() - fixed) as f64;
    assert!((found_times - times).abs() < 1e-9, "{found_times}");
    assert!(fs::metadata(&file).unwrap().len() < fs::metadata(&full_file).unwrap().len());
    let off = golden::worst(&found.values, &expected.values);
    assert!(off > 0.0 && off < tolerance, "{keys_and_values:?}: {off}");
    let mut restored = State::restore(&file, &half, &StateIdentity::of(&half, &read)).unwrap();
    assert_eq!(last(&half, &[3, 1], &mut restored), last(&half, &[3, 1], &mut state));
    let other = State::restore(&file, &exact, &StateIdentity::of(&exact, &read));
    assert!(matches!(other, Err(StateError::Layout { .. })), "{other:?}");
}

#[test]
fn a_restored_state_continues_exactly() {
    let folder = tempfile::tempdir().unwrap();
    for case in CASES {
        let model = golden::model(case);
        for count in [1, 40, KV_BLOCK, KV_BLOCK + 3] {
            let read = tokens(count, &model);
            let mut state = model.new_state();
            model.forward(&read, &mut state, Want::None).unwrap();
            let path = folder.path().join(format!("{case}-{count}.state"));
            let identity = StateIdentity::of(&model, &read);
            state.save(&path, &identity).unwrap();
            let mut restored = State::restore(&path, &model, &identity).unwrap();
            assert_eq!(restored.positions(), count);
            assert_eq!(restored.bytes(), state.bytes());
            for next in tokens(5, &model) {
                assert_eq!(last(&model, &[next], &mut restored), last(&model, &[next], &mut state), "{case}");
            }
        }
    }
    // Nothing but the files themselves is left beside them.
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| name.to_string_lossy().ends_with(".state")), "{names:?}");
}

#[test]
fn a_state_of_no_tokens_can_be_saved() {
    let (folder, model) = (tempfile::tempdir().unwrap(), golden::model(MIXED));
    let path = folder.path().join("empty");
    let identity = StateIdentity::of(&model, &[]);
    model.new_state().save(&path, &identity).unwrap();
    let mut restored = State::restore(&path, &model, &identity).unwrap();
    assert_eq!(last(&model, &[3], &mut restored), last(&model, &[3], &mut model.new_state()));
}

struct Saved {
    _folder: tempfile::TempDir,
    path: std::path::PathBuf,
    model: Model,
    identity: StateIdentity,
    bytes: Vec<u8>,
}

impl Saved {
    fn new() -> Saved {
        let (folder, model) = (tempfile::tempdir().unwrap(), golden::model(MIXED));
        let path = folder.path().join("saved.state");
        let read = tokens(20, &model);
        let mut state = model.new_state();
        model.forward(&read, &mut state, Want::None).unwrap();
        let identity = StateIdentity::of(&model, &read);
        state.save(&path, &identity).unwrap();
        let bytes = fs::read(&path).unwrap();
        Saved { _folder: folder, path, model, identity, bytes }
    }

    fn refused_with(&self, bytes: &[u8]) -> StateError {
        fs::write(&self.path, bytes).unwrap();
        State::restore(&self.path, &self.model, &self.identity).unwrap_err()
    }

    /// The file with another JSON header and its lengths and checksum made right again.
    fn with_header(&self, from: &str, to: &str) -> Vec<u8> {
        let length = u32::from_le_bytes(self.bytes[12..16].try_into().unwrap()) as usize;
        let header = std::str::from_utf8(&self.bytes[16..16 + length]).unwrap();
        assert!(header.contains(from), "{header}");
        let header = header.replace(from, to);
        let mut bytes = self.bytes[..12].to_vec();
        bytes.extend(u32::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(&self.bytes[16 + length..self.bytes.len() - 32]);
        let checksum = blake3::hash(&bytes);
        bytes.extend(checksum.as_bytes());
        bytes
    }
}

#[test]
fn each_wrong_file_is_refused_for_what_it_is() {
    let saved = Saved::new();
    let change = |at: usize| {
        let mut bytes = saved.bytes.clone();
        bytes[at] ^= 1;
        bytes
    };
    assert!(matches!(saved.refused_with(&change(0)), StateError::NotAState { .. }));
    assert!(matches!(saved.refused_with(b""), StateError::NotAState { .. }));
    assert!(matches!(saved.refused_with(&saved.bytes[..10]), StateError::NotAState { .. }));
    match saved.refused_with(&change(8)) {
        StateError::Version { found, expected, .. } => {
            assert_eq!((found, expected), (FORMAT_VERSION ^ 1, FORMAT_VERSION))
        }
        other => panic!("{other}"),
    }
    let end = saved.bytes.len();
    for damaged in [change(end - 1), change(end - 40), change(end / 2)] {
        assert!(matches!(saved.refused_with(&damaged), StateError::Checksum { .. }));
    }
    for cut in [end - 1, end / 2] {
        assert!(matches!(saved.refused_with(&saved.bytes[..cut]), StateError::Length { .. }));
    }
    let longer = [saved.bytes.as_slice(), &[0]].concat();
    assert!(matches!(saved.refused_with(&longer), StateError::Length { .. }));
    let layout = |from, to| matches!(saved.refused_with(&saved.with_header(from, to)), StateError::Layout { .. });
    assert!(layout("\"lightning\":{\"heads\":8", "\"lightning\":{\"heads\":4"), "another head count");
    assert!(layout("\"positions\":20", "\"positions\":21"), "bytes that do not fit the positions");
    assert!(layout("\"positions\":20", "\"positions\":5000"), "more positions than the model takes");
    assert!(layout("\"value_bytes\":", "\"value_bytes\":1"), "bytes that do not fit the layers");
    fs::write(&saved.path, &saved.bytes).unwrap();
    State::restore(&saved.path, &saved.model, &saved.identity).unwrap();
}

#[test]
fn a_state_of_another_text_or_model_is_refused() {
    let saved = Saved::new();
    let other_text = StateIdentity::of(&saved.model, &tokens(21, &saved.model));
    let refused = State::restore(&saved.path, &saved.model, &other_text);
    assert!(matches!(refused, Err(StateError::Prompt { .. })));
    let other_model = StateIdentity { model_digest: "0".repeat(64), ..saved.identity.clone() };
    assert!(matches!(State::restore(&saved.path, &saved.model, &other_model), Err(StateError::Model { .. })));
    // The identity is the caller's word; the model at hand must agree as well.
    let stranger = golden::model("m1_variant_one_layer");
    assert!(matches!(State::restore(&saved.path, &stranger, &saved.identity), Err(StateError::Model { .. })));
    let absent = State::restore(Path::new("/nonexistent/state"), &saved.model, &saved.identity);
    assert!(matches!(absent, Err(StateError::Io { action: "read", .. })));
}

#[test]
fn saving_replaces_whole_files_and_a_failed_save_leaves_the_old_one() {
    let saved = Saved::new();
    let mut state = State::restore(&saved.path, &saved.model, &saved.identity).unwrap();
    last(&saved.model, &[1], &mut state);
    let nowhere = saved.path.join("below-a-file");
    assert!(matches!(state.save(&nowhere, &saved.identity), Err(StateError::Io { action: "write", .. })));
    assert_eq!(fs::read(&saved.path).unwrap(), saved.bytes);
    state.save(&saved.path, &saved.identity).unwrap();
    assert_eq!(State::restore(&saved.path, &saved.model, &saved.identity).unwrap().positions(), 21);
}

#[test]
fn what_cannot_be_read_is_refused_and_the_state_stays_as_it_was() {
    let model = golden::model(MIXED);
    let mut state = model.new_state();
    let expected = last(&model, &[5, 6], &mut state);
    assert!(matches!(model.forward(&[], &mut state, Want::Last), Err(ModelError::NoTokens)));
    let outside = u32::try_from(model.config().vocab_size).unwrap();
    assert!(matches!(
        model.forward(&[1, outside], &mut state, Want::Last),
        Err(ModelError::UnknownToken { index: 1, .. })
    ));
    let too_many = vec![1; model.config().context_length - 1];
    assert!(matches!(
        model.forward(&too_many, &mut state, Want::Last),
        Err(ModelError::ContextExceeded { positions: 2, .. })
    ));
    let mut foreign = golden::model("m1_variant_one_layer").new_state();
    assert!(matches!(model.forward(&[1], &mut foreign, Want::Last), Err(ModelError::ForeignState)));
    assert_eq!(state.positions(), 2);
    let fresh = last(&model, &[5, 6], &mut model.new_state());
    assert_eq!(expected, fresh);
    assert_eq!(last(&model, &[7], &mut state), {
        let mut other = model.new_state();
        last(&model, &[5, 6], &mut other);
        last(&model, &[7], &mut other)
    });
}

#[test]
fn the_sizes_the_config_promises_are_those_of_states() {
    for case in CASES {
        let model = golden::model(case);
        let config = model.config();
        assert_eq!(model.new_state().bytes(), config.state_bytes_fixed());
        let mut state = model.new_state();
        model.forward(&tokens(KV_BLOCK, &model), &mut state, Want::None).unwrap();
        assert_eq!(state.bytes(), config.state_bytes_fixed() + KV_BLOCK as u64 * model.state_bytes_per_token());
        let elements: usize = {
            let file = fs::read(golden::folder(case).join("model.safetensors")).unwrap();
            let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
            tensors.iter().map(|(_, view)| view.shape().iter().product::<usize>()).sum()
        };
        assert_eq!(model.parameters(), elements as u64, "{case}");
    }
    assert!(!Golden::of(MIXED).names().is_empty());
}
