//! The model in a real child process of the command line: it dies, it is stopped, its parent goes.

mod tiny;

use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lectern_engine::generate::local::LocalGenerator;
use lectern_engine::generate::{GenerateError, Generator, Reading, Request, Shape};
use lectern_engine::progress::{Event, Silent};
use lectern_engine::worker::WorkerProgram;

const BINARY: &str = env!("CARGO_BIN_EXE_lectern");

fn start(model: &Path) -> LocalGenerator {
    LocalGenerator::start(&WorkerProgram { program: PathBuf::from(BINARY), env: Vec::new() }, model, None).unwrap()
}

fn text() -> String {
    (0..70).map(|n| format!("Clause {n}: the fee is EUR {},000.\n", n * 37 % 91)).collect()
}

fn question() -> Request {
    let instruction = "What is the fee?".to_string();
    Request {
        passages: Vec::new(),
        instruction,
        evidence: None,
        shape: Shape::Text,
        max_tokens: 16,
        temperature: 0.0,
        top_p: 1.0,
        seed: 0,
    }
}

/// Process ids of the children of this process that serve the model in `folder`.
fn children(folder: &Path) -> Vec<u32> {
    let me = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let serves = String::from_utf8_lossy(&command).contains(&*folder.to_string_lossy());
        // After the name come state and parent; a zombie is no longer there.
        if serves && fields.get(1) == Some(&me.as_str()) && fields.first() != Some(&"Z") {
            found.push(pid);
        }
    }
    found
}

fn wait_for_end(child: &mut Child, patience: Duration) -> bool {
    let since = Instant::now();
    while since.elapsed() < patience {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

#[test]
fn a_killed_model_is_an_error_once_and_the_saved_state_carries_on() {
    let dir = tempfile::tempdir().unwrap();
    let model = tiny::model(dir.path());
    let (states, text) = (dir.path().join("states"), text());
    let mut generator = start(&model);
    let read = generator.read(&Reading { text: &text, label: "a", state_dir: Some(&states) }, &mut Silent).unwrap();
    assert!(read.state_bytes > 0);
    let before = generator.answer(&question(), &mut Silent).unwrap();
    let pids = children(&model);
    assert_eq!(pids.len(), 1);
    let killed = Command::new("kill").args(["-9", &pids[0].to_string()]).status().unwrap();
    assert!(killed.success());
    std::thread::sleep(Duration::from_millis(100));
    let error = generator.answer(&question(), &mut Silent);
    assert!(matches!(error, Err(GenerateError::Process { .. })), "{error:?}");
    let mut read_again = 0;
    let after = generator
        .answer(&question(), &mut |event: Event| {
            if let Event::Progress { done, .. } = event {
                read_again = read_again.max(usize::from(done > 0 && done < read.state_tokens as u64));
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(after.text, before.text);
    assert_eq!(read_again, 0, "it read the document again instead of restoring its state");
    assert_ne!(children(&model), pids);
    drop(generator);
    assert!(children(&model).is_empty(), "the process outlives its generator");
}

#[test]
fn stopping_a_reading_ends_soon_and_the_generator_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let model = tiny::model(dir.path());
    let text = text();
    let mut generator = start(&model);
    let reading = Reading { text: &text, label: "a", state_dir: None };
    let started = Instant::now();
    let stopped = generator.read(&reading, &mut |_: Event| ControlFlow::Break(()));
    assert_eq!(stopped, Err(GenerateError::Cancelled));
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(generator.count_tokens("four").unwrap(), 4);
    generator.read(&reading, &mut Silent).unwrap();
    generator.answer(&question(), &mut Silent).unwrap();
}

#[test]
fn the_process_ends_when_its_input_closes() {
    let dir = tempfile::tempdir().unwrap();
    let model = tiny::model(dir.path());
    let mut child = Command::new(BINARY)
        .arg("__generate")
        .arg(&model)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0u8; 4];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    assert!(!wait_for_end(&mut child, Duration::from_millis(300)), "it ended while its parent was there");
    drop(child.stdin.take());
    assert!(wait_for_end(&mut child, Duration::from_secs(10)), "it outlives its parent");
}

#[test]
fn a_folder_that_is_no_model_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let program = WorkerProgram { program: PathBuf::from(BINARY), env: Vec::new() };
    match LocalGenerator::start(&program, dir.path(), None).map(|_| ()) {
        Err(GenerateError::Load { path, reason }) => {
            assert!(path.starts_with(dir.path()) && !reason.is_empty(), "{path:?} {reason}");
        }
        other => panic!("{other:?}"),
    }
}
