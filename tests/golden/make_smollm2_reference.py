"""Writes smollm2_greedy.json: what the interim model must answer, by transformers' Llama on the same f32 weights.

    python make_smollm2_reference.py --model engine/model/weights/interim [--gguf FILE]

A prompt whose path comes nearer than 1e-3 to a tie is left out, so a correct f32 engine must agree exactly.
With --gguf, weights and token ids are also compared with transformers' own reading of the GGUF file,
which undoes llama.cpp's row order and rebuilds the tokenizer independently of our converter.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import tokenizers
import torch
import transformers
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

NEW_TOKENS = 32
MIN_MARGIN = 1e-3
WANTED = 20
SYSTEM = "You are a careful assistant. Answer from the document only."


def chat(user: str, system: str = SYSTEM) -> str:
    """ChatML with the answer opened."""
    return (f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n"
            "<|im_start|>assistant\n")


LEASE = (
    "This lease is made on 14 March 2019 between Harbour Lane Estates, the landlord, and Brightwater Bakery, the tenant. "
    "The premises are the ground floor of 27 Quay Street. The term is seven years from 1 April 2019. The yearly rent is "
    "$48,600, paid in twelve equal parts on the first day of each month. The tenant keeps the inside in good repair and "
    "may not sublet any part without written consent, which the landlord will not unreasonably withhold. Either party "
    "may end this lease at the end of the third year with six months' notice. A deposit of $12,150 is held in a separate "
    "account and is returned within thirty days after the keys are handed back, less the cost of any damage. ")
MEETING = (
    "ANNA: Let us start. The warehouse move is planned for the 9th of June.\n"
    "BORIS: The racks arrive on the 2nd, so we have a week to build them.\n"
    "ANNA: Who checks the fire doors?\nCHEN: I will, by Friday. I also need 3,400 euros for the new scanners.\n"
    "ANNA: Agreed. Boris, please send the carrier our new address.\nBORIS: I will do it today.\n")
PROMPTS = [
    "The capital of France is",
    "Once upon a time, in a village by the sea,",
    "The three primary colours are",
    "def fibonacci(n):\n    \"\"\"Return the n-th Fibonacci number.\"\"\"\n",
    "fn main() {\n    let numbers = vec![3, 1, 4, 1, 5];\n    let total: i32 = numbers",
    "SELECT name, total FROM invoices WHERE due_date < '2024-01-31' AND",
    "{\"name\": \"Ada\", \"born\": 1815, \"languages\": [\"English\", \"French\"], \"",
    "2, 4, 8, 16, 32, 64,",
    "Invoice 2024-00731: 12 x 49.95 = 599.40; VAT 21% = 125.87; total =",
    "Москва является столицей России. Париж является",
    "今天天气很好，我们去公园",
    "Party time 🎉🥳! We invite you to 🍕 and",
    "El contrato entra en vigor el día 1 de enero de",
    "  Leading spaces,\ttabs\tand\n\n\nblank lines. It's we're they'll",
    "Water boils at 100 degrees Celsius. At the top of a high mountain it boils at a lower temperature because",
    chat("What is the capital of Italy?"),
    chat("Write one sentence about the moon.", "You are a helpful AI assistant named SmolLM, trained by Hugging Face"),
    chat("Rewrite politely: send me the file now."),
    chat(f"Document:\n{LEASE}\n\nQuestion: How much is the yearly rent?"),
    chat(f"Document:\n{LEASE}\n\nQuote the sentence about subletting."),
    chat(f"Transcript:\n{MEETING}\nList the action items with their owners."),
    chat(f"{MEETING}\nWhen is the warehouse move?"),
    chat("Переведи на английский: «Договор подписан 5 мая 2021 года»."),
    LEASE + "In short, the tenant",
    MEETING + "DORA:",
    "Dear Sir or Madam,\n\nI am writing to",
]


def load_llama(folder: Path) -> LlamaForCausalLM:
    """A Llama holding the M1 folder's weights; every tensor must find its place."""
    config = json.loads((folder / "config.json").read_text())
    model = LlamaForCausalLM._from_config(LlamaConfig(
        **{key: config[key] for key in ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
                                        "num_attention_heads", "num_key_value_heads", "head_dim", "rms_norm_eps",
                                        "max_position_embeddings", "tie_word_embeddings")},
        rope_parameters={"rope_type": "default", "rope_theta": float(config["rope_theta"])},
        bos_token_id=None, eos_token_id=None, pad_token_id=None), attn_implementation="eager").float().eval()
    part = {"block_sparse_moe.experts.0.w1": "mlp.gate_proj", "block_sparse_moe.experts.0.w3": "mlp.up_proj",
            "block_sparse_moe.experts.0.w2": "mlp.down_proj"}
    named = {}
    for name, value in load_file(folder / "model.safetensors").items():
        if name.endswith("block_sparse_moe.gate.weight"):
            continue
        for ours, theirs in part.items():
            name = name.replace(ours, theirs)
        named[name] = value
    missing, unexpected = model.load_state_dict(named, strict=False)
    if unexpected or [name for name in missing if name != "lm_head.weight"]:
        raise SystemExit(f"weights do not fit: missing {missing}, unexpected {unexpected}")
    model.tie_weights()
    return model


@torch.no_grad()
def continue_greedily(model: LlamaForCausalLM, ids: list[int]) -> tuple[list[int], float]:
    """NEW_TOKENS greedy ids and the smallest top-1 margin; the cached path is re-checked by one plain pass."""
    step, cache, new = torch.tensor([ids]), None, []
    for _ in range(NEW_TOKENS):
        out = model(step, past_key_values=cache, use_cache=True)
        cache, step = out.past_key_values, out.logits[:, -1:].argmax(-1)
        new.append(int(step))
    logits = model(torch.tensor([ids + new[:-1]]), use_cache=False).logits[0, len(ids) - 1 :]
    top = logits.topk(2, dim=-1).values
    same = logits.argmax(-1).tolist() == new
    return new, float((top[:, 0] - top[:, 1]).min()) if same else 0.0


def compare_with_gguf(gguf: Path, model: LlamaForCausalLM, tokenizer: Tokenizer) -> str:
    """Holds weights and token ids against transformers' own GGUF reading."""
    theirs = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    ours = dict(model.named_parameters())
    worst = max((value - ours[name]).abs().max().item() for name, value in theirs.named_parameters())
    other = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    unequal = [text[:30] for text in PROMPTS
               if other(text, add_special_tokens=False).input_ids != tokenizer.encode(text, add_special_tokens=False).ids]
    return f"weights differ by at most {worst:.1e}; token ids differ for {len(unequal)} of {len(PROMPTS)} {unequal}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="folder written by smollm2_to_m1.py")
    parser.add_argument("--gguf", type=Path, help="the source GGUF, for an independent comparison")
    arguments = parser.parse_args()
    started = time.monotonic()
    torch.set_num_threads(2)
    model, tokenizer = load_llama(arguments.model), Tokenizer.from_file(str(arguments.model / "tokenizer.json"))
    cases = []
    for text in PROMPTS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        if tokenizer.decode(ids, skip_special_tokens=False) != text:
            raise SystemExit(f"the tokenizer does not give back {text!r}")
        new, margin = continue_greedily(model, ids)
        kept = margin > MIN_MARGIN and len(cases) < WANTED
        print(f"{'keep' if kept else 'skip'} {len(ids):4d} tokens, margin {margin:.4f}: {tokenizer.decode(new)[:70]!r}",
              flush=True)
        if kept:
            cases.append({"prompt": text, "prompt_ids": ids, "new_ids": new, "min_margin": round(margin, 5)})
    if len(cases) < WANTED:
        raise SystemExit(f"only {len(cases)} prompts keep clear of ties; add some")
    stamp = json.loads((arguments.model / "conversion.json").read_text())
    head = {"format": 1, "about": "Greedy answers of the interim model; special tokens in prompts are parsed, none added.",
            "model": "SmolLM2-135M-Instruct, dequantised Q4_1, float32, eager attention",
            "source_sha256": stamp["source_sha256"], "weights_sha256": stamp["weights_sha256"],
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__,
                         "tokenizers": tokenizers.__version__}}
    lines = ",\n".join("  " + json.dumps(case, ensure_ascii=False) for case in cases)
    body = json.dumps(head, indent=1, ensure_ascii=False)[:-2] + f',\n "cases": [\n{lines}\n ]\n}}\n'
    json.loads(body)
    (Path(__file__).resolve().parent / "smollm2_greedy.json").write_text(body, encoding="utf-8")
    print(f"{len(cases)} cases in {time.monotonic() - started:.0f} s")
    if arguments.gguf:
        print(compare_with_gguf(arguments.gguf, model, tokenizer))


if __name__ == "__main__":
    main()
