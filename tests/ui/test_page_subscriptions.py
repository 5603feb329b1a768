"""The subscriptions page: what each card says, what its controls do, and the four states of the list."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import Offline, WrongState
from services.api.money import Money
from services.api.types import BillingCycle, ChangeAction, Placed, QuoteState, Subscription, SubscriptionState
from tests.fakes import FakeService
from tests.samples import EXPENSE_AUDITOR
from tests.samples_money import history
from tests.ui.page_help import button, child, click, cut_off, nameless, text, unnamed
from tests.ui.subscription_help import PRO, Owner, Run
from ui.bridge import Bridge
from ui.pages.subscriptions import SubscriptionsPage
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.plan_change import PlanChangeViewModel
from ui.viewmodels.quotes import QuotesViewModel
from ui.viewmodels.session import SessionViewModel
from ui.viewmodels.subscriptions import SubscriptionsViewModel
from ui.widgets.layout import Badge
from ui.widgets.notices import Banner, toast_area
from ui.widgets.overlay import OverlayStack

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
NewKey = Callable[[], str]


@pytest.fixture
def window(look: Theme, qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    made.resize(1056, 800)
    return made


@pytest.fixture
def page(window: QWidget, bridge: Bridge, holder: ServiceHolder, new_key: NewKey, qtbot: QtBot) -> SubscriptionsPage:
    made = SubscriptionsPage(
        SubscriptionsViewModel(bridge, holder),
        PlanChangeViewModel(bridge, holder, new_key),
        QuotesViewModel(bridge, holder, new_key),
    )
    layout = QVBoxLayout(window)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(made)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return made


@pytest.fixture
def owner(page: SubscriptionsPage, holder: ServiceHolder, signed_in: SessionViewModel, run: Run, qtbot: QtBot) -> Owner:
    return Owner(page.change_vm, holder, run, qtbot)


def load(page: SubscriptionsPage, owner: Owner) -> None:
    page.vm.load()
    page.quotes_vm.load()
    bridge = page.vm._bridge
    owner.wait(lambda: not bridge.is_running(page.vm, "load") and not bridge.is_running(page.quotes_vm, "load"))
    owner.wait(lambda: len(page._cards) >= len(page.vm.state.running))


@pytest.fixture
def life(page: SubscriptionsPage, owner: Owner, run: Run) -> dict[str, Subscription]:
    """Three months of somebody's life on the page; subscriptions by offering and plan."""
    run(history(owner.service))
    load(page, owner)
    return {f"{one.offering_name} {one.plan.name}": one for one in page.vm.state.items}


def badge_text(page: QWidget, name: str) -> str:
    found = child(page, name)
    assert isinstance(found, Badge)
    return found.text() if found.isVisible() else ""


def banner(page: QWidget, name: str) -> str:
    found = child(page, name)
    assert isinstance(found, Banner)
    return found.text if found.isVisible() else ""


# ---- states of the list


def test_guest_is_asked_to_sign_in(page: SubscriptionsPage, qtbot: QtBot) -> None:
    page.vm.load()
    assert child(page, "subscriptionsGuest").isVisible()
    with qtbot.waitSignal(page.sign_in_requested):
        QTest.keyClick(QApplication.focusWidget() or page, Qt.Key.Key_Return)


def test_who_has_nothing_is_shown_the_way(page: SubscriptionsPage, owner: Owner, qtbot: QtBot) -> None:
    load(page, owner)
    assert child(page, "subscriptionsEmpty").isVisible()
    with qtbot.waitSignal(page.browse):
        click(page, "subscriptionsEmptyAction")


def test_failure_is_said_and_tried_again(page: SubscriptionsPage, owner: Owner) -> None:
    owner.buy()
    owner.service.fail("list_subscriptions", Offline())
    page.vm.load()
    owner.wait(lambda: child(page, "subscriptionsError").isVisible())
    assert QApplication.focusWidget() is child(page, "subscriptionsErrorAction")
    click(page, "subscriptionsErrorAction")
    owner.wait(lambda: page.vm.state.status is Status.READY)
    assert child(page, f"subscription-{owner.only.uuid}").isVisible()


def test_failure_later_leaves_the_list_in_sight(page: SubscriptionsPage, owner: Owner) -> None:
    owner.buy()
    load(page, owner)
    owner.service.fail("list_subscriptions", Offline())
    page.vm.load()
    owner.wait(lambda: banner(page, "subscriptionsNotice"))
    assert child(page, f"subscription-{owner.only.uuid}").isVisible()


def test_loading_shows_placeholders(page: SubscriptionsPage, owner: Owner) -> None:
    gate = owner.service.hold("list_subscriptions")
    page.vm.retry()
    owner.wait(lambda: gate.waiting)
    assert page._waiting.isVisible()
    gate.open()
    owner.wait(lambda: page.vm.state.status is not Status.LOADING)


# ---- what a card says


def test_card_says_what_it_costs_next_and_when(page: SubscriptionsPage, life: dict[str, Subscription]) -> None:
    uuid = life["Customer Care Starter"].uuid
    assert text(page, f"name-{uuid}") == "Customer Care"
    assert text(page, f"place-{uuid}").startswith("Starter, monthly · ")
    assert badge_text(page, f"state-{uuid}") == "Active"
    assert button(page, f"nextCharge-{uuid}").text() == "$38.22"
    assert text(page, f"nextDay-{uuid}") == "on 9 April 2026"
    agent = life["Customer Care Starter"].resources[0].uuid
    assert text(page, f"calls-{agent}") == "All 1,000 calls are used, 312 more at $0.01 each"
    assert button(page, f"callsCost-{agent}").text() == "$3.12"
    assert text(page, f"paidWith-{uuid}") == "Paid with Visa •••• 4242 · extra calls on the next invoice"


def test_every_amount_explains_itself(page: SubscriptionsPage, life: dict[str, Subscription], qtbot: QtBot) -> None:
    one = life["Customer Care Starter"]
    for name, ref in (
        (f"nextCharge-{one.uuid}", f"upcoming:{one.uuid}"),
        (f"callsCost-{one.resources[0].uuid}", f"usage:{one.resources[0].uuid}"),
    ):
        with qtbot.waitSignal(page.explain_requested) as caught:
            button(page, name).click()
        assert caught.args == [ref]
    assert child(page, f"nextCharge-{one.uuid}").accessibleName() == "Explain $38.22"


def test_trial_says_how_long_and_what_comes(page: SubscriptionsPage, life: dict[str, Subscription]) -> None:
    uuid = life["Contract Reviewer Pro"].uuid
    assert badge_text(page, f"state-{uuid}") == "Trial"
    assert banner(page, f"notice-{uuid}") == ("9 days of the trial are left. First charge: $117.81 on 23 March 2026.")


def test_paused_says_until_when(page: SubscriptionsPage, life: dict[str, Subscription]) -> None:
    uuid = next(one.uuid for one in life.values() if one.state is SubscriptionState.PAUSED)
    assert banner(page, f"notice-{uuid}") == "Paused until 3 April 2026: no calls and no charges until then."
    assert text(page, f"nextDay-{uuid}") == "No charge while paused"
    assert button(page, f"resume-{uuid}").isVisible()
    assert not child(page, f"changePlan-{uuid}").isVisible()


def test_bundle_shows_each_agent_and_its_coupon(
    page: SubscriptionsPage, life: dict[str, Subscription], qtbot: QtBot
) -> None:
    bundle = life["Back Office Bundle Starter"]
    assert badge_text(page, f"coupon-{bundle.uuid}") == "FOREVER5: 5% off every time"
    assert not child(page, f"openChat-{bundle.uuid}").isVisible()
    for agent in bundle.resources:
        assert text(page, f"calls-{agent.uuid}").endswith("calls left this month, then $0.01 a call")
        with qtbot.waitSignal(page.open_chat) as caught:
            button(page, f"openChat-{agent.uuid}").click()
        assert caught.args == [agent.uuid]


def test_past_due_shows_the_calendar_and_the_way_out(page: SubscriptionsPage, owner: Owner) -> None:
    owner.buy()
    owner.fall_behind()
    load(page, owner)
    uuid = owner.only.uuid
    planned = [one for one in owner.only.attempts if one.state == "planned"]
    assert badge_text(page, f"state-{uuid}") == "Payment failed"
    assert banner(page, f"notice-{uuid}").startswith("The payment of $29.00 did not go through. It is tried again on ")
    calendar = page._cards[uuid]._attempts
    assert calendar.isVisible()
    said = [one.accessibleName() for one in calendar.children() if isinstance(one, QWidget)]
    assert sum(words.endswith("Next try") for words in said) == len(planned) > 0
    assert any(words.endswith("Too little money") for words in said)
    assert button(page, f"pay-{uuid}").text() == "Pay $29.00 now"


def test_what_a_bank_is_paying_is_not_asked_for_again(page: SubscriptionsPage, owner: Owner) -> None:
    owner.buy()
    owner.fall_behind()
    owner.begin_debit()
    load(page, owner)
    uuid = owner.only.uuid
    assert badge_text(page, f"state-{uuid}") == "Being paid"
    assert banner(page, f"notice-{uuid}") == "The payment of $29.00 is under way; everything works meanwhile."
    assert not button(page, f"pay-{uuid}").isVisible()


def test_what_ended_is_shown_when_asked_for(page: SubscriptionsPage, life: dict[str, Subscription]) -> None:
    over = next(one for one in life.values() if one.state is SubscriptionState.CANCELED)
    assert over.uuid not in page._cards
    assert button(page, "showEnded").text() == "Show 1 that ended"
    click(page, "showEnded")
    assert badge_text(page, f"state-{over.uuid}") == "Ended"
    assert not child(page, f"more-{over.uuid}").isVisible()
    click(page, "showEnded")
    assert not child(page, f"subscription-{over.uuid}").isVisible()


def test_overview_counts_and_names_the_next_charge(page: SubscriptionsPage, life: dict[str, Subscription]) -> None:
    assert text(page, "subscriptionsOverview") == "8 subscriptions · next charge $117.81 on 23 March 2026"


# ---- what can be done


def test_controls_of_a_card_lead_where_they_say(
    page: SubscriptionsPage, life: dict[str, Subscription], qtbot: QtBot
) -> None:
    one = life["Expense Auditor Pro"]
    with qtbot.waitSignal(page.compare_requested) as caught:
        button(page, f"compare-{one.uuid}").click()
    assert caught.args == [one.uuid]
    with qtbot.waitSignal(page.open_chat) as caught:
        button(page, f"openChat-{one.uuid}").click()
    assert caught.args == [one.resources[0].uuid]


def menu_of(page: SubscriptionsPage, uuid: str) -> dict[str, str]:
    page._cards[uuid].open_menu()
    menu = page._cards[uuid].findChild(QMenu, "subscriptionMenu")
    assert menu is not None
    entries = {one.objectName(): one.text() for one in menu.actions()}
    menu.close()
    QApplication.processEvents()
    return entries


def test_menu_offers_only_what_its_state_allows(page: SubscriptionsPage, life: dict[str, Subscription]) -> None:
    running, trial = life["Expense Auditor Pro"].uuid, life["Contract Reviewer Pro"].uuid
    assert list(menu_of(page, running)) == ["menuPause", "menuCard", "menuUsagePayment", "menuCopyId"]
    assert list(menu_of(page, trial)) == ["menuCard", "menuCopyId"]


def test_unpaid_invoice_is_reached_from_the_menu(page: SubscriptionsPage, owner: Owner, qtbot: QtBot) -> None:
    owner.buy()
    owner.fall_behind()
    load(page, owner)
    menu = page._cards[owner.only.uuid].menu()
    acts = {one.objectName(): one for one in menu.actions()}
    with qtbot.waitSignal(page.invoice_requested) as caught:
        acts["menuInvoice"].trigger()
    assert caught.args == [owner.only.unpaid_invoice_uuid]
    acts["menuCopyId"].trigger()
    assert QGuiApplication.clipboard().text() == owner.only.uuid
    toast_area(page).toasts()[0].close_toast()
    menu.deleteLater()


def test_waiting_change_is_a_chip_that_can_be_taken_back(page: SubscriptionsPage, owner: Owner) -> None:
    owner.buy("pro")
    starter = next(one for one in owner.service.world.offerings[0].plans if one.slug == "starter")
    owner.do(ChangeAction.CHANGE_PLAN, plan_uuid=starter.uuid)
    load(page, owner)
    uuid = owner.only.uuid
    assert badge_text(page, f"pending-{uuid}") == "Changes to Starter, monthly on 14 April 2026, $29 a month"
    click(page, f"undo-{uuid}")
    owner.wait(lambda: badge_text(page, f"pending-{uuid}") == "")
    assert owner.only.plan.uuid == PRO.uuid
    assert OverlayStack.of(page).top is None
    assert toast_area(page).toasts()[-1].text == "Nothing changes for Customer Care."


def test_undo_that_does_not_work_says_why(page: SubscriptionsPage, owner: Owner) -> None:
    owner.buy()
    owner.do(ChangeAction.CANCEL_AT_END)
    load(page, owner)
    owner.service.fail("commit_change", WrongState(state="canceled"))
    click(page, f"undo-{owner.only.uuid}")
    owner.wait(lambda: OverlayStack.of(page).top is not None)
    assert banner(page.window(), "changeNotice").startswith("This cannot be done now.")
    QTest.keyClick(QApplication.focusWidget() or page, Qt.Key.Key_Escape)
    assert OverlayStack.of(page).top is None


def test_cards_keep_the_focus_when_the_list_is_read_again(
    page: SubscriptionsPage, owner: Owner, bridge: Bridge
) -> None:
    owner.buy()
    load(page, owner)
    chosen = button(page, f"compare-{owner.only.uuid}")
    chosen.setFocus()
    owner.do(ChangeAction.CANCEL_AT_END)
    bridge.announce("subscriptions")
    owner.wait(lambda: badge_text(page, f"pending-{owner.only.uuid}") == "Ends on 14 April 2026")
    assert QApplication.focusWidget() is chosen
    assert text(page, f"nextDay-{owner.only.uuid}") == "Nothing more will be charged"


# ---- many


def test_forty_are_all_there_and_can_be_searched(page: SubscriptionsPage, owner: Owner) -> None:
    for number in range(39):
        owner.buy("pro", key=f"again-{number}")
    owner.buy(offering=EXPENSE_AUDITOR)
    load(page, owner)
    owner.wait(lambda: len(page._cards) == 40)
    search = child(page, "subscriptionSearch")
    assert search.isVisible()
    QTest.keyClicks(search, "expense")
    shown = [card for card in page._cards.values() if card.isVisibleTo(page)]
    assert [card.item.offering_name for card in shown] == ["Expense Auditor"]
    QTest.keyClicks(search, " nothing of this name")
    assert child(page, "nothingFound").isVisible()
    QTest.keyClick(search, Qt.Key.Key_Escape)
    assert not child(page, "nothingFound").isVisible()


# ---- quotes


def test_offer_carries_its_price_and_terms(page: SubscriptionsPage, life: dict[str, Subscription]) -> None:
    offer = next(one for one in page.quotes_vm.state.items if one.state is QuoteState.OFFERED)
    assert page.quotes_vm.state.open[0] == offer
    assert badge_text(page, f"quoteState-{offer.uuid}") == "Offer"
    assert text(page, f"quotePrice-{offer.uuid}") == "$450 a month"
    assert text(page, f"quoteTerms-{offer.uuid}") == "Unlimited calls"
    assert "Valid until 4 April 2026 · invoice due 30 days after you accept" in text(page, f"quoteDetail-{offer.uuid}")
    assert text(page, f"quoteNote-{offer.uuid}") == "With a named contact"
    assert button(page, f"acceptQuote-{offer.uuid}").text() == "Accept $450 a month"


def test_accepting_says_once_more_what_it_means(
    page: SubscriptionsPage, life: dict[str, Subscription], qtbot: QtBot
) -> None:
    offer = next(one for one in page.quotes_vm.state.items if one.state is QuoteState.OFFERED)
    button(page, f"acceptQuote-{offer.uuid}").click()
    dialog = OverlayStack.of(page).top
    assert dialog is not None
    assert QApplication.focusWidget() is child(dialog, "dialogCancel")
    assert button(dialog, "dialogConfirm").text() == "Accept $450 a month"
    with qtbot.waitSignal(page.placed) as caught:
        click(dialog, "dialogConfirm")
    assert isinstance(caught.args[0], Placed)
    qtbot.waitUntil(lambda: badge_text(page, f"quoteState-{offer.uuid}") == "Accepted")


def test_declining_moves_it_to_the_earlier_ones(
    page: SubscriptionsPage, life: dict[str, Subscription], qtbot: QtBot
) -> None:
    offer = next(one for one in page.quotes_vm.state.items if one.state is QuoteState.OFFERED)
    button(page, f"declineQuote-{offer.uuid}").click()
    qtbot.waitUntil(lambda: badge_text(page, f"quoteState-{offer.uuid}") == "Declined")
    assert page._earlier.card(offer.uuid) is not None
    assert page._offers.card(offer.uuid) is None


def test_refused_offer_says_why_beside_it(page: SubscriptionsPage, life: dict[str, Subscription], owner: Owner) -> None:
    offer = next(one for one in page.quotes_vm.state.items if one.state is QuoteState.OFFERED)
    owner.service.fail("decline_quote", Offline())
    button(page, f"declineQuote-{offer.uuid}").click()
    owner.wait(lambda: banner(page, f"quoteError-{offer.uuid}"))
    assert button(page, f"acceptQuote-{offer.uuid}").isEnabled()


def test_sales_answers_by_keyboard(page: SubscriptionsPage, life: dict[str, Subscription], owner: Owner) -> None:
    asked = next(one for one in page.quotes_vm.state.items if one.state is QuoteState.REQUESTED)
    button(page, f"answerQuote-{asked.uuid}").click()
    assert QApplication.focusWidget() is child(page.window(), "answerPrice")
    QTest.keyClick(QApplication.focusWidget() or page, Qt.Key.Key_Return)
    box = child(page.window(), "answerPriceBox")
    assert box.property("error") is None
    assert getattr(box, "error", "") == "Enter what a month costs."
    QTest.keyClicks(QApplication.focusWidget() or page, "790")
    QTest.keyClick(QApplication.focusWidget() or page, Qt.Key.Key_Return)
    owner.wait(lambda: text(page, f"quotePrice-{asked.uuid}") == "$790 a month")
    assert OverlayStack.of(page).top is None
    assert toast_area(page).toasts()[-1].text == "Offer sent: Enterprise for Customer Care."


def test_leaving_the_form_forgets_it(page: SubscriptionsPage, life: dict[str, Subscription]) -> None:
    asked = next(one for one in page.quotes_vm.state.items if one.state is QuoteState.REQUESTED)
    button(page, f"answerQuote-{asked.uuid}").click()
    QTest.keyClick(QApplication.focusWidget() or page, Qt.Key.Key_Escape)
    assert page.quotes_vm.state.answer is None
    assert OverlayStack.of(page).top is None


# ---- for everybody


def test_controls_have_names_and_texts_fit(page: SubscriptionsPage, life: dict[str, Subscription], look: Theme) -> None:
    assert unnamed(page) == []
    assert nameless(page) == []
    for width, height, scale in ((1056, 800, 1.0), (676, 600, 1.0), (1056, 800, 2.0), (676, 600, 2.0)):
        look.set_text_scale(scale)
        page.window().resize(width, height)
        for _ in range(3):
            QApplication.processEvents()
        assert cut_off(page) == [], (width, scale)
    look.set_text_scale(1.0)


def test_prices_of_the_year_are_whole(page: SubscriptionsPage, owner: Owner, service: FakeService) -> None:
    owner.buy("pro", BillingCycle.YEARLY)
    load(page, owner)
    assert owner.only.price == Money.parse("990")
    assert text(page, f"place-{owner.only.uuid}").startswith("Pro, yearly · ")
    assert button(page, f"nextCharge-{owner.only.uuid}").text() == "$990.00"
