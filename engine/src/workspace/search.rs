//! Searching the library, and within one document for tasks.

use super::{DocumentId, LibraryError, SearchHit, SearchOptions, Workspace};
use crate::index::query::Query;
use crate::index::{Index, IndexHit};
use crate::progress::{Event, Sink};
use crate::tasks::Search;
use crate::text::{DocText, Span};

/// Length of an excerpt in bytes, about three lines.
const EXCERPT: usize = 280;

/// Bytes of an excerpt before the first match.
const BEFORE: usize = 80;

impl Workspace {
    /// Searches the library. Words must all occur (where none has all, any); `"..."` is a phrase; `title:`, `name:`,
    /// `section:` and `page:` restrict. No input is an error.
    pub async fn search(&self, query: &str, options: SearchOptions) -> Result<Vec<SearchHit>, LibraryError> {
        let query = Query::parse(query);
        let asked = query.clone();
        let found = self.blocking(move |w| w.inner.index.search(&asked, options.limit, options.document)).await??;
        let mut hits = Vec::with_capacity(found.len());
        for hit in found {
            // Deleted a moment ago, or not what the database knows: the database is right.
            let Ok(document) = self.document(hit.document).await else { continue };
            let text = self.text(hit.document).await?;
            let Some(unit) = text.slice(hit.span) else { continue };
            let highlights = query.highlights(unit, hit.span.start());
            let excerpt_span = excerpt(&text.text, hit.span, highlights.first().copied());
            let place = highlights.first().map_or(hit.span.start(), |h| h.start());
            let section = text.section_at(place).and_then(|s| text.slice(s.heading)).map(|h| h.trim().to_owned());
            hits.push(SearchHit {
                document: hit.document,
                name: document.name,
                page: hit.page,
                section,
                span: hit.span,
                excerpt: text.slice(excerpt_span).unwrap_or_default().to_owned(),
                excerpt_span,
                highlights,
                score: hit.score,
            });
        }
        Ok(hits)
    }

    /// Builds the search index anew from the database; returns the number of documents. Cancelled, it goes on at the
    /// next open.
    pub async fn reindex(&self, mut sink: Box<dyn Sink>) -> Result<u64, LibraryError> {
        self.inner.store.reset_indexed().await?;
        self.blocking(|w| w.inner.index.recreate()).await??;
        let ids = self.inner.store.unindexed().await?;
        let total = ids.len() as u64;
        let stage = Event::Stage { stage: "index".to_owned(), message: format!("Indexing {total} documents") };
        let mut go = sink.event(stage);
        for (done, id) in (1..).zip(ids) {
            if go.is_break() {
                return Err(LibraryError::Cancelled);
            }
            self.index_document(id).await?;
            go = sink.event(Event::Progress { done, total: Some(total), unit: "documents".to_owned() });
        }
        Ok(total)
    }
}

/// Where an excerpt of `unit` stands: from a little before the match, on word boundaries where there are any near.
fn excerpt(text: &str, unit: Span, first: Option<Span>) -> Span {
    let first = first.unwrap_or(Span::new(unit.start(), unit.start()));
    let from = text.floor_char_boundary(first.start().saturating_sub(BEFORE).max(unit.start()));
    let start = match text.get(from..first.start()) {
        Some(before) if from > unit.start() => match before.char_indices().find(|(_, c)| c.is_whitespace()) {
            Some((i, c)) => from + i + c.len_utf8(),
            None => from,
        },
        _ => from,
    };
    let to = text.floor_char_boundary((start + EXCERPT).max(first.end()).min(unit.end()));
    let end = match text.get(first.end()..to) {
        Some(after) if to < unit.end() => match after.rfind(char::is_whitespace) {
            Some(i) => first.end() + i,
            None => to,
        },
        _ => to,
    };
    let piece = text.get(start..end).unwrap_or_default();
    let lead = piece.len() - piece.trim_start().len();
    if piece.trim().is_empty() {
        return Span::new(start, end);
    }
    Span::new(start + lead, start + piece.trim_end().len())
}

/// Search within the document a task runs on.
pub(super) struct DocumentSearch<'a> {
    pub(super) index: &'a Index,
    pub(super) document: DocumentId,
    pub(super) text: &'a DocText,
}

impl Search for DocumentSearch<'_> {
    fn find(&self, query: &str, limit: usize) -> Vec<Span> {
        let query = Query::parse(query);
        // The cross-check is an extra: an index that fails gives it nothing, and `doctor` says so.
        let hits: Vec<IndexHit> = self.index.search(&query, limit, Some(self.document)).unwrap_or_default();
        let passage = |hit: &IndexHit| {
            let highlights = query.highlights(self.text.slice(hit.span)?, hit.span.start());
            let first = highlights.first().copied()?;
            Some(excerpt(&self.text.text, hit.span, Some(first))).filter(|span| !span.is_empty())
        };
        hits.iter().filter_map(passage).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_excerpt_holds_its_match_and_stays_in_its_unit(
            text in "[a-zé合🙂 \n]{1,500}", mut places in prop::array::uniform4(0usize..1500), word in "[a-zé合🙂]{1,40}",
        ) {
            places.sort_unstable();
            let at = |i: usize| text.floor_char_boundary(i % (text.len() + 1));
            let mut places = places.map(at);
            places.sort_unstable();
            let [low, place, high, _] = places;
            let text = format!("{}{word}{}", &text[..place], &text[place..]);
            let (first, high) = (Span::new(place, place + word.len()), high + word.len());
            let trimmed = text[first.range()].trim();
            let span = excerpt(&text, Span::new(low, high), Some(first));
            prop_assert!(span.start() >= low && span.end() <= high);
            prop_assert!(text.get(span.range()).is_some_and(|e| e.contains(trimmed)));
        }
    }
}
