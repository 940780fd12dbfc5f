//! From the model's quotes to evidence; from keywords to what speaks for or against a line.

use super::prompt::PASSAGES;
use super::{Claim, ClaimKind, Evidence, MatchKind, Search, SearchedNote, Status};
use crate::ground::{Grounder, Located, fold::fold, interruptions, scan, sentences, standing};
use crate::index::nearest::{Near, Nearest};
use crate::text::{DocText, Span};
use crate::values::tokens::{Kind, tokens};
use serde_json::Value;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

/// Longest passage shown for a search hit or a cue, in bytes.
const PASSAGE_BYTES: usize = 400;
/// Hits looked at for each query, and shown in all.
const HITS: (usize, usize) = (8, 5);

/// A document with all that grounding a line needs.
pub(crate) struct Grounds<'a> {
    /// The document as it is read: without what interrupts its sentences, every place where it was.
    pub(crate) document: Cow<'a, DocText>,
    /// The document as it is: what is quoted.
    pub(crate) source: &'a DocText,
    gaps: Vec<Span>,
    grounder: Grounder<'a>,
    pub(crate) sentences: Vec<Span>,
    search: &'a dyn Search,
    nearest: OnceCell<Option<Nearest>>,
}

/// Quotes that were located, and those that were not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grounded {
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) unlocated: Vec<String>,
}

impl<'a> Grounds<'a> {
    pub(crate) fn new(document: &'a DocText, search: &'a dyn Search) -> Self {
        let gaps = interruptions::interruptions(document);
        Self {
            document: interruptions::uninterrupted(document, &gaps),
            source: document,
            grounder: Grounder::new(document),
            sentences: sentences::between(document, &gaps),
            gaps,
            search,
            nearest: OnceCell::new(),
        }
    }

    /// The passages inside `within` that share most with `request`, best first. An extra: where they cannot be ranked there
    /// are none, and the model has what it read.
    pub(crate) fn nearest(&self, request: &str, within: Span) -> Vec<Near> {
        let nearest = self.nearest.get_or_init(|| Nearest::new(&self.document, &self.sentences).ok());
        let found = nearest.as_ref().and_then(|n| n.passages(request, within, PASSAGES).ok()).unwrap_or_default();
        found.into_iter().map(|near| Near { span: self.passage(near.span), ..near }).collect()
    }

    /// The sentence that holds the beginning of `span`; `span` itself where it stands in none.
    pub(crate) fn sentence_of(&self, span: Span) -> Span {
        sentences::at(&self.sentences, span.start()).unwrap_or(span)
    }

    /// The words of passages as they stand in the document: a quote of them is a piece of it.
    pub(crate) fn words_of(&self, passages: &[Span]) -> Vec<String> {
        passages.iter().filter_map(|span| self.source.slice(*span)).map(str::to_owned).collect()
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

    /// Makes of each passage that the end of a page interrupts a passage on each page.
    pub(crate) fn part(&self, claims: &mut [Claim]) {
        let parts = |e: Evidence| match interruptions::parts(&self.gaps, e.span).as_slice() {
            [_] => vec![e],
            parts => parts.iter().filter_map(|span| self.evidence(*span, e.matched, e.occurrences)).collect(),
        };
        for claim in claims {
            let contrary = claim.searched.as_mut().map(|searched| &mut searched.contrary);
            for passages in std::iter::once(&mut claim.evidence).chain(contrary) {
                *passages = std::mem::take(passages).into_iter().flat_map(parts).collect();
            }
        }
    }

    /// The words of a passage as they are read.
    pub(crate) fn said(&self, evidence: &Evidence) -> &str {
        self.document.slice(evidence.span).unwrap_or_default()
    }

    /// The passage `span` as evidence; `None` where it is no piece of the text.
    pub(crate) fn evidence(&self, span: Span, matched: MatchKind, occurrences: u32) -> Option<Evidence> {
        let quote = self.source.slice(span)?.to_owned();
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

    /// Sentences that the search finds for `query` and that really hold all of its words. Search hands over pages or
    /// pieces; a person wants the sentence.
    pub(crate) fn hits(&self, query: &str) -> Vec<Span> {
        let mut found: Vec<Span> = Vec::new();
        for unit in self.search.find(query, HITS.0) {
            let from = self.sentences.partition_point(|s| s.end() <= unit.start());
            for &sentence in self.sentences.iter().skip(from).take_while(|s| s.start() < unit.end()) {
                let folded = fold(self.document.slice(sentence).unwrap_or_default());
                if scan::has_words(&folded, query) && !found.contains(&sentence) {
                    found.push(sentence);
                }
            }
        }
        found
    }

    /// The note for something the model did not find: what was looked for and what speaks against it.
    pub(crate) fn searched(&self, queries: Vec<String>, read_tokens: usize) -> SearchedNote {
        let mut contrary: Vec<Evidence> = Vec::new();
        for query in &queries {
            for hit in self.hits(query) {
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
            found_by: None,
            confidence: None,
        }
    }
}

/// Whether a passage of `claim` shares text with `span`.
pub(crate) fn touches(claim: &Claim, span: Span) -> bool {
    claim.evidence.iter().any(|e| e.span.overlaps(span))
}

/// Whether two lines point at passages that share text.
pub(crate) fn shares(a: &Claim, b: &Claim) -> bool {
    b.evidence.iter().any(|e| touches(a, e.span))
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
    !words.is_empty() && standing(&text, &words).next().is_some()
}

/// What the program can see for itself about a line the model wrote: that it repeats itself (then it is no line to
/// rely on, whatever it quotes), and figures that its passages do not have.
pub(crate) fn look_over(grounds: &Grounds<'_>, claim: &mut Claim) {
    if repeats_itself(&claim.text) {
        claim.text = claim.text.chars().take(120).chain(['…']).collect();
        claim.status = Status::Unsupported;
        claim.checks.push("The model repeated itself here; this line is not usable.".to_owned());
        return;
    }
    let beside: Vec<&str> =
        claim.evidence.iter().filter_map(|e| grounds.document.slice(grounds.around(e.span))).collect();
    let strange: Vec<String> =
        figures(&claim.text).filter(|f| !beside.iter().any(|b| figures(b).any(|g| g == *f))).collect();
    if !claim.evidence.is_empty() && !strange.is_empty() {
        claim
            .checks
            .push(format!("Figures that do not stand in or beside the quoted passage: {}.", strange.join(", ")));
    }
}

/// Whether the same three words in a row stand there four times or more, or one word of Latin letters has no end.
fn repeats_itself(text: &str) -> bool {
    let words: Vec<String> = text.split_whitespace().map(fold).collect();
    let mut seen: HashMap<&[String], usize> = HashMap::new();
    words.windows(3).for_each(|three| *seen.entry(three).or_default() += 1);
    let bare = |w: &str| w.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    let endless = |w: &str| bare(w).len() > 40 && bare(w).bytes().all(|b| b.is_ascii_alphabetic());
    seen.values().any(|n| *n >= 4) || words.iter().any(|w| endless(w))
}

/// The figures of a text without their grouping.
fn figures(text: &str) -> impl Iterator<Item = String> {
    let numbers = tokens(text).into_iter().filter(|t| t.kind == Kind::Number);
    numbers.map(|t| t.text.chars().filter(char::is_ascii_digit).collect())
}
