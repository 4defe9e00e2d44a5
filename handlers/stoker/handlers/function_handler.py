"""`@handler`: a function that is a handler, and stays a function."""

import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, Unpack, overload

from stoker.handlers.context import Context
from stoker.handlers.definition import Definition
from stoker.handlers.options import Options, read_options
from stoker.handlers.signature import read_signature
from stoker.jobs.calls import Call
from stoker.jobs.errors import HandlerError

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Bind(Generic[P, R]):
    """Makes a call out of job arguments; typed by the handler's parameters, less its context."""

    __slots__ = ("_definition",)

    def __init__(self, definition: Definition) -> None:
        self._definition = definition

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Call[R]:
        """A call with these arguments, to give to `enqueue`.

        Raises InvalidPayload, naming the parameter, for what does not fit the annotations.
        """
        return self._definition.make_call(args, kwargs)


class _FunctionBind:
    """Reads the type of `bind` off the function's: what it takes after `ctx`, what it returns.

    Overloaded here and not at the call, so that arguments which do not fit one reading are not tried
    on the next, where the context would pass for an argument.
    """

    @overload
    def __get__(
        self,
        instance: "FunctionHandler[Concatenate[Context, P], Coroutine[Any, Any, R]]",
        owner: object = None,
    ) -> Bind[P, R]: ...
    @overload
    def __get__(
        self, instance: "FunctionHandler[Concatenate[Context, P], R]", owner: object = None
    ) -> Bind[P, R]: ...
    @overload
    def __get__(
        self, instance: "FunctionHandler[P, Coroutine[Any, Any, R]]", owner: object = None
    ) -> Bind[P, R]: ...
    @overload
    def __get__(self, instance: "FunctionHandler[P, R]", owner: object = None) -> Bind[P, R]: ...
    def __get__(self, instance: Any, owner: object = None) -> Any:
        return self if instance is None else Bind[Any, Any](instance)


class FunctionHandler(Definition, Generic[Q, T_co]):
    """A function under its name as a job type. Calling it calls the function."""

    bind = _FunctionBind()

    def __init__(
        self, name: str, function: Callable[Q, T_co], options: Options, names: Mapping[str, Any]
    ) -> None:
        read = read_options(name, options, getattr(function, "__doc__", None))
        signature = read_signature(function, name, names)
        super().__init__(name, read, signature, _place(function))
        self.function = function
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        self.__wrapped__ = function

    def __call__(self, /, *args: Q.args, **kwargs: Q.kwargs) -> T_co:
        """Call the function itself, for tests and other code; resources must be given."""
        if self.resources and (lacking := [name for name in self.resources if name not in kwargs]):
            raise TypeError(
                f"{self.name} is called directly, so give its resource {lacking[0]!r}, real or fake"
            )
        return self.function(*args, **kwargs)

    def call(self, ctx: Context, arguments: dict[str, Any], resources: Mapping[str, Any]) -> Any:
        function: Callable[..., Any] = self.function
        if self._takes_ctx:
            return function(ctx, **arguments, **resources)
        return function(**arguments, **resources)


def handler(name: str, **options: Unpack[Options]) -> Callable[[Callable[Q, T]], FunctionHandler[Q, T]]:
    """Make a function the handler of jobs of this type.

    `async def` runs on the event loop, `def` in a thread, either in a child process with
    `isolation="process"`. Its parameters are the job's arguments, but for a first one annotated
    `Context` and keyword-only ones with `resource(…)` as their default. Raises HandlerError, in one
    sentence, for what cannot be a handler. Nothing is registered: the daemon looks into the modules
    that its configuration names.
    """

    def decorate(function: Callable[Q, T]) -> FunctionHandler[Q, T]:
        return FunctionHandler(name, function, options, sys._getframe(1).f_locals)

    if not isinstance(name, str):
        raise HandlerError(
            f"@handler needs the job type's name, as in @handler('reports.generate'), not {name!r}"
        )
    return decorate


def _place(function: Any) -> str:
    plain = getattr(function, "__code__", None)
    where = f" ({plain.co_filename}:{plain.co_firstlineno})" if plain else ""
    return f"{function.__module__}.{function.__qualname__}{where}"
