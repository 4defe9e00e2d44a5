"""The handlers `mail.send` and `mail.send_outbox`."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from stoker.handlers import Cancel, Context, Fail, Retry, handler, resource
from stoker.handlers.mail.claiming import Outbox, open_outbox
from stoker.handlers.mail.draining import Drained, drain
from stoker.handlers.mail.mailer import Delivery, Mailer, open_mailer
from stoker.handlers.mail.message import (
    InvalidMail,
    Mail,
    as_tuple,
    check_line,
    check_mail,
    compose,
    message_id,
)
from stoker.jobs.errors import StokerError

MAX_MESSAGE_ID = 250


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that the server has taken."""

    message_id: str
    accepted: tuple[str, ...]
    refused: dict[str, str] = {}
    """Recipients whom it will not reach, each with the server's answer."""
    deferred: str | None = None
    """The job that tries the recipients again whom the server did not take for now."""


class NotSent(StokerError):
    """The server did not take the mail for now; trying again may help."""


@handler("mail.send", queue="mail", timeout="5m")
async def send(
    ctx: Context,
    to: str | list[str],
    subject: str,
    text: str,
    html: str | None = None,
    sender: str | None = None,
    reply_to: str | None = None,
    message_id: str | None = None,
    *,
    mailer: Mailer = resource(open_mailer),
) -> Sent:
    """Send one mail now.

    Its Message-ID comes from the job's id, so a second delivery (the worker died after the server took
    the mail) is recognised. What the server refuses for now is retried, what it refuses for good fails
    the job; if it takes the mail for some recipients, the others are not lost with them.
    """
    mail = Mail(
        to=as_tuple(to), subject=subject, text=text, html=html, sender=sender, reply_to=reply_to
    )
    return await send_now(ctx, mail, mailer, message_id)


@handler(
    "mail.send_outbox",
    queue="mail",
    timeout="30m",
    retry=Retry(max_attempts=3, base="30s"),
)
async def send_outbox(
    ctx: Context,
    limit: int | None = None,
    *,
    outbox: Outbox = resource(open_outbox),
    mailer: Mailer = resource(open_mailer),
) -> Drained:
    """Send what is due in the outbox, the most urgent first; each row has its own retries."""
    done = await drain(ctx, outbox, mailer, limit)
    if ctx.cancelled:
        raise Cancel(ctx.cancel_reason)
    return done


async def send_now(ctx: Context, mail: Mail, mailer: Mailer, known_as: str | None = None) -> Sent:
    """Hand the mail in and turn the answer into a result, a retry or a failure."""
    try:
        mail = check_mail(mail)
        sender = mailer.sender(mail.sender)
        identity = (
            message_id(ctx.job.id, sender)
            if known_as is None
            else check_line(known_as, "message_id", MAX_MESSAGE_ID)
        )
        content = compose(mail, sender=sender, message_id=identity, date=datetime.now(UTC))
    except InvalidMail as error:
        raise Fail(str(error)) from None
    delivery = await mailer.deliver(sender, mail.to, content)
    for refusal in delivery.refused:
        ctx.log(f"refused: {refusal}", "warning")
    if not delivery.accepted:
        _give_up_or_retry(delivery)
    later = [refusal.recipient for refusal in delivery.refused if refusal.temporary]
    follow_up = await _later(ctx, mail, later, identity) if later else None
    return Sent(
        message_id=identity,
        accepted=delivery.accepted,
        refused={one.recipient: str(one) for one in delivery.refused if not one.temporary},
        deferred=follow_up,
    )


def _give_up_or_retry(delivery: Delivery) -> None:
    why = "; ".join(str(refusal) for refusal in delivery.refused)
    if any(refusal.temporary for refusal in delivery.refused):
        raise NotSent(f"the mail server did not take the mail for now: {why}")
    raise Fail(f"the mail server refused the mail for good: {why}")


async def _later(ctx: Context, mail: Mail, recipients: Sequence[str], identity: str) -> str:
    """Another job for those whom the server did not take for now; the others have the mail already."""
    call = send.bind(
        list(recipients), mail.subject, mail.text, mail.html, mail.sender, mail.reply_to, identity
    )
    unique = f"{ctx.job.id}:deferred"
    job = await ctx.client.enqueue(call, delay="2m", unique=unique)
    deferred: str = job.id
    return deferred
