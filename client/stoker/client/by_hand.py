"""Coroutines that never suspend, run without a loop."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from stoker.jobs.errors import TransactionsUnsupported

T = TypeVar("T")


def by_hand(coroutine: Coroutine[Any, Any, T], connection: object) -> T:
    """What the coroutine returns, in this very thread: connections often belong to theirs.

    Raises TransactionsUnsupported if it wants to wait for something, as it does with a connection that
    is an asynchronous one.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    coroutine.close()
    kind = type(connection)
    raise TransactionsUnsupported(
        f"a {kind.__module__}.{kind.__qualname__} is no synchronous connection: "
        "await `Client.enqueue` with it instead"
    )
