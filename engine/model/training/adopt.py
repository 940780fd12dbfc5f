"""Taking an adapter in: `python adopt.py [--adapter FOLDER] --measured NAME BEFORE AFTER ...`. An adapter of stage 4 or 5
becomes the own adapter of the model it was trained on.

The base and the base with its adapter answer the same held-out examples. `--measured` takes two reports of `lectern eval`,
of the base and of the base with this adapter, on held-out documents; one pair at least is of questions. Where both are
better with it (`fault`), the adapter's files are copied below the model's folder, `lectern.json` names them,
`adapter/tuning.json` records how they were made and what they changed, and the model's card is written anew. Where not,
nothing is touched.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import torch

import card
import common
import lora
import stage4
from tasks import Examples

FOLDER = "adapter"
FILES = ("adapter.safetensors", "adapter.json")
ANSWERED = ("absent: said not in the document", "present: a labelled passage given")


def answered(reports: list[dict]) -> tuple[float, float] | None:
    """Right answers of the program to questions, without and with the adapter: the mean of its shares where the document
    has no answer and where it has one, over the reports of questions; a half for whoever always says "none"."""
    asked = [[report["measures"][name] for name in ANSWERED] for report in reports if set(ANSWERED) <= set(report["measures"])]
    if not asked:
        return None
    before, after = (sum(share[side] for pair in asked for share in pair) / (2 * len(asked)) for side in (0, 1))
    return before, after


def fault(before: dict, after: dict, reports: list[dict]) -> str | None:
    """Why an adapter is not better than none; nothing where it is."""
    if after["held_out_loss"] >= before["held_out_loss"]:
        return f"held-out loss {before['held_out_loss']} before, {after['held_out_loss']} after"
    if not (right := answered(reports)):
        return "no --measured reports of `lectern eval questions` on held-out documents say that it answers better"
    if right[1] <= max(0.5, right[0]):
        return f"right answers {right[0]:.3f} before, {right[1]:.3f} after; 0.5 for always \"none\""
    return None


def figures(config: dict, adapter: Path, count: int) -> tuple[dict, dict]:
    """What `stage4.evaluate` says of the base, and of the base with the adapter."""
    wanted, held_out = config["stage4"], Examples(config).held_out(count)
    model, base = stage4.load_base(config)
    said = lora.said_of(adapter, base)
    adapters = lora.attach(model, said["rank"], said["alpha"], 0)
    found = []
    for loaded in (False, True):
        if loaded:
            lora.load(adapter, adapters)
        # One context each: it keeps the weights it has rounded, the adapters' too, until it ends.
        with torch.autocast("cpu", torch.bfloat16, enabled=stage4.in_bf16(wanted)):
            found.append(stage4.evaluate(model, held_out, wanted["recompute_from"]))
    before, after = found
    return before, after


def measured(name: str, before: Path, after: Path) -> dict:
    """The means of two reports of `lectern eval`, those that both have, and what they are of."""
    one, two = (json.loads(path.read_text()) for path in (before, after))
    rows = {key: [one["measures"][key], two["measures"][key]] for key in one["measures"] if key in two["measures"]}
    return {"name": name, "documents": two["documents"], "count": len(two["each"]), "measures": rows}


def record(config: dict, before: dict, after: dict, count: int, reports: list[dict]) -> dict:
    """What `tuning.json` says: the run from its log and its examples, and the figures."""
    work = config["paths"]["work"]
    steps = [line for line in card.records(work / "stage4.jsonl") if "tokens_per_s" in line and "step" in line]
    return {
        "machine": card.processor(),
        "hours": round(card.hours(steps), 2),
        "went_on": bool(config["stage4"]["start"]),
        "length": config["tasks"]["length"],
        "weights": config["tasks"]["weights"],
        "documents": json.loads((work / "tasks" / "report.json").read_text())["documents"]["train"],
        "held_out_examples": count,
        "before": before,
        "after": after,
        "measured": reports,
    }


def place(adapter: Path, model: Path, recorded: dict) -> None:
    """Copies an adapter below its model's folder and makes it the model's own. `lectern.json` comes last: a model that
    names an adapter has it whole."""
    to = model / FOLDER
    to.mkdir(exist_ok=True)
    for name in FILES:
        shutil.copyfile(adapter / name, to / name)
    common.write_json(to / "tuning.json", recorded)
    said = json.loads((model / "lectern.json").read_text())
    common.write_json(model / "lectern.json", said | {"adapter": FOLDER})


def adopt(config: dict, adapter: Path, count: int, reports: list[dict]) -> str | None:
    """Measures, takes the adapter in and writes the card; or says why not."""
    before, after = figures(config, adapter, count)
    print(json.dumps({"before": before, "after": after}, indent=2), flush=True)
    if found := fault(before, after, reports):
        return found
    model = (common.REPOSITORY / config["stage4"]["base"]).resolve()
    place(adapter, model, record(config, before, after, count, reports))
    card.write(model, config["evaluate"], card.measures_of(model))
    return None


def main() -> None:
    parser = common.arguments("Makes an adapter a model's own.")
    parser.add_argument("--adapter", type=Path, help="the adapter's folder instead of WORK/adapter")
    parser.add_argument("--count", type=int, default=24, help="held-out examples of each task")
    parser.add_argument(
        "--measured", nargs=3, action="append", default=[], metavar=("NAME", "BEFORE", "AFTER"),
        help="two reports of `lectern eval`, without and with the adapter",
    )
    options = parser.parse_args()
    config = common.settings(options)
    if config["stage4"]["base"] == "student":
        raise SystemExit("[stage4] base must name the folder of the model that takes the adapter")
    reports = [measured(name, Path(before), Path(after)) for name, before, after in options.measured]
    adapter = options.adapter or config["paths"]["work"] / "adapter"
    if found := adopt(config, adapter, options.count, reports):
        sys.exit(f"not better than none, and not taken in: {found}")


if __name__ == "__main__":
    main()
