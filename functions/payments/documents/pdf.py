"""A document as PDF/A-3B, made of its row: the same row gives the same bytes.

The fonts are Noto Sans, Tamil and Devanagari (OFL, fonts/OFL.txt), static at weights 400 and 700, the first cut down to Latin,
Greek and Cyrillic. They are those of the packages fontpkg-noto-sans 2.15, -tamil 2.4 and -devanagari 2.7.
"""

from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from functions.payments.documents.domain import Document, DocumentKind, Party
from shared.money import plain_money

if TYPE_CHECKING:
    from fpdf import FPDF

FONTS = Path(__file__).parent / "fonts"
FAMILY, FALLBACKS = "NotoSans", ("NotoSansTamil", "NotoSansDevanagari")
TITLES = {DocumentKind.RECEIPT: "Receipt", DocumentKind.INVOICE: "Invoice", DocumentKind.CREDIT_NOTE: "Credit note"}
NAMES = {
    "ENERGY": "Energy",
    "TIME": "Charging time",
    "PARKING_TIME": "Parking time",
    "FLAT": "Session",
    "SESSION": "Session",
    "BOOKING": "Booking",
    "BOOKING_OVERTIME": "Overtime",
    "BOOKING_EXPIRES": "Not used: no-show",
    "BOOKING_CANCELLATION_FEES": "Cancelled late",
    "FEE": "Held to the fee that was agreed",
    "QUOTED_TOTAL": "Held to the price that was quoted",
    "MIN_PRICE": "Minimum price",
    "MAX_PRICE": "Maximum price",
}
"""What the lines of a bill are called, by their dimension."""
NO_VAT = "The seller has given no VAT number: no VAT is shown."
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:pdf="http://ns.adobe.com/pdf/1.3/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" pdf:Producer="evcharging"
 pdfaid:part="3" pdfaid:conformance="B" xmp:CreateDate="{at}" xmp:ModifyDate="{at}" xmp:MetadataDate="{at}">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
</rdf:Description></rdf:RDF></x:xmpmeta>"""
"""What PDF/A says of the file itself."""
LINE, GAP = 6.0, 4.0
"""Millimetres."""


def render(document: Document) -> bytes:
    """The document as PDF."""
    page = _page(document)
    _heading(page, document)
    _parties(page, document)
    _lines(page, document)
    _totals(page, document)
    return bytes(page.output())


def _page(document: Document) -> "FPDF":
    from fpdf import FPDF  # a quarter of a second: only where a PDF is asked for

    page = FPDF(format="A4", enforce_compliance="PDF/A-3B")
    for family in (FAMILY, *FALLBACKS):
        page.add_font(family, "", FONTS / f"{family}-Regular.ttf")
        page.add_font(family, "B", FONTS / f"{family}-Bold.ttf")
    page.set_fallback_fonts(list(FALLBACKS), exact_match=True)
    page.set_text_shaping(True)
    page.set_creation_date(document.issued_at)
    page.set_title(f"{TITLES[DocumentKind(document.kind)]} {document.title}")
    page.set_lang(document.language)
    page.set_producer("evcharging")
    # fpdf2's own would hold the instant at which it was made.
    page.set_xmp_metadata(XMP.format(title=page.title, at=document.issued_at.isoformat(timespec="seconds")))
    page.add_page()
    return page


def _heading(page: "FPDF", document: Document) -> None:
    page.set_font(FAMILY, "B", 18)
    page.cell(0, 10, f"{TITLES[DocumentKind(document.kind)]} {document.title}", new_x="LMARGIN", new_y="NEXT")
    page.set_font(FAMILY, "", 10)
    zone = ZoneInfo(document.supply.time_zone)
    _text(page, f"Issued on {document.issued_at.astimezone(zone):%Y-%m-%d}")
    if document.refers_to is not None:
        _text(page, f"It takes back the document {document.refers_to}.")
    page.ln(GAP)


def _parties(page: "FPDF", document: Document) -> None:
    _party(page, "Seller", document.seller)
    if document.buyer is not None:
        _party(page, "Buyer", document.buyer)
    supply, zone = document.supply, ZoneInfo(document.supply.time_zone)
    begun, ended = supply.start.astimezone(zone), supply.end.astimezone(zone)
    _label(page, "Supplied at")
    _text(page, supply.location)
    _text(page, supply.address)
    _text(page, f"{begun:%Y-%m-%d %H:%M} to {ended:%Y-%m-%d %H:%M} ({supply.time_zone})")
    page.ln(GAP)


def _party(page: "FPDF", label: str, party: Party) -> None:
    _label(page, label)
    country = f"{party.address}, {party.country}" if party.address and party.country else party.address
    for text in (party.name, country, party.vat_id and f"VAT {party.vat_id}"):
        if text:
            _text(page, text)
    page.ln(GAP)


def _label(page: "FPDF", text: str) -> None:
    page.set_font(FAMILY, "B", 10)
    _text(page, text)
    page.set_font(FAMILY, "", 10)


def _text(page: "FPDF", text: str) -> None:
    page.multi_cell(0, LINE, text, new_x="LMARGIN", new_y="NEXT")


def _lines(page: "FPDF", document: Document) -> None:
    currency, shows_vat = document.totals.currency, bool(document.tax)
    head = ["", "Quantity", *(["VAT"] if shows_vat else []), "Amount"]
    with page.table(col_widths=(80, 40, 25, 45) if shows_vat else (90, 50, 50), text_align="LEFT") as table:
        table.row(head)
        for line in document.lines:
            rate = [f"{line.vat_percent:g} %"] if shows_vat else []
            amount = plain_money(line.amount_minor, currency)
            table.row([NAMES.get(line.dimension, line.dimension), f"{line.quantity:g} {line.unit}", *rate, amount])
    page.ln(GAP)


def _totals(page: "FPDF", document: Document) -> None:
    totals = document.totals
    for tax in document.tax:
        net, vat = plain_money(tax.net_minor, totals.currency), plain_money(tax.vat_minor, totals.currency)
        _text(page, f"{tax.rate:g} % VAT on {net}: {vat}")
    if not document.tax:
        _text(page, NO_VAT)
    _label(page, f"Total {plain_money(totals.gross_minor, totals.currency)}")
