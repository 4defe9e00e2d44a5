"""The keeper off the loop: a handler that blocks the event loop does not lose its lease.

Its thread has an event loop and a broker instance of its own. The same thread watches the main loop:
it names the job that blocks it, and ends the process when that goes on too long, while the leases
still hold.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol

import anyio
from anyio.abc import TaskStatus

from stoker.daemon.actors.keeper import Deliver, Keeper, Renewing
from stoker.daemon.actors.own_broker import Connect, OwnBroker
from stoker.jobs.errors import StokerError

Ended = asyncio.Future[None]


class Watch(Protocol):
    """Something else that lives on the keeper's loop until cancelled."""

    async def run(self) -> None: ...


class KeeperThread:
    """An actor of the main loop that stands for the keeper in its thread."""

    name = "keeper"

    def __init__(
        self, connect: Connect, make: Callable[[Renewing, Deliver], Keeper], watch: Watch
    ) -> None:
        self._connect = connect
        self._make = make
        self._watch = watch
        self._keeper: Keeper | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._scope: anyio.CancelScope | None = None

    @property
    def renewing(self) -> bool:
        return self._keeper is not None and self._keeper.renewing

    def renew_now(self) -> None:
        """Callable from any thread."""
        keeper, loop = self._keeper, self._loop
        if keeper is not None and loop is not None:
            _tell(loop, keeper.renew_now)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        main = asyncio.get_running_loop()
        up: Ended = main.create_future()
        over: Ended = main.create_future()

        def live() -> None:
            error: BaseException | None = None
            try:
                anyio.run(self._live, main, lambda: _tell(main, lambda: _resolve(up, None)))
            except BaseException as caught:
                error = caught
            _tell(main, lambda: _resolve(over, error))

        threading.Thread(target=live, name="stoker-keeper", daemon=True).start()
        try:
            await asyncio.wait([up, over], return_when=asyncio.FIRST_COMPLETED)
            if up.done():
                task_status.started()
            await asyncio.shield(over)
            raise StokerError("the keeper's thread ended by itself")
        finally:
            with anyio.CancelScope(shield=True):
                await self._end(up, over)

    async def _live(self, main: asyncio.AbstractEventLoop, is_up: Callable[[], None]) -> None:
        with anyio.CancelScope() as scope:
            async with OwnBroker(self._connect) as broker, anyio.create_task_group() as group:
                self._loop, self._scope = asyncio.get_running_loop(), scope
                self._keeper = self._make(broker, lambda call: _tell(main, call))
                group.start_soon(self._watch.run)
                is_up()
                await self._keeper.run(task_status=anyio.TASK_STATUS_IGNORED)

    async def _end(self, up: Ended, over: Ended) -> None:
        # Until it is up it cannot hear; a thread that nobody ends would renew for ever.
        await asyncio.wait([up, over], return_when=asyncio.FIRST_COMPLETED)
        if not over.done() and self._loop is not None and self._scope is not None:
            _tell(self._loop, self._scope.cancel)
            await asyncio.wait([over])
        over.exception()  # raised above, or of a thread that was told to end
        self._keeper = self._loop = self._scope = None


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Run this on another thread's loop soon; nothing if that loop has closed meanwhile."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        if not loop.is_closed():
            raise


def _resolve(future: Ended, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
