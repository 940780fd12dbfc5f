//! The window around `lectern-engine`: commands, wire types, and nothing that decides anything.

pub mod commands;
pub mod documents;
pub mod dto;
pub mod error;
pub mod places;
pub mod progress;

use commands::App;
use std::process::ExitCode;
use tauri::Manager;

/// Every command with its types. The window's TypeScript is generated from this.
pub fn bindings() -> tauri_specta::Builder<tauri::Wry> {
    tauri_specta::Builder::<tauri::Wry>::new()
        .commands(tauri_specta::collect_commands![
            commands::library_state,
            commands::model_state,
            commands::documents,
            commands::import_file,
            commands::retry_document,
            commands::delete_document,
            commands::document_view,
            commands::search,
            commands::packs,
            commands::read_pack,
            commands::fit,
            commands::start_task,
            commands::unfinished,
            commands::resume_task,
            commands::cancel,
            commands::runs,
            commands::review,
            commands::export_run,
        ])
        .error_handling(tauri_specta::ErrorHandlingMode::Throw)
        // One type each: the window sends what it was sent, so `T_Serialize` beside `T_Deserialize` would only be noise.
        .disable_serde_phases()
}

/// Opens the window and returns when it is closed.
pub fn run() -> ExitCode {
    let builder = bindings();
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .register_asynchronous_uri_scheme_protocol(documents::SCHEME, documents::respond)
        .invoke_handler(builder.invoke_handler())
        .setup(|app| {
            let options = places::options(app.path())?;
            // A library that cannot be opened is shown in the window, with the reason, instead of ending the program.
            let workspace = tauri::async_runtime::block_on(lectern_engine::workspace::Workspace::open(options.clone()));
            app.manage(App::new(options, workspace.map_err(Into::into)));
            Ok(())
        })
        .build(tauri::generate_context!());
    match app {
        Ok(app) => ExitCode::from(u8::try_from(app.run_return(close_library)).unwrap_or(1)),
        Err(error) => {
            eprintln!("Lectern's window could not be opened: {error}");
            ExitCode::FAILURE
        }
    }
}

/// When the window goes, the library is closed in order: the database's log is written back and the lock released.
fn close_library(app: &tauri::AppHandle, event: tauri::RunEvent) {
    if let tauri::RunEvent::Exit = event
        && let Ok(workspace) = app.state::<App>().workspace()
    {
        tauri::async_runtime::block_on(workspace.close());
    }
}
