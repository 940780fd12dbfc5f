//! The compact binary form of a page's glyph boxes: about 6 bytes a character instead of 32.
//!
//! | bytes | meaning |
//! |---|---|
//! | 1 | format, 1 |
//! | varint | number of boxes |
//! | then per box, each a varint: | |
//! | u | bytes between the end of the previous span (at first: 0) and the start of this one |
//! | u | length of the span in bytes |
//! | z | x of the left edge minus the right edge of the previous box (at first: 0) |
//! | z | y of the top edge minus that of the previous box |
//! | z | width minus that of the previous box |
//! | z | height minus that of the previous box |
//!
//! Lengths are in 1/16 pt, rounded to nearest, which no eye sees; varints are LEB128, `z` are zigzag coded. Boxes are
//! sorted and disjoint (the law of [`GlyphBoxes`]), so span deltas are never negative. Values that are not finite
//! become 0; values beyond a million points are cut to that.

use crate::text::{GlyphBoxes, Rect, Span};

const FORMAT: u8 = 1;
const UNITS_PER_POINT: f32 = 16.0;
const LIMIT: f32 = 1.0e6;

/// Encodes boxes. Boxes that break the order of [`GlyphBoxes`] are left out, as they could not be found by offset.
pub fn encode(boxes: &GlyphBoxes) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + boxes.0.len() * 7);
    out.push(FORMAT);
    let mut end = 0;
    let ordered: Vec<&(Span, Rect)> = boxes
        .0
        .iter()
        .filter(|(span, _)| {
            let fits = span.start() >= end;
            if fits {
                end = span.end();
            }
            fits
        })
        .collect();
    put(&mut out, ordered.len() as u64);
    let mut previous = Place::default();
    let mut end = 0;
    for (span, rect) in ordered {
        let place = Place::of(rect);
        put(&mut out, (span.start() - end) as u64);
        put(&mut out, span.len() as u64);
        put(&mut out, zigzag(place.x - (previous.x + previous.w)));
        put(&mut out, zigzag(place.y - previous.y));
        put(&mut out, zigzag(place.w - previous.w));
        put(&mut out, zigzag(place.h - previous.h));
        (end, previous) = (span.end(), place);
    }
    out
}

/// Decodes boxes; the error says what is wrong with the bytes.
pub fn decode(bytes: &[u8]) -> Result<GlyphBoxes, String> {
    let mut input = bytes;
    match take_byte(&mut input)? {
        FORMAT => {}
        other => return Err(format!("glyph boxes of format {other}, this program knows {FORMAT}")),
    }
    let count = take(&mut input)?;
    // Each box takes six bytes at least, so a wrong count cannot ask for much memory.
    if count > (input.len() / 6) as u64 {
        return Err(format!("{count} glyph boxes announced in {} bytes", input.len()));
    }
    let mut boxes = Vec::with_capacity(count as usize);
    let (mut previous, mut end) = (Place::default(), 0usize);
    for _ in 0..count {
        let start = end.checked_add(take(&mut input)? as usize).ok_or("a span beyond all text")?;
        let stop = start.checked_add(take(&mut input)? as usize).ok_or("a span beyond all text")?;
        let mut near = |base: i64| -> Result<i64, String> {
            base.checked_add(unzigzag(take(&mut input)?)).ok_or_else(|| "a box beyond all pages".to_owned())
        };
        let x = near(previous.x.saturating_add(previous.w))?;
        let place = Place { x, y: near(previous.y)?, w: near(previous.w)?, h: near(previous.h)? };
        boxes.push((Span::new(start, stop), place.rect()));
        (end, previous) = (stop, place);
    }
    if !input.is_empty() {
        return Err(format!("{} bytes left over after the glyph boxes", input.len()));
    }
    Ok(GlyphBoxes(boxes))
}

/// A rectangle in 1/16 pt.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    x: i64,
    y: i64,
    w: i64,
    h: i64,
}

impl Place {
    fn of(rect: &Rect) -> Self {
        let units = |v: f32| if v.is_finite() { (v.clamp(-LIMIT, LIMIT) * UNITS_PER_POINT).round() as i64 } else { 0 };
        Self { x: units(rect.x), y: units(rect.y), w: units(rect.w), h: units(rect.h) }
    }

    fn rect(self) -> Rect {
        let points = |v: i64| v as f32 / UNITS_PER_POINT;
        Rect { x: points(self.x), y: points(self.y), w: points(self.w), h: points(self.h) }
    }
}

fn zigzag(v: i64) -> u64 {
    ((v << 1) ^ (v >> 63)) as u64
}

fn unzigzag(v: u64) -> i64 {
    ((v >> 1) as i64) ^ -((v & 1) as i64)
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_byte(input: &mut &[u8]) -> Result<u8, String> {
    let (first, rest) = input.split_first().ok_or("glyph boxes end too early")?;
    *input = rest;
    Ok(*first)
}

fn take(input: &mut &[u8]) -> Result<u64, String> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(input)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("a number of glyph boxes is longer than 64 bits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn boxes() -> impl Strategy<Value = GlyphBoxes> {
        let one = (0usize..40, 0usize..9, -3000i64..20_000, -3000i64..20_000, -64i64..900, 0i64..900);
        prop::collection::vec(one, 0..200).prop_map(|raw| {
            let mut end = 0;
            GlyphBoxes(
                raw.into_iter()
                    .map(|(gap, len, x, y, w, h)| {
                        let span = Span::new(end + gap, end + gap + len);
                        end = span.end();
                        (span, Place { x, y, w, h }.rect())
                    })
                    .collect(),
            )
        })
    }

    proptest! {
        #[test]
        fn what_is_on_the_grid_comes_back_exactly(boxes in boxes()) {
            prop_assert_eq!(decode(&encode(&boxes)), Ok(boxes));
        }

        #[test]
        fn any_box_comes_back_within_a_32nd_of_a_point(x in -1e6f32..1e6, y in -1e5f32..1e5, w in 0f32..5e3, h in 0f32..5e3) {
            let rect = Rect { x, y, w, h };
            let back = decode(&encode(&GlyphBoxes(vec![(Span::new(3, 4), rect)]))).unwrap();
            let got = back.0[0].1;
            for (a, b) in [(x, got.x), (y, got.y), (w, got.w), (h, got.h)] {
                prop_assert!((a - b).abs() <= 1.0 / 32.0 + a.abs() * f32::EPSILON, "{} became {}", a, b);
            }
        }

        #[test]
        fn foreign_bytes_are_an_error_or_boxes_but_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&bytes);
            let mut marked = vec![FORMAT];
            marked.extend(bytes);
            let _ = decode(&marked);
        }

        #[test]
        fn cut_bytes_are_an_error(boxes in boxes(), cut in 1usize..20) {
            let whole = encode(&boxes);
            prop_assume!(whole.len() > cut);
            prop_assert!(decode(&whole[..whole.len() - cut]).is_err());
        }
    }

    #[test]
    fn values_that_are_no_numbers_do_not_spoil_their_neighbours() {
        let bad = Rect { x: f32::NAN, y: f32::INFINITY, w: -f32::INFINITY, h: 2.0 };
        let good = Rect { x: 10.0, y: 20.0, w: 5.0, h: 8.0 };
        let back = decode(&encode(&GlyphBoxes(vec![(Span::new(0, 1), bad), (Span::new(1, 2), good)]))).unwrap();
        assert_eq!(back.0[1], (Span::new(1, 2), good));
    }

    #[test]
    fn a_line_of_text_takes_few_bytes() {
        let line: Vec<_> = (0..80usize)
            .map(|i| (Span::new(i, i + 1), Rect { x: 72.0 + 5.5 * i as f32, y: 100.0, w: 5.5, h: 11.0 }))
            .collect();
        assert!(encode(&GlyphBoxes(line)).len() < 80 * 7);
    }
}
