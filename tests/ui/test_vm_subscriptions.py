"""The list of subscriptions and the quotes beside it: what is read, when it is read again, what each answer does."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from services.api.errors import (
    InvalidInput,
    NotFound,
    Offline,
    PaymentUnknown,
    ServiceError,
    SessionExpired,
    WrongState,
)
from services.api.money import Money, Rate
from services.api.types import (
    BillingCycle,
    ChangeAction,
    Placed,
    Quote,
    QuoteState,
    QuoteTerms,
    RequestQuote,
    SubscriptionState,
)
from tests.fakes import FakeService
from tests.samples import CUSTOMER_CARE, EXPENSE_AUDITOR, NOW
from tests.ui.subscription_help import ENTERPRISE, YEARLY, Owner, Run
from ui.bridge import Bridge
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.plan_change import PlanChangeViewModel
from ui.viewmodels.quotes import AnswerDraft, QuotesViewModel
from ui.viewmodels.session import SessionViewModel
from ui.viewmodels.subscriptions import SubscriptionsState, SubscriptionsViewModel

NewKey = Callable[[], str]


@pytest.fixture
def vm(bridge: Bridge, holder: ServiceHolder) -> SubscriptionsViewModel:
    return SubscriptionsViewModel(bridge, holder)


@pytest.fixture
def owner(
    bridge: Bridge, holder: ServiceHolder, signed_in: SessionViewModel, new_key: NewKey, run: Run, qtbot: QtBot
) -> Owner:
    return Owner(PlanChangeViewModel(bridge, holder, new_key), holder, run, qtbot)


def load(vm: SubscriptionsViewModel, owner: Owner) -> SubscriptionsState:
    vm.load()
    owner.wait(lambda: vm.state.status in (Status.READY, Status.EMPTY))
    return vm.state


# ---- the list


def test_guest_is_not_read_for(vm: SubscriptionsViewModel, service: FakeService) -> None:
    vm.load()
    assert (vm.state.status, vm.state.is_guest) == (Status.EMPTY, True)
    assert service.calls == []


def test_nothing_bought_is_empty(vm: SubscriptionsViewModel, owner: Owner) -> None:
    state = load(vm, owner)
    assert (state.status, state.is_guest, state.items) == (Status.EMPTY, False, ())


def test_what_is_charged_first_is_known(vm: SubscriptionsViewModel, owner: Owner) -> None:
    owner.buy("pro", YEARLY)
    owner.buy("starter", offering=EXPENSE_AUDITOR)
    state = load(vm, owner)
    nearest = state.next_to_charge
    assert nearest is not None
    assert (nearest.offering_name, nearest.next_charge) == ("Expense Auditor", Money.parse("29"))
    assert (state.now, state.running_count) == (NOW, 2)
    agent = state.items[0].resources[0].uuid
    assert state.cards[agent].name == "Expense Auditor"


def test_what_waits_for_a_payment_comes_first_with_its_sum(vm: SubscriptionsViewModel, owner: Owner) -> None:
    owner.buy()
    owner.fall_behind()
    owner.buy("pro", offering=EXPENSE_AUDITOR)
    state = load(vm, owner)
    assert [one.offering_name for one in state.running] == ["Customer Care", "Expense Auditor"]
    assert dict(state.unpaid) == {state.running[0].uuid: Money.parse("29")}


def test_what_ended_stands_apart(vm: SubscriptionsViewModel, owner: Owner) -> None:
    owner.buy()
    owner.do(ChangeAction.CANCEL_NOW)
    state = load(vm, owner)
    assert (state.status, state.running, len(state.ended), state.running_count) == (Status.READY, (), 1, 0)
    vm.show_ended(True)
    assert vm.state.has_ended_shown


@pytest.mark.parametrize(
    ("text", "found"),
    [("", 2), ("  ", 2), ("expense", 1), ("AUDITOR pro", 1), ("starter customer", 1), ("ada's", 2), ("pro care", 0)],
)
def test_search_looks_at_every_name(vm: SubscriptionsViewModel, owner: Owner, text: str, found: int) -> None:
    owner.buy("starter")
    owner.buy("pro", offering=EXPENSE_AUDITOR)
    load(vm, owner)
    vm.search(text)
    assert len(vm.state.running) == found
    assert vm.state.running_count == 2


def test_change_elsewhere_is_read_again_without_asking(
    vm: SubscriptionsViewModel, owner: Owner, bridge: Bridge
) -> None:
    owner.buy()
    load(vm, owner)
    owner.do(ChangeAction.CANCEL_AT_END)
    bridge.announce("subscriptions")
    owner.wait(lambda: vm.state.items[0].pending is not None)


@pytest.mark.parametrize("area", ["catalogue", "cart", "chat"])
def test_other_changes_are_none_of_its_business(
    vm: SubscriptionsViewModel, owner: Owner, bridge: Bridge, area: str
) -> None:
    load(vm, owner)
    before = list(owner.service.calls)
    bridge.announce(area)  # type: ignore[arg-type] # one of the areas
    assert not bridge.is_running(vm, "load")
    assert owner.service.calls == before


def test_resting_reads_nothing(vm: SubscriptionsViewModel, owner: Owner, bridge: Bridge) -> None:
    load(vm, owner)
    vm.rest()
    bridge.announce("subscriptions")
    assert not bridge.is_running(vm, "load")


def test_failure_later_leaves_the_list(vm: SubscriptionsViewModel, owner: Owner) -> None:
    owner.buy()
    load(vm, owner)
    owner.service.fail("list_subscriptions", Offline())
    vm.load()
    owner.wait(lambda: vm.state.error is not None)
    assert (vm.state.status, len(vm.state.items)) == (Status.READY, 1)
    vm.retry()
    assert (vm.state.status, vm.state.error) == (Status.READY, None)  # what is known stays in sight


def test_first_failure_is_an_error(vm: SubscriptionsViewModel, owner: Owner) -> None:
    owner.service.fail("get_timeline", Offline())
    vm.load()
    owner.wait(lambda: vm.state.status is Status.ERROR)


def test_signing_out_forgets_the_list(
    vm: SubscriptionsViewModel, owner: Owner, signed_in: SessionViewModel, qtbot: QtBot
) -> None:
    owner.buy()
    load(vm, owner)
    with qtbot.waitSignal(signed_in.signed_out):
        signed_in.sign_out()
    assert (vm.state.is_guest, vm.state.items) == (True, ())


def test_suspended_counts_as_going_on(vm: SubscriptionsViewModel, owner: Owner) -> None:
    owner.buy()
    owner.fall_behind()
    owner.service.run_until(owner.service.world.clock.now().replace(year=2026, month=5, day=1))
    assert owner.is_in(SubscriptionState.SUSPENDED)
    assert load(vm, owner).running_count == 1


# ---- quotes


class Buyer:
    """Somebody who asked for a price."""

    def __init__(self, vm: QuotesViewModel, owner: Owner, run: Run) -> None:
        self.vm, self.owner, self._run = vm, owner, run
        self.placed: list[object] = []
        self.fields: list[str] = []
        vm.placed.connect(self.placed.append)
        vm.problems_found.connect(self.fields.append)
        self.ask()

    def ask(self) -> str:
        request = RequestQuote(CUSTOMER_CARE.card.uuid, ENTERPRISE.uuid, "ada@example.com", "for 40 people")
        return str(self._run(self.owner.service.request_quote(request)).uuid)

    def offer(self, **terms: object) -> None:
        good = QuoteTerms(Money.parse("450"), NOW.replace(month=4))
        self._run(self.owner.service.offer_quote(self.uuid, replace(good, **terms)))  # type: ignore[arg-type] # by name
        self.load()

    def load(self) -> None:
        self.vm.load()
        self.owner.wait(lambda: self.vm.state.items and not self.vm._bridge.is_running(self.vm, "load"))

    @property
    def uuid(self) -> str:
        return next(iter(self.owner.service.world.offers))

    @property
    def quote(self) -> Quote:
        found = self.vm.state.find(self.uuid)
        assert found is not None
        return found

    @property
    def draft(self) -> AnswerDraft:
        assert self.vm.state.answer is not None
        return self.vm.state.answer


@pytest.fixture
def buyer(bridge: Bridge, holder: ServiceHolder, owner: Owner, new_key: NewKey, run: Run) -> Buyer:
    made = Buyer(QuotesViewModel(bridge, holder, new_key), owner, run)
    made.load()
    return made


def test_offers_come_before_requests(buyer: Buyer) -> None:
    buyer.ask()
    buyer.offer()
    assert [one.state for one in buyer.vm.state.open] == [QuoteState.OFFERED, QuoteState.REQUESTED]
    assert buyer.vm.state.closed == ()


def test_accepting_makes_one_order(buyer: Buyer) -> None:
    buyer.offer()
    buyer.vm.accept(buyer.uuid)
    buyer.vm.accept(buyer.uuid)
    assert buyer.vm.state.busy == buyer.uuid
    buyer.owner.wait(lambda: buyer.placed)
    (placed,) = buyer.placed
    assert isinstance(placed, Placed)
    assert placed.resource_uuid
    assert buyer.owner.service.calls.count("accept_quote") == 1
    buyer.owner.wait(lambda: buyer.quote.state is QuoteState.ACCEPTED)
    assert buyer.vm.state.busy == ""


def test_acceptance_of_unknown_outcome_is_asked_again_with_its_key(buyer: Buyer) -> None:
    buyer.offer()
    buyer.owner.service.fail("accept_quote", PaymentUnknown())
    buyer.vm.accept(buyer.uuid)
    buyer.owner.wait(lambda: buyer.uuid in buyer.vm.state.errors)
    assert buyer.vm._keys == {buyer.uuid: "key-1"}
    buyer.vm.accept(buyer.uuid)
    assert buyer.vm.state.errors == {}
    buyer.owner.wait(lambda: buyer.placed)
    assert buyer.vm._keys == {}


def test_offer_that_ran_out_says_so_beside_itself(buyer: Buyer) -> None:
    buyer.offer()
    buyer.owner.service.fail("accept_quote", WrongState(state="expired"))
    buyer.vm.accept(buyer.uuid)
    buyer.owner.wait(lambda: buyer.uuid in buyer.vm.state.errors)
    assert buyer.vm.state.errors[buyer.uuid].code == "wrong_state"
    assert (buyer.vm.state.busy, buyer.vm._keys, buyer.placed) == ("", {}, [])


def test_declining(buyer: Buyer) -> None:
    buyer.offer()
    buyer.vm.decline(buyer.uuid)
    buyer.owner.wait(lambda: buyer.quote.state is QuoteState.DECLINED)
    assert buyer.vm.state.busy == ""


def answer(buyer: Buyer, **changes: object) -> None:
    buyer.vm.start_answer(buyer.uuid)
    buyer.vm.edit_answer("monthly_price", price_text="$1,200.50")
    if changes:
        buyer.vm.edit_answer("included_calls", **changes)


def test_sales_sets_price_and_terms(buyer: Buyer) -> None:
    answer(buyer, is_unlimited=False, calls_text="50,000", overage_text="0.006", cycle=YEARLY, valid_days=14,
           net_days_text="45", note=" by hand ")  # fmt: skip
    buyer.vm.send_answer()
    buyer.owner.wait(lambda: buyer.vm.state.answer is None)
    terms = buyer.quote.terms
    assert terms is not None
    assert terms == QuoteTerms(
        Money.parse("1200.50"), NOW.replace(day=28), BillingCycle.YEARLY, 50_000, Rate(6_000), 45, "by hand"
    )


def test_unlimited_calls_have_no_price_beyond(buyer: Buyer) -> None:
    answer(buyer, calls_text="50", overage_text="0.01", is_unlimited=True)
    buyer.vm.send_answer()
    buyer.owner.wait(lambda: buyer.vm.state.answer is None)
    terms = buyer.quote.terms
    assert terms is not None
    assert (terms.included_calls, terms.overage) == (None, None)


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"price_text": " "}, "monthly_price", "required"),
        ({"price_text": "much"}, "monthly_price", "amount_invalid"),
        ({"price_text": "0"}, "monthly_price", "too_small"),
        ({"price_text": "-5"}, "monthly_price", "amount_invalid"),
        ({"price_text": "1.005"}, "monthly_price", "amount_invalid"),
        ({"price_text": "NaN"}, "monthly_price", "amount_invalid"),
        ({"is_unlimited": False}, "included_calls", "required"),
        ({"is_unlimited": False, "calls_text": "0"}, "included_calls", "out_of_range"),
        ({"is_unlimited": False, "calls_text": "1.5"}, "included_calls", "out_of_range"),
        ({"is_unlimited": False, "calls_text": "1000000001"}, "included_calls", "out_of_range"),
        ({"is_unlimited": False, "calls_text": "5", "overage_text": "x"}, "overage", "amount_invalid"),
        ({"is_unlimited": False, "calls_text": "5", "overage_text": "9" * 23}, "overage", "amount_invalid"),
        ({"net_days_text": ""}, "net_days", "required"),
        ({"net_days_text": "366"}, "net_days", "out_of_range"),
        ({"note": "x" * 4001}, "note", "too_long"),
    ],
)
def test_wrong_terms_are_said_beside_their_field(
    buyer: Buyer, changes: dict[str, object], field: str, code: str
) -> None:
    answer(buyer, **changes)
    assert buyer.draft.problems == {}
    buyer.vm.send_answer()
    assert buyer.fields == [field]
    assert buyer.draft.problems[field] == code
    assert "offer_quote" not in buyer.owner.service.calls


@pytest.mark.parametrize(
    "changes",
    [{"price_text": "0.01"}, {"is_unlimited": False, "calls_text": "1"}, {"net_days_text": "1"},
     {"net_days_text": "365"}, {"is_unlimited": False, "calls_text": "1,000,000,000"}, {"note": "x" * 4000}],
)  # fmt: skip
def test_terms_at_the_edge_are_taken(buyer: Buyer, changes: dict[str, object]) -> None:
    answer(buyer, **changes)
    assert buyer.draft.problems_all == {}


def test_refused_terms_keep_what_was_typed(buyer: Buyer) -> None:
    answer(buyer)
    buyer.owner.service.fail("offer_quote", InvalidInput(fields={"net_days": "out_of_range"}))
    buyer.vm.send_answer()
    buyer.owner.wait(lambda: buyer.draft.refused)
    assert (buyer.draft.price_text, buyer.fields) == ("$1,200.50", ["net_days"])
    buyer.vm.edit_answer("net_days", net_days_text="20")
    assert buyer.draft.problems == {}


def test_form_is_not_lost_when_the_service_is_away(buyer: Buyer) -> None:
    answer(buyer)
    buyer.owner.service.fail("offer_quote", Offline())
    buyer.vm.send_answer()
    buyer.vm.close_answer()  # not while it is on its way
    assert buyer.draft.is_sending
    buyer.owner.wait(lambda: buyer.draft.error is not None)
    buyer.vm.send_answer()
    buyer.owner.wait(lambda: buyer.vm.state.answer is None)


def test_only_who_may_answer_gets_the_form(buyer: Buyer, run: Run) -> None:
    owner, quote = buyer.owner.service.world.offers[buyer.uuid]
    buyer.owner.service.world.offers[buyer.uuid] = (owner, replace(quote, can_answer=False))
    buyer.load()
    buyer.vm.start_answer(buyer.uuid)
    assert buyer.vm.state.answer is None


@pytest.mark.parametrize("error", [Offline(), NotFound()])
def test_failure_to_read_quotes_is_tried_again(
    bridge: Bridge, holder: ServiceHolder, new_key: NewKey, buyer: Buyer, error: ServiceError
) -> None:
    fresh = QuotesViewModel(bridge, holder, new_key)
    buyer.owner.service.fail("list_quotes", error)
    fresh.load()
    buyer.owner.wait(lambda: fresh.state.status is Status.ERROR)
    fresh.retry()
    buyer.owner.wait(lambda: fresh.state.status is Status.READY)


def test_guests_have_no_quotes(bridge: Bridge, holder: ServiceHolder, new_key: NewKey) -> None:
    vm = QuotesViewModel(bridge, holder, new_key)
    vm.load()
    assert (vm.state.status, vm.state.is_guest) == (Status.EMPTY, True)


def test_session_that_ran_out_is_an_error_to_retry(vm: SubscriptionsViewModel, owner: Owner) -> None:
    owner.service.fail("list_subscriptions", SessionExpired())
    vm.load()
    owner.wait(lambda: vm.state.status is Status.ERROR)
