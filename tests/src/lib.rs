//! Behaviour tests across packages. The tests themselves are in `tests/tests/`; here is what they share.

use std::path::PathBuf;

/// The root of the repository.
pub fn root() -> PathBuf {
    // The package lies directly below the root; `..` resolves on use.
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
