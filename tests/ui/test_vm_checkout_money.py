"""What changes the price at checkout: trial, code, country and VAT id, wallet; and that no other sum is charged."""

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot

from services.api.contract import Actor
from services.api.errors import InvalidInput
from services.api.money import Money
from services.api.types import BillingCycle, BillingDetails, PaymentMethod, Register, TopUp
from tests.fakes import PASSWORD, FakeService
from tests.samples import CUSTOMER_CARE, EXPENSE_AUDITOR, SUPPORT_BUNDLE
from tests.ui.checkout_help import CARDS, ENTERPRISE, FREE, PER_USE, PRO, STARTER, Buyer, Run, kept_cart
from ui.bridge import Bridge
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.checkout import CheckoutViewModel
from ui.viewmodels.checkout_state import Phase
from ui.viewmodels.session import SessionViewModel

MONTHLY = BillingCycle.MONTHLY
GERMAN_ID = "DE136695976"


@pytest.fixture
def buyer(
    bridge: Bridge,
    holder: ServiceHolder,
    session: SessionViewModel,
    service: FakeService,
    new_key: Callable[[], str],
    qtbot: QtBot,
) -> Buyer:
    return Buyer(CheckoutViewModel(bridge, holder, session, new_key), service, qtbot)


def settled(buyer: Buyer) -> None:
    buyer.wait(lambda: not buyer.state.is_pricing)


def total(buyer: Buyer) -> str:
    assert buyer.state.summary is not None
    return buyer.state.pay_label.rpartition(" – ")[2]


def top_up(holder: ServiceHolder, run: Run, amount: str) -> None:
    run(holder.service.top_up(TopUp(Money.parse(amount), CARDS["pays"]), key=f"top-up-{amount}"))


def request_sent(buyer: Buyer) -> object:
    return next(reversed(buyer.service.world.requests.values()))


# ---- trial


def test_trial_costs_nothing_today_and_is_what_is_ordered(buyer: Buyer) -> None:
    buyer.open(cycle=MONTHLY)
    assert buyer.state.trial_days == 14
    buyer.checkout.choose_trial(True)
    settled(buyer)
    assert buyer.state.pay_label == "Start trial, $0.00 today"
    buyer.fill()
    buyer.pay(Phase.PLACED)
    assert request_sent(buyer).start_trial  # type: ignore[attr-defined] # a QuickCheckout
    assert buyer.service.world.charges == []


def test_plan_without_a_trial_is_paid_now(buyer: Buyer) -> None:
    buyer.open()
    buyer.checkout.choose_trial(True)
    settled(buyer)
    buyer.checkout.select_plan(STARTER.uuid)
    settled(buyer)
    assert not buyer.state.start_trial
    assert total(buyer) == "$290"
    buyer.checkout.choose_trial(True)
    assert not buyer.state.start_trial


def test_second_trial_is_refused_before_anything_is_ordered(
    buyer: Buyer, bridge: Bridge, session: SessionViewModel, service: FakeService, run: Run
) -> None:
    run(service.register(Register("ada@example.com", PASSWORD)))
    buyer.open(cycle=MONTHLY)
    buyer.checkout.choose_trial(True)
    settled(buyer)
    buyer.fill()
    buyer.checkout.have_account()
    service.fail("summarize", InvalidInput(fields={"start_trial": "trial_used"}))
    buyer.pay(Phase.FAILED)
    assert buyer.state.problems["start_trial"].startswith("Your organization has tried this before")
    assert not buyer.state.start_trial
    buyer.wait(lambda: total(buyer) == "$99")
    assert "quick_checkout" not in buyer.service.calls


# ---- code


def test_good_code_lowers_the_sum_and_can_be_taken_away(buyer: Buyer) -> None:
    buyer.open(cycle=MONTHLY)
    buyer.checkout.type_coupon(" welcome20 ")
    assert buyer.state.applied_coupon == ""
    buyer.checkout.apply_coupon()
    settled(buyer)
    assert (buyer.state.applied_coupon, buyer.state.coupon_text, total(buyer)) == ("WELCOME20", "", "$79.20")
    buyer.fill()
    buyer.checkout.remove_coupon()
    settled(buyer)
    assert (buyer.state.applied_coupon, total(buyer)) == ("", "$99")


@pytest.mark.parametrize(("code", "word"), [("NOPE", "not known"), ("OLDNEWS", "expired")])
def test_bad_code_stands_beside_its_field_and_changes_no_sum(buyer: Buyer, code: str, word: str) -> None:
    buyer.open(cycle=MONTHLY)
    buyer.checkout.type_coupon(code)
    buyer.checkout.apply_coupon()
    buyer.wait(lambda: "coupon" in buyer.state.problems and not buyer.state.is_pricing)
    assert word in buyer.state.problems["coupon"]
    assert (buyer.state.coupon_text, buyer.state.coupon, total(buyer)) == (code, "", "$99")
    asked = buyer.service.calls.count("summarize")
    buyer.checkout.apply_coupon()
    assert buyer.service.calls.count("summarize") == asked
    buyer.fill()
    buyer.pay(Phase.PLACED)  # it only costs its discount
    assert buyer.service.world.charges == [Money.parse("99")]


def test_code_that_was_typed_but_not_asked_about_is_counted_before_paying(buyer: Buyer) -> None:
    buyer.open(cycle=MONTHLY)
    buyer.fill()
    buyer.checkout.type_coupon("TENOFF")
    buyer.checkout.pay()
    settled(buyer)
    assert buyer.state.phase is Phase.IDLE
    assert total(buyer) == "$89"
    buyer.pay(Phase.PLACED)
    assert buyer.service.world.charges == [Money.parse("89")]


def test_code_refused_while_paying_is_left_out_and_the_sum_is_shown_again(buyer: Buyer) -> None:
    buyer.open(cycle=MONTHLY)
    buyer.checkout.type_coupon("TENOFF")
    buyer.checkout.apply_coupon()
    settled(buyer)
    buyer.fill()
    buyer.service.fail("quick_checkout", InvalidInput(fields={"coupon": "exhausted"}))
    buyer.pay(Phase.FAILED)
    assert buyer.state.problems["coupon"] == "This code has been used as often as it may be."
    buyer.wait(lambda: total(buyer) == "$99")
    assert not buyer.state.is_locked
    buyer.pay(Phase.PLACED)
    assert buyer.service.world.charges == [Money.parse("99")]


def test_code_stays_with_another_plan_but_not_where_there_is_no_price(buyer: Buyer) -> None:
    buyer.open(cycle=MONTHLY)
    buyer.checkout.type_coupon("TENOFF")
    buyer.checkout.apply_coupon()
    settled(buyer)
    buyer.checkout.select_plan(FREE.uuid)
    settled(buyer)
    assert not buyer.state.takes_coupons
    assert buyer.state.request().coupon == ""
    buyer.checkout.select_plan(STARTER.uuid)
    settled(buyer)
    assert total(buyer) == "$19"


# ---- country and VAT id


def test_country_adds_its_tax_to_the_button(buyer: Buyer) -> None:
    buyer.open(cycle=MONTHLY)
    buyer.checkout.choose_country("DE")
    settled(buyer)
    assert total(buyer) == "$117.81"
    buyer.fill()
    buyer.pay(Phase.PLACED)
    assert buyer.service.world.charges == [Money.parse("117.81")]


def test_vat_id_of_another_country_is_reverse_charge(buyer: Buyer) -> None:
    buyer.open(cycle=MONTHLY)
    buyer.checkout.choose_country("FR")
    buyer.checkout.type_vat("FR40303265045")
    buyer.checkout.apply_vat()
    settled(buyer)
    assert buyer.state.summary is not None
    assert buyer.state.summary.lines[-1].label == "reverse_charge"
    assert total(buyer) == "$99"


def test_wrong_vat_id_is_kept_blocks_paying_and_leaves_a_sum(buyer: Buyer) -> None:
    buyer.open(cycle=MONTHLY)
    buyer.fill()
    buyer.checkout.choose_country("DE")
    buyer.checkout.type_vat("DE123")
    buyer.checkout.apply_vat()
    buyer.wait(lambda: "vat_id" in buyer.state.problems and not buyer.state.is_pricing)
    assert (buyer.state.vat_text, total(buyer)) == ("DE123", "$117.81")
    buyer.checkout.pay()
    assert buyer.asked_to_look_at == ["vat_id"]
    buyer.checkout.type_vat(GERMAN_ID)
    buyer.checkout.apply_vat()
    settled(buyer)
    assert buyer.state.problems == {}
    buyer.pay(Phase.PLACED)
    assert request_sent(buyer).vat_id == GERMAN_ID  # type: ignore[attr-defined] # a QuickCheckout


def test_vat_id_without_a_country_asks_for_the_country(buyer: Buyer) -> None:
    buyer.open()
    buyer.fill()
    buyer.checkout.type_vat(GERMAN_ID)
    buyer.checkout.pay()
    assert buyer.asked_to_look_at == ["country"]
    assert buyer.state.problems["country"] == "Choose your country first."


def test_another_country_checks_the_vat_id_again(buyer: Buyer) -> None:
    buyer.open()
    buyer.checkout.choose_country("DE")
    buyer.checkout.type_vat(GERMAN_ID)
    buyer.checkout.apply_vat()
    settled(buyer)
    buyer.checkout.choose_country("FR")
    buyer.wait(lambda: "vat_id" in buyer.state.problems)
    assert buyer.state.vat_text == GERMAN_ID


def test_details_on_file_are_shown_but_only_typed_ones_are_sent(
    buyer: Buyer, signed_in: SessionViewModel, holder: ServiceHolder, run: Run
) -> None:
    top_up(holder, run, "10")  # makes the organization
    run(holder.service.set_billing_details(BillingDetails(country="DE", vat_id=GERMAN_ID)))
    signed_in.refresh()
    buyer.wait(lambda: signed_in.state.organizations)
    buyer.open(cycle=MONTHLY)
    buyer.wait(lambda: buyer.state.country == "DE")
    assert buyer.state.vat_text == GERMAN_ID
    assert total(buyer) == "$117.81"
    assert buyer.state.request().country == ""
    buyer.checkout.choose_country("")
    assert buyer.state.country == "DE"


# ---- wallet


def test_wallet_pays_and_says_what_is_left(
    buyer: Buyer, signed_in: SessionViewModel, holder: ServiceHolder, run: Run
) -> None:
    top_up(holder, run, "99")
    buyer.open(cycle=MONTHLY)
    assert buyer.state.can_use_wallet  # exactly enough
    buyer.checkout.choose_method(PaymentMethod.WALLET)
    settled(buyer)
    assert buyer.state.summary is not None
    assert buyer.state.summary.credit_left == Money.zero()
    assert buyer.state.request().payment_token == ""
    charged = len(buyer.service.world.charges)
    buyer.checkout.accept_terms(True)
    buyer.pay(Phase.PLACED)
    assert len(buyer.service.world.charges) == charged
    assert run(holder.service.get_wallet()).balance == Money.zero()


def test_wallet_with_too_little_is_not_taken(
    buyer: Buyer, signed_in: SessionViewModel, holder: ServiceHolder, run: Run
) -> None:
    top_up(holder, run, "50")
    buyer.open(STARTER.uuid, MONTHLY)
    buyer.checkout.choose_method(PaymentMethod.WALLET)
    settled(buyer)
    buyer.checkout.select_plan(PRO.uuid)
    settled(buyer)
    buyer.checkout.accept_terms(True)
    buyer.checkout.pay()
    assert buyer.asked_to_look_at == ["payment_method"]
    buyer.checkout.choose_method(PaymentMethod.CARD)
    settled(buyer)
    assert not buyer.state.can_use_wallet
    buyer.checkout.choose_method(PaymentMethod.WALLET)
    assert buyer.state.method is PaymentMethod.CARD


def test_guest_has_no_wallet(buyer: Buyer) -> None:
    buyer.open()
    assert buyer.state.wallet_balance is None
    assert not buyer.state.can_use_wallet


def test_top_up_elsewhere_is_seen_at_once(
    buyer: Buyer, signed_in: SessionViewModel, holder: ServiceHolder, bridge: Bridge, run: Run
) -> None:
    buyer.open(STARTER.uuid, MONTHLY)
    assert not buyer.state.can_use_wallet
    top_up(holder, run, "50")
    bridge.announce("wallet")
    buyer.wait(lambda: buyer.state.can_use_wallet)


# ---- bundle, quote


def test_what_is_owned_is_not_paid_again(
    buyer: Buyer, signed_in: SessionViewModel, holder: ServiceHolder
) -> None:  # fmt: skip
    buyer.open(STARTER.uuid, MONTHLY)
    buyer.checkout.accept_terms(True)
    buyer.pay(Phase.PLACED)
    buyer.open(SUPPORT_BUNDLE.plans[0].uuid, MONTHLY, SUPPORT_BUNDLE)
    assert buyer.state.summary is not None
    assert buyer.state.summary.owned == ("Customer Care",)
    assert total(buyer) == "$24.65"


def test_bundle_one_has_all_of_leads_back(buyer: Buyer, signed_in: SessionViewModel) -> None:
    for offering in (CUSTOMER_CARE, EXPENSE_AUDITOR):
        buyer.open(offering.plans[1].uuid, MONTHLY, offering)
        buyer.checkout.accept_terms(True)
        buyer.pay(Phase.PLACED)
    buyer.open(SUPPORT_BUNDLE.plans[0].uuid, MONTHLY, SUPPORT_BUNDLE)
    assert buyer.error_code == "nothing_missing"
    assert not buyer.state.can_pay


def test_quote_is_announced(buyer: Buyer, bridge: Bridge) -> None:
    areas: list[frozenset[str]] = []
    bridge.changed.connect(lambda change: areas.append(change.areas))
    buyer.open(ENTERPRISE.uuid)
    buyer.checkout.type_email("ada@example.com")
    buyer.checkout.pay()
    buyer.wait(lambda: any("quotes" in each for each in areas))


def test_pay_per_use_starts_from_the_wallet_too(
    buyer: Buyer, signed_in: SessionViewModel, holder: ServiceHolder, run: Run
) -> None:
    top_up(holder, run, "10")
    buyer.open(PER_USE.uuid)
    assert buyer.state.is_per_use
    buyer.checkout.choose_method(PaymentMethod.WALLET)
    settled(buyer)
    buyer.checkout.accept_terms(True)
    buyer.pay(Phase.PLACED)
    assert request_sent(buyer).payment_method is PaymentMethod.WALLET  # type: ignore[attr-defined]


# ---- the sum that was shown is the sum that is charged


def test_price_that_is_another_one_after_signing_in_is_shown_before_it_is_charged(
    buyer: Buyer, service: FakeService, run: Run
) -> None:
    known = run(service.register(Register("ada@example.com", PASSWORD)))
    theirs = service.for_actor(Actor(session=known.token))
    run(theirs.top_up(TopUp(Money.parse("10"), CARDS["pays"]), key="first"))
    run(theirs.set_billing_details(BillingDetails(country="DE")))
    before = list(service.world.charges)
    buyer.open(cycle=MONTHLY)
    buyer.fill()
    buyer.checkout.have_account()
    buyer.pay(Phase.FAILED)
    assert buyer.error_code == "sum_moved"
    assert total(buyer) == "$117.81"
    assert not buyer.state.is_locked
    assert service.world.charges == before
    buyer.wait(lambda: buyer.state.country == "DE")
    buyer.pay(Phase.PLACED)
    assert service.world.charges[-1] == Money.parse("117.81")


# ---- kept


def test_restart_brings_everything_back(
    buyer: Buyer, bridge: Bridge, holder: ServiceHolder, session: SessionViewModel, qtbot: QtBot, run: Run
) -> None:
    buyer.open(cycle=MONTHLY)
    buyer.checkout.choose_country("DE")
    buyer.checkout.type_vat(GERMAN_ID)
    buyer.checkout.apply_vat()
    buyer.checkout.type_coupon("TENOFF")
    buyer.checkout.apply_coupon()
    settled(buyer)
    buyer.checkout.choose_trial(True)
    settled(buyer)
    buyer.settle()
    draft = kept_cart(holder, run).draft
    assert (draft.coupon, draft.country, draft.vat_id, draft.start_trial) == ("TENOFF", "DE", GERMAN_ID, True)
    again = Buyer(CheckoutViewModel(bridge, holder, session, lambda: "key"), buyer.service, qtbot)
    again.checkout.resume()
    again.wait(lambda: again.state.status is Status.READY and not again.state.is_pricing)
    state = again.state
    assert (state.applied_coupon, state.country, state.vat_text) == ("TENOFF", "DE", GERMAN_ID)
    assert state.pay_label == "Start trial, $0.00 today"


def test_interrupted_payment_from_the_wallet_is_finished_from_the_wallet(
    buyer: Buyer, bridge: Bridge, signed_in: SessionViewModel, holder: ServiceHolder, qtbot: QtBot, run: Run
) -> None:
    top_up(holder, run, "99")
    buyer.open(cycle=MONTHLY)
    buyer.checkout.choose_method(PaymentMethod.WALLET)
    settled(buyer)
    buyer.checkout.accept_terms(True)
    gate = buyer.service.hold("quick_checkout")
    buyer.checkout.pay()
    buyer.wait(lambda: gate.waiting == 1)  # and here the program is killed
    again = Buyer(CheckoutViewModel(bridge, holder, signed_in, lambda: "key"), buyer.service, qtbot)
    again.checkout.resume()
    again.wait(lambda: again.state.status is Status.READY and not again.state.is_pricing)
    assert again.state.is_locked
    assert again.state.method is PaymentMethod.WALLET
    gate.open()
    buyer.wait(lambda: buyer.state.phase is Phase.PLACED)
    again.pay(Phase.PLACED)
    assert len(buyer.service.world.orders) == 1
