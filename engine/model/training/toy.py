"""A tiny teacher, random text and a configuration for both: what the tests run the stages on."""

from __future__ import annotations

import signal
import unittest
from pathlib import Path

import numpy as np
import torch

import common
import m1
import stage1
import stage2


def tiny(kinds: list[int]) -> m1.Config:
    """A small pre-norm model."""
    return m1.Config(
        vocab_size=64, hidden_size=24, intermediate_size=40, num_hidden_layers=len(kinds), num_attention_heads=3,
        num_key_value_heads=1, head_dim=8, rotary_dim=8, rope_theta=1e4, max_position_embeddings=256, rms_norm_eps=1e-5,
        num_local_experts=1, num_experts_per_tok=1, attn_type_list=kinds, tie_word_embeddings=True,
    )


def toy(folder: Path) -> dict:
    """A configuration with a random teacher and random text in a folder."""
    torch.set_num_threads(1)  # at this size threads only wait for each other
    config = {
        "paths": {"teacher": folder / "teacher", "work": folder},
        "run": {"seed": 3, "threads": 2, "chunk": 8},
        "data": {"chat_share": 0.0, "weights": {"contracts": 1.0}},
        "stage1": {
            "batch": 2, "length": 24, "learning_rate": 3e-3, "floor": 0.1, "warm_up": 2, "steps": 12, "weight_decay": 0.0,
            "clip": 1.0, "key_scale": 1.0, "value_scale": 1.0, "fit_tokens": 96, "fit_ridge": 1e-2, "evaluate_every": 5,
            "checkpoint_minutes": 60, "held_out": 2,
        },
        "choose": {"softmax_layers": 1, "candidates": 2, "held_out": 2, "length": 24},
        "stage2": {
            "experts": 4, "per_token": 2, "expert_width": 10, "shared_width": 20, "context": 512, "scale": 1.0,
            "directions": 8, "tokens": 960, "length": 48, "held_out": 4, "tolerance": 1e-3,
        },
        "stage3": {
            "trainable": "all", "learning_rate": 3e-3, "floor": 0.1, "warm_up": 2, "weight_decay": 0.01, "clip": 1.0,
            "balance": 0.01, "recompute_from": 64, "vocabulary_rows": 16, "evaluate_every": 4, "checkpoint_minutes": 60,
            "held_out": 2, "held_out_length": 48, "rates": {"experts": 0.5},
            "phases": [
                {"length": 32, "texts": 2, "steps": 5, "language_share": 0.3, "on_grid": False},
                {"length": 64, "texts": 1, "steps": 3, "language_share": 0.5, "on_grid": True},
                # past the 256 that the teacher holds
                {"length": 300, "texts": 1, "steps": 2, "language_share": 0.5, "on_grid": False},
            ],
        },
        "export": {
            "name": "small", "interim": False, "context": 300, "quantize": "q4_k", "on_grid": True, "file_mb": 45, "most_mb": 1, "part_mb": 1,
            "parity_tokens": 40, "held_out": 2, "length": 48,
        },
        "evaluate": {
            "contexts": [400], "long_contexts": [600], "keys": 2, "seed": 1, "speed": [64, 96],
            "depths": {"400": [0.2, 0.8], "600": [0.8]},
            "windows": {"400": 2, "600": 1}, "recall_samples": {"400": 2, "600": 1},
            "long_speed": {"teacher": [], "student": [256]},
        },
    }
    (folder / "teacher").mkdir()
    m1.Model(tiny([m1.SOFTMAX] * 3)).randomise(5).save(folder / "teacher")
    for name in ("tokenizer.json", "generation_config.json", "LICENSE"):
        (folder / "teacher" / name).write_text("{}")
    (folder / "teacher" / "lectern.json").write_text('{"eos_token_ids": [2, 0]}')
    (folder / "data").mkdir()
    sources = {"contracts.train": {"tokens": 2000, "documents": 1, "sources": {"cuad": 1}}}
    common.write_json(folder / "data" / "report.json", {"domains": sources})
    generator = np.random.default_rng(1)
    for side in ("train", "held_out"):
        generator.integers(0, 64, 2000).astype(np.uint16).tofile(folder / "data" / f"contracts.{side}.bin")
    return config


def toy_student(folder: Path) -> dict:
    """A configuration whose stages 1 and 2 have been run, with softmax attention in layer 1."""
    config = toy(folder)
    stage1.train(config, None, steps=3)
    common.write_json(folder / "layers.json", {"softmax": [1]})
    stage2.convert(config)
    return config


def keep_signals(case: unittest.TestCase) -> None:
    """Puts the signal handlers back after a test: a stage takes SIGTERM and Ctrl-C for itself."""
    for number in (signal.SIGTERM, signal.SIGINT):
        case.addCleanup(signal.signal, number, signal.getsignal(number))
