//! Transcripts: WebVTT, SubRip and `Speaker: text` lines, with speakers and times kept.

use super::ParseError;
use super::plain::{decode, encoding_note};
use super::raw::{Format, RawBlock, RawCue, RawDocument};
use crate::text::{BlockKind, Extractor};
use std::collections::HashMap;

/// Longest name taken for a speaker's, in characters; a longer one is a sentence with a colon.
const NAME_LIMIT: usize = 48;

/// Parses WebVTT. Voice tags (`<v Name>`) give speakers, else a `Name:` at the start of a cue does.
///
/// # Errors
/// `Empty` where there is no cue, `Damaged` where there is text but no timing line.
pub fn parse_vtt(bytes: &[u8]) -> Result<RawDocument, ParseError> {
    timed(bytes, Format::Vtt)
}

/// Parses SubRip.
///
/// # Errors
/// As [`parse_vtt`].
pub fn parse_srt(bytes: &[u8]) -> Result<RawDocument, ParseError> {
    timed(bytes, Format::Srt)
}

/// Parses lines of the form `Name: text`, with or without times, and `Name  00:01:02` above the words.
///
/// # Errors
/// `Empty` where nothing but white space is in the file.
pub fn parse_speakers(bytes: &[u8]) -> Result<RawDocument, ParseError> {
    let decoded = decode(bytes);
    if decoded.text.trim().is_empty() {
        return Err(ParseError::Empty);
    }
    Ok(document(Format::Speakers, turns(&decoded.text), decoded.guessed))
}

/// Whether a text file is a transcript of speakers: most lines begin a turn or continue one, with two turns or more for
/// each of at least two names.
pub fn looks_like_speakers(text: &str) -> bool {
    let mut counts: Vec<(String, usize)> = Vec::new();
    let mut lines = 0usize;
    let mut starts = 0usize;
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()).take(400) {
        lines += 1;
        let Some(turn) = turn_start(line) else { continue };
        starts += 1;
        match counts.iter_mut().find(|(name, _)| *name == turn.speaker) {
            Some((_, n)) => *n += 1,
            None => counts.push((turn.speaker, 1)),
        }
    }
    let returning = counts.iter().filter(|(_, n)| *n >= 2).count();
    returning >= 2 && starts * 5 >= lines * 2 && counts.len() * 2 <= starts + 1
}

fn document(format: Format, cues: Vec<RawBlock>, guessed: Option<&'static str>) -> RawDocument {
    RawDocument {
        format,
        extractor: Extractor { name: "lectern-transcript".to_string(), version: env!("CARGO_PKG_VERSION").to_string() },
        title: None,
        pages: Vec::new(),
        flow: cues,
        notes: encoding_note(guessed).into_iter().collect(),
    }
}

fn cue(speaker: Option<String>, times: Option<(u64, u64)>, words: &str) -> RawBlock {
    let text = match &speaker {
        Some(name) => format!("{name}: {words}"),
        None => words.to_string(),
    };
    let cue = RawCue { speaker, start_ms: times.map(|t| t.0), end_ms: times.map(|t| t.1) };
    RawBlock { kind: BlockKind::Cue, text, cue: Some(cue) }
}

/// Cues of a timed format: a timing line, then the payload up to a blank line. What stands before a timing line
/// (identifier, header, notes, styles) is not text.
fn timed(bytes: &[u8], format: Format) -> Result<RawDocument, ParseError> {
    let decoded = decode(bytes);
    let mut cues = Vec::new();
    let mut lines = decoded.text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(times) = timing(line) else { continue };
        let mut payload = String::new();
        // A payload without the blank line after it ends at the next timing line.
        while let Some(next) = lines.next_if(|l| !l.trim().is_empty() && timing(l).is_none()) {
            if !payload.is_empty() {
                payload.push(' ');
            }
            payload.push_str(next.trim());
        }
        for (speaker, words) in voices(&payload) {
            if !words.is_empty() {
                cues.push(cue(speaker, Some(times), &words));
            }
        }
    }
    match (cues.is_empty(), decoded.text.trim().is_empty()) {
        (true, true) => Err(ParseError::Empty),
        (true, false) if decoded.text.trim_start().starts_with("WEBVTT") => Err(ParseError::Empty),
        (true, false) => {
            Err(ParseError::Damaged { reason: "no line with times (00:00:00 --> 00:00:00) was found".to_string() })
        }
        (false, _) => Ok(document(format, cues, decoded.guessed)),
    }
}

/// Start and end of `00:00:01.000 --> 00:00:04.000 align:start`, in milliseconds.
fn timing(line: &str) -> Option<(u64, u64)> {
    let (start, rest) = line.split_once("-->")?;
    let end = rest.split_whitespace().next()?;
    Some((milliseconds(start.trim())?, milliseconds(end)?))
}

/// `[hh:]mm:ss[.,]mmm`, or without the fraction.
fn milliseconds(stamp: &str) -> Option<u64> {
    let (whole, fraction) = stamp.split_once(['.', ',']).unwrap_or((stamp, "0"));
    let mut seconds = 0u64;
    let mut fields = 0;
    for field in whole.split(':') {
        if field.is_empty() || field.len() > 4 || !field.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        seconds = seconds * 60 + field.parse::<u64>().ok()?;
        fields += 1;
    }
    if !(2..=3).contains(&fields) || fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some(seconds * 1000 + thousandths.parse::<u64>().ok()?)
}

/// The voices of a payload with their words, tags taken out and entities resolved.
fn voices(payload: &str) -> Vec<(Option<String>, String)> {
    let mut out: Vec<(Option<String>, String)> = vec![(None, String::new())];
    let mut rest = payload;
    while let Some(open) = rest.find('<') {
        let (before, tag) = rest.split_at(open);
        push(&mut out, before);
        let Some(close) = tag.find('>') else {
            push(&mut out, tag);
            rest = "";
            break;
        };
        let name = &tag[1..close];
        rest = &tag[close + 1..];
        if let Some(speaker) =
            name.strip_prefix("v ").or_else(|| name.strip_prefix("v.").and_then(|n| n.split_once(' ')).map(|n| n.1))
        {
            out.push((Some(entities(speaker.trim())), String::new()));
        } else if name == "/v" {
            out.push((None, String::new()));
        }
    }
    push(&mut out, rest);
    out.into_iter()
        .map(|(speaker, words)| named(speaker, entities(words.trim())))
        .filter(|(_, w)| !w.is_empty())
        .collect()
}

fn push(out: &mut [(Option<String>, String)], words: &str) {
    if let Some((_, text)) = out.last_mut() {
        text.push_str(words);
    }
}

/// A speaker written into the words (`Name: ...`), where no tag states one.
fn named(speaker: Option<String>, words: String) -> (Option<String>, String) {
    if speaker.is_some() {
        return (speaker, words);
    }
    match words.split_once(':') {
        Some((name, said)) if is_name(name) && said.starts_with(' ') => {
            (Some(name.trim().to_string()), said.trim().to_string())
        }
        _ => (None, words),
    }
}

fn entities(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&nbsp;", " ")
        .replace("&lrm;", "")
        .replace("&rlm;", "")
        .replace("&amp;", "&")
}

/// A line that begins a turn.
struct Turn {
    speaker: String,
    start_ms: Option<u64>,
    words: String,
}

fn turn_start(line: &str) -> Option<Turn> {
    let (before, rest) = leading_stamp(line);
    // A time beside the name holds colons too, so the first colon is not always the one that ends the name.
    for (at, _) in rest.match_indices(':').take(6) {
        let (name, words) = (&rest[..at], &rest[at + 1..]);
        let (name, inside) = trailing_stamp(name);
        if (words.is_empty() || words.starts_with(char::is_whitespace)) && is_name(name) {
            let (after, words) = leading_stamp(words.trim());
            return Some(Turn {
                speaker: name.trim().to_string(),
                start_ms: before.or(inside).or(after),
                words: words.to_string(),
            });
        }
    }
    // `Name  00:12:34` on a line of its own, the words below it.
    let (name, stamp) = trailing_stamp(rest);
    stamp.filter(|_| is_name(name)).map(|ms| Turn {
        speaker: name.trim().to_string(),
        start_ms: Some(ms),
        words: String::new(),
    })
}

/// A time in brackets or bare at the start of a line, and what follows it.
fn leading_stamp(line: &str) -> (Option<u64>, &str) {
    let trimmed = line.trim_start();
    let word = trimmed.split_whitespace().next().unwrap_or_default();
    match milliseconds(word.trim_matches(|c| "[]()-".contains(c))) {
        Some(ms) => (Some(ms), trimmed[word.len()..].trim_start_matches(|c: char| c.is_whitespace() || c == '-')),
        None => (None, trimmed),
    }
}

/// A time at the end of a name, and the name.
fn trailing_stamp(name: &str) -> (&str, Option<u64>) {
    let trimmed = name.trim_end();
    let word = trimmed.split_whitespace().next_back().unwrap_or_default();
    match milliseconds(word.trim_matches(|c| "[]()-".contains(c))) {
        Some(ms) => (trimmed[..trimmed.len() - word.len()].trim_end(), Some(ms)),
        None => (trimmed, None),
    }
}

/// One to five words that begin with a capital or a digit (`Speaker 2`, `DR. BLUMENTHAL`, `María-José`), or of a script
/// without capitals.
fn is_name(name: &str) -> bool {
    let name = name.trim();
    let words = name.split_whitespace().count();
    let starts_well = |w: &str| {
        let first = w.trim_start_matches(['(', '"', '\'']).chars().next();
        first.is_some_and(|c| c.is_uppercase() || c.is_numeric() || (c.is_alphabetic() && !c.is_lowercase()))
    };
    let particle = |w: &str| matches!(w, "de" | "van" | "von" | "der" | "da" | "di" | "la" | "of" | "the");
    (1..=5).contains(&words)
        && name.chars().count() <= NAME_LIMIT
        && name.chars().any(char::is_alphabetic)
        && !name.contains(['?', '!', ';', '/', '|'])
        && name.split_whitespace().enumerate().all(|(i, w)| starts_well(w) || (i > 0 && particle(w)))
}

/// Turns of a `Speaker: text` file. A line that begins no turn continues the one before; text before the first turn
/// (a heading, a list of those present) is kept as paragraphs.
fn turns(text: &str) -> Vec<RawBlock> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for turn in text.lines().filter_map(|l| turn_start(l.trim())) {
        *counts.entry(turn.speaker).or_default() += 1;
    }
    // Once somebody speaks twice, a "name" met only once, in the middle of a paragraph and without a time, is more
    // likely part of a sentence: "On Monday: no".
    let returning = counts.values().any(|n| *n > 1);
    let mut out: Vec<RawBlock> = Vec::new();
    let mut open: Option<Turn> = None;
    let mut blank = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() {
            blank = true;
            continue;
        }
        let doubtful = |t: &Turn| {
            returning && !blank && open.is_some() && t.start_ms.is_none() && counts.get(&t.speaker) == Some(&1)
        };
        if let Some(turn) = turn_start(line).filter(|t| !doubtful(t)) {
            out.extend(open.replace(turn).and_then(finish));
        } else if let Some(turn) = &mut open {
            if !turn.words.is_empty() {
                turn.words.push(if blank { '\n' } else { ' ' });
            }
            turn.words.push_str(line);
        } else {
            out.push(RawBlock { kind: BlockKind::Paragraph, text: line.to_string(), cue: None });
        }
        blank = false;
    }
    out.extend(open.and_then(finish));
    out
}

fn finish(turn: Turn) -> Option<RawBlock> {
    if turn.words.is_empty() {
        return None;
    }
    let mut block = cue(Some(turn.speaker), None, &turn.words);
    if let Some(c) = &mut block.cue {
        c.start_ms = turn.start_ms;
    }
    Some(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cues(d: &RawDocument) -> Vec<(Option<&str>, Option<u64>, &str)> {
        d.flow
            .iter()
            .map(|b| {
                (
                    b.cue.as_ref().and_then(|c| c.speaker.as_deref()),
                    b.cue.as_ref().and_then(|c| c.start_ms),
                    b.text.as_str(),
                )
            })
            .collect()
    }

    #[test]
    fn vtt_keeps_voices_and_times() {
        let source = "\u{feff}WEBVTT - title\n\nNOTE made\nby hand\n\n1\n00:01.500 --> 00:00:04.000 align:start\n<v Ada>Good &amp; <i>well</i></v>\n<v.loud Bo>Yes\n\nSTYLE\n::cue{}\n\n01:00:00.000 --> 01:00:02.000\nCarl: 10:30 it is\n";
        let d = parse_vtt(source.as_bytes()).unwrap();
        assert_eq!(
            cues(&d),
            [
                (Some("Ada"), Some(1500), "Ada: Good & well"),
                (Some("Bo"), Some(1500), "Bo: Yes"),
                (Some("Carl"), Some(3_600_000), "Carl: 10:30 it is"),
            ]
        );
    }

    #[test]
    fn srt_with_windows_line_ends_and_no_last_blank_line() {
        let d = parse_srt(
            b"1\r\n00:00:01,000 --> 00:00:02,500\r\nHello\r\nthere\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\nBye",
        )
        .unwrap();
        assert_eq!(cues(&d), [(None, Some(1000), "Hello there"), (None, Some(3000), "Bye")]);
        assert_eq!(d.flow[0].cue.as_ref().unwrap().end_ms, Some(2500));
    }

    #[test]
    fn speakers_in_their_usual_forms() {
        let source = "Weekly call\n\n[00:01:02] Ana Lima: We ship.\nOn Monday: no, Tuesday.\n\nBO (00:02:00): Fine.\nИван Петров 0:03:00\nСогласен.\nNote that: this is not a turn\nBO (00:04:00): Good.\n";
        let d = parse_speakers(source.as_bytes()).unwrap();
        assert_eq!(
            cues(&d),
            [
                (None, None, "Weekly call"),
                (Some("Ana Lima"), Some(62_000), "Ana Lima: We ship. On Monday: no, Tuesday."),
                (Some("BO"), Some(120_000), "BO: Fine."),
                (Some("Иван Петров"), Some(180_000), "Иван Петров: Согласен. Note that: this is not a turn"),
                (Some("BO"), Some(240_000), "BO: Good."),
            ]
        );
    }

    #[test]
    fn prose_with_colons_is_no_transcript() {
        assert!(looks_like_speakers("Ann: a\nBob: b\nAnn: c\nBob: d\n"));
        assert!(!looks_like_speakers("Title: A\nDate: B\nParties: C\nThe parties agree to this.\n"));
        assert!(!looks_like_speakers("Some prose.\nNote: this.\nMore prose: with colon.\n"));
    }

    #[test]
    fn empty_and_damaged_are_told_apart() {
        assert!(matches!(parse_vtt(b"WEBVTT\n\n"), Err(ParseError::Empty)));
        assert!(matches!(parse_srt(b"no times at all"), Err(ParseError::Damaged { .. })));
    }
}
