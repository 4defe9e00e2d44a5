from typing import Any

import pytest

from stoker.brokers.redis.address import Address, parse
from stoker.jobs.errors import BrokerRefused


def at(host: str, port: int = 6379, **rest: Any) -> Address:
    return Address(place=(host, port), **rest)


def known_to(*sentinels: tuple[str, int], **rest: Any) -> Address:
    return Address(sentinels=sentinels, service="jobs", **rest)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://", Address()),
        ("redis://cache", at("cache")),
        ("redis://cache:7000/3", at("cache", 7000, database=3)),
        ("redis://cache/", at("cache")),
        ("redis://:p%40ss@cache", at("cache", password="p@ss")),
        ("redis://me:secret@cache", at("cache", username="me", password="secret")),
        ("redis://[::1]:7000", at("::1", 7000)),
        ("rediss://cache", at("cache", tls=True)),
        ("rediss://cache?ca=/ca.pem", at("cache", tls=True, parameters=(("ca", "/ca.pem"),))),
        ("redis+cluster://a", Address(nodes=(("a", 6379),))),
        (
            "redis+cluster://me:pw@a:1,[::1]:2/0",
            Address(nodes=(("a", 1), ("::1", 2)), username="me", password="pw"),
        ),
        (
            "rediss+cluster://a?ca=/ca.pem",
            Address(nodes=(("a", 6379),), tls=True, parameters=(("ca", "/ca.pem"),)),
        ),
        ("redis+sentinel://a/jobs", known_to(("a", 26379))),
        (
            "redis+sentinel://a:1,b,[::1]:3/jobs/2",
            known_to(("a", 1), ("b", 26379), ("::1", 3), database=2),
        ),
        ("redis+sentinel://:pw@a,b/jobs", known_to(("a", 26379), ("b", 26379), password="pw")),
        (
            "redis+sentinel://a/jobs?sentinel_password=s",
            known_to(("a", 26379), parameters=(("sentinel_password", "s"),)),
        ),
    ],
)
def test_a_url_says_where_and_as_whom(url: str, address: Address) -> None:
    assert parse(url) == address


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("redis://cache/jobs", "database is a number, not 'jobs'"),
        ("redis://cache/-1", "database is a number"),
        ("redis://cache/1/2", "database is a number"),
        ("redis://cache:port", "does not parse"),
        ("redis://cache:99999", "does not parse"),
        ("redis://cache?ca=/etc/ca.pem", r"'ca' is no parameter of redis:// \(there are: none\)"),
        (
            "rediss://cache?verify=no",
            r"'verify' is no parameter of rediss:// \(there are: ca, cert, key\)",
        ),
        ("rediss://cache?ca", "does not parse"),
        ("redis+cluster://a/1", "has no databases"),
        ("redis+cluster://", "names some nodes of a cluster"),
        ("redis+sentinel://a", "names sentinels and the service"),
        ("redis+sentinel:///jobs", "names sentinels and the service"),
        ("redis+sentinel://a,,b/jobs", "does not parse: '' is no host"),
        ("redis+sentinel://a:port/jobs", "does not parse"),
        ("redis+sentinel://a/jobs/x", "database is a number, not 'x'"),
        ("redis+sentinel://a/jobs?ca=x", "'ca' is no parameter"),
    ],
)
def test_a_url_that_names_no_server_is_refused(url: str, wrong: str) -> None:
    with pytest.raises(BrokerRefused, match=wrong):
        parse(url)


def test_no_message_shows_the_password() -> None:
    with pytest.raises(BrokerRefused) as raised:
        parse("redis://me:secret@cache/x?verify=no")
    assert "secret" not in str(raised.value)
    assert str(parse("redis://me:secret@cache")) == "cache:6379"
    both = "redis+sentinel://me:secret@a,b/jobs?sentinel_password=secret"
    assert str(parse(both)) == "'jobs' (known to a:26379, b:26379)"


def test_files_are_given_to_the_driver_by_its_own_names() -> None:
    options = parse("rediss://cache?ca=a.pem&cert=b.pem&key=c.pem").options()
    assert options["ssl_ca_certs"] == "a.pem"
    assert options["ssl_certfile"] == "b.pem"
    assert options["ssl_keyfile"] == "c.pem"
