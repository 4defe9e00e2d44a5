"""What can become of a run, and the one function that turns it into a settlement.

The exceptions are what handlers raise; the structs are the values that travel. `decide` is pure:
brokers and actors hold no policy of their own.
"""

from collections.abc import Callable
from typing import Any, assert_never

import msgspec

from stoker.jobs.durations import Duration, seconds
from stoker.jobs.job import Claim, Run, Settlement
from stoker.jobs.retry import Retry
from stoker.jobs.state import State


class Outcome(Exception):
    """An end of a run that is not an error. Raise one of its children from a handler.

    All can be pickled, so that they pass out of a pool of processes of the handler's own.
    """


class Snooze(Outcome):
    """Run again later; spends no attempt."""

    def __init__(self, delay: Duration) -> None:
        self.delay = seconds(delay)
        super().__init__(f"snoozed for {self.delay:g} s")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.delay,)


class RetryAfter(Outcome):
    """Failed for now; run again after this delay instead of the policy's. Spends an attempt."""

    def __init__(self, delay: Duration, reason: str | None = None) -> None:
        self.delay = seconds(delay)
        super().__init__(reason or f"asked to be retried after {self.delay:g} s")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.delay, str(self))


class Fail(Outcome):
    """Failed for good, however many attempts are left."""

    def __init__(self, reason: str = "failed by the handler") -> None:
        super().__init__(reason)


class Cancel(Outcome):
    """Cancelled by the handler itself."""

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason
        super().__init__(reason or "cancelled by the handler")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason,)


class Skip(Outcome):
    """There was nothing to do."""

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason
        super().__init__(reason or "skipped by the handler")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason,)


class Done(msgspec.Struct, frozen=True, gc=False):
    """The handler returned."""

    result: bytes | None = None
    note: str | None = None
    """Stands in for a result that was too large or could not be encoded."""


class Raised(msgspec.Struct, frozen=True, gc=False):
    """The handler failed, or ran out of time."""

    error: str
    traceback: str | None = None
    timed_out: bool = False
    for_good: bool = False
    """No retry: the policy gives up on this error, or the handler said so."""
    delay: float | None = None
    """Takes the place of the policy's wait."""


class Snoozed(msgspec.Struct, frozen=True, gc=False):
    """The handler asked for a later time."""

    delay: float


class Stopped(msgspec.Struct, frozen=True, gc=False):
    """The run was cancelled, by a wish or by the handler itself."""

    reason: str | None = None


class Skipped(msgspec.Struct, frozen=True, gc=False):
    """The handler found nothing to do."""

    reason: str | None = None


class Released(msgspec.Struct, frozen=True, gc=False):
    """The worker gave the job back unfinished: shutdown, or a lease it could not renew."""

    reason: str
    started: bool = True
    """Whether the handler had been entered: an unstarted job leaves no trace in the history."""


class UnknownType(msgspec.Struct, frozen=True, gc=False):
    """No handler of this worker knows the job's type."""


class Crashed(msgspec.Struct, frozen=True, gc=False):
    """The run's worker died, or fell silent for longer than its lease."""

    solo: bool = False
    """It was a child that ran nothing but this job, and its living parent saw it die."""
    detail: str = "its worker died or lost touch"


Ending = Done | Raised | Snoozed | Stopped | Skipped | Released | UnknownType | Crashed

CRASH_DELAYS = (0.0, 5.0, 30.0, 120.0)
"""Seconds until a job runs again, by how often it has crashed; the last one stays."""
SOLO_FROM = 2
"""Crashes after which a job runs in a child of its own."""
SOLO_DEATHS_ALLOWED = 3
"""Deaths in a child of its own that end a job as poisoned."""
UNKNOWN_DELAYS = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
"""Seconds until a job of an unknown type is offered again; the last one stays."""


def decide(
    claim: Claim,
    ending: Ending,
    *,
    retry: Retry,
    jitter: Callable[[], float],
    run: Run | None = None,
) -> Settlement:
    """Where the job goes after this ending.

    `jitter` gives numbers in [0, 1); `run` is what is known of the run (start, end, worker), to be
    kept in the history unless it simply succeeded. A wish to cancel that is known (`claim` of a
    reclaim) turns every way back to a queue into `cancelled`; one that is not yet known is respected
    by the broker in the same way.
    """
    match ending:
        case Done():
            return _settle(claim, State.COMPLETED, result=ending.result, reason=ending.note)
        case Raised():
            return _after_failure(claim, ending, retry, jitter, run)
        case Snoozed(delay):
            entry = _entry(run, "snoozed", None)
            return _back(claim, attempts=claim.attempts - 1, delay=delay, run=entry)
        case Stopped(reason):
            entry = _entry(run, "cancelled", reason)
            return _settle(claim, State.CANCELLED, reason=reason, run=entry)
        case Skipped(reason):
            return _settle(claim, State.SKIPPED, reason=reason, run=_entry(run, "skipped", reason))
        case Released(reason, started):
            entry = _entry(run, "released", reason) if started else None
            return _back(claim, claim.attempts - 1, begun=started, run=entry)
        case UnknownType():
            delay = UNKNOWN_DELAYS[min(claim.returns, len(UNKNOWN_DELAYS) - 1)]
            returns = claim.returns + 1
            return _back(claim, claim.attempts - 1, begun=False, delay=delay, returns=returns)
        case Crashed():
            return _after_crash(claim, ending, run)
        case _:
            assert_never(ending)


def _after_failure(
    claim: Claim, ending: Raised, retry: Retry, jitter: Callable[[], float], run: Run | None
) -> Settlement:
    entry = _entry(run, "timeout" if ending.timed_out else "failed", ending.error, ending.traceback)
    if ending.for_good or claim.attempts >= claim.max_attempts:
        reason = "not retryable" if ending.for_good else "attempts used up"
        return _settle(claim, State.FAILED, reason=reason, error=ending.error, run=entry)
    if claim.cancel_requested:
        return _settle(claim, State.CANCELLED, reason=claim.cancel_reason, run=entry)
    delay = retry.wait(claim.attempts, jitter()) if ending.delay is None else ending.delay
    return _settle(claim, State.RETRYING, delay=delay, error=ending.error, run=entry)


def _after_crash(claim: Claim, ending: Crashed, run: Run | None) -> Settlement:
    crashes = claim.crashes + 1
    deaths = claim.solo_deaths + ending.solo
    entry = _entry(run, "crashed", ending.detail)
    if deaths >= SOLO_DEATHS_ALLOWED:
        return _settle(
            claim,
            State.FAILED,
            attempts=claim.attempts - 1,
            crashes=crashes,
            solo_deaths=deaths,
            reason="poisoned",
            error=f"poisoned: ended its own process {deaths} times ({ending.detail})",
            run=entry,
        )
    delay = CRASH_DELAYS[min(crashes, len(CRASH_DELAYS)) - 1]
    return _back(claim, claim.attempts - 1, delay=delay, crashes=crashes, solo_deaths=deaths, run=entry)


def _back(
    claim: Claim,
    attempts: int,
    *,
    begun: bool = True,
    delay: float = 0.0,
    crashes: int | None = None,
    solo_deaths: int | None = None,
    returns: int = 0,
    run: Run | None = None,
) -> Settlement:
    """To its queue again, as pending: what happens to it next is no retry of a failure."""
    cancelled = claim.cancel_requested
    return _settle(
        claim,
        State.CANCELLED if cancelled else State.PENDING,
        attempts=attempts,
        crashes=crashes,
        solo_deaths=solo_deaths,
        returns=returns,
        begun=begun or attempts > 0 or claim.crashes > 0,
        delay=0.0 if cancelled else delay,
        reason=claim.cancel_reason if cancelled else None,
        run=run,
    )


def _settle(
    claim: Claim,
    state: State,
    *,
    attempts: int | None = None,
    crashes: int | None = None,
    solo_deaths: int | None = None,
    returns: int = 0,
    begun: bool = True,
    delay: float = 0.0,
    reason: str | None = None,
    result: bytes | None = None,
    error: str | None = None,
    run: Run | None = None,
) -> Settlement:
    return Settlement(
        id=claim.id,
        token=claim.token,
        state=state,
        attempts=claim.attempts if attempts is None else attempts,
        crashes=claim.crashes if crashes is None else crashes,
        solo_deaths=claim.solo_deaths if solo_deaths is None else solo_deaths,
        returns=returns,
        begun=begun,
        delay=delay,
        reason=reason,
        result=result,
        error=error,
        run=run,
    )


def _entry(
    run: Run | None, outcome: str, error: str | None, traceback: str | None = None
) -> Run | None:
    if run is None:
        return None
    return msgspec.structs.replace(run, outcome=outcome, error=error, traceback=traceback)
