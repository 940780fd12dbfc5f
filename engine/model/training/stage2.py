"""Stage 2, experts: `python stage2.py`. Builds the student: the teacher with the chosen layers' twins of stage 1, its
feed-forward layers cut into experts so that at first it computes exactly what it did before.

A layer's neurons fall into a shared expert, which every token uses, and `per_token` parts; each part is an expert, and
all parts are there twice. The router is one direction of the layer's input: its rows are the direction for the first set
of parts and the same with the other sign for the second, so that the best `per_token` experts are always one whole set,
each with the weight 1 / per_token, which the experts' last matrices make good. Equal weights need equal rows; they come
apart in training, as do the sets, which see different tokens from the start.

- Shared: the neurons that move the stream most on average. Without room for the second copy of everything
  (`shared_width` 0) a model of this shape would not fit 140 MB in four bits.
- Parts: the rest is bisected by co-activation, so that neurons that fire together stay together.
- Direction: of the principal directions of the input, moved so that half of the tokens fall on each side, the one with
  the fewest tokens near the border: there a small change of the rows would mix the sets.
"""

from __future__ import annotations

import json
import math
import time

import torch
import torch.nn.functional as F
from torch import Tensor

import common
import m1
import stage1
from data import Text

STAGE = 2
FIRST_SCALE = 2.0  # undoes the 1/2 with which shared and chosen experts are mixed while the coefficient's row is zero


def dense_student(config: dict, teacher: m1.Model) -> m1.Model:
    """The teacher with the chosen layers converted. It shares the teacher's tensors."""
    twins, _ = stage1.trained_twins(config, teacher.config)
    layers = stage1.lightning_layers(config["paths"]["work"], teacher.config)
    if missing := [layer for layer in layers if str(layer) not in twins]:
        raise SystemExit(f"stage 1 has no twins of the layers {missing}")
    dense = m1.Model(stage1.twin_config(teacher.config, layers), config["run"]["chunk"])
    for own, block in zip(teacher.model.layers, dense.model.layers, strict=True):
        for name, part in own.named_children():
            setattr(block, name, part)
    for layer in layers:
        dense.model.layers[layer].self_attn = twins[str(layer)]
    dense.model.embed_tokens, dense.model.norm, dense.lm_head = (
        teacher.model.embed_tokens, teacher.model.norm, teacher.lm_head
    )
    return dense.requires_grad_(False)


def student_config(dense: m1.Config, wanted: dict) -> m1.Config:
    """The student's shape; refuses widths that do not add up to the teacher's."""
    experts, chosen = wanted["experts"], wanted["per_token"]
    if experts != 2 * chosen:
        raise SystemExit("stage2: experts must be twice per_token")
    if wanted["shared_width"] + chosen * wanted["expert_width"] != dense.intermediate_size:
        raise SystemExit("stage2: shared_width + per_token * expert_width must be the teacher's intermediate size")
    changes = {
        "intermediate_size": wanted["expert_width"],
        "num_local_experts": experts,
        "num_experts_per_tok": chosen,
        "shared_intermediate_size": wanted["shared_width"],
        "max_position_embeddings": wanted["context"],
    }
    return m1.Config(**{**dense.__dict__, **changes})


def activations(whole: m1.Expert, flat: Tensor) -> Tensor:
    """How far each neuron moves the stream at each token, [N, I]."""
    inner = F.silu(whole.w1(flat)) * whole.w3(flat)
    return inner.abs() * whole.w2.weight.norm(dim=0)


def bisected(moves: Tensor, neurons: Tensor, parts: int) -> list[Tensor]:
    """The neurons in equal parts along the axis on which their activity differs most, so that the parts differ."""
    seen = moves[:, neurons]
    seen = (seen - seen.mean(0)) / seen.std(0).clamp(min=1e-9)
    _, _, axes = torch.svd_lowrank(seen, q=min(8, *seen.shape), niter=4)
    # The first axis is how much all neurons fire; the second parts them into two camps.
    order = axes[:, min(1, axes.shape[1] - 1)].argsort(stable=True)
    return [neurons[piece].sort().values for piece in order.chunk(parts)]


def border_share(sides: Tensor) -> Tensor:
    """Share of the tokens nearer to the border than a tenth of the spread; for each column of [N, D]."""
    return (sides.abs() < 0.1 * sides.std(0)).float().mean(0)


def direction(flat: Tensor, tried: int) -> Tensor:
    """A direction of the input with half of the tokens on each side and few near the border, of spread 1."""
    mean = flat.mean(0)
    across = F.normalize(mean, dim=0)
    spread = flat - mean
    _, axes = torch.linalg.eigh(spread.T @ spread)
    axes = axes[:, -tried:]
    along = flat @ across
    for _ in range(20):  # the inputs all lean towards their mean: leaning the axis on it moves the border
        axes = axes - across[:, None] * ((flat @ axes).median(0).values / along.median())
    sides = flat @ axes
    even = ((sides > 0).float().mean(0) - 0.5).abs() < 0.05
    best = torch.where(even, border_share(sides), 2.0).argmin()
    return axes[:, best] / sides[:, best].std()


def fill(expert: m1.Expert | m1.SharedMlp, whole: m1.Expert, neurons: Tensor, scale: float) -> None:
    """Gives an expert some neurons of the whole layer, their output times `scale`."""
    if isinstance(expert, m1.SharedMlp):
        first, second, last = expert.gate_proj, expert.up_proj, expert.down_proj
    else:
        first, second, last = expert.w1, expert.w3, expert.w2
    first.weight.copy_(whole.w1.weight[neurons])
    second.weight.copy_(whole.w3.weight[neurons])
    last.weight.copy_(scale * whole.w2.weight[:, neurons])


@torch.no_grad()
def split(block: m1.Block, whole: m1.Expert, flat: Tensor, wanted: dict) -> None:
    """Fills the router, experts and shared expert of one layer. `flat`: what enters the whole layer, [N, hidden]."""
    moves, parts, shared = activations(whole, flat), wanted["per_token"], wanted["shared_width"]
    by_size = moves.mean(0).argsort(descending=True, stable=True)
    scale = float(parts)
    if shared:
        fill(block.shared_mlp, whole, by_size[:shared].sort().values, FIRST_SCALE)
        block.coefficient.weight.zero_()
        scale *= FIRST_SCALE
    pieces = bisected(moves, by_size[shared:], parts)
    for index, expert in enumerate(block.block_sparse_moe.experts):
        fill(expert, whole, pieces[index % parts], scale)
    row = wanted["scale"] * direction(flat, wanted["directions"])
    block.block_sparse_moe.gate.weight.copy_(torch.stack([row] * parts + [-row] * parts))


@torch.no_grad()
def build(dense: m1.Model, config: dict, ids: Tensor) -> m1.Model:
    """The student, cut by what the layers see of `ids` [B, T]."""
    torch.manual_seed(config["run"]["seed"])
    student = m1.Model(student_config(dense.config, config["stage2"]), config["run"]["chunk"])
    for name in ("embed_tokens", "norm"):
        getattr(student.model, name).load_state_dict(getattr(dense.model, name).state_dict())
    if dense.lm_head is not None:
        student.lm_head.load_state_dict(dense.lm_head.state_dict())
    h, rotation = dense.model.embed_tokens(ids), m1.rotation_of(dense.config, ids.shape[1])
    for old, new in zip(dense.model.layers, student.model.layers, strict=True):
        for name in ("input_layernorm", "self_attn", "post_attention_layernorm"):
            getattr(new, name).load_state_dict(getattr(old, name).state_dict())
        x = old.input_layernorm(h)
        h = old.mix_attention(h, x, old.self_attn(x, rotation))
        y = old.post_attention_layernorm(h)
        split(new, old.block_sparse_moe.experts[0], y.reshape(-1, y.shape[-1]), config["stage2"])
        h, _ = old.feed_forward(h)
    return student


@torch.no_grad()
def expert_use(student: m1.Model, batches: list[Tensor]) -> list[list[float]]:
    """For each layer, the share of all choices that fell on each expert."""
    layers = [block.block_sparse_moe for block in student.model.layers]
    counts = [torch.zeros(len(layer.experts)) for layer in layers]

    def count(layer: m1.Experts, inputs: tuple[Tensor], at: int) -> None:
        chosen = layer.route(inputs[0].reshape(-1, inputs[0].shape[-1]))[1]
        counts[at] += chosen.reshape(-1).bincount(minlength=len(layer.experts))

    hooks = [
        layer.register_forward_pre_hook(lambda layer, inputs, at=at: count(layer, inputs, at))
        for at, layer in enumerate(layers)
    ]
    for ids in batches:
        student.hidden(ids)
    for hook in hooks:
        hook.remove()
    return [[round(share, 4) for share in (row / row.sum()).tolist()] for row in counts]


def tokens_before(work: Path) -> int:
    """Tokens that the student had been trained on when it was built: none, unless `restore.py` made it."""
    return json.loads((work / "stage2.json").read_text()).get("tokens_before", 0)


@torch.no_grad()
def difference(one: m1.Model, other: m1.Model, ids: Tensor) -> float:
    """Largest difference of logits."""
    return (one(ids) - other(ids)).abs().max().item()


def convert(config: dict) -> dict:
    """Builds the student, checks that it is what it was cut from, writes WORK/student and WORK/stage2.json."""
    wanted, work, started = config["stage2"], config["paths"]["work"], time.monotonic()
    log, text = common.Log(work / "stage2.jsonl"), Text(config)
    teacher = m1.Model.load(config["paths"]["teacher"], config["run"]["chunk"])
    dense = dense_student(config, teacher)
    ids = text.batch(STAGE, 0, max(1, wanted["tokens"] // wanted["length"]), wanted["length"])
    student = build(dense, config, ids)
    windows = text.mixed_held_out(wanted["held_out"], wanted["length"])
    apart = difference(dense, student, windows[0])
    if not apart < wanted["tolerance"]:
        raise SystemExit(f"the cut student's logits differ by {apart}")
    folder = work / "student"
    folder.mkdir(exist_ok=True)
    student.save(folder)
    report = {
        "softmax": [at for at, kind in enumerate(student.config.attn_type_list) if kind == m1.SOFTMAX],
        "digest": common.digest([folder / "model.safetensors"]),
        "parameters": sum(value.numel() for value in student.parameters()),
        "largest_difference": apart,
        "held_out_loss": m1.language_loss(student, windows),
        "expert_use": expert_use(student, windows),
    }
    common.write_json(work / "stage2.json", report)
    least = min(min(row) for row in report["expert_use"])
    log.write(event="built", seconds=round(time.monotonic() - started), least_used_expert=least, **report)
    if not math.isfinite(report["held_out_loss"]):
        raise SystemExit("the student has no finite loss")
    return report


def main() -> None:
    convert(common.settings(common.arguments("Stage 2: experts.").parse_args()))


if __name__ == "__main__":
    main()
