"""The chat of a bought agent and the short form beside it: the cursor is where one writes, nothing typed is lost."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import DatabaseBusy, Offline
from services.api.types import BillingCycle, ChangeAction, ChangeRequest, QuickCheckout
from tests.fakes import FakeService
from tests.samples import CUSTOMER_CARE
from tests.ui.checkout_help import CARDS, PRO, Run
from tests.ui.page_help import button, child, click, cut_off, nameless, text, unnamed
from ui.bridge import Bridge
from ui.pages.chat import ChatPage
from ui.pages.configure import ConfigurePage
from ui.pages.my_agents.rows import sentence
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.chat import ChatViewModel
from ui.viewmodels.configure import ConfigureViewModel
from ui.viewmodels.session import SessionViewModel

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")


@pytest.fixture
def bought(holder: ServiceHolder, signed_in: SessionViewModel, run: Run) -> str:
    """The uuid of an agent that is ready."""
    order = QuickCheckout(
        CUSTOMER_CARE.card.uuid,
        PRO.uuid,
        payment_token=CARDS["pays"],
        billing_cycle=BillingCycle.YEARLY,
        terms_accepted=True,
    )
    uuid = run(holder.service.quick_checkout(order, key="once")).resource_uuid
    assert isinstance(uuid, str)
    return uuid


def show(page: QWidget, qtbot: QtBot) -> None:
    qtbot.addWidget(page)
    page.resize(1056, 800)
    page.show()
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)


@pytest.fixture
def page(look: Theme, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], qtbot: QtBot) -> ChatPage:
    made = ChatPage(ChatViewModel(bridge, holder, new_key))
    show(made, qtbot)
    return made


@pytest.fixture
def talking(page: ChatPage, bought: str, qtbot: QtBot) -> ChatPage:
    page.vm.open_resource(bought)
    qtbot.waitUntil(lambda: page.vm.state.status is Status.READY)
    return page


# ---- the chat


def test_it_opens_with_the_cursor_in_the_box_and_says_who_it_is(talking: ChatPage) -> None:
    assert QApplication.focusWidget() is child(talking, "chatInput")
    assert text(talking, "chatTitle") == "Customer Care"
    assert text(talking, "chatState") == "Ready"
    assert text(talking, "chatSubtitle") == "Pro plan, Ada's Organization"
    assert text(talking, "chatUsage") == "Included: 10,000 of 10,000 calls left this month"


def test_an_agent_that_is_paused_does_not_say_it_is_ready(
    page: ChatPage, bought: str, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    (one,) = run(holder.service.list_subscriptions())
    pause = ChangeRequest(one.uuid, ChangeAction.PAUSE, resume_at=one.period_end - timedelta(days=1))
    run(holder.service.commit_change(pause, run(holder.service.preview_change(pause)).hash, key="pause"))
    page.vm.open_resource(bought)
    qtbot.waitUntil(lambda: page.vm.state.status is Status.READY)
    assert text(page, "chatState") == "Paused"
    (agent,) = run(holder.service.list_resources())
    assert sentence(agent).startswith("Customer Care, Paused, ")


def test_question_is_asked_with_enter_and_counted(talking: ChatPage, qtbot: QtBot) -> None:
    box = child(talking, "chatInput")
    QTest.keyClicks(box, "How long may a return take?")
    with qtbot.waitSignal(talking.vm.answered):
        QTest.keyClick(box, Qt.Key.Key_Return)
    assert [message.role for message in talking.vm.state.messages] == ["buyer", "agent"]
    assert text(talking, "chatUsage") == "Included: 9,999 of 10,000 calls left this month"


def test_enter_is_not_lost_while_the_conversation_is_loading(page: ChatPage, bought: str, qtbot: QtBot) -> None:
    page.vm.open_resource(bought)
    box = child(page, "chatInput")
    assert QApplication.focusWidget() is box
    QTest.keyClicks(box, "How long may a return take?")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert page.vm.state.status is Status.LOADING
    qtbot.waitUntil(lambda: len(page.vm.state.messages) == 2)
    assert page.vm.state.messages[0].text == "How long may a return take?"


def test_suggested_prompt_is_one_click(talking: ChatPage, qtbot: QtBot) -> None:
    with qtbot.waitSignal(talking.vm.answered):
        click(talking, "chatPrompt-0")
    assert talking.vm.state.messages[0].text == CUSTOMER_CARE.prompts[0]


def test_configure_and_back_lead_away(talking: ChatPage, bought: str, qtbot: QtBot) -> None:
    with qtbot.waitSignal(talking.configure) as caught:
        click(talking, "configureButton")
    assert caught.args == [bought]
    with qtbot.waitSignal(talking.back):
        click(talking, "backButton")


def test_conversation_that_cannot_be_read_is_tried_again(
    page: ChatPage, service: FakeService, bought: str, qtbot: QtBot
) -> None:
    service.fail("get_resource", Offline())
    page.vm.open_resource(bought)
    qtbot.waitUntil(lambda: child(page, "chatError").isVisible())
    click(page, "chatErrorAction")
    qtbot.waitUntil(lambda: child(page, "chatInput").isVisible())
    assert QApplication.focusWidget() is child(page, "chatInput")


def test_chat_names_all_its_controls_and_cuts_nothing(talking: ChatPage, look: Theme) -> None:
    assert unnamed(talking) == []
    assert nameless(talking) == []
    look.set_text_scale(2.0)
    QApplication.processEvents()
    assert cut_off(talking) == []
    look.set_text_scale(1.0)


# ---- the form


@pytest.fixture
def form(look: Theme, bridge: Bridge, holder: ServiceHolder, bought: str, qtbot: QtBot) -> ConfigurePage:
    made = ConfigurePage(ConfigureViewModel(bridge, holder))
    show(made, qtbot)
    made.vm.open(bought)
    qtbot.waitUntil(lambda: made.vm.state.status is Status.READY)
    return made


def retype(form: ConfigurePage, words: str) -> None:
    form.name.edit.selectAll()
    QTest.keyClicks(form.name.edit, words) if words else QTest.keyClick(form.name.edit, Qt.Key.Key_Delete)


def test_form_shows_what_the_agent_has_and_begins_with_its_name(form: ConfigurePage) -> None:
    assert QApplication.focusWidget() is form.name.edit
    assert form.name.text() == "Customer Care"
    greeting = child(form, "greetingField")
    assert isinstance(greeting, QPlainTextEdit)
    assert greeting.toPlainText() == "Hello, I am Customer Care."


def test_enter_saves_and_goes_on(form: ConfigurePage, bought: str, service: FakeService, qtbot: QtBot) -> None:
    retype(form, "Returns desk")
    with qtbot.waitSignal(form.vm.finished) as caught:
        QTest.keyClick(form.name.edit, Qt.Key.Key_Return)
    assert caught.args == [bought]
    assert service.world.resources[bought][1].name == "Returns desk"


def test_form_can_be_skipped_and_left(form: ConfigurePage, service: FakeService, qtbot: QtBot) -> None:
    with qtbot.waitSignal(form.vm.finished):
        click(form, "skipButton")
    with qtbot.waitSignal(form.back):
        click(form, "backButton")
    assert "configure_resource" not in service.calls


def test_empty_name_is_said_beside_it_and_not_saved(form: ConfigurePage, service: FakeService) -> None:
    retype(form, "")
    assert form.name.error == "Give the agent a name."
    form.save.setFocus()
    click(form, "saveButton")
    assert QApplication.focusWidget() is form.name.edit
    assert "configure_resource" not in service.calls


def test_saving_that_fails_keeps_what_was_typed(form: ConfigurePage, service: FakeService, qtbot: QtBot) -> None:
    service.fail("configure_resource", DatabaseBusy())
    retype(form, "Returns desk")
    click(form, "saveButton")
    qtbot.waitUntil(lambda: child(form, "configureNotice").isVisible())
    assert form.name.text() == "Returns desk"
    with qtbot.waitSignal(form.vm.finished):
        click(form, "configureNoticeAction")


def test_form_names_its_controls_and_cuts_nothing(form: ConfigurePage, look: Theme) -> None:
    assert unnamed(form) == []
    assert nameless(form) == []
    assert button(form, "saveButton").text() == "Save and open chat"
    look.set_text_scale(2.0)
    form.resize(676, 600)
    QApplication.processEvents()
    assert cut_off(form) == []
    look.set_text_scale(1.0)
