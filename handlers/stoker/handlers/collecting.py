"""Finding handlers: the objects in the modules and packages that a configuration names."""

import importlib
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from stoker.handlers.class_handler import Handler, definition_of
from stoker.handlers.definition import Definition
from stoker.handlers.protocol import AnyHandler as AnyHandler
from stoker.jobs.codec import encode_payload
from stoker.jobs.errors import DuplicateHandler, HandlerError, InvalidPayload


def collect(names: Sequence[str], app_dir: Path) -> dict[str, AnyHandler]:
    """The handlers, by name, in these modules and in all of these packages' modules.

    (A folder without an `__init__.py` is none of its package's modules: it may hold anything.)

    Puts `app_dir` on `sys.path` and imports. Raises HandlerError, in one sentence, for a module that
    does not import or holds no handler, and for a schedule whose payload does not fit;
    DuplicateHandler for two handlers of one name.
    """
    folder = str(app_dir.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()
    handlers: dict[str, AnyHandler] = {}
    for name in names:
        found = list(handlers_in(_modules(name, folder)))
        if not found:
            raise HandlerError(f"handlers: {name} holds no handler: nothing in it has @handler")
        add(handlers, found)
    return handlers


def handlers_in(modules: Iterable[ModuleType]) -> Iterator[AnyHandler]:
    """Every handler object in these modules' namespaces; one that is there twice comes twice."""
    for module in modules:
        for value in list(vars(module).values()):
            if (found := as_handler(value)) is not None:
                yield found


def as_handler(value: object) -> AnyHandler | None:
    """The handler that this object is, function or class; None if it is none."""
    if isinstance(value, Definition):
        return value
    if isinstance(value, type) and issubclass(value, Handler):
        return definition_of(value)
    return None


def add(handlers: dict[str, AnyHandler], found: Iterable[AnyHandler]) -> None:
    """Put these among the others, each under its name, and check what only a start can.

    Raises DuplicateHandler and HandlerError.
    """
    for handler in found:
        known = handlers.setdefault(handler.name, handler)
        if known is not handler:
            raise DuplicateHandler(
                f"two handlers are named {handler.name!r}: {known.place} and {handler.place}"
            )
        _check_schedule(handler)


def _check_schedule(handler: AnyHandler) -> None:
    cron = handler.options.cron
    if cron is None:
        return
    try:
        handler.arguments(encode_payload(cron.payload or {}))
    except InvalidPayload as error:
        raise HandlerError(
            f"the schedule of {handler.name} gives no fitting arguments ({error}): "
            "give them, as in Cron('0 3 * * *', payload={…})"
        ) from None


def _modules(name: str, folder: str) -> Iterator[ModuleType]:
    module = _imported(name, name, folder)
    yield module
    if (path := getattr(module, "__path__", None)) is None:
        return
    for info in pkgutil.iter_modules(path, f"{name}."):
        # To import a __main__ would be to run it.
        if not info.name.endswith(".__main__"):
            yield from _modules(info.name, folder)


def _imported(name: str, named: str, folder: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise HandlerError(
            f"handlers: {name!r} is no module: write it as Python imports it, as 'app.jobs'"
        )
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise HandlerError(
                f"handlers: there is no module {error.name}, neither in {folder} nor installed"
            ) from error
        raise _does_not_import(name, error) from error
    except (Exception, SystemExit) as error:
        raise _does_not_import(name, error) from error


def _does_not_import(name: str, error: BaseException) -> HandlerError:
    text = " ".join(str(error).split())
    kind = type(error).__name__
    where = _where(error.__traceback__)
    return HandlerError(f"handlers: {name} does not import: {kind}: {text}{where}")


def _where(trace: Any) -> str:
    """The last line of the user's that led to the error."""
    place = ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith("<frozen") and file not in (__file__, importlib.__file__):
            place = f" ({file}:{trace.tb_lineno})"
        trace = trace.tb_next
    return place
