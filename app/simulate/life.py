"""One seeded life: a workspace with a few organizations, what they wish for, and how much time goes by between."""

from __future__ import annotations

import random
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.clock import SeededIds
from app.simulate import evidence, invariants
from app.simulate.shaky import Fate, Killed, ShakyAgents, ShakyProvider
from services.api.contract import Actor, Service
from services.api.errors import PaymentUnknown, ServiceError
from services.api.money import Money
from services.db import models as m
from services.db.session import Database, ServerDatabase
from services.embedded.core import Core, hashed
from services.embedded.service import EmbeddedService
from services.gateways.providers import Providers

START = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)  # a month's end, late in the day: the hardest anchor
LEDGER_KEY = b"the key of simulated books only"
PEOPLE = 3
UNDO = timedelta(seconds=60)
# Small allowances, so that a few calls reach what is charged.
ALLOWANCES = {"free": 3, "starter": 6, "pro": 15}
CALM_PASSES = 4


class SteppedClock:
    """Stands still until it is told to go on; may be set back a little, as real ones are."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by


@dataclass(slots=True)
class Person:
    """Somebody with an account; `keys` numbers their commands."""

    uuid: str
    email: str
    token: str
    keys: int = 0

    def key(self) -> str:
        """A new idempotency key."""
        self.keys += 1
        return f"{self.uuid}-{self.keys}"


@dataclass(frozen=True, slots=True)
class Lived:
    """How a life ended. `broken` says what does not hold; empty for a good one."""

    seed: int
    actions: int
    refused: int
    kills: int
    broken: tuple[str, ...]


class Life:
    """The services of one workspace, rebuilt whenever their process dies, and who uses them."""

    def __init__(self, seed: int, folder: Path, template: Path, server: str = "") -> None:
        self.seed = seed
        self.chance = random.Random(seed)  # noqa: S311  a life must be the same for the same seed
        self.clock = SteppedClock(START)
        self.fate = Fate(self.chance)
        self.kills = 0
        self.log: list[str] = []
        self.surprises: list[str] = []  # what people were told, and what came of it
        self._folder, self._server = folder, server
        self._builds = 0
        if not server:
            shutil.copyfile(template, folder / "souk.db")
        self._open()
        self.people: list[Person] = []
        self.at_the_end: Callable[[Life], Awaitable[None]] = _nothing  # what others bring to an end before it is calm

    def _open(self) -> None:
        self._builds += 1
        self.provider = ShakyProvider(self._folder / "provider.db", self.fate)
        self.core = Core(
            db=ServerDatabase(self._server, connections=2) if self._server else Database(self._folder / "souk.db"),
            clock=self.clock,
            ids=SeededIds(self.seed * 1000 + self._builds),
            payments=Providers(self.provider),
            agents=ShakyAgents(self.fate),
            ledger_key=LEDGER_KEY,
            undo_window=UNDO,
            bank_account=(("holder", "Souk"), ("iban", "DE89370400440532013000")),
        )
        self.service = EmbeddedService(self.core)

    async def begin(self) -> None:
        """A small price list, and a few people with accounts."""
        await self.service.start()
        await self.core.db.run(self._prepare)

    def _prepare(self, connection: Connection) -> None:
        for slug, included in ALLOWANCES.items():
            connection.execute(sa.update(m.PlanRow).where(m.PlanRow.slug == slug).values(included_calls=included))
        for number in range(PEOPLE):
            person = Person(self.core.ids.uuid(), f"person{number}@example.com", self.core.ids.token())
            connection.execute(
                sa.insert(m.User),
                {"uuid": person.uuid, "email": person.email, "full_name": f"Person {number}", "password_hash": "",
                 "failed_sign_ins": 0, "paused_until": None, "created_at": START, "is_staff": False},
            )  # fmt: skip
            connection.execute(
                sa.insert(m.SessionRow),
                {"token_hash": hashed(person.token), "user_uuid": person.uuid, "created_at": START,
                 "expires_at": START + timedelta(days=36500), "revoked_at": None},
            )  # fmt: skip
            self.people.append(person)

    def as_person(self, person: Person) -> Service:
        """The service as they see it."""
        return self.service.for_actor(Actor(session=person.token))

    def note(self, text: str) -> None:
        """One line of the story, for a failing seed."""
        self.log.append(f"{self.clock.now():%Y-%m-%d %H:%M} {text}")

    # ---- what may go wrong

    async def try_it(self, what: str, work: Callable[[], Awaitable[object]]) -> bool:
        """Does a wish; true when it was not refused. A lost answer is asked for again, a dead process restarted."""
        for _ in range(3):
            try:
                await work()
            except PaymentUnknown:
                continue
            except ServiceError as error:
                self.note(f"{what}: {error}")
                return False
            except Killed:
                self.note(f"{what}: killed")
                await self.restart()
                continue
            self.note(what)
            return True
        return False

    async def restart(self) -> None:
        """The process is dead; another one opens the same files a little later."""
        self.kills += 1
        self.service.close()
        self.clock.advance(timedelta(seconds=self.chance.randrange(1, 120)))
        self._open()
        for _ in range(5):
            try:
                await self.service.start()
                return
            except Killed:
                self.service.close()
                self._open()

    # ---- time

    async def pass_time(self, by: timedelta) -> None:
        """Time goes by in steps of any size, and all that falls due is done."""
        steps = self.chance.choice([1, 1, 2, 5])
        for _ in range(steps):
            self.clock.advance(by / steps)
            await self.work()
        self.note(f"{by.days} days on")

    async def work(self) -> None:
        """What a worker does."""
        for _ in range(8):
            try:
                await self.service.run_due_jobs()
                return
            except Killed:
                await self.restart()

    # ---- the end

    async def calm_down(self) -> None:
        """Nothing goes wrong any more, and everything that was begun is finished."""
        self.fate.is_calm = True
        for _ in range(CALM_PASSES):
            self.clock.advance(timedelta(hours=9))
            await self.at_the_end(self)
            await self.work()

    async def look(self) -> list[str]:
        """What does not hold, in words."""
        for _ in range(2):  # what time brought since it was calm
            await self.at_the_end(self)
            self.clock.advance(timedelta(minutes=16))
            await self.work()
        await self.at_the_end(self)  # what the last of it had begun, while time stands still
        await self.work()
        charges, now, disputed = self.provider.record(), self.clock.now(), self.provider.disputed()
        return self.surprises + await self.core.db.read(partial(_look, charges=charges, now=now, disputed=disputed))


async def _nothing(_life: Life) -> None:
    pass


def _look(connection: Connection, charges: dict[str, tuple[int, int]], now: datetime, disputed: int) -> list[str]:
    return invariants.broken(evidence.Life(connection, LEDGER_KEY, charges, now, disputed))


def dollars(chance: random.Random, low: int, high: int) -> Money:
    """A random whole number of cents."""
    return Money(chance.randrange(low * 100, high * 100) * 10_000)
