//! Markdown to blocks: the words a reader sees, without the markup.

use super::plain::{decode, encoding_note};
use super::raw::{Format, RawBlock, RawDocument};
use super::{ParseError, list_mark};
use crate::text::{BlockKind, Extractor};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// Parses CommonMark with tables and footnotes. Raw HTML inside is left out.
///
/// # Errors
/// `Empty` where no block has text.
pub fn parse(bytes: &[u8]) -> Result<RawDocument, ParseError> {
    let decoded = decode(bytes);
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut reader = Reader::default();
    for event in Parser::new_ext(&decoded.text, options) {
        reader.take(event);
    }
    reader.end_block();
    if reader.blocks.is_empty() {
        return Err(ParseError::Empty);
    }
    let title = reader.blocks.iter().find(|b| b.kind == BlockKind::Heading(1)).map(|b| b.text.clone());
    Ok(RawDocument {
        format: Format::Markdown,
        extractor: Extractor { name: "lectern-markdown".to_string(), version: env!("CARGO_PKG_VERSION").to_string() },
        title,
        pages: Vec::new(),
        flow: reader.blocks,
        notes: encoding_note(decoded.guessed).into_iter().collect(),
    })
}

#[derive(Default)]
struct Reader {
    blocks: Vec<RawBlock>,
    text: String,
    kind: Option<BlockKind>,
    /// Next number of each open list; `None` for bullets.
    lists: Vec<Option<u64>>,
    cells: Vec<String>,
    in_row: bool,
    footnote: Option<String>,
    metadata: bool,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(end),
            Event::Text(t) if !self.metadata => self.text.push_str(&t),
            Event::Code(t) | Event::InlineMath(t) | Event::DisplayMath(t) => self.text.push_str(&t),
            Event::SoftBreak => self.text.push(' '),
            Event::HardBreak => self.text.push('\n'),
            Event::FootnoteReference(name) => self.text.push_str(&format!("[{name}]")),
            Event::TaskListMarker(done) => self.text.push_str(if done { "[x] " } else { "[ ] " }),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => self.begin(BlockKind::Heading(depth(level))),
            Tag::CodeBlock(_) => self.begin(BlockKind::Code),
            Tag::List(first) => {
                self.end_block();
                self.lists.push(first);
            }
            Tag::Item => {
                self.begin(BlockKind::ListItem);
                self.text.push_str(&list_mark(&mut self.lists));
            }
            Tag::FootnoteDefinition(name) => {
                self.end_block();
                self.footnote = Some(name.to_string());
            }
            Tag::TableHead | Tag::TableRow => {
                self.end_block();
                self.in_row = true;
            }
            Tag::MetadataBlock(_) => self.metadata = true,
            Tag::Paragraph if self.kind != Some(BlockKind::ListItem) => self.begin(BlockKind::Paragraph),
            _ => {}
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::CodeBlock | TagEnd::Item => self.end_block(),
            TagEnd::List(_) => {
                self.end_block();
                self.lists.pop();
            }
            TagEnd::FootnoteDefinition => {
                self.end_block();
                self.footnote = None;
            }
            TagEnd::TableCell => self.cells.push(std::mem::take(&mut self.text).trim().to_string()),
            TagEnd::TableHead | TagEnd::TableRow => {
                self.in_row = false;
                let text = std::mem::take(&mut self.cells).join(" | ");
                if !text.trim_matches([' ', '|']).is_empty() {
                    self.blocks.push(RawBlock { kind: BlockKind::TableRow, text, cue: None });
                }
            }
            TagEnd::MetadataBlock(_) => self.metadata = false,
            _ => {}
        }
    }

    fn begin(&mut self, kind: BlockKind) {
        self.end_block();
        self.kind = Some(kind);
    }

    fn end_block(&mut self) {
        if self.in_row {
            return;
        }
        let text = std::mem::take(&mut self.text);
        let kind = self.kind.take().unwrap_or(BlockKind::Paragraph);
        let text = text.trim_matches(['\n', ' ']);
        if text.is_empty() || (kind == BlockKind::ListItem && text == "•") {
            return;
        }
        let (kind, text) = match self.footnote.take() {
            Some(name) => (BlockKind::Footnote, format!("[{name}] {text}")),
            None => (kind, text.to_string()),
        };
        self.blocks.push(RawBlock { kind, text, cue: None });
    }
}

fn depth(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_without_markup() {
        let source = "---\ntitle: x\n---\n# Terms *and* more\n\nPay [now](http://x) or\nlater.[^a]\n\n3. one\n4. two\n   - in\n\n| A | B |\n|---|---|\n| 1 | `2` |\n\n<b>raw</b>\n\n[^a]: Note.\n";
        let d = parse(source.as_bytes()).unwrap();
        let got: Vec<_> = d.flow.iter().map(|b| (b.kind, b.text.as_str())).collect();
        assert_eq!(
            got,
            [
                (BlockKind::Heading(1), "Terms and more"),
                (BlockKind::Paragraph, "Pay now or later.[a]"),
                (BlockKind::ListItem, "3. one"),
                (BlockKind::ListItem, "4. two"),
                (BlockKind::ListItem, "• in"),
                (BlockKind::TableRow, "A | B"),
                (BlockKind::TableRow, "1 | 2"),
                (BlockKind::Paragraph, "raw"),
                (BlockKind::Footnote, "[a] Note."),
            ]
        );
        assert_eq!(d.title.as_deref(), Some("Terms and more"));
    }
}
