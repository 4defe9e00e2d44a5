"""Redis and Valkey: a server of the test's own, which writes down all that it is told."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from subprocess import Popen
from typing import Any, Protocol

import hiredis
from redis import Redis

from .ledger import Ledger
from .store import MICROSECOND, WallClock

APPENDFSYNC = os.environ.get("E2E_APPENDFSYNC") or "always"
"""`always`: what was acknowledged has been written. With `everysec` the server may put the writing off,
for two seconds at most, while the disk is slow; and what it has not written, a kill takes along."""
SETTINGS = (
    *("--appendonly", "yes", "--appendfsync", APPENDFSYNC),
    *("--auto-aof-rewrite-percentage", "0"),
)
_RECORD = re.compile(r"stoker:\{\d+\}:job:(.+)")
_LEASES = re.compile(r"stoker:\{\d+\}:leases")
_PIECE = 1 << 20


class RedisServer(Protocol):
    """A server that is not yet running, with these settings."""

    address: str
    port: int

    def serving(self) -> AbstractContextManager["Popen[bytes]"]: ...


class RedisStore:
    """Its ledger is the server's append-only file: every write of every script, in order.

    A claim is written in it before anybody hears of it, a settlement before it is acknowledged.
    """

    forgetful = APPENDFSYNC != "always"

    def __init__(self, server: RedisServer) -> None:
        self.url = server.address
        self.shown = f"127.0.0.1:{server.port}"
        self._server = server
        self._running = ExitStack()
        self._process: Popen[bytes] | None = None
        self._clock = WallClock()
        self._folder = Path()

    def keep_ledger(self) -> None:
        with Redis.from_url(self.url, decode_responses=True) as client:
            self._folder = Path(client.config_get("dir")["dir"])

    def ledger(self) -> Ledger:
        reading = Reading(self._clock.ahead())
        [path] = self._folder.rglob("*.aof")
        for command in commands(path):
            reading.read(command)
        return reading.ledger

    def calm(self) -> AbstractContextManager[None]:
        return nullcontext()  # a script that was sent is run, whatever becomes of its sender

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Within, the server stands still; connections are taken, but not answered."""
        assert self._process is not None
        self._process.send_signal(SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(SIGCONT)

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(SIGKILL)
        self._running.close()

    def start(self) -> None:
        self._process = self._running.enter_context(self._server.serving())

    def close(self) -> None:
        self._running.close()

    def wrongs(self) -> list[str]:
        with Redis.from_url(self.url, decode_responses=True) as client:
            return list(wrongs(client))


def commands(path: Path) -> Iterator[list[str]]:
    reader = hiredis.Reader(encoding="utf-8", errors="replace", notEnoughData=False)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            reader.feed(piece)
            while (command := reader.gets()) is not False:
                yield command


class Reading:
    """What the commands mean for leases and ends."""

    def __init__(self, ahead: int) -> None:
        self.ledger = Ledger()
        self._ahead = ahead
        self._tokens: dict[str, str] = {}
        """Of the jobs that are running."""

    def read(self, command: Sequence[str]) -> None:
        match command:
            case ["HSET" | "HMSET", key, *rest] if of := _RECORD.fullmatch(key):
                self._written(of[1], dict(zip(rest[::2], rest[1::2], strict=True)))
            case ["ZADD", key, *rest] if _LEASES.fullmatch(key):
                for until, job in zip(rest[::2], rest[1::2], strict=True):
                    self.ledger.leased(job, self._tokens[job], int(until) * MICROSECOND - self._ahead)

    def _written(self, job: str, fields: dict[str, str]) -> None:
        if "token" in fields:
            self._tokens[job] = fields["token"]
        if "settled_token" in fields:
            assert self._tokens.pop(job) == fields["settled_token"], (
                f"{job} was settled by a stale token"
            )
            self.ledger.given_up(job, fields["settled_token"], fields["state"])


def wrongs(client: Any) -> Iterator[str]:
    """What is left of jobs of which none is, and what was counted wrongly."""
    found, counted = Counter[str](), Counter[str]()
    for key in client.scan_iter("stoker:*", count=1000):
        kind, _, name = key.partition("}:")[2].partition(":")
        if kind in ("leases", "due", "giving", "early", "expiring") and (left := client.zcard(key)):
            yield f"{key} holds {left} jobs"
        elif kind == "stream" and (left := client.xlen(key)):
            yield f"{key} holds {left} entries, {client.xpending(key, 'workers')['pending']} pending"
        elif kind == "ended":
            found[name] += client.zcard(key)
        elif kind == "counts":
            for field, number in client.hgetall(key).items():
                counted[field.rpartition(" ")[2]] += int(number)
    for name in found | counted:
        if found[name] != counted[name]:
            yield f"{counted[name]} jobs were counted as {name}, but there are {found[name]}"
