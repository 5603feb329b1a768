"""Top-up, auto-top-up and limits: amounts, keys, cards that say no, the rehearsal, more for a day."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from pytestqt.qtbot import QtBot

from services.api.errors import Offline
from services.api.money import Money
from services.api.types import CapLevel, CapWindow, TopUp
from tests.fakes import FakeService
from tests.ui.checkout_help import CARDS
from tests.ui.wallet_help import Run, live
from ui.bridge import Bridge
from ui.viewmodels.amounts import amount_code, parse_amount, plain_amount
from ui.viewmodels.auto_top_up import AutoTopUpViewModel
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.caps import CapsViewModel
from ui.viewmodels.session import SessionViewModel
from ui.viewmodels.top_up import PayPhase, TopUpViewModel

M = Money.parse


# ---- amounts as typed


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("25", M("25")),
        (" $25.50 ", M("25.50")),
        ("1,000", M("1000")),
        ("0.05", M("0.05")),
        ("25.", M("25")),
        ("0.005", None),
        ("-5", None),
        ("1e3", None),
        ("NaN", None),
        ("ten", None),
        ("", None),
        ("9" * 40, None),
    ],
)
def test_amounts_as_people_type_them(text: str, amount: Money | None) -> None:
    assert parse_amount(text) == amount


def test_yen_have_no_places() -> None:
    assert parse_amount("500", "JPY") == Money(500_000_000, "JPY")
    assert parse_amount("500.5", "JPY") is None


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "required"), ("x", "not_an_amount"), ("4.99", "too_small"), ("5", ""), ("10", ""), ("10.01", "too_large")],
)
def test_bounds_of_an_amount_are_allowed_themselves(text: str, code: str) -> None:
    assert amount_code(text, least=M("5"), most=M("10")) == code


@pytest.mark.parametrize(("amount", "text"), [(M("25"), "25"), (M("12.5"), "12.50"), (M("0.008"), "0.008"), (None, "")])
def test_amounts_as_one_would_type_them(amount: Money | None, text: str) -> None:
    assert plain_amount(amount) == text


# ---- top-up


@pytest.fixture
def top_up(
    bridge: Bridge, holder: ServiceHolder, signed_in: SessionViewModel, new_key: Callable[[], str], run: Run,
    qtbot: QtBot,
) -> TopUpViewModel:  # fmt: skip
    """A question that is open and priced."""
    vm = TopUpViewModel(bridge, holder, new_key)
    vm.start(run(holder.service.get_wallet()), run(holder.service.get_payment_options()))
    qtbot.waitUntil(lambda: vm.state.quote is not None)
    return vm


def balance(holder: ServiceHolder, run: Run) -> Money:
    found = run(holder.service.get_wallet()).balance
    assert isinstance(found, Money)
    return found


def pay(vm: TopUpViewModel, qtbot: QtBot, until: PayPhase) -> None:
    vm.pay()
    qtbot.waitUntil(lambda: vm.state.phase is until)


def test_it_starts_with_a_pack_a_card_and_the_total(top_up: TopUpViewModel) -> None:
    state = top_up.state
    assert state.amount in state.packs
    assert state.payment_token == CARDS["pays"]
    assert state.quote is not None
    assert state.quote.total == state.amount
    assert state.problems == {}


def test_credit_is_there_and_everybody_hears_of_it(
    top_up: TopUpViewModel, bridge: Bridge, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    top_up.type_amount("30")
    qtbot.waitUntil(lambda: top_up.state.quote is not None)
    with qtbot.waitSignals([top_up.paid, bridge.changed]) as _:
        top_up.pay()
    assert top_up.state.phase is PayPhase.DONE
    assert balance(holder, run) == M("30")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Enter an amount."),
        ("abc", "Enter an amount such as 25 or 12.50."),
        ("1", "Enter $5.00 or more."),
        ("999999", "Enter $10,000.00 or less."),
    ],
)
def test_wrong_amount_is_said_and_nothing_is_sent(
    top_up: TopUpViewModel, service: FakeService, qtbot: QtBot, text: str, words: str
) -> None:
    top_up.type_amount(text)
    with qtbot.waitSignal(top_up.problems_found) as caught:
        top_up.pay()
    assert caught.args == ["amount"]
    assert top_up.state.problems["amount"] == words
    assert top_up.state.quote is None
    assert "top_up" not in service.calls


def test_too_little_is_not_said_while_it_is_being_typed(top_up: TopUpViewModel) -> None:
    top_up.type_amount("2")
    assert top_up.state.problems == {}


def test_nothing_is_paid_before_its_total_is_in_sight(
    top_up: TopUpViewModel, service: FakeService, qtbot: QtBot
) -> None:
    top_up.type_amount("30")
    top_up.pay()
    assert top_up.state.phase is PayPhase.IDLE
    qtbot.waitUntil(lambda: top_up.state.quote is not None)
    assert "top_up" not in service.calls


def test_declined_card_stands_beside_the_card_and_the_amount_stays(
    top_up: TopUpViewModel, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    top_up.choose_card(CARDS["declined"])
    pay(top_up, qtbot, PayPhase.FAILED)
    assert "declined" in top_up.state.problems["payment_token"]
    assert not top_up.state.is_locked
    text = top_up.state.amount_text
    top_up.choose_card(CARDS["pays"])
    assert top_up.state.problems == {}
    pay(top_up, qtbot, PayPhase.DONE)
    assert balance(holder, run) == M(text)


@pytest.mark.parametrize("outcome", ["lost_before", "lost_after"])
def test_unknown_outcome_is_asked_again_with_the_same_key_and_charged_once(
    top_up: TopUpViewModel, service: FakeService, holder: ServiceHolder, run: Run, qtbot: QtBot, outcome: str
) -> None:
    top_up.choose_card(CARDS[outcome])
    pay(top_up, qtbot, PayPhase.FAILED)
    assert top_up.state.is_locked
    amount = top_up.state.amount
    top_up.type_amount("70")
    top_up.choose_card(CARDS["pays"])
    assert (top_up.state.amount, top_up.state.payment_token) == (amount, CARDS[outcome])
    pay(top_up, qtbot, PayPhase.DONE)
    assert service.world.charges == [amount]
    assert balance(holder, run) == amount


@pytest.mark.parametrize(("approve", "phase"), [(True, PayPhase.DONE), (False, PayPhase.FAILED)])
def test_bank_asks_and_the_answer_counts(
    top_up: TopUpViewModel, holder: ServiceHolder, run: Run, qtbot: QtBot, approve: bool, phase: PayPhase
) -> None:
    top_up.choose_card(CARDS["needs_confirmation"])
    with qtbot.waitSignal(top_up.confirming):
        top_up.pay()
    amount = top_up.state.amount
    assert top_up.state.attempt_key
    top_up.confirm(approve)
    qtbot.waitUntil(lambda: top_up.state.phase is phase)
    assert not top_up.state.is_locked
    assert balance(holder, run) == (amount if approve else M("0"))


def test_answer_that_did_not_arrive_can_be_given_again(
    top_up: TopUpViewModel, service: FakeService, qtbot: QtBot
) -> None:
    top_up.choose_card(CARDS["needs_confirmation"])
    with qtbot.waitSignal(top_up.confirming):
        top_up.pay()
    service.fail("confirm_payment", Offline())
    top_up.confirm(True)
    qtbot.waitUntil(lambda: top_up.state.error is not None)
    assert top_up.state.phase is PayPhase.CONFIRMING
    top_up.confirm(True)
    qtbot.waitUntil(lambda: top_up.state.phase is PayPhase.DONE)
    assert service.world.charges == [top_up.state.amount]


def test_open_attempt_survives_closing_the_question(
    top_up: TopUpViewModel, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    top_up.choose_card(CARDS["lost_before"])
    pay(top_up, qtbot, PayPhase.FAILED)
    key = top_up.state.attempt_key
    top_up.close()
    top_up.start(run(holder.service.get_wallet()), run(holder.service.get_payment_options()))
    assert top_up.state.attempt_key == key


def test_paid_question_starts_afresh(top_up: TopUpViewModel, holder: ServiceHolder, run: Run, qtbot: QtBot) -> None:
    pay(top_up, qtbot, PayPhase.DONE)
    top_up.close()
    top_up.start(run(holder.service.get_wallet()), None)
    assert (top_up.state.phase, top_up.state.payment_token) == (PayPhase.IDLE, "")
    qtbot.waitUntil(lambda: not top_up.state.is_quoting)
    top_up.pay()
    assert top_up.state.problems == {"payment_token": "Choose a card."}


# ---- auto-top-up


@pytest.fixture
def auto(
    bridge: Bridge,
    holder: ServiceHolder,
    signed_in: SessionViewModel,
    service: FakeService,
    new_key: Callable[[], str],
    run: Run,
    qtbot: QtBot,
) -> AutoTopUpViewModel:
    """The proposal, rehearsed on forty days at $1 each."""
    live(service, holder.service, run, 40, "1")
    vm = AutoTopUpViewModel(bridge, holder, new_key)
    vm.start(run(holder.service.get_wallet()), run(holder.service.get_payment_options()))
    qtbot.waitUntil(lambda: vm.state.rehearsal is not None)
    return vm


def test_it_is_off_and_proposes_amounts_and_rehearses_them(auto: AutoTopUpViewModel) -> None:
    state = auto.state
    assert not state.is_on
    assert (state.threshold, state.target, state.monthly_limit) == ("10", "50", "200")
    assert state.rehearsal is not None
    assert (state.rehearsal.days, state.rehearsal.spent) == (90, M("40"))
    assert state.can_switch_on


def test_it_cannot_be_switched_on_before_it_was_rehearsed(
    auto: AutoTopUpViewModel, service: FakeService, qtbot: QtBot
) -> None:
    auto.type("target", "60")
    assert auto.state.rehearsal is None
    auto.switch_on()
    assert "set_auto_top_up" not in service.calls
    qtbot.waitUntil(lambda: auto.state.can_switch_on)
    with qtbot.waitSignal(auto.saved) as caught:
        auto.switch_on()
    assert caught.args == [True]


def test_what_was_rehearsed_is_what_is_kept(
    auto: AutoTopUpViewModel, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    auto.type("threshold", "5")
    qtbot.waitUntil(lambda: auto.state.can_switch_on)
    with qtbot.waitSignal(auto.saved):
        auto.switch_on()
    kept = run(holder.service.get_wallet()).auto_top_up
    assert (kept.is_on, kept.threshold, kept.target, kept.monthly_limit) == (True, M("5"), M("50"), M("200"))
    with qtbot.waitSignal(auto.saved) as caught:
        auto.switch_off()
    assert caught.args == [False]
    assert not run(holder.service.get_wallet()).auto_top_up.is_on


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("threshold", "", "Enter an amount."),
        ("threshold", "0", "Enter $0.01 or more."),
        ("target", "10", "Fill up to more than the balance at which it starts."),
        ("monthly_limit", "49.99", "The monthly limit must allow one whole top-up."),
        ("monthly_limit", "", "Enter an amount."),
    ],
)
def test_amounts_that_make_no_sense_are_named_and_focused(
    auto: AutoTopUpViewModel, service: FakeService, qtbot: QtBot, name: str, text: str, words: str
) -> None:
    auto.type(name, text)
    assert auto.state.problems == {}  # not while it is being typed
    with qtbot.waitSignal(auto.problems_found) as caught:
        auto.switch_on()
    assert caught.args == [name]
    assert auto.state.problems == {name: words}
    assert "set_auto_top_up" not in service.calls


def test_limit_of_exactly_one_top_up_is_enough(auto: AutoTopUpViewModel) -> None:
    auto.type("monthly_limit", "50")
    assert auto.state.all_problems == {}


def test_problem_is_shown_once_the_field_is_left(auto: AutoTopUpViewModel) -> None:
    auto.type("target", "3")
    auto.leave("target")
    assert list(auto.state.problems) == ["target"]


def test_what_only_the_service_knows_stands_beside_its_field(auto: AutoTopUpViewModel, qtbot: QtBot) -> None:
    auto.type("target", "12")
    qtbot.waitUntil(lambda: bool(auto.state.refused))
    assert auto.state.problems == {"target": "Fill up to more: the difference is less than the smallest top-up."}
    assert not auto.state.can_switch_on
    auto.type("target", "40")
    assert auto.state.problems == {}


def test_failed_rehearsal_is_said(auto: AutoTopUpViewModel, service: FakeService, qtbot: QtBot) -> None:
    service.fail("rehearse_auto_top_up", Offline())
    auto.type("target", "44")
    qtbot.waitUntil(lambda: auto.state.error is not None)
    assert not auto.state.can_switch_on


# ---- limits


@pytest.fixture
def caps(
    bridge: Bridge, holder: ServiceHolder, signed_in: SessionViewModel, run: Run, qtbot: QtBot
) -> CapsViewModel:  # fmt: skip
    run(holder.service.top_up(TopUp(M("50"), CARDS["pays"]), key="first"))
    vm = CapsViewModel(bridge, holder)
    vm.load()
    qtbot.waitUntil(lambda: vm.state.status is Status.EMPTY)
    return vm


def with_cap(caps: CapsViewModel, qtbot: QtBot, limit: str = "20") -> None:
    scope = next(scope for scope in caps.state.scopes if scope.level is CapLevel.ORGANIZATION)
    with qtbot.waitSignal(caps.saved):
        caps.set(scope, CapWindow.MONTH, M(limit))
    qtbot.waitUntil(lambda: bool(caps.state.caps) and caps.state.caps[0].limit == M(limit))


def test_limit_is_set_and_set_again(caps: CapsViewModel, qtbot: QtBot) -> None:
    with_cap(caps, qtbot, "20")
    with_cap(caps, qtbot, "30")
    assert [(cap.limit, cap.window) for cap in caps.state.caps] == [(M("30"), CapWindow.MONTH)]
    assert caps.state.status is Status.READY


def test_limit_is_raised_for_a_day_of_the_workspace(caps: CapsViewModel, service: FakeService, qtbot: QtBot) -> None:
    with_cap(caps, qtbot)
    with qtbot.waitSignal(caps.saved) as caught:
        caps.raise_for_a_day(caps.state.caps[0], M("40"))
    assert caught.args == ["raised"]
    qtbot.waitUntil(lambda: caps.state.caps[0].raised_to == M("40"))
    assert caps.state.caps[0].raised_until == service.world.clock.now() + timedelta(hours=24)


def test_raising_to_less_is_refused_beside_the_field(caps: CapsViewModel, qtbot: QtBot) -> None:
    with_cap(caps, qtbot)
    caps.raise_for_a_day(caps.state.caps[0], M("20"))
    qtbot.waitUntil(lambda: "limit" in caps.state.problems)
    assert not caps.state.is_saving
    caps.forget_problems()
    assert caps.state.problems == {}


def test_removed_limit_comes_back_with_undo(caps: CapsViewModel, qtbot: QtBot) -> None:
    with_cap(caps, qtbot)
    with qtbot.waitSignal(caps.removed) as caught:
        caps.remove(caps.state.caps[0])
    qtbot.waitUntil(lambda: caps.state.status is Status.EMPTY)
    assert caught.args is not None
    caps.restore(caught.args[0])
    qtbot.waitUntil(lambda: caps.state.status is Status.READY)
    assert caps.state.caps[0].limit == M("20")


def test_limits_that_cannot_be_read_are_an_error_with_a_retry(
    caps: CapsViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("list_caps", Offline())
    caps.retry()
    qtbot.waitUntil(lambda: caps.state.status is Status.ERROR)
    caps.retry()
    qtbot.waitUntil(lambda: caps.state.status is Status.EMPTY)
