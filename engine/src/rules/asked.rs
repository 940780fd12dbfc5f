//! Which kind of clause a question asks for: "Whose law applies?" asks for the governing law. The question's words are
//! compared with the name, the description and the keywords of each field of the cuad pack, for which the rules have
//! learned what its passages look like.

use crate::index::nearest::{carrying, stems};
use crate::tasks::{FieldSpec, Pack, PackError};
use std::collections::{HashMap, HashSet};

/// Weight of a word of a field's keywords and description, beside one of its name.
const BESIDE_NAME: f64 = 0.6;
/// How much of the question and of the name must be said, and by how much the best field must lead: of 83 questions for a
/// field (CUAD's own and others in plain words) 60 are so given the right field and none a wrong one; of 314 others, 300
/// about meetings, two are given one.
const LEAST: f64 = 0.38;
const LEAD: f64 = 0.1;

/// Stems that questions about any clause hold: they tell little.
const SAID_OF_ALL: [&str; 8] = ["parti", "counterparti", "claus", "right", "requir", "includ", "third", "permit"];

/// The learned fields, ready to be compared with questions.
pub(crate) struct Kinds {
    pack: Pack,
    words: Vec<Words>,
    /// In how many fields a word stands.
    fields: HashMap<String, usize>,
}

struct Words {
    name: HashSet<String>,
    beside: HashSet<String>,
}

impl Kinds {
    /// Those of the built-in pack.
    pub(crate) fn built_in() -> Result<Self, PackError> {
        let pack = Pack::built_in("cuad")?;
        let set = |text: &str| stems(&carrying(text)).into_iter().collect::<HashSet<_>>();
        let words: Vec<Words> =
            pack.fields.iter().map(|f| Words { name: set(&f.name), beside: set(&f.request()) }).collect();
        let mut fields = HashMap::new();
        for word in words.iter().flat_map(|w| &w.beside) {
            *fields.entry(word.clone()).or_insert(0) += 1;
        }
        Ok(Self { pack, words, fields })
    }

    /// The pack of these fields.
    pub(crate) fn pack(&self) -> &Pack {
        &self.pack
    }

    /// The field that `question` asks for; nothing where none stands out.
    pub(crate) fn of(&self, question: &str) -> Option<&FieldSpec> {
        let asked: HashSet<String> = stems(&carrying(question)).into_iter().collect();
        let mut scores: Vec<(f64, &FieldSpec)> =
            self.words.iter().map(|words| self.score(&asked, words)).zip(&self.pack.fields).collect();
        scores.sort_by(|a, b| b.0.total_cmp(&a.0));
        match scores.as_slice() {
            [(best, field), (second, _), ..] if *best >= LEAST && best - second >= LEAD => Some(field),
            _ => None,
        }
    }

    /// The harmonic mean of two shares, by weight of the words: of the question what the field says, of the field's name
    /// what the question says.
    fn score(&self, asked: &HashSet<String>, words: &Words) -> f64 {
        let weight = |word: &String| self.weight(word);
        let all: f64 = asked.iter().map(weight).sum();
        let said: f64 = asked
            .iter()
            .map(|word| {
                let share = if words.name.contains(word) {
                    1.0
                } else if words.beside.contains(word) {
                    BESIDE_NAME
                } else {
                    0.0
                };
                share * weight(word)
            })
            .sum();
        let name: f64 = words.name.iter().map(weight).sum();
        let named: f64 = words.name.intersection(asked).map(weight).sum();
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let (of_question, of_name) = (share(said, all), share(named, name));
        share(2.0 * of_question * of_name, of_question + of_name)
    }

    /// Rare words tell fields apart; a word that no field has is as rare as can be.
    fn weight(&self, word: &String) -> f64 {
        let fields = self.fields.get(word).copied().unwrap_or_default();
        let said_of_all = if SAID_OF_ALL.contains(&word.as_str()) { 0.3 } else { 1.0 };
        said_of_all * (1.0 + self.pack.fields.len() as f64 / (1 + fields) as f64).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_names_the_kind_of_clause_it_asks_for() {
        let kinds = Kinds::built_in().unwrap();
        for (question, field) in [
            ("Who are the parties?", "Parties"),
            ("When does the contract expire?", "Expiration Date"),
            ("How long is the renewal term?", "Renewal Term"),
            ("Whose law applies?", "Governing Law"),
            ("Can the agreement be assigned to someone else?", "Anti-Assignment"),
            ("What happens on a change of control?", "Change Of Control"),
            ("May either party terminate for convenience?", "Termination For Convenience"),
            ("How long is the warranty?", "Warranty Duration"),
            ("Is the supplier exclusive?", "Exclusivity"),
            ("What is the cap on liability?", "Cap On Liability"),
        ] {
            assert_eq!(kinds.of(question).map(|f| f.name.as_str()), Some(field), "{question}");
        }
    }

    #[test]
    fn other_questions_name_none() {
        let kinds = Kinds::built_in().unwrap();
        for question in [
            "How much is the monthly fee?",
            "Where are the goods delivered?",
            "What did the committee decide about the budget?",
            "Who wrote the report?",
            "How are disputes resolved?",
            "",
        ] {
            assert_eq!(kinds.of(question).map(|f| f.name.as_str()), None, "{question}");
        }
    }
}
