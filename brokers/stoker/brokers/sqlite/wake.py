"""Letters between the processes that share a database: datagram sockets in a folder beside it.

A hint only: a lost letter costs one look at the data version (50 ms), and a stale socket one refused
letter. Each listener has a socket of its own, named by its process, a nonce and what it wants.
"""

import asyncio
import errno
import os
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from stoker.jobs.operating import Wakeup

LARGEST = 32 * 1024
"""Bytes of one letter. A longer one is written as "any" instead."""
_TRUST_AFTER = 0.05
"""Seconds of rest after which a folder's time of change says whether its list still holds: file
systems keep it in ticks of some milliseconds."""
_decode = msgspec.json.Decoder(Wakeup).decode


def folder_of(database: Path) -> Path:
    """Where the sockets of a database's listeners lie."""
    return database.with_name(database.name + ".wake")


class Folder:
    """The folder, held open: so a socket's address stays short however long the path is."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._path = path

    def address(self, name: str) -> str:
        short = f"/proc/self/fd/{self._fd}"
        return f"{short}/{name}" if os.path.isdir(short) else str(self._path / name)

    def changed_at(self) -> float:
        return os.fstat(self._fd).st_mtime

    def names(self) -> list[str]:
        return os.listdir(self._fd)

    def remove(self, name: str) -> None:
        with suppress(OSError):  # another was quicker
            os.unlink(name, dir_fd=self._fd)

    def close(self) -> None:
        os.close(self._fd)


class Letterbox:
    """A socket that letters of one kind come to, read on the loop it was opened on."""

    def __init__(self, folder: Folder, name: str, deliver: Callable[[Wakeup], None]) -> None:
        self.name = name
        self._folder = folder
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind(folder.address(name))
            self._loop.add_reader(self._socket, self._read)
        except (OSError, NotImplementedError):
            self._socket.close()
            folder.close()
            raise

    @classmethod
    def open(cls, database: Path, kind: str, deliver: Callable[[Wakeup], None]) -> "Letterbox | None":
        """A letterbox for `ready` or `wait` letters; None where there can be none."""
        path = folder_of(database)
        try:
            path.mkdir(mode=0o700, exist_ok=True)
            return cls(Folder(path), f"{os.getpid()}-{secrets.token_hex(6)}.{kind}", deliver)
        except (OSError, NotImplementedError):
            return None  # such as a folder that may not be written to: the data version serves alone

    def _read(self) -> None:
        for _ in range(64):
            try:
                data = self._socket.recv(2 * LARGEST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._loop.remove_reader(self._socket)
                return
            try:
                self._deliver(_decode(data))
            except msgspec.MsgspecError:
                continue  # of another version of Stoker

    def close(self) -> None:
        if not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
        self._folder.remove(self.name)
        self._socket.close()
        self._folder.close()


class Post:
    """Sends letters to the letterboxes of others. For the writer's thread only."""

    def __init__(self, database: Path) -> None:
        self._path = folder_of(database)
        self._folder: Folder | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._names: list[str] = []
        self._listed = -1.0
        self._changed = -1.0

    def has(self, kind: str) -> bool:
        """Whether anybody listens for this kind of letter."""
        return any(name.endswith(kind) for name in self._listeners())

    def send(self, kind: str, wakeup: Wakeup, skip: frozenset[str]) -> None:
        """To all letterboxes of this kind but these."""
        names = [name for name in self._listeners() if name.endswith(kind) and name not in skip]
        if not names or self._folder is None:
            return
        data = msgspec.json.encode(wakeup)
        if len(data) > LARGEST:
            data = msgspec.json.encode(Wakeup(wakeup.kind))
        for name in names:
            try:
                self._socket.sendto(data, self._folder.address(name))
            except (BlockingIOError, FileNotFoundError):
                pass  # it has letters enough; it is gone
            except OSError as error:
                if error.errno == errno.ECONNREFUSED:
                    self._folder.remove(name)  # its process died

    def _listeners(self) -> list[str]:
        try:
            if self._folder is None:
                self._folder = Folder(self._path)
            changed = self._folder.changed_at()
            if changed != self._changed or self._listed - changed < _TRUST_AFTER:
                self._listed = time.time()
                self._changed = changed
                self._names = self._folder.names()
        except OSError:
            self._names = []
        return self._names

    def close(self) -> None:
        self._socket.close()
        if self._folder is not None:
            self._folder.close()
