//! A question in the person's words: an answer with passages, or "not in the document" with what was searched. What rules
//! and search find for it is shown to the model beside the question, and its answer is held against that.

use super::asking::Asking;
use super::evidence::{Grounded, Grounds, look_over, one_line, shares, strings, touches};
use super::sought::{Seeker, Sought, beside};
use super::{Claim, ClaimKind, Evidence, FoundBy, MatchKind, Method, SearchedNote, Status, TaskError, prompt};
use crate::index::nearest::carrying;
use crate::text::Span;
use serde_json::Value;
use std::cmp::Ordering;

/// The note on an answer that only the model gives.
const UNSUPPORTED: &str = "Neither the rules nor the search point at this passage: check it by reading.";

/// A question, and who answers it.
pub(crate) struct Question<'q> {
    pub(crate) words: &'q str,
    pub(crate) method: Method,
    /// Whether the model is one for trying the program: then it only confirms what is found without it.
    pub(crate) doubted: bool,
}

/// Asks `question` of what was read, which stands at `within`.
pub(crate) fn run(
    asking: &mut Asking<'_>,
    grounds: &Grounds<'_>,
    seeker: &Seeker<'_>,
    question: &Question<'_>,
    within: Span,
    read_tokens: usize,
) -> Result<Vec<Claim>, TaskError> {
    asking.stage("question", "Answering")?;
    asking.progress(0, 1, "steps")?;
    let sought = seeker.seek(question.words, within);
    let Ok(given) = asking.ask_beside("Answer", prompt::question(question.words), beside(grounds, &sought))? else {
        return Ok(Vec::new());
    };
    asking.progress(1, 1, "steps")?;
    let own = answered(grounds, question.words, &given, within);
    Ok(match question.method {
        Method::Model => vec![own.unwrap_or_else(|| absent(grounds, question.words, &sought, read_tokens))],
        Method::Both | Method::Rules => {
            let found = seeker.line(question.words, within, &sought);
            combined(grounds, question, own, found, &sought, read_tokens)
        }
    })
}

/// What rules and search alone answer to `question`.
pub(super) fn by_rules(grounds: &Grounds<'_>, seeker: &Seeker<'_>, question: &str) -> Vec<Claim> {
    let all = Span::new(0, grounds.document.text.len());
    let sought = seeker.seek(question, all);
    let found = seeker.line(question, all, &sought);
    combined(grounds, &Question { words: question, method: Method::Rules, doubted: false }, None, found, &sought, 0)
}

/// The model's answer; nothing where it says that there is none.
fn answered(grounds: &Grounds<'_>, question: &str, given: &Value, within: Span) -> Option<Claim> {
    let quotes = strings(given, "quotes");
    if quotes.is_empty() {
        return None;
    }
    let answer = one_line(given.get("answer").and_then(Value::as_str).unwrap_or_default());
    let grounded = grounds.ground(quotes, within.start());
    let text = match grounded.evidence.first() {
        Some(e) if answer.is_empty() => one_line(grounds.said(e)),
        _ => answer,
    };
    let mut claim = grounded.claim(ClaimKind::Answer, question, text);
    look_over(grounds, &mut claim);
    Some(claim)
}

/// The model's answer (`own`) put together with the line that was `found` without it: the surer comes first.
///
/// An answer whose passages none of the sought ones supports says so. A doubted model only confirms: where it points at a
/// passage of the other line, that is noted; else its passages are listed against "not found".
fn combined(
    grounds: &Grounds<'_>,
    question: &Question<'_>,
    own: Option<Claim>,
    found: Option<Claim>,
    sought: &[Sought],
    read_tokens: usize,
) -> Vec<Claim> {
    let confirmed = own.as_ref().zip(found.as_ref()).is_some_and(|(own, found)| shares(own, found));
    let (own, doubted) = match own {
        Some(claim) if question.doubted => (None, claim.evidence),
        own => (own, Vec::new()),
    };
    let value = found.as_ref().filter(|_| confirmed).and_then(|claim| claim.value.clone());
    let mut lines = Vec::new();
    if let Some(mut claim) = found.filter(|_| own.is_none() || !confirmed) {
        claim.found_by = Some(if confirmed { FoundBy::Both } else { FoundBy::Rules });
        lines.push(claim);
    }
    if let Some(mut claim) = own {
        claim.confidence = sought.iter().filter(|s| touches(&claim, s.span)).map(|s| s.score).reduce(f64::max);
        claim.found_by = Some(if confirmed { FoundBy::Both } else { FoundBy::Model });
        claim.value = value;
        if claim.confidence.is_none() && !claim.evidence.is_empty() {
            claim.checks.push(UNSUPPORTED.to_owned());
        }
        lines.push(claim);
    }
    if lines.is_empty() {
        let mut claim = absent(grounds, question.words, sought, read_tokens);
        if let Some(searched) = &mut claim.searched {
            searched.contrary.retain(|e: &Evidence| !doubted.iter().any(|d| d.span == e.span));
            searched.contrary.splice(0..0, doubted);
        }
        claim.confidence = Some(1.0 - sought.first().map_or(0.0, |s| s.score));
        return vec![claim];
    }
    lines.sort_by(by_confidence);
    lines
}

fn by_confidence(a: &Claim, b: &Claim) -> Ordering {
    b.confidence.unwrap_or_default().total_cmp(&a.confidence.unwrap_or_default())
}

/// "Not in the document", with what may speak against it: the sought passages hold an answer more often than the sentences
/// with most of the words.
fn absent(grounds: &Grounds<'_>, question: &str, sought: &[Sought], read_tokens: usize) -> Claim {
    let mut claim = Grounded::default().claim(ClaimKind::Answer, question, String::new());
    claim.status = Status::NotFound;
    let contrary = sought.iter().filter_map(|s| grounds.evidence(s.span, MatchKind::Exact, 1)).collect();
    claim.searched = Some(SearchedNote { read_tokens, queries: vec![carrying(question)], contrary });
    claim
}

/// Joins the answers of several parts: what any part answered stands, the surest first; "not found" only where no part has
/// it.
pub(crate) fn join(claims: Vec<Claim>) -> Vec<Claim> {
    let answered = claims.iter().any(|c| c.status != Status::NotFound);
    if answered {
        let mut found: Vec<Claim> = claims.into_iter().filter(|c| c.status != Status::NotFound).collect();
        found.sort_by(by_confidence);
        return found;
    }
    let read: usize = claims.iter().filter_map(|c| c.searched.as_ref()).map(|s| s.read_tokens).sum();
    let mut first: Vec<Claim> = claims.into_iter().take(1).collect();
    for note in first.iter_mut().filter_map(|c| c.searched.as_mut()) {
        note.read_tokens = read;
    }
    first
}
