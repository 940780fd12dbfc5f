//! Where a conversation turns to another subject: places at which the words before and after have least in common
//! (Hearst 1997, TextTiling, with depth scores over sentences), and the words that tell a piece from the others.

use std::collections::{HashMap, HashSet};

/// Sentences looked at on either side of a place.
const WINDOW: usize = 24;
/// A piece for each so many sentences, at most.
const SENTENCES_A_PIECE: usize = 30;
/// Words that name a piece.
const NAMED_BY: usize = 3;
/// A word that stands in fewer sentences of a piece does not name it.
const LEAST_OFTEN: usize = 2;

/// Stems that every conversation holds: they name nothing.
const TALK: [&str; 69] = [
    "actual", "again", "all", "also", "anyth", "back", "becaus", "bit", "but", "bye", "come", "day", "don", "even",
    "first", "get", "give", "good", "here", "just", "know", "let", "like", "look", "lot", "make", "mayb", "mean",
    "more", "need", "not", "now", "okay", "one", "our", "out", "peopl", "pleas", "point", "put", "quit", "realli",
    "right", "said", "say", "see", "she", "some", "someth", "sorri", "still", "than", "thank", "them", "then", "they",
    "thing", "think", "time", "too", "two", "veri", "want", "way", "week", "well", "yeah", "you", "your",
];

/// A run of sentences about one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The first sentence and the one behind the last, by number.
    pub(crate) sentences: std::ops::Range<usize>,
    /// The stems that tell it from the others, the best first.
    pub(crate) stems: Vec<String>,
}

/// Cuts sentences, given as the stems in each, into at most `most` pieces.
pub(crate) fn segments(stems: &[HashSet<String>], most: usize) -> Vec<Segment> {
    let count = (stems.len() / SENTENCES_A_PIECE).clamp(1, most.max(1));
    let mut cuts: Vec<usize> = Vec::new();
    let mut places = depths(stems);
    places.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    for (place, _) in places {
        let apart = |cut: &usize| place.abs_diff(*cut) >= WINDOW / 2;
        if cuts.len() + 1 < count && cuts.iter().all(apart) {
            cuts.push(place);
        }
    }
    cuts.sort_unstable();
    let starts = std::iter::once(0).chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([stems.len()]);
    let ranges: Vec<_> = starts.zip(ends).map(|(a, b)| a..b).filter(|r| !r.is_empty()).collect();
    let often: Vec<HashMap<&str, usize>> =
        ranges.iter().map(|r| counted(stems.get(r.clone()).unwrap_or(&[]))).collect();
    let named = ranges.into_iter().enumerate().map(|(i, sentences)| Segment { sentences, stems: names(&often, i) });
    named.collect()
}

/// How deep the valley of likeness is at each place between two sentences; ends are left out.
fn depths(stems: &[HashSet<String>]) -> Vec<(usize, f64)> {
    let places: Vec<usize> = (WINDOW / 2..stems.len().saturating_sub(WINDOW / 2)).collect();
    let like: Vec<f64> = places
        .iter()
        .map(|&at| {
            let before = counted(stems.get(at.saturating_sub(WINDOW)..at).unwrap_or_default());
            let after = counted(stems.get(at..(at + WINDOW).min(stems.len())).unwrap_or_default());
            cosine(&before, &after)
        })
        .collect();
    let climb = |from: usize, way: &mut dyn Iterator<Item = usize>| -> f64 {
        let mut top = like.get(from).copied().unwrap_or_default();
        for value in way.filter_map(|i| like.get(i).copied()) {
            if value < top {
                break;
            }
            top = value;
        }
        top
    };
    let depth = |i: usize| {
        let own = like.get(i).copied().unwrap_or_default();
        climb(i, &mut (0..i).rev()) + climb(i, &mut (i + 1..like.len())) - 2.0 * own
    };
    places.iter().enumerate().map(|(i, &place)| (place, depth(i))).collect()
}

fn counted(stems: &[HashSet<String>]) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    stems.iter().flatten().for_each(|stem| *counts.entry(stem.as_str()).or_default() += 1);
    counts
}

fn cosine(a: &HashMap<&str, usize>, b: &HashMap<&str, usize>) -> f64 {
    let length = |m: &HashMap<&str, usize>| m.values().map(|n| (n * n) as f64).sum::<f64>().sqrt();
    let dot: usize = a.iter().filter_map(|(stem, n)| b.get(stem).map(|m| n * m)).sum();
    let both = length(a) * length(b);
    if both > 0.0 { dot as f64 / both } else { 0.0 }
}

/// The stems of piece `own` that stand often in it and in few of the others.
fn names(often: &[HashMap<&str, usize>], own: usize) -> Vec<String> {
    let Some(counts) = often.get(own) else { return Vec::new() };
    let holding = |stem: &str| often.iter().filter(|counts| counts.contains_key(stem)).count();
    let names = |stem: &str| stem.chars().count() > 2 && stem.chars().all(char::is_alphabetic) && !TALK.contains(&stem);
    let mut ranked: Vec<(f64, &str)> = counts
        .iter()
        .filter(|(stem, n)| **n >= LEAST_OFTEN && names(stem))
        .map(|(stem, n)| (*n as f64 * (1.0 + often.len() as f64 / holding(stem) as f64).ln(), *stem))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    ranked.into_iter().take(NAMED_BY).map(|(_, stem)| stem.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &str) -> HashSet<String> {
        words.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_new_subject_begins_where_the_words_change() {
        let mut stems: Vec<HashSet<String>> = (0..40).map(|i| of(&format!("battery charge a{i}"))).collect();
        stems.extend((0..40).map(|i| of(&format!("warehouse shelf b{i}"))));
        let found = segments(&stems, 8);
        assert_eq!(found.iter().map(|s| s.sentences.clone()).collect::<Vec<_>>(), [0..40, 40..80]);
        assert_eq!(found[0].stems, ["battery", "charge"]);
        assert_eq!(found[1].stems, ["shelf", "warehouse"]);
    }

    #[test]
    fn little_is_one_piece_and_nothing_is_none() {
        assert_eq!(segments(&vec![of("one two"); 7], 8).len(), 1);
        assert_eq!(segments(&[], 8), []);
    }
}
