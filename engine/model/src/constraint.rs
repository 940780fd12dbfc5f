//! Constrained decoding: a JSON schema whose quotes can only be contiguous pieces of the document, as a grammar for
//! llguidance.
//!
//! The schema subset that tasks use is written out as a Lark grammar with fixed order of properties and no free white
//! space (a small model gets stuck in it). A string schema with `"x-lectern-quote": true` becomes a substring automaton
//! over the JSON-escaped document.

use crate::tokenizer::Tokenizer;
use llguidance::api::{ParserLimits, TopLevelGrammar};
use llguidance::toktrie::{InferenceCapabilities, TokEnv, TokRxInfo, TokTrie, TokenizerEnv};
use llguidance::{Matcher, ParserFactory};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

/// Shortest quote in characters, unless the schema's `minLength` says otherwise: shorter ones prove nothing.
pub const QUOTE_MIN: u64 = 20;
/// Longest quote in characters, unless the schema's `maxLength` says otherwise.
pub const QUOTE_MAX: u64 = 400;
/// Longest free string in characters, unless the schema's `maxLength` says otherwise.
pub const STRING_MAX: u64 = 300;

/// What can go wrong with a constraint.
#[derive(Debug, thiserror::Error)]
pub enum ConstraintError {
    /// The schema uses something the grammar writer does not know.
    #[error("the schema at {place} cannot be expressed: {reason}")]
    Schema {
        /// Path in the schema.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// llguidance refuses the grammar, or the document is too large for it.
    #[error("the answer's grammar cannot be built: {reason}")]
    Grammar {
        /// Its message.
        reason: String,
    },
    /// A token was chosen that the grammar forbids, or the grammar ran out of its limits.
    #[error("constrained decoding failed: {reason}")]
    Step {
        /// Its message.
        reason: String,
    },
}

/// Builds constraints for one document; compiled grammars are kept, since tasks ask many questions of one shape.
pub struct Constraints {
    factory: ParserFactory,
    document: String,
    chunks: Option<String>,
    compiled: HashMap<String, Matcher>,
}

/// A grammar in progress: which tokens may come next.
pub struct Constraint {
    matcher: Matcher,
}

impl Constraints {
    /// Constraints over `document` for a model with that tokenizer.
    ///
    /// # Errors
    /// `Grammar` where the tokenizer cannot be used.
    pub fn new(tokenizer: &Tokenizer, document: &str) -> Result<Self, ConstraintError> {
        let env: TokEnv = Arc::new(Env::new(tokenizer));
        let capabilities = InferenceCapabilities { ff_tokens: true, ..InferenceCapabilities::default() };
        let mut factory = ParserFactory::new(&env, capabilities, &[])
            .map_err(|e| ConstraintError::Grammar { reason: e.to_string() })?;
        factory.quiet();
        *factory.limits_mut() = limits();
        Ok(Self { factory, document: document.to_string(), chunks: None, compiled: HashMap::new() })
    }

    /// The constraint for `schema`, at its start.
    ///
    /// # Errors
    /// `Schema` or `Grammar`.
    pub fn json(&mut self, schema: &Value) -> Result<Constraint, ConstraintError> {
        let key = schema.to_string();
        if !self.compiled.contains_key(&key) {
            let grammar = self.grammar(schema)?;
            let parser = self.factory.create_parser(TopLevelGrammar::from_lark(grammar));
            let matcher = Matcher::new(parser);
            if let Some(reason) = matcher.get_error() {
                return Err(ConstraintError::Grammar { reason });
            }
            self.compiled.insert(key.clone(), matcher);
        }
        // The entry was inserted above where it was absent.
        let kept = self.compiled.get(&key).ok_or_else(|| ConstraintError::Grammar { reason: "not kept".to_string() })?;
        Ok(Constraint { matcher: kept.deep_clone() })
    }

    fn grammar(&mut self, schema: &Value) -> Result<String, ConstraintError> {
        let mut writer = Writer::default();
        let root = writer.value(schema, "$")?;
        let mut out = format!("start: {root}\n{}", writer.rules);
        if writer.quotes {
            let chunks = self.chunks.get_or_insert_with(|| chunks_json(&self.document));
            let _ = writeln!(out, "DOCUMENT: %regex {{ \"substring_chunks\": {chunks} }}");
        }
        Ok(out)
    }
}

impl Constraint {
    /// Tokens that the grammar forces now, already taken.
    pub fn forced(&mut self) -> Vec<u32> {
        self.matcher.consume_ff_tokens()
    }

    /// Whether nothing more may come.
    pub fn is_complete(&self) -> bool {
        self.matcher.is_stopped()
    }

    /// Whether the grammar could end here.
    ///
    /// # Errors
    /// `Step`.
    pub fn may_end(&mut self) -> Result<bool, ConstraintError> {
        self.matcher.is_accepting().map_err(step)
    }

    /// The tokens allowed next.
    ///
    /// # Errors
    /// `Step`.
    pub fn mask(&mut self) -> Result<Mask, ConstraintError> {
        self.matcher.compute_mask().map(Mask).map_err(step)
    }

    /// Takes a token.
    ///
    /// # Errors
    /// `Step` where the grammar forbids it.
    pub fn take(&mut self, id: u32) -> Result<(), ConstraintError> {
        self.matcher.consume_token(id).map_err(step)
    }
}

/// A set of allowed tokens.
pub struct Mask(llguidance::toktrie::SimpleVob);

impl Mask {
    /// Whether `id` is in it.
    pub fn allows(&self, id: u32) -> bool {
        (id as usize) < self.0.len() && self.0.is_allowed(id)
    }
}

fn step(error: impl std::fmt::Display) -> ConstraintError {
    ConstraintError::Step { reason: error.to_string() }
}

/// Limits for documents of up to about a million characters (spec 4.5: 1 MB of words takes 2.6 s and 180 MB).
fn limits() -> ParserLimits {
    ParserLimits {
        initial_lexer_fuel: 4_000_000_000,
        step_lexer_fuel: 200_000_000,
        step_max_items: 5_000_000,
        max_lexer_states: 50_000_000,
        max_grammar_size: 200_000_000,
        precompute_large_lexemes: false,
        verbose_errors: false,
        ..ParserLimits::default()
    }
}

/// Writes rules for a schema.
#[derive(Default)]
struct Writer {
    rules: String,
    count: usize,
    quotes: bool,
}

impl Writer {
    /// The name of a rule for `schema`.
    fn value(&mut self, schema: &Value, place: &str) -> Result<String, ConstraintError> {
        if let Some(choices) = schema["enum"].as_array() {
            let alternatives: Vec<String> = choices.iter().map(literal).collect();
            return Ok(self.rule(&alternatives.join(" | ")));
        }
        match &schema["type"] {
            Value::String(kind) => self.typed(kind, schema, place),
            Value::Array(kinds) => {
                let mut alternatives = Vec::new();
                for kind in kinds {
                    alternatives.push(self.typed(kind.as_str().unwrap_or_default(), schema, place)?);
                }
                Ok(self.rule(&alternatives.join(" | ")))
            }
            _ => Err(unsupported(place, "a schema needs `type` or `enum`")),
        }
    }

    fn typed(&mut self, kind: &str, schema: &Value, place: &str) -> Result<String, ConstraintError> {
        match kind {
            "object" => self.object(schema, place),
            "array" => self.array(schema, place),
            "string" if schema["x-lectern-quote"] == Value::Bool(true) => Ok(self.quote(schema)),
            "string" => Ok(self.string(schema)),
            "boolean" => Ok(self.rule("\"true\" | \"false\"")),
            "integer" => Ok(self.terminal("/-?(0|[1-9][0-9]{0,14})/")),
            "number" => Ok(self.terminal("/-?(0|[1-9][0-9]{0,14})(\\.[0-9]{1,6})?/")),
            "null" => Ok(self.rule("\"null\"")),
            other => Err(unsupported(place, &format!("type `{other}`"))),
        }
    }

    fn object(&mut self, schema: &Value, place: &str) -> Result<String, ConstraintError> {
        let properties = schema["properties"].as_object().filter(|p| !p.is_empty());
        let properties = properties.ok_or_else(|| unsupported(place, "an object without properties"))?;
        let mut body = String::new();
        for (i, (name, property)) in properties.iter().enumerate() {
            let value = self.value(property, &format!("{place}.{name}"))?;
            let key = format!("{}{}:", if i == 0 { "{" } else { "," }, Value::String(name.clone()));
            let _ = write!(body, "{} {value} ", lark_string(&key));
        }
        Ok(self.rule(&format!("{body}\"}}\"")))
    }

    fn array(&mut self, schema: &Value, place: &str) -> Result<String, ConstraintError> {
        let item = self.value(&schema["items"], &format!("{place}[]"))?;
        let least = schema["minItems"].as_u64().unwrap_or(0);
        let most = schema["maxItems"].as_u64().ok_or_else(|| unsupported(place, "an array without maxItems"))?;
        if most == 0 || least > most {
            return Err(unsupported(place, "maxItems is 0 or below minItems"));
        }
        let rest_least = least.saturating_sub(1);
        let rest = format!("(\",\" {item}){{{rest_least},{}}}", most - 1);
        let some = if most == 1 { format!("\"[\" {item} \"]\"") } else { format!("\"[\" {item} {rest} \"]\"") };
        Ok(if least == 0 { self.rule(&format!("\"[]\" | {some}")) } else { self.rule(&some) })
    }

    /// A verbatim piece of the document; also the empty string where `minLength` is 0.
    fn quote(&mut self, schema: &Value) -> String {
        self.quotes = true;
        let least = schema["minLength"].as_u64().unwrap_or(QUOTE_MIN);
        let most = schema["maxLength"].as_u64().unwrap_or(QUOTE_MAX).max(least);
        let text = self.terminal(&format!("DOCUMENT & /(?s:.{{{},{most}}})/", least.max(1)));
        let quoted = format!("\"\\\"\" {text} \"\\\"\"");
        if least == 0 { self.rule(&format!("\"\\\"\\\"\" | {quoted}")) } else { self.rule(&quoted) }
    }

    /// A free string without control characters; escapes only of the quotation mark and the backslash.
    fn string(&mut self, schema: &Value) -> String {
        let least = schema["minLength"].as_u64().unwrap_or(0);
        let most = schema["maxLength"].as_u64().unwrap_or(STRING_MAX).max(least);
        self.terminal(&format!(r#"/"([^"\\\x00-\x1f\x7f]|\\["\\]){{{least},{most}}}"/"#))
    }

    fn rule(&mut self, body: &str) -> String {
        self.count += 1;
        let name = format!("r{}", self.count);
        let _ = writeln!(self.rules, "{name}: {body}");
        name
    }

    fn terminal(&mut self, body: &str) -> String {
        self.count += 1;
        let name = format!("T{}", self.count);
        let _ = writeln!(self.rules, "{name}: {body}");
        name
    }
}

fn unsupported(place: &str, reason: &str) -> ConstraintError {
    ConstraintError::Schema { place: place.to_string(), reason: reason.to_string() }
}

/// A JSON value as a Lark string.
fn literal(value: &Value) -> String {
    lark_string(&value.to_string())
}

/// Lark strings use JSON's escapes.
fn lark_string(text: &str) -> String {
    Value::String(text.to_string()).to_string()
}

/// The document cut into words, white space and single other characters, each escaped as it stands inside a JSON
/// string, as a JSON list: a quote begins and ends at such a cut.
fn chunks_json(document: &str) -> String {
    let mut chunks: Vec<String> = Vec::new();
    let mut kind_before = None;
    for c in document.chars() {
        let kind = if c.is_alphanumeric() {
            Some(0)
        } else if c == ' ' {
            Some(1)
        } else {
            None
        };
        let escaped = Value::String(c.to_string()).to_string();
        let escaped = &escaped[1..escaped.len() - 1];
        match chunks.last_mut() {
            Some(last) if kind.is_some() && kind == kind_before => last.push_str(escaped),
            _ => chunks.push(escaped.to_string()),
        }
        // Combining marks and other non-letters inside a word part it; that only allows more cuts, never other text.
        kind_before = kind;
    }
    serde_json::to_string(&chunks).unwrap_or_else(|_| "[]".to_string())
}

/// llguidance's view of a tokenizer.
struct Env {
    trie: TokTrie,
    tokenizer: Tokenizer,
}

impl Env {
    fn new(tokenizer: &Tokenizer) -> Self {
        let eos = tokenizer.eos_ids().first().copied().unwrap_or(0);
        let info = TokRxInfo::new(tokenizer.vocab_len() as u32, eos);
        Self { trie: TokTrie::from(&info, tokenizer.token_bytes()), tokenizer: tokenizer.clone() }
    }
}

impl TokenizerEnv for Env {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        // A text that cannot be encoded is left to the trie's greedy fallback.
        self.trie.tokenize_with_greedy_fallback(bytes, |text| self.tokenizer.encode(text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_grammar_cannot_express_is_refused_by_place() {
        let mut w = Writer::default();
        let e = w.value(&json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}}}), "$");
        assert!(matches!(e, Err(ConstraintError::Schema { place, .. }) if place == "$.a"));
        assert!(Writer::default().value(&json!({"type": "date"}), "$").is_err());
    }

    #[test]
    fn chunks_join_to_the_escaped_document() {
        let document = "A \"b\\c\"\n\u{c}\nÜber 12.5%  漢字 e\u{301} 🙂\u{1}";
        let chunks: Vec<String> = serde_json::from_str(&chunks_json(document)).unwrap();
        let whole: String = serde_json::from_str(&format!("\"{}\"", chunks.concat())).unwrap();
        assert_eq!(whole, document);
    }
}
