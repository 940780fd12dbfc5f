//! Laws of places in a text: spans, UTF-16, boxes, the page map.

use lectern_engine::text::utf16::Utf16Map;
use lectern_engine::text::{GlyphBoxes, Rect, Span};
use proptest::prelude::*;

fn spans() -> impl Strategy<Value = (Span, Span)> {
    (0usize..40, 0usize..40, 0usize..40, 0usize..40)
        .prop_map(|(a, b, c, d)| (Span::new(a.min(b), a.max(b)), Span::new(c.min(d), c.max(d))))
}

proptest! {
    #[test]
    fn span_arithmetic_agrees_with_sets_of_bytes((a, b) in spans()) {
        let set = |s: Span| s.range().collect::<std::collections::BTreeSet<_>>();
        let shared: Vec<usize> = set(a).intersection(&set(b)).copied().collect();
        prop_assert_eq!(a.overlaps(b), !shared.is_empty());
        prop_assert_eq!(a.intersect(b).map(|s| s.range().collect::<Vec<_>>()), (!shared.is_empty()).then_some(shared));
        prop_assert!(a.union(b).covers(a) && a.union(b).covers(b));
        prop_assert_eq!(a.shifted(7).len(), a.len());
        for offset in 0..40 {
            prop_assert_eq!(a.contains(offset), set(a).contains(&offset));
        }
    }

    #[test]
    fn a_span_the_wrong_way_round_is_refused_when_read(start in 0usize..9, end in 0usize..9) {
        let read = serde_json::from_str::<Span>(&format!("{{\"start\":{start},\"end\":{end}}}"));
        prop_assert_eq!(read.is_ok(), start <= end);
    }

    #[test]
    fn utf16_offsets_agree_with_encoding_the_prefix(text in "([a-z]|[é中]|[😀𝔸]|\u{301}|\n){0,700}") {
        let map = Utf16Map::new(&text);
        prop_assert_eq!(map.units(), text.encode_utf16().count());
        let mut units = 0;
        for (byte, c) in text.char_indices() {
            prop_assert_eq!(map.to_utf16(byte), units);
            prop_assert_eq!(map.to_byte(units), byte);
            // Inside a character: its start.
            prop_assert_eq!(map.to_utf16(byte + c.len_utf8() - 1), units);
            prop_assert_eq!(map.to_byte(units + c.len_utf16() - 1), byte);
            units += c.len_utf16();
        }
        prop_assert_eq!(map.to_utf16(text.len()), units);
        prop_assert_eq!(map.to_byte(units + 5), text.len());
        let whole = map.span_to_bytes(0, map.units());
        prop_assert_eq!(map.span_to_utf16(whole), (0, units));
    }

    #[test]
    fn rectangles_of_a_span_cover_its_boxes_and_no_other_row(rows in 1usize..5, columns in 1usize..20, from in 0usize..100, length in 1usize..100) {
        let boxes = GlyphBoxes((0..rows * columns).map(|i| {
            let (row, column) = (i / columns, i % columns);
            (Span::new(i, i + 1), Rect { x: 10.0 * column as f32, y: 20.0 * row as f32, w: 10.0, h: 12.0 })
        }).collect());
        let span = Span::new(from, from + length);
        let rects = boxes.rects(span);
        let touched: Vec<&Rect> = boxes.0.iter().filter(|(s, _)| s.overlaps(span)).map(|(_, r)| r).collect();
        let inside = |r: &Rect, o: &Rect| o.x <= r.x && o.y <= r.y && r.x + r.w <= o.x + o.w + 0.01 && r.y + r.h <= o.y + o.h + 0.01;
        prop_assert!(touched.iter().all(|t| rects.iter().any(|r| inside(t, r))));
        let mut rows_touched: Vec<i32> = touched.iter().map(|t| t.y as i32).collect();
        rows_touched.dedup();
        prop_assert_eq!(rects.len(), rows_touched.len());
    }
}

#[test]
fn many_utf16_queries_on_a_long_text_are_fast() {
    let text = "paragraph 段落 😀 ".repeat(60_000);
    let map = Utf16Map::new(&text);
    let begun = std::time::Instant::now();
    let sum: usize = (0..text.len()).step_by(7).map(|b| map.to_byte(map.to_utf16(b))).sum();
    assert!(sum > 0);
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
}
