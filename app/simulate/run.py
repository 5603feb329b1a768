"""`souk simulate`: lives many seeded lives and says which ones broke a rule, and how to live them again."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from app.simulate import outside, paying
from app.simulate.life import START, Life, Lived
from app.simulate.shaky import Killed
from app.simulate.wishes import PAYING, WISHES
from services.db import migrate
from services.db.session import Database
from services.embedded import catalogue_store

WISHES_A_MONTH = 24
STORY_LINES = 60  # of a broken life that are printed
_FAST = Path("/dev/shm")  # noqa: S108  memory: a life is not kept, and its fsyncs would be most of its time


def folder_for_lives() -> str | None:
    """Where lives are lived: in memory where that is possible."""
    return str(_FAST) if _FAST.is_dir() and os.access(_FAST, os.W_OK) else None


@contextmanager
def template() -> Iterator[Path]:
    """A database with the shipped catalogue in it, in a folder for lives."""
    with tempfile.TemporaryDirectory(prefix="souk-lives-", dir=folder_for_lives()) as folder:
        path = Path(folder) / "template.db"
        migrate.upgrade(path)
        database = Database(path)
        asyncio.run(database.run(catalogue_store.load_bundled))
        database.close()
        yield path


async def live_on(life: Life, months: int) -> int:
    """Everything that is wished for in `months`, until nothing is under way any more. Returns how many wishes."""
    wishes, weights = zip(*WISHES, *PAYING, strict=True)
    end, count = START + timedelta(days=30 * months), 0
    while life.clock.now() < end and count < WISHES_A_MONTH * months:
        person = life.chance.choice(life.people)
        wish = life.chance.choices(wishes, weights)[0]
        await wish(life, person, life.as_person(person))
        count += 1
    await life.calm_down()
    return count


@contextmanager
def kills_unsaid() -> Iterator[None]:
    """A start that is killed while it sweeps is logged as any failure there; planned ones are no news, bugs are."""

    def is_news(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], Killed))

    log = logging.getLogger("souk.service")
    log.addFilter(is_news)
    try:
        yield
    finally:
        log.removeFilter(is_news)


async def live(seed: int, stocked: Path, months: int, server: str = "") -> tuple[Lived, list[str]]:
    """One life from its first wish to its last check, and its story. A bug is a broken rule like any other. `server`:
    of an empty database with the catalogue, where it is not to be lived in a copy of `stocked`."""
    with tempfile.TemporaryDirectory(prefix=f"life-{seed}-", dir=stocked.parent) as folder, kills_unsaid():
        life, count = Life(seed, Path(folder), stocked, server), 0
        try:
            life.at_the_end = paying.settle_everything
            await life.begin()
            count = await live_on(life, months)
            broken = [*await outside.seen(life), *await life.look()]
        except Exception as error:  # noqa: BLE001  whatever it is, it is what we look for
            place = traceback.extract_tb(error.__traceback__)[-1]
            broken = [f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"]
            life.log += traceback.format_exception(error)[-8:]
        life.service.close()
        refused = sum(": " in line for line in life.log)
        return Lived(seed, count, refused, life.kills, tuple(broken)), life.log


def simulate(seeds: int, start: int, months: int, *, as_json: bool = False, story: bool = False) -> int:
    """Lives `seeds` lives from seed `start` on; returns 1 when one of them broke a rule."""
    began = time.monotonic()
    lives: list[Lived] = []
    bad: list[dict[str, object]] = []
    with template() as stocked:
        for seed in range(start, start + seeds):
            lived, log = asyncio.run(live(seed, stocked, months))
            lives.append(lived)
            if lived.broken:
                bad.append({"seed": seed, "broken": lived.broken, "story": log[-STORY_LINES:]})
            if not as_json and (lived.broken or story):
                _tell(lived, log)
    told = {
        "seeds": seeds, "months": months, "actions": sum(lived.actions for lived in lives),
        "refused": sum(lived.refused for lived in lives), "kills": sum(lived.kills for lived in lives),
        "seconds": round(time.monotonic() - began, 1), "broken_seeds": [lived.seed for lived in lives if lived.broken],
    }  # fmt: skip
    print(
        json.dumps(told | {"broken": bad}) if as_json else ", ".join(f"{name} {value}" for name, value in told.items())
    )
    return 1 if bad else 0


def _tell(lived: Lived, log: list[str]) -> None:
    print(f"seed {lived.seed}: {len(lived.broken)} broken rules; again: souk simulate --start {lived.seed} --story")
    for line in [*log[-STORY_LINES:], *(f"  BROKEN {rule}" for rule in lived.broken)]:
        print(f"  {line}")
