//! DOCX to blocks: headings, automatic numbering, tables, footnotes, comments, tracked changes said.
//!
//! Read from the OOXML parts themselves, since ready-made readers lose numbering or revisions. A DOCX states no pages,
//! so none are claimed.

mod body;
mod numbering;
mod package;
mod styles;
mod xml;

use super::ParseError;
use super::raw::{Format, RawBlock, RawDocument};
use crate::text::{BlockKind, Extractor, ImportNote};
use body::{Body, Changes};
use numbering::Numbering;
use package::Package;
use std::collections::{BTreeSet, HashMap};
use styles::Styles;
use xml::Element;

/// First bytes of an OLE compound file: a legacy `.doc`, or a DOCX under a password.
const COMPOUND_FILE: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];

/// Parses a DOCX (or DOCM, DOTX) file.
///
/// # Errors
/// `Password` for an encrypted file, `Unsupported` for a legacy `.doc`, `Damaged` where there is no readable main part.
pub fn parse(bytes: &[u8]) -> Result<RawDocument, ParseError> {
    if bytes.starts_with(&COMPOUND_FILE) {
        return Err(compound_file(bytes));
    }
    let mut package = Package::open(bytes).map_err(|reason| damaged(&format!("not a ZIP package: {reason}")))?;
    let main = package.relationships("").remove("officeDocument").unwrap_or_else(|| "word/document.xml".to_string());
    let (root, problem) = package
        .part(&main)
        .map_err(|reason| damaged(&reason))?
        .ok_or_else(|| damaged(&format!("the package has no main part ({main})")))?;
    let mut notes = Vec::new();
    if let Some(problem) = problem {
        notes.push(note(
            "part_damaged",
            format!("The file breaks off or is damaged ({problem}); the text before that place was read."),
        ));
    }
    let body_element = root.child("body").ok_or_else(|| damaged("the main part has no body"))?;
    let related = package.relationships(&main);
    let mut part = |kind: &str| -> Option<Element> {
        let name = related.get(kind)?;
        package.part(name).ok().flatten().map(|(root, _)| root)
    };
    let styles = part("styles").map(|r| Styles::read(&r)).unwrap_or_default();
    let numbering = part("numbering").map(|r| Numbering::read(&r)).unwrap_or_default();
    let (footnotes, endnotes, comments) = (part("footnotes"), part("endnotes"), part("comments"));
    let title = package_title(&mut package);

    let mut body = Body::new(styles, numbering);
    body.read(body_element);
    let referenced = std::mem::take(&mut body.note_references);
    append_notes(&mut body, &referenced, footnotes.as_ref(), endnotes.as_ref());
    append_comments(&mut body, comments.as_ref());
    notes.extend(change_notes(&body.changes));
    if body.hidden > 0 {
        notes.push(note("hidden_text", format!("{} runs of hidden text were left out.", body.hidden)));
    }
    let title = title.or_else(|| body.title.take());
    Ok(RawDocument { format: Format::Docx, extractor: extractor(), title, pages: Vec::new(), flow: body.blocks, notes })
}

fn extractor() -> Extractor {
    Extractor { name: "lectern-docx".to_string(), version: env!("CARGO_PKG_VERSION").to_string() }
}

fn damaged(reason: &str) -> ParseError {
    ParseError::Damaged { reason: reason.to_string() }
}

fn note(code: &str, message: String) -> ImportNote {
    ImportNote { code: code.to_string(), message, page: None }
}

/// Names inside a compound file are UTF-16: an encrypted package has a stream of that name.
fn compound_file(bytes: &[u8]) -> ParseError {
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    if bytes.windows(name.len()).any(|w| w == name) {
        ParseError::Unsupported {
            what: "a Word file encrypted with a password; remove the password in Word and import it again".to_string(),
        }
    } else {
        ParseError::Unsupported { what: "a legacy .doc file; save it as .docx and import it again".to_string() }
    }
}

fn package_title(package: &mut Package<'_>) -> Option<String> {
    let name = package.relationships("").remove("core-properties").unwrap_or_else(|| "docProps/core.xml".to_string());
    let (root, _) = package.part(&name).ok().flatten()?;
    let title = root.child("title")?.text();
    let title = title.trim();
    (!title.is_empty()).then(|| title.to_string())
}

/// Footnotes and endnotes in the order of their references, after the body, under the marks used in the text.
fn append_notes(body: &mut Body, referenced: &[(NoteKind, String)], foot: Option<&Element>, end: Option<&Element>) {
    for (position, (kind, id)) in referenced.iter().enumerate() {
        let part = match kind {
            NoteKind::Footnote => foot,
            NoteKind::Endnote => end,
        };
        let Some(element) = part.and_then(|p| p.elements().find(|e| e.attribute("id") == Some(id.as_str()))) else {
            continue;
        };
        let text = body.plain(element);
        if !text.is_empty() {
            let text = format!("[{}] {text}", position + 1);
            body.blocks.push(RawBlock { kind: BlockKind::Footnote, text, cue: None });
        }
    }
}

/// Which notes part a reference points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoteKind {
    Footnote,
    Endnote,
}

fn append_comments(body: &mut Body, comments: Option<&Element>) {
    let Some(comments) = comments else { return };
    for comment in comments.elements().filter(|e| e.name == "comment") {
        let text = body.plain(comment);
        if !text.is_empty() {
            let author = comment.attribute("author").unwrap_or("unknown");
            let text = format!("Comment by {author}: {text}");
            body.blocks.push(RawBlock { kind: BlockKind::Comment, text, cue: None });
        }
    }
}

fn change_notes(changes: &Changes) -> Option<ImportNote> {
    if changes.inserted + changes.deleted == 0 {
        return None;
    }
    let authors: BTreeSet<&str> = changes.authors.keys().map(String::as_str).collect();
    let who = if authors.is_empty() {
        "an unnamed author".to_string()
    } else {
        authors.into_iter().collect::<Vec<_>>().join(", ")
    };
    Some(note(
        "tracked_changes",
        format!(
            "The file holds tracked changes by {who}: {} insertions, which were read as text, and {} deletions, which were left out.",
            changes.inserted, changes.deleted
        ),
    ))
}

/// Counts by author.
type Authors = HashMap<String, u32>;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};
    use zip::write::SimpleFileOptions;

    fn package(parts: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in parts {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    const RELATED: &str = r#"<Relationships>
      <Relationship Id="1" Type="x/styles" Target="styles.xml"/><Relationship Id="2" Type="x/footnotes" Target="footnotes.xml"/>
      <Relationship Id="3" Type="x/comments" Target="comments.xml"/></Relationships>"#;

    fn document(body: &str) -> RawDocument {
        let main = format!("<w:document><w:body>{body}</w:body></w:document>");
        parse(&package(&[
            ("word/document.xml", main.as_str()),
            ("word/_rels/document.xml.rels", RELATED),
            ("word/styles.xml", r#"<w:styles><w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/></w:style></w:styles>"#),
            ("word/footnotes.xml", r#"<w:footnotes><w:footnote w:id="2"><w:p><w:r><w:t>See annex.</w:t></w:r></w:p></w:footnote></w:footnotes>"#),
            ("word/comments.xml", r#"<w:comments><w:comment w:author="Ada"><w:p><w:r><w:t>Check</w:t></w:r></w:p></w:comment></w:comments>"#),
        ]))
        .unwrap()
    }

    fn texts(d: &RawDocument) -> Vec<(BlockKind, &str)> {
        d.flow.iter().map(|b| (b.kind, b.text.as_str())).collect()
    }

    #[test]
    fn headings_tables_notes_and_comments_become_blocks() {
        let d = document(
            r#"<w:p><w:pPr><w:pStyle w:val="H1"/></w:pPr><w:r><w:t>Terms</w:t></w:r></w:p>
            <w:p><w:r><w:t xml:space="preserve">Pay </w:t></w:r><w:r><w:t>now</w:t><w:footnoteReference w:id="2"/></w:r></w:p>
            <w:tbl><w:tr><w:tc><w:p><w:r><w:t>Fee</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>10</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"#,
        );
        assert_eq!(
            texts(&d),
            [
                (BlockKind::Heading(1), "Terms"),
                (BlockKind::Paragraph, "Pay now[1]"),
                (BlockKind::TableRow, "Fee | 10"),
                (BlockKind::Footnote, "[1] See annex."),
                (BlockKind::Comment, "Comment by Ada: Check"),
            ]
        );
    }

    #[test]
    fn tracked_changes_are_accepted_and_said() {
        let d = document(
            r#"<w:p><w:r><w:t xml:space="preserve">thirty </w:t></w:r><w:del w:author="Bo"><w:r><w:delText>30</w:delText></w:r></w:del>
            <w:ins w:author="Bo"><w:r><w:t>60</w:t></w:r></w:ins><w:r><w:t xml:space="preserve"> days</w:t></w:r></w:p>"#,
        );
        assert_eq!(d.flow[0].text, "thirty 60 days");
        assert_eq!(d.notes[0].code, "tracked_changes");
        assert!(d.notes[0].message.contains("Bo") && d.notes[0].message.contains("1 deletions"));
    }

    #[test]
    fn field_codes_and_fallbacks_are_not_text() {
        let d = document(
            r#"<w:p><w:r><w:fldChar w:fldCharType="begin"/><w:instrText> REF x </w:instrText><w:fldChar w:fldCharType="separate"/>
            <w:t>clause 4</w:t><w:fldChar w:fldCharType="end"/></w:r>
            <mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>Box</w:t></w:r></w:p></w:txbxContent></mc:Choice>
            <mc:Fallback><w:txbxContent><w:p><w:r><w:t>Box</w:t></w:r></w:p></w:txbxContent></mc:Fallback></mc:AlternateContent></w:p>"#,
        );
        let all: Vec<_> = d.flow.iter().filter(|b| b.kind == BlockKind::Paragraph).map(|b| b.text.as_str()).collect();
        assert_eq!(all, ["clause 4", "Box"]);
    }

    #[test]
    fn not_a_package_is_damaged_and_a_doc_is_unsupported() {
        assert!(matches!(parse(b"PK\x03\x04nonsense"), Err(ParseError::Damaged { .. })));
        assert!(matches!(parse(&COMPOUND_FILE), Err(ParseError::Unsupported { .. })));
        assert!(matches!(parse(&package(&[("a.txt", "x")])), Err(ParseError::Damaged { .. })));
    }
}
