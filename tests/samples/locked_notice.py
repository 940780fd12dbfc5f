"""Sets a one-page notice as an encrypted PDF: what a person gets who forgets that a file has a password."""

import io

from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen import canvas

PASSWORD = "lectern"
LINES = [
    "NOTICE OF NON-RENEWAL",
    "",
    "Reference: Master Services Agreement, clause 3.",
    "",
    "Under clause 3.2 the Customer gives notice that the agreement will not be renewed.",
    "It ends on 31 December 2027. Until then all obligations continue as agreed.",
    "",
    "The Supplier is asked to confirm receipt in writing within 10 Business Days.",
]


def make():
    """The PDF as bytes. It opens with PASSWORD only."""
    buffer = io.BytesIO()
    page = canvas.Canvas(buffer, pagesize=A4, invariant=1,
                         encrypt=StandardEncryption(PASSWORD, ownerPassword="owner of the sample", strength=128))
    page.setFont("Serif", 11)
    for number, line in enumerate(LINES):
        page.drawString(72, 740 - 18 * number, line)
    page.save()
    return buffer.getvalue()
