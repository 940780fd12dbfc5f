"""Learns the phrases of the rules-and-search baseline from CUAD's training split: `engine/src/rules/phrases.json`.

    python3 phrases.py --data ../../../../shared/data/cuad --out ../../src/rules/phrases.json [--folds 5]

For every category: words and phrases of at most three words with weights, a bias and a threshold. Candidates are chosen
by their log-odds in labelled sentences against all others, weighed by logistic regression, the weak ones dropped, and
weighed again. The threshold is the one with the best F1 on sentences of contracts that the weights were not fitted on
(`--folds`). Only phrases of at least `MIN_DOCUMENTS` contracts are taken, so none is a quotation of one. Splitting and
features are those of `engine/src/ground/sentences.rs` and `engine/src/rules/features.rs`; change them together.
CUAD is by The Atticus Project, CC BY 4.0. Needs numpy.
"""

import argparse
import collections
import json
import lzma
import pathlib
import re
import unicodedata

import numpy

MIN_DOCUMENTS = 8
CANDIDATES = 260
KEPT = 56
NEGATIVES = 25_000

ABBREVIATIONS = set(
    "inc ltd co corp no nos sec art mr mrs ms dr prof st vs v e.g i.e cf al jr sr fig para cl approx dept est u.s u.k "
    "u.s.a p pp vol ed jan feb mar apr jun jul aug sep sept oct nov dec bros gen gov hon rev s.a b.v n.v".split()
)


def ends_sentence(text: str, i: int, c: str) -> bool:
    rest = text[i + 1 : i + 400].lstrip("\"'”’)]»")
    following = rest.lstrip()
    if not following:
        return True
    if len(following) == len(rest) or following[0].islower():
        return False
    if c != ".":
        return True
    before = text[max(0, i - 60) : i]
    word = re.split(r'[\s("“,]', before)[-1]
    stem = before[: len(before) - len(word)]
    alone = not stem or stem.endswith("\n")
    numbering = all(x in "0123456789." for x in word) or len(word) == 1
    return not (word.lower() in ABBREVIATIONS or (numbering and (alone or all(x.isupper() for x in word))))


def sentences(text: str) -> list[tuple[int, int]]:
    found, start, i = [], 0, 0
    while (hit := re.compile(r"[.!?…。！？\f\n]").search(text, i)) is not None:
        i, c = hit.end(), hit.group()
        if c == "\n":
            ends = re.match(r"[ \t\r]*\n", text[i : i + 200]) is not None
        else:
            ends = c in "。！？\f" or ends_sentence(text, i - 1, c)
        if ends:
            while i < len(text) and text[i] in "\"'”’)]»":
                i += 1
            found.append((start, i))
            start = i
    found.append((start, len(text)))
    trimmed = []
    for a, b in found:
        piece = text[a:b]
        a += len(piece) - len(piece.lstrip())
        if piece.strip():
            trimmed.append((a, a + len(piece.strip())))
    return trimmed


def words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKD", text).lower()
    found = re.findall(r"[^\W_]+", folded)
    return ["0" if w.isdigit() else w for w in found]


def features(text: str, own: list[str], before: list[str], index: int) -> set[str]:
    found = set(own)
    found.update(" ".join(own[i : i + 2]) for i in range(len(own) - 1))
    found.update(" ".join(own[i : i + 3]) for i in range(len(own) - 2))
    if len(before) <= 8:
        found.update("before:" + w for w in before)
    if index < 4:
        found.add("@first")
    if index < 15:
        found.add("@opening")
    if not any(c.islower() for c in text):
        found.add("@capitals")
    if len(own) <= 10:
        found.add("@short")
    if len(own) >= 80:
        found.add("@long")
    if re.search(r"(?<!\d)(19|20)\d\d(?!\d)", text):
        found.add("@year")
    return found


def load(path: pathlib.Path):
    """Per contract: the features of its sentences, and per category the set of labelled sentences and span lengths."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            text = record["text"]
            spans = sentences(text)
            rows, before = [], []
            for index, (a, b) in enumerate(spans):
                own = words(text[a:b])
                rows.append(features(text[a:b], own, before, index))
                before = own
            labelled, lengths = collections.defaultdict(set), collections.defaultdict(list)
            for category, label in record["labels"].items():
                for span in label["spans"]:
                    lengths[category].append(span["end"] - span["start"])
                    for i, (a, b) in enumerate(spans):
                        both = min(b, span["end"]) - max(a, span["start"])
                        if both > 0 and 2 * both >= min(b - a, span["end"] - span["start"]):
                            labelled[category].add(i)
            yield rows, labelled, lengths


def logistic(x: numpy.ndarray, y: numpy.ndarray, weight: numpy.ndarray, penalty: float) -> tuple[numpy.ndarray, float]:
    """Newton's method; the bias is not penalised."""
    x = numpy.hstack([x, numpy.ones((len(x), 1), x.dtype)]).astype(numpy.float64)
    w = numpy.zeros(x.shape[1])
    ridge = numpy.full(x.shape[1], penalty)
    ridge[-1] = 1e-6
    for _ in range(14):
        p = 1 / (1 + numpy.exp(-numpy.clip(x @ w, -30, 30)))
        gradient = x.T @ (weight * (p - y)) + ridge * w
        curve = (x * (weight * p * (1 - p))[:, None]).T @ x + numpy.diag(ridge)
        step = numpy.linalg.solve(curve, gradient)
        w -= step
        if abs(step).max() < 1e-3:
            break
    return w[:-1], w[-1]


def matrix(rows, chosen: dict[str, int]) -> numpy.ndarray:
    x = numpy.zeros((len(rows), len(chosen)), numpy.float32)
    for i, row in enumerate(rows):
        for f in row & chosen.keys():
            x[i, chosen[f]] = 1
    return x


def best_threshold(scores: numpy.ndarray, truth: numpy.ndarray) -> tuple[float, float]:
    order = numpy.argsort(-scores)
    hits = numpy.cumsum(truth[order])
    f1 = 2 * hits / (numpy.arange(1, len(order) + 1) + truth.sum())
    at = int(f1.argmax())
    return float(scores[order[at]]), float(f1[at])


class Category:
    """One category's sentences: labelled ones and a weighted sample of the others."""

    def __init__(self, documents, counts, total, name, random):
        self.rows, truth, self.fold = [], [], []
        positives, documents_with = collections.Counter(), collections.defaultdict(set)
        negatives = []
        for d, (rows, labelled, _) in enumerate(documents):
            for i, row in enumerate(rows):
                if i in labelled[name]:
                    self.rows.append(row), truth.append(1.0), self.fold.append(d)
                    positives.update(row)
                    for f in row:
                        documents_with[f].add(d)
                else:
                    negatives.append((row, d))
        self.positive = len(self.rows)
        n, rest = self.positive, total - self.positive
        # In few contracts of a rare category a phrase may still be one that many contracts have.
        least = 3 if len(set(self.fold)) >= 15 else 2
        odds = {
            f: (numpy.log((k + 0.5) / (n - k + 0.5)) - numpy.log((counts[f] - k + 0.5) / (rest - counts[f] + k + 0.5)))
            * numpy.sqrt(k)
            for f, k in positives.items()
            if len(documents_with[f]) >= least
        }
        chosen = sorted(odds, key=lambda f: -odds[f])[:CANDIDATES]
        self.chosen = {f: i for i, f in enumerate(chosen)}
        # Hard negatives all, the rest as a sample that stands for the whole.
        strong = set(chosen[:40])
        hard = [r for r in negatives if len(r[0] & strong) >= 2]
        hard_ids = {id(r[0]) for r in hard}
        easy = [r for r in negatives if id(r[0]) not in hard_ids]
        if len(hard) > NEGATIVES:
            keep = random.permutation(len(hard))[:NEGATIVES]
            hard_weight, hard = len(hard) / NEGATIVES, [hard[i] for i in keep]
        else:
            hard_weight = 1.0
        keep = random.permutation(len(easy))[: NEGATIVES // 3]
        easy_weight = len(easy) / max(1, len(keep))
        easy = [easy[i] for i in keep]
        self.rows += [r for r, _ in hard + easy]
        self.fold = numpy.array(self.fold + [d for _, d in hard + easy])
        self.truth = numpy.array(truth + [0.0] * (len(hard) + len(easy)))
        self.weight = numpy.concatenate(
            [numpy.ones(n), numpy.full(len(hard), hard_weight), numpy.full(len(easy), easy_weight)]
        )

    def learn(self, folds: int) -> dict:
        x = matrix(self.rows, self.chosen)
        weights, _ = logistic(x, self.truth, self.weight, 3.0)
        use = numpy.abs(weights) * numpy.sqrt(x[: self.positive].mean(0) + 0.01)
        kept = numpy.argsort(-use)[:KEPT]
        x = x[:, kept]
        held_out = numpy.zeros(len(x))
        for fold in range(folds):
            test = self.fold % folds == fold
            w, bias = logistic(x[~test], self.truth[~test], self.weight[~test], 1.0)
            held_out[test] = 1 / (1 + numpy.exp(-(x[test] @ w + bias)))
        # Every easy negative above the threshold stands for many.
        threshold, f1 = best_threshold(numpy.repeat(held_out, numpy.maximum(1, self.weight.astype(int))),
                                       numpy.repeat(self.truth, numpy.maximum(1, self.weight.astype(int))))
        weights, bias = logistic(x, self.truth, self.weight, 1.0)
        names = list(self.chosen)
        phrases = {names[k]: round(float(w), 2) for k, w in zip(kept, weights) if abs(w) >= 0.05}
        return {"bias": round(float(bias), 3), "threshold": round(threshold, 4), "f1": f1, "phrases": phrases}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=pathlib.Path, required=True, help="the folder with train.jsonl.xz")
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    arguments.add_argument("--folds", type=int, default=5)
    given = arguments.parse_args()
    documents = list(load(given.data / "train.jsonl.xz"))
    counts, seen_in = collections.Counter(), collections.Counter()
    for rows, _, _ in documents:
        for row in rows:
            counts.update(row)
        seen_in.update(set().union(*rows))
    rare = {f for f, n in seen_in.items() if n < MIN_DOCUMENTS}
    documents = [([r - rare for r in rows], labelled, lengths) for rows, labelled, lengths in documents]
    total = sum(len(rows) for rows, _, _ in documents)
    print(f"{len(documents)} contracts, {total} sentences, {len(seen_in) - len(rare)} phrases", flush=True)
    random = numpy.random.default_rng(0)
    table = {}
    for name in sorted({c for _, labelled, _ in documents for c in labelled}):
        category = Category(documents, counts, total, name, random)
        learned = category.learn(given.folds)
        lengths = [n for _, _, lengths in documents for n in lengths[name]]
        learned["length"] = int(numpy.median(lengths))
        in_each = [len(labelled[name]) for _, labelled, _ in documents if labelled[name]]
        learned["most"] = max(2, int(numpy.quantile(in_each, 0.9)))
        print(f"{name:36} {category.positive:5} sentences  F1 {learned.pop('f1'):.3f} at {learned['threshold']:.3f}"
              f"  {learned['length']} characters", flush=True)
        table[name] = learned
    note = "Learned by engine/model/training/phrases.py from the training split of CUAD (The Atticus Project, CC BY 4.0)."
    text = json.dumps({"note": note, "categories": table}, ensure_ascii=False, indent=None, separators=(",", ":"))
    given.out.write_text(text.replace('},"', '},\n"').replace('"phrases":{', '\n "phrases":{') + "\n", encoding="utf-8")
    print(f"{given.out}: {given.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
