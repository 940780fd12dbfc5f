"""What the rules look at in a sentence and in a piece of it: the twin of `engine/src/rules/features.rs`.

Change both together; `engine/src/rules/parity.rs` compares them on a golden file that `phrases.py --golden` writes. Reads the
lines of `engine/examples/cuad_sentences.rs`: sentences and pieces are cut by the product itself.
"""

import bisect
import collections
import json
import pathlib
import re
import unicodedata

import numpy

# Longest line that counts as a heading, in words, and how many sentences it is in force for.
HEADING_WORDS = 8
HEADING_REACH = 12
# Legal forms of companies: those of `engine/src/values/parties.rs`.
FORMS = {
    "inc", "incorporated", "ltd", "limited", "llc", "llp", "lllp", "lp", "ulc", "corp", "corporation",
    "company", "co", "plc", "na", "fsb", "gmbh", "mbh", "ag", "kg", "kgaa", "ug", "ohg", "se", "sa", "sas",
    "sarl", "rl", "snc", "sca", "spa", "srl", "sl", "slu", "ltda", "lda", "bv", "nv", "bvba", "cv", "a/s", "aps",
    "ab", "as", "asa", "ans", "oy", "oyj", "oü", "jsc", "ojsc", "pjsc", "hf", "ehf", "sro", "kft", "zrt", "doo", "ood",
    "ead", "sia", "uab", "pty", "pte", "sdn", "bhd", "berhad", "tbk", "kk", "foundation", "bank", "trust",
    "university", "association", "partnership", "fund",
}
AROUND_FORMS = ',;:()"“”'
# From this overlap on a passage counts as a labelled one (`evaluation/metrics.rs`).
ENOUGH = 0.5


def words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKD", text).lower()
    found = re.findall(r"[^\W_]+", folded)
    return ["0" if w.isascii() and w.isdigit() else w for w in found]


def is_heading(text: str, own: list[str]) -> bool:
    first = text[:1]
    begins = first.isupper() or "0" <= first <= "9"
    return begins and len(own) <= HEADING_WORDS and any(w != "0" for w in own)


def marks(text: str, own: list[str], index: int, count: int) -> set[str]:
    found = {f"@tenth {10 * index // count}", f"@dozens {min(9, len(own) // 12)}"}
    holds = {
        "@first": index < 4,
        "@opening": index < 15,
        "@end": count - index <= 20,
        "@capitals": not any(c.islower() for c in text),
        "@short": len(own) <= 10,
        "@year": re.search(r"(?<![0-9])(19|20)[0-9][0-9](?![0-9])", text) is not None,
        "@money": "$" in text or "%" in text,
    }
    return found | {mark for mark, it_does in holds.items() if it_does}


def of_sentences(texts: list[str]) -> list[set[str]]:
    """The features of each of a document's sentences."""
    found, heading, age, before = [], [], 0, None
    for index, text in enumerate(texts):
        own = words(text)
        row = set(own) | marks(text, own, index, len(texts))
        for length in (2, 3):
            row.update(" ".join(own[i : i + length]) for i in range(len(own) - length + 1))
        row.update("^" + " ".join(own[:length]) for length in (1, 2) if len(own) >= length)
        if before is not None and len(before) <= HEADING_WORDS:
            row.update("before:" + w for w in before)
        row.update("under:" + w for w in heading)
        found.append(row)
        before = own
        age += 1
        if is_heading(text, own):
            heading, age = own, 0
        elif age > HEADING_REACH:
            heading = []
    return found


def beside(text: str, last: bool) -> str:
    """The sign next to a piece: the last or first of what stands there, `a` for letters and figures, `|` for nothing."""
    text = text.strip()
    sign = text[-1:] if last else text[:1]
    return "|" if not sign else "a" if sign.isalnum() else sign


def is_form(word: str) -> bool:
    return word[:1].isupper() and word.replace(".", "").lower() in FORMS


def parted(piece: str) -> tuple[bool, set[str]]:
    """Whether a piece holds a legal form after its first word, and its words without the forms: all forms are one."""
    inner = piece.split()
    forms = [i > 0 and is_form(w.strip(AROUND_FORMS)) for i, w in enumerate(inner)]
    plain = [w for w, form in zip(inner, forms) if not form]
    return any(forms), {word for w in plain for word in words(w)}


def of_pieces(texts: list[str], pieces: list[list[tuple[str, int, int]]]) -> list[list[set[str]]]:
    """The features of the pieces of each sentence, in their order."""
    counts = collections.Counter(w for text in texts for w in words(text))
    seen, found = set(), []
    for index, (text, inside) in enumerate(zip(texts, pieces)):
        rows, order = [], collections.Counter()
        shared = set()
        if inside:
            own = words(text)
            shared = {"in:" + w for w in own} | marks(text, own, index, len(texts))
        for kind, start, end in inside:
            own, left, right = words(text[start:end]), words(text[:start])[-3:], words(text[end:])[:2]
            forms, plain = parted(text[start:end])
            row = shared | plain | {f"@size {min(9, len(own))}", f"@order {min(5, order[kind])}"}
            row.add(f"@often {min(9, min((counts[w] for w in own), default=0).bit_length())}")
            row.update("< " + " ".join(left[-length:]) for length in (1, 2) if len(left) >= length)
            row.update("<< " + w for w in left)
            row.update("> " + " ".join(right[:length]) for length in (1, 2) if len(right) >= length)
            row.update((f"<{beside(text[:start], True)}", f">{beside(text[end:], False)}"))
            if not any(c.islower() for c in text[start:end]):
                row.add("@upper")
            if forms:
                row.add("@form")
            name = (kind, " ".join(own))
            row.add("@again" if name in seen else "@new")
            seen.add(name)
            order[kind] += 1
            rows.append(row)
        found.append(rows)
    return found


def overlap(a, b) -> float:
    both = min(a[1], b[1]) - max(a[0], b[0])
    return both / (a[1] - a[0] + b[1] - b[0] - both) if both > 0 else 0.0


class Kind:
    """All sentences, or all pieces of one kind: rows of features by number, and which are labelled."""

    def __init__(self):
        self.rows, self.document, self.places, self.names = [], [], [], []


class Corpus:
    """The training contracts. `gold` has (document, category, {kind: rows that are it}) for each labelled passage."""

    def __init__(self, path: pathlib.Path):
        self.kinds = collections.defaultdict(Kind)
        self.gold, self.names, self.documents = [], set(), 0
        self.numbers: dict[str, int] = {}
        self.in_documents: list[int] = []
        self._last: list[int] = []
        with path.open(encoding="utf-8") as lines:
            for record in map(json.loads, lines):
                self._add(record)
                self.documents += 1
        self.phrases = list(self.numbers)
        self.names = sorted(self.names)
        self.seen_in = numpy.array(self.in_documents)

    def _number(self, feature: str) -> int:
        number = self.numbers.setdefault(feature, len(self.in_documents))
        if number == len(self.in_documents):
            self.in_documents.append(0)
            self._last.append(-1)
        if self._last[number] != self.documents:
            self._last[number] = self.documents
            self.in_documents[number] += 1
        return number

    def _put(self, kind: str, features: set[str], place, name: str = "") -> None:
        held = self.kinds[kind]
        # Sorted: the numbers of features must not follow Python's order of sets, which changes from run to run.
        held.rows.append(numpy.array([self._number(f) for f in sorted(features)], numpy.int32))
        held.document.append(self.documents)
        held.places.append(place)
        held.names.append(name)

    def _add(self, record) -> None:
        texts = [text for _, text, _ in record["sentences"]]
        pieces = [inside for _, _, inside in record["sentences"]]
        first = {kind: len(held.rows) for kind, held in self.kinds.items()}
        for (places, _, _), row in zip(record["sentences"], of_sentences(texts)):
            self._put("sentence", row, places)
        for (places, text, inside), rows in zip(record["sentences"], of_pieces(texts, pieces)):
            if inside:
                solid = numpy.concatenate([[0], numpy.cumsum([not c.isspace() for c in text])])
            for (kind, start, end), row in zip(inside, rows):
                # The names of pieces' features are those of sentences': each kind has its own numbers.
                at = (standing(places, int(solid[start])), standing(places, int(solid[end]) - 1) + 1)
                self._put(kind, {kind + "\t" + f for f in row}, [at], " ".join(words(text[start:end])))
        here = {kind: held.places[first.get(kind, 0) :] for kind, held in self.kinds.items()}
        starts = {kind: [p[0][0] for p in places] for kind, places in here.items()}
        for category, labels in record["labels"].items():
            self.names.add(category)
            for label in labels:
                rows = {k: rows_of(label, here[k], starts[k], first.get(k, 0)) for k in here}
                self.gold.append((self.documents, category, rows))


def standing(places, number: int) -> int:
    """Where the character of that number stands in a sentence that stands in `places`."""
    for start, end in places:
        if number < end - start:
            return start + number
        number -= end - start
    return places[-1][1] + number


def rows_of(label, places, starts, first: int) -> list[int]:
    found = set()
    for place in label:
        # Pieces of a sentence overlap each other, but none is long.
        j = max(0, bisect.bisect_left(starts, place[0]) - 12)
        while j < len(places) and places[j][0][0] < place[1]:
            if max(overlap(part, place) for part in places[j]) >= ENOUGH:
                found.add(first + j)
            j += 1
    return sorted(found)
