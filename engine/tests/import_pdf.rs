//! Normalisation keeps its laws on any input, and PDFs made here are read with places, pages, passwords and notes.

use lectern_engine::import::normalize::normalize;
use lectern_engine::import::raw::{Format, RawBlock, RawCue, RawDocument, RawGlyph, RawLine, RawPage};
use lectern_engine::import::{ParseError, parse};
use lectern_engine::text::{BlockKind, DocText, Extractor, PageStatus, Rect, Span};
use lopdf::content::{Content, Operation};
use lopdf::{Dictionary, Document, Object, Stream, dictionary};
use proptest::prelude::*;
use std::collections::HashMap;
use std::path::PathBuf;

// ---------------------------------------------------------------- normalisation

fn extractor() -> Extractor {
    Extractor { name: "test".into(), version: "0".into() }
}

fn raw(pages: Vec<RawPage>, flow: Vec<RawBlock>) -> RawDocument {
    RawDocument { format: Format::Pdf, extractor: extractor(), title: None, pages, flow, notes: Vec::new() }
}

fn page(number: u32, lines: Vec<RawLine>) -> RawPage {
    RawPage { number, width: 612.0, height: 792.0, status: PageStatus::Ok, extractor: extractor(), quality: 1.0, lines }
}

/// A line of 10-point text at (`x`, `y`), each character 5 points wide.
fn line(text: &str, x: f32, y: f32) -> RawLine {
    let place = |i: usize| Rect { x: x + 5.0 * i as f32, y, w: 5.0, h: 10.0 };
    let glyphs = text
        .chars()
        .enumerate()
        .map(|(i, c)| RawGlyph { text: c.to_string(), rect: (c != ' ').then(|| place(i)) })
        .collect();
    RawLine { glyphs, font_size: 10.0, bold: false }
}

/// Lines one under the other in the middle of a page, 12 points apart.
fn paragraph(lines: &[&str]) -> Vec<RawLine> {
    lines.iter().enumerate().map(|(i, t)| line(t, 72.0, 300.0 + 12.0 * i as f32)).collect()
}

fn text_of(lines: Vec<RawLine>) -> String {
    normalize(raw(vec![page(1, lines)], vec![])).text
}

fn counts(text: &str) -> HashMap<char, usize> {
    let mut counts = HashMap::new();
    text.chars().for_each(|c| *counts.entry(c).or_insert(0) += 1);
    counts
}

fn spelled(text: &str) -> String {
    [("\u{fb01}", "fi"), ("\u{fb03}", "ffi")].iter().fold(text.to_string(), |t, (from, to)| t.replace(from, to))
}

fn check_laws(text: &DocText, source: &str) -> Result<(), TestCaseError> {
    let whole = &text.text;
    let boundary = |s: Span| whole.is_char_boundary(s.start()) && whole.is_char_boundary(s.end());
    let mut end = 0;
    for page in &text.pages {
        prop_assert!(page.span.start() >= end && boundary(page.span));
        end = page.span.end();
        let mut at = page.span.start();
        for (span, _) in &page.boxes.0 {
            prop_assert!(span.start() >= at && page.span.covers(*span) && boundary(*span) && !span.is_empty());
            at = span.end();
        }
    }
    if text.pages.len() > 1 {
        let between: Vec<&str> = text.pages.windows(2).map(|p| &whole[p[0].span.end()..p[1].span.start()]).collect();
        prop_assert!(between.iter().all(|b| *b == "\u{c}\n"), "{:?}", between);
    }
    let mut end = 0;
    for block in &text.blocks {
        prop_assert!(block.span.start() >= end && boundary(block.span) && !block.span.is_empty());
        prop_assert!(!text.slice(block.span).unwrap().trim().is_empty());
        prop_assert!(text.pages.is_empty() || text.pages.iter().any(|p| p.span.covers(block.span)));
        end = block.span.end();
    }
    // Everything outside blocks is a separator.
    let mut outside = whole.clone();
    text.blocks.iter().rev().for_each(|b| outside.replace_range(b.span.range(), ""));
    prop_assert!(outside.chars().all(|c| matches!(c, '\n' | '\u{c}')), "{:?}", outside);
    for (i, section) in text.sections.iter().enumerate() {
        prop_assert!(
            section.span.covers(section.heading)
                && boundary(section.span)
                && boundary(section.heading)
                && !section.heading.is_empty()
        );
        for later in &text.sections[i + 1..] {
            prop_assert!(section.heading.end() <= later.heading.start());
            prop_assert!(section.span.covers(later.span) || !section.span.overlaps(later.span));
        }
    }
    // No character is invented, and no letter or digit is lost.
    let (has, had) = (counts(whole), counts(&spelled(source)));
    for (c, n) in &has {
        prop_assert!(matches!(c, ' ' | '\n' | '\u{c}') || had.get(c).is_some_and(|m| n <= m), "{:?}", c);
    }
    for (c, n) in had.iter().filter(|(c, _)| c.is_alphanumeric()) {
        prop_assert_eq!(has.get(c), Some(n), "{:?}", c);
    }
    Ok(())
}

const CHARACTERS: &str = "([a-e]|[A-C]|[0-3]|[ \\-\\.]|[\u{ad}\u{a0}\u{fb01}\u{fb03}\u{7}\u{200b}\u{2010}]|[中本אبé😀\u{301}\u{fffd}\u{fffe}\u{e000}•\\(\\)]){0,14}";

fn any_line() -> impl Strategy<Value = RawLine> {
    (CHARACTERS, 0f32..600.0, 0f32..780.0, 6f32..30.0, any::<bool>(), any::<bool>()).prop_map(
        |(text, x, y, font_size, bold, placed)| {
            let mut line = line(&text, x, y);
            line.glyphs.iter_mut().for_each(|g| g.rect = g.rect.filter(|_| placed));
            RawLine { font_size, bold, ..line }
        },
    )
}

fn any_pages() -> impl Strategy<Value = Vec<RawPage>> {
    let stacked = prop::collection::vec(CHARACTERS, 0..8).prop_map(|texts| {
        texts.iter().enumerate().map(|(i, t)| line(t, 72.0, 40.0 + 12.0 * i as f32)).collect::<Vec<_>>()
    });
    let lines = prop_oneof![prop::collection::vec(any_line(), 0..8), stacked];
    prop::collection::vec(lines, 0..6)
        .prop_map(|pages| pages.into_iter().enumerate().map(|(i, lines)| page(i as u32 + 1, lines)).collect())
}

fn any_block() -> impl Strategy<Value = RawBlock> {
    let kind = prop_oneof![
        Just(BlockKind::Paragraph),
        (1u8..7).prop_map(BlockKind::Heading),
        Just(BlockKind::ListItem),
        Just(BlockKind::TableRow),
        Just(BlockKind::Code),
        Just(BlockKind::Cue)
    ];
    (kind, "([a-d]|[ \n\t\r]|[\u{a0}\u{fb01}\u{ad}\u{7}\u{2028}]|[中😀|]){0,20}").prop_map(|(kind, text)| {
        let cue =
            (kind == BlockKind::Cue).then(|| RawCue { speaker: Some("A".into()), start_ms: Some(1), end_ms: None });
        RawBlock { kind, text, cue }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn pages_keep_the_laws(pages in any_pages()) {
        let source: String = pages.iter().flat_map(|p| &p.lines).flat_map(|l| &l.glyphs).map(|g| g.text.as_str()).collect();
        let numbers = pages.len();
        let text = normalize(raw(pages, vec![]));
        prop_assert_eq!(text.pages.len(), numbers);
        check_laws(&text, &source)?;
        // Each box is that of a character that stands there.
        for (span, _) in text.pages.iter().flat_map(|p| &p.boxes.0) {
            prop_assert_eq!(text.slice(*span).unwrap().chars().count(), 1);
        }
    }

    #[test]
    fn flow_keeps_the_laws_and_a_normal_text_stays_as_it_is(blocks in prop::collection::vec(any_block(), 0..8)) {
        let source: String = blocks.iter().map(|b| b.text.as_str()).collect();
        let text = normalize(raw(vec![], blocks));
        check_laws(&text, &source)?;
        prop_assert!(text.cues.iter().all(|c| text.blocks.iter().any(|b| b.span == c.span)));
        let again = text.blocks.iter().map(|b| {
            let cue = text.cues.iter().find(|c| c.span == b.span).map(|c| RawCue { speaker: c.speaker.clone(), start_ms: c.start_ms, end_ms: c.end_ms });
            RawBlock { kind: b.kind, text: text.slice(b.span).unwrap().to_string(), cue }
        });
        let again = normalize(raw(vec![], again.collect()));
        prop_assert_eq!(again, text);
    }
}

#[test]
fn a_word_hyphenated_at_a_line_end_is_joined_and_its_boxes_stay() {
    let text = normalize(raw(vec![page(1, paragraph(&["the hyphen-", "ated word"]))], vec![]));
    assert_eq!(text.text, "the hyphenated word");
    let word = Span::new(4, 14);
    let rects = text.rects(word);
    assert_eq!(rects.len(), 2, "one rectangle on each line");
    assert_eq!((rects[0].rect.x, rects[0].rect.w), (92.0, 30.0));
    assert_eq!((rects[1].rect.x, rects[1].rect.y, rects[1].rect.w), (72.0, 312.0, 20.0));
}

#[test]
fn a_hyphen_is_kept_where_it_is_real() {
    // The word stands with its hyphen elsewhere.
    assert_eq!(
        text_of(paragraph(&["a long-term plan and a long-", "term goal"])),
        "a long-term plan and a long-term goal"
    );
    // Upper case after it: never joined, no space put in.
    assert_eq!(text_of(paragraph(&["the Non-", "Disclosure terms"])), "the Non-Disclosure terms");
    assert_eq!(text_of(paragraph(&["in 2019-", "2020 it was"])), "in 2019-2020 it was");
    // Both halves are words of the document and the joined word is not.
    assert_eq!(
        text_of(paragraph(&["any third person or party: a third-", "party claim"])),
        "any third person or party: a third-party claim"
    );
    // A dash is no hyphen.
    assert_eq!(text_of(paragraph(&["it was -", "so they say"])), "it was - so they say");
    assert_eq!(text_of(paragraph(&["soft\u{ad}", "ened ends"])), "softened ends");
}

#[test]
fn lines_of_a_paragraph_join_and_paragraphs_stay_apart() {
    let mut lines = paragraph(&[
        "The first paragraph is long enough to fill",
        "its line and goes on here.",
        "(a) an item of a list that also fills it",
        "and goes on",
    ]);
    lines.extend([line("Far below stands another paragraph of text.", 72.0, 420.0)]);
    let text = normalize(raw(vec![page(1, lines)], vec![]));
    let blocks: Vec<(BlockKind, &str)> = text.blocks.iter().map(|b| (b.kind, text.slice(b.span).unwrap())).collect();
    assert_eq!(
        blocks,
        [
            (BlockKind::Paragraph, "The first paragraph is long enough to fill its line and goes on here."),
            (BlockKind::ListItem, "(a) an item of a list that also fills it and goes on"),
            (BlockKind::Paragraph, "Far below stands another paragraph of text."),
        ]
    );
}

#[test]
fn chinese_lines_join_without_a_space() {
    assert_eq!(text_of(paragraph(&["本契約は両当事者の間で締結", "される"])), "本契約は両当事者の間で締結される");
}

#[test]
fn running_headers_are_kept_and_marked() {
    let pages = (1..=6).map(|n| {
        let mut lines = vec![line("Acme Corp. Annual Report", 72.0, 30.0)];
        lines.extend(paragraph(&[&format!(
            "Body of page number {n} with words of its own {}.",
            "x".repeat(n as usize)
        )]));
        lines.push(line(&format!("Page {n} of 6"), 280.0, 760.0));
        page(n, lines)
    });
    let text = normalize(raw(pages.collect(), vec![]));
    let running: Vec<&str> = text
        .blocks
        .iter()
        .filter(|b| b.kind == BlockKind::RunningHeader)
        .map(|b| text.slice(b.span).unwrap())
        .collect();
    assert_eq!(running.len(), 12, "{running:?}");
    assert!(running.contains(&"Acme Corp. Annual Report") && running.contains(&"Page 4 of 6"));
    assert_eq!(text.page_at(text.text.find("page number 3").unwrap()), Some(3));
}

#[test]
fn numbered_headings_become_nested_sections() {
    let heading = |text: &str, y: f32| RawLine { bold: true, ..line(text, 72.0, y) };
    let lines = vec![
        heading("1. DEFINITIONS", 100.0),
        line("In this agreement the following words have meanings given here.", 72.0, 130.0),
        heading("1.1 Affiliate", 160.0),
        line("An affiliate is a company under common control with a party here.", 72.0, 190.0),
        heading("2. TERM", 220.0),
        line("This agreement runs for three years from its date of signature.", 72.0, 250.0),
    ];
    let text = normalize(raw(vec![page(1, lines)], vec![]));
    let sections: Vec<(u8, &str)> = text.sections.iter().map(|s| (s.level, text.slice(s.heading).unwrap())).collect();
    assert_eq!(sections, [(1, "1. DEFINITIONS"), (2, "1.1 Affiliate"), (1, "2. TERM")]);
    assert!(text.sections[0].span.covers(text.sections[1].span));
    assert_eq!(text.section_at(text.text.find("common control").unwrap()).map(|s| s.level), Some(2));
    assert_eq!(text.title.as_deref(), Some("1. DEFINITIONS"));
}

#[test]
fn a_million_characters_take_linear_time() {
    let words = "lorem ipsum dolor sit amet consec-";
    let time = |lines: usize| {
        let lines: Vec<RawLine> = (0..lines).map(|i| line(words, 72.0, 12.0 * i as f32)).collect();
        let document = raw(vec![page(1, lines)], vec![]);
        let begun = std::time::Instant::now();
        let text = normalize(document);
        assert!(text.text.len() > 1000);
        begun.elapsed()
    };
    let (small, large) = (time(3_000), time(30_000));
    assert!(large < small * 40 + std::time::Duration::from_secs(1), "{small:?} then {large:?}");
}

// ---------------------------------------------------------------- files

/// pdfium as the project's set-up places it. Without it the tests that need it say so and pass on pdf-extract alone.
fn pdfium() -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../vendor/pdfium/libpdfium.so");
    if !path.exists() {
        eprintln!("pdfium is not at {}: run `./dev setup`; only pdf-extract is tested", path.display());
        return None;
    }
    Some(path)
}

/// With pdfium where it is there, and without.
fn engines() -> Vec<Option<PathBuf>> {
    let mut engines = vec![None];
    engines.extend(pdfium().map(Some));
    engines
}

enum Sheet<'a> {
    /// Lines of 12-point Helvetica from (72, 700) downwards, and `/Rotate`.
    Words(&'a [&'a str], i64),
    /// A picture over the whole page.
    Scan,
    Blank,
    /// Content that is no content.
    Damaged,
}

fn pdf(sheets: &[Sheet<'_>]) -> Document {
    let mut document = Document::with_version("1.5");
    let pages_id = document.new_object_id();
    let font = document.add_object(dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding" });
    let picture = Stream::new(
        dictionary! { "Type" => "XObject", "Subtype" => "Image", "Width" => 2, "Height" => 2, "ColorSpace" => "DeviceGray", "BitsPerComponent" => 8 },
        vec![0, 99, 99, 0],
    );
    let picture = document.add_object(picture);
    let mut kids: Vec<Object> = Vec::new();
    for sheet in sheets {
        let (content, rotate, images): (Vec<u8>, i64, bool) = match sheet {
            Sheet::Words(lines, rotate) => (words(lines), *rotate, false),
            Sheet::Scan => (b"q 612 0 0 792 0 0 cm /Im0 Do Q".to_vec(), 0, true),
            Sheet::Blank => (Vec::new(), 0, false),
            Sheet::Damaged => (b"BT /F1 12 Tf (unclosed \\".to_vec(), 0, false),
        };
        let content = document.add_object(Stream::new(Dictionary::new(), content));
        let mut resources = dictionary! { "Font" => dictionary! { "F1" => font } };
        if images {
            resources.set("XObject", dictionary! { "Im0" => picture });
        }
        let page = dictionary! { "Type" => "Page", "Parent" => pages_id, "Contents" => content, "Resources" => resources, "Rotate" => rotate, "MediaBox" => vec![0.into(), 0.into(), 612.into(), 792.into()] };
        kids.push(document.add_object(page).into());
    }
    let count = kids.len() as i64;
    document.objects.insert(pages_id, dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count }.into());
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages_id });
    document.trailer.set("Root", catalog);
    document
        .trailer
        .set("ID", vec![Object::string_literal("0123456789abcdef"), Object::string_literal("0123456789abcdef")]);
    document
}

fn words(lines: &[&str]) -> Vec<u8> {
    let mut operations = vec![
        Operation::new("BT", vec![]),
        Operation::new("Tf", vec!["F1".into(), 12.into()]),
        Operation::new("Td", vec![72.into(), 700.into()]),
    ];
    for line in lines {
        operations.push(Operation::new("Tj", vec![Object::string_literal(*line)]));
        operations.push(Operation::new("Td", vec![0.into(), (-14).into()]));
    }
    operations.push(Operation::new("ET", vec![]));
    Content { operations }.encode().unwrap()
}

fn bytes(mut document: Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

const LINES: [&str; 3] =
    ["This agreement is made between the seller", "and the buyer, who agree to all that is", "written below."];
const JOINED: &str = "This agreement is made between the seller and the buyer, who agree to all that is written below.";

#[test]
fn text_comes_with_places() {
    for engine in engines() {
        let raw = parse(Format::Pdf, &bytes(pdf(&[Sheet::Words(&LINES, 0)])), None, engine.as_deref()).unwrap();
        let text = normalize(raw);
        assert_eq!(text.text, JOINED, "{engine:?}");
        let at = text.text.find("buyer").unwrap();
        let rects = text.rects(Span::new(at, at + 5));
        assert_eq!(rects.len(), 1);
        let rect = rects[0].rect;
        // "and the " is about 46 points wide; the second baseline is at 686 from the bottom, so 106 from the top.
        assert!(
            (rect.x - 118.0).abs() < 6.0 && rect.y < 106.0 && rect.y + rect.h > 106.0 && rect.w > 20.0 && rect.w < 45.0,
            "{engine:?} {rect:?}"
        );
    }
}

#[test]
fn a_rotated_page_is_placed_as_shown() {
    for engine in engines() {
        let text = normalize(
            parse(Format::Pdf, &bytes(pdf(&[Sheet::Words(&LINES[..1], 90)])), None, engine.as_deref()).unwrap(),
        );
        assert_eq!((text.pages[0].width, text.pages[0].height), (792.0, 612.0));
        let first = text.rects(Span::new(0, 1))[0].rect;
        // The baseline starts at (72, 700) in PDF space, so at (700, 72) from the top left once turned clockwise.
        assert!((first.y - 72.0).abs() < 3.0 && (first.x..=first.x + first.w).contains(&700.0), "{engine:?} {first:?}");
    }
}

#[test]
fn a_scan_a_blank_and_a_damaged_page_are_told_apart_and_fail_nothing() {
    for engine in engines() {
        let sheets =
            [Sheet::Words(&LINES, 0), Sheet::Scan, Sheet::Blank, Sheet::Damaged, Sheet::Words(&LINES, 0), Sheet::Scan];
        let text = normalize(parse(Format::Pdf, &bytes(pdf(&sheets)), None, engine.as_deref()).unwrap());
        let statuses: Vec<PageStatus> = text.pages.iter().map(|p| p.status).collect();
        assert_eq!(statuses[..3], [PageStatus::Ok, PageStatus::NeedsOcr, PageStatus::Blank], "{engine:?}");
        assert_eq!(statuses[4..], [PageStatus::Ok, PageStatus::NeedsOcr], "{engine:?}");
        assert!(matches!(statuses[3], PageStatus::Blank | PageStatus::Failed), "{engine:?}");
        assert_eq!(text.slice(text.pages[4].span), Some(JOINED));
        let note = text.notes.iter().find(|n| n.code == "needs_ocr").unwrap();
        assert!(note.message.contains("2, 6"), "{}", note.message);
    }
}

#[test]
fn an_encrypted_file_asks_for_its_password_and_says_when_it_is_wrong() {
    let encrypted = {
        let mut document = pdf(&[Sheet::Words(&LINES, 0)]);
        let version = lopdf::EncryptionVersion::V2 {
            document: &document,
            owner_password: "owner",
            user_password: "user",
            key_length: 128,
            permissions: lopdf::Permissions::all(),
        };
        let state = lopdf::EncryptionState::try_from(version).unwrap();
        document.encrypt(&state).unwrap();
        bytes(document)
    };
    for engine in engines() {
        let read = |password| parse(Format::Pdf, &encrypted, password, engine.as_deref());
        assert_eq!(read(None).unwrap_err(), ParseError::Password { wrong: false }, "{engine:?}");
        assert_eq!(read(Some("no")).unwrap_err(), ParseError::Password { wrong: true }, "{engine:?}");
        assert_eq!(normalize(read(Some("user")).unwrap()).text, JOINED, "{engine:?}");
    }
}

#[test]
fn what_is_no_pdf_is_damaged_or_empty() {
    for engine in engines() {
        assert_eq!(parse(Format::Pdf, b"", None, engine.as_deref()).unwrap_err(), ParseError::Empty);
        let whole = bytes(pdf(&[Sheet::Words(&LINES, 0)]));
        assert_eq!(
            parse(Format::Pdf, &whole[..60], None, engine.as_deref()).unwrap_err().code(),
            "damaged",
            "{engine:?}"
        );
        assert_eq!(
            parse(Format::Pdf, b"%PDF-1.4\nnothing", None, engine.as_deref()).unwrap_err().code(),
            "damaged",
            "{engine:?}"
        );
    }
}

#[test]
fn each_page_names_the_program_that_read_it() {
    for engine in engines() {
        let text =
            normalize(parse(Format::Pdf, &bytes(pdf(&[Sheet::Words(&LINES, 0)])), None, engine.as_deref()).unwrap());
        let expected = if engine.is_some() { "pdfium" } else { "pdf-extract" };
        assert_eq!((text.extractor.name.as_str(), text.pages[0].extractor.name.as_str()), (expected, expected));
        assert!(!text.extractor.version.is_empty());
    }
}

#[test]
fn a_library_that_cannot_be_loaded_is_said_and_does_without() {
    // Only where no test of this process has loaded the real one: the library is loaded once for a process.
    if pdfium().is_none() {
        let text = normalize(
            parse(Format::Pdf, &bytes(pdf(&[Sheet::Words(&LINES, 0)])), None, Some("/nowhere.so".as_ref())).unwrap(),
        );
        assert!(text.notes.iter().any(|n| n.code == "pdfium_missing"));
        assert_eq!(text.text, JOINED);
    }
}
