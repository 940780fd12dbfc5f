"""What is done inside llama.cpp: quantising a file, logits of given ids, speed. One JSON line on standard output.

Run by llama_cpp.py with the virtual environment's Python. Uses the bindings of the llama-cpp-python source distribution
over the library built from the same distribution (LLAMA_CPP_LIB_PATH).

    llama_worker.py quantize IN OUT TYPE THREADS
    llama_worker.py logits MODEL IDS.json OUT.npy [THREADS]
    llama_worker.py bench MODEL --prompt N --decode N --threads N --ubatch N
"""

from __future__ import annotations

import argparse
import ctypes
import json
import sys
import time
from pathlib import Path

# Not the script beside this one, whose name is that of the package.
sys.path = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]

import numpy as np  # noqa: E402
from llama_cpp import llama_cpp as api  # noqa: E402

# (llama_ftype, pure): pure files have one type for every matrix, the others llama.cpp's usual mixture.
FILE_TYPES = {
    "q8_0": (7, True), "q4_0": (2, True), "q4_1": (3, True), "q4_k": (14, True), "q5_k": (16, True), "q6_k": (18, True),
    "q4_k_m": (15, False), "q5_k_m": (17, False),
}
KV_TYPES = {"f32": 0, "f16": 1, "q8_0": 8}
WARNING = 3
errors: list[str] = []


@api.llama_log_callback
def keep_errors(level, text, _):
    """Keeps llama.cpp's own warnings and errors for a failure's message; drops the rest."""
    if level >= WARNING:
        errors.append(text.decode(errors="replace").strip())


def fail(what: str) -> None:
    raise SystemExit(f"llama.cpp: {what}: {'; '.join(errors[-5:]) or 'no reason given'}")


def peak_bytes() -> int:
    """Most memory that this process ever held."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


class Session:
    """A loaded model with one sequence."""

    def __init__(self, path: Path, context: int, batch: int, ubatch: int, threads: int, flash: int = -1,
                 kv: str = "f16"):
        model_params = api.llama_model_default_params()
        self.model = api.llama_model_load_from_file(str(path).encode(), model_params)
        if not self.model:
            fail(f"{path} cannot be loaded")
        params = api.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max = context, batch, ubatch, 1
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = flash
        params.type_k = params.type_v = KV_TYPES[kv]
        self.batch = batch
        self.context = api.llama_init_from_model(self.model, params)
        if not self.context:
            fail("no context")
        self.vocab = api.llama_vocab_n_tokens(api.llama_model_get_vocab(self.model))

    def clear(self) -> None:
        """Forgets every token."""
        api.llama_memory_clear(api.llama_get_memory(self.context), True)

    def read(self, ids: list[int]) -> None:
        """Reads ids; logits of the last one are computed, as when generating."""
        for start in range(0, len(ids), self.batch):
            part = ids[start:start + self.batch]
            tokens = (api.llama_token * len(part))(*part)
            code = api.llama_decode(self.context, api.llama_batch_get_one(tokens, len(part)))
            if code != 0:
                fail(f"llama_decode gives {code}")
        api.llama_synchronize(self.context)

    def all_logits(self, ids: list[int]) -> np.ndarray:
        """Logits after every one of `ids`, read as one batch."""
        batch = api.llama_batch_init(len(ids), 0, 1)
        batch.n_tokens = len(ids)
        for i, token in enumerate(ids):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, i, 1, True
            batch.seq_id[i][0] = 0
        code = api.llama_decode(self.context, batch)
        if code != 0:
            fail(f"llama_decode gives {code}")
        rows = [np.ctypeslib.as_array(api.llama_get_logits_ith(self.context, i), shape=(self.vocab,)).copy()
                for i in range(len(ids))]
        api.llama_batch_free(batch)
        return np.stack(rows)


def prompt_ids(count: int, vocab: int) -> list[int]:
    """Ids of a prompt, those that `lectern model bench` reads (engine/model/src/bench.rs)."""
    return [i * 2654435761 % vocab for i in range(count)]


def bench(args: argparse.Namespace) -> dict:
    before = peak_bytes()
    started = time.perf_counter()
    session = Session(args.model, args.prompt + args.decode + 64, max(2048, args.ubatch), args.ubatch, args.threads,
                      args.flash, args.kv)
    loaded = time.perf_counter() - started
    ids = prompt_ids(args.prompt + args.decode, session.vocab)
    session.read(ids[:min(args.prompt, 2 * args.ubatch)])  # pages in, buffers made
    session.read(ids[:1])
    session.clear()
    started = time.perf_counter()
    session.read(ids[:args.prompt])
    prefill = time.perf_counter() - started
    steps = []
    for token in ids[args.prompt:]:
        started = time.perf_counter()
        session.read([token])
        api.llama_get_logits_ith(session.context, -1)
        steps.append(time.perf_counter() - started)
    return {
        "engine": "llama.cpp", "threads": args.threads, "ubatch": args.ubatch, "tokens": args.prompt,
        "prefill_s": prefill, "prefill_tokens_s": args.prompt / prefill, "decode": args.decode,
        "decode_tokens_s": len(steps) / sum(steps) if steps else None,
        "decode_tokens_s_median": 1.0 / float(np.median(steps)) if steps else None,
        "load_s": loaded, "peak_bytes": peak_bytes(), "peak_bytes_before_load": before,
    }


def logits(args: argparse.Namespace) -> dict:
    ids = json.loads(args.ids.read_text())
    size = max(64, len(ids))
    session = Session(args.model, size, size, size, args.threads, args.flash, args.kv)
    values = session.all_logits(ids)
    np.save(args.out, values)
    return {"ids": len(ids), "vocab": session.vocab, "finite": bool(np.isfinite(values).all())}


def quantize(args: argparse.Namespace) -> dict:
    params = api.llama_model_quantize_default_params()
    params.nthread = args.threads
    params.ftype, params.pure = FILE_TYPES[args.type]
    code = api.llama_model_quantize(str(args.source).encode(), str(args.out).encode(), ctypes.byref(params))
    if code != 0:
        fail(f"quantising gives {code}")
    return {"out": str(args.out), "bytes": args.out.stat().st_size}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parts = parser.add_subparsers(required=True)
    part = parts.add_parser("quantize")
    part.add_argument("source", type=Path)
    part.add_argument("out", type=Path)
    part.add_argument("type", choices=FILE_TYPES)
    part.add_argument("--threads", type=int, default=2)
    part.set_defaults(run=quantize)
    part = parts.add_parser("logits")
    part.add_argument("model", type=Path)
    part.add_argument("ids", type=Path)
    part.add_argument("out", type=Path)
    part.add_argument("--threads", type=int, default=1)
    part.set_defaults(run=logits)
    part = parts.add_parser("bench")
    part.add_argument("model", type=Path)
    part.add_argument("--prompt", type=int, required=True)
    part.add_argument("--decode", type=int, required=True)
    part.add_argument("--threads", type=int, required=True)
    part.add_argument("--ubatch", type=int, required=True)
    part.set_defaults(run=bench)
    for part in (parts.choices["logits"], parts.choices["bench"]):
        part.add_argument("--flash", type=int, default=-1, help="flash attention: -1 as llama.cpp chooses, 0 off, 1 on")
        part.add_argument("--kv", choices=KV_TYPES, default="f16", help="type of keys and values, llama.cpp's default")
    args = parser.parse_args()
    api.llama_log_set(keep_errors, ctypes.c_void_p(0))
    api.llama_backend_init()
    print(json.dumps(args.run(args)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
