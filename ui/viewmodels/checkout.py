"""The checkout page: choose, say who you are, pay. Everything typed is kept; one press is one order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from PySide6.QtCore import Signal

from services.api.errors import ServiceError
from services.api.types import (
    AutoNames,
    BillingCycle,
    Cart,
    CartDraft,
    FunnelStep,
    Offering,
    Order,
    PaymentMethod,
    PaymentOptions,
    SavedMethod,
)
from ui.bridge import Area, Bridge, Change
from ui.text import error_text, tr
from ui.text.methods import new_method
from ui.viewmodels.agent import recommended_plan
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.browser import Browser
from ui.viewmodels.checkout_price import PricedViewModel
from ui.viewmodels.checkout_state import AccountMode, CheckoutState, Phase, method_of, preselected
from ui.viewmodels.debounce import Debounce
from ui.viewmodels.session import SessionViewModel

NAMES_MILLISECONDS = 120
MOVES_PRICE: frozenset[Area] = frozenset({"wallet", "invoices", "resources", "timeline"})


class _Opened(NamedTuple):
    cart: Cart
    offering: Offering | None  # None: the cart is empty
    options: PaymentOptions | None


class CheckoutViewModel(PricedViewModel):
    """Signals: changed; problems_found(field); confirming(url); placed(Placed); settled(Placed); quote_requested();
    reopened() - what was taken back is in the cart again."""

    problems_found = Signal(str)
    reopened = Signal()

    def __init__(
        self,
        bridge: Bridge,
        holder: ServiceHolder,
        session: SessionViewModel,
        new_key: Callable[[], str],
        browser: Browser | None = None,
    ) -> None:
        super().__init__(bridge, holder, session, new_key, browser)
        self._naming = Debounce(NAMES_MILLISECONDS, self._ask_names, self)
        self._opened_with: tuple[Offering | str, str, BillingCycle | None] = ("", "", None)
        session.changed.connect(self._on_session_changed)
        bridge.changed.connect(self._on_bridge_changed)

    # ---- opening

    def open(self, offering: Offering | str, plan_uuid: str = "", cycle: BillingCycle | None = None) -> None:
        """Checks this offering out (an Offering, a uuid or a slug). What was typed before is there again."""
        if self.state.is_busy or self._goes_on_with(offering):
            return
        self._opened_with = (offering, plan_uuid, cycle)
        self._summaries.clear()
        shown = offering if isinstance(offering, Offering) else None
        kept = self.state
        self._become(
            CheckoutState(
                offering=shown,
                plan_uuid=plan_uuid,
                cycle=cycle or BillingCycle.YEARLY,
                email=kept.email,
                password=kept.password,
                account_mode=kept.account_mode,
                account=kept.account,
                message=kept.message if self._is_same(kept, offering) else "",
                country=kept.country,
                has_chosen_country=kept.has_chosen_country,
                vat_id=kept.vat_id,
                vat_text=kept.vat_text,
            )
        )
        self._on_session_changed()
        self._bridge.run(
            self,
            "open",
            self._read,
            then=self._on_opened,
            failed=lambda error: self._set(status=Status.ERROR, error=error_text(error)),
            policy="replace",
        )

    def _goes_on_with(self, offering: Offering | str) -> bool:
        """What is being paid in the browser is not begun anew; its sheet is shown again."""
        if self.state.phase is not Phase.AT_PROVIDER or (offering and not self._is_same(self.state, offering)):
            return False
        self.page.attend()
        return True

    @staticmethod
    def _is_same(kept: CheckoutState, offering: Offering | str) -> bool:
        """What was written about one agent is not said of another, nor twice."""
        if kept.offering is None or kept.quote_sent:
            return False
        card = kept.offering.card
        wanted = offering if isinstance(offering, str) else offering.card.uuid
        return wanted in (card.uuid, card.slug)

    def resume(self) -> None:
        """Goes on with the kept cart; `state.status` is EMPTY when there is none."""
        self.open("")

    def retry(self) -> None:
        """Opens again after it could not be opened."""
        self.open(*self._opened_with)

    async def _read(self) -> _Opened:
        offering = self._opened_with[0]
        cart = await self._service.get_cart()
        wanted = offering or cart.offering_uuid
        if isinstance(wanted, str):
            if not wanted:
                return _Opened(cart, None, None)
            wanted = await self._service.get_offering(wanted)
        return _Opened(cart, wanted, await self._service.get_payment_options())

    def _on_opened(self, opened: _Opened) -> None:
        if opened.offering is None:
            self._set(status=Status.EMPTY)
            return
        _, plan_uuid, cycle = self._opened_with
        offering, cart = opened.offering, opened.cart
        self._set(status=Status.READY, offering=offering, options=opened.options)
        self._restore(cart, offering, plan_uuid, cycle)
        self._choose_for_buyer()
        self._price()
        self._load_details()
        self._ask_names()
        self._keep()
        self._record(FunnelStep.CHECKOUT_OPENED, offering.card.uuid)

    def _restore(self, cart: Cart, offering: Offering, plan_uuid: str, cycle: BillingCycle | None) -> None:
        known = {plan.uuid for plan in offering.plans}
        is_same = cart.offering_uuid == offering.card.uuid
        kept_plan = cart.plan_uuid if is_same else ""
        plan = next((uuid for uuid in (plan_uuid, kept_plan) if uuid in known), recommended_plan(offering))
        kept_cycle = cart.billing_cycle if cart.offering_uuid else BillingCycle.YEARLY
        chosen_cycle = cycle or kept_cycle
        is_same_order = is_same and plan == cart.plan_uuid and chosen_cycle == cart.billing_cycle
        draft = cart.draft
        key = draft.attempt_key if is_same_order else ""
        self._restore_terms(draft, is_same=is_same, plan_uuid=plan)
        self._restore_way(draft.payment_token, is_tried=bool(key))
        self._set(
            plan_uuid=plan,
            cycle=chosen_cycle,
            email=self.state.email or draft.email,
            organization_name=draft.organization_name,
            project_name=draft.project_name,
            terms_accepted=(draft.terms_accepted and is_same) or self._has_accepted_terms,
            attempt_key=key,
            notice=tr("Your last try to pay was interrupted. Finish it here; it is charged once at most.")
            if key
            else "",
        )

    def _restore_way(self, kept: str, *, is_tried: bool) -> None:
        """How it was to be paid, as CheckoutState.cart writes it down."""
        options = self.state.options
        if not kept or options is None:
            method = PaymentMethod.WALLET if is_tried else PaymentMethod.CARD
            self._set(method=method, payment_token="", chosen={})
            return
        fresh = new_method(kept)
        method, token = fresh or method_of(options, kept), "" if fresh else kept
        if is_tried or method in options.methods:
            self._set(method=method, payment_token=token, chosen={method: token})
        else:
            self._set(method=PaymentMethod.CARD, payment_token="", chosen={})

    def _restore_terms(self, draft: CartDraft, *, is_same: bool, plan_uuid: str) -> None:
        """Coupon and trial belong to what was in the cart, country and VAT id to who buys."""
        trials = {plan.uuid for plan in self.state.plans if plan.trial_days}
        self._set(
            coupon=draft.coupon.strip().upper() if is_same else "",
            start_trial=draft.start_trial and is_same and plan_uuid in trials,
        )
        if draft.country and not self.state.has_chosen_country:
            self._set(country=draft.country, has_chosen_country=True, vat_id=draft.vat_id, vat_text=draft.vat_id)

    @property
    def _has_accepted_terms(self) -> bool:
        """Who bought before accepted them then, and need not be asked again."""
        return self.state.options is not None and self.state.options.has_accepted_terms

    def buy_again(self, order: Order) -> None:
        """Puts what was taken back into the cart again, with all that was typed for it."""
        self._bridge.run(
            self,
            "again",
            lambda: self._fill_cart(order),
            then=lambda _cart: self.reopened.emit(),
            touches=("cart",),
            initiator=self,
        )

    async def _fill_cart(self, order: Order) -> Cart:
        offering = await self._service.get_offering(order.offering_uuid)
        plan = next((plan.uuid for plan in offering.plans if plan.name == order.plan_name), recommended_plan(offering))
        kept = self.state
        is_known = kept.placed is not None and kept.placed.order_uuid == order.uuid
        draft = kept.cart().draft if is_known else CartDraft()
        draft = replace(
            draft,
            email=order.buyer_email,
            organization_name=order.organization_name,
            project_name=order.project_name,
            terms_accepted=True,
            attempt_key="",
        )
        return await self._service.save_cart(Cart(offering.card.uuid, plan, order.billing_cycle, draft))

    # ---- what is bought

    def select_plan(self, uuid: str) -> None:
        if self._may_change() and uuid != self.state.plan_uuid and any(p.uuid == uuid for p in self.state.plans):
            plan = next(plan for plan in self.state.plans if plan.uuid == uuid)
            for field in ("start_trial", "coupon"):
                self._forget_problem(field)
            self._edit(
                "plan_uuid",
                plan_uuid=uuid,
                start_trial=self.state.start_trial and plan.trial_days > 0,
                coupon=self.state.coupon or self.state.coupon_text.strip().upper(),  # may be for this plan
                coupon_text="",
            )
            self._price()
            if self.state.offering is not None:
                self._record(FunnelStep.PLAN_CHOSEN, self.state.offering.card.uuid)

    def select_cycle(self, cycle: BillingCycle) -> None:
        if self._may_change() and cycle is not self.state.cycle:
            self._edit("cycle", cycle=cycle)
            self._price()

    # ---- who buys

    def type_email(self, text: str) -> None:
        if not self.state.is_busy:
            self._edit("email", email=text)
            self._naming.trigger()

    def type_password(self, text: str) -> None:
        if not self.state.is_busy:
            self._edit("password", password=text)

    def type_organization(self, text: str) -> None:
        """Empty is automatic again."""
        if self._may_change():
            self._edit("organization_name", organization_name=text)
            if self.state.account is not None:
                self._load_details()
                self._price()

    def type_project(self, text: str) -> None:
        if self._may_change():
            self._edit("project_name", project_name=text)

    def type_message(self, text: str) -> None:
        """What to know for a quote; optional."""
        if not self.state.is_busy:
            self._edit("message", message=text)

    def have_account(self) -> None:
        """Sign-in fields instead of sign-up fields; what was typed stays."""
        self._swap_account(AccountMode.EXISTING)

    def new_account(self) -> None:
        self._swap_account(AccountMode.NEW)

    def use_another_account(self) -> None:
        """Signs out; the order stays."""
        if not self.state.is_busy and not self.state.is_locked:
            self._session.sign_out()

    def _swap_account(self, mode: AccountMode) -> None:
        if self.state.account_mode is not AccountMode.SIGNED_IN and not self.state.is_busy:
            self._edit("password", account_mode=mode, left=self.state.left - {"password"})

    # ---- how it is paid

    def choose_method(self, method: PaymentMethod) -> None:
        """Ways that are not open, and a wallet with too little in it, are not taken."""
        if not self._may_change() or self.state.options is None or method not in self.state.options.methods:
            return
        if method is not self.state.method and (method is not PaymentMethod.WALLET or self.state.can_use_wallet):
            token = preselected(self.state.options, method, self.state.chosen)
            is_said = method not in (PaymentMethod.CARD, PaymentMethod.WALLET)  # so that it is there again later
            chosen = {**self.state.chosen, method: token} if is_said else self.state.chosen
            self._forget_problem("payment_token")
            self._edit("payment_method", method=method, payment_token=token, chosen=chosen)
            self._price()

    def choose_card(self, token: str) -> None:
        """One that is on file, a test card, or "" for something new."""
        if self._may_change():
            chosen = {**self.state.chosen, self.state.method: token}
            self._edit("payment_token", payment_token=token, chosen=chosen)

    def save_test_card(self, token: str) -> None:
        """Keeps a card on file for the account and chooses it."""
        if self._may_change():
            self._bridge.run(
                self,
                "save_card",
                lambda: self._service.save_card(token),
                then=self._on_card_saved,
                failed=lambda error: self._set(error=error_text(error)),
            )

    def accept_terms(self, is_accepted: bool) -> None:
        if self._may_change():
            self._edit("terms_accepted", terms_accepted=is_accepted)

    def _on_card_saved(self, card: SavedMethod) -> None:
        self.choose_card(card.token)
        self._load_options()

    # ---- problems and paying

    def leave(self, field: str) -> None:
        """The buyer went out of this field: its problem may be shown now."""
        self._set(left=self.state.left | {field})

    def pay(self) -> None:
        """Buys, starts for free, or asks for a quote; a second press while that runs does nothing."""
        if not self.state.can_pay:
            return
        if self.state.has_unchecked and self._may_change() and not self.state.is_quote:
            shown = self.state.summary
            self.apply_coupon()
            self.apply_vat()
            if self.state.is_pricing or self.state.summary is not shown:
                return  # the sum first
        refused = {name: text for name, text in self.state.refused.items() if name in ("coupon", "vat_id")}
        self._set(has_pressed_pay=True, refused=refused)
        if field := self.state.first_problem_field:
            self.problems_found.emit(field)
            return
        if self.state.is_quote:
            self._ask_quote()
        else:
            self._purchase()

    def dismiss_error(self) -> None:
        if self.state.phase is Phase.FAILED:
            self._set(phase=Phase.IDLE)
        self._set(error=None, notice="")

    # ---- inside

    def _ask_names(self) -> None:
        typed = self.state.account.full_name if self.state.account else self.state.email.strip()
        self._bridge.run(
            self,
            "names",
            lambda: self._service.suggest_names(typed),
            then=self._on_names,
            failed=lambda _error: None,  # the names are made by the service at purchase in any case
            policy="replace",
        )

    def _on_names(self, names: AutoNames) -> None:
        self._set(auto=names)

    def _load_options(self) -> None:
        self._bridge.run(
            self,
            "options",
            lambda: self._service.get_payment_options(),
            then=self._on_options,
            failed=lambda error: self._set(error=self.state.error or error_text(error)),
            policy="replace",
        )

    def _on_options(self, options: PaymentOptions) -> None:
        self._set(options=options)
        if self._has_accepted_terms and not self.state.has_pressed_pay and not self.state.is_locked:
            self._set(terms_accepted=True)
        self._choose_for_buyer()
        if self.state.method not in options.methods and self._may_change():  # the wallet is empty now
            self._set(method=PaymentMethod.CARD)
            self._choose_for_buyer()
            self._price(is_quiet=True)

    def _after_failure(self, error: ServiceError) -> None:
        if not self.state.is_locked:
            self._give_way(error.fields)
            self._price_again()
        if self.state.account is not None:
            self._load_options()  # who signed in on the way to paying may have cards on file
            self._load_details()
            self._ask_names()

    def _choose_for_buyer(self) -> None:
        """A card is chosen already when the buyer comes, unless an attempt is open: that one keeps its card."""
        if self.state.options is not None and not self.state.is_locked and not self.state.is_busy:
            token = preselected(self.state.options, self.state.method, self.state.chosen)
            self._set(payment_token=token)

    def _on_session_changed(self) -> None:
        account = self._session.state.account
        mode = self.state.account_mode
        if account is not None:
            mode = AccountMode.SIGNED_IN
        elif mode is AccountMode.SIGNED_IN:
            mode = AccountMode.EXISTING if self.state.email else AccountMode.NEW
        is_other = (account is None) != (self.state.account is None)
        self._set(account=account, account_mode=mode, password="" if account else self.state.password)
        if is_other and self.state.status is Status.READY and not self.state.is_busy:
            self._load_options()
            self._load_details()
            self._price_again()
            self._ask_names()
            self._keep()

    def _on_bridge_changed(self, change: Change) -> None:
        if change.areas & MOVES_PRICE and change.initiator is not self and self._may_change():
            self._load_options()
            self._load_details()
            self._price_again()
