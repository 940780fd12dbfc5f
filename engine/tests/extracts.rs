//! Summaries and minutes without a model: lines taken out of the document by rules, and what a model adds to them.

mod common;

use common::SUPPLY_AGREEMENT as CONTRACT;
use lectern_engine::generate::scripted::Scripted;
use lectern_engine::ground::PlainScan;
use lectern_engine::import::raw::Format;
use lectern_engine::import::{normalize, parse};
use lectern_engine::progress::{Event, Silent};
use lectern_engine::tasks::{
    self, Claim, ClaimKind, FoundBy, Method, RunOptions, RunResult, Status, TaskError, TaskSpec, TooLong,
};
use lectern_engine::text::DocText;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::path::PathBuf;

const SUMMARY: TaskSpec = TaskSpec::Summary { method: Method::Rules };
const MINUTES: TaskSpec = TaskSpec::Minutes { method: Method::Rules };

const REPORT: &str = "# Harbour noise\n\n## Summary\n\nThis report describes how the harbour measures noise and proposes \
    quieter cranes for the harbour.\n\n## Measurements\n\n| crane | noise |\n|---|---|\n| north | 71 |\n\nThe harbour measures \
    noise at four cranes every night, and the noise of each crane is compared with the limit for the harbour.\n\n\
    Birds nest there too, which nobody had expected in so busy a place.\n\n## Cranes\n\nQuieter cranes would \
    lower the noise of the harbour by half, at a cost that the harbour can bear within two years of work.\n\n```\nnoise = \
    harbour.crane(4)\n```\n";

fn read(format: Format, text: &str) -> DocText {
    normalize::normalize(parse(format, text.as_bytes(), None, None).unwrap())
}

fn sample(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/samples").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn by_rules(document: &DocText, spec: &TaskSpec) -> RunResult {
    let result = tasks::run_rules(document, spec, &PlainScan::new(document), &mut Silent).unwrap();
    stands_in(&result, document);
    result
}

/// What holds of every result: each line rests on passages that stand in the text.
fn stands_in(result: &RunResult, document: &DocText) {
    for claim in &result.claims {
        assert!(claim.status == Status::Verified && !claim.evidence.is_empty() && !claim.text.is_empty(), "{claim:?}");
        assert!(claim.evidence.iter().all(|e| document.slice(e.span) == Some(&*e.quote)), "{claim:?}");
    }
}

fn run(model: &mut Scripted, document: &DocText, spec: &TaskSpec) -> RunResult {
    let options = RunOptions { too_long: TooLong::Refuse, seed: 7, state_dir: None };
    tasks::run(model, document, "file", spec, &options, &PlainScan::new(document), &mut Silent).unwrap()
}

fn of(result: &RunResult, kind: ClaimKind) -> Vec<&Claim> {
    result.claims.iter().filter(|c| c.kind == kind).collect()
}

#[test]
fn a_contract_is_summed_up_by_who_made_it_and_its_clauses() {
    let result = by_rules(&read(Format::Text, CONTRACT), &SUMMARY);
    let headline = &result.claims[0];
    assert_eq!(headline.kind, ClaimKind::Headline);
    assert_eq!(headline.text, "SUPPLY AGREEMENT between Orion Metals, Inc. and Baltic Works Ltd., March 3, 2021");
    assert_eq!(headline.evidence.len(), 4, "what it is, two parties and the day: each with its passage");
    let points = of(&result, ClaimKind::KeyPoint);
    let labels: Vec<&str> = points.iter().map(|c| c.label.as_str()).collect();
    for label in ["Governing Law", "Anti-Assignment", "Insurance"] {
        assert!(labels.contains(&label), "{labels:?}");
    }
    assert!(points.iter().all(|c| c.confidence.is_some()), "clauses say how sure they are");
    assert_eq!(result.provenance.model, "rules and search");
}

#[test]
fn a_report_is_summed_up_by_its_sentences_never_by_headings_rows_or_code() {
    let document = read(Format::Markdown, REPORT);
    let result = by_rules(&document, &SUMMARY);
    let headline = of(&result, ClaimKind::Headline)[0];
    assert!(headline.text.starts_with("This report describes how"), "{headline:?}");
    assert_eq!(headline.label, "Harbour noise");
    let texts: Vec<&str> = result.claims.iter().map(|c| c.text.as_str()).collect();
    assert!(!texts.iter().any(|t| t.contains("71") || t.contains("crane(4)") || t.starts_with('#')), "{texts:?}");
    let mut distinct = texts.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), texts.len(), "nothing is said twice: {texts:?}");
    for section in of(&result, ClaimKind::SectionPoint) {
        let own =
            document.sections.iter().find(|s| document.slice(s.heading).unwrap().contains(&section.label)).unwrap();
        assert!(section.evidence.iter().all(|e| own.span.covers(e.span)), "{section:?}");
    }
}

/// Regression: what the sample meeting decides and gives to do, its owners and days, were nonsense by the model for trying.
#[test]
fn the_minutes_of_the_sample_hold_what_was_decided_and_who_does_what() {
    let document = read(Format::Vtt, &sample("weekly-meeting.vtt"));
    let expected: Value = serde_json::from_str(&sample("expected.json")).unwrap();
    let result = by_rules(&document, &MINUTES);
    let quoted = |kind: ClaimKind, item: &Value| {
        let quote = item["quote"].as_str().unwrap();
        of(&result, kind).into_iter().find(|c| c.evidence.iter().any(|e| e.quote.contains(quote)))
    };
    assert_eq!(of(&result, ClaimKind::Attendee).len(), 5);
    let decisions = expected["meeting"]["decisions"].as_array().unwrap();
    let found = decisions.iter().filter(|d| quoted(ClaimKind::Decision, d).is_some()).count();
    assert!(found >= 2, "{found} of {}", decisions.len());
    let actions = expected["meeting"]["actions"].as_array().unwrap();
    let found: Vec<(&Value, &Claim)> =
        actions.iter().filter_map(|a| Some((a, quoted(ClaimKind::Action, a)?))).collect();
    assert!(found.len() >= 5, "{} of {}", found.len(), actions.len());
    for (action, claim) in &found {
        assert_eq!(claim.owner.as_deref(), action["owner"].as_str(), "{}", claim.text);
    }
    let due = |part: &str| found.iter().find(|(_, c)| c.text.contains(part)).and_then(|(_, c)| c.due.as_deref());
    assert_eq!(due("bench report"), Some("Friday the tenth"));
    assert_eq!(due("managing director"), None, "no day is said");
    assert!(of(&result, ClaimKind::Topic).len() >= 4);
    let question = of(&result, ClaimKind::Decision).into_iter().find(|c| c.text.ends_with('?'));
    assert_eq!(question, None, "a question decides nothing");
}

#[test]
fn a_written_record_lists_who_was_there_and_what_its_sections_are() {
    let record = "# Call 7\n\n## Attendees\n\n- Ada Byron\n- Grace Hopper\n\n## Release\n\nWe agreed to ship the release on \
        Monday, with the old key.\n\n## Tasks\n\n- Ada Byron to check the logs of the release by Friday.\n";
    let result = by_rules(&read(Format::Markdown, record), &MINUTES);
    let texts = |kind| of(&result, kind).into_iter().map(|c| c.text.as_str()).collect::<Vec<_>>();
    assert_eq!(texts(ClaimKind::Attendee), ["Ada Byron", "Grace Hopper"]);
    assert_eq!(texts(ClaimKind::Decision), ["We agreed to ship the release on Monday, with the old key."]);
    let tasks = of(&result, ClaimKind::Action);
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert_eq!((tasks[0].owner.as_deref(), tasks[0].due.as_deref()), (Some("Ada Byron"), Some("Friday")));
}

#[test]
fn a_model_for_trying_is_not_asked_to_write_unless_it_is_alone() {
    let document = read(Format::Text, CONTRACT);
    let both = TaskSpec::Summary { method: Method::Both };
    let mut model = Scripted::quoting();
    let result = run(&mut model, &document, &both);
    assert_eq!(model.reads, 0);
    assert_eq!(result.claims, by_rules(&document, &SUMMARY).claims);
    assert!(result.coverage.statement.contains("scripted is only for trying the program and was not asked"));
    let alone = run(&mut model, &document, &TaskSpec::Summary { method: Method::Model });
    assert_eq!((model.reads, alone.provenance.model.as_str()), (1, "scripted"));
    assert!(alone.provenance.rules_digest.is_none() && alone.claims.iter().all(|c| c.found_by.is_none()));
}

#[test]
fn what_a_proven_model_misses_in_a_meeting_is_added() {
    let text = "Anna Berg: We have to renew the office lease before summer, I would say.\n\
        Ben Olsen: I will send the signed lease to the landlord by Friday.\n\
        Anna Berg: Good. We decided to hire two new engineers this year.\n\
        Ben Olsen: Yes, we did.\n";
    let document = read(Format::Speakers, text);
    let hire = "We decided to hire two new engineers this year.";
    let mut model = Scripted::new(Box::new(move |_, request| {
        let given = json!([{ "quote": hire, "decision": "Two engineers are hired." }]);
        let decisions = request.instruction.contains("decisions");
        Ok(if decisions { json!({ "decisions": given }) } else { json!({ "topics": [], "tasks": [] }) }.to_string())
    }))
    .with_interim(false);
    let result = run(&mut model, &document, &TaskSpec::Minutes { method: Method::Both });
    stands_in(&result, &document);
    let decisions = of(&result, ClaimKind::Decision);
    assert_eq!(decisions.len(), 1, "its own line stands, once: {decisions:?}");
    assert_eq!((decisions[0].text.as_str(), decisions[0].found_by), ("Two engineers are hired.", Some(FoundBy::Both)));
    let tasks = of(&result, ClaimKind::Action);
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert_eq!((tasks[0].found_by, tasks[0].owner.as_deref()), (Some(FoundBy::Rules), Some("Ben Olsen")));
    assert!(result.provenance.rules_digest.is_some());
    let summary =
        run(&mut Scripted::quoting().with_interim(false), &document, &TaskSpec::Summary { method: Method::Both });
    let by = |c: &Claim| c.found_by;
    assert!(summary.claims.iter().all(|c| matches!(by(c), Some(FoundBy::Both | FoundBy::Model))), "{summary:?}");
}

#[test]
fn an_empty_text_a_stop_and_tasks_stored_before_there_were_methods() {
    let empty = read(Format::Text, "x").with_text("\n");
    for spec in [SUMMARY, MINUTES] {
        let search = PlainScan::new(&empty);
        assert!(matches!(tasks::run_rules(&empty, &spec, &search, &mut Silent), Err(TaskError::NoText { .. })));
        let document = read(Format::Text, CONTRACT);
        let mut stop = |_: Event| ControlFlow::Break(());
        let stopped = tasks::run_rules(&document, &spec, &PlainScan::new(&document), &mut stop);
        assert!(matches!(stopped, Err(TaskError::Cancelled)));
        assert!(!spec.needs_model());
    }
    for task in ["summary", "minutes"] {
        let spec: TaskSpec = serde_json::from_value(json!({ "task": task })).unwrap();
        assert_eq!(spec.method(), Method::Model);
    }
}

trait WithText {
    fn with_text(self, text: &str) -> Self;
}

impl WithText for DocText {
    fn with_text(self, text: &str) -> Self {
        DocText { text: text.to_owned(), blocks: vec![], ..self }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever stands in a file, every line of a summary and of minutes rests on a passage of it.
    #[test]
    fn any_text_gives_lines_that_stand_in_it(
        lines in prop::collection::vec("(Ada|Ben|Çelik Ö|[A-Z]{1,3})?(: )?([a-zß ]{0,30}(decided|I'll|by Friday|the İtem|um,) ?){0,4}[.?!…]?", 0..40),
        format in prop::sample::select(vec![Format::Text, Format::Markdown, Format::Speakers]),
    ) {
        let text = format!("{}\nAda: We decided to go on with it.", lines.join("\n"));
        let document = read(format, &text);
        by_rules(&document, &SUMMARY);
        by_rules(&document, &MINUTES);
    }
}
