//! Sentences of a document as lines of a summary or of minutes: the ones that stand best for it, no two that say the same.

use super::evidence::{Grounded, Grounds, one_line, touches};
use super::{Claim, ClaimKind, FoundBy, MatchKind, TaskError};
use crate::rules::salience::{FILLERS, SOUNDS, Salience, said, stems};
use crate::text::Span;
use std::collections::HashSet;

/// Two sentences that share more than this of the carrying words of the shorter one say the same.
const ALIKE: f64 = 0.5;
/// What stands before an item of a list.
const BULLETS: [char; 9] = ['•', '◦', '▪', '‣', '·', '*', '–', '-', ' '];
/// Shows that a line was cut.
const ELLIPSIS: &str = "…";
/// Words that begin what is said aloud and say nothing.
const OPENERS: [&str; 10] = ["so", "yeah", "yes", "okay", "ok", "well", "and", "right", "but", "now"];

/// Chooses among the sentences of one document.
pub(crate) struct Chooser<'a> {
    grounds: &'a Grounds<'a>,
    /// How well each sentence stands for the document; nothing for those that cannot.
    scores: Vec<Option<f64>>,
    stems: Vec<HashSet<String>>,
    /// Those chosen so far.
    chosen: Vec<usize>,
}

impl<'a> Chooser<'a> {
    pub(crate) fn new(grounds: &'a Grounds<'a>) -> Result<Self, TaskError> {
        let stems = stems(&grounds.document, &grounds.sentences);
        let scores = Salience::built_in()?.scores(&grounds.document, &grounds.sentences, &stems);
        Ok(Self { grounds, scores, stems, chosen: Vec::new() })
    }

    /// The carrying stems of each sentence, in order.
    pub(crate) fn stems(&self) -> &[HashSet<String>] {
        &self.stems
    }

    /// The best sentences inside `within`, at most `most`, in the order of the text. None says what one of those chosen
    /// before says.
    pub(crate) fn best(&mut self, within: Span, most: usize) -> Vec<Span> {
        let sentences = &self.grounds.sentences;
        let inside = |i: &usize| sentences.get(*i).is_some_and(|s| within.covers(*s));
        let score = |i: usize| self.scores.get(i).copied().flatten();
        let mut ranked: Vec<(usize, f64)> =
            (0..sentences.len()).filter(inside).filter_map(|i| Some((i, score(i)?))).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut found = Vec::new();
        for (i, _) in ranked {
            if found.len() < most && !self.chosen.iter().any(|known| self.alike(i, *known)) {
                self.chosen.push(i);
                found.push(i);
            }
        }
        found.sort_unstable();
        found.into_iter().filter_map(|i| sentences.get(i).copied()).collect()
    }

    /// Counts the sentences that `claims` point at as chosen.
    pub(crate) fn leave_out(&mut self, claims: &[Claim]) {
        let cited = |s: &Span| claims.iter().any(|c| touches(c, *s));
        let sentences = self.grounds.sentences.iter().enumerate();
        self.chosen.extend(sentences.filter(|(_, s)| cited(s)).map(|(i, _)| i));
    }

    /// Whether two sentences say the same.
    fn alike(&self, a: usize, b: usize) -> bool {
        let (Some(x), Some(y)) = (self.stems.get(a), self.stems.get(b)) else { return a == b };
        a == b || x.intersection(y).count() as f64 > ALIKE * x.len().min(y.len()) as f64
    }
}

/// The sentence `span` as a line: its words on one line, of speech without the speaker's name and what only fills it.
pub(crate) fn line(grounds: &Grounds<'_>, kind: ClaimKind, label: &str, span: Span) -> Option<Claim> {
    let (own, words) = said(&grounds.document, span);
    let shown = grounds.passage(own);
    let mut text = one_line(grounds.document.slice(shown).unwrap_or(words).trim_start_matches(BULLETS));
    if !grounds.document.cues.is_empty() {
        text = tidied(&text);
    }
    if shown.end() < own.end() {
        text.push_str(ELLIPSIS);
    }
    cited(grounds, kind, label, text, &[shown])
}

/// A line `text` that rests on `passages`; nothing where none of them is a piece of the text.
pub(crate) fn cited(
    grounds: &Grounds<'_>,
    kind: ClaimKind,
    label: &str,
    text: String,
    passages: &[Span],
) -> Option<Claim> {
    let evidence: Vec<_> = passages.iter().filter_map(|s| grounds.evidence(*s, MatchKind::Exact, 1)).collect();
    if evidence.is_empty() || text.is_empty() {
        return None;
    }
    let grounded = Grounded { evidence, unlocated: Vec::new() };
    let mut claim = grounded.claim(kind, label, text);
    claim.found_by = Some(FoundBy::Rules);
    Some(claim)
}

/// What was said without the words that only fill it: sounds anywhere, small words where they begin it.
fn tidied(text: &str) -> String {
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let sound = |word: &&str| SOUNDS.contains(&bare(word).as_str());
    let mut words: Vec<&str> = text.split_whitespace().filter(|word| !sound(word)).collect();
    let fills = |word: &str| OPENERS.contains(&bare(word).as_str()) || FILLERS.contains(&bare(word).as_str());
    while words.len() > 1 && words.first().is_some_and(|w| fills(w) && w.ends_with(',')) {
        words.remove(0);
    }
    let mut chars = words.join(" ").chars().collect::<Vec<char>>();
    if let Some(first) = chars.first_mut() {
        *first = first.to_uppercase().next().unwrap_or(*first);
    }
    chars.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_fills_speech_is_left_out_of_a_line() {
        assert_eq!(tidied("So, um, okay, we ship on, uh, Friday."), "We ship on, Friday.");
        assert_eq!(tidied("So we ship on Friday."), "So we ship on Friday.");
        assert_eq!(tidied("um"), "");
    }
}
