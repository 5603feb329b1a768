"""Support on the telephone: from the page of collections to somebody else's invoice, its explanation and its refund."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from services.api.money import Money
from tests.fakes import FakeService
from tests.ui.finding_help import sold
from tests.ui.page_help import button, child, click, text
from tests.ui.shell.conftest import press
from tests.ui.wallet_help import Run
from ui.pages.collections import CollectionsPage
from ui.shell import Shell, ViewModels
from ui.shell.history import COLLECTIONS, Place
from ui.viewmodels.session import SessionViewModel

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
ENTER = Qt.Key.Key_Return


def test_support_finds_explains_and_may_refund_the_invoice_of_a_buyer(
    shell: Shell, vms: ViewModels, signed_in: SessionViewModel, service: FakeService, run: Run, qtbot: QtBot
) -> None:
    run(sold(service, "grace@example.com", "Grace Hopper"))
    service.world.staff.add("ada@example.com")
    shell.navigator.show_section(COLLECTIONS)
    assert shell.navigator.here == Place(COLLECTIONS)
    page = child(shell, "collectionsPage")
    assert isinstance(page, CollectionsPage)
    qtbot.waitUntil(page.finder.isVisible)
    press(shell, Qt.Key.Key_F)
    focused = QApplication.focusWidget()
    assert focused is page.finder.search
    QTest.keyClicks(page.finder.search, "grace@example.com")
    QTest.keyClick(page.finder.search, ENTER)
    qtbot.waitUntil(page.finder.table.hasFocus)
    QTest.keyClick(page.finder.table, ENTER)
    qtbot.waitUntil(lambda: text(shell, "invoiceTitle") == "Invoice SK-2026-000001")
    qtbot.waitUntil(button(shell, "refundInvoice").isVisible)
    assert not button(shell, "correctInvoice").isVisible()  # whose it is corrects it
    click(shell, "line-0")
    qtbot.waitUntil(lambda: vms.explain.state.root is not None)
    assert vms.explain.state.ref.startswith("line:")
    QTest.keyClick(QApplication.focusWidget() or shell, Qt.Key.Key_Escape)
    click(shell, "refundInvoice")
    qtbot.waitUntil(lambda: bool(shell.findChildren(QWidget, "refundSheet")))
    qtbot.waitUntil(lambda: vms.invoices.refund.state.preview is not None)
    assert vms.invoices.refund.state.amount == Money.parse("29")
