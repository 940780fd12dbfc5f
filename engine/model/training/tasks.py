"""Examples for tuning: `python tasks.py prepare`, then `python tasks.py report`. A document in the engine's own frame,
a request in its own words, and the answer that people gave, as token ids with a mask over the answer.

`prepare` reads the data folder, splits it as data.py does (CUAD val and QMSum val are held out whole, near-duplicates
across the split are dropped) and writes texts and items of each side into WORK/tasks. `Examples` draws from them: which
item, which window of its document and which file name a step reads follows from seed, stage and step alone.
"""

from __future__ import annotations

import dataclasses
import json
import re
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

import common
import data
import engine
import quoting
import sources
from quoting import Span
from sources import PART, START, WHOLE, Item, Text
from wording import Part, Wording, compact, fill, may_be_none, most_parts, print_prompts, quote_limits

SIDES = ("train", "held_out")
HELD_OUT = 99  # in the place of a stage's number, for the draws of held-out examples
TRIES = 40  # items drawn for an example before giving up: not every one fits into every length
SLACK = 8  # tokens left free in an example: a window is cut in characters
SNAP = 200  # characters that a window's edge may move to meet the end of a line
EXTENSIONS = (".pdf", ".pdf", ".docx", ".docx", ".txt", ".PDF", " (1).pdf", ".doc")
STEMS = {
    "cuad": ("contract", "agreement", "signed agreement", "Exhibit 10", "Vertrag", "executed copy"),
    "lexpredict": ("contract", "agreement", "amendment", "Exhibit 10"),
    "qmsum": ("meeting", "transcript", "call notes", "weekly meeting"),
    "europarl": ("sitting", "transcript", "session"),
    "sec": ("annual report", "10-K", "filing"),
}


@dataclass
class Example:
    """`ids` [T] and `mask` [T], true at the tokens of the answer and its end; `prompt`: how many ids come before."""

    ids: torch.Tensor
    mask: torch.Tensor
    prompt: int
    task: str
    item: Item
    text: str  # of the document
    pieces: list[Span]  # of it that are shown: the window, then the passages beside the request
    parts: list[Span]  # all marked passages among them
    answer: dict
    quotes: list[str]  # the passages of the answer
    other: list[int]  # the answer's ids had the first decision gone the other way; empty where there is none
    rivals: list[list[int]]  # the answer's ids with another passage shown beside the request as its first

    @property
    def shown(self) -> str:
        """All of the document that is shown, one piece a paragraph."""
        return "\n\n".join(self.text[slice(*piece)] for piece in self.pieces)

    def says_none(self) -> bool:
        """Whether no passage is right, of a request that allows to say so."""
        return bool(self.other) and not self.quotes

    def branch(self) -> tuple[int, int, int] | None:
        """Where the ids of both answers part: position, right token, wrong token."""
        return self.parting(self.other)

    def choices(self) -> list[int]:
        """Positions at which the answer parts from wrong ones: the other first decision, another passage."""
        return sorted({found[0] for ids in [self.other, *self.rivals] if (found := self.parting(ids))})

    def parting(self, ids: list[int]) -> tuple[int, int, int] | None:
        """Where the answer parts from another: position, own token, the other's."""
        own = self.ids[self.prompt :].tolist()
        for n, (right, wrong) in enumerate(zip(own, ids)):
            if right != wrong:
                return self.prompt + n, right, wrong
        return None


def kept_sides(config: dict) -> dict[tuple[str, str, int], str]:
    """Side of each document that may be used, by source, group and a checksum of its text, as data.py splits them."""
    found = [d for d in data.documents(config["paths"]["data"]) if "<|" not in d.text]
    data.choose_sides(found, config["data"]["held_out_share"])
    kept, dropped = data.part_duplicates(found, config["data"]["duplicate"])
    print(json.dumps({"documents": len(kept), "near_duplicates_dropped": dropped}), flush=True)
    return {(d.source, d.group, zlib.crc32(d.text.encode())): d.side for d in kept}


def records(folder: Path) -> Iterator[tuple[str, str, str, dict]]:
    """Source, group and text as data.py has them, with the record itself."""
    for name in ("train", "val"):
        for d in data.lines(folder / f"cuad/{name}.jsonl.xz"):
            yield "cuad", d["id"], d["text"], d
        for d in data.lines(folder / f"minutes/qmsum-{name}.jsonl.xz"):
            yield "qmsum", d["id"], "\n".join(f"{t['speaker']}: {t['content']}" for t in d["meeting_transcripts"]), d
    for source, path in (
        ("dc-law", "dc-law"),
        ("pep-rfc", "pep-rfc-abstracts"),
        ("lexpredict", "lexpredict-contracts"),
    ):
        for d in data.lines(folder / f"reports/{path}.jsonl.xz"):
            yield source, f"cik {d['cik']}" if source == "lexpredict" else d["id"], d["text"], d
    for d in data.lines(folder / "reports/sec-filings.jsonl.xz"):
        yield "sec", d["company"], d["text"], d
    for d in data.lines(folder / "minutes/europarl.jsonl.xz"):
        if not d["caution"]:
            yield "europarl", d["date"], data.sitting(d["transcript"]), d


def title_of(source: str, record: dict) -> str:
    """What a file of this document might be called."""
    return str(
        record.get("title") or f"{record.get('company', source)} {record.get('period') or record.get('date') or ''}"
    )


def taken(config: dict, sides: dict) -> Iterator[tuple[str, Text, dict]]:
    """Side, text and record of the documents that items are made of."""
    wanted, seen = config["tasks"], Counter()
    for source, group, raw, record in records(config["paths"]["data"]):
        side = sides.get((source, group, zlib.crc32(raw.encode())))
        own = f"{source} {record['id']}"
        if side is None or (source != "cuad" and len(raw) > wanted["most_characters"]):
            continue
        if source in ("lexpredict", "dc-law", "sec"):  # these only serve to be quoted from: a share of them will do
            if (
                seen[source, side] >= wanted["quoting_documents"]
                or data.draw(f"quoting {own}") > wanted["quoting_share"]
            ):
                continue
            seen[source, side] += 1
        text = sources.meeting(record)[0] if source == "qmsum" else data.clean(raw)
        if "<|" not in text and all(c.isprintable() or c in "\n\t" for c in set(text)):
            yield side, Text(own, source, title_of(source, record), text), record


def items_of(text: Text, record: dict, wording: Wording, wanted: dict, questions: dict[str, str]) -> Iterator[Item]:
    """Everything asked of one document but phrases and the questions of other meetings."""
    if text.source == "cuad":
        yield from sources.clauses(text, record, wording, questions, wanted["absent_share"])
    elif text.source == "qmsum":
        spans = sources.meeting(record)[1]
        yield from sources.topics(text, record, spans, wording)
        yield from sources.answers(text, record, spans, wording)
    elif text.source == "europarl":
        yield from sources.decisions(text, record, wording)
    elif text.source == "pep-rfc":
        yield from sources.headline(text, record, wording)


def make_side(found: list[tuple[Text, dict]], wording: Wording, wanted: dict, questions: dict[str, str]) -> list[Item]:
    """All items of one side; passages are checked against the text they are in."""
    items = [item for text, record in found for item in items_of(text, record, wording, wanted, questions)]
    items += sources.foreign_questions([(t, r) for t, r in found if t.source == "qmsum"], wanted["foreign_share"])
    quotable = [text for text, _ in found if text.source not in ("qmsum", "europarl")]
    asked = [pair for text in quotable for pair in sources.phrases(text, wording, wanted["quoting_each"])]
    items += [item for _, item in asked]
    items += sources.missing_phrases(quotable, asked, wanted["missing_share"])
    empty = [item for item in items if item.task == "decisions" and not item.parts]
    most = sum(item.task == "decisions" and bool(item.parts) for item in items)
    surplus = {id(item) for item in empty[most:]}
    return [item for item in items if id(item) not in surplus]


Ranked = Callable[[str, list[str]], list[list[str]]]  # a text and requests: the passages shown beside each


def put_near(items: list[Item], texts: dict[str, Text], wording: Wording, ranked: Ranked) -> None:
    """Gives each item the passages that the engine shows beside its request, as spans of its document."""
    of_document: dict[str, list[tuple[Item, str]]] = {}
    for item in items:
        if by := wording.ranked_by(item.request, item.fill):
            of_document.setdefault(item.document, []).append((item, by))
    for document, asked in of_document.items():
        text = texts[document].text
        bare = quoting.Bare(text)
        for (item, _), passages in zip(asked, ranked(text, [by for _, by in asked]), strict=True):
            item.near = [span for span in map(bare.find, passages) if span]


def write_examples(config: dict, ranked: Ranked) -> dict:
    """Writes texts, items and their digest; returns the counts. The prompts must be in the work folder."""
    work, wanted = config["paths"]["work"], config["tasks"]
    folder = work / "tasks"
    folder.mkdir(exist_ok=True)
    wording = Wording.read(config)
    questions = sources.questions_of(config["paths"]["data"] / "cuad/categories.csv")
    found = {side: [] for side in SIDES}
    for side, text, record in taken(config, kept_sides(config)):
        found[side].append((text, record))
    counts = {}
    for side in SIDES:
        items = make_side(found[side], wording, wanted, questions)
        put_near(items, {text.id: text for text, _ in found[side]}, wording, ranked)
        write_lines(folder / f"texts.{side}.jsonl", (text for text, _ in found[side]))
        write_lines(folder / f"items.{side}.jsonl", items)
        for item in items:
            name = f"{item.task}.{side}"
            counts.setdefault(name, Counter()).update(["items", *([] if item.parts else ["none"])])
    paths = [folder / f"{kind}.{side}.jsonl" for kind in ("texts", "items") for side in SIDES]
    report = {
        "prompt_version": wording.version,
        "digest": common.digest(paths),
        "documents": {side: dict(Counter(text.source for text, _ in found[side])) for side in SIDES},
        "items": {name: dict(count) for name, count in sorted(counts.items())},
    }
    common.write_json(folder / "report.json", report)
    return report


def prepare(config: dict, lectern: Path) -> dict:
    """Takes the words and the passages shown beside requests from the binary, and writes all examples are made of."""
    print_prompts(lectern, config["paths"]["work"])
    return write_examples(config, lambda text, requests: engine.passages(lectern, text, requests))


def write_lines(path: Path, values: Iterator) -> None:
    """Dataclasses, one JSON object a line."""
    with open(path, "w", encoding="utf-8") as file:
        for value in values:
            file.write(json.dumps(dataclasses.asdict(value), ensure_ascii=False) + "\n")


def read_lines(path: Path, kind: type) -> list:
    """What `write_lines` wrote."""
    if not path.exists():
        raise SystemExit(f"no {path}: run `python tasks.py prepare` first")
    with open(path, encoding="utf-8") as file:
        return [kind(**json.loads(line)) for line in file]


def file_name(text: Text, generator: np.random.Generator) -> str:
    """A label as a person's files have them: from the title, from a kind and a number, or a scan's date."""
    way, ending = int(generator.integers(4)), EXTENSIONS[int(generator.integers(len(EXTENSIONS)))]
    plain = re.sub(r"[^\w .-]+", " ", text.title).strip() or text.source
    stems = STEMS.get(text.source, ("document", "report", "draft"))
    stem = stems[int(generator.integers(len(stems)))]
    number = int(generator.integers(1, 400))
    if way == 0:
        return plain[:80] + ending
    if way == 1:
        return re.sub(r"\s+", "_", plain.lower())[:60] + ending
    if way == 2:
        return f"{stem} {number}{ending}"
    return f"scan_{2015 + number % 11}-{1 + number % 12:02}-{1 + number % 28:02}{ending}"


class Examples:
    """Draws examples of at most `length` tokens."""

    def __init__(self, config: dict, wording: Wording | None = None):
        folder, self.wanted = config["paths"]["work"] / "tasks", config["tasks"]
        self.wording = wording or Wording.read(config)
        self.seed, self.length = config["run"]["seed"], config["tasks"]["length"]
        self.texts = {t.id: t for side in SIDES for t in read_lines(folder / f"texts.{side}.jsonl", Text)}
        self.items: dict[tuple[str, str], list[Item]] = {}
        for side in SIDES:
            for item in read_lines(folder / f"items.{side}.jsonl", Item):
                self.items.setdefault((item.task, side), []).append(item)
        weights = {t: w for t, w in self.wanted["weights"].items() if (t, "train") in self.items and w > 0}
        self.tasks, total = list(weights), sum(weights.values())
        if not self.tasks:
            raise SystemExit(f"no items in {folder}: run `python tasks.py prepare` first")
        self.weights = [w / total for w in weights.values()]
        self.digest = json.loads((folder / "report.json").read_text())["digest"]
        self.starts = lru_cache(64)(self._starts)

    def _starts(self, document: str) -> np.ndarray:
        """Where each token of a document begins, in characters: [tokens]."""
        encoding = self.wording.tokenizer.encode(self.texts[document].text, add_special_tokens=False)
        return np.array([start for start, _ in encoding.offsets], np.int64)

    def batch(self, stage: int, step: int, count: int) -> list[Example]:
        """The training examples of a step."""
        generator = np.random.default_rng([self.seed, stage, step])
        return [self.draw("train", generator) for _ in range(count)]

    def held_out(self, count: int) -> dict[str, list[Example]]:
        """For each task the same `count` examples whenever it is asked, fewer where there are not so many."""
        made = {}
        for task in self.tasks:
            generator = np.random.default_rng([self.seed, HELD_OUT, zlib.crc32(task.encode())])
            pool = self.items.get((task, "held_out"), [])
            order = (pool[n] for n in generator.permutation(len(pool)))
            found = (self.example(item, generator) for item in order)
            made[task] = [e for _, e in zip(range(count), (e for e in found if e))]
        return {task: examples for task, examples in made.items() if examples}

    def draw(self, side: str, generator: np.random.Generator) -> Example:
        """One example of a task drawn by weight."""
        for _ in range(TRIES):
            pool = self.items[self.tasks[generator.choice(len(self.tasks), p=self.weights)], side]
            made = self.example(pool[int(generator.integers(len(pool)))], generator)
            if made:
                return made
        raise SystemExit(f"no example of {self.length} tokens can be made: raise tasks.length")

    def example(self, item: Item, generator: np.random.Generator) -> Example | None:
        """An item with a window of its document; nothing where the length does not allow it."""
        text, request = self.texts[item.document], self.wording.request(item.request)
        instruction = request["instruction"]
        for brace, value in item.fill.items():
            instruction = instruction.replace("{" + brace + "}", value)
        label = file_name(text, generator)
        elsewhere = bool(item.near) and bool(item.parts) and generator.random() < self.wanted["elsewhere_share"]
        passages = self.wording.fitting([text.text[slice(*span)] for span in item.near], item.request)
        instruction = self.wording.beside(passages, instruction)
        near = item.near[: len(passages)]
        frame = len(self.wording.prompt(label, "", instruction)) + 1
        longest = sorted(item.parts, key=lambda p: p[0] - p[1])[: most_parts(request["schema"])]
        room = self.length - frame - SLACK - len(self.answer(text.text, item, request, longest)[0])
        if near:
            room = min(room, self.wanted["window"])
        for _ in range(4):
            window = self.window(item, room, elsewhere, generator)
            if window is None:
                return None
            made = self.build(item, request, label, instruction, window, near)
            if made is None or len(made.ids) <= self.length:
                return made
            room -= len(made.ids) - self.length + SLACK
        return None

    def window(self, item: Item, room: int, elsewhere: bool, generator: np.random.Generator) -> Span | None:
        """A stretch of the document of about `room` tokens, or all of it where that fits."""
        text, starts = self.texts[item.document].text, self.starts(item.document)
        if len(starts) <= room:
            return 0, len(text)
        if item.place == WHOLE or room < 64:
            return None
        if elsewhere or not item.parts:
            free = [
                self.snapped(text, starts, int(generator.integers(0, len(starts) - room + 1)), room) for _ in range(8)
            ]
            clear = [w for w in free if all(end <= w[0] or start >= w[1] for start, end in item.avoid)]
            return clear[0] if clear else None
        if item.place == START:
            return self.snapped(text, starts, 0, room)
        begin, end, _ = item.parts[int(generator.integers(len(item.parts)))]
        if item.place == PART:  # the window opens with the line the passage is in
            begin_line = text.rfind("\n", 0, begin) + 1
            first = int(np.searchsorted(starts, begin_line, "right")) - 1
            return begin_line, self.snapped(text, starts, min(first, len(starts) - room), room)[1]
        low = int(np.searchsorted(starts, end)) - room
        high = min(int(np.searchsorted(starts, begin, "right")) - 1, len(starts) - room)
        if low > high:
            return None  # the passage alone is longer than what is shown
        first = int(generator.integers(max(0, low), high + 1))
        window = self.snapped(text, starts, first, room)
        return min(window[0], begin), max(window[1], end)

    @staticmethod
    def snapped(text: str, starts: np.ndarray, first: int, room: int) -> Span:
        """The characters of tokens first..first + room, with the edges moved inwards to the end of a line or word."""
        begin, last = int(starts[first]), first + room
        end = int(starts[last]) if last < len(starts) else len(text)
        if begin > 0:
            line = text.find("\n", begin, min(begin + SNAP, end))
            blank = next((n for n in range(begin, min(begin + SNAP, end)) if text[n].isspace()), begin)
            begin = (line if line >= 0 else blank) + 1
        if end < len(text):
            line = text.rfind("\n", max(begin, end - SNAP), end)
            blank = next((n for n in range(end - 1, max(begin, end - SNAP), -1) if text[n].isspace()), end)
            end = line if line >= 0 else blank
        return begin, end

    def answer(
        self, text: str, item: Item, request: dict, parts: list, said: str | None = None
    ) -> tuple[list[int], dict]:
        """Ids of an answer without its end, and the answer; parts are spans of the document's text."""
        quoted = [Part(text[start:end], words) for start, end, words in parts]
        made = fill(request["schema"], quoted, item.text if said is None else said)
        return self.wording.encode(compact(made)), made

    def other_answer(self, text: str, item: Item, request: dict, has_parts: bool, pieces: list[Span]) -> list[int]:
        """The answer with the other first decision: "none" where passages are right, some passage where "none" is."""
        if not may_be_none(request["schema"]):
            return []
        first = [] if has_parts else [(*quoting.sentences(text, *pieces[0])[0], "")]
        return self.answer(text, item, request, first, "")[0]

    def rival_answers(self, text: str, item: Item, request: dict, inside: list, pieces: list[Span], said: str) -> list:
        """The answer with each of the passages beside the request in the place of its first one, but for those that
        share text with a labelled passage; none where the answer is "none"."""
        limits = quote_limits(request["schema"])
        apart = [span for span in pieces[1:] if inside and all(span[1] <= a or b <= span[0] for a, b, _ in item.parts)]
        cut = [span for span in (quoting.fit(text, span, *limits) for span in apart) if span]
        return [self.answer(text, item, request, [(*span, ""), *inside[1:]], said)[0] for span in cut]

    def marked(self, text: str, item: Item, request: dict, pieces: list[Span]) -> list[tuple[int, int, str]]:
        """The parts of an item that stand whole in what is shown; where none does, the passages beside the request that
        share half of a part, as far as they can be quoted."""
        whole = [p for p in item.parts if any(a <= p[0] and p[1] <= b for a, b in pieces)]
        if whole or not item.near:
            return whole
        limits = quote_limits(request["schema"])
        cut = (quoting.fit(text, span, *limits) for span in pieces[1:] if any(touch(span, p[:2]) for p in item.parts))
        return sorted({(*span, "") for span in cut if span})

    def build(
        self, item: Item, request: dict, label: str, instruction: str, window: Span, near: list[Span]
    ) -> Example | None:
        """The example for a window: passages that are shown whole, in their order, as many as the schema allows."""
        text, pieces = self.texts[item.document].text, [window, *near]
        if not text[slice(*window)].strip():
            return None
        parts = self.marked(text, item, request, pieces)
        if not parts and any(a < end and b > begin for a, b in item.avoid for begin, end in pieces):
            return None  # a piece of the answer is shown: neither "none" nor a passage would be right
        if item.place in (START, PART) and not parts:
            return None
        inside = parts[: most_parts(request["schema"])]
        said = item.text if inside or not may_be_none(request["schema"]) else ""
        prompt = self.wording.prompt(label, text[slice(*window)], instruction)
        answer, made = self.answer(text, item, request, inside, said)
        ids = torch.tensor([*prompt, *answer, self.wording.end_of_turn()])
        mask = torch.zeros(len(ids), dtype=torch.bool)
        mask[len(prompt) :] = True
        other = self.other_answer(text, item, request, bool(inside), pieces)
        rivals = self.rival_answers(text, item, request, inside, pieces, said)
        quotes = [text[a:b] for a, b, _ in inside]
        spans = [(a, b) for a, b, _ in parts]
        return Example(ids, mask, len(prompt), item.task, item, text, pieces, spans, made, quotes, other, rivals)


def touch(one: Span, other: Span) -> bool:
    """Whether two spans share half of the shorter one."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return shared > 0 and 2 * shared >= min(one[1] - one[0], other[1] - other[0])


def report(config: dict, count: int) -> dict:
    """Counts of items, and mean tokens of drawn examples of each task and side."""
    examples, found = Examples(config), {}
    counts = json.loads((config["paths"]["work"] / "tasks" / "report.json").read_text())
    for (task, side), pool in sorted(examples.items.items()):
        generator = np.random.default_rng([examples.seed, HELD_OUT, 1, zlib.crc32(task.encode())])
        drawn = [examples.example(pool[int(generator.integers(len(pool)))], generator) for _ in range(count)]
        made = [e for e in drawn if e]
        found[f"{task}.{side}"] = counts["items"][f"{task}.{side}"] | {
            "fit": round(len(made) / count, 3),
            "mean_tokens": round(float(np.mean([len(e.ids) for e in made])), 1) if made else None,
            "mean_answer_tokens": round(float(np.mean([int(e.mask.sum()) for e in made])), 1) if made else None,
            "shown_none": round(float(np.mean([e.says_none() for e in made])), 3) if made else None,
        }
    return counts | {"length": examples.length, "items": found}


def main() -> None:
    parser = common.arguments("Examples for tuning.")
    parser.add_argument("command", choices=["prepare", "report"])
    parser.add_argument("--lectern", help="the lectern binary")
    parser.add_argument("--data", help="the data folder instead of paths.data of the configuration")
    parser.add_argument("--count", type=int, default=100, help="examples of each task that `report` draws")
    options = parser.parse_args()
    config = common.settings(options)
    if options.data:
        config["paths"]["data"] = Path(options.data).resolve()
    started = time.monotonic()
    made = (
        prepare(config, engine.binary(options.lectern))
        if options.command == "prepare"
        else report(config, options.count)
    )
    print(json.dumps(made | {"seconds": round(time.monotonic() - started)}, indent=2))


if __name__ == "__main__":
    main()
