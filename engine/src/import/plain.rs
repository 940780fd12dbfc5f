//! Plain text: encoding found out, paragraphs at blank lines.

use super::ParseError;
use super::raw::{Format, RawBlock, RawDocument};
use crate::text::{BlockKind, Extractor, ImportNote};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Text decoded from bytes, and the encoding where it had to be guessed.
pub struct Decoded {
    /// The text, line ends made `\n`, no byte-order mark.
    pub text: String,
    /// Name of the encoding where nothing in the file states it.
    pub guessed: Option<&'static str>,
}

/// Decodes by byte-order mark, else UTF-8, else UTF-16 where every other byte is zero, else Windows-1252.
pub fn decode(bytes: &[u8]) -> Decoded {
    let (text, guessed) = match Encoding::for_bom(bytes) {
        Some((encoding, _)) => (encoding.decode(bytes).0, None),
        None if std::str::from_utf8(bytes).is_ok() => (UTF_8.decode(bytes).0, None),
        None => {
            let encoding = guess(bytes);
            (encoding.decode(bytes).0, Some(encoding.name()))
        }
    };
    Decoded { text: text.replace("\r\n", "\n").replace('\r', "\n"), guessed }
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let sample = bytes.get(..bytes.len().min(4096)).unwrap_or(bytes);
    let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|b| **b == 0).count() * 4;
    match (zeros(0) > sample.len(), zeros(1) > sample.len()) {
        (true, false) => UTF_16BE,
        (false, true) => UTF_16LE,
        _ => WINDOWS_1252,
    }
}

/// The note that tells the person of a guessed encoding.
pub fn encoding_note(guessed: Option<&'static str>) -> Option<ImportNote> {
    guessed.map(|name| ImportNote {
        code: "encoding_guessed".to_string(),
        message: format!(
            "The file does not state its encoding; it was read as {name}. If letters look wrong, save it as UTF-8."
        ),
        page: None,
    })
}

/// Parses plain text. Blank lines separate paragraphs; line breaks inside a paragraph are kept.
///
/// # Errors
/// `Empty` where nothing but white space is in the file.
pub fn parse(bytes: &[u8]) -> Result<RawDocument, ParseError> {
    let decoded = decode(bytes);
    if decoded.text.trim().is_empty() {
        return Err(ParseError::Empty);
    }
    let flow = paragraphs(&decoded.text)
        .map(|text| RawBlock { kind: BlockKind::Paragraph, text: text.to_string(), cue: None })
        .collect();
    Ok(RawDocument {
        format: Format::Text,
        extractor: Extractor { name: "lectern-text".to_string(), version: env!("CARGO_PKG_VERSION").to_string() },
        title: None,
        pages: Vec::new(),
        flow,
        notes: encoding_note(decoded.guessed).into_iter().collect(),
    })
}

/// Pieces between blank lines, without the white space around them (indentation of the first line kept).
fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(|c: char| c != '\n')?;
            rest = &rest[start..];
            let end = blank_line(rest);
            let (piece, after) = rest.split_at(end);
            rest = after;
            let piece = piece.trim_end();
            if !piece.trim().is_empty() {
                return Some(piece);
            }
        }
    })
}

/// Offset of the first line that holds only white space, or the end.
fn blank_line(text: &str) -> usize {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if at > 0 && line.trim().is_empty() {
            return at;
        }
        at += line.len();
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_found_out() {
        assert_eq!(decode("\u{feff}ä\r\nb\rc".as_bytes()).text, "ä\nb\nc");
        let wide: Vec<u8> = "Straße 7, abc".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let d = decode(&wide);
        assert_eq!((d.text.as_str(), d.guessed), ("Straße 7, abc", Some("UTF-16LE")));
        let d = decode(b"caf\xe9 \x80 5");
        assert_eq!((d.text.as_str(), d.guessed), ("café € 5", Some("windows-1252")));
    }

    #[test]
    fn blank_lines_part_paragraphs() {
        let d = parse(b"\n\nOne\nline two\n  \n\nThree\n").unwrap();
        let texts: Vec<_> = d.flow.iter().map(|b| b.text.as_str()).collect();
        assert_eq!(texts, ["One\nline two", "Three"]);
        assert!(matches!(parse(b" \n\t"), Err(ParseError::Empty)));
    }
}
