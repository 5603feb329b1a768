"""What stories about credit share: somebody with a wallet, its credit, and what stands behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.api.contract import Actor, Service
from services.api.money import Money
from services.api.types import Movement, MovementQuery, Paid, SignIn, TopUp, Wallet
from services.db import money_models as mm
from services.domain import movements
from services.domain.movements import Stamp
from services.domain.wallet import GrantKind
from services.embedded.core import Core
from services.embedded.money import alerts, grants, ledger
from services.embedded.money.grants import NewGrant
from tests.contract.market import PASSWORD
from tests.contract.money import usd
from tests.embedded.shop import Shop

P, H = mm.PaymentIntent, mm.HappeningRow
INTENTS = sa.select(P.purpose, P.state, P.error_code).order_by(P.created_at, P.uuid)


def core_of(shop: Shop) -> Core:
    """What the areas of the present process share."""
    return shop.service.core


def again(shop: Shop, buyer: Service) -> Service:
    """The same person on the process that runs now."""
    return shop.service.for_actor(buyer.actor)


async def buy(shop: Shop, buyer: Service, text: str = "20", *, outcome: str = "pays", key: str = "top-up") -> Paid:
    """One click on the button."""
    return await buyer.top_up(TopUp(usd(text), await shop.market.card(outcome)), key=key)


@dataclass(frozen=True)
class Owner:
    """Somebody with credit, and the organization it belongs to."""

    shop: Shop
    service: Service
    organization: str

    @property
    def core(self) -> Core:
        return core_of(self.shop)

    async def signed_in(self) -> Owner:
        """The same after some weeks, when a session is over."""
        guest = self.shop.market.guest()
        session = await guest.sign_in(SignIn("ada@example.com", PASSWORD))
        return replace(self, service=self.shop.service.for_actor(Actor(device="device-1", session=session.token)))

    async def wallet(self) -> Wallet:
        return await again(self.shop, self.service).get_wallet()

    async def balance(self) -> Money:
        return (await self.wallet()).balance

    async def movements(self, **query: Any) -> list[Movement]:  # Any: fields of MovementQuery
        return list((await again(self.shop, self.service).list_movements(MovementQuery(**query))).items)

    async def grant(self, text: str, **changes: Any) -> str:  # Any: fields of NewGrant
        """Credit that support gives; its uuid."""
        now = self.shop.clock.now()
        new = NewGrant(
            **{"organization_uuid": self.organization, "kind": GrantKind.PROMOTIONAL, "source": "support",
               "amount": usd(text), "effective_at": now, **changes}
        )  # fmt: skip
        return await self.core.db.run(lambda connection: grants.create(self.core, connection, new, now))

    async def spend(self, text: str, at: datetime | None = None) -> None:
        """A call of this price is answered, at another instant in the books when one is given."""
        moment = at or self.shop.clock.now()

        def work(connection: sa.Connection) -> None:
            drawn = grants.draw(connection, self.organization, usd(text), self.shop.clock.now())
            assert drawn.missing.is_zero, drawn.missing
            number = self.core.ids.uuid()
            held = Stamp(self.organization, f"hold:{number}", moment)
            settled = Stamp(self.organization, f"settle:{number}", moment)
            ledger.post(self.core, connection, movements.hold(held, drawn.shares))
            ledger.post(self.core, connection, movements.settle_hold(settled, drawn.shares, usd(text)))
            alerts.after_change(self.core, connection, self.organization, moment)

        await self.core.db.run(work)

    async def happened(self) -> list[str]:
        """The kinds of what was noted, in order."""
        rows = await self.shop.rows(sa.select(H.kind).where(H.organization_uuid == self.organization).order_by(H.seq))
        return [kind for (kind,) in rows]

    async def noted(self, kind: str) -> list[dict[str, Any]]:
        """The parameters of what was noted of one kind."""
        rows = await self.shop.rows(sa.select(H.params).where(H.kind == kind).order_by(H.seq))
        return [params for (params,) in rows]

    async def run_due(self) -> None:
        """Everything that is due by now, and the sweeps."""
        await self.shop.market.run_jobs()

    async def is_sound(self) -> bool:
        """Whether the books add up."""
        found = await self.core.db.read(lambda connection: ledger.verify(connection, self.core.ledger_key))
        return found.fault is None


async def owner(shop: Shop, text: str = "20") -> Owner:
    """Somebody who has bought this much credit ("" for none)."""
    buyer = await shop.market.buyer()
    if text:
        await buy(shop, buyer, text, key="first credit")
    else:
        await buyer.set_low_balance_alert(None)
    return Owner(shop, buyer, (await buyer.get_wallet()).organization_uuid)
