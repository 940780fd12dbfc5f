"""Writes the sample documents that Lectern ships, from the text modules beside it. The same text gives the same bytes.

    python3 -m venv build/venv-samples && build/venv-samples/bin/pip install reportlab==5.1.0 pillow==13.0.0
    build/venv-samples/bin/python tests/samples/make_samples.py
"""

from pathlib import Path

import agreement_docx
import agreement_pdf
import layout

HERE = Path(__file__).parent


def main():
    layout.register_fonts()
    made = {"services-agreement.pdf": agreement_pdf.make(), "services-agreement.docx": agreement_docx.make()}
    for module, name in [("report", "quarterly-report.pdf"), ("meeting", "weekly-meeting.vtt")]:
        content = __import__(module).make()
        made[name] = content.encode() if isinstance(content, str) else content
    for name, content in made.items():
        (HERE / name).write_bytes(content[0] if isinstance(content, tuple) else content)
        print(f"{name}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
