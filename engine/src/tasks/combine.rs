//! The model's answers and the rules' candidates for the same fields, put together: which passages stand, who pointed at
//! them, and how likely each answers its field.
//!
//! A passage that both point at is shown as the rules cut it, because their score was measured on passages cut that way.
//! One that only the model points at stays, unless the rules hold it for very unlikely: then the field counts as not
//! found, and the passage is listed as what may speak against that.

use super::evidence::{Grounds, one_line, shares};
use super::pack::{FieldSpec, Pack};
use super::ruled::field_claims;
use super::sought::Seeker;
use super::{Claim, Evidence, FoundBy, Status};
use crate::rules::{self, Candidate, Ruled, Table};

/// A passage that only the model points at is dropped below this share of the score at which the rules take one. Set by
/// judgement: a quarter still keeps what the rules hold for possible.
const DOUBT: f64 = 0.25;
/// Most other passages named beside the one that a field with a single answer got, and most characters of each.
const OTHERS: (usize, usize) = (2, 120);

/// Claims for every field of `pack`, from what the model gave (`claims`) and what the rules find.
pub(super) fn combine(grounds: &Grounds<'_>, seeker: &Seeker<'_>, pack: &Pack, claims: &[Claim]) -> Vec<Claim> {
    let (table, ruled) = (seeker.table(), seeker.ruled());
    let mut combined = Vec::new();
    for field in &pack.fields {
        let own = claims.iter().filter(|c| c.label == field.name).cloned();
        if table.knows(field) {
            combined.extend(of_field(grounds, field, own.collect(), table, ruled));
        } else {
            combined.extend(own.map(by_model));
        }
    }
    combined
}

fn by_model(mut claim: Claim) -> Claim {
    claim.found_by = (!claim.evidence.is_empty()).then_some(FoundBy::Model);
    claim
}

/// A claim and the rules' score of its passages.
struct Scored {
    claim: Claim,
    score: f64,
}

fn of_field(grounds: &Grounds<'_>, field: &FieldSpec, own: Vec<Claim>, table: &Table, ruled: &Ruled<'_>) -> Vec<Claim> {
    let all = ruled.candidates(table, field, 0.0);
    let mut found: Vec<Scored> = Vec::new();
    let mut absent = None;
    for claim in field_claims(grounds, field, table, rules::taken(table, field, &all)) {
        if claim.evidence.is_empty() {
            absent = Some(claim);
        } else {
            found.push(Scored { score: score_of(&all, &claim.evidence), claim });
        }
    }
    let least = DOUBT * table.category(field).threshold;
    let mut doubted: Vec<Evidence> = Vec::new();
    let (located, rest): (Vec<Claim>, Vec<Claim>) = own.into_iter().partition(|c| !c.evidence.is_empty());
    for claim in located {
        if let Some(same) = found.iter_mut().find(|s| says_the_same(&s.claim, &claim)) {
            same.claim.found_by = Some(FoundBy::Both);
            continue;
        }
        let score = score_of(&all, &claim.evidence);
        if score < least {
            doubted.extend(claim.evidence);
        } else {
            found.push(Scored { claim: by_model(claim), score });
        }
    }
    if found.is_empty() {
        let best = all.first().map_or(0.0, |c| c.score);
        return not_found(rest, absent, doubted, table.measures(field).then_some(1.0 - best));
    }
    for scored in &mut found {
        scored.claim.confidence = table.measures(field).then_some(scored.score);
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let found: Vec<Claim> = found.into_iter().map(|s| s.claim).collect();
    if field.many { found } else { best_of(grounds, found) }
}

/// Whether both point at the same passage, or at the same value.
fn says_the_same(a: &Claim, b: &Claim) -> bool {
    let values = a.value.as_ref().zip(b.value.as_ref());
    shares(a, b) || values.is_some_and(|(x, y)| x.means(y))
}

/// The best score of a candidate that shares text with one of the passages.
fn score_of(all: &[Candidate], passages: &[Evidence]) -> f64 {
    let shared = |c: &&Candidate| passages.iter().any(|p| c.span.overlaps(p.span));
    // Best first.
    all.iter().find(shared).map_or(0.0, |c| c.score)
}

/// Nothing stands: the model's own "not found", its unlocated quotes or its failure come before the rules' note.
fn not_found(own: Vec<Claim>, rules: Option<Claim>, doubted: Vec<Evidence>, confidence: Option<f64>) -> Vec<Claim> {
    let mut claims = if own.is_empty() { rules.into_iter().collect() } else { own };
    for claim in claims.iter_mut().filter(|c| c.status == Status::NotFound) {
        claim.confidence = confidence;
        if let Some(searched) = &mut claim.searched {
            let known = std::mem::take(&mut searched.contrary);
            let new = known.into_iter().filter(|e| !doubted.iter().any(|d| d.span == e.span));
            searched.contrary = doubted.iter().cloned().chain(new).collect();
        }
    }
    claims
}

/// The first of `found`, which are best first, with a word about the others.
fn best_of(grounds: &Grounds<'_>, found: Vec<Claim>) -> Vec<Claim> {
    let mut found = found.into_iter();
    let Some(mut best) = found.next() else { return Vec::new() };
    let mut others: Vec<String> = Vec::new();
    for passage in found.filter_map(|c| c.evidence.into_iter().next()).take(OTHERS.0) {
        let quote = one_line(grounds.said(&passage));
        let short: String = quote.chars().take(OTHERS.1).collect();
        let more = if short.len() < quote.len() { "…" } else { "" };
        others.push(format!("“{short}{more}” ({})", grounds.place(passage.span)));
    }
    if !others.is_empty() {
        best.checks.push(format!("Another passage may be meant: {}.", others.join("; ")));
    }
    vec![best]
}
