//! From PDF space (origin bottom left, before rotation) to the page as shown (origin top left, points).

use crate::text::Rect;

/// The visible box of a page in PDF space and its rotation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PageGeometry {
    /// Left edge.
    pub(super) left: f32,
    /// Bottom edge.
    pub(super) bottom: f32,
    /// Right edge.
    pub(super) right: f32,
    /// Top edge.
    pub(super) top: f32,
    /// Quarter turns clockwise, 0..=3.
    pub(super) quarter_turns: u8,
}

impl PageGeometry {
    /// A page from any two opposite corners and `/Rotate` in degrees; US Letter where the box is unusable.
    pub(super) fn new(corners: [f32; 4], rotate_degrees: i64) -> Self {
        let [x0, y0, x1, y1] = corners;
        let quarter_turns = rotate_degrees.div_euclid(90).rem_euclid(4) as u8;
        let (left, right) = (x0.min(x1), x0.max(x1));
        let (bottom, top) = (y0.min(y1), y0.max(y1));
        if corners.iter().all(|c| c.is_finite()) && right - left > 1.0 && top - bottom > 1.0 {
            return Self { left, bottom, right, top, quarter_turns };
        }
        Self { left: 0.0, bottom: 0.0, right: 612.0, top: 792.0, quarter_turns }
    }

    /// Width as shown, in points.
    pub(super) fn width(&self) -> f32 {
        if self.quarter_turns.is_multiple_of(2) { self.right - self.left } else { self.top - self.bottom }
    }

    /// Height as shown, in points.
    pub(super) fn height(&self) -> f32 {
        if self.quarter_turns.is_multiple_of(2) { self.top - self.bottom } else { self.right - self.left }
    }

    fn point(&self, x: f32, y: f32) -> (f32, f32) {
        match self.quarter_turns {
            0 => (x - self.left, self.top - y),
            1 => (y - self.bottom, x - self.left),
            2 => (self.right - x, y - self.bottom),
            _ => (self.top - y, self.right - x),
        }
    }

    /// The rectangle spanned by points of PDF space, as shown; `None` where a coordinate is not a number.
    pub(super) fn rect(&self, points: &[(f32, f32)]) -> Option<Rect> {
        let mut shown = points.iter().map(|(x, y)| self.point(*x, *y));
        let first = shown.next()?;
        let (mut low, mut high) = (first, first);
        for (x, y) in shown {
            low = (low.0.min(x), low.1.min(y));
            high = (high.0.max(x), high.1.max(y));
        }
        let rect = Rect { x: low.0, y: low.1, w: high.0 - low.0, h: high.1 - low.1 };
        let finite = [rect.x, rect.y, rect.w, rect.h].iter().all(|v| v.is_finite() && v.abs() < 1e6);
        finite.then_some(rect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rotation_puts_the_right_corner_at_the_top_left() {
        // A page 100 wide and 200 high that starts at (10, 20); a small square at its PDF bottom left corner.
        let square = [(10.0, 20.0), (11.0, 21.0)];
        let shown = |degrees| PageGeometry::new([10.0, 20.0, 110.0, 220.0], degrees).rect(&square).map(|r| (r.x, r.y));
        assert_eq!(shown(0), Some((0.0, 199.0)));
        assert_eq!(shown(90), Some((0.0, 0.0)));
        assert_eq!(shown(180), Some((99.0, 0.0)));
        assert_eq!(shown(270), Some((199.0, 99.0)));
        assert_eq!(shown(-90), shown(270));
        let turned = PageGeometry::new([110.0, 220.0, 10.0, 20.0], 90);
        assert_eq!((turned.width(), turned.height()), (200.0, 100.0));
    }

    #[test]
    fn an_unusable_box_becomes_letter_paper() {
        let page = PageGeometry::new([0.0, 0.0, f32::NAN, 0.0], 0);
        assert_eq!((page.width(), page.height()), (612.0, 792.0));
        assert_eq!(page.rect(&[(f32::NAN, 0.0)]), None);
    }
}
