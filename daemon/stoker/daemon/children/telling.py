"""What the run in a child says, on its way to the parent."""

import queue

from stoker.daemon.children.frames import Logged, NewsWanted, Progressed
from stoker.daemon.children.wire import Wire
from stoker.jobs.codec import storable
from stoker.jobs.job import Claim, Report


class Teller:
    """The sink of a child's runs: each line goes to the parent at once, so none dies with the child."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._run = 0
        self._taken: list[Report] = []
        self._answers: queue.SimpleQueue[Report] = queue.SimpleQueue()

    def progress(self, claim: Claim, percent: float, message: str | None) -> None:
        text = None if message is None else storable(message, 1000)
        self._wire.send(Progressed(float(percent), text))

    def log(self, claim: Claim, message: str, level: str) -> None:
        self._wire.send(Logged(storable(message, 16_384), level))

    def take_news(self) -> Report:
        """Back from the parent what it has not stored yet; whoever takes it is to store it.

        Waits for the answer without awaiting, also on the event loop: who asks may have no loop.
        """
        self._wire.send(NewsWanted(self._run))
        report = self._answers.get()
        self._taken.append(report)
        return report

    def hear(self, report: Report) -> None:
        """The parent's answer; from the thread that hears it."""
        self._answers.put(report)

    def begin(self, run: int) -> None:
        self._run = run

    def end(self, *, kept: bool) -> None:
        """The run is over; what was taken back is told anew if it was not `kept` after all."""
        taken, self._taken = self._taken, []
        if kept:
            return
        for report in taken:
            if report.progress is not None:
                self._wire.send(Progressed(report.progress, report.progress_message))
            for line in report.logs:
                self._wire.send(Logged(line.message, line.level))
