"""What a provider's answer means, by the purpose of the payment; asking, recording and the sweep in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

from sqlalchemy.engine import Connection

from services.api import errors
from services.api.types import Paid, PaymentState
from services.embedded import asking, refusals
from services.embedded.core import Core
from services.embedded.money import (
    added_methods,
    committing,
    invoice_payments,
    payments,
    refunding,
    refunds,
    taken_back,
    top_ups,
)
from services.embedded.money.alerts import AUTO_TOP_UP
from services.embedded.money.credit_refunds import CREDIT
from services.embedded.money.happenings import note_happening
from services.embedded.money.payments import (
    CONFIRMATION_LIFETIME,
    CONFIRMATION_NEEDED,
    GIVEN_UP,
    NOT_COMPLETED,
    PROCESSING_LEASE,
    REFUND,
    Intent,
)
from services.embedded.money.refunds import INVOICE
from services.embedded.ways import TRANSFER
from services.gateways.payments import (
    ACTION_REQUIRED,
    AUTHENTICATION_REQUIRED,
    CANCELED,
    EXPIRED,
    FAILED,
    PROCESSING,
    REFUNDED,
    SUCCEEDED,
    Charge,
    ProviderRefused,
    ProviderUnreachable,
)

Succeeded = Callable[[Core, Connection, Intent, Charge, datetime], None]
Failed = Callable[[Core, Connection, Intent, str, datetime], None]


def _tell_later(core: Core, connection: Connection, intent: Intent, code: str, at: datetime) -> None:
    """Who waits for the answer sees it, and nothing else depends on it; a debit that bounces days later is said."""
    if intent.state is PaymentState.PROCESSING and intent.purpose in LATE:
        note_happening(core, connection, intent.organization_uuid, LATE[intent.purpose], at,
                       ref=f"wallet:{intent.organization_uuid}", problem=code, amount_micros=intent.amount.micros,
                       currency=intent.amount.currency)  # fmt: skip


ON_SUCCESS: Mapping[str, Succeeded] = {
    top_ups.TOP_UP: top_ups.settle,
    AUTO_TOP_UP: top_ups.settle,
    INVOICE: invoice_payments.paid,
    committing.CHANGE: committing.settle,
    added_methods.METHOD: added_methods.settle,
}
LATE: Mapping[str, str] = {top_ups.TOP_UP: "top_up_refused", committing.CHANGE: "change_refused"}
# By what it was `for`, where sending it back moves something in the books.
ON_REFUND: Mapping[str, Succeeded] = {
    INVOICE: refunding.money_sent,
    GIVEN_UP: refunds.sent_back,
    CREDIT: refunds.credit_sent,
}
ON_FAILURE: Mapping[str, Failed] = {AUTO_TOP_UP: top_ups.fail_automatic, INVOICE: invoice_payments.failed}

CLOSED = (PaymentState.FAILED, PaymentState.CANCELED)
ON_ITS_PAGE = "on_its_page"  # of a payment that is answered on the provider's page, not here
# Nobody is there to confirm them, nor a planned attempt to collect an invoice: a bank that wants a confirmation has
# said no. They happen at the instant that made them due, whenever the answer arrives.
UNATTENDED = frozenset({AUTO_TOP_UP})


async def carry_out(core: Core, intent_uuid: str, *, at: datetime | None = None) -> Paid:
    """Asks for a saved intent and records the answer as of `at` (now, when a person waits). PaymentFailed,
    PaymentUnknown: the sweep goes on."""
    intent = await core.db.run(partial(_resumed, core, intent_uuid=intent_uuid))
    if intent.state is not PaymentState.SENT:
        return payments.told(intent)
    answer = await payments.ask(core, intent)
    if answer is not None:
        answer = await _unconfirmed(core, intent, answer)
    if answer is not None:
        await core.db.run(partial(record, core, intent_uuid=intent_uuid, answer=answer, at=at or core.clock.now()))
    return payments.told(await core.db.read(lambda connection: payments.intent(connection, intent_uuid)))


def _resumed(core: Core, connection: Connection, intent_uuid: str) -> Intent:
    found = payments.intent(connection, intent_uuid, lock=True)
    return payments.reopen(connection, found, core.clock.now())


async def _unconfirmed(core: Core, intent: Intent, answer: Charge) -> Charge | None:
    """A confirmation that nobody will give, or that was not given in time, is declined. None: no answer to that."""
    is_over = intent.created_at <= core.clock.now() - CONFIRMATION_LIFETIME
    is_unattended = intent.purpose in UNATTENDED or intent.subject.get("attempt") is not None
    if answer.state != ACTION_REQUIRED or not (is_over or is_unattended):
        return answer
    try:
        declined = await decline(core, intent, answer.id)
    except ProviderUnreachable:
        return None
    if is_unattended and declined.state in (FAILED, CANCELED):
        return replace(declined, decline_code=CONFIRMATION_NEEDED)
    return declined


async def decline(core: Core, intent: Intent, charge_id: str, code: str = EXPIRED) -> Charge:
    """Closes what waits for a buyer who will not come, or need not any more. ProviderUnreachable."""
    gateway = asking.reachable(core, intent.way.provider)
    if not gateway.page_hosts:  # answered in our own window
        return await gateway.confirm(charge_id, approve=False)
    answer = await asking.call_off(core, gateway.name, intent.key, charge_id)
    return replace(answer, decline_code=answer.decline_code or code)


def record(core: Core, connection: Connection, intent_uuid: str, answer: Charge, at: datetime) -> None:
    """Writes the provider's answer down, once, with all that follows from it."""
    intent = payments.intent(connection, intent_uuid, lock=True)
    if intent.purpose == REFUND:
        _refunded(core, connection, intent, answer, at)
    elif answer.state in (FAILED, REFUNDED, CANCELED):
        _fail(core, connection, intent, _code(intent, answer), at, is_canceled=answer.state == CANCELED)
    elif answer.state == ACTION_REQUIRED:
        payments.set_state(connection, intent_uuid, PaymentState.ACTION_REQUIRED, charge=answer)
    elif answer.state == PROCESSING:
        payments.set_state(connection, intent_uuid, PaymentState.PROCESSING, charge=answer)
        payments.renew_lease(connection, intent_uuid, core.clock.now(), PROCESSING_LEASE)
    elif answer.state == SUCCEEDED:
        _succeed(core, connection, intent, answer, at)


def _succeed(core: Core, connection: Connection, intent: Intent, answer: Charge, at: datetime) -> None:
    if payments.set_state(connection, intent.uuid, PaymentState.SUCCEEDED, charge=answer):
        ON_SUCCESS[intent.purpose](core, connection, intent, answer, at)
    elif intent.state in CLOSED and intent.purpose != added_methods.METHOD:
        payments.send_back(core, connection, intent, answer, at)


def _refunded(core: Core, connection: Connection, intent: Intent, answer: Charge, at: datetime) -> None:
    if answer.state == FAILED:  # money owed is never given up: the sweep asks again
        taken_back.settle(core, connection, intent.uuid, at)
        return
    by_hand = intent.way.provider == TRANSFER  # then its charge stays the one it goes back of
    if payments.set_state(connection, intent.uuid, PaymentState.SUCCEEDED, charge=None if by_hand else answer):
        done = ON_REFUND.get(intent.subject.get("for", ""))
        if done is not None:
            done(core, connection, intent, answer, at)


def _code(intent: Intent, answer: Charge) -> str:
    """How it is kept why it came to nothing. A bank that wants to ask somebody who is not there has said no."""
    if answer.decline_code == AUTHENTICATION_REQUIRED and not intent.sent.is_attended:
        return CONFIRMATION_NEEDED
    if answer.state == CANCELED and not answer.decline_code:
        return refusals.GIVEN_UP
    return refusals.stored(answer.decline_code)


def _fail(
    core: Core, connection: Connection, intent: Intent, code: str, at: datetime, *, is_canceled: bool = False
) -> None:
    state = PaymentState.CANCELED if is_canceled else PaymentState.FAILED
    if payments.set_state(connection, intent.uuid, state, code=code):
        ON_FAILURE.get(intent.purpose, _tell_later)(core, connection, intent, code, at)


async def confirm(core: Core, intent_uuid: str, *, approve: bool) -> Paid:
    """The buyer's answer on the test provider's page. WrongState, ConfirmationDeclined, PaymentUnknown."""
    intent = await core.db.run(partial(_waiting, core, intent_uuid=intent_uuid))
    try:
        answer = await asking.reachable(core, intent.way.provider).confirm(intent.charge_id, approve=approve)
    except ProviderUnreachable as error:
        raise errors.PaymentUnknown(payment_uuid=intent_uuid) from error
    except ProviderRefused as refused:
        raise errors.WrongState(state=ON_ITS_PAGE) from refused
    await core.db.run(partial(record, core, intent_uuid=intent_uuid, answer=answer, at=core.clock.now()))
    return payments.told(await core.db.read(lambda connection: payments.intent(connection, intent_uuid)))


def _waiting(core: Core, connection: Connection, intent_uuid: str) -> Intent:
    """An intent that waits for the buyer; a transaction that may write, because nobody may be charged while the
    outcome cannot be written down. WrongState."""
    found = payments.intent(connection, intent_uuid, lock=True)
    if found.state is not PaymentState.ACTION_REQUIRED:
        raise errors.WrongState(state=found.state.value)
    payments.renew_lease(connection, intent_uuid, core.clock.now())
    return found


# ---- the sweep


async def sweep(core: Core) -> int:
    """Settles what a crash or a lost answer left, from the provider's own record. Returns how many."""
    if core.db.is_read_only:
        return 0
    settled, bug = 0, None
    for uuid in await core.db.read(lambda connection: payments.unheard(connection, core.clock.now())):
        try:
            settled += await _ask_and_settle(core, uuid)
        except ProviderUnreachable:
            continue
        except Exception as error:  # noqa: BLE001  one payment that breaks a rule must not keep the others from theirs
            bug = error
    if bug is not None:
        raise bug
    return settled


async def _ask_and_settle(core: Core, uuid: str) -> bool:
    intent = await core.db.read(lambda connection: payments.intent(connection, uuid))
    answer = await found(core, intent)
    if answer is None:
        return await core.db.run(partial(_give_up, core, uuid=uuid))
    at = intent.created_at if intent.purpose in UNATTENDED else core.clock.now()
    await core.db.run(partial(_record_swept, core, uuid=uuid, answer=answer, at=at))
    return answer.state != ACTION_REQUIRED


async def found(core: Core, intent: Intent) -> Charge | None:
    """What the provider knows of an intent; None when it never heard of it. ProviderUnreachable."""
    if intent.purpose == REFUND:
        try:
            return await payments.refund(core, intent)
        except payments.RefundRefused:
            await core.db.run(lambda connection: taken_back.settle(core, connection, intent.uuid, core.clock.now()))
            raise
    answer = await asking.find(core, intent.question)
    if answer is None:
        return None
    settled = await _unconfirmed(core, intent, answer)
    if settled is None:
        raise ProviderUnreachable
    return settled


async def look(core: Core, uuid: str, charge_id: str) -> None:
    """Looks at an intent that the provider has told of, with the charge it told. One that has its outcome is only
    looked at: what is agreed to on its page from then on is not taken, and what was taken all the same goes back.
    ProviderUnreachable."""
    intent = await core.db.read(lambda connection: payments.intent(connection, uuid))
    if intent.state.value in payments.OPEN:
        answer = await found(core, intent)
    else:
        question = replace(intent.question, charge_id=intent.charge_id or charge_id)
        answer = await asking.find(core, question, takes=False)
        answer = answer if answer is not None and answer.state == SUCCEEDED else None
    if answer is not None:
        await core.db.run(partial(record, core, intent_uuid=uuid, answer=answer, at=core.clock.now()))


async def refresh(core: Core, uuid: str) -> Paid:
    """Asks the provider what became of a payment now. PaymentFailed; PaymentUnknown when it does not answer."""
    intent = await core.db.read(lambda connection: payments.intent(connection, uuid))
    if intent.state.value in payments.OPEN:
        try:
            answer = await found(core, intent)
        except ProviderUnreachable as error:
            raise errors.PaymentUnknown(payment_uuid=uuid) from error
        if answer is not None:
            await core.db.run(partial(record, core, intent_uuid=uuid, answer=answer, at=core.clock.now()))
    return payments.told(await core.db.read(lambda connection: payments.intent(connection, uuid)))


async def give_up(core: Core, uuid: str) -> Paid:
    """The buyer will not pay on the page that is open; it is closed. Paid in the same instant: it says so. WrongState,
    PaymentUnknown."""
    intent = await core.db.read(lambda connection: payments.intent(connection, uuid))
    if intent.state is PaymentState.ACTION_REQUIRED:
        try:
            answer = await asking.call_off(core, intent.way.provider, intent.key, intent.charge_id)
        except ProviderUnreachable as error:
            raise errors.PaymentUnknown(payment_uuid=uuid) from error
        await core.db.run(partial(record, core, intent_uuid=uuid, answer=answer, at=core.clock.now()))
    elif intent.state not in (PaymentState.SUCCEEDED, *CLOSED):
        raise errors.WrongState(state=intent.state.value)
    found = await core.db.read(lambda connection: payments.intent(connection, uuid))
    return Paid(uuid, found.state, found.amount, found.invoice_uuid)


def _record_swept(core: Core, connection: Connection, uuid: str, answer: Charge, at: datetime) -> None:
    payments.renew_lease(connection, uuid, core.clock.now())  # of one that still waits: looked at again afterwards
    record(core, connection, uuid, answer, at)


def _give_up(core: Core, connection: Connection, uuid: str) -> bool:
    """What was never sent is over, unless somebody came back for it meanwhile."""
    intent = payments.intent(connection, uuid, lock=True)
    if not payments.unheard(connection, core.clock.now(), uuid):
        return False
    _fail(core, connection, intent, NOT_COMPLETED, core.clock.now())
    return True
