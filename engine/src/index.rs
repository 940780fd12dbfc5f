//! The tantivy index: a cache over pages and sections, rebuilt from SQLite at will.
//!
//! One entry per [`units::Unit`]. No text is stored in it, only terms: excerpts and highlights are made from the
//! canonical text, so a stale index can never show words that do not stand there. All calls block.

pub mod nearest;
pub mod query;
pub mod tokenize;
pub mod units;

use crate::store::DocumentId;
use crate::text::{DocText, Span};
use query::{Part, Query};
use std::collections::BTreeSet;
use std::io::Write;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, PhraseQuery, RangeQuery, TermQuery};
use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions, Value};
use tantivy::{IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, Term};

/// Raised whenever the schema, the tokenizer or the units change: an index of another version is built anew.
pub const INDEX_VERSION: u32 = 1;

const VERSION_FILE: &str = "VERSION";
const WRITER_BYTES: usize = 32 << 20;

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
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// An open index.
pub struct Index {
    path: PathBuf,
    opened: RwLock<Opened>,
    /// tantivy allows one writer; callers wait for one another here.
    writing: Mutex<()>,
}

struct Opened {
    index: tantivy::Index,
    reader: IndexReader,
    fields: Fields,
}

#[derive(Clone, Copy)]
struct Fields {
    document: Field,
    start: Field,
    end: Field,
    page: Field,
    section: Field,
    text: Field,
    name: Field,
    title: Field,
}

/// A unit that matches a query.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexHit {
    /// The document.
    pub document: DocumentId,
    /// The unit's span of the canonical text.
    pub span: Span,
    /// Its page.
    pub page: Option<u32>,
    /// Higher is better.
    pub score: f32,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Index {
    /// Opens the index in `path`; `None` where there is none of this version or it cannot be read, so that it has to
    /// be created anew.
    pub fn open(path: &Path) -> Option<Self> {
        let version = std::fs::read_to_string(path.join(VERSION_FILE)).ok()?;
        if version.trim() != INDEX_VERSION.to_string() {
            return None;
        }
        let opened = Opened::over(tantivy::Index::open_in_dir(path).ok()?).ok()?;
        Some(Self { path: path.to_owned(), opened: RwLock::new(opened), writing: Mutex::new(()) })
    }

    /// Removes whatever is in `path` and makes an empty index there.
    pub fn create(path: &Path) -> Result<Self, IndexError> {
        let opened = create(path)?;
        Ok(Self { path: path.to_owned(), opened: RwLock::new(opened), writing: Mutex::new(()) })
    }

    /// Empties the index by making it anew, whatever state its files are in.
    pub fn recreate(&self) -> Result<(), IndexError> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = create(&self.path)?;
        *self.opened.write().unwrap_or_else(PoisonError::into_inner) = opened;
        Ok(())
    }

    /// Puts a document into the index in place of what the index held of it, in one commit.
    pub fn put(&self, id: DocumentId, name: &str, text: &DocText) -> Result<(), IndexError> {
        self.write(|writer, fields| {
            writer.delete_term(document_term(fields, id));
            for unit in units::units(text) {
                let mut entry = TantivyDocument::new();
                entry.add_u64(fields.document, id.0 as u64);
                entry.add_u64(fields.start, unit.span.start() as u64);
                entry.add_u64(fields.end, unit.span.end() as u64);
                if let Some(page) = unit.page {
                    entry.add_u64(fields.page, u64::from(page));
                }
                for section in text.sections.iter().filter(|s| s.span.overlaps(unit.span)) {
                    entry.add_text(fields.section, text.slice(section.heading).unwrap_or_default());
                }
                entry.add_text(fields.text, text.slice(unit.span).unwrap_or_default());
                entry.add_text(fields.name, name);
                entry.add_text(fields.title, text.title.as_deref().unwrap_or_default());
                writer.add_document(entry)?;
            }
            writer.commit()?;
            Ok(())
        })
    }

    /// Takes a document out, and its terms off the disk: tantivy only marks entries as deleted until segments are
    /// merged, so the segments that held it are rewritten.
    pub fn remove(&self, id: DocumentId) -> Result<(), IndexError> {
        self.write(|writer, fields| {
            writer.delete_term(document_term(fields, id));
            writer.commit()?;
            let marked: Vec<_> =
                writer.index().searchable_segment_metas()?.iter().filter(|s| s.has_deletes()).map(|s| s.id()).collect();
            if !marked.is_empty() {
                writer.merge(&marked).wait()?;
            }
            Ok(())
        })
    }

    fn write(&self, change: impl FnOnce(&mut IndexWriter, &Fields) -> tantivy::Result<()>) -> Result<(), IndexError> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        let mut writer: IndexWriter = opened.index.writer_with_num_threads(1, WRITER_BYTES)?;
        change(&mut writer, &opened.fields)?;
        writer.garbage_collect_files().wait()?;
        writer.wait_merging_threads()?;
        opened.reader.reload()?;
        Ok(())
    }

    /// The best units for `query`, of one document or of all: those that hold every part, or where none does, any.
    pub fn search(
        &self,
        query: &Query,
        limit: usize,
        document: Option<DocumentId>,
    ) -> Result<Vec<IndexHit>, IndexError> {
        if query.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let all = self.find(query, limit, document, Occur::Must)?;
        if all.is_empty() && query.text.len() > 1 {
            return self.find(query, limit, document, Occur::Should);
        }
        Ok(all)
    }

    fn find(
        &self,
        query: &Query,
        limit: usize,
        document: Option<DocumentId>,
        occur: Occur,
    ) -> Result<Vec<IndexHit>, IndexError> {
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        let searcher = opened.reader.searcher();
        let tree = opened.fields.tree(query, document, occur);
        let found = searcher.search(&tree, &TopDocs::with_limit(limit).order_by_score())?;
        let mut hits = Vec::with_capacity(found.len());
        for (score, address) in found {
            let entry: TantivyDocument = searcher.doc(address)?;
            let number = |field| entry.get_first(field).and_then(|v| v.as_u64());
            let (Some(id), Some(start), Some(end)) =
                (number(opened.fields.document), number(opened.fields.start), number(opened.fields.end))
            else {
                continue;
            };
            hits.push(IndexHit {
                document: DocumentId(id as i64),
                span: Span::new(start as usize, end as usize),
                page: number(opened.fields.page).and_then(|p| u32::try_from(p).ok()),
                score,
            });
        }
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.document.cmp(&b.document)).then(a.span.cmp(&b.span)));
        Ok(hits)
    }

    /// The documents that have entries.
    pub fn documents(&self) -> Result<BTreeSet<DocumentId>, IndexError> {
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = BTreeSet::new();
        for segment in opened.reader.searcher().segment_readers() {
            let column = segment.fast_fields().u64("document")?;
            found.extend(segment.doc_ids_alive().filter_map(|d| column.first(d)).map(|id| DocumentId(id as i64)));
        }
        Ok(found)
    }

    /// Entries, and of those the ones marked as deleted but still on the disk.
    pub fn entries(&self) -> (u64, u64) {
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        let searcher = opened.reader.searcher();
        let deleted: u64 = searcher.segment_readers().iter().map(|s| u64::from(s.num_deleted_docs())).sum();
        (searcher.num_docs(), deleted)
    }

    /// Files of the index whose checksum is wrong.
    pub fn damaged_files(&self) -> Result<Vec<PathBuf>, IndexError> {
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        Ok(opened.index.validate_checksum()?.into_iter().collect())
    }
}

impl Opened {
    fn over(index: tantivy::Index) -> tantivy::Result<Self> {
        let (schema, fields) = schema();
        if index.schema() != schema {
            return Err(tantivy::TantivyError::SchemaError("not the schema of this version".to_owned()));
        }
        index.tokenizers().register(tokenize::NAME, tokenize::LecternTokenizer);
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { index, reader, fields })
    }
}

fn create(path: &Path) -> Result<Opened, IndexError> {
    let io = |source| IndexError::Io { path: path.to_owned(), source };
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
        _ => std::fs::create_dir_all(path).map_err(io)?,
    }
    let opened = Opened::over(tantivy::Index::create_in_dir(path, schema().0)?)?;
    // Last, so that an index without it is one whose making was interrupted.
    let mut file = std::fs::File::create(path.join(VERSION_FILE)).map_err(io)?;
    file.write_all(format!("{INDEX_VERSION}\n").as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
    Ok(opened)
}

fn schema() -> (Schema, Fields) {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(tokenize::NAME)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let words = TextOptions::default().set_indexing_options(indexing);
    let mut builder = Schema::builder();
    let fields = Fields {
        document: builder.add_u64_field("document", INDEXED | STORED | FAST),
        start: builder.add_u64_field("start", STORED),
        end: builder.add_u64_field("end", STORED),
        page: builder.add_u64_field("page", INDEXED | STORED | FAST),
        section: builder.add_text_field("section", words.clone()),
        text: builder.add_text_field("text", words.clone()),
        name: builder.add_text_field("name", words.clone()),
        title: builder.add_text_field("title", words),
    };
    (builder.build(), fields)
}

type Tree = Box<dyn tantivy::query::Query>;

impl Fields {
    fn tree(&self, query: &Query, document: Option<DocumentId>, occur: Occur) -> BooleanQuery {
        let mut clauses: Vec<(Occur, Tree)> = Vec::new();
        if !query.text.is_empty() {
            let text = query.text.iter().map(|part| (occur, part_tree(self.text, part))).collect();
            clauses.push((Occur::Must, Box::new(BooleanQuery::new(text))));
            // A heading with the words lifts what stands under it.
            let headings = query.text.iter().map(|part| (Occur::Should, part_tree(self.section, part))).collect();
            clauses.push((Occur::Should, Box::new(BoostQuery::new(Box::new(BooleanQuery::new(headings)), 0.3))));
        }
        for (field, part) in &query.fields {
            let field = match field {
                query::Field::Title => self.title,
                query::Field::Name => self.name,
                query::Field::Section => self.section,
            };
            clauses.push((Occur::Must, part_tree(field, part)));
        }
        if !query.pages.is_empty() {
            let bound = |n: &u64| Bound::Included(Term::from_field_u64(self.page, *n));
            let ranges = query.pages.iter();
            let ranges = ranges.map(|r| -> Tree { Box::new(RangeQuery::new(bound(r.start()), bound(r.end()))) });
            let pages = BooleanQuery::new(ranges.map(|r| (Occur::Should, r)).collect());
            clauses.push((Occur::Must, Box::new(pages)));
        }
        if let Some(id) = document {
            let only = TermQuery::new(document_term(self, id), IndexRecordOption::Basic);
            // No weight: belonging to a document says nothing about relevance.
            clauses.push((Occur::Must, Box::new(BoostQuery::new(Box::new(only), 0.0))));
        }
        BooleanQuery::new(clauses)
    }
}

fn part_tree(field: Field, part: &Part) -> Tree {
    match part {
        Part::Term(term) => Box::new(TermQuery::new(Term::from_field_text(field, term), IndexRecordOption::WithFreqs)),
        Part::Phrase(terms) => {
            let terms = terms.iter().map(|(i, term)| (*i, Term::from_field_text(field, term))).collect();
            Box::new(PhraseQuery::new_with_offset(terms))
        }
    }
}

fn document_term(fields: &Fields, id: DocumentId) -> Term {
    Term::from_field_u64(fields.document, id.0 as u64)
}
