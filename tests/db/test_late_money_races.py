"""Money that comes late, heard of by two programs at once on a server: it goes back once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.types import PayOrder, TopUp
from services.db import models as m
from services.db import money_models as mm
from services.embedded import order_sweep, settlement
from services.embedded.core import Core
from services.embedded.money import outcomes, payments
from services.gateways.payments import Charge
from tests.db.test_postgres_races import column, core_of, held, programs
from tests.embedded.money.lives import usd
from tests.postgres import new_database

pytestmark = pytest.mark.postgres

SURPLUS = sa.select(mm.LedgerTransfer.key).where(mm.LedgerTransfer.key.startswith("surplus:"))
REFUNDS = sa.select(mm.PaymentIntent.uuid).where(mm.PaymentIntent.purpose == payments.REFUND)


@pytest.fixture
def url(loop: asyncio.Runner) -> Iterator[str]:
    loop.get_loop().slow_callback_duration = 5.0  # about races; that nobody blocks the loop is asked elsewhere
    with new_database(stocked=True) as found:
        yield found


def test_the_page_of_an_order_that_was_replaced(url: str, tmp_path: Path, loop: asyncio.Runner) -> None:
    async def story() -> None:
        async with programs(url, tmp_path) as (one, other):
            core, there, buyer = core_of(one), core_of(other), await one.buyer()
            placed = await buyer.quick_checkout(await one.order(outcome="needs_confirmation"), key="k")
            row = await core.db.read(lambda connection: order_sweep.row_of(connection, placed.order_uuid))
            await buyer.pay_order(placed.order_uuid, PayOrder(payment_token=await one.card()), key="card")
            late = Charge(row.charge_id, "succeeded", usd("29"))

            def record(core: Core, connection: Connection) -> object:
                return settlement.record_charge(
                    core, connection, placed.order_uuid, late, key=row.key, provider=row.provider
                )

            await held(
                core.db,
                lambda connection: record(core, connection),
                lambda: there.db.run(lambda connection: record(there, connection)),
            )

    loop.run(story())
    assert len(column(url, SURPLUS)) == 1
    assert len(column(url, sa.select(m.RefundRow.key))) == 1
    assert column(url, sa.select(m.PaymentRow.state)) == ["succeeded"]


def test_a_payment_that_was_given_up(url: str, tmp_path: Path, loop: asyncio.Runner) -> None:
    async def story() -> None:
        async with programs(url, tmp_path) as (one, other):
            core, there, buyer = core_of(one), core_of(other), await one.buyer()
            paid = await buyer.top_up(TopUp(usd("20"), await one.card("needs_confirmation")), key="t")
            await buyer.cancel_payment(paid.payment_uuid)
            late = Charge("ch_late", "succeeded", usd("20"))

            def record(core: Core, connection: Connection) -> None:
                outcomes.record(core, connection, paid.payment_uuid, late, core.clock.now())

            await held(
                core.db,
                lambda connection: record(core, connection),
                lambda: there.db.run(lambda connection: record(there, connection)),
            )

    loop.run(story())
    assert len(column(url, SURPLUS)) == 1
    assert len(column(url, REFUNDS)) == 1
