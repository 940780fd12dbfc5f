//! The end of a page interrupts a sentence and does not end it: the sentence is read whole, without the number of the page and
//! the lines that every page has, and cited as what stands on each page.

use lectern_engine::ground::PlainScan;
use lectern_engine::ground::interruptions::{interruptions, parts, uninterrupted};
use lectern_engine::ground::sentences::sentences;
use lectern_engine::import::raw::Format;
use lectern_engine::import::{normalize, parse};
use lectern_engine::progress::Silent;
use lectern_engine::tasks::{Method, Pack, TaskSpec, run_rules};
use lectern_engine::text::{Block, BlockKind, DocText, Extractor, GlyphBoxes, Page, PageStatus, Span};
use proptest::prelude::*;

fn plain(text: &str) -> DocText {
    normalize::normalize(parse(Format::Text, text.as_bytes(), None, None).unwrap())
}

/// A document of pages; a block that begins with "#" is a running header, with "-" an item of a list.
fn paged(pages: &[&[&str]]) -> DocText {
    let extractor = Extractor { name: "test".into(), version: "0".into() };
    let mut document = DocText { pages: vec![], ..plain("x") };
    (document.text, document.blocks) = (String::new(), vec![]);
    for (number, blocks) in (1..).zip(pages) {
        if number > 1 {
            document.text.push_str("\u{c}\n");
        }
        let start = document.text.len();
        for (i, block) in blocks.iter().enumerate() {
            if i > 0 {
                document.text.push('\n');
            }
            let kind = match block.chars().next() {
                Some('#') => BlockKind::RunningHeader,
                Some('-') => BlockKind::ListItem,
                _ => BlockKind::Paragraph,
            };
            let span = Span::new(document.text.len(), document.text.len() + block.len());
            document.text.push_str(block);
            document.blocks.push(Block { kind, span });
        }
        let span = Span::new(start, document.text.len());
        let (status, extractor) = (PageStatus::Ok, extractor.clone());
        document.pages.push(Page {
            number,
            span,
            width: 600.0,
            height: 800.0,
            status,
            extractor,
            quality: 1.0,
            boxes: GlyphBoxes::default(),
        });
    }
    document
}

/// The sentences as they are read, on one line each.
fn read(document: &DocText) -> Vec<String> {
    let whole = uninterrupted(document, &interruptions(document));
    let one_line = |s: Span| whole.slice(s).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    sentences(document).into_iter().map(one_line).collect()
}

#[test]
fn a_sentence_goes_on_after_the_end_of_a_page() {
    let document = paged(&[
        &["#ELM SUPPLY AGREEMENT", "Notices are in writing. This Agreement is governed by the laws of the", "#Page 1"],
        &["#ELM SUPPLY AGREEMENT", "State of Ohio. Its courts decide any", "#Page 2"],
        &["#ELM SUPPLY AGREEMENT", "3", "dispute between the parties, whoever brings it to them, and"],
        &["whatever it is about. The End."],
    ]);
    assert_eq!(
        read(&document),
        [
            "Notices are in writing.",
            "This Agreement is governed by the laws of the State of Ohio.",
            "Its courts decide any",
            "3",
            "dispute between the parties, whoever brings it to them, and whatever it is about.",
            "The End."
        ],
        "what is too short to break off is taken for a label"
    );
}

#[test]
fn a_date_may_stand_on_both_pages() {
    for (before, after) in [
        ("This Agreement shall continue in full force and effect until", "April 30, 2024."),
        ("This Agreement shall continue in full force and effect until April", "30, 2024, or for ever."),
    ] {
        assert_eq!(read(&paged(&[&[before], &[after]])), [format!("{before} {after}")]);
    }
}

#[test]
fn what_ends_and_what_begins_is_left_apart() {
    let long = "The goods that the parties have agreed on are listed in the schedule";
    for (before, after) in [
        ("The goods that the parties have agreed on are those of the schedule.", "payment is due in May"),
        ("The goods that the parties have agreed on are the following:", "barley malt in bags"),
        (long, "(a) barley malt"),
        (long, "- barley malt"),
        (long, "Payment is due in May."),
        ("SCHEDULE OF THE GOODS THAT THE PARTIES HAVE AGREED ON AND A", "Barley malt in bags"),
        ("Quantity in bags", "each of fifty pounds"),
    ] {
        assert_eq!(read(&paged(&[&[before], &[after]])), [before, after]);
    }
    let same_page = paged(&[&[long, "at the end of it."]]);
    assert_eq!(read(&same_page).len(), 2, "no page ends there");
}

#[test]
fn a_text_without_pages_has_their_numbers_and_running_lines() {
    let numbered = plain(
        "1. Law. This Agreement shall be governed by the laws\n        of the State of New\n   - 7 -\n\n<PAGE>   8\n\nyork as they \
         are on the day on which a dispute is brought to its courts, and the\n\nPage 9 of 12\n\nparties submit to them.",
    );
    assert_eq!(
        read(&numbered).last().unwrap(),
        "This Agreement shall be governed by the laws of the State of New york as they are on the day on which a dispute is \
         brought to its courts, and the parties submit to them."
    );
    let suppliers = [("Ann", 1), ("Ben", 2), ("Eve", 3)].map(|(name, n)| {
        format!("The supplier {name} delivers all goods that it was told to deliver\n\nElm Inc, 10-K, {n}/3/2010\n\nin time.")
    });
    let footers = suppliers.join("\n\n");
    let whole = "The supplier Ben delivers all goods that it was told to deliver in time.".to_owned();
    assert!(read(&plain(&footers)).contains(&whole));
    let twice = footers.replace("Elm Inc, 10-K, 3/3/2010", "Oak");
    assert_eq!(read(&plain(&twice)).len(), 9, "a line that is not repeated may be part of the text");
}

#[test]
fn a_speech_is_not_continued_by_the_next() {
    let text = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>We decided to go on with the plan of the supplier and\n\n\
                00:02.000 --> 00:03.000\n<v Ben>so what about the price.\n";
    let document = normalize::normalize(parse(Format::Vtt, text.as_bytes(), None, None).unwrap());
    assert!(interruptions(&document).is_empty());
}

#[test]
fn a_line_reads_on_and_its_passages_stand_on_their_pages() {
    let document = paged(&[
        &[
            "SUPPLY AGREEMENT",
            "This Supply Agreement is made as of May 1, 2019 by and between Elm Malt, Inc. and Oak Brewing LLC.",
            "This Agreement shall be governed by and construed in accordance with the laws of the",
            "#Elm Malt, Inc., 10-K, March 9, 2020",
        ],
        &["State of Ohio, without regard to its conflict of laws principles.", "The term ends on the last day of the"],
    ]);
    let spec = TaskSpec::Fields { pack: Pack::built_in("nda").unwrap(), method: Method::Rules };
    let result = run_rules(&document, &spec, &PlainScan::new(&document), &mut Silent).unwrap();
    let law = result.claims.iter().find(|c| c.label.to_lowercase().contains("law")).unwrap();
    let quotes: Vec<(&str, Option<u32>)> =
        law.evidence.iter().map(|e| (e.quote.as_str(), document.page_at(e.span.start()))).collect();
    assert_eq!(
        quotes,
        [
            ("This Agreement shall be governed by and construed in accordance with the laws of the", Some(1)),
            ("State of Ohio, without regard to its conflict of laws principles.", Some(2))
        ]
    );
    assert!(law.evidence.iter().all(|e| document.slice(e.span) == Some(&e.quote)));
    assert!(law.text.contains("laws of the State of Ohio"), "{}", law.text);
    let dates = result.claims.iter().filter_map(|c| c.value.as_ref()).map(ToString::to_string);
    assert!(dates.into_iter().all(|d| !d.contains("2020")), "the date of the running line is no date of the agreement");
}

#[test]
fn a_passage_is_parted_where_a_page_ends() {
    let gaps = [Span::new(10, 15), Span::new(20, 22)];
    let of = |from, to| parts(&gaps, Span::new(from, to)).into_iter().map(|s| (s.start(), s.end())).collect::<Vec<_>>();
    assert_eq!(of(0, 30), [(0, 10), (15, 20), (22, 30)]);
    assert_eq!(of(0, 10), [(0, 10)]);
    assert_eq!(of(12, 18), [(15, 18)]);
    assert_eq!(of(5, 12), [(5, 10)]);
    assert_eq!(of(11, 14), [(11, 14)], "a passage of the running line itself");
}

proptest! {
    #[test]
    fn every_place_stays_where_it_was(blocks in proptest::collection::vec("[a-zé ,.\\n-]{0,60}|[0-9]{1,3}|[A-Z][a-z ]{40,90}", 0..12), cuts in proptest::collection::vec(any::<bool>(), 12)) {
        let mut pages: Vec<Vec<&str>> = vec![vec![]];
        for (block, cut) in blocks.iter().map(|b| b.trim()).zip(cuts).filter(|(b, _)| !b.is_empty()) {
            if cut {
                pages.push(vec![]);
            }
            pages.last_mut().unwrap().push(block);
        }
        let pages: Vec<&[&str]> = pages.iter().map(Vec::as_slice).collect();
        for document in [paged(&pages), plain(&format!("x\n\n{}", blocks.join("\n\n")))] {
            let gaps = interruptions(&document);
            let whole = uninterrupted(&document, &gaps);
            prop_assert_eq!(whole.text.len(), document.text.len());
            prop_assert!(gaps.windows(2).all(|g| g[0].end() <= g[1].start()));
            let outside = parts(&gaps, Span::new(0, document.text.len()));
            prop_assert!(outside.iter().all(|s| whole.slice(*s) == document.slice(*s)));
            prop_assert!(gaps.iter().all(|g| whole.slice(*g).unwrap().bytes().all(|b| b == b' ')));
            let all = sentences(&document);
            prop_assert!(all.windows(2).all(|s| s[0].end() <= s[1].start()));
            prop_assert!(all.iter().all(|s| document.slice(*s).is_some_and(|t| !t.is_empty() && t.trim() == t)));
        }
    }
}
