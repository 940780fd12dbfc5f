//! The arrows and absences of ARCHITECTURE.md, checked by program.
//!
//! Each rule returns what it found wrong, and is also run on a made-up offender, so that it is known to be able to fail.
#![expect(clippy::expect_used, reason = "a test that cannot read the project fails there, and says why")]

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::path::Path;

/// Who may depend directly on what. A dependency not listed here is free for all.
const ONLY: &[(&str, &[&str])] = &[
    ("tauri", &["lectern-app"]),
    ("tauri-build", &["lectern-app"]),
    ("tauri-plugin-dialog", &["lectern-app"]),
    ("sqlx", &["lectern-engine"]),
    ("tantivy", &["lectern-engine"]),
    ("pdf-extract", &["lectern-engine"]),
    ("lopdf", &["lectern-engine"]),
    ("pdfium-render", &["lectern-engine"]),
    ("quick-xml", &["lectern-engine"]),
    ("scraper", &["lectern-engine"]),
    ("zip", &["lectern-engine"]),
    ("candle-core", &["lectern-model"]),
    ("candle-nn", &["lectern-model"]),
    ("tokenizers", &["lectern-model"]),
    ("llguidance", &["lectern-model"]),
    ("lectern-engine", &["lectern-app", "lectern-tests"]),
    ("lectern-model", &["lectern-engine", "lectern-tests"]),
];

/// Packages that must be used directly by somebody, because the person who asked for Lectern named them.
const NAMED: &[&str] =
    &["tauri", "tokio", "candle-core", "candle-nn", "pdf-extract", "tantivy", "serde", "sqlx", "tokenizers"];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(lectern_tests::root().join("Cargo.toml"))
        .other_options(vec!["--locked".into(), "--offline".into()])
        .exec()
        .expect("cargo metadata runs in the workspace")
}

/// `(package, dependency)` pairs of the workspace's direct, non-development dependencies.
fn direct(metadata: &Metadata) -> Vec<(String, String)> {
    metadata
        .workspace_packages()
        .iter()
        .flat_map(|p| {
            p.dependencies
                .iter()
                .filter(|d| d.kind != DependencyKind::Development)
                .map(|d| (p.name.to_string(), d.name.clone()))
        })
        .collect()
}

fn forbidden(pairs: &[(String, String)]) -> Vec<String> {
    pairs
        .iter()
        .filter(|(user, used)| ONLY.iter().any(|(name, users)| name == used && !users.contains(&user.as_str())))
        .map(|(user, used)| format!("{user} must not depend on {used}"))
        .collect()
}

#[test]
fn arrows_point_downwards_only() {
    assert_eq!(forbidden(&direct(&metadata())), Vec::<String>::new());
    let offender = [("lectern-engine".to_string(), "tauri".to_string())];
    assert_eq!(forbidden(&offender).len(), 1);
}

#[test]
fn the_named_packages_are_used() {
    let pairs = direct(&metadata());
    let missing: Vec<_> = NAMED.iter().filter(|n| !pairs.iter().any(|(_, used)| used == *n)).collect();
    assert!(missing.is_empty(), "not used by any package: {missing:?}");
}

/// Licences outside the allow list of `deny.toml`, over every package that a build can pull in.
#[test]
fn every_licence_is_on_the_list_in_deny_toml() {
    let deny = std::fs::read_to_string(lectern_tests::root().join("deny.toml")).expect("deny.toml is there");
    let list = deny.split("allow = [").nth(1).and_then(|s| s.split(']').next()).expect("deny.toml has an allow list");
    let allowed: Vec<&str> = list.split(',').map(|s| s.trim().trim_matches('"')).filter(|s| !s.is_empty()).collect();
    let bad: Vec<String> = metadata()
        .packages
        .iter()
        .filter(|p| !p.license.as_deref().is_some_and(|l| licence_allowed(l, &allowed)))
        .map(|p| format!("{} {}: {:?}", p.name, p.version, p.license))
        .collect();
    assert!(bad.is_empty(), "licences not on the list:\n{}", bad.join("\n"));
    assert!(!licence_allowed("AGPL-3.0-only", &allowed));
    assert!(!licence_allowed("MIT AND AGPL-3.0-only", &allowed));
}

/// SPDX expressions as they occur in the tree: `OR` (also the old `/`) needs one side, `AND` needs both.
fn licence_allowed(expression: &str, allowed: &[&str]) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" OR ").any(|side| side.split(" AND ").all(|l| allowed.contains(&l.trim())))
        || plain.split(" AND ").all(|part| part.split(" OR ").any(|l| allowed.contains(&l.trim())))
}

/// Source files below a folder, as (path, text).
fn sources(folder: &str) -> Vec<(String, String)> {
    fn walk(dir: &Path, out: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file is UTF-8");
                out.push((path.display().to_string(), text));
            }
        }
    }
    let mut out = Vec::new();
    walk(&lectern_tests::root().join(folder), &mut out);
    assert!(!out.is_empty(), "no sources under {folder}");
    out
}

#[test]
fn the_model_knows_nothing_of_documents() {
    let words = ["DocText", "PageMap", "lectern_engine", "sqlx", "tantivy"];
    for (path, text) in sources("engine/model/src") {
        for word in words {
            assert!(!text.contains(word), "{path} mentions {word}");
        }
    }
}

#[test]
fn every_file_says_in_its_first_line_what_it_is_about() {
    for folder in ["engine/src", "engine/model/src", "src-tauri/src", "tests/src", "tests/tests"] {
        for (path, text) in sources(folder) {
            assert!(text.starts_with("//! "), "{path} does not start with `//! `");
            assert!(!text.contains(concat!("(being", " written)")), "{path} is a placeholder");
        }
    }
}

#[test]
fn nothing_names_itself_a_helper() {
    let banned = ["utils.rs", "util.rs", "helpers.rs", "manager.rs", "service.rs", "_old.rs", "v2.rs"];
    for folder in ["engine/src", "engine/model/src", "src-tauri/src"] {
        for (path, _) in sources(folder) {
            assert!(!banned.iter().any(|b| path.ends_with(b)), "{path} has a name that says nothing");
        }
    }
}

/// The window must not be able to reach a remote host: the policy names no host but its own.
#[test]
fn the_windows_policy_names_no_remote_host() {
    let path = lectern_tests::root().join("src-tauri/tauri.conf.json");
    let conf: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("tauri.conf.json is there")).expect("it is JSON");
    let csp = conf["app"]["security"]["csp"].to_string();
    assert_ne!(csp, "null", "a policy is set");
    let hosts = remote_hosts(&csp);
    assert!(hosts.is_empty(), "remote hosts in the policy: {hosts:?}");
    assert_eq!(remote_hosts("connect-src https://example.org"), ["https://example.org"]);
}

fn remote_hosts(csp: &str) -> Vec<&str> {
    csp.split(|c: char| c.is_whitespace() || c == '"' || c == ';')
        .filter(|w| w.contains("://"))
        .filter(|w| !w.split("://").nth(1).is_some_and(|host| host.ends_with(".localhost") || host == "localhost"))
        .collect()
}
