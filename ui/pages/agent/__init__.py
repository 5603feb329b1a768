"""One offering: what it is, its plans, and a sample chat before buying."""

from ui.pages.agent.page import AgentPage

__all__ = ["AgentPage"]
