//! Values in normal form: dates, durations, amounts, percentages, parties; and the rules that find them in text.

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
