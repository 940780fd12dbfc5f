//! A question in the person's words: an answer with passages, or "not in the document" with what was searched.

use super::asking::Asking;
use super::evidence::{Grounded, Grounds, look_over, one_line, strings};
use super::{Claim, ClaimKind, Status, TaskError, prompt};
use crate::text::words;
use serde_json::Value;

/// Words of questions that are not worth searching for.
const COMMON: &[&str] = &[
    "what",
    "when",
    "where",
    "which",
    "who",
    "whom",
    "whose",
    "why",
    "how",
    "does",
    "did",
    "the",
    "this",
    "that",
    "these",
    "those",
    "there",
    "with",
    "from",
    "under",
    "about",
    "have",
    "has",
    "been",
    "will",
    "shall",
    "would",
    "could",
    "should",
    "much",
    "many",
    "any",
    "are",
    "was",
    "were",
    "and",
    "for",
    "can",
    "may",
    "into",
    "document",
    "contract",
    "agreement",
    "is",
    "it",
    "its",
    "of",
    "in",
    "on",
    "to",
    "by",
    "a",
    "an",
    "or",
    "do",
    "be",
    "if",
];

/// Asks `question` of what was read.
pub(crate) fn run(
    asking: &mut Asking<'_>,
    grounds: &Grounds<'_>,
    question: &str,
    after: usize,
    read_tokens: usize,
) -> Result<Vec<Claim>, TaskError> {
    asking.stage("question", "Answering")?;
    asking.progress(0, 1, "steps")?;
    let Ok(given) = asking.ask("Answer", prompt::question(question))? else {
        return Ok(Vec::new());
    };
    asking.progress(1, 1, "steps")?;
    let answer = one_line(given.get("answer").and_then(Value::as_str).unwrap_or_default());
    if strings(&given, "quotes").is_empty() {
        let mut claim = Grounded::default().claim(ClaimKind::Answer, question, String::new());
        claim.status = Status::NotFound;
        claim.searched = Some(grounds.searched(queries(question), true, read_tokens));
        return Ok(vec![claim]);
    }
    let grounded = grounds.ground(strings(&given, "quotes"), after);
    let text = match grounded.evidence.first() {
        Some(e) if answer.is_empty() => one_line(&e.quote),
        _ => answer,
    };
    let mut claim = grounded.claim(ClaimKind::Answer, question, text);
    look_over(grounds, &mut claim);
    Ok(vec![claim])
}

/// The words of a question that carry it, as one query.
fn queries(question: &str) -> Vec<String> {
    let carrying: Vec<&str> = words(question).filter(|w| !COMMON.contains(&w.to_lowercase().as_str())).collect();
    vec![if carrying.is_empty() { question.to_owned() } else { carrying.join(" ") }]
}

/// Joins the answers of several parts: what any part answered stands; "not found" only where no part has it.
pub(crate) fn join(claims: Vec<Claim>) -> Vec<Claim> {
    let answered = claims.iter().any(|c| c.status != Status::NotFound);
    if answered {
        return claims.into_iter().filter(|c| c.status != Status::NotFound).collect();
    }
    let read: usize = claims.iter().filter_map(|c| c.searched.as_ref()).map(|s| s.read_tokens).sum();
    let mut first: Vec<Claim> = claims.into_iter().take(1).collect();
    for note in first.iter_mut().filter_map(|c| c.searched.as_mut()) {
        note.read_tokens = read;
    }
    first
}
