"""`Handler`: a class that is a handler, with `execute` or with steps."""

import inspect
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ClassVar, ParamSpec, Protocol, TypeVar, Unpack, overload

from stoker.handlers.context import Context
from stoker.handlers.definition import Definition
from stoker.handlers.function_handler import Bind
from stoker.handlers.options import Options, read_options
from stoker.handlers.signature import read_signature
from stoker.handlers.steps import read_steps, run_async_steps, run_steps
from stoker.jobs.errors import HandlerError

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class _AsyncWithContext(Protocol[P, R_co]):
    def execute(
        self, ctx: Context, /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R_co]: ...


class _WithContext(Protocol[P, R_co]):
    def execute(self, ctx: Context, /, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class _Async(Protocol[P, R_co]):
    def execute(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]: ...


class _Plain(Protocol[P, R_co]):
    def execute(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class _ClassBind:
    """Reads the type of `bind` off `execute`; a handler of steps takes no arguments."""

    @overload
    def __get__(self, instance: object, owner: type[_AsyncWithContext[P, R]]) -> Bind[P, R]: ...
    @overload
    def __get__(self, instance: object, owner: type[_WithContext[P, R]]) -> Bind[P, R]: ...
    @overload
    def __get__(self, instance: object, owner: type[_Async[P, R]]) -> Bind[P, R]: ...
    @overload
    def __get__(self, instance: object, owner: type[_Plain[P, R]]) -> Bind[P, R]: ...
    @overload
    def __get__(self, instance: object, owner: "type[Handler]") -> Bind[[], None]: ...
    def __get__(self, instance: object, owner: Any) -> Any:
        definition = definition_of(owner)
        if definition is None:
            raise HandlerError(f"{owner.__qualname__} has no name, so it is a base and no handler")
        return Bind[Any, Any](definition)


class Handler:
    """A handler as a class: `class Cleanup(Handler, name="maintenance.cleanup", queue=…)`.

    It has a method `execute`, or methods marked `@step`, which run in the order they are written in,
    all of them; their failures are raised together. Each run gets an instance of its own, made
    without arguments. A class without a name is a base for others.
    """

    bind: ClassVar[_ClassBind] = _ClassBind()
    __stoker__: ClassVar["ClassHandler | None"] = None

    def __init_subclass__(cls, *, name: str | None = None, **options: Unpack[Options]) -> None:
        super().__init_subclass__()
        if name is None:
            if options:
                raise HandlerError(f"{cls.__qualname__}: options without a name: give name=…")
            return
        cls.__stoker__ = ClassHandler(name, cls, options, sys._getframe(1).f_locals)


class ClassHandler(Definition):
    """A class under its name as a job type."""

    def __init__(
        self, name: str, owner: type[Handler], options: Options, names: Mapping[str, Any]
    ) -> None:
        read = read_options(name, options, owner.__doc__)
        self.owner = owner
        self.steps, signature = read_steps(owner, name, names)
        execute = inspect.getattr_static(owner, "execute", None)
        if (execute is None) == (signature is None):
            raise HandlerError(
                f"{name}: {owner.__qualname__} needs either a method 'execute' or methods marked @step"
            )
        if required := _required_by_init(owner):
            raise HandlerError(
                f"{name}: {owner.__qualname__} is made without arguments, but requires {required}"
            )
        if signature is None:
            signature = read_signature(execute, name, names, method=True)
        super().__init__(name, read, signature, _place(owner))

    def call(self, ctx: Context, arguments: dict[str, Any], resources: Mapping[str, Any]) -> Any:
        instance: Any = self.owner()
        if self.steps:
            run: Callable[..., Any] = run_async_steps if self.is_async else run_steps
            return run(self.name, instance, self.steps, ctx, resources)
        if self._takes_ctx:
            return instance.execute(ctx, **arguments, **resources)
        return instance.execute(**arguments, **resources)


def definition_of(owner: type[Handler]) -> ClassHandler | None:
    """The handler that this class itself is; not the one of a class it inherits from."""
    found: ClassHandler | None = vars(owner).get("__stoker__")
    return found


def _required_by_init(owner: type[Handler]) -> str:
    if owner.__init__ is object.__init__:
        return ""
    skipped = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return ", ".join(
        name
        for name, parameter in inspect.signature(owner).parameters.items()
        if parameter.default is inspect.Parameter.empty and parameter.kind not in skipped
    )


def _place(owner: type) -> str:
    return f"{owner.__module__}.{owner.__qualname__}"
