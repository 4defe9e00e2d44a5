import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from stoker.handlers.database import connect_database
from stoker.handlers.mail.claiming import Outbox
from stoker.handlers.mail.mailer import Mailer
from stoker.handlers.mail.outbox import create_outbox
from stoker.handlers.mail.smtp_url import parse_smtp_url
from stoker.jobs.clock import FakeClock


class Letterbox:
    """A real SMTP server on loopback that keeps what it takes, and refuses what it is told to."""

    def __init__(self) -> None:
        self.received: list[tuple[tuple[str, ...], EmailMessage]] = []
        self.sessions = 0
        self.refuse: dict[str, str] = {}
        self.answer: str | None = None
        self.hang_up_on: set[str] = set()
        self.arrived = asyncio.Event()
        self.gate: asyncio.Event | None = None
        self.port = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, to: str, options: Any) -> str:
        if to in self.hang_up_on:
            server.transport.abort()
        if to in self.refuse:
            return self.refuse[to]
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.arrived.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.answer is not None:
            return self.answer
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.received.append((tuple(envelope.rcpt_tos), message))
        return "250 taken"

    @property
    def subjects(self) -> list[str]:
        return [message["Subject"] for _, message in self.received]

    @property
    def recipients(self) -> list[str]:
        return sorted(one for to, _ in self.received for one in to)

    def session(self, **options: Any) -> SMTP:
        self.sessions += 1
        return SMTP(self, hostname="letterbox", **options)


@pytest.fixture
async def letterbox() -> AsyncIterator[Letterbox]:
    box = Letterbox()
    server = await asyncio.get_running_loop().create_server(box.session, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    yield box
    server.close()


@pytest.fixture
async def guarded() -> AsyncIterator[Letterbox]:
    """The same, for those who log in as user "shop" with the password "s3:cret"."""

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = data.login == b"shop" and data.password == b"s3:cret"
        return AuthResult(success=right, handled=right)

    box = Letterbox()
    server = await asyncio.get_running_loop().create_server(
        lambda: box.session(authenticator=check, auth_required=True, auth_require_tls=False),
        "127.0.0.1",
        0,
    )
    box.port = server.sockets[0].getsockname()[1]
    yield box
    server.close()


@pytest.fixture
def certificate() -> Path:
    """A file with a self-signed certificate for localhost and 127.0.0.1, and its key."""
    return Path(__file__).parent / "localhost.pem"


@pytest.fixture
async def sealed(certificate: Path) -> AsyncIterator[Letterbox]:
    """A server that talks TLS from the first byte."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    box = Letterbox()
    server = await asyncio.get_running_loop().create_server(box.session, "127.0.0.1", 0, ssl=context)
    box.port = server.sockets[0].getsockname()[1]
    yield box
    server.close()


@pytest.fixture
async def upgrading(certificate: Path) -> AsyncIterator[Letterbox]:
    """A server that requires STARTTLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    box = Letterbox()
    server = await asyncio.get_running_loop().create_server(
        lambda: box.session(tls_context=context, require_starttls=True), "127.0.0.1", 0
    )
    box.port = server.sockets[0].getsockname()[1]
    yield box
    server.close()


@pytest.fixture
async def mailer(letterbox: Letterbox) -> AsyncIterator[Mailer]:
    mailer = Mailer(parse_smtp_url(f"smtp://127.0.0.1:{letterbox.port}"), "Shop <shop@example.org>")
    yield mailer
    await mailer.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def outbox(tmp_path: Path, clock: FakeClock) -> Iterator[Outbox]:
    engine = connect_database(f"sqlite:///{tmp_path}/app.db")
    create_outbox(engine)
    yield Outbox(engine, clock)
    engine.dispose()
