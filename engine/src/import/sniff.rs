//! What a file is, by its first bytes; its name only decides where bytes alone cannot.

use super::plain::decode;
use super::raw::Format;
use super::transcript::looks_like_speakers;

/// How far into a file `%PDF-` may stand: mail gateways and printers put headers before it.
const PDF_HEADER_WINDOW: usize = 1024;
/// How much of a text file is looked at.
const TEXT_WINDOW: usize = 64 * 1024;

/// The format of a file called `name` that begins with `bytes` (all of it or at least its first 64 KiB); `None` where
/// Lectern does not read it. A wrong extension does not matter for PDF, DOCX, HTML and WebVTT.
pub fn sniff(name: &str, bytes: &[u8]) -> Option<Format> {
    let extension = name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).unwrap_or_default();
    let head = bytes.get(..PDF_HEADER_WINDOW.min(bytes.len())).unwrap_or_default();
    if find(head, b"%PDF-") || extension == "pdf" {
        return Some(Format::Pdf);
    }
    if head.starts_with(b"PK\x03\x04") {
        return (find(bytes, b"word/") || extension == "docx" || extension == "docm").then_some(Format::Docx);
    }
    if matches!(extension.as_str(), "docx" | "docm") {
        return Some(Format::Docx);
    }
    if looks_binary(head) {
        return None;
    }
    let decoded = decode(bytes.get(..TEXT_WINDOW.min(bytes.len())).unwrap_or_default());
    sniff_text(&extension, &decoded.text)
}

fn sniff_text(extension: &str, text: &str) -> Option<Format> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with("WEBVTT") {
        return Some(Format::Vtt);
    }
    let lower: String = start.chars().take(256).collect::<String>().to_ascii_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return Some(Format::Html);
    }
    match extension {
        "vtt" => Some(Format::Vtt),
        "srt" => Some(Format::Srt),
        "htm" | "html" | "xhtml" => Some(Format::Html),
        "md" | "markdown" | "mkd" => Some(Format::Markdown),
        _ if looks_like_srt(start) => Some(Format::Srt),
        _ if lower.starts_with("<?xml") && lower.contains("<html") => Some(Format::Html),
        _ if looks_like_speakers(text) => Some(Format::Speakers),
        _ => Some(Format::Text),
    }
}

/// A counter line and then a line of times.
fn looks_like_srt(text: &str) -> bool {
    let mut lines = text.lines();
    let counter = lines.next().is_some_and(|l| !l.trim().is_empty() && l.trim().bytes().all(|b| b.is_ascii_digit()));
    counter && lines.next().is_some_and(|l| l.contains("-->"))
}

/// Zero bytes mean binary, except in UTF-16 with its byte order mark; control characters never fill a text.
fn looks_binary(head: &[u8]) -> bool {
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return false;
    }
    let controls = head.iter().filter(|b| **b < 9 || (14..32).contains(*b) && **b != 27).count();
    head.contains(&0) || controls * 20 > head.len()
}

fn find(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|w| w == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_win_over_a_wrong_name() {
        assert_eq!(sniff("a.txt", b"junk\n%PDF-1.4"), Some(Format::Pdf));
        assert_eq!(sniff("a.doc", b"PK\x03\x04....word/document.xml"), Some(Format::Docx));
        assert_eq!(sniff("a.zip", b"PK\x03\x04....readme"), None);
        assert_eq!(sniff("a.txt", b"WEBVTT\n\n00:00.000 --> 00:01.000\nhi"), Some(Format::Vtt));
        assert_eq!(sniff("page", b"  <!DOCTYPE HTML><p>x"), Some(Format::Html));
        assert_eq!(sniff("a.txt", b"1\n00:00:00,000 --> 00:00:01,000\nhi"), Some(Format::Srt));
    }

    #[test]
    fn names_decide_between_kinds_of_text() {
        assert_eq!(sniff("a.md", b"# x"), Some(Format::Markdown));
        assert_eq!(sniff("a.txt", b"plain words"), Some(Format::Text));
        assert_eq!(sniff("a.txt", b"\xff\xfeh\0i\0"), Some(Format::Text));
        assert_eq!(sniff("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), None);
        assert_eq!(sniff("a.exe", b"MZ\0\0"), None);
    }
}
