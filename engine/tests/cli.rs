//! The command line as a person uses it: the real binary, with a tiny random model whose quotes the grammar keeps verbatim.

mod tiny;

use serde_json::Value;
use std::io::{BufRead, BufReader};
#[cfg(unix)]
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const LEASE: &str = "LEASE\n\nThe monthly rent is EUR 1,500 and it is due in advance.\n\nDanish law governs this lease in all respects.\n";

/// A library, a model folder, and files to import.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("model")).unwrap();
        tiny::model(&folder.path().join("model"));
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lectern"));
        command.args(arguments).stdin(Stdio::null());
        command.env("LECTERN_LIBRARY", self.path("library")).env("LECTERN_MODEL", self.path("model"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs, checks the exit code, and gives standard output.
    fn gives(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
        out.into_owned()
    }

    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let output = self.run(&all);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        assert!(output.stderr.is_empty(), "--json says nothing beside it: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn files_go_in_come_out_and_are_found_by_number_name_and_hash() {
    let desk = Desk::new();
    desk.file("in/lease.txt", LEASE);
    desk.file("in/sub/notes.md", "# Notes\n\nNothing about rent.\n");
    desk.file("in/.hidden.txt", "hidden");
    let out = desk.gives(0, &["import", text(&desk.path("in"))]);
    assert!(out.contains("lease.txt") && out.contains("notes.md") && !out.contains("hidden"), "{out}");
    let again = desk.json(0, &["import", text(&desk.path("in/lease.txt"))]);
    assert_eq!(again[0]["already_there"], true);
    let list = desk.json(0, &["list"]);
    assert_eq!(list.as_array().unwrap().len(), 2);
    let hash = again[0]["document"]["sha256"].as_str().unwrap();
    for name in ["1", "lease.txt", &hash[..8]] {
        assert!(desk.gives(0, &["show", name]).contains("lease.txt (document 1)"));
    }
    assert!(desk.gives(0, &["show", "1", "--text"]).contains("monthly rent is EUR 1,500"));
    assert!(desk.gives(0, &["search", "\"monthly rent\""]).contains("[monthly rent]"));
    desk.gives(5, &["search", "xylophone"]);
    desk.gives(1, &["show", "nothing.txt"]);
    desk.gives(1, &["show", "1", "--page", "3"]);
    assert!(desk.gives(0, &["reindex"]).contains("2 documents"));
    desk.gives(1, &["delete", "1"]);
    desk.gives(0, &["delete", "1", "--yes"]);
    assert_eq!(desk.json(0, &["list"]).as_array().unwrap().len(), 1);
    desk.gives(5, &["search", "\"monthly rent\""]);
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let desk = Desk::new();
    let bad = desk.file("bad.pdf", b"%PDF-1.7\nnot a pdf at all");
    let good = desk.file("lease.txt", LEASE);
    let missing = desk.path("missing.txt");
    let out = desk.json(3, &["import", text(&bad), text(&missing), text(&good)]);
    assert_ne!(out[0]["document"]["status"], "ready");
    assert!(out[1]["error"].as_str().unwrap().contains("missing.txt"));
    assert_eq!(out[2]["document"]["status"], "ready");
    assert!(desk.json(0, &["list"]).as_array().unwrap().len() == 2, "the bad file is listed too");
}

#[test]
fn fields_are_extracted_with_passages_and_exported() {
    let desk = Desk::new();
    desk.gives(0, &["import", text(&desk.file("lease.txt", LEASE))]);
    let pack = desk.file("own.json", r#"{"fields": [{"name": "Rent", "type": "money"}, {"name": "Law"}]}"#);
    let output = desk.run(&["--json", "extract", "1", "--schema", text(&pack)]);
    // A random model finds something or nothing: both are results, and the code says which.
    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
    let claims = run["result"]["claims"].as_array().unwrap();
    let located: Vec<&Value> = claims.iter().flat_map(|c| c["evidence"].as_array().unwrap()).collect();
    assert_eq!(output.status.code(), Some(if located.is_empty() { 5 } else { 0 }), "{run:#}");
    for label in ["Rent", "Law"] {
        assert!(claims.iter().any(|c| c["label"] == label), "{run:#}");
    }
    for e in located {
        let span = e["span"]["start"].as_u64().unwrap() as usize..e["span"]["end"].as_u64().unwrap() as usize;
        let shown = desk.json(0, &["show", "1", "--text"]);
        assert_eq!(&shown["text"].as_str().unwrap()[span], e["quote"].as_str().unwrap());
    }
    assert!(desk.gives(0, &["show", "1", "--runs"]).contains("The whole document was read"));
    for (format, mark) in [("json", "lectern-run-1"), ("md", "# Fields"), ("csv", "document,kind,label")] {
        assert!(desk.gives(0, &["export", "1", "--format", format, "--include-unsupported"]).contains(mark));
    }
    let file = desk.path("out.csv");
    desk.gives(0, &["export", "1", "--format", "csv", "--run", "1", "-o", text(&file)]);
    assert!(std::fs::read_to_string(file).unwrap().starts_with("document,"));
    assert!(desk.gives(0, &["jobs"]).contains("fields own of document 1"));
}

#[test]
fn rules_extract_without_a_model_and_an_evaluation_writes_its_report() {
    let desk = Desk::new();
    std::fs::remove_dir_all(desk.path("model")).unwrap();
    let without_model = |arguments: &[&str]| {
        let mut command = desk.command(arguments);
        command.env_remove("LECTERN_MODEL").output().unwrap()
    };
    let law = "Governing Law. This Agreement shall be governed by the laws of the State of New York.";
    let text_of = format!("SUPPLY AGREEMENT\n\n{law}\n\nThe rest is left open.\n");
    assert!(without_model(&["import", text(&desk.file("supply.txt", &text_of))]).status.success());
    let output = without_model(&["--json", "extract", "1", "--pack", "cuad", "--method", "rules"]);
    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(run["spec"]["method"], "rules");
    assert_eq!(run["result"]["provenance"]["model"], "rules and search");
    let claims = run["result"]["claims"].as_array().unwrap();
    let found = claims.iter().find(|c| c["label"] == "Governing Law").unwrap();
    assert!(law.contains(found["evidence"][0]["quote"].as_str().unwrap()), "{found}");

    let labels = serde_json::json!({
        "Governing Law": { "spans": [{ "text": law }], "answer": "New York" },
        "Effective Date": { "spans": [], "answer": "1/9/20" },
    });
    let record = serde_json::json!({ "id": "one", "text": text_of, "labels": labels });
    let data = desk.file("data/val.jsonl", format!("{record}\n"));
    let (data, report) = (data.parent().unwrap(), desk.path("report.json"));
    let arguments = ["--json", "eval", "cuad", "--data", text(data), "--method", "rules", "--out", text(&report)];
    let output = without_model(&arguments);
    assert!(output.status.success(), "{output:?}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said, serde_json::from_str::<Value>(&std::fs::read_to_string(&report).unwrap()).unwrap());
    assert_eq!((&said["documents"], &said["labelled"], &said["micro"]["found"]), (&1.into(), &1.into(), &1.into()));
    assert_eq!(said["quotes_verified"], 1.0);
    let wrong = serde_json::json!([{ "document": "one", "field": "Effective Date", "noted": "1/9/20", "given": [] }]);
    assert_eq!((&said["answers_right"], &said["wrong_values"]), (&0.5.into(), &wrong));
    assert!(said["calibration"]["given"].as_u64().unwrap() >= 1 && said["calibration"]["error"].is_f64(), "{said}");
    assert!(std::fs::read_to_string(desk.path("report.svg")).unwrap().starts_with("<svg"));
    desk.gives(1, &["eval", "cuad", "--data", text(&desk.path("nowhere"))]);
}

#[test]
fn what_the_model_writes_is_measured_beside_what_people_wrote() {
    let desk = Desk::new();
    let discussion = "# Call\n\n**Ana**: We agree to ship on Friday. Ben will write the notes.\n";
    let meeting = |caution: &[&str]| {
        serde_json::json!({ "id": "call", "discussion": discussion, "caution": caution,
            "decisions": ["Ship on Friday"], "actions": ["Ben writes the notes", "[Call 3](elsewhere)"] })
    };
    let lines = format!("{}\n{}\n", meeting(&[]), meeting(&["doubtful"]));
    let data = desk.file("data/ethereum-decisions.jsonl", lines);
    let (data, report) = (data.parent().unwrap(), desk.path("minutes.json"));
    let said = desk.json(0, &["eval", "minutes", "--data", text(data), "--out", text(&report)]);
    assert_eq!(said, serde_json::from_str::<Value>(&std::fs::read_to_string(&report).unwrap()).unwrap());
    assert_eq!((&said["documents"], &said["data"]), (&1.into(), &"minutes".into()), "the doubtful one is left out");
    for measure in ["decision recall", "action recall", "ROUGE-L", "lines", "seconds"] {
        assert!(said["measures"][measure].is_number(), "{measure}: {said}");
    }
    desk.gives(1, &["eval", "summary", "--data", text(data)]);
}

#[test]
fn questions_are_asked_and_the_answers_measured_beside_labels() {
    let desk = Desk::new();
    let law = "Danish law governs this lease in all respects.";
    let record = |id: &str, more: &str| {
        let labels = serde_json::json!({ "Law": { "spans": [{ "text": law }] } });
        serde_json::json!({ "id": id, "text": format!("{LEASE}{more}"), "labels": labels })
    };
    desk.file("data/val.jsonl", format!("{}\n{}\n", record("long", &"x ".repeat(200)), record("one", "")));
    let asked = "category,description\nLaw,Which law  governs?\nCap,Is there a cap?\nName,The name\n";
    let data = desk.file("data/categories.csv", asked);
    let data = data.parent().unwrap();
    let said = desk.json(0, &["eval", "questions", "--data", text(data), "--most-characters", "300", "--each", "2"]);
    assert_eq!((&said["documents"], &said["data"]), (&1.into(), &"questions".into()), "one is too long");
    let of: Vec<&str> = said["each"].as_array().unwrap().iter().map(|e| e["document"].as_str().unwrap()).collect();
    assert_eq!(of, ["one: Which law governs?", "one: Is there a cap?"], "each once, and what asks nothing is left out");
    for measure in ["present: a labelled passage given", "absent: said not in the document", "seconds"] {
        assert!(said["measures"][measure].is_number(), "{measure}: {said}");
    }
    desk.gives(1, &["eval", "questions", "--data", text(&desk.path("model"))]);
}

#[test]
fn a_document_longer_than_the_model_needs_a_choice() {
    let desk = Desk::new();
    // The tiny model holds 4096 bytes.
    let long: String = (0..200).map(|i| format!("Clause {i} of this long agreement says something.\n\n")).collect();
    desk.gives(0, &["import", text(&desk.file("long.txt", long))]);
    let output = desk.run(&["ask", "1", "What does clause 7 say?"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("--too-long") && said.contains("tokens"), "{said}");
    assert_eq!(desk.json(4, &["ask", "1", "What does clause 7 say?"])["error"], "too_long");
    assert!(
        desk.json(0, &["jobs"]).as_array().unwrap().iter().all(|j| j["state"] == "cancelled"),
        "nothing is left waiting"
    );
    let output = desk.run(&["--json", "ask", "1", "What does clause 7 say?", "--too-long", "beginning"]);
    assert!(matches!(output.status.code(), Some(0 | 5)), "{output:?}");
    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(run["result"]["coverage"]["whole"], false);
    assert!(run["result"]["coverage"]["statement"].as_str().unwrap().contains("Only the beginning"));
}

#[test]
fn wrong_use_says_so_and_ends_with_two_or_one() {
    let desk = Desk::new();
    for arguments in [&["frobnicate"][..], &["extract", "1"], &["export", "1", "--format", "xml"], &["import"]] {
        desk.gives(2, arguments);
    }
    desk.gives(0, &["import", text(&desk.file("lease.txt", LEASE))]);
    for (arguments, part) in [
        (&["extract", "1", "--pack", "nope"][..], "cuad, nda, report, minutes"),
        (&["export", "1", "--format", "csv"], "no results yet"),
        (&["ask", "1", "  "], "question is empty"),
        (&["--model", "/nowhere", "list"], "/nowhere"),
    ] {
        let output = desk.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(part), "{arguments:?}: {said}");
    }
    let typo = desk.file("typo.json", r#"{"fields": [{"name": "Rent", "typ": "money"}]}"#);
    let output = desk.run(&["extract", "1", "--schema", text(&typo)]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("field 1 (Rent)"), "{output:?}");
    let help = desk.gives(0, &["--help"]);
    assert!(["3 ", "4 ", "5 ", "130"].iter().all(|c| help.contains(c)), "exit codes are in the help");
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_a_task_stores_no_result_and_leaves_the_library_usable() {
    let desk = Desk::new();
    desk.gives(0, &["import", text(&desk.file("lease.txt", LEASE.repeat(12)))]);
    // A terminal sends Ctrl-C to the whole process group, the model's process included.
    let mut command = desk.command(&["extract", "1", "--pack", "cuad"]);
    let mut child = command.process_group(0).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let mut lines = stderr.lines().map(Result::unwrap);
    // The rules find the law, so that the model is asked for the other 40.
    assert!(lines.any(|l| l.contains("Looking for 40 fields")), "it never came to the fields");
    // SAFETY: the group is that of our own child, which has not been waited for.
    unsafe { libc::kill(-(child.id() as libc::pid_t), libc::SIGINT) };
    let begun = Instant::now();
    let said: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said:?}");
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert!(desk.json(5, &["show", "1", "--runs"]).as_array().unwrap().is_empty(), "no result was stored");
    let jobs = desk.json(0, &["jobs"]);
    let state = jobs.as_array().unwrap().iter().find(|j| j["spec"]["job"] == "task").unwrap()["state"].clone();
    assert!(state == "cancelled", "{jobs:#}");
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let desk = Desk::new();
    let long: String = (0..4000).map(|i| format!("Line {i} of a document that fills a pipe and more.\n\n")).collect();
    desk.gives(0, &["import", text(&desk.file("long.txt", long))]);
    let mut command = desk.command(&["show", "1", "--text"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
}

/// The whole path with a real model process: reading, checkpoints, answering. Twenty kills, then the waiting jobs.
///
/// A kill counts where it met a running process. How long a process runs is the machine's affair, so each miss brings
/// the next kill of that command nearer to its start, and the test goes on until twenty were met.
#[test]
fn killed_at_twenty_random_moments_of_import_and_reading_nothing_is_lost() {
    let desk = Desk::new();
    let mut random = u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos());
    let mut within_ms = [400_u64, 1_200];
    let (mut killed, mut round) = (0, 0);
    while killed < 20 {
        assert!(round < 60, "only {killed} of {} processes were still running when they were killed", 2 * round);
        let name = format!("lease-{round}.txt");
        let path = desk.file(&name, format!("Lease {round}. {}", LEASE.repeat(20)));
        for (at, arguments) in [&["import", text(&path)][..], &["extract", &name, "--pack", "nda"]].iter().enumerate() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut child = desk.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis((random >> 33) % within_ms[at]));
            match child.try_wait().unwrap() {
                None => killed += 1,
                Some(_) => within_ms[at] = (within_ms[at] * 3 / 4).max(2),
            }
            let _ = child.kill();
            child.wait().unwrap();
            // A kill may come before the file is known: then its person imports it again.
            desk.gives(0, &["import", text(&path)]);
        }
        round += 1;
        assert_eq!(desk.json(0, &["list"]).as_array().unwrap().len(), round);
    }
    desk.gives(0, &["jobs", "--run"]);
    let jobs = desk.json(0, &["jobs"]);
    assert!(jobs.as_array().unwrap().iter().all(|j| j["state"] == "done"), "{jobs:#}");
    let tasks = jobs.as_array().unwrap().iter().filter(|j| j["spec"]["job"] == "task").count();
    let mut results = 0;
    for document in desk.json(0, &["list"]).as_array().unwrap() {
        assert_eq!(document["status"], "ready");
        let id = document["id"].to_string();
        let output = desk.run(&["--json", "show", &id, "--runs"]);
        results += serde_json::from_slice::<Value>(&output.stdout).unwrap().as_array().unwrap().len();
    }
    assert_eq!(results, tasks, "each task has one result");
}

#[test]
fn an_adapter_reaches_the_model_s_process_from_the_option_the_environment_and_the_card() {
    let desk = Desk::new();
    desk.gives(0, &["import", text(&desk.file("lease.txt", LEASE))]);
    let adapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/m1_tiny_adapter");
    let provenance = |mut command: Command| {
        let output = command.output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 5)), "{output:?}");
        let run: Value = serde_json::from_slice(&output.stdout).unwrap();
        let said = &run["result"]["provenance"];
        (said["model"].as_str().unwrap().to_owned(), said["model_digest"].as_str().unwrap().to_owned())
    };
    let ask = ["--json", "ask", "1", "What is the rent?"];
    let (name, bare) = provenance(desk.command(&ask));
    assert_eq!(name, "tiny");
    let named = provenance(desk.command(&[&["--adapter", text(&adapter)][..], &ask].concat()));
    assert_eq!(named.0, "tiny with tiny-tuned");
    assert_ne!(named.1, bare);
    let mut inherited = desk.command(&ask);
    inherited.env("LECTERN_ADAPTER", &adapter);
    assert_eq!(provenance(inherited), named);
    let mut own = desk.command(&[&["--adapter", text(&adapter)][..], &ask].concat());
    own.env("LECTERN_ADAPTER", "/nowhere");
    assert_eq!(provenance(own), named, "the option comes first");
    let output = desk.run(&["--adapter", "/nowhere", "ask", "1", "What is the rent?"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("/nowhere/adapter.json"), "{said}");

    std::fs::create_dir(desk.path("model/tuned")).unwrap();
    for file in ["adapter.json", "adapter.safetensors"] {
        std::fs::copy(adapter.join(file), desk.path("model/tuned").join(file)).unwrap();
    }
    let card = r#"{"format": 1, "name": "tiny", "chat_template": "chatml", "interim": true, "adapter": "tuned"}"#;
    desk.file("model/lectern.json", card);
    assert_eq!(provenance(desk.command(&ask)), ("tiny".to_owned(), named.1), "its own: no other name");
    let model = desk.path("model");
    let info = desk.gives(0, &["model", "info", "--model", text(&model)]);
    assert!(info.contains("adapter         tiny-tuned: rank 4 on 13 maps, 0.05 MB"), "{info}");
    let digest = desk.gives(0, &["model", "digest", "--model", text(&model)]);
    let bound = std::fs::read_to_string(adapter.join("adapter.json")).unwrap();
    assert!(digest.trim().len() == 64 && bound.contains(digest.trim()), "{digest}");
    // Weights in other bits are another base: what is written anew does not claim an adapter.
    let small = desk.path("small");
    let made =
        desk.gives(0, &["model", "convert", "--model", text(&model), "--quantize", "q8_0", "--out", text(&small)]);
    assert!(made.contains("adapter tuned is bound to the weights as they were"), "{made}");
    assert!(!desk.gives(0, &["model", "info", "--model", text(&small)]).contains("tiny-tuned"));
}

#[test]
fn a_model_is_described_measured_and_written_anew_in_few_bits() {
    let desk = Desk::new();
    let (model, out) = (desk.path("model"), desk.path("small"));
    let made = desk.gives(0, &["model", "convert", "--model", text(&model), "--quantize", "q8_0", "--out", text(&out)]);
    assert!(made.contains("MB of weights became"), "{made}");
    desk.gives(1, &["model", "convert", "--model", text(&model), "--quantize", "q8_0", "--out", text(&out)]);
    desk.gives(2, &["model", "convert", "--model", text(&model), "--quantize", "q3", "--out", text(&desk.path("x"))]);
    assert!(desk.gives(0, &["model", "info", "--model", text(&out)]).contains("lightning attention"));
    let bench =
        desk.gives(0, &["model", "bench", "--model", text(&out), "--lengths", "8,40", "--decode", "2", "--json"]);
    let bench: Value = serde_json::from_str(&bench).unwrap();
    let measures = bench["measures"].as_array().unwrap();
    assert_eq!(measures.iter().map(|m| m["tokens"].as_u64().unwrap()).collect::<Vec<_>>(), [8, 40]);
    for m in measures {
        assert!(m["prefill_tokens_s"].as_f64().unwrap() > 0.0 && m["decode_bytes"].as_u64().unwrap() > 0, "{m}");
    }
    assert!(bench["machine"]["f32_gflop_s"].as_f64().unwrap() > 0.1);
}
