"""Fakes for tests: FakeClock, FakeIds, and FakeService, the whole service in memory.

FakeService obeys the contract by default (it passes the contract tests) and can be scripted:

    service = FakeService()                                # a guest on "device-1"
    service.fail("quick_checkout", CardDeclined())         # the next call fails so, once
    gate = service.hold("get_offering")                    # calls wait (gate.waiting counts them) until gate.open()
    service.calls                                          # names of the methods called, in order
    await service.sign_up("ada@example.com")               # the same service, signed in, in one line
    service.world.auto_deploy = False                      # bought agents stay ordered;
    service.advance(uuid), service.break_deployment(uuid)  # walk or fail their steps
    await samples_money.history(service)                   # three months of subscriptions, invoices and credit
    service.world.books[organization_uuid]                 # what is kept of its money
    service.world.is_time_available = False                # time cannot be moved
    service.pages.open(undo_seconds=60)                    # new ways to pay are given on pages (tests.fake_pages):
    service.pages.pay(uuid), .decline(uuid), .expire(uuid), .debit(uuid), .settle_debit(uuid, is_paid=False)
    service.world.staff.add("ada@example.com")             # support; service.dispute(uuid) and close_dispute
"""

from __future__ import annotations

from dataclasses import replace

from services.api.contract import Actor
from services.api.errors import (
    BadCredentials,
    EmailTaken,
    InvalidInput,
    ServiceError,
    TooManyTries,
)
from services.api.money import MICROS_MAX, Money
from services.api.types import (
    Account,
    AutoNames,
    Category,
    FunnelEvent,
    FunnelStep,
    Offering,
    OfferingPage,
    OfferingQuery,
    Register,
    Session,
    SignIn,
    SortOrder,
)
from services.domain import identity
from tests.fake_collections import FakeCollections
from tests.fake_world import FakeClock, FakeIds, Gate, User, World

__all__ = ["FakeClock", "FakeIds", "FakeService", "Gate", "World"]

PASSWORD = "correct horse"


class FakeService(FakeCollections):
    """The whole service for one actor, in memory."""

    def fail(self, method: str, error: ServiceError, *, times: int = 1) -> None:
        """The next `times` calls of `method` raise `error`."""
        self.world.failures.setdefault(method, []).extend([error] * times)

    def hold(self, method: str) -> Gate:
        """Calls of `method` wait from now on until the gate is opened."""
        return self.world.gates.setdefault(method, Gate())

    async def sign_up(self, email: str = "ada@example.com", password: str = PASSWORD) -> FakeService:
        """Registers and returns the signed-in service."""
        session = await self.register(Register(email, password))
        return self.for_actor(replace(self._actor, session=session.token))

    def for_actor(self, actor: Actor) -> FakeService:
        return FakeService(self.world, actor)

    async def list_offerings(self, query: OfferingQuery) -> OfferingPage:
        await self._enter("list_offerings")
        problems = {"page": query.page < 1, "page_size": not 1 <= query.page_size <= 300}
        for name in ("price_min", "price_max"):
            problems[name] = (bound := getattr(query, name)) is not None and abs(bound.micros) > MICROS_MAX
        if any(problems.values()):
            raise InvalidInput(fields={name: "out_of_range" for name, bad in problems.items() if bad})
        cards = [offering.card for offering in self.world.offerings if _matches(offering, query)]
        if query.order is SortOrder.NAME:
            cards.sort(key=lambda card: card.name.casefold())
        if query.order is SortOrder.RATING:
            cards.sort(key=lambda card: -card.rating)
        if query.order is SortOrder.PRICE_LOW:
            cards.sort(key=lambda card: card.from_price.micros)
        start = (query.page - 1) * query.page_size
        return OfferingPage(tuple(cards[start : start + query.page_size]), len(cards))

    async def list_categories(self) -> tuple[Category, ...]:
        await self._enter("list_categories")
        return self.world.categories

    async def get_offering(self, uuid: str) -> Offering:
        await self._enter("get_offering")
        return self._offering(uuid)

    async def register(self, request: Register) -> Session:
        await self._enter("register")
        if problems := identity.registration_problems(request):
            raise InvalidInput(fields=problems)
        email = identity.normalize_email(request.email)
        if email in self.world.users:
            raise EmailTaken(fields={"email": "already_used"})
        name = request.full_name or identity.name_from(email)
        self.world.users[email] = User(self.world.ids.uuid(), email, request.password, name)
        return self._start_session(self.world.users[email])

    async def sign_in(self, request: SignIn) -> Session:
        await self._enter("sign_in")
        user = self.world.users.get(identity.normalize_email(request.email))
        now = self.world.clock.now()
        if user and user.paused_until and now < user.paused_until:
            raise TooManyTries(seconds=int((user.paused_until - now).total_seconds()))
        if user is None or user.password != request.password:
            if user:
                user.failures += 1
                user.paused_until = now + identity.sign_in_pause(user.failures)
            raise BadCredentials
        user.failures, user.paused_until = 0, None
        return self._start_session(user)

    def _start_session(self, user: User) -> Session:
        token, device, world = self.world.ids.token(), self._actor.device, self.world
        world.sessions[token] = user
        if device and device in world.carts:
            world.carts[user.uuid] = world.carts.pop(device)
        for owner, offering_uuid in [key for key in world.samples if device and key[0] == device]:
            turns = world.samples.pop((owner, offering_uuid))
            world.samples.setdefault((user.uuid, offering_uuid), []).extend(turns)
        world.funnel = [(user.uuid if device and owner == device else owner, event) for owner, event in world.funnel]
        return Session(token, user.uuid, world.clock.now() + identity.SESSION_LIFETIME)

    async def sign_out(self) -> None:
        await self._enter("sign_out")
        self.world.sessions.pop(self._actor.session, None)

    async def get_account(self) -> Account:
        await self._enter("get_account")
        user = self._user()
        books, now = self._books(), self.world.clock.now()
        if books is None:
            is_staff = user.email in self.world.staff
            return Account(user.uuid, user.email, user.full_name, (), Money.zero(), is_staff=is_staff)
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        spent = sum((amount for at, amount in books.paid if at >= month), Money.zero())
        wallet = self._wallet(books)
        is_staff = user.email in self.world.staff
        return Account(
            user.uuid, user.email, user.full_name, user.organizations, spent, wallet.balance, wallet.is_low, is_staff
        )  # fmt: skip

    async def suggest_names(self, typed: str) -> AutoNames:
        await self._enter("suggest_names")
        return identity.auto_names(typed)

    async def record(self, step: FunnelStep, offering_uuid: str) -> None:
        await self._enter("record")
        self.world.funnel.append((self._owner, FunnelEvent(step, offering_uuid, self.world.clock.now())))

    async def list_funnel(self) -> tuple[FunnelEvent, ...]:
        await self._enter("list_funnel")
        return tuple(event for owner, event in self.world.funnel if owner == self._owner)


def _matches(offering: Offering, query: OfferingQuery) -> bool:
    card = offering.card
    text = " ".join((card.name, card.tagline, *card.tags)).casefold()
    return (
        all(word in text for word in query.text.casefold().split())
        and query.category in ("", card.category_slug)
        and query.kind in ("", card.kind.value)
        and query.vendor in ("", offering.vendor.slug, offering.vendor.uuid)
        and (not query.tag or query.tag in card.tags)
        and (not query.billing_model or query.billing_model in card.billing_models)
        and (query.price_min is None or not card.from_price < query.price_min)
        and (query.price_max is None or not query.price_max < card.from_price)
    )
