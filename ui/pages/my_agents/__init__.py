"""What one has bought, and the way back into each conversation."""

from ui.pages.my_agents.page import MyAgentsPage

__all__ = ["MyAgentsPage"]
