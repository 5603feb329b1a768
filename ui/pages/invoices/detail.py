"""One invoice: how it stands, what can be done with it, and every line."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from services.api.types import DocumentFormat, Invoice, InvoiceKind, InvoiceState
from ui.pages.invoices.parts import AttemptList, InvoiceLines, LinkedInvoices
from ui.pages.invoices.transfer import TransferCard
from ui.text import exact_money, tr
from ui.text.countries import country_name
from ui.text.invoices import (
    billed_to,
    invoice_dates,
    invoice_paid_with,
    invoice_state,
    invoice_title,
    open_text,
    upcoming_text,
)
from ui.text.methods import confirmation_text, needs_confirmation, processing_text
from ui.viewmodels.invoices import InvoicesState
from ui.widgets.controls import Badge, Button, Card, IconButton, column, label, row, rule, scroll_page
from ui.widgets.flow import FlowLayout
from ui.widgets.folding import Reading
from ui.widgets.notices import Banner, toast_area
from ui.widgets.states import ErrorState, skeleton_rows

FINAL = (InvoiceState.OPEN, InvoiceState.PAID)


class InvoiceDetail(QWidget):
    """Signals: explained(ref); opened(invoice uuid) - a linked one; closed(); pay_wanted, confirm_wanted(Invoice);
    correction_wanted(Invoice); refund_wanted(Invoice); export_wanted(DocumentFormat); retried()."""

    explained = Signal(str)
    opened = Signal(str)
    closed = Signal()
    pay_wanted = Signal(object)
    confirm_wanted = Signal(object)
    correction_wanted = Signal(object)
    refund_wanted = Signal(object)
    export_wanted = Signal(object)
    retried = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("invoiceDetail")
        self.setAccessibleName(tr("Invoice"))
        self._invoice: Invoice | None = None
        self._shown: tuple[object, ...] = ()
        self._frame = column(self._top(), self._views(), spacing=12)
        self.setLayout(self._frame)

    # -- building --------------------------------------------------------------------------------------------------
    def _top(self) -> QWidget:
        self.back_button = Button(tr("All invoices"), "ghost", "arrow-left", name="invoiceBack")
        self.close_button = IconButton("x", tr("Close"), name="invoiceClose")
        self.back_button.clicked.connect(self.closed)
        self.close_button.clicked.connect(self.closed)
        self._title = label("", "title", name="invoiceTitle", wrap=True, selectable=True)
        self._badge = Badge("", name="invoiceBadge")
        line = row(self._title, self._badge, self.close_button, spacing=10)
        line.setStretch(0, 1)
        line.setAlignment(self.close_button, Qt.AlignmentFlag.AlignTop)
        self._dates = label("", "muted", name="invoiceDates", wrap=True)
        top = QWidget()
        top.setLayout(column(row(self.back_button, None), line, self._dates, spacing=4))
        return top

    def _views(self) -> QStackedWidget:
        self._waiting = scroll_page(skeleton_rows(6, height=32, gap=10), plain=True)
        self._error = ErrorState(name="invoiceError")
        self._error_place = scroll_page(self._error, plain=True)
        self._error.retried.connect(self.retried)
        self._content = scroll_page(self._whole(), plain=True)
        self._stack = QStackedWidget()
        for view in (self._content, self._waiting, self._error_place):
            self._stack.addWidget(view)
        return self._stack

    def _whole(self) -> QWidget:
        whole = Reading()
        self._notice = Banner(name="invoiceNotice")
        self._notice.acted.connect(lambda: self.confirm_wanted.emit(self._invoice))
        self._linked = LinkedInvoices()
        self._linked.opened.connect(self.opened)
        self.transfer = TransferCard()
        parts = (self._actions(), self._notice, self.transfer, self._linked, self._paper())
        whole.setLayout(column(*parts, None, spacing=12))
        return whole

    def _actions(self) -> QWidget:
        self.pay_button = Button("", "primary", "lock", name="payInvoice")
        self.pay_button.clicked.connect(lambda: self.pay_wanted.emit(self._invoice))
        self.pdf_button = Button(tr("Save as PDF"), "secondary", "file-down", name="savePdf")
        self.json_button = Button(tr("JSON"), "secondary", name="saveJson")
        self.csv_button = Button(tr("CSV"), "secondary", name="saveCsv")
        self.json_button.setAccessibleName(tr("Save as JSON"))
        self.csv_button.setAccessibleName(tr("Save as CSV"))
        self.copy_button = Button(tr("Copy number"), "ghost", "copy", name="copyNumber")
        self.correct_button = Button(tr("Correct this invoice"), "ghost", "pencil", name="correctInvoice")
        self.refund_button = Button(tr("Refund…"), "ghost", "undo-2", name="refundInvoice")
        self.refund_button.clicked.connect(lambda: self.refund_wanted.emit(self._invoice))
        for button, wanted in (
            (self.pdf_button, DocumentFormat.PDF), (self.json_button, DocumentFormat.JSON),
            (self.csv_button, DocumentFormat.CSV),
        ):  # fmt: skip
            button.clicked.connect(lambda _checked=False, wanted=wanted: self.export_wanted.emit(wanted))
        self.copy_button.clicked.connect(self._copy_number)
        self.correct_button.clicked.connect(lambda: self.correction_wanted.emit(self._invoice))
        box = QWidget()
        flow = FlowLayout(box, gap=8, line_gap=8)
        for one in (
            self.pay_button, self.pdf_button, self.json_button, self.csv_button, self.copy_button, self.correct_button,
            self.refund_button,
        ):  # fmt: skip
            flow.addWidget(one)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        box.setSizePolicy(policy)
        self._action_box = box
        return box

    def _paper(self) -> Card:
        paper = Card(24, 14, name="invoicePaper")
        self._to = QVBoxLayout()
        self._to.setSpacing(1)
        self._billed = label("", "body", name="invoiceBilledTo", wrap=True, selectable=True)
        self._to.addWidget(label(tr("Billed to"), "caption"))
        self._to.addWidget(self._billed)
        self.lines = InvoiceLines()
        self.lines.explained.connect(self.explained)
        self._way = label("", "small", name="invoicePaidWith", wrap=True)
        self._attempts = AttemptList()
        paper.body.addLayout(self._to)
        paper.body.addWidget(rule())
        paper.body.addWidget(self.lines)
        paper.body.addWidget(self._way)
        paper.body.addWidget(self._attempts)
        return paper

    # -- state -----------------------------------------------------------------------------------------------------
    def set_alone(self, is_alone: bool) -> None:
        """Without the list beside it the way back is said in words."""
        self.back_button.setVisible(is_alone)
        self.close_button.setVisible(not is_alone)

    def show_state(self, state: InvoicesState) -> None:
        invoice = state.invoice
        error = state.invoice_error
        if error is not None:
            self._error.set_error(error.detail, title=error.title)
        self._stack.setCurrentWidget(
            self._content if invoice is not None else self._error_place if error is not None else self._waiting
        )
        self._dates.setVisible(invoice is not None)
        self._badge.setVisible(invoice is not None)
        if invoice is None:
            self._invoice, self._shown = None, ()
            self._title.setText(tr("Invoice"))
            return
        shown = (invoice, state.linked, state.now, state.is_upcoming, state.may_refund, state.is_own)
        if shown != self._shown:
            self._shown = shown
            self._show(invoice, state)

    def _show(self, invoice: Invoice, state: InvoicesState) -> None:
        self._invoice = invoice
        focused = QApplication.focusWidget()
        is_inside = focused is not None and (self.lines.isAncestorOf(focused) or self._linked.isAncestorOf(focused))
        self._title.setText(invoice_title(invoice))
        self.setAccessibleName(invoice_title(invoice))
        self._badge.set_badge(*invoice_state(invoice, state.now))
        self._dates.setText(invoice_dates(invoice))
        self._show_actions(invoice, is_upcoming=state.is_upcoming, is_own=state.is_own)
        self._show_refund(invoice, state)
        self.transfer.show_transfer(None if state.is_upcoming or invoice.is_being_paid else invoice.transfer, state.now)
        self._show_notice(invoice, state)
        self._linked.show_linked(state.linked)
        country = country_name(invoice.details.country) if invoice.details.country else ""
        self._billed.setText("\n".join(billed_to(invoice.details, invoice.organization_name, country)))
        ref = f"upcoming:{invoice.subscription_uuid}" if state.is_upcoming else f"invoice:{invoice.uuid}"
        self.lines.show_invoice(invoice, ref)
        self._way.setText(invoice_paid_with(invoice))
        self._way.setVisible(bool(invoice_paid_with(invoice)))
        self._attempts.show_attempts(invoice.attempts)
        if is_inside:
            self.take_focus()

    def _show_actions(self, invoice: Invoice, *, is_upcoming: bool, is_own: bool) -> None:
        can_pay = invoice.state is InvoiceState.OPEN and invoice.due.micros > 0 and not invoice.is_being_paid
        self.pay_button.setText(tr("Pay {amount}", amount=exact_money(invoice.due)))
        self.pay_button.setVisible(can_pay and is_own and not is_upcoming)
        for button in (self.pdf_button, self.json_button, self.csv_button, self.copy_button):
            button.setVisible(not is_upcoming)
        is_final = invoice.kind is InvoiceKind.INVOICE and invoice.state in FINAL
        self.correct_button.setVisible(is_final and is_own and not invoice.replaced_by_uuid and not is_upcoming)
        self._action_box.setVisible(not is_upcoming)

    def _show_refund(self, invoice: Invoice, state: InvoicesState) -> None:
        is_paid = invoice.kind is InvoiceKind.INVOICE and invoice.state is InvoiceState.PAID
        has_left = invoice.credited < invoice.paid
        is_offered = state.may_refund and is_paid and has_left and not state.is_upcoming
        self.refund_button.setVisible(is_offered)

    def _show_notice(self, invoice: Invoice, state: InvoicesState) -> None:
        text, tone, action = "", "info", ""
        if state.is_upcoming:
            text = upcoming_text(invoice)
        elif invoice.is_being_paid:
            text = processing_text(None, exact_money(invoice.due))
        elif needs_confirmation(invoice):
            text, tone, action = confirmation_text(invoice), "warning", tr("Confirm now") if state.is_own else ""
        elif invoice.state is InvoiceState.OPEN:
            text, tone = open_text(invoice, state.now), invoice_state(invoice, state.now)[1]
        self._notice.set_message(text, tone, action)
        self._notice.setVisible(bool(text))

    def _copy_number(self) -> None:
        if self._invoice is not None:
            QGuiApplication.clipboard().setText(self._invoice.number)
            toast_area(self).show_toast(tr("{number} copied.", number=self._invoice.number), icon="copy-check")

    def take_focus(self) -> None:
        """To the way out, which is always there."""
        target = self.close_button if self.back_button.isHidden() else self.back_button
        target.setFocus(Qt.FocusReason.OtherFocusReason)
