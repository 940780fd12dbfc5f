"""Stage 4, tuning: `python stage4.py [--minutes M]`. Adapters on the attention learn the tasks of the app (`tasks.py`)
beside a frozen base, which is rounded to the four bits it ships in.

The loss is that of the answer's tokens and the end of the turn alone; all of them in a step weigh the same. To it comes
`decision_weight` times the mean loss of the tokens at which the answer parts from wrong ones ("none" for a passage or a
passage for "none", another of the passages shown): a few tokens of many in an answer that else only copies, they would be
learnt last, and a model that always says "none" has a low loss. The base is
`base` of [stage4]: "student" for WORK/student with the weights of stage 3, else a folder that the engine reads, packed
or not, and then the adapter names the digest of just those files.

Writes WORK/stage4.pt (atomic; a run that stopped goes on as one that did not), WORK/stage4.jsonl and the adapter itself
into WORK/adapter.
"""

from __future__ import annotations

import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

import common
import engine
import lora
import m1
import packed
import stage3
from tasks import Example, Examples

STAGE = 4


def base_files(config: dict) -> list[Path]:
    """The files whose weights are tuned."""
    work, named = config["paths"]["work"], config["stage4"]["base"]
    if named != "student":
        return packed.weight_files((common.REPOSITORY / named).resolve())
    return [path for path in (work / "student" / "model.safetensors", work / "stage3.pt") if path.exists()]


def load_base(config: dict) -> tuple[m1.Model, str]:
    """The frozen base on its grid, and the digest that an adapter is bound to: the engine's, where the base is a model's
    folder; the engine takes no adapter of a student that is still in the making."""
    files, named = base_files(config), config["stage4"]["base"]
    if not files:
        raise SystemExit(f"no weights of {named}: run the stages before, or name a model's folder in [stage4]")
    if named != "student":
        folder = files[0].parent
        return packed.load(folder, config["run"]["chunk"]), engine.digest(engine.binary(None), folder)
    model, _ = stage3.load(config)
    lora.settle(model)
    return model, common.digest(files)


def answer_logits(model: m1.Model, example: Example, recompute_from: int) -> Tensor:
    """Logits [answer tokens, V] of the masked tokens, each from the state before it; no other row is computed."""
    hidden, _ = model.hidden(example.ids[None], recompute=len(example.ids) >= recompute_from)
    return F.linear(hidden[0, :-1][example.mask[1:]], model.head)


def answer_losses(model: m1.Model, example: Example, recompute_from: int) -> Tensor:
    """Loss of each token of the answer, [answer tokens]."""
    logits = answer_logits(model, example, recompute_from)
    return F.cross_entropy(logits.float(), example.ids[1:][example.mask[1:]], reduction="none")


def gradients(
    model: m1.Model, examples: list[Example], recompute_from: int, decision_weight: float, bf16: bool = False
) -> tuple[float, float, int]:
    """Leaves the gradient of the mean loss over all answers' tokens and, weighted, over their decisions; returns the two
    losses, the second 0 where nothing is decided, and how many tokens there are."""
    count = sum(int(e.mask.sum()) for e in examples)
    decisions = sum(len(e.choices()) for e in examples)
    total, decided_total = 0.0, 0.0
    for example in examples:
        # Weights and the adapters stay in f32; with `bf16` what is multiplied is rounded, losses are not.
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            losses = answer_losses(model, example, recompute_from)
        loss = losses.sum() / count
        total += loss.item()
        if choices := example.choices():
            of_decision = losses[torch.tensor(choices) - example.prompt].sum() / decisions
            decided_total += of_decision.item()
            loss = loss + decision_weight * of_decision
        loss.backward()
    return total, decided_total, count


def decided(example: Example, logits: Tensor) -> tuple[bool, float] | None:
    """Whether "none" is right, and by how much the model's first decision leans to "none"; nothing where there is none to
    make.

    The lean is the difference of the logits of the two tokens that lead into either kind of answer, at the place where
    both part; above 0 the model says "none". `logits`: those of the answer's tokens, [answer tokens, V]."""
    if not (branch := example.branch()):
        return None
    row, none = logits[branch[0] - example.prompt], example.says_none()
    lean = (row[branch[1]] - row[branch[2]]).item()
    return none, lean if none else -lean


def first_decisions(found: list[tuple[bool, float]]) -> dict:
    """Of decisions as `decided` gives them the share of right ones: of all, where a passage is right (`quote`), where
    "none" is, and what always "none" would reach; and how often one where "none" is right leans further to "none" than one
    where a passage is (`area`, under the ROC curve: a half by chance, wherever the threshold lies)."""
    none, quote = [lean for is_none, lean in found if is_none], [lean for is_none, lean in found if not is_none]
    return {
        "all": share([(lean > 0) == is_none for is_none, lean in found]),
        "quote": share([lean <= 0 for lean in quote]),
        "none": share([lean > 0 for lean in none]),
        "always_none": share([is_none for is_none, _ in found]),
        "area": share([a > b for a in none for b in quote]),
    }


def share(found: list[bool]) -> float | None:
    """How many of them hold."""
    return round(sum(found) / len(found), 4) if found else None


@torch.no_grad()
def evaluate(model: m1.Model, held_out: dict[str, list[Example]], recompute_from: int) -> dict:
    """Held-out loss a token, whole and by task; of the tasks that may be answered "none" how their first decisions are."""
    losses, decisions, together = {}, {}, [0.0, 0]
    for task, examples in held_out.items():
        sums, count, found = 0.0, 0, []
        for example in examples:
            logits = answer_logits(model, example, recompute_from)
            targets = example.ids[1:][example.mask[1:]]
            sums, count = sums + F.cross_entropy(logits, targets, reduction="sum").item(), count + len(targets)
            found += [each] if (each := decided(example, logits)) else []
        losses[task], together = round(sums / count, 4), [together[0] + sums, together[1] + count]
        if found:
            decisions[task] = first_decisions(found)
    return {"held_out_loss": round(together[0] / together[1], 4), "losses": losses, "right_decisions": decisions}


def has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies in bf16 itself; where it does not, torch takes twenty times as long as in f32."""
    known = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & set(known.split()))


def in_bf16(wanted: dict) -> bool:
    """Whether products are made in bf16: where the configuration wants it and the processor can."""
    return wanted["bf16"] and has_bf16()


def made_of(config: dict, base: str, examples: Examples) -> dict:
    """What a checkpoint must agree on to be gone on from."""
    wanted = config["stage4"]
    return {"base": base, "rank": wanted["rank"], "alpha": wanted["alpha"], "tasks": examples.digest}


def begin(config: dict, examples: Examples) -> tuple[m1.Model, dict, torch.optim.AdamW, int, int, str]:
    """Model, its adapters, optimiser, step, tokens and the base's digest: from the checkpoint, or from the start."""
    wanted, path = config["stage4"], config["paths"]["work"] / "stage4.pt"
    model, base = load_base(config)
    adapters = lora.attach(model, wanted["rank"], wanted["alpha"], config["run"]["seed"])
    trained = lora.parameters(adapters)
    optimiser = common.adamw(list(trained.values()), wanted)
    found = common.load_checkpoint(path)
    if found is None:
        if start := wanted["start"]:
            lora.said_of(common.REPOSITORY / start, base)
            lora.load(common.REPOSITORY / start, adapters)
        return model, adapters, optimiser, 0, 0, base
    if found["of"] != made_of(config, base, examples):
        raise SystemExit(f"{path} was trained on other weights, examples or ranks: remove it to start stage 4 anew")
    with torch.no_grad():
        for name, value in found["weights"].items():
            trained[name].copy_(value)
    optimiser.load_state_dict(found["optimiser"])
    return model, adapters, optimiser, found["step"], found["tokens"], base


def about(config: dict, base: str, examples: Examples, step: int, tokens: int) -> dict:
    """What adapter.json says besides its shape."""
    return {
        "name": config["stage4"]["name"],
        "base": config["stage4"]["base"],
        "base_digest": base,
        "prompt_version": examples.wording.version,
        "tasks_digest": examples.digest,
        "steps": step,
        "tokens": tokens,
        "licence": config["stage4"]["licence"],
        "trained_on": config["stage4"]["trained_on"],
    }


def train(config: dict, minutes: float | None, steps: int | None = None) -> None:
    """Trains until the last step, the minutes, `steps` or a signal end it; leaves a checkpoint and an adapter."""
    wanted, work = config["stage4"], config["paths"]["work"]
    until, log, examples = common.Until(minutes), common.Log(work / "stage4.jsonl"), Examples(config)
    model, adapters, optimiser, step, tokens, base = begin(config, examples)
    trained = lora.parameters(adapters)
    held_out = examples.held_out(wanted["held_out"])
    bf16 = in_bf16(wanted)

    def save() -> None:
        weights = {name: value.detach() for name, value in trained.items()}
        value = {"of": made_of(config, base, examples), "weights": weights, "optimiser": optimiser.state_dict()}
        common.save_atomically(work / "stage4.pt", value | {"step": step, "tokens": tokens})

    count = sum(value.numel() for value in trained.values())
    figures = evaluate(model, held_out, wanted["recompute_from"])
    log.write(event="start", step=step, trained=count, base=base, bf16=bf16, **figures)
    pace, saved, first = common.Pace(), time.monotonic(), step
    while step < wanted["steps"] and step != steps and not until:
        batch = examples.batch(STAGE, step, wanted["texts"])
        weight = wanted["decision_weight"]
        loss, decision, answered = gradients(model, batch, wanted["recompute_from"], weight, bf16)
        norm = torch.nn.utils.clip_grad_norm_(list(trained.values()), wanted["clip"])
        common.set_rate(optimiser, common.learning_rate(step, wanted))
        optimiser.step()
        optimiser.zero_grad()
        read = sum(len(e.ids) for e in batch)
        step, tokens = step + 1, tokens + read
        speed = pace.step(read)
        record = {"step": step, "tokens": tokens, "answer_tokens": answered, "loss": round(loss, 4)}
        record |= {"decision_loss": round(decision, 4), "norm": round(norm.item(), 3), "tokens_per_s": round(speed, 1)}
        if step == first + 3:
            hours = (wanted["steps"] - step) * read / speed / 3600
            log.write(event="estimate", tokens_per_s=round(speed, 1), steps=wanted["steps"], hours=round(hours, 2))
        if step % wanted["evaluate_every"] == 0:
            record |= evaluate(model, held_out, wanted["recompute_from"])
        log.write(**record)
        if time.monotonic() - saved > 60 * wanted["checkpoint_minutes"]:
            save()
            saved = time.monotonic()
        pace.restart()
    save()
    size = lora.save(work / "adapter", adapters, about(config, base, examples, step, tokens))
    figures = evaluate(model, held_out, wanted["recompute_from"])
    log.write(event="stop", step=step, tokens=tokens, bytes=size, **figures)


def main() -> None:
    parser = common.arguments("Stage 4: tuning with adapters.")
    parser.add_argument("--minutes", type=float, help="stop cleanly after so many minutes")
    options = parser.parse_args()
    train(common.settings(options), options.minutes)


if __name__ == "__main__":
    main()
