"""What every area of the embedded service stands on: database, clock, ids, gateways, and who is calling."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.clock import Clock, Ids
from services.api.contract import Actor
from services.api.errors import NotFound, NotSignedIn, SessionExpired
from services.db import models as m
from services.db.session import Database
from services.embedded.workspace import Workspace
from services.gateways.agents import AgentHost
from services.gateways.providers import Providers

KEY_MAX = 255  # characters of an idempotency key, as over HTTP


@dataclass(frozen=True, slots=True)
class Core:
    """The parts one service instance shares between all its actors.

    `wake` tells the worker that a job is due; `hashing` lets two passwords be checked at once (19 MiB each); `backups`
    is the folder of the daily backups, None for none; `ledger_key` seals the ledger. `clock` gives the workspace's
    time, which a test-mode workspace may simulate, `real_clock` the real one, by which sessions end; `workspace` is
    what moves in time, None where it may not. `undo_window`: how long a purchase that is only held can be taken back;
    `bank_account`: what a transfer is made out to, (holder | iban | bic | bank, value) each, empty when none is taken.
    `return_page`: where this installation lets browsers come back to, besides listeners on the buyer's own machine.
    """

    db: Database
    clock: Clock
    ids: Ids
    payments: Providers
    agents: AgentHost
    ledger_key: bytes = field(repr=False)
    real_clock: Clock | None = None
    workspace: Workspace | None = None
    backups: Path | None = None
    undo_window: timedelta = timedelta(0)
    bank_account: tuple[tuple[str, str], ...] = ()
    return_page: str = ""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    def real_now(self) -> datetime:
        """The present instant outside this workspace: sessions and sign-in pauses go by it."""
        return (self.real_clock or self.clock).now()


@cache
def insert_into(model: type[m.Base]) -> sa.Insert:
    """The INSERT of a table. Like every statement of the checkout it is built once: building one takes longer than
    running it."""
    return sa.insert(model)


_CALLER = (
    sa.select(m.User.uuid, m.User.email, m.User.full_name, m.SessionRow.expires_at)
    .join(m.SessionRow, m.SessionRow.user_uuid == m.User.uuid)
    .where(m.SessionRow.token_hash == sa.bindparam("session"), m.SessionRow.revoked_at.is_(None))
)


_IS_STAFF = sa.select(m.User.is_staff).where(m.User.uuid == sa.bindparam("user"))


@dataclass(frozen=True, slots=True)
class Caller:
    uuid: str
    email: str
    full_name: str

    @property
    def owner(self) -> str:
        """The key under which this person's cart and samples are kept."""
        return f"user:{self.uuid}"


def is_staff(connection: Connection, caller: Caller) -> bool:
    """Whether somebody belongs to sales or support."""
    return bool(connection.execute(_IS_STAFF, {"user": caller.uuid}).scalar())


def hashed(token: str) -> str:
    """How a secret token is stored: its SHA-256."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Area:
    """One area of the service for one actor. Authorization happens here and nowhere else."""

    def __init__(self, core: Core, actor: Actor) -> None:
        self._core = core
        self._actor = actor

    @property
    def actor(self) -> Actor:
        """Who this service acts for."""
        return self._actor

    def _now(self) -> datetime:
        return self._core.clock.now()

    def _caller(self, connection: Connection) -> Caller:
        """The signed-in user. NotSignedIn, SessionExpired."""
        if not self._actor.session:
            raise NotSignedIn
        row = connection.execute(_CALLER, {"session": hashed(self._actor.session)}).one_or_none()
        if row is None or row.expires_at <= self._core.real_now():
            raise SessionExpired
        return Caller(row.uuid, row.email, row.full_name)

    def _device_owner(self) -> str:
        return f"device:{hashed(self._actor.device)}" if self._actor.device else ""

    def _owner(self, connection: Connection) -> str:
        """Whose cart and samples these are: the user's when signed in, else the device's; "" for neither."""
        return self._caller(connection).owner if self._actor.session else self._device_owner()

    def _authorize(self, connection: Connection, organization_uuid: str) -> Caller:
        """The caller, if they belong to the organization; otherwise NotFound (never 403)."""
        caller = self._caller(connection)
        member = connection.execute(
            sa.select(m.Membership.role).where(
                m.Membership.user_uuid == caller.uuid, m.Membership.organization_uuid == organization_uuid
            )
        ).scalar()
        if member is None:
            raise NotFound
        return caller
