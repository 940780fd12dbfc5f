//! CUAD's training split as the rules see it, for `engine/model/training/phrases.py`: `cuad_sentences DATA [FILE]`. Reads
//! `train.jsonl.xz` of DATA (or FILE in it), imports each text as the product does and prints one line of JSON a contract:
//! its sentences as they are read, where each stands (on two pages where one ends in it), the pieces in them, and where the
//! labelled passages stand. Places are counted in characters that are not white space, as `lectern eval` counts; those of
//! pieces in characters of their sentence.

use anyhow::Context;
use lectern_engine::evaluation::align::Bare;
use lectern_engine::evaluation::labels;
use lectern_engine::evaluation::metrics::Ruler;
use lectern_engine::ground::interruptions::{interruptions, parts};
use lectern_engine::import::raw::Format;
use lectern_engine::import::{normalize, parse};
use lectern_engine::rules::{Piece, Ruled};
use lectern_engine::text::Span;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().context("give the folder of the labelled data")?);
    let name = args.next().unwrap_or_else(|| "train.jsonl.xz".to_owned());
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for contract in labels::read::<labels::Contract>(&folder.join(name))? {
        let document = normalize::normalize(parse(Format::Text, contract.text.as_bytes(), None, None)?);
        let (ruler, bare, ruled) = (Ruler::new(&document.text), Bare::new(&document.text), Ruled::new(&document));
        let gaps = interruptions(&document);
        let at = |s: Span| [ruler.length(Span::new(0, s.start())), ruler.length(Span::new(0, s.end()))];
        let sentences: Vec<_> = ruled
            .sentences()
            .map(|(span, text, pieces)| {
                let pieces: Vec<(Piece, usize, usize)> = pieces.iter().map(|(p, s)| characters(text, *p, *s)).collect();
                let places: Vec<[usize; 2]> = parts(&gaps, span).into_iter().map(at).collect();
                (places, text.to_owned(), pieces)
            })
            .collect();
        let gold = |quotes: &labels::Label| -> Vec<Vec<[usize; 2]>> {
            let mut texts: Vec<&str> = quotes.spans.iter().map(|s| s.text.as_str()).collect();
            let mut seen = std::collections::HashSet::new();
            texts.retain(|t| seen.insert(*t));
            texts.into_iter().map(|t| bare.places(t).into_iter().map(at).collect()).collect()
        };
        let gold: BTreeMap<&str, _> = contract.labels.iter().map(|(name, l)| (name.as_str(), gold(l))).collect();
        serde_json::to_writer(
            &mut out,
            &serde_json::json!({ "id": contract.id, "sentences": sentences, "labels": gold }),
        )?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// A piece of `text` in characters instead of bytes.
fn characters(text: &str, piece: Piece, span: Span) -> (Piece, usize, usize) {
    let count = |to: usize| text.get(..to).unwrap_or_default().chars().count();
    (piece, count(span.start()), count(span.end()))
}
