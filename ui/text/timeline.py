"""The words of simulated time: where it is, what comes next, what happened on the way, what going back loses."""

from __future__ import annotations

from datetime import datetime

from services.api.money import EXPONENTS, Money
from services.api.types import Happening, Params, TimePoint
from ui.text.formats import date, datetime_text, exact_money
from ui.text.language import count, plural, tr
from ui.text.problems import field_text

AMOUNTS = ("amount_micros", "amount", "total_micros", "balance_micros")  # of params, the first that is there counts


def time_text(now: datetime, *, is_simulated: bool) -> str:
    """Beside the clock of the time bar."""
    at = datetime_text(now)
    return tr("Simulated time: {at}", at=at) if is_simulated else tr("Real time: {at}", at=at)


def next_text(kind: str, name: str, at: datetime | None) -> str:
    """ "Next: renewal of Customer Care, 22 December 2026"."""
    if at is None:
        return tr("Nothing is planned")
    what = _named(kind, name) if name else _plain(kind)
    return tr("Next: {what}, {day}", what=what, day=date(at))


def _named(kind: str, name: str) -> str:
    renewal = tr("renewal of {name}", name=name)
    trial = tr("end of the trial of {name}", name=name)
    payment = tr("payment for {name}", name=name)
    suspension = tr("suspension of {name}", name=name)
    going_on = tr("end of the pause of {name}", name=name)
    pause = tr("pause of {name}", name=name)
    change = tr("plan change of {name}", name=name)
    end = tr("end of {name}", name=name)
    invoice = tr("invoice of {name}", name=name)
    sentences = {
        "renewed": renewal, "period": renewal, "trial_ended": trial, "trial_ends": trial,
        "trial_reminder": tr("trial reminder for {name}", name=name), "payment_retry": payment, "collect": payment,
        "suspended": suspension, "suspend": suspension, "resumed": going_on, "resume": going_on,
        "paused": pause, "pause": pause, "plan_changed": change, "change": change, "canceled": end, "cancel": end,
        "unserved": tr("end of an unpaid period of {name}", name=name),
        "usage_reset": tr("included calls of {name} start again", name=name),
        "invoice_issued": invoice, "finalise": invoice, "overdue": tr("overdue invoice of {name}", name=name),
    }  # fmt: skip
    return sentences.get(kind) or _plain(kind)


def _plain(kind: str) -> str:
    sentences = {
        "renewed": tr("renewal"),
        "period": tr("renewal"),
        "trial_ended": tr("end of a trial"),
        "trial_ends": tr("end of a trial"),
        "trial_reminder": tr("trial reminder"),
        "payment_retry": tr("another payment attempt"),
        "collect": tr("payment attempt"),
        "capture": tr("charge of a purchase that was held"),
        "suspended": tr("suspension"),
        "suspend": tr("suspension"),
        "resumed": tr("end of a pause"),
        "resume": tr("end of a pause"),
        "paused": tr("pause"),
        "pause": tr("pause"),
        "plan_changed": tr("plan change"),
        "change": tr("plan change"),
        "canceled": tr("end of a subscription"),
        "cancel": tr("end of a subscription"),
        "invoice_issued": tr("invoice"),
        "finalise": tr("invoice"),
        "overdue": tr("overdue invoice"),
        "credit_expired": tr("credit expires"),
        "credit_expires": tr("credit expires"),
        "credit_effective": tr("credit becomes usable"),
        "hold_expires": tr("release of reserved credit"),
        "recognise": tr("booking of earned revenue"),
        "quote_expired": tr("a quote runs out"),
        "quote_expires": tr("a quote runs out"),
        "transfer_expires": tr("an order that was to be paid by transfer runs out"),
        "auto_top_up": tr("auto-top-up"),
        "alert": tr("balance alert"),
        "unserved": tr("end of an unpaid period"),
        "usage_reset": tr("included calls start again"),
    }
    return sentences.get(kind) or _readable(kind)


def _readable(kind: str) -> str:
    """ "card_replaced" as "card replaced": better than silence about what is new."""
    return kind.replace("_", " ").strip() or tr("something")


# ---- what happened


def happening_text(one: Happening) -> str:
    """One sentence; what it costs stands beside it."""
    name, number = _word(one.params, "name"), _word(one.params, "number")
    return _about_subscription(one, name) or _about_invoice(one, name, number) or _about_wallet(one) or _other(one)


def _word(params: Params, key: str) -> str:
    value = params.get(key)
    return str(value) if value is not None else ""


def _about_subscription(one: Happening, name: str) -> str:
    what, plan = name or tr("A subscription"), _word(one.params, "plan")
    if plan and one.kind in ("subscribed", "plan_changed"):
        begun = one.kind == "subscribed"
        words = tr("{name} began on {plan}.", name=what, plan=plan)
        return words if begun else tr("{name} changed to {plan}.", name=what, plan=plan)
    sentences = {
        "subscribed": tr("{name} began.", name=what),
        "renewed": tr("{name} was renewed.", name=what),
        "trial_started": tr("The trial of {name} began.", name=what),
        "trial_reminder": tr("Reminder: the trial of {name} ends soon.", name=what),
        "trial_ended": tr("The trial of {name} ended.", name=what),
        "suspended": tr("{name} was suspended: its invoice is unpaid.", name=what),
        "restored": tr("{name} works again: its invoice is paid.", name=what),
        "plan_changed": tr("{name} changed.", name=what),
        "paused": tr("{name} was paused.", name=what),
        "resumed": tr("{name} goes on after its pause.", name=what),
        "cancel_planned": tr("{name} was set to end with its period.", name=what),
        "change_planned": tr("A plan change of {name} was planned.", name=what),
        "pause_planned": tr("A pause of {name} was planned.", name=what),
        "change_undone": tr("A planned change of {name} was undone.", name=what),
        "usage_payment_changed": tr("{name} now pays its extra calls another way.", name=what),
        "card_changed": tr("{name} now pays with another card.", name=what),
        "canceled": tr("{name} ended.", name=what),
        "usage_reset": tr("The included calls of {name} start again.", name=what),
    }
    return sentences.get(one.kind, "")


def _about_invoice(one: Happening, name: str, number: str) -> str:
    invoice = tr("Invoice {number}", number=number) if number else tr("An invoice")
    failed = tr("The payment for {name} did not go through.", name=name) if name else ""
    ran_out = tr("The quote for {name} ran out.", name=name) if name else ""
    sentences = {
        "invoice_issued": tr("{invoice} was issued.", invoice=invoice),
        "invoice_paid": tr("{invoice} was paid.", invoice=invoice),
        "invoice_overdue": tr("{invoice} is overdue.", invoice=invoice),
        "invoice_voided": tr("{invoice} was voided.", invoice=invoice),
        "written_off": tr("{invoice} was given up; it can still be paid.", invoice=invoice),
        "credit_note_issued": tr("A credit note was issued."),
        "payment_failed": failed or tr("A payment did not go through."),
        "quote_expired": ran_out or tr("A quote ran out."),
        "quote_accepted": tr("A quote was accepted."),
        "quote_offered": tr("A quote was offered."),
    }
    return sentences.get(one.kind, "") or _about_money(one, number)


def _about_money(one: Happening, number: str) -> str:
    """What buyers, banks and support did with a payment."""
    came = tr("A transfer arrived for {number}.", number=number) if number else tr("A transfer arrived.")
    paid_nothing = tr("What came by transfer for {number} is credit in the wallet.", number=number)
    credited = paid_nothing if number else tr("What came by transfer is credit in the wallet.")
    sentences = {
        "order_taken_back": tr("A purchase was taken back; nothing was charged."),
        "refund_granted": tr("Support gave money back."),
        "transfer_received": came,
        "transfer_credited": credited,
        "top_up_refused": tr("The bank refused a top-up; no credit was added."),
        "change_refused": tr("The bank refused the payment for a plan change; the plan stays as it is."),
        "dispute_opened": tr("A payment is disputed by its bank; what it bought in credit is frozen."),
        "dispute_won": tr("A dispute was decided for the payment."),
        "dispute_lost": tr("A dispute was lost; the money is gone, and what it had paid for ends."),
    }
    return sentences.get(one.kind, "")


def _about_wallet(one: Happening) -> str:
    sentences = {
        "credit_expired": tr("Credit expired."),
        "credit_effective": tr("Credit became usable."),
        "balance_low": tr("The balance is low."),
        "auto_topped_up": tr("The wallet was topped up automatically."),
        "topped_up": tr("The wallet was topped up."),
        "code_redeemed": tr("A code was redeemed."),
        "refunded": tr("A payment was refunded."),
        "credit_refunded": tr("Credit was paid back."),
    }
    if one.kind in ("auto_top_up_refused", "auto_top_up_failed"):
        if one.params.get("problem") == "monthly_limit":
            return tr("Auto-top-up stopped: its monthly limit is reached.")
        return tr("Auto-top-up did not go through.")
    return sentences.get(one.kind, "")


def _other(one: Happening) -> str:
    """A kind without words of its own."""
    words = _readable(one.kind)
    about = _word(one.params, "name") or _word(one.params, "number")
    sentence = words[:1].upper() + words[1:]
    return tr("{what}: {about}.", what=sentence, about=about) if about else f"{sentence}."


def happening_amount(one: Happening) -> str:
    """The sum it carries; empty when it carries none."""
    currency = one.params.get("currency") or "USD"
    micros = next((value for key in AMOUNTS if isinstance(value := one.params.get(key), int)), None)
    if micros is None or currency not in EXPONENTS:
        return ""
    return exact_money(Money(micros, str(currency)))


def happened_label(number: int) -> str:
    """On the button that opens the list."""
    return tr("What happened ({n})", n=count(number)) if number else tr("What happened")


def step_title(start: datetime, end: datetime) -> str:
    return tr("{start} to {end}", start=datetime_text(start), end=datetime_text(end))


def moved_text(end: datetime, number: int) -> str:
    """Said when time has moved."""
    at = datetime_text(end)
    if not number:
        return tr("It is {at} now. Nothing fell due on the way.", at=at)
    things = plural(number, tr("{n} thing happened on the way."), tr("{n} things happened on the way."))
    return tr("It is {at} now. {things}", at=at, things=things)


def more_text(number: int) -> str:
    return plural(number, tr("Show {n} more"), tr("Show {n} more"))


# ---- moving


def moving_text(moving: str) -> str:
    """While time moves; empty when it stands."""
    if not moving:
        return ""
    return tr("Going back…") if moving == "back" else tr("Time moves; everything that falls due is being done…")


def date_problem(code: str) -> str:
    """Beside the date field."""
    sentences = {
        "required": tr("Enter the day to move to."),
        "date_invalid": tr("Enter a day such as 2026-12-22, with a time if you like: 2026-12-22 09:30."),
        "in_past": tr("Enter a time after the present one. To go back, use Back."),
        "out_of_range": tr("Enter a day within the next ten years."),
    }
    return sentences.get(code) or field_text("to", code)


def point_text(point: TimePoint) -> str:
    return datetime_text(point.at)


def point_detail(point: TimePoint) -> str:
    """When it was put aside, by the clock on the wall."""
    return tr("Kept on {at} by the real clock", at=datetime_text(point.taken_at))


def back_question(point: TimePoint) -> str:
    return tr("Go back to {at}?", at=datetime_text(point.at))


def back_warning(point: TimePoint) -> str:
    """What going back loses."""
    return tr(
        "Everything that happened in this workspace after {at} is lost: purchases, calls, payments, invoices and "
        "changes. This cannot be undone.",
        at=datetime_text(point.at),
    )


def returned_text(at: datetime) -> str:
    return tr("Back at {at}. What came after is gone.", at=datetime_text(at))
