"""What FakeService knows: the clock, the ids, the tables in memory, and who is calling. Use it through tests.fakes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.api.contract import Actor
from services.api.errors import (
    CardDeclined,
    InsufficientFunds,
    InvalidInput,
    KeyReused,
    NotFound,
    NotSignedIn,
    ServiceError,
    SessionExpired,
)
from services.api.money import Money
from services.api.types import (
    AddMethod,
    Cart,
    Category,
    Changed,
    ChatMessage,
    Corrected,
    Credit,
    Dispute,
    FunnelEvent,
    Offering,
    Order,
    Organization,
    Paid,
    PaymentMethod,
    PaymentState,
    Placed,
    Plan,
    QuickCheckout,
    Quote,
    Refunded,
    RequestQuote,
    Resource,
    SavedMethod,
    TimePoint,
    TransferReceived,
    Wallet,
)
from tests.fake_bill import Bill
from tests.fake_books import Books
from tests.samples import CATEGORIES, NOW, OFFERINGS, TEST_CARDS

DECLINES: dict[str, type[ServiceError]] = {"declined": CardDeclined, "insufficient_funds": InsufficientFunds}


@dataclass
class FakeClock:
    """Stands still until told otherwise."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def advance(self, **delta: float) -> datetime:
        """`clock.advance(days=3)`."""
        self.at += timedelta(**delta)
        return self.at


@dataclass
class FakeIds:
    """1, 2, 3 .. as ids and tokens."""

    count: int = 0

    def uuid(self) -> str:
        self.count += 1
        return f"{self.count:032x}"

    def token(self) -> str:
        return f"token-{self.uuid()}"


@dataclass
class Gate:
    """Holds the calls of one method until `open()`. `reached` is set when the first one has arrived."""

    waiting: int = 0
    is_open: bool = False
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    _event: asyncio.Event = field(default_factory=asyncio.Event)

    def open(self) -> None:
        self.is_open = True
        self._event.set()

    async def passed(self) -> None:
        self.waiting += 1
        self.reached.set()
        await self._event.wait()
        self.waiting -= 1


@dataclass
class User:
    uuid: str
    email: str
    password: str
    full_name: str
    organizations: tuple[Organization, ...] = ()
    failures: int = 0
    paused_until: datetime | None = None


@dataclass
class Attempt:
    """One use of an idempotency key."""

    content: object
    answer: Placed | ChatMessage | Paid | Wallet | Changed | Corrected | Refunded | TransferReceived | None = None
    error: ServiceError | None = None
    was_sent: bool = False
    payment: Paid | None = None
    subject: str = ""  # the uuid of what was opened


@dataclass
class Page:
    """A page of the provider's. `state`: open | paid | processing | failed | expired | closed; the service learns of it
    when it looks. `token` is what a debit under way was asked with."""

    url: str
    method: PaymentMethod
    expires_at: datetime
    saves: bool = True
    state: str = "open"
    brand: str = ""
    last4: str = ""
    outcome: str = "pays"  # of what is kept, the next time
    declines: int = 0
    token: str = ""


@dataclass
class Payment:
    """One payment that is no order's. `finish` does what was paid for and gives the uuid of its invoice."""

    owner: str
    token: str
    state: PaymentState
    amount: Money
    books: str
    finish: Callable[[], str] = field(repr=False)
    invoice_uuid: str = ""
    error: ServiceError | None = None


@dataclass
class Setup:
    """A way to pay that is being given on a page. `token` is set when it was."""

    owner: str
    request: AddMethod
    state: PaymentState = PaymentState.ACTION_REQUIRED
    token: str = ""
    error_code: str = ""


@dataclass(frozen=True)
class Arrival:
    """Money that support has marked as received; `part` of it was for the subject."""

    subject: str
    owner: str
    bank_reference: str
    part: Money
    told: TransferReceived


@dataclass(frozen=True)
class Call:
    """One answered call of a bought agent."""

    uuid: str
    at: datetime
    person: str
    key: str


@dataclass
class World:
    """What all FakeServices made from each other share."""

    clock: FakeClock = field(default_factory=FakeClock)
    ids: FakeIds = field(default_factory=FakeIds)
    offerings: tuple[Offering, ...] = OFFERINGS
    categories: tuple[Category, ...] = CATEGORIES
    auto_deploy: bool = True
    failing_steps: dict[str, str] = field(default_factory=dict)  # step -> code, for automatic deployment
    users: dict[str, User] = field(default_factory=dict)  # by e-mail
    sessions: dict[str, User] = field(default_factory=dict)
    carts: dict[str, Cart] = field(default_factory=dict)  # by owner
    samples: dict[tuple[str, str], list[ChatMessage]] = field(default_factory=dict)  # by owner, offering
    chats: dict[str, list[ChatMessage]] = field(default_factory=dict)  # by resource
    attempts: dict[tuple[str, str, str], Attempt] = field(default_factory=dict)
    orders: dict[str, tuple[str, Order]] = field(default_factory=dict)  # uuid -> owner, order
    requests: dict[str, QuickCheckout] = field(default_factory=dict)  # by order
    resources: dict[str, tuple[str, Resource]] = field(default_factory=dict)
    cards: dict[str, list[SavedMethod]] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=lambda: {card.token: card.outcome for card in TEST_CARDS})
    charges: list[Money] = field(default_factory=list)
    quotes: list[RequestQuote] = field(default_factory=list)
    offers: dict[str, tuple[str, Quote]] = field(default_factory=dict)  # uuid -> who asked, quote
    books: dict[str, Books] = field(default_factory=dict)  # by organization
    bills: dict[str, Bill] = field(default_factory=dict)  # by order
    payments: dict[str, Payment] = field(default_factory=dict)
    pages: dict[str, Page] = field(default_factory=dict)  # by order, payment or setup
    setups: dict[str, Setup] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    disputes: dict[str, tuple[str, Dispute]] = field(default_factory=dict)  # uuid -> owner, dispute
    frozen: dict[str, Credit] = field(default_factory=dict)  # by dispute
    events: set[str] = field(default_factory=set)  # ids of webhooks that were taken
    page_hosts: tuple[str, ...] = ()  # empty: pages are answered in our own window
    page_methods: tuple[PaymentMethod, ...] = ()  # what a page is opened for
    bank_account: tuple[tuple[str, str], ...] = ()  # empty: nothing is paid by transfer
    undo_seconds: int = 0
    is_test_mode: bool = True
    staff: set[str] = field(default_factory=set)  # e-mails
    search_cap: int = 1_000  # invoices that support can page through
    answers: dict[str, list[Call]] = field(default_factory=dict)  # resource -> calls, in time order
    is_time_available: bool = True
    real_time: datetime | None = None  # by the real clock, once time was moved
    points: dict[str, tuple[TimePoint, dict[str, object]]] = field(default_factory=dict)
    funnel: list[tuple[str, FunnelEvent]] = field(default_factory=list)
    failures: dict[str, list[ServiceError]] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)


class FakeBase:
    """The world and the caller; what every part of the fake begins with."""

    def __init__(self, world: World | None = None, actor: Actor | None = None) -> None:
        self.world = world or World()
        self._actor = actor or Actor(device="device-1")

    @property
    def calls(self) -> list[str]:
        """Names of the methods called on any service of this world, in order."""
        return self.world.calls

    @property
    def actor(self) -> Actor:
        return self._actor

    async def _enter(self, method: str) -> None:
        self.world.calls.append(method)
        gate = self.world.gates.get(method)
        if gate and not gate.is_open:
            await gate.passed()
        if self.world.failures.get(method):
            raise self.world.failures[method].pop(0)

    def _user(self) -> User:
        if not self._actor.session:
            raise NotSignedIn
        if self._actor.session not in self.world.sessions:
            raise SessionExpired
        return self.world.sessions[self._actor.session]

    @property
    def _owner(self) -> str:
        return self._user().uuid if self._actor.session else self._actor.device

    def _offering(self, uuid: str) -> Offering:
        for offering in self.world.offerings:
            if uuid in (offering.card.uuid, offering.card.slug):
                return offering
        raise NotFound

    def _plan(self, offering_uuid: str, plan_uuid: str) -> tuple[Offering, Plan]:
        """InvalidInput names what is unknown or does not belong together."""
        offering = next((one for one in self.world.offerings if one.card.uuid == offering_uuid), None)
        if offering is None:
            raise InvalidInput(fields={"offering_uuid": "unknown"})
        owner, plan = next(
            ((one, plan) for one in self.world.offerings for plan in one.plans if plan.uuid == plan_uuid), (None, None)
        )
        if plan is None:
            raise InvalidInput(fields={"plan_uuid": "unknown"})
        if owner is not offering:
            raise InvalidInput(fields={"plan_uuid": "not_of_offering"})
        return offering, plan

    def _need_owner(self) -> str:
        """The owner; InvalidInput for a caller without any identity."""
        if not self._owner:
            raise InvalidInput(fields={"device": "required"})
        return self._owner

    def _attempt(self, owner: str, purpose: str, key: str, content: object) -> Attempt:
        attempt = self.world.attempts.setdefault((owner, purpose, key), Attempt(content))
        if attempt.content != content:
            raise KeyReused
        return attempt

    def _keep(self, owner: str, resource: Resource) -> Resource:
        self.world.resources[resource.uuid] = (owner, resource)
        return resource

    def _own_order(self, uuid: str) -> Order:
        owner, order = self.world.orders.get(uuid, ("", None))
        if order is None or owner != self._user().uuid:
            raise NotFound
        return order
