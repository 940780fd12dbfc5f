"""What is asked of each source and what the people who made it answered: items, before any window is chosen.

An item names its document, a request of the engine, and the passages that answer it as spans of the document's text.
No passage at all means that the answer is "none" (or an empty list). Where a window of the document must not show the
answer, `avoid` has all places where it stands. Nothing here depends on the tokenizer or on an example's length.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import data
import quoting
from quoting import Span
from wording import Wording, quote_limits, text_limit

ANY, START, PART, WHOLE = "any", "start", "part", "whole"  # where a window may lie, if the document is too long
NEAR = 120  # characters between two short labels (names of parties) that one passage may show together
ALIGNED = 0.55  # share of the carrying words of a sentence of minutes that one sentence of the transcript must have
SUPPORT = 0.34  # the same between an abstract's first sentence and the passage that shows it
RELEVANT = 0.12  # the same between a question with its answer and a sentence said in the meeting
DECISION = re.compile(r"\b(adopted|approved|agreed|decided|rejected|declared)\b", re.IGNORECASE)
# How a person might ask for a passage by words that stand in it.
PHRASED = (
    "Which passage mentions “{}”?",
    "Where does it say “{}”?",
    "What exactly does the document say about “{}”?",
    "Quote the passage with the words “{}”.",
)


@dataclass
class Text:
    """A document as it is shown. `title` only serves to make up file names."""

    id: str
    source: str
    title: str
    text: str


@dataclass
class Item:
    """A request on a document, with its answer. `parts`: (start, end, what is said of the passage). `near`: the passages
    that the engine shows beside the request, best first."""

    task: str
    document: str
    request: str
    fill: dict[str, str] = field(default_factory=dict)
    parts: list[tuple[int, int, str]] = field(default_factory=list)
    text: str = ""
    avoid: list[Span] = field(default_factory=list)
    place: str = ANY
    near: list[Span] = field(default_factory=list)


def labelled(text: str, raw: str, spans: list[dict], limits: tuple[int, int]) -> tuple[list[Span], list[Span]]:
    """The quotable passages of a category's labels, and every place of the text that shows one of them.

    Where a label's text occurs more than once, the data know only the first hit: then the occurrence is taken that is
    a word of its own and stands nearest to the labels that are certain."""
    to = quoting.places(raw, text)
    certain = [quoting.moved((s["start"], s["end"]), to) for s in spans if s["occ"] == 1]
    found, everywhere = list(certain), list(certain)
    for s in (s for s in spans if s["occ"] != 1):
        first = quoting.moved((s["start"], s["end"]), to)
        hits = quoting.occurrences(text, text[slice(*first)]) or [first]
        everywhere += [*hits, first]
        found.append(min(hits, key=lambda hit: min((abs(hit[0] - c[0]) for c in certain), default=hit[0])))
    short = all(end - start < NEAR for start, end in found)
    merged = quoting.merge(text, found, NEAR if short else 1, limits[1])
    fitted = [span for span in (quoting.fit(text, span, *limits) for span in merged) if span]
    return quoting.merge(text, fitted, 0, limits[1]), sorted(set(everywhere))


def short_answer(description: str, given: str, quotes: list[str]) -> str:
    """What is said beside the passages: yes to a question whether there is a clause, the noted value where it stands in
    a passage word for word, else nothing (the passage is the answer)."""
    if re.match(r"(Is|Does|Are|Do|Can) ", description):
        return "Yes."
    value = given.strip()
    return value if value and value not in ("Yes", "No") and any(value in quote for quote in quotes) else ""


def clauses(
    text: Text, record: dict, wording: Wording, questions: dict[str, str], absent_share: float
) -> Iterator[Item]:
    """CUAD: each field of the pack as the engine asks for it, and as a person might ask."""
    for name in wording.prompts["fields"]:
        label = record["labels"].get(name, {"spans": [], "answer": ""})
        if not label["spans"] and data.draw(f"absent {text.id} {name}") >= absent_share:
            continue
        limits = quote_limits(wording.request(f"field:{name}")["schema"])
        found, avoid = labelled(text.text, record["text"], label["spans"], limits) if label["spans"] else ([], [])
        if label["spans"] and not found:
            continue  # no passage of it can be quoted
        parts = [(*span, "") for span in found]
        yield Item("fields", text.id, f"field:{name}", {}, parts, "", avoid)
        if asked := questions.get(name):
            said = short_answer(asked, label["answer"], [text.text[slice(*s)] for s in found]) if found else ""
            yield Item("clause_questions", text.id, "question", {"question": asked}, parts, said, avoid)


def questions_of(path: Path) -> dict[str, str]:
    """CUAD's own question for each category, in one line."""
    with open(path, encoding="utf-8", newline="") as file:
        return {row["category"]: " ".join(row["description"].split()) for row in csv.DictReader(file)}


def phrase_of(text: str, span: Span, chance: float) -> str | None:
    """Three to six words from within a sentence that stand nowhere else in the text."""
    words = list(re.finditer(r"\S+", text[slice(*span)]))
    count = 3 + int(chance * 4)
    if len(words) < count + 3:
        return None
    first = 1 + int(chance * 997) % (len(words) - count - 1)
    piece = text[span[0] + words[first].start() : span[0] + words[first + count - 1].end()].strip('.,;:()"“”')
    plain = re.fullmatch(r"[\w ,'’-]+", piece) and len(quoting.content(piece)) >= 2
    return piece if plain and text.lower().count(piece.lower()) == 1 else None


def phrases(text: Text, wording: Wording, each: int) -> Iterator[tuple[str, Item]]:
    """Any document: sentences asked for by words that stand in them alone; with each item its phrase."""
    limits, made = quote_limits(wording.request("question")["schema"]), 0
    spans = [s for s in quoting.sentences(text.text) if limits[0] * 2 <= s[1] - s[0] <= limits[1]]
    for span in sorted(spans, key=lambda span: data.draw(f"sentence {text.id} {span[0]}"))[: 4 * each]:
        chance = data.draw(f"phrase {text.id} {span[0]}")
        phrase, fitted = phrase_of(text.text, span, chance), quoting.fit(text.text, span, *limits)
        if phrase and fitted and made < each:
            made += 1
            asked = PHRASED[int(chance * 4096) % len(PHRASED)].format(phrase)
            yield phrase, Item("quoting", text.id, "question", {"question": asked}, [(*fitted, "")])


def missing_phrases(texts: list[Text], found: list[tuple[str, Item]], share: float) -> Iterator[Item]:
    """The same questions put to a document of the same kind that does not hold the words: "none"."""
    by_id = {text.id: text for text in texts}
    for n, (phrase, item) in enumerate(found):
        chance = data.draw(f"missing {item.document} {phrase}")
        source = by_id[item.document].source
        others = [text for text in texts[n % 7 :: 7] if text.source == source and text.id != item.document]
        if chance < share and others:
            other = others[int(chance / share * len(others))]
            if phrase.lower() not in other.text.lower():
                yield Item("quoting", other.id, "question", item.fill)


def spoken(content: str) -> str:
    """A turn of QMSum as one would write it: no {marks}, no blanks before full stops and commas."""
    content = re.sub(r"\{\w+\}|<\w+>", " ", content)
    content = re.sub(r"\s+([.,?!;:%])", r"\1", re.sub(r"\s+(['’](?:s|m|t|d|ll|re|ve)\b)", r"\1", content))
    return re.sub(r"\s+", " ", content).strip()


def meeting(record: dict) -> tuple[str, list[Span]]:
    """The text of a QMSum meeting, a line for each turn, and where the words of each turn stand."""
    rows, spans, at = [], [], 0
    for turn in record["meeting_transcripts"]:
        said = spoken(turn["content"])
        row = f"{turn['speaker']}: {said}"
        rows.append(row)
        spans.append((at + len(row) - len(said), at + len(row)))
        at += len(row) + 1
    return "\n".join(rows), spans


def turns(pairs: list, count: int) -> list[int]:
    """Numbers of the turns in QMSum's spans, which are pairs of strings, both ends included."""
    found = []
    for first, last in (pair for pair in pairs if len(pair) == 2 and all(str(n).isdigit() for n in pair)):
        found += range(min(int(first), count), min(int(last) + 1, count))
    return found


def said_in(text: str, spans: list[Span], numbers: list[int], least: int) -> list[Span]:
    """Sentences of some turns that say something."""
    whole = [s for n in numbers for s in quoting.sentences(text, *spans[n])]
    return [s for s in whole if s[1] - s[0] >= least and len(text[slice(*s)].split()) >= 5]


def topics(text: Text, record: dict, spans: list[Span], wording: Wording) -> Iterator[Item]:
    """QMSum: the topics with the passage that takes each up, among the first turns of its span."""
    schema = wording.request("topics")["schema"]
    limits, most, parts = quote_limits(schema), text_limit(schema), []
    for topic in record["topic_list"]:
        name = " ".join(topic["topic"].split())
        opening = said_in(text.text, spans, turns(topic["relevant_text_span"], len(spans))[:10], limits[0])
        span, _ = quoting.best_match(text.text, opening, quoting.content(name))
        span = span or (opening[0] if opening else None)
        fitted = span and quoting.fit(text.text, span, *limits)
        if fitted and len(name) <= most and all(fitted[0] >= p[1] or fitted[1] <= p[0] for p in parts):
            parts.append((*fitted, name))
    if parts:
        yield Item("topics", text.id, "topics", {}, sorted(parts), place=PART)


def answers(text: Text, record: dict, spans: list[Span], wording: Wording) -> Iterator[Item]:
    """QMSum: specific questions with the answer's first sentences and what was said that bears them out."""
    schema = wording.request("question")["schema"]
    limits, most = quote_limits(schema), text_limit(schema)
    for asked in record["specific_query_list"]:
        answer = quoting.whole_sentences(asked["answer"], most)
        wanted = quoting.content(f"{asked['query']} {answer}")
        said = said_in(text.text, spans, turns(asked["relevant_text_span"], len(spans)), 2 * limits[0])
        scored = sorted(
            ((len(quoting.content(text.text[slice(*s)]) & wanted) / max(1, len(wanted)), s) for s in said), reverse=True
        )
        fitted = [quoting.fit(text.text, s, *limits) for score, s in scored[:3] if score >= RELEVANT]
        parts = [(*s, "") for s in sorted({s for s in fitted if s})]
        if answer and parts:
            yield Item(
                "meeting_questions", text.id, "question", {"question": " ".join(asked["query"].split())}, parts, answer
            )


def family(record: dict) -> str:
    """Kinds of QMSum meetings, by their names: academic (B..), product (ES, IS, TS), committees (the rest)."""
    return {"B": "academic", "E": "product", "I": "product", "T": "product"}.get(record["id"][0], "committee")


def foreign_questions(meetings: list[tuple[Text, dict]], share: float) -> Iterator[Item]:
    """Questions about a meeting of another kind: "none". Meetings of one kind speak of the same things."""
    for text, record in meetings:
        others = [other for _, other in meetings if family(other) != family(record) and other["specific_query_list"]]
        for n in range(round(share * len(record["specific_query_list"]))) if others else ():
            chance = data.draw(f"foreign {text.id} {n}")
            queries = others[int(chance * len(others))]["specific_query_list"]
            asked = " ".join(queries[int(chance * 1e6) % len(queries)]["query"].split())
            yield Item("meeting_questions", text.id, "question", {"question": asked})


def decisions(text: Text, record: dict, wording: Wording) -> Iterator[Item]:
    """Europarl: sentences of the minutes that record a decision, where each stands in the transcript in like words.

    A sitting with a decision that cannot be found in its transcript is left out: the list would not be whole. One whose
    minutes and transcript both speak of no decision gives an empty list."""
    schema = wording.request("decisions")["schema"]
    limits, most = quote_limits(schema), text_limit(schema)
    paragraphs = [" ".join(p.split()) for p in re.split(r"\n\s*\n", record["minutes"])]
    stated = [s for p in paragraphs for s in re.split(r"(?<=[.])\s+", p) if DECISION.search(s)]
    spans = [s for s in quoting.sentences(text.text) if s[1] - s[0] <= limits[1]]
    parts = []
    for sentence in stated:
        span, share = quoting.best_match(text.text, spans, quoting.content(sentence))
        fitted = quoting.fit(text.text, span, *limits) if span and share >= ALIGNED else None
        plain = sentence.endswith(".") and len(sentence) <= most and "?" not in sentence and "announced" not in sentence
        if not fitted or not plain or not DECISION.search(text.text[slice(*fitted)]):
            return
        parts.append((*fitted, sentence))
    if parts or not DECISION.search(text.text):
        yield Item("decisions", text.id, "decisions", {}, sorted(parts), place=WHOLE)


def headline(text: Text, record: dict, wording: Wording) -> Iterator[Item]:
    """PEPs and RFCs: the first sentence of the author's abstract (which the text does not hold), with a passage."""
    schema = wording.request("headline")["schema"]
    sentence = quoting.whole_sentences(record["summary"].split("\n\n")[0], text_limit(schema), 1)
    limits = quote_limits(schema)
    spans = [s for s in quoting.sentences(text.text, 0, 8000) if limits[0] <= s[1] - s[0] <= limits[1]]
    span, share = quoting.best_match(text.text, spans, quoting.content(sentence))
    fitted = quoting.fit(text.text, span, *limits) if span and share >= SUPPORT else None
    if fitted and len(sentence) >= 40 and sentence.endswith("."):
        yield Item("headline", text.id, "headline", {}, [(*fitted, "")], sentence, place=START)
