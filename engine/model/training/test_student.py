"""What must hold of the choice of layers, the experts and the distillation, at toy size."""

from __future__ import annotations

import copy
import json
import tempfile
import unittest
from pathlib import Path

import torch
import torch.nn.functional as F

import card
import choose
import common
import m1
import restore
import stage1
import stage2
import stage3
from data import Text
from toy import keep_signals, toy, toy_student


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


class Distillation(unittest.TestCase):
    def setUp(self) -> None:
        keep_signals(self)

    def student(self) -> dict:
        return toy_student(Path(self.enterContext(tempfile.TemporaryDirectory())))

    def weights(self, config: dict) -> dict:
        return common.load_checkpoint(config["paths"]["work"] / "stage3.pt")["weights"]

    def records(self, config: dict) -> list[dict]:
        return [json.loads(line) for line in (config["paths"]["work"] / "stage3.jsonl").read_text().splitlines()]

    def test_gradients_are_those_of_the_loss(self) -> None:
        config = self.student()
        config["stage3"]["trainable"] = "everything"
        teacher = m1.Model.load(config["paths"]["teacher"], 8).requires_grad_(False)
        one, _ = stage3.load(config)
        two = copy.deepcopy(one)
        ids = torch.randint(0, 64, (2, 40), generator=torch.Generator().manual_seed(2))
        losses = stage3.gradients(one, teacher, ids, 0.3, config["stage3"])
        hidden, balance = two.hidden(ids)
        logs = F.linear(hidden[:, :-1], two.head).flatten(0, 1).log_softmax(-1)
        language = F.nll_loss(logs, ids[:, 1:].flatten())
        kl = F.kl_div(logs, teacher(ids)[:, :-1].flatten(0, 1).log_softmax(-1), reduction="batchmean", log_target=True)
        (0.3 * language + 0.7 * kl + 0.01 * balance).backward()
        self.assertAlmostEqual(losses["language"], language.item(), places=4)
        self.assertAlmostEqual(losses["kl"], kl.item(), places=4)
        for (name, got), wanted in zip(one.named_parameters(), two.parameters(), strict=True):
            torch.testing.assert_close(got.grad, wanted.grad, atol=2e-5, rtol=1e-3, msg=name)

    def test_recomputed_activations_give_the_same_gradients(self) -> None:
        config = self.student()
        teacher = m1.Model.load(config["paths"]["teacher"], 8).requires_grad_(False)
        ids = torch.randint(0, 64, (1, 40), generator=torch.Generator().manual_seed(2))
        models = [stage3.load(config)[0] for _ in range(2)]
        for model, start in zip(models, (16, 64), strict=True):
            stage3.gradients(model, teacher, ids, 0.3, config["stage3"] | {"recompute_from": start})
        for one, two in zip(*(model.model.layers.parameters() for model in models), strict=True):
            torch.testing.assert_close(one.grad, two.grad)

    def test_a_run_that_stopped_goes_on_as_one_that_did_not(self) -> None:
        one, two = self.student(), self.student()
        stage3.train(one, None)
        for steps in (2, 6, 9, None):
            stage3.train(two, None, steps=steps)
        whole, parts = self.weights(one), self.weights(two)
        self.assertEqual(whole.keys(), parts.keys())
        for name in whole:
            self.assertTrue(torch.equal(whole[name], parts[name]), name)

    def test_texts_grow_and_the_teacher_is_asked_only_for_what_it_can_read(self) -> None:
        config = self.student()
        stage3.train(config, None)
        steps = [r for r in self.records(config) if "length" in r]
        self.assertEqual([r["length"] for r in steps], [32] * 5 + [64] * 3 + [300] * 2)
        self.assertEqual(["kl" in r for r in steps], [True] * 8 + [False] * 2)
        self.assertEqual(self.records(config)[-1]["tokens"], 5 * 64 + 3 * 64 + 2 * 300)

    def test_the_student_comes_nearer_to_its_teacher(self) -> None:
        config = self.student()
        config["stage3"]["phases"] = [{"length": 32, "texts": 4, "steps": 40, "language_share": 0.0, "on_grid": False}]
        stage3.train(config, None)
        losses = [r["kl"] for r in self.records(config) if "kl" in r]
        self.assertLess(sum(losses[-5:]), 0.8 * sum(losses[:5]))

    def test_a_checkpoint_of_another_student_is_refused(self) -> None:
        config = self.student()
        stage3.train(config, None, steps=1)
        config["stage2"]["scale"] = 2.0
        stage2.convert(config)
        with self.assertRaisesRegex(SystemExit, "another student"):
            stage3.train(config, None)

    def test_only_what_is_to_be_trained_changes(self) -> None:
        config = self.student()
        config["stage3"]["trainable"] = "attention"
        stage3.train(config, None, steps=2)
        before = m1.Model.load(config["paths"]["work"] / "student").state_dict()
        after, found = stage3.load(config)
        changed = {name for name, value in after.state_dict().items() if not torch.equal(value, before[name])}
        self.assertEqual(changed, set(found["weights"]))
        self.assertFalse(any("experts" in name or "embed" in name or "shared_mlp" in name for name in changed))
        self.assertTrue(any("gate.weight" in name for name in changed))


class Restoring(unittest.TestCase):
    def setUp(self) -> None:
        keep_signals(self)
        self.before = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        there = toy(self.before)
        stage1.train(there, None, steps=3)
        self.order = choose.choose(there, 1, None)["order"]
        stage2.convert(there)
        stage3.train(there, None, steps=2)
        (self.folder / "data").symlink_to(self.before / "data")
        self.config = {**there, "paths": {**there["paths"], "work": self.folder.resolve()}}

    def test_a_layer_given_back_is_the_teachers_and_all_else_is_as_trained(self) -> None:
        restore.restore(self.config, self.before, 2)
        trained, _ = stage3.load({**self.config, "paths": {**self.config["paths"], "work": self.before}})
        teacher, whole = m1.Model.load(self.config["paths"]["teacher"], 8), stage3.load(self.config)[0]
        back = self.order[1]  # converted last of the two that had been
        kinds = [m1.LIGHTNING if at == self.order[0] else m1.SOFTMAX for at in range(3)]
        self.assertEqual(whole.config.attn_type_list, kinds)
        parts = (f"model.layers.{back}.self_attn.", f"model.layers.{back}.input_layernorm.")
        for name, value in whole.state_dict().items():
            source = teacher if name.startswith(parts) else trained
            self.assertTrue(torch.equal(value, source.state_dict()[name]), name)

    def test_stage_3_starts_anew_with_it_and_the_card_keeps_what_went_before(self) -> None:
        report = restore.restore(self.config, self.before, 2)
        self.assertEqual(report["tokens_before"], 128)
        stage3.train(self.config, None, steps=1)
        self.assertEqual(common.load_checkpoint(self.folder / "stage3.pt")["step"], 1)
        rows = {(row["stage"], row["tokens"]) for row in card.stages(self.folder)}
        self.assertLessEqual({("3, before layers were given back", 128), ("3, distillation", 64)}, rows)

    def test_a_restored_student_may_be_restored_again(self) -> None:
        restore.restore(self.config, self.before, 2)
        stage3.train(self.config, None, steps=1)
        third = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (third / "data").symlink_to(self.before / "data")
        config = {**self.config, "paths": {**self.config["paths"], "work": third.resolve()}}
        report = restore.restore(config, self.folder, 3)
        self.assertEqual((report["tokens_before"], report["softmax"]), (192, [0, 1, 2]))
        stage3.train(config, None, steps=1)
        self.assertEqual(sum("given back" in row["stage"] for row in card.stages(third)), 2)

    def test_softmax_layers_are_not_taken_away(self) -> None:
        with self.assertRaisesRegex(SystemExit, "already"):
            restore.restore(self.config, self.before, 0)

    def test_the_trained_students_folder_is_not_written_over(self) -> None:
        with self.assertRaisesRegex(SystemExit, "another work folder"):
            restore.restore(self.config, self.folder, 2)


if __name__ == "__main__":
    unittest.main()