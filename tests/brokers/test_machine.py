import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from msgspec.structs import replace

from stoker.brokers import Broker, connect
from stoker.brokers.conformance import Opening
from stoker.brokers.conformance.machine import compare
from stoker.brokers.instant import HostClock
from stoker.brokers.memory import MemoryBroker
from stoker.jobs.clock import Offset
from stoker.jobs.job import Enqueued, Held, NewJob, Renewal, Report, Settlement
from stoker.jobs.operating import Verdict
from stoker.jobs.recurring import Change, Changed, RecurringPage

STEPS = 5000
SETTINGS = settings(
    max_examples=120,
    stateful_step_count=50,
    derandomize=True,
    deadline=None,
    database=None,
    # Without what explains a failure: it takes longer than finding one.
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
SHORT = settings(SETTINGS, max_examples=40, phases=[Phase.generate])


@pytest.mark.slow
def test_sqlite_does_what_memory_does(tmp_path: Path) -> None:
    numbers = itertools.count()

    def openings() -> Opening:
        url = f"sqlite:///{tmp_path}/{next(numbers)}.db?synchronous=normal"

        def open(offset: Offset, *, max_log_entries: int = 1000) -> Broker:
            return connect(url, create=True, offset=offset, max_log_entries=max_log_entries)

        return open

    assert compare(openings, SETTINGS) >= STEPS


class RenewsAll(MemoryBroker):
    async def renew(self, held: Sequence[Held], lease: float) -> Renewal:
        return Renewal()


class ReportsNothing(MemoryBroker):
    async def report(self, reports: Sequence[Report]) -> frozenset[str]:
        return frozenset()


class SettlesOneByOne(MemoryBroker):
    """And stops at what it cannot keep."""

    async def settle(self, settlements: Sequence[Settlement]) -> list[Verdict]:
        verdicts: list[Verdict] = []
        for settlement in settlements:
            verdicts += await super().settle([settlement])
            if verdicts[-1] == "invalid":
                break
        return verdicts + ["lost"] * (len(settlements) - len(verdicts))


class ForgetsPriorities(MemoryBroker):
    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        return await super().enqueue([replace(job, priority=5) for job in jobs])


class WritesAnyRow(MemoryBroker):
    """Whatever revision is expected."""

    async def change(self, changes: Sequence[Change]) -> list[Changed]:
        changed: list[Changed] = []
        for each in changes:
            page = await super().recurring(ids=[each.id])
            standing = page.items[0].revision if page.items else each.expected
            changed += await super().change([replace(each, expected=standing)])
        return changed


class LeavesOutSlots(MemoryBroker):
    async def change(self, changes: Sequence[Change]) -> list[Changed]:
        return await super().change([replace(each, skipped=()) for each in changes])


class KnowsNoNextTime(MemoryBroker):
    async def due(self, limit: int) -> RecurringPage:
        return replace(await super().due(limit), next_due=None)


BROKEN: list[type[MemoryBroker]] = [
    RenewsAll,
    ReportsNothing,
    SettlesOneByOne,
    ForgetsPriorities,
    WritesAnyRow,
    LeavesOutSlots,
    KnowsNoNextTime,
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broker_that_differs_is_found_out(broken: type[MemoryBroker]) -> None:
    def openings() -> Opening:
        def open(offset: Offset, *, max_log_entries: int = 1000) -> Broker:
            return broken(max_log_entries=max_log_entries, clock=HostClock(offset))

        return open

    with pytest.raises(AssertionError, match="and in memory"):
        compare(openings, SHORT)
