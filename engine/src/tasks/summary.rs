//! Summary: the document in one line, its key points, one point for each section; by a model, or by rules alone.

use super::asking::Asking;
use super::evidence::{Grounds, look_over, one_line, shares};
use super::salient::{Chooser, line};
use super::sought::Seeker;
use super::{Claim, ClaimKind, FoundBy, TaskError, contract, prompt, spoken};
use crate::text::{DocText, Section, Span};
use serde_json::Value;

/// Sections that get a point of their own; where there are more, the longest ones.
const SECTIONS: usize = 12;
/// Shorter sections say no more than their heading.
const LEAST_SECTION_BYTES: usize = 200;
/// A document says what it is in its first sentences: so many, or that part of all.
const OPENING: (usize, usize) = (20, 10);
/// Most sentences of a meeting beside what was decided and who does what.
const MEETING_POINTS: usize = 4;
/// Most key points that the rules take out of a document.
const KEY_POINTS: usize = 7;

/// What a summary of one piece gave, and what it left out.
pub(crate) struct Summary {
    pub(crate) claims: Vec<Claim>,
    /// A sentence for the coverage statement, where sections were left out.
    pub(crate) left_out: Option<String>,
}

/// Summarises the piece `part` that was read.
pub(crate) fn run(asking: &mut Asking<'_>, grounds: &Grounds<'_>, part: Span) -> Result<Summary, TaskError> {
    asking.stage("summary", "Summarising")?;
    let (sections, all) = sections(&grounds.document, part);
    let steps = sections.len() + 2;
    let mut claims = Vec::new();
    asking.progress(0, steps, "steps")?;
    if let Ok(answer) = asking.ask("Headline", prompt::headline())? {
        claims.extend(point(grounds, &answer, "sentence", ClaimKind::Headline, "", part.start()));
    }
    asking.progress(1, steps, "steps")?;
    if let Ok(answer) = asking.ask("Key points", prompt::key_points())? {
        claims.extend(points(grounds, &answer, "points", "point", ClaimKind::KeyPoint, part.start()));
    }
    for (i, section) in sections.iter().enumerate() {
        asking.progress(i + 2, steps, "steps")?;
        let heading = one_line(grounds.document.slice(section.heading).unwrap_or_default());
        if let Ok(answer) = asking.ask(&heading, prompt::section_point(&heading))? {
            let found = point(grounds, &answer, "summary", ClaimKind::SectionPoint, &heading, section.span.start());
            claims.extend(found.map(|c| outside(c, section)));
        }
    }
    asking.progress(steps, steps, "steps")?;
    Ok(Summary { claims, left_out: left_out(sections.len(), all) })
}

/// The part of the text in which a document says what it is.
fn opening(grounds: &Grounds<'_>) -> Span {
    let sentences = &grounds.sentences;
    let last = sentences.get(sentences.len().min(OPENING.0.max(sentences.len() / OPENING.1)).saturating_sub(1));
    Span::new(0, last.map_or(0, |s| s.end()))
}

fn left_out(taken: usize, all: usize) -> Option<String> {
    (taken < all).then(|| format!("Of {all} sections the {taken} longest have a point of their own."))
}

/// The summary without a model: of a contract its parties and the clauses a reader asks for first, of a meeting who spoke,
/// what was decided and who does what, of any other document the sentences that stand best for it; and for each section.
pub(crate) fn by_rules(grounds: &Grounds<'_>, seeker: &Seeker<'_>) -> Result<Summary, TaskError> {
    let whole = Span::new(0, grounds.document.text.len());
    let mut chooser = Chooser::new(grounds)?;
    let contract = contract::lines(grounds, seeker);
    let meeting = if contract.is_empty() { spoken::lines(grounds, seeker) } else { Vec::new() };
    let most = match (contract.is_empty(), meeting.is_empty()) {
        (false, _) => 0,
        (true, false) => MEETING_POINTS,
        (true, true) => KEY_POINTS,
    };
    let mut claims = [contract, meeting].concat();
    chooser.leave_out(&claims);
    if claims.is_empty() {
        let title = grounds.document.title.as_deref().map(one_line).unwrap_or_default();
        let best = chooser.best(opening(grounds), 1);
        claims.extend(best.into_iter().filter_map(|span| line(grounds, ClaimKind::Headline, &title, span)));
    }
    let best = chooser.best(whole, most);
    claims.extend(best.into_iter().filter_map(|span| line(grounds, ClaimKind::KeyPoint, "", span)));
    if most == MEETING_POINTS {
        claims.sort_by_key(|c| (c.kind != ClaimKind::Headline, c.evidence.first().map(|e| e.span.start())));
    }
    let (sections, all) = sections(&grounds.document, whole);
    for section in &sections {
        let heading = one_line(grounds.document.slice(section.heading).unwrap_or_default());
        let body = Span::new(section.heading.end().min(section.span.end()), section.span.end());
        let best = chooser.best(body, 1);
        claims.extend(best.into_iter().filter_map(|span| line(grounds, ClaimKind::SectionPoint, &heading, span)));
    }
    Ok(Summary { claims, left_out: left_out(sections.len(), all) })
}

/// The lines of a model (`own`), each with who points at its passages: the rules too where theirs (`found`) share some.
pub(crate) fn confirmed(mut own: Vec<Claim>, found: &[Claim]) -> Vec<Claim> {
    for claim in own.iter_mut().filter(|c| !c.evidence.is_empty()) {
        let both = found.iter().any(|f| shares(claim, f));
        claim.found_by = Some(if both { FoundBy::Both } else { FoundBy::Model });
    }
    own
}

/// The objects of `list`, each with a quote and its text under `key`; the same passage or the same words only once.
pub(crate) fn points(
    grounds: &Grounds<'_>,
    answer: &Value,
    list: &str,
    key: &str,
    kind: ClaimKind,
    after: usize,
) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    for item in answer.get(list).and_then(Value::as_array).into_iter().flatten() {
        // Each is looked for after the one before: in a list in document order, repeated words fall in place.
        let after = claims.last().and_then(|c| c.evidence.last()).map_or(after, |e| e.span.end());
        let Some(claim) = point(grounds, item, key, kind, "", after) else { continue };
        if !claims.iter().any(|c| c.text == claim.text || (!c.evidence.is_empty() && c.evidence == claim.evidence)) {
            claims.push(claim);
        }
    }
    claims
}

/// A claim from an object with a quote and its text under `key`; `None` where either is missing (a cut answer).
pub(crate) fn point(
    grounds: &Grounds<'_>,
    item: &Value,
    key: &str,
    kind: ClaimKind,
    label: &str,
    after: usize,
) -> Option<Claim> {
    let quote = item.get("quote").and_then(Value::as_str)?;
    let text = one_line(item.get(key).and_then(Value::as_str)?);
    if text.is_empty() {
        return None;
    }
    let mut claim = grounds.ground([quote], after).claim(kind, label, text);
    look_over(grounds, &mut claim);
    Some(claim)
}

fn outside(mut claim: Claim, section: &Section) -> Claim {
    if claim.evidence.iter().any(|e| !section.span.covers(e.span)) {
        claim.checks.push("The quoted passage stands outside this section.".to_owned());
    }
    claim
}

/// Sections to summarise, in order, and how many there are in all: those of the highest level that has at least two.
pub(super) fn sections(document: &DocText, part: Span) -> (Vec<&Section>, usize) {
    let long = |s: &&Section| part.contains(s.heading.start()) && s.span.len() >= LEAST_SECTION_BYTES;
    let levels = 1..=6u8;
    let level =
        levels.into_iter().find(|l| document.sections.iter().filter(long).filter(|s| s.level == *l).count() >= 2);
    let mut chosen: Vec<&Section> = document.sections.iter().filter(long).filter(|s| Some(s.level) == level).collect();
    let all = chosen.len();
    if all > SECTIONS {
        chosen.sort_by_key(|s| std::cmp::Reverse(s.span.len()));
        chosen.truncate(SECTIONS);
        chosen.sort_by_key(|s| s.span.start());
    }
    (chosen, all)
}
