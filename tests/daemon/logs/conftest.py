import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from stoker.daemon.logs import EventLog, configure_logs
from stoker.daemon.settings import Log
from stoker.jobs.job import Claim


class Logs:
    """Logs that go to a file, and what came out."""

    def __init__(self, path: Path, **log: Any) -> None:
        self._path = path
        self._stream = path.open("w")
        self.emit: EventLog = configure_logs(Log(**{"format": "json"} | log), self._stream)

    def text(self) -> str:
        """Everything that was written; no more can be logged."""
        self.emit.close()
        return self._path.read_text(encoding="utf-8")

    def lines(self) -> list[dict[str, Any]]:
        """The same, as JSON."""
        return [json.loads(line) for line in self.text().splitlines()]

    def close(self) -> None:
        self.emit.close()
        self._stream.close()


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Callable[..., Logs]]:
    """Configures the logs of this process, until the end of the test."""
    made: list[Logs] = []
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def make(**log: Any) -> Logs:
        made.append(Logs(tmp_path / f"{len(made)}.log", **log))
        return made[-1]

    yield make
    for each in made:
        each.close()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def claim() -> Claim:
    now = datetime.now(UTC)
    return Claim(
        id="019a1b2c-0000-7000-8000-000000000000",
        token="token",
        type="mail.send",
        queue="mail",
        priority=5,
        payload=b"{}",
        attempts=2,
        max_attempts=6,
        created_at=now,
        scheduled_at=now,
        started_at=now,
    )
