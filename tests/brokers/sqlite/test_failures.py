import sqlite3
from pathlib import Path

import pytest

from stoker.brokers.sqlite.failures import foreign_errors_mapped, mapped, primary_code
from stoker.jobs.errors import BrokerError, BrokerRefused, BrokerUnavailable

UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: "locked by another connection's open transaction",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_FULL: "no room left on its disk",
    sqlite3.SQLITE_IOERR: "could not be read or written",
    sqlite3.SQLITE_CANTOPEN: "could not be opened",
    sqlite3.SQLITE_INTERRUPT: "did not answer in time",
    sqlite3.SQLITE_NOMEM: "out of memory",
    sqlite3.SQLITE_PROTOCOL: "too much contention",
    sqlite3.SQLITE_SCHEMA: "being migrated",
    sqlite3.SQLITE_ERROR: "failed",
}
REFUSED = {
    sqlite3.SQLITE_CORRUPT: "is damaged",
    sqlite3.SQLITE_NOTADB: "is no SQLite database",
    sqlite3.SQLITE_READONLY: "may not be written to",
    sqlite3.SQLITE_PERM: "may not be opened",
    sqlite3.SQLITE_AUTH: "may not be used",
}
BUSY_SNAPSHOT = 517
READONLY_DIRECTORY = 1544


def raised(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("the text")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(("code", "text"), sorted(UNAVAILABLE.items()))
def test_what_may_pass_is_an_outage(code: int, text: str) -> None:
    error = mapped(raised(code), "/srv/jobs.db")
    assert type(error) is BrokerUnavailable
    assert text in str(error) and "/srv/jobs.db" in str(error) and "the text" in str(error)


@pytest.mark.parametrize(("code", "text"), sorted(REFUSED.items()))
def test_what_does_not_pass_is_a_refusal(code: int, text: str) -> None:
    error = mapped(raised(code), "/srv/jobs.db")
    assert type(error) is BrokerRefused
    assert text in str(error) and "/srv/jobs.db" in str(error)


@pytest.mark.parametrize(
    ("code", "kind"), [(BUSY_SNAPSHOT, BrokerUnavailable), (READONLY_DIRECTORY, BrokerRefused)]
)
def test_an_extended_code_is_read_by_its_primary_one(code: int, kind: type[BrokerError]) -> None:
    assert type(mapped(raised(code), "jobs.db")) is kind


def test_an_error_of_the_module_itself_has_no_code() -> None:
    assert primary_code(sqlite3.ProgrammingError("closed")) == 0
    assert type(mapped(sqlite3.ProgrammingError("closed"), "jobs.db")) is BrokerUnavailable


def test_within_no_foreign_error_gets_out_and_others_do() -> None:
    with pytest.raises(BrokerUnavailable) as raised_here, foreign_errors_mapped(Path("jobs.db")):
        sqlite3.connect(":memory:").execute("SELECT * FROM nowhere")
    assert isinstance(raised_here.value.__cause__, sqlite3.OperationalError)
    with pytest.raises(KeyError), foreign_errors_mapped(Path("jobs.db")):
        raise KeyError("own")
