import inspect
import pickle
import re

import pytest

from stoker.jobs import errors
from stoker.jobs.errors import (
    InvalidPayload,
    JobFailed,
    JobNotFound,
    LeaseLost,
    MissingExtra,
    ResultExpired,
    StokerError,
    UniqueConflict,
)


def drawn() -> dict[str, str | None]:
    """Every error of the drawing in the module's docstring, with what it hangs on."""
    tree: dict[str, str | None] = {"StokerError": None}
    above = {-1: "StokerError"}
    for branch, name in re.findall(r"^([│ ]*)[├└]── (\w+)", str(errors.__doc__), re.MULTILINE):
        level = len(branch) // 4
        tree[name], above[level] = above[level - 1], name
    return tree


def written() -> dict[str, str | None]:
    """Every error that the module defines, with what it derives from first."""
    classes = [one for _, one in inspect.getmembers(errors, inspect.isclass)]
    return {
        one.__name__: None if one is StokerError else one.__bases__[0].__name__
        for one in classes
        if one.__module__ == errors.__name__
    }


def test_the_drawing_is_the_tree() -> None:
    assert drawn() == written()


def test_every_error_says_what_it_means() -> None:
    for name in written():
        own = vars(getattr(errors, name)).get("__doc__")
        assert own, name
        assert own.splitlines()[0].endswith("."), name


def test_errors_are_also_what_python_calls_them() -> None:
    assert issubclass(InvalidPayload, ValueError)
    assert issubclass(JobNotFound, LookupError)
    assert issubclass(MissingExtra, ImportError)


def test_a_conflict_names_the_job_that_holds_the_key() -> None:
    error = UniqueConflict("order 7", "mail", "an id")
    assert str(error) == "unique key 'order 7' in queue 'mail' is held by job an id"
    assert error.holder == "an id"


def test_a_missing_extra_says_what_to_install() -> None:
    error = MissingExtra("stoker run", "daemon")
    text = "stoker run needs an extra that is not installed: pip install 'stoker[daemon]'"
    assert str(error) == text


@pytest.mark.parametrize(
    "error",
    [
        UniqueConflict("order 7", "mail", "an id"),
        MissingExtra("stoker run", "daemon"),
        JobFailed("an id", "job an id failed: ValueError: no"),
        ResultExpired("an id", "the result of job an id is gone"),
        LeaseLost("the run's token is no longer current"),
    ],
    ids=repr,
)
def test_errors_pass_from_one_process_to_another(error: StokerError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
