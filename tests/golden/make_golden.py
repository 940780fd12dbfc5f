"""Makes the tiny MiniMax-M1 models of tests/golden and the activations an engine must reproduce.

    python make_golden.py                 write every case below this folder
    python make_golden.py --check         make them again elsewhere and compare with what is committed
    python make_golden.py --against DIR   also hold the NumPy reference against another golden folder

`m1_tiny` comes from transformers' MiniMaxForCausalLM in float32 with partial RoPE patched in.
The `m1_variant_*` cases come from m1_reference.py in float64, stored as float32, because
transformers cannot express them; every run first holds that reference against transformers.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from m1_reference import Reference, Trace

FORMAT = "1"
GREEDY_STEPS = 16
# A tie in the router or in the arg-max would make a correct engine differ from us by rounding alone.
MIN_ROUTER_GAP = 2e-3
MIN_GREEDY_MARGIN = 2e-2
REFERENCE_LIMIT = 5e-4  # NumPy float64 against transformers float32, on logits of size about 10
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Case:
    """One golden folder. `why` ends up in the file's metadata."""

    name: str
    why: str
    seed: int  # first seed tried; the first without near ties is used
    tokens: int
    prefix: int
    config: dict


def m1_config(layers: list[int], hidden: int, heads: int, kv_heads: int, head_dim: int, rotary_dim: int,
              experts: int, per_token: int, intermediate: int, vocab: int, **more) -> dict:
    """A config.json in M1's keys (engine-spec 1.1) with the given sizes; `more` overrides the rest."""
    config = {
        "architectures": ["MiniMaxM1ForCausalLM"], "model_type": "minimax_m1", "vocab_size": vocab,
        "hidden_size": hidden, "intermediate_size": intermediate, "num_hidden_layers": len(layers),
        "num_attention_heads": heads, "num_key_value_heads": kv_heads, "head_dim": head_dim,
        "rotary_dim": rotary_dim, "rope_theta": 10000000, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5,
        "num_local_experts": experts, "num_experts_per_tok": per_token, "attn_type_list": layers, "postnorm": True,
        "layernorm_full_attention_alpha": 1.0, "layernorm_full_attention_beta": 1.0,
        "layernorm_linear_attention_alpha": 1.0, "layernorm_linear_attention_beta": 1.0,
        "layernorm_mlp_alpha": 1.0, "layernorm_mlp_beta": 1.0, "shared_intermediate_size": 0,
        "shared_moe_mode": "sigmoid", "hidden_act": "silu", "tie_word_embeddings": False,
        "bos_token_id": None, "eos_token_id": None, "torch_dtype": "float32",
    }
    unknown = more.keys() - config.keys()
    assert not unknown, unknown
    return config | more


def scales(full: tuple[float, float], linear: tuple[float, float], mlp: tuple[float, float]) -> dict:
    """The six layernorm_*_alpha/beta keys from (alpha, beta) pairs."""
    pairs = {"full_attention": full, "linear_attention": linear, "mlp": mlp}
    return {f"layernorm_{key}_{name}": value for key, pair in pairs.items()
            for name, value in zip(("alpha", "beta"), pair, strict=True)}


DEEPNORM = (8**0.25, 1.0)  # (2L)^(1/4) for L = 4
TINY = Case(
    "m1_tiny", "the release's shape in small: post-norm, lightning x3 + softmax, half RoPE, top-2 of 4", 101, 83, 37,
    m1_config([0, 0, 0, 1], hidden=48, heads=8, kv_heads=2, head_dim=16, rotary_dim=8, experts=4, per_token=2,
              intermediate=80, vocab=384, **scales(DEEPNORM, DEEPNORM, DEEPNORM)))
VARIANTS = [
    Case("m1_variant_prenorm_shared",
         "pre-norm, six heads, full RoPE, softmax first and a lightning layer last, shared expert, tied embeddings, "
         "a different alpha and beta everywhere", 201, 61, 23,
         m1_config([1, 0, 0, 1, 0], hidden=40, heads=6, kv_heads=3, head_dim=16, rotary_dim=16, experts=4,
                   per_token=2, intermediate=56, vocab=256, postnorm=False, shared_intermediate_size=72,
                   tie_word_embeddings=True, rope_theta=10000,
                   **scales((1.3, 0.8), (0.9, 1.1), (1.2, 0.7)))),
    Case("m1_variant_single_expert",
         "one expert, three heads over one key/value head, quarter RoPE, alpha and beta 1, larger norm eps", 301, 50, 17,
         m1_config([1, 1, 0], hidden=32, heads=3, kv_heads=1, head_dim=24, rotary_dim=6, experts=1, per_token=1,
                   intermediate=64, vocab=256, postnorm=False, rope_theta=100000, rms_norm_eps=1e-3)),
    Case("m1_variant_postnorm_scaled",
         "post-norm with alpha and beta all different, twelve heads, top-3 of 5, shared expert, one key/value head "
         "per query head", 401, 47, 31,
         m1_config([0, 1, 0, 0], hidden=36, heads=12, kv_heads=12, head_dim=8, rotary_dim=4, experts=5, per_token=3,
                   intermediate=44, vocab=256, shared_intermediate_size=24,
                   **scales((1.5, 0.9), (1.7, 0.6), (1.4, 1.2)))),
    Case("m1_variant_one_layer",
         "a single lightning layer, where l/(L-1) would be 0/0", 501, 40, 13,
         m1_config([0], hidden=32, heads=5, kv_heads=5, head_dim=12, rotary_dim=12, experts=3, per_token=1,
                   intermediate=40, vocab=256)),
]


def tensor_shapes(c: dict) -> dict[str, tuple[int, ...]]:
    """Every tensor of the checkpoint and its shape (engine-spec 1.6a)."""
    hidden, inner, wide = c["hidden_size"], c["intermediate_size"], c["num_attention_heads"] * c["head_dim"]
    kv_wide, shared = c["num_key_value_heads"] * c["head_dim"], c["shared_intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (c["vocab_size"], hidden)}
    for layer, kind in enumerate(c["attn_type_list"]):
        at = f"model.layers.{layer}"
        shapes |= {f"{at}.input_layernorm.weight": (hidden,), f"{at}.post_attention_layernorm.weight": (hidden,),
                   f"{at}.block_sparse_moe.gate.weight": (c["num_local_experts"], hidden)}
        attention = {"q_proj": (wide, hidden), "k_proj": (kv_wide, hidden), "v_proj": (kv_wide, hidden),
                     "o_proj": (hidden, wide)} if kind == 1 else {
                     "qkv_proj": (3 * wide, hidden), "output_gate": (wide, hidden), "norm": (wide,),
                     "out_proj": (hidden, wide)}
        shapes |= {f"{at}.self_attn.{name}.weight": shape for name, shape in attention.items()}
        for expert in range(c["num_local_experts"]):
            for name, shape in (("w1", (inner, hidden)), ("w2", (hidden, inner)), ("w3", (inner, hidden))):
                shapes[f"{at}.block_sparse_moe.experts.{expert}.{name}.weight"] = shape
        if shared:
            shapes |= {f"{at}.shared_mlp.gate_proj.weight": (shared, hidden),
                       f"{at}.shared_mlp.up_proj.weight": (shared, hidden),
                       f"{at}.shared_mlp.down_proj.weight": (hidden, shared),
                       f"{at}.coefficient.weight": (1, hidden)}
    shapes["model.norm.weight"] = (hidden,)
    if not c["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (c["vocab_size"], hidden)
    return shapes


def random_weights(config: dict, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Normal weights of spread 0.2; norm weights uniform in 0.5..1.5, so a forgotten one shows."""
    weights = {}
    for name, shape in tensor_shapes(config).items():
        draw = rng.uniform(0.5, 1.5, shape) if "norm" in name else 0.2 * rng.standard_normal(shape)
        weights[name] = draw.astype(np.float32)
    return weights


def near_ties(config: dict, trace: Trace, greedy_margin: float) -> str | None:
    """Names the near tie that makes a seed unfit, or None."""
    k = config["num_experts_per_tok"]
    if k < config["num_local_experts"]:
        for layer, router in enumerate(trace.router_logits):
            ordered = -np.sort(-router, axis=-1)
            gap = float((ordered[:, k - 1] - ordered[:, k]).min())
            if gap < MIN_ROUTER_GAP:
                return f"router gap {gap:.1e} in layer {layer}"
    if greedy_margin < MIN_GREEDY_MARGIN:
        return f"greedy margin {greedy_margin:.1e}"
    return None


def greedy(reference: Reference, prompt: np.ndarray, steps: int) -> tuple[np.ndarray, float, Trace]:
    """Greedy continuation recomputed from the start each time, its smallest top-1 margin, and the last trace."""
    ids, margin = prompt, np.inf
    for _ in range(steps):
        trace = reference.run(ids)
        second, first = np.sort(trace.logits[-1])[-2:]
        margin = min(margin, float(first - second))
        ids = np.append(ids, trace.logits[-1].argmax())
    return ids, margin, trace


def find_seed(case: Case) -> tuple[int, dict[str, np.ndarray], np.ndarray, Trace, np.ndarray]:
    """The first seed from case.seed on without near ties: (seed, weights, ids, trace, greedy ids)."""
    for seed in range(case.seed, case.seed + 90):
        rng = np.random.default_rng(seed)
        weights = random_weights(case.config, rng)
        ids = rng.integers(0, case.config["vocab_size"], case.tokens, dtype=np.int64)
        reference = Reference(case.config, weights)
        trace = reference.run(ids, (case.prefix, case.tokens))
        if near_ties(case.config, trace, np.inf):
            continue
        chosen, margin, greedy_trace = greedy(reference, ids[: case.prefix], GREEDY_STEPS)
        if near_ties(case.config, greedy_trace, margin) is None:
            return seed, weights, ids, trace, chosen
    raise SystemExit(f"{case.name}: no seed without near ties; relax the limits or make T smaller")


def golden_of_trace(case: Case, ids: np.ndarray, trace: Trace, greedy_ids: np.ndarray) -> dict[str, np.ndarray]:
    """The tensors of golden.safetensors from a NumPy trace."""
    golden = {"input_ids": ids[None], "greedy_ids": greedy_ids[None], "logits": trace.logits[None]}
    golden |= {f"hidden.{i}": h[None] for i, h in enumerate(trace.hidden)}
    golden |= {f"router_logits.{i}": r for i, r in enumerate(trace.router_logits)}
    for count, layers in trace.states.items():
        golden |= {f"state_after_{count}.{layer}": state[None] for layer, state in layers.items()}
    return {k: np.ascontiguousarray(v if v.dtype == np.int64 else v.astype(np.float32)) for k, v in golden.items()}


def write_case(case: Case, root: Path, seed: int, producer: str, weights: dict, golden: dict) -> None:
    """Writes one case folder."""
    folder = root / case.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(case.config, indent=2) + "\n")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    save_file(golden, folder / "golden.safetensors", metadata={
        "lectern_golden_format": FORMAT, "case": case.name, "why": case.why, "seed": str(seed),
        "prefix": str(case.prefix), "tokens": str(case.tokens), "producer": producer})
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"  {case.name}: seed {seed}, {len(weights)} tensors, {size / 1e6:.2f} MB, "
          f"max|logit| {np.abs(golden['logits']).max():.2f}")


def differences(left: dict, right: dict) -> str:
    """Largest absolute difference of logits, hidden states, router logits and states, in one line."""
    parts = []
    for kind in ("logits", "hidden", "router", "state"):
        found = [float(np.abs(left[k] - right[k]).max()) for k in left if k.startswith(kind) and k in right]
        parts.append(f"{kind} {max(found):.1e}" if found else f"{kind} -")
    return ", ".join(parts)


def hold_reference_against(folder: Path) -> None:
    """Runs the NumPy reference on another golden folder of the same layout and prints the differences."""
    config = json.loads((folder / "config.json").read_text())
    golden = load_file(folder / "golden.safetensors")
    golden = {k.replace("kv_state_after", "state_after"): v for k, v in golden.items()}
    ids = golden["input_ids"][0]
    counts = tuple(sorted({int(k.split(".")[0].rsplit("_", 1)[1]) for k in golden if k.startswith("state_after")}))
    reference = Reference(config, load_file(folder / "model.safetensors"))
    trace = reference.run(ids, counts)
    case = Case("other", "", 0, len(ids), counts[0], config)
    ours = golden_of_trace(case, ids, trace, golden["greedy_ids"][0])
    chosen, margin, _ = greedy(reference, golden["greedy_ids"][0, : counts[0]], GREEDY_STEPS)
    worst = float(np.abs(ours["logits"] - golden["logits"]).max())
    same = bool((chosen == golden["greedy_ids"][0]).all())
    print(f"  {folder}: {differences(ours, golden)}; greedy equal {same} (min margin {margin:.3f})")
    for extra in sorted(folder.glob("golden_*.safetensors")):
        other = load_file(extra)
        if (other["input_ids"][0] == ids).all():
            print(f"  {extra.name}: logits {np.abs(ours['logits'] - other['logits']).max():.1e}")
    if worst > REFERENCE_LIMIT or not same:
        raise SystemExit(f"the NumPy reference disagrees with {folder}: logits differ by {worst:.2e}")


def make_all(root: Path) -> None:
    """Writes every case below `root`."""
    from m1_transformers import producer, run_transformers  # torch is needed only to make, not to read

    print(f"python {platform.python_version()}, numpy {np.__version__}, {producer()}")
    seed, weights, ids, trace, chosen = find_seed(TINY)
    golden = run_transformers(TINY.config, weights, ids, TINY.prefix, GREEDY_STEPS)
    numpy_golden = golden_of_trace(TINY, ids, trace, chosen)
    print(f"  NumPy float64 against transformers float32: {differences(numpy_golden, golden)}; "
          f"greedy equal {bool((golden['greedy_ids'] == numpy_golden['greedy_ids']).all())}")
    if np.abs(numpy_golden["logits"] - golden["logits"]).max() > REFERENCE_LIMIT:
        raise SystemExit("the NumPy reference and transformers disagree; nothing is written")
    if golden.keys() != numpy_golden.keys():
        raise SystemExit(f"the two oracles name different tensors: {golden.keys() ^ numpy_golden.keys()}")
    write_case(TINY, root, seed, producer(), weights, golden)
    for case in VARIANTS:
        seed, weights, ids, trace, chosen = find_seed(case)
        golden = golden_of_trace(case, ids, trace, chosen)
        single = Reference(case.config, weights, np.float32).run(ids, (case.prefix, case.tokens))
        write_case(case, root, seed, f"m1_reference.py float64, numpy {np.__version__}", weights, golden)
        print(f"    rounding alone (float32 against float64): "
              f"{differences(golden_of_trace(case, ids, single, chosen), golden)}")


def check(root: Path) -> None:
    """Makes everything in a scratch folder and compares with the committed files."""
    with tempfile.TemporaryDirectory() as scratch:
        make_all(Path(scratch))
        for case in [TINY, *VARIANTS]:
            for name in ("model.safetensors", "golden.safetensors"):
                new, old = load_file(Path(scratch) / case.name / name), load_file(root / case.name / name)
                if new.keys() != old.keys():
                    raise SystemExit(f"{case.name}/{name}: tensors differ: {sorted(new.keys() ^ old.keys())}")
                worst = max(float(np.abs(new[k] - old[k]).max()) for k in new)
                print(f"  {case.name}/{name}: committed and new differ by at most {worst:.1e}")
                if worst > (0.0 if name.startswith("model") else REFERENCE_LIMIT):
                    raise SystemExit(f"{case.name}/{name} is not what make_golden.py makes")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the committed files, write nothing")
    parser.add_argument("--against", type=Path, help="another golden folder to hold the NumPy reference against")
    arguments = parser.parse_args()
    if arguments.against:
        hold_reference_against(arguments.against)
    if arguments.check:
        check(HERE)
    else:
        make_all(HERE)


if __name__ == "__main__":
    sys.exit(main())
