import asyncio
import time

from seams import Seams, Spent


def work(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


class Place:
    def outer(self) -> str:
        work(0.02)
        self.inner()
        self.inner()
        return "done"

    def inner(self) -> None:
        work(0.03)

    async def waited(self) -> int:
        work(0.02)
        return 7


def laid() -> tuple[Seams, Place]:
    class Fresh(Place):
        outer, inner, waited = Place.outer, Place.inner, Place.waited

    seams = Seams()
    for name in ("outer", "inner", "waited"):
        seams.wrap(Fresh, name, name)
    return seams, Fresh()


def spent(seams: Seams) -> dict[str, Spent]:
    return {one.part: one for one in seams.spent()}


def test_what_a_seam_within_takes_is_not_its_callers() -> None:
    seams, place = laid()
    assert place.outer() == "done"
    found = spent(seams)
    assert (found["outer"].calls, found["inner"].calls) == (1, 2)
    assert 20_000 <= found["outer"].micros < 30_000
    assert 60_000 <= found["inner"].micros < 70_000


def test_a_coroutine_is_counted_as_well() -> None:
    seams, place = laid()
    assert asyncio.run(place.waited()) == 7
    assert 20_000 <= spent(seams)["waited"].micros < 30_000


def test_a_coroutine_that_waits_is_not_counted_meanwhile() -> None:
    seams = Seams()

    async def waiting(turn: asyncio.Event) -> str:
        work(0.02)
        await turn.wait()
        work(0.02)
        return "done"

    async def main() -> str:
        turn = asyncio.Event()
        task = asyncio.create_task(seams._coroutine(waiting, "waiting")(turn))
        await asyncio.sleep(0)
        work(0.1)
        turn.set()
        return str(await task)

    assert asyncio.run(main()) == "done"
    assert spent(seams)["waiting"].calls == 2
    assert 40_000 <= spent(seams)["waiting"].micros < 60_000


def test_an_error_that_comes_while_a_coroutine_waits_gets_in() -> None:
    seams = Seams()

    async def waiting() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "cancelled"
        return "never"

    async def main() -> str:
        task = asyncio.create_task(seams._coroutine(waiting, "waiting")())
        await asyncio.sleep(0)
        task.cancel()
        return str(await task)

    assert asyncio.run(main()) == "cancelled"


def test_waiting_costs_nothing() -> None:
    seams = Seams()
    seams.seam(time.sleep, "asleep")(0.05)
    assert spent(seams)["asleep"].micros < 10_000


def test_what_a_seam_costs_is_taken_off() -> None:
    seams = Seams()
    empty = seams.seam(lambda: None, "empty")
    outer = seams.seam(lambda: [empty() for _ in range(20_000)], "outer")
    outer()
    # A list comprehension takes a tenth of a microsecond a turn; a seam ten times that.
    assert spent(seams)["empty"].micros / 20_000 < 0.2
    assert spent(seams)["outer"].micros / 20_000 < 0.5


def test_an_error_passes_through_and_is_counted() -> None:
    seams = Seams()

    def fall() -> None:
        raise ValueError("no")

    try:
        seams.seam(fall, "fall")()
    except ValueError as error:
        assert str(error) == "no"
    assert spent(seams)["fall"].calls == 1
