"""The words of buying and using: offerings, order lines, receipts, deployment, cards, usage."""

from __future__ import annotations

from services.api.types import (
    BillingModel,
    DeploymentStep,
    OfferingCard,
    OfferingKind,
    Order,
    OrderState,
    OveragePolicy,
    PaymentMethod,
    ResourceState,
    SavedMethod,
    SortOrder,
    StepState,
    TestCard,
    Usage,
)
from ui.text.formats import date, datetime_text, money, price_words
from ui.text.language import count, plural, tr
from ui.text.ordering import one_form, paid_with_words, renewal_day, summary_line

# ---- catalogue


def kind_label(kind: str) -> str:
    """ "Agent", "MCP server", "Bundle"; anything else is shown as it is."""
    labels: dict[str, str] = {
        OfferingKind.AGENT: tr("Agent"),
        OfferingKind.MCP_SERVER: tr("MCP server"),
        OfferingKind.BUNDLE: tr("Bundle"),
    }
    return labels.get(kind, kind)


def billing_label(model: str) -> str:
    labels: dict[str, str] = {
        BillingModel.FREE: tr("Free"),
        BillingModel.SUBSCRIPTION: tr("Subscription"),
        BillingModel.PAY_PER_USE: tr("Pay per use"),
        BillingModel.QUOTE: tr("Custom price"),
    }
    return labels.get(model, model)


def sort_label(order: SortOrder) -> str:
    labels = {
        SortOrder.RECOMMENDED: tr("Recommended"),
        SortOrder.PRICE_LOW: tr("Lowest price"),
        SortOrder.RATING: tr("Highest rated"),
        SortOrder.NAME: tr("Name"),
        SortOrder.NEWEST: tr("Newest"),
    }
    return labels[order]


def count_text(total: int, is_capped: bool) -> str:
    """ "32 agents", "1,000+ agents"."""
    if is_capped:
        return tr("{n}+ agents", n=count(total))
    return plural(total, tr("{n} agent"), tr("{n} agents")) if total else tr("No agents")


def corrected_text(text: str) -> str:
    """What stands above the results of a search repeated for a likely typing mistake."""
    return tr("Showing results for “{text}”.", text=text) if text else ""


def card_sentence(card: OfferingCard) -> str:
    """A card of the grid as one sentence, for a screen reader."""
    return tr(
        "{name} by {vendor}, {category}, rated {rating} of 5 by {people}, {price}",
        name=card.name,
        vendor=tr("{vendor}, verified", vendor=card.vendor_name) if card.vendor_verified else card.vendor_name,
        category=card.category_title,
        rating=f"{card.rating:.1f}",
        people=plural(card.review_count, tr("{n} person"), tr("{n} people")),
        price=price_words(card),
    )


# ---- order


def order_state(state: OrderState) -> str:
    words = {
        OrderState.PENDING_CONSUMER: tr("Waiting for your confirmation"),
        OrderState.PENDING_PROVIDER: tr("Payment being checked"),
        OrderState.EXECUTING: tr("Being set up"),
        OrderState.DONE: tr("Complete"),
        OrderState.ERRED: tr("Not completed"),
        OrderState.CANCELED: tr("Canceled"),
    }
    return words[state]


def receipt_text(order: Order, *, is_test_mode: bool) -> str:
    """The receipt as plain text, for copying."""
    write = one_form(*(line.amount for line in order.lines), order.total, order.refunded)
    lines = [summary_line(line, order.plan_name, order.billing_cycle, write) for line in order.lines]
    width = max([len(line.label) for line in lines] + [24])
    rows = [f"{line.label:<{width}}  {line.amount:>12}" for line in lines]
    rows.append(f"{tr('Total'):<{width}}  {write(order.total):>12}")
    if not order.refunded.is_zero:
        rows.append(f"{tr('Refunded'):<{width}}  {write(order.refunded):>12}")
    head = [
        tr("Receipt {number}", number=order.number or order.uuid),
        f"{order.offering_name} – {order.plan_name}",
        *([tr("Paid on {when}", when=datetime_text(order.paid_at))] if order.paid_at else [order_state(order.state)]),
        *([tr("Paid with {card}", card=paid_with_words(order.paid_with))] if order.paid_with else []),
        tr("Buyer: {name} <{email}>", name=order.buyer_name, email=order.buyer_email),
        tr("For: {organization}, {project}", organization=order.organization_name, project=order.project_name),
    ]
    tail = [renewal_day(order)] if order.renews_at else []
    if is_test_mode:
        tail.append(tr("Test mode: no real money moved."))
    return "\n".join([*head, "", *rows, *([""] if order.renews_at else []), *tail]) + "\n"


# ---- cards and ways to pay


def method_label(method: PaymentMethod) -> str:
    labels = {
        PaymentMethod.CARD: tr("Card"),
        PaymentMethod.PAYPAL: tr("PayPal"),
        PaymentMethod.BANK: tr("Bank"),
        PaymentMethod.INVOICE: tr("Invoice"),
        PaymentMethod.WALLET: tr("Wallet"),
    }
    return labels[method]


def saved_card_label(card: SavedMethod) -> str:
    """ "Visa •••• 4242"."""
    return f"{card.brand} •••• {card.last4}"


def saved_card_detail(card: SavedMethod) -> str:
    """ "Expires 04/29 · default"."""
    expires = tr("Expires {month}/{year}", month=f"{card.exp_month:02d}", year=f"{card.exp_year % 100:02d}")
    return tr("{expires} · default", expires=expires) if card.is_default else expires


def test_card_label(card: TestCard) -> str:
    """ "Visa •••• 4242 – pays"."""
    outcomes = {
        "pays": tr("pays"),
        "declined": tr("is declined"),
        "insufficient_funds": tr("has too little money"),
        "needs_confirmation": tr("asks you to confirm"),
        "lost_before": tr("network lost before the charge"),
        "lost_after": tr("network lost after the charge"),
    }
    return f"{card.brand} •••• {card.last4} – {outcomes.get(card.outcome, card.outcome)}"


test_card_label.__test__ = False  # type: ignore[attr-defined] # not a test, whatever its name begins with

# ---- deployment and use


def step_title(name: str) -> str:
    """What a deployment step does."""
    titles = {
        "workspace": tr("Prepare the workspace"),
        "knowledge": tr("Load its knowledge"),
        "agent": tr("Start the agent"),
        "check": tr("Ask it a test question"),
    }
    return titles.get(name, name)


def step_text(step: DeploymentStep) -> str:
    """How far a deployment step is, in words."""
    if step.state is StepState.DONE and step.name == "knowledge" and step.detail.isdigit():
        return plural(int(step.detail), tr("{n} passage"), tr("{n} passages"))
    words = {
        StepState.WAITING: tr("Waiting"),
        StepState.RUNNING: tr("In progress"),
        StepState.DONE: tr("Done"),
        StepState.FAILED: tr("Did not work"),
    }
    return words[step.state]


def failure_text(code: str, *, can_refund: bool = True) -> str:
    """Why a deployment failed and what can be done; something for any code."""
    reasons = {
        "spec_invalid": tr("What the agent should know could not be read."),
        "step_unknown": tr("The place where agents run does not know one of the steps."),
        "self_check_failed": tr("The agent did not answer the test question."),
        "host_unavailable": tr("The place where agents run did not answer."),
    }
    reason = reasons.get(code, tr("The agent could not be set up."))
    return (
        tr("{reason} Try again, or take your money back.", reason=reason)
        if can_refund
        else tr("{reason} Try again.", reason=reason)
    )


def resource_state(state: ResourceState, stopped: str = "") -> str:
    """How an agent is; `stopped` as in `Resource`."""
    words = {
        ResourceState.ORDERED: tr("Ordered"),
        ResourceState.DEPLOYING: tr("Being set up"),
        ResourceState.READY: tr("Ready"),
        ResourceState.FAILED: tr("Failed"),
        ResourceState.RETIRED: tr("Retired"),
    }
    return {"paused": tr("Paused"), "suspended": tr("Suspended")}.get(stopped, words[state])


def usage_text(usage: Usage) -> str:
    """One line beside the question box: what the next call costs."""
    if usage.included is None:
        return tr("Calls are unlimited")
    price = money(usage.next_call_cost)
    if usage.left:
        left, included = count(usage.left), count(usage.included)
        return tr("Included: {left} of {included} calls left this month", left=left, included=included)
    if usage.overage_policy is OveragePolicy.THROTTLE:
        day = date(usage.period_end)
        return tr("All {n} included calls are used; more from {day}", n=count(usage.included), day=day)
    if not usage.cost.is_zero:
        return tr("{price} a call, {spent} this month", price=price, spent=money(usage.cost))
    return tr("{price} a call", price=price)


def sample_text(turns_left: int) -> str:
    """ "Sample: 7 questions left"."""
    if turns_left <= 0:
        return tr("Sample: no questions left")
    return plural(turns_left, tr("Sample: {n} question left"), tr("Sample: {n} questions left"))
