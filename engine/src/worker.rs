//! Child processes of the same binary (the pdf helper owns this file; only the type at its border stands here).

use std::path::PathBuf;

/// The program that is started for parsers and for the model: the binary that runs now, with the hidden subcommands.
#[derive(Clone, Debug)]
pub struct WorkerProgram {
    /// Its path.
    pub program: PathBuf,
    /// Environment it is given.
    pub env: Vec<(String, String)>,
}
