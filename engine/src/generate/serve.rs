//! The model's side of the pipe: serves any [`Generator`] over frames until standard input closes.

use super::frames::{self, FromModel, PROTOCOL, ToModel};
use super::{GenerateError, Generator, Reading, native::NativeGenerator};
use crate::progress::{Event, Sink};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

/// How often a busy process says that it lives.
const TICK: Duration = Duration::from_millis(200);

/// Loads the model of `model_dir`, with the adapter of the folder `adapter` instead of the model's own where one is given,
/// and serves it over standard input and output. Ends when input closes, even in the middle of a computation: the parent
/// is gone or has no more use for it.
pub fn run(model_dir: &Path, adapter: Option<&Path>) -> ExitCode {
    let loaded = NativeGenerator::load(model_dir, adapter).map(|g| Box::new(g) as Box<dyn Generator>);
    serve(loaded, io::stdin(), io::stdout(), || std::process::exit(0))
}

/// Serves `loaded` over the given streams. `hang_up` is called, on the reading thread, when `input` ends.
pub fn serve<R, W>(
    loaded: Result<Box<dyn Generator>, GenerateError>,
    input: R,
    output: W,
    hang_up: impl FnOnce() + Send + 'static,
) -> ExitCode
where
    R: Read + Send + 'static,
    W: Write + Send + 'static,
{
    let out = Arc::new(Mutex::new(output));
    let mut generator = match loaded {
        Ok(generator) => generator,
        Err(error) => {
            // The parent reads this frame before it sees the exit.
            let _ = send(&out, &FromModel::Failed { error });
            return ExitCode::FAILURE;
        }
    };
    if send(&out, &FromModel::Hello { protocol: PROTOCOL, card: generator.card().clone() }).is_err() {
        return ExitCode::FAILURE;
    }
    let cancelled = Arc::new(AtomicBool::new(false));
    let requests = listen(input, Arc::clone(&cancelled), hang_up);
    let busy = Arc::new(AtomicBool::new(false));
    tick(Arc::clone(&out), Arc::clone(&busy));
    for request in requests {
        cancelled.store(false, Ordering::Relaxed);
        busy.store(true, Ordering::Relaxed);
        let mut sink = PipeSink { out: Arc::clone(&out), cancelled: Arc::clone(&cancelled) };
        let reply = handle(generator.as_mut(), request, &mut sink);
        busy.store(false, Ordering::Relaxed);
        if send(&out, &reply).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn handle(generator: &mut dyn Generator, request: ToModel, sink: &mut PipeSink<impl Write + Send>) -> FromModel {
    let result = match request {
        ToModel::Count { text } => generator.count_tokens(&text).map(|tokens| FromModel::Counted { tokens }),
        ToModel::Read { text, label, state_dir } => {
            let document = Reading { text: &text, label: &label, state_dir: state_dir.as_deref() };
            generator.read(&document, sink).map(|report| FromModel::Done { report })
        }
        ToModel::Answer { request } => generator.answer(&request, sink).map(|answer| FromModel::Answered { answer }),
        // `listen` keeps these; one that comes with nothing running has nothing to stop.
        ToModel::Cancel => Err(GenerateError::Cancelled),
    };
    result.unwrap_or_else(|error| FromModel::Failed { error })
}

/// Reads requests on a thread of its own, so that a cancellation is seen while the model computes.
fn listen<R: Read + Send + 'static>(
    mut input: R,
    cancelled: Arc<AtomicBool>,
    hang_up: impl FnOnce() + Send + 'static,
) -> mpsc::Receiver<ToModel> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok(Some(request)) = frames::read(&mut input) {
            if request == ToModel::Cancel {
                cancelled.store(true, Ordering::Relaxed);
            } else if sender.send(request).is_err() {
                return;
            }
        }
        hang_up();
    });
    receiver
}

fn tick<W: Write + Send + 'static>(out: Arc<Mutex<W>>, busy: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(TICK);
            if busy.load(Ordering::Relaxed) && send(&out, &FromModel::Tick).is_err() {
                return;
            }
        }
    });
}

fn send<W: Write>(out: &Mutex<W>, frame: &FromModel) -> io::Result<()> {
    // A frame is written whole or not at all, so a poisoned lock guards nothing that could be half-written here.
    frames::write(&mut *out.lock().unwrap_or_else(PoisonError::into_inner), frame)
}

struct PipeSink<W> {
    out: Arc<Mutex<W>>,
    cancelled: Arc<AtomicBool>,
}

impl<W: Write + Send> Sink for PipeSink<W> {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        if self.cancelled.load(Ordering::Relaxed) || send(&self.out, &FromModel::Event { event }).is_err() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
