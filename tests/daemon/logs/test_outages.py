from stoker.daemon.logs.outages import AGAIN, Outages
from stoker.daemon.supervision.rhythm import FORGOTTEN
from stoker.jobs.clock import FakeClock
from stoker.jobs.events import StoreBack, StoreLost, UnknownTypeReturned

LOST = "the store does not answer; trying until it does"
STILL = "the store still does not answer"
BACK = "the store answers again"


def said(line: object) -> str | None:
    return line[1] if isinstance(line, tuple) else None


def lost(actor: str = "settler") -> StoreLost:
    return StoreLost(actor, "connection refused", 1.0)


def test_an_outage_is_told_once_and_then_now_and_then() -> None:
    clock = FakeClock()
    outages = Outages(clock.elapsed)
    lines = []
    for _ in range(100):
        lines.append(said(outages.lost(lost())))
        clock.advance(AGAIN / 50)
    assert [line for line in lines if line] == [LOST, STILL]


def test_an_outage_is_one_however_many_wait() -> None:
    clock = FakeClock()
    outages = Outages(clock.elapsed)
    assert said(outages.lost(lost("settler"))) == LOST
    assert outages.lost(lost("keeper")) is None
    clock.advance(2)
    assert outages.back(StoreBack("settler", 2.0)) is None
    line = outages.back(StoreBack("keeper", 2.0))
    assert said(line) == BACK
    assert line is not None and line[2] == {"tries": 2, "duration": 2.0}


def test_an_actor_that_fell_meanwhile_is_not_waited_for() -> None:
    clock = FakeClock()
    outages = Outages(clock.elapsed)
    outages.lost(lost("gone"))
    clock.advance(FORGOTTEN)
    outages.lost(lost("settler"))
    assert said(outages.back(StoreBack("settler", 1.0))) == BACK


def test_a_store_that_comes_and_goes_is_not_told_each_time() -> None:
    clock = FakeClock()
    outages = Outages(clock.elapsed)
    lines = []
    for _ in range(40):
        lines += [said(outages.lost(lost())), said(outages.back(StoreBack("settler", 0.1)))]
        clock.advance(AGAIN / 20)
    assert [line for line in lines if line] == [LOST, BACK, LOST, BACK]


def test_back_without_an_outage_says_nothing() -> None:
    assert Outages(FakeClock().elapsed).back(StoreBack("settler", 1.0)) is None


def test_unknown_types_are_told_once_each_with_how_many_followed() -> None:
    clock = FakeClock()
    outages = Outages(clock.elapsed)
    first = outages.unknown(UnknownTypeReturned("1", "a", 5.0))
    assert first is not None and first[2] == {"job_id": "1", "job_type": "a", "delay": 5.0}
    assert outages.unknown(UnknownTypeReturned("2", "b", 5.0)) is not None
    for _ in range(3):
        assert outages.unknown(UnknownTypeReturned("3", "a", 5.0)) is None
    clock.advance(AGAIN)
    again = outages.unknown(UnknownTypeReturned("4", "a", 10.0))
    assert again is not None and again[2]["others"] == 3
