//! (stand-in until the pdf branch is merged)

use super::ParseError;
use crate::progress::Sink;
use crate::text::DocText;
use crate::worker::WorkerProgram;
use std::path::{Path, PathBuf};

/// Limits.
#[derive(Debug, Clone, Default)]
pub struct Limits;

/// Parser.
#[derive(Debug, Clone)]
pub struct Parser {
    /// Program.
    pub program: WorkerProgram,
    /// Pdfium.
    pub pdfium: Option<PathBuf>,
    /// Limits.
    pub limits: Limits,
}

impl Parser {
    /// Parse.
    pub fn parse_file(&self, _: &Path, _: &str, _: Option<&str>, _: &mut dyn Sink) -> Result<DocText, ParseError> {
        Err(ParseError::Empty)
    }
}

/// Serve.
pub fn serve() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
