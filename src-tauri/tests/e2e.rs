//! The real window: the sample contract and transcript are dropped in, and the contract's fields come with passages that
//! can be marked on its pages. Clicking a citation is covered in `ui/tests` only so far. Needs a display: `./dev test`
//! runs it under Xvfb.

#![expect(clippy::expect_used, clippy::panic, reason = "a step that fails ends the test there, and says which")]

use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use thirtyfour::prelude::*;

/// How long the interim model may take to read the sample contract and answer, on two busy cores.
const ANALYSIS: Duration = Duration::from_secs(1200);

/// The driver with everything it started; ended whatever happens.
struct Driver {
    process: Child,
    port: u16,
    _library: tempfile::TempDir,
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Starts WebKit's driver with a library of its own.
fn driver() -> Driver {
    let library = tempfile::tempdir().expect("a temporary folder");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    let from = |name: &str, default: &str| std::env::var_os(name).map_or_else(|| root().join(default), PathBuf::from);
    let process = Command::new("WebKitWebDriver")
        .arg(format!("--port={port}"))
        .env("TAURI_WEBVIEW_AUTOMATION", "true")
        // Under Xvfb the plain renderer that `main` falls back to stops answering the driver.
        .env("WEBKIT_DISABLE_DMABUF_RENDERER", "0")
        .env("NO_AT_BRIDGE", "1")
        .env("DBUS_SESSION_BUS_ADDRESS", "disabled:")
        .env("LECTERN_LIBRARY", library.path())
        .env("LECTERN_PDFIUM", from("LECTERN_PDFIUM", "vendor/pdfium/libpdfium.so"))
        .env("LECTERN_MODEL", from("LECTERN_MODEL", "engine/model/weights/interim"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("WebKitWebDriver is installed (package webkit2gtk-driver)");
    Driver { process, port, _library: library }
}

/// Opens the window. The first request to a driver is dropped now and then, so it is tried three times.
async fn open(driver: &Driver) -> WebDriver {
    let mut capabilities = Capabilities::new();
    capabilities
        .set("webkitgtk:browserOptions", json!({"binary": env!("CARGO_BIN_EXE_lectern-app"), "args": []}))
        .expect("the options are JSON");
    let address = format!("http://127.0.0.1:{}", driver.port);
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let session = WebDriver::new(&address, capabilities.clone());
        if let Ok(Ok(window)) = tokio::time::timeout(Duration::from_secs(40), session).await {
            return window;
        }
    }
    panic!("the window did not open");
}

/// Calls one of the window's own commands, with a channel for its progress where it wants one.
async fn invoke(window: &WebDriver, command: &str, arguments: Value) -> Value {
    const SCRIPT: &str = "
        const [command, args, done] = arguments;
        const tauri = window.__TAURI_INTERNALS__;
        if ('progress' in args) args.progress = '__CHANNEL__:' + tauri.transformCallback(() => {});
        tauri.invoke(command, args).then((ok) => done({ ok }), (error) => done({ error }));";
    let reply = window.execute_async(SCRIPT, vec![json!(command), arguments]).await.expect("the script runs");
    let mut reply: Value = reply.json().clone();
    assert!(reply.get("error").is_none(), "{command} failed: {reply}");
    reply["ok"].take()
}

async fn find(window: &WebDriver, selector: &str) -> WebElement {
    window
        .query(By::Css(selector))
        .wait(Duration::from_secs(30), Duration::from_millis(100))
        .and_displayed()
        .first()
        .await
        .unwrap_or_else(|e| panic!("{selector} is not shown: {e}"))
}

/// Keeps a screenshot. A picture is for people: a driver too busy to take one does not fail the test.
async fn picture(window: &WebDriver, name: &str) {
    let folder = std::env::var_os("LECTERN_ARTIFACTS").map_or_else(|| root().join("build/screenshots"), PathBuf::from);
    std::fs::create_dir_all(&folder).expect("the folder for screenshots can be made");
    let taken = tokio::time::timeout(Duration::from_secs(30), window.screenshot(&folder.join(name))).await;
    if !matches!(taken, Ok(Ok(()))) {
        eprintln!("no screenshot {name}");
    }
}

async fn wait_for(window: &WebDriver, what: &str, script: &str, limit: Duration) {
    let started = Instant::now();
    while started.elapsed() < limit {
        if window.execute(script, vec![]).await.is_ok_and(|r| r.json() == &json!(true)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    picture(window, "failed.png").await;
    panic!("{what} did not happen within {limit:?}");
}

#[tokio::test]
#[ignore = "needs a display; ./dev test runs it under Xvfb"]
async fn a_contract_is_dropped_in_and_its_fields_come_with_passages_on_pages() {
    let driver = driver();
    let window = open(&driver).await;
    find(&window, "button[title^=Import]").await;
    picture(&window, "1-empty-library.png").await;

    let sample = |name: &str| root().join("tests/samples").join(name).canonicalize().expect("the sample is there");
    let paths = json!([sample("services-agreement.pdf"), sample("weekly-meeting.vtt")]);
    // As a drop of two files: the page takes paths from an event too, since a driver cannot drag from outside.
    const DROP: &str = "window.dispatchEvent(new CustomEvent('lectern:take', { detail: arguments[0] }));";
    window.execute(DROP, vec![paths]).await.expect("the page takes the files");
    const BOTH_READY: &str = "return document.querySelectorAll('tr[data-document][data-status=ready]').length === 2;";
    wait_for(&window, "two documents ready", BOTH_READY, Duration::from_secs(120)).await;
    picture(&window, "2-library.png").await;
    let documents = invoke(&window, "documents", json!({})).await;
    let contract = |d: &&Value| d["name"] == "services-agreement.pdf";
    let document = documents.as_array().expect("a list").iter().find(contract).expect("the contract is listed");

    let pack = std::fs::read_to_string(root().join("tests/samples/first-look.json")).expect("the sample pack is there");
    let task =
        json!({"id": document["id"], "task": {"task": "fields", "pack": pack}, "tooLong": null, "ticket": "e2e"});
    // Started and left to run: no request to the driver may last as long as reading a contract.
    const START: &str = "
        const tauri = window.__TAURI_INTERNALS__;
        const args = { ...arguments[0], progress: '__CHANNEL__:' + tauri.transformCallback(() => {}) };
        tauri.invoke('start_task', args).then((run) => (window.e2eRun = run), (error) => (window.e2eRun = { error }));";
    window.execute(START, vec![task]).await.expect("the task is started");
    wait_for(&window, "the fields", "return window.e2eRun !== undefined;", ANALYSIS).await;
    let run = window.execute("return window.e2eRun;", vec![]).await.expect("the result is there").json().clone();
    assert!(run.get("error").is_none(), "the task failed: {run}");
    let claims = run["claims"].as_array().expect("claims");
    // Every passage can be shown: it has a page and rectangles on it.
    let passages: Vec<&Value> = claims.iter().filter_map(|c| c["evidence"].as_array()).flatten().collect();
    assert!(!passages.is_empty(), "no field came with a passage: {run}");
    for passage in passages {
        assert!(passage["page"].is_u64(), "{passage}");
        assert!(passage["rects"].as_array().is_some_and(|r| !r.is_empty()), "{passage}");
    }
    picture(&window, "3-after-fields.png").await;
}
