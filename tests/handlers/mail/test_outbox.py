from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateTable

from stoker.handlers.mail.claiming import CLAIM, Outbox, open_outbox
from stoker.handlers.mail.message import InvalidMail, Mail
from stoker.handlers.mail.outbox import create_outbox, queue_mail
from stoker.handlers.mail.outbox import outbox as table
from stoker.handlers.mail.verdict import unsendable
from stoker.jobs.clock import FakeClock
from stoker.jobs.errors import ConfigError

MAIL = Mail(to=("ann@example.org",), subject="Hello", text="Good day")


def put(outbox: Outbox, **options) -> int:
    with outbox.engine.begin() as connection:
        return queue_mail(connection, MAIL, **options)


def count(outbox: Outbox) -> int:
    with outbox.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_rolled_back_transaction_leaves_no_mail(outbox: Outbox) -> None:
    with outbox.engine.connect() as connection:
        queue_mail(connection, MAIL)
        connection.rollback()
    assert count(outbox) == 0


def test_a_session_serves_as_well_as_a_connection(outbox: Outbox) -> None:
    with Session(outbox.engine) as session:
        queue_mail(session, MAIL, key="k")
        session.commit()
    assert count(outbox) == 1


def test_a_known_key_answers_the_row_that_stands(outbox: Outbox) -> None:
    first = put(outbox, key="order 1")
    assert put(outbox, key="order 1") == first
    assert put(outbox, key="order 2") != first
    assert count(outbox) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"priority": 10},
        {"priority": -1},
        {"priority": True},
        {"max_attempts": 0},
        {"key": ""},
        {"key": "a\nb"},
        {"not_before": datetime(2026, 1, 1)},
    ],
)
def test_a_wrong_option_writes_nothing(outbox: Outbox, options: dict) -> None:
    with pytest.raises(InvalidMail):
        put(outbox, **options)
    assert count(outbox) == 0


def test_rows_are_claimed_by_priority_then_age(outbox: Outbox, clock: FakeClock) -> None:
    low, high, middle, high_too = (put(outbox, priority=p) for p in (1, 9, 5, 9))
    assert [row.id for row in outbox.claim("run", 3)] == [high, high_too, middle]
    assert [row.id for row in outbox.claim("run", 3)] == [low]


def test_two_runs_never_claim_the_same_row(outbox: Outbox) -> None:
    for _ in range(5):
        put(outbox)
    first = {row.id for row in outbox.claim("one", 3)}
    second = {row.id for row in outbox.claim("two", 10)}
    assert len(first) == 3 and len(second) == 2 and not first & second


def test_a_row_is_not_due_before_its_time(outbox: Outbox, clock: FakeClock) -> None:
    put(outbox, not_before=outbox.now() + timedelta(hours=1))
    assert outbox.due() == 0 and outbox.claim("run", 10) == []
    clock.advance(3601)
    assert outbox.due() == 1 and len(outbox.claim("run", 10)) == 1


def test_the_claim_of_a_dead_run_lapses(outbox: Outbox, clock: FakeClock) -> None:
    put(outbox)
    outbox.claim("dead", 1)
    clock.advance(CLAIM - 1)
    assert outbox.claim("next", 1) == []
    clock.advance(2)
    assert len(outbox.claim("next", 1)) == 1


def test_who_has_lost_its_claim_writes_nothing(outbox: Outbox, clock: FakeClock) -> None:
    put(outbox)
    [row] = outbox.claim("late", 1)
    clock.advance(CLAIM + 1)
    outbox.claim("next", 1)
    change = unsendable(row, "no", now=outbox.now())
    assert outbox.record("late", row, change) is False
    assert outbox.record("next", row, change) is True


def test_what_a_run_gives_back_is_due_at_once(outbox: Outbox) -> None:
    put(outbox)
    outbox.claim("run", 1)
    assert outbox.due() == 0
    outbox.release("run")
    assert outbox.due() == 1


def test_creating_the_table_twice_changes_nothing(outbox: Outbox) -> None:
    put(outbox)
    create_outbox(outbox.engine)
    assert count(outbox) == 1


def test_the_table_is_one_that_postgres_understands() -> None:
    text = str(CreateTable(table).compile(dialect=postgresql.dialect()))
    assert "BIGSERIAL" in text and "TIMESTAMP WITH TIME ZONE" in text


def test_a_database_without_the_table_is_told_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setenv("STOKER_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(ConfigError, match="create_outbox"), open_outbox():
        pass


@pytest.mark.parametrize("url", ["nonsense", "mysql://h/db", "sqlite://", "sqlite:///:memory:"])
def test_a_database_that_cannot_serve_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("STOKER_DATABASE_URL", url)
    with pytest.raises(ConfigError, match="STOKER_DATABASE_URL"), open_outbox():
        pass
