"""Fonts, paragraph styles and page furniture shared by the two sample PDFs."""

import io
import re

from reportlab import rl_config

rl_config.invariant = 1  # fixed dates and ids: the same input gives the same bytes

from reportlab.lib import colors  # noqa: E402  (invariant must be set first)
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY, TA_RIGHT  # noqa: E402
from reportlab.lib.styles import ParagraphStyle  # noqa: E402
from reportlab.lib.units import mm  # noqa: E402
from reportlab.lib.fonts import addMapping
from reportlab.pdfbase import pdfmetrics  # noqa: E402
from reportlab.pdfbase.ttfonts import TTFont  # noqa: E402
from reportlab.platypus import Paragraph, Table, TableStyle  # noqa: E402

FONT_DIR = "/usr/share/fonts/truetype/dejavu/"
FONTS = {
    "Serif": "DejaVuSerifCondensed", "Serif-Bold": "DejaVuSerifCondensed-Bold",
    "Serif-Italic": "DejaVuSerifCondensed-Italic", "Serif-BoldItalic": "DejaVuSerifCondensed-BoldItalic",
    "Sans": "DejaVuSansCondensed", "Sans-Bold": "DejaVuSansCondensed-Bold",
}
INK = colors.HexColor("#1c2430")
SOFT = colors.HexColor("#5b6675")
RULE = colors.HexColor("#9aa5b1")
ACCENT = colors.HexColor("#1f4e79")
TINT = colors.HexColor("#eef2f6")

# Where long words may be broken at a line end (the soft hyphen is only drawn when used).
BREAKS = """
agree-ment obli-ga-tions per-for-mance ter-mi-na-tion no-ti-fi-ca-tion con-fi-den-tial con-fi-den-tial-ity in-for-ma-tion
main-te-nance re-spon-si-ble rea-son-able rea-son-ably sub-con-tract-ors sub-con-trac-tors intel-lec-tual prop-er-ty
prop-erty lia-bil-ity pro-fes-sion-al pro-fes-sional ser-vices Ser-vices Sup-plier sup-plier Sched-ule De-liv-er-ables
De-liv-er-able in-de-pen-dent in-de-pen-dently in-sur-ance tran-si-tion pro-ce-dure ad-di-tional oper-a-tion oper-a-tions
oper-at-ing con-se-quen-tial sub-stan-tially par-tic-u-lar com-mer-cial com-pany cus-tomers gov-er-nance man-age-ment
per-cent-age pro-duc-tion quar-ter re-port-ing rev-enue in-vest-ment de-vel-op-ment de-pre-ci-a-tion ap-prox-i-mately
de-liv-er-ies cur-rency ex-pec-ta-tions im-prove-ment in-ven-to-ries re-ceiv-ables per-sonal per-sons ter-mi-nal
ter-mi-nals soft-ware schedul-ing in-stal-la-tion sys-tems rec-ords doc-u-mented writ-ten con-nec-tion ac-cor-dance
re-place-ment con-tin-ues au-to-mat-i-cally suc-ces-sive an-ni-ver-sary trans-ac-tions in-ter-na-tional com-po-nents
prod-ucts mar-kets in-dus-trial avail-able en-gi-neer-ing en-gi-neers tem-per-a-ture sea-sonal com-par-a-ble
""".split()
_SOFT = {w.replace("-", ""): w.replace("-", "\u00ad") for w in BREAKS}


def register_fonts():
    """Embed DejaVu (free to embed) under short family names."""
    for name, file in FONTS.items():
        pdfmetrics.registerFont(TTFont(name, f"{FONT_DIR}{file}.ttf"))
    pdfmetrics.registerFontFamily("Serif", "Serif", "Serif-Bold", "Serif-Italic", "Serif-BoldItalic")
    pdfmetrics.registerFontFamily("Sans", "Sans", "Sans-Bold", "Sans", "Sans-Bold")
    for face, family, bold in [("Sans-Bold", "Sans", 1), ("Serif-Bold", "Serif", 1)]:
        addMapping(face, bold, 0, face)


def hyphenate(text):
    """Put soft hyphens into the long words of ``BREAKS``."""
    return re.sub(r"[A-Za-z]{6,}", lambda m: _SOFT.get(m.group(0), m.group(0)), text)


def ligate(text):
    """Use the fi and fl ligatures, as a typesetter would (not inside a tag)."""
    parts = re.split(r"(<[^>]*>)", text)
    return "".join(p if p.startswith("<") else p.replace("fi", "ﬁ").replace("fl", "ﬂ") for p in parts)


def body(text, style):
    """A serif paragraph with ligatures and soft hyphenation."""
    parts = re.split(r"(<[^>]*>)", text)
    return Paragraph(ligate("".join(p if p.startswith("<") else hyphenate(p) for p in parts)), style)


def style(name, **kw):
    """A paragraph style with the house defaults."""
    base = dict(fontName="Serif", fontSize=10, leading=14.6, textColor=INK, alignment=TA_JUSTIFY,
                embeddedHyphenation=1, allowWidows=0, allowOrphans=0, spaceAfter=6)
    base.update(kw)
    return ParagraphStyle(name, **base)


CELL = style("cell", fontName="Sans", fontSize=8.6, leading=11.4, alignment=0, spaceAfter=0, embeddedHyphenation=0)
CELL_RIGHT = ParagraphStyle("cellr", parent=CELL, alignment=TA_RIGHT)
HEAD = ParagraphStyle("cellh", parent=CELL, fontName="Sans-Bold", textColor=colors.white)
HEAD_RIGHT = ParagraphStyle("cellhr", parent=HEAD, alignment=TA_RIGHT)
CAPTION = style("caption", fontName="Sans-Bold", fontSize=8.8, leading=12, alignment=0, spaceBefore=8, spaceAfter=4,
                textColor=ACCENT, keepWithNext=1)
CENTER = TA_CENTER


def grid(header, rows, shares, width, right=(), totals=()):
    """A ruled table. ``right``: columns set flush right; ``totals``: row numbers (from 0) set as sums."""
    def cell(text, col, head=False, total=False):
        chosen = (HEAD_RIGHT if col in right else HEAD) if head else (CELL_RIGHT if col in right else CELL)
        return Paragraph(f"<b>{text}</b>" if total and text else text, chosen)

    data = [[cell(h, i, head=True) for i, h in enumerate(header)]]
    data += [[cell(c, i, total=n in totals) for i, c in enumerate(row)] for n, row in enumerate(rows)]
    rules = [
        ("BACKGROUND", (0, 0), (-1, 0), ACCENT), ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 1), (-1, -1), 0.35, RULE), ("TOPPADDING", (0, 0), (-1, -1), 3),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3.6), ("LEFTPADDING", (0, 0), (-1, -1), 5),
        ("RIGHTPADDING", (0, 0), (-1, -1), 5),
    ]
    for n in totals:
        rules += [("BACKGROUND", (0, n + 1), (-1, n + 1), TINT), ("LINEABOVE", (0, n + 1), (-1, n + 1), 0.8, ACCENT)]
    return Table(data, colWidths=[s * width for s in shares], repeatRows=1, style=TableStyle(rules), spaceAfter=8)


def build_counted(make_doc, make_story):
    """Build twice, the second time with the known number of pages; returns the bytes and the count."""
    total = 0
    for _ in range(2):
        buffer = io.BytesIO()
        doc = make_doc(buffer, total)
        doc.build(make_story())
        total = doc.page
    return buffer.getvalue(), total


def furniture(canvas, size, left, right, header, footer, number):
    """Running header and footer with hairlines."""
    width, height = size
    canvas.saveState()
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.4)
    canvas.setFillColor(SOFT)
    canvas.setFont("Sans", 7.8)
    canvas.line(left, height - 18 * mm, width - right, height - 18 * mm)
    canvas.drawString(left, height - 16 * mm, header[0])
    canvas.drawRightString(width - right, height - 16 * mm, header[1])
    canvas.line(left, 17 * mm, width - right, 17 * mm)
    canvas.drawString(left, 12.5 * mm, footer)
    canvas.drawRightString(width - right, 12.5 * mm, number)
    canvas.restoreState()
