"""What must hold of the model, the text and stage 1, at toy size: `python -m unittest`."""

from __future__ import annotations

import copy
import json
import tempfile
import unittest
from pathlib import Path

import torch
from safetensors.torch import load_file

import common
import data
import m1
import stage1
from toy import keep_signals, tiny, toy

GOLDEN = common.REPOSITORY / "tests/golden"
# Not the folder of an adapter, which is no model by itself.
CASES = sorted(folder.name for folder in GOLDEN.iterdir() if (folder / "config.json").exists())


class Arithmetic(unittest.TestCase):
    def test_blocks_and_single_steps_agree_from_any_state(self) -> None:
        torch.manual_seed(1)
        rates = m1.decay_rates(tiny([0, 1, 0]), 0)
        for tokens in (1, 7, 8, 9, 31, 64):
            q, k, v = (torch.randn(2, 3, tokens, 8, dtype=torch.float64) for _ in range(3))
            for state in (None, torch.randn(2, 3, 8, 8, dtype=torch.float64)):
                one, after_one = m1.recurrent(q, k, v, rates, state)
                many, after_many = m1.chunked(q, k, v, rates, state, chunk=8)
                torch.testing.assert_close(many, one)
                torch.testing.assert_close(after_many, after_one)

    def test_committed_models_give_the_committed_logits(self) -> None:
        self.assertGreaterEqual(len(CASES), 4)
        for case in CASES:
            model, golden = m1.Model.load(GOLDEN / case, chunk=16), load_file(GOLDEN / case / "golden.safetensors")
            with torch.no_grad():
                logits = model(golden["input_ids"].long().reshape(1, -1))[0]
            expected = golden["logits"].reshape(logits.shape)
            torch.testing.assert_close(logits, expected, atol=5e-4, rtol=0, msg=lambda m, case=case: f"{case}: {m}")

    def test_a_model_written_and_read_is_the_same(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            model = m1.Model(tiny([0, 1, 0])).randomise(9)
            model.save(Path(folder))
            ids = torch.arange(20)[None]
            torch.testing.assert_close(m1.Model.load(Path(folder))(ids), model(ids), atol=0, rtol=0)

    def test_losses_in_pieces_are_the_loss(self) -> None:
        model, ids = m1.Model(tiny([0, 1])).randomise(2), torch.arange(40).reshape(2, 20)
        logits = model(ids)[:, :-1].reshape(-1, 64)
        whole = torch.nn.functional.cross_entropy(logits, ids[:, 1:].reshape(-1))
        self.assertAlmostEqual(m1.language_loss(model, [ids]), whole.item(), places=4)


class Split(unittest.TestCase):
    def test_near_duplicates_do_not_stand_on_both_sides(self) -> None:
        words = [f"word{n}" for n in range(4000)]
        text = " ".join(words)
        found = [
            data.Document("contracts", "a", "1", text, "held_out"),
            data.Document("contracts", "a", "2", " ".join(words[:2000] + [f"own{n}" for n in range(1000)]), "train"),
            data.Document("contracts", "a", "3", " ".join(f"other{n}" for n in range(3000)), "train"),
        ]
        kept, dropped = data.part_duplicates(found, 0.3)
        self.assertEqual([d.group for d in kept], ["3", "1"])
        self.assertEqual(dropped, {"train": 1, "held_out": 0})

    def test_a_group_stays_on_one_side_and_always_the_same(self) -> None:
        def sides() -> dict:
            found = [data.Document("contracts", "lexpredict", f"cik {n % 50}", str(n)) for n in range(400)]
            data.choose_sides(found, 0.2)
            return {group: {d.side for d in found if d.group == group} for group in {d.group for d in found}}

        first = sides()
        self.assertTrue(all(len(side) == 1 for side in first.values()))
        self.assertEqual({s for side in first.values() for s in side}, {"train", "held_out"})
        self.assertEqual(first, sides())


class Stage1(unittest.TestCase):
    def setUp(self) -> None:
        keep_signals(self)

    def twins(self, folder: Path) -> dict:
        return torch.load(folder / "stage1.pt", weights_only=True)["twins"]

    def test_a_run_that_stopped_goes_on_as_one_that_did_not(self) -> None:
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            config = toy(Path(one))
            other = copy.deepcopy(config) | {"paths": toy(Path(two))["paths"]}
            stage1.train(config, None, steps=9)
            for steps in (4, 9):
                stage1.train(other, None, steps=steps)
            whole, parts = self.twins(Path(one)), self.twins(Path(two))
            self.assertEqual(whole.keys(), parts.keys())
            for name in whole:
                self.assertTrue(torch.equal(whole[name], parts[name]), name)

    def test_twins_come_nearer_to_their_layers(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            config = toy(Path(folder))
            config["stage1"]["steps"] = 60
            stage1.train(config, None)
            records = [json.loads(line) for line in (Path(folder) / "stage1.jsonl").read_text().splitlines()]
            errors = [r["held_out_error"] for r in records if "held_out_error" in r]
            self.assertLess(errors[-1], 0.9 * errors[0])

    def test_a_layer_left_to_softmax_has_no_twin_any_more(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            config = toy(Path(folder))
            stage1.train(config, None, steps=2)
            common.write_json(Path(folder) / "layers.json", {"softmax": [1]})
            stage1.train(config, None, steps=4)
            self.assertEqual({name.split(".")[0] for name in self.twins(Path(folder))}, {"0", "2"})


if __name__ == "__main__":
    unittest.main()
