//! A library through its one door: import, search, jobs, deletion, and what closing and opening must not lose.

mod common;

use common::{Library, broken, scripted};
use lectern_engine::generate::scripted::Scripted;
use lectern_engine::progress::{Event, Silent};
use lectern_engine::tasks::{Method, TaskSpec, TooLong};
use lectern_engine::workspace::{
    AnalyzeError, DocumentStatus, ImportError, JobError, JobSpec, JobState, LibraryError, Review, SearchOptions,
    StoreError, Verdict,
};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const CONTRACT: &str = "This agreement runs for three years.\n\nEither party may end it with thirty days of notice.\n";

fn question() -> TaskSpec {
    TaskSpec::Question { question: "When may a party end it?".into(), method: Method::Model }
}

fn anywhere(limit: usize) -> SearchOptions {
    SearchOptions { limit, document: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_are_found_again_and_kept_once() {
    let library = Library::new();
    let workspace = library.open().await;
    let first = workspace.import(&library.file("a.txt", CONTRACT), None, Box::new(Silent)).await.unwrap();
    assert_eq!(
        (first.already_there, first.document.status, first.document.indexed),
        (false, DocumentStatus::Ready, true)
    );
    let second = workspace.import(&library.file("b.txt", CONTRACT), None, Box::new(Silent)).await.unwrap();
    assert!(second.already_there);
    assert_eq!(second.document, first.document);
    assert_eq!(workspace.documents().await.unwrap().len(), 1);
    assert_eq!(std::fs::read_dir(library.path().join("sources")).unwrap().count(), 1);
    assert_eq!(std::fs::read(workspace.source_path(first.document.id).await.unwrap()).unwrap(), CONTRACT.as_bytes());
    assert!(workspace.text(first.document.id).await.unwrap().text.contains("thirty days"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_imported_at_the_same_time_are_kept_once() {
    let library = Library::new();
    let workspace = library.open().await;
    let path = library.file("a.txt", CONTRACT);
    let imports = (0..6).map(|_| {
        let (workspace, path) = (workspace.clone(), path.clone());
        tokio::spawn(async move { workspace.import(&path, None, Box::new(Silent)).await.unwrap().already_there })
    });
    let mut fresh = 0;
    for import in imports.collect::<Vec<_>>() {
        fresh += usize::from(!import.await.unwrap());
    }
    assert_eq!((fresh, workspace.documents().await.unwrap().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_is_listed_with_its_reason_and_its_bytes_are_kept() {
    let library = Library::new();
    let workspace = library.open().await;
    for (name, content, status) in [
        ("empty.txt", b"".as_slice(), DocumentStatus::Empty),
        ("program.bin", b"\x7fELF\x00\x01\x02\x00\x00".as_slice(), DocumentStatus::Unsupported),
    ] {
        let path = library.file(name, content);
        let document = workspace.import(&path, None, Box::new(Silent)).await.unwrap().document;
        assert_eq!(document.status, status);
        assert!(document.message.is_some_and(|m| !m.is_empty()));
        assert_eq!(std::fs::read(workspace.source_path(document.id).await.unwrap()).unwrap(), content);
        assert_eq!(workspace.text(document.id).await.unwrap().text, "");
        let again = workspace.retry(document.id, None, Box::new(Silent)).await.unwrap();
        assert_eq!(again.status, status);
    }
    let missing = workspace.import(Path::new("/no/such/file"), None, Box::new(Silent)).await;
    assert!(matches!(missing, Err(ImportError::Unreadable { .. })));
    assert!(matches!(
        workspace.import(&library.path(), None, Box::new(Silent)).await,
        Err(ImportError::Unreadable { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_import_leaves_nothing() {
    let library = Library::new();
    let workspace = library.open().await;
    let path = library.file("a.txt", CONTRACT);
    for stop_at in 0..3 {
        let mut seen = 0;
        let stop = move |_: Event| {
            seen += 1;
            if seen > stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let stopped = workspace.import(&path, None, Box::new(stop)).await;
        assert!(matches!(stopped, Err(ImportError::Cancelled { .. })), "{stop_at}: {stopped:?}");
        assert!(workspace.documents().await.unwrap().is_empty());
        assert_eq!(std::fs::read_dir(library.path().join("sources")).unwrap().count(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_exists_is_never_parsed_again() {
    let library = Library::new();
    let workspace = library.open().await;
    let document = library.import(&workspace, "a.txt", CONTRACT).await;
    std::fs::write(workspace.source_path(document).await.unwrap(), "something else").unwrap();
    let again = workspace.retry(document, Some("password".into()), Box::new(Silent)).await.unwrap();
    assert_eq!(again.status, DocumentStatus::Ready);
    assert!(workspace.text(document).await.unwrap().text.contains("thirty days"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_stored_with_its_evidence_and_reviews() {
    let library = Library::new();
    let workspace = library.open().await;
    let document = library.import(&workspace, "a.txt", CONTRACT).await;
    let run = workspace.analyze(document, question(), TooLong::Refuse, 3, Box::new(Silent)).await.unwrap();
    let text = workspace.text(document).await.unwrap();
    let evidence: Vec<_> = run.result.claims.iter().flat_map(|c| &c.evidence).collect();
    assert!(!evidence.is_empty());
    assert!(evidence.iter().all(|e| text.slice(e.span) == Some(e.quote.as_str())));
    let review = Review { verdict: Verdict::Accepted, text: None, note: None };
    workspace.review(run.claim_ids[0], review.clone()).await.unwrap();
    let loaded = workspace.runs(document).await.unwrap();
    assert_eq!(loaded.len(), 1);
    assert_eq!((&loaded[0].result, &loaded[0].reviews[0]), (&run.result, &Some(review)));
    let job = workspace.jobs().await.unwrap().remove(0);
    assert_eq!((job.state, job.run, job.attempts), (JobState::Done, Some(run.id), 1));
    assert!(matches!(workspace.run_job(job.id, Box::new(Silent)).await, Err(JobError::NotRunnable { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_model_process_serves_all_tasks() {
    let library = Library::new();
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let workspace = library
        .open_with(Arc::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(Box::new(Scripted::quoting()))
        }))
        .await;
    let document = library.import(&workspace, "a.txt", CONTRACT).await;
    for _ in 0..2 {
        workspace.analyze(document, question(), TooLong::Refuse, 0, Box::new(Silent)).await.unwrap();
    }
    workspace.fit(document).await.unwrap();
    workspace.model_card().await.unwrap();
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_stored_as_a_failure_and_does_not_block_the_next() {
    let library = Library::new();
    let workspace = library.open_with(broken()).await;
    let document = library.import(&workspace, "a.txt", CONTRACT).await;
    let failed = workspace.analyze(document, question(), TooLong::Refuse, 0, Box::new(Silent)).await;
    let Err(AnalyzeError::Failed { job, code, message }) = failed else { panic!("{failed:?}") };
    assert!(!message.is_empty() && !code.is_empty());
    assert_eq!(workspace.job(job).await.unwrap().state, JobState::Failed);
    assert!(workspace.runs(document).await.unwrap().is_empty());

    let missing = workspace.submit(JobSpec::Import { path: "/no/such/file".into() }).await.unwrap();
    let good = workspace.submit(JobSpec::Import { path: library.file("b.txt", "Other text.") }).await.unwrap();
    let ended = workspace.run_pending(|_| Box::new(Silent)).await.unwrap();
    let states: Vec<_> = ended.iter().map(|j| (j.id, j.state, j.error_code.as_deref())).collect();
    assert_eq!(states, [(missing, JobState::Failed, Some("unreadable")), (good, JobState::Done, None)]);
    assert_eq!(workspace.documents().await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_too_long_waits_for_a_choice() {
    let library = Library::new();
    let workspace = library.open_with(Arc::new(|| Ok(Box::new(Scripted::quoting().with_context(2000))))).await;
    let long = "The parties agree on many things that are written here at length.\n\n".repeat(400);
    let document = library.import(&workspace, "long.txt", &long).await;
    let fit = workspace.fit(document).await.unwrap();
    assert!(!fit.fits && fit.tokens > fit.context);
    let refused = workspace.analyze(document, question(), TooLong::Refuse, 0, Box::new(Silent)).await;
    let Err(AnalyzeError::NeedsChoice { job, message }) = refused else { panic!("{refused:?}") };
    assert!(message.contains(&fit.tokens.to_string()), "{message}");
    assert!(workspace.run_pending(|_| Box::new(Silent)).await.unwrap().is_empty(), "it ran without a choice");
    workspace.choose(job, TooLong::ReadBeginning).await.unwrap();
    let ended = workspace.run_pending(|_| Box::new(Silent)).await.unwrap();
    assert_eq!(ended.iter().map(|j| (j.id, j.state)).collect::<Vec<_>>(), [(job, JobState::Done)], "{ended:?}");
    let run = workspace.run(ended[0].run.unwrap()).await.unwrap();
    assert!(run.result.coverage.read.last().unwrap().end() < long.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_and_running_jobs_can_be_cancelled() {
    let library = Library::new();
    let slow = || Ok(Box::new(Scripted::quoting().with_pace(Duration::from_millis(20))) as Box<_>);
    let workspace = library.open_with(Arc::new(slow)).await;
    let document = library.import(&workspace, "a.txt", &CONTRACT.repeat(3000)).await;
    let spec = JobSpec::Task { document, spec: question(), too_long: TooLong::Refuse, seed: 0 };
    let waiting = workspace.submit(spec.clone()).await.unwrap();
    workspace.cancel(waiting).await.unwrap();
    assert_eq!(workspace.job(waiting).await.unwrap().state, JobState::Cancelled);

    let running = workspace.submit(spec).await.unwrap();
    let (sender, mut reading) = tokio::sync::mpsc::unbounded_channel();
    let sink = move |event: Event| {
        if matches!(event, Event::Progress { .. }) {
            let _ = sender.send(());
        }
        ControlFlow::Continue(())
    };
    let work = tokio::spawn({
        let workspace = workspace.clone();
        async move { workspace.run_job(running, Box::new(sink)).await.unwrap() }
    });
    reading.recv().await.unwrap();
    assert_eq!(workspace.job(running).await.unwrap().state, JobState::Running);
    workspace.cancel(running).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), work).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.run), (JobState::Cancelled, None));
    assert!(workspace.runs(document).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_queues_running_work_again_and_opening_finishes_it() {
    let library = Library::new();
    let slow = || Ok(Box::new(Scripted::quoting().with_pace(Duration::from_millis(20))) as Box<_>);
    let workspace = library.open_with(Arc::new(slow)).await;
    let document = library.import(&workspace, "a.txt", &CONTRACT.repeat(3000)).await;
    let spec = JobSpec::Task { document, spec: question(), too_long: TooLong::Refuse, seed: 0 };
    let job = workspace.submit(spec).await.unwrap();
    let (sender, mut reading) = tokio::sync::mpsc::unbounded_channel();
    let sink = move |event: Event| {
        if matches!(event, Event::Progress { .. }) {
            let _ = sender.send(());
        }
        ControlFlow::Continue(())
    };
    let work = tokio::spawn({
        let workspace = workspace.clone();
        async move { workspace.run_job(job, Box::new(sink)).await }
    });
    reading.recv().await.unwrap();
    workspace.close().await;
    let _ = work.await.unwrap();
    drop(workspace);
    let workspace = library.open_with(scripted()).await;
    assert_eq!(workspace.job(job).await.unwrap().state, JobState::Queued);
    let ended = workspace.run_pending(|_| Box::new(Silent)).await.unwrap();
    assert_eq!((ended.len(), ended[0].state, ended[0].attempts), (1, JobState::Done, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_leaves_no_trace_in_the_whole_library() {
    let library = Library::new();
    let workspace = library.open().await;
    let marker = "zyxwvutmarkerqpon";
    let body = format!("{CONTRACT}\nThe secret word is {marker}. {marker} again.\n").repeat(40);
    let document = library.import(&workspace, &format!("{marker}.txt"), &body).await;
    let kept = library.import(&workspace, "kept.txt", CONTRACT).await;
    let spec = TaskSpec::Question { question: format!("What is {marker}?"), method: Method::Model };
    workspace.analyze(document, spec.clone(), TooLong::Refuse, 0, Box::new(Silent)).await.unwrap();
    workspace.submit(JobSpec::Task { document, spec, too_long: TooLong::Refuse, seed: 0 }).await.unwrap();
    let states = library.path().join("states").join(&workspace.document(document).await.unwrap().sha256);
    std::fs::create_dir_all(&states).unwrap();
    std::fs::write(states.join("state.bin"), marker).unwrap();
    assert!(!library.files_with(marker).is_empty(), "the search for traces finds nothing even before");

    workspace.delete(document).await.unwrap();
    // Both while open (the write-ahead log included) and after closing.
    assert_eq!(library.files_with(marker), Vec::<PathBuf>::new());
    assert!(matches!(workspace.document(document).await, Err(StoreError::NotFound { .. })));
    assert!(workspace.search(marker, anywhere(5)).await.unwrap().is_empty());
    assert_eq!(workspace.search("agreement", anywhere(5)).await.unwrap()[0].document, kept);
    assert!(workspace.jobs().await.unwrap().is_empty());
    assert!(matches!(workspace.delete(document).await, Err(LibraryError::Store(StoreError::NotFound { .. }))));
    workspace.close().await;
    drop(workspace);
    assert_eq!(library.files_with(marker), Vec::<PathBuf>::new());
    // The index keeps no entry that is only marked as deleted.
    let index = lectern_engine::index::Index::open(&library.path().join("index")).unwrap();
    assert_eq!(index.entries().1, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_library_folder_can_be_used_by_one_workspace_at_a_time_and_again_after_it_closed() {
    let library = Library::new();
    let workspace = library.open().await;
    assert!(library.try_open().await.is_err());
    workspace.close().await;
    drop(workspace);
    assert!(library.try_open().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_sees_a_lost_file_and_a_foreign_index() {
    let library = Library::new();
    let workspace = library.open().await;
    let document = library.import(&workspace, "a.txt", CONTRACT).await;
    let bad = |checks: Vec<lectern_engine::workspace::Check>| {
        let wrong = checks.into_iter().filter(|c| !c.ok && !["pdfium", "model"].contains(&c.name.as_str()));
        wrong.map(|c| c.name).collect::<Vec<_>>()
    };
    assert_eq!(bad(workspace.doctor().await), Vec::<String>::new());
    std::fs::remove_file(workspace.source_path(document).await.unwrap()).unwrap();
    assert_eq!(bad(workspace.doctor().await), ["files"]);
    // Importing the file again puts the bytes back.
    workspace.import(&library.file("a.txt", CONTRACT), None, Box::new(Silent)).await.unwrap();
    assert_eq!(bad(workspace.doctor().await), Vec::<String>::new());
}
