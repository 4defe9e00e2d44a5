import contextlib
import os
import threading
from collections.abc import Iterator

import pytest

from stoker.daemon.logs.line_writer import LineWriter

LIMIT = 10.0
"""Seconds after which a test gives up."""


def notice(count: int) -> bytes:
    return f"{count} left out\n".encode()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for fd in (reading, writing):
        with contextlib.suppress(OSError):  # the test may have closed it
            os.close(fd)


def read_all(fd: int) -> bytes:
    data = b""
    while piece := os.read(fd, 1 << 16):
        data += piece
    return data


def test_lines_come_out_whole_and_in_order(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1], notice)
    lines = [b"%d " % number + b"x" * 50 + b"\n" for number in range(1000)]
    for line in lines:
        writer.write(line)
    writer.close()
    os.close(pipe[1])
    assert read_all(pipe[0]) == b"".join(lines)


def test_who_logs_does_not_wait_for_who_reads(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1], notice, limit=100_000)
    done = threading.Event()

    def log() -> None:
        for _ in range(5000):  # many times what the pipe holds
            writer.write(b"x" * 200 + b"\n")
        done.set()

    threading.Thread(target=log, daemon=True).start()
    assert done.wait(LIMIT), "a write waited for the reader, and nobody reads"
    collected: list[bytes] = []
    reader = threading.Thread(target=lambda: collected.append(read_all(pipe[0])), daemon=True)
    reader.start()
    writer.close(LIMIT)
    os.close(pipe[1])
    reader.join(LIMIT)
    assert collected == [(b"x" * 200 + b"\n") * 5000]


def test_lines_that_nobody_takes_are_left_out_and_counted(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1], notice, limit=10)
    full = b"x" * 300_000 + b"\n"  # more than the pipe holds: the thread is caught in its write
    writer.write(full)
    assert os.read(pipe[0], 1) == b"x"
    for number in range(15):
        writer.write(b"%d\n" % number)
    collected: list[bytes] = []
    reader = threading.Thread(target=lambda: collected.append(read_all(pipe[0])), daemon=True)
    reader.start()
    writer.close(LIMIT)
    os.close(pipe[1])
    reader.join(LIMIT)
    expected = b"".join(b"%d\n" % number for number in range(10)) + b"5 left out\n"
    assert collected[0][len(full) - 1 :] == expected


def test_a_reader_that_has_gone_does_no_harm(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1], notice)
    os.close(pipe[0])
    writer.write(b"into the void\n")
    writer.close(LIMIT)
    assert not writer._thread.is_alive()


def test_a_descriptor_that_does_not_block_gets_every_line(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    writer = LineWriter(pipe[1], notice)
    data = b"x" * 500_000 + b"\n"
    writer.write(data)
    collected: list[bytes] = []
    reader = threading.Thread(target=lambda: collected.append(read_all(pipe[0])), daemon=True)
    reader.start()
    writer.close(LIMIT)
    os.close(pipe[1])
    reader.join(LIMIT)
    assert collected == [data]


def test_closing_does_not_wait_for_ever(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1], notice)
    writer.write(b"x" * 500_000 + b"\n")
    os.read(pipe[0], 1)
    writer.close(0.01)
    assert writer._thread.is_alive()  # caught in its write still
    read = len(os.read(pipe[0], 1 << 20))
    while read < 500_000:
        read += len(os.read(pipe[0], 1 << 20))
    writer._thread.join(LIMIT)
    assert not writer._thread.is_alive()
