//! Follows JSON of one schema byte by byte: which bytes may come next, and when the value is complete.
//!
//! A stack of places in the schema, as a chain of frames in an arena: taking a byte adds one or two frames, taking it
//! back drops them. Implements [`toktrie::Recognizer`], so that the allowed tokens come from one walk over the
//! tokenizer's prefix tree.

use std::sync::Arc;

use toktrie::Recognizer;

use super::QUOTE_MAX;
use super::quote::{Matches, QuoteSource, WIND_DOWN};

/// Most digits of a number's whole part; more is not an amount.
const MAX_DIGITS: u8 = 15;
/// Most digits after the point.
const MAX_DECIMALS: u8 = 6;

/// One kind of value, by its place in [`Grammar::nodes`].
pub(super) type NodeId = u32;

/// A compiled schema.
#[derive(Debug)]
pub(super) struct Grammar {
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
    /// The document.
    pub(super) source: QuoteSource,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// Exactly these bytes; not empty.
    Literal(Vec<u8>),
    /// One after another.
    Sequence(Vec<NodeId>),
    /// One of these; they begin with different bytes.
    Choice(Vec<NodeId>),
    /// One of these spellings, sorted; none empty.
    Enum(Vec<Vec<u8>>),
    Array {
        item: NodeId,
        min: u32,
        max: u32,
    },
    Text {
        min: u32,
        max: u32,
    },
    Number {
        negative: bool,
        decimals: bool,
    },
    Quote {
        min: u32,
        max: u32,
        optional: bool,
        last_start: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    /// Bytes taken of a literal.
    Literal(u32),
    /// Next part of a sequence.
    Sequence(u32),
    Choice,
    Enum {
        low: u32,
        high: u32,
        bytes: u32,
    },
    /// Items begun, and what may come: the bracket, an item, or what follows an item.
    Array {
        items: u32,
        phase: ArrayPhase,
    },
    Text {
        chars: u32,
        phase: TextPhase,
    },
    Number {
        digits: u8,
        phase: NumberPhase,
    },
    QuoteMark,
    Quote {
        matches: Matches,
        chars: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum ArrayPhase {
    Open,
    First,
    Next,
    After,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum TextPhase {
    Open,
    Inside,
    Escape,
    /// Inside a character: bytes that follow, and the bounds of the next one.
    Char {
        left: u8,
        low: u8,
        high: u8,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum NumberPhase {
    Start,
    Minus,
    Zero,
    Whole,
    Point,
    Decimals,
}

/// What a byte does to the top frame.
enum Move {
    /// Taken; the frame is now this.
    Take(At),
    /// Taken, and the value is complete.
    TakeAndLeave,
    /// Not taken: the frame is now this, and a value of that kind begins.
    Enter(At, NodeId),
    /// Not taken: the value was complete before it.
    Leave,
    Refuse,
}

const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Frame {
    node: NodeId,
    parent: u32,
    at: At,
}

/// A place in JSON of one grammar.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    grammar: Arc<Grammar>,
    arena: Vec<Frame>,
    /// Top frame and length of the arena after each byte taken; the first entry is the start.
    stack: Vec<(u32, u32)>,
}

impl Machine {
    pub(super) fn new(grammar: Arc<Grammar>) -> Machine {
        let frame = Frame { node: grammar.root, parent: NONE, at: start_of(&grammar, grammar.root) };
        Machine { grammar, arena: vec![frame], stack: vec![(0, 1)] }
    }

    /// Takes one byte. `false` leaves the machine as it was.
    pub(super) fn push(&mut self, byte: u8) -> bool {
        let Some((mut top, kept)) = self.stack.last().copied() else { return false };
        while let Some(frame) = self.arena.get(top as usize).copied() {
            let parent = frame.parent;
            match self.move_of(frame, byte) {
                Move::Take(at) => {
                    top = self.add(Frame { at, ..frame });
                    self.stack.push((top, self.arena.len() as u32));
                    return true;
                }
                Move::TakeAndLeave => {
                    self.stack.push((parent, self.arena.len() as u32));
                    return true;
                }
                Move::Enter(at, child) => {
                    let parent = self.add(Frame { at, ..frame });
                    top = self.add(Frame { node: child, parent, at: start_of(&self.grammar, child) });
                }
                Move::Leave => top = parent,
                Move::Refuse => break,
            }
        }
        self.arena.truncate(kept as usize);
        false
    }

    /// Takes back the last `count` bytes.
    pub(super) fn pop(&mut self, count: usize) {
        let depth = self.stack.len().saturating_sub(count).max(1);
        self.stack.truncate(depth);
        if let Some((_, kept)) = self.stack.last() {
            self.arena.truncate(*kept as usize);
        }
    }

    /// Whether the value may end here.
    pub(super) fn is_complete(&self) -> bool {
        let mut top = self.stack.last().map_or(NONE, |s| s.0);
        while let Some(frame) = self.arena.get(top as usize) {
            let done = match (frame.at, self.grammar.nodes.get(frame.node as usize)) {
                (At::Sequence(next), Some(Node::Sequence(parts))) => next as usize == parts.len(),
                (At::Sequence(_), Some(Node::Choice(_))) => true,
                (At::Enum { low, bytes, .. }, Some(Node::Enum(spellings))) => {
                    spellings.get(low as usize).is_some_and(|s| s.len() == bytes as usize)
                }
                (At::Number { phase, .. }, _) => {
                    matches!(phase, NumberPhase::Zero | NumberPhase::Whole | NumberPhase::Decimals)
                }
                _ => false,
            };
            if !done {
                return false;
            }
            top = frame.parent;
        }
        true
    }

    /// Whether the value is complete and nothing may follow.
    pub(super) fn is_closed(&mut self) -> bool {
        self.is_complete() && (0..=255).all(|b| !self.byte_allowed(b))
    }

    /// The one byte that may come next, if there is exactly one and the value may not end instead.
    pub(super) fn forced_byte(&mut self) -> Option<u8> {
        if self.is_complete() {
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

    fn add(&mut self, frame: Frame) -> u32 {
        self.arena.push(frame);
        self.arena.len() as u32 - 1
    }

    fn move_of(&self, frame: Frame, byte: u8) -> Move {
        let Some(node) = self.grammar.nodes.get(frame.node as usize) else { return Move::Refuse };
        match (node, frame.at) {
            (Node::Literal(bytes), At::Literal(taken)) => match bytes.get(taken as usize) {
                Some(b) if *b == byte && taken as usize + 1 == bytes.len() => Move::TakeAndLeave,
                Some(b) if *b == byte => Move::Take(At::Literal(taken + 1)),
                _ => Move::Refuse,
            },
            (Node::Sequence(parts), At::Sequence(next)) => match parts.get(next as usize) {
                Some(part) => Move::Enter(At::Sequence(next + 1), *part),
                None => Move::Leave,
            },
            (Node::Choice(options), At::Choice) => {
                match options.iter().find(|o| first_bytes(&self.grammar, **o, byte)) {
                    // A sequence with nothing left leaves as soon as the option is complete.
                    Some(option) => Move::Enter(At::Sequence(u32::MAX), *option),
                    None => Move::Refuse,
                }
            }
            (Node::Choice(_), At::Sequence(_)) => Move::Leave,
            (Node::Enum(spellings), At::Enum { low, high, bytes }) => enum_move(spellings, low, high, bytes, byte),
            (Node::Array { item, min, max }, At::Array { items, phase }) => {
                array_move(*item, *min, *max, items, phase, byte)
            }
            (Node::Text { min, max }, At::Text { chars, phase }) => text_move(*min, *max, chars, phase, byte),
            (Node::Number { negative, decimals }, At::Number { digits, phase }) => {
                number_move(*negative, *decimals, digits, phase, byte)
            }
            (Node::Quote { .. }, At::QuoteMark) => match byte {
                b'"' => Move::Take(At::Quote { matches: self.grammar.source.all(), chars: 0 }),
                _ => Move::Refuse,
            },
            (Node::Quote { min, max, optional, last_start }, At::Quote { matches, chars }) => {
                quote_move(&self.grammar.source, (*min, *max, *optional, *last_start), matches, chars, byte)
            }
            _ => Move::Refuse,
        }
    }
}

fn start_of(grammar: &Grammar, node: NodeId) -> At {
    match grammar.nodes.get(node as usize) {
        None | Some(Node::Literal(_)) => At::Literal(0),
        Some(Node::Sequence(_)) => At::Sequence(0),
        Some(Node::Choice(_)) => At::Choice,
        Some(Node::Enum(spellings)) => At::Enum { low: 0, high: spellings.len() as u32, bytes: 0 },
        Some(Node::Array { .. }) => At::Array { items: 0, phase: ArrayPhase::Open },
        Some(Node::Text { .. }) => At::Text { chars: 0, phase: TextPhase::Open },
        Some(Node::Number { .. }) => At::Number { digits: 0, phase: NumberPhase::Start },
        Some(Node::Quote { .. }) => At::QuoteMark,
    }
}

/// Whether a value of this kind may begin with `byte`.
pub(super) fn first_bytes(grammar: &Grammar, node: NodeId, byte: u8) -> bool {
    match grammar.nodes.get(node as usize) {
        None => false,
        Some(Node::Literal(bytes)) => bytes.first() == Some(&byte),
        Some(Node::Sequence(parts)) => parts.first().is_some_and(|p| first_bytes(grammar, *p, byte)),
        Some(Node::Choice(options)) => options.iter().any(|o| first_bytes(grammar, *o, byte)),
        Some(Node::Enum(spellings)) => spellings.iter().any(|s| s.first() == Some(&byte)),
        Some(Node::Array { .. }) => byte == b'[',
        Some(Node::Text { .. } | Node::Quote { .. }) => byte == b'"',
        Some(Node::Number { negative, .. }) => byte.is_ascii_digit() || *negative && byte == b'-',
    }
}

fn enum_move(spellings: &[Vec<u8>], low: u32, high: u32, bytes: u32, byte: u8) -> Move {
    let range = spellings.get(low as usize..high as usize).unwrap_or_default();
    let next = |s: &Vec<u8>| s.get(bytes as usize).copied();
    let below = range.partition_point(|s| next(s) < Some(byte));
    let upto = below + range[below..].partition_point(|s| next(s) == Some(byte));
    match range.get(below..upto) {
        Some([only]) if only.len() == bytes as usize + 1 => Move::TakeAndLeave,
        Some([_, ..]) => Move::Take(At::Enum { low: low + below as u32, high: low + upto as u32, bytes: bytes + 1 }),
        // One spelling may be the beginning of another (`1`, `10`): then what follows decides.
        _ if range.first().is_some_and(|s| s.len() == bytes as usize) => Move::Leave,
        _ => Move::Refuse,
    }
}

fn array_move(item: NodeId, min: u32, max: u32, items: u32, phase: ArrayPhase, byte: u8) -> Move {
    match (phase, byte) {
        (ArrayPhase::Open, b'[') => Move::Take(At::Array { items, phase: ArrayPhase::First }),
        (ArrayPhase::First, b']') if min == 0 => Move::TakeAndLeave,
        (ArrayPhase::After, b']') if items >= min => Move::TakeAndLeave,
        (ArrayPhase::After, b',') if items < max => Move::Take(At::Array { items, phase: ArrayPhase::Next }),
        (ArrayPhase::First | ArrayPhase::Next, _) if items < max => {
            Move::Enter(At::Array { items: items + 1, phase: ArrayPhase::After }, item)
        }
        _ => Move::Refuse,
    }
}

/// Characters of a free string: no control characters, quotation marks and backslashes escaped, well-formed UTF-8.
fn text_move(min: u32, max: u32, chars: u32, phase: TextPhase, byte: u8) -> Move {
    let take = |chars, phase| Move::Take(At::Text { chars, phase });
    let inside = |left, low, high| take(chars, TextPhase::Char { left, low, high });
    match (phase, byte) {
        (TextPhase::Open, b'"') => take(0, TextPhase::Inside),
        (TextPhase::Inside, b'"') if chars >= min => Move::TakeAndLeave,
        (TextPhase::Inside, _) if chars >= max => Move::Refuse,
        (TextPhase::Inside, b'\\') => take(chars, TextPhase::Escape),
        (TextPhase::Inside, b'"') => Move::Refuse,
        (TextPhase::Inside, b' '..=b'~') => take(chars + 1, TextPhase::Inside),
        // U+0080 to U+009F are control characters.
        (TextPhase::Inside, 0xc2) => inside(1, 0xa0, 0xbf),
        (TextPhase::Inside, 0xc3..=0xdf) => inside(1, 0x80, 0xbf),
        (TextPhase::Inside, 0xe0) => inside(2, 0xa0, 0xbf),
        (TextPhase::Inside, 0xed) => inside(2, 0x80, 0x9f),
        (TextPhase::Inside, 0xe1..=0xef) => inside(2, 0x80, 0xbf),
        (TextPhase::Inside, 0xf0) => inside(3, 0x90, 0xbf),
        (TextPhase::Inside, 0xf1..=0xf3) => inside(3, 0x80, 0xbf),
        (TextPhase::Inside, 0xf4) => inside(3, 0x80, 0x8f),
        (TextPhase::Escape, b'"' | b'\\') => take(chars + 1, TextPhase::Inside),
        (TextPhase::Char { left, low, high }, b) if (low..=high).contains(&b) => match left {
            1 => take(chars + 1, TextPhase::Inside),
            _ => inside(left - 1, 0x80, 0xbf),
        },
        _ => Move::Refuse,
    }
}

fn number_move(negative: bool, decimals: bool, digits: u8, phase: NumberPhase, byte: u8) -> Move {
    use NumberPhase as P;
    let take = |digits, phase| Move::Take(At::Number { digits, phase });
    match (phase, byte) {
        (P::Start, b'-') if negative => take(0, P::Minus),
        (P::Start, b'0') => take(1, P::Zero),
        // `-0` is no integer to most readers of JSON.
        (P::Minus, b'0') if decimals => take(1, P::Zero),
        (P::Start | P::Minus, b'1'..=b'9') => take(1, P::Whole),
        (P::Whole, b'0'..=b'9') if digits < MAX_DIGITS => take(digits + 1, P::Whole),
        (P::Zero | P::Whole, b'.') if decimals => take(0, P::Point),
        (P::Point, b'0'..=b'9') => take(1, P::Decimals),
        (P::Decimals, b'0'..=b'9') if digits < MAX_DECIMALS => take(digits + 1, P::Decimals),
        // The value was complete; this byte belongs to what follows. More digits or a sign cannot follow a value.
        (P::Zero | P::Whole | P::Decimals, b) if !b.is_ascii_digit() && b != b'.' => Move::Leave,
        _ => Move::Refuse,
    }
}

fn quote_move(
    source: &QuoteSource,
    (min, max, optional, last_start): (u32, u32, bool, u32),
    matches: Matches,
    chars: u32,
    byte: u8,
) -> Move {
    let empty = matches == source.all();
    // Inside a character it is the second half of `\\"`.
    if byte == b'"' && (empty || source.at_char(matches)) {
        let may_end = if empty { optional } else { chars >= min && may_end_here(source, max, matches, chars) };
        return if may_end { Move::TakeAndLeave } else { Move::Refuse };
    }
    // Near its longest, a quote ends with the word it is in.
    let ends = chars >= max || chars >= min && chars + WIND_DOWN > max.max(min + WIND_DOWN);
    if ends && !empty && source.at_char(matches) && may_end_here(source, max, matches, chars) {
        return Move::Refuse;
    }
    match source.step(matches, byte, last_start) {
        Some(next) => {
            let chars = chars + u32::from(source.at_char(next));
            Move::Take(At::Quote { matches: next, chars })
        }
        None => Move::Refuse,
    }
}

/// At the end of a word, or anywhere between two characters where the quote has reached its longest.
fn may_end_here(source: &QuoteSource, max: u32, matches: Matches, chars: u32) -> bool {
    source.at_char(matches) && (chars >= max.min(QUOTE_MAX) || source.at_word_end(matches))
}

impl Recognizer for Machine {
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
