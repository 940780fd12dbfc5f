//! Documents and their texts: what was imported, how it went, and the canonical text with its map.

use super::structure::{
    insert_structure, insert_text, load_blocks, load_cues, load_notes, load_pages, load_sections, note_of,
};
use super::{DocumentId, Store, StoreError, TEXTS_KEPT, corrupt, delete_from_backups, from_int, from_word, int, word};
use crate::import::raw::Format;
use crate::text::{DocText, Extractor, ImportNote, PageStatus};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};
use std::sync::{Arc, PoisonError};

/// A document of the library, without its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Its identity in this library.
    pub id: DocumentId,
    /// File name at import.
    pub name: String,
    /// Recognised format; `None` where the file is of no known kind.
    pub format: Option<Format>,
    /// How the import went.
    pub status: DocumentStatus,
    /// For a status other than `Ready`: what happened and what to do.
    pub message: Option<String>,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Number of pages; `None` for formats without pages and where nothing was parsed.
    pub pages: Option<u32>,
    /// Pages that hold a picture of text but no text.
    pub pages_need_ocr: u32,
    /// Size of the canonical text in bytes, 0 where there is none.
    pub text_bytes: u64,
    /// The title the file states.
    pub title: Option<String>,
    /// When it was imported, milliseconds since 1970.
    pub imported_ms: i64,
    /// Whether the search index holds it.
    pub indexed: bool,
    /// What the person should know about this import.
    pub notes: Vec<ImportNote>,
}

/// How an import went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentStatus {
    /// Its bytes are in the library; parsing has not ended.
    Importing,
    /// Its whole text is there.
    Ready,
    /// Text is there, but some pages have none or could not be read.
    Partial,
    /// No page has text: a scan.
    NeedsOcr,
    /// It is encrypted; `retry` with a password.
    NeedsPassword,
    /// It cannot be parsed: the file is broken.
    Damaged,
    /// It holds no text and no picture.
    Empty,
    /// Its format is not one Lectern reads.
    Unsupported,
    /// Parsing failed for another reason (time, memory, crash); `retry` may help.
    Failed,
}

impl DocumentStatus {
    /// The status of a file that could be parsed: by what its text and pages hold.
    pub fn of(text: &DocText) -> Self {
        let any = |status: PageStatus| text.pages.iter().any(|p| p.status == status);
        let (scans, failed) = (any(PageStatus::NeedsOcr), any(PageStatus::Failed));
        // The crumbs of text on a page that was judged a picture do not make it readable.
        let readable = text.pages.is_empty() || any(PageStatus::Ok) || any(PageStatus::Poor);
        match readable && !text.text.trim().is_empty() {
            true if scans || failed => Self::Partial,
            true => Self::Ready,
            false if scans => Self::NeedsOcr,
            false if failed => Self::Damaged,
            false => Self::Empty,
        }
    }

    /// The stable word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Importing => "importing",
            Self::Ready => "ready",
            Self::Partial => "partial",
            Self::NeedsOcr => "needs_ocr",
            Self::NeedsPassword => "needs_password",
            Self::Damaged => "damaged",
            Self::Empty => "empty",
            Self::Unsupported => "unsupported",
            Self::Failed => "failed",
        }
    }

    /// Whether there is text to search and to read.
    pub fn has_text(self) -> bool {
        matches!(self, Self::Ready | Self::Partial)
    }
}

const DOCUMENT: &str = "SELECT d.id, d.name, d.format, d.status, d.message, d.bytes, d.sha256, d.title, d.imported_ms, \
     d.indexed, t.page_count, t.pages_need_ocr, t.bytes AS text_bytes \
     FROM documents d LEFT JOIN texts t ON t.document = d.id ";

/// How an import ended, as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct Parsed<'a> {
    /// The format, where recognised.
    pub format: Option<Format>,
    /// The status.
    pub status: DocumentStatus,
    /// What happened and what to do, for a status other than `Ready`.
    pub message: Option<&'a str>,
    /// The text, where the file could be parsed.
    pub text: Option<&'a DocText>,
}

impl Store {
    /// All documents, newest first.
    pub async fn documents(&self) -> Result<Vec<Document>, StoreError> {
        let rows = sqlx::query(AssertSqlSafe(format!("{DOCUMENT} ORDER BY d.id DESC"))).fetch_all(&self.reader).await?;
        let mut documents: Vec<Document> = rows.iter().map(document_of).collect::<Result<_, _>>()?;
        let notes = sqlx::query("SELECT document, code, message, page FROM notes ORDER BY document, position");
        for row in notes.fetch_all(&self.reader).await? {
            let id = DocumentId(row.try_get(0)?);
            // Newest first, so ids fall.
            if let Ok(i) = documents.binary_search_by(|d| id.cmp(&d.id)) {
                documents[i].notes.push(note_of(&row)?);
            }
        }
        Ok(documents)
    }

    /// One document.
    pub async fn document(&self, id: DocumentId) -> Result<Document, StoreError> {
        let row = sqlx::query(AssertSqlSafe(format!("{DOCUMENT} WHERE d.id = ?"))).bind(id.0);
        let row = row.fetch_optional(&self.reader).await?;
        let mut document = document_of(&row.ok_or(StoreError::NotFound { what: "document", id: id.0 })?)?;
        document.notes = self.notes(id).await?;
        Ok(document)
    }

    /// The document whose file has this SHA-256.
    pub async fn document_by_hash(&self, sha256: &str) -> Result<Option<Document>, StoreError> {
        let id: Option<i64> = sqlx::query_scalar("SELECT id FROM documents WHERE sha256 = ?")
            .bind(sha256)
            .fetch_optional(&self.reader)
            .await?;
        match id {
            Some(id) => self.document(DocumentId(id)).await.map(Some),
            None => Ok(None),
        }
    }

    /// Lists a file whose bytes are about to be in the library.
    pub async fn add_importing(
        &self,
        sha256: &str,
        name: &str,
        bytes: u64,
        now_ms: i64,
    ) -> Result<DocumentId, StoreError> {
        let id = sqlx::query_scalar(
            "INSERT INTO documents (sha256, name, bytes, status, imported_ms) VALUES (?, ?, ?, 'importing', ?) RETURNING id",
        )
        .bind(sha256)
        .bind(name)
        .bind(int(bytes))
        .bind(now_ms)
        .fetch_one(&self.writer)
        .await?;
        Ok(DocumentId(id))
    }

    /// Takes an unfinished import off the list.
    pub async fn forget_import(&self, id: DocumentId) -> Result<(), StoreError> {
        let query = sqlx::query("DELETE FROM documents WHERE id = ? AND status = 'importing'").bind(id.0);
        query.execute(&self.writer).await?;
        Ok(())
    }

    /// Stores how an import ended, text and all, in one transaction. A text that is there already must be one without
    /// results (see `Workspace::retry`); it is replaced.
    pub async fn finish_import(&self, id: DocumentId, parsed: Parsed<'_>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let updated = sqlx::query(
            "UPDATE documents SET format = ?, status = ?, message = ?, title = ?, indexed = 0 WHERE id = ?",
        )
        .bind(parsed.format.as_ref().map(word).transpose()?)
        .bind(parsed.status.as_str())
        .bind(parsed.message)
        .bind(parsed.text.and_then(|t| t.title.as_deref()))
        .bind(id.0)
        .execute(&mut *tx)
        .await?;
        if updated.rows_affected() == 0 {
            return Err(StoreError::NotFound { what: "document", id: id.0 });
        }
        sqlx::query("DELETE FROM texts WHERE document = ?").bind(id.0).execute(&mut *tx).await?;
        if let Some(text) = parsed.text {
            insert_text(&mut tx, id, text).await?;
            insert_structure(&mut tx, id, text).await?;
        }
        tx.commit().await?;
        self.forget_text(id);
        Ok(())
    }

    /// The canonical text with all that is known about it; an empty one where the document has none.
    pub async fn text(&self, id: DocumentId) -> Result<Arc<DocText>, StoreError> {
        let kept = {
            let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
            texts.iter().find(|(kept, _)| *kept == id).map(|(_, text)| text.clone())
        };
        if let Some(text) = kept {
            return Ok(text);
        }
        let text = Arc::new(self.load_text(id).await?);
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.retain(|(kept, _)| *kept != id);
        texts.push_front((id, text.clone()));
        texts.truncate(TEXTS_KEPT);
        Ok(text)
    }

    async fn load_text(&self, id: DocumentId) -> Result<DocText, StoreError> {
        // One snapshot for all tables.
        let mut tx = self.reader.begin().await?;
        let title = sqlx::query("SELECT title FROM documents WHERE id = ?").bind(id.0).fetch_optional(&mut *tx).await?;
        let title = title.ok_or(StoreError::NotFound { what: "document", id: id.0 })?.try_get(0)?;
        let row = sqlx::query("SELECT text, digest, extractor_name, extractor_version FROM texts WHERE document = ?");
        let Some(row) = row.bind(id.0).fetch_optional(&mut *tx).await? else {
            return Ok(DocText {
                text: String::new(),
                pages: Vec::new(),
                sections: Vec::new(),
                blocks: Vec::new(),
                cues: Vec::new(),
                extractor: Extractor { name: "none".to_owned(), version: String::new() },
                notes: Vec::new(),
                title,
            });
        };
        let text: String = row.try_get("text")?;
        let digest: String = row.try_get("digest")?;
        if blake3::hash(text.as_bytes()).to_hex().as_str() != digest {
            return Err(corrupt(&format!("the text of document {id}"), "it is not what was imported".to_owned()));
        }
        let extractor = Extractor { name: row.try_get("extractor_name")?, version: row.try_get("extractor_version")? };
        let loaded = DocText {
            pages: load_pages(&mut tx, id).await?,
            sections: load_sections(&mut tx, id).await?,
            blocks: load_blocks(&mut tx, id).await?,
            cues: load_cues(&mut tx, id).await?,
            notes: load_notes(&mut tx, id).await?,
            text,
            extractor,
            title,
        };
        tx.commit().await?;
        Ok(loaded)
    }

    async fn notes(&self, id: DocumentId) -> Result<Vec<ImportNote>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        load_notes(&mut connection, id).await
    }

    /// Documents with text that the index does not hold yet.
    pub async fn unindexed(&self) -> Result<Vec<DocumentId>, StoreError> {
        let rows =
            sqlx::query("SELECT id FROM documents WHERE indexed = 0 AND status IN ('ready', 'partial') ORDER BY id");
        rows.fetch_all(&self.reader).await?.iter().map(|r| Ok(DocumentId(r.try_get(0)?))).collect()
    }

    /// Says that the index holds a document.
    pub async fn set_indexed(&self, id: DocumentId, indexed: bool) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE documents SET indexed = ? WHERE id = ?").bind(i64::from(indexed)).bind(id.0);
        query.execute(&self.writer).await?;
        Ok(())
    }

    /// Says that the index holds nothing.
    pub async fn reset_indexed(&self) -> Result<(), StoreError> {
        sqlx::query("UPDATE documents SET indexed = 0").execute(&self.writer).await?;
        Ok(())
    }

    /// First half of a deletion: the rows go, and what remains to be removed is written down, in one transaction.
    pub async fn begin_removal(&self, id: DocumentId) -> Result<String, StoreError> {
        let mut tx = self.begin().await?;
        let sha256: Option<String> = sqlx::query_scalar("DELETE FROM documents WHERE id = ? RETURNING sha256")
            .bind(id.0)
            .fetch_optional(&mut *tx)
            .await?;
        let sha256 = sha256.ok_or(StoreError::NotFound { what: "document", id: id.0 })?;
        sqlx::query("INSERT INTO removals (document, sha256) VALUES (?, ?)")
            .bind(id.0)
            .bind(&sha256)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        self.forget_text(id);
        Ok(sha256)
    }

    /// Deletions whose second half has not ended.
    pub async fn removals(&self) -> Result<Vec<(DocumentId, String)>, StoreError> {
        let rows =
            sqlx::query("SELECT document, sha256 FROM removals ORDER BY document").fetch_all(&self.reader).await?;
        rows.iter().map(|r| Ok((DocumentId(r.try_get(0)?), r.try_get(1)?))).collect()
    }

    /// Second half of a deletion, after files and index entries are gone: backups and the log.
    pub async fn finish_removal(&self, id: DocumentId, sha256: &str) -> Result<(), StoreError> {
        delete_from_backups(&self.library, sha256).await?;
        sqlx::query("DELETE FROM removals WHERE document = ?").bind(id.0).execute(&self.writer).await?;
        self.checkpoint().await
    }
}

fn document_of(row: &SqliteRow) -> Result<Document, StoreError> {
    let id = DocumentId(row.try_get("id")?);
    let what = format!("document {id}");
    let pages: Option<i64> = row.try_get("page_count")?;
    Ok(Document {
        id,
        name: row.try_get("name")?,
        format: row.try_get::<Option<String>, _>("format")?.map(|f| from_word(f, &what)).transpose()?,
        status: from_word(row.try_get("status")?, &what)?,
        message: row.try_get("message")?,
        bytes: from_int(row.try_get("bytes")?, &what)?,
        sha256: row.try_get("sha256")?,
        pages: pages.filter(|n| *n > 0).map(|n| from_int(n, &what)).transpose()?,
        pages_need_ocr: from_int(row.try_get::<Option<i64>, _>("pages_need_ocr")?.unwrap_or(0), &what)?,
        text_bytes: from_int(row.try_get::<Option<i64>, _>("text_bytes")?.unwrap_or(0), &what)?,
        title: row.try_get("title")?,
        imported_ms: row.try_get("imported_ms")?,
        indexed: row.try_get::<i64, _>("indexed")? != 0,
        notes: Vec::new(),
    })
}
