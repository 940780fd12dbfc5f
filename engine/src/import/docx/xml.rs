//! A small XML tree for the parts of a DOCX: local names, attributes, children and text.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// Elements nested deeper than this are dropped: no document needs it, and hostile ones use it to exhaust the stack.
const DEPTH_LIMIT: usize = 256;

/// An element or a piece of text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// An element.
    Element(Element),
    /// Character data, entities resolved.
    Text(String),
}

/// An element by its local name (prefixes are dropped: transitional and strict files differ only in them).
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Element {
    /// Local name.
    pub(super) name: String,
    /// Attributes by local name, in order.
    pub(super) attributes: Vec<(String, String)>,
    /// Children in order.
    pub(super) children: Vec<Node>,
}

impl Element {
    /// The value of an attribute by its local name.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Child elements in order.
    pub(super) fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|n| match n {
            Node::Element(e) => Some(e),
            Node::Text(_) => None,
        })
    }

    /// The first child element of that name.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|e| e.name == name)
    }

    /// The attribute `val` of the child of that name: how WordprocessingML writes nearly every property.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.child(name).and_then(|e| e.attribute("val"))
    }

    /// A property that is on when present, unless its `val` says off.
    pub(super) fn switch(&self, name: &str) -> bool {
        self.child(name).is_some_and(|e| !matches!(e.attribute("val"), Some("0" | "false" | "off" | "none")))
    }

    /// All text below, concatenated.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        for node in &self.children {
            match node {
                Node::Text(t) => out.push_str(t),
                Node::Element(e) => out.push_str(&e.text()),
            }
        }
        out
    }
}

/// The root element of `source`. What stands after a syntax error is dropped and said by the second value.
pub(super) fn parse(source: &str) -> (Element, Option<String>) {
    let mut reader = Reader::from_str(source);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let mut stack = vec![Element::default()];
    let mut dropped = 0usize;
    let problem = loop {
        match reader.read_event() {
            Ok(Event::Start(e)) if stack.len() < DEPTH_LIMIT && dropped == 0 => stack.push(element(&e)),
            Ok(Event::Start(_)) => dropped += 1,
            Ok(Event::Empty(e)) if dropped == 0 => append(&mut stack, Node::Element(element(&e))),
            Ok(Event::End(_)) if dropped > 0 => dropped -= 1,
            Ok(Event::End(_)) => close(&mut stack),
            Ok(Event::Text(t)) if dropped == 0 => append(&mut stack, Node::Text(t.xml10_content().into_owned())),
            Ok(Event::CData(t)) if dropped == 0 => append(&mut stack, Node::Text(t.xml10_content().into_owned())),
            Ok(Event::GeneralRef(r)) if dropped == 0 => {
                let text = quick_xml::escape::unescape(&format!("&{};", r.xml10_content())).map(|t| t.into_owned());
                append(&mut stack, Node::Text(text.unwrap_or_default()));
            }
            Ok(Event::Eof) => break None,
            Ok(_) => {}
            Err(e) => break Some(e.to_string()),
        }
    };
    while stack.len() > 1 {
        close(&mut stack);
    }
    let root = stack.pop().and_then(|e| {
        e.children.into_iter().find_map(|n| match n {
            Node::Element(e) => Some(e),
            Node::Text(_) => None,
        })
    });
    (root.unwrap_or_default(), problem)
}

fn element(start: &BytesStart<'_>) -> Element {
    let attributes = start
        .attributes()
        .with_checks(false)
        .flatten()
        .map(|a| {
            let value = a.normalized_value(XmlVersion::Explicit1_0).unwrap_or_default().into_owned();
            (a.key.local_name().as_ref().to_string(), value)
        })
        .collect();
    Element { name: start.local_name().as_ref().to_string(), attributes, children: Vec::new() }
}

fn append(stack: &mut [Element], node: Node) {
    if let Some(top) = stack.last_mut() {
        top.children.push(node);
    }
}

fn close(stack: &mut Vec<Element>) {
    if stack.len() > 1
        && let Some(done) = stack.pop()
    {
        append(stack, Node::Element(done));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_prefixes_and_switches_are_resolved() {
        let (root, problem) = parse(r#"<w:p w:id="a&amp;b"><w:b w:val="0"/><w:i/><w:t>x &lt;&#233; y</w:t></w:p>"#);
        assert_eq!(problem, None);
        assert_eq!(root.attribute("id"), Some("a&b"));
        assert!(!root.switch("b") && root.switch("i"));
        assert_eq!(root.text(), "x <é y");
    }

    #[test]
    fn a_cut_file_keeps_what_stands_before_the_cut() {
        let (root, _) = parse("<d><p>one</p><p>two");
        assert_eq!(root.text(), "onetwo");
    }

    #[test]
    fn deep_nesting_is_bounded() {
        let deep = format!("{}x{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
        let (root, _) = parse(&deep);
        assert_eq!(root.text(), "");
    }
}
