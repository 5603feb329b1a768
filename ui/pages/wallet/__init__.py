"""What the organization has in credit, what moved it, and what may be spent."""

from ui.pages.wallet.page import WalletPage

__all__ = ["WalletPage"]
