import socket

import msgspec
import pytest

from stoker.daemon.children.frames import (
    Alive,
    Logged,
    Progressed,
    Ready,
    Setup,
    Unpacker,
    ending_in,
    packed,
    run_ended,
)
from stoker.daemon.children.wire import Wire
from stoker.daemon.settings import QueueLimit, Settings
from stoker.jobs.operating import Keep
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
from stoker.jobs.state import State

FRAMES = [Ready(), Logged("Grüße", "info"), Progressed(12.5, None), Alive(7)]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_frames_come_out_whole_however_the_stream_is_cut(size: int) -> None:
    stream = b"".join(packed(frame) for frame in FRAMES)
    unpacker = Unpacker()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert [frame for piece in pieces for frame in unpacker.feed(piece)] == FRAMES


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(msgspec.MsgspecError):
        Unpacker().feed(b"\0\0\0\1x")


@pytest.mark.parametrize(
    "ending",
    [
        Done(b'{"rows": 3}', None),
        Done(None, "too large"),
        Raised("ValueError: no", "trace", for_good=True),
        Raised("TimeoutError: long", timed_out=True),
        Raised("Busy: later", delay=3.5),
        Snoozed(60.0),
        Stopped("not needed"),
        Skipped(None),
        Released("shutdown", started=False),
        UnknownType(),
        Crashed(True, "signal 11"),
        None,
    ],
)
def test_every_ending_survives_the_way_to_the_parent(ending: Ending | None) -> None:
    [frame] = Unpacker().feed(packed(run_ended(1, ending)))
    assert ending_in(frame) == ending


def test_the_whole_configuration_reaches_a_child() -> None:
    settings = Settings(
        broker="postgresql://user:secret@host/jobs",
        queues=("mail", QueueLimit(name="pdf", limit=2)),
        retention={State.COMPLETED: Keep(age=5.0, count=7)},
        cron={"mail.send": {"cron": "*/2 * * * *", "overlap": "skip"}},
    )
    setup = Setup(settings, "front-1", "/srv", ("/srv",), entry="app:run")
    ours, theirs = socket.socketpair()
    with ours:
        wire = Wire(theirs.detach())
        ours.sendall(packed(setup))
        assert wire.receive_setup() == setup
