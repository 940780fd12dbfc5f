//! A conversation with a model: tokens are fed into a state, and answers generated from it, on a fork or in place.

use std::ops::ControlFlow;
use std::path::Path;

use toktrie::SimpleVob;

use crate::constraint::{Constraint, ConstraintError};
use crate::error::ModelError;
use crate::model::{Logits, Model, Want};
use crate::sample::{Sampler, Sampling};
use crate::state::State;
use crate::tokenizer::{Decoder, Tokenizer, TokenizerError};

/// Tokens fed between two calls of the progress function.
const FEED_CHUNK: usize = 256;
const THINK_OPEN: &str = "<think>";
const THINK_CLOSE: &str = "</think>";

/// What can go wrong in a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The constraint failed.
    #[error(transparent)]
    Constraint(#[from] ConstraintError),
    /// The tokenizer failed.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The prompt leaves no room for an answer.
    #[error("{needed} tokens are needed with the question, but the model holds {available}")]
    TooLong {
        /// Tokens read and asked.
        needed: usize,
        /// The model's context length.
        available: usize,
    },
    /// No logit is a number, so there is nothing to choose.
    #[error("the model computed no usable numbers")]
    NoNumbers,
    /// The caller stopped it. A fed prefix stays in the state.
    #[error("stopped")]
    Cancelled,
}

/// Why generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The model ended its turn, or the grammar was complete.
    EndOfTurn,
    /// One of the stop strings came.
    StopString,
    /// The most tokens asked for.
    MaxTokens,
    /// No more tokens fit.
    ContextFull,
    /// Nearly certain tokens for too long, see [`crate::sample::REPETITION_LIMIT`].
    Repetition,
}

/// What to generate.
#[derive(Debug, Clone)]
pub struct Generation {
    /// Tokens fed before the first choice; at least one.
    pub prompt: Vec<u32>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Most tokens of thinking and answer together.
    pub max_tokens: usize,
    /// What the answer must obey.
    pub constraint: Option<Constraint>,
    /// Texts that end the answer and are left out of it.
    pub stop_strings: Vec<String>,
    /// Most tokens of thinking before the answer; 0 for models that do not think aloud. When they are used up the
    /// program closes the thinking itself.
    pub thinking_budget: usize,
}

/// What was generated.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// The answer, without thinking, special tokens and stop string.
    pub text: String,
    /// What stood between `<think>` and `</think>`.
    pub thinking: String,
    /// All generated tokens, forced ones included.
    pub tokens: Vec<u32>,
    /// How many of them the grammar forced.
    pub forced: usize,
    /// Why it ended.
    pub stop: Stop,
    /// Mean log-probability, in the model's own distribution, of the tokens it had a choice about. `None` without any.
    pub mean_logprob: Option<f64>,
}

/// Something that reads tokens and says what comes next. [`Session`] is one; tests bring their own.
pub trait Predict {
    /// Reads `tokens` (at least one) and returns the logits `[V]` after the last.
    ///
    /// # Errors
    /// The model fails.
    fn predict(&mut self, tokens: &[u32]) -> Result<Vec<f32>, SessionError>;

    /// How many more tokens fit.
    fn room(&self) -> usize;
}

/// A state together with its model.
#[derive(Debug, Clone)]
pub struct Session<'m> {
    model: &'m Model,
    state: State,
}

impl<'m> Session<'m> {
    /// A session that has read nothing.
    #[must_use]
    pub fn new(model: &'m Model) -> Session<'m> {
        Session { model, state: model.new_state() }
    }

    /// A session that goes on from `state`.
    #[must_use]
    pub fn resume(model: &'m Model, state: State) -> Session<'m> {
        Session { model, state }
    }

    /// The state, for forking and saving.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The state, without the session.
    #[must_use]
    pub fn into_state(self) -> State {
        self.state
    }

    /// A second session that has read the same; the two do not see each other's later tokens.
    #[must_use]
    pub fn fork(&self) -> Session<'m> {
        self.clone()
    }

    /// Reads `tokens`. `progress` hears, after every few hundred, how many of them are read and what the state is
    /// then; `Break` stops there with [`SessionError::Cancelled`].
    ///
    /// # Errors
    /// The model fails, or `progress` said stop; what was read stays read.
    pub fn feed(
        &mut self,
        tokens: &[u32],
        progress: &mut dyn FnMut(usize, &State) -> ControlFlow<()>,
    ) -> Result<(), SessionError> {
        let mut done = 0;
        for chunk in tokens.chunks(FEED_CHUNK) {
            self.model.forward(chunk, &mut self.state, Want::None)?;
            done += chunk.len();
            if progress(done, &self.state) == ControlFlow::Break(()) {
                return Err(SessionError::Cancelled);
            }
        }
        Ok(())
    }
}

impl Predict for Session<'_> {
    fn predict(&mut self, tokens: &[u32]) -> Result<Vec<f32>, SessionError> {
        Ok(self.model.forward(tokens, &mut self.state, Want::Last)?.values)
    }

    fn room(&self) -> usize {
        self.model.config().context_length.saturating_sub(self.state.positions())
    }
}

/// Generates from `model`. `piece` hears the answer as it comes (an empty piece where a token completes no character)
/// and may stop it.
///
/// # Errors
/// See [`SessionError`].
pub fn generate(
    model: &mut dyn Predict,
    tokenizer: &Tokenizer,
    generation: Generation,
    piece: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Generated, SessionError> {
    let room = model.room();
    if generation.prompt.len() >= room {
        return Err(SessionError::TooLong { needed: generation.prompt.len() + 1, available: room });
    }
    let logits = model.predict(&generation.prompt)?;
    let text = AnswerText::new(generation.thinking_budget > 0, generation.stop_strings);
    let mut run = Run {
        model,
        tokenizer,
        free: free_tokens(tokenizer, logits.len()),
        sampler: Sampler::new(generation.sampling),
        constraint: generation.constraint,
        thinking_left: generation.thinking_budget,
        max_tokens: generation.max_tokens,
        text,
        decoder: Decoder::default(),
        tokens: Vec::new(),
        forced: 0,
        logprobs: Vec::new(),
        piece,
    };
    let stop = run.run(logits)?;
    Ok(run.finish(stop))
}

struct Run<'a> {
    model: &'a mut dyn Predict,
    tokenizer: &'a Tokenizer,
    /// Tokens that may come where no grammar says otherwise: text and ends of turns.
    free: SimpleVob,
    sampler: Sampler,
    constraint: Option<Constraint>,
    thinking_left: usize,
    max_tokens: usize,
    text: AnswerText,
    decoder: Decoder,
    tokens: Vec<u32>,
    forced: usize,
    logprobs: Vec<f64>,
    piece: &'a mut dyn FnMut(&str) -> ControlFlow<()>,
}

impl Run<'_> {
    fn run(&mut self, mut logits: Vec<f32>) -> Result<Stop, SessionError> {
        loop {
            let forced = self.take_forced()?;
            if !forced.is_empty() {
                if self.is_closed() {
                    return Ok(Stop::EndOfTurn);
                }
                match self.limit() {
                    Some(stop) => return Ok(stop),
                    None => logits = self.model.predict(&forced)?,
                }
                continue;
            }
            if let Some(stop) = self.limit() {
                return Ok(stop);
            }
            let grammar = !self.text.is_thinking();
            let constraint = self.constraint.as_mut().filter(|_| grammar);
            let allowed = match constraint {
                Some(constraint) => &constraint.allowed()?,
                None => &self.free,
            };
            let had_choice = allowed.num_set() > 1;
            let choice = self.sampler.choose(&logits, allowed).ok_or(SessionError::NoNumbers)?;
            if self.tokenizer.eos().contains(&choice.token) {
                return Ok(Stop::EndOfTurn);
            }
            if had_choice {
                self.logprobs.push(choice.logprob);
            }
            if let Some(constraint) = self.constraint.as_mut().filter(|_| grammar) {
                constraint.take(choice.token)?;
            }
            self.thinking_left = self.thinking_left.saturating_sub(1);
            self.put(choice.token)?;
            if self.text.stopped {
                return Ok(Stop::StopString);
            }
            if grammar && self.is_closed() {
                return Ok(Stop::EndOfTurn);
            }
            if self.sampler.is_repeating() {
                return Ok(Stop::Repetition);
            }
            if let Some(stop) = self.limit() {
                return Ok(stop);
            }
            logits = self.model.predict(&[choice.token])?;
        }
    }

    /// Tokens that are certain: what the grammar forces, or the end of thinking that has used up its budget.
    fn take_forced(&mut self) -> Result<Vec<u32>, SessionError> {
        let mut forced = if self.text.is_thinking() {
            if self.thinking_left > 0 {
                return Ok(Vec::new());
            }
            self.tokenizer.encode(&self.text.end_of_thinking())?
        } else if let Some(constraint) = self.constraint.as_mut() {
            constraint.take_forced()?
        } else {
            return Ok(Vec::new());
        };
        let left = self.max_tokens.saturating_sub(self.tokens.len()).min(self.model.room());
        forced.truncate(left);
        self.forced += forced.len();
        for token in &forced {
            self.put(*token)?;
        }
        Ok(forced)
    }

    fn put(&mut self, token: u32) -> Result<(), SessionError> {
        self.tokens.push(token);
        let decoded = self.decoder.push(self.tokenizer.bytes(token));
        let shown = self.text.push(&decoded);
        match (self.piece)(&shown) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(SessionError::Cancelled),
        }
    }

    fn is_closed(&mut self) -> bool {
        !self.text.is_thinking() && self.constraint.as_mut().is_some_and(Constraint::is_closed)
    }

    fn limit(&self) -> Option<Stop> {
        if self.tokens.len() >= self.max_tokens {
            Some(Stop::MaxTokens)
        } else if self.model.room() <= 1 {
            Some(Stop::ContextFull)
        } else {
            None
        }
    }

    fn finish(mut self, stop: Stop) -> Generated {
        let rest = self.decoder.finish();
        let mut shown = self.text.push(&rest);
        shown.push_str(&self.text.finish());
        if !shown.is_empty() {
            // Generation is over, so there is nothing left to stop.
            let _ = (self.piece)(&shown);
        }
        let count = self.logprobs.len();
        let mean_logprob = (count > 0).then(|| self.logprobs.iter().sum::<f64>() / count as f64);
        Generated {
            text: self.text.answer,
            thinking: self.text.thinking,
            tokens: self.tokens,
            forced: self.forced,
            stop,
            mean_logprob,
        }
    }
}

/// All tokens that stand for text, and those that end a turn. Rows of the embedding without a token are not among
/// them: their logits mean nothing (spec section 1.7).
fn free_tokens(tokenizer: &Tokenizer, vocab: usize) -> SimpleVob {
    let mut set = tokenizer.trie().alloc_token_set();
    for id in 0..tokenizer.vocab_len().min(vocab) as u32 {
        if tokenizer.is_text(id) {
            set.allow_token(id);
        }
    }
    for id in tokenizer.eos() {
        if (*id as usize) < tokenizer.vocab_len() {
            set.allow_token(*id);
        }
    }
    set
}

/// Parts thinking from answer and finds stop strings, as text comes in pieces.
#[derive(Debug)]
struct AnswerText {
    answer: String,
    thinking: String,
    phase: Phase,
    /// Text not yet given to anyone: it may be the beginning of a tag or of a stop string.
    held: String,
    stop_strings: Vec<String>,
    stopped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing but white space so far: thinking may begin.
    Start,
    Thinking,
    Answer,
}

impl AnswerText {
    fn new(may_think: bool, stop_strings: Vec<String>) -> AnswerText {
        let phase = if may_think { Phase::Start } else { Phase::Answer };
        let stop_strings = stop_strings.into_iter().filter(|s| !s.is_empty()).collect();
        AnswerText { answer: String::new(), thinking: String::new(), phase, held: String::new(), stop_strings, stopped: false }
    }

    /// Before or inside the thinking.
    fn is_thinking(&self) -> bool {
        self.phase != Phase::Answer
    }

    /// What closes the thinking from here.
    fn end_of_thinking(&self) -> String {
        match self.phase {
            Phase::Start => format!("{THINK_OPEN}\n{THINK_CLOSE}\n\n"),
            Phase::Thinking | Phase::Answer => format!("\n{THINK_CLOSE}\n\n"),
        }
    }

    /// Takes text and returns what of it belongs to the answer for certain.
    fn push(&mut self, text: &str) -> String {
        if self.stopped {
            return String::new();
        }
        self.held.push_str(text);
        if self.phase == Phase::Start {
            let trimmed = self.held.trim_start();
            if let Some(rest) = trimmed.strip_prefix(THINK_OPEN) {
                self.held = rest.to_owned();
                self.phase = Phase::Thinking;
            } else if THINK_OPEN.starts_with(trimmed) {
                return String::new();
            } else {
                self.phase = Phase::Answer;
            }
        }
        if self.phase == Phase::Thinking {
            let Some(at) = self.held.find(THINK_CLOSE) else {
                let keep = held_back(&self.held, &[THINK_CLOSE.to_owned()]);
                self.thinking.extend(self.held.drain(..self.held.len() - keep));
                return String::new();
            };
            self.thinking.push_str(&self.held[..at]);
            self.thinking = self.thinking.trim().to_owned();
            self.held = self.held[at + THINK_CLOSE.len()..].trim_start().to_owned();
            self.phase = Phase::Answer;
        }
        let found = self.stop_strings.iter().filter_map(|s| self.held.find(s.as_str())).min();
        let give = match found {
            Some(at) => {
                self.stopped = true;
                at
            }
            None => self.held.len() - held_back(&self.held, &self.stop_strings),
        };
        let mut shown: String = self.held.drain(..give).collect();
        if self.answer.is_empty() && !self.thinking.is_empty() {
            shown = shown.trim_start().to_owned();
        }
        self.answer.push_str(&shown);
        shown
    }

    /// Gives out what was held back.
    fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        match self.phase {
            _ if self.stopped => String::new(),
            Phase::Thinking => {
                self.thinking.push_str(&held);
                String::new()
            }
            Phase::Start | Phase::Answer => {
                self.answer.push_str(&held);
                held
            }
        }
    }
}

/// Bytes at the end of `text` that may be the beginning of one of `targets`.
fn held_back(text: &str, targets: &[String]) -> usize {
    let possible = |length: usize| {
        let start = text.len() - length;
        text.is_char_boundary(start) && targets.iter().any(|t| t.len() > length && t.starts_with(&text[start..]))
    };
    let longest = targets.iter().map(|t| t.len()).max().unwrap_or(0);
    (1..longest.min(text.len() + 1)).rev().find(|length| possible(*length)).unwrap_or(0)
}

/// Writes `logits` to a safetensors file as one tensor `logits` of f32 `[T, V]`, for comparison with other engines.
///
/// # Errors
/// The file cannot be written.
pub fn save_logits(logits: &Logits, path: &Path) -> std::io::Result<()> {
    let bytes: Vec<u8> = logits.values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let shape = vec![logits.rows, logits.vocab];
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, &bytes)
        .map_err(|e| std::io::Error::other(e.to_string()))?;
    let file = safetensors::serialize([("logits", view)], None).map_err(|e| std::io::Error::other(e.to_string()))?;
    std::fs::write(path, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&str], may_think: bool, stops: &[&str]) -> (String, String, String, bool) {
        let mut text = AnswerText::new(may_think, stops.iter().map(|s| (*s).to_owned()).collect());
        let mut shown = String::new();
        for piece in pieces {
            shown.push_str(&text.push(piece));
        }
        shown.push_str(&text.finish());
        (text.thinking, text.answer, shown, text.stopped)
    }

    #[test]
    fn thinking_is_parted_wherever_the_tags_are_cut() {
        let whole = "\n<think>\nLet me see: a < b.\n</think>\n\nThe answer </think> stays.";
        for cut in 1..whole.len() {
            let (a, b) = whole.split_at(cut);
            let (thinking, answer, shown, _) = split(&[a, b], true, &[]);
            assert_eq!(thinking, "Let me see: a < b.", "cut at {cut}");
            assert_eq!(answer, "The answer </think> stays.", "cut at {cut}");
            assert_eq!(shown, answer);
        }
        assert_eq!(split(&["<th", "en go"], true, &[]).1, "<then go");
        assert_eq!(split(&["<think>x</think>y"], false, &[]).1, "<think>x</think>y");
    }

    #[test]
    fn stop_strings_are_found_across_pieces_and_never_shown() {
        for cut in 1.."one END two".len() {
            let (a, b) = "one END two".split_at(cut);
            let (_, answer, shown, stopped) = split(&[a, b], false, &["END", "EN!"]);
            assert_eq!((answer.as_str(), shown.as_str(), stopped), ("one ", "one ", true));
        }
        let (_, answer, _, stopped) = split(&["one EN", "ough"], false, &["END"]);
        assert_eq!((answer.as_str(), stopped), ("one ENough", false));
    }
}
