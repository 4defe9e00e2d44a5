"""What an entered broker works with: its connections, the hints it sends, and those it hears."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from stoker.brokers.postgres.address import Address
from stoker.brokers.postgres.connections import Connections
from stoker.brokers.postgres.listening import Listening
from stoker.brokers.postgres.literals import texts
from stoker.brokers.postgres.migrating import migrate, refuse_too_new
from stoker.brokers.postgres.session import Session
from stoker.brokers.postgres.statements import ServerTime, Statements
from stoker.brokers.postgres.telling import Teller

T = TypeVar("T")


class Opened:
    """Everything that lives from entering a broker to leaving it."""

    def __init__(self, address: Address, sql: Statements, time: ServerTime) -> None:
        self._connections = Connections(address, sql, time)
        self.teller = Teller(self._send)
        self.listening = Listening(address, self._send)

    async def open(self, *, migrate: bool) -> None:
        """Raises what connecting raises, and SchemaTooNew; then nothing of it is left open."""
        try:
            await (self.migrate() if migrate else self.do(refuse_too_new))
        except BaseException:
            await self.close()
            raise

    async def migrate(self) -> None:
        await self._connections.call(migrate, long=True)

    async def do(self, verb: Callable[[Session], Awaitable[T]], *, long: bool = False) -> T:
        """What the verb answers; whoever wants to know of it is told."""
        answer, notes = await self._connections.call(verb, long=long)
        self.teller.tell(notes)
        return answer

    async def _send(self, letters: Sequence[str]) -> None:
        await self._connections.call(lambda session: session.rows(session.sql.tell, texts(letters)))

    async def close(self) -> None:
        await self.listening.close()
        await self.teller.close()
        await self._connections.close()
