//! Frames between the parser's child process and its parent: a length, a kind, a payload.
//!
//! Pages are binary since a long report has millions of boxes; the rest is JSON. The reader trusts no length: the child
//! has run hostile input.

use super::ParseError;
use super::pdf::{Engines, Opened};
use super::raw::{Format, RawDocument, RawGlyph, RawLine, RawPage};
use crate::text::{ImportNote, Rect};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// Largest frame that is read, in bytes.
const MAX_FRAME: usize = 1 << 30;

/// What the parent asks for. It goes through the pipe, not the command line, which others can read: it may hold a password.
#[derive(Clone, Serialize, Deserialize)]
pub struct Request {
    /// The file.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
    /// Opens an encrypted PDF.
    pub password: Option<String>,
    /// Path of `libpdfium`.
    pub pdfium: Option<PathBuf>,
    /// Which PDF extractors may run.
    pub engines: Engines,
    /// First page to read, from 1.
    pub first_page: u32,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, format, engines, first_page, .. } = self;
        write!(f, "Request({} {format:?} {engines:?} from page {first_page})", path.display())
    }
}

/// What the child answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// A PDF was opened.
    Opened(Opened),
    /// The next page, with a note where it failed.
    Page(Box<RawPage>, Option<ImportNote>),
    /// A whole document of a format without pages.
    Document(Box<RawDocument>),
    /// It cannot be parsed. Last frame.
    Failed(ParseError),
    /// All of it was sent. Last frame.
    Done,
}

/// Writes one request.
pub fn write_request(out: &mut impl Write, request: &Request) -> io::Result<()> {
    let json = serde_json::to_vec(request)?;
    out.write_all(&(json.len() as u32).to_le_bytes())?;
    out.write_all(&json)?;
    out.flush()
}

/// Reads one request.
pub fn read_request(input: &mut impl Read) -> io::Result<Request> {
    Ok(serde_json::from_slice(&read_block(input)?)?)
}

fn read_block(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0u8; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame too long"));
    }
    let mut block = Vec::new();
    match input.take(length as u64).read_to_end(&mut block)? == length {
        true => Ok(block),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Writes one frame.
pub fn write_frame(out: &mut impl Write, frame: &Frame) -> io::Result<()> {
    let mut block = Vec::new();
    match frame {
        Frame::Opened(opened) => json(&mut block, b'o', opened)?,
        Frame::Document(document) => json(&mut block, b'd', document)?,
        Frame::Failed(error) => json(&mut block, b'f', error)?,
        Frame::Done => block.push(b'e'),
        Frame::Page(page, note) => {
            block.push(b'p');
            write_page(&mut block, page, note.as_ref())?;
        }
    }
    let length = u32::try_from(block.len()).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&block)?;
    out.flush()
}

fn json<T: Serialize>(block: &mut Vec<u8>, kind: u8, value: &T) -> io::Result<()> {
    block.push(kind);
    Ok(serde_json::to_writer(block, value)?)
}

/// Reads one frame.
pub fn read_frame(input: &mut impl Read) -> io::Result<Frame> {
    let block = read_block(input)?;
    let (kind, payload) = block.split_first().ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(match kind {
        b'o' => Frame::Opened(serde_json::from_slice(payload)?),
        b'd' => Frame::Document(serde_json::from_slice(payload)?),
        b'f' => Frame::Failed(serde_json::from_slice(payload)?),
        b'e' => Frame::Done,
        b'p' => read_page(payload)?,
        _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "unknown frame")),
    })
}

fn write_page(block: &mut Vec<u8>, page: &RawPage, note: Option<&ImportNote>) -> io::Result<()> {
    let RawPage { number, width, height, status, extractor, quality, lines } = page;
    let head = RawPage {
        number: *number,
        width: *width,
        height: *height,
        status: *status,
        extractor: extractor.clone(),
        quality: *quality,
        lines: Vec::new(),
    };
    let head = serde_json::to_vec(&(head, note))?;
    block.extend((head.len() as u32).to_le_bytes());
    block.extend(head);
    for line in lines {
        block.extend(line.font_size.to_le_bytes());
        block.push(u8::from(line.bold));
        block.extend((line.glyphs.len() as u32).to_le_bytes());
        for RawGlyph { text, rect } in &line.glyphs {
            block.push(u8::from(rect.is_some()));
            if let Some(Rect { x, y, w, h }) = rect {
                [x, y, w, h].iter().for_each(|v| block.extend(v.to_le_bytes()));
            }
            block.extend((text.len() as u32).to_le_bytes());
            block.extend(text.as_bytes());
        }
    }
    Ok(())
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn bytes(&mut self, n: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        self.bytes(N)?.try_into().map_err(|_| io::ErrorKind::UnexpectedEof.into())
    }

    fn u32(&mut self) -> io::Result<usize> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    fn f32(&mut self) -> io::Result<f32> {
        Ok(f32::from_le_bytes(self.array()?))
    }

    fn flag(&mut self) -> io::Result<bool> {
        Ok(self.array::<1>()? != [0])
    }

    fn glyph(&mut self) -> io::Result<RawGlyph> {
        let rect = match self.flag()? {
            true => Some(Rect { x: self.f32()?, y: self.f32()?, w: self.f32()?, h: self.f32()? }),
            false => None,
        };
        let length = self.u32()?;
        let text =
            std::str::from_utf8(self.bytes(length)?).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
        Ok(RawGlyph { text: text.to_string(), rect })
    }
}

fn read_page(payload: &[u8]) -> io::Result<Frame> {
    let mut cursor = Cursor(payload);
    let head = cursor.u32()?;
    let (mut page, note): (RawPage, Option<ImportNote>) = serde_json::from_slice(cursor.bytes(head)?)?;
    while !cursor.0.is_empty() {
        let (font_size, bold, count) = (cursor.f32()?, cursor.flag()?, cursor.u32()?);
        let mut glyphs = Vec::with_capacity(count.min(cursor.0.len() / 5));
        for _ in 0..count {
            glyphs.push(cursor.glyph()?);
        }
        page.lines.push(RawLine { glyphs, font_size, bold });
    }
    Ok(Frame::Page(Box::new(page), note))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Extractor, PageStatus};
    use proptest::prelude::*;

    fn extractor() -> Extractor {
        Extractor { name: "x".into(), version: "1".into() }
    }

    proptest! {
        #[test]
        fn a_page_survives_the_pipe(lines in prop::collection::vec((any::<bool>(), 0f32..99.0, prop::collection::vec((".{0,3}", prop::option::of((0f32..9.0, 0f32..9.0))), 0..9)), 0..5)) {
            let lines = lines.into_iter().map(|(bold, font_size, glyphs)| RawLine {
                glyphs: glyphs.into_iter().map(|(text, place)| RawGlyph { text, rect: place.map(|(x, y)| Rect { x, y, w: 1.5, h: 2.5 }) }).collect(),
                font_size,
                bold,
            }).collect();
            let page = RawPage { number: 7, width: 612.0, height: 792.0, status: PageStatus::Ok, extractor: extractor(), quality: 0.75, lines };
            let frame = Frame::Page(Box::new(page), None);
            let mut bytes = Vec::new();
            write_frame(&mut bytes, &frame).unwrap();
            prop_assert_eq!(read_frame(&mut bytes.as_slice()).unwrap(), frame);
            for cut in 0..bytes.len() {
                prop_assert!(read_frame(&mut &bytes[..cut]).is_err());
            }
        }

        #[test]
        fn garbage_is_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut framed = (bytes.len() as u32).to_le_bytes().to_vec();
            framed.extend(&bytes);
            let _ = read_frame(&mut framed.as_slice());
            let _ = read_frame(&mut bytes.as_slice());
        }
    }

    #[test]
    fn a_password_does_not_show_in_debug_output() {
        let request = Request {
            path: "a.pdf".into(),
            format: Format::Pdf,
            password: Some("secret".into()),
            pdfium: None,
            engines: Engines::Both,
            first_page: 1,
        };
        assert!(!format!("{request:?}").contains("secret"));
    }
}
