"""What a change of the balance sets off: the low-balance alert, told once, and the automatic top-up, due at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import MICROS_MAX, Money
from services.db import money_models as mm
from services.db import portable
from services.domain import top_ups as rules
from services.domain import wallet
from services.domain.top_ups import AutoTopUp, Decision, Reason
from services.domain.wallet import AlertState, alert
from services.embedded.core import Core
from services.embedded.money import due, grants
from services.embedded.money.happenings import note_happening

CURRENCY = "USD"  # of every wallet: what credit is sold in
AUTO_TOP_UP = "auto_top_up"  # what is due, and the purpose of its payment

_W, _P, _D = mm.WalletSettings, mm.PaymentIntent, mm.DueItem
_ROW = sa.select(*_W.__table__.c).where(_W.organization_uuid == sa.bindparam("of"))


def settings_row(connection: Connection, organization_uuid: str, *, lock: bool = False) -> Any:  # Any: a row, or None
    """The wallet's settings; None when nobody ever changed any."""
    statement = _ROW.with_for_update() if lock else _ROW
    return connection.execute(statement, {"of": organization_uuid}).one_or_none()


def is_low(connection: Connection, organization_uuid: str) -> bool:
    """Whether the balance fell below the alert's threshold and has not clearly recovered."""
    row = settings_row(connection, organization_uuid)
    return row is not None and bool(row.is_low)


def save_settings(connection: Connection, organization_uuid: str, **values: Any) -> None:
    """Writes some of a wallet's settings; the others stay, or begin with nothing."""
    empty = {"is_low": False, "auto_is_on": False, "auto_token": "", "auto_problem": "", "details": {}}
    connection.execute(
        portable.insert(_W)
        .values(organization_uuid=organization_uuid, **(empty | values))
        .on_conflict_do_update(index_elements=["organization_uuid"], set_=values)
    )


def save_auto_top_up(connection: Connection, organization_uuid: str, settings: AutoTopUp, token: str) -> None:
    """What a person wants from now on; what went wrong before is over. `token`: ours, of the card."""

    def micros(amount: Money | None) -> int | None:
        is_kept = amount is not None and amount.currency == CURRENCY and 0 < amount.micros <= MICROS_MAX
        return amount.micros if amount is not None and is_kept else None

    save_settings(
        connection,
        organization_uuid,
        auto_is_on=settings.is_on,
        auto_threshold_micros=micros(settings.threshold),
        auto_target_micros=micros(settings.target),
        auto_limit_micros=micros(settings.monthly_limit),
        auto_token=token,
        auto_problem="",
    )


def auto_settings(row: Any, currency: str) -> AutoTopUp:  # Any: a row of WalletSettings
    """The rule as it is set."""

    def money(micros: int | None) -> Money | None:
        return None if micros is None else Money(micros, currency)

    return AutoTopUp(
        row.auto_is_on, money(row.auto_threshold_micros), money(row.auto_target_micros), money(row.auto_limit_micros)
    )


def charged_this_month(connection: Connection, organization_uuid: str, currency: str, at: datetime) -> Money:
    """The credit bought by automatic top-ups that succeeded in the UTC month of `at`."""
    rows = connection.execute(
        sa.select(_P.subject).where(
            _P.organization_uuid == organization_uuid,
            _P.purpose == AUTO_TOP_UP,
            _P.state == "succeeded",
            _P.created_at >= _month(at),
            _P.created_at < next_month(at),
            _P.currency == currency,
        )
    ).scalars()
    return Money(sum(subject["credit_micros"] for subject in rows), currency)


def _month(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(at: datetime) -> datetime:
    """When the next UTC month begins."""
    return (_month(at) + timedelta(days=31)).replace(day=1)


def pending(connection: Connection, organization_uuid: str, currency: str) -> Money:
    """The automatic top-up in flight; nothing when there is none."""
    subject = connection.execute(
        sa.select(_P.subject).where(
            _P.organization_uuid == organization_uuid,
            _P.purpose == AUTO_TOP_UP,
            _P.state.in_(["sent", "action_required", "processing"]),
        )
    ).scalar()
    return Money(subject["credit_micros"] if subject else 0, currency)


def after_change(core: Core, connection: Connection, organization_uuid: str, at: datetime) -> None:
    """To be called in every transaction that changed the balance, after the change."""
    row = settings_row(connection, organization_uuid)
    if row is None or (row.alert_threshold_micros is None and not row.auto_is_on):
        return
    balance = grants.balance(connection, organization_uuid, CURRENCY, at)
    _warn(core, connection, row, balance, at)
    decision = decide(connection, row, balance, at)
    if decision.reason is Reason.DUE:
        _make_due(core, connection, organization_uuid, at)
    elif decision.reason is Reason.MONTHLY_LIMIT:
        refuse_for_this_month(core, connection, row, at)


def _make_due(core: Core, connection: Connection, organization_uuid: str, at: datetime) -> None:
    """One that nobody has begun looks at what is there when it is done, so there need not be another."""
    waiting = sa.select(_D.key).where(
        _D.subject_uuid == organization_uuid,
        _D.kind == AUTO_TOP_UP,
        _D.done_at.is_(None),
        _D.leased_until.is_(None),
        _D.due_at <= at,
    )
    if connection.execute(waiting.limit(1)).first() is None:
        due.schedule(connection, AUTO_TOP_UP, organization_uuid, organization_uuid, at, part=core.ids.uuid())


def after_return(core: Core, connection: Connection, organization_uuid: str, at: datetime) -> None:
    """The same where credit came back to the grants it was taken from: some may be over by now, and expire again."""
    for grant in grants.load(connection, organization_uuid):
        if wallet.has_expired(grant, at):
            due.schedule(connection, "credit_expires", grant.id, organization_uuid, at, part=at.isoformat())
    after_change(core, connection, organization_uuid, at)


def decide(connection: Connection, row: Any, balance: Money, at: datetime) -> Decision:
    """What the automatic top-up is to do. It is off while the card was refused: nothing more is tried before a person
    has looked at it. `row`: the wallet's settings."""
    if row.auto_problem not in ("", Reason.MONTHLY_LIMIT.value):
        return Decision(None, Reason.OFF)
    return rules.decide(
        auto_settings(row, balance.currency),
        balance,
        charged_this_month(connection, row.organization_uuid, balance.currency, at),
        pending(connection, row.organization_uuid, balance.currency),
    )


def refuse_for_this_month(core: Core, connection: Connection, row: Any, at: datetime) -> None:
    """The limit is reached: said once, and looked at again when the next month begins."""
    start = next_month(at)
    due.schedule(
        connection, AUTO_TOP_UP, row.organization_uuid, row.organization_uuid, start, part=f"month:{start:%Y-%m}"
    )
    if row.auto_problem != Reason.MONTHLY_LIMIT.value:
        note_problem(core, connection, row.organization_uuid, Reason.MONTHLY_LIMIT.value, at)


def note_problem(core: Core, connection: Connection, organization_uuid: str, problem: str, at: datetime) -> None:
    """An automatic top-up did not happen, and why (see `api.types.AutoTopUp`)."""
    save_settings(connection, organization_uuid, auto_problem=problem)
    balance = grants.balance(connection, organization_uuid, CURRENCY, at)
    note_happening(core, connection, organization_uuid, "auto_top_up_refused", at, ref=f"wallet:{organization_uuid}",
                   problem=problem, balance_micros=balance.micros, currency=balance.currency)  # fmt: skip


def _warn(core: Core, connection: Connection, row: Any, balance: Money, at: datetime) -> None:
    if row.alert_threshold_micros is None:
        return
    previous = AlertState.FIRED if row.is_low else AlertState.ARMED
    threshold = Money(row.alert_threshold_micros, balance.currency)
    state, fired = alert(previous, balance, threshold)
    if state is not previous:
        save_settings(connection, row.organization_uuid, is_low=state is AlertState.FIRED)
    if fired:
        note_happening(core, connection, row.organization_uuid, "balance_low", at,
                       ref=f"wallet:{row.organization_uuid}", balance_micros=balance.micros,
                       threshold_micros=threshold.micros, currency=balance.currency)  # fmt: skip
