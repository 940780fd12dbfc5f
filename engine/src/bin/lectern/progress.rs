//! Progress for a person on a terminal, silence for programs, and Ctrl-C.

use crate::Common;
use indicatif::{ProgressBar, ProgressStyle};
use lectern_engine::progress::{Event, Sink};
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether the person pressed Ctrl-C.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

extern "C" fn on_interrupt(_: libc::c_int) {
    // The first asks work to stop at its next safe boundary; the second ends the program at once.
    if INTERRUPTED.swap(true, Ordering::SeqCst) {
        // SAFETY: _exit is async-signal-safe and takes no pointer.
        unsafe { libc::_exit(130) }
    }
}

/// From now on Ctrl-C asks work to stop.
pub(crate) fn catch_interrupt() {
    let handler = on_interrupt as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: the handler only touches an atomic and calls _exit, both async-signal-safe.
    unsafe {
        libc::signal(libc::SIGINT, handler);
    }
}

/// A terminal sends Ctrl-C to the workers too. They are stopped by this program, in order, so they do not listen.
pub(crate) fn ignore_interrupt_in_workers() {
    let worker = std::env::args_os().nth(1).is_some_and(|a| a.to_string_lossy().starts_with("__"));
    if worker {
        // SAFETY: SIG_IGN is a valid disposition; no handler runs.
        unsafe {
            libc::signal(libc::SIGINT, libc::SIG_IGN);
        }
    }
}

/// A sink for one piece of work called `name`.
pub(crate) fn sink(common: &Common, name: &str) -> Box<dyn Sink> {
    if common.json {
        return Box::new(|_: Event| stop_if_interrupted());
    }
    if !std::io::stderr().is_terminal() {
        return Box::new(Plain { name: name.to_owned() });
    }
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(120));
    bar.set_style(spinner());
    bar.set_message(name.to_owned());
    Box::new(Terminal { bar, name: name.to_owned() })
}

fn stop_if_interrupted() -> ControlFlow<()> {
    if interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Lines on stderr for logs: stages and warnings, no percentages.
struct Plain {
    name: String,
}

impl Sink for Plain {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        match event {
            Event::Stage { message, .. } => eprintln!("{}: {message}", self.name),
            Event::Warning { message } => eprintln!("{}: warning: {message}", self.name),
            Event::Progress { .. } | Event::Text { .. } => {}
        }
        stop_if_interrupted()
    }
}

struct Terminal {
    bar: ProgressBar,
    name: String,
}

impl Sink for Terminal {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        match event {
            Event::Stage { message, .. } => {
                self.bar.set_style(spinner());
                self.bar.set_message(format!("{}: {message}", self.name));
            }
            Event::Progress { done, total, unit } => {
                if let Some(total) = total {
                    self.bar.set_style(counted(&unit));
                    self.bar.set_length(total);
                }
                self.bar.set_position(done);
            }
            Event::Warning { message } => self.bar.println(format!("{}: warning: {message}", self.name)),
            Event::Text { .. } => {}
        }
        stop_if_interrupted()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} {elapsed}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn counted(unit: &str) -> ProgressStyle {
    let template =
        format!("{{spinner}} {{msg}} {{bar:30}} {{human_pos}}/{{human_len}} {unit} {{elapsed}} (about {{eta}} left)");
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
