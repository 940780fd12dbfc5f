//! PDF pages to raw lines: pdfium where its library is present, pdf-extract always, the better page wins.

pub mod lines;
pub mod pdf_extract;
pub mod pdfium;
pub mod quality;

/// Stand-in until the pdf branch is merged.
pub fn parse(
    _: &[u8],
    _: Option<&str>,
    _: Option<&std::path::Path>,
) -> Result<super::raw::RawDocument, super::ParseError> {
    Err(super::ParseError::Empty)
}
