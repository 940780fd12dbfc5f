//! Bytes to canonical text: sniff the format, parse in a child process, normalise once.

pub mod docx;
pub mod html;
pub mod markdown;
pub mod normalize;
pub mod pdf;
pub mod plain;
pub mod raw;
pub mod transcript;
pub mod worker;
