"""What one sees after paying, and later as the page of an order."""

from ui.pages.confirmation.page import ConfirmationPage

__all__ = ["ConfirmationPage"]
