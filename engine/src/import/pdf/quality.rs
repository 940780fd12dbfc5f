//! How far the text of a page can be trusted: a score in 0..=1 from the characters alone.
//!
//! The score is a product of four factors, each 1 for clean text:
//! - characters: `1 - 4 b`, with b the share of replacement, control, private-use and unassigned-plane characters;
//! - split words: from 1 at 15 % of words being single letters (other than a, I, O, y, e and the like) to 0 at 60 %;
//! - glued words: from 1 at a mean word length of 14 letters to 0 at 40;
//! - repetition: 0.3 where one character makes up more than half of 40 or more (broken encodings map all to one).
//!
//! Words count only where they are of an alphabetic script written with spaces: CJK and Thai take no part in them.

/// Below this the second extractor is asked.
pub const ASK_AGAIN: f32 = 0.8;
/// Below this a page is [`crate::text::PageStatus::Poor`].
pub const POOR: f32 = 0.5;
/// A page with pictures and fewer letters than this needs OCR: a stamp or a page number over a scan is no text.
pub const FEW_LETTERS: usize = 20;

/// Share of single-letter words that is normal, and the share at which nothing is left of the score.
const SINGLE_LETTER_WORDS: (f32, f32) = (0.15, 0.60);
/// Mean word lengths for the same purpose; long German or Finnish pages reach 9.
const MEAN_WORD_LENGTH: (f32, f32) = (14.0, 40.0);

/// Score of a page's text; 1 for an empty page, whose status says what it is.
pub fn score(text: &str) -> f32 {
    let (mut letters, mut bad) = (0usize, 0usize);
    let mut ascii = [0usize; 128];
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        letters += 1;
        bad += usize::from(is_bad(c));
        if c.is_alphanumeric()
            && let Some(count) = ascii.get_mut(c as usize)
        {
            *count += 1;
        }
    }
    if letters == 0 {
        return 1.0;
    }
    let characters = (1.0 - 4.0 * bad as f32 / letters as f32).max(0.0);
    let most = ascii.iter().copied().max().unwrap_or(0);
    let repetition = if letters >= 40 && most * 2 > letters { 0.3 } else { 1.0 };
    characters * repetition * words(text)
}

/// Characters of text that are not white space.
pub fn letters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace() && !is_bad(*c)).count()
}

fn words(text: &str) -> f32 {
    let (mut words, mut single, mut total) = (0usize, 0usize, 0usize);
    for word in text.split_whitespace() {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        if word.is_empty() || !word.chars().all(is_spaced_script) {
            continue;
        }
        let length = word.chars().count();
        words += 1;
        total += length;
        single += usize::from(length == 1 && !is_one_letter_word(word));
    }
    // Few words say nothing: a form, a page of figures.
    if words < 12 {
        return 1.0;
    }
    let falling = |value: f32, (good, none): (f32, f32)| ((none - value) / (none - good)).clamp(0.0, 1.0);
    falling(single as f32 / words as f32, SINGLE_LETTER_WORDS) * falling(total as f32 / words as f32, MEAN_WORD_LENGTH)
}

fn is_bad(c: char) -> bool {
    let code = u32::from(c);
    (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        || code == 0xFFFD
        // Symbol fonts put bullets and check marks at F0xx: those are drawn right and read as marks, not as letters.
        || (0xE000..=0xF8FF).contains(&code) && !(0xF020..=0xF0FF).contains(&code)
        || (0xF_0000..=0x10_FFFF).contains(&code)
        || (0xFDD0..=0xFDEF).contains(&code)
        || code & 0xFFFE == 0xFFFE
}

fn is_spaced_script(c: char) -> bool {
    c.is_alphabetic() && u32::from(c) < 0x0E00 || matches!(c, '\'' | '’' | '-')
}

fn is_one_letter_word(word: &str) -> bool {
    matches!(
        word,
        "a" | "A"
            | "I"
            | "O"
            | "y"
            | "e"
            | "o"
            | "à"
            | "é"
            | "ó"
            | "и"
            | "в"
            | "с"
            | "к"
            | "о"
            | "у"
            | "я"
            | "а"
            | "z"
            | "w"
            | "i"
            | "u"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CLEAN: &str = "This Agreement is made by and between the parties named below, each of which a court would call \
        a person; it takes effect on the date of the last signature.";

    #[test]
    fn clean_text_scores_one_in_any_script() {
        assert_eq!(score(CLEAN), 1.0);
        assert_eq!(score("本契約は、両当事者の間で締結される。以下に定める条件に従うものとする。"), 1.0);
        assert_eq!(
            score(
                "Настоящий договор заключён между сторонами и вступает в силу со дня его подписания обеими сторонами"
            ),
            1.0
        );
        assert_eq!(score(""), 1.0);
    }

    #[test]
    fn words_split_into_letters_are_asked_again() {
        let split: String = CLEAN.chars().flat_map(|c| [c, ' ']).collect();
        assert!(score(&split) < POOR);
        let half = "C o n fiden tia lity A gree m ent b e t w een t h e p a r ties n a m e d b e low o n t h e d a t e";
        assert!(score(half) < ASK_AGAIN, "{}", score(half));
    }

    #[test]
    fn glued_words_and_wrong_characters_are_asked_again() {
        let glued = "thisagreementismadebyandbetweenthepartiesnamedbelow ".repeat(20);
        assert!(score(&glued) < POOR);
        let wrong: String = CLEAN.chars().map(|c| if "ets".contains(c) { '\u{fffd}' } else { c }).collect();
        assert!(score(&wrong) < ASK_AGAIN);
        assert!(score(&"b".repeat(80)) < POOR);
    }

    #[test]
    fn bullets_of_symbol_fonts_are_not_damage() {
        assert_eq!(score(&format!("\u{f0b7} {CLEAN}")), 1.0);
    }

    proptest! {
        #[test]
        fn the_score_stays_in_range(text in ".{0,400}") {
            prop_assert!((0.0..=1.0).contains(&score(&text)));
        }

        #[test]
        fn a_replacement_character_never_raises_the_score(text in "[a-z ]{60,200}") {
            let damaged = text.clone() + "\u{fffd}\u{fffd}";
            prop_assert!(score(&damaged) <= score(&text) + 1e-6);
        }
    }
}
