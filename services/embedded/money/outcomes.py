"""What a provider's answer means, by the purpose of the payment; asking, recording and the sweep in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from sqlalchemy.engine import Connection

from services.api import errors
from services.api.types import Paid, PaymentState
from services.embedded.core import Core
from services.embedded.money import payments, top_ups
from services.embedded.money.payments import NOT_COMPLETED, REFUND, Intent
from services.gateways.payments import ACTION_REQUIRED, FAILED, REFUNDED, SUCCEEDED, Charge, ProviderUnreachable

Succeeded = Callable[[Core, Connection, Intent, Charge, datetime], None]
Failed = Callable[[Core, Connection, Intent, str, datetime], None]


def _nothing(_core: Core, _connection: Connection, _intent: Intent, _code: str, _at: datetime) -> None:
    """A person was told; nothing else depended on it."""


ON_SUCCESS: Mapping[str, Succeeded] = {top_ups.TOP_UP: top_ups.settle, top_ups.AUTO_TOP_UP: top_ups.settle}
ON_FAILURE: Mapping[str, Failed] = {}


async def carry_out(core: Core, intent_uuid: str, *, at: datetime | None = None) -> Paid:
    """Asks for a saved intent and records the answer as of `at` (now, when a person waits). PaymentFailed,
    PaymentUnknown: the sweep goes on."""
    intent = await core.db.run(partial(_resumed, core, intent_uuid=intent_uuid))
    if intent.state is not PaymentState.SENT:
        return payments.told(intent)
    answer = await payments.ask(core, intent)
    if answer is not None:
        await core.db.run(partial(record, core, intent_uuid=intent_uuid, answer=answer, at=at or core.clock.now()))
    return payments.told(await core.db.read(lambda connection: payments.intent(connection, intent_uuid)))


def _resumed(core: Core, connection: Connection, intent_uuid: str) -> Intent:
    payments.renew_lease(connection, intent_uuid, core.clock.now())
    return payments.intent(connection, intent_uuid)


def record(core: Core, connection: Connection, intent_uuid: str, answer: Charge, at: datetime) -> None:
    """Writes the provider's answer down, once, with all that follows from it."""
    intent = payments.intent(connection, intent_uuid, lock=True)
    if answer.state == FAILED or (answer.state == REFUNDED and intent.purpose != REFUND):
        _fail(core, connection, intent, answer.decline_code or NOT_COMPLETED, at)
    elif answer.state == ACTION_REQUIRED:
        payments.set_state(connection, intent_uuid, PaymentState.ACTION_REQUIRED, charge=answer)
    elif answer.state in (SUCCEEDED, REFUNDED) and payments.set_state(
        connection, intent_uuid, PaymentState.SUCCEEDED, charge=answer
    ):
        ON_SUCCESS[intent.purpose](core, connection, intent, answer, at)


def _fail(core: Core, connection: Connection, intent: Intent, code: str, at: datetime) -> None:
    if payments.set_state(connection, intent.uuid, PaymentState.FAILED, code=code):
        ON_FAILURE.get(intent.purpose, _nothing)(core, connection, intent, code, at)


async def confirm(core: Core, intent_uuid: str, *, approve: bool) -> Paid:
    """The buyer's answer on the test provider's page. WrongState, ConfirmationDeclined, PaymentUnknown."""
    intent = await core.db.run(partial(_resumed, core, intent_uuid=intent_uuid))
    if intent.state is not PaymentState.ACTION_REQUIRED:
        raise errors.WrongState(state=intent.state.value)
    try:
        answer = await core.payments.confirm(intent.charge_id, approve=approve)
    except ProviderUnreachable as error:
        raise errors.PaymentUnknown(payment_uuid=intent_uuid) from error
    await core.db.run(partial(record, core, intent_uuid=intent_uuid, answer=answer, at=core.clock.now()))
    return payments.told(await core.db.read(lambda connection: payments.intent(connection, intent_uuid)))


async def sweep(core: Core) -> int:
    """Settles what a crash or a lost answer left, from the provider's own record. Returns how many."""
    settled = 0
    for uuid in await core.db.read(lambda connection: payments.unheard(connection, core.clock.now())):
        try:
            settled += await _ask_and_settle(core, uuid)
        except ProviderUnreachable:
            continue
    return settled


async def _ask_and_settle(core: Core, uuid: str) -> bool:
    intent = await core.db.read(lambda connection: payments.intent(connection, uuid))
    if intent.purpose == REFUND:  # money owed is never given up: it is asked for again under the same key
        answer: Charge | None = await core.payments.refund(intent.charge_id, intent.amount, key=intent.key)
    else:
        answer = await core.payments.find(intent.key)
    if answer is None:  # the provider never heard of it
        at = core.clock.now()
        await core.db.run(partial(_give_up, core, uuid=uuid, at=at))
        return True
    if answer.state == ACTION_REQUIRED:
        await core.db.run(lambda connection: payments.renew_lease(connection, uuid, core.clock.now()))
    await core.db.run(partial(record, core, intent_uuid=uuid, answer=answer, at=core.clock.now()))
    return answer.state != ACTION_REQUIRED


def _give_up(core: Core, connection: Connection, uuid: str, at: datetime) -> None:
    if uuid in payments.unheard(connection, core.clock.now()):  # nobody came back for it meanwhile
        _fail(core, connection, payments.intent(connection, uuid, lock=True), NOT_COMPLETED, at)
