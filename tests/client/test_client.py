import os
from pathlib import Path
from typing import Any

import pytest

from stoker.brokers import Broker
from stoker.client import Client
from stoker.jobs.errors import BrokerRefused, BrokerUnavailable

from .conftest import plain


async def test_a_client_of_a_url_connects_and_closes(file: str) -> None:
    client = Client(file)
    async with client as entered:
        assert entered is client
        await client.enqueue(plain.bind())
        broker = client.broker
    with pytest.raises(BrokerUnavailable):
        await broker.queues()
    async with client:  # and again
        assert len(await client.queues()) == 1


async def test_a_client_of_a_broker_leaves_closing_it_to_its_owner(broker: Broker) -> None:
    async with Client(broker) as client:
        await client.enqueue(plain.bind())
    assert len(await broker.queues()) == 1
    assert len(await Client(broker).queues()) == 1  # what is open need not be entered


async def test_a_client_that_is_not_connected_says_how_to(file: str) -> None:
    client = Client(file)
    with pytest.raises(BrokerRefused, match=r"use it as `async with Client\(…\) as stoker`"):
        await client.enqueue(plain.bind())
    with pytest.raises(BrokerRefused, match="not connected"):
        client.handle("an id")


async def test_a_client_is_entered_once_at_a_time(file: str) -> None:
    async with Client(file) as client:
        with pytest.raises(BrokerRefused, match="connected already"):
            await client.__aenter__()
        assert await client.queues() == []


async def test_a_relative_path_is_of_the_folder_that_is_given(file: str, database: Path) -> None:
    async with Client("sqlite:///jobs.db", relative_to=database.parent) as client:
        assert await client.queues() == []


async def test_else_of_the_working_directory_when_the_client_was_made(
    file: str, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(database.parent)
    client = Client("sqlite:///jobs.db")
    monkeypatch.chdir("/")
    async with client:
        assert await client.queues() == []


async def test_a_database_is_made_only_where_that_is_asked_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    with pytest.raises(BrokerRefused, match="there is no database"):
        await Client(url).__aenter__()
    assert os.listdir(tmp_path) == []
    async with Client(url, create=True) as client:
        assert await client.queues() == []


@pytest.mark.parametrize("url", ["nonsense", "oracle://host", "sqlite://", "sqlite:///", ""])
def test_a_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(BrokerRefused, match="broker URL"):
        Client(url)


@pytest.mark.parametrize("wrong", [None, 7, Path("jobs.db")])
def test_what_is_no_broker_is_refused_at_once(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a client takes a broker's URL, or a broker, not"):
        Client(wrong)


async def test_it_can_be_made_from_a_configuration(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STOKER__BROKER", raising=False)
    config = tmp_path / "config.yaml"
    config.write_text("broker: sqlite:///jobs.db\nmax_payload: 100\n")
    async with Client.from_config(config) as client:
        await client.enqueue(plain.bind())
        with pytest.raises(ValueError, match="at most 100 are allowed"):
            await client.enqueue("plain", {"number": "1" * 100})


async def test_a_child_of_the_class_stays_one(tmp_path: Path) -> None:
    class Ours(Client):
        pass

    config = tmp_path / "config.yaml"
    config.write_text("broker: memory://\n")
    made: Any = Ours.from_config(config)
    assert type(made) is Ours
