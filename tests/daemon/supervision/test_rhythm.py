from typing import Any

import anyio
import pytest

from stoker.daemon.supervision import rhythm
from stoker.daemon.supervision.rhythm import FIRST_WAIT, LONGEST_WAIT, Patience, backoff, jittered
from stoker.daemon.supervision.supervisor import Budget, Supervisor
from stoker.jobs.errors import BrokerRefused, BrokerUnavailable
from stoker.jobs.events import StoreBack, StoreLost


class Store:
    """Fails so often, one second each, before it answers."""

    def __init__(self, failures: int, clock: Any, error: type[Exception] = BrokerUnavailable) -> None:
        self.calls = 0
        self._failures = failures
        self._clock = clock
        self._error = error

    async def verb(self) -> str:
        self.calls += 1
        self._clock.advance(1.0)
        if self.calls <= self._failures:
            raise self._error("out")
        return "answer"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rhythm, "backoff", lambda failures: 0.0)


async def test_a_verb_is_called_until_it_answers(at_once, events, clock) -> None:
    store = Store(3, clock)
    assert await Patience("lane", emit=events.append, clock=clock).call(store.verb) == "answer"
    assert store.calls == 4


async def test_an_outage_is_told_by_each_call_and_once_when_it_is_over(at_once, events, clock) -> None:
    await Patience("lane", emit=events.append, clock=clock).call(Store(3, clock).verb)
    # The first call failed after one second, the fourth was answered three seconds later.
    assert events == [StoreLost("lane", "out", 0.0)] * 3 + [StoreBack("lane", 3.0)]


async def test_a_call_that_is_answered_at_once_says_nothing(events, clock) -> None:
    patience = Patience("lane", emit=events.append, clock=clock)
    await patience.call(Store(0, clock).verb)
    assert events == []
    assert patience.failed_at is None


async def test_it_knows_when_a_call_last_failed(at_once, events, clock) -> None:
    patience = Patience("sweeper", emit=events.append, clock=clock)
    began = clock.elapsed()
    await patience.call(Store(2, clock).verb)
    assert patience.failed_at == began + 2.0


async def test_what_trying_again_does_not_help_is_raised(events, clock) -> None:
    store = Store(1, clock, BrokerRefused)
    with pytest.raises(BrokerRefused):
        await Patience("lane", emit=events.append, clock=clock).call(store.verb)
    assert store.calls == 1


async def test_an_outage_uses_up_no_restart(at_once, events, clock) -> None:
    store = Store(100, clock)

    class Caller:
        name = "caller"

        async def run(self, *, task_status: Any) -> None:
            task_status.started()
            await Patience(self.name, emit=events.append, clock=clock).call(store.verb)
            group.cancel_scope.cancel()

    supervisor = Supervisor(
        "root", [Caller()], emit=events.append, clock=clock, budget=Budget(restarts=0)
    )
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(supervisor.run)
    assert store.calls == 101


def test_the_first_wait_is_short_and_the_longest_bounded() -> None:
    assert all(FIRST_WAIT / 2 <= backoff(1) <= FIRST_WAIT for _ in range(100))
    assert all(LONGEST_WAIT / 2 <= backoff(10_000) <= LONGEST_WAIT for _ in range(100))


def test_waits_grow_with_the_failures() -> None:
    shortest = [min(backoff(failures) for _ in range(100)) for failures in range(1, 7)]
    assert shortest == sorted(shortest)


def test_waits_are_not_all_the_same() -> None:
    assert len({backoff(3) for _ in range(20)}) > 1
    assert len({jittered(5.0) for _ in range(20)}) > 1


def test_a_jittered_time_is_a_tenth_off_at_most() -> None:
    assert all(4.5 <= jittered(5.0) <= 5.5 for _ in range(100))
