"""The Rust engine's command line, as export and evaluation use it. LECTERN_BIN or `--lectern` names the binary."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

import common

BUILT = ["target/release/lectern", "target/debug/lectern"]


def binary(named: str | None) -> Path:
    """The binary that is named, else LECTERN_BIN, else what a build left in the repository."""
    named = named or os.environ.get("LECTERN_BIN")
    places = [Path(named)] if named else [common.REPOSITORY / place for place in BUILT]
    for place in places:
        if place.is_file():
            return place.resolve()
    raise SystemExit(f"no lectern binary at {' or '.join(map(str, places))}: build it, or name it with LECTERN_BIN")


def call(lectern: Path, *arguments: object, given: str | None = None) -> str:
    """Runs the program with `given` on its standard input; its output, or an end with what it complained about."""
    command = [str(lectern), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, input=given)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed ({done.returncode}):\n{done.stderr.strip()}")
    return done.stdout


def run(lectern: Path, *arguments: object, given: str | None = None) -> str:
    """Runs `lectern model ...`."""
    return call(lectern, "model", *arguments, given=given)


def questions(lectern: Path, model: Path, adapter: Path, asked: Path, each: int, out: Path) -> dict:
    """The report of `lectern eval questions` on the labelled documents of a folder, answered by the model alone."""
    with_model = ("--model", model, "--adapter", adapter, "eval", "questions", "--method", "model")
    call(lectern, *with_model, "--data", asked, "--each", each, "--out", out)
    return json.loads(out.read_text())


def passages(lectern: Path, text: str, requests: list[str]) -> list[list[str]]:
    """For each request the passages of a text that the engine shows beside it, best first."""
    found = json.loads(run(lectern, "passages", given=json.dumps({"text": text, "requests": requests}) + "\n"))
    return [[passage for passage, _ in passages] for passages in found]


def logits(lectern: Path, model: Path, ids: Tensor) -> Tensor:
    """The engine's logits [T, V] after each of the ids [T]."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder) / "ids.json", Path(folder) / "logits.safetensors"
        asked.write_text(json.dumps(ids.flatten().tolist()))
        run(lectern, "logits", "--model", model, "--ids", asked, "--out", answer)
        return load_file(answer)["logits"].reshape(ids.numel(), -1)


def digest(lectern: Path, model: Path) -> str:
    """The engine's digest of a model's files: what an adapter is bound to."""
    return run(lectern, "digest", "--model", model).strip()


def convert(lectern: Path, model: Path, to: Path, scheme: str, file_mb: int) -> None:
    """Quantises a model into `to`. What stood there before is gone only when the new one is whole."""
    fresh = to.with_name(to.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    run(lectern, "convert", "--model", model, "--quantize", scheme, "--out", fresh, "--file-mb", file_mb)
    shutil.rmtree(to, ignore_errors=True)
    fresh.rename(to)


def bench(lectern: Path, model: Path, tokens: int) -> dict:
    """Speed and state size after reading so many tokens."""
    found = json.loads(run(lectern, "bench", "--model", model, "--lengths", tokens, "--decode", 8, "--json"))
    measure = found["measures"][0]
    return {
        "tokens": measure["tokens"],
        "prefill_s": round(measure["tokens"] / measure["prefill_tokens_s"], 1),
        "decode_tokens_s": round(measure["decode_tokens_s"], 1),
        "state_bytes": measure["state_bytes"],
        "peak_memory_bytes": found["peak_memory_bytes"],
        "kernel": found["machine"]["kernel"],
        "threads": found["machine"]["threads"],
    }
