//! Characters with their boxes by pdfium, through its C interface: the safe wrapper costs several calls and allocations a
//! character. pdfium itself is not trusted: this runs in the parser's child process.

use super::geometry::PageGeometry;
use super::lines::LineBuilder;
use super::{Extracted, Pictures};
use crate::import::ParseError;
use crate::text::{Extractor, Rect};
use pdfium_render::prelude::{Pdfium, PdfiumLibraryBindings, PdfiumLibraryBindingsAccessor};
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::path::Path;
use std::sync::Mutex;

/// `FPDF_GetLastError`: a password is needed or wrong.
const ERR_PASSWORD: u64 = 4;
/// `FPDF_GetLastError`: a security handler pdfium does not know.
const ERR_SECURITY: u64 = 5;
/// `FPDFPageObj_GetType`.
const OBJECT_PATH: i32 = 2;
const OBJECT_IMAGE: i32 = 3;
const OBJECT_FORM: i32 = 5;
/// Objects of a page that are looked at for pictures; a drawing may have a million.
const MAX_OBJECTS: i32 = 20_000;
/// `FPDFPage_Flatten` for the screen, which shows what printing may hide.
const FLATTEN_FOR_DISPLAY: i32 = 0;
/// `FPDFAnnot_GetSubtype`: text typed onto the page, and form fields.
const ANNOTATION_FREE_TEXT: i32 = 3;
const ANNOTATION_WIDGET: i32 = 20;
/// Annotations of a page that are looked at.
const MAX_ANNOTATIONS: i32 = 2_000;
/// Descriptor flag "force bold".
const FLAG_FORCE_BOLD: i32 = 1 << 18;

/// The library, loaded once in a process.
#[derive(Clone, Copy)]
pub(super) struct Library(&'static dyn PdfiumLibraryBindings, &'static str);

impl Library {
    /// Loads the library at `path`; later calls return the one that was loaded first.
    pub(super) fn load(path: &Path) -> Result<Library, String> {
        static LOADED: Mutex<Option<Library>> = Mutex::new(None);
        let mut loaded = LOADED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(library) = *loaded {
            return Ok(library);
        }
        let bindings = Pdfium::bind_to_library(path).map_err(|e| e.to_string())?;
        // The library does not tell its version, so the file itself is named: the same digest is the same reader.
        let digest = blake3::hash(&std::fs::read(path).map_err(|e| e.to_string())?).to_hex();
        let version = format!("interface 8125, library blake3:{}", digest.get(..16).unwrap_or_default());
        // Leaked once in a process, beside a library that is never unloaded.
        let library = Library(Pdfium::new(bindings).bindings(), Box::leak(version.into_boxed_str()));
        *loaded = Some(library);
        Ok(library)
    }

    /// What is recorded as the extractor.
    pub(super) fn extractor(self) -> Extractor {
        Extractor { name: "pdfium".to_string(), version: self.1.to_string() }
    }

    /// Opens a document that lies in memory.
    pub(super) fn open<'b>(self, bytes: &'b [u8], password: Option<&str>) -> Result<PdfiumDocument<'b>, ParseError> {
        // A zero byte cannot be part of a password in PDF's interface and would end the process in the wrapper.
        let password = password.map(|p| p.replace('\0', ""));
        // SAFETY: `bytes` outlives the document by its lifetime; the handle is checked and closed once, in drop.
        let handle: *mut c_void = unsafe { self.0.FPDF_LoadMemDocument64(bytes, password.as_deref()) }.cast();
        if handle.is_null() {
            // SAFETY: no argument; reads a thread-local number.
            let code = unsafe { self.0.FPDF_GetLastError() };
            return Err(match code {
                ERR_PASSWORD => ParseError::Password { wrong: password.is_some_and(|p| !p.is_empty()) },
                ERR_SECURITY => ParseError::Unsupported {
                    what: "a PDF protected in a way that needs a certificate or a special viewer".to_string(),
                },
                code => ParseError::Damaged { reason: format!("it is not a readable PDF (pdfium error {code})") },
            });
        }
        // SAFETY: the handle is open.
        let pages = unsafe { self.0.FPDF_GetPageCount(handle.cast()) };
        Ok(PdfiumDocument { library: self, handle, pages: u32::try_from(pages).unwrap_or(0), _bytes: bytes })
    }
}

/// An open document.
pub(super) struct PdfiumDocument<'b> {
    library: Library,
    handle: *mut c_void,
    pages: u32,
    _bytes: &'b [u8],
}

impl Drop for PdfiumDocument<'_> {
    fn drop(&mut self) {
        // SAFETY: opened in `Library::open`, closed only here; pages are closed before since they borrow the document.
        unsafe { self.library.0.FPDF_CloseDocument(self.handle.cast()) }
    }
}

struct PageHandle<'d> {
    bindings: &'d dyn PdfiumLibraryBindings,
    page: *mut c_void,
    text: *mut c_void,
}

impl Drop for PageHandle<'_> {
    fn drop(&mut self) {
        // SAFETY: both were opened in `PdfiumDocument::open_page` and are closed only here, the text page first.
        unsafe {
            if !self.text.is_null() {
                self.bindings.FPDFText_ClosePage(self.text.cast());
            }
            self.bindings.FPDF_ClosePage(self.page.cast());
        }
    }
}

impl PdfiumDocument<'_> {
    /// Number of pages.
    pub(super) fn pages(&self) -> u32 {
        self.pages
    }

    /// What reads it.
    pub(super) fn extractor(&self) -> Extractor {
        self.library.extractor()
    }

    /// The title in the document's information, as it stands there.
    pub(super) fn title(&self) -> Option<String> {
        let bindings = self.library.0;
        // SAFETY: a null buffer of length 0 asks for the length in bytes.
        let bytes = unsafe { bindings.FPDF_GetMetaText(self.handle.cast(), "Title", std::ptr::null_mut(), 0) };
        if !(4..1 << 16).contains(&bytes) {
            return None;
        }
        let mut units = vec![0u16; bytes as usize / 2];
        // SAFETY: the buffer holds `bytes` bytes, as the call before asked for.
        unsafe {
            bindings.FPDF_GetMetaText(self.handle.cast(), "Title", units.as_mut_ptr().cast(), (units.len() * 2) as _);
        }
        let text = String::from_utf16_lossy(&units);
        Some(text.trim_end_matches('\0').to_string())
    }

    fn open_page(&self, index: u32) -> Result<PageHandle<'_>, String> {
        let bindings = self.library.0;
        let index = i32::try_from(index).map_err(|e| e.to_string())?;
        // SAFETY: the document is open; a bad index gives null, which is checked.
        let page: *mut c_void = unsafe { bindings.FPDF_LoadPage(self.handle.cast(), index) }.cast();
        if page.is_null() {
            return Err("pdfium cannot load the page".to_string());
        }
        let mut handle = PageHandle { bindings, page, text: std::ptr::null_mut() };
        if handle.has_typed_text() {
            // What was typed into a form stands in annotations, beside the page's text. Flattening moves it into the page
            // (in memory only) so that it is read in place; the page must be loaded anew to see it.
            // SAFETY: the page is open; a page that cannot be flattened stays as it was.
            let reloaded: *mut c_void = unsafe {
                bindings.FPDFPage_Flatten(page.cast(), FLATTEN_FOR_DISPLAY);
                bindings.FPDF_LoadPage(self.handle.cast(), index)
            }
            .cast();
            if !reloaded.is_null() {
                handle = PageHandle { bindings, page: reloaded, text: std::ptr::null_mut() };
            }
        }
        // SAFETY: the page is open.
        handle.text = unsafe { bindings.FPDFText_LoadPage(handle.page.cast()) }.cast();
        if handle.text.is_null() { Err("pdfium cannot read the page's text".to_string()) } else { Ok(handle) }
    }

    /// Lines and pictures of the page at `index` (from 0).
    pub(super) fn page(&self, index: u32) -> Result<Extracted, String> {
        let page = self.open_page(index)?;
        let geometry = page.geometry();
        let lines = page.lines(&geometry);
        let letters: usize = lines.iter().map(|l| l.glyphs.len()).sum();
        // Pictures matter only where there is little text, and looking at every object of a drawing costs time.
        let pictures = if letters < 200 { page.pictures(&geometry) } else { Pictures::default() };
        Ok(Extracted { width: geometry.width(), height: geometry.height(), lines, pictures })
    }
}

/// What is the same for all characters of one text object.
#[derive(Clone, Copy, Default)]
struct Style {
    size: f32,
    bold: bool,
}

impl PageHandle<'_> {
    /// Whether form fields or free text stand on the page.
    fn has_typed_text(&self) -> bool {
        // SAFETY: the page is open; each annotation is checked for null and closed.
        unsafe {
            let count = self.bindings.FPDFPage_GetAnnotCount(self.page.cast()).min(MAX_ANNOTATIONS);
            (0..count).any(|i| {
                let annotation: *mut c_void = self.bindings.FPDFPage_GetAnnot(self.page.cast(), i).cast();
                if annotation.is_null() {
                    return false;
                }
                let kind = self.bindings.FPDFAnnot_GetSubtype(annotation.cast());
                self.bindings.FPDFPage_CloseAnnot(annotation.cast());
                matches!(kind, ANNOTATION_FREE_TEXT | ANNOTATION_WIDGET)
            })
        }
    }

    fn geometry(&self) -> PageGeometry {
        let mut bounds = MaybeUninit::uninit();
        // SAFETY: the page is open; the rectangle is read only where the call says that it was written.
        let (corners, turns) = unsafe {
            let known = self.bindings.FPDF_GetPageBoundingBox(self.page.cast(), bounds.as_mut_ptr()) != 0;
            let corners = if known {
                let b = bounds.assume_init();
                [b.left, b.bottom, b.right, b.top]
            } else {
                [f32::NAN; 4]
            };
            (corners, self.bindings.FPDFPage_GetRotation(self.page.cast()))
        };
        PageGeometry::new(corners, i64::from(turns) * 90)
    }

    fn lines(&self, geometry: &PageGeometry) -> Vec<crate::import::raw::RawLine> {
        let mut builder = LineBuilder::default();
        let (mut object, mut style) = (std::ptr::null_mut::<c_void>(), Style::default());
        let mut high_surrogate: Option<u32> = None;
        // The box of a hyphen that pdfium takes for one at a line's end. It then gives no line end, and is at times wrong.
        let mut hyphen: Option<Rect> = None;
        // SAFETY: the text page is open.
        let count = unsafe { self.bindings.FPDFText_CountChars(self.text.cast()) };
        for i in 0..count.max(0) {
            // SAFETY: the text page is open and `i` is below its count.
            let code = unsafe { self.bindings.FPDFText_GetUnicode(self.text.cast(), i) };
            match code {
                0x0A | 0x0D => builder.end_line(),
                0x02 => {
                    hyphen = self.rect(i, geometry);
                    builder.push("-", hyphen, style.size, style.bold);
                }
                0x20 | 0x09 | 0xA0 => {
                    let rect = self.rect(i, geometry).filter(|r| r.w > 0.01 && r.h > 0.01);
                    if rect.is_some() { builder.push(" ", rect, style.size, style.bold) } else { builder.space() }
                }
                0xD800..=0xDBFF => high_surrogate = Some(code),
                _ => {
                    let code = match high_surrogate.take() {
                        Some(high) if (0xDC00..=0xDFFF).contains(&code) => {
                            0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00)
                        }
                        _ => code,
                    };
                    // SAFETY: as above.
                    let owner: *mut c_void =
                        unsafe { self.bindings.FPDFText_GetTextObject(self.text.cast(), i) }.cast();
                    if owner != object || owner.is_null() {
                        (object, style) = (owner, self.style(i));
                    }
                    let character = char::from_u32(code).filter(|c| *c != '\0').unwrap_or('\u{fffd}');
                    let mut utf8 = [0u8; 4];
                    let rect = self.rect(i, geometry);
                    if let (Some(before), Some(here)) = (hyphen.take(), rect)
                        && !follows(&before, &here)
                    {
                        builder.end_line();
                    }
                    builder.push(character.encode_utf8(&mut utf8), rect, style.size, style.bold);
                    // SAFETY: as above.
                    if matches!(code, 0x2D | 0xAD)
                        && unsafe { self.bindings.FPDFText_IsHyphen(self.text.cast(), i) } == 1
                    {
                        hyphen = rect;
                    }
                }
            }
        }
        builder.finish()
    }

    /// The loose box (advance width by ascent and descent) as shown: boxes of a line then have one height, and a
    /// highlight over them looks like one.
    fn rect(&self, index: i32, geometry: &PageGeometry) -> Option<Rect> {
        let mut bounds = MaybeUninit::uninit();
        // SAFETY: the text page is open; the rectangle is read only where the call says that it was written.
        let b = unsafe {
            if self.bindings.FPDFText_GetLooseCharBox(self.text.cast(), index, bounds.as_mut_ptr()) == 0 {
                return None;
            }
            bounds.assume_init()
        };
        geometry.rect(&[(b.left, b.bottom), (b.right, b.top)])
    }

    fn style(&self, index: i32) -> Style {
        let (mut matrix, mut flags, mut name) = (MaybeUninit::uninit(), 0i32, [0u8; 128]);
        // SAFETY: the text page is open; the matrix is read only where it was written; the buffer's length is given.
        unsafe {
            let size = self.bindings.FPDFText_GetFontSize(self.text.cast(), index) as f32;
            let scale = if self.bindings.FPDFText_GetMatrix(self.text.cast(), index, matrix.as_mut_ptr()) != 0 {
                let m = matrix.assume_init();
                (m.c * m.c + m.d * m.d).sqrt()
            } else {
                1.0
            };
            let buffer = name.as_mut_ptr().cast();
            self.bindings.FPDFText_GetFontInfo(self.text.cast(), index, buffer, name.len() as _, &mut flags);
            let weight = self.bindings.FPDFText_GetFontWeight(self.text.cast(), index);
            let size = size * scale;
            Style {
                size: if size.is_finite() { size.clamp(0.0, 1000.0) } else { 0.0 },
                bold: weight >= 600 || flags & FLAG_FORCE_BOLD != 0 || names_bold(&name),
            }
        }
    }

    /// Pictures: the share of the page that images cover, and how many vector paths there are.
    fn pictures(&self, geometry: &PageGeometry) -> Pictures {
        let mut pictures = Pictures::default();
        // SAFETY: the page is open.
        let count = unsafe { self.bindings.FPDFPage_CountObjects(self.page.cast()) }.clamp(0, MAX_OBJECTS);
        let area = (geometry.width() * geometry.height()).max(1.0);
        for i in 0..count {
            // SAFETY: the page is open and `i` is below its count; null is checked.
            let object: *mut c_void = unsafe { self.bindings.FPDFPage_GetObject(self.page.cast(), i) }.cast();
            if object.is_null() {
                continue;
            }
            match self.holds(object, 0) {
                OBJECT_IMAGE => pictures.image_share += self.area(object, geometry) / area,
                OBJECT_PATH => pictures.paths += 1,
                _ => {}
            }
        }
        pictures
    }

    /// The object's type; for a form the type of the most telling object inside.
    fn holds(&self, object: *mut c_void, depth: u32) -> i32 {
        // SAFETY: `object` belongs to the open page.
        let kind = unsafe { self.bindings.FPDFPageObj_GetType(object.cast()) };
        if kind != OBJECT_FORM || depth > 4 {
            return kind;
        }
        // SAFETY: `object` is a form of the open page.
        let count = unsafe { self.bindings.FPDFFormObj_CountObjects(object.cast()) }.clamp(0, 1000);
        let mut held = kind;
        for i in 0..count {
            // SAFETY: as above, and `i` is below the count; null is checked.
            let inner: *mut c_void = unsafe { self.bindings.FPDFFormObj_GetObject(object.cast(), i as _) }.cast();
            match if inner.is_null() { kind } else { self.holds(inner, depth + 1) } {
                OBJECT_IMAGE => return OBJECT_IMAGE,
                OBJECT_PATH => held = OBJECT_PATH,
                _ => {}
            }
        }
        held
    }

    fn area(&self, object: *mut c_void, geometry: &PageGeometry) -> f32 {
        let (mut left, mut bottom, mut right, mut top) = (0f32, 0f32, 0f32, 0f32);
        // SAFETY: `object` belongs to the open page; the four numbers outlive the call.
        let known = unsafe {
            self.bindings.FPDFPageObj_GetBounds(object.cast(), &mut left, &mut bottom, &mut right, &mut top) != 0
        };
        let rect = geometry.rect(&[(left, bottom), (right, top)]).filter(|_| known);
        rect.map_or(0.0, |r| r.w.min(geometry.width()) * r.h.min(geometry.height()))
    }
}

/// Whether a box stands on the row of another and after it.
fn follows(before: &Rect, here: &Rect) -> bool {
    let shared = (before.y + before.h).min(here.y + here.h) - before.y.max(here.y);
    shared > 0.4 * before.h.min(here.h) && here.x > before.x
}

/// Whether a font's name says bold.
fn names_bold(name: &[u8]) -> bool {
    let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
    let name = String::from_utf8_lossy(name.get(..end).unwrap_or_default()).to_ascii_lowercase();
    ["bold", "black", "heavy", "demi"].iter().any(|word| name.contains(word))
}
