import asyncio
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import anyio
import msgspec
import pytest

from stoker.brokers.sqlite.wake import LARGEST, Folder, Letterbox, Post, folder_of
from stoker.jobs.operating import Wakeup

SOON = 10.0
READY = Wakeup("ready", ("mail",))


@pytest.fixture
def post(path: Path) -> Iterator[Post]:
    post = Post(path)
    yield post
    post.close()


class Reader:
    """A letterbox with what has come to it."""

    def __init__(self, path: Path, kind: str = "ready") -> None:
        self.letters: asyncio.Queue[Wakeup] = asyncio.Queue()
        box = Letterbox.open(path, kind, self.letters.put_nowait)
        assert box is not None
        self.box = box

    async def next(self) -> Wakeup:
        with anyio.fail_after(SOON):
            return await self.letters.get()


def send(post: Post, wakeup: Wakeup = READY, kind: str = ".ready") -> None:
    post.send(kind, wakeup, frozenset())


async def test_a_letter_comes_to_every_box_of_its_kind(path: Path, post: Post) -> None:
    first, second, other = Reader(path), Reader(path), Reader(path, "wait")
    send(post)
    assert [await first.next(), await second.next()] == [READY, READY]
    send(post, Wakeup("settled", ids=("a",)), ".wait")
    assert await other.next() == Wakeup("settled", ids=("a",))
    assert first.letters.empty() and other.letters.empty()
    for reader in (first, second, other):
        reader.box.close()


async def test_a_letter_is_not_sent_to_those_that_are_left_out(path: Path, post: Post) -> None:
    own, other = Reader(path), Reader(path)
    post.send(".ready", READY, frozenset({own.box.name}))
    assert await other.next() == READY
    assert own.letters.empty()
    own.box.close()
    other.box.close()


async def test_whoever_begins_to_listen_later_is_noticed(path: Path, post: Post) -> None:
    assert not post.has(".ready")
    reader = Reader(path)
    assert post.has(".ready") and not post.has(".wait")
    send(post)
    assert await reader.next() == READY
    later = Reader(path)
    send(post)
    assert await later.next() == READY
    reader.box.close()
    later.box.close()
    assert not post.has(".ready")


async def test_a_closed_box_leaves_nothing_behind(path: Path) -> None:
    reader = Reader(path)
    assert os.listdir(folder_of(path)) == [reader.box.name]
    reader.box.close()
    assert os.listdir(folder_of(path)) == []


async def test_the_box_of_a_dead_process_is_cleared_away(path: Path, post: Post) -> None:
    living = Reader(path)
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    dead.bind(str(folder_of(path) / "1-dead.ready"))
    dead.close()
    send(post)
    assert await living.next() == READY
    assert os.listdir(folder_of(path)) == [living.box.name]
    living.box.close()


async def test_a_letter_that_would_be_too_large_says_any(path: Path, post: Post) -> None:
    reader = Reader(path)
    send(post, Wakeup("cancel", ids=tuple(f"{number:036}" for number in range(LARGEST // 36))))
    assert await reader.next() == Wakeup("cancel")
    reader.box.close()


async def test_letters_of_another_version_are_passed_over(path: Path, post: Post) -> None:
    reader = Reader(path)
    folder = Folder(folder_of(path))  # an address of the socket that is short however long the path is
    stranger = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    for data in (b"", b"not json", b'{"kind": "of tomorrow"}', b"\xff" * 100):
        stranger.sendto(data, folder.address(reader.box.name))
    stranger.close()
    folder.close()
    send(post)
    assert await reader.next() == READY
    assert reader.letters.empty()
    reader.box.close()


async def test_a_full_box_stops_nobody(path: Path, post: Post) -> None:
    reader = Reader(path)
    for _ in range(5000):  # more than any socket holds; nothing of it is read meanwhile
        send(post)
    assert await reader.next() == READY
    reader.box.close()


async def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / ("long-" * 40) / ("name-" * 40) / "jobs.db"
    await anyio.Path(path.parent).mkdir(parents=True)
    reader, post = Reader(path), Post(path)
    send(post)
    assert await reader.next() == READY
    reader.box.close()
    post.close()


async def test_boxes_are_nobody_elses_business(path: Path) -> None:
    reader = Reader(path)
    assert stat.S_IMODE(os.stat(folder_of(path)).st_mode) == 0o700
    reader.box.close()


async def test_where_there_can_be_no_folder_there_is_no_box(path: Path, post: Post) -> None:
    await anyio.Path(folder_of(path)).touch()
    assert Letterbox.open(path, "ready", lambda wakeup: None) is None
    assert not post.has(".ready")
    send(post)


def test_a_letter_is_a_wakeup_as_json() -> None:
    assert msgspec.json.decode(msgspec.json.encode(READY), type=Wakeup) == READY
