//! The database: round trips, refusals, and the laws of evidence and jobs.

use lectern_engine::import::raw::Format;
use lectern_engine::store::documents::{DocumentStatus, Parsed};
use lectern_engine::store::jobs::{Ending, JobSpec, JobState};
use lectern_engine::store::runs::{Review, Verdict};
use lectern_engine::store::{DocumentId, JobId, Store, StoreError};
use lectern_engine::tasks::{
    Claim, ClaimKind, Coverage, Evidence, FoundBy, MatchKind, Method, Provenance, RunResult, SearchedNote, Status,
    TaskSpec, TooLong,
};
use lectern_engine::text::{
    Block, BlockKind, Cue, DocText, Extractor, GlyphBoxes, ImportNote, Page, PageStatus, Rect, Section, Span,
};
use lectern_engine::values::Value;
use lectern_engine::workspace::OpenError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::path::Path;

const TEXT: &str = "Срок договора 3 года\n合同期限\u{0}é🙂\u{c}\nThe term is thirty (30) days.";

fn extractor(name: &str) -> Extractor {
    Extractor { name: name.to_owned(), version: "1.2".to_owned() }
}

fn page(number: u32, span: Span, status: PageStatus) -> Page {
    let step = |i: usize| Rect { x: 72.0 + i as f32 * 6.25, y: 99.5, w: 6.0625, h: 11.0 };
    let boxes = span.range().map(|i| (Span::new(i, i + 1), step(i))).collect();
    let (width, height) = (595.5, 842.25);
    Page {
        number,
        span,
        width,
        height,
        status,
        extractor: extractor("pdfium"),
        quality: 0.75,
        boxes: GlyphBoxes(boxes),
    }
}

fn document() -> DocText {
    let first = TEXT.find('\u{c}').unwrap();
    let (a, b) = (Span::new(0, first), Span::new(first + 2, TEXT.len()));
    let kinds = [BlockKind::Heading(2), BlockKind::TableRow, BlockKind::Footnote];
    DocText {
        text: TEXT.to_owned(),
        pages: vec![
            page(1, a, PageStatus::Ok),
            page(2, b, PageStatus::Poor),
            page(3, Span::new(b.end(), b.end()), PageStatus::NeedsOcr),
        ],
        sections: vec![Section { level: 2, heading: Span::new(0, 8), span: Span::new(0, TEXT.len()) }],
        blocks: kinds.into_iter().zip([a, b, b]).map(|(kind, span)| Block { kind, span }).collect(),
        cues: vec![Cue { span: b, speaker: Some("Ана".into()), start_ms: Some(0), end_ms: None }],
        extractor: extractor("test"),
        notes: vec![ImportNote { code: "needs_ocr".into(), message: "Page 3 is a picture.".into(), page: Some(3) }],
        title: Some("A title".into()),
    }
}

fn quote(text: &str) -> Evidence {
    let start = TEXT.find(text).unwrap();
    Evidence {
        span: Span::new(start, start + text.len()),
        quote: text.to_owned(),
        matched: MatchKind::Exact,
        occurrences: 1,
    }
}

fn result(evidence: Vec<Evidence>, contrary: Vec<Evidence>) -> RunResult {
    let claim = Claim {
        kind: ClaimKind::Field,
        label: "Term".into(),
        text: "30 days".into(),
        value: Some(Value::Duration { count: 30, unit: "day".into() }),
        status: Status::Verified,
        evidence,
        unlocated: vec!["invented".into()],
        owner: Some("Ana".into()),
        due: None,
        searched: Some(SearchedNote { read_tokens: 12, queries: vec!["term".into()], contrary }),
        checks: vec!["no rule confirms this".into()],
        found_by: Some(FoundBy::Both),
        confidence: Some(0.75),
    };
    let coverage = Coverage {
        text_bytes: TEXT.len(),
        text_tokens: 12,
        read: vec![Span::new(0, TEXT.len())],
        whole: true,
        statement: "Read whole.".into(),
        unread_pages: vec![3],
    };
    let provenance = Provenance {
        model: "m".into(),
        model_digest: "d".into(),
        interim: true,
        prompt_version: 1,
        seed: u64::MAX,
        temperature: 0.5,
        prompt_tokens: 1,
        generated_tokens: 2,
        cut_short: vec![],
        read_ms: 3,
        answer_ms: 4,
        decisions: Vec::new(),
        rules_digest: None,
    };
    RunResult { claims: vec![claim.clone(), Claim { searched: None, evidence: vec![], ..claim }], coverage, provenance }
}

async fn with_document(library: &Path) -> (Store, DocumentId) {
    let store = Store::open(library, 1).await.unwrap();
    let id = store.add_importing(&"a".repeat(64), "a.pdf", 10, 7).await.unwrap();
    let text = document();
    let parsed =
        Parsed { format: Some(Format::Pdf), status: DocumentStatus::Partial, message: Some("m"), text: Some(&text) };
    store.finish_import(id, parsed).await.unwrap();
    (store, id)
}

async fn running_task(store: &Store, document: DocumentId) -> JobId {
    let spec = JobSpec::Task {
        document,
        spec: TaskSpec::Summary { method: Method::Model },
        too_long: TooLong::Refuse,
        seed: 0,
    };
    let id = store.submit(&spec, 1).await.unwrap();
    store.start_job(id, 2).await.unwrap().unwrap();
    id
}

async fn raw(library: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(library.join("lectern.db")).connect().await.unwrap()
}

async fn execute(library: &Path, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = raw(library).await;
    let done = sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.map(|_| ());
    connection.close().await.unwrap();
    done
}

#[tokio::test]
async fn a_text_comes_back_as_it_was_stored() {
    let library = tempfile::tempdir().unwrap();
    let (store, id) = with_document(library.path()).await;
    assert_eq!(*store.text(id).await.unwrap(), document());
    store.close().await;
    let store = Store::open(library.path(), 1).await;
    // The lock is still held by the first store.
    assert!(matches!(store, Err(OpenError::Locked { .. })));
}

#[tokio::test]
async fn a_text_comes_back_after_the_library_was_closed() {
    let library = tempfile::tempdir().unwrap();
    let (store, id) = with_document(library.path()).await;
    store.close().await;
    drop(store);
    let store = Store::open(library.path(), 1).await.unwrap();
    assert_eq!(*store.text(id).await.unwrap(), document());
    let listed = store.document(id).await.unwrap();
    assert_eq!((listed.pages, listed.pages_need_ocr, listed.text_bytes), (Some(3), 1, TEXT.len() as u64));
    assert_eq!((listed.name.as_str(), listed.status, listed.imported_ms), ("a.pdf", DocumentStatus::Partial, 7));
    assert_eq!(listed.notes, document().notes);
    assert_eq!(store.documents().await.unwrap(), [listed]);
}

#[tokio::test]
async fn a_library_in_use_is_refused_and_its_holder_named() {
    let library = tempfile::tempdir().unwrap();
    let _store = Store::open(library.path(), 1).await.unwrap();
    let Err(error @ OpenError::Locked { .. }) = Store::open(library.path(), 1).await else { panic!("not refused") };
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
}

#[tokio::test]
async fn a_newer_library_is_refused_and_left_alone() {
    let library = tempfile::tempdir().unwrap();
    Store::open(library.path(), 1).await.unwrap().close().await;
    execute(library.path(), "PRAGMA user_version = 99").await.unwrap();
    let before = std::fs::read(library.path().join("lectern.db")).unwrap();
    let Err(OpenError::NewerSchema { found: 99, supported: 2, .. }) = Store::open(library.path(), 1).await else {
        panic!("not refused")
    };
    assert_eq!(std::fs::read(library.path().join("lectern.db")).unwrap(), before);
    assert!(!library.path().join("backups").exists());
}

#[tokio::test]
async fn foreign_files_are_refused_and_left_alone() {
    let library = tempfile::tempdir().unwrap();
    let path = library.path().join("lectern.db");
    std::fs::write(&path, "this is no database at all, only text ".repeat(40)).unwrap();
    assert!(matches!(Store::open(library.path(), 1).await, Err(OpenError::NotALibrary { .. })));
    std::fs::remove_file(&path).unwrap();
    let mut other = SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
    sqlx::query("CREATE TABLE t (x)").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    assert!(matches!(Store::open(library.path(), 1).await, Err(OpenError::NotALibrary { .. })));
}

#[tokio::test]
async fn a_database_file_left_empty_by_a_crash_is_a_new_library() {
    let library = tempfile::tempdir().unwrap();
    std::fs::write(library.path().join("lectern.db"), "").unwrap();
    assert!(Store::open(library.path(), 1).await.unwrap().documents().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_result_comes_back_as_it_was_stored() {
    let library = tempfile::tempdir().unwrap();
    let (store, id) = with_document(library.path()).await;
    let job = running_task(&store, id).await;
    let stored = result(vec![quote("thirty (30) days"), quote("期限")], vec![quote("🙂")]);
    let run = store.finish_task(job, id, &TaskSpec::Summary { method: Method::Model }, &stored, 5).await.unwrap();
    let loaded = store.run(run).await.unwrap();
    assert_eq!(loaded.result, stored);
    assert_eq!((loaded.document, loaded.created_ms, loaded.claim_ids.len()), (id, 5, 2));
    let job = store.job(job).await.unwrap();
    assert_eq!((job.state, job.run), (JobState::Done, Some(run)));
}

#[tokio::test]
async fn evidence_that_does_not_stand_in_the_text_is_refused_and_nothing_is_stored() {
    let library = tempfile::tempdir().unwrap();
    let (store, id) = with_document(library.path()).await;
    let good = quote("thirty (30) days");
    let shifted = Evidence { span: good.span.shifted(1), ..good.clone() };
    let inside_a_character = Evidence { span: Span::new(1, 3), ..good.clone() };
    let empty = Evidence { span: Span::new(3, 3), quote: String::new(), ..good.clone() };
    let beyond = Evidence { span: Span::new(TEXT.len(), TEXT.len() + 2), ..good.clone() };
    let job = running_task(&store, id).await;
    for bad in [shifted, inside_a_character, empty, beyond] {
        for result in [result(vec![good.clone(), bad.clone()], vec![]), result(vec![], vec![bad])] {
            let refused = store.finish_task(job, id, &TaskSpec::Summary { method: Method::Model }, &result, 5).await;
            assert!(matches!(refused, Err(StoreError::Evidence { .. })), "{refused:?}");
        }
    }
    assert!(store.runs(id).await.unwrap().is_empty());
    assert_eq!(store.job(job).await.unwrap().state, JobState::Running);
}

#[tokio::test]
async fn evidence_that_was_changed_behind_our_back_is_an_error_when_read() {
    let library = tempfile::tempdir().unwrap();
    let (store, id) = with_document(library.path()).await;
    let job = running_task(&store, id).await;
    let stored = result(vec![quote("thirty (30) days")], vec![]);
    let run = store.finish_task(job, id, &TaskSpec::Summary { method: Method::Model }, &stored, 5).await.unwrap();
    execute(library.path(), "UPDATE evidence SET start_byte = start_byte + 1, end_byte = end_byte + 1").await.unwrap();
    assert!(matches!(store.run(run).await, Err(StoreError::Evidence { .. })));
    let empty = execute(library.path(), "UPDATE evidence SET end_byte = start_byte").await;
    assert!(empty.is_err(), "the table takes empty evidence");
}

#[tokio::test]
async fn a_text_can_neither_be_changed_nor_damaged_unnoticed() {
    let library = tempfile::tempdir().unwrap();
    let (store, id) = with_document(library.path()).await;
    assert!(execute(library.path(), "UPDATE texts SET text = 'other'").await.is_err());
    store.close().await;
    drop(store);
    execute(library.path(), "DROP TRIGGER texts_are_immutable").await.unwrap();
    execute(library.path(), "UPDATE texts SET text = replace(text, '30', '90')").await.unwrap();
    let store = Store::open(library.path(), 1).await.unwrap();
    assert!(matches!(store.text(id).await, Err(StoreError::Corrupt { .. })));
}

#[tokio::test]
async fn every_review_is_kept_and_the_latest_counts() {
    let library = tempfile::tempdir().unwrap();
    let (store, id) = with_document(library.path()).await;
    let job = running_task(&store, id).await;
    let run = store
        .finish_task(job, id, &TaskSpec::Summary { method: Method::Model }, &result(vec![], vec![]), 5)
        .await
        .unwrap();
    let claim = store.run(run).await.unwrap().claim_ids[0];
    let rejected = Review { verdict: Verdict::Rejected, text: None, note: Some("wrong".into()) };
    let edited = Review { verdict: Verdict::Edited, text: Some("31 days".into()), note: None };
    store.review(claim, &rejected, 10).await.unwrap();
    store.review(claim, &edited, 11).await.unwrap();
    let loaded = store.run(run).await.unwrap();
    assert_eq!(loaded.reviews, [Some(edited.clone()), None]);
    assert_eq!(loaded.result.claims[0].text, "30 days", "a review changed the result");
    let kept: Vec<_> = store.edits(claim).await.unwrap().into_iter().map(|e| (e.review, e.created_ms)).collect();
    assert_eq!(kept, [(rejected, 10), (edited, 11)]);
    let no_text = Review { verdict: Verdict::Edited, text: None, note: None };
    assert!(matches!(store.review(claim, &no_text, 12).await, Err(StoreError::NotPossible { .. })));
}

#[tokio::test]
async fn of_two_that_start_a_job_one_gets_it() {
    let library = tempfile::tempdir().unwrap();
    let (store, id) = with_document(library.path()).await;
    let job = running_task(&store, id).await;
    assert!(store.start_job(job, 3).await.unwrap().is_none());
    store.end_job(job, &Ending::Failed { code: "model".into(), message: "m".into() }, 4).await.unwrap();
    let failed = store.job(job).await.unwrap();
    assert_eq!((failed.state, failed.error_code.as_deref(), failed.run), (JobState::Failed, Some("model"), None));
    let again = store.start_job(job, 5).await.unwrap().unwrap();
    assert_eq!((again.attempts, again.error_code), (2, None));
}

#[tokio::test]
async fn what_a_dead_process_left_running_is_queued_again() {
    let library = tempfile::tempdir().unwrap();
    let (store, id) = with_document(library.path()).await;
    let job = running_task(&store, id).await;
    assert_eq!(store.requeue_running(9).await.unwrap(), 1);
    assert_eq!(store.job(job).await.unwrap().state, JobState::Queued);
    assert_eq!(store.next_queued(None).await.unwrap().unwrap().id, job);
}

#[tokio::test]
async fn a_cancelled_job_stays_cancelled_and_a_late_result_is_not_stored() {
    let library = tempfile::tempdir().unwrap();
    let (store, id) = with_document(library.path()).await;
    let job = running_task(&store, id).await;
    store.end_job(job, &Ending::Cancelled, 3).await.unwrap();
    let late =
        store.finish_task(job, id, &TaskSpec::Summary { method: Method::Model }, &result(vec![], vec![]), 5).await;
    assert!(late.is_err());
    assert!(store.runs(id).await.unwrap().is_empty());
    assert_eq!(store.job(job).await.unwrap().state, JobState::Cancelled);
}

#[test]
fn a_scan_with_crumbs_of_text_on_its_pages_still_needs_text_recognition() {
    let mut text = document();
    text.pages.iter_mut().for_each(|p| p.status = PageStatus::NeedsOcr);
    assert_eq!(DocumentStatus::of(&text), DocumentStatus::NeedsOcr);
    text.pages[0].status = PageStatus::Poor;
    assert_eq!(DocumentStatus::of(&text), DocumentStatus::Partial);
    text.pages.iter_mut().for_each(|p| p.status = PageStatus::Failed);
    assert_eq!(DocumentStatus::of(&text), DocumentStatus::Damaged);
    text.pages.clear();
    assert_eq!(DocumentStatus::of(&text), DocumentStatus::Ready);
    text.text.clear();
    assert_eq!(DocumentStatus::of(&text), DocumentStatus::Empty);
}
