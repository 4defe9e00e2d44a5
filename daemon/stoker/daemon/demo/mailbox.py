"""The demo's mail server: on loopback, takes mails and counts them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.parser import BytesHeaderParser
from typing import Any

from aiosmtpd.smtp import SMTP

REFUSED = "nobody"
"""Recipients of this name are refused for good."""
DEFERRED = "later"
"""Recipients of this name are refused for now."""


class Mailbox:
    """What came in: how often each Message-ID reached each recipient."""

    def __init__(self) -> None:
        self.received: Counter[tuple[str, str]] = Counter()
        self.port = 0
        self._headers = BytesHeaderParser()

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        name = address.partition("@")[0]
        if name == REFUSED:
            return "550 there is nobody of that name"
        if name == DEFERRED:
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        identity = self._headers.parsebytes(envelope.content)["Message-ID"]
        for recipient in envelope.rcpt_tos:
            self.received[str(identity), recipient] += 1
        return "250 taken"


@asynccontextmanager
async def open_mailbox() -> AsyncIterator[Mailbox]:
    """A mail server on a free port of loopback, in this event loop."""
    mailbox = Mailbox()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(mailbox, hostname="demo.example"), "127.0.0.1", 0
    )
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
