"""An order's way from the buyer's yes to a payment or a hold, read and carried out at PayPal.

PayPal takes nothing by itself: what was agreed to on its page is carried out here, once, by the Request-Id that our key
and the order give. That is also why a page can be given up although PayPal has no call for it: who looks at it
afterwards takes nothing (`Lookup.takes`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.api.clock import Clock
from services.api.money import Money
from services.gateways import paypal_shapes as shapes
from services.gateways.payments import (
    ACTION_REQUIRED,
    AUTHENTICATION_REQUIRED,
    CANCELED,
    EXPIRED,
    FAILED,
    SUCCEEDED,
    Charge,
    ChargeRequest,
    KeyMismatch,
    Lookup,
    ProviderRefused,
    ProviderUnreachable,
)
from services.gateways.paypal_client import Answer, PayPalClient, expect, under
from services.gateways.paypal_events import EVENT_LIFE, read_events
from services.gateways.paypal_json import Json, first, link, parts, text

ORDERS = "/v2/checkout/orders"
HOLDS = "/v2/payments/authorizations"
CAPTURES = "/v2/payments/captures"
SETUPS = "/v3/vault/setup-tokens"
TOKENS = "/v3/vault/payment-tokens"

REQUEST_ID_LIFE = timedelta(hours=5)  # orders keep theirs for six
BEFORE_SENT = timedelta(minutes=5)
DONE_ALREADY = frozenset(
    {"ORDER_ALREADY_AUTHORIZED", "ORDER_ALREADY_CAPTURED", "ORDER_ALREADY_COMPLETED", "ORDER_COMPLETED_OR_VOIDED"}
)
NOT_AGREED = frozenset({"ORDER_NOT_APPROVED", "PAYER_ACTION_REQUIRED"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What our side knows of a charge while PayPal is asked: for what its answers leave out."""

    key: str = ""
    request: ChargeRequest | None = field(default=None, repr=False)
    takes: bool = True  # what is agreed to is carried out

    @property
    def amount(self) -> Money:
        return self.request.amount if self.request else Money.zero()

    @property
    def token(self) -> str:
        return self.request.token if self.request else ""

    @property
    def page_until(self) -> datetime | None:
        return self.request.page_until if self.request else None

    @property
    def is_attended(self) -> bool:
        return self.request is None or self.request.is_attended

    def over(self, charge_id: str, code: str = EXPIRED) -> Charge:
        """Nothing was charged, and nothing will be."""
        reference = self.request.reference if self.request else ""
        return Charge(charge_id, CANCELED, self.amount, code, key=self.key, reference=reference)

    def refused(self, code: str, *, charge_id: str = "") -> Charge:
        """No, for good. Where PayPal kept nothing, the id says what there is to know."""
        reference = self.request.reference if self.request else ""
        own_id = charge_id or f"{shapes.REFUSED}:{code}:{self.key}"
        return Charge(own_id, FAILED, self.amount, code, key=self.key, reference=reference)


class PayPalOrders:
    def __init__(self, client: PayPalClient, clock: Clock, *, default_return_url: str, keeps_events: bool) -> None:
        self._client = client
        self._clock = clock
        self._default_return_url = default_return_url
        self._keeps_events = keeps_events

    # ------------------------------------------------------------ opening

    async def charge(self, request: ChargeRequest, key: str) -> Charge:
        """See Payments.charge."""
        if not request.amount.is_zero:
            return await self.open(request, key)
        return await (self.check_token(Asked(key, request)) if request.token else self.open_setup(request, key))

    async def open(self, request: ChargeRequest, key: str) -> Charge:
        """Sends an order under our key. ProviderUnreachable, KeyMismatch, ProviderRefused."""
        asked = Asked(key, request)
        body = shapes.order_body(request, key, self._default_return_url)
        answer = await self._client.post(ORDERS, body, request_id=shapes.request_id(key))
        if not answer.is_well:
            return await self._not_taken(answer, asked)
        amount = shapes.amount_of(answer.body)
        if amount is not None and amount != request.amount:
            raise KeyMismatch(key)
        return await self.settle(answer.body, asked)

    async def open_setup(self, request: ChargeRequest, key: str) -> Charge:
        """Sends for a page that keeps the account and charges nothing. Errors as `open`."""
        asked = Asked(key, request)
        body = shapes.setup_body(request, self._default_return_url)
        answer = await self._client.post(SETUPS, body, request_id=shapes.request_id(key))
        return await self.settle_setup(answer.body, asked) if answer.is_well else await self._not_taken(answer, asked)

    # ------------------------------------------------------------ finding

    async def find(self, lookup: Lookup) -> Charge | None:
        """See Payments.find. ProviderRefused when the key is no longer good."""
        asked = Asked(lookup.key, lookup.request, lookup.takes)
        kind, provider_id = shapes.split(lookup.charge_id)
        if kind == shapes.ORDER:
            return await self.find_order(provider_id, asked, sent_at=lookup.sent_at)
        if kind == shapes.HOLD:
            return await self.find_hold(provider_id, asked)
        if kind == shapes.CAPTURE:
            return await self.find_capture(provider_id, asked)
        if kind == shapes.SETUP:
            return await self.find_setup(provider_id, asked)
        if kind == shapes.TOKEN:
            return await self.check_token(asked)
        if kind == shapes.REFUSED:
            return asked.refused(provider_id.partition(":")[0], charge_id=lookup.charge_id)
        if not lookup.takes:  # to send it again might charge
            return await self._find_in_events(lookup.key, lookup.sent_at, asked)
        return await self._find_by_key(lookup, asked)

    async def _find_by_key(self, lookup: Lookup, asked: Asked) -> Charge | None:
        """While PayPal remembers the Request-Id, what was sent is sent again, which brings the same order and charges
        nobody twice. Afterwards a page that nobody was shown can be left alone, but a saved account may have been
        charged: that stands in PayPal's events, when it keeps them for us. If not, nobody can tell."""
        request, now = lookup.request, self._clock.now()
        is_young = lookup.sent_at is not None and now - lookup.sent_at < REQUEST_ID_LIFE
        if request is not None and is_young:
            try:
                charge = await self.charge(request, lookup.key)
            except ProviderRefused as refusal:
                if refusal.code in ("key_invalid", "account_restricted"):
                    raise
                return asked.refused(refusal.code)
            kind, provider_id = shapes.split(charge.id)
            # the answer to a Request-Id may be the first one, of long ago
            is_old = kind == shapes.ORDER and charge.state == ACTION_REQUIRED
            return await self.find_order(provider_id, asked, sent_at=lookup.sent_at) if is_old else charge
        found = await self._find_in_events(lookup.key, lookup.sent_at, asked)
        if found is None and request is not None and request.token and not self._keeps_events:
            raise ProviderUnreachable
        return found

    async def find_order(self, order_id: str, asked: Asked, *, sent_at: datetime | None = None) -> Charge:
        """An order as it stands, carried out when it is agreed to. PayPal drops one that nobody agreed to."""
        answer = await self._client.get(under(ORDERS, order_id))
        if answer.is_missing:
            if sent_at is not None and self._clock.now() - sent_at < shapes.PAGE_LIFE:
                raise ProviderUnreachable  # too early to be dropped: what was written is not everywhere yet
            return asked.over(shapes.prefixed(shapes.ORDER, order_id))
        return await self.settle(expect(answer), asked)

    async def find_hold(self, hold_id: str, asked: Asked) -> Charge:
        """A hold, or the payment that it became."""
        answer = await self._client.get(under(HOLDS, hold_id))
        if answer.is_missing:
            return asked.over(shapes.prefixed(shapes.HOLD, hold_id), "")
        hold = expect(answer)
        order = await self._order_behind(hold)
        if text(hold, "status") in ("CAPTURED", "PARTIALLY_CAPTURED") and order:
            charge = shapes.read_order(order, asked.amount, token=asked.token)
            if charge is not None:
                return charge
        return shapes.read_hold(hold, asked.amount, order=order, token=asked.token)

    async def find_capture(self, capture_id: str, asked: Asked) -> Charge | None:
        answer = await self._client.get(under(CAPTURES, capture_id))
        if answer.is_missing:
            return None
        capture = expect(answer)
        order = await self._order_behind(capture)
        return shapes.read_capture(capture, asked.amount, order=order, token=asked.token)

    async def find_refund(self, capture_id: str, key: str) -> str:
        """The status of the refund with our key as its invoice number; "" when there is none."""
        capture = expect(await self._client.get(under(CAPTURES, capture_id)))
        refunds = parts(shapes.unit_of(await self._order_behind(capture)), "payments", "refunds")
        ours = (text(one, "status") for one in refunds if text(one, "invoice_id") == shapes.request_id(key))
        return next(ours, "")

    async def _order_behind(self, payment: Json) -> Json:
        order_id = text(payment, "supplementary_data", "related_ids", "order_id")
        if not order_id:
            return {}
        answer = await self._client.get(under(ORDERS, order_id))
        return answer.body if answer.is_well else {}

    async def _find_in_events(self, key: str, sent_at: datetime | None, asked: Asked) -> Charge | None:
        """A payment or hold with our key as its invoice number, within the thirty days that PayPal tells of."""
        wanted = shapes.request_id(key)
        now = self._clock.now()
        since = max(now - EVENT_LIFE, sent_at - BEFORE_SENT if sent_at else now - EVENT_LIFE)
        for told in await read_events(self._client, since, now):
            if told.key == wanted and told.charge_id:
                kind, provider_id = shapes.split(told.charge_id)
                if kind == shapes.CAPTURE:
                    return await self.find_capture(provider_id, asked)
                if kind == shapes.HOLD:
                    return await self.find_hold(provider_id, asked)
        return None

    # ------------------------------------------------------------ carrying out

    async def settle(self, order: Json, asked: Asked) -> Charge:
        """What the order has come to; takes what is agreed to. What nobody takes lapses by itself."""
        charge = shapes.read_order(order, asked.amount, token=asked.token, page_until=asked.page_until)
        if charge is not None and charge.state != ACTION_REQUIRED:
            return charge
        own_id = shapes.prefixed(shapes.ORDER, text(order, "id"))
        if shapes.is_late(order, asked.page_until, self._clock.now()):
            return asked.over(own_id)
        if charge is None and not asked.takes:
            return asked.over(own_id, "")
        if charge is None:
            return await self._carry_out(order, asked)
        if asked.token and not asked.is_attended:
            return asked.refused(AUTHENTICATION_REQUIRED, charge_id=charge.id)
        return charge

    async def _carry_out(self, order: Json, asked: Asked) -> Charge:
        order_id, key = text(order, "id"), shapes.key_of(order) or shapes.request_id(asked.key)
        step = "authorize" if text(order, "intent") == "AUTHORIZE" else "capture"
        answer = await self._client.post(under(ORDERS, order_id, step), {}, request_id=f"{key}:{step}")
        own_id, issue = shapes.prefixed(shapes.ORDER, order_id), answer.issue
        if issue in shapes.DECLINES:
            return asked.refused(issue, charge_id=own_id)
        if answer.is_missing or issue == "ORDER_EXPIRED":
            return asked.over(own_id)
        if issue == "DUPLICATE_INVOICE_ID":
            return await self._charged_elsewhere(asked)
        after = answer.body
        if not answer.is_well:
            if issue not in DONE_ALREADY | NOT_AGREED | shapes.REUSED:
                raise ProviderUnreachable
            after = expect(await self._client.get(under(ORDERS, order_id)))
        charge = shapes.read_order(after, asked.amount, token=asked.token, page_until=asked.page_until)
        if charge is None:
            raise ProviderUnreachable  # agreed to and not taken: it is said more clearly next time
        # the answer to a capture may leave out what the order says
        return replace(
            charge, key=charge.key or key, reference=charge.reference or text(shapes.unit_of(order), "custom_id")
        )

    async def _not_taken(self, answer: Answer, asked: Asked) -> Charge:
        """An order that was not made."""
        issue = answer.issue
        if issue in shapes.REUSED:
            raise KeyMismatch(asked.key)
        if issue == "DUPLICATE_INVOICE_ID":
            return await self._charged_elsewhere(asked)
        if issue == "PAYER_ACTION_REQUIRED":
            url = link(answer.body, "payer-action", "approve")
            if asked.is_attended and url and text(answer.body, "id"):
                return Charge(
                    shapes.prefixed(shapes.ORDER, text(answer.body, "id")),
                    ACTION_REQUIRED,
                    asked.amount,
                    action_url=url,
                )
            return asked.refused(AUTHENTICATION_REQUIRED)
        if issue in shapes.DECLINES or (answer.is_missing and asked.token):
            return asked.refused(issue)
        raise ProviderRefused(shapes.refusal_code(issue))

    async def _charged_elsewhere(self, asked: Asked) -> Charge:
        """PayPal knows a payment with our key as its invoice number: that one it is."""
        found = await self._find_in_events(asked.key, None, asked)
        if found is None:
            raise ProviderUnreachable
        return found

    # ------------------------------------------------------------ accounts that are kept

    async def find_setup(self, setup_id: str, asked: Asked) -> Charge:
        answer = await self._client.get(under(SETUPS, setup_id))
        if answer.is_missing:
            return asked.over(shapes.prefixed(shapes.SETUP, setup_id))
        return await self.settle_setup(expect(answer), asked)

    async def settle_setup(self, setup: Json, asked: Asked) -> Charge:
        """Keeps the account when its owner has agreed."""
        own_id, status = shapes.prefixed(shapes.SETUP, text(setup, "id")), text(setup, "status")
        reference = asked.request.reference if asked.request else ""
        if status == "APPROVED" and not asked.takes:
            return asked.over(own_id, "")
        if status in ("APPROVED", "VAULTED", "TOKENIZED"):
            saved = await self._keep(setup)
            method = shapes.facts(saved, text(saved, "id"))
            return Charge(own_id, SUCCEEDED, asked.amount, method=method, key=asked.key, reference=reference)
        if asked.page_until is not None and self._clock.now() >= asked.page_until:
            return asked.over(own_id)
        url = link(setup, "approve", "payer-action")
        return Charge(
            own_id, ACTION_REQUIRED, asked.amount, "", url, expires_at=asked.page_until, key=asked.key,
            reference=reference,
        )  # fmt: skip

    async def _keep(self, setup: Json) -> Json:
        setup_id, customer = text(setup, "id"), text(setup, "customer", "id")
        body = {"payment_source": {"token": {"id": setup_id, "type": "SETUP_TOKEN"}}}
        answer = await self._client.post(TOKENS, body, request_id=f"setup-{setup_id}:token")
        if answer.is_well:
            return answer.body
        if not customer:
            raise ProviderUnreachable
        # kept already, and the Request-Id is forgotten: the customer was made for this page alone
        return first(parts(expect(await self._client.get(TOKENS, {"customer_id": customer})), "payment_tokens"))

    async def check_token(self, asked: Asked) -> Charge:
        """Whether a saved account can still be charged; it is not."""
        own_id = shapes.prefixed(shapes.TOKEN, asked.token)
        answer = await self._client.get(under(TOKENS, asked.token))
        if answer.is_missing:
            return asked.refused("TOKEN_ID_NOT_FOUND", charge_id=own_id)
        method = shapes.facts(expect(answer), asked.token)
        reference = asked.request.reference if asked.request else ""
        return Charge(own_id, SUCCEEDED, asked.amount, method=method, key=asked.key, reference=reference)
