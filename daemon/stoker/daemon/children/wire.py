"""The child's end of the socket: blocking, and usable from every thread."""

import os
import socket
import threading
from collections.abc import Callable

import msgspec

from stoker.daemon.children.frames import LENGTH, FromChild, Setup, ToChild, packed
from stoker.daemon.children.parentage import end_with_group


class Wire:
    """Speaks with the parent. When the parent is gone, so is this process, at once."""

    def __init__(self, fd: int) -> None:
        # What the handlers start must not hold the line open when this process has ended.
        os.set_inheritable(fd, False)
        self._socket = socket.socket(fileno=fd)
        self._sending = threading.Lock()
        self._decoder = msgspec.msgpack.Decoder(ToChild)

    def send(self, frame: FromChild) -> None:
        data = packed(frame)
        try:
            with self._sending:
                self._socket.sendall(data)
        except OSError:
            end_with_group()

    def receive(self) -> ToChild:
        """Wait for the next frame."""
        length = int.from_bytes(self._exactly(LENGTH), "big")
        frame: ToChild = self._decoder.decode(self._exactly(length))
        return frame

    def receive_setup(self) -> Setup:
        setup = self.receive()
        if not isinstance(setup, Setup):
            raise TypeError(f"the parent's first frame is no Setup but {type(setup).__name__}")
        return setup

    def listen(self, hear: Callable[[ToChild], None]) -> None:
        """Hear every frame, from now on, in a thread of its own: a busy loop does not delay it."""

        def listening() -> None:
            while True:
                hear(self.receive())

        threading.Thread(target=listening, name="stoker-wire", daemon=True).start()

    def _exactly(self, count: int) -> bytes:
        parts: list[bytes] = []
        while count:
            try:
                part = self._socket.recv(min(count, 1 << 20))
            except OSError:
                part = b""
            if not part:
                end_with_group()
            parts.append(part)
            count -= len(part)
        return b"".join(parts)
