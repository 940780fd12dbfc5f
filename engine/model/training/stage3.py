"""Stage 3, distillation: `python stage3.py [--minutes M]`. The whole student learns to give the teacher's distribution
and to predict the domain's text, on texts that grow longer from phase to phase.

The loss of a token is `language_share` times its language-model loss plus the rest times KL(teacher || student), over
the whole vocabulary; a phase with a share of 1, or longer than the teacher can read, does not run the teacher at all.
A load-balancing term keeps the experts in use.

What makes a step cheap: the head is frozen, so its only gradient is that of the hidden states, which is known in closed
form, (p - target) @ head. It is computed `vocabulary_rows` tokens at a time, forwards and backwards at once, and handed
to the layers below: [T, V] never exists and no product with the head is done twice.

Phases with `on_grid` train with the weights rounded to the four bits they are shipped in (`grid.py`).

Rates: a lightning layer is new and learns fast; attention and experts that come from the teacher only adapt.
Phases may be changed between runs: text and learning rate of a step follow from the configuration and its number.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch
from torch import Tensor, nn

import common
import grid
import m1
import stage2
from data import Text

STAGE = 3
TRAINABLE = {
    "attention": ("lightning", "softmax", "norms", "router"),
    "all": ("lightning", "softmax", "norms", "router", "experts"),
    "everything": ("lightning", "softmax", "norms", "router", "experts", "head"),
}


def kind(name: str, parameter: Tensor, config: m1.Config) -> str:
    """Which of the parts that have a rate of their own a parameter belongs to."""
    if name in ("model.embed_tokens.weight", "lm_head.weight"):
        return "head"
    if parameter.ndim == 1:
        return "norms"
    if "block_sparse_moe.gate." in name or "coefficient." in name:
        return "router"
    if "self_attn." in name:
        layer = int(name.split(".")[2])
        return "softmax" if config.attn_type_list[layer] == m1.SOFTMAX else "lightning"
    return "experts"


def freeze(student: m1.Model, trainable: str) -> dict[str, list[nn.Parameter]]:
    """Freezes what is not trained; returns the rest by kind."""
    kinds: dict[str, list[nn.Parameter]] = {}
    for name, parameter in student.named_parameters():
        of = kind(name, parameter, student.config)
        parameter.requires_grad_(of in TRAINABLE[trainable])
        if parameter.requires_grad:
            kinds.setdefault(of, []).append(parameter)
    return kinds


def optimiser_of(kinds: dict[str, list[nn.Parameter]], wanted: dict) -> torch.optim.AdamW:
    """AdamW with a factor on the learning rate for each kind; norms do not decay."""
    groups = [
        {
            "params": parameters,
            "factor": wanted["rates"].get(of, 1.0),
            "weight_decay": 0.0 if of == "norms" else wanted["weight_decay"],
        }
        for of, parameters in kinds.items()
    ]
    return torch.optim.AdamW(groups, lr=wanted["learning_rate"], betas=(0.9, 0.95), eps=1e-8, fused=True)


def phase_of(step: int, phases: list[dict]) -> dict | None:
    """The phase a step belongs to; nothing past the last."""
    for phase in phases:
        if step < phase["steps"]:
            return phase
        step -= phase["steps"]
    return None


def tokens_from(step: int, phases: list[dict]) -> int:
    """Tokens that all steps from this one on will read."""
    left = 0
    for phase in phases:
        done = min(step, phase["steps"])
        left += (phase["steps"] - done) * phase["texts"] * phase["length"]
        step -= done
    return left


@torch.no_grad()
def head_gradient(
    hidden: Tensor, taught: Tensor | None, model: m1.Model, teacher: m1.Model, ids: Tensor, share: float, rows: int
) -> tuple[Tensor, dict[str, float]]:
    """Gradient of the mean loss with respect to `hidden` [B, T, hidden], and the mean losses in nats.

    `taught`: the teacher's hidden states, or nothing where only the text itself is learnt. With target distribution
    q = share * text + (1 - share) * teacher, the gradient of both losses together is (p - q) @ head."""
    states, targets = hidden[:, :-1].flatten(0, 1), ids[:, 1:].flatten()
    soft = None if taught is None else taught[:, :-1].flatten(0, 1)
    share = 1.0 if soft is None else share
    gradient, sums = torch.empty_like(states), {"language": 0.0, "kl": 0.0}
    for start in range(0, len(targets), rows):
        part, wanted = states[start : start + rows], targets[start : start + rows, None]
        logs = (part @ model.head.T).log_softmax(-1)
        sums["language"] -= logs.gather(1, wanted).sum().item()
        apart = logs.exp()  # becomes p - q
        if soft is not None:
            teachers = (soft[start : start + rows] @ teacher.head.T).log_softmax(-1)
            shares = teachers.exp()
            sums["kl"] += torch.dot(shares.flatten(), teachers.sub_(logs).flatten()).item()
            apart.sub_(shares, alpha=1.0 - share)
        apart.scatter_add_(1, wanted, torch.full_like(wanted, -share, dtype=apart.dtype))
        gradient[start : start + rows] = apart @ model.head
        if model.head.requires_grad:
            update = apart.T @ part / len(targets)
            model.head.grad = update if model.head.grad is None else model.head.grad.add_(update)
    whole = torch.zeros_like(hidden)
    whole[:, :-1] = (gradient / len(targets)).view_as(hidden[:, :-1])
    losses = {name: value / len(targets) for name, value in sums.items() if name == "language" or soft is not None}
    return whole, losses


def gradients(student: m1.Model, teacher: m1.Model, ids: Tensor, share: float, wanted: dict) -> dict[str, float]:
    """Leaves the gradients of one batch in the student; returns its losses."""
    length, taught = ids.shape[1], None
    if share < 1.0 and length <= teacher.config.max_position_embeddings:
        with torch.no_grad():
            taught, _ = teacher.hidden(ids)
    hidden, balance = student.hidden(ids, recompute=length >= wanted["recompute_from"])
    gradient, losses = head_gradient(hidden, taught, student, teacher, ids, share, wanted["vocabulary_rows"])
    del taught
    torch.autograd.backward([hidden, balance], [gradient, torch.tensor(wanted["balance"])])
    return losses | {"balance": balance.item()}


def built(work: Path) -> str:
    """Which student stage 2 built last."""
    return json.loads((work / "stage2.json").read_text())["digest"]


def load(config: dict) -> tuple[m1.Model, dict | None]:
    """The student as stage 2 wrote it, with the weights of the last checkpoint where there is one."""
    work = config["paths"]["work"]
    if not (work / "student" / "config.json").exists():
        raise SystemExit(f"no student in {work}: run `python stage2.py` first")
    student = m1.Model.load(work / "student", config["run"]["chunk"])
    found = common.load_checkpoint(work / "stage3.pt")
    if found is not None:
        if found["student"] != built(work):
            raise SystemExit(f"{work}/stage3.pt trained another student: remove it to start stage 3 anew")
        own = dict(student.named_parameters())
        with torch.no_grad():
            for name, value in found["weights"].items():
                own[name].copy_(value)
    return student, found


def save(config: dict, student: m1.Model, optimiser: torch.optim.Optimizer, step: int, tokens: int) -> None:
    """One atomic checkpoint of what is trained; the rest is in WORK/student."""
    weights = {name: value.detach() for name, value in student.named_parameters() if value.requires_grad}
    of = {"student": built(config["paths"]["work"]), "trainable": config["stage3"]["trainable"]}
    value = {"weights": weights, "optimiser": optimiser.state_dict(), "step": step, "tokens": tokens}
    common.save_atomically(config["paths"]["work"] / "stage3.pt", of | value)


def evaluate(student: m1.Model, windows: list[Tensor], on_grid: bool) -> dict:
    """The figures of a log line."""
    with grid.OnGrid(student, on_grid):
        loss, use = m1.language_loss(student, windows), stage2.expert_use(student, windows[:1])
    return {
        "held_out_loss": round(loss, 4),
        "on_grid": on_grid,
        "least_used_expert": min(min(row) for row in use),
        "most_used_expert": max(max(row) for row in use),
    }


def begin(config: dict) -> tuple[m1.Model, torch.optim.AdamW, int, int]:
    """Student, optimiser, step and tokens: from the checkpoint, or as stage 2 left them."""
    wanted = config["stage3"]
    student, found = load(config)
    optimiser = optimiser_of(freeze(student, wanted["trainable"]), wanted)
    if found is None:
        return student, optimiser, 0, 0
    if found["trainable"] == wanted["trainable"]:
        rates = [group["factor"] for group in optimiser.param_groups]
        optimiser.load_state_dict(found["optimiser"])
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["factor"] = rate  # the configuration's, not the checkpoint's
    return student, optimiser, found["step"], found["tokens"]


def train(config: dict, minutes: float | None, steps: int | None = None) -> None:
    """Trains until the last phase, the minutes, `steps` or a signal end it; always leaves a checkpoint."""
    wanted, work = config["stage3"], config["paths"]["work"]
    until, log, text = common.Until(minutes), common.Log(work / "stage3.jsonl"), Text(config)
    phases = wanted["phases"]
    schedule = wanted | {"steps": sum(phase["steps"] for phase in phases)}
    teacher = m1.Model.load(config["paths"]["teacher"], config["run"]["chunk"]).requires_grad_(False)
    student, optimiser, step, tokens = begin(config)
    windows = text.mixed_held_out(wanted["held_out"], wanted["held_out_length"])
    trained = sum(p.numel() for p in student.parameters() if p.requires_grad)
    teacher_loss = round(m1.language_loss(teacher, windows), 4)
    log.write(event="start", step=step, trained=trained, teacher_loss=teacher_loss, **evaluate(student, windows, False))
    pace, saved, first, phase = common.Pace(), time.monotonic(), step, None
    while (now := phase_of(step, phases)) and step != steps and not until:
        if now is not phase:
            pace, phase = common.Pace(), now
        rate = common.learning_rate(step, schedule)
        ids = text.batch(STAGE, step, phase["texts"], phase["length"])
        with grid.OnGrid(student, phase["on_grid"]):
            losses = gradients(student, teacher, ids, phase["language_share"], wanted)
        norm = nn.utils.clip_grad_norm_([p for p in student.parameters() if p.requires_grad], wanted["clip"])
        common.set_rate(optimiser, rate)
        optimiser.step()
        optimiser.zero_grad()
        step, tokens = step + 1, tokens + ids.numel()
        speed = pace.step(ids.numel())
        record = {"step": step, "tokens": tokens, "length": phase["length"], "rate": round(rate, 6)}
        record |= {name: round(value, 4) for name, value in losses.items()}
        record |= {"norm": round(norm.item(), 3), "tokens_per_s": round(speed, 1)}
        if step == first + 3:
            hours = tokens_from(step, phases) / speed / 3600
            log.write(event="estimate", tokens_per_s=round(speed, 1), steps=schedule["steps"], hours=round(hours, 2))
        if step % wanted["evaluate_every"] == 0:
            record |= evaluate(student, windows, phase["on_grid"])
        log.write(**record)
        if time.monotonic() - saved > 60 * wanted["checkpoint_minutes"]:
            save(config, student, optimiser, step, tokens)
            saved = time.monotonic()
        pace.restart()
    save(config, student, optimiser, step, tokens)
    figures = evaluate(student, windows, phase is not None and phase["on_grid"])
    log.write(event="stop", step=step, tokens=tokens, teacher_loss=teacher_loss, **figures)


def main() -> None:
    parser = common.arguments("Stage 3: distillation.")
    parser.add_argument("--minutes", type=float, help="stop cleanly after so many minutes")
    options = parser.parse_args()
    train(common.settings(options), options.minutes)


if __name__ == "__main__":
    main()
