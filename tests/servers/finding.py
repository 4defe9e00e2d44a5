"""How a test session gets servers of its own: free ports, programs that run without rights."""

import importlib.util
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGINT

STARTS_WITHIN = 30.0
"""Seconds."""
LOOK_EVERY = 0.02


def free_port() -> int:
    """A port of the loopback that nobody listens on at this moment."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """So many, all different."""
    with ExitStack() as bound:
        sockets = [bound.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def folder_of(package: str) -> Path | None:
    """Where an installed package lies; None if it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def succeeds(command: Sequence[str]) -> bool:
    """Whether this command is there, and ends well."""
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except OSError:
        return False


def without_root() -> list[str]:
    """What comes before a command that refuses to run as root: no user is made, no file changes hands.

    Raises RuntimeError if this is root and user namespaces are off.
    """
    if os.geteuid() != 0:
        return []
    prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if succeeds([*prefix, "true"]):
        return prefix
    raise RuntimeError("this is root, and user namespaces are off: name a server in the environment")


def with_its_parent() -> list[str]:
    """What comes before a command that is to end when the tests do, however they end."""
    prefix = ["setpriv", "--pdeathsig", "INT"]
    return prefix if succeeds([*prefix, "true"]) else []


@contextmanager
def running(
    command: Sequence[str], ready: Callable[[], bool], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A server, from when it answers until it is interrupted. Raises RuntimeError with its log."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait(process, ready, log)
        yield process
    finally:
        process.send_signal(SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end and process.poll() is None:
        if ready():
            return
        time.sleep(LOOK_EVERY)  # sleeps: a server tells nobody that it has started
    raise RuntimeError(f"{process.args!r} did not start:\n{log.read_text(errors='replace')[-2000:]}")
