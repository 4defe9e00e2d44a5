"""The part of a client that adds recurring jobs, looks at them and acts upon them."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Unpack

from stoker.client.asked import Asked
from stoker.client.connected import Connected
from stoker.client.handle import JobHandle
from stoker.client.options import NOTHING, Options, read_options
from stoker.client.ticket import Ticket
from stoker.client.when import SLOTS_OWN, When, schedule_of, times_of
from stoker.client.wording import shown
from stoker.jobs import rescheduling, slots
from stoker.jobs.calls import Call
from stoker.jobs.codec import text_problem
from stoker.jobs.durations import Duration, seconds
from stoker.jobs.errors import BrokerUnavailable, InvalidJob, RecurringNotFound
from stoker.jobs.ids import IdSource
from stoker.jobs.recurring import Change, Recurring

TRIES = 20
"""How often a change is decided anew because somebody else has changed the row meanwhile."""
PAGE = 500
LONGEST_NAME = 200
MOST_TIMES = 1000

Decide = Callable[[Recurring, datetime], list[Change]]


class Scheduling(Connected):
    """Recurring jobs: each is known by its id, and just as well by its name."""

    async def add_recurring(
        self,
        name: str,
        call: Call[Any] | str,
        arguments: Mapping[str, Any] | None = None,
        *,
        options: Options | None = None,
        **when: Unpack[When],
    ) -> str:
        """Have jobs made by themselves; the id of the recurring job.

        A name that is known is given the new schedule; one of code or configuration gets an edit, which
        holds until it is reverted. `call` and `arguments` are as in `enqueue`, so are `options`; the
        keywords are those of `When`. Raises InvalidJob and InvalidSchedule.
        """
        if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME:
            raise InvalidJob(
                f"the name of a recurring job has 1 to {LONGEST_NAME} characters, not {shown(name)}"
            )
        if problem := text_problem(name):
            raise InvalidJob(f"the name {name!r} holds {problem}")
        given = NOTHING if options is None else read_options(options)
        if own := [option for option in SLOTS_OWN if getattr(given, option) is not None]:
            raise InvalidJob(f"{own[0]} is no option of a recurring job: each slot has its own")
        job, _ = await self._requests.of(Asked(call, arguments, given))
        schedule = schedule_of(job, when)
        for _ in range(TRIES):
            page = await self.broker.recurring(names=[name])
            row = page.items[0] if page.items else None
            changes = rescheduling.added(row, name, schedule, page.now)
            if await self._written(changes):
                last = changes[-1].row if changes else row
                assert last is not None
                return last.id
        raise _contended(name)

    async def recurring(self) -> list[Recurring]:
        """All recurring jobs, by name."""
        rows: list[Recurring] = []
        cursor = None
        while True:
            page = await self.broker.recurring(limit=PAGE, cursor=cursor)
            rows += page.items
            cursor = page.next_cursor
            if cursor is None:
                return rows

    async def recurring_count(self) -> int:
        """How many recurring jobs there are."""
        return await self.broker.recurring_count()

    async def recurring_job(self, which: str) -> Recurring:
        """One of them, by id or name. Raises RecurringNotFound."""
        row, _ = await self._row(which)
        return row

    async def toggle_recurring(
        self,
        which: str,
        enabled: bool | None = None,
        *,
        resumes: datetime | Duration | None = None,
    ) -> bool:
        """Switch it to what it is not, or to what is said; whether it is on now.

        Slots that pass while it is off are not made up. With `resumes` it is off until then, or for so
        long. Raises RecurringNotFound.
        """
        row, now = await self._row(which)
        if resumes is not None:
            if enabled:
                raise InvalidJob("`resumes` is for switching off: it says when it goes on by itself")
            until = resumes if isinstance(resumes, datetime) else now + _timedelta(resumes)
            if until.utcoffset() is None:
                raise InvalidJob(
                    f"resumes={until.isoformat()} has no time zone: give an aware datetime"
                )
            await self._rewrite(which, lambda row, now: rescheduling.toggled(row, False, now, until))
            return False
        wanted = not row.enabled if enabled is None else enabled
        await self._rewrite(which, lambda row, now: rescheduling.toggled(row, wanted, now))
        return wanted

    async def revert_recurring(self, which: str) -> None:
        """Take back what was edited: what code or configuration says holds again."""
        await self._rewrite(which, rescheduling.reverted)

    async def remove_recurring(self, which: str) -> None:
        """Make no more jobs of it; those that are there go on.

        Raises RecurringNotFound, and RecurringOwned for one that its code would bring back.
        """
        await self._rewrite(which, lambda row, now: rescheduling.removed(row))

    async def fire_recurring(self, which: str) -> JobHandle[Any]:
        """A job of it now, whatever its slots; on or off.

        While an earlier job has not ended and overlapping is not allowed, that one is answered, and
        `created` is False. Raises RecurringNotFound.
        """
        for _ in range(TRIES):
            row, _ = await self._row(which)
            may_wait = () if row.schedule.overlap == "allow" else row.active
            live = [job for job in await self.broker.get(may_wait) if job and not job.state.final]
            if live:
                return JobHandle(self.broker, Ticket(live[-1].id))
            job = slots.job_of(row, IdSource().next(row.queue), None)
            (changed,) = await self.broker.change([slots.fired(row, job)])
            if changed.accepted:
                (answer,) = changed.answers
                return JobHandle(self.broker, Ticket(answer.id, answer.created, Any, "enqueued"))
        raise _contended(which)

    async def recurring_times(self, which: str, count: int = 5) -> list[datetime]:
        """When its next slots come, in UTC; fewer if there are fewer. Raises RecurringNotFound."""
        if type(count) is not int or not 1 <= count <= MOST_TIMES:
            raise InvalidJob(f"count lies between 1 and {MOST_TIMES:,}, not {shown(count)}")
        row, now = await self._row(which)
        return slots.coming(row, times_of(row.schedule), now, count)

    async def _row(self, which: str) -> tuple[Recurring, datetime]:
        page = await self.broker.recurring(ids=[which], names=[which])
        for row in page.items:
            return row, page.now
        raise RecurringNotFound(f"there is no recurring job {shown(which)}")

    async def _rewrite(self, which: str, decide: Decide) -> None:
        for _ in range(TRIES):
            row, now = await self._row(which)
            if await self._written(decide(row, now)):
                return
        raise _contended(which)

    async def _written(self, changes: list[Change]) -> bool:
        if not changes:
            return True
        return all(each.accepted for each in await self.broker.change(changes))


def _timedelta(value: Duration) -> timedelta:
    try:
        return timedelta(seconds=seconds(value))
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidJob(f"resumes: {error}") from None


def _contended(which: str) -> BrokerUnavailable:
    return BrokerUnavailable(f"the recurring job {which!r} is being changed by many at once: try again")
