//! Search: highlights in any script, and an index that comes back whatever happens to its files.

mod common;

use common::{Library, plain};
use lectern_engine::index::Index;
use lectern_engine::index::query::Query;
use lectern_engine::progress::Silent;
use lectern_engine::store::DocumentId;
use lectern_engine::text::{BlockKind, Extractor, GlyphBoxes, Page, PageStatus, Section, Span};
use lectern_engine::workspace::{SearchHit, SearchOptions, Workspace};
use proptest::prelude::*;
use std::path::Path;

const ANYWHERE: SearchOptions = SearchOptions { limit: 10, document: None };

/// The highlighted pieces of the first hit.
async fn found(workspace: &Workspace, query: &str) -> Vec<String> {
    let hits = workspace.search(query, ANYWHERE).await.unwrap();
    let Some(hit) = hits.first() else { return Vec::new() };
    let text = workspace.text(hit.document).await.unwrap();
    assert_eq!(text.slice(hit.excerpt_span), Some(hit.excerpt.as_str()));
    assert!(hit.span.covers(hit.excerpt_span));
    hit.highlights.iter().map(|span| text.slice(*span).unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn highlights_are_pieces_of_the_canonical_text_in_every_script() {
    let library = Library::new();
    let workspace = library.open().await;
    let texts = [
        ("ru.txt", "Срок ДОГОВОРА: заключён на три года.\n"),
        ("zh.txt", "本合同期限为三年，自签署之日起生效。\n"),
        ("ja.txt", "この契約の期間は三年とする。ガイド。\n"),
        ("emoji.txt", "Status: done ✅ and shipped 👩‍👩‍👧 today.\n"),
        ("marks.txt", "The re\u{301}sume\u{301} of Zoe\u{308} is attached.\n"),
        ("latin.txt", "Die Straße nach Köln, the of\u{fb01}ce, naïve.\n"),
    ];
    for (name, text) in texts {
        library.import(&workspace, name, text).await;
    }
    assert_eq!(found(&workspace, "договора").await, ["ДОГОВОРА"]);
    assert_eq!(found(&workspace, "заключен").await, ["заключён"]);
    assert_eq!(found(&workspace, "合同期限").await, ["合同期限"]);
    assert_eq!(found(&workspace, "\"三年\" 签署").await, ["三年", "签署"]);
    assert_eq!(found(&workspace, "契約").await, ["契約"]);
    assert_eq!(found(&workspace, "✅").await, ["✅"]);
    assert_eq!(found(&workspace, "👩‍👩‍👧").await, ["👩‍👩‍👧"]);
    assert_eq!(found(&workspace, "STRASSE koln").await, ["Straße", "Köln"]);
    assert_eq!(found(&workspace, "office").await.len(), 1);
    assert_eq!(found(&workspace, "resume zoë").await.len(), 2);
    assert_eq!(found(&workspace, "\"years three\"").await, Vec::<String>::new());
    for odd in [
        "",
        "   ",
        "\"",
        "\"\"",
        "AND OR NOT",
        "page:",
        "page:x",
        "a:b:c",
        "((",
        "*",
        "title:\"",
        "-",
        "\u{0}",
        "page:9-3",
    ] {
        workspace.search(odd, ANYWHERE).await.unwrap();
    }
}

fn paged() -> lectern_engine::text::DocText {
    let mut text = plain("Rent is due monthly.\u{c}\nNotice of renewal. Rent rises.\u{c}\nNothing here.");
    text.title = Some("Lease of the mill".into());
    let mut start = 0;
    for (number, piece) in (1..).zip(text.text.split("\u{c}\n")) {
        let span = Span::new(start, start + piece.len());
        start = span.end() + 2;
        let extractor = Extractor { name: "test".into(), version: "1".into() };
        let (width, height, quality) = (1.0, 1.0, 1.0);
        text.pages.push(Page {
            number,
            span,
            width,
            height,
            status: PageStatus::Ok,
            extractor,
            quality,
            boxes: GlyphBoxes::default(),
        });
    }
    text.sections.push(Section { level: 1, heading: Span::new(22, 39), span: Span::new(22, text.text.len()) });
    text.blocks.iter_mut().for_each(|b| b.kind = BlockKind::Paragraph);
    text
}

#[test]
fn fields_restrict_and_pages_are_hits() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::create(&folder.path().join("index")).unwrap();
    index.put(DocumentId(1), "lease-2020.pdf", &paged()).unwrap();
    index.put(DocumentId(2), "other.txt", &plain("Rent of another house. Page 2.")).unwrap();
    let pages = |query: &str| {
        let hits = index.search(&Query::parse(query), 10, None).unwrap();
        let mut pages: Vec<_> = hits.iter().map(|h| (h.document.0, h.page)).collect();
        pages.sort_unstable();
        pages
    };
    assert_eq!(pages("rent"), [(1, Some(1)), (1, Some(2)), (2, None)]);
    assert_eq!(pages("rent title:mill"), [(1, Some(1)), (1, Some(2))]);
    assert_eq!(pages("rent name:other"), [(2, None)]);
    assert_eq!(pages("page:2-3"), [(1, Some(2)), (1, Some(3))]);
    assert_eq!(pages("rent page:2"), [(1, Some(2))]);
    assert_eq!(pages("section:\"notice of renewal\""), [(1, Some(2)), (1, Some(3))]);
    assert_eq!(pages("\"rent rises\""), [(1, Some(2))]);
    assert_eq!(pages("\"rises rent\""), []);
    // Nothing holds both words, so either will do.
    assert_eq!(pages("monthly renewal"), [(1, Some(1)), (1, Some(2))]);
    assert_eq!(index.search(&Query::parse("rent"), 10, Some(DocumentId(2))).unwrap().len(), 1);
    index.put(DocumentId(2), "other.txt", &plain("Replaced.")).unwrap();
    assert_eq!(pages("another"), []);
    index.remove(DocumentId(1)).unwrap();
    assert_eq!((pages("rent"), index.entries()), (vec![], (1, 0)));
}

async fn hits(workspace: &Workspace) -> Vec<SearchHit> {
    workspace.search("agreement", ANYWHERE).await.unwrap()
}

async fn comes_back_after(damage: impl Fn(&Path)) {
    let library = Library::new();
    let workspace = library.open().await;
    library.import(&workspace, "a.txt", "The agreement of a.\n").await;
    library.import(&workspace, "b.txt", "Another agreement, of b.\n").await;
    let before = hits(&workspace).await;
    assert_eq!(before.len(), 2);
    workspace.close().await;
    drop(workspace);
    damage(&library.path().join("index"));
    let workspace = library.open().await;
    let after = hits(&workspace).await;
    assert_eq!(
        after.iter().map(|h| h.document).collect::<Vec<_>>(),
        before.iter().map(|h| h.document).collect::<Vec<_>>()
    );
    assert!(workspace.documents().await.unwrap().iter().all(|d| d.indexed));
    assert_eq!(workspace.reindex(Box::new(Silent)).await.unwrap(), 2);
    assert_eq!(hits(&workspace).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_index_is_built_anew() {
    comes_back_after(|index| std::fs::remove_dir_all(index).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_another_version_is_built_anew() {
    comes_back_after(|index| std::fs::write(index.join("VERSION"), "0\n").unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_index_is_built_anew() {
    comes_back_after(|index| std::fs::write(index.join("meta.json"), "{ not json").unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_with_cut_segments_is_built_anew() {
    comes_back_after(|index| {
        for entry in std::fs::read_dir(index).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e != "json" && e != "lock") {
                std::fs::write(path, "").unwrap();
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lock_files_left_by_a_crash_do_not_matter() {
    comes_back_after(|index| {
        for name in [".tantivy-writer.lock", ".tantivy-meta.lock"] {
            std::fs::write(index.join(name), "").unwrap();
        }
    })
    .await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_word_of_a_text_is_found_and_highlighted(words in prop::collection::vec("[a-zé]{1,8}|[合同期限]{1,4}|[а-яё]{1,6}", 1..12)) {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::create(&folder.path().join("index")).unwrap();
        let text = plain(&words.join(" "));
        index.put(DocumentId(1), "a.txt", &text).unwrap();
        for word in &words {
            for query in [word.clone(), format!("\"{word}\"")] {
                let query = Query::parse(&query);
                prop_assert_eq!(index.search(&query, 3, None).unwrap().len(), 1);
                prop_assert!(!query.highlights(&text.text, 0).is_empty());
            }
        }
        let phrase = Query::parse(&format!("\"{}\"", words.join(" ")));
        prop_assert_eq!(index.search(&phrase, 3, None).unwrap().len(), 1);
    }
}
