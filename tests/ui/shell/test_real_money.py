"""Where money is real nobody reads a word of test mode, and where it is not, everybody does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QComboBox, QWidget
from pytestqt.qtbot import QtBot

from app.settings import Settings
from app.window import page_makers
from services.api.contract import Actor
from services.api.errors import Offline
from services.api.types import PaymentMethod, PaymentOptions
from tests.fake_world import World
from tests.fakes import FakeService
from tests.samples import CUSTOMER_CARE, TEST_CARDS
from tests.ui.page_help import child, click, shown, text
from tests.ui.shell.conftest import Make
from ui.prefs import Prefs
from ui.shell import Shell, ViewModels
from ui.shell import history as at
from ui.shell.parts import Pages
from ui.text import test_card_label
from ui.theme import Theme
from ui.viewmodels.base import Status
from ui.viewmodels.session import SessionViewModel
from ui.widgets.notices import Banner
from ui.widgets.overlay import OverlayStack

pytestmark = pytest.mark.qt_log_ignore("plugin does not support|propagateSizeHints")
TELLS = re.compile(r"\btest (mode|cards?|provider|workspace|account|bank)\b|no real money|simulated|sandbox", re.I)
SECTIONS = tuple(one for one in at.SECTIONS if one != at.COLLECTIONS)
CARDS = {test_card_label(card) for card in TEST_CARDS}
METHODS = (PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL, PaymentMethod.INVOICE)


@pytest.fixture
def is_test_mode() -> bool:
    return False


class Careless(FakeService):
    """Sends the published test cards along, whatever the money is."""

    async def get_payment_options(self) -> PaymentOptions:
        return replace(await super().get_payment_options(), test_cards=TEST_CARDS)

    def for_actor(self, actor: Actor) -> Careless:
        return Careless(self.world, actor)


@pytest.fixture
def service(is_test_mode: bool) -> FakeService:
    made = Careless(World(is_test_mode=is_test_mode))
    made.pages.open(undo_seconds=60)
    return made


@pytest.fixture
def pages(vms: ViewModels, look: Theme, prefs: Prefs, tmp_path: Path) -> Pages:
    """Those of the program itself."""
    return page_makers(vms, look, prefs, Settings(tmp_path), "1.2.3")


def told(root: QWidget) -> set[str]:
    """What of test mode stands on the screen, in a tip or in the name of a control."""
    found = set()
    for widget in (root, *shown(root)):
        words = [widget.toolTip(), widget.accessibleName(), widget.accessibleDescription()]
        for name in ("text", "placeholderText"):
            read = getattr(widget, name, None)
            said = read() if callable(read) else read
            words.append(said if isinstance(said, str) else "")
        if isinstance(widget, QComboBox):
            words += [widget.itemText(number) for number in range(widget.count())]
        found |= {one for one in words if TELLS.search(one) or re.search(r"\bTEST\b", one) or one in CARDS}
    return found


def settle(shell: Shell, qtbot: QtBot) -> None:
    shell.settle()
    qtbot.waitUntil(shell.sidebar.payment_mode.isVisible)


def walk(shell: Shell, vms: ViewModels, qtbot: QtBot) -> dict[str, set[str]]:
    """What each place tells, as far as it tells anything; sheets included."""
    found: dict[str, set[str]] = {}

    def look(name: str) -> None:
        QApplication.processEvents()
        found[name] = told(shell)

    for section in SECTIONS:
        shell.navigator.show_section(section)
        qtbot.wait(60)
        look(section)
    shell.navigator.show_section(at.WALLET)
    qtbot.waitUntil(lambda: vms.wallet.state.status is Status.READY)
    click(shell, "topUpButton")
    qtbot.wait(60)
    look("top up")
    top = OverlayStack.of(shell).top
    assert top is not None
    top.close_overlay()
    shell.navigator.check_out(CUSTOMER_CARE.card.uuid)
    qtbot.waitUntil(lambda: vms.checkout.state.status is Status.READY and not vms.checkout.state.is_pricing)
    for method in METHODS:
        vms.checkout.choose_method(method)
        look(f"checkout {method}")
    return {name: words for name, words in found.items() if words}


def test_real_money_is_never_called_a_test(
    shell: Shell, vms: ViewModels, signed_in: SessionViewModel, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    settle(shell, qtbot)
    assert text(shell, "paymentModeBadge") == "LIVE"
    assert walk(shell, vms, qtbot) == {}
    shell.navigator.show_order(buy().order_uuid)
    qtbot.waitUntil(lambda: vms.confirmation.state.order is not None)
    QApplication.processEvents()
    assert told(shell) == set()
    click(shell, "viewReceiptButton")
    assert told(shell) == set()
    vms.confirmation.close()


def test_guest_of_a_real_shop_reads_no_test_either(shell: Shell, vms: ViewModels, qtbot: QtBot) -> None:
    settle(shell, qtbot)
    shell.navigator.check_out(CUSTOMER_CARE.card.uuid)
    qtbot.waitUntil(lambda: vms.checkout.state.status is Status.READY)
    QApplication.processEvents()
    assert told(shell) == set()


def test_nothing_is_called_a_test_before_it_is_known(
    make: Make, vms: ViewModels, service: FakeService, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    placed = buy()
    service.fail("get_payment_options", Offline())
    shell = make()
    shell.settle()
    shell.navigator.show_order(placed.order_uuid)
    QApplication.processEvents()
    assert not child(shell, "testModeBanner").isVisible()
    assert not shell.sidebar.payment_mode.isVisible()
    vms.confirmation.close()


@pytest.mark.parametrize("is_test_mode", [True])
def test_play_money_is_called_so_wherever_it_is_spent(
    shell: Shell, vms: ViewModels, signed_in: SessionViewModel, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    settle(shell, qtbot)
    assert text(shell, "paymentModeBadge") == "TEST"
    found = walk(shell, vms, qtbot)
    assert {*SECTIONS, "top up"} <= set(found), "the badge is on every page that has a sidebar"
    assert all("Test mode: no real money moves" in found[f"checkout {method}"] for method in METHODS)
    shell.navigator.show_order(buy().order_uuid)
    banner = child(shell, "testModeBanner")
    assert isinstance(banner, Banner)
    qtbot.waitUntil(banner.isVisible)
    assert banner.text == "Test mode: no real money moves."
    vms.confirmation.close()
