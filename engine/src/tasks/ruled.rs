//! Tasks without a model: what the rules find becomes the same claims as a model's, grounded and cross-checked alike.

use super::ending;
use super::evidence::{Grounded, Grounds};
use super::fields::{cross_check, valued};
use super::pack::{FieldSpec, Pack};
use super::sought::Seeker;
use super::{Claim, ClaimKind, Coverage, FoundBy, MatchKind, Provenance, RunResult, Search, Status, TaskError, prompt};
use super::{question, spoken, summary};
use crate::progress::{Event, Sink};
use crate::reading::unread_pages;
use crate::rules::{Candidate, Ruled, Table};
use crate::text::{DocText, Span};
use std::time::Instant;

/// What stands in a result where a model's name would.
pub(crate) const RULES_NAME: &str = "rules and search";

/// Looks for every field of `pack`; claims in the pack's order.
pub(super) fn run(
    document: &DocText,
    pack: &Pack,
    search: &dyn Search,
    sink: &mut dyn Sink,
) -> Result<RunResult, TaskError> {
    let begun = Instant::now();
    let table = Table::built_in()?;
    let message = format!("Looking for {} fields by rules", pack.fields.len());
    event(sink, Event::Stage { stage: "fields".to_owned(), message })?;
    let grounds = Grounds::new(document, search);
    let ruled = Ruled::new(document);
    let total = pack.fields.len() as u64;
    let mut claims = Vec::new();
    for (done, field) in (1..).zip(&pack.fields) {
        claims.extend(field_claims(&grounds, field, &table, &ruled.found(&table, field)));
        event(sink, Event::Progress { done, total: Some(total), unit: "fields".to_owned() })?;
    }
    ending::count(&grounds, pack, &mut claims);
    let provenance = provenance(table.digest(), begun);
    Ok(RunResult { claims, coverage: coverage(document), provenance })
}

/// Looks for the passages that answer `question`.
pub(super) fn answer(
    document: &DocText,
    question: &str,
    search: &dyn Search,
    sink: &mut dyn Sink,
) -> Result<RunResult, TaskError> {
    let begun = Instant::now();
    event(sink, Event::Stage { stage: "question".to_owned(), message: "Looking for passages".to_owned() })?;
    let grounds = Grounds::new(document, search);
    let seeker = Seeker::new(&grounds)?;
    let claims = question::by_rules(&grounds, &seeker, question);
    let provenance = provenance(seeker.table().digest(), begun);
    Ok(RunResult { claims, coverage: coverage(document), provenance })
}

/// The summary of a document.
pub(super) fn summary(document: &DocText, search: &dyn Search, sink: &mut dyn Sink) -> Result<RunResult, TaskError> {
    let begun = Instant::now();
    event(sink, Event::Stage { stage: "summary".to_owned(), message: "Looking for what sums it up".to_owned() })?;
    let grounds = Grounds::new(document, search);
    let seeker = Seeker::new(&grounds)?;
    let summary = summary::by_rules(&grounds, &seeker)?;
    let mut coverage = coverage(document);
    if let Some(left_out) = summary.left_out {
        coverage.statement = format!("{} {left_out}", coverage.statement);
    }
    Ok(RunResult { claims: summary.claims, coverage, provenance: provenance(seeker.table().digest(), begun) })
}

/// The minutes of a meeting.
pub(super) fn minutes(document: &DocText, search: &dyn Search, sink: &mut dyn Sink) -> Result<RunResult, TaskError> {
    let begun = Instant::now();
    event(sink, Event::Stage { stage: "minutes".to_owned(), message: "Looking for decisions and tasks".to_owned() })?;
    let grounds = Grounds::new(document, search);
    let seeker = Seeker::new(&grounds)?;
    let claims = spoken::minutes(&grounds, &seeker)?;
    Ok(RunResult { claims, coverage: coverage(document), provenance: provenance(seeker.table().digest(), begun) })
}

fn event(sink: &mut dyn Sink, event: Event) -> Result<(), TaskError> {
    if sink.event(event).is_break() { Err(TaskError::Cancelled) } else { Ok(()) }
}

/// The claims of one field for the candidates `found`: one that says "not found" where there are none.
pub(super) fn field_claims(grounds: &Grounds<'_>, field: &FieldSpec, table: &Table, found: &[Candidate]) -> Vec<Claim> {
    let passages = found.iter().filter_map(|c| grounds.evidence(c.span, MatchKind::Exact, 1));
    let grounded = Grounded { evidence: passages.collect(), unlocated: Vec::new() };
    if grounded.evidence.is_empty() {
        let mut claim = grounded.claim(ClaimKind::Field, &field.name, String::new());
        claim.status = Status::NotFound;
        claim.searched = Some(grounds.searched(field.queries(), 0));
        return vec![claim];
    }
    let mut claims = valued(field, grounded);
    for claim in &mut claims {
        let of_claim = |c: &&Candidate| claim.evidence.iter().any(|e| e.span == c.span);
        claim.found_by = Some(FoundBy::Rules);
        if table.measures(field) {
            claim.confidence = found.iter().filter(of_claim).map(|c| c.score).reduce(f64::max);
        }
        let more = cross_check(grounds, field, claim);
        claim.checks.extend(more);
    }
    claims
}

fn coverage(document: &DocText) -> Coverage {
    let unread = unread_pages(document);
    let lost = match unread.len() {
        0 => String::new(),
        n => format!(" {n} of its pages have no text."),
    };
    Coverage {
        text_bytes: document.text.len(),
        text_tokens: 0,
        read: vec![Span::new(0, document.text.len())],
        whole: unread.is_empty(),
        statement: format!("The whole text was searched by rules; no language model read it.{lost}"),
        unread_pages: unread,
    }
}

fn provenance(digest: &str, begun: Instant) -> Provenance {
    Provenance {
        rules_digest: None,
        model: RULES_NAME.to_owned(),
        model_digest: digest.to_owned(),
        interim: false,
        prompt_version: prompt::PROMPT_VERSION,
        seed: 0,
        temperature: 0.0,
        prompt_tokens: 0,
        generated_tokens: 0,
        cut_short: Vec::new(),
        read_ms: 0,
        answer_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}
