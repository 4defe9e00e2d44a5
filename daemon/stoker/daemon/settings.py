"""What can be configured, with every default: one frozen struct per part of config.yaml."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec

from stoker.jobs.job import DEFAULT_QUEUE
from stoker.jobs.operating import Keep
from stoker.jobs.state import State

Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration; unknown keys are refused. Durations are seconds by now."""


class QueueLimit(Section, frozen=True):
    """A queue, or pattern, with a bound on how many of its jobs run at once in this daemon."""

    name: str
    limit: Count


class Log(Section, frozen=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"
    """auto: console on a terminal, JSON else."""


class Web(Section, frozen=True):
    """Reserved for the REST API and the pages."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8470


WEEK = 7 * 86400.0

DEFAULT_RETENTION: Mapping[State, Keep] = MappingProxyType(
    {
        State.COMPLETED: Keep(age=86400.0, count=1_000_000),
        State.CANCELLED: Keep(age=WEEK),
        State.SKIPPED: Keep(age=WEEK),
        State.FAILED: Keep(age=90 * 86400.0),
    }
)


class Settings(Section, frozen=True):
    broker: str = "sqlite:///var/stoker.db"
    service: str = DEFAULT_QUEUE
    name: str | None = None
    """Of this daemon; else host and process."""
    mode: Literal["consumer", "producer"] = "consumer"
    max_concurrency: Count = 16
    """Jobs that run at once, per process."""
    processes: Count = 1
    isolated: Annotated[int, msgspec.Meta(ge=0)] = 2
    """Children for isolation="process", per process."""
    queues: tuple[str | QueueLimit, ...] = ("*",)
    app_dir: str = "."
    handlers: tuple[str, ...] = ()
    middleware: tuple[str, ...] = ()
    """`module:name` of each, outermost first."""
    lease: Seconds = 15.0
    self_fence: bool = True
    shutdown_grace: Annotated[float, msgspec.Meta(ge=0)] = 30.0
    cancel_grace: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    stall_limit: Seconds = 30.0
    """How long a handler may block the event loop before the process ends itself."""
    poll: Seconds = 1.0
    """How often an idle lane looks for jobs when no hint comes."""
    progress_flush_interval: Seconds = 2.0
    progress_flush_batch_size: Count = 50
    max_log_entries: Annotated[int, msgspec.Meta(ge=0)] = 1000
    max_payload: Count = 256 * 1024
    retention: Mapping[State, Keep] = msgspec.field(default_factory=lambda: dict(DEFAULT_RETENTION))
    cron: Mapping[str, Any] = {}
    web: Web = Web()
    log: Log = Log()

    @property
    def renew_every(self) -> float:
        """Seconds between renewals, and between sweeps: three chances in a lease."""
        return self.lease / 3

    @property
    def margin(self) -> float:
        """Seconds before a lease's end at which a worker that could not renew stops its runs."""
        return self.lease / 5
