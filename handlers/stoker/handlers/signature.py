"""Reading a handler's function: what it takes, what it is given, and what is refused."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints

import msgspec

from stoker.handlers.context import Context
from stoker.handlers.protocol import Opener
from stoker.handlers.resources import Resource
from stoker.jobs.errors import HandlerError

NO_DEFAULT: Any = inspect.Parameter.empty


class Parameter(msgspec.Struct, frozen=True):
    """A parameter that is a job argument."""

    name: str
    annotation: Any
    default: Any = NO_DEFAULT
    keyword_only: bool = False


class Signature(msgspec.Struct, frozen=True):
    """What a function takes and gives."""

    takes_ctx: bool
    parameters: tuple[Parameter, ...]
    resources: Mapping[str, Opener]
    returns: Any
    is_async: bool


def read_signature(
    function: Callable[..., Any], name: str, names: Mapping[str, Any], *, method: bool = False
) -> Signature:
    """The signature of the function behind the handler `name`; of a method, without its `self`.

    `names` are those known where it is written, for annotations that are text. Raises HandlerError,
    in one sentence, for what cannot be a handler.
    """
    _refuse_kinds(function, name)
    try:
        parameters = list(inspect.signature(function).parameters.values())[1 if method else 0 :]
    except NameError as error:  # from Python 3.14 on, annotations are evaluated only here
        raise HandlerError(
            f"{name}: an annotation names {error.name!r}, which is not known: "
            "define or import it above the handler, and not under TYPE_CHECKING"
        ) from None
    if parameters and parameters[0].name in ("self", "cls"):
        raise HandlerError(
            f"{name}: a handler is a function of a module, not a method: "
            "for a class, derive it from Handler"
        )
    hints = _Hints(function, name, names)
    takes_ctx = bool(parameters) and _is_context(parameters[0], hints)
    if takes_ctx:
        _check_context(parameters[0], name)
        del parameters[0]
    resources = dict(_resources(parameters, name))
    return Signature(
        takes_ctx=takes_ctx,
        parameters=tuple(_arguments(parameters, resources, hints, name)),
        resources=resources,
        returns=hints.returns(),
        is_async=inspect.iscoroutinefunction(inspect.unwrap(function)),
    )


class _Hints:
    """Resolves one annotation at a time, so that a refusal can name it."""

    def __init__(self, function: Callable[..., Any], name: str, names: Mapping[str, Any]) -> None:
        plain = inspect.unwrap(function)
        self._name = name
        self._raw = dict(getattr(plain, "__annotations__", {}))
        self._globals = getattr(plain, "__globals__", {})
        self._locals = dict(names)

    def raw(self, parameter: str) -> Any:
        return self._raw.get(parameter, Any)

    def of(self, parameter: str) -> Any:
        return self._resolve(self.raw(parameter), f"parameter {parameter!r}")

    def returns(self) -> Any:
        return self._resolve(self.raw("return"), "the result")

    def _resolve(self, annotation: Any, what: str) -> Any:
        holder: Any = SimpleNamespace(__annotations__={"it": annotation})
        try:
            return get_type_hints(holder, self._globals, self._locals, include_extras=True)["it"]
        except NameError as error:
            raise HandlerError(
                f"{self._name}: {what} is annotated {annotation!r}, where {error.name!r} is not known: "
                "define or import it above the handler, and not under TYPE_CHECKING"
            ) from None
        except Exception as error:
            raise HandlerError(
                f"{self._name}: {what} has an annotation that cannot be read, {annotation!r}: {error}"
            ) from None


def _refuse_kinds(function: Any, name: str) -> None:
    if isinstance(function, staticmethod | classmethod):
        raise HandlerError(
            f"{name}: a handler is a function of a module, not a {type(function).__name__}"
        )
    if not inspect.isfunction(function):
        raise HandlerError(f"{name}: a handler is a function, not {type(function).__name__}")
    plain = inspect.unwrap(function)
    if inspect.isasyncgenfunction(plain) or inspect.isgeneratorfunction(plain):
        raise HandlerError(f"{name}: a handler cannot be a generator: it returns its result, once")


def _is_context(parameter: inspect.Parameter, hints: _Hints) -> bool:
    raw = hints.raw(parameter.name)
    if isinstance(parameter.default, Resource):
        return False
    if parameter.annotation is inspect.Parameter.empty:
        return parameter.name == "ctx"
    if isinstance(raw, str) and raw.rpartition(".")[2] == "Context":
        # Perhaps imported under TYPE_CHECKING, which does no harm: it is no argument.
        try:
            return _names_context(hints.of(parameter.name))
        except HandlerError:
            return True
    return _names_context(hints.of(parameter.name))


def _names_context(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Context)


def _check_context(parameter: inspect.Parameter, name: str) -> None:
    if parameter.kind is parameter.KEYWORD_ONLY or parameter.default is not NO_DEFAULT:
        raise HandlerError(
            f"{name}: {parameter.name!r}, the Context, is the first parameter, positional and without "
            "a default"
        )


def _resources(parameters: list[inspect.Parameter], name: str) -> Iterator[tuple[str, Opener]]:
    for parameter in parameters:
        if isinstance(parameter.default, Resource):
            if parameter.kind is not parameter.KEYWORD_ONLY:
                raise HandlerError(
                    f"{name}: the resource {parameter.name!r} must be keyword-only: put a '*' before it"
                )
            yield parameter.name, parameter.default.opener


def _arguments(
    parameters: list[inspect.Parameter], resources: Mapping[str, Opener], hints: _Hints, name: str
) -> Iterator[Parameter]:
    for parameter in parameters:
        if parameter.name in resources:
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise HandlerError(
                f"{name}: {str(parameter).partition(':')[0]!r} cannot be a job argument: "
                "name each parameter"
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise HandlerError(
                f"{name}: {parameter.name!r} is positional-only, but arguments travel by name: "
                "leave out the '/'"
            )
        annotation = hints.of(parameter.name)
        if _names_context(annotation) or any(map(_names_context, get_args(annotation))):
            raise HandlerError(
                f"{name}: {parameter.name!r}, the Context, must be the first parameter, "
                "annotated 'Context' and nothing else"
            )
        yield Parameter(
            parameter.name, annotation, parameter.default, parameter.kind is parameter.KEYWORD_ONLY
        )
