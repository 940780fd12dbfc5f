//! Results of tasks: claims with evidence, and what people made of them.
//!
//! Evidence is checked against the canonical text when it is written and again when it is read.

use super::{ClaimId, DocumentId, RunId, StoreError};
use crate::tasks::{RunResult, TaskSpec};
use serde::{Deserialize, Serialize};

/// A stored result with its reviews.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredRun {
    /// Its identity.
    pub id: RunId,
    /// The document it is about.
    pub document: DocumentId,
    /// What was asked.
    pub spec: TaskSpec,
    /// What came out, as it was generated; reviews never change it.
    pub result: RunResult,
    /// Identities of `result.claims`, in the same order.
    pub claim_ids: Vec<ClaimId>,
    /// The latest review of each claim, in the same order.
    pub reviews: Vec<Option<Review>>,
    /// When it was stored, milliseconds since 1970.
    pub created_ms: i64,
}

/// What a person says about a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The verdict.
    pub verdict: Verdict,
    /// The corrected line, for `Edited`.
    pub text: Option<String>,
    /// A remark.
    pub note: Option<String>,
}

/// A person's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Right as it is.
    Accepted,
    /// Right after a correction.
    Edited,
    /// Wrong.
    Rejected,
}

/// One entry of a claim's review history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The claim.
    pub claim: ClaimId,
    /// What was said.
    pub review: Review,
    /// When, milliseconds since 1970.
    pub created_ms: i64,
}
