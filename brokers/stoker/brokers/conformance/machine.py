"""Any broker against the one in memory: the same steps, drawn at random, must have the same effects."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import settings as Settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from stoker.brokers.conformance import drawing
from stoker.brokers.conformance.drawing import HALF, Draw
from stoker.brokers.conformance.fixtures import Opening
from stoker.brokers.conformance.given import Given
from stoker.brokers.conformance.likeness import refuse_unlike
from stoker.brokers.conformance.making import ids_of, promote_all
from stoker.brokers.conformance.pair import Pair, Verb, enqueued, listed, pauses, seen
from stoker.brokers.conformance.rows import RowSteps
from stoker.brokers.protocol import Broker
from stoker.jobs.job import Claim, Held
from stoker.jobs.operating import TypeInfo, Worker
from stoker.jobs.patterns import QueueSet
from stoker.jobs.state import State

ALL = 1000
"""More than there ever is: for verbs that may choose which ones they take."""
OFTEN = {
    "enqueue": 4,
    "claim": 8,
    "settle": 8,
    "renew": 2,
    "report": 2,
    "advance": 2,
    "reclaim": 3,
    "cancel": 2,
    "retry": 2,
    "prune": 2,
    "pause": 1,
    "resume": 3,
    "find": 2,
    "change": 4,
    "due": 2,
    "look": 1,
    "wait": 1,
    "crew": 1,
}
"""Each kind of step, and how often it is taken beside the others."""
kinds = st.sampled_from([kind for kind, times in OFTEN.items() for _ in range(times)])


def compare(openings: Callable[[], Opening], settings: Settings) -> int:
    """Try a broker; `openings` gives a new, empty store each time. Answers the number of steps.

    Raises AssertionError for the first difference, after printing the shortest way to it.
    """
    taken = 0

    def machine() -> BrokerMachine:
        return BrokerMachine(openings(), count)

    def count() -> None:
        nonlocal taken
        taken += 1

    # It wants a class, and calls it without arguments; anything that can be called so will do.
    run_state_machine_as_test(machine, settings=settings)  # type: ignore[arg-type]
    return taken


class BrokerMachine(RuleBasedStateMachine):
    """One example: two empty brokers, and the steps that both take.

    One rule takes every kind of step: of several rules Hypothesis would leave out half in each
    example, and most of the rest would find no job that runs.
    """

    def __init__(self, opening: Opening, count_step: Callable[[], None]) -> None:
        super().__init__()
        self._count_step = count_step
        self._pair = Pair(opening)
        self.both = self._pair.both
        self.given = Given()
        self.claims: list[Claim] = []
        """Every claim there ever was, stale ones included."""
        self.running: set[str] = set()
        self.rows = RowSteps(self._pair, self.given, self.moment)

    def teardown(self) -> None:
        self._pair.close()

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Most steps need jobs."""
        self.enqueue(data.draw)
        self.compare_all()

    @rule(kind=kinds, data=st.data())
    def step(self, kind: str, data: st.DataObject) -> None:
        getattr(self, kind)(data.draw)
        self.compare_all()
        self._count_step()

    def compare_all(self) -> None:
        """What everybody can see, and what was kept with the jobs that were touched."""
        ids, touched = ids_of(self.given.jobs), sorted(self.given.touched)
        jobs = self.both(lambda broker: seen(broker, ids, touched))[0]
        self.running = {job.id for job in jobs if job is not None and job.state is State.RUNNING}
        self.given.touched.clear()

    # Which jobs and claims

    def some_claims(self, draw: Draw) -> list[Claim]:
        """Most of them stand; of some the job runs under a newer one; the rest may be any."""
        newest = {claim.id: claim for claim in self.claims}
        standing = [claim for id, claim in newest.items() if id in self.running]
        overtaken = [
            claim for claim in self.claims if claim.id in self.running and claim not in standing
        ]
        chosen = []
        for pick in draw(drawing.some) if self.claims else []:
            preferred = standing if pick < drawing.OVERTAKEN_FROM else overtaken
            claims = preferred if preferred and pick < drawing.ANY_FROM else self.claims
            chosen.append(claims[-1 - pick % len(claims)])
        self.given.touched.update(ids_of(chosen))
        return chosen

    def moment(self, steps: int) -> datetime:
        """Halfway between two steps of time, so many of them ago."""
        return datetime.now(UTC) + timedelta(seconds=self._pair.offset.seconds - (2 * steps + 1) * HALF)

    # Jobs go in, run, and end

    def enqueue(self, draw: Draw) -> None:
        new = self.given.new(draw, draw(st.integers(1, 4)))
        known = self.given.known(draw)
        if known is not None:
            new.append(known)
        self.both(lambda broker: enqueued(broker, new))

    def claim(self, draw: Draw) -> None:
        queues, limit = QueueSet.parse(draw(drawing.queue_sets)), draw(drawing.limits)
        worker, lease = draw(drawing.workers), draw(drawing.durations)
        lowest_first, token = draw(drawing.seldom), f"claim-{len(self.claims)}"

        def take(queues: QueueSet, limit: int) -> Verb[list[Claim]]:
            return lambda broker: broker.claim(
                queues, limit, worker=worker, token=token, lease=lease, lowest_first=lowest_first
            )

        if queues.include not in (("a",), ("b",)):
            # Which queue comes first is the broker's own choice, so the oracle is asked for as many
            # of each. The expired ones are ended before, since a claim ends those that it passes.
            self.both(promote_all)
        got = self._pair.ask(self._pair.subject, take(queues, limit))
        wanted: list[Claim] = []
        for queue in {claim.queue for claim in got}:
            count = sum(claim.queue == queue for claim in got)
            wanted += self._pair.ask(self._pair.oracle, take(QueueSet((queue,)), count))
        if len(got) < limit:
            wanted += self._pair.ask(self._pair.oracle, take(queues, limit - len(got)))
        got.sort(key=_id)
        refuse_unlike("the claim", got, sorted(wanted, key=_id))
        self._took(got)

    def settle(self, draw: Draw) -> None:
        settlements = [
            msgspec.structs.replace(draw(drawing.settlements), id=claim.id, token=claim.token)
            for claim in self.some_claims(draw)
        ]
        self.both(lambda broker: broker.settle(settlements))

    def renew(self, draw: Draw) -> None:
        held = {claim.id: Held(claim.id, claim.token) for claim in self.some_claims(draw)}
        lease = draw(drawing.durations)
        self.both(lambda broker: broker.renew(list(held.values()), lease))

    def report(self, draw: Draw) -> None:
        reports = [
            msgspec.structs.replace(draw(drawing.reports), id=claim.id, token=claim.token)
            for claim in self.some_claims(draw)
        ]
        self.both(lambda broker: broker.report(reports))

    # Recurring jobs

    def change(self, draw: Draw) -> None:
        self.rows.change(draw)

    def due(self, draw: Draw) -> None:
        self.rows.due(draw)

    def look(self, draw: Draw) -> None:
        self.rows.look(draw)

    # Time passes

    def advance(self, draw: Draw) -> None:
        self._pair.offset.advance(draw(drawing.steps))
        # Whether a due job is ready before it was promoted is the broker's own choice.
        self.both(promote_all)

    def reclaim(self, draw: Draw) -> None:
        worker, lease = draw(drawing.sometimes(drawing.workers)), draw(drawing.durations)
        token = f"reclaim-{len(self.claims)}"

        async def reclaim(broker: Broker) -> list[Claim]:
            claims = await broker.reclaim(ALL, token=token, lease=lease, worker=worker)
            return sorted(claims, key=_id)

        self._took(self.both(reclaim))

    def prune(self, draw: Draw) -> None:
        retention = draw(drawing.retentions)
        self.both(lambda broker: broker.prune(retention, ALL))

    # What operators do

    def cancel(self, draw: Draw) -> None:
        ids, reason = [*self.given.some_ids(draw), "unknown"], draw(drawing.reasons)
        self.both(lambda broker: broker.cancel(ids, reason))

    def retry(self, draw: Draw) -> None:
        ids = [*self.given.some_ids(draw), "unknown"]
        self.both(lambda broker: broker.retry(ids))

    def pause(self, draw: Draw) -> None:
        pattern, reason = draw(drawing.pause_patterns), draw(drawing.reasons)
        self.both(lambda broker: broker.pause(pattern, reason))
        self.both(pauses)

    def resume(self, draw: Draw) -> None:
        pattern = draw(drawing.pause_patterns)
        self.both(lambda broker: broker.resume(pattern))
        self.both(pauses)

    def find(self, draw: Draw) -> None:
        query, limit = draw(drawing.queries), draw(drawing.limits)
        moments: dict[str, Any] = {}
        for name in ("since", "until", "finished_since"):
            steps = draw(drawing.sometimes(st.integers(0, 5)))
            if steps is not None:
                moments[name] = self.moment(steps)
        query = msgspec.structs.replace(query, **moments)
        self.both(lambda broker: listed(broker, query, limit))

    def wait(self, draw: Draw) -> None:
        ids = self.given.some_ids(draw)
        for job in self.both(lambda broker: broker.get(ids)):
            if job is not None:
                self.both(lambda broker, id=job.id: broker.settled(id, 0.001))  # type: ignore[misc]

    def crew(self, draw: Draw) -> None:
        name, running = draw(drawing.workers), draw(st.integers(0, 3))
        types = [TypeInfo(name=name, priority=running)]
        self.both(lambda broker: broker.announce(Worker(name=name, running=running)))
        self.both(lambda broker: broker.publish(types))
        if draw(st.booleans()):
            self.both(lambda broker: broker.depart(name))
        self.both(lambda broker: broker.workers())
        self.both(lambda broker: broker.types())

    def _took(self, claims: list[Claim]) -> None:
        self.claims += claims
        self.given.touched.update(ids_of(claims))


def _id(claim: Claim) -> str:
    return claim.id
