"""Ground truth of the samples as ``expected.json``. A quote's page is found with pdftotext, so it cannot be wrong by hand;
a quote that stands on no page, or a page without text that is not the scan, is an error."""

import datetime
import re
import subprocess
import unicodedata

import agreement as a
import meeting
import report_text


def squeeze(text):
    """What is left of a text when ligatures, hyphens, no-break spaces and line ends do not count."""
    return re.sub(r"[\s\u00ad\u2010-]+", "", unicodedata.normalize("NFKC", text))


def pages_of(pdf):
    """Text of each page, in reading order and as laid out (tables are found in the second)."""
    def text(*options):
        done = subprocess.run(["pdftotext", "-enc", "UTF-8", *options, str(pdf), "-"], capture_output=True, check=True)
        return done.stdout.decode().split("\f")[:-1]

    return list(zip(text(), text("-layout")))


def place(quote, pages, once=True):
    """Page number (from 1) of a quote."""
    found = [n for n, forms in enumerate(pages, 1) if any(squeeze(quote) in squeeze(form) for form in forms)]
    if not found or (once and len(found) > 1):
        raise ValueError(f"{quote!r} stands on pages {found}, wanted exactly one")
    return found[0]


def _agreement(pdf):
    pages = pages_of(pdf)
    blank = [n for n, (text, _) in enumerate(pages, 1) if not text.strip()]
    if blank:
        raise ValueError(f"{pdf}: no text on pages {blank}")
    clash = set(a.ABSENT) & set(a.PRESENT)
    if clash or len(a.ABSENT) + len(a.PRESENT) != 41:
        raise ValueError(f"the 41 categories must be present or absent, not both: {clash}")
    return {
        "file": "services-agreement.pdf", "word_file": "services-agreement.docx", "title": a.TITLE, "pages": len(pages),
        "parties": [a.CLIENT, a.SUPPLIER], "agreement_date": "2025-03-14", "effective_date": "2025-04-01",
        "initial_term_months": 36, "expiration_date": "2028-03-31", "renewal_months": 12, "renewal_notice_days": 90,
        "governing_law": "Denmark", "liability_cap": {"amount": 2500000, "currency": "EUR", "per": "Contract Year"},
        "absent": a.ABSENT,
        "present": {k: {"value": v, "quote": q, "page": place(q, pages, once=False)} for k, (v, q) in a.PRESENT.items()},
        "quotes": {k: {"value": v, "quote": q, "page": place(q, pages)} for k, (v, q) in a.QUOTES.items()},
        "tracked_changes": {
            "author": a.TRACK_AUTHOR,
            "deleted": re.findall(r"\{-(.*?)-\}", a.CLAUSES), "inserted": re.findall(r"\{\+(.*?)\+\}", a.CLAUSES),
        },
        "comment": {"author": a.COMMENT_AUTHOR, "text": a.COMMENT_TEXT, "on": re.findall(r"\{!(.*?)!\}", a.CLAUSES)[0]},
        "footnotes": len(a.NOTES),
    }


def _report(pdf):
    pages = pages_of(pdf)
    blank = [n for n, (text, _) in enumerate(pages, 1) if not text.strip()]
    if len(blank) != 1:
        raise ValueError(f"{pdf}: pages without text are {blank}, wanted the scan only")
    return {
        "file": "quarterly-report.pdf", "title": f"{report_text.COMPANY}: {report_text.TITLE}", "pages": len(pages),
        "needs_ocr": blank, "two_column_pages": [place("Food law in the European Union", pages) - 1,
                                                 place("Food law in the European Union", pages)],
        "facts": {k: {"value": v, "quote": q, "page": place(q, pages)} for k, (v, q) in report_text.FACTS.items()},
    }


def _meeting():
    cues = meeting.cues()

    def said(quote):
        """Time and speaker of the cue in which a quote stands."""
        hits = [(start, who) for start, _, who, text in cues if quote in text]
        if len(hits) != 1:
            raise ValueError(f"{quote!r} stands in {len(hits)} cues, wanted one")
        return {"quote": quote, "time": meeting.stamp(hits[0][0]), "speaker": hits[0][1]}

    names = sorted({who for _, _, who, _ in cues})
    for _, owner, due, _ in meeting.ACTIONS:
        if owner is not None and owner not in names or due is not None and not datetime.date.fromisoformat(due):
            raise ValueError(f"action with an unknown owner {owner}")
    return {
        "file": "weekly-meeting.vtt", "title": meeting.TITLE, "date": "2025-10-07", "cues": len(cues), "speakers": len(names),
        "attendees": names, "ends": meeting.stamp(cues[-1][1]),
        "decisions": [{"text": text, **said(quote)} for text, quote in meeting.DECISIONS],
        "actions": [{"text": text, "owner": owner, "due": due, **said(quote)} for text, owner, due, quote in meeting.ACTIONS],
        "correction": {"from": "2025-10-15", "to": "2025-10-17", **said(meeting.CORRECTION)},
        "parked": [{"text": meeting.PARKED[0], **said(meeting.PARKED[1])}],
        # Small offers made in passing: a list of actions may name them, and is right without them.
        "offers": [said(q) for q in meeting.OFFERS],
    }


def make(folder):
    """All ground truth, checked against the files in ``folder``."""
    return {
        "agreement": _agreement(folder / "services-agreement.pdf"), "report": _report(folder / "quarterly-report.pdf"),
        "meeting": _meeting(),
    }
