//! Turns a JSON schema into a [`Grammar`]. What it cannot keep, it refuses, so that an answer always obeys its schema.
//!
//! Written compactly (no white space between values), objects with all their properties in the order of the schema.

use serde_json::Value;

use super::machine::{Grammar, Node, NodeId, first_bytes};
use super::quote::QuoteSource;
use super::{ConstraintError, QUOTE_MAX, QUOTE_MIN, STRING_MAX};

/// Widest range of whole numbers that is spelt out.
const MAX_RANGE: i64 = 10_000;
/// Deepest nesting.
const MAX_DEPTH: usize = 16;

/// Keys that say nothing about what is allowed, and `required`, since every property is always there.
const SILENT: [&str; 7] = ["title", "description", "default", "examples", "$schema", "required", "additionalProperties"];

pub(super) fn compile(schema: &Value, source: &QuoteSource) -> Result<Grammar, ConstraintError> {
    let mut compiler = Compiler { nodes: Vec::new(), source };
    let root = compiler.value(schema, "$", 0)?;
    Ok(Grammar { nodes: compiler.nodes, root, source: source.clone() })
}

struct Compiler<'a> {
    nodes: Vec<Node>,
    source: &'a QuoteSource,
}

impl Compiler<'_> {
    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() as NodeId - 1
    }

    fn value(&mut self, schema: &Value, path: &str, depth: usize) -> Result<NodeId, ConstraintError> {
        let Some(map) = schema.as_object() else { return Err(refuse(path, "a schema must be an object")) };
        if depth > MAX_DEPTH {
            return Err(refuse(path, "it is nested too deeply"));
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(options) = map.get(key).and_then(Value::as_array) {
                self.only(schema, path, &[key])?;
                let compiled = options
                    .iter()
                    .enumerate()
                    .map(|(i, option)| self.value(option, &format!("{path}.{key}[{i}]"), depth + 1))
                    .collect::<Result<Vec<_>, _>>()?;
                return self.choice(compiled, path);
            }
        }
        if let Some(value) = map.get("const") {
            return self.spellings(std::slice::from_ref(value), path);
        }
        if let Some(values) = map.get("enum").and_then(Value::as_array) {
            return self.spellings(values, path);
        }
        match map.get("type") {
            Some(Value::String(kind)) => self.typed(kind, schema, path, depth),
            Some(Value::Array(kinds)) => {
                let mut options = Vec::new();
                for kind in kinds {
                    let Some(kind) = kind.as_str() else { return Err(refuse(path, "`type` must hold names")) };
                    options.push(self.typed(kind, schema, path, depth)?);
                }
                self.choice(options, path)
            }
            _ => Err(refuse(path, "it has no `type`, `enum`, `const` or `anyOf`")),
        }
    }

    fn typed(&mut self, kind: &str, schema: &Value, path: &str, depth: usize) -> Result<NodeId, ConstraintError> {
        match kind {
            "object" => self.object(schema, path, depth),
            "array" => {
                self.only_of_kinds(schema, path, &["items", "minItems", "maxItems"])?;
                let min = size(schema, "minItems").unwrap_or(0);
                let Some(max) = size(schema, "maxItems") else { return Err(refuse(path, "an array needs `maxItems`")) };
                ordered(min, max, path)?;
                let Some(items) = schema.get("items") else { return Err(refuse(path, "an array needs `items`")) };
                let item = self.value(items, &format!("{path}[]"), depth + 1)?;
                Ok(self.add(Node::Array { item, min, max }))
            }
            "string" => self.string(schema, path),
            "boolean" => Ok(self.add(Node::Enum(vec![b"false".to_vec(), b"true".to_vec()]))),
            "null" => Ok(self.add(Node::Literal(b"null".to_vec()))),
            "integer" | "number" => self.number(kind, schema, path),
            other => Err(refuse(path, &format!("the type {other} is not known"))),
        }
    }

    fn object(&mut self, schema: &Value, path: &str, depth: usize) -> Result<NodeId, ConstraintError> {
        self.only_of_kinds(schema, path, &["properties"])?;
        if schema.get("additionalProperties").is_some_and(|v| v != &Value::Bool(false)) {
            return Err(refuse(path, "additional properties cannot be allowed"));
        }
        let mut parts = Vec::new();
        let mut before = "{".to_owned();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let key = format!("{before}{}:", Value::String(name.clone()));
            parts.push(self.add(Node::Literal(key.into_bytes())));
            parts.push(self.value(property, &format!("{path}.{name}"), depth + 1)?);
            before = ",".to_owned();
        }
        let last = if parts.is_empty() { "{}" } else { "}" };
        parts.push(self.add(Node::Literal(last.into())));
        Ok(self.add(Node::Sequence(parts)))
    }

    fn string(&mut self, schema: &Value, path: &str) -> Result<NodeId, ConstraintError> {
        self.only_of_kinds(schema, path, &["minLength", "maxLength", "x-lectern-quote", "x-lectern-optional"])?;
        let min = size(schema, "minLength");
        let max = size(schema, "maxLength");
        if schema.get("x-lectern-quote") != Some(&Value::Bool(true)) {
            let min = min.unwrap_or(0);
            let max = max.unwrap_or(STRING_MAX.max(min));
            ordered(min, max, path)?;
            return Ok(self.add(Node::Text { min, max }));
        }
        let optional = min == Some(0) || schema.get("x-lectern-optional") == Some(&Value::Bool(true));
        let max = max.unwrap_or(QUOTE_MAX).min(QUOTE_MAX);
        let min = min.filter(|m| *m > 0).unwrap_or(QUOTE_MIN.min(max));
        ordered(min, max, path)?;
        // A document shorter than the shortest quote can be quoted whole.
        let min = min.min(self.source.longest());
        let last_start = self.source.last_start(min);
        Ok(self.add(Node::Quote { min, max, optional: optional || self.source.is_empty(), last_start }))
    }

    fn number(&mut self, kind: &str, schema: &Value, path: &str) -> Result<NodeId, ConstraintError> {
        self.only_of_kinds(schema, path, &["minimum", "maximum"])?;
        let (minimum, maximum) = (schema.get("minimum"), schema.get("maximum"));
        match (minimum.map(Value::as_i64), maximum.map(Value::as_i64)) {
            (Some(Some(low)), Some(Some(high))) if kind == "integer" && (0..=MAX_RANGE).contains(&(high.saturating_sub(low))) => {
                let values: Vec<Value> = (low..=high).map(Value::from).collect();
                self.spellings(&values, path)
            }
            (None, None) => Ok(self.add(Node::Number { negative: true, decimals: kind == "number" })),
            (Some(Some(0)), None) => Ok(self.add(Node::Number { negative: false, decimals: kind == "number" })),
            _ => Err(refuse(path, "numbers may have `minimum` 0, or be integers with both limits near each other")),
        }
    }

    fn spellings(&mut self, values: &[Value], path: &str) -> Result<NodeId, ConstraintError> {
        let mut spelt: Vec<Vec<u8>> = values.iter().map(|v| v.to_string().into_bytes()).collect();
        spelt.sort_unstable();
        spelt.dedup();
        if spelt.is_empty() {
            return Err(refuse(path, "`enum` is empty"));
        }
        Ok(self.add(Node::Enum(spelt)))
    }

    fn choice(&mut self, options: Vec<NodeId>, path: &str) -> Result<NodeId, ConstraintError> {
        if options.is_empty() {
            return Err(refuse(path, "there is nothing to choose from"));
        }
        let node = self.add(Node::Choice(options.clone()));
        let nodes = std::mem::take(&mut self.nodes);
        let grammar = Grammar { nodes, root: node, source: self.source.clone() };
        let clash = (0..=255).any(|b| options.iter().filter(|o| first_bytes(&grammar, **o, b)).count() > 1);
        self.nodes = grammar.nodes;
        if clash {
            return Err(refuse(path, "its alternatives begin with the same character; use one string or an enum"));
        }
        Ok(node)
    }

    /// Refuses keys besides `type`, `known` and those that say nothing.
    fn only(&self, schema: &Value, path: &str, known: &[&str]) -> Result<(), ConstraintError> {
        for key in schema.as_object().into_iter().flat_map(|m| m.keys()) {
            let harmless = SILENT.contains(&key.as_str()) || key == "type" || key == "x-guidance";
            if !harmless && !known.contains(&key.as_str()) {
                return Err(refuse(path, &format!("`{key}` cannot be kept")));
            }
        }
        Ok(())
    }

    /// As [`Self::only`]; a list of types shares its schema among several kinds, so all kinds' keys are known there.
    fn only_of_kinds(&self, schema: &Value, path: &str, known: &[&str]) -> Result<(), ConstraintError> {
        if schema.get("type").is_some_and(Value::is_array) {
            let all = [
                "items", "minItems", "maxItems", "properties", "minLength", "maxLength", "minimum", "maximum",
                "x-lectern-quote", "x-lectern-optional",
            ];
            return self.only(schema, path, &all);
        }
        self.only(schema, path, known)
    }
}

fn size(schema: &Value, key: &str) -> Option<u32> {
    schema.get(key).and_then(Value::as_u64).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

fn ordered(min: u32, max: u32, path: &str) -> Result<(), ConstraintError> {
    if min > max { Err(refuse(path, &format!("at least {min} and at most {max} cannot both be"))) } else { Ok(()) }
}

fn refuse(path: &str, reason: &str) -> ConstraintError {
    ConstraintError::Schema { place: path.to_owned(), reason: reason.to_owned() }
}
