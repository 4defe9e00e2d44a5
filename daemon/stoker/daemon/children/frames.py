"""What parent and child say to each other, and how it is written: length-prefixed msgpack."""

from datetime import datetime

import msgspec

from stoker.daemon.settings import Settings
from stoker.jobs.job import Claim, Report
from stoker.jobs.outcome import (
    Crashed,
    Done,
    Ending,
    Raised,
    Released,
    Skipped,
    Snoozed,
    Stopped,
    UnknownType,
)


class Setup(msgspec.Struct, frozen=True, tag=True):
    """The first frame to every child. It may hold secrets, so it never stands in an argument list."""

    settings: Settings
    name: str
    """Of the worker: the one that the child belongs to, or that it is."""
    relative_to: str
    """The folder to which the paths in the settings are relative."""
    path: tuple[str, ...]
    """The parent's `sys.path`."""
    entry: str = ""
    """Worker processes: `module:function` to run."""
    beat: float = 1.0
    """Worker processes: seconds between signs of life."""


class StartRun(msgspec.Struct, frozen=True, tag=True):
    run: int
    claim: Claim
    deadline: datetime | None


class CancelRun(msgspec.Struct, frozen=True, tag=True):
    run: int
    """A cancel that arrives late must not hit the next run."""
    reason: str | None


class Stop(msgspec.Struct, frozen=True, tag=True):
    """End in order: an isolated child when its run is over, a worker after its drain."""


class Hurry(msgspec.Struct, frozen=True, tag=True):
    """A worker that drains is to do so faster."""


class News(msgspec.Struct, frozen=True, tag=True):
    """The answer to `NewsWanted`: the parent will not store this."""

    report: Report


ToChild = Setup | StartRun | CancelRun | News | Stop | Hurry


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The handlers are imported."""


class NotReady(msgspec.Struct, frozen=True, tag=True):
    error: str


class RunBegan(msgspec.Struct, frozen=True, tag=True):
    """From here on the run is to blame for the death of the process."""

    run: int


class Progressed(msgspec.Struct, frozen=True, tag=True):
    percent: float
    message: str | None


class Logged(msgspec.Struct, frozen=True, tag=True):
    message: str
    level: str


class NewsWanted(msgspec.Struct, frozen=True, tag=True):
    """The run completes in a transaction of its own: what it has said is to be written with that."""

    run: int


class RunEnded(msgspec.Struct, frozen=True, tag=True):
    """The run is over. The handler's task was cancelled by our wish if `kind` is empty."""

    run: int
    kind: str
    ending: msgspec.Raw
    settled_in: bool = False
    """`complete_in` has written the end already."""


class Alive(msgspec.Struct, frozen=True, tag=True):
    """A worker's sign of life, from a thread of its own."""

    turns: int
    """How often its event loop has come round to a timer since its start."""


FromChild = Ready | NotReady | RunBegan | Progressed | Logged | NewsWanted | RunEnded | Alive

_ENDINGS: dict[str, type[Ending]] = {
    kind.__name__: kind
    for kind in (Done, Raised, Snoozed, Stopped, Skipped, Released, UnknownType, Crashed)
}


def run_ended(run: int, ending: Ending | None, *, settled_in: bool = False) -> RunEnded:
    """The frame for this ending; None for a run that ended by our own cancel."""
    kind = "" if ending is None else type(ending).__name__
    return RunEnded(run, kind, msgspec.Raw(msgspec.msgpack.encode(ending)), settled_in)


def ending_in(frame: RunEnded) -> Ending | None:
    """The ending that `run_ended` wrote."""
    if not frame.kind:
        return None
    return msgspec.msgpack.decode(frame.ending, type=_ENDINGS[frame.kind])


LENGTH = 4
"""Bytes before each frame: its length, big-endian."""

_encoder = msgspec.msgpack.Encoder()


def packed(frame: ToChild | FromChild) -> bytes:
    """The frame as bytes, with its length in front."""
    body = _encoder.encode(frame)
    return len(body).to_bytes(LENGTH, "big") + body


class Unpacker:
    """Cuts a stream of bytes from a child into frames."""

    def __init__(self) -> None:
        self._decoder = msgspec.msgpack.Decoder(FromChild)
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[FromChild]:
        """The frames that are complete now. Raises msgspec.MsgspecError for what is no frame."""
        held = self._bytes
        held += data
        frames: list[FromChild] = []
        at = 0
        while len(held) - at >= LENGTH:
            end = at + LENGTH + int.from_bytes(held[at : at + LENGTH], "big")
            if end > len(held):
                break
            frames.append(self._decoder.decode(bytes(held[at + LENGTH : end])))
            at = end
        del held[:at]
        return frames
