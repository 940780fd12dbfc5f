"""Stage 1, attention transfer: `python stage1.py [--minutes M]`. Every softmax layer of the frozen teacher gets a twin
in lightning attention, which sees the teacher's own layer input and learns to give the teacher's attention output.

All twins learn from one teacher pass, each from its own loss. Until WORK/layers.json names the layers that keep softmax
attention there is a twin for every layer; afterwards only those that will be lightning layers go on.

The start is not random: queries, keys and values are the teacher's, heads are assigned to decays by how far each
teacher head looks, the inner norm gets the size of the teacher's own inner values, the gate starts half open (a gate
without bias cannot start fully open; the norm makes up for the half), and out_proj is then fitted in closed form.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

import common
import m1
from data import Text

STAGE = 1


def twin_config(teacher: m1.Config, lightning: list[int]) -> m1.Config:
    """The teacher's configuration with some layers turned to lightning attention."""
    kinds = [m1.LIGHTNING if at in lightning else m1.SOFTMAX for at in range(teacher.num_hidden_layers)]
    return m1.Config(**{**teacher.__dict__, "attn_type_list": kinds})


def lightning_layers(work: Path, teacher: m1.Config) -> list[int]:
    """The layers to convert: those that WORK/layers.json does not keep as softmax; all without that file."""
    chosen = work / "layers.json"
    softmax = json.loads(chosen.read_text())["softmax"] if chosen.exists() else []
    return [layer for layer in range(teacher.num_hidden_layers) if layer not in softmax]


@torch.no_grad()
def walk(teacher: m1.Model, ids: Tensor, visit: Callable[[int, Tensor, Tensor], None]) -> None:
    """Runs the teacher and shows each layer's normed input and attention output; what follows the last is not run."""
    h = teacher.model.embed_tokens(ids)
    rotation = m1.rotation_of(teacher.config, ids.shape[1])
    last = len(teacher.model.layers) - 1
    for layer, block in enumerate(teacher.model.layers):
        x = block.input_layernorm(h)
        attended = block.self_attn(x, rotation)
        visit(layer, x, attended)
        if layer < last:
            h, _ = block.feed_forward(block.mix_attention(h, x, attended))


@torch.no_grad()
def head_reach(attention: m1.SoftmaxAttention, x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Mean distance [H] at which each head looks. The first token is left out: heads park unused attention there."""
    q, k, _ = attention.parts(x, rotation)
    tokens = x.shape[1]
    at = torch.arange(tokens)
    apart = at[:, None] - at[None, :]
    scores = (q @ k.transpose(-1, -2)) / attention.dim**0.5
    shares = scores.masked_fill(apart < 0, float("-inf")).softmax(-1)
    shares = shares * (at > 0)
    return (shares * apart.clamp(min=0)).sum((0, 2, 3)) / shares.sum((0, 2, 3)).clamp(min=1e-9)


@torch.no_grad()
def copy_teacher(twin: m1.Lightning, attention: m1.SoftmaxAttention, reach: Tensor, inner: Tensor, start: dict) -> None:
    """Fills a twin from the teacher's layer. `inner`: what the teacher's o_proj multiplied, [N, H*D]."""
    heads, dim, repeat = twin.heads, twin.dim, attention.heads // attention.groups
    by_reach = torch.argsort(reach)  # nearest-looking first
    by_decay = torch.argsort(twin.rates, descending=True)  # fastest-forgetting first
    source = torch.empty(heads, dtype=torch.long)
    source[by_decay] = by_reach
    width = attention.q_proj.weight.shape[1]
    q = attention.q_proj.weight.reshape(heads, dim, width)[source] * start["key_scale"]
    k = attention.k_proj.weight.reshape(-1, dim, width)[source // repeat] * start["key_scale"]
    v = attention.v_proj.weight.reshape(-1, dim, width)[source // repeat] * start["value_scale"]
    twin.qkv_proj.weight.copy_(torch.stack([q, k, v], dim=1).reshape(-1, width))
    twin.out_proj.weight.copy_(attention.o_proj.weight.reshape(-1, heads, dim)[:, source].reshape(-1, heads * dim))
    size = inner.reshape(-1, heads, dim).square().mean((0, 2)).sqrt()[source]
    twin.norm.weight.copy_(2.0 * size.repeat_interleave(dim))
    twin.output_gate.weight.copy_(torch.randn(twin.output_gate.weight.shape) * 0.01)


@torch.no_grad()
def fit_output(twin: m1.Lightning, x: Tensor, target: Tensor, ridge: float) -> None:
    """Moves out_proj to where its teacher's output is met best, by ridge regression towards the copied matrix."""
    inner = twin.inner(x).reshape(-1, twin.out_proj.weight.shape[1]).double()
    error = target.reshape(-1, target.shape[-1]).double() - inner @ twin.out_proj.weight.T.double()
    gram = inner.T @ inner
    gram += ridge * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    twin.out_proj.weight += torch.linalg.solve(gram, inner.T @ error).T.float()


def first_twins(teacher: m1.Model, text: Text, config: dict, layers: list[int]) -> nn.ModuleDict:
    """Twins of the given layers as they start."""
    start, length = config["stage1"], config["stage1"]["length"]
    torch.manual_seed(config["run"]["seed"])
    shape = twin_config(teacher.config, layers)
    twins = nn.ModuleDict({str(at): m1.Lightning(shape, at, config["run"]["chunk"]) for at in layers})
    ids = text.batch(STAGE, 1 << 30, max(1, start["fit_tokens"] // length), length)  # a step never trained on
    rotation = m1.rotation_of(teacher.config, length)

    def visit(layer: int, x: Tensor, target: Tensor) -> None:
        if str(layer) in twins:
            attention, twin = teacher.model.layers[layer].self_attn, twins[str(layer)]
            copy_teacher(twin, attention, head_reach(attention, x[:2], rotation), attention.inner(x, rotation), start)
            fit_output(twin, x, target, start["fit_ridge"])

    walk(teacher, ids, visit)
    return twins


def relative_error(twin: m1.Lightning, x: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over the mean square of what should come out."""
    return (twin(x) - target).square().mean() / target.square().mean()


def train_step(teacher: m1.Model, twins: nn.ModuleDict, ids: Tensor, clip: float) -> dict[int, float]:
    """Gradients of all twins' losses over one batch; returns the losses. Each twin is clipped by itself."""
    losses = {}

    def visit(layer: int, x: Tensor, target: Tensor) -> None:
        if str(layer) not in twins:
            return
        twin = twins[str(layer)]
        with torch.enable_grad():
            loss = relative_error(twin, x, target)
            loss.backward()
        nn.utils.clip_grad_norm_(twin.parameters(), clip)
        losses[layer] = loss.item()

    walk(teacher, ids, visit)
    return losses


@torch.no_grad()
def held_out_errors(teacher: m1.Model, twins: nn.ModuleDict, windows: list[Tensor]) -> dict[int, float]:
    """Relative error per layer on held-out windows."""
    sums: dict[int, float] = {}

    def visit(layer: int, x: Tensor, target: Tensor) -> None:
        if str(layer) in twins:
            error = relative_error(twins[str(layer)], x, target).item()
            sums[layer] = sums.get(layer, 0.0) + error / len(windows)

    for ids in windows:
        walk(teacher, ids, visit)
    return sums


class Swapped:
    """The teacher with some layers' attention replaced by their twins, for as long as the block lasts."""

    def __init__(self, teacher: m1.Model, twins: nn.ModuleDict, layers: list[int]):
        self.teacher, self.twins, self.layers = teacher, twins, layers

    def __enter__(self) -> m1.Model:
        blocks = self.teacher.model.layers
        self.own = {layer: blocks[layer].self_attn for layer in self.layers}
        for layer in self.layers:
            blocks[layer].self_attn = self.twins[str(layer)]
        return self.teacher

    def __exit__(self, *_: object) -> None:
        for layer, attention in self.own.items():
            self.teacher.model.layers[layer].self_attn = attention


def save(path: Path, twins: nn.ModuleDict, optimisers: dict, step: int, tokens: int) -> None:
    """One atomic checkpoint. The data's position follows from the step (data.Text.batch)."""
    common.save_atomically(path, {
        "twins": twins.state_dict(),
        "optimisers": {layer: optimiser.state_dict() for layer, optimiser in optimisers.items()},
        "step": step,
        "tokens": tokens,
        "random": torch.get_rng_state(),
    })


def restore(config: dict, teacher: m1.Model, text: Text) -> tuple[nn.ModuleDict, dict, int, int]:
    """Twins, optimisers, step and tokens: from the checkpoint, or as they start."""
    schedule, work = config["stage1"], config["paths"]["work"]
    layers = lightning_layers(work, teacher.config)
    found = common.load_checkpoint(work / "stage1.pt")
    if found is None:
        twins = first_twins(teacher, text, config, layers)
    else:
        shape = twin_config(teacher.config, layers)
        twins = nn.ModuleDict({str(at): m1.Lightning(shape, at, config["run"]["chunk"]) for at in layers})
        twins.load_state_dict({k: v for k, v in found["twins"].items() if k.split(".")[0] in twins})
    # One optimiser a twin, so that a twin can be left out later without disturbing the others.
    optimisers = {layer: common.adamw(list(twin.parameters()), schedule) for layer, twin in twins.items()}
    if found is None:
        return twins, optimisers, 0, 0
    for layer, optimiser in optimisers.items():
        optimiser.load_state_dict(found["optimisers"][layer])
    torch.set_rng_state(found["random"])
    return twins, optimisers, found["step"], found["tokens"]


def trained_twins(config: dict, teacher: m1.Config) -> tuple[nn.ModuleDict, int]:
    """All twins of the checkpoint, frozen, and the step they were saved at: what the later stages start from."""
    path = config["paths"]["work"] / "stage1.pt"
    found = common.load_checkpoint(path)
    if found is None:
        raise SystemExit(f"no twins in {path}: run `python stage1.py` first")
    layers = sorted({int(name.split(".")[0]) for name in found["twins"]})
    shape = twin_config(teacher, layers)
    twins = nn.ModuleDict({str(at): m1.Lightning(shape, at, config["run"]["chunk"]) for at in layers})
    twins.load_state_dict(found["twins"])
    return twins.requires_grad_(False), found["step"]


def evaluate(teacher: m1.Model, twins: nn.ModuleDict, windows: list[Tensor], teacher_loss: float) -> dict:
    """The figures of a log line."""
    errors = held_out_errors(teacher, twins, windows)
    layers = [int(layer) for layer in twins]
    with Swapped(teacher, twins, layers) as swapped:
        loss = m1.language_loss(swapped, windows)
    mean = sum(errors.values()) / len(errors)
    return {
        "held_out_error": round(mean, 4),
        "held_out_loss": round(loss, 4),
        "teacher_loss": round(teacher_loss, 4),
        "per_layer": {layer: round(error, 4) for layer, error in errors.items()},
    }


def train(config: dict, minutes: float | None, steps: int | None = None) -> None:
    """Trains until the schedule, the minutes, `steps` or a signal end it; always leaves a checkpoint."""
    schedule, work = config["stage1"], config["paths"]["work"]
    until, log, text = common.Until(minutes), common.Log(work / "stage1.jsonl"), Text(config)
    teacher = m1.Model.load(config["paths"]["teacher"], config["run"]["chunk"]).requires_grad_(False)
    twins, optimisers, step, tokens = restore(config, teacher, text)
    windows = text.mixed_held_out(schedule["held_out"], schedule["length"])
    teacher_loss = m1.language_loss(teacher, windows)
    log.write(event="start", step=step, layers=len(twins), **evaluate(teacher, twins, windows, teacher_loss))
    pace, saved, first, end = common.Pace(), time.monotonic(), step, schedule["steps"] if steps is None else steps
    while step < end and not until:
        rate = common.learning_rate(step, schedule)
        ids = text.batch(STAGE, step, schedule["batch"], schedule["length"])
        losses = train_step(teacher, twins, ids, schedule["clip"])
        for optimiser in optimisers.values():
            common.set_rate(optimiser, rate)
            optimiser.step()
            optimiser.zero_grad()
        step, tokens = step + 1, tokens + ids.numel()
        speed = pace.step(ids.numel())
        record = {"step": step, "tokens": tokens, "rate": round(rate, 6), "tokens_per_s": round(speed, 1)}
        record["loss"] = round(sum(losses.values()) / len(losses), 4)
        if step == first + 5:
            hours = (end - step) * ids.numel() / speed / 3600
            log.write(event="estimate", tokens_per_s=round(speed, 1), steps_left=end - step, hours=round(hours, 2))
        if step % schedule["evaluate_every"] == 0:
            record |= evaluate(teacher, twins, windows, teacher_loss)
        log.write(**record)
        if time.monotonic() - saved > 60 * schedule["checkpoint_minutes"]:
            save(work / "stage1.pt", twins, optimisers, step, tokens)
            saved = time.monotonic()
        pace.restart()
    save(work / "stage1.pt", twins, optimisers, step, tokens)
    log.write(event="stop", step=step, tokens=tokens, **evaluate(teacher, twins, windows, teacher_loss))


def main() -> None:
    parser = common.arguments("Stage 1: attention transfer.")
    parser.add_argument("--minutes", type=float, help="stop cleanly after so many minutes")
    options = parser.parse_args()
    train(common.settings(options), options.minutes)


if __name__ == "__main__":
    main()
