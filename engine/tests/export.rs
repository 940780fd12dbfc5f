//! Exports: citations, reviews, what is left out, and cells and markup that cannot do harm.

use lectern_engine::export::{ExportFormat, ExportOptions, PRESENCE_NOTE, write};
use lectern_engine::import::raw::Format;
use lectern_engine::store::documents::{Document, DocumentStatus};
use lectern_engine::tasks::prompt::PROMPT_VERSION;
use lectern_engine::tasks::{
    Claim, ClaimKind, Coverage, Evidence, MatchKind, Method, Provenance, RunResult, SearchedNote, Status, TaskSpec,
};
use lectern_engine::text::{DocText, Extractor, GlyphBoxes, Page, PageStatus, Span};
use lectern_engine::values::Value;
use lectern_engine::workspace::{ClaimId, DocumentId, Review, RunId, StoredRun, Verdict};
use proptest::prelude::*;

const TEXT: &str = "The fee is EUR 5,000.\u{c}\nDanish law <b>governs</b> it.";

fn extractor() -> Extractor {
    Extractor { name: "pdfium".into(), version: "1".into() }
}

fn text() -> DocText {
    let page = |number, start, end| Page {
        number,
        span: Span::new(start, end),
        width: 1.0,
        height: 1.0,
        status: PageStatus::Ok,
        extractor: extractor(),
        quality: 1.0,
        boxes: GlyphBoxes::default(),
    };
    let pages = vec![page(1, 0, 21), page(2, 23, TEXT.len())];
    let (sections, blocks, cues, notes) = (vec![], vec![], vec![], vec![]);
    DocText { text: TEXT.into(), pages, sections, blocks, cues, extractor: extractor(), notes, title: None }
}

fn document() -> Document {
    Document {
        id: DocumentId(3),
        name: "=deal.pdf".into(),
        format: Some(Format::Pdf),
        status: DocumentStatus::Ready,
        message: None,
        bytes: 10,
        sha256: "ab".repeat(32),
        pages: Some(2),
        pages_need_ocr: 0,
        text_bytes: TEXT.len() as u64,
        title: None,
        imported_ms: 0,
        indexed: true,
        notes: vec![],
    }
}

fn evidence(quote: &str) -> Evidence {
    let start = TEXT.find(quote).unwrap();
    let span = Span::new(start, start + quote.len());
    Evidence { span, quote: quote.into(), matched: MatchKind::Exact, occurrences: 1 }
}

fn claim(label: &str, text: &str, status: Status, evidence: Vec<Evidence>) -> Claim {
    Claim {
        kind: ClaimKind::Field,
        label: label.into(),
        text: text.into(),
        value: None,
        status,
        evidence,
        unlocated: vec![],
        owner: None,
        due: None,
        searched: None,
        checks: vec![],
        found_by: None,
        confidence: None,
    }
}

fn run() -> StoredRun {
    let mut fee = claim("Fee", "EUR 5,000", Status::Verified, vec![evidence("The fee is EUR 5,000")]);
    fee.value = Some(Value::Money { amount: "5000".into(), currency: "EUR".into() });
    let law = claim("Law", "Danish", Status::Verified, vec![evidence("Danish law <b>governs</b> it")]);
    let made_up = claim("Term", "ten years made up", Status::Unsupported, vec![]);
    let wrong = claim("Cap", "wrong cap", Status::Verified, vec![evidence("EUR 5,000")]);
    let mut escrow = claim("Escrow", "", Status::NotFound, vec![]);
    let contrary = vec![evidence("Danish law")];
    escrow.searched = Some(SearchedNote { read_tokens: 9, queries: vec!["escrow".into()], contrary });
    let reviews = vec![
        None,
        Some(Review { verdict: Verdict::Edited, text: Some("The law of Denmark".into()), note: None }),
        None,
        Some(Review { verdict: Verdict::Rejected, text: None, note: None }),
        None,
    ];
    StoredRun {
        id: RunId(8),
        document: DocumentId(3),
        spec: TaskSpec::Summary { method: Method::Model },
        result: RunResult {
            claims: vec![fee, law, made_up, wrong, escrow],
            coverage: Coverage {
                text_bytes: TEXT.len(),
                text_tokens: 9,
                read: vec![Span::new(0, TEXT.len())],
                whole: true,
                statement: "The whole document was read.".into(),
                unread_pages: vec![],
            },
            provenance: Provenance {
                model: "m".into(),
                model_digest: "d".into(),
                interim: true,
                prompt_version: PROMPT_VERSION,
                seed: 1,
                temperature: 0.0,
                prompt_tokens: 1,
                generated_tokens: 1,
                cut_short: vec!["Term: max_tokens".into()],
                read_ms: 1,
                answer_ms: 1,
                decisions: Vec::new(),
                rules_digest: None,
            },
        },
        claim_ids: (1..=5).map(ClaimId).collect(),
        reviews,
        created_ms: 1_700_000_000_000,
    }
}

fn export(format: ExportFormat, include_unsupported: bool) -> String {
    write(&run(), &document(), &text(), format, ExportOptions { include_unsupported })
}

fn rows(csv_text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(csv_text.as_bytes());
    reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn every_format_leaves_out_unsupported_and_rejected_lines_and_puts_edits_in_place() {
    for format in [ExportFormat::Json, ExportFormat::Markdown, ExportFormat::Csv] {
        let usual = export(format, false);
        assert!(!usual.contains("ten years made up") && !usual.contains("wrong cap"), "{usual}");
        assert!(usual.contains("The law of Denmark"), "{usual}");
        let all = export(format, true);
        assert!(all.contains("ten years made up") && !all.contains("wrong cap"), "{all}");
    }
    assert!(export(ExportFormat::Markdown, true).contains("no located quote"), "shown as such");
    assert_eq!(rows(&export(ExportFormat::Csv, true))[2][5], "no located quote");
}

#[test]
fn json_spans_point_into_the_text_and_say_what_was_left_out() {
    let value: serde_json::Value = serde_json::from_str(&export(ExportFormat::Json, false)).unwrap();
    let lines = value["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 3);
    for e in lines.iter().flat_map(|l| l["evidence"].as_array().unwrap()) {
        let (start, end) = (e["start"].as_u64().unwrap() as usize, e["end"].as_u64().unwrap() as usize);
        assert_eq!(&TEXT[start..end], e["quote"].as_str().unwrap());
    }
    assert_eq!((&lines[0]["evidence"][0]["page"], &lines[1]["evidence"][0]["page"]), (&1.into(), &2.into()));
    assert_eq!(
        (lines[0]["id"].as_i64(), lines[2]["id"].as_i64()),
        (Some(1), Some(5)),
        "ids of the claims, not of lines"
    );
    assert_eq!(lines[1]["generated_text"], "Danish");
    assert_eq!(value["left_out"], serde_json::json!({"unsupported": 1, "rejected": 1}));
    assert_eq!((&value["provenance"]["seed"], &value["coverage"]["whole"]), (&1.into(), &true.into()));
    assert_eq!(lines[2]["searched"]["contrary"][0]["page"], 2);
}

#[test]
fn markdown_cites_pages_and_says_what_a_quote_proves() {
    let page = export(ExportFormat::Markdown, false);
    assert!(page.contains("- **Fee**: EUR 5,000 (EUR 5000) \\[p. 1\\][^1]"), "{page}");
    assert!(page.contains("[^1]: p. 1: “The fee is EUR 5,000”"), "{page}");
    assert!(page.contains(PRESENCE_NOTE) && page.contains("The whole document was read."));
    assert!(page.contains("Left out: 1 line without a located quote, 1 line rejected in review."), "{page}");
    assert!(page.contains("## Not found") && page.contains("searched for: escrow"));
    assert!(page.contains("May speak against it \\[p. 2\\]: “Danish law”"), "{page}");
    assert!(page.contains("Cut short: Term: max") && page.contains("2023-11-14 22:13 UTC"));
    assert!(page.contains("&lt;b&gt;") && !page.contains("<b>"), "no markup out of the document");
}

#[test]
fn csv_cells_are_no_formulas() {
    let mut run = run();
    let risky = ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "\r\n=cmd", "\u{ff1d}1", "a\u{7}b"];
    let wanted = ["'=1+1", "'+1", "'-1", "'@x", "' =1", "' =1", "'  =cmd", "'\u{ff1d}1", "a b"];
    run.result.claims = risky.iter().map(|t| claim(t, t, Status::Verified, vec![evidence("Danish")])).collect();
    run.reviews = vec![None; risky.len()];
    let csv_text = write(&run, &document(), &text(), ExportFormat::Csv, ExportOptions::default());
    for (row, wanted) in rows(&csv_text).iter().zip(wanted) {
        assert_eq!((row[0].as_str(), row[2].as_str(), row[3].as_str()), ("'=deal.pdf", wanted, wanted));
    }
}

proptest! {
    #[test]
    fn any_text_gives_one_row_of_safe_cells_and_no_html(said in "[ -~\u{e9}\u{7}\r\n\t=+@<>&|*_`\\[\\]#-]{0,40}") {
        let mut run = run();
        run.result.claims = vec![claim(&said, &said, Status::Verified, vec![evidence("Danish")])];
        run.reviews = vec![None];
        run.claim_ids.truncate(1);
        let csv_text = write(&run, &document(), &text(), ExportFormat::Csv, ExportOptions::default());
        let rows = rows(&csv_text);
        prop_assert_eq!(rows.len(), 1);
        for cell in &rows[0] {
            prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']), "{:?}", cell);
            prop_assert!(!cell.contains(char::is_control), "{:?}", cell);
        }
        let page = write(&run, &document(), &text(), ExportFormat::Markdown, ExportOptions::default());
        prop_assert!(!page.contains('<'), "{}", page);
    }
}
