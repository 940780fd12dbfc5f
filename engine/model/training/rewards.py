"""What an answer is worth, as far as a program can check it: is it JSON of the schema, do its passages stand in the
document, are they those that people marked, is "none" said where nothing is marked, did it end.

A passage that does not stand in the document earns nothing, nor does "none" in place of a marked passage: neither
making up nor holding back pays.
"""

from __future__ import annotations

import json

import quoting
from quoting import Span
from tasks import Example
from wording import is_quote, may_be_none, quote_limits


def fits(schema: dict, value: object) -> bool:
    """Whether a value has the shape of a schema: the keys in their order, the lists' and strings' lengths."""
    if "anyOf" in schema:
        return any(fits(choice, value) for choice in schema["anyOf"])
    if "const" in schema:
        return value == schema["const"]
    kind = schema["type"]
    if kind == "object":
        below = schema["properties"]
        return isinstance(value, dict) and list(value) == list(below) and all(fits(below[k], value[k]) for k in below)
    if kind == "array":
        size = isinstance(value, list) and schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        return size and all(fits(schema["items"], item) for item in value)
    return isinstance(value, str) and schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))


def passages(schema: dict, value: object) -> list[str]:
    """The passages of an answer that fits its schema."""
    if is_quote(schema):
        return [value]
    if "anyOf" in schema:
        return passages(next(c for c in schema["anyOf"] if "const" not in c), value) if isinstance(value, list) else []
    if schema.get("type") == "object":
        return [q for name, below in schema["properties"].items() for q in passages(below, value[name])]
    return [q for item in value for q in passages(schema["items"], item)] if schema.get("type") == "array" else []


def located(text: str, quote: str, wanted: list[Span], limits: tuple[int, int]) -> Span | None:
    """Where a passage stands in the document, nearest to what is wanted; nothing where it could not be quoted."""
    spans = [s for s in quoting.occurrences(text, quote) if quoting.is_quotable(text, s, *limits)]
    return max(spans, key=lambda s: sum(max(0, min(s[1], b) - max(s[0], a)) for a, b in wanted), default=None)


def overlap(found: list[Span], wanted: list[Span]) -> float:
    """F1 of the characters of two sets of spans."""
    mine, theirs = ({n for a, b in spans for n in range(a, b)} for spans in (found, wanted))
    return 2 * len(mine & theirs) / max(1, len(mine) + len(theirs))


def reward(example: Example, schema: dict, text: str, ended: bool, weights: dict[str, float]) -> float:
    """The worth of an answer's text, between 0 and the sum of the weights that apply.

    Marked: json + located * share of passages that stand in the document + overlap * F1 with the marked ones.
    Not marked: json + none where it says so. Both, if there is anything right in it: length where the answer ended and
    its passages are not twice too long."""
    try:
        value = json.loads(text)
    except ValueError:
        return 0.0
    if not fits(schema, value):
        return 0.0
    quotes, limits, total = passages(schema, value), quote_limits(schema), weights["json"]
    wanted = example.parts
    proper = ended
    if wanted:
        spans = [located(example.text, quote, wanted, limits) for quote in quotes]
        found = [span for span in spans if span]
        total += weights["located"] * len(found) / max(1, len(spans)) + weights["overlap"] * overlap(found, wanted)
        proper = ended and bool(found) and sum(map(len, quotes)) <= 2 * sum(b - a for a, b in wanted)
    elif may_be_none(schema):
        total += weights["none"] * (not quotes)
        proper = ended and not quotes
    return total + weights["length"] * proper
