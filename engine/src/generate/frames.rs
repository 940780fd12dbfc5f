//! What passes between Lectern and its model process: length-prefixed JSON frames over standard input and output.
//!
//! | bytes | meaning |
//! |---|---|
//! | 4 | length n of the payload, little-endian, at most [`FRAME_LIMIT`] |
//! | n | one [`ToModel`] or [`FromModel`] as JSON |

use super::{Answer, GenerateError, ModelCard, ReadReport, Request};
use crate::progress::Event;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// Version of the frames; both sides are the same binary, so a difference means a mixed installation.
pub const PROTOCOL: u32 = 1;

/// Largest payload in bytes. A document of a million tokens is about 5 MB; the rest is room.
pub const FRAME_LIMIT: u32 = 256 * 1024 * 1024;

/// A request to the model process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub enum ToModel {
    /// Count tokens.
    Count {
        /// The text.
        text: String,
    },
    /// Read a document.
    Read {
        /// The text.
        text: String,
        /// See [`super::Reading::label`].
        label: String,
        /// See [`super::Reading::state_dir`].
        state_dir: Option<PathBuf>,
    },
    /// Answer from what was read.
    Answer {
        /// The request.
        request: Request,
    },
    /// Stop what is running at the next safe place.
    Cancel,
}

/// A reply of the model process. Every request but `Cancel` ends with one of the last four.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub enum FromModel {
    /// First frame of all: the model is loaded.
    Hello {
        /// [`PROTOCOL`] of the process.
        protocol: u32,
        /// What was loaded.
        card: ModelCard,
    },
    /// Progress of the running request.
    Event {
        /// What happened.
        event: Event,
    },
    /// The process is alive and busy; gives the other side a moment to cancel.
    Tick,
    /// Reply to `Count`.
    Counted {
        /// Tokens.
        tokens: usize,
    },
    /// Reply to `Read`.
    Done {
        /// What reading did.
        report: ReadReport,
    },
    /// Reply to `Answer`.
    Answered {
        /// The answer.
        answer: Answer,
    },
    /// The request failed, or loading did.
    Failed {
        /// Why.
        error: GenerateError,
    },
}

/// Writes one frame and flushes.
///
/// # Errors
/// Those of the stream; `InvalidData` for a payload over [`FRAME_LIMIT`].
pub fn write(stream: &mut impl Write, frame: &impl Serialize) -> io::Result<()> {
    let payload = serde_json::to_vec(frame).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
    let length = u32::try_from(payload.len()).ok().filter(|n| *n <= FRAME_LIMIT);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the frame is too long"))?;
    stream.write_all(&length.to_le_bytes())?;
    stream.write_all(&payload)?;
    stream.flush()
}

/// Reads one frame; `None` at a clean end of the stream.
///
/// # Errors
/// Those of the stream; `InvalidData` for a frame that is too long or not of the expected form.
pub fn read<T: DeserializeOwned>(stream: &mut impl Read) -> io::Result<Option<T>> {
    let mut prefix = [0u8; 4];
    let mut filled = 0;
    while let Some(free) = prefix.get_mut(filled..).filter(|free| !free.is_empty()) {
        match stream.read(free)? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => filled += n,
        }
    }
    let length = u32::from_le_bytes(prefix);
    if length > FRAME_LIMIT {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {length} bytes is announced")));
    }
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload)?;
    serde_json::from_slice(&payload).map(Some).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_and_a_cut_stream_is_an_error() {
        let mut bytes = Vec::new();
        write(&mut bytes, &ToModel::Count { text: "né".into() }).unwrap();
        write(&mut bytes, &ToModel::Cancel).unwrap();
        let mut stream = bytes.as_slice();
        assert_eq!(read::<ToModel>(&mut stream).unwrap(), Some(ToModel::Count { text: "né".into() }));
        assert_eq!(read::<ToModel>(&mut stream).unwrap(), Some(ToModel::Cancel));
        assert_eq!(read::<ToModel>(&mut stream).unwrap(), None);
        for cut in [1, 3, 4, bytes.len() / 2 - 1] {
            assert!(read::<ToModel>(&mut &bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn an_announced_giant_is_refused_before_memory_is_taken() {
        let bytes = u32::MAX.to_le_bytes();
        assert_eq!(read::<ToModel>(&mut bytes.as_slice()).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
