//! Killed at twenty random moments of import and analysis, a library loses nothing it has said it has, keeps no half
//! result, and finishes its work.

mod common;

use common::{Library, options};
use lectern_engine::generate::scripted::Scripted;
use lectern_engine::progress::Silent;
use lectern_engine::tasks::{Method, TaskSpec, TooLong};
use lectern_engine::workspace::{DocumentStatus, Job, JobSpec, JobState, MakeGenerator, Workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const LIBRARY: &str = "LECTERN_CRASH_LIBRARY";
const INBOX: &str = "LECTERN_CRASH_INBOX";

fn slow() -> MakeGenerator {
    Arc::new(|| Ok(Box::new(Scripted::quoting().with_pace(Duration::from_millis(4)))))
}

fn files(inbox: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(inbox).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

fn text_of(number: usize) -> String {
    let paragraph =
        format!("Agreement number {number} runs for {number} years. Either party may end it with notice.\n\n");
    paragraph.repeat(120)
}

/// The process that is killed: imports every file of the inbox, asks one question of every document, and says on its
/// output what is safely stored.
#[test]
#[ignore = "run as a child process by the test below"]
fn child() {
    let (Some(library), Some(inbox)) = (std::env::var_os(LIBRARY), std::env::var_os(INBOX)) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let workspace = Workspace::open_with(options(Path::new(&library)), slow()).await.unwrap();
        work(&workspace, Path::new(&inbox)).await;
        workspace.close().await;
        println!("\nsaid finished");
    });
}

async fn work(workspace: &Workspace, inbox: &Path) {
    let submitted: Vec<JobSpec> = workspace.jobs().await.unwrap().into_iter().map(|job| job.spec).collect();
    for path in files(inbox) {
        let spec = JobSpec::Import { path };
        if !submitted.contains(&spec) {
            workspace.submit(spec).await.unwrap();
        }
    }
    say(workspace.run_pending(|_| Box::new(Silent)).await.unwrap());
    let asked: BTreeSet<_> = workspace.jobs().await.unwrap().into_iter().filter(is_task).map(|j| j.document).collect();
    for document in workspace.documents().await.unwrap() {
        if !asked.contains(&Some(document.id)) {
            let spec = TaskSpec::Question { question: "For how many years does it run?".into(), method: Method::Model };
            let spec = JobSpec::Task { document: document.id, spec, too_long: TooLong::Refuse, seed: 0 };
            let job = workspace.submit(spec).await.unwrap();
            println!("\nsaid submitted {job}");
            say(vec![workspace.run_job(job, Box::new(Silent)).await.unwrap()]);
        }
    }
}

fn is_task(job: &Job) -> bool {
    matches!(job.spec, JobSpec::Task { .. })
}

fn say(ended: Vec<Job>) {
    for job in ended {
        assert_eq!(job.state, JobState::Done, "{job:?}");
        println!("\nsaid done {}", job.id);
    }
}

/// Runs the child, kills it after `life`, and returns what it said.
fn run_child(library: &Path, inbox: &Path, life: Option<Duration>) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(LIBRARY, library)
        .env(INBOX, inbox)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        lines.filter_map(|l| l.strip_prefix("said ").map(str::to_owned)).collect::<Vec<_>>()
    });
    if let Some(life) = life {
        std::thread::sleep(life);
        let _ = child.kill();
    }
    let status = child.wait().unwrap();
    assert!(life.is_some() || status.success(), "the child failed by itself");
    reader.join().unwrap()
}

/// What must hold of a library whenever it is opened.
async fn check(library: &Path, said: &BTreeSet<String>) {
    let workspace = Workspace::open_with(options(library), slow()).await.unwrap();
    let jobs: BTreeMap<i64, Job> = workspace.jobs().await.unwrap().into_iter().map(|j| (j.id.0, j)).collect();
    for line in said {
        let (what, id) = line.split_once(' ').unwrap_or((line, ""));
        if let Ok(id) = id.parse::<i64>() {
            let job = jobs.get(&id).unwrap_or_else(|| panic!("job {id} was {what} and is lost"));
            assert!(what != "done" || job.state == JobState::Done, "{job:?}");
        }
    }
    assert!(jobs.values().all(|j| matches!(j.state, JobState::Queued | JobState::Done)), "{jobs:?}");
    for document in workspace.documents().await.unwrap() {
        let bytes = std::fs::read(workspace.source_path(document.id).await.unwrap()).unwrap();
        assert_eq!(bytes.len() as u64, document.bytes);
        let runs = workspace.runs(document.id).await.unwrap();
        let done = jobs.values().filter(|j| is_task(j) && j.document == Some(document.id) && j.state == JobState::Done);
        let of_jobs: BTreeSet<_> = done.filter_map(|j| j.run).collect();
        assert_eq!(of_jobs, runs.iter().map(|r| r.id).collect(), "results and finished tasks differ");
        assert!(
            runs.iter().all(|r| !r.result.claims.is_empty() && r.result.claims.iter().any(|c| !c.evidence.is_empty()))
        );
        match document.status {
            DocumentStatus::Ready => {
                assert!(document.indexed);
                assert!(!workspace.text(document.id).await.unwrap().text.is_empty());
            }
            // Its bytes are there, and a job that will finish it.
            DocumentStatus::Importing => {
                let finisher = jobs.values().any(|j| j.document == Some(document.id) && j.state == JobState::Queued);
                assert!(finisher && runs.is_empty(), "{document:?}");
            }
            _ => panic!("{document:?}"),
        }
    }
    let wrong: Vec<_> =
        workspace.doctor().await.into_iter().filter(|c| !c.ok && c.name != "pdfium" && c.name != "model").collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    workspace.close().await;
}

#[test]
fn killed_at_twenty_random_moments_nothing_is_lost_and_work_resumes() {
    let folder = Library::new();
    let (library, inbox) = (folder.path(), folder.file("x", "").parent().unwrap().to_owned());
    std::fs::remove_file(inbox.join("x")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut said = BTreeSet::new();
    let mut random = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos() as u64;
    let mut lives = Vec::new();
    for round in 0..20 {
        for file in 0..3 {
            folder.file(&format!("{round:02}-{file}.txt"), text_of(round * 3 + file));
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let life = Duration::from_millis(20 + (random >> 33) % 1200);
        lives.push(life.as_millis());
        said.extend(run_child(&library, &inbox, Some(life)));
        said.remove("finished");
        runtime.block_on(check(&library, &said));
    }
    // One job of the last round waits still, whatever happened; now it is let finish.
    let last = run_child(&library, &inbox, None);
    assert!(last.iter().any(|l| l == "finished"));
    said.extend(last.into_iter().filter(|l| l != "finished"));
    runtime.block_on(async {
        check(&library, &said).await;
        let workspace = Workspace::open_with(options(&library), slow()).await.unwrap();
        let documents = workspace.documents().await.unwrap();
        assert_eq!(documents.len(), 60, "killed after {lives:?} ms");
        for document in documents {
            assert_eq!(document.status, DocumentStatus::Ready);
            assert_eq!(workspace.runs(document.id).await.unwrap().len(), 1, "each question is answered once");
        }
        assert!(workspace.jobs().await.unwrap().iter().all(|j| j.state == JobState::Done));
        let resumed = workspace.jobs().await.unwrap().iter().filter(|j| j.attempts > 1).count();
        assert!(resumed > 0, "no kill hit a running job; killed after {lives:?} ms");
    });
}
