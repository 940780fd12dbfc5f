//! ROUGE (Lin 2004): overlap of a written text with a reference, by words, pairs of words, and the longest common
//! subsequence. Words are runs of letters and digits in lower case; nothing is stemmed.

use std::collections::HashMap;

/// F1 of the three measures, each 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rouge {
    /// Single words.
    pub one: f64,
    /// Pairs of words.
    pub two: f64,
    /// The longest common subsequence of words.
    pub longest: f64,
}

/// Compares `written` with `reference`. Time and memory of the subsequence: product and sum of their words.
pub fn rouge(written: &str, reference: &str) -> Rouge {
    let (a, b) = (words(written), words(reference));
    Rouge { one: overlap(&a, &b, 1), two: overlap(&a, &b, 2), longest: f1(common(&a, &b), a.len(), b.len()) }
}

/// The words of a text, in lower case.
pub fn words(text: &str) -> Vec<String> {
    crate::text::words(&text.to_lowercase()).map(str::to_owned).collect()
}

fn overlap(a: &[String], b: &[String], length: usize) -> f64 {
    let mut left: HashMap<&[String], usize> = HashMap::new();
    b.windows(length).for_each(|w| *left.entry(w).or_default() += 1);
    let both = a.windows(length).filter(|w| take(&mut left, w)).count();
    f1(both, (a.len() + 1).saturating_sub(length), (b.len() + 1).saturating_sub(length))
}

/// Uses up one of what is left of `run`, if any.
fn take<'w>(left: &mut HashMap<&'w [String], usize>, run: &'w [String]) -> bool {
    match left.get_mut(run) {
        Some(n) if *n > 0 => {
            *n -= 1;
            true
        }
        _ => false,
    }
}

/// Length of the longest common subsequence.
fn common(a: &[String], b: &[String]) -> usize {
    let mut row = vec![0_usize; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        let mut left = 0;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            *cell = if x == y { diagonal + 1 } else { above.max(left) };
            (diagonal, left) = (above, *cell);
        }
    }
    row.last().copied().unwrap_or_default()
}

fn f1(both: usize, a: usize, b: usize) -> f64 {
    if a + b == 0 { 0.0 } else { 2.0 * both as f64 / (a + b) as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_worked_out_by_hand() {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        // Three words each, two in common and in order, one pair of two in common.
        let r = rouge("The cat sat", "the cat ate");
        assert!(close(r.one, 2.0 / 3.0) && close(r.two, 0.5) && close(r.longest, 2.0 / 3.0), "{r:?}");
        // The same words in another order: the longest run in order is one word.
        let r = rouge("one two", "two one");
        assert!(close(r.one, 1.0) && close(r.two, 0.0) && close(r.longest, 0.5), "{r:?}");
        // A word counts as often as the reference has it.
        assert!(close(rouge("a a a", "a").one, 0.5));
        assert_eq!(rouge("", "words"), Rouge::default());
    }

    proptest! {
        #[test]
        fn between_nothing_and_all_and_the_same_both_ways(a in "([ab] ){0,12}", b in "([abc] ){0,12}") {
            let (there, back) = (rouge(&a, &b), rouge(&b, &a));
            for (x, y) in [(there.one, back.one), (there.two, back.two), (there.longest, back.longest)] {
                prop_assert!((0.0..=1.0).contains(&x) && (x - y).abs() < 1e-12);
            }
            prop_assert!(there.longest <= there.one + 1e-12, "what is in order is in common");
            if !words(&a).is_empty() {
                prop_assert!((rouge(&a, &a).longest - 1.0).abs() < 1e-12);
            }
        }
    }
}
