"""Invoices."""

from ui.pages.invoices.page import InvoicesPage

__all__ = ["InvoicesPage"]
