from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from stoker.handlers import Fail
from stoker.handlers.mail.claiming import Outbox
from stoker.handlers.mail.mailer import Mailer
from stoker.handlers.mail.notifying import Channel, notify, open_channel
from stoker.handlers.mail.outbox import outbox as table
from stoker.handlers.testing import FakeContext
from stoker.jobs.errors import ConfigError

PARAMETERS: dict[str, str | int | float] = {"name": "Ann", "link": "https://example.org"}


async def test_a_notification_becomes_one_row_however_often_it_runs(outbox: Outbox) -> None:
    ctx = FakeContext()
    channel = Channel(outbox=outbox)
    first = await notify(ctx, "welcome", "ann@example.org", PARAMETERS, 8, channel=channel)
    again = await notify(ctx, "welcome", "ann@example.org", PARAMETERS, 8, channel=channel)
    assert first == again
    with outbox.engine.connect() as connection:
        [row] = connection.execute(select(table)).all()
    assert (row.subject, row.recipients, row.priority) == ("Welcome, Ann", ["ann@example.org"], 8)


async def test_without_an_outbox_it_is_sent_at_once(mailer: Mailer, letterbox: Any) -> None:
    done = await notify(
        FakeContext(), "welcome", "ann@example.org", PARAMETERS, channel=Channel(mailer=mailer)
    )
    [(_, message)] = letterbox.received
    assert message["Message-ID"] == done.message_id and done.row is None


async def test_direct_goes_past_the_outbox(outbox: Outbox, mailer: Mailer, letterbox: Any) -> None:
    channel = Channel(outbox=outbox, mailer=mailer)
    await notify(FakeContext(), "welcome", "ann@example.org", PARAMETERS, direct=True, channel=channel)
    assert len(letterbox.received) == 1 and outbox.due() == 0


@pytest.mark.parametrize(
    ("template", "to", "parameters"),
    [
        ("nothing", "ann@example.org", PARAMETERS),
        ("welcome", "ann@example.org", {}),
        ("welcome", "ann", PARAMETERS),
        ("welcome", "ann@example.org", PARAMETERS | {"name": "x\r\nBcc: victim@example.org"}),
    ],
)
async def test_what_gives_no_mail_fails_for_good(
    outbox: Outbox, template: str, to: str, parameters: Any
) -> None:
    with pytest.raises(Fail):
        await notify(FakeContext(), template, to, parameters, channel=Channel(outbox=outbox))
    assert outbox.due() == 0


async def test_nothing_configured_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STOKER_DATABASE_URL", "STOKER_SMTP_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=r"STOKER_DATABASE_URL.*STOKER_SMTP_URL"):
        async with open_channel():
            pass


async def test_ones_own_templates_come_from_the_folder_that_is_configured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("STOKER_DATABASE_URL", raising=False)
    monkeypatch.setenv("STOKER_SMTP_URL", "smtp://127.0.0.1")
    monkeypatch.setenv("STOKER_MAIL_TEMPLATES", str(tmp_path))
    async with open_channel() as channel:
        assert channel.templates == tmp_path and channel.outbox is None
