//! A document, and a tokenizer that spells it letter by letter, with a few longer tokens that end or begin parts of JSON.

use lectern_model::tokenizer::Tokenizer;
use serde_json::json;

/// The document.
pub(crate) const TEXT: &str = "The Tenant shall pay a monthly rent of EUR 1,250.00 in advance on the first working day of each month. \
                    This agreement is governed by the laws of the Republic of Austria, without its rules on conflicts.";

/// Bytes as GPT-2 writes them, under the ids of the random model, and a token that ends a turn.
pub(crate) fn tokenizer() -> Tokenizer {
    let level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let mut vocab = serde_json::Map::new();
    for (id, c) in ('!'..='~').chain(['Ġ', 'Ċ']).enumerate() {
        vocab.insert(c.to_string(), id.into());
    }
    let merges = ["t h", "\" :", "\": \"", "[ \"", "Ġ t", "Ġ a"];
    for merge in merges {
        vocab.insert(merge.replace(' ', ""), vocab.len().into());
    }
    let end = vocab.len();
    let file = json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
        "added_tokens": [{"id": end, "content": "<|im_end|>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}],
        "pre_tokenizer": level, "decoder": level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": merges},
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), file.to_string()).unwrap();
    Tokenizer::load(folder.path()).unwrap()
}
