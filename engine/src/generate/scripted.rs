//! A deterministic double for tests: counts words, reads at a chosen pace, answers by a rule.

use super::{Answer, GenerateError, Generator, ModelCard, ReadReport, Reading, Request, Shape, StopReason};
use crate::progress::{Event, Sink};
use serde_json::{Map, Value, json};
use std::ops::ControlFlow;
use std::time::Duration;

/// What a rule gives for a request: the text of the answer.
pub type Rule = Box<dyn FnMut(&str, &Request) -> Result<String, GenerateError> + Send>;

/// A generator that follows a rule. Its tokens are words.
pub struct Scripted {
    card: ModelCard,
    rule: Rule,
    document: Option<String>,
    /// Time taken for every hundred words read and for every answer.
    pub pace: Duration,
    /// How often `read` was called.
    pub reads: usize,
}

impl Scripted {
    /// Answers by `rule`, given the document and the request.
    pub fn new(rule: Rule) -> Self {
        let card = ModelCard {
            name: "scripted".to_string(),
            description: "A double for tests.".to_string(),
            license: "Apache-2.0".to_string(),
            digest: "scripted-1".to_string(),
            context_length: 1_000_000,
            parameters: 0,
            state_bytes_fixed: 0,
            state_bytes_per_token: 0,
            weights_bytes: 0,
            interim: true,
        };
        Self { card, rule, document: None, pace: Duration::ZERO, reads: 0 }
    }

    /// Answers every schema with the sentences of the document that share most words with the instruction.
    pub fn quoting() -> Self {
        Self::new(Box::new(|document, request| {
            Ok(match &request.shape {
                Shape::Text => best_sentence(document, &request.instruction).to_string(),
                Shape::Json { schema } => fill(schema, document, &request.instruction).to_string(),
            })
        }))
    }

    /// The same with another context length, in words.
    pub fn with_context(mut self, words: usize) -> Self {
        self.card.context_length = words;
        self
    }

    /// The same as a model for trying the program (what it is at first), or as a proven one.
    pub fn with_interim(mut self, interim: bool) -> Self {
        self.card.interim = interim;
        self
    }

    /// The same at another pace.
    pub fn with_pace(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }
}

impl Generator for Scripted {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn count_tokens(&mut self, text: &str) -> Result<usize, GenerateError> {
        Ok(text.split_whitespace().count())
    }

    fn read(&mut self, document: &Reading<'_>, sink: &mut dyn Sink) -> Result<ReadReport, GenerateError> {
        let total = document.text.split_whitespace().count();
        if total > self.card.context_length {
            return Err(GenerateError::TooLong {
                needed: total,
                available: self.card.context_length,
                model: self.card.name.clone(),
            });
        }
        for done in (0..=total).step_by(100) {
            std::thread::sleep(self.pace);
            let event = Event::Progress { done: done as u64, total: Some(total as u64), unit: "tokens".to_string() };
            if sink.event(event) == ControlFlow::Break(()) {
                return Err(GenerateError::Cancelled);
            }
        }
        self.reads += 1;
        self.document = Some(document.text.to_string());
        Ok(ReadReport { text_tokens: total, state_tokens: total, restored_tokens: 0, elapsed_ms: 0, state_bytes: 0 })
    }

    fn answer(&mut self, request: &Request, sink: &mut dyn Sink) -> Result<Answer, GenerateError> {
        let document = self.document.clone().ok_or(GenerateError::NothingRead)?;
        std::thread::sleep(self.pace);
        let text = (self.rule)(&document, request)?;
        if sink.event(Event::Text { piece: text.clone() }) == ControlFlow::Break(()) {
            return Err(GenerateError::Cancelled);
        }
        let generated_tokens = text.split_whitespace().count();
        Ok(Answer {
            text,
            thinking: String::new(),
            prompt_tokens: request.instruction.split_whitespace().count(),
            generated_tokens,
            stop: StopReason::EndOfTurn,
            mean_logprob: None,
            decisions: Vec::new(),
            elapsed_ms: 0,
        })
    }
}

/// A value that obeys the schema (the subset tasks use), with verbatim quotes where the schema asks for them.
fn fill(schema: &Value, document: &str, instruction: &str) -> Value {
    if let Some(choices) = schema["enum"].as_array() {
        return choices.first().cloned().unwrap_or(Value::Null);
    }
    if let Some(options) = schema["anyOf"].as_array() {
        return options.first().map(|o| fill(o, document, instruction)).unwrap_or(Value::Null);
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("object") => {
            let mut out = Map::new();
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                out.insert(name.clone(), fill(property, document, instruction));
            }
            Value::Object(out)
        }
        Some("array") => {
            let count = schema["minItems"].as_u64().unwrap_or(1).max(1) as usize;
            Value::Array((0..count).map(|_| fill(&schema["items"], document, instruction)).collect())
        }
        Some("boolean") => json!(true),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("null") => Value::Null,
        _ => {
            let sentence = best_sentence(document, instruction);
            let limit = schema["maxLength"].as_u64().unwrap_or(200) as usize;
            json!(sentence.chars().take(limit).collect::<String>())
        }
    }
}

/// The sentence (a piece ended by `.`, `;` or a line end) that shares most words of four letters or more.
fn best_sentence<'a>(document: &'a str, instruction: &str) -> &'a str {
    let lower = instruction.to_lowercase();
    let wanted: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| w.chars().count() >= 4).collect();
    let mut best: Option<(usize, &str)> = None;
    for sentence in document.split_inclusive(['.', ';', '\n']).map(str::trim).filter(|s| s.chars().count() >= 20) {
        let sentence_lower = sentence.to_lowercase();
        let score = wanted.iter().filter(|w| sentence_lower.contains(**w)).count();
        if best.is_none_or(|(s, _)| score > s) {
            best = Some((score, sentence));
        }
    }
    best.map(|b| b.1).unwrap_or_else(|| document.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    #[test]
    fn its_quotes_stand_in_the_document() {
        let text = "This is the beginning of it all.\nThe governing law is that of Denmark, in every case.\nEnd of the text here.";
        let mut g = Scripted::quoting();
        g.read(&Reading { text, label: "x", state_dir: None }, &mut Silent).unwrap();
        let schema = json!({"type": "object", "properties": {"found": {"type": "boolean"},
            "quotes": {"type": "array", "items": {"type": "string", "x-lectern-quote": true}}}});
        let request = Request {
            passages: Vec::new(),
            instruction: "What is the governing law?".to_string(),
            evidence: None,
            shape: Shape::Json { schema },
            max_tokens: 10,
            temperature: 0.0,
            top_p: 1.0,
            seed: 0,
        };
        let answer: Value = serde_json::from_str(&g.answer(&request, &mut Silent).unwrap().text).unwrap();
        let quote = answer["quotes"][0].as_str().unwrap();
        assert!(text.contains(quote) && quote.contains("governing law"), "{quote}");
    }
}
