"""What must hold of adapters and stage 4, at toy size: nothing changes at the start, merging is applying, a stop leaves
no trace, only the answer is learnt."""

from __future__ import annotations

import json
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import torch
from safetensors.torch import load_file

import adopt
import card
import common
import engine
import lora
import m1
import merge
import packed
import stage4
import tasks
from toy import keep_signals, tiny
from toy_tasks import toy_tuning

KINDS = [m1.LIGHTNING, m1.SOFTMAX, m1.LIGHTNING]


def model() -> m1.Model:
    """A small random model."""
    return m1.Model(tiny(KINDS), chunk=8).randomise(2)


def stirred(adapters: dict[str, lora.Adapted]) -> None:
    """Gives B values, as after training."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for adapted in adapters.values():
            adapted.lora_B.copy_(torch.randn(adapted.lora_B.shape, generator=generator) * 0.1)


class Adapters(unittest.TestCase):
    ids = torch.arange(40).reshape(2, 20)

    def test_an_adapter_at_the_start_changes_nothing(self) -> None:
        plain, adapted = model(), model()
        adapters = lora.attach(adapted, 4, 8.0, 1)
        self.assertEqual(len(adapters), 3 + 4 + 3)
        self.assertIn("model.layers.1.self_attn.k_proj", adapters)
        torch.testing.assert_close(adapted(self.ids), plain(self.ids), atol=0, rtol=0)

    def test_merged_weights_are_the_applied_adapter(self) -> None:
        adapted = model()
        adapters = lora.attach(adapted, 4, 8.0, 1)
        stirred(adapters)
        applied = adapted(self.ids)
        merged = lora.merge(adapted)
        self.assertEqual(set(merged.state_dict()), set(model().state_dict()))
        torch.testing.assert_close(merged(self.ids), applied, atol=2e-4, rtol=1e-4)
        self.assertGreater((applied - model()(self.ids)).abs().max().item(), 0.01)

    def test_only_adapters_have_gradients(self) -> None:
        adapted = model()
        adapters = lora.attach(adapted, 4, 8.0, 1)
        stirred(adapters)
        adapted(self.ids).sum().backward()
        trained = {id(value) for value in lora.parameters(adapters).values()}
        for value in adapted.parameters():
            self.assertEqual(value.grad is not None, id(value) in trained)

    def test_a_file_holds_what_was_trained(self) -> None:
        one, two = model(), model()
        adapters = lora.attach(one, 4, 8.0, 1)
        stirred(adapters)
        with tempfile.TemporaryDirectory() as folder:
            size = lora.save(Path(folder), adapters, {"base_digest": "x"})
            stored = load_file(Path(folder) / "adapter.safetensors")
            about = json.loads((Path(folder) / "adapter.json").read_text())
            lora.load(Path(folder), lora.attach(two, 4, 8.0, 9))
        self.assertEqual((about["rank"], about["alpha"], about["bytes"]), (4, 8.0, size))
        a = stored["model.layers.0.self_attn.qkv_proj.lora_A.weight"]
        self.assertEqual((a.dtype, tuple(a.shape)), (torch.float16, (4, 24)))
        torch.testing.assert_close(two(self.ids), one(self.ids), atol=2e-2, rtol=2e-2)


class Stage4(unittest.TestCase):
    def setUp(self) -> None:
        keep_signals(self)

    def weights(self, config: dict) -> dict:
        return torch.load(config["paths"]["work"] / "stage4.pt", weights_only=True)

    def test_a_run_that_stopped_goes_on_as_one_that_did_not(self) -> None:
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            config, other = toy_tuning(Path(one)), toy_tuning(Path(two))
            stage4.train(config, None)
            for steps in (2, None):
                stage4.train(other, None, steps)
            whole, parts = self.weights(config), self.weights(other)
            self.assertEqual((whole["step"], whole["tokens"]), (parts["step"], parts["tokens"]))
            for name, value in whole["weights"].items():
                self.assertTrue(torch.equal(value, parts["weights"][name]), name)
            files = [c["paths"]["work"] / "adapter" / "adapter.safetensors" for c in (config, other)]
            self.assertEqual(files[0].read_bytes(), files[1].read_bytes())
            about = json.loads((files[0].parent / "adapter.json").read_text())
            self.assertEqual((about["prompt_version"], about["tokens"]), (0, whole["tokens"]))

    def test_the_loss_is_that_of_the_answer_alone(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            config = toy_tuning(Path(folder))
            examples = tasks.Examples(config)
            small, _ = stage4.load_base(config)
            batch = examples.batch(4, 0, 2)
            sums, count, decisions = 0.0, 0, []
            for e in batch:
                logs = small(e.ids[None])[0].log_softmax(-1)
                decisions += [-logs[place - 1, e.ids[place]].item() for place in e.choices()]
                for place in range(e.prompt, len(e.ids)):
                    sums, count = sums - logs[place - 1, e.ids[place]].item(), count + 1
            adapters = lora.attach(small, 2, 2.0, 1)
            loss, decision, tokens = stage4.gradients(small, batch, 10**6, 0.0)
            self.assertEqual(tokens, count)
            self.assertAlmostEqual(loss, sums / count, places=4)
            self.assertTrue(decisions)
            self.assertAlmostEqual(decision, sum(decisions) / len(decisions), places=4)
            bare = {name: a.lora_B.grad.clone() for name, a in adapters.items()}
            self.assertTrue(any(grad.abs().max() > 0 for grad in bare.values()))
            for a in adapters.values():
                a.lora_B.grad = None
            stage4.gradients(small, batch, 10**6, 3.0)
            self.assertTrue(any(not torch.equal(a.lora_B.grad, bare[name]) for name, a in adapters.items()))

    def test_bf16_is_used_where_the_processor_has_it(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            known = Path(folder) / "cpuinfo"
            self.assertFalse(stage4.has_bf16(known))
            for flags, has in (("fpu avx2 avx512f", False), ("fpu avx512f avx512_bf16 amx", True)):
                known.write_text(f"flags\t\t: {flags}\n")
                self.assertEqual(stage4.has_bf16(known), has)

    def test_products_in_bf16_have_the_same_loss_and_direction(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            config = toy_tuning(Path(folder))
            examples = tasks.Examples(config)
            small, _ = stage4.load_base(config)
            adapters = lora.attach(small, 2, 2.0, 1)
            batch, found = examples.batch(4, 0, 2), []
            for bf16 in (False, True):
                loss, decision, _ = stage4.gradients(small, batch, 10**6, 1.0, bf16)
                found.append((loss, decision, torch.cat([a.lora_B.grad.flatten() for a in adapters.values()])))
                for a in adapters.values():
                    a.lora_B.grad = None
            (loss, decision, exact), (rounded_loss, rounded_decision, rounded) = found
            self.assertAlmostEqual(rounded_loss, loss, delta=0.03 * loss)
            self.assertAlmostEqual(rounded_decision, decision, delta=0.03 * decision)
            self.assertEqual(rounded.dtype, torch.float32)
            self.assertGreater(torch.cosine_similarity(rounded, exact, dim=0).item(), 0.98)

    def test_training_lowers_the_held_out_loss(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            config = toy_tuning(Path(folder))
            config["stage4"] |= {"steps": 25, "evaluate_every": 100, "texts": 1, "rank": 8}
            stage4.train(config, None)
            lines = (config["paths"]["work"] / "stage4.jsonl").read_text().splitlines()
            found = [record for record in map(json.loads, lines) if "held_out_loss" in record]
            self.assertLess(found[-1]["held_out_loss"], found[0]["held_out_loss"])
            self.assertEqual(found[-1]["losses"].keys(), tasks.Examples(config).held_out(1).keys())
            self.assertIn("fields", found[-1]["right_decisions"])

    def test_a_decision_is_right_where_its_token_is_likelier(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            examples = tasks.Examples(toy_tuning(Path(folder)))
        example = next(e for step in range(20) for e in examples.batch(4, step, 1) if e.task == "fields")
        place, right, wrong = example.branch()
        logits = torch.zeros(int(example.mask.sum()), examples.wording.tokenizer.get_vocab_size())
        for token, is_right in ((right, True), (wrong, False)):
            logits[place - example.prompt] = 0.0
            logits[place - example.prompt, token] = 1.0
            none, lean = stage4.decided(example, logits)
            self.assertEqual((none, lean > 0), (example.says_none(), example.says_none() == is_right))

    def test_the_area_does_not_depend_on_the_threshold(self) -> None:
        leans = [(True, 2.0), (True, -1.0), (False, -2.0), (False, 1.0)]
        for shift in (0.0, 9.0, -9.0):
            found = stage4.first_decisions([(none, lean + shift) for none, lean in leans])
            self.assertEqual((found["area"], found["always_none"]), (0.75, 0.5))
        self.assertEqual((found["quote"], found["none"], found["all"]), (1.0, 0.0, 0.5))
        self.assertIsNone(stage4.first_decisions(leans[:2])["area"])

    def test_a_run_may_start_from_an_adapter(self) -> None:
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            config, further = toy_tuning(Path(one)), toy_tuning(Path(two))
            stage4.train(config, None, 2)
            adapter = config["paths"]["work"] / "adapter"
            further["stage4"]["start"] = str(adapter)
            stage4.train(further, None, 0)
            files = [folder / "adapter.safetensors" for folder in (adapter, further["paths"]["work"] / "adapter")]
            self.assertEqual(files[0].read_bytes(), files[1].read_bytes())

    def test_a_merged_folder_is_the_base_with_its_adapter(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            config = toy_tuning(Path(folder))
            config["stage4"] |= {"steps": 3, "evaluate_every": 100}
            stage4.train(config, None)
            work = config["paths"]["work"]
            merged = packed.load(merge.merge(config, work / "adapter", work / "merged"))
            tuned, _ = stage4.load_base(config)
            lora.load(work / "adapter", lora.attach(tuned, 4, 8.0, 1))
            ids = torch.arange(30)[None]
            torch.testing.assert_close(merged(ids), tuned(ids), atol=2e-4, rtol=1e-4)
            self.assertEqual(json.loads((work / "merged/lectern.json").read_text())["name"], "small-adapter")
            said = json.loads((work / "adapter/adapter.json").read_text())
            (work / "adapter/adapter.json").write_text(json.dumps(said | {"base_digest": "another"}))
            with self.assertRaises(SystemExit):
                merge.merge(config, work / "adapter", work / "merged")

    @unittest.skipUnless(os.environ.get("LECTERN_BIN"), "no lectern binary")
    def test_a_model_s_folder_can_be_the_base(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            config = toy_tuning(Path(folder))
            config["stage4"]["base"] = str(config["paths"]["work"] / "student")
            found, digest = stage4.load_base(config)
            work = config["paths"]["work"]
            self.assertEqual(digest, engine.digest(engine.binary(None), work / "student"))
            self.assertEqual(
                set(found.state_dict()), set(packed.load(work / "student").state_dict())
            )


def stated(loss: float, quote: float, none: float) -> dict:
    """Figures as stage 4 logs them."""
    share = {"all": 0.6, "quote": quote, "none": none, "always_none": 0.4}
    losses = {"quoting": loss, "topics": loss}
    return {"held_out_loss": loss, "losses": losses, "right_decisions": {"quoting": share, "fields": share}}


class Adoption(unittest.TestCase):
    def test_only_an_adapter_that_is_better_is_taken_in(self) -> None:
        before, after = stated(2.0, 1.0, 0.0), stated(1.0, 0.8, 0.6)

        def asked(absent: tuple[float, float], present: tuple[float, float]) -> dict:
            return {"measures": {"absent: said not in the document": absent, "present: a labelled passage given": present}}

        better, other = asked((0.8, 0.9), (0.0, 0.5)), {"measures": {"action recall": (0.0, 1.0)}}
        self.assertIsNone(adopt.fault(before, after, [better, other]))
        self.assertIn("loss", adopt.fault(before, stated(2.0, 0.8, 0.6), [better]))
        self.assertIn("0.500 after", adopt.fault(before, after, [asked((0.2, 1.0), (0.1, 0.0))]))
        self.assertIn("0.700 before", adopt.fault(before, after, [asked((0.8, 0.6), (0.6, 0.7))]))
        self.assertIn("--measured", adopt.fault(before, after, [other]))
        self.assertAlmostEqual(adopt.answered([better, asked((0.5, 0.5), (0.5, 0.5))])[1], 0.6)

    def test_the_base_is_measured_as_it_is_and_with_its_adapter(self) -> None:
        """Also in bf16, where weights once rounded were measured again in place of those with the adapter."""
        with tempfile.TemporaryDirectory() as folder:
            config = toy_tuning(Path(folder))
            keep_signals(self)
            stage4.train(config, None)
            logged = [line for line in card.records(config["paths"]["work"] / "stage4.jsonl") if "event" in line]
            of = {line["event"]: line["held_out_loss"] for line in logged if "held_out_loss" in line}
            for bf16 in (False, True):
                with mock.patch.object(stage4, "in_bf16", return_value=bf16):
                    before, after = adopt.figures(config, config["paths"]["work"] / "adapter", 2)
                self.assertAlmostEqual(before["held_out_loss"], of["start"], delta=0.02 if bf16 else 5e-4)
                self.assertAlmostEqual(after["held_out_loss"], of["stop"], delta=0.02)  # the file's weights are in f16
                self.assertNotEqual(before, after)

    def test_what_is_taken_in_is_named_and_stands_in_the_card(self) -> None:
        report = {"documents": 2, "each": [{}] * 9, "measures": {"absent": 0.25, "only here": 1.0}}
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            made, kept = Path(one), Path(two)
            lora.save(made, lora.attach(model(), 4, 8.0, 1), {"licence": "MIT", "steps": 7, "tokens": 9100})
            common.write_json(kept / "lectern.json", {"name": "small", "interim": True})
            common.write_json(made / "b.json", report)
            common.write_json(made / "a.json", report | {"measures": {"absent": 0.75}})
            asked = [adopt.measured("Questions", made / "b.json", made / "a.json")]
            said = {"machine": "a desk", "hours": 1.0, "went_on": True, "length": 64, "weights": {"quoting": 1.0}}
            said |= {"documents": {"cuad": 3}}
            figures = {"before": stated(2.0, 1.0, 0.0), "after": stated(1.0, 0.8, 0.6), "held_out_examples": 5}
            adopt.place(made, kept, said | figures | {"measured": asked})
            named = json.loads((kept / "lectern.json").read_text())
            self.assertEqual(named, {"name": "small", "interim": True, "adapter": "adapter"})
            self.assertEqual((kept / "adapter/adapter.json").read_text(), (made / "adapter.json").read_text())
            text = card.tuning(kept)
            decision = {"decision": {"lean": 0.5, "evidence": 2.0, "bias": -1.5}}
            right = {"right": {"model": 0.5, "rules": 0.75, "both": 0.76}, "right_as_it_was": 0.4}
            about = json.loads((kept / "adapter/adapter.json").read_text()) | decision
            about["decision_fitted"] = right | {"documents": 3, "questions": 18}
            common.write_json(kept / "adapter/adapter.json", about)
            weighed = card.tuning(kept)
            (kept / "adapter/tuning.json").unlink()
            self.assertEqual(card.tuning(kept), "")
        for part in ("| quoting | 2.000 | 1.000 | 1.00 | 0.80 | 0.00 | 0.60 | 0.40 |", "7 steps, 9,100 tokens", "CC BY 4.0",
                     "| topics | 2.000 | 1.000 | - | - | - | - | - |", "Questions (9 answers on 2 documents)",
                     "| absent | 0.250 | 0.750 |", "an earlier run"):
            self.assertIn(part, text)
        self.assertNotIn("only here", text)
        self.assertNotIn("decide.py", text)
        for part in ("0.5 times the model's, plus 2 times theirs, -1.5", "18 questions to 3 whole", "| both | 0.760 |"):
            self.assertIn(part, weighed)


if __name__ == "__main__":
    unittest.main()
