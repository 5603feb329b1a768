"""What is paid for again and again, how it changes, and prices made by hand."""

from ui.pages.subscriptions.page import SubscriptionsPage

__all__ = ["SubscriptionsPage"]
