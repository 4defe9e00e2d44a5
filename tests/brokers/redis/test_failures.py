import socket
from typing import Any

import pytest
from redis import exceptions

from stoker.brokers import connect
from stoker.brokers.conformance.making import (
    LEASE,
    ending,
    finish,
    held,
    ids_of,
    new_job,
    new_jobs,
    retake,
    start,
    take,
)
from stoker.brokers.redis.failures import mapped
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerError, BrokerRefused, BrokerUnavailable
from stoker.jobs.job import LogLine, Report
from stoker.jobs.state import State

from .conftest import NewServer, OwnServer

UNAVAILABLE: list[tuple[Exception, str]] = [
    (exceptions.OutOfMemoryError("command not allowed"), "is full"),
    (exceptions.ResponseError("OOM command not allowed"), "is full"),
    (exceptions.ResponseError("MISCONF Redis is configured to save"), "cannot write to its disk"),
    (exceptions.BusyLoadingError("dataset in memory"), "is loading its data"),
    (exceptions.ResponseError("BUSY Redis is busy running a script"), "busy with a script"),
    (exceptions.ReadOnlyError("can't write against a replica"), "is a replica now"),
    (exceptions.ResponseError("ERR Error: -READONLY can't write"), "is a replica now"),
    (exceptions.MasterDownError("link is down"), "without its master"),
    (exceptions.ResponseError("NOREPLICAS Not enough good replicas"), "too few replicas"),
    (exceptions.ClusterDownError("The cluster is down"), "cluster that is down"),
    (exceptions.TryAgainError("Multiple keys"), "moving these jobs"),
    (exceptions.AskError("3999 127.0.0.1:6381"), "moving these jobs"),
    (exceptions.TimeoutError("reading"), "did not answer in time"),
    (exceptions.ConnectionError("reset"), "cannot be reached"),
    (ConnectionResetError("reset"), "cannot be reached"),
]
REFUSED: list[tuple[Exception, str]] = [
    (exceptions.MovedError("3999 127.0.0.1:6381"), "name it as redis+cluster://"),
    (exceptions.NoPermissionError("no permissions"), "does not allow its user"),
    (exceptions.AuthenticationError("invalid password"), "no such user and password"),
    (exceptions.ResponseError("WRONGTYPE Operation against a key"), "something else under the keys"),
    (exceptions.ResponseError("ERR unknown command"), "refused: ERR unknown command"),
]


@pytest.mark.parametrize(("error", "text"), UNAVAILABLE, ids=lambda each: str(each)[:30])
def test_what_may_pass_is_an_outage(error: Exception, text: str) -> None:
    answer = mapped(error, "cache:6379")
    assert type(answer) is BrokerUnavailable
    assert text in str(answer) and "cache:6379" in str(answer)


@pytest.mark.parametrize(("error", "text"), REFUSED, ids=lambda each: str(each)[:30])
def test_what_does_not_pass_is_a_refusal(error: Exception, text: str) -> None:
    answer = mapped(error, "cache:6379")
    assert type(answer) is BrokerRefused
    assert text in str(answer) and "cache:6379" in str(answer)


async def test_a_full_server_refuses_new_jobs_and_lets_all_others_go_on(
    own: OwnServer, own_client: Any, offset: Offset
) -> None:
    async with connect(own.address, offset=offset) as broker:
        await broker.enqueue(new_jobs(6))
        ending_one, renewing, dying, releasing = await take(broker, 4)
        own_client.config_set("maxmemory", 1)
        with pytest.raises(BrokerUnavailable, match=r"is full .* nothing new can be enqueued"):
            await broker.enqueue([new_job()])
        line = LogLine(dying.started_at, "line")
        assert not await broker.report([Report(id=dying.id, token=dying.token, logs=(line,))])
        offset.advance(2 * LEASE)
        assert not (await broker.renew([held(renewing)], LEASE)).lost
        await finish(broker, ending_one, result=b'"' + b"x" * 10_000 + b'"')
        await finish(broker, releasing, State.PENDING)
        assert ids_of(await retake(broker)) == [dying.id]
        assert len(await take(broker)) == 3
        assert [answer.verdict for answer in await broker.cancel([renewing.id])] == ["requested"]
        own_client.config_set("maxmemory", 0)
        assert (await broker.enqueue([new_job()]))[0].created


async def test_a_server_that_has_forgotten_the_scripts_is_taught_them_again(
    own: OwnServer, own_client: Any
) -> None:
    async with connect(own.address) as broker:
        claim = await start(broker)
        own_client.script_flush()
        assert await broker.settle([ending(claim)]) == ["accepted"]


async def test_a_server_that_became_a_replica_is_an_outage_until_it_is_none(
    own: OwnServer, own_client: Any
) -> None:
    async with connect(own.address) as broker:
        own_client.execute_command("REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(BrokerUnavailable, match="replica"):
            await broker.enqueue([new_job()])
        own_client.execute_command("REPLICAOF", "NO", "ONE")
        assert (await broker.enqueue([new_job()]))[0].created


async def test_a_server_that_cannot_save_is_an_outage(own: OwnServer, own_client: Any) -> None:
    async with connect(own.address) as broker:
        own_client.config_set("min-replicas-to-write", 1)
        with pytest.raises(BrokerUnavailable, match="too few replicas"):
            await broker.enqueue([new_job()])


async def test_keys_of_somebody_else_are_refused(own: OwnServer, own_client: Any) -> None:
    own_client.set("stoker:{00}:counts", "text")
    async with connect(own.address) as broker:
        with pytest.raises(BrokerRefused, match="something else under the keys of Stoker"):
            await broker.enqueue([new_job()])


async def test_nobody_there_is_an_outage() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        broker = connect(f"redis://127.0.0.1:{bound.getsockname()[1]}")
        with pytest.raises(BrokerUnavailable, match="cannot be reached"):
            await broker.__aenter__()


@pytest.mark.parametrize(
    ("login", "text"), [("", "password"), (":wrong@", "no such user and password")]
)
async def test_a_password_is_asked_for(new_redis: NewServer, login: str, text: str) -> None:
    with new_redis("--requirepass", "right") as server, server.serving():
        with pytest.raises(BrokerRefused, match=text):
            await connect(server.address.replace("//", f"//{login}")).__aenter__()
        async with connect(server.address.replace("//", "//:right@")) as broker:
            assert (await broker.enqueue([new_job()]))[0].created


async def test_rights_that_are_not_given_are_named(own: OwnServer, own_client: Any) -> None:
    own_client.execute_command(
        "ACL", "SETUSER", "few", "on", ">pw", "~stoker:*", "&*", "+@all", "-evalsha"
    )
    async with connect(own.address.replace("//", "//few:pw@")) as broker:
        with pytest.raises(BrokerRefused, match="does not allow its user"):
            await broker.enqueue([new_job()])


def test_every_outcome_is_of_the_tree() -> None:
    assert all(isinstance(mapped(error, ""), BrokerError) for error, _ in UNAVAILABLE + REFUSED)
