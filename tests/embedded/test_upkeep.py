"""The worker keeps a copy of every day, and nobody waits for it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from services.api.types import OfferingQuery
from services.db import backups
from services.embedded import upkeep
from services.embedded.core import Core
from tests.embedded.shop import Shop, story


def kept(shop: Shop) -> Core:
    """The shop's parts, with a folder for backups."""
    return replace(shop.service._core, backups=shop.folder / "backups")


@story
async def test_a_day_of_a_running_shop_has_one_backup(shop: Shop) -> None:
    core = kept(shop)
    await shop.market.buyer()
    assert [await upkeep.back_up(core) for _ in range(2)] == [True, False]
    shop.clock.advance(days=1)
    assert await upkeep.back_up(core)
    found = backups.list_backups(shop.folder / "backups")
    assert [one.made_at.day for one in found] == [23, 22]
    with sqlite3.connect(backups.read_only(found[0].path), uri=True) as copy:
        assert copy.execute("SELECT COUNT(*) FROM users").fetchone() == (1,)
    copy.close()


@story
async def test_without_a_folder_nothing_is_kept(shop: Shop) -> None:
    assert not await upkeep.back_up(shop.service._core)
    assert not (shop.folder / "backups").exists()


@pytest.mark.logs("no_daily_backup")
@story
async def test_a_failure_is_noted_and_harms_nothing(shop: Shop) -> None:
    (shop.folder / "backups").write_text("a file in the folder's place")
    assert not await upkeep.back_up(kept(shop))
    assert (await shop.market.root.list_offerings(OfferingQuery())).total


def test_the_worker_sees_to_it_and_the_service_answers_meanwhile(
    shop: Shop, loop: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "FIRST_AFTER_S", 0)
    shop.service._core = kept(shop)
    making, may_go_on = asyncio.Event(), asyncio.Event()
    make = backups.make_daily

    async def tale() -> None:
        running = asyncio.get_running_loop()

        def slowly(database: Path, folder: Path, now: object) -> bool:
            running.call_soon_threadsafe(making.set)
            asyncio.run_coroutine_threadsafe(may_go_on.wait(), running).result(10)
            return make(database, folder, now)  # type: ignore[arg-type]  # handed on

        monkeypatch.setattr(backups, "make_daily", slowly)
        worker = asyncio.create_task(shop.service.run_worker())
        await making.wait()
        buyer = await shop.market.buyer()
        placed = await buyer.quick_checkout(await shop.market.order(), key="k")
        async with asyncio.timeout(10):
            while (await buyer.get_resource(placed.resource_uuid)).state != "ready":  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0.01)
        may_go_on.set()
        async with asyncio.timeout(10):
            while not backups.list_backups(shop.folder / "backups"):  # noqa: ASYNC110  as above
                await asyncio.sleep(0.01)
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker

    loop.run(tale())
