//! PDF pages to raw lines: pdfium where its library is present, pdf-extract always, the better page wins.

pub mod lines;
pub mod pdf_extract;
pub mod pdfium;
pub mod quality;
