//! Where the window finds its library, its model and pdfium: the environment first, then the platform's folders.

use lectern_engine::generate::locate::find_model;
use lectern_engine::worker::WorkerProgram;
use lectern_engine::workspace::Options;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use tauri::path::PathResolver;
use tauri::{Runtime, path::BaseDirectory};

/// The options to open the library with.
///
/// # Errors
/// The platform names no folder for application data, or the program cannot find itself.
pub fn options<R: Runtime>(paths: &PathResolver<R>) -> Result<Options, Box<dyn std::error::Error>> {
    let library = match variable("LECTERN_LIBRARY") {
        Some(folder) => folder,
        None => paths.app_data_dir()?,
    };
    let resource = |name: &str| paths.resolve(name, BaseDirectory::Resource).ok().filter(|p| p.exists());
    let bundled: Vec<PathBuf> = resource("models/lectern-mini").into_iter().collect();
    Ok(Options {
        library,
        worker: WorkerProgram { program: std::env::current_exe()?, env: Vec::new() },
        // No model is not an error here: the window works as a library and says what is missing.
        model_dir: find_model(None, variable("LECTERN_MODEL"), &bundled).ok(),
        adapter: variable("LECTERN_ADAPTER"),
        pdfium: variable("LECTERN_PDFIUM").or_else(|| resource("pdfium/libpdfium.so")),
        clock: now_ms,
    })
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from)
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
