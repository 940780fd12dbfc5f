"""Passages of a document that may be quoted: whole words from where a sentence or a line begins, 20 to 400 characters,
at known places of the text.

The words are those of the engine's constraint (`engine/model/src/constraint/quote.rs`): what joins letters or digits on
both sides (`1,000`, `don't`, `Sub-clause`) is inside a word, and where sentences and lines begin. Spans are (start, end)
in characters of the text.
"""

from __future__ import annotations

import re
import unicodedata

import numpy as np

Span = tuple[int, int]
JOINS = ".,'\u2019-\u2010\u2011"
CLOSING = "\"'\u201d\u2019)]\u00bb"
NUMBERS = ".)]\u2022\u25e6\u25aa-\u2013\u2014*0123456789"  # what the number of a line, or its bullet, ends with
CLOSING_MARKS, NUMBERING = 4, 10  # most marks that close a sentence after its end; most characters that number a line
SENTENCE = re.compile(r"(?<=[.!?;:])[\"\u201d\u2019)]*\s+|\n\s*\n")
WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
COMMON = frozenset(
    "a an and any are as at be been but by can could did do does each for from had has have he her him his how i if in "
    "into is it its may more no not of on or other our out s shall she should so such than that the their them then "
    "there these they this those to under up upon us was we were what when where which who will with would you "
    "your".split()
)


def is_word(c: str) -> bool:
    """Letters, digits, the underscore."""
    return c.isalnum() or c == "_"


def joined(text: str, i: int) -> bool:
    """Whether a word goes on between text[i - 1] and text[i]."""
    if i <= 0 or i >= len(text):
        return False
    before, after = text[i - 1], text[i]
    if unicodedata.combining(after) or after == "\u200d" or before == "\u200d":
        return True
    if is_word(before) and is_word(after):
        return True
    if is_word(before):
        return after in JOINS and i + 1 < len(text) and is_word(text[i + 1])
    return is_word(after) and before in JOINS and i >= 2 and is_word(text[i - 2])


def opens(text: str, i: int) -> bool:
    """Whether a sentence, a line, or what follows a line's number begins at i."""
    last = i - 1
    while last >= 0 and text[last].isspace():
        last -= 1
    if last < 0 or "\n" in text[last:i]:
        return True
    sentence = text[max(0, last + 1 - CLOSING_MARKS) : last + 1].rstrip(CLOSING)[-1:]
    if sentence and sentence in "\u3002\uff01\uff1f\uff1b\uff1a":
        return True
    if last + 1 == i:
        return False
    line = text.rfind("\n", max(0, i - NUMBERING - 1), i) + 1
    numbered = (line > 0 or i <= NUMBERING) and text[last] in NUMBERS
    return bool(sentence) and sentence in ".!?\u2026;:" or numbered


def may_begin(text: str, i: int) -> bool:
    """Whether a quote may begin at i."""
    solid = i < len(text) and not text[i].isspace() and text[i].isprintable()
    return solid and not joined(text, i) and opens(text, i)


def may_end(text: str, i: int) -> bool:
    """Whether a quote may end before i."""
    return i > 0 and not text[i - 1].isspace() and not joined(text, i)


def is_quotable(text: str, span: Span, least: int, most: int) -> bool:
    """Whether the engine's constraint would let a model write this passage."""
    start, end = span
    return least <= end - start <= most and may_begin(text, start) and may_end(text, end)


def fit(text: str, span: Span, least: int, most: int) -> Span | None:
    """The passage widened to the beginning of its sentence, to whole words and to `least` characters, cut to `most`;
    nothing where that cannot be, or would leave out more than half of it."""
    start, end = max(0, span[0]), min(len(text), span[1])
    while start < end and text[start].isspace():
        start += 1
    first, last = start, end
    while start > 0 and not may_begin(text, start):
        start -= 1
    while end < len(text) and not may_end(text, end):
        end += 1
    while end - start < least:
        wider = end + 1
        while wider < len(text) and not may_end(text, wider):
            wider += 1
        if wider > len(text) or "\n\n" in text[end:wider]:  # rather the words before than those of another paragraph
            earlier = start - 1
            while earlier > 0 and not may_begin(text, earlier):
                earlier -= 1
            if earlier < 0:
                return None
            start = earlier
        else:
            end = wider
    if end - start > most:
        end = start + most
        while end > start and not may_end(text, end):
            end -= 1
    whole = 2 * (end - first) >= last - first
    return (start, end) if whole and is_quotable(text, (start, end), least, most) else None


def merge(text: str, spans: list[Span], gap: int, most: int) -> list[Span]:
    """Spans in order; those that overlap or stand near, so that a passage of `most` characters shows both, are one."""
    made: list[Span] = []
    for start, end in sorted(spans):
        if made and start - made[-1][1] <= gap and max(end, made[-1][1]) - made[-1][0] <= most:
            made[-1] = (made[-1][0], max(end, made[-1][1]))
        elif not made or start >= made[-1][1]:
            made.append((start, end))
    return made


def solid(text: str) -> np.ndarray:
    """Where the characters of a text stand that are not white space."""
    return np.flatnonzero(np.fromiter((not c.isspace() for c in text), bool, len(text)))


def places(raw: str, text: str) -> np.ndarray:
    """For each offset of `raw` the offset in `text`, which differs from it in white space alone: [len(raw) + 1]."""
    of_raw, of_text = solid(raw), solid(text)
    if len(of_raw) != len(of_text):
        raise ValueError("the texts differ in more than white space")
    before = np.searchsorted(of_raw, np.arange(len(raw) + 1))  # solid characters before each offset
    return np.append(of_text, len(text))[before]


class Bare:
    """A text without its white space, to find pieces of it in which the engine set white space otherwise."""

    def __init__(self, text: str):
        self.at, self.text = solid(text), "".join(text.split())

    def find(self, piece: str) -> Span | None:
        """Where a piece stands first in the text with its white space."""
        bare = "".join(piece.split())
        first = self.text.find(bare) if bare else -1
        return (int(self.at[first]), int(self.at[first + len(bare) - 1]) + 1) if first >= 0 else None


def moved(span: Span, to: np.ndarray) -> Span:
    """A span of the raw text in the cleaned one: from its first solid character to just past its last."""
    start = int(to[span[0]])
    return start, max(start, int(to[span[1] - 1]) + 1)


def occurrences(text: str, piece: str, most: int = 200) -> list[Span]:
    """Where a piece stands as whole words."""
    found, at = [], text.find(piece) if piece else -1
    while at >= 0 and len(found) < most:
        if not joined(text, at) and not joined(text, at + len(piece)):
            found.append((at, at + len(piece)))
        at = text.find(piece, at + 1)
    return found


def sentences(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """Sentences and list items of a stretch of text, without the white space between them."""
    end = len(text) if end is None else min(end, len(text))
    found, at = [], start
    for match in [*SENTENCE.finditer(text, start, end), None]:
        stop = match.start() if match else end
        if match:  # closing marks belong to the sentence
            stop += len(match[0]) - len(match[0].lstrip('"\u201d\u2019)'))
        while at < stop and text[at].isspace():
            at += 1
        last = stop
        while last > at and text[last - 1].isspace():
            last -= 1
        if last > at:
            found.append((at, last))
        at = match.end() if match else end
    return found


def content(text: str) -> set[str]:
    """Words that carry a text, lower case, without plural s."""
    words = (word.lower() for word in WORD.findall(text))
    return {word.rstrip("s") or word for word in words if word not in COMMON and len(word) > 1}


def best_match(text: str, spans: list[Span], wanted: set[str]) -> tuple[Span | None, float]:
    """The span that holds most of the wanted words, and their share; the shorter of equal ones."""
    best, share = None, 0.0
    for span in spans:
        found = len(content(text[slice(*span)]) & wanted) / max(1, len(wanted))
        if found > share or (best and found == share > 0 and span[1] - span[0] < best[1] - best[0]):
            best, share = span, found
    return best, share


def whole_sentences(text: str, most: int, count: int = 2) -> str:
    """The first sentences of a text, so many and so long at most; empty where even the first is too long."""
    text, kept = re.sub(r"\s+", " ", text).strip(), ""
    for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z\"'(])", text)[:count]:
        longer = f"{kept} {sentence}".strip()
        if len(longer) > most:
            break
        kept = longer
    return kept
