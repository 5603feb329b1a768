"""One subscription: what it is, what it costs next and when, what is left, what waits, and what can be done."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from services.api.types import ChangeAction, OfferingKind, Subscription, SubscriptionState
from ui import theme
from ui.pages.subscriptions.attempts import AttemptCalendar
from ui.pages.subscriptions.calls import CallsLine
from ui.pages.subscriptions.flowing import flowing
from ui.text import exact_money, tr
from ui.text.subscriptions import (
    charge_day,
    coupon_text,
    is_being_paid,
    no_charge_text,
    notice_text,
    paid_with_text,
    pending_text,
    shown_attempts,
    subscription_place,
    subscription_state,
)
from ui.viewmodels.plan_change_state import Task
from ui.viewmodels.subscriptions import SubscriptionsState
from ui.widgets.amount_link import AmountLink
from ui.widgets.avatar import Avatar
from ui.widgets.controls import Button, Card, IconButton, badge, clear, column, label, row
from ui.widgets.folding import FoldingRow
from ui.widgets.notices import Banner, toast_area

BUNDLE_LOOK = (265, "layers")  # a bundle is no one category
PLAIN_LOOK = (210, "bot")
BADGES = {
    SubscriptionState.TRIALING: ("info", "hourglass"),
    SubscriptionState.ACTIVE: ("success", ""),
    SubscriptionState.PAST_DUE: ("warning", "triangle-alert"),
    SubscriptionState.SUSPENDED: ("danger", "ban"),
    SubscriptionState.PAUSED: ("neutral", "pause"),
    SubscriptionState.CANCELED: ("neutral", ""),
}
NOTICE_TONES = {
    SubscriptionState.TRIALING: "info",
    SubscriptionState.PAST_DUE: "warning",
    SubscriptionState.SUSPENDED: "danger",
    SubscriptionState.PAUSED: "info",
}
END = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class SubscriptionCard(Card):
    """Signals: explained(ref); compare(uuid); chat(resource uuid); invoice(uuid); wanted(Subscription, Task)."""

    explained = Signal(str)
    compare = Signal(str)
    chat = Signal(str)
    invoice = Signal(str)
    wanted = Signal(object, object)

    def __init__(self, item: Subscription) -> None:
        super().__init__(20, 12, name=f"subscription-{item.uuid}")
        self.item = item
        self._lines: dict[str, CallsLine] = {}
        self.body.addWidget(FoldingRow(self._identity(), self._next()))
        self.body.addWidget(self._notice())
        self.body.addWidget(self._calendar())
        self.body.addLayout(self._calls())
        self.body.addWidget(self._chips())
        self._paid_with = label("", "small", name=f"paidWith-{item.uuid}", wrap=True)
        self.body.addWidget(self._paid_with)
        self.body.addWidget(self._foot())

    # -- building --------------------------------------------------------------------------------------------------
    def _identity(self) -> QWidget:
        self._avatar = Avatar(44)
        self._name = label("", "cardTitle", name=f"name-{self.item.uuid}", wrap=True)
        self._place = label("", "small", name=f"place-{self.item.uuid}", wrap=True)
        self._badge = badge("", name=f"state-{self.item.uuid}")
        place = row(self._badge, self._place, spacing=8)
        place.setStretch(1, 1)
        whole = QWidget()
        words = row(self._avatar, column(self._name, place, spacing=3), spacing=14)
        words.setStretch(1, 1)
        whole.setLayout(words)
        return whole

    def _next(self) -> QWidget:
        self._amount = AmountLink(name=f"nextCharge-{self.item.uuid}", kind="title", weight=600)
        self._amount.explained.connect(self.explained)
        self._day = label("", "small", name=f"nextDay-{self.item.uuid}", align=END)
        whole = QWidget()
        words = column(self._amount, self._day, spacing=2)
        words.setAlignment(self._amount, Qt.AlignmentFlag.AlignRight)
        whole.setLayout(words)
        return whole

    def _notice(self) -> Banner:
        self._banner = Banner(name=f"notice-{self.item.uuid}")
        self._banner.acted.connect(lambda: self.wanted.emit(self.item, Task.PAY))
        return self._banner

    def _calendar(self) -> AttemptCalendar:
        self._attempts = AttemptCalendar()
        return self._attempts

    def _calls(self) -> QVBoxLayout:
        self._agents = column(spacing=12)
        return self._agents

    def _chips(self) -> QWidget:
        self._pending = badge("", name=f"pending-{self.item.uuid}")
        self._undo = Button(tr("Undo"), "link", "undo-2", name=f"undo-{self.item.uuid}", small=True)
        self._undo.clicked.connect(lambda: self.wanted.emit(self.item, Task.UNDO))
        self._coupon = badge("", name=f"coupon-{self.item.uuid}")
        self._waiting = QWidget()
        self._waiting.setLayout(row(self._pending, self._undo, spacing=10))
        self._strip = flowing(self._waiting, self._coupon, gap=12)
        return self._strip

    def _foot(self) -> QWidget:
        uuid = self.item.uuid
        self._chat = Button(tr("Open chat"), "secondary", "message-circle", name=f"openChat-{uuid}", small=True)
        self._change = Button(tr("Change plan"), "secondary", "arrow-up-down", name=f"changePlan-{uuid}", small=True)
        self._resume = Button(tr("Resume"), "secondary", "play", name=f"resume-{uuid}", small=True)
        self._compare = Button(tr("Compare plans"), "ghost", "scale", name=f"compare-{uuid}", small=True)
        self._cancel = Button(tr("Cancel subscription"), "ghost", "ban", name=f"cancel-{uuid}", small=True)
        self.more = IconButton("ellipsis", "", name=f"more-{uuid}", small=True)
        acts: tuple[tuple[Button, Callable[[], None]], ...] = (
            (self._chat, lambda: self.chat.emit(self.item.resources[0].uuid)),
            (self._change, partial(self._want, Task.PLAN)),
            (self._resume, partial(self._want, Task.RESUME)),
            (self._compare, lambda: self.compare.emit(self.item.uuid)),
            (self._cancel, partial(self._want, Task.CANCEL)),
            (self.more, self.open_menu),
        )
        for button, act in acts:
            button.clicked.connect(act)
        self._buttons = flowing(*(button for button, _ in acts), gap=8)
        return self._buttons

    def _want(self, task: Task) -> None:
        self.wanted.emit(self.item, task)

    # -- state -----------------------------------------------------------------------------------------------------
    def show_item(self, item: Subscription, state: SubscriptionsState) -> None:
        self.item = item
        self.setAccessibleName(item.offering_name)
        self._name.setText(item.offering_name)
        self._place.setText(subscription_place(item))
        tone, icon = ("info", "hourglass") if is_being_paid(item) else BADGES[item.state]
        ends = item.pending is not None and item.pending.kind == "cancel"
        self._badge.set_badge(subscription_state(item), "neutral" if ends else tone, "" if ends else icon)
        self._show_avatar(state)
        self._show_charge()
        self._show_notice(state)
        self._show_agents()
        self._show_chips()
        self._show_actions()

    def _show_avatar(self, state: SubscriptionsState) -> None:
        known = [state.cards[one.uuid] for one in self.item.resources if one.uuid in state.cards]
        if self.item.offering_kind is OfferingKind.BUNDLE:
            self._avatar.set_category(*BUNDLE_LOOK)
        elif known:
            self._avatar.set_category(known[0].category_hue, known[0].category_icon)
        else:
            self._avatar.set_category(*PLAIN_LOOK)

    def _show_charge(self) -> None:
        item = self.item
        has_charge = item.next_charge is not None and item.next_charge_at is not None
        self._amount.setVisible(has_charge)
        if item.next_charge is not None:
            self._amount.set_amount(exact_money(item.next_charge), f"upcoming:{item.uuid}")
        self._day.setText(charge_day(item) if has_charge else no_charge_text(item))

    def _show_notice(self, state: SubscriptionsState) -> None:
        item = self.item
        due = state.unpaid.get(item.uuid)
        text = notice_text(item, due, state.now)
        tone = "info" if is_being_paid(item) else NOTICE_TONES.get(item.state, "info")
        is_payable = due is not None and due.micros > 0 and item.collecting is None
        action = tr("Pay {amount} now", amount=exact_money(due)) if due is not None and is_payable else ""
        self._banner.set_message(text, tone, action)
        self._banner.action_button.setObjectName(f"pay-{item.uuid}")
        self._banner.setVisible(bool(text))
        tries = shown_attempts(item.attempts, state.now) if item.state is SubscriptionState.PAST_DUE else ()
        self._attempts.show_attempts(tries)

    def _show_agents(self) -> None:
        item = self.item
        if list(self._lines) != [one.uuid for one in item.resources]:
            clear(self._agents)
            self._lines = {}
            for resource in item.resources:
                line = CallsLine(resource, has_name=len(item.resources) > 1)
                line.explained.connect(self.explained)
                line.chat_wanted.connect(self.chat)
                self._lines[resource.uuid] = line
                self._agents.addWidget(line)
        for resource in item.resources:
            self._lines[resource.uuid].show_usage(resource.usage, resource.uuid, item.plan)
            self._lines[resource.uuid].setVisible(item.state is not SubscriptionState.CANCELED)

    def _show_chips(self) -> None:
        item = self.item
        self._waiting.setVisible(item.pending is not None)
        if item.pending is not None:
            self._pending.set_badge(pending_text(item.pending), "info", "calendar-clock")
        self._undo.setVisible(item.pending is not None and ChangeAction.UNDO in item.can)
        self._undo.setAccessibleName(tr("Undo the change of {name}", name=item.offering_name))
        self._coupon.setVisible(item.coupon is not None)
        if item.coupon is not None:
            self._coupon.set_badge(coupon_text(item.coupon), "accent", "tag")
        self._paid_with.setText("" if item.state is SubscriptionState.CANCELED else paid_with_text(item))
        self._paid_with.setVisible(bool(self._paid_with.text()))
        self._strip.setVisible(item.pending is not None or item.coupon is not None)

    def _show_actions(self) -> None:
        item, name = self.item, self.item.offering_name
        can, is_over = item.can, item.state is SubscriptionState.CANCELED
        self._chat.setVisible(len(item.resources) == 1 and not is_over)
        self._change.setVisible(ChangeAction.CHANGE_PLAN in can)
        self._resume.setVisible(ChangeAction.RESUME in can)
        self._compare.setVisible(not is_over and bool(item.resources))
        self._cancel.setVisible(ChangeAction.CANCEL_AT_END in can or ChangeAction.CANCEL_NOW in can)
        for button, words in (
            (self._chat, tr("Open chat with {name}", name=name)),
            (self._change, tr("Change the plan of {name}", name=name)),
            (self._resume, tr("Resume {name}", name=name)),
            (self._compare, tr("Compare plans for {name}", name=name)),
            (self._cancel, tr("Cancel {name}", name=name)),
        ):
            button.setAccessibleName(words)
        self.more.set_label(tr("More for {name}", name=name))
        self._buttons.setVisible(not is_over)

    # -- what else can be done -------------------------------------------------------------------------------------
    def open_menu(self) -> None:
        self.menu().popup(self.more.mapToGlobal(QPoint(0, self.more.height())))

    def menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setObjectName("subscriptionMenu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        item = self.item
        entries: tuple[tuple[str, str, str, Callable[[], None], bool], ...] = (
            (tr("Pause…"), "pause", "menuPause", partial(self._want, Task.PAUSE), ChangeAction.PAUSE in item.can),
            (
                tr("Pay another way…"), "credit-card", "menuCard", partial(self._want, Task.CARD),
                ChangeAction.SET_PAYMENT_CARD in item.can,
            ),
            (
                tr("How extra calls are paid…"), "coins", "menuUsagePayment", partial(self._want, Task.USAGE_PAYMENT),
                ChangeAction.SET_USAGE_PAYMENT in item.can,
            ),
            (
                tr("Show the unpaid invoice"), "receipt", "menuInvoice",
                lambda: self.invoice.emit(item.unpaid_invoice_uuid), bool(item.unpaid_invoice_uuid),
            ),
            (tr("Copy id"), "copy", "menuCopyId", self._copy_id, True),
        )  # fmt: skip
        for text, icon, name, act, is_possible in entries:
            if is_possible:
                action = menu.addAction(theme.current().icon(icon), text)
                action.setObjectName(name)
                action.triggered.connect(lambda _checked=False, act=act: act())
        return menu

    def _copy_id(self) -> None:
        QGuiApplication.clipboard().setText(self.item.uuid)
        toast_area(self).show_toast(tr("Id of {name} copied.", name=self.item.offering_name), icon="copy-check")
