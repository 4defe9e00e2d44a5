"""Real clusters of Redis or Valkey for the tests: three nodes on the loopback, without replicas."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from .finding import LOOK_EVERY, STARTS_WITHIN, free_ports
from .redis import RedisServer, server

SLOTS = 16384
NODES = 3
NODE_TIMEOUT = 2000
"""Milliseconds of silence after which a node counts as gone."""


class RedisCluster:
    """Nodes that can be killed and started again, each for itself."""

    def __init__(self, engine: str, settings: tuple[str, ...], folders: ExitStack) -> None:
        self._engine = engine
        self._settings = settings
        ports = free_ports(2 * NODES)
        self._bus = ports[NODES:]
        self.nodes: list[RedisServer] = [
            folders.enter_context(self._node(port, bus))
            for port, bus in zip(ports, self._bus, strict=False)
        ]
        self.processes: list[subprocess.Popen[bytes]] = []

    def _node(self, port: int, bus: int) -> AbstractContextManager[RedisServer]:
        return server(
            self._engine,
            *("--cluster-enabled", "yes", "--cluster-port", str(bus)),
            *("--cluster-node-timeout", str(NODE_TIMEOUT), "--repl-diskless-sync-delay", "0"),
            *self._settings,
            port=port,
        )

    @property
    def address(self) -> str:
        return f"redis+cluster://{','.join(f'127.0.0.1:{node.port}' for node in self.nodes)}"

    @contextmanager
    def clients(self) -> Iterator[list[Any]]:
        """One to each node itself, which follows nothing."""
        with ExitStack() as open:
            yield [
                open.enter_context(Redis(port=node.port, decode_responses=True)) for node in self.nodes
            ]

    @contextmanager
    def serving(self) -> Iterator["RedisCluster"]:
        """All nodes, from when they agree that they are a cluster."""
        with ExitStack() as running:
            self.processes = [running.enter_context(node.serving()) for node in self.nodes]
            self._join()
            self.wait_until_agreed()
            yield self

    def _join(self) -> None:
        with self.clients() as clients:
            for number, client in enumerate(clients):
                first, behind = (SLOTS * each // NODES for each in (number, number + 1))
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, behind - 1)
            for node, bus in zip(self.nodes[1:], self._bus[1:], strict=True):
                clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)

    @contextmanager
    def replica(self, node: int) -> Iterator[Redis]:
        """Another server, from when it has what this node has, to take its place when it falls."""
        port, bus = free_ports(2)
        with ExitStack() as open:
            new = open.enter_context(self._node(port, bus))
            open.enter_context(new.serving())
            clients = open.enter_context(self.clients())
            with Redis(port=new.port, decode_responses=True) as client:
                master = clients[node].execute_command("CLUSTER", "MYID")
                clients[node].execute_command("CLUSTER", "MEET", "127.0.0.1", new.port, bus)
                wait_until(
                    lambda: master in client.execute_command("CLUSTER", "NODES") and _is_whole(client),
                    "the new server is not let in",
                )
                client.execute_command("CLUSTER", "REPLICATE", master)
                wait_until(
                    lambda: client.info("replication")["master_link_status"] == "up",
                    "the replica does not get what its master has",
                )
                yield client

    def wait_until_agreed(self) -> None:
        """Raises RuntimeError if they do not agree that every slot is served."""
        wait_until(self._agreed, "the nodes do not agree that they are a cluster")

    def _agreed(self) -> bool:
        with self.clients() as clients:
            return all(map(_is_whole, clients))


def _is_whole(client: Any) -> bool:
    try:
        info = client.execute_command("CLUSTER", "INFO")
        rows = client.execute_command("CLUSTER", "SLOTS")
    except (RedisError, OSError):
        return False
    state = info if isinstance(info, dict) else dict(line.split(":", 1) for line in info.split())
    return state["cluster_state"] == "ok" and len(rows) >= NODES


def wait_until(there: Callable[[], object], otherwise: str) -> None:
    """Waits for what nodes tell nobody but each other. Raises RuntimeError."""
    end = time.monotonic() + STARTS_WITHIN
    while not there():
        if time.monotonic() > end:
            raise RuntimeError(otherwise)
        time.sleep(LOOK_EVERY)  # sleeps: it would have to be told of


@contextmanager
def cluster(engine: str, *settings: str) -> Iterator[RedisCluster]:
    """A new one, not yet running. Raises RuntimeError if there is no program for it."""
    with ExitStack() as folders:
        yield RedisCluster(engine, settings, folders)


class Clusters:
    """Of both engines, started when they are first asked for."""

    def __init__(self, running: ExitStack) -> None:
        self._running = running
        self._clusters: dict[str, RedisCluster] = {}

    def empty(self, engine: str) -> RedisCluster:
        """One with nothing in it; what was in it before is gone."""
        if engine not in self._clusters:
            made = self._running.enter_context(cluster(engine))
            self._clusters[engine] = self._running.enter_context(made.serving())
        with self._clusters[engine].clients() as clients:
            for client in clients:
                client.flushdb()
        return self._clusters[engine]


@contextmanager
def clusters() -> Iterator[Clusters]:
    with ExitStack() as running:
        yield Clusters(running)
