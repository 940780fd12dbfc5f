"""When a passage is given and when "none" is said: `python decide.py [--adapter FOLDER] [--contracts N] [--each N]`.

Tuning on two cores teaches a model what to quote long before it teaches it when not to. What rules and search say of a
request speaks for itself, so the engine can put both together: the log-odds of "none" are lean * the model's + evidence *
those of rules and search + bias (`engine/model/src/decision.rs`). The three weights are a logistic regression. It is
fitted on what the program itself records when it asks whole contracts of CUAD's training split about categories that they
have, and as many that they have not (`lectern eval questions`); both kinds weigh the same. Tuning may have seen a few of
these pairs of contract and category, in windows; the rules' table was learnt on these contracts and is a little too sure of
them. The measures to believe are those on held-out documents afterwards (`adopt.py --measured`).

Writes `decision`, and what it was fitted on, into the adapter's `adapter.json`.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np

import common
import data
import engine

LEAN, EVIDENCE = "the model's log-odds of none", "log-odds of none by rules and search"
FOLDS = 5
RIDGE = 1e-2  # on the two weights: a column that says nothing gets none


def contracts(config: dict, count: int, most_characters: int, to: Path) -> None:
    """Writes a folder that `lectern eval` reads: contracts of the training split, by lot."""
    source = config["paths"]["data"] / "cuad"
    found = [line for line in data.lines(source / "train.jsonl.xz") if len(line["text"]) <= most_characters]
    random.Random(config["run"]["seed"]).shuffle(found)
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    shutil.copyfile(source / "categories.csv", to / "categories.csv")
    (to / "val.jsonl").write_text("".join(json.dumps(line) + "\n" for line in found[:count]), encoding="utf-8")


def decisions(report: dict) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Lean and evidence [N, 2], whether "none" is right [N], and the documents, of a report of `lectern eval questions`."""
    rows, none, documents = [], [], []
    for each in report["each"]:
        for side in ("absent", "present"):
            measures = each["measures"]
            if f"{side}: {LEAN}" in measures and f"{side}: {EVIDENCE}" in measures:
                rows.append([measures[f"{side}: {LEAN}"], measures[f"{side}: {EVIDENCE}"]])
                none.append(float(side == "absent"))
                documents.append(each["document"].split(":")[0])
    return np.array(rows).reshape(-1, 2), np.array(none), documents


def fit(rows: np.ndarray, none: np.ndarray) -> np.ndarray:
    """Weights [3] (lean, evidence, bias) by Newton's method, both sides weighing the same. A weight below 0 would turn what
    it weighs round: then there is none."""
    used = [0, 1]
    while True:
        x = np.column_stack([rows[:, used], np.ones(len(rows))])
        hold = np.array([RIDGE] * len(used) + [1e-9])
        each = np.where(none > 0, 0.5 / max(none.mean(), 1e-9), 0.5 / max(1 - none.mean(), 1e-9))
        w = np.zeros(len(used) + 1)
        for _ in range(50):
            p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
            step = np.linalg.solve(
                (x * (each * p * (1 - p))[:, None]).T @ x + np.diag(hold), x.T @ (each * (p - none)) + hold * w
            )
            w = w - np.clip(step, -2, 2)
        below = [column for column, weight in zip(used, w, strict=False) if weight < 0]
        if not below:
            weights = np.zeros(3)
            weights[[*used, 2]] = w
            return weights
        used.remove(min(below, key=lambda column: w[used.index(column)]))


def balanced(odds: np.ndarray, none: np.ndarray) -> float:
    """Mean of the shares of right decisions on both sides, at even odds."""
    sides = [((odds > 0) == (none > 0))[none == side].mean() for side in (0.0, 1.0) if (none == side).any()]
    return float(np.mean(sides))


def crossed(rows: np.ndarray, none: np.ndarray, documents: list[str], columns: list[int]) -> float:
    """Right decisions on documents that the weights were not fitted on, by the named columns alone."""
    names, odds = sorted(set(documents)), np.zeros(len(none))
    fold = np.array([names.index(name) % FOLDS for name in documents])
    used = np.zeros_like(rows)
    used[:, columns] = rows[:, columns]
    for n in range(FOLDS):
        others, own = fold != n, fold == n
        if own.any() and others.any():
            weights = fit(used[others], none[others])
            odds[own] = used[own] @ weights[:2] + weights[2]
    return balanced(odds, none)


def weigh(report: dict) -> tuple[dict, dict]:
    """`decision` of adapter.json, and what it was fitted on with the share of right decisions of each part."""
    rows, none, documents = decisions(report)
    if not (none == 0).any() or not (none == 1).any():
        raise SystemExit("the program recorded no decisions of both kinds: ask more contracts")
    lean, evidence, bias = (round(float(weight), 4) for weight in fit(rows, none))
    right = {"model": crossed(rows, none, documents, [0]), "rules": crossed(rows, none, documents, [1])}
    right["both"] = crossed(rows, none, documents, [0, 1])
    fitted = {
        "documents": len(set(documents)),
        "questions": len(none),
        "right_as_it_was": round(balanced(rows[:, 0], none), 4),
        "right": {name: round(value, 4) for name, value in right.items()},
    }
    return {"lean": lean, "evidence": evidence, "bias": bias}, fitted


def main() -> None:
    parser = common.arguments("Fits when passages are given and when none.")
    parser.add_argument("--adapter", type=Path, help="the adapter's folder instead of WORK/adapter")
    parser.add_argument("--contracts", type=int, default=40)
    parser.add_argument("--each", type=int, default=3, help="categories of a contract that it has, and that it has not")
    parser.add_argument("--most-characters", type=int, default=16_000)
    options = parser.parse_args()
    config = common.settings(options)
    work, adapter = config["paths"]["work"], options.adapter or config["paths"]["work"] / "adapter"
    model = (common.REPOSITORY / config["stage4"]["base"]).resolve()
    contracts(config, options.contracts, options.most_characters, work / "decide")
    report = engine.questions(
        engine.binary(None), model, adapter, work / "decide", options.each, work / "decisions.json"
    )
    decision, fitted = weigh(report)
    said = json.loads((adapter / "adapter.json").read_text())
    common.write_json(adapter / "adapter.json", said | {"decision": decision, "decision_fitted": fitted})
    print(json.dumps({"decision": decision, "decision_fitted": fitted}, indent=2))


if __name__ == "__main__":
    main()
