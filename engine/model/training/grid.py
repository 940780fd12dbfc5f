"""The engine's four-bit grid, for training on it: 32 inputs of an output share a scale and an offset, in f16.

Rounding trained weights to four bits when all is done cost 0.07 nats here. In the phases that say so, the student reads
and learns with weights on the grid, while the optimiser keeps moving the exact ones behind them. Export then writes the
weights on the grid, where the engine's converter finds them again as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

import m1

GROUP, LEVELS = 32, 15
EXACT = ("block_sparse_moe.gate.weight", "coefficient.weight", "embed_tokens.weight", "lm_head.weight")


@torch.no_grad()
def rounded(weight: Tensor) -> Tensor:
    """The weights on the grid that spans each group's range."""
    groups = weight.reshape(-1, GROUP)
    low = groups.amin(1, keepdim=True)
    scale = ((groups.amax(1, keepdim=True) - low) / LEVELS).half().float()
    offset = (-low).half().float()
    values = groups.add(offset).mul_(1.0 / scale.clamp(min=1e-12)).round_().clamp_(0, LEVELS)
    return values.mul_(scale).sub_(offset).reshape(weight.shape)


def packable(student: m1.Model) -> list[nn.Parameter]:
    """The matrices that the engine keeps in four bits (`weights.rs`, scheme_of)."""
    return [
        parameter
        for name, parameter in student.named_parameters()
        if parameter.ndim == 2 and parameter.shape[1] % GROUP == 0 and not name.endswith(EXACT)
    ]


class OnGrid:
    """The student with its weights on the grid for as long as the block lasts, if it is to be so. Gradients taken within
    are those of the weights on the grid; they are handed to the exact ones unchanged."""

    def __init__(self, student: m1.Model, wanted: bool = True):
        self.parameters = packable(student) if wanted else []

    def __enter__(self) -> None:
        self.exact = [parameter.data for parameter in self.parameters]
        for parameter in self.parameters:
            parameter.data = rounded(parameter.data)

    def __exit__(self, *_: object) -> None:
        for parameter, exact in zip(self.parameters, self.exact, strict=True):
            parameter.data = exact
        self.exact = []
