"""What must hold of export and evaluation, at toy size. The engine is stood in for by this code's own model, except in
the tests that run only where there is a lectern binary."""

from __future__ import annotations

import json
import shutil
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import torch
from safetensors.torch import save_file

import engine
import export
import m1
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


class Product(unittest.TestCase):
    def setUp(self) -> None:
        keep_signals(self)
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.config = toy_student(self.folder)

    def trained(self) -> m1.Model:
        stage3.train(self.config, None, steps=2)
        return stage3.load(self.config)[0]

    def test_the_exported_folder_is_the_trained_student(self) -> None:
        student, ids = self.trained(), torch.arange(50)[None]
        with mock.patch.object(engine, "run", stand_in):
            report = export.export(self.config, Path("unused"))
        for name in ("export", "small"):
            read = m1.Model.load(self.folder / name, 8)
            torch.testing.assert_close(read(ids), student(ids), atol=0, rtol=0)
            for file in (*export.COPIED, "lectern.json", "MODEL_CARD.md"):
                self.assertTrue((self.folder / name / file).is_file(), file)
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


if __name__ == "__main__":
    unittest.main()
