"""The demo from start to end: stage, mail server, daemon, play, verdict."""

import asyncio
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from stoker.brokers.connecting import connect
from stoker.client import Client
from stoker.daemon.beside import beside
from stoker.daemon.daemon_process import DaemonProcess, start_daemon
from stoker.daemon.demo import mix
from stoker.daemon.demo.checking import Finding, check
from stoker.daemon.demo.gathering import gather
from stoker.daemon.demo.mailbox import open_mailbox
from stoker.daemon.demo.play import Play
from stoker.daemon.demo.stage import fill_database, set_stage
from stoker.daemon.demo.table import display, summary
from stoker.daemon.demo.watching import show_moments
from stoker.jobs.errors import StokerError

LIMIT = 120.0
"""Seconds after which a demo that should have ended is given up."""


class TookTooLong(StokerError):
    """Not everything has ended within the limit."""


def demo(
    *, once: bool, jobs: int = mix.LEAST, limit: float = LIMIT, console: Console | None = None
) -> int:
    """Run the demo; answers the exit status: 0, or 1 if anything is not as it should be.

    With `once` it ends when all jobs have ended and been checked; else it goes on with a trickle of
    jobs until it is interrupted. Everything it has made and started is gone afterwards.
    """
    return asyncio.run(_Demo(once, jobs, limit, console or Console()).run())


class _Demo:
    """One showing. `passed` is known once the mix has been checked."""

    def __init__(self, once: bool, jobs: int, limit: float, console: Console) -> None:
        self.once = once
        self.jobs = jobs
        self.limit = limit
        self.console = console
        self.passed = False

    async def run(self) -> int:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        try:
            with TemporaryDirectory(prefix="stoker-demo-") as folder:
                await self._in_folder(Path(folder))
        except asyncio.CancelledError:
            self.console.print("Interrupted; everything is stopped and removed.")
        except StokerError as error:
            self.passed = False
            self.console.print(f"The demo failed: {error}", markup=False, highlight=False)
        return 0 if self.passed else 1

    async def _in_folder(self, folder: Path) -> None:
        async with open_mailbox() as mailbox:
            stage = set_stage(folder, mailbox.port)
            engine = await asyncio.to_thread(fill_database, stage)
            try:
                async with connect(stage.broker, create=True) as broker:
                    await broker.migrate()
                    starting = start_daemon(stage.config, log=stage.log, environment=stage.environment)
                    async with Client(broker) as client, starting as daemon:
                        play = Play(client, stage.marks)
                        with display(self.console) as show:
                            await beside(
                                self._mix(play, daemon),
                                show_moments(play, mailbox, show),
                                daemon.watch(),
                            )
                            evidence = await gather(play, stage, mailbox, engine)
                            self._tell(await asyncio.to_thread(check, evidence))
                            if not self.once:
                                await beside(
                                    play.trickle(),
                                    show_moments(play, mailbox, show),
                                    daemon.watch(),
                                )
            finally:
                engine.dispose()

    async def _mix(self, play: Play, daemon: DaemonProcess) -> None:
        try:
            async with asyncio.timeout(self.limit):
                await play.run(self.jobs)
        except TimeoutError:
            left = sum(one.total for one in await play.counts())
            raise TookTooLong(
                f"not all of {left} jobs ended within {self.limit:g} s; the daemon's log ends:\n"
                f"{daemon.last_words()}"
            ) from None

    def _tell(self, findings: list[Finding]) -> None:
        wrong = sum(not finding.ok for finding in findings)
        self.passed = not wrong
        self.console.print(summary(findings))
        self.console.print(
            f"{wrong} of {len(findings)} lines differ from what was expected."
            if wrong
            else f"All {len(findings)} lines are as they should be."
        )
