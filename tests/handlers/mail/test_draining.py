import asyncio
import socket
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select, update

from stoker.handlers.mail.claiming import Outbox
from stoker.handlers.mail.draining import BATCH, drain
from stoker.handlers.mail.mailer import Mailer, MailServerUnavailable
from stoker.handlers.mail.message import Mail
from stoker.handlers.mail.outbox import outbox as table
from stoker.handlers.mail.outbox import queue_mail
from stoker.handlers.mail.smtp_url import parse_smtp_url
from stoker.handlers.testing import FakeContext
from stoker.jobs.clock import FakeClock


def put(outbox: Outbox, subject: str, *to: str, **options: Any) -> None:
    mail = Mail(to=to or ("ann@example.org",), subject=subject, text="Good day")
    with outbox.engine.begin() as connection:
        queue_mail(connection, mail, **options)


def rows(outbox: Outbox) -> Sequence[Any]:
    with outbox.engine.connect() as connection:
        return connection.execute(select(table).order_by(table.c.id)).all()


async def test_the_most_urgent_mail_goes_first(outbox: Outbox, mailer: Mailer, letterbox: Any) -> None:
    for subject, priority in (("low", 1), ("high", 9), ("middle", 5)):
        put(outbox, subject, priority=priority)
    done = await drain(FakeContext(), outbox, mailer)
    assert letterbox.subjects == ["high", "middle", "low"]
    assert (done.sent, done.retrying, done.failed) == (3, 0, 0)
    assert {row.status for row in rows(outbox)} == {"sent"}


async def test_more_rows_than_one_claim_takes_are_all_sent_once(
    outbox: Outbox, mailer: Mailer, letterbox: Any
) -> None:
    subjects = [f"mail {number}" for number in range(2 * BATCH + 3)]
    for subject in subjects:
        put(outbox, subject)
    assert (await drain(FakeContext(), outbox, mailer)).sent == len(subjects)
    assert letterbox.subjects == subjects


async def test_one_failure_never_stops_the_others(
    outbox: Outbox, mailer: Mailer, letterbox: Any
) -> None:
    letterbox.refuse = {"later@example.org": "451 greylisted", "never@example.org": "550 unknown"}
    letterbox.hang_up_on = {"crash@example.org"}
    for name in ("a", "later", "never", "crash", "z"):
        put(outbox, name, f"{name}@example.org")
    ctx = FakeContext()
    done = await drain(ctx, outbox, mailer)
    assert (done.sent, done.retrying, done.failed) == (2, 2, 1)
    assert letterbox.recipients == ["a@example.org", "z@example.org"]
    status = {row.subject: (row.status, row.attempts) for row in rows(outbox)}
    assert status["later"] == status["crash"] == ("pending", 1)
    assert status["never"] == ("failed", 1)
    assert any("550 unknown" in str(line) for line in ctx.logs)


async def test_a_row_that_is_no_mail_any_more_fails_alone(
    outbox: Outbox, mailer: Mailer, letterbox: Any
) -> None:
    put(outbox, "first")
    put(outbox, "second")
    with outbox.engine.begin() as connection:
        evil = "x\r\nBcc: victim@example.org"
        connection.execute(update(table).where(table.c.subject == "first").values(subject=evil))
    done = await drain(FakeContext(), outbox, mailer)
    assert (done.sent, done.failed) == (1, 1)
    assert letterbox.recipients == ["ann@example.org"]


async def test_a_refused_row_waits_for_its_time_and_keeps_its_message_id(
    outbox: Outbox, mailer: Mailer, letterbox: Any, clock: FakeClock
) -> None:
    letterbox.answer = "451 busy"
    put(outbox, "late")
    await drain(FakeContext(), outbox, mailer)
    letterbox.answer = None
    assert (await drain(FakeContext(), outbox, mailer)).total == 0
    clock.advance(75)
    assert (await drain(FakeContext(), outbox, mailer)).sent == 1
    [(_, message)] = letterbox.received
    [row] = rows(outbox)
    assert message["Message-ID"] == row.message_id
    assert (row.attempts, row.last_error) == (2, None)


async def test_only_those_who_do_not_have_it_yet_are_tried_again(
    outbox: Outbox, mailer: Mailer, letterbox: Any, clock: FakeClock
) -> None:
    letterbox.refuse = {"bob@example.org": "451 greylisted"}
    put(outbox, "both", "ann@example.org", "bob@example.org")
    await drain(FakeContext(), outbox, mailer)
    letterbox.refuse = {}
    clock.advance(75)
    await drain(FakeContext(), outbox, mailer)
    assert [to for to, _ in letterbox.received] == [("ann@example.org",), ("bob@example.org",)]


async def test_two_drains_at_once_send_every_mail_exactly_once(
    outbox: Outbox, mailer: Mailer, letterbox: Any
) -> None:
    subjects = {f"mail {number}" for number in range(3 * BATCH)}
    for subject in subjects:
        put(outbox, subject)
    done = await asyncio.gather(*(drain(FakeContext(), outbox, mailer) for _ in range(2)))
    assert sum(one.sent for one in done) == len(subjects)
    assert len(letterbox.subjects) == len(subjects) and set(letterbox.subjects) == subjects


async def test_a_limit_bounds_what_one_run_sends(
    outbox: Outbox, mailer: Mailer, letterbox: Any
) -> None:
    for number in range(5):
        put(outbox, f"{number}")
    assert (await drain(FakeContext(), outbox, mailer, limit=3)).sent == 3
    assert outbox.due() == 2


async def test_a_wish_to_cancel_is_seen_between_rows_and_the_rest_is_due_at_once(
    outbox: Outbox, mailer: Mailer, letterbox: Any
) -> None:
    for number in range(5):
        put(outbox, f"{number}")
    letterbox.gate = asyncio.Event()
    ctx = FakeContext()
    running = asyncio.create_task(drain(ctx, outbox, mailer))
    await letterbox.arrived.wait()
    ctx._cancel("enough")
    letterbox.gate.set()
    assert (await running).sent == 1
    assert outbox.due() == 4


async def test_a_cancelled_task_still_writes_down_the_mail_that_went_out(
    outbox: Outbox, mailer: Mailer, letterbox: Any
) -> None:
    for number in range(3):
        put(outbox, f"{number}")
    letterbox.gate = asyncio.Event()
    running = asyncio.create_task(drain(FakeContext(), outbox, mailer))
    await letterbox.arrived.wait()
    running.cancel()
    letterbox.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [row.status for row in rows(outbox)] == ["sent", "pending", "pending"]
    assert outbox.due() == 2


async def test_without_a_server_no_row_spends_an_attempt(outbox: Outbox) -> None:
    put(outbox, "waits")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        mailer = Mailer(parse_smtp_url(f"smtp://127.0.0.1:{free.getsockname()[1]}"), "s@x.org")
        with pytest.raises(MailServerUnavailable):
            await drain(FakeContext(), outbox, mailer)
    [row] = rows(outbox)
    assert (row.status, row.attempts) == ("pending", 0) and outbox.due() == 1


async def test_progress_ends_at_a_hundred(outbox: Outbox, mailer: Mailer) -> None:
    put(outbox, "one")
    ctx = FakeContext()
    await drain(ctx, outbox, mailer)
    assert [percent for percent, _ in ctx.progressed][-1] == 100
