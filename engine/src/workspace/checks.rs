//! `doctor`: everything that can be wrong with a library and what it works with.

use super::{Check, Document, Workspace};
use crate::index::INDEX_VERSION;
use std::collections::BTreeSet;
use std::path::Path;

impl Workspace {
    /// Looks at everything that can be wrong.
    pub async fn doctor(&self) -> Vec<Check> {
        let documents = match self.documents().await {
            Ok(documents) => documents,
            Err(error) => return vec![check("database", Err(error.to_string()))],
        };
        vec![
            check("library", writable(self.library())),
            check("database", self.check_database().await),
            check("files", self.check_sources(&documents)),
            check("texts", self.check_texts(&documents).await),
            check("evidence", self.check_evidence().await),
            check("index", self.check_index(&documents).await),
            check("pdfium", self.check_pdfium()),
            check("model", self.check_model()),
        ]
    }

    async fn check_database(&self) -> Result<String, String> {
        let found = self.inner.store.integrity().await.map_err(|e| e.to_string())?;
        match found.first() {
            None => Ok("every page and every reference is sound".to_owned()),
            Some(first) => Err(format!(
                "{} faults, the first: {first}. Copy the library folder, then put back the newest file of `backups`.",
                found.len()
            )),
        }
    }

    fn check_sources(&self, documents: &[Document]) -> Result<String, String> {
        let size = |d: &Document| std::fs::metadata(self.source_of(&d.sha256)).map(|m| m.len()).ok();
        let lost: Vec<&str> = documents.iter().filter(|d| size(d) != Some(d.bytes)).map(|d| d.name.as_str()).collect();
        match lost.as_slice() {
            [] => Ok(format!("{} files are there in full", documents.len())),
            _ => Err(format!("missing or cut short: {}. Import these files again.", lost.join(", "))),
        }
    }

    async fn check_texts(&self, documents: &[Document]) -> Result<String, String> {
        let mut damaged = Vec::new();
        for document in documents {
            if let Err(error) = self.text(document.id).await {
                damaged.push(format!("{}: {error}", document.name));
            }
        }
        match damaged.is_empty() {
            true => Ok("every text is the one that was imported".to_owned()),
            false => Err(format!("{}. Delete these documents and import them again.", damaged.join("; "))),
        }
    }

    async fn check_evidence(&self) -> Result<String, String> {
        let ids = self.inner.store.run_ids().await.map_err(|e| e.to_string())?;
        let (mut quotes, mut wrong) = (0, Vec::new());
        for id in &ids {
            match self.run(*id).await {
                Ok(run) => quotes += run.result.claims.iter().map(|c| c.evidence.len()).sum::<usize>(),
                Err(error) => wrong.push(format!("result {id}: {error}")),
            }
        }
        match wrong.is_empty() {
            true => Ok(format!("{quotes} quotes in {} results stand in their documents", ids.len())),
            false => Err(format!("{}. Run these tasks again.", wrong.join("; "))),
        }
    }

    async fn check_index(&self, documents: &[Document]) -> Result<String, String> {
        let looked = self.blocking(|w| {
            let held = w.inner.index.documents()?;
            Ok::<_, crate::index::IndexError>((held, w.inner.index.entries().0, w.inner.index.damaged_files()?))
        });
        let (held, entries, damaged) = looked.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        let wanted: BTreeSet<_> = documents.iter().filter(|d| d.status.has_text()).map(|d| d.id).collect();
        match (damaged.is_empty(), held == wanted) {
            (true, true) => Ok(format!("version {INDEX_VERSION}, {entries} entries of {} documents", held.len())),
            (false, _) => Err(format!("{} damaged files. Run `lectern reindex`.", damaged.len())),
            (true, false) => {
                Err(format!("{} documents instead of {}. Run `lectern reindex`.", held.len(), wanted.len()))
            }
        }
    }

    fn check_pdfium(&self) -> Result<String, String> {
        match &self.inner.options.pdfium {
            Some(path) if path.is_file() => Ok(path.display().to_string()),
            Some(path) => Err(format!("{} does not exist. PDFs are read by the built-in extractor.", path.display())),
            None => Err("not found. PDFs are read by the built-in extractor, which reads some files badly.".to_owned()),
        }
    }

    fn check_model(&self) -> Result<String, String> {
        match &self.inner.options.model_dir {
            Some(path) if path.is_file() || path.join("config.json").is_file() => Ok(path.display().to_string()),
            Some(path) => Err(format!("{} holds no model. Give a folder with --model.", path.display())),
            None => Err("none was found. Run `./dev setup`, or give a folder with --model.".to_owned()),
        }
    }
}

fn check(name: &str, found: Result<String, String>) -> Check {
    let ok = found.is_ok();
    Check { name: name.to_owned(), ok, detail: found.unwrap_or_else(|error| error) }
}

fn writable(library: &Path) -> Result<String, String> {
    match tempfile::NamedTempFile::new_in(library) {
        Ok(_) => Ok(library.display().to_string()),
        Err(error) => Err(format!("{} cannot be written: {error}", library.display())),
    }
}
