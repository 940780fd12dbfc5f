"""Turns the line markup of ``agreement.py`` into numbered paragraphs, shared by the PDF and the Word maker."""

import re
from dataclasses import dataclass

import agreement

INLINE = re.compile(r"\*\*(?P<bold>.+?)\*\*|\{-(?P<cut>.*?)-\}|\{\+(?P<add>.*?)\+\}|\{!(?P<noted>.*?)!\}"
                    r"|\[\^(?P<note>\d)\]|\{(?P<ref>[a-z]+)\}")


@dataclass
class Item:
    """One paragraph: its kind (heading, sub, item, definition), printed number, key for references and text."""

    kind: str
    number: str
    key: str
    text: str


def clauses():
    """All clause paragraphs in order, numbered."""
    items, major, minor, letter = [], 0, 0, 0
    for line in agreement.CLAUSES.strip().splitlines():
        mark, text = line[0], line[2:]
        key = ""
        if text.startswith("@"):
            key, text = text[1:].split(" ", 1)
        if mark == "#":
            major, minor, letter = major + 1, 0, 0
            items.append(Item("heading", str(major), key, text))
        elif mark == ".":
            minor, letter = minor + 1, 0
            items.append(Item("sub", f"{major}.{minor}", key, text))
        elif mark == "-":
            letter += 1
            items.append(Item("item", f"({chr(96 + letter)})", key, text))
        else:
            items.append(Item("definition", "", key, text))
    return items


def numbers():
    """Key -> printed clause number."""
    return {i.key: i.number for i in clauses() if i.key}


def pieces(text):
    """Split a text into (kind, content) pieces; an unknown reference is an error."""
    known, at = numbers(), 0
    for m in INLINE.finditer(text):
        if m.start() > at:
            yield "text", text[at:m.start()]
        kind = m.lastgroup
        if kind == "ref" and m.group(kind) not in known:
            raise KeyError(f"agreement.py refers to clause key {m.group(kind)!r}, which no clause has")
        yield kind, m.group(kind)
        at = m.end()
    if at < len(text):
        yield "text", text[at:]


def accepted(text, bold=lambda t: t, note=lambda n: ""):
    """The text with tracked changes accepted and references resolved."""
    out = []
    for kind, content in pieces(text):
        if kind == "bold":
            out.append(bold(content))
        elif kind == "note":
            out.append(note(content))
        elif kind == "ref":
            out.append(numbers()[content])
        elif kind != "cut":
            out.append(accepted(content) if kind == "noted" else content)
    return "".join(out)
