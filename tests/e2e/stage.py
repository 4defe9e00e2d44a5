"""What a test of real processes stands on: a folder, a store, daemons, and ways to hear of them."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard

import anyio

from stoker.brokers.connecting import connect
from stoker.brokers.protocol import Broker
from stoker.client import Client
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.job import Job, JobDetail
from stoker.jobs.operating import Counts
from stoker.jobs.state import State

from .daemon import STARTED, Daemon
from .stores.ledger import Ledger
from .stores.store import Store
from .told import LIMIT, Go, Told
from .witnesses import Run, read_runs

APP = Path(__file__).with_name("app")


class Stage:
    """Belongs to one test. The test's own broker and client are in its process."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self.store = store
        self.effects = folder / "effects"
        self.effects.touch()
        self.told = Told(folder / "told")
        self.daemons: list[Daemon] = []
        self.offset = Offset()
        """Of the test's own broker: by so much it is ahead of everybody else's time."""
        self.broker: Broker = connect(store.url, create=True, offset=self.offset)
        self.client = Client(self.broker)
        self.lines = 0
        """That all daemons have said, together."""
        self._pipes: list[Go] = []
        self._heard = asyncio.Event()

    async def __aenter__(self) -> "Stage":
        await self.broker.__aenter__()
        await self.broker.migrate()
        self.store.keep_ledger()
        (self.folder / "broker").write_text(self.store.url)
        return self

    async def __aexit__(self, *exception: Any) -> None:
        for daemon in self.daemons:
            await daemon.clear_away()
        await self.broker.__aexit__(None, None, None)
        self.told.close()
        for pipe in self._pipes:
            pipe.close()

    # Daemons

    async def start(self, **settings: Any) -> Daemon:
        """A daemon that has said that it is there."""
        daemon = await self.launch(**settings)
        await daemon.says(STARTED)
        return daemon

    async def launch(self, **settings: Any) -> Daemon:
        """A daemon whose process has been started, no more."""
        return await self.launch_with(self.configure(**settings))

    async def launch_with(self, config: Path) -> Daemon:
        daemon = await Daemon.start(config, self._hear)
        self.daemons.append(daemon)
        return daemon

    def configure(self, **settings: Any) -> Path:
        """A configuration file with these settings over those of all tests."""
        standing = {"broker": self.store.url, "app_dir": str(APP), "handlers": ["work", "zombies"]}
        path = self.folder / f"config{len(self.daemons)}.yaml"
        path.write_text(json.dumps({**standing, "log": {"format": "json"}, **settings}))
        return path

    def _hear(self) -> None:
        self.lines += 1
        self._heard.set()
        self._heard = asyncio.Event()

    async def hears(self, lines: int) -> None:
        """Wait until the daemons have said so many lines more, all of them together."""
        goal = self.lines + lines
        with anyio.move_on_after(LIMIT):
            while self.lines < goal:
                await self._heard.wait()
        assert self.lines >= goal, "they fell silent:\n" + "\n".join(map(str, self.daemons[-2:]))

    # Jobs

    async def enqueue(self, type: str, **arguments: Any) -> str:
        return (await self.client.enqueue(type, arguments)).id

    async def enqueue_many(self, count: int, type: str, **arguments: Any) -> list[str]:
        handles = await self.client.enqueue_many([(type, arguments)] * count)
        return [handle.id for handle in handles]

    async def job(self, id: str) -> JobDetail:
        detail = await self.broker.detail(id)
        assert detail is not None
        return detail

    async def final(self, id: str) -> Job:
        """The job, once it has ended."""
        job = await self.broker.settled(id, LIMIT)
        assert job is not None, f"{(await self.job(id)).job}\n" + "\n".join(map(str, self.daemons))
        return job

    async def all_final(self, ids: Sequence[str]) -> None:
        """Wait until these have ended; what waits after a crash need not wait any longer."""
        left = list(ids)
        with anyio.move_on_after(2 * LIMIT):
            while left := [job.id for job in await self.broker.get(left) if _goes_on(job)]:
                await self.make_due()
                await self.broker.settled(left[0], timeout=1.0)
        assert not left, f"{len(left)} jobs did not end, among them {(await self.job(left[0])).job}"

    async def make_due(self) -> int:
        """Let all waits between two runs be over: promoted by a broker that is an hour ahead."""
        self.offset.advance(3600)
        try:
            return (await self.broker.promote(100_000)).promoted
        finally:
            self.offset.advance(-3600)

    async def waits(self, id: str, *, crashes: int = 0) -> Job:
        """The job, once it waits for its next run, crashed so often, and need not wait any longer."""
        with anyio.fail_after(LIMIT):
            while True:
                [job] = await self.broker.get([id])
                assert job is not None and job.completed_at is None
                if job.state is not State.RUNNING and job.crashes == crashes:
                    await self.make_due()
                    return job
                await self.broker.settled(id, timeout=0.05)

    async def counts(self, queue: str = "default") -> Counts:
        for info in await self.broker.queues():
            if info.counts.queue == queue:
                return info.counts
        return Counts(queue=queue)

    async def is_back(self) -> None:
        """Wait until the store answers the test's own broker, whose connections may have been cut."""
        with anyio.fail_after(LIMIT):
            while True:
                try:
                    await self.broker.pauses()
                except BrokerUnavailable:
                    await anyio.sleep(0.02)  # sleeps: a store tells nobody that it is back
                else:
                    return

    # Witnesses

    def go(self, crashes: int = 0) -> Go:
        """A pipe at which runs wait whose job has crashed so often."""
        pipe = Go(self.folder / f"go.{crashes}")
        self._pipes.append(pipe)
        return pipe

    def runs(self, id: str) -> list[Run]:
        """The runs of a job, so far."""
        return self.all_runs().get(id, [])

    def all_runs(self) -> dict[str, list[Run]]:
        return read_runs(self.effects)

    def ledger(self) -> Ledger:
        return self.store.ledger()

    def killed(self) -> dict[int, int]:
        """By process id, when it was certainly over, in nanoseconds since the boot."""
        return {daemon.pid: daemon.over_at for daemon in self.daemons if daemon.over_at is not None}


def _goes_on(job: Job | None) -> TypeGuard[Job]:
    return job is not None and job.completed_at is None
