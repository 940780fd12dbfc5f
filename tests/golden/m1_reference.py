"""A plain NumPy MiniMax-M1 forward pass, token by token, written from the spec to be read rather than fast.

Sections named below are those of the engine spec: 1.2 block order, 1.3 lightning attention,
1.4 softmax attention, 1.5 mixture of experts, 1.6a tensor names. It is the oracle for what
transformers' MiniMaxForCausalLM cannot do: pre-norm, partial RoPE, a shared expert, tied
embeddings, and a head count that is not a power of two.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

INNER_NORM_EPS = 1e-6  # the norm inside lightning attention does not follow rms_norm_eps (1.3, step 6)


@dataclass
class Trace:
    """What one forward pass over T tokens yields."""

    logits: np.ndarray  # [T, V]
    hidden: list[np.ndarray]  # L + 1 of [T, hidden]: embeddings, after each layer, the last after the final norm
    router_logits: list[np.ndarray]  # L of [T, E]
    states: dict[int, dict[int, np.ndarray]] = field(default_factory=dict)  # tokens read -> layer -> [H, Dk, Dv]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x), computed through tanh so that no exponent overflows."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def silu(x: np.ndarray) -> np.ndarray:
    """x * sigmoid(x)."""
    return x * sigmoid(x)


def softmax(x: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    shifted = np.exp(x - x.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def rms_norm(x: np.ndarray, weight: np.ndarray, eps: float) -> np.ndarray:
    """x / sqrt(mean(x^2) + eps) * weight over the last axis."""
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + x.dtype.type(eps)) * weight


def alibi_slopes(heads: int) -> list[float]:
    """Slope per head (1.3, step 3), with the remote code's rule for a count that is no power of two."""
    if heads & (heads - 1) == 0:
        return [2.0 ** (-8.0 * h / heads) for h in range(1, heads + 1)]
    lower = 1 << (heads.bit_length() - 1)
    return alibi_slopes(lower) + alibi_slopes(2 * lower)[0::2][: heads - lower]


def layer_factor(layer: int, layers: int) -> float:
    """f_l = 1 - l/(L-1) + 1e-5 over all layers; 1 + 1e-5 when there is only one."""
    return 1.0 + 1e-5 if layers <= 1 else 1.0 - layer / (layers - 1) + 1e-5


class Reference:
    """The model: M1 config keys, weights in MiniMaxAI names, one floating-point type throughout."""

    def __init__(self, config: dict, weights: dict[str, np.ndarray], dtype=np.float64):
        self.config = config
        self.weights = {name: value.astype(dtype) for name, value in weights.items()}
        self.dtype = dtype

    def run(self, ids: np.ndarray, keep_states_after: tuple[int, ...] = ()) -> Trace:
        """Reads `ids` [T]. States are kept at the given token counts."""
        c, w = self.config, self.weights
        h = w["model.embed_tokens.weight"][ids]
        trace = Trace(logits=h, hidden=[h], router_logits=[], states={n: {} for n in keep_states_after})
        for layer, kind in enumerate(c["attn_type_list"]):
            name = "full" if kind == 1 else "linear"
            alpha = c[f"layernorm_{name}_attention_alpha"]
            beta = c[f"layernorm_{name}_attention_beta"]
            x = self.layer_norm(h, layer, "input_layernorm")
            mixed = self.softmax_attention(x, layer) if kind == 1 else self.lightning_attention(x, layer, trace)
            h1 = alpha * (x if c["postnorm"] else h) + beta * mixed
            y = self.layer_norm(h1, layer, "post_attention_layernorm")
            moe, router = self.feed_forward(y, layer)
            h = c["layernorm_mlp_alpha"] * (y if c["postnorm"] else h1) + c["layernorm_mlp_beta"] * moe
            trace.hidden.append(h)
            trace.router_logits.append(router)
        trace.hidden[-1] = rms_norm(h, w["model.norm.weight"], c["rms_norm_eps"])
        head = w["model.embed_tokens.weight"] if c["tie_word_embeddings"] else w["lm_head.weight"]
        trace.logits = trace.hidden[-1] @ head.T
        return trace

    def layer_norm(self, x: np.ndarray, layer: int, name: str) -> np.ndarray:
        """One of the two norms around a layer's halves."""
        return rms_norm(x, self.weights[f"model.layers.{layer}.{name}.weight"], self.config["rms_norm_eps"])

    def lightning_attention(self, x: np.ndarray, layer: int, trace: Trace) -> np.ndarray:
        """1.3 in its recurrent form: S = lambda S + k (outer) v, o = q S."""
        c, w, at = self.config, self.weights, f"model.layers.{layer}.self_attn"
        heads, dim, tokens = c["num_attention_heads"], c["head_dim"], x.shape[0]
        qkv = silu(x @ w[f"{at}.qkv_proj.weight"].T).reshape(tokens, heads, 3 * dim)
        q, k, v = qkv[..., :dim], qkv[..., dim : 2 * dim], qkv[..., 2 * dim :]
        factor = layer_factor(layer, c["num_hidden_layers"])
        decay = np.array([np.exp(-slope * factor) for slope in alibi_slopes(heads)], dtype=self.dtype)
        state = np.zeros((heads, dim, dim), dtype=self.dtype)
        out = np.zeros((tokens, heads, dim), dtype=self.dtype)
        for t in range(tokens):
            for head in range(heads):
                state[head] = decay[head] * state[head] + np.outer(k[t, head], v[t, head])
                out[t, head] = q[t, head] @ state[head]
            if t + 1 in trace.states:
                trace.states[t + 1][layer] = state.copy()
        normed = rms_norm(out.reshape(tokens, heads * dim), w[f"{at}.norm.weight"], INNER_NORM_EPS)
        return (sigmoid(x @ w[f"{at}.output_gate.weight"].T) * normed) @ w[f"{at}.out_proj.weight"].T

    def rotate(self, x: np.ndarray) -> np.ndarray:
        """RoPE on the first rotary_dim dims, pairs (i, i + rotary_dim/2). `x`: [T, H, D], positions 0..T-1."""
        rotary = self.config["rotary_dim"]
        half = rotary // 2
        inverse = float(self.config["rope_theta"]) ** (-2.0 * np.arange(half) / rotary)
        angle = np.outer(np.arange(x.shape[0]), inverse)[:, None, :]
        cos, sin = np.cos(angle).astype(self.dtype), np.sin(angle).astype(self.dtype)
        a, b, rest = x[..., :half], x[..., half:rotary], x[..., rotary:]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin, rest], axis=-1)

    def softmax_attention(self, x: np.ndarray, layer: int) -> np.ndarray:
        """1.4: causal grouped-query attention, scale 1/sqrt(D)."""
        c, w, at = self.config, self.weights, f"model.layers.{layer}.self_attn"
        heads, kv_heads, dim, tokens = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"], x.shape[0]
        q = self.rotate((x @ w[f"{at}.q_proj.weight"].T).reshape(tokens, heads, dim))
        k = self.rotate((x @ w[f"{at}.k_proj.weight"].T).reshape(tokens, kv_heads, dim))
        v = (x @ w[f"{at}.v_proj.weight"].T).reshape(tokens, kv_heads, dim)
        out = np.zeros((tokens, heads, dim), dtype=self.dtype)
        for head in range(heads):
            group = head // (heads // kv_heads)
            for t in range(tokens):
                scores = k[: t + 1, group] @ q[t, head] / self.dtype(np.sqrt(dim))
                out[t, head] = softmax(scores) @ v[: t + 1, group]
        return out.reshape(tokens, heads * dim) @ w[f"{at}.o_proj.weight"].T

    def feed_forward(self, y: np.ndarray, layer: int) -> tuple[np.ndarray, np.ndarray]:
        """1.5: top-k of softmax over all experts, renormalised; then the shared expert, if there is one."""
        c, w, block = self.config, self.weights, f"model.layers.{layer}"
        moe = f"{block}.block_sparse_moe"
        router = y @ w[f"{moe}.gate.weight"].T
        out = np.zeros_like(y)
        for t, probabilities in enumerate(softmax(router)):
            chosen = np.argsort(-probabilities, kind="stable")[: c["num_experts_per_tok"]]
            for expert in chosen:
                at = f"{moe}.experts.{expert}"
                inner = silu(y[t] @ w[f"{at}.w1.weight"].T) * (y[t] @ w[f"{at}.w3.weight"].T)
                out[t] += probabilities[expert] / probabilities[chosen].sum() * (inner @ w[f"{at}.w2.weight"].T)
        if c["shared_intermediate_size"] > 0:
            at = f"{block}.shared_mlp"
            inner = silu(y @ w[f"{at}.gate_proj.weight"].T) * (y @ w[f"{at}.up_proj.weight"].T)
            share = sigmoid(y @ w[f"{block}.coefficient.weight"].T)  # [T, 1]
            out = out * (1.0 - share) + (inner @ w[f"{at}.down_proj.weight"].T) * share
        return out, router
