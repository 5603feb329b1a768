"""The wallet area: credit bought, given, watched and sent back. Limits on spending are in `limits`."""

from __future__ import annotations

from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput, NotFound
from services.api.money import MICROS_MAX, Money
from services.api.types import (
    Document,
    MovementPage,
    MovementQuery,
    Organization,
    Paid,
    PaymentMethod,
    Rehearsal,
    SetAutoTopUp,
    TopUp,
    TopUpQuote,
    Wallet,
)
from services.db import money_models as mm
from services.db import portable
from services.domain import top_ups as rules
from services.domain.top_ups import AutoTopUp
from services.embedded import asking, placing, ways
from services.embedded.asking import Sent
from services.embedded.core import Area, Caller
from services.embedded.identity import organizations_of
from services.embedded.money import (
    alerts,
    codes,
    commands,
    credit_refunds,
    kept_methods,
    movements,
    outcomes,
    payments,
    rehearsals,
    taxes,
    top_ups,
    wallet_view,
)
from services.embedded.money.alerts import CURRENCY
from services.embedded.money.committing import NOTHING_CHARGED
from services.embedded.money.top_ups import TOP_UP, Purchase
from services.embedded.ways import Way

_GRANT = sa.select(*mm.GrantRow.__table__.c).where(mm.GrantRow.uuid == sa.bindparam("grant"))


class EmbeddedWallets(Area):
    async def get_wallet(self, organization_uuid: str = "") -> Wallet:
        return await self._core.db.read(lambda connection: self._wallet(connection, organization_uuid))

    def _wallet(self, connection: Connection, organization_uuid: str) -> Wallet:
        organization = self._organization(connection, self._caller(connection), organization_uuid)
        if organization is None:
            return wallet_view.nobodys()
        return wallet_view.wallet_of(connection, organization, self._now())

    def _organization(self, connection: Connection, caller: Caller, organization_uuid: str) -> Organization | None:
        """The one that is named, or the caller's first; None when there is none yet. NotFound for a stranger's."""
        own = organizations_of(connection, caller)
        if not organization_uuid:
            return own[0] if own else None
        found = next((one for one in own if one.uuid == organization_uuid), None)
        if found is None:
            raise NotFound(what="organization")
        return found

    def _provide(self, connection: Connection, caller: Caller, organization_uuid: str) -> Organization:
        """The same, made when there is none yet."""
        portable.one_at_a_time(connection, caller.owner)
        found = self._organization(connection, caller, organization_uuid)
        if found is not None:
            return found
        placing.some_organization(self._core, connection, caller, self._now())
        return organizations_of(connection, caller)[0]

    # ---- movements

    async def list_movements(self, query: MovementQuery) -> MovementPage:
        return await self._core.db.read(
            lambda connection: movements.page(connection, self._uuid(connection, query.organization_uuid), query)
        )

    async def export_movements(self, query: MovementQuery) -> Document:
        return await self._core.db.read(
            lambda connection: movements.statement(connection, self._uuid(connection, query.organization_uuid), query)
        )

    def _uuid(self, connection: Connection, organization_uuid: str) -> str:
        """Of the organization that is meant; "" finds nothing."""
        organization = self._organization(connection, self._caller(connection), organization_uuid)
        return "" if organization is None else organization.uuid

    # ---- top-ups

    async def quote_top_up(self, request: TopUp) -> TopUpQuote:
        return await self._core.db.read(lambda connection: self._quote(connection, request))

    def _quote(self, connection: Connection, request: TopUp) -> TopUpQuote:
        uuid = self._uuid(connection, request.organization_uuid)
        _refuse({"amount": _amount_problem(request.amount)})
        return top_ups.quote(uuid, request.amount, taxes.details_of(connection, uuid))

    async def top_up(self, request: TopUp, *, key: str) -> Paid:
        intent_uuid = await self._core.db.run(lambda connection: self._open_top_up(connection, request, key))
        return await outcomes.carry_out(self._core, intent_uuid)

    def _open_top_up(self, connection: Connection, request: TopUp, key: str) -> str:
        caller = self._caller(connection)
        self._organization(connection, caller, request.organization_uuid)
        known = commands.known(connection, caller, key, TOP_UP, request)
        if known is not None:
            return known
        way = self._way(connection, caller, request)
        problems = way.fields if isinstance(way, InvalidInput) else {}
        _refuse({"amount": _amount_problem(request.amount)} | problems)
        assert isinstance(way, Way)  # noqa: S101  anything else was refused
        uuid = self._provide(connection, caller, request.organization_uuid).uuid
        details = taxes.details_of(connection, uuid)
        now = self._now()
        sent = Sent(TOP_UP, caller.email, request.return_url, until=asking.page_until(now))
        wanted = Purchase(uuid, request.amount, details, way, sent)
        intent_uuid = top_ups.open_intent(self._core, connection, TOP_UP, wanted, now)
        commands.note(connection, caller, key, TOP_UP, request, intent_uuid, now)
        return intent_uuid

    def _way(self, connection: Connection, caller: Caller, request: TopUp) -> Way | InvalidInput:
        """How it is paid, or what is wrong with that."""
        try:
            if request.payment_token:
                return ways.of_caller(self._core, connection, caller.uuid, request.payment_token)
            if not placing.is_ours(self._core, request.return_url):
                return InvalidInput(fields={"return_url": "not_available"})
            if self._core.payments.for_method(request.payment_method) is None:
                is_card = request.payment_method is PaymentMethod.CARD
                problem = {"payment_token": "required"} if is_card else {"payment_method": "not_available"}
                return InvalidInput(fields=problem)
            return ways.page(self._core, request.payment_method)
        except InvalidInput as error:
            return error

    async def confirm_payment(self, uuid: str, *, approve: bool) -> Paid:
        await self._core.db.read(lambda connection: self._own_payment(connection, uuid))
        paid = await outcomes.confirm(self._core, uuid, approve=approve)
        self._core.wake.set()
        return paid

    async def refresh_payment(self, uuid: str) -> Paid:
        await self._core.db.read(lambda connection: self._own_payment(connection, uuid))
        paid = await outcomes.refresh(self._core, uuid)
        self._core.wake.set()
        return paid

    async def cancel_payment(self, uuid: str) -> Paid:
        await self._core.db.read(lambda connection: self._own_payment(connection, uuid))
        paid = await outcomes.give_up(self._core, uuid)
        self._core.wake.set()
        return paid

    def _own_payment(self, connection: Connection, uuid: str) -> None:
        self._caller(connection)
        self._authorize(connection, payments.intent(connection, uuid).organization_uuid)

    async def refund_credit(self, credit_uuid: str, *, key: str) -> Paid:
        intent_uuid = await self._core.db.run(lambda connection: self._open_refund(connection, credit_uuid, key))
        return await outcomes.carry_out(self._core, intent_uuid)

    def _open_refund(self, connection: Connection, credit_uuid: str, key: str) -> str:
        caller = self._caller(connection)
        grant = connection.execute(_GRANT, {"grant": credit_uuid}).one_or_none()
        if grant is None:
            raise NotFound(what="credit")
        self._authorize(connection, grant.organization_uuid)
        known = commands.known(connection, caller, key, "refund_credit", credit_uuid)
        if known is not None:
            return known
        intent_uuid = credit_refunds.open_refund(self._core, connection, grant, self._now())
        commands.note(connection, caller, key, "refund_credit", credit_uuid, intent_uuid, self._now())
        return intent_uuid

    # ---- codes

    async def redeem_code(self, code: str, *, key: str, organization_uuid: str = "") -> Wallet:
        return await self._change(partial(self._redeem, codes.tidy(code), key, organization_uuid))

    def _redeem(self, code: str, key: str, organization_uuid: str, connection: Connection) -> Wallet:
        caller = self._caller(connection)
        self._organization(connection, caller, organization_uuid)
        request = (code, organization_uuid)
        if commands.known(connection, caller, key, "redeem_code", request) is None:
            organization = self._provide(connection, caller, organization_uuid)
            grant_uuid = codes.redeem(self._core, connection, organization.uuid, code, self._now())
            commands.note(connection, caller, key, "redeem_code", request, grant_uuid, self._now())
        return self._wallet(connection, organization_uuid)

    # ---- alert and automatic top-up

    async def set_low_balance_alert(self, threshold: Money | None, organization_uuid: str = "") -> Wallet:
        return await self._change(partial(self._set_alert, threshold, organization_uuid))

    def _set_alert(self, threshold: Money | None, organization_uuid: str, connection: Connection) -> Wallet:
        caller = self._caller(connection)
        if threshold is not None:
            _refuse({"threshold": _threshold_problem(threshold)})
        uuid = self._provide(connection, caller, organization_uuid).uuid
        micros = None if threshold is None else threshold.micros
        alerts.save_settings(connection, uuid, alert_threshold_micros=micros, is_low=False)
        alerts.after_change(self._core, connection, uuid, self._now())
        return self._wallet(connection, uuid)

    async def rehearse_auto_top_up(self, request: SetAutoTopUp) -> Rehearsal:
        return await self._core.db.read(lambda connection: self._rehearse(connection, request))

    def _rehearse(self, connection: Connection, request: SetAutoTopUp) -> Rehearsal:
        uuid = self._uuid(connection, request.organization_uuid)
        settings = AutoTopUp(True, request.threshold, request.target, request.monthly_limit)
        _refuse(_settings_problems(settings))
        return rehearsals.rehearse(connection, uuid, settings, self._now())

    async def set_auto_top_up(self, request: SetAutoTopUp) -> Wallet:
        return await self._change(partial(self._set_auto, request))

    def _set_auto(self, request: SetAutoTopUp, connection: Connection) -> Wallet:
        caller = self._caller(connection)
        uuid = self._provide(connection, caller, request.organization_uuid).uuid
        settings = AutoTopUp(request.is_on, request.threshold, request.target, request.monthly_limit)
        token, problem = self._card_for_later(connection, caller, uuid, request)
        _refuse(_settings_problems(settings) | {"payment_token": problem})
        alerts.save_auto_top_up(connection, uuid, settings, token)
        alerts.after_change(self._core, connection, uuid, self._now())
        return self._wallet(connection, uuid)

    def _card_for_later(
        self, connection: Connection, caller: Caller, organization_uuid: str, request: SetAutoTopUp
    ) -> tuple[str, str]:
        """Our token of the card that may be charged without anybody being asked, and what is wrong with it."""
        if not request.payment_token:
            card = ways.of_organization(self._core, connection, organization_uuid)
            return ("", "required" if request.is_on else "") if card is None else (card.ours, "")
        try:
            way = ways.of_caller(self._core, connection, caller.uuid, request.payment_token)
        except InvalidInput as error:
            return "", error.fields["payment_token"] if request.is_on else ""
        return kept_methods.ours_of(self._core, connection, organization_uuid, way, NOTHING_CHARGED, self._now()), ""

    async def _change(self, work: partial[Wallet]) -> Wallet:
        """One transaction, after which what became due is done at once."""
        wallet = await self._core.db.run(work)
        self._core.wake.set()
        return wallet


def _refuse(problems: dict[str, str]) -> None:
    """InvalidInput with those fields that have a problem."""
    if found := {name: code for name, code in problems.items() if code}:
        raise InvalidInput(fields=found)


def _amount_problem(amount: Money) -> str:
    if amount.currency != CURRENCY:
        return "wrong_currency"
    return rules.amount_problem(amount) or ""


def _settings_problems(settings: AutoTopUp) -> dict[str, str]:
    found = rules.settings_problems(settings, CURRENCY)
    if settings.is_on and settings.monthly_limit is not None and settings.monthly_limit.micros > MICROS_MAX:
        found.setdefault("monthly_limit", "out_of_range")
    return found


def _threshold_problem(threshold: Money) -> str:
    if threshold.currency != CURRENCY:
        return "wrong_currency"
    return "" if 0 < threshold.micros <= MICROS_MAX else "out_of_range"
