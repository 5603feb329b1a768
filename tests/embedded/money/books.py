"""An organization's books without a service around them: transfers posted, read, verified and tampered with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.db import models as m
from services.db import money_models as mm
from services.db import portable
from services.domain import movements
from services.domain.ledger import WALLETS, AccountKind, Transfer
from services.domain.movements import Stamp
from services.domain.wallet import GrantKind, Share
from services.embedded.core import Core
from services.embedded.money import grants, ledger
from services.embedded.money.grants import NewGrant
from services.embedded.money.ledger import BelowFloor, Posted, Verified
from tests.contract.embedded import START

T = TypeVar("T")

PROVIDER = "test"


def usd(text: str) -> Money:
    """`usd("0.008")`."""
    return Money.parse(text)


ZERO = Money.zero()


def at(**later: float) -> datetime:
    """An instant `later` than the start: `at(days=1)`."""
    return START + timedelta(**later)


class Books:
    """Everything that is posted belongs to `organization`."""

    def __init__(self, core: Core, loop: asyncio.Runner) -> None:
        self.core = core
        self._loop = loop
        self._keys = count(1)
        self.organization = self.new_organization()

    def new_organization(self, name: str = "Ada's Organization") -> str:
        """The uuid of one more."""
        uuid = self.core.ids.uuid()
        row = {"uuid": uuid, "name": name, "created_at": START}
        self.do(lambda connection: connection.execute(sa.insert(m.OrganizationRow), row))
        return uuid

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs what has to be awaited."""
        return self._loop.run(work)

    def do(self, work: Callable[[Connection], T]) -> T:
        """One transaction."""
        return self.run(self.core.db.run(work))

    def all(self, statement: sa.Executable) -> list[tuple[Any, ...]]:
        """Rows as they stand in the database."""
        return self.do(lambda connection: [tuple(row) for row in connection.execute(statement)])

    def stamp(self, key: str = "", moment: datetime = START) -> Stamp:
        """A new one, under a key of its own when none is given."""
        return Stamp(self.organization, key or f"key-{next(self._keys)}", moment)

    def post(self, transfer: Transfer) -> Posted:
        return self.do(lambda connection: ledger.post(self.core, connection, transfer))

    def grant(self, text: str, kind: GrantKind = GrantKind.PAID, **changes: Any) -> str:  # Any: fields of NewGrant
        """Credit in the wallet; its uuid."""
        moment = changes.pop("created_at", START)
        new = {"source": "top_up", "effective_at": moment, "provider": PROVIDER, **changes}
        grant = NewGrant(organization_uuid=self.organization, kind=kind, amount=usd(text), **new)
        return self.do(lambda connection: grants.create(self.core, connection, grant, moment))

    def hold(self, grant: str, text: str, key: str = "") -> Posted:
        """Sets a part of a paid grant aside."""
        return self.post(movements.hold(self.stamp(key), [Share(grant, GrantKind.PAID, usd(text))]))

    def settle(self, grant: str, held: str, price: str, key: str = "") -> Posted:
        """What was held of a paid grant is earned, or comes back."""
        share = Share(grant, GrantKind.PAID, usd(held))
        return self.post(movements.settle_hold(self.stamp(key), [share], usd(price)))

    def draw(self, connection: Connection, text: str, key: str, moment: datetime = START) -> bool:
        """Whether a call of this price could be paid from whatever is there; its price is set aside then."""
        drawn = grants.draw(connection, self.organization, usd(text), moment)
        if not drawn.missing.is_zero:
            return False
        ledger.post(self.core, connection, movements.hold(self.stamp(key, moment), drawn.shares))
        return True

    async def draw_retrying(self, text: str, key: str) -> bool:
        """The same against others: begun again when somebody else spent what was looked at."""
        while True:
            try:
                return await self.core.db.run(lambda connection: self.draw(connection, text, key))
            except BelowFloor:
                continue

    def verify(self) -> Verified:
        return self.do(lambda connection: ledger.verify(connection, self.core.ledger_key))

    def fault(self) -> tuple[int, str, str] | None:
        """Number, kind and detail of the first bad row of this organization."""
        found = self.verify().fault
        return None if found is None else (found.seq, found.what, found.detail)

    def balance(self, *kinds: AccountKind) -> Money:
        """The sum of the accounts of some kinds (the wallet's by default), from the entries."""
        of = kinds or tuple(WALLETS)
        found = self.do(lambda connection: ledger.balances(connection, self.organization, *of))
        return sum(found.values(), ZERO)

    def left(self, grant: str) -> Money:
        """What the guard of a grant's account says."""
        return self.do(lambda connection: ledger.guards(connection, self.organization, *WALLETS))[grant]

    def tamper(self, *statements: str, **values: Any) -> None:  # Any: SQL values
        """Somebody with the key to the database changes the books, past every rule in it. MINE: those of this
        organization."""

        def work(connection: Connection) -> None:
            if portable.is_sqlite(connection):
                for (name,) in connection.execute(
                    sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'ledger%'")
                ).all():
                    connection.execute(sa.text(f"DROP TRIGGER {name}"))
            else:
                connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            for statement in statements:
                mine = statement.replace("MINE", "WHERE organization_uuid = :of")
                connection.execute(sa.text(mine), {"of": self.organization, **values})

        self.do(work)

    def due(self) -> list[tuple[str, datetime]]:
        """What is open, in time order."""
        d = mm.DueItem
        found = self.all(sa.select(d.kind, d.due_at).where(d.done_at.is_(None)).order_by(d.due_at, d.rank, d.key))
        return [(kind, due_at) for kind, due_at in found]

    def happenings(self) -> list[str]:
        """The kinds of what has been noted, in order."""
        return [kind for (kind,) in self.all(sa.select(mm.HappeningRow.kind).order_by(mm.HappeningRow.seq))]
