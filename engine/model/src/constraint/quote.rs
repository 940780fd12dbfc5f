//! The pieces of a document that may be quoted: every run of whole words that begins where a sentence or a line does,
//! found by binary search in a suffix array.
//!
//! The document is kept as it stands inside a JSON string, so that a quote can be followed byte by byte while it is
//! generated. Built once per document in O(n log n) and shared by all requests; a state is a range of the array.

use std::sync::Arc;

use super::QUOTE_MAX;

/// A quote that grew this near to its limit ends at the next end of a word.
pub(super) const WIND_DOWN: u32 = 60;
/// Longer unbroken words (encoded data, rows of ideographs) may be cut anywhere.
const LONG_WORD: usize = 40;
/// Escaped bytes that decide the order of two pieces: no quote is longer (`\u0000` is six bytes).
const ORDER_BYTES: usize = QUOTE_MAX as usize * 6 + 8;
/// How many places of a range are looked at to see whether a word ends there.
const LOOK: usize = 4096;

/// Most closing marks that may follow the mark that ends a sentence.
const CLOSING: usize = 4;
/// Most characters of what numbers a line.
const NUMBERING: usize = 10;

const CHAR: u8 = 1;
const WORD_END: u8 = 2;

/// A document prepared for quoting. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct QuoteSource {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The text as it stands in JSON, without the outer quotation marks.
    escaped: Vec<u8>,
    /// For each byte of `escaped` and one past it: whether a character begins there, and whether a quote may end there.
    flags: Vec<u8>,
    /// Places in `escaped` where a quote may begin, in the order of what follows them.
    starts: Vec<u32>,
    /// Places where the last characters begin, the very last one first; enough of them to judge any shortest length.
    tail: Vec<u32>,
}

/// Places that agree on what has been generated so far: a range of the sorted starts, and the bytes agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Matches {
    low: u32,
    high: u32,
    bytes: u32,
}

impl QuoteSource {
    /// Prepares `text`.
    pub(super) fn new(text: &str) -> QuoteSource {
        let text = text.trim_end();
        let chars: Vec<char> = text.chars().collect();
        let long = long_words(&chars);
        let mut escaped = Vec::with_capacity(text.len() + text.len() / 16);
        let mut flags = Vec::with_capacity(escaped.capacity());
        let mut starts = Vec::new();
        let mut places = Vec::new();
        for (i, c) in chars.iter().enumerate() {
            let place = escaped.len();
            if is_start(&chars, &long, i) {
                starts.push(place as u32);
            }
            places.push(place as u32);
            push_escaped(&mut escaped, *c);
            flags.push(CHAR | if i > 0 && is_end(&chars, &long, i) { WORD_END } else { 0 });
            flags.resize(escaped.len(), 0);
        }
        flags.push(CHAR | WORD_END);
        starts.sort_unstable_by(|a, b| key(&escaped, *a).cmp(key(&escaped, *b)));
        let tail = places.iter().rev().take(QUOTE_MAX as usize + 1).copied().collect();
        QuoteSource { inner: Arc::new(Inner { escaped, flags, starts, tail }) }
    }

    /// Whether nothing can be quoted at all.
    pub(super) fn is_empty(&self) -> bool {
        self.inner.starts.is_empty()
    }

    /// All places, before the first byte.
    pub(super) fn all(&self) -> Matches {
        Matches { low: 0, high: self.inner.starts.len() as u32, bytes: 0 }
    }

    /// The last place from which `chars` characters remain. Where the whole text is shorter: its beginning.
    pub(super) fn last_start(&self, chars: u32) -> u32 {
        let tail = &self.inner.tail;
        tail.get((chars as usize).saturating_sub(1)).or(tail.last()).copied().unwrap_or(0)
    }

    /// Characters from the first place where a quote may begin, counted up to [`QUOTE_MAX`].
    pub(super) fn longest(&self) -> u32 {
        let first = self.inner.starts.iter().min().copied().unwrap_or(0);
        self.inner.tail.iter().filter(|place| **place >= first).count() as u32
    }

    /// The matches that go on with `byte` and begin at `last_start` or before. `None` where there are none.
    pub(super) fn step(&self, matches: Matches, byte: u8, last_start: u32) -> Option<Matches> {
        let starts = self.inner.starts.get(matches.low as usize..matches.high as usize)?;
        let next = |start: &u32| self.inner.escaped.get((*start + matches.bytes) as usize).copied();
        let below = starts.partition_point(|s| next(s) < Some(byte));
        let upto = below + starts[below..].partition_point(|s| next(s) == Some(byte));
        let found =
            Matches { low: matches.low + below as u32, high: matches.low + upto as u32, bytes: matches.bytes + 1 };
        // Few places lie behind `last_start`, so a wider range holds one before it.
        let alive = upto - below > self.inner.tail.len() || starts[below..upto].iter().any(|s| *s <= last_start);
        alive.then_some(found)
    }

    /// Whether what has been matched ends between two characters.
    pub(super) fn at_char(&self, matches: Matches) -> bool {
        self.places(matches).next().is_some_and(|place| self.has(place, CHAR))
    }

    /// Whether what has been matched ends where a word ends, in at least one of the places.
    pub(super) fn at_word_end(&self, matches: Matches) -> bool {
        self.places(matches).take(LOOK).any(|place| self.has(place, WORD_END))
    }

    fn places(&self, matches: Matches) -> impl Iterator<Item = usize> {
        let starts = self.inner.starts.get(matches.low as usize..matches.high as usize).unwrap_or_default();
        starts.iter().map(move |s| (*s + matches.bytes) as usize)
    }

    fn has(&self, place: usize, flag: u8) -> bool {
        self.inner.flags.get(place).is_some_and(|f| f & flag != 0)
    }
}

fn key(escaped: &[u8], start: u32) -> &[u8] {
    let start = start as usize;
    &escaped[start..escaped.len().min(start + ORDER_BYTES)]
}

/// Writes `c` as `serde_json` writes it inside a string.
fn push_escaped(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend(b"\\\""),
        '\\' => out.extend(b"\\\\"),
        '\n' => out.extend(b"\\n"),
        '\r' => out.extend(b"\\r"),
        '\t' => out.extend(b"\\t"),
        '\u{8}' => out.extend(b"\\b"),
        '\u{c}' => out.extend(b"\\f"),
        c if c < ' ' || c == '\u{7f}' => out.extend(format!("\\u{:04x}", c as u32).bytes()),
        c => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Characters that belong to the one before: marks, joiners, variation selectors, skin tones.
fn is_attached(c: char) -> bool {
    matches!(c as u32,
        0x300..=0x36f | 0x483..=0x489 | 0x591..=0x5bd | 0x610..=0x61a | 0x64b..=0x65f | 0x6d6..=0x6dc | 0x93c | 0x94d
        | 0x9bc | 0x9cd | 0xe31 | 0xe34..=0xe3a | 0xe47..=0xe4e | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x200c | 0x200d
        | 0x20d0..=0x20ff | 0x3099 | 0x309a | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f | 0x1f3fb..=0x1f3ff
        | 0xe0020..=0xe007f | 0xe0100..=0xe01ef)
}

/// Scripts written without spaces, in which every character may begin or end a quote.
fn is_unspaced(c: char) -> bool {
    matches!(c as u32, 0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17ff | 0x3040..=0x30ff | 0x3400..=0x4dbf
        | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff)
}

/// Whether a word goes on between `chars[i - 1]` and `chars[i]`: both are letters or digits, or one joins two that are
/// (`1,000`, `don't`, `Sub-clause`), so that an amount is never cut.
fn joined(chars: &[char], i: usize) -> bool {
    let at = |k: usize| chars.get(k).copied();
    let (Some(before), Some(after)) = (i.checked_sub(1).and_then(at), at(i)) else { return false };
    if is_attached(after) || before == '\u{200d}' {
        return true;
    }
    if is_word(after) && is_attached(before) {
        return !is_unspaced(after);
    }
    let joins = |c: char| matches!(c, '.' | ',' | '\'' | '\u{2019}' | '-' | '\u{2010}' | '\u{2011}');
    match (is_word(before), is_word(after)) {
        (true, true) => !is_unspaced(before) || !is_unspaced(after),
        (true, false) => joins(after) && at(i + 1).is_some_and(is_word),
        (false, true) => joins(before) && i.checked_sub(2).and_then(at).is_some_and(is_word),
        (false, false) => false,
    }
}

/// For each character: whether it belongs to a word that is too long to be kept whole.
fn long_words(chars: &[char]) -> Vec<bool> {
    let mut long = vec![false; chars.len()];
    let mut begin = 0;
    for i in 1..=chars.len() {
        if i == chars.len() || !joined(chars, i) {
            if i - begin > LONG_WORD {
                long[begin..i].fill(true);
            }
            begin = i;
        }
    }
    long
}

fn is_boundary(chars: &[char], long: &[bool], i: usize) -> bool {
    let attached = chars.get(i).copied().is_some_and(is_attached) || i > 0 && chars[i - 1] == '\u{200d}';
    !attached && (!joined(chars, i) || long[i])
}

fn is_start(chars: &[char], long: &[bool], i: usize) -> bool {
    let solid = |c: char| !c.is_whitespace() && !c.is_control();
    solid(chars[i]) && (i == 0 || is_boundary(chars, long, i)) && opens(chars, i)
}

/// Whether a sentence, a line, or what follows a line's number begins at `i`. A quote that begins in the middle of a
/// sentence is hard to read, and the fewer places there are, the better a small model chooses. Rather too many than too
/// few: after an abbreviation's full stop a quote may begin too.
fn opens(chars: &[char], i: usize) -> bool {
    let before = &chars[..i];
    let Some(last) = before.iter().rposition(|c| !c.is_whitespace()) else { return true };
    if before[last..].contains(&'\n') {
        return true;
    }
    let closing = |c: char| matches!(c, '"' | '\'' | '”' | '’' | ')' | ']' | '»');
    let sentence = before[..=last].iter().rev().take(CLOSING).find(|c| !closing(**c));
    match sentence {
        Some('。' | '！' | '？' | '；' | '：') => return true,
        Some('.' | '!' | '?' | '…' | ';' | ':') if last + 1 < i => return true,
        _ => {}
    }
    let line = before.iter().rev().take(NUMBERING + 1).position(|c| *c == '\n').map(|k| i - k);
    let line = line.or((i <= NUMBERING).then_some(0));
    line.is_some_and(|line| last + 1 < i && is_numbering(&before[line..=last]))
}

/// Whether a line's first characters only number it: "12.1", "(b)", "Art. 3", a bullet.
fn is_numbering(chars: &[char]) -> bool {
    let last = chars.last().copied().unwrap_or(' ');
    last.is_ascii_digit() || matches!(last, '.' | ')' | ']' | '•' | '◦' | '▪' | '-' | '–' | '—' | '*')
}

fn is_end(chars: &[char], long: &[bool], i: usize) -> bool {
    !chars[i - 1].is_whitespace() && is_boundary(chars, long, i)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All quotes of up to `max` bytes that can be followed, by walking.
    fn accepts(source: &QuoteSource, quote: &str) -> bool {
        let inner = serde_json::to_string(quote).unwrap();
        let mut matches = source.all();
        for byte in inner[1..inner.len() - 1].bytes() {
            match source.step(matches, byte, u32::MAX) {
                Some(next) => matches = next,
                None => return false,
            }
        }
        source.at_char(matches) && source.at_word_end(matches)
    }

    #[test]
    fn whole_words_only_and_amounts_stay_whole() {
        let source = QuoteSource::new("Pay EUR 1,000.50 at \"Bank\\A\" now.\nDon't wait; Sub-clause 3.1(b).");
        for good in [
            "Pay EUR 1,000.50",
            "Pay EUR 1,000.50 at \"Bank\\A\" now.",
            "Pay EUR 1,000.50 at \"Bank\\A\" now.\nDon't",
            "Don't wait;",
            "Sub-clause 3.1",
            "Sub-clause 3.1(b).",
        ] {
            assert!(accepts(&source, good), "{good}");
        }
        for bad in [
            "ay EUR",
            "Pay EUR 1",
            "Pay EUR 1,000",
            "000.50 at",
            "Pay ",
            "Pay EUR 2",
            "Don",
            "t wait",
            "nDon't",
            "3.1(b).x",
        ] {
            assert!(!accepts(&source, bad), "{bad}");
        }
    }

    #[test]
    fn unspaced_scripts_and_marks() {
        let source = QuoteSource::new("第一条。本契約は cafe\u{301} は 👩\u{200d}💻 終わる。Договор подписан.");
        for good in ["本契約", "本契約は cafe\u{301}", "本契約は cafe\u{301} は 👩\u{200d}💻", "Договор"]
        {
            assert!(accepts(&source, good), "{good}");
        }
        for bad in ["本契約は cafe", "本契約は cafe\u{301} は 👩", "契約", "говор", "Догово"] {
            assert!(!accepts(&source, bad), "{bad}");
        }
    }

    #[test]
    fn a_quote_begins_where_a_sentence_or_a_line_does() {
        let text = "12.1 The fee (see “Rates”) is due.  It is paid yearly; late sums bear interest: 4 %.\n\
            (b) notice, in writing,\nto the seat\nAnna Berg: Yes. • ";
        let source = QuoteSource::new(text);
        let good = ["12.1 The", "The fee", "It is", "late sums", "4 %", "(b) notice", "notice, in", "to the", "Yes"];
        good.iter().for_each(|quote| assert!(accepts(&source, quote), "{quote}"));
        let bad = ["fee (see", "Rates", "is due", "sums bear", "in writing", "the seat", "Berg"];
        bad.iter().for_each(|quote| assert!(!accepts(&source, quote), "{quote}"));
        assert!(accepts(&QuoteSource::new("  leading space"), "leading"));
    }

    #[test]
    fn a_million_equal_characters_are_sorted_in_bearable_time() {
        let source = QuoteSource::new(&"a".repeat(200_000));
        assert!(accepts(&source, &"a".repeat(100)));
        assert!(!accepts(&source, "ab"));
    }
}
