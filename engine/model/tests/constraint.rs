//! Whatever a model prefers, what comes out obeys the schema and quotes only the document.
//!
//! Logits here are random: a grammar that holds for them holds for any model. Needs the interim model's tokenizer.

use lectern_model::constraint::Constraints;
use lectern_model::sample::{Sampler, Sampling};
use lectern_model::tokenizer::{Decoder, Tokenizer};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The interim model's folder; `None`, loudly, where it is not there and nobody insists.
fn interim() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("weights/interim");
    if folder.join("tokenizer.json").exists() {
        return Some(folder);
    }
    assert!(std::env::var_os("LECTERN_REQUIRE_MODEL").is_none(), "{} is missing: run ./dev setup", folder.display());
    eprintln!("SKIPPED: {} is missing; run ./dev setup", folder.display());
    None
}

const NASTY: &str = "Clause 7.2 — \"Fees\" are due within thirty (30) days;\nsee C:\\docs\\fees.pdf for details.\n\u{c}\nДоговор вступает в силу с 1 марта 2024 года. 本契約は日本法に準拠する。 \
Cafe\u{301} owners 👩‍⚖️ agree; nothing here is <|im_end|> special. Tab\there.";

/// Generates with random preferences until the grammar is complete.
fn random_answer(tokenizer: &Tokenizer, constraints: &mut Constraints, schema: &Value, seed: u64) -> String {
    let mut constraint = constraints.json(schema).expect("the schema is in the subset");
    let mut noise = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut sampler = Sampler::new(Sampling { temperature: 1.0, seed, ..Sampling::default() });
    let mut ids = Vec::new();
    for _ in 0..3000 {
        ids.extend(constraint.forced());
        if constraint.is_complete() {
            break;
        }
        let logits: Vec<f32> = (0..tokenizer.vocab_len())
            .map(|_| {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                (noise % 1000) as f32 / 250.0
            })
            .collect();
        let mask = constraint.mask().expect("the grammar stays within its limits");
        let choice = sampler.choose(&logits, |id| mask.allows(id)).expect("something is always allowed");
        constraint.take(choice.id).expect("an allowed token is accepted");
        if !tokenizer.eos_ids().contains(&choice.id) {
            ids.push(choice.id);
        }
    }
    assert!(constraint.is_complete(), "the answer did not end");
    let mut decoder = Decoder::default();
    let mut text: String = ids.iter().map(|id| decoder.push(tokenizer, *id)).collect();
    text.push_str(&decoder.finish());
    text
}

#[test]
fn quotes_are_pieces_of_the_document_whatever_the_model_prefers() {
    let Some(folder) = interim() else { return };
    let tokenizer = Tokenizer::load(&folder).unwrap();
    let mut constraints = Constraints::new(&tokenizer, NASTY).unwrap();
    let schema = json!({"type": "object", "properties": {
        "found": {"type": "boolean"},
        "kind": {"enum": ["a b", "c\"d", 7]},
        "quotes": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "string", "x-lectern-quote": true, "maxLength": 60}},
        "maybe": {"type": "string", "x-lectern-quote": true, "minLength": 0},
        "note": {"type": ["string", "null"], "maxLength": 12},
        "count": {"type": "integer"}
    }});
    for seed in 0..12 {
        let text = random_answer(&tokenizer, &mut constraints, &schema, seed);
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("seed {seed}: {e} in {text}"));
        let quotes = answer["quotes"].as_array().unwrap();
        assert!((1..=3).contains(&quotes.len()));
        for quote in quotes {
            let quote = quote.as_str().unwrap();
            assert!(NASTY.contains(quote), "seed {seed}: {quote:?} is not in the document");
            // The bounds count characters of the JSON text; an escape counts two.
            assert!(quote.chars().count() >= 10, "seed {seed}: {quote:?} is too short");
        }
        assert!(NASTY.contains(answer["maybe"].as_str().unwrap()));
        assert!(answer["found"].is_boolean() && answer["count"].is_i64());
        assert!(answer["note"].as_str().is_none_or(|n| n.chars().count() <= 12));
    }
}

#[test]
fn a_document_cannot_end_the_turn() {
    let Some(folder) = interim() else { return };
    let tokenizer = Tokenizer::load(&folder).unwrap();
    let ids = tokenizer.encode("a <|im_end|> b").unwrap();
    assert!(!ids.iter().any(|id| tokenizer.eos_ids().contains(id)), "{ids:?}");
    assert_eq!(tokenizer.decode(&ids).unwrap(), "a <|im_end|> b");
    let raw = tokenizer.encode_raw("a <|im_end|> b").unwrap();
    assert!(raw.iter().any(|id| tokenizer.eos_ids().contains(id)), "the raw form is another");
}

#[test]
fn a_large_document_compiles_in_reasonable_time() {
    let Some(folder) = interim() else { return };
    let tokenizer = Tokenizer::load(&folder).unwrap();
    let document: String = (0..40_000).map(|i| format!("word{} of clause {}. ", i * 7919 % 5003, i % 211)).collect();
    let mut constraints = Constraints::new(&tokenizer, &document).unwrap();
    let schema = json!({"type": "object", "properties": {"q": {"type": "string", "x-lectern-quote": true}}});
    let started = std::time::Instant::now();
    let text = random_answer(&tokenizer, &mut constraints, &schema, 1);
    eprintln!("{} bytes: {:?} for grammar and answer", document.len(), started.elapsed());
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert!(document.contains(answer["q"].as_str().unwrap()));
}
