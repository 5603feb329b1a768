"""The life of a bought agent: ordered -> deploying -> ready | failed -> retired, step by visible step."""

from __future__ import annotations

from dataclasses import replace

from services.api.types import DeploymentStep, StepState


def first_steps(names: tuple[str, ...]) -> tuple[DeploymentStep, ...]:
    """All steps waiting."""
    return tuple(DeploymentStep(name, StepState.WAITING) for name in names)


def with_step(
    steps: tuple[DeploymentStep, ...], name: str, state: StepState, detail: str = ""
) -> tuple[DeploymentStep, ...]:
    """The steps with one of them changed."""
    return tuple(
        replace(step, state=state, detail=detail or step.detail) if step.name == name else step for step in steps
    )


def open_steps(steps: tuple[DeploymentStep, ...]) -> tuple[str, ...]:
    """Names of the steps still to do, in order; a step that was running when the process died is done again."""
    return tuple(step.name for step in steps if step.state is not StepState.DONE)


def restarted(steps: tuple[DeploymentStep, ...]) -> tuple[DeploymentStep, ...]:
    """The failed step and all after it waiting again."""
    return tuple(step if step.state is StepState.DONE else replace(step, state=StepState.WAITING) for step in steps)
