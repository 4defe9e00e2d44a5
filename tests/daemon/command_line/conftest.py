import json
import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from stoker.brokers.connecting import connect
from stoker.brokers.protocol import Broker
from stoker.daemon.command_line.app import run
from stoker.jobs.codec import encode_payload
from stoker.jobs.ids import IdSource
from stoker.jobs.job import Claim, Holding, LogLine, NewJob, Run
from stoker.jobs.outcome import Ending, decide
from stoker.jobs.patterns import QueueSet
from stoker.jobs.retry import DEFAULT_RETRY
from stoker.jobs.state import State


class Answer(msgspec.Struct):
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which is one document."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """The cells of a table, without its heading and without empty cells."""
        lines = self.out.splitlines()[1:]
        return [[cell.strip() for cell in re.split(r"\s{2,}", line.strip())] for line in lines]


Stoker = Callable[..., Answer]
Do = Callable[[Callable[[Broker], Any]], Any]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the commands; nothing of the caller's environment reaches them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name in list(os.environ):
        if name.startswith("STOKER__"):
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def stoker(folder: Path, capsys: pytest.CaptureFixture[str]) -> Stoker:
    """Runs a command in this process."""

    def call(*arguments: str) -> Answer:
        capsys.readouterr()
        status = run(arguments)
        out, err = capsys.readouterr()
        return Answer(status, out, err)

    return call


@pytest.fixture
def broker(folder: Path) -> Do:
    """Does something with the broker that the commands work on, and makes it before."""

    def do(what: Callable[[Broker], Any]) -> Any:
        async def go() -> Any:
            async with connect("sqlite:///var/stoker.db", create=True) as opened:
                return await what(opened)

        return anyio.run(go)

    do(lambda opened: opened.migrate())
    return do


@pytest.fixture
def put(broker: Do) -> Callable[..., str]:
    """Puts a job in; gives its id."""
    ids = IdSource()

    def put(
        type: str = "mail.send", queue: str = "default", unique: str | None = None, **more: Any
    ) -> str:
        arguments = more.pop("arguments", {})
        job = NewJob(
            id=ids.next(queue),
            type=type,
            queue=queue,
            payload=encode_payload(arguments),
            unique=None if unique is None else Holding(unique),
            **more,
        )
        [answer] = broker(lambda opened: opened.enqueue([job]))
        return str(answer.id)

    return put


@pytest.fixture
def claim(broker: Do) -> Callable[..., Claim]:
    """Takes the next job, as a worker would."""

    def take(worker: str = "w1") -> Claim:
        async def go(opened: Broker) -> Claim:
            [taken] = await opened.claim(QueueSet(), 1, worker=worker, token="token", lease=60)
            return taken

        taken: Claim = broker(go)
        return taken

    return take


@pytest.fixture
def end(broker: Do, claim: Callable[..., Claim]) -> Callable[..., str]:
    """Takes the next job and ends its run like this; gives its id."""

    def settle(ending: Ending, *, progress: float | None = None, logs: tuple[LogLine, ...] = ()) -> str:
        taken = claim()
        run = Run(
            attempt=taken.attempts,
            started_at=taken.started_at,
            ended_at=taken.started_at + timedelta(seconds=2),
            worker="w1",
        )
        settlement = msgspec.structs.replace(
            decide(taken, ending, retry=DEFAULT_RETRY, jitter=lambda: 0.0, run=run),
            progress=progress,
            logs=logs,
        )
        assert broker(lambda opened: opened.settle([settlement])) == ["accepted"]
        return taken.id

    return settle


@pytest.fixture
def state(broker: Do) -> Callable[[str], State]:
    """How a job stands."""

    def look(id: str) -> State:
        [job] = broker(lambda opened: opened.get([id]))
        found: State = job.state
        return found

    return look
