//! Putting requests to the model: one after the other, each may fail alone, all are accounted for.

use super::prompt::{MOST_ANSWER_TOKENS, PASSAGE_TOKENS, Prompt};
use super::{ModelDecision, TaskError};
use crate::generate::framing;
use crate::generate::{Answer, GenerateError, Generator, ReadReport, Reading, Request, Shape, StopReason};
use crate::progress::{Event, Sink};
use serde_json::Value;
use std::ops::ControlFlow;

/// Greedy: what stands in a document is not a matter of chance.
pub const TEMPERATURE: f32 = 0.0;

/// What the requests of a task cost and how they ended.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: usize,
    pub(crate) failed: usize,
    pub(crate) last_failure: String,
    pub(crate) prompt_tokens: usize,
    pub(crate) generated_tokens: usize,
    pub(crate) cut_short: Vec<String>,
    pub(crate) decisions: Vec<ModelDecision>,
    pub(crate) read_ms: u64,
    pub(crate) answer_ms: u64,
}

/// What was found for a request without the model.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// Passages of the document, best first.
    pub(crate) passages: Vec<String>,
    /// Log-odds that no passage answers; see [`Request::evidence`].
    pub(crate) evidence: Option<f32>,
}

/// A model that is asked on behalf of one task.
pub(crate) struct Asking<'a> {
    generator: &'a mut dyn Generator,
    sink: &'a mut dyn Sink,
    seed: u64,
    pub(crate) tally: Tally,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(generator: &'a mut dyn Generator, sink: &'a mut dyn Sink, seed: u64) -> Self {
        Self { generator, sink, seed, tally: Tally::default() }
    }

    /// Reads a piece of the document.
    pub(crate) fn read(&mut self, reading: &Reading<'_>) -> Result<ReadReport, TaskError> {
        self.stage("read", "Reading the document")?;
        let report = self.generator.read(reading, self.sink).map_err(fatal)?;
        self.tally.read_ms += report.elapsed_ms;
        Ok(report)
    }

    /// Puts `prompt`; the answer is JSON of its schema. `label` says for a person what was asked. `Err` ends the
    /// task; `Ok(Err(reason))` is this request's own failure, already counted.
    pub(crate) fn ask(&mut self, label: &str, prompt: Prompt) -> Result<Result<Value, String>, TaskError> {
        self.ask_beside(label, prompt, Beside::default())
    }

    /// [`Asking::ask`] with what was found for it: as many passages as [`PASSAGE_TOKENS`] allow are shown.
    pub(crate) fn ask_beside(
        &mut self,
        label: &str,
        prompt: Prompt,
        beside: Beside,
    ) -> Result<Result<Value, String>, TaskError> {
        self.tally.requests += 1;
        let request = Request {
            passages: self.fitting(beside.passages)?,
            instruction: prompt.instruction,
            evidence: beside.evidence,
            shape: Shape::Json { schema: prompt.schema },
            max_tokens: prompt.max_tokens.min(MOST_ANSWER_TOKENS),
            temperature: TEMPERATURE,
            top_p: 1.0,
            seed: self.seed,
        };
        let outcome = match self.generator.answer(&request, self.sink) {
            Ok(answer) => {
                let decided = answer.decisions.iter();
                self.tally.decisions.extend(decided.map(|d| ModelDecision::new(label, *d, beside.evidence)));
                self.take(label, answer)?
            }
            Err(e @ (GenerateError::Model { .. } | GenerateError::Schema { .. } | GenerateError::TooLong { .. })) => {
                Err(e.to_string())
            }
            Err(e) => return Err(fatal(e)),
        };
        if let Err(reason) = &outcome {
            self.tally.failed += 1;
            self.tally.last_failure.clone_from(reason);
            self.tally.cut_short.push(format!("{label}: failed: {reason}"));
            self.event(Event::Warning { message: format!("{label}: no usable answer ({reason})") })?;
        }
        Ok(outcome)
    }

    fn fitting(&mut self, mut passages: Vec<String>) -> Result<Vec<String>, TaskError> {
        let (mut fit, mut tokens) = (0, 0);
        for passage in &passages {
            tokens += self.generator.count_tokens(passage).map_err(fatal)? + framing::PASSAGE_FRAME_TOKENS;
            if tokens > PASSAGE_TOKENS {
                break;
            }
            fit += 1;
        }
        passages.truncate(fit);
        Ok(passages)
    }

    fn take(&mut self, label: &str, answer: Answer) -> Result<Result<Value, String>, TaskError> {
        self.tally.prompt_tokens += answer.prompt_tokens;
        self.tally.generated_tokens += answer.generated_tokens;
        self.tally.answer_ms += answer.elapsed_ms;
        let reason = match answer.stop {
            StopReason::EndOfTurn => None,
            StopReason::MaxTokens => Some("max_tokens"),
            StopReason::ContextFull => Some("context_full"),
            StopReason::Repetition => Some("repetition"),
            StopReason::Cancelled => return Err(TaskError::Cancelled),
        };
        if let Some(reason) = reason {
            self.tally.cut_short.push(format!("{label}: {reason}"));
            self.event(Event::Warning {
                message: format!("{label}: the answer was cut ({reason}); what is complete of it is kept"),
            })?;
        }
        Ok(parse_answer(&answer.text).ok_or_else(|| match reason {
            Some(reason) => format!("the answer was cut ({reason}) before anything was complete"),
            None => "the answer is not JSON".to_owned(),
        }))
    }

    /// Says that a stage began.
    pub(crate) fn stage(&mut self, stage: &str, message: &str) -> Result<(), TaskError> {
        self.event(Event::Stage { stage: stage.to_owned(), message: message.to_owned() })
    }

    /// Says how far the stage is.
    pub(crate) fn progress(&mut self, done: usize, total: usize, unit: &str) -> Result<(), TaskError> {
        self.event(Event::Progress { done: done as u64, total: Some(total as u64), unit: unit.to_owned() })
    }

    fn event(&mut self, event: Event) -> Result<(), TaskError> {
        match self.sink.event(event) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(TaskError::Cancelled),
        }
    }
}

fn fatal(error: GenerateError) -> TaskError {
    match error {
        GenerateError::Cancelled => TaskError::Cancelled,
        GenerateError::TooLong { needed, available, model } => TaskError::TooLong { tokens: needed, available, model },
        error => TaskError::Generate(error),
    }
}

/// The JSON of an answer. Of a cut answer, what is complete: the tail that is not is dropped, nothing is made up.
/// `None` where not even one member is complete.
pub fn parse_answer(text: &str) -> Option<Value> {
    let text = text.get(text.find('{')?..)?;
    let whole = serde_json::Deserializer::from_str(text).into_iter::<Value>().next();
    if let Some(Ok(value)) = whole {
        return Some(value);
    }
    let (cut, closers) = last_complete(text)?;
    serde_json::from_str(&format!("{}{closers}", text.get(..cut)?)).ok()
}

/// The end of the last complete value inside the open brackets of `text`, and what closes them there.
fn last_complete(text: &str) -> Option<(usize, String)> {
    let mut open: Vec<char> = Vec::new();
    let mut best = None;
    let mut key = false; // the string being read is the key of an object
    let mut string: Option<bool> = None; // inside a string; whether the last character was a backslash
    for (i, c) in text.char_indices() {
        if let Some(escaped) = string {
            string = match c {
                '"' if !escaped => None,
                '\\' if !escaped => Some(true),
                _ => Some(false),
            };
            if string.is_none() && !key {
                best = Some((i + 1, open.clone()));
            }
            continue;
        }
        match c {
            '"' => string = Some(false),
            '{' => {
                open.push('}');
                key = true;
            }
            '[' => {
                open.push(']');
                key = false;
            }
            '}' | ']' => {
                open.pop();
                best = Some((i + 1, open.clone()));
                key = false;
            }
            ':' => key = false,
            ',' => {
                // A number or literal is complete only once something follows it.
                if best.as_ref().is_none_or(|(end, _)| text.get(*end..i).is_some_and(|t| !t.trim().is_empty())) {
                    best = Some((i, open.clone()));
                }
                key = open.last() == Some(&'}');
            }
            _ => {}
        }
    }
    best.map(|(end, open)| (end, open.into_iter().rev().collect()))
}
