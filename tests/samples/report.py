"""Sets the sample quarterly report as an A4 PDF: tables, a chart, two-column pages and one page that is only a picture."""

import io
import random
import re

from PIL import Image, ImageDraw, ImageFilter, ImageFont
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.platypus import (BaseDocTemplate, CondPageBreak, Flowable, Frame, KeepTogether, NextPageTemplate, PageBreak,
                                PageTemplate, Paragraph, Spacer, Table, TableStyle)

import report_figures as f
import report_text as t
from layout import ACCENT, CAPTION, FONT_DIR, INK, RULE, SOFT, body, build_counted, furniture, grid, ligate, style

LEFT = RIGHT = 25 * mm
WIDTH = A4[0] - LEFT - RIGHT
GAP = 8 * mm
BOTTOM, HEIGHT = 23 * mm, A4[1] - 48 * mm

H1 = style("rh1", fontName="Sans-Bold", fontSize=18, leading=23, alignment=0, spaceAfter=12, textColor=ACCENT, keepWithNext=1)
H2 = style("rh2", fontName="Sans-Bold", fontSize=11, leading=15, alignment=0, spaceBefore=10, spaceAfter=4, keepWithNext=1,
           textColor=ACCENT)
TEXT = style("rtext", fontSize=10, leading=15.2, spaceAfter=7)
NARROW = style("rnarrow", fontSize=9.4, leading=13.8, spaceAfter=6)
BULLET = style("rbullet", fontSize=10, leading=15, leftIndent=12, bulletIndent=0, alignment=0, spaceAfter=4,
               bulletFontName="Serif", bulletFontSize=10)
FIVE = [0.44, 0.14, 0.14, 0.14, 0.14]


class Chart(Flowable):
    """Revenue by quarter as bars with their values above them."""

    def __init__(self):
        super().__init__()
        self.width, self.height = WIDTH, 58 * mm

    def draw(self):
        c, step = self.canv, WIDTH / len(f.QUARTERS)
        for n, (name, value) in enumerate(f.QUARTERS):
            x, high = n * step + step * 0.22, value / 95 * self.height
            c.setFillColor(ACCENT if n == len(f.QUARTERS) - 1 else RULE)
            c.rect(x, 14, step * 0.56, high - 14, stroke=0, fill=1)
            c.setFillColor(INK)
            c.setFont("Sans", 8.6)
            c.drawCentredString(x + step * 0.28, 3, name)
            c.drawCentredString(x + step * 0.28, high + 4, f"{value:.1f}")
        c.setStrokeColor(SOFT)
        c.setLineWidth(0.6)
        c.line(0, 14, WIDTH, 14)


def _five(caption, table, totals):
    header = ["EUR million", *f.PERIODS]
    rows = table if isinstance(table[0][1], str) else f.rows(table)
    return [Paragraph(caption, CAPTION), grid(header, rows, FIVE, WIDTH, right=(1, 2, 3, 4), totals=totals)]


def _few(caption, header, rows, shares, totals=()):
    right = tuple(range(1, len(header)))
    return [Paragraph(caption, CAPTION), grid(header, rows, shares, WIDTH, right=right, totals=totals)]


def insert(name):
    """The table or figure called ``name``."""
    dates = ["EUR million", "30 Sep 2025", "31 Dec 2024"]
    made = {
        "key": lambda: _five("Table 1 – Key figures", t.KEY, ()),
        "chart": lambda: [Paragraph("Figure 1 – Revenue by quarter, EUR million", CAPTION), Chart(), Spacer(1, 10)],
        "types": lambda: _five("Table 2 – Revenue by type", f.TYPES, (3,)),
        "regions": lambda: _five("Table 3 – Revenue by customer’s region", f.REGIONS, (4,)),
        "segments": lambda: _five("Table 4 – Revenue by segment", f.SEGMENT_REVENUE, (3,))
        + _five("Table 5 – EBITA by segment", f.SEGMENT_EBITA, (4,)),
        "debt": lambda: _few("Table 6 – Net debt", dates, t.DEBT, [0.6, 0.2, 0.2], (3,)),
        "income": lambda: _five("Table 7 – Consolidated income statement", f.INCOME, tuple(f.INCOME_SUMS)),
        "balance": lambda: _few("Table 8 – Consolidated balance sheet", dates, f.rows(f.BALANCE), [0.6, 0.2, 0.2],
                                tuple(f.BALANCE_SUMS)),
        "cash": lambda: _five("Table 9 – Consolidated cash flow statement", f.CASH, tuple(f.CASH_SUMS)),
        "equity": lambda: _few("Table 10 – Changes in equity", ["EUR million", "Share capital", "Share premium", "Retained", "Total"],
                               f.rows(f.EQUITY), [0.40, 0.15, 0.17, 0.14, 0.14], (5,)),
        "holders": lambda: _few("Table 11 – Shareholders at 30 September 2025", ["Name", "Shares", "%"], t.HOLDERS,
                                [0.6, 0.25, 0.15], (5,)),
        "intangibles": lambda: _few("Table 12 – Other intangible assets", ["EUR million", "Acquired", "Developed", "Total"],
                                    t.INTANGIBLES, [0.52, 0.16, 0.16, 0.16], (4,)),
        "maturity": lambda: _few("Table 13 – Maturity of debt", ["EUR million", "Term loan", "Leases"], t.MATURITY,
                                 [0.6, 0.2, 0.2], (4,)),
        "guidance": lambda: _few("Table 14 – Guidance", ["", "Earlier", "Now"], t.GUIDANCE, [0.5, 0.25, 0.25]),
        "calendar": lambda: _few("Table 15 – Financial calendar", ["Event", "Date"], t.CALENDAR, [0.65, 0.35]),
    }
    return made[name]()


def scan():
    """The approval page as a slightly crooked, speckled grey bitmap (JPEG)."""
    noise = random.Random(28)
    size = (1000, 1414)
    page = Image.new("L", size, 250)
    draw = ImageDraw.Draw(page)
    big = ImageFont.truetype(FONT_DIR + "DejaVuSerif-Bold.ttf", 31)
    plain = ImageFont.truetype(FONT_DIR + "DejaVuSerif.ttf", 22)
    small = ImageFont.truetype(FONT_DIR + "DejaVuSerif.ttf", 18)
    y = 190
    for n, line in enumerate(t.SCAN):
        draw.text((140, y), line, font=big if n == 0 else plain, fill=40)
        y += 62 if n == 0 else 36
    for n, (name, role) in enumerate(t.SIGNERS):
        x, top = 140 + (n % 2) * 380, 700 + (n // 2) * 240
        points = [(x + 18 + k * 9, top + noise.uniform(-30, 26) * (1 - k / 40)) for k in range(noise.randint(20, 27))]
        draw.line(points, fill=60, width=3, joint="curve")
        draw.line([(x, top + 50), (x + 320, top + 50)], fill=90, width=2)
        draw.text((x, top + 60), name, font=small, fill=40)
        draw.text((x, top + 86), role, font=small, fill=70)
    draw.ellipse([690, 1120, 850, 1280], outline=150, width=4)
    draw.text((722, 1188), "NORDKELVIN", font=ImageFont.truetype(FONT_DIR + "DejaVuSans-Bold.ttf", 14), fill=150)
    page = page.rotate(0.7, resample=Image.BICUBIC, fillcolor=250)
    for _ in range(900):
        x, y, shade = noise.randrange(size[0]), noise.randrange(size[1]), noise.randrange(120, 225)
        page.putpixel((x, y), shade)
    for x in range(22):
        for y in range(size[1]):
            page.putpixel((x, y), max(0, page.getpixel((x, y)) - (22 - x) * 3))
    out = io.BytesIO()
    page.filter(ImageFilter.GaussianBlur(0.5)).save(out, "JPEG", quality=62)
    return out.getvalue()


def cover():
    big = style("rt", fontName="Sans-Bold", fontSize=30, leading=38, alignment=0, textColor=ACCENT, spaceAfter=6)
    line = style("rl", fontSize=13, leading=19, alignment=0, textColor=SOFT)
    return [Spacer(1, 70 * mm), Paragraph(t.COMPANY, big), Paragraph(t.TITLE, big), Spacer(1, 8 * mm),
            Paragraph("1 July to 30 September 2025", line), Paragraph("Published on 29 October 2025", line),
            NextPageTemplate("text")]


def _markup(text):
    text = text.replace("&", "&amp;")
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    return re.sub(r"\b(EUR|Note|Table) (?=[\d−])", "\\1\u00a0", text)


def contents(pages):
    """Section titles with the pages they begin on (unknown in the first pass)."""
    titles = [ln[3:] for ln in t.TEXT.splitlines() if ln.startswith(("== ", "=> "))]
    titles.insert(titles.index("Definitions and glossary"), t.SCAN[0])
    line = style("toc", fontSize=11, leading=15, alignment=0, spaceAfter=0)
    right = style("tocr", parent=line, fontSize=11, leading=15, alignment=TA_RIGHT, spaceAfter=0)
    rows = [[Paragraph(ligate(x), line), Paragraph(str(pages.get(x, "")), right)] for x in titles]
    lines = [("LINEBELOW", (0, 0), (-1, -1), 0.35, RULE), ("LEFTPADDING", (0, 0), (-1, -1), 0),
             ("RIGHTPADDING", (0, 0), (-1, -1), 0), ("BOTTOMPADDING", (0, 0), (-1, -1), 5)]
    return [PageBreak(), Paragraph("Contents", H1), Table(rows, colWidths=[WIDTH * 0.9, WIDTH * 0.1], style=TableStyle(lines))]


class Report(BaseDocTemplate):
    """Notes on which page each section begins."""

    def __init__(self, buffer, pages, **kw):
        super().__init__(buffer, **kw)
        self.pages = pages

    def afterFlowable(self, flowable):
        if getattr(flowable, "section", None):
            self.pages[flowable.section] = self.page


def heading(title):
    """A section title that is noted for the contents."""
    made = Paragraph(ligate(title), H1)
    made.section = title
    return made


def story(pages):
    out, narrow = cover() + contents(pages), False
    for line in t.TEXT.strip().splitlines():
        if line == "<<":
            out.append(NextPageTemplate("columns"))
            narrow = True
        elif line == ">>":
            out.append(NextPageTemplate("text"))
            narrow = False
        elif line == "!!":
            mark = Spacer(1, 1)
            mark.section = t.SCAN[0]
            out += [NextPageTemplate("scan"), PageBreak(), mark, NextPageTemplate("text")]
        elif line.startswith(("== ", "=> ")):
            out += [PageBreak() if line[1] == "=" else Spacer(1, 8 * mm), heading(line[3:])]
        elif line.startswith("## "):
            out += [CondPageBreak(30 * mm), Paragraph(ligate(line[3:]), H2)]
        elif line.startswith("* "):
            out.append(Paragraph(body(_markup(line[2:]), BULLET).text, BULLET, bulletText="•"))
        elif line.startswith("[["):
            out.append(KeepTogether(insert(line[2:-2])))
        else:
            out.append(body(_markup(line), NARROW if narrow else TEXT))
    return out


def make():
    """The PDF as bytes, and its number of pages."""
    f.check()
    picture = scan()
    pages = {}

    def doc(buffer, total):
        def page(canvas, d):
            furniture(canvas, A4, LEFT, RIGHT, (t.COMPANY, t.TITLE), "EUR million unless stated otherwise",
                      f"{d.page} / {total}")

        def scanned(canvas, _):
            canvas.drawImage(ImageReader(io.BytesIO(picture)), 0, 0, A4[0], A4[1])

        d = Report(buffer, pages, pagesize=A4, title=f"{t.COMPANY}: {t.TITLE}", author=t.COMPANY, lang="en-GB",
                   invariant=1)
        whole = [Frame(LEFT, BOTTOM, WIDTH, HEIGHT, 0, 0, 0, 0)]
        half = (WIDTH - GAP) / 2
        columns = [Frame(LEFT + n * (half + GAP), BOTTOM, half, HEIGHT, 0, 0, 0, 0, id=f"column{n}") for n in (0, 1)]
        d.addPageTemplates([
            PageTemplate("cover", whole), PageTemplate("text", whole, onPage=page),
            PageTemplate("columns", columns, onPage=page), PageTemplate("scan", whole, onPage=scanned),
        ])
        return d

    return build_counted(doc, lambda: story(dict(pages)))
