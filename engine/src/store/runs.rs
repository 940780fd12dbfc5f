//! Results of tasks: claims with evidence, and what people made of them.
//!
//! Evidence is checked against the canonical text when it is written and again when it is read.

use super::jobs::set_done;
use super::structure::span;
use super::{
    ClaimId, DocumentId, JobId, RunId, Store, StoreError, corrupt, from_int, from_json, from_word, int, json, word,
};
use crate::tasks::{Claim, Evidence, RunResult, SearchedNote, TaskSpec};
use crate::text::DocText;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use std::collections::HashMap;

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

impl Store {
    /// Stores the result of a running task and ends its job, in one transaction. Refuses evidence that is not what
    /// stands in the document.
    pub async fn finish_task(
        &self,
        job: JobId,
        document: DocumentId,
        spec: &TaskSpec,
        result: &RunResult,
        now_ms: i64,
    ) -> Result<RunId, StoreError> {
        check_result(document, &*self.text(document).await?, result)?;
        let mut tx = self.begin().await?;
        let run = insert_run(&mut tx, document, spec, result, now_ms).await?;
        set_done(&mut tx, job, run, now_ms).await?;
        tx.commit().await?;
        Ok(run)
    }

    /// The results of a document, newest first; each checked against the text.
    pub async fn runs(&self, document: DocumentId) -> Result<Vec<StoredRun>, StoreError> {
        let ids: Vec<i64> = sqlx::query_scalar("SELECT id FROM runs WHERE document = ? ORDER BY id DESC")
            .bind(document.0)
            .fetch_all(&self.reader)
            .await?;
        let mut runs = Vec::with_capacity(ids.len());
        for id in ids {
            runs.push(self.run(RunId(id)).await?);
        }
        Ok(runs)
    }

    /// The identities of all results, oldest first.
    pub async fn run_ids(&self) -> Result<Vec<RunId>, StoreError> {
        let ids: Vec<i64> = sqlx::query_scalar("SELECT id FROM runs ORDER BY id").fetch_all(&self.reader).await?;
        Ok(ids.into_iter().map(RunId).collect())
    }

    /// One result; its evidence is checked against the text.
    pub async fn run(&self, id: RunId) -> Result<StoredRun, StoreError> {
        let mut tx = self.reader.begin().await?;
        let row = sqlx::query("SELECT * FROM runs WHERE id = ?").bind(id.0).fetch_optional(&mut *tx).await?;
        let row = row.ok_or(StoreError::NotFound { what: "result", id: id.0 })?;
        let document = DocumentId(row.try_get("document")?);
        let what = format!("result {id}");
        let (claim_ids, claims) = load_claims(&mut tx, id).await?;
        let latest = latest_reviews(&mut tx, id).await?;
        tx.commit().await?;
        let result = RunResult {
            claims,
            coverage: from_json(row.try_get("coverage")?, &what)?,
            provenance: from_json(row.try_get("provenance")?, &what)?,
        };
        check_result(document, &*self.text(document).await?, &result)?;
        Ok(StoredRun {
            id,
            document,
            spec: from_json(row.try_get("spec")?, &what)?,
            result,
            reviews: claim_ids.iter().map(|claim| latest.get(claim).cloned()).collect(),
            claim_ids,
            created_ms: row.try_get("created_ms")?,
        })
    }

    /// Adds a review; earlier ones are kept.
    pub async fn review(&self, claim: ClaimId, review: &Review, now_ms: i64) -> Result<(), StoreError> {
        if review.verdict == Verdict::Edited && review.text.is_none() {
            let message = "An edited line needs its new text.".to_owned();
            return Err(StoreError::NotPossible { message });
        }
        let added = sqlx::query(
            "INSERT INTO edits (claim, verdict, text, note, created_ms) SELECT id, ?, ?, ?, ? FROM claims WHERE id = ?",
        )
        .bind(word(&review.verdict)?)
        .bind(&review.text)
        .bind(&review.note)
        .bind(now_ms)
        .bind(claim.0)
        .execute(&self.writer)
        .await?;
        match added.rows_affected() {
            0 => Err(StoreError::NotFound { what: "claim", id: claim.0 }),
            _ => Ok(()),
        }
    }

    /// Every review of a claim, oldest first.
    pub async fn edits(&self, claim: ClaimId) -> Result<Vec<Edit>, StoreError> {
        let rows = sqlx::query("SELECT * FROM edits WHERE claim = ? ORDER BY id").bind(claim.0);
        rows.fetch_all(&self.reader).await?.iter().map(edit_of).collect()
    }
}

/// The law of evidence: `text[span] == quote`, and no span is empty.
fn check_result(document: DocumentId, text: &DocText, result: &RunResult) -> Result<(), StoreError> {
    let contrary = |claim: &Claim| claim.searched.iter().flat_map(|s| s.contrary.clone()).collect::<Vec<_>>();
    for evidence in result.claims.iter().flat_map(|c| c.evidence.iter().cloned().chain(contrary(c))) {
        if evidence.span.is_empty() || text.slice(evidence.span) != Some(evidence.quote.as_str()) {
            return Err(StoreError::Evidence { document, span: evidence.span, quote: evidence.quote });
        }
    }
    Ok(())
}

async fn insert_run(
    tx: &mut SqliteConnection,
    document: DocumentId,
    spec: &TaskSpec,
    result: &RunResult,
    now_ms: i64,
) -> Result<RunId, StoreError> {
    let run: i64 = sqlx::query_scalar(
        "INSERT INTO runs (document, spec, coverage, provenance, created_ms) VALUES (?, ?, ?, ?, ?) RETURNING id",
    )
    .bind(document.0)
    .bind(json(spec)?)
    .bind(json(&result.coverage)?)
    .bind(json(&result.provenance)?)
    .bind(now_ms)
    .fetch_one(&mut *tx)
    .await?;
    for (i, claim) in result.claims.iter().enumerate() {
        insert_claim(tx, RunId(run), i, claim).await?;
    }
    Ok(RunId(run))
}

async fn insert_claim(tx: &mut SqliteConnection, run: RunId, position: usize, claim: &Claim) -> Result<(), StoreError> {
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO claims (run, position, kind, label, text, value, status, unlocated, owner, due, checks, \
         found_by, confidence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
    )
    .bind(run.0)
    .bind(int(position))
    .bind(word(&claim.kind)?)
    .bind(&claim.label)
    .bind(&claim.text)
    .bind(claim.value.as_ref().map(json).transpose()?)
    .bind(word(&claim.status)?)
    .bind(json(&claim.unlocated)?)
    .bind(&claim.owner)
    .bind(&claim.due)
    .bind(json(&claim.checks)?)
    .bind(claim.found_by.as_ref().map(word).transpose()?)
    .bind(claim.confidence)
    .fetch_one(&mut *tx)
    .await?;
    insert_evidence(tx, id, "support", &claim.evidence).await?;
    if let Some(searched) = &claim.searched {
        sqlx::query("INSERT INTO searched (claim, read_tokens, queries) VALUES (?, ?, ?)")
            .bind(id)
            .bind(int(searched.read_tokens))
            .bind(json(&searched.queries)?)
            .execute(&mut *tx)
            .await?;
        insert_evidence(tx, id, "contrary", &searched.contrary).await?;
    }
    Ok(())
}

async fn insert_evidence(
    tx: &mut SqliteConnection,
    claim: i64,
    role: &str,
    evidence: &[Evidence],
) -> Result<(), StoreError> {
    for (i, e) in evidence.iter().enumerate() {
        sqlx::query("INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(claim)
            .bind(role)
            .bind(int(i))
            .bind(int(e.span.start()))
            .bind(int(e.span.end()))
            .bind(&e.quote)
            .bind(word(&e.matched)?)
            .bind(i64::from(e.occurrences))
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

async fn load_claims(tx: &mut SqliteConnection, run: RunId) -> Result<(Vec<ClaimId>, Vec<Claim>), StoreError> {
    let rows = sqlx::query(
        "SELECT c.*, s.read_tokens, s.queries FROM claims c LEFT JOIN searched s ON s.claim = c.id \
         WHERE c.run = ? ORDER BY c.position",
    );
    let (mut ids, mut claims) = (Vec::new(), Vec::new());
    for row in rows.bind(run.0).fetch_all(&mut *tx).await? {
        ids.push(ClaimId(row.try_get("id")?));
        claims.push(claim_of(&row)?);
    }
    let places: HashMap<ClaimId, usize> = ids.iter().enumerate().map(|(i, id)| (*id, i)).collect();
    let rows = sqlx::query(
        "SELECT e.* FROM evidence e JOIN claims c ON c.id = e.claim WHERE c.run = ? ORDER BY e.claim, e.role, e.position",
    );
    for row in rows.bind(run.0).fetch_all(&mut *tx).await? {
        let claim = ClaimId(row.try_get("claim")?);
        let target = places.get(&claim).and_then(|i| claims.get_mut(*i));
        let (evidence, role): (_, String) = (evidence_of(&row)?, row.try_get("role")?);
        match (target, role.as_str()) {
            (Some(claim), "support") => claim.evidence.push(evidence),
            (Some(Claim { searched: Some(searched), .. }), "contrary") => searched.contrary.push(evidence),
            _ => return Err(corrupt(&format!("evidence of claim {claim}"), format!("role `{role}` has no place"))),
        }
    }
    Ok((ids, claims))
}

fn claim_of(row: &SqliteRow) -> Result<Claim, StoreError> {
    let what = format!("claim {}", row.try_get::<i64, _>("id")?);
    let searched = match row.try_get::<Option<i64>, _>("read_tokens")? {
        Some(tokens) => Some(SearchedNote {
            read_tokens: from_int(tokens, &what)?,
            queries: from_json(row.try_get("queries")?, &what)?,
            contrary: Vec::new(),
        }),
        None => None,
    };
    Ok(Claim {
        kind: from_word(row.try_get("kind")?, &what)?,
        label: row.try_get("label")?,
        text: row.try_get("text")?,
        value: row.try_get::<Option<&str>, _>("value")?.map(|v| from_json(v, &what)).transpose()?,
        status: from_word(row.try_get("status")?, &what)?,
        evidence: Vec::new(),
        unlocated: from_json(row.try_get("unlocated")?, &what)?,
        owner: row.try_get("owner")?,
        due: row.try_get("due")?,
        searched,
        checks: from_json(row.try_get("checks")?, &what)?,
        found_by: row.try_get::<Option<String>, _>("found_by")?.map(|by| from_word(by, &what)).transpose()?,
        confidence: row.try_get("confidence")?,
    })
}

fn evidence_of(row: &SqliteRow) -> Result<Evidence, StoreError> {
    let what = format!("evidence of claim {}", row.try_get::<i64, _>("claim")?);
    Ok(Evidence {
        span: span(row, "start_byte", "end_byte", &what)?,
        quote: row.try_get("quote")?,
        matched: from_word(row.try_get("matched")?, &what)?,
        occurrences: from_int(row.try_get("occurrences")?, &what)?,
    })
}

async fn latest_reviews(tx: &mut SqliteConnection, run: RunId) -> Result<HashMap<ClaimId, Review>, StoreError> {
    let rows = sqlx::query("SELECT e.* FROM edits e JOIN claims c ON c.id = e.claim WHERE c.run = ? ORDER BY e.id");
    let edits = rows.bind(run.0).fetch_all(tx).await?;
    edits.iter().map(|row| edit_of(row).map(|e| (e.claim, e.review))).collect()
}

fn edit_of(row: &SqliteRow) -> Result<Edit, StoreError> {
    let claim = ClaimId(row.try_get("claim")?);
    let verdict = from_word(row.try_get("verdict")?, &format!("a review of claim {claim}"))?;
    let review = Review { verdict, text: row.try_get("text")?, note: row.try_get("note")? };
    Ok(Edit { claim, review, created_ms: row.try_get("created_ms")? })
}
