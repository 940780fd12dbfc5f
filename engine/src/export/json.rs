//! Everything about a run, for programs.

use super::{Line, PRESENCE_NOTE, Report};
use crate::tasks::Evidence;
use serde_json::{Value, json};

/// Name and version of the form.
const FORM: &str = "lectern-run-1";

pub(super) fn write(report: &Report<'_>) -> String {
    let document = report.document;
    let value = json!({
        "form": FORM,
        "note": PRESENCE_NOTE,
        "document": {
            "id": document.id, "name": document.name, "title": document.title, "sha256": document.sha256,
            "pages": document.pages, "text_bytes": document.text_bytes, "extractor": report.text.extractor,
        },
        "run": { "id": report.run.id, "created_ms": report.run.created_ms, "spec": report.run.spec },
        "coverage": report.run.result.coverage,
        "provenance": report.run.result.provenance,
        "left_out": { "unsupported": report.unsupported_left_out, "rejected": report.rejected_left_out },
        "lines": report.lines.iter().map(|l| line(report, l)).collect::<Vec<_>>(),
    });
    format!("{value:#}\n")
}

fn line(report: &Report<'_>, line: &Line<'_>) -> Value {
    let claim = line.claim;
    let searched = claim.searched.as_ref().map(|note| {
        let contrary: Vec<Value> = note.contrary.iter().map(|e| evidence(report, e)).collect();
        json!({ "read_tokens": note.read_tokens, "queries": note.queries, "contrary": contrary })
    });
    json!({
        "id": line.id,
        "kind": claim.kind,
        "label": claim.label,
        "text": line.text(),
        "generated_text": line.was_edited().then_some(&claim.text),
        // A normal form was read from the model's words: after an edit it may no longer be true.
        "value": if line.was_edited() { None } else { claim.value.as_ref() },
        "status": claim.status,
        "owner": claim.owner,
        "due": claim.due,
        "evidence": claim.evidence.iter().map(|e| evidence(report, e)).collect::<Vec<_>>(),
        "unlocated": claim.unlocated,
        "searched": searched,
        "checks": claim.checks,
        "found_by": claim.found_by,
        "confidence": claim.confidence,
        "review": line.review,
    })
}

fn evidence(report: &Report<'_>, evidence: &Evidence) -> Value {
    json!({
        "start": evidence.span.start(),
        "end": evidence.span.end(),
        "page": report.page(evidence),
        "section": report.section(evidence),
        "quote": evidence.quote,
        "matched": evidence.matched,
        "occurrences": evidence.occurrences,
    })
}
