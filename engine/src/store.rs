//! SQLite: the truth of a library.

pub mod documents;
pub mod jobs;
pub mod lock;
pub mod runs;
