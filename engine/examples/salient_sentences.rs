//! Documents with what people wrote or took out of them, as the rules see them, for `engine/model/training/salience.py`:
//! `salient_sentences DATA`, the folder of the labelled data. Reads the reports of the training side with the authors'
//! abstracts, and AMI's meetings in QMSum's training split with the extracts people made, imports each as the product
//! does, and prints one line of JSON a document: its sentences with their features ([`salience::FEATURES`]).

use anyhow::Context;
use lectern_engine::evaluation::meetings::Meeting;
use lectern_engine::evaluation::written::Report;
use lectern_engine::evaluation::{labels, written};
use lectern_engine::ground::sentences::sentences;
use lectern_engine::import::raw::Format;
use lectern_engine::import::{normalize, parse};
use lectern_engine::rules::salience;
use serde::Deserialize;
use std::io::Write;
use std::path::PathBuf;

#[derive(Deserialize)]
struct Extract {
    id: String,
    r#abstract: String,
    extract: String,
    qmsum: Option<String>,
}

fn main() -> anyhow::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).context("give the folder of the labelled data")?);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for report in labels::read::<Report>(&folder.join("reports/pep-rfc-abstracts.jsonl.xz"))? {
        if !written::held_out(&report) {
            let format = if report.is_markdown() { Format::Markdown } else { Format::Text };
            print(&mut out, &report.id, format, &report.text, &report.summary, "")?;
        }
    }
    let meetings: Vec<Meeting> = labels::read(&folder.join("minutes/qmsum-train.jsonl.xz"))?;
    for extract in labels::read::<Extract>(&folder.join("minutes/ami-summaries.jsonl.xz"))? {
        let meeting = meetings.iter().find(|m| m.id == extract.id && extract.qmsum.as_deref() == Some("train"));
        if let Some(meeting) = meeting {
            let text = meeting.lines().join("\n");
            print(&mut out, &extract.id, Format::Speakers, &text, &extract.r#abstract, &extract.extract)?;
        }
    }
    Ok(out.flush()?)
}

fn print(
    out: &mut impl Write,
    id: &str,
    format: Format,
    text: &str,
    abstract_: &str,
    extract: &str,
) -> anyhow::Result<()> {
    let document = normalize::normalize(parse(format, text.as_bytes(), None, None)?);
    let spans = sentences(&document);
    let rows: Vec<_> = spans
        .iter()
        .zip(salience::features(&document, &spans))
        .map(|(span, (can_stand, values))| (document.slice(*span).unwrap_or_default(), can_stand, values))
        .collect();
    serde_json::to_writer(
        &mut *out,
        &serde_json::json!({ "id": id, "abstract": abstract_, "extract": extract, "sentences": rows }),
    )?;
    Ok(out.write_all(b"\n")?)
}
