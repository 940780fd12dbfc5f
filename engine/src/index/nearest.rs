//! The passages of one document that share most with a request: what is shown to the model beside the request, so that a
//! small model need not find them in what it read long before.
//!
//! A tantivy index in memory over the document's sentences, words brought to their English stems (other languages keep
//! what the stemmer leaves alone), ranked by BM25 (Robertson and Zaragoza 2009, as tantivy computes it). The heading a
//! sentence stands under counts a little too.

use super::tokenize::LecternTokenizer;
use crate::tasks::prompt::QUOTE_CHARS;
use crate::text::{DocText, Span};
use std::collections::HashSet;
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions, Value};
use tantivy::tokenizer::{Language, Stemmer, TextAnalyzer, TokenStream};
use tantivy::{DocAddress, Index, IndexReader, IndexWriter, Searcher, TantivyDocument, Term};

const ANALYZER: &str = "stemmed";
const WRITER_BYTES: usize = 16 << 20;
/// Weight of the words of a heading beside those of the sentence itself.
const HEADING: f32 = 0.3;

/// Words of requests that are not worth searching for.
const COMMON: &[&str] = &[
    "a",
    "about",
    "agreement",
    "an",
    "and",
    "any",
    "are",
    "be",
    "been",
    "by",
    "can",
    "contract",
    "could",
    "did",
    "do",
    "document",
    "does",
    "for",
    "from",
    "had",
    "has",
    "have",
    "how",
    "if",
    "in",
    "into",
    "is",
    "it",
    "its",
    "many",
    "may",
    "much",
    "of",
    "on",
    "or",
    "shall",
    "should",
    "that",
    "the",
    "there",
    "these",
    "this",
    "those",
    "to",
    "under",
    "was",
    "were",
    "what",
    "when",
    "where",
    "which",
    "who",
    "whom",
    "whose",
    "why",
    "will",
    "with",
    "would",
];

/// The words of a request that carry it; all of them where none does.
pub fn carrying(request: &str) -> String {
    let carrying: Vec<&str> =
        crate::text::words(request).filter(|w| !COMMON.contains(&w.to_lowercase().as_str())).collect();
    if carrying.is_empty() { request.to_owned() } else { carrying.join(" ") }
}

/// The words of `text` brought to their English stems, each once.
pub fn stems(text: &str) -> Vec<String> {
    terms(&mut analyzer(), text)
}

/// The stems of the carrying words of each of `texts`: none where no word carries.
pub fn stems_of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Vec<HashSet<String>> {
    let mut analyzer = analyzer();
    let mut of = |text: &str| {
        let carrying = crate::text::words(text).filter(|w| !COMMON.contains(&w.to_lowercase().as_str()));
        terms(&mut analyzer, &carrying.collect::<Vec<_>>().join(" ")).into_iter().collect()
    };
    texts.into_iter().map(&mut of).collect()
}

fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(LecternTokenizer).filter(Stemmer::new(Language::English)).build()
}

fn terms(analyzer: &mut TextAnalyzer, text: &str) -> Vec<String> {
    let mut stream = analyzer.token_stream(text);
    let mut terms = Vec::new();
    stream.process(&mut |token| {
        if !terms.contains(&token.text) {
            terms.push(token.text.clone());
        }
    });
    terms
}

/// A passage near a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// Where it stands.
    pub span: Span,
    /// The share of the request's carrying words that it holds, 0 to 1, words weighed by how rare they are in the document.
    pub coverage: f64,
}

/// The sentences of one document, ready to be ranked.
pub struct Nearest {
    reader: IndexReader,
    analyzer: TextAnalyzer,
    fields: Fields,
}

#[derive(Clone, Copy)]
struct Fields {
    start: Field,
    end: Field,
    text: Field,
    heading: Field,
}

impl Nearest {
    /// Indexes `sentences` of `document`, in memory: some ten milliseconds for a contract of 50 pages.
    pub fn new(document: &DocText, sentences: &[Span]) -> tantivy::Result<Self> {
        let analyzer = analyzer();
        let (schema, fields) = schema();
        let index = Index::create_in_ram(schema);
        index.tokenizers().register(ANALYZER, analyzer.clone());
        let mut writer: IndexWriter = index.writer_with_num_threads(1, WRITER_BYTES)?;
        for span in sentences {
            let text = document.slice(*span).unwrap_or_default();
            if text.chars().count() < QUOTE_CHARS.0 as usize {
                continue;
            }
            let mut entry = TantivyDocument::new();
            entry.add_u64(fields.start, span.start() as u64);
            entry.add_u64(fields.end, span.end() as u64);
            entry.add_text(fields.text, text);
            let heading = document.section_at(span.start()).and_then(|s| document.slice(s.heading));
            entry.add_text(fields.heading, heading.unwrap_or_default());
            writer.add_document(entry)?;
        }
        writer.commit()?;
        Ok(Self { reader: index.reader()?, analyzer, fields })
    }

    /// At most `limit` sentences inside `within` that share words with `request`, best first.
    pub fn passages(&self, request: &str, within: Span, limit: usize) -> tantivy::Result<Vec<Near>> {
        let terms = terms(&mut self.analyzer.clone(), &carrying(request));
        let searcher = self.reader.searcher();
        let all = usize::try_from(searcher.num_docs()).unwrap_or(usize::MAX);
        if terms.is_empty() || all == 0 || limit == 0 {
            return Ok(Vec::new());
        }
        let found = searcher.search(&self.query(&terms), &TopDocs::with_limit(all).order_by_score())?;
        let weights = self.weights(&searcher, &terms)?;
        let mut ranked: Vec<(f32, Span, DocAddress)> = Vec::with_capacity(found.len());
        for (score, address) in found {
            let entry: TantivyDocument = searcher.doc(address)?;
            let number = |field| entry.get_first(field).and_then(|v| v.as_u64()).and_then(|n| usize::try_from(n).ok());
            if let (Some(start), Some(end)) = (number(self.fields.start), number(self.fields.end)) {
                ranked.push((score, Span::new(start, end), address));
            }
        }
        ranked.retain(|(_, span, _)| within.covers(*span));
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let near = |(_, span, address): &(f32, Span, DocAddress)| -> tantivy::Result<Near> {
            let entry: TantivyDocument = searcher.doc(*address)?;
            Ok(Near { span: *span, coverage: self.coverage(&entry, &weights) })
        };
        ranked.iter().take(limit).map(near).collect()
    }

    /// The terms with what finding each in a sentence says: ln(1 + (n - df + 0.5) / (df + 0.5)), as BM25 has it.
    fn weights(&self, searcher: &Searcher, terms: &[String]) -> tantivy::Result<Vec<(String, f64)>> {
        let all = searcher.num_docs() as f64;
        let weight = |term: &String| -> tantivy::Result<(String, f64)> {
            let holding = searcher.doc_freq(&Term::from_field_text(self.fields.text, term))? as f64;
            Ok((term.clone(), (1.0 + (all - holding + 0.5) / (holding + 0.5)).ln()))
        };
        terms.iter().map(weight).collect()
    }

    fn coverage(&self, entry: &TantivyDocument, weights: &[(String, f64)]) -> f64 {
        let text = entry.get_first(self.fields.text).and_then(|v| v.as_str()).unwrap_or_default();
        let held = terms(&mut self.analyzer.clone(), text);
        let all: f64 = weights.iter().map(|(_, weight)| weight).sum();
        let own: f64 = weights.iter().filter(|(term, _)| held.contains(term)).map(|(_, weight)| weight).sum();
        if all > 0.0 { own / all } else { 0.0 }
    }

    /// A sentence must hold one of the terms; those of its heading add to its score.
    fn query(&self, terms: &[String]) -> BooleanQuery {
        let any = |field: Field| {
            let of = |term: &String| -> (Occur, Box<dyn Query>) {
                let term = Term::from_field_text(field, term);
                (Occur::Should, Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)))
            };
            BooleanQuery::new(terms.iter().map(of).collect())
        };
        BooleanQuery::new(vec![
            (Occur::Must, Box::new(any(self.fields.text))),
            (Occur::Should, Box::new(BoostQuery::new(Box::new(any(self.fields.heading)), HEADING))),
        ])
    }
}

fn schema() -> (Schema, Fields) {
    let indexing = TextFieldIndexing::default().set_tokenizer(ANALYZER).set_index_option(IndexRecordOption::WithFreqs);
    let words = TextOptions::default().set_indexing_options(indexing);
    let mut builder = Schema::builder();
    let fields = Fields {
        start: builder.add_u64_field("start", STORED),
        end: builder.add_u64_field("end", STORED),
        text: builder.add_text_field("text", words.clone() | STORED),
        heading: builder.add_text_field("heading", words),
    };
    (builder.build(), fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::sentences::sentences;
    use crate::import::normalize;
    use crate::import::raw::Format;

    const TEXT: &str = "The Supplier delivers the goods to the warehouse every Monday.\n\n\
        Either party may terminate this agreement by giving ninety days of notice.\n\n\
        The fee is paid in four equal instalments.\n\nTerminations by notice are rare in this trade.\n";

    fn document() -> DocText {
        normalize::normalize(crate::import::parse(Format::Text, TEXT.as_bytes(), None, None).unwrap())
    }

    fn found(request: &str, limit: usize) -> Vec<String> {
        let document = document();
        let nearest = Nearest::new(&document, &sentences(&document)).unwrap();
        let all = Span::new(0, document.text.len());
        let spans = nearest.passages(request, all, limit).unwrap();
        spans.iter().map(|near| document.slice(near.span).unwrap().to_owned()).collect()
    }

    #[test]
    fn a_sentence_is_found_by_other_forms_of_its_words() {
        let best = found("How can the parties be terminating the contract, with which notices?", 2);
        assert!(best[0].starts_with("Either party may terminate"), "{best:?}");
        assert!(best[1].starts_with("Terminations by notice"), "{best:?}");
        assert!(found("In how many instalments are fees paid?", 1)[0].starts_with("The fee is paid"));
    }

    #[test]
    fn nothing_is_found_without_a_shared_word_and_nothing_outside_the_part() {
        assert!(found("Insurance coverage?", 5).is_empty());
        assert!(found("", 5).is_empty() && found("terminate", 0).is_empty());
        let document = document();
        let nearest = Nearest::new(&document, &sentences(&document)).unwrap();
        let half = Span::new(0, TEXT.find("The fee").unwrap());
        let spans = nearest.passages("notice termination", half, 9).unwrap();
        assert_eq!(spans.len(), 1, "{spans:?}");
        assert!(spans.iter().all(|near| near.span.end() <= half.end()));
    }

    #[test]
    fn words_that_carry_nothing_are_left_out() {
        assert_eq!(carrying("What is the notice period of this agreement?"), "notice period");
        assert_eq!(carrying("What is it?"), "What is it?");
    }
}
