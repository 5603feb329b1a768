"""The tables of dealing with providers: customers, what they told us, disputes, and transfers marked by support."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from services.db.models import Base


def _id() -> Mapped[str]:
    return mapped_column(sa.Text, primary_key=True)


class ProviderCustomer(Base):
    """What an organization is called at a provider; its saved methods are kept there under this name."""

    __tablename__ = "provider_customers"
    organization_uuid: Mapped[str] = mapped_column(sa.ForeignKey("organizations.uuid"), primary_key=True)
    provider: Mapped[str] = _id()
    customer: Mapped[str]
    created_at: Mapped[datetime]


class ProviderEvent(Base):
    """The inbox: what a provider told us, by webhook or when asked, stored whole and once. Looking at it means asking
    the provider what is so now; in which order events arrive is therefore without meaning."""

    __tablename__ = "provider_events"
    provider: Mapped[str] = _id()
    event_id: Mapped[str] = _id()
    topic: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str]
    charge_id: Mapped[str]
    key: Mapped[str]
    reference: Mapped[str]
    payload: Mapped[str]
    state: Mapped[str]  # new | done | ignored
    attempts: Mapped[int] = mapped_column(server_default="0")
    run_at: Mapped[datetime]  # when it is looked at, again
    created_at: Mapped[datetime]  # at the provider
    received_at: Mapped[datetime]
    __table_args__ = (
        sa.Index(
            "ix_provider_events_new",
            "run_at",
            sqlite_where=sa.text("state = 'new'"),
            postgresql_where=sa.text("state = 'new'"),
        ),
    )


class DisputeRow(Base):
    """A payment that the buyer's bank disputes. `subject`: what was paid: order | top_up | invoice | change | ""."""

    __tablename__ = "disputes"
    uuid: Mapped[str] = _id()
    provider: Mapped[str]
    dispute_id: Mapped[str]
    charge_id: Mapped[str]
    organization_uuid: Mapped[str] = mapped_column(sa.ForeignKey("organizations.uuid"), index=True)
    subject: Mapped[str]
    invoice_uuid: Mapped[str]
    grant_uuid: Mapped[str]
    amount_micros: Mapped[int]
    currency: Mapped[str]
    state: Mapped[str]  # open | won | lost
    reason: Mapped[str]
    opened_at: Mapped[datetime]
    answer_by: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    __table_args__ = (sa.UniqueConstraint("provider", "dispute_id"),)


class TransferRow(Base):
    """Money that came by bank transfer, as support marked it. The bank's own reference makes an arrival count once."""

    __tablename__ = "transfers"
    uuid: Mapped[str] = _id()
    reference: Mapped[str] = mapped_column(index=True)
    subject: Mapped[str]  # order | invoice
    subject_uuid: Mapped[str] = mapped_column(index=True)
    organization_uuid: Mapped[str] = mapped_column(sa.ForeignKey("organizations.uuid"))
    amount_micros: Mapped[int]
    surplus_micros: Mapped[int]
    left_micros: Mapped[int]
    currency: Mapped[str]
    bank_reference: Mapped[str] = mapped_column(unique=True)
    note: Mapped[str]
    received_at: Mapped[datetime]
    marked_at: Mapped[datetime]
    user_uuid: Mapped[str] = mapped_column(sa.ForeignKey("users.uuid"))
    __table_args__ = (sa.CheckConstraint("amount_micros > 0", name="something"),)
