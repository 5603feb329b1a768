"""EmbeddedService: the whole service in this process, one object per actor over shared parts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy.engine import Connection

from services.api.contract import Actor
from services.embedded import catalogue_store, inbox, order_sweep, worker
from services.embedded.agents import EmbeddedAgents
from services.embedded.carts import EmbeddedCarts
from services.embedded.catalogue import EmbeddedCatalogue
from services.embedded.chat import EmbeddedChat
from services.embedded.checkout import EmbeddedCheckout
from services.embedded.collections import EmbeddedCollections
from services.embedded.core import Core
from services.embedded.funnel import EmbeddedFunnel
from services.embedded.identity import EmbeddedIdentity
from services.embedded.methods import EmbeddedMethods
from services.embedded.money import codes, coupons, due, outcomes, subscribing, timeline
from services.embedded.money.duties import DUTIES
from services.embedded.money.invoices import EmbeddedInvoices
from services.embedded.money.limits import EmbeddedCaps
from services.embedded.money.prices import EmbeddedPrices
from services.embedded.money.quotes import EmbeddedQuotes
from services.embedded.money.subscriptions import EmbeddedSubscriptions
from services.embedded.money.timeline import EmbeddedTimelines
from services.embedded.money.wallets import EmbeddedWallets

log = logging.getLogger("souk.service")


class EmbeddedService(
    EmbeddedCatalogue,
    EmbeddedIdentity,
    EmbeddedCarts,
    EmbeddedCheckout,
    EmbeddedAgents,
    EmbeddedChat,
    EmbeddedFunnel,
    EmbeddedCaps,
    EmbeddedInvoices,
    EmbeddedQuotes,
    EmbeddedSubscriptions,
    EmbeddedPrices,
    EmbeddedTimelines,
    EmbeddedWallets,
    EmbeddedMethods,
    EmbeddedCollections,
):
    """Implements `services.api.contract.Service`."""

    def __init__(self, core: Core, actor: Actor | None = None) -> None:
        super().__init__(core, actor or Actor())

    @property
    def core(self) -> Core:
        """What its areas share: for the commands of an operator, who acts for nobody."""
        return self._core

    def for_actor(self, actor: Actor) -> EmbeddedService:
        return EmbeddedService(self._core, actor)

    async def start(self) -> None:
        """Loads the shipped catalogue when it changed and settles what a crash left. Before the first call."""
        if not self._core.db.is_read_only:
            await self._core.db.run(catalogue_store.load_bundled)
            await self._core.db.run(partial(_prepare_money, self._core))
            await timeline.restore_clock(self._core)
            try:
                await order_sweep.sweep(self._core)
                await outcomes.sweep(self._core)
            except Exception:
                log.exception("sweep_failed: the worker tries again; everything else works")

    async def run_worker(self, announce: Callable[[], None] = lambda: None) -> None:
        """Does deployments, refunds and sweeps until cancelled; the composition root owns the task."""
        await worker.run(self._core, announce)

    async def run_due_jobs(self) -> int:
        """Does every job that is due now and returns how many; for tests and scripts without a worker."""
        await inbox.look(self._core)
        await order_sweep.sweep(self._core)
        await outcomes.sweep(self._core)
        done = await self.run_due(self._core.clock.now())
        while await worker.run_one(self._core):
            done += 1
        return done

    async def run_due(self, now: datetime) -> int:
        """Does everything that time owes until `now`, once each, in time order; returns how many items."""
        return await due.run_due(self._core, DUTIES, now)

    def close(self) -> None:
        """Lets go of the database and the provider."""
        self._core.db.close()
        self._core.payments.close()


def _prepare_money(core: Core, connection: Connection) -> None:
    """Orders of the previous version get their subscription, a test-mode workspace the codes one can try."""
    subscribing.adopt(core, connection)
    if core.payments.is_test_mode:
        coupons.seed(connection)
        codes.seed(connection)
