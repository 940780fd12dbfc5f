//! The model in this process: reads a document into a state, keeps the state on disk, answers from forks of it.

use super::locate::{find_adapter, folder_card};
use super::{Answer, GenerateError, Generator, ModelCard, ReadReport, Reading, Request, Shape, StopReason, framing};
use crate::progress::{Event, Sink};
use lectern_model::adapter::Adapter;
use lectern_model::chat::ChatTemplate;
use lectern_model::constraint::{Constraint, ConstraintError, Constraints, Vocabulary};
use lectern_model::decision::{Decision, DecisionWeights};
use lectern_model::model::{LoadOptions, Model};
use lectern_model::quant::UnknownScheme;
use lectern_model::sample::Sampling;
use lectern_model::session::{Generation, Lookup, Session, SessionError, Stop};
use lectern_model::state::{KvPrecision, State, StateIdentity, UnknownPrecision};
use lectern_model::tokenizer::Tokenizer;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Fewest tokens between two checkpoints.
const CHECKPOINT_TOKENS: usize = 2048;

/// Saving checkpoints may take at most this share of the time spent reading.
const CHECKPOINT_SHARE: f64 = 0.1;

/// Tokens kept free after a document for a question and its answer.
pub const ANSWER_ROOM: usize = 512;

/// How states keep keys and values where a model's card does not say: half the memory and half the file of a saved state,
/// for a rounding that no answer shows.
pub const KEYS_AND_VALUES: KvPrecision = KvPrecision::F16;

/// Memory for activations and the grammar, beside weights and state.
const WORKING_BYTES: u64 = 256 * 1024 * 1024;

/// A model of this process.
pub struct NativeGenerator {
    model: Model,
    tokenizer: Tokenizer,
    /// Of the tokenizer, once an answer was to be constrained.
    vocabulary: Option<Arc<Vocabulary>>,
    template: ChatTemplate,
    card: ModelCard,
    /// Of the adapter, where it has weights for decisions.
    decision: Option<DecisionWeights>,
    read: Option<Read>,
}

/// A document that was read.
struct Read {
    session: Session,
    document: String,
    constraints: Option<Constraints>,
}

impl NativeGenerator {
    /// Loads a model folder, with the adapter of the folder `adapter`, else the one that belongs to the model, if any.
    ///
    /// # Errors
    /// `Load` with what is wrong.
    pub fn load(folder: &Path, adapter: Option<&Path>) -> Result<Self, GenerateError> {
        let failed = |reason: String| GenerateError::Load { path: folder.to_path_buf(), reason };
        let stated = folder_card(folder)?;
        let tokenizer = Tokenizer::load(folder).map_err(|e| failed(e.to_string()))?;
        let name = stated.chat_template.as_deref().unwrap_or("minimax_m1");
        let template =
            ChatTemplate::by_name(name).ok_or_else(|| failed(format!("the chat template `{name}` is not known")))?;
        let quantize = stated.quantize.as_deref().map(str::parse).transpose();
        let quantize = quantize.map_err(|e: UnknownScheme| failed(format!("lectern.json: {e}")))?;
        let keys_and_values = stated.keys_and_values.as_deref().map_or(Ok(KEYS_AND_VALUES), str::parse);
        let keys_and_values = keys_and_values.map_err(|e: UnknownPrecision| failed(format!("lectern.json: {e}")))?;
        let options = LoadOptions { quantize, keys_and_values };
        let named_by_person = adapter.is_some();
        let adapter = find_adapter(adapter, folder, &stated)?.map(|path| Adapter::open(&path)).transpose();
        let adapter = adapter.map_err(|e| failed(e.to_string()))?;
        let model = Model::load_adapted(folder, options, adapter.as_ref()).map_err(|e| failed(e.to_string()))?;
        let config = model.config();
        let identity =
            format!("{}:{}:{}:{}", model.digest(), tokenizer.digest(), template.name(), framing::FRAMING_VERSION);
        let card = ModelCard {
            name: match &adapter {
                // A model's own belongs to it; the digest tells one with it from one without.
                Some(adapter) if named_by_person => format!("{} with {}", stated.name, adapter.name()),
                _ => stated.name,
            },
            description: stated.description,
            license: stated.license,
            digest: blake3::hash(identity.as_bytes()).to_hex().to_string(),
            context_length: stated.context_length.unwrap_or(usize::MAX).min(config.context_length),
            parameters: model.parameters(),
            state_bytes_fixed: config.state_bytes_fixed(),
            state_bytes_per_token: model.state_bytes_per_token(),
            weights_bytes: model.weights_bytes(),
            interim: stated.interim,
        };
        let decision = adapter.as_ref().and_then(Adapter::decision);
        Ok(Self { model, tokenizer, vocabulary: None, template, card, decision, read: None })
    }

    fn encode(&self, pieces: &[lectern_model::chat::Piece]) -> Result<Vec<u32>, GenerateError> {
        self.tokenizer.encode_pieces(pieces).map_err(model_error)
    }

    /// The exact token ids of a document in its frame, and how many of them are the text's own.
    fn framed(&self, document: &Reading<'_>) -> Result<(Vec<u32>, usize), GenerateError> {
        let mut ids = self.encode(&framing::before(self.template, document.label))?;
        let text = self.tokenizer.encode(document.text).map_err(model_error)?;
        ids.extend_from_slice(&text);
        ids.extend(self.encode(&framing::after())?);
        Ok((ids, text.len()))
    }

    fn check_fit(&self, tokens: usize) -> Result<(), GenerateError> {
        let available = self.card.context_length.saturating_sub(ANSWER_ROOM);
        if tokens > available {
            return Err(GenerateError::TooLong { needed: tokens, available, model: self.card.name.clone() });
        }
        let needed = self.card.state_bytes_fixed + self.card.state_bytes_per_token * tokens as u64 + WORKING_BYTES;
        match available_memory() {
            Some(free) if needed > free => {
                Err(GenerateError::Memory { needed_mb: needed / 1_000_000, available_mb: free / 1_000_000 })
            }
            _ => Ok(()),
        }
    }

    fn constraint(&mut self, shape: &Shape) -> Result<Option<Constraint>, GenerateError> {
        let Shape::Json { schema } = shape else { return Ok(None) };
        let read = self.read.as_mut().ok_or(GenerateError::NothingRead)?;
        let failed = |e: ConstraintError| GenerateError::Schema { reason: e.to_string() };
        let vocabulary = match &self.vocabulary {
            Some(known) => known,
            None => self.vocabulary.insert(Arc::new(Vocabulary::new(&self.tokenizer).map_err(failed)?)),
        };
        let constraints = read.constraints.get_or_insert_with(|| Constraints::new(vocabulary, &read.document));
        constraints.json(schema).map(Some).map_err(failed)
    }
}

impl Generator for NativeGenerator {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn count_tokens(&mut self, text: &str) -> Result<usize, GenerateError> {
        self.tokenizer.encode(text).map(|ids| ids.len()).map_err(model_error)
    }

    fn read(&mut self, document: &Reading<'_>, sink: &mut dyn Sink) -> Result<ReadReport, GenerateError> {
        let started = Instant::now();
        self.read = None;
        let (ids, text_tokens) = self.framed(document)?;
        self.check_fit(ids.len())?;
        let mut states = document.state_dir.map(|dir| SavedStates::new(dir, &self.model, &ids));
        let (state, restored) =
            states.as_ref().and_then(|s| s.restore(&self.model)).unwrap_or_else(|| (self.model.new_state(), 0));
        let mut session = Session::from_state(&self.model, state);
        let total = Some(ids.len() as u64);
        let rest = ids.get(restored..).unwrap_or_default();
        session
            .feed(rest, &mut |session, done| {
                if let Some(states) = &mut states {
                    states.checkpoint(session.state(), restored + done);
                }
                sink.event(Event::Progress { done: (restored + done) as u64, total, unit: "tokens".to_string() })
            })
            .map_err(session_error)?;
        let state_bytes = match &states {
            Some(states) if restored < ids.len() => states.save_whole(session.state()),
            Some(states) => states.size(),
            None => 0,
        };
        session.follow(&Arc::new(Lookup::new(&ids)));
        self.read = Some(Read { session, document: document.text.to_string(), constraints: None });
        Ok(ReadReport {
            text_tokens,
            state_tokens: ids.len(),
            restored_tokens: restored,
            elapsed_ms: started.elapsed().as_millis() as u64,
            state_bytes,
        })
    }

    fn answer(&mut self, request: &Request, sink: &mut dyn Sink) -> Result<Answer, GenerateError> {
        let started = Instant::now();
        let prompt = self.encode(&framing::question(self.template, &request.passages, &request.instruction))?;
        let constraint = self.constraint(&request.shape)?;
        let read = self.read.as_ref().ok_or(GenerateError::NothingRead)?;
        let mut session = read.session.clone();
        let room = self.card.context_length.saturating_sub(session.state().positions());
        if prompt.len() >= room {
            let needed = session.state().positions() + prompt.len();
            return Err(GenerateError::TooLong {
                needed,
                available: self.card.context_length,
                model: self.card.name.clone(),
            });
        }
        let quiet = Event::Progress { done: 0, total: None, unit: "tokens".to_string() };
        session.feed(&prompt, &mut |_, _| sink.event(quiet.clone())).map_err(session_error)?;
        let left = room - prompt.len();
        let how = Generation {
            max_tokens: request.max_tokens.min(left),
            sampling: Sampling {
                temperature: request.temperature,
                top_p: request.top_p,
                seed: request.seed,
                ..Sampling::default()
            },
            decision: self
                .decision
                .zip(request.evidence)
                .map_or_else(Decision::default, |(weights, evidence)| weights.decision(evidence)),
            ..Generation::default()
        };
        let made = session
            .generate(&self.tokenizer, &how, constraint, &mut |piece| {
                sink.event(Event::Text { piece: piece.to_string() })
            })
            .map_err(session_error)?;
        let stop = match made.stop {
            Stop::EndOfTurn => StopReason::EndOfTurn,
            Stop::MaxTokens if left < request.max_tokens => StopReason::ContextFull,
            Stop::MaxTokens => StopReason::MaxTokens,
            Stop::ContextFull => StopReason::ContextFull,
            Stop::Repetition => StopReason::Repetition,
        };
        Ok(Answer {
            text: made.text,
            thinking: made.thinking,
            prompt_tokens: prompt.len(),
            generated_tokens: made.ids.len(),
            stop,
            mean_logprob: made.mean_logprob,
            decisions: made.decisions,
            elapsed_ms: started.elapsed().as_millis() as u64,
        })
    }
}

fn model_error(error: impl std::fmt::Display) -> GenerateError {
    GenerateError::Model { reason: error.to_string() }
}

fn session_error(error: SessionError) -> GenerateError {
    match error {
        SessionError::Stopped => GenerateError::Cancelled,
        other => model_error(other),
    }
}

/// Bytes of memory that can be had without swapping, as Linux reports them; `None` where it does not.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|l| l.starts_with("MemAvailable:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb * 1024)
}

/// States of one prompt on disk: the whole one, and checkpoints on the way to it. A cache: whatever fails here costs
/// time, never a result.
struct SavedStates {
    folder: PathBuf,
    /// Digest of the whole prompt and the model: the file names begin with it.
    name: String,
    model: Model,
    ids: Vec<u32>,
    last: usize,
    reading_since: Instant,
    spent: Duration,
}

impl SavedStates {
    fn new(folder: &Path, model: &Model, ids: &[u32]) -> Self {
        let identity = StateIdentity::of(model, ids);
        let name = blake3::hash(format!("{}{}", identity.model_digest, identity.prompt_digest).as_bytes()).to_hex();
        Self {
            folder: folder.to_path_buf(),
            name: name.as_str().chars().take(32).collect(),
            model: model.clone(),
            ids: ids.to_vec(),
            last: 0,
            reading_since: Instant::now(),
            spent: Duration::ZERO,
        }
    }

    /// The state after the first `tokens` ids.
    fn path(&self, tokens: usize) -> PathBuf {
        self.folder.join(format!("{}-{tokens}.state", self.name))
    }

    fn identity(&self, tokens: usize) -> StateIdentity {
        StateIdentity::of(&self.model, self.ids.get(..tokens).unwrap_or(&self.ids))
    }

    /// Token counts of the files that are there, largest first.
    fn present(&self) -> Vec<usize> {
        let mut found: Vec<usize> = std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|e| {
                let name = e.file_name().into_string().ok()?;
                name.strip_prefix(&self.name)?.strip_prefix('-')?.strip_suffix(".state")?.parse().ok()
            })
            .filter(|n| *n <= self.ids.len())
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found
    }

    /// The longest state that can be restored. A file that is damaged or of another model is removed.
    fn restore(&self, model: &Model) -> Option<(State, usize)> {
        for tokens in self.present() {
            let path = self.path(tokens);
            match State::restore(&path, model, &self.identity(tokens)) {
                Ok(state) => return Some((state, tokens)),
                Err(_) => drop(std::fs::remove_file(path)),
            }
        }
        None
    }

    /// Saves a checkpoint where enough was read since the last and saving costs little beside reading.
    fn checkpoint(&mut self, state: &State, tokens: usize) {
        let worth = tokens >= self.last + CHECKPOINT_TOKENS && tokens < self.ids.len();
        let cheap = self.spent.as_secs_f64() <= CHECKPOINT_SHARE * self.reading_since.elapsed().as_secs_f64();
        if !worth || !cheap {
            return;
        }
        let started = Instant::now();
        if self.save(state, tokens) {
            self.forget_all_but(tokens);
        }
        self.last = tokens;
        self.spent += started.elapsed();
    }

    /// Saves the state after the whole prompt; its size in bytes, 0 where it could not be saved.
    fn save_whole(&self, state: &State) -> u64 {
        if self.save(state, self.ids.len()) {
            self.forget_all_but(self.ids.len());
        }
        self.size()
    }

    fn save(&self, state: &State, tokens: usize) -> bool {
        std::fs::create_dir_all(&self.folder).is_ok() && state.save(&self.path(tokens), &self.identity(tokens)).is_ok()
    }

    fn forget_all_but(&self, tokens: usize) {
        for other in self.present().into_iter().filter(|n| *n != tokens) {
            drop(std::fs::remove_file(self.path(other)));
        }
    }

    fn size(&self) -> u64 {
        std::fs::metadata(self.path(self.ids.len())).map_or(0, |m| m.len())
    }
}
