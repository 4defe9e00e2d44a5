from typing import Any

import pytest

from stoker.handlers import Cron
from stoker.jobs.errors import HandlerError


def test_a_schedule_is_in_utc_skips_overlaps_and_catches_up_on_the_last_slot() -> None:
    cron = Cron("0 3 * * *")
    assert (cron.timezone, cron.overlap, cron.catchup) == ("UTC", "skip", "last")


def test_a_time_zone_goes_by_its_name() -> None:
    assert Cron("0 3 * * *", timezone="Europe/Vienna").timezone == "Europe/Vienna"


@pytest.mark.parametrize("expression", ["never", "0 0 31 2 *", "@daily", "*/5 0 3 * * *", "every 15m"])
def test_expressions_are_carried_as_they_are(expression: str) -> None:
    assert Cron(expression).expression == expression


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"expression": ""}, "a schedule is a line such as '0 3 * * *' or 'every 15m', not ''"),
        ({"expression": 5}, "a schedule is a line such as"),
        ({"expression": "0 24 * * *"}, "'0 24 * * *' is no schedule: the hour 24 does not lie"),
        ({"expression": "@reboot"}, "'@reboot' is no schedule"),
        ({"expression": "every day"}, "'every day' is no schedule"),
        ({"timezone": "Europe/Wien"}, "'Europe/Wien' is no time zone"),
        ({"timezone": "../etc/passwd"}, "is no time zone"),
        ({"timezone": ""}, "'' is no time zone"),
        ({"overlap": "never"}, "overlap of a schedule is one of skip, allow, queue, not 'never'"),
        ({"catchup": "some"}, "catchup of a schedule is one of last, skip, all, not 'some'"),
    ],
)
def test_what_cannot_be_a_schedule_is_refused(given: dict[str, Any], text: str) -> None:
    with pytest.raises(HandlerError) as caught:
        Cron(**{"expression": "0 3 * * *", **given})
    assert text in str(caught.value)
