"""Chooses the layers that keep softmax attention: `python choose.py [--softmax N]`, after some of stage 1.

Greedy by held-out loss: starting from the teacher, the layer whose twin raises the loss least is converted next,
measured with all those already converted. What a layer costs by itself says little about what it costs among converted
ones, so costs are measured again in each round, but only those of the few layers that looked cheapest when last
measured, and of those only while one that looked cheaper than the best found is left.

A layer's replacement changes nothing below it, so the stream that enters each layer is kept and a trial runs from
there. Every measurement is saved; WORK/layers.json is written once all layers are in order, with the loss after each.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch
from torch import Tensor, nn

import common
import m1
import stage1
from data import Text


class Trial:
    """The teacher with a growing set of layers replaced by their twins, on fixed held-out windows."""

    def __init__(self, teacher: m1.Model, twins: nn.ModuleDict, windows: list[Tensor]):
        self.model, self.twins, self.ids = teacher, twins, torch.cat(windows)
        self.rotation = m1.rotation_of(teacher.config, self.ids.shape[1])
        self.entering = [teacher.model.embed_tokens(self.ids)]
        self.loss = self._run(0, keep=True)

    @torch.no_grad()
    def _run(self, first: int, keep: bool = False) -> float:
        """The loss, computed from the stream that enters layer `first`; `keep` renews the kept streams above it."""
        h = self.entering[first]
        for layer, block in enumerate(self.model.model.layers[first:], first):
            if keep:
                self.entering[layer:] = [h]
            h, _ = block(h, self.rotation)
        losses = torch.cat(list(m1.token_losses(self.model.model.norm(h), self.model.head, self.ids)))
        return losses.double().mean().item()

    def loss_with(self, layer: int) -> float:
        """The loss if this layer were converted too."""
        with stage1.Swapped(self.model, self.twins, [layer]):
            return self._run(layer)

    def convert(self, layer: int) -> None:
        """Converts a layer for good."""
        self.model.model.layers[layer].self_attn = self.twins[str(layer)]
        self.loss = self._run(layer, keep=True)


def next_layer(trial: Trial, left: list[int], costs: dict[str, float], candidates: int) -> int:
    """The layer of `left` to convert next; `costs` holds what each raised the loss by when last measured, and is
    brought up to date for those measured here."""
    measured: dict[int, float] = {}
    for layer in sorted(left, key=lambda at: costs[str(at)])[:candidates]:
        if measured and min(measured.values()) <= costs[str(layer)]:
            break
        measured[layer] = costs[str(layer)] = trial.loss_with(layer) - trial.loss
    return min(measured, key=lambda at: measured[at])


def choice(progress: dict, layers: int, softmax: int) -> dict:
    """What WORK/layers.json holds: the first layers of the order become lightning, the others keep softmax."""
    order = progress["order"]
    if not layers - len(order) <= softmax <= layers:
        raise SystemExit(f"--softmax must be between {layers - len(order)} and {layers}")
    lightning = sorted(order[: layers - softmax])
    return {
        "softmax": [at for at in range(layers) if at not in lightning],
        "lightning": lightning,
        **{key: progress[key] for key in ("order", "loss_after", "teacher_loss", "alone", "stage1_step", "tokens")},
    }


def begin(path: Path, trial: Trial, same: dict) -> dict:
    """The saved measurements if they are of the same twins and text, else none."""
    found = json.loads(path.read_text()) if path.exists() else {}
    if any(found.get(key) != value for key, value in same.items()):
        return {**same, "teacher_loss": round(trial.loss, 5), "alone": {}, "costs": {}, "order": [], "loss_after": []}
    for layer in found["order"]:
        trial.convert(layer)
    return found


def advance(trial: Trial, progress: dict, candidates: int) -> dict | None:
    """One more measurement of a layer alone, or one round; returns what to log, or nothing once all are in order."""
    if missing := [layer for layer in trial.twins if layer not in progress["alone"]]:
        cost = trial.loss_with(int(missing[0])) - trial.loss
        progress["alone"][missing[0]] = progress["costs"][missing[0]] = round(cost, 5)
        return {"alone": int(missing[0]), "costs": round(cost, 4)}
    left = [int(layer) for layer in trial.twins if int(layer) not in progress["order"]]
    if not left:
        return None
    layer = next_layer(trial, left, progress["costs"], candidates)
    trial.convert(layer)
    progress["order"].append(layer)
    progress["loss_after"].append(round(trial.loss, 5))
    return {"converted": len(progress["order"]), "layer": layer, "loss": round(trial.loss, 4)}


def choose(config: dict, softmax: int, minutes: float | None) -> dict | None:
    """Orders all layers that have a twin and writes WORK/layers.json; returns what it holds, or nothing if stopped."""
    wanted, work = config["choose"], config["paths"]["work"]
    until, log, text = common.Until(minutes), common.Log(work / "choose.jsonl"), Text(config)
    teacher = m1.Model.load(config["paths"]["teacher"], config["run"]["chunk"]).requires_grad_(False)
    twins, step = stage1.trained_twins(config, teacher.config)
    windows, started = text.mixed_held_out(wanted["held_out"], wanted["length"]), time.monotonic()
    trial = Trial(teacher, twins, windows)
    trials = len(twins) * (1 + wanted["candidates"]) / 2  # each runs half of the layers on average
    minutes_left = (time.monotonic() - started) * trials / 60
    log.write(event="estimate", layers=len(twins), teacher_loss=round(trial.loss, 4), minutes=round(minutes_left, 1))
    same = {"stage1_step": step, "tokens": trial.ids.numel(), "length": wanted["length"]}
    progress = begin(work / "choose.json", trial, same)
    while not until:
        if (done := advance(trial, progress, wanted["candidates"])) is None:
            break
        common.write_json(work / "choose.json", progress)
        log.write(**done)
    else:
        log.write(event="stop", converted=len(progress["order"]))
        return None
    chosen = choice(progress, teacher.config.num_hidden_layers, softmax)
    common.write_json(work / "layers.json", chosen)
    loss = chosen["loss_after"][len(chosen["lightning"]) - 1] if chosen["lightning"] else chosen["teacher_loss"]
    log.write(event="chosen", softmax=chosen["softmax"], loss=loss)
    return chosen


def main() -> None:
    parser = common.arguments("Chooses the layers that keep softmax attention.")
    parser.add_argument("--softmax", type=int, help="how many, instead of choose.softmax_layers of the configuration")
    parser.add_argument("--minutes", type=float, help="stop cleanly after so many minutes")
    options = parser.parse_args()
    config = common.settings(options)
    choose(config, config["choose"]["softmax_layers"] if options.softmax is None else options.softmax, options.minutes)


if __name__ == "__main__":
    main()
