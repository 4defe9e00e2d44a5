from pathlib import Path

import pytest

from stoker.daemon.loading import load_handlers, load_middleware
from stoker.daemon.settings import Settings
from stoker.jobs.errors import ConfigError, HandlerError


def test_handlers_are_looked_for_in_the_app_dir(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "loaded_jobs.py").write_text(
        "from stoker.handlers import handler\n@handler('a.b')\nasync def b() -> None: ...\n"
    )
    settings = Settings(app_dir="app", handlers=("loaded_jobs",))
    assert list(load_handlers(settings, tmp_path)) == ["a.b"]


def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HandlerError, match="there is no module no_such_jobs"):
        load_handlers(Settings(handlers=("no_such_jobs",)), tmp_path)


def test_middleware_is_loaded_in_the_order_it_is_named() -> None:
    assert load_middleware(["builtins:print", "builtins:len"]) == (print, len)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("builtins", "names no function"),
        ("no_such_module:timed", "cannot be had: ModuleNotFoundError"),
        ("builtins:no_such_name", "cannot be had: AttributeError"),
        ("stoker.jobs.version:__version__", "is no function"),
    ],
)
def test_middleware_that_cannot_be_had_is_named(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        load_middleware([name])
