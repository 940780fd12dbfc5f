//! What happens to the parent when the parser's child misbehaves: nothing but an error that says so.
#![cfg(unix)]

use lectern_engine::import::ParseError;
use lectern_engine::import::pdf::Opened;
use lectern_engine::import::raw::{RawGlyph, RawLine, RawPage};
use lectern_engine::import::wire::{Frame, write_frame};
use lectern_engine::import::worker::{Limits, Parser};
use lectern_engine::progress::{Event, Silent};
use lectern_engine::text::{Extractor, PageStatus};
use lectern_engine::worker::WorkerProgram;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn limits() -> Limits {
    Limits { memory_mb: 1024, seconds: 3, page_seconds: 2 }
}

/// A parser whose child is a shell script.
fn parser_of(folder: &Path, script: &str) -> Parser {
    let program = folder.join("worker.sh");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    Parser { program: WorkerProgram { program, env: Vec::new() }, pdfium: None, limits: limits() }
}

fn real_parser() -> Parser {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_lectern"));
    Parser { program: WorkerProgram { program, env: Vec::new() }, pdfium: None, limits: limits() }
}

fn outcome(script: &str) -> ParseError {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.txt");
    std::fs::write(&file, "words").unwrap();
    parser_of(folder.path(), script).parse_file(&file, "a.txt", None, &mut Silent).unwrap_err()
}

#[test]
fn a_child_that_hangs_is_killed_in_time() {
    let begun = Instant::now();
    assert_eq!(outcome("exec sleep 60").code(), "timeout");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_child_that_crashes_is_reported_with_its_signal_and_last_words() {
    let ParseError::Crashed { reason } = outcome("cat >/dev/null & echo it hurts >&2; kill -SEGV $$") else {
        panic!("not a crash")
    };
    assert!(reason.contains("segmentation fault") && reason.contains("it hurts"), "{reason}");
}

#[test]
fn a_child_without_memory_is_told_apart() {
    let error = outcome("echo 'memory allocation of 99 bytes failed' >&2; kill -ABRT $$");
    assert_eq!(error, ParseError::OutOfMemory { limit_mb: 1024 });
}

#[test]
fn a_child_that_talks_nonsense_is_not_believed() {
    assert_eq!(outcome("head -c 4 /dev/zero; printf 'xxxxxxxxxxxxxxxxxxxx'; sleep 1").code(), "crashed");
    assert_eq!(outcome("printf '\\377\\377\\377\\377'; sleep 1").code(), "crashed");
    assert_eq!(outcome("exit 0").code(), "crashed");
}

#[test]
fn a_flood_on_stderr_does_not_block() {
    assert_eq!(outcome("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 9").code(), "crashed");
}

#[test]
fn a_missing_program_is_an_error_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.txt");
    std::fs::write(&file, "words").unwrap();
    let mut parser = real_parser();
    parser.program.program = folder.path().join("nowhere");
    assert_eq!(parser.parse_file(&file, "a.txt", None, &mut Silent).unwrap_err().code(), "io");
}

#[test]
fn cancelling_stops_a_hanging_child_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.txt");
    std::fs::write(&file, "words").unwrap();
    let parser = Parser {
        limits: Limits { seconds: 60, page_seconds: 60, ..limits() },
        ..parser_of(folder.path(), "exec sleep 60")
    };
    let begun = Instant::now();
    let mut stop = |_: Event| ControlFlow::Break(());
    assert_eq!(parser.parse_file(&file, "a.txt", None, &mut stop).unwrap_err(), ParseError::Cancelled);
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn text_goes_through_the_real_child() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.txt");
    std::fs::write(&file, "First paragraph.\n\nSecond one.\n").unwrap();
    let text = real_parser().parse_file(&file, "a.txt", None, &mut Silent).unwrap();
    assert_eq!(text.text, "First paragraph.\nSecond one.");
    let empty = folder.path().join("b.txt");
    std::fs::write(&empty, "").unwrap();
    assert_eq!(real_parser().parse_file(&empty, "b.txt", None, &mut Silent).unwrap_err(), ParseError::Empty);
    let picture = folder.path().join("c.png");
    std::fs::write(&picture, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").unwrap();
    assert_eq!(real_parser().parse_file(&picture, "c.png", None, &mut Silent).unwrap_err().code(), "unsupported");
}

#[test]
fn the_real_child_ends_when_its_input_ends() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_lectern"))
        .arg("__parse")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdin.take());
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(30), "still alive");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn pages_read_before_a_crash_are_kept_and_the_broken_ones_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.pdf");
    std::fs::write(&file, "%PDF-1.4").unwrap();
    let extractor = Extractor { name: "x".into(), version: "1".into() };
    let lines =
        vec![RawLine { glyphs: vec![RawGlyph { text: "kept".into(), rect: None }], font_size: 10.0, bold: false }];
    let page = RawPage {
        number: 1,
        width: 612.0,
        height: 792.0,
        status: PageStatus::Ok,
        extractor: extractor.clone(),
        quality: 1.0,
        lines,
    };
    let mut frames = Vec::new();
    write_frame(&mut frames, &Frame::Opened(Opened { pages: 3, title: None, extractor, notes: Vec::new() })).unwrap();
    write_frame(&mut frames, &Frame::Page(Box::new(page), None)).unwrap();
    std::fs::write(folder.path().join("frames"), frames).unwrap();
    let script = format!("cat {}; kill -SEGV $$", folder.path().join("frames").display());
    let text = parser_of(folder.path(), &script).parse_file(&file, "a.pdf", None, &mut Silent).unwrap();
    let statuses: Vec<PageStatus> = text.pages.iter().map(|p| p.status).collect();
    assert_eq!(statuses, [PageStatus::Ok, PageStatus::Failed, PageStatus::Failed]);
    assert_eq!(text.slice(text.pages[0].span), Some("kept"));
    let notes: Vec<Option<u32>> = text.notes.iter().filter(|n| n.code == "page_failed").map(|n| n.page).collect();
    assert_eq!(notes, [Some(2), Some(3)]);
}

#[test]
fn the_memory_limit_holds_for_the_real_child() {
    let folder = tempfile::tempdir().unwrap();
    let parser = Parser { limits: Limits { memory_mb: 256, seconds: 60, page_seconds: 60 }, ..real_parser() };
    // One does not fit at all, the other is too much once it is parsed.
    for words in [50_000_000, 24_000_000] {
        let file = folder.path().join("a.txt");
        std::fs::write(&file, "word ".repeat(words)).unwrap();
        let error = parser.parse_file(&file, "a.txt", None, &mut Silent).unwrap_err();
        assert_eq!(error, ParseError::OutOfMemory { limit_mb: 256 }, "{words} words");
    }
}
