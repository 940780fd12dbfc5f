//! What loading takes: the weights as they are kept, one tensor beside them, and never the whole file as well.
#![cfg(target_os = "linux")]

mod golden;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use candle_core::quantized::GgmlDType;
use golden::gguf::{metadata, write_gguf};
use golden::random::{Widths, random_model};
use lectern_model::model::Model;

/// Names the file that a process of its own is to load.
const FILE: &str = "LECTERN_TEST_GGUF";

/// Bytes behind `key` in what the system says of this process.
fn memory(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Loads a file and says what that took: `kept N, peak N`. Memory that was freed earlier would hide what is used, so it
/// has a process to itself. By hand: `LECTERN_TEST_GGUF=FILE cargo test -p lectern-model --test memory -- --ignored
/// --nocapture`.
#[test]
#[ignore = "run by the other tests, in a process of its own"]
fn load_alone() {
    let file = PathBuf::from(std::env::var_os(FILE).unwrap());
    let before = memory("VmHWM");
    let model = Model::load(&file).unwrap();
    let (peak, own, files) = (memory("VmHWM") - before, memory("RssAnon"), memory("RssFile"));
    eprintln!("kept {}, peak {peak}, at the end {own} of its own, {files} of files", model.weights_bytes());
}

fn loaded_alone(file: &Path) -> (u64, u64) {
    let arguments = ["--exact", "load_alone", "--ignored", "--nocapture"];
    let run = Command::new(std::env::current_exe().unwrap()).args(arguments).env(FILE, file).output().unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    let number = |key: &str| {
        let (_, rest) = said.split_once(key).unwrap_or_else(|| panic!("{said}"));
        rest.split(',').next().unwrap().trim().parse().unwrap()
    };
    (number("kept "), number("peak "))
}

#[test]
fn loading_a_gguf_file_does_not_keep_it_beside_the_weights() {
    let folder = tempfile::tempdir().unwrap();
    let widths = Widths { hidden: 512, inner: 1024, dim: 64, shared: 0 };
    random_model(folder.path(), widths);
    for kind in [GgmlDType::F32, GgmlDType::F16, GgmlDType::Q8_0, GgmlDType::Q6K, GgmlDType::Q4K] {
        let file = folder.path().join(format!("{kind:?}.gguf"));
        write_gguf(folder.path(), &file, kind, &metadata(widths));
        let (file_bytes, (kept, peak)) = (fs::metadata(&file).unwrap().len(), loaded_alone(&file));
        eprintln!("{kind:?}: a file of {file_bytes}, {kept} kept, {peak} at most");
        // One expert's matrix in f32, twice for good measure, and what the program needs whatever the model.
        let beside = 2 * (512 * 1024 * 4) + (6 << 20);
        assert!(peak < kept + beside, "{kind:?}: {peak} at most for {kept} kept");
    }
}
