"""Hints on their way out: gathered for a moment, and sent in few letters by NOTIFY."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress

import msgspec

from stoker.brokers.notes import Notes
from stoker.jobs.errors import BrokerError
from stoker.jobs.operating import Wakeup

CHANNEL = "stoker"
READY_EVERY = 0.005
"""Seconds between letters of one process: the first goes at once, what follows goes together."""
IDS_PER_LETTER = 150
QUEUES_PER_LETTER = 50
"""A letter has 8,000 bytes at most. More queues than this are written as "any"."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Wakeup).decode


def letters(notes: Notes) -> list[str]:
    """What is to be told, as the payloads of notifications."""
    return [_encode(wakeup).decode() for wakeup in _wakeups(notes)]


def _wakeups(notes: Notes) -> Iterator[Wakeup]:
    if notes.ready:
        few = len(notes.ready) <= QUEUES_PER_LETTER
        yield Wakeup("ready", tuple(sorted(notes.ready)) if few else ())
    if notes.paused:
        yield Wakeup("pause")
    for begin in range(0, len(notes.cancelled), IDS_PER_LETTER):
        yield Wakeup("cancel", ids=tuple(notes.cancelled[begin : begin + IDS_PER_LETTER]))
    for begin in range(0, len(notes.settled), IDS_PER_LETTER):
        yield Wakeup("settled", ids=tuple(notes.settled[begin : begin + IDS_PER_LETTER]))


def read(letter: str) -> Notes | None:
    """What a notification says; None if it is none of ours. Of "any" queue it says an empty name."""
    try:
        wakeup = _decode(letter)
    except msgspec.MsgspecError:
        return None
    notes = Notes()
    if wakeup.kind == "ready":
        notes.ready.update(wakeup.queues or ("",))
    elif wakeup.kind == "pause":
        notes.paused = True
    elif wakeup.kind == "cancel":
        notes.cancelled += wakeup.ids
    else:
        notes.settled += wakeup.ids
    return notes


def letter_of_ready(queues: set[str]) -> str | None:
    """The payload that says so of these queues."""
    if not queues:
        return None
    notes = Notes()
    notes.ready = queues
    return letters(notes)[0]


class Teller:
    """Sends what verbs have made true. Nobody waits for it; what cannot be sent is left to polls."""

    def __init__(self, send: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        self._send = send
        self._gathered = Notes()
        self._task: asyncio.Task[None] | None = None
        self._sent = 0.0

    def lets_go_along(self) -> bool:
        """Whether a statement may take its own letter along: the first goes at once."""
        now = asyncio.get_running_loop().time()
        if now < self._sent + READY_EVERY or not (self._task is None or self._task.done()):
            return False
        self._sent = now
        return True

    def tell(self, notes: Notes) -> None:
        if not (notes.ready or notes.cancelled or notes.settled or notes.paused):
            return
        self._gathered.ready |= notes.ready
        self._gathered.cancelled += notes.cancelled
        self._gathered.settled += notes.settled
        self._gathered.paused |= notes.paused
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._go_on())

    async def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        while letters(self._gathered):
            await asyncio.sleep(self._sent + READY_EVERY - loop.time())
            written, self._gathered = letters(self._gathered), Notes()
            self._sent = loop.time()
            with suppress(BrokerError):
                await self._send(written)

    async def close(self) -> None:
        """Sends what has gathered."""
        if self._task is not None:
            await asyncio.wait((self._task,))
