"""What can be charged: cards, bank accounts and PayPal accounts on file."""

from ui.pages.payment_methods.page import PaymentMethodsPage

__all__ = ["PaymentMethodsPage"]
