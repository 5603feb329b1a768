"""What a provider's answer means, by the purpose of the payment; asking, recording and the sweep in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

from sqlalchemy.engine import Connection

from services.api import errors
from services.api.types import Paid, PaymentState
from services.embedded.core import Core
from services.embedded.money import committing, invoice_payments, payments, refunds, top_ups
from services.embedded.money.alerts import AUTO_TOP_UP
from services.embedded.money.payments import CONFIRMATION_LIFETIME, CONFIRMATION_NEEDED, NOT_COMPLETED, REFUND, Intent
from services.embedded.money.refunds import INVOICE
from services.gateways.payments import ACTION_REQUIRED, FAILED, REFUNDED, SUCCEEDED, Charge, ProviderUnreachable

Succeeded = Callable[[Core, Connection, Intent, Charge, datetime], None]
Failed = Callable[[Core, Connection, Intent, str, datetime], None]


def _nothing(_core: Core, _connection: Connection, _intent: Intent, _code: str, _at: datetime) -> None:
    """A person was told; nothing else depended on it."""


ON_SUCCESS: Mapping[str, Succeeded] = {
    top_ups.TOP_UP: top_ups.settle,
    AUTO_TOP_UP: top_ups.settle,
    INVOICE: invoice_payments.paid,
    committing.CHANGE: committing.settle,
}
# By what it was `for`, where sending it back moves something in the books.
ON_REFUND: Mapping[str, Succeeded] = {INVOICE: refunds.sent_back}
ON_FAILURE: Mapping[str, Failed] = {AUTO_TOP_UP: top_ups.fail_automatic, INVOICE: invoice_payments.failed}

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
        declined = await core.payments.confirm(answer.id, approve=False)
    except ProviderUnreachable:
        return None
    if is_unattended and declined.state == FAILED:
        return replace(declined, decline_code=CONFIRMATION_NEEDED)
    return declined


def record(core: Core, connection: Connection, intent_uuid: str, answer: Charge, at: datetime) -> None:
    """Writes the provider's answer down, once, with all that follows from it."""
    intent = payments.intent(connection, intent_uuid, lock=True)
    if intent.purpose == REFUND:
        _refunded(core, connection, intent, answer, at)
    elif answer.state in (FAILED, REFUNDED):
        _fail(core, connection, intent, answer.decline_code or errors.PaymentFailed.code, at)
    elif answer.state == ACTION_REQUIRED:
        payments.set_state(connection, intent_uuid, PaymentState.ACTION_REQUIRED, charge=answer)
    elif answer.state == SUCCEEDED:
        _succeed(core, connection, intent, answer, at)


def _succeed(core: Core, connection: Connection, intent: Intent, answer: Charge, at: datetime) -> None:
    if payments.set_state(connection, intent.uuid, PaymentState.SUCCEEDED, charge=answer):
        ON_SUCCESS[intent.purpose](core, connection, intent, answer, at)
    elif intent.state is PaymentState.FAILED:
        payments.send_back(core, connection, intent, answer, at)


def _refunded(core: Core, connection: Connection, intent: Intent, answer: Charge, at: datetime) -> None:
    if answer.state == FAILED:  # money owed is never given up: the sweep asks again
        return
    if payments.set_state(connection, intent.uuid, PaymentState.SUCCEEDED, charge=answer):
        done = ON_REFUND.get(intent.subject.get("for", ""))
        if done is not None:
            done(core, connection, intent, answer, at)


def _fail(core: Core, connection: Connection, intent: Intent, code: str, at: datetime) -> None:
    if payments.set_state(connection, intent.uuid, PaymentState.FAILED, code=code):
        ON_FAILURE.get(intent.purpose, _nothing)(core, connection, intent, code, at)


async def confirm(core: Core, intent_uuid: str, *, approve: bool) -> Paid:
    """The buyer's answer on the test provider's page. WrongState, ConfirmationDeclined, PaymentUnknown."""
    intent = await core.db.run(partial(_waiting, core, intent_uuid=intent_uuid))
    try:
        answer = await core.payments.confirm(intent.charge_id, approve=approve)
    except ProviderUnreachable as error:
        raise errors.PaymentUnknown(payment_uuid=intent_uuid) from error
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
    answer = await _found(core, intent)
    if answer is None:
        return await core.db.run(partial(_give_up, core, uuid=uuid))
    at = intent.created_at if intent.purpose in UNATTENDED else core.clock.now()
    await core.db.run(partial(_record_swept, core, uuid=uuid, answer=answer, at=at))
    return answer.state != ACTION_REQUIRED


async def _found(core: Core, intent: Intent) -> Charge | None:
    """What the provider knows of an intent; None when it never heard of it. ProviderUnreachable."""
    if intent.purpose == REFUND:
        return await core.payments.refund(intent.charge_id, intent.amount, key=intent.key)
    answer = await core.payments.find(intent.key)
    if answer is None:
        return None
    settled = await _unconfirmed(core, intent, answer)
    if settled is None:
        raise ProviderUnreachable
    return settled


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
