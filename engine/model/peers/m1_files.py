"""Random-weight models of the MiniMax-M1 layout: a MiniMaxAI folder and the GGUF llama.cpp's converter makes of it.

Needs numpy and the gguf-py that llama.cpp carries, not torch: what conversion/minimax.py of llama.cpp does is done here
again, and `--against FILE` holds the result against a file that the real converter wrote, byte for byte.

    python m1_files.py --gguf-py DIR --config tiny --hf FOLDER --gguf FILE --type f32
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

SPECIAL = ["<begin_of_document>", "<end_of_document>", "<beginning_of_sentence>", "<end_of_sentence>"]
# Ids after the special tokens that no token has: the real M1 has 32 such rows, zero in the embedding.
UNUSED = 8
# Pre-tokenizer of MiniMax's vocabulary, which M1 and M2 share; llama.cpp knows it as "minimax-m2".
SPLIT = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
# Bytes in the order in which pairs of them become tokens, so that a small vocabulary has the common ones.
COMMON = b" etaoinshrdlucmfwypvbgkjqxz.,\n-'0123456789"


def m1_config(layers: list[int], hidden: int, heads: int, kv_heads: int, head_dim: int, rotary_dim: int, experts: int,
              per_token: int, intermediate: int, vocab: int, context: int) -> dict:
    """A config.json in M1's keys."""
    alpha = (2.0 * len(layers)) ** 0.25  # DeepNorm, as the release
    config = {
        "architectures": ["MiniMaxM1ForCausalLM"], "model_type": "minimax_m1", "vocab_size": vocab,
        "hidden_size": hidden, "intermediate_size": intermediate, "num_hidden_layers": len(layers),
        "num_attention_heads": heads, "num_key_value_heads": kv_heads, "head_dim": head_dim,
        "rotary_dim": rotary_dim, "rope_theta": 10000000, "max_position_embeddings": context, "rms_norm_eps": 1e-5,
        "num_local_experts": experts, "num_experts_per_tok": per_token, "attn_type_list": layers, "postnorm": True,
    }
    for part in ("full_attention", "linear_attention", "mlp"):
        config |= {f"layernorm_{part}_alpha": alpha, f"layernorm_{part}_beta": 1.0}
    return config | {
        "shared_intermediate_size": 0, "shared_moe_mode": "sigmoid", "hidden_act": "silu",
        "tie_word_embeddings": False, "bos_token_id": None, "eos_token_id": None, "torch_dtype": "float32",
    }


CONFIGS = {
    # Small, and exactly what the converter can say: softmax at every 8th layer is the default of llama.cpp's loader.
    "tiny": m1_config([0] * 7 + [1], hidden=256, heads=4, kv_heads=2, head_dim=64, rotary_dim=32, experts=4,
                      per_token=2, intermediate=256, vocab=512, context=4096),
    # Softmax elsewhere, which only `attention.recurrent_layers` can say, and heads wider together than the model.
    "tiny4": m1_config([0, 1, 0, 0], hidden=256, heads=8, kv_heads=2, head_dim=64, rotary_dim=32, experts=4,
                       per_token=2, intermediate=512, vocab=512, context=4096),
    # The model that issue 3 measures.
    "measure": m1_config(([0] * 7 + [1]) * 2, hidden=1024, heads=16, kv_heads=4, head_dim=64, rotary_dim=32,
                         experts=32, per_token=2, intermediate=768, vocab=49152, context=1048576),
    # Small enough that a million tokens take minutes: narrow attention, one softmax layer in eight.
    "long": m1_config([0] * 7 + [1], hidden=256, heads=2, kv_heads=1, head_dim=32, rotary_dim=16, experts=8,
                      per_token=2, intermediate=256, vocab=4096, context=1048576),
}


class Weights:
    """Random weights by name, each from the seed and its name alone."""

    def __init__(self, config: dict, seed: int):
        self.config, self.seed = config, seed

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor of a MiniMaxAI checkpoint with its shape."""
        c = self.config
        hidden, inner, wide = c["hidden_size"], c["intermediate_size"], c["num_attention_heads"] * c["head_dim"]
        kv_wide = c["num_key_value_heads"] * c["head_dim"]
        shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (c["vocab_size"], hidden)}
        for layer, kind in enumerate(c["attn_type_list"]):
            at = f"model.layers.{layer}"
            attention = {"q_proj": (wide, hidden), "k_proj": (kv_wide, hidden), "v_proj": (kv_wide, hidden),
                         "o_proj": (hidden, wide)} if kind == 1 else {
                         "qkv_proj": (3 * wide, hidden), "output_gate": (wide, hidden), "norm": (wide,),
                         "out_proj": (hidden, wide)}
            shapes |= {f"{at}.input_layernorm.weight": (hidden,), f"{at}.post_attention_layernorm.weight": (hidden,)}
            shapes |= {f"{at}.self_attn.{name}.weight": shape for name, shape in attention.items()}
            shapes[f"{at}.block_sparse_moe.gate.weight"] = (c["num_local_experts"], hidden)
            for expert in range(c["num_local_experts"]):
                for name, shape in (("w1", (inner, hidden)), ("w2", (hidden, inner)), ("w3", (inner, hidden))):
                    shapes[f"{at}.block_sparse_moe.experts.{expert}.{name}.weight"] = shape
        return shapes | {"model.norm.weight": (hidden,), "lm_head.weight": (c["vocab_size"], hidden)}

    def get(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """One tensor, f32."""
        random = np.random.Generator(np.random.PCG64([self.seed, zlib.crc32(name.encode())]))
        values = random.standard_normal(shape, dtype=np.float32)
        if len(shape) == 1:
            return values * np.float32(0.1) + np.float32(1.0)
        if name == "model.embed_tokens.weight":
            values[self.config["vocab_size"] - UNUSED:] = 0.0
            return values
        # A decided router and a peaked head: rounding shall not change who is chosen.
        gain = 4.0 if name.endswith("moe.gate.weight") else 3.0 if name == "lm_head.weight" else 1.0
        return values * np.float32(gain / shape[1] ** 0.5)


def byte_characters() -> list[str]:
    """GPT-2's printable character for each byte."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [b for b in range(256) if b not in plain]
    return [chr(b) if b in plain else chr(256 + others.index(b)) for b in range(256)]


def vocabulary(size: int) -> tuple[list[str], list[str]]:
    """Tokens by id, special and unused ones left out, and merges: bytes, some words, then pairs of bytes."""
    chars = byte_characters()
    order = [chars[b] for b in COMMON] + [c for b, c in enumerate(chars) if b not in COMMON]
    count = size - UNUSED - len(SPECIAL)
    space = chars[ord(" ")]
    words = [("h", "e"), ("i", "n"), ("a", "n"), (space, "t"), (space + "t", "he"), ("in", "g"), ("an", "d"),
             (space, "and")]
    tokens, merges, seen = chars.copy(), [], set(chars)
    for first, second in words + [(a, b) for a in order for b in order]:
        if len(tokens) == count:
            break
        if first + second not in seen:
            seen.add(first + second)
            tokens.append(first + second)
            merges.append(f"{first} {second}")
    assert len(tokens) == count, f"a vocabulary of {size} needs longer merges"
    return tokens, merges


def tokenizer_files(size: int) -> dict[str, dict]:
    """tokenizer.json and its companions."""
    tokens, merges = vocabulary(size)
    added = [{"id": len(tokens) + i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True} for i, token in enumerate(SPECIAL)]
    bytes_only = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Isolated", "invert": False}
    return {
        "tokenizer.json": {
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, bytes_only]},
            "post_processor": bytes_only, "decoder": bytes_only,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                      "vocab": {token: i for i, token in enumerate(tokens)}, "merges": merges},
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<beginning_of_sentence>",
            "eos_token": "<end_of_sentence>", "unk_token": "<end_of_document>", "add_prefix_space": False,
            "clean_up_tokenization_spaces": False, "model_max_length": 40960000,
        },
    }


def write_folder(folder: Path, config: dict, weights: Weights) -> None:
    """A MiniMaxAI folder with f32 weights; for models that fit in memory."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: weights.get(name, shape) for name, shape in weights.shapes().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    index = {"metadata": {"total_size": sum(t.nbytes for t in tensors.values())},
             "weight_map": {name: "model.safetensors" for name in tensors}}
    for name, value in {"config.json": config, "model.safetensors.index.json": index,
                        **tokenizer_files(config["vocab_size"])}.items():
        (folder / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def gguf_tensors(weights: Weights) -> Iterator[tuple[str, tuple[int, ...], list[str]]]:
    """Names in a GGUF, shapes, and the checkpoint tensors that each consists of (several: stacked experts)."""
    shapes = weights.shapes()
    outside = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    inside = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
              "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
              "self_attn.qkv_proj": "attn_qkv", "self_attn.output_gate": "attn_gate", "self_attn.norm": "attn_norm_2",
              "self_attn.out_proj": "attn_output", "block_sparse_moe.gate": "ffn_gate_inp"}
    experts = {"w1": "ffn_gate_exps", "w2": "ffn_down_exps", "w3": "ffn_up_exps"}
    for name, shape in shapes.items():
        stem = name.removesuffix(".weight")
        if stem in outside:
            yield f"{outside[stem]}.weight", shape, [name]
            continue
        _, _, layer, rest = stem.split(".", 3)
        if rest in inside:
            yield f"blk.{layer}.{inside[rest]}.weight", shape, [name]
        elif rest.startswith("block_sparse_moe.experts.0."):
            parts = [name.replace(".experts.0.", f".experts.{e}.") for e in range(weights.config["num_local_experts"])]
            yield f"blk.{layer}.{experts[rest[-2:]]}.weight", (len(parts), *shape), parts
        else:
            assert rest.startswith("block_sparse_moe.experts."), name


def write_gguf(path: Path, name: str, config: dict, weights: Weights, kind: str, template: str) -> None:
    """The file that `convert_hf_to_gguf.py --outtype KIND` makes of the folder; one tensor in memory at a time."""
    import gguf

    file_type, main_type = {
        "f32": (gguf.LlamaFileType.ALL_F32, gguf.GGMLQuantizationType.F32),
        "f16": (gguf.LlamaFileType.MOSTLY_F16, gguf.GGMLQuantizationType.F16),
        "bf16": (gguf.LlamaFileType.MOSTLY_BF16, gguf.GGMLQuantizationType.BF16),
        "q8_0": (gguf.LlamaFileType.MOSTLY_Q8_0, gguf.GGMLQuantizationType.Q8_0),
    }[kind]
    plan = []
    for tensor, shape, parts in gguf_tensors(weights):
        # What llama.cpp keeps in f32 whatever the file's type: vectors and the router.
        flat = len(shape) == 1 or tensor.endswith(("_norm.weight", "ffn_gate_inp.weight"))
        plan.append((tensor, shape, parts, gguf.GGMLQuantizationType.F32 if flat else main_type))

    writer = gguf.GGUFWriter(path, "minimax-01")
    experts = config["num_local_experts"]
    total = sum(int(np.prod(shape)) for _, shape, _, _ in plan)
    in_experts = sum(int(np.prod(shape)) for tensor, shape, _, _ in plan if "_exps." in tensor)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    writer.add_size_label(gguf.size_label(total, total - in_experts, in_experts // experts, experts))
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_expert_count(experts)
    writer.add_expert_used_count(config["num_experts_per_tok"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_file_type(file_type)
    tokens, merges = vocabulary(config["vocab_size"])
    first_unused = len(tokens) + len(SPECIAL)
    writer.add_suppress_tokens(list(range(first_unused, config["vocab_size"])))
    writer.add_residual_scale(config["layernorm_full_attention_alpha"])
    writer.add_rope_dimension_count(config["rotary_dim"])
    kinds = config["attn_type_list"]
    if kinds != [int((i + 1) % 8 == 0) for i in range(len(kinds))]:
        writer.add_recurrent_layers([kind == 0 for kind in kinds])  # the converter cannot say this; the loader reads it
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("minimax-m2")
    writer.add_token_list([*tokens, *SPECIAL, *(f"[PAD{i}]" for i in range(first_unused, config["vocab_size"]))])
    writer.add_token_types([gguf.TokenType.NORMAL] * len(tokens) + [gguf.TokenType.CONTROL] * len(SPECIAL)
                           + [gguf.TokenType.UNUSED] * UNUSED)
    writer.add_token_merges(merges)
    special = {token: len(tokens) + i for i, token in enumerate(SPECIAL)}
    writer.add_bos_token_id(special["<beginning_of_sentence>"])
    writer.add_eos_token_id(special["<end_of_sentence>"])
    writer.add_unk_token_id(special["<end_of_document>"])
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(template)

    for tensor, shape, _, quant in plan:
        size = int(np.prod(gguf.quant_shape_to_byte_shape(shape, quant))) if quant != gguf.GGMLQuantizationType.F32 \
            else int(np.prod(shape)) * 4
        writer.add_tensor_info(tensor, shape, np.dtype(np.float32), size, raw_dtype=quant)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for _, shape, parts, quant in plan:
        whole = np.empty(shape, dtype=np.float32)
        for slot, part in zip(whole if len(parts) > 1 else [whole], parts, strict=True):
            slot[...] = weights.get(part, slot.shape)
        writer.write_tensor_data(gguf.quants.quantize(whole, quant))
    writer.close()


def contents(path: Path) -> tuple[dict, dict]:
    """Metadata and tensors of a GGUF: key -> (types, value), name -> (shape, type, bytes)."""
    import gguf

    reader = gguf.GGUFReader(path)
    keys = {key: ([t.name for t in field.types], field.contents()) for key, field in reader.fields.items()}
    tensors = {t.name: (t.shape.tolist(), t.tensor_type.name, t.data) for t in reader.tensors}
    return keys, tensors


def differences(ours: Path, theirs: Path) -> list[str]:
    """What two GGUF files do not have in common, order aside."""
    (our_keys, our_tensors), (their_keys, their_tensors) = contents(ours), contents(theirs)
    found = []
    for key in sorted(our_keys.keys() | their_keys.keys()):
        if key not in our_keys or key not in their_keys or our_keys[key] != their_keys[key]:
            found.append(f"{key}: {str(our_keys.get(key))[:80]} instead of {str(their_keys.get(key))[:80]}")
    for name in sorted(our_tensors.keys() | their_tensors.keys()):
        a, b = our_tensors.get(name), their_tensors.get(name)
        if a is None or b is None or a[:2] != b[:2] or not np.array_equal(a[2].view(np.uint8), b[2].view(np.uint8)):
            found.append(f"{name}: {a and a[:2]} instead of {b and b[:2]}, or other values")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gguf-py", type=Path, required=True, help="gguf-py of llama.cpp's source")
    parser.add_argument("--config", choices=CONFIGS, required=True)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--hf", type=Path, help="write a MiniMaxAI folder here")
    parser.add_argument("--gguf", type=Path, help="write a GGUF here")
    parser.add_argument("--type", choices=["f32", "f16", "bf16", "q8_0"], default="f32")
    parser.add_argument("--against", type=Path, help="compare --gguf with this file, which the real converter wrote")
    args = parser.parse_args()
    sys.path.insert(0, str(args.gguf_py))
    config = CONFIGS[args.config]
    weights = Weights(config, args.seed)
    if args.hf:
        write_folder(args.hf, config, weights)
    if args.gguf:
        template = (args.gguf_py.parent / "models" / "templates" / "MiniMax-M1.jinja").read_text(encoding="utf-8")
        write_gguf(args.gguf, f"M1 {args.config.capitalize()}", config, weights, args.type, template)
    if args.gguf and args.against:
        found = differences(args.gguf, args.against)
        print("\n".join(found) if found else "the same")
        return 1 if found else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
