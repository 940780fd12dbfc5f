//! The rules-and-search baseline: its tables, its scores, and results that stand by the same laws as a model's.

mod common;

use common::SUPPLY_AGREEMENT as CONTRACT;
use lectern_engine::ground::PlainScan;
use lectern_engine::progress::{Event, Silent};
use lectern_engine::rules::{Piece, Ruled, Table};
use lectern_engine::tasks::{self, FieldSpec, FoundBy, Method, Pack, RunResult, Status, TaskError, TaskSpec};
use lectern_engine::text::{DocText, Extractor};
use std::ops::ControlFlow;

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

fn run(text: &str, pack: &str) -> Result<RunResult, TaskError> {
    let document = doc(text);
    let spec = TaskSpec::Fields { pack: Pack::built_in(pack).unwrap(), method: Method::Rules };
    assert!(!spec.needs_model());
    tasks::run_rules(&document, &spec, &PlainScan::new(&document), &mut Silent)
}

fn field(name: &str, keywords: &[&str]) -> FieldSpec {
    let json = serde_json::json!({ "name": name, "keywords": keywords });
    serde_json::from_value(json).unwrap()
}

#[test]
fn clauses_are_found_where_they_stand_and_only_there() {
    let result = run(CONTRACT, "cuad").unwrap();
    let quotes = |label: &str| -> Vec<&str> {
        let of_label = result.claims.iter().filter(|c| c.label == label);
        of_label.flat_map(|c| &c.evidence).map(|e| e.quote.as_str()).collect()
    };
    for (label, part) in [
        ("Governing Law", "laws of the State of New York"),
        ("Anti-Assignment", "prior written consent"),
        ("Insurance", "general liability insurance"),
        ("Agreement Date", "March 3, 2021"),
        ("Parties", "Orion Metals, Inc."),
        ("Document Name", "SUPPLY AGREEMENT"),
    ] {
        assert!(quotes(label).iter().any(|q| q.contains(part)), "{label}: {:?}", quotes(label));
    }
    for label in ["Source Code Escrow", "Non-Disparagement", "Most Favored Nation", "Warranty Duration"] {
        let claim = result.claims.iter().find(|c| c.label == label).unwrap();
        assert!(claim.status == Status::NotFound && claim.searched.is_some(), "{claim:?}");
    }
}

#[test]
fn a_result_says_that_rules_made_it_and_every_quote_stands_in_the_text() {
    for pack in ["cuad", "nda", "report"] {
        let result = run(CONTRACT, pack).unwrap();
        assert_eq!(result.provenance.model, "rules and search");
        assert_eq!(result.provenance.model_digest, Table::built_in().unwrap().digest());
        assert!(result.coverage.statement.contains("no language model"), "{:?}", result.coverage);
        for field in &Pack::built_in(pack).unwrap().fields {
            assert!(result.claims.iter().any(|c| c.label == field.name), "{}", field.name);
        }
        for claim in &result.claims {
            assert!(matches!(claim.status, Status::Verified | Status::NotFound), "{claim:?}");
            assert!(claim.evidence.iter().all(|e| CONTRACT[e.span.range()] == e.quote), "{claim:?}");
            let by_rules = (claim.status == Status::Verified).then_some(FoundBy::Rules);
            assert_eq!(claim.found_by, by_rules, "{claim:?}");
            assert!(claim.confidence.is_none_or(|c| (0.0..=1.0).contains(&c)), "{claim:?}");
        }
    }
}

#[test]
fn the_tables_know_every_built_in_legal_field_and_hold_short_phrases_only() {
    let table = Table::built_in().unwrap();
    for pack in ["cuad", "nda"] {
        for field in Pack::built_in(pack).unwrap().fields {
            assert!(table.names().contains(&field.name.as_str()), "{} has no phrases", field.name);
            let category = table.category(&field);
            assert!((0.0..1.0).contains(&category.threshold) && category.most > 0, "{}", field.name);
            for phrase in category.phrases() {
                assert!(phrase.split(' ').count() <= 3, "{phrase} is longer than three words");
            }
        }
    }
}

#[test]
fn a_date_a_name_a_title_are_given_alone_and_each_once() {
    let text = format!("{CONTRACT}\nThis Supply Agreement is dated March 3, 2021. Baltic Works Ltd. is the Buyer.\n");
    let (document, table) = (doc(&text), Table::built_in().unwrap());
    let ruled = Ruled::new(&document);
    for (name, least, has) in [
        ("Agreement Date", 0.1, "March 3, 2021"),
        ("Parties", 0.1, "Baltic Works Ltd."),
        ("Document Name", 0.1, "SUPPLY AGREEMENT"),
    ] {
        let fields = Pack::built_in("cuad").unwrap().fields;
        let field = fields.iter().find(|f| f.name == name).unwrap();
        let found = ruled.candidates(&table, field, least);
        let places: Vec<&str> = found.iter().map(|c| document.slice(c.span).unwrap()).collect();
        assert_eq!(places.iter().filter(|p| **p == has).count(), 1, "{name}: {places:?}");
        let spans: std::collections::HashSet<_> = found.iter().map(|c| (c.span.start(), c.span.end())).collect();
        assert_eq!(spans.len(), found.len(), "{name}: {places:?}");
    }
}

/// The first value that the rules give for a date of `text`.
fn day(text: &str, label: &str) -> Option<String> {
    let result = run(text, "cuad").unwrap();
    result.claims.into_iter().find(|c| c.label == label)?.value.map(|value| value.to_string())
}

#[test]
fn an_agreement_has_its_own_days_and_not_those_of_what_it_speaks_of() {
    let milk = "MILK SUPPLY AGREEMENT\n\nAgreement between Elm Dairy Association, an Ohio cooperative (the \"Seller\"), and Oak \
                Foods, Inc., an Ohio corporation (\"Buyer\").\n\nWHEREAS, Buyer has a plant that it bought from Ash Creamery Co. on \
                August 15, 1994;\n\n1. PERIOD. This agreement shall take effect on July 1, 1998 and shall run for four years.\n\n\
                IN WITNESS WHEREOF, the parties have caused this agreement to be signed this 3rd day of June, 1998.";
    assert_eq!(day(milk, "Agreement Date").as_deref(), Some("1998-06-03"));
    assert_eq!(day(milk, "Effective Date").as_deref(), Some("1998-07-01"));
    let letter = "ELM FOODS COMPANY\n\nJune 24, 2014\n\nOak Packers, Inc.\n12 Mill Road, Ellmar\n\nRe: Extension of the Packing \
                  Agreement dated as of July 1, 2009 between Elm Foods Company (\"Elm\") and Oak Packers, Inc. (\"Oak\")\n\nDear \
                  Ann:\n\nThe Term is hereby extended from July 1, 2014 to and including December 31, 2015.\n\nVery truly \
                  yours,\n\nELM FOODS COMPANY\nBy: /s/ Ben Ode";
    assert_eq!(day(letter, "Agreement Date").as_deref(), Some("2014-06-24"));
    assert_eq!(day(letter, "Expiration Date").as_deref(), Some("2015-12-31"));
    let named = "AGREEMENT made the 14th day of March 2002 between Elm Limited (\"Elm\") and Oak plc (\"Oak\").\n\n\"Commencement \
                 Date\" means 1st April 2002.\n\nThis Agreement shall come into force on the Commencement Date and continue until 31 \
                 March 2007.";
    assert_eq!(day(named, "Agreement Date").as_deref(), Some("2002-03-14"));
    assert_eq!(day(named, "Effective Date").as_deref(), Some("2002-04-01"));
}

#[test]
fn columns_of_signatures_are_no_parties() {
    let text = "This Supply Agreement is made on May 1, 2011 by and between Elm Works, Inc., an Ohio corporation (\"Elm\"), and Oak \
                Mills, Inc., an Ohio corporation (\"Oak\").\n\nELM WORKS, INC. OAK MILLS, INC.\nBy: /s/ Ann Lee By: /s/ Ben Ode";
    let result = run(text, "cuad").unwrap();
    let parties: Vec<&str> = result.claims.iter().filter(|c| c.label == "Parties").map(|c| c.text.as_str()).collect();
    assert!(parties.contains(&"Elm Works, Inc.") && parties.contains(&"Oak Mills, Inc."), "{parties:?}");
    assert!(!parties.iter().any(|name| name.to_lowercase().contains("inc. oak")), "{parties:?}");
}

#[test]
fn pieces_are_found_in_their_forms() {
    let forms = "This Deed is made on the ____ day of June, 2026 and as of [●], 2019 by Percy Rockdale LLC (the Company) \
        and United Kettles, Inc. (\"Kettles\" or \"we\").";
    let document = doc(forms);
    let ruled = Ruled::new(&document);
    let (span, _, pieces) = ruled.sentences().next().unwrap();
    assert_eq!(span.end(), forms.len());
    let all: Vec<(Piece, &str)> = pieces.iter().map(|(p, s)| (*p, &forms[s.range()])).collect();
    for expected in [
        (Piece::Date, "____ day of June, 2026"),
        (Piece::Party, "Percy Rockdale LLC"),
        (Piece::Party, "Company"),
        (Piece::Party, "Kettles"),
        (Piece::Party, "Kettles\" or \"we"),
        (Piece::Party, "United Kettles, Inc"),
    ] {
        assert!(all.contains(&expected), "{expected:?} in {all:?}");
    }
    assert!(Ruled::new(&doc("(((\"\" [[ ●● ), of of the , “")).sentences().all(|(_, _, p)| p.len() < 9));
}

#[test]
fn scores_are_between_nothing_and_one_best_first_and_more_come_with_less() {
    let (document, table) = (doc(CONTRACT), Table::built_in().unwrap());
    let ruled = Ruled::new(&document);
    for field in Pack::built_in("cuad").unwrap().fields {
        let all = ruled.candidates(&table, &field, 0.0);
        assert!(all.iter().all(|c| (0.0..=1.0).contains(&c.score)) && all.is_sorted_by(|a, b| a.score >= b.score));
        let few = ruled.candidates(&table, &field, 0.5);
        assert!(few.len() <= all.len() && few.iter().all(|c| c.score >= 0.5 && all.contains(c)));
    }
}

#[test]
fn a_field_of_ones_own_that_is_written_like_a_known_one_is_that_one() {
    let table = Table::built_in().unwrap();
    let field = |name: &str| FieldSpec { name: name.into(), ..Pack::built_in("cuad").unwrap().fields.remove(0) };
    assert!(table.knows(&field("governing law ")) && table.measures(&field("GOVERNING LAW")));
    assert_eq!(table.category(&field("governing law")), table.category(&field("Governing Law")));
    assert!(!table.knows(&field("Governing laws")));
}

#[test]
fn a_field_of_ones_own_is_found_by_its_keywords() {
    let (document, table) = (doc(CONTRACT), Table::built_in().unwrap());
    let ruled = Ruled::new(&document);
    let found = |f: &FieldSpec| -> Vec<&str> {
        ruled.found(&table, f).iter().map(|c| document.slice(c.span).unwrap()).collect()
    };
    assert_eq!(found(&field("Due", &["thirty days"])), ["The Buyer pays within thirty days."]);
    assert!(found(&field("Zebras", &["zebra crossing"])).is_empty());
}

#[test]
fn nothing_to_search_nothing_to_ask_and_a_stop_are_no_results() {
    assert!(matches!(run(" \n", "nda"), Err(TaskError::NoText { .. })));
    let document = doc(CONTRACT);
    let search = PlainScan::new(&document);
    let mut pack = Pack::built_in("nda").unwrap();
    let mut stop = |_: Event| ControlFlow::Break(());
    let spec = TaskSpec::Fields { pack: pack.clone(), method: Method::Rules };
    assert!(matches!(tasks::run_rules(&document, &spec, &search, &mut stop), Err(TaskError::Cancelled)));
    pack.fields.clear();
    let refused = tasks::run_rules(&document, &TaskSpec::Fields { pack, method: Method::Rules }, &search, &mut Silent);
    assert!(matches!(refused, Err(TaskError::BadRequest { .. })));
}

#[test]
fn a_task_stored_before_there_were_methods_is_the_models() {
    let pack = serde_json::to_value(Pack::built_in("nda").unwrap()).unwrap();
    let spec: TaskSpec = serde_json::from_value(serde_json::json!({ "task": "fields", "pack": pack })).unwrap();
    assert!(matches!(spec, TaskSpec::Fields { method: Method::Model, .. }) && spec.needs_model());
}
