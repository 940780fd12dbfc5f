//! The model in a child process of this binary: killing it is cancellation, its memory comes back, a crash takes
//! nothing along.

use super::frames::{self, FromModel, PROTOCOL, ToModel};
use super::{Answer, GenerateError, Generator, ModelCard, ReadReport, Reading, Request};
use crate::progress::{Event, Sink};
use crate::worker::{GENERATE, ProcessLimits, Tail, WorkerProgram, status_in_words};
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long a busy process may stay silent; it ticks five times a second.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// How long a process may take to stop by itself before it is killed.
const CANCEL_GRACE: Duration = Duration::from_secs(3);

/// A model in a child process. Restarted when it died; what it had read is then restored from the saved state, or read
/// again.
pub struct LocalGenerator {
    program: WorkerProgram,
    model_dir: PathBuf,
    adapter: Option<PathBuf>,
    card: ModelCard,
    process: Option<Process>,
    /// What was read last: text, label, folder of saved states.
    document: Option<(String, String, Option<PathBuf>)>,
    /// Whether the running process holds `document`.
    holds_document: bool,
}

struct Process {
    child: Child,
    input: Option<ChildStdin>,
    replies: Receiver<FromModel>,
    stderr: Option<Tail>,
}

impl LocalGenerator {
    /// Starts the process and waits until the model of `model_dir` is loaded, with the adapter of the folder `adapter`
    /// instead of the model's own where one is given.
    ///
    /// # Errors
    /// `Load` as the process reports it, `Process` where it cannot be started or dies.
    pub fn start(program: &WorkerProgram, model_dir: &Path, adapter: Option<&Path>) -> Result<Self, GenerateError> {
        let (process, card) = Process::start(program, model_dir, adapter)?;
        Ok(Self {
            program: program.clone(),
            model_dir: model_dir.to_path_buf(),
            adapter: adapter.map(Path::to_path_buf),
            card,
            process: Some(process),
            document: None,
            holds_document: false,
        })
    }

    /// The running process, started again if it died.
    fn process(&mut self) -> Result<&mut Process, GenerateError> {
        if self.process.is_none() {
            self.holds_document = false;
            let (process, card) = Process::start(&self.program, &self.model_dir, self.adapter.as_deref())?;
            self.card = card;
            self.process = Some(process);
        }
        self.process.as_mut().ok_or_else(|| GenerateError::Process { reason: "it did not start".to_string() })
    }

    /// Sends a request and waits for its reply. A process that fails to reply is ended and forgotten.
    fn ask(&mut self, request: &ToModel, sink: &mut dyn Sink) -> Result<FromModel, GenerateError> {
        let outcome = self.process()?.ask(request, sink);
        match outcome {
            Ok(FromModel::Failed { error }) => Err(error),
            Ok(reply) => Ok(reply),
            Err(error) => {
                self.process = None;
                self.holds_document = false;
                Err(error)
            }
        }
    }

    fn read_again(&mut self, sink: &mut dyn Sink) -> Result<(), GenerateError> {
        let (text, label, state_dir) = self.document.clone().ok_or(GenerateError::NothingRead)?;
        let reply = self.ask(&ToModel::Read { text, label, state_dir }, sink)?;
        self.holds_document = matches!(reply, FromModel::Done { .. });
        Ok(())
    }
}

impl Generator for LocalGenerator {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn count_tokens(&mut self, text: &str) -> Result<usize, GenerateError> {
        match self.ask(&ToModel::Count { text: text.to_string() }, &mut crate::progress::Silent)? {
            FromModel::Counted { tokens } => Ok(tokens),
            other => Err(unexpected(&other)),
        }
    }

    fn read(&mut self, document: &Reading<'_>, sink: &mut dyn Sink) -> Result<ReadReport, GenerateError> {
        let (text, label) = (document.text.to_string(), document.label.to_string());
        let state_dir = document.state_dir.map(Path::to_path_buf);
        self.holds_document = false;
        self.document = Some((text.clone(), label.clone(), state_dir.clone()));
        match self.ask(&ToModel::Read { text, label, state_dir }, sink)? {
            FromModel::Done { report } => {
                self.holds_document = true;
                Ok(report)
            }
            other => Err(unexpected(&other)),
        }
    }

    fn answer(&mut self, request: &Request, sink: &mut dyn Sink) -> Result<Answer, GenerateError> {
        if !self.holds_document {
            self.read_again(sink)?;
        }
        match self.ask(&ToModel::Answer { request: request.clone() }, sink)? {
            FromModel::Answered { answer } => Ok(answer),
            other => Err(unexpected(&other)),
        }
    }
}

fn unexpected(reply: &FromModel) -> GenerateError {
    let name = serde_json::to_value(reply).ok().and_then(|v| v["frame"].as_str().map(str::to_string));
    GenerateError::Process { reason: format!("it replied with {}", name.unwrap_or_default()) }
}

/// How many threads rayon and candle use.
const THREADS: &str = "RAYON_NUM_THREADS";

impl Process {
    fn start(
        program: &WorkerProgram,
        model_dir: &Path,
        adapter: Option<&Path>,
    ) -> Result<(Self, ModelCard), GenerateError> {
        let failed =
            |e: std::io::Error| GenerateError::Process { reason: format!("{}: {e}", program.program.display()) };
        // candle asks for the number of threads before each product; without this variable it reads /proc/cpuinfo.
        let mut program = program.clone();
        if let Some(threads) = std::thread::available_parallelism().ok().filter(|_| std::env::var_os(THREADS).is_none())
        {
            program.env.push((THREADS.to_owned(), threads.to_string()));
        }
        let folders: Vec<_> = std::iter::once(model_dir).chain(adapter).map(|f| f.as_os_str().to_os_string()).collect();
        let mut child = program.spawn(GENERATE, &folders, ProcessLimits::default()).map_err(failed)?;
        let input = child.stdin.take();
        let stderr = child.stderr.take().map(Tail::of);
        let replies = child
            .stdout
            .take()
            .map(receive)
            .ok_or_else(|| GenerateError::Process { reason: "its output could not be opened".to_string() })?;
        let mut process = Self { child, input, replies, stderr };
        match process.replies.recv() {
            Ok(FromModel::Hello { protocol: PROTOCOL, card }) => Ok((process, card)),
            Ok(FromModel::Hello { protocol, .. }) => Err(GenerateError::Process {
                reason: format!(
                    "it speaks version {protocol} of the frames, not {PROTOCOL}: parts of two installations are mixed"
                ),
            }),
            Ok(FromModel::Failed { error }) => Err(error),
            Ok(other) => Err(unexpected(&other)),
            Err(_) => Err(process.died()),
        }
    }

    fn ask(&mut self, request: &ToModel, sink: &mut dyn Sink) -> Result<FromModel, GenerateError> {
        if self.send(request).is_err() {
            return Err(self.died());
        }
        let mut last_progress = None;
        let mut cancelled: Option<Instant> = None;
        loop {
            let patience = cancelled.map_or(SILENCE_LIMIT, |since| CANCEL_GRACE.saturating_sub(since.elapsed()));
            let event = match self.replies.recv_timeout(patience) {
                Ok(FromModel::Event { event }) => event,
                // A tick repeats the last progress, so that the person's wish to stop is heard between two events.
                Ok(FromModel::Tick) => match last_progress.clone() {
                    Some(event) => event,
                    None => continue,
                },
                Ok(_) | Err(RecvTimeoutError::Timeout) if cancelled.is_some_and(|c| c.elapsed() >= CANCEL_GRACE) => {
                    self.kill();
                    return Err(GenerateError::Cancelled);
                }
                Ok(reply) => return Ok(reply),
                Err(RecvTimeoutError::Timeout) => {
                    self.kill();
                    let reason = format!("it was silent for {} seconds", SILENCE_LIMIT.as_secs());
                    return Err(GenerateError::Process { reason });
                }
                Err(RecvTimeoutError::Disconnected) if cancelled.is_some() => return Err(GenerateError::Cancelled),
                Err(RecvTimeoutError::Disconnected) => return Err(self.died()),
            };
            if cancelled.is_some() {
                continue;
            }
            if matches!(event, Event::Progress { .. }) {
                last_progress = Some(event.clone());
            }
            if sink.event(event) == ControlFlow::Break(()) {
                cancelled = Some(Instant::now());
                if self.send(&ToModel::Cancel).is_err() {
                    return Err(GenerateError::Cancelled);
                }
            }
        }
    }

    fn send(&mut self, request: &ToModel) -> std::io::Result<()> {
        match &mut self.input {
            Some(input) => frames::write(input, request),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn kill(&mut self) {
        // It may have ended by itself in between: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What became of a process whose pipe closed.
    fn died(&mut self) -> GenerateError {
        self.input = None;
        let deadline = Instant::now() + Duration::from_secs(2);
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status_in_words(status),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
                Ok(None) => {
                    self.kill();
                    break "it closed its output and was ended".to_string();
                }
                Err(e) => break e.to_string(),
            }
        };
        let tail = self.stderr.take().map(Tail::text).unwrap_or_default();
        let reason = if tail.is_empty() { status } else { format!("{status}; its last words: {tail}") };
        GenerateError::Process { reason }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Closing its input would end it too; killing does so at once, whatever it is computing.
        self.kill();
    }
}

fn receive(stream: impl Read + Send + 'static) -> Receiver<FromModel> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        while let Ok(Some(frame)) = frames::read(&mut stream) {
            if sender.send(frame).is_err() {
                return;
            }
        }
    });
    receiver
}
