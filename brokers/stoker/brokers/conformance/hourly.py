"""A recurring job that comes each hour, and its earlier job: what policies are tried with."""

from datetime import datetime
from typing import Any

from stoker.brokers.conformance.making import LEASE, ending, finish, job_of, state_of, take
from stoker.brokers.conformance.scheduling import (
    HOUR,
    Every,
    Scheduler,
    jobs_at,
    new_row,
    put_now,
    row_of,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.recurring import Change, Recurring
from stoker.jobs.state import State


class Hourly:
    """A new row with a slot each hour, the first in half an hour, and a scheduler for it."""

    def __init__(self, broker: Broker, offset: Offset, now: datetime, row: Recurring) -> None:
        self.broker = broker
        self.row = row
        self._offset = offset
        self._first = now + HOUR / 2
        self._scheduler = Scheduler(broker, Every(HOUR, self._first))

    @classmethod
    async def begin(cls, broker: Broker, offset: Offset, **changes: Any) -> "Hourly":
        row = new_row(**changes)
        hourly = cls(broker, offset, await put_now(broker, row), row)
        await hourly.pass_by()
        return hourly

    async def pass_by(self, hours: float = 0.0) -> None:
        """Let time go by, and the scheduler look once that is over."""
        self._offset.advance(hours * 3600)
        await self._scheduler.catch_up()

    async def slots(self, count: int) -> list[tuple[State, str | None] | None]:
        """What has become of so many slots, from the first on."""
        jobs = await jobs_at(self.broker, self.row, (self.slot(number) for number in range(count)))
        return [None if job is None else (job.state, job.reason) for job in jobs.values()]

    def slot(self, number: int) -> datetime:
        return self._first + number * HOUR

    async def current(self) -> Recurring:
        return await row_of(self.broker, self.row)

    async def say(self, changes: list[Change]) -> None:
        assert all(each.accepted for each in await self.broker.change(changes))

    async def now(self) -> datetime:
        return (await self.broker.due(1)).now


class Live:
    """The only job of a row, brought into a state in which it has not ended."""

    def __init__(self, hourly: Hourly, id: str) -> None:
        self._hourly = hourly
        self._id = id

    @classmethod
    async def begin(cls, hourly: Hourly, state: State) -> "Live":
        id = (await hourly.current()).last_job
        assert id is not None
        if state is not State.PENDING:
            (claim,) = await take(hourly.broker, 1, lease=LEASE)
            if state is State.RETRYING:
                await finish(hourly.broker, claim, State.RETRYING, delay=86400.0)
        assert await state_of(hourly.broker, id) is state
        return cls(hourly, id)

    async def end(self) -> None:
        """It is cancelled, and if it runs, it gives in."""
        broker = self._hourly.broker
        (answer,) = await broker.cancel([self._id])
        if answer.verdict == "requested":
            (claim,) = await broker.reclaim(1, token="sweep", lease=LEASE)
            await broker.settle([ending(claim, State.CANCELLED)])
        assert (await job_of(broker, self._id)).state.final
