//! Values in normal form: dates, durations, amounts, percentages, parties; and the rules that find them in text.

pub mod dates;
pub mod deadlines;
pub mod decimal;
pub mod durations;
pub mod money;
pub mod parties;
pub mod tokens;

use crate::tasks::FieldType;
use crate::text::{Span, words};
pub use dates::find_dates;
pub use deadlines::find_deadline;
pub use durations::find_durations;
pub use money::{find_money, find_numbers, find_percents};
pub(crate) use parties::{FORMS, goes_on, is_form};
pub use parties::{find_parties, party_name};
use serde::{Deserialize, Serialize};

/// A value in normal form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Value {
    /// A calendar date, `YYYY-MM-DD`; `YYYY-MM` or `YYYY` where the text says no more.
    Date {
        /// The date.
        iso: String,
    },
    /// A length of time.
    Duration {
        /// Whole units.
        count: u32,
        /// `day`, `business_day`, `week`, `month`, `year`.
        unit: String,
    },
    /// An amount of money.
    Money {
        /// Decimal digits with `.`; no grouping.
        amount: String,
        /// ISO 4217 code, or the sign as written where it is ambiguous.
        currency: String,
    },
    /// A share.
    Percent {
        /// Decimal digits with `.`.
        amount: String,
    },
    /// A plain number.
    Number {
        /// Decimal digits with `.`.
        amount: String,
    },
    /// A party by its name.
    Party {
        /// The name without its role.
        name: String,
    },
    /// Yes or no.
    Flag {
        /// Which.
        yes: bool,
    },
    /// Text as it is.
    Text {
        /// The text.
        text: String,
    },
}

/// A value found in a text by rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Where it stands in the text that was searched.
    pub span: Span,
    /// What it means.
    pub value: Value,
    /// What a person should know: the form can be read in two ways, words and digits disagree.
    pub note: Option<String>,
}

/// All values of the kind `kind` that rules find in `text`, in order. Kinds without rules (text, clause, flag) give none.
pub fn find(kind: FieldType, text: &str) -> Vec<Found> {
    match kind {
        FieldType::Date => find_dates(text),
        FieldType::Duration => find_durations(text),
        FieldType::Money => find_money(text),
        FieldType::Percent => find_percents(text),
        FieldType::Number => find_numbers(text),
        FieldType::Party => find_parties(text),
        FieldType::Text | FieldType::Clause | FieldType::Flag => Vec::new(),
    }
}

/// The first value of the kind `kind` in `text`; `None` where rules find none.
pub fn normalise(kind: FieldType, text: &str) -> Option<Found> {
    find(kind, text).into_iter().next()
}

impl Value {
    /// Whether both mean the same. A party goes by one name in the first line and by its capitals above a signature: case,
    /// marks and a leading "the" make no other party.
    pub fn means(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Party { name }, Value::Party { name: other }) => name_words(name).eq(name_words(other)),
            _ => self == other,
        }
    }
}

fn name_words(name: &str) -> impl Iterator<Item = String> {
    words(name).map(str::to_lowercase).enumerate().filter(|(i, word)| *i > 0 || word != "the").map(|(_, word)| word)
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Date { iso } => write!(f, "{iso}"),
            Value::Duration { count, unit } => {
                write!(f, "{count} {}{}", unit.replace('_', " "), if *count == 1 { "" } else { "s" })
            }
            Value::Money { amount, currency } => write!(f, "{currency} {amount}"),
            Value::Percent { amount } => write!(f, "{amount} %"),
            Value::Number { amount } => write!(f, "{amount}"),
            Value::Party { name } => write!(f, "{name}"),
            Value::Flag { yes } => write!(f, "{}", if *yes { "yes" } else { "no" }),
            Value::Text { text } => write!(f, "{text}"),
        }
    }
}
