//! A table of how files are imported, for measuring: `import_report FOLDER [--pdfium PATH] [--manifest CSV] [--archive NAME]
//! [--seconds N] [--text FOLDER] [--outline]`. With a manifest (columns file, archive, status, password, chars) it uses the passwords and
//! marks surprises. `--text` writes the canonical texts there, `--outline` prints headings, running headers, and where a
//! sentence goes on after the end of a page. Its own worker, as both binaries are.

use lectern_engine::ground::interruptions::interruptions;
use lectern_engine::import::worker::{Limits, Parser};
use lectern_engine::progress::Silent;
use lectern_engine::text::{BlockKind, DocText, PageStatus};
use lectern_engine::worker::{WorkerProgram, run_if_worker};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    if let Some(code) = run_if_worker(std::env::args_os()) {
        return code;
    }
    match report() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e:#}");
            ExitCode::FAILURE
        }
    }
}

fn report() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)).cloned();
    let folder = PathBuf::from(args.first().ok_or_else(|| anyhow::anyhow!("give a folder"))?);
    let limits = Limits {
        page_seconds: option("--seconds").and_then(|s| s.parse().ok()).unwrap_or(20),
        seconds: 120,
        ..Limits::default()
    };
    let parser = Parser {
        program: WorkerProgram { program: std::env::current_exe()?, env: Vec::new() },
        pdfium: option("--pdfium").map(PathBuf::from),
        limits,
    };
    let manifest = option("--manifest")
        .map(|m| read_manifest(Path::new(&m), option("--archive").as_deref()))
        .transpose()?
        .unwrap_or_default();
    let texts = option("--text").map(PathBuf::from);
    let mut files = Vec::new();
    walk(&folder, &mut files)?;
    files.sort();
    let mut tally: BTreeMap<String, u32> = BTreeMap::new();
    println!("file\tstatus\tpages\tchars\tms\textractor\tquality\texpected");
    for file in files {
        let name = file.strip_prefix(&folder).unwrap_or(&file).display().to_string();
        let known = manifest.get(&name);
        let password = known.map(|k| k.password.as_str()).filter(|p| !p.is_empty());
        let begun = Instant::now();
        let result = parser.parse_file(&file, &name, password, &mut Silent);
        let ms = begun.elapsed().as_millis();
        let row = match &result {
            Ok(text) => describe(text),
            Err(e) => format!("{}\t0\t0\t{ms}\t{e}\t", e.code()),
        };
        let row = row.replace("{ms}", &ms.to_string());
        let expected = known.map(|k| format!("{} {}", k.status, k.chars)).unwrap_or_default();
        let status = row.split('\t').next().unwrap_or_default();
        *tally.entry(format!("{} -> {status}", known.map_or("?", |k| k.status.as_str()))).or_default() += 1;
        println!("{name}\t{row}\t{expected}");
        if let (true, Ok(text)) = (args.iter().any(|a| a == "--outline"), &result) {
            outline(text);
        }
        if let (Some(texts), Ok(text)) = (&texts, &result) {
            let to = texts.join(format!("{}.txt", name.replace('/', "_")));
            std::fs::create_dir_all(texts)?;
            std::fs::write(to, &text.text)?;
        }
    }
    tally.iter().for_each(|(k, n)| eprintln!("{n:5}  {k}"));
    Ok(())
}

fn outline(text: &DocText) {
    println!("  title: {:?}", text.title);
    for section in &text.sections {
        let indent = "  ".repeat(usize::from(section.level));
        println!("{indent}{} {}", section.level, text.slice(section.heading).unwrap_or_default());
    }
    let running: BTreeSet<&str> =
        text.blocks.iter().filter(|b| b.kind == BlockKind::RunningHeader).filter_map(|b| text.slice(b.span)).collect();
    running.iter().for_each(|r| println!("  running: {r}"));
    for gap in interruptions(text) {
        let before: Vec<char> = text.text.get(..gap.start()).unwrap_or_default().chars().rev().take(60).collect();
        let after = text.text.get(gap.end()..).unwrap_or_default().chars().take(60);
        let (before, after) = (before.into_iter().rev().collect::<String>(), after.collect::<String>());
        println!("  goes on: {before:?} after {:?}: {after:?}", text.slice(gap).unwrap_or_default());
    }
}

fn describe(text: &DocText) -> String {
    let chars = text.text.chars().filter(|c| !c.is_whitespace()).count();
    let count = |s: PageStatus| text.pages.iter().filter(|p| p.status == s).count();
    let parts = [
        ("poor", PageStatus::Poor),
        ("ocr", PageStatus::NeedsOcr),
        ("blank", PageStatus::Blank),
        ("failed", PageStatus::Failed),
    ];
    let status: Vec<String> =
        parts.iter().filter(|(_, s)| count(*s) > 0).map(|(n, s)| format!("{n}:{}", count(*s))).collect();
    let whole = if chars > 0 { "text" } else { "no_text" };
    let second = text.pages.iter().filter(|p| p.extractor.name != text.extractor.name).count();
    let quality = text.pages.iter().map(|p| p.quality).sum::<f32>() / text.pages.len().max(1) as f32;
    format!(
        "{whole}\t{} {}\t{chars}\t{{ms}}\t{} second:{second}\t{quality:.2}",
        text.pages.len(),
        status.join(","),
        text.extractor.name
    )
}

struct Known {
    status: String,
    password: String,
    chars: String,
}

fn read_manifest(path: &Path, archive: Option<&str>) -> anyhow::Result<HashMap<String, Known>> {
    let mut reader = csv::Reader::from_path(path)?;
    let headers = reader.headers()?.clone();
    let column = |name: &str| headers.iter().position(|h| h == name).ok_or_else(|| anyhow::anyhow!("no column {name}"));
    let (file, from, status, password, chars) =
        (column("file")?, column("archive")?, column("status")?, column("password")?, column("chars")?);
    let mut known = HashMap::new();
    for record in reader.records() {
        let record = record?;
        let at = |i: usize| record.get(i).unwrap_or_default().to_string();
        if archive.is_none_or(|a| at(from).starts_with(a)) {
            known.insert(at(file), Known { status: at(status), password: at(password), chars: at(chars) });
        }
    }
    Ok(known)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("pdf")) {
            files.push(path);
        }
    }
    Ok(())
}
