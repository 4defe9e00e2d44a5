"""Every error that Stoker raises, in one tree.

StokerError
├── InvalidJob                 what was given cannot become a job
│   ├── InvalidPayload         the arguments do not fit the handler
│   ├── InvalidSchedule        there is no such line of a schedule, or no such time zone
│   └── UniqueConflict         the unique key is taken (`on_conflict="error"`)
├── InvalidFilter              what was asked for is no filter, pattern or page
├── HandlerError               a handler is written or collected wrongly
│   └── DuplicateHandler       two different handlers of one name
├── ConfigError                the configuration does not hold
├── BrokerError
│   ├── BrokerUnavailable      the store does not answer now; trying again may help
│   ├── BrokerRefused          the store cannot be used as asked; trying again does not help
│   │   └── SchemaTooNew       the store was prepared by a newer Stoker
│   └── TransactionsUnsupported   this broker cannot join a caller's transaction
├── LeaseLost                  a write came with a token that is no longer current
├── JobNotFound                no job has this id (any more)
├── NotRetryable               the job cannot be retried now
├── RecurringNotFound          no recurring job has this id or name
├── RecurringOwned             it belongs to code or configuration, which would bring it back
├── MissingExtra               an optional part is not installed
└── NoResult                   `result()` has nothing to return
    ├── JobFailed
    ├── JobCancelled
    ├── JobSkipped
    └── ResultExpired
"""

from typing import Any


class StokerError(Exception):
    """What every error of Stoker derives from. Its text is one sentence for a person.

    All can be pickled, so that they pass from one process to another.
    """


class InvalidJob(StokerError, ValueError):
    """What was given cannot become a job; nothing was written."""


class InvalidPayload(InvalidJob):
    """The arguments do not fit the handler; the text names the parameter."""


class InvalidSchedule(InvalidJob):
    """There is no such line of a schedule, or no such time zone; the text says what would be right."""


class UniqueConflict(InvalidJob):
    """The unique key is held by another job, and the caller asked for an error."""

    def __init__(self, unique_key: str, queue: str, holder: str) -> None:
        super().__init__(f"unique key {unique_key!r} in queue {queue!r} is held by job {holder}")
        self.unique_key = unique_key
        self.queue = queue
        self.holder = holder

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.unique_key, self.queue, self.holder)


class InvalidFilter(StokerError, ValueError):
    """What was asked for is no filter of jobs, pattern of queues, or page of a list."""


class HandlerError(StokerError):
    """A handler is written or collected wrongly."""


class DuplicateHandler(HandlerError):
    """Two different handlers carry one name."""


class ConfigError(StokerError):
    """The configuration does not hold; the text says where and what would be right."""


class BrokerError(StokerError):
    """Something between Stoker and the store."""


class BrokerUnavailable(BrokerError):
    """The store does not answer now; trying again may help."""


class BrokerRefused(BrokerError):
    """The store cannot be used as asked; trying again does not help."""


class SchemaTooNew(BrokerRefused):
    """The store was prepared by a Stoker that this one is too old for."""


class TransactionsUnsupported(BrokerError):
    """This broker cannot join the caller's transaction; the text says what to do instead."""


class LeaseLost(StokerError):
    """The run's token is no longer current: the job was reclaimed, settled or removed."""


class JobNotFound(StokerError, LookupError):
    """No job has this id (any more)."""


class NotRetryable(StokerError):
    """The job cannot be retried now; the text says why."""


class RecurringNotFound(StokerError, LookupError):
    """No recurring job has this id or name (any more)."""


class RecurringOwned(StokerError):
    """The recurring job belongs to code or configuration, which would bring it back."""


class MissingExtra(StokerError, ImportError):
    """An optional part is not installed; the text names the extra."""

    def __init__(self, need: str, extra: str) -> None:
        super().__init__(f"{need} needs an extra that is not installed: pip install 'stoker[{extra}]'")
        self.need = need
        self.extra = extra

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.need, self.extra)


class NoResult(StokerError):
    """The job ended, and there is no result to return."""

    def __init__(self, id: str, text: str) -> None:
        super().__init__(text)
        self.id = id

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.id, str(self))


class JobFailed(NoResult):
    """The job failed; the text carries its error."""


class JobCancelled(NoResult):
    """The job was cancelled; the text carries the reason."""


class JobSkipped(NoResult):
    """The job was skipped; the text carries the reason."""


class ResultExpired(NoResult):
    """The job completed, and its record was pruned, or its result was not kept."""
