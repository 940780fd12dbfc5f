//! SQLite: the truth of a library.
//!
//! One process at a time holds a library ([`lock`]); it has one connection that writes and a few that read. Commits
//! are synced (`synchronous = FULL`): writes are rare and small here, and "imported", "reviewed" or "done", once said,
//! must survive a power cut. Deleted content is overwritten (`secure_delete`) and the log truncated.

pub mod documents;
pub mod jobs;
pub mod lock;
pub mod runs;

use crate::text::Span;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

macro_rules! id {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
id!(DocumentId, "Identity of a document in one library.");
id!(RunId, "Identity of a stored result.");
id!(ClaimId, "Identity of one line of a stored result.");
id!(JobId, "Identity of a job.");

/// What can go wrong with the database of a library.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such thing.
    #[error("There is no {what} {id} in this library.")]
    NotFound {
        /// `document`, `result`, `claim`, `job`.
        what: &'static str,
        /// Its number.
        id: i64,
    },
    /// SQLite failed.
    #[error("The library's database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A file of the library cannot be read or written.
    #[error("{path} cannot be used: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A row does not hold what it must.
    #[error("The library's database holds a damaged entry ({what}): {reason}. Run `lectern doctor`.")]
    Corrupt {
        /// Which entry.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// A quote is not what stands in the document at its place.
    #[error("A quote does not stand in document {document} at bytes {}..{}: {quote:?}. It is not used.", span.start(), span.end())]
    Evidence {
        /// The document.
        document: DocumentId,
        /// Where it should stand.
        span: Span,
        /// The quote.
        quote: String,
    },
    /// The step is not possible in the state the thing is in.
    #[error("{message}")]
    NotPossible {
        /// What was asked, why it cannot be done, and what to do.
        message: String,
    },
}
