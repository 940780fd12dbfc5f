"""Runs a tiny M1 checkpoint through transformers' MiniMaxForCausalLM, patched to rotate only rotary_dim dims.

transformers 5.23.0 rotates whole heads (engine-spec 1.6, trap 1), and its layer factor divides by
L-1+1e-5 where the original code divides by L-1 (1.3). Both are patched; the effect of the second
is printed, so that it stays visible how small it is.
"""

from __future__ import annotations

import numpy as np
import torch
import transformers
import transformers.models.minimax.modeling_minimax as minimax
from transformers import MiniMaxConfig, MiniMaxForCausalLM

BLOCK = 16  # smaller than the tests' token counts, so several blocks and a short last one occur

rotate_whole_head = minimax.apply_rotary_pos_emb
slope_rate_of_transformers = minimax.MiniMaxLightningAttention.get_slope_rate


def producer() -> str:
    """Names the versions for the file metadata."""
    return f"transformers {transformers.__version__}, torch {torch.__version__}, float32, partial RoPE patched"


def patch_rotary(rotary_dim: int) -> None:
    """Makes transformers rotate the first `rotary_dim` dims of a head and pass the rest through."""

    def inverse_frequencies(config, **_):
        exponent = torch.arange(0, rotary_dim, 2).float() / rotary_dim
        return 1.0 / (config.rope_parameters["rope_theta"] ** exponent), 1.0

    def rotate_part(q, k, cos, sin, unsqueeze_dim=1):
        a, b = rotate_whole_head(q[..., :rotary_dim], k[..., :rotary_dim], cos, sin, unsqueeze_dim)
        return torch.cat([a, q[..., rotary_dim:]], -1), torch.cat([b, k[..., rotary_dim:]], -1)

    minimax.MiniMaxRotaryEmbedding.compute_default_rope_parameters = staticmethod(inverse_frequencies)
    minimax.apply_rotary_pos_emb = rotate_part


def spec_slope_rate(layer, device=None):
    """[H, 1, 1]: 2^(-8h/H) * (1 - l/(L-1) + 1e-5), for H a power of two."""
    heads = layer.num_attention_heads
    slopes = torch.tensor([2.0 ** (-8.0 * h / heads) for h in range(1, heads + 1)], device=device)
    return (slopes * (1.0 - layer.layer_idx / (layer.num_hidden_layers - 1) + 1e-5))[:, None, None]


def to_transformers_names(weights: dict[str, np.ndarray], experts: int) -> dict[str, torch.Tensor]:
    """MiniMaxAI names to the in-memory names of transformers 5 (experts fused, gate rows before up rows)."""
    named = {}
    for name, value in weights.items():
        if ".experts." not in name:
            named[name.replace(".block_sparse_moe.", ".mlp.")] = torch.from_numpy(value.copy())
        elif name.endswith("experts.0.w1.weight"):
            base = name.removesuffix("0.w1.weight")
            pick = {w: [torch.from_numpy(weights[f"{base}{e}.{w}.weight"]) for e in range(experts)]
                    for w in ("w1", "w2", "w3")}
            target = base.replace(".block_sparse_moe.", ".mlp.")
            named[f"{target}gate_up_proj"] = torch.stack(
                [torch.cat(pair) for pair in zip(pick["w1"], pick["w3"], strict=True)])
            named[f"{target}down_proj"] = torch.stack(pick["w2"])
    return named


def build(config: dict, weights: dict[str, np.ndarray], slope_rate) -> MiniMaxForCausalLM:
    """The model with our weights in it; every tensor must find its place."""
    if not config["postnorm"] or config["shared_intermediate_size"] or config["tie_word_embeddings"]:
        raise ValueError("transformers' MiniMax is always post-norm, unshared and untied")
    patch_rotary(config["rotary_dim"])
    minimax.MiniMaxLightningAttention.get_slope_rate = slope_rate
    same = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "num_key_value_heads", "head_dim", "num_local_experts", "num_experts_per_tok", "rms_norm_eps",
            "max_position_embeddings")
    factors = {f"{ours}_{end}_factor": config[f"layernorm_{theirs}_{end}"] for end in ("alpha", "beta")
               for ours, theirs in (("linear_attn", "linear_attention"), ("full_attn", "full_attention"), ("mlp", "mlp"))}
    native = MiniMaxConfig(
        **{key: config[key] for key in same}, **factors, block_size=BLOCK,
        layer_types=["full_attention" if kind else "linear_attention" for kind in config["attn_type_list"]],
        rope_parameters={"rope_type": "default", "rope_theta": float(config["rope_theta"])},
        bos_token_id=None, eos_token_id=None, pad_token_id=None)
    model = MiniMaxForCausalLM._from_config(native, attn_implementation="eager").eval().float()
    model.set_experts_implementation("eager")
    missing, unexpected = model.load_state_dict(to_transformers_names(weights, config["num_local_experts"]), strict=False)
    derived = ("slope_rate", "query_decay", "key_decay", "diagonal_decay", "inv_freq")
    missing = [name for name in missing if not name.endswith(derived)]
    if missing or unexpected:
        raise ValueError(f"weights do not fit: missing {missing}, unexpected {unexpected}")
    return model


@torch.no_grad()
def run_transformers(config: dict, weights: dict[str, np.ndarray], ids: np.ndarray, prefix: int,
                     greedy_steps: int) -> dict[str, np.ndarray]:
    """The tensors of golden.safetensors; prints how the cached paths agree with the plain one."""
    torch.set_num_threads(1)  # the order of sums, and so the last bits, must not follow the core count
    batch = torch.from_numpy(ids)[None]
    linear = [i for i, kind in enumerate(config["attn_type_list"]) if kind == 0]
    model = build(config, weights, spec_slope_rate)
    plain = model(batch, use_cache=False, output_hidden_states=True, output_router_logits=True)
    golden = {"input_ids": batch, "logits": plain.logits}
    golden |= {f"hidden.{i}": h for i, h in enumerate(plain.hidden_states)}
    golden |= {f"router_logits.{i}": r for i, r in enumerate(plain.router_logits)}
    for count in (prefix, len(ids)):
        cache = model(batch[:, :count], use_cache=True).past_key_values
        golden |= {f"state_after_{count}.{i}": cache.linear_cache[i].clone() for i in linear}
    # Step by step from the prefix. Positions are given because transformers would count from layer 0,
    # which is linear and has no key/value length (engine-spec 1.6, trap 2).
    cache, steps = model(batch[:, :prefix], use_cache=True).past_key_values, []
    for t in range(prefix, len(ids)):
        steps.append(model(batch[:, t : t + 1], past_key_values=cache, use_cache=True,
                           position_ids=torch.tensor([[t]])).logits)
    stepped = (torch.cat(steps, 1) - plain.logits[:, prefix:]).abs().max().item()
    chosen = batch[:, :prefix]
    for _ in range(greedy_steps):
        chosen = torch.cat([chosen, model(chosen, use_cache=False).logits[:, -1:].argmax(-1)], 1)
    golden["greedy_ids"] = chosen
    native = build(config, weights, slope_rate_of_transformers)(batch, use_cache=False).logits
    print(f"  transformers: blocks against single steps {stepped:.1e}; "
          f"its own layer factor against the spec's {(native - plain.logits).abs().max():.1e}")
    return {name: np.ascontiguousarray(value.numpy()) for name, value in golden.items()}
