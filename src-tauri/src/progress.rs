//! Progress of long work over a channel, at a pace a webview can bear, and the wish to stop.

use lectern_engine::progress::{Event, Sink};
use serde::Serialize;
use specta::Type;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tauri::ipc::Channel;

/// Shortest time between two messages: frequent ones leak memory in WebKit's process.
const PACE: Duration = Duration::from_millis(50);

/// Where long work is.
#[derive(Debug, Clone, Default, Serialize, Type)]
pub struct WireProgress {
    /// A stable word: `import`, `read`, `fields` ...
    pub stage: String,
    /// One line for a person.
    pub message: String,
    /// Units done.
    pub done: u32,
    /// Units in all, where known.
    pub total: Option<u32>,
    /// What is counted.
    pub unit: String,
    /// Warnings so far.
    pub warnings: Vec<String>,
}

/// Sends progress to the window; stops when its flag is set.
pub struct ChannelSink {
    channel: Channel<WireProgress>,
    stop: Arc<AtomicBool>,
    now: WireProgress,
    sent: Option<Instant>,
}

impl ChannelSink {
    /// A sink over `channel` that stops when `stop` is set.
    pub fn new(channel: Channel<WireProgress>, stop: Arc<AtomicBool>) -> Self {
        Self { channel, stop, now: WireProgress::default(), sent: None }
    }

    fn send(&mut self, at_once: bool) {
        if at_once || self.sent.is_none_or(|t| t.elapsed() >= PACE) {
            self.sent = Some(Instant::now());
            // A window that is gone hears nothing; the work goes on and is stored.
            let _ = self.channel.send(self.now.clone());
        }
    }
}

impl Sink for ChannelSink {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        match event {
            Event::Stage { stage, message } => {
                let warnings = std::mem::take(&mut self.now.warnings);
                self.now = WireProgress { stage, message, warnings, ..WireProgress::default() };
                self.send(true);
            }
            Event::Progress { done, total, unit } => {
                self.now.done = small(done);
                self.now.total = total.map(small);
                self.now.unit = unit;
                self.send(total == Some(done));
            }
            Event::Warning { message } => {
                self.now.warnings.push(message);
                self.send(true);
            }
            // Pieces of constrained JSON mean nothing to a person; the result is shown when it is grounded.
            Event::Text { .. } => {}
        }
        if self.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn small(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
