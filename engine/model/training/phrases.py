"""Learns the table of the rules-and-search baseline from CUAD's training split: `engine/src/rules/phrases.json`.

    python3 phrases.py --data ../../../../shared/data/cuad --out ../../src/rules/phrases.json

One logistic regression for each category over the words and phrases of a sentence, its form, the heading it stands under;
for parties, titles and dates a second one over short pieces of sentences. Then, all from scores of contracts that the
weights were not fitted on (`--folds`): what score means what probability (Platt scaling, rare categories drawn to the
common curve), and from what probability a passage is given. Prints what was measured so. Only phrases of at least
`MIN_DOCUMENTS` contracts are taken (`MIN_RARE` where a category has few), so none is a quotation of one.

The contracts are read through the product (`cargo run --example cuad_sentences`). `--golden DOCUMENT.jsonl FILE` writes the
scores of the sentences of another document, for the test that both languages agree. CUAD is by The Atticus Project,
CC BY 4.0. Needs numpy and PyTorch; two or three minutes once the contracts are read.
"""

import argparse
import json
import pathlib
import subprocess
import types

import numpy

import features
import sparse

# Which categories are looked for in pieces of sentences as well.
PIECES = {"Parties": "party", "Document Name": "title", "Agreement Date": "date", "Effective Date": "date"}
MIN_DOCUMENTS, MIN_RARE, RARE = 8, 5, 40
# Share of the sentences without any label that are fitted on; the weights of the others make up for it.
SAMPLE = 0.4
OPTIONS = types.SimpleNamespace(l1=0.15, rate=0.15, batch=4000, epochs=14)
# Weights below this, and candidates below this probability, are left out.
LEAST_WEIGHT = 0.06
LEAST = 0.02
# How many right candidates' worth the common curve weighs in a category's own.
PRIOR = 12.0
KNOTS = 14
# Labels of a category for which its own best threshold counts as much as the common one.
TRUST = 150
# What the operating point must keep, over all categories, on contracts not fitted on.
ABSENT, PRESENT = 0.915, 0.65


def read(data: pathlib.Path, cache: pathlib.Path) -> features.Corpus:
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        command = ["cargo", "run", "--quiet", "-p", "lectern-engine", "--example", "cuad_sentences", "--", str(data)]
        with cache.open("wb") as out:
            subprocess.run(command, stdout=out, check=True)
    return features.Corpus(cache)


class Fitted:
    """The weights of one kind: which phrases are used, and a column for each category."""

    def __init__(self, corpus, kind: str):
        self.kind, self.held = kind, corpus.kinds[kind]
        self.names = corpus.names if kind == "sentence" else [c for c, k in PIECES.items() if k == kind]
        self.truth = numpy.zeros((len(self.held.rows), len(self.names)), numpy.float32)
        for _, category, rows in corpus.gold:
            if category in self.names:
                self.truth[rows[kind], self.names.index(category)] = 1
        self.document = numpy.array(self.held.document)
        prefix = "" if kind == "sentence" else kind + "\t"
        own = [f for f, p in enumerate(corpus.phrases) if (p.startswith(prefix) if prefix else "\t" not in p)]
        own = numpy.array([f for f in own if corpus.seen_in[f] >= MIN_RARE])
        keep = numpy.full(len(corpus.phrases), -1)
        keep[own] = numpy.arange(len(own))
        self.phrases = [corpus.phrases[f].removeprefix(prefix) for f in own]
        self.seen_in = corpus.seen_in[own]
        self.rows = sparse.Rows(self.held.rows, keep)

    def best_of_name(self, odds) -> numpy.ndarray:
        """Which rows are the best of all in their contract with the same words: a piece is given once."""
        if self.kind == "sentence":
            return numpy.ones(len(odds), bool)
        best, taken = numpy.zeros(len(odds), bool), set()
        for row in numpy.argsort(-odds, kind="stable"):
            key = (self.document[row], self.held.names[row])
            best[row] = key not in taken
            taken.add(key)
        return best

    def fit(self, documents: numpy.ndarray, seed: int):
        chosen = numpy.where(numpy.isin(self.document, documents))[0]
        labelled = self.truth[chosen].any(1)
        kept = labelled | (numpy.random.default_rng(seed).random(len(chosen)) < SAMPLE)
        weight = numpy.ones(len(self.document))
        weight[chosen[~labelled]] = 1 / SAMPLE
        weights, bias = sparse.fit(self.rows, chosen[kept], self.truth, weight, OPTIONS, seed)
        weights[numpy.abs(weights) < LEAST_WEIGHT] = 0
        for column, name in enumerate(self.names):
            having = len(set(self.document[self.truth[:, column] > 0]))
            weights[self.seen_in < (MIN_RARE if having < RARE else MIN_DOCUMENTS), column] = 0
        return numpy.round(weights, 2), numpy.round(bias, 3)

    def unseen(self, corpus, folds: int) -> numpy.ndarray:
        """Log-odds of every row by weights that its contract had no part in."""
        found = numpy.zeros(self.truth.shape, numpy.float32)
        for fold in range(folds):
            others = numpy.array([d for d in range(corpus.documents) if d % folds != fold])
            rows = numpy.where(self.document % folds == fold)[0]
            found[rows] = sparse.log_odds(self.rows, rows, *self.fit(others, fold))
        return found


def spanned(places) -> tuple[int, int]:
    """From the beginning of the first place to the end of the last."""
    return places[0][0], places[-1][1]


def platt(odds, truth, centre=(1.0, 0.0), prior=0.0) -> tuple[float, float]:
    """Slope and shift that make log-odds probabilities, by Newton's method; drawn to `centre`."""
    x = numpy.stack([odds, numpy.ones(len(odds))], 1).astype(numpy.float64)
    w = numpy.array(centre)
    hold = prior * numpy.array([1.0, 0.1]) + 1e-6
    for _ in range(30):
        p = 1 / (1 + numpy.exp(-numpy.clip(x @ w, -30, 30)))
        gradient = x.T @ (p - truth) + hold * (w - centre)
        curve = (x * (p * (1 - p))[:, None]).T @ x + numpy.diag(hold)
        step = numpy.linalg.solve(curve, gradient)
        w = w - numpy.clip(step, -1, 1)
        if abs(step).max() < 1e-5:
            break
    return max(0.05, float(w[0])), float(w[1])


class Calibration:
    """Log-odds to probabilities: a slope and shift for each category, then one curve for the kind.

    The curve is needed because what a model is surest of is right less often than a logistic curve says.
    """

    def __init__(self, fitted: Fitted, odds, rows):
        rows = numpy.where(rows)[0]
        self.lines = []
        common = platt(odds[rows].ravel(), fitted.truth[rows].ravel())
        for column in range(len(fitted.names)):
            own = rows[fitted.best_of_name(odds[:, column])[rows]]
            self.lines.append(platt(odds[own, column], fitted.truth[own, column], centre=common, prior=PRIOR))
        straight = self.straight(odds)
        pairs = []
        for column in range(len(fitted.names)):
            own = rows[fitted.best_of_name(odds[:, column])[rows]]
            pairs.append(numpy.stack([straight[own, column], fitted.truth[own, column]], 1))
        self.knots = monotone(numpy.concatenate(pairs))

    def straight(self, odds) -> numpy.ndarray:
        slope, shift = numpy.array(self.lines).T
        return 1 / (1 + numpy.exp(-numpy.clip(odds * slope + shift, -30, 30)))

    def probabilities(self, odds) -> numpy.ndarray:
        x, y = numpy.array(self.knots).T
        return numpy.interp(self.straight(odds), x, y)


def monotone(pairs) -> list[list[float]]:
    """Points of a rising curve through `KNOTS` bins of scores with as many right ones in each."""
    pairs = pairs[numpy.argsort(pairs[:, 0], kind="stable")]
    right = numpy.cumsum(pairs[:, 1])
    cuts = numpy.searchsorted(right, numpy.linspace(0, right[-1], KNOTS + 1)[1:-1])
    bins = [[len(part), *part.mean(0)] for part in numpy.split(pairs, cuts) if len(part)]
    pooled = []
    for part in bins:
        pooled.append(part)
        while len(pooled) > 1 and pooled[-2][2] >= pooled[-1][2]:
            (n, x, y), (m, u, v) = pooled[-2:]
            pooled[-2:] = [[n + m, (n * x + m * u) / (n + m), (n * y + m * v) / (n + m)]]
    inner = [[round(float(x), 4), round(float(y), 4)] for _, x, y in pooled]
    top = inner[-1][1]
    # Rising to the end, so that no two scores become one.
    return [[0.0, 0.0], *inner, [1.0, round(top + (1 - top) * 0.1, 4)]]


class Found:
    """For every contract and category the candidates, best first, and the labelled passages they are."""

    def __init__(self, corpus, parts: list[tuple[Fitted, numpy.ndarray]]):
        self.labels, self.candidates = {}, {}
        scores, right = {}, {}
        for fitted, p in parts:
            for column, name in enumerate(fitted.names):
                rows = numpy.where((p[:, column] >= LEAST) & fitted.best_of_name(p[:, column]))[0]
                for row in rows:
                    key = (int(fitted.document[row]), name)
                    place = spanned(fitted.held.places[row])
                    held = self.candidates.setdefault(key, {})
                    score = float(p[row, column])
                    old = held.get(place)
                    if old is None or old[0] < score:
                        held[place] = (score, bool(fitted.truth[row, column]))
        where = {fitted.kind: fitted for fitted, _ in parts}
        for document, name, rows in corpus.gold:
            kinds = ["sentence"] + ([PIECES[name]] if name in PIECES else [])
            places = {spanned(where[k].held.places[r]) for k in kinds for r in rows[k]}
            self.labels.setdefault((document, name), []).append(places)
        self.candidates = {
            key: sorted(((s, place, ok) for place, (s, ok) in held.items()), key=lambda c: (-c[0], c[1]))
            for key, held in self.candidates.items()
        }

    def measure(self, documents, names, threshold, most):
        """As `lectern eval` counts: found, missed, wrong; absent, said absent; present, given; what was given."""
        counts, given_all = numpy.zeros(7, int), []
        for document in documents:
            for name in names:
                key = (document, name)
                taken = [c for c in self.candidates.get(key, ()) if c[0] >= threshold[name]][: most[name]]
                labels = self.labels.get(key, [])
                places = {c[1] for c in taken}
                hit = sum(1 for label in labels if label & places)
                counts += (hit, len(labels) - hit, sum(1 for c in taken if not c[2]), not labels, not labels and not taken,
                           bool(labels), bool(labels) and bool(taken))
                given_all += [(c[0], c[2]) for c in taken]
        return counts, given_all

    def area(self, names) -> float:
        gold, wrong = [], []
        for (_, name), candidates in self.candidates.items():
            if name in names:
                wrong += [c[0] for c in candidates if not c[2]]
        for key, labels in self.labels.items():
            if key[1] in names:
                best = {c[1]: c[0] for c in self.candidates.get(key, ())}
                gold += [max((best.get(place, 0.0) for place in label), default=0.0) for label in labels]
        gold, wrong = -numpy.sort(-numpy.array(gold)), -numpy.sort(-numpy.array(wrong))
        right = gold[gold >= LEAST]
        scores = numpy.unique(numpy.concatenate([right, wrong]))[::-1]
        hits, misses = (numpy.searchsorted(-s, -scores, side="right") for s in (right, wrong))
        precision = numpy.maximum.accumulate((hits / numpy.maximum(1, hits + misses))[::-1])[::-1]
        return float((numpy.diff(numpy.concatenate([[0], hits / len(gold)])) * precision).sum())


def calibration_error(given, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width, as `evaluation/metrics.rs` has it."""
    score, right = numpy.array(given, float).reshape(-1, 2).T
    which = numpy.minimum((score * bins).astype(int), bins - 1)
    return sum(abs(score[which == b].sum() - right[which == b].sum()) for b in range(bins)) / max(1, len(score))


def f1(counts) -> float:
    found, missed, wrong = counts[:3]
    return 2 * found / max(1, 2 * found + missed + wrong)


def thresholds(found: Found, corpus, most) -> tuple[dict, dict]:
    """One for every category, between a common one and its own best one, where what must be kept is kept.

    A category with few labels stays near the common one: its own best is an accident.
    """
    documents = range(corpus.documents)
    own, sure = {}, {}
    for name in corpus.names:
        scores = [(f1(found.measure(documents, [name], {name: t}, most)[0]), t) for t in numpy.arange(0.1, 0.8, 0.04)]
        own[name] = max(scores)[1]
        labels = sum(len(held) for (_, n), held in found.labels.items() if n == name)
        sure[name] = labels / (labels + TRUST)
    best = None
    for common in numpy.arange(0.14, 0.5, 0.02):
        chosen = {n: float(common + sure[n] * (own[n] - common)) for n in corpus.names}
        counts, given = found.measure(documents, corpus.names, chosen, most)
        keeps = counts[4] >= ABSENT * counts[3] and counts[6] >= PRESENT * counts[5]
        if keeps and (best is None or f1(counts) > best[0]):
            best = (f1(counts), chosen, describe(counts, given) | {"common threshold": round(float(common), 2)})
    if best is None:
        raise SystemExit("no threshold keeps what must be kept")
    return best[1], best[2]


def describe(counts, given) -> dict:
    found, missed, wrong, absent, said, present, something = (int(c) for c in counts)
    return {
        "precision": round(found / max(1, found + wrong), 3), "recall": round(found / max(1, found + missed), 3),
        "f1": round(f1(counts), 3), "absent said absent": round(said / max(1, absent), 3),
        "present given": round(something / max(1, present), 3), "calibration error": round(calibration_error(given), 3),
    }


def learn(corpus, folds: int) -> tuple[list[Fitted], list, dict, dict]:
    kinds = [Fitted(corpus, kind) for kind in ("sentence", "party", "title", "date")]
    curves, parts = [], []
    for fitted in kinds:
        odds = fitted.unseen(corpus, folds)
        fold = fitted.document % folds
        # The probabilities that are measured come from curves that their contract had no part in either.
        p = numpy.zeros(odds.shape)
        for f in range(folds):
            p[fold == f] = Calibration(fitted, odds, fold != f).probabilities(odds[fold == f])
        curves.append(Calibration(fitted, odds, fold == fold))
        parts.append((fitted, p))
        print(f"{fitted.kind}: {len(odds)} rows, {fitted.rows.features} phrases", flush=True)
    found = Found(corpus, parts)
    most = {}
    for name in corpus.names:
        in_each = [sum(1 for c in held if c[2]) for (_, n), held in found.candidates.items() if n == name]
        most[name] = max(3, int(numpy.quantile([n for n in in_each if n] or [1], 0.95)))
    chosen, measured = thresholds(found, corpus, most)
    report(corpus, found, chosen, most, measured)
    return kinds, curves, chosen, most


def report(corpus, found, chosen, most, measured) -> None:
    areas = []
    for name in corpus.names:
        counts, given = found.measure(range(corpus.documents), [name], chosen, most)
        areas.append(found.area({name}))
        said = describe(counts, given)
        print(f"{name:36} {counts[0] + counts[1]:5} labels  area {areas[-1]:.3f}  F1 {said['f1']:.3f}  P {said['precision']:.3f}"
              f"  R {said['recall']:.3f}  from {chosen[name]:.2f}")
    reach = sum(bool(label) for labels in found.labels.values() for label in labels)
    print(f"labelled passages that are a sentence or piece: {reach} of {sum(map(len, found.labels.values()))}")
    print(f"area {found.area(set(corpus.names)):.3f}, mean of categories {numpy.mean(areas):.3f}, at the threshold {measured}", flush=True)


def table(corpus, kinds, curves, chosen, most) -> dict:
    """The file: categories with bias, curve and thresholds; each phrase once, with number and hundredths by category."""
    categories = {n: {"threshold": round(chosen[n], 4), "most": most[n]} for n in corpus.names}
    phrases = {}
    for fitted, own in zip(kinds, curves):
        weights, bias = fitted.fit(numpy.arange(corpus.documents), 99)
        listed = {}
        for row in numpy.where(weights.any(1))[0]:
            pairs = [(corpus.names.index(fitted.names[c]), round(100 * float(weights[row, c]))) for c in numpy.where(weights[row])[0]]
            listed[fitted.phrases[row]] = [x for pair in sorted(pairs) for x in pair]
        phrases[fitted.kind] = dict(sorted(listed.items()))
        for column, name in enumerate(fitted.names):
            curve = [round(x, 4) for x in own.lines[column]]
            categories[name][fitted.kind] = {"bias": round(float(bias[column]), 3), "slope": curve[0], "shift": curve[1]}
        print(f"{fitted.kind}: {len(listed)} phrases, {int((weights != 0).sum())} weights", flush=True)
    note = "Learned by engine/model/training/phrases.py from the training split of CUAD (The Atticus Project, CC BY 4.0)."
    knots = {fitted.kind: own.knots for fitted, own in zip(kinds, curves)}
    return {"note": note, "curves": knots, "categories": categories, "phrases": phrases}


def written(found: dict) -> str:
    """JSON with a line for each category and phrase."""
    def lines(held, deep):
        rows = [f"{json.dumps(k, ensure_ascii=False)}:{json.dumps(v, separators=(',', ':'))}" for k, v in held.items()]
        return "{\n" + ",\n".join(rows) + "\n}" if deep else "{" + ",\n".join(rows) + "}"

    kinds = ",\n".join(f"{json.dumps(kind)}:{lines(held, True)}" for kind, held in found["phrases"].items())
    return f'{{"note":{json.dumps(found["note"])},\n"curves":{lines(found["curves"], True)},\n"categories":{lines(found["categories"], True)},\n"phrases":{{{kinds}}}}}\n'


def scored(found: dict, record: dict) -> list:
    """Features and scores of one document's sentences and pieces, computed from the table alone."""
    names, texts = list(found["categories"]), [text for _, text, _ in record["sentences"]]
    pieces = [inside for _, _, inside in record["sentences"]]

    def scores(kind, row):
        log_odds = {n: c[kind]["bias"] for n, c in found["categories"].items() if kind in c}
        for feature in row:
            held = iter(found["phrases"][kind].get(feature, ()))
            for number, weight in zip(held, held):
                log_odds[names[number]] += weight / 100
        curve = {n: found["categories"][n][kind] for n in log_odds}
        p = {n: 1 / (1 + numpy.exp(-(curve[n]["slope"] * x + curve[n]["shift"]))) for n, x in log_odds.items()}
        p = {n: numpy.interp(x, *numpy.array(found["curves"][kind]).T) for n, x in p.items()}
        return {n: round(float(x), 6) for n, x in p.items() if x >= LEAST}

    rows = []
    for text, own, inside, row in zip(texts, features.of_sentences(texts), pieces, features.of_pieces(texts, pieces)):
        inner = [{"piece": k, "text": text[a:b], "features": sorted(f), "scores": scores(k, f)} for (k, a, b), f in zip(inside, row)]
        rows.append({"text": text, "features": sorted(own), "scores": scores("sentence", own), "pieces": inner})
    return rows


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=pathlib.Path, help="the folder with train.jsonl.xz")
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    arguments.add_argument("--cache", type=pathlib.Path, default=pathlib.Path("../../../build/cuad-sentences.jsonl"))
    arguments.add_argument("--folds", type=int, default=5)
    arguments.add_argument("--golden", type=pathlib.Path, nargs=2, metavar=("DOCUMENT", "FILE"))
    given = arguments.parse_args()
    if given.golden:
        record = json.loads(given.golden[0].read_text(encoding="utf-8").splitlines()[0])
        rows = scored(json.loads(given.out.read_text(encoding="utf-8")), record)
        given.golden[1].write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n", encoding="utf-8")
        return
    corpus = read(given.data, given.cache)
    print(f"{corpus.documents} contracts, {len(corpus.gold)} labelled passages", flush=True)
    given.out.write_text(written(table(corpus, *learn(corpus, given.folds))), encoding="utf-8")
    print(f"{given.out}: {given.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
