"""The one page between choosing an agent and owning it."""

from ui.pages.checkout.page import CheckoutPage

__all__ = ["CheckoutPage"]
