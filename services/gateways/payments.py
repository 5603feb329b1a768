"""Taking money: the Protocol every provider obeys. Several stand side by side in `providers`.

The provider's own record is the truth: `find` reads it, so that a crash, a closed browser or a lost answer on our side
can always be settled without charging twice (TRUST, 0.2 and 0.3). No card number ever passes here, only tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.api.money import Money
from services.api.types import PaymentMethod, TestCard

SUCCEEDED = "succeeded"
AUTHORIZED = "authorized"  # the money is held, and ours when it is captured
PROCESSING = "processing"  # a bank debit or transfer under way: days may go by
ACTION_REQUIRED = "action_required"  # a hosted page waits for the buyer
FAILED = "failed"  # nothing was charged, and nothing will be
CANCELED = "canceled"  # given up or expired: nothing was charged, and nothing will be
REFUNDED = "refunded"  # all of it went back

# Decline codes of our own, beside those of the provider (services/domain/declines.py has their meaning).
EXPIRED = "expired"  # the page was left open too long
AUTHENTICATION_REQUIRED = "authentication_required"  # the bank wants to ask the buyer, who is not there


class ProviderUnreachable(Exception):
    """No answer: the charge may or may not have happened. Ask again with the same key, or `find` it."""


class KeyMismatch(Exception):
    """The same key was sent with another amount or card."""


class ProviderRefused(Exception):
    """The provider would not take the request itself; nothing was charged. `code` says why: key_invalid |
    currency_unsupported | amount_too_small | amount_too_large | method_unavailable | account_restricted |
    request_invalid."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class EventForged(Exception):
    """A webhook that the provider did not send, or not now."""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What may be shown of a card."""

    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True, slots=True)
class MethodFacts:
    """What may be shown of a way to pay that was used. `token` charges it again; "" when it cannot be."""

    method: PaymentMethod  # card | bank | paypal
    token: str = field(default="", repr=False)
    brand: str = ""  # "Visa", the bank's name, "PayPal"
    last4: str = ""
    exp_month: int = 0
    exp_year: int = 0
    email: str = ""  # of a PayPal account


@dataclass(frozen=True, slots=True)
class Customer:
    """Whose saved methods are kept together at a provider: one of our organizations."""

    organization_uuid: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """`token` is a saved method, "" asks for a hosted page. `amount` may be zero: the method is then only checked and
    kept. `reference` is our order or intent. `is_attended`: somebody is there to answer a bank, so that a confirmation
    becomes a page and not a refusal. `holds`: authorise now, `capture` later (cards and PayPal). `page_until`: when the
    page ends; given from outside, because what is sent again under a key must be the same."""

    amount: Money
    token: str = field(repr=False)
    reference: str = ""
    customer: str = ""
    method: PaymentMethod = PaymentMethod.CARD
    title: str = ""  # what is bought, on the page and the receipt
    email: str = ""
    return_url: str = ""  # where the page sends the browser; only ever a hint
    is_attended: bool = True
    holds: bool = False
    saves: bool = True
    page_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """What to look for: by `charge_id` when the provider has answered once, else by `key`. `request` is what was sent,
    and to whom; `sent_at` when. `takes`: what the buyer has approved is carried out; False for what was given up or
    replaced, where an approval that comes after must lapse."""

    key: str
    charge_id: str = ""
    request: ChargeRequest | None = None
    sent_at: datetime | None = None
    takes: bool = True


@dataclass(frozen=True, slots=True)
class Charge:
    """`state`: one of the constants above. `id` may change while a page becomes a payment; the last one is kept.
    `refunded` is what has gone back; `key` and `reference` are ours, as the provider kept them."""

    id: str
    state: str
    amount: Money
    decline_code: str = ""
    action_url: str = ""
    method: MethodFacts | None = None
    expires_at: datetime | None = None
    refunded: Money | None = None
    key: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """Something happened at the provider. `topic`: payment | refund | dispute | method | other. `subject` is the
    provider's id of it, `charge_id`, `key` and `reference` lead to our row as far as the event knows them. `payload` is
    what was received, whole."""

    id: str
    topic: str
    kind: str  # the provider's own name
    created_at: datetime
    subject: str
    charge_id: str = ""
    key: str = ""
    reference: str = ""
    payload: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class EventPage:
    """Oldest first. `cursor` goes on after the last one."""

    events: tuple[ProviderEvent, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class DisputeFacts:
    """`state`: open | won | lost. `answer_by`: until when evidence may be sent."""

    id: str
    charge_id: str
    amount: Money
    state: str
    reason: str
    answer_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `souk doctor payments`: what was looked at, whether it is well, and what is the matter."""

    what: str  # key | account | webhook | clock | network
    is_well: bool
    code: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)


class Payments(Protocol):
    @property
    def name(self) -> str:
        """What the provider is called in our books."""
        ...

    @property
    def is_test_mode(self) -> bool:
        """True when no real money moves."""
        ...

    @property
    def methods(self) -> tuple[PaymentMethod, ...]:
        """What its pages offer: some of card, bank, paypal."""
        ...

    @property
    def test_cards(self) -> tuple[TestCard, ...]:
        """The published test cards; empty outside test mode."""
        ...

    @property
    def page_hosts(self) -> tuple[str, ...]:
        """Where its hosted pages lie: "checkout.stripe.com", or "127.0.0.1:8742" of a test provider on loopback. No
        other page is ever opened. Empty: its pages are answered with `confirm`."""
        ...

    @property
    def has_customers(self) -> bool:
        """Whether saved methods are kept under a customer, so that `provide_customer` must be asked first."""
        ...

    def describe(self, token: str) -> CardFacts | None:
        """What may be shown of a published test card; None for any other token."""
        ...

    async def provide_customer(self, customer: Customer) -> str:
        """The provider's id of an organization, made once. "" where it has none. ProviderUnreachable."""
        ...

    async def charge(self, request: ChargeRequest, *, key: str) -> Charge:
        """Charges, or opens a page, once per key; a repeat returns what the first one brought. ProviderUnreachable,
        KeyMismatch, ProviderRefused."""
        ...

    async def find(self, lookup: Lookup) -> Charge | None:
        """What became of it, from the provider's own record; None when it never arrived. May carry out what the buyer
        has approved already (PayPal), unless the lookup only looks: then it is canceled. ProviderUnreachable."""
        ...

    async def confirm(self, charge_id: str, *, approve: bool) -> Charge:
        """The buyer's answer on a page that is shown in our own window. ProviderRefused where pages are hosted."""
        ...

    async def cancel(self, charge_id: str, *, key: str) -> Charge:
        """Closes a page, or what waits for the buyer's bank. What was paid or held meanwhile is not undone: the answer
        says so (a hold is let go by `refund`). ProviderUnreachable."""
        ...

    async def capture(self, charge_id: str, *, key: str) -> Charge:
        """Takes what is held, once. Failed or canceled: the hold is gone. ProviderUnreachable."""
        ...

    async def refund(self, charge_id: str, amount: Money, *, key: str, reason: str = "") -> Charge:
        """Gives money back once per key, never more than was charged; lets go of what is only held. `reason`:
        requested_by_customer | duplicate | fraudulent | "". Succeeded or processing: the provider will do it.
        ProviderUnreachable."""
        ...

    async def forget(self, token: str) -> None:
        """Removes a saved method; one that is gone already is well. ProviderUnreachable."""
        ...

    async def list_events(self, cursor: str, *, since: datetime) -> EventPage:
        """What happened after the cursor, or since an instant when it is "". ProviderUnreachable."""
        ...

    async def verify_event(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> ProviderEvent:
        """A webhook (header names in lower case) that the provider really sent within five minutes of `now`.
        EventForged, ProviderUnreachable."""
        ...

    async def get_dispute(self, dispute_id: str) -> DisputeFacts | None:
        """A dispute as it stands at the provider. ProviderUnreachable."""
        ...

    async def check(self, *, now: datetime) -> tuple[Finding, ...]:
        """Whether key, account, webhook and clock are as they must be. Never raises."""
        ...

    def close(self) -> None:
        """Lets go of files, threads and connections."""
        ...
