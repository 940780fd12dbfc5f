//! What a person sees on stdout: tables, cited lines; and JSON for programs.

use lectern_engine::export::{PRESENCE_NOTE, found_by_words, status_words};
use lectern_engine::tasks::{Claim, ClaimKind, Evidence, Status};
use lectern_engine::text::DocText;
use lectern_engine::workspace::{StoredRun, Verdict};
use serde::Serialize;
use std::io::Write;

/// Writes to stdout. Where its reader has gone, nobody is left to write for and the program ends; jobs are durable.
pub(crate) fn write(text: std::fmt::Arguments<'_>) {
    if let Err(error) = std::io::stdout().lock().write_fmt(text) {
        if error.kind() != std::io::ErrorKind::BrokenPipe {
            eprintln!("lectern: the output cannot be written: {error}");
        }
        std::process::exit(1);
    }
}

/// JSON on stdout.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    out!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Text for a terminal: control characters (a document may hold escape sequences) become spaces, white space collapses.
pub(crate) fn plain(text: &str) -> String {
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Rows under a heading, columns aligned, the last one as long as it is.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) {
    let columns = heading.len();
    let width = |i: usize| {
        rows.iter()
            .filter_map(|r| r.get(i))
            .map(|c| c.chars().count())
            .chain([heading.get(i).map_or(0, |h| h.chars().count())])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(|i| if i + 1 == columns { 0 } else { width(i).min(48) }).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(c, w)| format!("{c:<w$}")).collect();
        out!("{}", padded.join("  ").trim_end());
    };
    line(heading.to_vec());
    for row in rows {
        line(row.iter().map(String::as_str).collect());
    }
}

/// A mark for how a line stands.
fn mark(status: Status) -> &'static str {
    match status {
        Status::Verified => "✓",
        Status::Fuzzy => "≈",
        Status::Unsupported => "?",
        Status::NotFound => "–",
    }
}

/// A result: every line with its mark, its passages and their places, what was read, and what the marks mean.
pub(crate) fn run(run: &StoredRun, text: &DocText) {
    let mut heading = "";
    for (i, claim) in run.result.claims.iter().enumerate() {
        let next = claim.kind.heading();
        if next != heading && !next.is_empty() {
            out!("{}{next}", if heading.is_empty() { "" } else { "\n" });
        }
        heading = next;
        let review = run.reviews.get(i).and_then(Option::as_ref);
        let edited = review.filter(|r| r.verdict == Verdict::Edited).and_then(|r| r.text.as_deref());
        line(claim, edited, review.map(|r| r.verdict), text);
    }
    out!("\n{}", plain(&run.result.coverage.statement));
    for cut in &run.result.provenance.cut_short {
        out!("Cut short: {}", plain(cut));
    }
    if run.result.provenance.interim {
        out!(
            "Made with {}, a stand-in model: for trying the program, not for relying on.",
            plain(&run.result.provenance.model)
        );
    }
    out!("✓ quote verified  ≈ quote differs slightly  ? no located quote  – not found. {PRESENCE_NOTE}");
    out!("Result {} of document {}.", run.id.0, run.document.0);
}

fn line(claim: &Claim, edited: Option<&str>, verdict: Option<Verdict>, text: &DocText) {
    let label = if claim.label.is_empty() || claim.kind == ClaimKind::Answer {
        String::new()
    } else {
        format!("{}: ", plain(&claim.label))
    };
    let mut said = plain(edited.unwrap_or(&claim.text));
    if claim.status == Status::NotFound && said.is_empty() {
        said = "not found".to_owned();
    }
    if said.is_empty() {
        said = status_words(claim.status).to_owned();
    }
    let value = claim.value.as_ref().map(ToString::to_string).filter(|v| edited.is_none() && *v != claim.text);
    let more: Vec<String> = [
        value.map(|v| format!("= {}", plain(&v))),
        claim.owner.as_ref().map(|o| format!("owner: {}", plain(o))),
        claim.due.as_ref().map(|d| format!("due: {}", plain(d))),
        claim.found_by.map(|by| format!("found by {}", found_by_words(by))),
        claim.confidence.map(|c| format!("confidence {:.0} %", c * 100.0)),
        verdict.map(|v| format!("{v:?}").to_lowercase()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let more = if more.is_empty() { String::new() } else { format!("  ({})", more.join("; ")) };
    out!("  {} {label}{said}{more}", mark(claim.status));
    for evidence in &claim.evidence {
        out!("      {}“{}”", place(evidence, text), plain(&evidence.quote));
    }
    for quote in &claim.unlocated {
        out!("      not in the document: “{}”", plain(quote));
    }
    if let Some(note) = &claim.searched {
        out!("      searched for: {}", plain(&note.queries.join(", ")));
        for evidence in &note.contrary {
            out!("      may speak against it: {}“{}”", place(evidence, text), plain(&evidence.quote));
        }
    }
    for check in &claim.checks {
        out!("      check: {}", plain(check));
    }
}

fn place(evidence: &Evidence, text: &DocText) -> String {
    let start = evidence.span.start();
    match (text.page_at(start), text.section_at(start).and_then(|s| text.slice(s.heading))) {
        (Some(page), _) => format!("[p. {page}] "),
        (None, Some(section)) => format!("[{}] ", plain(section)),
        (None, None) => String::new(),
    }
}
