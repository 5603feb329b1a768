"""Every error code and every field code as a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.api.errors import ServiceError
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


def _request(code: str, _params: Params) -> ErrorText | None:
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
            return ErrorText(
                tr("This cannot be done now"), tr("Load it again to see what can be done."), tr("Load again")
            )
    return None


def _payment(code: str, _params: Params) -> ErrorText | None:
    card = tr("Choose a card")
    match code:
        case "payment_failed":
            detail = tr("Nothing was charged. Try another card.")
            return ErrorText(tr("The payment did not go through"), detail, card)
        case "card_declined":
            detail = tr("Nothing was charged. Choose another card, or ask your bank why.")
            return ErrorText(tr("The card was declined"), detail, card)
        case "insufficient_funds":
            detail = tr("Nothing was charged. Choose another card.")
            return ErrorText(tr("There is not enough money on this card"), detail, card)
        case "confirmation_declined":
            detail = tr("Nothing was charged. Pay again and confirm, or choose another card.")
            return ErrorText(tr("The payment was not confirmed"), detail, card)
        case "payment_not_completed":
            detail = tr("Nothing was charged and no order was made. Pay again when you are ready.")
            return ErrorText(tr("The payment was interrupted"), detail, tr("Try again"))
        case "payment_unknown":
            title = tr("We do not know yet whether the payment went through")
            detail = tr("Check again: the same order is asked for, and it is charged once at most.")
            return ErrorText(title, detail, tr("Check again"))
    return None


def _use(code: str, params: Params) -> ErrorText | None:
    match code:
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
        case "read_only":
            return ErrorText(
                tr("Souk is open for reading only"),
                tr("Nothing can be bought or changed until the data is repaired from a backup."),
                tr("Open a backup"),
            )
    return None


_AREAS: tuple[Callable[[str, Params], ErrorText | None], ...] = (_account, _request, _payment, _use, _storage)


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


def _required(field: str) -> str:
    sentences = {
        "email": tr("Enter your e-mail address."),
        "password": tr("Enter a password."),
        "payment_token": tr("Choose a card."),
        "plan_uuid": tr("Choose a plan."),
        "name": tr("Give the agent a name."),
        "text": tr("Write a question first."),
    }
    return sentences.get(field, tr("Fill this in."))


def _special(field: str, code: str) -> str | None:
    sentences = {
        ("terms_accepted", "must_accept"): tr("Accept the terms to go on."),
        ("payment_token", "unknown"): tr("Choose another card; this one is not known here."),
        ("payment_method", "not_available"): tr("This way to pay is not available yet. Choose Card."),
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
    return sentences.get(code, tr("Check this and try again."))


def field_texts(error: ServiceError) -> dict[str, str]:
    """A sentence for each field the service found wrong."""
    return {field: field_text(field, code, error.params) for field, code in error.fields.items()}
