//! Labelled documents as files: JSON lines, plain or packed with xz, and a tar of the files they came from.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Labelled data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// None of the files that could hold it is there.
    #[error("There is no labelled data in {folder}. Looked for: {looked_for}.")]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// File names, comma-separated.
        looked_for: String,
    },
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not what it should be.
    #[error("{path}, line {line}: {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

/// A contract with its labels, as in CUAD.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Contract {
    /// A stable identifier.
    pub id: String,
    /// Its text.
    pub text: String,
    /// The name of its PDF, where there is one.
    #[serde(default)]
    pub pdf: Option<String>,
    /// Per category what is labelled; a category that is absent has no label.
    pub labels: BTreeMap<String, Label>,
}

/// What is labelled for one category.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Label {
    /// The passages.
    pub spans: Vec<Passage>,
    /// The value as a person noted it, where the category has one.
    #[serde(default)]
    pub answer: Option<String>,
}

/// A labelled passage.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Passage {
    /// Its words.
    pub text: String,
}

/// The contracts of the validation split in `folder`: `val.jsonl.xz` or `val.jsonl`.
pub fn contracts(folder: &Path) -> Result<Vec<Contract>, DataError> {
    read(&existing(folder, &["val.jsonl.xz", "val.jsonl"])?)
}

#[derive(Deserialize)]
struct Category {
    category: String,
    description: String,
}

/// The questions that the data itself puts for its categories, from `categories.csv` in `folder`: category and question,
/// in one line. A description that asks nothing is left out.
pub fn category_questions(folder: &Path) -> Result<Vec<(String, String)>, DataError> {
    let path = existing(folder, &["categories.csv"])?;
    let file = File::open(&path).map_err(|source| DataError::Io { path: path.clone(), source })?;
    let mut found = Vec::new();
    for (i, row) in csv::Reader::from_reader(BufReader::new(file)).deserialize().enumerate() {
        let wrong = |e: csv::Error| DataError::Line { path: path.clone(), line: i + 2, reason: e.to_string() };
        let Category { category, description } = row.map_err(wrong)?;
        let question = description.split_whitespace().collect::<Vec<_>>().join(" ");
        if question.contains('?') {
            found.push((category, question));
        }
    }
    Ok(found)
}

/// The records of the first of the files `names` that is in `folder`.
pub fn records<T: DeserializeOwned>(folder: &Path, names: &[&str]) -> Result<Vec<T>, DataError> {
    read(&existing(folder, names)?)
}

/// The records in the file `path`: JSON lines, packed with xz where its name ends so.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, DataError> {
    let io = |source| DataError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let packed = path.extension().is_some_and(|e| e == "xz");
    let lines: Box<dyn BufRead> = if packed {
        Box::new(BufReader::new(lzma_rust2::XzReader::new(BufReader::new(file), true)))
    } else {
        Box::new(BufReader::new(file))
    };
    let mut found = Vec::new();
    for (i, line) in lines.lines().enumerate() {
        let line = line.map_err(io)?;
        if line.trim().is_empty() {
            continue;
        }
        let wrong =
            |e: serde_json::Error| DataError::Line { path: path.to_owned(), line: i + 1, reason: e.to_string() };
        found.push(serde_json::from_str(&line).map_err(wrong)?);
    }
    Ok(found)
}

fn existing(folder: &Path, names: &[&str]) -> Result<PathBuf, DataError> {
    let found = names.iter().map(|n| folder.join(n)).find(|p| p.is_file());
    found.ok_or_else(|| DataError::Missing { folder: folder.to_owned(), looked_for: names.join(", ") })
}

/// The bytes of the files in `val-pdf.tar` of `folder`, by name without folders.
pub fn pdfs(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, DataError> {
    let path = existing(folder, &["val-pdf.tar"])?;
    let io = |source| DataError::Io { path: path.clone(), source };
    let mut archive = tar::Archive::new(File::open(&path).map_err(io)?);
    let mut found = BTreeMap::new();
    for entry in archive.entries().map_err(io)? {
        let mut entry = entry.map_err(io)?;
        let name = entry.path().map_err(io)?.file_name().map(|n| n.to_string_lossy().into_owned());
        if let Some(name) = name.filter(|_| entry.header().entry_type().is_file()) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(io)?;
            found.insert(name, bytes);
        }
    }
    Ok(found)
}
