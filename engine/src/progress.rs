//! How long work tells its client where it is, and how the client stops it.

use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// Something that happened during long work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A stage began: `import`, `index`, `read`, `summary`, `minutes`, `fields`, `question` ...
    Stage {
        /// A stable word for programs.
        stage: String,
        /// One line for a person.
        message: String,
    },
    /// How far the current stage is.
    Progress {
        /// Units done so far.
        done: u64,
        /// Units in all; `None` where it is not known.
        total: Option<u64>,
        /// What is counted: `tokens`, `pages`, `fields`, `bytes`.
        unit: String,
    },
    /// Text as it is generated, in pieces.
    Text {
        /// The next piece.
        piece: String,
    },
    /// Something the person should know; work goes on.
    Warning {
        /// What happened and what to do.
        message: String,
    },
}

/// Receives events of one piece of work, in order, from one thread at a time.
///
/// Laws: after `Break` is returned no further event comes and the work stops at the next safe boundary; what was
/// stored before stays, and nothing half-made is stored.
pub trait Sink: Send {
    /// Takes one event; `Break` asks for cancellation.
    fn event(&mut self, event: Event) -> ControlFlow<()>;
}

impl<F: FnMut(Event) -> ControlFlow<()> + Send> Sink for F {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        self(event)
    }
}

/// A sink that lets everything pass unheard.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Sink for Silent {
    fn event(&mut self, _: Event) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
