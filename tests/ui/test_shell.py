"""The window: places and the way back, the path from looking to talking, palette, shortcuts, and what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from PySide6.QtCore import QEvent, QObject, QRect, Qt, Signal
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import DatabaseBusy, Offline
from services.api.types import BillingCycle, Cart, CartDraft, OfferingPage, PaymentMethod, QuickCheckout
from tests.fakes import FakeService
from tests.samples import CATEGORIES, CUSTOMER_CARE, OFFERINGS
from tests.ui.page_help import button, child, click, cut_off, nameless, text, unnamed
from ui.bridge import Bridge
from ui.pages.agent import AgentPage
from ui.pages.marketplace import MarketplacePage
from ui.pages.settings import SettingsPage
from ui.prefs import Prefs
from ui.shell import Pages, Shell, ViewModels
from ui.shell.history import HOME, History, Place
from ui.shell.keys import key_text
from ui.shell.navigation import CHAT_AFTER_MS
from ui.theme import Theme
from ui.viewmodels.agent import AgentViewModel
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.chat import ChatViewModel
from ui.viewmodels.checkout import CheckoutViewModel
from ui.viewmodels.configure import ConfigureViewModel
from ui.viewmodels.confirmation import ConfirmationViewModel
from ui.viewmodels.marketplace import MarketplaceViewModel
from ui.viewmodels.my_agents import MyAgentsViewModel
from ui.viewmodels.palette import PaletteViewModel
from ui.viewmodels.pending_cart import PendingCartViewModel
from ui.viewmodels.session import SessionViewModel
from ui.widgets.overlay import Dialog, Overlay, OverlayStack

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
CTRL = Qt.KeyboardModifier.ControlModifier
FIRST = OfferingPage(tuple(offering.card for offering in OFFERINGS), len(OFFERINGS))


class Plain(QWidget):
    """In the place of the pages that have their own tests: their signals and one button."""

    back = Signal()
    open_chat = Signal(str)
    configure = Signal(str)
    home = Signal()
    opened = Signal(str)
    browse = Signal()
    sign_in_requested = Signal()
    show_order = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(name)
        only = QPushButton(name)
        only.setObjectName(f"{name}Button")
        QVBoxLayout(self).addWidget(only)


class Windows(QObject):
    """Which top-level widgets are shown, except menus and tips."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.shown.append(f"{type(watched).__name__} {watched.objectName()}")
        return False


@pytest.fixture
def look(qapp: QApplication) -> Iterator[Theme]:
    theme = Theme("light", reduced_motion=True)
    theme.apply(qapp)
    yield theme
    theme.set_mode("light")
    theme.set_text_scale(1.0)


@pytest.fixture
def prefs(tmp_path: Path) -> Prefs:
    return Prefs(tmp_path / "prefs.ini")


@pytest.fixture
def vms(bridge: Bridge, holder: ServiceHolder, session: SessionViewModel, new_key: Callable[[], str]) -> ViewModels:
    market = MarketplaceViewModel(bridge, holder)
    market.first_page(FIRST, CATEGORIES)
    return ViewModels(
        session=session,
        marketplace=market,
        agent=AgentViewModel(bridge, holder, new_key),
        checkout=CheckoutViewModel(bridge, holder, session, new_key),
        confirmation=ConfirmationViewModel(bridge, holder),
        chat=ChatViewModel(bridge, holder, new_key),
        my_agents=MyAgentsViewModel(bridge, holder),
        configure=ConfigureViewModel(bridge, holder),
        palette=PaletteViewModel(bridge, holder, ()),
        pending_cart=PendingCartViewModel(bridge, holder),
    )


def plain(name: str) -> Any:  # Any: stands in for a page of another type
    return partial(Plain, name)


@pytest.fixture
def pages(vms: ViewModels, look: Theme, prefs: Prefs) -> Pages:
    return Pages(
        marketplace=lambda: MarketplacePage(vms.marketplace),
        agent=lambda: AgentPage(vms.agent),
        checkout=plain("checkoutPage"),
        confirmation=plain("confirmationPage"),
        chat=plain("chatPage"),
        my_agents=plain("myAgentsPage"),
        configure=plain("configurePage"),
        settings=lambda: SettingsPage(look, prefs, data_folder="/data/souk", version="1.2.3"),
        sign_in=lambda window: cast(Overlay, Dialog(window, "Sign in", confirm="Sign in", name="signInSheet")),
    )


Make = Callable[[], Shell]


@pytest.fixture
def make(vms: ViewModels, pages: Pages, bridge: Bridge, look: Theme, prefs: Prefs, qtbot: QtBot) -> Make:
    def shell() -> Shell:
        made = Shell(vms, pages, bridge, look, prefs)
        qtbot.addWidget(made)
        made.resize(1280, 800)
        made.open_window()
        made.activateWindow()
        qtbot.waitUntil(made.isActiveWindow)
        return made

    return shell


@pytest.fixture
def shell(make: Make) -> Iterator[Shell]:
    made = make()
    yield made
    for toast in made.toasts.toasts():
        toast.close_toast()


def press(shell: Shell, key: Qt.Key, modifier: Qt.KeyboardModifier = CTRL) -> None:
    QTest.keyClick(QApplication.focusWidget() or shell, key, modifier)


def see(shell: Shell, vms: ViewModels, qtbot: QtBot) -> None:
    shell.navigator.see(CUSTOMER_CARE.card)
    qtbot.waitUntil(lambda: vms.agent.chat.state.status is Status.READY)


def toast_texts(shell: Shell) -> list[str]:
    return [toast.text for toast in shell.toasts.toasts()]


@pytest.fixture
def buy(service: FakeService, signed_in: SessionViewModel, holder: ServiceHolder, run: Any) -> Callable[[], Any]:
    """Buys Pro of Customer Care and returns what was placed."""

    def now() -> Any:
        pro = next(plan for plan in CUSTOMER_CARE.plans if plan.slug == "pro")
        request = QuickCheckout(
            CUSTOMER_CARE.card.uuid, pro.uuid, PaymentMethod.CARD, "tok_test_pays",
            billing_cycle=BillingCycle.YEARLY, terms_accepted=True,
        )  # fmt: skip
        return run(holder.service.quick_checkout(request, key="once"))

    return now


# ---- history


def test_history_goes_back_one_place_and_stays_at_the_first() -> None:
    history = History().go(Place("agent", "a")).go(Place("agent", "b")).go(Place("checkout"))
    assert history.places == (HOME, Place("agent", "b"), Place("checkout"))
    assert history.back().here == Place("agent", "b")
    assert history.back().back().back().here == HOME


def test_sections_start_afresh_and_paid_checkouts_are_not_gone_back_into() -> None:
    history = History().go(Place("agent", "a")).go(Place("checkout"))
    assert history.go(Place("my_agents")).places == (Place("my_agents"),)
    assert history.paid(Place("confirmation")).back().here == HOME
    assert history.bought(Place("chat", "r")).section == "my_agents"


def test_keys_are_written_for_people() -> None:
    assert (key_text("Ctrl+K"), key_text("Ctrl++"), key_text("F5")) == ("Ctrl K", "Ctrl +", "F5")


# ---- places


def test_first_frame_shows_the_catalogue_and_made_no_other_page(shell: Shell) -> None:
    assert shell.stack.count() == 1
    assert child(shell, "offeringGrid").isVisible()
    assert shell.windowTitle() == "Marketplace – Souk"
    assert child(shell, "offeringGrid").hasFocus()


def test_keys_lead_to_the_sections(shell: Shell) -> None:
    for key, name in (
        (Qt.Key.Key_2, "myAgentsPage"),
        (Qt.Key.Key_Comma, "settingsPage"),
        (Qt.Key.Key_1, "marketplacePage"),
    ):
        press(shell, key)
        assert child(shell, name).isVisible()


def test_sidebar_leads_to_the_sections_and_marks_them(shell: Shell) -> None:
    click(shell, "nav-my_agents")
    assert child(shell, "myAgentsPage").isVisible()
    assert child(shell, "nav-my_agents").accessibleDescription() == "Current page"
    assert child(shell, "nav-marketplace").accessibleDescription() == ""


def test_checkout_hides_the_sidebar_and_back_returns_to_the_agent(shell: Shell, vms: ViewModels, qtbot: QtBot) -> None:
    see(shell, vms, qtbot)
    click(shell, "buyButton")
    assert shell.navigator.here.page == "checkout"
    assert not shell.sidebar.isVisible()
    press(shell, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert shell.navigator.here == Place("agent", CUSTOMER_CARE.card.uuid)
    assert shell.sidebar.isVisible()
    press(shell, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert shell.navigator.here == HOME


def test_opening_a_card_from_the_grid_by_keyboard_alone(shell: Shell, vms: ViewModels, qtbot: QtBot) -> None:
    press(shell, Qt.Key.Key_Down, Qt.KeyboardModifier.NoModifier)
    press(shell, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier)
    qtbot.waitUntil(lambda: button(shell, "buyButton").hasFocus())
    press(shell, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier)
    assert shell.navigator.here.page == "checkout"


def test_refresh_asks_for_the_page_again(shell: Shell, service: FakeService, qtbot: QtBot) -> None:
    press(shell, Qt.Key.Key_F5, Qt.KeyboardModifier.NoModifier)
    qtbot.waitUntil(lambda: "list_categories" in service.calls)


# ---- from looking to talking


def test_after_paying_the_chat_opens_by_itself(
    shell: Shell, vms: ViewModels, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    shell.navigator.check_out(CUSTOMER_CARE.card.uuid)
    placed = buy()
    vms.checkout.placed.emit(placed)
    assert shell.navigator.here.page == "confirmation"
    qtbot.waitUntil(lambda: shell.navigator.here == Place("chat", placed.resource_uuid), timeout=CHAT_AFTER_MS + 4000)
    qtbot.waitUntil(lambda: vms.chat.state.status is Status.READY)
    shell.navigator.back()
    assert shell.navigator.here == Place("my_agents")


def test_ready_while_elsewhere_is_said_and_the_chat_is_one_click_away(
    shell: Shell, vms: ViewModels, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    vms.confirmation.open(buy())
    qtbot.waitUntil(lambda: "Customer Care is ready." in toast_texts(shell))
    QTest.mouseClick(shell.toasts.toasts()[-1].action_button, Qt.MouseButton.LeftButton)
    assert shell.navigator.here.page == "chat"


def test_signing_out_leaves_what_belonged_to_the_account(
    shell: Shell, vms: ViewModels, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    shell.navigator.open_chat(buy().resource_uuid)
    vms.session.sign_out()
    assert shell.navigator.here == HOME


# ---- account corner


def test_guest_can_sign_in(shell: Shell) -> None:
    click(shell, "signInButton")
    assert child(shell, "signInSheet").isVisible()


def test_account_shows_name_organization_and_spending(
    shell: Shell, vms: ViewModels, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    buy()
    vms.session.refresh()
    corner = child(shell, "accountButton")
    qtbot.waitUntil(lambda: "This month $990" in corner.accessibleDescription())
    assert corner.accessibleName() == "Account of Ada"
    assert "Ada's Organization" in corner.accessibleDescription()
    assert not child(shell, "signInButton").isVisible()


@pytest.mark.qt_log_ignore("propagateSizeHints", r"raise\(\)", "grabbing the keyboard")
def test_account_menu_signs_out(shell: Shell, signed_in: SessionViewModel, qtbot: QtBot) -> None:
    click(shell, "accountButton")
    menu = shell.findChild(QMenu, "accountMenu")
    assert isinstance(menu, QMenu)
    next(action for action in menu.actions() if action.objectName() == "signOutAction").trigger()
    menu.close()
    qtbot.waitUntil(lambda: child(shell, "signInButton").isVisible())


# ---- palette and overlays


def test_palette_finds_and_opens_an_agent(shell: Shell, vms: ViewModels, qtbot: QtBot) -> None:
    press(shell, Qt.Key.Key_K)
    search = child(shell, "paletteSearch")
    assert search.hasFocus()
    QTest.keyClicks(search, "expense")
    qtbot.waitUntil(lambda: any(command.offering_uuid for command in vms.palette.state.commands))
    QTest.keyClick(search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: text(shell, "agentName") == "Expense Auditor")


def test_palette_buys_in_one_line(shell: Shell, vms: ViewModels, qtbot: QtBot) -> None:
    press(shell, Qt.Key.Key_K)
    QTest.keyClicks(child(shell, "paletteSearch"), "get customer")
    qtbot.waitUntil(
        lambda: bool(vms.palette.state.commands) and vms.palette.state.commands[0].title == "Get Customer Care"
    )
    QTest.keyClick(child(shell, "paletteSearch"), Qt.Key.Key_Return)
    assert shell.navigator.here == Place("checkout", CUSTOMER_CARE.card.uuid)


def test_palette_does_actions_and_goes_to_pages(shell: Shell, look: Theme) -> None:
    for words in ("dark theme", "settings"):
        press(shell, Qt.Key.Key_K)
        QTest.keyClicks(child(shell, "paletteSearch"), words)
        QTest.keyClick(child(shell, "paletteSearch"), Qt.Key.Key_Return)
        QApplication.processEvents()
    assert look.is_dark
    assert shell.navigator.here.page == "settings"


def test_escape_closes_the_topmost_overlay_only_and_focus_returns(shell: Shell) -> None:
    grid = child(shell, "offeringGrid")
    press(shell, Qt.Key.Key_Question, Qt.KeyboardModifier.NoModifier)
    sheet = child(shell, "shortcutSheet")
    assert sheet.isVisible()
    press(shell, Qt.Key.Key_K)
    assert OverlayStack.of(shell).top is sheet
    press(shell, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    assert OverlayStack.of(shell).top is None
    assert grid.hasFocus()


# ---- look


def test_theme_toggle_is_live_and_kept(shell: Shell, look: Theme, prefs: Prefs) -> None:
    light = shell.grab().toImage().pixelColor(4, 400)
    click(shell, "themeToggle")
    assert look.is_dark
    assert prefs.theme_mode == "dark"
    assert shell.grab().toImage().pixelColor(4, 400).lightness() < light.lightness()
    assert child(shell, "themeToggle").accessibleName() == "Light theme"


def test_text_scale_goes_by_steps_within_its_bounds_and_is_kept(shell: Shell, look: Theme, prefs: Prefs) -> None:
    press(shell, Qt.Key.Key_Plus)
    assert prefs.text_scale == look.text_scale == 1.15
    for _ in range(9):
        press(shell, Qt.Key.Key_Plus)
    assert look.text_scale == 2.0
    press(shell, Qt.Key.Key_0)
    for _ in range(9):
        press(shell, Qt.Key.Key_Minus)
    assert look.text_scale == 0.85


@pytest.mark.parametrize(("width", "height", "scale"), [(1280, 800, 1.0), (900, 600, 1.0), (1280, 800, 2.0)])
def test_nothing_is_cut_off_and_everything_has_a_name(
    shell: Shell, look: Theme, width: int, height: int, scale: float
) -> None:
    look.set_text_scale(scale)
    shell.resize(width, height)
    for section in ("settings", "marketplace"):
        shell.navigator.show_section(section)
        for _ in range(3):
            QApplication.processEvents()
        assert cut_off(shell) == []
        assert unnamed(shell) == []
        assert nameless(shell) == []
    assert (shell.width(), shell.height()) == (width, height)


def test_sidebar_shrinks_to_icons_in_a_narrow_window(shell: Shell) -> None:
    wide = shell.sidebar.width()
    shell.resize(940, 700)
    assert shell.sidebar.width() < 80 < wide
    assert child(shell, "paletteIconButton").isVisible()
    shell.resize(600, 300)
    assert (shell.width(), shell.height()) == (900, 600)


# ---- banners and toasts


def test_offline_banner_offers_a_retry_and_goes(
    shell: Shell, vms: ViewModels, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("list_offerings", Offline())
    vms.marketplace.load()
    qtbot.waitUntil(shell.banners.offline.isVisible)
    click(shell, "offlineBannerAction")
    qtbot.waitUntil(lambda: not shell.banners.offline.isVisible())


def test_unhandled_failure_is_said_in_a_toast(shell: Shell, bridge: Bridge) -> None:
    bridge.failed.emit(DatabaseBusy())
    assert len(toast_texts(shell)) == 1


def test_test_mode_is_said_where_prices_are_and_can_be_closed(shell: Shell, vms: ViewModels, qtbot: QtBot) -> None:
    assert not shell.banners.test.isVisible()
    see(shell, vms, qtbot)
    assert shell.banners.test.text == "Test mode: no real money moves."
    QTest.mouseClick(shell.banners.test.close_button, Qt.MouseButton.LeftButton)
    shell.navigator.show_section("marketplace")
    see(shell, vms, qtbot)
    assert not shell.banners.test.isVisible()


@pytest.mark.parametrize(("attempt", "words"), [("", "Continue where you left"), ("key", "was interrupted")])
def test_kept_cart_is_offered_and_leads_to_checkout(
    shell: Shell, service: FakeService, run: Any, qtbot: QtBot, attempt: str, words: str
) -> None:
    draft = CartDraft(attempt_key=attempt)
    run(service.save_cart(Cart(CUSTOMER_CARE.card.uuid, CUSTOMER_CARE.plans[2].uuid, BillingCycle.YEARLY, draft)))
    shell.settle()
    qtbot.waitUntil(shell.banners.cart.isVisible)
    assert words in shell.banners.cart.text
    click(shell, "cartBannerAction")
    assert shell.navigator.here.page == "checkout"
    assert not shell.banners.cart.isVisible()


def test_cart_of_a_withdrawn_offering_is_not_offered(
    vms: ViewModels, service: FakeService, run: Any, qtbot: QtBot
) -> None:
    run(service.save_cart(Cart(CUSTOMER_CARE.card.uuid, CUSTOMER_CARE.plans[2].uuid)))
    service.world.offerings = OFFERINGS[1:]
    vms.pending_cart.look()
    qtbot.waitUntil(lambda: service.calls[-1] == "get_offering")
    assert vms.pending_cart.state.text == ""


# ---- what is kept, and closing


def test_size_and_place_are_kept_for_the_next_time(shell: Shell, make: Make, prefs: Prefs) -> None:
    click(shell, "nav-settings")
    shell.setGeometry(QRect(0, 30, 900, 700))
    shell.close()
    assert prefs.last_page == "settings"
    assert prefs.geometry.height() == 700
    again = make()
    assert again.navigator.here == Place("settings")


def test_quit_closes_the_window(shell: Shell) -> None:
    press(shell, Qt.Key.Key_Q)
    assert not shell.isVisible()


def test_closing_asks_only_while_something_is_being_set_up(
    shell: Shell, vms: ViewModels, service: FakeService, buy: Callable[[], Any], qtbot: QtBot
) -> None:
    service.world.auto_deploy = False
    vms.confirmation.open(buy())
    qtbot.waitUntil(lambda: vms.confirmation.state.order is not None)
    shell.close()
    assert shell.isVisible()
    dialog = child(shell, "closeDialog")
    assert isinstance(dialog, Dialog)
    assert dialog.cancel_button.hasFocus()
    QTest.mouseClick(dialog.confirm_button, Qt.MouseButton.LeftButton)
    assert not shell.isVisible()
    vms.confirmation.close()


# ---- settings


def test_settings_change_the_look_at_once(shell: Shell, look: Theme, prefs: Prefs) -> None:
    click(shell, "nav-settings")
    click(shell, "themeChoice-2")
    assert look.is_dark
    click(shell, "largerText")
    assert (look.text_scale, text(shell, "textSize")) == (1.15, "115 %")
    click(shell, "normalText")
    assert not button(shell, "normalText").isEnabled()
    click(shell, "reducedMotion")
    assert prefs.reduced_motion
    assert text(shell, "version") == "Version 1.2.3"


def test_settings_show_the_licences(shell: Shell) -> None:
    click(shell, "nav-settings")
    click(shell, "licencesButton")
    assert child(shell, "licenceSheet").isVisible()


def test_nothing_but_the_window_ever_opens_as_a_window(
    shell: Shell, vms: ViewModels, qapp: QApplication, qtbot: QtBot
) -> None:
    """A part shown before it has a parent flashes as a window of its own and takes the keyboard away."""
    watch = Windows()
    qapp.installEventFilter(watch)
    see(shell, vms, qtbot)
    shell.navigator.show_section("settings")
    click(shell, "licencesButton")
    press(shell, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    shell.toasts.show_toast("Removed.", action="Undo")
    Dialog(shell, "Really?", "It cannot be undone.", confirm="Remove").open()
    qapp.removeEventFilter(watch)
    assert watch.shown == []
    assert shell.isActiveWindow()


def test_focus_ring_goes_around_the_whole_question_box(shell: Shell, vms: ViewModels, qtbot: QtBot) -> None:
    see(shell, vms, qtbot)
    press(shell, Qt.Key.Key_Tab, Qt.KeyboardModifier.NoModifier)
    box = child(shell, "sampleInput")
    box.setFocus()
    frame = box.parentWidget()
    assert frame is not None
    assert shell.ring.isVisible()
    assert shell.ring.geometry().contains(QRect(frame.mapTo(shell, frame.rect().topLeft()), frame.size()))
