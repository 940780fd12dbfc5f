//! What becomes of single characters and of the white space between them.

use crate::import::raw::{RawGlyph, RawLine};
use crate::text::Rect;

/// A character of the canonical text and its box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Glyph {
    /// The character.
    pub(super) character: char,
    /// Its box.
    pub(super) rect: Option<Rect>,
}

/// What one character of a file becomes.
enum Become {
    Nothing,
    Same,
    Space,
    Spelled(&'static str),
}

fn become_of(c: char) -> Become {
    match c {
        ' ' => Become::Same,
        '\u{ad}'
        | '\u{200b}'
        | '\u{2060}'
        | '\u{feff}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => Become::Nothing,
        '\u{fb00}' => Become::Spelled("ff"),
        '\u{fb01}' => Become::Spelled("fi"),
        '\u{fb02}' => Become::Spelled("fl"),
        '\u{fb03}' => Become::Spelled("ffi"),
        '\u{fb04}' => Become::Spelled("ffl"),
        '\u{fb05}' | '\u{fb06}' => Become::Spelled("st"),
        c if c.is_whitespace() => Become::Space,
        c if c.is_control() || u32::from(c) & 0xFFFE == 0xFFFE || ('\u{fdd0}'..='\u{fdef}').contains(&c) => {
            Become::Nothing
        }
        _ => Become::Same,
    }
}

/// Cleans a text that has its own line ends: those stay, runs of them become one; spaces at their sides go. With
/// `verbatim` (code) spaces and tabs stay inside lines.
pub(crate) fn clean_text(raw: &str, verbatim: bool) -> String {
    let mut text = String::with_capacity(raw.len());
    let (mut space, mut line_end) = (false, false);
    let unified = raw.replace("\r\n", "\n");
    for c in unified.chars() {
        match c {
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => line_end = true,
            // The indent of a line of code is part of it.
            ' ' | '\t' if verbatim => {
                end_line(&mut text, &mut line_end);
                text.push(c);
            }
            c => match become_of(c) {
                Become::Nothing => {}
                Become::Space => space = true,
                Become::Same if c == ' ' => space = true,
                same_or_spelled => {
                    let ended = end_line(&mut text, &mut line_end);
                    if std::mem::take(&mut space) && !ended && !text.is_empty() {
                        text.push(' ');
                    }
                    match same_or_spelled {
                        Become::Spelled(letters) => text.push_str(letters),
                        _ => text.push(c),
                    }
                }
            },
        }
    }
    if verbatim {
        text.truncate(text.trim_end().len());
        if text.trim().is_empty() {
            text.clear();
        }
    }
    text
}

/// Writes the line end that is due, without spaces before it; says whether there was one.
fn end_line(text: &mut String, due: &mut bool) -> bool {
    if !std::mem::take(due) {
        return false;
    }
    text.truncate(text.trim_end().len());
    if !text.is_empty() {
        text.push('\n');
    }
    true
}

/// A cleaned line of a page: no space at its ends, none twice. A soft hyphen at its end stays, as a mark for joining.
pub(super) fn clean_line(line: &RawLine) -> Vec<Glyph> {
    let mut clean: Vec<Glyph> = Vec::with_capacity(line.glyphs.len());
    let mut soft_hyphen = None;
    let mut i = 0;
    while let Some(glyph) = line.glyphs.get(i) {
        let run = shared_box(line.glyphs.get(i..).unwrap_or_default());
        for (k, glyph) in line.glyphs.get(i..i + run).unwrap_or_default().iter().enumerate() {
            let rect = glyph.rect.map(|r| part(r, k, run));
            for (character, rect) in spell(glyph, rect) {
                if character == '\u{ad}' {
                    soft_hyphen = Some((clean.len(), Glyph { character, rect }));
                } else if character != ' ' || clean.last().is_some_and(|g| g.character != ' ') {
                    clean.push(Glyph { character, rect });
                }
            }
        }
        debug_assert!(glyph.rect.is_some() || run == 1);
        i += run;
    }
    while clean.last().is_some_and(|g| g.character == ' ') {
        clean.pop();
    }
    drop_inferred_spaces(&mut clean);
    if let Some((at, hyphen)) = soft_hyphen.filter(|(at, _)| *at == clean.len() && *at > 0) {
        clean.insert(at, hyphen);
    }
    clean
}

/// Wide setting makes an extractor see spaces between the characters of a script that has none. One that was drawn stays.
fn drop_inferred_spaces(glyphs: &mut Vec<Glyph>) {
    let unspaced = |g: Option<&Glyph>| g.is_some_and(|g| is_unspaced_script(g.character));
    let inferred: Vec<bool> = (0..glyphs.len())
        .map(|i| {
            let space = glyphs.get(i).is_some_and(|g| g.character == ' ' && g.rect.is_none());
            space && unspaced(i.checked_sub(1).and_then(|i| glyphs.get(i))) && unspaced(glyphs.get(i + 1))
        })
        .collect();
    let mut inferred = inferred.into_iter();
    glyphs.retain(|_| inferred.next() != Some(true));
}

/// The characters a glyph becomes with their boxes; a box of several characters is split evenly.
fn spell(glyph: &RawGlyph, rect: Option<Rect>) -> Vec<(char, Option<Rect>)> {
    let mut letters: Vec<char> = Vec::with_capacity(2);
    for c in glyph.text.chars() {
        match become_of(c) {
            Become::Nothing if c == '\u{ad}' => letters.push(c),
            Become::Nothing => {}
            Become::Space => letters.push(' '),
            Become::Same => letters.push(c),
            Become::Spelled(spelled) => letters.extend(spelled.chars()),
        }
    }
    let n = letters.len();
    letters.into_iter().enumerate().map(|(k, c)| (c, rect.map(|r| part(r, k, n)))).collect()
}

/// How many glyphs at the start share one box: an extractor that spells ligatures out repeats the ligature's box.
fn shared_box(glyphs: &[RawGlyph]) -> usize {
    let Some(first) = glyphs.first().and_then(|g| g.rect) else { return 1 };
    // No ligature has more than four letters; more glyphs in one place are something else.
    let run = glyphs.iter().take(5).take_while(|g| g.rect == Some(first)).count();
    if run > 4 { 1 } else { run }
}

/// The `k`th of `n` equal parts of a box, from left to right.
fn part(rect: Rect, k: usize, n: usize) -> Rect {
    if n < 2 {
        return rect;
    }
    let w = rect.w / n as f32;
    Rect { x: rect.x + w * k as f32, w, ..rect }
}

/// Scripts written without spaces between words.
pub(super) fn is_unspaced_script(c: char) -> bool {
    matches!(u32::from(c),
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x2E80..=0x303F | 0x3040..=0x30FF | 0x31F0..=0x31FF
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0xFF00..=0xFFEF | 0x2_0000..=0x3_FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(texts: &[(&str, f32)]) -> RawLine {
        let glyphs = texts
            .iter()
            .map(|(t, x)| RawGlyph { text: (*t).into(), rect: Some(Rect { x: *x, y: 0.0, w: 6.0, h: 10.0 }) })
            .collect();
        RawLine { glyphs, font_size: 10.0, bold: false }
    }

    fn text(glyphs: &[Glyph]) -> String {
        glyphs.iter().map(|g| g.character).collect()
    }

    #[test]
    fn a_ligature_is_spelled_out_and_its_box_split() {
        let clean = clean_line(&line(&[("\u{fb03}", 12.0), ("x", 18.0)]));
        assert_eq!(text(&clean), "ffix");
        let xs: Vec<f32> = clean.iter().filter_map(|g| g.rect).map(|r| r.x).collect();
        assert_eq!(xs, [12.0, 14.0, 16.0, 18.0]);
    }

    #[test]
    fn a_box_that_the_extractor_repeats_for_a_ligature_is_split() {
        let clean = clean_line(&line(&[("f", 0.0), ("i", 0.0), ("n", 6.0)]));
        let xs: Vec<f32> = clean.iter().filter_map(|g| g.rect).map(|r| r.x).collect();
        assert_eq!(xs, [0.0, 3.0, 6.0]);
    }

    #[test]
    fn a_space_that_nobody_drew_between_chinese_characters_goes() {
        let mut wide =
            line(&[("目", 0.0), (" ", 6.0), ("录", 12.0), (" ", 18.0), ("一", 24.0), (" ", 30.0), ("a", 36.0)]);
        wide.glyphs[1].rect = None;
        wide.glyphs[5].rect = None;
        assert_eq!(text(&clean_line(&wide)), "目录 一 a");
    }

    #[test]
    fn spaces_and_invisible_characters() {
        let clean = clean_line(&line(&[
            (" ", 0.0),
            ("a", 1.0),
            ("\u{a0}", 2.0),
            ("\t", 3.0),
            ("\u{7}", 4.0),
            ("b\u{ad}c", 5.0),
            (" ", 6.0),
        ]));
        assert_eq!(text(&clean), "a bc");
        assert_eq!(text(&clean_line(&line(&[("a", 0.0), ("\u{ad}", 1.0), (" ", 2.0)]))), "a\u{ad}");
        assert_eq!(clean_text("  a \u{a0}\tb \r\n\r\n c\u{200b}d\u{fb01} \n", false), "a b\ncdfi");
        assert_eq!(clean_text("\tif x:\n\t\ty  z\n\n", true), "\tif x:\n\t\ty  z");
        assert_eq!(clean_text(" \u{feff} \n", false), "");
    }
}
