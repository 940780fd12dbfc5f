"""What must hold of the weights that decide between a passage and "none"."""

from __future__ import annotations

import json
import lzma
import tempfile
import unittest
from pathlib import Path

import numpy as np

import decide


def drawn(count: int, lean: float, evidence: float, bias: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows, and whether "none" is right, drawn from known weights."""
    generator = np.random.default_rng(5)
    rows = generator.normal(0, 2, (count, 2))
    return rows, (generator.random(count) < 1 / (1 + np.exp(-(rows @ [lean, evidence] + bias)))).astype(float)


def report(rows: np.ndarray, none: np.ndarray) -> dict:
    """As `lectern eval questions` writes it, eight questions a document."""
    each = []
    for n, (row, absent) in enumerate(zip(rows.tolist(), none, strict=True)):
        side = "absent" if absent else "present"
        measures = {f"{side}: {decide.LEAN}": row[0], f"{side}: {decide.EVIDENCE}": row[1]}
        each.append({"document": f"contract {n // 8}: Is there a cap?", "measures": measures})
    return {"each": each}


class Weights(unittest.TestCase):
    def test_known_weights_are_found_again(self) -> None:
        rows, none = drawn(6000, 0.5, 1.5, 0.0)
        for found, wanted in zip(decide.fit(rows, none), (0.5, 1.5, 0.0), strict=True):
            self.assertAlmostEqual(found, wanted, delta=0.12)

    def test_both_kinds_weigh_the_same_however_many_there_are(self) -> None:
        rows, none = drawn(6000, 0.0, 1.5, 0.0)
        keep = (none > 0) | (np.arange(len(none)) % 10 == 0)
        self.assertAlmostEqual(decide.fit(rows[keep], none[keep])[2], 0.0, delta=0.2)

    def test_what_speaks_for_the_other_side_is_left_out(self) -> None:
        rows, none = drawn(3000, -1.0, 1.5, 0.0)
        lean, evidence, _ = decide.fit(rows, none)
        self.assertEqual(lean, 0.0)
        self.assertGreater(evidence, 0.5)

    def test_shares_of_right_ones_are_of_documents_not_fitted_on(self) -> None:
        rows, none = drawn(400, 0.0, 0.0, 0.0)
        decision, fitted = decide.weigh(report(rows, none))
        self.assertEqual((fitted["documents"], fitted["questions"]), (50, 400))
        self.assertLess(abs(fitted["right"]["both"] - 0.5), 0.08)  # nothing to learn
        rows, none = drawn(400, 0.2, 2.0, 0.0)
        decision, fitted = decide.weigh(report(rows, none))
        self.assertEqual(list(decision), ["lean", "evidence", "bias"])
        self.assertGreater(fitted["right"]["both"], 0.8)
        self.assertGreater(fitted["right"]["rules"], fitted["right"]["model"] + 0.2)

    def test_answers_without_a_decision_are_left_out_and_one_kind_alone_is_refused(self) -> None:
        rows, none = drawn(16, 0.0, 1.0, 0.0)
        found = report(rows, np.zeros(16))
        found["each"][3]["measures"] = {"seconds": 1.0}
        self.assertEqual(len(decide.decisions(found)[0]), 15)
        with self.assertRaises(SystemExit):
            decide.weigh(found)


class Contracts(unittest.TestCase):
    def test_they_are_of_the_training_split_and_short_enough(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            data, to = Path(place) / "cuad", Path(place) / "to"
            data.mkdir()
            (data / "categories.csv").write_text("Category\n")
            with lzma.open(data / "train.jsonl.xz", "wt") as file:
                for n in range(9):
                    file.write(json.dumps({"id": f"c{n}", "text": "x" * (10 * n)}) + "\n")
            config = {"paths": {"data": Path(place)}, "run": {"seed": 1}}
            decide.contracts(config, 3, 60, to)
            decide.contracts(config, 3, 60, to)  # the same again, over the first
            chosen = [json.loads(line) for line in (to / "val.jsonl").read_text().splitlines()]
        self.assertEqual(len({line["id"] for line in chosen}), 3)
        self.assertTrue(all(len(line["text"]) <= 60 for line in chosen))


if __name__ == "__main__":
    unittest.main()
