"""Writes the sample documents that Lectern ships, from the text modules beside it. The same text gives the same bytes.

    python3 -m venv build/venv-samples
    build/venv-samples/bin/pip install reportlab==5.1.0 pillow==13.0.0
    build/venv-samples/bin/python tests/samples/make_samples.py           # write the files and expected.json
    build/venv-samples/bin/python tests/samples/make_samples.py --check   # compare with the files here, write nothing

Needs fonts-dejavu-core and fonts-dejavu-extra for the fonts, and poppler-utils for pdftotext.
"""

import json
import sys
import tempfile
from pathlib import Path

import agreement_docx
import agreement_pdf
import expected
import layout
import locked_notice
import meeting
import report

HERE = Path(__file__).parent
LIMIT = 500_000  # bytes; samples are in the repository


def write_all(folder):
    """Make every sample and the ground truth in ``folder``; returns their names."""
    layout.register_fonts()
    made = {
        "services-agreement.pdf": agreement_pdf.make()[0],
        "services-agreement.docx": agreement_docx.make(),
        "quarterly-report.pdf": report.make()[0],
        "weekly-meeting.vtt": meeting.make().encode(),
        "locked-notice.pdf": locked_notice.make(),
    }
    for name, content in made.items():
        if len(content) > LIMIT:
            raise ValueError(f"{name} has {len(content):,} bytes, more than {LIMIT:,}")
        (folder / name).write_bytes(content)
    truth = json.dumps(expected.make(folder), ensure_ascii=False, indent=1)
    (folder / "expected.json").write_text(truth + "\n", encoding="utf-8")
    return [*made, "expected.json"]


def main():
    if "--check" not in sys.argv[1:]:
        for name in write_all(HERE):
            print(f"{name}: {(HERE / name).stat().st_size:,} bytes")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        names = write_all(Path(folder))
        stale = [n for n in names if not (HERE / n).exists() or (HERE / n).read_bytes() != (Path(folder) / n).read_bytes()]
    print("differs from its source: " + ", ".join(stale) if stale else f"{len(names)} files are as their source makes them")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
