//! The rules-and-search baseline: for each field a table of weighed words and short phrases, and the sentences of a
//! document that reach its threshold. No model takes part; it is what the model's extraction is compared with.
//!
//! The categories of CUAD are learned from its training split (`engine/model/training/phrases.py` writes
//! `rules/phrases.json`), fields that only the nda pack has are written by hand (`rules/written.json`), and any other
//! field is looked for by its keywords.

mod features;
mod narrow;
mod pieces;
mod table;

use crate::ground::sentences;
use crate::tasks::{FieldSpec, FieldType};
use crate::text::{DocText, Span};
pub use pieces::Piece;
use std::collections::HashSet;
pub use table::{Category, RulesError, Table};

/// A passage that may hold what a field asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Where it stands.
    pub span: Span,
    /// How likely it is by the rules, 0 to 1.
    pub score: f64,
}

/// A document cut into sentences, each with what the rules look at.
pub struct Ruled<'a> {
    document: &'a DocText,
    sentences: Vec<Span>,
    features: Vec<HashSet<String>>,
}

impl<'a> Ruled<'a> {
    /// Cuts and looks at `document` once, for all fields.
    pub fn new(document: &'a DocText) -> Self {
        let sentences = sentences::sentences(document);
        let texts: Vec<&str> = sentences.iter().map(|s| document.slice(*s).unwrap_or_default()).collect();
        Self { document, features: features::of_sentences(&texts), sentences }
    }

    /// The sentences with the pieces in each, their places counted from its start.
    pub fn sentences(&self) -> impl Iterator<Item = (Span, Vec<(Piece, Span)>)> + '_ {
        self.sentences.iter().map(|s| (*s, pieces::pieces(self.document.slice(*s).unwrap_or_default())))
    }

    /// Passages for `field` with a score of `least` or more, best first. The score of a passage is that of its
    /// sentence; where the field asks for dates or parties the passages are these, not the sentence.
    pub fn candidates(&self, table: &Table, field: &FieldSpec, least: f64) -> Vec<Candidate> {
        let category = table.category(field);
        let mut found: Vec<Candidate> = Vec::new();
        for (sentence, features) in self.sentences.iter().zip(&self.features) {
            let score = category.score(features);
            if score < least {
                continue;
            }
            for span in narrow::passages(self.document, *sentence, field.kind, category.length) {
                if !found.iter().any(|c| c.span == span) {
                    found.push(Candidate { span, score });
                }
            }
        }
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.span.start().cmp(&b.span.start())));
        found
    }

    /// What the rules say the document has for `field`, best first: none where nothing reaches the threshold.
    pub fn found(&self, table: &Table, field: &FieldSpec) -> Vec<Candidate> {
        let category = table.category(field);
        let mut found = self.candidates(table, field, category.threshold);
        // A sentence that names parties names several, each under two names.
        let each = if field.kind == FieldType::Party { 4 } else { 1 };
        found.truncate(category.most * each);
        found
    }
}
