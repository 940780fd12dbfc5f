"""Answers drawn token by token, with the state the layers keep between tokens: a decayed sum of k (outer) v in
lightning layers, keys and values in softmax layers. The prompt is read once for a whole group of answers.

Nothing holds the answers to a schema here, as the engine's constraint does; the rewards say what they are worth.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

import m1


@dataclass
class Answer:
    """`ids` [n] and the log-probability of each when it was drawn, [n]; `ended`: whether the last ends the turn."""

    ids: Tensor
    logs: Tensor
    ended: bool


def attend(attention: object, x: Tensor, rotation: tuple, state: object) -> tuple[Tensor, object]:
    """Output [B, T, hidden] of an attention layer for x [B, T, hidden] that follows `state`, and the state after it."""
    if isinstance(attention, m1.Lightning):
        parts = attention.parts(x)
        if x.shape[1] == 1:
            out, state = m1.recurrent(*parts, attention.rates, state)
        else:
            out, state = m1.chunked(*parts, attention.rates, state, chunk=attention.chunk)
        out = out.transpose(1, 2).reshape(*x.shape[:2], attention.heads * attention.dim)
        return attention.out_proj(torch.sigmoid(attention.output_gate(x)) * attention.norm(out)), state
    q, k, v = attention.parts(x, rotation)
    before = 0 if state is None else state[0].shape[2]
    if before:
        k, v = torch.cat([state[0], k], dim=2), torch.cat([state[1], v], dim=2)
    seen = torch.ones(x.shape[1], before + x.shape[1], dtype=torch.bool).tril(before) if before else None
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=seen, is_causal=not before)
    out = out.transpose(1, 2).reshape(*x.shape[:2], attention.heads * attention.dim)
    return attention.o_proj(out), (k, v)


def read(model: m1.Model, ids: Tensor, at: int, states: list) -> tuple[Tensor, list]:
    """Hidden states [B, T, H] of ids [B, T], the first of which is at position `at`, before the head, and the layers'
    states after them."""
    cos, sin = m1.rotation_of(model.config, at + ids.shape[1])
    h, after = model.model.embed_tokens(ids), []
    for block, state in zip(model.model.layers, states, strict=True):
        x = block.input_layernorm(h)
        attended, state = attend(block.self_attn, x, (cos[at:], sin[at:]), state)
        h, _ = block.feed_forward(block.mix_attention(h, x, attended))
        after.append(state)
    return model.model.norm(h), after


def repeated(state: object, count: int) -> object:
    """A state for so many answers to one prompt."""
    if isinstance(state, tuple):
        return tuple(repeated(part, count) for part in state)
    return state.expand(count, *state.shape[1:])


@torch.no_grad()
def sample(
    model: m1.Model, prompt: Tensor, group: int, most: int, temperature: float, end: int, generator: torch.Generator
) -> list[Answer]:
    """`group` answers to prompt [T], of `most` tokens at most; with temperature 0 the likeliest token each time."""
    hidden, states = read(model, prompt[None], 0, [None] * len(model.model.layers))
    hidden, states = hidden[:, -1].expand(group, -1), [repeated(state, group) for state in states]
    ids, logs, open_ = [], [], torch.ones(group, dtype=torch.bool)
    for n in range(most):
        scores = (F.linear(hidden, model.head) / (temperature or 1.0)).log_softmax(-1)
        drawn = scores.argmax(-1) if temperature == 0 else torch.multinomial(scores.exp(), 1, generator=generator)[:, 0]
        ids.append(torch.where(open_, drawn, end))
        logs.append(scores.gather(1, drawn[:, None])[:, 0])
        open_ = open_ & (drawn != end)
        if not open_.any() or n + 1 == most:
            break
        hidden, states = read(model, ids[-1][:, None], len(prompt) + n, states)
        hidden = hidden[:, -1]
    return [cut(row, log, end) for row, log in zip(torch.stack(ids, 1), torch.stack(logs, 1), strict=True)]


def cut(ids: Tensor, logs: Tensor, end: int) -> Answer:
    """An answer up to the end of its turn."""
    ends = (ids == end).nonzero()
    length = int(ends[0]) + 1 if len(ends) else len(ids)
    return Answer(ids[:length], logs[:length], bool(len(ends)))
