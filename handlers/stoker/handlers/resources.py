"""What handlers work with, such as connections: opened on first use, once per process."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, TypeVar, get_origin, get_type_hints, overload

from stoker.handlers.protocol import AnyHandler, Opener
from stoker.jobs.errors import HandlerError

T = TypeVar("T")


class Resource:
    """Stands as a parameter's default for what the opener will open."""

    __slots__ = ("opener",)

    def __init__(self, opener: Opener) -> None:
        self.opener = opener

    def __repr__(self) -> str:
        return f"resource({_called(self.opener)})"


@overload
def resource(opener: Callable[[], AbstractAsyncContextManager[T]]) -> T: ...
@overload
def resource(opener: Callable[[], AbstractContextManager[T]]) -> T: ...
def resource(opener: Any) -> Any:
    """The default of a keyword-only parameter that is given what this opens.

    `opener` takes no arguments and gives a sync or async context manager. It is called on first use,
    once per process for all handlers that name the same opener, and closed after the drain. If it
    fails, the attempt fails, and the next one tries anew.
    """
    if not callable(opener):
        raise HandlerError(
            f"resource() takes a function that gives a context manager, not {opener!r}: "
            "leave out the call"
        )
    if inspect.isgeneratorfunction(opener) or inspect.isasyncgenfunction(opener):
        which = "asynccontextmanager" if inspect.isasyncgenfunction(opener) else "contextmanager"
        raise HandlerError(f"resource({_called(opener)}) needs @{which} on {_called(opener)}")
    if _required := _required_parameters(opener):
        raise HandlerError(
            f"resource({_called(opener)}) is opened without arguments, "
            f"but {_called(opener)} requires {_required}"
        )
    return Resource(opener)


class Resources:
    """The open resources of one process, on one event loop."""

    def __init__(self, overrides: Mapping[Opener, Opener] | None = None) -> None:
        """`overrides`: what to open in place of an opener, for tests."""
        self._overrides = dict(overrides or {})
        self._opened: dict[Opener, Any] = {}
        self._opening: dict[Opener, asyncio.Task[Any]] = {}
        self._closers: list[tuple[Opener, Callable[[], Any]]] = []
        self._closed = False

    async def open(self, handler: AnyHandler) -> dict[str, Any]:
        """What the handler's resource parameters are given. Raises what an opener raised."""
        opened = self._opened
        values = {}
        for parameter, opener in handler.resources.items():
            if opener in opened:
                values[parameter] = opened[opener]
            else:
                values[parameter] = await self._first(opener)
        return values

    async def close(self) -> list[Exception]:
        """Close all, the last opened first; those that fail do not keep the others open.

        Gives their errors, each with a note that names the opener.
        """
        self._closed = True
        for task in list(self._opening.values()):
            await asyncio.wait([task])
        errors: list[Exception] = []
        while self._closers:
            opener, close = self._closers.pop()
            try:
                await close()
            except Exception as error:
                error.add_note(f"while closing the resource {_called(opener)}")
                errors.append(error)
        self._opened.clear()
        return errors

    async def _first(self, opener: Opener) -> Any:
        # A task of its own: the opening goes on for the others when one that waits is cancelled, and
        # what is opened does not live in the cancel scope of whoever asked first.
        task = self._opening.get(opener)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._open(opener))
            self._opening[opener] = task
            task.add_done_callback(lambda done: self._forget(opener, done))
        return await asyncio.shield(task)

    def _forget(self, opener: Opener, task: asyncio.Task[Any]) -> None:
        del self._opening[opener]
        if not task.cancelled():
            task.exception()  # seen, also where nobody waits any longer

    async def _open(self, opener: Opener) -> Any:
        if self._closed:
            raise RuntimeError(f"the resource {_called(opener)} is closed: this process stops")
        actual = self._overrides.get(opener, opener)
        # Making it may block as well (a function that connects when it is called), unless it is async.
        manager = actual() if _is_async(actual) else await _threaded(actual)
        if isinstance(manager, AbstractAsyncContextManager):
            value = await manager.__aenter__()
            close = _async_closer(manager)
        elif isinstance(manager, AbstractContextManager):
            value = await _threaded(manager.__enter__)
            close = _sync_closer(manager)
        else:
            raise HandlerError(
                f"the opener {_called(actual)} gave {type(manager).__name__}, "
                "which is no context manager"
            )
        self._opened[opener] = value
        self._closers.append((opener, close))
        return value


def _async_closer(manager: AbstractAsyncContextManager[Any]) -> Callable[[], Any]:
    return lambda: manager.__aexit__(None, None, None)


def _sync_closer(manager: AbstractContextManager[Any]) -> Callable[[], Any]:
    return lambda: _threaded(lambda: manager.__exit__(None, None, None))


async def _threaded(call: Callable[[], T]) -> T:
    def guarded() -> T:
        try:
            return call()
        except StopIteration as error:
            # No future can carry it: whoever waits would wait for ever.
            raise RuntimeError(f"{_called(call)} raised StopIteration") from error

    return await asyncio.to_thread(guarded)


def _is_async(opener: Opener) -> bool:
    """Whether calling it makes an async context manager, as far as can be told without doing so."""
    plain = inspect.unwrap(opener)
    if inspect.isasyncgenfunction(plain):
        return True
    if isinstance(plain, type):
        return hasattr(plain, "__aenter__")
    try:
        made = get_type_hints(plain).get("return")
    except Exception:  # what it says it makes cannot be found out
        return False
    return hasattr(get_origin(made) or made, "__aenter__")


def _called(opener: object) -> str:
    return getattr(opener, "__qualname__", None) or repr(opener)


def _required_parameters(opener: Callable[..., Any]) -> str:
    try:
        parameters = inspect.signature(opener).parameters.values()
    except (ValueError, TypeError):
        return ""
    skipped = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return ", ".join(
        parameter.name
        for parameter in parameters
        if parameter.default is inspect.Parameter.empty and parameter.kind not in skipped
    )
