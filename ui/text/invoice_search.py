"""What support reads while it looks for somebody's invoice."""

from __future__ import annotations

from datetime import datetime

from services.api.types import Invoice, InvoiceKind, InvoiceState
from ui.text.invoices import invoice_state
from ui.text.language import count, plural, tr

LONGEST_QUOTED = 40  # characters of what was typed


def search_help() -> str:
    return tr("An e-mail address or an invoice number from its beginning, or words of the organization’s name.")


def search_problem(code: str) -> str:
    """Below the field."""
    sentences = {
        "too_short": tr("Write at least 2 characters."),
        "too_long": tr("Write at most 254 characters."),
        "unexpected": tr("There is a sign in it that cannot be searched for. Type it again by hand."),
    }
    return sentences.get(code, tr("This cannot be searched for. Write something else."))


def found_text(shown: int, total: int, *, is_capped: bool) -> str:
    """ "3 documents found", "20 of 65 documents found", and what to do when there are too many."""
    if is_capped:
        return tr("{shown} of more than {n} documents found. Write more to find fewer.", shown=count(shown),
                  n=count(total))  # fmt: skip
    whole = plural(total, tr("{n} document"), tr("{n} documents"))
    if shown >= total:
        return tr("{documents} found", documents=whole)
    return tr("{shown} of {documents} found", shown=count(shown), documents=whole)


def unfound_title(text: str) -> str:
    wanted = " ".join(text.split())
    short = wanted if len(wanted) <= LONGEST_QUOTED else f"{wanted[:LONGEST_QUOTED]}…"
    return tr("No invoice is found for “{text}”", text=short)


def found_state(invoice: Invoice, now: datetime | None) -> tuple[str, str]:
    """As in the list of invoices; money that went back already is said first."""
    is_paid = invoice.kind is InvoiceKind.INVOICE and invoice.state is InvoiceState.PAID
    if is_paid and invoice.credited.micros > 0 and not invoice.replaced_by_uuid:
        return (tr("Part credited") if invoice.credited < invoice.total else tr("Credited")), "info"
    return invoice_state(invoice, now)
