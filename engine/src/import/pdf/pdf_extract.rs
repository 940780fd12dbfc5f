//! Characters with their boxes by pdf-extract: pure Rust, always there. It panics by policy, so every page is caught.

use super::geometry::PageGeometry;
use super::lines::{Placed, group};
use super::{Extracted, Pictures};
use crate::import::ParseError;
use crate::text::Extractor;
use pdf_extract::{Dictionary, Document, MediaBox, Object, ObjectId, OutputDev, OutputError, Transform};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Characters of one page that are taken; a page has a few thousand, a hostile one has no end.
const MAX_CHARACTERS: usize = 500_000;
/// Levels of the page tree that are climbed for inherited entries.
const MAX_TREE_DEPTH: usize = 64;

/// An open document.
pub(super) struct PdfExtractDocument {
    document: Document,
    pages: BTreeMap<u32, ObjectId>,
}

/// What is recorded as the extractor.
pub(super) fn extractor() -> Extractor {
    Extractor { name: "pdf-extract".to_string(), version: "0.12.1".to_string() }
}

/// Opens and decrypts a document.
pub(super) fn open(bytes: &[u8], password: Option<&str>) -> Result<PdfExtractDocument, ParseError> {
    catch_unwind(AssertUnwindSafe(|| load(bytes, password)))
        .unwrap_or_else(|panic| Err(ParseError::Damaged { reason: panic_words(panic.as_ref()) }))
}

fn load(bytes: &[u8], password: Option<&str>) -> Result<PdfExtractDocument, ParseError> {
    let loaded = match password {
        Some(password) => Document::load_mem_with_options(bytes, pdf_extract::LoadOptions::with_password(password)),
        None => Document::load_mem(bytes),
    };
    let locked = || ParseError::Password { wrong: password.is_some_and(|p| !p.is_empty()) };
    let document = loaded.map_err(|e| match e {
        pdf_extract::Error::Decryption(_) | pdf_extract::Error::InvalidPassword => locked(),
        e => ParseError::Damaged { reason: e.to_string() },
    })?;
    // Without the right password lopdf gives a document of which it could read next to nothing.
    if document.is_encrypted() && !document.was_encrypted() {
        return Err(locked());
    }
    let pages = document.get_pages();
    Ok(PdfExtractDocument { document, pages })
}

impl PdfExtractDocument {
    /// Number of pages.
    pub(super) fn pages(&self) -> u32 {
        self.pages.len() as u32
    }

    /// The title in the document's information.
    pub(super) fn title(&self) -> Option<String> {
        let info = self.resolve(self.document.trailer.get(b"Info").ok()?).as_dict().ok()?;
        let bytes = self.resolve(info.get(b"Title").ok()?).as_str().ok()?;
        match bytes.strip_prefix(b"\xfe\xff") {
            Some(units) => {
                let units: Vec<u16> = units.chunks_exact(2).map(|u| u16::from_be_bytes([u[0], u[1]])).collect();
                Some(String::from_utf16_lossy(&units))
            }
            None => Some(String::from_utf8_lossy(bytes).into_owned()),
        }
    }

    /// Lines and pictures of the page at `index` (from 0).
    pub(super) fn page(&self, index: u32) -> Result<Extracted, String> {
        catch_unwind(AssertUnwindSafe(|| self.read_page(index + 1)))
            .unwrap_or_else(|panic| Err(panic_words(panic.as_ref())))
    }

    fn read_page(&self, number: u32) -> Result<Extracted, String> {
        let id = *self.pages.get(&number).ok_or("the page is not in the page tree")?;
        let corners = self.inherited(id, b"CropBox").or_else(|| self.inherited(id, b"MediaBox"));
        let corners = corners.and_then(|o| self.numbers(o)).unwrap_or([f32::NAN; 4]);
        let rotate = self.inherited(id, b"Rotate").and_then(|o| o.as_i64().ok()).unwrap_or(0);
        let geometry = PageGeometry::new(corners, rotate);
        let mut characters = Characters { geometry, placed: Vec::new() };
        let read =
            catch_unwind(AssertUnwindSafe(|| pdf_extract::output_doc_page(&self.document, &mut characters, number)));
        let failure = match read {
            Ok(Ok(())) => None,
            Ok(Err(e)) => Some(e.to_string()),
            Err(panic) => Some(panic_words(panic.as_ref())),
        };
        // What came before the failure is text all the same, if there is a fair amount of it.
        match failure {
            Some(reason) if characters.placed.len() < super::quality::FEW_LETTERS => Err(reason),
            _ => Ok(Extracted {
                width: geometry.width(),
                height: geometry.height(),
                lines: group(&characters.placed),
                pictures: self.pictures(id),
            }),
        }
    }

    fn resolve<'a>(&'a self, object: &'a Object) -> &'a Object {
        self.document.dereference(object).map_or(object, |(_, o)| o)
    }

    fn inherited(&self, page: ObjectId, key: &[u8]) -> Option<&Object> {
        let mut dictionary = self.document.get_dictionary(page).ok()?;
        for _ in 0..MAX_TREE_DEPTH {
            if let Ok(found) = dictionary.get(key) {
                return Some(self.resolve(found));
            }
            dictionary = self.resolve(dictionary.get(b"Parent").ok()?).as_dict().ok()?;
        }
        None
    }

    fn numbers(&self, object: &Object) -> Option<[f32; 4]> {
        let array = object.as_array().ok()?;
        let numbers: Vec<f32> = array.iter().filter_map(|o| self.resolve(o).as_float().ok()).collect();
        numbers.try_into().ok()
    }

    /// Whether the page has an image among its resources; where it stands is not known here.
    fn pictures(&self, page: ObjectId) -> Pictures {
        let dictionary = |o: &'_ Object| -> Option<Dictionary> { self.resolve(o).as_dict().ok().cloned() };
        let objects = self
            .inherited(page, b"Resources")
            .and_then(dictionary)
            .and_then(|r| r.get(b"XObject").ok().and_then(dictionary))
            .unwrap_or_default();
        let is_image = |o: &Object| {
            let stream = self.resolve(o).as_stream().ok()?;
            Some(self.resolve(stream.dict.get(b"Subtype").ok()?).as_name().ok()? == b"Image")
        };
        let any = objects.iter().any(|(_, o)| is_image(o) == Some(true));
        Pictures { image_share: if any { 0.5 } else { 0.0 }, paths: 0 }
    }
}

struct Characters {
    geometry: PageGeometry,
    placed: Vec<Placed>,
}

impl OutputDev for Characters {
    fn begin_page(&mut self, _: u32, _: &MediaBox, _: Option<(f64, f64, f64, f64)>) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn output_character(
        &mut self,
        trm: &Transform,
        width: f64,
        spacing: f64,
        font_size: f64,
        text: &str,
    ) -> Result<(), OutputError> {
        if self.placed.len() >= MAX_CHARACTERS {
            return Err(OutputError::FormatError(std::fmt::Error));
        }
        if text.is_empty() {
            return Ok(());
        }
        // A unit of text space along and across the line, as PDF space sees it (row vectors: x' = x m11 + y m21 + m31).
        let at = |x: f64, y: f64| {
            let (px, py) = (x * trm.m11 + y * trm.m21 + trm.m31, x * trm.m12 + y * trm.m22 + trm.m32);
            (px as f32, py as f32)
        };
        let advance = width * font_size;
        let length = (trm.m11.hypot(trm.m12)) as f32;
        let along = if length > 0.0 { (trm.m11 as f32 / length, trm.m12 as f32 / length) } else { (1.0, 0.0) };
        // Ascent and descent of a usual font; the true ones are not passed on.
        let corners = [
            at(0.0, -0.22 * font_size),
            at(advance, -0.22 * font_size),
            at(0.0, 0.78 * font_size),
            at(advance, 0.78 * font_size),
        ];
        let size = (trm.m21.hypot(trm.m22) * font_size).abs() as f32;
        self.placed.push(Placed {
            text: text.to_string(),
            rect: self.geometry.rect(&corners),
            start: at(0.0, 0.0),
            next: at(advance + spacing, 0.0),
            along,
            size: if size.is_finite() { size.min(1000.0) } else { 0.0 },
        });
        Ok(())
    }

    fn begin_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), OutputError> {
        Ok(())
    }
}

/// What a panic says.
pub(crate) fn panic_words(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    words.unwrap_or("the parser panicked").chars().take(200).collect()
}
