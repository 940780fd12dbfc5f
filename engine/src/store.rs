//! SQLite: the truth of a library.
//!
//! One process at a time holds a library ([`lock`]); it has one connection that writes and a few that read. Commits
//! are synced (`synchronous = FULL`): writes are rare and small here, and "imported", "reviewed" or "done", once said,
//! must survive a power cut. Deleted content is overwritten (`secure_delete`) and the log truncated.

pub mod documents;
pub mod glyphs;
pub mod jobs;
pub mod lock;
pub mod runs;
mod structure;

use crate::text::{DocText, Span};
use crate::workspace::OpenError;
use lock::LibraryLock;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, Sqlite, Transaction};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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
    #[error("The library's database failed: {0}. Check that the disk is not full and run `lectern doctor`.")]
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

/// `LECT` in the header of the database file.
const APPLICATION_ID: i32 = 0x4C45_4354;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// Texts kept in memory; a document view, a search and a task usually share one.
const TEXTS_KEPT: usize = 4;

/// The database of an open library, and the lock on its folder.
#[derive(Debug)]
pub struct Store {
    writer: SqlitePool,
    reader: SqlitePool,
    texts: Mutex<VecDeque<(DocumentId, Arc<DocText>)>>,
    library: PathBuf,
    _lock: LibraryLock,
}

impl Store {
    /// Locks `library`, refuses what is newer or foreign, backs up before migrating, migrates.
    pub async fn open(library: &Path, now_ms: i64) -> Result<Self, OpenError> {
        Self::open_with(library, now_ms, &MIGRATIONS).await
    }

    async fn open_with(library: &Path, now_ms: i64, migrations: &Migrator) -> Result<Self, OpenError> {
        std::fs::create_dir_all(library).map_err(|source| OpenError::Io { path: library.to_owned(), source })?;
        let lock = LibraryLock::take(library)?;
        let path = library.join("lectern.db");
        let supported = migrations.iter().map(|m| m.version).max().unwrap_or(0);
        let backup = match version(&path).await? {
            found if found > supported => {
                return Err(OpenError::NewerSchema { library: library.to_owned(), found, supported });
            }
            found if found > 0 && found < supported => Some(back_up(library, &path, found, now_ms).await?),
            _ => None,
        };
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("secure_delete", "ON");
        let pool =
            |connections| SqlitePoolOptions::new().max_connections(connections).idle_timeout(None).max_lifetime(None);
        let writer = pool(1).connect_with(options.clone()).await.map_err(StoreError::from)?;
        migrations.run(&writer).await.map_err(|error| OpenError::Migration {
            library: library.to_owned(),
            reason: error.to_string(),
            backup,
        })?;
        let reader = pool(4).connect_with(options.pragma("query_only", "ON")).await.map_err(StoreError::from)?;
        Ok(Self { writer, reader, texts: Mutex::default(), library: library.to_owned(), _lock: lock })
    }

    /// Writes the log back into the database file and closes all connections.
    pub async fn close(&self) {
        self.reader.close().await;
        // A failed checkpoint loses nothing: the log is read at the next open.
        let _ = self.checkpoint().await;
        self.writer.close().await;
    }

    /// Empties the write-ahead log into the database file. Readers hold it up for moments; after half a second the
    /// rest is left to the next checkpoint.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        for _ in 0..20 {
            let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.writer).await?;
            if row.try_get::<i64, _>(0)? == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(())
    }

    /// What SQLite itself finds wrong: damaged pages, rows that point nowhere. Empty where all is well.
    pub async fn integrity(&self) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        for row in sqlx::query("PRAGMA quick_check(20)").fetch_all(&self.reader).await? {
            let line: String = row.try_get(0)?;
            if line != "ok" {
                found.push(line);
            }
        }
        for row in sqlx::query("PRAGMA foreign_key_check").fetch_all(&self.reader).await? {
            found.push(format!("a row of `{}` points nowhere", row.try_get::<String, _>(0)?));
        }
        Ok(found)
    }

    /// Starts a transaction on the one writing connection.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    fn forget_text(&self, id: DocumentId) {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).retain(|(kept, _)| *kept != id);
    }
}

/// The format of the database at `path`: 0 where there is none yet.
async fn version(path: &Path) -> Result<i64, OpenError> {
    if !path.exists() {
        return Ok(0);
    }
    let foreign = |error: sqlx::Error| match error.as_database_error().and_then(|e| e.code()) {
        // SQLITE_NOTADB
        Some(code) if code == "26" => OpenError::NotALibrary { path: path.to_owned() },
        _ => OpenError::Store(error.into()),
    };
    let mut connection =
        SqliteConnectOptions::new().filename(path).create_if_missing(false).connect().await.map_err(foreign)?;
    let application: i32 =
        sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut connection).await.map_err(foreign)?;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut connection).await.map_err(foreign)?;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
        .fetch_one(&mut connection)
        .await
        .map_err(foreign)?;
    connection.close().await.map_err(StoreError::from)?;
    match application {
        APPLICATION_ID => Ok(version),
        // Killed between making the file and the first migration: still empty.
        0 if tables == 0 && version == 0 => Ok(0),
        _ => Err(OpenError::NotALibrary { path: path.to_owned() }),
    }
}

/// Copies the database as it is into `backups/`.
async fn back_up(library: &Path, path: &Path, version: i64, now_ms: i64) -> Result<PathBuf, OpenError> {
    let folder = library.join("backups");
    std::fs::create_dir_all(&folder).map_err(|source| OpenError::Io { path: folder.clone(), source })?;
    let (target, partial) = (folder.join(format!("lectern-v{version}-{now_ms}.db")), folder.join("partial"));
    if partial.exists() {
        std::fs::remove_file(&partial).map_err(|source| OpenError::Io { path: partial.clone(), source })?;
    }
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .connect()
        .await
        .map_err(StoreError::from)?;
    sqlx::query("VACUUM INTO ?")
        .bind(partial.to_string_lossy().into_owned())
        .execute(&mut connection)
        .await
        .map_err(StoreError::from)?;
    connection.close().await.map_err(StoreError::from)?;
    std::fs::File::open(&partial)
        .and_then(|f| f.sync_all())
        .and_then(|()| std::fs::rename(&partial, &target))
        .and_then(|()| std::fs::File::open(&folder)?.sync_all())
        .map_err(|source| OpenError::Io { path: target.clone(), source })?;
    Ok(target)
}

/// Deletes a document's traces from the backups; a backup in which that fails is deleted as a whole, because "deleted"
/// has to be true.
async fn delete_from_backups(library: &Path, sha256: &str) -> Result<(), StoreError> {
    let folder = library.join("backups");
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(()) };
    for path in entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.extension().is_some_and(|e| e == "db")) {
        if delete_from_backup(&path, sha256).await.is_err() {
            std::fs::remove_file(&path).map_err(|source| StoreError::Io { path: path.clone(), source })?;
        }
    }
    Ok(())
}

async fn delete_from_backup(path: &Path, sha256: &str) -> Result<(), sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).foreign_keys(true);
    let options = options.journal_mode(SqliteJournalMode::Delete).pragma("secure_delete", "ON");
    let mut connection = options.connect().await?;
    sqlx::query("DELETE FROM documents WHERE sha256 = ?").bind(sha256).execute(&mut connection).await?;
    sqlx::query("VACUUM").execute(&mut connection).await?;
    connection.close().await
}

/// A number as SQLite stores it. Sizes beyond 2^63 do not occur; they would be stored as the largest number.
fn int(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

/// A stored number as the type it came from.
fn from_int<T: TryFrom<i64>>(value: i64, what: &str) -> Result<T, StoreError> {
    T::try_from(value).map_err(|_| corrupt(what, format!("{value} is out of range")))
}

/// A value as JSON text.
fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| corrupt("a new entry", e.to_string()))
}

/// JSON text as a value.
fn from_json<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| corrupt(what, e.to_string()))
}

/// The serialised name of a unit variant.
fn word<T: Serialize>(value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        other => Err(corrupt("a new entry", format!("{other:?} is not a word"))),
    }
}

/// The unit variant of a serialised name.
fn from_word<T: DeserializeOwned>(word: String, what: &str) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(word)).map_err(|e| corrupt(what, e.to_string()))
}

fn corrupt(what: &str, reason: String) -> StoreError {
    StoreError::Corrupt { what: what.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest() -> i64 {
        MIGRATIONS.iter().map(|m| m.version).max().unwrap()
    }

    /// The migrations as they are, and one that is to come.
    async fn future(folder: &Path) -> Migrator {
        for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations")).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
        let next = newest() + 1;
        let sql = format!("PRAGMA user_version = {next}; ALTER TABLE documents ADD COLUMN tag TEXT;");
        std::fs::write(folder.join(format!("{next:04}_tag.sql")), sql).unwrap();
        Migrator::new(folder).await.unwrap()
    }

    #[tokio::test]
    async fn every_migration_sets_user_version_to_its_number() {
        let library = tempfile::tempdir().unwrap();
        let store = Store::open(library.path(), 1).await.unwrap();
        store.close().await;
        assert_eq!(version(&library.path().join("lectern.db")).await.unwrap(), newest());
    }

    #[tokio::test]
    async fn a_backup_is_made_before_a_migration_and_deleting_reaches_into_it() {
        let (library, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let sha = "b".repeat(64);
        let store = Store::open(library.path(), 1).await.unwrap();
        let id = store.add_importing(&sha, "a-name-to-find.txt", 1, 1).await.unwrap();
        store.close().await;
        drop(store);
        let store = Store::open_with(library.path(), 77, &future(folder.path()).await).await.unwrap();
        let newest = newest();
        let backup = library.path().join(format!("backups/lectern-v{newest}-77.db"));
        let holds_name = || String::from_utf8_lossy(&std::fs::read(&backup).unwrap()).contains("a-name-to-find");
        assert!(holds_name());
        assert_eq!(version(&backup).await.unwrap(), newest);
        assert_eq!(store.begin_removal(id).await.unwrap(), sha);
        store.finish_removal(id, &sha).await.unwrap();
        assert!(!holds_name());
        store.close().await;
        drop(store);
        // And the older program now refuses.
        let refused = Store::open(library.path(), 1).await;
        assert!(matches!(refused, Err(OpenError::NewerSchema { found, .. }) if found == newest + 1), "{refused:?}");
    }

    #[tokio::test]
    async fn a_migration_that_fails_leaves_the_library_as_it_was() {
        let (library, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Store::open(library.path(), 1).await.unwrap().close().await;
        future(folder.path()).await;
        let next = newest() + 1;
        let broken = format!("PRAGMA user_version = {next}; CREATE TABLE half (x); SELECT no_such_function();");
        std::fs::write(folder.path().join(format!("{next:04}_tag.sql")), broken).unwrap();
        let migrations = Migrator::new(folder.path()).await.unwrap();
        let refused = Store::open_with(library.path(), 5, &migrations).await;
        assert!(matches!(refused, Err(OpenError::Migration { backup: Some(_), .. })), "{refused:?}");
        assert_eq!(version(&library.path().join("lectern.db")).await.unwrap(), newest());
        assert!(Store::open(library.path(), 1).await.is_ok());
    }
    /// A library as version 1 left it, with one result in it.
    #[tokio::test]
    async fn a_result_stored_before_fields_had_a_confidence_is_read() {
        let (library, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = "0001_library.sql";
        let from = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations")).join(first);
        std::fs::copy(from, folder.path().join(first)).unwrap();
        let store = Store::open_with(library.path(), 1, &Migrator::new(folder.path()).await.unwrap()).await.unwrap();
        sqlx::raw_sql(include_str!("../tests/formats/library_1.sql")).execute(&store.writer).await.unwrap();
        store.close().await;
        drop(store);
        let store = Store::open(library.path(), 2).await.unwrap();
        let run = store.run(RunId(1)).await.unwrap();
        let [claim] = run.result.claims.as_slice() else { panic!("{run:?}") };
        assert_eq!((claim.label.as_str(), claim.text.as_str()), ("Law", "Danish law"));
        assert_eq!((claim.found_by, claim.confidence), (None, None));
        assert_eq!(run.result.provenance.rules_digest, None);
    }
}
