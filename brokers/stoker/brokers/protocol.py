"""Where jobs are kept, as the rest of Stoker sees it: small protocols by caller, joined into Broker.

What every broker promises; each is a section of `stoker.brokers.conformance`:

1. Enqueue is as durable as the store's acknowledgement, idempotent by id (while the job is kept, and
   at least an hour after its end), and all or nothing per call.
2. A job is handed to one claim at a time. Within a queue: priority, then scheduled_at, then id; jobs
   claimed together may start in any order. Nothing starves. Across queues, claims rotate over those
   that have work; a claim never sorts or wades through what is not due.
3. Settling, renewing, reporting and releasing with a stale token change nothing and say so. A token
   that still stands settles even after its lease has expired.
4. Sending a settlement again after an unknown outcome answers "already".
5. After `reclaim` the former token is stale. Attempts, crashes and releases are counted apart.
6. `cancel` of a waiting job is final at once; of a running one it is a durable wish that the next
   `renew` delivers, and that claim, settle (to a waiting state), retry and reclaim respect.
7. A lost hint delays a job by one poll at most; it never loses it.
8. Counts are read, never counted; their sum with the pruned equals what was enqueued.
9. One slot of a schedule gives one job, however many daemons, restarts and clock jumps: a row of the
   timetable is written, with the jobs of its slots, only if its revision still stands.
10. In settle and report one bad item never sinks its batch mates. No log line of a short job is lost.
11. Renewing and reclaiming skip what a caller's transaction has locked; it is neither lost nor expired.

For every verb: lists in, lists out, in the same order; an empty list costs no round trip; unknown ids
are answered, not raised; no caller passes times, each broker reads its server's clock at one place.
Foreign errors never leave a broker: an outage is BrokerUnavailable, and any verb may be called again
after it. A verb that is cancelled may or may not have taken effect.
"""

from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from stoker.brokers.timetable import Timetable
from stoker.jobs.job import (
    Claim,
    Enqueued,
    Held,
    Job,
    JobDetail,
    NewJob,
    Renewal,
    Report,
    Settlement,
)
from stoker.jobs.operating import (
    CancelAnswer,
    Page,
    Pause,
    Promotion,
    Query,
    QueueInfo,
    Retention,
    RetryAnswer,
    TypeInfo,
    Verdict,
    Wakeup,
    Worker,
)
from stoker.jobs.patterns import QueueSet


class Inbox(Protocol):
    """For producers."""

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        """Put jobs in; says for each which job stands for it, and whether it is new.

        A job whose id is known, or whose unique key is held, changes nothing and answers the one
        that stands (`on_conflict="replace"` gives a waiting holder the new job's payload, priority,
        time, tags and limits, and answers its id). Duplicates within the list count in its order.
        Raises UniqueConflict (`on_conflict="error"`); then none of the list was written. The jobs
        have passed `stoker.jobs.limits.check`.
        """
        ...


class Work(Protocol):
    """For whoever runs jobs."""

    async def claim(
        self,
        queues: QueueSet,
        limit: int,
        *,
        worker: str,
        token: str,
        lease: float,
        lowest_first: bool = False,
    ) -> list[Claim]:
        """Take at most `limit` ready jobs out of these queues, for `lease` seconds.

        `token` is a fresh random nonce; `attempts` grows by one. Skips paused queues. A job with a
        cancel wish ends cancelled instead, one past its expiry (which has never run) skipped with
        reason "expired"; neither is returned. `lowest_first` asks for the lowest priorities first,
        which callers do every tenth time, so that nothing starves. With several queues in the set,
        consecutive claims begin with different ones.
        """
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> list[Verdict]:
        """Write where runs' jobs go next, each only if its token is current.

        Releases unique keys, frees the lease, keeps history, logs and the result. To a waiting
        state with a cancel wish pending, the job ends cancelled instead. Tells whoever waits.
        """
        ...

    async def renew(self, held: Sequence[Held], lease: float) -> Renewal:
        """Prolong claims to `lease` seconds from now; says which are lost or to be cancelled."""
        ...

    async def report(self, reports: Sequence[Report]) -> frozenset[str]:
        """Keep progress and log lines of runs that go on; answers the ids whose token is stale."""
        ...


class Upkeep(Protocol):
    """For the periodic rounds. Each may run in any number of daemons at once."""

    async def promote(self, limit: int) -> Promotion:
        """Make at most `limit` delayed jobs ready whose time has come, and skip expired ones."""
        ...

    async def reclaim(
        self, limit: int, *, token: str, lease: float, worker: str | None = None
    ) -> list[Claim]:
        """Take over at most `limit` jobs whose lease has expired, under a new token.

        With `worker`, all that this worker still holds, expired or not: for a parent that has seen
        it die. `attempts` stays: deciding what the crash means is the caller's part.
        """
        ...

    async def prune(self, retention: Retention, limit: int) -> int:
        """Delete at most `limit` ended jobs that are past retention; fold counts; says how many."""
        ...

    async def uptime(self) -> float:
        """Seconds since the store itself started, as far as it can tell; infinity if it cannot."""
        ...


class Operate(Protocol):
    """For clients, pages and the command line."""

    async def get(self, ids: Sequence[str]) -> list[Job | None]: ...

    async def detail(self, id: str) -> JobDetail | None: ...

    async def find(self, query: Query, *, limit: int = 50, cursor: str | None = None) -> Page: ...

    async def settled(self, id: str, timeout: float) -> Job | None:
        """Wait until the job is final, woken by the store where it can, else polling with backoff.

        None after `timeout` seconds. Raises JobNotFound for an id that is not there.
        """
        ...

    async def queues(self) -> list[QueueInfo]:
        """Every queue that has, or had, jobs; by name."""
        ...

    async def cancel(self, ids: Sequence[str], reason: str | None = None) -> list[CancelAnswer]: ...

    async def retry(self, ids: Sequence[str]) -> list[RetryAnswer]:
        """Ended jobs to pending, ready at once: same id, history kept, a fresh budget of runs.

        attempts, crashes, solo deaths, result, error, reason, progress and cancel wish are cleared.
        """
        ...

    async def pause(self, pattern: str, reason: str | None = None) -> None:
        """Hand out no jobs of queues that fit the pattern, those to come included."""
        ...

    async def resume(self, pattern: str) -> bool:
        """Undo the pause of exactly this pattern; says whether there was one."""
        ...

    async def pauses(self) -> list[Pause]: ...


class Crew(Protocol):
    """Who works here, and what they can do."""

    async def announce(self, worker: Worker) -> None:
        """Write or refresh a worker's row, seen now."""
        ...

    async def depart(self, name: str) -> None: ...

    async def workers(self) -> list[Worker]:
        """All rows, with `seen_at`; `prune` removes those not seen for a day."""
        ...

    async def publish(self, types: Sequence[TypeInfo]) -> None:
        """Write these types into the catalogue; the newest of a name wins."""
        ...

    async def types(self) -> dict[str, TypeInfo]: ...


class Transactional(Protocol):
    """Inside a caller's transaction; brokers with the capability "transactions" only.

    `connection` is what the caller works with, such as a sqlite3 connection to Stoker's own file.
    Where it is a synchronous one, the coroutine runs through without ever suspending. The
    transaction stays the caller's: nothing is committed or rolled back here.
    """

    async def enqueue_in(self, connection: Any, jobs: Sequence[NewJob]) -> list[Enqueued]: ...

    async def settle_in(self, connection: Any, settlement: Settlement) -> Verdict: ...


class Broker(Inbox, Work, Upkeep, Operate, Timetable, Crew, Transactional, Protocol):
    """Everything. Entered as an async context manager, it is connected; left, closed."""

    capabilities: frozenset[str]
    """"transactions" (the Transactional part works), "hints" (wakeups come from the store)."""

    async def migrate(self) -> None:
        """Create or upgrade what the store needs. Safe to call at once from several programs.

        Raises SchemaTooNew if a newer Stoker has prepared it for programs newer than this one.
        """
        ...

    def wakeups(self) -> AsyncIterator[Wakeup]:
        """Hints, from now on, until cancelled. The first comes once listening has begun."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
