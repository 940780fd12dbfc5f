"""The words put to the model, taken from `lectern model prompts`: the frame around a document, the requests, and the
JSON that answers them. Nothing of that wording is repeated here; what the command prints is cached in the work folder.

An answer is built by walking a request's schema, so that names, order and limits are the engine's own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

import common
import engine

CACHE = "prompts.json"
LABEL_CHARS = 200  # the engine cuts a label there
MOST = 1 << 30


@dataclass
class Part:
    """A passage of the document and what is said of it (nothing where only the passage is asked for)."""

    quote: str
    text: str = ""


def print_prompts(lectern: Path, work: Path) -> Path:
    """Caches what the binary prints; a newer binary's words replace it."""
    found = json.loads(engine.run(lectern, "prompts", "--pack", "cuad"))
    common.write_json(work / CACHE, found)
    return work / CACHE


def is_quote(schema: dict) -> bool:
    """Whether a string of the answer must be a piece of the document."""
    return bool(schema.get("x-lectern-quote"))


def quote_limits(schema: dict) -> tuple[int, int]:
    """Shortest and longest quote in characters, as the schema says it."""
    found = [node for node in nodes(schema) if is_quote(node)]
    return found[0]["minLength"], found[0]["maxLength"]


def nodes(schema: object):
    """All objects within a schema."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from nodes(value)


def most_parts(schema: dict) -> int:
    """How many passages the answer may hold: the longest of its lists, or the one that is not in a list."""
    return max((node["maxItems"] for node in nodes(schema) if "maxItems" in node), default=1)


def text_limit(schema: dict) -> int:
    """Most characters of the text that goes with a passage or a whole answer."""
    free = (n for n in nodes(schema) if n.get("type") == "string" and not is_quote(n))
    return min((n["maxLength"] for n in free if "maxLength" in n), default=0)


def may_be_none(schema: dict) -> bool:
    """Whether "none" may be said in place of passages."""
    return any("const" in choice for node in nodes(schema) for choice in node.get("anyOf", ()))


def fill(schema: dict, parts: list[Part], text: str = "") -> object:
    """The answer of a schema that holds `parts` in their order; `text` is what is said of them together.

    Where a choice of passages or a constant is asked for, no part at all means the constant. Of free strings the first
    takes the text, others (owner, due) stay empty."""
    if is_quote(schema):
        return parts[0].quote
    if "anyOf" in schema:
        constant = next(choice["const"] for choice in schema["anyOf"] if "const" in choice)
        return fill(next(c for c in schema["anyOf"] if "const" not in c), parts) if parts else constant
    if schema["type"] == "array":
        return [fill(schema["items"], [part], part.text) for part in parts]
    if schema["type"] == "object":
        made = {}
        for name, below in schema["properties"].items():
            made[name] = fill(below, parts, text)
            text = "" if below.get("type") == "string" and not is_quote(below) else text
        return made
    return text


def compact(answer: object) -> str:
    """JSON as the engine's constraint has it written: no white space between the parts."""
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


class Wording:
    """Requests and frame as token ids. Special tokens are special only where the frame has them, as in the engine."""

    def __init__(self, prompts: dict, tokenizer: Tokenizer):
        self.prompts, self.tokenizer = prompts, tokenizer
        self.version = prompts["prompt_version"]

    @staticmethod
    def read(config: dict) -> Wording:
        """From the cache that `tasks.py prepare` left."""
        path = config["paths"]["work"] / CACHE
        if not path.exists():
            raise SystemExit(f"no {path}: run `python tasks.py prepare` first")
        tokenizer = Tokenizer.from_file(str(config["paths"]["teacher"] / "tokenizer.json"))
        return Wording(json.loads(path.read_text(encoding="utf-8")), tokenizer)

    def request(self, name: str) -> dict:
        """A request by name; `field:NAME` is that of a field of the pack."""
        field = name.removeprefix("field:")
        return self.prompts["requests"][name] if field == name else self.prompts["fields"][field]

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; a special token written out in it stays text."""
        if "<|" in text:
            raise ValueError("text that spells a special token is not used in training")
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def pieces(self, name: str, fill: dict[str, str]) -> list[int]:
        """Ids of one part of the frame, with its braces filled in."""
        ids = []
        for piece in self.prompts[name]:
            if "special" in piece:
                ids.append(self.tokenizer.token_to_id(piece["special"]))
                continue
            text = piece["text"]
            for brace, value in fill.items():
                text = text.replace("{" + brace + "}", value)
            ids += self.encode(text)
        return ids

    def ranked_by(self, name: str, fill: dict[str, str]) -> str | None:
        """The words by which the engine ranks the passages it shows beside a request; nothing where it shows none."""
        field = name.removeprefix("field:")
        return self.prompts["fields"][field]["ranked_by"] if field != name else fill.get("question")

    def fitting(self, passages: list[str], name: str) -> list[str]:
        """As many of the passages as the engine shows beside a request."""
        about, kept, tokens = self.prompts["passages"], [], 0
        for passage in passages[: self.request(name).get("most_passages", about["most"])]:
            tokens += len(self.encode(passage)) + about["frame_tokens"]
            if tokens > about["most_tokens"]:
                break
            kept.append(passage)
        return kept

    def beside(self, passages: list[str], instruction: str) -> str:
        """An instruction with passages of the document after it."""
        if not passages:
            return instruction
        about = self.prompts["passages"]
        each = [
            about["each"].replace("{number}", str(n)).replace("{passage}", passage)
            for n, passage in enumerate(passages, 1)
        ]
        return "".join([instruction, about["before"], *each, about["after"]])

    def prompt(self, label: str, document: str, instruction: str) -> list[int]:
        """Everything before the answer: frame, document, request (with the passages shown beside it)."""
        before = self.pieces("before", {"label": label[:LABEL_CHARS]})
        return [
            *before,
            *self.encode(document),
            *self.pieces("after", {}),
            *self.pieces("request", {"instruction": instruction}),
        ]

    def end_of_turn(self) -> int:
        """The token that ends an answer."""
        return next(self.tokenizer.token_to_id(p["special"]) for p in self.prompts["end"] if "special" in p)
