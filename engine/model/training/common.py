"""What every stage shares: the configuration, JSON-lines logs, atomic checkpoints, learning-rate schedule, stopping.

Paths in config.toml may be relative to the repository root. Nothing here knows about the model.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import signal
import time
import tomllib
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]


def arguments(about: str) -> argparse.ArgumentParser:
    """A parser with the two options every command has."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--config", default=str(HERE / "config.toml"), help="the TOML configuration")
    parser.add_argument("--work", help="work folder instead of paths.work of the configuration")
    return parser


def settings(options: argparse.Namespace) -> dict:
    """The configuration with its paths made absolute; also sets the number of threads torch may use."""
    with open(options.config, "rb") as file:
        config = tomllib.load(file)
    if options.work:
        config["paths"]["work"] = options.work
    config["paths"] = {key: (REPOSITORY / value).resolve() for key, value in config["paths"].items()}
    config["paths"]["work"].mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config["run"]["threads"])
    return config


class Log:
    """Appends one JSON object a line, and prints it."""

    def __init__(self, path: Path):
        self.path = path

    def write(self, **record) -> None:
        """Adds the time of day and writes through at once, so that a killed run loses no line."""
        record = {"time": time.strftime("%H:%M:%S"), **record}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        print(json.dumps(record), flush=True)


def save_atomically(path: Path, value: object) -> None:
    """Writes beside the target and renames: a run killed while saving leaves the previous checkpoint whole."""
    beside = path.with_name(path.name + ".partial")
    with open(beside, "wb") as file:
        torch.save(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def write_json(path: Path, value: object) -> None:
    """JSON, atomically."""
    beside = path.with_name(path.name + ".partial")
    beside.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    os.replace(beside, path)


def digest(paths: list[Path]) -> str:
    """SHA-256 of files, short: tells whether two runs saw the same weights."""
    whole = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()[:16]


def load_checkpoint(path: Path) -> dict | None:
    """The last checkpoint, or nothing on a first run. `weights_only` refuses pickled code."""
    return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None


def learning_rate(step: int, schedule: dict) -> float:
    """Linear warm-up, then a cosine down to `floor` times the peak, and that floor for ever after."""
    peak, warm_up, steps = schedule["learning_rate"], schedule["warm_up"], schedule["steps"]
    if step < warm_up:
        return peak * (step + 1) / warm_up
    along = min(1.0, (step - warm_up) / max(1, steps - warm_up))
    return peak * (schedule["floor"] + (1 - schedule["floor"]) * 0.5 * (1 + math.cos(math.pi * along)))


def adamw(parameters: list, schedule: dict) -> torch.optim.AdamW:
    """AdamW as every stage uses it; vectors (norms) do not decay."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": schedule["weight_decay"]},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=schedule["learning_rate"], betas=(0.9, 0.95), eps=1e-8, fused=True)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Gives all parameter groups the learning rate, times the group's own factor where it has one."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get("factor", 1.0)


class Until:
    """Says when to stop: after some minutes, or at SIGTERM or Ctrl-C; the step under way is always finished."""

    def __init__(self, minutes: float | None):
        self.end = None if minutes is None else time.monotonic() + 60 * minutes
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, *_: object) -> None:
        self.asked = True

    def __bool__(self) -> bool:
        return self.asked or (self.end is not None and time.monotonic() > self.end)


class Pace:
    """Tokens per second as the median over recent steps, so that a process stopped for a while does not distort it."""

    def __init__(self):
        self.seconds: list[float] = []
        self.tokens = 1
        self.last = time.monotonic()

    def restart(self) -> None:
        """Leaves out what happened since the last step (an evaluation, a checkpoint)."""
        self.last = time.monotonic()

    def step(self, tokens: int) -> float:
        """Called after each step; returns tokens per second."""
        now = time.monotonic()
        self.seconds = [*self.seconds[-20:], now - self.last]
        self.last, self.tokens = now, tokens
        return tokens / sorted(self.seconds)[len(self.seconds) // 2]
