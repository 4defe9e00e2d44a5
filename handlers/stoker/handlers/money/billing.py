"""Charges what is due, one schedule after the other."""

from collections import Counter
from collections.abc import Callable

import msgspec

from stoker.handlers.context import Context
from stoker.handlers.money.charging import Schedules
from stoker.handlers.money.dunning import after
from stoker.handlers.money.gateway import Charge, Charged, Declined, PaymentGateway
from stoker.handlers.money.row_faults import fault_of_row
from stoker.handlers.money.schedules import Schedule
from stoker.jobs.codec import storable
from stoker.jobs.errors import StokerError

PATIENCE = 3
"""Charges in a row without an answer, after which a run leaves the gateway alone."""
MOST_TOLD = 100
"""Schedules that a run names in its log; the others are in its counts."""


class NotCharged(StokerError):
    """The gateway did not answer for some schedules; trying again may help."""


class Billed(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did: schedules, by what became of them."""

    charged: int = 0
    past_due: int = 0
    """Declined; they are tried again at their time."""
    cancelled: int = 0
    """Declined, with no day left to try again."""
    failed: int = 0
    """Their rows hold what cannot be charged or kept; the log says what."""


def bill(
    ctx: Context, schedules: Schedules, gateway: PaymentGateway, check: Callable[[], None]
) -> Billed:
    """Charge one period of each schedule that is due, and keep each answer at once.

    A schedule that cannot be charged never keeps the others back. `check` is called between charges
    and may raise. Raises NotCharged at the end, or after PATIENCE silences in a row, if the gateway did
    not answer for some. Blocks.
    """
    return _Billing(ctx, schedules, gateway).run(check)


class _Billing:
    """One run over the schedules."""

    def __init__(self, ctx: Context, schedules: Schedules, gateway: PaymentGateway) -> None:
        self._ctx = ctx
        self._schedules = schedules
        self._gateway = gateway
        self._counts: Counter[str] = Counter()
        self._silences = 0
        self._told = 0

    def run(self, check: Callable[[], None]) -> Billed:
        goal, done = self._schedules.count(), 0
        self._ctx.progress(0, f"{goal:,} schedules may be due")
        for ids in self._schedules.batches():
            for id in ids:
                check()
                self._one(id)
                done += 1
                self._ctx.progress(min(99.0, 100 * done / max(goal, done)), f"{done:,} of {goal:,}")
                if self._silences == PATIENCE:
                    raise NotCharged(
                        f"the payment gateway did not answer {PATIENCE} times in a row; "
                        f"so far {self._summary()}"
                    )
        self._ctx.log(self._summary())
        if self._counts["unanswered"]:
            raise NotCharged(f"the payment gateway did not answer for all: {self._summary()}")
        self._ctx.progress(100, self._summary())
        return Billed(**{field: self._counts[field] for field in Billed.__struct_fields__})

    def _one(self, id: int) -> None:
        try:
            schedule = self._schedules.read(id)
            if schedule is None:
                return  # somebody else has been at it
            today = self._schedules.today(schedule)
            if schedule.due_on > today:
                return
            answer = self._ask(schedule)
            if answer is None:
                return
            change = after(schedule, answer, today)
            if not self._schedules.record(schedule, change):
                self._warn(f"schedule {id} was charged by another run meanwhile")
                return
        except Exception as error:
            why = fault_of_row(error)
            if why is None:
                raise
            self._counts["failed"] += 1
            self._warn(f"schedule {id} was not charged: {why}")
            return
        self._counts["charged" if change.charge is not None else change.state] += 1
        if change.error is not None:
            self._warn(f"schedule {id} is {change.state}: {change.error}")

    def _ask(self, schedule: Schedule) -> Charged | Declined | None:
        """The gateway's answer; None if there is none, and so nothing to write."""
        charge = Charge(
            key=schedule.key,
            attempt=schedule.attempts + 1,
            period=schedule.next_charge_on,
            customer=schedule.customer,
            amount_cents=schedule.amount_cents,
            currency=schedule.currency,
            payment_method=schedule.payment_method,
        )
        try:
            answer = self._gateway.charge(charge)
        except Exception as error:
            # Whatever it is, the money may be taken: only asking again under the same key can tell.
            why = storable(f"{type(error).__name__}: {error}", 500)
            self._warn(f"schedule {schedule.id} has no answer from the gateway: {why}")
            self._counts["unanswered"] += 1
            self._silences += 1
            return None
        self._silences = 0
        return answer

    def _warn(self, line: str) -> None:
        if self._told < MOST_TOLD:
            self._told += 1
            self._ctx.log(line, "warning")

    def _summary(self) -> str:
        words = ("charged", "past_due", "cancelled", "failed", "unanswered")
        return ", ".join(f"{self._counts[word]:,} {word}" for word in words)
