"""The pages of ways to pay and of support, reached from the window."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from tests.ui.page_help import child, click
from tests.ui.shell.conftest import press
from ui.shell import Shell, ViewModels
from ui.viewmodels.payment_mode import PaymentModeState
from ui.viewmodels.session import SessionViewModel

pytestmark = pytest.mark.qt_log_ignore("plugin does not support")


def found(vms: ViewModels, words: str) -> list[str]:
    vms.palette.search(words)
    titles = [command.title for command in vms.palette.state.commands]
    vms.palette.close()
    return titles


def test_ways_to_pay_are_reached_from_sidebar_key_and_palette(shell: Shell, vms: ViewModels, qtbot: QtBot) -> None:
    click(shell, "nav-payment_methods")
    assert shell.navigator.here.page == "payment_methods"
    click(shell, "nav-marketplace")
    press(shell, Qt.Key.Key_6)
    assert shell.navigator.here.page == "payment_methods"
    assert "Payment methods" in found(vms, "paypal")


def test_ways_to_pay_are_in_the_account_menu(shell: Shell, signed_in: SessionViewModel, qtbot: QtBot) -> None:
    click(shell, "accountButton")
    menu = next(one for one in shell.findChildren(QMenu) if one.objectName() == "accountMenu")
    action = menu.findChild(QAction, "methodsAction")
    assert action is not None
    action.trigger()
    menu.close()
    assert shell.navigator.here.page == "payment_methods"


@pytest.mark.parametrize("place", ["wallet", "subscriptions"])
def test_ways_to_pay_are_reached_from_where_they_pay(
    shell: Shell, signed_in: SessionViewModel, qtbot: QtBot, place: str
) -> None:
    shell.navigator.show_section(place)
    page = shell.navigator.page
    assert page is not None
    page.methods_requested.emit()  # type: ignore[attr-defined] # both pages have it
    assert shell.navigator.here.page == "payment_methods"


def test_collections_are_for_test_workspaces_and_support_only(
    shell: Shell, vms: ViewModels, signed_in: SessionViewModel, qtbot: QtBot
) -> None:
    item = child(shell, "nav-collections")
    assert not item.isVisible(), "whether money is real is not known yet"
    assert "Collections" not in found(vms, "collections")
    vms.payment_mode._become(PaymentModeState(True))
    assert item.isVisible()
    assert "Collections" in found(vms, "collections")
    vms.payment_mode._become(PaymentModeState(False))
    assert not item.isVisible()
    account = vms.session.state.account
    assert account is not None
    vms.session._set(account=replace(account, is_staff=True))
    assert item.isVisible()
    signed_in.sign_out()
    assert not item.isVisible()
    press(shell, Qt.Key.Key_7)
    assert shell.navigator.here.page != "collections"
