"""Webhooks of the twin's PayPal on their way: late, twice and out of order, by a plan that its seed gives."""

from __future__ import annotations

import hashlib
import heapq
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field

PAUSES_S = (0.05, 0.2, 1.0)  # before another try; afterwards only the list of events has it
TIMEOUT_S = 5.0
LATE_S = 0.15
LATE_SHARE, TWICE_SHARE = 0.4, 0.3

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """`headers` makes them at the moment of sending: a signature is as old as its transmission."""

    url: str
    body: bytes = field(repr=False)
    headers: Callable[[], dict[str, str]] = field(repr=False)


class Delivery:
    """One thread, which is there from the first parcel until `close`."""

    def __init__(self, *, seed: int) -> None:
        self._seed = seed
        self._drawn = 0
        self._waiting: list[tuple[float, int, int, Parcel]] = []
        self._count = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        # no proxy of the environment leads back to this machine
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def send(self, parcel: Parcel) -> None:
        """Takes it on, once or twice."""
        with self._changed:
            if self._is_closed:
                return
            for _ in range(2 if self._draw() < TWICE_SHARE else 1):
                wait_s = self._draw() * LATE_S if self._draw() < LATE_SHARE else 0.0
                self._push(wait_s, 0, parcel)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="souk-twin-paypal-webhooks")
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """What has not left stays behind."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _draw(self) -> float:
        """The next number of the plan, from 0 to below 1."""
        self._drawn += 1
        digest = hashlib.sha256(f"{self._seed}:{self._drawn}".encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2**32

    def _push(self, wait_s: float, tries: int, parcel: Parcel) -> None:
        self._count += 1
        heapq.heappush(self._waiting, (time.monotonic() + wait_s, self._count, tries, parcel))

    def _run(self) -> None:
        while (found := self._next()) is not None:
            tries, parcel = found
            if not self._post(parcel) and tries < len(PAUSES_S):
                with self._changed:
                    self._push(PAUSES_S[tries], tries + 1, parcel)

    def _next(self) -> tuple[int, Parcel] | None:
        with self._changed:
            while not self._is_closed:
                wait_s = self._waiting[0][0] - time.monotonic() if self._waiting else None
                if wait_s is not None and wait_s <= 0:
                    _, _, tries, parcel = heapq.heappop(self._waiting)
                    return tries, parcel
                self._changed.wait(wait_s)
            return None

    def _post(self, parcel: Parcel) -> bool:
        request = urllib.request.Request(parcel.url, parcel.body, parcel.headers(), method="POST")  # noqa: S310
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as response:
                return bool(response.status < 300)
        except (OSError, ValueError) as error:
            logger.info("a test webhook was not taken: %s", type(error).__name__)
            return False
