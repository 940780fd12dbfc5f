//! One line for each claim, for a spreadsheet. Cells cannot be taken for formulas.

use super::{Line, Report, found_by_words, status_words};
use crate::tasks::ClaimKind;

const HEADER: [&str; 16] = [
    "document",
    "kind",
    "label",
    "text",
    "value",
    "status",
    "owner",
    "due",
    "place",
    "quotes",
    "start",
    "end",
    "review",
    "checks",
    "found_by",
    "confidence",
];

pub(super) fn write(report: &Report<'_>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let rows = std::iter::once(HEADER.map(str::to_owned)).chain(report.lines.iter().map(|l| row(report, l)));
    for row in rows {
        // Writing to memory cannot fail; a row that did would be missing, never half there.
        let _ = writer.write_record(row.map(|c| cell(&c)));
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

fn row(report: &Report<'_>, line: &Line<'_>) -> [String; 16] {
    let claim = line.claim;
    let first = claim.evidence.first();
    let mut places: Vec<String> = claim.evidence.iter().map(|e| report.place(e)).filter(|p| !p.is_empty()).collect();
    places.dedup();
    let quotes: Vec<&str> = claim.evidence.iter().map(|e| e.quote.as_str()).collect();
    let value = if line.was_edited() { None } else { claim.value.as_ref() };
    [
        report.document.name.clone(),
        kind_word(claim.kind).to_owned(),
        claim.label.clone(),
        line.text().to_owned(),
        value.map(ToString::to_string).unwrap_or_default(),
        status_words(claim.status).to_owned(),
        claim.owner.clone().unwrap_or_default(),
        claim.due.clone().unwrap_or_default(),
        places.join("; "),
        quotes.join(" | "),
        first.map(|e| e.span.start().to_string()).unwrap_or_default(),
        first.map(|e| e.span.end().to_string()).unwrap_or_default(),
        line.review.map(|r| format!("{:?}", r.verdict).to_lowercase()).unwrap_or_default(),
        claim.checks.join(" "),
        claim.found_by.map(found_by_words).unwrap_or_default().to_owned(),
        claim.confidence.map(|c| format!("{c:.2}")).unwrap_or_default(),
    ]
}

/// Text that is safe in a cell: control characters become spaces, and what a spreadsheet would take for a formula
/// (first sign = + - @, also full-width) gets an apostrophe before it.
pub(super) fn cell(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let risky = plain.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || text.starts_with(['\t', '\r', '\n']);
    if risky { format!("'{plain}") } else { plain }
}

pub(super) fn kind_word(kind: ClaimKind) -> &'static str {
    match kind {
        ClaimKind::Headline => "headline",
        ClaimKind::KeyPoint => "key point",
        ClaimKind::SectionPoint => "section",
        ClaimKind::Attendee => "attendee",
        ClaimKind::Topic => "topic",
        ClaimKind::Decision => "decision",
        ClaimKind::Action => "action item",
        ClaimKind::Field => "field",
        ClaimKind::Answer => "answer",
    }
}
