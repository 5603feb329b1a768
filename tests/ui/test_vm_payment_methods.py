"""Ways to pay on file: read, chosen, removed, and given on a page of the provider."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from services.api.errors import Offline, PaymentUnknown, ProviderRejected
from services.api.money import Money
from services.api.types import PaymentMethod, PaymentOptions
from tests.samples import NOW, TEST_CARDS
from tests.ui.kept_service import AMEX, BANK, HOST, NEW, PAYPAL, VISA, WAYS, Desk, KeptService
from ui.bridge import Bridge, Change
from ui.text.methods import (
    expiry_warning,
    method_items,
    method_name,
    new_token,
    removal_text,
    saved_method_label,
    used_for_text,
)
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.browser import Browser
from ui.viewmodels.payment_methods import AddPhase, PaymentMethodsViewModel, preselected_method
from ui.viewmodels.session import SessionViewModel

Run = Callable[..., Any]


@pytest.fixture
def service() -> KeptService:
    return KeptService(desk=Desk(saved=(VISA, AMEX, BANK)))


@pytest.fixture
def desk(service: KeptService) -> Desk:
    return service.desk


@pytest.fixture
def opened() -> list[str]:
    """What the browser was asked to show."""
    return []


@pytest.fixture
def vm(bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], opened: list[str]) -> PaymentMethodsViewModel:
    def show(url: str) -> bool:
        opened.append(url)
        return True

    return PaymentMethodsViewModel(bridge, holder, new_key, Browser(show, parent=bridge))


@pytest.fixture
def ready(vm: PaymentMethodsViewModel, signed_in: SessionViewModel, qtbot: QtBot) -> PaymentMethodsViewModel:
    vm.load()
    qtbot.waitUntil(lambda: vm.state.status is Status.READY)
    return vm


def wait(vm: PaymentMethodsViewModel, qtbot: QtBot, phase: AddPhase) -> None:
    qtbot.waitUntil(lambda: vm.adding.state.phase is phase)


def tokens(vm: PaymentMethodsViewModel) -> list[str]:
    return [one.token for one in vm.state.items]


# ---- what is on file


def test_guest_is_asked_for_nothing(vm: PaymentMethodsViewModel, service: KeptService) -> None:
    vm.load()
    assert (vm.state.status, vm.state.is_guest, service.calls) == (Status.EMPTY, True, [])


def test_list_is_read_with_what_can_be_added(ready: PaymentMethodsViewModel) -> None:
    assert tokens(ready) == ["visa", "amex", "bank"]
    assert ready.state.options is not None
    assert ready.state.options.page_hosts == (HOST,)
    assert ready.state.now == NOW


def test_failed_reading_can_be_tried_again(
    vm: PaymentMethodsViewModel, service: KeptService, signed_in: SessionViewModel, qtbot: QtBot
) -> None:
    service.fail("list_payment_methods", Offline())
    vm.load()
    qtbot.waitUntil(lambda: vm.state.status is Status.ERROR)
    assert vm.state.error is not None
    assert vm.state.error.code == "offline"
    vm.retry()
    qtbot.waitUntil(lambda: vm.state.status is Status.READY)
    assert vm.state.error is None


def test_default_is_another_one_and_others_are_told(
    ready: PaymentMethodsViewModel, bridge: Bridge, qtbot: QtBot
) -> None:
    told: list[Change] = []
    bridge.changed.connect(told.append)
    with qtbot.waitSignal(ready.chosen):
        ready.make_default("bank")
    assert tokens(ready)[0] == "bank"
    assert ready.state.items[0].is_default
    assert "wallet" in told[-1].areas
    assert "subscriptions" in told[-1].areas


def test_default_is_not_asked_to_become_it(ready: PaymentMethodsViewModel, service: KeptService) -> None:
    ready.make_default("visa")
    assert "set_default_method" not in service.calls


def test_removed_one_leaves_its_place_to_the_next(ready: PaymentMethodsViewModel, qtbot: QtBot) -> None:
    heir = ready.state.heir("visa")
    assert heir is not None
    assert heir.token == "amex"
    with qtbot.waitSignal(ready.removed):
        ready.remove("visa")
    assert tokens(ready) == ["amex", "bank"]
    assert ready.state.items[0].is_default


def test_last_one_removed_leaves_an_empty_list(ready: PaymentMethodsViewModel, desk: Desk, qtbot: QtBot) -> None:
    desk.saved = (VISA,)
    ready.load()
    qtbot.waitUntil(lambda: len(ready.state.items) == 1)
    assert ready.state.heir("visa") is None
    with qtbot.waitSignal(ready.removed):
        ready.remove("visa")
    assert ready.state.status is Status.EMPTY


def test_one_that_is_paying_is_not_removed(ready: PaymentMethodsViewModel, desk: Desk, qtbot: QtBot) -> None:
    desk.in_use = frozenset({"visa"})
    ready.remove("visa")
    qtbot.waitUntil(lambda: ready.state.error is not None)
    assert tokens(ready) == ["visa", "amex", "bank"]
    assert (ready.state.busy, ready.state.status) == ("", Status.READY)


def test_another_person_sees_nothing_of_it(
    ready: PaymentMethodsViewModel, signed_in: SessionViewModel, qtbot: QtBot
) -> None:
    signed_in.sign_out()
    assert ready.state.items == ()
    assert ready.state.is_guest


# ---- a new one


def test_new_one_is_given_in_the_browser_and_stands_out(
    ready: PaymentMethodsViewModel, desk: Desk, opened: list[str], qtbot: QtBot
) -> None:
    ready.add(PaymentMethod.CARD)
    wait(ready, qtbot, AddPhase.WAITING)
    assert opened == [f"https://{HOST}/c/pay/setup-1"]
    assert ready.adding.page.state.host == HOST
    desk.pages["setup-1"] = "paid"
    with qtbot.waitSignal(ready.added):
        ready.adding.page.look()
    qtbot.waitUntil(lambda: NEW.token in tokens(ready))
    assert ready.state.fresh == NEW.token
    assert (ready.adding.state.phase, ready.adding.page.state.is_open) == (AddPhase.IDLE, False)


def test_kind_that_was_wanted_is_asked_for(ready: PaymentMethodsViewModel, desk: Desk, qtbot: QtBot) -> None:
    ready.add(PaymentMethod.BANK)
    wait(ready, qtbot, AddPhase.WAITING)
    assert desk.setups["setup-1"].payment_method is PaymentMethod.BANK
    ready.adding.page.cancel()
    wait(ready, qtbot, AddPhase.IDLE)
    assert desk.pages["setup-1"] == "canceled"


def test_page_given_up_leaves_everything_as_it_was(ready: PaymentMethodsViewModel, qtbot: QtBot) -> None:
    ready.add(PaymentMethod.CARD)
    wait(ready, qtbot, AddPhase.WAITING)
    with qtbot.waitSignal(ready.adding.ended):
        ready.adding.page.cancel()
    assert (ready.adding.state.phase, ready.adding.state.error) == (AddPhase.IDLE, None)
    assert tokens(ready) == ["visa", "amex", "bank"]


def test_card_given_in_the_instant_of_giving_up_counts(
    ready: PaymentMethodsViewModel, desk: Desk, qtbot: QtBot
) -> None:
    ready.add(PaymentMethod.CARD)
    wait(ready, qtbot, AddPhase.WAITING)
    desk.pages["setup-1"] = "paid"
    with qtbot.waitSignal(ready.added):
        ready.adding.page.cancel()


@pytest.mark.parametrize("became", ["declined", "expired"])
def test_page_that_came_to_nothing_says_why(
    ready: PaymentMethodsViewModel, desk: Desk, qtbot: QtBot, became: str
) -> None:
    ready.add(PaymentMethod.CARD)
    wait(ready, qtbot, AddPhase.WAITING)
    desk.pages["setup-1"] = became
    ready.adding.page.look()
    wait(ready, qtbot, AddPhase.FAILED)
    error = ready.adding.state.error
    assert error is not None
    assert ("another way" in error.detail) is (became == "declined"), "nothing is bought while a card is added"
    ready.add(PaymentMethod.CARD)
    wait(ready, qtbot, AddPhase.WAITING)
    assert set(desk.setups) == {"setup-1", "setup-2"}, "another try is another page"
    ready.adding.page.forget()


def test_answer_that_was_lost_is_asked_for_with_the_same_key(
    ready: PaymentMethodsViewModel, service: KeptService, desk: Desk, qtbot: QtBot
) -> None:
    service.fail("add_payment_method", PaymentUnknown())
    ready.add(PaymentMethod.CARD)
    wait(ready, qtbot, AddPhase.FAILED)
    key = ready.adding.state.attempt_key
    assert key
    ready.add(PaymentMethod.CARD)
    wait(ready, qtbot, AddPhase.WAITING)
    assert list(desk.keys) == [key]
    ready.adding.page.forget()


def test_refusal_of_the_provider_ends_the_attempt(
    ready: PaymentMethodsViewModel, service: KeptService, qtbot: QtBot
) -> None:
    service.fail("add_payment_method", ProviderRejected(reason="key_invalid", provider="stripe"))
    ready.add(PaymentMethod.CARD)
    wait(ready, qtbot, AddPhase.FAILED)
    assert ready.adding.state.attempt_key == ""


def test_page_that_is_open_is_waited_for_again(
    ready: PaymentMethodsViewModel, desk: Desk, opened: list[str], qtbot: QtBot
) -> None:
    ready.add(PaymentMethod.CARD)
    wait(ready, qtbot, AddPhase.WAITING)
    ready.adding.page.leave()
    ready.add(PaymentMethod.CARD)
    assert ready.adding.page.state.is_shown
    assert (len(desk.setups), len(opened)) == (1, 1)
    ready.adding.page.forget()


def test_without_pages_a_test_card_is_kept(
    ready: PaymentMethodsViewModel, desk: Desk, opened: list[str], qtbot: QtBot
) -> None:
    desk.hosts, desk.saved = (), ()
    with qtbot.waitSignal(ready.added):
        ready.adding.add_test_card(TEST_CARDS[0].token)
    qtbot.waitUntil(lambda: len(ready.state.items) == 1)
    assert ready.state.fresh == ready.state.items[0].token
    assert opened == []


# ---- what a question about money begins with


def options(*saved: object, hosts: tuple[str, ...] = (HOST,), is_test: bool = True) -> PaymentOptions:
    return PaymentOptions(is_test, WAYS, saved, TEST_CARDS if is_test else (), True, Money.zero(), hosts)  # type: ignore[arg-type] # only samples


def test_default_pays_unless_it_has_expired() -> None:
    assert preselected_method(options(BANK, VISA)) == "visa"
    assert preselected_method(options(replace(AMEX, is_default=True), BANK)) == "bank"


def test_somebody_new_gives_a_card_on_a_page_or_takes_the_test_card_that_pays() -> None:
    assert preselected_method(options()) == new_token(PaymentMethod.CARD)
    assert preselected_method(options(hosts=())) == TEST_CARDS[0].token
    assert preselected_method(options(hosts=(), is_test=False)) == ""
    assert preselected_method(None) == ""


def test_wanted_one_is_kept_while_it_is_there() -> None:
    assert preselected_method(options(VISA, PAYPAL), "paypal") == "paypal"
    assert preselected_method(options(VISA), "gone") == "visa"


def test_list_to_pick_from_names_every_kind_and_what_can_be_added() -> None:
    words = [text for text, _ in method_items(options(VISA, AMEX, BANK, PAYPAL, is_test=False))]
    assert words == [
        "Visa •••• 4242", "Amex •••• 0005 – Expired", "Deutsche Bank •••• 3000", "PayPal, ada@example.com",
        "New card…", "New bank account…", "Connect PayPal…",
    ]  # fmt: skip
    assert [token for _, token in method_items(options(VISA, hosts=(), is_test=False))] == ["visa"]
    assert method_name(options(VISA), "visa") == "Visa •••• 4242"
    assert method_name(options(), new_token(PaymentMethod.PAYPAL)) == "Connect PayPal"


# ---- words


def test_end_of_a_card_is_said_by_the_workspaces_month() -> None:
    soon = replace(VISA, exp_month=NOW.month, exp_year=NOW.year, expiry="soon")
    assert expiry_warning(VISA, NOW) == ("", "")
    assert expiry_warning(soon, NOW) == ("Expires this month", "warning")
    assert expiry_warning(replace(soon, exp_month=NOW.month % 12 + 1), NOW) == ("Expires soon", "warning")
    assert expiry_warning(AMEX, datetime.max.replace(tzinfo=NOW.tzinfo)) == ("Expired: add another", "danger")


def test_what_it_pays_for_and_what_pays_after_it_is_said() -> None:
    assert used_for_text(VISA) == "Pays for: Support Agent, automatic top-up"
    assert used_for_text(BANK) == ""
    assert removal_text(VISA, BANK).startswith(f"From then on {saved_method_label(BANK)} pays for Support Agent")
    assert "Nothing is left to pay for Support Agent" in removal_text(VISA, None)
    assert removal_text(BANK, VISA).startswith("Nothing is paid with it now.")
