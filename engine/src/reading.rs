//! How a document is read: counted with the model's own tokenizer, whole or as the person chose, and what was read.

use crate::generate::{GenerateError, Generator, ModelCard};
use crate::tasks::prompt::MOST_REQUEST_TOKENS;
use crate::tasks::{Coverage, TaskError, TooLong};
use crate::text::{DocText, PageStatus, Span};

/// Tokens kept free for framing (about 80), the longest instruction (about 200), and the passages shown beside it with the
/// longest answer.
const ROOM_TOKENS: usize = 80 + 200 + MOST_REQUEST_TOKENS;

/// Which pieces are read, one after the other, each on its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Pieces of the canonical text with their token counts; disjoint, in order.
    pub parts: Vec<Part>,
    /// What a result says about it.
    pub coverage: Coverage,
}

/// A piece to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Where it stands.
    pub span: Span,
    /// Its tokens.
    pub tokens: usize,
}

/// Tokens of document text that a model holds beside framing, instruction and answer.
pub fn available_tokens(card: &ModelCard) -> usize {
    card.context_length - ROOM_TOKENS.min(card.context_length / 4)
}

/// Counts `document` and decides what is read. Where it does not fit and `too_long` refuses, nothing is read.
pub fn plan(generator: &mut dyn Generator, document: &DocText, too_long: TooLong) -> Result<Plan, TaskError> {
    let unread = unread_pages(document);
    if document.text.trim().is_empty() {
        return Err(TaskError::NoText { reason: why_no_text(document, &unread) });
    }
    let tokens = count(generator, &document.text)?;
    let available = available_tokens(generator.card());
    let all = Span::new(0, document.text.len());
    let parts = if tokens <= available {
        vec![Part { span: all, tokens }]
    } else {
        match too_long {
            TooLong::Refuse => {
                return Err(TaskError::TooLong { tokens, available, model: generator.card().name.clone() });
            }
            TooLong::ReadBeginning => vec![prefix(generator, document, all, tokens, available)?],
            TooLong::ReadInParts => split(generator, document, tokens, available)?,
        }
    };
    let coverage = coverage(document, tokens, &parts, unread);
    Ok(Plan { parts, coverage })
}

/// Pages whose text could not be used: scans, and pages that failed. Blank pages hold nothing to read.
pub fn unread_pages(document: &DocText) -> Vec<u32> {
    let lost = |s: PageStatus| matches!(s, PageStatus::NeedsOcr | PageStatus::Failed);
    document.pages.iter().filter(|p| lost(p.status)).map(|p| p.number).collect()
}

fn why_no_text(document: &DocText, unread: &[u32]) -> String {
    match (unread, document.pages.len()) {
        ([], 0) => "the file is empty.".to_owned(),
        ([], _) => "all its pages are blank.".to_owned(),
        (pages, _) => format!("{} only pictures; run it through text recognition (OCR) first.", page_words(pages)),
    }
}

fn count(generator: &mut dyn Generator, text: &str) -> Result<usize, TaskError> {
    generator.count_tokens(text).map_err(|e| match e {
        GenerateError::Cancelled => TaskError::Cancelled,
        e => TaskError::Generate(e),
    })
}

fn split(
    generator: &mut dyn Generator,
    document: &DocText,
    tokens: usize,
    available: usize,
) -> Result<Vec<Part>, TaskError> {
    let mut parts: Vec<Part> = Vec::new();
    let mut rest = Span::new(0, document.text.len());
    let mut left = tokens;
    while !rest.is_empty() && document.slice(rest).is_some_and(|t| !t.trim().is_empty()) {
        let part = if left <= available {
            Part { span: rest, tokens: count(generator, document.slice(rest).unwrap_or_default())? }
        } else {
            prefix(generator, document, rest, left, available)?
        };
        if part.tokens > available {
            // The estimate of what is left was too low: cut once more.
            left = part.tokens;
            continue;
        }
        left = left.saturating_sub(part.tokens);
        rest = Span::new(part.span.end(), rest.end());
        parts.push(part);
    }
    Ok(parts)
}

/// The longest beginning of `within` (whose tokens are about `tokens`) that ends where a block or a sentence ends and
/// has at most `available` tokens, found in a few counts.
fn prefix(
    generator: &mut dyn Generator,
    document: &DocText,
    within: Span,
    tokens: usize,
    available: usize,
) -> Result<Part, TaskError> {
    let mut wanted = within.len() * available / tokens.max(1);
    let mut best: Option<Part> = None;
    for _ in 0..12 {
        let end = boundary(document, within, within.start() + wanted.max(1));
        let span = Span::new(within.start(), end);
        let tokens = count(generator, document.slice(span).unwrap_or_default())?;
        if tokens <= available {
            let better = best.is_none_or(|b| span.len() > b.span.len());
            if better {
                best = Some(Part { span, tokens });
            }
            // Within a twentieth of what fits is good enough; else try a little more.
            if !better || tokens * 20 >= available * 19 || span.end() == within.end() {
                break;
            }
            wanted = (span.len() * available / tokens.max(1)).max(span.len() + 1).min(within.len());
        } else {
            if best.is_some() {
                break;
            }
            wanted = (wanted.min(span.len()) * available / tokens.max(1)).min(wanted.saturating_sub(1)) * 49 / 50;
        }
    }
    best.ok_or_else(|| TaskError::TooLong { tokens, available, model: generator.card().name.clone() })
}

/// The last end of a block at or before `wanted` that leaves at least half of what was wanted; else the last white
/// space; else the character boundary.
fn boundary(document: &DocText, within: Span, wanted: usize) -> usize {
    let wanted = wanted.min(within.end());
    if wanted == within.end() {
        return wanted;
    }
    let least = within.start() + (wanted - within.start()) / 2;
    let i = document.blocks.partition_point(|b| b.span.end() <= wanted);
    let block = i.checked_sub(1).and_then(|i| document.blocks.get(i)).map(|b| b.span.end());
    if let Some(end) = block.filter(|e| *e > least.max(within.start())) {
        return end;
    }
    let mut end = wanted;
    while !document.text.is_char_boundary(end) {
        end -= 1;
    }
    let space = document.slice(Span::new(least.min(end), end)).or(document.slice(Span::new(within.start(), end)));
    let space = space.and_then(|t| t.rfind(char::is_whitespace)).map(|i| least.min(end) + i + 1);
    let end = space.filter(|e| document.text.is_char_boundary(*e) && *e > within.start()).unwrap_or(end);
    if end > within.start() { end } else { next_boundary(document, within.start()) }
}

fn next_boundary(document: &DocText, start: usize) -> usize {
    document.text.get(start..).and_then(|t| t.chars().next()).map_or(start, |c| start + c.len_utf8())
}

fn coverage(document: &DocText, tokens: usize, parts: &[Part], unread: Vec<u32>) -> Coverage {
    let read: Vec<Span> = parts.iter().map(|p| p.span).collect();
    let whole = matches!(parts, [p] if p.span == Span::new(0, document.text.len()));
    let mut statement = match parts {
        _ if whole => format!("The whole document was read in one piece ({} tokens).", grouped(tokens)),
        [part] => {
            let share = part.tokens * 100 / tokens.max(1);
            let upto = document
                .page_at(part.span.end().saturating_sub(1))
                .map(|p| format!(", up to page {p}"))
                .unwrap_or_default();
            format!(
                "Only the beginning was read: {} of {} tokens ({share} %){upto}. The rest was not read.",
                grouped(part.tokens),
                grouped(tokens)
            )
        }
        parts => format!(
            "The document ({} tokens) was read in {} parts. No part saw the others, so connections between them may be missed.",
            grouped(tokens),
            parts.len()
        ),
    };
    if !unread.is_empty() {
        statement.push_str(&format!(" {} no usable text and could not be read.", page_words(&unread)));
    }
    Coverage { text_bytes: document.text.len(), text_tokens: tokens, read, whole, statement, unread_pages: unread }
}

/// "Page 3 holds", "Pages 3-5, 9 hold".
fn page_words(pages: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &page in pages {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == page => *last = page,
            _ => runs.push((page, page)),
        }
    }
    let words: Vec<String> =
        runs.iter().map(|&(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") }).collect();
    match pages {
        [_] => format!("Page {} holds", words.join(", ")),
        _ => format!("Pages {} hold", words.join(", ")),
    }
}

/// A number with a comma every three digits.
pub fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
