"""What the rest of Stoker asks of a handler, however it is written."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol

from stoker.handlers.context import Context
from stoker.handlers.options import HandlerOptions
from stoker.jobs.operating import TypeInfo

Opener = Callable[[], AbstractContextManager[Any] | AbstractAsyncContextManager[Any]]
"""Opens a resource: called without arguments, it gives a sync or async context manager."""


class AnyHandler(Protocol):
    """A handler: a function's or a class's."""

    @property
    def name(self) -> str: ...

    @property
    def options(self) -> HandlerOptions: ...

    @property
    def is_async(self) -> bool:
        """It runs on the event loop; else in a thread."""
        ...

    @property
    def resources(self) -> Mapping[str, Opener]:
        """By the parameter that takes it."""
        ...

    @property
    def place(self) -> str:
        """Where it is written, for people: module, name, file and line."""
        ...

    def arguments(self, payload: bytes, /) -> dict[str, Any]:
        """The payload as arguments of their annotated types; without those left to their defaults.

        Raises InvalidPayload, naming the parameter.
        """
        ...

    def call(self, ctx: Context, arguments: dict[str, Any], resources: Mapping[str, Any]) -> Any:
        """Run the handler, in the calling thread; of an async one, a coroutine that will."""
        ...

    def type_info(self) -> TypeInfo:
        """What producers that know it by name only should know."""
        ...
