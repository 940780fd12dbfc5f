"""The MiniMax-M1 layout in PyTorch: one class for teacher and student, the configuration decides which.

Parameter names are those of MiniMaxAI's checkpoints, so that `state_dict` is the file. The arithmetic follows
`tests/golden/m1_reference.py` (and so the Rust engine), in a form that is differentiable and works on batches.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

LIGHTNING, SOFTMAX = 0, 1


@dataclass
class Config:
    """`config.json` under the engine's own key names; the engine refuses keys it does not know."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    rotary_dim: int
    rope_theta: float
    max_position_embeddings: int
    rms_norm_eps: float
    num_local_experts: int
    num_experts_per_tok: int
    attn_type_list: list[int]
    architectures: list[str] = dataclasses.field(default_factory=lambda: ["MiniMaxM1ForCausalLM"])
    model_type: str = "minimax_m1"
    linear_norm_eps: float = 1e-6
    postnorm: bool = False
    layernorm_full_attention_alpha: float = 1.0
    layernorm_full_attention_beta: float = 1.0
    layernorm_linear_attention_alpha: float = 1.0
    layernorm_linear_attention_beta: float = 1.0
    layernorm_mlp_alpha: float = 1.0
    layernorm_mlp_beta: float = 1.0
    shared_intermediate_size: int = 0
    shared_moe_mode: str = "sigmoid"
    hidden_act: str = "silu"
    tie_word_embeddings: bool = False
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    torch_dtype: str = "float32"

    @staticmethod
    def read(path: Path) -> Config:
        """Refuses unknown keys, as the engine does."""
        return Config(**json.loads(path.read_text(encoding="utf-8")))

    def write(self, path: Path) -> None:
        """Keys that are null are left out."""
        values = {key: value for key, value in dataclasses.asdict(self).items() if value is not None}
        path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def slopes(heads: int) -> list[float]:
    """ALiBi slopes; a count that is no power of two takes every second slope of the next one for the rest."""
    if heads & (heads - 1) == 0:
        return [2.0 ** (-8.0 * h / heads) for h in range(1, heads + 1)]
    lower = 1 << (heads.bit_length() - 1)
    return slopes(lower) + slopes(2 * lower)[0::2][: heads - lower]


def decay_rates(config: Config, layer: int) -> Tensor:
    """g [H] with lambda = exp(-g): slope times the layer factor, which counts over all layers."""
    layers = config.num_hidden_layers
    factor = 1.0 + 1e-5 if layers <= 1 else 1.0 - layer / (layers - 1) + 1e-5
    return torch.tensor([slope * factor for slope in slopes(config.num_attention_heads)], dtype=torch.float64)


def recurrent(q: Tensor, k: Tensor, v: Tensor, rates: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """S = lambda S + k (outer) v, o = q S, token by token: the twin that `chunked` is held to. [B, H, T, D]."""
    decay = torch.exp(-rates).to(q.dtype)[:, None, None]
    state = q.new_zeros(*q.shape[:2], q.shape[3], v.shape[3]) if state is None else state
    out = []
    for t in range(q.shape[2]):
        state = decay * state + k[:, :, t, :, None] * v[:, :, t, None, :]
        out.append((q[:, :, t, None, :] @ state)[:, :, 0])
    return torch.stack(out, dim=2), state


def chunked(
    q: Tensor, k: Tensor, v: Tensor, rates: Tensor, state: Tensor | None = None, chunk: int = 64
) -> tuple[Tensor, Tensor]:
    """The same by blocks: a masked product inside a block, the state between blocks. [B, H, T, D]."""
    batch, heads, tokens, dim = q.shape
    pad = -tokens % chunk
    if pad:  # zero keys add nothing to any state; the last state is corrected for the decay over the padding below
        q, k, v = (F.pad(x, (0, 0, 0, pad)) for x in (q, k, v))
    q, k, v = (x.reshape(batch, heads, -1, chunk, dim) for x in (q, k, v))
    at = torch.arange(chunk, dtype=torch.float64)
    # By differences of positions: exp(-g i) * exp(+g j) would overflow f32 in the fast heads.
    apart = at[:, None] - at[None, :]
    mask = torch.where(apart >= 0, torch.exp(-rates[:, None, None] * apart.clamp(min=0)), 0.0).to(q.dtype)
    since_start = torch.exp(-rates[:, None] * (at + 1)).to(q.dtype)[:, None, :, None]
    to_end = torch.exp(-rates[:, None] * (chunk - 1 - at)).to(q.dtype)[:, None, :, None]
    inside = ((q @ k.transpose(-1, -2)) * mask[:, None]) @ v
    updates = ((k * to_end).transpose(-1, -2) @ v).unbind(2)
    whole = torch.exp(-rates * chunk).to(q.dtype)[:, None, None]
    state = q.new_zeros(batch, heads, dim, dim) if state is None else state
    before = []
    for n, update in enumerate(updates):
        before.append(state)
        if pad and n == len(updates) - 1:
            size = chunk - pad
            ends = torch.exp(-rates[:, None] * (size - 1 - at[:size])).to(q.dtype)[:, :, None]
            update = (k[:, :, n, :size] * ends).transpose(-1, -2) @ v[:, :, n, :size]
            whole = torch.exp(-rates * size).to(q.dtype)[:, None, None]
        state = whole * state + update
    out = inside + (q * since_start) @ torch.stack(before, dim=2)
    return out.reshape(batch, heads, -1, dim)[:, :, :tokens], state


class RmsNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight."""

    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


def linear(inputs: int, outputs: int) -> nn.Linear:
    """A map without bias."""
    return nn.Linear(inputs, outputs, bias=False)


class Lightning(nn.Module):
    """Linear attention with one fixed decay per head, an inner norm and a sigmoid output gate (spec 1.3)."""

    def __init__(self, config: Config, layer: int, chunk: int = 64):
        super().__init__()
        self.heads, self.dim, self.chunk = config.num_attention_heads, config.head_dim, chunk
        wide = self.heads * self.dim
        self.qkv_proj = linear(config.hidden_size, 3 * wide)
        self.output_gate = linear(config.hidden_size, wide)
        self.norm = RmsNorm(wide, config.linear_norm_eps)
        self.out_proj = linear(wide, config.hidden_size)
        self.rates = decay_rates(config, layer)

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values [B, H, T, D]; a row of the fused map holds q_h | k_h | v_h head by head."""
        fused = F.silu(self.qkv_proj(x)).reshape(*x.shape[:2], self.heads, 3, self.dim)
        return tuple(fused[:, :, :, i].transpose(1, 2) for i in range(3))

    def inner(self, x: Tensor) -> Tensor:
        """What `out_proj` multiplies: gated and normalised, [B, T, H*D]."""
        out, _ = chunked(*self.parts(x), self.rates, chunk=self.chunk)
        out = out.transpose(1, 2).reshape(*x.shape[:2], self.heads * self.dim)
        return torch.sigmoid(self.output_gate(x)) * self.norm(out)

    def forward(self, x: Tensor, rotation: object = None) -> Tensor:
        return self.out_proj(self.inner(x))


class SoftmaxAttention(nn.Module):
    """Causal grouped-query attention with rotary positions (spec 1.4)."""

    def __init__(self, config: Config):
        super().__init__()
        self.heads, self.groups, self.dim = config.num_attention_heads, config.num_key_value_heads, config.head_dim
        self.q_proj = linear(config.hidden_size, self.heads * self.dim)
        self.k_proj = linear(config.hidden_size, self.groups * self.dim)
        self.v_proj = linear(config.hidden_size, self.groups * self.dim)
        self.o_proj = linear(self.heads * self.dim, config.hidden_size)

    def parts(self, x: Tensor, rotation: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Rotated queries and keys, and values, all with H heads: [B, H, T, D]."""
        q, k, v = (
            project(x).reshape(*x.shape[:2], -1, self.dim).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        repeat = self.heads // self.groups
        k, v = rotate(k, rotation).repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
        return rotate(q, rotation), k, v

    def inner(self, x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        """What `o_proj` multiplies, [B, T, H*D]."""
        out = F.scaled_dot_product_attention(*self.parts(x, rotation), is_causal=True)
        return out.transpose(1, 2).reshape(*x.shape[:2], self.heads * self.dim)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        return self.o_proj(self.inner(x, rotation))


def rotation_of(config: Config, tokens: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines [T, rotary_dim / 2] of positions 0..T-1, computed in f64 as the engine's oracle does."""
    half = config.rotary_dim // 2
    inverse = float(config.rope_theta) ** (-2.0 * torch.arange(half, dtype=torch.float64) / config.rotary_dim)
    angle = torch.arange(tokens, dtype=torch.float64)[:, None] * inverse
    return angle.cos().float(), angle.sin().float()


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Rotates the pairs (i, i + rotary_dim/2); dimensions past rotary_dim are left alone."""
    cos, sin = rotation
    half = cos.shape[1]
    a, b, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], dim=-1)


class Expert(nn.Module):
    """w2(silu(w1 y) * w3 y)."""

    def __init__(self, hidden: int, inner: int):
        super().__init__()
        self.w1, self.w2, self.w3 = linear(hidden, inner), linear(inner, hidden), linear(hidden, inner)

    def forward(self, y: Tensor) -> Tensor:
        return self.w2(F.silu(self.w1(y)) * self.w3(y))


class Experts(nn.Module):
    """The k best experts of a softmax over all, their weights renormalised; of equal ones the lower index wins."""

    def __init__(self, config: Config):
        super().__init__()
        self.count = config.num_experts_per_tok
        self.gate = linear(config.hidden_size, config.num_local_experts)
        each = (Expert(config.hidden_size, config.intermediate_size) for _ in range(config.num_local_experts))
        self.experts = nn.ModuleList(each)

    def route(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Shares of all experts [N, E], and the chosen ones [N, k], best first."""
        shares = F.softmax(self.gate(flat), dim=-1)
        return shares, shares.detach().sort(dim=-1, descending=True, stable=True).indices[:, : self.count]

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor | None]:
        """Returns the output and the load-balancing term of this layer (none for a single expert)."""
        if len(self.experts) == 1:
            return self.experts[0](y), None  # the one weight is renormalised to exactly 1
        flat = y.reshape(-1, y.shape[-1])
        shares, chosen = self.route(flat)
        weights = shares.gather(1, chosen)
        weights = weights / weights.sum(-1, keepdim=True)
        by_expert = chosen.reshape(-1).argsort(stable=True)  # places in [N, k], those of each expert together
        loads = chosen.reshape(-1).bincount(minlength=len(self.experts))
        inputs = flat.index_select(0, by_expert // self.count).split(loads.tolist())
        parts = torch.cat([expert(part) for expert, part in zip(self.experts, inputs, strict=True)])
        back = torch.empty_like(by_expert).scatter(0, by_expert, torch.arange(len(by_expert)))
        out = (parts.index_select(0, back).reshape(-1, self.count, y.shape[-1]) * weights[:, :, None]).sum(1)
        balance = len(self.experts) / self.count * (loads / len(flat) * shares.mean(0)).sum()
        return out.reshape(y.shape), balance


class SharedMlp(nn.Module):
    """The expert every token goes through, where a model has one."""

    def __init__(self, hidden: int, inner: int):
        super().__init__()
        self.gate_proj, self.up_proj = linear(hidden, inner), linear(hidden, inner)
        self.down_proj = linear(inner, hidden)

    def forward(self, y: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(y)) * self.up_proj(y))


class Block(nn.Module):
    """One layer (spec 1.2). With post-norm the residual is taken after the norm."""

    def __init__(self, config: Config, layer: int, chunk: int):
        super().__init__()
        self.config = config
        kind = config.attn_type_list[layer]
        self.input_layernorm = RmsNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = SoftmaxAttention(config) if kind == SOFTMAX else Lightning(config, layer, chunk)
        self.post_attention_layernorm = RmsNorm(config.hidden_size, config.rms_norm_eps)
        self.block_sparse_moe = Experts(config)
        if config.shared_intermediate_size:
            self.shared_mlp = SharedMlp(config.hidden_size, config.shared_intermediate_size)
            self.coefficient = linear(config.hidden_size, 1)

    def mix_attention(self, h: Tensor, x: Tensor, attended: Tensor) -> Tensor:
        """Adds the attention's output `attended` to the stream `h`; `x` is the normed input."""
        name = "full" if isinstance(self.self_attn, SoftmaxAttention) else "linear"
        alpha, beta = (getattr(self.config, f"layernorm_{name}_attention_{part}") for part in ("alpha", "beta"))
        residual = x if self.config.postnorm else h
        return residual + attended if alpha == beta == 1.0 else alpha * residual + beta * attended

    def feed_forward(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """The second half of the layer, and its load-balancing term."""
        y = self.post_attention_layernorm(h)
        out, balance = self.block_sparse_moe(y)
        if self.config.shared_intermediate_size:
            share = torch.sigmoid(self.coefficient(y))
            out = out * (1.0 - share) + self.shared_mlp(y) * share
        alpha, beta = self.config.layernorm_mlp_alpha, self.config.layernorm_mlp_beta
        residual = y if self.config.postnorm else h
        return (residual + out if alpha == beta == 1.0 else alpha * residual + beta * out), balance

    def forward(self, h: Tensor, rotation: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor | None]:
        x = self.input_layernorm(h)
        return self.feed_forward(self.mix_attention(h, x, self.self_attn(x, rotation)))


class Trunk(nn.Module):
    """Everything below the head."""

    def __init__(self, config: Config, chunk: int):
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config, layer, chunk) for layer in range(config.num_hidden_layers))
        self.norm = RmsNorm(config.hidden_size, config.rms_norm_eps)


class Model(nn.Module):
    """A causal language model. `chunk`: tokens of a block of lightning attention; it changes speed alone."""

    def __init__(self, config: Config, chunk: int = 64):
        super().__init__()
        self.config = config
        with torch.device("meta"):  # the weights come from a file: building them first would only cost time
            self.model = Trunk(config, chunk)
            self.lm_head = None if config.tie_word_embeddings else linear(config.hidden_size, config.vocab_size)
        self.to_empty(device="cpu")
        for layer, block in enumerate(self.model.layers):
            if isinstance(block.self_attn, Lightning):
                block.self_attn.rates = decay_rates(config, layer)  # built above without values

    @property
    def head(self) -> Tensor:
        """The matrix [V, hidden] that yields the logits."""
        return self.model.embed_tokens.weight if self.lm_head is None else self.lm_head.weight

    def hidden(self, ids: Tensor, recompute: bool = False) -> tuple[Tensor, Tensor]:
        """Final normed hidden states [B, T, hidden] of `ids` [B, T], and the mean load-balancing term.

        `recompute` spares memory: a layer's activations are computed again in the backward pass."""
        h = self.model.embed_tokens(ids)
        rotation = rotation_of(self.config, ids.shape[1])
        balances = []
        for block in self.model.layers:
            if recompute and torch.is_grad_enabled():
                h, balance = checkpoint(block, h, rotation, use_reentrant=False)
            else:
                h, balance = block(h, rotation)
            balances += [] if balance is None else [balance]
        return self.model.norm(h), torch.stack(balances).mean() if balances else h.new_zeros(())

    def forward(self, ids: Tensor) -> Tensor:
        """Logits [B, T, V]; for short texts only, V is large."""
        return F.linear(self.hidden(ids)[0], self.head)

    @staticmethod
    def load(folder: Path, chunk: int = 64) -> Model:
        """Reads config.json and model.safetensors; every tensor must be there and no other."""
        model = Model(Config.read(Path(folder) / "config.json"), chunk)
        model.load_state_dict(load_file(Path(folder) / "model.safetensors"), strict=True)
        return model

    def save(self, folder: Path) -> None:
        """Writes config.json and model.safetensors (f32) into an existing folder."""
        self.config.write(Path(folder) / "config.json")
        tensors = {name: value.detach().float().contiguous() for name, value in self.state_dict().items()}
        save_file(tensors, Path(folder) / "model.safetensors", metadata={"format": "pt"})

    def randomise(self, seed: int, scale: float = 0.2) -> Model:
        """Random weights, for tests."""
        generator = torch.Generator().manual_seed(seed)
        for name, value in self.named_parameters():
            noise = torch.randn(value.shape, generator=generator) * scale
            value.data = 1.0 + noise if "norm" in name else noise
        return self


def token_losses(hidden: Tensor, head: Tensor, ids: Tensor, rows: int = 1024) -> Iterator[Tensor]:
    """Losses of predicting ids[:, 1:] from hidden[:, :-1], `rows` tokens at a time so that [T, V] never exists."""
    states, targets = hidden[:, :-1].reshape(-1, hidden.shape[-1]), ids[:, 1:].reshape(-1)
    for start in range(0, len(targets), rows):
        logits = F.linear(states[start : start + rows], head)
        yield F.cross_entropy(logits, targets[start : start + rows], reduction="none")


@torch.no_grad()
def language_loss(model: Model, batches: list[Tensor]) -> float:
    """Mean loss per token in nats over batches of ids [B, T]."""
    total, count = 0.0, 0
    for ids in batches:
        for losses in token_losses(model.hidden(ids)[0], model.head, ids):
            total, count = total + losses.double().sum().item(), count + len(losses)
    return total / max(1, count) if count else math.nan
