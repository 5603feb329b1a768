"""The prices area: the tree behind any amount, and what other plans would have cost.

Nodes are told apart by kind and params; sentences are written by the screens. `*_micros` are in the node's currency,
`unit` is plain decimal text for `per` units, instants are ISO 8601. A child opens when it has children of its own.

invoice | credit_note | receipt   number, state, subject       invoice:<uuid>; lines, then taxes
upcoming      name, expected_at                                upcoming:<subscription>; the same of what is to come
order         number, name                                     order:<uuid>; the lines it was confirmed with
usage         name, used, included, over, unit, per, start, end   usage:<resource>; this month by price
movement      (its own kind) name, number, at ...              movement:<uuid>; a call, or credit_parts
credit        source, kind, amount_micros, effective_at, expires_at   credit:<uuid>; granted, then spent_on
wallet        name                                             wallet:<organization>; credits in spending order
spent         name, month                                      spent:<organization>; payments and refunds
lines         params of the line, quantity, unit, per, start, end   line:<uuid>; the lines below, or its calls
tier          code (included | per_unit), name, quantity, unit, per
usage_paid    name, paid_micros: what the wallet paid when the calls were made
tax           name, rate, note, taxable_micros
event | call  at, person, key, resource, purpose, paid_from, state, id, would_cost_micros (of a test call)
test          name, quantity, would_cost_micros
credit_part   source, kind, credit
granted       source, at
spent_on      by (kind of movement), quantity
payment | refund   at, number, what (order | invoice | top_up)
rounding      what whole cents added or took away; rest: anything else that is missing
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.engine import Connection

from services.api import errors
from services.api.types import Explanation, PlanComparison
from services.embedded.core import Area, is_staff
from services.embedded.money import comparison, explain_calls, explain_credit, explain_invoices, subscribing
from services.embedded.money.trees import Tree

LIMIT_MAX = 1_000  # children asked for at once
OFFSET_MAX = 2**31 - 1


class EmbeddedPrices(Area):
    """Implements `services.api.money_contract.Prices`."""

    async def explain(self, ref: str, *, offset: int = 0, limit: int = 200) -> Explanation:
        found = {
            "offset": "" if 0 <= offset <= OFFSET_MAX else "out_of_range",
            "limit": "" if 1 <= limit <= LIMIT_MAX else "out_of_range",
        }

        def work(connection: Connection) -> Explanation:
            caller = self._caller(connection)
            if problems := {field: code for field, code in found.items() if code}:
                raise errors.InvalidInput(fields=problems)
            tree = find(connection, ref, self._now())
            if tree is None:
                raise errors.NotFound(what="amount")
            if not is_staff(connection, caller):  # who has to answer for it may read it
                self._authorize(connection, tree.organization_uuid)
            return tree.explanation(ref, offset, limit)

        return await self._core.db.read(work)

    async def compare_plans(self, subscription_uuid: str, days: int) -> PlanComparison:
        def work(connection: Connection) -> PlanComparison:
            self._caller(connection)
            row = subscribing.find(connection, subscription_uuid)
            self._authorize(connection, row.organization_uuid)
            if days not in comparison.WINDOWS:
                raise errors.InvalidInput(fields={"days": "out_of_range"})
            return comparison.compare(connection, row, days, self._now())

        return await self._core.db.read(work)


Finder = Callable[[Connection, str, datetime], Tree | None]


def _timeless(of: Callable[[Connection, str], Tree | None]) -> Finder:
    """For what does not change with time alone."""
    return lambda connection, uuid, _now: of(connection, uuid)


_TREES: dict[str, Finder] = {
    "invoice": _timeless(explain_invoices.of_invoice),
    "line": _timeless(explain_invoices.of_line),
    "events": _timeless(explain_invoices.of_events),
    "upcoming": explain_invoices.of_upcoming,
    "order": _timeless(explain_invoices.of_order),
    "usage": explain_calls.of_month,
    "movement": _timeless(explain_credit.of_movement),
    "credit": _timeless(explain_credit.of_credit),
    "wallet": explain_credit.of_wallet,
    "spent": explain_credit.of_spent,
}


def find(connection: Connection, ref: str, now: datetime) -> Tree | None:
    """The tree of a ref, whoever it belongs to; None when there is nothing under it."""
    kind, _, rest = ref.partition(":")
    if kind in ("invoice", "line") and rest.startswith("upcoming:"):  # the invoice to come has no row, this is its name
        return find(connection, rest, now)
    uuid, _, part = rest.partition(":")
    if part:
        return _part(connection, kind, uuid, part, now)
    of = _TREES.get(kind)
    return None if of is None else of(connection, uuid, now)


def _part(connection: Connection, kind: str, uuid: str, part: str, now: datetime) -> Tree | None:
    """A node below another that has no row of its own."""
    match kind:
        case "upcoming":
            return explain_invoices.of_coming_line(connection, uuid, part, now)
        case "calls":
            return explain_calls.of_price(connection, uuid, part, now)
        case "credit":
            return explain_credit.of_credit_use(connection, uuid, part)
        case _:
            return None
