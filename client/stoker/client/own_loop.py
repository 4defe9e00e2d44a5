"""A client of one's own for code that cannot await: connected on first use, and anew after a fork."""

import os
import threading
import weakref
from collections.abc import Callable
from typing import TypeVar

from stoker.client.client import Client
from stoker.client.forking import fork_watch
from stoker.client.loop_thread import Left, LoopThread
from stoker.client.reach import Work

T = TypeVar("T")

FORK_PATIENCE = 10.0
"""Seconds that a fork waits for a thread which is just connecting."""


class OwnLoop:
    """At most one thread, for all threads that call.

    Before a fork the thread is closed, and parent and child open one each when they next need it: so no
    connection is ever in two processes. SQLite would otherwise believe in the child that it holds the
    locks which the parent holds, and lose what the child writes once the parent closes. A thread that
    could not be closed in time, or a fork that Python does not know of, leaves a connection in the
    child, which is kept there, and neither used nor closed.
    """

    def __init__(self, make: Callable[[], Client]) -> None:
        """`make` gives a client that is not connected."""
        self._make = make
        self._lock = threading.Lock()
        self._thread: LoopThread | None = None
        self._finalizer: weakref.finalize[..., OwnLoop] | None = None
        self._locked_for_fork = False

    def run(self, work: Work[T], *, repeatable: bool = False) -> T:
        while True:
            thread = self._connected()
            try:
                return thread.run(work, repeatable=repeatable)
            except Left:
                with self._lock:
                    if self._thread is thread:
                        self._drop()

    def connect(self) -> None:
        """Connect now, if it is not yet."""
        self._connected()

    def close(self) -> None:
        with self._lock:
            thread = self._drop()
        if thread is not None:
            thread.close()

    def before_fork(self) -> None:
        """Hold everybody, and close what is open."""
        self._locked_for_fork = self._lock.acquire(timeout=FORK_PATIENCE)
        if self._locked_for_fork and (thread := self._drop()) is not None:
            try:
                if not thread.close(again=True):
                    fork_watch().abandon(thread)
            except Exception:
                pass  # it has ended, if not well; and a fork has nobody to tell

    def after_fork(self) -> None:
        """Go on: in the parent, and in the child."""
        if self._locked_for_fork:
            self._locked_for_fork = False
            self._lock.release()

    def _connected(self) -> LoopThread:
        thread = self._thread
        if thread is not None and thread.pid == os.getpid():
            return thread
        with self._lock:
            if self._thread is None or self._thread.pid != os.getpid():
                self._drop()
                self._thread = self._open()
            return self._thread

    def _open(self) -> LoopThread:
        fork_watch().add(self)
        thread = LoopThread(self._make)
        thread.start()
        # If this object is dropped without being closed, its thread ends all the same.
        self._finalizer = weakref.finalize(self, thread.let_go)
        self._finalizer.atexit = False
        return thread

    def _drop(self) -> LoopThread | None:
        """Forget the thread; it, if it is this process's."""
        thread, self._thread = self._thread, None
        if self._finalizer is not None:
            self._finalizer.detach()
        if thread is not None and thread.pid != os.getpid():
            fork_watch().abandon(thread)
            return None
        return thread
