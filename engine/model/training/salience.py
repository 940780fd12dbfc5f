"""Learns which sentences sum a document up: `engine/src/rules/salience.json`.

    python3 salience.py --data ../../../../shared/data --out ../../src/rules/salience.json

Two linear scores over the features of `engine/src/rules/salience.rs`, which `cargo run --example salient_sentences` prints,
both by least squares. Of written documents: how much of what a sentence says stands in the author's abstract (Python PEPs and
Rust RFCs of the training side; the abstract is cut out of the text). Of meetings: the same, and whether a person took the
sentence out as one that sums the meeting up (AMI, meetings of QMSum's training split; CC BY 4.0). Prints, over five folds of
documents, ROUGE against the abstract of the sentences taken, and how many of them people took, beside the first ones of the
text. Needs numpy; seconds once the documents are read.
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess

import numpy

FOLDS = 5
RIDGE = 0.1
# What a sentence that people took out of a meeting counts beside what it shares with the abstract.
EXTRACTED = 0.5
# Sentences of a summary, as the program gives them, and the share of the words of the shorter one that two may share.
TAKEN, ALIKE = 8, 0.5
SMALL = set(
    "a an and are as at be been but by can could do does for from had has have if in into is it its may might not of on or "
    "shall should so such than that the their then there these they this those to was were which who will with would".split()
)


def features() -> list[str]:
    """The names of the features, from the program's own list."""
    source = pathlib.Path(__file__).parents[2] / "src/rules/salience.rs"
    found = re.search(r"pub const FEATURES[^=]*= \[(.*?)\];", source.read_text(), re.S)
    return re.findall(r'"(\w+)"', found.group(1))


class Document:
    def __init__(self, line: str):
        record = json.loads(line)
        self.id, self.abstract, extract = record["id"], record["abstract"], record["extract"]
        self.kind = "spoken" if extract else "written"
        self.texts = [text.partition(": ")[2] or text if extract else text for text, _, _ in record["sentences"]]
        self.can = numpy.array([can for _, can, _ in record["sentences"]], bool)
        self.values = numpy.array([values for _, _, values in record["sentences"]], float)
        whole = f" {' '.join(words(extract))} "
        self.extracted = numpy.array([f" {' '.join(words(t))} " in whole for t in self.texts], float)
        self.truth = EXTRACTED * self.extracted + numpy.array([gain(t, self.abstract) for t in self.texts])


def words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def carrying(text: str) -> set[str]:
    return {w for w in words(text) if w not in SMALL and len(w) > 1}


def gain(sentence: str, abstract: str) -> float:
    """How much of `sentence` stands in `abstract`, by words and by pairs of them, and how much of the abstract it is."""
    own, wanted = carrying(sentence), carrying(abstract)
    if not own or not wanted:
        return 0.0
    listed, pairs = words(sentence), set(zip(words(abstract), words(abstract)[1:]))
    shared = sum(pair in pairs for pair in zip(listed, listed[1:])) / max(1, len(listed) - 1)
    return (len(own & wanted) / len(own) + shared + len(own & wanted) / len(wanted)) / 2


def fit(documents: list[Document]) -> numpy.ndarray:
    """Weights of the features as they are; a document counts once, however long."""
    values = numpy.concatenate([d.values[d.can] for d in documents])
    truth = numpy.concatenate([d.truth[d.can] for d in documents])
    weight = numpy.concatenate([numpy.full(d.can.sum(), 1 / max(1, d.can.sum())) for d in documents])
    scale = values.std(0) + 1e-6
    x = numpy.concatenate([values / scale, numpy.ones((len(values), 1))], 1)
    hold = numpy.eye(x.shape[1]) * RIDGE
    hold[-1, -1] = 0
    found = numpy.linalg.solve((x * weight[:, None]).T @ x + hold, (x * weight[:, None]).T @ truth)
    return found[:-1] / scale


def taken(document: Document, scores: numpy.ndarray) -> list[int]:
    """The best sentences that do not say the same, in the document's order."""
    chosen, said = [], []
    for i in numpy.argsort(-numpy.where(document.can, scores, -1e9), kind="stable"):
        own = carrying(document.texts[i])
        if document.can[i] and all(len(own & other) <= ALIKE * min(len(own), len(other)) for other in said):
            chosen.append(int(i))
            said.append(own)
        if len(chosen) == TAKEN:
            break
    return sorted(chosen)


def rouge(own: str, reference: str) -> tuple[float, float]:
    """F1 of words and of pairs of words, as `engine/src/evaluation/rouge.rs` counts them."""

    def f1(a: list, b: list) -> float:
        a, b = collections.Counter(a), collections.Counter(b)
        common = (a & b).total()
        return 2 * common / max(1, a.total() + b.total())

    a, b = words(own), words(reference)
    return f1(a, b), f1(list(zip(a, a[1:])), list(zip(b, b[1:])))


def measure(documents: list[Document]) -> None:
    learned, first = [], []
    for fold in range(FOLDS):
        weights = fit([d for i, d in enumerate(documents) if i % FOLDS != fold])
        for document in documents[fold::FOLDS]:
            for scores, found in ((document.values @ weights, learned), (-document.values[:, 0], first)):
                chosen = taken(document, scores)
                one, two = rouge("\n".join(document.texts[i] for i in chosen), document.abstract)
                found.append((one, two, document.extracted[chosen].mean()))
    for name, found in (("learned", learned), ("the first", first)):
        one, two, by_people = numpy.mean(found, 0)
        print(f"{documents[0].kind} {len(documents)}, {name}: ROUGE-1 {one:.3f}, ROUGE-2 {two:.3f}, taken by people {by_people:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--read", type=pathlib.Path, help="the lines of the example, where they are there already")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    if arguments.read:
        lines = arguments.read.read_text().splitlines()
    else:
        command = ["cargo", "run", "--quiet", "-p", "lectern-engine", "--example", "salient_sentences", "--", arguments.data]
        lines = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()
    documents = [d for d in map(Document, lines) if d.can.any()]
    table = {
        "note": "Learned by engine/model/training/salience.py from abstracts of Python PEPs (CC0) and Rust RFCs (MIT OR "
        "Apache-2.0) and from AMI's extracts (CC BY 4.0)."
    }
    for kind in ("written", "spoken"):
        own = [d for d in documents if d.kind == kind]
        measure(own)
        weights = {name: round(float(w), 4) for name, w in zip(features(), fit(own))}
        table[kind] = {"weights": weights}
    arguments.out.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
