//! What rules and search find for a request, with how probable it is that each passage answers it: what is shown to a model
//! beside the request, what its answer is held against, and the answer where no model is asked.

use super::asking::Beside;
use super::ending::{self, AGREEMENT_DATE, EFFECTIVE_DATE};
use super::evidence::{Grounded, Grounds, one_line};
use super::pack::{FieldSpec, FieldType, Pack};
use super::prompt::{PASSAGES, QUOTE_CHARS};
use super::ruled::field_claims;
use super::{Claim, ClaimKind, FoundBy, MatchKind, Status, TaskError};
use crate::rules::asked::Kinds;
use crate::rules::{Ruled, Table};
use crate::text::Span;
use std::cell::OnceCell;

/// Most passages of a learned kind of clause; the rest are the nearest ones.
const KNOWN: usize = 3;
/// A passage of a learned kind is shown from this share of the score at which the rules take one.
const SHOWN: f64 = 0.25;
/// Most passages, or values, of a line that no model gave.
const MOST: usize = 5;
/// From this probability on one of the nearest passages is taken for an answer.
const STANDS: f64 = 0.15;
/// How probable it is that one of the nearest passages answers a question for a learned kind of clause and is none of that
/// kind's: of 5,850 on 90 contracts of CUAD's training split 89 were labelled.
const BESIDE_KIND: f64 = 0.015;

/// A passage that may answer a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sought {
    /// Where it stands; long sentences are cut.
    pub(crate) span: Span,
    /// How probable it is that it answers, 0 to 1.
    pub(crate) score: f64,
}

/// Log-odds that none of the passages answers: those of the most probable one, turned round.
fn evidence_for_none(sought: &[Sought]) -> f32 {
    // A score of 0 or 1 is no proof: the clamp is about what the tables were fitted on.
    let best = sought.iter().map(|s| s.score).fold(0.0, f64::max).clamp(0.01, 0.99);
    ((1.0 - best) / best).ln() as f32
}

/// What goes to the model with a request: the passages `sought` for it, and what they say of there being an answer.
pub(crate) fn beside(grounds: &Grounds<'_>, sought: &[Sought]) -> Beside {
    let passages = grounds.words_of(&sought.iter().map(|s| s.span).collect::<Vec<_>>());
    Beside { passages, evidence: Some(evidence_for_none(sought)) }
}

/// Looks for passages in one document.
pub(crate) struct Seeker<'a> {
    grounds: &'a Grounds<'a>,
    table: Table,
    /// Nothing where the built-in pack cannot be read: then questions have only the nearest passages.
    kinds: Option<Kinds>,
    ruled: OnceCell<Ruled<'a>>,
}

impl<'a> Seeker<'a> {
    pub(crate) fn new(grounds: &'a Grounds<'a>) -> Result<Self, TaskError> {
        Ok(Self { grounds, table: Table::built_in()?, kinds: Kinds::built_in().ok(), ruled: OnceCell::new() })
    }

    /// The learned table.
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// The learned field that `question` asks for.
    fn kind(&self, question: &str) -> Option<&FieldSpec> {
        self.kinds.as_ref().and_then(|kinds| kinds.of(question))
    }

    /// Passages inside `within` for a person's question, or the words that ask for a field, the most probable first: those of
    /// the kind of clause that it asks for, where it asks for one, and the nearest.
    pub(crate) fn seek(&self, question: &str, within: Span) -> Vec<Sought> {
        let kind = self.kind(question);
        let mut found = kind.map(|field| self.of_kind(field, within)).unwrap_or_default();
        for (rank, near) in self.grounds.nearest(question, within).into_iter().enumerate() {
            let score = if kind.is_some() { BESIDE_KIND } else { probability(rank, near.coverage) };
            add(&mut found, Sought { span: near.span, score });
        }
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(PASSAGES);
        found
    }

    /// `pack` with only those fields for which the rules find nothing.
    pub(crate) fn unfound(&self, pack: &Pack) -> Pack {
        let open = |f: &&FieldSpec| !self.table.knows(f) || self.ruled().found(&self.table, f).is_empty();
        Pack { fields: pack.fields.iter().filter(open).cloned().collect(), ..pack.clone() }
    }

    /// The answer to `question` without a model, from inside `within`; nothing where none stands. Where a kind is learned, it
    /// is what the rules give for that field, with its values; else the nearest of the `sought` passages.
    pub(crate) fn line(&self, question: &str, within: Span, sought: &[Sought]) -> Option<Claim> {
        let mut claim = match self.kind(question) {
            Some(field) => self.line_of_kind(field, within)?,
            None => self.line_of_nearest(sought)?,
        };
        claim.kind = ClaimKind::Answer;
        question.clone_into(&mut claim.label);
        claim.found_by = Some(FoundBy::Rules);
        Some(claim)
    }

    fn line_of_kind(&self, field: &FieldSpec, within: Span) -> Option<Claim> {
        let mut claims = self.claims(field);
        claims.retain(|c| c.status != Status::NotFound && c.evidence.iter().all(|e| within.covers(e.span)));
        let mut claims = claims.into_iter().take(MOST);
        let mut line = claims.next()?;
        for other in claims {
            line.text = format!("{}; {}", line.text, other.text);
            line.evidence.extend(other.evidence);
            line.checks
                .extend(other.checks.into_iter().filter(|check| !line.checks.contains(check)).collect::<Vec<_>>());
            line.value = None;
        }
        Some(line)
    }

    /// The learned field `name`.
    pub(crate) fn learned(&self, name: &str) -> Option<&FieldSpec> {
        self.kinds.as_ref()?.pack().fields.iter().find(|f| f.name == name)
    }

    /// What the rules give for a learned field, with the days that are counted.
    pub(crate) fn claims(&self, field: &FieldSpec) -> Vec<Claim> {
        let Some(kinds) = &self.kinds else { return Vec::new() };
        // Days are counted from others.
        let counted_from =
            |f: &&FieldSpec| field.kind == FieldType::Date && [AGREEMENT_DATE, EFFECTIVE_DATE].contains(&&*f.name);
        let fields = kinds.pack().fields.iter().filter(|f| f.name == field.name || counted_from(f)).cloned().collect();
        let pack = Pack { fields, ..kinds.pack().clone() };
        let ruled = self.ruled();
        let of = |f: &FieldSpec| field_claims(self.grounds, f, &self.table, &ruled.found(&self.table, f));
        let mut claims: Vec<Claim> = pack.fields.iter().flat_map(of).collect();
        ending::count(self.grounds, &pack, &mut claims);
        claims.retain(|claim| claim.label == field.name);
        claims
    }

    fn line_of_nearest(&self, sought: &[Sought]) -> Option<Claim> {
        let standing: Vec<&Sought> = sought.iter().filter(|s| s.score >= STANDS).collect();
        let evidence = standing.iter().filter_map(|s| self.grounds.evidence(s.span, MatchKind::Exact, 1)).collect();
        let grounded = Grounded { evidence, unlocated: Vec::new() };
        let text = one_line(self.grounds.said(grounded.evidence.first()?));
        let mut claim = grounded.claim(ClaimKind::Answer, "", text);
        claim.confidence = standing.first().map(|s| s.score);
        Some(claim)
    }

    /// The document as the rules look at it, cut once.
    pub(crate) fn ruled(&self) -> &Ruled<'a> {
        self.ruled.get_or_init(|| Ruled::new(self.grounds.source))
    }

    /// The sentences of the best candidates that the rules have for `field`.
    fn of_kind(&self, field: &FieldSpec, within: Span) -> Vec<Sought> {
        let threshold = self.table.category(field).threshold;
        let mut found = Vec::new();
        for candidate in self.ruled().candidates(&self.table, field, SHOWN * threshold) {
            let sentence = self.grounds.sentence_of(candidate.span);
            if within.covers(sentence) && sentence.len() as u64 >= QUOTE_CHARS.0 && found.len() < KNOWN {
                let span = self.grounds.passage(sentence);
                add(&mut found, Sought { span, score: candidate.score });
            }
        }
        found
    }
}

/// Adds a passage that shares no text with one that is there.
fn add(found: &mut Vec<Sought>, new: Sought) {
    if !found.iter().any(|known| known.span.overlaps(new.span)) {
        found.push(new);
    }
}

/// How probable it is that the nearest passage of a rank (from 0), which holds that share of a question's words, answers it:
/// fitted on the 604 questions to 90 contracts and the 885 to 90 meetings of the training splits that ask for no learned
/// kind; 816 of them have an answer in their document.
fn probability(rank: usize, coverage: f64) -> f64 {
    let log_odds = -4.87 - 0.106 * rank as f64 + coverage * (9.09 - 4.41 * coverage);
    1.0 / (1.0 + (-log_odds).exp())
}
