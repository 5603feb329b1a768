"""The checkout page before paying: the choice, the account, the problems, and what is kept."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from services.api.contract import Actor
from services.api.errors import DatabaseBusy, Offline
from services.api.types import BillingCycle, Cart, CartDraft, FunnelStep, PaymentMethod, PaymentOptions, QuickCheckout
from tests.fakes import PASSWORD, FakeService
from tests.samples import CUSTOMER_CARE, EXPENSE_AUDITOR, SUPPORT_BUNDLE
from tests.ui.checkout_help import CARDS, ENTERPRISE, FREE, PER_USE, PRO, STARTER, Buyer, Run, kept_cart
from ui.bridge import Bridge
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.checkout import CheckoutViewModel
from ui.viewmodels.checkout_state import AccountMode, Phase, email_code, password_code
from ui.viewmodels.session import SessionViewModel

YEARLY, MONTHLY = BillingCycle.YEARLY, BillingCycle.MONTHLY


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


# ---- the choice


def test_page_opens_with_the_plan_priced_and_the_paying_test_card_chosen(buyer: Buyer) -> None:
    buyer.open()
    state = buyer.state
    assert state.plan == PRO
    assert state.pay_label == "Complete purchase – $990"
    assert state.payment_token == CARDS["pays"]
    assert state.account_mode is AccountMode.NEW
    assert state.has_cycles
    assert state.can_pay
    assert not state.problems
    buyer.wait(lambda: [event.step for _, event in buyer.service.world.funnel] == [FunnelStep.CHECKOUT_OPENED])


@pytest.mark.parametrize(
    ("plan", "label", "needs_payment"),
    [
        (FREE, "Start for free", False),
        (PER_USE, "Start – $0 today", True),
        (ENTERPRISE, "Ask for a quote", False),
        (STARTER, "Complete purchase – $290", True),
    ],
)
def test_button_says_what_pressing_it_does(buyer: Buyer, plan: object, label: str, needs_payment: bool) -> None:
    buyer.open(plan.uuid)  # type: ignore[attr-defined] # a Plan
    assert buyer.state.pay_label == label
    assert buyer.state.needs_payment is needs_payment


def test_changing_plan_or_cycle_asks_the_service_for_the_arithmetic(buyer: Buyer) -> None:
    buyer.open()
    buyer.checkout.select_cycle(MONTHLY)
    assert buyer.state.is_pricing
    assert not buyer.state.can_pay
    buyer.wait(lambda: buyer.state.pay_label == "Complete purchase – $99")
    buyer.checkout.select_plan(STARTER.uuid)
    buyer.wait(lambda: buyer.state.pay_label == "Complete purchase – $29")
    buyer.checkout.select_plan("not a plan of this agent")
    assert buyer.state.plan == STARTER


def test_choice_seen_before_is_priced_at_once(buyer: Buyer) -> None:
    buyer.open()
    buyer.checkout.select_cycle(MONTHLY)
    buyer.wait(lambda: buyer.state.can_pay)
    buyer.checkout.select_cycle(YEARLY)
    assert buyer.state.pay_label == "Complete purchase – $990"
    assert buyer.state.can_pay
    assert buyer.service.calls.count("summarize") == 2


def test_price_that_comes_too_late_is_not_shown(buyer: Buyer) -> None:
    buyer.open()
    gate = buyer.service.hold("summarize")
    buyer.checkout.select_plan(STARTER.uuid)
    buyer.wait(lambda: gate.waiting == 1)
    buyer.checkout.select_plan(PRO.uuid)
    gate.open()
    buyer.settle()
    assert buyer.state.pay_label == "Complete purchase – $990"


def test_price_that_cannot_be_had_blocks_paying_and_can_be_asked_for_again(buyer: Buyer) -> None:
    buyer.open()
    buyer.service.fail("summarize", DatabaseBusy())
    buyer.checkout.select_cycle(MONTHLY)
    buyer.wait(lambda: buyer.error_code == "database_busy")
    assert not buyer.state.can_pay
    buyer.checkout.retry()
    buyer.wait(lambda: buyer.state.can_pay)


def test_page_that_cannot_be_opened_is_opened_again(buyer: Buyer) -> None:
    buyer.service.fail("get_offering", Offline())
    buyer.checkout.open(CUSTOMER_CARE.card.uuid, PRO.uuid)
    buyer.wait(lambda: buyer.state.status is Status.ERROR)
    buyer.checkout.retry()
    buyer.wait(lambda: buyer.state.status is Status.READY and buyer.state.plan == PRO)


def test_without_a_plan_the_first_is_chosen_and_bundles_are_bought_like_agents(buyer: Buyer) -> None:
    buyer.open("", None, offering=SUPPORT_BUNDLE)
    assert buyer.state.plan == SUPPORT_BUNDLE.plans[0]
    assert buyer.state.summary is not None
    assert [line.label for line in buyer.state.summary.lines] == ["plan", "yearly", "bundle", "test_mode"]


def test_only_ways_to_pay_that_work_can_be_chosen(buyer: Buyer) -> None:
    buyer.open()
    buyer.checkout.choose_method(PaymentMethod.PAYPAL)
    assert buyer.state.method is PaymentMethod.CARD
    buyer.checkout.choose_card(CARDS["declined"])
    assert buyer.state.payment_token == CARDS["declined"]


# ---- the account


def test_names_are_made_while_typing_and_can_be_changed(buyer: Buyer) -> None:
    buyer.open()
    buyer.checkout.type_email("ada.lovelace@example.com")
    buyer.wait(lambda: buyer.state.organization_shown == "Auto: Ada Lovelace's Organization")
    assert buyer.state.project_shown == "Auto: Default"
    buyer.checkout.type_organization("Engines Ltd")
    buyer.checkout.type_project("Bridge")
    assert (buyer.state.organization_shown, buyer.state.project_shown) == ("Engines Ltd", "Bridge")
    assert buyer.state.request().organization_name == "Engines Ltd"
    buyer.checkout.type_organization("")
    assert buyer.state.organization_shown == "Auto: Ada Lovelace's Organization"
    assert buyer.state.request().organization_name == ""


def test_swapping_to_sign_in_and_back_loses_nothing(buyer: Buyer) -> None:
    buyer.open()
    buyer.fill()
    buyer.checkout.have_account()
    assert (buyer.state.account_mode, buyer.state.email) == (AccountMode.EXISTING, "ada@example.com")
    assert buyer.state.password == PASSWORD
    buyer.checkout.new_account()
    assert buyer.state.account_mode is AccountMode.NEW
    assert buyer.state.terms_accepted


def test_signing_in_elsewhere_shows_here_and_keeps_the_choice(buyer: Buyer, session: SessionViewModel) -> None:
    buyer.open()
    buyer.fill()
    session.register("grace@example.com", PASSWORD)
    buyer.wait(lambda: buyer.state.account_mode is AccountMode.SIGNED_IN)
    assert buyer.state.account is not None
    assert buyer.state.account.email == "grace@example.com"
    assert buyer.state.password == ""
    assert buyer.state.plan == PRO
    buyer.checkout.use_another_account()
    buyer.wait(lambda: buyer.state.account_mode is not AccountMode.SIGNED_IN)
    assert buyer.state.email == "ada@example.com"
    assert buyer.state.plan == PRO
    buyer.settle()


def test_who_has_a_card_on_file_finds_it_chosen(
    buyer: Buyer, signed_in: SessionViewModel, holder: ServiceHolder, run: Run
) -> None:
    card = run(holder.service.save_card(CARDS["pays"]))
    buyer.open()
    assert buyer.state.payment_token == card.token


def test_test_card_can_be_kept_on_file(buyer: Buyer, signed_in: SessionViewModel) -> None:
    buyer.open()
    buyer.checkout.save_test_card(CARDS["pays"])
    buyer.wait(lambda: buyer.state.options is not None and len(buyer.state.options.saved_methods) == 1)
    assert buyer.state.options is not None
    assert buyer.state.payment_token == buyer.state.options.saved_methods[0].token


def test_names_of_a_known_buyer_are_those_they_have(
    buyer: Buyer, signed_in: SessionViewModel, holder: ServiceHolder, run: Run
) -> None:
    buyer.open()
    assert buyer.state.organization_shown == "Auto: Ada's Organization"
    order = QuickCheckout(CUSTOMER_CARE.card.uuid, FREE.uuid, terms_accepted=True, organization_name="Engines Ltd")
    run(holder.service.quick_checkout(order, key="k"))
    signed_in.refresh()
    buyer.wait(lambda: buyer.state.organization_shown == "Engines Ltd")
    assert buyer.state.project_shown == "Default"
    assert buyer.state.request().organization_name == ""
    buyer.settle()


def test_card_that_cannot_be_kept_is_said_and_the_notice_can_be_put_away(
    buyer: Buyer, signed_in: SessionViewModel
) -> None:
    buyer.open()
    buyer.checkout.save_test_card("unknown")
    buyer.wait(lambda: buyer.error_code == "invalid_input")
    buyer.checkout.dismiss_error()
    assert buyer.error_code == ""


class AcceptedBefore(FakeService):
    """A service that knows that its buyers accepted the terms with an earlier order."""

    def for_actor(self, actor: Actor) -> "AcceptedBefore":
        return AcceptedBefore(self.world, actor)

    async def get_payment_options(self) -> PaymentOptions:
        options = await super().get_payment_options()
        return replace(options, has_accepted_terms=bool(self.actor.session))


def test_terms_accepted_with_an_earlier_order_are_not_asked_for_again(
    bridge: Bridge, new_key: Callable[[], str], qtbot: QtBot
) -> None:
    service = AcceptedBefore()
    holder = ServiceHolder(service, bridge)
    session = SessionViewModel(bridge, holder)
    buyer = Buyer(CheckoutViewModel(bridge, holder, session, new_key), service, qtbot)
    buyer.open()
    assert not buyer.state.terms_accepted
    session.register("ada@example.com", PASSWORD)
    buyer.wait(lambda: buyer.state.terms_accepted)
    buyer.open()
    assert buyer.state.all_problems == {}


# ---- problems


def test_problems_appear_beside_a_field_after_it_was_left(buyer: Buyer) -> None:
    buyer.open()
    buyer.checkout.type_email("ada")
    assert buyer.state.problems == {}
    assert list(buyer.state.all_problems) == ["email", "password", "terms_accepted"]
    buyer.checkout.leave("email")
    assert buyer.state.problems == {"email": "Check the address; it looks like name@example.com."}
    buyer.checkout.type_email("ada@example.com")
    assert buyer.state.problems == {}


def test_pressing_pay_shows_all_problems_and_sends_nothing(buyer: Buyer) -> None:
    buyer.open()
    buyer.checkout.pay()
    assert list(buyer.state.problems) == ["email", "password", "terms_accepted"]
    assert buyer.asked_to_look_at == ["email"]
    assert buyer.state.first_problem_field == "email"
    assert buyer.state.phase is Phase.IDLE
    assert "register" not in buyer.service.calls


def test_old_password_of_an_account_may_be_short(buyer: Buyer) -> None:
    buyer.open()
    buyer.fill(password="short")
    assert "password" in buyer.state.all_problems
    buyer.checkout.have_account()
    assert buyer.state.all_problems == {}


def test_free_plan_needs_no_card_and_a_quote_needs_only_an_address(buyer: Buyer) -> None:
    buyer.open(FREE.uuid)
    buyer.checkout.choose_card("")
    assert list(buyer.state.all_problems) == ["email", "password", "terms_accepted"]
    buyer.checkout.select_plan(STARTER.uuid)
    assert "payment_token" in buyer.state.all_problems
    buyer.checkout.select_plan(ENTERPRISE.uuid)
    assert list(buyer.state.all_problems) == ["email"]


def test_names_have_a_length(buyer: Buyer) -> None:
    buyer.open()
    buyer.fill()
    buyer.checkout.type_organization("x" * 121)
    buyer.checkout.type_project("y" * 121)
    assert list(buyer.state.all_problems) == ["organization_name", "project_name"]


@pytest.mark.parametrize(
    ("email", "code"),
    [
        ("", "required"),
        ("  ", "required"),
        ("ada", "email_invalid"),
        ("ada@", "email_invalid"),
        ("ada@example", "email_invalid"),
        ("a b@example.com", "email_invalid"),
        ("ada@example..com", "email_invalid"),
        ("x" * 250 + "@example.com", "email_invalid"),
        (" ada+shop@mail.example.com ", ""),
        ("ada@exämple.com", ""),
    ],
)
def test_addresses_are_checked_before_they_are_sent(email: str, code: str) -> None:
    assert email_code(email) == code


def test_passwords_are_checked_before_they_are_sent() -> None:
    assert [password_code(word, is_new=True) for word in ("", "1234567", "12345678", "x" * 257)] == [
        "required",
        "password_short",
        "",
        "password_long",
    ]
    assert password_code("x", is_new=False) == ""


# ---- what is kept


def test_everything_typed_is_kept_but_never_the_password(buyer: Buyer, holder: ServiceHolder, run: Run) -> None:
    buyer.open()
    buyer.fill()
    buyer.checkout.type_organization("Engines Ltd")
    buyer.checkout.choose_card(CARDS["declined"])
    buyer.settle()
    cart = kept_cart(holder, run)
    assert (cart.offering_uuid, cart.plan_uuid, cart.billing_cycle) == (CUSTOMER_CARE.card.uuid, PRO.uuid, YEARLY)
    assert cart.draft == CartDraft("ada@example.com", "Engines Ltd", "", CARDS["declined"], True)
    assert PASSWORD not in repr(buyer.service.world.carts)
    assert PASSWORD not in repr(buyer.state)


def test_typing_saves_after_a_pause_not_at_every_key(buyer: Buyer) -> None:
    buyer.open()
    buyer.settle()
    saves = buyer.service.calls.count("save_cart")
    for end in range(1, 16):
        buyer.checkout.type_email("ada@example.com"[:end])
    buyer.settle()
    assert buyer.service.calls.count("save_cart") == saves + 1


def test_page_is_restored_after_a_restart(buyer: Buyer, holder: ServiceHolder, run: Run) -> None:
    draft = CartDraft("ada@example.com", "Engines Ltd", "Bridge", CARDS["declined"], terms_accepted=True)
    run(holder.service.save_cart(Cart(CUSTOMER_CARE.card.uuid, STARTER.uuid, MONTHLY, draft)))
    buyer.checkout.resume()
    buyer.wait(lambda: buyer.state.can_pay)
    state = buyer.state
    assert (state.plan, state.cycle, state.email) == (STARTER, MONTHLY, "ada@example.com")
    assert (state.organization_name, state.project_name) == ("Engines Ltd", "Bridge")
    assert state.payment_token == CARDS["declined"]
    assert state.terms_accepted
    assert state.password == ""
    assert not state.is_locked


def test_without_a_cart_there_is_nothing_to_resume(buyer: Buyer) -> None:
    buyer.checkout.resume()
    buyer.wait(lambda: buyer.state.status is Status.EMPTY)


def test_newest_choice_wins_and_keeps_who_is_buying(buyer: Buyer, holder: ServiceHolder, run: Run) -> None:
    buyer.open()
    buyer.fill()
    buyer.settle()
    buyer.open("", None, offering=EXPENSE_AUDITOR)
    assert (buyer.state.email, buyer.state.password) == ("ada@example.com", PASSWORD)
    assert not buyer.state.terms_accepted
    buyer.settle()
    assert kept_cart(holder, run).offering_uuid == EXPENSE_AUDITOR.card.uuid


def test_plan_that_is_no_longer_offered_gives_way(buyer: Buyer, holder: ServiceHolder, run: Run) -> None:
    run(holder.service.save_cart(Cart(CUSTOMER_CARE.card.uuid, PRO.uuid)))
    fewer = replace(CUSTOMER_CARE, plans=(FREE, STARTER))
    buyer.service.world.offerings = (fewer,)
    buyer.checkout.resume()
    buyer.wait(lambda: buyer.state.can_pay)
    assert buyer.state.plan == FREE


def test_card_that_is_gone_gives_way_to_one_that_is_there(buyer: Buyer, holder: ServiceHolder, run: Run) -> None:
    draft = CartDraft(payment_token="gone")
    run(holder.service.save_cart(Cart(CUSTOMER_CARE.card.uuid, PRO.uuid, YEARLY, draft)))
    buyer.checkout.resume()
    buyer.wait(lambda: buyer.state.can_pay)
    assert buyer.state.payment_token == CARDS["pays"]
