//! The body of a DOCX: paragraphs and tables in reading order, as blocks.

use super::numbering::Numbering;
use super::styles::Styles;
use super::xml::{Element, Node};
use super::{Authors, NoteKind};
use crate::import::raw::RawBlock;
use crate::text::BlockKind;

/// Blocks read so far, and what was met on the way.
pub(super) struct Body {
    styles: Styles,
    numbering: Numbering,
    /// Blocks in reading order.
    pub(super) blocks: Vec<RawBlock>,
    /// Notes in the order of their references.
    pub(super) note_references: Vec<(NoteKind, String)>,
    /// Tracked changes met.
    pub(super) changes: Changes,
    /// Runs of hidden text left out.
    pub(super) hidden: u32,
    /// Text of the first paragraph in the style `Title`.
    pub(super) title: Option<String>,
}

/// Tracked changes by kind and author.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Insertions and moves to here.
    pub(super) inserted: u32,
    /// Deletions and moves away.
    pub(super) deleted: u32,
    /// How many by whom.
    pub(super) authors: Authors,
}

/// Text of one paragraph while it is read.
#[derive(Default)]
struct Line {
    text: String,
    /// Text boxes anchored in the paragraph: they follow it as paragraphs of their own.
    boxes: Vec<RawBlock>,
}

impl Body {
    pub(super) fn new(styles: Styles, numbering: Numbering) -> Self {
        Self {
            styles,
            numbering,
            blocks: Vec::new(),
            note_references: Vec::new(),
            changes: Changes::default(),
            hidden: 0,
            title: None,
        }
    }

    /// Reads the children of a body, a content control or a text box.
    pub(super) fn read(&mut self, container: &Element) {
        for e in container.elements() {
            match e.name.as_str() {
                "p" => self.paragraph(e),
                "tbl" => self.table(e),
                "del" | "moveFrom" => self.count_deletion(e),
                "ins" | "moveTo" => {
                    self.count_insertion(e);
                    self.read(e);
                }
                "AlternateContent" => self.read(alternative(e)),
                "sectPr" | "pPr" | "tblPr" | "sdtPr" => {}
                _ => self.read(e),
            }
        }
    }

    /// The text of a note or comment: its paragraphs joined by spaces.
    pub(super) fn plain(&mut self, container: &Element) -> String {
        let kept = std::mem::take(&mut self.blocks);
        self.read(container);
        let read = std::mem::replace(&mut self.blocks, kept);
        read.into_iter().map(|b| b.text).collect::<Vec<_>>().join(" ").trim().to_string()
    }

    fn paragraph(&mut self, p: &Element) {
        let properties = p.child("pPr");
        let style = properties.and_then(|e| e.value("pStyle")).map(|id| self.styles.resolve(id)).unwrap_or_default();
        let list = properties.and_then(|e| e.child("numPr"));
        let id = list.and_then(|l| l.value("numId")).map(str::to_string).or_else(|| style.list.clone());
        let level = list.and_then(|l| l.value("ilvl")).and_then(|v| v.parse().ok()).or(style.list_level).unwrap_or(0);

        let mut line = Line::default();
        self.runs(p, &mut line);
        let text = line.text.trim().to_string();
        if !text.is_empty() {
            // List 0 switches numbering off.
            let mark = id.filter(|id| id != "0").and_then(|id| self.numbering.next(&id, level));
            let outline = properties.and_then(|e| e.value("outlineLvl")).and_then(|v| v.parse::<u8>().ok());
            let heading = style.heading.or(outline.filter(|l| *l < 9).map(|l| l + 1));
            if style.title && self.title.is_none() {
                self.title = Some(text.clone());
            }
            let kind = match (heading, &mark) {
                (Some(level), _) => BlockKind::Heading(level),
                (None, _) if style.title => BlockKind::Heading(1),
                (None, _) if style.code => BlockKind::Code,
                (None, Some(_)) => BlockKind::ListItem,
                (None, None) => BlockKind::Paragraph,
            };
            let text = mark.map_or(text.clone(), |m| format!("{m} {text}"));
            self.blocks.push(RawBlock { kind, text, cue: None });
        }
        self.blocks.append(&mut line.boxes);
    }

    /// The inline content of a paragraph, a hyperlink, an insertion or a content control.
    fn runs(&mut self, parent: &Element, line: &mut Line) {
        for node in &parent.children {
            let Node::Element(e) = node else { continue };
            match e.name.as_str() {
                "r" if e.child("rPr").is_some_and(|p| p.switch("vanish")) => self.hidden += 1,
                // `w:t` of text and `m:t` of mathematics alike; deleted text has a name of its own.
                "t" => line.text.push_str(&e.text()),
                "tab" | "ptab" => line.text.push('\t'),
                "br" | "cr" => line.text.push('\n'),
                "noBreakHyphen" => line.text.push('-'),
                "footnoteReference" => self.note_reference(NoteKind::Footnote, e, line),
                "endnoteReference" => self.note_reference(NoteKind::Endnote, e, line),
                "del" | "moveFrom" => self.count_deletion(e),
                "ins" | "moveTo" => {
                    self.count_insertion(e);
                    self.runs(e, line);
                }
                "txbxContent" => line.boxes.append(&mut self.text_box(e)),
                "AlternateContent" => self.runs(alternative(e), line),
                "pPr" | "rPr" | "delText" | "instrText" | "fldData" | "sdtPr" | "softHyphen" | "posOffset" => {}
                _ => self.runs(e, line),
            }
        }
    }

    fn text_box(&mut self, content: &Element) -> Vec<RawBlock> {
        let kept = std::mem::take(&mut self.blocks);
        self.read(content);
        std::mem::replace(&mut self.blocks, kept)
    }

    fn note_reference(&mut self, kind: NoteKind, e: &Element, line: &mut Line) {
        if let Some(id) = e.attribute("id") {
            self.note_references.push((kind, id.to_string()));
            line.text.push_str(&format!("[{}]", self.note_references.len()));
        }
    }

    fn table(&mut self, table: &Element) {
        for row in rows(table) {
            let cells: Vec<String> = cells(row)
                .map(|cell| {
                    // The lower parts of a cell merged over rows repeat nothing.
                    let merged = cell.child("tcPr").and_then(|p| p.child("vMerge"));
                    if merged.is_some_and(|m| m.attribute("val").is_none_or(|v| v == "continue")) {
                        return String::new();
                    }
                    self.plain(cell).replace('\n', " ")
                })
                .collect();
            if cells.iter().any(|c| !c.is_empty()) {
                self.blocks.push(RawBlock { kind: BlockKind::TableRow, text: cells.join(" | "), cue: None });
            }
        }
    }

    fn count_insertion(&mut self, e: &Element) {
        self.changes.inserted += 1;
        self.count_author(e);
    }

    fn count_deletion(&mut self, e: &Element) {
        self.changes.deleted += 1;
        self.count_author(e);
    }

    fn count_author(&mut self, e: &Element) {
        if let Some(author) = e.attribute("author") {
            *self.changes.authors.entry(author.to_string()).or_default() += 1;
        }
    }
}

/// What to read of `mc:AlternateContent`: the first choice that has content, else the fallback.
fn alternative(e: &Element) -> &Element {
    let choice = e.elements().find(|c| c.name == "Choice" && !c.children.is_empty());
    choice.or_else(|| e.child("Fallback")).unwrap_or(e)
}

/// Rows of a table, through content controls.
fn rows(table: &Element) -> Box<dyn Iterator<Item = &Element> + '_> {
    through(table, "tr")
}

/// Cells of a row, through content controls.
fn cells(row: &Element) -> Box<dyn Iterator<Item = &Element> + '_> {
    through(row, "tc")
}

fn through<'a>(parent: &'a Element, name: &'a str) -> Box<dyn Iterator<Item = &'a Element> + 'a> {
    Box::new(parent.elements().flat_map(move |e| -> Box<dyn Iterator<Item = &'a Element> + 'a> {
        match e.name.as_str() {
            n if n == name => Box::new(std::iter::once(e)),
            "sdt" | "sdtContent" | "ins" | "customXml" => through(e, name),
            _ => Box::new(std::iter::empty()),
        }
    }))
}
