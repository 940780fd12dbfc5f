//! The rules-and-search baseline: for each field a table of weighed words and short phrases, and the passages of a document
//! that reach its threshold. No model takes part; it is what the model's extraction is compared with.
//!
//! The categories of CUAD are learned from its training split (`engine/model/training/phrases.py` writes
//! `rules/phrases.json`), and their scores are probabilities, measured on contracts that the weights did not see. Fields
//! that only the nda pack has are written by hand (`rules/written.json`), and any other field is looked for by its
//! keywords; their scores only rank.

pub(crate) mod asked;
mod called;
mod cover;
mod dateline;
pub(crate) mod elsewhere;
mod features;
mod introduced;
mod labelled;
pub(crate) mod lasting;
mod law;
mod letter;
mod name;
mod name_end;
mod named_day;
#[cfg(test)]
mod parity;
mod pieces;
mod roles;
pub mod salience;
pub(crate) mod segments;
mod signed;
mod stated;
mod table;
mod weights;

use crate::ground::{
    interruptions::{interruptions, uninterrupted},
    sentences,
};
use crate::tasks::ending::{AGREEMENT_DATE, EFFECTIVE_DATE, EXPIRATION_DATE};
use crate::tasks::{FieldSpec, FieldType};
use crate::text::{DocText, Span};
use crate::values::find_dates;
use crate::values::tokens::tokens;
pub use pieces::Piece;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
pub use table::{Category, RulesError, Table};
use weights::Held;

/// How probable it is that a name in an agreement's introduction is labelled as a party. Of 560 such names in the contracts
/// of CUAD's training split 542 are; a little less is told, because rules were tried on them.
const INTRODUCED: f64 = 0.95;
/// The same of a name above a signature where nothing introduces two parties: of 124 names 110 are, and most of these
/// contracts were looked at when the rule was written.
const SIGNED: f64 = 0.7;
/// How probable it is that a date that the agreement calls its "Effective Date" is labelled as that: of the first such dates
/// of 87 contracts of CUAD's training split 73 are.
const CALLED: f64 = 0.84;
/// The same of a date on which the agreement or its term is said to begin. People note another day as often as this one, so
/// it only comes before dates that nothing speaks for.
const BEGINS: f64 = 0.65;
/// The same of the day on which the first lines say that the agreement is made, a little less than the share of contracts of
/// CUAD's training split, 92 in 100, whose day is given as noted; and how far into the document those lines go, in bytes: a cover and
/// a table of contents may stand before them.
const MADE: f64 = 0.9;
const MADE_WITHIN: usize = 20_000;
/// How probable it is that the day on which it is made is noted as its day of effect, a little less than in CUAD's training
/// split: 180 of 311 contracts.
const MADE_TAKES_EFFECT: f64 = 0.5;
/// How probable it is that a sentence that dates a "Termination Date" or the like is labelled as the end: in the contracts of
/// CUAD's training split there are three, and all are, which says four in five.
const NAMED_END: f64 = 0.8;
/// The learned field that holds the law.
const GOVERNING_LAW: &str = "Governing Law";

/// A passage that may hold what a field asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Where it stands.
    pub span: Span,
    /// How probable it is that it is what the field asks for, 0 to 1.
    pub score: f64,
}

/// A document cut into sentences and pieces, with what the rules look at in them.
pub struct Ruled<'a> {
    /// As it is read, without what interrupts its sentences.
    document: Cow<'a, DocText>,
    sentences: Vec<Span>,
    held: Held,
    pieces: HashMap<Piece, Pieces>,
}

/// The pieces of one kind.
#[derive(Default)]
struct Pieces {
    /// Where each stands, and in which sentence.
    places: Vec<(Span, usize)>,
    held: Held,
}

impl<'a> Ruled<'a> {
    /// Cuts and looks at `document` once, for all fields.
    pub fn new(document: &'a DocText) -> Self {
        let gaps = interruptions(document);
        let (sentences, document) = (sentences::between(document, &gaps), uninterrupted(document, &gaps));
        let texts: Vec<&str> = sentences.iter().map(|s| document.slice(*s).unwrap_or_default()).collect();
        let own: Vec<Vec<String>> = texts.iter().map(|t| features::words(t)).collect();
        let inside: Vec<Vec<(Piece, Span)>> = texts.iter().map(|t| pieces::pieces(t)).collect();
        let mut held = Held::default();
        let looked = if document.cues.is_empty() {
            features::of_sentences(&texts, &own)
        } else {
            // How a sentence begins is how its speaker began it.
            let said: Vec<&str> = sentences.iter().map(|s| salience::said(&document, *s).1).collect();
            features::of_sentences(&said, &said.iter().map(|t| features::words(t)).collect::<Vec<_>>())
        };
        looked.into_iter().for_each(|f| held.push(f));
        let places = sentences.iter().zip(&inside).enumerate();
        let places = places.flat_map(|(i, (s, all))| all.iter().map(move |(p, at)| (*p, at.shifted(s.start()), i)));
        let mut kinds: HashMap<Piece, Pieces> = HashMap::new();
        for ((piece, span, sentence), features) in places.zip(features::of_pieces(&texts, &own, &inside)) {
            let kind = kinds.entry(piece).or_default();
            kind.places.push((span, sentence));
            kind.held.push(features);
        }
        Self { document, held, pieces: kinds, sentences }
    }

    /// The sentences, as they are read, with the pieces in each, their places counted from its start.
    pub fn sentences(&self) -> impl Iterator<Item = (Span, &str, Vec<(Piece, Span)>)> + '_ {
        let read = |s: &Span| self.document.slice(*s).unwrap_or_default();
        self.sentences.iter().map(move |s| (*s, read(s), pieces::pieces(read(s))))
    }

    /// Passages for `field` with a score of `least` or more, best first: sentences, and the pieces that the field is
    /// learned in, each name or date once. A party without learned pieces is looked for in the sentences that score.
    pub fn candidates(&self, table: &Table, field: &FieldSpec, least: f64) -> Vec<Candidate> {
        let category = table.category(field);
        let of_sentences = category.sentence.scores(&self.held);
        let mut found: Vec<Candidate> = Vec::new();
        match &category.piece {
            None if field.kind == FieldType::Party => found.extend(self.parties(&of_sentences)),
            piece => {
                let of_agreement = field.name == EFFECTIVE_DATE || field.name == AGREEMENT_DATE;
                let whole = self.sentences.iter().zip(&of_sentences);
                // What scores less is left out in any case.
                let own = |sentence: Span, score: f64| score >= least && !self.dates_another(sentence);
                let whole = whole.filter(|(sentence, score)| !of_agreement || own(**sentence, **score));
                let whole = whole.map(|(span, score)| Candidate { span: *span, score: *score });
                let whole: Vec<Candidate> = whole.collect();
                found.extend(match field.name.as_str() {
                    EXPIRATION_DATE => {
                        // A recital tells of another agreement's end.
                        let recital = |c: &Candidate| self.document.slice(c.span).is_some_and(lasting::is_recital);
                        let whole = whole.into_iter().filter(|c| !recital(c)).collect();
                        let whole = self.raised(whole, lasting::names_its_end, NAMED_END);
                        let whole = self.headed_ends(whole);
                        let whole = self.stated(whole, category.threshold, lasting::ends);
                        self.stated(whole, category.threshold, lasting::lasts)
                    }
                    GOVERNING_LAW => self.stated(whole, category.threshold, law::governs),
                    _ => whole,
                });
                let pieces = piece.as_ref().and_then(|(kind, weights)| Some((self.pieces.get(kind)?, weights)));
                if let Some((pieces, weights)) = pieces {
                    let scores = weights.scores(&pieces.held);
                    let own = |place: &(Span, usize)| !of_agreement || !self.is_elsewhere(place);
                    let all = pieces.places.iter().zip(scores).filter(|(place, _)| own(place));
                    let all = all.map(|((span, _), score)| Candidate { span: *span, score });
                    let all = match category.piece {
                        Some((Piece::Party, _)) => {
                            // "Name: Ann Lee": a label is no part of a name.
                            let bare = |c: &Candidate| !self.document.slice(c.span).is_some_and(|t| t.contains(':'));
                            self.introduced(all.filter(bare).collect())
                        }
                        Some((Piece::Date, _)) if field.name == EFFECTIVE_DATE => {
                            let all = self.raised(all.collect(), stated::called_effective, CALLED);
                            let all = self.raised(all, stated::begins_on, BEGINS);
                            let all = self.made_beside(self.begun(all), category.threshold);
                            self.stated(all, category.threshold, stated::takes_effect)
                        }
                        Some((Piece::Date, _)) if field.name == AGREEMENT_DATE => self.made(all.collect(), MADE),
                        _ => all.collect(),
                    };
                    let best = best_first(all, least);
                    found.extend(self.each_name_once(best));
                }
            }
        }
        let mut found = best_first(found, least);
        let mut seen = HashSet::new();
        found.retain(|c| seen.insert((c.span.start(), c.span.end())));
        found
    }

    /// Names in sentences, with the scores of these.
    fn parties(&self, of_sentences: &[f64]) -> Vec<Candidate> {
        let places = self.pieces.get(&Piece::Party).map(|p| p.places.as_slice()).unwrap_or_default();
        let scored = |(span, sentence): &(Span, usize)| {
            of_sentences.get(*sentence).map(|score| Candidate { span: *span, score: *score })
        };
        places.iter().filter_map(scored).collect()
    }

    /// `candidates` with the names of the document's introduction. Where nothing leads to them, or it names no two parties, also with
    /// those above its signatures, whom it is written to, and, where it names none beside one, what it calls a party that it
    /// leaves open. A candidate that is a part of a name, or holds one and more, gives way to it.
    fn introduced(&self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        let text = &self.document.text;
        let introduced::Introduction { mut names, led } = introduced::introduced(&self.document);
        // Whom something leads to needs no signature.
        let mut signed = if led { Vec::new() } else { signed::signed(text) };
        if !led && introduced::only_spoken_of(&self.document, &names, &signed) {
            names.clear();
        }
        signed.retain(|s| !names.iter().any(|name| name::is_same(text, *name, *s)));
        let introduced = names.len() >= 2;
        if introduced {
            self.drop_around(&mut candidates, &names);
        }
        let sure = if introduced { INTRODUCED } else { SIGNED };
        let mut names: Vec<(Span, f64)> = names.into_iter().map(|name| (name, sure)).collect();
        if !led {
            let open = introduced::left_open(&self.document).filter(|_| !introduced);
            let others = signed.into_iter().chain(letter::addressee(text)).chain(open);
            names.extend(others.map(|name| (name, SIGNED)));
        }
        for (span, least) in names {
            let same = |c: &Candidate| c.span == span;
            let score = candidates.iter().filter(|c| same(c)).map(|c| c.score).fold(least, f64::max);
            candidates.retain(|c| !c.span.overlaps(span));
            candidates.push(Candidate { span, score });
        }
        candidates
    }

    /// Drops the candidates that hold one of `names` and more: "ELM, INC. OAK, INC." above signatures in two columns, "Licensee:
    /// Elm, Inc." of a list.
    fn drop_around(&self, candidates: &mut Vec<Candidate>, names: &[Span]) {
        let words = |span: Span| features::words(self.document.slice(span).unwrap_or_default());
        let names: Vec<Vec<String>> = names.iter().map(|n| words(*n)).filter(|n| !n.is_empty()).collect();
        candidates.retain(|c| {
            let all = words(c.span);
            !names.iter().any(|n| all.len() > n.len() && all.windows(n.len()).any(|w| w == n))
        });
    }

    /// Whether all dates of a sentence are those of something else.
    fn dates_another(&self, sentence: Span) -> bool {
        let text = self.document.slice(sentence).unwrap_or_default();
        !find_dates(text).is_empty() && elsewhere::own_dates(text).is_empty()
    }

    /// Whether the date at a place is that of something else than the agreement.
    fn is_elsewhere(&self, (span, sentence): &(Span, usize)) -> bool {
        let Some(sentence) = self.sentences.get(*sentence) else { return false };
        let within = Span::new(span.start() - sentence.start(), span.end() - sentence.start());
        elsewhere::is_elsewhere(&tokens(self.document.slice(*sentence).unwrap_or_default()), within)
    }

    /// `candidates` with those more sure that the rule `says` finds in the sentences: `least`, if they are less.
    fn raised(&self, mut candidates: Vec<Candidate>, says: fn(&str) -> Option<Span>, least: f64) -> Vec<Candidate> {
        for sentence in &self.sentences {
            let said = says(self.document.slice(*sentence).unwrap_or_default());
            if let Some(span) = said.map(|s| s.shifted(sentence.start())) {
                raise(&mut candidates, span, least);
            }
        }
        candidates
    }

    /// `candidates` with those more sure that stand under the name of the day on which the agreement ends: "1.32 Termination
    /// Date", and then "shall mean March 31, 2003".
    fn headed_ends(&self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        let text = |s: &Span| self.document.slice(*s).unwrap_or_default();
        for (at, pair) in self.sentences.windows(2).enumerate() {
            let [heading, sentence] = pair else { continue };
            // "Start Date", "End Date", and then two dates: columns.
            let above = at.checked_sub(1).and_then(|above| self.sentences.get(above));
            let column = above.is_some_and(|above| text(above).ends_with(" Date"));
            if column || !lasting::is_end_heading(text(heading)) {
                continue;
            }
            let headed = format!("{}: {}", text(heading).trim_end_matches(['.', ':']), text(sentence));
            if lasting::names_its_end(&headed).is_some() {
                raise(&mut candidates, *sentence, NAMED_END);
            }
        }
        candidates
    }

    /// `candidates` with the day more sure that the agreement begins on by a name.
    fn begun(&self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        let texts = || self.sentences.iter().filter_map(|s| Some((*s, self.document.slice(*s)?)));
        let dated = |name: &str| texts().find_map(|(s, t)| Some(named_day::dated(t, name)?.shifted(s.start())));
        let named = texts().filter_map(|(_, t)| named_day::begins_on_named(t)).find_map(|name| dated(&name));
        if let Some(span) = named {
            raise(&mut candidates, span, BEGINS);
        }
        candidates
    }

    /// `candidates` with the day more sure on which the agreement is made, where one reaches `threshold`: where none does, nothing
    /// says when it takes effect, and the day is inferred.
    fn made_beside(&self, candidates: Vec<Candidate>, threshold: f64) -> Vec<Candidate> {
        let given = candidates.iter().any(|c| c.score >= threshold);
        if given { self.made(candidates, MADE_TAKES_EFFECT) } else { candidates }
    }

    /// `candidates` with the day more sure on which the first lines say that the agreement is made: `least`, if it is less.
    fn made(&self, mut candidates: Vec<Candidate>, least: f64) -> Vec<Candidate> {
        let mut opening = self.sentences.iter().take_while(|s| s.start() < MADE_WITHIN);
        let said = |s: &Span| Some(stated::made_on(self.document.slice(*s)?)?.shifted(s.start()));
        let made = dateline::borne(&self.document.text).or_else(|| opening.find_map(said));
        if let Some(span) = made {
            raise(&mut candidates, span, least);
        }
        candidates
    }

    /// `candidates`, and where none reaches `threshold` what the rule `says` finds in the sentences. What it says is right
    /// more often than its passage is the labelled one, so it counts as the least sure of what is given.
    fn stated(&self, mut candidates: Vec<Candidate>, threshold: f64, says: fn(&str) -> Option<Span>) -> Vec<Candidate> {
        if candidates.iter().any(|c| c.score >= threshold) {
            return candidates;
        }
        for sentence in &self.sentences {
            let said = says(self.document.slice(*sentence).unwrap_or_default());
            if let Some(span) = said.map(|s| s.shifted(sentence.start())) {
                candidates.retain(|c| !c.span.overlaps(span));
                candidates.push(Candidate { span, score: threshold });
            }
        }
        candidates
    }

    fn each_name_once(&self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        let mut seen = HashSet::new();
        candidates.retain(|c| seen.insert(features::words(self.document.slice(c.span).unwrap_or_default())));
        candidates
    }

    /// What the rules say the document has for `field`, best first: none where nothing reaches the threshold.
    pub fn found(&self, table: &Table, field: &FieldSpec) -> Vec<Candidate> {
        let least = table.category(field).threshold;
        taken(table, field, &self.candidates(table, field, least)).to_vec()
    }
}

/// Those of `candidates`, all that a document has for `field`, best first, that the rules say it has.
pub(crate) fn taken<'c>(table: &Table, field: &FieldSpec, candidates: &'c [Candidate]) -> &'c [Candidate] {
    let category = table.category(field);
    let reached = candidates.partition_point(|c| c.score >= category.threshold);
    candidates.get(..reached.min(category.most)).unwrap_or_default()
}

/// Makes the candidate at `span`, if one stands there, as sure as `least`.
fn raise(candidates: &mut [Candidate], span: Span, least: f64) {
    candidates.iter_mut().filter(|c| c.span == span).for_each(|c| c.score = c.score.max(least));
}

fn best_first(candidates: impl IntoIterator<Item = Candidate>, least: f64) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = candidates.into_iter().filter(|c| c.score >= least).collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.span.start().cmp(&b.span.start())));
    found
}
