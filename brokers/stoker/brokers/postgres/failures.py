"""What psycopg raises, in Stoker's words: try again, or do not."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from stoker.jobs.errors import BrokerError, BrokerRefused, BrokerUnavailable

_REFUSED: dict[type[psycopg.Error], str] = {
    errors.InvalidPassword: "does not let this user in",
    errors.InvalidAuthorizationSpecification: "does not let this user in",
    errors.InvalidCatalogName: "is not there",
    errors.InsufficientPrivilege: "does not give this user the rights that it needs",
    errors.UndefinedTable: "has not been prepared for this Stoker: run `stoker migrate`",
    errors.InvalidSchemaName: "has not been prepared for this Stoker: run `stoker migrate`",
    errors.UndefinedFunction: "has not been prepared for this Stoker: run `stoker migrate`",
    errors.UndefinedColumn: "has not been prepared for this Stoker: run `stoker migrate`",
}
_NOT_LET_IN = re.compile(
    r"authentication failed|no pg_hba\.conf entry|(database|role) \".*\" does not exist"
    r"|no password supplied|permission denied|invalid connection option|invalid port number"
    r"|root certificate|SSL is not supported|server does not support SSL"
)
"""Why a server, or libpq, turns a connection away for good. It comes as text only."""
AGAIN = (errors.DeadlockDetected, errors.SerializationFailure)
"""The server chose this one to give way to another: the same again will do."""
UNSTORABLE = (psycopg.DataError, errors.ProgramLimitExceeded, errors.StatementTooComplex)
"""What is raised for a value; anything else is about the store."""


def mapped(error: psycopg.Error | OSError, shown: str) -> BrokerError:
    """The error that a caller of a broker sees in place of this one. `shown` names the database."""
    for kind, words in _REFUSED.items():
        if isinstance(error, kind):
            return BrokerRefused(f"{shown} {words} ({_line(error)})")
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        if _NOT_LET_IN.search(str(error)):
            return BrokerRefused(f"{shown} cannot be used ({_line(error)})")
        return BrokerUnavailable(f"{shown} cannot be reached ({_line(error)})")
    if isinstance(error, psycopg.ProgrammingError | psycopg.DataError | psycopg.NotSupportedError):
        return BrokerRefused(f"{shown} refused a statement ({_line(error)})")
    return BrokerUnavailable(f"{shown} failed ({_line(error)})")


@contextmanager
def foreign_errors_mapped(shown: str) -> Iterator[None]:
    """Within, no error of psycopg or of a socket gets out."""
    try:
        yield
    except (psycopg.Error, OSError) as error:
        raise mapped(error, shown) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
