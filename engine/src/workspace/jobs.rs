//! Running jobs: one at a time for the model, each with its own cancel flag, its progress noted as it goes.

use super::import::Origin;
use super::search::DocumentSearch;
use super::{
    AnalyzeError, DocumentId, Guarded, ImportError, Job, JobError, JobId, JobSpec, JobState, LibraryError, RunId,
    StoreError, StoredRun, Workspace,
};
use crate::progress::{Event, Sink};
use crate::store::jobs::{Ending, Progress};
use crate::tasks::{self, RunOptions, RunResult, TaskError, TaskSpec, TooLong};
use std::collections::HashSet;
use std::future::Future;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often the progress of a running job is written down.
const NOTE_EVERY: Duration = Duration::from_millis(500);

impl Workspace {
    /// Writes a job down; it runs with [`Workspace::run_job`] or [`Workspace::run_pending`].
    pub async fn submit(&self, spec: JobSpec) -> Result<JobId, StoreError> {
        self.inner.store.submit(&spec, self.now_ms()).await
    }

    /// All jobs, newest first.
    pub async fn jobs(&self) -> Result<Vec<Job>, StoreError> {
        self.inner.store.jobs().await
    }

    /// One job.
    pub async fn job(&self, id: JobId) -> Result<Job, StoreError> {
        self.inner.store.job(id).await
    }

    /// Cancels a job: at once where it waits, at its next safe boundary where it runs. An ended job stays as it is.
    pub async fn cancel(&self, id: JobId) -> Result<(), StoreError> {
        if !self.inner.store.cancel_waiting(id, self.now_ms()).await? {
            self.inner.store.job(id).await?;
        }
        if let Some(flag) = self.running().get(&id) {
            flag.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Answers a job that needs a choice (or changes one that waits) and queues it again.
    pub async fn choose(&self, id: JobId, too_long: TooLong) -> Result<(), StoreError> {
        self.inner.store.choose(id, too_long, self.now_ms()).await
    }

    /// Runs a job that waits or ended without a result, and gives it back as it ended. One task runs at a time. The job
    /// goes on if the returned future is dropped; to stop it, cancel it.
    pub async fn run_job(&self, id: JobId, sink: Box<dyn Sink>) -> Result<Job, JobError> {
        let workspace = self.clone();
        let driven = tokio::spawn(async move { workspace.drive(id, sink).await });
        driven.await.map_err(|error| LibraryError::Thread { reason: error.to_string() })?
    }

    /// Runs the waiting jobs one after the other, oldest first, until none waits. A failed one does not stop the rest.
    pub async fn run_pending<F>(&self, make_sink: F) -> Result<Vec<Job>, JobError>
    where
        F: Fn(&Job) -> Box<dyn Sink> + Send + Sync,
    {
        let (mut ended, mut seen) = (Vec::new(), HashSet::new());
        loop {
            let jobs = self.jobs().await?;
            let waiting = |job: &&Job| job.state == JobState::Queued && !seen.contains(&job.id);
            let next = jobs.iter().rev().find(waiting);
            let Some(job) = next.filter(|_| !self.inner.closing.load(Ordering::SeqCst)) else { return Ok(ended) };
            seen.insert(job.id);
            match self.run_job(job.id, make_sink(job)).await {
                Ok(job) => ended.push(job),
                // Someone else took it, or deleted its document.
                Err(
                    JobError::NotRunnable { .. } | JobError::Library(LibraryError::Store(StoreError::NotFound { .. })),
                ) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Submits a task, runs it and loads its result.
    pub async fn analyze(
        &self,
        document: DocumentId,
        spec: TaskSpec,
        too_long: TooLong,
        seed: u64,
        sink: Box<dyn Sink>,
    ) -> Result<StoredRun, AnalyzeError> {
        let id = self.submit(JobSpec::Task { document, spec, too_long, seed }).await.map_err(JobError::from)?;
        let job = self.run_job(id, sink).await?;
        let message = job.message.unwrap_or_else(|| "The task gave no result.".to_owned());
        match (job.state, job.run) {
            (JobState::Done, Some(run)) => Ok(self.run(run).await.map_err(JobError::from)?),
            (JobState::NeedsChoice, _) => Err(AnalyzeError::NeedsChoice { job: id, message }),
            (JobState::Cancelled | JobState::Queued, _) => Err(AnalyzeError::Cancelled { job: id }),
            _ => Err(AnalyzeError::Failed { job: id, code: job.error_code.unwrap_or_default(), message }),
        }
    }

    /// Runs one job from start to stored end.
    async fn drive(&self, id: JobId, sink: Box<dyn Sink>) -> Result<Job, JobError> {
        let flag = Arc::new(AtomicBool::new(false));
        if self.running().contains_key(&id) {
            return Err(JobError::NotRunnable { id, state: JobState::Running.as_str() });
        }
        let Some(job) = self.inner.store.start_job(id, self.now_ms()).await? else {
            let state = self.inner.store.job(id).await?.state;
            return Err(JobError::NotRunnable { id, state: state.as_str() });
        };
        self.running().insert(id, flag.clone());
        let progress = Arc::new(Mutex::new(Progress::default()));
        let noted = Noting { sink, progress: progress.clone() };
        let work = self.work(&job, noted, flag.clone());
        let ending = self.noting_progress(id, &progress, work).await;
        let ended = match ending {
            Ok(Some(ending)) => self.inner.store.end_job(id, &ending, self.now_ms()).await,
            Ok(None) => Ok(()),
            // The library itself failed; the job says so if the library still can.
            Err(error) => {
                let ending = Ending::Failed { code: "library".to_owned(), message: error.to_string() };
                self.inner.store.end_job(id, &ending, self.now_ms()).await
            }
        };
        self.running().remove(&id);
        ended?;
        Ok(self.inner.store.job(id).await?)
    }

    /// Does a job's work. `None` where its end is stored already, with its result.
    async fn work(&self, job: &Job, sink: Noting, cancelled: Arc<AtomicBool>) -> Result<Option<Ending>, LibraryError> {
        let stopped = |w: &Workspace| match w.inner.closing.load(Ordering::SeqCst) && !cancelled.load(Ordering::SeqCst)
        {
            true => Ending::Requeued,
            false => Ending::Cancelled,
        };
        match job.spec.clone() {
            JobSpec::Import { path } => {
                let origin = Origin { job: Some(job.id), cancelled: Some(cancelled.clone()) };
                Ok(Some(match self.import_from(&path, None, Box::new(sink), origin).await {
                    Ok(outcome) => Ending::Imported(outcome.document.id),
                    Err(ImportError::Cancelled { .. }) => stopped(self),
                    Err(ImportError::Library(error)) => return Err(error),
                    Err(error @ ImportError::Unreadable { .. }) => {
                        Ending::Failed { code: "unreadable".to_owned(), message: error.to_string() }
                    }
                }))
            }
            JobSpec::Task { document, spec, too_long, seed } => {
                let guarded =
                    Guarded { sink: Box::new(sink), workspace: self.clone(), cancelled: Some(cancelled.clone()) };
                let options = TaskOptions { spec: spec.clone(), too_long, seed };
                match self.run_task(document, options, guarded).await? {
                    Ok(result) => {
                        self.store_result(job.id, document, &spec, &result).await?;
                        Ok(None)
                    }
                    Err(TaskError::Cancelled) => Ok(Some(stopped(self))),
                    Err(TaskError::TooLong { .. }) if too_long != TooLong::Refuse => Ok(Some(Ending::Failed {
                        code: "too_long".to_owned(),
                        message: "The document does not fit the model even in parts. Choose a larger model.".to_owned(),
                    })),
                    Err(error @ TaskError::TooLong { .. }) => {
                        Ok(Some(Ending::NeedsChoice { message: error.to_string() }))
                    }
                    Err(error) => {
                        Ok(Some(Ending::Failed { code: error.code().to_owned(), message: error.to_string() }))
                    }
                }
            }
        }
    }

    async fn store_result(
        &self,
        job: JobId,
        document: DocumentId,
        spec: &TaskSpec,
        result: &RunResult,
    ) -> Result<RunId, StoreError> {
        self.inner.store.finish_task(job, document, spec, result, self.now_ms()).await
    }

    /// Runs a task on a thread of its own.
    async fn run_task(
        &self,
        document: DocumentId,
        options: TaskOptions,
        mut sink: Guarded,
    ) -> Result<Result<RunResult, TaskError>, LibraryError> {
        let (listed, text) = (self.document(document).await?, self.text(document).await?);
        let run_options = RunOptions {
            too_long: options.too_long,
            seed: options.seed,
            state_dir: Some(self.state_dir(&listed.sha256)?),
        };
        let result = self
            .blocking(move |w| {
                let search = DocumentSearch { index: &w.inner.index, document, text: &text };
                if !options.spec.needs_model() {
                    return tasks::run_rules(&text, &options.spec, &search, &mut sink);
                }
                let used = w.inner.model.with(|generator| {
                    tasks::run(generator, &text, &listed.name, &options.spec, &run_options, &search, &mut sink)
                });
                used.unwrap_or_else(|error| Err(TaskError::Generate(error)))
            })
            .await;
        self.end_model_when_idle();
        result
    }

    /// The folder for saved states of a document, which goes when the document goes.
    fn state_dir(&self, sha256: &str) -> Result<PathBuf, LibraryError> {
        let path = self.states_of(sha256);
        std::fs::create_dir_all(&path).map_err(|source| LibraryError::Io { path: path.clone(), source })?;
        Ok(path)
    }

    /// Lets `work` run while writing its progress down now and then. Both are polled together: the work may hold the
    /// one writing connection while the note waits for it.
    async fn noting_progress<T>(&self, id: JobId, progress: &Mutex<Progress>, work: impl Future<Output = T>) -> T {
        let noting = async {
            let mut noted = Progress::default();
            loop {
                tokio::time::sleep(NOTE_EVERY).await;
                let now = progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // Progress is for showing; one that is not written is no loss.
                if now != noted && self.inner.store.note_progress(id, &now, self.now_ms()).await.is_ok() {
                    noted = now;
                }
            }
        };
        tokio::select! {
            result = work => result,
            never = noting => never,
        }
    }
}

/// What a task job asks for.
struct TaskOptions {
    spec: TaskSpec,
    too_long: TooLong,
    seed: u64,
}

/// Passes events on and remembers how far the work is.
struct Noting {
    sink: Box<dyn Sink>,
    progress: Arc<Mutex<Progress>>,
}

impl Sink for Noting {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        {
            let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            match &event {
                Event::Stage { message, .. } => {
                    *progress = Progress { message: Some(message.clone()), ..Progress::default() };
                }
                Event::Progress { done, total, unit } => {
                    (progress.done, progress.total) = (*done, *total);
                    progress.unit.clone_from(unit);
                }
                Event::Text { .. } | Event::Warning { .. } => {}
            }
        }
        self.sink.event(event)
    }
}
