"""Evaluation: `python evaluate.py [--model FOLDER] [--long]`. Teacher beside student on the same held-out text: the
student as it is shipped, in few bits, the teacher in 32-bit floats.

Measures the model that export.py left in the work folder, or one in another folder: the committed one, after
`data.py prepare`, without having trained it. Writes `evaluation.json` and `MODEL_CARD.md` beside the weights. Each
measure is saved when it is made: a run that is stopped goes on where it was, and a measure of other weights or another
configuration is made anew.

- Held-out loss by domain and context, and recall by depth and context, through this code.
- Prefill time and state size through the engine, both models in four bits. `--long` adds 32K tokens of context, where
  the teacher is past what it was trained for, and the document of 80,000 tokens.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from tokenizers import Tokenizer

import card
import common
import engine
import m1
import packed
import recall
from data import Text

LEFT_OUT = ("context_length", "adapter")  # of lectern.json, for measuring speed
DOMAINS = ("contracts", "filings", "minutes")


class Measures:
    """Measurements by name, saved one by one."""

    def __init__(self, path: Path, bound_to: dict, until: common.Until):
        self.path, self.until = path, until
        found = json.loads(path.read_text()) if path.exists() else {}
        self.values: dict = found if found.get("bound_to") == bound_to else {"bound_to": bound_to, "measures": {}}

    def take(self, name: str, measure: Callable, *arguments: object) -> None:
        """Measures and saves what is not saved yet; stops the program here if it is to stop."""
        measures = self.values["measures"]
        if name not in measures:
            if self.until:
                raise SystemExit("stopped; the same command goes on")
            measures[name] = measure(*arguments)
            common.write_json(self.path, self.values)
            print(name, json.dumps(measures[name]), flush=True)


def losses(measures: Measures, models: dict[str, m1.Model], text: Text, wanted: dict, contexts: list[int]) -> None:
    """Held-out loss of each model, domain and context."""
    for context in contexts:
        for domain in DOMAINS:
            if (domain, "held_out") not in text.ids:
                continue
            windows = text.held_out(domain, wanted["windows"][str(context)], context)
            for name, model in models.items():
                measures.take(f"loss/{context}/{domain}/{name}", m1.language_loss, model, windows)


def recalls(
    measures: Measures,
    models: dict[str, m1.Model],
    text: Text,
    wanted: dict,
    contexts: list[int],
    encode: recall.Encode,
) -> None:
    """Recall of one fact and of one among several, by context and depth, in held-out text of all domains."""
    for context in contexts:
        windows = text.mixed_held_out(wanted["recall_samples"][str(context)], context)
        for kind, keys in (("needle", 1), ("multi-key", wanted["keys"])):
            for depth in wanted["depths"][str(context)]:
                name = f"recall/{context}/{kind}/{depth}"
                measures.take(name, recall.measure, models, windows, encode, depth, keys, wanted["seed"])


def roomy(model: Path, folder: Path, tokens: int) -> Path:
    """The same model, allowed to read so many tokens: speed does not depend on what it was trained for. Without an
    adapter, which is bound to the model as it was."""
    for path in model.iterdir():
        if path.name not in ("config.json", "lectern.json"):
            (folder / path.name).symlink_to(path.resolve())
    config = m1.Config.read(model / "config.json")
    config.max_position_embeddings = max(tokens, config.max_position_embeddings)
    config.write(folder / "config.json")
    stated = json.loads((model / "lectern.json").read_text())
    common.write_json(folder / "lectern.json", {k: v for k, v in stated.items() if k not in LEFT_OUT})
    return folder


def speed(folder: Path, lectern: Path, tokens: int) -> dict:
    """One measurement of `speeds`."""
    with tempfile.TemporaryDirectory() as place:
        return engine.bench(lectern, roomy(folder, Path(place), tokens + 64), tokens)


def speeds(measures: Measures, folders: dict[str, Path], lectern: Path, lengths: dict[str, list[int]]) -> None:
    """Prefill time and state size through the engine."""
    for name, folder in folders.items():
        for tokens in lengths[name]:
            measures.take(f"speed/{name}/{tokens}", speed, folder, lectern, tokens)


def quantised_teacher(config: dict, lectern: Path) -> Path:
    """The teacher in as many bits as the student, for a fair race."""
    folder = config["paths"]["work"] / "teacher-quantised"
    if not folder.exists():
        engine.convert(lectern, config["paths"]["teacher"], folder, config["export"]["quantize"], 4096)
    return folder


def evaluate(
    config: dict, shipped: Path, lectern: Path, long: bool, minutes: float | None, encode: recall.Encode
) -> dict:
    """Takes all measures of the model in `shipped`, writes its card; returns the measures."""
    wanted = config["evaluate"]
    folders = {"teacher": config["paths"]["teacher"], "student": shipped}
    bound_to = {name: common.digest(packed.weight_files(folder)) for name, folder in folders.items()}
    bound_to |= {"settings": json.loads(json.dumps(wanted))}
    measures = Measures(shipped / "evaluation.json", bound_to, common.Until(minutes))
    chunk = config["run"]["chunk"]
    models = {name: packed.load(folder, chunk).requires_grad_(False) for name, folder in folders.items()}
    contexts = wanted["contexts"] + (wanted["long_contexts"] if long else [])
    losses(measures, models, Text(config), wanted, contexts)
    recalls(measures, models, Text(config), wanted, contexts, encode)
    del models
    lengths = {name: wanted["speed"] + (wanted["long_speed"][name] if long else []) for name in folders}
    speeds(measures, {"teacher": quantised_teacher(config, lectern), "student": shipped}, lectern, lengths)
    card.write(shipped, wanted, measures.values["measures"])
    return measures.values["measures"]


def main() -> None:
    parser = common.arguments("Evaluation of student and teacher.")
    parser.add_argument("--model", type=Path, help="folder of the quantised model, instead of what export.py left")
    parser.add_argument("--long", action="store_true", help="also 32K of context and 80,000 tokens of prefill; hours")
    parser.add_argument("--minutes", type=float, help="stop cleanly after so many minutes")
    parser.add_argument("--lectern", help="the lectern binary")
    options = parser.parse_args()
    config = common.settings(options)
    tokenizer = Tokenizer.from_file(str(config["paths"]["teacher"] / "tokenizer.json"))

    def encode(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False).ids

    shipped = options.model or config["paths"]["work"] / config["export"]["name"]
    evaluate(config, shipped.resolve(), engine.binary(options.lectern), options.long, options.minutes, encode)


if __name__ == "__main__":
    main()
