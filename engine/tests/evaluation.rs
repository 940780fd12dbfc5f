//! Measures on known values, laws of overlap, and labels found again in another text.

use lectern_engine::evaluation::align::Bare;
use lectern_engine::evaluation::labels::{Contract, DataError, contracts};
use lectern_engine::evaluation::metrics::{
    Counts, Given, Matched, Ruler, area, calibration_error, curve, is_labelled, mean, precision_at, reliability,
};
use lectern_engine::text::Span;
use proptest::prelude::*;

fn matched(gold: &[Option<f64>], wrong: &[f64]) -> Matched {
    Matched { gold: gold.to_vec(), wrong: wrong.to_vec() }
}

#[test]
fn areas_of_known_curves() {
    let all_right = curve(&matched(&[Some(0.9), Some(0.4)], &[]));
    assert!((area(&all_right) - 1.0).abs() < 1e-12 && (precision_at(&all_right, 0.8) - 1.0).abs() < 1e-12);
    // Right at 0.9, wrong at 0.8, right at 0.7: precision 1 up to half the labels, then 2 of 3.
    let mixed = curve(&matched(&[Some(0.9), Some(0.7)], &[0.8]));
    assert!((area(&mixed) - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12, "{mixed:?}");
    assert!((precision_at(&mixed, 0.8) - 2.0 / 3.0).abs() < 1e-12);
    // What is never reached adds nothing.
    let half = curve(&matched(&[Some(0.9), None], &[]));
    assert!((area(&half) - 0.5).abs() < 1e-12 && precision_at(&half, 0.8) == 0.0);
    // One score for all is one point: precision times recall.
    let flat = curve(&matched(&[Some(1.0), Some(1.0), None, None], &[1.0, 1.0]));
    assert!(flat.len() == 1 && (area(&flat) - 0.25).abs() < 1e-12);
    for nothing in [matched(&[], &[0.5]), matched(&[None], &[]), matched(&[], &[])] {
        assert!(area(&curve(&nothing)) == 0.0);
    }
}

#[test]
fn counts_of_nothing_are_not_divided_by_nothing() {
    let none = Counts::default();
    assert!(none.precision() == 1.0 && none.recall() == 1.0 && none.f1() == 1.0);
    let missed = Counts { missed: 2, ..none };
    assert!(missed.precision() == 0.0 && missed.recall() == 0.0 && missed.f1() == 0.0);
    let some = Counts { found: 2, missed: 2, wrong: 1 };
    assert!((some.precision() - 2.0 / 3.0).abs() < 1e-12 && some.recall() == 0.5);
    assert!(mean([]) == 0.0 && mean([1.0, 2.0]) == 1.5);
}

#[test]
fn calibration_errors_of_known_scores() {
    let error = |given: &[(f64, bool)]| calibration_error(&reliability(given));
    assert_eq!(error(&[]), 0.0);
    assert_eq!(error(&[(1.0, true), (1.0, true), (0.0, false)]), 0.0);
    assert!((error(&[(1.0, true), (1.0, false)]) - 0.5).abs() < 1e-12, "sure of everything, half of it right");
    // Of four scored 0.75 three are right, of four scored 0.25 one: as said.
    let as_said = |score: f64, right: usize| (0..4).map(move |i| (score, i < right));
    let calibrated: Vec<(f64, bool)> = as_said(0.75, 3).chain(as_said(0.25, 1)).collect();
    let bins = reliability(&calibrated);
    assert!(calibration_error(&bins) < 1e-12 && bins.len() == 2 && bins.iter().all(|b| b.count == 4), "{bins:?}");
    // What lies outside is counted in the outer bins.
    assert_eq!(
        reliability(&[(-1.0, false), (0.0, false), (2.0, true), (1.0, true)])
            .iter()
            .map(|b| b.count)
            .collect::<Vec<_>>(),
        [2, 2]
    );
}

#[test]
fn what_was_given_is_judged_by_the_same_overlap() {
    let ruler = Ruler::new("aaaa bbbb aaaa");
    let gold = vec![vec![Span::new(0, 4), Span::new(10, 14)]];
    let right = |gold: &[_], from, to| is_labelled(&ruler, gold, Span::new(from, to));
    assert_eq!([right(&gold, 10, 12), right(&gold, 5, 9), right(&gold, 10, 14)], [true, false, true]);
    assert!(!right(&[], 0, 4));
}

#[test]
fn a_passage_is_right_at_any_place_of_its_words_and_from_half_on() {
    let text = "aaaa bbbb aaaa";
    let ruler = Ruler::new(text);
    let gold = vec![vec![Span::new(0, 4), Span::new(10, 14)]];
    let given = [
        Given { span: Span::new(10, 14), score: 0.6 },
        Given { span: Span::new(0, 2), score: 0.9 },
        Given { span: Span::new(5, 9), score: 0.3 },
    ];
    let matched = Matched::new(&ruler, &gold, &given);
    assert_eq!(matched, Matched { gold: vec![Some(0.9)], wrong: vec![0.3] }, "half of it is enough");
    assert_eq!(Matched::new(&ruler, &gold, &given[2..]).counts(), Counts { found: 0, missed: 1, wrong: 1 });
}

#[test]
fn labels_are_found_in_a_text_with_other_lines_cases_and_headers() {
    let text = "1. TERM. This Agree-\nment runs for  five (5)\u{a0}years.\n\nAcme uses ACME's name.\nThe Supplier shall \
                deliver all goods to the place that the order\n\n- 12 -\nMaster Agreement\n\nnames, and it shall bear the \
                cost of carriage and of insurance.";
    let bare = Bare::new(text);
    let found = |quote: &str| -> Vec<&str> { bare.places(quote).iter().map(|s| &text[s.range()]).collect() };
    assert_eq!(found("this agreement runs for five (5) years."), ["This Agree-\nment runs for  five (5)\u{a0}years."]);
    assert_eq!(found("Acme"), ["Acme", "ACME"]);
    assert!(found("me").is_empty(), "not inside a word");
    assert!(found("this agreement runs for six (6) years.").is_empty() && found(" \n").is_empty());
    let interrupted = found(
        "The Supplier shall deliver all goods to the place that the order names, and it shall bear the cost of carriage \
         and of insurance.",
    );
    assert!(matches!(interrupted.as_slice(), [one] if one.starts_with("The Supp") && one.ends_with("insurance.")));
}

#[test]
fn labelled_data_is_read_and_what_is_wrong_with_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(contracts(folder.path()), Err(DataError::Missing { .. })));
    let good = r#"{"id": "a", "text": "T", "labels": {"Parties": {"spans": [{"text": "T", "start": 0}]}}}"#;
    std::fs::write(folder.path().join("val.jsonl"), format!("{good}\n\n")).unwrap();
    let read: Vec<Contract> = contracts(folder.path()).unwrap();
    assert!(read.len() == 1 && read[0].labels["Parties"].spans[0].text == "T");
    std::fs::write(folder.path().join("val.jsonl"), format!("{good}\n{{}}\n")).unwrap();
    assert!(contracts(folder.path()).unwrap_err().to_string().contains("line 2"));
}

proptest! {
    #[test]
    fn overlap_is_symmetric_bounded_and_one_for_itself(text in "[a-c \n]{1,40}", cuts in prop::array::uniform4(0_usize..40)) {
        let ruler = Ruler::new(&text);
        let cut = |a: usize, b: usize| {
            let (a, b) = (a.min(text.len()), b.min(text.len()));
            Span::new(a.min(b), a.max(b))
        };
        let (a, b) = (cut(cuts[0], cuts[1]), cut(cuts[2], cuts[3]));
        let overlap = ruler.overlap(a, b);
        prop_assert!((0.0..=1.0).contains(&overlap));
        prop_assert_eq!(overlap, ruler.overlap(b, a));
        if ruler.length(a) > 0 {
            prop_assert_eq!(ruler.overlap(a, a), 1.0);
        }
        if a.end() <= b.start() {
            prop_assert_eq!(overlap, 0.0);
        }
    }

    #[test]
    fn a_calibration_error_lies_between_nothing_and_one(given in prop::collection::vec((0.0_f64..=1.0, any::<bool>()), 0..40)) {
        let bins = reliability(&given);
        prop_assert_eq!(bins.iter().map(|b| b.count).sum::<usize>(), given.len());
        prop_assert!(bins.windows(2).all(|w| w[0].score < w[1].score));
        let error = calibration_error(&bins);
        prop_assert!((0.0..=1.0 + 1e-12).contains(&error));
        let turned: Vec<(f64, bool)> = given.iter().rev().copied().collect();
        prop_assert!((calibration_error(&reliability(&turned)) - error).abs() < 1e-9);
    }

    #[test]
    fn an_area_lies_between_nothing_and_all_and_falls_with_wrong_ones(
        gold in prop::collection::vec(prop::option::of(0.0_f64..1.0), 1..12),
        wrong in prop::collection::vec(0.0_f64..1.0, 0..12),
    ) {
        let points = curve(&matched(&gold, &wrong));
        let (with, without) = (area(&points), area(&curve(&matched(&gold, &[]))));
        prop_assert!((0.0..=1.0 + 1e-12).contains(&with));
        prop_assert!(with <= without + 1e-12);
        prop_assert!(points.windows(2).all(|w| w[0].recall <= w[1].recall && w[0].score > w[1].score));
    }
}
