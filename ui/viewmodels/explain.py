"""Where an amount comes from: the root of its tree, further down read as it is opened, and the whole as values to copy.

The tree itself is kept by the model of whoever shows it; here is only what is asked of the service.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from PySide6.QtCore import Signal

from services.api.contract import Service
from services.api.errors import ServiceError
from services.api.types import Explanation
from ui.bridge import Bridge
from ui.text import ErrorText, error_text
from ui.viewmodels.base import ServiceHolder, Status, ViewModel

PAGE = 200  # children asked for at once
COPIED_MOST = 5_000  # nodes of a tree that is copied; what is left out is counted


@dataclass(frozen=True, slots=True)
class ExplainState:
    """`root` has the first page of its children."""

    status: Status = Status.LOADING
    ref: str = ""
    root: Explanation | None = None
    error: ErrorText | None = None
    is_collecting: bool = False


class ExplainViewModel(ViewModel[ExplainState]):
    """Signals: changed; page_read(node, Explanation); page_failed(node, ErrorText) - of what `more` asked for;
    collected(Explanation) - a whole tree; collect_failed(ErrorText)."""

    page_read = Signal(int, object)
    page_failed = Signal(int, object)
    collected = Signal(object)
    collect_failed = Signal(object)

    def __init__(self, bridge: Bridge, holder: ServiceHolder) -> None:
        super().__init__(bridge, holder, ExplainState())
        self._reading: set[int] = set()
        holder.rebound.connect(self.close)

    # ---- verbs

    def open(self, ref: str) -> None:
        """Explains another amount."""
        self._forget()
        self._become(ExplainState(ref=ref))
        self._bridge.run(
            self, "open",
            lambda: self._service.explain(ref, limit=PAGE),
            then=lambda root: self._set(status=Status.READY, root=root, error=None),
            failed=lambda error: self._set(status=Status.ERROR, error=error_text(error)),
            policy="replace",
            retry=self.retry,
        )  # fmt: skip

    def retry(self) -> None:
        self.open(self.state.ref)

    def more(self, node: int, ref: str, offset: int) -> None:
        """The next children of a node; `node` is how the caller knows it."""
        self._reading.add(node)
        self._bridge.run(
            self, f"more {node}",
            lambda: self._service.explain(ref, offset=offset, limit=PAGE),
            then=partial(self._on_page, node),
            failed=partial(self._on_page_failed, node),
        )  # fmt: skip

    def collect(self, node: Explanation) -> None:
        """Reads everything below a node, to be copied."""
        self._set(is_collecting=True)
        self._bridge.run(
            self, "collect",
            lambda: whole(self._service, node),
            then=self._on_collected,
            failed=self._on_collect_failed,
            policy="replace",
        )  # fmt: skip

    def close(self) -> None:
        """Nobody looks any more."""
        self._forget()
        self._become(ExplainState())

    # ---- inside

    def _on_page(self, node: int, page: Explanation) -> None:
        self._reading.discard(node)
        self.page_read.emit(node, page)

    def _on_page_failed(self, node: int, error: ServiceError) -> None:
        self._reading.discard(node)
        self.page_failed.emit(node, error_text(error))

    def _on_collected(self, tree: Explanation) -> None:
        self._set(is_collecting=False)
        self.collected.emit(tree)

    def _on_collect_failed(self, error: ServiceError) -> None:
        self._set(is_collecting=False)
        self.collect_failed.emit(error_text(error))

    def _forget(self) -> None:
        for verb in ("open", "collect", *(f"more {node}" for node in self._reading)):
            self._bridge.cancel(self, verb)
        self._reading.clear()


async def whole(service: Service, node: Explanation, most: int = COPIED_MOST) -> Explanation:
    """A node with everything below it, at most so many nodes; `child_count` still says how many there are."""
    left = most

    async def filled(one: Explanation) -> Explanation:
        nonlocal left
        children = list(one.children)
        while one.ref and len(children) < min(one.child_count, left):
            page = await service.explain(one.ref, offset=len(children), limit=PAGE)
            if not page.children:
                break
            children += page.children
        kept = children[: max(left, 0)]
        left -= len(kept)
        return replace(one, children=tuple([await filled(child) for child in kept]))

    return await filled(node)
