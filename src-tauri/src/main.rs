//! Lectern's window. The same binary runs as parser and as model process when it is started as one.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use std::process::ExitCode;

#[cfg_attr(
    target_os = "linux",
    expect(clippy::disallowed_methods, reason = "the only variable that is set, before any thread")
)]
fn main() -> ExitCode {
    if let Some(code) = lectern_engine::worker::run_if_worker(std::env::args_os()) {
        return code;
    }
    #[cfg(target_os = "linux")]
    if std::env::var_os("WEBKIT_DISABLE_DMABUF_RENDERER").is_none() {
        // WebKitGTK shows an empty window with some graphics drivers unless this is set before it starts.
        // SAFETY: nothing else runs yet: this is the first statement of the only thread.
        unsafe { std::env::set_var("WEBKIT_DISABLE_DMABUF_RENDERER", "1") };
    }
    lectern_app::run()
}
