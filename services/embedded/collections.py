"""The collections area: what support does with money. In a test-mode workspace there is no support, so buyers may do
it for themselves."""

from __future__ import annotations

from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money
from services.api.types import (
    Dispute,
    FoundInvoices,
    InvoiceSearch,
    PaymentState,
    ReceiveTransfer,
    Refunded,
    RefundPreview,
    RefundRequest,
    TransferDue,
    TransferReceived,
    Webhook,
)
from services.db import models as m
from services.db import money_models as mm
from services.db import payment_models as pm
from services.db import portable
from services.embedded import inbox
from services.embedded.core import Area, Caller
from services.embedded.identity import answers_for
from services.embedded.money import (
    commands,
    finalising,
    freezing,
    invoice_search,
    outcomes,
    payments,
    receiving,
    support_refunds,
)

RECEIVE, REFUND_INVOICE = "receive_transfer", "refund_invoice"

_T, _D = pm.TransferRow, pm.DisputeRow


class EmbeddedCollections(Area):
    def _concerned(self, connection: Connection) -> tuple[Caller, list[str] | None]:
        """The caller, and the organizations they act for: None is all of them. NotFound for a buyer who may not."""
        caller = self._caller(connection)
        return caller, answers_for(self._core, connection, caller)

    # ---- transfers

    async def list_transfers(self) -> tuple[TransferDue, ...]:
        return await self._core.db.read(
            lambda connection: receiving.expected(connection, self._concerned(connection)[1], self._now())
        )

    async def list_received(self) -> tuple[TransferReceived, ...]:
        def work(connection: Connection) -> tuple[TransferReceived, ...]:
            own = self._concerned(connection)[1]
            return receiving.received(connection, sa.true() if own is None else _T.organization_uuid.in_(own))

        return await self._core.db.read(work)

    async def receive_transfer(self, request: ReceiveTransfer, *, key: str) -> TransferReceived:
        received = await self._core.db.run(lambda connection: self._receive(connection, request, key))
        self._core.wake.set()
        return received

    def _receive(self, connection: Connection, request: ReceiveTransfer, key: str) -> TransferReceived:
        caller, own = self._concerned(connection)
        known = commands.known(connection, caller, key, RECEIVE, request)
        if known is None:
            portable.one_at_a_time(connection, f"transfer:{receiving.plain(request.reference)}")
            now = self._now()
            subject = receiving.find(connection, request.reference, now)
            if subject is None or (own is not None and subject.organization_uuid not in own):
                raise errors.InvalidInput(fields={"reference": "unknown"})
            receiving.check(request, subject, now)
            known = receiving.receive(self._core, connection, caller.uuid, request, subject, now)
            commands.note(connection, caller, key, RECEIVE, request, known, now)
        return receiving.received(connection, _T.uuid == known)[0]

    # ---- finding an invoice

    async def find_invoices(self, search: InvoiceSearch) -> FoundInvoices:
        return await self._core.db.read(
            lambda connection: invoice_search.search(connection, search, self._concerned(connection)[1])
        )

    # ---- refunds

    async def preview_refund(self, request: RefundRequest) -> RefundPreview:
        return await self._core.db.run(lambda connection: self._preview(connection, request))

    def _preview(self, connection: Connection, request: RefundRequest) -> RefundPreview:
        self._check_invoice(connection, request.invoice_uuid)
        return support_refunds.preview(self._core, connection, request, self._now())

    def _check_invoice(self, connection: Connection, uuid: str) -> Caller:
        """NotFound for an invoice the caller has nothing to do with."""
        caller, own = self._concerned(connection)
        i = mm.InvoiceRow
        owner = connection.execute(sa.select(i.organization_uuid).where(i.uuid == uuid)).scalar()
        if owner is None or (own is not None and owner not in own):
            raise errors.NotFound(what="invoice")
        return caller

    async def refund_invoice(self, request: RefundRequest, preview_hash: str, *, key: str) -> Refunded:
        note_uuid, refund_uuid, ended = await self._core.db.run(
            lambda connection: self._refund(connection, request, preview_hash, key)
        )
        if refund_uuid:
            await outcomes.carry_out(self._core, refund_uuid)
        self._core.wake.set()
        return await self._core.db.run(lambda connection: _refunded(connection, note_uuid, refund_uuid, ended))

    def _refund(
        self, connection: Connection, request: RefundRequest, preview_hash: str, key: str
    ) -> tuple[str, str, tuple[str, ...]]:
        caller = self._check_invoice(connection, request.invoice_uuid)
        asked = asdict(request) | {"hash": preview_hash}
        if (known := commands.known(connection, caller, key, REFUND_INVOICE, asked)) is not None:
            note_uuid, refund_uuid, *ended = known.split("\n")
            return note_uuid, refund_uuid, tuple(ended)
        now = self._now()
        if support_refunds.preview(self._core, connection, request, now).hash != preview_hash:
            raise errors.SumMoved
        done = support_refunds.carry_out(self._core, connection, request, now)
        subject = "\n".join([done.note_uuid, done.refund_uuid, *done.ended])
        commands.note(connection, caller, key, REFUND_INVOICE, asked, subject, now)
        return done.note_uuid, done.refund_uuid, done.ended

    # ---- disputes and webhooks

    async def list_disputes(self) -> tuple[Dispute, ...]:
        return await self._core.db.read(lambda connection: _disputes(connection, self._concerned(connection)[1]))

    async def take_webhook(self, webhook: Webhook) -> None:
        await inbox.take(self._core, webhook)


def _refunded(connection: Connection, note_uuid: str, refund_uuid: str, ended: tuple[str, ...]) -> Refunded:
    note = finalising.row_of(connection, note_uuid)
    state, amount = PaymentState.SUCCEEDED, Money(-note.total_micros, note.currency)
    if refund_uuid:
        intent = payments.intent(connection, refund_uuid)
        state, amount = intent.state, intent.amount
    return Refunded(refund_uuid, state, amount, note.uuid, note.number, ended)


def _disputes(connection: Connection, organizations: list[str] | None) -> tuple[Dispute, ...]:
    o, i = m.OrganizationRow, mm.InvoiceRow
    first_member = (
        sa.select(m.User.email)
        .join(m.Membership, m.Membership.user_uuid == m.User.uuid)
        .where(m.Membership.organization_uuid == _D.organization_uuid)
        .order_by(m.User.created_at)
        .limit(1)
        .correlate(_D)
        .scalar_subquery()
    )
    found = (
        sa.select(*_D.__table__.c, o.name, i.number, first_member.label("email"))
        .join(o, o.uuid == _D.organization_uuid)
        .outerjoin(i, i.uuid == _D.invoice_uuid)
        .order_by(sa.case((_D.state == freezing.OPEN, 0), else_=1), _D.opened_at.desc(), _D.uuid)
    )
    if organizations is not None:
        found = found.where(_D.organization_uuid.in_(organizations))
    return tuple(
        Dispute(
            row.uuid, row.provider, row.state, row.reason, Money(row.amount_micros, row.currency),
            freezing.frozen(connection, row), row.organization_uuid, row.name, row.email or "", row.invoice_uuid,
            row.number or "", row.opened_at, row.answer_by, row.closed_at,
        )
        for row in connection.execute(found).all()
    )  # fmt: skip
