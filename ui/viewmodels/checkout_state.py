"""What the checkout page shows, and which of its fields are not right yet. Values only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

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
from ui.text import ErrorText, field_text, money, pay_label, tr
from ui.viewmodels.base import Status

# In the order of the screen, so that the first problem is the topmost.
FIELDS = (
    "plan_uuid",
    "email",
    "message",
    "password",
    "organization_name",
    "project_name",
    "payment_method",
    "payment_token",
    "terms_accepted",
)
PASSWORD_MIN, PASSWORD_MAX, NAME_MAX, EMAIL_MAX = 8, 256, 120, 254  # as services/domain/identity.py has them
MESSAGE_MAX = 4000  # as the service takes it with a request for a quote
NO_NAMES = AutoNames("", "")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_PAID = (BillingModel.SUBSCRIPTION, BillingModel.PAY_PER_USE)


class AccountMode(StrEnum):
    NEW = "new"
    EXISTING = "existing"
    SIGNED_IN = "signed_in"


class Phase(StrEnum):
    IDLE = "idle"
    SIGNING_UP = "signing_up"
    PAYING = "paying"
    CONFIRMING = "confirming"
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
    payment_token: str = field(default="", repr=False)
    has_chosen_card: bool = False  # by hand; otherwise a better one may be preselected later
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
        return self.status is Status.READY and is_priced and self.phase in (Phase.IDLE, Phase.FAILED)

    @property
    def pay_label(self) -> str:
        summary = self.summary
        if self.is_locked and summary is not None and summary.total is not None:
            return tr("Finish purchase – {amount}", amount=money(summary.total))
        return pay_label(summary)

    # ---- problems

    @property
    def all_problems(self) -> dict[str, str]:
        """Everything not right yet, topmost first, shown or not."""
        found = {name: field_text(name, code) for name, code in _problem_codes(self).items()} | dict(self.refused)
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
        return next(iter(self.problems), "")

    # ---- what is sent and kept

    def request(self) -> QuickCheckout:
        return QuickCheckout(
            offering_uuid=self.offering.card.uuid if self.offering else "",
            plan_uuid=self.plan_uuid,
            payment_method=self.method,
            payment_token=self.payment_token if self.needs_payment else "",
            organization_name=self.organization_name.strip(),
            project_name=self.project_name.strip(),
            billing_cycle=self.cycle,
            terms_accepted=self.terms_accepted,
        )

    def cart(self) -> Cart:
        """What is kept of this page. Never the password."""
        draft = CartDraft(
            email=self.email.strip(),
            organization_name=self.organization_name,
            project_name=self.project_name,
            payment_token=self.payment_token if self.has_chosen_card or self.attempt_key else "",
            terms_accepted=self.terms_accepted,
            attempt_key=self.attempt_key,
        )
        return Cart(self.offering.card.uuid if self.offering else "", self.plan_uuid, self.cycle, draft)


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
        codes["terms_accepted"] = "" if state.terms_accepted else "must_accept"
        codes |= _payment_codes(state)
    return {name: code for name, code in codes.items() if code}


def _payment_codes(state: CheckoutState) -> dict[str, str]:
    if not state.needs_payment or state.options is None:
        return {}
    return {
        "payment_method": "" if state.method in state.options.methods else "not_available",
        "payment_token": "" if state.payment_token else "required",
    }


def preselected_card(options: PaymentOptions, wanted: str) -> str:
    """The wanted card when it is there, else the default saved one, else in test mode the test card that pays."""
    saved = [card.token for card in options.saved_cards]
    tests = [card.token for card in options.test_cards] if options.is_test_mode else []
    if wanted in (*saved, *tests):
        return wanted
    defaults = [card.token for card in options.saved_cards if card.is_default]
    paying = [card.token for card in options.test_cards if card.outcome == "pays"] if options.is_test_mode else []
    return (defaults or saved or paying or [""])[0]
