//! The durable job table: what was asked for, how far it is, how it ended.
//!
//! A job is written before its work begins and its end is written in the same transaction as its result, so a process
//! killed at any point leaves either a job to resume or a finished one, never half a result.

use super::{DocumentId, JobId, RunId, Store, StoreError, from_int, from_json, from_word, int, json};
use crate::tasks::{TaskSpec, TooLong};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::path::PathBuf;

/// What a job does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum JobSpec {
    /// Imports a file. Running it twice finds the same document again.
    Import {
        /// The file.
        path: PathBuf,
    },
    /// Runs a task on a document.
    Task {
        /// The document.
        document: DocumentId,
        /// The task.
        spec: TaskSpec,
        /// What to do where the text is longer than the model holds.
        too_long: TooLong,
        /// Seed for sampling.
        seed: u64,
    },
}

/// A job as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// What it does.
    pub spec: JobSpec,
    /// Where it stands.
    pub state: JobState,
    /// Units done, of the stage it is in; kept across a restart only for showing.
    pub done: u64,
    /// Units in all, where known.
    pub total: Option<u64>,
    /// What is counted: `tokens`, `pages`, `fields`, `bytes`; empty before work began.
    pub unit: String,
    /// The stage it is in, or, for an ended job, what happened and what to do.
    pub message: Option<String>,
    /// A stable word for a failure: `too_long`, `no_text`, `process`, `no_model` ...
    pub error_code: Option<String>,
    /// How often it was started.
    pub attempts: u32,
    /// When it was submitted, milliseconds since 1970.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// The document it is about: of a task, or of an import once the document is listed.
    pub document: Option<DocumentId>,
    /// The result of a task that is done.
    pub run: Option<RunId>,
}

/// Where a job stands.
///
/// ```text
/// Queued -> Running -> Done | Failed | Cancelled | NeedsChoice
/// Running -> Queued                          (its process ended: found at open)
/// Queued | NeedsChoice -> Cancelled          (cancel)
/// Failed | Cancelled | NeedsChoice -> Running   (run again)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits.
    Queued,
    /// Works.
    Running,
    /// Ended with a result.
    Done,
    /// Ended without one.
    Failed,
    /// Stopped by the person.
    Cancelled,
    /// The text is longer than the model holds, and the person has to choose; see `Workspace::choose`.
    NeedsChoice,
}

impl JobState {
    /// The stable word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::NeedsChoice => "needs_choice",
        }
    }
}

/// How a job ends, apart from a task that is done (see [`Store::finish_task`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// An import has its document.
    Imported(DocumentId),
    /// It failed.
    Failed {
        /// A stable word.
        code: String,
        /// What happened and what to do.
        message: String,
    },
    /// The text is too long and the person has to choose.
    NeedsChoice {
        /// How long it is, and what can be chosen.
        message: String,
    },
    /// The person stopped it.
    Cancelled,
    /// It was interrupted by the program itself closing: it will run again.
    Requeued,
}

impl Store {
    /// Writes a job down.
    pub async fn submit(&self, spec: &JobSpec, now_ms: i64) -> Result<JobId, StoreError> {
        let document = match spec {
            JobSpec::Import { .. } => None,
            JobSpec::Task { document, .. } => Some(self.document(*document).await?.id),
        };
        self.add_job(spec, document, now_ms).await
    }

    /// Writes a job down that belongs to a document.
    pub async fn add_job(
        &self,
        spec: &JobSpec,
        document: Option<DocumentId>,
        now_ms: i64,
    ) -> Result<JobId, StoreError> {
        let id = sqlx::query_scalar(
            "INSERT INTO jobs (spec, state, document, created_ms, updated_ms) VALUES (?, 'queued', ?, ?, ?) RETURNING id",
        )
        .bind(json(spec)?)
        .bind(document.map(|d| d.0))
        .bind(now_ms)
        .bind(now_ms)
        .fetch_one(&self.writer)
        .await?;
        Ok(JobId(id))
    }

    /// All jobs, newest first.
    pub async fn jobs(&self) -> Result<Vec<Job>, StoreError> {
        let rows = sqlx::query("SELECT * FROM jobs ORDER BY id DESC").fetch_all(&self.reader).await?;
        rows.iter().map(job_of).collect()
    }

    /// One job.
    pub async fn job(&self, id: JobId) -> Result<Job, StoreError> {
        let row = sqlx::query("SELECT * FROM jobs WHERE id = ?").bind(id.0).fetch_optional(&self.reader).await?;
        job_of(&row.ok_or(StoreError::NotFound { what: "job", id: id.0 })?)
    }

    /// The oldest waiting job younger than `after`.
    pub async fn next_queued(&self, after: Option<JobId>) -> Result<Option<Job>, StoreError> {
        let row = sqlx::query("SELECT * FROM jobs WHERE state = 'queued' AND id > ? ORDER BY id LIMIT 1")
            .bind(after.map_or(0, |id| id.0))
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(job_of).transpose()
    }

    /// Waiting or running jobs of a document.
    pub async fn open_jobs(&self, document: DocumentId) -> Result<Vec<Job>, StoreError> {
        let rows = sqlx::query("SELECT * FROM jobs WHERE document = ? AND state IN ('queued', 'running') ORDER BY id")
            .bind(document.0)
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(job_of).collect()
    }

    /// Takes a job for running. `None` where it runs already or is done: of two callers only one gets it.
    pub async fn start_job(&self, id: JobId, now_ms: i64) -> Result<Option<Job>, StoreError> {
        let row = sqlx::query(
            "UPDATE jobs SET state = 'running', attempts = attempts + 1, done = 0, total = NULL, unit = '', message = NULL, \
             error_code = NULL, updated_ms = ? WHERE id = ? AND state NOT IN ('running', 'done') RETURNING *",
        )
        .bind(now_ms)
        .bind(id.0)
        .fetch_optional(&self.writer)
        .await?;
        row.as_ref().map(job_of).transpose()
    }

    /// Notes how far a running job is.
    pub async fn note_progress(&self, id: JobId, progress: &Progress, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE jobs SET done = ?, total = ?, unit = ?, message = ?, updated_ms = ? WHERE id = ? AND state = 'running'",
        )
        .bind(int(progress.done))
        .bind(progress.total.map(int))
        .bind(&progress.unit)
        .bind(&progress.message)
        .bind(now_ms)
        .bind(id.0)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Ends a running job.
    pub async fn end_job(&self, id: JobId, ending: &Ending, now_ms: i64) -> Result<(), StoreError> {
        let (state, message, code, document) = match ending {
            Ending::Imported(document) => (JobState::Done, None, None, Some(document.0)),
            Ending::Failed { code, message } => (JobState::Failed, Some(message), Some(code), None),
            Ending::NeedsChoice { message } => (JobState::NeedsChoice, Some(message), None, None),
            Ending::Cancelled => (JobState::Cancelled, None, None, None),
            Ending::Requeued => (JobState::Queued, None, None, None),
        };
        sqlx::query(
            "UPDATE jobs SET state = ?, message = ?, error_code = ?, document = coalesce(?, document), updated_ms = ? \
             WHERE id = ? AND state = 'running'",
        )
        .bind(state.as_str())
        .bind(message)
        .bind(code)
        .bind(document)
        .bind(now_ms)
        .bind(id.0)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Links an import to the document it has listed, so that deleting the one takes the other along; or unlinks it.
    pub async fn set_job_document(&self, id: JobId, document: Option<DocumentId>) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE jobs SET document = ? WHERE id = ?").bind(document.map(|d| d.0)).bind(id.0);
        query.execute(&self.writer).await?;
        Ok(())
    }

    /// Cancels a job that does not run; says whether it did.
    pub async fn cancel_waiting(&self, id: JobId, now_ms: i64) -> Result<bool, StoreError> {
        let updated = sqlx::query(
            "UPDATE jobs SET state = 'cancelled', updated_ms = ? WHERE id = ? AND state IN ('queued', 'needs_choice')",
        )
        .bind(now_ms)
        .bind(id.0)
        .execute(&self.writer)
        .await?;
        Ok(updated.rows_affected() > 0)
    }

    /// Answers a job that waits for a choice, and queues it.
    pub async fn choose(&self, id: JobId, choice: TooLong, now_ms: i64) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let row = sqlx::query("SELECT * FROM jobs WHERE id = ?").bind(id.0).fetch_optional(&mut *tx).await?;
        let job = job_of(&row.ok_or(StoreError::NotFound { what: "job", id: id.0 })?)?;
        let JobSpec::Task { document, spec, seed, .. } = job.spec else {
            let message = format!("Job {id} is an import: there is nothing to choose.");
            return Err(StoreError::NotPossible { message });
        };
        if matches!(job.state, JobState::Running | JobState::Done) {
            let message = format!("Job {id} is {}: the choice comes too late. Run the task again.", job.state.as_str());
            return Err(StoreError::NotPossible { message });
        }
        let spec = JobSpec::Task { document, spec, too_long: choice, seed };
        sqlx::query("UPDATE jobs SET spec = ?, state = 'queued', message = NULL, error_code = NULL, updated_ms = ? WHERE id = ?")
            .bind(json(&spec)?)
            .bind(now_ms)
            .bind(id.0)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Queues what a process that is gone left running; returns how many. Only right after taking the library's lock.
    pub async fn requeue_running(&self, now_ms: i64) -> Result<u64, StoreError> {
        let query =
            sqlx::query("UPDATE jobs SET state = 'queued', updated_ms = ? WHERE state = 'running'").bind(now_ms);
        Ok(query.execute(&self.writer).await?.rows_affected())
    }
}

/// How far a running job is, for showing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Units done of the present stage.
    pub done: u64,
    /// Units in all, where known.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: String,
    /// The stage, one line for a person.
    pub message: Option<String>,
}

/// Marks a running task done with its result, in the transaction that stores the result.
pub(super) async fn set_done(tx: &mut SqliteConnection, id: JobId, run: RunId, now_ms: i64) -> Result<(), StoreError> {
    let updated = sqlx::query(
        "UPDATE jobs SET state = 'done', run = ?, message = NULL, error_code = NULL, updated_ms = ? \
         WHERE id = ? AND state = 'running'",
    )
    .bind(run.0)
    .bind(now_ms)
    .bind(id.0)
    .execute(tx)
    .await?;
    if updated.rows_affected() == 0 {
        return Err(StoreError::NotFound { what: "running job", id: id.0 });
    }
    Ok(())
}

fn job_of(row: &SqliteRow) -> Result<Job, StoreError> {
    let id = JobId(row.try_get("id")?);
    let what = format!("job {id}");
    Ok(Job {
        id,
        spec: from_json(row.try_get("spec")?, &what)?,
        state: from_word(row.try_get("state")?, &what)?,
        done: from_int(row.try_get("done")?, &what)?,
        total: row.try_get::<Option<i64>, _>("total")?.map(|n| from_int(n, &what)).transpose()?,
        unit: row.try_get("unit")?,
        message: row.try_get("message")?,
        error_code: row.try_get("error_code")?,
        attempts: from_int(row.try_get("attempts")?, &what)?,
        created_ms: row.try_get("created_ms")?,
        updated_ms: row.try_get("updated_ms")?,
        document: row.try_get::<Option<i64>, _>("document")?.map(DocumentId),
        run: row.try_get::<Option<i64>, _>("run")?.map(RunId),
    })
}
