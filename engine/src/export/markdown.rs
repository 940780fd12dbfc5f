//! A result for reading: lines with places, quotes as footnotes, what was not found, what was read.

use super::{Line, PRESENCE_NOTE, Report, status_words, time_words};
use crate::store::runs::Verdict;
use crate::tasks::{ClaimKind, Status, TaskSpec};
use std::fmt::Write as _;

pub(super) fn write(report: &Report<'_>) -> String {
    let mut page = Page::default();
    let title = report.document.title.as_deref().unwrap_or(&report.document.name);
    page.put(&format!("# {}: {}\n\n", report.task(), escape(title)));
    page.put(&format!("File: {}. Made {}.\n\n", escape(&report.document.name), time_words(report.run.created_ms)));
    page.put(&format!("> {}\n>\n> {PRESENCE_NOTE}\n", escape(&report.run.result.coverage.statement)));
    if let Some(left_out) = report.left_out() {
        page.put(&format!(">\n> {left_out}\n"));
    }
    if let TaskSpec::Question { question, .. } = &report.run.spec {
        page.put(&format!("\n**{}**\n", escape(question)));
    }
    let mut heading = "";
    for line in report.lines.iter().filter(|l| l.claim.status != Status::NotFound) {
        let next = line.claim.kind.heading();
        if next != heading {
            page.put(&if next.is_empty() { "\n".to_owned() } else { format!("\n## {next}\n\n") });
            heading = next;
        }
        page.line(report, line);
    }
    not_found(&mut page, report);
    page.put("\n## How this was made\n\n");
    page.put(&provenance(report));
    if !page.notes.is_empty() {
        let notes = std::mem::take(&mut page.notes);
        page.put(&format!("\n{notes}"));
    }
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
    notes: String,
    footnotes: usize,
}

impl Page {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn line(&mut self, report: &Report<'_>, line: &Line<'_>) {
        let claim = line.claim;
        let label = match claim.kind {
            ClaimKind::Answer => String::new(),
            _ if claim.label.is_empty() => String::new(),
            _ => format!("**{}**: ", escape(&claim.label)),
        };
        let mut text = format!("- {label}{}", escape(line.text()));
        if let Some(value) = claim.value.as_ref().filter(|v| !line.was_edited() && v.to_string() != claim.text) {
            let _ = write!(text, " ({})", escape(&value.to_string()));
        }
        if let Some(owner) = &claim.owner {
            let _ = write!(text, "; owner: {}", escape(owner));
        }
        if let Some(due) = &claim.due {
            let _ = write!(text, "; due: {}", escape(due));
        }
        for evidence in &claim.evidence {
            let place = report.place(evidence);
            self.footnotes += 1;
            let n = self.footnotes;
            let shown = if place.is_empty() { String::new() } else { format!(" \\[{}\\]", escape(&place)) };
            let _ = write!(text, "{shown}[^{n}]");
            let before = if place.is_empty() { String::new() } else { format!("{}: ", escape(&place)) };
            let _ = writeln!(self.notes, "[^{n}]: {before}“{}”", escape(&evidence.quote));
        }
        let marks: Vec<String> = [
            (claim.status != Status::Verified).then(|| status_words(claim.status).to_owned()),
            claim.confidence.map(|c| format!("confidence {:.0} %", c * 100.0)),
            line.was_edited().then(|| "edited in review".to_owned()),
            line.review.is_some_and(|r| r.verdict == Verdict::Accepted).then(|| "accepted in review".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !marks.is_empty() {
            let _ = write!(text, " *({})*", marks.join("; "));
        }
        self.put(&format!("{text}\n"));
        for check in &claim.checks {
            self.put(&format!("  - Check: {}\n", escape(check)));
        }
    }
}

fn not_found(page: &mut Page, report: &Report<'_>) {
    let missing: Vec<&Line<'_>> = report.lines.iter().filter(|l| l.claim.status == Status::NotFound).collect();
    if missing.is_empty() {
        return;
    }
    page.put("\n## Not found\n\n");
    for line in missing {
        page.put(&format!("- **{}**", escape(&line.claim.label)));
        if line.was_edited() {
            page.put(&format!(": {} *(edited in review)*", escape(line.text())));
        }
        if let Some(note) = &line.claim.searched {
            page.put(&format!(" (searched for: {})", escape(&note.queries.join(", "))));
            for evidence in &note.contrary {
                let place = report.place(evidence);
                let place = if place.is_empty() { place } else { format!(" \\[{}\\]", escape(&place)) };
                page.put(&format!("\n  - May speak against it{place}: “{}”", escape(&evidence.quote)));
            }
        }
        page.put("\n");
    }
}

fn provenance(report: &Report<'_>) -> String {
    let made = &report.run.result.provenance;
    let mut text = format!(
        "- Model: {}{} (digest {})\n- Prompts: version {}; seed {}; temperature {}\n- Document: SHA-256 {}; text by {} {}\n",
        escape(&made.model),
        if made.interim { ", a stand-in: results are for trying the program, not for relying on" } else { "" },
        escape(&made.model_digest),
        made.prompt_version,
        made.seed,
        made.temperature,
        report.document.sha256,
        escape(&report.text.extractor.name),
        escape(&report.text.extractor.version),
    );
    for cut in &made.cut_short {
        let _ = writeln!(text, "- Cut short: {}", escape(cut));
    }
    text
}

/// Text on one line that Markdown shows as it is: no markup, no HTML, no list comes out of a document or a model.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        for c in word.chars() {
            match c {
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '&' => out.push_str("&amp;"),
                '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' => {
                    out.push('\\');
                    out.push(c);
                }
                c => out.push(c),
            }
        }
    }
    // "1. Term" or "- x" at the start of a line would begin a list.
    let digits = out.bytes().take_while(u8::is_ascii_digit).count();
    let list = if digits > 0 {
        out.get(digits..).filter(|r| r.starts_with(['.', ')'])).map(|_| digits)
    } else {
        out.starts_with(['-', '+']).then_some(0)
    };
    if let Some(at) = list {
        out.insert(at, '\\');
    }
    out
}
