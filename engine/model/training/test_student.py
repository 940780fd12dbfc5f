"""What must hold of the choice of layers, the experts and the distillation, at toy size."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path

import common
import choose
import m1
import stage1
from data import Text
from toy import keep_signals, toy


class Choice(unittest.TestCase):
    def setUp(self) -> None:
        keep_signals(self)
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.config = toy(self.folder)
        stage1.train(self.config, None, steps=3)

    def loss_of(self, layers: list[int]) -> float:
        teacher = m1.Model.load(self.config["paths"]["teacher"], 8)
        twins, _ = stage1.trained_twins(self.config, teacher.config)
        with stage1.Swapped(teacher, twins, layers) as swapped:
            return m1.language_loss(swapped, Text(self.config).mixed_held_out(2, 24))

    def test_each_loss_is_that_of_the_layers_converted_so_far(self) -> None:
        chosen = choose.choose(self.config, 1, None)
        self.assertEqual(sorted(chosen["order"]), [0, 1, 2])
        self.assertEqual(sorted(chosen["order"][:2]), chosen["lightning"])
        self.assertEqual(chosen["order"][2:], chosen["softmax"])
        self.assertAlmostEqual(chosen["teacher_loss"], self.loss_of([]), places=4)
        for count, loss in enumerate(chosen["loss_after"], 1):
            self.assertAlmostEqual(loss, self.loss_of(chosen["order"][:count]), places=4)

    def test_the_first_layer_converted_is_the_cheapest(self) -> None:
        order = choose.choose(self.config, 0, None)["order"]
        self.assertEqual(order[0], min(range(3), key=lambda layer: self.loss_of([layer])))

    def test_a_choice_that_was_stopped_goes_on(self) -> None:
        whole = choose.choose(self.config, 1, None)
        saved = json.loads((self.folder / "choose.json").read_text())
        for name in ("layers.json", "choose.json"):
            (self.folder / name).unlink()
        self.assertIsNone(choose.choose(self.config, 1, 0))
        self.assertFalse((self.folder / "layers.json").exists())
        self.assertEqual(choose.choose(self.config, 1, None), whole)
        self.assertEqual(json.loads((self.folder / "choose.json").read_text()), saved)

    def test_another_number_of_layers_needs_no_new_measurement(self) -> None:
        one = choose.choose(self.config, 1, None)
        lines = (self.folder / "choose.jsonl").read_text().count("converted")
        two = choose.choose(self.config, 2, None)
        self.assertEqual(two["softmax"], sorted(one["order"][1:]))
        self.assertEqual((self.folder / "choose.jsonl").read_text().count("converted"), lines)
        with self.assertRaises(SystemExit):
            choose.choose(self.config, 4, None)

    def test_stage_1_goes_on_with_the_chosen_layers(self) -> None:
        chosen = choose.choose(self.config, 1, None)
        stage1.train(self.config, None, steps=4)
        saved = common.load_checkpoint(self.folder / "stage1.pt")["twins"]
        self.assertEqual(sorted({int(name.split(".")[0]) for name in saved}), chosen["lightning"])


if __name__ == "__main__":
    unittest.main()
