"""Paying an invoice and saying whom invoices are made out to: attempts, declines, the bank, problems, corrections."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from services.api.errors import DatabaseBusy, WrongState
from services.api.types import BillingDetails, Invoice, InvoiceState
from tests.fakes import FakeService
from tests.samples_money import history
from tests.ui.checkout_help import CARDS
from tests.ui.invoice_help import Run, failed_one, fake, paid_one, replaced_one, settle
from ui.bridge import Bridge
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.billing_details import BillingDetailsViewModel
from ui.viewmodels.invoice_payment import InvoicePaymentViewModel
from ui.viewmodels.invoices import InvoicesViewModel
from ui.viewmodels.session import SessionViewModel
from ui.viewmodels.top_up import PayPhase


@pytest.fixture
def lived(
    bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], signed_in: SessionViewModel, run: Run,
    qtbot: QtBot,
) -> InvoicesViewModel:  # fmt: skip
    made = InvoicesViewModel(bridge, holder, new_key)
    run(history(fake(holder)))
    made.load()
    settle(made, qtbot)
    return made


# ---- paying


@pytest.fixture
def paying(lived: InvoicesViewModel, qtbot: QtBot) -> InvoicePaymentViewModel:
    """The question is open, with the cards."""
    lived.open(failed_one(lived.state).uuid)
    lived.payment.start(failed_one(lived.state))
    settle(lived, qtbot)
    return lived.payment


def charges(holder: ServiceHolder) -> int:
    return len(fake(holder).world.charges)


def test_card_on_file_is_chosen_and_pays(
    paying: InvoicePaymentViewModel, lived: InvoicesViewModel, holder: ServiceHolder, qtbot: QtBot
) -> None:
    before = charges(holder)
    assert paying.state.status is Status.READY
    assert paying.state.payment_token
    with qtbot.waitSignal(paying.paid) as caught:
        paying.pay()
        paying.pay()  # a second press while it runs
    assert caught.args is not None
    assert isinstance(caught.args[0], Invoice)
    qtbot.waitUntil(lambda: lived.state.invoice is not None and lived.state.invoice.state is InvoiceState.PAID)
    assert charges(holder) == before + 1
    paying.close()
    assert paying.state.invoice is None


def test_declined_card_is_said_beside_the_card_and_another_pays(
    paying: InvoicePaymentViewModel, holder: ServiceHolder, qtbot: QtBot
) -> None:
    paying.choose_card(CARDS["declined"])
    with qtbot.waitSignal(paying.refused):
        paying.pay()
    assert paying.state.phase is PayPhase.FAILED
    assert paying.state.card_problem
    assert not paying.state.is_locked
    assert paying.state.payment_token == CARDS["declined"]
    paying.choose_card(CARDS["pays"])
    assert paying.state.card_problem == ""
    with qtbot.waitSignal(paying.paid):
        paying.pay()


def test_no_card_is_no_attempt(paying: InvoicePaymentViewModel, service: FakeService, qtbot: QtBot) -> None:
    paying.choose_card("")
    with qtbot.waitSignal(paying.refused):
        paying.pay()
    assert "pay_invoice" not in service.calls
    assert paying.state.card_problem


def test_bank_asks_and_the_answer_pays(paying: InvoicePaymentViewModel, qtbot: QtBot) -> None:
    paying.choose_card(CARDS["needs_confirmation"])
    with qtbot.waitSignal(paying.confirming):
        paying.pay()
    assert paying.state.is_locked
    with qtbot.waitSignal(paying.paid):
        paying.confirm(True)


def test_no_to_the_bank_charges_nothing_and_lets_another_card_pay(
    paying: InvoicePaymentViewModel, holder: ServiceHolder, qtbot: QtBot
) -> None:
    before = charges(holder)
    paying.choose_card(CARDS["needs_confirmation"])
    with qtbot.waitSignal(paying.confirming):
        paying.pay()
    with qtbot.waitSignal(paying.refused):
        paying.confirm(False)
    assert charges(holder) == before
    assert not paying.state.is_locked


def test_bank_that_did_not_hear_is_asked_again(
    paying: InvoicePaymentViewModel, service: FakeService, qtbot: QtBot
) -> None:
    paying.choose_card(CARDS["needs_confirmation"])
    with qtbot.waitSignal(paying.confirming):
        paying.pay()
    service.fail("confirm_payment", DatabaseBusy())
    paying.confirm(True)
    qtbot.waitUntil(lambda: paying.state.phase is PayPhase.CONFIRMING and paying.state.error is not None)
    with qtbot.waitSignal(paying.paid):
        paying.confirm(True)


@pytest.mark.parametrize("outcome", ["lost_before", "lost_after"])
def test_unknown_outcome_is_asked_for_with_the_same_key(
    paying: InvoicePaymentViewModel, lived: InvoicesViewModel, holder: ServiceHolder, qtbot: QtBot, outcome: str
) -> None:
    before = charges(holder)
    paying.choose_card(CARDS[outcome])
    paying.pay()
    qtbot.waitUntil(lambda: paying.state.phase is PayPhase.FAILED)
    key = paying.state.attempt_key
    assert key
    paying.choose_card(CARDS["pays"])  # not while the outcome is open
    assert paying.state.payment_token == CARDS[outcome]
    paying.close()
    paying.start(failed_one(lived.state))  # the same question again
    assert paying.state.attempt_key == key
    with qtbot.waitSignal(paying.paid):
        paying.pay()
    assert charges(holder) == before + 1


def test_invoice_that_was_paid_meanwhile_is_an_error_and_frees_the_card(
    paying: InvoicePaymentViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("pay_invoice", WrongState(state="paid"))
    paying.pay()
    qtbot.waitUntil(lambda: paying.state.error is not None)
    assert not paying.state.is_locked


def test_cards_that_cannot_be_read_are_asked_for_again(
    lived: InvoicesViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("get_payment_options", DatabaseBusy())
    lived.payment.start(failed_one(lived.state))
    qtbot.waitUntil(lambda: lived.payment.state.status is Status.ERROR)
    lived.payment.load_cards()
    qtbot.waitUntil(lambda: lived.payment.state.status is Status.READY)


def test_another_person_pays_nothing(paying: InvoicePaymentViewModel, signed_in: SessionViewModel) -> None:
    signed_in.sign_out()
    assert paying.state.invoice is None
    paying.pay()
    assert paying.state.phase is PayPhase.IDLE


# ---- whom they are made out to


@pytest.fixture
def details(lived: InvoicesViewModel, qtbot: QtBot) -> BillingDetailsViewModel:
    lived.details.start()
    settle(lived, qtbot)
    return lived.details


def test_details_are_read_changed_and_kept(
    details: BillingDetailsViewModel, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    known = details.state
    details.edit("name", " Lovelace GmbH ")
    edited = details.state
    with qtbot.waitSignal(details.saved):
        details.save()
        details.save()
    assert known.draft.country == "DE"
    assert [state.is_changed for state in (known, edited, details.state)] == [False, True, False]
    assert run(holder.service.get_billing_details()).name == "Lovelace GmbH"


def test_spaces_alone_are_no_change(details: BillingDetailsViewModel) -> None:
    details.edit("name", details.state.draft.name + "  ")
    assert not details.state.is_changed


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("vat_id", "DE136695977", "digit"),
        ("vat_id", "DE12", "not written"),
        ("email", "nobody", "looks like"),
        ("name", "x" * 200, "Shorten"),
    ],
)
def test_problem_stands_beside_its_field_until_it_is_edited(
    details: BillingDetailsViewModel, qtbot: QtBot, name: str, value: str, part: str
) -> None:
    details.edit(name, value)
    with qtbot.waitSignal(details.problems_found) as caught:
        details.save()
    assert caught.args == [name]
    assert part in details.state.problems[name]
    assert getattr(details.state.draft, name) == value  # nothing typed is lost
    details.edit(name, "")
    assert details.state.problems == {}


def test_failure_keeps_the_form(details: BillingDetailsViewModel, service: FakeService, qtbot: QtBot) -> None:
    details.edit("name", "New")
    service.fail("set_billing_details", DatabaseBusy())
    details.save()
    qtbot.waitUntil(lambda: details.state.error is not None)
    assert details.state.draft.name == "New"
    assert not details.state.is_saving


def test_details_that_cannot_be_read_are_asked_for_again(
    lived: InvoicesViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("get_billing_details", DatabaseBusy())
    lived.details.start()
    qtbot.waitUntil(lambda: lived.details.state.status is Status.ERROR)
    lived.details.save()  # there is nothing to be saved
    lived.details.load()
    qtbot.waitUntil(lambda: lived.details.state.status is Status.READY)


# ---- after the fact


def test_correction_begins_with_the_invoice_and_makes_two_documents(
    lived: InvoicesViewModel, holder: ServiceHolder, qtbot: QtBot
) -> None:
    old = paid_one(lived.state)
    lived.details.start_correction(old)
    assert lived.details.state.draft == old.details
    lived.details.edit("name", "Lovelace Holding AG")
    with qtbot.waitSignal(lived.details.corrected) as caught:
        lived.details.save()
    assert caught.args is not None
    done = caught.args[0]
    assert done.credit_note.total == -old.total
    assert done.invoice.details.name == "Lovelace Holding AG"
    qtbot.waitUntil(lambda: lived.state.total == 20)


def test_correction_sent_again_after_an_unknown_end_is_the_same_one(
    lived: InvoicesViewModel, service: FakeService, qtbot: QtBot
) -> None:
    keys: list[str] = []
    lived.details.start_correction(paid_one(lived.state))
    lived.details.edit("name", "Lovelace Holding AG")
    service.fail("correct_invoice", DatabaseBusy())
    lived.details.save()
    qtbot.waitUntil(lambda: lived.details.state.error is not None)
    sent = lived.details._sent
    assert sent is not None
    keys.append(sent[2])
    lived.details.edit("name", "Another AG")  # another content is another attempt
    service.fail("correct_invoice", DatabaseBusy())
    lived.details.save()
    qtbot.waitUntil(lambda: lived.details.state.error is not None)
    again = lived.details._sent
    assert again is not None
    assert again[2] != keys[0]
    with qtbot.waitSignal(lived.details.corrected):
        lived.details.save()
    assert lived.details._sent is None


def test_invoice_corrected_before_is_an_error(lived: InvoicesViewModel, qtbot: QtBot) -> None:
    lived.details.start_correction(replaced_one(lived.state))
    lived.details.edit("name", "Third name")
    lived.details.save()
    qtbot.waitUntil(lambda: lived.details.state.error is not None)
    assert lived.details.state.draft == replace(replaced_one(lived.state).details, name="Third name")


def test_another_person_sees_no_details(details: BillingDetailsViewModel, signed_in: SessionViewModel) -> None:
    signed_in.sign_out()
    QCoreApplication.processEvents()
    assert details.state.draft == BillingDetails()
