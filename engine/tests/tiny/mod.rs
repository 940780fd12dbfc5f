//! A model folder for tests: the golden model `m1_tiny` with a tokenizer of single bytes.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// GPT-2's characters for bytes.
fn byte_char(byte: u8) -> char {
    let plain = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if plain(byte) {
        return char::from(byte);
    }
    char::from_u32(256 + (0..byte).filter(|b| !plain(*b)).count() as u32).unwrap()
}

/// The golden model `m1_tiny` (4096 tokens of context) with a tokenizer of single bytes: one token per byte of text.
pub(crate) fn model(folder: &Path) -> PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/m1_tiny");
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(golden.join(name), folder.join(name)).unwrap();
    }
    let vocab: serde_json::Map<String, Value> =
        (0..=255u8).map(|b| (byte_char(b).to_string(), json!(u32::from(b)))).collect();
    let special = |id: u32, content: &str| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true})
    };
    let level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
        "added_tokens": [special(256, "<|im_start|>"), special(257, "<|im_end|>")],
        "pre_tokenizer": level, "decoder": level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": []},
    });
    std::fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let card = json!({"format": 1, "name": "tiny", "chat_template": "chatml", "interim": true});
    std::fs::write(folder.join("lectern.json"), card.to_string()).unwrap();
    folder.to_path_buf()
}
