//! Packs: named sets of fields to extract.
use serde::{Deserialize, Serialize};

/// A named set of fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
