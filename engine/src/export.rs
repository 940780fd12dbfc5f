//! Results as files: JSON, Markdown, CSV, with citations.

use serde::{Deserialize, Serialize};

/// A format to export to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// Everything, for programs.
    Json,
    /// For reading.
    Markdown,
    /// One line for each claim, for a spreadsheet.
    Csv,
}

/// What goes into an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportOptions {
    /// Also lines without a located quote, marked as such.
    pub include_unsupported: bool,
}

/// temp
pub fn write(_: &crate::store::runs::StoredRun, _: &crate::store::documents::Document, _: &crate::text::DocText, _: ExportFormat, _: ExportOptions) -> String { String::new() }
