//! HTML to blocks: what a browser would show as text, in document order.

use super::plain::{decode, encoding_note};
use super::raw::{Format, RawBlock, RawDocument};
use super::{ParseError, list_mark};
use crate::text::{BlockKind, Extractor};
use ego_tree::iter::Edge;
use scraper::node::Element;
use scraper::{Html, Node};

/// Parses HTML. Scripts, styles and hidden elements are left out; nothing is fetched or run.
///
/// # Errors
/// `Empty` where no text remains.
pub fn parse(bytes: &[u8]) -> Result<RawDocument, ParseError> {
    let declared = declared_encoding(bytes);
    let (text, guessed) = match declared {
        Some(encoding) => (encoding.decode(bytes).0.into_owned(), None),
        None => {
            let d = decode(bytes);
            (d.text, d.guessed)
        }
    };
    let html = Html::parse_document(&text);
    let mut reader = Reader::default();
    // Edges, not recursion: hostile pages nest deeper than any stack.
    for edge in html.tree.root().traverse() {
        match edge {
            Edge::Open(node) => match node.value() {
                Node::Element(e) => reader.open(e),
                Node::Text(t) => reader.text(t),
                _ => {}
            },
            Edge::Close(node) => {
                if let Node::Element(e) = node.value() {
                    reader.close(e);
                }
            }
        }
    }
    reader.end_block();
    if reader.blocks.is_empty() {
        return Err(ParseError::Empty);
    }
    let title = reader.title.trim();
    Ok(RawDocument {
        format: Format::Html,
        extractor: Extractor { name: "lectern-html".to_string(), version: env!("CARGO_PKG_VERSION").to_string() },
        title: (!title.is_empty()).then(|| title.to_string()),
        pages: Vec::new(),
        flow: reader.blocks,
        notes: encoding_note(guessed).into_iter().collect(),
    })
}

/// The encoding stated by a `charset=` in the first bytes, where the bytes are not UTF-8 anyway.
fn declared_encoding(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    if std::str::from_utf8(bytes).is_ok() || encoding_rs::Encoding::for_bom(bytes).is_some() {
        return None;
    }
    let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(2048))?).to_lowercase();
    let label = head.split_once("charset=")?.1.trim_start_matches(['"', '\'']);
    let end = label.find(|c: char| !(c.is_ascii_alphanumeric() || "-_:.".contains(c))).unwrap_or(label.len());
    encoding_rs::Encoding::for_label(label.get(..end)?.as_bytes())
}

#[derive(Default)]
struct Reader {
    blocks: Vec<RawBlock>,
    text: String,
    kind: Option<BlockKind>,
    /// How many open elements hide their content.
    hidden: usize,
    in_title: bool,
    title: String,
    preformatted: usize,
    /// Next number of each open list; `None` for bullets.
    lists: Vec<Option<u64>>,
    /// Cells of the open rows: tables nest.
    rows: Vec<Vec<String>>,
    cell: usize,
}

impl Reader {
    fn open(&mut self, e: &Element) {
        if hides(e) {
            self.hidden += 1;
        }
        if self.hidden > 0 {
            self.in_title |= e.name() == "title" && self.title.is_empty();
            return;
        }
        match e.name() {
            "br" => self.text.push('\n'),
            "img" => self.text(e.attr("alt").unwrap_or_default()),
            "ol" | "ul" if self.cell == 0 => {
                self.end_block();
                let start = e.attr("start").and_then(|s| s.parse().ok()).unwrap_or(1);
                self.lists.push((e.name() == "ol").then_some(start));
            }
            "tr" => self.rows.push(Vec::new()),
            "td" | "th" => {
                if self.cell == 0 {
                    self.end_block();
                }
                self.cell += 1;
            }
            "pre" => {
                self.begin(BlockKind::Code);
                self.preformatted += 1;
            }
            "li" if self.cell == 0 => {
                self.begin(BlockKind::ListItem);
                self.text.push_str(&list_mark(&mut self.lists));
            }
            name => match heading(name) {
                Some(level) => self.begin(BlockKind::Heading(level)),
                None if is_block(name) && !(name == "p" && self.only_a_mark()) => self.end_block(),
                None => {}
            },
        }
    }

    fn close(&mut self, e: &Element) {
        if hides(e) {
            self.hidden = self.hidden.saturating_sub(1);
            return;
        }
        if self.hidden > 0 {
            self.in_title &= e.name() != "title";
            return;
        }
        match e.name() {
            "td" | "th" => {
                self.cell = self.cell.saturating_sub(1);
                let text = std::mem::take(&mut self.text);
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                if let Some(row) = self.rows.last_mut() {
                    row.push(text);
                }
            }
            "tr" => self.end_row(),
            "ol" | "ul" if self.cell == 0 => {
                self.end_block();
                self.lists.pop();
            }
            "pre" => {
                self.end_block();
                self.preformatted = self.preformatted.saturating_sub(1);
            }
            name if heading(name).is_some() || is_block(name) => self.end_block(),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.in_title {
            self.title.push_str(text);
        } else if self.hidden > 0 {
        } else if self.preformatted > 0 {
            self.text.push_str(text);
        } else {
            // White space collapses, also across elements.
            for c in text.chars() {
                let c = if c.is_whitespace() && c != '\u{a0}' { ' ' } else { c };
                if c != ' ' || !self.text.ends_with([' ', '\n']) {
                    self.text.push(c);
                }
            }
        }
    }

    fn end_row(&mut self) {
        let Some(cells) = self.rows.pop() else { return };
        let text = cells.join(" | ");
        if text.trim_matches([' ', '|']).is_empty() {
            return;
        }
        if self.cell > 0 {
            // A table inside a cell is read as part of the cell.
            self.text.push_str(&text);
            self.text.push(' ');
        } else {
            self.blocks.push(RawBlock { kind: BlockKind::TableRow, text, cue: None });
        }
    }

    fn only_a_mark(&self) -> bool {
        self.kind == Some(BlockKind::ListItem) && self.text.trim_end().chars().count() <= 4
    }

    fn begin(&mut self, kind: BlockKind) {
        self.end_block();
        self.kind = Some(kind);
    }

    fn end_block(&mut self) {
        if self.cell > 0 {
            if !self.text.is_empty() {
                self.text.push(' ');
            }
            return;
        }
        let kind = self.kind.take().unwrap_or(BlockKind::Paragraph);
        let text = std::mem::take(&mut self.text);
        let text = if kind == BlockKind::Code { text.trim_matches('\n') } else { text.trim() };
        if !text.trim().is_empty() && text != "•" {
            self.blocks.push(RawBlock { kind, text: text.to_string(), cue: None });
        }
    }
}

fn hides(e: &Element) -> bool {
    matches!(e.name(), "script" | "style" | "template" | "noscript" | "head" | "svg" | "iframe" | "object")
        || e.attr("hidden").is_some()
}

fn heading(name: &str) -> Option<u8> {
    let level = name.strip_prefix('h')?.parse::<u8>().ok()?;
    (1..=6).contains(&level).then_some(level)
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "section"
            | "article"
            | "main"
            | "header"
            | "footer"
            | "nav"
            | "aside"
            | "blockquote"
            | "li"
            | "dl"
            | "dt"
            | "dd"
            | "table"
            | "caption"
            | "thead"
            | "tbody"
            | "tfoot"
            | "figure"
            | "figcaption"
            | "hr"
            | "form"
            | "fieldset"
            | "address"
            | "details"
            | "summary"
            | "body"
            | "html"
            | "center"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn got(source: &str) -> Vec<(BlockKind, String)> {
        parse(source.as_bytes()).unwrap().flow.into_iter().map(|b| (b.kind, b.text)).collect()
    }

    #[test]
    fn what_a_browser_shows() {
        let d = got(
            "<title>T</title><script>alert(1)</script><h2>Fees</h2><p>Pay  <b>now</b>,\n or<br>later</p><div hidden>no</div><ol start=3><li>one<li><p>two</p></ol><table><tr><th>A<th>B<tr><td>1<td><p>2</p></table>tail",
        );
        let want = [
            (BlockKind::Heading(2), "Fees"),
            (BlockKind::Paragraph, "Pay now, or\nlater"),
            (BlockKind::ListItem, "3. one"),
            (BlockKind::ListItem, "4. two"),
            (BlockKind::TableRow, "A | B"),
            (BlockKind::TableRow, "1 | 2"),
            (BlockKind::Paragraph, "tail"),
        ];
        assert_eq!(d, want.map(|(k, t)| (k, t.to_string())));
    }

    #[test]
    fn title_and_declared_encoding() {
        let d = parse(b"<meta charset=iso-8859-2><title>x</title><p>\xb3\xf3d\xbc</p>").unwrap();
        assert_eq!((d.flow[0].text.as_str(), d.title.as_deref()), ("\u{142}\u{f3}d\u{17a}", Some("x")));
        assert!(matches!(parse(b"<script>x</script>"), Err(ParseError::Empty)));
    }

    /// Deeper still, the HTML parser itself takes time that grows with the square of the depth: the worker's limit ends that.
    #[test]
    fn deep_nesting_does_not_overflow_the_stack() {
        let deep = format!("{}x", "<div>".repeat(4_000));
        assert_eq!(got(&deep), [(BlockKind::Paragraph, "x".to_string())]);
    }
}
