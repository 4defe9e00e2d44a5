"""Telling what is wrong with one row from what is wrong with the database."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable
from sqlalchemy.exc import (
    DatabaseError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)

from stoker.handlers.money.terms import InvalidTerms
from stoker.jobs.codec import storable

T = TypeVar("T")


def rows_of(connection: Connection, statement: Executable) -> list[dict[str, Any]]:
    """What the query finds. Raises InvalidTerms if a column holds what its type cannot be."""
    try:
        return [dict(row) for row in connection.execute(statement).mappings()]
    except (ValueError, TypeError) as error:
        raise InvalidTerms(f"a column cannot be read: {error}") from error


def fault_of_row(error: Exception) -> str | None:
    """What is wrong with the data of one row, in words; None if it is not the data."""
    if isinstance(error, InvalidTerms):
        return storable(str(error), 500)
    if not isinstance(error, DatabaseError):
        return None
    if isinstance(error, OperationalError | ProgrammingError | NotSupportedError):
        return None
    return storable(f"the database refuses it: {error.orig}", 500)


def apart(
    ids: Sequence[int],
    work: Callable[[Sequence[int]], list[T]],
    spoilt: Callable[[int, str], T],
) -> list[T]:
    """Do the work for all of these at once; where a row spoils it, for each half, down to that row.

    `work` leaves nothing behind when it raises. Whatever is no row's fault is raised.
    """
    if not ids:
        return []
    try:
        return work(ids)
    except Exception as error:
        why = fault_of_row(error)
        if why is None:
            raise
    if len(ids) == 1:
        return [spoilt(ids[0], why)]
    half = len(ids) // 2
    return apart(ids[:half], work, spoilt) + apart(ids[half:], work, spoilt)
