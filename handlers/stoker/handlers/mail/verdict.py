"""What becomes of an outbox row after it was handed to the mail server. Pure."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from stoker.handlers.mail.mailer import Delivery
from stoker.handlers.mail.message import Mail
from stoker.jobs.retry import Retry

ROW_RETRY = Retry(base="1m", factor=2, cap="1h", jitter=0.2)
"""Waits of 1, 2, 4 … minutes, an hour at most; how often is the row's own `max_attempts`."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed row of the outbox."""

    id: int
    mail: Mail
    delivered: tuple[str, ...]
    attempts: int
    max_attempts: int
    message_id: str

    @property
    def waiting(self) -> tuple[str, ...]:
        """Recipients who do not have it yet."""
        return tuple(one for one in self.mail.to if one not in self.delivered)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """How a row goes on."""

    status: Literal["pending", "sent", "failed"]
    attempts: int
    delivered: tuple[str, ...]
    next_attempt_at: datetime
    last_error: str | None
    sent_at: datetime | None


def after(row: Row, delivery: Delivery, *, now: datetime, random: float) -> Change:
    """The row is sent when every recipient has it, and failed when one will never get it.

    While a refusal is only for now and attempts are left, it waits for its next one, for those who do
    not have it yet. `random` lies in [0, 1).
    """
    attempts = row.attempts + 1
    delivered = row.delivered + delivery.accepted
    hopeful = any(refusal.temporary for refusal in delivery.refused)
    status: Literal["pending", "sent", "failed"] = "sent"
    if delivery.refused:
        status = "pending" if hopeful and attempts < row.max_attempts else "failed"
    wait = timedelta(seconds=ROW_RETRY.wait(attempts, random)) if status == "pending" else timedelta()
    return Change(
        status=status,
        attempts=attempts,
        delivered=delivered,
        next_attempt_at=now + wait,
        last_error="; ".join(str(refusal) for refusal in delivery.refused) or None,
        sent_at=now if status == "sent" else None,
    )


def unsendable(row: Row, why: str, *, now: datetime) -> Change:
    """The row cannot even become a message: it fails for good."""
    return Change(
        status="failed",
        attempts=row.attempts + 1,
        delivered=row.delivered,
        next_attempt_at=now,
        last_error=why,
        sent_at=None,
    )
