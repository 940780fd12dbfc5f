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
use crate::rules::{Candidate, Table};
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
    let message = format!("Looking for {} fields by rules", pack.fields.len());
    looked_for(document, search, sink, ("fields", &message), |grounds, seeker, sink| {
        let (table, total) = (seeker.table(), pack.fields.len() as u64);
        let mut claims = Vec::new();
        for (done, field) in (1..).zip(&pack.fields) {
            claims.extend(field_claims(grounds, field, table, &seeker.ruled().found(table, field)));
            event(sink, Event::Progress { done, total: Some(total), unit: "fields".to_owned() })?;
        }
        ending::count(grounds, pack, &mut claims);
        Ok(claims)
    })
}

/// Looks for the passages that answer `question`.
pub(super) fn answer(
    document: &DocText,
    question: &str,
    search: &dyn Search,
    sink: &mut dyn Sink,
) -> Result<RunResult, TaskError> {
    looked_for(document, search, sink, ("question", "Looking for passages"), |grounds, seeker, _| {
        Ok(question::by_rules(grounds, seeker, question))
    })
}

/// The summary of a document.
pub(super) fn summary(document: &DocText, search: &dyn Search, sink: &mut dyn Sink) -> Result<RunResult, TaskError> {
    let mut left_out = None;
    let found = looked_for(document, search, sink, ("summary", "Looking for what sums it up"), |grounds, seeker, _| {
        let summary = summary::by_rules(grounds, seeker)?;
        left_out = summary.left_out;
        Ok(summary.claims)
    });
    let mut result = found?;
    left_out.iter().for_each(|sentence| result.coverage.add(sentence));
    Ok(result)
}

/// The minutes of a meeting.
pub(super) fn minutes(document: &DocText, search: &dyn Search, sink: &mut dyn Sink) -> Result<RunResult, TaskError> {
    looked_for(document, search, sink, ("minutes", "Looking for decisions and tasks"), |grounds, seeker, _| {
        spoken::minutes(grounds, seeker)
    })
}

/// What `find` gives for `document`, with what was searched and how long it took. `stage`: its name and what a person is told.
fn looked_for(
    document: &DocText,
    search: &dyn Search,
    sink: &mut dyn Sink,
    (stage, message): (&str, &str),
    find: impl FnOnce(&Grounds<'_>, &Seeker<'_>, &mut dyn Sink) -> Result<Vec<Claim>, TaskError>,
) -> Result<RunResult, TaskError> {
    let begun = Instant::now();
    event(sink, Event::Stage { stage: stage.to_owned(), message: message.to_owned() })?;
    let grounds = Grounds::new(document, search);
    let seeker = Seeker::new(&grounds)?;
    let mut claims = find(&grounds, &seeker, sink)?;
    grounds.part(&mut claims);
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
    let mut claims = valued(grounds, field, grounded);
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
        decisions: Vec::new(),
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
