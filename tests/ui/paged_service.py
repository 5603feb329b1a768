"""A FakeService whose new cards, bank accounts and PayPal accounts are given on pages in the browser, and whose
purchases can be taken back. `service.desk` is what happens there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

from services.api.contract import Actor
from services.api.errors import CardDeclined, PaymentCanceled, PaymentExpired, ServiceError, WrongState
from services.api.money import Money
from services.api.types import (
    Action,
    Order,
    OrderState,
    PaymentMethod,
    PaymentOptions,
    PaymentState,
    PayOrder,
    Placed,
    QuickCheckout,
    Resource,
    ResourceState,
    SavedMethod,
    Transfer,
)
from tests.fakes import FakeService
from tests.fakes import World as FakeWorld

HOST = "checkout.stripe.com"
PAGED = (PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL)
ACCOUNT = (
    ("holder", "Souk Ltd"),
    ("iban", "DE89 3704 0044 0532 0130 00"),
    ("bic", "COBADEFFXXX"),
    ("bank", "Example Bank"),
)


@dataclass
class PageDesk:
    """The provider's side. `pages`: order -> "open" | "paid" | "processing" | "declined" | "expired"."""

    hosts: tuple[str, ...] = (HOST,)
    methods: tuple[PaymentMethod, ...] = (*PAGED, PaymentMethod.INVOICE)
    saved: tuple[SavedMethod, ...] = ()
    lasts: timedelta = timedelta(hours=24)
    undo_seconds: int = 0
    pages: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)  # of every purchase and every further page -> order
    opened: int = 0
    return_urls: list[str] = field(default_factory=list)

    def address(self) -> str:
        self.opened += 1
        return f"https://{HOST}/c/pay/page-{self.opened}"


class PagedService(FakeService):
    def __init__(
        self, world: FakeWorld | None = None, actor: Actor | None = None, desk: PageDesk | None = None
    ) -> None:
        super().__init__(world, actor)
        self.desk = desk or PageDesk()

    def for_actor(self, actor: Actor) -> PagedService:
        return PagedService(self.world, actor, self.desk)

    async def get_payment_options(self) -> PaymentOptions:
        options = await super().get_payment_options()
        wallet = tuple(one for one in options.methods if one is PaymentMethod.WALLET)
        return replace(
            options,
            methods=(*self.desk.methods, *wallet),
            saved_methods=self.desk.saved if self.actor.session else (),
            page_hosts=self.desk.hosts,
            undo_seconds=self.desk.undo_seconds,
        )

    # ---- buying

    async def quick_checkout(self, request: QuickCheckout, *, key: str) -> Placed:
        is_new = not request.payment_token and request.payment_method in (*PAGED, PaymentMethod.INVOICE)
        _, plan = self._plan(request.offering_uuid, request.plan_uuid)
        if not is_new or plan.monthly_price is None or plan.monthly_price.is_zero:
            return self._undoable(await super().quick_checkout(replace(request, return_url=""), key=key))
        await self._enter("quick_checkout")
        self.desk.return_urls.append(request.return_url)
        if key not in self.desk.keys:
            self.desk.keys[key] = self._begin(request)
        return self._placed(self.desk.keys[key])

    def _begin(self, request: QuickCheckout) -> str:
        offering, plan = self._plan(request.offering_uuid, request.plan_uuid)
        order = self._order(self._user(), request, offering, plan, self._bill_for(request))
        self._ask(order, request.payment_method)
        return order.uuid

    def _ask(self, order: Order, method: PaymentMethod) -> None:
        """A page, or a transfer that is waited for."""
        if method is PaymentMethod.INVOICE:
            due = self.world.clock.now() + timedelta(days=14)
            transfer = Transfer("SK-7F3K-92QD", order.total, due, ACCOUNT, Money.zero(order.total.currency))
            self._store(order, OrderState.PENDING_PROVIDER, PaymentState.PROCESSING, method, transfer=transfer)
            return
        action = Action("redirect", self.desk.address(), self.world.clock.now() + self.desk.lasts)
        self.desk.pages[order.uuid] = "open"
        self._store(order, OrderState.PENDING_CONSUMER, PaymentState.ACTION_REQUIRED, method, action=action)

    def _store(
        self,
        order: Order,
        state: OrderState,
        payment: PaymentState,
        method: PaymentMethod,
        *,
        action: Action | None = None,
        transfer: Transfer | None = None,
        error_code: str = "",
    ) -> None:
        changed = replace(
            order, state=state, payment_state=payment, payment_method=method, action=action, transfer=transfer,
            error_code=error_code,
        )  # fmt: skip
        self.world.orders[order.uuid] = (self.world.orders[order.uuid][0], changed)

    def _placed(self, uuid: str) -> Placed:
        order = self.world.orders[uuid][1]
        first = order.resource_uuids[0] if order.resource_uuids else ""
        state = order.payment_state or PaymentState.SUCCEEDED
        return Placed(
            uuid, first, order.organization_uuid, action=order.action, state=state, transfer=order.transfer
        )  # fmt: skip

    def _undoable(self, placed: Placed) -> Placed:
        owner, order = self.world.orders[placed.order_uuid]
        if self.desk.undo_seconds and placed.action is None and order.paid_at is not None:
            until = self.world.clock.now() + timedelta(seconds=self.desk.undo_seconds)
            held = replace(order, undo_until=until, payment_state=PaymentState.AUTHORIZED)
            self.world.orders[order.uuid] = (owner, held)
        return placed

    # ---- what comes of it

    async def refresh_order(self, uuid: str) -> Placed:
        await self._enter("refresh_order")
        order = self._own_order(uuid)
        became = self.desk.pages.get(uuid, "")
        if order.state is not OrderState.PENDING_CONSUMER:
            return self._placed(uuid)
        if became == "paid":
            kept = (order.payment_method, "Visa •••• 4242")
            self.world.orders[uuid] = (self.world.orders[uuid][0], replace(order, paid_with=kept[1]))
            placed = self._settle(uuid)
            self._mark(uuid, PaymentState.SUCCEEDED, kept[0])
            return self._undoable(placed)
        if became == "processing":
            self._store(order, OrderState.PENDING_PROVIDER, PaymentState.PROCESSING, order.payment_method)
        elif became in ("expired", "declined"):
            error = PaymentExpired() if became == "expired" else CardDeclined(reason="do_not_honor")
            raise self._closed(order, error)
        return self._placed(uuid)

    def _mark(self, uuid: str, state: PaymentState, method: PaymentMethod) -> None:
        owner, order = self.world.orders[uuid]
        self.world.orders[uuid] = (owner, replace(order, payment_state=state, payment_method=method))

    def _closed(self, order: Order, error: ServiceError) -> ServiceError:
        self._store(order, OrderState.CANCELED, PaymentState.CANCELED, order.payment_method, error_code=error.code)
        return error

    def settle_debit(self, uuid: str, *, is_paid: bool) -> None:
        """Days later."""
        order = self.world.orders[uuid][1]
        if is_paid:
            self._settle(uuid)
            self._mark(uuid, PaymentState.SUCCEEDED, order.payment_method)
        else:
            self._store(order, OrderState.ERRED, PaymentState.FAILED, order.payment_method, error_code="debit_failed")

    async def cancel_order(self, uuid: str) -> Order:
        await self._enter("cancel_order")
        order = self._own_order(uuid)
        if order.undo_until is not None and self.world.clock.now() < order.undo_until:
            self._take_back(order)
        elif order.state in (OrderState.PENDING_CONSUMER, OrderState.PENDING_PROVIDER):
            if self.desk.pages.get(uuid) == "paid":
                await self.refresh_order(uuid)
            else:
                self._closed(order, PaymentCanceled())
        else:
            raise WrongState(state=order.state.value)
        return self._own_order(uuid)

    def _take_back(self, order: Order) -> None:
        owner = self.world.orders[order.uuid][0]
        for resource_uuid in order.resource_uuids:
            kept: Resource = self.world.resources[resource_uuid][1]
            self.world.resources[resource_uuid] = (owner, replace(kept, state=ResourceState.RETIRED))
        gone = replace(
            order, state=OrderState.CANCELED, payment_state=PaymentState.CANCELED, undo_until=None, refunded=order.total
        )  # fmt: skip
        self.world.orders[order.uuid] = (owner, gone)

    async def pay_order(self, uuid: str, request: PayOrder, *, key: str) -> Placed:
        await self._enter("pay_order")
        if key not in self.desk.keys:
            self.desk.keys[key] = uuid
            self.desk.return_urls.append(request.return_url)
            self._ask(self._own_order(uuid), request.payment_method)
        return self._placed(uuid)
