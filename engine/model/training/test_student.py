"""What must hold of the choice of layers, the experts and the distillation, at toy size."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path

import torch

import common
import choose
import m1
import stage1
import stage2
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


class Experts(unittest.TestCase):
    def setUp(self) -> None:
        keep_signals(self)
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.config = toy(self.folder)
        stage1.train(self.config, None, steps=3)
        common.write_json(self.folder / "layers.json", {"softmax": [1]})

    def cut(self) -> tuple[m1.Model, m1.Model]:
        dense = stage2.dense_student(self.config, m1.Model.load(self.config["paths"]["teacher"], 8))
        return dense, stage2.build(dense, self.config, Text(self.config).batch(2, 0, 20, 48))

    def test_the_cut_student_computes_what_it_did(self) -> None:
        for shared, width in ((20, 10), (0, 20)):
            self.config["stage2"] |= {"shared_width": shared, "expert_width": width}
            dense, student = self.cut()
            self.assertEqual(student.config.attn_type_list, [0, 1, 0])
            ids = torch.randint(0, 64, (3, 100), generator=torch.Generator().manual_seed(4))
            torch.testing.assert_close(student(ids), dense(ids), atol=1e-4, rtol=0)

    def test_both_sets_are_used_by_about_half_of_the_tokens(self) -> None:
        _, student = self.cut()
        use = stage2.expert_use(student, [Text(self.config).batch(2, 1, 20, 48)])
        for first, second, third, fourth in use:
            self.assertEqual((first, third), (second, fourth))  # the sets are whole
            self.assertTrue(0.2 < first < 0.3, use)

    def test_a_set_holds_every_neuron_once(self) -> None:
        dense, student = self.cut()
        whole, block = dense.model.layers[0].block_sparse_moe.experts[0], student.model.layers[0]
        for parts in (block.block_sparse_moe.experts[:2], block.block_sparse_moe.experts[2:]):
            rows = torch.cat([block.shared_mlp.gate_proj.weight, *[part.w1.weight for part in parts]])
            self.assertTrue(torch.equal(rows.sort(0).values, whole.w1.weight.sort(0).values))

    def test_the_written_student_is_the_built_one(self) -> None:
        report = stage2.convert(self.config)
        self.assertLess(report["largest_difference"], 1e-3)
        student = m1.Model.load(self.folder / "student", 8)
        loss = m1.language_loss(student, Text(self.config).mixed_held_out(4, 48))
        self.assertAlmostEqual(loss, report["held_out_loss"], places=5)

    def test_widths_that_do_not_add_up_are_refused(self) -> None:
        self.config["stage2"]["expert_width"] = 12
        with self.assertRaises(SystemExit):
            stage2.convert(self.config)


if __name__ == "__main__":
    unittest.main()
