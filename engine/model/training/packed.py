"""Reads a model that the engine has quantised, so that what is shipped can be measured by this code.

A packed matrix is a U8 tensor [panels, groups, bytes of a block]: 16 outputs a panel, 32 inputs a group. A block holds
the integers, then 16 scales and, with four bits, 16 offsets in f16: weight = scale * q - offset. Four inputs of an output
lie side by side, then those of the next output; of four bits, a byte holds the inputs k and k + 16.
(`engine/model/src/quant/pack.rs`)
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

import m1

PANEL, GROUP = 16, 32
FOUR, EIGHT = PANEL * GROUP // 2 + 4 * PANEL, PANEL * GROUP + 2 * PANEL  # bytes of a block


def unpack(blocks: Tensor, outputs: int) -> Tensor:
    """The matrix [outputs, inputs] in f32."""
    panels, groups, size = blocks.shape
    if size not in (FOUR, EIGHT):
        raise ValueError(f"blocks of {size} bytes are neither of four nor of eight bits")
    count = PANEL * GROUP // (2 if size == FOUR else 1)
    factors = blocks[..., count:].contiguous().view(torch.float16).float().reshape(panels, groups, -1, PANEL, 1)
    integers = blocks[..., :count].reshape(panels, groups, -1, PANEL, 4).transpose(2, 3)  # [.., output, step, 4]
    if size == FOUR:
        integers = torch.cat([integers & 15, integers >> 4], dim=3)
        values = integers.reshape(panels, groups, PANEL, GROUP).float() * factors[:, :, 0] - factors[:, :, 1]
    else:
        integers = integers.contiguous().view(torch.int8)
        values = integers.reshape(panels, groups, PANEL, GROUP).float() * factors[:, :, 0]
    return values.transpose(1, 2).reshape(panels * PANEL, groups * GROUP)[:outputs]


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a model's weights, packed or not."""
    return sorted(Path(folder).glob("*.safetensors"))


def load(folder: Path, chunk: int = 64) -> m1.Model:
    """A model from a folder in any number of files; every tensor must be there and no other."""
    model = m1.Model(m1.Config.read(Path(folder) / "config.json"), chunk)
    own, found = model.state_dict(), {}
    for path in weight_files(folder):
        for name, value in load_file(path).items():
            is_packed = value.dtype == torch.uint8 and name in own
            found[name] = unpack(value, own[name].shape[0]) if is_packed else value
    model.load_state_dict(found, strict=True)
    return model
