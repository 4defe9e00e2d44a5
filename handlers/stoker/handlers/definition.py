"""What every handler is, however it is written: a name, options, arguments, resources."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import msgspec

from stoker.handlers.arguments import Arguments
from stoker.handlers.context import Context
from stoker.handlers.options import HandlerOptions
from stoker.handlers.protocol import Opener
from stoker.handlers.signature import Signature
from stoker.jobs.calls import Call, Unique
from stoker.jobs.durations import seconds
from stoker.jobs.errors import HandlerError
from stoker.jobs.operating import TypeInfo


class Definition:
    """A handler without the function it runs, which its children add."""

    def __init__(self, name: str, options: HandlerOptions, signature: Signature, place: str) -> None:
        self.name = name
        self.options = options
        self.place = place
        self.is_async = signature.is_async
        self.resources: Mapping[str, Opener] = signature.resources
        self._arguments = Arguments(name, signature)
        self._takes_ctx = signature.takes_ctx
        self._returns = signature.returns
        self.arguments: Callable[[bytes], dict[str, Any]] = self._arguments.decode
        _check_unique(name, options.unique, self._arguments)

    def call(self, ctx: Context, arguments: dict[str, Any], resources: Mapping[str, Any]) -> Any:
        """Run the handler; of an async one, a coroutine that will."""
        raise NotImplementedError

    def type_info(self) -> TypeInfo:
        """What this handler publishes in the catalogue."""
        return self._type_info

    def make_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call[Any]:
        """A call with these arguments. Raises InvalidPayload, naming the parameter."""
        given, payload = self._arguments.bind(args, kwargs)
        return Call(self._type_info, given, payload, self._returns)

    @cached_property
    def _type_info(self) -> TypeInfo:
        options = self.options
        return TypeInfo(
            name=self.name,
            queue=options.queue,
            priority=options.priority,
            max_attempts=options.retry.max_attempts,
            timeout=options.timeout,
            expires=options.expires,
            tags=options.tags,
            unique=None if options.unique is None else _plain(options.unique),
            schema=self._arguments.schema(),
            version=options.version,
            description=options.description,
        )

    def __repr__(self) -> str:
        return f"<handler {self.name}>"


def _plain(unique: Unique) -> dict[str, Any]:
    fields = msgspec.structs.asdict(unique)
    if unique.scope not in ("active", "waiting"):
        fields["scope"] = seconds(unique.scope)
    if unique.by is not None:
        fields["by"] = list(unique.by)
    return {name: value for name, value in fields.items() if value is not None}


def _check_unique(name: str, unique: Unique | None, arguments: Arguments) -> None:
    if unique is None:
        return
    if isinstance(unique.by, str):
        raise HandlerError(f"{name}: unique's 'by' is a list of parameters: [{unique.by!r}]")
    for parameter in unique.by or ():
        if parameter not in arguments.parameters:
            takes = ", ".join(arguments.parameters) or "none"
            raise HandlerError(
                f"{name}: unique by {parameter!r}, which is no parameter; it takes {takes}"
            )
    if unique.scope not in ("active", "waiting"):
        try:
            seconds(unique.scope)
        except (ValueError, TypeError):
            raise HandlerError(
                f"{name}: unique's scope is 'active', 'waiting' or a duration, not {unique.scope!r}"
            ) from None
