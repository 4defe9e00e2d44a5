import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from stoker.handlers.collecting import collect
from stoker.jobs.errors import DuplicateHandler, HandlerError

HANDLER = "from stoker.handlers import handler\n@handler({name!r})\ndef take(number: int = 0): ...\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Write]:
    """Writes modules into a folder of this test's; afterwards they are forgotten."""
    path, modules = list(sys.path), set(sys.modules)

    def write(**files: str) -> Path:
        for name, text in files.items():
            file = tmp_path / (name.replace("__", "/") + ".py")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text))
        return tmp_path

    yield write
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def refusal(names: list[str], folder: Path) -> HandlerError:
    with pytest.raises(HandlerError) as caught:
        collect(names, folder)
    assert "\n" not in str(caught.value)
    return caught.value


def test_the_handlers_of_a_module_are_found_by_their_names(write: Write) -> None:
    folder = write(
        app="""
        from stoker.handlers import Context, Handler, handler, step

        @handler("a.function")
        async def one(ctx: Context): ...

        class Two(Handler, name="a.class"):
            def execute(self): ...

        class Base(Handler):
            def execute(self): ...

        class Three(Base, name="a.inherited"): ...

        other = 5
        """
    )
    found = collect(["app"], folder)
    assert sorted(found) == ["a.class", "a.function", "a.inherited"]
    assert found["a.function"].is_async
    assert all(name == handler.name for name, handler in found.items())


def test_a_package_is_taken_wholly(write: Write) -> None:
    folder = write()
    for file, name in {
        "app/__init__.py": "in.package",
        "app/jobs.py": "in.module",
        "app/deep/__init__.py": "in.subpackage",
        "app/deep/jobs.py": "deep.down",
    }.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(HANDLER.format(name=name))
    (folder / "app/__main__.py").write_text("raise SystemExit('it was run')")
    assert sorted(collect(["app"], folder)) == [
        "deep.down",
        "in.module",
        "in.package",
        "in.subpackage",
    ]


def test_a_handler_that_is_exported_again_is_one(write: Write) -> None:
    folder = write(
        first=HANDLER.format(name="a"), second="from first import take\nfrom first import take as b"
    )
    assert list(collect(["first", "second"], folder)) == ["a"]


def test_a_module_named_twice_is_collected_once(write: Write) -> None:
    folder = write(first=HANDLER.format(name="a"))
    assert list(collect(["first", "first"], folder)) == ["a"]


def test_two_handlers_of_one_name_are_refused_naming_both_places(write: Write) -> None:
    folder = write(first=HANDLER.format(name="a"), second=HANDLER.format(name="a"))
    error = refusal(["first", "second"], folder)
    assert isinstance(error, DuplicateHandler)
    assert "two handlers are named 'a': first.take (" in str(error)
    assert "second.take (" in str(error)


def test_no_names_give_no_handlers(write: Write) -> None:
    assert collect([], write()) == {}


def test_a_module_that_is_not_there_is_named(write: Write) -> None:
    folder = write()
    error = refusal(["missing.jobs"], folder)
    assert f"there is no module missing, neither in {folder} nor installed" in str(error)
    assert isinstance(error.__cause__, ModuleNotFoundError)


def test_a_submodule_that_is_not_there_is_named(write: Write) -> None:
    folder = write(app=HANDLER.format(name="a"))
    assert "there is no module app.jobs" in str(refusal(["app.jobs"], folder))


@pytest.mark.parametrize("name", ["", "app/jobs.py", "app..jobs", ".jobs", "app jobs"])
def test_a_name_that_is_no_modules_is_refused(name: str, write: Write) -> None:
    assert f"{name!r} is no module" in str(refusal([name], write()))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import not_installed", "ModuleNotFoundError: No module named 'not_installed'"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        (
            "from stoker.handlers import handler\n@handler('a')\ndef take(*args): ...",
            "HandlerError: a: '*args' cannot be a job argument",
        ),
    ],
)
def test_a_module_that_does_not_import_is_named_with_the_cause(
    text: str, cause: str, write: Write
) -> None:
    error = refusal(["app"], write(app=text))
    assert f"handlers: app does not import: {cause}" in str(error)
    assert error.__cause__ is not None


def test_the_line_that_failed_is_named(write: Write) -> None:
    folder = write(app="import helper", helper="\n\n1 / 0\n")
    assert f"({folder / 'helper.py'}:3)" in str(refusal(["app"], folder))


def test_a_submodule_that_does_not_import_is_named(write: Write) -> None:
    folder = write()
    (folder / "app").mkdir()
    (folder / "app/__init__.py").write_text(HANDLER.format(name="a"))
    (folder / "app/jobs.py").write_text("1 / 0")
    assert "handlers: app.jobs does not import" in str(refusal(["app"], folder))


def test_a_module_without_handlers_is_refused(write: Write) -> None:
    assert "handlers: app holds no handler" in str(refusal(["app"], write(app="number = 5")))


def schedule(cron: str, signature: str) -> str:
    return (
        "from stoker.handlers import Cron, handler\n"
        f"@handler('a', cron={cron})\ndef take({signature}): ...\n"
    )


def test_a_schedule_without_a_payload_needs_no_required_argument(write: Write) -> None:
    folder = write(app=schedule("'0 3 * * *'", "number: int = 0"))
    assert list(collect(["app"], folder)) == ["a"]


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("'0 3 * * *'", "parameter 'number' is missing"),
        ("Cron('0 3 * * *', payload={'number': 'x'})", "expected int, got 'x'"),
        ("Cron('0 3 * * *', payload={'other': 1})", "there is no parameter 'other'"),
        ("Cron('0 3 * * *', payload={'number': object()})", "cannot be written as JSON"),
    ],
)
def test_a_schedule_whose_payload_does_not_fit_is_refused(cron: str, why: str, write: Write) -> None:
    text = str(refusal(["app"], write(app=schedule(cron, "number: int"))))
    assert text.startswith("the schedule of a gives no fitting arguments")
    assert why in text


def test_a_schedule_with_a_fitting_payload_is_taken(write: Write) -> None:
    folder = write(app=schedule("Cron('0 3 * * *', payload={'number': 3})", "number: int"))
    assert list(collect(["app"], folder)) == ["a"]


def test_the_folder_comes_first_on_the_path_and_once(write: Write) -> None:
    folder = write(app=HANDLER.format(name="a"))
    collect(["app"], folder)
    collect(["app"], folder)
    assert sys.path[0] == str(folder)
    assert sys.path.count(str(folder)) == 1
