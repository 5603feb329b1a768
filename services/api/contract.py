"""The service, split into small Protocols by area. Both implementations obey these and run the same contract tests.

A `Service` is bound to one actor: a guest known by a device token, or a signed-in user known by a session token.
Every method may raise a `services.api.errors.ServiceError`; the ones that matter to a caller are named.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol

from services.api.money_contract import Invoices, Prices, Quotes, Subscriptions, Timelines, Wallets
from services.api.payment_contract import Collections, PaymentMethods, Webhooks
from services.api.types import (
    Account,
    AnswerPart,
    AutoNames,
    Cart,
    Category,
    ConfigureResource,
    FunnelEvent,
    FunnelStep,
    Offering,
    OfferingPage,
    OfferingQuery,
    Order,
    OrderSummary,
    PaymentOptions,
    PayOrder,
    Placed,
    QuickCheckout,
    QuoteRequested,
    Register,
    RequestQuote,
    Resource,
    SavedMethod,
    Session,
    SignIn,
    Transcript,
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is calling: `device` is the guest's token (may be empty for API users), `session` the signed-in user's."""

    device: str = field(default="", repr=False)
    session: str = field(default="", repr=False)


class Catalogue(Protocol):
    async def list_offerings(self, query: OfferingQuery) -> OfferingPage:
        """Search, filter and sort; never fails on odd text. InvalidInput for pages and prices out of range."""
        ...

    async def list_categories(self) -> tuple[Category, ...]:
        """All categories with their offering counts, in shelf order."""
        ...

    async def get_offering(self, uuid: str) -> Offering:
        """One offering with its plans, by uuid or slug. NotFound."""
        ...


class Identity(Protocol):
    async def register(self, request: Register) -> Session:
        """A new account, signed in; the guest's cart and sample chats move to it. InvalidInput, EmailTaken."""
        ...

    async def sign_in(self, request: SignIn) -> Session:
        """A new session; the guest's cart moves, newest wins. BadCredentials, TooManyTries."""
        ...

    async def sign_out(self) -> None:
        """Ends this session; the data stays."""
        ...

    async def get_account(self) -> Account:
        """The signed-in user. NotSignedIn, SessionExpired."""
        ...

    async def suggest_names(self, typed: str) -> AutoNames:
        """The names first purchase would use for a typed name or e-mail."""
        ...


class Carts(Protocol):
    async def get_cart(self) -> Cart:
        """This actor's cart, empty when there is none."""
        ...

    async def save_cart(self, cart: Cart) -> Cart:
        """Replaces the cart. NotFound when the offering or plan does not exist."""
        ...

    async def clear_cart(self) -> None:
        """Empties the cart."""
        ...


class Checkout(Protocol):
    async def summarize(self, request: QuickCheckout) -> OrderSummary:
        """The arithmetic of this order, without placing it. InvalidInput(offering_uuid, plan_uuid)."""
        ...

    async def get_payment_options(self) -> PaymentOptions:
        """Methods, saved cards and, in test mode, the published test cards."""
        ...

    async def save_card(self, token: str) -> SavedMethod:
        """Keeps a card (by provider token) for the account's organization. NotSignedIn, InvalidInput(payment_token)."""
        ...

    async def quick_checkout(self, request: QuickCheckout, *, key: str) -> Placed:
        """Places and pays one order. The same key gives the same answer; InvalidInput, PaymentFailed, KeyReused,
        PaymentUnknown (ask again with the same key)."""
        ...

    async def confirm_order(self, uuid: str, *, approve: bool) -> Placed:
        """The buyer's answer on a page shown in our own window (no `page_hosts`). ConfirmationDeclined, WrongState."""
        ...

    async def refresh_order(self, uuid: str) -> Placed:
        """Asks the provider now ("I have paid"). With `action` while the page is open, without it when paid;
        PaymentFailed (PaymentExpired, CardDeclined, ...) when it came to nothing, PaymentUnknown. NotFound."""
        ...

    async def cancel_order(self, uuid: str) -> Order:
        """Gives up an order that is not paid (its page is closed), or takes back a paid one until `undo_until`: nothing
        is charged and its agents are gone. Paid in the same instant: the order as it is then. WrongState."""
        ...

    async def pay_order(self, uuid: str, request: PayOrder, *, key: str) -> Placed:
        """Goes on with an order that is not paid: its page again, or another way to pay. There is one order and one
        charge, whatever was open before. WrongState, and as `quick_checkout`."""
        ...

    async def get_order(self, uuid: str) -> Order:
        """One order of this account. NotFound."""
        ...

    async def list_orders(self) -> tuple[Order, ...]:
        """This account's orders, newest first."""
        ...

    async def request_quote(self, request: RequestQuote) -> QuoteRequested:
        """Asks sales for an Enterprise price. InvalidInput."""
        ...


class Agents(Protocol):
    async def list_resources(self) -> tuple[Resource, ...]:
        """What this account's organizations have bought, newest first."""
        ...

    async def get_resource(self, uuid: str) -> Resource:
        """One bought agent with its deployment steps and usage. NotFound."""
        ...

    async def configure_resource(self, uuid: str, request: ConfigureResource) -> Resource:
        """Renames the agent or changes its greeting. InvalidInput."""
        ...

    async def retry_deployment(self, uuid: str) -> Resource:
        """Starts a failed deployment again. WrongState."""
        ...

    async def refund_failed(self, uuid: str) -> Order:
        """Gives the money for a failed deployment back and retires the resource. WrongState."""
        ...


class Chat(Protocol):
    async def get_transcript(self, resource_uuid: str) -> Transcript:
        """What was said with a bought agent, sample turns first."""
        ...

    def ask(self, resource_uuid: str, text: str, *, key: str) -> AsyncIterator[AnswerPart]:
        """Asks a bought agent; streams. Counts one call per key. NotFound, WrongState, LimitReached, InvalidInput,
        KeyReused (another question under a used key), RequestInProgress."""
        ...

    async def get_sample_transcript(self, offering_uuid: str) -> Transcript:
        """What this actor said with an offering before buying it."""
        ...

    def ask_sample(self, offering_uuid: str, text: str, *, key: str) -> AsyncIterator[AnswerPart]:
        """Asks an offering before buying: free, limited in turns, carried into the bought agent. LimitReached,
        KeyReused."""
        ...


class Funnel(Protocol):
    async def record(self, step: FunnelStep, offering_uuid: str) -> None:
        """Notes that this actor reached a step; kept locally."""
        ...

    async def list_funnel(self) -> tuple[FunnelEvent, ...]:
        """This actor's steps, oldest first."""
        ...


class Service(
    Catalogue,
    Identity,
    Carts,
    Checkout,
    Agents,
    Chat,
    Funnel,
    Wallets,
    Subscriptions,
    Invoices,
    Prices,
    Quotes,
    Timelines,
    PaymentMethods,
    Collections,
    Webhooks,
    Protocol,
):
    """The whole service for one actor."""

    @property
    def actor(self) -> Actor:
        """Who this service acts for."""
        ...

    def for_actor(self, actor: Actor) -> Service:
        """The same service for somebody else."""
        ...
