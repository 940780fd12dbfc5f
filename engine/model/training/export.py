"""Export: `python export.py [--lectern BINARY]`. Writes the trained student as the engine reads it, quantises it with
the engine's own converter, and checks both.

- WORK/export: the MiniMaxAI layout in 32-bit floats, beside the teacher's tokenizer and licence. Weights are written on
  the four-bit grid, on which the last phases of stage 3 trained them.
- WORK/<name>: the same in four bits (embedding and head in eight), in parts small enough for the repository.
- WORK/<name>/training.json and losses.svg: what the stages' logs say, for the card.
- WORK/export.json: parity between this code's logits and the engine's on the same weights, held-out loss before and
  after quantising, sizes. A model that fails a check is left where it is and the command fails.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

import card
import common
import engine
import grid
import m1
import stage2
import stage3
from data import Text

COPIED = ("tokenizer.json", "generation_config.json", "LICENSE")
PARITY = 5e-4  # the most two logits may differ by: the engine's own gate against its oracles
# The first token's stream holds values a thousand times those of others, in this family of models, so that rounding
# alone takes more there (f32 against f64 in this code: 2e-3, after the first token 1e-4).
PARITY_FIRST = 5e-3


def lectern_json(teacher: Path, config: m1.Config, wanted: dict) -> dict:
    """What the engine wants to know beyond config.json; end tokens are the teacher's."""
    softmax = sum(kind == m1.SOFTMAX for kind in config.attn_type_list)
    lightning = len(config.attn_type_list) - softmax
    return {
        "format": 1,
        "name": wanted["name"],
        "description": (
            f"A small English model for long documents: {lightning} layers of lightning attention and {softmax} of "
            f"softmax attention, {config.num_local_experts} experts, {config.num_experts_per_tok} a token."
        ),
        "license": "Apache-2.0",
        "source": "Converted from HuggingFaceTB/SmolLM2-135M-Instruct and trained by engine/model/training",
        "chat_template": "chatml",
        "interim": wanted["interim"],
        "context_length": wanted["context"],
        "eos_token_ids": json.loads((teacher / "lectern.json").read_text())["eos_token_ids"],
    }


def write(config: dict, student: m1.Model) -> Path:
    """The folder in 32-bit floats."""
    teacher, folder = config["paths"]["teacher"], config["paths"]["work"] / "export"
    folder.mkdir(exist_ok=True)
    with grid.OnGrid(student, config["export"]["on_grid"]):
        student.save(folder)
    for name in COPIED:
        shutil.copyfile(teacher / name, folder / name)
    common.write_json(folder / "lectern.json", lectern_json(teacher, student.config, config["export"]))
    return folder


@torch.no_grad()
def parity(lectern: Path, folder: Path, student: m1.Model, ids: Tensor) -> dict:
    """The engine's logits on the 32-bit weights against this code's, computed in 64 bits: its rounding is not at issue."""
    own, theirs = student.double()(ids)[0], engine.logits(lectern, folder, ids)
    student.float()
    apart = (own - theirs).abs().amax(-1)
    return {
        "tokens": ids.numel(),
        "first_token": apart[0].item(),
        "largest_difference": apart[1:].max().item(),
        "argmax_agreement": (own.argmax(-1) == theirs.argmax(-1)).double().mean().item(),
    }


def engine_loss(lectern: Path, folder: Path, windows: list[Tensor]) -> float:
    """Held-out loss of what the engine computes from a folder."""
    losses = [F.cross_entropy(engine.logits(lectern, folder, ids)[:-1], ids[0, 1:]) for ids in windows]
    return torch.stack(losses).mean().item()


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file."""
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir())}


def faults(report: dict, wanted: dict) -> list[str]:
    """What must not be shipped, in words."""
    found, parity = [], report["parity"]
    same = parity["largest_difference"] <= PARITY and parity["first_token"] <= PARITY_FIRST
    if not same or parity["argmax_agreement"] < 1.0:
        found.append(f"the engine's logits are not this code's: {parity}")
    if report["bytes"] > wanted["most_mb"] * 1e6:
        found.append(f"{report['bytes'] / 1e6:.1f} MB, at most {wanted['most_mb']} are allowed")
    for name, size in report["files"].items():
        if size >= wanted["part_mb"] * 1e6:
            found.append(f"{name} has {size / 1e6:.1f} MB, at most {wanted['part_mb']} are allowed")
    return found


def export(config: dict, lectern: Path) -> dict:
    """Writes, quantises, checks; returns the report."""
    wanted, work, started = config["export"], config["paths"]["work"], time.monotonic()
    text, log = Text(config), common.Log(work / "export.jsonl")
    student, trained = stage3.load(config)
    tokens = (trained["tokens"] if trained else 0) + stage2.tokens_before(work)
    folder, shipped = write(config, student), work / wanted["name"]
    windows = text.mixed_held_out(wanted["held_out"], wanted["length"])
    exact_loss = m1.language_loss(student, windows)
    student = m1.Model.load(folder, config["run"]["chunk"])
    engine.convert(lectern, folder, shipped, wanted["quantize"], wanted["file_mb"])
    files = sizes(shipped)
    report = {
        "stage3_tokens": tokens,
        "parameters": sum(value.numel() for value in student.parameters()),
        "parity": parity(lectern, folder, student, windows[0][:, : wanted["parity_tokens"]]),
        "held_out_loss": exact_loss,
        "held_out_loss_quantised": engine_loss(lectern, shipped, windows),
        "quantise": wanted["quantize"],
        "bytes": sum(files.values()),
        "files": files,
    }
    report["faults"] = faults(report, wanted)
    common.write_json(work / "export.json", report)
    card.record(config, report, shipped)
    log.write(event="exported", seconds=round(time.monotonic() - started), **report)
    if report["faults"]:
        raise SystemExit("\n".join(report["faults"]))
    return report


def main() -> None:
    parser = common.arguments("Export to the engine's layout.")
    parser.add_argument("--lectern", help="the lectern binary")
    options = parser.parse_args()
    export(common.settings(options), engine.binary(options.lectern))


if __name__ == "__main__":
    main()
