"""The handler `mail.notify`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from stoker.handlers import Context, Fail, handler, resource
from stoker.handlers.database import VARIABLE as DATABASE
from stoker.handlers.environment import setting
from stoker.handlers.mail.claiming import Outbox, open_outbox
from stoker.handlers.mail.mailer import Mailer, open_mailer
from stoker.handlers.mail.message import InvalidMail, Mail, as_tuple
from stoker.handlers.mail.outbox import DEFAULT_PRIORITY, queue_mail
from stoker.handlers.mail.sending import send_now
from stoker.handlers.mail.smtp_url import VARIABLE as SMTP
from stoker.handlers.mail.templates import render
from stoker.jobs.errors import ConfigError


class Channel(msgspec.Struct, frozen=True):
    """The ways out that are configured here; at least one is."""

    outbox: Outbox | None = None
    mailer: Mailer | None = None
    templates: Path | None = None
    """A folder that is looked into before the templates that ship."""


class Notified(msgspec.Struct, frozen=True, kw_only=True):
    """Where the notification went: a row of the outbox, or straight to the server."""

    row: int | None = None
    message_id: str | None = None


@asynccontextmanager
async def open_channel() -> AsyncIterator[Channel]:
    """The outbox where STOKER_DATABASE_URL is set, the mail server where STOKER_SMTP_URL is."""
    folder = setting("STOKER_MAIL_TEMPLATES")
    async with AsyncExitStack() as stack:
        outbox = stack.enter_context(open_outbox()) if setting(DATABASE) else None
        mailer = await stack.enter_async_context(open_mailer()) if setting(SMTP) else None
        if outbox is None and mailer is None:
            raise ConfigError(f"mail.notify needs {DATABASE} (its outbox) or {SMTP} to be set")
        yield Channel(outbox, mailer, Path(folder) if folder else None)


@handler("mail.notify", queue="mail", timeout="5m")
async def notify(
    ctx: Context,
    template: str,
    to: str | list[str],
    parameters: dict[str, str | int | float] | None = None,
    priority: int = DEFAULT_PRIORITY,
    direct: bool = False,
    *,
    channel: Channel = resource(open_channel),
) -> Notified:
    """Notify by a template: one row in the outbox, or, without one or with `direct`, sent at once.

    Running again puts in no second row.
    """
    try:
        rendered = render(template, parameters or {}, channel.templates)
        mail = Mail(to=as_tuple(to), subject=rendered.subject, text=rendered.text, html=rendered.html)
        if channel.outbox is not None and not direct:
            row = await asyncio.to_thread(_queue, channel.outbox, mail, priority, ctx.job.id)
            return Notified(row=row)
    except InvalidMail as error:
        raise Fail(str(error)) from None
    if channel.mailer is None:
        raise ConfigError(f"mail.notify with direct=true needs {SMTP} to be set")
    sent = await send_now(ctx, mail, channel.mailer)
    return Notified(message_id=sent.message_id)


def _queue(outbox: Outbox, mail: Mail, priority: int, job: str) -> int:
    with outbox.engine.begin() as connection:
        return queue_mail(connection, mail, priority=priority, key=f"notify:{job}")
