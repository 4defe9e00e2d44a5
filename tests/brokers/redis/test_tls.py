import time
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from tests.servers import tls
from tests.servers.tls import Certificates

from stoker.brokers import Broker, connect
from stoker.brokers.conformance.making import SOON, ending, ids_of, new_job, new_jobs, take
from stoker.brokers.redis import connections
from stoker.jobs.errors import BrokerError

Parameters = dict[str, str]
WITHIN = 3.0
"""Seconds until whoever cannot connect is told so, where somebody answers at all."""


@pytest.fixture(params=["redis", "valkey"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "right")


@pytest.fixture
def others(tmp_path: Path) -> Certificates:
    """Of an authority that nobody on the other side knows."""
    return Certificates(tmp_path / "other")


async def work(broker: Broker) -> None:
    jobs = new_jobs(20)
    await broker.enqueue(jobs)
    claims = await take(broker)
    assert ids_of(claims) == ids_of(jobs)
    assert await broker.settle([ending(claim) for claim in claims]) == ["accepted"] * 20


async def refused(url: str) -> str:
    """What whoever opens this broker is told, and soon."""
    before = time.monotonic()
    with anyio.fail_after(SOON), pytest.raises(BrokerError) as told:
        await connect(url).__aenter__()
    assert time.monotonic() - before < WITHIN
    return str(told.value)


async def test_jobs_go_over_tls(engine: str, certificates: Certificates) -> None:
    async with (
        tls.serving(engine, certificates) as ports,
        connect(tls.url(ports.tls, certificates.trusted())) as broker,
    ):
        await work(broker)


async def test_hints_go_over_tls(engine: str, certificates: Certificates) -> None:
    async with (
        tls.serving(engine, certificates) as ports,
        connect(tls.url(ports.tls, certificates.trusted())) as broker,
    ):
        wakeups = broker.wakeups()
        with anyio.fail_after(SOON):
            await anext(wakeups)
            await broker.enqueue([new_job("mail")])
            assert (await anext(wakeups)).queues == ("mail",)
        await wakeups.aclose()  # type: ignore[attr-defined]


async def test_a_payload_of_many_records_of_tls_arrives_whole(
    engine: str, certificates: Certificates
) -> None:
    payload = b'"' + bytes(range(97, 123)) * 40_000 + b'"'  # about a megabyte
    async with (
        tls.serving(engine, certificates) as ports,
        connect(tls.url(ports.tls, certificates.trusted())) as broker,
    ):
        await broker.enqueue([new_job(payload=payload)])
        (claim,) = await take(broker)
        assert claim.payload == payload


async def test_a_server_that_asks_for_a_certificate_gets_it(
    engine: str, certificates: Certificates
) -> None:
    async with (
        tls.serving(engine, certificates, mutual=True) as ports,
        connect(tls.url(ports.tls, certificates.known())) as broker,
    ):
        await work(broker)


async def test_a_client_without_the_certificate_that_is_asked_for_is_told_soon(
    engine: str, certificates: Certificates, others: Certificates
) -> None:
    async with tls.serving(engine, certificates, mutual=True) as ports:
        place = f"127.0.0.1:{ports.tls}"
        assert place in await refused(tls.url(ports.tls, certificates.trusted()))
        strange = {**others.known(), **certificates.trusted()}
        assert place in await refused(tls.url(ports.tls, strange))


@pytest.mark.parametrize(
    ("parameters", "host"),
    [
        pytest.param(lambda right, other: {}, "127.0.0.1", id="no authority"),
        pytest.param(lambda right, other: other.trusted(), "127.0.0.1", id="another authority"),
        pytest.param(lambda right, other: right.trusted(), "localhost", id="another name"),
    ],
)
async def test_a_server_that_is_not_to_be_trusted_gets_nothing(
    parameters: Callable[[Certificates, Certificates], Parameters],
    host: str,
    certificates: Certificates,
    others: Certificates,
) -> None:
    async with tls.serving("valkey", certificates) as ports:
        url = tls.url(ports.tls, parameters(certificates, others), host)
        assert "certificate verify failed" in await refused(url)


async def test_a_file_that_is_none_of_a_certificate_is_refused(
    certificates: Certificates, tmp_path: Path
) -> None:
    text = tmp_path / "text"
    text.write_text("no certificate")
    async with tls.serving("valkey", certificates) as ports:
        for path in (text, tmp_path / "missing"):
            assert f"127.0.0.1:{ports.tls}" in await refused(tls.url(ports.tls, {"ca": str(path)}))


async def test_without_tls_a_port_for_tls_is_an_outage(engine: str, certificates: Certificates) -> None:
    async with tls.serving(engine, certificates) as ports:
        assert "cannot be reached" in await refused(f"redis://127.0.0.1:{ports.tls}/0")


async def test_with_tls_a_port_without_it_is_an_outage_in_time(
    engine: str, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "ANSWER_WITHIN", 0.5)
    async with tls.serving(engine, certificates) as ports:
        told = await refused(tls.url(ports.plain, certificates.trusted()))
        assert "did not answer in time" in told
