"""TLS before real servers, with certificates of the test's own."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from trustme import CA, LeafCert

from .finding import free_port
from .redis import program, server

_BLOCK = 65536


class Ports(NamedTuple):
    """Of one server."""

    tls: int
    plain: int


class Certificates:
    """One authority, and what it has signed: a server of this name, and a client."""

    def __init__(self, folder: Path, name: str = "127.0.0.1") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        authority = CA()
        self.ca = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.ca)
        self.server = _written(authority.issue_cert(name), folder, "server")
        self.client = _written(authority.issue_cert("stoker@example.org"), folder, "client")

    def trusted(self) -> dict[str, str]:
        """The parameters of a URL by which a client believes the server."""
        return {"ca": str(self.ca)}

    def known(self) -> dict[str, str]:
        """The same, of a client that the server believes."""
        certificate, key = self.client
        return {"ca": str(self.ca), "cert": str(certificate), "key": str(key)}


def _written(cert: LeafCert, folder: Path, name: str) -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    cert.private_key_pem.write_to_path(key)
    for position, each in enumerate(cert.cert_chain_pems):
        each.write_to_path(certificate, append=position > 0)
    return certificate, key


def url(port: int, parameters: dict[str, str], host: str = "127.0.0.1") -> str:
    return f"rediss://{host}:{port}/0?{urlencode(parameters)}"


@asynccontextmanager
async def serving(
    engine: str, certificates: Certificates, *, mutual: bool = False
) -> AsyncIterator[Ports]:
    """A server of its own; `mutual` if it wants a certificate of its clients too.

    It speaks TLS itself if its program was built for it. Those in the wheels were not: then something
    before it does, as one puts it before servers in production.
    """
    if _speaks_tls(engine):
        port = free_port()
        with server(engine, *_settings(port, certificates, mutual)) as own, own.serving():
            yield Ports(port, own.port)
        return
    with server(engine) as own, own.serving():
        async with _terminated(own.port, certificates, mutual) as port:
            yield Ports(port, own.port)


def _speaks_tls(engine: str) -> bool:
    found = program(engine)
    return found is not None and b"SSL_CTX_new" in found.read_bytes()


def _settings(port: int, certificates: Certificates, mutual: bool) -> Sequence[str]:
    certificate, key = map(str, certificates.server)
    return (
        *("--tls-port", str(port), "--tls-cert-file", certificate, "--tls-key-file", key),
        *("--tls-ca-cert-file", str(certificates.ca), "--tls-auth-clients", "yes" if mutual else "no"),
    )


@asynccontextmanager
async def _terminated(plain: int, certificates: Certificates, mutual: bool) -> AsyncIterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.ca)
    context.load_cert_chain(*certificates.server)
    context.verify_mode = ssl.CERT_REQUIRED if mutual else ssl.CERT_NONE

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", plain)
        await asyncio.gather(_carry(reader, behind_writer), _carry(behind_reader, writer))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # either end may go at any moment
        while block := await reader.read(_BLOCK):
            writer.write(block)
            await writer.drain()
    writer.close()
