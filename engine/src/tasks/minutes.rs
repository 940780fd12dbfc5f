//! Minutes: attendees, topics, decisions, action items, by a model. An owner or a due date stands there only if it was said.

use super::asking::Asking;
use super::evidence::{Grounded, Grounds, one_line, says, shares};
use super::summary::{confirmed, point, points};
use super::{Claim, ClaimKind, MatchKind, Status, TaskError, prompt};
use crate::text::{Cue, Span};
use serde_json::Value;

/// Takes the minutes of the piece `part` that was read.
pub(crate) fn run(asking: &mut Asking<'_>, grounds: &Grounds<'_>, part: Span) -> Result<Vec<Claim>, TaskError> {
    asking.stage("minutes", "Taking the minutes")?;
    asking.progress(0, 4, "steps")?;
    let mut claims = speakers(grounds, part);
    if claims.is_empty()
        && let Ok(answer) = asking.ask("Attendees", prompt::attendees())?
    {
        let named = points(grounds, &answer, "attendees", "name", ClaimKind::Attendee, part.start());
        claims.extend(named.into_iter().map(only_if_named));
    }
    asking.progress(1, 4, "steps")?;
    if let Ok(answer) = asking.ask("Topics", prompt::topics())? {
        claims.extend(points(grounds, &answer, "topics", "topic", ClaimKind::Topic, part.start()));
    }
    asking.progress(2, 4, "steps")?;
    if let Ok(answer) = asking.ask("Decisions", prompt::decisions())? {
        claims.extend(points(grounds, &answer, "decisions", "decision", ClaimKind::Decision, part.start()));
    }
    asking.progress(3, 4, "steps")?;
    if let Ok(answer) = asking.ask("Action items", prompt::actions())? {
        claims.extend(actions(grounds, &answer, part.start()));
    }
    asking.progress(4, 4, "steps")?;
    Ok(claims)
}

/// Joins the minutes of several parts: lines of a kind together, each person once.
pub(crate) fn join(claims: Vec<Claim>) -> Vec<Claim> {
    let mut joined: Vec<Claim> = Vec::new();
    for kind in [ClaimKind::Attendee, ClaimKind::Topic, ClaimKind::Decision, ClaimKind::Action] {
        for claim in claims.iter().filter(|c| c.kind == kind) {
            if !joined.iter().any(|c| c.kind == kind && c.text == claim.text && kind == ClaimKind::Attendee) {
                joined.push(claim.clone());
            }
        }
    }
    joined
}

/// The minutes of a model (`own`) put together with those of the rules (`found`): decisions and tasks that only the rules
/// point at are added, since what is missing from minutes is worse than a line too many.
pub(crate) fn combine(own: Vec<Claim>, found: Vec<Claim>) -> Vec<Claim> {
    let missed = |claim: &Claim| {
        matches!(claim.kind, ClaimKind::Decision | ClaimKind::Action)
            && !own.iter().any(|o| o.kind == claim.kind && shares(o, claim))
    };
    let missed: Vec<Claim> = found.iter().filter(|claim| missed(claim)).cloned().collect();
    let own = confirmed(own, &found);
    join(own.into_iter().chain(missed).collect())
}

/// Everyone who speaks, in order, with their first words as evidence: no model is needed for that.
pub(super) fn speakers(grounds: &Grounds<'_>, part: Span) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    for cue in grounds.document.cues.iter().filter(|c| part.contains(c.span.start())) {
        let Some(name) = cue.speaker.as_deref().map(one_line).filter(|n| !n.is_empty()) else { continue };
        if claims.iter().any(|c| c.text == name) {
            continue;
        }
        let evidence = grounds.evidence(grounds.passage(cue.span), MatchKind::Exact, 1);
        let grounded = Grounded { evidence: evidence.into_iter().collect(), unlocated: Vec::new() };
        claims.push(grounded.claim(ClaimKind::Attendee, "", name));
    }
    claims
}

/// A name that its own passage does not say is not supported by it.
fn only_if_named(mut claim: Claim) -> Claim {
    if !claim.evidence.iter().any(|e| says(&e.quote, &claim.text)) {
        claim.status = Status::Unsupported;
        claim.checks.push("The quoted passage does not say this name.".to_owned());
    }
    claim
}

fn actions(grounds: &Grounds<'_>, answer: &Value, start: usize) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    for item in answer.get("tasks").and_then(Value::as_array).into_iter().flatten() {
        let after = claims.last().and_then(|c| c.evidence.last()).map_or(start, |e| e.span.end());
        let Some(mut claim) = point(grounds, item, "task", ClaimKind::Action, "", after) else { continue };
        let given = |key: &str| one_line(item.get(key).and_then(Value::as_str).unwrap_or_default());
        let said = Neighbourhood::of(grounds, &claim);
        set_owner(&mut claim, &said, &given("owner"));
        set_due(&mut claim, &said, &given("due"));
        if !claims.iter().any(|c| c.text == claim.text || (!c.evidence.is_empty() && c.evidence == claim.evidence)) {
            claims.push(claim);
        }
    }
    claims
}

/// What is said in and right beside the passages of a claim, and by whom.
pub(super) struct Neighbourhood<'a> {
    texts: Vec<&'a str>,
    /// Speakers of the cues that hold the passages, then of the cues beside them.
    pub(super) speakers: Vec<&'a str>,
    /// Everyone who speaks in the meeting.
    pub(super) everyone: Vec<&'a str>,
}

impl<'a> Neighbourhood<'a> {
    pub(super) fn of(grounds: &'a Grounds<'_>, claim: &Claim) -> Self {
        let cues = &grounds.document.cues;
        let (mut texts, mut own, mut beside) = (Vec::new(), Vec::new(), Vec::new());
        for evidence in &claim.evidence {
            texts.extend(grounds.document.slice(grounds.around(evidence.span)));
            let first = cues.partition_point(|c| c.span.end() <= evidence.span.start());
            let behind = cues.partition_point(|c| c.span.start() < evidence.span.end()).max(first);
            own.extend(cues.get(first..behind).unwrap_or_default());
            let around = cues.get(first.saturating_sub(1)..(behind + 1).min(cues.len())).unwrap_or_default();
            beside.extend(around);
            texts.extend(around.iter().filter_map(|c: &Cue| grounds.document.slice(c.span)));
        }
        let speakers = own.into_iter().chain(beside).filter_map(|c: &'a Cue| c.speaker.as_deref()).collect();
        let everyone = cues.iter().filter_map(|c| c.speaker.as_deref()).collect();
        Self { texts, speakers, everyone }
    }

    fn says(&self, words: &str) -> bool {
        self.texts.iter().any(|t| says(t, words))
    }

    /// Whether `name` is said here, is one who speaks here, or is a speaker of the meeting one of whose names (and of
    /// no other speaker) is said here.
    fn knows(&self, name: &str) -> bool {
        let part_said = |part: &str| self.says(part) && own_part(&self.everyone, name, part);
        self.says(name)
            || self.speakers.iter().any(|s| says(s, name))
            || (self.everyone.iter().any(|s| s.eq_ignore_ascii_case(name)) && name.split_whitespace().any(part_said))
    }
}

/// Whether `part` of a name is long enough to tell a person by, and no other of `everyone` has it.
pub(super) fn own_part(everyone: &[&str], name: &str, part: &str) -> bool {
    part.chars().count() > 2 && !everyone.iter().any(|other| !other.eq_ignore_ascii_case(name) && says(other, part))
}

fn set_owner(claim: &mut Claim, said: &Neighbourhood<'_>, owner: &str) {
    let first_person = ["i", "me", "i'll", "i’ll"].contains(&owner.to_lowercase().as_str());
    if first_person && let Some(speaker) = said.speakers.first() {
        claim.owner = Some((*speaker).to_owned());
        claim.checks.push(format!("Said by {speaker} in the first person."));
    } else if ["", "i", "me", "we", "you", "they", "he", "she", "us", "it", "none", "n/a"]
        .contains(&owner.to_lowercase().as_str())
    {
        claim.owner = None;
    } else if said.knows(owner) {
        claim.owner = Some(owner.to_owned());
    } else {
        claim
            .checks
            .push(format!("The model named {owner} as owner, but that is not said beside this passage; left open."));
    }
}

fn set_due(claim: &mut Claim, said: &Neighbourhood<'_>, due: &str) {
    if ["", "none", "n/a"].contains(&due.to_lowercase().as_str()) {
        return;
    }
    if said.says(due) {
        claim.due = Some(due.to_owned());
    } else {
        claim
            .checks
            .push(format!("The model gave “{due}” as due date, but that is not said beside this passage; left open."));
    }
}
