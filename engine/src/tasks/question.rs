//! A question in the person's words: an answer with passages, or "not in the document" with what was searched.

use super::asking::Asking;
use super::evidence::{Grounded, Grounds, look_over, one_line, strings};
use super::{Claim, ClaimKind, MatchKind, SearchedNote, Status, TaskError, prompt};
use crate::index::nearest::carrying;
use crate::text::Span;
use serde_json::Value;

/// Asks `question` of what was read, which stands at `within`.
pub(crate) fn run(
    asking: &mut Asking<'_>,
    grounds: &Grounds<'_>,
    question: &str,
    within: Span,
    read_tokens: usize,
) -> Result<Vec<Claim>, TaskError> {
    asking.stage("question", "Answering")?;
    asking.progress(0, 1, "steps")?;
    let nearest = grounds.nearest(question, within);
    let Ok(given) = asking.ask_beside("Answer", prompt::question(question), grounds.words_of(&nearest))? else {
        return Ok(Vec::new());
    };
    asking.progress(1, 1, "steps")?;
    let answer = one_line(given.get("answer").and_then(Value::as_str).unwrap_or_default());
    if strings(&given, "quotes").is_empty() {
        let mut claim = Grounded::default().claim(ClaimKind::Answer, question, String::new());
        claim.status = Status::NotFound;
        // What may speak against it: these hold an answer more often than the sentences with most of the words.
        let contrary = nearest.iter().filter_map(|span| grounds.evidence(*span, MatchKind::Exact, 1)).collect();
        claim.searched = Some(SearchedNote { read_tokens, queries: vec![carrying(question)], contrary });
        return Ok(vec![claim]);
    }
    let grounded = grounds.ground(strings(&given, "quotes"), within.start());
    let text = match grounded.evidence.first() {
        Some(e) if answer.is_empty() => one_line(&e.quote),
        _ => answer,
    };
    let mut claim = grounded.claim(ClaimKind::Answer, question, text);
    look_over(grounds, &mut claim);
    Ok(vec![claim])
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
