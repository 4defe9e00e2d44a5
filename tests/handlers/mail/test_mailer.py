import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stoker.handlers.mail.mailer import Mailer, MailServerUnavailable, open_mailer
from stoker.handlers.mail.message import Mail, compose
from stoker.handlers.mail.smtp_url import parse_smtp_url
from stoker.jobs.errors import ConfigError

SENDER = "Shop <shop@example.org>"


def content(*to: str) -> bytes:
    mail = Mail(to=to, subject="Hello", text="line\n.\n..dots\nend")
    return compose(mail, sender=SENDER, message_id="<1@example.org>", date=datetime.now(UTC))


async def test_a_mail_arrives_as_it_was_written(mailer: Mailer, letterbox: Any) -> None:
    delivery = await mailer.deliver(SENDER, ["ann@example.org"], content("ann@example.org"))
    assert delivery.accepted == ("ann@example.org",) and not delivery.refused
    [(to, message)] = letterbox.received
    assert to == ("ann@example.org",)
    assert message["From"] == SENDER and message["Message-ID"] == "<1@example.org>"
    assert message.get_content().splitlines() == ["line", ".", "..dots", "end"]


async def test_one_refused_recipient_does_not_keep_the_mail_from_the_others(
    mailer: Mailer, letterbox: Any
) -> None:
    letterbox.refuse["bob@example.org"] = "550 no such user"
    to = ["ann@example.org", "bob@example.org"]
    delivery = await mailer.deliver(SENDER, to, content(*to))
    assert delivery.accepted == ("ann@example.org",)
    [refusal] = delivery.refused
    assert (refusal.recipient, refusal.code, refusal.temporary) == ("bob@example.org", 550, False)
    assert "no such user" in str(refusal)


@pytest.mark.parametrize(("answer", "temporary"), [("451 later", True), ("554 spam", False)])
async def test_a_refused_content_counts_for_every_recipient(
    mailer: Mailer, letterbox: Any, answer: str, temporary: bool
) -> None:
    letterbox.answer = answer
    to = ["ann@example.org", "bob@example.org"]
    delivery = await mailer.deliver(SENDER, to, content(*to))
    assert not delivery.accepted
    assert [one.temporary for one in delivery.refused] == [temporary, temporary]


async def test_connections_are_used_again(mailer: Mailer, letterbox: Any) -> None:
    for _ in range(5):
        await mailer.deliver(SENDER, ["ann@example.org"], content("ann@example.org"))
    assert len(letterbox.received) == 5 and letterbox.sessions == 1


async def test_a_refusal_leaves_the_connection_fit_for_the_next_mail(
    mailer: Mailer, letterbox: Any
) -> None:
    letterbox.refuse["bob@example.org"] = "550 no such user"
    await mailer.deliver(SENDER, ["bob@example.org"], content("bob@example.org"))
    await mailer.deliver(SENDER, ["ann@example.org"], content("ann@example.org"))
    assert letterbox.recipients == ["ann@example.org"] and letterbox.sessions == 1


async def test_a_connection_that_breaks_is_no_answer_and_may_be_tried_again(
    mailer: Mailer, letterbox: Any
) -> None:
    letterbox.hang_up_on.add("bob@example.org")
    delivery = await mailer.deliver(SENDER, ["bob@example.org"], content("bob@example.org"))
    [refusal] = delivery.refused
    assert refusal.code == 0 and refusal.temporary
    await mailer.deliver(SENDER, ["ann@example.org"], content("ann@example.org"))
    assert letterbox.recipients == ["ann@example.org"]


async def test_no_more_connections_are_open_at_once_than_allowed(letterbox: Any) -> None:
    letterbox.gate = asyncio.Event()
    mailer = Mailer(parse_smtp_url(f"smtp://127.0.0.1:{letterbox.port}?connections=2"))
    async with asyncio.TaskGroup() as tasks:
        for number in range(6):
            to = f"a{number}@example.org"
            tasks.create_task(mailer.deliver(SENDER, [to], content(to)))
        await letterbox.arrived.wait()
        letterbox.gate.set()
    await mailer.close()
    assert len(letterbox.received) == 6 and letterbox.sessions == 2


async def test_who_waits_too_long_for_a_free_connection_is_told(letterbox: Any) -> None:
    letterbox.gate = asyncio.Event()
    mailer = Mailer(parse_smtp_url(f"smtp://127.0.0.1:{letterbox.port}?connections=1"))
    first = asyncio.create_task(mailer.deliver(SENDER, ["a@x.org"], content("a@x.org")))
    await letterbox.arrived.wait()
    with pytest.raises(MailServerUnavailable, match="no connection"):
        await mailer.deliver(SENDER, ["b@x.org"], content("b@x.org"), patience=0)
    letterbox.gate.set()
    assert (await first).accepted == ("a@x.org",)
    await mailer.close()


async def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mailer = Mailer(parse_smtp_url(f"smtp://shop:hunter2@127.0.0.1:{port}"))
    with pytest.raises(MailServerUnavailable, match=f"127.0.0.1:{port}") as caught:
        await mailer.deliver(SENDER, ["a@x.org"], content("a@x.org"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
async def test_the_mailer_logs_in(guarded: Any) -> None:
    mailer = Mailer(parse_smtp_url(f"smtp://shop:s3%3Acret@127.0.0.1:{guarded.port}"))
    delivery = await mailer.deliver(SENDER, ["a@x.org"], content("a@x.org"))
    await mailer.close()
    assert delivery.accepted == ("a@x.org",)


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
async def test_a_refused_login_is_the_fault_of_no_mail(guarded: Any) -> None:
    mailer = Mailer(parse_smtp_url(f"smtp://shop:wrong@127.0.0.1:{guarded.port}"))
    with pytest.raises(MailServerUnavailable, match="takes no mail from us"):
        await mailer.deliver(SENDER, ["a@x.org"], content("a@x.org"))


async def test_required_starttls_is_not_given_up_when_the_server_has_none(letterbox: Any) -> None:
    mailer = Mailer(parse_smtp_url(f"smtp+starttls://127.0.0.1:{letterbox.port}"))
    with pytest.raises(MailServerUnavailable, match="STARTTLS"):
        await mailer.deliver(SENDER, ["a@x.org"], content("a@x.org"))
    assert not letterbox.received


async def test_a_mail_goes_over_tls(sealed: Any, certificate: Path) -> None:
    mailer = Mailer(parse_smtp_url(f"smtps://127.0.0.1:{sealed.port}?ca={certificate}"))
    delivery = await mailer.deliver(SENDER, ["a@x.org"], content("a@x.org"))
    await mailer.close()
    assert delivery.accepted == ("a@x.org",)


@pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls"])
async def test_a_mail_goes_over_starttls(upgrading: Any, certificate: Path, scheme: str) -> None:
    mailer = Mailer(parse_smtp_url(f"{scheme}://127.0.0.1:{upgrading.port}?ca={certificate}"))
    delivery = await mailer.deliver(SENDER, ["a@x.org"], content("a@x.org"))
    await mailer.close()
    assert delivery.accepted == ("a@x.org",)


@pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls"])
async def test_a_server_whose_certificate_is_not_good_gets_no_mail(upgrading: Any, scheme: str) -> None:
    mailer = Mailer(parse_smtp_url(f"{scheme}://127.0.0.1:{upgrading.port}"))
    with pytest.raises(MailServerUnavailable, match="certificate"):
        await mailer.deliver(SENDER, ["a@x.org"], content("a@x.org"))


async def test_the_certificate_may_be_left_unverified(sealed: Any) -> None:
    mailer = Mailer(parse_smtp_url(f"smtps://127.0.0.1:{sealed.port}?verify=no"))
    delivery = await mailer.deliver(SENDER, ["a@x.org"], content("a@x.org"))
    await mailer.close()
    assert delivery.accepted == ("a@x.org",)


async def test_a_missing_server_is_named_with_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STOKER_SMTP_URL", raising=False)
    with pytest.raises(ConfigError, match=r"STOKER_SMTP_URL is not set: give it, for example"):
        async with open_mailer():
            pass


async def test_a_mail_without_any_sender_is_refused() -> None:
    mailer = Mailer(parse_smtp_url("smtp://127.0.0.1"))
    with pytest.raises(ConfigError, match="STOKER_MAIL_FROM"):
        mailer.sender(None)
