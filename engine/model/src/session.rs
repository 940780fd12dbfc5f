//! A session: a model, a state, and the tokens that made it. Feeds, forks, generates.

mod lookup;

use crate::chat::split_thinking;
use crate::constraint::{Constraint, ConstraintError, Mask};
use crate::decision::{Decided, Decision};
use crate::error::ModelError;
use crate::model::{Logits, Model, Want};
use crate::sample::{RepetitionStop, Sampler, Sampling};
use crate::state::State;
use crate::tokenizer::{Decoder, Tokenizer, TokenizerError};
use lookup::{Ahead, Parts};
use safetensors::tensor::{Dtype, TensorView};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

pub use lookup::Lookup;

/// Tokens fed at once between two moments in which a person can stop the work.
const FEED_STEP: usize = 256;

/// What can go wrong in a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The constraint.
    #[error(transparent)]
    Constraint(#[from] ConstraintError),
    /// The caller asked to stop. What was fed before stands.
    #[error("stopped")]
    Stopped,
    /// `generate` on a session that has read nothing.
    #[error("nothing has been read yet")]
    Empty,
}

/// A model with a state of its own. Cloning forks: cheap, and neither sees what the other reads later.
#[derive(Clone, Debug)]
pub struct Session {
    model: Model,
    state: State,
    /// Logits after the last token fed, `[V]`; empty before the first.
    logits: Vec<f32>,
    /// What answers are likely to repeat.
    lookup: Option<Arc<Lookup>>,
}

/// How to generate.
#[derive(Debug, Clone)]
pub struct Generation {
    /// Most tokens, forced ones included.
    pub max_tokens: usize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Texts that end the answer; they are not part of it.
    pub stop: Vec<String>,
    /// Whether an end-of-turn token ends the answer.
    pub stop_at_eos: bool,
    /// Most tokens of thinking before the program closes it; `None` leaves it open.
    pub thinking_budget: Option<usize>,
    /// When to stop for repetition.
    pub repetition: RepetitionStop,
    /// How "none" is decided where the constraint leaves quotes or that.
    pub decision: Decision,
}

impl Default for Generation {
    fn default() -> Self {
        Self {
            max_tokens: 256,
            sampling: Sampling::default(),
            stop: Vec::new(),
            stop_at_eos: true,
            thinking_budget: None,
            repetition: RepetitionStop::default(),
            decision: Decision::default(),
        }
    }
}

/// Why generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// An end-of-turn token, a stop text, or the end of the grammar.
    EndOfTurn,
    /// `max_tokens`.
    MaxTokens,
    /// The model holds no more.
    ContextFull,
    /// [`RepetitionStop`].
    Repetition,
}

/// What was generated.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// Ids, an end-of-turn token left out.
    pub ids: Vec<u32>,
    /// The answer.
    pub text: String,
    /// Thinking, parsed apart.
    pub thinking: String,
    /// Why it ended.
    pub stop: Stop,
    /// Tokens that were drafted from the text read, see [`Session::follow`].
    pub speculated: usize,
    /// Mean log-probability of the freely chosen tokens; `None` where all were forced.
    pub mean_logprob: Option<f64>,
    /// What was decided at each place where the answer could give quotes or say "none".
    pub decisions: Vec<Decided>,
}

impl Session {
    /// A session that has read nothing.
    pub fn new(model: &Model) -> Self {
        Self { model: model.clone(), state: model.new_state(), logits: Vec::new(), lookup: None }
    }

    /// A session that goes on from a restored state. It must be fed at least one token before it can generate.
    pub fn from_state(model: &Model, state: State) -> Self {
        Self { model: model.clone(), state, logits: Vec::new(), lookup: None }
    }

    /// From now on, answers are drafted from `text` where they repeat it: sooner, and not one bit different.
    pub fn follow(&mut self, text: &Arc<Lookup>) {
        self.lookup = Some(Arc::clone(text));
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The state, taken out.
    pub fn into_state(self) -> State {
        self.state
    }

    /// Tokens that still fit.
    pub fn room(&self) -> usize {
        self.model.config().context_length.saturating_sub(self.state.positions())
    }

    /// Reads `ids`, telling `progress` how many are done; its `Break` stops between two steps.
    ///
    /// # Errors
    /// `Stopped`, or the model's.
    pub fn feed(
        &mut self,
        ids: &[u32],
        progress: &mut dyn FnMut(&Session, usize) -> ControlFlow<()>,
    ) -> Result<(), SessionError> {
        let mut done = 0;
        for step in ids.chunks(FEED_STEP) {
            if progress(self, done).is_break() {
                return Err(SessionError::Stopped);
            }
            let last = done + step.len() == ids.len();
            let logits = self.model.forward(step, &mut self.state, if last { Want::Last } else { Want::None })?;
            done += step.len();
            self.logits = logits.values;
        }
        match progress(self, done) {
            ControlFlow::Break(()) if done > 0 => Err(SessionError::Stopped),
            _ => Ok(()),
        }
    }

    /// Generates from here on. `piece` gets the text as it comes; its `Break` stops.
    ///
    /// What the grammar allows next is found out while the model computes, where a thread can be spared: once a token is
    /// chosen, neither needs the other.
    ///
    /// # Errors
    /// `Empty` before anything was fed, `Stopped`, or those of model, tokenizer and constraint.
    pub fn generate(
        &mut self,
        tokenizer: &Tokenizer,
        how: &Generation,
        constraint: Option<Constraint>,
        piece: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generated, SessionError> {
        self.generate_with(tokenizer, how, constraint, piece, spare_thread())
    }

    /// The same with model and grammar taking turns: the twin [`Session::generate`] is held to.
    ///
    /// # Errors
    /// As [`Session::generate`].
    pub fn generate_in_turn(
        &mut self,
        tokenizer: &Tokenizer,
        how: &Generation,
        constraint: Option<Constraint>,
        piece: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generated, SessionError> {
        self.generate_with(tokenizer, how, constraint, piece, false)
    }

    fn generate_with(
        &mut self,
        tokenizer: &Tokenizer,
        how: &Generation,
        constraint: Option<Constraint>,
        piece: &mut dyn FnMut(&str) -> ControlFlow<()>,
        meanwhile: bool,
    ) -> Result<Generated, SessionError> {
        if self.logits.is_empty() {
            return Err(SessionError::Empty);
        }
        let mut run = Run::new(how, constraint);
        let mut ahead = Ahead::default();
        let stop = loop {
            if let Some(stop) = run.limit(how, self.room() + ahead.unconfirmed()) {
                break stop;
            }
            let next = run.next(tokenizer, how, &self.logits)?;
            let ids = match next {
                Next::Tokens(ids) => ids,
                Next::Stop(stop) => break stop,
            };
            // Forced tokens can run past the limit by a few; the answer is then complete rather than cut.
            run.write(tokenizer, &ids);
            let ended = run.cut_at(&how.stop);
            let shown = run.newly_shown(if ended { &[] } else { &how.stop });
            if !shown.is_empty() && piece(shown).is_break() {
                return Err(SessionError::Stopped);
            }
            if ended || run.complete() {
                break Stop::EndOfTurn;
            }
            if run.repeated {
                break Stop::Repetition;
            }
            if meanwhile && run.goes_on(how) {
                self.advance(&mut ahead, &ids, &mut run)?;
            } else {
                ahead.take(&ids, &mut self.parts())?;
            }
        };
        ahead.settle(&mut self.parts())?;
        let rest = run.newly_shown(&[]);
        if !rest.is_empty() && piece(rest).is_break() {
            return Err(SessionError::Stopped);
        }
        Ok(run.finish(stop, ahead.accepted))
    }

    /// Brings logits and state after `ids`, and meanwhile finds out what the grammar says of the token after them.
    fn advance(&mut self, ahead: &mut Ahead, ids: &[u32], run: &mut Run) -> Result<(), SessionError> {
        let mut parts = self.parts();
        let mut taken = Ok(());
        // The model computes in the thread pool; this thread would only wait for it.
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| taken = ahead.take(ids, &mut parts));
            run.look_ahead();
        });
        taken
    }

    fn parts(&mut self) -> Parts<'_> {
        Parts { model: &self.model, state: &mut self.state, logits: &mut self.logits, lookup: self.lookup.as_deref() }
    }
}

/// Whether a grammar can be asked without taking a core from the model. Where the model's threads are two on two cores, a
/// third was measured to cost what it saves.
fn spare_thread() -> bool {
    let threads = rayon::current_num_threads();
    threads > 2 || std::thread::available_parallelism().is_ok_and(|cores| cores.get() > threads)
}

/// `logits` in which none of `ids` can be chosen.
fn without(logits: &[f32], ids: &[u32]) -> Vec<f32> {
    let mut left = logits.to_vec();
    for id in ids {
        if let Some(logit) = left.get_mut(*id as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }
    left
}

/// What to do next.
enum Next {
    Tokens(Vec<u32>),
    Stop(Stop),
}

/// What a grammar says of the next tokens. It depends on the tokens before them only, not on the model.
enum Rule {
    /// They can only be these, which the grammar has taken.
    Forced(Vec<u32>),
    /// One of these.
    OneOf(Mask),
    /// There are none.
    End,
}

impl Rule {
    fn next(constraint: &mut Constraint) -> Result<Rule, ConstraintError> {
        let forced = constraint.forced();
        if !forced.is_empty() {
            return Ok(Rule::Forced(forced));
        }
        if constraint.is_complete() { Ok(Rule::End) } else { constraint.mask().map(Rule::OneOf) }
    }
}

/// An answer in the making.
struct Run {
    sampler: Sampler,
    constraint: Option<Constraint>,
    /// What `constraint` says of the next tokens, where that is known already. A failure counts once it is asked for.
    rule: Option<Result<Rule, ConstraintError>>,
    repetition: RepetitionStop,
    repeated: bool,
    decoder: Decoder,
    ids: Vec<u32>,
    text: String,
    /// Bytes of the text that were shown.
    shown: usize,
    free: usize,
    logprob: f64,
    thinking_closed: bool,
    decisions: Vec<Decided>,
    /// Whether the last token went past "none" and the list has not begun yet.
    past_none: bool,
}

impl Run {
    fn new(how: &Generation, constraint: Option<Constraint>) -> Self {
        Self {
            sampler: Sampler::new(how.sampling),
            constraint,
            rule: None,
            repetition: how.repetition,
            repeated: false,
            decoder: Decoder::default(),
            ids: Vec::new(),
            text: String::new(),
            shown: 0,
            free: 0,
            logprob: 0.0,
            thinking_closed: false,
            decisions: Vec::new(),
            past_none: false,
        }
    }

    fn limit(&self, how: &Generation, room: usize) -> Option<Stop> {
        if self.ids.len() >= how.max_tokens { Some(Stop::MaxTokens) } else { (room == 0).then_some(Stop::ContextFull) }
    }

    /// Whether there will be a token after those written, and a grammar has something to say of it.
    fn goes_on(&self, how: &Generation) -> bool {
        self.constraint.is_some() && self.ids.len() < how.max_tokens
    }

    /// Asks the grammar for what comes next, unless that is known.
    fn look_ahead(&mut self) {
        if self.rule.is_none() {
            self.rule = self.constraint.as_mut().map(Rule::next);
        }
    }

    /// The next tokens: what the grammar forces, else one that is chosen.
    fn next(&mut self, tokenizer: &Tokenizer, how: &Generation, logits: &[f32]) -> Result<Next, SessionError> {
        if let Some(close) = self.closing_thought(tokenizer, how)? {
            return Ok(Next::Tokens(close));
        }
        self.look_ahead();
        let mask = match self.rule.take().transpose()? {
            Some(Rule::Forced(forced)) => {
                self.past_none = false;
                return Ok(Next::Tokens(forced));
            }
            Some(Rule::End) => return Ok(Next::Stop(Stop::EndOfTurn)),
            Some(Rule::OneOf(mask)) => Some(mask),
            None => None,
        };
        let vocab = tokenizer.vocab_len() as u32;
        let eos = tokenizer.eos_ids();
        let constrained = mask.is_some();
        let allowed = |id: u32| id < vocab && mask.as_ref().is_none_or(|m| m.allows(id));
        let moved = self.weigh(logits, how.decision, mask.as_ref());
        let Some(choice) = self.sampler.choose(moved.as_deref().unwrap_or(logits), allowed) else {
            return Ok(Next::Stop(Stop::EndOfTurn));
        };
        self.past_none =
            mask.as_ref().is_some_and(|m| !m.abstaining().is_empty() && !m.abstaining().contains(&choice.id));
        self.free += 1;
        self.logprob += f64::from(choice.logprob);
        self.repeated = self.repetition.push(choice.logprob);
        if let Some(constraint) = &mut self.constraint {
            constraint.take(choice.id)?;
        }
        if eos.contains(&choice.id) && (how.stop_at_eos || constrained) {
            return Ok(Next::Stop(Stop::EndOfTurn));
        }
        Ok(Next::Tokens(vec![choice.id]))
    }

    /// The logits with the decision weighed in; nothing where none is to be made, or the model makes it alone.
    ///
    /// A token that goes past "none" without beginning the list is followed by a place where both can still come. A model
    /// that decides alone may well decide there; what was weighed is decided.
    fn weigh(&mut self, logits: &[f32], decision: Decision, mask: Option<&Mask>) -> Option<Vec<f32>> {
        let mask = mask.filter(|mask| !mask.abstaining().is_empty())?;
        let own = decision == Decision::default();
        if self.past_none && !own {
            return Some(without(logits, mask.abstaining()));
        }
        let (moved, decided) = decision.weigh(logits, mask)?;
        match self.decisions.last_mut().filter(|_| self.past_none) {
            Some(earlier) => *earlier = earlier.or(decided),
            None => self.decisions.push(decided),
        }
        (!own).then_some(moved)
    }

    /// The words that close thinking once its budget is used up: the program's own feature, M1 has no such switch.
    fn closing_thought(&mut self, tokenizer: &Tokenizer, how: &Generation) -> Result<Option<Vec<u32>>, TokenizerError> {
        let over = how.thinking_budget.is_some_and(|budget| self.ids.len() >= budget);
        let open = self.text.trim_start().starts_with("<think>") && !self.text.contains("</think>");
        if !over || !open || self.thinking_closed {
            return Ok(None);
        }
        self.thinking_closed = true;
        tokenizer.encode("\n</think>\n\n").map(Some)
    }

    fn write(&mut self, tokenizer: &Tokenizer, ids: &[u32]) {
        for id in ids {
            self.text += &self.decoder.push(tokenizer, *id);
        }
        self.ids.extend_from_slice(ids);
    }

    /// Cuts the text before the first of `stops` in it; whether there was one.
    fn cut_at(&mut self, stops: &[String]) -> bool {
        let at = stops.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| self.text.find(stop.as_str())).min();
        at.is_some_and(|at| {
            self.text.truncate(at);
            true
        })
    }

    /// Text that was not shown yet, but for what may turn out to be the beginning of one of `stops`.
    fn newly_shown(&mut self, stops: &[String]) -> &str {
        let begins = |at: &usize| stops.iter().any(|stop| stop.starts_with(&self.text[*at..]));
        let rest = self.text.get(self.shown..).unwrap_or_default();
        let end = rest.char_indices().map(|(i, _)| self.shown + i).find(begins).unwrap_or(self.text.len());
        let (from, end) = (self.shown, end.max(self.shown));
        self.shown = end;
        self.text.get(from..end).unwrap_or_default()
    }

    fn complete(&self) -> bool {
        // Forced tokens that are known but not written yet may be the last ones.
        self.rule.is_none() && self.constraint.as_ref().is_some_and(Constraint::is_complete)
    }

    fn finish(mut self, stop: Stop, speculated: usize) -> Generated {
        self.text.push_str(&self.decoder.finish());
        let (thinking, answer) =
            if self.constraint.is_some() { ("", self.text.as_str()) } else { split_thinking(&self.text) };
        Generated {
            thinking: thinking.to_string(),
            text: answer.to_string(),
            ids: self.ids,
            stop,
            speculated,
            mean_logprob: (self.free > 0).then(|| self.logprob / self.free as f64),
            decisions: self.decisions,
        }
    }
}

/// Writes `logits` to a safetensors file as one tensor `logits` of f32 `[T, V]`, for comparison with other engines.
///
/// # Errors
/// The file cannot be written.
pub fn save_logits(logits: &Logits, path: &Path) -> std::io::Result<()> {
    let bytes: Vec<u8> = logits.values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, vec![logits.rows, logits.vocab], &bytes).map_err(std::io::Error::other)?;
    let file = safetensors::serialize([("logits", view)], None).map_err(std::io::Error::other)?;
    std::fs::write(path, file)
}
