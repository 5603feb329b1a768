"""After paying: deployment step by step, the list of bought agents, and the short form that can be skipped."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from services.api.errors import AgentUnavailable, DatabaseBusy, InvalidInput, NotFound, Offline, WrongState
from services.api.types import BillingCycle, OrderState, Placed, QuickCheckout, ResourceState, StepState
from tests.fakes import FakeService
from tests.samples import CUSTOMER_CARE, SUPPORT_BUNDLE
from tests.ui.checkout_help import CARDS, PRO, Run
from tests.ui.conftest import Reports
from ui.bridge import Bridge
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.configure import ConfigureViewModel
from ui.viewmodels.confirmation import ConfirmationViewModel, DeploymentPhase
from ui.viewmodels.my_agents import MyAgentsViewModel
from ui.viewmodels.session import SessionViewModel

Buy = Callable[[], Placed]


@pytest.fixture
def buy(signed_in: SessionViewModel, service: FakeService, holder: ServiceHolder, run: Run) -> Buy:
    """Buys Customer Care; its agent stays ordered until the test moves it."""
    service.world.auto_deploy = False
    keys = iter("abcdef")

    def go() -> Placed:
        order = QuickCheckout(
            CUSTOMER_CARE.card.uuid,
            PRO.uuid,
            payment_token=CARDS["pays"],
            billing_cycle=BillingCycle.YEARLY,
            terms_accepted=True,
        )
        placed = run(holder.service.quick_checkout(order, key=next(keys)))
        assert isinstance(placed, Placed)
        return placed

    return go


@pytest.fixture
def confirmation(bridge: Bridge, holder: ServiceHolder) -> ConfirmationViewModel:
    return ConfirmationViewModel(bridge, holder)


@pytest.fixture
def my_agents(bridge: Bridge, holder: ServiceHolder) -> MyAgentsViewModel:
    return MyAgentsViewModel(bridge, holder)


@pytest.fixture
def configure(bridge: Bridge, holder: ServiceHolder) -> ConfigureViewModel:
    return ConfigureViewModel(bridge, holder)


def watch(confirmation: ConfirmationViewModel, placed: Placed, qtbot: QtBot) -> None:
    confirmation.open(placed)
    qtbot.waitUntil(lambda: confirmation.state.status is Status.READY)


# ---- deployment


def test_steps_are_followed_until_the_agent_is_ready(
    confirmation: ConfirmationViewModel, buy: Buy, service: FakeService, qtbot: QtBot
) -> None:
    placed = buy()
    watch(confirmation, placed, qtbot)
    assert confirmation.state.phase is DeploymentPhase.DEPLOYING
    assert [step.text for step in confirmation.state.steps] == ["Waiting"] * 4
    service.advance(placed.resource_uuid)
    qtbot.waitUntil(lambda: confirmation.state.steps[0].state is StepState.DONE)
    with qtbot.waitSignal(confirmation.ready) as ready:
        while service.world.resources[placed.resource_uuid][1].state is not ResourceState.READY:
            service.advance(placed.resource_uuid)
    assert ready.args == [placed.resource_uuid]
    qtbot.waitUntil(lambda: confirmation.state.phase is DeploymentPhase.READY)
    assert "Pro yearly, $99 × 12" in confirmation.state.receipt


def test_ready_is_said_once(
    confirmation: ConfirmationViewModel, buy: Buy, service: FakeService, bridge: Bridge, qtbot: QtBot
) -> None:
    service.world.auto_deploy = True
    placed = buy()
    said: list[str] = []
    confirmation.ready.connect(said.append)
    service.world.auto_deploy = True
    confirmation.open(placed)
    while service.world.resources[placed.resource_uuid][1].state is not ResourceState.READY:
        service.advance(placed.resource_uuid)
    qtbot.waitUntil(lambda: len(said) == 1)
    confirmation.reload()
    qtbot.waitUntil(lambda: not bridge.is_running(confirmation, "poll"))
    assert said == [placed.resource_uuid]


def test_order_can_be_watched_again_after_a_restart(
    confirmation: ConfirmationViewModel, buy: Buy, service: FakeService, qtbot: QtBot
) -> None:
    placed = buy()
    owner, order = service.world.orders[placed.order_uuid]
    service.world.orders[order.uuid] = (
        owner,
        replace(order, state=OrderState.PENDING_PROVIDER, resource_uuids=()),
    )
    confirmation.open_order(order.uuid)
    qtbot.waitUntil(lambda: confirmation.state.status is Status.READY)
    assert confirmation.state.resource is None
    assert confirmation.state.phase is DeploymentPhase.UNPAID
    service.world.orders[order.uuid] = (owner, order)
    qtbot.waitUntil(lambda: confirmation.state.resource is not None)
    confirmation.close()


def test_looking_at_an_old_order_does_not_lead_away_to_its_chat(
    confirmation: ConfirmationViewModel, buy: Buy, service: FakeService, qtbot: QtBot
) -> None:
    placed = buy()
    while service.world.resources[placed.resource_uuid][1].state is not ResourceState.READY:
        service.advance(placed.resource_uuid)
    said: list[str] = []
    confirmation.ready.connect(said.append)
    confirmation.open_order(placed.order_uuid)
    qtbot.waitUntil(lambda: confirmation.state.phase is DeploymentPhase.READY)
    assert said == []


def test_failed_deployment_says_why_and_can_be_tried_again(
    confirmation: ConfirmationViewModel, buy: Buy, service: FakeService, qtbot: QtBot
) -> None:
    placed = buy()
    service.break_deployment(placed.resource_uuid, "self_check_failed")
    watch(confirmation, placed, qtbot)
    state = confirmation.state
    assert state.phase is DeploymentPhase.FAILED
    assert state.failure.startswith("The agent did not answer the test question. Try again")
    assert state.can_retry
    assert state.can_refund
    with qtbot.waitSignal(confirmation.ready):
        confirmation.retry_deployment()
        confirmation.retry_deployment()
        qtbot.waitUntil(lambda: confirmation.state.phase is DeploymentPhase.DEPLOYING)
        while service.world.resources[placed.resource_uuid][1].state is not ResourceState.READY:
            service.advance(placed.resource_uuid)
    assert service.calls.count("retry_deployment") == 1


def test_failed_deployment_gives_the_money_back(
    confirmation: ConfirmationViewModel, buy: Buy, service: FakeService, qtbot: QtBot
) -> None:
    placed = buy()
    service.break_deployment(placed.resource_uuid)
    watch(confirmation, placed, qtbot)
    confirmation.refund()
    qtbot.waitUntil(lambda: confirmation.state.phase is DeploymentPhase.REFUNDED)
    qtbot.waitUntil(lambda: not confirmation.state.is_working)
    assert "Refunded" in confirmation.state.receipt
    assert not confirmation.state.can_retry
    assert not confirmation.state.can_refund


def test_mending_that_does_not_work_is_said_and_looked_at_again(
    confirmation: ConfirmationViewModel, buy: Buy, service: FakeService, qtbot: QtBot
) -> None:
    placed = buy()
    service.break_deployment(placed.resource_uuid)
    watch(confirmation, placed, qtbot)
    service.fail("refund_failed", WrongState(state="retired"))
    reads = service.calls.count("get_resource")
    confirmation.refund()
    qtbot.waitUntil(lambda: service.calls.count("get_resource") > reads)
    assert not confirmation.state.is_working


def test_being_offline_for_a_moment_is_only_a_pause(
    confirmation: ConfirmationViewModel, buy: Buy, service: FakeService, reports: Reports, qtbot: QtBot
) -> None:
    placed = buy()
    service.fail("get_order", Offline())
    confirmation.open(placed)
    qtbot.waitUntil(lambda: confirmation.state.status is Status.ERROR)
    qtbot.waitUntil(lambda: confirmation.state.status is Status.READY)
    assert confirmation.state.error is None
    confirmation.close()


def test_order_of_somebody_else_is_an_error(
    confirmation: ConfirmationViewModel, signed_in: SessionViewModel, qtbot: QtBot
) -> None:
    confirmation.open_order("not mine")
    qtbot.waitUntil(lambda: confirmation.state.status is Status.ERROR)
    assert confirmation.state.error is not None
    assert confirmation.state.error.code == NotFound.code


def test_canceled_order_says_nothing_was_charged(
    confirmation: ConfirmationViewModel, buy: Buy, service: FakeService, qtbot: QtBot
) -> None:
    placed = buy()
    owner, order = service.world.orders[placed.order_uuid]
    service.world.orders[order.uuid] = (owner, replace(order, state=OrderState.CANCELED, resource_uuids=()))
    confirmation.open_order(order.uuid)
    qtbot.waitUntil(lambda: confirmation.state.phase is DeploymentPhase.FAILED)
    assert confirmation.state.failure == "The payment did not go through. Nothing was charged."


@pytest.fixture
def bundle(signed_in: SessionViewModel, service: FakeService, holder: ServiceHolder, run: Run) -> Placed:
    """Two agents in one order, not set up yet."""
    service.world.auto_deploy = False
    plan = SUPPORT_BUNDLE.plans[0].uuid
    order = QuickCheckout(SUPPORT_BUNDLE.card.uuid, plan, payment_token=CARDS["pays"], terms_accepted=True)
    placed = run(holder.service.quick_checkout(order, key="bundle"))
    assert isinstance(placed, Placed)
    return placed


def test_every_agent_of_a_bundle_has_its_own_state_and_the_first_one_is_talked_to(
    confirmation: ConfirmationViewModel, bundle: Placed, service: FakeService, qtbot: QtBot
) -> None:
    first, second = service.world.orders[bundle.order_uuid][1].resource_uuids
    said: list[str] = []
    confirmation.ready.connect(said.append)
    watch(confirmation, bundle, qtbot)
    assert [(agent.name, agent.text) for agent in confirmation.state.agents] == [
        ("Customer Care", "0 of 4 steps done"),
        ("Expense Auditor", "0 of 4 steps done"),
    ]
    assert confirmation.state.steps == ()
    service.deploy(second)
    qtbot.waitUntil(lambda: confirmation.state.agents[1].text == "Set up and tested")
    assert confirmation.state.phase is DeploymentPhase.DEPLOYING
    assert said == []
    service.deploy(first)
    qtbot.waitUntil(lambda: said == [first])
    assert confirmation.state.more_text == "1 more agent is in My agents."


def test_failed_agent_of_a_bundle_is_mended_alone(
    confirmation: ConfirmationViewModel, bundle: Placed, service: FakeService, qtbot: QtBot
) -> None:
    first, second = service.world.orders[bundle.order_uuid][1].resource_uuids
    service.break_deployment(first, "self_check_failed")
    service.deploy(second)
    said: list[str] = []
    confirmation.ready.connect(said.append)
    watch(confirmation, bundle, qtbot)
    failed, well = confirmation.state.agents
    assert (failed.can_retry, failed.can_refund, well.can_retry, well.can_refund) == (True, True, False, False)
    assert confirmation.state.phase is DeploymentPhase.FAILED
    assert (confirmation.state.can_chat, confirmation.state.resource_uuid) == (True, second)
    assert said == []
    confirmation.retry_deployment(second)  # nothing is wrong with this one
    confirmation.retry_deployment(first)
    qtbot.waitUntil(lambda: confirmation.state.phase is DeploymentPhase.DEPLOYING)
    service.deploy(first)
    qtbot.waitUntil(lambda: said == [first])
    assert service.calls.count("retry_deployment") == 1


def test_money_for_one_of_a_bundle_comes_back_and_the_others_stay(
    confirmation: ConfirmationViewModel, bundle: Placed, service: FakeService, qtbot: QtBot
) -> None:
    first, second = service.world.orders[bundle.order_uuid][1].resource_uuids
    service.deploy(first)
    service.break_deployment(second)
    watch(confirmation, bundle, qtbot)
    confirmation.refund(second)
    qtbot.waitUntil(lambda: confirmation.state.phase is DeploymentPhase.READY)
    assert [agent.text for agent in confirmation.state.agents] == ["Set up and tested", "Its money was given back."]
    assert confirmation.state.resource_uuid == first


def test_bundle_says_where_its_other_agents_are(
    confirmation: ConfirmationViewModel,
    signed_in: SessionViewModel,
    holder: ServiceHolder,
    run: Run,
    qtbot: QtBot,
) -> None:
    plan = SUPPORT_BUNDLE.plans[0]
    order = QuickCheckout(SUPPORT_BUNDLE.card.uuid, plan.uuid, payment_token=CARDS["pays"], terms_accepted=True)
    placed = run(holder.service.quick_checkout(order, key="b"))
    confirmation.open(placed)
    qtbot.waitUntil(lambda: confirmation.state.phase is DeploymentPhase.READY)
    assert confirmation.state.more_text == "1 more agent is in My agents."


def test_signing_out_ends_the_watching(
    confirmation: ConfirmationViewModel, buy: Buy, signed_in: SessionViewModel, service: FakeService, qtbot: QtBot
) -> None:
    watch(confirmation, buy(), qtbot)
    signed_in.sign_out()
    assert confirmation.state.order is None
    qtbot.waitUntil(lambda: not service.world.sessions)


# ---- my agents


def test_guest_has_no_agents_and_is_told_why(my_agents: MyAgentsViewModel, service: FakeService) -> None:
    my_agents.load()
    assert my_agents.state.status is Status.EMPTY
    assert my_agents.state.is_guest
    assert service.calls == []


def test_list_is_empty_before_the_first_purchase_and_follows_it(
    my_agents: MyAgentsViewModel, buy: Buy, bridge: Bridge, service: FakeService, qtbot: QtBot
) -> None:
    my_agents.load()
    qtbot.waitUntil(lambda: my_agents.state.status is Status.EMPTY)
    assert not my_agents.state.is_guest
    placed = buy()
    bridge.announce("resources")
    qtbot.waitUntil(lambda: [item.uuid for item in my_agents.state.items] == [placed.resource_uuid])
    while service.world.resources[placed.resource_uuid][1].state is not ResourceState.READY:
        service.advance(placed.resource_uuid)
    qtbot.waitUntil(lambda: my_agents.state.items[0].state is ResourceState.READY)


def test_list_out_of_sight_reads_nothing(
    my_agents: MyAgentsViewModel, buy: Buy, bridge: Bridge, service: FakeService, qtbot: QtBot
) -> None:
    buy()
    my_agents.load()
    qtbot.waitUntil(lambda: my_agents.state.status is Status.READY)
    my_agents.rest()
    reads = service.calls.count("list_resources")
    bridge.announce("resources")
    assert not bridge.is_running(my_agents, "load")
    assert service.calls.count("list_resources") == reads


def test_list_that_cannot_be_read_can_be_tried_again(
    my_agents: MyAgentsViewModel, signed_in: SessionViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("list_resources", DatabaseBusy())
    my_agents.load()
    qtbot.waitUntil(lambda: my_agents.state.status is Status.ERROR)
    my_agents.retry()
    qtbot.waitUntil(lambda: my_agents.state.status is Status.EMPTY)


def test_known_list_stays_in_sight_when_it_cannot_be_read_again(
    my_agents: MyAgentsViewModel, buy: Buy, service: FakeService, qtbot: QtBot
) -> None:
    buy()
    my_agents.load()
    qtbot.waitUntil(lambda: my_agents.state.status is Status.READY)
    service.fail("list_resources", DatabaseBusy())
    my_agents.load()
    qtbot.waitUntil(lambda: my_agents.state.error is not None)
    assert my_agents.state.status is Status.READY
    assert len(my_agents.state.items) == 1
    my_agents.rest()


def test_agents_of_who_signed_out_are_not_shown(
    my_agents: MyAgentsViewModel, buy: Buy, signed_in: SessionViewModel, service: FakeService, qtbot: QtBot
) -> None:
    buy()
    my_agents.load()
    qtbot.waitUntil(lambda: my_agents.state.status is Status.READY)
    signed_in.sign_out()
    assert my_agents.state.is_guest
    assert my_agents.state.items == ()
    qtbot.waitUntil(lambda: not service.world.sessions)


# ---- configure


def test_name_and_greeting_can_be_changed(
    configure: ConfigureViewModel, buy: Buy, service: FakeService, qtbot: QtBot
) -> None:
    placed = buy()
    configure.open(placed.resource_uuid)
    qtbot.waitUntil(lambda: configure.state.status is Status.READY)
    configure.type_name(" Frieda ")
    configure.type_greeting("Hello.")
    with qtbot.waitSignal(configure.finished):
        configure.save()
        configure.save()
    assert configure.state.name == "Frieda"
    assert service.world.resources[placed.resource_uuid][1].greeting == "Hello."
    assert service.calls.count("configure_resource") == 1


def test_nothing_changed_is_nothing_sent_and_skipping_goes_on(
    configure: ConfigureViewModel, buy: Buy, service: FakeService, qtbot: QtBot
) -> None:
    placed = buy()
    configure.open(placed.resource_uuid)
    qtbot.waitUntil(lambda: configure.state.status is Status.READY)
    with qtbot.waitSignal(configure.finished) as finished:
        configure.save()
    assert finished.args == [placed.resource_uuid]
    assert "configure_resource" not in service.calls


def test_name_that_cannot_be_is_told_while_typing(configure: ConfigureViewModel, buy: Buy, qtbot: QtBot) -> None:
    configure.open(buy().resource_uuid)
    qtbot.waitUntil(lambda: configure.state.status is Status.READY)
    configure.type_name("  ")
    assert configure.state.problems == {"name": "Give the agent a name."}
    configure.save()
    assert not configure.state.is_saving
    configure.type_name("x" * 121)
    configure.type_greeting("y" * 1001)
    assert list(configure.state.problems) == ["name", "greeting"]


def test_form_keeps_what_was_typed_when_saving_fails(
    configure: ConfigureViewModel, buy: Buy, service: FakeService, qtbot: QtBot
) -> None:
    configure.open(buy().resource_uuid)
    qtbot.waitUntil(lambda: configure.state.status is Status.READY)
    configure.type_name("Frieda")
    service.fail("configure_resource", InvalidInput(fields={"name": "already_used"}))
    configure.save()
    qtbot.waitUntil(lambda: configure.state.error is not None)
    assert configure.state.name == "Frieda"
    assert configure.state.problems == {"name": "This was used before. Choose another."}


def test_form_that_cannot_be_opened_is_opened_again(
    configure: ConfigureViewModel, buy: Buy, service: FakeService, qtbot: QtBot
) -> None:
    placed = buy()
    service.fail("get_resource", AgentUnavailable())
    configure.open(placed.resource_uuid)
    qtbot.waitUntil(lambda: configure.state.status is Status.ERROR)
    configure.reload()
    qtbot.waitUntil(lambda: configure.state.status is Status.READY)
