//! Follows JSON byte by byte to its quotes, and there lets pass only what stands in the document.
//!
//! The JSON itself is llguidance's to keep: outside quotes this machine follows along and refuses nothing. A stack of
//! places in the schema, as a chain of frames in an arena: taking a byte adds one or two frames, taking it back drops
//! them. Implements toktrie's [`Recognizer`], so that the tokens a quote can go on with come from one walk over the
//! tokenizer's prefix tree.

use std::sync::Arc;

use llguidance::toktrie::Recognizer;

use super::QUOTE_MAX;
use super::quote::{Matches, QuoteSource, WIND_DOWN};
use super::schema::{Place, Places, QuoteRule};

const NONE: u32 = u32::MAX;

/// Where in a value the machine is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    /// Before a value.
    Value,
    /// In an object, before a name or the end.
    Object,
    /// In a name: the properties that agree with its bytes so far.
    Name { low: u32, high: u32, bytes: u32 },
    /// Between a name and its value, which is of this place.
    Colon { place: u32 },
    /// In an array, after a value or before the first.
    Items,
    /// In a string that is no quote.
    Text { escaped: bool },
    /// In a number or a word.
    Scalar,
    /// In a quote.
    Quote { matches: Matches, chars: u32 },
    /// Not JSON of this schema: llguidance refuses it.
    Lost,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    place: u32,
    parent: u32,
    at: At,
}

/// A place in JSON of one schema.
#[derive(Debug, Clone)]
pub(super) struct QuoteMachine {
    places: Arc<Places>,
    source: QuoteSource,
    arena: Vec<Frame>,
    /// Top frame ([`NONE`] after the whole value) and length of the arena after each byte; the first is the start.
    stack: Vec<(u32, u32)>,
}

impl QuoteMachine {
    pub(super) fn new(places: Places, source: QuoteSource) -> Self {
        let frame = Frame { place: 0, parent: NONE, at: At::Value };
        Self { places: Arc::new(places), source, arena: vec![frame], stack: vec![(0, 1)] }
    }

    /// Whether the machine is inside a quote.
    pub(super) fn in_quote(&self) -> bool {
        matches!(self.top().map(|f| f.at), Some(At::Quote { .. }))
    }

    /// Whether the value is complete and no byte can follow.
    pub(super) fn is_closed(&self) -> bool {
        self.stack.last().is_some_and(|(top, _)| *top == NONE)
    }

    /// Whether `bytes` may come next, and then whether they begin a word where a list of quotes could stand instead.
    /// Leaves the machine as it was.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Option<bool> {
        let (mut taken, mut abstains) = (0, false);
        for byte in bytes {
            let chooses = *byte == b'"' && self.top().is_some_and(|f| f.at == At::Value && self.is_choice(f.place));
            if !self.push(*byte) {
                break;
            }
            abstains |= chooses;
            taken += 1;
        }
        self.pop(taken);
        (taken == bytes.len()).then_some(abstains)
    }

    /// Whether a list of quotes or another string may stand at a place.
    fn is_choice(&self, place: u32) -> bool {
        let place = self.places.get(place as usize);
        let of_quotes = |at: usize| self.places.get(at).is_some_and(|items| items.quote.is_some());
        place.is_some_and(|place| place.free_string && place.items.is_some_and(of_quotes))
    }

    /// The one byte that may come next in a quote, if there is exactly one.
    pub(super) fn forced_byte(&mut self) -> Option<u8> {
        if !self.in_quote() {
            return None;
        }
        let mut found = None;
        for byte in 0..=255 {
            if self.byte_allowed(byte) {
                if found.is_some() {
                    return None;
                }
                found = Some(byte);
            }
        }
        found
    }

    /// Takes one byte. `false` leaves the machine as it was.
    pub(super) fn push(&mut self, byte: u8) -> bool {
        let Some((top, kept)) = self.stack.last().copied() else { return false };
        let next = match self.top() {
            Some(frame) => self.step(frame, top, byte),
            None => Some(NONE),
        };
        match next {
            Some(top) => self.stack.push((top, self.arena.len() as u32)),
            None => self.arena.truncate(kept as usize),
        }
        next.is_some()
    }

    /// Takes bytes up to the first that it refuses; tells how many.
    pub(super) fn push_all(&mut self, bytes: &[u8]) -> usize {
        bytes.iter().take_while(|byte| self.push(**byte)).count()
    }

    /// Takes back the last `count` bytes.
    pub(super) fn pop(&mut self, count: usize) {
        let depth = self.stack.len().saturating_sub(count).max(1);
        self.stack.truncate(depth);
        if let Some((_, kept)) = self.stack.last() {
            self.arena.truncate(*kept as usize);
        }
    }

    fn top(&self) -> Option<Frame> {
        self.stack.last().and_then(|(top, _)| self.arena.get(*top as usize)).copied()
    }

    fn add(&mut self, frame: Frame) -> u32 {
        self.arena.push(frame);
        self.arena.len() as u32 - 1
    }

    fn turned(&mut self, frame: Frame, at: At) -> u32 {
        self.add(Frame { at, ..frame })
    }

    /// The top frame after `byte`; `None` where a quote cannot go on with it.
    fn step(&mut self, frame: Frame, top: u32, byte: u8) -> Option<u32> {
        let at = match (frame.at, byte) {
            (At::Value, _) => self.begin(frame, byte),
            (At::Text { escaped: false }, b'"') => return Some(frame.parent),
            (At::Text { escaped }, _) => At::Text { escaped: !escaped && byte == b'\\' },
            (At::Quote { matches, chars }, _) => {
                let rule = self.place(frame).and_then(|p| p.quote)?;
                match quote_step(&self.source, rule, matches, chars, byte)? {
                    QuoteStep::On(at) => at,
                    QuoteStep::End => return Some(frame.parent),
                }
            }
            (At::Object, b'}') | (At::Items, b']') => return Some(frame.parent),
            (At::Object, b'"') => {
                let all = self.place(frame).map_or(0, |p| p.properties.len()) as u32;
                self.name(frame, 0, all, 0, byte)
            }
            // A comma, or the colon before a value.
            (At::Object, _) => At::Object,
            (At::Name { low, high, bytes }, _) => self.name(frame, low, high, bytes, byte),
            (At::Colon { place }, _) => {
                let parent = self.turned(frame, At::Object);
                return Some(self.add(Frame { place, parent, at: At::Value }));
            }
            (At::Items, b',') => {
                let parent = self.turned(frame, At::Items);
                return Some(self.item(frame, parent));
            }
            // The first item begins with this byte.
            (At::Items, _) => {
                let parent = self.turned(frame, At::Items);
                let item = self.item(frame, parent);
                let begun = self.arena.get(item as usize).copied()?;
                return self.step(begun, item, byte);
            }
            // What ends a number belongs to what is around it.
            (At::Scalar, b',' | b'}' | b']') => match self.arena.get(frame.parent as usize).copied() {
                Some(around) => return self.step(around, frame.parent, byte),
                None => At::Lost,
            },
            (At::Scalar, _) => return Some(top),
            (At::Lost, _) => return Some(top),
        };
        Some(self.turned(frame, at))
    }

    /// A value begins.
    fn begin(&self, frame: Frame, byte: u8) -> At {
        let quote = self.place(frame).is_some_and(|p| p.quote.is_some());
        match byte {
            b'{' => At::Object,
            b'[' => At::Items,
            b'"' if quote => At::Quote { matches: self.source.all(), chars: 0 },
            b'"' => At::Text { escaped: false },
            b'-' | b'0'..=b'9' | b'a'..=b'z' => At::Scalar,
            _ => At::Lost,
        }
    }

    /// One more byte of a property's name.
    fn name(&self, frame: Frame, low: u32, high: u32, bytes: u32, byte: u8) -> At {
        let properties = self.place(frame).map(|p| p.properties.as_slice()).unwrap_or_default();
        let range = properties.get(low as usize..high as usize).unwrap_or_default();
        let next = |p: &(Vec<u8>, usize)| p.0.get(bytes as usize).copied();
        let below = range.partition_point(|p| next(p) < Some(byte));
        let upto = range.partition_point(|p| next(p) <= Some(byte));
        match range.get(below..upto) {
            None | Some([]) => At::Lost,
            // The quotation mark at its end: no name goes on after it.
            Some([(name, place)]) if name.len() == bytes as usize + 1 => At::Colon { place: *place as u32 },
            Some(_) => At::Name { low: low + below as u32, high: low + upto as u32, bytes: bytes + 1 },
        }
    }

    fn item(&mut self, array: Frame, parent: u32) -> u32 {
        let place = self.place(array).and_then(|p| p.items).map_or(NONE, |p| p as u32);
        self.add(Frame { place, parent, at: At::Value })
    }

    fn place(&self, frame: Frame) -> Option<&Place> {
        self.places.get(frame.place as usize)
    }
}

enum QuoteStep {
    On(At),
    End,
}

/// One byte of a quote, or its end. `None`: it cannot go on so.
fn quote_step(source: &QuoteSource, rule: QuoteRule, matches: Matches, chars: u32, byte: u8) -> Option<QuoteStep> {
    let empty = matches == source.all();
    let QuoteRule { min, max, optional, last_start } = rule;
    // Inside a character it is the second half of `\\"`.
    if byte == b'"' && (empty || source.at_char(matches)) {
        let may_end = if empty { optional } else { chars >= min && may_end_here(source, max, matches, chars) };
        return may_end.then_some(QuoteStep::End);
    }
    // Near its longest, a quote ends with the word it is in.
    let ends = chars >= max || chars >= min && chars + WIND_DOWN > max.max(min + WIND_DOWN);
    if ends && !empty && source.at_char(matches) && may_end_here(source, max, matches, chars) {
        return None;
    }
    let next = source.step(matches, byte, last_start)?;
    let chars = chars + u32::from(source.at_char(next));
    Some(QuoteStep::On(At::Quote { matches: next, chars }))
}

/// At the end of a word, or anywhere between two characters where the quote has reached its longest.
fn may_end_here(source: &QuoteSource, max: u32, matches: Matches, chars: u32) -> bool {
    source.at_char(matches) && (chars >= max.min(QUOTE_MAX) || source.at_word_end(matches))
}

impl Recognizer for QuoteMachine {
    fn pop_bytes(&mut self, num: usize) {
        self.pop(num);
    }

    fn collapse(&mut self) {
        // Frames of earlier bytes stay in the arena until the machine is dropped; only the way back is forgotten.
        if let Some(top) = self.stack.pop() {
            self.stack.clear();
            self.stack.push(top);
        }
    }

    fn trie_finished(&mut self) {}

    fn try_push_byte(&mut self, byte: u8) -> bool {
        self.push(byte)
    }
}
