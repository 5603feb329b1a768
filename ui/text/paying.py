"""The words of paying elsewhere: what the button of checkout opens, the page that is waited for, a transfer to be made,
the seconds in which a purchase can be taken back."""

from __future__ import annotations

from collections.abc import Mapping

from services.api.money import Money
from services.api.types import OrderSummary, PaymentMethod
from ui.text.formats import money
from ui.text.language import tr
from ui.text.methods import page_button
from ui.text.ordering import form_of

# ---- checkout


def way_label(method: PaymentMethod) -> str:
    """On the choice of how to pay."""
    labels = {
        PaymentMethod.CARD: tr("Card"),
        PaymentMethod.BANK: tr("Bank"),
        PaymentMethod.PAYPAL: tr("PayPal"),
        PaymentMethod.INVOICE: tr("Transfer"),
        PaymentMethod.WALLET: tr("Wallet"),
    }
    return labels[method]


def new_way_title(method: PaymentMethod) -> str:
    """The row that stands for what is given on the page of the provider."""
    titles = {
        PaymentMethod.CARD: tr("New card"),
        PaymentMethod.BANK: tr("New bank account"),
        PaymentMethod.PAYPAL: tr("Connect PayPal"),
    }
    return titles[method]


def new_way_detail(method: PaymentMethod, *, in_browser: bool) -> str:
    """`in_browser`: on a page of a provider; else the page is only acted here."""
    if not in_browser:
        return tr("A page of the test provider comes next")
    details = {
        PaymentMethod.CARD: tr("You type it on the provider’s secure page"),
        PaymentMethod.BANK: tr("You choose your bank on the provider’s secure page"),
        PaymentMethod.PAYPAL: tr("You log in at PayPal"),
    }
    return details[method]


def transfer_detail() -> str:
    """Below the choice to send the money."""
    return tr("You get our account and a reference with the order")


def way_note(method: PaymentMethod) -> str:
    """What choosing it means for when the agent starts; empty where it starts at once."""
    notes = {
        PaymentMethod.BANK: tr("A debit takes 2 to 5 days. The agent starts when the money is there."),
        PaymentMethod.INVOICE: tr("You have 14 days. The agent starts when the money is there."),
    }  # fmt: skip
    return notes.get(method, "")


def page_label(method: PaymentMethod, summary: OrderSummary | None) -> str:
    """On the button of checkout, when the page of a provider comes next."""
    if summary is None or summary.total is None:
        return page_button(method, "").rstrip(" –")
    amount = form_of(summary)(summary.total)
    return page_button(method, tr("{amount} today", amount=amount) if summary.total.is_zero else amount)


def transfer_label(summary: OrderSummary | None) -> str:
    """On the button of checkout, when the buyer sends the money."""
    if summary is None or summary.total is None:
        return tr("Order by transfer")
    return tr("Order by transfer – {amount}", amount=form_of(summary)(summary.total))


# ---- the page that is waited for


def minutes(seconds: int) -> str:
    """ "9:05"."""
    return f"{seconds // 60}:{seconds % 60:02d}"


def page_owner(host: str, *, is_here: bool) -> str:
    """Whose page it is; `is_here`: it is answered on this machine, which only the test provider does."""
    return tr("Test provider, {host}", host=host) if is_here else host


def page_words(host: str, *, was_opened: bool, is_here: bool) -> str:
    if not was_opened:
        return tr("No browser could be opened. Copy the link and open it in a browser yourself.")
    if is_here:
        return tr("The page of the test provider is open there. Souk notices by itself when it is done.")
    return tr("The page of {host} is open there. Souk notices by itself when it is done.", host=host)


def page_ends(seconds: int) -> str:
    """How long the page still works."""
    if seconds <= 0:
        return tr("The page has ended. Looking what became of it…")
    return tr("The page works for another {time}.", time=minutes(seconds))


def check_words(check: str) -> str:
    """What is known while the page is waited for: "" | asking | not_yet | offline | unclear | canceling."""
    words: Mapping[str, str] = {
        "asking": tr("Checking…"),
        "not_yet": tr("Not done yet. Finish on the page; Souk looks again by itself."),
        "offline": tr("No network: trying again."),
        "unclear": tr("The payment provider does not answer: trying again. Nothing is charged twice."),
        "canceling": tr("Closing the page…"),
    }
    return words.get(check, tr("Waiting for you to finish."))


# ---- taking back


def undo_text(seconds: int) -> str:
    return tr("You can still take this back: {time}", time=minutes(seconds))


def undo_toast(name: str) -> str:
    return tr("You have bought {name}.", name=name)


# ---- money that is under way


def transfer_words(name: str) -> str:
    """An order that waits for its buyer's transfer."""
    return tr("{name} starts when the money is there.", name=name)


def bank_words(amount: Money, name: str) -> str:
    """A debit that is under way."""
    return tr("It takes 2 to 5 days to collect {amount}. {name} starts when the money is there.",
              amount=money(amount), name=name)  # fmt: skip


def money_words(amount: Money, name: str) -> str:
    """Another payment that takes its time."""
    return tr("The payment of {amount} takes a while. {name} starts when the money is there.",
              amount=money(amount), name=name)  # fmt: skip
