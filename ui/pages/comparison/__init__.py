"""What other plans would have cost."""

from ui.pages.comparison.page import ComparisonPage

__all__ = ["ComparisonPage"]
