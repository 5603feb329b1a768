"""What an explanation is made of: a node, the parts it is the sum of, and leaves that are read page by page.

The parts of a node always come to its amount, to the micro: what rounding to the minor unit made is a part of its own.
Kinds and params of every node are listed in `prices`; no sentence is written below the screens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from services.api.money import Money
from services.api.types import Explanation, Params

ROUNDING, REST = "rounding", "rest"


class Leaves(Protocol):
    """Rows that are too many to be read at once, in their order."""

    @property
    def count(self) -> int: ...

    @property
    def total(self) -> Money: ...

    def page(self, offset: int, limit: int) -> list[Explanation]: ...


@dataclass(frozen=True, slots=True)
class Tree:
    """A node of an organization with what it is the sum of: the parts, then the leaves."""

    organization_uuid: str
    kind: str
    amount: Money
    params: Params
    parts: tuple[Explanation, ...] = ()
    leaves: Leaves | None = None

    def explanation(self, ref: str, offset: int, limit: int) -> Explanation:
        """The node with one page of its children."""
        rest = self._rest()
        leaves_end = len(self.parts) + (self.leaves.count if self.leaves else 0)
        children = [*self.parts[offset : offset + limit]]
        if self.leaves is not None and len(children) < limit and offset < leaves_end:
            first = max(0, offset - len(self.parts))
            children += self.leaves.page(first, limit - len(children))
        if rest is not None and len(children) < limit and offset <= leaves_end:
            children.append(rest)
        count = leaves_end + (rest is not None)
        return Explanation(ref, self.kind, self.amount, self.params, count, tuple(children))

    def _rest(self) -> Explanation | None:
        zero = Money.zero(self.amount.currency)
        counted = sum((part.amount or zero for part in self.parts), self.leaves.total if self.leaves else zero)
        has_none = not self.parts and not (self.leaves and self.leaves.count)
        return None if has_none else rest_of(self.amount, counted)


def rest_of(amount: Money, counted: Money) -> Explanation | None:
    """What is between an amount and the sum of its parts: rounding when it is less than one minor unit."""
    rest = amount - counted
    if rest.is_zero:
        return None
    return Explanation("", ROUNDING if abs(rest.micros) < rest.minor_unit else REST, rest)


@dataclass(frozen=True, slots=True)
class Rows:
    """Leaves behind a count, a sum and a way to read them."""

    count: int
    total: Money
    read: Callable[[int, int], list[Explanation]]

    def page(self, offset: int, limit: int) -> list[Explanation]:
        return self.read(offset, limit)


def signed(node: Explanation, sign: int) -> Explanation:
    """A leaf that counts against its parent."""
    return node if sign == 1 or node.amount is None else replace(node, amount=node.amount * sign)
