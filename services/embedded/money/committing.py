"""A change of a subscription is carried out: at once when it costs nothing, else when the charge for it succeeded.

The intent remembers what the buyer agreed to. When the provider answers, the change is worked out again as of the
intent; if it would come to another sum by then, nothing is changed and the money goes back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InsufficientCredit, RequestInProgress, ServiceError, SumMoved
from services.api.money import Money
from services.api.types import (
    BillingCycle,
    ChangeAction,
    ChangeRequest,
    PaymentMethod,
    PaymentState,
    SubscriptionState,
    UsagePayment,
)
from services.db import money_models as mm
from services.domain.periods import Period
from services.embedded import asking
from services.embedded.asking import Sent
from services.embedded.core import Core
from services.embedded.money import (
    captures,
    cards,
    changes,
    drafting,
    due,
    finalising,
    grants,
    kept_methods,
    months,
    payments,
    renewals,
    subscribing,
)
from services.embedded.money.changes import Planned
from services.embedded.money.due import Due
from services.embedded.money.payments import Intent
from services.embedded.money.subscription_views import rows_where
from services.gateways.payments import SUCCEEDED, Charge

NOTHING_CHARGED = Charge("", SUCCEEDED, Money.zero())
CHANGE = "change"  # the purpose of its payment
_S = mm.SubscriptionRow


@dataclass(frozen=True, slots=True)
class PaidBy:
    """What paid for a change; nothing when it cost nothing."""

    provider: str = ""
    paid_with: str = ""
    card: str = ""  # our token of the card that is kept with the subscription from now on


def locked(connection: Connection, uuid: str) -> Any:  # Any: a row of rows_where
    """The subscription as it is, changed by nobody else until the transaction ends. NotFound."""
    subscribing.find(connection, uuid, lock=True)
    return rows_where(connection, _S.uuid == uuid)[0]


def begin(core: Core, connection: Connection, planned: Planned) -> str:
    """Carries a change out, or opens the payment for it. Returns the payment's uuid, "" when it is done."""
    row, request = planned.row, planned.request
    card = ""
    if request.action is ChangeAction.SET_PAYMENT_CARD or (
        request.action is ChangeAction.SET_USAGE_PAYMENT and request.payment_token
    ):
        way = cards.way_for(core, connection, row, request.payment_token)
        card = kept_methods.ours_of(core, connection, row.organization_uuid, way, NOTHING_CHARGED, planned.at)
    by_wallet = row.payment_method == PaymentMethod.WALLET.value
    if planned.due_now.is_zero or by_wallet:
        if by_wallet:
            _check_credit(connection, planned)
        apply(core, connection, planned, PaidBy(paid_with=PaymentMethod.WALLET.value if by_wallet else "", card=card))
        return ""
    _check_nothing_under_way(connection, row)
    way = cards.way_for(core, connection, row, request.payment_token)
    return payments.open_intent(
        core,
        connection,
        organization_uuid=row.organization_uuid,
        purpose=CHANGE,
        subject={"request": _to_json(request), "hash": planned.hash, "paid_with": way.label},
        way=way,
        sent=Sent(title=row.offering_name, return_url=request.return_url, until=asking.page_until(planned.at)),
        amount=planned.due_now,
        at=planned.at,
    )


def _check_nothing_under_way(connection: Connection, row: Any) -> None:
    """RequestInProgress while the provider is asked for another change of this subscription: the card would be charged
    for both, although only one can be made. What waits for a confirmation is in nobody's way."""
    i = mm.PaymentIntent
    sent = sa.select(i.subject).where(
        i.organization_uuid == row.organization_uuid,
        i.purpose == CHANGE,
        i.state.in_(payments.WITH_PROVIDER),
    )
    if any(subject["request"]["subscription_uuid"] == row.uuid for subject in connection.execute(sent).scalars()):
        raise RequestInProgress


def _check_credit(connection: Connection, planned: Planned) -> None:
    balance = grants.balance(connection, planned.row.organization_uuid, planned.row.currency, planned.at)
    if balance < planned.due_now:
        raise InsufficientCredit(
            balance=balance.micros, price=planned.due_now.micros, currency=planned.due_now.currency
        )


def settle(core: Core, connection: Connection, intent: Intent, charge: Charge, at: datetime) -> None:
    """The charge succeeded: the change is made as it was agreed, or the money goes back."""
    request = _from_json(intent.subject["request"])
    row = locked(connection, request.subscription_uuid)
    try:
        planned = changes.plan(core, connection, row, request, intent.created_at)
    except ServiceError:  # its time is over, or it is not possible any more
        _return(core, connection, intent, charge, at)
        return
    if planned.due_now != intent.amount or planned.hash != intent.subject["hash"]:
        _return(core, connection, intent, charge, at)
        return
    card = kept_methods.ours_of(core, connection, row.organization_uuid, intent.way, charge, at)
    paid = PaidBy(intent.way.provider, str(intent.subject["paid_with"]), "" if row.payment_token else card)
    invoice_uuid = apply(core, connection, planned, paid)
    payments.set_invoice(connection, intent.uuid, invoice_uuid)


def _return(core: Core, connection: Connection, intent: Intent, charge: Charge, at: datetime) -> None:
    """Nothing is changed and the money goes back; who asks is told that the sum has moved."""
    i = mm.PaymentIntent
    connection.execute(
        sa.update(i).where(i.uuid == intent.uuid).values(state=PaymentState.FAILED.value, error_code=SumMoved.code)
    )
    payments.send_back(core, connection, intent, charge, at)


# ---- doing it


def apply(core: Core, connection: Connection, planned: Planned, paid: PaidBy) -> str:
    """Does a change that is paid or free, with its invoice. Returns the invoice's uuid, "" for none."""
    invoice_uuid = _invoice(core, connection, planned, paid)
    row, request, at = planned.row, planned.request, planned.at
    if planned.invoice is not None:
        captures.confirm(connection, row.order_uuid, core.clock.now())
    if paid.card:
        subscribing.change(connection, row.uuid, payment_token=paid.card)
    match request.action:
        case ChangeAction.CANCEL_NOW:
            renewals.end(core, connection, row, at, reason=request.reason)
        case ChangeAction.PAUSE if not planned.is_pending and request.resume_at is not None:
            renewals.pause(core, connection, row, at, request.resume_at)
        case ChangeAction.RESUME:
            _resume(core, connection, planned)
        case ChangeAction.CHANGE_PLAN if not planned.is_pending:
            _change_plan(core, connection, planned, invoice_uuid)
        case _:
            subscribing.change(connection, row.uuid, **changes.columns_after(planned))
            _tell(core, connection, planned)
    return invoice_uuid


def _invoice(core: Core, connection: Connection, planned: Planned, paid: PaidBy) -> str:
    if planned.invoice is None:
        return ""
    stored = drafting.draft(core, connection, planned.invoice, planned.at)
    finalising.finalise(core, connection, stored.uuid, planned.at)
    finalising.mark_paid(core, connection, stored.uuid, planned.at, provider=paid.provider, paid_with=paid.paid_with)
    return stored.uuid


def _change_plan(core: Core, connection: Connection, planned: Planned, invoice_uuid: str) -> None:
    """Other terms from now on. Calls used stay used, also when the cycle starts anew."""
    before, at = planned.row, planned.at
    after = subscribing.change(connection, before.uuid, **changes.columns_after(planned))
    is_trial = after.state == SubscriptionState.TRIALING.value
    kind, billed = (subscribing.TRIAL, planned.zero) if is_trial else (subscribing.PAID, planned.billed)
    renewals.write_piece(connection, after, kind, Period(at, after.period_end), billed, invoice_uuid)
    renewals.follow_plan(connection, after)
    _follow_time(connection, before, after, at, at)
    renewals.note(core, connection, after, "plan_changed", at, old_plan=before.terms["name"])


def _resume(core: Core, connection: Connection, planned: Planned) -> None:
    """What was left of the paid period is served from now on."""
    before, at = planned.row, planned.at
    last = subscribing.last_piece(connection, before.uuid)
    after = subscribing.change(connection, before.uuid, **changes.columns_after(planned))
    due.drop(connection, before.uuid, "resume")
    if at < after.period_end:
        fee = planned.billed if last.fee_micros else planned.zero
        renewals.write_piece(connection, after, subscribing.PAID, Period(at, after.period_end), fee)
    _follow_time(connection, before, after, before.paused_at, at)
    renewals.note(core, connection, after, "resumed", at)


def _follow_time(connection: Connection, before: Any, after: Any, last: datetime, at: datetime) -> None:
    """Boundaries and used calls go on by the new anchor. `last`: an instant of the month that ran."""
    months.carry(connection, before, after, last, at)
    if after.state != SubscriptionState.TRIALING.value:
        due.drop(connection, after.uuid, "period")
        subscribing.schedule_next(connection, after, at)


def on_resume(core: Core, connection: Connection, item: Due) -> None:
    """A pause is over."""
    row = locked(connection, item.subject_uuid)
    if row.state == SubscriptionState.PAUSED.value and row.resumes_at == item.at:
        request = ChangeRequest(row.uuid, ChangeAction.RESUME)
        apply(core, connection, changes.plan(core, connection, row, request, item.at), PaidBy())


_TOLD = {
    ChangeAction.CHANGE_PLAN: "change_planned",
    ChangeAction.CANCEL_AT_END: "cancel_planned",
    ChangeAction.PAUSE: "pause_planned",
    ChangeAction.UNDO: "change_undone",
    ChangeAction.SET_USAGE_PAYMENT: "usage_payment_changed",
    ChangeAction.SET_PAYMENT_CARD: "card_changed",
}


def _tell(core: Core, connection: Connection, planned: Planned) -> None:
    request = planned.request
    params: dict[str, str | int | None] = {}
    if planned.is_pending:
        params["effective_at"] = planned.effective_at.isoformat()
    if request.reason:
        params["reason"] = request.reason
    renewals.note(core, connection, planned.row, _TOLD[request.action], planned.at, **params)


# ---- how a request is kept with its payment


def _to_json(request: ChangeRequest) -> dict[str, Any]:
    resume_at = request.resume_at
    return asdict(request) | {
        "payment_token": "",
        "return_url": "",
        "resume_at": resume_at.isoformat() if resume_at else None,
    }


def _from_json(stored: dict[str, Any]) -> ChangeRequest:
    resume_at, cycle, usage = stored["resume_at"], stored["cycle"], stored["usage_payment"]
    return ChangeRequest(
        stored["subscription_uuid"],
        ChangeAction(stored["action"]),
        plan_uuid=stored["plan_uuid"],
        cycle=BillingCycle(cycle) if cycle else None,
        quantity=stored["quantity"],
        resume_at=datetime.fromisoformat(resume_at) if resume_at else None,
        at_end=stored["at_end"],
        usage_payment=UsagePayment(usage) if usage else None,
        reason=stored["reason"],
    )
