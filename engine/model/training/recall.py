"""Recall tests: facts hidden in held-out text at chosen depths, asked for at the end.

The question is the beginning of the fact's own sentence, so that a model without instruction tuning is measured too, and
the answer is read off one pass: an answer counts as recalled if each of its tokens is the most likely one after those
before it, which is what greedy decoding would have written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import m1

PLACES = ["Aldersbach", "Brevik", "Caldonia", "Dornholm", "Elverum", "Fossacesia", "Grindavik", "Havelberg"]
THINGS = ["archive", "boiler room", "cellar", "depot", "east gate", "freight lift", "garage", "harbour office"]
Encode = Callable[[str], list[int]]


@dataclass
class Question:
    """A text [T] whose last `answer` tokens are what must be recalled."""

    ids: Tensor
    answer: int


def statement(generator: np.random.Generator) -> tuple[str, str]:
    """The beginning of a fact's sentence, and how it goes on."""
    place, thing = PLACES[generator.integers(len(PLACES))], THINGS[generator.integers(len(THINGS))]
    return f" The access code of the {thing} in {place} is", f" {generator.integers(10_000, 99_999)}"


def statements(generator: np.random.Generator, count: int) -> list[tuple[str, str]]:
    """So many facts about different things."""
    found: dict[str, str] = {}
    while len(found) < count:
        subject, value = statement(generator)
        found.setdefault(subject, value)
    return list(found.items())


def question(text: Tensor, encode: Encode, depth: float, keys: int, generator: np.random.Generator) -> Question:
    """`text` with `keys` facts, the one asked for at `depth` (0 start, 1 end) and the others anywhere, and the question.
    The text gives way, so that the whole is as long as the text was."""
    facts = statements(generator, keys)
    hidden = [encode(f"\n{subject}{value}.\n") for subject, value in facts]
    subject, value = facts[0]
    asked, answer = encode(f"\n\n{subject}"), encode(value)
    room = len(text) - sum(map(len, hidden)) - len(asked) - len(answer)
    if room < 1:
        raise ValueError("the text is too short for its facts")
    depths = [depth, *generator.random(keys - 1)]
    pieces, start = [], 0
    for at, fact in sorted(zip((int(d * room) for d in depths), hidden, strict=True), key=lambda pair: pair[0]):
        pieces += [text[start:at], torch.tensor(fact)]
        start = at
    pieces += [text[start:room], torch.tensor(asked), torch.tensor(answer)]
    return Question(torch.cat(pieces), len(answer))


@torch.no_grad()
def recalled(model: m1.Model, question: Question) -> tuple[bool, float]:
    """Whether the whole answer is recalled, and the share of its tokens that are."""
    hidden, _ = model.hidden(question.ids[None])
    best = (hidden[0, -question.answer - 1 : -1] @ model.head.T).argmax(-1)
    right = best == question.ids[-question.answer :]
    return bool(right.all()), right.float().mean().item()


def measure(
    models: dict[str, m1.Model], windows: list[Tensor], encode: Encode, depth: float, keys: int, seed: int
) -> dict[str, dict[str, float]]:
    """For each model, the share of answers and of answer tokens recalled, over one question a window."""
    sums = {name: [0.0, 0.0] for name in models}
    for number, window in enumerate(windows):
        generator = np.random.default_rng([seed, keys, number, int(1000 * depth)])
        asked = question(window.flatten(), encode, depth, keys, generator)
        for name, model in models.items():
            whole, part = recalled(model, asked)
            sums[name][0] += whole / len(windows)
            sums[name][1] += part / len(windows)
    return {name: {"answers": round(whole, 4), "tokens": round(part, 4)} for name, (whole, part) in sums.items()}
