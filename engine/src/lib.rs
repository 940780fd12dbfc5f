//! Documents in, grounded answers out.
//!
//! A client opens a [`workspace::Workspace`] on a library folder and does everything through it: import, list, search,
//! read, run tasks, review, export. The path of a document and the invariants are in `ARCHITECTURE.md`.
#![forbid(unsafe_op_in_unsafe_fn)]

pub mod evaluation;
pub mod export;
pub mod generate;
pub mod ground;
pub mod import;
pub mod index;
pub mod progress;
pub mod reading;
pub mod rules;
pub mod store;
pub mod tasks;
pub mod text;
pub mod values;
pub mod worker;
pub mod workspace;
