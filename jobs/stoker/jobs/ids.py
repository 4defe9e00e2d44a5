"""Job ids: UUIDv7 whose last byte is a hash of the job's queue.

So an id leads to its shard by itself, on every broker, and sorts by the time it was made
(RFC 9562, section 5.7).
"""

import os
import threading
import time
import uuid
from functools import lru_cache
from hashlib import blake2b

_COUNTER_BITS = 42
_COUNTER_START = (1 << (_COUNTER_BITS - 1)) - 1  # the top bit stays free, as room to count up


class IdSource:
    """Makes ids that ascend within a process, also when its clock stands still or steps back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millis = 0
        self._counter = 0

    def next(self, queue: str, at: float | None = None) -> str:
        """A new id for a job of this queue, as canonical UUID text.

        `at` is in seconds since 1970; the host's time is taken without it.
        """
        millis = _millis(time.time() if at is None else at)
        with self._lock:
            if millis > self._millis:
                self._millis = millis
                self._counter = int.from_bytes(os.urandom(6), "big") & _COUNTER_START
            else:
                self._counter += 1
            millis, counter = self._millis, self._counter
        tail = int.from_bytes(os.urandom(3), "big") << 8 | queue_byte(queue)
        value = (
            millis << 80
            | 7 << 76
            | (counter >> 30 & 0xFFF) << 64
            | 2 << 62
            | (counter & 0x3FFF_FFFF) << 32
            | tail
        )
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@lru_cache(maxsize=4096)
def queue_byte(queue: str) -> int:
    """The byte that stands for this queue at the end of its jobs' ids."""
    return blake2b(queue.encode(), digest_size=1).digest()[0]


def derived_id(queue: str, key: str, at: float) -> str:
    """The one id for this key and instant (seconds since 1970) in this queue, always the same.

    For producers that enqueue from something that has a name of its own, such as an order or a
    schedule's slot: enqueueing twice gives one job.
    """
    digest = int.from_bytes(blake2b(f"{queue}\0{key}".encode(), digest_size=10).digest(), "big")
    value = (
        _millis(at) << 80
        | 7 << 76
        | (digest >> 62 & 0xFFF) << 64
        | 2 << 62
        | (digest & 0x3FFF_FFFF_FFFF_FF00)
        | queue_byte(queue)
    )
    return str(uuid.UUID(int=value))


def _millis(at: float) -> int:
    """Cut to the field, which has 48 bits and no sign: it reaches from 1970 to the year 10889."""
    return min(max(0, int(at * 1000)), 0xFFFF_FFFF_FFFF)


def made_at(id: str) -> float:
    """The time an id was made, in seconds since 1970."""
    return (uuid.UUID(id).int >> 80) / 1000


def is_of_queue(id: str, queue: str) -> bool:
    """Whether the id carries this queue's byte. Raises ValueError if it is no UUID at all."""
    return uuid.UUID(id).int & 0xFF == queue_byte(queue)
