"""An agent's page and the conversations: the sample before buying, and the bought agent."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from services.api.errors import (
    AgentUnavailable,
    DatabaseBusy,
    InsufficientCredit,
    LimitReached,
    NotFound,
    Offline,
    ServiceError,
    SubscriptionSuspended,
)
from services.api.types import BillingCycle, FunnelStep, QuickCheckout
from tests.fakes import FakeService
from tests.samples import CUSTOMER_CARE, EXPENSE_AUDITOR, SUPPORT_BUNDLE
from tests.ui.conftest import Reports
from ui.bridge import Bridge
from ui.viewmodels.agent import AgentViewModel, CheckoutRequest
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.chat import ChatKind, ChatViewModel, Remedy
from ui.viewmodels.session import SessionViewModel

FREE, STARTER, PRO, ENTERPRISE, PER_USE = CUSTOMER_CARE.plans
ANSWER = "Worn shoes can come back within 30 days."
NewKey = Callable[[], str]


@pytest.fixture
def agent(bridge: Bridge, holder: ServiceHolder, new_key: NewKey) -> AgentViewModel:
    return AgentViewModel(bridge, holder, new_key)


@pytest.fixture
def sample(bridge: Bridge, holder: ServiceHolder, new_key: NewKey, qtbot: QtBot) -> ChatViewModel:
    chat = ChatViewModel(bridge, holder, new_key)
    chat.open_sample(CUSTOMER_CARE)
    qtbot.waitUntil(lambda: chat.state.status is Status.READY)
    return chat


@pytest.fixture
def bought(signed_in: SessionViewModel, holder: ServiceHolder, run: Callable[..., Any]) -> str:
    """The uuid of a Customer Care on the free plan: two calls a month."""
    order = QuickCheckout(CUSTOMER_CARE.card.uuid, FREE.uuid, terms_accepted=True)
    return str(run(holder.service.quick_checkout(order, key="k")).resource_uuid)


@pytest.fixture
def chat(bridge: Bridge, holder: ServiceHolder, new_key: NewKey, bought: str, qtbot: QtBot) -> ChatViewModel:
    chat = ChatViewModel(bridge, holder, new_key)
    chat.open_resource(bought)
    qtbot.waitUntil(lambda: chat.state.status is Status.READY)
    return chat


def said(chat: ChatViewModel) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in chat.state.messages]


# ---- the agent's page


def test_page_has_its_head_at_once_and_the_rest_when_it_is_read(
    agent: AgentViewModel, service: FakeService, qtbot: QtBot
) -> None:
    agent.open(CUSTOMER_CARE.card.uuid, CUSTOMER_CARE.card)
    assert agent.state.card == CUSTOMER_CARE.card
    assert agent.state.status is Status.LOADING
    qtbot.waitUntil(lambda: agent.state.status is Status.READY and agent.chat.state.status is Status.READY)
    assert agent.state.offering == CUSTOMER_CARE
    assert agent.chat.state.prompts == CUSTOMER_CARE.prompts
    qtbot.waitUntil(lambda: [event.step for _, event in service.world.funnel] == [FunnelStep.VIEWED])


def test_going_to_checkout_takes_the_plan_and_the_cycle_along(
    agent: AgentViewModel, service: FakeService, qtbot: QtBot
) -> None:
    agent.buy()  # nothing to buy yet
    agent.open("customer-care")
    qtbot.waitUntil(lambda: agent.state.status is Status.READY)
    agent.choose_plan("not a plan of this agent")
    agent.choose_cycle(BillingCycle.MONTHLY)
    with qtbot.waitSignal(agent.opened_checkout) as opened:
        agent.buy(PRO.uuid)
    assert opened.args == [CheckoutRequest(CUSTOMER_CARE, PRO.uuid, BillingCycle.MONTHLY)]
    assert agent.state.plan == PRO
    agent.buy()
    qtbot.waitUntil(lambda: len(service.world.funnel) == 2)
    assert [event.step for _, event in service.world.funnel] == [FunnelStep.VIEWED, FunnelStep.PLAN_CHOSEN]


def test_offering_that_is_gone_is_said_to_be_missing(agent: AgentViewModel, qtbot: QtBot) -> None:
    agent.open("never-was")
    qtbot.waitUntil(lambda: agent.state.status is Status.ERROR)
    assert agent.state.is_missing


def test_page_that_could_not_be_read_is_read_again(agent: AgentViewModel, service: FakeService, qtbot: QtBot) -> None:
    service.fail("get_offering", DatabaseBusy())
    agent.open(CUSTOMER_CARE.card.uuid)
    qtbot.waitUntil(lambda: agent.state.error is not None)
    agent.retry()
    qtbot.waitUntil(lambda: agent.state.status is Status.READY)
    assert agent.state.error is None


def test_quick_change_of_mind_shows_the_last_agent(agent: AgentViewModel, qtbot: QtBot) -> None:
    agent.open(CUSTOMER_CARE.card.uuid)
    agent.open(EXPENSE_AUDITOR.card.uuid)
    qtbot.waitUntil(lambda: agent.state.status is Status.READY)
    assert agent.state.offering == EXPENSE_AUDITOR
    assert agent.chat.state.uuid == EXPENSE_AUDITOR.card.uuid


def test_bundle_has_no_sample_chat(agent: AgentViewModel, qtbot: QtBot) -> None:
    agent.open(SUPPORT_BUNDLE.card.uuid)
    qtbot.waitUntil(lambda: agent.state.status is Status.READY)
    assert not agent.state.can_try
    assert agent.chat.state.kind is ChatKind.NONE


def test_being_offline_is_no_reason_to_bother_about_the_funnel(
    agent: AgentViewModel, service: FakeService, qtbot: QtBot, reports: Reports
) -> None:
    service.fail("record", Offline())
    agent.open(CUSTOMER_CARE.card.uuid)
    qtbot.waitUntil(lambda: "record" in service.calls and agent.chat.state.status is Status.READY)
    assert reports.retries == []
    assert reports.failed == []


# ---- the sample


def test_sample_answers_streams_and_counts_down(sample: ChatViewModel, qtbot: QtBot) -> None:
    streamed: list[str] = []
    sample.changed.connect(lambda: streamed.append(sample.state.streaming))
    turns = sample.state.turns_left or 0
    assert sample.state.usage_text == f"Sample: {turns} questions left"
    with qtbot.waitSignal(sample.answered):
        sample.send("What about worn shoes?")
    assert said(sample) == [("buyer", "What about worn shoes?"), ("agent", ANSWER)]
    assert sample.state.messages[1].sources[0].title == "Returns policy"
    assert "Worn shoes can" in streamed
    assert sample.state.usage_text == f"Sample: {turns - 1} questions left"
    assert sample.state.prompts == ()
    assert sample.state.streaming == sample.state.question == ""


def test_one_question_at_a_time(sample: ChatViewModel, service: FakeService, qtbot: QtBot) -> None:
    gate = service.hold("ask_sample")
    sample.send("First?")
    sample.send("Second?")
    assert sample.state.question == "First?"
    assert not sample.state.can_send
    gate.open()
    qtbot.waitUntil(lambda: not sample.state.is_answering)
    assert [text for role, text in said(sample) if role == "buyer"] == ["First?"]


def test_last_question_of_the_sample_closes_the_box(sample: ChatViewModel, qtbot: QtBot) -> None:
    for number in range(sample.state.turns_left or 0):
        with qtbot.waitSignal(sample.answered):
            sample.send(f"Question {number}?")
    assert sample.state.turns_left == 0
    assert not sample.state.can_send
    sample.send("One more?")
    assert not sample.state.is_answering


def test_draft_is_kept_for_each_conversation(sample: ChatViewModel, qtbot: QtBot) -> None:
    sample.type("Half a quest")
    sample.open_sample(EXPENSE_AUDITOR)
    assert sample.state.draft == ""
    qtbot.waitUntil(lambda: sample.state.status is Status.READY)
    sample.open_sample(CUSTOMER_CARE)
    assert sample.state.draft == "Half a quest"
    qtbot.waitUntil(lambda: sample.state.status is Status.READY)
    with qtbot.waitSignal(sample.answered):
        sample.send()
    assert sample.state.draft == ""


def test_prompt_does_not_take_the_draft_away(sample: ChatViewModel, qtbot: QtBot) -> None:
    sample.type("Half a quest")
    with qtbot.waitSignal(sample.answered):
        sample.send(sample.state.prompts[0])
    assert sample.state.draft == "Half a quest"


def test_question_sent_while_loading_is_asked_as_soon_as_that_is_done(
    bridge: Bridge, holder: ServiceHolder, new_key: NewKey, bought: str, qtbot: QtBot
) -> None:
    chat = ChatViewModel(bridge, holder, new_key)
    chat.open_resource(bought)
    chat.type("Worn shoes?")
    chat.send()
    chat.send("Another one?")  # one at a time
    assert (chat.state.status, chat.state.question, chat.state.draft) == (Status.LOADING, "Worn shoes?", "")
    qtbot.waitUntil(lambda: len(chat.state.messages) == 2)
    assert said(chat)[0] == ("buyer", "Worn shoes?")
    assert chat.state.question == ""


def test_question_that_waited_goes_back_into_the_box_when_nothing_can_be_loaded(
    bridge: Bridge, holder: ServiceHolder, service: FakeService, new_key: NewKey, bought: str, qtbot: QtBot
) -> None:
    chat = ChatViewModel(bridge, holder, new_key)
    service.fail("get_transcript", Offline())
    chat.open_resource(bought)
    chat.send("Worn shoes?")
    qtbot.waitUntil(lambda: chat.state.status is Status.ERROR)
    assert (chat.state.question, chat.state.draft) == ("", "Worn shoes?")
    chat.reload()
    qtbot.waitUntil(lambda: chat.state.status is Status.READY)
    assert chat.state.messages == ()


def test_conversation_that_cannot_be_read_again_stays_and_can_go_on(
    sample: ChatViewModel, service: FakeService, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(sample.answered):
        sample.send("Worn shoes?")
    service.fail("get_sample_transcript", Offline())
    sample.reload()
    qtbot.waitUntil(lambda: sample.state.notice is not None)
    assert sample.state.can_send
    assert len(sample.state.messages) == 2


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_nothing_is_not_asked(sample: ChatViewModel, service: FakeService, text: str) -> None:
    sample.send(text)
    assert "ask_sample" not in service.calls


def test_question_that_is_too_long_stays_in_the_box(sample: ChatViewModel, service: FakeService) -> None:
    sample.type("x" * 4001)
    sample.send()
    assert sample.state.notice is not None
    assert sample.state.notice.detail == "Shorten this to 4000 characters."
    assert len(sample.state.draft) == 4001
    assert "ask_sample" not in service.calls


def test_signing_in_keeps_the_sample(sample: ChatViewModel, session: SessionViewModel, qtbot: QtBot) -> None:
    turns = sample.state.turns_left or 0
    with qtbot.waitSignal(sample.answered):
        sample.send("What about worn shoes?")
    with qtbot.waitSignal(session.signed_in):
        session.register("ada@example.com", "correct horse")
    qtbot.waitUntil(lambda: sample.state.turns_left == turns - 1)
    assert len(sample.state.messages) == 2


# ---- the bought agent


def test_sample_comes_along_and_prompts_are_offered_until_one_is_asked_here(
    sample: ChatViewModel,
    bridge: Bridge,
    holder: ServiceHolder,
    new_key: NewKey,
    session: SessionViewModel,
    run: Callable[..., Any],
    qtbot: QtBot,
) -> None:
    with qtbot.waitSignal(sample.answered):
        sample.send("What about worn shoes?")
    with qtbot.waitSignal(session.signed_in):
        session.register("ada@example.com", "correct horse")
    order = QuickCheckout(CUSTOMER_CARE.card.uuid, FREE.uuid, terms_accepted=True)
    placed = run(holder.service.quick_checkout(order, key="k"))
    chat = ChatViewModel(bridge, holder, new_key)
    chat.open_resource(placed.resource_uuid)
    qtbot.waitUntil(lambda: len(chat.state.messages) == 2)
    assert chat.state.prompts == CUSTOMER_CARE.prompts
    with qtbot.waitSignal(chat.answered):
        chat.send(chat.state.prompts[0])
    assert chat.state.prompts == ()


def test_bought_agent_shows_what_is_left_and_counts(chat: ChatViewModel, qtbot: QtBot) -> None:
    assert chat.state.title == "Customer Care"
    assert chat.state.subtitle == "Free plan, Ada's Organization"
    assert chat.state.usage_text == "Included: 2 of 2 calls left this month"
    with qtbot.waitSignal(chat.answered):
        chat.send("What about worn shoes?")
    assert chat.state.usage_text == "Included: 1 of 2 calls left this month"


def test_used_up_plan_says_so_and_keeps_the_question(chat: ChatViewModel, qtbot: QtBot) -> None:
    for number in range(2):
        with qtbot.waitSignal(chat.answered):
            chat.send(f"Question {number}?")
    chat.send("One more?")
    qtbot.waitUntil(lambda: chat.state.notice is not None)
    assert chat.state.notice is not None
    assert chat.state.notice.code == "limit_reached"
    assert chat.state.draft == "One more?"
    assert not chat.state.can_retry


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (InsufficientCredit(balance=0, price=10_000, currency="USD"), Remedy.TOP_UP, "Top up"),
        (SubscriptionSuspended(invoice_uuid="one"), Remedy.PAY, "Pay the invoice"),
        (LimitReached(limit="plan", included=2, left=0), Remedy.PLANS, "See plans"),
        (LimitReached(limit="project"), Remedy.LIMITS, "See limits"),
    ],
)
def test_refused_call_says_what_helps(
    chat: ChatViewModel, service: FakeService, qtbot: QtBot, error: ServiceError, kind: Remedy, words: str
) -> None:
    service.fail("ask", error)
    chat.send("What about worn shoes?")
    qtbot.waitUntil(lambda: chat.state.notice is not None)
    assert (chat.state.remedy_kind, chat.state.remedy) == (kind, words)
    assert chat.state.draft == "What about worn shoes?"
    with qtbot.waitSignal(chat.answered):
        chat.send()
    assert chat.state.remedy == ""


def test_unreached_agent_has_no_other_remedy_than_asking_again(
    chat: ChatViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("ask", AgentUnavailable())
    chat.send("What about worn shoes?")
    qtbot.waitUntil(lambda: chat.state.can_retry)
    assert (chat.state.remedy_kind, chat.state.remedy) == (Remedy.NONE, "")


def test_retry_asks_the_same_under_the_same_key_and_counts_once(
    chat: ChatViewModel, service: FakeService, bought: str, qtbot: QtBot
) -> None:
    service.fail("ask", AgentUnavailable())
    chat.send("What about worn shoes?")
    qtbot.waitUntil(lambda: chat.state.can_retry)
    assert chat.state.notice is not None
    assert chat.state.notice.detail == "This call costs nothing. Ask again."
    with qtbot.waitSignal(chat.answered):
        chat.retry()
    assert said(chat) == [("buyer", "What about worn shoes?"), ("agent", ANSWER)]
    assert service.world.resources[bought][1].usage.used == 1
    assert len([key for key in service.world.attempts if key[1] == "ask"]) == 1


def test_retry_after_being_offline_is_the_same_one(
    chat: ChatViewModel, service: FakeService, reports: Reports, qtbot: QtBot
) -> None:
    service.fail("ask", Offline())
    chat.send("What about worn shoes?")
    qtbot.waitUntil(lambda: len(reports.retries) == 1)
    with qtbot.waitSignal(chat.answered):
        reports.retries[0]()
    assert len(chat.state.messages) == 2


def test_dismissed_notice_gives_the_box_back(chat: ChatViewModel, service: FakeService, qtbot: QtBot) -> None:
    service.fail("ask", AgentUnavailable())
    chat.send("What about worn shoes?")
    qtbot.waitUntil(lambda: chat.state.can_retry)
    chat.dismiss_notice()
    assert chat.state.notice is None
    assert chat.state.draft == "What about worn shoes?"


def test_stopped_answer_gives_the_question_back(chat: ChatViewModel, service: FakeService, qtbot: QtBot) -> None:
    gate = service.hold("ask")
    chat.send("What about worn shoes?")
    qtbot.waitUntil(lambda: gate.waiting == 1)
    chat.stop()
    assert chat.state.draft == "What about worn shoes?"
    assert chat.state.can_send
    gate.open()
    with qtbot.waitSignal(chat.answered):
        chat.send()
    assert len(chat.state.messages) == 2


def test_stopping_late_does_not_offer_what_was_answered(
    chat: ChatViewModel, service: FakeService, qtbot: QtBot
) -> None:
    gate = service.hold("get_transcript")  # the answer has been kept, but is not read back yet
    chat.send("What about worn shoes?")
    qtbot.waitUntil(lambda: gate.waiting == 1)
    chat.stop()
    gate.open()
    qtbot.waitUntil(lambda: len(chat.state.messages) == 2)
    assert chat.state.draft == ""


def test_answer_is_shown_even_when_it_cannot_be_read_back(
    chat: ChatViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("get_transcript", DatabaseBusy())
    with qtbot.waitSignal(chat.answered):
        chat.send("What about worn shoes?")
    assert said(chat) == [("buyer", "What about worn shoes?"), ("agent", ANSWER)]


def test_conversation_that_cannot_be_read_is_read_again(
    bridge: Bridge, holder: ServiceHolder, new_key: NewKey, bought: str, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("get_transcript", DatabaseBusy())
    chat = ChatViewModel(bridge, holder, new_key)
    chat.open_resource(bought)
    qtbot.waitUntil(lambda: chat.state.status is Status.ERROR)
    chat.retry()
    qtbot.waitUntil(lambda: chat.state.status is Status.READY)
    assert chat.state.notice is None


def test_conversation_of_somebody_else_is_not_shown(
    chat: ChatViewModel, signed_in: SessionViewModel, service: FakeService, qtbot: QtBot
) -> None:
    chat.type("My secret")
    signed_in.sign_out()
    assert chat.state.kind is ChatKind.NONE
    assert chat.state.draft == ""
    qtbot.waitUntil(lambda: not service.world.sessions)


def test_renamed_agent_is_called_so_at_once(
    chat: ChatViewModel, bridge: Bridge, holder: ServiceHolder, service: FakeService, bought: str, qtbot: QtBot
) -> None:
    owner, resource = service.world.resources[bought]
    service.world.resources[bought] = (owner, replace(resource, name="Frieda"))
    bridge.announce("resources")
    qtbot.waitUntil(lambda: chat.state.title == "Frieda")


def test_missing_agent_is_an_error_not_a_crash(
    bridge: Bridge, holder: ServiceHolder, new_key: NewKey, signed_in: SessionViewModel, qtbot: QtBot
) -> None:
    chat = ChatViewModel(bridge, holder, new_key)
    chat.open_resource("nobody")
    qtbot.waitUntil(lambda: chat.state.status is Status.ERROR)
    assert chat.state.notice is not None
    assert chat.state.notice.code == NotFound.code
