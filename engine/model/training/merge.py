"""Merges an adapter into its base: `python merge.py [--adapter FOLDER] [--out FOLDER]`. Writes a model folder in 32-bit
floats that the engine reads, so that `lectern eval` can measure an adapter; nothing of it ships.

The base's weights are those of the four-bit grid, the adapter's product is added to them in floats. Rounding the sum to
four bits again would be another model.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import common
import lora
import stage4
from export import COPIED, lectern_json


def merge(config: dict, adapter: Path, out: Path) -> Path:
    """The folder; refuses an adapter that was trained on another base."""
    model, base = stage4.load_base(config)
    said = lora.said_of(adapter, base)
    lora.load(adapter, lora.attach(model, said["rank"], said["alpha"], 0))
    teacher = config["paths"]["teacher"]
    out.mkdir(parents=True, exist_ok=True)
    lora.merge(model).save(out)
    for name in COPIED:
        shutil.copyfile(teacher / name, out / name)
    named = config["export"] | {"name": f"{config['export']['name']}-{adapter.name}"}
    common.write_json(out / "lectern.json", lectern_json(teacher, model.config, named))
    said = json.dumps(said, indent=2)
    (out / "MODEL_CARD.md").write_text(
        f"# {named['name']}\n\nFor measuring only.\n\n```json\n{said}\n```\n", encoding="utf-8"
    )
    return out


def main() -> None:
    parser = common.arguments("Merges an adapter into its base.")
    parser.add_argument("--adapter", help="the adapter's folder instead of WORK/adapter")
    parser.add_argument("--out", help="where to write instead of WORK/merged")
    options = parser.parse_args()
    config = common.settings(options)
    work = config["paths"]["work"]
    adapter = Path(options.adapter) if options.adapter else work / "adapter"
    print(merge(config, adapter, Path(options.out) if options.out else work / "merged"))


if __name__ == "__main__":
    main()
