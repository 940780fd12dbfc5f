//! The real window, driven as a person would: import the sample contract, search it, extract fields, click a citation,
//! see the passage marked on its page; unlock a file, stop a reading, choose what is read, export. Needs a display:
//! `./dev test` runs it under Xvfb.

#![expect(clippy::expect_used, clippy::panic, reason = "a step that fails ends the test there, and says which")]

#[path = "../../engine/tests/tiny/mod.rs"]
mod tiny;

use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use thirtyfour::prelude::*;

/// How long the model may take to read the sample contract and answer, on two busy cores.
const ANALYSIS: Duration = Duration::from_secs(1200);
/// How long anything else may take.
const MOMENT: Duration = Duration::from_secs(60);

/// The driver with everything it started; ended whatever happens.
struct Driver {
    process: Child,
    port: u16,
    library: tempfile::TempDir,
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

/// A file of `tests/samples` by its whole path, as a dropped file would be named.
fn sample(name: &str) -> String {
    let path = root().join("tests/samples").join(name).canonicalize();
    path.unwrap_or_else(|e| panic!("the sample {name} is missing: {e}")).display().to_string()
}

/// What the environment names, or its usual place below the root.
fn named(variable: &str, usual: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| root().join(usual), PathBuf::from)
}

/// Starts WebKit's driver with a library of its own, for windows that work with that model.
fn driver(model: &Path) -> Driver {
    let library = tempfile::tempdir().expect("a temporary folder");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    let process = Command::new("WebKitWebDriver")
        .arg(format!("--port={port}"))
        .env("TAURI_WEBVIEW_AUTOMATION", "true")
        .env("NO_AT_BRIDGE", "1")
        .env("DBUS_SESSION_BUS_ADDRESS", "disabled:")
        // With WebKit's shared buffers off, which main() asks for because of graphics drivers, the driver's screenshots
        // of a page at rest wait for a frame that never comes. Xvfb has no such drivers.
        .env("WEBKIT_DISABLE_DMABUF_RENDERER", "0")
        .env("LECTERN_LIBRARY", library.path())
        .env("LECTERN_PDFIUM", named("LECTERN_PDFIUM", "vendor/pdfium/libpdfium.so"))
        .env("LECTERN_MODEL", model)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("WebKitWebDriver is installed (package webkit2gtk-driver)");
    Driver { process, port, library }
}

/// The driven window.
struct Window(WebDriver);

impl Window {
    /// Opens it. The first request to a driver is dropped now and then, so it is tried three times.
    async fn open(driver: &Driver) -> Self {
        let mut capabilities = Capabilities::new();
        let options = json!({"binary": env!("CARGO_BIN_EXE_lectern-app"), "args": []});
        capabilities.set("webkitgtk:browserOptions", options).expect("the options are JSON");
        let address = format!("http://127.0.0.1:{}", driver.port);
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(700)).await;
            let session = WebDriver::new(&address, capabilities.clone());
            if let Ok(Ok(window)) = tokio::time::timeout(Duration::from_secs(40), session).await {
                return Self(window);
            }
        }
        panic!("the window did not open");
    }

    async fn run(&self, script: &str, arguments: Vec<Value>) -> Option<Value> {
        self.0.execute(script, arguments).await.ok().map(|reply| reply.json().clone())
    }

    /// Waits until `script` returns true; otherwise keeps a picture of how it stood and fails.
    async fn until(&self, what: &str, script: &str, limit: Duration) {
        let started = Instant::now();
        while started.elapsed() < limit {
            if self.run(script, vec![]).await == Some(Value::Bool(true)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        self.picture("failed.png").await;
        let shown = self.run("return document.body.innerText", vec![]).await;
        panic!("{what} did not happen within {limit:?}; the window shows: {shown:?}");
    }

    async fn find(&self, selector: &str) -> WebElement {
        let exists = format!(
            "const e = document.querySelector({selector:?}); return e !== null && e.getBoundingClientRect().width > 0"
        );
        self.until(selector, &exists, MOMENT).await;
        self.0.find(By::Css(selector)).await.unwrap_or_else(|e| panic!("{selector}: {e}"))
    }

    async fn click(&self, selector: &str) {
        self.find(selector).await.click().await.unwrap_or_else(|e| panic!("{selector} cannot be clicked: {e}"));
    }

    /// Chooses `value` in a list, as a person would.
    async fn choose(&self, selector: &str, value: &str) {
        self.find(selector).await;
        let script = "const [of, value] = arguments; const select = document.querySelector(of); select.value = value;
            select.dispatchEvent(new Event('change', { bubbles: true }))";
        self.run(script, vec![json!(selector), json!(value)]).await;
    }

    /// Hands files over as if they had been dropped: real drags and the system's dialogs are out of a driver's reach.
    async fn drop_files(&self, paths: &[String]) {
        let script = "window.dispatchEvent(new CustomEvent('lectern:take', { detail: arguments[0] })); return true";
        assert!(self.run(script, vec![json!(paths)]).await.is_some(), "files can be handed over");
    }

    async fn picture(&self, name: &str) {
        let folder = named("LECTERN_ARTIFACTS", "target/e2e");
        std::fs::create_dir_all(&folder).expect("the folder for screenshots can be made");
        // What was just asked for is drawn a moment later.
        tokio::time::sleep(Duration::from_millis(700)).await;
        // A picture is for people: a driver too busy to take one does not fail the test.
        let taken = tokio::time::timeout(Duration::from_secs(30), self.0.screenshot(&folder.join(name))).await;
        if !matches!(taken, Ok(Ok(()))) {
            eprintln!("no screenshot {name}");
        }
    }

    async fn theme(&self, name: &str) {
        self.run("document.documentElement.dataset.theme = arguments[0]", vec![json!(name)]).await;
    }
}

/// Whether a mark lies inside the visible part of the pane that scrolls it, and the window itself has not scrolled.
const MARK_IS_VISIBLE: &str = "
    const mark = document.querySelector('[data-testid=highlight]');
    const pane = mark && mark.closest('[data-view]');
    if (!pane) return false;
    const a = mark.getBoundingClientRect(), b = pane.getBoundingClientRect();
    return a.width > 2 && a.height > 2 && a.top >= b.top && a.bottom <= b.bottom && a.left >= b.left && a.right <= b.right
        && document.scrollingElement.scrollTop === 0 && document.body.scrollTop === 0;";

/// Whether the marked part of the page holds ink: the page is really drawn, and the mark stands on words and lets them
/// show through (it once hid them).
const WORDS_UNDER_THE_MARK: &str = "
    const mark = document.querySelector('[data-testid=highlight]');
    const canvas = mark && mark.closest('[data-page]').querySelector('canvas');
    if (!canvas || canvas.width < 100) return false;
    const alpha = parseFloat(getComputedStyle(mark).backgroundColor.split(/[,/]/)[3]);
    if (!(alpha > 0.1 && alpha < 0.6)) return false;
    const a = mark.getBoundingClientRect(), c = canvas.getBoundingClientRect(), k = canvas.width / c.width;
    const data = canvas.getContext('2d').getImageData((a.left - c.left) * k, (a.top - c.top) * k, a.width * k, a.height * k).data;
    let dark = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 128 && data[i] + data[i + 1] + data[i + 2] < 300) dark++;
    return dark / (data.length / 4) > 0.02;";

#[tokio::test]
#[ignore = "needs a display; ./dev test runs it under Xvfb"]
async fn a_contract_is_imported_its_fields_found_and_a_citation_shown_on_its_page() {
    let driver = driver(&named("LECTERN_MODEL", "engine/model/weights/lectern-mini"));
    let window = Window::open(&driver).await;
    window.theme("light").await;
    window.find("[data-testid=import]").await;
    window.picture("1-empty-library.png").await;

    import(&window).await;
    search(&window).await;
    extract(&window).await;
    cite(&window).await;
    ask_by_rules(&window).await;
    extract_by_rules(&window).await;
    write_by_rules(&window).await;
    window.0.quit().await.expect("the window closes");
}

/// Files come in; one that cannot be read is listed with the reason and stops none of the others.
async fn import(window: &Window) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let broken = folder.path().join("broken.pdf");
    std::fs::write(&broken, b"%PDF-1.7\nand then nothing that a PDF would have").expect("a broken file can be written");
    let mut files = vec![broken.display().to_string()];
    files.extend(["weekly-meeting.vtt", "services-agreement.docx", "services-agreement.pdf"].map(sample));
    window.drop_files(&files).await;
    window.find("[data-testid=document-row][data-name='services-agreement.pdf'][data-status=ready]").await;
    window.find("[data-testid=document-row][data-name='services-agreement.docx'][data-status=ready]").await;
    window.find("[data-testid=document-row][data-name='broken.pdf'][data-status=damaged]").await;
    window.picture("2-library.png").await;
}

/// A search leads to the page and marks the words there.
async fn search(window: &Window) {
    let field = window.find("[data-testid=search]").await;
    field.send_keys("governed laws").await.expect("the search can be typed into");
    window.find("[data-testid=hit] mark").await;
    window.picture("3-search.png").await;
    let pdf = "const hit = [...document.querySelectorAll('[data-testid=hit]')].find((h) => h.textContent.includes('.pdf')); hit?.click(); return !!hit";
    window.until("a hit in the PDF", pdf, MOMENT).await;
    window.until("the words found are marked on the page", MARK_IS_VISIBLE, MOMENT).await;
    window.until("the page is drawn under the mark", WORDS_UNDER_THE_MARK, MOMENT).await;
    window.click("[data-back]").await;
    window.run("document.querySelector('[aria-label=\"Clear the search\"]').click()", vec![]).await;
}

/// The fields of a schema handed over are extracted by the real model.
async fn extract(window: &Window) {
    window.click("[data-testid=document-row][data-name='services-agreement.pdf'] button").await;
    window.find("[data-page] canvas").await;
    window.drop_files(&[sample("first-look.json")]).await;
    let chosen = "return document.querySelector('[data-packs]')?.selectedOptions[0]?.textContent.includes('First look') === true";
    window.until("the schema is chosen", chosen, MOMENT).await;
    window
        .until("the task can be started", "return !document.querySelector('[data-testid=run]').disabled", MOMENT)
        .await;
    window.click("[data-testid=run]").await;
    let working = "return document.querySelector('[role=tabpanel] [role=progressbar]') !== null || document.querySelector('[data-testid=claim]') !== null";
    window.until("progress is shown", working, MOMENT).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    window.picture("4-reading.png").await;
    let ended = "return document.querySelector('[data-testid=claim]') !== null || document.querySelector('[role=tabpanel] [role=alert]') !== null";
    window.until("the fields are extracted", ended, ANALYSIS).await;
    window.find("[data-testid=claim]").await;
    let fields = window.run("return document.querySelectorAll('[data-testid=claim]').length", vec![]).await;
    assert!(
        fields.as_ref().and_then(Value::as_u64) >= Some(3),
        "each of the three fields has a line, found or not: {fields:?}"
    );
}

/// The clauses of a contract are found by rules in seconds, each with how sure it is, the least sure on top if wished.
async fn extract_by_rules(window: &Window) {
    window.click("[data-testid=tab-fields]").await;
    window.choose("[data-packs]", "cuad").await;
    window.choose("[data-testid=method]", "rules").await;
    window.click("[data-testid=run]").await;
    let by_rules =
        "return document.querySelector('[data-testid=coverage]')?.textContent.includes('no language model') === true";
    window.until("the clauses are found", by_rules, MOMENT).await;
    let law = "return [...document.querySelectorAll('[data-testid=claim][data-status=verified]')].some((c) =>
        c.textContent.includes('Governing Law') && /\\d %/.test(c.querySelector('[data-testid=confidence]')?.textContent ?? ''))";
    window.until("the governing law is found, and how sure that is", law, MOMENT).await;
    window.theme("light").await;
    window.picture("13-rules.png").await;
    window.click("[data-testid=least-sure]").await;
    let sorted =
        "const sure = [...document.querySelectorAll('[data-testid=confidence]')].map((c) => parseInt(c.textContent));
        return sure.length > 5 && sure.every((s, i) => i === 0 || sure[i - 1] <= s)";
    window.until("the least sure come first", sorted, MOMENT).await;
    window.picture("14-least-sure-first.png").await;
}

/// A citation leads to its passage, a verdict is kept, and all of it is there again when the window is loaded anew.
async fn cite(window: &Window) {
    window.run("const pane = document.querySelector('[data-view]'); pane.scrollTop = pane.scrollHeight", vec![]).await;
    window.click("[data-testid=citation]").await;
    window.until("a mark on the page", MARK_IS_VISIBLE, MOMENT).await;
    window.until("the page is drawn under the mark", WORDS_UNDER_THE_MARK, MOMENT).await;
    window.run("document.activeElement?.blur()", vec![]).await;
    window.0.action_chain().send_keys("a").perform().await.expect("a key can be pressed");
    let accepted = "return document.querySelector('[data-testid=claim][aria-selected=true]')?.textContent.includes('Accepted') === true";
    window.until("the verdict is shown", accepted, MOMENT).await;
    window.picture("5-citation.png").await;
    window.theme("dark").await;
    window.picture("6-citation-dark.png").await;
    window.theme("light").await;
    window.click("[data-mode=text]").await;
    window.until("a mark in the text", MARK_IS_VISIBLE, MOMENT).await;
    window.picture("7-text.png").await;

    window.0.refresh().await.expect("the window loads again");
    window.theme("dark").await;
    window.find("[data-testid=document-row]").await;
    window.picture("8-library-dark.png").await;
    window.click("[data-testid=document-row][data-name='services-agreement.pdf'] button").await;
    let kept =
        "return [...document.querySelectorAll('[data-testid=claim]')].some((c) => c.textContent.includes('Accepted'))";
    window.until("results and verdicts are there again", kept, MOMENT).await;
}

/// A question for a kind of clause is answered without a model, in a moment.
async fn ask_by_rules(window: &Window) {
    window.click("[data-testid=tab-question]").await;
    window.choose("[data-testid=method]", "rules").await;
    let ask = "const question = document.querySelector('textarea[aria-label=Question]'); question.value = 'When does it expire?';
        question.dispatchEvent(new Event('input', { bubbles: true }))";
    window.run(ask, vec![]).await;
    let may = "return !document.querySelector('[data-testid=run]').disabled";
    window.until("the question can be put", may, MOMENT).await;
    window.click("[data-testid=run]").await;
    let answered = "return [...document.querySelectorAll('[data-testid=claim][data-status=verified]')].some((c) => c.textContent.includes('31 March 2028'))";
    window.until("the day is given", answered, MOMENT).await;
    window.theme("light").await;
    window.picture("15-question.png").await;
}

/// What sums a contract up and what a meeting decided come without a model, in a moment.
async fn write_by_rules(window: &Window) {
    window.click("[data-testid=tab-summary]").await;
    window.click("[data-testid=run]").await;
    let summed_up = "return [...document.querySelectorAll('[data-testid=claim][data-status=verified]')].some((c) => c.textContent.includes('Master Services Agreement between'))";
    window.until("the contract is summed up", summed_up, MOMENT).await;
    window.picture("16-summary-by-rules.png").await;
    window.click("[data-back]").await;
    window.drop_files(&[sample("weekly-meeting.vtt")]).await;
    window.click("[data-testid=document-row][data-name='weekly-meeting.vtt'][data-status=ready] button").await;
    window.choose("[data-testid=method]", "rules").await;
    window.click("[data-testid=run]").await;
    let task = "return [...document.querySelectorAll('[data-testid=claim][data-status=verified]')].some((c) =>
        c.textContent.includes('Owner: Rahul Menon') && c.textContent.includes('Due: the fifteenth of October'))";
    window.until("a task has its owner and its day", task, MOMENT).await;
    let last =
        "const lines = document.querySelectorAll('[data-testid=claim]'); lines[lines.length - 1].scrollIntoView()";
    window.run(last, vec![]).await;
    window.picture("17-minutes-by-rules.png").await;
}

/// With a model of random weights that holds 4,096 tokens and counts as proven, since one for trying is not asked to write:
/// what it writes is nonsense, but all around it is real.
#[tokio::test]
#[ignore = "needs a display; ./dev test runs it under Xvfb"]
async fn a_locked_file_is_opened_and_a_long_meeting_stopped_cut_by_choice_and_exported() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let model = tiny::model(folder.path());
    let card = model.join("lectern.json");
    let said = std::fs::read_to_string(&card).expect("the model has a card");
    let mut said: Value = serde_json::from_str(&said).expect("the card is JSON");
    said["interim"] = json!(false);
    std::fs::write(&card, said.to_string()).expect("the card can be written");
    let driver = driver(&model);
    let window = Window::open(&driver).await;
    window.theme("light").await;
    unlock(&window).await;
    minutes(&window).await;
    export(&window, driver.library.path()).await;
    summary(&window).await;
    window.0.quit().await.expect("the window closes");
}

/// A wrong password says so, the right one opens the file.
async fn unlock(window: &Window) {
    window.find("[data-testid=import]").await;
    window.drop_files(&[sample("locked-notice.pdf")]).await;
    window.click("[data-testid=document-row][data-status=needs_password] button").await;
    let field = window.find("input[type=password]").await;
    field.send_keys("guess" + Key::Enter).await.expect("a password can be typed");
    let refused =
        "return document.querySelector('dialog [role=alert]')?.textContent.includes('does not open') === true";
    window.until("the wrong password is refused", refused, MOMENT).await;
    window.picture("9-password.png").await;
    let field = window.find("input[type=password]:not([disabled])").await;
    field.send_keys("lectern" + Key::Enter).await.expect("a password can be typed");
    window.find("[data-testid=document-row][data-name='locked-notice.pdf'][data-status=ready]").await;
}

/// A meeting that the model cannot hold: the person is asked, may stop, and the result says what was read.
async fn minutes(window: &Window) {
    window.drop_files(&[sample("weekly-meeting.vtt")]).await;
    window.click("[data-testid=document-row][data-name='weekly-meeting.vtt'][data-status=ready] button").await;
    window.click("[data-testid=run]").await;
    window.find("[data-testid=read-parts]").await;
    window.picture("10-too-long.png").await;
    window.click("[data-testid=read-parts]").await;
    window.click("[data-testid=stop]").await;
    let stopped = "return document.querySelector('[data-testid=stop]') === null && !document.querySelector('[data-testid=run]').disabled";
    window.until("the reading stops", stopped, MOMENT).await;
    let nothing = window.run("return document.querySelectorAll('[data-testid=claim]').length", vec![]).await;
    assert_eq!(nothing, Some(json!(0)), "what was stopped leaves no result");

    window.click("[data-testid=run]").await;
    window.click("[data-testid=read-beginning]").await;
    let said =
        "return document.querySelector('[data-testid=coverage]')?.textContent.includes('Only the beginning') === true";
    window.until("the result says what was read", said, ANALYSIS).await;
    window.picture("11-minutes.png").await;
}

/// The window may write an export to where its person chose; the system's dialog is out of a driver's reach.
async fn export(window: &Window, folder: &Path) {
    let script = "const [path, done] = arguments;
        const call = (name, with_) => window.__TAURI_INTERNALS__.invoke(name, with_);
        call('documents').then((all) => call('runs', { id: all.find((d) => d.name === 'weekly-meeting.vtt').id }))
            .then((runs) => call('export_run', { run: runs[0].id, path, includeUnsupported: true }))
            .then(() => done('written'), (e) => done(JSON.stringify(e)))";
    for (ending, mark) in [("md", "# Minutes"), ("csv", "document,"), ("json", "lectern-run-1")] {
        let path = folder.join(format!("minutes.{ending}"));
        let said = window.0.execute_async(script, vec![json!(path)]).await.expect("the window can be asked");
        assert_eq!(said.json(), &json!("written"));
        let written = std::fs::read_to_string(&path).expect("the export was written");
        assert!(written.contains(mark), "{ending}: {written}");
    }
}

/// The summary of a short file, read whole.
async fn summary(window: &Window) {
    window.click("[data-back]").await;
    window.click("[data-testid=document-row][data-name='locked-notice.pdf'] button").await;
    window.click("[data-testid=tab-summary]").await;
    window.click("[data-testid=run]").await;
    let whole = "return document.querySelector('[data-testid=coverage]')?.textContent.includes('whole') === true";
    window.until("the summary says that the whole document was read", whole, ANALYSIS).await;
    window.find("[data-testid=claim]").await;
    window.picture("12-summary.png").await;
}
