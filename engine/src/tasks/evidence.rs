//! From the model's quotes to evidence; from keywords to what speaks for or against a line.

use super::{Claim, ClaimKind, Evidence, MatchKind, Search, SearchedNote, Status};
use crate::ground::{Grounder, Located, fold::fold, scan, sentences};
use crate::text::{DocText, Span};
use serde_json::Value;

/// Longest passage shown for a search hit or a cue, in bytes.
const PASSAGE_BYTES: usize = 400;
/// Hits looked at for each query, and shown in all.
const HITS: (usize, usize) = (8, 5);

/// A document with all that grounding a line needs.
pub(crate) struct Grounds<'a> {
    pub(crate) document: &'a DocText,
    grounder: Grounder<'a>,
    pub(crate) sentences: Vec<Span>,
    search: &'a dyn Search,
}

/// Quotes that were located, and those that were not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grounded {
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) unlocated: Vec<String>,
}

impl<'a> Grounds<'a> {
    pub(crate) fn new(document: &'a DocText, search: &'a dyn Search) -> Self {
        Self { document, grounder: Grounder::new(document), sentences: sentences::sentences(document), search }
    }

    /// Locates `quotes`, each at or after the byte offset `after` where it stands there.
    pub(crate) fn ground<'q>(&self, quotes: impl IntoIterator<Item = &'q str>, after: usize) -> Grounded {
        let mut found = Grounded::default();
        for quote in quotes.into_iter().filter(|q| !q.trim().is_empty()) {
            let (span, matched, occurrences) = match self.grounder.locate(quote, after) {
                Located::Exact(span, n) => (span, MatchKind::Exact, n),
                Located::Folded(span, n) => (span, MatchKind::Folded, n),
                Located::NotFound => {
                    found.unlocated.push(quote.to_owned());
                    continue;
                }
            };
            if !found.evidence.iter().any(|e| e.span == span) {
                found.evidence.extend(self.evidence(span, matched, occurrences));
            }
        }
        found
    }

    /// The passage `span` as evidence; `None` where it is no piece of the text.
    pub(crate) fn evidence(&self, span: Span, matched: MatchKind, occurrences: u32) -> Option<Evidence> {
        let quote = self.document.slice(span)?.to_owned();
        Some(Evidence { span, quote, matched, occurrences })
    }

    /// `span`, cut to a length that can be shown, at white space where there is some.
    pub(crate) fn passage(&self, span: Span) -> Span {
        let Some(text) = self.document.slice(span).filter(|t| t.len() > PASSAGE_BYTES) else { return span };
        let mut end = PASSAGE_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let cut = text.get(..end).and_then(|t| t.rfind(char::is_whitespace)).filter(|i| *i > 0).unwrap_or(end);
        Span::new(span.start(), span.start() + cut)
    }

    /// Sentences that the search finds for `query` and that really hold its words: all of them, or half where
    /// `loosely`. Search hands over pages or pieces; a person wants the sentence.
    pub(crate) fn hits(&self, query: &str, loosely: bool) -> Vec<Span> {
        let mut found: Vec<Span> = Vec::new();
        for unit in self.search.find(query, HITS.0) {
            let from = self.sentences.partition_point(|s| s.end() <= unit.start());
            for &sentence in self.sentences.iter().skip(from).take_while(|s| s.start() < unit.end()) {
                let folded = fold(self.document.slice(sentence).unwrap_or_default());
                let (held, all) = scan::words_held(&folded, query);
                let enough = if loosely { held * 2 >= all && held > 0 } else { held == all && all > 0 };
                if enough && !found.contains(&sentence) {
                    found.push(sentence);
                }
            }
        }
        found
    }

    /// The note for something the model did not find: what was looked for and what speaks against it.
    pub(crate) fn searched(&self, queries: Vec<String>, loosely: bool, read_tokens: usize) -> SearchedNote {
        let mut contrary: Vec<Evidence> = Vec::new();
        for query in &queries {
            for hit in self.hits(query, loosely) {
                let span = self.passage(hit);
                if contrary.len() < HITS.1 && !contrary.iter().any(|e| e.span == span) {
                    contrary.extend(self.evidence(span, MatchKind::Exact, 1));
                }
            }
        }
        SearchedNote { read_tokens, queries, contrary }
    }

    /// The sentence before, the sentences of, and the sentence after `span`.
    pub(crate) fn around(&self, span: Span) -> Span {
        let first = self.sentences.partition_point(|s| s.end() <= span.start());
        let behind = self.sentences.partition_point(|s| s.start() < span.end());
        let before = first.checked_sub(1).and_then(|i| self.sentences.get(i)).copied().unwrap_or(span);
        let after = self.sentences.get(behind).copied().unwrap_or(span);
        let within = self.sentences.get(first..behind).unwrap_or_default().iter().fold(span, |all, s| all.union(*s));
        before.union(within).union(after)
    }

    /// "p. 3" where the format has pages, else where in the text it stands.
    pub(crate) fn place(&self, span: Span) -> String {
        match self.document.page_at(span.start()) {
            Some(page) => format!("p. {page}"),
            None => format!("{} % of the text", span.start() * 100 / self.document.text.len().max(1)),
        }
    }
}

impl Grounded {
    /// How a line with these quotes stands.
    pub(crate) fn status(&self) -> Status {
        if self.evidence.is_empty() {
            Status::Unsupported
        } else if !self.unlocated.is_empty() || self.evidence.iter().any(|e| e.matched == MatchKind::Folded) {
            Status::Fuzzy
        } else {
            Status::Verified
        }
    }

    /// A line that rests on these quotes.
    pub(crate) fn claim(self, kind: ClaimKind, label: &str, text: String) -> Claim {
        let status = self.status();
        let mut checks = Vec::new();
        if !self.evidence.is_empty() && !self.unlocated.is_empty() {
            checks.push("Some of the quotes given for this line do not stand in the document.".to_owned());
        }
        Claim {
            kind,
            label: label.to_owned(),
            text,
            value: None,
            status,
            evidence: self.evidence,
            unlocated: self.unlocated,
            owner: None,
            due: None,
            searched: None,
            checks,
        }
    }
}

/// Text on one line, white space collapsed, control characters dropped.
pub(crate) fn one_line(text: &str) -> String {
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The strings of the list `key` of `object`.
pub(crate) fn strings<'v>(object: &'v Value, key: &str) -> Vec<&'v str> {
    let list = object.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether `words` stands in `text` as whole words, case and typography folded.
pub(crate) fn says(text: &str, words: &str) -> bool {
    let (text, words) = (fold(text), fold(words));
    !words.is_empty()
        && text.match_indices(&words).any(|(i, m)| crate::ground::stands_on_words(&text, Span::new(i, i + m.len())))
}
