//! Where the library, the model and pdfium are; and which document is meant.

use crate::Common;
use anyhow::{Context, bail};
use lectern_engine::generate::locate::find_model;
use lectern_engine::worker::WorkerProgram;
use lectern_engine::workspace::{Document, DocumentId, Options, Workspace};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Opens the library that the options and the environment name.
pub(crate) async fn workspace(common: &Common) -> anyhow::Result<Workspace> {
    let library = library(common)?;
    let program = std::env::current_exe().context("The path of this program cannot be found")?;
    // A model that was named must be one; that there is none at all only matters once a task needs it.
    let named = common.model.is_some() || std::env::var_os("LECTERN_MODEL").is_some();
    let model_dir = match find_model(common.model.as_deref(), variable("LECTERN_MODEL"), &model_folders(&program)) {
        Ok(folder) => Some(folder),
        Err(error) if named => return Err(error.into()),
        Err(_) => None,
    };
    let pdfium =
        variable("LECTERN_PDFIUM").or_else(|| places(&program, &pdfium_names()).into_iter().find(|p| p.is_file()));
    let adapter = common.adapter.clone().or_else(|| variable("LECTERN_ADAPTER"));
    let worker = WorkerProgram { program, env: Vec::new() };
    let options = Options { library, worker, model_dir, adapter, pdfium, clock: now_ms };
    Ok(Workspace::open(options).await?)
}

fn library(common: &Common) -> anyhow::Result<PathBuf> {
    if let Some(named) = common.library.clone().or_else(|| variable("LECTERN_LIBRARY")) {
        return Ok(named);
    }
    let base = if cfg!(target_os = "windows") {
        variable("APPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|h| h.join("Library/Application Support"))
    } else {
        // The XDG rules say that a relative path there must be ignored.
        variable("XDG_DATA_HOME")
            .filter(|p| p.is_absolute())
            .or_else(|| variable("HOME").map(|h| h.join(".local/share")))
    };
    base.map(|b| b.join("lectern")).context("There is no user data folder. Name a library with --library DIR")
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|v: &OsString| !v.is_empty()).map(PathBuf::from)
}

fn model_folders(program: &Path) -> Vec<PathBuf> {
    let own = ["model", "weights/lectern-mini", "weights/interim"];
    let shared = ["../share/lectern/model", "../lib/lectern/model"];
    let source = ["engine/model/weights/lectern-mini", "engine/model/weights/interim"];
    places(program, &[own.as_slice(), &shared, &source].concat().iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
}

fn pdfium_names() -> Vec<String> {
    let file = if cfg!(target_os = "windows") {
        "pdfium.dll"
    } else if cfg!(target_os = "macos") {
        "libpdfium.dylib"
    } else {
        "libpdfium.so"
    };
    ["", "../lib/lectern/", "../share/lectern/", "vendor/pdfium/"]
        .iter()
        .map(|folder| format!("{folder}{file}"))
        .collect()
}

/// `names` beside the program and, for a program run from its build folder, in the folders above it; a debug build
/// also knows where its source was.
fn places(program: &Path, names: &[String]) -> Vec<PathBuf> {
    let beside = program.ancestors().skip(1).take(4).map(Path::to_path_buf);
    let source = cfg!(debug_assertions).then(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let folders: Vec<PathBuf> = beside.chain(source).collect();
    folders.iter().flat_map(|f| names.iter().map(|n| f.join(n))).collect()
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The document that `name` means: its number, its file name, or the beginning of its hash.
pub(crate) async fn document(workspace: &Workspace, name: &str) -> anyhow::Result<Document> {
    let documents = workspace.documents().await?;
    if let Some(found) = name.parse().ok().and_then(|id| documents.iter().find(|d| d.id == DocumentId(id))) {
        return Ok(found.clone());
    }
    let named: Vec<&Document> = documents.iter().filter(|d| d.name == name).collect();
    let hash = name.to_ascii_lowercase();
    let found = if named.is_empty() && hash.len() >= 4 {
        documents.iter().filter(|d| d.sha256.starts_with(&hash)).collect()
    } else {
        named
    };
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => bail!("There is no document “{name}”. `lectern list` shows their numbers and names."),
        several => {
            let ids: Vec<String> = several.iter().map(|d| d.id.0.to_string()).collect();
            bail!("“{name}” means several documents: {}. Give the number of one.", ids.join(", "))
        }
    }
}
