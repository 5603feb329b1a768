"""What the order costs, and what changes it: trial, coupon, country and VAT id, the way to pay.

The service works every price out. What it does not accept is left out of the next question and stands beside its
field, so that there is always a sum on the button, and the sum that is charged is the one that was shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from services.api.errors import InvalidInput, ServiceError, SumMoved
from services.api.types import BillingDetails, OrderSummary, QuickCheckout
from ui.bridge import Bridge
from ui.text import error_text, field_text
from ui.text.ordering import country_problem, coupon_problem, nothing_missing
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.browser import Browser
from ui.viewmodels.checkout_state import Phase
from ui.viewmodels.purchase import PurchaseViewModel
from ui.viewmodels.session import SessionViewModel

NOTHING_FILED = BillingDetails()


class PricedViewModel(PurchaseViewModel):
    """The part of checkout that knows the price."""

    def __init__(
        self,
        bridge: Bridge,
        holder: ServiceHolder,
        session: SessionViewModel,
        new_key: Callable[[], str],
        browser: Browser | None = None,
    ) -> None:
        super().__init__(bridge, holder, session, new_key, browser)
        self._summaries: dict[QuickCheckout, OrderSummary] = {}
        self._filed = NOTHING_FILED

    # ---- trial

    def choose_trial(self, is_wanted: bool) -> None:
        """Try first, or pay now."""
        if self._may_change() and is_wanted != self.state.start_trial:
            self._edit("start_trial", start_trial=is_wanted and self.state.trial_days > 0)
            self._price()

    # ---- coupon

    def type_coupon(self, text: str) -> None:
        if self._may_change() and text != self.state.coupon_text:
            self._edit("coupon", coupon_text=text)

    def apply_coupon(self) -> None:
        """Asks whether the code that was typed is good; one that was not is not asked again until it is changed."""
        code = self.state.coupon_text.strip().upper()
        if code and self._may_change() and "coupon" not in self.state.refused:
            self._edit("coupon", coupon=code, coupon_text="")
            self._price()

    def remove_coupon(self) -> None:
        if self._may_change():
            self._edit("coupon", coupon="", coupon_text="")
            self._price()

    # ---- tax

    def choose_country(self, code: str) -> None:
        """ISO 3166 alpha-2; empty is what the billing details say. The VAT id is checked again."""
        if not self._may_change() or (code or self._filed.country) == self.state.country:
            return
        self._forget_problem("vat_id")
        vat_id = self.state.vat_text.strip() if code else self._filed.vat_id
        changes = {"vat_id": vat_id, "vat_text": self.state.vat_text if code else vat_id}
        self._edit("country", country=code or self._filed.country, has_chosen_country=bool(code), **changes)
        self._price()

    def type_vat(self, text: str) -> None:
        if self._may_change() and text != self.state.vat_text:
            self._edit("vat_id", vat_text=text, has_chosen_country=bool(self.state.country))

    def apply_vat(self) -> None:
        """Asks whether the VAT id that was typed is good."""
        text = self.state.vat_text.strip()
        if self._may_change() and text != self.state.vat_id and "vat_id" not in self.state.refused:
            self._edit("vat_id", vat_id=text)
            if self.state.country:
                self._price()

    # ---- the price

    def _may_change(self) -> bool:
        is_open = self.state.status is Status.READY and self.state.phase in (Phase.IDLE, Phase.FAILED)
        return is_open and not self.state.is_locked

    def _edit(self, field: str, **changes: object) -> None:
        self._forget_problem(field)
        phase = Phase.IDLE if self.state.phase is Phase.FAILED else self.state.phase
        error = None if self.state.phase is Phase.FAILED and not self.state.is_locked else self.state.error
        self._set(**changes, phase=phase, error=error)
        self._keep()

    def _forget_problem(self, field: str) -> None:
        self._set(refused={name: text for name, text in self.state.refused.items() if name != field})

    def _keep(self) -> None:
        if self.state.status is Status.READY and self.state.phase is not Phase.PLACED:
            self._keeper.later(self.state.cart())

    def _question(self) -> QuickCheckout:
        """What the price depends on: not the card, and who is a guest has no organization yet."""
        request = replace(self.state.request(), payment_token="", project_name="", terms_accepted=False)
        return request if self.state.account is not None else replace(request, organization_name="")

    def _price(self, *, is_quiet: bool = False) -> None:
        """`is_quiet`: the sum that is shown is probably right and stays usable; paying looks once more."""
        request = self._question()
        if known := self._summaries.get(request):
            self._bridge.cancel(self, "price")
            self._set(summary=known, is_pricing=False)
            return
        self._set(is_pricing=self.state.is_pricing or not is_quiet)
        self._bridge.run(
            self,
            "price",
            lambda: self._service.summarize(request),
            then=lambda summary: self._on_priced(request, summary),
            failed=self._on_price_failed,
            policy="replace",
        )

    def _price_again(self) -> None:
        """Something else changed what an order costs, or may have."""
        self._summaries.clear()
        self._price(is_quiet=True)

    def _on_priced(self, request: QuickCheckout, summary: OrderSummary) -> None:
        self._summaries[request] = summary
        self._set(is_pricing=False)
        if not self.state.is_busy:
            self._set(summary=summary)

    def _on_price_failed(self, error: ServiceError) -> None:
        if self.state.is_locked and isinstance(error, InvalidInput):  # its own order may be the reason
            self._set(is_pricing=False)
        elif isinstance(error, InvalidInput) and self._give_way(error.fields):
            self._price()
        else:
            is_owned = error.fields.get("offering_uuid") == "already_used"
            words = nothing_missing() if is_owned else error_text(error)
            self._set(summary=None, is_pricing=False, error=words)

    def _give_way(self, fields: Mapping[str, str]) -> bool:
        """Leaves out what was not accepted and says so beside its field; False when there is nothing to leave out."""
        state, refused = self.state, dict(self.state.refused)
        changes: dict[str, object] = {}
        if "coupon" in fields and state.coupon:
            changes |= {"coupon": "", "coupon_text": state.coupon}
            refused["coupon"] = coupon_problem(fields["coupon"])
        if "start_trial" in fields and state.start_trial:
            changes |= {"start_trial": False}
            refused["start_trial"] = field_text("start_trial", fields["start_trial"])
        if "vat_id" in fields and state.vat_id:
            changes |= {"vat_id": ""}
            refused["vat_id"] = field_text("vat_id", fields["vat_id"])
        if "country" in fields and state.country:
            changes |= {"country": "", "has_chosen_country": False}
            refused["country"] = country_problem(fields["country"])
        self._set(**changes, refused=refused)
        return bool(changes)

    async def _check_price(self) -> None:
        request = self._question()
        now, shown = await self._service.summarize(request), self.state.summary
        if shown is None or _sums(now) != _sums(shown):
            self._summaries = {request: now}
            self._set(summary=now)
            raise SumMoved

    # ---- what the billing details say

    def _load_details(self) -> None:
        """Shows country and VAT id of the organization that buys; the service counts with them by itself."""
        account, name = self.state.account, self.state.organization_name
        organizations = account.organizations if account is not None else ()
        found = [one.uuid for one in organizations if name in ("", one.name)]
        if not found:
            self._bridge.cancel(self, "details")
            self._on_details(NOTHING_FILED)
            return
        self._bridge.run(
            self,
            "details",
            lambda: self._service.get_billing_details(found[0]),
            then=self._on_details,
            failed=lambda _error: None,  # only shown; the price has them in any case
            policy="replace",
        )

    def _on_details(self, details: BillingDetails) -> None:
        self._filed = details
        if not self.state.has_chosen_country and not self.state.vat_text.strip() and not self.state.is_busy:
            self._set(country=details.country, vat_id=details.vat_id, vat_text=details.vat_id)


def _sums(summary: OrderSummary) -> tuple[object, ...]:
    return summary.lines, summary.total, summary.renewal_total
