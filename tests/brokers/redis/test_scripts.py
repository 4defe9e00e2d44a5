from importlib.resources import files

import pytest
from redis import Redis

from stoker.brokers.redis.scripts import Pieces, Scripts, scripts

NEW, OLD = (7, 2), (6, 2)
NAMES = Scripts.__struct_fields__
SOURCE = {
    file.name.removesuffix(".lua"): file.read_text()
    for file in (files("stoker.brokers.redis") / "lua").iterdir()
    if file.name.endswith(".lua")
}
READING = {
    "detail",
    "due",
    "filter",
    "find",
    "get",
    "pauses",
    "queues",
    "recurring_named",
    "recurring_page",
    "workers",
}
BRINGING = {"change", "enqueue"}
"""What makes the store larger, and is refused when it is full."""


@pytest.mark.parametrize("name", NAMES)
def test_every_server_takes_every_script(client: Redis, name: str) -> None:
    version = tuple(int(part) for part in client.info("server")["redis_version"].split(".")[:2])
    client.script_load(getattr(scripts(version), name))
    client.script_load(getattr(scripts(OLD), name))


@pytest.mark.parametrize("name", NAMES)
def test_a_script_says_what_it_takes(name: str) -> None:
    assert SOURCE[name].startswith("-- ")
    assert "\n-- ARGV" in SOURCE[name] and "\n-- Uses: clock" in SOURCE[name]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_is_read_also_from_a_replica_and_the_rest_goes_on_when_full(name: str) -> None:
    first_line = getattr(scripts(NEW), name).partition("\n")[0]
    if name in READING:
        assert first_line == "#!lua flags=no-writes"
    elif name in BRINGING:
        assert first_line == "#!lua"
    else:
        assert first_line == "#!lua flags=allow-oom"


def test_an_old_server_is_told_nothing_that_it_does_not_know() -> None:
    for name in NAMES:
        assert "#!" not in getattr(scripts(OLD), name)


def test_the_clock_is_read_at_one_place() -> None:
    pieces = files("stoker.brokers.redis") / "lua" / "shared"
    texts = SOURCE | {name: (pieces / f"{name}.lua").read_text() for name in Pieces.__struct_fields__}
    assert [name for name, text in texts.items() if "'TIME'" in text] == ["clock"]


def test_no_comment_is_sent() -> None:
    for name in NAMES:
        assert "--" not in getattr(scripts(NEW), name)
