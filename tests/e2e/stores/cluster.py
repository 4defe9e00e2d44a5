"""Three nodes of Redis, of which one at a time falls."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from itertools import cycle
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

from tests.servers.redis_cluster import RedisCluster

from .ledger import Ledger
from .redis import APPENDFSYNC, Reading, commands, wrongs
from .store import WallClock


class ClusterStore:
    """Its ledger is what the nodes wrote down: all of a job is in one node's file."""

    forgetful = APPENDFSYNC != "always"

    def __init__(self, cluster: RedisCluster) -> None:
        self.url = cluster.address
        self.shown = cluster.address.partition("//")[2].replace(",", ", ")
        self._cluster = cluster
        self._running = ExitStack()
        self._running.enter_context(cluster.serving())
        self._falling = cycle(range(len(cluster.nodes)))
        self._fallen: int | None = None
        self._clock = WallClock()
        self._folders: list[Path] = []

    def keep_ledger(self) -> None:
        with self._cluster.clients() as clients:
            self._folders = [Path(client.config_get("dir")["dir"]) for client in clients]

    def ledger(self) -> Ledger:
        reading = Reading(self._clock.ahead())
        for folder in self._folders:
            [path] = folder.rglob("*.aof")
            for command in commands(path):
                reading.read(command)
        return reading.ledger

    def calm(self) -> AbstractContextManager[None]:
        return nullcontext()

    @contextmanager
    def silent(self) -> Iterator[None]:
        for process in self._cluster.processes:
            process.send_signal(SIGSTOP)
        try:
            yield
        finally:
            for process in self._cluster.processes:
                process.send_signal(SIGCONT)

    def kill(self) -> None:
        """The next node."""
        self._fallen = next(self._falling)
        process = self._cluster.processes[self._fallen]
        process.send_signal(SIGKILL)
        process.wait()

    def start(self) -> None:
        if self._fallen is not None:
            node = self._running.enter_context(self._cluster.nodes[self._fallen].serving())
            self._cluster.processes[self._fallen] = node
            self._cluster.wait_until_agreed()

    def close(self) -> None:
        self._running.close()

    def wrongs(self) -> list[str]:
        with self._cluster.clients() as clients:
            return [wrong for client in clients for wrong in wrongs(client)]
