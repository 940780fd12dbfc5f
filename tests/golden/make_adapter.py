"""A low-rank adapter on `m1_tiny` and the logits it must give: `LECTERN_BIN=... python tests/golden/make_adapter.py`.

Made by the training code itself (`engine/model/training`): the engine has to read what that writes. Needs torch.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "engine/model/training"))

import engine  # noqa: E402
import lora  # noqa: E402
import m1  # noqa: E402

BASE, OUT = HERE / "m1_tiny", HERE / "m1_tiny_adapter"
RANK, ALPHA, SEED, TOKENS = 4, 8.0, 11, 48


def main() -> None:
    model = m1.Model.load(BASE, 64)
    adapters = lora.attach(model, RANK, ALPHA, SEED)
    generator = torch.Generator().manual_seed(SEED)
    for adapted in adapters.values():
        adapted.lora_B.data = torch.randn(adapted.lora_B.shape, generator=generator) * 0.1
    lora.save(OUT, adapters, {"base_digest": engine.digest(engine.binary(None), BASE), "name": "tiny-tuned"})
    lora.load(OUT, adapters)  # as the file holds them, in 16 bits
    ids = load_file(BASE / "golden.safetensors")["input_ids"][:, :TOKENS]
    with torch.no_grad():
        logits = model.double()(ids)[0].float()
    save_file({"input_ids": ids.contiguous(), "logits": logits.contiguous()}, OUT / "golden.safetensors")


if __name__ == "__main__":
    main()
