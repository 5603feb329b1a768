"""The order beside its progress: number, amount, for whom; the receipt to look at, to save and to copy."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QGridLayout

from services.api.types import BillingCycle, Order, OrderState, PaymentState
from ui.text import date, datetime_text, one_form, order_state, paid_with_words, receipt_text, summary_line, tr
from ui.text.ordering import Written, is_trial
from ui.text.paying import way_label
from ui.viewmodels.confirmation_state import is_taken_back
from ui.widgets.amount_link import AmountLink
from ui.widgets.controls import Button, Card, clear, column, label, rule
from ui.widgets.notices import toast_area
from ui.widgets.overlay import Sheet
from ui.widgets.receipt import Receipt, ReceiptLine, ReceiptView, write_pdf


class OrderCard(Card):
    """Shows one order; empty until it knows one. Signals: explained(ref); invoice_wanted(invoice uuid); rebuilt()."""

    explained = Signal(str)
    invoice_wanted = Signal(str)
    rebuilt = Signal()

    def __init__(self) -> None:
        super().__init__(20, 12, name="orderCard")
        self._order: Order | None = None
        self._is_over = self._is_test_mode = False
        self._number = label("", "section", name="orderNumber", selectable=True, wrap=True)
        self._bought = label("", "muted", name="orderBought", wrap=True)
        self._facts = QGridLayout()
        self._facts.setContentsMargins(0, 0, 0, 0)
        self._facts.setHorizontalSpacing(16)
        self._facts.setVerticalSpacing(8)
        self._facts.setColumnStretch(1, 1)
        self.body.addLayout(column(self._number, self._bought, spacing=2))
        self.body.addWidget(rule())
        self.body.addLayout(self._facts)
        self.invoice = Button(tr("Open the invoice"), "link", "receipt-text", name="openInvoiceButton")
        self.invoice.clicked.connect(self._on_invoice_clicked)
        self.body.addWidget(self.invoice, 0, Qt.AlignmentFlag.AlignLeading)
        self._foot_rule = rule()
        self.body.addWidget(self._foot_rule)
        self.body.addLayout(self._buttons())

    def _buttons(self) -> QGridLayout:
        self.view = Button(tr("View receipt"), "secondary", "receipt", name="viewReceiptButton")
        self.save = Button(tr("Save as PDF"), "ghost", "file-down", name="savePdfButton")
        self.copy = Button(tr("Copy"), "ghost", "copy", name="copyReceiptButton")
        self.view.clicked.connect(self.open_receipt)
        self.save.clicked.connect(self.ask_where)
        self.copy.clicked.connect(self.copy_receipt)
        buttons = QGridLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.view, 0, 0, 1, 2)
        buttons.addWidget(self.save, 1, 0)
        buttons.addWidget(self.copy, 1, 1)
        return buttons

    def show_order(self, order: Order | None, *, is_test_mode: bool = False, is_over: bool = False) -> None:
        """`is_over`: nothing of it renews any more."""
        self._is_test_mode = is_test_mode
        self.setVisible(order is not None)
        if order is None or (order, is_over) == (self._order, self._is_over):
            return
        self._order, self._is_over = order, is_over
        self._number.setText(receipt_number(order))
        self._bought.setText(_title(order))
        clear(self._facts)
        self._facts.addWidget(label(tr("Total"), "muted"), 0, 0)
        total = AmountLink(_form(order)(order.total), f"order:{order.uuid}", name="orderTotal")
        total.explained.connect(self.explained)
        self._facts.addWidget(total, 0, 1, Qt.AlignmentFlag.AlignLeading)  # else its width would be the column’s
        for number, (title, value) in enumerate(facts(order, is_over=is_over), start=1):
            self._facts.addWidget(label(title, "muted"), number, 0, Qt.AlignmentFlag.AlignTop)
            self._facts.addWidget(label(value, tabular=True, selectable=True, wrap=True), number, 1)
        self.invoice.setVisible(bool(order.invoice_uuid))
        self.rebuilt.emit()
        has_receipt = order.paid_at is not None and not is_taken_back(order)
        for part in (self._foot_rule, self.view, self.save, self.copy):
            part.setVisible(has_receipt)

    def _on_invoice_clicked(self) -> None:
        if self._order is not None:
            self.invoice_wanted.emit(self._order.invoice_uuid)

    # -- the receipt -----------------------------------------------------------------------------------------------
    def open_receipt(self) -> None:
        if self._order is None:
            return
        sheet = Sheet(self, tr("Receipt"), name="receiptSheet", width=520)
        sheet.body.addWidget(ReceiptView(receipt_of(self._order, is_test_mode=self._is_test_mode)))
        sheet.body.addStretch()
        save = Button(tr("Save as PDF"), "primary", "file-down", name="sheetSavePdf")
        copy = Button(tr("Copy"), "secondary", "copy", name="sheetCopyReceipt")
        save.clicked.connect(self.ask_where)
        copy.clicked.connect(self.copy_receipt)
        sheet.footer.addWidget(save)
        sheet.footer.addWidget(copy)
        sheet.footer.addStretch()
        sheet.first_focus = save
        sheet.open()

    def copy_receipt(self) -> None:
        if self._order is not None:
            QGuiApplication.clipboard().setText(receipt_text(self._order, is_test_mode=self._is_test_mode))
            toast_area(self).show_toast(tr("Receipt copied."), icon="copy-check")

    def ask_where(self) -> None:
        """Opens the system's own dialog beside the window; nothing waits for it."""
        if self._order is None:
            return
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        name = tr("Souk receipt {number}.pdf", number=self._order.number)
        dialog = QFileDialog(self.window(), tr("Save receipt"), str(Path(folder, name)), tr("PDF (*.pdf)"))
        dialog.setObjectName("savePdfDialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("pdf")
        dialog.selectFile(name)
        dialog.fileSelected.connect(lambda chosen: self.save_pdf(Path(chosen)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def save_pdf(self, path: Path) -> None:
        if self._order is None:
            return
        try:
            write_pdf(path, receipt_of(self._order, is_test_mode=self._is_test_mode))
        except OSError as error:
            reason = error.strerror or str(error)
            text = tr("The receipt could not be saved: {reason}. Choose another place.", reason=reason)
            toast_area(self).show_toast(text, action=tr("Choose"), on_action=self.ask_where, icon="circle-alert")
        else:
            toast_area(self).show_toast(tr("Saved as {name}.", name=path.name), icon="file-down")


# ---- an order in words


def receipt_number(order: Order) -> str:
    return tr("Order {number}", number=order.number) if order.number else tr("Order")


def _title(order: Order) -> str:
    cycle = {BillingCycle.YEARLY: tr("yearly"), BillingCycle.MONTHLY: tr("monthly")}[order.billing_cycle]
    if order.renews_at is None:
        return f"{order.offering_name}, {order.plan_name}"
    return tr("{agent}, {plan} {cycle}", agent=order.offering_name, plan=order.plan_name, cycle=cycle)


def _form(order: Order) -> Written:
    """One way to write all amounts of an order."""
    return one_form(order.total, order.refunded, *(line.amount for line in order.lines))


def _coupon(order: Order) -> str:
    codes = [str(line.params.get("code")) for line in order.lines if (line.kind, line.label) == ("discount", "coupon")]
    return ", ".join(codes)


def _taxes(order: Order) -> str:
    """ "VAT 19%, $18.81"; empty when no country was given."""
    lines = [line for line in order.lines if line.kind == "tax" and line.label != "test_mode" and not is_trial(order)]
    words = [(summary_line(line, order.plan_name, order.billing_cycle, _form(order)), line.amount) for line in lines]
    return "\n".join(f"{text.label}, {text.amount}" if not amount.is_zero else text.label for text, amount in words)


def _payer(order: Order) -> tuple[str, str]:
    """Who paid, or who will after a trial."""
    if is_trial(order):
        return tr("Later with"), _capital(paid_with_words(order.paid_with))
    if order.paid_at is None or is_taken_back(order):
        return tr("Payment"), "" if order.total.is_zero else way_label(order.payment_method)
    return tr("Paid with"), tr("No card needed") if order.total.is_zero else _capital(paid_with_words(order.paid_with))


def _capital(words: str) -> str:
    """As values of other rows begin."""
    return words[:1].upper() + words[1:]


def _again(order: Order) -> tuple[str, str]:
    is_going_on = order.paid_at is not None and order.state is not OrderState.CANCELED
    day = date(order.renews_at) if order.renews_at and is_going_on else ""
    return (tr("Free until") if is_trial(order) else tr("Renews")), day


def facts(order: Order, *, is_over: bool = False) -> list[tuple[str, str]]:
    """What one wants to see of an order at a glance, below its total."""
    found = [
        (tr("Tax"), _taxes(order)),
        (tr("Code"), _coupon(order)),
        (tr("Given back"), "" if order.refunded.is_zero or is_taken_back(order) else _form(order)(order.refunded)),
        _payer(order),
        (tr("For"), f"{order.organization_name}, {order.project_name}"),
        ("", "") if is_over else _again(order),
        (tr("State"), _state(order)),
    ]
    return [(title, value) for title, value in found if value]


def _state(order: Order) -> str:
    """Only said while there is no receipt, which says it all."""
    if is_taken_back(order):
        return tr("Taken back")
    if order.state is OrderState.PENDING_PROVIDER and order.payment_state is PaymentState.PROCESSING:
        return tr("Waiting for the money")
    if order.state is OrderState.PENDING_CONSUMER and order.action is not None:
        return tr("Payment is open")
    return order_state(order.state) if order.paid_at is None else ""


def receipt_of(order: Order, *, is_test_mode: bool) -> Receipt:
    """The receipt of an order, in words."""
    buyer = f"{order.buyer_name}\n{order.buyer_email}" if order.buyer_name else order.buyer_email
    said = [
        (tr("Paid on"), datetime_text(order.paid_at) if order.paid_at else order_state(order.state)),
        _payer(order) if is_trial(order) or not order.total.is_zero else (tr("Paid with"), ""),
        (tr("Buyer"), buyer),
        (tr("Organization"), order.organization_name),
        (tr("Project"), order.project_name),
        _again(order) if is_trial(order) else (tr("Renews on"), _again(order)[1]),
    ]
    write = _form(order)
    words = [(line, summary_line(line, order.plan_name, order.billing_cycle, write)) for line in order.lines]
    sums = [(tr("Total"), write(order.total))]
    if not order.refunded.is_zero:
        sums = [*sums, (tr("Given back"), write(-order.refunded)), (tr("Paid in the end"), _kept(order))]
    return Receipt(
        number=tr("Receipt {number}", number=order.number or order.uuid),
        title=_title(order),
        facts=tuple((title, value) for title, value in said if value),
        lines=tuple(ReceiptLine(text.label, text.amount, line.kind == "discount") for line, text in words),
        sums=tuple(sums),
        notes=(tr("Test mode: no real money moved."),) if is_test_mode else (),
    )


def _kept(order: Order) -> str:
    return _form(order)(order.total - order.refunded)
