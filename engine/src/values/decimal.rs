//! Decimal numbers as people write them, in normal form: digits with `.`, no grouping, no trailing zeros.

/// A number read from text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    digits: String,
    /// How many of `digits` stand after the point.
    fraction: usize,
    /// The separator could be read in two ways ("1.500").
    pub ambiguous: bool,
}

impl Decimal {
    /// Reads digits with `,` and `.` as they stand. With both, the last kind is the decimal point. One kind alone is
    /// grouping where it repeats or, for `,`, where exactly three digits follow; a single `.` before three digits is
    /// grouping only if `dot_groups` (amounts in euros and the like), and ambiguous either way. `None` where the
    /// groups are not groups of three.
    pub fn parse(text: &str, dot_groups: bool) -> Option<Self> {
        let marks: Vec<(usize, char)> = text.char_indices().filter(|(_, c)| matches!(c, '.' | ',')).collect();
        let point = decimal_point(text, &marks, dot_groups);
        let (whole, fraction) = match point {
            Some(i) => (text.get(..i)?, text.get(i + 1..)?),
            None => (text, ""),
        };
        let groups: Vec<&str> = whole.split(['.', ',']).collect();
        let grouped = groups.len() == 1 || indian_or_western(&groups);
        let digits: String = whole.chars().filter(char::is_ascii_digit).chain(fraction.chars()).collect();
        if !grouped || digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let ambiguous =
            matches!(marks.as_slice(), [(i, '.')] if text.len() - i == 4 && *i <= 3 && !text.starts_with('0'));
        Some(Self { digits, fraction: fraction.len(), ambiguous })
    }

    /// A whole number.
    pub fn whole(n: u64) -> Self {
        Self { digits: n.to_string(), fraction: 0, ambiguous: false }
    }

    /// Times ten to the power of `zeros`.
    pub fn scaled(mut self, zeros: usize) -> Self {
        for _ in 0..zeros {
            if self.fraction > 0 { self.fraction -= 1 } else { self.digits.push('0') }
        }
        if zeros > 0 {
            self.ambiguous = false; // "2.500 million": nobody groups before a scale
        }
        self
    }

    /// The whole number it is, where it is one and small enough.
    pub fn to_u32(&self) -> Option<u32> {
        self.to_string().parse().ok()
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, fraction) = self.digits.split_at(self.digits.len() - self.fraction);
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        write!(f, "{}", if whole.is_empty() { "0" } else { whole })?;
        if fraction.is_empty() { Ok(()) } else { write!(f, ".{fraction}") }
    }
}

fn decimal_point(text: &str, marks: &[(usize, char)], dot_groups: bool) -> Option<usize> {
    let &(last, mark) = marks.last()?;
    let same = marks.iter().filter(|(_, c)| *c == mark).count();
    let after = text.len() - last - 1;
    match (marks.len(), same, mark) {
        (1, _, ',') => (after != 3).then_some(last),
        (1, _, _) => (after != 3 || !dot_groups || text.starts_with("0.")).then_some(last),
        (n, s, _) if n == s => None,
        (_, 1, _) => Some(last),
        _ => None,
    }
}

/// `1,234,567` or `12,34,567`: the last group has three digits, inner ones two or three, the first one to three.
fn indian_or_western(groups: &[&str]) -> bool {
    let Some(((first, inner), last)) = groups.split_last().and_then(|(l, rest)| rest.split_first().map(|f| (f, l)))
    else {
        return false;
    };
    (1..=3).contains(&first.len())
        && last.len() == 3
        && (inner.iter().all(|g| g.len() == 3) || inner.iter().all(|g| g.len() == 2))
}

/// A number in English words at the start of `words`: its value and how many words it takes. "and" and hyphens may
/// stand inside: `["one", "hundred", "and", "eighty"]` is 180 in four words.
pub fn number_words(words: &[&str]) -> Option<(u64, usize)> {
    let (mut total, mut group, mut used, mut seen) = (0u64, 0u64, 0, false);
    for (i, word) in words.iter().enumerate() {
        let word = word.to_ascii_lowercase();
        if let Some(n) = small_number(&word) {
            // "five thirty" is no number: below one hundred only a ten takes a one.
            let fits = !seen
                || (group % 100 == 0 && group > 0)
                || (group == 0 && total > 0)
                || (n < 10 && n > 0 && group % 10 == 0 && group % 100 >= 20);
            if !fits {
                break;
            }
            group += n;
        } else if word == "hundred" && seen && (1..=99).contains(&group) {
            group *= 100;
        } else if let (Some(zeros), true) = (scale_zeros(&word), seen && group > 0) {
            total = total.checked_add(group.checked_mul(10u64.checked_pow(zeros)?)?)?;
            group = 0;
        } else if (word == "and" || word == "-") && seen {
            continue;
        } else {
            break;
        }
        seen = true;
        used = i + 1;
    }
    seen.then_some((total + group, used))
}

/// Zeros of `thousand`, `million`, `billion`, `trillion`.
pub fn scale_zeros(word: &str) -> Option<u32> {
    match word {
        "thousand" => Some(3),
        "million" | "millions" | "mn" | "mio" => Some(6),
        "billion" | "billions" | "bn" => Some(9),
        "trillion" => Some(12),
        _ => None,
    }
}

fn small_number(word: &str) -> Option<u64> {
    const ONES: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let ones = ONES.iter().position(|w| *w == word).map(|i| i as u64);
    ones.or_else(|| TENS.iter().position(|w| *w == word).map(|i| (i as u64 + 2) * 10))
}
