//! Prepares a JSON schema for two automata: what llguidance is to keep, and where its quotes stand.
//!
//! llguidance gets a schema of its own subset with everything bounded, so that no answer runs on for ever; the quotes
//! become plain strings there. The [`Places`] lead the byte machine of [`super::quotes`] to those strings.

use serde_json::{Map, Value, json};

use super::quote::QuoteSource;
use super::{ConstraintError, QUOTE_MAX, QUOTE_MIN, STRING_MAX};

/// Deepest nesting.
const MAX_DEPTH: usize = 16;
/// Largest number, either way: fifteen digits, exact in f64.
const MAX_NUMBER: i64 = 999_999_999_999_999;
/// Smallest step of a number, so that its decimals end.
const NUMBER_STEP: f64 = 0.000_001;
/// A free string holds no control characters.
const PRINTABLE: &str = "^[^\\x00-\\x1f\\x7f-\\x9f]*$";
/// The mark of a quote.
const QUOTE: &str = "x-lectern-quote";
/// Why a quote and a free string at one place are refused: nothing tells which of them has begun.
const TWO_KINDS: &str = "a quote and another string are alternatives here; use one of them";
/// A quote that may be empty.
const OPTIONAL: &str = "x-lectern-optional";

/// What may stand at one place of a value.
#[derive(Debug, Default, Clone)]
pub(super) struct Place {
    /// Names as they stand in JSON, quotation marks included, sorted; and the place of each one's value.
    pub(super) properties: Vec<(Vec<u8>, usize)>,
    /// The place of an array's items.
    pub(super) items: Option<usize>,
    /// The rule, where a string here is a quote.
    pub(super) quote: Option<QuoteRule>,
    /// Whether a string here may be something else than a quote.
    pub(super) free_string: bool,
}

/// How long a quote may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct QuoteRule {
    /// Fewest characters.
    pub(super) min: u32,
    /// Most characters.
    pub(super) max: u32,
    /// Whether it may be empty.
    pub(super) optional: bool,
    /// Last place of the document from which `min` characters remain.
    pub(super) last_start: u32,
}

/// All places of a schema; the first is the root.
pub(super) type Places = Vec<Place>;

/// The schema for llguidance, and the places of its quotes.
pub(super) fn prepare(schema: &Value, source: &QuoteSource) -> Result<(Value, Places), ConstraintError> {
    let mut preparer = Preparer { places: vec![Place::default()], source };
    let mut plain = preparer.value(schema, &Spot { path: "$".to_owned(), place: 0, depth: 0 })?;
    if let Some(root) = plain.as_object_mut() {
        root.insert("x-guidance".to_owned(), json!({"whitespace_flexible": false}));
    }
    Ok((plain, preparer.places))
}

/// Numbers of places come from [`Preparer::add`], which never takes one away: indexing by them cannot fail.
struct Preparer<'a> {
    places: Places,
    source: &'a QuoteSource,
}

/// Where in the schema the preparer is.
struct Spot {
    /// For messages: `$`, then names and brackets.
    path: String,
    place: usize,
    depth: usize,
}

impl Spot {
    fn inside(&self, step: &str, place: usize) -> Spot {
        Spot { path: format!("{}{step}", self.path), place, depth: self.depth + 1 }
    }

    fn refuse(&self, reason: &str) -> ConstraintError {
        ConstraintError::Schema { place: self.path.clone(), reason: reason.to_owned() }
    }
}

impl Preparer<'_> {
    /// `schema` without its quotes; what it allows is added to `place`.
    fn value(&mut self, schema: &Value, spot: &Spot) -> Result<Value, ConstraintError> {
        let Some(map) = schema.as_object() else { return Err(spot.refuse("a schema must be an object")) };
        if spot.depth > MAX_DEPTH {
            return Err(spot.refuse("it is nested too deeply"));
        }
        let mut out = map.clone();
        out.remove("x-guidance");
        for key in ["anyOf", "oneOf"] {
            if let Some(options) = map.get(key).and_then(Value::as_array) {
                let prepared: Result<Vec<_>, _> = (options.iter().enumerate())
                    .map(|(i, option)| self.value(option, &spot.inside(&format!(".{key}[{i}]"), spot.place)))
                    .collect();
                // One key for both: which alternative was meant is for the reader of the answer to tell.
                out.remove(key);
                out.insert("anyOf".to_owned(), Value::Array(prepared?));
            }
        }
        self.bound(&mut out, spot)?;
        let plain = Value::Object(out);
        if plain.get("$ref").is_some() || plain.to_string().contains(QUOTE) {
            return Err(spot.refuse("a quote stands where it cannot be followed"));
        }
        Ok(plain)
    }

    /// Follows the kinds of value that `schema` names, and sets the limits it leaves open.
    fn bound(&mut self, schema: &mut Map<String, Value>, spot: &Spot) -> Result<(), ConstraintError> {
        if schema.contains_key("const") || schema.contains_key("enum") {
            let values = schema
                .get("const")
                .into_iter()
                .chain(schema.get("enum").and_then(Value::as_array).into_iter().flatten());
            if values.into_iter().any(Value::is_string) {
                self.free_string(spot)?;
            }
            return Ok(());
        }
        let kinds: Vec<String> = match schema.get("type") {
            Some(Value::String(kind)) => vec![kind.clone()],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ if schema.contains_key("anyOf") => Vec::new(),
            _ => return Err(spot.refuse("it has no `type`, `enum`, `const` or `anyOf`")),
        };
        for kind in &kinds {
            match kind.as_str() {
                "object" => self.object(schema, spot)?,
                "array" => self.array(schema, spot)?,
                "string" => self.string(schema, spot)?,
                "integer" | "number" => bound_number(schema, kind),
                "boolean" | "null" => {}
                other => return Err(spot.refuse(&format!("the type {other} is not known"))),
            }
        }
        Ok(())
    }

    /// All properties, in the order of the schema, and no others.
    fn object(&mut self, schema: &mut Map<String, Value>, spot: &Spot) -> Result<(), ConstraintError> {
        if schema.get("additionalProperties").is_some_and(|v| v != &Value::Bool(false)) {
            return Err(spot.refuse("additional properties cannot be allowed"));
        }
        let mut plain = Map::new();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let at = self.property(spot.place, name);
            plain.insert(name.clone(), self.value(property, &spot.inside(&format!(".{name}"), at))?);
        }
        let names = plain.keys().map(|k| Value::String(k.clone())).collect();
        schema.insert("properties".to_owned(), Value::Object(plain));
        schema.insert("required".to_owned(), Value::Array(names));
        schema.insert("additionalProperties".to_owned(), Value::Bool(false));
        Ok(())
    }

    fn array(&mut self, schema: &mut Map<String, Value>, spot: &Spot) -> Result<(), ConstraintError> {
        let Some(max) = size(schema, "maxItems") else { return Err(spot.refuse("an array needs `maxItems`")) };
        ordered(size(schema, "minItems").unwrap_or(0), max, spot)?;
        let Some(items) = schema.get("items").cloned() else { return Err(spot.refuse("an array needs `items`")) };
        let at = self.places[spot.place].items.unwrap_or_else(|| self.add());
        self.places[spot.place].items = Some(at);
        let plain = self.value(&items, &spot.inside("[]", at))?;
        schema.insert("items".to_owned(), plain);
        Ok(())
    }

    fn string(&mut self, schema: &mut Map<String, Value>, spot: &Spot) -> Result<(), ConstraintError> {
        let (min, max) = (size(schema, "minLength"), size(schema, "maxLength"));
        let quote = schema.remove(QUOTE) == Some(Value::Bool(true));
        let optional = schema.remove(OPTIONAL) == Some(Value::Bool(true)) || min == Some(0);
        if !quote {
            self.free_string(spot)?;
            let max = max.unwrap_or(STRING_MAX.max(min.unwrap_or(0)));
            ordered(min.unwrap_or(0), max, spot)?;
            schema.insert("maxLength".to_owned(), max.into());
            if !schema.contains_key("pattern") && !schema.contains_key("format") {
                schema.insert("pattern".to_owned(), PRINTABLE.into());
            }
            return Ok(());
        }
        // The length of a quote is kept by the machine, which knows where words end.
        schema.remove("minLength");
        schema.remove("maxLength");
        let max = max.unwrap_or(QUOTE_MAX).min(QUOTE_MAX);
        let min = min.filter(|m| *m > 0).unwrap_or(QUOTE_MIN.min(max));
        ordered(min, max, spot)?;
        // A document shorter than the shortest quote can be quoted whole.
        let min = min.min(self.source.longest());
        let last_start = self.source.last_start(min);
        let rule = QuoteRule { min, max, optional: optional || self.source.is_empty(), last_start };
        let place = &mut self.places[spot.place];
        if place.free_string || place.quote.is_some_and(|known| known != rule) {
            return Err(spot.refuse(TWO_KINDS));
        }
        place.quote = Some(rule);
        Ok(())
    }

    /// Notes that another string than a quote may stand at `place`.
    fn free_string(&mut self, spot: &Spot) -> Result<(), ConstraintError> {
        let place = &mut self.places[spot.place];
        place.free_string = true;
        if place.quote.is_some() { Err(spot.refuse(TWO_KINDS)) } else { Ok(()) }
    }

    /// The place of the property `name`, shared by all alternatives that have one of this name.
    fn property(&mut self, place: usize, name: &str) -> usize {
        let key = Value::String(name.to_owned()).to_string().into_bytes();
        match self.places[place].properties.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(known) => self.places[place].properties[known].1,
            Err(free) => {
                let at = self.add();
                self.places[place].properties.insert(free, (key, at));
                at
            }
        }
    }

    fn add(&mut self) -> usize {
        self.places.push(Place::default());
        self.places.len() - 1
    }
}

fn bound_number(schema: &mut Map<String, Value>, kind: &str) {
    if !schema.contains_key("exclusiveMinimum") {
        schema.entry("minimum").or_insert_with(|| (-MAX_NUMBER).into());
    }
    if !schema.contains_key("exclusiveMaximum") {
        schema.entry("maximum").or_insert_with(|| MAX_NUMBER.into());
    }
    if kind == "number" {
        schema.entry("multipleOf").or_insert_with(|| NUMBER_STEP.into());
    }
}

fn size(schema: &Map<String, Value>, key: &str) -> Option<u32> {
    schema.get(key).and_then(Value::as_u64).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

fn ordered(min: u32, max: u32, spot: &Spot) -> Result<(), ConstraintError> {
    if min > max { Err(spot.refuse(&format!("at least {min} and at most {max} cannot both be"))) } else { Ok(()) }
}
