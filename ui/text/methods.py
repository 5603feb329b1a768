"""How a saved way to pay is called, how long it works, what it pays for, and what adding or removing one says."""

from __future__ import annotations

from datetime import datetime

from services.api.errors import PaymentExpired, ServiceError
from services.api.types import Invoice, InvoiceState, PaymentMethod, PaymentOptions, SavedMethod
from ui.text.formats import exact_money
from ui.text.language import tr
from ui.text.problems import ErrorText, error_text
from ui.text.shop import test_card_label

# The ways that can be kept and charged again, in the order they are offered in.
SAVABLE = (PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL)
NEW = "new:"  # before the name of a method: what a picker holds in the place of a token
BRANDS = {"american express": "amex", "master card": "mastercard"}


def saved_method_label(saved: SavedMethod) -> str:
    """ "Visa •••• 4242", "PayPal, ada@example.com"."""
    if saved.method is PaymentMethod.PAYPAL:
        return tr("PayPal, {email}", email=saved.email) if saved.email else tr("PayPal")
    name = saved.brand or (tr("Bank account") if saved.method is PaymentMethod.BANK else tr("Card"))
    return f"{name} •••• {saved.last4}" if saved.last4 else name


def brand_key(saved: SavedMethod) -> str:
    """The name its mark is drawn by."""
    name = "paypal" if saved.method is PaymentMethod.PAYPAL else saved.brand.casefold()
    return BRANDS.get(name, name)


def expiry_text(saved: SavedMethod) -> str:
    """ "Expires 12/34"; empty for what does not expire."""
    if not saved.exp_month:
        return ""
    return tr("Expires {month}/{year}", month=f"{saved.exp_month:02d}", year=f"{saved.exp_year % 100:02d}")


def expiry_warning(saved: SavedMethod, now: datetime | None = None) -> tuple[str, str]:
    """What is to be said about its end, and the tone; ("", "") while it works. `now`: of the workspace."""
    if saved.expiry == "expired":
        return tr("Expired: add another"), "danger"
    if saved.expiry != "soon":
        return "", ""
    is_this_month = now is not None and (now.year, now.month) == (saved.exp_year, saved.exp_month)
    return (tr("Expires this month") if is_this_month else tr("Expires soon")), "warning"


def used_for_names(saved: SavedMethod) -> str:
    """ "Support Agent, automatic top-up"."""
    return ", ".join(tr("automatic top-up") if name == "auto_top_up" else name for name in saved.used_for)


def used_for_text(saved: SavedMethod) -> str:
    """ "Pays for: Support Agent, automatic top-up"; empty when it pays for nothing yet."""
    names = used_for_names(saved)
    return tr("Pays for: {names}", names=names) if names else ""


# ---- adding


def add_label(method: PaymentMethod) -> str:
    """On the button that opens the page of the provider."""
    labels = {
        PaymentMethod.CARD: tr("Add card"),
        PaymentMethod.BANK: tr("Add bank account"),
        PaymentMethod.PAYPAL: tr("Connect PayPal"),
    }
    return labels[method]


def new_label(method: PaymentMethod) -> str:
    """The last entries of a list to pick from."""
    labels = {
        PaymentMethod.CARD: tr("New card…"),
        PaymentMethod.BANK: tr("New bank account…"),
        PaymentMethod.PAYPAL: tr("Connect PayPal…"),
    }
    return labels[method]


def adding_title(method: PaymentMethod) -> str:
    """What is being waited for while the page is open."""
    labels = {
        PaymentMethod.CARD: tr("A new card"),
        PaymentMethod.BANK: tr("A new bank account"),
        PaymentMethod.PAYPAL: tr("A PayPal account"),
    }
    return labels[method]


def addable(options: PaymentOptions | None) -> tuple[PaymentMethod, ...]:
    """What can be added on a page of a provider; nothing where pages are answered in our own window."""
    if options is None or not options.page_hosts:
        return ()
    return tuple(method for method in SAVABLE if method in options.methods)


def new_token(method: PaymentMethod) -> str:
    """Stands in a picker for a method that is not there yet."""
    return f"{NEW}{method.value}"


def new_method(token: str) -> PaymentMethod | None:
    """The method `new_token` was made from; None for a real token."""
    return PaymentMethod(token.removeprefix(NEW)) if token.startswith(NEW) else None


def method_items(options: PaymentOptions | None, *, has_new: bool = True) -> list[tuple[str, str]]:
    """What can pay, as (words, token): what is on file, in test mode the published test cards, then the new ones."""
    if options is None:
        return []
    saved = [(_item(one), one.token) for one in options.saved_methods]
    tests = [(test_card_label(card), card.token) for card in options.test_cards] if options.is_test_mode else []
    fresh = [(new_label(method), new_token(method)) for method in addable(options)] if has_new else []
    return saved + tests + fresh


def _item(saved: SavedMethod) -> str:
    label, (warning, _) = saved_method_label(saved), expiry_warning(saved)
    return f"{label} – {warning.partition(':')[0]}" if warning else label


def method_name(options: PaymentOptions | None, token: str) -> str:
    """What stands behind a token, without what a test card does: "Visa •••• 4242", "New card"."""
    if fresh := new_method(token):
        return new_label(fresh).removesuffix("…")
    if options is None:
        return ""
    found = next((saved_method_label(one) for one in options.saved_methods if one.token == token), "")
    return found or next((f"{one.brand} •••• {one.last4}" for one in options.test_cards if one.token == token), "")


def method_of(options: PaymentOptions | None, token: str) -> PaymentMethod:
    """Which kind of way a token stands for; test cards are cards."""
    if fresh := new_method(token):
        return fresh
    saved = options.saved_methods if options is not None else ()
    return next((one.method for one in saved if one.token == token), PaymentMethod.CARD)


def page_button(method: PaymentMethod, amount: str) -> str:
    """On the button that opens the page where something new pays."""
    labels = {
        PaymentMethod.CARD: tr("Continue to card page – {amount}", amount=amount),
        PaymentMethod.BANK: tr("Continue to bank page – {amount}", amount=amount),
        PaymentMethod.PAYPAL: tr("Continue to PayPal – {amount}", amount=amount),
    }
    return labels[method]


def processing_text(method: PaymentMethod | None, amount: str) -> str:
    """The money is under way."""
    if method is PaymentMethod.BANK:
        return tr("{amount} is being collected from your bank. That takes 2 to 5 days.", amount=amount)
    return tr("The payment of {amount} is under way. You are told when it has arrived.", amount=amount)


def needs_confirmation(invoice: Invoice) -> bool:
    """The last try to collect it was stopped by the bank, which wants to ask the buyer."""
    made = [one for one in invoice.attempts if one.state != "planned"]
    if invoice.state is not InvoiceState.OPEN or not made:
        return False
    return made[-1].state == "action_required" or made[-1].error_code == "confirmation_needed"


def confirmation_text(invoice: Invoice) -> str:
    """Above such an invoice."""
    return tr("{amount} needs your confirmation: your bank wants to ask you before it pays.",
              amount=exact_money(invoice.due))  # fmt: skip


# ---- keeping and removing


def removal_title(saved: SavedMethod) -> str:
    return tr("Remove {name}?", name=saved_method_label(saved))


def removal_text(saved: SavedMethod, heir: SavedMethod | None) -> str:
    """What is paid with what from then on. `heir`: the default once this one is gone; None: nothing is left."""
    names = used_for_names(saved)
    gone = tr("It is forgotten here and at the payment provider.")
    if heir is None and names:
        return tr("Nothing is left to pay for {names}: add another way to pay before the next charge. {gone}",
                  names=names, gone=gone)  # fmt: skip
    if heir is None:
        return tr("No way to pay is left on file then. {gone}", gone=gone)
    after = saved_method_label(heir)
    if names:
        return tr("From then on {after} pays for {names}. {gone}", after=after, names=names, gone=gone)
    if saved.is_default:
        return tr("{after} is charged when nothing else is said from then on. {gone}", after=after, gone=gone)
    return tr("Nothing is paid with it now. {gone}", gone=gone)


def adding_problem(error: ServiceError) -> ErrorText:
    """Why nothing new is on file; nothing is bought meanwhile, so there is no other way to pay for it."""
    if isinstance(error, PaymentExpired):
        detail = tr("Nothing was added and nothing was charged. Add it again when you are ready.")
        return ErrorText(tr("The page was open too long"), detail, code=error.code)
    return error_text(error)
