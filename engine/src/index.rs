//! The tantivy index: a cache over pages and sections, rebuilt from SQLite at will.

pub mod tokenize;

/// What can go wrong with the search index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// tantivy failed.
    #[error("The search index failed: {0}. Run `lectern reindex`; no document is affected.")]
    Tantivy(#[from] tantivy::TantivyError),
    /// A file of the index cannot be read or written.
    #[error("The search index in {path} cannot be used: {source}")]
    Io {
        /// The file or folder.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
