//! The byte-level BPE vocabulary of a GGUF file as a `tokenizer.json`.

use serde_json::{Map, Value as Json, json};

use super::Header;
use candle_core::quantized::gguf_file::Value;

/// Types of tokens (`tokenizer.ggml.token_type`): a control token is special, a user-defined one is whole but text.
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;
const UNUSED: i64 = 5;

/// How a text is cut before merging, by the names that GGUF has for it; the patterns are those of the tokenizers that the
/// names stand for.
fn patterns(name: &str) -> Option<&'static [&'static str]> {
    const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    const GPT4O: &str = concat!(
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|",
        r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    );
    match name {
        "gpt-2" | "gpt2" => Some(&[GPT2]),
        "smollm" => Some(&[r"\p{N}", GPT2]),
        "minimax-m2" | "gpt-4o" => Some(&[GPT4O]),
        _ => None,
    }
}

/// `tokenizer.json` as JSON, or what is in the way of it.
pub(super) fn tokenizer(header: &Header) -> Result<Json, String> {
    let strings = |key: &str| -> Result<Vec<&str>, String> {
        let list = header.list(key).ok_or_else(|| format!("it has no {key}"))?;
        let text = |value| Value::to_string(value).map(String::as_str).map_err(|_| format!("{key} holds no strings"));
        list.iter().map(text).collect()
    };
    match header.text("tokenizer.ggml.model") {
        Some("gpt2") => {}
        other => return Err(format!("its tokenizer is {other:?}; only byte-level BPE (\"gpt2\") is supported")),
    }
    let cut = header.text("tokenizer.ggml.pre").unwrap_or("gpt-2");
    let patterns = patterns(cut).ok_or_else(|| format!("it cuts text by the rules \"{cut}\", which are not known"))?;
    let tokens = strings("tokenizer.ggml.tokens")?;
    let merges = strings("tokenizer.ggml.merges")?;
    let types = header.list("tokenizer.ggml.token_type").unwrap_or_default();
    let kind = |id: usize| match types.get(id) {
        Some(Value::I32(kind)) => i64::from(*kind),
        Some(value) => value.to_i64().unwrap_or(1),
        None => 1,
    };
    let mut vocab = Map::new();
    let mut added = Vec::new();
    for (id, token) in tokens.iter().enumerate() {
        if let kind @ (CONTROL | USER_DEFINED) = kind(id) {
            added.push(json!({
                "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": kind == CONTROL,
            }));
        }
        // Special tokens too: what is added takes its id from here.
        if kind(id) != UNUSED {
            vocab.insert((*token).to_owned(), json!(id));
        }
    }
    let split = |pattern: &&str| json!({ "type": "Split", "pattern": { "Regex": pattern }, "behavior": "Isolated", "invert": false });
    let bytes = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false });
    let cuts: Vec<Json> = patterns.iter().map(split).chain([bytes.clone()]).collect();
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": { "type": "Sequence", "pretokenizers": cuts },
        "post_processor": null,
        "decoder": bytes,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocab,
            "merges": merges.iter().map(|merge| merge.split_once(' ')).collect::<Option<Vec<_>>>().ok_or("a merge is not two tokens")?,
        },
    }))
}
