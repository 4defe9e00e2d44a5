from typing import Any

import msgspec
import pytest

from stoker.daemon.schedules import declarations
from stoker.daemon.settings import Settings
from stoker.handlers import Cron, handler
from stoker.jobs.errors import ConfigError
from stoker.jobs.recurring import Schedule


@handler("clean", cron="0 23 * * *", queue="upkeep", priority=2)
async def clean(days: int = 7) -> None: ...


@handler(
    "report",
    cron=Cron("0 3 * * *", timezone="Europe/Vienna", overlap="queue", payload={"kind": "daily"}),
)
async def report(kind: str) -> None: ...


@handler("plain")
async def plain(number: int = 0) -> None: ...


HANDLERS: dict[str, Any] = {each.name: each for each in (clean, report, plain)}


def said(**settings: Any) -> dict[str, tuple[str, Schedule]]:
    found = declarations(Settings(**settings), HANDLERS)
    return {each.name: (each.owner, each.schedule) for each in found}


def test_a_handler_with_a_schedule_is_declared_and_no_other() -> None:
    found = said()
    assert found.keys() == {"clean", "report"}
    assert found["clean"] == (
        "code",
        Schedule(type="clean", line="0 23 * * *", queue="upkeep", priority=2),
    )
    assert found["report"][1] == Schedule(
        type="report",
        line="0 3 * * *",
        timezone="Europe/Vienna",
        overlap="queue",
        payload=msgspec.Raw(b'{"kind":"daily"}'),
    )


def test_the_configuration_goes_over_the_code() -> None:
    owner, schedule = said(cron={"clean": "@hourly"})["clean"]
    assert (owner, schedule.line) == ("config", "@hourly")


def test_the_configuration_switches_a_schedule_off() -> None:
    assert said(cron={"clean": "never"})["clean"][1].line == "never"


def test_the_configuration_says_more_in_a_mapping() -> None:
    entry = {"every": "15m", "overlap": "allow", "catchup": "all", "payload": {"number": 3}}
    assert said(cron={"plain": entry})["plain"] == (
        "config",
        Schedule(
            type="plain",
            line="every 15m",
            overlap="allow",
            catchup="all",
            payload=msgspec.Raw(b'{"number":3}'),
        ),
    )


def test_schedules_of_another_service_have_names_of_their_own() -> None:
    assert said(service="billing").keys() == {"billing:clean", "billing:report"}


def test_a_version_is_what_is_said() -> None:
    def versions(**settings: Any) -> dict[str, str]:
        return {each.name: each.version for each in declarations(Settings(**settings), HANDLERS)}

    assert versions() == versions()
    changed = versions(cron={"clean": "@hourly"})
    assert changed["clean"] != versions()["clean"]
    assert changed["report"] == versions()["report"]


@pytest.mark.parametrize(
    ("cron", "text"),
    [
        ({"nobody": "@daily"}, "cron: there is no handler 'nobody'; there are: clean, plain, report"),
        ({"clean": "61 * * * *"}, "cron: clean: '61 * * * *' is no schedule: the minute 61"),
        ({"clean": {"cron": "@daily", "zone": "UTC"}}, "cron: clean has the unknown key 'zone';"),
        ({"clean": {"timezone": "UTC"}}, "cron: clean: a recurring job has `cron`"),
        ({"clean": {"cron": "@daily", "timezone": "Mars"}}, "cron: clean: 'Mars' is no time zone"),
        ({"clean": {"cron": "@daily", "overlap": "no"}}, "cron: clean: overlap is one of"),
        ({"clean": {"cron": "@daily", "payload": 5}}, "cron: clean: payload is a mapping by parameter"),
        ({"report": "@daily"}, "cron: report: report: parameter 'kind'"),
        ({"plain": {"every": "1d", "payload": {"number": "x"}}}, "cron: plain: plain: parameter"),
    ],
)  # fmt: skip
def test_a_wrong_schedule_is_refused_at_the_start(cron: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        said(cron=cron)
    assert str(caught.value).startswith(text)
