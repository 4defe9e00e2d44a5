"""The jobs of one example of the state machine, each with an id of its own."""

import msgspec

from stoker.brokers.conformance import drawing
from stoker.brokers.conformance.drawing import Draw
from stoker.brokers.conformance.making import ids_of
from stoker.jobs.ids import derived_id
from stoker.jobs.job import NewJob


class Given:
    """Every job that was put in, or tried to be."""

    def __init__(self) -> None:
        self.jobs: list[NewJob] = []
        self.touched: set[str] = set()
        """Whose details are to be compared after the step."""

    def new(self, draw: Draw, count: int) -> list[NewJob]:
        """So many that there have not been before."""
        for _ in range(count):
            job = draw(drawing.jobs)
            id = derived_id(job.queue, str(len(self.jobs)), 1e9)
            self.jobs.append(msgspec.structs.replace(job, id=id))
            self.touched.add(id)
        return self.jobs[len(self.jobs) - count :]

    def known(self, draw: Draw) -> NewJob | None:
        """Seldom: another with the id of one that was given before."""
        pick = draw(drawing.sometimes(drawing.picks)) if self.jobs else None
        if pick is None:
            return None
        known = self.jobs[-1 - pick % len(self.jobs)]
        self.touched.add(known.id)
        return msgspec.structs.replace(draw(drawing.jobs), id=known.id, queue=known.queue)

    def some_ids(self, draw: Draw) -> list[str]:
        """Of those given before."""
        ids = ids_of([self.jobs[-1 - pick % len(self.jobs)] for pick in draw(drawing.some)])
        self.touched.update(ids)
        return ids
