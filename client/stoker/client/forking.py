"""Forks of this process, told to those who hold connections."""

# Executors hold a lock of theirs around a fork too, and closing a connection needs an executor. What is
# registered last is called first: so they must have registered before us.
import concurrent.futures.thread  # noqa: F401
import os
import threading
from functools import cache
from typing import Protocol
from weakref import WeakSet


class Forked(Protocol):
    """Somebody who holds connections that must not be in two processes."""

    def before_fork(self) -> None: ...

    def after_fork(self) -> None:
        """In the thread that forks: in the parent, and in the child."""
        ...


class ForkWatch:
    """Calls whom it knows around each `os.fork`. Programs that are started (`subprocess`) are none."""

    def __init__(self) -> None:
        self._watched: WeakSet[Forked] = WeakSet()
        self._held: list[Forked] = []
        self._abandoned: list[object] = []
        self._forking = threading.RLock()
        os.register_at_fork(
            before=self._before, after_in_parent=self._after, after_in_child=self._after
        )

    def add(self, one: Forked) -> None:
        """From now on, until nobody else knows it any more."""
        self._watched.add(one)

    def abandon(self, inherited: object) -> None:
        """Keep this for as long as the process lives, so that nothing in it is ever closed."""
        self._abandoned.append(inherited)

    def _before(self) -> None:
        self._forking.acquire()
        self._held = list(self._watched)
        for one in self._held:
            one.before_fork()

    def _after(self) -> None:
        held, self._held = self._held, []
        for one in held:
            one.after_fork()
        self._forking.release()


@cache
def fork_watch() -> ForkWatch:
    """The one of this process: what is registered with the interpreter stays registered."""
    return ForkWatch()
