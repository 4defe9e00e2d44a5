import pytest

from stoker.brokers.redis.address import Address, parse
from stoker.jobs.errors import BrokerRefused


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://", Address()),
        ("redis://cache", Address(host="cache")),
        ("redis://cache:7000/3", Address(host="cache", port=7000, database=3)),
        ("redis://cache/", Address(host="cache")),
        ("redis://:p%40ss@cache", Address(host="cache", password="p@ss")),
        ("redis://me:secret@cache", Address(host="cache", username="me", password="secret")),
        ("rediss://cache", Address(host="cache", tls=True)),
        (
            "rediss://cache?ca=/etc/ca.pem",
            Address(host="cache", tls=True, files=(("ca", "/etc/ca.pem"),)),
        ),
        ("redis://[::1]:7000", Address(host="::1", port=7000)),
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
    ],
)
def test_a_url_that_names_no_server_is_refused(url: str, wrong: str) -> None:
    with pytest.raises(BrokerRefused, match=wrong):
        parse(url)


def test_no_message_shows_the_password() -> None:
    with pytest.raises(BrokerRefused) as raised:
        parse("redis://me:secret@cache/x?verify=no")
    assert "secret" not in str(raised.value)
    assert "secret" not in str(parse("redis://me:secret@cache"))


def test_files_are_given_to_the_driver_by_its_own_names() -> None:
    options = parse("rediss://cache?ca=a.pem&cert=b.pem&key=c.pem").options()
    assert options["ssl_ca_certs"] == "a.pem"
    assert options["ssl_certfile"] == "b.pem"
    assert options["ssl_keyfile"] == "c.pem"
