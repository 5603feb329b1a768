"""What support does with money: transfers, refunds and disputes."""

from ui.pages.collections.page import CollectionsPage

__all__ = ["CollectionsPage"]
