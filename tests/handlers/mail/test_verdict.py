from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from stoker.handlers.mail.mailer import Delivery, Refusal
from stoker.handlers.mail.message import Mail
from stoker.handlers.mail.verdict import Row, after

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MAIL = Mail(to=("a@x.org", "b@x.org"), subject="s", text="t")
ROW = Row(id=1, mail=MAIL, delivered=(), attempts=0, max_attempts=3, message_id="<1@x.org>")
LATER = Refusal("b@x.org", 451, "greylisted")
NEVER = Refusal("b@x.org", 550, "unknown")


def test_a_row_is_sent_when_everybody_has_it() -> None:
    change = after(ROW, Delivery(MAIL.to), now=NOW, random=0)
    assert (change.status, change.attempts, change.sent_at) == ("sent", 1, NOW)
    assert change.last_error is None


def test_who_has_it_already_is_not_sent_it_again() -> None:
    change = after(ROW, Delivery(("a@x.org",), (LATER,)), now=NOW, random=0)
    assert change.status == "pending" and change.delivered == ("a@x.org",)
    row = msgspec.structs.replace(ROW, delivered=change.delivered)
    assert row.waiting == ("b@x.org",)


@pytest.mark.parametrize(("attempts", "minutes"), [(0, 1), (1, 2), (2, 4), (3, 8), (50, 60)])
def test_the_wait_doubles_from_a_minute_to_an_hour(attempts: int, minutes: int) -> None:
    row = msgspec.structs.replace(ROW, attempts=attempts, max_attempts=100)
    change = after(row, Delivery((), (LATER,)), now=NOW, random=0)
    assert change.next_attempt_at - NOW == timedelta(minutes=minutes)


def test_the_wait_is_lengthened_by_a_fifth_at_most() -> None:
    change = after(ROW, Delivery((), (LATER,)), now=NOW, random=0.999999)
    assert timedelta(seconds=71) < change.next_attempt_at - NOW < timedelta(seconds=72)


def test_a_row_fails_when_its_attempts_are_used_up() -> None:
    row = msgspec.structs.replace(ROW, attempts=2)
    change = after(row, Delivery((), (LATER,)), now=NOW, random=0)
    assert (change.status, change.attempts) == ("failed", 3)
    assert change.last_error == "b@x.org: 451 greylisted"


def test_a_row_fails_at_once_when_somebody_will_never_get_it() -> None:
    change = after(ROW, Delivery(("a@x.org",), (NEVER,)), now=NOW, random=0)
    assert (change.status, change.attempts, change.delivered) == ("failed", 1, ("a@x.org",))


def test_one_who_will_never_get_it_does_not_end_the_tries_for_the_others() -> None:
    refused = (Refusal("a@x.org", 451, "later"), NEVER)
    assert after(ROW, Delivery((), refused), now=NOW, random=0).status == "pending"
