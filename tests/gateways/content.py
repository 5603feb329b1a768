"""The catalogue's own agents as specs, and the two sets of questions about them."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from services.gateways.agents import AgentSpec, Passage

CATALOGUE = files("resources") / "catalogue"
QUESTIONS = Path(__file__).parent / "questions"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the passage that answers it; None when the agent does not know."""

    agent: str
    question: str
    passage: str | None


def read(folder: str) -> dict[str, Any]:  # Any: JSON
    paths = sorted((CATALOGUE / folder).iterdir(), key=lambda path: path.name)
    texts = {path.name: path.read_text(encoding="utf-8") for path in paths if path.name.endswith(".json")}
    return {name.removesuffix(".json"): json.loads(text) for name, text in texts.items()}


@cache
def offerings() -> dict[str, Any]:  # Any: JSON
    return read("offerings")


@cache
def specs() -> dict[str, AgentSpec]:
    """Slug -> spec, for everything that has knowledge of its own (so not for bundles)."""
    return {
        slug: AgentSpec(
            offering_uuid=slug,
            name=offerings()[slug]["name"],
            greeting=offerings()[slug]["persona"]["greeting"],
            handover=offerings()[slug]["persona"]["handover"],
            prompts=tuple(offerings()[slug]["prompts"]),
            passages=tuple(
                Passage(entry["id"], entry["title"], entry["text"], tuple(entry["questions"])) for entry in knowledge
            ),
        )
        for slug, knowledge in read("knowledge").items()
        if slug in offerings()
    }


@cache
def questions(name: str) -> tuple[Asked, ...]:
    """`tuning`, which the thresholds were set on, or `report`, written apart and never tuned on."""
    entries = json.loads((QUESTIONS / f"{name}.json").read_text(encoding="utf-8"))
    return tuple(Asked(entry["agent"], entry["question"], entry["passage"]) for entry in entries)
