//! The ZIP package around a DOCX: parts by name and by relationship, with limits.

use super::xml::{self, Element};
use std::collections::HashMap;
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// Largest size of one part after decompression: beyond it a part is taken for an attack.
const PART_LIMIT: u64 = 256 * 1024 * 1024;

/// An open package.
pub(super) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
}

impl<'a> Package<'a> {
    /// Opens the archive; the reason where it is none.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        ZipArchive::new(Cursor::new(bytes)).map(|archive| Self { archive }).map_err(|e| e.to_string())
    }

    /// The parsed root of a part. `Ok(None)` where there is no such part.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<(Element, Option<String>)>, String> {
        let Ok(file) = self.archive.by_name(name) else { return Ok(None) };
        let mut bytes = Vec::new();
        let mut limited = file.take(PART_LIMIT + 1);
        limited.read_to_end(&mut bytes).map_err(|e| format!("{name}: {e}"))?;
        if bytes.len() as u64 > PART_LIMIT {
            return Err(format!("{name} grows to more than {} MB", PART_LIMIT / (1024 * 1024)));
        }
        Ok(Some(xml::parse(&super::super::plain::decode(&bytes).text)))
    }

    /// Targets of a part's relationships, by the last word of their type (`styles`, `footnotes` ...).
    pub(super) fn relationships(&mut self, of: &str) -> HashMap<String, String> {
        let (folder, file) = of.rsplit_once('/').unwrap_or(("", of));
        let name = if folder.is_empty() { format!("_rels/{file}.rels") } else { format!("{folder}/_rels/{file}.rels") };
        let Ok(Some((root, _))) = self.part(&name) else { return HashMap::new() };
        root.elements()
            .filter(|e| e.attribute("TargetMode") != Some("External"))
            .filter_map(|e| {
                let kind = e.attribute("Type")?.rsplit('/').next()?.to_string();
                Some((kind, resolve(folder, e.attribute("Target")?)))
            })
            .collect()
    }
}

/// A relationship's target as a part name: relative to the folder of its source, or from the root.
fn resolve(folder: &str, target: &str) -> String {
    let joined = match target.strip_prefix('/') {
        Some(absolute) => absolute.to_string(),
        None => format!("{folder}/{target}"),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    #[test]
    fn targets_resolve_like_paths() {
        assert_eq!(super::resolve("word", "styles.xml"), "word/styles.xml");
        assert_eq!(super::resolve("word", "../customXml/a.xml"), "customXml/a.xml");
        assert_eq!(super::resolve("word", "/word/notes.xml"), "word/notes.xml");
        assert_eq!(super::resolve("", "word/document.xml"), "word/document.xml");
    }
}
