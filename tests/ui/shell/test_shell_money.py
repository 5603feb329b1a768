"""Money in the window: the balance always in sight, the warning, places, palette, and what leads where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from services.api.money import Money
from services.api.types import BillingCycle, CapWindow, InvoiceQuery, QuickCheckout, TopUp
from tests.fakes import FakeService
from tests.samples import CUSTOMER_CARE
from tests.ui.page_help import button, child, click, cut_off, nameless, unnamed
from tests.ui.shell.conftest import Windows, press
from tests.ui.wallet_help import CARD, Run, live
from ui.bridge import Bridge
from ui.pages.wallet import WalletPage
from ui.shell import Shell, ViewModels
from ui.shell.account import BalanceButton
from ui.shell.history import History, Place
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.chat import Remedy
from ui.viewmodels.plan_change_state import Task
from ui.viewmodels.session import SessionViewModel
from ui.widgets.overlay import OverlayStack

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
M = Money.parse


def balance(shell: Shell) -> BalanceButton:
    found = child(shell, "balanceButton")
    assert isinstance(found, BalanceButton)
    return found


def focused() -> str:
    widget = QApplication.focusWidget()
    return widget.objectName() if widget is not None else ""


# ---- the balance


def test_guest_has_no_balance_and_who_signs_in_has_one(
    shell: Shell, session: SessionViewModel, qtbot: QtBot
) -> None:  # fmt: skip
    assert not balance(shell).isVisible()
    with qtbot.waitSignal(session.signed_in):
        session.register("ada@example.com", "correct horse")
    assert balance(shell).isVisible()
    assert balance(shell).amount_text == "$0.00"
    session.sign_out()
    assert not balance(shell).isVisible()


@pytest.mark.parametrize("area", ["wallet", "orders", "usage", "subscriptions", "invoices", "timeline"])
def test_balance_follows_without_a_refresh(
    shell: Shell, signed_in: SessionViewModel, bridge: Bridge, holder: ServiceHolder, run: Run, qtbot: QtBot, area: Any
) -> None:
    run(holder.service.top_up(TopUp(M("20"), CARD), key="k"))
    bridge.announce(area)
    qtbot.waitUntil(lambda: balance(shell).amount_text == "$20.00")
    assert balance(shell).accessibleName() == "Balance $20.00"


def test_balance_is_in_sight_in_a_narrow_window_and_opens_the_wallet(
    shell: Shell, signed_in: SessionViewModel
) -> None:  # fmt: skip
    shell.resize(900, 600)
    assert balance(shell).isVisible()
    assert balance(shell).toolTip() == "Balance $0.00"
    QTest.mouseClick(balance(shell), Qt.MouseButton.LeftButton)
    assert shell.navigator.here == Place("wallet")


def test_low_balance_warns_everywhere_but_at_checkout_and_leads_to_topping_up(
    shell: Shell, vms: ViewModels, signed_in: SessionViewModel, service: FakeService, holder: ServiceHolder,
    bridge: Bridge, run: Run, qtbot: QtBot,
) -> None:  # fmt: skip
    live(service, holder.service, run, 10, "4")
    run(holder.service.set_low_balance_alert(M("20")))
    bridge.announce("usage")
    banner = shell.banners.low_balance
    qtbot.waitUntil(lambda: "At this pace it is empty on" in banner.text)
    assert banner.isVisible()
    assert balance(shell).accessibleName() == "Low balance $10.00"
    shell.navigator.check_out(vms.marketplace.offerings.card(0).uuid)  # type: ignore[union-attr] # it is there
    assert not banner.isVisible()
    shell.navigator.show_section("marketplace")
    assert banner.isVisible()
    click(shell, "lowBalanceBannerAction")
    assert shell.navigator.here == Place("wallet")
    qtbot.waitUntil(lambda: focused() == "topUpAmount")
    qtbot.waitUntil(lambda: not vms.wallet.top_up.state.is_quoting)
    press(shell, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    run(holder.service.top_up(TopUp(M("50"), CARD), key="k"))
    bridge.announce("wallet")
    qtbot.waitUntil(lambda: not banner.isVisible())


# ---- places


@pytest.mark.parametrize(
    ("key", "page"),
    [
        (Qt.Key.Key_3, "wallet"),
        (Qt.Key.Key_4, "subscriptions"),
        (Qt.Key.Key_5, "invoices"),
        (Qt.Key.Key_1, "marketplace"),
    ],
)
def test_places_have_keys(shell: Shell, key: Qt.Key, page: str) -> None:
    press(shell, key)
    assert shell.navigator.here == Place(page)
    assert button(shell, f"nav-{page}").accessibleDescription() == "Current page"


def test_comparison_stands_behind_the_subscriptions() -> None:
    history = History().compared(Place("comparison", "one"))
    assert history.section == "subscriptions"
    assert history.back().here == Place("subscriptions")


def test_page_out_of_sight_reads_nothing(
    shell: Shell, vms: ViewModels, signed_in: SessionViewModel, bridge: Bridge, service: FakeService, qtbot: QtBot
) -> None:
    press(shell, Qt.Key.Key_3)
    qtbot.waitUntil(lambda: vms.wallet.state.status is Status.READY)
    press(shell, Qt.Key.Key_1)
    service.calls.clear()
    bridge.announce("wallet")
    qtbot.waitUntil(lambda: "get_account" in service.calls)
    assert "get_wallet" not in service.calls


def test_f5_reads_the_wallet_again(
    shell: Shell, vms: ViewModels, signed_in: SessionViewModel, service: FakeService, qtbot: QtBot
) -> None:
    press(shell, Qt.Key.Key_3)
    qtbot.waitUntil(lambda: vms.wallet.state.status is Status.READY)
    service.calls.clear()
    press(shell, Qt.Key.Key_F5, Qt.KeyboardModifier.NoModifier)
    qtbot.waitUntil(lambda: {"get_wallet", "list_movements"} <= set(service.calls))


@pytest.mark.parametrize(
    ("words", "focus"), [("top up", "topUpAmount"), ("redeem", "redeemCode"), ("auto-top", "autoThreshold")]
)
def test_palette_asks_the_wallets_questions(
    shell: Shell, vms: ViewModels, signed_in: SessionViewModel, qtbot: QtBot, words: str, focus: str
) -> None:
    press(shell, Qt.Key.Key_K)
    QTest.keyClicks(child(shell, "paletteSearch"), words)
    QTest.keyClick(child(shell, "paletteSearch"), Qt.Key.Key_Return)
    assert shell.navigator.here == Place("wallet")
    qtbot.waitUntil(lambda: focused() == focus)
    top_up, auto = vms.wallet.top_up, vms.wallet.auto
    qtbot.waitUntil(lambda: not top_up.state.is_quoting and not auto.state.is_rehearsing)


def test_guest_who_wants_to_top_up_is_asked_to_sign_in(shell: Shell) -> None:
    shell.navigator.money.top_up()
    assert child(shell, "signInSheet").isVisible()


def test_change_of_a_plan_opens_when_the_list_is_there(
    shell: Shell, vms: ViewModels, buy: Callable[[], Any], service: FakeService, holder: ServiceHolder, run: Run,
    qtbot: QtBot,
) -> None:  # fmt: skip
    buy()
    uuid = run(holder.service.list_subscriptions())[0].uuid
    shell.navigator.money.change_plan(uuid, "", None)
    assert shell.navigator.here == Place("subscriptions")
    qtbot.waitUntil(lambda: vms.plan_change.state.subscription is not None)
    assert vms.plan_change.state.subscription is not None
    assert vms.plan_change.state.subscription.uuid == uuid
    qtbot.waitUntil(lambda: not vms.plan_change._bridge.is_running(vms.plan_change, "open"))


# ---- from one to another


def test_amount_of_any_page_opens_what_made_it(
    shell: Shell, vms: ViewModels, signed_in: SessionViewModel, service: FakeService, holder: ServiceHolder, run: Run,
    qtbot: QtBot,
) -> None:  # fmt: skip
    live(service, holder.service, run, 3, "0.25")
    press(shell, Qt.Key.Key_3)
    qtbot.waitUntil(lambda: bool(vms.wallet.state.movements))
    click(shell, "balanceAmount")
    sheet = child(shell, "explainSheet")
    assert sheet.isVisible()
    qtbot.waitUntil(lambda: vms.explain.state.root is not None)
    assert vms.explain.state.ref.startswith("wallet:")
    press(shell, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    assert OverlayStack.of(shell).top is None
    assert focused() == "balanceAmount"


def test_explanation_leads_to_the_invoice(
    shell: Shell, vms: ViewModels, buy: Callable[[], Any], holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    buy()
    uuid = run(holder.service.list_invoices(InvoiceQuery())).items[0].uuid
    shell.navigator.money.explain(f"invoice:{uuid}")
    qtbot.waitUntil(lambda: vms.explain.state.root is not None)
    sheet = child(shell, "explainSheet")
    sheet.invoice_requested.emit(uuid)  # type: ignore[attr-defined] # it is the sheet
    assert OverlayStack.of(shell).top is None
    assert shell.navigator.here == Place("invoices")
    qtbot.waitUntil(lambda: vms.invoices.state.invoice is not None and vms.invoices.state.invoice.uuid == uuid)
    qtbot.waitUntil(lambda: vms.invoices.state.status is Status.READY)


def test_receipt_of_an_order_leads_to_its_invoice(
    shell: Shell, vms: ViewModels, buy: Callable[[], Any], holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    placed = buy()
    uuid = run(holder.service.get_order(placed.order_uuid)).invoice_uuid
    shell.navigator.show_order(placed.order_uuid)
    page = shell.navigator.page
    assert page is not None
    page.invoice_requested.emit(uuid)  # type: ignore[attr-defined] # the confirmation's own
    assert shell.navigator.here == Place("invoices")
    qtbot.waitUntil(lambda: vms.invoices.state.invoice is not None and vms.invoices.state.invoice.uuid == uuid)
    qtbot.waitUntil(lambda: vms.invoices.state.status is Status.READY)
    vms.confirmation.close()


def test_comparison_is_opened_goes_back_and_changes_the_plan(
    shell: Shell, vms: ViewModels, buy: Callable[[], Any], holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    buy()
    item = run(holder.service.list_subscriptions())[0]
    shell.navigator.compare(item.uuid)
    assert shell.navigator.here == Place("comparison", item.uuid)
    assert button(shell, "nav-subscriptions").accessibleDescription() == "Current page"
    qtbot.waitUntil(lambda: vms.comparison.state.comparison is not None)
    page = shell.navigator.page
    assert page is not None
    page.change_requested.emit(item.uuid, item.plan.uuid, BillingCycle.MONTHLY)  # type: ignore[attr-defined] # its own
    assert shell.navigator.here == Place("subscriptions")
    qtbot.waitUntil(lambda: vms.plan_change.state.subscription is not None)
    qtbot.waitUntil(lambda: OverlayStack.of(shell).top is not None)
    qtbot.waitUntil(lambda: vms.plan_change.state.preview is not None)
    press(shell, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    assert OverlayStack.of(shell).top is None
    shell.navigator.compare(item.uuid)
    press(shell, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert shell.navigator.here == Place("subscriptions")


def test_signing_out_leaves_the_comparison(
    shell: Shell, vms: ViewModels, buy: Callable[[], Any], holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    buy()
    shell.navigator.compare(run(holder.service.list_subscriptions())[0].uuid)
    qtbot.waitUntil(lambda: vms.comparison.state.comparison is not None)
    vms.session.sign_out()
    assert shell.navigator.here == Place("marketplace")


# ---- room


@pytest.mark.parametrize(("width", "height", "scale"), [(1280, 800, 1.0), (900, 600, 1.0), (900, 600, 2.0)])
def test_sidebar_fits_every_window(
    shell: Shell, signed_in: SessionViewModel, look: Theme, width: int, height: int, scale: float
) -> None:
    look.set_text_scale(scale)
    shell.resize(width, height)
    for _ in range(3):
        QApplication.processEvents()
    assert (shell.width(), shell.height()) == (width, height)
    for name in ("balanceButton", "accountButton", "nav-settings"):
        widget: QWidget = child(shell, name)
        assert widget.isVisible()
        assert shell.rect().contains(widget.mapTo(shell, widget.rect().bottomRight()))
    assert cut_off(shell.sidebar) == []
    assert unnamed(shell.sidebar) == []
    assert nameless(shell.sidebar) == []


def test_nothing_of_money_ever_opens_as_a_window(
    shell: Shell, vms: ViewModels, buy: Callable[[], Any], service: FakeService, holder: ServiceHolder, run: Run,
    qapp: QApplication, qtbot: QtBot,
) -> None:  # fmt: skip
    """A part shown before it has a parent flashes as a window of its own and takes the keyboard away."""
    buy()
    run(holder.service.top_up(TopUp(M("50"), CARD), key="k"))
    run(holder.service.set_low_balance_alert(M("20")))
    item = run(holder.service.list_subscriptions())[0]
    watch = Windows()
    qapp.installEventFilter(watch)
    money, wallet = shell.navigator.money, vms.wallet
    for section in ("subscriptions", "invoices", "wallet"):
        shell.navigator.show_section(section)
    qtbot.waitUntil(lambda: wallet.state.status is Status.READY and bool(wallet.caps.state.scopes))
    page = shell.navigator.page
    assert isinstance(page, WalletPage)
    scope = wallet.caps.state.scopes[0]
    with qtbot.waitSignal(wallet.caps.saved):
        wallet.caps.set(scope, CapWindow.DAY, M("5"))
    for tab in (1, 2, 0):
        page.tabs.set_current(tab)
    for question in (money.top_up, money.redeem, money.auto_top_up, page.open_alert):
        question()
        top = OverlayStack.of(shell).top
        assert top is not None
        top.close_overlay()
    shell.navigator.compare(item.uuid)
    qtbot.waitUntil(lambda: vms.comparison.state.comparison is not None)
    money.explain(f"upcoming:{item.uuid}")
    qtbot.waitUntil(lambda: vms.explain.state.root is not None)
    qapp.removeEventFilter(watch)
    assert watch.shown == []
    assert shell.isActiveWindow()
    qtbot.waitUntil(lambda: not wallet.top_up.state.is_quoting and not wallet.auto.state.is_rehearsing)


# ---- an agent that refused a call


def bought(holder: ServiceHolder, run: Run) -> str:
    """The uuid of an agent with a subscription."""
    order = QuickCheckout(
        CUSTOMER_CARE.card.uuid, CUSTOMER_CARE.plans[1].uuid,
        payment_token=CARD, terms_accepted=True,
    )  # fmt: skip
    uuid = run(holder.service.quick_checkout(order, key="once")).resource_uuid
    assert isinstance(uuid, str)
    return uuid


def test_out_of_credit_leads_to_the_top_up(shell: Shell, signed_in: SessionViewModel, qtbot: QtBot) -> None:
    shell.navigator.money.remedy(Remedy.TOP_UP, "any")
    qtbot.waitUntil(lambda: OverlayStack.of(shell).top is not None)
    assert getattr(OverlayStack.of(shell).top, "objectName", str)() == "topUpSheet"


def test_a_limit_leads_to_the_limits(shell: Shell, signed_in: SessionViewModel, qtbot: QtBot) -> None:
    shell.navigator.money.remedy(Remedy.LIMITS, "any")
    assert shell.navigator.here.page == "wallet"
    qtbot.waitUntil(lambda: child(shell, "capSection").isVisible())


def test_a_used_up_plan_leads_to_the_others(
    shell: Shell, vms: ViewModels, holder: ServiceHolder, signed_in: SessionViewModel, run: Run, qtbot: QtBot
) -> None:
    uuid = bought(holder, run)
    shell.navigator.money.remedy(Remedy.PLANS, uuid)
    qtbot.waitUntil(lambda: vms.plan_change.state.task is Task.PLAN)
    assert shell.navigator.here.page == "subscriptions"
    subscription = vms.plan_change.state.subscription
    assert subscription is not None
    assert [one.uuid for one in subscription.resources] == [uuid]


def test_who_went_elsewhere_meanwhile_is_not_asked(
    shell: Shell, vms: ViewModels, holder: ServiceHolder, signed_in: SessionViewModel, run: Run, qtbot: QtBot
) -> None:
    uuid = bought(holder, run)
    shell.navigator.money.remedy(Remedy.PLANS, uuid)
    shell.navigator.show_section("invoices")
    qtbot.waitUntil(lambda: vms.subscriptions.state.status is Status.READY)
    shell.navigator.show_section("subscriptions")
    qtbot.waitUntil(lambda: bool(vms.subscriptions.state.items))
    assert vms.plan_change.state.task is None
