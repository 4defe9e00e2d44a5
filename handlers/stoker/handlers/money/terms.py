"""What amounts, currencies, dates and time zones must be before money is moved by them. Pure."""

import re
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stoker.jobs.errors import InvalidJob

MOST_CENTS = 2**63 - 1
"""What the columns can hold."""
_CURRENCY = re.compile(r"[A-Z]{3}")


class InvalidTerms(InvalidJob):
    """No money can be moved by these terms; the text says which part and what would be right."""


def check_cents(value: object) -> int:
    """An amount in the currency's smallest unit; a float or a text is none. Raises InvalidTerms."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MOST_CENTS:
        raise InvalidTerms(
            f"amount_cents is a whole number of the currency's smallest unit, not {value!r}"
        )
    return value


def check_currency(value: object) -> str:
    """Three capital letters. Raises InvalidTerms."""
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise InvalidTerms(f"currency is three capital letters such as EUR, not {value!r}")
    return value


def check_date(value: object, what: str) -> date:
    """A date without a time. Raises InvalidTerms."""
    if type(value) is not date:  # a datetime is a date as well, and cannot be compared with one
        raise InvalidTerms(f"{what} is a date, not {value!r}")
    return value


def check_text(value: object, what: str, *, empty: bool = False) -> str:
    """A text that a database can keep. Raises InvalidTerms."""
    if not isinstance(value, str) or "\0" in value or not (value or empty):
        raise InvalidTerms(f"{what} is a text, not {value!r}")
    return value


def zone(name: object) -> ZoneInfo:
    """The time zone of this IANA name. Raises InvalidTerms."""
    try:
        if isinstance(name, str) and name:
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass  # told below, as for what is no text
    raise InvalidTerms(f"timezone is a name such as Europe/Vienna, not {name!r}")
