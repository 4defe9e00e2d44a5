from typing import Any

import pytest

from stoker.handlers import Fail
from stoker.handlers.mail.claiming import Outbox
from stoker.handlers.mail.mailer import Mailer
from stoker.handlers.mail.message import Mail
from stoker.handlers.mail.outbox import queue_mail
from stoker.handlers.mail.sending import NotSent, send, send_outbox
from stoker.handlers.testing import FakeContext
from stoker.jobs.errors import InvalidPayload
from stoker.jobs.outcome import Cancel


async def test_a_mail_is_sent_under_the_id_of_its_job(mailer: Mailer, letterbox: Any) -> None:
    ctx = FakeContext()
    sent = await send(ctx, "ann@example.org", "Hello", "Good day", mailer=mailer)
    [(to, message)] = letterbox.received
    assert to == sent.accepted == ("ann@example.org",)
    assert message["Message-ID"] == sent.message_id == f"<{ctx.job.id}@example.org>"


async def test_a_second_delivery_of_one_job_carries_the_same_message_id(
    mailer: Mailer, letterbox: Any
) -> None:
    ctx = FakeContext()
    for _ in range(2):
        await send(ctx, "ann@example.org", "Hello", "Good day", mailer=mailer)
    assert len({message["Message-ID"] for _, message in letterbox.received}) == 1


async def test_a_refusal_for_now_is_an_error_to_retry(mailer: Mailer, letterbox: Any) -> None:
    letterbox.answer = "451 busy"
    with pytest.raises(NotSent, match="451 busy"):
        await send(FakeContext(), "ann@example.org", "Hello", "Good day", mailer=mailer)


async def test_a_refusal_for_good_fails_the_job(mailer: Mailer, letterbox: Any) -> None:
    letterbox.refuse["ann@example.org"] = "550 unknown"
    with pytest.raises(Fail, match="550 unknown"):
        await send(FakeContext(), "ann@example.org", "Hello", "Good day", mailer=mailer)


async def test_some_refused_for_good_are_told_in_the_result(mailer: Mailer, letterbox: Any) -> None:
    letterbox.refuse["bob@example.org"] = "550 unknown"
    ctx = FakeContext()
    to = ["ann@example.org", "bob@example.org"]
    sent = await send(ctx, to, "Hello", "Good day", mailer=mailer)
    assert sent.accepted == ("ann@example.org",)
    assert sent.refused == {"bob@example.org": "bob@example.org: 550 unknown"}
    assert any("bob@example.org" in str(line) for line in ctx.logs)


@pytest.mark.parametrize(
    ("to", "subject"),
    [("ann", "Hello"), ([], "Hello"), ("ann@example.org", "Hello\r\nBcc: victim@example.org")],
)
async def test_what_cannot_be_a_mail_fails_for_good_and_sends_nothing(
    mailer: Mailer, letterbox: Any, to: Any, subject: str
) -> None:
    with pytest.raises(Fail, match="mail"):
        await send(FakeContext(), to, subject, "Good day", mailer=mailer)
    assert letterbox.sessions == 0


def test_arguments_that_do_not_fit_are_refused_when_binding() -> None:
    with pytest.raises(InvalidPayload, match="subject"):
        send.bind("ann@example.org", 5, "text")  # type: ignore[arg-type]


async def test_a_cancelled_drain_ends_as_cancelled(outbox: Outbox, mailer: Mailer) -> None:
    with outbox.engine.begin() as connection:
        queue_mail(connection, Mail(to=("ann@example.org",), subject="s", text="t"))
    ctx = FakeContext()
    ctx._cancel("enough")
    with pytest.raises(Cancel, match="enough"):
        await send_outbox(ctx, outbox=outbox, mailer=mailer)
    assert outbox.due() == 1


async def test_a_drain_answers_its_counts(outbox: Outbox, mailer: Mailer) -> None:
    with outbox.engine.begin() as connection:
        queue_mail(connection, Mail(to=("ann@example.org",), subject="s", text="t"))
    done = await send_outbox(FakeContext(), outbox=outbox, mailer=mailer)
    assert (done.sent, done.retrying, done.failed) == (1, 0, 0)
