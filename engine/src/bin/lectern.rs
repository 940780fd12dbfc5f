//! The command line.
use std::process::ExitCode;

fn main() -> ExitCode {
    match lectern_engine::worker::run_if_worker(std::env::args_os()) {
        Some(code) => code,
        None => ExitCode::SUCCESS,
    }
}
