//! The model's process: requests and replies over frames, cancellation in the middle, a model that cannot be loaded.

use lectern_engine::generate::frames::{self, FromModel, ToModel};
use lectern_engine::generate::scripted::Scripted;
use lectern_engine::generate::{GenerateError, Generator, Request, Shape, serve};
use std::io::{PipeReader, PipeWriter, pipe};
use std::time::Duration;

/// A served generator on a thread, and the two ends a parent holds.
fn serve(generator: Result<Scripted, GenerateError>) -> (PipeWriter, PipeReader, std::sync::mpsc::Receiver<()>) {
    let (child_in, parent_out) = pipe().unwrap();
    let (parent_in, child_out) = pipe().unwrap();
    let (gone, hung_up) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let loaded = generator.map(|g| Box::new(g) as Box<dyn Generator>);
        serve::serve(loaded, child_in, child_out, move || {
            let _ = gone.send(());
        })
    });
    (parent_out, parent_in, hung_up)
}

fn reply(stream: &mut PipeReader) -> FromModel {
    loop {
        match frames::read(stream).unwrap().expect("a reply comes before the stream ends") {
            FromModel::Event { .. } | FromModel::Tick => {}
            frame => return frame,
        }
    }
}

fn read_frame(words: usize) -> ToModel {
    ToModel::Read { text: "word ".repeat(words), label: "a".into(), state_dir: None }
}

#[test]
fn requests_are_answered_in_order_and_the_end_of_input_is_noticed() {
    let (mut to, mut from, hung_up) = serve(Ok(Scripted::new(Box::new(|document, _| Ok(document.len().to_string())))));
    assert!(matches!(reply(&mut from), FromModel::Hello { protocol: frames::PROTOCOL, .. }));
    frames::write(&mut to, &ToModel::Count { text: "one two".into() }).unwrap();
    assert_eq!(reply(&mut from), FromModel::Counted { tokens: 2 });
    let request = Request {
        passages: Vec::new(),
        instruction: "x".into(),
        evidence: None,
        shape: Shape::Text,
        max_tokens: 1,
        temperature: 0.0,
        top_p: 1.0,
        seed: 0,
    };
    frames::write(&mut to, &ToModel::Answer { request: request.clone() }).unwrap();
    assert_eq!(reply(&mut from), FromModel::Failed { error: GenerateError::NothingRead });
    frames::write(&mut to, &read_frame(3)).unwrap();
    assert!(matches!(reply(&mut from), FromModel::Done { report } if report.text_tokens == 3));
    frames::write(&mut to, &ToModel::Answer { request }).unwrap();
    assert!(matches!(reply(&mut from), FromModel::Answered { answer } if answer.text == "15"));
    drop(to);
    hung_up.recv_timeout(Duration::from_secs(5)).expect("the child sees that its parent is gone");
}

#[test]
fn cancelling_stops_reading_and_leaves_the_process_usable() {
    let slow = Scripted::quoting().with_pace(Duration::from_millis(20));
    let (mut to, mut from, _hung_up) = serve(Ok(slow));
    reply(&mut from);
    frames::write(&mut to, &read_frame(1_000_000)).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    frames::write(&mut to, &ToModel::Cancel).unwrap();
    assert_eq!(reply(&mut from), FromModel::Failed { error: GenerateError::Cancelled });
    frames::write(&mut to, &ToModel::Count { text: "still here".into() }).unwrap();
    assert_eq!(reply(&mut from), FromModel::Counted { tokens: 2 });
}

#[test]
fn a_model_that_cannot_be_loaded_says_why() {
    let error = GenerateError::Load { path: "/models/x".into(), reason: "no config.json".into() };
    let (_to, mut from, _hung_up) = serve(Err(error.clone()));
    assert_eq!(reply(&mut from), FromModel::Failed { error });
}
