//! Commands on documents: import, list, show, search, delete, reindex, doctor.

use crate::{Common, Outcome, open, print, progress};
use anyhow::{Context, bail};
use lectern_engine::workspace::{Document, ImportError, SearchOptions, Workspace};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct ImportArguments {
    /// Files and folders; folders are walked
    #[arg(required = true, value_name = "FILE")]
    paths: Vec<PathBuf>,
    /// Read a password for encrypted files from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

#[derive(clap::Args)]
pub(crate) struct ShowArguments {
    /// Number, file name, or beginning of the hash
    document: String,
    /// The whole text
    #[arg(long, conflicts_with_all = ["page", "runs"])]
    text: bool,
    /// The text of one page
    #[arg(long, value_name = "N", conflicts_with = "runs")]
    page: Option<u32>,
    /// The results
    #[arg(long)]
    runs: bool,
}

#[derive(clap::Args)]
pub(crate) struct SearchArguments {
    /// Words, "phrases", title: name: section: page:
    query: String,
    /// Only in this document
    #[arg(long, value_name = "DOC")]
    document: Option<String>,
    /// Most hits
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
}

#[derive(clap::Args)]
pub(crate) struct DeleteArguments {
    /// Number, file name, or beginning of the hash
    document: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn import(
    workspace: &Workspace,
    common: &Common,
    arguments: ImportArguments,
) -> anyhow::Result<Outcome> {
    let password = if arguments.password_stdin { Some(first_line()?) } else { None };
    let mut files = Vec::new();
    for path in &arguments.paths {
        collect(path, true, &mut files);
    }
    let mut rows = Vec::new();
    let mut outcomes = Vec::new();
    let mut unreadable = 0;
    for path in &files {
        if progress::interrupted() {
            break;
        }
        let name = path.display().to_string();
        let sink = progress::sink(common, &name);
        match workspace.import(path, password.clone(), sink).await {
            Ok(outcome) => {
                let document = &outcome.document;
                unreadable += usize::from(!document.status.has_text());
                rows.push(row(document, outcome.already_there));
                outcomes.push(json!({ "path": path, "document": document, "already_there": outcome.already_there }));
            }
            Err(ImportError::Library(error)) => return Err(error.into()),
            Err(error) => {
                unreadable += 1;
                rows.push(vec![
                    String::new(),
                    "error".into(),
                    String::new(),
                    print::plain(&name),
                    print::plain(&error.to_string()),
                ]);
                outcomes.push(json!({ "path": path, "error": error.to_string() }));
            }
        }
    }
    if common.json {
        print::json(&outcomes)?;
    } else {
        print::table(&["ID", "STATUS", "PAGES", "NAME", "NOTE"], &rows);
        out!("\n{}", totals(&rows));
    }
    Ok(if progress::interrupted() {
        Outcome::Cancelled
    } else if unreadable > 0 {
        Outcome::SomeUnreadable
    } else {
        Outcome::Done
    })
}

/// How many files there were, and how many of each status, the most frequent first.
fn totals(rows: &[Vec<String>]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    rows.iter().filter_map(|r| r.get(1)).for_each(|status| *counts.entry(status).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let counts: Vec<String> = counts.iter().map(|(status, n)| format!("{n} {status}")).collect();
    format!("{} file{}: {}.", rows.len(), if rows.len() == 1 { "" } else { "s" }, counts.join(", "))
}

/// The files of `path` in order of their names; hidden ones only where named themselves. Links to folders are not followed.
fn collect(path: &Path, named: bool, files: &mut Vec<PathBuf>) {
    let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
    let followed = named || !path.is_symlink();
    if !named && hidden {
        return;
    }
    let entries = if path.is_dir() && followed { std::fs::read_dir(path).ok() } else { None };
    match entries {
        Some(entries) => {
            let mut inner: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
            inner.sort();
            inner.iter().for_each(|p| collect(p, false, files));
        }
        // What cannot be listed is handed on: the import says why it cannot be read.
        None if path.is_dir() && !followed => {}
        None => files.push(path.to_path_buf()),
    }
}

fn first_line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("The password cannot be read from standard input")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn row(document: &Document, already_there: bool) -> Vec<String> {
    let mut note = document.message.clone().unwrap_or_default();
    if already_there {
        note = format!("already there. {note}");
    }
    vec![
        document.id.0.to_string(),
        document.status.as_str().to_owned(),
        document.pages.map(|p| p.to_string()).unwrap_or_default(),
        print::plain(&document.name),
        print::plain(&note),
    ]
}

pub(crate) async fn list(workspace: &Workspace, common: &Common) -> anyhow::Result<Outcome> {
    let documents = workspace.documents().await?;
    if common.json {
        print::json(&documents)?;
    } else if documents.is_empty() {
        out!("The library {} is empty. `lectern import FILE` puts files into it.", workspace.library().display());
    } else {
        let rows: Vec<Vec<String>> = documents.iter().map(|d| row(d, false)).collect();
        print::table(&["ID", "STATUS", "PAGES", "NAME", "NOTE"], &rows);
    }
    Ok(Outcome::Done)
}

pub(crate) async fn show(workspace: &Workspace, common: &Common, arguments: ShowArguments) -> anyhow::Result<Outcome> {
    let document = open::document(workspace, &arguments.document).await?;
    if arguments.runs {
        let runs = workspace.runs(document.id).await?;
        if common.json {
            print::json(&runs)?;
        } else {
            let text = workspace.text(document.id).await?;
            for (i, run) in runs.iter().enumerate() {
                if i > 0 {
                    out!("\n----\n");
                }
                print::run(run, &text);
            }
        }
        return Ok(if runs.is_empty() { Outcome::NothingFound } else { Outcome::Done });
    }
    if arguments.text || arguments.page.is_some() {
        let text = workspace.text(document.id).await?;
        let shown = match arguments.page {
            None => text.text.as_str(),
            Some(number) => {
                let Some(page) = text.pages.iter().find(|p| p.number == number) else {
                    bail!("{} has no page {number}; it has {} pages.", document.name, text.pages.len());
                };
                text.slice(page.span).unwrap_or_default()
            }
        };
        if common.json {
            print::json(&json!({ "document": document.id, "page": arguments.page, "text": shown }))?;
        } else {
            // On a terminal a document's control characters must not act; a file gets the text as it is.
            let safe = |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { ' ' } else { c };
            let shown: String =
                if std::io::stdout().is_terminal() { shown.chars().map(safe).collect() } else { shown.to_owned() };
            out!("{shown}");
        }
        return Ok(Outcome::Done);
    }
    if common.json {
        print::json(&document)?;
        return Ok(Outcome::Done);
    }
    out!("{} (document {})", print::plain(&document.name), document.id.0);
    out!(
        "  status   {}{}",
        document.status.as_str(),
        document.message.as_ref().map(|m| format!(": {}", print::plain(m))).unwrap_or_default()
    );
    if let Some(title) = &document.title {
        out!("  title    {}", print::plain(title));
    }
    out!("  size     {} bytes; text {} bytes", document.bytes, document.text_bytes);
    if let Some(pages) = document.pages {
        out!(
            "  pages    {pages}{}",
            if document.pages_need_ocr > 0 {
                format!(", {} need text recognition", document.pages_need_ocr)
            } else {
                String::new()
            }
        );
    }
    out!("  sha256   {}", document.sha256);
    for note in &document.notes {
        out!(
            "  note     {}{}",
            note.page.map(|p| format!("page {p}: ")).unwrap_or_default(),
            print::plain(&note.message)
        );
    }
    out!("  results  {}", workspace.runs(document.id).await?.len());
    Ok(Outcome::Done)
}

pub(crate) async fn search(
    workspace: &Workspace,
    common: &Common,
    arguments: SearchArguments,
) -> anyhow::Result<Outcome> {
    let document = match &arguments.document {
        Some(name) => Some(open::document(workspace, name).await?.id),
        None => None,
    };
    let hits = workspace.search(&arguments.query, SearchOptions { limit: arguments.limit, document }).await?;
    if common.json {
        print::json(&hits)?;
    } else {
        for hit in &hits {
            let page = hit.page.map(|p| format!(", p. {p}")).unwrap_or_default();
            out!("{} (document {}{page})", print::plain(&hit.name), hit.document.0);
            out!("    {}", marked(hit));
        }
        if hits.is_empty() {
            out!("Nothing found.");
        }
    }
    Ok(if hits.is_empty() { Outcome::NothingFound } else { Outcome::Done })
}

/// The excerpt with its matches in brackets.
fn marked(hit: &lectern_engine::workspace::SearchHit) -> String {
    let mut out = String::new();
    let mut at = 0;
    for highlight in hit.highlights.iter().filter(|h| hit.excerpt_span.covers(**h)) {
        let (from, to) = (highlight.start() - hit.excerpt_span.start(), highlight.end() - hit.excerpt_span.start());
        if let (Some(before), Some(inside)) = (hit.excerpt.get(at..from), hit.excerpt.get(from..to)) {
            out.push_str(before);
            out.push_str(&format!("[{inside}]"));
            at = to;
        }
    }
    out.push_str(hit.excerpt.get(at..).unwrap_or_default());
    print::plain(&out)
}

pub(crate) async fn delete(
    workspace: &Workspace,
    common: &Common,
    arguments: DeleteArguments,
) -> anyhow::Result<Outcome> {
    let document = open::document(workspace, &arguments.document).await?;
    if !arguments.yes {
        if !std::io::stdin().is_terminal() {
            bail!("Deleting {} removes its file, text and results for good. Add --yes to do it.", document.name);
        }
        eprint!("Delete {} with its text and all results for good? [y/N] ", print::plain(&document.name));
        std::io::stderr().flush()?;
        if !matches!(first_line()?.trim(), "y" | "Y" | "yes") {
            return Ok(Outcome::Cancelled);
        }
    }
    workspace.delete(document.id).await?;
    if common.json {
        print::json(&json!({ "deleted": document.id }))?;
    } else {
        out!("Deleted {}.", print::plain(&document.name));
    }
    Ok(Outcome::Done)
}

pub(crate) async fn reindex(workspace: &Workspace, common: &Common) -> anyhow::Result<Outcome> {
    let count = workspace.reindex(progress::sink(common, "index")).await?;
    if common.json {
        print::json(&json!({ "documents": count }))?;
    } else {
        out!("{count} documents indexed.");
    }
    Ok(Outcome::Done)
}

pub(crate) async fn doctor(workspace: &Workspace, common: &Common) -> anyhow::Result<Outcome> {
    let checks = workspace.doctor().await;
    if common.json {
        print::json(&checks)?;
    } else {
        let rows: Vec<Vec<String>> = checks
            .iter()
            .map(|c| vec![if c.ok { "ok" } else { "NOT OK" }.to_owned(), c.name.clone(), print::plain(&c.detail)])
            .collect();
        print::table(&["", "CHECK", "FOUND"], &rows);
    }
    Ok(if checks.iter().all(|c| c.ok) { Outcome::Done } else { Outcome::Failed })
}
