"""Prepares the training text: `python data.py prepare`. Also hands out windows of it to the stages.

Documents are read from the data folder by path, cleaned, split by group into training and held-out, checked for near
duplicates across the split, tokenised and written as one uint16 file per domain and side into WORK/data. Nothing of
the text goes into the repository.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import re
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

import common

GRAM = 12  # words of a shingle, as the data's own de-duplication counts them
SAMPLED = 4  # one in so many shingles is kept: enough to measure a share of 0.3
END_OF_TEXT = "<|endoftext|>"
CHAT = "chat"
TASKS = [
    "Summarise the text above in a few sentences.",
    "Which obligations does the text above name, and whose are they?",
    "Quote the sentence above that matters most.",
    "List the dates and amounts in the text above.",
    "What was decided in the text above?",
    "Continue the text above.",
]
BASE = np.uint64(0x9E3779B97F4A7C15)


@dataclass
class Document:
    """One text. `group`: what must stay on one side of the split. `side`: "train", "held_out", or None to draw."""

    domain: str
    source: str
    group: str
    text: str
    side: str | None = None


def lines(path: Path) -> Iterator[dict]:
    """The objects of a JSONL file packed with xz."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def clean(text: str) -> str:
    """Layout white space shrinks: a page of aligned columns is mostly blanks, which teach nothing."""
    text = text.replace("\r", "").replace("\f", "\n").replace("\u00a0", " ")
    text = re.sub(r"[ \t]{3,}", "  ", text)
    text = re.sub(r"[ \t]+\n", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def sitting(transcript: str) -> str:
    """A Europarl transcript with its tags turned into `Name: ` lines."""
    text = re.sub(r'<SPEAKER[^>]*NAME="([^"]*)"[^>]*>', lambda m: f"\n{m[1].rstrip('.')}:" if m[1] else "", transcript)
    return re.sub(r"<[^>]*>", "", text)


def call(vtt: str) -> str:
    """The spoken lines of a WebVTT file, without numbers and times."""
    rows = (row.strip() for row in vtt.splitlines())
    return "\n".join(row for row in rows if row and "-->" not in row and not row.isdigit() and row != "WEBVTT")


def documents(data: Path) -> Iterator[Document]:
    """All documents this training may use. CUAD val and QMSum val are held out whole."""
    for side, name in (("train", "train"), ("held_out", "val")):
        for d in lines(data / f"cuad/{name}.jsonl.xz"):
            yield Document("contracts", "cuad", d["id"], d["text"], side)
        for d in lines(data / f"minutes/qmsum-{name}.jsonl.xz"):
            talk = "\n".join(f"{t['speaker']}: {t['content']}" for t in d["meeting_transcripts"])
            yield Document("minutes", "qmsum", d["id"], talk, side)
    for d in lines(data / "reports/lexpredict-contracts.jsonl.xz"):
        yield Document("contracts", "lexpredict", f"cik {d['cik']}", d["text"])
    for d in lines(data / "reports/dc-law.jsonl.xz"):
        yield Document("reports", "dc-law", d["id"], d["text"])
    for d in lines(data / "reports/pep-rfc-abstracts.jsonl.xz"):
        yield Document("reports", "pep-rfc", d["id"], d["text"])
    for d in lines(data / "reports/sec-filings.jsonl.xz"):
        yield Document("filings", "sec", d["company"], d["text"])
    for d in lines(data / "minutes/europarl.jsonl.xz"):
        if not d["caution"]:
            yield Document("minutes", "europarl", d["date"], sitting(d["transcript"]))
    for d in lines(data / "transcripts/ethereum-calls.jsonl.xz"):
        yield Document("minutes", "ethereum", d["series"], call(d["vtt_corrected"] or d["vtt"]))


def draw(text: str) -> float:
    """A number in [0, 1) that depends on the text alone, so that a split never changes."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 2.0**56


def choose_sides(found: list[Document], share: float) -> None:
    """Gives documents without a side one. Filings have few companies: the one drawn lowest is held out."""
    companies = {d.group for d in found if d.source == "sec"}
    lowest = min(companies, key=lambda company: draw(f"sec {company}"), default=None)
    for d in found:
        if d.side is None:
            held_out = d.group == lowest if d.source == "sec" else draw(f"{d.source} {d.group}") < share
            d.side = "held_out" if held_out else "train"


def limit(found: list[Document], tokens: int, held_out_tokens: int) -> list[Document]:
    """Keeps about so many tokens of each domain and side, taking sources in a drawn order of documents.

    Four characters a token is near enough here; the report counts exactly."""
    room = {}
    kept = []
    for d in sorted(found, key=lambda d: draw(f"order {d.source} {d.group} {zlib.crc32(d.text.encode())}")):
        most = (tokens or 1 << 60) if d.side == "train" else held_out_tokens
        left = room.setdefault((d.domain, d.side), 4 * most)
        if left > 0:
            room[d.domain, d.side] = left - len(d.text)
            kept.append(d)
    return kept


def shingles(text: str) -> np.ndarray:
    """Hashes of a document's 12-word runs, sorted, without repeats, one in four."""
    words = re.findall(r"\w+", text.lower())
    if len(words) < GRAM:
        return np.empty(0, np.uint64)
    codes = np.array([zlib.crc32(word.encode()) for word in words], np.uint64)
    codes *= BASE
    total = np.zeros(len(codes) - GRAM + 1, np.uint64)
    for at in range(GRAM):  # a polynomial in BASE modulo 2^64
        total = total * BASE + codes[at : len(codes) - GRAM + 1 + at]
    total ^= total >> np.uint64(29)
    total *= BASE
    return np.unique(total[(total >> np.uint64(40)) % np.uint64(SAMPLED) == 0])


def part_duplicates(found: list[Document], most: float) -> tuple[list[Document], dict]:
    """Drops training documents that share too much with the held-out ones, then held-out ones still too much covered."""
    held_out = {id(d): shingles(d.text) for d in found if d.side == "held_out"}
    pool = np.unique(np.concatenate([*held_out.values(), np.empty(0, np.uint64)]))
    covered = np.zeros(len(pool), bool)
    kept, dropped = [], {"train": 0, "held_out": 0}
    for d in (d for d in found if d.side == "train"):
        own = shingles(d.text)
        at = np.searchsorted(pool, own).clip(max=max(0, len(pool) - 1))
        hit = pool[at] == own if len(pool) else np.zeros(len(own), bool)
        if len(own) and hit.mean() > most:
            dropped["train"] += 1
            continue
        covered[at[hit]] = True
        kept.append(d)
    for d in (d for d in found if d.side == "held_out"):
        own = held_out[id(d)]
        if len(own) and covered[np.searchsorted(pool, own)].mean() > most:
            dropped["held_out"] += 1
            continue
        kept.append(d)
    return kept, dropped


def conversations(found: list[Document], seed: int, share: float) -> list[Document]:
    """Pieces of documents as a user's turn with a task, in the engine's ChatML; the answer is the piece's own opening.

    The special tokens are written by name and become special only here, where the text is ours. So are those a
    document might hold: none of ours does, and `tokenise` checks it."""
    generator = np.random.default_rng(seed)
    made = []
    for d in found:
        text = clean(d.text)
        for _ in range(1 + int(share * len(text) / 6000)):
            size = int(generator.integers(600, 5000))
            start = int(generator.integers(0, max(1, len(text) - size)))
            piece = text[start : start + size].strip()
            task = TASKS[int(generator.integers(len(TASKS)))]
            answer = piece[: int(generator.integers(100, 400))]
            turns = (("system", "You are a helpful AI assistant."), ("user", f"{piece}\n\n{task}"), ("assistant", answer))
            body = "".join(f"<|im_start|>{role}\n{said}<|im_end|>\n" for role, said in turns)
            made.append(Document(CHAT, d.source, d.group, body, d.side))
    return made


def tokenise(tokenizer: Tokenizer, texts: list[str]) -> np.ndarray:
    """All texts with an end-of-text token after each."""
    end = tokenizer.token_to_id(END_OF_TEXT)
    pieces = []
    for start in range(0, len(texts), 64):
        for encoded in tokenizer.encode_batch(texts[start : start + 64], add_special_tokens=False):
            pieces += [np.array(encoded.ids, np.uint16), np.array([end], np.uint16)]
    return np.concatenate(pieces) if pieces else np.empty(0, np.uint16)


def prepare(config: dict, tokens: int) -> dict:
    """Reads, splits, checks, tokenises, writes; returns the counts."""
    share, folder = config["data"]["chat_share"], config["paths"]["work"] / "data"
    folder.mkdir(exist_ok=True)
    found = [d for d in documents(config["paths"]["data"]) if "<|" not in d.text]
    choose_sides(found, config["data"]["held_out_share"])
    found = limit(found, tokens, config["data"]["held_out_tokens"])
    found, dropped = part_duplicates(found, config["data"]["duplicate"])
    found += conversations(found, config["run"]["seed"], share)
    tokenizer = Tokenizer.from_file(str(config["paths"]["teacher"] / "tokenizer.json"))
    report = {"near_duplicates_dropped": dropped, "domains": {}}
    for domain in sorted({d.domain for d in found}):
        for side in ("train", "held_out"):
            chosen = [d for d in found if d.domain == domain and d.side == side]
            texts = [d.text if domain == CHAT else clean(d.text) for d in chosen]
            ids = tokenise(tokenizer, texts)
            ids.tofile(folder / f"{domain}.{side}.bin")
            sources = {s: sum(d.source == s for d in chosen) for s in sorted({d.source for d in chosen})}
            report["domains"][f"{domain}.{side}"] = {"tokens": len(ids), "documents": len(texts), "sources": sources}
            print(domain, side, report["domains"][f"{domain}.{side}"], flush=True)
    common.write_json(folder / "report.json", report)
    return report


class Text:
    """Windows of the prepared text. Which ones a step reads follows from seed, stage and step alone, so that a run
    that resumes at a step goes on exactly as one that never stopped."""

    def __init__(self, config: dict):
        folder = config["paths"]["work"] / "data"
        weights = {name: w * (1 - config["data"]["chat_share"]) for name, w in config["data"]["weights"].items()}
        weights[CHAT] = config["data"]["chat_share"]
        self.domains = [name for name in weights if (folder / f"{name}.train.bin").exists()]
        if not self.domains:
            raise SystemExit(f"no text in {folder}: run `python data.py prepare` first")
        total = sum(weights[name] for name in self.domains)
        self.weights = [weights[name] / total for name in self.domains]
        self.ids = {
            (name, side): np.memmap(folder / f"{name}.{side}.bin", np.uint16, "r")
            for name in self.domains
            for side in ("train", "held_out")
        }
        self.seed = config["run"]["seed"]

    def batch(self, stage: int, step: int, batch: int, length: int) -> torch.Tensor:
        """Training windows [batch, length]."""
        generator = np.random.default_rng([self.seed, stage, step])
        rows = []
        for _ in range(batch):
            ids = self.ids[self.domains[generator.choice(len(self.domains), p=self.weights)], "train"]
            start = int(generator.integers(0, max(1, len(ids) - length)))
            rows.append(ids[start : start + length].astype(np.int64))
        return torch.from_numpy(np.stack(rows))

    def held_out(self, domain: str, count: int, length: int) -> list[torch.Tensor]:
        """`count` windows [1, length] spread evenly over a domain's held-out text, fewer if it is short."""
        ids = self.ids[domain, "held_out"]
        count = min(count, len(ids) // length)
        starts = [int((n + 0.5) / count * (len(ids) - length)) for n in range(count)]
        return [torch.from_numpy(ids[s : s + length].astype(np.int64))[None] for s in starts]

    def mixed_held_out(self, count: int, length: int) -> list[torch.Tensor]:
        """`count` held-out windows over all domains but chat, in turn."""
        domains = [name for name in self.domains if name != CHAT] or self.domains
        each = {name: self.held_out(name, -(-count // len(domains)), length) for name in domains}
        rows = [w for turn in zip(*each.values()) for w in turn]
        return rows[:count]


def main() -> None:
    parser = common.arguments("Prepares the training text.")
    parser.add_argument("command", choices=["prepare"])
    parser.add_argument("--data", help="the data folder instead of paths.data of the configuration")
    parser.add_argument("--tokens", type=int, help="tokens of each domain, 0 for all")
    options = parser.parse_args()
    config = common.settings(options)
    if options.data:
        config["paths"]["data"] = Path(options.data).resolve()
    started = time.monotonic()
    report = prepare(config, config["data"]["tokens"] if options.tokens is None else options.tokens)
    print(json.dumps({"dropped": report["near_duplicates_dropped"], "seconds": round(time.monotonic() - started)}))


if __name__ == "__main__":
    main()
