//! Tasks over a scripted model: what is asked, grounded, cross-checked, said about coverage, and how failures end.

use lectern_engine::generate::framing;
use lectern_engine::generate::scripted::Scripted;
use lectern_engine::generate::{
    Answer, GenerateError, Generator, ModelCard, ReadReport, Reading, Request, Shape, StopReason,
};
use lectern_engine::ground::PlainScan;
use lectern_engine::progress::{Event, Silent, Sink};
use lectern_engine::reading;
use lectern_engine::tasks::asking::parse_answer;
use lectern_engine::tasks::{
    self, ClaimKind, FieldSpec, FieldType, Method, Pack, PackError, RunOptions, RunResult, Status, TaskError, TaskSpec,
    TooLong, prompt,
};
use lectern_engine::text::{Block, BlockKind, Cue, DocText, Extractor, GlyphBoxes, Page, PageStatus, Span};
use lectern_engine::values::Value;
use proptest::prelude::*;
use serde_json::json;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

const CONTRACT: &str = "SERVICES AGREEMENT dated 15 March 2024.\n\
This Agreement is governed by the laws of Denmark.\n\
Either party may terminate this Agreement on thirty (30) days' notice.\n\
The effective date of this Agreement is 1 April 2024.\n\
The fee is EUR 1,500,000 and it is due every year.\n";

fn extractor() -> Extractor {
    Extractor { name: "test".into(), version: "0".into() }
}

fn doc(text: &str) -> DocText {
    let mut at = 0;
    let mut blocks = Vec::new();
    for line in text.split_inclusive('\n') {
        let span = Span::new(at, at + line.trim_end().len());
        if !span.is_empty() {
            blocks.push(Block { kind: BlockKind::Paragraph, span });
        }
        at += line.len();
    }
    let (pages, sections, cues, notes) = (vec![], vec![], vec![], vec![]);
    DocText { text: text.to_owned(), pages, sections, blocks, cues, extractor: extractor(), notes, title: None }
}

fn meeting() -> DocText {
    let mut document = doc("Anna Berg: We have to renew the office lease before summer.\n\
Ben Olsen: I will send the signed lease to the landlord by Friday.\n\
Anna Berg: Good. We decided to hire two engineers this year.\n\
Carla: Ben, please also book the large room.\n");
    let speakers = ["Anna Berg", "Ben Olsen", "Anna Berg", "Carla"];
    let cue = |(b, s): (&Block, &str)| Cue { span: b.span, speaker: Some(s.to_owned()), start_ms: None, end_ms: None };
    document.cues = document.blocks.iter().zip(speakers).map(cue).collect();
    document
}

fn page(number: u32, span: Span, status: PageStatus) -> Page {
    Page {
        number,
        span,
        width: 1.0,
        height: 1.0,
        status,
        extractor: extractor(),
        quality: 1.0,
        boxes: GlyphBoxes::default(),
    }
}

fn options(too_long: TooLong) -> RunOptions {
    RunOptions { too_long, seed: 7, state_dir: None }
}

fn run(model: &mut dyn Generator, document: &DocText, spec: &TaskSpec) -> Result<RunResult, TaskError> {
    run_as(model, document, spec, TooLong::Refuse)
}

fn run_as(
    model: &mut dyn Generator,
    document: &DocText,
    spec: &TaskSpec,
    too_long: TooLong,
) -> Result<RunResult, TaskError> {
    let result =
        tasks::run(model, document, "test.txt", spec, &options(too_long), &PlainScan::new(document), &mut Silent)?;
    for claim in &result.claims {
        for e in &claim.evidence {
            assert_eq!(document.slice(e.span), Some(e.quote.as_str()), "evidence is a piece of the text");
        }
        assert!(!(claim.evidence.is_empty() && matches!(claim.status, Status::Verified | Status::Fuzzy)), "{claim:?}");
    }
    Ok(result)
}

/// A model that gives this JSON whenever the instruction holds the word.
fn answering(pairs: Vec<(&'static str, serde_json::Value)>) -> Scripted {
    Scripted::new(Box::new(move |_, request| {
        let pair = pairs.iter().find(|(word, _)| request.instruction.contains(word));
        pair.map(|(_, answer)| answer.to_string()).ok_or(GenerateError::Model { reason: "no rule".into() })
    }))
}

fn field(name: &str, kind: FieldType, keywords: &[&str]) -> FieldSpec {
    let keywords = keywords.iter().map(|k| (*k).to_owned()).collect();
    FieldSpec { name: name.into(), kind, description: "Something.".into(), many: false, keywords }
}

fn pack(fields: Vec<FieldSpec>) -> TaskSpec {
    let pack = Pack { id: "t".into(), name: "T".into(), description: String::new(), fields };
    TaskSpec::Fields { pack, method: Method::Model }
}

fn found(name: &str, quotes: &[&str]) -> serde_json::Value {
    json!({name: {"quotes": quotes}})
}

#[test]
fn fields_are_grounded_and_normalised() {
    let spec = pack(vec![
        field("Effective Date", FieldType::Date, &["effective date"]),
        field("Law", FieldType::Clause, &["governed by"]),
        field("Fee", FieldType::Money, &["fee"]),
    ]);
    let mut model = answering(vec![
        ("Effective Date", found("Effective Date", &["The effective date of this Agreement is 1 April 2024."])),
        ("Law", found("Law", &["this agreement IS governed by the laws of  Denmark"])),
        ("Fee", found("Fee", &["The fee is EUR 1,500,000 and", "the fee is two hundred"])),
    ]);
    let result = run(&mut model, &doc(CONTRACT), &spec).unwrap();
    let [date, law, fee] = result.claims.as_slice() else { panic!("{result:?}") };
    assert_eq!((date.status, date.text.as_str()), (Status::Verified, "1 April 2024"));
    assert_eq!(date.value, Some(Value::Date { iso: "2024-04-01".into() }));
    assert!(date.checks.is_empty(), "{:?}", date.checks);
    assert_eq!(law.status, Status::Fuzzy);
    assert_eq!(law.evidence[0].quote, "This Agreement is governed by the laws of Denmark");
    assert_eq!(fee.value, Some(Value::Money { amount: "1500000".into(), currency: "EUR".into() }));
    assert_eq!(fee.status, Status::Fuzzy, "not every quote stands in the document");
    assert_eq!(fee.unlocated, ["the fee is two hundred"]);
    assert_eq!(model.reads, 1, "read once for all fields");
    assert_eq!((result.provenance.seed, result.provenance.interim, result.coverage.whole), (7, true, true));
}

#[test]
fn a_value_that_rules_or_search_doubt_says_so() {
    let spec = pack(vec![
        field("Effective Date", FieldType::Date, &["effective date"]),
        field("Fee", FieldType::Money, &["fee"]),
    ]);
    let mut model = answering(vec![
        ("Effective Date", found("Effective Date", &["SERVICES AGREEMENT dated 15 March 2024."])),
        ("Fee", found("Fee", &["This Agreement is governed by the laws of Denmark."])),
    ]);
    let result = run(&mut model, &doc(CONTRACT), &spec).unwrap();
    let date = result.claims[0].checks.join(" ");
    assert!(date.contains("2024-04-01"), "the other date near the keyword: {date}");
    assert!(date.contains("None of the words searched for"), "{date}");
    let fee = result.claims[1].checks.join(" ");
    assert!(fee.contains("No rule finds a value of this kind (amount of money)"), "{fee}");
}

#[test]
fn not_found_records_what_was_searched_and_what_speaks_against_it() {
    let spec = pack(vec![
        field("Law", FieldType::Clause, &["governed by", "jurisdiction"]),
        field("Escrow", FieldType::Clause, &["escrow"]),
    ]);
    let none = |name: &str| json!({name: {"quotes": "none"}});
    let mut model = answering(vec![("Law", none("Law")), ("Escrow", none("Escrow"))]);
    let document = doc(CONTRACT);
    let result = run(&mut model, &document, &spec).unwrap();
    let note = result.claims[0].searched.as_ref().unwrap();
    assert_eq!(result.claims[0].status, Status::NotFound);
    assert_eq!(note.queries, ["governed by", "jurisdiction"]);
    assert_eq!(note.contrary.len(), 1);
    assert_eq!(note.contrary[0].quote, "This Agreement is governed by the laws of Denmark.");
    assert_eq!(document.slice(note.contrary[0].span), Some(note.contrary[0].quote.as_str()));
    assert_eq!(note.read_tokens, CONTRACT.split_whitespace().count());
    assert!(result.claims[1].searched.as_ref().unwrap().contrary.is_empty());
}

#[test]
fn a_field_that_may_have_many_gives_one_claim_for_each_value() {
    let mut dates = field("Dates", FieldType::Date, &[]);
    dates.many = true;
    let mut model = answering(vec![(
        "Dates",
        found(
            "Dates",
            &["SERVICES AGREEMENT dated 15 March 2024.", "effective date of this Agreement is 1 April 2024"],
        ),
    )]);
    let result = run(&mut model, &doc(CONTRACT), &pack(vec![dates])).unwrap();
    let values: Vec<String> = result.claims.iter().map(|c| c.value.as_ref().unwrap().to_string()).collect();
    assert_eq!(values, ["2024-03-15", "2024-04-01"]);
    assert!(result.claims.iter().all(|c| c.evidence.len() == 1 && c.evidence[0].quote.contains(&c.text)));
}

#[test]
fn a_passage_without_a_value_is_not_dropped_beside_others_that_have_one() {
    const OPENING: &str =
        "This Deed is made by Baltic Works Ltd. (the Buyer) and Alan Crane.\nBALTIC WORKS LTD. signs.\n";
    let mut parties = field("Parties", FieldType::Party, &[]);
    let mut dates = field("Dates", FieldType::Date, &[]);
    (parties.many, dates.many) = (true, true);
    let said = &["Baltic Works Ltd.", "Alan Crane", "BALTIC WORKS LTD."];
    let mut model =
        answering(vec![("Parties", found("Parties", said)), ("Dates", found("Dates", &["BALTIC WORKS LTD. signs"]))]);
    let result = run(&mut model, &doc(OPENING), &pack(vec![parties, dates])).unwrap();
    let [company, person, undated] = result.claims.as_slice() else { panic!("{result:?}") };
    assert_eq!((company.text.as_str(), company.evidence.len()), ("Baltic Works Ltd.", 2), "one party under both forms");
    assert_eq!((person.text.as_str(), &person.value, person.checks.is_empty()), ("Alan Crane", &None, true));
    assert!(undated.checks[0].contains("No rule finds a value of this kind"), "{undated:?}");
}

#[test]
fn one_failed_request_does_not_stop_the_others_and_all_failed_is_an_error() {
    let spec = pack(vec![field("Escrow", FieldType::Clause, &[]), field("Law", FieldType::Clause, &[])]);
    let law = found("Law", &["governed by the laws of Denmark"]);
    let result = run(&mut answering(vec![("Law", law)]), &doc(CONTRACT), &spec).unwrap();
    assert_eq!(result.claims[0].status, Status::Unsupported);
    assert!(
        result.claims[0].text.is_empty() && result.claims[0].checks[0].contains("no rule"),
        "{:?}",
        result.claims[0]
    );
    assert_eq!(result.claims[1].status, Status::Verified);
    assert!(result.provenance.cut_short[0].starts_with("Escrow: failed"));
    let error = run(&mut answering(vec![]), &doc(CONTRACT), &spec).unwrap_err();
    assert!(matches!(error, TaskError::AllFailed { requests: 2, .. }), "{error}");
}

#[test]
fn an_owner_or_due_date_stands_only_if_it_was_said() {
    let send = "I will send the signed lease to the landlord by Friday.";
    let book = "Ben, please also book the large room.";
    let hire = "We decided to hire two engineers this year.";
    let mut model = answering(vec![
        ("topics", json!({"topics": [{"quote": "We have to renew the office lease", "topic": "Lease"}]})),
        (
            "decisions",
            json!({"decisions": [{"quote": hire, "decision": "Two engineers are hired."}, {"quote": "We decided to sell the building.", "decision": "Sell."}]}),
        ),
        (
            "agreed or was told",
            json!({"tasks": [
                {"quote": send, "task": "Send the lease", "owner": "I", "due": "Friday"},
                {"quote": book, "task": "Book the room", "owner": "Ben Olsen", "due": "Monday"},
                {"quote": hire, "task": "Hire", "owner": "Dora", "due": "this year"},
            ]}),
        ),
    ]);
    let result = run(&mut model, &meeting(), &TaskSpec::Minutes { method: Method::Model }).unwrap();
    let of = |kind| result.claims.iter().filter(move |c| c.kind == kind).collect::<Vec<_>>();
    let attendees = of(ClaimKind::Attendee);
    assert_eq!(attendees.iter().map(|c| c.text.as_str()).collect::<Vec<_>>(), ["Anna Berg", "Ben Olsen", "Carla"]);
    assert!(attendees.iter().all(|c| c.status == Status::Verified && c.evidence[0].quote.starts_with(&c.text)));
    let decisions = of(ClaimKind::Decision);
    assert_eq!(decisions.iter().map(|c| c.status).collect::<Vec<_>>(), [Status::Verified, Status::Unsupported]);
    assert_eq!(decisions[1].unlocated, ["We decided to sell the building."]);
    let actions = of(ClaimKind::Action);
    let owners: Vec<_> = actions.iter().map(|c| (c.owner.as_deref(), c.due.as_deref())).collect();
    assert_eq!(owners, [(Some("Ben Olsen"), Some("Friday")), (Some("Ben Olsen"), None), (None, Some("this year"))]);
    assert!(actions[1].checks.iter().any(|c| c.contains("Monday")));
    assert!(actions[2].checks.iter().any(|c| c.contains("Dora")));
}

#[test]
fn a_question_is_answered_with_passages_or_searched_for() {
    let spec = TaskSpec::Question { question: "Which law governs the contract?".into(), method: Method::Model };
    let yes = json!({"quotes": ["governed by the laws of Denmark"], "answer": "Danish law."});
    let result = run(&mut answering(vec![("Which law", yes)]), &doc(CONTRACT), &spec).unwrap();
    assert_eq!((result.claims[0].status, result.claims[0].text.as_str()), (Status::Verified, "Danish law."));
    let no = json!({"quotes": "none", "answer": ""});
    let result = run(&mut answering(vec![("Which law", no)]), &doc(CONTRACT), &spec).unwrap();
    assert_eq!(result.claims[0].status, Status::NotFound);
    let note = result.claims[0].searched.as_ref().unwrap();
    assert!(note.contrary.iter().any(|e| e.quote.contains("laws of Denmark")), "{note:?}");
    let made_up = json!({"quotes": ["the laws of Atlantis apply"], "answer": "Atlantis."});
    let result = run(&mut answering(vec![("Which law", made_up)]), &doc(CONTRACT), &spec).unwrap();
    assert_eq!(result.claims[0].status, Status::Unsupported);
    let empty = TaskSpec::Question { question: "  ".into(), method: Method::Model };
    assert_eq!(run(&mut answering(vec![]), &doc(CONTRACT), &empty).unwrap_err().code(), "bad_request");
}

#[test]
fn a_request_shows_the_passages_nearest_to_it_of_the_part_that_was_read() {
    let shown = Arc::new(Mutex::new(Vec::new()));
    let seen = shown.clone();
    let rule = move |_: &str, request: &Request| {
        seen.lock().unwrap().push(request.passages.clone());
        Ok(json!({"quotes": "none", "answer": ""}).to_string())
    };
    let spec = TaskSpec::Question {
        question: "When may a party be terminating it, on what notice?".into(),
        method: Method::Model,
    };
    run(&mut Scripted::new(Box::new(rule.clone())), &doc(CONTRACT), &spec).unwrap();
    let first = shown.lock().unwrap().pop().unwrap();
    assert!(first[0].starts_with("Either party may terminate"), "{first:?}");
    assert!(first.len() <= prompt::PASSAGES && first.iter().all(|p| CONTRACT.contains(p)), "{first:?}");

    // Long parts: each shows its own passages, and no more than there is room for.
    let long: String =
        (0..4_000).map(|i| format!("Party {i} may terminate on {i} days of notice to party {i}.\n")).collect();
    let document = doc(&long);
    let mut model = Scripted::new(Box::new(rule)).with_context(30_000);
    run_as(&mut model, &document, &spec, TooLong::ReadInParts).unwrap();
    let parts = std::mem::take(&mut *shown.lock().unwrap());
    assert!(parts.len() > 1);
    let places =
        |passages: &Vec<String>| -> Vec<usize> { passages.iter().filter_map(|p| long.find(p.as_str())).collect() };
    for pair in parts.windows(2) {
        assert!(!pair[0].is_empty() && places(&pair[0]).iter().max() < places(&pair[1]).iter().min(), "{pair:?}");
    }
}

#[test]
fn passages_that_are_too_long_are_left_out() {
    let shown = Arc::new(Mutex::new(Vec::new()));
    let seen = shown.clone();
    // Tokens of this double are words: these have more than there is room for.
    let words = |n: usize| format!("Notice {}.", "a ".repeat(n));
    let text = format!("{}\n{}\n{}\n", words(190), words(190), words(190)) + &format!("{}\n", words(190)).repeat(2);
    let rule = move |_: &str, request: &Request| {
        seen.lock().unwrap().push(request.passages.clone());
        Ok(json!({"quotes": "none", "answer": ""}).to_string())
    };
    let spec = TaskSpec::Question { question: "Notice?".into(), method: Method::Model };
    run(&mut Scripted::new(Box::new(rule)), &doc(&text), &spec).unwrap();
    let passages = shown.lock().unwrap().pop().unwrap();
    let tokens: usize = passages.iter().map(|p| p.split_whitespace().count() + framing::PASSAGE_FRAME_TOKENS).sum();
    assert!(!passages.is_empty() && passages.len() < 5 && tokens <= prompt::PASSAGE_TOKENS, "{tokens}");
}

#[test]
fn a_line_that_repeats_itself_is_not_verified_and_strange_figures_are_pointed_out() {
    let quote = "The fee is EUR 1,500,000 and it is due every year.";
    let lines = [
        "The readings are 200, 200, 200, 200, 200, 200, 200.".to_owned(),
        format!("The seven{}.", "th".repeat(40)),
        "The fee of 1.500.000 falls due 12 times.".to_owned(),
        "The fee is EUR 1500000 every year.".to_owned(),
    ];
    let points: Vec<_> = lines.iter().enumerate().map(|(i, l)| json!({"quote": &quote[i..], "point": l})).collect();
    let mut model = answering(vec![("most important points", json!({ "points": points }))]);
    let claims = run(&mut model, &doc(CONTRACT), &TaskSpec::Summary { method: Method::Model }).unwrap().claims;
    assert_eq!(claims[0].status, Status::Unsupported, "{:?}", claims[0]);
    assert!(claims[1].status == Status::Unsupported && claims[1].checks[0].contains("repeated itself"));
    assert_eq!(claims[2].status, Status::Verified);
    assert!(claims[2].checks.iter().any(|c| c.contains("quoted passage: 12.")), "{:?}", claims[2].checks);
    assert!(claims[3].checks.is_empty(), "{:?}", claims[3]);
}

#[test]
fn a_summary_has_a_line_points_and_sections() {
    let result = run(&mut Scripted::quoting(), &doc(CONTRACT), &TaskSpec::Summary { method: Method::Model }).unwrap();
    let kinds: Vec<ClaimKind> = result.claims.iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [ClaimKind::Headline, ClaimKind::KeyPoint]);
    assert!(result.claims.iter().all(|c| c.status == Status::Verified));
}

#[test]
fn a_document_that_is_too_long_is_refused_cut_or_read_in_parts_as_chosen() {
    let text: String = (0..60)
        .map(|i| format!("Paragraph number {i} has exactly eight {}.\n", if i == 50 { "zebras" } else { "words" }))
        .collect();
    let document = doc(&text);
    let spec = TaskSpec::Question { question: "What about zebras?".into(), method: Method::Model };
    let model = || Scripted::quoting().with_context(160);
    let available = reading::available_tokens(model().card());
    let error = run_as(&mut model(), &document, &spec, TooLong::Refuse).unwrap_err();
    assert!(matches!(error, TaskError::TooLong { tokens: 420, available: a, .. } if a == available), "{error}");

    let result = run_as(&mut model(), &document, &spec, TooLong::ReadBeginning).unwrap();
    let [read] = result.coverage.read.as_slice() else { panic!() };
    assert!(!result.coverage.whole && read.start() == 0);
    let words = document.slice(*read).unwrap().split_whitespace().count();
    assert!(words <= available && words * 10 >= available * 9, "{words} of {available}");
    assert!(document.slice(*read).unwrap().trim_end().ends_with('.'), "ends where a block ends");
    assert!(result.coverage.statement.contains("Only the beginning"), "{}", result.coverage.statement);

    let mut parts_model = model();
    let result = run_as(&mut parts_model, &document, &spec, TooLong::ReadInParts).unwrap();
    assert_eq!(parts_model.reads, result.coverage.read.len());
    let mut end = 0;
    for part in &result.coverage.read {
        assert!(part.start() >= end && document.text[end..part.start()].trim().is_empty(), "nothing is left out");
        assert!(document.slice(*part).unwrap().split_whitespace().count() <= available);
        end = part.end();
    }
    assert!(document.text[end..].trim().is_empty());
    assert!(result.claims.iter().any(|c| c.evidence.iter().any(|e| e.quote.contains("zebras"))), "{:?}", result.claims);
}

#[test]
fn a_field_missing_in_one_part_and_there_in_another_is_found() {
    let text: String = (0..40).map(|i| format!("Filler line {i} says nothing of use here.\n")).collect::<String>()
        + "The law of Denmark governs this agreement fully.\n";
    let spec = pack(vec![field("Law", FieldType::Clause, &["law"]), field("Escrow", FieldType::Clause, &["escrow"])]);
    let mut model = Scripted::new(Box::new(|read, request| {
        let law = request.instruction.contains("Law") && read.contains("Denmark");
        let name = if request.instruction.contains("Law") { "Law" } else { "Escrow" };
        let quotes = if law { vec!["The law of Denmark governs"] } else { vec![] };
        Ok(json!({name: {"quotes": quotes}}).to_string())
    }))
    .with_context(160);
    let document = doc(&text);
    let result = run_as(&mut model, &document, &spec, TooLong::ReadInParts).unwrap();
    let states: Vec<(&str, Status)> = result.claims.iter().map(|c| (c.label.as_str(), c.status)).collect();
    assert_eq!(states, [("Law", Status::Verified), ("Escrow", Status::NotFound)]);
    let read = result.claims[1].searched.as_ref().unwrap().read_tokens;
    assert_eq!(read, text.split_whitespace().count(), "not found in all parts: everything was read");
}

#[test]
fn pages_without_text_are_named_and_a_scan_is_no_text() {
    let mut document = doc(CONTRACT);
    let all = Span::new(0, CONTRACT.len());
    let nowhere = Span::new(CONTRACT.len(), CONTRACT.len());
    document.pages = vec![
        page(1, all, PageStatus::Ok),
        page(2, nowhere, PageStatus::NeedsOcr),
        page(3, nowhere, PageStatus::Blank),
        page(4, nowhere, PageStatus::Failed),
    ];
    let result = run(&mut Scripted::quoting(), &document, &TaskSpec::Summary { method: Method::Model }).unwrap();
    assert_eq!(result.coverage.unread_pages, [2, 4]);
    assert!(result.coverage.statement.contains("Pages 2, 4 hold no usable text"), "{}", result.coverage.statement);
    document.text = String::new();
    let error = run(&mut Scripted::quoting(), &document, &TaskSpec::Summary { method: Method::Model }).unwrap_err();
    assert!(matches!(&error, TaskError::NoText { reason } if reason.contains("OCR")), "{error}");
}

#[test]
fn a_person_can_stop_between_requests() {
    for stop_at in [1, 3, 6] {
        let mut seen = 0;
        let mut sink = |_: Event| {
            seen += 1;
            if seen >= stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let document = doc(CONTRACT);
        let scan = PlainScan::new(&document);
        let sink: &mut dyn Sink = &mut sink;
        let stopped = tasks::run(
            &mut Scripted::quoting(),
            &document,
            "x",
            &TaskSpec::Minutes { method: Method::Model },
            &options(TooLong::Refuse),
            &scan,
            sink,
        );
        assert!(matches!(stopped, Err(TaskError::Cancelled)));
        assert_eq!(seen, stop_at, "no event after the stop");
    }
}

/// A model whose answers are cut.
struct Cut(ModelCard, String);

impl Generator for Cut {
    fn card(&self) -> &ModelCard {
        &self.0
    }
    fn count_tokens(&mut self, text: &str) -> Result<usize, GenerateError> {
        Ok(text.len())
    }
    fn read(&mut self, d: &Reading<'_>, _: &mut dyn Sink) -> Result<ReadReport, GenerateError> {
        Ok(ReadReport { text_tokens: d.text.len(), state_tokens: 0, restored_tokens: 0, elapsed_ms: 1, state_bytes: 0 })
    }
    fn answer(&mut self, request: &Request, _: &mut dyn Sink) -> Result<Answer, GenerateError> {
        assert!(matches!(&request.shape, Shape::Json { schema } if schema["additionalProperties"] == json!(false)));
        let text = self.1.clone();
        let thinking = String::new();
        Ok(Answer {
            text,
            thinking,
            prompt_tokens: 2,
            generated_tokens: 3,
            stop: StopReason::MaxTokens,
            mean_logprob: None,
            decisions: Vec::new(),
            elapsed_ms: 4,
        })
    }
}

#[test]
fn a_cut_answer_is_recorded_and_only_its_complete_part_is_kept() {
    let quote = "This Agreement is governed by the laws of Denmark.";
    let text =
        format!(r#"{{"points": [{{"quote": "{quote}", "point": "Danish law."}}, {{"quote": "Either party may term"#);
    let mut model = Cut(Scripted::quoting().card().clone(), text);
    let result = run(&mut model, &doc(CONTRACT), &TaskSpec::Summary { method: Method::Model }).unwrap();
    assert_eq!(result.claims.len(), 1);
    assert_eq!((result.claims[0].kind, result.claims[0].text.as_str()), (ClaimKind::KeyPoint, "Danish law."));
    assert_eq!(result.provenance.cut_short, ["Headline: max_tokens", "Key points: max_tokens"]);
    assert_eq!(
        (result.provenance.prompt_tokens, result.provenance.generated_tokens, result.provenance.answer_ms),
        (4, 6, 8)
    );
}

#[test]
fn packs_say_which_field_is_wrong() {
    let ids: Vec<&str> = Pack::built_in_ids().collect();
    assert_eq!(ids, ["cuad", "nda", "report", "minutes"]);
    for id in ids {
        let pack = Pack::built_in(id).unwrap();
        assert!(
            pack.id == id && pack.fields.iter().all(|f| !f.keywords.is_empty() && f.description.ends_with('.')),
            "{id}"
        );
    }
    assert_eq!(Pack::built_in("cuad").unwrap().fields.len(), 41);
    assert!(matches!(Pack::built_in("x"), Err(PackError::Unknown { .. })));
    let own = Pack::parse(r#"{"fields": [{"name": "Term", "type": "duration"}]}"#, "dir/lease.json").unwrap();
    assert_eq!(
        (own.id.as_str(), own.fields[0].kind, own.fields[0].queries()),
        ("lease", FieldType::Duration, vec!["Term".to_owned()])
    );
    for (json, parts) in [
        (r#"{"fields": [{"name": "A"}, {"name": "B", "typ": "date"}]}"#, ["field 2 (B)", "typ"]),
        (r#"{"fields": [{"name": "A", "type": "day"}]}"#, ["field 1 (A)", "day"]),
        (r#"{"fields": [{"name": "A"}, {"name": "A"}]}"#, ["field 2 (A)", "same name"]),
        (r#"{"fields": [{"type": "date"}]}"#, ["field 1", "name"]),
        (r#"{"fields": [], "x": 1}"#, ["the pack", "0 fields"]),
        (r#"{"fields": [{"name": "A"}], "colour": 1}"#, ["the pack", "colour"]),
        (r#"{"fields": 3}"#, ["the pack", "list"]),
        (r#"[1]"#, ["the pack", "object"]),
        (r#"{"#, ["p.json", "line 1"]),
    ] {
        let message = Pack::parse(json, "p.json").unwrap_err().to_string();
        assert!(parts.iter().all(|p| message.contains(p)), "{json}: {message}");
    }
}

proptest! {
    #[test]
    fn a_json_answer_cut_anywhere_yields_only_what_was_complete(cut in 0usize..200) {
        let whole = r#"{"points": [{"quote": "a \"b\" {c}", "n": 12, "ok": true}, {"quote": "d, [e]", "n": 3, "ok": false}], "last": "é🙂"}"#;
        let mut cut = cut.min(whole.len());
        while !whole.is_char_boundary(cut) { cut -= 1 }
        if let Some(value) = parse_answer(&whole[..cut]) {
            let full: serde_json::Value = serde_json::from_str(whole).unwrap();
            let points = value["points"].as_array().cloned().unwrap_or_default();
            for (given, true_one) in points.iter().zip(full["points"].as_array().unwrap()) {
                for (key, v) in given.as_object().unwrap() {
                    prop_assert_eq!(v, &true_one[key]);
                }
            }
            prop_assert!(value.get("last").is_none() || value["last"] == full["last"]);
        } else {
            prop_assert!(cut < 45, "cut at {}", cut);
        }
    }
}
