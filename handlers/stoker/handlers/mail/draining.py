"""Sends what is due in the outbox, one row after the other, until nothing is."""

import asyncio
import random
import uuid
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import msgspec

from stoker.handlers.mail.claiming import CLAIM, Outbox
from stoker.handlers.mail.mailer import CONNECT_LIMIT, SEND_LIMIT, Mailer
from stoker.handlers.mail.message import InvalidMail, check_mail, compose
from stoker.handlers.mail.verdict import Change, Row, after, unsendable
from stoker.jobs.errors import ConfigError

BATCH = 20
"""Rows claimed at a time: few, so that an urgent mail waits for few others."""
PATIENCE = 60.0
"""Seconds to wait for a connection that other jobs of this process leave free."""
HAND_IN = timedelta(seconds=CLAIM - PATIENCE - CONNECT_LIMIT - SEND_LIMIT - 20)
"""How long after a claim a row may still be handed in: it must be over before the claim lapses."""

T = TypeVar("T")


class Teller(Protocol):
    """The part of a job's context that draining needs."""

    @property
    def cancelled(self) -> bool: ...

    def progress(self, percent: float, message: str | None = None) -> None: ...

    def log(self, message: str, level: str = "info") -> None: ...


class Drained(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did: rows, by what became of them."""

    sent: int = 0
    retrying: int = 0
    """Refused for now; they are tried again at their time."""
    failed: int = 0

    @property
    def total(self) -> int:
        return self.sent + self.retrying + self.failed

    def with_one(self, status: str) -> "Drained":
        """These counts and one row more."""
        field = {"sent": "sent", "pending": "retrying", "failed": "failed"}[status]
        return msgspec.structs.replace(self, **{field: getattr(self, field) + 1})


async def drain(ctx: Teller, outbox: Outbox, mailer: Mailer, limit: int | None = None) -> Drained:
    """Send due rows, the most urgent first, until none is left, `limit` is reached or a cancel comes.

    A row that cannot be sent never keeps the others back. Whatever ends the run, what it had claimed
    and not sent is due again at once. Raises MailServerUnavailable if there is no server to talk to;
    that spends no row's attempt.
    """
    return await _Drain(ctx, outbox, mailer, limit).run()


class _Drain:
    """One run over the outbox; its id is what its claims carry."""

    def __init__(self, ctx: Teller, outbox: Outbox, mailer: Mailer, limit: int | None) -> None:
        self.id = str(uuid.uuid4())
        self.ctx = ctx
        self.outbox = outbox
        self.mailer = mailer
        self.limit = limit
        self.goal = 0
        self.done = Drained()

    async def run(self) -> Drained:
        due = await asyncio.to_thread(self.outbox.due)
        self.goal = due if self.limit is None else min(due, self.limit)
        self.ctx.progress(0, f"{self.goal} mails are due")
        try:
            while not self.ctx.cancelled and await self._batch():
                pass
        finally:
            await _finished(asyncio.to_thread(self.outbox.release, self.id))
        done = self.done
        self.ctx.progress(100, f"{done.sent} sent, {done.retrying} to retry, {done.failed} failed")
        return done

    async def _batch(self) -> bool:
        """Claim some rows and send them; whether there may be more."""
        size = BATCH if self.limit is None else min(BATCH, self.limit - self.done.total)
        if size <= 0:
            return False
        until = self.outbox.now() + HAND_IN
        rows = await asyncio.to_thread(self.outbox.claim, self.id, size)
        for row in rows:
            if self.ctx.cancelled or self.outbox.now() > until:
                await asyncio.to_thread(self.outbox.release, self.id)
                break
            # Whether a mail has gone out must be written down: a cancel waits for this one row.
            self._tell(row, *await _finished(self._send(row)))
        return bool(rows)

    def _tell(self, row: Row, change: Change, kept: bool) -> None:
        self.done = self.done.with_one(change.status)
        if change.last_error:
            self.ctx.log(f"mail {row.id} is {change.status}: {change.last_error}", "warning")
        if not kept:
            self.ctx.log(f"mail {row.id} was claimed by another run meanwhile", "warning")
        total, goal = self.done.total, max(self.goal, self.done.total)
        self.ctx.progress(min(99.0, 100 * total / goal), f"{total} of {goal}")

    async def _send(self, row: Row) -> tuple[Change, bool]:
        outbox, mailer = self.outbox, self.mailer
        try:
            mail = check_mail(row.mail)
            sender = mailer.sender(mail.sender)
            content = compose(mail, sender=sender, message_id=row.message_id, date=outbox.now())
        except (InvalidMail, ConfigError) as error:
            change = unsendable(row, str(error), now=outbox.now())
        else:
            delivery = await mailer.deliver(sender, row.waiting, content, patience=PATIENCE)
            change = after(row, delivery, now=outbox.now(), random=random.random())
        return change, await asyncio.to_thread(outbox.record, self.id, row, change)


async def _finished(work: Coroutine[Any, Any, T]) -> T:
    """Await this to its end even if this task is cancelled meanwhile; a second cancel breaks it off."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        raise
