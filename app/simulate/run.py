"""`souk simulate`: lives many seeded lives and says which ones broke a rule, and how to live them again."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from app.simulate import outside
from app.simulate.life import START, Life, Lived
from app.simulate.wishes import WISHES
from services.db import migrate
from services.db.session import Database
from services.embedded import catalogue_store

WISHES_A_MONTH = 18
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


async def live(seed: int, stocked: Path, months: int, server: str = "") -> tuple[Lived, list[str]]:
    """One life from its first wish to its last check, and its story. A bug is a broken rule like any other."""
    with tempfile.TemporaryDirectory(prefix=f"life-{seed}-", dir=stocked.parent) as folder:
        life = Life(seed, Path(folder), stocked, server)
        wishes, weights = zip(*WISHES, strict=True)
        actions = 0
        try:
            await life.begin()
            end = START + timedelta(days=30 * months)
            while life.clock.now() < end and actions < WISHES_A_MONTH * months:
                person = life.chance.choice(life.people)
                wish = life.chance.choices(wishes, weights)[0]
                await wish(life, person, life.as_person(person))
                actions += 1
            await life.calm_down()
            broken = [*await outside.seen(life), *await life.look()]
        except Exception as error:  # noqa: BLE001  whatever it is, it is what we look for
            place = traceback.extract_tb(error.__traceback__)[-1]
            broken = [f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"]
            life.log += traceback.format_exception(error)[-8:]
        life.service.close()
        refused = sum(": " in line for line in life.log)
        return Lived(seed, actions, refused, life.kills, tuple(broken)), life.log


def simulate(seeds: int, start: int, months: int, *, as_json: bool = False, story: bool = False) -> int:
    """Lives `seeds` lives from seed `start` on; returns 1 when one of them broke a rule."""
    began = time.monotonic()
    lives: list[Lived] = []
    with template() as stocked:
        for seed in range(start, start + seeds):
            lived, log = asyncio.run(live(seed, stocked, months))
            lives.append(lived)
            if lived.broken or story:
                print(f"seed {seed}: {len(lived.broken)} broken rules; again: souk simulate --start {seed} --story")
                for line in [*log[-STORY_LINES:], *(f"  BROKEN {rule}" for rule in lived.broken)]:
                    print(f"  {line}")
    bad = [lived.seed for lived in lives if lived.broken]
    seconds = time.monotonic() - began
    told = {
        "seeds": seeds, "months": months, "actions": sum(lived.actions for lived in lives),
        "refused": sum(lived.refused for lived in lives), "kills": sum(lived.kills for lived in lives),
        "seconds": round(seconds, 1), "broken_seeds": bad,
    }  # fmt: skip
    print(json.dumps(told) if as_json else ", ".join(f"{name} {value}" for name, value in told.items()))
    return 1 if bad else 0
