//! Thinking aloud is parsed apart and closed by the program when its budget is used up.
//!
//! The golden model `m1_tiny` writes random ids; the tokenizer here gives its first one the text `<think>`.

use std::ops::ControlFlow;
use std::path::Path;

use lectern_model::model::Model;
use lectern_model::session::{Generated, Generation, Session};
use lectern_model::tokenizer::Tokenizer;
use serde_json::{Map, Value, json};

/// GPT-2's characters for bytes.
fn byte_char(byte: u8) -> char {
    let plain = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if plain(byte) {
        return char::from(byte);
    }
    char::from_u32(256 + (0..byte).filter(|b| !plain(*b)).count() as u32).unwrap()
}

/// `<think>` for one id, single bytes for others, `w300` and the like for the rest, so that no other tag comes about.
fn tokenizer(think: u32, vocab_size: u32) -> Tokenizer {
    let mut vocab = Map::new();
    let mut words: Vec<String> = (0..=255u8).map(|b| byte_char(b).to_string()).collect();
    words.extend((256..vocab_size - 1).map(|n| format!("w{n}")));
    let mut ids = (0..vocab_size).filter(|id| *id != think).rev();
    for word in words {
        vocab.insert(word, json!(ids.next().unwrap()));
    }
    vocab.insert("<think>".into(), json!(think));
    let level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let json = json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
        "added_tokens": [], "pre_tokenizer": level, "decoder": level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": Value::Object(vocab), "merges": []},
    });
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("tokenizer.json"), json.to_string()).unwrap();
    Tokenizer::load(dir.path()).unwrap()
}

fn generate(model: &Model, tokenizer: &Tokenizer, max_tokens: usize, thinking_budget: Option<usize>) -> (Generated, String) {
    let mut session = Session::new(model);
    session.feed(&[5, 6, 7, 8], &mut |_, _| ControlFlow::Continue(())).unwrap();
    let how = Generation { max_tokens, thinking_budget, stop_at_eos: false, ..Generation::default() };
    let mut shown = String::new();
    let made = session
        .generate(tokenizer, &how, None, &mut |piece| {
            shown.push_str(piece);
            ControlFlow::Continue(())
        })
        .unwrap();
    (made, shown)
}

#[test]
fn a_thought_is_closed_when_its_budget_is_used_up() {
    let model = Model::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/m1_tiny")).unwrap();
    let vocab_size = model.config().vocab_size as u32;
    let first = generate(&model, &tokenizer(0, vocab_size), 1, None).0.ids[0];
    let tokenizer = tokenizer(first, vocab_size);
    let (open, _) = generate(&model, &tokenizer, 40, None);
    assert!(open.text.is_empty() && !open.thinking.is_empty(), "without a budget it thinks on: {open:?}");
    let (closed, shown) = generate(&model, &tokenizer, 40, Some(12));
    assert_eq!(closed.ids[..12], open.ids[..12]);
    assert_eq!(tokenizer.decode(&closed.ids[12..23]).unwrap(), "\n</think>\n\n");
    assert!(!closed.text.is_empty() && !closed.text.contains("think>"), "{closed:?}");
    assert!(!closed.thinking.contains("think>") && !closed.thinking.is_empty());
    assert!(shown.ends_with(&closed.text));
}
