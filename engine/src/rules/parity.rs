//! Features and scores are the same here and in `engine/model/training/features.py`: the golden file was written there,
//! from a contract that was made up for it. `engine/model/training/README.md` says how it is written anew.

use super::features::{self, Features};
use super::{Ruled, Table, pieces};
use crate::evaluation::labels;
use crate::import::raw::Format;
use crate::import::{normalize, parse};
use crate::tasks::{FieldSpec, Pack};
use crate::values::parties::FORMS;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Scores below this are left out of the golden file.
const LEAST: f64 = 0.02;

#[derive(Deserialize)]
struct Row {
    text: String,
    features: BTreeSet<String>,
    scores: BTreeMap<String, f64>,
    #[serde(default)]
    pieces: Vec<Row>,
}

fn same_features(here: &Features, row: &Row) {
    let here: BTreeSet<String> = here.iter().cloned().collect();
    let differ: Vec<_> = here.symmetric_difference(&row.features).collect();
    assert!(differ.is_empty(), "{}: {differ:?}", row.text);
}

fn same_scores(here: impl Iterator<Item = (String, f64)>, row: &Row) {
    for (name, score) in here {
        let there = row.scores.get(&name).copied();
        let agree = there.map_or(score < LEAST + 1e-5, |there| (there - score).abs() < 1e-5);
        assert!(agree, "{name} of {:?}: {score} here, {there:?} there", row.text);
    }
}

#[test]
fn the_training_script_has_the_same_legal_forms() {
    let script = include_str!("../../model/training/features.py");
    let list = script.split("FORMS = {").nth(1).and_then(|s| s.split('}').next()).unwrap();
    let there: BTreeSet<&str> =
        list.split(',').map(|form| form.trim().trim_matches('"')).filter(|f| !f.is_empty()).collect();
    assert_eq!(there, FORMS.iter().copied().collect());
}

#[test]
fn features_and_scores_are_those_of_the_training_script() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/rules");
    let contract: labels::Contract = labels::read(&folder.join("contract.jsonl")).unwrap().remove(0);
    let golden = std::fs::read_to_string(folder.join("scores.jsonl")).unwrap();
    let golden: Vec<Row> = golden.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let raw = parse(Format::Text, contract.text.as_bytes(), None, None).unwrap();
    let document = normalize::normalize(raw);
    let (ruled, table) = (Ruled::new(&document), Table::built_in().unwrap());
    let texts: Vec<&str> = ruled.sentences().map(|(_, text, _)| text).collect();
    assert_eq!(texts, golden.iter().map(|r| r.text.as_str()).collect::<Vec<_>>());

    let own: Vec<Vec<String>> = texts.iter().map(|t| features::words(t)).collect();
    let inside: Vec<_> = texts.iter().map(|t| pieces::pieces(t)).collect();
    features::of_sentences(&texts, &own).iter().zip(&golden).for_each(|(here, row)| same_features(here, row));
    let rows: Vec<&Row> = golden.iter().flat_map(|r| &r.pieces).collect();
    let of_pieces = features::of_pieces(&texts, &own, &inside);
    assert!(of_pieces.len() == rows.len() && rows.len() > 10, "{} pieces, {}", of_pieces.len(), rows.len());
    of_pieces.iter().zip(&rows).for_each(|(here, row)| same_features(here, row));

    let kinds: Vec<_> = inside.iter().flatten().map(|(kind, _)| *kind).collect();
    let fields: Vec<FieldSpec> = Pack::built_in("cuad").unwrap().fields;
    for field in &fields {
        let category = table.category(field);
        let scores = category.sentence.scores(&ruled.held);
        for (score, row) in scores.iter().zip(&golden) {
            same_scores([(field.name.clone(), *score)].into_iter(), row);
        }
        let Some((kind, weights)) = &category.piece else { continue };
        let scores = weights.scores(&ruled.pieces[kind].held);
        let of_kind = rows.iter().zip(&kinds).filter(|(_, k)| *k == kind);
        for (score, (row, _)) in scores.iter().zip(of_kind) {
            same_scores([(field.name.clone(), *score)].into_iter(), row);
        }
    }
    assert!(golden.iter().any(|r| r.scores.values().any(|s| *s > 0.5)), "the golden contract scores nothing");
}
