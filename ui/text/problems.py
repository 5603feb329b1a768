"""Every error code and every field code as a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.api.errors import CardDeclined, PaymentFailed, ProviderRejected, ServiceError, all_errors
from services.api.money import EXPONENTS, Money
from ui.text.declines import decline_text
from ui.text.formats import exact_money
from ui.text.language import count, plural, tr

Params = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class ErrorText:
    """What a screen says about a failure. `action` is the label of the one thing to do, or empty."""

    title: str
    detail: str
    action: str = ""
    code: str = ""

    @property
    def sentence(self) -> str:
        """Both in one line, for a toast."""
        return f"{self.title}. {self.detail}"


def _account(code: str, params: Params) -> ErrorText | None:
    match code:
        case "not_signed_in":
            return ErrorText(tr("Sign in first"), tr("This needs an account. Your cart is kept."), tr("Sign in"))
        case "bad_credentials":
            return ErrorText(
                tr("E-mail and password do not match"),
                tr("Check both, or create an account with this e-mail."),
                tr("Try again"),
            )
        case "session_expired":
            return ErrorText(tr("You were signed out"), tr("Sign in again to go on. Your cart is kept."), tr("Sign in"))
        case "too_many_tries":
            return ErrorText(tr("Sign-in is paused"), _pause(params), tr("Try again"))
        case "email_taken":
            return ErrorText(
                tr("This e-mail already has an account"),
                tr("Sign in with its password. Your cart and everything you typed are kept."),
                tr("Sign in"),
            )
    return None


def _pause(params: Params) -> str:
    seconds = params.get("seconds")
    if not isinstance(seconds, int) or seconds <= 0:
        return tr("Wait a moment, then try the password again.")
    return plural(
        seconds,
        tr("Too many wrong passwords. Try again in {n} second."),
        tr("Too many wrong passwords. Try again in {n} seconds."),
    )


def _request(code: str, params: Params) -> ErrorText | None:
    match code:
        case "invalid_input":
            return ErrorText(tr("Something needs changing"), tr("Look at the marked fields."))
        case "not_found":
            return ErrorText(
                tr("This is not here any more"), tr("It was removed, or it belongs to another account."), tr("Go back")
            )
        case "conflict":
            return ErrorText(
                tr("Somebody else changed this"), tr("Load it again to see how it is now."), tr("Load again")
            )
        case "key_reused":
            return ErrorText(
                tr("The order changed after it was sent"),
                tr("Nothing was charged for the changed order. Check it and send it again."),
                tr("Try again"),
            )
        case "request_in_progress":
            return ErrorText(
                tr("Your request is still being worked on"),
                tr("Check again in a moment; it is not sent twice."),
                tr("Check again"),
            )
        case "wrong_state":
            return _wrong_state(str(params.get("state") or ""))
        case "sum_moved":
            return ErrorText(
                tr("The sum has changed meanwhile"), tr("Nothing was charged. Look at the new sum, then decide."),
                tr("Show the new sum"),
            )  # fmt: skip
        case "not_in_test_mode":
            return ErrorText(
                tr("Only a test workspace can do this"), tr("Time moves by itself where money is real.")
            )  # fmt: skip
    return None


def _wrong_state(state: str) -> ErrorText:
    if state == "disputed":
        return ErrorText(
            tr("The bank is still deciding about this payment"),
            tr("Nothing is given back before that. If the payment stands, ask again; else the bank pays it back."),
        )  # fmt: skip
    if state == "taken_back":
        return ErrorText(
            tr("A bank has taken this payment back"),
            tr("So a correction cannot pay a part of it back too. Support can refund what the bank left."),
        )  # fmt: skip
    return ErrorText(tr("This cannot be done now"), tr("Load it again to see what can be done."), tr("Load again"))


def _payment(code: str, params: Params) -> ErrorText | None:
    other, reason = tr("Choose another way"), str(params.get("reason") or "")
    none = tr("Nothing was charged.")
    match code:
        case "payment_failed" if reason:
            return ErrorText(tr("The payment did not go through"), f"{none} {decline_text(reason)}", other)
        case "payment_failed":
            return ErrorText(tr("The payment did not go through"), tr("Nothing was charged. Try another card."), other)
        case "card_declined" if reason:
            return ErrorText(tr("The payment was declined"), f"{none} {decline_text(reason)}", other)
        case "card_declined":
            detail = tr("Nothing was charged. Choose another card, or ask your bank why.")
            return ErrorText(tr("The card was declined"), detail, other)
        case "insufficient_funds":
            detail = tr("Nothing was charged. Choose another card.")
            return ErrorText(tr("There is not enough money on this card"), detail, other)
        case "confirmation_declined":
            detail = tr("Nothing was charged. Pay again and confirm, or choose another card.")
            return ErrorText(tr("The payment was not confirmed"), detail, other)
        case "payment_not_completed":
            detail = tr("Nothing was charged and no order was made. Pay again when you are ready.")
            return ErrorText(tr("The payment was interrupted"), detail, tr("Try again"))
        case "payment_profile_needed":
            detail = tr("Calls that are paid afterwards need a card on file. Add one, then try again.")
            return ErrorText(tr("Add a card first"), detail, tr("Choose a card"))
        case "payment_unknown":
            title = tr("We do not know yet whether the payment went through")
            detail = tr("Check again: the same order is asked for, and it is charged once at most.")
            return ErrorText(title, detail, tr("Check again"))
    return None


def _page(code: str, params: Params) -> ErrorText | None:
    """Payments on the pages of a provider, and those a bank carries out days later."""
    other, reason = tr("Choose another way"), str(params.get("reason") or "")
    match code:
        case "payment_expired":
            detail = tr("Nothing was charged, and everything you typed is kept. Open a new page, or pay another way.")
            return ErrorText(tr("The payment page was open too long"), detail, other)
        case "payment_canceled":
            detail = tr("Nothing was charged, and everything you typed is kept. Pay again, or another way.")
            return ErrorText(tr("The payment was given up"), detail, other)
        case "debit_failed":
            why = decline_text(reason) if reason else tr("Pay another way, or ask your bank why.")
            return ErrorText(tr("Your bank did not pay the debit"), f"{tr('Nothing was collected.')} {why}", other)
        case "confirmation_needed":
            detail = tr("Nothing was charged. Pay it again yourself, and answer the question of your bank.")
            return ErrorText(tr("Your bank wants you to confirm this payment"), detail, tr("Confirm now"))
        case "provider_rejected":
            return ErrorText(
                tr("This cannot be paid this way"), f"{tr('Nothing was charged.')} {_rejected(reason)}", other
            )
        case "event_rejected":
            detail = tr("Nothing was changed. It was not sent by a payment provider, or not just now.")
            return ErrorText(tr("The message was not accepted"), detail)
    return None


def _rejected(reason: str) -> str:
    """Why a provider would not even take the request, and whose turn it is."""
    sentences = {
        "key_invalid": tr("The payment provider does not know Souk just now, which is not your fault. Tell support."),
        "account_restricted": tr("The payment provider takes no payments for Souk just now. Tell support."),
        "currency_unsupported": tr("It does not work in this currency. Pay another way."),
        "amount_too_small": tr("The amount is too small for it. Pay from your wallet, or another way."),
        "amount_too_large": tr("The amount is too large for it. Pay another way."),
        "method_unavailable": tr("It is switched off at the payment provider. Pay another way."),
    }
    return sentences.get(reason, tr("The payment provider did not take it. Pay another way, or tell support."))


def _amount(params: Params, name: str) -> str:
    """An amount a refusal carries in micros; empty when it does not."""
    micros, currency = params.get(name), params.get("currency", "USD")
    is_known = isinstance(currency, str) and currency in EXPONENTS
    return exact_money(Money(micros, str(currency))) if isinstance(micros, int) and is_known else ""


def _credit(code: str, params: Params) -> ErrorText | None:
    match code:
        case "insufficient_credit":
            balance, price = _amount(params, "balance"), _amount(params, "price")
            detail = tr("This call was not made and costs nothing. Top up, then ask again.")
            if balance and price:
                text = tr("It costs {price}, and {balance} is left. It was not made. Top up, then ask again.",
                          price=price, balance=balance)  # fmt: skip
                return ErrorText(tr("There is not enough credit for this call"), text, tr("Top up"))
            return ErrorText(tr("There is not enough credit for this call"), detail, tr("Top up"))
        case "subscription_suspended":
            return ErrorText(
                tr("This agent waits for an unpaid invoice"), tr("Pay it, and the agent answers again at once."),
                tr("Pay the invoice"),
            )  # fmt: skip
    return None


CAPS = ("organization", "project", "key")


def _cap_text(level: str, params: Params) -> ErrorText:
    """A limit somebody has set: which one, and what is left on each."""
    titles = {
        "organization": tr("The limit of your organization is reached"),
        "project": tr("The limit of this project is reached"),
        "key": tr("The limit of this agent is reached"),
    }
    names = {"organization": tr("organization"), "project": tr("project"), "key": tr("agent")}
    lefts = [
        tr("{name} {amount}", name=names[one], amount=left) for one in CAPS if (left := _amount(params, f"left_{one}"))
    ]
    detail = tr("This call was not made and costs nothing. Raise the limit in the wallet, or wait until it is over.")
    if lefts:
        detail = f"{detail} {tr('Left: {amounts}.', amounts=', '.join(lefts))}"
    return ErrorText(titles[level], detail, tr("See limits"))


def _use(code: str, params: Params) -> ErrorText | None:
    match code:
        case "limit_reached" if params.get("limit") in CAPS:
            return _cap_text(str(params["limit"]), params)
        case "limit_reached":
            included = params.get("included")
            detail = tr("This plan does not charge for more. Wait for the next month, or choose a larger plan.")
            if isinstance(included, int) and params.get("limit") != "sample":
                text = tr("All {n} included calls of this month are used", n=count(included))
                return ErrorText(text, detail, tr("See plans"))
            return ErrorText(tr("All questions of the sample are used"), tr("Get the agent to go on."), tr("See plans"))
        case "offline":
            return ErrorText(
                tr("The service cannot be reached"),
                tr("What you typed is kept. Check the connection, then try again."),
                tr("Try again"),
            )
        case "agent_unavailable":
            return ErrorText(tr("The agent did not answer"), tr("This call costs nothing. Ask again."), tr("Ask again"))
    return None


def _storage(code: str, _params: Params) -> ErrorText | None:
    match code:
        case "storage_error":
            return ErrorText(tr("The data could not be saved"), tr("Nothing saved so far is lost."), tr("Try again"))
        case "disk_full":
            return ErrorText(
                tr("The disk is full"),
                tr("Free some space, then try again. Everything confirmed so far is safe."),
                tr("Try again"),
            )
        case "database_busy":
            return ErrorText(
                tr("Another program is using Souk’s data"),
                tr("Close the other window of Souk, or wait, then try again."),
                tr("Try again"),
            )
        case "database_too_new":
            return ErrorText(
                tr("This data was written by a newer Souk"),
                tr("Install the newer version, or open a backup made by this one."),
                tr("Open a backup"),
            )
        case "database_corrupt":
            return ErrorText(
                tr("Souk’s data file is damaged"),
                tr("It is left as it is. Open the last backup, or read what can be read."),
                tr("Open a backup"),
            )
        case "ledger_broken":
            return ErrorText(
                tr("The books do not add up"),
                tr("Nothing more is charged or spent until they were checked. Tell support; nothing is lost."),
            )
        case "read_only":
            return ErrorText(
                tr("Souk is open for reading only"),
                tr("Nothing can be bought or changed until the data is repaired from a backup."),
                tr("Open a backup"),
            )
    return None


_AREAS: tuple[Callable[[str, Params], ErrorText | None], ...] = (
    _account, _request, _payment, _page, _credit, _use, _storage,
)  # fmt: skip


def error_text(error: ServiceError) -> ErrorText:
    """What to say about an expected failure."""
    for area in _AREAS:
        if found := area(error.code, error.params):
            return ErrorText(found.title, found.detail, found.action, error.code)
    return ErrorText(
        tr("Something in Souk did not work"),
        tr("What you typed is kept. Try again; what happened is noted in the log."),
        tr("Try again"),
        error.code,
    )


def refusal_of(code: str) -> ServiceError:
    """The error an order's stored code stands for: one of ours about payments, else a provider's own word."""
    known = all_errors().get(code)
    if known is not None:
        return known() if issubclass(known, PaymentFailed | ProviderRejected) else PaymentFailed()
    return CardDeclined(reason=code) if code else PaymentFailed()


def _required(field: str) -> str:
    sentences = {
        "email": tr("Enter your e-mail address."),
        "password": tr("Enter a password."),
        "payment_token": tr("Choose a card."),
        "plan_uuid": tr("Choose a plan."),
        "country": tr("Choose the country."),
        "name": tr("Give the agent a name."),
        "text": tr("Write a question first."),
    }
    return sentences.get(field, tr("Fill this in."))


def _special(field: str, code: str) -> str | None:
    sentences = {
        ("terms_accepted", "must_accept"): tr("Accept the terms to go on."),
        ("payment_token", "unknown"): tr("Choose another card; this one is not known here."),
        ("payment_method", "not_available"): tr("This way to pay is not available yet. Choose another."),
        ("payment_token", "expired"): tr("This card has expired. Choose another."),
    }
    return sentences.get((field, code))


LONG = ("text", "message")  # fields of several lines


def field_text(field: str, code: str, params: Params | None = None) -> str:
    """What to say beside a field; never empty, whatever the code."""
    if code == "required":
        return _required(field)
    if special := _special(field, code):
        return special
    given = params or {}
    sentences = {
        "email_invalid": tr("Check the address; it looks like name@example.com."),
        "password_short": tr("Use at least {n} characters.", n=given.get("min", 8)),
        "password_long": tr("Use at most {n} characters.", n=given.get("max", 256)),
        "too_long": tr("Shorten this to {n} characters.", n=given.get("max", 4000 if field in LONG else 120)),
        "too_short": tr("Write at least {n} characters.", n=given.get("min", 2)),
        "unknown": tr("This is not known here. Choose another."),
        "not_of_offering": tr("This plan belongs to another agent. Choose one shown here."),
        "must_accept": tr("Tick this box to go on."),
        "not_available": tr("This is not available yet. Choose another."),
        "out_of_range": tr("Choose a value that is offered here."),
        "needs_quote": tr("This plan has no fixed price. Ask for a quote."),
        "expired": tr("This has expired. Choose another."),
        "already_used": tr("This was used before. Choose another."),
        "unexpected": tr("This cannot be set here. Leave it empty."),
    }
    return sentences.get(code) or _money_field(code) or tr("Check this and try again.")


def _money_field(code: str) -> str:
    """Amounts, codes, dates and tax numbers; empty for a code that is none of theirs."""
    sentences = {
        "not_positive": tr("Enter more than zero."),
        "not_whole_minor": tr("Enter a whole amount such as 25 or 12.50."),
        "wrong_currency": tr("This account pays in another currency."),
        "too_small": tr("Enter a higher amount."),
        "too_large": tr("Enter a lower amount."),
        "below_threshold": tr("Fill up to more than the balance at which it starts."),
        "gap_too_small": tr("Fill up to more: the difference is less than the smallest top-up."),
        "below_target": tr("The monthly limit must allow one whole top-up."),
        "exhausted": tr("This code has been used as often as it may be."),
        "not_yet": tr("This code cannot be used yet."),
        "not_for_this": tr("This code is not for what you are buying."),
        "in_past": tr("Choose a day that is still to come."),
        "trial_used": tr("Your organization has tried this before; a trial is possible once."),
        "insufficient_credit": tr("There is not enough credit in the wallet. Choose a card, or top up."),
        "vat_format": tr("This is not written as VAT numbers of this country are. Check it letter by letter."),
        "vat_checksum": tr("A digit of this VAT number is wrong. Check it against your papers."),
        "vat_country": tr("This VAT number belongs to another country. Change one of the two."),
        "over_invoice": tr("This is more than what is left of the invoice."),
        "nothing_left": tr("There is nothing left of this invoice to give back."),
        "unknown_line": tr("This is not a line of the invoice."),
    }
    return sentences.get(code, "")


def field_texts(error: ServiceError) -> dict[str, str]:
    """A sentence for each field the service found wrong."""
    return {field: field_text(field, code, error.params) for field, code in error.fields.items()}
