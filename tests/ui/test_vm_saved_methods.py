"""Top-ups, invoices, automatic top-ups and plan changes paid with what is on file or with something new."""

from collections.abc import Callable
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from services.api.types import Invoice, InvoiceState, Paid, PaymentMethod, PaymentState, Subscription
from tests.samples_money import history
from tests.ui.kept_service import BANK, HOST, NEW, VISA, Desk, KeptService
from ui.bridge import Bridge
from ui.text.methods import new_token
from ui.viewmodels.auto_top_up import AutoTopUpViewModel
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.browser import Browser
from ui.viewmodels.invoice_payment import InvoicePaymentViewModel
from ui.viewmodels.plan_change import PlanChangeViewModel
from ui.viewmodels.plan_change_state import ChangePhase, Task
from ui.viewmodels.session import SessionViewModel
from ui.viewmodels.top_up import PayPhase, TopUpViewModel

Run = Callable[..., Any]
CARD, BY_BANK = new_token(PaymentMethod.CARD), new_token(PaymentMethod.BANK)


@pytest.fixture
def service() -> KeptService:
    return KeptService(desk=Desk(saved=(VISA, BANK)))


@pytest.fixture
def desk(service: KeptService) -> Desk:
    return service.desk


@pytest.fixture
def opened() -> list[str]:
    return []


@pytest.fixture
def browser(bridge: Bridge, opened: list[str]) -> Browser:
    def show(url: str) -> bool:
        opened.append(url)
        return True

    return Browser(show, parent=bridge)


def kept(holder: ServiceHolder) -> KeptService:
    assert isinstance(holder.service, KeptService)
    return holder.service


# ---- top-up


@pytest.fixture
def top_up(
    bridge: Bridge,
    holder: ServiceHolder,
    signed_in: SessionViewModel,
    new_key: Callable[[], str],
    browser: Browser,
    run: Run,
    qtbot: QtBot,
) -> TopUpViewModel:
    vm = TopUpViewModel(bridge, holder, new_key, browser)
    vm.start(run(holder.service.get_wallet()), run(holder.service.get_payment_options()))
    qtbot.waitUntil(lambda: vm.state.quote is not None)
    return vm


def pay(vm: TopUpViewModel, qtbot: QtBot, token: str) -> None:
    vm.choose_card(token)
    vm.pay()
    qtbot.waitUntil(lambda: vm.state.phase not in (PayPhase.IDLE, PayPhase.PAYING))


def test_default_one_is_chosen_and_pays_at_once(top_up: TopUpViewModel, opened: list[str], qtbot: QtBot) -> None:
    assert top_up.state.payment_token == "visa"
    pay(top_up, qtbot, "visa")
    assert (top_up.state.phase, opened) == (PayPhase.DONE, [])


def test_new_card_pays_on_its_page_and_the_credit_is_there(
    top_up: TopUpViewModel, holder: ServiceHolder, desk: Desk, opened: list[str], run: Run, qtbot: QtBot
) -> None:
    wanted = top_up.state.amount
    pay(top_up, qtbot, CARD)
    assert top_up.state.phase is PayPhase.WAITING
    assert opened == [f"https://{HOST}/c/pay/{desk.open_page}"]
    assert (top_up.page.state.what, top_up.page.state.amount) == ("Credit of $50.00", "$50.00")
    desk.pages[desk.open_page] = "paid"
    with qtbot.waitSignal(top_up.paid):
        top_up.page.look()
    assert run(holder.service.get_wallet()).balance == wanted
    assert not top_up.state.is_locked


def test_page_given_up_keeps_what_was_typed_and_another_way_pays(
    top_up: TopUpViewModel, desk: Desk, qtbot: QtBot
) -> None:
    top_up.type_amount("33")
    qtbot.waitUntil(lambda: top_up.state.quote is not None and not top_up.state.is_quoting)
    pay(top_up, qtbot, CARD)
    top_up.page.cancel()
    qtbot.waitUntil(lambda: top_up.state.phase is PayPhase.IDLE)
    assert (top_up.state.amount_text, top_up.state.payment_token) == ("33", CARD)
    assert not top_up.state.is_locked
    assert "canceled" in desk.pages.values()
    pay(top_up, qtbot, "visa")
    assert top_up.state.phase is PayPhase.DONE


@pytest.mark.parametrize("became", ["declined", "expired"])
def test_page_that_failed_says_so_beside_what_pays(
    top_up: TopUpViewModel, desk: Desk, qtbot: QtBot, became: str
) -> None:
    pay(top_up, qtbot, CARD)
    desk.pages[desk.open_page] = became
    with qtbot.waitSignal(top_up.problems_found) as found:
        top_up.page.look()
    assert found.args == ["payment_token"]
    assert top_up.state.phase is PayPhase.FAILED
    assert not top_up.state.is_locked
    assert "Nothing was charged" in top_up.state.problems["payment_token"]


def test_debit_under_way_is_told_as_such(top_up: TopUpViewModel, desk: Desk, qtbot: QtBot) -> None:
    pay(top_up, qtbot, BY_BANK)
    desk.pages[desk.open_page] = "processing"
    with qtbot.waitSignal(top_up.paid) as told:
        top_up.page.look()
    assert isinstance(told.args[0], Paid)
    assert told.args[0].state is PaymentState.PROCESSING
    assert top_up.state.method is PaymentMethod.BANK


def test_open_page_is_gone_on_with_when_the_question_is_opened_again(
    top_up: TopUpViewModel, holder: ServiceHolder, opened: list[str], run: Run, qtbot: QtBot
) -> None:
    pay(top_up, qtbot, CARD)
    top_up.page.leave()
    top_up.close()
    top_up.start(run(holder.service.get_wallet()), run(holder.service.get_payment_options()))
    assert top_up.state.phase is PayPhase.WAITING
    top_up.pay()
    assert top_up.page.state.is_shown
    assert len(opened) == 1
    top_up.page.forget()


# ---- an open invoice


@pytest.fixture
def unpaid(holder: ServiceHolder, signed_in: SessionViewModel, run: Run) -> Invoice:
    """One whose card was refused."""
    found = run(history(kept(holder)))
    del found
    books = next(iter(kept(holder).world.books.values()))
    return next(one for one in books.invoices.values() if one.state is InvoiceState.OPEN and one.attempts)


@pytest.fixture
def payment(
    bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], browser: Browser, unpaid: Invoice, qtbot: QtBot
) -> InvoicePaymentViewModel:
    vm = InvoicePaymentViewModel(bridge, holder, new_key, browser)
    vm.start(unpaid)
    qtbot.waitUntil(lambda: vm.state.status is Status.READY)
    return vm


def settle(vm: InvoicePaymentViewModel, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: vm.state.phase not in (PayPhase.IDLE, PayPhase.PAYING))


def test_invoice_is_paid_on_a_page(
    payment: InvoicePaymentViewModel, unpaid: Invoice, holder: ServiceHolder, desk: Desk, run: Run, qtbot: QtBot
) -> None:
    payment.choose_card(CARD)
    payment.pay()
    settle(payment, qtbot)
    assert payment.page.state.what == f"Invoice {unpaid.number}"
    desk.pages[desk.open_page] = "paid"
    with qtbot.waitSignal(payment.paid):
        payment.page.look()
    assert run(holder.service.get_invoice(unpaid.uuid)).state is InvoiceState.PAID


def test_debit_of_an_invoice_is_under_way_and_not_paid(
    payment: InvoicePaymentViewModel, unpaid: Invoice, holder: ServiceHolder, desk: Desk, run: Run, qtbot: QtBot
) -> None:
    payment.choose_card(BY_BANK)
    payment.pay()
    settle(payment, qtbot)
    desk.pages[desk.open_page] = "processing"
    with qtbot.waitSignal(payment.under_way), qtbot.assertNotEmitted(payment.paid):
        payment.page.look()
    assert run(holder.service.get_invoice(unpaid.uuid)).state is InvoiceState.OPEN


def test_refusal_on_the_page_frees_the_choice(payment: InvoicePaymentViewModel, desk: Desk, qtbot: QtBot) -> None:
    payment.choose_card(CARD)
    payment.pay()
    settle(payment, qtbot)
    desk.pages[desk.open_page] = "declined"
    with qtbot.waitSignal(payment.refused):
        payment.page.look()
    assert payment.state.card_problem
    assert not payment.state.is_locked
    payment.choose_card("visa")
    with qtbot.waitSignal(payment.paid):
        payment.pay()


def test_confirming_pays_with_the_default_as_soon_as_it_is_known(
    payment: InvoicePaymentViewModel, unpaid: Invoice, qtbot: QtBot
) -> None:
    payment.close()
    with qtbot.waitSignal(payment.paid):
        payment.start(unpaid, at_once=True)
    assert payment.state.options is not None
    default = next(one for one in payment.state.options.saved_methods if one.is_default)
    assert payment.state.payment_token == default.token


def test_confirming_without_anything_on_file_opens_a_page(
    payment: InvoicePaymentViewModel, unpaid: Invoice, desk: Desk, opened: list[str], qtbot: QtBot
) -> None:
    desk.saved = ()
    payment.close()
    payment.start(unpaid, at_once=True)
    qtbot.waitUntil(lambda: payment.state.phase is PayPhase.WAITING)
    assert len(opened) == 1
    payment.page.forget()


# ---- automatic top-up


@pytest.fixture
def auto(
    bridge: Bridge,
    holder: ServiceHolder,
    signed_in: SessionViewModel,
    new_key: Callable[[], str],
    browser: Browser,
    run: Run,
    qtbot: QtBot,
) -> AutoTopUpViewModel:
    vm = AutoTopUpViewModel(bridge, holder, new_key, browser)
    vm.start(run(holder.service.get_wallet()), run(holder.service.get_payment_options()))
    qtbot.waitUntil(lambda: vm.state.rehearsal is not None)
    return vm


def test_new_card_is_given_first_and_nothing_typed_is_lost(
    auto: AutoTopUpViewModel, holder: ServiceHolder, desk: Desk, run: Run, qtbot: QtBot
) -> None:
    auto.type("target", "75")
    auto.choose_card(CARD)
    qtbot.waitUntil(lambda: auto.state.rehearsal is not None)
    assert not auto.state.can_switch_on
    auto.switch_on()
    qtbot.waitUntil(lambda: auto.adding.page.state.is_shown)
    desk.pages["setup-1"] = "paid"
    with qtbot.waitSignal(auto.adding.added):
        auto.adding.page.look()
    qtbot.waitUntil(lambda: auto.state.can_switch_on)
    assert (auto.state.payment_token, auto.state.target) == (NEW.token, "75")
    assert auto.state.options is not None
    qtbot.waitUntil(lambda: auto.state.options is not None and NEW in auto.state.options.saved_methods)
    with qtbot.waitSignal(auto.saved):
        auto.switch_on()
    assert run(holder.service.get_wallet()).auto_top_up.payment_token == NEW.token


def test_card_that_was_not_added_says_why_and_keeps_the_amounts(
    auto: AutoTopUpViewModel, desk: Desk, qtbot: QtBot
) -> None:
    auto.choose_card(CARD)
    auto.switch_on()
    qtbot.waitUntil(lambda: auto.adding.page.state.is_shown)
    desk.pages["setup-1"] = "declined"
    auto.adding.page.look()
    qtbot.waitUntil(lambda: auto.state.error is not None)
    assert (auto.state.threshold, auto.state.payment_token) == ("10", CARD)
    auto.choose_card("visa")
    qtbot.waitUntil(lambda: auto.state.can_switch_on)
    assert auto.state.error is None


# ---- a subscription


@pytest.fixture
def change(bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], browser: Browser) -> PlanChangeViewModel:
    return PlanChangeViewModel(bridge, holder, new_key, browser)


@pytest.fixture
def items(holder: ServiceHolder, signed_in: SessionViewModel, run: Run) -> tuple[Subscription, ...]:
    run(history(kept(holder)))
    found: tuple[Subscription, ...] = run(holder.service.list_subscriptions())
    return found


def begin(vm: PlanChangeViewModel, item: Subscription, task: Task, qtbot: QtBot) -> None:
    vm.begin(item, task)
    qtbot.waitUntil(lambda: vm.state.status is Status.READY)


def test_subscription_gets_a_new_card_that_is_given_first(
    change: PlanChangeViewModel, items: tuple[Subscription, ...], desk: Desk, service: KeptService, qtbot: QtBot
) -> None:
    item = next(one for one in items if "set_payment_card" in one.can)
    begin(change, item, Task.CARD, qtbot)
    change.choose_card(CARD)
    asked = service.calls.count("preview_change")
    change.commit()
    qtbot.waitUntil(lambda: change.adding.page.state.is_shown)
    assert service.calls.count("preview_change") == asked, "there is nothing to look at yet"
    desk.pages["setup-1"] = "paid"
    with qtbot.waitSignal(change.adding.added):
        change.adding.page.look()
    qtbot.waitUntil(lambda: change.state.can_commit)
    assert change.state.payment_token == NEW.token
    with qtbot.waitSignal(change.finished):
        change.commit()


def test_unpaid_invoice_of_a_subscription_is_paid_on_a_page(
    change: PlanChangeViewModel, items: tuple[Subscription, ...], desk: Desk, qtbot: QtBot
) -> None:
    item = next(one for one in items if one.unpaid_invoice_uuid)
    begin(change, item, Task.PAY, qtbot)
    change.choose_card(CARD)
    change.commit()
    qtbot.waitUntil(lambda: change.state.phase is ChangePhase.WAITING)
    assert change.page.state.what == item.offering_name
    desk.pages[desk.open_page] = "paid"
    with qtbot.waitSignal(change.finished):
        change.page.look()


def test_closing_the_question_gives_its_page_up(
    change: PlanChangeViewModel, items: tuple[Subscription, ...], desk: Desk, qtbot: QtBot
) -> None:
    item = next(one for one in items if one.unpaid_invoice_uuid)
    begin(change, item, Task.PAY, qtbot)
    change.choose_card(CARD)
    change.commit()
    qtbot.waitUntil(lambda: change.state.phase is ChangePhase.WAITING)
    change.close()
    qtbot.waitUntil(lambda: change.state.task is None)
    assert list(desk.pages.values()) == ["canceled"]


def test_payment_in_the_instant_of_closing_counts(
    change: PlanChangeViewModel, items: tuple[Subscription, ...], desk: Desk, qtbot: QtBot
) -> None:
    item = next(one for one in items if one.unpaid_invoice_uuid)
    begin(change, item, Task.PAY, qtbot)
    change.choose_card(CARD)
    change.commit()
    qtbot.waitUntil(lambda: change.state.phase is ChangePhase.WAITING)
    desk.pages[desk.open_page] = "paid"
    with qtbot.waitSignal(change.finished):
        change.close()


def test_debit_of_an_unpaid_invoice_is_not_called_paid(
    change: PlanChangeViewModel, items: tuple[Subscription, ...], desk: Desk, qtbot: QtBot
) -> None:
    item = next(one for one in items if one.unpaid_invoice_uuid)
    begin(change, item, Task.PAY, qtbot)
    change.choose_card(BY_BANK)
    change.commit()
    qtbot.waitUntil(lambda: change.state.phase is ChangePhase.WAITING)
    desk.pages[desk.open_page] = "processing"
    with qtbot.waitSignal(change.under_way), qtbot.assertNotEmitted(change.finished):
        change.page.look()
    assert change.state.phase is ChangePhase.DONE
