"""What must hold of export and evaluation, at toy size. The engine is stood in for by this code's own model, except in
the tests that run only where there is a lectern binary."""

from __future__ import annotations

import json
import shutil
import tempfile
import unittest
import xml.etree.ElementTree as Xml
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from safetensors.torch import save_file

import card
import engine
import evaluate
import export
import grid
import m1
import packed
import plot
import recall
import stage3
from toy import keep_signals, toy_student


def lectern() -> Path | None:
    """The binary, where there is one."""
    try:
        return engine.binary(None)
    except SystemExit:
        return None


def stand_in(_: Path, command: str, *arguments: object) -> str:
    """What the engine's command line would do, in Python."""
    given = dict(zip(map(str, arguments[0::2]), arguments[1::2], strict=False))
    if command == "convert":
        shutil.copytree(given["--model"], given["--out"])
    if command == "logits":
        ids = torch.tensor(json.loads(Path(given["--ids"]).read_text()))[None]
        with torch.no_grad():
            save_file({"logits": m1.Model.load(given["--model"], 16)(ids)[0]}, given["--out"])
    if command == "bench":
        measure = {"tokens": given["--lengths"], "prefill_tokens_s": 10.0, "decode_tokens_s": 1.0, "state_bytes": 99}
        machine = {"kernel": "none", "threads": 1}
        return json.dumps({"measures": [measure], "machine": machine, "peak_memory_bytes": 1})
    return ""


class Trained(unittest.TestCase):
    def setUp(self) -> None:
        keep_signals(self)
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.config = toy_student(self.folder)

    def trained(self) -> m1.Model:
        stage3.train(self.config, None, steps=2)
        return stage3.load(self.config)[0]


class Export(Trained):
    def test_the_exported_folder_is_the_trained_student(self) -> None:
        student, ids = self.trained(), torch.arange(50)[None]
        with mock.patch.object(engine, "run", stand_in):
            report = export.export(self.config, Path("unused"))
        for name in ("export", "small"):
            read = m1.Model.load(self.folder / name, 8)
            torch.testing.assert_close(read(ids), student(ids), atol=0, rtol=0)
            for file in (*export.COPIED, "lectern.json"):
                self.assertTrue((self.folder / name / file).is_file(), file)
        self.assertEqual([row["tokens"] for row in card.recorded(self.folder / "small")["stages"]], [144, 128])
        Xml.fromstring((self.folder / "small" / "losses.svg").read_text())
        self.assertEqual(report["stage3_tokens"], 128)
        self.assertAlmostEqual(report["held_out_loss"], report["held_out_loss_quantised"], places=4)

    def test_an_engine_that_computes_otherwise_fails_the_export(self) -> None:
        def wrong(lectern: Path, model: Path, ids: torch.Tensor) -> torch.Tensor:
            return torch.zeros(ids.numel(), 64)

        with mock.patch.object(engine, "run", stand_in), mock.patch.object(engine, "logits", wrong):
            with self.assertRaisesRegex(SystemExit, "not this code's"):
                export.export(self.config, Path("unused"))
        self.assertTrue(json.loads((self.folder / "export.json").read_text())["faults"])

    def test_a_model_too_large_to_ship_fails_the_export(self) -> None:
        self.config["export"] |= {"most_mb": 0.01, "part_mb": 0.02}
        with mock.patch.object(engine, "run", stand_in):
            with self.assertRaisesRegex(SystemExit, "are allowed(.|\n)*are allowed"):
                export.export(self.config, Path("unused"))

    @unittest.skipUnless(lectern(), "no lectern binary; build one or set LECTERN_BIN")
    def test_the_engine_computes_what_this_code_does(self) -> None:
        self.trained()
        report = export.export(self.config, lectern())
        self.assertLess(report["parity"]["largest_difference"], 5e-4)
        self.assertEqual(report["parity"]["argmax_agreement"], 1.0)


class Packed(unittest.TestCase):
    def config(self) -> m1.Config:
        """Wide enough to be packed: inputs in groups of 32, outputs that do not fill a panel of 16."""
        return m1.Config(
            vocab_size=75, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, head_dim=32, rotary_dim=32, rope_theta=1e4, max_position_embeddings=256,
            rms_norm_eps=1e-5, num_local_experts=4, num_experts_per_tok=2, attn_type_list=[0, 1],
            shared_intermediate_size=32, tie_word_embeddings=True,
        )

    @unittest.skipUnless(lectern(), "no lectern binary; build one or set LECTERN_BIN")
    def test_the_engines_weights_are_read_as_the_engine_reads_them(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "whole").mkdir()
        model = m1.Model(self.config()).randomise(3, 0.1)
        model.save(folder / "whole")
        ids = torch.randint(0, 75, (1, 60), generator=torch.Generator().manual_seed(1))
        for scheme, most in (("q8_0", 0.02), ("q4_k", 0.2)):
            engine.convert(lectern(), folder / "whole", folder / scheme, scheme, 45)
            read = packed.load(folder / scheme)
            for (name, got), wanted in zip(read.named_parameters(), model.parameters(), strict=True):
                self.assertLess((got - wanted).norm() / wanted.norm(), 0.1, name)
            apart = (read(ids)[0] - engine.logits(lectern(), folder / scheme, ids)).abs().mean()
            self.assertLess(apart, most)  # the engine rounds what enters a product to eight bits; this code does not

    @unittest.skipUnless(lectern(), "no lectern binary; build one or set LECTERN_BIN")
    def test_weights_on_the_grid_lose_nothing_in_the_engine(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "whole").mkdir()
        model = m1.Model(self.config()).randomise(3, 0.1)
        before = [parameter.clone() for parameter in model.parameters()]
        with grid.OnGrid(model):
            model.save(folder / "whole")
            engine.convert(lectern(), folder / "whole", folder / "few", "q4_k", 45)
            read = dict(packed.load(folder / "few").named_parameters())
            for name, wanted in model.named_parameters():
                if not name.endswith("embed_tokens.weight"):  # eight bits, off this grid
                    torch.testing.assert_close(read[name], wanted, atol=1e-6, rtol=1e-4, msg=name)
        for exact, parameter in zip(before, model.parameters(), strict=True):
            self.assertTrue(torch.equal(exact, parameter))

    def test_blocks_of_another_size_are_refused(self) -> None:
        with self.assertRaises(ValueError):
            packed.unpack(torch.zeros(1, 1, 300, dtype=torch.uint8), 16)


def encode(text: str) -> list[int]:
    """A tokenizer of one token a character."""
    return [ord(c) % 64 for c in text]


class Evaluation(Trained):
    def run_all(self, long: bool = False, minutes: float | None = None) -> dict:
        with mock.patch.object(engine, "run", stand_in):
            return evaluate.evaluate(self.config, self.folder / "small", Path("unused"), long, minutes, encode)

    def setUp(self) -> None:
        super().setUp()
        self.trained()
        with mock.patch.object(engine, "run", stand_in):
            export.export(self.config, Path("unused"))

    def test_every_measure_is_taken_for_both_models_and_stands_in_the_card(self) -> None:
        measures = self.run_all(long=True)
        self.assertEqual({n for n in measures if n.startswith("loss")}, {
            f"loss/{context}/contracts/{model}" for context in (400, 600) for model in ("teacher", "student")
        })
        self.assertEqual(sum(name.startswith("recall/") for name in measures), 6)
        self.assertEqual(sum(name.startswith("speed/") for name in measures), 5)
        text = (self.folder / "small" / "MODEL_CARD.md").read_text()
        for part in ("| contracts | 400 |", "| multi-key, student | 600 |", "| 256 |", "CC BY 4.0", "LSL", "continuing"):
            self.assertIn(part, text)
        self.assertRegex(text, r"\| needle, student \| 600 \| - \| \d")  # not asked at that depth; the column stays

    def test_a_model_without_its_training_is_measured_where_it_lies(self) -> None:
        elsewhere = Path(self.enterContext(tempfile.TemporaryDirectory()))
        shutil.copytree(self.folder / "small", elsewhere / "model")
        (self.folder / "small").rename(self.folder / "moved")
        for log in self.folder.glob("stage*"):
            log.unlink()
        with mock.patch.object(engine, "run", stand_in):
            evaluate.evaluate(self.config, elsewhere / "model", Path("unused"), False, None, encode)
        self.assertIn("| 3, distillation | 128 |", (elsewhere / "model" / "MODEL_CARD.md").read_text())

    def test_an_evaluation_that_was_stopped_goes_on_and_repeats_nothing(self) -> None:
        with self.assertRaisesRegex(SystemExit, "goes on"):
            self.run_all(minutes=0)
        measures = self.run_all()
        with mock.patch.object(m1, "language_loss", side_effect=AssertionError("measured again")):
            self.assertEqual(self.run_all(), measures)

    def test_other_weights_are_measured_anew(self) -> None:
        measures = self.run_all()
        stage3.train(self.config, None, steps=4)
        with mock.patch.object(engine, "run", stand_in):
            export.export(self.config, Path("unused"))
        self.assertNotEqual(self.run_all()["loss/400/contracts/student"], measures["loss/400/contracts/student"])


class Recall(unittest.TestCase):
    def test_the_fact_stands_at_its_depth_and_the_answer_at_the_end(self) -> None:
        text = torch.full((400,), 63)
        for depth in (0.0, 0.5, 1.0):
            asked = recall.question(text, encode, depth, 1, np.random.default_rng(3))
            self.assertEqual(len(asked.ids), 400)
            (subject, value), = recall.statements(np.random.default_rng(3), 1)
            ids, fact = asked.ids.tolist(), encode(subject + value)
            self.assertEqual(ids[-len(fact):], fact)
            start = next(at for at in range(400) if ids[at : at + len(fact)] == fact)
            self.assertAlmostEqual(start, depth * (400 - 2 * len(fact)), delta=8)

    def test_among_several_facts_subjects_differ(self) -> None:
        facts = recall.statements(np.random.default_rng(1), 12)
        self.assertEqual(len({subject for subject, _ in facts}), 12)

    def test_a_model_that_writes_the_answer_recalls_it(self) -> None:
        asked = recall.Question(torch.tensor([5, 9, 1, 2, 3]), 2)

        class Knows:
            head = torch.eye(10)

            def hidden(self, ids: torch.Tensor) -> tuple[torch.Tensor, None]:
                return torch.eye(10)[torch.tensor([[9, 1, 2, self.last, 0]])], None

        model = Knows()
        for model.last, expected in ((3, (True, 1.0)), (4, (False, 0.5))):
            self.assertEqual(recall.recalled(model, asked), expected)


class Plot(unittest.TestCase):
    def test_ticks_are_few_and_inside(self) -> None:
        for low, high in ((2.6, 5.1), (0.0, 1.0), (0, 480), (0, 12), (2.61, 2.64), (0, 1000)):
            found = plot.ticks(low, high)
            self.assertTrue(2 <= len(found) <= 12, (low, high, found))
            self.assertTrue(all(low <= tick <= high for tick in found), (low, high, found))

    def test_a_panel_without_points_says_so(self) -> None:
        self.assertIn("no run yet", plot.svg({"Stage 3": {"loss": []}}))


if __name__ == "__main__":
    unittest.main()
