"""The user's own code, as the configuration names it: handlers and middleware."""

import importlib
from collections.abc import Sequence
from pathlib import Path

from stoker.daemon.settings import Settings
from stoker.handlers.collecting import AnyHandler, collect
from stoker.handlers.middleware import Middleware
from stoker.jobs.errors import ConfigError


def load_handlers(settings: Settings, relative_to: Path) -> dict[str, AnyHandler]:
    """The handlers, by name. Raises HandlerError, in one sentence, if they cannot be had."""
    return collect(settings.handlers, relative_to / settings.app_dir)


def load_middleware(names: Sequence[str]) -> tuple[Middleware, ...]:
    """The functions that `module:name` names, in this order. Raises ConfigError."""
    return tuple(map(_load, names))


def _load(name: str) -> Middleware:
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ConfigError(f"middleware: {name!r} names no function: write it as 'app.middleware:timed'")
    try:
        found: Middleware = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise ConfigError(
            f"middleware: {name} cannot be had: {type(error).__name__}: {error}"
        ) from error
    if not callable(found):
        raise ConfigError(f"middleware: {name} is no function of (ctx, call_next)")
    return found
