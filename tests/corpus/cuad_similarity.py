"""How near the text that Lectern reads from CUAD's PDFs comes to CUAD's own text, character by character, white space ignored.

Similarity is 2 L / (a + b) with L the length of the longest common subsequence (bit-parallel, Hyyro 2004), which is what
difflib's ratio approximates. Page headers of CUAD's source and its page numbers count as they stand.

    python3 tests/corpus/cuad_similarity.py --data ../shared/data/cuad --report PATH/examples/import_report --pdfium PATH
"""

import argparse
import collections
import json
import lzma
import pathlib
import statistics
import subprocess
import tarfile
import tempfile


def common_subsequence(a: str, b: str) -> int:
    places = collections.defaultdict(int)
    for i, c in enumerate(a):
        places[c] |= 1 << i
    full = (1 << len(a)) - 1
    v = full
    for c in b:
        u = v & places.get(c, 0)
        v = ((v + u) | (v - u)) & full
    return len(a) - v.bit_count()


def bare(text: str) -> str:
    return "".join(text.split())


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    arguments.add_argument("--report", required=True, help="the built example import_report")
    arguments.add_argument("--pdfium", help="path of libpdfium; without it pdf-extract reads alone")
    arguments.add_argument("--longest", type=int, default=10**9, help="leave out longer texts (the time is quadratic)")
    given = arguments.parse_args()
    with lzma.open(given.data / "val.jsonl.xz", "rt", encoding="utf-8") as lines:
        texts = {r["pdf"]: r["text"] for r in map(json.loads, lines) if r.get("pdf")}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        with tarfile.open(given.data / "val-pdf.tar") as archive:
            archive.extractall(folder / "pdf", filter="data")
        command = [given.report, str(folder / "pdf"), "--text", str(folder / "text")]
        subprocess.run(command + (["--pdfium", given.pdfium] if given.pdfium else []), check=True, capture_output=True)
        scores = []
        for name, expected in sorted(texts.items()):
            path = folder / "text" / f"{name}.txt"
            expected = bare(expected)
            if len(expected) > given.longest:
                continue
            found = bare(path.read_text(encoding="utf-8")) if path.exists() else ""
            total = len(expected) + len(found)
            score = 2 * common_subsequence(expected, found) / total if total else 1.0
            scores.append(score)
            print(f"{score:.4f}  {len(expected):7d} {len(found):7d}  {name}", flush=True)
    print(f"median {statistics.median(scores):.4f}  mean {statistics.mean(scores):.4f}  worst {min(scores):.4f}  of {len(scores)}")


if __name__ == "__main__":
    main()
