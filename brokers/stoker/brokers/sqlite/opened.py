"""What an entered broker works with: the thread that writes, those that read, and the hints."""

import asyncio
from typing import Self

from stoker.brokers.instant import HostClock
from stoker.brokers.sqlite import upkeep
from stoker.brokers.sqlite.address import Address
from stoker.brokers.sqlite.hints import Hints
from stoker.brokers.sqlite.opening import open_reading, open_writing
from stoker.brokers.sqlite.readers import Readers
from stoker.brokers.sqlite.statements import Statements
from stoker.brokers.sqlite.writer import Writer


class Opened:
    """Everything that lives from entering a broker to leaving it."""

    def __init__(self, address: Address, clock: HostClock, sql: Statements) -> None:
        path = address.path
        self._boot_id = clock.boot_id
        self.hints = Hints(path)
        self.writer = Writer(path, lambda: open_writing(address), clock, sql, self.hints)
        self.readers = Readers(path, lambda: open_reading(address), clock, sql)

    async def open(self) -> Self:
        """Raises what opening the database raises; then nothing of it is left open."""
        try:
            await asyncio.to_thread(self.writer.start)
            self.readers.start()
            # Looked at first: whoever opens us may hold the write lock, in a transaction of its own.
            if await self.readers.read(lambda reading: upkeep.is_from_boot(reading, self._boot_id)):
                return self
            await self.writer.write(lambda tx: upkeep.recover_from_boot(tx, self._boot_id))
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        # The writer goes last: the last connection to close brings the log home, and may write.
        await self.readers.close()
        await self.writer.close()
        self.hints.close()
