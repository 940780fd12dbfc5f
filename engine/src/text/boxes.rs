//! Where characters stand on a page: boxes in points, origin at the top left of the page as shown.

use super::Span;
use serde::{Deserialize, Serialize};

/// A rectangle in points, origin top left, y downwards. Conversion from PDF space happens in `import::pdf` only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
}

/// A rectangle and the page it is on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PageRect {
    /// Page number, from 1.
    pub page: u32,
    /// The rectangle on that page.
    pub rect: Rect,
}

/// The boxes of a page's characters, sorted by span, disjoint; characters without a place (inserted spaces) have none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GlyphBoxes(pub Vec<(Span, Rect)>);

impl GlyphBoxes {
    /// One rectangle for each line that `span` touches, in reading order: boxes that overlap vertically by more than
    /// half the smaller height and follow one another from left to right are merged.
    pub fn rects(&self, span: Span) -> Vec<Rect> {
        let mut lines: Vec<Rect> = Vec::new();
        let first = self.0.partition_point(|(s, _)| s.end() <= span.start());
        for (_, rect) in self.0.iter().skip(first).take_while(|(s, _)| s.start() < span.end()) {
            match lines.last_mut() {
                Some(line) if same_line(line, rect) => *line = line.merged(rect),
                _ => lines.push(*rect),
            }
        }
        lines
    }
}

fn same_line(line: &Rect, next: &Rect) -> bool {
    let shared = (line.y + line.h).min(next.y + next.h) - line.y.max(next.y);
    let gap = next.x - (line.x + line.w);
    shared > 0.5 * line.h.min(next.h) && next.x >= line.x - 1.0 && gap < 4.0 * line.h.max(next.h)
}

impl Rect {
    /// The smallest rectangle that covers both.
    pub fn merged(&self, other: &Rect) -> Rect {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let right = (self.x + self.w).max(other.x + other.w);
        let bottom = (self.y + self.h).max(other.y + other.h);
        Rect { x, y, w: right - x, h: bottom - y }
    }
}
