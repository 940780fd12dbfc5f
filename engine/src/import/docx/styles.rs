//! Paragraph styles: which are headings, and which carry numbering.

use super::xml::Element;
use std::collections::HashMap;

/// Paragraph styles by id.
#[derive(Debug, Default)]
pub(super) struct Styles {
    by_id: HashMap<String, Style>,
}

#[derive(Debug, Default, Clone)]
struct Style {
    name: String,
    based_on: Option<String>,
    outline: Option<u8>,
    list: Option<String>,
    list_level: Option<usize>,
}

/// What a style says of a paragraph, inheritance resolved.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    /// Heading level from 1, if the style is a heading.
    pub(super) heading: Option<u8>,
    /// Whether it is the style of the document's title.
    pub(super) title: bool,
    /// The list it numbers by.
    pub(super) list: Option<String>,
    /// The level in that list.
    pub(super) list_level: Option<usize>,
    /// Whether it is set as code.
    pub(super) code: bool,
}

impl Styles {
    /// Reads the part `styles.xml`.
    pub(super) fn read(root: &Element) -> Self {
        let by_id = root
            .elements()
            .filter(|e| e.name == "style" && e.attribute("type").is_none_or(|t| t == "paragraph"))
            .filter_map(|e| {
                let properties = e.child("pPr");
                let list = properties.and_then(|p| p.child("numPr"));
                let style = Style {
                    name: e.value("name").unwrap_or_default().to_lowercase(),
                    based_on: e.value("basedOn").map(str::to_string),
                    outline: properties.and_then(|p| p.value("outlineLvl")).and_then(|v| v.parse().ok()),
                    list: list.and_then(|l| l.value("numId")).map(str::to_string),
                    list_level: list.and_then(|l| l.value("ilvl")).and_then(|v| v.parse().ok()),
                };
                Some((e.attribute("styleId")?.to_string(), style))
            })
            .collect();
        Self { by_id }
    }

    /// What style `id` says, the styles it is based on included.
    pub(super) fn resolve(&self, id: &str) -> Resolved {
        let mut out = Resolved::default();
        let mut next = Some(id);
        // A chain of styles that points back at itself ends here.
        for _ in 0..16 {
            let Some(style) = next.and_then(|id| self.by_id.get(id)) else { break };
            out.title |= style.name == "title";
            out.code |= style.name.contains("source code") || style.name == "html preformatted" || style.name == "code";
            out.heading = out.heading.or_else(|| heading_level(style));
            out.list = out.list.or_else(|| style.list.clone());
            out.list_level = out.list_level.or(style.list_level);
            next = style.based_on.as_deref();
        }
        out
    }
}

fn heading_level(style: &Style) -> Option<u8> {
    let named = style.name.strip_prefix("heading ").and_then(|n| n.trim().parse::<u8>().ok());
    // Outline level 9 means body text.
    named.or(style.outline.filter(|l| *l < 9).map(|l| l + 1)).filter(|l| (1..=9).contains(l))
}
