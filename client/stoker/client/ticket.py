"""What a handle knows of its job."""

from typing import Any, Literal

import msgspec


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """A job's id, and what is known beside it."""

    id: str
    created: bool = False
    returns: Any = Any
    """The type of the result."""
    origin: Literal["enqueued", "joined", "named"] = "named"
    """enqueued: the broker has acknowledged it. joined: it was written within a caller's transaction,
    which may still be open. named: somebody has said the id."""
