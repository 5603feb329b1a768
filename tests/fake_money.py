"""What every money area of FakeService stands on: whose books, who pays, what tax."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from services.api.errors import (
    ConfirmationDeclined,
    InvalidInput,
    NotFound,
    PaymentUnknown,
    WrongState,
)
from services.api.money import Money
from services.api.types import (
    Action,
    BillingDetails,
    MovementKind,
    Organization,
    Paid,
    PaymentMethod,
    PaymentState,
    Project,
)
from services.domain import identity
from services.domain.taxes import Treatment, parse_rates, tax_for
from tests.fake_books import Books
from tests.fake_pages import LIFETIME, Pages, is_ours, label_of
from tests.fake_world import DECLINES, Attempt, FakeBase, Page, Payment
from tests.samples import TEST_CARDS

SELLER_COUNTRY = "DE"
_TABLE = Path(__file__).resolve().parent.parent / "resources" / "tax_rates.json"
RATES = parse_rates(json.loads(_TABLE.read_text(encoding="utf-8")))


class FakeMoney(FakeBase):
    """Books of the caller's organizations, and payments with the outcomes of the test cards."""

    @property
    def pages(self) -> Pages:
        """What happens at the provider."""
        return Pages(self.world)

    # ---- whose books

    def _organization(self, name: str = "", project: str = "") -> Books:
        """The books a purchase goes to; the first one makes an organization."""
        user, ids = self._user(), self.world.ids
        choice = identity.choose_organization(user.organizations, name, project, user.full_name)
        organization = choice.organization
        if organization is None:
            organization = Organization(ids.uuid(), choice.name, (Project(ids.uuid(), choice.project_name),))
            user.organizations = (*user.organizations, organization)
        return self._books_of(organization)

    def _books_of(self, organization: Organization) -> Books:
        return self.world.books.setdefault(organization.uuid, Books(organization, lambda: self.world.books.values()))

    def _own_books(self) -> list[Books]:
        return [self._books_of(organization) for organization in self._user().organizations]

    def _readable_books(self) -> list[Books]:
        """One's own; for staff, who have to answer for them, all of them."""
        own = self._own_books()
        is_staff = self._user().email in self.world.staff
        return own + [one for one in self.world.books.values() if is_staff and one not in own]

    def _concerned(self) -> list[Books]:
        """All books for staff; one's own in test mode. NotFound for buyers where money is real."""
        if self._user().email in self.world.staff:
            return list(self.world.books.values())
        if not self.world.is_test_mode:
            raise NotFound
        return self._own_books()

    def _books(self, organization_uuid: str = "") -> Books | None:
        """None: nothing was bought yet. NotFound for a stranger's."""
        own = self._own_books()
        if not organization_uuid:
            return own[0] if own else None
        for books in own:
            if books.organization.uuid == organization_uuid:
                return books
        raise NotFound

    def _need_books(self, organization_uuid: str = "") -> Books:
        return self._books(organization_uuid) or self._organization()

    def _tell(self, books: Books, kind: str, ref: str = "", **params: str | int | None) -> None:
        books.tell(self.world.ids, self.world.clock.now(), kind, params, ref)

    def _credit_transfer(self, books: Books, reference: str, amount: Money) -> None:
        """What came by transfer and pays for nothing."""
        credit = books.grant(self.world.ids, self.world.clock.now(), amount, "transfer", MovementKind.TOP_UP)
        self._tell(books, "transfer_credited", f"credit:{credit.uuid}", number=reference, amount=amount.micros)

    # ---- tax

    def _treatment(self, details: BillingDetails) -> Treatment:
        return tax_for(details.country, details.vat_id, SELLER_COUNTRY, RATES)

    # ---- cards

    def _card_name(self, token: str) -> str:
        for saved in self.world.cards.get(self._owner, []):
            if saved.token == token:
                return label_of(saved.brand, saved.last4, saved.email)
        for card in TEST_CARDS:
            if card.token == token:
                return label_of(card.brand, card.last4)
        return "Visa •••• 4242"

    def _may_pay_with(self, token: str) -> bool:
        own = [card.token for card in self.world.cards.get(self._owner, [])]
        return token in own or token in {card.token for card in TEST_CARDS}

    def _token_problem(self, token: str) -> str:
        if not token:
            return "required"
        return "" if self._may_pay_with(token) else "unknown"

    def _default_card(self) -> str:
        return next((card.token for card in self.world.cards.get(self._owner, []) if card.is_default), "")

    # ---- payments

    def _is_new(self, purpose: str, key: str) -> bool:
        return (self._owner, purpose, key) not in self.world.attempts

    def _page_problems(self, method: PaymentMethod, token: str, return_url: str) -> dict[str, str]:
        """What is wrong with a saved method or, without a token, with a page for one."""
        if token:
            return {"payment_token": self._token_problem(token)}
        if method not in self.world.page_methods:
            is_card = method is PaymentMethod.CARD
            return {"payment_token": "required"} if is_card else {"payment_method": "not_available"}
        return {"return_url": "" if is_ours(return_url) else "not_available"}

    def _open_page(self, uuid: str, method: PaymentMethod, *, saves: bool = True) -> Page:
        """The provider's page for an order, a payment or a setup."""
        world = self.world
        number = len(world.pages) + 1
        url = f"https://{world.page_hosts[0]}/c/pay/cs_fake_{number}" if world.page_hosts else f"/pay/test/{uuid}/"
        world.pages[uuid] = Page(url, method, world.clock.now() + LIFETIME, saves)
        return world.pages[uuid]

    def _begin_debit(self, uuid: str, token: str) -> Page:
        """A bank account on file is debited: days go by."""
        page = self._open_page(uuid, PaymentMethod.BANK, saves=False)
        page.state, page.token = "processing", token
        return page

    def _action(self, uuid: str) -> Action:
        """Where the buyer goes on."""
        page = self.world.pages.get(uuid)
        return Action("redirect", page.url, page.expires_at) if page else Action("redirect", f"/pay/test/{uuid}/")

    def _collect(
        self,
        attempt: Attempt,
        token: str,
        amount: Money,
        books: Books,
        finish: Callable[[], str],
        page: PaymentMethod | None = None,
    ) -> Paid:
        """Charges a card, or opens a page, once per attempt; `finish` does what was paid for. PaymentFailed,
        PaymentUnknown."""
        if attempt.payment:
            return self._payment_now(attempt.payment.payment_uuid)
        if attempt.error:
            raise attempt.error
        outcome = self.world.outcomes[token] if page is None else "page"
        if outcome in DECLINES:
            attempt.error = DECLINES[outcome]()
            raise attempt.error
        if outcome == "lost_before" and not attempt.was_sent:
            attempt.was_sent = True
            raise PaymentUnknown
        uuid = self.world.ids.uuid()
        payment = Payment(self._owner, token, PaymentState.ACTION_REQUIRED, amount, books.organization.uuid, finish)
        self.world.payments[uuid] = payment
        attempt.payment = Paid(uuid, payment.state, amount)
        if page is not None:
            self._open_page(uuid, page)
        if outcome in ("page", "needs_confirmation"):
            return self._payment_now(uuid)
        if outcome == "debits":
            self._begin_debit(uuid, token)
            payment.state = PaymentState.PROCESSING
            return self._payment_now(uuid)
        self._succeed(uuid)
        if outcome == "lost_after":
            raise PaymentUnknown
        return self._payment_now(uuid)

    def _succeed(self, uuid: str) -> Paid:
        payment = self.world.payments[uuid]
        if payment.state is not PaymentState.SUCCEEDED:
            self._charge(self.world.books[payment.books], payment.amount)
            payment.state = PaymentState.SUCCEEDED
            payment.invoice_uuid = payment.finish()
        return self._payment_now(uuid)

    def _payment_now(self, uuid: str) -> Paid:
        """As it is told: how it stands, or why it came to nothing."""
        payment = self.world.payments[uuid]
        if payment.error is not None:
            raise payment.error
        waits = payment.state is PaymentState.ACTION_REQUIRED
        action = self._action(uuid) if waits else None
        return Paid(uuid, payment.state, payment.amount, payment.invoice_uuid, action)

    def _charge(self, books: Books, amount: Money) -> None:
        self.world.charges.append(amount)
        books.paid.append((self.world.clock.now(), amount))

    async def confirm_payment(self, uuid: str, *, approve: bool) -> Paid:
        await self._enter("confirm_payment")
        user, payment = self._user(), self.world.payments.get(uuid)
        if payment is None or payment.owner != user.uuid:
            raise NotFound
        if payment.state is not PaymentState.ACTION_REQUIRED:
            raise WrongState(state=payment.state.value)
        if uuid in self.world.pages:
            self._answer_page(uuid, approve=approve)
        if approve:
            return self._succeed(uuid)
        payment.state, payment.error = PaymentState.FAILED, ConfirmationDeclined(payment_uuid=uuid)
        raise payment.error

    def _answer_page(self, uuid: str, *, approve: bool) -> None:
        """In our own window; what lies elsewhere cannot be answered there."""
        if self.world.page_hosts:
            raise PaymentUnknown
        if approve:
            Pages(self.world).pay(uuid)
        else:
            self.world.pages[uuid].state = "closed"


def tidy_details(details: BillingDetails) -> BillingDetails:
    """As they are kept: a VAT id without spaces, a country in capitals."""
    address = tuple(line.strip() for line in details.address if line.strip())
    return replace(details, name=details.name.strip(), address=address, country=details.country.strip().upper())


def refuse(problems: dict[str, str]) -> None:
    """InvalidInput with those fields that have a problem."""
    if found := {name: code for name, code in problems.items() if code}:
        raise InvalidInput(fields=found)
