"""Invoices as PDF: one column of text set in Inter, selectable, the same bytes for the same invoice.

All texts come escaped: what a buyer calls itself is never markup.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    LongTable,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)

import resources
from services.api.types import Invoice, InvoiceKind, InvoiceLine, InvoiceState
from services.embedded.money import invoice_words as words
from services.embedded.money.invoice_words import amount, date, label, plain

INK, MUTED, RULE, ACCENT = (HexColor(code) for code in ("#16181d", "#666c78", "#dfe2e8", "#0b6e4f"))
MARGIN, TOP, BOTTOM = 20 * mm, 20 * mm, 24 * mm
INDENT = 4 * mm  # of a line that explains another
TAKEN_OFF = ("discount", "credit")  # shown among the sums
_QUANTITY, _PRICE, _AMOUNT = 22 * mm, 30 * mm, 30 * mm
_SUM_WIDTH = 92 * mm


@cache
def _fonts() -> None:
    """Makes Inter known, once."""
    for name in ("Regular", "Medium", "SemiBold", "Bold"):
        pdfmetrics.registerFont(TTFont(f"Inter-{name}", str(resources.path("fonts", f"Inter-{name}.ttf"))))


@cache
def _style(size: float = 9, weight: str = "Regular", color: Color = INK, *, is_right: bool = False) -> ParagraphStyle:
    return ParagraphStyle(
        f"{weight}-{size}-{color.hexval()}-{is_right}",
        fontName=f"Inter-{weight}",
        fontSize=size,
        leading=size * 1.45,
        textColor=color,
        alignment=TA_RIGHT if is_right else 0,
        splitLongWords=1,
    )


def _text(text: str, **style: Any) -> Paragraph:
    return Paragraph(escape(plain(text)), _style(**style))


def _lines(texts: list[str], **style: Any) -> Paragraph:
    """Several lines; empty ones are left out."""
    return Paragraph("<br/>".join(escape(plain(text)) for text in texts if text.strip()), _style(**style))


def render(invoice: Invoice, *, is_test: bool = False) -> bytes:
    """The document. `is_test`: it says that no real money moved."""
    _fonts()
    page = _Page(invoice, LETTER if invoice.details.country == "US" else A4, is_test)
    data, pages = _build(page, 1)
    return data if pages == 1 else _build(page, pages)[0]


@dataclass(frozen=True, slots=True)
class _Page:
    """What every page needs."""

    invoice: Invoice
    size: tuple[float, float]
    is_test: bool

    @property
    def width(self) -> float:
        """Between the margins, in points."""
        return float(self.size[0] - 2 * MARGIN)


def _build(page: _Page, pages: int) -> tuple[bytes, int]:
    """The bytes, saying that there are `pages`, and how many there really are."""
    out = io.BytesIO()
    invoice = page.invoice
    name = f"{words.title(invoice)} {invoice.number}".strip()
    template = BaseDocTemplate(
        out, pagesize=page.size, invariant=1, title=name, author=words.seller()["name"], subject=name, creator="Souk",
        lang="en",
    )  # fmt: skip
    box: dict[str, float] = {"leftPadding": 0, "rightPadding": 0, "topPadding": 0, "bottomPadding": 0}
    height = page.size[1] - TOP - BOTTOM
    first = Frame(MARGIN, BOTTOM, page.width, height, id="first", **box)
    later = Frame(MARGIN, BOTTOM, page.width, height - 12 * mm, id="later", **box)
    foot = partial(_decorate, page=page, pages=pages)
    template.addPageTemplates(
        [
            PageTemplate("first", [first], onPage=foot, autoNextPageTemplate="later"),
            PageTemplate("later", [later], onPage=foot),
        ]
    )
    template.build(_story(page), canvasmaker=_canvas_made_at(invoice.issued_at or invoice.created_at))
    return out.getvalue(), template.page


def _canvas_made_at(at: datetime) -> Callable[..., Canvas]:
    def make(*arguments: Any, **options: Any) -> Canvas:
        canvas = Canvas(*arguments, **options)
        canvas.setDateFormatter(lambda *_now: f"D:{at:%Y%m%d%H%M%S}+00'00'")
        return canvas

    return make


def _decorate(canvas: Canvas, _document: BaseDocTemplate, *, page: _Page, pages: int) -> None:
    """Foot of every page, head of those after the first."""
    seller, invoice = words.seller(), page.invoice
    canvas.saveState()
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN, BOTTOM - 6 * mm, page.size[0] - MARGIN, BOTTOM - 6 * mm)
    canvas.setFont("Inter-Regular", 7.5)
    canvas.setFillColor(MUTED)
    parts = [seller["name"], *seller["address"], seller["email"]]
    canvas.drawString(MARGIN, BOTTOM - 11 * mm, " · ".join(parts))
    if page.is_test:
        canvas.drawString(MARGIN, BOTTOM - 15 * mm, label("test_mode"))
    right = page.size[0] - MARGIN
    canvas.drawRightString(right, BOTTOM - 11 * mm, label("page", page=canvas.getPageNumber(), pages=pages))
    if canvas.getPageNumber() > 1:
        canvas.drawString(MARGIN, page.size[1] - TOP, seller["name"])
        name = label("continued", kind=words.title(invoice), number=invoice.number)
        canvas.drawRightString(right, page.size[1] - TOP, name)
    canvas.restoreState()


# ---- from top to bottom


def _story(page: _Page) -> list[Flowable]:
    invoice = page.invoice
    return [
        _head(page),
        Spacer(0, 9 * mm),
        _parties(page),
        Spacer(0, 9 * mm),
        _text(words.headline(invoice), size=15, weight="SemiBold"),
        Spacer(0, 6 * mm),
        _table(page),
        Spacer(0, 4 * mm),
        KeepTogether([_sums(page), Spacer(0, 8 * mm), *_notes(invoice)]),
    ]


def _grid(rows: list[list[Any]], widths: list[float], *styles: tuple[Any, ...]) -> Table:
    plain_cells: list[tuple[Any, ...]] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 0),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
    ]
    return Table(rows, colWidths=widths, style=[*plain_cells, *styles])


def _head(page: _Page) -> Table:
    half = page.width / 2
    left = [_text(words.title(page.invoice), size=22, weight="Bold"), Spacer(0, 2 * mm), _facts(page.invoice)]
    return _grid([[left, _text("Souk", size=18, weight="Bold", color=ACCENT, is_right=True)]], [half + 30, half - 30])


def _facts(invoice: Invoice) -> Table:
    is_open = invoice.state is InvoiceState.OPEN
    is_paid = invoice.state is InvoiceState.PAID and invoice.kind is not InvoiceKind.CREDIT_NOTE
    corrects = words.phrases()["labels"]["corrects"].get(invoice.kind.value, "")
    facts = [
        (label("number"), invoice.number),
        (label("issued"), date(invoice.issued_at)),
        (label("due"), date(invoice.due_at) if is_open else ""),
        (label("paid"), date(invoice.paid_at) if is_paid else ""),
        (label("period"), words.period(invoice.period_start, invoice.period_end)),
        (corrects, invoice.corrects_number),
    ]
    rows = [[_text(name, color=MUTED), _text(value, weight="Medium")] for name, value in facts if value]
    return _grid(rows or [["", ""]], [30 * mm, 80 * mm])


def _parties(page: _Page) -> Table:
    seller, details = words.seller(), page.invoice.details
    half = page.width / 2
    own = [*seller["address"], words.country(seller["country"]), seller["email"]]
    own += [label("vat_id", vat_id=seller["vat_id"])] if seller["vat_id"] else []
    theirs = [*details.address, words.country(details.country), details.email]
    theirs += [label("vat_id", vat_id=details.vat_id)] if details.vat_id else []
    buyer = details.name or page.invoice.organization_name
    cells = [
        [_text(label("from"), color=MUTED), _text(seller["name"], weight="SemiBold"), _lines(own)],
        [_text(label("to"), color=MUTED), _text(buyer, weight="SemiBold"), _lines(theirs)],
    ]
    return _grid([cells], [half, half], ("RIGHTPADDING", (0, 0), (0, 0), 6 * mm))


# ---- lines


def _table(page: _Page) -> Table:
    widths = [page.width - _QUANTITY - _PRICE - _AMOUNT, _QUANTITY, _PRICE, _AMOUNT]
    head = [
        _text(label("description"), size=8, color=MUTED),
        *(_text(label(name), size=8, color=MUTED, is_right=True) for name in ("quantity", "unit_price", "amount")),
    ]
    rows: list[list[Any]] = [head]
    styles: list[tuple[Any, ...]] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, INK),
    ]
    for line, depth in _with_depth(page.invoice):
        rows.append(_row(line, depth))
        here = len(rows) - 1
        if depth:
            styles += [
                ("LEFTPADDING", (0, here), (0, here), depth * INDENT),
                ("TOPPADDING", (0, here), (-1, here), 0),
                ("BOTTOMPADDING", (0, here), (-1, here), 4),
            ]
        elif here > 1:
            styles.append(("LINEBELOW", (0, here - 1), (-1, here - 1), 0.4, RULE))
    styles.append(("LINEBELOW", (0, len(rows) - 1), (-1, len(rows) - 1), 0.8, INK))
    return LongTable(rows, colWidths=widths, repeatRows=1, style=styles)


def _with_depth(invoice: Invoice) -> Iterator[tuple[InvoiceLine, int]]:
    """The lines with how deep they explain; what was taken off is among the sums."""
    depths: dict[str, int] = {}
    for line in invoice.lines:
        depths[line.uuid] = depths[line.parent_uuid] + 1 if line.parent_uuid in depths else 0
        if line.kind not in TAKEN_OFF:
            yield line, depths[line.uuid]


def _row(line: InvoiceLine, depth: int) -> list[Any]:
    quiet: dict[str, Any] = {"size": 8, "color": MUTED} if depth else {}
    what: list[Flowable] = [_text(words.line(line), **(quiet or {"weight": "Medium"}))]
    if not depth and (span := words.period(line.period_start, line.period_end)):
        what.append(_text(span, size=7.5, color=MUTED))
    unit = words.price(line.unit_price) if line.unit_price else ""
    quantity = words.grouped(line.quantity) if unit or line.quantity != "1" else ""
    return [
        what,
        _text(quantity, is_right=True, **quiet),
        _text(unit, is_right=True, **quiet),
        _text(amount(line.amount), is_right=True, **quiet),
    ]


# ---- sums and notes


def _sums(page: _Page) -> Table:
    rows: list[list[Any]] = []
    styles: list[tuple[Any, ...]] = []
    for text, value, is_strong in _sum_rows(page.invoice):
        look: dict[str, Any] = {"weight": "SemiBold", "size": 10.5} if is_strong else {}
        rows.append(["", _text(text, **look), _text(value, is_right=True, **look)])
        here = len(rows) - 1
        styles.append(("TOPPADDING", (1, here), (-1, here), 4 if is_strong else 1.5))
        styles.append(("BOTTOMPADDING", (1, here), (-1, here), 4 if is_strong else 1.5))
        if is_strong and here:
            styles.append(("LINEABOVE", (1, here), (-1, here), 0.6, INK))
    wide = _SUM_WIDTH - 34 * mm
    return _grid(rows, [page.width - _SUM_WIDTH, wide, 34 * mm], *styles)


def _sum_rows(invoice: Invoice) -> Iterator[tuple[str, str, bool]]:
    """Words, amount, and whether it stands out."""
    taken = [line for line in invoice.lines if line.kind == "discount"]
    if taken or invoice.tax_lines or not invoice.credit_applied.is_zero:
        yield label("subtotal"), amount(invoice.subtotal), False
    for line in taken:
        yield words.line(line), amount(line.amount), False
    if not invoice.credit_applied.is_zero:
        yield label("credit"), amount(-invoice.credit_applied), False
    for tax in invoice.tax_lines:
        yield words.tax(tax), amount(tax.amount), False
    is_note = invoice.kind is InvoiceKind.CREDIT_NOTE
    yield label("total_credited" if is_note else "total"), amount(invoice.total), True
    if is_note:
        return
    if not invoice.paid.is_zero:
        yield label("paid_row"), amount(-invoice.paid), False
    if not invoice.credited.is_zero:
        yield label("credited_row"), amount(-invoice.credited), False
    if invoice.state is InvoiceState.OPEN:
        yield label("amount_due"), amount(invoice.due), True


def _notes(invoice: Invoice) -> list[Flowable]:
    return [_text(note, size=8.5, color=MUTED) for note in words.notes(invoice)]
