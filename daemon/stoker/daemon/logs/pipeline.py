"""The one pipeline of a process: structlog, the standard library's logging, and Stoker's events."""

import atexit
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import Processor

from stoker.daemon.logs.current_job import add_job
from stoker.daemon.logs.event_log import LEVELS, EventLog
from stoker.daemon.logs.line_writer import LineWriter
from stoker.daemon.logs.rendering import json_line, render_json
from stoker.daemon.settings import Log


def configure_logs(log: Log, stream: TextIO | None = None) -> EventLog:
    """Send all logs of this process to the stream (standard error); gives what writes its events.

    Once for each process: it replaces what structlog and the root logger were told before.
    """
    stream = stream or sys.stderr
    terminal = stream.isatty()
    as_json = log.format == "json" or (log.format == "auto" and not terminal)
    level = LEVELS[log.level]
    writer = LineWriter(_descriptor(stream), _notice)
    renderers = _json() if as_json else _console(colors=terminal and not os.environ.get("NO_COLOR"))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            add_job,
            structlog.processors.add_log_level,
            _stamp(),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *names: _Lines(writer),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_StandardLines(writer, renderers)]
    root.setLevel(level)
    logging.captureWarnings(True)
    atexit.register(writer.close)
    return EventLog(level, structlog.get_logger(), writer.write if as_json else None, writer.close)


class _Lines:
    """What structlog hands its rendered lines to."""

    def __init__(self, writer: LineWriter) -> None:
        self._writer = writer

    def msg(self, text: str) -> None:
        self._writer.write(_as_line(text))

    debug = info = warning = error = critical = msg


class _StandardLines(logging.Handler):
    """Lines of the standard library's loggers, on their way through the same pipeline."""

    def __init__(self, writer: LineWriter, renderers: list[Processor]) -> None:
        super().__init__()
        self._writer = writer
        self.setFormatter(
            ProcessorFormatter(
                processors=[ProcessorFormatter.remove_processors_meta, *renderers],
                foreign_pre_chain=[
                    structlog.stdlib.ExtraAdder(),
                    structlog.contextvars.merge_contextvars,
                    add_job,
                    structlog.stdlib.add_log_level,
                    structlog.stdlib.add_logger_name,
                    _stamp(),
                ],
            )
        )

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.write(_as_line(self.format(record)))
        except Exception:
            self.handleError(record)


def _descriptor(stream: TextIO) -> int:
    try:
        return stream.fileno()
    except (OSError, ValueError):  # something stands in for it that is no file
        return 2


def _stamp() -> Processor:
    return structlog.processors.TimeStamper(fmt="iso", utc=True)


def _json() -> list[Processor]:
    return [structlog.processors.format_exc_info, render_json]


def _console(*, colors: bool) -> list[Processor]:
    return [
        structlog.dev.ConsoleRenderer(
            colors=colors, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
        )
    ]


def _as_line(text: str) -> bytes:
    return f"{text}\n".encode("utf-8", "backslashreplace")


def _notice(count: int) -> bytes:
    fields: dict[str, Any] = {
        "timestamp": datetime.now(UTC),
        "level": "warning",
        "event": "log lines were left out, because nobody took them",
        "count": count,
    }
    return json_line(fields)
