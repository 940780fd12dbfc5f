//! Jobs: what waits, what runs, what failed.

use crate::{Common, Outcome, print, progress};
use lectern_engine::export::time_words;
use lectern_engine::tasks::TaskSpec;
use lectern_engine::workspace::{Job, JobId, JobSpec, JobState, Workspace};

#[derive(clap::Args)]
pub(crate) struct JobsArguments {
    /// Run the waiting jobs, oldest first
    #[arg(long, conflicts_with = "cancel")]
    run: bool,
    /// Cancel a job
    #[arg(long, value_name = "ID")]
    cancel: Option<i64>,
}

pub(crate) async fn jobs(workspace: &Workspace, common: &Common, arguments: JobsArguments) -> anyhow::Result<Outcome> {
    let jobs = if arguments.run {
        workspace.run_pending(|job| progress::sink(common, &what(job))).await?
    } else if let Some(id) = arguments.cancel {
        workspace.cancel(JobId(id)).await?;
        vec![workspace.job(JobId(id)).await?]
    } else {
        workspace.jobs().await?
    };
    if common.json {
        print::json(&jobs)?;
    } else if jobs.is_empty() {
        out!("There are no jobs{}.", if arguments.run { " waiting" } else { "" });
    } else {
        let rows: Vec<Vec<String>> = jobs.iter().map(row).collect();
        print::table(&["ID", "STATE", "WHEN", "WHAT", "NOTE"], &rows);
    }
    let failed = arguments.run && jobs.iter().any(|j| j.state == JobState::Failed);
    Ok(if failed { Outcome::Failed } else { Outcome::Done })
}

fn row(job: &Job) -> Vec<String> {
    vec![
        job.id.0.to_string(),
        job.state.as_str().to_owned(),
        time_words(job.created_ms),
        print::plain(&what(job)),
        print::plain(job.message.as_deref().unwrap_or_default()),
    ]
}

fn what(job: &Job) -> String {
    match &job.spec {
        JobSpec::Import { path } => format!("import {}", path.display()),
        JobSpec::Task { document, spec, .. } => {
            let task = match spec {
                TaskSpec::Summary { .. } => "summary".to_owned(),
                TaskSpec::Minutes { .. } => "minutes".to_owned(),
                TaskSpec::Fields { pack, .. } => format!("fields {}", pack.id),
                TaskSpec::Question { .. } => "question".to_owned(),
            };
            format!("{task} of document {}", document.0)
        }
    }
}
