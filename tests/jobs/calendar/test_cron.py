from datetime import datetime

import pytest

from stoker.jobs.calendar.cron import Walls
from stoker.jobs.calendar.lines import Cron, read

NEW_YEAR = datetime(2027, 1, 1)


def walls(text: str) -> Walls:
    line = read(text)
    assert isinstance(line, Cron)
    return Walls(line)


def test_wall_times_are_naive_and_strictly_later_or_earlier() -> None:
    three = NEW_YEAR.replace(hour=3)
    assert walls("0 3 * * *").after(NEW_YEAR) == three
    assert walls("0 3 * * *").after(three) == three.replace(day=2)
    assert walls("0 3 * * *").before(three.replace(second=1)) == three
    assert walls("0 3 * * *").before(three) == datetime(2026, 12, 31, 3)


def test_there_are_none_beyond_the_ends_of_time() -> None:
    assert walls("0 3 * * *").after(datetime(9999, 12, 31, 3)) is None
    assert walls("0 3 * * *").before(datetime(1, 1, 1, 3)) is None


@pytest.mark.parametrize("line", ["0 3 * * *", "30 0 3 * * *"])
def test_who_asks_leaves_nothing_behind_for_other_threads(line: str) -> None:
    times = walls(line)
    times.after(NEW_YEAR)
    state = dict(vars(times._cron))
    times.after(NEW_YEAR.replace(month=7))
    times.before(NEW_YEAR.replace(month=9))
    assert vars(times._cron) == state
