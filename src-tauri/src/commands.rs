//! What the window may ask for. Each command: wire types in, one call of the workspace, wire types out.

use crate::dto::{
    Places, WireDocument, WireDocumentView, WireFit, WireHit, WireJob, WireModel, WirePack, WireReview, WireRun,
    WireTask,
};
use crate::error::WireError;
use crate::progress::{ChannelSink, WireProgress};
use lectern_engine::export::{ExportFormat, ExportOptions};
use lectern_engine::tasks::{Method, Pack, TaskSpec, TooLong};
use lectern_engine::workspace::{ClaimId, DocumentId, JobId, JobState, Options, RunId, SearchOptions, Workspace};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tauri::State;
use tauri::ipc::Channel;

/// Search hits shown at once.
const HITS: usize = 40;

type Answer<T> = Result<T, WireError>;

/// What the commands share: the open library, and the flags that stop running work.
pub struct App {
    options: Options,
    workspace: Answer<Workspace>,
    running: Mutex<HashMap<String, Arc<AtomicBool>>>,
}

impl App {
    /// Over an open library, or over the reason why it could not be opened.
    pub fn new(options: Options, workspace: Answer<Workspace>) -> Self {
        Self { options, workspace, running: Mutex::default() }
    }

    /// The open library.
    ///
    /// # Errors
    /// The reason why it could not be opened.
    pub fn workspace(&self) -> Answer<&Workspace> {
        self.workspace.as_ref().map_err(Clone::clone)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, Arc<AtomicBool>>> {
        // The map is valid after every single insert and remove.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sink for work that `cancel(ticket)` stops.
    fn sink(&self, ticket: &str, channel: Channel<WireProgress>) -> Box<ChannelSink> {
        let stop = Arc::new(AtomicBool::new(false));
        self.running().insert(ticket.to_string(), Arc::clone(&stop));
        Box::new(ChannelSink::new(channel, stop))
    }
}

/// Where the library is; the error is why it could not be opened.
#[tauri::command]
#[specta::specta]
pub async fn library_state(app: State<'_, App>) -> Answer<String> {
    app.workspace().map(|w| w.library().display().to_string())
}

/// The model, if there is one.
#[tauri::command]
#[specta::specta]
pub async fn model_state(app: State<'_, App>) -> Answer<WireModel> {
    if app.options.model_dir.is_none() {
        return Err(WireError::new(
            "no_model",
            "No language model was found. Run ./dev setup, or set LECTERN_MODEL to a model's folder.",
        ));
    }
    Ok((&app.workspace()?.model_card().await?).into())
}

/// All documents, newest first.
#[tauri::command]
#[specta::specta]
pub async fn documents(app: State<'_, App>) -> Answer<Vec<WireDocument>> {
    Ok(app.workspace()?.documents().await?.iter().map(Into::into).collect())
}

/// Imports one file. A file that cannot be read becomes a document whose status says why.
#[tauri::command]
#[specta::specta]
pub async fn import_file(
    app: State<'_, App>,
    path: String,
    password: Option<String>,
    ticket: String,
    progress: Channel<WireProgress>,
) -> Answer<WireDocument> {
    let sink = app.sink(&ticket, progress);
    let outcome = app.workspace()?.import(Path::new(&path), password, sink).await;
    app.running().remove(&ticket);
    Ok((&outcome?.document).into())
}

/// Tries a document that could not be read again, with a password if one is needed.
#[tauri::command]
#[specta::specta]
pub async fn retry_document(
    app: State<'_, App>,
    id: u32,
    password: Option<String>,
    ticket: String,
    progress: Channel<WireProgress>,
) -> Answer<WireDocument> {
    let sink = app.sink(&ticket, progress);
    let outcome = app.workspace()?.retry(DocumentId(id.into()), password, sink).await;
    app.running().remove(&ticket);
    Ok((&outcome?).into())
}

/// Deletes a document with everything made from it.
#[tauri::command]
#[specta::specta]
pub async fn delete_document(app: State<'_, App>, id: u32) -> Answer<()> {
    Ok(app.workspace()?.delete(DocumentId(id.into())).await?)
}

/// A document opened for reading.
#[tauri::command]
#[specta::specta]
pub async fn document_view(app: State<'_, App>, id: u32) -> Answer<WireDocumentView> {
    let workspace = app.workspace()?;
    let document = workspace.document(DocumentId(id.into())).await?;
    let text = workspace.text(document.id).await?;
    Ok(Places::new(&text).view(&document))
}

/// Searches the library, or one document.
#[tauri::command]
#[specta::specta]
pub async fn search(app: State<'_, App>, query: String, document: Option<u32>) -> Answer<Vec<WireHit>> {
    let workspace = app.workspace()?;
    let options = SearchOptions { limit: HITS, document: document.map(|id| DocumentId(id.into())) };
    let hits = workspace.search(&query, options).await?;
    let mut texts = HashMap::new();
    for hit in &hits {
        if let Entry::Vacant(entry) = texts.entry(hit.document) {
            entry.insert(workspace.text(hit.document).await?);
        }
    }
    // The map of a text is as long as the text: made once for each document, not for each hit.
    let places: HashMap<_, _> = texts.iter().map(|(id, text)| (*id, Places::new(text))).collect();
    Ok(hits.iter().filter_map(|hit| places.get(&hit.document).map(|p| p.hit(hit))).collect())
}

/// The built-in packs.
#[tauri::command]
#[specta::specta]
pub async fn packs() -> Answer<Vec<WirePack>> {
    Pack::built_in_ids().map(|id| built_in(id).map(|pack| (&pack).into())).collect()
}

/// Checks a pack in a file; its JSON is what `start_task` takes.
#[tauri::command]
#[specta::specta]
pub async fn read_pack(path: String) -> Answer<(WirePack, String)> {
    let json = std::fs::read_to_string(&path).map_err(|e| WireError::new("failed", format!("{path}: {e}")))?;
    let pack = Pack::parse(&json, &path).map_err(|e| WireError::new("failed", e))?;
    Ok(((&pack).into(), json))
}

fn built_in(id: &str) -> Answer<Pack> {
    Pack::built_in(id).map_err(|e| WireError::new("failed", e))
}

/// Who looks, answers, or writes.
fn method(rules_only: bool) -> Method {
    if rules_only { Method::Rules } else { Method::Both }
}

/// A built-in pack by its identifier, or one written as JSON.
fn chosen_pack(pack: &str) -> Answer<Pack> {
    if pack.trim_start().starts_with('{') {
        return Pack::parse(pack, "the schema").map_err(|e| WireError::new("failed", e));
    }
    built_in(pack)
}

/// How a document fits the model.
#[tauri::command]
#[specta::specta]
pub async fn fit(app: State<'_, App>, id: u32) -> Answer<WireFit> {
    Ok(app.workspace()?.fit(DocumentId(id.into())).await?.into())
}

/// Runs a task on a document and stores its result. `too_long` is the person's choice for a document longer than the
/// model holds: `beginning`, `parts`, or none, which refuses with the code `too_long`.
#[tauri::command]
#[specta::specta]
pub async fn start_task(
    app: State<'_, App>,
    id: u32,
    task: WireTask,
    too_long: Option<String>,
    ticket: String,
    progress: Channel<WireProgress>,
) -> Answer<WireRun> {
    let spec = match task {
        WireTask::Summary { rules_only } => TaskSpec::Summary { method: method(rules_only) },
        WireTask::Minutes { rules_only } => TaskSpec::Minutes { method: method(rules_only) },
        WireTask::Question { question, rules_only } => TaskSpec::Question { question, method: method(rules_only) },
        WireTask::Fields { pack, rules_only } => {
            TaskSpec::Fields { pack: chosen_pack(&pack)?, method: method(rules_only) }
        }
    };
    let choice = match too_long.as_deref() {
        Some("beginning") => TooLong::ReadBeginning,
        Some("parts") => TooLong::ReadInParts,
        _ => TooLong::Refuse,
    };
    let workspace = app.workspace()?;
    let document = DocumentId(id.into());
    let sink = app.sink(&ticket, progress);
    let run = workspace.analyze(document, spec, choice, 0, sink).await;
    app.running().remove(&ticket);
    let text = workspace.text(document).await?;
    Ok(Places::new(&text).run(&run?))
}

/// Tasks that were running or waiting when Lectern last ended, oldest first.
#[tauri::command]
#[specta::specta]
pub async fn unfinished(app: State<'_, App>) -> Answer<Vec<WireJob>> {
    let jobs = app.workspace()?.jobs().await?;
    Ok(jobs.iter().rev().filter(|job| job.state == JobState::Queued).filter_map(WireJob::of).collect())
}

/// Carries on with an unfinished task; what was read of the document is not read again.
#[tauri::command]
#[specta::specta]
pub async fn resume_task(
    app: State<'_, App>,
    job: u32,
    ticket: String,
    progress: Channel<WireProgress>,
) -> Answer<WireRun> {
    let workspace = app.workspace()?;
    let sink = app.sink(&ticket, progress);
    let job = workspace.run_job(JobId(job.into()), sink).await;
    app.running().remove(&ticket);
    let run = workspace.run(WireError::unless_done(&job?)?).await?;
    let text = workspace.text(run.document).await?;
    Ok(Places::new(&text).run(&run))
}

/// Stops the work of that ticket at its next safe place.
#[tauri::command]
#[specta::specta]
pub async fn cancel(app: State<'_, App>, ticket: String) -> Answer<()> {
    if let Some(stop) = app.running().get(&ticket) {
        stop.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// The results of a document, newest first.
#[tauri::command]
#[specta::specta]
pub async fn runs(app: State<'_, App>, id: u32) -> Answer<Vec<WireRun>> {
    let workspace = app.workspace()?;
    let document = DocumentId(id.into());
    let runs = workspace.runs(document).await?;
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let text = workspace.text(document).await?;
    let places = Places::new(&text);
    Ok(runs.iter().map(|run| places.run(run)).collect())
}

/// Keeps a person's verdict on a line.
#[tauri::command]
#[specta::specta]
pub async fn review(app: State<'_, App>, claim: u32, review: WireReview) -> Answer<()> {
    Ok(app.workspace()?.review(ClaimId(claim.into()), review.into()).await?)
}

/// Writes a result to a file: `json`, `md` or `csv` by its ending.
#[tauri::command]
#[specta::specta]
pub async fn export_run(app: State<'_, App>, run: u32, path: String, include_unsupported: bool) -> Answer<()> {
    let workspace = app.workspace()?;
    let run = workspace.run(RunId(run.into())).await?;
    let document = workspace.document(run.document).await?;
    let text = workspace.text(run.document).await?;
    let path = PathBuf::from(path);
    let format = match path.extension().and_then(|e| e.to_str()) {
        Some("json") => ExportFormat::Json,
        Some("csv") => ExportFormat::Csv,
        _ => ExportFormat::Markdown,
    };
    let written = lectern_engine::export::write(&run, &document, &text, format, ExportOptions { include_unsupported });
    std::fs::write(&path, written)
        .map_err(|e| WireError::new("failed", format!("{} cannot be written: {e}", path.display())))
}
