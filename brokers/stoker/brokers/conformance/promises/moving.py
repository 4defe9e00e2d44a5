"""The state machine: each move of `MOVES` succeeds, each other one changes nothing."""

import itertools
from collections.abc import Awaitable, Callable

import pytest

from stoker.brokers.conformance.making import (
    detail_of,
    ending,
    finish,
    job_of,
    new_job,
    new_token,
    start,
    state_of,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.job import Claim, Settlement
from stoker.jobs.state import MOVES, State

ALLOWED = [(before, after) for before in State for after in sorted(MOVES[before])]
REFUSED = [
    (before, after) for before, after in itertools.product(State, State) if after not in MOVES[before]
]
EXPIRES = 50.0


async def bring(broker: Broker, state: State) -> Claim | str:
    """A job in this state: its last claim, or the id of one that never ran."""
    job = new_job(expires=EXPIRES)
    if state is State.PENDING:
        await broker.enqueue([job])
        return job.id
    claim = await start(broker, job)
    if state is not State.RUNNING:
        await finish(broker, claim, state)
    return claim


def id_of(brought: Claim | str) -> str:
    return brought if isinstance(brought, str) else brought.id


async def by_claim(broker: Broker, offset: Offset, id: str) -> None:
    await take(broker)


async def by_cancel(broker: Broker, offset: Offset, id: str) -> None:
    await broker.cancel([id])


async def by_retry(broker: Broker, offset: Offset, id: str) -> None:
    await broker.retry([id])


async def by_expiry(broker: Broker, offset: Offset, id: str) -> None:
    offset.advance(2 * EXPIRES)
    await broker.promote(100)


Verb = Callable[[Broker, Offset, str], Awaitable[None]]
LEADS_TO: dict[State, Verb] = {
    State.RUNNING: by_claim,
    State.CANCELLED: by_cancel,
    State.PENDING: by_retry,
    State.SKIPPED: by_expiry,
}
"""The verb other than settle that leads to a state, from wherever the move is allowed."""


class MovingPromises:
    @pytest.mark.parametrize(("before", "after"), ALLOWED)
    async def test_an_allowed_move_succeeds(
        self, broker: Broker, offset: Offset, before: State, after: State
    ) -> None:
        brought = await bring(broker, before)
        if before is State.RUNNING:
            assert isinstance(brought, Claim)
            assert await broker.settle([ending(brought, after)]) == ["accepted"]
        else:
            await LEADS_TO[after](broker, offset, id_of(brought))
        assert await state_of(broker, id_of(brought)) is after

    @pytest.mark.parametrize(("before", "after"), REFUSED)
    async def test_a_settlement_without_a_run_changes_nothing(
        self, broker: Broker, before: State, after: State
    ) -> None:
        brought = await bring(broker, before)
        settlement = Settlement(
            id=id_of(brought), token=new_token(), state=after, attempts=9, result=b"1", error="none"
        )
        there = await detail_of(broker, settlement.id)
        assert await broker.settle([settlement]) == ["lost"]
        assert await detail_of(broker, settlement.id) == there

    @pytest.mark.parametrize(
        ("before", "after"), [move for move in REFUSED if move[0] not in (State.PENDING, State.RUNNING)]
    )
    async def test_the_token_of_a_settled_run_moves_nothing_further(
        self, broker: Broker, before: State, after: State
    ) -> None:
        claim = await bring(broker, before)
        assert isinstance(claim, Claim)
        there = await detail_of(broker, claim.id)
        settlement = ending(claim, after, attempts=9, result=b"1", error="none", reason="none")
        assert await broker.settle([settlement]) == ["already"]
        assert await detail_of(broker, claim.id) == there

    async def test_no_settlement_leads_to_running(self, broker: Broker) -> None:
        claim = await start(broker)
        there = await detail_of(broker, claim.id)
        assert await broker.settle([ending(claim, State.RUNNING, result=b"1")]) == ["invalid"]
        assert await detail_of(broker, claim.id) == there
        await finish(broker, claim)

    @pytest.mark.parametrize(("before", "after"), [move for move in REFUSED if move[1] in LEADS_TO])
    async def test_no_other_verb_makes_a_move_that_is_not_allowed(
        self, broker: Broker, offset: Offset, before: State, after: State
    ) -> None:
        brought = await bring(broker, before)
        there = await job_of(broker, id_of(brought))
        await LEADS_TO[after](broker, offset, there.id)
        assert await job_of(broker, there.id) == there
