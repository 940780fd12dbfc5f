"""Sets the sample agreement as an A4 PDF."""

import re

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import (BaseDocTemplate, Frame, KeepTogether, NextPageTemplate, PageBreak, PageTemplate, Paragraph,
                                Spacer, Table, TableStyle)

import agreement as a
from agreement_model import accepted, clauses
from layout import (ACCENT, CAPTION, INK, SOFT, body, build_counted, furniture, grid, ligate, style)

LEFT = RIGHT = 31 * mm
WIDTH = A4[0] - LEFT - RIGHT
INDENT = 11 * mm

H1 = style("h1", fontName="Sans-Bold", fontSize=11, leading=14, alignment=0, spaceBefore=12, spaceAfter=5, keepWithNext=1,
           leftIndent=INDENT, bulletIndent=0, bulletFontName="Sans-Bold", bulletFontSize=11, textColor=ACCENT,
           bulletColor=ACCENT)
SUB = style("sub", leftIndent=INDENT, bulletIndent=0, bulletFontName="Serif", bulletFontSize=10)
ITEM = style("item", leftIndent=INDENT + 8 * mm, bulletIndent=INDENT, bulletFontName="Serif", bulletFontSize=10, spaceAfter=4)
DEF = style("def", leftIndent=INDENT, spaceAfter=5)
PLAIN = style("plain")
LIST = style("list", leftIndent=INDENT, bulletIndent=0, bulletFontName="Serif", bulletFontSize=10, spaceAfter=8)
PART = style("part", fontName="Sans-Bold", fontSize=11, leading=14, alignment=0, spaceBefore=14, spaceAfter=7,
             textColor=ACCENT, keepWithNext=1)
SCHEDULE = style("schedule", fontName="Sans-Bold", fontSize=14, leading=18, alignment=0, spaceAfter=8, textColor=ACCENT,
                 keepWithNext=1)
NOTE = style("note", fontSize=8.2, leading=11, alignment=0, spaceBefore=2)
SIGN = style("sign", fontName="Sans", fontSize=9, leading=12, alignment=0, spaceAfter=0)


def bold(text):
    return f"<b>{text}</b>"


def note_mark(number):
    return f"<super size=6>{number}</super>"


def rich(text):
    """Markup for reportlab; a number stays on the line of its noun (no-break space)."""
    text = accepted(text, bold=bold, note=note_mark)
    return re.sub(r"\b([Cc]lauses?|Schedule|EUR) (?=\d)", "\\1\u00a0", text)


def cover():
    big = style("title", fontName="Sans-Bold", fontSize=25, leading=31, alignment=0, textColor=ACCENT, spaceAfter=8)
    small = style("subtitle", fontSize=13, leading=18, alignment=0, textColor=SOFT, spaceAfter=60)
    party = style("party", fontName="Sans-Bold", fontSize=13, leading=18, alignment=0, spaceAfter=4)
    line = style("line", fontSize=11, leading=16, alignment=0, spaceAfter=4)
    return [
        Spacer(1, 48 * mm), Paragraph(a.TITLE, big), Paragraph(ligate(a.SUBTITLE), small), Paragraph("between", line),
        Paragraph(a.CLIENT, party), Paragraph("and", line), Paragraph(a.SUPPLIER, party), Spacer(1, 22 * mm),
        Paragraph(f"Dated {a.AGREEMENT_DATE}", line), Paragraph(f"Contract reference {a.REFERENCE}", line),
        NextPageTemplate("text"), PageBreak(),
    ]


def opening():
    out = [Paragraph(a.TITLE, SCHEDULE), body(a.INTRO, PLAIN), Paragraph("Parties", PART)]
    out += [Paragraph(ligate(rich(t)), LIST, bulletText=f"({n})") for n, t in enumerate(a.PARTIES, 1)]
    out.append(Paragraph("Recitals", PART))
    out += [_bulleted(rich(t), LIST, f"({chr(64 + n)})") for n, t in enumerate(a.RECITALS, 1)]
    out.append(Paragraph("Agreed terms", PART))
    return out


def _bulleted(text, sty, bullet):
    para = body(text, sty)
    return Paragraph(para.text, sty, bulletText=bullet)


def terms():
    styles = {"heading": H1, "sub": SUB, "item": ITEM, "definition": DEF}
    out = []
    for i in clauses():
        if i.kind == "heading":
            out.append(Paragraph(ligate(i.text), H1, bulletText=i.number + "."))
        elif i.kind == "definition":
            out.append(body(rich(i.text), DEF))
        else:
            out.append(_bulleted(rich(i.text), styles[i.kind], i.number))
    return out


def schedules():
    out = []
    for n, (title, intro, tables, closing) in enumerate(a.SCHEDULES, 1):
        out += [PageBreak() if n == 1 else Spacer(1, 10 * mm)]
        head = [Paragraph(f"Schedule {n} – {title}", SCHEDULE), body(rich(intro), PLAIN)]
        used = []
        for t, (caption, header, rows, shares) in enumerate(tables):
            cells = [[rich(c) for c in row] for row in rows]
            used += [k for k in a.NOTES if any(f"[^{k}]" in c for row in rows for c in row)]
            right = (len(header) - 1,) if header[-1].endswith("(EUR)") else ()
            block = [Paragraph(caption, CAPTION), grid(header, cells, shares, WIDTH, right=right)]
            out.append(KeepTogether(head + block if t == 0 else block))
        out += [body(note_mark(k) + " " + rich(a.NOTES[k]), NOTE) for k in used]
        out += [Spacer(1, 4)] + [body(rich(t), PLAIN) for t in closing]
    return out


def signatures():
    out = [PageBreak(), Paragraph("Signatures", SCHEDULE), body(a.SIGNATURE_INTRO, PLAIN), Spacer(1, 10 * mm)]
    for company, people, place in a.SIGNATURES:
        row = [Paragraph(f"<b>{name}</b><br/>{role}", SIGN) for name, role in people]
        row = row if len(row) == 1 else [row[0], "", row[1]]  # an empty column keeps the two lines apart
        box = Table([row], colWidths=[WIDTH * s for s in (0.46, 0.08, 0.46)[:len(row)]], hAlign="LEFT",
                    spaceBefore=18 * mm, style=TableStyle(
                        [("LINEABOVE", (i, 0), (i, 0), 0.6, INK) for i in (0, 2)[:len(people)]]
                        + [("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0)]))
        out.append(KeepTogether([Paragraph(f"<b>For {company}</b>", SIGN), Spacer(1, 3), Paragraph(place, SIGN), box,
                                 Spacer(1, 16 * mm)]))
    return out


def make():
    """The PDF as bytes, and its number of pages."""
    def doc(buffer, total):
        def page(canvas, d):
            furniture(canvas, A4, LEFT, RIGHT, (a.TITLE, f"{a.REFERENCE}"), "Confidential",
                      f"Page {d.page} of {total}")

        d = BaseDocTemplate(buffer, pagesize=A4, title=a.TITLE, author=a.CLIENT, subject=a.SUBTITLE, lang="en-GB",
                            invariant=1)
        frame = Frame(LEFT, 22 * mm, WIDTH, A4[1] - 46 * mm, 0, 0, 0, 0)
        d.addPageTemplates([PageTemplate("cover", [frame], onPage=page), PageTemplate("text", [frame], onPage=page)])
        return d

    return build_counted(doc, lambda: cover() + opening() + terms() + schedules() + signatures())
