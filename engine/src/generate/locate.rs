//! Where a model is found, and what its folder says of itself.

use super::GenerateError;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path, PathBuf};

/// Files that make a folder a model.
const NEEDED: [&str; 2] = ["config.json", "tokenizer.json"];

/// The card that a model folder carries for the program, `lectern.json`. Folders without one (as published by others)
/// get the defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderCard {
    /// Version of this file's form: 1.
    pub format: u32,
    /// Name for people.
    pub name: String,
    /// One sentence.
    #[serde(default)]
    pub description: String,
    /// SPDX identifier of the weights' licence.
    #[serde(default)]
    pub license: String,
    /// Where the weights come from.
    #[serde(default)]
    pub source: String,
    /// `chatml`, `minimax_m1` or `minimax_m1_hf`.
    #[serde(default)]
    pub chat_template: Option<String>,
    /// Whether it stands in for a model to come.
    #[serde(default)]
    pub interim: bool,
    /// Most tokens it was trained to hold, where that is less than its configuration allows.
    #[serde(default)]
    pub context_length: Option<usize>,
    /// How to quantise weights that are in floating point when they are loaded: `q8_0`, `q4_k` or `q4_0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantize: Option<String>,
    /// How states keep keys and values: `f32`, `f16` (as without this key) or `q8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_and_values: Option<String>,
    /// Folder of the adapter that belongs to it, what it was tuned with: a path that stays below the model's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<PathBuf>,
    /// Token ids that end a turn.
    #[serde(default)]
    pub eos_token_ids: Vec<u32>,
}

/// The adapter's folder: the one named explicitly, else the one that belongs to the model of `folder`, if any.
///
/// # Errors
/// `Load` where the card of the model leads out of its folder: a downloaded model reads nothing but itself.
pub fn find_adapter(named: Option<&Path>, folder: &Path, card: &FolderCard) -> Result<Option<PathBuf>, GenerateError> {
    let Some(own) = card.adapter.as_ref().filter(|_| named.is_none()) else {
        return Ok(named.map(Path::to_path_buf));
    };
    if own.components().all(|part| matches!(part, Component::Normal(_))) {
        return Ok(Some(folder.join(own)));
    }
    let reason = format!("its adapter {} is not a folder below it; copy it there and name it so", own.display());
    Err(GenerateError::Load { path: folder.join("lectern.json"), reason })
}

/// The model's folder: the one named explicitly, else the one from the environment, else the first bundled one that is
/// there. A folder that was named and is not a model is an error; it is not passed over in silence.
///
/// # Errors
/// `NoModel` with the places looked in; `Load` for a named folder that is no model.
pub fn find_model(
    explicit: Option<&Path>,
    environment: Option<PathBuf>,
    bundled: &[PathBuf],
) -> Result<PathBuf, GenerateError> {
    if let Some(named) = explicit.map(Path::to_path_buf).or(environment) {
        return match missing(&named) {
            None => Ok(named),
            Some(reason) => Err(GenerateError::Load { path: named, reason }),
        };
    }
    bundled.iter().find(|p| missing(p).is_none()).cloned().ok_or_else(|| GenerateError::NoModel {
        looked_in: bundled.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "),
    })
}

fn missing(folder: &Path) -> Option<String> {
    if folder.is_file() {
        let gguf = folder.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"));
        return (!gguf).then(|| "a model is a folder, or a file whose name ends in .gguf".to_string());
    }
    if !folder.is_dir() {
        return Some("there is no such folder".to_string());
    }
    NEEDED.iter().find(|f| !folder.join(f).is_file()).map(|f| format!("the folder has no {f}"))
}

/// Reads `lectern.json`; the name of the folder or GGUF file and nothing else where there is none.
///
/// # Errors
/// `Load` where the file is there and cannot be understood.
pub fn folder_card(folder: &Path) -> Result<FolderCard, GenerateError> {
    let path = folder.join("lectern.json");
    let failed = |reason: String| GenerateError::Load { path: path.clone(), reason };
    match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).map_err(|e| failed(e.to_string())),
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            Ok(FolderCard { format: 1, name, ..FolderCard::default() })
        }
        Err(e) => Err(failed(e.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_is_that_of_the_person_else_that_of_the_card_which_stays_below_the_model() {
        let folder = Path::new("model");
        let of = |adapter: Option<&str>| FolderCard { adapter: adapter.map(PathBuf::from), ..FolderCard::default() };
        assert_eq!(find_adapter(None, folder, &of(None)), Ok(None));
        assert_eq!(find_adapter(None, folder, &of(Some("tuned"))), Ok(Some(folder.join("tuned"))));
        let mine = Path::new("../mine");
        for card in [None, Some("tuned"), Some("/etc")] {
            assert_eq!(find_adapter(Some(mine), folder, &of(card)), Ok(Some(mine.to_path_buf())));
        }
        for out in ["../tuned", "tuned/../..", "/etc"] {
            let refused = find_adapter(None, folder, &of(Some(out)));
            assert!(matches!(refused, Err(GenerateError::Load { .. })), "{out}: {refused:?}");
        }
    }

    #[test]
    fn a_named_folder_is_never_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let good = dir.path().join("good");
        std::fs::create_dir(&good).unwrap();
        for f in NEEDED {
            std::fs::write(good.join(f), "{}").unwrap();
        }
        let absent = dir.path().join("absent");
        let bundled = [absent.clone(), good.clone()];
        assert_eq!(find_model(None, None, &bundled), Ok(good.clone()));
        assert!(matches!(find_model(Some(&absent), None, &bundled), Err(GenerateError::Load { .. })));
        assert!(matches!(find_model(None, Some(absent.clone()), &bundled), Err(GenerateError::Load { .. })));
        assert!(matches!(find_model(None, None, &bundled[..1]), Err(GenerateError::NoModel { .. })));
    }
}
