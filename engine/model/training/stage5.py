"""Stage 5, reinforcement: `python stage5.py [--minutes M]`. The adapter of stage 4 goes on with CISPO, the objective of
MiniMax-M1 (arXiv 2506.13585, section 3.1, eq. 4 and 5), on rewards a program checks (`rewards.py`).

For a request, a group of answers is drawn from the adapter as it is (pi_old). To maximise, over all tokens t of the
group's answers i:

    1 / (sum_i |o_i|) * sum_i sum_t sg(min(r_it, 1 + high)) * A_i * log pi(o_it),    r_it = pi(o_it) / pi_old(o_it)

sg stops the gradient: every token contributes, only its weight is bounded; there is no lower bound and no KL term.
A_i = (R_i - mean R) / std R within the group; a group whose rewards are all equal teaches nothing and is drawn anew.
AdamW has the paper's eps of 1e-15.

What the schema forces (`{"quotes":`) is put before the model as the engine's constraint would, and is not learnt.
Groups are drawn in turn from requests that have an answer in the document and from those that have none: most categories
of a contract are absent, and a model that cannot tell would learn to say "none" throughout.
The adapter is kept, in WORK/adapter-rewarded, only where the mean reward of greedy answers to held-out requests, of both
kinds alike, rises by more than `least_rise` and more than the standard error of the rise, and falls for neither kind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import common
import lora
import m1
import sampling
import stage4
from rewards import reward
from sampling import Answer
from tasks import Example, Examples

STAGE = 5
DRAWS = 4  # groups drawn for each that is wanted, at most: some have equal rewards throughout
PICKS = 40  # examples looked at for one of a kind, at most


@dataclass
class Group:
    """The answers to one prompt [T], with their advantages [G] and rewards [G]."""

    prompt: Tensor
    answers: list[Answer]
    advantages: Tensor
    rewards: Tensor


def cispo(logs: Tensor, old: Tensor, advantages: Tensor, high: float) -> Tensor:
    """The objective above as a loss to minimise; log-probabilities and advantages of all tokens of a group, [N]."""
    weight = torch.exp(logs - old).clamp(max=1.0 + high).detach()
    return -(weight * advantages * logs).sum() / len(logs)


def advantages(rewards: Tensor) -> Tensor | None:
    """(R - mean) / std over a group [G]; nothing where all are equal."""
    spread = rewards.std(unbiased=False)
    return None if spread < 1e-6 else (rewards - rewards.mean()) / spread


def opening(example: Example) -> Tensor:
    """The prompt with the part of the answer that the schema forces, up to the first decision; [T]."""
    branch = example.branch()
    return example.ids[: branch[0] if branch else example.prompt]


def worth(example: Example, answer: Answer, examples: Examples, weights: dict) -> float:
    """The reward of an answer, the forced part put back before it."""
    forced = opening(example)[example.prompt :].tolist()
    own = answer.ids[:-1] if answer.ended else answer.ids
    text = examples.wording.tokenizer.decode([*forced, *own.tolist()], skip_special_tokens=False)
    schema = examples.wording.request(example.item.request)["schema"]
    return reward(example, schema, text, answer.ended, weights)


def draw_group(model: m1.Model, example: Example, examples: Examples, wanted: dict, seed: int) -> Group | None:
    """A group of answers; nothing where they are all worth the same."""
    generator, end = torch.Generator().manual_seed(seed), examples.wording.end_of_turn()
    prompt = opening(example)
    answers = sampling.sample(
        model, prompt, wanted["group"], wanted["most_tokens"], wanted["temperature"], end, generator
    )
    found = torch.tensor([worth(example, answer, examples, wanted["rewards"]) for answer in answers])
    better = advantages(found)
    return None if better is None else Group(prompt, answers, better, found)


def pick(examples: Examples, wanted: dict, generator: np.random.Generator, answered: bool) -> Example | None:
    """An example whose request the document answers, or does not; nothing where such are few."""
    pool = [(task, "train") for task in wanted["tasks"] if (task, "train") in examples.items]
    for _ in range(PICKS):
        items = examples.items[pool[int(generator.integers(len(pool)))]]
        example = examples.example(items[int(generator.integers(len(items)))], generator)
        if example and bool(example.parts) == answered:
            return example
    return None


def draw(model: m1.Model, examples: Examples, wanted: dict, seed: int, step: int) -> list[Group]:
    """The groups of a step, of both kinds of requests in turn: they and the answers follow from seed and step, and from the
    weights."""
    generator, found = np.random.default_rng([seed, STAGE, step]), []
    for _ in range(DRAWS * wanted["questions"]):
        # By the step too, so that both kinds come up where a step has one group.
        example = pick(examples, wanted, generator, answered=(step + len(found)) % 2 == 0)
        number = int(generator.integers(2**62))
        group = draw_group(model, example, examples, wanted, number) if example else None
        found += [group] if group else []
        if len(found) == wanted["questions"]:
            break
    return found


def token_logs(model: m1.Model, group: Group, temperature: float) -> Tensor:
    """Log-probabilities under the weights as they are of all answers' tokens, one answer after the other: [N].

    The prompt is read once for all of them, and its gradient is the sum of theirs; the answers follow it side by side,
    padded to the longest."""
    count, lengths = len(group.answers), [len(answer.ids) for answer in group.answers]
    first, states = sampling.read(model, group.prompt[None], 0, [None] * len(model.model.layers))
    ids = torch.nn.utils.rnn.pad_sequence([answer.ids for answer in group.answers], batch_first=True)
    states = [sampling.repeated(state, count) for state in states]
    rest, _ = sampling.read(model, ids, len(group.prompt), states)
    # A token's probability comes from the state before it: the prompt's last, then the answer's own.
    hidden = torch.cat([first[:, -1:].expand(count, -1, -1), rest[:, :-1]], dim=1)
    rows = torch.cat([hidden[n, :length] for n, length in enumerate(lengths)])
    given = torch.cat([answer.ids for answer in group.answers])
    logs = (F.linear(rows, model.head) / temperature).log_softmax(-1)
    return logs.gather(1, given[:, None])[:, 0]


def update(model: m1.Model, groups: list[Group], trained: list, optimiser: torch.optim.Optimizer, config: dict) -> dict:
    """One step of the optimiser over all groups; later ones on the same groups are off-policy, as in the paper."""
    wanted, ratios, total = config["stage5"], [], 0.0
    for group in groups:
        old = torch.cat([answer.logs for answer in group.answers])
        each = torch.cat([a.expand(len(answer.ids)) for a, answer in zip(group.advantages, group.answers, strict=True)])
        logs = token_logs(model, group, wanted["temperature"])
        loss = cispo(logs, old, each, wanted["high"]) / len(groups)
        loss.backward()
        total += loss.item()
        ratios.append(torch.exp(logs.detach() - old))
    norm = torch.nn.utils.clip_grad_norm_(trained, wanted["clip"])
    optimiser.step()
    optimiser.zero_grad()
    ratio = torch.cat(ratios)
    clipped = (ratio > 1 + wanted["high"]).float().mean().item()
    return {"loss": round(total, 5), "norm": round(norm.item(), 4), "clipped": round(clipped, 4)}


def held_out_rewards(model: m1.Model, held_out: list[Example], examples: Examples, wanted: dict) -> list[float]:
    """Rewards of greedy answers."""
    generator, end = torch.Generator().manual_seed(0), examples.wording.end_of_turn()
    found = []
    for example in held_out:
        answer = sampling.sample(model, opening(example), 1, wanted["most_tokens"], 0.0, end, generator)[0]
        found.append(worth(example, answer, examples, wanted["rewards"]))
    return found


@dataclass
class Rise:
    """Mean of the paired differences of the rewards, requests with an answer and without weighing the same, its standard
    error, and the mean of each kind by name."""

    mean: float
    error: float
    of: dict[str, float]


def rise(before: list[float], after: list[float], answered: list[bool]) -> Rise:
    """How much the rewards of the same requests rose."""
    apart, kinds = np.array(after) - np.array(before), np.array(answered)
    sides = {"answered": apart[kinds], "unanswered": apart[~kinds]}
    sides = {name: side for name, side in sides.items() if len(side)}
    means = {name: float(side.mean()) for name, side in sides.items()}
    errors = [float(side.std(ddof=1)) / math.sqrt(len(side)) if len(side) > 1 else math.inf for side in sides.values()]
    return Rise(float(np.mean(list(means.values()))), math.hypot(*errors) / len(errors), means)


def begin(config: dict) -> tuple[m1.Model, dict, dict, torch.optim.AdamW, dict]:
    """Model with stage 4's adapter, adapters, what adapter.json says, optimiser, and the progress of a checkpoint."""
    work, wanted = config["paths"]["work"], config["stage5"]
    folder = work / "adapter"
    if not (folder / "adapter.json").exists():
        raise SystemExit(f"no adapter in {folder}: run `python stage4.py` first")
    model, base = stage4.load_base(config)
    said = lora.said_of(folder, base)
    adapters = lora.attach(model, said["rank"], said["alpha"], config["run"]["seed"])
    lora.load(folder, adapters)
    trained = lora.parameters(adapters)
    optimiser = torch.optim.AdamW(
        trained.values(), lr=wanted["learning_rate"], betas=(0.9, 0.95), eps=1e-15, weight_decay=0.0
    )
    found = common.load_checkpoint(work / "stage5.pt")
    if found is None:
        return model, adapters, said, optimiser, {"adapter": said["digest"], "step": 0, "before": None}
    if found["progress"]["adapter"] != said["digest"]:
        raise SystemExit(f"{work}/stage5.pt began with another adapter: remove it to start stage 5 anew")
    with torch.no_grad():
        for name, value in found["weights"].items():
            trained[name].copy_(value)
    optimiser.load_state_dict(found["optimiser"])
    return model, adapters, said, optimiser, found["progress"]


def train(config: dict, minutes: float | None, steps: int | None = None) -> bool:
    """Draws, rewards, learns; says whether the adapter was kept."""
    wanted, work = config["stage5"], config["paths"]["work"]
    until, log, examples = common.Until(minutes), common.Log(work / "stage5.jsonl"), Examples(config)
    model, adapters, said, optimiser, progress = begin(config)
    trained = lora.parameters(adapters)
    found = examples.held_out(wanted["held_out"])
    held_out = [example for task in wanted["tasks"] for example in found.get(task, [])]
    answered = [bool(example.parts) for example in held_out]
    if progress["before"] is None:
        progress["before"] = held_out_rewards(model, held_out, examples, wanted)
    log.write(
        event="start", step=progress["step"], held_out=len(held_out), reward=round(np.mean(progress["before"]), 4)
    )
    while progress["step"] < wanted["steps"] and progress["step"] != steps and not until:
        groups = draw(model, examples, wanted, config["run"]["seed"], progress["step"])
        common.set_rate(optimiser, common.learning_rate(progress["step"], wanted))
        figures = {}
        for _ in range(wanted["updates"] if groups else 0):
            figures = update(model, groups, list(trained.values()), optimiser, config)
        progress["step"] += 1
        given = [value for group in groups for value in group.rewards.tolist()]
        lengths = [len(answer.ids) for group in groups for answer in group.answers]
        record = {"step": progress["step"], "groups": len(groups)} | figures
        if given:
            record |= {"train_reward": round(np.mean(given), 4), "answer_tokens": round(np.mean(lengths), 1)}
        log.write(**record)
        weights = {name: value.detach() for name, value in trained.items()}
        value = {"weights": weights, "optimiser": optimiser.state_dict(), "progress": progress}
        common.save_atomically(work / "stage5.pt", value)
    after = held_out_rewards(model, held_out, examples, wanted)
    return keep(work, wanted, adapters, said, progress, rise(progress["before"], after, answered), log)


def keep(work: Path, wanted: dict, adapters: dict, said: dict, progress: dict, rose: Rise, log: common.Log) -> bool:
    """Writes the adapter where the held-out reward rose beyond chance and fell for neither kind, and says so."""
    kept = rose.mean > max(wanted["least_rise"], rose.error) and min(rose.of.values()) >= 0.0
    if kept:
        # How "none" is decided was fitted to the adapter as it was (decide.py).
        others = ("format", "rank", "alpha", "modules", "digest", "bytes", "decision", "decision_fitted")
        own = {name: said[name] for name in said if name not in others}
        stated = {
            "reward_steps": progress["step"],
            "reward_rise": round(rose.mean, 4),
            "reward_rise_error": round(rose.error, 4),
        }
        lora.save(work / "adapter-rewarded", adapters, own | stated)
    figures = {"rise": round(rose.mean, 4), "error": round(rose.error, 4)}
    of = {name: round(mean, 4) for name, mean in rose.of.items()}
    log.write(event="stop", step=progress["step"], kept=kept, **figures, of=of)
    return kept


def main() -> None:
    parser = common.arguments("Stage 5: reinforcement with CISPO.")
    parser.add_argument("--minutes", type=float, help="stop cleanly after so many minutes")
    options = parser.parse_args()
    train(common.settings(options), options.minutes)


if __name__ == "__main__":
    main()
