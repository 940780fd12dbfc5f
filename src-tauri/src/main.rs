//! Lectern's window. The same binary runs as parser and as model process when it is started as one.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = lectern_engine::worker::run_if_worker(std::env::args_os()) {
        return code;
    }
    lectern_app::run()
}
