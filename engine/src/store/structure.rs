//! The rows of a canonical text: the text itself, pages with glyph boxes, sections, blocks, cues, notes.

use super::{DocumentId, StoreError, corrupt, from_int, from_json, from_word, glyphs, int, json, word};
use crate::text::{Block, Cue, DocText, Extractor, ImportNote, Page, PageStatus, Section, Span};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

pub(super) async fn insert_text(tx: &mut SqliteConnection, id: DocumentId, text: &DocText) -> Result<(), StoreError> {
    let ocr = text.pages.iter().filter(|p| p.status == PageStatus::NeedsOcr).count();
    sqlx::query(
        "INSERT INTO texts (document, text, bytes, digest, page_count, pages_need_ocr, extractor_name, extractor_version) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(id.0)
    .bind(&text.text)
    .bind(int(text.text.len()))
    .bind(blake3::hash(text.text.as_bytes()).to_hex().as_str())
    .bind(int(text.pages.len()))
    .bind(int(ocr))
    .bind(&text.extractor.name)
    .bind(&text.extractor.version)
    .execute(&mut *tx)
    .await?;
    for (i, page) in text.pages.iter().enumerate() {
        sqlx::query(
            "INSERT INTO pages (document, position, number, start_byte, end_byte, width, height, status, \
             extractor_name, extractor_version, quality, boxes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(id.0)
        .bind(int(i))
        .bind(i64::from(page.number))
        .bind(int(page.span.start()))
        .bind(int(page.span.end()))
        .bind(finite(page.width))
        .bind(finite(page.height))
        .bind(word(&page.status)?)
        .bind(&page.extractor.name)
        .bind(&page.extractor.version)
        .bind(finite(page.quality))
        .bind(glyphs::encode(&page.boxes))
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// SQLite stores NaN as NULL, which the table refuses; a page without a size is one of size 0.
fn finite(value: f32) -> f64 {
    if value.is_finite() { f64::from(value) } else { 0.0 }
}

pub(super) async fn insert_structure(
    tx: &mut SqliteConnection,
    id: DocumentId,
    text: &DocText,
) -> Result<(), StoreError> {
    for (i, s) in text.sections.iter().enumerate() {
        sqlx::query("INSERT INTO sections VALUES (?, ?, ?, ?, ?, ?, ?)")
            .bind(id.0)
            .bind(int(i))
            .bind(i64::from(s.level))
            .bind(int(s.heading.start()))
            .bind(int(s.heading.end()))
            .bind(int(s.span.start()))
            .bind(int(s.span.end()))
            .execute(&mut *tx)
            .await?;
    }
    for (i, b) in text.blocks.iter().enumerate() {
        sqlx::query("INSERT INTO blocks VALUES (?, ?, ?, ?, ?)")
            .bind(id.0)
            .bind(int(i))
            .bind(json(&b.kind)?)
            .bind(int(b.span.start()))
            .bind(int(b.span.end()))
            .execute(&mut *tx)
            .await?;
    }
    for (i, c) in text.cues.iter().enumerate() {
        sqlx::query("INSERT INTO cues VALUES (?, ?, ?, ?, ?, ?, ?)")
            .bind(id.0)
            .bind(int(i))
            .bind(int(c.span.start()))
            .bind(int(c.span.end()))
            .bind(&c.speaker)
            .bind(c.start_ms.map(int))
            .bind(c.end_ms.map(int))
            .execute(&mut *tx)
            .await?;
    }
    for (i, n) in text.notes.iter().enumerate() {
        sqlx::query("INSERT INTO notes VALUES (?, ?, ?, ?, ?)")
            .bind(id.0)
            .bind(int(i))
            .bind(&n.code)
            .bind(&n.message)
            .bind(n.page.map(i64::from))
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

pub(super) async fn load_pages(tx: &mut SqliteConnection, id: DocumentId) -> Result<Vec<Page>, StoreError> {
    let rows = sqlx::query("SELECT * FROM pages WHERE document = ? ORDER BY position").bind(id.0);
    let what = format!("a page of document {id}");
    let page = |row: &SqliteRow| -> Result<Page, StoreError> {
        Ok(Page {
            number: from_int(row.try_get("number")?, &what)?,
            span: span(row, "start_byte", "end_byte", &what)?,
            width: row.try_get::<f64, _>("width")? as f32,
            height: row.try_get::<f64, _>("height")? as f32,
            status: from_word(row.try_get("status")?, &what)?,
            extractor: Extractor { name: row.try_get("extractor_name")?, version: row.try_get("extractor_version")? },
            quality: row.try_get::<f64, _>("quality")? as f32,
            boxes: glyphs::decode(row.try_get("boxes")?).map_err(|reason| corrupt(&what, reason))?,
        })
    };
    rows.fetch_all(tx).await?.iter().map(page).collect()
}

pub(super) async fn load_sections(tx: &mut SqliteConnection, id: DocumentId) -> Result<Vec<Section>, StoreError> {
    let rows = sqlx::query("SELECT * FROM sections WHERE document = ? ORDER BY position").bind(id.0);
    let what = format!("a section of document {id}");
    let section = |row: &SqliteRow| -> Result<Section, StoreError> {
        Ok(Section {
            level: from_int(row.try_get("level")?, &what)?,
            heading: span(row, "heading_start", "heading_end", &what)?,
            span: span(row, "start_byte", "end_byte", &what)?,
        })
    };
    rows.fetch_all(tx).await?.iter().map(section).collect()
}

pub(super) async fn load_blocks(tx: &mut SqliteConnection, id: DocumentId) -> Result<Vec<Block>, StoreError> {
    let rows = sqlx::query("SELECT * FROM blocks WHERE document = ? ORDER BY position").bind(id.0);
    let what = format!("a block of document {id}");
    let block = |row: &SqliteRow| -> Result<Block, StoreError> {
        Ok(Block { kind: from_json(row.try_get("kind")?, &what)?, span: span(row, "start_byte", "end_byte", &what)? })
    };
    rows.fetch_all(tx).await?.iter().map(block).collect()
}

pub(super) async fn load_cues(tx: &mut SqliteConnection, id: DocumentId) -> Result<Vec<Cue>, StoreError> {
    let rows = sqlx::query("SELECT * FROM cues WHERE document = ? ORDER BY position").bind(id.0);
    let what = format!("a cue of document {id}");
    let time = |row: &SqliteRow, column: &str| -> Result<Option<u64>, StoreError> {
        row.try_get::<Option<i64>, _>(column)?.map(|ms| from_int(ms, &what)).transpose()
    };
    let cue = |row: &SqliteRow| -> Result<Cue, StoreError> {
        Ok(Cue {
            span: span(row, "start_byte", "end_byte", &what)?,
            speaker: row.try_get("speaker")?,
            start_ms: time(row, "start_ms")?,
            end_ms: time(row, "end_ms")?,
        })
    };
    rows.fetch_all(tx).await?.iter().map(cue).collect()
}

pub(super) async fn load_notes(tx: &mut SqliteConnection, id: DocumentId) -> Result<Vec<ImportNote>, StoreError> {
    let rows = sqlx::query("SELECT code, message, page FROM notes WHERE document = ? ORDER BY position").bind(id.0);
    rows.fetch_all(tx).await?.iter().map(note_of).collect()
}

pub(super) fn note_of(row: &SqliteRow) -> Result<ImportNote, StoreError> {
    let page: Option<i64> = row.try_get("page")?;
    Ok(ImportNote {
        code: row.try_get("code")?,
        message: row.try_get("message")?,
        page: page.map(|n| from_int(n, "a note")).transpose()?,
    })
}

pub(super) fn span(row: &SqliteRow, start: &str, end: &str, what: &str) -> Result<Span, StoreError> {
    Ok(Span::new(from_int(row.try_get(start)?, what)?, from_int(row.try_get(end)?, what)?))
}
