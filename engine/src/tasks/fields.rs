//! Fields of a pack: asked in small groups over the one reading, grounded, normalised, cross-checked by rules and search.

use super::asking::Asking;
use super::ending;
use super::evidence::{Grounded, Grounds, one_line, strings};
use super::pack::{FieldSpec, FieldType, Pack};
use super::sought::{Seeker, beside};
use super::{Claim, ClaimKind, Evidence, Status, TaskError, prompt};
use crate::rules::elsewhere;
use crate::text::Span;
use crate::values::{self, Found, Value as Normal};
use serde_json::Value;

/// Fields asked for in one request. A fork of the state is cheap, so the only gain of larger groups is fewer
/// instructions to read; a model of 135M parameters answers two questions at once noticeably worse than one.
pub const FIELDS_PER_REQUEST: usize = 1;

/// Asks for every field of `pack`; claims in the pack's order. What the model has read stands
/// at `within` and has `read_tokens`.
pub(crate) fn run(
    asking: &mut Asking<'_>,
    grounds: &Grounds<'_>,
    seeker: &Seeker<'_>,
    pack: &Pack,
    within: Span,
    read_tokens: usize,
) -> Result<Vec<Claim>, TaskError> {
    asking.stage("fields", &format!("Looking for {} fields", pack.fields.len()))?;
    let mut claims = Vec::new();
    for (i, group) in pack.fields.chunks(FIELDS_PER_REQUEST).enumerate() {
        asking.progress(i * FIELDS_PER_REQUEST, pack.fields.len(), "fields")?;
        let label = group.iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", ");
        let request = group.iter().map(FieldSpec::request).collect::<Vec<_>>().join(" ");
        let mut sought = seeker.seek(&request, within);
        sought.truncate(prompt::FIELD_PASSAGES);
        let answer = asking.ask_beside(&label, prompt::fields(group), beside(grounds, &sought))?;
        for field in group {
            let found = answer.as_ref().map(|a| a.get(&field.name).filter(|v| v.get("quotes").is_some()));
            match found {
                Ok(Some(given)) => claims.extend(field_claims(grounds, field, given, within.start(), read_tokens)),
                Ok(None) => claims.push(failed(field, "the answer was cut before this field")),
                Err(reason) => claims.push(failed(field, reason)),
            }
        }
    }
    asking.progress(pack.fields.len(), pack.fields.len(), "fields")?;
    Ok(claims)
}

/// A field whose request failed: neither found nor not found, and says so.
fn failed(field: &FieldSpec, reason: &str) -> Claim {
    let mut claim = Grounded::default().claim(ClaimKind::Field, &field.name, String::new());
    claim.checks.push(format!("The model gave no usable answer for this field: {reason}. Run the task again."));
    claim
}

fn field_claims(
    grounds: &Grounds<'_>,
    field: &FieldSpec,
    given: &Value,
    after: usize,
    read_tokens: usize,
) -> Vec<Claim> {
    if strings(given, "quotes").is_empty() {
        let mut claim = Grounded::default().claim(ClaimKind::Field, &field.name, String::new());
        claim.status = Status::NotFound;
        claim.searched = Some(grounds.searched(field.queries(), read_tokens));
        return vec![claim];
    }
    let grounded = grounds.ground(strings(given, "quotes"), after);
    if grounded.evidence.is_empty() {
        let text = grounded.unlocated.first().map(|q| one_line(q)).unwrap_or_default();
        let mut claim = grounded.claim(ClaimKind::Field, &field.name, text);
        claim.checks.push("The passage that the model gave does not stand in the document.".to_owned());
        return vec![claim];
    }
    let mut claims = valued(grounds, field, grounded);
    for claim in &mut claims {
        claim.checks.extend(cross_check(grounds, field, claim));
    }
    claims
}

/// One claim, or one for each value where the field may have many. Each holds the passages its value stands in.
pub(super) fn valued(grounds: &Grounds<'_>, field: &FieldSpec, grounded: Grounded) -> Vec<Claim> {
    let rules = matches!(
        field.kind,
        FieldType::Date
            | FieldType::Duration
            | FieldType::Money
            | FieldType::Percent
            | FieldType::Number
            | FieldType::Party
    );
    if !rules {
        return if field.many {
            one_each(grounds, field, grounded)
        } else {
            vec![as_passage(grounds, field, grounded)]
        };
    }
    let (values, bare) = by_value(grounds, field, &grounded.evidence);
    let several = values.len();
    if several == 0 && !field.many {
        return vec![unread(field, as_passage(grounds, field, grounded))];
    }
    let taken = if field.many { several } else { 1 };
    let others: Vec<String> = values.iter().skip(taken).map(|v| v.found.value.to_string()).collect();
    let unlocated = grounded.unlocated;
    let with_value = values.into_iter().take(taken).map(|Said { found, said, evidence }| {
        let mut claim = Grounded { evidence, unlocated: unlocated.clone() }.claim(ClaimKind::Field, &field.name, said);
        claim.value = Some(found.value);
        claim.checks.extend(found.note);
        if !others.is_empty() {
            claim.checks.push(format!("The quoted passages also hold: {}.", others.join(", ")));
        }
        claim
    });
    let mut claims: Vec<Claim> = with_value.collect();
    if field.many {
        let bare = one_each(grounds, field, Grounded { evidence: bare, unlocated });
        claims.extend(bare.into_iter().map(|claim| unread(field, claim)));
    }
    claims
}

/// The values of `text` that may be what `field` asks for.
fn values_in(field: &FieldSpec, text: &str) -> Vec<Found> {
    if ending::asked(field) {
        ending::last_days(text)
    } else if ending::asked_for_effect(field) {
        let own = elsewhere::own_dates(text);
        ending::first_days(text).into_iter().filter(|day| own.iter().any(|o| o.span == day.span)).collect()
    } else if field.kind == FieldType::Date && field.name == ending::AGREEMENT_DATE {
        elsewhere::own_dates(text)
    } else {
        values::find(field.kind, text)
    }
}

/// A value, how it is said first, and the passages that have it.
struct Said {
    found: Found,
    said: String,
    evidence: Vec<Evidence>,
}

/// Distinct values in the order of the quotes, each with its words and the passages that have it; and the passages that
/// have none.
fn by_value(grounds: &Grounds<'_>, field: &FieldSpec, evidence: &[Evidence]) -> (Vec<Said>, Vec<Evidence>) {
    let mut values: Vec<Said> = Vec::new();
    let mut bare = Vec::new();
    for evidence in evidence {
        let words = grounds.said(evidence);
        let all = values_in(field, words);
        if all.is_empty() {
            bare.push(evidence.clone());
        }
        for found in all {
            let said = one_line(words.get(found.span.range()).unwrap_or_default());
            match values.iter_mut().find(|v| v.found.value.means(&found.value)) {
                Some(known) if known.evidence.contains(evidence) => {}
                Some(known) => known.evidence.push(evidence.clone()),
                None => values.push(Said { found, said, evidence: vec![evidence.clone()] }),
            }
        }
    }
    (values, bare)
}

/// A passage without a value, and that it has none. People, and what parties call themselves in the text, have no form
/// that a rule could know: for them it says nothing.
fn unread(field: &FieldSpec, mut claim: Claim) -> Claim {
    if field.kind != FieldType::Party {
        claim.checks.push(no_value(field.kind));
    }
    claim
}

/// The note on a passage in which no value of its field's kind was found.
pub(super) fn no_value(kind: FieldType) -> String {
    format!("No rule finds a value of this kind ({}) in this passage: check it by reading.", kind.word())
}

fn as_passage(grounds: &Grounds<'_>, field: &FieldSpec, grounded: Grounded) -> Claim {
    let passage = grounded.evidence.first().map(|e| one_line(grounds.said(e))).unwrap_or_default();
    let flag = field.kind == FieldType::Flag;
    let mut claim = grounded.claim(ClaimKind::Field, &field.name, if flag { "Yes".to_owned() } else { passage });
    claim.value = flag.then_some(Normal::Flag { yes: true });
    claim
}

fn one_each(grounds: &Grounds<'_>, field: &FieldSpec, grounded: Grounded) -> Vec<Claim> {
    let unlocated = grounded.unlocated;
    let each = grounded.evidence.into_iter().map(|e| Grounded { evidence: vec![e], unlocated: unlocated.clone() });
    each.map(|g| as_passage(grounds, field, g)).collect()
}

/// What rules and search say about a found value.
pub(super) fn cross_check(grounds: &Grounds<'_>, field: &FieldSpec, claim: &Claim) -> Vec<String> {
    let mut checks = Vec::new();
    if let Some(e) = claim.evidence.iter().find(|e| e.occurrences > 1) {
        checks.push(format!("The same words stand in {} places.", e.occurrences));
    }
    let queries = field.queries();
    let beside = claim.evidence.iter().any(|e| {
        let around = grounds.document.slice(grounds.around(e.span)).unwrap_or_default();
        let heading = grounds.document.section_at(e.span.start()).and_then(|s| grounds.document.slice(s.heading));
        let folded = crate::ground::fold::fold(&format!("{around} {}", heading.unwrap_or_default()));
        queries.iter().any(|q| crate::ground::scan::has_words(&folded, q))
    });
    if !beside && !matches!(field.kind, FieldType::Party) {
        checks
            .push(format!("None of the words searched for stands in or beside this passage ({}).", queries.join(", ")));
    }
    if let Some(value) = &claim.value {
        checks.extend(other_values(grounds, field, value, &queries));
    }
    checks
}

/// Another value of the same kind in a sentence that holds a keyword: it may be the one that was meant.
fn other_values(grounds: &Grounds<'_>, field: &FieldSpec, value: &Normal, queries: &[String]) -> Option<String> {
    if field.many || field.kind == FieldType::Party {
        return None;
    }
    let mut others: Vec<String> = Vec::new();
    for query in queries {
        for hit in grounds.hits(query) {
            let words = grounds.document.slice(hit).unwrap_or_default();
            for found in values_in(field, words).into_iter().filter(|f| f.value != *value) {
                let other = format!("{} ({})", found.value, grounds.place(hit));
                if others.len() < 3 && !others.contains(&other) {
                    others.push(other);
                }
            }
        }
    }
    (!others.is_empty()).then(|| format!("Near the words searched for, the document also has: {}.", others.join(", ")))
}

/// Joins the claims of several parts: a field found in any part is found; it is not found only where no part has it.
pub(crate) fn join(pack: &Pack, claims: Vec<Claim>) -> Vec<Claim> {
    let mut joined: Vec<Claim> = Vec::new();
    for field in &pack.fields {
        let of_field: Vec<&Claim> = claims.iter().filter(|c| c.label == field.name).collect();
        let best = [Status::Verified, Status::Fuzzy].iter().any(|s| of_field.iter().any(|c| c.status == *s));
        let failed = of_field.iter().any(|c| c.status == Status::Unsupported);
        for claim in of_field {
            let keep = match claim.status {
                Status::Verified | Status::Fuzzy => true,
                Status::Unsupported => !best,
                Status::NotFound => !best && !failed,
            };
            if !keep {
                continue;
            }
            // One "not found" for all parts, with what all of them read; one claim for the same value.
            let same = joined.iter_mut().find(|c| {
                c.label == claim.label && c.status == claim.status && c.text == claim.text && c.value == claim.value
            });
            match same {
                Some(first) => merge(first, claim),
                None => joined.push(claim.clone()),
            }
        }
    }
    joined
}

fn merge(into: &mut Claim, from: &Claim) {
    let new: Vec<Evidence> =
        from.evidence.iter().filter(|e| !into.evidence.iter().any(|i| i.span == e.span)).cloned().collect();
    into.evidence.extend(new);
    if let (Some(a), Some(b)) = (&mut into.searched, &from.searched) {
        a.read_tokens += b.read_tokens;
    }
    for check in &from.checks {
        if !into.checks.contains(check) {
            into.checks.push(check.clone());
        }
    }
}
