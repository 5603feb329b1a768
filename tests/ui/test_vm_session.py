"""Who is signed in, and what remains when nobody is any more."""

from collections.abc import Callable
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from services.api.contract import Actor
from services.api.errors import Offline, SessionExpired
from services.api.types import Cart, Register
from tests.fakes import PASSWORD, FakeService
from tests.samples import CUSTOMER_CARE
from tests.ui.conftest import Reports
from ui.bridge import Bridge
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.session import SessionViewModel


class MemoryTokens:
    """A keyring in memory."""

    def __init__(self, token: str = "") -> None:
        self.token = token

    def load(self) -> str:
        return self.token

    def save(self, token: str) -> None:
        self.token = token

    def clear(self) -> None:
        self.token = ""


@pytest.fixture
def tokens() -> MemoryTokens:
    return MemoryTokens()


@pytest.fixture
def session(bridge: Bridge, holder: ServiceHolder, tokens: MemoryTokens) -> SessionViewModel:
    return SessionViewModel(bridge, holder, tokens)


def test_guest_signs_up_and_everybody_gets_the_new_service(
    session: SessionViewModel, holder: ServiceHolder, tokens: MemoryTokens, qtbot: QtBot
) -> None:
    with qtbot.waitSignals([session.signed_in, holder.rebound]):
        session.register(" ada.lovelace@example.com ", PASSWORD)
    assert session.state.name == "Ada Lovelace"
    assert session.state.email == "ada.lovelace@example.com"
    assert session.state.spent_text == "$0 spent this month"
    assert holder.service.actor == Actor("device-1", tokens.token)


def test_wrong_password_is_told_and_changes_nothing(
    session: SessionViewModel, service: FakeService, run: Callable[..., Any], qtbot: QtBot
) -> None:
    run(service.register(Register("ada@example.com", PASSWORD)))
    session.sign_in("ada@example.com", "not it")
    qtbot.waitUntil(lambda: session.state.is_busy)
    qtbot.waitUntil(lambda: session.state.error is not None)
    assert session.state.error is not None
    assert session.state.error.code == "bad_credentials"
    assert not session.state.is_busy
    assert not session.state.is_signed_in


def test_bad_sign_up_says_what_is_wrong_with_which_field(session: SessionViewModel, qtbot: QtBot) -> None:
    session.register("ada", "short")
    qtbot.waitUntil(lambda: bool(session.state.problems))
    assert session.state.problems == {
        "email": "Check the address; it looks like name@example.com.",
        "password": "Use at least 8 characters.",
    }


def test_signing_out_makes_a_guest_at_once(
    signed_in: SessionViewModel, holder: ServiceHolder, tokens: MemoryTokens, service: FakeService, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(signed_in.signed_out):
        signed_in.sign_out()
    assert not signed_in.state.is_signed_in
    assert holder.service.actor == Actor("device-1")
    assert tokens.token == ""
    qtbot.waitUntil(lambda: not service.world.sessions)


def test_signing_out_works_without_a_connection(
    signed_in: SessionViewModel, service: FakeService, reports: Reports, qtbot: QtBot
) -> None:
    service.fail("sign_out", Offline())
    signed_in.sign_out()
    qtbot.waitUntil(lambda: len(reports.retries) == 1)
    assert not signed_in.state.is_signed_in
    assert signed_in.state.error is None


def test_session_of_the_last_time_is_restored(
    bridge: Bridge, holder: ServiceHolder, service: FakeService, run: Callable[..., Any], qtbot: QtBot
) -> None:
    known = run(service.register(Register("ada@example.com", PASSWORD)))
    session = SessionViewModel(bridge, holder, MemoryTokens(known.token))
    with qtbot.waitSignal(session.signed_in):
        session.restore()
    assert session.state.email == "ada@example.com"


def test_without_a_token_nothing_is_asked(session: SessionViewModel, service: FakeService) -> None:
    session.restore()
    assert service.calls == []


def test_token_that_is_not_known_any_more_makes_a_guest_with_a_word_about_it(
    bridge: Bridge, holder: ServiceHolder, service: FakeService, run: Callable[..., Any], qtbot: QtBot
) -> None:
    run(service.save_cart(Cart(CUSTOMER_CARE.card.uuid)))
    tokens = MemoryTokens("old token")
    session = SessionViewModel(bridge, holder, tokens)
    session.restore()
    qtbot.waitUntil(lambda: session.state.notice != "")
    assert "cart is kept" in session.state.notice
    assert tokens.token == ""
    assert run(holder.service.get_cart()).offering_uuid == CUSTOMER_CARE.card.uuid
    session.dismiss_notice()
    assert session.state.notice == ""


def test_restoring_offline_keeps_the_token_and_signs_in_when_the_service_is_back(
    bridge: Bridge,
    holder: ServiceHolder,
    service: FakeService,
    run: Callable[..., Any],
    reports: Reports,
    qtbot: QtBot,
) -> None:
    known = run(service.register(Register("ada@example.com", PASSWORD)))
    tokens = MemoryTokens(known.token)
    session = SessionViewModel(bridge, holder, tokens)
    service.fail("get_account", Offline())
    session.restore()
    qtbot.waitUntil(lambda: len(reports.retries) == 1)
    assert tokens.token == known.token
    with qtbot.waitSignal(session.signed_in):
        reports.retries[0]()


def test_session_lost_anywhere_in_the_program_makes_a_guest(
    signed_in: SessionViewModel, bridge: Bridge, holder: ServiceHolder, service: FakeService, qtbot: QtBot
) -> None:
    service.world.sessions.clear()
    with qtbot.waitSignal(signed_in.signed_out):
        bridge.run(signed_in, "elsewhere", lambda: holder.service.list_orders(), failed=lambda _error: None)
    assert signed_in.state.notice != ""


def test_late_answer_of_a_past_session_does_not_end_the_present_one(
    signed_in: SessionViewModel, bridge: Bridge, service: FakeService, qtbot: QtBot
) -> None:
    async def past() -> None:
        raise SessionExpired

    calls = service.calls.count("get_account")
    bridge.run(signed_in, "elsewhere", past, failed=lambda _error: None)
    qtbot.waitUntil(lambda: service.calls.count("get_account") == calls + 1)
    qtbot.waitUntil(lambda: not bridge.is_running(signed_in, "account"))
    assert signed_in.state.is_signed_in


def test_amount_spent_is_read_again_after_an_order(
    signed_in: SessionViewModel, bridge: Bridge, service: FakeService, qtbot: QtBot
) -> None:
    calls = service.calls.count("get_account")
    bridge.announce("orders")
    qtbot.waitUntil(lambda: service.calls.count("get_account") == calls + 1)


def test_no_secret_is_in_the_state(signed_in: SessionViewModel) -> None:
    assert PASSWORD not in repr(signed_in.state)
    assert "token" not in repr(signed_in.state)
