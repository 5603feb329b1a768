"""The steps of a deployment: in order, resumable, restartable."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.api.types import DeploymentStep, StepState
from services.domain import provisioning

NAMES = ("workspace", "knowledge", "agent", "check")


def test_a_new_deployment_has_everything_before_it() -> None:
    steps = provisioning.first_steps(NAMES)
    assert steps == tuple(DeploymentStep(name, StepState.WAITING) for name in NAMES)
    assert provisioning.open_steps(steps) == NAMES


def test_one_step_changes_and_keeps_its_figure() -> None:
    steps = provisioning.with_step(provisioning.first_steps(NAMES), "knowledge", StepState.RUNNING, "13")
    steps = provisioning.with_step(steps, "knowledge", StepState.DONE)
    assert steps[1] == DeploymentStep("knowledge", StepState.DONE, "13")
    assert [step.state for step in steps] == [StepState.WAITING, StepState.DONE, StepState.WAITING, StepState.WAITING]
    assert provisioning.with_step(steps, "no such step", StepState.DONE) == steps


def test_a_step_that_was_running_when_the_process_died_is_done_again() -> None:
    steps = provisioning.with_step(provisioning.first_steps(NAMES), "workspace", StepState.DONE)
    steps = provisioning.with_step(steps, "knowledge", StepState.RUNNING)
    assert provisioning.open_steps(steps) == ("knowledge", "agent", "check")


states = st.lists(st.sampled_from(StepState), min_size=len(NAMES), max_size=len(NAMES))


@given(states)
def test_starting_again_keeps_what_is_done_and_nothing_stays_failed(found: list[StepState]) -> None:
    steps = tuple(DeploymentStep(name, state, "7") for name, state in zip(NAMES, found, strict=True))
    again = provisioning.restarted(steps)
    assert {step.state for step in again} <= {StepState.DONE, StepState.WAITING}
    assert provisioning.open_steps(again) == provisioning.open_steps(steps)
    assert [step.detail for step in again] == ["7"] * len(NAMES)
    assert provisioning.restarted(again) == again
