"""What support reads about money: transfers that are due or came in, refunds with their ledger lines, disputes."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.api.money import AMOUNT_MAX, EXPONENTS, Money
from services.api.types import (
    Dispute,
    LedgerLine,
    Order,
    PaymentState,
    Refunded,
    RefundPreview,
    RefundReason,
    Transfer,
    TransferDue,
    TransferReceived,
)
from ui.text.formats import date, exact_money, short_date
from ui.text.language import plural, tr

REFUND = "refund"  # the subject of a transfer that support sends itself
DAY = timedelta(days=1)

# ---- transfers


def transfer_subject(due: TransferDue) -> str:
    """ "Order: Support Agent, Pro", "Invoice SK-000042", "To be sent back"."""
    if due.subject == "order":
        return tr("Order: {title}", title=due.title)
    if due.subject == REFUND:
        return tr("To be sent back")
    return tr("Invoice {number}", number=due.title)


def transfer_left(due: TransferDue) -> Money:
    """What is still to come; nothing when more than enough is there."""
    left = due.amount - due.received
    return left if left.micros > 0 else Money.zero(due.amount.currency)


def transfer_state(due: TransferDue, now: datetime | None) -> tuple[str, str]:
    """The words and their tone."""
    if due.subject == REFUND:
        return tr("To be sent"), "info"
    if due.is_overdue:
        days = max(1, (now - due.due_at) // DAY) if now is not None else 0
        return (plural(days, tr("{n} day overdue"), tr("{n} days overdue")) if days else tr("Overdue")), "danger"
    return (tr("Part is there"), "warning") if due.received.micros > 0 else (tr("Waiting"), "neutral")


def receive_title(due: TransferDue) -> str:
    if due.subject == REFUND:
        return tr("Mark {reference} as sent", reference=due.reference)
    return tr("Mark {reference} as received", reference=due.reference)


def receive_button(due: TransferDue, amount: Money | None) -> str:
    """On the button that writes it down; it carries the amount."""
    if due.subject == REFUND:
        return tr("Mark as sent – {amount}", amount=exact_money(amount)) if amount else tr("Mark as sent")
    return tr("Mark as received – {amount}", amount=exact_money(amount)) if amount else tr("Mark as received")


def receive_effect(due: TransferDue, amount: Money | None) -> tuple[str, str]:
    """What marking this amount will do, and the tone; said before it is done."""
    if amount is None or amount.currency != due.amount.currency:
        return "", "info"
    left = due.amount - due.received - amount
    if due.subject == REFUND:
        return tr("The refund of {amount} counts as sent.", amount=exact_money(due.amount)), "info"
    if left.micros > 0:
        words = (
            tr("{left} is left to be paid; the order waits for it.", left=exact_money(left)) if due.subject == "order"
            else tr("{left} is left to be paid; the invoice stays open.", left=exact_money(left))
        )  # fmt: skip
        return words, "warning"
    done = tr("All of it is paid; the order starts now.") if due.subject == "order" else tr("The invoice is paid.")
    if left.is_zero:
        return done, "success"
    more = tr("{surplus} more than is due becomes credit in the buyer’s wallet.", surplus=exact_money(-left))
    return f"{done} {more}", "warning"


def received_text(done: TransferReceived) -> str:
    """In the toast after marking."""
    amount = exact_money(done.amount)
    if done.left.micros > 0:
        return tr("{amount} is marked; {left} is left.", amount=amount, left=exact_money(done.left))
    if done.surplus.micros > 0:
        return tr("{amount} is marked; {surplus} became credit.", amount=amount, surplus=exact_money(done.surplus))
    return tr("{amount} is marked; nothing is left to be paid.", amount=amount)


def receive_problem(field: str, code: str, due: TransferDue) -> str:
    """Beside the field."""
    left, most = exact_money(transfer_left(due)), exact_money(Money(AMOUNT_MAX, due.amount.currency))
    sentences = {
        ("amount", "required"): tr("Enter the amount on the statement."),
        ("amount", "not_positive"): tr("Enter the amount on the statement."),
        ("amount", "too_large"): tr("Enter {left} or less.", left=left),
        ("amount", "out_of_range"): tr("Enter {most} or less, as on the statement.", most=most),
        ("amount", "too_small"): tr("Enter {left}: it is sent in one piece.", left=left),
        ("amount", "wrong_currency"): tr("It is due in {currency}.", currency=due.amount.currency),
        ("bank_reference", "required"): tr("Enter the reference of the bank, so that one arrival is marked once."),
        ("bank_reference", "already_used"): tr("This arrival was marked before. Look below at what was marked."),
        ("bank_reference", "too_long"): tr("Use at most 140 characters."),
        ("received_on", "date_invalid"): tr("Enter a day such as 2026-05-01."),
        ("received_on", "out_of_range"): tr("Enter a day of the last twelve months."),
        ("note", "too_long"): tr("Use at most 2,000 characters."),
        ("reference", "unknown"): tr("Nobody was given this reference. Compare it with the statement."),
    }
    if (field, code) in sentences:
        return sentences[field, code]
    return tr("Enter an amount such as 25 or 12.50.") if field == "amount" else tr("Check this and try again.")


# ---- the buyer's side of a transfer


def account_label(name: str) -> str:
    labels = {"holder": tr("Account holder"), "iban": tr("IBAN"), "bic": tr("BIC"), "bank": tr("Bank")}
    return labels.get(name, name)


def transfer_rows(transfer: Transfer) -> tuple[tuple[str, str, str], ...]:
    """What to type at the bank, as (name, title, value), each to be copied; empty values are left out."""
    rows = [
        ("reference", tr("Reference"), transfer.reference),
        ("amount", tr("Amount"), _typed(transfer.amount)),
        *((name, account_label(name), value) for name, value in transfer.account),
    ]
    return tuple(row for row in rows if row[2])


def _typed(amount: Money) -> str:
    """As a bank's form takes it: 290.00, without a sign of the currency."""
    whole, _, digits = amount.decimal().partition(".")
    places = EXPONENTS[amount.currency]
    return f"{whole}.{digits[:places]}" if places else whole


def transfer_text(transfer: Transfer, now: datetime | None = None) -> str:
    """Above those rows. `now`: of the workspace; without it nothing is said to be late."""
    words = {"amount": exact_money(transfer.amount), "day": date(transfer.due_at)}
    due = (
        tr("Transfer {amount}, which was due on {day}, with the reference below, so that it is found.", **words)
        if is_late(transfer, now)
        else tr("Transfer {amount}, due on {day}, with the reference below, so that it is found.", **words)
    )
    if transfer.received.micros <= 0:
        return due
    come = tr("{received} has come in.", received=exact_money(transfer.received))
    return f"{come} {due}"


def is_late(transfer: Transfer, now: datetime | None) -> bool:
    """Whether its last day is over."""
    return now is not None and transfer.due_at < now


def awaited_text(order: Order, now: datetime | None = None) -> tuple[str, str]:
    """An order that waits for its buyer's transfer, and the tone."""
    name, transfer = order.offering_name, order.transfer
    if transfer is None:
        return tr("{name} waits for your transfer.", name=name), "info"
    facts = {"name": name, "amount": exact_money(transfer.amount), "day": date(transfer.due_at)}
    if is_late(transfer, now):
        return tr("{name} waits for your transfer of {amount}, which was due on {day}.", **facts), "warning"
    words = tr("{name} waits for your transfer of {amount} by {day}.", **facts)
    return words, "warning" if transfer.received.micros > 0 else "info"


# ---- refunds


def refund_reason(reason: RefundReason) -> str:
    labels = {
        RefundReason.REQUESTED: tr("The customer asked for it"),
        RefundReason.DUPLICATE: tr("It was paid twice"),
        RefundReason.FRAUDULENT: tr("Somebody else paid with their card"),
        RefundReason.NOT_DELIVERED: tr("It was not delivered"),
    }
    return labels[reason]


def goes_to_text(preview: RefundPreview) -> str:
    """Where the money goes."""
    amount = exact_money(preview.amount)
    if not preview.tax.is_zero:
        amount = tr("{amount}, tax of {tax} included,", amount=amount, tax=exact_money(preview.tax))
    if preview.goes_to == "wallet":
        return tr("{amount} goes back to the wallet.", amount=amount)
    if preview.goes_to == "transfer":
        return tr("{amount} is to be sent back by bank transfer. You send it and mark it.", amount=amount)
    return tr("{amount} goes back to {name}.", amount=amount, name=preview.goes_to)


def ends_text(preview: RefundPreview | None, *, ends_access: bool) -> str:
    """Below the choice whether access ends."""
    if not ends_access:
        return tr("The subscription goes on as it is.")
    if preview is None or not preview.ends:
        return tr("Nothing of this invoice runs any more.")
    return tr("Stops at once: {names}.", names=", ".join(preview.ends))


def refund_problem(code: str, refundable: Money | None) -> str:
    """Beside the amount or the note."""
    most = exact_money(refundable) if refundable is not None else ""
    if code in ("over_invoice", "too_large") and most:
        return tr("At most {amount} can be given back.", amount=most)
    sentences = {
        "required": tr("Enter an amount."),
        "too_small": tr("Enter an amount above zero."),
        "not_positive": tr("Enter an amount above zero."),
        "too_long": tr("Use at most 2,000 characters."),
    }
    return sentences.get(code, tr("Enter an amount such as 25 or 12.50."))


def refunded_text(done: Refunded) -> str:
    """In the toast after a refund."""
    amount, note = exact_money(done.amount), done.credit_note_number
    if done.state is PaymentState.SUCCEEDED:
        return tr("{amount} goes back. Credit note {number} says so.", amount=amount, number=note)
    return tr("{amount} is on its way back. Credit note {number} says so.", amount=amount, number=note)


def refund_moved(before: Money, now: Money) -> str:
    """The books moved while the sheet was open."""
    if before == now:
        return tr("The books changed meanwhile. Nothing was given back. Look at the lines again.")
    return tr("It would be {now} instead of {before} by now. Nothing was given back. Look again.",
              now=exact_money(now), before=exact_money(before))  # fmt: skip


def ledger_account(line: LedgerLine) -> str:
    """The account of a ledger line, with the provider where there is one."""
    names = {
        "wallet_paid": tr("Wallet, paid credit"),
        "wallet_promo": tr("Wallet, promotional credit"),
        "holds": tr("Held for calls"),
        "receivable": tr("Receivable"),
        "deferred_revenue": tr("Deferred revenue"),
        "revenue": tr("Revenue"),
        "tax_payable": tr("Tax payable"),
        "refunds": tr("Refunds owed"),
        "disputes": tr("Disputes"),
        "breakage": tr("Breakage"),
        "promo_expense": tr("Promotions"),
        "clearing": tr("Clearing"),
    }
    name = names.get(line.account, line.account.replace("_", " "))
    if line.account != "clearing" or not line.sub:
        return name
    providers = {"stripe": tr("Stripe"), "paypal": tr("PayPal"), "transfer": tr("bank transfer"), "test": tr("test")}
    return tr("{name}, {provider}", name=name, provider=providers.get(line.sub, line.sub))


# ---- disputes


def dispute_state(dispute: Dispute, now: datetime | None) -> tuple[str, str]:
    """The words and their tone."""
    if dispute.state == "won":
        return tr("Won"), "success"
    if dispute.state == "lost":
        return tr("Lost"), "danger"
    if dispute.answer_by is not None and now is not None and dispute.answer_by < now:
        return tr("Answer is late"), "danger"
    return tr("Open"), "warning"


def dispute_reason(code: str) -> str:
    """What the buyer's bank says; the provider's own word when it is not known here."""
    sentences = {
        "fraudulent": tr("Not made by the card holder"),
        "unrecognized": tr("Not recognised"),
        "duplicate": tr("Charged twice"),
        "product_not_received": tr("Not received"),
        "product_unacceptable": tr("Not as described"),
        "subscription_canceled": tr("Subscription was cancelled"),
        "credit_not_processed": tr("Refund did not arrive"),
        "general": tr("No reason given"),
    }
    return sentences.get(code, code.replace("_", " ").capitalize())


def dispute_answer(dispute: Dispute) -> str:
    """Until when it has to be answered at the provider."""
    if dispute.closed_at is not None:
        return tr("Closed {day}", day=short_date(dispute.closed_at))
    return short_date(dispute.answer_by) if dispute.answer_by is not None else "–"
