"""What becomes of a billing schedule after the gateway's answer. Pure."""

from datetime import date, timedelta

import msgspec

from stoker.handlers.money.frequencies import following
from stoker.handlers.money.gateway import Charged, Declined
from stoker.handlers.money.schedules import Schedule, State


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """How a schedule goes on."""

    state: State
    next_charge_on: date
    attempts: int
    failures: int
    retry_on: date | None
    charge: str | None
    """The gateway's id of the charge, if it was charged."""
    error: str | None


def after(schedule: Schedule, answer: Charged | Declined, today: date) -> Change:
    """What was charged goes on to its next date; what was declined waits, or ends for good.

    The next date follows the period, not the day on which it was paid at last. The wait counts from
    today, and is the schedule's own for this many declines in a row.
    """
    match answer:
        case Charged(id=id):
            return Change(
                state="active",
                next_charge_on=following(schedule.rule, schedule.next_charge_on),
                attempts=0,
                failures=0,
                retry_on=None,
                charge=id,
                error=None,
            )
        case Declined(reason=reason):
            waits = schedule.retry_days[schedule.failures : schedule.failures + 1]
            return Change(
                state="past_due" if waits else "cancelled",
                next_charge_on=schedule.next_charge_on,
                attempts=schedule.attempts + 1,
                failures=schedule.failures + 1,
                retry_on=today + timedelta(days=waits[0]) if waits else None,
                charge=None,
                error=reason,
            )
