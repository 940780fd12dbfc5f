"""Gives layers of a trained student their softmax attention back: `python restore.py --from WORK [--softmax N]`.

Where the hybrid stays behind the teacher, the layers converted last (the dearest, by `choose.py`) return to the teacher's
attention as it was; all else keeps what stage 3 taught it. That costs no new stage 1 and no new stage 3: the stream
between the layers is still close to the teacher's, so its attention fits in at once, and some more of stage 3, which
starts at step 0 with this student, settles the rest.

Writes WORK/student, WORK/stage2.json and WORK/layers.json of the configuration's work folder as `choose.py` and
`stage2.py` would; `--from` is another work folder, with a finished or stopped stage 3, and stays as it is. Its logs come
along as WORK/stage3-before-1.jsonl and so on, for the card; a restored student may be restored again.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from pathlib import Path

import torch

import choose
import common
import grid
import m1
import stage2
import stage3
from data import Text


@torch.no_grad()
def restored(student: m1.Model, teacher: m1.Model, softmax: list[int], chunk: int) -> m1.Model:
    """The student with softmax attention at `softmax`: the teacher's where the student has lightning, else its own."""
    had = student.config.attn_type_list
    if lost := [at for at, kind in enumerate(had) if kind == m1.SOFTMAX and at not in softmax]:
        raise SystemExit(f"restore: layers {lost} have softmax attention already; only lightning layers change")
    kinds = [m1.SOFTMAX if at in softmax else m1.LIGHTNING for at in range(len(had))]
    config = m1.Config(**{**dataclasses.asdict(student.config), "attn_type_list": kinds})
    whole = m1.Model(config, chunk)
    changed = [at for at in softmax if had[at] != m1.SOFTMAX]
    prefixes = tuple(f"model.layers.{at}.{part}." for at in changed for part in ("self_attn", "input_layernorm"))
    state = {name: value for name, value in student.state_dict().items() if not name.startswith(prefixes)}
    state |= {name: value for name, value in teacher.state_dict().items() if name.startswith(prefixes)}
    whole.load_state_dict(state, strict=True)
    return whole


def bring_logs(source: Path, work: Path) -> None:
    """The logs of all stages 3 that led to the source's student, in their order."""
    earlier = sorted(source.glob("stage3-before-*.jsonl"))
    for number, log in enumerate([*earlier, source / "stage3.jsonl"], 1):
        shutil.copyfile(log, work / f"stage3-before-{number}.jsonl")


def restore(config: dict, source: Path, softmax: int) -> dict:
    """Writes the student and its reports; returns what WORK/stage2.json holds."""
    work, chunk, started = config["paths"]["work"], config["run"]["chunk"], time.monotonic()
    if source.resolve() == work:
        raise SystemExit("restore: --from must be another work folder than the configuration's")
    log, text = common.Log(work / "restore.jsonl"), Text(config)
    there = {**config, "paths": {**config["paths"], "work": source.resolve()}}
    student, trained = stage3.load(there)
    if trained is None:
        raise SystemExit(f"restore: {source} has no checkpoint of stage 3")
    teacher = m1.Model.load(config["paths"]["teacher"], chunk)
    order = json.loads((source / "choose.json").read_text())
    layers = choose.choice(order, teacher.config.num_hidden_layers, softmax)
    whole = restored(student, teacher, layers["softmax"], chunk)
    windows = text.mixed_held_out(config["stage3"]["held_out"], config["stage3"]["held_out_length"])
    folder = work / "student"
    folder.mkdir(exist_ok=True)
    whole.save(folder)
    with grid.OnGrid(whole, True):
        loss = m1.language_loss(whole, windows)
    report = {
        "softmax": layers["softmax"],
        "digest": common.digest([folder / "model.safetensors"]),
        "parameters": sum(value.numel() for value in whole.parameters()),
        "tokens_before": trained["tokens"] + stage2.tokens_before(source),
        "held_out_loss": loss,
        "on_grid": True,
        "expert_use": stage2.expert_use(whole, windows[:1]),
    }
    common.write_json(work / "stage2.json", report)
    common.write_json(work / "layers.json", layers)
    shutil.copyfile(source / "choose.json", work / "choose.json")
    bring_logs(source, work)
    log.write(event="restored", seconds=round(time.monotonic() - started), **report)
    return report


def main() -> None:
    parser = common.arguments("Gives layers of a trained student their softmax attention back.")
    parser.add_argument("--from", dest="source", type=Path, required=True, help="work folder of the trained student")
    parser.add_argument("--softmax", type=int, help="how many, instead of choose.softmax_layers of the configuration")
    options = parser.parse_args()
    config = common.settings(options)
    restore(config, options.source, config["choose"]["softmax_layers"] if options.softmax is None else options.softmax)


if __name__ == "__main__":
    main()
