//! The tantivy index: a cache over pages and sections, rebuilt from SQLite at will.

pub mod tokenize;
