"""The daemon that is measured: a real one, in a folder of its own, on a store of its own."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from stoker.brokers.connecting import connect
from stoker.client import Client
from stoker.daemon.beside import beside
from stoker.daemon.daemon_process import DaemonProcess, start_daemon
from stoker.daemon.measuring.handlers import threads
from stoker.daemon.measuring.stores import Store
from stoker.daemon.measuring.usage import Usage, usage

START_LIMIT = 30.0
"""Seconds that the daemon has until it runs its first job."""

_CONFIG = """\
broker: {broker}
name: bench
max_concurrency: {slots}
handlers: [stoker.daemon.measuring.handlers]
web: {{enabled: false}}
log: {{level: {level}, format: json}}
"""


class Subject(msgspec.Struct, frozen=True):
    """A daemon that runs, and a producer beside it: the process that measures."""

    client: Client
    daemon: DaemonProcess
    store: Store
    threads: Mapping[int, str]
    """The names of the daemon's threads, by the kernel's number of each."""

    def usage(self) -> Usage | None:
        return usage(self.daemon.pid)


@asynccontextmanager
async def running(
    store: Store,
    folder: Path,
    *,
    slots: int = 100,
    level: str = "info",
    program: Sequence[str] = ("-m", "stoker.daemon"),
) -> AsyncIterator[Subject]:
    """A daemon that has just run its first job, its log in a file; it is stopped at the end.

    The folder must be empty; `program` is what Python is given to run. Raises DaemonGone, or
    TimeoutError, if it does not come up.
    """
    config = folder / "config.yaml"
    url = msgspec.json.encode(store.url).decode()  # which is YAML as well
    config.write_text(_CONFIG.format(broker=url, slots=slots, level=level), encoding="utf-8")
    # What the caller's environment says about Stoker must not reach the daemon.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STOKER_")}
    starting = start_daemon(config, log=folder / "daemon.log", environment=environment, program=program)
    broker = connect(store.url, create=True)
    async with broker, Client(broker) as client, starting as daemon:
        first = await client.enqueue(threads.bind())
        names = await beside(first.result(timeout=START_LIMIT), daemon.watch())
        named = {int(number): name for number, name in names.items()}
        yield Subject(client, daemon, store, named)
