"""Writes a line for what happens: the watcher that a daemon gives its events to."""

import logging
from collections.abc import Callable
from typing import Any, get_args

from msgspec import structs

from stoker.daemon.logs import wording
from stoker.daemon.logs.outages import Outages
from stoker.daemon.logs.rendering import json_line
from stoker.daemon.logs.run_lines import RunLine, end_level, end_line, start_line
from stoker.jobs.events import (
    Event,
    JobsClaimed,
    Pruned,
    RunEnded,
    RunStarted,
    StoreBack,
    StoreLost,
    UnknownTypeReturned,
)

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_ONLY_DEBUG = (JobsClaimed, Pruned)


class EventLog:
    """An `Emit`: takes events from any thread, returns at once, and never raises.

    The lines of runs, two for each, go past structlog where they are JSON: a microsecond or two, where
    a logger takes ten.
    """

    def __init__(
        self,
        level: int,
        logger: Any,
        write: Callable[[bytes], None] | None,
        close: Callable[[], None],
    ) -> None:
        """`write` takes lines of JSON; without it, every line goes through the structlog logger."""
        self.close = close
        """Write what is still to be written; for a process that ends without its clean-up."""
        self._level = level
        self._logger = logger
        self._write = write
        self._outages = Outages()
        self._tell = self._told()

    def __call__(self, event: Event) -> None:
        tell = self._tell.get(type(event))
        if tell is not None:
            tell(event)

    def _told(self) -> dict[type, Callable[[Any], None]]:
        """By type of event, who tells it. What is never told is not there: it costs next to nothing."""
        tell: dict[type, Callable[[Any], None]] = dict.fromkeys(get_args(Event), self._other)
        tell |= {RunStarted: self._started, RunEnded: self._ended}
        tell |= {
            StoreLost: lambda event: self._say(self._outages.lost(event)),
            StoreBack: lambda event: self._say(self._outages.back(event)),
            UnknownTypeReturned: lambda event: self._say(self._outages.unknown(event)),
        }
        if self._level > logging.INFO:
            del tell[RunStarted]
        if self._level > logging.DEBUG:
            for kind in _ONLY_DEBUG:
                del tell[kind]
        return tell

    def _started(self, event: RunStarted) -> None:
        self._run(start_line(event))

    def _ended(self, event: RunEnded) -> None:
        level = end_level(event)
        if LEVELS[level] >= self._level:
            self._run(end_line(event, level))

    def _run(self, line: RunLine) -> None:
        if self._write is not None:
            self._write(json_line(line))
            return
        fields = {name: value for name, value in structs.asdict(line).items() if value is not None}
        del fields["timestamp"]
        self._say((fields.pop("level"), fields.pop("event"), fields))

    def _other(self, event: Event) -> None:
        self._say(wording.line(event))

    def _say(self, line: wording.Line | None) -> None:
        if line is not None:
            level, text, fields = line
            getattr(self._logger, level)(text, **fields)
