"""Hands mails to an SMTP server, and says what the server answered."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import aiosmtplib
import msgspec

from stoker.handlers.environment import required, setting
from stoker.handlers.mail.message import check_mailbox
from stoker.handlers.mail.smtp_url import EXAMPLE, VARIABLE, SmtpServer, parse_smtp_url
from stoker.jobs.codec import storable
from stoker.jobs.errors import ConfigError, StokerError

CONNECT_LIMIT = 60.0
"""Seconds that connecting, securing the connection and logging in may take together."""
SEND_LIMIT = 60.0
"""Seconds that handing in one mail may take, whatever the server does."""
IDLE = 20.0
"""Seconds after which a connection that nobody used is not trusted any more."""


class MailServerUnavailable(StokerError):
    """The server takes no mail from us now: not reachable, or it refused the log-in.

    The fault of no mail in particular, so trying another one is no use.
    """


class Refusal(msgspec.Struct, frozen=True):
    """One recipient whom the mail did not reach, and why."""

    recipient: str
    code: int
    """The server's, 4xx for now and 5xx for good; 0 if the connection broke before an answer."""
    text: str

    @property
    def temporary(self) -> bool:
        return self.code < 500

    def __str__(self) -> str:
        return f"{self.recipient}: {self.code or 'no answer'} {self.text}"


class Delivery(msgspec.Struct, frozen=True):
    """What the server answered for each recipient."""

    accepted: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()


class Mailer:
    """Connections to one SMTP server, kept for reuse. Safe for many tasks of one loop."""

    def __init__(self, server: SmtpServer, sender: str | None = None) -> None:
        self.server = server
        self._sender = sender
        self._idle: list[tuple[float, aiosmtplib.SMTP]] = []
        self._slots = asyncio.Semaphore(server.connections)
        # Reading the system's certificates takes tens of milliseconds: once, not for each connection.
        self._tls = _tls(server) if server.security != "none" else None

    def sender(self, chosen: str | None) -> str:
        """The sender of a mail: its own, or the one for all. Raises ConfigError without either."""
        sender = chosen or self._sender
        if sender is None:
            raise ConfigError("the mail names no sender: give it one, or set STOKER_MAIL_FROM")
        return sender

    async def deliver(
        self, sender: str, recipients: Sequence[str], content: bytes, *, patience: float | None = None
    ) -> Delivery:
        """Hand one message in, for these bare addresses, and tell what became of each.

        Never raises for what the server says about the mail; raises MailServerUnavailable when there
        was no talking to it at all, or no connection was free for `patience` seconds. Takes that and
        CONNECT_LIMIT and SEND_LIMIT seconds at most.
        """
        address = check_mailbox(sender, "sender")[1]
        async with self._connected(patience) as client:
            delivery = await _hand_in(client, address, recipients, content)
            self._keep(client)
            return delivery

    async def close(self) -> None:
        """Say good-bye on every idle connection."""
        idle, self._idle = self._idle, []
        for _, client in idle:
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await client.quit(timeout=2)
            client.close()

    @asynccontextmanager
    async def _connected(self, patience: float | None) -> AsyncIterator[aiosmtplib.SMTP]:
        try:
            async with asyncio.timeout(patience):
                await self._slots.acquire()
        except TimeoutError:
            raise MailServerUnavailable(
                f"no connection to the mail server {self.server.place} was free for {patience:g} s"
            ) from None
        try:
            yield await self._connection()
        finally:
            self._slots.release()

    async def _connection(self) -> aiosmtplib.SMTP:
        now = asyncio.get_running_loop().time()
        while self._idle:
            since, client = self._idle.pop()
            if now - since < IDLE and client.is_connected:
                # A server may have hung up meanwhile; asking first keeps the answer unambiguous.
                with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                    await client.rset(timeout=5)
                    return client
            client.close()
        return await self._connect()

    async def _connect(self) -> aiosmtplib.SMTP:
        server = self.server
        starttls = {"auto": None, "starttls": True, "tls": False, "none": False}[server.security]
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.security == "tls",
            start_tls=starttls,
            tls_context=self._tls,
            timeout=server.timeout,
        )
        try:
            async with asyncio.timeout(CONNECT_LIMIT):
                await client.connect()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            client.close()
            why = storable(str(error) or "it took too long", 500)
            raise MailServerUnavailable(
                f"the mail server {server.place} takes no mail from us: {why}"
            ) from error
        except BaseException:
            client.close()
            raise
        return client

    def _keep(self, client: aiosmtplib.SMTP) -> None:
        if client.is_connected:
            self._idle.append((asyncio.get_running_loop().time(), client))


async def _hand_in(
    client: aiosmtplib.SMTP, sender: str, recipients: Sequence[str], content: bytes
) -> Delivery:
    try:
        async with asyncio.timeout(SEND_LIMIT):
            answers, _ = await client.sendmail(sender, list(recipients), content)
    except aiosmtplib.SMTPRecipientsRefused as error:
        return Delivery(refused=tuple(_refusal(one.recipient, one) for one in error.recipients))
    except aiosmtplib.SMTPResponseException as error:
        return Delivery(refused=tuple(_refusal(one, error) for one in recipients))
    except (aiosmtplib.SMTPException, TimeoutError, OSError) as error:
        # Whether the server took the mail is not known: its Message-ID tells a second one apart.
        client.close()
        why = storable(str(error) or "the server took too long", 500)
        return Delivery(refused=tuple(Refusal(one, 0, why) for one in recipients))
    except BaseException:
        client.close()
        raise
    refused = tuple(
        Refusal(one, answer.code, storable(answer.message, 500)) for one, answer in answers.items()
    )
    return Delivery(tuple(one for one in recipients if one not in answers), refused)


def _refusal(recipient: str, error: aiosmtplib.SMTPResponseException) -> Refusal:
    return Refusal(recipient, error.code, storable(error.message, 500))


def _tls(server: SmtpServer) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=server.ca)
    except OSError as error:
        raise ConfigError(f"{VARIABLE} names certificates (ca) that cannot be read: {error}") from error
    if not server.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@asynccontextmanager
async def open_mailer() -> AsyncIterator[Mailer]:
    """The mailer for STOKER_SMTP_URL, sending as STOKER_MAIL_FROM where a mail names no sender.

    Connects with the first mail. Raises ConfigError if the variables are missing or wrong.
    """
    sender = setting("STOKER_MAIL_FROM")
    if sender is not None:
        check_mailbox(sender, "sender")
    mailer = Mailer(parse_smtp_url(required(VARIABLE, EXAMPLE)), sender)
    try:
        yield mailer
    finally:
        await mailer.close()
