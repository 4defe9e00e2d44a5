"""What holds for every record and event: they are inert, and can be told from one another."""

import inspect
import re
from types import ModuleType
from typing import get_args

import msgspec
import pytest

from stoker.jobs import events, job, operating, outcome
from stoker.jobs.operating import Counts
from stoker.jobs.version import __version__


def structs(module: ModuleType) -> list[type[msgspec.Struct]]:
    classes = [one for _, one in inspect.getmembers(module, inspect.isclass)]
    return [
        one for one in classes if issubclass(one, msgspec.Struct) and one.__module__ == module.__name__
    ]


EVERY = [one for module in (events, job, operating, outcome) for one in structs(module)]


@pytest.mark.parametrize("struct", EVERY, ids=lambda one: f"{one.__module__}.{one.__name__}")
def test_a_record_cannot_be_changed(struct: type[msgspec.Struct]) -> None:
    assert struct.__struct_config__.frozen


def test_every_event_is_one_of_the_union() -> None:
    assert set(get_args(events.Event)) == set(structs(events))


def test_every_ending_is_one_of_the_union() -> None:
    assert set(get_args(outcome.Ending)) == set(structs(outcome))


def test_counts_add_up() -> None:
    each = Counts(
        queue="mail",
        ready=1,
        delayed=20,
        running=300,
        retrying=4_000,
        completed=50_000,
        failed=600_000,
        cancelled=7_000_000,
        skipped=80_000_000,
        pruned=900_000_000,
    )
    assert each.pending == 21
    assert each.total == 987_654_321


def test_the_version_is_one_that_packages_can_have() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc|\.dev)\d+)?", __version__)
