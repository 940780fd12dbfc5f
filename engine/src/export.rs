//! Results as files: JSON, Markdown, CSV, with citations.
//!
//! Lines without a located quote are left out unless asked for, rejected lines always; how many is said. A person's
//! edit takes the place of the model's words.

mod csv;
mod json;
mod markdown;

use crate::store::ClaimId;
use crate::store::documents::Document;
use crate::store::runs::{Review, StoredRun, Verdict};
use crate::tasks::{Claim, Evidence, FoundBy, Status, TaskSpec};
use crate::text::DocText;
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

/// What every export says about its citations.
pub const PRESENCE_NOTE: &str = "A quote was located in the document by the program. That proves that the words stand there, not that they support the line.";

/// `run` of `document`, whose canonical text is `text`, as a file's content.
pub fn write(
    run: &StoredRun,
    document: &Document,
    text: &DocText,
    format: ExportFormat,
    options: ExportOptions,
) -> String {
    let report = Report::new(run, document, text, options);
    match format {
        ExportFormat::Json => json::write(&report),
        ExportFormat::Markdown => markdown::write(&report),
        ExportFormat::Csv => csv::write(&report),
    }
}

/// The lines that go into an export, and what was left out.
struct Report<'a> {
    run: &'a StoredRun,
    document: &'a Document,
    text: &'a DocText,
    lines: Vec<Line<'a>>,
    unsupported_left_out: usize,
    rejected_left_out: usize,
}

/// One line with the person's verdict.
struct Line<'a> {
    id: Option<ClaimId>,
    claim: &'a Claim,
    review: Option<&'a Review>,
}

impl<'a> Report<'a> {
    fn new(run: &'a StoredRun, document: &'a Document, text: &'a DocText, options: ExportOptions) -> Self {
        let mut report = Self { run, document, text, lines: Vec::new(), unsupported_left_out: 0, rejected_left_out: 0 };
        for (i, claim) in run.result.claims.iter().enumerate() {
            let review = run.reviews.get(i).and_then(Option::as_ref);
            if review.is_some_and(|r| r.verdict == Verdict::Rejected) {
                report.rejected_left_out += 1;
            } else if claim.status == Status::Unsupported && !options.include_unsupported {
                report.unsupported_left_out += 1;
            } else {
                report.lines.push(Line { id: run.claim_ids.get(i).copied(), claim, review });
            }
        }
        report
    }

    fn page(&self, evidence: &Evidence) -> Option<u32> {
        self.text.page_at(evidence.span.start())
    }

    fn section(&self, evidence: &Evidence) -> Option<String> {
        let heading = self.text.section_at(evidence.span.start())?.heading;
        self.text.slice(heading).map(|h| h.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// "p. 3", else the section's heading, else nothing.
    fn place(&self, evidence: &Evidence) -> String {
        match (self.page(evidence), self.section(evidence)) {
            (Some(page), _) => format!("p. {page}"),
            (None, Some(section)) => section,
            (None, None) => String::new(),
        }
    }

    fn task(&self) -> &'static str {
        match self.run.spec {
            TaskSpec::Summary { .. } => "Summary",
            TaskSpec::Minutes { .. } => "Minutes",
            TaskSpec::Fields { .. } => "Fields",
            TaskSpec::Question { .. } => "Question",
        }
    }

    /// What was left out, in words; `None` where nothing was.
    fn left_out(&self) -> Option<String> {
        let lines =
            |n: usize, what: &str| (n > 0).then(|| format!("{n} {} {what}", if n == 1 { "line" } else { "lines" }));
        let parts = [
            lines(self.unsupported_left_out, "without a located quote"),
            lines(self.rejected_left_out, "rejected in review"),
        ];
        let said: Vec<String> = parts.into_iter().flatten().collect();
        (!said.is_empty()).then(|| format!("Left out: {}.", said.join(", ")))
    }
}

impl Line<'_> {
    /// The person's words where they edited the line, else the model's.
    fn text(&self) -> &str {
        let edited = self.review.filter(|r| r.verdict == Verdict::Edited).and_then(|r| r.text.as_deref());
        edited.unwrap_or(&self.claim.text)
    }

    fn was_edited(&self) -> bool {
        self.text() != self.claim.text
    }
}

/// Status in words for a person.
pub fn status_words(status: Status) -> &'static str {
    match status {
        Status::Verified => "quote verified",
        Status::Fuzzy => "quote differs slightly",
        Status::Unsupported => "no located quote",
        Status::NotFound => "not found",
    }
}

/// Who pointed at a passage, in words for a person.
pub fn found_by_words(by: FoundBy) -> &'static str {
    match by {
        FoundBy::Model => "the model",
        FoundBy::Rules => "rules",
        FoundBy::Both => "the model and rules",
    }
}

/// A time in milliseconds since 1970 as `YYYY-MM-DD HH:MM UTC`.
pub fn time_words(ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(ms).map(|t| t.format("%Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default()
}
