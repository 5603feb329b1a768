"""What the checkout page shows, and which of its fields are not right yet. Values only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from services.api.money import Money
from services.api.types import (
    Account,
    AutoNames,
    BillingCycle,
    BillingModel,
    Cart,
    CartDraft,
    Offering,
    OrderSummary,
    PaymentMethod,
    PaymentOptions,
    Placed,
    Plan,
    QuickCheckout,
)
from ui.text import ErrorText, field_text, pay_label, tr
from ui.text.methods import new_token
from ui.text.ordering import country_problem, form_of
from ui.text.paying import page_label, transfer_label
from ui.viewmodels.base import Status

# In the order of the screen, so that the first problem is the topmost.
FIELDS = (
    "plan_uuid",
    "start_trial",
    "coupon",
    "email",
    "message",
    "password",
    "organization_name",
    "project_name",
    "country",
    "vat_id",
    "payment_method",
    "payment_token",
    "terms_accepted",
)
PASSWORD_MIN, PASSWORD_MAX, NAME_MAX, EMAIL_MAX = 8, 256, 120, 254  # as services/domain/identity.py has them
CODE_MAX, VAT_MAX = 64, 32
MESSAGE_MAX = 4000  # as the service takes it with a request for a quote
NO_NAMES = AutoNames("", "")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_PAID = (BillingModel.SUBSCRIPTION, BillingModel.PAY_PER_USE)
PAGED = (PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL)  # given on a page, and kept for the next time
WITHOUT_TOKEN = (*PAGED, PaymentMethod.INVOICE)


class AccountMode(StrEnum):
    NEW = "new"
    EXISTING = "existing"
    SIGNED_IN = "signed_in"


class Phase(StrEnum):
    IDLE = "idle"
    SIGNING_UP = "signing_up"
    PAYING = "paying"
    CONFIRMING = "confirming"  # the page is in our own window
    AT_PROVIDER = "at_provider"  # the page is in the browser
    FAILED = "failed"
    PLACED = "placed"


@dataclass(frozen=True, slots=True)
class CheckoutState:
    status: Status = Status.LOADING
    offering: Offering | None = None
    plan_uuid: str = ""
    cycle: BillingCycle = BillingCycle.YEARLY
    summary: OrderSummary | None = None
    is_pricing: bool = False  # the summary is of an earlier choice until the service has answered
    options: PaymentOptions | None = None
    account_mode: AccountMode = AccountMode.NEW
    account: Account | None = None
    email: str = ""
    password: str = field(default="", repr=False)
    organization_name: str = ""  # as typed; empty: automatic
    project_name: str = ""
    message: str = ""  # what the buyer would like to say with a request for a quote
    auto: AutoNames = NO_NAMES
    method: PaymentMethod = PaymentMethod.CARD
    payment_token: str = field(default="", repr=False)  # "": what is new, given on a page
    chosen: Mapping[PaymentMethod, str] = field(default_factory=dict, repr=False)  # by hand, the last token of each
    start_trial: bool = False
    coupon: str = ""  # accepted, or being asked about
    coupon_text: str = ""  # as typed, not accepted (yet)
    country: str = ""  # ISO 3166 alpha-2
    has_chosen_country: bool = False  # by hand; otherwise it comes from the billing details
    vat_id: str = ""  # as the price knows it
    vat_text: str = ""  # as typed
    terms_accepted: bool = False
    left: frozenset[str] = frozenset()  # fields the buyer has been in and left
    has_pressed_pay: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)  # field -> sentence, from the service, until edited
    phase: Phase = Phase.IDLE
    attempt_key: str = ""  # of an attempt whose outcome is not known
    order_uuid: str = ""
    action_url: str = ""
    error: ErrorText | None = None
    notice: str = ""
    placed: Placed | None = None
    quote_sent: bool = False

    # ---- the choice

    @property
    def plans(self) -> tuple[Plan, ...]:
        return self.offering.plans if self.offering else ()

    @property
    def plan(self) -> Plan | None:
        return next((plan for plan in self.plans if plan.uuid == self.plan_uuid), None)

    @property
    def has_cycles(self) -> bool:
        """Whether any plan here can be paid by the month or by the year."""
        return any(plan.billing_model is BillingModel.SUBSCRIPTION for plan in self.plans)

    @property
    def is_quote(self) -> bool:
        return self.plan is not None and self.plan.billing_model is BillingModel.QUOTE

    @property
    def needs_payment(self) -> bool:
        return self.plan is not None and self.plan.billing_model in _PAID

    @property
    def is_per_use(self) -> bool:
        return self.plan is not None and self.plan.billing_model is BillingModel.PAY_PER_USE

    @property
    def trial_days(self) -> int:
        """The trial that can be chosen here and now; 0 for none."""
        return self.summary.trial_days if self.summary is not None else 0

    @property
    def takes_coupons(self) -> bool:
        """Codes lower the price of plans with a price."""
        return self.plan is not None and self.plan.billing_model is BillingModel.SUBSCRIPTION

    @property
    def applied_coupon(self) -> str:
        """The code the sum counts with; empty while it is being asked about."""
        lines = self.summary.lines if self.summary is not None else ()
        codes = [line.params.get("code") for line in lines if (line.kind, line.label) == ("discount", "coupon")]
        return self.coupon if self.coupon in codes else ""

    @property
    def is_wallet(self) -> bool:
        return self.method is PaymentMethod.WALLET and self.needs_payment

    @property
    def has_chosen_card(self) -> bool:
        """By hand; otherwise a better one may be preselected later."""
        return self.method in self.chosen

    @property
    def has_pages(self) -> bool:
        """Whether something new is given on a page of a provider, in the browser."""
        return self.options is not None and bool(self.options.page_hosts)

    @property
    def takes_new(self) -> bool:
        """Whether the chosen way can be paid with something that is not on file yet."""
        return self.method in PAGED and (self.has_pages or self.method is not PaymentMethod.CARD)

    @property
    def opens_page(self) -> bool:
        """Whether paying goes on on a page."""
        return self.needs_payment and self.takes_new and not self.payment_token

    @property
    def wallet_balance(self) -> Money | None:
        """None for a guest."""
        return self.options.wallet_balance if self.options is not None else None

    @property
    def wallet_needed(self) -> Money | None:
        """What the wallet would pay for this order: the price without tax, which was paid with the credit."""
        if self.summary is None or self.summary.total is None:
            return None
        prices = [line.amount for line in self.summary.lines if line.kind != "tax"]
        return sum(prices, Money.zero(self.summary.total.currency))

    @property
    def can_use_wallet(self) -> bool:
        balance, needed = self.wallet_balance, self.wallet_needed
        is_offered = self.options is not None and PaymentMethod.WALLET in self.options.methods
        return is_offered and balance is not None and (needed is None or not balance < needed)

    @property
    def has_unchecked(self) -> bool:
        """Whether a code or VAT id was typed that the price does not know yet."""
        is_code = bool(self.coupon_text.strip()) and self.takes_coupons and "coupon" not in self.refused
        return is_code or (self.vat_text.strip() != self.vat_id and "vat_id" not in self.refused)

    # ---- account

    @property
    def organization_shown(self) -> str:
        """The name as typed, the one the account has, or "Auto: …"."""
        if self.organization_name:
            return self.organization_name
        if self.account and self.account.organizations:
            return self.account.organizations[0].name
        return tr("Auto: {name}", name=self.auto.organization_name) if self.auto.organization_name else tr("Auto")

    @property
    def project_shown(self) -> str:
        if self.project_name:
            return self.project_name
        if self.account and self.account.organizations and self.account.organizations[0].projects:
            return self.account.organizations[0].projects[0].name
        return tr("Auto: {name}", name=self.auto.project_name) if self.auto.project_name else tr("Auto")

    # ---- paying

    @property
    def is_busy(self) -> bool:
        return self.phase in (Phase.SIGNING_UP, Phase.PAYING)

    @property
    def is_locked(self) -> bool:
        """An attempt may have been charged: what was ordered cannot change until its outcome is known."""
        return bool(self.attempt_key) and self.phase is not Phase.PLACED

    @property
    def can_pay(self) -> bool:
        is_priced = self.summary is not None and not self.is_pricing
        is_ready = self.status is Status.READY and self.phase in (Phase.IDLE, Phase.FAILED)
        return is_ready and (is_priced or self.is_locked)

    @property
    def pay_label(self) -> str:
        summary = self.summary
        if not self.is_locked and self.opens_page and self.has_pages:
            return page_label(self.method, summary)
        if not self.is_locked and self.method is PaymentMethod.INVOICE and self._owes:
            return transfer_label(summary)
        if not self.is_locked:
            return pay_label(summary)
        if summary is None or summary.total is None:
            return tr("Finish purchase")
        return tr("Finish purchase – {amount}", amount=form_of(summary)(summary.total))

    @property
    def _owes(self) -> bool:
        total = self.summary.total if self.summary is not None else None
        return self.needs_payment and total is not None and not total.is_zero

    # ---- problems

    @property
    def all_problems(self) -> dict[str, str]:
        """Everything not right yet, topmost first, shown or not."""
        found = {name: _sentence(name, code) for name, code in _problem_codes(self).items()} | dict(self.refused)
        return {name: found[name] for name in (*FIELDS, *found) if name in found}

    @property
    def problems(self) -> dict[str, str]:
        """What stands beside its field now: after it was left, after pay was pressed, or after the service said so."""
        return {
            name: sentence
            for name, sentence in self.all_problems.items()
            if self.has_pressed_pay or name in self.left or name in self.refused
        }

    @property
    def first_problem_field(self) -> str:
        """What must be mended before paying; a code that was not accepted only costs its discount."""
        return next((name for name in self.problems if name != "coupon"), "")

    # ---- what is sent and kept

    def request(self) -> QuickCheckout:
        return QuickCheckout(
            offering_uuid=self.offering.card.uuid if self.offering else "",
            plan_uuid=self.plan_uuid,
            payment_method=self.method,
            payment_token=self.payment_token if self.needs_payment and self.method in PAGED else "",
            organization_name=self.organization_name.strip(),
            project_name=self.project_name.strip(),
            billing_cycle=self.cycle,
            terms_accepted=self.terms_accepted,
            coupon=self.coupon if self.takes_coupons else "",
            start_trial=self.start_trial,
            country=self.country if self.has_chosen_country else "",
            vat_id=self.vat_id if self.has_chosen_country else "",
        )

    def cart(self) -> Cart:
        """What is kept of this page. Never the password."""
        is_tried = bool(self.attempt_key)  # the same is sent again, so all of it is kept
        draft = CartDraft(
            email=self.email.strip(),
            organization_name=self.organization_name,
            project_name=self.project_name,
            payment_token=self._kept_token,
            terms_accepted=self.terms_accepted,
            coupon=self.coupon if is_tried else self.coupon or self.coupon_text.strip(),
            country=self.country if self.has_chosen_country else "",
            vat_id=self.vat_id if is_tried else self.vat_text.strip() if self.has_chosen_country else "",
            start_trial=self.start_trial,
            attempt_key=self.attempt_key,
        )
        return Cart(self.offering.card.uuid if self.offering else "", self.plan_uuid, self.cycle, draft)

    @property
    def _kept_token(self) -> str:
        """What was chosen, as it is known again: a token, the way without one, and for the wallet none."""
        if self.is_wallet or not (self.has_chosen_card or self.attempt_key):
            return ""
        return self.payment_token or (new_token(self.method) if self.method in WITHOUT_TOKEN else "")


def email_code(email: str) -> str:
    """What is wrong with an address as far as can be seen from here; empty when nothing."""
    text = email.strip()
    if not text:
        return "required"
    is_odd = len(text) > EMAIL_MAX or ".." in text or not _EMAIL.fullmatch(text)
    return "email_invalid" if is_odd else ""


def password_code(password: str, *, is_new: bool) -> str:
    """What is wrong with a password; an existing one may have any length."""
    if not password:
        return "required"
    if is_new and len(password) < PASSWORD_MIN:
        return "password_short"
    return "password_long" if is_new and len(password) > PASSWORD_MAX else ""


def _problem_codes(state: CheckoutState) -> dict[str, str]:
    is_guest = state.account_mode is not AccountMode.SIGNED_IN
    codes = {"plan_uuid": "" if state.plan else "required"}
    if is_guest:
        codes["email"] = email_code(state.email)
    if state.is_quote:
        codes["message"] = "too_long" if len(state.message.strip()) > MESSAGE_MAX else ""
    else:
        if is_guest:
            codes["password"] = password_code(state.password, is_new=state.account_mode is AccountMode.NEW)
        codes["organization_name"] = "too_long" if len(state.organization_name.strip()) > NAME_MAX else ""
        codes["project_name"] = "too_long" if len(state.project_name.strip()) > NAME_MAX else ""
        codes["country"] = "required" if state.vat_text.strip() and not state.country else ""
        codes["terms_accepted"] = "" if state.terms_accepted else "must_accept"
        codes |= _payment_codes(state)
    return {name: code for name, code in codes.items() if code}


def _payment_codes(state: CheckoutState) -> dict[str, str]:
    if not state.needs_payment or state.options is None or state.is_locked:
        return {}
    if state.is_wallet:
        return {"payment_method": "" if state.can_use_wallet else "insufficient_credit"}
    is_given = bool(state.payment_token) or state.takes_new or state.method is PaymentMethod.INVOICE
    return {
        "payment_method": "" if state.method in state.options.methods else "not_available",
        "payment_token": "" if is_given else "required",
    }


def _sentence(field: str, code: str) -> str:
    return country_problem(code) if field == "country" else field_text(field, code)


def preselected(options: PaymentOptions, method: PaymentMethod, chosen: Mapping[PaymentMethod, str]) -> str:
    """What pays when the buyer comes: what was chosen, else what is on file of this kind, the default first, else
    something new. Where no page is hosted, a card in test mode is the test card that pays."""
    if method not in PAGED:
        return ""
    saved = [one for one in options.saved_methods if one.method is method]
    tests = options.test_cards if method is PaymentMethod.CARD and options.is_test_mode else ()
    takes_new = bool(options.page_hosts) or method is not PaymentMethod.CARD
    known = {one.token for one in saved} | {card.token for card in tests} | ({""} if takes_new else set())
    if chosen.get(method) in known:
        return chosen[method]
    works = sorted((one for one in saved if one.expiry != "expired"), key=lambda one: not one.is_default)
    paying = [] if takes_new else [card.token for card in tests if card.outcome == "pays"]
    return ([one.token for one in works] or paying or [""])[0]


def method_of(options: PaymentOptions, token: str) -> PaymentMethod:
    """What kind a saved method is; a test card is a card."""
    return next((one.method for one in options.saved_methods if one.token == token), PaymentMethod.CARD)


def preselected_card(options: PaymentOptions, wanted: str) -> str:
    """The wanted card when it is there, else the default saved one, else in test mode the test card that pays."""
    saved = [card.token for card in options.saved_methods]
    tests = [card.token for card in options.test_cards] if options.is_test_mode else []
    if wanted in (*saved, *tests):
        return wanted
    defaults = [card.token for card in options.saved_methods if card.is_default]
    paying = [card.token for card in options.test_cards if card.outcome == "pays"] if options.is_test_mode else []
    return (defaults or saved or paying or [""])[0]
