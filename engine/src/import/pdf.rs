//! PDF pages to raw lines: pdfium where its library is present, pdf-extract always, the better page wins.
//!
//! pdfium reads each page first. Only a page whose text scores below [`quality::ASK_AGAIN`] is read by pdf-extract too.
//! A page that cannot be read is a page with status `Failed` and a note; it never fails the document.

mod geometry;
mod lines;
pub(crate) mod pdf_extract;
mod pdfium;
pub mod quality;

use super::ParseError;
use super::raw::{Format, RawDocument, RawLine, RawPage};
use crate::text::{Extractor, ImportNote, PageStatus};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::{Duration, Instant};

/// After so many pages on which pdf-extract was no better it is not asked again.
const FRUITLESS_ASKS: u32 = 8;
/// Time that second opinions of one document may take in all.
const SECOND_OPINION_BUDGET: Duration = Duration::from_secs(20);
/// A hostile file claims millions of pages that are not there.
const MAX_PAGES: u32 = 50_000;
/// Share of a page that images must cover for a page with a few letters to count as a scan.
const SCAN_SHARE: f32 = 0.3;
/// Paths on a page without any letter from which it counts as drawn text rather than as blank.
const DRAWN_PATHS: u32 = 100;

/// Which extractors may run. The parent process narrows the choice after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engines {
    /// pdfium, and pdf-extract where it scores badly.
    Both,
    /// pdfium alone.
    Pdfium,
    /// pdf-extract alone.
    PdfExtract,
}

/// How to read a document.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions<'a> {
    /// Opens an encrypted document.
    pub password: Option<&'a str>,
    /// Path of `libpdfium`; without it pdf-extract reads alone.
    pub pdfium: Option<&'a Path>,
    /// Which extractors may run.
    pub engines: Engines,
    /// First page to read, from 1.
    pub first_page: u32,
}

/// What comes first of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// Number of pages.
    pub pages: u32,
    /// The title its information states.
    pub title: Option<String>,
    /// The extractor that leads.
    pub extractor: Extractor,
    /// What the person should know about the whole document.
    pub notes: Vec<ImportNote>,
}

/// Receives a document piece by piece, so that what was read survives a crash further on.
pub trait PageSink {
    /// Called once, first.
    fn opened(&mut self, opened: Opened) -> Result<(), ParseError>;
    /// Called for each page in order, with a note where it failed.
    fn page(&mut self, page: RawPage, note: Option<ImportNote>) -> Result<(), ParseError>;
}

/// What an extractor gives for one page.
struct Extracted {
    width: f32,
    height: f32,
    lines: Vec<RawLine>,
    pictures: Pictures,
}

#[derive(Debug, Clone, Copy, Default)]
struct Pictures {
    /// Share of the page covered by images; may pass 1 where they overlap.
    image_share: f32,
    /// Vector paths.
    paths: u32,
}

/// Parses a whole document in this process.
pub fn parse(bytes: &[u8], password: Option<&str>, pdfium: Option<&Path>) -> Result<RawDocument, ParseError> {
    #[derive(Default)]
    struct Collect(Option<Opened>, Vec<RawPage>, Vec<ImportNote>);
    impl PageSink for Collect {
        fn opened(&mut self, opened: Opened) -> Result<(), ParseError> {
            self.0 = Some(opened);
            Ok(())
        }
        fn page(&mut self, page: RawPage, note: Option<ImportNote>) -> Result<(), ParseError> {
            self.1.push(page);
            self.2.extend(note);
            Ok(())
        }
    }
    let mut collect = Collect::default();
    read(bytes, ReadOptions { password, pdfium, engines: Engines::Both, first_page: 1 }, &mut collect)?;
    let Collect(opened, pages, mut notes) = collect;
    let opened = opened.ok_or(ParseError::Empty)?;
    notes.splice(0..0, opened.notes);
    Ok(RawDocument {
        format: Format::Pdf,
        extractor: opened.extractor,
        title: opened.title,
        pages,
        flow: Vec::new(),
        notes,
    })
}

/// Reads a document page by page into `sink`.
pub fn read(bytes: &[u8], options: ReadOptions<'_>, sink: &mut dyn PageSink) -> Result<(), ParseError> {
    let mut notes = Vec::new();
    let library = match options.pdfium.filter(|_| options.engines != Engines::PdfExtract).map(pdfium::Library::load) {
        Some(Ok(library)) => Some(library),
        Some(Err(reason)) => {
            let message = format!(
                "The PDF library pdfium could not be loaded ({reason}); the plainer reader was used. Spaces may be wrong in places."
            );
            notes.push(ImportNote { code: "pdfium_missing".to_string(), message, page: None });
            None
        }
        None => None,
    };
    let opened = library.map(|l| l.open(bytes, options.password));
    let mut reader = match opened {
        Some(Ok(document)) if document.pages() > 0 => Reader::new(bytes, options, Lead::Pdfium(document)),
        Some(Err(e @ (ParseError::Password { .. } | ParseError::Unsupported { .. }))) => return Err(e),
        Some(Err(first)) if options.engines == Engines::Pdfium => return Err(first),
        // pdfium refuses some broken files that lopdf repairs.
        Some(failed) => match pdf_extract::open(bytes, options.password) {
            Ok(document) if document.pages() > 0 => Reader::new(bytes, options, Lead::PdfExtract(document)),
            _ => return Err(failed.err().unwrap_or_else(no_pages)),
        },
        None => Reader::new(bytes, options, Lead::PdfExtract(pdf_extract::open(bytes, options.password)?)),
    };
    let pages = reader.lead.pages();
    if pages == 0 {
        return Err(no_pages());
    }
    if pages > MAX_PAGES {
        return Err(ParseError::Damaged {
            reason: format!("it claims to have {pages} pages; {MAX_PAGES} are read at most"),
        });
    }
    sink.opened(Opened { pages, title: reader.lead.title(), extractor: reader.lead.extractor(), notes })?;
    for number in options.first_page.max(1)..=pages {
        let (page, note) = reader.page(number);
        sink.page(page, note)?;
    }
    Ok(())
}

fn no_pages() -> ParseError {
    ParseError::Damaged { reason: "no page can be found in it".to_string() }
}

#[expect(clippy::large_enum_variant, reason = "there is one for each file that is parsed")]
enum Lead<'b> {
    Pdfium(pdfium::PdfiumDocument<'b>),
    PdfExtract(pdf_extract::PdfExtractDocument),
}

impl Lead<'_> {
    fn pages(&self) -> u32 {
        match self {
            Lead::Pdfium(d) => d.pages(),
            Lead::PdfExtract(d) => d.pages(),
        }
    }

    fn title(&self) -> Option<String> {
        match self {
            Lead::Pdfium(d) => d.title(),
            Lead::PdfExtract(d) => d.title(),
        }
    }

    fn extractor(&self) -> Extractor {
        match self {
            Lead::Pdfium(d) => d.extractor(),
            Lead::PdfExtract(_) => pdf_extract::extractor(),
        }
    }

    fn page(&self, index: u32) -> Result<Extracted, String> {
        match self {
            Lead::Pdfium(d) => d.page(index),
            Lead::PdfExtract(d) => d.page(index),
        }
    }
}

/// The extractor that is asked only about pages that score badly; opened when first needed.
struct Second<'b> {
    bytes: &'b [u8],
    password: Option<&'b str>,
    document: Option<Option<pdf_extract::PdfExtractDocument>>,
    fruitless: u32,
    spent: Duration,
}

struct Reader<'b> {
    lead: Lead<'b>,
    second: Option<Second<'b>>,
}

impl<'b> Reader<'b> {
    fn new(bytes: &'b [u8], options: ReadOptions<'b>, lead: Lead<'b>) -> Self {
        let wanted = options.engines == Engines::Both && matches!(lead, Lead::Pdfium(_));
        let second = Second { bytes, password: options.password, document: None, fruitless: 0, spent: Duration::ZERO };
        Self { lead, second: wanted.then_some(second) }
    }

    fn page(&mut self, number: u32) -> (RawPage, Option<ImportNote>) {
        let lead = self.lead.extractor();
        let first = self.lead.page(number - 1);
        let first_score = first.as_ref().map_or(0.0, |e| quality::score(&text_of(&e.lines)));
        if first_score < quality::ASK_AGAIN
            && let Some(other) = self.second.as_mut().and_then(|s| s.ask(number))
        {
            let enough = first.as_ref().map_or(0, |e| quality::letters(&text_of(&e.lines))) / 2;
            let text = text_of(&other.lines);
            if quality::score(&text) > first_score + 0.05 && quality::letters(&text) >= enough.max(1) {
                let other = match first {
                    // The size and the pictures are known better by the extractor that leads.
                    Ok(first) => Extracted { lines: other.lines, ..first },
                    Err(_) => other,
                };
                if let Some(second) = &mut self.second {
                    second.fruitless = 0;
                }
                return (raw_page(number, other, pdf_extract::extractor()), None);
            }
        }
        match first {
            Ok(extracted) => (raw_page(number, extracted, lead), None),
            Err(reason) => failed_page(number, lead, &reason),
        }
    }
}

impl Second<'_> {
    fn ask(&mut self, number: u32) -> Option<Extracted> {
        if self.fruitless >= FRUITLESS_ASKS || self.spent > SECOND_OPINION_BUDGET {
            return None;
        }
        self.fruitless += 1;
        let begun = Instant::now();
        let document = self.document.get_or_insert_with(|| pdf_extract::open(self.bytes, self.password).ok());
        let page = document.as_ref().and_then(|d| d.page(number - 1).ok());
        self.spent += begun.elapsed();
        page
    }
}

fn text_of(lines: &[RawLine]) -> String {
    let mut text = String::new();
    for line in lines {
        line.glyphs.iter().for_each(|g| text.push_str(&g.text));
        text.push('\n');
    }
    text
}

fn raw_page(number: u32, extracted: Extracted, extractor: Extractor) -> RawPage {
    let text = text_of(&extracted.lines);
    let letters = quality::letters(&text);
    let score = quality::score(&text);
    let pictures = extracted.pictures;
    let scanned = letters < quality::FEW_LETTERS && pictures.image_share >= SCAN_SHARE;
    let drawn = letters == 0 && (pictures.image_share > 0.01 || pictures.paths >= DRAWN_PATHS);
    let (status, quality) = match (scanned || drawn, letters) {
        (true, _) => (PageStatus::NeedsOcr, 0.0),
        (false, 0) if text.trim().is_empty() => (PageStatus::Blank, 1.0),
        _ if score < quality::POOR => (PageStatus::Poor, score),
        _ => (PageStatus::Ok, score),
    };
    RawPage {
        number,
        width: extracted.width,
        height: extracted.height,
        status,
        extractor,
        quality,
        lines: extracted.lines,
    }
}

/// A page that could not be read, and the note that says why.
pub fn failed_page(number: u32, extractor: Extractor, reason: &str) -> (RawPage, Option<ImportNote>) {
    let page = RawPage {
        number,
        width: 612.0,
        height: 792.0,
        status: PageStatus::Failed,
        extractor,
        quality: 0.0,
        lines: Vec::new(),
    };
    let message =
        format!("Page {number} could not be read ({reason}). Its text is missing here; look at the page itself.");
    (page, Some(ImportNote { code: "page_failed".to_string(), message, page: Some(number) }))
}
