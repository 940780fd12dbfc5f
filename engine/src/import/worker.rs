//! (stand-in until the pdf branch is merged)

use super::ParseError;
use crate::progress::Sink;
use crate::text::{Block, BlockKind, DocText, Extractor, Span};
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
    pub fn parse_file(
        &self,
        path: &Path,
        _: &str,
        _: Option<&str>,
        sink: &mut dyn Sink,
    ) -> Result<DocText, ParseError> {
        let bytes =
            std::fs::read(path).map_err(|e| ParseError::Io { path: path.display().to_string(), reason: e.to_string() })?;
        if bytes.is_empty() {
            return Err(ParseError::Empty);
        }
        let text = String::from_utf8(bytes).map_err(|_| ParseError::Unsupported { what: "binary".into() })?;
        if text.contains('\0') {
            return Err(ParseError::Unsupported { what: "binary".into() });
        }
        let event =
            crate::progress::Event::Progress { done: 1, total: Some(1), unit: "pages".into() };
        if sink.event(event).is_break() {
            return Err(ParseError::Cancelled);
        }
        let (mut at, mut blocks) = (0, vec![]);
        for line in text.split_inclusive('\n') {
            if !line.trim().is_empty() {
                blocks.push(Block { kind: BlockKind::Paragraph, span: Span::new(at, at + line.trim_end().len()) });
            }
            at += line.len();
        }
        let extractor = Extractor { name: "standin".into(), version: "0".into() };
        Ok(DocText { text, pages: vec![], sections: vec![], blocks, cues: vec![], extractor, notes: vec![], title: None })
    }
}

/// Serve.
pub fn serve() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
