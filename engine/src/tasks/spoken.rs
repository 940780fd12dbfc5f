//! Minutes without a model: who speaks or is listed, where the talk turns to another subject, and the sentences that sound
//! like a decision or a task (`rules/written.json`), with the owner and the day that are said beside them.

use super::evidence::{Grounds, one_line, says, shares};
use super::minutes::{Neighbourhood, own_part, speakers};
use super::salient::{Chooser, cited, line};
use super::sought::Seeker;
use super::summary::sections;
use super::{Claim, ClaimKind, FieldSpec, FieldType, TaskError};
use crate::index::nearest;
use crate::rules::salience::said;
use crate::rules::segments::{Segment, segments};
use crate::text::{BlockKind, Section, Span, words};
use crate::values::find_deadline;
use std::collections::{HashMap, HashSet};

/// Most topics.
const TOPICS: usize = 8;
/// Most people of a list.
const PEOPLE: usize = 40;
/// A line of a list of people has no more words than this.
const NAME_WORDS: usize = 8;
/// In the summary of a meeting: most decisions and most tasks among the key points, most people named.
const POINTS: usize = 3;
const NAMED: usize = 6;
/// Sentences with fewer words, or fewer that carry meaning, decide nothing.
const LEAST_WORDS: (usize, usize) = (5, 3);
/// What a day by which something is to be done adds to the log-odds of a task, and from what score on it may.
const WITH_DAY: (f64, f64) = (1.2, 0.15);
/// A sentence of at most so many words that says one of these seals what was said before, at most so many sentences back.
const SEALS: [&str; 6] = ["decided", "agreed", "approved", "settled", "carried", "adopted"];
const SEAL_WORDS: usize = 5;
const SEALED_BACK: usize = 6;
/// Names of the tables.
const DECISIONS: &str = "Decisions";
const ACTIONS: &str = "Action Items";

/// The minutes of the whole document.
pub(crate) fn minutes(grounds: &Grounds<'_>, seeker: &Seeker<'_>) -> Result<Vec<Claim>, TaskError> {
    let whole = Span::new(0, grounds.document.text.len());
    let mut claims = speakers(grounds, whole);
    if claims.is_empty() {
        claims = listed(grounds);
    }
    claims.extend(topics(grounds, whole)?);
    claims.extend(decisions(grounds, seeker, usize::MAX));
    claims.extend(tasks(grounds, seeker, usize::MAX));
    Ok(claims)
}

/// The one line of a meeting and its first key points: who spoke, what was decided and who does what; nothing where no one
/// speaks.
pub(crate) fn lines(grounds: &Grounds<'_>, seeker: &Seeker<'_>) -> Vec<Claim> {
    let people = speakers(grounds, Span::new(0, grounds.document.text.len()));
    let names: Vec<&str> = people.iter().take(NAMED).map(|c| c.text.as_str()).collect();
    let others = people.len() - names.len();
    let more = if others > 0 { format!(" and {others} more") } else { String::new() };
    let text = format!("Conversation of {}{more}", names.join(", "));
    let passages: Vec<Span> = people.iter().take(NAMED).filter_map(|c| c.evidence.first()).map(|e| e.span).collect();
    let Some(headline) = cited(grounds, ClaimKind::Headline, "", text, &passages) else { return Vec::new() };
    let mut claims = vec![headline];
    for claim in decisions(grounds, seeker, POINTS).into_iter().chain(tasks(grounds, seeker, POINTS)) {
        if !claims.iter().any(|known| shares(known, &claim)) {
            claims.push(Claim { kind: ClaimKind::KeyPoint, ..claim });
        }
    }
    claims
}

fn decisions(grounds: &Grounds<'_>, seeker: &Seeker<'_>, most: usize) -> Vec<Claim> {
    sounding_like(grounds, seeker, DECISIONS, ClaimKind::Decision, most)
}

fn tasks(grounds: &Grounds<'_>, seeker: &Seeker<'_>, most: usize) -> Vec<Claim> {
    let tasks = sounding_like(grounds, seeker, ACTIONS, ClaimKind::Action, most).into_iter();
    tasks.map(|claim| assigned(grounds, claim)).collect()
}

/// The lines below a heading that says who was there.
fn listed(grounds: &Grounds<'_>) -> Vec<Claim> {
    let document = &grounds.document;
    let of_people = |heading: Span| {
        let heading = document.slice(heading).unwrap_or_default();
        ["attendees", "attendance", "participants", "present"].iter().any(|word| says(heading, word))
    };
    let lists = document.sections.iter().filter(|s| of_people(s.heading));
    let inside = lists.flat_map(|s| document.blocks.iter().filter(|b| s.span.covers(b.span)));
    let lines = inside.filter(|b| matches!(b.kind, BlockKind::ListItem | BlockKind::Paragraph));
    let mut claims: Vec<Claim> = Vec::new();
    for block in lines {
        let name = one_line(document.slice(block.span).unwrap_or_default());
        let name = name.trim_start_matches(|c: char| !c.is_alphabetic()).trim();
        let is_name = (1..=NAME_WORDS).contains(&words(name).count()) && !name.ends_with('.');
        if is_name && claims.len() < PEOPLE && !claims.iter().any(|c| c.text == name) {
            claims.extend(cited(grounds, ClaimKind::Attendee, "", name.to_owned(), &[block.span]));
        }
    }
    claims
}

/// The sections of a record that has some; else where the talk turns, named by the words that tell the piece from others.
fn topics(grounds: &Grounds<'_>, whole: Span) -> Result<Vec<Claim>, TaskError> {
    let (sections, _) = sections(&grounds.document, whole);
    if !sections.is_empty() {
        let topic = |section: &&Section| {
            let heading = one_line(grounds.document.slice(section.heading)?);
            cited(grounds, ClaimKind::Topic, "", heading, &[section.heading])
        };
        return Ok(sections.iter().take(TOPICS).filter_map(topic).collect());
    }
    let mut chooser = Chooser::new(grounds)?;
    let mut claims = Vec::new();
    for segment in segments(chooser.stems(), TOPICS) {
        let name = named(grounds, &segment);
        let Some(span) = spanned(&grounds.sentences, &segment) else { continue };
        for best in chooser.best(span, 1) {
            let point = line(grounds, ClaimKind::Topic, &name, best);
            claims.extend(point.filter(|_| !name.is_empty()));
        }
    }
    Ok(claims)
}

fn spanned(sentences: &[Span], segment: &Segment) -> Option<Span> {
    sentences.get(segment.sentences.clone())?.iter().copied().reduce(Span::union)
}

/// The words whose stems name a piece, as they are written there most often.
fn named(grounds: &Grounds<'_>, segment: &Segment) -> String {
    let inside = grounds.sentences.get(segment.sentences.clone()).unwrap_or_default();
    let texts: Vec<&str> = inside.iter().flat_map(|s| words(said(&grounds.document, *s).1)).collect();
    let stems = nearest::stems_of(texts.iter().copied());
    let mut written: HashMap<&String, HashMap<String, usize>> = HashMap::new();
    for (word, stems) in texts.iter().zip(&stems) {
        for stem in stems {
            *written.entry(stem).or_default().entry(word.to_lowercase()).or_default() += 1;
        }
    }
    let most_often = |stem: &String| {
        let forms = written.get(stem)?.iter();
        forms.max_by_key(|(form, n)| (**n, std::cmp::Reverse(form.len()))).map(|(form, _)| form.clone())
    };
    segment.stems.iter().filter_map(most_often).collect::<Vec<_>>().join(", ")
}

/// The sentences that sound most like a decision or a task, at most `most`, in the order of the text.
fn sounding_like(grounds: &Grounds<'_>, seeker: &Seeker<'_>, name: &str, kind: ClaimKind, most: usize) -> Vec<Claim> {
    let field = FieldSpec {
        name: name.to_owned(),
        kind: FieldType::Clause,
        description: String::new(),
        many: true,
        keywords: Vec::new(),
    };
    let category = seeker.table().category(&field);
    let mut found = if kind == ClaimKind::Decision { sealed(grounds) } else { Vec::new() };
    let mut candidates = seeker.ruled().candidates(seeker.table(), &field, WITH_DAY.1.min(category.threshold));
    if kind == ClaimKind::Action {
        candidates.iter_mut().for_each(|c| c.score = with_day(c.score, grounds.document.slice(c.span)));
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    }
    let reached = candidates.into_iter().filter(|c| c.score >= category.threshold).map(|c| c.span);
    for span in reached.filter(|span| can_be(kind, said(&grounds.document, *span).1)) {
        if !found.contains(&span) {
            found.push(span);
        }
    }
    found.truncate(category.most.min(most));
    found.sort_unstable_by_key(|span| span.start());
    found.into_iter().filter_map(|span| line(grounds, kind, "", span)).collect()
}

fn with_day(score: f64, text: Option<&str>) -> f64 {
    let more = if text.and_then(find_deadline).is_some() { WITH_DAY.0 } else { 0.0 };
    1.0 / (1.0 + (1.0 / score - 1.0) * (-more).exp())
}

/// What "Good, that's decided." seals: the last sentence of that speaker before it that can be a decision.
fn sealed(grounds: &Grounds<'_>) -> Vec<Span> {
    let document = &grounds.document;
    let speaker = |span: Span| document.cue_at(span.start()).and_then(|c| c.speaker.as_deref());
    let mut found: Vec<Span> = Vec::new();
    for (i, span) in grounds.sentences.iter().enumerate() {
        let text = said(document, *span).1;
        let short = words(text).count() <= SEAL_WORDS && !text.ends_with('?');
        if !short || says(text, "not") || !SEALS.iter().any(|word| says(text, word)) {
            continue;
        }
        let before = grounds.sentences.get(i.saturating_sub(SEALED_BACK)..i).unwrap_or_default().iter().rev();
        let same = |s: &&Span| speaker(**s) == speaker(*span);
        let sealed = before.filter(same).find(|s| can_be(ClaimKind::Decision, said(document, **s).1));
        let new = sealed.copied().filter(|s| !found.contains(s));
        found.extend(new);
    }
    found
}

/// A question decides nothing; one that asks somebody to do something is a task.
fn can_be(kind: ClaimKind, text: &str) -> bool {
    let asks = ["can you", "could you", "would you", "please"].iter().any(|words| says(text, words));
    let question = text.ends_with('?') && !(kind == ClaimKind::Action && asks);
    let carrying = nearest::stems_of([text]).first().map_or(0, HashSet::len);
    words(text).count() >= LEAST_WORDS.0 && carrying >= LEAST_WORDS.1 && !question
}

/// A task with its owner and its day, where they are said.
fn assigned(grounds: &Grounds<'_>, mut claim: Claim) -> Claim {
    let text = claim.evidence.first().map(|e| grounds.said(e).to_owned()).unwrap_or_default();
    claim.due = find_deadline(&text).and_then(|span| text.get(span.range())).map(one_line);
    let beside = Neighbourhood::of(grounds, &claim);
    let first_person = ["I'll", "I’ll", "I will", "I can", "I am going to", "I'm going to"];
    if let Some(speaker) = beside.speakers.first().filter(|_| first_person.iter().any(|words| says(&text, words))) {
        claim.owner = Some((*speaker).to_owned());
    } else {
        claim.owner = called(&text, &beside.everyone).or_else(|| charged(&text));
    }
    claim
}

/// The one speaker of the meeting whose name, or a part of it that no other has, is said in `text`.
fn called(text: &str, everyone: &[&str]) -> Option<String> {
    let mut people: Vec<&str> = Vec::new();
    for name in everyone {
        if !people.contains(name) {
            people.push(name);
        }
    }
    let own = |name: &str, part: &str| says(text, part) && own_part(&people, name, part);
    let named: Vec<&&str> =
        people.iter().filter(|name| own(name, name) || name.split_whitespace().any(|part| own(name, part))).collect();
    match named.as_slice() {
        [one] => Some((**one).to_owned()),
        _ => None,
    }
}

/// "Ada Byron to check the logs", "Ada will check": who begins a line of a record and is told or said to do something.
fn charged(text: &str) -> Option<String> {
    let all: Vec<&str> = text.split_whitespace().skip_while(|w| !w.chars().any(char::is_alphanumeric)).collect();
    let name: Vec<&str> = all.iter().copied().take_while(|w| w.starts_with(char::is_uppercase)).collect();
    let follows = all.get(name.len()).is_some_and(|w| ["to", "will", "should"].contains(w));
    let pronouns = ["I", "We", "You", "They", "He", "She", "It", "This", "That", "There", "Action", "Decision"];
    let is_name = (1..=3).contains(&name.len()) && name.first().is_some_and(|first| !pronouns.contains(first));
    (follows && is_name).then(|| name.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_to_do_it_is_taken_only_where_it_is_said() {
        let everyone = ["Ada Byron", "Grace Hopper", "Grace Kelly"];
        assert_eq!(called("Ada, can you check the logs?", &everyone).as_deref(), Some("Ada Byron"));
        assert_eq!(called("Grace, can you check the logs?", &everyone), None, "two are called so");
        assert_eq!(called("Can Ada or Hopper check?", &everyone), None, "two are named");
        assert_eq!(charged("- Ada Byron to check the logs").as_deref(), Some("Ada Byron"));
        assert_eq!(charged("This will be checked."), None);
        assert_eq!(charged("Logs are to be checked"), None);
    }

    #[test]
    fn a_question_is_a_task_only_where_it_asks_for_something() {
        assert!(can_be(ClaimKind::Action, "Ada, can you please check the logs?"));
        assert!(!can_be(ClaimKind::Action, "Will it be ready by Friday, then?"));
        assert!(!can_be(ClaimKind::Decision, "Should we go with the blue one?"));
        assert!(!can_be(ClaimKind::Decision, "Agreed."));
    }
}
