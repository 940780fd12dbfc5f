"""Low-rank adapters on the attention's maps (Hu et al. 2021, "LoRA", eq. 3): y = W x + (alpha / r) B A x, A [r, in],
B [out, r], B zero at the start. W stays as it is.

An adapter is two files: `adapter.safetensors`, f16, with `<module>.lora_A.weight` and `<module>.lora_B.weight` for each
adapted module of the M1 layout, and `adapter.json`, which says on what weights and words it was trained. The engine reads
both (`engine/model/src/adapter.rs`): `format`, `rank`, `alpha`, `modules`, `base_digest` (what `lectern model digest`
prints of the base's folder) and `name` are its; `digest`, `bytes` and the rest are for training and for people.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import common
import grid
import m1

TARGETS = ("qkv_proj", "out_proj", "output_gate", "q_proj", "k_proj", "v_proj", "o_proj")
MOST_BYTES = 40_000_000


class Adapted(nn.Module):
    """A map with an adapter beside it."""

    def __init__(self, base: nn.Linear, rank: int, alpha: float, generator: torch.Generator):
        super().__init__()
        outputs, inputs = base.weight.shape
        self.base, self.scale = base, alpha / rank
        # Kaiming as for a map of its own (bound 1 / sqrt(in)); B zero, so that the model is unchanged at first.
        start = (torch.rand(rank, inputs, generator=generator) * 2 - 1) / math.sqrt(inputs)
        self.lora_A, self.lora_B = nn.Parameter(start), nn.Parameter(torch.zeros(outputs, rank))

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] to [..., out]."""
        return self.base(x) + F.linear(F.linear(x, self.lora_A), self.lora_B) * self.scale


def attach(model: m1.Model, rank: int, alpha: float, seed: int) -> dict[str, Adapted]:
    """Freezes the model and puts an adapter on each of its attention maps; returns them by the map's name."""
    model.requires_grad_(False)
    generator, made = torch.Generator().manual_seed(seed), {}
    for layer, block in enumerate(model.model.layers):
        for name in TARGETS:
            base = getattr(block.self_attn, name, None)
            if base is not None:
                adapted = Adapted(base, rank, alpha, generator)
                setattr(block.self_attn, name, adapted)
                made[f"model.layers.{layer}.self_attn.{name}"] = adapted
    return made


def parameters(adapters: dict[str, Adapted]) -> dict[str, nn.Parameter]:
    """What is trained, by the names it has in the file."""
    parts = (
        (f"{name}.{part}.weight", getattr(a, part)) for name, a in adapters.items() for part in ("lora_A", "lora_B")
    )
    return dict(parts)


@torch.no_grad()
def merge(model: m1.Model) -> m1.Model:
    """Adds each adapter to its map and takes it off again: W + (alpha / r) B A."""
    for block in model.model.layers:
        for name in TARGETS:
            adapted = getattr(block.self_attn, name, None)
            if isinstance(adapted, Adapted):
                adapted.base.weight += adapted.scale * adapted.lora_B @ adapted.lora_A
                setattr(block.self_attn, name, adapted.base)
    return model


@torch.no_grad()
def settle(model: m1.Model) -> None:
    """Rounds the frozen weights to the four bits they ship in, for good. The embedding's eight bits are left aside."""
    for parameter in grid.packable(model):
        parameter.copy_(grid.rounded(parameter))


def save(folder: Path, adapters: dict[str, Adapted], about: dict) -> int:
    """Writes both files, each atomically, the description last; returns the bytes of the weights."""
    folder.mkdir(exist_ok=True)
    tensors = {name: value.detach().half().contiguous() for name, value in parameters(adapters).items()}
    beside = folder / "adapter.safetensors.partial"
    save_file(tensors, beside, metadata={"format": "pt"})
    size = beside.stat().st_size
    if size > MOST_BYTES:
        beside.unlink()
        raise SystemExit(
            f"the adapter has {size / 1e6:.1f} MB, at most {MOST_BYTES / 1e6:.0f} are allowed: lower the rank"
        )
    beside.replace(folder / "adapter.safetensors")
    one = next(iter(adapters.values()))
    shape = {
        "format": 1,
        "rank": one.lora_A.shape[0],
        "alpha": one.scale * one.lora_A.shape[0],
        "modules": sorted(adapters),
    }
    digest = common.digest([folder / "adapter.safetensors"])
    common.write_json(folder / "adapter.json", shape | {"digest": digest, "bytes": size} | about)
    return size


def said_of(folder: Path, base: str) -> dict:
    """What adapter.json says; refuses an adapter that was trained on another base than that of the digest."""
    said = json.loads((folder / "adapter.json").read_text())
    if said["base_digest"] != base:
        raise SystemExit(f"{folder} was trained on another base")
    return said


@torch.no_grad()
def load(folder: Path, adapters: dict[str, Adapted]) -> None:
    """Reads an adapter's weights into a model that has adapters of the same shape."""
    found, own = load_file(folder / "adapter.safetensors"), parameters(adapters)
    if found.keys() != own.keys():
        raise SystemExit(f"{folder} has adapters on other maps than this model")
    for name, value in found.items():
        own[name].copy_(value.float())
