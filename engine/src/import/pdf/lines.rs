//! Characters in an extractor's order to lines. pdfium says where lines end; for pdf-extract it is found from the boxes.

use crate::import::raw::{RawGlyph, RawLine};
use crate::text::Rect;

/// A gap wider than this share of the font size is a space. A word space is 0.2 to 0.3 em; kerning stays below 0.1.
const SPACE_GAP: f32 = 0.16;
/// A step across the line of more than this share of the font size begins a new line (superscripts step 0.3 to 0.4).
const LINE_STEP: f32 = 0.5;

/// Collects glyphs into lines.
#[derive(Debug, Default)]
pub(super) struct LineBuilder {
    lines: Vec<RawLine>,
    glyphs: Vec<RawGlyph>,
    sizes: Vec<f32>,
    bold: usize,
}

impl LineBuilder {
    /// Adds a character to the current line.
    pub(super) fn push(&mut self, text: &str, rect: Option<Rect>, size: f32, bold: bool) {
        if !text.trim().is_empty() {
            self.sizes.push(size);
            self.bold += usize::from(bold);
        }
        self.glyphs.push(RawGlyph { text: text.to_string(), rect });
    }

    /// Adds a space nobody drew, unless the line begins here or ends in a space already.
    pub(super) fn space(&mut self) {
        if self.glyphs.last().is_some_and(|g| !g.text.ends_with(' ')) {
            self.glyphs.push(RawGlyph { text: " ".to_string(), rect: None });
        }
    }

    /// Ends the current line; an empty one leaves no trace.
    pub(super) fn end_line(&mut self) {
        let mut glyphs = std::mem::take(&mut self.glyphs);
        let mut sizes = std::mem::take(&mut self.sizes);
        let bold = std::mem::take(&mut self.bold);
        while glyphs.last().is_some_and(|g| g.text.trim().is_empty()) {
            glyphs.pop();
        }
        if glyphs.is_empty() {
            return;
        }
        let middle = sizes.len() / 2;
        let font_size = match sizes.is_empty() {
            true => 0.0,
            false => *sizes.select_nth_unstable_by(middle, f32::total_cmp).1,
        };
        self.lines.push(RawLine { glyphs, font_size, bold: bold * 2 > sizes.len() });
    }

    /// The lines.
    pub(super) fn finish(mut self) -> Vec<RawLine> {
        self.end_line();
        self.lines
    }
}

/// A character with the place of its baseline, in the direction of writing.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    /// Its text.
    pub(super) text: String,
    /// Its box on the page as shown.
    pub(super) rect: Option<Rect>,
    /// Start of its baseline in PDF space.
    pub(super) start: (f32, f32),
    /// Where the next character would start in PDF space if nothing moved the pen.
    pub(super) next: (f32, f32),
    /// Unit vector of the direction of writing in PDF space.
    pub(super) along: (f32, f32),
    /// Font size as shown, in points.
    pub(super) size: f32,
}

/// Groups characters that come without spaces and line ends, in the order given.
pub(super) fn group(characters: &[Placed]) -> Vec<RawLine> {
    let mut builder = LineBuilder::default();
    let mut previous: Option<&Placed> = None;
    for character in characters {
        match previous.map(|p| step(p, character)) {
            Some(Step::Line) => builder.end_line(),
            Some(Step::Space) => builder.space(),
            Some(Step::Painted) => continue,
            Some(Step::Next) | None => {}
        }
        builder.push(&character.text, character.rect, character.size, false);
        previous = Some(character);
    }
    builder.finish()
}

enum Step {
    Next,
    Space,
    Line,
    /// The same character painted again in almost the same place, to look bold.
    Painted,
}

fn step(previous: &Placed, next: &Placed) -> Step {
    let size = previous.size.max(next.size).max(0.1);
    let along = previous.along;
    let project = |from: (f32, f32)| {
        let (dx, dy) = (next.start.0 - from.0, next.start.1 - from.1);
        (dx * along.0 + dy * along.1, dy * along.0 - dx * along.1)
    };
    let (gap, across) = project(previous.next);
    let (from_start, _) = project(previous.start);
    let turned = along.0 * next.along.0 + along.1 * next.along.1 < 0.9;
    if !turned && previous.text == next.text && across.abs() < 0.1 * size && from_start.abs() < 0.1 * size {
        return Step::Painted;
    }
    if turned || across.abs() > LINE_STEP * size || gap < -1.5 * size {
        return Step::Line;
    }
    if gap > SPACE_GAP * size && !previous.text.ends_with(' ') && !next.text.starts_with(' ') {
        return Step::Space;
    }
    Step::Next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, x: f32, y: f32) -> Placed {
        Placed { text: text.into(), rect: None, start: (x, y), next: (x + 5.0, y), along: (1.0, 0.0), size: 10.0 }
    }

    fn texts(characters: &[Placed]) -> Vec<String> {
        group(characters).iter().map(|l| l.glyphs.iter().map(|g| g.text.as_str()).collect()).collect()
    }

    #[test]
    fn gaps_become_spaces_and_steps_become_lines() {
        let characters = [at("a", 0.0, 100.0), at("b", 5.3, 100.0), at("c", 13.0, 103.0), at("d", 0.0, 88.0)];
        assert_eq!(texts(&characters), ["ab c", "d"]);
    }

    #[test]
    fn a_character_painted_twice_to_look_bold_counts_once() {
        assert_eq!(texts(&[at("a", 0.0, 0.0), at("a", 0.3, 0.0), at("a", 5.0, 0.0)]), ["aa"]);
    }

    #[test]
    fn size_is_the_median_and_bold_the_majority() {
        let mut builder = LineBuilder::default();
        for (size, bold) in [(10.0, true), (12.0, true), (30.0, false)] {
            builder.push("x", None, size, bold);
        }
        builder.space();
        builder.space();
        let lines = builder.finish();
        assert_eq!((lines[0].font_size, lines[0].bold, lines[0].glyphs.len()), (12.0, true, 3));
    }
}
