"""When a failed job runs again."""

import math
from collections.abc import Callable

import msgspec

from stoker.jobs.durations import Duration, seconds
from stoker.jobs.job import DEFAULT_MAX_ATTEMPTS

Delay = Callable[[int, BaseException], Duration | None]
"""Given the number of the run that failed and its error, the wait; None leaves it to the policy."""


class Retry(msgspec.Struct, frozen=True):
    """How often a job runs, and how long it waits in between.

    The defaults are waits of 2, 4, 8, 16 and 32 minutes between six runs, each lengthened by up to
    a tenth. An error is retried if it is one of `retry_on` and none of `give_up_on`.
    """

    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    base: Duration = "2m"
    factor: float = 2.0
    cap: Duration = "32m"
    jitter: float = 0.1
    retry_on: tuple[type[BaseException], ...] = (Exception,)
    give_up_on: tuple[type[BaseException], ...] = ()
    delay: Delay | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.max_attempts, int) or self.max_attempts < 1:
            raise ValueError(f"max_attempts counts runs, so it is at least 1, not {self.max_attempts}")
        if not 1 <= self.factor < math.inf:
            raise ValueError(f"factor must be at least 1 and finite, not {self.factor}")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter must lie between 0 and 1, not {self.jitter}")
        seconds(self.base), seconds(self.cap)

    def wait(self, attempt: int, random: float) -> float:
        """Seconds between run number `attempt` and the next; `random` lies in [0, 1)."""
        base, cap = seconds(self.base), seconds(self.cap)
        try:
            plain = min(cap, base * float(self.factor) ** (attempt - 1))
        except OverflowError:
            # 2.0 ** 2000 has no float, and is beyond every cap.
            plain = min(cap, base and cap)
        return plain * (1 + self.jitter * random)

    def gives_up(self, error: BaseException) -> bool:
        """Whether this error ends the job, however many runs are left."""
        return isinstance(error, self.give_up_on) or not isinstance(error, self.retry_on)


DEFAULT_RETRY = Retry()
