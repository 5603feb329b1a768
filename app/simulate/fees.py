"""What must hold of fees, of time paid in advance, and of money that goes back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import sqlalchemy as sa

from app.simulate.evidence import Check, Life, sums
from services.api.types import InvoiceKind, PaymentState
from services.db import models as m
from services.db import money_models as mm
from services.domain.ledger import AccountKind
from services.embedded.money import charges, payments, recognition, subscribing
from services.embedded.ways import TRANSFER

_I, _L, _P = mm.InvoiceRow, mm.InvoiceLineRow, mm.SubscriptionPeriod


def deferred_is_what_is_not_earned_yet(life: Life) -> Iterator[str]:
    """The account of deferred revenue is the sum of what the lines of invoices have still to earn."""
    d = mm.DueItem
    left: dict[str, int] = defaultdict(int)
    for organization, params in life.connection.execute(
        sa.select(d.organization_uuid, d.params).where(d.kind == recognition.RECOGNISE, d.done_at.is_(None))
    ):
        left[organization] += params["left_micros"]
        if params["left_micros"] < 0:
            yield f"a line of {organization} has {params['left_micros']} to earn"
    books = {place[0]: micros for place, micros in sums(life, AccountKind.DEFERRED_REVENUE).items()}
    for organization in sorted({*left, *books}):
        if books.get(organization, 0) != left[organization]:
            yield f"{organization} has {books.get(organization, 0)} deferred, its lines {left[organization]}"


def fees_are_those_of_their_periods(life: Life) -> Iterator[str]:
    """The fee on the invoice of a period is what the period says, and for its time."""
    rows = life.connection.execute(
        sa.select(
            _P.subscription_uuid, _P.number, _P.start_at, _P.end_at, _P.fee_micros, _L.period_start, _L.period_end,
            (_L.amount_micros - _L.discount_micros).label("micros"),
        )
        .join(_L, sa.and_(_L.invoice_uuid == _P.invoice_uuid, _L.subscription_uuid == _P.subscription_uuid))
        .where(_L.kind == "fee", _L.parent_uuid == "", _P.kind == subscribing.PAID)
    )  # fmt: skip
    for row in rows:
        name = f"{row.subscription_uuid} {row.number}"
        if row.micros != row.fee_micros:
            yield f"{name} says {row.fee_micros}, its invoice {row.micros}"
        if row.period_start != row.start_at or row.end_at > row.period_end:
            yield f"{name} from {row.start_at} to {row.end_at} was charged from {row.period_start} to {row.period_end}"


def credited_time_was_paid_for(life: Life) -> Iterator[str]:
    """No subscription ever gets back more than it was charged, however often it changes its plan."""
    charged: dict[str, int] = defaultdict(int)
    rows = life.connection.execute(
        sa.select(_L.subscription_uuid, _L.amount_micros - _L.discount_micros)
        .join(_I, _I.uuid == _L.invoice_uuid)
        .where(_I.kind == InvoiceKind.INVOICE.value, _I.corrects_uuid == "", _L.parent_uuid == "")
        .where(_L.kind.in_(["fee", "proration_charge", "proration_credit"]))
    )
    for subscription, micros in rows:
        charged[subscription] += micros
    for subscription, micros in charged.items():
        if micros < 0:
            yield f"{subscription} got back {-micros} more than it was charged"


def refunds_are_at_most_what_was_paid(life: Life) -> Iterator[str]:
    """What we gave back of each charge is what the provider says, and never more than the charge."""
    r, i = m.RefundRow, mm.PaymentIntent
    ours: dict[str, int] = defaultdict(int)
    done = sa.select(r.charge_id, r.amount_micros).where(r.state == "done")
    sent = sa.select(i.charge_id, i.amount_micros, i.subject).where(
        i.purpose == payments.REFUND, i.state == PaymentState.SUCCEEDED.value, i.provider != TRANSFER
    )
    by_provider = [row[:2] for row in life.connection.execute(sent) if charges.BY_BANK not in row.subject]
    for charge, micros in (*life.connection.execute(done), *by_provider):
        ours[charge] += micros
    for charge in sorted({*ours, *life.charges}):
        if charge not in life.charges:  # it was only held, and let go
            continue
        charged, refunded = life.charges[charge]
        if refunded != ours[charge] or refunded > charged:
            yield f"{charge} over {charged}: the provider gave {refunded} back, we say {ours[charge]}"


CHECKS: tuple[Check, ...] = (
    deferred_is_what_is_not_earned_yet,
    fees_are_those_of_their_periods,
    credited_time_was_paid_for,
    refunds_are_at_most_what_was_paid,
)
