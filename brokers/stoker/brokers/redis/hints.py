"""Hints over the server's pub/sub: what other programs have made true, and what this one tells them."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

from stoker.brokers.instant import micros
from stoker.brokers.redis.failures import FOREIGN, mapped
from stoker.brokers.redis.records import id_bytes, job_of
from stoker.brokers.redis.server import Server
from stoker.brokers.redis.wire import Wire
from stoker.brokers.tasks import ended
from stoker.jobs.errors import BrokerError, BrokerUnavailable, JobNotFound
from stoker.jobs.job import Job
from stoker.jobs.operating import Wakeup

READY_EVERY = 0.005
"""Seconds between hints about ready jobs: the first goes at once, what follows goes together."""
SETTLED_LOOK = 2.0
"""Seconds between looks at a job that somebody waits for, if no hint comes at all."""
SILENCE = 5.0
"""Seconds without a word after which a subscription is asked for one, and then those it has for it."""
REMEMBERED = 60.0
"""Seconds that the server remembers of somebody waiting; each look renews it."""


class Listener:
    """One `wakeups()`: hints gather here, bounded, until they are taken."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._queues: set[str] = set()
        self._ids: set[str] = set()
        self._kinds: set[str] = set()
        self._error: BrokerError | None = None

    def give(self, kind: str, words: Iterable[str]) -> None:
        if kind == "ready":
            self._queues.update(words)
        elif kind == "cancel":
            self._ids.update(words)
        elif kind != "pause":
            return
        self._kinds.add(kind)
        self._event.set()

    def fail(self, error: BrokerError) -> None:
        """Nothing more will come."""
        self._error = error
        self._event.set()

    async def take(self) -> list[Wakeup]:
        """What has come since. Raises what ended it."""
        await self._event.wait()
        self._event.clear()
        if self._error is not None:
            raise self._error
        taken = []
        if "cancel" in self._kinds:
            taken.append(Wakeup("cancel", ids=tuple(self._ids)))
        if "ready" in self._kinds:
            taken.append(Wakeup("ready", tuple(sorted(self._queues))))
        if "pause" in self._kinds:
            taken.append(Wakeup("pause"))
        self._kinds, self._queues, self._ids = set(), set(), set()
        return taken


class Hints:
    """Of one broker instance. One subscription serves all who listen or wait, while there are any."""

    def __init__(self, server: Server, *, silence: float = SILENCE) -> None:
        self._server = server
        self._silence = silence
        self._listeners: list[Listener] = []
        self._waiters: dict[str, list[asyncio.Event]] = {}
        self._subscription: asyncio.Task[None] | None = None
        self._subscribed = asyncio.Event()
        self._failure: BrokerError | None = None
        self._ready: set[str] = set()
        self._hinted_at = -READY_EVERY
        self._flushing: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()

    # Telling others.

    def may_hint(self) -> bool:
        """Whether a script may tell of ready jobs itself; else `made_ready` tells soon."""
        now = asyncio.get_running_loop().time()
        if now - self._hinted_at < READY_EVERY:
            return False
        self._hinted_at = now
        return True

    def made_ready(self, queues: Iterable[bytes], *, hinted: bool) -> None:
        """These queues have new ready jobs. They are told of in a moment, unless they have been."""
        if hinted or not queues:
            return
        self._ready.update(queue.decode() for queue in queues)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._ready:
            await asyncio.sleep(max(0.0, self._hinted_at + READY_EVERY - loop.time()))
            self._hinted_at = loop.time()
            await self._send()

    async def _send(self) -> None:
        queues, self._ready = sorted(self._ready), set()
        if queues:
            with suppress(BrokerError):  # a hint; the poll finds what it would have told of
                await self._server.command(
                    "PUBLISH", self._server.channel, " ".join(["ready", *queues])
                )

    async def close(self) -> None:
        """Tell what is still to be told, and end everybody's listening and waiting."""
        for task in (self._flushing, self._subscription):
            if task is not None and not task.done():
                self._end_task(task)
        await ended(list(self._ending))
        await self._send()
        self._end(BrokerUnavailable("the Redis broker was closed"))

    # Being told.

    async def wakeups(self) -> AsyncIterator[Wakeup]:
        """See `Broker.wakeups`. Raises BrokerUnavailable when the subscription is lost."""
        listener = Listener()
        self._listeners.append(listener)
        try:
            await self._subscribe()
            yield Wakeup("ready")
            while True:
                for wakeup in await listener.take():
                    yield wakeup
        finally:
            self._listeners.remove(listener)
            self._unsubscribe()

    async def settled(self, id: str, timeout: float) -> Job | None:
        """See `Operate.settled`."""
        woken = asyncio.Event()
        self._waiters.setdefault(id, []).append(woken)
        try:
            job = await self._look(id)
            if timeout <= 0:
                return job if job.state.final else None
            async with asyncio.timeout(timeout):
                while not job.state.final:
                    with suppress(BrokerUnavailable):  # then it goes on by looking
                        await self._subscribe()
                    job = await self._look(id)
                    if not job.state.final:
                        await _until_set(woken)
                        woken.clear()
                return job
        except TimeoutError:
            return None
        finally:
            self._waiters[id].remove(woken)
            if not self._waiters[id]:
                del self._waiters[id]
            self._unsubscribe()

    async def _look(self, id: str) -> Job:
        row = await self._server.run(
            "wait", id_bytes(id), micros(REMEMBERED), shard=self._server.shards.of_id(id)
        )
        job = job_of(id, row)
        if job is None:
            raise JobNotFound(f"there is no job {id}")
        return job

    async def _subscribe(self) -> None:
        """From now on, hints are heard. Raises BrokerUnavailable if that cannot be had."""
        if self._subscription is None or self._subscription.done():
            self._subscribed.clear()
            self._failure = None
            self._subscription = asyncio.create_task(self._listen())
        begun = asyncio.create_task(self._subscribed.wait())
        try:
            await asyncio.wait([begun, self._subscription], return_when=asyncio.FIRST_COMPLETED)
        finally:
            begun.cancel()
        if not self._subscribed.is_set():
            raise self._failure or BrokerUnavailable("the subscription to hints has ended")

    def _unsubscribe(self) -> None:
        if not self._listeners and not self._waiters and self._subscription is not None:
            self._end_task(self._subscription)
            self._subscription = None

    def _end_task(self, task: "asyncio.Task[None]") -> None:
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        task.cancel()

    async def _listen(self) -> None:
        try:
            wire = await self._server.wire(hear=lambda message: self._hear(message.decode()))
            try:
                await wire.ask("SUBSCRIBE", self._server.channel)
                self._subscribed.set()
                await self._until_lost(wire)
            finally:
                wire.close()
        except FOREIGN as error:
            self._subscribed.clear()
            self._failure = mapped(error, str(self._server.address))
            self._end(self._failure)

    async def _until_lost(self, wire: Wire) -> None:
        """Raises one of FOREIGN, TimeoutError where even a ping is not answered."""
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(wire.heard_at + self._silence):
                    await wire.lost.wait()
            if loop.time() >= wire.heard_at + self._silence or wire.lost.is_set():
                async with asyncio.timeout(self._silence):
                    await wire.ask("PING")

    def _hear(self, message: str) -> None:
        kind, *words = message.split(" ")
        for listener in self._listeners:
            listener.give(kind, filter(None, words))
        if kind == "settled":
            for id in words:
                for waiter in self._waiters.get(id, ()):
                    waiter.set()

    def _end(self, error: BrokerError) -> None:
        """Whoever listens is refused; whoever waits looks, and goes on by looking."""
        for listener in self._listeners:
            listener.fail(error)
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.set()


async def _until_set(event: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_LOOK * random.uniform(0.75, 1.25)):
            await event.wait()
