from pathlib import Path

import pytest
from sqlalchemy import Engine

from stoker.handlers.money.gateway import VARIABLE, open_gateway
from stoker.handlers.money.ledger import Ledger
from stoker.jobs.errors import ConfigError

LEDGER = "stoker.handlers.money.ledger:open_ledger"


def test_the_gateway_is_what_the_named_opener_gives(
    monkeypatch: pytest.MonkeyPatch, sqlite_engine: Engine, tmp_path: Path
) -> None:
    monkeypatch.setenv("STOKER_DATABASE_URL", f"sqlite:///{tmp_path}/app.db")
    monkeypatch.setenv(VARIABLE, LEDGER)
    with open_gateway() as gateway:
        assert isinstance(gateway, Ledger)


def test_the_gateway_is_closed_as_its_opener_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "acme_payments.py").write_text(
        "from contextlib import contextmanager\n"
        "events = []\n"
        "@contextmanager\n"
        "def open_gateway():\n"
        "    events.append('open')\n"
        "    yield 'gateway'\n"
        "    events.append('close')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(VARIABLE, "acme_payments:open_gateway")
    with open_gateway() as gateway:
        import acme_payments

        assert (gateway, acme_payments.events) == ("gateway", ["open"])
    assert acme_payments.events == ["open", "close"]


def test_without_a_name_nobody_is_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=f"{VARIABLE} is not set"), open_gateway():
        pass


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("acme.payments:open_gateway", "names what is not there"),
        ("stoker.handlers.money.ledger:open_nothing", "names what is not there"),
        ("not a name", "names what is not there"),
        ("stoker.handlers.money.ledger:MAX_KEY", "gives a context manager"),
        ("stoker.handlers.money.terms:InvalidTerms", "gives a context manager"),
    ],
)
def test_a_name_that_leads_to_no_opener_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    monkeypatch.setenv(VARIABLE, name)
    with pytest.raises(ConfigError, match=told), open_gateway():
        pass
