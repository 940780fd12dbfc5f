//! Packs: named sets of fields to extract, built in or from a person's file.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The built-in packs by identifier.
const BUILT_IN: [(&str, &str); 4] = [
    ("cuad", include_str!("../../packs/cuad.json")),
    ("nda", include_str!("../../packs/nda.json")),
    ("report", include_str!("../../packs/report.json")),
    ("minutes", include_str!("../../packs/minutes.json")),
];
/// Most fields of a pack: each is a question of its own to the model.
const MOST_FIELDS: usize = 200;

/// A pack cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// No built-in pack has this identifier.
    #[error("There is no built-in pack “{id}”. There are: {known}. A pack of your own is given with --schema FILE.")]
    Unknown {
        /// What was asked for.
        id: String,
        /// Those there are, comma-separated.
        known: String,
    },
    /// The file is not JSON.
    #[error("{origin} is not valid JSON: {reason}")]
    Json {
        /// File name.
        origin: String,
        /// Line, column and cause.
        reason: String,
    },
    /// A part of the pack is wrong.
    #[error("{origin}, {place}: {reason}")]
    Invalid {
        /// File name.
        origin: String,
        /// Which part: "the pack", "field 3 (Term)".
        place: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
}

/// A named set of fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// A stable identifier: `cuad`, `nda`, `report`, or the file name of a user's own.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The fields in order.
    pub fields: Vec<FieldSpec>,
}

/// One field to extract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldSpec {
    /// Name for people, unique in its pack.
    pub name: String,
    /// What kind of value.
    #[serde(rename = "type", default)]
    pub kind: FieldType,
    /// What to look for, as a sentence.
    #[serde(default)]
    pub description: String,
    /// Whether several values are wanted.
    #[serde(default)]
    pub many: bool,
    /// Words for the cross-check search; where empty, the words of the name.
    #[serde(default)]
    pub keywords: Vec<String>,
}

/// What kind of value a field holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Text as it stands.
    #[default]
    Text,
    /// A clause: the passage itself is the value.
    Clause,
    /// A date.
    Date,
    /// A length of time.
    Duration,
    /// An amount of money.
    Money,
    /// A share.
    Percent,
    /// A number.
    Number,
    /// A party.
    Party,
    /// Yes or no.
    Flag,
}

impl Pack {
    /// Identifiers of the built-in packs.
    pub fn built_in_ids() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(id, _)| *id)
    }

    /// A built-in pack.
    pub fn built_in(id: &str) -> Result<Self, PackError> {
        let found = BUILT_IN.iter().find(|(known, _)| *known == id);
        let unknown =
            || PackError::Unknown { id: id.to_owned(), known: Self::built_in_ids().collect::<Vec<_>>().join(", ") };
        found.ok_or_else(unknown).and_then(|(id, json)| Self::parse(json, id))
    }

    /// A pack from JSON: `{"id", "name", "description", "fields": [{"name", "type", "description", "many",
    /// "keywords"}]}`, where only `fields` and each field's `name` must be there. Unknown keys are refused. `origin`
    /// is the file's name, used in messages and, without its ending, where `id` or `name` is absent.
    pub fn parse(json: &str, origin: &str) -> Result<Self, PackError> {
        let wrong = |place: String, reason: String| PackError::Invalid { origin: origin.to_owned(), place, reason };
        let whole = || "the pack".to_owned();
        let mut value: Value = serde_json::from_str(json)
            .map_err(|e| PackError::Json { origin: origin.to_owned(), reason: e.to_string() })?;
        let Some(object) = value.as_object_mut() else {
            return Err(wrong(whole(), "a JSON object with “fields” is expected".into()));
        };
        let stem = origin.rsplit(['/', '\\']).next().unwrap_or(origin).trim_end_matches(".json");
        for key in ["id", "name"] {
            object.entry(key).or_insert_with(|| Value::String(stem.to_owned()));
        }
        let listed = object.insert("fields".into(), Value::Array(Vec::new()));
        let Some(Value::Array(listed)) = listed else {
            return Err(wrong(whole(), "“fields” must be a list of fields".into()));
        };
        // One by one, so that a message can say which field is meant.
        let mut fields: Vec<FieldSpec> = Vec::with_capacity(listed.len());
        for (i, field) in listed.into_iter().enumerate() {
            let place = match field.get("name").and_then(Value::as_str) {
                Some(name) => format!("field {} ({name})", i + 1),
                None => format!("field {}", i + 1),
            };
            let field: FieldSpec = serde_json::from_value(field).map_err(|e| wrong(place.clone(), e.to_string()))?;
            let name = field.name.trim();
            if name.is_empty() || name.chars().count() > 100 || name.contains(char::is_control) {
                return Err(wrong(place, "“name” must have 1 to 100 characters on one line".into()));
            }
            if fields.iter().any(|f| f.name == field.name) {
                return Err(wrong(place, "another field has the same name".into()));
            }
            fields.push(field);
        }
        if fields.is_empty() || fields.len() > MOST_FIELDS {
            return Err(wrong(whole(), format!("it has {} fields; 1 to {MOST_FIELDS} are allowed", fields.len())));
        }
        let mut pack: Pack = serde_json::from_value(value).map_err(|e| wrong(whole(), e.to_string()))?;
        pack.fields = fields;
        Ok(pack)
    }
}

impl FieldSpec {
    /// What the cross-check searches for: the keywords, or the name where there are none.
    pub fn queries(&self) -> Vec<String> {
        if self.keywords.is_empty() { vec![self.name.clone()] } else { self.keywords.clone() }
    }

    /// All words that say what is asked for: what passages are ranked by before the model is asked.
    pub fn request(&self) -> String {
        [&self.name, &self.description].into_iter().chain(&self.keywords).cloned().collect::<Vec<_>>().join(" ")
    }
}

impl FieldType {
    /// The kind in words, for messages.
    pub fn word(self) -> &'static str {
        match self {
            FieldType::Text => "text",
            FieldType::Clause => "clause",
            FieldType::Date => "date",
            FieldType::Duration => "length of time",
            FieldType::Money => "amount of money",
            FieldType::Percent => "percentage",
            FieldType::Number => "number",
            FieldType::Party => "party",
            FieldType::Flag => "yes or no",
        }
    }
}
