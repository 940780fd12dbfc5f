"""Makes the agreement as a Word file, written as OOXML parts: heading styles, automatic numbering, tables, footnotes,
tracked changes and a comment. A ZIP with fixed times, so that the same text gives the same bytes."""

import io
import zipfile
from xml.sax.saxutils import escape

import agreement as a
import agreement_model as model

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
RAISED = '<w:rPr><w:vertAlign w:val="superscript"/></w:rPr>'
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


class Runs:
    """Writes inline markup as runs, numbering changes and notes."""

    def __init__(self):
        self.change = 0

    def run(self, text, bold=False, tag="w:t"):
        props = "<w:rPr><w:b/></w:rPr>" if bold else ""
        return f'<w:r>{props}<{tag} xml:space="preserve">{escape(text)}</{tag}></w:r>' if text else ""

    def tracked(self, element, inner):
        self.change += 1
        return (f'<w:{element} w:id="{100 + self.change}" w:author="{a.TRACK_AUTHOR}" w:date="{a.TRACK_DATE}">'
                f"{inner}</w:{element}>")

    def write(self, text):
        out = []
        for kind, content in model.pieces(text):
            if kind == "text":
                out.append(self.run(content))
            elif kind == "bold":
                out.append(self.run(content, bold=True))
            elif kind == "cut":
                out.append(self.tracked("del", self.run(content, tag="w:delText")))
            elif kind == "add":
                out.append(self.tracked("ins", self.run(content)))
            elif kind == "noted":
                out.append(f'<w:commentRangeStart w:id="1"/>{self.write(content)}<w:commentRangeEnd w:id="1"/>'
                           '<w:r><w:commentReference w:id="1"/></w:r>')
            elif kind == "note":
                out.append(f'<w:r>{RAISED}<w:footnoteReference w:id="{int(content) + 1}"/></w:r>')
            elif kind == "ref":
                out.append(self.run(model.numbers()[content]))
        return "".join(out)


RUNS = Runs()


def paragraph(text, style=None, level=None):
    numbered = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="1"/></w:numPr>' if level is not None else ""
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    props = f"<w:pPr>{named}{numbered}</w:pPr>" if named or numbered else ""
    return f"<w:p>{props}{RUNS.write(text)}</w:p>"


def table(header, rows, widths):
    total = 9000
    grid = "".join(f'<w:gridCol w:w="{int(total * w)}"/>' for w in widths)

    def cells(values, bold):
        mark = "**{}**" if bold else "{}"
        return "".join(f"<w:tc><w:tcPr/>{paragraph(mark.format(v) if v else '')}</w:tc>" for v in values)

    body = f"<w:tr><w:trPr><w:tblHeader/></w:trPr>{cells(header, True)}</w:tr>"
    body += "".join(f"<w:tr>{cells(row, False)}</w:tr>" for row in rows)
    return f'<w:tbl><w:tblPr><w:tblStyle w:val="Grid"/><w:tblW w:w="{total}" w:type="dxa"/></w:tblPr><w:tblGrid>{grid}</w:tblGrid>{body}</w:tbl>'


def body():
    out = [paragraph(a.TITLE, "Title"), paragraph(a.SUBTITLE), paragraph(a.INTRO), paragraph("Parties", "Heading1")]
    out += [paragraph(p) for p in a.PARTIES]
    out += [paragraph("Recitals", "Heading1")] + [paragraph(r) for r in a.RECITALS] + [paragraph("Agreed terms", "Heading1")]
    level = {"heading": 0, "sub": 1, "item": 2}
    for item in model.clauses():
        style = "Heading2" if item.kind == "heading" else None
        out.append(paragraph(item.text, style, level.get(item.kind)))
    for n, (title, intro, tables, closing) in enumerate(a.SCHEDULES, 1):
        out += [paragraph(f"Schedule {n} – {title}", "Heading1"), paragraph(intro)]
        for caption, header, rows, widths in tables:
            out += [paragraph(caption, "Caption"), table(header, [[c.replace("**", "") for c in r] for r in rows], widths), paragraph("")]
        out += [paragraph(c) for c in closing]
    out += [paragraph("Signatures", "Heading1"), paragraph(a.SIGNATURE_INTRO)]
    for company, people, place in a.SIGNATURES:
        out += [paragraph(f"**For {company}**"), paragraph(place)] + [paragraph(f"{n}, {r}") for n, r in people]
    return "".join(out)


def numbering():
    levels = [("decimal", "%1."), ("decimal", "%1.%2"), ("lowerLetter", "(%3)")]
    lvls = "".join(f'<w:lvl w:ilvl="{i}"><w:start w:val="1"/><w:numFmt w:val="{f}"/><w:lvlText w:val="{t}"/>'
                   f'<w:pPr><w:ind w:left="{567 * (i + 1)}" w:hanging="567"/></w:pPr></w:lvl>' for i, (f, t) in enumerate(levels))
    return (f'{HEAD}<w:numbering {W}><w:abstractNum w:abstractNumId="1"><w:multiLevelType w:val="multilevel"/>{lvls}'
            '</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num></w:numbering>')


def styles():
    def style(name, display, size, extra="", based="Normal"):
        return (f'<w:style w:type="paragraph" w:styleId="{name}"><w:name w:val="{display}"/><w:basedOn w:val="{based}"/>'
                f'<w:pPr><w:spacing w:before="200" w:after="100"/>{extra}</w:pPr><w:rPr><w:b/><w:sz w:val="{size}"/></w:rPr></w:style>')

    return (f'{HEAD}<w:styles {W}><w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/>'
            '<w:pPr><w:spacing w:after="120"/></w:pPr><w:rPr><w:sz w:val="21"/></w:rPr></w:style>'
            + style("Title", "Title", 40) + style("Heading1", "heading 1", 30, '<w:outlineLvl w:val="0"/>')
            + style("Heading2", "heading 2", 24, '<w:outlineLvl w:val="1"/>') + style("Caption", "caption", 19)
            + '<w:style w:type="table" w:styleId="Grid"><w:name w:val="Table Grid"/><w:tblPr><w:tblBorders>'
            + "".join(f'<w:{side} w:val="single" w:sz="4" w:color="999999"/>' for side in ["top", "left", "bottom", "right", "insideH", "insideV"])
            + "</w:tblBorders></w:tblPr></w:style></w:styles>")


def notes():
    inner = "".join(f'<w:footnote w:id="{int(k) + 1}"><w:p><w:r>{RAISED}<w:footnoteRef/></w:r>{RUNS.run(" ")}{RUNS.write(t)}</w:p></w:footnote>' for k, t in a.NOTES.items())
    marks = '<w:footnote w:type="separator" w:id="0"><w:p><w:r><w:separator/></w:r></w:p></w:footnote>'
    return f"{HEAD}<w:footnotes {W}>{marks}{inner}</w:footnotes>"


def comments():
    return (f'{HEAD}<w:comments {W}><w:comment w:id="1" w:author="{a.COMMENT_AUTHOR}" w:date="{a.COMMENT_DATE}">'
            f"<w:p>{RUNS.run(a.COMMENT_TEXT)}</w:p></w:comment></w:comments>")


def make():
    """The Word file as bytes."""
    RUNS.change = 0
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml."
    kinds = ["styles", "numbering", "footnotes", "comments"]
    base = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
    rel = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
    parts = {
        "[Content_Types].xml": f'{HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{main}document.main+xml"/>'
        + "".join(f'<Override PartName="/word/{k}.xml" ContentType="{main}{k}+xml"/>' for k in kinds) + "</Types>",
        "_rels/.rels": f'{HEAD}<Relationships {rel}><Relationship Id="rId1" Type="{base}officeDocument" Target="word/document.xml"/></Relationships>',
        "word/_rels/document.xml.rels": f"{HEAD}<Relationships {rel}>"
        + "".join(f'<Relationship Id="rId{i}" Type="{base}{k}" Target="{k}.xml"/>' for i, k in enumerate(kinds, 1)) + "</Relationships>",
        "word/document.xml": f"{HEAD}<w:document {W}><w:body>{body()}<w:sectPr><w:pgSz w:w=\"11906\" w:h=\"16838\"/>"
        '<w:pgMar w:top="1418" w:right="1418" w:bottom="1418" w:left="1418"/></w:sectPr></w:body></w:document>',
        "word/styles.xml": styles(),
        "word/numbering.xml": numbering(),
        "word/footnotes.xml": notes(),
        "word/comments.xml": comments(),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, text in parts.items():
            info = zipfile.ZipInfo(name, (2025, 3, 14, 9, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(info, text)
    return out.getvalue()
