//! The model in this process, with a tiny random model: states on disk, checkpoints, cancellation, answers on forks.

mod tiny;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use lectern_engine::generate::framing;
use lectern_engine::generate::native::NativeGenerator;
use lectern_engine::generate::{Answer, GenerateError, Generator, ReadReport, Reading, Request, Shape, StopReason};
use lectern_engine::progress::{Event, Silent};
use serde_json::{Value, json};

/// A model folder, a folder for states, and a document of somewhat over `bytes` bytes, which are its tokens.
struct Place {
    _dir: tempfile::TempDir,
    model: PathBuf,
    states: PathBuf,
    text: String,
}

fn place(bytes: usize) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let model = tiny::model(dir.path());
    let states = dir.path().join("states");
    let mut text = String::new();
    let mut n = 0;
    while text.len() < bytes {
        n += 1;
        text.push_str(&format!("Clause {n}: the \"fee\" is EUR {},000.\n", n * 37 % 91));
    }
    Place { _dir: dir, model, states, text }
}

impl Place {
    fn load(&self) -> NativeGenerator {
        NativeGenerator::load(&self.model, None).unwrap()
    }

    fn reading(&self) -> Reading<'_> {
        Reading { text: &self.text, label: "fees.txt", state_dir: Some(&self.states) }
    }

    fn state_files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(&self.states).map_or(Vec::new(), |d| d.map(|e| e.unwrap().path()).collect())
    }
}

#[test]
fn an_adapter_is_used_where_the_folder_names_one_or_a_person_does() {
    let place = place(400);
    let bare = place.load().card().clone();
    let adapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/m1_tiny_adapter");
    let named = NativeGenerator::load(&place.model, Some(&adapter)).unwrap().card().clone();
    assert_eq!(named.name, "tiny with tiny-tuned");
    assert_ne!(named.digest, bare.digest, "what one has read is not the other's");
    std::fs::create_dir(place.model.join("tuned")).unwrap();
    for file in ["adapter.json", "adapter.safetensors"] {
        std::fs::copy(adapter.join(file), place.model.join("tuned").join(file)).unwrap();
    }
    let card = r#"{"format": 1, "name": "tiny", "chat_template": "chatml", "interim": true, "adapter": "tuned"}"#;
    std::fs::write(place.model.join("lectern.json"), card).unwrap();
    let own = place.load().card().clone();
    assert_eq!((own.name.as_str(), &own.digest), ("tiny", &named.digest), "the same, and its own: no other name");
    std::fs::remove_file(place.model.join("tuned/adapter.json")).unwrap();
    let error = NativeGenerator::load(&place.model, None).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("adapter.json"), "{error}");
}

fn request(shape: Shape, max_tokens: usize) -> Request {
    Request {
        passages: Vec::new(),
        instruction: "What is the fee?".into(),
        evidence: None,
        shape,
        max_tokens,
        temperature: 0.0,
        top_p: 1.0,
        seed: 0,
    }
}

fn ask(generator: &mut NativeGenerator) -> String {
    generator.answer(&request(Shape::Text, 24), &mut Silent).unwrap().text
}

/// Reads until `limit` tokens are done and then stops.
fn read_up_to(generator: &mut NativeGenerator, reading: &Reading<'_>, limit: u64) -> Result<ReadReport, GenerateError> {
    generator.read(reading, &mut |event: Event| match event {
        Event::Progress { done, .. } if done >= limit => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
}

#[test]
fn a_saved_state_answers_as_the_reading_that_made_it() {
    let place = place(900);
    let mut first = place.load();
    let read = first.read(&place.reading(), &mut Silent).unwrap();
    assert_eq!((read.restored_tokens, read.text_tokens), (0, place.text.len()));
    assert!(read.state_bytes > 0 && read.state_tokens > read.text_tokens);
    let answer = ask(&mut first);
    let mut second = place.load();
    let again = second.read(&place.reading(), &mut Silent).unwrap();
    assert_eq!(again.restored_tokens, read.state_tokens);
    assert_eq!(ask(&mut second), answer);
}

#[test]
fn answers_do_not_change_what_was_read() {
    let place = place(300);
    let mut generator = place.load();
    generator.read(&place.reading(), &mut Silent).unwrap();
    let first = ask(&mut generator);
    generator
        .answer(&Request { instruction: "Another thing.".into(), ..request(Shape::Text, 30) }, &mut Silent)
        .unwrap();
    assert_eq!(ask(&mut generator), first);
}

#[test]
fn passages_are_put_after_the_request() {
    let place = place(300);
    let mut generator = place.load();
    generator.read(&place.reading(), &mut Silent).unwrap();
    let plain = request(Shape::Text, 24);
    let beside = Request { passages: vec!["The fee is due.".into()], ..plain.clone() };
    let written = Request {
        instruction: format!(
            "{}{}{}{}",
            plain.instruction,
            framing::PASSAGES_BEFORE,
            framing::passage("1", "The fee is due."),
            framing::PASSAGES_AFTER
        ),
        ..plain
    };
    let [beside, written] = [beside, written].map(|r| generator.answer(&r, &mut Silent).unwrap());
    assert_eq!((beside.text, beside.prompt_tokens), (written.text, written.prompt_tokens));
}

#[test]
fn interrupted_reading_goes_on_from_its_checkpoint() {
    let place = place(3000);
    let mut whole = place.load();
    let without_states = Reading { state_dir: None, ..place.reading() };
    whole.read(&without_states, &mut Silent).unwrap();
    assert!(place.state_files().is_empty());
    assert_eq!(read_up_to(&mut place.load(), &place.reading(), 2600), Err(GenerateError::Cancelled));
    assert_eq!(place.state_files().len(), 1, "the newest checkpoint and nothing else");
    let mut resumed = place.load();
    let read = resumed.read(&place.reading(), &mut Silent).unwrap();
    assert!((2048..read.state_tokens).contains(&read.restored_tokens), "{read:?}");
    assert_eq!(ask(&mut resumed), ask(&mut whole));
    assert_eq!(place.state_files().len(), 1, "the whole state replaces the checkpoint");
    assert_eq!(place.load().read(&place.reading(), &mut Silent).unwrap().restored_tokens, read.state_tokens);
}

#[test]
fn a_state_of_other_text_other_label_or_damaged_is_not_used() {
    let place = place(300);
    let mut generator = place.load();
    generator.read(&place.reading(), &mut Silent).unwrap();
    let answer = ask(&mut generator);
    let other = place.text.replacen("Clause 1", "Clause 9", 1);
    for reading in [Reading { text: &other, ..place.reading() }, Reading { label: "other.txt", ..place.reading() }] {
        assert_eq!(place.load().read(&reading, &mut Silent).unwrap().restored_tokens, 0);
    }
    for file in place.state_files() {
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x40;
        std::fs::write(&file, bytes).unwrap();
    }
    let mut again = place.load();
    assert_eq!(again.read(&place.reading(), &mut Silent).unwrap().restored_tokens, 0);
    assert_eq!(ask(&mut again), answer);
    assert!(
        place.load().read(&place.reading(), &mut Silent).unwrap().restored_tokens > 0,
        "the damaged file was replaced"
    );
}

#[test]
fn cancelling_an_answer_leaves_the_reading_usable() {
    let place = place(300);
    let mut generator = place.load();
    assert_eq!(generator.answer(&request(Shape::Text, 4), &mut Silent), Err(GenerateError::NothingRead));
    generator.read(&place.reading(), &mut Silent).unwrap();
    let expected = ask(&mut generator);
    let mut pieces = 0;
    let stopped = generator.answer(&request(Shape::Text, 24), &mut |event: Event| {
        pieces += usize::from(matches!(event, Event::Text { .. }));
        if pieces == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(stopped, Err(GenerateError::Cancelled));
    assert_eq!(pieces, 3, "events came after Break");
    assert_eq!(ask(&mut generator), expected);
}

#[test]
fn a_text_that_does_not_fit_is_refused_with_figures_and_nothing_is_saved() {
    let place = place(5000);
    let mut generator = place.load();
    match generator.read(&place.reading(), &mut Silent) {
        Err(GenerateError::TooLong { needed, available, .. }) => {
            assert!(needed > place.text.len() && available < 4096, "{needed} {available}");
        }
        other => panic!("{other:?}"),
    }
    assert!(place.state_files().is_empty());
}

#[test]
fn json_answers_keep_their_shape_and_quote_the_document() {
    let place = place(1200);
    let mut generator = place.load();
    generator.read(&place.reading(), &mut Silent).unwrap();
    let schema = json!({"type": "object", "properties": {
        "found": {"type": "boolean"},
        "quotes": {"type": "array", "minItems": 1, "maxItems": 2,
            "items": {"type": "string", "x-lectern-quote": true, "minLength": 20, "maxLength": 80}}}});
    for seed in 0..4 {
        let temperature = if seed == 0 { 0.0 } else { 1.0 };
        let request = Request { temperature, seed, ..request(Shape::Json { schema: schema.clone() }, 600) };
        let Answer { text, stop, .. } = generator.answer(&request, &mut Silent).unwrap();
        assert_eq!(stop, StopReason::EndOfTurn, "{text}");
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        for quote in value["quotes"].as_array().unwrap() {
            assert!(place.text.contains(quote.as_str().unwrap()), "{quote}");
        }
    }
    let bad = generator.answer(&request(Shape::Json { schema: json!({"type": "date"}) }, 9), &mut Silent);
    assert!(matches!(bad, Err(GenerateError::Schema { .. })), "{bad:?}");
}

#[test]
fn evidence_decides_as_far_as_the_adapter_weighs_it() {
    let place = place(600);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/m1_tiny_adapter");
    let adapter = tempfile::tempdir().unwrap();
    std::fs::copy(golden.join("adapter.safetensors"), adapter.path().join("adapter.safetensors")).unwrap();
    let mut said: Value = serde_json::from_slice(&std::fs::read(golden.join("adapter.json")).unwrap()).unwrap();
    said["decision"] = json!({"lean": 0.0, "evidence": 2.0, "bias": 1.0});
    std::fs::write(adapter.path().join("adapter.json"), said.to_string()).unwrap();
    let quotes =
        json!({"type": "array", "minItems": 1, "maxItems": 1, "items": {"type": "string", "x-lectern-quote": true}});
    let schema = json!({"type": "object", "properties": {"quotes": {"anyOf": [quotes, {"const": "none"}]}}});
    let asked = |adapter: Option<&Path>, evidence: Option<f32>| {
        let mut generator = NativeGenerator::load(&place.model, adapter).unwrap();
        generator.read(&place.reading(), &mut Silent).unwrap();
        let request = Request { evidence, ..request(Shape::Json { schema: schema.clone() }, 600) };
        let answer = generator.answer(&request, &mut Silent).unwrap();
        let [decided] = answer.decisions[..] else { panic!("{:?}", answer.decisions) };
        (answer.text, decided)
    };
    let (none, decided) = asked(Some(adapter.path()), Some(20.0));
    assert_eq!((none.as_str(), decided.log_odds), (r#"{"quotes":"none"}"#, 41.0));
    let (some, decided) = asked(Some(adapter.path()), Some(-20.0));
    assert!(some.starts_with(r#"{"quotes":[""#) && decided.log_odds == -39.0, "{some}");
    for (adapter, evidence) in [(Some(adapter.path()), None), (Some(&*golden), Some(20.0)), (None, Some(20.0))] {
        let (_, decided) = asked(adapter, evidence);
        assert_eq!(decided.log_odds, decided.lean, "without weights, or without evidence, the model alone decides");
    }
}

#[test]
fn an_answer_that_runs_out_of_room_says_so() {
    let place = place(200);
    let mut generator = place.load();
    generator.read(&place.reading(), &mut Silent).unwrap();
    let answer = generator.answer(&request(Shape::Text, 5), &mut Silent).unwrap();
    assert_eq!((answer.stop, answer.generated_tokens), (StopReason::MaxTokens, 5));
    let long = Request { instruction: "why ".repeat(1200), ..request(Shape::Text, 5) };
    assert!(matches!(generator.answer(&long, &mut Silent), Err(GenerateError::TooLong { .. })));
}
