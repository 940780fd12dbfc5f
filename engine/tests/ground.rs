//! Locating quotes: laws over folding variants, near misses, order, and the sentences around hits.

use lectern_engine::ground::{Grounder, Located, PlainScan, locate, sentences};
use lectern_engine::tasks::Search;
use lectern_engine::text::{DocText, Extractor, Span};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

fn doc(text: &str) -> DocText {
    DocText {
        text: text.to_owned(),
        pages: vec![],
        sections: vec![],
        blocks: vec![],
        cues: vec![],
        extractor: Extractor { name: "test".into(), version: "0".into() },
        notes: vec![],
        title: None,
    }
}

fn folded(text: &str, quote: &str) -> String {
    match locate(&doc(text), quote, 0) {
        Located::Folded(span, _) => text[span.range()].to_owned(),
        other => panic!("{quote:?} gave {other:?}"),
    }
}

#[test]
fn typographic_differences_are_folded_and_the_original_is_handed_out() {
    assert_eq!(folded("The “Buyer’s” rights — all", "the \"buyer's\" rights - all"), "The “Buyer’s” rights — all");
    assert_eq!(
        folded("of\u{a0}the \u{c}\n  Agree\u{ad}ment.", "of the Agreement"),
        "of\u{a0}the \u{c}\n  Agree\u{ad}ment"
    );
    assert_eq!(folded("a de\u{fb01}nition", "a definition"), "a de\u{fb01}nition");
    assert_eq!(folded("cafe\u{301} noir", "caf\u{e9} noir"), "cafe\u{301} noir");
    assert_eq!(folded("한국어 text", &"한국어 text".nfd().collect::<String>()), "한국어 text");
    assert_eq!(folded("ΟΔΟΣ ΑΒΓ", "οδος αβγ"), "ΟΔΟΣ ΑΒΓ");
    assert_eq!(folded("total １２３ units", "total 123 units"), "total １２３ units");
}

#[test]
fn a_near_miss_is_not_found() {
    let text = doc("The term is thirty (30) days from 1 May 2024; café.");
    for quote in [
        "The term is thirty (60) days",
        "thirty (30) day from",
        "1 May 2025",
        "cafe.",
        "The term was thirty",
        "",
        "  ",
        "The  term\u{301} is",
    ] {
        assert_eq!(locate(&text, quote, 0), Located::NotFound, "{quote:?}");
    }
}

#[test]
fn of_several_places_the_first_at_or_after_is_taken_and_all_are_counted() {
    let text = "pay now. Pay later. pay now.";
    let at = |after| match locate(&doc(text), "pay now", after) {
        Located::Exact(span, n) => (span.start(), n),
        other => panic!("{other:?}"),
    };
    assert_eq!(at(0), (0, 2));
    assert_eq!(at(1), (20, 2));
    assert_eq!(at(21), (0, 2), "none after: the first");
    assert_eq!(at(9_999), (0, 2));
}

#[test]
fn a_whole_word_goes_before_a_part_of_a_word() {
    assert_eq!(locate(&doc("consent is sent"), "sent", 0), Located::Exact(Span::new(11, 15), 1));
    assert_eq!(locate(&doc("consent"), "sent", 0), Located::Exact(Span::new(3, 7), 1));
}

#[test]
fn sentences_stop_at_ends_and_not_at_abbreviations() {
    let text = "1. Term. Acme, Inc. shall pay U.S. Corp. on time. See Sec. 4.2 of it! “Really?” Yes。次の文。\n\nNew block\ncontinues here";
    let found: Vec<&str> =
        sentences::in_span(text, Span::new(0, text.len())).into_iter().map(|s| &text[s.range()]).collect();
    assert_eq!(
        found,
        [
            "1. Term.",
            "Acme, Inc. shall pay U.S. Corp. on time.",
            "See Sec. 4.2 of it!",
            "“Really?”",
            "Yes。",
            "次の文。",
            "New block\ncontinues here"
        ]
    );
}

#[test]
fn a_full_stop_inside_a_date_ends_no_sentence() {
    let cut = |text: &str| sentences::in_span(text, Span::new(0, text.len())).len();
    for date in ["made on April. 1st 2019 by us", "until March 18. 2021, unless", "this 16 day of August. 2012 by us"] {
        assert_eq!(cut(date), 1, "{date}");
    }
    assert_eq!(cut("We met in April. It rained."), 2);
    assert_eq!(cut("It rose to 18. 2021 was better."), 2);
}

#[test]
fn the_plain_scan_finds_longer_forms_but_no_parts_of_words() {
    let document = doc(
        "Either party may terminate. The terminal is open. Governing laws of Delaware apply. The art of war; a party.",
    );
    let find = |q: &str| {
        PlainScan::new(&document).find(q, 9).into_iter().map(|s| &document.text[s.range()]).collect::<Vec<_>>()
    };
    assert_eq!(find("governing law"), ["Governing laws of Delaware apply."]);
    assert_eq!(find("art"), ["The art of war; a party."]);
    assert_eq!(find("terminate party"), ["Either party may terminate."]);
    assert!(find("").is_empty());
}

/// Text with the awkward characters of real files.
fn awkward() -> impl Strategy<Value = String> {
    "([A-Za-z]{1,6}|[0-9]{1,3}|é|e\u{301}|ﬁ|“x”|’|—|\u{ad}|\u{200b}|日本|한|Ω|ς|İ|🙂| |  |\n|\u{c}\n|\u{a0}|½|´|\u{301}){1,40}"
}

fn boundaries(text: &str) -> Vec<usize> {
    text.char_indices().map(|(i, _)| i).chain([text.len()]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_located_is_a_piece_of_the_text(text in awkward(), quote in awkward(), after in 0usize..60) {
        let document = doc(&text);
        match locate(&document, &quote, after) {
            Located::Exact(span, n) => {
                prop_assert_eq!(document.slice(span), Some(quote.trim()));
                prop_assert!(n > 0);
            }
            Located::Folded(span, n) => {
                prop_assert!(document.slice(span).is_some_and(|s| !s.is_empty()));
                prop_assert!(n > 0);
            }
            Located::NotFound => prop_assert!(!text.contains(quote.trim()) || quote.trim().is_empty()),
        }
    }

    #[test]
    fn any_piece_is_found_exactly(text in awkward(), a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let bounds = boundaries(&text);
        let (a, b) = (*a.get(&bounds), *b.get(&bounds));
        let quote = &text[a.min(b)..a.max(b)];
        prop_assume!(!quote.trim().is_empty());
        match Grounder::new(&doc(&text)).locate(quote, a.min(b)) {
            Located::Exact(span, _) => prop_assert_eq!(&text[span.range()], quote.trim()),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn a_folding_variant_of_whole_words_is_located_at_the_passage(
        words in prop::collection::vec("[A-Za-z]{2,8}|é[a-z]{1,4}|“[a-z]{1,3}”|[a-z]{1,3}’s|ﬁn|—", 4..12),
        from in 0usize..4, take in 1usize..5, variant in 0usize..6,
    ) {
        // Numbered words make the passage unique.
        let words: Vec<String> = words.iter().enumerate().map(|(i, w)| format!("{w} n{i}x")).collect();
        let text = words.join(" ");
        let from = from.min(words.len() - 1);
        let passage = words[from..(from + take).min(words.len())].join(" ");
        let changed: String = match variant {
            0 => passage.replace(' ', "\n  "),
            1 => passage.to_uppercase(),
            2 => passage.nfd().collect(),
            3 => passage.nfkc().collect(),
            4 => passage.replace(['“', '”'], "\"").replace('’', "'").replace('—', "-"),
            _ => passage.replace(' ', " \u{ad}\u{a0}"),
        };
        let document = doc(&text);
        let start = text.find(&passage).unwrap();
        match locate(&document, &changed, 0) {
            Located::Exact(span, n) | Located::Folded(span, n) => {
                prop_assert_eq!((span, n), (Span::new(start, start + passage.len()), 1));
            }
            Located::NotFound => prop_assert!(false, "{:?} in {:?}", changed, text),
        }
    }

    #[test]
    fn a_changed_letter_is_not_found(words in prop::collection::vec("[a-y]{3,8}", 3..10), at in any::<prop::sample::Index>()) {
        let text = words.join(" ");
        let i = at.index(text.len());
        prop_assume!(text.as_bytes()[i] != b' ');
        let mut changed = text.clone();
        changed.replace_range(i..=i, "z");
        prop_assert_eq!(locate(&doc(&text), &changed, 0), Located::NotFound);
    }

    #[test]
    fn sentences_are_disjoint_trimmed_and_lose_no_word(text in awkward()) {
        let mut end = 0;
        for s in sentences::in_span(&text, Span::new(0, text.len())) {
            prop_assert!(s.start() >= end && !s.is_empty());
            prop_assert_eq!(text[s.range()].trim(), &text[s.range()]);
            prop_assert!(text[end..s.start()].trim().is_empty());
            end = s.end();
        }
        prop_assert!(text[end..].trim().is_empty());
    }
}

#[test]
fn a_large_document_is_folded_once_and_in_linear_time() {
    let text = "The quick “brown” fox — jumps over the lazy dog.\n".repeat(5_000);
    let document = doc(&text);
    let begun = std::time::Instant::now();
    let grounder = Grounder::new(&document);
    for _ in 0..10 {
        let found = grounder.locate("the quick \"brown\" FOX - jumps", 200_000);
        assert!(matches!(found, Located::Folded(s, 5_000) if s.start() >= 200_000), "{found:?}");
    }
    assert!(begun.elapsed().as_secs() < 20, "took {:?}", begun.elapsed());
}
